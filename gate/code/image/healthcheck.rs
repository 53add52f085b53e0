use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    history::Step,
    rule::{Hit, ImageRule, Place, RuleAbout},
};

/// Nobody can ask the image's health.
#[derive(Debug)]
pub(crate) struct NoHealthcheck;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-NO-HEALTHCHECK",
    kind: Kind::Config,
    title: "The image has no HEALTHCHECK",
    help: "Without a health check an engine takes a program that hangs for one that works. Kubernetes has probes of its own, and \
           images in the OCI format cannot carry a health check, so this is worth knowing rather than a flaw. Images that name \
           no program to run are not asked for one.",
    remedy: "Add `HEALTHCHECK CMD …` to the Dockerfile, or define probes where the container is deployed.",
    severity: Severity::Info,
    cwe: &[],
    references: &["https://docs.docker.com/reference/dockerfile/#healthcheck"],
};

impl ImageRule for NoHealthcheck {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let run = &facts.execution;
        let names_a_program = [&run.entrypoint, &run.cmd]
            .into_iter()
            .any(|command| command.as_ref().is_some_and(|command| !command.is_empty()));
        let test = run.healthcheck.as_ref().and_then(|check| check.test.as_deref());
        let message = match test {
            _ if !names_a_program => return Vec::new(),
            // The Dockerfile has one, and the OCI format could not carry it.
            None if told_by_history(facts) => return Vec::new(),
            None | Some([]) => "The image has no HEALTHCHECK",
            Some([word, ..]) if word == "NONE" => "The image switches its HEALTHCHECK off",
            Some(_) => return Vec::new(),
        };
        vec![Hit::new(message, Place::Config("Healthcheck".to_owned()))]
    }
}

/// Whether the last step about it gives a check.
fn told_by_history(facts: &ImageFacts<'_>) -> bool {
    let told = facts.steps.iter().rev().find_map(|(_, step, _)| match step {
        Step::Other(text) => text.strip_prefix("HEALTHCHECK "),
        _ => None,
    });
    told.is_some_and(|check| !check.trim_start().starts_with("NONE"))
}

#[cfg(test)]
mod tests {
    use secgate_formats::oci::{Healthcheck, History};

    use super::*;
    use crate::image::trial::{hits, with_execution};

    #[test]
    fn programs_without_a_check() {
        let check = |command: Option<&str>, test: Option<&[&str]>, expected: usize| {
            let image = with_execution(|run| {
                run.cmd = command.map(|command| vec![command.to_owned()]);
                run.healthcheck = test.map(|test| Healthcheck {
                    test: Some(test.iter().map(|&word| word.to_owned()).collect()),
                });
            });
            assert_eq!(hits(&NoHealthcheck, &image).len(), expected, "{command:?} {test:?}");
        };
        check(Some("app"), None, 1);
        check(Some("app"), Some(&["NONE"]), 1);
        check(Some("app"), Some(&[]), 1);
        check(Some("app"), Some(&["CMD", "true"]), 0);
        check(Some("app"), Some(&["CMD-SHELL", "NONE"]), 0);
        check(None, None, 0);
    }

    #[test]
    fn a_check_that_only_the_history_has() {
        let check = |step: &str, expected: usize| {
            let mut image = with_execution(|run| run.cmd = Some(vec!["app".to_owned()]));
            image.config.history =
                vec![History { created_by: Some(step.to_owned()), ..History::default() }];
            assert_eq!(hits(&NoHealthcheck, &image).len(), expected, "{step}");
        };
        check("/bin/sh -c #(nop) HEALTHCHECK --interval=15s CMD [\"true\"]", 0);
        check("HEALTHCHECK &{[\"CMD\" \"true\"] \"15s\" \"5s\" \"0s\" '\\x00'}", 0);
        check("/bin/sh -c #(nop) HEALTHCHECK NONE", 1);
        check("/bin/sh -c #(nop) CMD [\"app\"]", 1);
    }
}
