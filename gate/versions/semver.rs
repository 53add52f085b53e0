//! Semantic versions: [semver.org 2.0.0](https://semver.org/spec/v2.0.0.html), order of §11. Used for npm, crates.io,
//! Hex, Swift and the `SEMVER` ranges of OSV.
//!
//! Real data is looser than the specification, so this reader takes what npm's loose mode takes and a little more: a
//! prefix of `v` or `=`, missing or additional numbers (`1.2` is `1.2.0`), leading zeros, and a pre-release that no
//! hyphen introduces (`1.2.3beta`). Numbers have no upper bound. Build metadata does not count (§10).

use std::cmp::Ordering;

use crate::scan::{
    compare_dotted, compare_folded, compare_lists, compare_numbers, is_number, take_while,
};

/// A semantic version taken apart.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    /// Dotted numbers.
    pub(crate) numbers: &'a str,
    /// Pre-release identifiers with their dots; empty if there are none.
    pub(crate) pre: &'a str,
    /// One more pre-release identifier after `pre`; empty if there is none.
    pub(crate) pre_tail: &'a str,
    /// Build metadata; empty if there is none.
    pub(crate) build: &'a str,
}

/// Takes a version apart.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    let prefix = text.bytes().take_while(|byte| matches!(byte, b'v' | b'V' | b'=' | b' ')).count();
    let text = text.get(prefix..).unwrap_or_default();
    let (numbers, rest) = take_while(text, |byte| byte.is_ascii_digit() || byte == b'.');
    // `1.2.3.beta` is loose for `1.2.3-beta`: the last dot belongs to what follows.
    let (numbers, rest) = match numbers.strip_suffix('.') {
        Some(numbers) if rest.starts_with(|c: char| c.is_ascii_alphabetic()) => (numbers, rest),
        _ => (numbers, rest),
    };
    if !is_dotted(numbers) {
        return Err("expected numbers with dots between them, such as 1.2.3");
    }
    if rest.is_empty() {
        return Ok(Parts { numbers, pre: "", pre_tail: "", build: "" });
    }
    let (pre, build) = match rest.split_once('+') {
        Some((pre, build)) => (pre, build),
        None => (rest, ""),
    };
    let pre = match pre.strip_prefix('-') {
        Some("") => return Err("nothing follows the hyphen"),
        // `1.x` is a range.
        None if !pre.is_empty() && numbers.split('.').count() < 3 => {
            return Err("letters follow fewer than three numbers");
        }
        Some(pre) => pre,
        None => pre,
    };
    if !pre.is_empty() && !pre.split('.').all(is_identifier) {
        return Err("the pre-release is not a list of letters, digits and hyphens");
    }
    if !build.split(['.', '+']).all(|part| part.is_empty() || is_identifier(part)) {
        return Err("the build metadata is not a list of letters, digits and hyphens");
    }
    Ok(Parts { numbers, pre, pre_tail: "", build })
}

/// Whether these are digits with single dots between them; nothing else than digits and dots is in `text`.
fn is_dotted(text: &str) -> bool {
    let mut after_digit = false;
    for byte in text.bytes() {
        if byte == b'.' && !after_digit {
            return false;
        }
        after_digit = byte != b'.';
    }
    after_digit
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

impl Parts<'_> {
    pub(crate) fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }

    fn pre_identifiers(&self) -> impl Iterator<Item = &str> {
        identifiers(self.pre).chain((!self.pre_tail.is_empty()).then_some(self.pre_tail))
    }
}

fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split('.').filter(|identifier| !identifier.is_empty())
}

/// The order of two semantic versions (§11).
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_dotted(a.numbers, b.numbers).then_with(|| compare_pre(a, b, str::cmp))
}

/// The same, with letters of a pre-release compared without regard to case.
pub(crate) fn compare_ignoring_case(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_dotted(a.numbers, b.numbers).then_with(|| compare_pre(a, b, compare_folded))
}

/// The same, and build metadata counts where all else is equal: none before some, then identifier by identifier.
pub(crate) fn compare_with_build(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare(a, b)
        .then_with(|| compare_identifiers(identifiers(a.build), identifiers(b.build), str::cmp))
}

fn compare_pre(a: &Parts<'_>, b: &Parts<'_>, words: impl Fn(&str, &str) -> Ordering) -> Ordering {
    match (a.pre.is_empty(), b.pre.is_empty()) {
        (false, false) => compare_identifiers(a.pre_identifiers(), b.pre_identifiers(), words),
        (a, b) => a.cmp(&b),
    }
}

/// §11.4: numbers by value and before words, words by ASCII, and the shorter list first.
fn compare_identifiers<'a>(
    a: impl Iterator<Item = &'a str>,
    b: impl Iterator<Item = &'a str>,
    words: impl Fn(&str, &str) -> Ordering,
) -> Ordering {
    compare_lists(a, b, |a, b| match (a, b) {
        (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
            (true, true) => compare_numbers(a, b),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => words(a, b),
        },
        (a, b) => a.is_some().cmp(&b.is_some()),
    })
}
