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
            mine.epss = mine.epss.or(theirs.epss);
            mine.epss_percentile = mine.epss_percentile.or(theirs.epss_percentile);
            // Known to be exploited by either is known.
            mine.kev = match (mine.kev, theirs.kev) {
                (Some(a), Some(b)) => Some(a || b),
                (a, b) => a.or(b),
            };
            mine.fixed_here = mine.fixed_here.take().or(theirs.fixed_here);
            mine.published = match (mine.published, theirs.published) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            mine.scope = mine.scope.widest(theirs.scope);
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
