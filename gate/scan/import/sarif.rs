//! SARIF 2.1.0 of any tool.
//!
//! Severity is the rating of `security-severity` where a rule or a result has one, else of the level: `error`, `warning`,
//! `note` and `none` are high, medium, low and info. Suppressed results count. A run that says that it was not
//! successful, or that has no `results`, failed; an error among its notifications is a gap. A vulnerability out of SARIF
//! has no facts, because the format has no place for fixes: a policy that asks for them gets no answer rather than "no".

use std::collections::HashMap;

use secgate_formats::sarif::{self, Level, Log, Outcome, Rule, Run};
use secgate_model::{Confidence, Finding, Kind, Severity, Target, TargetKind};
use serde_json::Value;

use super::{
    component,
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, place, rating, redaction, stands_for,
};

const FORMAT: &str = "SARIF";

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let log: Log = input.parse(FORMAT)?;
    if log.version != sarif::VERSION {
        return Err(input.version(FORMAT, &log.version, sarif::VERSION));
    }
    let names: Vec<String> = log.runs.iter().map(|run| tool_name(&run.tool.driver.name)).collect();
    let Some(tool) = names.first() else {
        return Err(input.refuse(FORMAT, "it holds no run"));
    };
    if names.iter().any(String::is_empty) {
        return Err(input.refuse(FORMAT, "a run does not name its tool"));
    }
    if let Some(other) = names.iter().find(|name| *name != tool) {
        return Err(input.refuse(
            FORMAT,
            format!("it holds runs of {tool} and of {other}: hand in one file a tool"),
        ));
    }
    if tool == "secgate" {
        return Err(input.refuse(
            FORMAT,
            "secgate wrote it: hand in its JSON report, which keeps what SARIF loses",
        ));
    }
    let mut draft = Draft::new(input, FORMAT, tool);
    for run in &log.runs {
        read_run(&mut draft, run)?;
    }
    Ok(draft)
}

/// A tool's name as the id of a scanner: lower case, one word, never one of our own ids, which an outcome must not claim.
pub(super) fn tool_name(name: &str) -> String {
    let lower = phrase::shortened(&phrase::line(name).to_lowercase(), 60).replace(' ', "-");
    match lower.as_str() {
        "semgrep-oss" | "semgrep-pro" | "opengrep-oss" => "semgrep".to_owned(),
        "owasp-zap" | "zaproxy" | "zap-by-checkmarx" => "zap".to_owned(),
        "snyk-open-source" | "snyk-container" => "snyk".to_owned(),
        "snyk-code" => "snykcode".to_owned(),
        "audit" | "image" | "secrets" | "code" | "config" | "dast" | "sign" | "inventory" => {
            format!("foreign-{lower}")
        }
        _ => lower,
    }
}

fn read_run(draft: &mut Draft, run: &Run) -> Result<(), ImportError> {
    let driver = &run.tool.driver;
    draft.version = driver.semantic_version.clone().or_else(|| driver.version.clone());
    if let Some(version_control) = run.version_control_provenance.first() {
        draft.target = Some(Target {
            kind: TargetKind::Path,
            name: redaction::address(&version_control.repository_uri),
            digest: None,
            revision: version_control.revision_id.clone().map(|revision| phrase::line(&revision)),
        });
    }
    for invocation in &run.invocations {
        if !invocation.execution_successful {
            draft.failed("the tool says that its run was not successful");
        }
        let ended = invocation.end_time_utc.as_deref().and_then(rating::moment);
        draft.produced = draft.produced.max(ended);
        let notifications = invocation
            .tool_execution_notifications
            .iter()
            .chain(&invocation.tool_configuration_notifications);
        for notification in notifications {
            let text = text_of(&notification.message).unwrap_or("a notification without words");
            let path = notification
                .locations
                .first()
                .map(|location| file_of(location, run))
                .unwrap_or_default();
            match notification.level {
                Some(Level::Error) => {
                    draft.gap_in(&path, format!("the tool reports an error: {text}"));
                }
                Some(Level::Warning) | None => draft.note(format!("the tool warns: {text}"), None),
                Some(Level::None | Level::Note) => {}
            }
        }
    }
    let Some(results) = &run.results else {
        draft.failed("the run has no `results`: the tool did not get so far");
        return Ok(());
    };
    let (mut suppressed, mut without_facts) = (0, 0);
    let rules = rules(run);
    for result in results {
        let about = rule_of(run, &rules, result);
        // `pass` and `notApplicable` are no findings, and `absent` is one that is gone (§3.27.9, §3.27.24).
        let none = matches!(result.kind.as_deref(), Some("pass" | "notApplicable"));
        if none || result.baseline_state.as_deref() == Some("absent") {
            continue;
        }
        suppressed +=
            usize::from(result.suppressions.as_ref().is_some_and(|list| !list.is_empty()));
        without_facts += usize::from(add(draft, run, result, about)? == Kind::Vulnerability);
    }
    draft.suppressed(suppressed, "the report suppresses");
    if without_facts > 0 {
        draft.note(
            format!("{without_facts} vulnerabilities come without the versions that fix them, which SARIF has no place for"),
            Some("hand in the tool's own JSON report"),
        );
    }
    Ok(())
}

