//! cosign's first form: a payload in a layer, the signature in its annotations (cosign `specs/SIGNATURE_SPEC.md`).

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use secgate_formats::{
    base64_text::Base64Text,
    cosign::{LogBundle, LogPayload},
    strict_json,
};
use secgate_model::Digest;
use serde::Deserialize;

use crate::{
    check::{Checks, Name},
    evidence::{Evidence, LogKey},
    key::PublicKey,
    payload,
    reason::{Reason, Refusal, refuse},
    scheme::{self, Hashes},
    verify::{ByKey, LogRule, Report, SignedBy, Verified, no_certificate, ruled, verify_by_one},
};

/// Most bytes of an annotation that is read.
const ANNOTATION_LIMIT: usize = 256 * 1024;

/// A layer with its annotations, as [`secgate_formats::cosign`] names them.
#[derive(Debug, Clone, Copy, Default)]
pub struct LegacySignature<'a> {
    /// The layer: a simple signing payload.
    pub payload: &'a [u8],
    /// Base64 of the signature.
    pub signature: &'a str,
    /// PEM of the signer's certificate.
    pub certificate: Option<&'a str>,
    /// A [`LogBundle`].
    pub bundle: Option<&'a str>,
    /// An RFC 3161 timestamp.
    pub timestamp: Option<&'a str>,
}

/// Verifies a signature by key over an image, and with `repository` that it was made for that one. `now` is for log
/// entries from the future.
pub fn by_key(
    signature: &LegacySignature<'_>,
    image: &Digest,
    repository: Option<&str>,
    by: &ByKey<'_>,
    now: Timestamp,
) -> Report {
    Report::of(|checks| {
        let bytes = Base64Text(signature.signature.to_owned()).bytes();
        let bytes =
            bytes.map_err(|fault| Refusal::new(Reason::Base64, format!("the signature: {fault}")));
        let bytes = checks.hold(Name::Form, bytes)?;
        checks.passed(Name::Form, "a layer with a signature");
        no_certificate(checks);
        if signature.certificate.is_some() {
            let refusal = refuse(Reason::MaterialKind, "signed with a certificate, not by a key");
            return checks.hold(Name::Material, refusal);
        }
        let keys: Vec<&PublicKey> = by.keys.iter().collect();
        checks.hold(Name::Material, ruled(by.rule, &keys))?;
        checks.passed(Name::Material, "a key");
        let key = verify_by_one(&keys, signature.payload, &bytes, by.hashes, checks)?;
        let payload = checks.hold(Name::Payload, payload::read_simple(signature.payload))?;
        checks.passed(Name::Payload, "a simple signing payload");
        checks.passed(Name::Kind, payload.critical.kind.clone());
        checks.hold(Name::Subject, payload::check_simple_digest(&payload, image))?;
        checks.passed(Name::Subject, image.to_string());
        if let Some(repository) = repository {
            checks.hold(Name::Repository, payload::check_repository(&payload, repository))?;
            checks.passed(Name::Repository, repository);
        } else {
            checks.skipped(Name::Repository, "not asked for");
        }
        match signature.timestamp {
            Some(_) => checks.skipped(Name::Timestamp, "not asked for beside a key"),
            None => checks.absent(Name::Timestamp, "no timestamp"),
        }
        let time = log(signature, &bytes, key, by, now, checks)?;
        Ok(Verified {
            signed_by: SignedBy::Key(key.fingerprint()),
            payload: Some(signature.payload.to_vec()),
            statement: None,
            times: time.into_iter().collect(),
        })
    })
}

