//! Certificates, transparency logs and timestamps by `sigstore-verify`: the one file that knows that crate.
//!
//! It verifies with any identity, and who signed is matched afterwards on what the verified certificate says. The crate
//! reads the machine's clock for "not in the future".

use jiff::Timestamp;
use secgate_formats::strict_json;
use sigstore_verify::{
    CertificateError, Error, PublicKeyVerificationPolicy, SubjectAltName, TimestampError,
    TransparencyLogError, VerificationPolicy, VerificationResult, Verifier,
    bundle::Error as FormError,
    trust_root::{SigstoreInstance, TrustedRoot},
    types::{Artifact, Bundle, DerPublicKey, Sha256Hash, SignatureContent, TimeRange},
};

use crate::{
    evidence::{Evidence, LogKey, Proofs, Signed, Subject},
    identity::Holder,
    key::PublicKey,
    reason::{Reason, Refusal, refuse, shown},
};

/// Most bytes of a trusted root.
const LIMIT: usize = 4 * 1024 * 1024;

/// Whom to trust: authorities of certificates and timestamps, and logs (`sigstore_trustroot.proto`).
pub struct TrustRoot {
    verifier: Verifier,
    logs: Vec<Log>,
}

struct Log {
    id: Vec<u8>,
    key: Vec<u8>,
    valid: Option<TimeRange>,
}

/// The public instances whose roots are built in, as they were when `sigstore-verify` was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instance {
    /// Sigstore's public good instance.
    PublicGood,
    /// Sigstore's staging instance, for tests.
    Staging,
    /// GitHub's instance for attestations of private repositories.
    GitHub,
}

impl TrustRoot {
    /// Reads a `trusted_root.json`.
    pub fn from_json(json: &[u8]) -> Result<Self, Refusal> {
        let malformed = |detail: String| {
            Refusal::new(Reason::TrustRoot, format!("the trusted root: {}", shown(&detail)))
        };
        strict_json::check(json, LIMIT).map_err(|fault| malformed(fault.to_string()))?;
        let root =
            std::str::from_utf8(json).map_err(|error| malformed(error.to_string())).and_then(
                |text| TrustedRoot::from_json(text).map_err(|error| malformed(error.to_string())),
            )?;
        Self::of(&root)
    }

    /// The root of a public instance, from this program.
    pub fn embedded(instance: Instance) -> Result<Self, Refusal> {
        let root = match instance {
            Instance::PublicGood => SigstoreInstance::PublicGood,
            Instance::Staging => SigstoreInstance::Staging,
            Instance::GitHub => SigstoreInstance::GitHub,
        };
        let root = root.embedded_trusted_root().map_err(|error| {
            Refusal::new(
                Reason::TrustRoot,
                format!("the built-in root: {}", shown(&error.to_string())),
            )
        })?;
        Self::of(&root)
    }

    /// Whether it names a log whose entries could be required.
    pub fn names_logs(&self) -> bool {
        !self.logs.is_empty()
    }

    fn of(root: &TrustedRoot) -> Result<Self, Refusal> {
        let logs = root.tlogs.iter().map(|log| Log {
            id: log.log_id.key_id.as_bytes().to_vec(),
            key: log.public_key.raw_bytes.as_bytes().to_vec(),
            valid: log.public_key.valid_for,
        });
        Ok(Self {
            logs: logs.collect(),
            verifier: Verifier::new(root).map_err(|error| refusal(&error))?,
        })
    }
}

impl Evidence for TrustRoot {
    fn by_certificate(
        &self,
        bundle: &[u8],
        subject: Subject<'_>,
        proofs: Proofs,
    ) -> Result<Signed, Refusal> {
        let bundle = parse(bundle)?;
        let mut policy = VerificationPolicy::any_identity();
        if !proofs.log {
            policy = policy.skip_tlog_unsafe();
        }
        if !proofs.certificate_transparency {
            policy = policy.skip_sct();
        }
        let result = self
            .verifier
            .verify(artifact(subject)?, &bundle, &policy)
            .map_err(|error| refusal(&error))?;
        if !result.certificate_verified() {
            return refuse(Reason::CertificateChain, "the certificate was not verified");
        }
        signed(&bundle, &result)
    }

    fn by_key(
        &self,
        bundle: &[u8],
        subject: Subject<'_>,
        key: &PublicKey,
        log: bool,
    ) -> Result<Signed, Refusal> {
        let bundle = parse(bundle)?;
        let key = DerPublicKey::from_bytes(key.spki());
        let mut policy = PublicKeyVerificationPolicy::new(key);
        if !log {
            policy = policy.skip_tlog_unsafe();
        }
        let result = self
            .verifier
            .verify(artifact(subject)?, &bundle, &policy)
            .map_err(|error| refusal(&error))?;
        signed(&bundle, &result)
    }

    fn log_key(&self, id: &[u8], at: Timestamp) -> LogKey {
        let Some(log) = self.logs.iter().find(|log| log.id == id) else { return LogKey::Unknown };
        if log.valid.is_some_and(|valid| !valid.contains(at)) {
            return LogKey::OutsideItsTime;
        }
        PublicKey::from_spki(&log.key).map_or(LogKey::Unknown, LogKey::Trusted)
    }
}

