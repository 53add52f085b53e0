use std::fmt;

use jiff::Timestamp;
use secgate_model::{AdvisoryData, Finding, Inventory, Problem, Target};
use secgate_source::Tree;

/// One kind of looking.
///
/// A scanner reports what *is*. It knows no stage, no threshold and no waiver, prints nothing, and reads neither the
/// environment nor the clock. It runs on a thread of its own; one that talks to a network owns its own runtime, so that a
/// run that needs none starts none.
pub trait Scanner: Send + Sync {
    /// What it is and what it needs.
    fn about(&self) -> &About;

    /// Looks. An error means that it could not look at all; what it could not judge in part goes into
    /// [`Scan::problems`].
    fn scan(&self, job: &Job<'_>) -> Result<Scan, ScanError>;
}

/// What is always true of a scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its id, as policies and reports name it: `audit`, `secrets`, `code`, `config`, `image`, `dast`.
    pub id: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it must be given.
    pub needs: &'static [Need],
}

/// An input that a scanner must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// [`Job::tree`].
    Tree,
    /// [`Job::inventory`].
    Inventory,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tree => "files",
            Self::Inventory => "an inventory",
        })
    }
}

/// What a scanner is given.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// What is looked at.
    pub target: &'a Target,
    /// Its files.
    pub tree: Option<&'a Tree>,
    /// What it is made of.
    pub inventory: Option<&'a Inventory>,
    /// The present, as the caller says.
    pub now: Timestamp,
}

/// What a scanner found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scan {
    /// What it found.
    pub findings: Vec<Finding>,
    /// What it could not judge, or thinks worth saying.
    pub problems: Vec<Problem>,
    /// The advisory data that it matched against, where it did.
    pub advisories: Option<AdvisoryData>,
    /// One line for a person: what was looked at.
    pub detail: String,
    /// It found nothing of the sort it understands: the outcome is "skipped", which a policy that requires this scanner
    /// does not take for "clean".
    pub nothing_to_look_at: bool,
}

/// Why a scanner could not look at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScanError {
    /// What went wrong, one sentence.
    pub message: String,
    /// The one thing to do about it.
    pub hint: Option<String>,
}

impl ScanError {
    /// An error without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// The same error with the one thing to do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
