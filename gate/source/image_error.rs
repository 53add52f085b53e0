use crate::{BlobError, LayerError, MergeError};

/// Why an image cannot be opened. There is no half-opened image: what is not sure is an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// Its source does not give its bytes.
    #[error("{0}")]
    Source(#[from] BlobError),
    /// Bytes are not those that were asked for.
    #[error("{image}: {what} has the digest {found}, but {expected} was asked for")]
    Digest {
        /// The image.
        image: String,
        /// The manifest, the configuration, the layer with its digest.
        what: String,
        /// The digest that was asked for.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// A blob is longer or shorter than its descriptor says.
    #[error("{image}: {what} should have {expected} bytes, but has {found}")]
    Size {
        /// The image.
        image: String,
        /// The configuration, the layer with its digest.
        what: String,
        /// As the descriptor says.
        expected: u64,
        /// As came, at most one more than expected.
        found: u64,
    },
    /// A document does not say what the specification asks for.
    #[error("{image}: {what}: {reason}")]
    Malformed {
        /// The image.
        image: String,
        /// The document.
        what: String,
        /// One sentence.
        reason: String,
    },
    /// There is no image for the platform.
    #[error("{image}: there is none for {wanted}; there is {available}")]
    Platform {
        /// The image.
        image: String,
        /// `os/arch[/variant]`.
        wanted: String,
        /// What there is, comma-separated.
        available: String,
    },
    /// A layer cannot be read.
    #[error("{image}: layer {layer}: {error}")]
    Layer {
        /// The image.
        image: String,
        /// Its digest.
        layer: String,
        /// Why.
        error: LayerError,
    },
    /// A layer does not fit on those below it.
    #[error("{image}: layer {layer} cannot be unpacked: {error}")]
    Merge {
        /// The image.
        image: String,
        /// Its digest.
        layer: String,
        /// Why.
        error: MergeError,
    },
    /// A limit is exceeded.
    #[error("{image}: {reason}")]
    Limit {
        /// The image.
        image: String,
        /// One sentence.
        reason: String,
    },
}

impl ImageError {
    /// The one thing to do about it, where there is one.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Source(error) => error.hint.as_deref(),
            Self::Platform { .. } => Some("name one of these with --platform"),
            _ => None,
        }
    }
}
