use serde::{Deserialize, Serialize};

use crate::Digest;

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What sort of thing it is.
    pub kind: TargetKind,
    /// Its name as a person would say it: a folder's name, an image reference, a URL without credentials.
    pub name: String,
    /// The image's manifest digest.
    pub digest: Option<Digest>,
    /// The git commit, where the target is a work tree.
    pub revision: Option<String>,
}

/// The sorts of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// A folder or a file.
    Path,
    /// A container image.
    Image,
    /// A running application.
    Url,
}

impl TargetKind {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Image => "image",
            Self::Url => "url",
        }
    }
}
