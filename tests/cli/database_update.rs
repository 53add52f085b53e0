use std::fs;

use crate::{
    harness::{Sandbox, rules},
    mirror::{EPSS, KEV, Mirror},
    server::{Server, Twist, Validator},
};

fn update(sandbox: &Sandbox, server: &Server) -> crate::harness::Run {
    sandbox.run(["db", "update", "--mirror", &server.url()])
}

fn found(sandbox: &Sandbox) -> Vec<String> {
    rules(&sandbox.say("audit . --no-gate --format json").exits(0).json())
}

fn all_packages() -> &'static str {
    "demo-web==1.0.0\ndemo-queue==4.0.0\ndemo-low==1.0\n"
}

#[test]
fn the_first_update_fetches_everything_and_the_second_nothing() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", all_packages());
    let server = Server::of(&Mirror::fixture());
    let run = update(&sandbox, &server).exits(0).says(&["9 advisories"]);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    let log = server.log();
    for part in ["PyPI/all.zip 200", "npm/all.zip 200", "crates.io/all.zip 200"] {
        assert!(log.contains(&part.to_owned()), "{log:?}");
    }
    assert_eq!(found(&sandbox).len(), 3);
    update(&sandbox, &server).exits(0).says(&["unchanged"]);
    let log = server.log();
    assert!(log.contains(&"PyPI/modified_id.csv 304".to_owned()), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("all.zip")), "{log:?}");
    assert!(log.contains(&format!("{KEV} 304")) && log.contains(&format!("{EPSS} 304")), "{log:?}");
    assert_eq!(found(&sandbox).len(), 3);
}

#[test]
fn file_times_do_as_well_as_etags() {
    let sandbox = Sandbox::empty();
    let server = Server::with(&Mirror::fixture(), Validator::LastModified);
    update(&sandbox, &server).exits(0);
    server.log();
    update(&sandbox, &server).exits(0).says(&["unchanged"]);
    assert!(server.log().contains(&"npm/modified_id.csv 304".to_owned()));
}

#[test]
fn a_source_that_stands_still_for_weeks_is_old_although_it_was_asked_today() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", crate::harness::CLEAN);
    let server = Server::with(&Mirror::fixture(), Validator::LastModified);
    update(&sandbox, &server).exits(0);
    sandbox.say("audit .").exits(3).says(&["2026-01-05"]);
}

#[test]
fn a_change_is_fetched_alone() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", all_packages());
    let mut mirror = Mirror::fixture();
    let server = Server::of(&mirror);
    update(&sandbox, &server).exits(0);
    server.log();
    let record = mirror.record("GHSA-demo-low1-lowx");
    record["modified"] = "2026-02-01T00:00:00Z".into();
    record["affected"][0]["ranges"][0]["events"] =
        serde_json::json!([{"introduced": "0"}, {"fixed": "0.9"}]);
    server.set(&mirror);
    update(&sandbox, &server).exits(0);
    let log = server.log();
    assert!(log.contains(&"PyPI/GHSA-demo-low1-lowx.json 200".to_owned()), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("all.zip")), "{log:?}");
    assert_eq!(found(&sandbox), ["CVE-2025-10002", "CVE-2025-10001"]);
}

#[test]
fn a_delta_adds_and_withdraws() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", all_packages());
    let mut mirror = Mirror::fixture();
    let server = Server::of(&mirror);
    update(&sandbox, &server).exits(0);
    let mut added = mirror.record("GHSA-demo-low1-lowx").clone();
    added["id"] = "GHSA-demo-more-more".into();
    added["aliases"] = serde_json::json!(["CVE-2026-20001"]);
    let records = mirror.records.get_mut("PyPI").unwrap();
    records.insert("GHSA-demo-more-more".to_owned(), added);
    let gone = mirror.record("GHSA-demo-que1-crit");
    gone["withdrawn"] = "2026-02-01T00:00:00Z".into();
    gone["modified"] = "2026-02-01T00:00:00Z".into();
    server.set(&mirror);
    server.log();
    update(&sandbox, &server).exits(0);
    let log = server.log();
    assert!(!log.iter().any(|line| line.contains("all.zip")), "{log:?}");
    let mut rules = found(&sandbox);
    rules.sort();
    assert_eq!(rules, ["CVE-2025-10001", "CVE-2025-10003", "CVE-2026-20001"]);
    // The same source read whole says the same.
    sandbox.run(["db", "update", "--full", "--mirror", &server.url()]).exits(0);
    let mut whole = found(&sandbox);
    whole.sort();
    assert_eq!(whole, rules);
    let json = sandbox.say("db status --format json").exits(0).json();
    assert_eq!(json["sources"][0]["withdrawn"], 2);
}

