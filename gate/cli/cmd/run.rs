use std::path::PathBuf;

use secgate_report::Format;

use crate::{
    args::RunArgs,
    baseline::read_baseline,
    environment,
    exit::{Failure, Outcome},
    judge::{Case, conclude, policy_for, verdict},
    look::{SCANNERS, look},
    plan::settle_plan,
    settings::Settings,
};

pub(crate) fn run(args: &RunArgs) -> Outcome {
    let common = &args.common;
    let started = common.at.unwrap_or_else(environment::now);
    let settings = Settings::read(common, None)?;
    let stages = stages(args, &settings)?;
    let path = settings.config.target();
    let database = settings.database(common)?;
    // A scanner that a stage needs and this version lacks leaves no outcome, and the policy says so.
    let mut scanners: Vec<&str> = Vec::new();
    for stage in &stages {
        policy_for(&settings, common, stage)?;
        for (name, _) in settings.policy.scanners(stage).unwrap_or_default() {
            if let Some(known) = SCANNERS.iter().find(|known| **known == name)
                && !scanners.contains(known)
            {
                scanners.push(known);
            }
        }
    }
    let looked = look(&path, &settings, &database, &scanners)?;
    let baseline = match &common.baseline {
        Some(named) => Some(read_baseline(named, &path, &settings, &database, &scanners)?),
        None => None,
    };
    let case = Case::of(&looked, started);
    let mut verdicts = Vec::with_capacity(stages.len());
    for stage in &stages {
        let policy = policy_for(&settings, common, stage)?;
        let mut verdict = verdict(&case, &settings, &policy, stage, baseline.as_ref());
        settle_plan(&mut verdict, &case, &settings, &policy, baseline.as_ref(), &database);
        verdicts.push(verdict);
    }
    let files = reports(args, &settings)?;
    let code = conclude(&case, &verdicts, common, &files, &settings)?;
    if !common.talk.quiet && !settings.config.reports.formats.is_empty() {
        anstream::eprintln!("reports: {}", settings.config.reports_folder().display());
    }
    Ok(code)
}

/// The stages named, or those of the configuration; no stage at all would be a pass about nothing.
fn stages(args: &RunArgs, settings: &Settings) -> Result<Vec<String>, Failure> {
    let mut stages =
        if args.stage.is_empty() { settings.config.stages.clone() } else { args.stage.clone() };
    let mut seen = std::collections::BTreeSet::new();
    stages.retain(|stage| seen.insert(stage.clone()));
    if stages.is_empty() {
        return Err(Failure::usage("no stage to run").hint(if settings.config.is_there() {
            "name one with --stage, or list them under `stages` in secgate.yaml"
        } else {
            "there is no secgate.yaml here: run `secgate init`, or name a stage with --stage"
        }));
    }
    Ok(stages)
}

/// The files that options and configuration ask for.
fn reports(args: &RunArgs, settings: &Settings) -> Result<Vec<(Format, PathBuf)>, Failure> {
    let mut files = args.common.output.clone();
    let folder = settings.config.reports_folder();
    for name in &settings.config.reports.formats {
        let format: Format = name.parse().map_err(|error: secgate_report::UnknownFormat| {
            Failure::usage(format!("secgate.yaml: reports.formats: {error}"))
        })?;
        let file = match format {
            Format::Table => "report.txt",
            Format::Json => "report.json",
            Format::Sarif => "report.sarif",
            Format::Markdown => "report.md",
            Format::Html => "report.html",
            Format::Junit => "report.junit.xml",
            Format::Gitlab => "gl-dependency-scanning-report.json",
            Format::Github => "annotations.txt",
        };
        files.push((format, folder.join(file)));
    }
    Ok(files)
}
