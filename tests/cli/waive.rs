use crate::harness::{Sandbox, VULNERABLE, hours_from_now};

const CONFIG: &str =
    "apiVersion: secgate.dev/v1\nkind: Config\nstages: [source]\nwaivers: [secgate-waivers.yaml]\n";

/// A file with one waiver of something else.
const OTHER: &str = "apiVersion: secgate.dev/v1
kind: Waivers
waivers:
  - id: W-2020-001
    match: { vuln: CVE-2020-1 }
    reason: A reason
    owner: a@example.org
    created: 2099-06-01
    expires: 2100-01-01
";

fn prepared() -> Sandbox {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("secgate.yaml", CONFIG);
    sandbox.write("secgate-waivers.yaml", OTHER);
    sandbox
}

fn waive(sandbox: &Sandbox, id: &str, more: &[&str]) -> crate::harness::Run {
    let mut args = vec!["waive", id, "--reason", "not reachable here", "--owner", "me@example.org"];
    args.extend(more);
    sandbox.run(args)
}

#[test]
fn a_waived_finding_lets_the_stage_pass_and_stays_visible() {
    let sandbox = prepared();
    sandbox.say("run").exits(1);
    waive(&sandbox, "CVE-2025-10001", &["--expires", "20d"]).exits(0);
    let report = sandbox.say("run --format json").exits(0).json();
    let finding = &report["findings"][0];
    assert_eq!(finding["rule"], "CVE-2025-10001");
    assert!(finding["waiver"].is_object() || finding["waiver"].is_string(), "{finding}");
    sandbox.say("run").exits(0).says(&["waived"]);
}

#[test]
fn an_alias_and_a_fingerprint_waive_as_well() {
    let sandbox = prepared();
    waive(&sandbox, "PYSEC-2025-101", &["--expires", "20d", "--package", "pkg:pypi/demo-web"])
        .exits(0);
    sandbox.say("run").exits(0);
    let sandbox = prepared();
    let report = sandbox.say("run --format json").exits(1).json();
    let fingerprint = report["findings"][0]["fingerprint"].as_str().unwrap();
    waive(&sandbox, fingerprint, &["--expires", "20d"]).exits(0);
    sandbox.say("run").exits(0);
}

#[test]
fn a_waiver_for_another_package_does_not_help() {
    let sandbox = prepared();
    waive(&sandbox, "CVE-2025-10001", &["--expires", "20d", "--package", "pkg:pypi/demo-queue"])
        .exits(0);
    sandbox.say("run").exits(1);
}

#[test]
fn an_expired_waiver_no_longer_counts() {
    let sandbox = prepared();
    let then = hours_from_now(-24 * 40);
    waive(&sandbox, "CVE-2025-10001", &["--expires", "30d", "--at", &then]).exits(0);
    sandbox.say("run").exits(1).says(&["expired"]);
    let sandbox = prepared();
    waive(&sandbox, "CVE-2025-10001", &["--expires", "1d", "--at", &hours_from_now(-10)]).exits(0);
    sandbox.run(["run", "--at", &hours_from_now(13)]).exits(0);
    sandbox.run(["run", "--at", &hours_from_now(15)]).exits(1);
}

#[test]
fn an_expiry_that_is_no_future_date_is_refused() {
    let sandbox = prepared();
    let before = sandbox.read("secgate-waivers.yaml");
    for expires in ["2020-01-01", "0d", "yesterday", "-3d", "never", "", "2026-02-30", "1e9d"] {
        waive(&sandbox, "CVE-2025-10001", &["--expires", expires]).exits(2);
    }
    assert_eq!(sandbox.read("secgate-waivers.yaml"), before);
}

#[test]
fn a_waiver_without_reason_owner_or_expiry_is_refused() {
    let sandbox = prepared();
    let before = sandbox.read("secgate-waivers.yaml");
    sandbox.say("waive CVE-2025-10001 --owner me --expires 5d").exits(2);
    sandbox.say("waive CVE-2025-10001 --reason x --expires 5d").exits(2);
    sandbox.say("waive CVE-2025-10001 --reason x --owner me").exits(2);
    sandbox
        .run(["waive", "CVE-2025-10001", "--reason", " ", "--owner", "me", "--expires", "5d"])
        .exits(2);
    waive(&sandbox, "CVE-*", &["--expires", "5d"]).exits(2);
    waive(&sandbox, "*", &["--expires", "5d"]).exits(2);
    waive(&sandbox, "CVE-2025-10001", &["--expires", "5d", "--package", "pkg:pypi/*"]).exits(2);
    assert_eq!(sandbox.read("secgate-waivers.yaml"), before);
}