/// Verifies the proof of logging, and gives the time that the log vouches for.
fn log(
    signature: &LegacySignature<'_>,
    bytes: &[u8],
    key: &PublicKey,
    by: &ByKey<'_>,
    now: Timestamp,
    checks: &mut Checks,
) -> Result<Option<i64>, Refusal> {
    checks.absent(Name::LogInclusion, "this form holds no proof of inclusion");
    let Some(text) = signature.bundle else {
        if by.log == LogRule::Required {
            let refusal = refuse(Reason::LogMissing, "no proof of logging");
            return checks.hold(Name::LogEntry, refusal);
        }
        checks.absent(Name::LogEntry, "no proof of logging");
        checks.absent(Name::LogPromise, "no proof of logging");
        return Ok(None);
    };
    let evidence = match (by.log, by.evidence) {
        (LogRule::Ignored, _) => Err("not asked for"),
        (_, Some(evidence)) => Ok(evidence),
        (LogRule::Required, None) => {
            let refusal = refuse(Reason::TrustRoot, "no trusted root to verify the log with");
            return checks.hold(Name::LogPromise, refusal);
        }
        (LogRule::IfPresent, None) => Err("no trusted root was given"),
    };
    let evidence = match evidence {
        Ok(evidence) => evidence,
        Err(why) => {
            checks.skipped(Name::LogEntry, why);
            checks.skipped(Name::LogPromise, why);
            return Ok(None);
        }
    };
    let bundle: Result<LogBundle, Refusal> = strict_json::read(text.as_bytes(), ANNOTATION_LIMIT)
        .map_err(|fault| {
            Refusal::new(Reason::LogEntryMalformed, format!("the proof of logging: {fault}"))
        });
    let bundle = checks.hold(Name::LogEntry, bundle)?;
    checks.hold(Name::LogPromise, check_promise(&bundle, evidence, now))?;
    checks.passed(Name::LogPromise, format!("entry {}", bundle.payload.log_index));
    checks.hold(Name::LogEntry, check_entry(&bundle.payload, signature.payload, bytes, key))?;
    checks.passed(Name::LogEntry, "about this signature, key and payload");
    Ok(Some(bundle.payload.integrated_time))
}

/// The log signed the canonical JSON (RFC 8785) of the entry.
fn check_promise(
    bundle: &LogBundle,
    evidence: &dyn Evidence,
    now: Timestamp,
) -> Result<(), Refusal> {
    let malformed = || Refusal::new(Reason::LogEntryMalformed, "the proof of logging");
    let LogPayload { integrated_time, log_id, .. } = &bundle.payload;
    let at = Timestamp::from_second(*integrated_time).map_err(|_| malformed())?;
    if at > now {
        return refuse(Reason::LogTime, format!("logged at {at}, which is to come"));
    }
    let id = payload::hex(log_id).ok_or_else(malformed)?;
    let key = match evidence.log_key(&id, at) {
        LogKey::Trusted(key) => key,
        LogKey::OutsideItsTime => {
            return refuse(Reason::LogUnknown, format!("the log's key is not trusted for {at}"));
        }
        LogKey::Unknown => return refuse(Reason::LogUnknown, "a log that is not trusted"),
    };
    // The body is base64 and the log's id hexadecimal: no character needs the escapes of RFC 8785.
    bundle.payload.body.bytes().map_err(|_| malformed())?;
    let message = serde_json::to_vec(&bundle.payload).map_err(|_| malformed())?;
    let promise = bundle.signed_entry_timestamp.bytes().map_err(|_| malformed())?;
    scheme::verify(&key, &message, &promise, Hashes::Own).map(|_| ()).map_err(|refusal| {
        Refusal::new(Reason::LogPromise, format!("the log's promise: {}", refusal.detail))
    })
}

/// `hashedrekord` 0.0.1 of Rekor (`pkg/types/hashedrekord/v0.0.1`, the schema).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    api_version: String,
    kind: String,
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    data: Data,
    signature: BodySignature,
}

#[derive(Deserialize)]
struct Data {
    hash: Hash,
}

#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BodySignature {
    content: Base64Text,
    public_key: BodyKey,
}

#[derive(Deserialize)]
struct BodyKey {
    content: Base64Text,
}

/// The entry must be about this payload, signature and key (CVE-2022-36056).
fn check_entry(
    entry: &LogPayload,
    payload: &[u8],
    signature: &[u8],
    key: &PublicKey,
) -> Result<(), Refusal> {
    let malformed = |detail: String| {
        Refusal::new(Reason::LogEntryMalformed, format!("the log entry: {detail}"))
    };
    let body = entry.body.bytes().map_err(|fault| malformed(fault.to_string()))?;
    let body: Body =
        strict_json::read(&body, ANNOTATION_LIMIT).map_err(|fault| malformed(fault.to_string()))?;
    if body.kind != "hashedrekord" || body.api_version != "0.0.1" {
        return Err(malformed("of a kind that is not read".to_owned()));
    }
    let Hash { algorithm, value } = &body.spec.data.hash;
    if algorithm != "sha256"
        || payload::hex(value).as_deref() != Some(digest(&SHA256, payload).as_ref())
    {
        return refuse(Reason::LogEntryMismatch, "the log entry is about another payload");
    }
    if body.spec.signature.content.bytes().as_deref() != Ok(signature) {
        return refuse(Reason::LogEntryMismatch, "the log entry is about another signature");
    }
    let logged = body.spec.signature.public_key.content.bytes().ok();
    if logged.and_then(|pem| PublicKey::from_pem(&pem).ok()).as_ref() != Some(key) {
        return refuse(Reason::LogEntryMismatch, "the log entry is about another key");
    }
    Ok(())
}
