//! Reads `match:` of a rule into tests.

use secgate_model::{Kind, Severity};

use crate::{
    condition::{
        CONFIDENCES, Informational, Mask, SCOPES, Test, confidence_bit, confidence_name, kind_bit,
        scope_bit, severity_bit,
    },
    diagnostic::{Place, Sink, short},
    fields::{self, Fields},
    license::LicenseTest,
    package_pattern::PackagePattern,
    policy::Undecided,
    values::{Globs, read_age, read_bound},
    yaml::Node,
};

pub(crate) const MATCH_FIELDS: &[&str] = &[
    "kind",
    "severity",
    "fix",
    "scope",
    "direct",
    "rule",
    "cwe",
    "package",
    "path",
    "epss",
    "epss_percentile",
    "kev",
    "cvss",
    "age",
    "informational",
    "confidence",
    "scanner",
    "license",
    "anyOf",
    "allOf",
    "not",
    "unknown",
];
const CLASSES: [&str; 4] = ["unmaintained", "unsound", "yanked", "notice"];

/// The scanner names that a match uses, to be checked when every declared tool is known.
pub(crate) type ScannerRefs = Vec<(String, Place)>;

/// Reads the condition and what an undecided one counts as. `None` after a fault.
pub(crate) fn read(
    node: &Node,
    refs: &mut ScannerRefs,
    sink: &mut Sink<'_>,
) -> Option<(Test, Undecided)> {
    let before = sink.found.len();
    let mut undecided = Undecided::Match;
    let mut test = level(node, true, &mut undecided, refs, sink);
    if let Some(test) = &mut test {
        test.sort_by_cost();
        if test.kinds() == 0 && sink.found.len() == before {
            sink.error(
                node.at,
                "no finding can match: the conditions are about different kinds of finding",
            );
        }
    }
    (sink.found.len() == before).then_some((test?, undecided))
}

fn level(
    node: &Node,
    top: bool,
    undecided: &mut Undecided,
    refs: &mut ScannerRefs,
    sink: &mut Sink<'_>,
) -> Option<Test> {
    let known: Vec<&str> =
        MATCH_FIELDS.iter().copied().filter(|name| top || *name != "unknown").collect();
    let map = Fields::read(node, "a match", &known, sink)?;
    let mut tests: Vec<Test> = Vec::new();
    let mut asked = false;
    for &name in MATCH_FIELDS {
        let Some((key, value)) = map.entry(name) else { continue };
        if name == "unknown" {
            *undecided = match fields::text(value, name, sink) {
                Some("ignore") => Undecided::Ignore,
                Some("match") | None => Undecided::Match,
                Some(other) => {
                    sink.unknown(
                        value.at,
                        "value of `unknown`",
                        other,
                        ["match", "ignore"].into_iter(),
                    );
                    Undecided::Match
                }
            };
            continue;
        }
        asked = true;
        if let Some(test) = field(name, value, refs, sink) {
            if test.only_of_vulnerabilities() {
                let kinds = tests
                    .iter()
                    .find_map(|test| if let Test::Kind(mask) = test { Some(*mask) } else { None });
                if kinds.is_some_and(|mask| mask != kind_bit(Kind::Vulnerability)) {
                    sink.error_hint(
                        key.at,
                        format!("`{name}` is only known of vulnerabilities, so the other kinds could never match"),
                        "write `kind: vulnerability`, or two rules, or anyOf",
                    );
                }
            }
            tests.push(test);
        }
    }
    if !asked {
        sink.error_hint(
            node.at,
            "an empty match would match every finding",
            "say what to match, for example `kind: code`",
        );
        return None;
    }
    if tests.len() == 1 { tests.pop() } else { Some(Test::All(tests)) }
}

