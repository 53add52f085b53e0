//! Julia versions: [`VersionNumber`](https://docs.julialang.org/en/v1/manual/strings/#man-version-number-literals) of
//! the Julia manual: semantic versions in which the build number counts, as the binary packages rely on: `1.2.3+0` comes
//! before `1.2.3+1`.

use std::cmp::Ordering;

use crate::semver::{self, Parts};

/// Takes a version apart.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    semver::split(text)
}

/// The order of two Julia versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    semver::compare_with_build(a, b)
}
