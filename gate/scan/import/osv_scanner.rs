//! OSV-Scanner's JSON (`--format json`, versions 1 and 2): one finding for each of its alias groups.
//!
//! Severity is the rating of the group's `max_severity`, else of the vectors, else the word of GitHub's database.
//! Licences that the run was told to object to become licence findings.

use std::collections::{BTreeMap, BTreeSet};

use secgate_model::{
    Confidence, Kind, Location, Scope, Severity, Target, TargetKind, Vulnerability,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    component,
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, place, rating,
};

const FORMAT: &str = "OSV-Scanner";

#[derive(Deserialize)]
struct Report {
    results: Vec<Part>,
    image_metadata: Option<Value>,
}

#[derive(Deserialize)]
struct Part {
    source: Source,
    packages: Vec<Found>,
}

#[derive(Deserialize)]
struct Source {
    path: String,
}

#[derive(Deserialize)]
struct Found {
    package: Package,
    vulnerabilities: Option<Vec<Osv>>,
    groups: Option<Vec<Group>>,
    dependency_groups: Option<Vec<String>>,
    license_violations: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    ecosystem: Option<String>,
    commit: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    ids: Vec<String>,
    aliases: Option<Vec<String>>,
    max_severity: Option<String>,
}

/// The part of a record of the OSV schema that is used, here and for govulncheck.
#[derive(Deserialize)]
pub(super) struct Osv {
    pub(super) id: String,
    pub(super) aliases: Option<Vec<String>>,
    pub(super) summary: Option<String>,
    pub(super) details: Option<String>,
    pub(super) severity: Option<Vec<Score>>,
    pub(super) affected: Option<Vec<Affected>>,
    pub(super) references: Option<Vec<Reference>>,
    pub(super) published: Option<String>,
    pub(super) database_specific: Option<Value>,
}

#[derive(Deserialize)]
pub(super) struct Score {
    pub(super) score: String,
}

#[derive(Deserialize)]
pub(super) struct Affected {
    pub(super) package: Option<AffectedPackage>,
    pub(super) ranges: Option<Vec<Range>>,
}

#[derive(Deserialize)]
pub(super) struct AffectedPackage {
    pub(super) name: String,
    pub(super) ecosystem: String,
}

#[derive(Deserialize)]
pub(super) struct Range {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) events: Vec<Event>,
}

#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) introduced: Option<String>,
    pub(super) fixed: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) url: String,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let report: Report = input.parse(FORMAT)?;
    let mut draft = Draft::new(input, FORMAT, "osv-scanner");
    let image = report.image_metadata.as_ref().is_some_and(|metadata| !metadata.is_null());
    draft.stands_for = Some(vec![if image { "image" } else { "audit" }]);
    if image {
        // The report does not name the image.
        draft.target = Some(Target {
            kind: TargetKind::Image,
            name: String::new(),
            digest: None,
            revision: None,
        });
    }
    for part in report.results {
        let path = place::tree_path(&part.source.path);
        for found in part.packages {
            add_package(&mut draft, &path, found)?;
        }
    }
    Ok(draft)
}

