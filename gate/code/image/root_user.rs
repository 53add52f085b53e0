use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
};

/// The image runs as root.
#[derive(Debug)]
pub(crate) struct RootUser;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-ROOT-USER",
    kind: Kind::Config,
    title: "The image runs as root",
    help: "A process that runs as root inside a container is root on the host for every flaw of the kernel or the engine that \
           lets it out, and may change every file of the image. An entry point that drops its rights by itself is not seen \
           here: only the configuration is.",
    remedy: "Create an account in the Dockerfile and end with `USER 10001` (a number, so that Kubernetes can check it).",
    severity: Severity::Medium,
    cwe: &[250],
    references: &["https://docs.docker.com/build/building/best-practices/#user"],
};

impl ImageRule for RootUser {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let written = facts.execution.user.as_str();
        let user = written.split(':').next().unwrap_or_default().trim();
        let message = if facts.image.config.os.eq_ignore_ascii_case("windows") {
            // Who runs by default depends on the base image there, which nobody can tell by the configuration.
            match user.rsplit('\\').next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "containeradministrator" | "administrator" => {
                    "The image runs as an administrator".to_owned()
                }
                _ => return Vec::new(),
            }
        } else if user.is_empty() {
            "The image runs as root: its configuration names no user".to_owned()
        } else if let Ok(number) = user.parse::<u32>() {
            // As engines do it, a number is never taken for a name.
            if number != 0 {
                return Vec::new();
            }
            "The image runs as root: its user is number 0".to_owned()
        } else if facts.user_id(user) == Some(0) && user != "root" {
            "The image runs as root: `etc/passwd` gives its user the number 0".to_owned()
        } else if user == "root" && facts.user_id(user).is_none_or(|number| number == 0) {
            "The image runs as root".to_owned()
        } else {
            return Vec::new();
        };
        vec![
            Hit::new(message, Place::Config("User".to_owned()))
                .seen(format!("User: \"{written}\"")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{hits, image, with_files};

    #[test]
    fn who_is_root() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbad\n";
        let check = |user: &str, expected: usize| {
            let mut image = with_files(&[("etc/passwd", passwd)]);
            image.config.config.as_mut().unwrap().user = user.to_owned();
            assert_eq!(hits(&RootUser, &image).len(), expected, "{user}");
        };
        for user in
            ["bad", "", "root", "0", "0:0", "0:1000", "root:app", "toor", "00", ":1000", " "]
        {
            check(user, 1);
        }
        for user in ["1000", "1000:0", "app", "app:root", "nobody", "10001:10001", "-1"] {
            check(user, 0);
        }
    }

    #[test]
    fn without_accounts_and_on_windows() {
        let mut nobody = image();
        assert_eq!(hits(&RootUser, &nobody).len(), 0);
        nobody.config.config = None;
        assert_eq!(hits(&RootUser, &nobody).len(), 1);
        nobody.config.os = "windows".to_owned();
        assert_eq!(hits(&RootUser, &nobody).len(), 0);
        let execution = secgate_formats::oci::Execution {
            user: "ContainerAdministrator".to_owned(),
            ..Default::default()
        };
        nobody.config.config = Some(execution);
        assert_eq!(hits(&RootUser, &nobody).len(), 1);
    }
}
