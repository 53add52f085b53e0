//! What is pushed is judged by what is pushed: configuration, policy and waivers of the commit, not of the work tree.

use crate::harness::{CLEAN, Run, Sandbox, VULNERABLE, hours_from_now};

const ZERO: &str = "0000000000000000000000000000000000000000";
const CONFIG: &str = "apiVersion: secgate.dev/v1\nkind: Config\nstages: [source]\n";
const LAX: &str = "apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: { name: lax }\nstages:\n  source: { use: [all] }\nrules:\n  all: { match: { kind: vulnerability }, action: warn }\n";

/// A push of `commit` to a remote that has `remote`.
fn push(sandbox: &Sandbox, commit: &str, remote: &str, options: &str) -> Run {
    let line = format!("refs/heads/x {commit} refs/heads/x {remote}\n");
    sandbox.say_with_input(format!("push-scan origin url {options}").trim(), &line)
}

fn waiver() -> String {
    format!(
        "- id: W-1\n  match: {{ vuln: CVE-2025-10001 }}\n  reason: r\n  owner: o\n  created: {}\n  expires: {}\n",
        hours_from_now(-1),
        hours_from_now(100)
    )
}

#[test]
fn a_waiver_counts_when_it_is_committed() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("secgate.yaml", format!("{CONFIG}waivers: [w.yaml]\n"));
    sandbox.write("w.yaml", "[]\n");
    let bad = sandbox.commit("vulnerable");
    sandbox.write("w.yaml", waiver());
    push(&sandbox, &bad, ZERO, "").exits(1);
    // Nor does an option that names it make it part of what is pushed.
    push(&sandbox, &bad, ZERO, "--waivers w.yaml").exits(1);
    let here = sandbox.path("w.yaml");
    push(&sandbox, &bad, ZERO, &format!("--waivers {}", here.display())).exits(1);
    sandbox.write("more.yaml", waiver());
    let refused = push(&sandbox, &bad, ZERO, "--waivers more.yaml").exits(2);
    refused.says(&["more.yaml", "is not in the commit", "commit it"]);
    // What lies outside the repository is no part of what is pushed, and counts as it is.
    sandbox.write("../w.yaml", waiver());
    push(&sandbox, &bad, ZERO, "--waivers ../w.yaml").exits(0);
    let good = sandbox.commit("waived");
    push(&sandbox, &good, ZERO, "").exits(0);
    sandbox.write("w.yaml", "[]\n");
    push(&sandbox, &good, ZERO, "").exits(0);
    std::fs::remove_file(sandbox.path("w.yaml")).unwrap();
    std::fs::remove_file(sandbox.path("secgate.yaml")).unwrap();
    push(&sandbox, &good, ZERO, "").exits(0);
}

#[test]
fn a_policy_counts_when_it_is_committed() {
    let sandbox = Sandbox::with(VULNERABLE);
    let bad = sandbox.commit("vulnerable");
    sandbox.write("secgate.yaml", format!("{CONFIG}policy: policy.yaml\n"));
    sandbox.write("policy.yaml", LAX);
    push(&sandbox, &bad, ZERO, "").exits(1);
    push(&sandbox, &bad, ZERO, "--policy policy.yaml").exits(2).says(&["not in the commit"]);
    push(&sandbox, &bad, ZERO, "--config secgate.yaml").exits(2).says(&["not in the commit"]);
    // Git's own folder holds what nobody pushes.
    sandbox.write(".git/policy.yaml", LAX);
    push(&sandbox, &bad, ZERO, "--policy .git/policy.yaml").exits(0);
    let good = sandbox.commit("with a policy");
    sandbox.write("policy.yaml", "nonsense");
    push(&sandbox, &good, ZERO, "").exits(0);
    push(&sandbox, &good, ZERO, "--config secgate.yaml").exits(0);
    sandbox.write("../strict.yaml", format!("{CONFIG}policy: builtin:default\n"));
    push(&sandbox, &good, ZERO, "--config ../strict.yaml").exits(2).says(&["not in this"]);
    push(&sandbox, &good, ZERO, "--policy builtin:default").exits(1);
}

