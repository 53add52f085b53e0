//! Base64 as it stands in a JSON document: the text is kept, and read strictly when the bytes are wanted.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

/// Bytes in standard base64 with padding (RFC 4648 §4). What a lenient reader skips or completes, such as line ends,
/// missing padding or bits that nobody reads, has no bytes: two texts never stand for the same bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Base64Text(pub String);

/// A text is not the one standard base64 form of any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not standard base64 with padding")]
pub struct Base64Fault;

impl Base64Text {
    /// The text for these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(STANDARD.encode(bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, Base64Fault> {
        STANDARD.decode(&self.0).map_err(|_| Base64Fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_text() {
        for bytes in [&b""[..], b"a", b"ab", b"abc", b"\xff\xfe\xfd"] {
            assert_eq!(Base64Text::of(bytes).bytes().as_deref(), Ok(bytes));
        }
        for text in
            ["YQ", "YQ=", "YR==", "Y Q==", "YQ==\n", "YQ==YQ==", "_-8=", "=", "Y*Q=", "YQ==="]
        {
            assert_eq!(Base64Text(text.to_owned()).bytes(), Err(Base64Fault), "{text}");
        }
    }
}
