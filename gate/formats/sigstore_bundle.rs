//! Sigstore bundles, versions 0.1 to 0.3 (`protobuf-specs`, `sigstore_bundle.proto`, in protobuf's JSON form).

use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{base64_text::Base64Text, dsse::Envelope};

/// Media type of the version that is written.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Media types of all versions that are read.
pub const MEDIA_TYPES: [&str; 4] = [
    MEDIA_TYPE,
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
];

/// A signature with what is needed to verify it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// Which version this is.
    pub media_type: String,
    /// Who signed and when.
    pub verification_material: VerificationMaterial,
    /// A signature over an artifact's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_signature: Option<MessageSignature>,
    /// A signed statement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dsse_envelope: Option<Envelope>,
}

/// Who signed and when. Exactly one of the first three is there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationMaterial {
    /// A key that the verifier has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PublicKeyIdentifier>,
    /// The certificate of the signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// The certificate of the signer and its issuers (before 0.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x509_certificate_chain: Option<CertificateChain>,
    /// Entries of transparency logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tlog_entries: Option<Vec<LogEntry>>,
    /// Timestamps of authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_verification_data: Option<TimestampVerificationData>,
}

/// A key that the verifier has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKeyIdentifier {
    /// Which one: cosign writes the base64 SHA-256 of the key.
    #[serde(default)]
    pub hint: String,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// Its DER.
    pub raw_bytes: Base64Text,
}

/// The certificate of the signer first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateChain {
    /// The certificates.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
}

/// A signature over an artifact's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageSignature {
    /// The artifact's digest, an unsigned hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_digest: Option<MessageDigest>,
    /// The signature.
    pub signature: Base64Text,
}

/// A digest and its algorithm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageDigest {
    /// `SHA2_256` and others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// The digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Base64Text>,
}

/// An entry of a transparency log, as far as it is told apart from others here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// Its number in the log.
    #[serde(default)]
    pub log_index: Option<Int64>,
    /// The log.
    #[serde(default)]
    pub log_id: Option<LogId>,
    /// Seconds since 1970 at which the log says that it took the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrated_time: Option<Int64>,
    /// The signed promise to include the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inclusion_promise: Option<InclusionPromise>,
    /// The proof that the entry is in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inclusion_proof: Option<serde_json::Value>,
    /// What was logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonicalized_body: Option<Base64Text>,
    /// Kind and version of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind_version: Option<KindVersion>,
}

/// Kind and version of a log entry's body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindVersion {
    /// `hashedrekord`, `dsse`, `intoto`.
    #[serde(default)]
    pub kind: String,
    /// `0.0.1` and others.
    #[serde(default)]
    pub version: String,
}

/// A log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogId {
    /// SHA-256 of the log's key.
    #[serde(default)]
    pub key_id: Base64Text,
}

/// The signed promise to include an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InclusionPromise {
    /// The signature.
    #[serde(default)]
    pub signed_entry_timestamp: Base64Text,
}

/// Timestamps of authorities.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimestampVerificationData {
    /// RFC 3161 responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rfc3161_timestamps: Option<Vec<Rfc3161Timestamp>>,
}

/// An RFC 3161 response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rfc3161Timestamp {
    /// Its DER.
    pub signed_timestamp: Base64Text,
}

/// A 64-bit number: protobuf's JSON writes it as a text and reads both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Int64 {
    /// As a text.
    Text(String),
    /// As a number.
    Number(i64),
}

impl Int64 {
    /// The number, of which a text has one form.
    pub fn value(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => {
                text.parse::<i64>().ok().filter(|number| number.to_string() == *text)
            }
        }
    }
}

/// Only whether a document says that it is a bundle, of whatever version.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnyBundle {
    /// Which version this is.
    pub media_type: String,
    /// Something is there.
    pub verification_material: IgnoredAny,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_of_cosign_is_read_and_written() {
        let text = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x="}},"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AA=="}]}}"#;
        let bundle: Bundle = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&bundle).unwrap(), text);
        let empty = r#"{"mediaType":"","verificationMaterial":{"tlogEntries":null},"messageSignature":{"messageDigest":{},"signature":""}}"#;
        assert!(serde_json::from_str::<Bundle>(empty).is_ok());
    }

    #[test]
    fn numbers_are_texts_of_one_form() {
        assert_eq!(Int64::Text("12".into()).value(), Some(12));
        for text in ["012", "+1", " 1", "1.0", "", "9223372036854775808"] {
            assert_eq!(Int64::Text(text.into()).value(), None, "{text}");
        }
    }
}