/// The rules of a run by id; of two with one id the driver's counts.
type Rules<'a> = HashMap<&'a str, &'a Rule>;

fn rules(run: &Run) -> Rules<'_> {
    let mut rules = Rules::new();
    let extensions = run.tool.extensions.iter().flat_map(|extension| &extension.rules);
    for rule in run.tool.driver.rules.iter().chain(extensions) {
        rules.entry(&rule.id).or_insert(rule);
    }
    rules
}

/// The result's rule, by index or by id, in the driver or in an extension (§3.27.5 to §3.27.7, §3.52).
fn rule_of<'a>(run: &'a Run, rules: &Rules<'a>, result: &Outcome) -> Option<&'a Rule> {
    let reference = result.rule.as_ref();
    let extension = reference
        .and_then(|rule| rule.tool_component.as_ref())
        .and_then(|component| usize::try_from(component.index?).ok())
        .and_then(|index| run.tool.extensions.get(index));
    let list = extension.map_or(&run.tool.driver.rules, |extension| &extension.rules);
    let id = result.rule_id.as_deref().or_else(|| reference?.id.as_deref());
    let index = result.rule_index.or_else(|| reference?.index);
    let by_index = index.and_then(|index| list.get(usize::try_from(index).ok()?));
    // Where index and id disagree, the id says what was found; `rule/part` is a part of the rule.
    let agrees = |rule: &&Rule| {
        let part =
            |id: &str| id.strip_prefix(rule.id.as_str()).is_some_and(|rest| rest.starts_with('/'));
        id.is_none_or(|id| id == rule.id || part(id))
    };
    by_index.filter(agrees).or_else(|| rules.get(id?).copied())
}

fn text_of(text: &sarif::Text) -> Option<&str> {
    text.text.as_deref().or(text.markdown.as_deref()).filter(|text| !text.trim().is_empty())
}

fn file_of(location: &sarif::Location, run: &Run) -> String {
    let uri = location
        .physical_location
        .as_ref()
        .and_then(|physical| physical.artifact_location.as_ref()?.uri.as_deref())
        .unwrap_or_default();
    let bases = run.original_uri_base_ids.values().take(16).filter_map(|base| base.uri.as_deref());
    let below =
        bases.filter(|base| base.len() > "file:///".len()).find_map(|base| uri.strip_prefix(base));
    place::uri_path(below.unwrap_or(uri))
}

