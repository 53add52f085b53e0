//! Private keys: made, read, used. Their bytes are wiped, and nothing shows them.

use aws_lc_rs::{
    digest::{Digest, SHA256, SHA384, digest},
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use zeroize::Zeroizing;

use crate::{
    der::{self, Der, NotDer},
    key::{self, KeyKind, PublicKey},
    pem,
    reason::{Reason, Refusal, refuse, shown},
    scheme::Scheme,
    signer::Signer,
};

/// A key that signs.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
    scheme: Scheme,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey(…, {:?})", self.public)
    }
}

impl PrivateKey {
    /// A new key. RSA keys have 2048, 3072 or 4096 bits.
    pub fn generate(kind: KeyKind) -> Result<Self, Refusal> {
        let failed = |Unspecified| Refusal::new(Reason::Signing, format!("no key of {kind} made"));
        let ecdsa = |algorithm| EcdsaKeyPair::generate(algorithm).map(Pair::Ecdsa).map_err(failed);
        let rsa = |size| RsaKeyPair::generate(size).map(Pair::Rsa).map_err(failed);
        Self::of(match kind {
            KeyKind::EcdsaP256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)?,
            KeyKind::EcdsaP384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING)?,
            KeyKind::Rsa(2048) => rsa(KeySize::Rsa2048)?,
            KeyKind::Rsa(3072) => rsa(KeySize::Rsa3072)?,
            KeyKind::Rsa(4096) => rsa(KeySize::Rsa4096)?,
            KeyKind::Rsa(bits) => {
                return refuse(Reason::KeySize, format!("RSA keys of {bits} bits are not made"));
            }
            KeyKind::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519).map_err(failed)?,
        })
    }

    /// Reads a PEM file without a password: PKCS#8, SEC1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    pub fn import(text: &[u8]) -> Result<Self, Refusal> {
        let mut blocks = pem::blocks(text)?;
        // OpenSSL puts the curve before a key of SEC1, which names it again.
        blocks.retain(|block| block.label != "EC PARAMETERS");
        let [block] = blocks.as_slice() else {
            return refuse(Reason::KeyMalformed, "a private key: not one block of PEM");
        };
        match block.label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(&block.bytes),
            "EC PRIVATE KEY" => Self::from_pkcs8(&wrap_sec1(&block.bytes).map_err(malformed)?),
            "RSA PRIVATE KEY" => Self::from_pkcs8(&wrap(key::RSA, &NULL, &block.bytes)),
            "ENCRYPTED PRIVATE KEY" => refuse(
                Reason::KeyUnsupported,
                "a private key: encrypted PKCS#8 is not read. hint: openssl pkey -in KEY -out PLAIN",
            ),
            label => {
                let label = shown(label);
                refuse(Reason::KeyMalformed, format!("a private key: PEM holds `{label}`"))
            }
        }
    }

    /// Reads the DER of a PKCS#8 key (RFC 5958).
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, Refusal> {
        let rejected = |_| malformed(NotDer);
        let (algorithm, curve) = pkcs8_algorithm(pkcs8).map_err(malformed)?;
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).map(Pair::Ecdsa).map_err(rejected)
        };
        let pair = match (algorithm, curve) {
            (key::EC, Some(key::P256)) => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING)?,
            (key::EC, Some(key::P384)) => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING)?,
            (key::EC, Some(_)) => {
                return refuse(Reason::KeyCurve, "a key on another curve than P-256 and P-384");
            }
            (key::RSA, _) => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|error| {
                    if matches!(&*error.to_string(), "TooSmall" | "TooLarge") {
                        let (least, most) = (key::RSA_MIN_BITS, key::RSA_MAX_BITS);
                        let detail =
                            format!("an RSA key that does not have {least} to {most} bits");
                        return Refusal::new(Reason::KeySize, detail);
                    }
                    malformed(NotDer)
                })?;
                Pair::Rsa(pair)
            }
            (key::ED25519, None) => {
                Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(rejected)?)
            }
            _ => {
                return refuse(Reason::KeyUnsupported, "a key that is not ECDSA, RSA or Ed25519");
            }
        };
        Self::of(pair)
    }

    /// The same key, signing over SHA-256 if it is on P-384: cosign 2.5 and 3.1 verify by such a key over SHA-256 alone,
    /// though 3.1 signs over SHA-384.
    #[must_use]
    pub fn over_sha256(mut self) -> Self {
        if self.scheme == Scheme::EcdsaP384Sha384 {
            self.scheme = Scheme::EcdsaP384Sha256;
        }
        self
    }

    /// The DER of PKCS#8, wiped when dropped.
    pub(crate) fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let failed = |Unspecified| Refusal::new(Reason::Signing, "a private key: not written");
        let bytes = match &self.pair {
            Pair::Ecdsa(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                AsDer::<Pkcs8V1Der<'static>>::as_der(pair).map_err(failed)?.as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
        };
        Ok(Zeroizing::new(bytes))
    }

    fn of(pair: Pair) -> Result<Self, Refusal> {
        let spki: Result<PublicKeyX509Der<'static>, Unspecified> = match &pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Rsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        };
        let spki = spki.map_err(|Unspecified| malformed(NotDer))?;
        let public = PublicKey::from_spki(spki.as_ref())?;
        Ok(Self { pair, scheme: Scheme::of(public.kind()), public })
    }
}

