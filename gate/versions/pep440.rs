//! Python versions: [PEP 440](https://peps.python.org/pep-0440/), grammar of its appendix B, order of its "Summary of
//! permitted suffixes and relative ordering".
//!
//! Texts that PEP 440 does not accept are *legacy*: they come before every PEP 440 version, and among themselves in the
//! order that setuptools gave them before version 66 (its `LegacyVersion`).

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::scan::{
    compare_folded, compare_lists, compare_numbers, compare_padded, is_number, strip_word,
    take_digits, take_while,
};

/// A Python version taken apart.
#[derive(Debug)]
pub(crate) enum Parts<'a> {
    /// PEP 440 accepts it.
    Modern(Modern<'a>),
    /// It does not; the key in setuptools' order.
    Legacy(Vec<Cow<'a, str>>),
}

/// The segments of a PEP 440 version. Numbers are runs of digits, where the empty run is the implicit zero.
#[derive(Debug)]
pub(crate) struct Modern<'a> {
    epoch: &'a str,
    release: &'a str,
    pre: Option<(PreKind, &'a str)>,
    post: Option<&'a str>,
    dev: Option<&'a str>,
    local: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PreKind {
    Alpha,
    Beta,
    Candidate,
}

/// Spellings of a pre-release, longer ones before their own beginnings.
const PRE_WORDS: [(&str, PreKind); 8] = [
    ("alpha", PreKind::Alpha),
    ("beta", PreKind::Beta),
    ("preview", PreKind::Candidate),
    ("pre", PreKind::Candidate),
    ("rc", PreKind::Candidate),
    ("a", PreKind::Alpha),
    ("b", PreKind::Beta),
    ("c", PreKind::Candidate),
];

/// Takes a version apart; every text is at least a legacy version.
#[expect(clippy::unnecessary_wraps, reason = "the same signature as every other scheme's")]
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    Ok(modern(text).map_or_else(|| Parts::Legacy(legacy(text)), Parts::Modern))
}

impl Parts<'_> {
    pub(crate) fn is_legacy(&self) -> bool {
        matches!(self, Parts::Legacy(_))
    }

    pub(crate) fn is_prerelease(&self) -> bool {
        match self {
            Parts::Modern(version) => version.pre.is_some() || version.dev.is_some(),
            Parts::Legacy(_) => false,
        }
    }
}

/// The order of two Python versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    match (a, b) {
        (Parts::Modern(a), Parts::Modern(b)) => compare_modern(a, b),
        (Parts::Legacy(a), Parts::Legacy(b)) => a.cmp(b),
        (Parts::Legacy(_), Parts::Modern(_)) => Ordering::Less,
        (Parts::Modern(_), Parts::Legacy(_)) => Ordering::Greater,
    }
}

fn modern(text: &str) -> Option<Modern<'_>> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (epoch, text) = match take_digits(text) {
        (digits, rest) if !digits.is_empty() => match rest.strip_prefix('!') {
            Some(rest) => (digits, rest),
            None => ("", text),
        },
        _ => return None,
    };
    let (release, text) = take_release(text)?;
    let (pre, text) = take_pre(text);
    let (post, text) = take_post(text);
    let (dev, text) = match strip_word(strip_separator(text), "dev") {
        Some(rest) => take_implicit_number(rest),
        None => (None, text),
    };
    let local = match text.strip_prefix('+') {
        Some(local) if local.split(SEPARATORS).all(is_alphanumeric) => Some(local),
        None if text.is_empty() => None,
        _ => return None,
    };
    Some(Modern { epoch, release, pre, post, dev, local })
}

const SEPARATORS: [char; 3] = ['.', '-', '_'];

