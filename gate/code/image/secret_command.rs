use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
    secret_hit::{commands, labels, of_pairs, printable, secret_hit},
};
use crate::secret::find_in_command;

/// A command that the image runs, or one of its labels, holds a secret.
#[derive(Debug)]
pub(crate) struct SecretCommand;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-SECRET-COMMAND",
    kind: Kind::Secret,
    title: "The image's command or a label holds a secret",
    help: "Whoever can pull the image can read its configuration, and every user of the container sees the command line.",
    remedy: "Revoke the secret, take it out of `ENTRYPOINT`, `CMD`, `HEALTHCHECK` or `LABEL`, and hand the new one in when the \
             container starts.",
    severity: Severity::High,
    cwe: &[214, 798],
    references: &["https://docs.docker.com/build/building/secrets/"],
};

impl ImageRule for SecretCommand {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let mut hits: Vec<Hit> = of_pairs(labels(facts))
            .into_iter()
            .map(|(name, secret)| {
                let place = Place::Config(format!("Labels/{}", printable(name)));
                let holder = format!("the label {}", printable(name));
                secret_hit(facts, &secret, &holder, place, name)
            })
            .collect();
        for (field, command) in commands(facts) {
            hits.extend(find_in_command(&command).iter().map(|secret| {
                secret_hit(
                    facts,
                    secret,
                    &format!("the image's {field}"),
                    Place::Config(field.to_owned()),
                    field,
                )
            }));
        }
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{hits, with_execution};

    #[test]
    fn commands_and_labels() {
        let check = |command: &[&str], label: &str, expected: &[&str]| {
            let image = with_execution(|run| {
                run.entrypoint = Some(command.iter().map(|&word| word.to_owned()).collect());
                run.labels = Some([("deploy-token".to_owned(), label.to_owned())].into());
            });
            let found: Vec<_> =
                hits(&SecretCommand, &image).into_iter().map(|hit| hit.what[0].clone()).collect();
            assert_eq!(found, expected, "{command:?} {label}");
        };
        check(&["app", "--password", "hunter2"], "", &["Entrypoint"]);
        check(&["sh", "-c", "API_TOKEN=kQ7x2Vb9Zp4L exec app"], "", &["Entrypoint"]);
        check(&["app"], "kQ7x2Vb9Zp4L", &["deploy-token"]);
        check(&["app", "--password", "$PASSWORD", "--token-file", "/run/x"], "none", &[]);
    }
}
