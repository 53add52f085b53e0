use std::path::{Path, PathBuf};

use secgate_policy::{load_policy_tests, run_policy_tests};

use crate::{
    args::{PolicyArgs, PolicyCommand, PolicyExplainArgs, PolicyTestArgs},
    config::Config,
    exit::{FAIL, Failure, Outcome, PASS},
    judge::show,
    settings,
};

pub(crate) fn run(command: &PolicyCommand) -> Outcome {
    match command {
        PolicyCommand::Check(args) => check(args),
        PolicyCommand::Test(args) => test(args),
        PolicyCommand::Explain(args) => explain(args),
    }
}

fn check(args: &PolicyArgs) -> Outcome {
    let config = Config::find(args.config.as_deref(), None)?;
    let names: Vec<Option<&str>> = if args.files.is_empty() {
        vec![None]
    } else {
        args.files.iter().map(|name| Some(name.as_str())).collect()
    };
    let count = |given: &[PathBuf], configured: usize| {
        if given.is_empty() { configured } else { given.len() }
    };
    let files = count(&args.waivers, config.waivers.len()) + count(&args.vex, config.vex.len());
    let mut text = String::new();
    for name in &names {
        let policy = settings::policy(*name, &config, &settings::read)?;
        let name = name.map_or_else(|| config.policy(), str::to_owned);
        for remark in secgate_policy::check(&policy) {
            text.push_str(&format!("warning: {remark}\n"));
        }
        let (stages, rules) = (policy.stages().count(), policy.rules().count());
        text.push_str(&format!(
            "{name}: ok, {stages} stages, {rules} rules, {}\n",
            policy.digest()
        ));
    }
    let waivers = settings::waivers((&args.waivers, &args.vex), &config, &settings::read)?;
    if files > 0 {
        text.push_str(&format!("waivers: ok, {} in {files} files\n", waivers.list().len()));
    }
    show(text.as_bytes())?;
    Ok(PASS)
}

fn test(args: &PolicyTestArgs) -> Outcome {
    let mut loaded = Vec::new();
    if args.files.is_empty() {
        for (path, text) in secgate_policy::builtin_tests() {
            // The tests name the policy beside them, which is built in as well.
            let read = |asked: &Path| match asked.file_stem().and_then(|stem| stem.to_str()) {
                _ if asked == Path::new(path) => Ok(text.as_bytes().to_vec()),
                Some(name) if secgate_policy::builtin_policy(name).is_some() => {
                    Ok(secgate_policy::builtin_policy(name).unwrap_or_default().as_bytes().to_vec())
                }
                _ => Err(std::io::Error::other("not built in")),
            };
            loaded.push(
                load_policy_tests(Path::new(path), &read)
                    .map_err(|found| settings::faults(&found))?,
            );
        }
    }
    for path in files(&args.files)? {
        let read = |path: &Path| settings::read(path, 16 << 20);
        loaded.push(load_policy_tests(&path, &read).map_err(|found| settings::faults(&found))?);
    }
    let report = run_policy_tests(&loaded);
    let mut text = String::new();
    let mut failed = 0;
    for result in &report.results {
        if result.failures.is_empty() {
            continue;
        }
        failed += 1;
        text.push_str(&format!("{}:{}: {} failed\n", result.file, result.line, result.name));
        for failure in &result.failures {
            text.push_str(&format!("    {failure}\n"));
        }
    }
    for gap in &report.uncovered {
        text.push_str(&format!("{}: rule {}: {}\n", gap.source, gap.rule, gap.message));
    }
    let uncovered = report.uncovered.len();
    text.push_str(&format!("{} passed, {failed} failed", report.results.len() - failed));
    if uncovered > 0 {
        text.push_str(&format!(", {uncovered} rules without a test in both directions"));
    }
    text.push('\n');
    show(text.as_bytes())?;
    if report.results.is_empty() {
        return Err(Failure::usage("no policy test was found"));
    }
    let good = failed == 0 && (uncovered == 0 || args.no_coverage);
    Ok(if good { PASS } else { FAIL })
}

/// The files themselves, and every `*.yaml` and `*.yml` directly in a folder.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        for item in std::fs::read_dir(path)? {
            let item = item?.path();
            if item.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                found.push(item);
            }
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn explain(args: &PolicyExplainArgs) -> Outcome {
    let config = Config::find(args.config.as_deref(), None)?;
    let policy = settings::policy(args.file.as_deref(), &config, &settings::read)?;
    let stages: Vec<String> = match &args.stage {
        Some(stage) => vec![stage.clone()],
        None => policy.stages().map(str::to_owned).collect(),
    };
    let mut text = String::new();
    for stage in &stages {
        let words = secgate_policy::explain(&policy, stage).ok_or_else(|| {
            let known: Vec<&str> = policy.stages().collect();
            Failure::usage(format!("the policy has no stage `{stage}`"))
                .hint(format!("its stages are {}", known.join(", ")))
        })?;
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(words.trim_end());
        text.push('\n');
    }
    show(text.as_bytes())?;
    Ok(PASS)
}
