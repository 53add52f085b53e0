//! govulncheck's JSON (`-format json`, protocol 1): a stream of messages.
//!
//! One finding for each vulnerability and module, because a vulnerable module in the build is what every other tool
//! reports; that its code is called makes it certain (`High`), else the confidence is `Low`. The database says no
//! severity. A stream has no end mark: that it is whole is proved by the message that the check began, and by a finding
//! for every vulnerability whose ranges hold a module of the listed build.

use std::collections::{BTreeMap, BTreeSet};

use secgate_model::{AdvisoryData, Confidence, Kind, Locus, SourceDates, Vulnerability};
use serde::Deserialize;
use serde_json::Value;

use super::{
    component,
    draft::Draft,
    error::{ImportError, Input},
    osv_scanner::{Osv, Range, describe},
    phrase, rating,
};

const FORMAT: &str = "govulncheck";

#[derive(Deserialize)]
struct Message {
    config: Option<Config>,
    progress: Option<Progress>,
    #[serde(rename = "SBOM")]
    sbom: Option<Build>,
    osv: Option<Osv>,
    finding: Option<Found>,
}

#[derive(Deserialize)]
struct Config {
    protocol_version: String,
    scanner_version: Option<String>,
    db: Option<String>,
    db_last_modified: Option<String>,
}

#[derive(Deserialize)]
struct Progress {
    message: Option<String>,
}

#[derive(Deserialize)]
struct Build {
    modules: Option<Vec<Module>>,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    osv: String,
    fixed_version: Option<String>,
    trace: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    module: String,
    version: Option<String>,
    package: Option<String>,
    function: Option<String>,
    receiver: Option<String>,
}

/// What all messages about one vulnerability in one module say.
#[derive(Default)]
struct Hit {
    fixed: Option<String>,
    called: bool,
    symbols: BTreeSet<String>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let mut draft = Draft::new(input, FORMAT, "govulncheck");
    let mut records: BTreeMap<String, Osv> = BTreeMap::new();
    let mut hits: BTreeMap<(String, String, String), Hit> = BTreeMap::new();
    let mut build: Option<Vec<Module>> = None;
    let mut checked = false;
    for message in serde_json::Deserializer::from_str(input.text).into_iter::<Message>() {
        let message = message.map_err(|error| input.shape(FORMAT, &error))?;
        if let Some(config) = message.config {
            if config.protocol_version.trim_start_matches('v').split('.').next() != Some("1") {
                return Err(input.version(FORMAT, &config.protocol_version, "1"));
            }
            draft.version = config.scanner_version;
            draft.advisories = Some(AdvisoryData {
                revision: phrase::line(config.db.as_deref().unwrap_or("unknown")),
                published: config.db_last_modified.as_deref().and_then(rating::moment),
                count: 0,
                starter: false,
                epss: None,
                kev: None,
                at_source: SourceDates::default(),
            });
        }
        checked |= message
            .progress
            .and_then(|progress| progress.message)
            .is_some_and(|text| text.starts_with("Checking the "));
        if let Some(sbom) = message.sbom {
            build = sbom.modules;
        }
        if let Some(osv) = message.osv {
            records.insert(osv.id.clone(), osv);
        }
        if let Some(found) = message.finding {
            note(&mut hits, &draft, found)?;
        }
    }
    if !checked {
        return Err(draft.refuse(
            "it ends before the check began: it was cut off, or there was no package to check",
        ));
    }
    match &build {
        Some(modules) => complete(&draft, modules, &records, &hits)?,
        None if hits.is_empty() && !records.is_empty() => draft.gap(
            "the report lists vulnerabilities of the modules and no finding; without a list of modules nobody can tell \
             whether it is whole",
            Some("use govulncheck 1.1.4 or newer"),
        ),
        None => {}
    }
    for ((id, module, version), hit) in hits {
        add(&mut draft, records.get(&id), id, &module, &version, hit)?;
    }
    Ok(draft)
}

