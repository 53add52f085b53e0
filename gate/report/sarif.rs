//! SARIF 2.1.0 in the form that GitHub code scanning takes: relative paths, all four region fields, a fingerprint, rule
//! texts that say nothing of one result, and no more than its limits (10 MB compressed, 25,000 results, 20 runs).

use std::{
    collections::{BTreeMap, HashMap},
    io::Write,
};

use flate2::{Compression, write::GzEncoder};
use secgate_formats::sarif::{
    ArtifactLocation, AutomationDetails, Component, Configuration, Invocation, Level, Location,
    Log, LogicalLocation, Notification, Outcome, PhysicalLocation, Region, Rule, Run, SCHEMA,
    Suppression, Text, Tool, VERSION,
};
use secgate_model::{self as model, Confidence, Ended, Finding, Severity};
use serde_json::{Value, json};

use crate::{
    Options, RenderError,
    text::{self, count, day},
    view::{Item, View, component_text, location_text, severity_name},
};

/// The limits of a code scanning upload.
const RESULTS: usize = 25_000;
const COMPRESSED: usize = 10_000_000;
const TAGS: usize = 20;
/// Further places of one result. GitHub keeps at most 100 and shows fewer.
const RELATED: usize = 10;
const NOTIFICATIONS: usize = 100;

pub(crate) fn render(view: &View<'_>, options: &Options) -> Result<Vec<u8>, RenderError> {
    let mut kept = view.items.len().min(RESULTS);
    loop {
        let mut out = serde_json::to_vec(&log(view, options, kept))?;
        out.push(b'\n');
        let size = compressed_size(&out);
        if size <= COMPRESSED || kept == 0 {
            return Ok(out);
        }
        // What remains compresses about as well as the whole; a tenth is left as a margin so that it ends soon.
        kept = kept.saturating_mul(COMPRESSED / 10 * 9) / size;
    }
}

