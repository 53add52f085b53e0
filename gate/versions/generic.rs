//! Versions of ecosystems that publish no rule: GitHub Actions, Kubernetes components and others whose names of releases
//! look like semantic versions.
//!
//! Only dotted numbers with an optional `v` and an optional semantic pre-release are ordered. A reference with fewer
//! numbers than the other, equal as far as it goes, is **not** ordered against it: no rule says that `v4` is `v4.0.0`,
//! and for an action it is a tag that moves with `v4.x`. Branches, commits and words are not versions.

use std::cmp::Ordering;

use crate::scan::compare_unpadded;
use crate::semver::{self, Parts};

/// Takes a version apart.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    if !bare.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("no published rule orders it; expected numbers with dots between them");
    }
    // Forty hexadecimal digits are a commit, whatever their first digit.
    if bare.len() == 40 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("a commit is not a version");
    }
    let parts = semver::split(bare)?;
    let follows = bare.get(parts.numbers.len()..).unwrap_or_default();
    if follows.is_empty() || follows.starts_with(['-', '+']) {
        Ok(parts)
    } else {
        Err("no published rule orders letters that follow a number")
    }
}

/// Whether one is the other shortened, so that nothing orders them.
pub(crate) fn is_shortened(a: &Parts<'_>, b: &Parts<'_>) -> bool {
    let (short, long) = if a.numbers.len() <= b.numbers.len() { (a, b) } else { (b, a) };
    let mut fields = long.numbers.split('.');
    let is_beginning = short.numbers.split('.').all(|field| fields.next() == Some(field));
    is_beginning && fields.next().is_some()
}

/// An order that is total; see [`is_shortened`] for where it means nothing.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    semver::compare(a, b).then_with(|| compare_unpadded(a.numbers.split('.'), b.numbers.split('.')))
}
