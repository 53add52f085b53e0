use crate::harness::{CLEAN, Sandbox, VULNERABLE};

/// A repository with a bare one beside it as `origin`, the clean state pushed.
fn prepared() -> Sandbox {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.commit("one");
    let origin = sandbox.work().parent().unwrap().join("origin.git");
    let origin = origin.to_str().unwrap();
    sandbox.git(&["init", "-q", "--bare", origin]);
    sandbox.git(&["remote", "add", "origin", origin]);
    sandbox.git(&["push", "-q", "-u", "origin", "main"]);
    sandbox
}

const ZERO: &str = "0000000000000000000000000000000000000000";

#[test]
fn the_hook_refuses_a_push_that_adds_a_vulnerable_lock_and_accepts_others() {
    let sandbox = prepared();
    sandbox.say("hook install").exits(0).says(&["pre-push"]);
    sandbox.write("app.py", "print(1)\n");
    sandbox.commit("harmless");
    sandbox.git(&["push", "-q", "origin", "main"]);
    sandbox.write("requirements.txt", VULNERABLE);
    sandbox.commit("vulnerable");
    let refused = sandbox.try_git(&["push", "origin", "main"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    refused.says(&["CVE-2025-10001"]);
    let remote = sandbox.git(&["ls-remote", "origin", "main"]);
    assert!(!remote.contains(sandbox.git(&["rev-parse", "HEAD"]).trim()), "it was pushed");
    sandbox.write("requirements.txt", CLEAN);
    sandbox.commit("repaired");
    sandbox.git(&["push", "-q", "origin", "main"]);
}

#[test]
fn the_hook_refuses_a_new_branch_and_lets_a_deletion_go() {
    let sandbox = prepared();
    sandbox.say("hook install").exits(0);
    sandbox.git(&["push", "-q", "origin", "main:doomed"]);
    sandbox.git(&["push", "-q", "origin", ":doomed"]);
    sandbox.git(&["checkout", "-q", "-b", "feature"]);
    sandbox.write("requirements.txt", VULNERABLE);
    sandbox.commit("vulnerable");
    assert_ne!(sandbox.try_git(&["push", "-q", "origin", "feature"]).code, 0);
}

#[test]
fn the_hook_refuses_when_there_is_no_evidence() {
    let sandbox = prepared();
    sandbox.say("hook install").exits(0);
    std::fs::remove_file(sandbox.database()).unwrap();
    sandbox.commit("another");
    assert_ne!(sandbox.try_git(&["push", "-q", "origin", "main"]).code, 0);
}

#[test]
fn a_hook_of_somebody_else_stays() {
    let sandbox = prepared();
    let mine = "#!/bin/sh\nexit 0\n";
    sandbox.write(".git/hooks/pre-push", mine);
    sandbox.say("hook install").exits(2).says(&["push-scan", "--force"]);
    sandbox.say("hook uninstall").exits(2);
    assert_eq!(sandbox.read(".git/hooks/pre-push"), mine);
    sandbox.say("hook install --force").exits(0);
    sandbox.say("hook install").exits(0);
    sandbox.say("hook uninstall").exits(0);
    assert!(!sandbox.exists(".git/hooks/pre-push"));
    sandbox.say("hook uninstall").exits(0);
}

#[test]
fn the_hook_goes_where_git_looks_for_it() {
    let sandbox = prepared();
    sandbox.git(&["config", "core.hooksPath", "ci/hooks"]);
    sandbox.say("hook install").exits(0);
    assert!(sandbox.exists("ci/hooks/pre-push"));
    let mut command = sandbox.command();
    std::fs::create_dir(sandbox.path("below")).unwrap();
    command.args(["hook", "uninstall"]).current_dir(sandbox.path("below"));
    assert!(command.status().unwrap().success());
    assert!(!sandbox.exists("ci/hooks/pre-push"));
}

#[test]
fn outside_a_repository_there_is_no_hook() {
    let sandbox = Sandbox::empty();
    sandbox.say("hook install").exits(2).says(&["no git repository"]);
    sandbox.say("push-scan").exits(2).says(&["no git repository"]);
}

#[test]
fn push_scan_judges_what_the_hook_is_given() {
    let sandbox = Sandbox::with(CLEAN);
    let clean = sandbox.commit("clean");
    sandbox.write("requirements.txt", VULNERABLE);
    let bad = sandbox.commit("vulnerable");
    sandbox.write("app.py", "");
    let later = sandbox.commit("later");
    let scan = |lines: &str| sandbox.say_with_input("push-scan origin url", lines);
    let branch =
        |local: &str, remote: &str| format!("refs/heads/x {local} refs/heads/x {remote}\n");
    // A new branch, an update that adds the flaw, one that finds it there, a deletion.
    scan(&branch(&clean, ZERO)).exits(0);
    scan(&branch(&bad, ZERO)).exits(1).says(&["CVE-2025-10001"]);
    scan(&branch(&bad, &clean)).exits(1);
    scan(&branch(&later, &bad)).exits(0);
    scan(&format!("(delete) {ZERO} refs/heads/x {bad}\n")).exits(0);
    // Several at once: the worst counts, whatever the order.
    scan(&(branch(&clean, ZERO) + &branch(&bad, &clean))).exits(1);
    scan(&(branch(&bad, &clean) + &branch(&clean, ZERO))).exits(1);
    // What the remote has and this repository does not know excuses nothing.
    scan(&branch(&bad, &"1234567890".repeat(4))).exits(1);
}

#[test]
fn push_scan_looks_at_commits_and_not_at_the_work_tree() {
    let sandbox = Sandbox::with(VULNERABLE);
    let bad = sandbox.commit("vulnerable");
    sandbox.write("requirements.txt", CLEAN);
    let line = format!("refs/heads/x {bad} refs/heads/x {ZERO}\n");
    sandbox.say_with_input("push-scan origin url", &line).exits(1);
    sandbox.say("push-scan").exits(1);
}

#[test]
fn push_scan_does_not_trust_its_input() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.commit("one");
    for line in
        ["nonsense\n", "a b c d e\n", "refs/heads/x --output=x refs/heads/x --upload-pack=x\n"]
    {
        let run = sandbox.say_with_input("push-scan origin url", line);
        assert!(matches!(run.code, 1..=3), "{line}: {run:?}");
    }
    let unknown = format!("refs/heads/x {} refs/heads/x {ZERO}\n", "1234567890".repeat(4));
    sandbox.say_with_input("push-scan origin url", &unknown).exits(3);
    assert!(!sandbox.exists("x"));
}

#[test]
fn push_scan_of_what_the_upstream_has_already_is_no_failure() {
    let sandbox = prepared();
    sandbox.say("push-scan").exits(0);
    sandbox.write("requirements.txt", VULNERABLE);
    sandbox.commit("vulnerable");
    sandbox.say("push-scan").exits(1);
    sandbox.git(&["push", "-q", "origin", "main"]);
    sandbox.say("push-scan").exits(0);
}

#[test]
fn push_scan_obeys_the_pre_commit_program() {
    let sandbox = Sandbox::with(CLEAN);
    let clean = sandbox.commit("clean");
    sandbox.write("requirements.txt", VULNERABLE);
    let bad = sandbox.commit("bad");
    let scan = |from: &str, to: &str| {
        let mut command = sandbox.command();
        command.arg("push-scan").env("PRE_COMMIT_FROM_REF", from).env("PRE_COMMIT_TO_REF", to);
        command.output().unwrap().status.code()
    };
    assert_eq!(scan(&clean, &bad), Some(1));
    assert_eq!(scan(&bad, &bad), Some(0));
    assert_eq!(scan(ZERO, &bad), Some(1));
}

#[test]
fn push_scan_judges_the_folder_of_the_configuration() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("app/requirements.txt", CLEAN);
    sandbox.write(
        "secgate.yaml",
        "apiVersion: secgate.dev/v1\nkind: Config\nstages: [source]\npath: app\n",
    );
    sandbox.commit("one");
    sandbox.say("push-scan").exits(0);
    sandbox.write("app/requirements.txt", VULNERABLE);
    sandbox.commit("two");
    sandbox.say("push-scan").exits(1);
}

#[test]
fn a_report_of_several_pushes_tells_of_the_worst() {
    let sandbox = Sandbox::with(CLEAN);
    let clean = sandbox.commit("clean");
    sandbox.write("requirements.txt", VULNERABLE);
    let bad = sandbox.commit("vulnerable");
    let line =
        |commit: &str, name: &str| format!("refs/heads/{name} {commit} refs/heads/{name} {ZERO}\n");
    let input = line(&bad, "a") + &line(&clean, "b");
    sandbox.say_with_input("push-scan origin url -o json=../r.json", &input).exits(1);
    let report: serde_json::Value = serde_json::from_str(&sandbox.read("../r.json")).unwrap();
    assert_eq!(report["verdict"]["outcome"], "fail");
}
