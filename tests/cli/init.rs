use crate::harness::Sandbox;

fn flask() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("app.py", "from flask import Flask\napp = Flask(__name__)\n");
    sandbox.write("requirements.txt", "demo-web==2.0.0\ndemo-queue==4.1.0\n");
    sandbox.write("templates/index.html", "<p>hello</p>\n");
    sandbox
}

#[test]
fn a_fresh_project_is_set_up_and_judged() {
    let sandbox = flask();
    sandbox.say("init").exits(0).says(&["requirements.txt", "secgate run"]);
    let config = sandbox.read("secgate.yaml");
    assert!(config.contains("requirements.txt") && config.contains("# "), "{config}");
    sandbox.say("policy check").exits(0);
    sandbox.say("run").exits(0).says(&["PASS", "secgate-reports"]);
    for file in ["report.json", "report.html", "report.sarif", "report.junit.xml"] {
        assert!(sandbox.exists(&format!("secgate-reports/{file}")), "{file}");
    }
    // Its own reports do not become part of the next run.
    sandbox.say("run").exits(0);
    sandbox.write("requirements.txt", "demo-queue==4.0.0\n");
    sandbox.say("run").exits(1).says(&["CVE-2025-10002"]);
}

#[test]
fn what_init_writes_is_a_valid_configuration_and_policy_of_any_project() {
    let sandbox = Sandbox::new();
    sandbox.say("init").exits(0).says(&["nothing to look at"]);
    sandbox.say("policy check").exits(0);
    sandbox.say("run").exits(3);
}

#[test]
fn a_strange_file_name_does_not_break_the_configuration() {
    let sandbox = flask();
    sandbox.write("a\nstages: [nothing]\n#/requirements.txt", "demo-web==2.0.0\n");
    sandbox.say("init").exits(0);
    sandbox.say("run").exits(0);
}

#[test]
fn init_does_not_overwrite() {
    for name in ["secgate.yaml", "secgate-policy.yaml"] {
        let sandbox = flask();
        sandbox.write(name, "mine\n");
        sandbox.say("init").exits(2).says(&[name, "--force"]);
        assert_eq!(sandbox.read(name), "mine\n");
        let other = if name == "secgate.yaml" { "secgate-policy.yaml" } else { "secgate.yaml" };
        assert!(!sandbox.exists(other), "half a setup was written");
        sandbox.say("init --force").exits(0);
        sandbox.say("run").exits(0);
    }
}

#[test]
fn init_needs_a_folder() {
    let sandbox = Sandbox::empty();
    sandbox.say("init nowhere").exits(2).says(&["nowhere"]);
    sandbox.write("file", "");
    sandbox.say("init file").exits(2);
}
