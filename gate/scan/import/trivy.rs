//! Trivy's JSON, schema version 2: vulnerabilities, secrets, misconfigurations and licences.
//!
//! Severity is Trivy's word, `UNKNOWN` is nobody's. `Results` is left out when there was nothing to look at: the outcome
//! is then "skipped". What an ignore file took away is in the report only with `--show-suppressed`, and counts. That the
//! run was told to leave out severities or flaws without a fix, the report does not say.

use std::collections::BTreeMap;

use secgate_model::{Confidence, Kind, Location, Target, TargetKind, Vulnerability};
use serde::Deserialize;
use serde_json::Value;

use super::{
    component,
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, place, rating,
};

const FORMAT: &str = "Trivy";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    schema_version: u64,
    artifact_name: String,
    artifact_type: Option<String>,
    created_at: Option<String>,
    metadata: Option<Metadata>,
    results: Option<Vec<Part>>,
    trivy: Option<Program>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Program {
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(rename = "OS")]
    os: Option<System>,
    repo_digests: Option<Vec<String>>,
    commit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct System {
    family: Option<String>,
    name: Option<String>,
    #[serde(rename = "EOSL", default)]
    eosl: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Part {
    target: String,
    class: Option<String>,
    #[serde(rename = "Type")]
    kind: Option<String>,
    vulnerabilities: Option<Vec<Flaw>>,
    misconfigurations: Option<Vec<Misconfiguration>>,
    secrets: Option<Vec<Secret>>,
    licenses: Option<Vec<Licence>>,
    misconf_summary: Option<Summary>,
    experimental_modified_findings: Option<Vec<Modified>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    #[serde(default)]
    failures: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Modified {
    #[serde(rename = "Type")]
    kind: String,
    finding: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Flaw {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "VendorIDs")]
    vendor_ids: Option<Vec<String>>,
    pkg_name: String,
    pkg_path: Option<String>,
    pkg_identifier: Option<Identifier>,
    installed_version: String,
    fixed_version: Option<String>,
    layer: Option<Layer>,
    #[serde(rename = "PrimaryURL")]
    primary_url: Option<String>,
    title: Option<String>,
    description: Option<String>,
    severity: Option<String>,
    #[serde(rename = "CweIDs")]
    cwe_ids: Option<Vec<String>>,
    #[serde(rename = "CVSS")]
    cvss: Option<BTreeMap<String, Scores>>,
    references: Option<Vec<String>>,
    published_date: Option<String>,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(rename = "PURL")]
    purl: Option<String>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "DiffID")]
    diff_id: Option<String>,
}

#[derive(Deserialize)]
struct Scores {
    #[serde(rename = "V2Vector")]
    v2: Option<String>,
    #[serde(rename = "V3Vector")]
    v3: Option<String>,
    #[serde(rename = "V40Vector")]
    v4: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Misconfiguration {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "AVDID")]
    avd_id: Option<String>,
    title: Option<String>,
    description: Option<String>,
    message: Option<String>,
    resolution: Option<String>,
    severity: Option<String>,
    #[serde(rename = "PrimaryURL")]
    primary_url: Option<String>,
    references: Option<Vec<String>>,
    status: Option<String>,
    cause_metadata: Option<Cause>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cause {
    resource: Option<String>,
    start_line: Option<i64>,
    end_line: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    #[serde(rename = "RuleID")]
    rule_id: String,
    title: Option<String>,
    severity: Option<String>,
    start_line: Option<i64>,
    end_line: Option<i64>,
    #[serde(rename = "Match")]
    matched: Option<String>,
    layer: Option<Layer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Licence {
    name: String,
    severity: Option<String>,
    category: Option<String>,
    pkg_name: Option<String>,
    file_path: Option<String>,
    link: Option<String>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let report: Report = input.parse(FORMAT)?;
    if report.schema_version != 2 {
        return Err(input.version(FORMAT, &report.schema_version, "2"));
    }
    let mut draft = Draft::new(input, FORMAT, "trivy");
    draft.version = report.trivy.and_then(|program| program.version);
    draft.produced = report.created_at.as_deref().and_then(rating::moment);
    let image = report.artifact_type.as_deref() == Some("container_image");
    let metadata = report.metadata.as_ref();
    draft.target = Some(Target {
        kind: if image { TargetKind::Image } else { TargetKind::Path },
        name: phrase::line(&report.artifact_name),
        digest: metadata
            .and_then(|metadata| {
                metadata.repo_digests.as_ref()?.first()?.rsplit_once('@')?.1.parse().ok()
            })
            .filter(|_| image),
        revision: metadata.and_then(|metadata| metadata.commit.clone()),
    });
    if let Some(os) = metadata.and_then(|metadata| metadata.os.as_ref()).filter(|os| os.eosl) {
        let name =
            [os.family.as_deref(), os.name.as_deref()].map(Option::unwrap_or_default).join(" ");
        draft.gap(
            format!("{name} is out of support: its advisories may be missing"),
            Some("move to a release that is supported"),
        );
    }
    let parts = report.results.unwrap_or_default();
    if parts.is_empty() {
        draft.skipped("Trivy found nothing that it understands in this target");
    }
    draft.stands_for = Some(looked_for(&parts, image));
    for part in parts {
        read_part(&mut draft, part)?;
    }
    Ok(draft)
}

/// Whose work the run did, by the classes of its results: the report does not name the scanners that were switched on.
fn looked_for(parts: &[Part], image: bool) -> Vec<&'static str> {
    let any = |classes: &[&str]| {
        parts.iter().any(|part| part.class.as_deref().is_some_and(|class| classes.contains(&class)))
    };
    // A run for licences alone also lists packages, without having looked for their flaws.
    let licences_only = any(&["license", "license-file"])
        && parts.iter().all(|part| part.vulnerabilities.is_none());
    let packages = any(&["os-pkgs", "lang-pkgs"]) && !licences_only;
    if image {
        // Secrets and configuration of an image say nothing about those of the source.
        return packages.then_some("image").into_iter().collect();
    }
    let looked = [(packages, "audit"), (any(&["secret"]), "secrets"), (any(&["config"]), "config")];
    looked.into_iter().filter(|(yes, _)| *yes).map(|(_, scanner)| scanner).collect()
}