fn add_package(draft: &mut Draft, path: &str, found: Found) -> Result<(), ImportError> {
    let package = &found.package;
    let version = package
        .version
        .as_deref()
        .filter(|version| !version.is_empty())
        .or(package.commit.as_deref());
    let name = if package.name.is_empty() { path } else { &package.name };
    let ecosystem = package.ecosystem.as_deref().unwrap_or_default();
    let purl = component::of_osv(ecosystem, name, version);
    let scope = match found.dependency_groups.as_deref() {
        Some(groups) if !groups.is_empty() && groups.iter().all(|group| is_dev(group)) => {
            Scope::Dev
        }
        _ => Scope::Unknown,
    };
    let records = found.vulnerabilities.unwrap_or_default();
    let mut groups = found.groups.unwrap_or_default();
    let grouped: BTreeSet<String> =
        groups.iter().flat_map(|group| group.ids.iter().cloned()).collect();
    // What no group names is a group of its own.
    groups.extend(
        records.iter().filter(|record| !grouped.contains(&record.id)).map(|record| Group {
            ids: vec![record.id.clone()],
            aliases: None,
            max_severity: None,
        }),
    );
    let by_id: BTreeMap<&str, &Osv> =
        records.iter().map(|record| (record.id.as_str(), record)).collect();
    for group in groups {
        let members: Vec<&Osv> =
            group.ids.iter().filter_map(|id| by_id.get(id.as_str()).copied()).collect();
        let mut finding = describe(&members);
        finding.locus.component.clone_from(&purl);
        finding.locus.locations = vec![Location::file(path)];
        if let Some(severity) = group.max_severity.as_deref().and_then(rating::of_score) {
            finding.severity = Some(severity);
        }
        let fixed_in = fixes(&members, name, ecosystem);
        finding.remediation =
            (!fixed_in.is_empty()).then(|| format!("Raise {name} to {}", fixed_in.join(" or ")));
        if let Some(about) = &mut finding.vulnerability {
            about.fixed_here = rating::fix_above(version, &fixed_in);
            about.fixed_in = fixed_in;
            about.scope = scope;
        }
        let aliases = members.iter().flat_map(|record| record.aliases.iter().flatten());
        let ids = group.ids.iter().chain(group.aliases.iter().flatten()).chain(aliases).cloned();
        draft.flaw(ids, name, finding)?;
    }
    for licence in found.license_violations.into_iter().flatten() {
        let mut finding =
            blank(Kind::Licence, &phrase::line(&licence), &format!("{licence}: licence of {name}"));
        finding.locus.component.clone_from(&purl);
        finding.locus.locations = vec![Location::file(path)];
        draft.licence(name, finding)?;
    }
    Ok(())
}

fn is_dev(group: &str) -> bool {
    matches!(group, "dev" | "develop" | "development" | "test" | "tests")
}

/// What the records of one flaw say together.
pub(super) fn describe(members: &[&Osv]) -> secgate_model::Finding {
    let title = phrase::first_line(
        members
            .iter()
            .map(|record| record.summary.as_deref())
            .chain(members.iter().map(|record| record.details.as_deref())),
    );
    let mut finding = blank(Kind::Vulnerability, "", &title);
    let cvss = rating::vectors(
        members
            .iter()
            .flat_map(|record| record.severity.iter().flatten())
            .map(|s| s.score.as_str()),
    );
    let word = |record: &&Osv| -> Option<Severity> {
        rating::word(record.database_specific.as_ref()?.get("severity")?.as_str()?)
    };
    finding.severity = rating::of_vectors(&cvss).or_else(|| members.iter().filter_map(word).max());
    finding.confidence = Confidence::High;
    finding.description =
        members.iter().find_map(|record| phrase::prose_of(record.details.as_deref()));
    finding.cwe = members
        .iter()
        .filter_map(|record| record.database_specific.as_ref()?.get("cwe_ids")?.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .flat_map(rating::cwes)
        .collect();
    finding.references = phrase::links(
        members
            .iter()
            .flat_map(|record| record.references.iter().flatten())
            .map(|r| r.url.as_str()),
    );
    finding.vulnerability = Some(Vulnerability {
        cvss,
        published: members
            .iter()
            .filter_map(|record| rating::moment(record.published.as_deref()?))
            .min(),
        ..Vulnerability::default()
    });
    finding
}

/// Every version that ends a range of this package.
fn fixes(members: &[&Osv], name: &str, ecosystem: &str) -> Vec<String> {
    let base = |ecosystem: &str| ecosystem.split(':').next().unwrap_or_default().to_owned();
    let mut fixes: Vec<String> = Vec::new();
    for affected in members.iter().flat_map(|record| record.affected.iter().flatten()) {
        let ours = affected.package.as_ref().is_some_and(|package| {
            package.name.eq_ignore_ascii_case(name)
                && (package.ecosystem == ecosystem
                    || (!ecosystem.contains(':') && base(&package.ecosystem) == base(ecosystem)))
        });
        for range in affected.ranges.iter().flatten().filter(|range| ours && range.kind != "GIT") {
            for fixed in range.events.iter().filter_map(|event| event.fixed.as_ref()) {
                if !fixes.contains(fixed) && fixes.len() < 64 {
                    fixes.push(fixed.clone());
                }
            }
        }
    }
    fixes
}
