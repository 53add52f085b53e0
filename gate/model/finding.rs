use std::{cmp::Ordering, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Kind, Location, Purl, Scope, Severity};

/// The identity of a finding: the same flaw has the same fingerprint tomorrow, on another branch and after its file
/// has been edited elsewhere. The text is `sg1-` and 32 hexadecimal digits; the number is the scheme's version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// How sure the scanner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Worth a look.
    Low,
    /// Probably.
    Medium,
    /// Proved, or as good as.
    High,
}

/// Something true about the target that a policy may object to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// A weaker identity without the path, to follow renames.
    pub weak_fingerprint: Option<Fingerprint>,
    /// The scanner that reported it first in the order of names.
    pub scanner: String,
    /// Every scanner or tool that saw it, sorted.
    pub seen_by: Vec<String>,
    /// What sort of finding it is.
    pub kind: Kind,
    /// The rule or the preferred id of the advisory's alias group.
    pub rule: String,
    /// Every other id of the group, sorted.
    pub aliases: Vec<String>,
    /// CWE numbers, sorted.
    pub cwe: Vec<u32>,
    /// One line.
    pub title: String,
    /// Why it matters, plain text.
    pub description: Option<String>,
    /// How bad; `None` when nobody said.
    pub severity: Option<Severity>,
    /// How sure.
    pub confidence: Confidence,
    /// Where.
    pub locus: Locus,
    /// What is only true of vulnerabilities.
    pub vulnerability: Option<Vulnerability>,
    /// What was seen, secrets redacted.
    pub evidence: Option<String>,
    /// What to do.
    pub remediation: Option<String>,
    /// Further reading, `https` addresses, in the source's order.
    pub references: Vec<String>,
}

/// Where a finding is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locus {
    /// The package it is about.
    pub component: Option<Purl>,
    /// Places in files, best first.
    pub locations: Vec<Location>,
    /// The address it was seen at, without credentials.
    pub url: Option<String>,
    /// HTTP method, upper case.
    pub method: Option<String>,
    /// The parameter that carries it.
    pub parameter: Option<String>,
}

/// A score by a CVSS vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cvss {
    /// The vector as published.
    pub vector: String,
    /// The base score computed from the vector, 0.0 to 10.0; `None` when the vector cannot be scored.
    pub score: Option<f64>,
}

/// What advisories say about an affected package.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Vulnerability {
    /// CVSS vectors of every advisory of the group, highest version of CVSS first.
    pub cvss: Vec<Cvss>,
    /// EPSS probability of exploitation within 30 days, 0 to 1.
    pub epss: Option<f64>,
    /// EPSS percentile, 0 to 1: another figure than the probability.
    pub epss_percentile: Option<f64>,
    /// Whether CISA's catalogue of known exploited vulnerabilities lists it; `None` without a catalogue.
    pub kev: Option<bool>,
    /// Every version that fixes it, in the ecosystem's order, lowest first.
    pub fixed_in: Vec<String>,
    /// The lowest of them that is above the installed version.
    pub fixed_here: Option<String>,
    /// When the earliest advisory of the group was published.
    pub published: Option<Timestamp>,
    /// The class of advisories that are not vulnerabilities: RustSec's `unmaintained`, `unsound`, `notice`; `bugfix` and
    /// `enhancement` of distributions.
    pub informational: Option<String>,
    /// What becomes of it in a distribution's release, in the distribution's words (`no-dsa`, `postponed`, `ignored`,
    /// `end-of-life`, `unimportant`, `needs Ubuntu Pro`). It never means that the package is not affected.
    pub status: Option<String>,
    /// The package's scope.
    pub scope: Scope,
    /// Whether the project itself names the package.
    pub direct: Option<bool>,
    /// The chain of purls from a direct dependency to the package, where known.
    pub path: Vec<String>,
    /// Functions, symbols or platforms that the advisory limits itself to; facts for the reader, no filter.
    pub affects: Vec<String>,
}

/// The order in which the ids of one alias group are preferred: CVE, then GHSA, then every other by text.
pub fn preferred_id_order(a: &str, b: &str) -> Ordering {
    let class = |id: &str| {
        if id.starts_with("CVE-") {
            0
        } else if id.starts_with("GHSA-") {
            1
        } else {
            2
        }
    };
    class(a).cmp(&class(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cve_names_the_group() {
        let mut ids = ["PYSEC-2023-62", "GHSA-m2qf-hxjv-5gpq", "CVE-2023-30861", "CVE-2022-1"];
        ids.sort_by(|a, b| preferred_id_order(a, b));
        assert_eq!(ids, ["CVE-2022-1", "CVE-2023-30861", "GHSA-m2qf-hxjv-5gpq", "PYSEC-2023-62"]);
    }
}