fn field(name: &str, node: &Node, refs: &mut ScannerRefs, sink: &mut Sink<'_>) -> Option<Test> {
    Some(match name {
        "kind" => Test::Kind(mask(node, name, &Kind::ALL.map(|k| (k.name(), kind_bit(k))), sink)?),
        "scope" => Test::Scope(mask(node, name, &SCOPES.map(|s| (s.name(), scope_bit(s))), sink)?),
        "severity" => {
            // The bit above all severities stands for the missing one.
            const NONE: Mask = 1 << 15;
            let mut all = Severity::ALL.map(|s| (s.name(), severity_bit(s))).to_vec();
            let mask = ordered_mask(
                node,
                name,
                &all.clone(),
                {
                    all.push(("unknown", NONE));
                    &all
                },
                sink,
            )?;
            Test::Severity { mask: mask & !NONE, none: mask & NONE != 0 }
        }
        "confidence" => {
            let all = CONFIDENCES.map(|c| (confidence_name(c), confidence_bit(c)));
            Test::Confidence(ordered_mask(node, name, &all, &all, sink)?)
        }
        "fix" => match fields::text(node, name, sink)? {
            "available" => Test::Fix(true),
            "none" => Test::Fix(false),
            other => {
                sink.unknown(node.at, "value of `fix`", other, ["available", "none"].into_iter());
                return None;
            }
        },
        "direct" => Test::Direct(fields::boolean(node, name, sink)?),
        "kev" => Test::Kev(fields::boolean(node, name, sink)?),
        "rule" => Test::Rule(Globs::new(&fields::texts(node, name, sink), name, false, sink)?),
        "path" => Test::Path(Globs::new(&fields::texts(node, name, sink), name, true, sink)?),
        "cwe" => {
            let mut numbers = Vec::new();
            for (text, at) in fields::texts(node, name, sink) {
                let digits =
                    text.strip_prefix("CWE-").or_else(|| text.strip_prefix("cwe-")).unwrap_or(text);
                match digits.parse::<u32>() {
                    Ok(number) if number > 0 && digits.bytes().all(|b| b.is_ascii_digit()) => {
                        numbers.push(number);
                    }
                    _ => sink.error_hint(
                        at,
                        format!("`{}` is not a CWE number", short(text)),
                        "for example 89 or CWE-89",
                    ),
                }
            }
            if numbers.is_empty() {
                return None;
            }
            Test::Cwe(numbers)
        }
        "package" => {
            let texts = fields::texts(node, name, sink);
            let count = texts.len();
            let patterns: Vec<_> = texts
                .into_iter()
                .filter_map(|(text, at)| PackagePattern::read(text, false, at, sink))
                .collect();
            if patterns.is_empty() || patterns.len() != count {
                return None;
            }
            Test::Package(patterns)
        }
        "epss" => Test::Epss(read_bound(node, name, 1.0, sink)?),
        "epss_percentile" => Test::EpssPercentile(read_bound(node, name, 1.0, sink)?),
        "cvss" => Test::Cvss(read_bound(node, name, 10.0, sink)?),
        "age" => Test::Age(read_age(node, name, sink)?),
        "informational" => {
            if matches!(node.text(), Some("true" | "false")) {
                Test::Informational(Informational::Any(fields::boolean(node, name, sink)?))
            } else {
                let mut classes = Vec::new();
                for (text, at) in fields::texts(node, name, sink) {
                    if CLASSES.contains(&text) {
                        classes.push(text.to_owned());
                    } else {
                        sink.unknown(
                            at,
                            "class of advisory",
                            text,
                            CLASSES.into_iter().chain(["true", "false"]),
                        );
                    }
                }
                if classes.is_empty() {
                    return None;
                }
                Test::Informational(Informational::Classes(classes))
            }
        }
        "scanner" => {
            let names: Vec<_> = fields::texts(node, name, sink);
            if names.is_empty() {
                return None;
            }
            refs.extend(names.iter().map(|(text, at)| ((*text).to_owned(), *at)));
            Test::Scanner(names.into_iter().map(|(text, _)| text.to_owned()).collect())
        }
        "license" => Test::License(LicenseTest::read(node, sink)?),
        "anyOf" => Test::Any(group(node, name, refs, sink)?),
        "allOf" => Test::All(group(node, name, refs, sink)?),
        "not" => Test::Not(Box::new(level(node, false, &mut Undecided::Match, refs, sink)?)),
        _ => return None,
    })
}

/// The members of `anyOf` or `allOf`. An empty one is a fault: it would be false of everything, or true.
fn group(
    node: &Node,
    name: &str,
    refs: &mut ScannerRefs,
    sink: &mut Sink<'_>,
) -> Option<Vec<Test>> {
    let crate::yaml::Value::List(items) = &node.value else {
        sink.error(node.at, format!("`{name}` must be a list of matches, not {}", node.what()));
        return None;
    };
    if items.is_empty() {
        sink.error_hint(
            node.at,
            format!("`{name}` is empty"),
            "give at least one match, or take the field away",
        );
        return None;
    }
    let tests: Vec<_> = items
        .iter()
        .filter_map(|item| level(item, false, &mut Undecided::Match, refs, sink))
        .collect();
    (tests.len() == items.len()).then_some(tests)
}

/// One name or a list of names.
fn mask(node: &Node, name: &str, all: &[(&str, Mask)], sink: &mut Sink<'_>) -> Option<Mask> {
    let mut mask = 0;
    let mut good = true;
    for (text, at) in fields::texts(node, name, sink) {
        if let Some((_, bit)) = all.iter().find(|(known, _)| *known == text) {
            mask |= bit;
        } else {
            sink.unknown(at, name, text, all.iter().map(|(known, _)| *known));
            good = false;
        }
    }
    (good && mask != 0).then_some(mask)
}

/// One name, a list of names, or a bound such as `">=high"`; `order` is lowest first.
fn ordered_mask(
    node: &Node,
    name: &str,
    order: &[(&str, Mask)],
    all: &[(&str, Mask)],
    sink: &mut Sink<'_>,
) -> Option<Mask> {
    let Some((sign, word)) = node.text().and_then(|text| {
        [">=", "<=", ">", "<"]
            .into_iter()
            .find_map(|sign| Some((sign, text.trim().strip_prefix(sign)?.trim())))
    }) else {
        return mask(node, name, all, sink);
    };
    let Some(at) = order.iter().position(|(known, _)| *known == word) else {
        sink.unknown(node.at, name, word, order.iter().map(|(known, _)| *known));
        return None;
    };
    let inside = |index: usize| match sign {
        ">=" => index >= at,
        "<=" => index <= at,
        ">" => index > at,
        _ => index < at,
    };
    let mask = order
        .iter()
        .enumerate()
        .filter(|(index, _)| inside(*index))
        .map(|(_, (_, bit))| *bit)
        .sum();
    if mask == 0 {
        sink.error(node.at, format!("nothing is `{sign}{word}`"));
        return None;
    }
    Some(mask)
}
