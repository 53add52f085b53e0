//! The Dead Simple Signing Envelope (DSSE 1.0, `protocol.md` and `envelope.md`).

use serde::{Deserialize, Serialize};

use crate::base64_text::Base64Text;

/// Media type of an envelope.
pub const MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";

/// A payload with its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// What was signed.
    pub payload: Base64Text,
    /// How the payload is to be read; it is signed too.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Who signed.
    pub signatures: Vec<Signature>,
}

/// One signature over [`pae`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// An unsigned hint to the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyid: Option<String>,
    /// The signature.
    pub sig: Base64Text,
}

/// The bytes that are signed: type and payload with their lengths, so that nothing moves from one to the other
/// (DSSE protocol, "Signature Definition").
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        assert_eq!(
            pae("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        // Lengths are of bytes.
        assert_eq!(pae("é", b""), "DSSEv1 2 é 0 ".as_bytes());
        assert_ne!(pae("a 1", b"b"), pae("a", b"1 b"));
    }
}
