use std::collections::{BTreeMap, btree_map};

use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    history::Step,
    rule::{Hit, ImageRule, Place, RuleAbout},
    secret_hit::{configured, secret_hit},
};
use crate::secret::{Secret, find_in_command, find_in_value};

/// A step of the image's history holds a secret.
#[derive(Debug)]
pub(crate) struct SecretHistory;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-SECRET-HISTORY",
    kind: Kind::Secret,
    title: "The image's history holds a secret",
    help: "The history keeps every command that built the image, with the values of its build arguments, and whoever can pull the \
           image can read it with `docker history`. A secret that the final environment holds too is told there and not here.",
    remedy: "Revoke the secret, and hand the new one to the build with `RUN --mount=type=secret`, which leaves no trace.",
    severity: Severity::High,
    cwe: &[538, 798],
    references: &["https://docs.docker.com/build/building/secrets/"],
};

impl ImageRule for SecretHistory {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let known = configured(facts);
        let mut hits: BTreeMap<String, Hit> = BTreeMap::new();
        for (number, step, layer) in &facts.steps {
            for secret in secrets(step) {
                let mark = facts.marker.mark(secret.value);
                if known.contains(&mark) {
                    continue;
                }
                let place = Place::Step(*number, layer.clone());
                match hits.entry(mark) {
                    // One secret of many steps is one finding in many places.
                    btree_map::Entry::Occupied(mut hit) => {
                        let places = &mut hit.get_mut().places;
                        if !places.contains(&place) {
                            places.push(place);
                        }
                    }
                    btree_map::Entry::Vacant(slot) => {
                        let mut hit = secret_hit(facts, &secret, holder(step), place, "");
                        // Where it stands may change with the Dockerfile; the secret is the same.
                        hit.what.retain(|part| part == slot.key());
                        slot.insert(hit);
                    }
                }
            }
        }
        hits.into_values().collect()
    }
}

fn secrets<'t>(step: &Step<'t>) -> Vec<Secret<'t>> {
    let of_pairs = |pairs: &[(&'t str, &'t str)]| -> Vec<Secret<'t>> {
        pairs.iter().flat_map(|(name, value)| find_in_value(name, value)).collect()
    };
    match step {
        Step::Assign(_, pairs) => of_pairs(pairs),
        Step::Run(arguments, command) => {
            let mut found = of_pairs(arguments);
            found.extend(find_in_command(command));
            found
        }
        Step::Add(text) | Step::Other(text) => find_in_command(text),
    }
}

fn holder(step: &Step<'_>) -> &'static str {
    match step {
        Step::Assign("ENV", _) => "an ENV of the history",
        Step::Assign("ARG", _) => "an ARG of the history",
        Step::Assign(..) => "a LABEL of the history",
        Step::Run(..) => "a RUN of the history",
        Step::Add(_) => "an ADD of the history",
        Step::Other(_) => "a step of the history",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        image::trial::{hits, with_history},
        secret::redacted,
    };

    fn check(steps: &[&str], variables: &[&str], expected: &[(&str, &[usize])]) {
        let mut image = with_history(steps);
        image.config.config.as_mut().unwrap().env =
            Some(variables.iter().map(|&text| text.to_owned()).collect());
        let found = hits(&SecretHistory, &image);
        assert_eq!(found.len(), expected.len(), "{steps:?}: {found:?}");
        for (secret, numbers) in expected {
            let shown = redacted(secret);
            let start = shown.trim_end_matches(')');
            let hit = found
                .iter()
                .find(|hit| hit.evidence.as_deref().unwrap().contains(start))
                .unwrap_or_else(|| panic!("{secret}: {found:?}"));
            let places: Vec<usize> = hit
                .places
                .iter()
                .map(|place| match place {
                    Place::Step(number, Some(_)) => *number,
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(&places, numbers, "{steps:?}");
            assert!(!format!("{hit:?}").contains(secret), "{hit:?}");
        }
    }

    #[test]
    fn secrets_of_a_build() {
        check(
            &["RUN |1 NPM_TOKEN=kQ7x2Vb9Zp4Lm1Rt8 /bin/sh -c npm ci # buildkit"],
            &[],
            &[("kQ7x2Vb9Zp4Lm1Rt8", &[1])],
        );
        check(&["|2 A=1 DB_PASSWORD=hunter2 /bin/sh -c make"], &[], &[("hunter2", &[1])]);
        check(&["/bin/sh -c #(nop)  ARG TOKEN=kQ7x2Vb9Zp4L"], &[], &[("kQ7x2Vb9Zp4L", &[1])]);
        check(
            &["RUN /bin/sh -c curl -u me:hunter2 https://e.example # buildkit"],
            &[],
            &[("hunter2", &[1])],
        );
        check(
            &["RUN /bin/sh -c git clone https://me:kQ7x2Vb9Zp4L@git.example/a"],
            &[],
            &[("kQ7x2Vb9Zp4L", &[1])],
        );
        check(&["RUN docker build --build-arg DB_PASSWORD=hunter2 ."], &[], &[("hunter2", &[1])]);
        check(&["ONBUILD ENV DB_PASSWORD=hunter2"], &[], &[("hunter2", &[1])]);
        check(
            &["ARG T_TOKEN=kQ7x2Vb9Zp4L", "RUN x", "RUN |1 T_TOKEN=kQ7x2Vb9Zp4L /bin/sh -c y"],
            &[],
            &[("kQ7x2Vb9Zp4L", &[1, 3])],
        );
    }

    #[test]
    fn what_the_environment_tells_is_not_told_again() {
        check(&["ENV DB_PASSWORD=hunter2"], &["DB_PASSWORD=hunter2"], &[]);
        check(&["/bin/sh -c #(nop)  ENV A=b DB_PASSWORD=hunter2"], &["DB_PASSWORD=hunter2"], &[]);
        check(&["ENV DB_PASSWORD=\"hunter2\""], &["DB_PASSWORD=hunter2"], &[]);
        // One that a later step took out of the environment is still in the history.
        check(
            &["ENV DB_PASSWORD=hunter2", "ENV DB_PASSWORD="],
            &["DB_PASSWORD="],
            &[("hunter2", &[1])],
        );
    }

    #[test]
    fn near_misses() {
        check(
            &[
                "ENV PASSWORD_MIN_LENGTH=8",
                "ARG GITHUB_TOKEN",
                "RUN |1 GITHUB_TOKEN= /bin/sh -c make",
                "RUN /bin/sh -c TOKEN=$(cat /run/secrets/token) make # buildkit",
                "RUN /bin/sh -c --mount=type=secret,id=token TOKEN=\"$(cat /run/secrets/token)\" make",
                "RUN /bin/sh -c useradd --password '*' -u 1000 app",
                "RUN /bin/sh -c curl -H \"Authorization: Bearer $TOKEN\" https://e.example",
                "RUN /bin/sh -c set -eux; savedAptMark=\"$(apt-mark showmanual)\"; wget -O python.tar.xz \"https://www.python.org/ftp/python/${PYTHON_VERSION%%[a-z]*}/Python-$PYTHON_VERSION.tar.xz\"; GNUPGHOME=\"$(mktemp -d)\"; export GNUPGHOME; gpg --batch --keyserver hkps://keys.openpgp.org --recv-keys \"$GPG_KEY\" # buildkit",
                "CMD [\"python3\"]",
            ],
            &[],
            &[],
        );
    }
}
