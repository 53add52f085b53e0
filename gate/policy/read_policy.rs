//! Reads one policy file. Names that may be defined in an extended file are left as they are; [`link`](crate::link)
//! resolves them.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use secgate_model::{Kind, Severity};

use crate::{
    condition::kind_bit,
    diagnostic::{Place, Sink, short},
    expression::Expression,
    fields::{self, Fields, boolean, named, text, texts},
    policy::{
        Action, Against, Check, Grace, GraceFrom, Origin, Requirement, Rule, SourceAges, Undecided,
        Waivable,
    },
    read_match::{self, ScannerRefs},
    values::{read_duration, read_moment},
    yaml::{Node, Value},
};

pub(crate) const API_VERSION: &str = "secgate.dev/v1";
pub(crate) const POLICY_FIELDS: &[&str] =
    &["apiVersion", "kind", "metadata", "extends", "evidence", "tools", "teams", "stages", "rules"];
pub(crate) const METADATA_FIELDS: &[&str] = &["name", "owner", "description"];
pub(crate) const EVIDENCE_FIELDS: &[&str] = &["advisories", "epss", "kev", "scanners"];
pub(crate) const ADVISORIES_FIELDS: &[&str] =
    &["max_age", "at_source", "starter", "undated_tools", "unsigned"];
pub(crate) const TABLE_FIELDS: &[&str] = &["max_age", "at_source"];
pub(crate) const STAGE_FIELDS: &[&str] = &["use", "against", "scanners", "optional", "require"];
pub(crate) const RULE_FIELDS: &[&str] =
    &["title", "match", "when", "require", "grace", "action", "waivable", "effective_on", "help"];
pub(crate) const WAIVABLE_FIELDS: &[&str] = &["max", "approvers", "vex"];
pub(crate) const GRACE_FIELDS: &[&str] =
    &["info", "low", "medium", "high", "critical", "unknown", "from"];
pub(crate) const REQUIRE_FIELDS: &[&str] =
    &["image", "by", "attestation", "min_components", "verdicts", "max_age", "signer"];
pub(crate) const BY_FIELDS: &[&str] = &["key"];
const LONGEST_GRACE: SignedDuration = SignedDuration::from_hours(366 * 24);

/// One file, its own faults found, its references open.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) name: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) extends: Vec<(String, Place)>,
    pub(crate) evidence: EvidenceDraft,
    pub(crate) tools: Vec<String>,
    pub(crate) teams: BTreeMap<String, Vec<String>>,
    pub(crate) stages: Vec<StageDraft>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) scanner_refs: ScannerRefs,
}

/// What a file says about evidence; what it does not say comes from the file that it extends.
#[derive(Debug, Default)]
pub(crate) struct EvidenceDraft {
    pub(crate) advisories: Option<SignedDuration>,
    pub(crate) starter: Option<bool>,
    pub(crate) unsigned: Option<bool>,
    pub(crate) undated_tools: Option<bool>,
    pub(crate) epss: Option<SignedDuration>,
    pub(crate) kev: Option<SignedDuration>,
    pub(crate) at_source: SourceAges,
    pub(crate) scanners: Vec<(String, bool)>,
}

#[derive(Debug, Clone)]
pub(crate) struct StageDraft {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) at: Place,
    pub(crate) uses: Vec<(String, Place)>,
    pub(crate) against: Against,
    pub(crate) scanners: Option<Vec<(String, Place)>>,
    pub(crate) optional: Vec<(String, Place)>,
    pub(crate) require: Option<Requirement>,
}

/// Checks `apiVersion` and `kind` at the top of a file.
pub(crate) fn header(map: &Fields<'_>, kind: &str, sink: &mut Sink<'_>) {
    if let Some(node) = map.need("apiVersion", sink)
        && node.text() != Some(API_VERSION)
    {
        let seen =
            node.text().map_or_else(|| node.what().to_owned(), |text| format!("`{}`", short(text)));
        sink.error_hint(
            node.at,
            format!("this version reads `apiVersion: {API_VERSION}`, not {seen}"),
            format!("write {API_VERSION}"),
        );
    }
    if let Some(node) = map.need("kind", sink)
        && node.text() != Some(kind)
    {
        let seen = node.text().unwrap_or(node.what());
        sink.unknown(node.at, "kind of document", seen, [kind].into_iter());
    }
}

