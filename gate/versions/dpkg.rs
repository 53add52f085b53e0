//! Debian versions: [Debian Policy §5.6.12](https://www.debian.org/doc/debian-policy/ch-controlfields.html#version) and
//! deb-version(7): `[epoch:]upstream[-revision]`, where `~` comes before everything, even the end, and letters come
//! before other characters. Also for Ubuntu and their derivatives.

use std::cmp::Ordering;

use crate::scan::{compare_numbers, take_digits, take_epoch};

/// A Debian version taken apart.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    epoch: &'a str,
    upstream: &'a str,
    revision: &'a str,
}

/// Takes a version apart.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    let (epoch, rest) = take_epoch(text).ok_or("the epoch before the colon is not a number")?;
    if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-~:_".contains(&byte)) {
        return Err("only letters, digits and . + - ~ : are allowed");
    }
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    if upstream.is_empty() {
        return Err("the upstream version is missing");
    }
    Ok(Parts { epoch, upstream, revision })
}

/// The order of two Debian versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_numbers(a.epoch, b.epoch)
        .then_with(|| compare_text(a.upstream, b.upstream))
        .then_with(|| compare_text(a.revision, b.revision))
}

/// Compares runs without digits and runs of digits in turn.
pub(crate) fn compare_text(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (word_a, rest_a) = take_word(a);
        let (word_b, rest_b) = take_word(b);
        let words = compare_words(word_a, word_b);
        if words != Ordering::Equal {
            return words;
        }
        let (number_a, rest_a) = take_digits(rest_a);
        let (number_b, rest_b) = take_digits(rest_b);
        let numbers = compare_numbers(number_a, number_b);
        if numbers != Ordering::Equal {
            return numbers;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn take_word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn compare_words(a: &str, b: &str) -> Ordering {
    /// `~`, then the end, then letters, then the rest.
    fn weight(byte: Option<u8>) -> u16 {
        match byte {
            Some(b'~') => 0,
            None => 1,
            Some(byte) if byte.is_ascii_alphabetic() => u16::from(byte),
            Some(byte) => u16::from(byte) + 256,
        }
    }
    crate::scan::compare_lists(a.bytes(), b.bytes(), |a, b| weight(a).cmp(&weight(b)))
}
