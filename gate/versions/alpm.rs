//! Arch Linux versions: [vercmp(8)](https://man.archlinux.org/man/vercmp.8): `[epoch:]version[-pkgrel]`, compared as RPM
//! did before it knew `~` and `^`, except that letters at the end come before the end: `1.0rc` before `1.0`.
//!
//! pacman ignores a `pkgrel` that only one side has; here the side without one comes first, so that the order is total.

use std::cmp::Ordering;

use crate::rpm::{self, Parts, compare_segment};
use crate::scan::compare_numbers;

/// Takes a version apart. Refused are separators at an end or side by side, with which pacman's comparison goes round in
/// circles (`1..a` < `1.` < `1.0` < `1..a`).
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    let parts = rpm::split(text)?;
    let is_clean = |part: &str| {
        part.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric())
            .all(|segment| !segment.is_empty() && segment.is_ascii())
    };
    if is_clean(parts.version) && parts.release.is_none_or(is_clean) {
        Ok(parts)
    } else {
        Err("expected letters and digits with single separators between them")
    }
}

/// The order of two Arch Linux versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_numbers(a.epoch, b.epoch).then_with(|| compare_text(a.version, b.version)).then_with(
        || match (a.release, b.release) {
            (Some(a), Some(b)) => compare_text(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        },
    )
}

fn compare_text(mut a: &str, mut b: &str) -> Ordering {
    // A separator before the end of one side only is not skipped: letters after it come after the end.
    while !a.is_empty() && !b.is_empty() {
        let segment_a = a.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let segment_b = b.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let (gap_a, gap_b) = (a.len() - segment_a.len(), b.len() - segment_b.len());
        (a, b) = (segment_a, segment_b);
        if a.is_empty() || b.is_empty() {
            break;
        }
        let gaps = gap_a.cmp(&gap_b);
        if gaps != Ordering::Equal {
            return gaps;
        }
        let (rest_a, rest_b, found) = compare_segment(a, b);
        if found != Ordering::Equal {
            return found;
        }
        (a, b) = (rest_a, rest_b);
    }
    let is_word = |text: &str| text.starts_with(|c: char| c.is_ascii_alphabetic());
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) if is_word(b) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, _) if is_word(a) => Ordering::Less,
        (false, _) => Ordering::Greater,
    }
}
