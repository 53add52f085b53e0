use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Location;

/// What one scanner leaves behind, findings apart: without it nobody could tell "found nothing" from "did not look".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The scanner's id, for example `audit`.
    pub scanner: String,
    /// The scanner's version.
    pub version: String,
    /// How it ended.
    pub ended: Ended,
    /// One line for a person: what was read, or what is missing.
    pub detail: String,
    /// Every gap, in order of location.
    pub problems: Vec<Problem>,
    /// The advisory data that it matched against, where it did.
    pub advisories: Option<AdvisoryData>,
    /// Milliseconds of wall time. Not part of any digest.
    pub took_ms: u64,
}

/// How a scanner ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It looked at everything that it was asked to look at.
    Complete,
    /// It looked at less; `problems` says what is missing.
    Partial,
    /// It had nothing to look at that it understands, or was told not to run.
    Skipped,
    /// It could not look at all.
    Failed,
}

impl Ended {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// One thing that a scanner could not judge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// Where, if it has a place.
    pub location: Option<Location>,
    /// What is wrong, one sentence, no secrets.
    pub message: String,
    /// The one thing to do about it, where there is one.
    pub hint: Option<String>,
    /// Whether the scan is less than complete because of it. What is not a gap is only worth reading.
    pub gap: bool,
}

/// Which advisories were matched against, and how old they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvisoryData {
    /// The database's content revision.
    pub revision: String,
    /// Until when the advisories are known to be the newest that their source has. `None` when nobody knows, and then no
    /// policy may call them fresh.
    pub published: Option<Timestamp>,
    /// How many advisories it holds.
    pub count: u64,
    /// Whether it is the embedded starter set, which covers only the reference application's world.
    pub starter: bool,
    /// Until when the EPSS scores are known to be the newest.
    pub epss: Option<Timestamp>,
    /// Until when the KEV catalogue is known to be the newest.
    pub kev: Option<Timestamp>,
    /// How old the data are by their own word.
    pub at_source: SourceDates,
}

/// The dates that data carry in themselves. The newest there is may be old: a source that nobody keeps up, a copy that
/// stands still.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDates {
    /// The newest change of an advisory that does not lie in the future.
    pub advisories: Option<Timestamp>,
    /// The day of the EPSS scores.
    pub epss: Option<Timestamp>,
    /// The release of the KEV catalogue.
    pub kev: Option<Timestamp>,
}
