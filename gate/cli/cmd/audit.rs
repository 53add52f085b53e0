use std::path::Path;

use crate::{
    args::{AuditArgs, Common},
    baseline::read_baseline,
    environment,
    exit::Outcome,
    judge::{Case, conclude, judge_stage, policy_for},
    look::look,
    settings::Settings,
};

/// The stage that judges dependencies of a source tree.
pub(crate) const STAGE: &str = "source";

pub(crate) fn run(args: &AuditArgs) -> Outcome {
    let started = args.common.at.unwrap_or_else(environment::now);
    let settings = Settings::read(&args.common, Some(start(&args.path)))?;
    judge(&args.path, &args.common, &settings, started)
}

/// Where the search for a configuration begins: the target's folder, or the working folder where there is no target.
pub(crate) fn start(path: &Path) -> &Path {
    if path.is_dir() {
        path
    } else {
        path.parent().filter(|folder| folder.is_dir()).unwrap_or(Path::new("."))
    }
}

fn judge(path: &Path, common: &Common, settings: &Settings, started: jiff::Timestamp) -> Outcome {
    let scanners = ["audit"];
    let policy = policy_for(settings, common, STAGE)?.only_scanners(STAGE, &scanners);
    let database = settings.database(common)?;
    let looked = look(path, settings, &database, &scanners)?;
    let baseline = match &common.baseline {
        Some(named) => Some(read_baseline(named, path, settings, &database, &scanners)?),
        None => None,
    };
    let case = Case::of(&looked, started);
    let verdict = judge_stage(&case, settings, &policy, STAGE, baseline.as_ref(), &database);
    let code = conclude(&case, &[verdict], common, &common.output, settings);
    // The process ends here: giving back some ten thousand pieces of memory one by one takes longer than all at once.
    std::mem::forget((looked, database));
    code
}
