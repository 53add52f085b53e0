use crate::harness::Sandbox;

#[test]
fn completions_for_every_common_shell() {
    let sandbox = Sandbox::empty();
    for shell in ["bash", "zsh", "fish"] {
        let run = sandbox.run(["completions", shell]).exits(0);
        assert!(run.stdout.contains("push-scan") && run.stdout.contains("fail-on"), "{shell}");
        assert!(run.stderr.is_empty());
    }
}

#[test]
fn the_bash_completion_is_a_script_that_bash_takes() {
    let sandbox = Sandbox::empty();
    let script = sandbox.say("completions bash").exits(0).stdout;
    let path = sandbox.write("secgate.bash", script);
    let bash = std::path::Path::new("bash");
    assert!(sandbox.program(bash).arg("-n").arg(path).status().unwrap().success());
}

#[test]
fn a_man_page_for_every_verb() {
    let sandbox = Sandbox::empty();
    sandbox.say("man out/man1").exits(0);
    for page in
        ["secgate", "secgate-run", "secgate-audit", "secgate-db-update", "secgate-push-scan"]
    {
        let text = sandbox.read(&format!("out/man1/{page}.1"));
        assert!(text.contains(".TH") && text.contains(".SH"), "{page}");
    }
}

#[test]
fn every_verb_has_help_of_at_most_a_hundred_columns() {
    let sandbox = Sandbox::empty();
    for verb in [
        "",
        "run",
        "audit",
        "image",
        "sbom",
        "sbom diff",
        "sbom merge",
        "gate",
        "policy",
        "policy check",
        "policy test",
        "policy explain",
        "explain",
        "waive",
        "db",
        "db update",
        "db status",
        "db build",
        "db push",
        "db pull",
        "init",
        "hook",
        "hook install",
        "push-scan",
        "doctor",
        "completions",
        "man",
        "schema",
    ] {
        let run = sandbox.say(&format!("{verb} --help")).exits(0);
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= 100, "{verb}: {line}");
        }
    }
    sandbox.say("--version").exits(0).says(&["secgate 0."]);
}

#[test]
fn every_schema_is_json() {
    let sandbox = Sandbox::empty();
    for name in ["report", "policy", "policy-test", "waivers", "sbom-diff"] {
        let schema = sandbox.run(["schema", name]).exits(0).json();
        assert!(schema["$schema"].is_string(), "{name}");
        jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_published_schemas_are_those_that_the_program_prints() {
    let sandbox = Sandbox::empty();
    for (name, path) in [
        ("report", "reports/schema/report-1.schema.json"),
        ("policy", "policies/schema/policy.schema.json"),
        ("policy-test", "policies/schema/policy-test.schema.json"),
        ("waivers", "policies/schema/waivers.schema.json"),
        ("sbom-diff", "reports/schema/sbom-diff-1.schema.json"),
    ] {
        let published = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        assert_eq!(
            std::fs::read_to_string(published).unwrap(),
            sandbox.run(["schema", name]).stdout
        );
    }
}
