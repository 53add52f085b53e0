//! Reads `kind: PolicyTest` files.

use std::{collections::BTreeMap, path::Path};

use jiff::{SignedDuration, Timestamp};
use secgate_model::{
    AdvisoryData, Confidence, Cvss, Ended, Finding, Fingerprint, Kind, Location, Locus, Outcome,
    Problem, Purl, Scope, Severity, SourceDates, Vulnerability,
};

use crate::{
    Baseline, Diagnostics, Policy, ReadFile, Waivers,
    condition::{CONFIDENCES, SCOPES, confidence_name},
    diagnostic::{Place, Sink},
    digest,
    fields::{Fields, boolean, named, text, texts},
    load::{load_named, resolve},
    policy::Stage,
    policy_test::{Case, PolicyTests},
    read_policy::header,
    values::{read_duration, read_moment},
    waiver_file,
    yaml::{self, Node, Value},
};

pub(crate) const TEST_FILE_FIELDS: &[&str] = &["apiVersion", "kind", "policy", "tests"];
pub(crate) const TEST_FIELDS: &[&str] = &[
    "name",
    "stage",
    "at",
    "subject",
    "findings",
    "outcomes",
    "waivers",
    "baseline",
    "first_seen",
    "expect",
];
pub(crate) const FINDING_FIELDS: &[&str] = &[
    "name",
    "kind",
    "rule",
    "aliases",
    "severity",
    "confidence",
    "scanner",
    "cwe",
    "title",
    "path",
    "line",
    "url",
    "package",
    "fixed_in",
    "fixed_here",
    "scope",
    "direct",
    "epss",
    "epss_percentile",
    "kev",
    "cvss",
    "published",
    "informational",
];
pub(crate) const OUTCOME_FIELDS: &[&str] = &[
    "scanner",
    "ended",
    "gaps",
    "advisories_age",
    "epss_age",
    "kev_age",
    "advisories_at_source",
    "epss_at_source",
    "kev_at_source",
    "starter",
    "undated",
];
pub(crate) const EXPECT_FIELDS: &[&str] = &["decision", "rules", "waived", "notices"];
const DECISIONS: [&str; 3] = ["pass", "fail", "error"];
const RULE_OUTCOMES: [&str; 6] = ["pass", "fail", "error", "warn", "info", "grace"];
const NOTICES: [&str; 4] = ["unused", "expired", "expires_soon", "not_allowed"];

/// Loads a test file and the policy that it names, relative to itself or as `builtin:NAME`.
pub fn load_policy_tests(path: &Path, read: &ReadFile<'_>) -> Result<PolicyTests, Diagnostics> {
    let file = path.to_string_lossy().into_owned();
    let mut found = Vec::new();
    let mut sink = Sink { file: &file, found: &mut found };
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            sink.error(Place::default(), format!("the test file cannot be read: {error}"));
            return Err(Diagnostics(found));
        }
    };
    let Some(root) = yaml::parse(&bytes, &mut sink) else { return Err(Diagnostics(found)) };
    let Some(map) = Fields::read(&root, "a policy test", TEST_FILE_FIELDS, &mut sink) else {
        return Err(Diagnostics(found));
    };
    header(&map, "PolicyTest", &mut sink);
    let target = map.need("policy", &mut sink).and_then(|node| {
        let target = text(node, "policy", &mut sink)?;
        Some((resolve(&file, target, node.at, &mut sink)?, node.at))
    });
    let tests = map.need("tests", &mut sink);
    let (Some((policy_file, at)), Some(tests)) = (target, tests) else {
        return Err(Diagnostics(found));
    };
    let policy = match load_named(&policy_file, Some((&file, at)), read) {
        Ok(policy) => policy,
        Err(Diagnostics(more)) => {
            found.extend(more);
            return Err(Diagnostics(found));
        }
    };
    let mut cases = Vec::new();
    if let Value::List(items) = &tests.value
        && !items.is_empty()
    {
        for item in items {
            cases.extend(case(item, &policy, &mut sink));
        }
    } else {
        sink.error(tests.at, "`tests` must be a list with at least one test");
    }
    if found.is_empty() {
        Ok(PolicyTests { file, policy_file, policy, cases })
    } else {
        Err(Diagnostics(found))
    }
}

