//! A password that is wiped and never shown.

use std::fmt;

use zeroize::Zeroizing;

/// The password of a key file. Neither `Debug` nor an error shows it; its memory is wiped when it is dropped.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes over a password.
    pub fn new(password: String) -> Self {
        Self(Zeroizing::new(password))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}
