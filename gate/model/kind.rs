use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What sort of thing a finding is about. Policies match on it; the fingerprint depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An advisory that affects a package.
    Vulnerability,
    /// A credential in a file or in the history.
    Secret,
    /// A weakness in source code.
    Code,
    /// A misconfiguration of a build, an image, a cluster or a cloud.
    Config,
    /// A weakness of a running application.
    Web,
    /// A licence that needs a decision.
    Licence,
    /// A missing or wrong signature or attestation.
    Signature,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Vulnerability,
        Self::Secret,
        Self::Code,
        Self::Config,
        Self::Web,
        Self::Licence,
        Self::Signature,
    ];

    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vulnerability => "vulnerability",
            Self::Secret => "secret",
            Self::Code => "code",
            Self::Config => "config",
            Self::Web => "web",
            Self::Licence => "licence",
            Self::Signature => "signature",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("`{text}` is not a finding kind"))
    }
}
