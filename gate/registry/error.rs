use std::{error::Error, fmt};

use secgate_source::BlobError;

/// Why something could not be had from a registry or put into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryError {
    doing: String,
    /// What went wrong, for code that must tell the cases apart.
    pub kind: ErrorKind,
}

/// The cases. None of them means "there is no such thing" but [`ErrorKind::NotFound`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's input is not what it should be.
    #[error("{0}")]
    Input(String),
    /// 404: there is none.
    #[error("there is none (404)")]
    NotFound,
    /// 401, with credentials or without: nothing is known about whether there is one.
    #[error("the registry wants other credentials (401){0}")]
    Unauthorized(String),
    /// 403.
    #[error("the registry forbids it (403)")]
    Forbidden,
    /// 429, again and again.
    #[error("too many requests (429)")]
    TooManyRequests,
    /// 412: somebody else changed it meanwhile.
    #[error("it was changed meanwhile (412)")]
    Changed,
    /// Any other status.
    #[error("the server answered {0}")]
    Status(u16),
    /// No connection, or one that broke again and again.
    #[error("{0}")]
    Unreachable(String),
    /// It did not end in time, or the bytes came too slowly.
    #[error("{0}")]
    Slow(String),
    /// This client does not go there: an address, a redirect, an authentication realm, an unencrypted connection.
    #[error("refused: {0}")]
    Refused(String),
    /// More bytes, pages or entries than are read.
    #[error("more than {0}")]
    TooLarge(String),
    /// The answer is not what was asked for, or not what it says it is.
    #[error("{0}")]
    Wrong(String),
    /// Credentials cannot be had, though they are configured.
    #[error("{0}")]
    Credentials(String),
}

impl RegistryError {
    /// An error: what was being done to what (without credentials), and what went wrong.
    pub fn new(doing: impl Into<String>, kind: ErrorKind) -> Self {
        Self { doing: doing.into(), kind }
    }

    pub(crate) fn doing(&self) -> &str {
        &self.doing
    }

    /// The one thing to do about it, where there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match &self.kind {
            ErrorKind::Unauthorized(_) => {
                Some("log in to this registry (`docker login`), or give a user and a password")
            }
            ErrorKind::Forbidden => Some("the credentials are known but lack this permission"),
            ErrorKind::NotFound => Some(
                "check the name, and whether it needs a login: some registries hide what is private",
            ),
            ErrorKind::TooManyRequests => Some("log in, wait, or use a mirror"),
            ErrorKind::Refused(_) => Some("if you trust that host, allow it by name"),
            _ => None,
        }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.kind)
    }
}

impl Error for RegistryError {}

impl From<RegistryError> for BlobError {
    fn from(error: RegistryError) -> Self {
        let hint = error.hint();
        let plain = Self::new(error.to_string());
        match hint {
            Some(hint) => plain.with_hint(hint),
            None => plain,
        }
    }
}

/// An error with everything that caused it, on one line.
pub(crate) fn cause(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        inner = error.source();
    }
    text.chars().take(600).collect()
}
