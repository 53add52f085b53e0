//! R versions: `package_version` in
//! [Writing R Extensions §1.1.1](https://cran.r-project.org/doc/manuals/r-release/R-exts.html#The-DESCRIPTION-file):
//! numbers separated by `.` or `-`, which mean the same, in lexicographic order: `1.0` comes before `1.0.0`. Also for
//! Bioconductor.

use std::cmp::Ordering;

use crate::scan::{compare_unpadded, is_number};

/// Checks a version.
pub(crate) fn split(text: &str) -> Result<&str, &'static str> {
    if text.split(['.', '-']).all(is_number) {
        Ok(text)
    } else {
        Err("expected numbers with dots or hyphens between them")
    }
}

/// The order of two R versions.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    compare_unpadded(a.split(['.', '-']), b.split(['.', '-']))
}
