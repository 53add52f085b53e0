//! Every rule for packages of distributions, both ways, through the whole audit.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;
use secgate_model::{Ended, Finding, Inventory, Location, Package, Severity, Target, TargetKind};
use secgate_scan::{Job, Ran, run_scanners};

use crate::{
    Audit, AuditOptions, Database, Source, Status,
    compile::{Seen, compile},
    feed::Tables,
    tables::{osv, records},
    vendor_word::is_distribution,
};

/// A package of a release: its events, and what the vendor adds.
fn entry(ecosystem: &str, name: &str, events: &str, extra: &str) -> String {
    let events: Vec<String> = events
        .split(", ")
        .filter_map(|event| event.split_once(' '))
        .map(|(kind, version)| format!(r#"{{"{kind}":"{version}"}}"#))
        .collect();
    format!(
        r#"{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{}]}}]{extra}}}"#,
        events.join(",")
    )
}

fn upstream(ids: &[&str]) -> String {
    format!(r#","upstream":{ids:?}"#)
}

fn database(texts: &[String]) -> Database {
    let records = records(texts);
    let bases: BTreeSet<String> = records
        .iter()
        .flat_map(|record| &record.affected)
        .filter_map(|affected| affected.ecosystem.split(':').next().map(str::to_owned))
        .collect();
    let source = |name| Source { name, records: 1, ..Source::default() };
    let status = Status { sources: bases.into_iter().map(source).collect(), ..Status::default() };
    Database::from_vec(compile(records, status, &Seen::new(), &Tables::default())).unwrap()
}

fn package(purl: &str) -> Package {
    Package::new(purl.parse().unwrap(), "test", Location::line("bom", 1))
}

fn run(database: &Database, packages: Vec<Package>) -> Ran {
    let inventory =
        Inventory { packages, files: vec!["bom".into()], ..Inventory::default() }.normalised();
    let target = Target { kind: TargetKind::Path, name: "x".into(), digest: None, revision: None };
    let now: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    let job = Job { target: &target, tree: None, inventory: Some(&inventory), now };
    run_scanners(&[&Audit { database, options: AuditOptions::default() }], &job)
}

fn ids(finding: &Finding) -> Vec<String> {
    std::iter::once(finding.rule.clone()).chain(finding.aliases.clone()).collect()
}

/// Checks which findings a purl gets, each by its ids, and that the scan is complete.
fn check(database: &Database, purl: &str, expected: &[&[&str]]) {
    let ran = run(database, vec![package(purl)]);
    let found: Vec<Vec<String>> = ran.findings.iter().map(ids).collect();
    assert_eq!(found, expected, "{purl}");
    assert_eq!(ran.outcomes[0].ended, Ended::Complete, "{purl}: {:?}", ran.outcomes[0].problems);
}

/// Checks that a purl gets no findings, and the gap that says why.
fn check_gap(database: &Database, purl: &str, part: &str) {
    let ran = run(database, vec![package(purl)]);
    assert!(ran.findings.is_empty(), "{purl}");
    let problem = ran.outcomes[0].problems.iter().find(|problem| problem.message.contains(part));
    assert!(problem.is_some_and(|problem| problem.gap), "{purl}: {:?}", ran.outcomes[0].problems);
}

#[test]
fn only_the_release_itself_counts() {
    let held = database(&[osv(
        "DEBIAN-CVE-2024-1",
        &upstream(&["CVE-2024-1"]),
        &[
            entry("Debian:12", "a", "introduced 0, fixed 2.0-1+deb12u1", ""),
            entry("Debian:13", "a", "introduced 0, fixed 1.0-5", ""),
            entry("Debian:11", "b", "introduced 0", ""),
        ]
        .join(","),
    )]);
    let both: &[&[&str]] = &[&["CVE-2024-1", "DEBIAN-CVE-2024-1"]];
    // What is fixed in 13 is not fixed in 12.
    check(&held, "pkg:deb/debian/a@1.0-5?arch=source&distro=debian-12", both);
    check(&held, "pkg:deb/debian/a@1.0-5?arch=source&distro=debian-13", &[]);
    check(&held, "pkg:deb/debian/a@1.0-4?arch=source&distro=debian-13", both);
    check(&held, "pkg:deb/debian/a@2.0-1%2Bdeb12u1?arch=source&distro=debian-12", &[]);
    check(&held, "pkg:deb/debian/a@2.0-1?arch=source&distro=debian-12", both);
    // Another package, and a package of which nothing is known.
    check(&held, "pkg:deb/debian/b@9-1?arch=source&distro=bullseye", both);
    check(&held, "pkg:deb/debian/c@9-1?arch=source&distro=bullseye", &[]);
    let fixed = &run(&held, vec![package("pkg:deb/debian/a@1.0-5?distro=debian-12")]).findings[0];
    let about = fixed.vulnerability.as_ref().unwrap();
    assert_eq!(about.fixed_in, ["2.0-1+deb12u1"]);
    assert_eq!(about.fixed_here.as_deref(), Some("2.0-1+deb12u1"));
}

#[test]
fn what_is_not_known_is_a_gap() {
    let entry = entry("Debian:12", "a", "introduced 0, fixed 2-1", "");
    let held = database(&[osv("DEBIAN-CVE-2024-1", "", &entry)]);
    check_gap(&held, "pkg:deb/debian/a@1-1?distro=debian-14", "of Debian:14 were not judged");
    check_gap(&held, "pkg:deb/debian/a@1-1", "nothing tells their distribution's release");
    check_gap(&held, "pkg:deb/raspbian/a@1-1?distro=raspbian-12", "advisories for raspbian");
    check_gap(&held, "pkg:deb/debian/a@1-1?distro=ubuntu-22.04", "name two distributions");
    check_gap(&held, "pkg:deb/debian/a@1-1?distro=debian-12&vendor=docker", "other repositories");
    check_gap(&held, "pkg:apk/alpine/a@1-r0?distro=alpine-3.18", "no advisories for Alpine");
    check_gap(&held, "pkg:deb/debian/a@not%20one?distro=debian-12", "could not be judged");
}

#[test]
fn a_target_without_packages_is_made_from_something() {
    let entry = entry("Debian:12", "a", "introduced 0, fixed 2-1", "");
    let held = database(&[osv("DEBIAN-CVE-2024-1", "", &entry)]);
    let ended = |label: Option<&str>, accepted: &[&str]| {
        let inventory = Inventory {
            files: vec!["etc/os-release".into()],
            distribution: label.map(str::to_owned),
            ..Inventory::default()
        };
        let target =
            Target { kind: TargetKind::Path, name: "x".into(), digest: None, revision: None };
        let now: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        let job = Job { target: &target, tree: None, inventory: Some(&inventory), now };
        let accept_missing = accepted.iter().map(|name| (*name).to_owned()).collect();
        let options = AuditOptions { accept_missing, ..AuditOptions::default() };
        run_scanners(&[&Audit { database: &held, options }], &job).outcomes.remove(0).ended
    };
    assert_eq!(ended(None, &[]), Ended::Complete);
    assert_eq!(ended(Some("debian-12"), &[]), Ended::Complete);
    assert_eq!(ended(Some("debian-9"), &[]), Ended::Partial);
    assert_eq!(ended(Some("debian"), &[]), Ended::Partial);
    assert_eq!(ended(Some("void-1"), &[]), Ended::Partial);
    assert_eq!(ended(Some("void-1"), &["void"]), Ended::Complete);
}

#[test]
fn binary_packages_are_judged_by_their_source() {
    let entry = entry("Debian:12", "openssl", "introduced 0, fixed 3.0.2-1", "");
    let held = database(&[osv("DEBIAN-CVE-2024-1", "", &entry)]);
    let mut binary = package("pkg:deb/debian/libssl3@3.0.1-1%2Bb2?arch=amd64&distro=debian-12");
    binary.source = Some(("openssl".into(), "3.0.1-1".into()));
    let ran = run(&held, vec![binary]);
    assert_eq!(ran.findings.len(), 1);
    let evidence = ran.findings[0].evidence.clone().unwrap();
    assert!(evidence.contains("it was built from openssl 3.0.1-1"), "{evidence}");
    let hit: &[&[&str]] = &[&["CVE-2024-1", "DEBIAN-CVE-2024-1"]];
    check(&held, "pkg:deb/debian/libssl3@3.0.1-1?distro=debian-12&upstream=openssl", hit);
    check(&held, "pkg:deb/debian/libssl3@3.0.2-1?distro=debian-12&upstream=openssl", &[]);
    check(&held, "pkg:deb/debian/libssl3@1-1?distro=debian-12&upstream=openssl%403.0.2-1", &[]);
}

#[test]
fn records_about_one_cve_are_one_finding() {
    let a = entry("Debian:12", "a", "introduced 0, fixed 2-1", "");
    let held = database(&[
        osv("DSA-1-1", &upstream(&["DEBIAN-CVE-2024-1", "CVE-2024-1", "CVE-2024-2"]), &a),
        osv("DEBIAN-CVE-2024-1", &upstream(&["CVE-2024-1"]), &a),
        osv("DSA-2-1", "", &a),
    ]);
    check(
        &held,
        "pkg:deb/debian/a@1-1?distro=debian-12",
        &[
            &["CVE-2024-1", "DEBIAN-CVE-2024-1", "DSA-1-1"],
            &["CVE-2024-2", "DSA-1-1"],
            &["DSA-2-1"],
        ],
    );
}

#[test]
fn chainguard_names_one_flaw_twice() {
    let a = entry("Wolfi", "a", "introduced 0, fixed 2-r0", "");
    let related = r#","related":["CVE-2024-1","GHSA-x"],"upstream":["CVE-2024-1"]"#;
    let held = database(&[
        osv("CGA-1", related, &a),
        osv("CGA-2", r#","related":["GHSA-x"]"#, &a),
        osv("CGA-3", r#","related":["CGA-1"]"#, &a),
    ]);
    let hit: &[&[&str]] = &[&["CGA-3"], &["CVE-2024-1", "CGA-1", "CGA-2", "GHSA-x"]];
    check(&held, "pkg:apk/wolfi/a@1-r9", hit);
    check(&held, "pkg:apk/wolfi/b@1-r9?upstream=a", hit);
    check(&held, "pkg:apk/wolfi/a@2-r0", &[]);
}

#[test]
fn the_fix_zero_of_alpine_means_never_affected() {
    let held = database(&[
        osv("ALPINE-CVE-2024-1", "", &entry("Alpine:v3.18", "a", "introduced 0, fixed 0", "")),
        osv(
            "ALPINE-CVE-2024-2",
            "",
            &entry("Alpine:v3.18", "a", "introduced 0, fixed 1_p1-r0", ""),
        ),
        osv("ALPINE-CVE-2024-3", "", &entry("Alpine:v3.18", "a", "introduced 0", "")),
    ]);
    let unfixed: &[&str] = &["CVE-2024-3", "ALPINE-CVE-2024-3"];
    check(&held, "pkg:apk/alpine/a@1_p1-r0?distro=alpine-3.18", &[unfixed]);
    let second: &[&str] = &["CVE-2024-2", "ALPINE-CVE-2024-2"];
    check(&held, "pkg:apk/alpine/a@1_rc2-r7?distro=alpine-3.18.2", &[second, unfixed]);
}

#[test]
fn a_status_never_means_clean() {
    let with = |extra: &str| entry("Debian:12", "a", "introduced 0", extra);
    let high = r#","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]"#;
    for (extra, status, severity) in [
        ("", None, Severity::Critical),
        (r#","ecosystem_specific":{"urgency":"unimportant"}"#, Some("unimportant"), Severity::Low),
        (
            r#","ecosystem_specific":{"urgency":"end-of-life"}"#,
            Some("end-of-life"),
            Severity::Critical,
        ),
        (r#","ecosystem_specific":{"urgency":"low"}"#, None, Severity::Critical),
        (r#","database_specific":{"status":"no-dsa"}"#, Some("no-dsa"), Severity::Critical),
        (r#","database_specific":{"status":"postponed"}"#, Some("postponed"), Severity::Critical),
        (r#","database_specific":{"status":"ignored"}"#, Some("ignored"), Severity::Critical),
    ] {
        let held = database(&[osv("DEBIAN-CVE-2024-1", high, &with(extra))]);
        let ran = run(&held, vec![package("pkg:deb/debian/a@1-1?distro=debian-12")]);
        assert_eq!(ran.findings.len(), 1, "{extra}");
        let finding = &ran.findings[0];
        assert_eq!(finding.severity, Some(severity), "{extra}");
        assert_eq!(finding.vulnerability.as_ref().unwrap().status.as_deref(), status, "{extra}");
    }
}

#[test]
fn an_urgency_is_a_rating_where_there_is_nothing_better() {
    let a =
        entry("Debian:12", "a", "introduced 0", r#","ecosystem_specific":{"urgency":"medium"}"#);
    let ubuntu = entry("Ubuntu:22.04:LTS", "a", "introduced 0", "");
    let rated = r#","severity":[{"type":"Ubuntu","score":"negligible"}]"#;
    let held =
        database(&[osv("DEBIAN-CVE-2024-1", "", &a), osv("UBUNTU-CVE-2024-1", rated, &ubuntu)]);
    let severity = |purl: &str| run(&held, vec![package(purl)]).findings[0].severity;
    assert_eq!(severity("pkg:deb/debian/a@1-1?distro=debian-12"), Some(Severity::Medium));
    assert_eq!(severity("pkg:deb/ubuntu/a@1-1?distro=jammy"), Some(Severity::Low));
}

#[test]
fn scores_are_the_flaws_own_where_anybody_gives_them() {
    let a = entry("Debian:12", "a", "introduced 0, fixed 2-1", "");
    let score = |impact: &str| {
        format!(
            r#","severity":[{{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:{impact}/I:N/A:N"}}]"#
        )
    };
    let pypi = entry("PyPI", "other", "introduced 0, fixed 2", "");
    let alma = entry("AlmaLinux:9", "a", "introduced 0, fixed 2-1.el9", "");
    let held = database(&[
        osv("DSA-1-1", &upstream(&["CVE-2024-1", "CVE-2024-2"]), &a),
        osv("GHSA-1", &format!(r#","aliases":["CVE-2024-1"]{}"#, score("L")), &pypi),
        osv("ALSA-2024:1", r#","related":["CVE-2024-3"]"#, &alma)
            .replace("About ALSA", "Important: ALSA"),
        osv("ALBA-2024:2", "", &alma),
    ]);
    let ran = run(&held, vec![package("pkg:deb/debian/a@1-1?distro=debian-12")]);
    let severities: Vec<_> = ran.findings.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Some(Severity::Medium), None]);
    let ran = run(&held, vec![package("pkg:rpm/almalinux/a@1-1.el9?distro=almalinux-9")]);
    let found: BTreeMap<&str, _> = ran
        .findings
        .iter()
        .map(|finding| {
            let class = finding.vulnerability.as_ref().unwrap().informational.as_deref();
            (finding.rule.as_str(), (finding.severity, class))
        })
        .collect();
    assert_eq!(found["CVE-2024-3"], (Some(Severity::High), None));
    assert_eq!(found["ALBA-2024:2"], (Some(Severity::Info), Some("bugfix")));
}

#[test]
fn epochs_of_rpm_and_modules() {
    let modular = entry("AlmaLinux:8", "m", "introduced 0, fixed 1:12.5-1.module_el8.6.0+9+ab", "");
    let plain = entry("AlmaLinux:8", "m", "introduced 0, fixed 1:13-1.el8", "");
    let epoch = entry("AlmaLinux:8", "e", "introduced 0, fixed 1:2-1.el8", "");
    let held = database(&[
        osv("ALSA-1", "", &modular).replace("About ALSA-1", "Important: m:12 security update"),
        osv("ALSA-2", "", &plain),
        osv("ALSA-3", "", &epoch),
    ]);
    let alma = |rest: &str| format!("pkg:rpm/almalinux/{rest}&distro=almalinux-8");
    check(&held, &alma("e@9-1.el8?arch=x86_64"), &[&["ALSA-3"]]);
    check(&held, &alma("e@9-1.el8?epoch=1"), &[]);
    check(&held, &alma("e@1:1-1.el8?arch=x86_64"), &[&["ALSA-3"]]);
    // A module's advisory is not about a package of none, nor the other way round.
    check(&held, &alma("m@1:12-1.el8?arch=x86_64"), &[&["ALSA-2"]]);
    let built = "m@1:12-1.module_el8.6.0%2B8%2Bab?arch=x86_64";
    check(&held, &alma(built), &[&["ALSA-1"]]);
    check(&held, &alma(&format!("{built}&modularity=m:12")), &[&["ALSA-1"]]);
    check(&held, &alma(&format!("{built}&rpmmod=m:12:8060:abc")), &[&["ALSA-1"]]);
    check(&held, &alma(&format!("{built}&rpmmod=m:10:8060:abc")), &[]);
}

#[test]
fn what_only_subscribers_get_fixed_is_vulnerable_for_all_others() {
    let held = database(&[
        osv(
            "UBUNTU-CVE-2024-1",
            "",
            &[
                entry("Ubuntu:22.04:LTS", "a", "introduced 0", ""),
                entry("Ubuntu:Pro:22.04:LTS", "a", "introduced 0, fixed 1-1ubuntu1+esm1", ""),
            ]
            .join(","),
        ),
        osv(
            "UBUNTU-CVE-2024-2",
            "",
            &[
                entry("Ubuntu:22.04:LTS", "b", "introduced 0, fixed 1-1ubuntu2", ""),
                entry("Ubuntu:Pro:FIPS:22.04:LTS", "b", "introduced 0, fixed 1-1ubuntu1+Fips3", ""),
            ]
            .join(","),
        ),
    ]);
    let ubuntu = |rest: &str| format!("pkg:deb/ubuntu/{rest}?distro=ubuntu-22.04");
    let one: &[&[&str]] = &[&["CVE-2024-1", "UBUNTU-CVE-2024-1"]];
    check(&held, &ubuntu("a@1-1ubuntu1"), one);
    check(&held, &ubuntu("a@9-1ubuntu1"), one);
    check(&held, &ubuntu("a@1-1ubuntu1%2Besm1"), &[]);
    check(&held, &ubuntu("a@1-1ubuntu1~esm1"), one);
    let plain = run(&held, vec![package(&ubuntu("a@1-1ubuntu1"))]);
    let about = plain.findings[0].vulnerability.clone().unwrap();
    assert_eq!((about.status.as_deref(), about.fixed_here), (Some("needs Ubuntu Pro"), None));
    let two: &[&[&str]] = &[&["CVE-2024-2", "UBUNTU-CVE-2024-2"]];
    check(&held, &ubuntu("b@1-1ubuntu1"), two);
    check(&held, &ubuntu("b@1-1ubuntu2"), &[]);
    check(&held, &ubuntu("b@1-1ubuntu1%2BFips3"), &[]);
    check(&held, &ubuntu("b@1-1ubuntu1%2BFips2"), two);
}

#[test]
fn headers_of_the_kernel_are_a_note() {
    let entry = entry("Debian:12", "linux", "introduced 0", "");
    let held = database(&[osv("DEBIAN-CVE-2024-1", "", &entry)]);
    let hit: &[&[&str]] = &[&["CVE-2024-1", "DEBIAN-CVE-2024-1"]];
    check(&held, "pkg:deb/debian/linux@6.1-1?arch=source&distro=debian-12", hit);
    check(
        &held,
        "pkg:deb/debian/linux-image-6.1-amd64@6.1-1?distro=debian-12&upstream=linux-signed-amd64%406.1%2B1",
        hit,
    );
    let headers = "pkg:deb/debian/linux-libc-dev@6.1-1?distro=debian-12&upstream=linux";
    check(&held, headers, &[]);
    let notes = run(&held, vec![package(headers)]).outcomes.remove(0).problems;
    assert!(notes.iter().any(|note| note.message.contains("are no kernel")), "{notes:?}");
}

#[test]
fn files_of_a_distribution_are_left_to_it_where_it_has_spoken() {
    let upstream_record = |id: &str, cve: &str| {
        let flask = entry("PyPI", "flask", "introduced 0, fixed 3.0", "");
        osv(id, &format!(r#","aliases":["{cve}"]"#), &flask)
    };
    let debian = entry("Debian:12", "flask", "introduced 0, fixed 2.2.2-3", "");
    let other_release = entry("Debian:13", "flask", "introduced 0, fixed 2.2.2-3", "");
    let held = database(&[
        upstream_record("PYSEC-1", "CVE-2024-1"),
        upstream_record("PYSEC-2", "CVE-2024-2"),
        upstream_record("PYSEC-3", "CVE-2024-3"),
        osv("DEBIAN-CVE-2024-1", "", &debian),
        osv("DEBIAN-CVE-2024-2", "", &other_release),
    ]);
    let found = |version: &str, owned: bool, with_owner: bool| {
        let owner = package(&format!(
            "pkg:deb/debian/python3-flask@{version}?distro=debian-12&upstream=flask"
        ));
        let mut file = package("pkg:pypi/flask@2.2.2");
        file.owned_by = owned.then(|| owner.purl.clone());
        let packages = if with_owner { vec![owner, file] } else { vec![file] };
        let ran = run(&held, packages);
        let notes = ran.outcomes[0].problems.iter();
        let left =
            notes.filter(|note| note.message.starts_with("left to the distribution")).count();
        let mut rules: Vec<(String, String)> = ran
            .findings
            .iter()
            .map(|finding| {
                let purl = finding.locus.component.as_ref().unwrap();
                (finding.rule.clone(), purl.kind().to_owned())
            })
            .collect();
        rules.sort();
        (rules, left)
    };
    let rules = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(rule, kind)| ((*rule).to_owned(), (*kind).to_owned())).collect()
    };
    // Fixed by the distribution: nothing of CVE-2024-1. It has not spoken about the others in this release.
    let others = [("CVE-2024-2", "pypi"), ("CVE-2024-3", "pypi")];
    assert_eq!(found("2.2.2-3", true, true), (rules(&others), 1));
    // Not yet fixed: the finding is the distribution's.
    let vulnerable = [("CVE-2024-1", "deb"), ("CVE-2024-2", "pypi"), ("CVE-2024-3", "pypi")];
    assert_eq!(found("2.2.2-2", true, true), (rules(&vulnerable), 1));
    // Installed by pip, or owned by what nobody judges: upstream's word stands.
    let all = [("CVE-2024-1", "pypi"), ("CVE-2024-2", "pypi"), ("CVE-2024-3", "pypi")];
    assert_eq!(found("2.2.2-3", false, true), (rules(&all), 0));
    assert_eq!(found("2.2.2-3", true, false), (rules(&all), 0));
}

#[test]
fn only_a_distribution_that_says_something_of_every_flaw_answers_for_its_files() {
    let found = |aliases: &str, own: &[String], owner: &str| {
        let upstream = entry("PyPI", "flask", "introduced 0, fixed 3.0", "");
        let mut texts = vec![osv("PYSEC-1", &format!(r#","aliases":[{aliases}]"#), &upstream)];
        texts.extend_from_slice(own);
        let owner = package(owner);
        let mut file = package("pkg:pypi/flask@2.2.2");
        file.owned_by = Some(owner.purl.clone());
        let ran = run(&database(&texts), vec![owner, file]);
        let python = ran.findings.iter().filter(|finding| {
            finding.locus.component.as_ref().is_some_and(|purl| purl.kind() == "pypi")
        });
        python.count()
    };
    let flask = "pkg:deb/debian/python3-flask@2.2.2-3?distro=debian-12&upstream=flask";
    let fixed = entry("Debian:12", "flask", "introduced 0, fixed 2.2.2-3", "");
    let silent = r#"{"package":{"ecosystem":"Debian:12","name":"flask"}}"#;
    let one = osv("DEBIAN-CVE-2024-1", "", &fixed);
    let two = osv("DEBIAN-CVE-2024-2", "", &fixed);
    assert_eq!(found(r#""CVE-2024-1""#, std::slice::from_ref(&one), flask), 0);
    // It names the package and says nothing of versions: neither it nor upstream would count.
    assert_eq!(found(r#""CVE-2024-1""#, &[osv("DEBIAN-CVE-2024-1", "", silent)], flask), 1);
    // One advisory of two flaws, of which the distribution has fixed one.
    let both = r#""CVE-2024-1","CVE-2024-2""#;
    assert_eq!(found(both, std::slice::from_ref(&one), flask), 1);
    assert_eq!(found(both, &[one, two], flask), 0);
    // What is not judged itself answers for nothing.
    let linux = osv("DEBIAN-CVE-2024-1", "", &fixed.replace("flask", "linux"));
    let tools = "pkg:deb/debian/linux-perf@2.2.2-3?distro=debian-12&upstream=linux";
    assert_eq!(found(r#""CVE-2024-1""#, &[linux], tools), 1);
}

#[test]
fn known_ecosystems_have_an_order() {
    for ecosystem in ["Debian:12", "Ubuntu:22.04:LTS", "Alpine:v3.18", "Amazon Linux:2", "SUSE:x"] {
        assert!(is_distribution(ecosystem), "{ecosystem}");
        assert!(secgate_versions::Scheme::of_ecosystem(ecosystem).is_some(), "{ecosystem}");
    }
    assert!(!is_distribution("PyPI") && !is_distribution("Debianish:1"));
}

#[derive(Debug, Clone)]
struct Draft {
    flaws: Vec<u8>,
    release: u8,
    from: u8,
    to: Option<u8>,
}

fn draft() -> impl Strategy<Value = Draft> {
    (proptest::collection::vec(0_u8..5, 0..3), 11_u8..14, 0_u8..4, proptest::option::of(0_u8..6))
        .prop_map(|(flaws, release, from, to)| Draft { flaws, release, from, to })
}

fn written(at: usize, draft: &Draft) -> String {
    let flaws: Vec<String> = draft.flaws.iter().map(|flaw| format!("CVE-2024-{flaw}")).collect();
    let to = draft.to.map_or(String::new(), |to| format!(", fixed {to}-1"));
    let events = format!("introduced {}-1{to}", draft.from);
    osv(
        &format!("DSA-{at}-1"),
        &format!(r#","upstream":{flaws:?}"#),
        &entry(&format!("Debian:{}", draft.release), "a", &events, ""),
    )
}

/// For each version of each release, the ids that its findings name.
fn named(texts: &[String], turned: bool) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: Vec<String> = (11..14)
        .map(|release| {
            osv(
                &format!("DSA-9{release}-1"),
                "",
                &entry(&format!("Debian:{release}"), "z", "introduced 0", ""),
            )
        })
        .collect();
    all.extend_from_slice(texts);
    let held = database(&all);
    let mut packages: Vec<Package> = (11..14)
        .flat_map(|release| (0..6).map(move |version| (release, version)))
        .map(|(release, version)| {
            package(&format!("pkg:deb/debian/a@{version}-1?arch=source&distro=debian-{release}"))
        })
        .collect();
    if turned {
        packages.reverse();
    }
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for finding in run(&held, packages).findings {
        let purl = finding.locus.component.as_ref().unwrap().to_string();
        found.entry(purl).or_default().extend(ids(&finding));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn another_advisory_takes_no_finding_away(drafts in proptest::collection::vec(draft(), 1..7)) {
        let texts: Vec<String> = drafts.iter().enumerate().map(|(at, draft)| written(at, draft)).collect();
        let after = named(&texts, false);
        for (purl, ids) in named(&texts[..texts.len() - 1], true) {
            prop_assert!(after.get(&purl).is_some_and(|now| ids.is_subset(now)), "{}", purl);
        }
        // Every record that holds a version is named, and no other.
        for (purl, ids) in &after {
            let (version, release) = (purl.split(['@', '-']).nth(1).unwrap(), purl.rsplit('-').next().unwrap());
            let version: u8 = version.parse().unwrap();
            for (at, draft) in drafts.iter().enumerate() {
                let inside = draft.release.to_string() == release
                    && (if let Some(to) = draft.to {
                        // An end below the beginning ends nothing; at the beginning it leaves nothing.
                        version >= draft.from && (version < to || to < draft.from)
                    } else {
                        version >= draft.from
                    });
                prop_assert_eq!(ids.contains(&format!("DSA-{at}-1")), inside, "{} {:?}", purl, draft);
            }
        }
    }

    #[test]
    fn no_purl_is_a_panic(space in "(debian|ubuntu|alpine|centos|suse|photon|\\PC{0,5})", distro in "(debian|alpine|sles|opensuse-leap|openeuler|[a-z-]{0,6})?-?[v0-9a-zA-Z._ é-]{0,9}", version in "\\PC{0,12}", kind in "(deb|apk|rpm)") {
        if let Ok(purl) = secgate_model::Purl::new(&kind, Some(&space), "a", Some(&version)) {
            let purl = purl.with_qualifier("distro", &distro).with_qualifier("epoch", &version).with_qualifier("upstream", &version);
            let package = Package::new(purl, "test", Location::file("x"));
            if let Ok(placed) = crate::distribution::place(&package.purl) {
                let _ = crate::system_package::Wanted::of(placed.ecosystem, &package);
                let _ = placed.release.holds(&version);
                let _ = placed.release.holds(&distro);
            }
        }
    }
}

#[test]
fn a_release_that_a_feed_barely_holds_is_a_gap_and_its_records_count() {
    let held = |many: usize, few: usize| {
        let one = |at: usize, release: &str| {
            osv(
                &format!("X-{release}-{at}"),
                "",
                &entry(&format!("Alpine:{release}"), "a", "introduced 0, fixed 2-r0", ""),
            )
        };
        let all = (0..many).map(|at| one(at, "v3.20")).chain((0..few).map(|at| one(at, "v3.22")));
        database(&all.collect::<Vec<_>>())
    };
    let check = |many: usize, few: usize, release: &str, is_gap: bool| {
        let purl = format!("pkg:apk/alpine/a@1-r0?distro=alpine-{release}");
        let database = held(many, few);
        let inventory = Inventory { packages: vec![package(&purl)], ..Inventory::default() };
        let target =
            Target { kind: TargetKind::Path, name: "x".into(), digest: None, revision: None };
        let now: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        let job = Job { target: &target, tree: None, inventory: Some(&inventory), now };
        let judge = |accept_missing| {
            let options = AuditOptions { accept_missing, ..AuditOptions::default() };
            run_scanners(&[&Audit { database: &database, options }], &job)
        };
        let ran = judge(Vec::new());
        let told = ran.outcomes[0].problems.iter().any(|problem| {
            problem.gap
                && problem.message.contains(&format!("Alpine:v{release} were judged by a handful"))
        });
        assert_eq!(told, is_gap, "{many} {few} {release}: {:?}", ran.outcomes);
        assert!(!ran.findings.is_empty());
        let ended = judge(vec![format!("Alpine:v{release}")]).outcomes[0].ended;
        assert_eq!(ended, Ended::Complete, "{many} {few} {release}");
    };
    check(1000, 2, "3.22", true);
    check(1000, 9, "3.22", true);
    check(1000, 10, "3.22", false);
    check(999, 1, "3.22", false);
    check(1000, 2, "3.20", false);
    // A table of a few records is what it is.
    check(3, 1, "3.22", false);
}
