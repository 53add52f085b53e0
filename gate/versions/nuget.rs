//! NuGet versions: [Package versioning](https://learn.microsoft.com/nuget/concepts/package-versioning) of the NuGet
//! documentation: semantic versions with a fourth number, leading zeros without meaning, missing numbers zero, and
//! pre-release labels that are compared without regard to case. Build metadata does not count.

use std::cmp::Ordering;

use crate::semver::{self, Parts};

/// Takes a version apart.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    semver::split(text)
}

/// The order of two NuGet versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    semver::compare_ignoring_case(a, b)
}
