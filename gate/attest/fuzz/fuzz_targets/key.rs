//! `cargo +nightly fuzz run key fuzz/corpus/key testdata/keys`: no bytes make a reader of keys panic.
#![no_main]

use secgate_attest::{PrivateKey, key::PublicKey};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    drop(PrivateKey::from_pkcs8(bytes));
    drop(PrivateKey::import(bytes));
    if let Ok(key) = PublicKey::from_spki(bytes) {
        assert_eq!(PublicKey::from_pem(key.to_pem().as_bytes()), Ok(key));
    }
});
