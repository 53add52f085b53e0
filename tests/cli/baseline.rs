use crate::harness::{CLEAN, Sandbox, VULNERABLE, hours_from_now};

/// Writes the report of the tree as it is to `before.json` beside it.
fn report(sandbox: &Sandbox) {
    sandbox.say("audit app --format table -o json=before.json");
}

fn app(requirements: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("app/requirements.txt", requirements);
    sandbox
}

#[test]
fn what_an_earlier_report_holds_is_not_new() {
    let sandbox = app(VULNERABLE);
    report(&sandbox);
    sandbox.say("audit app").exits(1);
    sandbox.say("audit app --baseline before.json").exits(0);
    sandbox.write("app/requirements.txt", "demo-web==1.0.0\ndemo-queue==4.0.0\n");
    let run = sandbox.say("audit app --baseline before.json --format json").exits(1);
    let report = run.json();
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["new"], finding["rule"] == "CVE-2025-10002", "{finding}");
    }
}

#[test]
fn one_more_of_the_same_is_new() {
    let sandbox = app(VULNERABLE);
    report(&sandbox);
    sandbox.write("app/service/requirements.txt", "demo-web==1.1.0\n");
    sandbox.say("audit app --baseline before.json").exits(1);
    report(&sandbox);
    sandbox.say("audit app --baseline before.json").exits(0);
}

#[test]
fn a_stage_that_counts_everything_ignores_the_baseline() {
    let sandbox = app(VULNERABLE);
    report(&sandbox);
    sandbox.say("audit app --baseline before.json --policy builtin:strict").exits(1);
}

#[test]
fn a_git_revision_is_a_baseline() {
    let sandbox = Sandbox::with(VULNERABLE);
    let first = sandbox.commit("one");
    sandbox.run(["audit", ".", "--baseline", &first]).exits(0);
    sandbox.say("audit . --baseline HEAD").exits(0);
    sandbox.write("requirements.txt", "demo-web==1.0.0\ndemo-queue==4.0.0\n");
    sandbox.say("audit . --baseline HEAD").exits(1).says(&["CVE-2025-10002"]);
    sandbox.commit("two");
    sandbox.say("audit . --baseline HEAD").exits(0);
    sandbox.say("audit . --baseline HEAD~1").exits(1);
    sandbox.say("audit . --baseline main").exits(0);
}

#[test]
fn a_revision_is_looked_at_in_the_folder_that_is_judged() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("a/requirements.txt", VULNERABLE);
    sandbox.write("b/requirements.txt", CLEAN);
    sandbox.commit("one");
    sandbox.write("b/requirements.txt", VULNERABLE);
    sandbox.say("audit a --baseline HEAD").exits(0);
    sandbox.say("audit b --baseline HEAD").exits(1);
}

#[test]
fn a_baseline_that_is_not_there_is_no_baseline() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.say("audit . --baseline nothing.json").exits(2).says(&["nothing.json"]);
    sandbox.commit("one");
    let run = sandbox.say("audit . --baseline no-such-branch");
    assert!(matches!(run.code, 2 | 3), "{run:?}");
    for hostile in ["--baseline=-x", "--baseline=--output=x", "--baseline=HEAD:x"] {
        let run = sandbox.run(["audit", ".", hostile]);
        assert!(matches!(run.code, 2 | 3), "{hostile}: {run:?}");
    }
    assert!(!sandbox.exists("x"));
}

#[test]
fn a_report_without_judgement_is_no_baseline() {
    let sandbox = app("demo-web==1.0.0\nthis is no requirement ???\n");
    report(&sandbox);
    sandbox.write("app/requirements.txt", VULNERABLE);
    sandbox.say("audit app --baseline before.json").exits(3).says(&["before.json", "incomplete"]);
}

#[test]
fn a_report_judged_on_stale_advisories_is_no_baseline() {
    let sandbox = app(VULNERABLE);
    let at = hours_from_now(72);
    sandbox.run(["audit", "app", "--at", &at, "-o", "json=before.json"]).exits(3);
    sandbox.say("audit app --baseline before.json").exits(3);
}

#[test]
fn a_revision_with_a_file_that_cannot_be_read_is_no_baseline() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("Cargo.lock", "version = 4\n[[package]]\nname = \n");
    sandbox.commit("broken");
    std::fs::remove_file(sandbox.path("Cargo.lock")).unwrap();
    sandbox.say("audit . --baseline HEAD").exits(3).says(&["incomplete"]);
}

#[test]
fn a_report_that_is_cut_off_or_foreign_is_no_baseline() {
    let sandbox = app(VULNERABLE);
    report(&sandbox);
    let whole = sandbox.read("before.json");
    for text in
        [&whole[..whole.len() / 2], "", "{}", "[]", "not json", "{\"schema\":\"secgate.report/9\"}"]
    {
        sandbox.write("cut.json", text);
        sandbox.say("audit app --baseline cut.json").exits(3).says(&["cut.json"]);
    }
}

#[test]
fn a_report_without_any_verdict_is_no_baseline() {
    let sandbox = app(VULNERABLE);
    report(&sandbox);
    let mut document: serde_json::Value =
        serde_json::from_str(&sandbox.read("before.json")).unwrap();
    for key in ["verdict", "verdicts"] {
        if document.get(key).is_some() {
            document[key] =
                if key == "verdict" { serde_json::Value::Null } else { serde_json::json!([]) };
        }
    }
    sandbox.write("bare.json", document.to_string());
    let run = sandbox.say("audit app --baseline bare.json");
    assert_eq!(run.code, 3, "{run:?}");
}

#[test]
fn gate_takes_a_report_as_baseline_too() {
    let sandbox = app(VULNERABLE);
    report(&sandbox);
    sandbox.say("gate --stage source before.json").exits(1);
    sandbox.say("gate --stage source before.json --baseline before.json").exits(0);
}
