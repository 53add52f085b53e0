//! What attackers try with certificates, logs and times: each refused for its own reason.

use rcgen::{ExtendedKeyUsagePurpose, SanType};
use secgate_formats::base64_text::Base64Text;
use serde_json::{Value, json};

use crate::{
    attack_tests::{b64, image, new_key, statement},
    evidence::{Evidence, Proofs},
    identity::{HolderRule, TextRule},
    reason::Reason,
    signer::Signer,
    sigstore::TrustRoot,
    testing::{HOLDER, ISSUER, Leaf, Logged, TIME, World},
    verify::{ByHolder, ByKey, Wanted, by_holder, by_key},
};

struct Keyless {
    world: World,
    root: TrustRoot,
}

impl Keyless {
    fn new() -> Self {
        let world = World::new();
        let root = TrustRoot::from_json(world.root().to_string().as_bytes()).unwrap();
        Self { world, root }
    }

    fn reason_with(bundle: &Value, root: &dyn Evidence, proofs: Proofs) -> Option<Reason> {
        let holder = HolderRule::Uri(TextRule::Exact(HOLDER.into()));
        let issuer = TextRule::Exact(ISSUER.into());
        let by = ByHolder { holder: &holder, issuer: &issuer, proofs, evidence: root };
        by_holder(bundle.to_string().as_bytes(), Wanted::Signature(&image()), &by)
            .result
            .err()
            .map(|refusal| refusal.reason)
    }

    fn reason(&self, bundle: &Value) -> Option<Reason> {
        Self::reason_with(bundle, &self.root, Proofs::default())
    }

    fn signed(&self, leaf: &Leaf) -> Value {
        self.world.sign_statement(leaf, statement().as_bytes())
    }

    fn leaf(&self, change: impl Fn(&mut Leaf)) -> Option<Reason> {
        let mut leaf = Leaf::default();
        change(&mut leaf);
        self.reason(&self.signed(&leaf))
    }
}

