//! What must hold of every database.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::{
    Database, DatabaseError, Matches, Record, Status,
    compile::{Seen, compile},
    feed::{Feed, Tables, cve_key},
    layout::PREAMBLE,
    match_package,
    tables::{affected, osv, records},
};

fn small() -> (Vec<Record>, Status, Seen, Tables) {
    let texts = [
        osv("CVE-2024-1", "", &affected("npm", "a", "introduced 0, fixed 1.0.0", &["3.0.0"])),
        osv(
            "GHSA-1",
            r#","aliases":["CVE-2024-1"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]"#,
            &[
                affected("npm", "b", "introduced 0", &[]),
                affected("PyPI", "B", "introduced 1.0, last_affected 2.0", &[]),
                affected("npm", "a", "introduced 2.0.0", &[]),
                affected("PyPI", "b", "introduced 5.0", &[]),
            ]
            .join(","),
        ),
        osv(
            "GO-1",
            r#","database_specific":{"cwe_ids":["CWE-79"]}"#,
            &affected("Go", "Github.com/X/y", "introduced 0", &[]),
        ),
        osv("NONE-1", "", ""),
    ];
    let tables = Tables {
        epss: vec![
            (cve_key("CVE-2024-1").unwrap(), 0.25, 0.5),
            (cve_key("CVE-2024-2").unwrap(), 0.5, 0.75),
        ],
        kev: vec![cve_key("CVE-2024-1").unwrap()],
    };
    let seen = Seen::from([("npm".to_owned(), vec![("GHSA-1".to_owned(), 7)])]);
    (records(&texts), Status { origin: "here".into(), ..Status::default() }, seen, tables)
}

#[test]
fn what_goes_in_comes_out_and_makes_the_same_bytes_again() {
    let (records, status, seen, tables) = small();
    let bytes = compile(records.clone(), status.clone(), &seen, &tables);
    assert_eq!(compile(records.clone(), status.clone(), &seen, &tables), bytes);
    let reversed = records.iter().rev().cloned().collect();
    assert_eq!(compile(reversed, status.clone(), &seen, &tables), bytes);
    let database = Database::from_vec(bytes.clone()).unwrap();
    database.verify().unwrap();
    let (unpacked, held, same) = database.unpack().unwrap();
    assert_eq!((&held, &same), (&seen, &tables));
    assert_eq!(compile(unpacked, status, &held, &same), bytes);
    let entry = database.package("PyPI", "B").unwrap().unwrap();
    assert_eq!(entry.mentions.len(), 2);
    assert_eq!(entry.groups[entry.mentions[0].group as usize], ["CVE-2024-1", "GHSA-1"]);
    assert!(database.text(entry.mentions[0].record).unwrap().record.affected.is_empty());
    assert_eq!(
        database.epss("CVE-2024-2").unwrap(),
        Some(crate::Epss { probability: 0.5, percentile: 0.75 })
    );
    assert_eq!(database.epss("CVE-2024-3").unwrap(), None);
    assert!(database.kev("CVE-2024-1").unwrap() && !database.kev("CVE-2024-2").unwrap());
    assert!(database.package("npm", "c").unwrap().is_none());
    assert!(database.text(u32::MAX).is_err());
}

#[test]
fn the_starter_set_survives_the_round_trip() {
    let starter = crate::starter().unwrap();
    let (records, seen, tables) = starter.unpack().unwrap();
    assert_eq!(compile(records, starter.status().clone(), &seen, &tables), starter.file());
}

/// Everything that a scan would ask.
fn answers(database: &Database) -> Result<Vec<String>, DatabaseError> {
    let mut found = Vec::new();
    for (ecosystem, name) in
        [("npm", "a"), ("npm", "b"), ("PyPI", "b"), ("Go", "github.com/x/y"), ("npm", "none")]
    {
        found.push(format!("{:?}", match_package(database, ecosystem, name, "3.0.0")?));
    }
    for cve in ["CVE-2024-1", "CVE-2024-2", "CVE-2024-9"] {
        found.push(format!("{:?} {}", database.epss(cve)?, database.kev(cve)?));
    }
    found.push(format!("{:?}", database.status()));
    Ok(found)
}

