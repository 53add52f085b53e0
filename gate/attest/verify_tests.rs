//! Bundles that hold, in every form, and the record of their checks.

use secgate_formats::in_toto::SIGNATURE;
use secgate_model::Digest;
use serde_json::{Map, Value, json};

use crate::{
    PrivateKey,
    check::{Name, Outcome},
    evidence::{Evidence, Proofs},
    identity::{HolderRule, TextRule},
    key::{KeyKind, PublicKey},
    legacy::{self, LegacySignature},
    reason::Reason,
    signer::Signer,
    sigstore::{Instance, TrustRoot},
    testing::{HOLDER, ISSUER, Leaf, TIME, World, hashedrekord},
    threshold::Threshold,
    verify::{ByHolder, ByKey, LogRule, Report, SignedBy, Wanted, by_holder, by_key},
    write,
};

fn image() -> Digest {
    Digest::sha256(&[0xab; 32])
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(TIME + 60).unwrap()
}

fn root(world: &World) -> TrustRoot {
    TrustRoot::from_json(&serde_json::to_vec(&world.root()).unwrap()).unwrap()
}

fn statement() -> Vec<u8> {
    serde_json::to_vec(&write::signature_statement(&image())).unwrap()
}

fn bytes(bundle: &Value) -> Vec<u8> {
    serde_json::to_vec(bundle).unwrap()
}

/// Outcomes as letters, in the order of [`Name::ALL`].
fn letters(report: &Report) -> String {
    let letter = |name: &Name| match report.checks.outcome(*name) {
        Outcome::Passed => 'p',
        Outcome::Failed => 'F',
        Outcome::Absent => '-',
        Outcome::Skipped => 's',
    };
    Name::ALL.iter().map(letter).collect()
}

#[test]
fn a_key_signs_an_image_in_both_forms() {
    for kind in [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Rsa(2048), KeyKind::Ed25519] {
        let key = PrivateKey::generate(kind).unwrap();
        let keys = [key.public_key().clone()];
        let by = ByKey::new(&keys);
        let bundle = write::statement_bundle(&key, &write::signature_statement(&image())).unwrap();
        let report = by_key(&bundle, Wanted::Signature(&image()), &by);
        let verified = report.result.as_ref().unwrap();
        assert_eq!(verified.signed_by, SignedBy::Key(keys[0].fingerprint()));
        assert_eq!(verified.statement.as_ref().unwrap().predicate_type, SIGNATURE);
        assert_eq!(letters(&report), "pppppp---------");
        let (payload, signature) =
            write::legacy(&key, "r.example/app", &image(), Map::new()).unwrap();
        let layer =
            LegacySignature { payload: &payload, signature: &signature, ..Default::default() };
        let report = legacy::by_key(&layer, &image(), Some("r.example/app"), &by, now());
        assert!(report.result.is_ok());
        assert_eq!(letters(&report), "ppppppp--------");
        let report = legacy::by_key(&layer, &image(), None, &by, now());
        assert_eq!(letters(&report), "pppppps--------");
        let file = write::blob_bundle(&key, b"file").unwrap();
        assert!(by_key(&file, Wanted::Blob(b"file"), &by).result.is_ok());
        let refusal = by_key(&file, Wanted::Blob(b"filf"), &by).result.unwrap_err();
        assert_eq!(refusal.reason, Reason::SubjectMismatch);
        let mut other: Value = serde_json::from_slice(&file).unwrap();
        other["messageSignature"].as_object_mut().unwrap().remove("messageDigest");
        assert!(by_key(&bytes(&other), Wanted::Blob(b"file"), &by).result.is_ok());
        let refusal = by_key(&bytes(&other), Wanted::Blob(b"filf"), &by).result.unwrap_err();
        assert_eq!(refusal.reason, Reason::SignatureInvalid);
        let refusal = by_key(&file, Wanted::Signature(&image()), &by).result.unwrap_err();
        assert_eq!(refusal.reason, Reason::BundleContent);
    }
}

#[test]
fn an_attestation_is_told_by_its_type() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let keys = [key.public_key().clone()];
    let image = image();
    let statement =
        write::statement(Some("app"), &image, "https://cyclonedx.org/bom", json!({"a": [1]}));
    let bundle = write::statement_bundle(&key, &statement).unwrap();
    let wanted = |predicate_type| Wanted::Attestation { digest: &image, predicate_type };
    let by = ByKey::new(&keys);
    let report = by_key(&bundle, wanted("https://cyclonedx.org/bom"), &by);
    assert_eq!(report.result.unwrap().statement, Some(statement));
    for prefix in ["https://cyclonedx.org/bo", "https://cyclonedx.org/bom/v1.6", ""] {
        let refusal = by_key(&bundle, wanted(prefix), &by).result.unwrap_err();
        assert_eq!(refusal.reason, Reason::PredicateType);
    }
}

