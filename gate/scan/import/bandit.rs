//! Bandit's JSON.
//!
//! Severity and confidence are Bandit's words. Files that it could not read are gaps; so are findings that its own
//! figures count and its list leaves out (`-l`, `-i`, a baseline).

use std::collections::BTreeMap;

use secgate_model::{Confidence, Kind};
use serde::Deserialize;

use super::{
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, place, rating, redaction,
};

const FORMAT: &str = "Bandit";

#[derive(Deserialize)]
struct Report {
    errors: Vec<Failure>,
    generated_at: Option<String>,
    metrics: BTreeMap<String, BTreeMap<String, f64>>,
    results: Vec<Found>,
}

#[derive(Deserialize)]
struct Failure {
    filename: String,
    reason: String,
}

#[derive(Deserialize)]
struct Found {
    code: Option<String>,
    col_offset: Option<i64>,
    filename: String,
    issue_confidence: String,
    issue_cwe: Option<Weakness>,
    issue_severity: String,
    issue_text: String,
    line_number: i64,
    line_range: Option<Vec<i64>>,
    more_info: Option<String>,
    test_id: String,
    test_name: Option<String>,
}

#[derive(Deserialize)]
struct Weakness {
    // Empty when Bandit has none.
    id: Option<u32>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let report: Report = input.parse(FORMAT)?;
    let mut draft = Draft::new(input, FORMAT, "bandit");
    draft.produced = report.generated_at.as_deref().and_then(rating::moment);
    for failure in report.errors {
        draft.gap_in(
            &place::tree_path(&failure.filename),
            format!("Bandit could not judge it: {}", failure.reason),
        );
    }
    let Some(totals) = report.metrics.get("_totals") else {
        return Err(draft.refuse("`metrics._totals` is missing"));
    };
    let figure = |name: &str| totals.get(name).copied().unwrap_or_default();
    let counted: f64 = totals
        .iter()
        .filter(|(name, _)| name.starts_with("SEVERITY."))
        .map(|(_, count)| count)
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "no list is longer than 2^52")]
    let listed = report.results.len() as f64;
    if counted > listed {
        draft.gap(
            format!("Bandit counts {counted} findings and lists {listed}"),
            Some("run Bandit without `-l`, `-i` and `--baseline`"),
        );
    }
    if figure("loc") == 0.0 && report.results.is_empty() {
        draft.skipped("Bandit found no Python code");
    }
    let silenced = figure("nosec") + figure("skipped_tests");
    if silenced > 0.0 {
        draft.note(
            format!(
                "{silenced} line(s) are silenced by `nosec` comments, which Bandit does not list"
            ),
            None,
        );
    }
    for found in report.results {
        add(&mut draft, found)?;
    }
    Ok(draft)
}

fn add(draft: &mut Draft, found: Found) -> Result<(), ImportError> {
    let cwe: Vec<u32> =
        found.issue_cwe.and_then(|cwe| cwe.id).filter(|id| *id > 0).into_iter().collect();
    // The tests for passwords quote them.
    let secret = redaction::quotes_a_secret(&cwe)
        || matches!(found.test_id.as_str(), "B105" | "B106" | "B107");
    let text = if secret { redaction::without_quotes(&found.issue_text) } else { found.issue_text };
    let mut finding = blank(Kind::Code, &found.test_id, &text);
    let path = place::tree_path(&found.filename);
    let last = found.line_range.as_ref().and_then(|lines| lines.iter().max().copied());
    let column = found.col_offset.map(|column| column.saturating_add(1));
    finding.locus.locations = vec![place::spot(&path, Some(found.line_number), column, last)];
    finding.severity = rating::word(&found.issue_severity);
    finding.confidence = match found.issue_confidence.to_ascii_lowercase().as_str() {
        "high" => Confidence::High,
        "low" | "undefined" => Confidence::Low,
        _ => Confidence::Medium,
    };
    finding.cwe = cwe;
    finding.description = phrase::prose(&text);
    finding.references = phrase::links(found.more_info.as_deref());
    let code = own_lines(found.code.as_deref().unwrap_or_default(), found.line_number, last);
    finding.evidence = if secret { None } else { phrase::prose(&phrase::shortened(&code, 500)) };
    draft.source(&format!("{}\n{code}", found.test_name.as_deref().unwrap_or_default()), finding)
}

/// The lines of the finding out of Bandit's numbered excerpt, which also holds their neighbours.
fn own_lines(excerpt: &str, first: i64, last: Option<i64>) -> String {
    let last = last.unwrap_or(first).max(first);
    let mut own = Vec::new();
    for line in excerpt.lines() {
        let digits = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len());
        let (number, code) = line.split_at(digits);
        if number.parse::<i64>().is_ok_and(|number| (first..=last).contains(&number)) {
            own.push(code.trim());
        }
    }
    own.join("\n")
}
