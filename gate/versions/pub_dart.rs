//! Dart versions: [Package versioning](https://dart.dev/tools/pub/versioning) and the documentation of the
//! `pub_semver` package: semantic versions in which build metadata counts: `1.2.3` comes before `1.2.3+1`.

use std::cmp::Ordering;

use crate::semver::{self, Parts};

/// Takes a version apart.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    semver::split(text)
}

/// The order of two Dart versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    semver::compare_with_build(a, b)
}
