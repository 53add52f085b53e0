use crate::harness::{CLEAN, Sandbox, VULNERABLE};

#[test]
fn a_finding_is_explained_by_any_of_its_names() {
    let sandbox = Sandbox::with(VULNERABLE);
    let report = sandbox.say("audit . --format json").exits(1).json();
    let fingerprint = report["findings"][0]["fingerprint"].as_str().unwrap().to_owned();
    for name in [
        "CVE-2025-10001",
        "cve-2025-10001",
        "PYSEC-2025-101",
        "demo-web",
        "pkg:pypi/demo-web@1.0.0",
        &fingerprint,
        &fingerprint[..12],
    ] {
        sandbox.run(["explain", name]).exits(1).says(&[
            "CVE-2025-10001",
            "requirements.txt:1",
            "fixable-high",
            "2.0.0",
        ]);
    }
}

#[test]
fn a_finding_that_does_not_block_is_explained_with_0() {
    let sandbox = Sandbox::with("demo-low==1.0\n");
    sandbox.say("explain CVE-2025-10003").exits(0).says(&["low"]);
}

#[test]
fn a_name_that_nothing_has_is_wrong_usage() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.say("explain CVE-2025-10001").exits(2).says(&["CVE-2025-10001"]);
    sandbox.say("explain CVE-2025-10001 --stage nothing").exits(2);
}

#[test]
fn a_report_is_explained_without_scanning() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.say("audit . -o json=out/r.json").exits(1);
    sandbox.write("requirements.txt", CLEAN);
    sandbox.say("explain CVE-2025-10001 --report out/r.json").exits(1).says(&["fixable-high"]);
    sandbox.write("cut.json", &sandbox.read("out/r.json")[..200]);
    sandbox.say("explain CVE-2025-10001 --report cut.json").exits(3).says(&["cut.json"]);
}

#[test]
fn what_explain_does_not_do_is_refused() {
    let sandbox = Sandbox::with(VULNERABLE);
    for options in ["--format json", "-o json=x.json", "--format html"] {
        let run = sandbox.say(&format!("explain CVE-2025-10001 {options}")).exits(2);
        assert!(run.stdout.is_empty() && !sandbox.exists("x.json"));
        run.says(&["--format", "audit"]);
    }
    sandbox.say("explain CVE-2025-10001 --format table").exits(1);
}

#[test]
fn a_baseline_counts_in_an_explanation() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.commit("one");
    sandbox.say("audit . -o json=before.json").exits(1);
    sandbox.say("explain CVE-2025-10001").exits(1);
    sandbox.say("explain CVE-2025-10001 --baseline HEAD").exits(0).says(&["baseline"]);
    sandbox.say("explain CVE-2025-10001 --baseline before.json").exits(0);
    sandbox.say("explain CVE-2025-10001 --report before.json").exits(1);
    sandbox.say("explain CVE-2025-10001 --report before.json --baseline before.json").exits(0);
    sandbox.say("explain CVE-2025-10001 --report before.json --baseline HEAD").exits(2);
    sandbox.say("explain CVE-2025-10001 --baseline nowhere").exits(3);
}