/// Reads the document `root`.
pub(crate) fn read(root: &Node, sink: &mut Sink<'_>) -> Option<Draft> {
    let map = Fields::read(root, "a policy", POLICY_FIELDS, sink)?;
    header(&map, "Policy", sink);
    let mut draft = Draft::default();
    if let Some(node) = map.need("metadata", sink)
        && let Some(metadata) = Fields::read(node, "metadata", METADATA_FIELDS, sink)
    {
        draft.name = metadata.need_text("name", sink).map(str::to_owned);
        draft.owner = metadata.text("owner", sink).map(str::to_owned);
        metadata.text("description", sink);
    }
    if let Some(node) = map.get("extends") {
        draft.extends = texts(node, "extends", sink)
            .into_iter()
            .map(|(text, at)| (text.to_owned(), at))
            .collect();
    }
    if let Some(node) = map.get("evidence") {
        draft.evidence = evidence(node, &mut draft.scanner_refs, sink).unwrap_or_default();
    }
    if let Some(node) = map.get("tools") {
        for (name, at) in texts(node, "tools", sink) {
            if !fields::is_name(name) {
                sink.error(at, format!("`{}` is not a name of a tool", short(name)));
            } else if crate::policy::SCANNERS.iter().any(|(scanner, _)| *scanner == name) {
                sink.error(at, format!("`{name}` is a scanner of secgate, not another tool"));
            } else {
                draft.tools.push(name.to_owned());
            }
        }
    }
    if let Some(node) = map.get("teams") {
        draft.teams = teams(node, sink);
    }
    if let Some(node) = map.get("stages") {
        for (key, value) in named(node, "`stages`", sink) {
            draft.stages.extend(stage(&key.text, key.at, value, sink));
        }
    }
    if let Some(node) = map.get("rules") {
        for (key, value) in named(node, "`rules`", sink) {
            draft.rules.extend(rule(&key.text, key.at, value, &mut draft.scanner_refs, sink));
        }
    }
    Some(draft)
}

fn evidence(node: &Node, refs: &mut ScannerRefs, sink: &mut Sink<'_>) -> Option<EvidenceDraft> {
    let map = Fields::read(node, "evidence", EVIDENCE_FIELDS, sink)?;
    let mut draft = EvidenceDraft::default();
    if let Some(node) = map.get("advisories") {
        if matches!(node.value, Value::Map(_)) {
            let inner = Fields::read(node, "advisories", ADVISORIES_FIELDS, sink)?;
            draft.advisories = inner.get("max_age").and_then(|node| age(node, "max_age", sink));
            draft.at_source.advisories =
                inner.get("at_source").and_then(|node| age(node, "at_source", sink));
            draft.starter = inner.get("starter").and_then(|node| allow(node, "starter", sink));
            draft.unsigned = inner.get("unsigned").and_then(|node| allow(node, "unsigned", sink));
            draft.undated_tools =
                inner.get("undated_tools").and_then(|node| allow(node, "undated_tools", sink));
        } else {
            draft.advisories = age(node, "advisories", sink);
        }
    }
    (draft.epss, draft.at_source.epss) = table_ages(&map, "epss", sink);
    (draft.kev, draft.at_source.kev) = table_ages(&map, "kev", sink);
    if let Some(node) = map.get("scanners") {
        for (key, value) in named(node, "`scanners`", sink) {
            refs.push((key.text.clone(), key.at));
            match value.text() {
                Some("required") => draft.scanners.push((key.text.clone(), true)),
                Some("optional") => draft.scanners.push((key.text.clone(), false)),
                other => {
                    sink.unknown(
                        value.at,
                        "value",
                        other.unwrap_or(value.what()),
                        ["required", "optional"].into_iter(),
                    );
                }
            }
        }
    }
    Some(draft)
}

