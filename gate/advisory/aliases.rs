use std::collections::HashMap;

use secgate_model::preferred_id_order;

use crate::Record;

/// More ids than any one flaw has; the largest group seen has some 30.
const MAX_GROUP: usize = 500;

/// For each record, every id of its alias group in the preferred order, its own included.
///
/// Two records belong to one group when a chain of `aliases` joins them, through ids that have no record of their own
/// too (a CVE that both a PYSEC and a GHSA record name). `related` and `upstream` are other flaws and join nothing. A group
/// of an absurd size is a fault of the data: its records then stand for themselves, each with its own aliases.
pub(crate) fn alias_groups(records: &[Record]) -> Vec<Vec<String>> {
    let mut number: HashMap<&str, usize> = HashMap::new();
    let mut names: Vec<&str> = Vec::new();
    let mut parent: Vec<usize> = Vec::new();
    for record in records {
        let mut first = None;
        for id in std::iter::once(&record.id).chain(&record.aliases) {
            let at = *number.entry(id).or_insert_with(|| {
                names.push(id);
                parent.push(parent.len());
                parent.len() - 1
            });
            match first {
                None => first = Some(at),
                Some(first) => join(&mut parent, first, at),
            }
        }
    }
    let mut members: HashMap<usize, Vec<&str>> = HashMap::new();
    for (at, name) in names.iter().enumerate() {
        members.entry(root(&mut parent, at)).or_default().push(name);
    }
    for ids in members.values_mut() {
        ids.sort_by(|a, b| preferred_id_order(a, b));
    }
    records
        .iter()
        .map(|record| {
            let root = number.get(record.id.as_str()).map(|at| root(&mut parent, *at));
            let ids = root.and_then(|root| members.get(&root)).filter(|ids| ids.len() <= MAX_GROUP);
            if let Some(ids) = ids {
                return ids.iter().map(|id| (*id).to_owned()).collect();
            }
            let mut own: Vec<String> =
                std::iter::once(&record.id).chain(&record.aliases).cloned().collect();
            own.sort_by(|a, b| preferred_id_order(a, b));
            own.dedup();
            own
        })
        .collect()
}

fn root(parent: &mut [usize], mut at: usize) -> usize {
    loop {
        let Some(up) = parent.get(at).copied().filter(|up| *up != at) else { return at };
        // Halving the path keeps later look-ups short.
        let further = parent.get(up).copied().unwrap_or(up);
        if let Some(slot) = parent.get_mut(at) {
            *slot = further;
        }
        at = further;
    }
}

fn join(parent: &mut [usize], a: usize, b: usize) {
    let (a, b) = (root(parent, a), root(parent, b));
    if let Some(slot) = parent.get_mut(a.max(b)) {
        *slot = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, aliases: &[&str]) -> Record {
        Record {
            id: id.to_owned(),
            modified: 0,
            published: None,
            flaws: Vec::new(),
            aliases: aliases.iter().map(|id| (*id).to_owned()).collect(),
            title: String::new(),
            details: String::new(),
            vectors: Vec::new(),
            rating: None,
            cwe: Vec::new(),
            references: Vec::new(),
            affected: Vec::new(),
        }
    }

    #[test]
    fn chains_join_through_ids_without_a_record() {
        let records = [
            record("PYSEC-1", &["CVE-1"]),
            record("GHSA-1", &["CVE-1"]),
            record("GO-1", &["GHSA-1"]),
            record("OTHER-1", &[]),
        ];
        let groups = alias_groups(&records);
        assert_eq!(groups[0], ["CVE-1", "GHSA-1", "GO-1", "PYSEC-1"]);
        assert_eq!(groups[0], groups[1]);
        assert_eq!(groups[0], groups[2]);
        assert_eq!(groups[3], ["OTHER-1"]);
    }

    #[test]
    fn an_absurd_group_falls_apart() {
        let records: Vec<Record> =
            (0..=MAX_GROUP).map(|at| record(&format!("X-{at}"), &["CVE-1"])).collect();
        let groups = alias_groups(&records);
        assert_eq!(groups[7], ["CVE-1", "X-7"]);
        assert_eq!(alias_groups(&records[..10])[7].len(), 11);
    }
}