#[test]
fn no_damaged_byte_changes_an_answer() {
    let (records, status, seen, tables) = small();
    let good = compile(records, status, &seen, &tables);
    let expected = answers(&Database::from_vec(good.clone()).unwrap()).unwrap();
    let same_or_error = |bytes: Vec<u8>, what: &str| {
        let Ok(database) = Database::from_vec(bytes) else { return };
        let verified = database.verify().is_ok();
        if let Ok(found) = answers(&database) {
            assert_eq!(found, expected, "{what}");
        }
        let _ = (database.unpack().is_ok(), database.seen().is_ok());
        assert!(!verified, "{what} is noticed by nobody");
    };
    for at in 0..good.len() {
        for bit in [0x01, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= bit;
            same_or_error(bytes, &format!("byte {at} ^ {bit:#x}"));
        }
        assert!(Database::from_vec(good[..at].to_vec()).is_err(), "cut at {at}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(Database::from_vec(longer).is_err());
    let mut older = good;
    older[8] = 0;
    assert!(matches!(Database::from_vec(older), Err(DatabaseError::Format { found: 0, .. })));
}

#[test]
fn twenty_readers_of_one_file() {
    let (records, status, seen, tables) = small();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    std::fs::write(&path, compile(records, status, &seen, &tables)).unwrap();
    let shared = Database::open(&path).unwrap();
    let expected = answers(&shared).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                assert_eq!(answers(&shared).unwrap(), expected);
                assert_eq!(answers(&Database::open(&path).unwrap()).unwrap(), expected);
            });
        }
    });
    for (name, bytes) in [("empty", b"".as_slice()), ("other", b"PK\x03\x04 something else")] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert!(Database::open(&path).is_err());
    }
    assert!(matches!(Database::open(folder.path()), Err(DatabaseError::NotADatabase)));
    assert!(matches!(
        Database::open(&folder.path().join("no")),
        Err(DatabaseError::Missing { .. })
    ));
}

#[derive(Debug, Clone)]
struct Draft {
    aliases: Vec<u8>,
    name: u8,
    from: u8,
    to: Option<u8>,
    listed: Vec<u8>,
}

fn draft() -> impl Strategy<Value = Draft> {
    let list = || proptest::collection::vec(0_u8..8, 0..3);
    (list(), 0_u8..3, 0_u8..6, proptest::option::of(0_u8..8), list())
        .prop_map(|(aliases, name, from, to, listed)| Draft { aliases, name, from, to, listed })
}

