use crate::{
    Database, DatabaseError, Status,
    compile::{Seen, compile},
    feed::{Feed, Tables},
};

/// OSV records written for secgate: ids, ranges, vectors and dates of what the reference application's world holds, one
/// a line, with titles of our own.
const RECORDS: &str = include_str!("starter.jsonl");

/// The embedded starter database: enough for the first run without a network, never enough to call a project clean.
///
/// # Errors
/// None in practice: the records are part of the program and a test reads them.
pub fn starter() -> Result<Database, DatabaseError> {
    let mut feeds: std::collections::BTreeMap<String, Feed> = std::collections::BTreeMap::new();
    for line in RECORDS.lines().filter(|line| !line.trim().is_empty()) {
        let mut feed = Feed::named("starter");
        feed.take("starter", line.as_bytes());
        let ecosystem = feed.records.first().and_then(|record| record.affected.first());
        let ecosystem = ecosystem.map_or("", |affected| affected.ecosystem.as_str()).to_owned();
        let held = feeds.entry(ecosystem.clone()).or_insert_with(|| Feed::named(&ecosystem));
        held.source.rejected.append(&mut feed.source.rejected);
        held.source.records += feed.records.len() as u64;
        held.source.newest = held.source.newest.max(feed.source.newest);
        held.records.append(&mut feed.records);
    }
    let status = Status {
        published: feeds.values().filter_map(|feed| feed.source.newest).max(),
        starter: true,
        origin: "starter data that secgate brings along".to_owned(),
        sources: feeds.values().map(|feed| feed.source.clone()).collect(),
        ..Status::default()
    };
    let records = feeds.into_values().flat_map(|feed| feed.records).collect();
    Database::from_vec(compile(records, status, &Seen::new(), &Tables::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_starter_record_counts() {
        let database = starter().unwrap();
        assert!(database.status().starter);
        assert_eq!(database.status().rejected(), 0, "{:?}", database.status());
        assert_eq!(
            usize::try_from(database.status().records).unwrap(),
            RECORDS.lines().filter(|line| !line.trim().is_empty()).count()
        );
        assert!(database.package("PyPI", "Flask").unwrap().is_some());
    }
}