#[test]
fn a_policy_extends_what_its_commit_has() {
    let sandbox = Sandbox::with(VULNERABLE);
    let extends =
        "apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: { name: x }\nextends: [base.yaml]\n";
    sandbox.write("secgate.yaml", format!("{CONFIG}policy: ci/policy.yaml\n"));
    sandbox.write("ci/policy.yaml", extends);
    sandbox.write("ci/base.yaml", LAX.replace("warn", "fail"));
    let strict = sandbox.commit("one");
    sandbox.write("ci/base.yaml", LAX);
    push(&sandbox, &strict, ZERO, "").exits(1);
    let lax = sandbox.commit("two");
    push(&sandbox, &lax, ZERO, "").exits(0);
}

#[test]
fn a_push_that_takes_its_policy_away_is_judged_by_it() {
    let sandbox = Sandbox::with(CLEAN);
    let strict = LAX.replace("warn", "fail");
    sandbox.write("secgate.yaml", format!("{CONFIG}policy: policy.yaml\n"));
    sandbox.write("policy.yaml", &strict);
    let held = sandbox.commit("strict");
    for file in ["secgate.yaml", "policy.yaml"] {
        std::fs::remove_file(sandbox.path(file)).unwrap();
    }
    // The default policy would let it pass.
    sandbox.write("requirements.txt", "demo-low==1.0\n");
    let bare = sandbox.commit("no policy any more");
    push(&sandbox, &bare, ZERO, "").exits(0);
    push(&sandbox, &bare, &held, "").exits(1).says(&["takes", "secgate.yaml away"]);
    // A configuration that stays and names a policy that does not is broken.
    sandbox.write("secgate.yaml", format!("{CONFIG}policy: policy.yaml\n"));
    let broken = sandbox.commit("half");
    push(&sandbox, &broken, &held, "").exits(2).says(&["secgate.yaml:4:9", "not in the commit"]);
}

#[test]
fn a_commit_that_is_not_checked_out_is_judged_by_its_own_configuration() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("service/requirements.txt", CLEAN);
    sandbox.write("service/old/requirements.txt", VULNERABLE);
    sandbox.write("service/secgate.yaml", format!("{CONFIG}exclude: [old]\n"));
    let commit = sandbox.commit("one");
    let below = |sandbox: &Sandbox, folder: &str| {
        let mut command = sandbox.command();
        command.arg("push-scan").env("PRE_COMMIT_TO_REF", &commit);
        command.env("PRE_COMMIT_FROM_REF", ZERO).current_dir(sandbox.path(folder));
        command.output().unwrap().status.code()
    };
    assert_eq!(below(&sandbox, "service"), Some(0));
    assert_eq!(below(&sandbox, "."), Some(1), "the whole repository");
    sandbox.git(&["mv", "service/secgate.yaml", "secgate.yaml"]);
    sandbox.write("secgate.yaml", format!("{CONFIG}path: service\nexclude: [service/old]\n"));
    let moved = sandbox.commit("two");
    std::fs::remove_dir_all(sandbox.path("service")).unwrap();
    push(&sandbox, &moved, ZERO, "").exits(0);
}

#[test]
fn a_linked_configuration_is_no_configuration() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("../real.yaml", CONFIG);
    std::os::unix::fs::symlink("../real.yaml", sandbox.path("secgate.yaml")).unwrap();
    let commit = sandbox.commit("linked");
    push(&sandbox, &commit, ZERO, "").exits(2).says(&["symbolic link"]);
}

#[test]
fn what_the_remote_has_excuses_nothing_where_it_could_not_be_read() {
    let sandbox = Sandbox::with(VULNERABLE);
    let whole = sandbox.commit("vulnerable");
    sandbox.write("sub/package-lock.json", "{ broken");
    let gap = sandbox.commit("and broken");
    std::fs::remove_file(sandbox.path("sub/package-lock.json")).unwrap();
    sandbox.write("a.txt", "");
    let repaired = sandbox.commit("repaired");
    push(&sandbox, &repaired, &whole, "").exits(0);
    push(&sandbox, &repaired, &gap, "").exits(1).says(&["excuses nothing"]);
    push(&sandbox, &gap, &whole, "").exits(3);
    sandbox.write("requirements.txt", CLEAN);
    let clean = sandbox.commit("clean");
    push(&sandbox, &clean, &gap, "").exits(0);
    push(&sandbox, &clean, &gap, "--baseline HEAD").exits(2).says(&["--baseline"]);
}
