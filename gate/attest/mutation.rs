//! Bundles of all kinds, broken at random. What is still accepted must be what was signed, by who signed it.

use rcgen::SanType;
use secgate_attest::{
    PrivateKey,
    evidence::{Evidence, Proofs},
    identity::{HolderRule, TextRule},
    key::{KeyKind, PublicKey},
    legacy::{self, LegacySignature},
    signer::Signer,
    sigstore::TrustRoot,
    verify::{ByHolder, ByKey, LogRule, Report, SignedBy, Wanted, by_holder, by_key},
    write,
};
use secgate_formats::base64_text::Base64Text;
use secgate_model::Digest;
use serde_json::{Map, Value, json};

use crate::testing::{HOLDER, ISSUER, Leaf, TIME, World, hashedrekord};

/// How many mutants there were, and how many of them still say what was signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) mutants: usize,
    pub(crate) harmless: usize,
}

/// A reproducible sequence (xorshift64*, G. Marsaglia and S. Vigna).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let roll = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(roll).unwrap() % end.max(1)
    }
}

/// A document that verifies, and what it says.
struct Sample {
    document: Value,
    form: Form,
    payload: Option<Vec<u8>>,
    signed_by: SignedBy,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    ByKey,
    ByHolder,
    File,
    Legacy,
}

struct Bench {
    root: TrustRoot,
    keys: Vec<PublicKey>,
    image: Digest,
    samples: Vec<Sample>,
}

const FILE: &[u8] = b"a file";

fn bench() -> Bench {
    let world = World::new();
    let image = Digest::sha256(&[0xab; 32]);
    let statement = serde_json::to_vec(&write::signature_statement(&image)).unwrap();
    // The other statements are as good, by signers that nobody asked for: their parts are what mutants are made of.
    let another = Digest::sha256(&[0xcd; 32]);
    let another = serde_json::to_vec(&write::signature_statement(&another)).unwrap();
    let made: Vec<PrivateKey> = [KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519]
        .map(|kind| PrivateKey::generate(kind).unwrap())
        .into();
    let stranger = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let keys: Vec<PublicKey> = made.iter().map(|key| key.public_key().clone()).collect();
    let root = TrustRoot::from_json(world.root().to_string().as_bytes()).unwrap();
    let holder = SignedBy::Holder {
        holder: secgate_attest::identity::Holder::Uri(HOLDER.to_owned()),
        issuer: ISSUER.to_owned(),
    };
    let mut samples = Vec::new();
    let mut add = |document: Value, form, payload: Option<&[u8]>, signed_by: &SignedBy| {
        let payload = payload.map(<[u8]>::to_vec);
        samples.push(Sample { document, form, payload, signed_by: signed_by.clone() });
    };
    for key in &made {
        let signed_by = SignedBy::Key(key.public_key().fingerprint());
        let bundle = write::statement_bundle(key, &write::signature_statement(&image)).unwrap();
        let bundle = serde_json::from_slice(&bundle).unwrap();
        add(bundle, Form::ByKey, Some(&statement), &signed_by);
        let (payload, signature) = write::legacy(key, "r.example/app", &image, Map::new()).unwrap();
        let raw = Base64Text(signature.clone()).bytes().unwrap();
        let body = hashedrekord(&payload, &raw, &key.public_key().to_pem());
        let layer = json!({
            "payload": std::str::from_utf8(&payload).unwrap(),
            "signature": signature,
            "bundle": world.annotation(&body, TIME).to_string(),
        });
        add(layer, Form::Legacy, Some(&payload), &signed_by);
    }
    let signed_by = SignedBy::Key(keys[0].fingerprint());
    add(
        world.sign_statement_by_key(&made[0], &statement),
        Form::ByKey,
        Some(&statement),
        &signed_by,
    );
    let leaf = Leaf::default();
    add(world.sign_statement(&leaf, &statement), Form::ByHolder, Some(&statement), &holder);
    let mut stamped = world.sign_statement(&leaf, &statement);
    let signature = stamped["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap().to_owned();
    let token = world.timestamp(&Base64Text(signature).bytes().unwrap(), "20240501120000Z");
    stamped["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": [{"signedTimestamp": Base64Text::of(&token)}]});
    add(stamped, Form::ByHolder, Some(&statement), &holder);
    add(world.sign_file(&leaf, FILE), Form::File, None, &holder);
    // Never accepted themselves.
    let evil = Leaf { holder: SanType::URI("https://evil.example".try_into().unwrap()), ..leaf };
    add(world.sign_statement(&evil, &statement), Form::ByHolder, Some(&statement), &holder);
    add(
        world.sign_statement(&Leaf::default(), &another),
        Form::ByHolder,
        Some(&statement),
        &holder,
    );
    add(world.sign_file(&Leaf::default(), b"another file"), Form::File, None, &holder);
    add(
        world.sign_statement_by_key(&stranger, &statement),
        Form::ByKey,
        Some(&statement),
        &signed_by,
    );
    add(world.sign_statement_by_key(&made[0], &another), Form::ByKey, Some(&statement), &signed_by);
    Bench { root, keys, image, samples }
}