/// The greatest age of a table since its check, and by its own date: `48h`, or a mapping with both.
fn table_ages(
    map: &Fields<'_>,
    name: &'static str,
    sink: &mut Sink<'_>,
) -> (Option<SignedDuration>, Option<SignedDuration>) {
    let Some(node) = map.get(name) else { return (None, None) };
    if !matches!(node.value, Value::Map(_)) {
        return (age(node, name, sink), None);
    }
    let Some(inner) = Fields::read(node, name, TABLE_FIELDS, sink) else { return (None, None) };
    let max = inner.get("max_age").and_then(|node| age(node, "max_age", sink));
    (max, inner.get("at_source").and_then(|node| age(node, "at_source", sink)))
}

/// A greatest age: never zero, because nothing would be fresh.
fn age(node: &Node, name: &str, sink: &mut Sink<'_>) -> Option<SignedDuration> {
    let length = read_duration(node, name, sink)?;
    if length.is_zero() {
        sink.error(node.at, format!("`{name}` is zero: no evidence could be so fresh"));
        return None;
    }
    Some(length)
}

fn allow(node: &Node, name: &str, sink: &mut Sink<'_>) -> Option<bool> {
    match text(node, name, sink)? {
        "allow" => Some(true),
        "deny" => Some(false),
        other => {
            sink.unknown(
                node.at,
                &format!("value of `{name}`"),
                other,
                ["allow", "deny"].into_iter(),
            );
            None
        }
    }
}

fn teams(node: &Node, sink: &mut Sink<'_>) -> BTreeMap<String, Vec<String>> {
    let Value::Map(entries) = &node.value else {
        sink.error(
            node.at,
            format!("`teams` must be a mapping from teams to people, not {}", node.what()),
        );
        return BTreeMap::new();
    };
    entries
        .iter()
        .map(|(key, value)| {
            let people =
                texts(value, "teams", sink).into_iter().map(|(text, _)| text.to_owned()).collect();
            (key.text.clone(), people)
        })
        .collect()
}

fn stage(name: &str, at: Place, node: &Node, sink: &mut Sink<'_>) -> Option<StageDraft> {
    let map = Fields::read(node, "a stage", STAGE_FIELDS, sink)?;
    let list = |field: &str, sink: &mut Sink<'_>| -> Vec<(String, Place)> {
        let Some(node) = map.get(field) else { return Vec::new() };
        let mut seen: Vec<(String, Place)> = Vec::new();
        for (text, at) in texts(node, field, sink) {
            if seen.iter().any(|(other, _)| other == text) {
                sink.error(at, format!("`{}` is listed twice in `{field}`", short(text)));
            } else {
                seen.push((text.to_owned(), at));
            }
        }
        seen
    };
    let uses = list("use", sink);
    let optional = list("optional", sink);
    let scanners = map.get("scanners").is_some().then(|| list("scanners", sink));
    let against = match map.get("against") {
        None => Against::All,
        Some(node) => match text(node, "against", sink)? {
            "all" => Against::All,
            "new" => Against::New,
            other => {
                sink.unknown(node.at, "value of `against`", other, ["all", "new"].into_iter());
                return None;
            }
        },
    };
    let require = match map.get("require") {
        None => None,
        Some(node) => Some(requirement(node, sink)?),
    };
    if map.get("use").is_none() && require.is_none() {
        sink.error_hint(
            at,
            format!("the stage `{name}` has no rules and would pass everything"),
            "list its rules in `use`",
        );
        return None;
    }
    let origin = Origin { file: sink.file.to_owned(), line: at.line };
    Some(StageDraft {
        name: name.to_owned(),
        origin,
        at,
        uses,
        against,
        scanners,
        optional,
        require,
    })
}

