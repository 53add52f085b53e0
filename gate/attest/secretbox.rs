//! NaCl's `crypto_secretbox`: XSalsa20 and Poly1305 (D. J. Bernstein, "Cryptography in NaCl", §§7 to 9).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use poly1305::{Poly1305, universal_hash::KeyInit};
use salsa20::{
    XSalsa20,
    cipher::{KeyIvInit, StreamCipher},
};
use zeroize::Zeroizing;

const TAG: usize = 16;

/// The stream after its first 32 bytes, which are the key of the tag.
fn begin(key: &[u8; 32], nonce: &[u8; 24]) -> (XSalsa20, Poly1305) {
    let mut stream = XSalsa20::new(key.into(), nonce.into());
    let mut tag_key = Zeroizing::new([0; 32]);
    stream.apply_keystream(&mut *tag_key);
    let tag = Poly1305::new((&*tag_key).into());
    (stream, tag)
}

/// Tag and encrypted message.
pub(crate) fn seal(key: &[u8; 32], nonce: &[u8; 24], message: &[u8]) -> Vec<u8> {
    let (mut stream, tag) = begin(key, nonce);
    let mut sealed = message.to_vec();
    stream.apply_keystream(&mut sealed);
    let mut bytes = tag.compute_unpadded(&sealed).to_vec();
    bytes.append(&mut sealed);
    bytes
}

/// The message, if tag, key and nonce belong together.
pub(crate) fn open(key: &[u8; 32], nonce: &[u8; 24], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (tag, encrypted) = sealed.split_at_checked(TAG)?;
    let (mut stream, expected) = begin(key, nonce);
    verify_slices_are_equal(&expected.compute_unpadded(encrypted), tag).ok()?;
    let mut message = Zeroizing::new(encrypted.to_vec());
    stream.apply_keystream(&mut message);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_and_nothing_else() {
        let (key, nonce) = ([1; 32], [2; 24]);
        for length in [0, 1, 31, 32, 33, 500] {
            let message: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let sealed = seal(&key, &nonce, &message);
            assert_eq!(sealed.len(), message.len() + TAG);
            assert_eq!(open(&key, &nonce, &sealed).as_deref(), Some(&message));
            for at in 0..sealed.len() {
                let mut broken = sealed.clone();
                broken[at] ^= 1;
                assert!(open(&key, &nonce, &broken).is_none());
                assert!(open(&key, &nonce, &sealed[..at]).is_none());
            }
            assert!(open(&[0; 32], &nonce, &sealed).is_none());
            assert!(open(&key, &[0; 24], &sealed).is_none());
        }
    }
}
