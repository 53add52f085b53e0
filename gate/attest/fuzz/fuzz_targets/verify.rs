//! `cargo +nightly fuzz run verify fuzz/corpus/verify testdata/bundles`: no bytes make a verification panic, and none is
//! accepted, because nobody has the key.
#![no_main]

use std::sync::LazyLock;

use secgate_attest::{
    key::PublicKey,
    sigstore::{Instance, TrustRoot},
    verify::{ByKey, Wanted, by_key},
};
use secgate_model::Digest;

static KEY: LazyLock<[PublicKey; 1]> = LazyLock::new(|| {
    [PublicKey::from_pem(include_bytes!("../../testdata/keys/cosign-rsa.pub")).expect("a key")]
});
static ROOT: LazyLock<TrustRoot> =
    LazyLock::new(|| TrustRoot::embedded(Instance::PublicGood).expect("the built-in root"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let by = ByKey { evidence: Some(&*ROOT), ..ByKey::new(&*KEY) };
    for wanted in [Wanted::Signature(&Digest::sha256(&[0; 32])), Wanted::Blob(b"file")] {
        assert!(by_key(bytes, wanted, &by).result.is_err());
    }
    drop(TrustRoot::from_json(bytes));
});
