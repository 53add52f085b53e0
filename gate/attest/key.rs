//! Public keys: read, written, named.

use aws_lc_rs::digest::{SHA256, digest};
use secgate_formats::base64_text::Base64Text;

use crate::{
    der::{self, Der, NotDer},
    pem,
    reason::{Reason, Refusal, refuse, shown},
    scheme::Scheme,
};

/// Fewest bits of an RSA key.
pub const RSA_MIN_BITS: usize = 2048;
/// Most bits of an RSA key: verifying with longer ones is work that an attacker chooses.
pub const RSA_MAX_BITS: usize = 8192;

const LABEL: &str = "PUBLIC KEY";

/// `id-ecPublicKey` (RFC 5480 §2.1.1).
pub(crate) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// `secp256r1`.
pub(crate) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// `secp384r1`.
pub(crate) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// `rsaEncryption` (RFC 3279 §2.3.1).
pub(crate) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `id-Ed25519` (RFC 8410 §3).
pub(crate) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// What kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// RSA of so many bits.
    Rsa(usize),
    /// Ed25519.
    Ed25519,
}

impl std::fmt::Display for KeyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::Rsa(bits) => write!(f, "RSA {bits}"),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// A key that signatures are verified with. Two are equal when their subject public key infos are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    kind: KeyKind,
    /// SubjectPublicKeyInfo (RFC 5280 §4.1.2.7).
    spki: Vec<u8>,
    /// What the kind's algorithm takes: a point, an `RSAPublicKey`, 32 bytes.
    raw: Vec<u8>,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({}, {})", self.kind, self.fingerprint())
    }
}

impl PublicKey {
    /// Reads a PEM file with one `PUBLIC KEY`, as `cosign.pub` is.
    pub fn from_pem(text: &[u8]) -> Result<Self, Refusal> {
        let blocks = pem::blocks(text)?;
        let [block] = blocks.as_slice() else {
            return refuse(Reason::KeyMalformed, "a public key: more than one block of PEM");
        };
        if block.label != LABEL {
            let label = shown(&block.label);
            return refuse(Reason::KeyMalformed, format!("a public key: PEM holds `{label}`"));
        }
        Self::from_spki(&block.bytes)
    }

    /// Reads a subject public key info.
    pub fn from_spki(spki: &[u8]) -> Result<Self, Refusal> {
        let (algorithm, parameters, raw) = parts(spki).map_err(|NotDer| {
            Refusal::new(Reason::KeyMalformed, "a public key: not DER of a SubjectPublicKeyInfo")
        })?;
        let kind = kind(algorithm, parameters, raw)?;
        let key = Self { kind, spki: spki.to_vec(), raw: raw.to_vec() };
        if !Scheme::of(kind).parses(&key.raw) {
            return refuse(Reason::KeyMalformed, format!("a public key: no key of {kind}"));
        }
        Ok(key)
    }

    /// Which kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The subject public key info.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> String {
        pem::write(LABEL, &self.spki).to_string()
    }

    /// Base64 of the SHA-256 of the subject public key info: the hint in a bundle, and this key's name everywhere.
    pub fn fingerprint(&self) -> String {
        Base64Text::of(digest(&SHA256, &self.spki).as_ref()).0
    }

    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }
}

/// Algorithm, its parameters and the key.
type Parts<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn parts(spki: &[u8]) -> Result<Parts<'_>, NotDer> {
    let mut info = Der(spki).only(der::SEQUENCE)?;
    let mut identifier = Der(info.take(der::SEQUENCE)?);
    let algorithm = identifier.take(der::OBJECT)?;
    let raw = info.bits()?;
    info.end()?;
    Ok((algorithm, identifier.0, raw))
}

fn kind(algorithm: &[u8], parameters: &[u8], raw: &[u8]) -> Result<KeyKind, Refusal> {
    let malformed = || Refusal::new(Reason::KeyMalformed, "a public key: wrong parameters");
    let mut parameters = Der(parameters);
    match algorithm {
        EC => {
            let curve = parameters.take(der::OBJECT).map_err(|NotDer| malformed())?;
            parameters.end().map_err(|NotDer| malformed())?;
            let (kind, length) = match curve {
                P256 => (KeyKind::EcdsaP256, 65),
                P384 => (KeyKind::EcdsaP384, 97),
                _ => {
                    return refuse(Reason::KeyCurve, "a key on another curve than P-256 and P-384");
                }
            };
            // Uncompressed, as everybody writes it: a key has one form and thus one fingerprint.
            if raw.first() != Some(&4) || raw.len() != length {
                return refuse(Reason::KeyMalformed, "a public key: not an uncompressed point");
            }
            Ok(kind)
        }
        RSA => {
            let null = parameters.take(der::NULL).map_err(|NotDer| malformed())?;
            parameters.end().map_err(|NotDer| malformed())?;
            if !null.is_empty() {
                return Err(malformed());
            }
            let mut numbers = Der(raw).only(der::SEQUENCE).map_err(|NotDer| malformed())?;
            let modulus = numbers.positive().map_err(|NotDer| malformed())?;
            let exponent = numbers.positive().map_err(|NotDer| malformed())?;
            numbers.end().map_err(|NotDer| malformed())?;
            let bits = bits(modulus);
            if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits) {
                let range = format!("{RSA_MIN_BITS} to {RSA_MAX_BITS}");
                return refuse(Reason::KeySize, format!("an RSA key of {bits} bits, not {range}"));
            }
            if matches!(exponent, [] | [1 | 2]) {
                return Err(malformed());
            }
            Ok(KeyKind::Rsa(bits))
        }
        ED25519 => {
            if parameters.is_empty() && raw.len() == 32 {
                Ok(KeyKind::Ed25519)
            } else {
                Err(malformed())
            }
        }
        _ => refuse(Reason::KeyUnsupported, "a key that is not ECDSA, RSA or Ed25519"),
    }
}

/// Bits of a number without leading zeros.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| {
        let unused = usize::try_from(first.leading_zeros()).unwrap_or(0);
        number.len().saturating_mul(8).saturating_sub(unused)
    })
}
