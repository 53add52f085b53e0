use crate::harness::{CLEAN, Sandbox, VULNERABLE};

const HEAD: &str = "apiVersion: secgate.dev/v1\nkind: Config\n";

#[test]
fn the_configuration_is_looked_for_upwards() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("secgate.yaml", format!("{HEAD}stages: [source]\n"));
    sandbox.write("src/deep/x.py", "");
    let below = |line: &str| {
        let mut command = sandbox.command();
        command.args(line.split(' ')).current_dir(sandbox.path("src/deep"));
        command.output().unwrap()
    };
    // The folder of the configuration is judged, wherever inside it one stands.
    assert_eq!(below("run").status.code(), Some(1));
    assert_eq!(below("policy check").status.code(), Some(0));
    sandbox.write("src/secgate.yaml", format!("{HEAD}stages: [source]\npolicy: nowhere.yaml\n"));
    let nearest = below("run");
    assert_eq!(nearest.status.code(), Some(2), "{nearest:?}");
}

#[test]
fn paths_of_the_configuration_are_relative_to_it() {
    let sandbox = Sandbox::new();
    sandbox.write("project/requirements.txt", VULNERABLE);
    sandbox.write("project/app/requirements.txt", CLEAN);
    sandbox.write(
        "project/secgate.yaml",
        format!("{HEAD}stages: [source]\npath: app\nreports: {{ folder: out, formats: [json, sarif] }}\n"),
    );
    sandbox.say("run --config project/secgate.yaml").exits(0);
    assert!(
        sandbox.exists("project/out/report.json") && sandbox.exists("project/out/report.sarif")
    );
}

#[test]
fn audit_takes_the_configuration_of_its_target() {
    let sandbox = Sandbox::new();
    sandbox.write("project/requirements.txt", "demo-unfixed==1.0\n");
    sandbox.write("project/secgate.yaml", format!("{HEAD}policy: builtin:strict\n"));
    sandbox.say("audit project").exits(1);
    sandbox.say("audit project --policy builtin:default").exits(0);
}

#[test]
fn an_unknown_key_is_named_with_its_place() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("secgate.yaml", format!("{HEAD}stages: [source]\npolcy: x.yaml\n"));
    let run = sandbox.say("run").exits(2).says(&["secgate.yaml:4:1", "polcy"]);
    assert!(run.stdout.is_empty());
    sandbox.write("secgate.yaml", format!("{HEAD}reports:\n  fromats: [json]\n"));
    sandbox.say("audit .").exits(2).says(&["secgate.yaml:4:3", "fromats"]);
}

#[test]
fn an_unknown_stage_or_format_of_the_configuration_is_named() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("secgate.yaml", format!("{HEAD}stages: [sorce]\n"));
    sandbox.say("run").exits(2).says(&["sorce"]);
    sandbox
        .write("secgate.yaml", format!("{HEAD}stages: [source]\nreports: {{ formats: [pdf] }}\n"));
    sandbox.say("run").exits(2).says(&["pdf"]);
}

#[test]
fn a_policy_or_waiver_file_that_the_configuration_names_and_is_not_there_is_an_error() {
    let sandbox = Sandbox::with(CLEAN);
    for line in ["policy: nowhere.yaml", "waivers: [nowhere.yaml]", "vex: [nowhere.yaml]"] {
        sandbox.write("secgate.yaml", format!("{HEAD}stages: [source]\n{line}\n"));
        sandbox.say("run").exits(2).says(&["nowhere.yaml"]);
        sandbox.say("doctor").exits(3).says(&["nowhere.yaml"]);
    }
}

#[test]
fn doctor_says_what_is_missing() {
    let sandbox = Sandbox::empty();
    sandbox.say("doctor").exits(3).says(&["secgate init", "secgate db update"]);
    sandbox.put_database();
    sandbox.write("secgate.yaml", format!("{HEAD}stages: [source]\n"));
    sandbox.say("doctor").exits(0).says(&["secgate.yaml", "builtin:default"]);
    sandbox.commit("one");
    sandbox.say("doctor").exits(0).says(&["secgate hook install"]);
    sandbox.say("hook install").exits(0);
    sandbox.say("doctor").exits(0).says(&["pre-push hook"]);
    sandbox.write("secgate.yaml", "stages: [source\n");
    sandbox.say("doctor").exits(3).says(&["BAD"]);
}

#[test]
fn doctor_asks_the_policy_of_each_stage_how_old_its_data_may_be() {
    let sandbox = Sandbox::new();
    let policy = "apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: { name: x }\nextends: [\"builtin:default\"]\nevidence:\n";
    sandbox.write("policy.yaml", format!("{policy}  kev: {{ at_source: 1h }}\n"));
    sandbox.write("secgate.yaml", format!("{HEAD}stages: [source]\npolicy: policy.yaml\n"));
    let run = sandbox.say("doctor").exits(3);
    run.says(&["BAD  stage source, kev:", "allows 1h", "note stage source, advisories:"]);
    sandbox.say("run").exits(3);
    sandbox.write("policy.yaml", format!("{policy}  kev: 24h\n"));
    sandbox.say("doctor").exits(0).says(&["note stage source, kev:", "at their source"]);
    sandbox.write("secgate.yaml", format!("{HEAD}stages: [sorce]\npolicy: policy.yaml\n"));
    sandbox.say("doctor").exits(3).says(&["stage sorce: the policy has no such stage"]);
    // The starter set is enough where the policy says so.
    std::fs::remove_file(sandbox.database()).unwrap();
    let config = format!("{HEAD}stages: [source]\npolicy: policy.yaml\n");
    sandbox.write("secgate.yaml", config);
    sandbox.say("doctor").exits(3).says(&["run `secgate db update`"]);
    sandbox.write("policy.yaml", format!("{policy}  advisories: {{ starter: allow }}\n"));
    sandbox.say("doctor").exits(0).says(&["starter set; the policy allows that"]);
}