fn written(at: usize, draft: &Draft) -> String {
    let aliases: Vec<String> = draft.aliases.iter().map(|id| format!("CVE-2024-{id}")).collect();
    let to = draft.to.map_or(String::new(), |to| format!(", fixed {to}.0.0"));
    let listed: Vec<String> = draft.listed.iter().map(|version| format!("{version}.0.0")).collect();
    let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
    let name = ["a", "b", "c"][usize::from(draft.name)];
    osv(
        &format!("X-{at}"),
        &format!(r#","aliases":{aliases:?}"#),
        &affected("npm", name, &format!("introduced {}.0.0{to}", draft.from), &listed),
    )
}

fn all_matches(texts: &[String]) -> Vec<Matches> {
    let bytes = compile(records(texts), Status::default(), &Seen::default(), &Tables::default());
    let database = Database::from_vec(bytes).unwrap();
    ["a", "b", "c"]
        .into_iter()
        .flat_map(|name| (0..8).map(move |version| (name, version)))
        .map(|(name, version)| {
            match_package(&database, "npm", name, &format!("{version}.0.0")).unwrap()
        })
        .collect()
}

/// The advisories that hit.
fn hits(matches: &Matches) -> BTreeSet<String> {
    matches
        .groups
        .iter()
        .flat_map(|group| &group.hits)
        .map(|(text, _)| text.record.id.clone())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_advisory_more_takes_no_finding_away(drafts in proptest::collection::vec(draft(), 1..7)) {
        let texts: Vec<String> = drafts.iter().enumerate().map(|(at, draft)| written(at, draft)).collect();
        let fewer = all_matches(&texts[..texts.len() - 1]);
        for (before, after) in fewer.iter().zip(all_matches(&texts)) {
            prop_assert!(hits(before).is_subset(&hits(&after)));
            for group in &before.groups {
                // It may bring groups together, and never takes one apart.
                prop_assert!(after.groups.iter().any(|now| group.ids.iter().all(|id| now.ids.contains(id))));
            }
        }
    }

    #[test]
    fn the_order_of_records_does_not_matter(drafts in proptest::collection::vec(draft(), 1..7), turn in 0_usize..7) {
        let mut texts: Vec<String> = drafts.iter().enumerate().map(|(at, draft)| written(at, draft)).collect();
        let expected = compile(records(&texts), Status::default(), &Seen::default(), &Tables::default());
        let turn = turn % texts.len();
        texts.rotate_left(turn);
        let found = compile(records(&texts), Status::default(), &Seen::default(), &Tables::default());
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Database::from_vec(bytes.clone());
        let mut file = crate::layout::MAGIC.to_vec();
        file.extend(crate::layout::FORMAT.to_le_bytes());
        file.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        file.extend(blake3::hash(&bytes).as_bytes());
        prop_assert_eq!(file.len(), PREAMBLE);
        file.extend(&bytes);
        // The checksum is right, the header is anything.
        if let Ok(database) = Database::from_vec(file) {
            let _ = answers(&database);
        }
        let mut feed = Feed::named("x");
        feed.take("x", &bytes);
        let _ = crate::feed::read_epss(&bytes);
        let _ = crate::feed::read_kev(&bytes);
        let _ = crate::feed::read_modified("x", &String::from_utf8_lossy(&bytes));
        let _ = crate::feed::read_archive("x", std::io::Cursor::new(bytes));
    }

    #[test]
    fn no_vector_is_a_panic_and_every_score_is_one(
        prefix in "(CVSS:(2.0|3.0|3.1|4.0)/)?",
        metrics in proptest::collection::vec("(AV|AC|AT|PR|UI|Au|S|C|I|A|VC|VI|VA|SC|SI|SA|E|RL|MAV|MPR):(N|L|P|H|A|R|U|C|X|POC|OF)|\\PC{0,6}", 0..14),
    ) {
        let vector = format!("{prefix}{}", metrics.join("/"));
        let (cvss, severity) = crate::scoring::rate(&[vector], None);
        let score = cvss.first().and_then(|cvss| cvss.score);
        prop_assert!(score.is_none_or(|score| (0.0..=10.0).contains(&score)));
        prop_assert_eq!(score.is_some(), severity.is_some());
    }

    #[test]
    fn no_record_is_a_panic(text in r#"(["\[\]{},:.0-9a-z -]|"id":"X"|"modified":"2024-01-01T00:00:00Z"|"affected":\[|"package":\{|"ranges":\[){0,40}"#, word in "\\PC{0,20}") {
        let mut feed = Feed::named("x");
        feed.take("x", text.as_bytes());
        let quoted = serde_json::to_string(&word).unwrap();
        for field in ["id", "modified", "published", "withdrawn", "summary", "details"] {
            let json = format!(r#"{{"id":"X","modified":"2024-01-01T00:00:00Z","{field}":{quoted}}}"#);
            feed.take("x", json.as_bytes());
        }
        for (ecosystem, name, event, version) in [(&word, "x", "1", "1"), (&"npm".to_owned(), &word, "1", "1"), (&"Maven".to_owned(), "a:b", &word, &word)] {
            let json = serde_json::json!({"id": "X", "modified": "2024-01-01T00:00:00Z", "affected": [{
                "package": {"ecosystem": ecosystem, "name": name}, "versions": [version],
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": event}, {"fixed": event}]}]}]});
            feed.take("x", json.to_string().as_bytes());
        }
        let bytes = compile(feed.records, Status::default(), &Seen::default(), &Tables::default());
        let database = Database::from_vec(bytes).unwrap();
        let _ = match_package(&database, "npm", &word, &word).unwrap();
        let _ = match_package(&database, "Maven", "a:b", &word).unwrap();
    }
}