fn case(node: &Node, policy: &Policy, sink: &mut Sink<'_>) -> Option<Case> {
    let before = sink.found.len();
    let map = Fields::read(node, "a test", TEST_FIELDS, sink)?;
    let name = map.need_text("name", sink);
    let stage_name = map.need_text("stage", sink);
    let stage = stage_name.and_then(|name| {
        let found = policy.stage(name);
        if let (None, Some(node)) = (found, map.get("stage")) {
            sink.unknown(node.at, "stage", name, policy.stages());
        }
        found
    });
    let at = map.need("at", sink).and_then(|node| read_moment(node, "at", sink));
    let subject = map.text("subject", sink).unwrap_or("test").to_owned();
    let mut names = BTreeMap::new();
    let mut findings = Vec::new();
    if let Some(Value::List(items)) = map.get("findings").map(|node| &node.value) {
        for (index, item) in items.iter().enumerate() {
            if let Some((label, finding)) = finding(item, index, sink) {
                names.insert(finding.fingerprint.clone(), label);
                findings.push(finding);
            }
        }
    } else if let Some(node) = map.get("findings") {
        sink.error(node.at, format!("`findings` must be a list, not {}", node.what()));
    }
    let now = at?;
    let outcomes = match map.get("outcomes") {
        None => stage?.scanners.iter().map(|scanner| good_outcome(&scanner.name, now)).collect(),
        Some(node) => {
            if let Value::List(items) = &node.value {
                items.iter().filter_map(|item| outcome(item, now, stage?, sink)).collect()
            } else {
                sink.error(node.at, format!("`outcomes` must be a list, not {}", node.what()));
                Vec::new()
            }
        }
    };
    let mut waivers = Waivers::default();
    if let Some(node) = map.get("waivers") {
        for waiver in waiver_file::read(node, sink) {
            waivers.push(waiver);
        }
    }
    let fingerprint_of = |text: &str, at: Place, sink: &mut Sink<'_>| -> Option<Fingerprint> {
        let found = names
            .iter()
            .find(|(_, name)| name.as_str() == text)
            .map(|(fingerprint, _)| fingerprint.clone());
        if found.is_none() {
            sink.unknown(at, "finding", text, names.values().map(String::as_str));
        }
        found
    };
    let baseline = map.get("baseline").map(|node| {
        let listed = match &node.value {
            Value::List(items) if items.is_empty() => Vec::new(),
            _ => texts(node, "baseline", sink),
        };
        let known: Vec<_> = listed
            .into_iter()
            .filter_map(|(text, at)| Some((fingerprint_of(text, at, sink)?, 1)))
            .collect();
        Baseline::from_findings(known)
    });
    let first_seen = map.get("first_seen").map(|node| {
        named(node, "`first_seen`", sink)
            .into_iter()
            .filter_map(|(key, value)| {
                let fingerprint = fingerprint_of(&key.text, key.at, sink)?;
                Some((fingerprint, read_moment(value, "first_seen", sink)?))
            })
            .collect()
    });
    let expect = Fields::read(map.need("expect", sink)?, "`expect`", EXPECT_FIELDS, sink)?;
    let decision = one_of("decision", expect.need("decision", sink)?, &DECISIONS, sink)?;
    let mut rules = Vec::new();
    if let Some(node) = expect.get("rules")
        && let Value::Map(entries) = &node.value
    {
        let stage = stage?;
        let checks = stage.scanners.iter().map(|scanner| format!("evidence:{}", scanner.name));
        let own =
            ["evidence:advisories", "evidence:epss", "evidence:kev", "stage"].map(str::to_owned);
        let unjudged = Kind::ALL.into_iter().map(|kind| format!("unjudged:{}", kind.name()));
        let known: Vec<String> =
            stage.uses.iter().cloned().chain(checks).chain(own).chain(unjudged).collect();
        for (key, value) in entries {
            if !known.contains(&key.text) {
                sink.unknown(
                    key.at,
                    "rule of this stage",
                    &key.text,
                    known.iter().map(String::as_str),
                );
            }
            let outcome = one_of("outcome", value, &RULE_OUTCOMES, sink);
            rules.extend(outcome.map(|outcome| (key.text.clone(), outcome)));
        }
    } else if let Some(node) = expect.get("rules") {
        sink.error(node.at, "`rules` must be a mapping from rules to outcomes");
    }
    let list = |name: &str, known: Option<&[&str]>, sink: &mut Sink<'_>| -> Option<Vec<String>> {
        let node = expect.get(name)?;
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            return Some(Vec::new());
        }
        let mut out = Vec::new();
        for (text, at) in texts(node, name, sink) {
            match known {
                Some(known) if !known.contains(&text) => {
                    sink.unknown(at, "notice", text, known.iter().copied());
                }
                None if fingerprint_of(text, at, sink).is_none() => {}
                _ => out.push(text.to_owned()),
            }
        }
        out.sort();
        Some(out)
    };
    let notices = list("notices", Some(&NOTICES), sink);
    let waived = list("waived", None, sink);
    (sink.found.len() == before).then_some(())?;
    Some(Case {
        name: name?.to_owned(),
        line: node.at.line,
        stage: stage_name?.to_owned(),
        subject,
        at: now,
        findings,
        outcomes,
        waivers,
        baseline,
        first_seen,
        names,
        decision,
        rules,
        waived,
        notices,
    })
}