fn is_alphanumeric(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn strip_separator(text: &str) -> &str {
    text.strip_prefix(SEPARATORS).unwrap_or(text)
}

/// The dotted numbers at the beginning; a dot that no digit follows stays in the rest.
fn take_release(text: &str) -> Option<(&str, &str)> {
    let (first, mut rest) = take_digits(text);
    if first.is_empty() {
        return None;
    }
    while let Some((number, next)) = rest.strip_prefix('.').map(take_digits)
        && !number.is_empty()
    {
        rest = next;
    }
    text.split_at_checked(text.len() - rest.len())
}

fn take_implicit_number(text: &str) -> (Option<&str>, &str) {
    let (number, rest) = take_digits(strip_separator(text));
    (Some(number), rest)
}

fn take_pre(text: &str) -> (Option<(PreKind, &str)>, &str) {
    let bare = strip_separator(text);
    for (word, kind) in PRE_WORDS {
        if let Some(rest) = strip_word(bare, word) {
            let (number, rest) = take_implicit_number(rest);
            return (number.map(|number| (kind, number)), rest);
        }
    }
    (None, text)
}

fn take_post(text: &str) -> (Option<&str>, &str) {
    if let Some((number, rest)) = text.strip_prefix('-').map(take_digits)
        && !number.is_empty()
    {
        return (Some(number), rest);
    }
    let bare = strip_separator(text);
    match ["post", "rev", "r"].iter().find_map(|word| strip_word(bare, word)) {
        Some(rest) => take_implicit_number(rest),
        None => (None, text),
    }
}

fn compare_modern(a: &Modern<'_>, b: &Modern<'_>) -> Ordering {
    compare_numbers(a.epoch, b.epoch)
        .then_with(|| compare_padded(a.release.split('.'), b.release.split('.')))
        .then_with(|| compare_pre(a, b))
        .then_with(|| compare_options(a.post, b.post, Ordering::Less))
        .then_with(|| compare_options(a.dev, b.dev, Ordering::Greater))
        .then_with(|| match (a.local, b.local) {
            (Some(a), Some(b)) => compare_local(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        })
}

/// Orders two optional numbers; `absent` is where a missing one stands against a present one.
fn compare_options(a: Option<&str>, b: Option<&str>, absent: Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare_numbers(a, b),
        (None, Some(_)) => absent,
        (Some(_), None) => absent.reverse(),
        (None, None) => Ordering::Equal,
    }
}

/// `1.dev1` comes before `1a1`, which comes before `1`.
fn compare_pre(a: &Modern<'_>, b: &Modern<'_>) -> Ordering {
    fn stage(version: &Modern<'_>) -> u8 {
        match version.pre {
            Some(_) => 1,
            None if version.post.is_none() && version.dev.is_some() => 0,
            None => 2,
        }
    }
    match (a.pre, b.pre) {
        (Some((a, a_number)), Some((b, b_number))) => {
            a.cmp(&b).then_with(|| compare_numbers(a_number, b_number))
        }
        _ => stage(a).cmp(&stage(b)),
    }
}

fn compare_local(a: &str, b: &str) -> Ordering {
    compare_lists(a.split(SEPARATORS), b.split(SEPARATORS), |a, b| match (a, b) {
        (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
            (true, true) => compare_numbers(a, b),
            (false, false) => compare_folded(a, b),
            (a, b) => a.cmp(&b),
        },
        (a, b) => a.is_some().cmp(&b.is_some()),
    })
}

/// The key of setuptools' `LegacyVersion`: numbers padded to eight digits, words behind a `*`, and `*final` at the end,
/// before which trailing zeros and dashes do not count.
fn legacy(text: &str) -> Vec<Cow<'_, str>> {
    let mut key: Vec<Cow<'_, str>> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (part, next) = if first.is_ascii_digit() {
            take_digits(rest)
        } else if first.is_ascii_alphabetic() {
            take_while(rest, |byte| byte.is_ascii_alphabetic())
        } else if first == '.' || first == '-' {
            rest.split_at_checked(1).unwrap_or((rest, ""))
        } else {
            let end = rest
                .find(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-')
                .unwrap_or(rest.len());
            rest.split_at_checked(end).unwrap_or((rest, ""))
        };
        rest = next;
        if part != "." {
            push_legacy(&mut key, legacy_part(part));
        }
    }
    push_legacy(&mut key, Cow::Borrowed("*final"));
    key
}

fn legacy_part(part: &str) -> Cow<'_, str> {
    if is_number(part) {
        return Cow::Owned(format!("{part:0>8}"));
    }
    match part.to_lowercase().as_str() {
        "pre" | "preview" | "rc" => Cow::Borrowed("*c"),
        "-" => Cow::Borrowed("*final-"),
        "dev" => Cow::Borrowed("*@"),
        word => Cow::Owned(format!("*{word}")),
    }
}

fn push_legacy<'a>(key: &mut Vec<Cow<'a, str>>, part: Cow<'a, str>) {
    if part.starts_with('*') {
        if *part < *"*final" {
            while key.last().is_some_and(|last| last == "*final-") {
                key.pop();
            }
        }
        while key.last().is_some_and(|last| last == "00000000") {
            key.pop();
        }
    }
    key.push(part);
}
