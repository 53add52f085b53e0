use std::{path::Path, process::Command};

use secgate_advisory::Database;

use crate::{
    args::DoctorArgs,
    cmd::hook::{hook_path, is_ours},
    config::{Config, NAME},
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
            lines.push(match config.folder() {
                Some(folder) => {
                    (Mark::Good, format!("configuration: {}", folder.join(NAME).display()))
                }
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
    lines.push(match settings::policy(&config.policy()) {
        Ok(policy) => {
            let stages: Vec<&str> = policy.stages().collect();
            (Mark::Good, format!("policy: {}, stages {}", config.policy(), stages.join(", ")))
        }
        Err(failure) => (Mark::Bad, format!("policy: {}", failure.message())),
    });
    let mut files = config.waivers();
    files.extend(config.vex());
    if !files.is_empty() {
        lines.push(match settings::waivers(&files) {
            Ok(waivers) => (Mark::Good, format!("waivers: {}", waivers.list().len())),
            Err(failure) => (Mark::Bad, format!("waivers: {}", failure.message())),
        });
    }
    lines.push(database(&config, args));
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

fn database(config: &Config, args: &DoctorArgs) -> (Mark, String) {
    let path = match config.database(args.db.as_deref()) {
        Ok(path) => path,
        Err(failure) => return (Mark::Bad, format!("advisories: {}", failure.message())),
    };
    match Database::open(&path) {
        Err(error) => (Mark::Bad, format!("advisories: {error}; run `secgate db update`")),
        Ok(database) => {
            let status = database.status();
            let Some(published) = status.published_at() else {
                return (
                    Mark::Bad,
                    "advisories: of unknown age; run `secgate db update`".to_owned(),
                );
            };
            if status.kev.is_none() || status.epss.is_none() {
                let message = "advisories: without KEV or EPSS, which the built-in policies need; run `secgate db update`, \
                               with --kev and --epss where your mirror has neither";
                return (Mark::Bad, message.to_owned());
            }
            let hours = environment::now().duration_since(published).as_hours();
            let line = format!(
                "advisories: {} of {} ecosystems, {hours} h old",
                status.records,
                status.sources.len()
            );
            if hours >= 24 {
                (Mark::Bad, format!("{line}; run `secgate db update`"))
            } else {
                (Mark::Good, line)
            }
        }
    }
}