fn one_of(what: &str, node: &Node, known: &[&str], sink: &mut Sink<'_>) -> Option<String> {
    let found = text(node, what, sink)?;
    if known.contains(&found) {
        return Some(found.to_owned());
    }
    sink.unknown(node.at, what, found, known.iter().copied());
    None
}

/// A finding in short form. What is left out: no severity, no fix, an EPSS of 0, not in KEV, scope `runtime`, confidence
/// `high`; `epss: unknown` and `kev: unknown` say that nobody published the figure.
fn finding(node: &Node, index: usize, sink: &mut Sink<'_>) -> Option<(String, Finding)> {
    let before = sink.found.len();
    let map = Fields::read(node, "a finding", FINDING_FIELDS, sink)?;
    let choice = |name: &str, known: &[&str], sink: &mut Sink<'_>| {
        map.get(name).and_then(|node| one_of(name, node, known, sink))
    };
    let list = |name: &str, sink: &mut Sink<'_>| -> Vec<String> {
        let node = map.get(name);
        node.map_or_else(Vec::new, |node| {
            texts(node, name, sink).into_iter().map(|(text, _)| text.to_owned()).collect()
        })
    };
    map.need("kind", sink);
    let kind =
        choice("kind", &Kind::ALL.map(Kind::name), sink).and_then(|name| name.parse::<Kind>().ok());
    let rule = map.need_text("rule", sink).unwrap_or_default().to_owned();
    let label =
        map.text("name", sink).map_or_else(|| format!("finding-{}", index + 1), str::to_owned);
    let severities: Vec<&str> =
        Severity::ALL.into_iter().map(Severity::name).chain(["unknown"]).collect();
    let severity =
        choice("severity", &severities, sink).and_then(|name| name.parse::<Severity>().ok());
    let confidence = choice("confidence", &CONFIDENCES.map(confidence_name), sink)
        .and_then(|name| CONFIDENCES.into_iter().find(|c| confidence_name(*c) == name))
        .unwrap_or(Confidence::High);
    let scope = choice("scope", &SCOPES.map(Scope::name), sink)
        .and_then(|name| SCOPES.into_iter().find(|scope| scope.name() == name))
        .unwrap_or(Scope::Runtime);
    let component =
        map.get("package").and_then(|node| match text(node, "package", sink)?.parse::<Purl>() {
            Ok(purl) => Some(purl),
            Err(error) => {
                sink.error(node.at, error.to_string());
                None
            }
        });
    let figure =
        |name: &str, default: Option<f64>, max: f64, sink: &mut Sink<'_>| match map.get(name) {
            None => default,
            Some(node) if node.text() == Some("unknown") => None,
            Some(node) => {
                let value = node
                    .text()
                    .and_then(|text| text.parse::<f64>().ok())
                    .filter(|v| (0.0..=max).contains(v));
                if value.is_none() {
                    sink.error(
                        node.at,
                        format!("`{name}` must be a number from 0 to {max}, or unknown"),
                    );
                }
                value
            }
        };
    let vulnerability = (kind == Some(Kind::Vulnerability)).then(|| {
        let fixed_in = list("fixed_in", sink);
        let fixed_here =
            map.text("fixed_here", sink).map(str::to_owned).or_else(|| fixed_in.first().cloned());
        Vulnerability {
            cvss: figure("cvss", None, 10.0, sink)
                .map(|score| Cvss { vector: String::new(), score: Some(score) })
                .into_iter()
                .collect(),
            epss: figure("epss", Some(0.0), 1.0, sink),
            epss_percentile: figure("epss_percentile", Some(0.0), 1.0, sink),
            kev: match map.get("kev") {
                None => Some(false),
                Some(node) if node.text() == Some("unknown") => None,
                Some(node) => boolean(node, "kev", sink),
            },
            fixed_in,
            fixed_here,
            published: map.get("published").and_then(|node| read_moment(node, "published", sink)),
            informational: map.text("informational", sink).map(str::to_owned),
            scope,
            direct: map.get("direct").and_then(|node| boolean(node, "direct", sink)),
            status: None,
            path: Vec::new(),
            affects: Vec::new(),
        }
    });
    let line = map.get("line").and_then(|node| {
        let line = node.text().and_then(|text| text.parse::<u32>().ok()).filter(|line| *line > 0);
        if line.is_none() {
            sink.error(node.at, "`line` must be a whole number from 1");
        }
        line
    });
    let cwe = list("cwe", sink).iter().filter_map(|text| text.parse().ok()).collect();
    let scanner = map.text("scanner", sink).map(str::to_owned);
    let scanner =
        scanner.or_else(|| Some(crate::policy::scanner_of(kind?).to_owned())).unwrap_or_default();
    let path = map.text("path", sink);
    let digest = digest::text(&label);
    let hex: String = digest.chars().skip("blake3:".len()).take(32).collect();
    let finding = Finding {
        fingerprint: Fingerprint(format!("sg1-{hex}")),
        weak_fingerprint: None,
        seen_by: vec![scanner.clone()],
        scanner,
        kind: kind?,
        title: map.text("title", sink).unwrap_or(&rule).to_owned(),
        rule,
        aliases: list("aliases", sink),
        cwe,
        description: None,
        severity,
        confidence,
        locus: Locus {
            component,
            locations: path
                .map(|path| Location { path: path.to_owned(), line, ..Location::default() })
                .into_iter()
                .collect(),
            url: map.text("url", sink).map(str::to_owned),
            method: None,
            parameter: None,
        },
        vulnerability,
        evidence: None,
        remediation: None,
        references: Vec::new(),
    };
    (sink.found.len() == before).then_some((label, finding))
}

