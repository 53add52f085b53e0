//! A fault in a file of the user is named with file, line, column and what to do, and ends with exit 2.

use crate::harness::{CLEAN, Sandbox};

const HEAD: &str = "apiVersion: secgate.dev/v1\nkind: Config\n";

/// The file `name` with `text` has its fault at `place` (`line:column`); `line` is what is run, `says` what is said besides
/// the place.
fn check(name: &str, text: &str, line: &str, place: &str, says: &str) {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write(name, text);
    let run = sandbox.say(line).exits(2);
    assert!(run.stdout.is_empty(), "{text}: {}", run.stdout);
    let said = &run.stderr;
    assert!(said.contains(&format!("{name}:{place}: ")), "{text}\nexpected {place}\n{said}");
    assert!(said.contains(says), "{text}\nexpected `{says}`\n{said}");
    let says_what_to_do = said.contains("hint") || said.contains("needs the field");
    assert!(says_what_to_do, "{text}\nsays not what to do\n{said}");
}

#[test]
fn every_fault_of_the_configuration_has_its_place() {
    let faults: &[(&str, &str, &str)] = &[
        ("exclude: [\"ok\", \"a/../b\"]", "3:17", "below the configuration's folder"),
        ("exclude:\n  - ok\n  - /etc", "5:5", "below the configuration's folder"),
        ("exclude:\n  - \"a[\"", "4:5", "exclude: "),
        ("exclude: [\"\"]", "3:11", "below the configuration's folder"),
        ("reports: { formats: [json, pdf] }", "3:28", "pdf"),
        ("reports:\n  formats:\n    - jsn", "5:7", "jsn"),
        ("reports:\n  sboms: [cyclone]", "4:11", "cyclone"),
        ("stages: [source, sorce]", "3:18", "sorce"),
        ("stages: [source, source]", "3:18", "twice"),
        ("policy: nowhere.yaml", "3:9", "nowhere.yaml"),
        ("waivers: [nowhere.yaml]", "3:11", "nowhere.yaml"),
        ("vex:\n- nowhere.json", "4:3", "nowhere.json"),
        ("advisories: { mirror: \"ftp://x\" }", "3:23", "advisories.mirror"),
        ("advisories: { kev: \"ftp://x\" }", "3:20", "advisories.kev"),
        ("advisories: { amazon: [\"x=y\"] }", "3:24", "advisories.amazon"),
        ("advisories: { ecosystems: [npm, npm] }", "3:33", "twice"),
        ("audit: { accept_missing: [\"\"] }", "3:27", "empty"),
        ("polcy: x", "3:1", "polcy"),
        ("path: a\npath: b", "4:1", "twice"),
        ("audit: { accept_unpinned: perhaps }", "3:27", ""),
        ("stages: {a: b}", "3:9", ""),
        ("stages: [source", "", ""),
    ];
    for (text, place, says) in faults {
        let text = format!("{HEAD}{text}\n");
        if place.is_empty() {
            let sandbox = Sandbox::with(CLEAN);
            sandbox.write("secgate.yaml", &text);
            let run = sandbox.say("run").exits(2);
            assert!(run.stderr.contains("secgate.yaml:"), "{}", run.stderr);
            continue;
        }
        check("secgate.yaml", &text, "run", place, says);
    }
    check("secgate.yaml", "kind: Config\n", "run", "1:1", "apiVersion");
    check("secgate.yaml", "apiVersion: secgate.dev/v2\nkind: Config\n", "run", "1:13", "v2");
    check("secgate.yaml", "kind: Polcy\napiVersion: secgate.dev/v1\n", "run", "1:7", "Polcy");
}

#[test]
fn one_fault_of_the_configuration_does_not_hide_the_next() {
    let sandbox = Sandbox::with(CLEAN);
    let text = "exclude: [/a]\nreports: { formats: [pdf], sboms: [x] }\n";
    sandbox.write("secgate.yaml", format!("{HEAD}{text}"));
    sandbox.say("audit .").exits(2).says(&["yaml:3:11", "yaml:4:22", "yaml:4:36"]);
}

#[test]
fn a_configuration_of_another_name_is_named_as_it_is() {
    let text = format!("{HEAD}exclude: [/a]\n");
    check("ci.yaml", &text, "audit . --config ci.yaml", "3:11", "exclude");
}

#[test]
fn a_configuration_that_is_no_text_is_named_with_its_place() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("secgate.yaml", b"apiVersion: secgate.dev/v1\nkind: \xff\n");
    sandbox.say("run").exits(2).says(&["secgate.yaml:2:7", "UTF-8"]);
}

#[test]
fn faults_of_policies_and_waivers_have_their_place() {
    let policy = |rest: &str| {
        format!("apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: {{ name: x }}\n{rest}\n")
    };
    let faults: &[(&str, &str, &str)] = &[
        (
            "stages:\n  source: { use: [hihg] }\nrules:\n  high: { match: { kind: secret } }",
            "5:19",
            "high",
        ),
        (
            "stages:\n  source: { use: [high] }\nrules:\n  high: { match: { kind: sekret } }",
            "7:26",
            "secret",
        ),
        (
            "stages:\n  source: { use: [high] }\nrules:\n  high: { match: { kind: secret }, acton: fail }",
            "7:36",
            "action",
        ),
        ("evidence: { kev: { at_sorce: 3d } }", "4:20", "at_source"),
    ];
    for (text, place, says) in faults {
        check("policy.yaml", &policy(text), "audit . --policy policy.yaml", place, says);
    }
    let waiver = "- id: W-1\n  match: { vuln: CVE-2026-1 }\n  reason: r\n  owner: o\n";
    for (rest, place, says) in [
        ("  expires: 2026-12-31\n", "1:3", "add `created`"),
        ("  created: 2026-11-01\n", "1:3", "expires"),
        ("  created: 2026-11-01\n  expires: 2026-12-31\n  statsu: fixed\n", "7:3", "status"),
        ("  created: yesterday\n  expires: 2026-12-31\n", "5:12", "2026"),
    ] {
        let text = format!("{waiver}{rest}");
        check("w.yaml", &text, "audit . --waivers w.yaml", place, says);
    }
}
