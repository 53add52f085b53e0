use serde::{Deserialize, Serialize};

use crate::Digest;

/// A layer of an image, as its configuration and history tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Of its uncompressed bytes: what [`Location::layer`](crate::Location::layer) names it by.
    pub diff_id: Digest,
    /// The build step that made it, without secrets, where the history has one for each layer.
    pub step: Option<String>,
    /// Whether it seems to be the base image's; `None` where nothing tells.
    pub base: Option<bool>,
}