fn note(
    hits: &mut BTreeMap<(String, String, String), Hit>,
    draft: &Draft,
    found: Found,
) -> Result<(), ImportError> {
    let Some(frame) = found.trace.first() else {
        return Err(
            draft.refuse(format!("the finding of {} has no trace", phrase::line(&found.osv)))
        );
    };
    let key = (found.osv, frame.module.clone(), frame.version.clone().unwrap_or_default());
    let hit = hits.entry(key).or_default();
    hit.fixed = hit.fixed.take().or(found.fixed_version.filter(|version| !version.is_empty()));
    if let Some(function) = &frame.function {
        hit.called = true;
        let parts = [frame.package.as_deref(), frame.receiver.as_deref(), Some(function.as_str())];
        let symbol: Vec<&str> = parts.into_iter().flatten().collect();
        if hit.symbols.len() < 64 {
            hit.symbols.insert(phrase::line(&symbol.join(".")));
        }
    }
    Ok(())
}

/// Every vulnerability that holds for a module of the build must have its finding, or the stream was cut off.
fn complete(
    draft: &Draft,
    modules: &[Module],
    records: &BTreeMap<String, Osv>,
    hits: &BTreeMap<(String, String, String), Hit>,
) -> Result<(), ImportError> {
    let found: BTreeSet<&str> = hits.keys().map(|(id, _, _)| id.as_str()).collect();
    let versions: BTreeMap<&str, &str> = modules
        .iter()
        .filter_map(|module| Some((module.path.as_str(), module.version.as_deref()?)))
        .collect();
    for (id, record) in records.iter().filter(|(id, _)| !found.contains(id.as_str())) {
        for affected in record.affected.iter().flatten() {
            let version =
                affected.package.as_ref().and_then(|package| versions.get(package.name.as_str()));
            if version.is_some_and(|version| {
                affected.ranges.iter().flatten().any(|range| holds(range, version))
            }) {
                return Err(draft.refuse(format!(
                    "{} affects the build and has no finding: it was cut off",
                    phrase::line(id)
                )));
            }
        }
    }
    Ok(())
}

/// Whether a range holds a release. A pre-release is not judged here: the proof needs only what is certain.
fn holds(range: &Range, version: &str) -> bool {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        let parts = version.trim_start_matches("go").trim_start_matches('v').split('.');
        let mut numbers: Vec<u64> = parts.map(|part| part.parse().ok()).collect::<Option<_>>()?;
        numbers.resize(3, 0);
        Some(numbers)
    };
    let Some(version) = numbers(version) else { return false };
    let mut inside = false;
    for event in &range.events {
        match (&event.introduced, &event.fixed) {
            (Some(start), _) if numbers(start).is_some_and(|start| version >= start) => {
                inside = true;
            }
            (_, Some(end)) if numbers(end).is_none_or(|end| version >= end) => inside = false,
            _ => {}
        }
    }
    inside
}

fn add(
    draft: &mut Draft,
    record: Option<&Osv>,
    id: String,
    module: &str,
    version: &str,
    hit: Hit,
) -> Result<(), ImportError> {
    let mut finding = describe(record.as_slice());
    finding.kind = Kind::Vulnerability;
    finding.locus = Locus {
        component: component::package("golang", module, Some(version)),
        ..Locus::default()
    };
    finding.confidence = if hit.called { Confidence::High } else { Confidence::Low };
    let fixed_in: Vec<String> = hit.fixed.into_iter().collect();
    finding.remediation = fixed_in.first().map(|version| format!("Raise {module} to {version}"));
    let about = finding.vulnerability.get_or_insert_with(Vulnerability::default);
    about.fixed_here = fixed_in.first().cloned();
    about.fixed_in = fixed_in;
    about.affects = hit.symbols.into_iter().collect();
    let page = record
        .and_then(|record| record.database_specific.as_ref()?.get("url").and_then(Value::as_str));
    finding.references.extend(phrase::links(page));
    let aliases = record.and_then(|record| record.aliases.as_ref()).into_iter().flatten().cloned();
    draft.flaw(aliases.chain([id]), module, finding)
}
