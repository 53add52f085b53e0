//! Which keys a policy takes.

use crate::{
    key::{KeyKind, PublicKey},
    reason::{Reason, Refusal, refuse},
};

/// Keys of one algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFamily {
    /// ECDSA on P-256.
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// RSA.
    Rsa,
    /// Ed25519.
    Ed25519,
}

/// A policy's rule about keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRule<'a> {
    /// The algorithms.
    pub families: &'a [KeyFamily],
    /// Fewest bits of an RSA key; never fewer than 2048.
    pub rsa_bits: usize,
}

impl KeyRule<'_> {
    /// Whether the rule takes a key.
    pub fn check(&self, key: &PublicKey) -> Result<(), Refusal> {
        let family = match key.kind() {
            KeyKind::EcdsaP256 => KeyFamily::EcdsaP256,
            KeyKind::EcdsaP384 => KeyFamily::EcdsaP384,
            KeyKind::Rsa(bits) if bits < self.rsa_bits => {
                let least = self.rsa_bits;
                return refuse(Reason::KeyKind, format!("an RSA key of {bits} bits, not {least}"));
            }
            KeyKind::Rsa(_) => KeyFamily::Rsa,
            KeyKind::Ed25519 => KeyFamily::Ed25519,
        };
        if self.families.contains(&family) {
            return Ok(());
        }
        refuse(Reason::KeyKind, format!("the policy does not take keys of {}", key.kind()))
    }
}
