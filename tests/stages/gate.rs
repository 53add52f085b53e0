//! Reports of several tools, judged together.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{CLEAN, Sandbox, VULNERABLE, rules};

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reports");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// A policy that asks for the audit and takes a tool's report without the date of its advisories.
const POLICY: &str = "apiVersion: secgate.dev/v1
kind: Policy
metadata: { name: x }
tools: [trivy, bandit]
evidence:
  advisories: { max_age: 24h, undated_tools: allow }
stages:
  source: { use: [high], scanners: [audit], against: all }
  tools: { use: [high], scanners: [trivy], against: all }
  code: { use: [weak], scanners: [bandit], against: all }
rules:
  high: { title: High, match: { kind: vulnerability, severity: \">=high\" }, action: fail, waivable: { max: 30d } }
  weak: { title: Weak, match: { kind: code, severity: \">=high\" }, action: fail, waivable: { max: 30d } }
";

fn prepared() -> Sandbox {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("policy.yaml", POLICY);
    sandbox.say("audit . --no-gate -o json=own.json").exits(0);
    for name in ["trivy.json", "osv-scanner.json", "bandit.json", "good-bandit.json"] {
        sandbox.write(name, fixture(name));
    }
    sandbox
}

#[test]
fn a_report_of_our_own_is_judged_again() {
    let sandbox = prepared();
    sandbox.say("gate --stage source own.json").exits(1).says(&["CVE-2025-10001"]);
    sandbox.write("requirements.txt", CLEAN);
    sandbox.say("audit . -o json=clean.json").exits(0);
    sandbox.say("gate --stage source clean.json").exits(0);
    sandbox.say("gate --stage source clean.json own.json").exits(1);
}

#[test]
fn the_verdict_that_a_report_holds_does_not_count() {
    let sandbox = prepared();
    let mut report: Value = serde_json::from_str(&sandbox.read("own.json")).unwrap();
    let text = report.to_string().replace("\"outcome\":\"fail\"", "\"outcome\":\"pass\"");
    report = serde_json::from_str(&text).unwrap();
    sandbox.write("forged.json", report.to_string());
    sandbox.say("gate --stage source forged.json").exits(1);
}

#[test]
fn one_flaw_that_several_tools_saw_is_one_finding() {
    let sandbox = prepared();
    let report = sandbox
        .say("gate --stage source own.json trivy.json osv-scanner.json --policy policy.yaml --format json")
        .exits(1)
        .json();
    assert_eq!(rules(&report), ["CVE-2025-10001"], "{}", report["findings"]);
    let seen = report["findings"][0]["seen_by"].as_array().unwrap();
    assert_eq!(seen, &[json!("audit"), json!("osv-scanner"), json!("trivy")]);
}

#[test]
fn reports_of_other_tools_are_judged_alone() {
    let sandbox = prepared();
    sandbox
        .say("gate --stage tools trivy.json --policy policy.yaml")
        .exits(1)
        .says(&["CVE-2025-10001"]);
    sandbox.say("gate --stage code bandit.json --policy policy.yaml").exits(1).says(&["B602"]);
    sandbox.say("gate --stage code good-bandit.json --policy policy.yaml").exits(0);
}

#[test]
fn a_tool_that_does_not_date_its_advisories_needs_the_policys_leave() {
    let sandbox = prepared();
    let strict = POLICY.replace(", undated_tools: allow", "");
    sandbox.write("dated.yaml", strict);
    sandbox.say("gate --stage tools trivy.json --policy dated.yaml").exits(3).says(&["trivy"]);
}

#[test]
fn a_stage_without_its_scanners_report_cannot_pass() {
    let sandbox = prepared();
    sandbox.say("gate --stage code own.json --policy policy.yaml").exits(3).says(&["bandit"]);
    sandbox.say("gate --stage tools good-bandit.json --policy policy.yaml").exits(3);
    sandbox.say("gate --stage nothing own.json").exits(2).says(&["nothing"]);
}

#[test]
fn a_report_cut_off_anywhere_cannot_pass() {
    let sandbox = prepared();
    sandbox.write("requirements.txt", CLEAN);
    sandbox.say("audit . -o json=own.json").exits(0);
    for (name, stage) in
        [("own.json", "source"), ("trivy.json", "tools"), ("good-bandit.json", "code")]
    {
        let whole = sandbox.read(name);
        let whole = whole.trim_end();
        for length in (0..whole.len()).step_by(whole.len() / 12 + 1).chain([whole.len() - 1]) {
            if !whole.is_char_boundary(length) {
                continue;
            }
            sandbox.write("cut.json", &whole[..length]);
            sandbox
                .run(["gate", "--stage", stage, "cut.json", "--policy", "policy.yaml"])
                .exits(3)
                .says(&["cut.json"]);
        }
    }
}

#[test]
fn a_report_that_is_not_there_or_no_report_cannot_pass() {
    let sandbox = prepared();
    sandbox.say("gate --stage source nowhere.json").exits(3).says(&["nowhere.json"]);
    for text in ["[]", "{}", "null", "7", "\"x\"", "<html></html>", "{\"results\":[]}"] {
        sandbox.write("odd.json", text);
        sandbox.say("gate --stage source odd.json").exits(3).says(&["odd.json"]);
    }
    sandbox.write("odd.json", b"\xff\xfe{\0}\0");
    sandbox.say("gate --stage source odd.json").exits(3);
    sandbox.say("gate --stage source .").exits(3);
}

#[test]
fn a_report_of_incomplete_evidence_cannot_pass() {
    let sandbox = prepared();
    sandbox.write("requirements.txt", "demo-web==2.0.0\n???\n");
    sandbox.say("audit . --no-gate -o json=partial.json").exits(0);
    sandbox.say("gate --stage source partial.json").exits(3).says(&["requirements.txt:2"]);
    sandbox.write("requirements.txt", CLEAN);
    sandbox.say("audit . -o json=clean.json").exits(0);
    // A complete report beside it does not heal it, in either order.
    sandbox.say("gate --stage source clean.json partial.json").exits(3);
    sandbox.say("gate --stage source partial.json clean.json").exits(3);
}

#[test]
fn reports_about_two_images_are_not_one_subject() {
    let sandbox = prepared();
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    for (name, letter) in [("a.json", "a"), ("b.json", "b")] {
        let mut report: Value = serde_json::from_str(&sandbox.read("own.json")).unwrap();
        report["target"]["digest"] = digest(letter).into();
        sandbox.write(name, report.to_string());
    }
    sandbox.say("gate --stage source a.json a.json").exits(1);
    sandbox.say("gate --stage source a.json b.json").exits(3).says(&["b.json", "one subject"]);
}

#[test]
fn an_old_report_is_stale_evidence() {
    let sandbox = prepared();
    let at = crate::harness::hours_from_now(48);
    sandbox.run(["gate", "--stage", "source", "own.json", "--at", &at]).exits(3).says(&["old"]);
}

#[test]
fn findings_that_no_rule_looks_at_are_said_in_every_report() {
    let sandbox = prepared();
    let blind = POLICY
        .lines()
        .filter(|line| !line.contains("weak"))
        .map(|line| line.replace("scanners: [trivy]", "scanners: [trivy, bandit]") + "\n")
        .collect::<String>();
    sandbox.write("blind.yaml", blind);
    for format in ["table", "markdown", "sarif", "gitlab", "github", "html", "junit", "json"] {
        let line = format!(
            "gate --stage tools trivy.json bandit.json --policy blind.yaml --format {format}"
        );
        let text = sandbox.say(&line).stdout;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("no rule of the stage tools looks at that kind"), "{format}: {text}");
        let line = line.replace("blind", "policy").replace("trivy.json bandit.json", "trivy.json");
        assert!(!sandbox.say(&line).stdout.contains("no rule of the stage"), "{format}");
    }
    let check = sandbox.say("policy check builtin:default policy.yaml").exits(0);
    assert!(!check.stdout.contains("warning"), "{}", check.stdout);
    let image = POLICY.replace("scanners: [audit]", "scanners: [audit, image]");
    sandbox.write("image.yaml", image);
    let check = sandbox.say("policy check image.yaml").exits(0);
    check.says(&["warning: image.yaml:8:1", "none of its rules looks at findings of kind secret"]);
}
