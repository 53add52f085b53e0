//! Verification of bundles, by key or by who holds a certificate.

use secgate_formats::{dsse, in_toto::Statement};
use secgate_model::Digest;

use crate::{
    bundle::{self, Content, Material, Parsed},
    certificate,
    check::{Checks, Name},
    evidence::{Evidence, Proofs, Signed, Subject},
    identity::{Holder, HolderRule, TextRule},
    key::PublicKey,
    key_rule::KeyRule,
    payload,
    reason::{Reason, Refusal, refuse, shown},
    scheme::{self, Hashes},
};

/// What must have been signed.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// An image, as such: not any statement about it.
    Signature(&'a Digest),
    /// A statement of exactly this predicate type about an artifact.
    Attestation {
        /// The artifact.
        digest: &'a Digest,
        /// The whole type; short names are `secgate_formats::in_toto::predicate_type`'s.
        predicate_type: &'a str,
    },
    /// A file.
    Blob(&'a [u8]),
}

impl<'a> Wanted<'a> {
    fn subject(self) -> Subject<'a> {
        match self {
            Self::Signature(digest) | Self::Attestation { digest, .. } => Subject::Digest(digest),
            Self::Blob(bytes) => Subject::Bytes(bytes),
        }
    }

    fn limit(self) -> usize {
        match self {
            Self::Attestation { .. } => bundle::ATTESTATION_LIMIT,
            Self::Signature(_) | Self::Blob(_) => bundle::SIGNATURE_LIMIT,
        }
    }
}

/// What is asked of the log of a signature by a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogRule {
    /// An entry must be there and verify.
    Required,
    /// An entry that is there must verify, if there is a trusted root to verify it with.
    #[default]
    IfPresent,
    /// Entries are not looked at.
    Ignored,
}

/// Verification by key.
#[derive(Clone, Copy)]
pub struct ByKey<'a> {
    /// The keys of which one must have signed.
    pub keys: &'a [PublicKey],
    /// Which kinds of keys the policy takes.
    pub rule: Option<&'a KeyRule<'a>>,
    /// Which hashes are taken.
    pub hashes: Hashes,
    /// What is asked of the log.
    pub log: LogRule,
    /// What vouches for log entries and timestamps.
    pub evidence: Option<&'a dyn Evidence>,
}

impl<'a> ByKey<'a> {
    /// By these keys, with log entries checked if they can be.
    pub fn new(keys: &'a [PublicKey]) -> Self {
        Self {
            keys,
            rule: None,
            hashes: Hashes::default(),
            log: LogRule::default(),
            evidence: None,
        }
    }
}

/// Verification by who holds the certificate.
#[derive(Clone, Copy)]
pub struct ByHolder<'a> {
    /// Who must have signed.
    pub holder: &'a HolderRule,
    /// Who must have vouched for the holder.
    pub issuer: &'a TextRule,
    /// Which proofs must be there.
    pub proofs: Proofs,
    /// What vouches for all of it.
    pub evidence: &'a dyn Evidence,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignedBy {
    /// The key with this fingerprint.
    Key(String),
    /// The holder of a certificate.
    Holder {
        /// The holder.
        holder: Holder,
        /// Who vouched for the holder.
        issuer: String,
    },
}

/// What was verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Who signed.
    pub signed_by: SignedBy,
    /// The very bytes that were signed, unless they are the artifact's.
    pub payload: Option<Vec<u8>>,
    /// The statement in them.
    pub statement: Option<Statement>,
    /// Times that were vouched for, in seconds since 1970.
    pub times: Vec<i64>,
}

/// How a verification ended, and what was checked for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Every check once.
    pub checks: Checks,
    /// What was verified, or why nothing was.
    pub result: Result<Verified, Refusal>,
}

impl Report {
    pub(crate) fn of(verify: impl FnOnce(&mut Checks) -> Result<Verified, Refusal>) -> Self {
        let mut checks = Checks::default();
        let result = verify(&mut checks);
        Self { checks: checks.finish(), result }
    }
}

