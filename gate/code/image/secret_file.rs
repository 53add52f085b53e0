use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
    secret_hit::secret_hit,
};
use crate::secret::secrets_in_file;

/// A file of the image holds a credential.
#[derive(Debug)]
pub(crate) struct SecretFile;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-SECRET-FILE",
    kind: Kind::Secret,
    title: "A file of the image holds a credential",
    help: "Whoever can pull the image has the file. Only files in which programs keep credentials by custom are looked at, in the \
           image as it is when all layers are applied; a file that a later layer removed is still in its layer and is not seen here.",
    remedy: "Revoke the credential, keep the file out of the image (`.dockerignore`), and mount it when the image is built \
             (`RUN --mount=type=secret`) or the container starts.",
    severity: Severity::High,
    cwe: &[312, 798],
    references: &["https://docs.docker.com/build/building/secrets/"],
};

impl ImageRule for SecretFile {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (entry, text) in &facts.credential_files {
            let layer = facts.image.tree.layer(entry).cloned();
            for secret in secrets_in_file(&entry.path, text) {
                let before = text.get(..secret.start).unwrap_or_default();
                let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
                let place =
                    Place::File(entry.path.clone(), u32::try_from(line).ok(), layer.clone());
                hits.push(secret_hit(facts, &secret, &entry.path, place, &entry.path));
            }
        }
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{
        scan::scan_image,
        trial::{hits, target, with_files},
    };

    #[test]
    fn files_of_credentials() {
        let key = concat!(
            "-----BEGIN OPENSSH PRIV",
            "ATE KEY-----\nMIIEpAIBAAKCAQEAdGlMoiyrlfxX1rTnyFf3vA7NUtFOY6aF0kDQHBwtnOAm\n"
        );
        let image = with_files(&[
            ("root/.ssh/id_rsa", key),
            ("root/.npmrc", "fund=false\n//r.example/:_authToken=kQ7x2Vb9Zp4Lm1Rt8\n"),
            ("home/app/.npmrc", "//r.example/:_authToken=${NPM_TOKEN}\n"),
            ("app/settings.py", "PASSWORD = 'hunter2'\n"),
        ]);
        let found = hits(&SecretFile, &image);
        let places: Vec<_> = found.iter().map(|hit| hit.places[0].clone()).collect();
        assert_eq!(
            places,
            [
                Place::File("root/.npmrc".into(), Some(2), None),
                Place::File("root/.ssh/id_rsa".into(), Some(2), None),
            ]
        );
        let text = format!("{found:?}");
        assert!(!text.contains("kQ7x2") && !text.contains("MIIEpA"), "{text}");
    }

    #[test]
    fn a_file_that_is_too_large_is_a_gap() {
        let secret = "API_TOKEN=kQ7x2Vb9Zp4Lm1Rt8Wc3\n";
        let padded = |size: usize| format!("{}\n{secret}", "#".repeat(size));
        let check = |size: usize, found: usize, gaps: usize| {
            let image = with_files(&[("app/.env", &padded(size))]);
            let scan = scan_image(&target("a"), &image);
            let hits = scan.findings.iter().filter(|finding| finding.rule == ABOUT.id).count();
            assert_eq!((hits, scan.problems.iter().filter(|p| p.gap).count()), (found, gaps));
        };
        check(100 << 10, 1, 0);
        check(2 << 20, 0, 1);
    }
}
