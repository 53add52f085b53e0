//! What other sources say about how bad a distribution's flaws are: most distributions publish no scores of their own.

use std::collections::{BTreeMap, BTreeSet};

use crate::Record;

/// Vectors of a CVE that are kept; publishers seldom give more than three.
const MAX_VECTORS: usize = 8;

/// For each record the vectors that other records give its flaws: empty for all that are no distribution's.
pub(crate) fn scores(records: &[Record]) -> Vec<Vec<(String, Vec<String>)>> {
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for record in records.iter().filter(|record| !record.vectors.is_empty()) {
        let ids: Vec<&str> = match record.flaws.as_slice() {
            // A record that is no distribution's is about its own id and its aliases.
            [] => std::iter::once(&record.id).chain(&record.aliases).map(String::as_str).collect(),
            [one] => vec![one],
            // A bulletin's vectors are of the worst of its flaws.
            _ => continue,
        };
        for id in ids.into_iter().filter(|id| id.starts_with("CVE-")) {
            known.entry(id).or_default().extend(record.vectors.iter().map(String::as_str));
        }
    }
    let of = |record: &Record| {
        let flaws = record.flaws.iter();
        flaws
            .filter_map(|flaw| {
                let vectors = known.get(flaw.as_str())?;
                let vectors = vectors.iter().take(MAX_VECTORS).map(|text| (*text).to_owned());
                Some((flaw.clone(), vectors.collect()))
            })
            .collect()
    };
    records.iter().map(of).collect()
}