/// Verifies a bundle that a key signed.
pub fn by_key(bundle: &[u8], wanted: Wanted<'_>, by: &ByKey<'_>) -> Report {
    Report::of(|checks| {
        let parsed = read(bundle, wanted, checks)?;
        no_certificate(checks);
        let Material::Key { hint } = &parsed.material else {
            let refusal = refuse(Reason::MaterialKind, "signed with a certificate, not by a key");
            return checks.hold(Name::Material, refusal);
        };
        let keys = checks.hold(Name::Material, hinted(by.keys, hint))?;
        checks.hold(Name::Material, ruled(by.rule, &keys))?;
        checks.passed(Name::Material, "a key");
        let pae;
        let (message, signature) = match (&parsed.content, wanted) {
            (Content::Message { signature, hint }, Wanted::Blob(bytes)) => {
                let same = hint.as_ref().map_or(Ok(()), |hint| hint.check(bytes));
                checks.hold(Name::Subject, same)?;
                (bytes, signature)
            }
            (Content::Envelope { payload_type, payload, signature }, wanted)
                if !matches!(wanted, Wanted::Blob(_)) =>
            {
                pae = dsse::pae(payload_type, payload);
                (pae.as_slice(), signature)
            }
            _ => return checks.hold(Name::Kind, wrong_content()),
        };
        let key = verify_by_one(&keys, message, signature, by.hashes, checks)?;
        let signed_by = SignedBy::Key(key.fingerprint());
        let mut verified = accept(&parsed, wanted, signed_by, checks)?;
        let signed = key_evidence(bundle, &parsed, wanted, key, by, checks)?;
        verified.times = seconds(signed.as_ref());
        Ok(verified)
    })
}

/// Verifies a bundle that the holder of a certificate signed.
pub fn by_holder(bundle: &[u8], wanted: Wanted<'_>, by: &ByHolder<'_>) -> Report {
    Report::of(|checks| {
        let parsed = read(bundle, wanted, checks)?;
        let Material::Certificates(chain) = &parsed.material else {
            let refusal = refuse(Reason::MaterialKind, "signed by a key, not with a certificate");
            return checks.hold(Name::Material, refusal);
        };
        checks.passed(Name::Material, "a certificate");
        checks.hold(Name::Certificate, certificate::check(chain))?;
        if by.proofs.log {
            checks.hold(Name::LogEntry, proved(&parsed))?;
        }
        let signed = by.evidence.by_certificate(bundle, wanted.subject(), by.proofs);
        let signed = match signed {
            Ok(signed) => same(&parsed, signed).map_err(|refusal| (Name::Form, refusal)),
            Err(refusal) => Err((blamed(refusal.reason), refusal)),
        };
        let signed = match signed {
            Ok(signed) => signed,
            Err((name, refusal)) => return checks.hold(name, Err(refusal)),
        };
        checks.passed(Name::Signature, "verifies with the certificate's key");
        checks
            .passed(Name::Certificate, "leads to a trusted authority, valid at every signed time");
        if signed.certificate_transparency {
            checks.passed(Name::CertificateTransparency, "its timestamp verifies");
        } else {
            checks.skipped(Name::CertificateTransparency, "not asked for");
        }
        logged(&parsed, &signed, checks);
        let (Some(holder), Some(issuer)) = (signed.holder.clone(), signed.issuer.clone()) else {
            let refusal = refuse(Reason::Identity, "the certificate does not say who holds it");
            return checks.hold(Name::Identity, refusal);
        };
        if !by.holder.matches(&holder) {
            let (found, wanted) = (shown(holder.as_str()), by.holder.shown());
            let refusal = refuse(Reason::Identity, format!("signed by `{found}`, not `{wanted}`"));
            return checks.hold(Name::Identity, refusal);
        }
        checks.passed(Name::Identity, shown(holder.as_str()));
        if !by.issuer.matches(&issuer) {
            let (found, wanted) = (shown(&issuer), by.issuer.shown());
            let refusal =
                refuse(Reason::Issuer, format!("vouched for by `{found}`, not `{wanted}`"));
            return checks.hold(Name::Issuer, refusal);
        }
        checks.passed(Name::Issuer, shown(&issuer));
        let mut verified = accept(&parsed, wanted, SignedBy::Holder { holder, issuer }, checks)?;
        verified.times = seconds(Some(&signed));
        Ok(verified)
    })
}

fn read(bundle: &[u8], wanted: Wanted<'_>, checks: &mut Checks) -> Result<Parsed, Refusal> {
    let parsed = checks.hold(Name::Form, bundle::read(bundle, wanted.limit()))?;
    checks.passed(Name::Form, "a sigstore bundle");
    Ok(parsed)
}

/// Nobody's certificate is part of a signature by a key.
pub(crate) fn no_certificate(checks: &mut Checks) {
    for name in [Name::Certificate, Name::CertificateTransparency, Name::Identity, Name::Issuer] {
        checks.absent(name, "signed by a key");
    }
}

fn wrong_content<T>() -> Result<T, Refusal> {
    refuse(Reason::BundleContent, "the bundle holds another kind of signature than asked for")
}

