use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secgate_advisory::Database;
use secgate_inventory::{SbomFormat, SbomInput, write_sbom};
use secgate_policy::{Baseline, Diagnostics};
use secgate_report::Format;

use crate::{
    args::RunArgs,
    baseline::{from_report, read_baseline},
    cmd::image,
    environment,
    exit::{ERROR, Failure, Outcome, PASS},
    judge::{Case, conclude, judge_stage, policy_for, write_whole},
    look::{Looked, SCANNERS, look},
    open_image,
    settings::{Settings, faults},
};

pub(crate) fn run(args: &RunArgs) -> Outcome {
    let common = &args.common;
    let started = common.at.unwrap_or_else(environment::now);
    let settings = Settings::read(common, None)?;
    let stages = stages(args, &settings)?;
    let database = settings.database(common)?;
    for stage in &stages {
        policy_for(&settings, common, stage)?;
    }
    let image = args.image.clone().or_else(|| settings.config.image());
    // Without an image to look at, what its stages need stays missing, and the policy says so.
    let (of_image, of_path): (Vec<String>, Vec<String>) =
        stages.into_iter().partition(|stage| image.is_some() && looks_at_image(&settings, stage));
    // Who names an image wants it looked at: a pass of stages that do not would be taken for one.
    if let (Some(named), true) = (&args.image, of_image.is_empty()) {
        return Err(Failure::usage(format!(
            "--image {named}: no stage that runs looks at an image"
        ))
        .hint(format!("add one with --stage {}, or leave --image out", image::STAGE)));
    }
    let mut code = PASS;
    if !of_path.is_empty() {
        code = code.max(judge_path(args, &settings, &database, &of_path, started)?);
    }
    if let Some(image) = image.filter(|_| !of_image.is_empty()) {
        code = code.max(judge_image(args, &settings, &database, &image, &of_image, started)?);
    }
    let reports = &settings.config.reports;
    let has_files = !reports.formats.is_empty() || !reports.sboms.is_empty();
    if has_files && !common.talk.quiet {
        anstream::eprintln!("reports: {}", settings.config.reports_folder().display());
    }
    Ok(code)
}

fn looks_at_image(settings: &Settings, stage: &str) -> bool {
    let scanners = settings.policy.scanners(stage).unwrap_or_default();
    scanners.iter().any(|(name, _)| *name == image::STAGE)
}

/// The scanners of these stages. One that a stage needs and this version lacks leaves no outcome, and the policy says so.
fn scanners(settings: &Settings, stages: &[String]) -> Vec<&'static str> {
    let mut scanners: Vec<&str> = Vec::new();
    for stage in stages {
        for (name, _) in settings.policy.scanners(stage).unwrap_or_default() {
            if let Some(known) = SCANNERS.iter().find(|known| **known == name)
                && !scanners.contains(known)
            {
                scanners.push(known);
            }
        }
    }
    scanners
}

fn judge_path(
    args: &RunArgs,
    settings: &Settings,
    database: &Database,
    stages: &[String],
    started: Timestamp,
) -> Outcome {
    let common = &args.common;
    let path = settings.config.target();
    let scanners = scanners(settings, stages);
    let looked = look(&path, settings, database, &scanners)?;
    let baseline = match &common.baseline {
        Some(named) => Some(read_baseline(named, &path, settings, database, &scanners)?),
        None => None,
    };
    let files = reports(args, settings, "")?;
    write_sboms(settings, &looked, "", started)?;
    judge(&looked, args, settings, database, stages, baseline.as_ref(), &files, started)
}

