//! Grype's JSON.
//!
//! Severity is Grype's word; `Unknown` is nobody's, `Negligible` is low. The fix states `not-fixed`, `wont-fix` and
//! `unknown` all mean that no advisory names a fixed version. `ignoredMatches` count.

use secgate_model::{
    AdvisoryData, Confidence, Kind, Location, SourceDates, Target, TargetKind, Vulnerability,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    component,
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, place, rating,
};

const FORMAT: &str = "Grype";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    matches: Vec<Match>,
    ignored_matches: Option<Vec<Match>>,
    source: Option<Source>,
    descriptor: Descriptor,
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "type")]
    kind: String,
    target: Value,
}

#[derive(Deserialize)]
struct Descriptor {
    name: String,
    version: Option<String>,
    timestamp: Option<String>,
    db: Option<Database>,
}

#[derive(Deserialize)]
struct Database {
    status: Option<Status>,
    // Before version 0.88 the status stood here itself.
    built: Option<String>,
    checksum: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Status {
    built: Option<String>,
    from: Option<String>,
    valid: Option<bool>,
    error: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    vulnerability: Advisory,
    related_vulnerabilities: Option<Vec<Related>>,
    artifact: Artifact,
}

#[derive(Deserialize)]
struct Related {
    id: String,
    description: Option<String>,
    cvss: Option<Vec<Score>>,
    urls: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Advisory {
    id: String,
    data_source: Option<String>,
    severity: Option<String>,
    urls: Option<Vec<String>>,
    description: Option<String>,
    cvss: Option<Vec<Score>>,
    fix: Option<Fix>,
    epss: Option<Vec<Epss>>,
    cwes: Option<Vec<Weakness>>,
    known_exploited: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct Score {
    vector: Option<String>,
}

#[derive(Deserialize)]
struct Fix {
    versions: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Epss {
    cve: Option<String>,
    #[serde(rename = "epss")]
    probability: Option<f64>,
    percentile: Option<f64>,
}

#[derive(Deserialize)]
struct Weakness {
    cwe: String,
}

#[derive(Deserialize)]
struct Artifact {
    name: String,
    version: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    purl: Option<String>,
    locations: Option<Vec<Place>>,
}

#[derive(Deserialize)]
struct Place {
    path: String,
    #[serde(rename = "layerID")]
    layer: Option<String>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let report: Report = input.parse(FORMAT)?;
    if !report.descriptor.name.eq_ignore_ascii_case("grype") {
        return Err(input.refuse(FORMAT, "its `descriptor` names another tool"));
    }
    let mut draft = Draft::new(input, FORMAT, "grype");
    draft.version = report.descriptor.version;
    draft.produced = report.descriptor.timestamp.as_deref().and_then(rating::moment);
    draft.target = report.source.as_ref().and_then(target);
    let image = draft.target.as_ref().is_some_and(|target| target.kind == TargetKind::Image);
    draft.stands_for = Some(vec![if image { "image" } else { "audit" }]);
    database(&mut draft, report.descriptor.db);
    for found in report.matches {
        add(&mut draft, found)?;
    }
    let ignored = report.ignored_matches.unwrap_or_default();
    draft.suppressed(ignored.len(), "Grype was told to ignore");
    for found in ignored {
        add(&mut draft, found)?;
    }
    Ok(draft)
}

/// An image's target is an object, a folder's its path.
fn target(source: &Source) -> Option<Target> {
    let text = |key: &str| source.target.get(key).and_then(Value::as_str);
    let image = source.kind == "image";
    let name = if image { text("userInput") } else { source.target.as_str() }?;
    Some(Target {
        kind: if image { TargetKind::Image } else { TargetKind::Path },
        name: phrase::line(name),
        digest: text("manifestDigest").and_then(|digest| digest.parse().ok()).filter(|_| image),
        revision: None,
    })
}

fn database(draft: &mut Draft, database: Option<Database>) {
    let Some(database) = database else {
        draft.gap(
            "the report does not name the vulnerability database that it matched against",
            None,
        );
        return;
    };
    let status = database.status;
    let broken = |error: Option<&Value>| {
        error.is_some_and(|error| {
            !error.is_null() && error.as_str() != Some("") && *error != Value::Bool(false)
        })
    };
    if status
        .as_ref()
        .is_some_and(|status| status.valid == Some(false) || broken(status.error.as_ref()))
        || broken(database.error.as_ref())
    {
        draft.failed("Grype says that its vulnerability database is not valid");
    }
    let built = status.as_ref().and_then(|status| status.built.clone()).or(database.built);
    draft.advisories = Some(AdvisoryData {
        revision: phrase::line(
            status
                .as_ref()
                .and_then(|status| status.from.as_deref())
                .or(database.checksum.as_deref())
                .unwrap_or("unknown"),
        ),
        published: built.as_deref().and_then(rating::moment),
        count: 0,
        starter: false,
        epss: None,
        kev: None,
        at_source: SourceDates::default(),
    });
}

fn add(draft: &mut Draft, found: Match) -> Result<(), ImportError> {
    let (advisory, artifact) = (found.vulnerability, found.artifact);
    let related = found.related_vulnerabilities.unwrap_or_default();
    let description = advisory
        .description
        .as_deref()
        .filter(|text| !text.trim().is_empty())
        .or_else(|| related.iter().find_map(|related| related.description.as_deref()));
    let mut finding = blank(Kind::Vulnerability, &advisory.id, description.unwrap_or_default());
    finding.locus.component = artifact.purl.as_deref().and_then(component::of_purl).or_else(|| {
        component::of_type(
            artifact.kind.as_deref().unwrap_or_default(),
            &artifact.name,
            Some(&artifact.version),
        )
    });
    finding.locus.locations = artifact
        .locations
        .into_iter()
        .flatten()
        .map(|place| Location {
            layer: place.layer.and_then(|layer| layer.parse().ok()),
            ..Location::file(place::tree_path(&place.path))
        })
        .collect();
    let scores = advisory
        .cvss
        .iter()
        .flatten()
        .chain(related.iter().flat_map(|related| related.cvss.iter().flatten()));
    let cvss = rating::vectors(scores.filter_map(|score| score.vector.as_deref()));
    let fixed_in: Vec<String> = advisory
        .fix
        .and_then(|fix| fix.versions)
        .into_iter()
        .flatten()
        .filter(|version| !version.is_empty())
        .collect();
    finding.severity = advisory.severity.as_deref().and_then(rating::word);
    finding.confidence = Confidence::High;
    finding.description = phrase::prose_of(description);
    finding.cwe =
        advisory.cwes.iter().flatten().flat_map(|weakness| rating::cwes(&weakness.cwe)).collect();
    finding.references = phrase::links(
        advisory
            .data_source
            .iter()
            .chain(advisory.urls.iter().flatten())
            .chain(related.iter().flat_map(|related| related.urls.iter().flatten()))
            .map(String::as_str),
    );
    finding.remediation = (!fixed_in.is_empty())
        .then(|| format!("Raise {} to {}", artifact.name, fixed_in.join(" or ")));
    let share = |figure: Option<f64>| figure.filter(|figure| (0.0..=1.0).contains(figure));
    let epss = advisory.epss.iter().flatten();
    let epss =
        epss.max_by(|a, b| a.probability.unwrap_or(0.0).total_cmp(&b.probability.unwrap_or(0.0)));
    finding.vulnerability = Some(Vulnerability {
        cvss,
        epss: epss.and_then(|epss| share(epss.probability)),
        epss_percentile: epss.and_then(|epss| share(epss.percentile)),
        kev: advisory.known_exploited.as_ref().filter(|known| !known.is_empty()).map(|_| true),
        fixed_here: rating::fix_above(Some(&artifact.version), &fixed_in),
        fixed_in,
        ..Vulnerability::default()
    });
    // An advisory of a distribution relates to every flaw that its update mends; only GitHub's relates to itself.
    let of_epss = advisory.epss.into_iter().flatten().filter_map(|epss| epss.cve);
    let aliases = related.into_iter().map(|related| related.id).chain(of_epss);
    let ids: Vec<String> = if advisory.id.starts_with("GHSA-") {
        aliases.chain([advisory.id]).collect()
    } else {
        vec![advisory.id]
    };
    draft.flaw(ids, &artifact.name, finding)
}