#[test]
fn certificates() {
    let keyless = Keyless::new();
    assert_eq!(keyless.leaf(|_| ()), None);
    let cases = [
        (keyless.leaf(|leaf| leaf.valid = ((2024, 4, 1), (2024, 4, 30))), Reason::CertificateTime),
        (keyless.leaf(|leaf| leaf.valid = ((2024, 5, 2), (2024, 5, 3))), Reason::CertificateTime),
        (keyless.leaf(|leaf| leaf.authority = true), Reason::CertificateAuthority),
        (
            keyless.leaf(|leaf| leaf.usage = ExtendedKeyUsagePurpose::ServerAuth),
            Reason::CertificateUsage,
        ),
        (keyless.leaf(|leaf| leaf.logged = Logged::No), Reason::CertificateTransparency),
        (keyless.leaf(|leaf| leaf.logged = Logged::ByAnother), Reason::CertificateTransparency),
        (keyless.leaf(|leaf| leaf.logged = Logged::Wrongly), Reason::CertificateTransparency),
        // The old extension must not stand in for the new one, which says somebody else.
        (
            keyless.leaf(|leaf| {
                leaf.issuer = Some("https://evil.example");
                leaf.old_issuer = Some(ISSUER);
            }),
            Reason::Issuer,
        ),
        (keyless.leaf(|leaf| leaf.issuer = None), Reason::Identity),
        (
            keyless
                .leaf(|leaf| leaf.holder = SanType::URI(format!("{HOLDER}x").try_into().unwrap())),
            Reason::Identity,
        ),
        (
            keyless
                .leaf(|leaf| leaf.holder = SanType::Rfc822Name("a@b.example".try_into().unwrap())),
            Reason::Identity,
        ),
        (
            keyless.leaf(|leaf| leaf.holder = SanType::DnsName("ci.example".try_into().unwrap())),
            Reason::Identity,
        ),
    ];
    for (number, (found, expected)) in cases.into_iter().enumerate() {
        assert_eq!(found, Some(expected), "{number}");
    }
    // Of another authority, under the names of this one.
    let other = Keyless::new();
    let bundle = other.signed(&Leaf::default());
    assert!(matches!(keyless.reason(&bundle), Some(Reason::CertificateChain | Reason::LogPromise)));
    let mut root = keyless.world.root();
    root["certificateAuthorities"] = other.world.root()["certificateAuthorities"].clone();
    let root = TrustRoot::from_json(root.to_string().as_bytes()).unwrap();
    let bundle = keyless.signed(&Leaf::default());
    let reason = Keyless::reason_with(&bundle, &root, Proofs::default());
    assert_eq!(reason, Some(Reason::CertificateChain));
    // With a root of its own in the bundle.
    let mut chained = bundle.clone();
    let material = chained["verificationMaterial"].as_object_mut().unwrap();
    let leaf = material.remove("certificate").unwrap();
    chained["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into();
    chained["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": [leaf]});
    assert_eq!(keyless.reason(&chained), None);
    let own = json!({"rawBytes": b64(&keyless.world.authority_certificate())});
    let chain = &mut chained["verificationMaterial"]["x509CertificateChain"]["certificates"];
    chain.as_array_mut().unwrap().push(own);
    assert_eq!(keyless.reason(&chained), Some(Reason::CertificateRoot));
    let mut cut = bundle.clone();
    cut["verificationMaterial"]["certificate"]["rawBytes"] = "MAA=".into();
    assert_eq!(keyless.reason(&cut), Some(Reason::CertificateMalformed));
    // Signed by a key, where a certificate is asked for.
    let by_key = keyless.world.sign_statement_by_key(&new_key(), statement().as_bytes());
    assert_eq!(keyless.reason(&by_key), Some(Reason::MaterialKind));
    // Not to be verified by an email address.
    let holder = HolderRule::Email(TextRule::Exact(HOLDER.into()));
    let issuer = TextRule::Exact(ISSUER.into());
    let by = ByHolder {
        holder: &holder,
        issuer: &issuer,
        proofs: Proofs::default(),
        evidence: &keyless.root,
    };
    let report = by_holder(bundle.to_string().as_bytes(), Wanted::Signature(&image()), &by);
    assert_eq!(report.result.unwrap_err().reason, Reason::Identity);
}

