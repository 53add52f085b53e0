use base64::{Engine, engine::general_purpose::STANDARD};

use crate::options::Secret;

/// Who this client says it is to a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A user and a password, or an access token in its place.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A refresh token (Docker calls it identity token), to be exchanged at the token server.
    Identity(Secret),
    /// A token that the registry itself takes.
    Bearer(Secret),
}

impl Credential {
    /// A user and a password.
    pub fn password(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { user: user.into(), password: Secret::new(password) }
    }

    /// The value of the header `Authorization` for the scheme `Basic` (RFC 7617), where there is a user.
    pub(crate) fn basic(&self) -> Option<Secret> {
        match self {
            Self::Password { user, password } => {
                let pair = format!("{user}:{}", password.reveal());
                Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))))
            }
            Self::Identity(_) | Self::Bearer(_) => None,
        }
    }
}
