//! As much of Go's versions as reading its files needs ("Versions" in the Go Modules Reference, "Go toolchains").

use std::cmp::Ordering;

/// Whether a text is a semantic version with a leading `v`: what the go command writes once a query is resolved.
pub(crate) fn is_semantic(text: &str) -> bool {
    text.strip_prefix('v').is_some_and(|rest| {
        let core = rest.split(['-', '+']).next().unwrap_or_default();
        core.split('.').count() == 3
            && core
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// The order of two semantic versions (semver 2.0.0, clause 11); build metadata does not count.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    fn split(text: &str) -> (&str, Option<&str>) {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split('+').next().unwrap_or_default();
        text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)))
    }
    let ((core_a, pre_a), (core_b, pre_b)) = (split(a), split(b));
    let by_core = core_a
        .split('.')
        .map(plain)
        .map(|part| (part.len(), part))
        .cmp(core_b.split('.').map(plain).map(|part| (part.len(), part)));
    by_core.then_with(|| match (pre_a, pre_b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => a.split('.').map(identifier).cmp(b.split('.').map(identifier)),
    })
}

fn plain(number: &str) -> &str {
    number.trim_start_matches('0')
}

/// Numbers come before words and are compared by value.
fn identifier(text: &str) -> (bool, usize, &str) {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = plain(text);
        (false, text.len(), text)
    } else {
        (true, 0, text)
    }
}

/// The release in a toolchain's name without its `go`: `1.21.3` of `1.21.3-corp` or `1.21.3 X:boringcrypto`. `None` for
/// a language version (`1.21`) and for development builds.
pub(crate) fn release(text: &str) -> Option<&str> {
    let text = text.split([' ', '-', '+']).next().unwrap_or_default();
    let known = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        && text.starts_with(|c: char| c.is_ascii_digit());
    let complete = text.split('.').count() >= 3 || text.contains("rc") || text.contains("beta");
    (known && complete).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_semantic_versions() {
        let sorted = [
            "v0.0.0-20190101000000-aaaaaaaaaaaa",
            "v0.0.0-20220722155237-a158d28d115b",
            "v1.0.0-alpha",
            "v1.0.0-alpha.1",
            "v1.0.0-alpha.beta",
            "v1.0.0-rc.2",
            "v1.0.0-rc.11",
            "v1.0.0",
            "v1.9.0",
            "v1.10.0+incompatible",
            "v99999999999999999999.0.0",
        ];
        for (at, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), at.cmp(&other), "{a} {b}");
            }
        }
        assert_eq!(compare("v1.0.0+a", "v1.0.0"), Ordering::Equal);
        assert!(is_semantic("v1.2.3-rc.1+x") && !is_semantic("v1.2") && !is_semantic("master"));
        assert!(!is_semantic("1.2.3") && !is_semantic("v1..3"));
    }

    #[test]
    fn releases() {
        assert_eq!(release("1.21.3 X:boringcrypto"), Some("1.21.3"));
        assert_eq!(release("1.22rc1"), Some("1.22rc1"));
        assert_eq!(release("1.21"), None);
        assert_eq!(release("devel"), None);
    }
}
