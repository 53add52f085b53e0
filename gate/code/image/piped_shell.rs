use std::sync::LazyLock;

use regex::Regex;
use secgate_model::{Kind, Severity};

use super::{
    facts::ImageFacts,
    history::Step,
    remote_add::without_credentials,
    rule::{Hit, ImageRule, Place, RuleAbout},
};

/// A step runs what an address serves.
#[derive(Debug)]
pub(crate) struct PipedShell;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-CURL-SHELL",
    kind: Kind::Config,
    title: "A build step runs a script straight from an address",
    help: "`curl … | sh` runs whatever the address serves on the day of the build, with nothing that checks it.",
    remedy: "Download the script, compare its checksum or signature with one that the Dockerfile holds, then run it.",
    severity: Severity::Low,
    cwe: &[494],
    references: &[],
};

/// `curl … | sh`, also through other programs of the pipe; `sh -c "$(curl …)"`; `bash <(curl …)`. One `&` may stand in an
/// address, two end the command.
static FORM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?:^|[\s;&|(`])(?:curl|wget)\s(?:[^;&\n]|&[^&\n])*?\|\s*(?:sudo\s+(?:-\S+\s+)*)?(?:env\s+)?(?:[A-Z_]+=\S*\s+)*(?:/(?:usr/)?(?:local/)?bin/)?(?:ba|da|a|z|k|fi)?sh(?:[\s;&|)"'`]|$)|(?:^|[\s;&|(/])(?:ba|da|a|z|k)?sh\s+(?:-\S+\s+)*["']?(?:\$\(|<\(|`)\s*(?:curl|wget)\s[^)`\n]*"#,
    )
    .expect("a constant that a test compiles")
});

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)\bhttps?://[^\s"'|;)`<>]+"#).expect("a constant that a test compiles")
});

impl ImageRule for PipedShell {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (number, step, layer) in &facts.steps {
            let Step::Run(_, command) = step else { continue };
            if !command.contains("curl") && !command.contains("wget") {
                continue;
            }
            for found in FORM.find_iter(command) {
                let address = ADDRESS.find(found.as_str()).map(|address| address.as_str());
                let plain = address
                    .is_some_and(|address| !address.to_ascii_lowercase().starts_with("https"));
                let shown = address.map_or_else(|| "an address".to_owned(), without_credentials);
                let place = Place::Step(*number, layer.clone());
                let hit = Hit::new("A build step runs a script straight from an address", place)
                    .seen(format!("{shown} is piped to a shell"))
                    .of(shown);
                hits.push(if plain { hit.severity(Severity::Medium) } else { hit });
            }
        }
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::trial::{hits, whats, with_history};

    #[test]
    fn scripts_from_afar() {
        let check = |command: &str, expected: &[&str]| {
            let image = with_history(&[&format!("RUN /bin/sh -c {command} # buildkit")]);
            assert_eq!(whats(&PipedShell, &image), expected, "{command}");
        };
        check("curl -fsSL https://e.example/i.sh | sh", &["https://e.example/i.sh"]);
        check(
            "apt-get update && curl 'https://e.example/i?a=1&b=2'|bash -s -- -y",
            &["https://e.example/i"],
        );
        check("wget -qO- https://e.example/i | sudo -E bash -", &["https://e.example/i"]);
        check("curl https://e.example/i.gz | gunzip | sh", &["https://e.example/i.gz"]);
        check("sh -c \"$(curl -fsSL https://e.example/i)\"", &["https://e.example/i"]);
        check("bash <(curl -s https://e.example/i)", &["https://e.example/i"]);
        check("curl -sSL $URL | POETRY_HOME=/x sh", &["an address"]);
        for command in [
            "curl -fsSL https://e.example/x.tgz | tar xz",
            "curl -fsSLO https://e.example/i.sh && sha256sum -c i.sum && sh i.sh",
            "curl https://e.example/x -o y; ls | sh",
            "curl https://e.example/x | sha256sum",
            "curl https://e.example/key | gpg --dearmor > /usr/share/k.gpg",
            "echo curl; cat x | sh",
            "pip install pycurl | shuf",
        ] {
            check(command, &[]);
        }
        let plain = with_history(&["RUN curl http://e.example/i | sh"]);
        assert_eq!(hits(&PipedShell, &plain)[0].severity, Some(Severity::Medium));
    }
}