fn parse(bundle: &[u8]) -> Result<Bundle, Refusal> {
    let malformed = |detail: String| {
        Refusal::new(Reason::BundleMalformed, format!("the bundle: {}", shown(&detail)))
    };
    let text = std::str::from_utf8(bundle).map_err(|error| malformed(error.to_string()))?;
    Bundle::from_json(text).map_err(|error| malformed(error.to_string()))
}

fn artifact(subject: Subject<'_>) -> Result<Artifact<'_>, Refusal> {
    match subject {
        Subject::Bytes(bytes) => Ok(Artifact::from_blob(bytes)),
        Subject::Digest(digest) => Sha256Hash::from_hex(digest.hex())
            .map(Artifact::from_digest)
            .map_err(|_| Refusal::new(Reason::DigestMalformed, "the digest of the artifact")),
    }
}

fn signed(bundle: &Bundle, result: &VerificationResult) -> Result<Signed, Refusal> {
    let (payload, signature) = match &bundle.content {
        SignatureContent::DsseEnvelope(envelope) => (
            Some((envelope.payload_type.clone(), envelope.payload.as_bytes().to_vec())),
            envelope.signature.sig.as_bytes().to_vec(),
        ),
        SignatureContent::MessageSignature(message) => {
            (None, message.signature.as_bytes().to_vec())
        }
        _ => return refuse(Reason::Unsupported, "a bundle with another content"),
    };
    let holder = result.identity().map(|name| match name {
        SubjectAltName::Email(text) => Ok(Holder::Email(text.clone())),
        SubjectAltName::Uri(text) => Ok(Holder::Uri(text.clone())),
        _ => refuse(Reason::Identity, "the certificate has a name of another kind"),
    });
    Ok(Signed {
        payload,
        signature,
        holder: holder.transpose()?,
        issuer: result.issuer().map(str::to_owned),
        certificate_transparency: result.sct_verified(),
        log: result.tlog_verified(),
        times: result.verified_timestamps().to_vec(),
    })
}

/// Each of the crate's errors has one reason here.
fn refusal(error: &Error) -> Refusal {
    let reason = match error {
        Error::IdentityMismatch { .. } => Reason::Identity,
        Error::IssuerMismatch { .. } => Reason::Issuer,
        Error::SignatureInvalid(_) => Reason::SignatureInvalid,
        Error::ArtifactMismatch(_) => Reason::SubjectMismatch,
        Error::Certificate(error) => match error {
            CertificateError::Malformed(_) => Reason::CertificateMalformed,
            // The crate's version is pinned: these are the names of the errors of its chain's verification.
            CertificateError::ChainInvalid(detail)
                if ["CertExpired", "CertNotValidYet"].iter().any(|name| detail.contains(name)) =>
            {
                Reason::CertificateTime
            }
            CertificateError::NotYetValid { .. } | CertificateError::Expired { .. } => {
                Reason::CertificateTime
            }
            CertificateError::Sct(_) => Reason::CertificateTransparency,
            _ => Reason::CertificateChain,
        },
        Error::TransparencyLog(error) => match error {
            TransparencyLogError::UnknownLog { .. } => Reason::LogUnknown,
            TransparencyLogError::InclusionProof(_) => Reason::LogInclusion,
            TransparencyLogError::Checkpoint(_) => Reason::LogCheckpoint,
            TransparencyLogError::InclusionPromise(_) => Reason::LogPromise,
            TransparencyLogError::EntryMismatch(_) => Reason::LogEntryMismatch,
            TransparencyLogError::IntegratedTime(_) => Reason::LogTime,
            _ => Reason::LogEntryMalformed,
        },
        Error::Timestamp(error) => match error {
            TimestampError::OutsideAuthorityValidity { .. } => Reason::TimestampAuthority,
            TimestampError::NoVerifiedTimestamp(_) => Reason::TimestampMissing,
            _ => Reason::TimestampInvalid,
        },
        Error::Bundle(error) => match error {
            FormError::MissingInclusionPromise(_) => Reason::LogPromise,
            FormError::MissingInclusionProof(_) | FormError::LogIndexOutOfRange { .. } => {
                Reason::LogInclusion
            }
            FormError::MissingCheckpoint | FormError::CheckpointRootMismatch => {
                Reason::LogCheckpoint
            }
            FormError::MissingSigningTimeEvidence | FormError::MissingTimestamp => {
                Reason::TimestampMissing
            }
            _ => Reason::BundleMalformed,
        },
        Error::UnsupportedBundle(_) | Error::UnsupportedArtifact(_) => Reason::Unsupported,
        Error::InvalidTrustRoot(_) | Error::TrustRoot(_) | Error::TrustedCertificate(_) => {
            Reason::TrustRoot
        }
        _ => Reason::BundleMalformed,
    };
    Refusal::new(reason, shown(&error.to_string()))
}