#[test]
fn a_log_entry_is_checked_where_there_is_one() {
    let world = World::new();
    let root = root(&world);
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let keys = [key.public_key().clone()];
    let bundle = bytes(&world.sign_statement_by_key(&key, &statement()));
    let by = ByKey::new(&keys);
    let with = |log| ByKey { log, evidence: Some(&root as &dyn Evidence), ..by };
    let verify = |by: &ByKey<'_>| by_key(&bundle, Wanted::Signature(&image()), by);
    let report = verify(&with(LogRule::Required));
    assert_eq!(report.result.as_ref().unwrap().times, [TIME], "{report:?}");
    assert_eq!(letters(&report), "pppppp-----ppp-");
    assert_eq!(letters(&verify(&with(LogRule::IfPresent))), "pppppp-----ppp-");
    assert_eq!(letters(&verify(&with(LogRule::Ignored))), "pppppp-----sss-");
    assert_eq!(letters(&verify(&by)), "pppppp-----sss-");
    let report = verify(&ByKey { log: LogRule::Required, ..by });
    assert_eq!(report.result.unwrap_err().reason, Reason::TrustRoot);
    // Without an entry.
    let bare = write::statement_bundle(&key, &write::signature_statement(&image())).unwrap();
    let report = by_key(&bare, Wanted::Signature(&image()), &with(LogRule::Required));
    assert_eq!(report.result.unwrap_err().reason, Reason::LogMissing);
    // In cosign's first form.
    let (payload, signature) = write::legacy(&key, "r.example/app", &image(), Map::new()).unwrap();
    let raw = secgate_formats::base64_text::Base64Text(signature.clone()).bytes().unwrap();
    let body = hashedrekord(&payload, &raw, &keys[0].to_pem());
    let annotation = world.annotation(&body, TIME).to_string();
    let layer = LegacySignature {
        payload: &payload,
        signature: &signature,
        bundle: Some(&annotation),
        ..Default::default()
    };
    let report = legacy::by_key(&layer, &image(), None, &with(LogRule::Required), now());
    assert_eq!(report.result.as_ref().unwrap().times, [TIME]);
    assert_eq!(letters(&report), "pppppps----p-p-");
    assert_eq!(letters(&legacy::by_key(&layer, &image(), None, &by, now())), "pppppps----s-s-");
}

#[test]
fn the_holder_of_a_certificate_signs() {
    let world = World::new();
    let root = root(&world);
    let holder = HolderRule::Uri(TextRule::Exact(HOLDER.into()));
    let issuer = TextRule::Exact(ISSUER.into());
    let by =
        ByHolder { holder: &holder, issuer: &issuer, proofs: Proofs::default(), evidence: &root };
    let mut bundle = world.sign_statement(&Leaf::default(), &statement());
    let report = by_holder(&bytes(&bundle), Wanted::Signature(&image()), &by);
    assert!(report.result.is_ok(), "{report:?}");
    assert_eq!(letters(&report), "pppppp-ppppppp-");
    let pattern = HolderRule::Any(
        TextRule::pattern(r"^https://ci\.example/acme/[a-z]+/\.ci/build\.yml@refs/heads/main$")
            .unwrap(),
    );
    let by_pattern = ByHolder { holder: &pattern, ..by };
    assert!(by_holder(&bytes(&bundle), Wanted::Signature(&image()), &by_pattern).result.is_ok());
    // With a timestamp beside the log's time.
    let signature = bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap().to_owned();
    let signature = secgate_formats::base64_text::Base64Text(signature).bytes().unwrap();
    let token = world.timestamp(&signature, "20240501120000Z");
    bundle["verificationMaterial"]["timestampVerificationData"] = json!({
        "rfc3161Timestamps": [{"signedTimestamp": secgate_formats::base64_text::Base64Text::of(&token)}]
    });
    let report = by_holder(&bytes(&bundle), Wanted::Signature(&image()), &by);
    assert!(report.result.is_ok(), "{report:?}");
    assert_eq!(letters(&report), "pppppp-pppppppp");
    assert_eq!(report.result.unwrap().times, [TIME, TIME]);
    // A file.
    let file = world.sign_file(&Leaf::default(), b"file");
    assert!(by_holder(&bytes(&file), Wanted::Blob(b"file"), &by).result.is_ok());
    assert!(by_holder(&bytes(&file), Wanted::Blob(b"filf"), &by).result.is_err());
}

#[test]
fn a_threshold_counts_signers_and_not_signatures() {
    let keys: Vec<PrivateKey> =
        (0..3).map(|_| PrivateKey::generate(KeyKind::EcdsaP256).unwrap()).collect();
    let public: Vec<PublicKey> = keys.iter().map(|key| key.public_key().clone()).collect();
    let report = |key: &PrivateKey, image: &Digest| {
        let bundle = write::statement_bundle(key, &write::signature_statement(image)).unwrap();
        by_key(&bundle, Wanted::Signature(&self::image()), &ByKey::new(&public))
    };
    let two = Threshold::of_keys(2, &public).unwrap();
    let (first, again, second) =
        (report(&keys[0], &image()), report(&keys[0], &image()), report(&keys[1], &image()));
    assert_eq!(two.check([&first, &again]).unwrap_err().reason, Reason::Threshold);
    assert_eq!(two.check([&first, &second]).unwrap().len(), 2);
    let other = report(&keys[1], &Digest::sha256(&[1; 32]));
    assert_eq!(two.check([&first, &other]).unwrap_err().reason, Reason::Threshold);
    for (required, keys) in [(0, &public[..]), (4, &public[..]), (1, &[])] {
        let refusal = Threshold::of_keys(required, keys).unwrap_err();
        assert_eq!(refusal.reason, Reason::ThresholdMalformed);
    }
    let twice = [public[0].clone(), public[0].clone()];
    assert!(Threshold::of_keys(2, &twice).is_err());
}

#[test]
fn the_built_in_roots_are_usable() {
    for instance in [Instance::PublicGood, Instance::Staging, Instance::GitHub] {
        TrustRoot::embedded(instance).unwrap();
    }
}
