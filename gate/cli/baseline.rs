use std::path::Path;

use secgate_advisory::Database;
use secgate_model::{Decision, Ended};
use secgate_policy::Baseline;
use secgate_source::repository_top;

use crate::{
    exit::Failure,
    judge::baseline_of,
    look::{Looked, look_at_revision},
    settings::{MAX_REPORT, Settings, read},
};

/// The baseline that `--baseline` names: a JSON report of secgate, or a git revision of the target's repository, which is
/// then looked at with the same advisories.
pub(crate) fn read_baseline(
    named: &str,
    target: &Path,
    settings: &Settings,
    database: &Database,
    scanners: &[&str],
) -> Result<Baseline, Failure> {
    if Path::new(named).is_file() {
        return from_report(Path::new(named));
    }
    let absolute = target.canonicalize()?;
    let folder = if absolute.is_dir() {
        absolute.clone()
    } else {
        absolute.parent().unwrap_or(&absolute).to_owned()
    };
    let top = repository_top(&folder).ok_or_else(|| {
        Failure::usage(format!(
            "--baseline {named}: no such file, and {} is in no git repository",
            folder.display()
        ))
    })?;
    let below = folder.strip_prefix(&top).ok().and_then(Path::to_str).unwrap_or_default();
    let only =
        absolute.is_file().then(|| absolute.file_name().and_then(|name| name.to_str())).flatten();
    let looked = look_at_revision(&top, named, below, only, settings, database, scanners)?;
    complete(named, is_complete(&looked))?;
    Ok(baseline_of(&looked.ran.findings))
}

/// Whether a look missed nothing, so that what it saw may excuse what is there now.
pub(crate) fn is_complete(looked: &Looked) -> bool {
    looked.ran.outcomes.iter().all(|outcome| {
        matches!(outcome.ended, Ended::Complete | Ended::Skipped)
            && outcome.problems.iter().all(|problem| !problem.gap)
    })
}

pub(crate) fn from_report(path: &Path) -> Result<Baseline, Failure> {
    let failed =
        |error: String| Failure::evidence(format!("--baseline {}: {error}", path.display()));
    let bytes = read(path, MAX_REPORT).map_err(|error| failed(error.to_string()))?;
    let document = secgate_formats::report::ReportDocument::from_slice(&bytes)
        .map_err(|error| failed(error.to_string()))?;
    let report =
        secgate_report::read::report(&document).map_err(|error| failed(error.to_string()))?;
    // A run without a judgement saw less than there was: everything that it missed would count as new, and what it
    // wrongly saw would be excused.
    complete(
        &path.display().to_string(),
        !report.verdicts.is_empty()
            && report.verdicts.iter().all(|verdict| verdict.decision != Decision::Error),
    )?;
    Ok(baseline_of(&report.findings))
}

fn complete(named: &str, complete: bool) -> Result<(), Failure> {
    if complete {
        Ok(())
    } else {
        Err(Failure::evidence(format!("the baseline {named} is incomplete: its evidence has gaps"))
            .hint("name a report or a revision whose every file could be read"))
    }
}
