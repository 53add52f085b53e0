use std::io::Read;

use secgate_formats::oci::Descriptor;
use secgate_model::Digest;

/// No manifest, index or configuration is larger (OCI distribution specification: registries refuse manifests above 4 MiB).
pub const MAX_MANIFEST: u64 = 4 << 20;

/// Where an image's manifests and blobs come from: an OCI layout, an archive, a registry, an engine.
///
/// An implementation moves bytes. Whether they are the right ones is checked by whoever reads an image through it.
pub trait Blobs: Send + Sync {
    /// Where this is, as a person would say it, without credentials: `oci:folder`, `registry.example/team/app`.
    fn name(&self) -> &str;

    /// The manifest or index that `wanted` names, as its source holds it.
    ///
    /// # Errors
    /// When there is none, when it cannot be had, or when it is larger than [`MAX_MANIFEST`].
    fn manifest(&self, wanted: &Wanted) -> Result<Served, BlobError>;

    /// A blob's bytes as a stream. It may be longer or shorter than the descriptor says, and may be other bytes.
    ///
    /// # Errors
    /// When there is none, or when it cannot be had.
    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send + '_>, BlobError>;

    /// Whether the source keeps no manifests, so that this makes them up: their digests mean nothing to anybody else.
    fn makes_manifests(&self) -> bool {
        false
    }
}

/// Which manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The one that stands under a tag.
    Tag(String),
    /// The one with this digest.
    Digest(Digest),
    /// The only one there is.
    Only,
}

/// A manifest or index as its source holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// What the source calls it, where it says so.
    pub media_type: Option<String>,
    /// Its bytes, at most [`MAX_MANIFEST`].
    pub bytes: Vec<u8>,
}

/// Why bytes of an image cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BlobError {
    /// What was being done to what, and what went wrong: one sentence, no credentials.
    pub message: String,
    /// The one thing to do about it.
    pub hint: Option<String>,
}

impl BlobError {
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
