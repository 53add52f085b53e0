//! Reads and extends waiver files.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::{
    Diagnostic, Diagnostics,
    diagnostic::{Place, Sink, short},
    digest,
    fields::{self, Fields, texts},
    package_pattern::PackagePattern,
    policy::Origin,
    read_policy::header,
    values::{Globs, is_specific, moment_words, read_moment},
    vex,
    waiver::{Approval, Waiver, WaiverMatch, Waivers},
    yaml::{self, Node, Value},
};

pub(crate) const FILE_FIELDS: &[&str] = &["apiVersion", "kind", "waivers"];
pub(crate) const WAIVER_FIELDS: &[&str] = &[
    "id",
    "match",
    "reason",
    "status",
    "justification",
    "owner",
    "created",
    "approved_by",
    "expires",
];
pub(crate) const WAIVER_MATCH_FIELDS: &[&str] =
    &["vuln", "rule", "fingerprint", "package", "path", "subject"];
pub(crate) const APPROVAL_FIELDS: &[&str] = &["who", "at", "via"];
const STATUSES: [&str; 3] = ["accepted_risk", "not_affected", "fixed"];
/// The justifications of OpenVEX 0.2 (`status justifications`).
pub(crate) const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

/// Reads waiver files (YAML, a list of waivers or a mapping with `waivers`) and VEX documents (JSON: OpenVEX, CycloneDX
/// or CSAF), told apart by their content. Ids must be unique over all files. `files` are names and contents.
pub fn load_waivers(files: &[(String, Vec<u8>)]) -> Result<Waivers, Diagnostics> {
    let mut found = Vec::new();
    let mut waivers = Waivers::default();
    let mut ids: HashMap<String, Origin> = HashMap::new();
    for (file, bytes) in files {
        let mut sink = Sink { file, found: &mut found };
        let list = if vex::looks_like_json(bytes) {
            vex::read(bytes, &mut sink)
        } else {
            yaml::parse(bytes, &mut sink).map(|root| read(&root, &mut sink)).unwrap_or_default()
        };
        waivers.digests.insert(digest::bytes(bytes));
        for waiver in list {
            if let Some(first) = ids.get(&waiver.id).filter(|_| !waiver.vex) {
                let at = Place { line: waiver.origin.line, column: 1 };
                Sink { file, found: &mut found }
                    .error(at, format!("the id `{}` is used twice; first in {first}", waiver.id));
            }
            ids.entry(waiver.id.clone()).or_insert_with(|| waiver.origin.clone());
            waivers.push(waiver);
        }
    }
    if found.is_empty() { Ok(waivers) } else { Err(Diagnostics(found)) }
}

/// The waivers of one YAML document.
pub(crate) fn read(root: &Node, sink: &mut Sink<'_>) -> Vec<Waiver> {
    let list = match &root.value {
        Value::List(_) => root,
        Value::Map(_) => {
            let Some(map) = Fields::read(root, "a waiver file", FILE_FIELDS, sink) else {
                return Vec::new();
            };
            header(&map, "Waivers", sink);
            let Some(list) = map.need("waivers", sink) else { return Vec::new() };
            list
        }
        Value::Scalar { .. } => {
            sink.error(root.at, "a waiver file is a list of waivers, or a mapping with `waivers`");
            return Vec::new();
        }
    };
    let Value::List(items) = &list.value else {
        sink.error(list.at, format!("`waivers` must be a list, not {}", list.what()));
        return Vec::new();
    };
    items.iter().filter_map(|item| waiver(item, sink)).collect()
}

