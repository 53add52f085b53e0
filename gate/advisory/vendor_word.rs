//! What a distribution's record says beyond ids and ranges: which flaws it is about, how bad the vendor calls them, what
//! became of them in this release, and for which stream of a module they count.

use secgate_formats::osv;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A distribution's word about one of its packages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorWord {
    /// How urgent: `unimportant`, `low`, `medium`, `high`, `not yet assigned`; lower case.
    pub urgency: Option<String>,
    /// What becomes of it: `no-dsa`, `postponed`, `ignored`, `end-of-life`, `needs Ubuntu Pro`; never a reason to call
    /// the package clean.
    pub status: Option<String>,
    /// The module streams that the record is about, as `name:stream`.
    pub streams: Vec<String>,
    /// The architectures whose packages the entry is about; empty for all.
    pub architectures: Vec<String>,
}

/// Words that say what becomes of a flaw, where a vendor writes them as urgency.
const STATUSES: [&str; 10] = [
    "no-dsa",
    "nodsa",
    "postponed",
    "ignored",
    "end-of-life",
    "undetermined",
    "deferred",
    "needed",
    "pending",
    "won't fix",
];

impl VendorWord {
    /// Reads the fields of a record's `affected` entry; `None` where they say nothing.
    pub(crate) fn read(
        ecosystem: Option<&Value>,
        database: Option<&Value>,
        streams: &[String],
    ) -> Option<Self> {
        let word = |keys: &[&str]| {
            [ecosystem, database]
                .into_iter()
                .flatten()
                .flat_map(|value| keys.iter().filter_map(|key| value.get(*key)?.as_str()))
                .map(|text| text.trim().to_ascii_lowercase())
                .find(|text| !text.is_empty() && text.len() <= 80)
        };
        let mut urgency = word(&["urgency", "severity"]);
        let mut status = word(&["status", "nodsa", "state", "resolution", "debian_status"])
            .filter(|text| !matches!(text.as_str(), "open" | "resolved" | "affected" | "fixed"));
        if status.is_none() && urgency.as_deref().is_some_and(|text| STATUSES.contains(&text)) {
            status = urgency.take();
        }
        if status.is_none()
            && word(&["availability"]).is_some_and(|text| text.contains("ubuntu pro"))
        {
            status = Some(PRO.to_owned());
        }
        let word = Self { urgency, status, streams: streams.to_vec(), architectures: Vec::new() };
        (word != Self::default()).then_some(word)
    }
}

/// The status of a flaw whose fix only subscribers get.
pub(crate) const PRO: &str = "needs Ubuntu Pro";

/// The ecosystems of distributions (OSV schema, "Defined ecosystems"), without suffix.
const DISTRIBUTIONS: [&str; 26] = [
    "AlmaLinux",
    "Alpaquita",
    "Alpine",
    "Amazon Linux",
    "Arch Linux",
    "Azure Linux",
    "BellSoft Hardened Containers",
    "CentOS",
    "Chainguard",
    "CleanStart",
    "Debian",
    "Docker Hardened Images",
    "Echo",
    "Fedora",
    "Mageia",
    "MinimOS",
    "openEuler",
    "openSUSE",
    "Oracle Linux",
    "Photon OS",
    "Red Hat",
    "Rocky Linux",
    "Root",
    "SUSE",
    "Ubuntu",
    "Wolfi",
];

/// Whether an ecosystem, with or without suffix, is a distribution's.
pub(crate) fn is_distribution(ecosystem: &str) -> bool {
    let base = ecosystem.split(':').next().unwrap_or_default();
    DISTRIBUTIONS.contains(&base)
}

/// More flaws than any one advisory names; kernel updates have some 2,000.
const MAX_FLAWS: usize = 10_000;

/// What a distribution's record is about, sorted.
///
/// A record that is made for one CVE (`DEBIAN-CVE-2024-1`) is about that one. Others name theirs in `upstream`, older
/// ones in `aliases`, and where there is neither, in `related` (AlmaLinux). Chainguard's records are about one flaw each
/// and name it by CVE and by GHSA id.
pub(crate) fn flaws(osv: &osv::Advisory) -> Vec<String> {
    if let Some(at) = osv.id.find("-CVE-") {
        return osv
            .id
            .get(at + 1..)
            .filter(|cve| is_cve(cve))
            .map(str::to_owned)
            .into_iter()
            .collect();
    }
    if is_cve(&osv.id) {
        return vec![osv.id.clone()];
    }
    let pick = |lists: &[&Vec<String>], wanted: fn(&str) -> bool| {
        let mut ids: Vec<String> = lists
            .iter()
            .flat_map(|list| list.iter())
            .filter(|id| wanted(id))
            .take(MAX_FLAWS)
            .cloned()
            .collect();
        ids.sort();
        ids.dedup();
        ids
    };
    let mut cves = pick(&[&osv.upstream, &osv.aliases], is_cve);
    if cves.is_empty() {
        cves = pick(&[&osv.related], is_cve);
    }
    if osv.id.starts_with("CGA-") && cves.len() <= 1 {
        cves.extend(pick(&[&osv.upstream, &osv.aliases, &osv.related], |id| {
            id.len() <= 40 && id.starts_with("GHSA-") && id.bytes().all(|b| b.is_ascii_graphic())
        }));
    }
    cves
}

fn is_cve(id: &str) -> bool {
    crate::feed::cve_key(id).is_some()
}

