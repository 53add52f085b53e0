//! What an audit says about what it could not judge: none of it may look like "clean".

use jiff::Timestamp;
use secgate_model::{
    Ended, Inventory, Location, Outcome, Package, Severity, Target, TargetKind, Unknown,
    UnknownKind,
};
use secgate_scan::{Job, Ran, run_scanners};

use crate::{
    Audit, AuditOptions, Database, Source, Status,
    compile::{Seen, compile},
    feed::Tables,
    tables::{affected, osv, records},
};

fn database(texts: &[String], sources: Vec<Source>) -> Database {
    let status = Status { sources, ..Status::default() };
    Database::from_vec(compile(records(texts), status, &Seen::new(), &Tables::default())).unwrap()
}

fn source(name: &str, records: u64, rejected: usize) -> Source {
    let rejected = (0..rejected).map(|at| format!("X-{at}: broken")).collect();
    Source { name: name.to_owned(), records, rejected, ..Source::default() }
}

fn run(database: &Database, purls: &[&str], unknowns: Vec<Unknown>) -> Ran {
    let packages = purls
        .iter()
        .map(|purl| Package::new(purl.parse().unwrap(), "test", Location::line("lock", 1)))
        .collect();
    let files = vec!["lock".into()];
    let inventory = Inventory { packages, unknowns, files, ..Inventory::default() }.normalised();
    let target = Target { kind: TargetKind::Path, name: "x".into(), digest: None, revision: None };
    let job = Job {
        target: &target,
        tree: None,
        inventory: Some(&inventory),
        now: Timestamp::UNIX_EPOCH,
    };
    run_scanners(&[&Audit { database, options: AuditOptions::default() }], &job)
}

fn outcome(database: &Database, purls: &[&str]) -> Outcome {
    run(database, purls, Vec::new()).outcomes.remove(0)
}

#[test]
fn only_what_was_judged_is_complete() {
    let one = [osv("A-1", "", &affected("npm", "a", "introduced 1.0.0", &[]))];
    let plain = database(&one, vec![source("npm", 1, 0)]);
    for (purl, expected) in [
        ("pkg:npm/a@0.9.0", Ended::Complete),
        ("pkg:npm/a@1.0.0", Ended::Complete),
        ("pkg:npm/unheard-of@1", Ended::Complete),
        // No order, no version, no source, no group, a distribution.
        ("pkg:npm/a@next", Ended::Partial),
        ("pkg:npm/a", Ended::Partial),
        ("pkg:pypi/a@1", Ended::Partial),
        ("pkg:maven/log4j-core@2.14.1", Ended::Partial),
        ("pkg:deb/debian/openssl@3", Ended::Partial),
    ] {
        assert_eq!(outcome(&plain, &[purl]).ended, expected, "{purl}");
    }
    let unknown = Unknown {
        location: Location::file("lock"),
        kind: UnknownKind::Limit,
        reason: "too long".into(),
    };
    assert_eq!(run(&plain, &[], vec![unknown]).outcomes[0].ended, Ended::Partial);
}

#[test]
fn a_source_that_was_mostly_refused_calls_nothing_clean() {
    let one = [osv("A-1", "", &affected("npm", "a", "introduced 1.0.0", &[]))];
    let ended = |records: u64, rejected: usize| {
        outcome(&database(&one, vec![source("npm", records, rejected)]), &["pkg:npm/b@1.0.0"]).ended
    };
    assert_eq!(ended(100, 1), Ended::Complete);
    assert_eq!(ended(100, 12), Ended::Partial);
    assert_eq!(ended(0, 1), Ended::Partial);
    // Another ecosystem's trouble is not this one's.
    let two = database(&one, vec![source("PyPI", 1, 50), source("npm", 100, 0)]);
    assert_eq!(outcome(&two, &["pkg:npm/b@1.0.0"]).ended, Ended::Complete);
}

#[test]
fn damage_in_the_middle_is_a_failure() {
    let one = [osv("A-1", "", &affected("npm", "a", "introduced 1.0.0", &[]))];
    let good = database(&one, vec![source("npm", 1, 0)]);
    let mut bytes = good.file().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let damaged = Database::from_vec(bytes).unwrap();
    assert_eq!(outcome(&damaged, &["pkg:npm/a@1.0.0"]).ended, Ended::Failed);
}

#[test]
fn the_gravest_word_of_a_group_counts() {
    let harmless = r#","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"}]"#;
    let severity = |texts: &[String]| {
        let ran =
            run(&database(texts, vec![source("npm", 1, 0)]), &["pkg:npm/a@1.0.0"], Vec::new());
        assert_eq!(ran.findings.len(), 1);
        ran.findings[0].severity
    };
    let a = affected("npm", "a", "introduced 0", &[]);
    let word =
        |word: &str| format!(r#","aliases":["CVE-1"],"database_specific":{{"severity":"{word}"}}"#);
    assert_eq!(
        severity(&[osv("GHSA-1", &word("LOW"), &a), osv("X-1", &word("CRITICAL"), &a)]),
        Some(Severity::Critical)
    );
    assert_eq!(severity(&[osv("MAL-1", harmless, &a)]), Some(Severity::Critical));
    assert_eq!(severity(&[osv("A-1", harmless, &a)]), Some(Severity::Info));
    assert_eq!(severity(&[osv("A-1", "", &a)]), None);
}