fn waiver(node: &Node, sink: &mut Sink<'_>) -> Option<Waiver> {
    let before = sink.found.len();
    let map = Fields::read(node, "a waiver", WAIVER_FIELDS, sink)?;
    let id = map.need_text("id", sink);
    if let (Some(id), Some(node)) = (id, map.get("id"))
        && !fields::is_name(id)
    {
        let hint = "use letters, digits, `-`, `_` and `.`, at most 64 of them";
        sink.error_hint(node.at, format!("`{}` is not an id", short(id)), hint);
    }
    let matches = map.need("match", sink).and_then(|node| matches(node, sink));
    let reason = map.need_text("reason", sink);
    let owner = map.need_text("owner", sink);
    let expires = map.need("expires", sink).and_then(|node| read_moment(node, "expires", sink));
    let created = map.get("created").and_then(|node| read_moment(node, "created", sink));
    let status = map.text("status", sink).unwrap_or("accepted_risk");
    if let Some(node) = map.get("status")
        && !STATUSES.contains(&status)
    {
        if matches!(status, "affected" | "under_investigation") {
            sink.error_hint(
                node.at,
                format!("the status `{status}` does not excuse a finding"),
                "take the waiver away, or use accepted_risk",
            );
        } else {
            sink.unknown(node.at, "status", status, STATUSES.into_iter());
        }
    }
    let justification = map.text("justification", sink);
    match (status == "not_affected", justification, map.get("justification")) {
        (_, Some(text), Some(node)) if !JUSTIFICATIONS.contains(&text) => {
            sink.unknown(node.at, "justification", text, JUSTIFICATIONS.into_iter());
        }
        (true, _, None) => {
            let hint = format!("one of {}", JUSTIFICATIONS.join(", "));
            sink.error_hint(map.at, "`status: not_affected` needs a `justification`", hint);
        }
        (false, _, Some(node)) => {
            sink.error(node.at, "`justification` goes with `status: not_affected`");
        }
        _ => {}
    }
    let approved_by = map.get("approved_by").map_or_else(Vec::new, |node| {
        let Value::List(items) = &node.value else {
            sink.error(node.at, format!("`approved_by` must be a list, not {}", node.what()));
            return Vec::new();
        };
        items.iter().filter_map(|item| approval(item, sink)).collect()
    });
    // What nobody dates is as long as is left of it, and fits under every limit sooner or later.
    if map.get("created").is_none() && map.get("approved_by").is_none_or(is_empty_list) {
        sink.error_hint(
            map.at,
            "the waiver does not say since when it runs",
            "add `created` with the day on which it was written, or `approved_by` with `who` and `at`",
        );
    }
    (sink.found.len() == before).then_some(())?;
    Some(Waiver {
        id: id?.to_owned(),
        matches: matches?,
        reason: reason?.to_owned(),
        status: status.to_owned(),
        justification: justification.map(str::to_owned),
        owner: owner?.to_owned(),
        approved_by,
        created,
        expires: Some(expires?),
        origin: Origin { file: sink.file.to_owned(), line: node.at.line },
        vex: false,
    })
}

fn is_empty_list(node: &Node) -> bool {
    matches!(&node.value, Value::List(items) if items.is_empty())
}

fn approval(node: &Node, sink: &mut Sink<'_>) -> Option<Approval> {
    let map = Fields::read(node, "an approval", APPROVAL_FIELDS, sink)?;
    let who = map.need_text("who", sink);
    let at = map.need("at", sink).and_then(|node| read_moment(node, "at", sink));
    let via = map.text("via", sink).map(str::to_owned);
    Some(Approval { who: who?.to_owned(), at: at?, via })
}

