use std::collections::BTreeMap;

use secgate_model::{Finding, Fingerprint, Purl};

/// Sorts findings, and joins those of one identity into one that lists who saw it.
///
/// The worst severity, the highest confidence, and the first fingerprint's text win; identifiers, references and places
/// are united. One fingerprint on two versions of a package stays two findings: a baseline counts them.
pub fn merge_findings(findings: Vec<Finding>) -> Vec<Finding> {
    let mut by_identity: BTreeMap<(Fingerprint, Option<Purl>), Finding> = BTreeMap::new();
    for finding in findings {
        match by_identity.entry((finding.fingerprint.clone(), finding.locus.component.clone())) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(finding);
            }
            std::collections::btree_map::Entry::Occupied(mut slot) => join(slot.get_mut(), finding),
        }
    }
    let mut merged: Vec<_> = by_identity.into_values().collect();
    merged.sort_by(|a, b| {
        let key = |finding: &Finding| (std::cmp::Reverse(finding.severity), finding.kind);
        key(a)
            .cmp(&key(b))
            .then_with(|| a.locus.component.cmp(&b.locus.component))
            .then_with(|| a.rule.cmp(&b.rule))
            .then_with(|| a.fingerprint.cmp(&b.fingerprint))
    });
    merged
}

fn join(into: &mut Finding, other: Finding) {
    into.severity = into.severity.max(other.severity);
    into.confidence = into.confidence.max(other.confidence);
    into.seen_by.extend(other.seen_by);
    into.aliases
        .extend(other.aliases.into_iter().chain((other.rule != into.rule).then_some(other.rule)));
    into.cwe.extend(other.cwe);
    for reference in other.references {
        if !into.references.contains(&reference) {
            into.references.push(reference);
        }
    }
    for location in other.locus.locations {
        if !into.locus.locations.contains(&location) {
            into.locus.locations.push(location);
        }
    }
    into.description = into.description.take().or(other.description);
    into.evidence = into.evidence.take().or(other.evidence);
    into.remediation = into.remediation.take().or(other.remediation);
    match (&mut into.vulnerability, other.vulnerability) {
        (Some(mine), Some(theirs)) => {
            for cvss in theirs.cvss {
                if !mine.cvss.contains(&cvss) {
                    mine.cvss.push(cvss);
                }
            }
            for version in theirs.fixed_in {
                if !mine.fixed_in.contains(&version) {
                    mine.fixed_in.push(version);
                }
            }
            // Two tools have scores of two days: the higher one counts, as the worst severity does.
            let higher = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            };
            mine.epss = higher(mine.epss, theirs.epss);
            mine.epss_percentile = higher(mine.epss_percentile, theirs.epss_percentile);
            // Known to be exploited by either is known.
            mine.kev = match (mine.kev, theirs.kev) {
                (Some(a), Some(b)) => Some(a || b),
                (a, b) => a.or(b),
            };
            mine.status = mine.status.take().or(theirs.status);
            mine.fixed_here = mine.fixed_here.take().or(theirs.fixed_here);
            mine.published = match (mine.published, theirs.published) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            mine.scope = mine.scope.widest(theirs.scope);
            mine.direct = match (mine.direct, theirs.direct) {
                (Some(a), Some(b)) => Some(a || b),
                (a, b) => a.or(b),
            };
            if mine.path.is_empty() {
                mine.path = theirs.path;
            }
            for text in theirs.affects {
                if !mine.affects.contains(&text) {
                    mine.affects.push(text);
                }
            }
        }
        (mine @ None, Some(theirs)) => *mine = Some(theirs),
        (_, None) => {}
    }
    for list in [&mut into.seen_by, &mut into.aliases] {
        list.sort();
        list.dedup();
    }
    let rule = into.rule.clone();
    into.aliases.retain(|alias| *alias != rule);
    into.cwe.sort_unstable();
    into.cwe.dedup();
}

#[cfg(test)]
mod tests {
    use secgate_model::{Confidence, Cvss, Kind, Location, Locus, Severity, Vulnerability};

    use super::*;

    fn finding(
        scanner: &str,
        purl: &str,
        severity: Option<Severity>,
        about: Vulnerability,
    ) -> Finding {
        Finding {
            fingerprint: Fingerprint("sg1-0".to_owned()),
            weak_fingerprint: None,
            scanner: scanner.to_owned(),
            seen_by: vec![scanner.to_owned()],
            kind: Kind::Vulnerability,
            rule: format!("rule-of-{scanner}"),
            aliases: Vec::new(),
            cwe: Vec::new(),
            title: String::new(),
            description: None,
            severity,
            confidence: Confidence::Medium,
            locus: Locus {
                component: Some(purl.parse().unwrap()),
                locations: vec![Location::file(scanner)],
                ..Locus::default()
            },
            vulnerability: Some(about),
            evidence: None,
            remediation: None,
            references: Vec::new(),
        }
    }

    #[test]
    fn the_worse_of_two_words_counts() {
        let cvss = |score| Cvss { vector: String::new(), score: Some(score) };
        let mild = Vulnerability {
            epss: Some(0.1),
            epss_percentile: Some(0.9),
            kev: Some(false),
            direct: Some(false),
            cvss: vec![cvss(1.0)],
            ..Vulnerability::default()
        };
        let bad = Vulnerability {
            epss: Some(0.8),
            epss_percentile: Some(0.2),
            kev: Some(true),
            direct: Some(true),
            cvss: vec![cvss(9.0)],
            ..Vulnerability::default()
        };
        for (first, second) in [(&mild, &bad), (&bad, &mild)] {
            let merged = merge_findings(vec![
                finding("a", "pkg:npm/x@1", Some(Severity::Low), first.clone()),
                finding("b", "pkg:npm/x@1", Some(Severity::High), second.clone()),
                finding("c", "pkg:npm/x@1", None, Vulnerability::default()),
            ]);
            assert_eq!(merged.len(), 1);
            let about = merged[0].vulnerability.as_ref().unwrap();
            assert_eq!(merged[0].severity, Some(Severity::High));
            assert_eq!((about.epss, about.epss_percentile), (Some(0.8), Some(0.9)));
            assert_eq!((about.kev, about.direct, about.cvss.len()), (Some(true), Some(true), 2));
            assert_eq!(merged[0].seen_by, ["a", "b", "c"]);
            assert_eq!(merged[0].aliases, ["rule-of-b", "rule-of-c"]);
            assert_eq!(merged[0].locus.locations.len(), 3);
        }
    }

    #[test]
    fn two_versions_are_two_findings_and_nobody_said_comes_last() {
        let merged = merge_findings(vec![
            finding("a", "pkg:npm/x@1", None, Vulnerability::default()),
            finding("a", "pkg:npm/x@2", Some(Severity::Info), Vulnerability::default()),
        ]);
        let versions: Vec<_> = merged
            .iter()
            .map(|finding| finding.locus.component.as_ref().unwrap().version())
            .collect();
        assert_eq!(versions, [Some("2"), Some("1")]);
    }
}