impl Bench {
    fn verify(&self, form: Form, document: &[u8]) -> Report {
        let by = ByKey {
            log: LogRule::IfPresent,
            evidence: Some(&self.root as &dyn Evidence),
            ..ByKey::new(&self.keys)
        };
        let holder = HolderRule::Uri(TextRule::Exact(HOLDER.into()));
        let issuer = TextRule::Exact(ISSUER.into());
        let by_who = ByHolder {
            holder: &holder,
            issuer: &issuer,
            proofs: Proofs::default(),
            evidence: &self.root,
        };
        match form {
            Form::ByKey => by_key(document, Wanted::Signature(&self.image), &by),
            Form::ByHolder => by_holder(document, Wanted::Signature(&self.image), &by_who),
            Form::File => by_holder(document, Wanted::Blob(FILE), &by_who),
            Form::Legacy => {
                let layer: Value = serde_json::from_slice(document).unwrap_or_default();
                let text = |name: &str| layer[name].as_str().unwrap_or_default();
                let layer = LegacySignature {
                    payload: text("payload").as_bytes(),
                    signature: text("signature"),
                    bundle: layer["bundle"].as_str(),
                    ..Default::default()
                };
                let now = jiff::Timestamp::from_second(TIME).unwrap();
                legacy::by_key(&layer, &self.image, Some("r.example/app"), &by, now)
            }
        }
    }
}

/// Paths to all values below one.
fn paths(value: &Value, here: &str, all: &mut Vec<String>) {
    all.push(here.to_owned());
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                paths(item, &format!("{here}/{at}"), all);
            }
        }
        Value::Object(fields) => {
            for (name, item) in fields {
                paths(item, &format!("{here}/{name}"), all);
            }
        }
        _ => {}
    }
}

fn pick(document: &Value, dice: &mut Dice) -> String {
    let mut all = Vec::new();
    paths(document, "", &mut all);
    all.swap_remove(dice.below(all.len()))
}

/// One broken copy: of its text, of a value, or with a part of another document.
fn mutant(sample: &Sample, others: &[Sample], dice: &mut Dice) -> Vec<u8> {
    let mut document = sample.document.clone();
    match dice.below(6) {
        0 => {
            let mut text = document.to_string().into_bytes();
            for _ in 0..=dice.below(3) {
                let at = dice.below(text.len());
                match dice.below(4) {
                    0 => text[at] ^= 1 << dice.below(8),
                    1 => drop(text.remove(at)),
                    2 => text.insert(at, u8::try_from(dice.below(256)).unwrap()),
                    _ => text.truncate(at),
                }
                if text.is_empty() {
                    break;
                }
            }
            return text;
        }
        1 | 2 => {
            // A bit of the bytes behind base64.
            let path = pick(&document, dice);
            if let Some(Value::String(text)) = document.pointer_mut(&path) {
                match Base64Text(text.clone()).bytes() {
                    Ok(mut bytes) if !bytes.is_empty() => {
                        let at = dice.below(bytes.len());
                        bytes[at] ^= 1 << dice.below(8);
                        *text = Base64Text::of(&bytes).0;
                    }
                    _ => text.push('x'),
                }
            }
        }
        3 => {
            let path = pick(&document, dice);
            let odd =
                [Value::Null, json!(0), json!(""), json!([]), json!({}), json!(-1), json!("AA==")];
            if let Some(value) = document.pointer_mut(&path) {
                *value = odd[dice.below(odd.len())].clone();
            }
        }
        4 => {
            let path = pick(&document, dice);
            if let Some((parent, name)) = path.rsplit_once('/') {
                match document.pointer_mut(parent) {
                    Some(Value::Object(fields)) => drop(fields.remove(name)),
                    Some(Value::Array(items)) if dice.below(2) == 0 => items.clear(),
                    Some(Value::Array(items)) => items.extend(items.clone()),
                    _ => {}
                }
            }
        }
        _ => {
            let other = &others[dice.below(others.len())].document;
            let path = pick(&document, dice);
            let from = if dice.below(4) == 0 { pick(other, dice) } else { path.clone() };
            if let (Some(value), Some(part)) = (document.pointer_mut(&path), other.pointer(&from)) {
                *value = part.clone();
            }
        }
    }
    document.to_string().into_bytes()
}

/// Breaks documents and panics on the first that is accepted and should not be.
pub(crate) fn run(count: usize, seed: u64) -> Tally {
    let bench = bench();
    let whole = bench.samples.len() - 5;
    for sample in &bench.samples[..whole] {
        let report = bench.verify(sample.form, sample.document.to_string().as_bytes());
        assert!(report.result.is_ok(), "{report:?}");
    }
    for sample in &bench.samples[whole..] {
        let report = bench.verify(sample.form, sample.document.to_string().as_bytes());
        assert!(report.result.is_err(), "{report:?}");
    }
    let mut dice = Dice(seed | 1);
    let mut tally = Tally::default();
    for number in 0..count {
        let sample = &bench.samples[number % bench.samples.len()];
        let document = mutant(sample, &bench.samples, &mut dice);
        let report = bench.verify(sample.form, &document);
        tally.mutants += 1;
        if let Ok(verified) = &report.result {
            tally.harmless += 1;
            let shown = || String::from_utf8_lossy(&document).into_owned();
            // By key, a part of another document may have made it a whole document of another trusted key.
            let known = bench.samples.iter().filter(|known| known.form == sample.form);
            let signed = known.map(|known| &known.signed_by).any(|by| *by == verified.signed_by);
            assert!(signed, "{number}: {}", shown());
            if sample.form == Form::Legacy {
                let payload = verified.payload.as_deref().unwrap_or_default();
                let known = &bench.samples;
                let known = known.iter().any(|known| known.payload.as_deref() == Some(payload));
                assert!(known, "{number}: {}", shown());
            } else {
                assert_eq!(verified.payload, sample.payload, "{number}: {}", shown());
            }
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_broken_document_is_taken_for_a_whole_one() {
        let tally = run(4_000, 0x5ec6_a7e5);
        assert_eq!(tally.mutants, 4_000);
        // Some mutants do no harm: a hint, a digest that is a hint, a field that nobody reads.
        assert!(tally.harmless < tally.mutants / 3, "{tally:?}");
    }
}
