use std::{
    fs,
    process::{Child, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    harness::{Run, Sandbox, VULNERABLE, build},
    mirror::{EPSS, KEV, Mirror},
    server::{Server, Twist},
};

fn start_update(sandbox: &Sandbox, server: &Server) -> Child {
    sandbox
        .command()
        .args(["db", "update", "--full", "--mirror", &server.url()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The database is whole and judges as it should, whichever version it is.
#[track_caller]
fn check_usable(sandbox: &Sandbox) {
    sandbox.say("db status --verify").exits(0);
    sandbox.say("audit .").exits(1).says(&["CVE-2025-10001"]);
}

#[test]
fn killed_while_any_part_arrives_the_old_database_stays() {
    for part in ["ecosystems.txt", "PyPI/modified_id.csv", "PyPI/all.zip", "npm/all.zip", KEV, EPSS]
    {
        let sandbox = Sandbox::with(VULNERABLE);
        let before = fs::read(sandbox.database()).unwrap();
        let server = Server::of(&Mirror::fixture());
        server.twist(part, Twist::Hangs);
        let mut child = start_update(&sandbox, &server);
        server.wait_for_hanging();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(fs::read(sandbox.database()).unwrap() == before, "{part}");
        check_usable(&sandbox);
        let fresh = Server::of(&Mirror::fixture());
        sandbox.run(["db", "update", "--mirror", &fresh.url()]).exits(0);
    }
}

#[test]
fn killed_while_the_new_file_is_written_either_database_is_whole() {
    let sandbox = Sandbox::with(VULNERABLE);
    let mut mirror = Mirror::fixture();
    // Large enough that writing it takes a moment.
    let records = mirror.records.get_mut("npm").unwrap();
    let template = records["GHSA-demo-left-high"].clone();
    for number in 0..3000 {
        let mut record = template.clone();
        record["id"] = format!("GHSA-demo-{number:04}-many").into();
        record["aliases"] = serde_json::json!([]);
        record["affected"][0]["package"]["name"] = format!("demo-many-{number}").into();
        records.insert(format!("GHSA-demo-{number:04}-many"), record);
    }
    let server = Server::of(&mirror);
    let folder = sandbox.database().parent().unwrap().to_owned();
    for _ in 0..5 {
        let mut child = start_update(&sandbox, &server);
        let deadline = Instant::now() + Duration::from_secs(30);
        // Until the new file shows up beside the old one, or was too quick to be seen.
        while child.try_wait().unwrap().is_none() {
            let seen = fs::read_dir(&folder)
                .unwrap()
                .flatten()
                .any(|item| item.file_name().to_string_lossy().starts_with(".secgate-db-"));
            if seen {
                let _ = child.kill();
                break;
            }
            assert!(Instant::now() < deadline, "the update does not end");
            thread::yield_now();
        }
        child.wait().unwrap();
        check_usable(&sandbox);
    }
}

#[test]
fn many_processes_read_one_database_while_it_is_replaced() {
    let sandbox = Sandbox::with(VULNERABLE);
    let mut other = Mirror::fixture();
    other.record("GHSA-demo-low1-lowx")["summary"] = "another text".into();
    let versions = [build(&Mirror::fixture()), build(&other)];
    let database = sandbox.database();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0;
            while !done.load(Ordering::Relaxed) {
                let fresh = database.with_extension("new");
                fs::write(&fresh, &versions[turn % 2]).unwrap();
                fs::rename(&fresh, &database).unwrap();
                turn += 1;
            }
        });
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let child = sandbox
                    .command()
                    .args(["audit", ".", "--format", "json"])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                scope.spawn(move || Run::of(child.wait_with_output().unwrap(), "audit".to_owned()))
            })
            .collect();
        let runs: Vec<Run> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        done.store(true, Ordering::Relaxed);
        for run in runs {
            let report = run.exits(1).json();
            assert_eq!(report["findings"].as_array().unwrap().len(), 1);
        }
    });
}

#[test]
fn updates_at_the_same_time_leave_a_whole_database() {
    let sandbox = Sandbox::with(VULNERABLE);
    let server = Server::of(&Mirror::fixture());
    let mut children: Vec<Child> = (0..4).map(|_| start_update(&sandbox, &server)).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    check_usable(&sandbox);
}
