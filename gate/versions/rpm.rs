//! RPM versions: [Versions and dependencies](https://rpm.org/docs/latest/man/rpm-version.7) of the RPM manual:
//! `[epoch:]version[-release]`, compared segment by segment, where `~` comes before the end and `^` just after it. Used
//! by Red Hat and its clones, SUSE, Amazon Linux, Photon, Azure Linux, Mageia and openEuler.
//!
//! A version without a release comes before the same version with one.

use std::cmp::Ordering;

use crate::scan::{compare_numbers, has_gap, take_digits, take_epoch, take_while};

/// An RPM version taken apart.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) epoch: &'a str,
    pub(crate) version: &'a str,
    pub(crate) release: Option<&'a str>,
}

/// Takes a version apart. Characters without meaning only separate, as they do for rpm.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    if has_gap(text) {
        return Err("white space inside");
    }
    let (epoch, rest) = take_epoch(text).unwrap_or(("", text));
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release)),
        None => (rest, None),
    };
    if version.is_empty() {
        return Err("the version is missing");
    }
    Ok(Parts { epoch, version, release })
}

/// The order of two RPM versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_numbers(a.epoch, b.epoch).then_with(|| compare_text(a.version, b.version)).then_with(
        || match (a.release, b.release) {
            (Some(a), Some(b)) => compare_text(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        },
    )
}

/// rpm's comparison of one version or release.
fn compare_text(mut a: &str, mut b: &str) -> Ordering {
    let separates = |c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^';
    while !a.is_empty() || !b.is_empty() {
        a = a.trim_start_matches(separates);
        b = b.trim_start_matches(separates);
        match (a.strip_prefix('~'), b.strip_prefix('~')) {
            (Some(rest_a), Some(rest_b)) => {
                (a, b) = (rest_a, rest_b);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (a.strip_prefix('^'), b.strip_prefix('^')) {
            (Some(rest_a), Some(rest_b)) => {
                (a, b) = (rest_a, rest_b);
                continue;
            }
            (Some(_), None) => {
                return if b.is_empty() { Ordering::Greater } else { Ordering::Less };
            }
            (None, Some(_)) => {
                return if a.is_empty() { Ordering::Less } else { Ordering::Greater };
            }
            (None, None) => {}
        }
        if a.is_empty() || b.is_empty() {
            break;
        }
        let (rest_a, rest_b, found) = compare_segment(a, b);
        if found != Ordering::Equal {
            return found;
        }
        (a, b) = (rest_a, rest_b);
    }
    (!a.is_empty()).cmp(&!b.is_empty())
}

/// Compares one run of digits or letters; digits come after letters. Returns what follows.
pub(crate) fn compare_segment<'a, 'b>(a: &'a str, b: &'b str) -> (&'a str, &'b str, Ordering) {
    let (number_a, after_a) = take_digits(a);
    let (number_b, after_b) = take_digits(b);
    match (number_a.is_empty(), number_b.is_empty()) {
        (false, false) => (after_a, after_b, compare_numbers(number_a, number_b)),
        (true, true) => {
            let (word_a, after_a) = take_while(a, |byte| byte.is_ascii_alphabetic());
            let (word_b, after_b) = take_while(b, |byte| byte.is_ascii_alphabetic());
            (after_a, after_b, word_a.cmp(word_b))
        }
        (a_is_word, b_is_word) => (a, b, b_is_word.cmp(&a_is_word)),
    }
}
