//! cosign's own documents: the encrypted key file and the proof of logging beside a legacy signature (cosign
//! `specs/SIGNATURE_SPEC.md`).

use serde::{Deserialize, Serialize};

use crate::base64_text::Base64Text;

/// Annotation of a layer with the base64 signature over it.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// Annotation with the PEM certificate of the signer.
pub const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// Annotation with the PEM certificates of its issuers.
pub const CHAIN: &str = "dev.sigstore.cosign/chain";
/// Annotation with a [`LogBundle`].
pub const BUNDLE: &str = "dev.sigstore.cosign/bundle";
/// Annotation with an RFC 3161 timestamp.
pub const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// PEM label of an encrypted private key.
pub const KEY_LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// PEM label that older versions wrote.
pub const OLD_KEY_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";

/// The document in the PEM of an encrypted private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFile {
    /// How the password becomes a key.
    pub kdf: Kdf,
    /// How the key was used.
    pub cipher: Cipher,
    /// The PKCS#8 private key, sealed.
    pub ciphertext: Base64Text,
}

/// How a password becomes a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kdf {
    /// `scrypt`.
    pub name: String,
    /// What it costs.
    pub params: KdfParameters,
    /// 32 bytes.
    pub salt: Base64Text,
}

/// scrypt's parameters (RFC 7914 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KdfParameters {
    /// Cost.
    #[serde(rename = "N")]
    pub n: u64,
    /// Block size.
    pub r: u64,
    /// Parallelization.
    pub p: u64,
}

/// How the key was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cipher {
    /// `nacl/secretbox`.
    pub name: String,
    /// 24 bytes.
    pub nonce: Base64Text,
}

/// What Rekor signed about a legacy signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBundle {
    /// The log's signature over the canonical JSON of the payload.
    #[serde(rename = "SignedEntryTimestamp")]
    pub signed_entry_timestamp: Base64Text,
    /// What it signed.
    #[serde(rename = "Payload")]
    pub payload: LogPayload,
}

/// A log entry. The order of the fields is that of canonical JSON (RFC 8785), which the log signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPayload {
    /// The logged document.
    pub body: Base64Text,
    /// Seconds since 1970.
    #[serde(rename = "integratedTime")]
    pub integrated_time: i64,
    /// SHA-256 of the log's key in hexadecimal digits.
    #[serde(rename = "logID")]
    pub log_id: String,
    /// Number of the entry.
    #[serde(rename = "logIndex")]
    pub log_index: i64,
}
