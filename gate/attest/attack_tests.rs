//! What attackers try with payloads, keys and the log entries of signatures by key: each refused for its own reason.
//! `attack_holder_tests.rs` has certificates, logs and times.
//!
//! All but the broken part of each bundle is in order: signatures are by the right key, entries are in the log.

use secgate_formats::{
    base64_text::Base64Text,
    dsse,
    in_toto::{PAYLOAD_TYPE, SIGNATURE},
};
use secgate_model::Digest;
use serde_json::{Map, Value, json};

use crate::{
    KeyFamily, KeyRule, PrivateKey,
    key::{KeyKind, PublicKey},
    legacy::{self, LegacySignature},
    reason::Reason,
    scheme::Hashes,
    signer::{Signer, sign},
    sigstore::TrustRoot,
    testing::{TIME, World, hashedrekord},
    verify::{ByKey, LogRule, Wanted, by_key},
    write,
};

pub(crate) fn image() -> Digest {
    Digest::sha256(&[0xab; 32])
}

pub(crate) fn new_key() -> PrivateKey {
    PrivateKey::generate(KeyKind::EcdsaP256).unwrap()
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    Base64Text::of(bytes).0
}

/// A bundle by key around any payload.
fn envelope(key: &PrivateKey, payload_type: &str, payload: &[u8]) -> Value {
    let signature = sign(key, &dsse::pae(payload_type, payload)).unwrap();
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": key.public_key().fingerprint()}},
        "dsseEnvelope": {
            "payload": b64(payload),
            "payloadType": payload_type,
            "signatures": [{"sig": b64(&signature)}],
        },
    })
}

pub(crate) fn statement() -> String {
    serde_json::to_string(&write::signature_statement(&image())).unwrap()
}

/// Verifies text as a bundle that is a signature by this key.
fn reason_of(key: &PrivateKey, bundle: &str) -> Option<Reason> {
    let keys = [key.public_key().clone()];
    let report = by_key(bundle.as_bytes(), Wanted::Signature(&image()), &ByKey::new(&keys));
    report.result.err().map(|refusal| refusal.reason)
}