#[test]
fn logs() {
    let keyless = Keyless::new();
    let good = keyless.signed(&Leaf::default());
    let another = keyless.signed(&Leaf::default());
    assert_eq!(keyless.reason(&good), None);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut bundle = good.clone();
        change(&mut bundle["verificationMaterial"]["tlogEntries"]);
        keyless.reason(&bundle).unwrap()
    };
    let proof = |field: &str, value: Value| {
        with(&|entries| entries[0]["inclusionProof"][field] = value.clone())
    };
    let zeros = || Value::from(b64(&[0; 32]));
    assert_eq!(with(&|entries| *entries = json!([])), Reason::LogMissing);
    assert_eq!(with(&|entries| *entries = Value::Null), Reason::LogMissing);
    assert_eq!(
        with(&|entries| {
            entries[0].as_object_mut().unwrap().remove("inclusionProof");
        }),
        Reason::LogInclusion
    );
    assert_eq!(proof("hashes", json!([zeros()])), Reason::LogInclusion);
    assert_eq!(proof("hashes", json!([])), Reason::LogInclusion);
    assert_eq!(proof("rootHash", zeros()), Reason::LogCheckpoint);
    assert_eq!(proof("treeSize", "3".into()), Reason::LogInclusion);
    assert_eq!(proof("logIndex", "1".into()), Reason::LogInclusion);
    assert_eq!(proof("logIndex", "9".into()), Reason::LogInclusion);
    let checkpoint = |change: &dyn Fn(String) -> String| {
        with(&|entries| {
            let envelope = &mut entries[0]["inclusionProof"]["checkpoint"]["envelope"];
            *envelope = change(envelope.as_str().unwrap().to_owned()).into();
        })
    };
    assert_eq!(
        checkpoint(&|note| note.replacen("log.example", "log.evil", 1)),
        Reason::LogCheckpoint
    );
    assert_eq!(checkpoint(&|note| note.replacen("\n2\n", "\n3\n", 1)), Reason::LogCheckpoint);
    assert_eq!(
        checkpoint(&|note| {
            let (text, signature) = note.trim_end().rsplit_once(' ').unwrap();
            let mut bytes = Base64Text(signature.to_owned()).bytes().unwrap();
            bytes[0] ^= 1;
            format!("{text} {}\n", b64(&bytes))
        }),
        Reason::LogCheckpoint
    );
    assert_eq!(
        checkpoint(&|note| {
            let (text, signature) = note.trim_end().rsplit_once(' ').unwrap();
            let mut bytes = Base64Text(signature.to_owned()).bytes().unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            format!("{text} {}\n", b64(&bytes))
        }),
        Reason::LogCheckpoint
    );
    assert_eq!(
        with(&|entries| entries[0]["inclusionPromise"]["signedEntryTimestamp"] =
            b64(b"\x30\x06\x02\x01\x01\x02\x01\x01").into()),
        Reason::LogPromise
    );
    assert_eq!(
        with(&|entries| entries[0]["integratedTime"] = (TIME + 1).to_string().into()),
        Reason::LogPromise
    );
    assert_eq!(with(&|entries| entries[0]["logIndex"] = "1".into()), Reason::LogPromise);
    assert_eq!(with(&|entries| entries[0]["logIndex"] = "01".into()), Reason::LogEntryMalformed);
    assert_eq!(with(&|entries| entries[0]["logId"]["keyId"] = zeros()), Reason::LogPromise);
    // An entry that is in the log, about another signature by another key.
    assert_eq!(
        with(&|entries| *entries = another["verificationMaterial"]["tlogEntries"].clone()),
        Reason::LogEntryMismatch
    );
    assert_eq!(
        with(&|entries| {
            let entry = entries[0].clone();
            entries.as_array_mut().unwrap().push(entry);
        }),
        Reason::LogEntryDuplicate
    );
    // The log's key is trusted from later on, or no longer.
    for window in [
        json!({"start": "2024-06-01T00:00:00Z"}),
        json!({"start": "2024-01-01T00:00:00Z", "end": "2024-04-01T00:00:00Z"}),
    ] {
        let mut root = keyless.world.root();
        root["tlogs"][0]["publicKey"]["validFor"] = window;
        let root = TrustRoot::from_json(root.to_string().as_bytes()).unwrap();
        let reason = Keyless::reason_with(&good, &root, Proofs::default());
        assert_eq!(reason, Some(Reason::LogPromise));
    }
    // A key whose entry does not verify was not logged, whatever else holds.
    let key = new_key();
    let keys = [key.public_key().clone()];
    let mut by_a_key = keyless.world.sign_statement_by_key(&key, statement().as_bytes());
    let by = ByKey { evidence: Some(&keyless.root), ..ByKey::new(&keys) };
    let reason = |bundle: &Value| {
        let report = by_key(bundle.to_string().as_bytes(), Wanted::Signature(&image()), &by);
        report.result.err().map(|refusal| refusal.reason)
    };
    assert_eq!(reason(&by_a_key), None);
    by_a_key["verificationMaterial"]["tlogEntries"] =
        keyless.world.sign_statement_by_key(&new_key(), statement().as_bytes())["verificationMaterial"]["tlogEntries"].clone();
    assert_eq!(reason(&by_a_key), Some(Reason::LogEntryMismatch));
}