#[test]
fn a_record_that_the_source_no_longer_lists_is_forgotten() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", all_packages());
    let mut mirror = Mirror::fixture();
    let server = Server::of(&mirror);
    update(&sandbox, &server).exits(0);
    mirror.records.get_mut("PyPI").unwrap().remove("GHSA-demo-low1-lowx");
    server.set(&mirror);
    update(&sandbox, &server).exits(0);
    assert_eq!(found(&sandbox), ["CVE-2025-10002", "CVE-2025-10001"]);
    let json = sandbox.say("db status --format json").exits(0).json();
    assert_eq!(json["advisories"], 8);
}

#[test]
fn a_list_that_lacks_records_that_the_archive_has_drops_none() {
    // Cut off at the end of a line, a list looks whole.
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", all_packages());
    let mirror = Mirror::fixture();
    let server = Server::of(&mirror);
    update(&sandbox, &server).exits(0);
    let list = mirror.files()["PyPI/modified_id.csv"].clone();
    let end = list.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    server.replace("PyPI/modified_id.csv", &list[..end]);
    let run = update(&sandbox, &server);
    assert!(matches!(run.code, 0 | 3), "{run:?}");
    assert_eq!(found(&sandbox).len(), 3);
}

#[test]
fn a_list_that_names_a_record_that_nobody_has_changes_nothing() {
    check_broken(
        |server| {
            let list = b"2026-01-05T00:00:00Z,GHSA-demo-left-high\n2026-01-06T00:00:00Z,GHSA-demo-left-lost\n";
            server.replace("npm/modified_id.csv", list);
        },
        "GHSA-demo-left-lost",
    );
}

#[test]
fn an_ecosystem_that_the_source_drops_is_a_gap_and_not_clean() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", all_packages());
    let mut mirror = Mirror::fixture();
    let server = Server::of(&mirror);
    update(&sandbox, &server).exits(0);
    mirror.records.remove("PyPI");
    server.set(&mirror);
    update(&sandbox, &server).exits(0);
    sandbox.say("audit .").exits(3).says(&["PyPI"]);
}

#[test]
fn figures_of_kev_and_epss_come_along_and_are_renewed() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", "demo-kev==1.0\n");
    let mut mirror = Mirror::fixture();
    mirror.kev = Some(mirror.kev.unwrap().replace("CVE-2025-10004", "CVE-2020-0001"));
    let server = Server::of(&mirror);
    update(&sandbox, &server).exits(0);
    sandbox.say("audit .").exits(0);
    let report = sandbox.say("audit . --format json").exits(0).json();
    let finding = &report["findings"][0];
    assert_eq!((finding["kev"].as_bool(), finding["epss"].as_f64()), (Some(false), Some(0.2)));
    assert_eq!(finding["epss_percentile"], 0.9);
    server.set(&Mirror::fixture());
    update(&sandbox, &server).exits(0);
    sandbox.say("audit .").exits(1).says(&["no-known-exploited"]);
}

#[test]
fn a_source_without_kev_and_epss_cannot_satisfy_rules_that_read_them() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", crate::harness::CLEAN);
    let server = Server::of(&Mirror { kev: None, epss: None, ..Mirror::fixture() });
    update(&sandbox, &server).exits(0).says(&["no KEV catalogue"]);
    sandbox.say("audit .").exits(3).says(&["EPSS", "KEV"]);
}

