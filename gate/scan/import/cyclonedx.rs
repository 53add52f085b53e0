//! CycloneDX 1.4 to 1.7 (JSON) with `vulnerabilities`.
//!
//! A document without them, or with an empty list, is a bill of materials: Trivy writes an empty list also when it did
//! not look. Severity is the worst rating. States of `analysis` excuse nothing here: a policy reads them as waivers. A
//! fix is known only where `affects` names an unaffected version or Trivy's recommendation does; else the facts of the
//! vulnerability stay unknown, which no policy takes for "no fix".

use std::collections::BTreeMap;

use secgate_model::{Confidence, Kind, Purl, Target, TargetKind, Vulnerability};
use serde::Deserialize;

use super::{
    component,
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, rating,
    sarif::tool_name,
};

const FORMAT: &str = "CycloneDX";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    bom_format: String,
    spec_version: String,
    metadata: Option<Metadata>,
    components: Option<Vec<Component>>,
    vulnerabilities: Option<Vec<Flaw>>,
}

#[derive(Deserialize)]
struct Metadata {
    timestamp: Option<String>,
    tools: Option<Tools>,
    component: Option<Component>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Tools {
    List(Vec<Tool>),
    Split { components: Option<Vec<Tool>> },
}

#[derive(Deserialize)]
struct Tool {
    name: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    name: String,
    version: Option<String>,
    purl: Option<String>,
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
struct Flaw {
    id: Option<String>,
    references: Option<Vec<Reference>>,
    ratings: Option<Vec<Rating>>,
    cwes: Option<Vec<u32>>,
    description: Option<String>,
    detail: Option<String>,
    recommendation: Option<String>,
    advisories: Option<Vec<Advisory>>,
    published: Option<String>,
    analysis: Option<Analysis>,
    affects: Option<Vec<Affected>>,
}

#[derive(Deserialize)]
struct Reference {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Rating {
    score: Option<f64>,
    severity: Option<String>,
    method: Option<String>,
    vector: Option<String>,
}

#[derive(Deserialize)]
struct Advisory {
    url: Option<String>,
}

#[derive(Deserialize)]
struct Analysis {
    state: Option<String>,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(rename = "ref")]
    reference: String,
    versions: Option<Vec<Version>>,
}

#[derive(Deserialize)]
struct Version {
    version: Option<String>,
    status: Option<String>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let document: Document = input.parse(FORMAT)?;
    if document.bom_format != FORMAT {
        return Err(input.version(FORMAT, &document.bom_format, "`bomFormat` CycloneDX"));
    }
    if !matches!(document.spec_version.as_str(), "1.2" | "1.3" | "1.4" | "1.5" | "1.6" | "1.7") {
        return Err(input.version(FORMAT, &document.spec_version, "1.4 to 1.7"));
    }
    let flaws = document.vulnerabilities.unwrap_or_default();
    if flaws.is_empty() {
        return Err(ImportError::Sbom { name: input.name.to_owned(), format: FORMAT });
    }
    let metadata = document.metadata;
    let tool = metadata.as_ref().and_then(|metadata| match metadata.tools.as_ref()? {
        Tools::List(tools) => tools.first(),
        Tools::Split { components } => components.as_ref()?.first(),
    });
    let name =
        tool.and_then(|tool| tool.name.as_deref()).map(tool_name).filter(|name| !name.is_empty());
    let mut draft = Draft::new(input, FORMAT, name.as_deref().unwrap_or("cyclonedx"));
    draft.version = tool.and_then(|tool| tool.version.clone());
    draft.produced =
        metadata.as_ref().and_then(|metadata| rating::moment(metadata.timestamp.as_deref()?));
    let mut components = BTreeMap::new();
    let root = metadata.and_then(|metadata| metadata.component);
    if let Some(root) = &root {
        draft.target = target(root);
        index(std::slice::from_ref(root), &mut components);
    }
    index(document.components.as_deref().unwrap_or_default(), &mut components);
    let image = draft.target.as_ref().is_some_and(|target| target.kind == TargetKind::Image);
    let scans = matches!(draft.tool.as_str(), "trivy" | "grype" | "osv-scanner" | "snyk");
    draft.stands_for =
        Some(scans.then_some(if image { "image" } else { "audit" }).into_iter().collect());
    let mut excused = 0;
    for flaw in flaws {
        let state = flaw.analysis.as_ref().and_then(|analysis| analysis.state.as_deref());
        excused += usize::from(matches!(
            state,
            Some("not_affected" | "false_positive" | "resolved" | "resolved_with_pedigree")
        ));
        add(&mut draft, &flaw, &components)?;
    }
    draft.suppressed(excused, "the document's analysis excuses");
    Ok(draft)
}

/// What a component of the document is called, and its purl.
type Known<'a> = BTreeMap<&'a str, (String, Option<Purl>)>;

fn index<'a>(components: &'a [Component], known: &mut Known<'a>) {
    for component in components {
        if let Some(reference) = &component.reference {
            let name = component.version.as_deref().map_or_else(
                || component.name.clone(),
                |version| format!("{}@{version}", component.name),
            );
            known.insert(reference, (name, component.purl.as_deref().and_then(component::of_purl)));
        }
        // The parser's limit on depth bounds this recursion.
        index(component.components.as_deref().unwrap_or_default(), known);
    }
}

fn target(root: &Component) -> Option<Target> {
    let kind = match root.kind.as_deref()? {
        "container" => TargetKind::Image,
        _ => TargetKind::Path,
    };
    let digest = root
        .purl
        .as_deref()
        .and_then(|purl| purl.parse::<Purl>().ok())
        .and_then(|purl| purl.version()?.parse().ok())
        .filter(|_| kind == TargetKind::Image);
    Some(Target { kind, name: phrase::line(&root.name), digest, revision: None })
}

fn add(draft: &mut Draft, flaw: &Flaw, components: &Known<'_>) -> Result<(), ImportError> {
    let ids: Vec<String> = flaw
        .id
        .iter()
        .chain(flaw.references.iter().flatten().filter_map(|reference| reference.id.as_ref()))
        .filter(|id| !id.is_empty())
        .cloned()
        .collect();
    let title = phrase::first_line([flaw.description.as_deref(), flaw.detail.as_deref()]);
    let mut about = blank(Kind::Vulnerability, "", &title);
    let ratings = || flaw.ratings.iter().flatten();
    let cvss = rating::vectors(ratings().filter_map(|rating| rating.vector.as_deref()));
    about.severity = ratings()
        .filter_map(|rating| {
            let by_score = || {
                let method = rating.method.as_deref().unwrap_or_default();
                let third = matches!(method, "CVSSv3" | "CVSSv31" | "CVSSv4");
                rating
                    .score
                    .filter(|_| third)
                    .and_then(|score| rating::of_score(&score.to_string()))
            };
            rating.severity.as_deref().and_then(rating::word).or_else(by_score)
        })
        .max()
        .or_else(|| rating::of_vectors(&cvss));
    about.confidence = Confidence::High;
    about.cwe = flaw.cwes.iter().flatten().copied().filter(|number| *number > 0).collect();
    about.description = phrase::prose_of(flaw.description.as_deref().or(flaw.detail.as_deref()));
    about.remediation = phrase::prose_of(flaw.recommendation.as_deref());
    about.references = phrase::links(
        flaw.advisories.iter().flatten().filter_map(|advisory| advisory.url.as_deref()),
    );
    let affects = flaw.affects.as_deref().unwrap_or_default();
    if affects.is_empty() {
        return draft.flaw(ids, "", about);
    }
    for affected in affects {
        let mut finding = about.clone();
        // A reference into another document is `urn:cdx:serial/version#bom-ref`.
        let reference = affected
            .reference
            .rsplit_once('#')
            .filter(|_| affected.reference.starts_with("urn:cdx:"));
        let reference = reference.map_or(affected.reference.as_str(), |(_, reference)| reference);
        let (name, purl) = match components.get(reference) {
            Some((name, purl)) => (name.as_str(), purl.clone()),
            None => (reference, component::of_purl(reference)),
        };
        let installed = purl.as_ref().and_then(Purl::version);
        finding.vulnerability = fixes(flaw, affected).map(|fixed_in| Vulnerability {
            cvss: cvss.clone(),
            fixed_here: rating::fix_above(installed, &fixed_in),
            fixed_in,
            published: flaw.published.as_deref().and_then(rating::moment),
            ..Vulnerability::default()
        });
        finding.locus.component = purl;
        draft.flaw(ids.clone(), name, finding)?;
    }
    Ok(())
}

/// The versions that mend; `None` when the document does not say whether there are any.
fn fixes(flaw: &Flaw, affected: &Affected) -> Option<Vec<String>> {
    let unaffected = affected
        .versions
        .iter()
        .flatten()
        .filter(|version| version.status.as_deref() == Some("unaffected"));
    let mut fixes: Vec<String> = unaffected.filter_map(|version| version.version.clone()).collect();
    if fixes.is_empty() {
        // Trivy: `Upgrade openssl to version 3.0.13, 3.1.5`.
        let advice = flaw.recommendation.as_deref()?;
        let (_, versions) = advice.strip_prefix("Upgrade ")?.split_once(" to version ")?;
        let versions = versions.split([';', '\n']).next().unwrap_or_default();
        fixes = versions
            .split(',')
            .map(|version| version.trim().to_owned())
            .filter(|version| !version.is_empty())
            .collect();
    }
    (!fixes.is_empty()).then_some(fixes)
}
