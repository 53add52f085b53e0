use serde::{Deserialize, Serialize};

use crate::{Location, Purl};

/// What a package is needed for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Needed to run the application.
    Runtime,
    /// Installed only when asked for (extras, optional dependencies, peers).
    Optional,
    /// Needed only to build or test.
    Dev,
    /// The file does not say.
    #[default]
    Unknown,
}

impl Scope {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Optional => "optional",
            Self::Dev => "dev",
            Self::Unknown => "unknown",
        }
    }

    /// The wider of two scopes: what one file needs at run time stays needed at run time. Unknown may be run time, so
    /// it wins over everything but `Runtime`.
    #[must_use]
    pub fn widest(self, other: Self) -> Self {
        let reach = |scope| match scope {
            Self::Runtime => 0,
            Self::Unknown => 1,
            Self::Optional => 2,
            Self::Dev => 3,
        };
        if reach(self) <= reach(other) { self } else { other }
    }
}

/// A package that is part of the target, at one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its identity; the version is always known (what has none is an [`Unknown`](crate::Unknown)).
    pub purl: Purl,
    /// What it is needed for.
    pub scope: Scope,
    /// Named by the project itself (`true`), pulled in by another package (`false`), or not told by the file.
    pub direct: Option<bool>,
    /// Licences as the file states them, SPDX expressions where they are such.
    pub licenses: Vec<String>,
    /// Where it was found, sorted, without repeats.
    pub locations: Vec<Location>,
    /// The purls of the packages that pull it in directly, sorted, where the file tells.
    pub parents: Vec<Purl>,
    /// The distribution's source package that it was built from: name and version.
    pub source: Option<(String, String)>,
    /// The distribution's package whose file this is, where a language package came with the operating system: its fixes
    /// are the distribution's, whatever the version says.
    pub owned_by: Option<Purl>,
    /// Checksums of the published artifact as a lockfile states them or a file shows, as `sha256:<hex>` (also `sha1`,
    /// `sha384`, `sha512`), sorted.
    pub hashes: Vec<String>,
    /// The catalogers that saw it, sorted.
    pub found_by: Vec<String>,
}

impl Package {
    /// A package seen by `cataloger` at `location`, of which nothing else is known yet.
    pub fn new(purl: Purl, cataloger: &str, location: Location) -> Self {
        Self {
            purl,
            scope: Scope::Unknown,
            direct: None,
            licenses: Vec::new(),
            locations: vec![location],
            parents: Vec::new(),
            source: None,
            owned_by: None,
            hashes: Vec::new(),
            found_by: vec![cataloger.to_owned()],
        }
    }
}