fn read_part(draft: &mut Draft, part: Part) -> Result<(), ImportError> {
    let path = match part.class.as_deref() {
        // The target of installed packages is a title such as `app:1 (debian 12.5)`, or `Python`.
        Some("os-pkgs") => String::new(),
        _ => place::tree_path(&part.target),
    };
    let kind = part.kind.as_deref().unwrap_or_default();
    for flaw in part.vulnerabilities.into_iter().flatten() {
        add_flaw(draft, flaw, &path, kind)?;
    }
    let before = draft.len();
    let mut excepted = 0;
    for misconfiguration in part.misconfigurations.into_iter().flatten() {
        match misconfiguration.status.as_deref() {
            Some("PASS") => continue,
            Some("EXCEPTION") => excepted += 1,
            _ => {}
        }
        add_misconfiguration(draft, misconfiguration, &path)?;
    }
    let failures = part.misconf_summary.map_or(0, |summary| summary.failures);
    if draft.len() - before < failures {
        draft.gap_in(
            &path,
            format!("Trivy counts {failures} misconfigurations here and lists fewer"),
        );
    }
    for secret in part.secrets.into_iter().flatten() {
        add_secret(draft, secret, &path)?;
    }
    for licence in part.licenses.into_iter().flatten() {
        add_licence(draft, &licence)?;
    }
    for modified in part.experimental_modified_findings.into_iter().flatten() {
        let shape = |error: serde_json::Error| {
            format!("a suppressed {} cannot be read: {error}", modified.kind)
        };
        excepted += 1;
        let read =
            match modified.kind.as_str() {
                "vulnerability" => Flaw::deserialize(&modified.finding)
                    .map(|flaw| add_flaw(draft, flaw, &path, kind)),
                "misconfiguration" => Misconfiguration::deserialize(&modified.finding)
                    .map(|found| add_misconfiguration(draft, found, &path)),
                "secret" => Secret::deserialize(&modified.finding)
                    .map(|secret| add_secret(draft, secret, &path)),
                "license" => Licence::deserialize(&modified.finding)
                    .map(|licence| add_licence(draft, &licence)),
                _ => return Err(draft.refuse("it suppresses a finding of an unknown type")),
            };
        read.map_err(|error| draft.refuse(phrase::line(&shape(error))))??;
    }
    draft.suppressed(excepted, "Trivy was told to ignore");
    Ok(())
}

