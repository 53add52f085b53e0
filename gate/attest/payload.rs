//! What was signed: read strictly from the very bytes whose signature was verified.

use secgate_formats::{
    in_toto::{self, STATEMENT_V0_1, STATEMENT_V1, Statement},
    simple_signing::{COSIGN_TYPE, Payload},
    strict_json::{self, JsonFault},
};
use secgate_model::Digest;
use serde_json::Value;

use crate::reason::{Reason, Refusal, refuse, shown};

/// Most bytes of a simple signing payload.
const SIMPLE_LIMIT: usize = 64 * 1024;

fn refusal(what: &str, fault: &JsonFault) -> Refusal {
    let reason = match fault {
        JsonFault::TooLarge { .. } => Reason::DocumentTooLarge,
        JsonFault::ByteOrderMark => Reason::PayloadByteOrderMark,
        JsonFault::Depth => Reason::PayloadDepth,
        JsonFault::DuplicateKey(_) => Reason::PayloadDuplicateKey,
        JsonFault::TrailingBytes => Reason::PayloadTrailingBytes,
        JsonFault::Number => Reason::PayloadNumber,
        JsonFault::Syntax(_) | JsonFault::Form(_) => Reason::PayloadMalformed,
    };
    Refusal::new(reason, format!("{what}: {fault}"))
}

/// Reads an in-toto statement of a DSSE payload.
pub(crate) fn read_statement(payload_type: &str, payload: &[u8]) -> Result<Statement, Refusal> {
    if payload_type != in_toto::PAYLOAD_TYPE {
        let payload_type = shown(payload_type);
        return refuse(
            Reason::PayloadType,
            format!("the envelope holds `{payload_type}`, not an in-toto statement"),
        );
    }
    let value: Value =
        strict_json::read(payload, usize::MAX).map_err(|fault| refusal("the statement", &fault))?;
    let subjects = match value.get("subject") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(subjects)) => subjects.as_slice(),
        Some(_) => return refuse(Reason::PayloadMalformed, "the statement: `subject` is no list"),
    };
    if subjects.is_empty() || subjects.iter().any(Value::is_null) {
        return refuse(Reason::SubjectMissing, "the statement is about nothing");
    }
    if subjects.len() > in_toto::SUBJECTS {
        let (count, most) = (subjects.len(), in_toto::SUBJECTS);
        return refuse(Reason::SubjectCount, format!("{count} subjects, {most} at most"));
    }
    let statement: Statement = serde_json::from_value(value)
        .map_err(|error| refusal("the statement", &JsonFault::Form(shown(&error.to_string()))))?;
    if ![STATEMENT_V1, STATEMENT_V0_1].contains(&statement.kind.as_str()) {
        let kind = shown(&statement.kind);
        return refuse(Reason::StatementType, format!("a statement of the type `{kind}`"));
    }
    Ok(statement)
}

/// One subject must have this digest. Only SHA-256 counts, and a name never does.
pub(crate) fn check_subject(statement: &Statement, digest: &Digest) -> Result<(), Refusal> {
    let mut seen = false;
    let mut found = false;
    for text in statement.subject.iter().filter_map(|subject| subject.digest.get("sha256")) {
        seen = true;
        check_hex(text)?;
        found |= text == digest.hex();
    }
    match (found, seen) {
        (true, _) => Ok(()),
        (false, true) => refuse(Reason::SubjectMismatch, format!("not about {digest}")),
        (false, false) => {
            refuse(Reason::SubjectDigestMissing, "the statement names no SHA-256 digest")
        }
    }
}

fn check_hex(text: &str) -> Result<(), Refusal> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == 64 && text.bytes().all(hex) {
        return Ok(());
    }
    refuse(Reason::DigestMalformed, format!("`{}` is no SHA-256 digest", shown(text)))
}

/// The bytes of 64 lower-case hexadecimal digits.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()))
        .collect()
}

/// The statement must be a signature and nothing else.
pub(crate) fn check_signature_kind(statement: &Statement) -> Result<(), Refusal> {
    if statement.predicate_type == in_toto::SIGNATURE {
        return Ok(());
    }
    let kind = shown(&statement.predicate_type);
    refuse(
        Reason::AttestationAsSignature,
        format!("an attestation of `{kind}` is not a signature of the image"),
    )
}

/// The predicate must be of exactly this type.
pub(crate) fn check_predicate_type(statement: &Statement, wanted: &str) -> Result<(), Refusal> {
    if statement.predicate_type == wanted {
        return Ok(());
    }
    let found = shown(&statement.predicate_type);
    refuse(Reason::PredicateType, format!("an attestation of `{found}`, not of `{wanted}`"))
}

/// Reads a simple signing payload and checks that it is a signature.
pub(crate) fn read_simple(payload: &[u8]) -> Result<Payload, Refusal> {
    let payload: Payload =
        strict_json::read(payload, SIMPLE_LIMIT).map_err(|fault| refusal("the payload", &fault))?;
    if payload.critical.kind != COSIGN_TYPE {
        let kind = shown(&payload.critical.kind);
        return refuse(Reason::CriticalType, format!("a payload of the type `{kind}`"));
    }
    Ok(payload)
}

/// The payload must be about this digest.
pub(crate) fn check_simple_digest(payload: &Payload, digest: &Digest) -> Result<(), Refusal> {
    let found = &payload.critical.image.docker_manifest_digest;
    let Some(hex) = found.strip_prefix("sha256:") else {
        let found = shown(found);
        return refuse(Reason::DigestMalformed, format!("`{found}` is no SHA-256 digest"));
    };
    check_hex(hex)?;
    if hex == digest.hex() {
        return Ok(());
    }
    refuse(Reason::SubjectMismatch, format!("not about {digest} but sha256:{hex}"))
}

/// The payload must have been made for this repository (`registry/path`, no tag, no digest).
pub(crate) fn check_repository(payload: &Payload, repository: &str) -> Result<(), Refusal> {
    let found = payload.critical.identity.docker_reference.as_str();
    let name = repository_of(found);
    if name == repository {
        return Ok(());
    }
    refuse(Reason::Repository, format!("made for `{}`, not for `{repository}`", shown(found)))
}

/// The repository of a reference: without tag and digest.
fn repository_of(reference: &str) -> &str {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    match name.rsplit_once(':') {
        // A colon before a slash is a port's.
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_has_a_repository() {
        for (reference, repository) in [
            ("r.example/a/b", "r.example/a/b"),
            ("r.example/a/b:tag", "r.example/a/b"),
            ("r.example:5000/a/b", "r.example:5000/a/b"),
            ("r.example:5000/a/b:tag@sha256:00", "r.example:5000/a/b"),
        ] {
            assert_eq!(repository_of(reference), repository);
        }
    }
}