#[test]
fn tables_may_lie_elsewhere() {
    let sandbox = Sandbox::empty();
    let bare = Server::of(&Mirror { kev: None, epss: None, ..Mirror::fixture() });
    let full = Server::of(&Mirror::fixture());
    let (kev, epss) = (format!("{}{KEV}", full.url()), format!("{}{EPSS}", full.url()));
    sandbox.run(["db", "update", "--mirror", &bare.url(), "--kev", &kev, "--epss", &epss]).exits(0);
    let json = sandbox.say("db status --format json").exits(0).json();
    assert_eq!(
        (json["kev"]["entries"].as_u64(), json["epss"]["entries"].as_u64()),
        (Some(1), Some(8))
    );
}

#[test]
fn only_the_named_ecosystems_are_fetched() {
    let sandbox = Sandbox::empty();
    let server = Server::of(&Mirror::fixture());
    sandbox.run(["db", "update", "--mirror", &server.url(), "--ecosystem", "npm"]).exits(0);
    assert!(!server.log().iter().any(|line| line.starts_with("PyPI")));
    sandbox
        .run(["db", "update", "--mirror", &server.url(), "--ecosystem", "Pypi"])
        .exits(3)
        .says(&["Pypi"]);
}

#[test]
fn a_server_that_recovers_is_asked_again() {
    let sandbox = Sandbox::empty();
    let server = Server::of(&Mirror::fixture());
    server.twist("PyPI/all.zip", Twist::Fails(1));
    update(&sandbox, &server).exits(0).says(&["9 advisories"]);
}

/// Whatever is broken, the old file keeps every byte, nothing is left beside it, and the exit code is 3.
#[track_caller]
fn check_broken(spoil: impl FnOnce(&Server), says: &str) {
    let sandbox = Sandbox::new();
    let before = fs::read(sandbox.database()).unwrap();
    let server = Server::of(&Mirror::fixture());
    spoil(&server);
    sandbox
        .run(["db", "update", "--full", "--mirror", &server.url()])
        .exits(3)
        .says(&["was not changed", says]);
    assert!(fs::read(sandbox.database()).unwrap() == before, "the old database changed");
    let left = fs::read_dir(sandbox.database().parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "something was left behind");
}

#[test]
fn a_body_cut_off_changes_nothing() {
    check_broken(|server| server.twist("PyPI/all.zip", Twist::Cut), "PyPI/all.zip");
}

#[test]
fn a_list_cut_off_changes_nothing() {
    check_broken(|server| server.twist("npm/modified_id.csv", Twist::Cut), "npm/modified_id.csv");
}

#[test]
fn a_table_cut_off_changes_nothing() {
    check_broken(|server| server.twist(EPSS, Twist::Cut), EPSS);
}

#[test]
fn a_server_that_stays_broken_changes_nothing() {
    check_broken(|server| server.twist("npm/all.zip", Twist::Fails(9)), "500");
}

#[test]
fn garbage_instead_of_an_archive_changes_nothing() {
    check_broken(|server| server.replace("PyPI/all.zip", b"<html>sorry</html>"), "PyPI/all.zip");
}

#[test]
fn half_an_archive_changes_nothing() {
    let files = Mirror::fixture().files();
    let zip = files["PyPI/all.zip"].clone();
    check_broken(
        move |server| server.replace("PyPI/all.zip", &zip[..zip.len() - 30]),
        "PyPI/all.zip",
    );
}

#[test]
fn an_archive_with_a_damaged_record_changes_nothing() {
    let mut zip = Mirror::fixture().files()["PyPI/all.zip"].clone();
    zip[80] ^= 0x55;
    check_broken(move |server| server.replace("PyPI/all.zip", &zip), "PyPI/all.zip");
}

#[test]
fn an_empty_archive_changes_nothing() {
    let mut mirror = Mirror::fixture();
    mirror.records.get_mut("npm").unwrap().clear();
    check_broken(move |server| server.set(&mirror), "npm/all.zip");
}