fn rule(
    name: &str,
    at: Place,
    node: &Node,
    refs: &mut ScannerRefs,
    sink: &mut Sink<'_>,
) -> Option<Rule> {
    let before = sink.found.len();
    let map = Fields::read(node, "a rule", RULE_FIELDS, sink)?;
    if name == "fail-on" || name == "stage" || name.starts_with("evidence") {
        sink.error(at, format!("the name `{name}` is kept for secgate itself"));
    }
    let title = map.text("title", sink).unwrap_or(name).to_owned();
    let help = map.text("help", sink).map(str::to_owned);
    let action = match map.get("action") {
        None => Action::Fail,
        Some(node) => match text(node, "action", sink) {
            Some("warn") => Action::Warn,
            Some("info") => Action::Info,
            Some("fail") | None => Action::Fail,
            Some(other) => {
                sink.unknown(node.at, "action", other, ["fail", "warn", "info"].into_iter());
                Action::Fail
            }
        },
    };
    let check = check(name, at, &map, refs, sink);
    let kinds = match &check {
        Some(Check::Findings { test: Some(test), .. }) => test.kinds(),
        _ => 0,
    };
    let grace =
        map.get("grace").and_then(|node| grace(node, kinds == kind_bit(Kind::Vulnerability), sink));
    let waivable = map.get("waivable").map_or_else(
        || Waivable::Yes { max: None, approvers: Vec::new(), vex: true },
        |node| waivable(node, sink).unwrap_or(Waivable::No),
    );
    let effective_on =
        map.get("effective_on").and_then(|node| read_moment(node, "effective_on", sink));
    for (field, there) in
        [("grace", map.entry("grace")), ("effective_on", map.entry("effective_on"))]
    {
        if let Some((key, _)) = there
            && action != Action::Fail
        {
            sink.error(key.at, format!("`{field}` only means something with `action: fail`"));
        }
    }
    if let (Some(Check::Evidence(_)), Some((key, _))) = (&check, map.entry("grace")) {
        sink.error(key.at, "`grace` only means something with `match` or `when`");
    }
    let origin = Origin { file: sink.file.to_owned(), line: at.line };
    let rule = Rule {
        name: name.to_owned(),
        title,
        origin,
        check: check?,
        action,
        grace,
        waivable,
        effective_on,
        help,
    };
    (sink.found.len() == before).then_some(rule)
}

fn check(
    name: &str,
    at: Place,
    map: &Fields<'_>,
    refs: &mut ScannerRefs,
    sink: &mut Sink<'_>,
) -> Option<Check> {
    let require = map.entry("require");
    if let Some((key, node)) = require {
        if map.get("match").is_some() || map.get("when").is_some() {
            sink.error(key.at, "a rule has `require`, or `match` and `when`, not both");
            return None;
        }
        return requirement(node, sink).map(Check::Evidence);
    }
    if map.get("match").is_none() && map.get("when").is_none() {
        sink.error_hint(
            at,
            format!("the rule `{name}` checks nothing"),
            "give it `match`, `when` or `require`",
        );
        return None;
    }
    let matched = map.get("match").map(|node| read_match::read(node, refs, sink));
    let when = map.get("when").map(|node| {
        text(node, "when", sink).and_then(|text| Expression::compile(text, node.at, sink))
    });
    let (test, unknown) = match matched {
        None => (None, Undecided::Match),
        Some(read) => {
            let (test, unknown) = read?;
            (Some(test), unknown)
        }
    };
    let when = match when {
        None => None,
        Some(compiled) => Some(compiled?),
    };
    Some(Check::Findings { test, when, unknown })
}

fn grace(node: &Node, only_vulnerabilities: bool, sink: &mut Sink<'_>) -> Option<Grace> {
    let map = Fields::read(node, "grace", GRACE_FIELDS, sink)?;
    let mut lengths = BTreeMap::new();
    let severities =
        Severity::ALL.into_iter().map(|s| (s.name(), Some(s))).chain([("unknown", None)]);
    for (name, severity) in severities {
        let Some(node) = map.get(name) else { continue };
        let Some(length) = read_duration(node, name, sink) else { continue };
        if length > LONGEST_GRACE {
            sink.error(node.at, format!("a grace of more than 366 days for `{name}`"));
            continue;
        }
        lengths.insert(severity, length);
    }
    let from = match map.get("from") {
        None => GraceFrom::FirstSeen,
        Some(node) => match text(node, "from", sink)? {
            "first_seen" => GraceFrom::FirstSeen,
            "published" if only_vulnerabilities => GraceFrom::Published,
            "published" => {
                sink.error_hint(
                    node.at,
                    "only vulnerabilities have a date of publication",
                    "add `kind: vulnerability` to match",
                );
                return None;
            }
            "fix_published" => {
                sink.error_hint(
                    node.at,
                    "nobody tells this version when a fix was published",
                    "use first_seen or published",
                );
                return None;
            }
            other => {
                sink.unknown(
                    node.at,
                    "value of `from`",
                    other,
                    ["first_seen", "published"].into_iter(),
                );
                return None;
            }
        },
    };
    if lengths.is_empty() {
        sink.error(node.at, "`grace` names no severity");
        return None;
    }
    Some(Grace { lengths, from })
}

