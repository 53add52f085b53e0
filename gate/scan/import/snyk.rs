//! Snyk's JSON (`snyk test --json`, `snyk container test --json`): one object, or a list of them for several projects.
//!
//! Severity is Snyk's word. What an ignore file took away stands in `filtered.ignore`, and counts.

use secgate_model::{Confidence, Kind, Location, Target, TargetKind, Vulnerability};
use serde::Deserialize;
use serde_json::Value;

use super::{
    component,
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, place, rating,
};

const FORMAT: &str = "Snyk";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    ok: bool,
    error: Option<String>,
    vulnerabilities: Option<Vec<Issue>>,
    dependency_count: Option<u64>,
    package_manager: Option<String>,
    display_target_file: Option<String>,
    path: Option<String>,
    docker: Option<Value>,
    filtered: Option<Filtered>,
}

#[derive(Deserialize)]
struct Filtered {
    ignore: Option<Vec<Issue>>,
    patch: Option<Vec<Issue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issue {
    id: String,
    title: String,
    severity: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "CVSSv3")]
    cvss: Option<String>,
    identifiers: Option<Identifiers>,
    package_name: Option<String>,
    module_name: Option<String>,
    name: Option<String>,
    version: String,
    from: Option<Vec<String>>,
    fixed_in: Option<Vec<String>>,
    nearest_fixed_in_version: Option<String>,
    package_manager: Option<String>,
    publication_time: Option<String>,
    references: Option<Vec<Reference>>,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Identifiers {
    #[serde(rename = "CVE")]
    cve: Option<Vec<String>>,
    #[serde(rename = "GHSA")]
    ghsa: Option<Vec<String>>,
    #[serde(rename = "CWE")]
    cwe: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Reference {
    url: String,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let reports: Vec<Report> = if input.text.trim_start().starts_with('[') {
        input.parse(FORMAT)?
    } else {
        vec![input.parse(FORMAT)?]
    };
    let mut draft = Draft::new(input, FORMAT, "snyk");
    let image = reports.iter().any(|report| report.docker.is_some());
    draft.stands_for = Some(vec![if image { "image" } else { "audit" }]);
    if let [only] = reports.as_slice()
        && let Some(path) = &only.path
    {
        draft.target = Some(Target {
            kind: if image { TargetKind::Image } else { TargetKind::Path },
            name: phrase::line(path),
            digest: None,
            revision: None,
        });
    }
    let projects = reports.len();
    let mut failures = 0;
    let mut empty = 0;
    for report in reports {
        if let Some(error) = &report.error {
            failures += 1;
            draft.gap(format!("Snyk could not judge a project: {error}"), None);
            continue;
        }
        let Some(issues) = report.vulnerabilities else {
            return Err(draft.refuse("`vulnerabilities` is missing"));
        };
        let filtered =
            report.filtered.map(|filtered| [filtered.ignore, filtered.patch]).into_iter().flatten();
        let filtered: Vec<Issue> = filtered.flatten().flatten().collect();
        if !report.ok && issues.is_empty() && filtered.is_empty() {
            return Err(draft.refuse("it is not ok and lists nothing"));
        }
        empty += usize::from(report.dependency_count == Some(0) && issues.is_empty());
        draft.suppressed(filtered.len(), "Snyk was told to ignore");
        let manager = report.package_manager.as_deref().unwrap_or_default();
        let file = report.display_target_file.as_deref().map(place::tree_path).unwrap_or_default();
        for issue in issues.into_iter().chain(filtered) {
            add(&mut draft, issue, manager, &file)?;
        }
    }
    if failures == projects {
        draft.failed("Snyk judged no project");
    } else if empty == projects - failures {
        draft.skipped("Snyk found no dependencies");
    }
    Ok(draft)
}

fn add(draft: &mut Draft, issue: Issue, manager: &str, file: &str) -> Result<(), ImportError> {
    let Some(name) = issue.package_name.or(issue.module_name).or(issue.name) else {
        return Err(draft.refuse(format!("{} names no package", phrase::line(&issue.id))));
    };
    let manager = issue.package_manager.as_deref().unwrap_or(manager);
    let distribution = manager.split(':').any(|part| {
        matches!(
            part,
            "deb"
                | "rpm"
                | "apk"
                | "debian"
                | "ubuntu"
                | "alpine"
                | "rhel"
                | "centos"
                | "amzn"
                | "wolfi"
        )
    });
    // A distribution's package is written `source/binary`.
    let package = if distribution { name.rsplit('/').next().unwrap_or(&name) } else { &name };
    let licence = issue.kind.as_deref() == Some("license");
    let mut finding =
        blank(if licence { Kind::Licence } else { Kind::Vulnerability }, &issue.id, &issue.title);
    finding.locus.component = component::of_type(manager, package, Some(&issue.version));
    if !file.is_empty() {
        finding.locus.locations = vec![Location::file(file)];
    }
    finding.severity = rating::word(&issue.severity);
    finding.confidence = Confidence::High;
    finding.description = phrase::prose_of(issue.description.as_deref());
    finding.references =
        phrase::links(issue.references.iter().flatten().map(|reference| reference.url.as_str()));
    if licence {
        return draft.licence(package, finding);
    }
    let identifiers = issue.identifiers.unwrap_or(Identifiers { cve: None, ghsa: None, cwe: None });
    finding.cwe = identifiers.cwe.iter().flatten().flat_map(|id| rating::cwes(id)).collect();
    let mut fixed_in: Vec<String> =
        issue.fixed_in.into_iter().flatten().filter(|version| !version.is_empty()).collect();
    if fixed_in.is_empty() {
        fixed_in.extend(issue.nearest_fixed_in_version.filter(|version| !version.is_empty()));
    }
    finding.remediation =
        (!fixed_in.is_empty()).then(|| format!("Raise {package} to {}", fixed_in.join(" or ")));
    let path = issue.from.unwrap_or_default();
    finding.vulnerability = Some(Vulnerability {
        cvss: rating::vectors(issue.cvss.as_deref()),
        fixed_here: rating::fix_above(Some(&issue.version), &fixed_in),
        fixed_in,
        published: issue.publication_time.as_deref().and_then(rating::moment),
        // The path begins with the project itself.
        direct: (path.len() > 1).then_some(path.len() == 2),
        ..Vulnerability::default()
    });
    let ids = identifiers.cve.into_iter().chain(identifiers.ghsa).flatten().chain([issue.id]);
    draft.flaw(ids, package, finding)
}
