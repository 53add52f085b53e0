//! What changed from one bill of materials to another: our own document, described by `reports/schema/sbom-diff-1.schema.json`.

use serde::{Deserialize, Serialize};

/// The value of `schema`.
pub const SCHEMA: &str = "secgate.sbom-diff/1";

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SbomDiff {
    /// [`SCHEMA`].
    pub schema: String,
    /// The earlier one.
    pub from: Side,
    /// The later one.
    pub to: Side,
    /// Packages of the later one alone, sorted by purl.
    pub added: Vec<Entry>,
    /// Packages of the earlier one alone, sorted by purl.
    pub removed: Vec<Entry>,
    /// Packages of both that differ, sorted by purl.
    pub changed: Vec<Changed>,
    /// How many packages are the same in both.
    pub unchanged: u64,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// What a person calls it.
    pub name: String,
    /// How many packages it has.
    pub packages: u64,
    /// How many gaps it has: with any, a package that is missing may be there.
    pub gaps: u64,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its purl.
    pub purl: String,
    /// `runtime`, `optional`, `dev` or `unknown`.
    pub scope: String,
    /// Whether the project names it itself; null when not told.
    pub direct: Option<bool>,
    /// Its licences.
    pub licenses: Vec<String>,
}

/// A package that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    /// Its purl in the earlier one.
    pub from: String,
    /// Its purl in the later one.
    pub to: String,
    /// Where its version went.
    pub version: Direction,
    /// Its licences, where they differ.
    pub licenses: Option<Change<Vec<String>>>,
    /// Its scope, where it differs.
    pub scope: Option<Change<String>>,
}

/// Where a version went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To a higher one.
    Up,
    /// To a lower one.
    Down,
    /// To another one that is neither, or cannot be ordered.
    Side,
    /// Nowhere.
    Same,
}

impl Direction {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Side => "side",
            Self::Same => "same",
        }
    }
}

/// Before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change<T> {
    /// Before.
    pub from: T,
    /// After.
    pub to: T,
}

impl SbomDiff {
    /// Whether the two hold the same packages with the same licences and scopes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}
