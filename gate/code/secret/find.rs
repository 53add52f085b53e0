use std::ops::Range;

use secgate_model::{Confidence, Severity};

use super::{
    assignment::assignments, detector::DETECTORS, flags::flags, mark::redacted, name::is_sensitive,
    placeholder::is_placeholder,
};

/// Bytes of one text that are looked at; the caller says so where a text has more.
pub const MAX_TEXT: usize = 1 << 20;

/// Secrets of one text that are told.
pub const MAX_SECRETS: usize = 100;

/// A secret in a text. It has no `Debug`, so that none ends in a message by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<'t> {
    /// What it is.
    pub sort: Sort,
    /// The variable or the field that holds it, where it has a name.
    pub name: Option<&'t str>,
    /// The secret itself.
    pub value: &'t str,
    /// Where it begins, in bytes.
    pub start: usize,
    /// How bad it is to lose.
    pub severity: Severity,
    /// How sure that it is one.
    pub confidence: Confidence,
}

/// How a secret was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// By its own form: the detector's id and title.
    Form(&'static str, &'static str),
    /// By the name that it is assigned to.
    Name,
    /// By the option of a program that takes one.
    Option,
}

impl Sort {
    /// Stable, for identities.
    pub fn id(self) -> &'static str {
        match self {
            Self::Form(id, _) => id,
            Self::Name => "assigned-secret",
            Self::Option => "option-secret",
        }
    }

    /// As a person would say it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Form(_, title) => title,
            Self::Name => "secret value",
            Self::Option => "credential of a command",
        }
    }
}

/// Secrets in the value of a variable.
pub fn find_in_value<'t>(name: &'t str, value: &'t str) -> Vec<Secret<'t>> {
    let mut found = Found { text: clipped(value), secrets: Vec::new(), taken: Vec::new() };
    found.forms();
    for secret in &mut found.secrets {
        secret.name = Some(name);
    }
    if found.secrets.is_empty() && is_sensitive(name) && is_plausible(name, found.text) {
        found.add(Sort::Name, Some(name), 0..found.text.len());
    }
    found.done()
}

/// Secrets in a shell's command.
pub fn find_in_command(command: &str) -> Vec<Secret<'_>> {
    let mut found = Found { text: clipped(command), secrets: Vec::new(), taken: Vec::new() };
    found.forms();
    found.assigned(true);
    for at in flags(found.text) {
        let value = found.text.get(at.clone()).unwrap_or_default();
        if !is_placeholder(value) && !value.starts_with('$') {
            found.add(Sort::Option, None, at);
        }
    }
    found.done()
}

/// Secrets in a file of settings.
pub fn find_in_text(text: &str) -> Vec<Secret<'_>> {
    let mut found = Found { text: clipped(text), secrets: Vec::new(), taken: Vec::new() };
    found.forms();
    found.assigned(false);
    found.done()
}

/// A text that is quoted for other reasons, with every secret of it redacted.
pub fn scrubbed(text: &str) -> String {
    let text = clipped(text);
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for secret in find_in_command(text) {
        out.push_str(text.get(end..secret.start).unwrap_or_default());
        out.push_str(&redacted(secret.value));
        end = secret.start + secret.value.len();
    }
    out.push_str(text.get(end..).unwrap_or_default());
    out
}

/// The first [`MAX_TEXT`] bytes, whole characters.
fn clipped(text: &str) -> &str {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// Whether the value of a sensitive name may be a secret. A password may be short; a token or key of less than eight characters
/// or of digits alone is a setting.
fn is_plausible(name: &str, value: &str) -> bool {
    let value = value.trim();
    if is_placeholder(value) || value.contains("://") && !value.contains('@') {
        return false;
    }
    let upper = name.to_ascii_uppercase();
    let is_password = upper.contains("PASS") || upper.contains("PWD");
    let length = value.chars().count();
    if is_password {
        return length >= 4;
    }
    // Numbers, versions, durations: `30`, `1.2.3`, `3600s`.
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let is_number = value.chars().all(|c| c.is_ascii_digit() || ".,:+-_ ".contains(c));
    length >= 8 && !(is_number && digits < 20)
}

struct Found<'t> {
    text: &'t str,
    secrets: Vec<Secret<'t>>,
    taken: Vec<Range<usize>>,
}

impl<'t> Found<'t> {
    fn forms(&mut self) {
        for loaded in DETECTORS.iter() {
            let detector = loaded.detector;
            for at in loaded.matches(self.text) {
                if self.secrets.len() >= MAX_SECRETS {
                    return;
                }
                let before = self.secrets.len();
                self.add(Sort::Form(detector.id, detector.title), None, at);
                if let Some(secret) = self.secrets.get_mut(before) {
                    secret.severity = detector.severity;
                    secret.confidence = detector.confidence;
                }
            }
        }
    }

    fn assigned(&mut self, is_command: bool) {
        for assigned in assignments(self.text, is_command) {
            if is_sensitive(assigned.name) && is_plausible(assigned.name, assigned.value) {
                self.add(Sort::Name, Some(assigned.name), assigned.at);
            }
        }
    }

