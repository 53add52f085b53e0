use std::path::Path;

use crate::harness::{CLEAN, Sandbox, VULNERABLE};

const POLICY: &str = "apiVersion: secgate.dev/v1
kind: Policy
metadata: { name: x }
evidence: { advisories: 24h }
stages:
  source: { use: [high], against: all }
rules:
  high:
    title: High
    match: { kind: vulnerability, severity: \">=high\" }
    action: fail
    waivable: { max: 30d }
";

const TESTS: &str = "apiVersion: secgate.dev/v1
kind: PolicyTest
policy: policy.yaml
tests:
  - name: a high one fails
    stage: source
    at: 2026-06-01T00:00:00Z
    findings:
      - { kind: vulnerability, rule: CVE-2026-1, severity: high, package: \"pkg:pypi/a@1\" }
    expect: { decision: fail, rules: { high: fail } }
  - name: a low one passes
    stage: source
    at: 2026-06-01T00:00:00Z
    findings:
      - { kind: vulnerability, rule: CVE-2026-1, severity: low, package: \"pkg:pypi/a@1\" }
    expect: { decision: pass, rules: { high: pass } }
";

#[test]
fn check_accepts_a_good_policy() {
    let sandbox = Sandbox::empty();
    sandbox.write("policy.yaml", POLICY);
    sandbox.say("policy check policy.yaml").exits(0).says(&["ok"]);
    sandbox.say("policy check").exits(0).says(&["builtin:default"]);
    sandbox.say("policy check builtin:default builtin:strict").exits(0);
}

#[test]
fn check_names_every_fault_with_its_place() {
    let sandbox = Sandbox::empty();
    sandbox.write("policy.yaml", POLICY.replace("use: [high]", "use: [hihg]"));
    sandbox.say("policy check policy.yaml").exits(2).says(&["policy.yaml:6:", "hihg", "high"]);
    sandbox.write("policy.yaml", POLICY.replace("severity: \">=high\"", "severty: \">=high\""));
    sandbox.say("policy check policy.yaml").exits(2).says(&[
        "policy.yaml:10:",
        "severty",
        "severity",
    ]);
}

#[test]
fn an_unknown_stage_or_rule_is_wrong_usage() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("policy.yaml", POLICY.replace("[high]", "[high, hgih]"));
    sandbox.say("audit . --policy policy.yaml").exits(2).says(&["policy.yaml:6:", "hgih"]);
    sandbox.write("policy.yaml", POLICY.replace("source:", "sources:"));
    sandbox.say("audit . --policy policy.yaml").exits(2).says(&["source"]);
}

#[test]
fn a_policy_of_ones_own_decides() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("policy.yaml", POLICY);
    sandbox.say("audit . --policy policy.yaml").exits(1);
    sandbox
        .write("policy.yaml", POLICY.replace(">=high", ">=critical").replace("High", "Critical"));
    sandbox.say("audit . --policy policy.yaml").exits(0);
}

#[test]
fn policies_extend_one_another() {
    let sandbox = Sandbox::with("demo-unfixed==1.0\n");
    sandbox.write("base/policy.yaml", POLICY);
    sandbox.write(
        "policy.yaml",
        "apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: { name: y }\nextends: [base/policy.yaml]\n",
    );
    sandbox.say("audit . --policy policy.yaml").exits(1).says(&["base/policy.yaml"]);
}

#[test]
fn the_tests_of_the_shipped_policies_cover_every_rule_both_ways() {
    let sandbox = Sandbox::empty();
    sandbox.say("policy test").exits(0).says(&["passed, 0 failed"]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/tests");
    sandbox.run(["policy", "test", folder.to_str().unwrap()]).exits(0);
}

#[test]
fn policy_tests_pass_fail_and_report_what_nobody_tests() {
    let sandbox = Sandbox::empty();
    sandbox.write("policy.yaml", POLICY);
    sandbox.write("tests.yaml", TESTS);
    sandbox.say("policy test tests.yaml").exits(0).says(&["2 passed, 0 failed"]);
    sandbox.write("tests.yaml", TESTS.replace("severity: low", "severity: critical"));
    sandbox.say("policy test tests.yaml").exits(1).says(&["tests.yaml:", "a low one passes"]);
    let half = TESTS.split("  - name: a low").next().unwrap();
    sandbox.write("tests.yaml", half);
    sandbox.say("policy test tests.yaml").exits(1).says(&["high"]);
    sandbox.say("policy test tests.yaml --no-coverage").exits(0);
    sandbox.write("tests/empty.txt", "");
    sandbox.say("policy test tests").exits(2);
}

#[test]
fn explain_says_in_words_what_is_demanded() {
    let sandbox = Sandbox::empty();
    sandbox.say("policy explain").exits(0).says(&["source", "no-known-exploited"]);
    let one = sandbox.say("policy explain --stage web").exits(0);
    assert!(one.stdout.contains("web-high") && !one.stdout.contains("no-known-exploited"));
    sandbox.say("policy explain --stage wbe").exits(2).says(&["wbe"]);
    sandbox.write("policy.yaml", POLICY);
    sandbox.say("policy explain policy.yaml").exits(0).says(&["high or critical"]);
}

#[test]
fn the_digest_follows_the_content() {
    let sandbox = Sandbox::empty();
    let digest = |text: &str| {
        sandbox.write("policy.yaml", text);
        let run = sandbox.say("policy check policy.yaml").exits(0);
        run.stdout.split_whitespace().last().unwrap().to_owned()
    };
    let first = digest(POLICY);
    assert_eq!(first, digest(POLICY));
    assert_ne!(first, digest(&POLICY.replace("24h", "25h")));
}
