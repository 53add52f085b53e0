use serde::{Deserialize, Serialize};

use crate::Digest;

/// Where something stands: a path inside the target, and as much more as is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Path relative to the target's root, with `/` between its parts.
    pub path: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column in characters, from 1.
    pub column: Option<u32>,
    /// Last line, from 1, where the thing spans several.
    pub end_line: Option<u32>,
    /// The image layer (diffID) that brought the file.
    pub layer: Option<Digest>,
}

impl Location {
    /// A place in a file, `line` from 1.
    pub fn line(path: impl Into<String>, line: u32) -> Self {
        Self { path: path.into(), line: Some(line), ..Self::default() }
    }

    /// A whole file.
    pub fn file(path: impl Into<String>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}
