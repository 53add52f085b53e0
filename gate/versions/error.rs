//! Why a text is not a version.

use crate::Scheme;

/// A text that is not a version of its scheme, or that cannot be put in order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Nothing but white space.
    #[error("empty {scheme} version")]
    Empty {
        /// The scheme it was read under.
        scheme: Scheme,
    },
    /// Longer than [`crate::MAX_LENGTH`].
    #[error("{scheme} version of {length} bytes: at most {} are read", crate::MAX_LENGTH)]
    TooLong {
        /// The scheme it was read under.
        scheme: Scheme,
        /// Length of the text in bytes.
        length: usize,
    },
    /// The text does not have the shape of a version.
    #[error("`{text}` is no {scheme} version: {why}")]
    NotAVersion {
        /// The scheme it was read under.
        scheme: Scheme,
        /// The text, cut after 80 characters.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Both are versions, but no published rule says which comes first.
    #[error("no published rule orders the {scheme} versions `{a}` and `{b}`")]
    Unordered {
        /// The scheme of both.
        scheme: Scheme,
        /// The first, cut after 80 characters.
        a: String,
        /// The second, cut after 80 characters.
        b: String,
    },
}

/// A text short enough for a message.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text.to_owned(),
    }
}
