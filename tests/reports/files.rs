//! Reports that are written to files.

use std::fs;

use crate::harness::{CLEAN, Sandbox, VULNERABLE};

const ALL: [(&str, &str); 8] = [
    ("table", "r.txt"),
    ("json", "r.json"),
    ("sarif", "r.sarif"),
    ("markdown", "r.md"),
    ("html", "r.html"),
    ("junit", "r.xml"),
    ("gitlab", "gl.json"),
    ("github", "gh.txt"),
];

#[test]
fn every_format_is_written_whatever_the_verdict() {
    for (text, code) in [(CLEAN, 0), (VULNERABLE, 1), ("demo-web==1.0.0\n???\n", 3)] {
        let sandbox = Sandbox::with(text);
        let mut args = vec!["audit".to_owned(), ".".to_owned()];
        for (format, file) in ALL {
            args.extend(["-o".to_owned(), format!("{format}=../out/deep/{file}")]);
        }
        sandbox.run(args).exits(code);
        for (format, file) in ALL {
            let path = sandbox.path(&format!("../out/deep/{file}"));
            let written = fs::read_to_string(&path).unwrap();
            // Annotations of a passing run may be none at all.
            assert!(!written.is_empty() || (format == "github" && code == 0), "{format} {code}");
            assert!(!written.contains('\x1b'), "{format}");
            if file.ends_with("json") || file.ends_with("sarif") {
                serde_json::from_str::<serde_json::Value>(&written).unwrap();
            }
        }
        let left = fs::read_dir(sandbox.path("../out/deep")).unwrap().count();
        assert_eq!(left, ALL.len(), "temporary files were left");
    }
}

#[test]
fn a_file_and_standard_output_say_the_same() {
    let sandbox = Sandbox::with(VULNERABLE);
    for format in ["json", "sarif", "html", "junit", "markdown", "gitlab"] {
        let at = crate::harness::hours_from_now(1);
        let file = format!("{format}=../r");
        let run =
            sandbox.run(["audit", ".", "--at", &at, "--format", format, "-o", &file]).exits(1);
        assert_eq!(sandbox.read("../r"), run.stdout, "{format}");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_no_pass() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("file", "");
    sandbox.say("audit . -o json=file/report.json").exits(3).says(&["file/report.json"]);
    fs::create_dir(sandbox.path("folder")).unwrap();
    sandbox.say("audit . -o json=folder").exits(3).says(&["folder"]);
}

#[test]
fn a_written_report_replaces_the_old_one_and_not_what_it_links_to() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write("../precious", "precious");
    std::os::unix::fs::symlink(sandbox.path("../precious"), sandbox.path("../r.json")).unwrap();
    sandbox.say("audit . -o json=../r.json").exits(1);
    assert_eq!(sandbox.read("../precious"), "precious");
    assert!(sandbox.read("../r.json").starts_with('{'));
}

#[test]
fn run_writes_the_reports_that_the_configuration_lists() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.write(
        "secgate.yaml",
        "apiVersion: secgate.dev/v1\nkind: Config\nstages: [source]\nreports: { folder: out, formats: [table, json, html, sarif, junit, markdown, gitlab, github] }\n",
    );
    sandbox.say("run").exits(1).says(&["reports:", "out"]);
    assert_eq!(fs::read_dir(sandbox.path("out")).unwrap().count(), 8);
    sandbox.say("run --no-gate").exits(0);
}

#[test]
fn reports_in_the_tree_do_not_change_the_next_run() {
    let sandbox = Sandbox::with(VULNERABLE);
    let first = sandbox
        .say("audit . --format json -o json=r.json -o sarif=r.sarif -o gitlab=gl.json")
        .exits(1);
    let second = sandbox.say("audit . --format json").exits(1);
    assert_eq!(first.json()["findings"], second.json()["findings"]);
    assert_eq!(first.json()["components"], second.json()["components"]);
}