impl Signer for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let failed = |Unspecified| Refusal::new(Reason::Signing, "the key does not sign");
        match &self.pair {
            Pair::Ecdsa(pair) if self.scheme == Scheme::EcdsaP384Sha256 => {
                // ECDSA takes a digest as a number (FIPS 186-5 §6.4.1). One of 256 bits is the same number with zeros before
                // it, as long as the digest that the library expects with this curve.
                let mut padded = [0; 48];
                let (_, end) = padded.split_at_mut(16);
                end.copy_from_slice(digest(&SHA256, message).as_ref());
                let digest = Digest::import_less_safe(&padded, &SHA384).map_err(failed)?;
                Ok(pair.sign_digest(&digest).map_err(failed)?.as_ref().to_vec())
            }
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Pair::Ed25519(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
        }
    }
}

const NULL: [u8; 2] = [der::NULL, 0];
const VERSION_0: [u8; 3] = [der::INTEGER, 1, 0];

fn malformed(_: NotDer) -> Refusal {
    Refusal::new(Reason::KeyMalformed, "a private key: not of its form, or inconsistent")
}

/// Algorithm of a `PrivateKeyInfo`, and the curve if that is its parameter.
fn pkcs8_algorithm(pkcs8: &[u8]) -> Result<(&[u8], Option<&[u8]>), NotDer> {
    let mut info = Der(pkcs8).only(der::SEQUENCE)?;
    info.take(der::INTEGER)?;
    let mut identifier = Der(info.take(der::SEQUENCE)?);
    let algorithm = identifier.take(der::OBJECT)?;
    let curve = match identifier.tag() {
        Some(der::OBJECT) => Some(identifier.take(der::OBJECT)?),
        _ => None,
    };
    Ok((algorithm, curve))
}

/// A `PrivateKeyInfo` around a key.
fn wrap(algorithm: &[u8], parameters: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let object = der::write(der::OBJECT, &[algorithm]);
    let identifier = der::write(der::SEQUENCE, &[&object, parameters]);
    let key = der::write(der::OCTET_STRING, &[key]);
    der::write(der::SEQUENCE, &[&VERSION_0, &identifier, &key])
}

/// A `PrivateKeyInfo` around an `ECPrivateKey` (RFC 5915), which must name its curve.
fn wrap_sec1(sec1: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotDer> {
    let mut parts = Der(sec1).only(der::SEQUENCE)?;
    parts.take(der::INTEGER)?;
    parts.take(der::OCTET_STRING)?;
    let curve = Der(parts.take(0xa0)?).only_object()?;
    let curve = der::write(der::OBJECT, &[curve]);
    Ok(wrap(key::EC, &curve, sec1))
}

impl<'a> Der<'a> {
    fn only_object(mut self) -> Result<&'a [u8], NotDer> {
        let object = self.take(der::OBJECT)?;
        self.end()?;
        Ok(object)
    }
}
