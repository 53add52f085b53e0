use serde::Deserialize;

use super::{MAX_BYTES, MAX_FINDINGS};

/// Why a file is no evidence. Every message names the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Larger than [`MAX_BYTES`].
    #[error("{name}: {bytes} bytes are more than the {MAX_BYTES} that are read")]
    TooLarge {
        /// The file.
        name: String,
        /// Its size.
        bytes: usize,
    },
    /// Nothing in it.
    #[error(
        "{name}: the report is empty: the tool that should have written it did not finish; run it again"
    )]
    Empty {
        /// The file.
        name: String,
    },
    /// Not text.
    #[error(
        "{name}: not UTF-8 at byte {at}: have the tool write UTF-8 (a shell that redirects may write UTF-16)"
    )]
    NotText {
        /// The file.
        name: String,
        /// The first byte that is no text, from 0.
        at: usize,
    },
    /// Not JSON, often because it was cut off.
    #[error("{name}:{line}:{column}: not complete JSON: {what}")]
    NotJson {
        /// The file.
        name: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// JSON of no format that is read here.
    #[error(
        "{name}: not a report that secgate knows; it reads its own, SARIF, CycloneDX, Trivy, Grype, OSV-Scanner, \
         cargo-audit, pip-audit, npm audit, Bandit, gitleaks, Semgrep, Checkov, hadolint, ZAP, govulncheck and Snyk (JSON)"
    )]
    Unknown {
        /// The file.
        name: String,
    },
    /// `[]` does not say whose it is.
    #[error(
        "{name}: an empty list does not say which tool wrote it: name the file after the tool, such as `gitleaks.json` or \
         `hadolint.json`"
    )]
    Nameless {
        /// The file.
        name: String,
    },
    /// A field that the reader relies on is missing or of another type.
    #[error("{name}:{line}:{column}: not a {format} report: {what}")]
    Shape {
        /// The file.
        name: String,
        /// The format.
        format: &'static str,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// A version of the format that is not read.
    #[error("{name}: {format} of version {found} is not read; expected {expected}")]
    Version {
        /// The file.
        name: String,
        /// The format.
        format: &'static str,
        /// What the file says.
        found: String,
        /// What is read.
        expected: &'static str,
    },
    /// A bill of materials, which says nothing about flaws.
    #[error(
        "{name}: a {format} document without vulnerabilities is a bill of materials, not a scan: use `secgate audit {name}`"
    )]
    Sbom {
        /// The file.
        name: String,
        /// The format.
        format: &'static str,
    },
    /// Well formed, and still no evidence.
    #[error("{name}: this {format} report is no evidence: {reason}")]
    Refused {
        /// The file.
        name: String,
        /// The format.
        format: &'static str,
        /// Why, and what to do.
        reason: String,
    },
    /// More than [`MAX_FINDINGS`].
    #[error("{name}: more than {MAX_FINDINGS} findings")]
    TooMany {
        /// The file.
        name: String,
    },
}

/// A report before it is understood.
pub(super) struct Input<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl<'a> Input<'a> {
    pub(super) fn new(name: &'a str, bytes: &'a [u8]) -> Result<Self, ImportError> {
        if bytes.len() > MAX_BYTES {
            return Err(ImportError::TooLarge { name: name.to_owned(), bytes: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| ImportError::NotText {
            name: name.to_owned(),
            at: error.valid_up_to(),
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Err(ImportError::Empty { name: name.to_owned() });
        }
        Ok(Self { name, text })
    }

    /// The whole text as one document.
    pub(super) fn parse<T: Deserialize<'a>>(&self, format: &'static str) -> Result<T, ImportError> {
        serde_json::from_str(self.text).map_err(|error| self.shape(format, &error))
    }

    pub(super) fn shape(&self, format: &'static str, error: &serde_json::Error) -> ImportError {
        let (name, line, column) = (self.name.to_owned(), error.line(), error.column());
        let what = without_content(error);
        if error.is_data() {
            ImportError::Shape { name, format, line, column, what }
        } else {
            ImportError::NotJson { name, line, column, what }
        }
    }

    pub(super) fn refuse(&self, format: &'static str, reason: impl Into<String>) -> ImportError {
        ImportError::Refused { name: self.name.to_owned(), format, reason: reason.into() }
    }

    pub(super) fn version(
        &self,
        format: &'static str,
        found: &impl ToString,
        expected: &'static str,
    ) -> ImportError {
        let found = found.to_string().chars().take(40).collect();
        ImportError::Version { name: self.name.to_owned(), format, found, expected }
    }
}

/// The parser's message without its place, which is told apart, and without the text that it quotes, which may be a
/// secret.
fn without_content(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    match (message.split_once("string \""), message.rsplit_once('"')) {
        (Some((before, _)), Some((_, after))) => format!("{before}a string{after}"),
        _ => message.chars().take(200).collect(),
    }
}