/// The class of an advisory that is no vulnerability to its publisher: updates that only mend or add something.
pub(crate) fn no_vulnerability(id: &str) -> Option<&'static str> {
    let kind = id.split(['-', ':']).next().unwrap_or_default();
    match kind {
        "ALBA" | "RHBA" | "RLBA" | "ELBA" => Some("bugfix"),
        "ALEA" | "RHEA" | "RLEA" | "ELEA" => Some("enhancement"),
        "SUSE" if id.starts_with("SUSE-RU") || id.starts_with("SUSE-OU") => Some("bugfix"),
        "SUSE" if id.starts_with("SUSE-FU") => Some("enhancement"),
        _ => None,
    }
}

/// The vendor's rating: a severity of its own type (`Ubuntu`), or the word with which Red Hat and its clones begin an
/// advisory's summary (`Important: openssl security update`).
pub(crate) fn rating_of(summary: &str, severity: &[osv::Severity]) -> Option<String> {
    let own = severity.iter().filter(|severity| !severity.kind.starts_with("CVSS"));
    own.map(|severity| severity.score.as_str())
        .chain(summary.split_once(": ").map(|(word, _)| word))
        .find_map(rating)
}

/// A vendor's word for how bad something is, in ours.
pub(crate) fn rating(word: &str) -> Option<String> {
    let word = match word.trim().to_ascii_lowercase().as_str() {
        "critical" => "critical",
        "important" | "high" => "high",
        "moderate" | "medium" => "medium",
        "low" | "negligible" | "unimportant" => "low",
        _ => return None,
    };
    Some(word.to_owned())
}

/// The streams that a summary names: `Important: nodejs:12 security update`, `virt:rhel and virt-devel:rhel bug fix`.
pub(crate) fn streams(summary: &str) -> Vec<String> {
    let is_stream = |word: &&str| {
        word.split_once(':').is_some_and(|(name, stream)| {
            let plain = |text: &str| {
                !text.is_empty()
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b))
            };
            plain(name) && plain(stream) && name.starts_with(|c: char| c.is_ascii_lowercase())
        })
    };
    let words = summary.split([' ', ',', '(', ')', '[', ']']).filter(is_stream).take(8);
    words.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_flaws(text: &str, expected: &[&str]) {
        let osv: osv::Advisory =
            serde_json::from_str(&text.replace('}', r#","modified":"2024-01-01T00:00:00Z"}"#))
                .unwrap();
        assert_eq!(flaws(&osv), expected, "{text}");
    }

    #[test]
    fn each_kind_of_record_names_its_flaws_in_its_own_way() {
        check_flaws(r#"{"id":"DEBIAN-CVE-2024-1","upstream":["CVE-2024-1"]}"#, &["CVE-2024-1"]);
        check_flaws(r#"{"id":"ALPINE-CVE-2024-1","related":["CVE-2024-2"]}"#, &["CVE-2024-1"]);
        check_flaws(
            r#"{"id":"DSA-1-1","upstream":["DEBIAN-CVE-2024-2","CVE-2024-2","CVE-2024-1"]}"#,
            &["CVE-2024-1", "CVE-2024-2"],
        );
        check_flaws(r#"{"id":"ALSA-2024:1","related":["CVE-2024-1","RHSA-1"]}"#, &["CVE-2024-1"]);
        check_flaws(
            r#"{"id":"USN-1-1","upstream":["CVE-2024-1"],"related":["CVE-2024-9"]}"#,
            &["CVE-2024-1"],
        );
        check_flaws(
            r#"{"id":"CGA-1","upstream":["CVE-2024-1"],"related":["CVE-2024-1","GHSA-a"]}"#,
            &["CVE-2024-1", "GHSA-a"],
        );
        check_flaws(r#"{"id":"DSA-2-1","related":["DSA-1-1"]}"#, &[]);
    }

    #[test]
    fn words_about_a_package() {
        let read = |ecosystem: &str, database: &str| {
            VendorWord::read(
                serde_json::from_str(ecosystem).ok().as_ref(),
                serde_json::from_str(database).ok().as_ref(),
                &[],
            )
        };
        let word = read(r#"{"urgency":"unimportant"}"#, "").unwrap();
        assert_eq!((word.urgency.as_deref(), word.status), (Some("unimportant"), None));
        let word = read(r#"{"urgency":"end-of-life"}"#, "").unwrap();
        assert_eq!((word.urgency, word.status.as_deref()), (None, Some("end-of-life")));
        assert_eq!(read("", r#"{"status":"no-dsa"}"#).unwrap().status.as_deref(), Some("no-dsa"));
        let pro = r#"{"availability":"Available with Ubuntu Pro: https://ubuntu.com/pro"}"#;
        assert_eq!(read(pro, "").unwrap().status.as_deref(), Some(PRO));
        assert_eq!(read(r#"{"repo":"main"}"#, r#"{"status":"open"}"#), None);
    }

    #[test]
    fn ratings_and_streams_of_a_summary() {
        let rated = |text| rating_of(text, &[]);
        assert_eq!(rated("Important: nodejs:12 security update").as_deref(), Some("high"));
        assert_eq!(rated("openssl - security update"), None);
        assert_eq!(streams("Moderate: nodejs:12 security update"), ["nodejs:12"]);
        assert_eq!(
            streams("virt:rhel and virt-devel:rhel bug fix"),
            ["virt:rhel", "virt-devel:rhel"]
        );
        assert!(streams("Important: kernel security update").is_empty());
        assert_eq!(no_vulnerability("ALBA-2019:0973"), Some("bugfix"));
        assert_eq!(no_vulnerability("ALSA-2019:0973"), None);
    }
}
