use crate::harness::{CLEAN, Sandbox, VULNERABLE, hours_from_now};

const CONFIG: &str = "apiVersion: secgate.dev/v1\nkind: Config\nstages: [source]\n";

#[test]
fn audit_passes_on_a_clean_tree() {
    Sandbox::with(CLEAN).say("audit .").exits(0).says(&["PASS"]);
}

#[test]
fn audit_fails_on_a_vulnerable_tree_and_says_what_to_do() {
    Sandbox::with(VULNERABLE).say("audit .").exits(1).says(&[
        "FAIL",
        "CVE-2025-10001",
        "raise demo-web 1.0.0 to 2.0.0",
        "requirements.txt:1",
    ]);
}

#[test]
fn run_passes_fails_and_knows_its_stages() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("secgate.yaml", CONFIG);
    sandbox.say("run").exits(0).says(&["PASS"]);
    sandbox.write("requirements.txt", VULNERABLE);
    sandbox.say("run").exits(1).says(&["FAIL"]);
    sandbox.say("run --stage source").exits(1);
    sandbox.say("run --stage sorce").exits(2).says(&["no stage `sorce`", "source"]);
}

#[test]
fn run_without_a_stage_is_wrong_usage() {
    Sandbox::with(CLEAN).say("run").exits(2).says(&["secgate init"]);
}

#[test]
fn a_stage_whose_scanners_this_version_lacks_cannot_pass() {
    let sandbox = Sandbox::with(CLEAN);
    for stage in ["code", "image", "web", "deploy"] {
        sandbox.run(["run", "--stage", stage]).exits(3).says(&["ERROR"]);
    }
}

#[test]
fn one_stage_without_judgement_outweighs_one_that_passes_and_one_that_fails() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.say("run --stage source --stage code").exits(3);
    sandbox.write("requirements.txt", CLEAN);
    sandbox.say("run --stage code --stage source").exits(3);
}

#[test]
fn a_tree_without_dependencies_is_no_pass() {
    let sandbox = Sandbox::new();
    sandbox.say("audit .").exits(3);
    sandbox.write("README.md", "nothing here\n");
    sandbox.say("audit .").exits(3);
}

#[test]
fn a_target_that_is_not_there_is_no_pass() {
    Sandbox::new().say("audit nowhere").exits(3).says(&["nowhere"]);
}

#[test]
fn wrong_usage_ends_with_2() {
    let sandbox = Sandbox::with(CLEAN);
    for line in [
        "audti",
        "audit --no-such-option",
        "audit --format pdf",
        "audit --fail-on terrible",
        "audit -o sarif",
        "audit -o sarif=",
        "audit -o pdf=x",
        "audit --at yesterday",
        "gate report.json",
        "gate --stage source",
        "schema nothing",
        "completions tcsh",
        "db",
        "audit --policy nowhere.yaml",
        "audit --waivers nowhere.yaml",
        "audit --vex nowhere.json",
        "audit --config nowhere.yaml",
    ] {
        let run = sandbox.say(line).exits(2);
        assert!(run.stdout.is_empty(), "{line}: {}", run.stdout);
        assert!(!run.stderr.is_empty(), "{line}");
    }
}

#[test]
fn no_gate_reports_and_passes() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.say("audit . --no-gate").exits(0).says(&["CVE-2025-10001"]);
    let report = sandbox.say("audit . --no-gate --format json").exits(0).json();
    assert_eq!(report["gate"], false);
}

#[test]
fn no_gate_does_not_hide_wrong_usage_or_a_missing_target() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.say("audit . --no-gate --policy nowhere.yaml").exits(2);
    sandbox.say("audit nowhere --no-gate").exits(3);
}

#[test]
fn fail_on_a_severity_fails_whatever_the_rules_say() {
    let sandbox = Sandbox::with("demo-low==1.0\n");
    sandbox.say("audit .").exits(0);
    sandbox.say("audit . --fail-on critical").exits(0);
    sandbox.say("audit . --fail-on medium").exits(0);
    sandbox.say("audit . --fail-on low").exits(1).says(&["CVE-2025-10003"]);
    let unfixed = Sandbox::with("demo-unfixed==1.0\n");
    unfixed.say("audit .").exits(0);
    unfixed.say("audit . --fail-on high").exits(1);
}

#[test]
fn what_is_exploited_fails_whatever_its_severity() {
    Sandbox::with("demo-kev==1.0\n").say("audit .").exits(1).says(&["no-known-exploited"]);
    Sandbox::with("demo-epss==1.0\n").say("audit .").exits(1).says(&["likely-exploited"]);
    Sandbox::with("demo-gone==1.0\n").say("audit .").exits(0);
}

#[test]
fn every_ecosystem_of_the_database_is_judged() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"demo-crate\"\nversion = \"0.4.1\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n",
    );
    sandbox.say("audit .").exits(1).says(&["CVE-2025-10009"]);
    let sandbox = Sandbox::new();
    sandbox.write(
        "package-lock.json",
        r#"{"name":"x","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"x","version":"1.0.0","dependencies":{"demo-left":"^1.3.0"}},"node_modules/demo-left":{"version":"1.3.0"}}}"#,
    );
    sandbox.say("audit .").exits(1).says(&["CVE-2025-10008"]);
}

#[test]
fn an_ecosystem_that_the_database_does_not_hold_is_a_gap() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("Gemfile.lock", "GEM\n  remote: https://rubygems.org/\n  specs:\n    rake (13.0.0)\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n  rake\n");
    sandbox.say("audit .").exits(3).says(&["RubyGems"]);
    sandbox.write("secgate.yaml", format!("{CONFIG}audit: {{ accept_missing: [RubyGems] }}\n"));
    sandbox.say("audit .").exits(0);
}

#[test]
fn a_dependency_without_a_version_is_a_gap_unless_accepted() {
    let sandbox = Sandbox::with("demo-web\n");
    sandbox.say("audit .").exits(3).says(&["requirements.txt:1"]);
    sandbox.write("secgate.yaml", format!("{CONFIG}audit: {{ accept_unpinned: true }}\n"));
    sandbox.say("audit .").exits(0);
}

#[test]
fn advisories_that_are_too_old_are_no_evidence() {
    let sandbox = Sandbox::with(CLEAN);
    let at = hours_from_now(30);
    sandbox.run(["audit", ".", "--at", &at]).exits(3).says(&["secgate db update", "old"]);
    let long_ago = hours_from_now(-30);
    sandbox.run(["audit", ".", "--at", &long_ago]).exits(3).says(&["future"]);
}

#[test]
fn the_strict_policy_is_stricter() {
    let sandbox = Sandbox::with("demo-unfixed==1.0\n");
    sandbox.say("audit . --policy builtin:default").exits(0);
    sandbox.say("audit . --policy builtin:strict").exits(1);
    sandbox.say("audit . --policy builtin:lenient").exits(2);
}