fn judge_image(
    args: &RunArgs,
    settings: &Settings,
    database: &Database,
    reference: &str,
    stages: &[String],
    started: Timestamp,
) -> Outcome {
    let baseline = match &args.common.baseline {
        Some(named) if Path::new(named).is_file() => Some(from_report(Path::new(named))?),
        // A revision of the sources has no image.
        _ => None,
    };
    let images = open_image::open(reference, &args.source)?;
    let several = images.len() > 1;
    let scanners = scanners(settings, stages);
    let mut code = if images.is_empty() { ERROR } else { PASS };
    for (image, label) in images.iter().zip(open_image::labels(&images)) {
        let looked = image::look(reference, image, several, settings, database, &scanners);
        let prefix = if several { format!("image-{label}.") } else { "image.".to_owned() };
        let files = reports(args, settings, &prefix)?;
        write_sboms(settings, &looked, &prefix, started)?;
        let baseline = baseline.as_ref();
        code =
            code.max(judge(&looked, args, settings, database, stages, baseline, &files, started)?);
    }
    Ok(code)
}

#[expect(clippy::too_many_arguments, reason = "all of them are what a verdict depends on")]
fn judge(
    looked: &Looked,
    args: &RunArgs,
    settings: &Settings,
    database: &Database,
    stages: &[String],
    baseline: Option<&Baseline>,
    files: &[(Format, PathBuf)],
    started: Timestamp,
) -> Outcome {
    let common = &args.common;
    let case = Case::of(looked, started);
    let mut verdicts = Vec::with_capacity(stages.len());
    for stage in stages {
        let policy = policy_for(settings, common, stage)?;
        verdicts.push(judge_stage(&case, settings, &policy, stage, baseline, database));
    }
    conclude(&case, &verdicts, common, files, settings)
}

/// The SBOMs that the configuration asks for, of what was looked at.
fn write_sboms(
    settings: &Settings,
    looked: &Looked,
    prefix: &str,
    started: Timestamp,
) -> Result<(), Failure> {
    for name in &settings.config.reports.sboms {
        let format: SbomFormat = name.value.parse().map_err(|error| {
            Failure::usage(format!("{}: reports.sboms: {error}", settings.config.shown()))
        })?;
        let input = SbomInput {
            tool_version: env!("CARGO_PKG_VERSION"),
            target: &looked.target,
            inventory: &looked.inventory,
            created: environment::source_date()?.unwrap_or(started),
            parts: &[],
        };
        let bytes = write_sbom(&input, format).map_err(Failure::evidence)?;
        let file = format!("{prefix}sbom.{}", format.ending());
        write_whole(&settings.config.reports_folder().join(file), &bytes)?;
    }
    Ok(())
}

/// The stages named, or those of the configuration; no stage at all would be a pass about nothing.
fn stages(args: &RunArgs, settings: &Settings) -> Result<Vec<String>, Failure> {
    let config = &settings.config;
    let mut stages = args.stage.clone();
    if stages.is_empty() {
        let known: Vec<&str> = settings.policy.stages().collect();
        let hint = format!("its stages are {}", known.join(", "));
        let unknown = config.stages.iter().filter(|stage| !known.contains(&stage.value.as_str()));
        let found: Vec<_> = unknown
            .map(|stage| {
                let message = format!("stages: the policy has no stage `{}`", stage.value);
                config.fault(stage.referenced, message, &hint)
            })
            .collect();
        if !found.is_empty() {
            return Err(faults(&Diagnostics(found)));
        }
        stages = config.stages.iter().map(|stage| stage.value.clone()).collect();
    }
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
fn reports(
    args: &RunArgs,
    settings: &Settings,
    prefix: &str,
) -> Result<Vec<(Format, PathBuf)>, Failure> {
    let named = |path: &Path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        path.with_file_name(format!("{prefix}{}", name.unwrap_or_default()))
    };
    let mut files: Vec<(Format, PathBuf)> =
        args.common.output.iter().map(|(format, path)| (*format, named(path))).collect();
    let folder = settings.config.reports_folder();
    for name in &settings.config.reports.formats {
        let format: Format =
            name.value.parse().map_err(|error: secgate_report::UnknownFormat| {
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
        files.push((format, folder.join(format!("{prefix}{file}"))));
    }
    Ok(files)
}
