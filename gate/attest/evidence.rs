//! What vouches for a signature beside its key: certificates, logs, timestamps. Behind a trait, so that the crate that
//! verifies them can be another one tomorrow.

use jiff::Timestamp;
use secgate_model::Digest;

use crate::{identity::Holder, key::PublicKey, reason::Refusal};

/// The artifact that is signed.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// Its digest alone.
    Digest(&'a Digest),
}

/// Which proofs a certificate's signature must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proofs {
    /// Inclusion in a transparency log.
    pub log: bool,
    /// The certificate's own logging.
    pub certificate_transparency: bool,
}

impl Default for Proofs {
    /// All of them.
    fn default() -> Self {
        Self { log: true, certificate_transparency: true }
    }
}

/// A verified bundle: what was signed, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Payload type and payload, if the bundle holds an envelope.
    pub payload: Option<(String, Vec<u8>)>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The certificate's holder.
    pub holder: Option<Holder>,
    /// Who vouched for the holder.
    pub issuer: Option<String>,
    /// Whether the certificate's own logging was verified.
    pub certificate_transparency: bool,
    /// Whether all proofs and promises of the log entries that are there were verified.
    pub log: bool,
    /// Times that were vouched for.
    pub times: Vec<Timestamp>,
}

/// A log's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogKey {
    /// It was trusted at the time.
    Trusted(PublicKey),
    /// It is trusted, but not for that time.
    OutsideItsTime,
    /// Nobody trusts it.
    Unknown,
}

/// Verifies what vouches for a signature, without a network.
pub trait Evidence: Send + Sync {
    /// Verifies a bundle that was signed with a certificate, whoever its holder is: signature, certificate, log, time.
    fn by_certificate(
        &self,
        bundle: &[u8],
        subject: Subject<'_>,
        proofs: Proofs,
    ) -> Result<Signed, Refusal>;

    /// Verifies a bundle that was signed with this key: signature, timestamps and that log entries are about it, and with
    /// `log` that they are in their logs.
    fn by_key(
        &self,
        bundle: &[u8],
        subject: Subject<'_>,
        key: &PublicKey,
        log: bool,
    ) -> Result<Signed, Refusal>;

    /// The key of a log that took an entry at a time.
    fn log_key(&self, id: &[u8], at: Timestamp) -> LogKey;
}