fn add_flaw(draft: &mut Draft, flaw: Flaw, path: &str, kind: &str) -> Result<(), ImportError> {
    let mut finding =
        blank(Kind::Vulnerability, &flaw.id, flaw.title.as_deref().unwrap_or_default());
    finding.locus.component = flaw
        .pkg_identifier
        .and_then(|identifier| component::of_purl(identifier.purl.as_deref()?))
        .or_else(|| component::of_type(kind, &flaw.pkg_name, Some(&flaw.installed_version)));
    let file = flaw.pkg_path.as_deref().map_or_else(|| path.to_owned(), place::tree_path);
    if !file.is_empty() {
        let layer = flaw.layer.and_then(|layer| layer.diff_id?.parse().ok());
        finding.locus.locations = vec![Location { layer, ..Location::file(file) }];
    }
    let scores = flaw.cvss.unwrap_or_default();
    let cvss = rating::vectors(scores.values().flat_map(|scores| {
        [&scores.v4, &scores.v3, &scores.v2].into_iter().filter_map(Option::as_deref)
    }));
    let fixed_in: Vec<String> = flaw
        .fixed_version
        .as_deref()
        .unwrap_or_default()
        .split(',')
        .map(|version| version.trim().trim_start_matches(">=").trim().to_owned())
        .filter(|version| !version.is_empty())
        .collect();
    finding.severity = flaw.severity.as_deref().and_then(rating::word);
    finding.confidence = Confidence::High;
    finding.description = phrase::prose_of(flaw.description.as_deref());
    finding.cwe = flaw.cwe_ids.iter().flatten().flat_map(|id| rating::cwes(id)).collect();
    finding.references = phrase::links(
        flaw.primary_url.iter().chain(flaw.references.iter().flatten()).map(String::as_str),
    );
    finding.remediation = (!fixed_in.is_empty())
        .then(|| format!("Raise {} to {}", flaw.pkg_name, fixed_in.join(" or ")));
    finding.vulnerability = Some(Vulnerability {
        cvss,
        fixed_here: rating::fix_above(Some(&flaw.installed_version), &fixed_in),
        fixed_in,
        published: flaw.published_date.as_deref().and_then(rating::moment),
        ..Vulnerability::default()
    });
    // Vendors' own ids (RHSA, DSA) cover several flaws at once: only ids of the flaw itself are its aliases.
    let ids = flaw
        .vendor_ids
        .into_iter()
        .flatten()
        .filter(|id| id.starts_with("CVE-") || id.starts_with("GHSA-"));
    draft.flaw(ids.chain([flaw.id]), &flaw.pkg_name, finding)
}

fn add_misconfiguration(
    draft: &mut Draft,
    found: Misconfiguration,
    path: &str,
) -> Result<(), ImportError> {
    let title = phrase::first_line([found.title.as_deref(), found.message.as_deref()]);
    let mut finding = blank(Kind::Config, &found.id, &title);
    let cause = found.cause_metadata.as_ref();
    finding.aliases =
        found.avd_id.into_iter().filter(|id| *id != finding.rule && !id.is_empty()).collect();
    finding.locus.locations = vec![place::spot(
        path,
        cause.and_then(|cause| cause.start_line),
        None,
        cause.and_then(|cause| cause.end_line),
    )];
    finding.severity = found.severity.as_deref().and_then(rating::word);
    finding.description = phrase::prose_of(found.description.as_deref());
    finding.evidence = phrase::prose_of(found.message.as_deref());
    finding.remediation = phrase::prose_of(found.resolution.as_deref());
    finding.references = phrase::links(
        found.primary_url.iter().chain(found.references.iter().flatten()).map(String::as_str),
    );
    let resource = cause.and_then(|cause| cause.resource.as_deref()).unwrap_or_default();
    draft.source(&format!("{resource}\n{}", found.message.as_deref().unwrap_or_default()), finding)
}

fn add_secret(draft: &mut Draft, secret: Secret, path: &str) -> Result<(), ImportError> {
    let mut finding =
        blank(Kind::Secret, &secret.rule_id, secret.title.as_deref().unwrap_or_default());
    let layer = secret.layer.and_then(|layer| layer.diff_id?.parse().ok());
    finding.locus.locations =
        vec![Location { layer, ..place::spot(path, secret.start_line, None, secret.end_line) }];
    finding.severity = secret.severity.as_deref().and_then(rating::word);
    finding.remediation = Some("Revoke the credential, then remove it".to_owned());
    // Trivy masks the secret itself; what stands around it tells one from another.
    draft.hidden_secret(secret.matched.as_deref().unwrap_or_default(), finding)
}

fn add_licence(draft: &mut Draft, licence: &Licence) -> Result<(), ImportError> {
    let package = licence.pkg_name.as_deref().unwrap_or_default();
    let name = phrase::line(&licence.name);
    let title =
        [&name, licence.category.as_deref().unwrap_or_default(), package].map(str::to_owned);
    let title = title.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    let mut finding = blank(Kind::Licence, &name, &title);
    finding.severity = licence.severity.as_deref().and_then(rating::word);
    let path = licence.file_path.as_deref().map(place::tree_path).filter(|path| !path.is_empty());
    finding.locus.locations = path.into_iter().map(Location::file).collect();
    finding.references = phrase::links(licence.link.as_deref());
    draft.licence(package, finding)
}
