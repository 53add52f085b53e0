//! cargo-audit's JSON: vulnerabilities, and the warnings `unmaintained`, `unsound`, `notice` and `yanked`.
//!
//! Severity is the rating of the advisory's CVSS vector; a warning has none.

use std::collections::BTreeMap;

use secgate_model::{AdvisoryData, Confidence, Kind, Location, SourceDates, Vulnerability};
use serde::Deserialize;
use serde_json::Value;

use super::{
    component,
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, rating,
};

const FORMAT: &str = "cargo-audit";

#[derive(Deserialize)]
struct Report {
    database: Database,
    lockfile: Lockfile,
    settings: Option<Settings>,
    vulnerabilities: Vulnerabilities,
    warnings: BTreeMap<String, Vec<Found>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Database {
    advisory_count: u64,
    last_commit: Option<String>,
    last_updated: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lockfile {
    dependency_count: u64,
}

#[derive(Deserialize)]
struct Settings {
    ignore: Option<Vec<String>>,
    severity: Option<Value>,
    target_arch: Option<Value>,
    target_os: Option<Value>,
}

#[derive(Deserialize)]
struct Vulnerabilities {
    found: bool,
    count: usize,
    list: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    advisory: Option<Advisory>,
    package: Package,
    versions: Option<Versions>,
    affected: Option<Affected>,
}

#[derive(Deserialize)]
struct Advisory {
    id: String,
    title: String,
    description: Option<String>,
    date: Option<String>,
    aliases: Option<Vec<String>>,
    cvss: Option<String>,
    informational: Option<String>,
    references: Option<Vec<String>>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Versions {
    patched: Vec<String>,
}

#[derive(Deserialize)]
struct Affected {
    functions: Option<BTreeMap<String, Value>>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let report: Report = input.parse(FORMAT)?;
    let list = &report.vulnerabilities;
    if list.count != list.list.len() || list.found == list.list.is_empty() {
        return Err(input
            .refuse(FORMAT, "`vulnerabilities.count`, `found` and `list` contradict each other"));
    }
    let mut draft = Draft::new(input, FORMAT, "cargo-audit");
    if report.database.advisory_count == 0 {
        draft.failed("cargo-audit matched against a database without advisories");
    }
    if report.lockfile.dependency_count == 0 {
        draft.skipped("the lockfile has no dependencies");
    }
    draft.advisories = Some(AdvisoryData {
        revision: phrase::line(report.database.last_commit.as_deref().unwrap_or("unknown")),
        published: report.database.last_updated.as_deref().and_then(rating::moment),
        count: report.database.advisory_count,
        starter: false,
        epss: None,
        kev: None,
        at_source: SourceDates::default(),
    });
    if let Some(settings) = &report.settings {
        narrowed(&mut draft, settings);
    }
    for found in report.vulnerabilities.list {
        if found.advisory.is_none() {
            return Err(
                draft.refuse(format!("a vulnerability of {} has no advisory", found.package.name))
            );
        }
        add(&mut draft, None, found)?;
    }
    for (kind, warnings) in report.warnings {
        for found in warnings {
            add(&mut draft, Some(&kind), found)?;
        }
    }
    Ok(draft)
}

/// What the run was told to leave out is not in the report, so nobody can tell whether it was there.
fn narrowed(draft: &mut Draft, settings: &Settings) {
    let ignored = settings.ignore.as_deref().unwrap_or_default();
    if !ignored.is_empty() {
        draft.gap(
            format!("cargo-audit was told to ignore {}", ignored.join(", ")),
            Some("take them out of audit.toml and write waivers for them"),
        );
    }
    let set = |value: &Option<Value>| {
        value.as_ref().is_some_and(|value| {
            !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
        })
    };
    if set(&settings.severity) {
        draft.gap(
            "cargo-audit was told to leave out lower severities",
            Some("take `severity` out of audit.toml"),
        );
    }
    if set(&settings.target_arch) || set(&settings.target_os) {
        draft.note("cargo-audit left out advisories of other platforms", None);
    }
}

fn add(draft: &mut Draft, warning: Option<&str>, found: Found) -> Result<(), ImportError> {
    let package = found.package;
    let advisory = found.advisory;
    let title = match (&advisory, warning) {
        (Some(advisory), _) => advisory.title.clone(),
        (None, kind) => {
            format!("{} {} is {}", package.name, package.version, kind.unwrap_or("affected"))
        }
    };
    let mut finding = blank(Kind::Vulnerability, "", &title);
    finding.locus.component = component::package("cargo", &package.name, Some(&package.version));
    finding.locus.locations = vec![Location::file("Cargo.lock")];
    finding.confidence = Confidence::High;
    let cvss = rating::vectors(advisory.as_ref().and_then(|advisory| advisory.cvss.as_deref()));
    finding.severity = rating::of_vectors(&cvss);
    let mut fixed_in: Vec<String> = found
        .versions
        .iter()
        .flat_map(|versions| &versions.patched)
        .flat_map(|patched| rating::lower_ends(patched))
        .collect();
    fixed_in.dedup();
    finding.remediation = (!fixed_in.is_empty())
        .then(|| format!("Raise {} to {}", package.name, fixed_in.join(" or ")));
    finding.vulnerability = Some(Vulnerability {
        cvss,
        fixed_here: rating::fix_above(Some(&package.version), &fixed_in),
        fixed_in,
        // The date of an advisory is a day.
        published: advisory
            .as_ref()
            .and_then(|advisory| advisory.date.as_deref())
            .and_then(|day| format!("{day}T00:00:00Z").parse().ok()),
        informational: advisory
            .as_ref()
            .and_then(|advisory| advisory.informational.clone())
            .or_else(|| warning.map(str::to_owned))
            .map(|kind| phrase::line(&kind)),
        affects: found
            .affected
            .and_then(|affected| affected.functions)
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
            .take(64)
            .collect(),
        ..Vulnerability::default()
    });
    let ids = match advisory {
        Some(advisory) => {
            finding.description = phrase::prose_of(advisory.description.as_deref());
            finding.references = phrase::links(
                advisory.url.iter().chain(advisory.references.iter().flatten()).map(String::as_str),
            );
            advisory.aliases.into_iter().flatten().chain([advisory.id]).collect()
        }
        // A yanked release has no advisory: what it is names it.
        None => vec![warning.unwrap_or_default().to_owned()],
    };
    draft.flaw(ids, &package.name, finding)
}
