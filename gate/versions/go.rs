//! Go versions: [Versions](https://go.dev/ref/mod#versions) of the module reference (semantic versions with a `v`,
//! pseudo-versions, `+incompatible`, which does not count), and the names of Go releases from
//! [Go toolchains](https://go.dev/doc/toolchain#version) (`go1.21.3`, `1.21rc2`), which are placed among the semantic
//! versions that the Go vulnerability database uses for the standard library: `1.21rc2` is `1.21.0-rc.2`.
//!
//! From Go 1.21 on, `go1.21` is the language version and comes before `go1.21rc1`; before that it is the release
//! `1.20.0`. A plain `1.21` without the word `go` is a shortened `1.21.0`. `(devel)` and `devel go1.23-…` are builds
//! without a version.

use std::cmp::Ordering;

use crate::scan::{compare_numbers, is_number, take_while};
use crate::semver::{self, Parts};

/// Takes a version apart.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    if let Some(release) = text.strip_prefix("go")
        && release.starts_with(|c: char| c.is_ascii_digit())
    {
        // What follows names a vendor or an experiment: `go1.21.3-corp`, `go1.22.1 X:boringcrypto`.
        let release = release.split([' ', '-', '+']).next().unwrap_or(release);
        return split_release(release, true)
            .ok_or("expected a Go release such as go1.21.3 or go1.21rc2");
    }
    if text.starts_with('(') || text.starts_with("devel") {
        return Err("a development build has no version");
    }
    match split_release(text, false) {
        Some(parts) => Ok(parts),
        None => semver::split(text),
    }
}

/// The order of two Go versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    semver::compare(a, b)
}

/// Reads `1.21`, `1.21.3` or `1.21rc2`; without the word `go` in front only the form with letters is a release's name.
fn split_release(text: &str, named: bool) -> Option<Parts<'_>> {
    let (numbers, pre) = take_while(text, |byte| byte.is_ascii_digit() || byte == b'.');
    if !numbers.split('.').all(is_number) {
        return None;
    }
    if pre.is_empty() && named {
        let mut fields = numbers.split('.');
        let minor = fields.nth(1).unwrap_or_default();
        let is_language = fields.next().is_none() && compare_numbers(minor, "21") != Ordering::Less;
        let pre = if is_language { "0" } else { "" };
        return Some(Parts { numbers, pre, pre_tail: "", build: "" });
    }
    let number = ["alpha", "beta", "rc"].iter().find_map(|kind| pre.strip_prefix(kind))?;
    if !is_number(number) {
        return None;
    }
    let kind = pre.strip_suffix(number)?;
    Some(Parts { numbers, pre: kind, pre_tail: number, build: "" })
}