#[test]
fn comments_and_order_of_the_file_are_kept() {
    let sandbox = prepared();
    let head = "# Reviewed every Monday.\napiVersion: secgate.dev/v1\nkind: Waivers\nwaivers:\n  # Said in the meeting.\n  - id: W-2020-001\n    match: { vuln: CVE-2020-1 }   # see there\n    reason: \"quoted: text\"\n    owner: a@example.org\n    created: 2099-06-01\n    expires: 2100-01-01\n";
    sandbox.write("secgate-waivers.yaml", head);
    waive(&sandbox, "CVE-2025-10001", &["--expires", "20d"]).exits(0);
    let text = sandbox.read("secgate-waivers.yaml");
    assert!(text.starts_with(head), "{text}");
    sandbox.say("policy check").exits(0).says(&["waivers: ok, 2"]);
    waive(&sandbox, "CVE-2025-10002", &["--expires", "20d"]).exits(0);
    assert!(sandbox.read("secgate-waivers.yaml").starts_with(&text));
}

#[test]
fn texts_of_a_waiver_cannot_break_out_of_it() {
    let sandbox = prepared();
    sandbox.write("secgate-waivers.yaml", "# None yet.\n");
    let reason = "fine\"\n- id: W-9\n  match: { vuln: CVE-1-1 }\n#: {}";
    sandbox
        .run(["waive", "CVE-2025-10001", "--reason", reason, "--owner", "a: b", "--expires", "5d"])
        .exits(0);
    sandbox.say("policy check").exits(0).says(&["waivers: ok, 1"]);
}

#[test]
fn a_first_waiver_makes_the_file() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("secgate.yaml", CONFIG);
    waive(&sandbox, "CVE-2025-10001", &["--expires", "20d"]).exits(0);
    sandbox.say("run").exits(0);
}

#[test]
fn a_first_waiver_goes_into_an_empty_list() {
    let sandbox = prepared();
    let head = "# None today.\napiVersion: secgate.dev/v1\nkind: Waivers\n";
    sandbox.write("secgate-waivers.yaml", format!("{head}waivers: []\n"));
    sandbox.say("run").exits(1);
    waive(&sandbox, "CVE-2025-10001", &["--expires", "20d"]).exits(0);
    assert!(sandbox.read("secgate-waivers.yaml").starts_with(head));
    sandbox.say("run").exits(0);
}

#[test]
fn a_file_that_is_not_listed_is_said_not_to_count() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("secgate.yaml", "apiVersion: secgate.dev/v1\nkind: Config\nstages: [source]\n");
    waive(&sandbox, "CVE-2025-10001", &["--expires", "20d"]).exits(0).says(&["does not count yet"]);
    sandbox.say("run").exits(1);
}

#[test]
fn a_waiver_of_something_that_nobody_found_is_reported() {
    let sandbox = prepared();
    waive(&sandbox, "CVE-1999-0001", &["--expires", "20d"]).exits(0);
    let report = sandbox.say("run --format json").exits(1).json();
    let notices = report["verdict"]["notices"].as_array().unwrap();
    let unused = notices.iter().filter(|notice| notice["kind"] == "unused").count();
    assert_eq!(unused, 2, "{notices:#?}");
}

#[test]
fn a_waiver_longer_than_the_policy_allows_does_not_count() {
    let sandbox = prepared();
    waive(&sandbox, "CVE-2025-10001", &["--expires", "300d"]).exits(0);
    sandbox.say("run").exits(1);
}

#[test]
fn a_broken_waiver_file_is_not_written_to() {
    let sandbox = prepared();
    sandbox.write("secgate-waivers.yaml", "waivers: [\n");
    waive(&sandbox, "CVE-2025-10001", &["--expires", "20d"])
        .exits(2)
        .says(&["secgate-waivers.yaml"]);
    assert_eq!(sandbox.read("secgate-waivers.yaml"), "waivers: [\n");
}

#[test]
fn a_vex_document_waives_too() {
    let sandbox = Sandbox::with(VULNERABLE);
    let vex = |status: &str, more: &str| {
        format!(
            r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.org/vex/1","author":"me@example.org","timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[{{"vulnerability":{{"name":"CVE-2025-10001"}},"products":[{{"@id":"pkg:pypi/demo-web@1.0.0"}}],"status":"{status}"{more}}}]}}"#
        )
    };
    sandbox.write(
        "vex.json",
        vex("not_affected", r#","justification":"vulnerable_code_not_in_execute_path""#),
    );
    sandbox.say("audit . --vex vex.json").exits(0);
    sandbox.write("vex.json", vex("affected", r#","action_statement":"raise it""#));
    sandbox.say("audit . --vex vex.json").exits(1);
    sandbox.write("vex.json", vex("under_investigation", ""));
    sandbox.say("audit . --vex vex.json").exits(1);
    sandbox.write("vex.json", vex("not_affected", ""));
    sandbox.say("audit . --vex vex.json").exits(2).says(&["vex.json"]);
}
