//! Checkov's JSON: one object, or a list of them when several frameworks ran.
//!
//! Checkov says a severity only with a platform key. Skipped checks count, with low confidence: a comment in the source
//! kept them from being judged. Files that could not be parsed are gaps.

use secgate_model::{Confidence, Kind};
use serde::Deserialize;
use serde_json::Value;

use super::{
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, place, rating,
};

const FORMAT: &str = "Checkov";

#[derive(Deserialize)]
struct Report {
    check_type: String,
    results: Results,
    summary: Summary,
}

#[derive(Deserialize)]
struct Results {
    failed_checks: Vec<Found>,
    skipped_checks: Option<Vec<Found>>,
    parsing_errors: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Summary {
    passed: Option<usize>,
    failed: usize,
    parsing_errors: Option<usize>,
    checkov_version: Option<String>,
}

/// What stands in the place of a report when there was nothing to check.
#[derive(Deserialize)]
struct Nothing {
    failed: usize,
    parsing_errors: Option<usize>,
    checkov_version: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    check_id: String,
    check_name: Option<String>,
    check_result: Option<Value>,
    code_block: Option<Value>,
    file_path: String,
    repo_file_path: Option<String>,
    file_line_range: Option<Vec<i64>>,
    resource: Option<String>,
    severity: Option<Value>,
    guideline: Option<String>,
    description: Option<String>,
    vulnerability_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    id: Option<String>,
    severity: Option<String>,
    package_name: Option<String>,
    package_version: Option<String>,
    description: Option<String>,
    link: Option<String>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let mut draft = Draft::new(input, FORMAT, "checkov");
    let reports: Vec<Report> = if input.text.trim_start().starts_with('[') {
        input.parse(FORMAT)?
    } else {
        match input.parse::<Report>(FORMAT) {
            Ok(report) => vec![report],
            Err(error) => {
                let Ok(nothing) = input.parse::<Nothing>(FORMAT) else { return Err(error) };
                if nothing.failed > 0 || nothing.parsing_errors.unwrap_or_default() > 0 {
                    return Err(error);
                }
                draft.version = nothing.checkov_version;
                draft.skipped("Checkov found nothing to check");
                return Ok(draft);
            }
        }
    };
    // A run over secrets or packages alone proves nothing about configuration.
    let config = reports.iter().any(|report| kind_of(&report.check_type) == Kind::Config);
    draft.stands_for = Some(config.then_some("config").into_iter().collect());
    let mut judged = 0;
    for report in reports {
        let Report { check_type, results, summary } = report;
        judged += summary.passed.unwrap_or_default() + summary.parsing_errors.unwrap_or_default();
        if summary.failed != results.failed_checks.len() {
            return Err(draft.refuse(format!(
                "`{}` counts {} failed checks and lists {}",
                phrase::line(&check_type),
                summary.failed,
                results.failed_checks.len()
            )));
        }
        let unparsed = results.parsing_errors.unwrap_or_default();
        if unparsed.len() < summary.parsing_errors.unwrap_or_default() {
            draft.gap(format!("Checkov could not parse files of {check_type}"), None);
        }
        for path in unparsed {
            draft.gap_in(&place::tree_path(&path), "Checkov could not parse it");
        }
        draft.version = draft.version.take().or(summary.checkov_version);
        for check in results.failed_checks {
            add(&mut draft, &check_type, check, false)?;
        }
        let skipped = results.skipped_checks.unwrap_or_default();
        draft.suppressed(skipped.len(), "Checkov was told to skip");
        for check in skipped {
            add(&mut draft, &check_type, check, true)?;
        }
    }
    if judged == 0 && draft.len() == 0 {
        draft.skipped("Checkov found nothing to check");
    }
    Ok(draft)
}

fn kind_of(check_type: &str) -> Kind {
    match check_type {
        "secrets" => Kind::Secret,
        "sca_package" | "sca_image" => Kind::Vulnerability,
        "sast" => Kind::Code,
        _ if check_type.starts_with("sast_") => Kind::Code,
        _ => Kind::Config,
    }
}

fn add(
    draft: &mut Draft,
    check_type: &str,
    check: Found,
    skipped: bool,
) -> Result<(), ImportError> {
    let kind = kind_of(check_type);
    let mut finding = blank(kind, &check.check_id, check.check_name.as_deref().unwrap_or_default());
    // The path from the repository's root tells more than the one from the folder that was scanned.
    let path = place::tree_path(
        check.repo_file_path.as_deref().filter(|path| !path.is_empty()).unwrap_or(&check.file_path),
    );
    let lines = check.file_line_range.unwrap_or_default();
    finding.locus.locations =
        vec![place::spot(&path, lines.first().copied(), None, lines.get(1).copied())];
    finding.severity = check.severity.as_ref().and_then(Value::as_str).and_then(rating::word);
    finding.description = phrase::prose_of(check.description.as_deref());
    finding.references = phrase::links(check.guideline.as_deref());
    let resource = check.resource.as_deref().unwrap_or_default();
    if skipped {
        finding.confidence = Confidence::Low;
        let reason =
            check.check_result.as_ref().and_then(|result| result.get("suppress_comment")?.as_str());
        finding.evidence =
            phrase::prose(&format!("skipped, not judged: {}", reason.unwrap_or("no reason given")));
    } else if kind == Kind::Config {
        finding.evidence = phrase::prose(resource);
    }
    match kind {
        Kind::Vulnerability => {
            add_flaw(draft, finding, check.vulnerability_details, &check.check_id)
        }
        // Checkov gives a hash in the place of a secret's resource, and masks the source.
        Kind::Secret => draft.hidden_secret(resource, finding),
        _ if resource.is_empty() => draft.source(&block(check.code_block.as_ref()), finding),
        _ => draft.source(resource, finding),
    }
}

/// The source without its line numbers.
fn block(code: Option<&Value>) -> String {
    let lines = code.and_then(Value::as_array).into_iter().flatten();
    lines.filter_map(|line| line.get(1)?.as_str()).collect()
}

/// A package's flaw. What fixes it stands in forms that differ, so the facts stay unknown, which no policy takes for
/// "no fix".
fn add_flaw(
    draft: &mut Draft,
    mut finding: secgate_model::Finding,
    details: Option<Details>,
    check_id: &str,
) -> Result<(), ImportError> {
    let Some(details) = details else {
        return draft.flaw([check_id.to_owned()], "", finding);
    };
    finding.severity = finding.severity.or_else(|| rating::word(details.severity.as_deref()?));
    finding.description = phrase::prose_of(details.description.as_deref());
    finding.references.extend(phrase::links(details.link.as_deref()));
    finding.confidence = Confidence::High;
    let name = details.package_name.unwrap_or_default();
    let package = format!("{name}@{}", details.package_version.unwrap_or_default());
    finding.title = phrase::line(&format!("{package}: {}", finding.title));
    draft.flaw([details.id.unwrap_or_else(|| check_id.to_owned())], &package, finding)
}
