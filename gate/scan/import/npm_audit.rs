//! `npm audit --json`: version 2 (npm 7 and later), and version 1, which pnpm still writes.
//!
//! Severity is the advisory's word. Version 2 does not name installed versions: its packages have none, and a fix is
//! told by the end of the vulnerable range. An `error` in place of a report is a failed run.

use std::collections::BTreeMap;

use secgate_model::{Confidence, Finding, Kind, Location, Scope, Vulnerability};
use serde::Deserialize;
use serde_json::Value;

use super::{
    component,
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, rating,
};

const FORMAT: &str = "npm audit";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    audit_report_version: Option<u64>,
    error: Option<Failure>,
    vulnerabilities: Option<BTreeMap<String, Package>>,
    advisories: Option<BTreeMap<String, Advisory1>>,
    muted: Option<Vec<Value>>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Failure {
    code: Option<String>,
    summary: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    vulnerabilities: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: String,
    is_direct: Option<bool>,
    via: Vec<Via>,
    nodes: Option<Vec<String>>,
    fix_available: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Via {
    /// The name of another package in the report, which brings the flaw.
    Package(String),
    Advisory(Box<Advisory2>),
}

#[derive(Deserialize)]
struct Advisory2 {
    source: Value,
    title: String,
    url: Option<String>,
    severity: String,
    range: String,
    cwe: Option<Value>,
    cvss: Option<Cvss>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cvss {
    vector_string: Option<String>,
}

#[derive(Deserialize)]
struct Advisory1 {
    id: Value,
    title: String,
    module_name: String,
    severity: String,
    findings: Vec<Installed>,
    cves: Option<Vec<String>>,
    github_advisory_id: Option<String>,
    patched_versions: Option<String>,
    overview: Option<String>,
    recommendation: Option<String>,
    url: Option<String>,
    cwe: Option<Value>,
    cvss: Option<Cvss>,
}

#[derive(Deserialize)]
struct Installed {
    version: String,
    paths: Option<Vec<String>>,
    dev: Option<bool>,
    optional: Option<bool>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let report: Report = input.parse(FORMAT)?;
    let mut draft = Draft::new(input, FORMAT, "npm-audit");
    if let Some(error) = report.error {
        let [code, summary] = [error.code, error.summary].map(Option::unwrap_or_default);
        draft.failed(format!("npm audit failed: {code} {summary}"));
        return Ok(draft);
    }
    let Some(metadata) = report.metadata else {
        return Err(draft.refuse("`metadata` is missing: it was cut off"));
    };
    match (report.audit_report_version, report.vulnerabilities, report.advisories) {
        (Some(2), Some(packages), _) => {
            for package in packages.values() {
                for via in &package.via {
                    match via {
                        Via::Advisory(advisory) => add2(&mut draft, package, advisory)?,
                        Via::Package(name) if !packages.contains_key(name) => {
                            draft.gap(
                                format!(
                                    "{} is flawed by {name}, of which the report says nothing",
                                    package.name
                                ),
                                None,
                            );
                        }
                        Via::Package(_) => {}
                    }
                }
                if package.via.is_empty() {
                    draft.gap(format!("{} is listed without an advisory", package.name), None);
                }
            }
        }
        (None | Some(1), _, Some(advisories)) => {
            for advisory in advisories.values() {
                if advisory.findings.is_empty() {
                    return Err(draft.refuse("an advisory names no installed version"));
                }
                for installed in &advisory.findings {
                    add1(&mut draft, advisory, installed)?;
                }
            }
            if report.muted.is_some_and(|muted| !muted.is_empty()) {
                draft.gap("npm audit was told to leave out advisories", None);
            }
        }
        (Some(1 | 2) | None, ..) => return Err(draft.refuse("it holds no list of vulnerabilities")),
        (Some(version), ..) => return Err(input.version(FORMAT, &version, "1 or 2")),
    }
    let counted = metadata
        .vulnerabilities
        .iter()
        .filter(|(key, _)| *key != "total")
        .any(|(_, count)| *count > 0);
    if counted != (draft.len() > 0) {
        return Err(draft.refuse("`metadata.vulnerabilities` counts other than what is listed"));
    }
    Ok(draft)
}

fn words(value: Option<&Value>) -> Vec<u32> {
    match value {
        Some(Value::String(text)) => rating::cwes(text),
        Some(Value::Array(list)) => {
            list.iter().filter_map(Value::as_str).flat_map(rating::cwes).collect()
        }
        _ => Vec::new(),
    }
}

/// GitHub's id at the end of an advisory's address.
fn ghsa(url: Option<&str>) -> Option<String> {
    let id = url?.trim_end_matches('/').rsplit('/').next()?;
    id.starts_with("GHSA-").then(|| id.to_owned())
}

fn number(value: &Value) -> Option<String> {
    let text = value
        .as_str()
        .map(str::to_owned)
        .or_else(|| value.as_u64().map(|number| number.to_string()))?;
    Some(format!("NPM-{text}"))
}

fn flaw(title: &str, severity: &str, cwe: Option<&Value>, url: Option<&str>) -> Finding {
    let mut finding = blank(Kind::Vulnerability, "", title);
    finding.severity = rating::word(severity);
    finding.confidence = Confidence::High;
    finding.cwe = words(cwe);
    finding.references = phrase::links(url);
    finding
}

fn add2(draft: &mut Draft, package: &Package, advisory: &Advisory2) -> Result<(), ImportError> {
    let url = advisory.url.as_deref();
    let mut finding = flaw(&advisory.title, &advisory.severity, advisory.cwe.as_ref(), url);
    finding.locus.component = component::package("npm", &package.name, None);
    finding.locus.locations = vec![Location::file("package-lock.json")];
    finding.evidence = package.nodes.as_ref().and_then(|nodes| phrase::prose(&nodes.join("\n")));
    let mut fixed_in = upper_ends(&advisory.range);
    let available = package
        .fix_available
        .as_ref()
        .is_some_and(|fix| fix.as_bool() != Some(false) && !fix.is_null());
    if fixed_in.is_empty() && available {
        // npm has a fix and the range does not name it.
        fixed_in.push(format!("outside {}", phrase::line(&advisory.range)));
    }
    let fixed_here = fixed_in.last().cloned();
    finding.remediation = (!fixed_in.is_empty())
        .then(|| format!("Raise {} to {}", package.name, fixed_in.join(" or ")));
    finding.vulnerability = Some(Vulnerability {
        cvss: rating::vectors(
            advisory.cvss.as_ref().and_then(|cvss| cvss.vector_string.as_deref()),
        ),
        fixed_here,
        fixed_in,
        direct: package.is_direct,
        ..Vulnerability::default()
    });
    let ids = ghsa(url).or_else(|| number(&advisory.source));
    draft.flaw(ids, &package.name, finding)
}

/// The versions that end the vulnerable ranges of `>=1.0.0 <1.2.3 || <0.9.1`; an end that is itself vulnerable names none.
fn upper_ends(range: &str) -> Vec<String> {
    let mut ends: Vec<String> = range
        .split("||")
        .filter_map(|part| {
            let end = part
                .split([' ', ','])
                .find(|word| word.starts_with('<') && !word.starts_with("<="))?;
            let version = end.trim_start_matches('<');
            version.starts_with(|c: char| c.is_ascii_digit()).then(|| version.to_owned())
        })
        .collect();
    ends.dedup();
    ends.truncate(64);
    ends
}

fn add1(draft: &mut Draft, advisory: &Advisory1, installed: &Installed) -> Result<(), ImportError> {
    let url = advisory.url.as_deref();
    let mut finding = flaw(&advisory.title, &advisory.severity, advisory.cwe.as_ref(), url);
    finding.locus.component =
        component::package("npm", &advisory.module_name, Some(&installed.version));
    finding.locus.locations = vec![Location::file("package-lock.json")];
    finding.description = phrase::prose_of(advisory.overview.as_deref());
    finding.remediation = phrase::prose_of(advisory.recommendation.as_deref());
    let paths = installed.paths.as_deref().unwrap_or_default();
    let fixed_in = rating::lower_ends(advisory.patched_versions.as_deref().unwrap_or_default());
    finding.vulnerability = Some(Vulnerability {
        cvss: rating::vectors(
            advisory.cvss.as_ref().and_then(|cvss| cvss.vector_string.as_deref()),
        ),
        fixed_here: rating::fix_above(Some(&installed.version), &fixed_in),
        fixed_in,
        scope: match (installed.dev, installed.optional) {
            (Some(true), _) => Scope::Dev,
            (_, Some(true)) => Scope::Optional,
            (Some(false), _) => Scope::Runtime,
            _ => Scope::Unknown,
        },
        direct: (!paths.is_empty()).then(|| paths.iter().any(|path| !path.contains('>'))),
        ..Vulnerability::default()
    });
    let cves = advisory.cves.iter().flatten().cloned();
    let mut ids: Vec<String> =
        cves.chain(advisory.github_advisory_id.clone()).chain(ghsa(url)).collect();
    if ids.is_empty() {
        ids.extend(number(&advisory.id));
    }
    draft.flaw(ids, &advisory.module_name, finding)
}
