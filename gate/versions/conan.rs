//! Conan versions: [Version ranges](https://docs.conan.io/2/tutorial/versioning/version_ranges.html) of the Conan
//! documentation: dotted fields of digits or letters, trailing zeros not counted, a pre-release after `-`, and build
//! metadata after `+`, which counts.
//!
//! Conan compares a field with letters (`1w`) with a number as text, which gives no consistent order (`2`, `10`, `1w`);
//! here such a field is its leading number and then its letters, as those who write them mean it: `1` < `1w` < `2`.

use std::cmp::Ordering;

use crate::scan::{compare_lists, compare_numbers, take_digits};

/// A Conan version taken apart.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    main: &'a str,
    pre: &'a str,
    build: &'a str,
}

/// Takes a version apart.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    let (rest, build) = text.split_once('+').unwrap_or((text, ""));
    let (main, pre) = rest.split_once('-').unwrap_or((rest, ""));
    let main = main
        .strip_prefix('v')
        .filter(|main| main.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or(main);
    if !main.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("expected a number first; a name such as `system` has no place in an order");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+_".contains(&byte)) {
        return Err("only letters, digits and . - + _ are allowed");
    }
    Ok(Parts { main, pre, build })
}

impl Parts<'_> {
    pub(crate) fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }
}

/// The order of two Conan versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_fields(a.main, b.main)
        .then_with(|| a.pre.is_empty().cmp(&b.pre.is_empty()))
        .then_with(|| compare_fields(a.pre, b.pre))
        .then_with(|| compare_fields(a.build, b.build))
}

fn compare_fields(a: &str, b: &str) -> Ordering {
    compare_lists(a.split(['.', '-']), b.split(['.', '-']), |a, b| {
        let (number_a, word_a) = take_digits(a.unwrap_or_default());
        let (number_b, word_b) = take_digits(b.unwrap_or_default());
        compare_numbers(number_a, number_b).then_with(|| word_a.cmp(word_b))
    })
}