/// Compressed bytes at the fastest level, which is an upper bound of what an upload takes.
fn compressed_size(bytes: &[u8]) -> usize {
    struct Counter(usize);
    impl Write for Counter {
        fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
            self.0 += part.len();
            Ok(part.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    if bytes.len() <= COMPRESSED {
        return bytes.len();
    }
    let mut encoder = GzEncoder::new(Counter(0), Compression::fast());
    match encoder.write_all(bytes).and_then(|()| encoder.finish()) {
        Ok(counter) => counter.0,
        // A counter does not fail; were it to, the larger figure is the safe one.
        Err(_) => bytes.len(),
    }
}

fn log(view: &View<'_>, options: &Options, kept: usize) -> Log {
    let run = view.run;
    let items = view.items.get(..kept).unwrap_or(&view.items);
    let mut by_rule: BTreeMap<&str, Vec<&Item<'_>>> = BTreeMap::new();
    for item in items {
        by_rule.entry(&item.finding.rule).or_default().push(item);
    }
    let index: HashMap<&str, i64> = by_rule.keys().copied().zip(0..).collect();
    let mut occurrences: HashMap<&str, usize> = HashMap::new();
    let results = items
        .iter()
        .map(|item| {
            let nth = occurrences.entry(&item.finding.fingerprint.0).or_default();
            *nth += 1;
            result(view, options, item, index.get(item.finding.rule.as_str()).copied(), *nth)
        })
        .collect();
    let stage = view
        .run
        .verdicts
        .first()
        .filter(|_| run.verdicts.len() == 1)
        .map(|verdict| text::line(&verdict.stage));
    let mut properties = BTreeMap::new();
    if let Some(decision) = view.decision {
        properties.insert("verdict".to_owned(), json!(decision.name()));
    }
    if let Some(revision) = &run.target.revision {
        properties.insert("revision".to_owned(), json!(revision));
    }
    if let Some(digest) = &run.target.digest {
        properties.insert("digest".to_owned(), json!(digest));
    }
    Log {
        schema: Some(SCHEMA.to_owned()),
        version: VERSION.to_owned(),
        runs: vec![Run {
            tool: Tool {
                driver: Component {
                    name: "secgate".to_owned(),
                    version: Some(run.tool_version.to_owned()),
                    semantic_version: Some(run.tool_version.to_owned()),
                    information_uri: Some("https://github.com/secgate/secgate".to_owned()),
                    rules: by_rule.into_iter().map(|(id, items)| rule(id, &items)).collect(),
                },
                extensions: Vec::new(),
            },
            // The part before the last slash is the category: uploads of two stages do not replace each other.
            automation_details: Some(AutomationDetails {
                id: Some(
                    stage
                        .map_or_else(|| "secgate/".to_owned(), |stage| format!("secgate/{stage}/")),
                ),
            }),
            invocations: vec![invocation(view, options, kept)],
            column_kind: Some("unicodeCodePoints".to_owned()),
            results: Some(results),
            properties,
            ..Run::default()
        }],
    }
}

fn invocation(view: &View<'_>, options: &Options, kept: usize) -> Invocation {
    let run = view.run;
    let mut notifications = Vec::new();
    let cut = view.items.len() - kept;
    if cut > 0 {
        notifications.push(Notification {
            message: Text::plain(format!(
                "{} of {} findings are left out, the least severe, because a code scanning upload holds at most 25,000 results and 10 MB; the JSON report has them all",
                text::thousands(cut),
                text::thousands(view.items.len())
            )),
            level: Some(Level::Warning),
            ..Notification::default()
        });
    }
    for remark in view.remarks() {
        notifications.push(Notification {
            message: Text::plain(format!(
                "{}: {}",
                text::line(&remark.rule),
                text::line(&remark.why)
            )),
            level: Some(Level::Warning),
            ..Notification::default()
        });
    }
    for outcome in run.outcomes {
        if outcome.ended == Ended::Failed {
            notifications.push(Notification {
                message: Text::plain(format!(
                    "{} failed: {}",
                    text::line(&outcome.scanner),
                    text::line(&outcome.detail)
                )),
                level: Some(Level::Error),
                ..Notification::default()
            });
        }
        for problem in &outcome.problems {
            let hint = problem
                .hint
                .as_ref()
                .map(|hint| format!(" ({})", text::line(hint)))
                .unwrap_or_default();
            notifications.push(Notification {
                message: Text::plain(format!(
                    "{}: {}{hint}",
                    text::line(&outcome.scanner),
                    text::line(&problem.message)
                )),
                level: Some(if problem.gap { Level::Warning } else { Level::Note }),
                locations: problem.location.iter().map(|place| physical(options, place)).collect(),
                ..Notification::default()
            });
        }
    }
    let hidden = notifications.len().saturating_sub(NOTIFICATIONS);
    if hidden > 0 {
        notifications.truncate(NOTIFICATIONS);
        notifications.push(Notification {
            message: Text::plain(format!(
                "{} more; the JSON report has them all",
                count(hidden, "notification")
            )),
            level: Some(Level::Warning),
            ..Notification::default()
        });
    }
    Invocation {
        execution_successful: run
            .outcomes
            .iter()
            .all(|outcome| matches!(outcome.ended, Ended::Complete | Ended::Skipped)),
        start_time_utc: Some(run.started.to_string()),
        end_time_utc: Some(run.finished.to_string()),
        tool_execution_notifications: notifications,
        ..Invocation::default()
    }
}

/// The value that all findings of a rule share; what differs is not the rule's.
fn shared<'a, T: PartialEq>(items: &[&'a Item<'a>], of: impl Fn(&'a Finding) -> T) -> Option<T> {
    let mut values = items.iter().map(|item| of(item.finding));
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

fn rule(id: &str, items: &[&Item<'_>]) -> Rule {
    let worst = items.iter().filter_map(|item| item.finding.severity).max();
    let title =
        shared(items, |finding| finding.title.as_str()).map_or_else(|| text::line(id), text::line);
    let description =
        shared(items, |finding| finding.description.as_deref()).flatten().map(text::lines);
    let kind = items.first().map_or("finding", |item| item.finding.kind.name());
    let mut references: Vec<&str> = items
        .iter()
        .flat_map(|item| &item.finding.references)
        .filter_map(|url| text::safe_url(url))
        .collect();
    let help_uri =
        text::advisory_url(id).or_else(|| references.first().map(|url| (*url).to_owned()));
    references.sort_unstable();
    references.dedup();
    let mut cwe: Vec<u32> =
        items.iter().flat_map(|item| item.finding.cwe.iter().copied()).collect();
    cwe.sort_unstable();
    cwe.dedup();
    let tags = ["security".to_owned(), kind.to_owned()]
        .into_iter()
        .chain(cwe.iter().map(|number| format!("external/cwe/cwe-{number:03}")))
        .take(TAGS);
    let mut properties = BTreeMap::from([("tags".to_owned(), tags.collect::<Value>())]);
    if let Some(score) = worst.and_then(|worst| security_severity(worst, items)) {
        properties.insert("security-severity".to_owned(), json!(score));
    }
    let sure = items.iter().map(|item| item.finding.confidence).max();
    let precision = match sure {
        Some(Confidence::High) => "high",
        Some(Confidence::Medium) | None => "medium",
        Some(Confidence::Low) => "low",
    };
    properties.insert("precision".to_owned(), json!(precision));
    Rule {
        id: id.to_owned(),
        name: None,
        short_description: Some(Text::plain(text::clip(&title, 1000))),
        full_description: Some(Text::plain(text::clip(
            description.as_deref().unwrap_or(&title),
            1000,
        ))),
        help: Some(help(id, &title, description.as_deref(), items, &references)),
        help_uri,
        default_configuration: Some(Configuration { level: Some(level(worst)) }),
        properties,
    }
}

fn help(
    id: &str,
    title: &str,
    description: Option<&str>,
    items: &[&Item<'_>],
    references: &[&str],
) -> Text {
    let mut parts = vec![description.unwrap_or(title).to_owned()];
    if let Some(Some(remedy)) = shared(items, |finding| finding.remediation.as_deref()) {
        parts.push(text::lines(remedy));
    }
    let mut aliases: Vec<String> = items
        .iter()
        .flat_map(|item| &item.finding.aliases)
        .map(|alias| text::line(alias))
        .collect();
    aliases.sort_unstable();
    aliases.dedup();
    if !aliases.is_empty() {
        parts.push(format!("Also known as {}.", aliases.join(", ")));
    }
    let links: Vec<String> = references.iter().take(20).map(|url| format!("- {url}")).collect();
    if !links.is_empty() {
        parts.push(links.join("\n"));
    }
    let text = text::clip(&parts.join("\n\n"), 8000);
    let mut markdown: Vec<String> =
        parts.iter().map(|part| crate::markdown::escape_lines(part)).collect();
    if !links.is_empty() {
        markdown.pop();
        markdown.push(
            references
                .iter()
                .take(20)
                .map(|url| format!("- <{url}>"))
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
    let heading = format!("**{}** {}", crate::markdown::escape(id), crate::markdown::escape(title));
    Text {
        text: Some(text),
        markdown: Some(text::clip(&format!("{heading}\n\n{}", markdown.join("\n\n")), 8000)),
        ..Text::default()
    }
}

/// GitHub shows critical above 9.0, high from 7.0, medium from 4.0 and low below. The score of a vector is given where it
/// falls into the band of the severity that counts here, else a score in the middle of that band.
fn security_severity(worst: Severity, items: &[&Item<'_>]) -> Option<String> {
    let (low, high, middle) = match worst {
        Severity::Critical => (9.1, 10.0, 9.5),
        Severity::High => (7.0, 8.9, 8.0),
        Severity::Medium => (4.0, 6.9, 5.5),
        Severity::Low => (0.1, 3.9, 2.0),
        Severity::Info => return None,
    };
    let score = items
        .iter()
        .filter(|item| item.finding.severity == Some(worst))
        .filter_map(|item| item.finding.vulnerability.as_ref()?.cvss.first()?.score)
        .filter(|score| (low..=high).contains(score))
        .fold(None, |best: Option<f64>, score| Some(best.map_or(score, |best| best.max(score))));
    Some(format!("{:.1}", score.unwrap_or(middle)))
}

fn level(severity: Option<Severity>) -> Level {
    match severity {
        Some(Severity::Critical | Severity::High) => Level::Error,
        Some(Severity::Medium) | None => Level::Warning,
        Some(Severity::Low | Severity::Info) => Level::Note,
    }
}

fn result(
    view: &View<'_>,
    options: &Options,
    item: &Item<'_>,
    rule_index: Option<i64>,
    nth: usize,
) -> Outcome {
    let finding = item.finding;
    let fingerprint = format!("{}:{nth}", finding.fingerprint.0);
    let mut properties = BTreeMap::from([
        ("kind".to_owned(), json!(finding.kind.name())),
        ("severity".to_owned(), json!(severity_name(finding.severity))),
        ("confidence".to_owned(), json!(finding.confidence)),
        ("scanner".to_owned(), json!(finding.scanner)),
        ("seenBy".to_owned(), json!(finding.seen_by)),
        ("fingerprint".to_owned(), json!(finding.fingerprint)),
    ]);
    if view.decision.is_some() {
        properties.insert("blocks".to_owned(), json!(item.blocks));
    }
    if let Some(component) = &finding.locus.component {
        properties.insert("purl".to_owned(), json!(component));
    }
    if let Some(url) = &finding.locus.url {
        properties.insert("url".to_owned(), json!(url));
    }
    if !finding.aliases.is_empty() {
        properties.insert("aliases".to_owned(), json!(finding.aliases));
    }
    if let Some(about) = &finding.vulnerability {
        for (name, value) in [
            ("epss", json!(about.epss)),
            ("kev", json!(about.kev)),
            ("cvss", json!(about.cvss.iter().map(|cvss| &cvss.vector).collect::<Vec<_>>())),
            ("fixedIn", json!(about.fixed_in)),
        ] {
            if !value.is_null() {
                properties.insert(name.to_owned(), value);
            }
        }
    }
    Outcome {
        rule_id: Some(finding.rule.clone()),
        rule_index,
        level: Some(level(finding.severity)),
        message: Text::plain(message(view, item)),
        locations: vec![place(view, options, item)],
        related_locations: related(options, finding),
        // GitHub tells results apart by rule, path and this value.
        partial_fingerprints: BTreeMap::from([
            ("primaryLocationLineHash".to_owned(), fingerprint.clone()),
            ("secgate/v1".to_owned(), fingerprint),
        ]),
        suppressions: view.decision.map(|_| item.waived.map(suppression).into_iter().collect()),
        baseline_state: item.new.map(|new| if new { "new" } else { "unchanged" }.to_owned()),
        properties,
        ..Outcome::default()
    }
}

fn message(view: &View<'_>, item: &Item<'_>) -> String {
    let finding = item.finding;
    let mut out = text::line(&finding.title);
    if let Some(component) = &finding.locus.component {
        out.push_str("\nPackage: ");
        out.push_str(&component_text(component));
        if let Some(fixed) =
            finding.vulnerability.as_ref().and_then(|about| about.fixed_here.as_deref())
        {
            out.push_str("\nFixed in: ");
            out.push_str(&text::line(fixed));
        }
    }
    if finding.locus.url.is_some() {
        out.push_str("\nAddress: ");
        out.push_str(&view.place_text(finding));
    }
    for (label, body) in [("Seen", &finding.evidence), ("Do", &finding.remediation)] {
        if let Some(body) = body {
            out.push('\n');
            out.push_str(label);
            out.push_str(": ");
            out.push_str(&text::lines(body));
        }
    }
    // Code scanning reads `[text](number)` in a plain message as a link to a related location.
    text::clip(&out, 2000).replace("](", "] (")
}

fn place(view: &View<'_>, options: &Options, item: &Item<'_>) -> Location {
    let finding = item.finding;
    let mut location = match view.place(finding) {
        Some(place) => physical(options, place),
        None => nowhere(&stand_in(view, finding)),
    };
    if let Some(component) = &finding.locus.component {
        location.logical_locations.push(LogicalLocation {
            name: Some(component_text(component)),
            fully_qualified_name: Some(component.to_string()),
            kind: Some("module".to_owned()),
        });
    }
    if let Some(parameter) = &finding.locus.parameter {
        location.logical_locations.push(LogicalLocation {
            name: Some(text::line(parameter)),
            fully_qualified_name: None,
            kind: Some("parameter".to_owned()),
        });
    }
    location
}

/// What stands for a path where there is no file: GitHub refuses a result without one. Host and path of an address, else
/// the target's name.
fn stand_in(view: &View<'_>, finding: &Finding) -> String {
    let address = finding.locus.url.as_deref().unwrap_or(&view.run.target.name);
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or(rest);
    text::relative_uri(None, &text::line(path))
}

fn nowhere(uri: &str) -> Location {
    let first = Region {
        start_line: Some(1),
        start_column: Some(1),
        end_line: Some(1),
        end_column: Some(1),
        snippet: None,
    };
    Location {
        physical_location: Some(PhysicalLocation {
            artifact_location: Some(ArtifactLocation {
                uri: Some(uri.to_owned()),
                ..ArtifactLocation::default()
            }),
            region: Some(first),
        }),
        ..Location::default()
    }
}

fn physical(options: &Options, place: &model::Location) -> Location {
    let start_line = i64::from(place.line.unwrap_or(1).max(1));
    let end_line = i64::from(place.end_line.unwrap_or(1)).max(start_line);
    let start_column = i64::from(place.column.unwrap_or(1).max(1));
    // The end column is behind the last character, and it is not known.
    let end_column = if end_line == start_line { start_column + 1 } else { 2 };
    Location {
        physical_location: Some(PhysicalLocation {
            artifact_location: Some(ArtifactLocation {
                uri: Some(text::relative_uri(
                    options.base_path.as_deref(),
                    &text::line(&place.path),
                )),
                uri_base_id: Some("%SRCROOT%".to_owned()),
                ..ArtifactLocation::default()
            }),
            region: Some(Region {
                start_line: Some(start_line),
                start_column: Some(start_column),
                end_line: Some(end_line),
                end_column: Some(end_column),
                snippet: None,
            }),
        }),
        ..Location::default()
    }
}

fn related(options: &Options, finding: &Finding) -> Vec<Location> {
    finding
        .locus
        .locations
        .iter()
        .skip(1)
        .take(RELATED)
        .zip(1..)
        .map(|(place, id)| Location {
            id: Some(id),
            message: Some(Text::plain(format!("also in {}", location_text(place)))),
            ..physical(options, place)
        })
        .collect()
}

fn suppression(waived: &model::WaivedFinding) -> Suppression {
    let until = waived.expires.map(|at| format!(", until {}", day(at))).unwrap_or_default();
    Suppression {
        kind: "external".to_owned(),
        status: Some("accepted".to_owned()),
        justification: Some(format!(
            "{}: {} ({}{until})",
            text::line(&waived.waiver),
            text::line(&waived.reason),
            text::line(&waived.owner)
        )),
        properties: BTreeMap::from([
            ("status".to_owned(), json!(waived.status)),
            ("source".to_owned(), json!(waived.source)),
        ]),
    }
}