fn waivable(node: &Node, sink: &mut Sink<'_>) -> Option<Waivable> {
    if let Value::Scalar { .. } = &node.value {
        return Some(if boolean(node, "waivable", sink)? {
            Waivable::Yes { max: None, approvers: Vec::new(), vex: true }
        } else {
            Waivable::No
        });
    }
    let map = Fields::read(node, "waivable", WAIVABLE_FIELDS, sink)?;
    let max = map.get("max").and_then(|node| age(node, "max", sink));
    let approvers = map.get("approvers").map_or_else(Vec::new, |node| {
        texts(node, "approvers", sink).into_iter().map(|(text, _)| text.to_owned()).collect()
    });
    let vex = map.get("vex").and_then(|node| allow(node, "vex", sink));
    if map.get("max").is_none() && map.get("approvers").is_none() && map.get("vex").is_none() {
        sink.error_hint(
            node.at,
            "`waivable` says nothing",
            "write `max`, `approvers`, `vex`, true or false",
        );
        return None;
    }
    // A VEX document names no approver of ours, so a rule that asks for one does not take it unless it says so.
    let vex = vex.unwrap_or(approvers.is_empty());
    Some(Waivable::Yes { max, approvers, vex })
}

/// What a `require` of a rule or a stage asks for.
fn requirement(node: &Node, sink: &mut Sink<'_>) -> Option<Requirement> {
    let before = sink.found.len();
    let map = Fields::read(node, "require", REQUIRE_FIELDS, sink)?;
    let what: Vec<&str> = ["image", "attestation", "verdicts"]
        .into_iter()
        .filter(|name| map.get(name).is_some())
        .collect();
    let [what] = what.as_slice() else {
        sink.error(
            node.at,
            "`require` asks for exactly one of `image`, `attestation` and `verdicts`",
        );
        return None;
    };
    let belongs: &[&str] = match *what {
        "image" => &["image", "by"],
        "attestation" => &["attestation", "min_components"],
        _ => &["verdicts", "max_age", "signer"],
    };
    for field in REQUIRE_FIELDS {
        if let Some((key, _)) = map.entry(field)
            && !belongs.contains(field)
        {
            sink.error(key.at, format!("`{field}` does not go with `{what}`"));
        }
    }
    let requirement = match *what {
        "image" => {
            let value = map.get("image")?;
            if text(value, "image", sink)? != "signed" {
                sink.unknown(
                    value.at,
                    "value of `image`",
                    value.text().unwrap_or_default(),
                    ["signed"].into_iter(),
                );
            }
            let by = Fields::read(map.need("by", sink)?, "`by`", BY_FIELDS, sink)?;
            Requirement::Signed { key: by.need_text("key", sink)?.to_owned() }
        }
        "attestation" => {
            const KINDS: [&str; 3] = ["sbom", "provenance", "verdict"];
            let value = map.get("attestation")?;
            let kind = text(value, "attestation", sink)?;
            if !KINDS.contains(&kind) {
                sink.unknown(value.at, "type of attestation", kind, KINDS.into_iter());
            }
            let min_components = map.get("min_components").and_then(|node| {
                let number = node.text().and_then(|text| text.parse::<u64>().ok());
                if number.is_none() {
                    sink.error(node.at, "`min_components` must be a whole number");
                }
                number
            });
            Requirement::Attestation { kind: kind.to_owned(), min_components }
        }
        _ => Requirement::Verdicts {
            stages: texts(map.get("verdicts")?, "verdicts", sink)
                .into_iter()
                .map(|(text, _)| text.to_owned())
                .collect(),
            max_age: map.get("max_age").and_then(|node| age(node, "max_age", sink)),
            signer: map.text("signer", sink).map(str::to_owned),
        },
    };
    (sink.found.len() == before).then_some(requirement)
}