fn matches(node: &Node, sink: &mut Sink<'_>) -> Option<WaiverMatch> {
    let before = sink.found.len();
    let map = Fields::read(node, "a waiver's match", WAIVER_MATCH_FIELDS, sink)?;
    let mut out = WaiverMatch::default();
    if let (Some(id), Some(node)) = (map.text("vuln", sink), map.get("vuln")) {
        if id.contains(['*', '?', '[', '{']) || !fields::is_name(&id.replace(':', "-")) {
            sink.error_hint(
                node.at,
                format!("`{}` is not the id of one vulnerability", short(id)),
                "for example CVE-2026-12345 or GHSA-m2qf-hxjv-5gpq",
            );
        }
        out.vuln = Some(id.to_owned());
    }
    if let (Some(text), Some(node)) = (map.text("fingerprint", sink), map.get("fingerprint")) {
        if !text.starts_with("sg") || !fields::is_name(text) {
            sink.error(node.at, format!("`{}` is not a fingerprint", short(text)));
        }
        out.fingerprint = Some(text.to_owned());
    }
    for (name, slot, slashes) in [
        ("rule", &mut out.rule, false),
        ("path", &mut out.path, true),
        ("subject", &mut out.subject, false),
    ] {
        let Some(node) = map.get(name) else { continue };
        let list = texts(node, name, sink);
        for (text, at) in &list {
            if text.contains(['*', '?', '[', '{']) && !is_specific(text) {
                let message = format!("`{name}: {}` stands for nearly everything", short(text));
                sink.error_hint(*at, message, "give at least three letters outside the wildcards");
            }
        }
        *slot = Globs::new(&list, name, slashes, sink);
    }
    if let (Some(text), Some(node)) = (map.text("package", sink), map.get("package")) {
        out.package = PackagePattern::read(text, true, node.at, sink);
    }
    if map.get("vuln").is_none() && map.get("rule").is_none() && map.get("fingerprint").is_none() {
        sink.error_hint(
            node.at,
            "the match does not say which flaw it waives",
            "give `vuln`, `rule` or `fingerprint`; `package`, `path` and `subject` narrow it down",
        );
    }
    if map.get("vuln").is_some() && map.get("rule").is_some() {
        sink.error(node.at, "a match has `vuln` or `rule`, not both");
    }
    (sink.found.len() == before).then_some(out)
}

/// A waiver to be written, as `secgate waive` asks for it.
#[derive(Debug, Clone, Default)]
pub struct NewWaiver {
    /// Its id, see [`Waivers::next_id`].
    pub id: String,
    /// The id of the vulnerability; or `rule` or `fingerprint`.
    pub vuln: Option<String>,
    /// The rule's id.
    pub rule: Option<String>,
    /// The finding's fingerprint.
    pub fingerprint: Option<String>,
    /// A purl, with or without a version.
    pub package: Option<String>,
    /// A path or a glob over paths.
    pub path: Option<String>,
    /// A subject's name or a glob over names.
    pub subject: Option<String>,
    /// Why.
    pub reason: String,
    /// `not_affected` or `fixed`; `None` is accepted risk.
    pub status: Option<String>,
    /// The VEX justification, with `not_affected`.
    pub justification: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// When it is written.
    pub created: Option<Timestamp>,
    /// Who agreed.
    pub approved_by: Vec<Approval>,
    /// The first moment at which it no longer counts.
    pub expires: Timestamp,
}

/// The text of the waiver file `file` with `new` added at the end of its list; everything else stays as it is. An empty
/// `existing` begins a new file. The result is read again before it is returned: it holds the old waivers and the new
/// one, or the faults are the answer.
pub fn render_waiver(file: &str, existing: &str, new: &NewWaiver) -> Result<String, Diagnostics> {
    let blank =
        existing.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
    let mut found = Vec::new();
    let mut sink = Sink { file, found: &mut found };
    let (before, after, indent, count) = if blank {
        (existing.to_owned(), String::new(), 0, 0)
    } else {
        let Some(place) = insertion(existing, &mut sink) else { return Err(Diagnostics(found)) };
        place
    };
    let mut text = before;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&entry(new, indent));
    text.push_str(&after);
    let waivers = load_waivers(&[(file.to_owned(), text.clone().into_bytes())])?;
    let good = waivers.list.len() == count + 1
        && waivers.list.last().is_some_and(|waiver| waiver.id == new.id);
    if good {
        Ok(text)
    } else {
        let message = "the waiver cannot be added to this file by itself";
        Err(Diagnostics(vec![Diagnostic {
            file: file.to_owned(),
            line: 0,
            column: 0,
            message: message.to_owned(),
            hint: Some(
                "write the list in block style, one waiver an item, and run again".to_owned(),
            ),
        }]))
    }
}

/// The place in an empty list that is written as `[]`: the brackets go, and whatever stands before them stays.
fn empty_list(
    lines: &[&str],
    at: usize,
    line: &str,
    place: crate::diagnostic::Place,
    sink: &mut Sink<'_>,
) -> Option<(String, String, usize, usize)> {
    let bare = line.trim_end();
    let Some(key) = bare.strip_suffix("[]").map(str::trim_end) else {
        sink.error_hint(
            place,
            "the list is empty and not written as `[]`",
            "write `[]`, or take it away, and run again",
        );
        return None;
    };
    let mut before: String = lines.iter().take(at).copied().collect();
    if !key.is_empty() {
        before.push_str(key);
        before.push('\n');
    }
    Some((
        before,
        lines.iter().skip(at + 1).copied().collect(),
        if key.is_empty() { 0 } else { 2 },
        0,
    ))
}

