//! Evaluates stages, shows and writes reports, and derives the exit code from the verdicts.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use secgate_advisory::Database;
use secgate_model::{Decision, Finding, Inventory, Outcome, Target, Verdict};
use secgate_policy::{Baseline, Inputs, Policy, evaluate};
use secgate_report::{Format, Options, Run, render};

use crate::{
    args::Common,
    environment,
    exit::{ERROR, FAIL, Failure, PASS},
    look::Looked,
    plan::settle_plan,
    settings::Settings,
};

/// What is judged.
pub(crate) struct Case<'a> {
    pub(crate) target: &'a Target,
    pub(crate) inventory: Option<&'a Inventory>,
    pub(crate) findings: &'a [Finding],
    pub(crate) outcomes: &'a [Outcome],
    pub(crate) base_path: Option<String>,
    pub(crate) started: Timestamp,
}

impl<'a> Case<'a> {
    /// What was looked at, since `started`.
    pub(crate) fn of(looked: &'a Looked, started: Timestamp) -> Self {
        Self {
            target: &looked.target,
            inventory: Some(&looked.inventory),
            findings: &looked.ran.findings,
            outcomes: &looked.ran.outcomes,
            base_path: looked.base_path.clone(),
            started,
        }
    }
}

/// The policy as the options change it.
pub(crate) fn policy_for(
    settings: &Settings,
    common: &Common,
    stage: &str,
) -> Result<Policy, Failure> {
    let policy = &settings.policy;
    if !policy.stages().any(|name| name == stage) {
        let stages: Vec<&str> = policy.stages().collect();
        return Err(Failure::usage(format!("the policy has no stage `{stage}`"))
            .hint(format!("its stages are {}", stages.join(", "))));
    }
    Ok(common
        .fail_on
        .map_or_else(|| policy.clone(), |severity| policy.with_fail_on(stage, severity)))
}

/// Judges one stage.
pub(crate) fn verdict(
    case: &Case<'_>,
    settings: &Settings,
    policy: &Policy,
    stage: &str,
    baseline: Option<&Baseline>,
) -> Verdict {
    evaluate(&Inputs {
        policy,
        stage,
        subject: &case.target.name,
        findings: case.findings,
        outcomes: case.outcomes,
        waivers: &settings.waivers,
        baseline,
        first_seen: None,
        now: settings.now,
    })
}

/// Judges one stage, and makes sure that the plan of the verdict leads to a pass.
pub(crate) fn judge_stage(
    case: &Case<'_>,
    settings: &Settings,
    policy: &Policy,
    stage: &str,
    baseline: Option<&Baseline>,
    database: &Database,
) -> Verdict {
    let mut verdict = verdict(case, settings, policy, stage, baseline);
    settle_plan(&mut verdict, case, settings, policy, baseline, database);
    verdict
}

/// The findings of an earlier look as a baseline.
pub(crate) fn baseline_of(findings: &[Finding]) -> Baseline {
    Baseline::from_findings(findings.iter().map(|finding| (finding.fingerprint.clone(), 1)))
}

/// Shows the run on standard output, writes the reports that were asked for, and says what the exit code is.
pub(crate) fn conclude(
    case: &Case<'_>,
    verdicts: &[Verdict],
    common: &Common,
    files: &[(Format, PathBuf)],
    settings: &Settings,
) -> Result<u8, Failure> {
    let finished = if common.at.is_some() { settings.now } else { environment::now() };
    // How long it took differs from run to run, and with --at the same inputs give the same bytes.
    let mut outcomes = case.outcomes.to_vec();
    if common.at.is_some() {
        for outcome in &mut outcomes {
            outcome.took_ms = 0;
        }
    }
    let run = Run {
        tool_version: env!("CARGO_PKG_VERSION"),
        target: case.target,
        started: case.started,
        finished,
        outcomes: &outcomes,
        inventory: case.inventory,
        findings: case.findings,
        verdicts,
        gate: !common.no_gate,
    };
    let colour = common.format == Format::Table && environment::colour(common.talk.color);
    let options = Options {
        width: environment::width(),
        colour,
        hyperlinks: false,
        verbose: common.talk.verbose > 0,
        base_path: case.base_path.clone(),
    };
    // Files first: a reader of standard output that goes away early must not cost the pipeline its reports.
    for (format, path) in files {
        let plain = Options { colour: false, width: 100, ..options.clone() };
        let bytes = render(*format, &run, &plain).map_err(Failure::evidence)?;
        write_whole(path, &bytes)?;
    }
    let bytes = render(common.format, &run, &options).map_err(Failure::evidence)?;
    show(&bytes)?;
    Ok(if common.no_gate { PASS } else { code(verdicts) })
}

/// Missing evidence wins over a broken rule: nobody can say what else is broken.
fn code(verdicts: &[Verdict]) -> u8 {
    match verdicts.iter().map(|verdict| verdict.decision).max() {
        Some(Decision::Pass) => PASS,
        Some(Decision::Fail) => FAIL,
        // No verdict at all is no pass.
        Some(Decision::Error) | None => ERROR,
    }
}

/// Writes to standard output; that nobody reads it is no error.
pub(crate) fn show(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::evidence(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes a file whole or not at all: beside its place, then renamed over it. A pipe or a device is written to as it is. A
/// link to a file is replaced and not followed: who wrote the repository does not choose which file is overwritten.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::evidence(format!("{} cannot be written: {error}", path.display()))
    };
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        let mut file = std::fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
        return file.write_all(bytes).map_err(failed);
    }
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".secgate-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The user's own mask decides about a new file.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    if let Ok(meta) = path.symlink_metadata()
        && meta.is_file()
    {
        file.as_file().set_permissions(meta.permissions()).map_err(failed)?;
    }
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
