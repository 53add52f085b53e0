use std::{
    ops::Range,
    sync::{LazyLock, OnceLock},
};

use regex::Regex;
use secgate_model::{Confidence, Severity};

use super::{cloud::CLOUD, entropy::entropy, placeholder::is_placeholder, tokens::TOKENS};

/// A credential that is told by its own form, as data.
#[derive(Debug)]
pub struct Detector {
    /// Stable; part of the identity of what it finds.
    pub id: &'static str,
    /// What it finds, as a person would say it: "GitHub token".
    pub title: &'static str,
    /// A text without any of these is not looked at closer, so that most forms are never compiled.
    pub hints: &'static [&'static str],
    /// The form. The group `secret` is the secret; without one it is the whole match. The `regex` crate has no backtracking, so
    /// that no text can make this slow.
    pub regex: &'static str,
    /// Shannon entropy in thousandths of a bit a character; what has less is no secret. 0 asks nothing.
    pub min_entropy: u32,
    /// Asked last, of the secret alone.
    pub check: Option<fn(&str) -> bool>,
    /// How bad it is to lose.
    pub severity: Severity,
    /// How sure the form is.
    pub confidence: Confidence,
    /// Texts in which it finds a secret.
    pub examples: &'static [&'static str],
    /// Texts in which it finds none.
    pub negative: &'static [&'static str],
}

/// A detector, and its form once a text has called for it.
#[derive(Debug)]
pub struct Loaded {
    /// The detector.
    pub detector: &'static Detector,
    regex: OnceLock<Regex>,
}

/// Every detector, those of the surest form first.
pub static DETECTORS: LazyLock<Vec<Loaded>> = LazyLock::new(|| {
    let all = TOKENS.iter().chain(CLOUD);
    all.map(|detector| Loaded { detector, regex: OnceLock::new() }).collect()
});

impl Loaded {
    /// Where the secrets of a text are, in bytes.
    pub fn matches(&self, text: &str) -> Vec<Range<usize>> {
        if !self.detector.hints.iter().any(|hint| text.contains(hint)) {
            return Vec::new();
        }
        self.form()
            .captures_iter(text)
            .filter_map(|found| found.name("secret").or_else(|| found.get(0)))
            .filter(|found| self.detector.accepts(found.as_str()))
            .map(|found| found.range())
            .collect()
    }

    fn form(&self) -> &Regex {
        self.regex.get_or_init(|| {
            Regex::new(self.detector.regex).expect("a test compiles every detector")
        })
    }
}

impl Detector {
    fn accepts(&self, secret: &str) -> bool {
        (self.min_entropy == 0 || entropy(secret) >= self.min_entropy)
            && self.check.is_none_or(|check| check(secret))
            && !is_placeholder(secret)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_detector_proves_itself_both_ways() {
        let mut ids = BTreeSet::new();
        for loaded in DETECTORS.iter() {
            let detector = loaded.detector;
            assert!(ids.insert(detector.id), "{} twice", detector.id);
            assert!(!detector.examples.is_empty(), "{}", detector.id);
            assert!(!detector.negative.is_empty(), "{}", detector.id);
            for text in detector.examples {
                assert_eq!(loaded.matches(text).len(), 1, "{}: {text}", detector.id);
            }
            for text in detector.negative {
                assert_eq!(loaded.matches(text).len(), 0, "{}: {text}", detector.id);
            }
            // A hint is part of every text of the form, or the form would have been compiled in vain.
            assert!(Regex::new(detector.regex).is_ok(), "{}", detector.id);
            assert!(detector.hints.iter().all(|hint| !hint.is_empty()), "{}", detector.id);
        }
    }
}