/// The keys that a hint leaves. A hint of another form than ours is none.
fn hinted<'a>(keys: &'a [PublicKey], hint: &str) -> Result<Vec<&'a PublicKey>, Refusal> {
    let fingerprint = secgate_formats::base64_text::Base64Text(hint.to_owned())
        .bytes()
        .is_ok_and(|bytes| bytes.len() == 32);
    let left: Vec<&PublicKey> =
        keys.iter().filter(|key| !fingerprint || key.fingerprint() == hint).collect();
    if left.is_empty() {
        return refuse(Reason::KeyHint, format!("signed with another key: {}", shown(hint)));
    }
    Ok(left)
}

/// No key may be of a kind that the policy does not take.
pub(crate) fn ruled(rule: Option<&KeyRule<'_>>, keys: &[&PublicKey]) -> Result<(), Refusal> {
    rule.map_or(Ok(()), |rule| keys.iter().try_for_each(|key| rule.check(key)))
}

pub(crate) fn verify_by_one<'a>(
    keys: &[&'a PublicKey],
    message: &[u8],
    signature: &[u8],
    hashes: Hashes,
    checks: &mut Checks,
) -> Result<&'a PublicKey, Refusal> {
    let mut refusal = Refusal::new(Reason::SignatureInvalid, "no key to verify with");
    for key in keys {
        match scheme::verify(key, message, signature, hashes) {
            Ok(scheme) => {
                let fingerprint = key.fingerprint();
                checks.passed(Name::Signature, format!("{}, key {fingerprint}", scheme.name()));
                return Ok(key);
            }
            Err(why) => refusal = why,
        }
    }
    checks.hold(Name::Signature, Err(refusal))
}

/// What was signed must be what was asked for.
fn accept(
    parsed: &Parsed,
    wanted: Wanted<'_>,
    signed_by: SignedBy,
    checks: &mut Checks,
) -> Result<Verified, Refusal> {
    checks.absent(Name::Repository, "a bundle names no repository");
    let (payload_type, bytes) = match (&parsed.content, wanted) {
        (Content::Message { .. }, Wanted::Blob(_)) => {
            for name in [Name::Payload, Name::Kind, Name::Subject] {
                checks.passed(name, "the file itself is signed");
            }
            return Ok(Verified { signed_by, payload: None, statement: None, times: Vec::new() });
        }
        (Content::Envelope { payload_type, payload, .. }, wanted)
            if !matches!(wanted, Wanted::Blob(_)) =>
        {
            (payload_type, payload)
        }
        _ => return checks.hold(Name::Kind, wrong_content()),
    };
    let statement = checks.hold(Name::Payload, payload::read_statement(payload_type, bytes))?;
    checks.passed(Name::Payload, shown(&statement.kind));
    let digest = match wanted {
        Wanted::Signature(digest) => {
            checks.hold(Name::Kind, payload::check_signature_kind(&statement))?;
            digest
        }
        Wanted::Attestation { digest, predicate_type } => {
            let same = payload::check_predicate_type(&statement, predicate_type);
            checks.hold(Name::Kind, same)?;
            digest
        }
        Wanted::Blob(_) => return checks.hold(Name::Kind, wrong_content()),
    };
    checks.passed(Name::Kind, shown(&statement.predicate_type));
    checks.hold(Name::Subject, payload::check_subject(&statement, digest))?;
    checks.passed(Name::Subject, digest.to_string());
    let payload = Some(bytes.clone());
    Ok(Verified { signed_by, payload, statement: Some(statement), times: Vec::new() })
}

/// Log entries and timestamps of a signature by a key.
fn key_evidence(
    bundle: &[u8],
    parsed: &Parsed,
    wanted: Wanted<'_>,
    key: &PublicKey,
    by: &ByKey<'_>,
    checks: &mut Checks,
) -> Result<Option<Signed>, Refusal> {
    let logs = [Name::LogEntry, Name::LogInclusion, Name::LogPromise];
    let (entries, timestamps) = (!parsed.entries.is_empty(), parsed.timestamps > 0);
    if by.log == LogRule::Required {
        checks.hold(Name::LogEntry, proved(parsed))?;
    }
    for name in logs.into_iter().filter(|_| !entries) {
        checks.absent(name, "the bundle holds no log entry");
    }
    if !timestamps {
        checks.absent(Name::Timestamp, "the bundle holds no timestamp");
    }
    if !entries && !timestamps {
        return Ok(None);
    }
    let Some(evidence) = by.evidence else {
        if by.log == LogRule::Required {
            let refusal = refuse(Reason::TrustRoot, "no trusted root to verify the log with");
            return checks.hold(Name::LogEntry, refusal);
        }
        for name in logs.into_iter().filter(|_| entries) {
            checks.skipped(name, "no trusted root was given");
        }
        if timestamps {
            checks.skipped(Name::Timestamp, "no trusted root was given");
        }
        return Ok(None);
    };
    let log = entries && by.log != LogRule::Ignored;
    if !log && !timestamps {
        for name in logs {
            checks.skipped(name, "not asked for");
        }
        return Ok(None);
    }
    let signed =
        evidence.by_key(bundle, wanted.subject(), key, log).and_then(|signed| same(parsed, signed));
    match signed {
        Ok(signed) => {
            logged(parsed, &signed, checks);
            Ok(Some(signed))
        }
        // What did not verify there verified here: the blame is on what only the evidence looks at.
        Err(refusal) => match blamed(refusal.reason) {
            name @ (Name::LogInclusion | Name::LogPromise | Name::Timestamp) => {
                checks.hold(name, Err(refusal))
            }
            _ => checks.hold(Name::LogEntry, Err(refusal)),
        },
    }
}

