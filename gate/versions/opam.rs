//! opam versions: [Version ordering](https://opam.ocaml.org/doc/Manual.html#Version-ordering) of the opam manual:
//! Debian's order without an epoch; any text is a version.

use std::cmp::Ordering;

use crate::dpkg::compare_text;

/// An opam version taken apart.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    upstream: &'a str,
    revision: &'a str,
}

/// Takes a version apart.
pub(crate) fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+.~".contains(&byte)) {
        return Err("only letters, digits and - _ + . ~ are allowed");
    }
    let (upstream, revision) = text.rsplit_once('-').unwrap_or((text, ""));
    Ok(Parts { upstream, revision })
}

/// The order of two opam versions.
pub(crate) fn compare(a: &Parts<'_>, b: &Parts<'_>) -> Ordering {
    compare_text(a.upstream, b.upstream).then_with(|| compare_text(a.revision, b.revision))
}
