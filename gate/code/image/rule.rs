use secgate_model::{Confidence, Digest, Kind, Severity};

use super::facts::ImageFacts;

/// What is always true of a rule.
#[derive(Debug)]
pub struct RuleAbout {
    /// Stable: policies and waivers name it.
    pub id: &'static str,
    /// What its findings are about.
    pub kind: Kind,
    /// One line.
    pub title: &'static str,
    /// Why it matters, and where the rule's sight ends.
    pub help: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// How bad, where a hit does not say otherwise.
    pub severity: Severity,
    /// CWE numbers.
    pub cwe: &'static [u32],
    /// Further reading.
    pub references: &'static [&'static str],
}

/// One thing to look for in an image's configuration.
pub trait ImageRule: Send + Sync {
    /// What it is.
    fn about(&self) -> &'static RuleAbout;

    /// Everything of the image that it objects to. It depends on the facts alone.
    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit>;
}

/// Something that a rule objects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// One line, true of this image.
    pub message: String,
    /// What was seen, secrets redacted.
    pub evidence: Option<String>,
    /// Where, best first.
    pub places: Vec<Place>,
    /// What tells it from the rule's other hits, for its identity: a name, a path, a mark; no digest, tag, step or line.
    pub what: Vec<String>,
    /// Another severity than the rule's.
    pub severity: Option<Severity>,
    /// How sure.
    pub confidence: Confidence,
}

/// Where in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A field of its configuration: `User`, `Env/NAME`.
    Config(String),
    /// A step of its history, the first 1, and the layer that it made.
    Step(usize, Option<Digest>),
    /// A file, with its line from 1, and the layer that brought it.
    File(String, Option<u32>, Option<Digest>),
}

impl Hit {
    /// A hit that is sure, in one place.
    pub fn new(message: impl Into<String>, place: Place) -> Self {
        Self {
            message: message.into(),
            evidence: None,
            places: vec![place],
            what: Vec::new(),
            severity: None,
            confidence: Confidence::High,
        }
    }

    /// The same hit with what was seen.
    #[must_use]
    pub fn seen(self, evidence: impl Into<String>) -> Self {
        Self { evidence: Some(evidence.into()), ..self }
    }

    /// The same hit with its part in the identity.
    #[must_use]
    pub fn of(self, what: impl Into<String>) -> Self {
        Self { what: vec![what.into()], ..self }
    }

    /// The same hit with another severity than the rule's.
    #[must_use]
    pub fn severity(self, severity: Severity) -> Self {
        Self { severity: Some(severity), ..self }
    }

    /// The same hit, less sure or surer.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        Self { confidence, ..self }
    }
}