#[test]
fn payloads() {
    let key = new_key();
    let reason = |payload: &str| {
        reason_of(&key, &envelope(&key, PAYLOAD_TYPE, payload.as_bytes()).to_string())
    };
    let good = statement();
    let hex = image().hex().to_owned();
    assert_eq!(reason(&good), None);
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        reason(&good.replacen(from, to, 1))
    };
    let subjects = r#"[{"digest":{"sha256":"#;
    let other = "cd".repeat(32);
    let cases = [
        (with("{", r#"{"_type":"x","#), Reason::PayloadDuplicateKey),
        (with("{", r#"{"Subject":[],"#), Reason::PayloadDuplicateKey),
        (
            with(subjects, &format!(r#"[{{"digest":{{"sha256":"{other}","sha256":"#)),
            Reason::PayloadDuplicateKey,
        ),
        (reason(&format!("{good} {{}}")), Reason::PayloadTrailingBytes),
        (reason(&format!("{good}\0")), Reason::PayloadTrailingBytes),
        (reason(&format!("\u{feff}{good}")), Reason::PayloadByteOrderMark),
        (with(r#""predicate":{}"#, r#""predicate":NaN"#), Reason::PayloadNumber),
        (with(r#""predicate":{}"#, r#""predicate":1e400"#), Reason::PayloadNumber),
        (
            with(
                r#""predicate":{}"#,
                &format!(r#""predicate":{}{}"#, "[".repeat(99), "]".repeat(99)),
            ),
            Reason::PayloadDepth,
        ),
        (reason("[]"), Reason::SubjectMissing),
        (reason("{"), Reason::PayloadMalformed),
        (reason(""), Reason::PayloadMalformed),
        (with("Statement/v1", "Statement/v2"), Reason::StatementType),
        (with(SIGNATURE, "https://sigstore.dev/cosign/sign/v"), Reason::AttestationAsSignature),
        (with(SIGNATURE, "https://sigstore.dev/cosign/sign/v1/x"), Reason::AttestationAsSignature),
        (
            with(SIGNATURE, "https://cosign.sigstore.dev/attestation/vuln/v1"),
            Reason::AttestationAsSignature,
        ),
        (with(&hex, &other), Reason::SubjectMismatch),
        (with(&hex, &hex.to_uppercase()), Reason::DigestMalformed),
        (with(&hex, &hex[..62]), Reason::DigestMalformed),
        (with(&hex, ""), Reason::DigestMalformed),
        (
            with(r#""digest":{"#, &format!(r#""name":"sha256:{hex}","digests":{{"#)),
            Reason::SubjectDigestMissing,
        ),
        (with(r#""sha256":"#, r#""sha512":"#), Reason::SubjectDigestMissing),
        (
            with(
                &format!(r#""sha256":"{hex}""#),
                &format!(r#""sha1":"{}","sha256":"{other}""#, &hex[..40]),
            ),
            Reason::SubjectMismatch,
        ),
        (with(&format!(r#""sha256":"{hex}""#), r#""SHA256":"x""#), Reason::SubjectDigestMissing),
        (with(r#""subject":[{"#, r#""subject":[null,{"#), Reason::SubjectMissing),
        (
            with(r#""subject":["#, &format!(r#""subject":[{}"#, r#"{"digest":{}},"#.repeat(1024))),
            Reason::SubjectCount,
        ),
        (with(r#""subject":"#, r#""subject":null,"subjects":"#), Reason::SubjectMissing),
        (with(r#""subject":"#, r#""subject":{},"subjects":"#), Reason::PayloadMalformed),
        (with(r#"{"sha256""#, r#"{"sha512":1,"sha256""#), Reason::PayloadMalformed),
    ];
    for (number, (found, expected)) in cases.into_iter().enumerate() {
        assert_eq!(found, Some(expected), "{number}");
    }
}

#[test]
fn envelopes() {
    let key = new_key();
    let good = envelope(&key, PAYLOAD_TYPE, statement().as_bytes());
    let text = good.to_string();
    assert_eq!(reason_of(&key, &text), None);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut bundle = good.clone();
        change(&mut bundle);
        reason_of(&key, &bundle.to_string()).unwrap()
    };
    let other_type = |payload_type: &str| {
        let bundle = envelope(&key, payload_type, statement().as_bytes());
        reason_of(&key, &bundle.to_string()).unwrap()
    };
    assert_eq!(other_type("application/json"), Reason::PayloadType);
    assert_eq!(other_type("application/vnd.in-toto+json; x"), Reason::PayloadType);
    assert_eq!(
        with(&|b| b["dsseEnvelope"]["payloadType"] = "application/json".into()),
        Reason::SignatureInvalid
    );
    // The lengths of type and payload are signed: what moves from one to the other is another message.
    let moved = envelope(&key, &format!("{PAYLOAD_TYPE} 3 {{}}"), statement().as_bytes());
    let mut moved_back = moved.clone();
    moved_back["dsseEnvelope"]["payloadType"] = PAYLOAD_TYPE.into();
    moved_back["dsseEnvelope"]["payload"] =
        b64(format!("3 {{}} {}", statement()).as_bytes()).into();
    assert_eq!(reason_of(&key, &moved_back.to_string()), Some(Reason::SignatureInvalid));
    assert_eq!(with(&|b| b["dsseEnvelope"]["signatures"] = json!([])), Reason::SignatureCount);
    assert_eq!(
        with(&|b| {
            let signature = b["dsseEnvelope"]["signatures"][0].clone();
            b["dsseEnvelope"]["signatures"].as_array_mut().unwrap().push(signature);
        }),
        Reason::SignatureCount
    );
    for junk in ["\n", " ", "=", "*", "_-"] {
        let append =
            |value: &mut Value| *value = format!("{}{junk}", value.as_str().unwrap()).into();
        assert_eq!(with(&|b| append(&mut b["dsseEnvelope"]["payload"])), Reason::Base64);
        assert_eq!(
            with(&|b| append(&mut b["dsseEnvelope"]["signatures"][0]["sig"])),
            Reason::Base64
        );
    }
    let bundle = |text: String| reason_of(&key, &text).unwrap();
    assert_eq!(bundle(format!("{text}{text}")), Reason::BundleTrailingBytes);
    assert_eq!(bundle(format!("\u{feff}{text}")), Reason::BundleMalformed);
    assert_eq!(bundle(text.replacen('{', r#"{"mediaType":"x","#, 1)), Reason::BundleDuplicateKey);
    assert_eq!(bundle(text.replacen('{', r#"{"MediaType":"x","#, 1)), Reason::BundleDuplicateKey);
    assert_eq!(
        bundle(text.replacen(r#""payload":"#, r#""payload":"e30=","payload":"#, 1)),
        Reason::BundleDuplicateKey
    );
    assert_eq!(
        bundle(text.replacen(r#""payload":"#, r#""payload":null,"x":"#, 1)),
        Reason::BundleMalformed
    );
    assert_eq!(bundle(" ".repeat(1 << 20) + &text), Reason::DocumentTooLarge);
    assert_eq!(bundle(String::new()), Reason::BundleMalformed);
    for version in ["v0.4+json", "v0.3", "v0.3+json;version=0.4", ""] {
        let media_type = format!("application/vnd.dev.sigstore.bundle.{version}");
        assert_eq!(with(&|b| b["mediaType"] = media_type.clone().into()), Reason::BundleVersion);
    }
    assert_eq!(with(&|b| b["dsseEnvelope"] = Value::Null), Reason::BundleContent);
    assert_eq!(with(&|b| b["messageSignature"] = json!({"signature": ""})), Reason::BundleContent);
    assert_eq!(
        with(&|b| b["verificationMaterial"]["certificate"] = json!({"rawBytes": "AA=="})),
        Reason::MaterialAmbiguous
    );
    assert_eq!(with(&|b| b["verificationMaterial"] = json!({})), Reason::MaterialMissing);
    assert_eq!(
        with(&|b| b["verificationMaterial"] = json!({"x509CertificateChain": {"certificates": []}})),
        Reason::MaterialMissing
    );
    assert_eq!(
        with(&|b| b["verificationMaterial"] = json!({"certificate": {"rawBytes": "AA=="}})),
        Reason::MaterialKind
    );
}

#[test]
fn keys() {
    let (key, other) = (new_key(), new_key());
    let good = envelope(&key, PAYLOAD_TYPE, statement().as_bytes());
    assert_eq!(reason_of(&other, &good.to_string()), Some(Reason::KeyHint));
    let mut bundle = good.clone();
    bundle["verificationMaterial"]["publicKey"]["hint"] = "release key".into();
    assert_eq!(reason_of(&other, &bundle.to_string()), Some(Reason::SignatureInvalid));
    assert_eq!(reason_of(&key, &bundle.to_string()), None);
    bundle["verificationMaterial"]["publicKey"]["hint"] = other.public_key().fingerprint().into();
    assert_eq!(reason_of(&key, &bundle.to_string()), Some(Reason::KeyHint));
    // Both are trusted, and the hint is to the one that did not sign.
    let both = [key.public_key().clone(), other.public_key().clone()];
    let report =
        by_key(bundle.to_string().as_bytes(), Wanted::Signature(&image()), &ByKey::new(&both));
    assert_eq!(report.result.unwrap_err().reason, Reason::SignatureInvalid);
    let report = by_key(good.to_string().as_bytes(), Wanted::Signature(&image()), &ByKey::new(&[]));
    assert_eq!(report.result.unwrap_err().reason, Reason::KeyHint);
    let signature = |signature: &[u8]| {
        let mut bundle = good.clone();
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = b64(signature).into();
        reason_of(&key, &bundle.to_string()).unwrap()
    };
    assert_eq!(signature(b"\x30\x06\x02\x01\x00\x02\x01\x00"), Reason::SignatureRange);
    assert_eq!(signature(b""), Reason::SignatureEncoding);
    let made = Base64Text(good["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap().into());
    let mut longer = made.bytes().unwrap();
    longer.push(0);
    assert_eq!(signature(&longer), Reason::SignatureEncoding);
    let mut long_form = vec![0x30, 0x81];
    long_form.extend(&longer[1..longer.len() - 1]);
    assert_eq!(signature(&long_form), Reason::SignatureEncoding);
    // The policy's kinds.
    let keys = [key.public_key().clone()];
    let rule = KeyRule { families: &[KeyFamily::Rsa, KeyFamily::Ed25519], rsa_bits: 3072 };
    let by = ByKey { rule: Some(&rule), ..ByKey::new(&keys) };
    let report = by_key(good.to_string().as_bytes(), Wanted::Signature(&image()), &by);
    assert_eq!(report.result.unwrap_err().reason, Reason::KeyKind);
    let rsa = PrivateKey::generate(KeyKind::Rsa(2048)).unwrap();
    assert_eq!(rule.check(rsa.public_key()).unwrap_err().reason, Reason::KeyKind);
}

#[test]
fn a_weaker_hash_counts_where_it_is_allowed() {
    // By cosign 2.5.0 with a key on P-384.
    let bundle = include_bytes!("testdata/bundles/cosign2-p384-sha256.json");
    let keys = [PublicKey::from_pem(include_bytes!("testdata/keys/cosign-p384.pub")).unwrap()];
    let digest = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let digest: Digest = digest.parse().unwrap();
    let predicate_type = "https://cosign.sigstore.dev/attestation/v1";
    let wanted = Wanted::Attestation { digest: &digest, predicate_type };
    let by = ByKey::new(&keys);
    let report = by_key(bundle, wanted, &by);
    assert_eq!(report.result.unwrap_err().reason, Reason::SignatureHash);
    let report = by_key(bundle, wanted, &ByKey { hashes: Hashes::AlsoSha256, ..by });
    assert!(report.result.is_ok());
}

#[test]
fn legacy_payloads() {
    let key = new_key();
    let keys = [key.public_key().clone()];
    let (payload, _) = write::legacy(&key, "r.example/app", &image(), Map::new()).unwrap();
    let payload = String::from_utf8(payload).unwrap();
    let verify = |payload: &str, repository: &str| {
        let signature = b64(&sign(&key, payload.as_bytes()).unwrap());
        let layer = LegacySignature {
            payload: payload.as_bytes(),
            signature: &signature,
            ..Default::default()
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let report = legacy::by_key(&layer, &image(), Some(repository), &ByKey::new(&keys), now);
        report.result.err().map(|refusal| refusal.reason)
    };
    assert_eq!(verify(&payload, "r.example/app"), None);
    assert_eq!(verify(&payload, "r.example/ap"), Some(Reason::Repository));
    assert_eq!(verify(&payload, "r.example/app2"), Some(Reason::Repository));
    let hex = image().hex().to_owned();
    let with = |from: &str, to: &str| {
        assert!(payload.contains(from), "{from}");
        verify(&payload.replacen(from, to, 1), "r.example/app").unwrap()
    };
    assert_eq!(with("cosign container image", "atomic container"), Reason::CriticalType);
    assert_eq!(with("cosign container image", "Cosign container image"), Reason::CriticalType);
    assert_eq!(with("{", r#"{"critical":{},"#), Reason::PayloadDuplicateKey);
    assert_eq!(with(r#""type""#, r#""type":"x","type""#), Reason::PayloadDuplicateKey);
    assert_eq!(with(r#""type""#, r#""until":1,"type""#), Reason::PayloadMalformed);
    assert_eq!(with(r#""optional":null}"#, r#""optional":null}{}"#), Reason::PayloadTrailingBytes);
    assert_eq!(with("{\"critical", "\u{feff}{\"critical"), Reason::PayloadByteOrderMark);
    assert_eq!(with("null", "Infinity"), Reason::PayloadNumber);
    assert_eq!(with("null", &"[".repeat(99)), Reason::PayloadDepth);
    assert_eq!(
        with("null", &format!("{{\"a\":\"{}\"}}", "a".repeat(70_000))),
        Reason::DocumentTooLarge
    );
    assert_eq!(with(&hex, &"cd".repeat(32)), Reason::SubjectMismatch);
    assert_eq!(with(&hex, &hex.to_uppercase()), Reason::DigestMalformed);
    assert_eq!(with(&hex, &hex[1..]), Reason::DigestMalformed);
    assert_eq!(with("sha256:", "sha512:"), Reason::DigestMalformed);
    let signature = b64(&sign(&key, payload.as_bytes()).unwrap());
    let layer = |payload, signature, certificate| {
        let layer = LegacySignature { payload, signature, certificate, ..Default::default() };
        let by = ByKey::new(&keys);
        legacy::by_key(&layer, &image(), None, &by, jiff::Timestamp::UNIX_EPOCH)
            .result
            .unwrap_err()
            .reason
    };
    let payload = payload.as_bytes();
    let with_line_end = format!("{signature}\n");
    assert_eq!(layer(payload, &with_line_end, None), Reason::Base64);
    assert_eq!(layer(&payload[1..], &signature, None), Reason::SignatureInvalid);
    assert_eq!(layer(payload, &signature, Some("x")), Reason::MaterialKind);
}

#[test]
fn legacy_log_entries() {
    let world = World::new();
    let root = TrustRoot::from_json(world.root().to_string().as_bytes()).unwrap();
    let (key, other) = (new_key(), new_key());
    let keys = [key.public_key().clone()];
    let (payload, signature) = write::legacy(&key, "r.example/app", &image(), Map::new()).unwrap();
    let raw = Base64Text(signature.clone()).bytes().unwrap();
    let pem = keys[0].to_pem();
    let verify = |annotation: &Value, now: i64| {
        let annotation = annotation.to_string();
        let layer = LegacySignature {
            payload: &payload,
            signature: &signature,
            bundle: Some(&annotation),
            ..Default::default()
        };
        let by = ByKey { log: LogRule::Required, evidence: Some(&root), ..ByKey::new(&keys) };
        let now = jiff::Timestamp::from_second(now).unwrap();
        let report = legacy::by_key(&layer, &image(), None, &by, now);
        report.result.err().map(|refusal| refusal.reason)
    };
    let body = hashedrekord(&payload, &raw, &pem);
    let good = world.annotation(&body, TIME);
    assert_eq!(verify(&good, TIME), None);
    let logged = |body: &Value| verify(&world.annotation(body, TIME), TIME).unwrap();
    assert_eq!(logged(&hashedrekord(b"other", &raw, &pem)), Reason::LogEntryMismatch);
    assert_eq!(logged(&hashedrekord(&payload, b"other", &pem)), Reason::LogEntryMismatch);
    let other = other.public_key().to_pem();
    assert_eq!(logged(&hashedrekord(&payload, &raw, &other)), Reason::LogEntryMismatch);
    let mut kind = body.clone();
    kind["kind"] = "rekord".into();
    assert_eq!(logged(&kind), Reason::LogEntryMalformed);
    assert_eq!(verify(&good, TIME - 1), Some(Reason::LogTime));
    let with = |field: &str, value: Value| {
        let mut annotation = good.clone();
        annotation["Payload"][field] = value;
        verify(&annotation, TIME + 10).unwrap()
    };
    assert_eq!(with("integratedTime", (TIME + 1).into()), Reason::LogPromise);
    assert_eq!(with("logIndex", 1.into()), Reason::LogPromise);
    assert_eq!(with("logID", "ab".repeat(32).into()), Reason::LogUnknown);
    assert_eq!(with("logID", "AB".repeat(32).into()), Reason::LogEntryMalformed);
    assert_eq!(with("body", "e30=".into()), Reason::LogPromise);
    // Before the log's key is trusted.
    let early = world.annotation(&body, 1_600_000_000);
    assert_eq!(verify(&early, TIME), Some(Reason::LogUnknown));
    let mut unsigned = good.clone();
    unsigned["SignedEntryTimestamp"] = b64(b"\x30\x06\x02\x01\x01\x02\x01\x01").into();
    assert_eq!(verify(&unsigned, TIME), Some(Reason::LogPromise));
    assert_eq!(verify(&json!({}), TIME), Some(Reason::LogEntryMalformed));
}
