//! A wrong pass is the worst fault. Every file here is broken in one way, and the program runs over each: none ends in 0.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::harness::{CLEAN, Sandbox};

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The files of a folder whose names begin so, sorted.
fn files(path: &str, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder(path))
        .unwrap()
        .map(|item| item.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix))
        .collect();
    found.sort();
    found
}

/// What the first line of a file expects: a line, 0 for anywhere, and a part of the message.
fn expected(text: &str) -> (u32, String) {
    let first = text.lines().next().unwrap_or_default();
    let (line, message) = first.strip_prefix("# expect: ").unwrap().split_once(':').unwrap();
    (line.parse().unwrap(), message.trim().to_owned())
}

const POLICIES: &str = "gate/policy/testdata/broken";
const OWN: &str = "tests/fixtures/broken";

#[test]
fn the_corpus_is_as_large_as_it_should_be() {
    assert!(files(OWN, "").len() >= 60, "{}", files(OWN, "").len());
    assert!(files(POLICIES, "").len() >= 100);
}

#[test]
fn broken_policies() {
    let sandbox = Sandbox::with(CLEAN);
    for path in files(POLICIES, "policy-") {
        let path = path.to_str().unwrap();
        let (line, message) = expected(&fs::read_to_string(path).unwrap());
        let place = format!(":{line}:");
        sandbox.run(["audit", ".", "--policy", path]).exits(2).says(&[&place, &message]);
    }
}

#[test]
fn broken_policies_do_not_pass_the_check_either() {
    let sandbox = Sandbox::empty();
    for path in files(POLICIES, "policy-") {
        sandbox.run(["policy", "check", path.to_str().unwrap()]).exits(2);
    }
}

#[test]
fn broken_policy_tests() {
    let sandbox = Sandbox::empty();
    for path in files(POLICIES, "test-") {
        let path = path.to_str().unwrap();
        let (line, message) = expected(&fs::read_to_string(path).unwrap());
        let place = format!(":{line}:");
        sandbox.run(["policy", "test", path]).exits(2).says(&[&place, &message]);
    }
}

#[test]
fn broken_waivers() {
    let sandbox = Sandbox::with(CLEAN);
    for path in files(POLICIES, "waiver-") {
        let path = path.to_str().unwrap();
        let (line, message) = expected(&fs::read_to_string(path).unwrap());
        let place = format!(":{line}:");
        sandbox.run(["audit", ".", "--waivers", path]).exits(2).says(&[&place, &message]);
        // Not even where nothing is gated: what the report would say of waived findings would be wrong.
        sandbox.run(["audit", ".", "--no-gate", "--waivers", path]).exits(2);
    }
}

#[test]
fn broken_vex_documents() {
    let sandbox = Sandbox::with(CLEAN);
    for path in files(POLICIES, "vex-") {
        let text = fs::read_to_string(&path).unwrap();
        let (_, message) = expected(&text);
        // JSON has no comments: the first line is taken away.
        sandbox.write("vex.json", text.split_once('\n').unwrap().1);
        sandbox.say("audit . --vex vex.json").exits(2).says(&["vex.json:", &message]);
    }
}

#[test]
fn broken_configurations() {
    let sandbox = Sandbox::with(CLEAN);
    for path in files(OWN, "config-") {
        let bytes = fs::read(&path).unwrap();
        let (line, message) = expected(&String::from_utf8_lossy(&bytes));
        sandbox.write("secgate.yaml", &bytes);
        let name = path.file_name().unwrap().to_str().unwrap();
        let run = sandbox.say("run").exits(2).says(&[&message]);
        if line > 0 {
            let place = format!("secgate.yaml:{line}:");
            assert!(run.stderr.contains(&place), "{name}: {}", run.stderr);
        }
    }
}

#[test]
fn broken_reports() {
    let sandbox = Sandbox::empty();
    let policy = folder("tests/fixtures/reports/policy.yaml");
    let gate = |stage: &str, path: &Path| {
        let (policy, path) = (policy.to_str().unwrap(), path.to_str().unwrap());
        sandbox.run([
            "gate",
            "--stage",
            stage,
            "--policy",
            policy,
            "--at",
            "2026-10-01T01:00:00Z",
            path,
        ])
    };
    // The whole ones pass: what follows is refused for its fault and nothing else.
    for path in files("tests/fixtures/reports", "good-") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        gate(name.strip_prefix("good-").unwrap(), &path).exits(0);
    }
    for path in files(OWN, "report-") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let tool = name.split('_').next().unwrap().strip_prefix("report-").unwrap();
        let run = gate(tool, &path);
        assert!(matches!(run.code, 1 | 3), "{name}: {run:#?}");
        assert!(!run.stderr.contains("panicked"), "{name}: {run:#?}");
        if name.contains("_finding-") {
            continue;
        }
        assert_eq!(run.code, 3, "{name}: {run:#?}");
    }
}

#[test]
fn broken_reports_are_no_baselines_either() {
    let sandbox = Sandbox::with("demo-web==1.0.0\n");
    for path in files(OWN, "report-own_") {
        let run = sandbox.run(["audit", ".", "--baseline", path.to_str().unwrap()]);
        assert!(matches!(run.code, 1 | 3), "{}: {run:#?}", path.display());
    }
}