fn add(
    draft: &mut Draft,
    run: &Run,
    result: &Outcome,
    about: Option<&Rule>,
) -> Result<Kind, ImportError> {
    let id = result
        .rule_id
        .as_deref()
        .or_else(|| result.rule.as_ref()?.id.as_deref())
        .or_else(|| about.map(|rule| rule.id.as_str()))
        .unwrap_or_default();
    let property = |key: &str| {
        result.properties.get(key).or_else(|| about.and_then(|rule| rule.properties.get(key)))
    };
    let tags: Vec<&str> = [Some(&result.properties), about.map(|rule| &rule.properties)]
        .into_iter()
        .flatten()
        .filter_map(|properties| properties.get("tags")?.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let advisory = advisory(id);
    let kind = kind(&draft.tool, &tags, advisory.is_some());
    let message = text_of(&result.message);
    let short = about.and_then(|rule| text_of(rule.short_description.as_ref()?));
    let full = about.and_then(|rule| text_of(rule.full_description.as_ref()?));
    let mut cwe: Vec<u32> = tags.iter().flat_map(|tag| rating::cwes(tag)).collect();
    cwe.extend(property("cwe").map(|cwe| rating::cwes(&cwe.to_string())).unwrap_or_default());
    let quotes = kind == Kind::Secret || redaction::quotes_a_secret(&cwe);
    let title = if quotes {
        // The message of a result may quote what was found, a rule's text cannot.
        let message = message.map(redaction::without_quotes);
        phrase::first_line([short, full, message.as_deref()])
    } else {
        phrase::first_line([message, short, full])
    };
    let mut finding = blank(kind, id, &title);
    finding.severity = Some(severity(result, about, property("security-severity")));
    finding.confidence = match property("precision").and_then(Value::as_str) {
        Some("very-high" | "high") => Confidence::High,
        Some("low") => Confidence::Low,
        _ => Confidence::Medium,
    };
    finding.cwe = cwe;
    finding.description = phrase::prose_of(full.or(short));
    finding.remediation = about.and_then(|rule| phrase::prose_of(text_of(rule.help.as_ref()?)));
    finding.references = phrase::links(about.and_then(|rule| rule.help_uri.as_deref()));
    let snippet = snippet(result);
    if !quotes {
        finding.evidence = snippet.and_then(|code| phrase::prose(&phrase::shortened(code, 500)));
    }
    finding.locus.locations = result
        .locations
        .iter()
        .filter_map(|location| {
            let path = file_of(location, run);
            let region = location.physical_location.as_ref()?.region.clone().unwrap_or_default();
            (!path.is_empty()).then(|| {
                place::spot(&path, region.start_line, region.start_column, region.end_line)
            })
        })
        .collect();
    let mark = mark(result, snippet, message);
    match (kind, advisory) {
        (Kind::Vulnerability, Some((advisory, package))) => {
            finding.locus.component = component_of(result, about);
            finding.confidence = Confidence::High;
            draft.flaw([advisory], package, finding)?;
        }
        (Kind::Secret, _) => draft.hidden_secret(&mark, finding)?,
        (Kind::Web, _) => draft.web(on_the_web(finding, result))?,
        _ => draft.source(&mark, finding)?,
    }
    Ok(kind)
}

fn kind(tool: &str, tags: &[&str], is_advisory: bool) -> Kind {
    let tagged = |word: &str| tags.iter().any(|tag| tag.eq_ignore_ascii_case(word));
    match stands_for(tool) {
        _ if is_advisory => Kind::Vulnerability,
        Some("secrets") => Kind::Secret,
        Some("config") => Kind::Config,
        Some("dast") => Kind::Web,
        _ if tagged("secret") || tagged("secrets") => Kind::Secret,
        _ if tagged("misconfiguration") || tagged("iac") => Kind::Config,
        _ => Kind::Code,
    }
}

/// The advisory that a rule id names, and what stands behind it: Grype writes `CVE-2023-0286-libssl3`.
fn advisory(id: &str) -> Option<(String, &str)> {
    // How many parts between `-` make the id, and how they look.
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let word = |part: &str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let mut parts = id.split('-');
    let count = match parts.next()? {
        "CVE" | "RUSTSEC" | "GO" | "PYSEC" => parts.take(2).filter(|part| number(part)).count() + 1,
        "GHSA" => parts.take(3).filter(|part| word(part)).count(),
        "SNYK" => return Some((id.to_owned(), "")),
        _ => return None,
    };
    if count != 3 {
        return None;
    }
    let parts = if id.starts_with("GHSA") { 4 } else { 3 };
    let end = id.match_indices('-').nth(parts - 1).map_or(id.len(), |(at, _)| at);
    let (advisory, rest) = id.split_at(end);
    Some((advisory.to_owned(), rest.trim_start_matches('-')))
}

/// The package where the tool names it by purl, as a property of the result or, when it is the only one, of the rule.
fn component_of(result: &Outcome, about: Option<&Rule>) -> Option<secgate_model::Purl> {
    if let Some(purl) = result.properties.get("purl").and_then(Value::as_str) {
        return component::of_purl(purl);
    }
    match about?.properties.get("purls")?.as_array()?.as_slice() {
        [only] => component::of_purl(only.as_str()?),
        _ => None,
    }
}

fn severity(result: &Outcome, about: Option<&Rule>, score: Option<&Value>) -> Severity {
    let score = score.and_then(|score| {
        score.as_str().map(str::to_owned).or_else(|| score.as_f64().map(|n| n.to_string()))
    });
    if let Some(severity) = score.as_deref().and_then(rating::of_score) {
        return severity;
    }
    if result.kind.as_deref() == Some("informational") {
        return Severity::Info;
    }
    let default = about.and_then(|rule| rule.default_configuration.as_ref()?.level);
    // §3.27.10: a result that says no level, of a rule that says none, is a warning.
    match result.level.or(default).unwrap_or(Level::Warning) {
        Level::Error => Severity::High,
        Level::Warning => Severity::Medium,
        Level::Note => Severity::Low,
        Level::None => Severity::Info,
    }
}

fn snippet(result: &Outcome) -> Option<&str> {
    let region = result.locations.first()?.physical_location.as_ref()?.region.as_ref()?;
    region.snippet.as_ref().and_then(text_of)
}

/// What stays the same of a result: the tool's own fingerprints, else the source, else the message.
fn mark(result: &Outcome, snippet: Option<&str>, message: Option<&str>) -> String {
    let own = |(key, value): (&String, &String)| {
        // Semgrep writes these words where it wants a login.
        (!value.is_empty() && value != "requires login").then(|| format!("{key}={value}"))
    };
    let marks: Vec<String> = match result.fingerprints.iter().filter_map(own).collect::<Vec<_>>() {
        marks if marks.is_empty() => result.partial_fingerprints.iter().filter_map(own).collect(),
        marks => marks,
    };
    if marks.is_empty() {
        snippet.or(message).unwrap_or_default().to_owned()
    } else {
        marks.join("\n")
    }
}

fn on_the_web(mut finding: Finding, result: &Outcome) -> Finding {
    finding.locus.locations.clear();
    finding.locus.url = result
        .locations
        .first()
        .and_then(|location| {
            location.physical_location.as_ref()?.artifact_location.as_ref()?.uri.as_deref()
        })
        .map(redaction::address);
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advisories_are_told_from_rules() {
        let check = |id: &str, expected: Option<(&str, &str)>| {
            assert_eq!(
                advisory(id).as_ref().map(|(id, rest)| (id.as_str(), *rest)),
                expected,
                "{id}"
            );
        };
        check("CVE-2023-0286", Some(("CVE-2023-0286", "")));
        check("CVE-2023-0286-libssl3-utils", Some(("CVE-2023-0286", "libssl3-utils")));
        check("GHSA-m2qf-hxjv-5gpq-flask", Some(("GHSA-m2qf-hxjv-5gpq", "flask")));
        check("GHSA-m2qf", None);
        check("GO-2022-0969", Some(("GO-2022-0969", "")));
        check("CVE-x-1", None);
        check("py/sql-injection", None);
    }

    #[test]
    fn no_foreign_tool_takes_the_name_of_a_scanner() {
        assert_eq!(tool_name("Semgrep OSS"), "semgrep");
        assert_eq!(tool_name("audit"), "foreign-audit");
    }
}
