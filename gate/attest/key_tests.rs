//! Keys of other tools, and what is no key.

use secgate_formats::{base64_text::Base64Text, cosign::KeyFile};

use crate::{
    PrivateKey,
    key::{KeyKind, PublicKey},
    password::Password,
    pem,
    reason::Reason,
    scheme::{Hashes, Scheme, verify},
    signer::{Signer, sign},
};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("testdata/keys/", $name)).as_slice()
    };
}

/// A private key as PEM. The files hold it without the lines around it, so that nobody's scanner takes it for a leak.
macro_rules! private {
    ($name:literal) => {
        &armored(include_str!(concat!("testdata/keys/", $name, ".txt")))
    };
}

fn armored(text: &str) -> Vec<u8> {
    let mut pem = String::new();
    for block in text.split_terminator("\n\n") {
        let (label, body) = block.split_once(":\n").unwrap();
        pem += &format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    }
    pem.into_bytes()
}

fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

fn check_signs(key: &PrivateKey, public: &PublicKey) {
    let signature = sign(key, b"message").unwrap();
    let own = Scheme::of(public.kind());
    assert_eq!(verify(public, b"message", &signature, Hashes::Own), Ok(own));
    let reason = |message: &[u8], signature: &[u8]| {
        verify(public, message, signature, Hashes::AlsoSha256).unwrap_err().reason
    };
    assert_eq!(reason(b"messagf", &signature), Reason::SignatureInvalid);
    for at in 0..signature.len() {
        let mut broken = signature.clone();
        broken[at] ^= 1;
        reason(b"message", &broken);
        reason(b"message", &signature[..at]);
    }
    let mut longer = signature;
    longer.push(0);
    reason(b"message", &longer);
}

#[test]
fn keys_of_every_form_are_imported() {
    let plain: [(&[u8], KeyKind, &[u8]); 4] = [
        (private!("p256-sec1.pem"), KeyKind::EcdsaP256, file!("cosign-p256.pub")),
        (private!("p384-sec1.pem"), KeyKind::EcdsaP384, file!("cosign-p384.pub")),
        (private!("rsa-pkcs1.pem"), KeyKind::Rsa(2048), file!("cosign-rsa.pub")),
        (private!("ed25519-pkcs8.pem"), KeyKind::Ed25519, file!("cosign-ed.pub")),
    ];
    for (text, kind, public) in plain {
        let key = PrivateKey::import(text).unwrap();
        let public_key = PublicKey::from_pem(public).unwrap();
        assert_eq!(key.public_key(), &public_key);
        assert_eq!(public_key.kind(), kind);
        assert_eq!(public_key.to_pem().as_bytes(), public);
        check_signs(&key, &public_key);
    }
    let key = PrivateKey::import(private!("p256-pkcs8.pem")).unwrap();
    assert_eq!(
        key.public_key(),
        PrivateKey::import(private!("p256-sec1.pem")).unwrap().public_key()
    );
    PrivateKey::import(private!("p256-with-parameters.pem")).unwrap();
}

#[test]
fn key_files_of_cosign_open() {
    let files: [(&[u8], &[u8]); 4] = [
        (private!("cosign-p256.key"), file!("cosign-p256.pub")),
        (private!("cosign-p384.key"), file!("cosign-p384.pub")),
        (private!("cosign-rsa.key"), file!("cosign-rsa.pub")),
        (private!("cosign-ed.key"), file!("cosign-ed.pub")),
    ];
    for (text, public) in files {
        let key = PrivateKey::from_file(text, &password("pw")).unwrap();
        assert_eq!(key.public_key().to_pem().as_bytes(), public);
    }
    let wrong = PrivateKey::from_file(private!("cosign-p256.key"), &password("pv")).unwrap_err();
    assert_eq!(wrong.reason, Reason::KeyPassword);
    assert!(!wrong.to_string().contains("pv"));
}