    /// Adds what does not overlap with what a surer way has found.
    fn add(&mut self, sort: Sort, name: Option<&'t str>, at: Range<usize>) {
        let overlaps = |taken: &Range<usize>| taken.start < at.end && at.start < taken.end;
        if self.secrets.len() >= MAX_SECRETS || self.taken.iter().any(overlaps) {
            return;
        }
        let Some(value) = self.text.get(at.clone()) else { return };
        self.secrets.push(Secret {
            sort,
            name,
            value,
            start: at.start,
            severity: Severity::High,
            confidence: Confidence::Medium,
        });
        self.taken.push(at);
    }

    fn done(mut self) -> Vec<Secret<'t>> {
        self.secrets.sort_by_key(|secret| secret.start);
        self.secrets
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::checksum::github_token;

    fn sorts(found: &[Secret<'_>]) -> Vec<(&'static str, String)> {
        found.iter().map(|secret| (secret.sort.id(), secret.value.to_owned())).collect()
    }

    #[test]
    fn values_of_variables() {
        let check = |name: &str, value: &str, expected: &[&str]| {
            let found = find_in_value(name, value);
            let ids: Vec<_> = found.iter().map(|secret| secret.sort.id()).collect();
            assert_eq!(ids, expected, "{name}={value}");
        };
        let token = github_token("ghp", "Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7aC0");
        check("GITHUB_TOKEN", &token, &["github-token"]);
        check("ANYTHING", &token, &["github-token"]);
        check("DB_PASSWORD", "hunter2", &["assigned-secret"]);
        check(
            "AWS_SECRET_ACCESS_KEY",
            "kQ7x2Vb9Zp4Lm1Rt8Wc3Ny6Hf5Jd0GaBcDeFgHi",
            &["assigned-secret"],
        );
        check("DATABASE_URL", "postgres://app:s3cr3tpw@db:5432/app", &["url-password"]);
        check("JWT_SECRET", "supersecretkey", &["assigned-secret"]);
        for (name, value) in [
            ("PATH", "/usr/local/bin:/usr/bin"),
            ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D"),
            ("PYTHON_PIP_VERSION", "23.0.1"),
            ("PASSWORD_MIN_LENGTH", "8"),
            ("DB_PASSWORD_FILE", "/run/secrets/db"),
            ("DB_PASSWORD", "/run/secrets/db"),
            ("DB_PASSWORD", ""),
            ("DB_PASSWORD", "${DB_PASSWORD}"),
            ("API_TOKEN", "https://tokens.example/issue"),
            ("SESSION_TOKEN", "3600"),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("DATABASE_URL", "postgres://db:5432/app"),
        ] {
            check(name, value, &[]);
        }
    }

    #[test]
    fn a_secret_is_told_once_by_the_surest_way() {
        let token = github_token("ghp", "Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7aC0");
        let command = format!(
            "GITHUB_TOKEN={token} curl -u me:{token} https://me:{token}@e.example --token {token}"
        );
        assert_eq!(sorts(&find_in_command(&command)), vec![("github-token", token); 4]);
        let command =
            "export DB_PASSWORD=hunter2 && tool --password $DB_PASSWORD --token \"$(cat x)\"";
        assert_eq!(sorts(&find_in_command(command)), [("assigned-secret", "hunter2".to_owned())]);
    }

    proptest! {
        /// Every secret lies inside its text, and no two overlap.
        #[test]
        fn secrets_lie_in_their_text(text in "(TOKEN=|PASSWORD: |--token |curl -u |[\"' \n=:$&|é{}]|https://a:|@b|eyJ|password |[a-zA-Z0-9]{1,20})*") {
            let files = [".npmrc", ".netrc", ".pgpass", ".m2/settings.xml", ".kube/config", ".vault-token"];
            let all = [find_in_command(&text), find_in_text(&text), find_in_value("A_TOKEN", &text)];
            let files = files.into_iter().map(|path| crate::secret::secrets_in_file(path, &text));
            for found in all.into_iter().chain(files) {
                let mut end = 0;
                for secret in found {
                    prop_assert!(secret.start >= end);
                    let rest = text.get(secret.start..).unwrap_or_default();
                    prop_assert!(rest.starts_with(secret.value));
                    end = secret.start + secret.value.len();
                }
            }
            let _ = scrubbed(&text);
        }
    }

    #[test]
    fn quotations() {
        assert_eq!(
            scrubbed("a https://u:kQ7x2Vb9Zp4L@e.example b TOKEN=kQ7x2Vb9Zp4Lm1Rt8"),
            "a https://u:… (12 characters)@e.example b TOKEN=kQ7x… (17 characters)"
        );
        assert_eq!(scrubbed("https://e.example/x"), "https://e.example/x");
    }

    #[test]
    fn much_text_is_bounded() {
        let text = "PASSWORD=hunter2 ".repeat(200_000);
        assert_eq!(find_in_command(&text).len(), MAX_SECRETS);
        assert_eq!(find_in_value("X", &"é".repeat(MAX_TEXT)).len(), 0);
    }
}
