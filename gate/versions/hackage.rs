//! Haskell versions: the [Package Versioning Policy](https://pvp.haskell.org/): dotted numbers in lexicographic order,
//! so that `1.0` comes before `1.0.0`. Version tags (`1.0-alpha`), long deprecated, have no order and are refused.

use std::cmp::Ordering;

use crate::scan::{compare_unpadded, is_number};

/// Checks a version.
pub(crate) fn split(text: &str) -> Result<&str, &'static str> {
    if text.split('.').all(is_number) {
        Ok(text)
    } else {
        Err("expected numbers with dots between them")
    }
}

/// The order of two Haskell versions.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    compare_unpadded(a.split('.'), b.split('.'))
}