#[test]
fn times() {
    let keyless = Keyless::new();
    let other = World::new();
    let good = keyless.signed(&Leaf::default());
    let signature = good["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap().to_owned();
    let signature = Base64Text(signature).bytes().unwrap();
    let stamped = |bundle: &Value, token: &[u8]| {
        let mut bundle = bundle.clone();
        bundle["verificationMaterial"]["timestampVerificationData"] =
            json!({"rfc3161Timestamps": [{"signedTimestamp": b64(token)}]});
        bundle
    };
    let time = "20240501120000Z";
    let token = keyless.world.timestamp(&signature, time);
    assert_eq!(keyless.reason(&stamped(&good, &token)), None);
    let reason = |token: &[u8]| keyless.reason(&stamped(&good, token)).unwrap();
    assert_eq!(reason(&other.timestamp(&signature, time)), Reason::TimestampInvalid);
    assert_eq!(
        reason(&keyless.world.timestamp(b"another signature", time)),
        Reason::TimestampInvalid
    );
    assert_eq!(reason(b"junk"), Reason::TimestampInvalid);
    // Outside the certificate's time, though the log's time is inside.
    assert_eq!(
        reason(&keyless.world.timestamp(&signature, "20240601120000Z")),
        Reason::CertificateTime
    );
    // Outside the authority's time.
    let mut root = keyless.world.root();
    root["timestampAuthorities"][0]["validFor"] = json!({"start": "2024-05-02T00:00:00Z"});
    let root = TrustRoot::from_json(root.to_string().as_bytes()).unwrap();
    let found = Keyless::reason_with(&stamped(&good, &token), &root, Proofs::default());
    assert_eq!(found, Some(Reason::TimestampAuthority));
    // The log's time is not its promise's: nobody vouches for it.
    let mut unpromised = good.clone();
    unpromised["verificationMaterial"]["tlogEntries"][0]
        .as_object_mut()
        .unwrap()
        .remove("inclusionPromise");
    assert_eq!(keyless.reason(&unpromised), Some(Reason::TimestampMissing));
    assert_eq!(keyless.reason(&stamped(&unpromised, &token)), None);
    // The second version of the log knows no time at all.
    let mut second = unpromised.clone();
    let entry = &mut second["verificationMaterial"]["tlogEntries"][0];
    entry["kindVersion"] = json!({"kind": "hashedrekord", "version": "0.0.2"});
    entry.as_object_mut().unwrap().remove("integratedTime");
    assert_eq!(keyless.reason(&second), Some(Reason::TimestampMissing));
    // Without the log, a certificate that had expired when it signed stays expired.
    let proofs = Proofs { log: false, ..Proofs::default() };
    let expired = keyless.signed(&Leaf { valid: ((2024, 4, 1), (2024, 4, 2)), ..Leaf::default() });
    let found = Keyless::reason_with(&expired, &keyless.root, proofs);
    assert_eq!(found, Some(Reason::CertificateTime));
    let mut bare = good.clone();
    bare["verificationMaterial"]["tlogEntries"] = json!([]);
    let found = Keyless::reason_with(&bare, &keyless.root, proofs);
    assert_eq!(found, Some(Reason::TimestampMissing));
}

#[test]
fn roots() {
    let world = World::new();
    let reason = |root: &Value| {
        TrustRoot::from_json(root.to_string().as_bytes()).err().map(|refusal| refusal.reason)
    };
    let good = world.root();
    assert_eq!(reason(&good), None);
    let mut twice = good.clone();
    let log = twice["tlogs"][0].clone();
    twice["tlogs"].as_array_mut().unwrap().push(log);
    assert_eq!(reason(&twice), Some(Reason::TrustRoot));
    let mut empty = good.clone();
    empty["certificateAuthorities"][0]["certChain"]["certificates"] = json!([]);
    assert_eq!(reason(&empty), Some(Reason::TrustRoot));
    let text = good.to_string().replacen('{', r#"{"tlogs":[],"#, 1);
    assert_eq!(TrustRoot::from_json(text.as_bytes()).err().unwrap().reason, Reason::TrustRoot);
}
