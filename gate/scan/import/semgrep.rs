//! Semgrep's JSON.
//!
//! `ERROR`, `WARNING` and `INFO` are high, medium and low; the newer words stand for themselves. Every entry of `errors`
//! and `skipped_rules` is a gap: something was not analysed. What `nosemgrep` silenced is in the report only with
//! `--disable-nosem`, and counts.

use secgate_model::{Confidence, Kind, Severity};
use serde::Deserialize;
use serde_json::Value;

use super::{
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, place, rating, redaction,
};

const FORMAT: &str = "Semgrep";

#[derive(Deserialize)]
struct Report {
    version: Option<String>,
    results: Vec<Found>,
    errors: Vec<Failure>,
    paths: Paths,
    skipped_rules: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct Paths {
    scanned: Vec<String>,
}

#[derive(Deserialize)]
struct Failure {
    message: Option<String>,
    path: Option<String>,
    long_msg: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Value>,
}

#[derive(Deserialize)]
struct Found {
    check_id: String,
    path: String,
    start: Position,
    end: Position,
    extra: Extra,
}

#[derive(Deserialize)]
struct Position {
    line: i64,
    col: Option<i64>,
}

#[derive(Deserialize)]
struct Extra {
    message: String,
    severity: String,
    metadata: Option<Value>,
    fingerprint: Option<String>,
    lines: Option<String>,
    is_ignored: Option<bool>,
    fix: Option<String>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let report: Report = input.parse(FORMAT)?;
    let mut draft = Draft::new(input, FORMAT, "semgrep");
    draft.version = report.version;
    for failure in report.errors {
        let kind =
            failure.kind.as_ref().and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
        let message =
            phrase::first_line([failure.message.as_deref(), failure.long_msg.as_deref(), kind]);
        draft.gap_in(
            &failure.path.as_deref().map(place::tree_path).unwrap_or_default(),
            format!("Semgrep could not judge everything: {message}"),
        );
    }
    let skipped = report.skipped_rules.map_or(0, |rules| rules.len());
    if skipped > 0 {
        draft.gap(
            format!("Semgrep skipped {skipped} rule(s)"),
            Some("use the version of Semgrep that they are written for"),
        );
    }
    if report.paths.scanned.is_empty() && report.results.is_empty() {
        draft.skipped("Semgrep scanned no file");
    }
    let ignored =
        report.results.iter().filter(|found| found.extra.is_ignored == Some(true)).count();
    draft.suppressed(ignored, "`nosemgrep` comments silence");
    for found in report.results {
        add(&mut draft, found)?;
    }
    Ok(draft)
}

fn add(draft: &mut Draft, found: Found) -> Result<(), ImportError> {
    let extra = found.extra;
    let about = |key: &str| extra.metadata.as_ref().and_then(|metadata| metadata.get(key));
    let texts = |key: &str| -> Vec<&str> {
        match about(key) {
            Some(Value::String(text)) => vec![text.as_str()],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    };
    let cwe: Vec<u32> = texts("cwe").into_iter().flat_map(rating::cwes).collect();
    let is_secret = found.check_id.split('.').any(|part| part == "secrets");
    let quotes = is_secret || redaction::quotes_a_secret(&cwe);
    let message =
        if quotes { redaction::without_quotes(&extra.message) } else { extra.message.clone() };
    let mut finding =
        blank(if is_secret { Kind::Secret } else { Kind::Code }, &found.check_id, &message);
    let path = place::tree_path(&found.path);
    finding.locus.locations =
        vec![place::spot(&path, Some(found.start.line), found.start.col, Some(found.end.line))];
    finding.severity = match extra.severity.to_ascii_uppercase().as_str() {
        "ERROR" => Some(Severity::High),
        "WARNING" => Some(Severity::Medium),
        "INFO" => Some(Severity::Low),
        "INVENTORY" | "EXPERIMENT" => Some(Severity::Info),
        word => rating::word(word),
    };
    finding.confidence = match about("confidence").and_then(Value::as_str) {
        Some("HIGH") => Confidence::High,
        Some("LOW") => Confidence::Low,
        _ => Confidence::Medium,
    };
    finding.description = phrase::prose(&message);
    finding.references = phrase::links(texts("references").into_iter().chain(texts("source")));
    // Without a login both hold the words `requires login`.
    let told = |text: Option<&str>| {
        text.filter(|text| !text.trim().is_empty() && *text != "requires login").map(str::to_owned)
    };
    let lines = told(extra.lines.as_deref());
    if !quotes {
        finding.evidence =
            lines.as_deref().and_then(|lines| phrase::prose(&phrase::shortened(lines, 500)));
        finding.remediation = phrase::prose_of(extra.fix.as_deref());
    }
    finding.cwe = cwe;
    let mark = told(extra.fingerprint.as_deref()).or(lines).unwrap_or_default();
    if is_secret { draft.hidden_secret(&mark, finding) } else { draft.source(&mark, finding) }
}
