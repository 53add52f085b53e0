use crate::harness::{CLEAN, Sandbox, VULNERABLE};

const ZERO: &str = "0000000000000000000000000000000000000000";

fn config(exclude: &str) -> String {
    format!(
        "apiVersion: secgate.dev/v1\nkind: Config\nstages: [source]\npath: app\nexclude: [{exclude}]\n"
    )
}

/// `run` and `push-scan` of the same commit say the same.
fn both(sandbox: &Sandbox, commit: &str, code: i32) {
    sandbox.say("run").exits(code);
    let line = format!("refs/heads/x {commit} refs/heads/x {ZERO}\n");
    sandbox.say_with_input("push-scan origin url", &line).exits(code);
}

#[test]
fn patterns_are_relative_to_the_configuration_whatever_is_looked_at() {
    let sandbox = Sandbox::new();
    sandbox.write("secgate.yaml", config("\"tests\""));
    sandbox.write("app/requirements.txt", CLEAN);
    sandbox.write("app/tests/requirements.txt", VULNERABLE);
    let commit = sandbox.commit("one");
    both(&sandbox, &commit, 1);
    sandbox.write("secgate.yaml", config("\"app/tests\""));
    let commit = sandbox.commit("two");
    both(&sandbox, &commit, 0);
}

#[test]
fn what_is_left_out_excuses_nothing_in_a_baseline() {
    let sandbox = Sandbox::new();
    sandbox.write("secgate.yaml", config("\"app/vendor\""));
    sandbox.write("app/requirements.txt", CLEAN);
    sandbox.write("app/vendor/requirements.txt", VULNERABLE);
    sandbox.commit("one");
    sandbox.write("app/requirements.txt", VULNERABLE);
    sandbox.say("run --baseline HEAD").exits(1);
}

#[test]
fn a_star_does_not_cross_a_folder_and_the_report_tells() {
    let sandbox = Sandbox::new();
    sandbox.write("secgate.yaml", config("\"./app/*/requirements.txt\""));
    sandbox.write("app/requirements.txt", CLEAN);
    sandbox.write("app/a/requirements.txt", VULNERABLE);
    let run = sandbox.say("run --format json").exits(0);
    assert!(run.json()["evidence"][0]["detail"].as_str().unwrap().contains("1 path left out"));
    sandbox.write("app/a/b/requirements.txt", VULNERABLE);
    sandbox.say("run").exits(1);
}

#[test]
fn the_baseline_of_a_file_is_that_file() {
    let sandbox = Sandbox::new();
    sandbox.write("requirements.txt", CLEAN);
    sandbox.write("other/requirements.txt", VULNERABLE);
    sandbox.commit("one");
    sandbox.write("requirements.txt", VULNERABLE);
    sandbox.say("audit requirements.txt --baseline HEAD").exits(1);
    sandbox.commit("two");
    sandbox.say("audit requirements.txt --baseline HEAD").exits(0);
}

#[test]
fn a_configuration_that_is_there_and_cannot_be_read_is_an_error() {
    let sandbox = Sandbox::with(CLEAN);
    std::os::unix::fs::symlink("nowhere", sandbox.path("secgate.yaml")).unwrap();
    sandbox.say("audit .").exits(2).says(&["secgate.yaml"]);
}

#[test]
fn a_new_branch_is_measured_against_what_the_remote_has() {
    let sandbox = Sandbox::with(VULNERABLE);
    let main = sandbox.commit("one");
    sandbox.git(&["update-ref", "refs/remotes/origin/main", &main]);
    sandbox.write("app.py", "");
    let feature = sandbox.commit("two");
    let line = format!("refs/heads/feature {feature} refs/heads/feature {ZERO}\n");
    sandbox.say_with_input("push-scan origin url", &line).exits(0);
    sandbox.write("requirements.txt", "demo-web==1.0.0\ndemo-queue==4.0.0\n");
    let worse = sandbox.commit("three");
    let line = format!("refs/heads/feature {worse} refs/heads/feature {ZERO}\n");
    sandbox.say_with_input("push-scan origin url", &line).exits(1);
}

#[test]
fn an_sbom_that_names_nothing_is_no_pass() {
    let sandbox = Sandbox::new();
    let empty = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","version":1,
        "metadata":{"component":{"type":"application","name":"shop","version":"1"}},"components":[]}"#;
    sandbox.write("app.cdx.json", empty);
    sandbox.say("audit app.cdx.json").exits(3).says(&["names no package"]);
}

#[test]
fn what_run_wrote_is_no_part_of_the_target() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write(
        "secgate.yaml",
        "apiVersion: secgate.dev/v1\nkind: Config\nstages: [source]\nreports: { folder: out, sboms: [cyclonedx-json] }\n",
    );
    let sbom = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"type":"library","name":"demo-web","version":"1.0.0","purl":"pkg:pypi/demo-web@1.0.0"}]}"#;
    sandbox.write("out/image.sbom.cdx.json", sbom);
    sandbox.say("run").exits(0);
    assert!(sandbox.exists("out/sbom.cdx.json"));
    sandbox.say("run").exits(0);
    sandbox.write("elsewhere/image.sbom.cdx.json", sbom);
    sandbox.say("run").exits(1);
}
