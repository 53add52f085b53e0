//! A sigstore bundle, read once into parts that cannot contradict each other.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use secgate_formats::{
    base64_text::Base64Text,
    sigstore_bundle::{Bundle, Int64, LogEntry, MEDIA_TYPES, MessageDigest, MessageSignature},
    strict_json::{self, JsonFault},
};

use crate::reason::{Reason, Refusal, refuse, shown};

/// Most bytes of a bundle that holds a signature.
pub(crate) const SIGNATURE_LIMIT: usize = 1024 * 1024;
/// Most bytes of a bundle that holds an attestation, an SBOM for one.
pub(crate) const ATTESTATION_LIMIT: usize = 32 * 1024 * 1024;
/// Most log entries and timestamps of a bundle.
const ENTRIES: usize = 32;

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// An artifact's bytes, which are not in the bundle.
    Message { signature: Vec<u8>, hint: Option<Hint> },
    /// A payload in a DSSE envelope.
    Envelope { payload_type: String, payload: Vec<u8>, signature: Vec<u8> },
}

/// A digest of the artifact, which is not signed: all it can do is to contradict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hint {
    algorithm: &'static Algorithm,
    digest: Vec<u8>,
}

impl Hint {
    fn of(message: &MessageSignature) -> Result<Option<Self>, Refusal> {
        let Some(MessageDigest { algorithm: Some(algorithm), digest: Some(digest) }) =
            &message.message_digest
        else {
            return Ok(None);
        };
        let algorithm = match algorithm.as_str() {
            "SHA2_256" => &SHA256,
            "SHA2_384" => &SHA384,
            "SHA2_512" => &SHA512,
            other => {
                let detail = format!("a digest by `{}`", shown(other));
                return refuse(Reason::Unsupported, detail);
            }
        };
        Ok(Some(Self { algorithm, digest: bytes(digest, "digest")? }))
    }

    /// The artifact must not contradict it.
    pub(crate) fn check(&self, artifact: &[u8]) -> Result<(), Refusal> {
        if digest(self.algorithm, artifact).as_ref() == self.digest {
            return Ok(());
        }
        refuse(Reason::SubjectMismatch, "the bundle names the digest of another file")
    }
}

/// How it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Material {
    /// By a key, to which there is a hint.
    Key { hint: String },
    /// By somebody with a certificate: DER, the signer's first.
    Certificates(Vec<Vec<u8>>),
}

/// A bundle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) content: Content,
    pub(crate) material: Material,
    pub(crate) entries: Vec<LogEntry>,
    pub(crate) timestamps: usize,
}

/// Reads a bundle of at most `limit` bytes.
pub(crate) fn read(bytes: &[u8], limit: usize) -> Result<Parsed, Refusal> {
    let bundle: Bundle = strict_json::read(bytes, limit).map_err(|fault| {
        let reason = match fault {
            JsonFault::TooLarge { .. } => Reason::DocumentTooLarge,
            JsonFault::DuplicateKey(_) => Reason::BundleDuplicateKey,
            JsonFault::TrailingBytes => Reason::BundleTrailingBytes,
            _ => Reason::BundleMalformed,
        };
        Refusal::new(reason, format!("the bundle: {fault}"))
    })?;
    if !MEDIA_TYPES.contains(&bundle.media_type.as_str()) {
        let found = shown(&bundle.media_type);
        return refuse(Reason::BundleVersion, format!("a bundle of the type `{found}`"));
    }
    let entries = bundle.verification_material.tlog_entries.clone().unwrap_or_default();
    check_entries(&entries)?;
    let timestamps = bundle
        .verification_material
        .timestamp_verification_data
        .iter()
        .filter_map(|data| data.rfc3161_timestamps.as_ref())
        .map(Vec::len)
        .sum();
    if entries.len() > ENTRIES || timestamps > ENTRIES {
        return refuse(Reason::BundleMalformed, "the bundle: too many log entries or timestamps");
    }
    Ok(Parsed { content: content(&bundle)?, material: material(&bundle)?, entries, timestamps })
}

fn bytes(text: &Base64Text, what: &str) -> Result<Vec<u8>, Refusal> {
    text.bytes().map_err(|fault| Refusal::new(Reason::Base64, format!("the {what}: {fault}")))
}

fn content(bundle: &Bundle) -> Result<Content, Refusal> {
    match (&bundle.message_signature, &bundle.dsse_envelope) {
        (Some(message), None) => {
            let signature = bytes(&message.signature, "signature")?;
            Ok(Content::Message { signature, hint: Hint::of(message)? })
        }
        (None, Some(envelope)) => {
            let [signature] = envelope.signatures.as_slice() else {
                let count = envelope.signatures.len();
                return refuse(
                    Reason::SignatureCount,
                    format!("the envelope has {count} signatures, not one"),
                );
            };
            Ok(Content::Envelope {
                payload_type: envelope.payload_type.clone(),
                payload: bytes(&envelope.payload, "payload")?,
                signature: bytes(&signature.sig, "signature")?,
            })
        }
        (Some(_), Some(_)) => {
            refuse(Reason::BundleContent, "the bundle holds a message's signature and an envelope")
        }
        (None, None) => refuse(Reason::BundleContent, "the bundle holds no signature"),
    }
}

fn material(bundle: &Bundle) -> Result<Material, Refusal> {
    let material = &bundle.verification_material;
    match (&material.public_key, &material.certificate, &material.x509_certificate_chain) {
        (Some(key), None, None) => Ok(Material::Key { hint: key.hint.clone() }),
        (None, Some(certificate), None) => {
            Ok(Material::Certificates(vec![bytes(&certificate.raw_bytes, "certificate")?]))
        }
        (None, None, Some(chain)) => {
            if chain.certificates.is_empty() || chain.certificates.len() > ENTRIES {
                return refuse(Reason::MaterialMissing, "the bundle's chain has no certificate");
            }
            let chain = chain.certificates.iter();
            let chain = chain.map(|certificate| bytes(&certificate.raw_bytes, "certificate"));
            Ok(Material::Certificates(chain.collect::<Result<_, _>>()?))
        }
        (None, None, None) => {
            refuse(Reason::MaterialMissing, "the bundle names neither a key nor a certificate")
        }
        _ => refuse(Reason::MaterialAmbiguous, "the bundle names more than one key or certificate"),
    }
}

/// One entry counts once, however often it is repeated.
fn check_entries(entries: &[LogEntry]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for entry in entries {
        let log = entry.log_id.as_ref().map(|log| log.key_id.0.clone());
        let index = entry.log_index.as_ref().map(Int64::value);
        if let Some(None) = index {
            return refuse(Reason::LogEntryMalformed, "a log entry's number is no number");
        }
        if !seen.insert((log, index)) {
            return refuse(Reason::LogEntryDuplicate, "one log entry stands twice in the bundle");
        }
    }
    Ok(())
}
