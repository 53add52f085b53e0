//! Who signs: a key in a file, a service that keeps a key, a key of minutes with a certificate.

use crate::{
    key::PublicKey,
    reason::{Reason, Refusal, refuse},
    scheme::{self, Hashes, Scheme},
};

/// Signs messages with one key.
pub trait Signer: Send + Sync {
    /// The key that its signatures verify with.
    fn public_key(&self) -> &PublicKey;

    /// How it signs.
    fn scheme(&self) -> Scheme {
        Scheme::of(self.public_key().kind())
    }

    /// Signs a message, by its scheme. A service that wants a digest makes it of the message.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refusal>;

    /// The DER of the signer's certificate, if it signs as somebody and not as a key.
    fn certificate(&self) -> Option<&[u8]> {
        None
    }
}

/// Signs, and verifies what came back: a signature that a faulty machine or service made is never given out.
pub fn sign(signer: &dyn Signer, message: &[u8]) -> Result<Vec<u8>, Refusal> {
    let signature = signer.sign(message)?;
    match scheme::verify(signer.public_key(), message, &signature, Hashes::AlsoSha256) {
        Ok(made) if made == signer.scheme() => Ok(signature),
        _ => refuse(Reason::Signing, "the signature that was made does not verify"),
    }
}