/// Where a log is required, each entry must say how it is known to be in it.
fn proved(parsed: &Parsed) -> Result<(), Refusal> {
    if parsed.entries.is_empty() {
        return refuse(Reason::LogMissing, "the bundle holds no log entry");
    }
    if parsed
        .entries
        .iter()
        .any(|entry| entry.inclusion_proof.is_none() && entry.inclusion_promise.is_none())
    {
        return refuse(Reason::LogInclusion, "a log entry has neither a proof nor a promise");
    }
    Ok(())
}

/// The evidence must have verified the very bytes that are used here.
pub(crate) fn same(parsed: &Parsed, signed: Signed) -> Result<Signed, Refusal> {
    let same = match &parsed.content {
        Content::Message { signature, .. } => {
            signed.payload.is_none() && *signature == signed.signature
        }
        Content::Envelope { payload_type, payload, signature } => {
            *signature == signed.signature
                && signed.payload.as_ref().is_some_and(|(verified_type, verified)| {
                    verified_type == payload_type && verified == payload
                })
        }
    };
    if same { Ok(signed) } else { refuse(Reason::BundleMalformed, "the bundle has two readings") }
}

/// Records what the evidence looked at.
fn logged(parsed: &Parsed, signed: &Signed, checks: &mut Checks) {
    let count = parsed.entries.len();
    let proofs = parsed.entries.iter().filter(|entry| entry.inclusion_proof.is_some()).count();
    let promises = parsed.entries.iter().filter(|entry| entry.inclusion_promise.is_some()).count();
    if count == 0 {
        for name in [Name::LogEntry, Name::LogInclusion, Name::LogPromise] {
            checks.absent(name, "the bundle holds no log entry");
        }
    } else {
        // That an entry is about this signature is checked also when its inclusion is not.
        checks.passed(Name::LogEntry, format!("{count} about this signature"));
        for (name, found) in [(Name::LogInclusion, proofs), (Name::LogPromise, promises)] {
            match (found, signed.log) {
                (0, _) => checks.absent(name, "no entry has one"),
                (found, true) => checks.passed(name, format!("{found} of {count}")),
                (_, false) => checks.skipped(name, "not asked for"),
            }
        }
    }
    match parsed.timestamps {
        0 => checks.absent(Name::Timestamp, "the bundle holds no timestamp"),
        found => checks.passed(Name::Timestamp, format!("{found} of {found}")),
    }
}

/// Which check a reason belongs to.
fn blamed(reason: Reason) -> Name {
    match reason {
        Reason::CertificateChain
        | Reason::CertificateTime
        | Reason::CertificateMalformed
        | Reason::CertificateUsage
        | Reason::TrustRoot => Name::Certificate,
        Reason::CertificateTransparency => Name::CertificateTransparency,
        Reason::LogInclusion | Reason::LogCheckpoint => Name::LogInclusion,
        Reason::LogPromise | Reason::LogUnknown => Name::LogPromise,
        Reason::LogTime | Reason::LogEntryMismatch | Reason::LogEntryMalformed => Name::LogEntry,
        Reason::TimestampMissing | Reason::TimestampInvalid | Reason::TimestampAuthority => {
            Name::Timestamp
        }
        Reason::SubjectMismatch | Reason::DigestMalformed => Name::Subject,
        Reason::BundleMalformed | Reason::Unsupported => Name::Form,
        _ => Name::Signature,
    }
}

fn seconds(signed: Option<&Signed>) -> Vec<i64> {
    let times = signed.into_iter().flat_map(|signed| &signed.times);
    times.map(|time| time.as_second()).collect()
}
