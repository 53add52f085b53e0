use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
    secret_hit::{of_pairs, printable, secret_hit},
};

/// A variable of the image's environment holds a secret.
#[derive(Debug)]
pub(crate) struct SecretEnvironment;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-SECRET-ENV",
    kind: Kind::Secret,
    title: "The image's environment holds a secret",
    help: "Whoever can pull the image can read its configuration, and every process of the container has the variable. A secret \
           that was ever pushed stays readable in the registry and in every copy.",
    remedy: "Revoke the secret, take the `ENV` out of the Dockerfile, and hand the new one in when the container starts: as a file \
             below `/run/secrets`, or from a store of secrets.",
    severity: Severity::High,
    cwe: &[526, 798],
    references: &["https://docs.docker.com/build/building/secrets/"],
};

impl ImageRule for SecretEnvironment {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        of_pairs(facts.environment())
            .into_iter()
            .map(|(name, secret)| {
                let place = Place::Config(format!("Env/{}", printable(name)));
                let holder = format!("the variable {}", printable(name));
                secret_hit(facts, &secret, &holder, place, name)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{hits, with_execution};

    #[test]
    fn variables() {
        let check = |variables: &[&str], expected: &[&str]| {
            let image = with_execution(|run| {
                run.env = Some(variables.iter().map(|&text| text.to_owned()).collect());
            });
            let found: Vec<_> = hits(&SecretEnvironment, &image)
                .into_iter()
                .map(|hit| hit.what[0].clone())
                .collect();
            assert_eq!(found, expected, "{variables:?}");
        };
        check(&["DB_PASSWORD=hunter2", "PATH=/usr/bin"], &["DB_PASSWORD"]);
        check(&["DATABASE_URL=postgres://a:s3cr3tpw@db/a"], &["DATABASE_URL"]);
        check(&["A_TOKEN=kQ7x2Vb9Zp4L", "B_TOKEN=kQ7x2Vb9Zp4L"], &["A_TOKEN", "B_TOKEN"]);
        check(&["A_TOKEN=kQ7x2Vb9Zp4L", "A_TOKEN="], &["A_TOKEN"]);
        // The environment of the official Python image, and near misses.
        check(
            &[
                "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG=C.UTF-8",
                "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
                "PYTHON_VERSION=3.11.9",
                "PYTHON_PIP_VERSION=24.0",
                "PYTHON_SHA256=9b1e896523fc510691126c864406d9360a3d1e986acbda59cda57b5abda45b87",
                "PYTHON_GET_PIP_URL=https://github.com/pypa/get-pip/raw/0/public/get-pip.py",
                "DB_PASSWORD_FILE=/run/secrets/db",
                "PASSWORD_MIN_LENGTH=8",
                "AWS_ACCESS_KEY_ID=",
                "API_TOKEN",
                "DB_PASSWORD=changeme",
            ],
            &[],
        );
    }

    #[test]
    fn no_secret_is_shown() {
        let image = with_execution(|run| {
            run.env =
                Some(vec!["API_TOKEN=kQ7x2Vb9Zp4Lm1Rt8Wc3".into(), "DB_PASSWORD=hunter2".into()]);
        });
        let text = format!("{:?}", hits(&SecretEnvironment, &image));
        assert!(text.contains("API_TOKEN=kQ7x… (20 characters, mark "), "{text}");
        assert!(text.contains("DB_PASSWORD=… (7 characters)"), "{text}");
        assert!(!text.contains("kQ7x2") && !text.contains("hunter"), "{text}");
    }
}