#[test]
fn garbage_instead_of_a_list_changes_nothing() {
    check_broken(
        |server| server.replace("PyPI/modified_id.csv", b"<html>\nsorry\n"),
        "PyPI/modified_id.csv",
    );
}

#[test]
fn a_list_that_points_elsewhere_changes_nothing() {
    check_broken(
        |server| server.replace("PyPI/modified_id.csv", b"2026-01-01T00:00:00Z,../../secret\n"),
        "modified_id.csv",
    );
}

#[test]
fn a_missing_archive_changes_nothing() {
    check_broken(|server| server.twist("crates.io/all.zip", Twist::Missing), "crates.io/all.zip");
}

#[test]
fn a_missing_list_of_ecosystems_changes_nothing() {
    check_broken(|server| server.twist("ecosystems.txt", Twist::Missing), "ecosystems.txt");
}

#[test]
fn a_list_of_ecosystems_that_climbs_changes_nothing() {
    check_broken(|server| server.replace("ecosystems.txt", b"PyPI\n../etc\n"), "ecosystems.txt");
}

#[test]
fn garbage_tables_change_nothing() {
    check_broken(|server| server.replace(KEV, b"{}"), "KEV");
    check_broken(|server| server.replace(EPSS, b"cve,epss,percentile\nCVE-2025-1,7,1\n"), "EPSS");
}

#[test]
fn a_redirect_to_another_origin_changes_nothing() {
    let other = Server::of(&Mirror::fixture());
    let to = format!("{}PyPI/all.zip", other.url());
    check_broken(|server| server.twist("PyPI/all.zip", Twist::Redirect(to)), "another origin");
    assert!(other.log().is_empty(), "the other origin was asked");
}

#[test]
fn a_redirect_inside_the_origin_is_followed() {
    let sandbox = Sandbox::empty();
    let server = Server::of(&Mirror::fixture());
    server.replace("moved/all.zip", &Mirror::fixture().files()["PyPI/all.zip"]);
    server.twist("PyPI/all.zip", Twist::Redirect("/moved/all.zip".to_owned()));
    update(&sandbox, &server).exits(0);
}

#[test]
fn nobody_listening_changes_nothing() {
    let sandbox = Sandbox::new();
    let before = fs::read(sandbox.database()).unwrap();
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let run = sandbox.run(["db", "update", "--mirror", &format!("http://127.0.0.1:{port}/")]);
    run.exits(3).says(&["was not changed"]);
    assert!(fs::read(sandbox.database()).unwrap() == before);
}

#[test]
fn an_address_of_another_scheme_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.say("db update --mirror ftp://example.org/").exits(2).says(&["ftp://example.org"]);
}

#[test]
fn credentials_of_an_address_are_not_shown() {
    let sandbox = Sandbox::empty();
    let server = Server::of(&Mirror::fixture());
    server.twist("PyPI/all.zip", Twist::Missing);
    let url = server.url().replace("http://", "http://user:hunter2@");
    let run = sandbox.run(["db", "update", "--mirror", &url]).exits(3);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    let server = Server::of(&Mirror::fixture());
    let url = server.url().replace("http://", "http://user:hunter2@");
    sandbox.run(["db", "update", "--mirror", &url]).exits(0);
    let status = sandbox.say("db status").exits(0);
    assert!(!status.stdout.contains("hunter2"), "{}", status.stdout);
}

#[test]
fn an_update_over_a_damaged_database_makes_a_whole_one() {
    let sandbox = Sandbox::empty();
    let server = Server::of(&Mirror::fixture());
    update(&sandbox, &server).exits(0);
    let mut bytes = fs::read(sandbox.database()).unwrap();
    let at = bytes.len() - 10;
    bytes[at] ^= 1;
    fs::write(sandbox.database(), bytes).unwrap();
    sandbox.say("db status --verify").exits(3);
    sandbox.run(["db", "update", "--full", "--mirror", &server.url()]).exits(0);
    sandbox.say("db status --verify").exits(0);
}