#[test]
fn a_key_survives_its_file_and_is_not_shown() {
    for kind in [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519, KeyKind::Rsa(2048)] {
        let key = PrivateKey::generate(kind).unwrap();
        assert_eq!(key.public_key().kind(), kind);
        let again = PrivateKey::from_pkcs8(&key.pkcs8().unwrap()).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        check_signs(&again, key.public_key());
        assert!(format!("{key:?}").len() < 120);
    }
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let file = key.to_file(&password("a secret")).unwrap();
    assert!(file.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
    let again = PrivateKey::from_file(file.as_bytes(), &password("a secret")).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    assert_eq!(format!("{:?}", password("a secret")), "Password(…)");
}

#[test]
fn a_key_on_p384_signs_over_sha256_where_it_is_told_to() {
    let key = PrivateKey::generate(KeyKind::EcdsaP384).unwrap().over_sha256();
    let signature = sign(&key, b"message").unwrap();
    let verify = |hashes| verify(key.public_key(), b"message", &signature, hashes);
    assert_eq!(verify(Hashes::AlsoSha256), Ok(Scheme::EcdsaP384Sha256));
    assert_eq!(verify(Hashes::Own).unwrap_err().reason, Reason::SignatureHash);
    let key = PrivateKey::generate(KeyKind::Ed25519).unwrap().over_sha256();
    assert_eq!(key.scheme(), Scheme::Ed25519);
}

#[test]
fn what_is_no_key_has_its_own_reason() {
    let import = |text: &[u8]| PrivateKey::import(text).unwrap_err().reason;
    assert_eq!(import(private!("p224-sec1.pem")), Reason::KeyCurve);
    assert_eq!(import(private!("p224-pkcs8.pem")), Reason::KeyCurve);
    assert_eq!(import(private!("rsa1024-pkcs8.pem")), Reason::KeySize);
    assert_eq!(import(file!("cosign-p256.pub")), Reason::KeyMalformed);
    assert_eq!(import(private!("cosign-p256.key")), Reason::KeyMalformed);
    assert_eq!(
        import(&pem::write("PRIVATE KEY", b"\x30\x00").to_string().into_bytes()),
        Reason::KeyMalformed
    );
    let public = |text: &[u8]| PublicKey::from_pem(text).unwrap_err().reason;
    assert_eq!(public(file!("p224.pub")), Reason::KeyCurve);
    assert_eq!(public(file!("p521.pub")), Reason::KeyCurve);
    assert_eq!(public(file!("rsa1024.pub")), Reason::KeySize);
    assert_eq!(public(private!("p256-sec1.pem")), Reason::KeyMalformed);
    assert_eq!(public(&file!("cosign-p256.pub").repeat(2)), Reason::KeyMalformed);
    // Off its curve.
    let key = PublicKey::from_pem(file!("cosign-p256.pub")).unwrap();
    let mut spki = key.spki().to_vec();
    *spki.last_mut().unwrap() ^= 1;
    assert_eq!(PublicKey::from_spki(&spki).unwrap_err().reason, Reason::KeyMalformed);
    // Every cut and every flipped byte is no key or another key, and no panic.
    for at in 0..key.spki().len() {
        assert!(PublicKey::from_spki(&key.spki()[..at]).is_err());
        let mut spki = key.spki().to_vec();
        spki[at] ^= 0x41;
        assert!(PublicKey::from_spki(&spki).is_err(), "{at}");
    }
}

#[test]
fn hostile_parameters_cost_nothing() {
    let block = pem::blocks(private!("cosign-p256.key")).unwrap().remove(0);
    let file: KeyFile = serde_json::from_slice(&block.bytes).unwrap();
    let reason = |change: &dyn Fn(&mut KeyFile)| {
        let mut file = file.clone();
        change(&mut file);
        let text = pem::write(&block.label, &serde_json::to_vec(&file).unwrap());
        PrivateKey::from_file(text.as_bytes(), &password("pw")).unwrap_err().reason
    };
    for n in [0, 1, 2, 16_384, 65_535, 65_537, 262_144, 1 << 40, u64::MAX] {
        assert_eq!(reason(&|file| file.kdf.params.n = n), Reason::KeyFileParameters, "{n}");
    }
    assert_eq!(reason(&|file| file.kdf.params.r = 1 << 30), Reason::KeyFileParameters);
    assert_eq!(reason(&|file| file.kdf.params.p = 0), Reason::KeyFileParameters);
    assert_eq!(reason(&|file| file.kdf.name = "pbkdf2".into()), Reason::KeyFileMalformed);
    assert_eq!(reason(&|file| file.cipher.name = "none".into()), Reason::KeyFileMalformed);
    assert_eq!(reason(&|file| file.kdf.salt = Base64Text::of(b"x")), Reason::KeyFileMalformed);
    assert_eq!(
        reason(&|file| file.cipher.nonce = Base64Text("!".into())),
        Reason::KeyFileMalformed
    );
    let twice = String::from_utf8(block.bytes.to_vec())
        .unwrap()
        .replace("{\"name\":\"scrypt\"", "{\"name\":\"x\",\"name\":\"scrypt\"");
    let text = pem::write(&block.label, twice.as_bytes());
    let refusal = PrivateKey::from_file(text.as_bytes(), &password("pw")).unwrap_err();
    assert_eq!(refusal.reason, Reason::KeyFileMalformed);
}

#[test]
fn numbers_of_a_signature_are_in_range_and_in_one_form() {
    let key = PublicKey::from_pem(file!("cosign-p256.pub")).unwrap();
    let reason =
        |signature: &[u8]| verify(&key, b"message", signature, Hashes::Own).unwrap_err().reason;
    assert_eq!(reason(b"\x30\x06\x02\x01\x00\x02\x01\x01"), Reason::SignatureRange);
    assert_eq!(reason(b"\x30\x06\x02\x01\x01\x02\x01\x00"), Reason::SignatureRange);
    let mut long = vec![0x30, 0x26, 0x02, 0x21, 0x01];
    long.extend([0; 32]);
    long.extend([0x02, 0x01, 0x01]);
    assert_eq!(reason(&long), Reason::SignatureRange);
    assert_eq!(reason(b"\x30\x06\x02\x01\x01\x02\x01\x01"), Reason::SignatureInvalid);
    let encodings: [&[u8]; 6] = [
        b"",
        b"\x30\x81\x06\x02\x01\x01\x02\x01\x01",
        b"\x30\x07\x02\x02\x00\x01\x02\x01\x01",
        b"\x30\x06\x02\x01\xff\x02\x01\x01",
        b"\x30\x06\x02\x01\x01\x02\x01\x01\x00",
        &[1; 64],
    ];
    for signature in encodings {
        assert_eq!(reason(signature), Reason::SignatureEncoding, "{signature:?}");
    }
}
