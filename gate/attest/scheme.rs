//! How a signature is made: key and hash. Verification is strict about encodings, so that a signature has one form.

use aws_lc_rs::{
    digest::{Digest, SHA256},
    signature::{self, UnparsedPublicKey, VerificationAlgorithm},
};

use crate::{
    der::{self, Der, NotDer},
    key::{KeyKind, PublicKey},
    reason::{Reason, Refusal, refuse},
};

/// A key's algorithm with its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// ECDSA on P-256 over SHA-256.
    EcdsaP256Sha256,
    /// ECDSA on P-384 over SHA-384.
    EcdsaP384Sha384,
    /// ECDSA on P-384 over SHA-256: what cosign 2 makes. Verified only where the caller says so.
    EcdsaP384Sha256,
    /// RSA, PKCS#1 v1.5, over SHA-256.
    RsaPkcs1Sha256,
    /// Ed25519 over the message itself.
    Ed25519,
}

impl Scheme {
    /// The scheme that a kind of key signs with (sigstore's algorithm registry; cosign 3 does the same).
    pub fn of(kind: KeyKind) -> Self {
        match kind {
            KeyKind::EcdsaP256 => Self::EcdsaP256Sha256,
            KeyKind::EcdsaP384 => Self::EcdsaP384Sha384,
            KeyKind::Rsa(_) => Self::RsaPkcs1Sha256,
            KeyKind::Ed25519 => Self::Ed25519,
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::EcdsaP384Sha256 => "ecdsa-p384-sha256",
            Self::RsaPkcs1Sha256 => "rsa-pkcs1-sha256",
            Self::Ed25519 => "ed25519",
        }
    }

    fn algorithm(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP384Sha384 => &signature::ECDSA_P384_SHA384_ASN1,
            Self::EcdsaP384Sha256 => &signature::ECDSA_P384_SHA256_ASN1,
            Self::RsaPkcs1Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Ed25519 => &signature::ED25519,
        }
    }

    /// Bytes of a number of an ECDSA signature.
    fn number_length(self) -> Option<usize> {
        match self {
            Self::EcdsaP256Sha256 => Some(32),
            Self::EcdsaP384Sha384 | Self::EcdsaP384Sha256 => Some(48),
            Self::RsaPkcs1Sha256 | Self::Ed25519 => None,
        }
    }

    /// Whether a key can be used, a point being on its curve for one.
    pub(crate) fn parses(self, raw: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm(), raw).parse().is_ok()
    }
}

/// Which hashes are taken for a key on P-384.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hashes {
    /// The hash that belongs to the key: SHA-384.
    #[default]
    Own,
    /// Also SHA-256, which cosign 2 signs with whatever the key. As strong as a signature by a key on P-256.
    AlsoSha256,
}

/// Verifies a signature over a message and says how it was made.
pub fn verify(
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
    hashes: Hashes,
) -> Result<Scheme, Refusal> {
    let own = Scheme::of(key.kind());
    if let Some(length) = own.number_length() {
        check_ecdsa(signature, length)?;
    }
    let holds = |scheme: Scheme| {
        UnparsedPublicKey::new(scheme.algorithm(), key.raw()).verify(message, signature).is_ok()
    };
    if holds(own) {
        return Ok(own);
    }
    if own == Scheme::EcdsaP384Sha384 && holds(Scheme::EcdsaP384Sha256) {
        return match hashes {
            Hashes::AlsoSha256 => Ok(Scheme::EcdsaP384Sha256),
            Hashes::Own => refuse(
                Reason::SignatureHash,
                "the signature is over SHA-256, the key is for SHA-384",
            ),
        };
    }
    refuse(
        Reason::SignatureInvalid,
        format!("the signature does not verify with the key {}", key.fingerprint()),
    )
}

/// The same where only the SHA-256 digest of the message is at hand, which schemes over another hash cannot do with.
pub fn verify_digest(key: &PublicKey, sha256: &[u8], signature: &[u8]) -> Result<Scheme, Refusal> {
    let own = Scheme::of(key.kind());
    if !matches!(own, Scheme::EcdsaP256Sha256 | Scheme::RsaPkcs1Sha256) {
        let detail = format!("a signature by a key of {} needs the file itself", key.kind());
        return refuse(Reason::Unsupported, detail);
    }
    if let Some(length) = own.number_length() {
        check_ecdsa(signature, length)?;
    }
    let public = UnparsedPublicKey::new(own.algorithm(), key.raw());
    let holds = Digest::import_less_safe(sha256, &SHA256)
        .is_ok_and(|digest| public.verify_digest(&digest, signature).is_ok());
    if holds {
        return Ok(own);
    }
    let fingerprint = key.fingerprint();
    refuse(
        Reason::SignatureInvalid,
        format!("the signature does not verify with the key {fingerprint}"),
    )
}

/// `Ecdsa-Sig-Value` (RFC 3279 §2.2.3) in its one encoding, with two numbers above zero.
fn check_ecdsa(signature: &[u8], length: usize) -> Result<(), Refusal> {
    let numbers = || -> Result<(&[u8], &[u8]), NotDer> {
        let mut numbers = Der(signature).only(der::SEQUENCE)?;
        let r = numbers.positive()?;
        let s = numbers.positive()?;
        numbers.end()?;
        Ok((r, s))
    };
    let Ok((r, s)) = numbers() else {
        return refuse(Reason::SignatureEncoding, "the signature is not DER of two numbers");
    };
    if [r, s].iter().any(|number| number.is_empty() || number.len() > length) {
        return refuse(Reason::SignatureRange, "a number of the signature is zero or too large");
    }
    Ok(())
}
