//! Walking over the bytes of a version: runs of digits, dotted numbers of any size.

use std::cmp::Ordering;

/// Splits `text` where `keep` first fails on an ASCII byte; bytes above ASCII never satisfy a `keep` of this crate.
pub(crate) fn take_while(text: &str, keep: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii() || !keep(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The leading decimal digits, and the rest.
pub(crate) fn take_digits(text: &str) -> (&str, &str) {
    take_while(text, |byte| byte.is_ascii_digit())
}

/// Whether `text` is one or more decimal digits.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a run of digits (or nothing) stands for zero.
pub(crate) fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|byte| byte == b'0')
}

/// The order of two runs of digits as numbers of any size; an empty run is zero.
pub(crate) fn compare_numbers(a: &str, b: &str) -> Ordering {
    // Numbers with leading zeros are rare, and are cut off byte by byte.
    let significant = |digits: &str| digits.bytes().take_while(|byte| *byte == b'0').count();
    let a = a.get(significant(a)..).unwrap_or_default();
    let b = b.get(significant(b)..).unwrap_or_default();
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// [`compare_padded`] of two texts with a dot between their numbers, without taking them apart: most versions are told
/// apart by their first bytes.
pub(crate) fn compare_dotted(mut a: &str, mut b: &str) -> Ordering {
    while !(a.is_empty() && b.is_empty()) {
        let (number_a, number_b);
        (number_a, a) = take_number(a);
        (number_b, b) = take_number(b);
        let found = compare_numbers(number_a, number_b);
        if found != Ordering::Equal {
            return found;
        }
    }
    Ordering::Equal
}

/// Up to the first dot, and what follows it.
fn take_number(text: &str) -> (&str, &str) {
    let (number, rest) = take_while(text, |byte| byte != b'.');
    (number, rest.get(1..).unwrap_or_default())
}

/// The order of two lists of numbers, missing ones being zero (`1.2` is `1.2.0`).
pub(crate) fn compare_padded<'a>(
    a: impl Iterator<Item = &'a str>,
    b: impl Iterator<Item = &'a str>,
) -> Ordering {
    compare_lists(a, b, |a, b| compare_numbers(a.unwrap_or("0"), b.unwrap_or("0")))
}

/// The order of two lists of numbers, where the longer one comes later if all before is equal (`1.2` before `1.2.0`).
pub(crate) fn compare_unpadded<'a>(
    a: impl Iterator<Item = &'a str>,
    b: impl Iterator<Item = &'a str>,
) -> Ordering {
    compare_lists(a, b, |a, b| match (a, b) {
        (Some(a), Some(b)) => compare_numbers(a, b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    })
}

/// Walks two lists together to the end of the longer one and returns the first difference.
pub(crate) fn compare_lists<T>(
    mut a: impl Iterator<Item = T>,
    mut b: impl Iterator<Item = T>,
    order: impl Fn(Option<T>, Option<T>) -> Ordering,
) -> Ordering {
    loop {
        let (next_a, next_b) = (a.next(), b.next());
        if next_a.is_none() && next_b.is_none() {
            return Ordering::Equal;
        }
        let found = order(next_a, next_b);
        if found != Ordering::Equal {
            return found;
        }
    }
}

/// Strips `prefix` without regard to ASCII case.
pub(crate) fn strip_word<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The order of two ASCII words without regard to case.
pub(crate) fn compare_folded(a: &str, b: &str) -> Ordering {
    a.bytes()
        .map(|byte| byte.to_ascii_lowercase())
        .cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// Splits off a leading `epoch:` of decimal digits; no epoch is the empty run, which is zero.
pub(crate) fn take_epoch(text: &str) -> Option<(&str, &str)> {
    match text.split_once(':') {
        Some((epoch, rest)) => is_number(epoch).then_some((epoch, rest)),
        None => Some(("", text)),
    }
}

/// Whether there is white space or a control character of ASCII.
pub(crate) fn has_gap(text: &str) -> bool {
    text.bytes().any(|byte| byte <= b' ' || byte == 0x7f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn dotted_numbers_compare_as_lists_do(a in "[0-9]{0,3}(\\.[0-9]{0,3}){0,3}", b in "[0-9]{0,3}(\\.[0-9]{0,3}){0,3}") {
            prop_assert_eq!(compare_dotted(&a, &b), compare_padded(a.split('.'), b.split('.')));
        }
    }
}