fn good_outcome(scanner: &str, now: Timestamp) -> Outcome {
    Outcome {
        scanner: scanner.to_owned(),
        version: "test".to_owned(),
        ended: Ended::Complete,
        detail: "everything was read".to_owned(),
        problems: Vec::new(),
        advisories: matches!(scanner, "audit" | "image").then(|| {
            let hour_ago = crate::values::add(now, SignedDuration::from_hours(-1));
            AdvisoryData {
                revision: "test".to_owned(),
                published: Some(hour_ago),
                count: 1,
                starter: false,
                epss: Some(hour_ago),
                kev: Some(hour_ago),
                at_source: SourceDates {
                    advisories: Some(hour_ago),
                    epss: Some(hour_ago),
                    kev: Some(hour_ago),
                },
            }
        }),
        took_ms: 0,
    }
}

fn outcome(node: &Node, now: Timestamp, stage: &Stage, sink: &mut Sink<'_>) -> Option<Outcome> {
    let before = sink.found.len();
    let map = Fields::read(node, "an outcome", OUTCOME_FIELDS, sink)?;
    let name = map.need_text("scanner", sink)?;
    if !stage.scanners.iter().any(|scanner| scanner.name == name)
        && let Some(node) = map.get("scanner")
    {
        sink.unknown(
            node.at,
            "scanner of this stage",
            name,
            stage.scanners.iter().map(|scanner| scanner.name.as_str()),
        );
    }
    let mut outcome = good_outcome(name, now);
    if let Some(node) = map.get("ended") {
        outcome.ended =
            match one_of("ended", node, &["complete", "partial", "skipped", "failed"], sink)?
                .as_str()
            {
                "complete" => Ended::Complete,
                "partial" => Ended::Partial,
                "skipped" => Ended::Skipped,
                _ => Ended::Failed,
            };
    }
    if let Some(node) = map.get("gaps") {
        let gap = |(message, _): (&str, Place)| Problem {
            location: None,
            message: message.to_owned(),
            hint: None,
            gap: true,
        };
        outcome.problems = texts(node, "gaps", sink).into_iter().map(gap).collect();
    }
    let is_age = |field: &&&str| field.ends_with("_age") || field.ends_with("_at_source");
    for field in OUTCOME_FIELDS.iter().filter(is_age) {
        let Some(node) = map.get(field) else { continue };
        let at = if node.text() == Some("unknown") {
            None
        } else {
            read_duration(node, field, sink).map(|age| crate::values::add(now, -age))
        };
        if let Some(data) = &mut outcome.advisories {
            match *field {
                "advisories_age" => data.published = at,
                "epss_age" => data.epss = at,
                "kev_age" => data.kev = at,
                "advisories_at_source" => data.at_source.advisories = at,
                "epss_at_source" => data.at_source.epss = at,
                _ => data.at_source.kev = at,
            }
        } else {
            sink.error(node.at, format!("the scanner {name} uses no advisories"));
        }
    }
    if let (Some(node), Some(data)) = (map.get("starter"), &mut outcome.advisories) {
        data.starter = boolean(node, "starter", sink)?;
    }
    if let Some(node) = map.get("undated")
        && boolean(node, "undated", sink)?
    {
        outcome.advisories = None;
    }
    (sink.found.len() == before).then_some(outcome)
}
