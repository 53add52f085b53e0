use std::{path::Path, process::Command};

use secgate_advisory::{Database, DatabaseError};
use secgate_model::Decision;
use secgate_policy::{Policy, judge_data};

use crate::{
    args::DoctorArgs,
    cmd::{
        db::ago,
        hook::{hook_path, is_ours},
    },
    config::Config,
    environment,
    exit::{ERROR, Outcome, PASS},
    judge::show,
    settings,
};

/// How a check went.
enum Mark {
    Good,
    /// Missing, and nothing breaks.
    Note,
    /// A run would not reach a verdict.
    Bad,
}

pub(crate) fn run(args: &DoctorArgs) -> Outcome {
    let mut lines = Vec::new();
    let config = match Config::find(args.config.as_deref(), None) {
        Ok(config) => {
            lines.push(match config.file() {
                Some(file) => (Mark::Good, format!("configuration: {}", file.display())),
                None => (
                    Mark::Note,
                    "configuration: no secgate.yaml here or above; `secgate init` writes one"
                        .to_owned(),
                ),
            });
            config
        }
        Err(failure) => {
            lines.push((Mark::Bad, format!("configuration: {}", failure.message())));
            Config::default()
        }
    };
    let policy = match settings::policy(None, &config, &settings::read) {
        Ok(policy) => {
            let stages: Vec<&str> = policy.stages().collect();
            let line = format!("policy: {}, stages {}", config.policy(), stages.join(", "));
            lines.push((Mark::Good, line));
            Some(policy)
        }
        Err(failure) => {
            lines.push((Mark::Bad, format!("policy: {}", failure.message())));
            None
        }
    };
    let mut files = config.waivers();
    files.extend(config.vex());
    if !files.is_empty() {
        lines.push(match settings::waivers((&[], &[]), &config, &settings::read) {
            Ok(waivers) => (Mark::Good, format!("waivers: {}", waivers.list().len())),
            Err(failure) => (Mark::Bad, format!("waivers: {}", failure.message())),
        });
    }
    lines.extend(database(&config, policy.as_ref(), args));
    let git = Command::new("git").arg("--version").output().is_ok_and(|out| out.status.success());
    lines.push(if git {
        (Mark::Good, "git: there".to_owned())
    } else {
        (Mark::Note, "git: not there; push-scan and --baseline REF need it".to_owned())
    });
    if git {
        lines.push(match hook_path(Path::new(".")) {
            Ok(path) if is_ours(&path) => {
                (Mark::Good, format!("pre-push hook: {}", path.display()))
            }
            Ok(_) => (
                Mark::Note,
                "pre-push hook: not installed; `secgate hook install` writes it".to_owned(),
            ),
            Err(_) => (Mark::Note, "pre-push hook: this is no git repository".to_owned()),
        });
    }
    let bad = lines.iter().any(|(mark, _)| matches!(mark, Mark::Bad));
    let mut text = String::new();
    for (mark, line) in lines {
        let sign = match mark {
            Mark::Good => "ok   ",
            Mark::Note => "note ",
            Mark::Bad => "BAD  ",
        };
        text.push_str(&format!("{sign}{}\n", line.replace('\n', "\n     ")));
    }
    show(text.as_bytes())?;
    Ok(if bad { ERROR } else { PASS })
}

/// The database at hand, and whether each stage that is run would take it.
fn database(config: &Config, policy: Option<&Policy>, args: &DoctorArgs) -> Vec<(Mark, String)> {
    let bad = |text: String| vec![(Mark::Bad, format!("advisories: {text}"))];
    let path = match config.database(args.db.as_deref()) {
        Ok(path) => path,
        Err(failure) => return bad(failure.message().to_owned()),
    };
    let opened = match Database::open(&path) {
        // A run would take the starter set, too, and the policy says whether that is enough.
        Err(DatabaseError::Missing { .. }) if !config.names_database(args.db.as_deref()) => {
            secgate_advisory::starter()
        }
        opened => opened,
    };
    let database = match opened {
        Ok(database) => database,
        Err(error) => return bad(format!("{error}; run `secgate db update`")),
    };
    let (status, now) = (database.status(), environment::now());
    let line = if status.starter {
        "advisories: the embedded starter set; `secgate db update` fetches the world's".to_owned()
    } else {
        let age = status
            .published_at()
            .map_or_else(|| "of unknown age".to_owned(), |at| format!("current {}", ago(now, at)));
        format!("advisories: {} of {} ecosystems, {age}", status.records, status.sources.len())
    };
    let mut lines = vec![(if status.starter { Mark::Note } else { Mark::Good }, line)];
    let Some(policy) = policy else { return lines };
    let data = status.advisory_data();
    for stage in stages(config, policy) {
        let Some(reasons) = judge_data(policy, stage, &data, now) else {
            lines.push((Mark::Bad, format!("stage {stage}: the policy has no such stage")));
            continue;
        };
        for reason in reasons {
            let what = reason.rule.strip_prefix("evidence:").unwrap_or(&reason.rule);
            let mut help = reason.help.map(|help| format!("; {help}")).unwrap_or_default();
            let is_absent = (what == "kev" && data.kev.is_none() && !status.starter)
                || (what == "epss" && data.epss.is_none() && !status.starter);
            if is_absent {
                help.push_str(&format!(", with --{what} where your mirror has none"));
            }
            let mark = match (reason.outcome, reason.warning) {
                (Decision::Pass, false) => Mark::Good,
                (Decision::Pass, true) => Mark::Note,
                _ => Mark::Bad,
            };
            lines.push((mark, format!("stage {stage}, {what}: {}{help}", reason.why)));
        }
    }
    lines
}

/// The stages that `run` runs, or all where the configuration names none.
fn stages<'a>(config: &'a Config, policy: &'a Policy) -> Vec<&'a str> {
    if config.stages.is_empty() {
        policy.stages().collect()
    } else {
        config.stages.iter().map(|stage| stage.value.as_str()).collect()
    }
}