/// Splits `existing` where the list ends: text before, text after, the items' indent and their number.
fn insertion(existing: &str, sink: &mut Sink<'_>) -> Option<(String, String, usize, usize)> {
    let root = yaml::parse(existing.as_bytes(), sink)?;
    let lines: Vec<&str> = existing.split_inclusive('\n').collect();
    let (list, end) = match &root.value {
        Value::Map(entries) => {
            let at = entries.iter().position(|(key, _)| key.text == "waivers");
            let Some((at, (_, list))) = at.and_then(|at| Some((at, entries.get(at)?))) else {
                sink.error(root.at, "the file has no list `waivers`");
                return None;
            };
            let next = entries.get(at + 1).map(|(key, _)| key.at.line as usize - 1);
            (list, next)
        }
        _ => (&root, None),
    };
    let Value::List(items) = &list.value else {
        sink.error(list.at, format!("`waivers` must be a list, not {}", list.what()));
        return None;
    };
    let at = (list.at.line as usize).saturating_sub(1);
    let Some(line) = lines.get(at) else {
        sink.error(list.at, "the list is not where it is said to be");
        return None;
    };
    if items.is_empty() {
        return empty_list(&lines, at, line, list.at, sink);
    }
    let indent = line.chars().take_while(|c| *c == ' ').count();
    if !line.trim_start().starts_with('-') || line.starts_with("---") {
        sink.error_hint(
            list.at,
            "the list is written in brackets",
            "write one waiver an item, each beginning with `-`",
        );
        return None;
    }
    let mut end = end.unwrap_or(lines.len());
    // Comments and blank lines above the next key belong to it.
    while end < lines.len()
        && end > 0
        && lines
            .get(end - 1)
            .is_some_and(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        end -= 1;
    }
    Some((
        lines.iter().take(end).copied().collect(),
        lines.iter().skip(end).copied().collect(),
        indent,
        items.len(),
    ))
}

fn entry(new: &NewWaiver, indent: usize) -> String {
    use std::fmt::Write;
    // A JSON string is a YAML string in double quotes.
    let quote = |text: &str| serde_json::Value::from(text).to_string();
    let pad = " ".repeat(indent);
    let mut out = format!("{pad}- id: {}\n{pad}  match:\n", quote(&new.id));
    let conditions = [
        ("vuln", &new.vuln),
        ("rule", &new.rule),
        ("fingerprint", &new.fingerprint),
        ("package", &new.package),
        ("path", &new.path),
        ("subject", &new.subject),
    ];
    for (name, value) in conditions {
        if let Some(value) = value {
            let _ = writeln!(out, "{pad}    {name}: {}", quote(value));
        }
    }
    let _ = writeln!(out, "{pad}  reason: {}", quote(&new.reason));
    for (name, value) in [("status", &new.status), ("justification", &new.justification)] {
        if let Some(value) = value {
            let _ = writeln!(out, "{pad}  {name}: {}", quote(value));
        }
    }
    let _ = writeln!(out, "{pad}  owner: {}", quote(&new.owner));
    if let Some(created) = new.created {
        let _ = writeln!(out, "{pad}  created: {}", moment_words(created));
    }
    if !new.approved_by.is_empty() {
        let _ = writeln!(out, "{pad}  approved_by:");
        for approval in &new.approved_by {
            let _ = writeln!(out, "{pad}    - who: {}", quote(&approval.who));
            let _ = writeln!(out, "{pad}      at: {}", moment_words(approval.at));
            if let Some(via) = &approval.via {
                let _ = writeln!(out, "{pad}      via: {}", quote(via));
            }
        }
    }
    let _ = writeln!(out, "{pad}  expires: {}", moment_words(new.expires));
    out
}
