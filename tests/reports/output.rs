//! What goes to standard output and what does not.

use std::{fs::File, process::Stdio};

use crate::harness::{CLEAN, Sandbox, VULNERABLE, hours_from_now};

const FORMATS: [&str; 8] =
    ["table", "json", "sarif", "markdown", "html", "junit", "gitlab", "github"];

#[test]
fn quiet_says_nothing_on_standard_error() {
    let sandbox = Sandbox::with(VULNERABLE);
    for format in FORMATS {
        let run = sandbox.run(["audit", ".", "-q", "--format", format]).exits(1);
        assert!(run.stderr.is_empty(), "{format}: {}", run.stderr);
        assert!(!run.stdout.is_empty(), "{format}");
    }
    // Also where starter data would be remarked upon, and where files are written.
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", CLEAN);
    let run = sandbox.say("audit . -q -o json=x.json").exits(3);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
    sandbox.say("init").exits(0);
    let run = sandbox.say("run -q").exits(3);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
}

#[test]
fn errors_are_said_even_when_quiet() {
    let run = Sandbox::new().say("audit nowhere -q").exits(3);
    assert!(run.stdout.is_empty() && run.stderr.contains("nowhere"), "{run:?}");
}

#[test]
fn remarks_go_to_standard_error() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", VULNERABLE);
    let run = sandbox.say("audit . --format json").exits(3);
    run.json();
    assert!(run.stderr.contains("starter data"), "{}", run.stderr);
}

#[test]
fn a_table_fits_80_columns() {
    let sandbox = Sandbox::with(
        "demo-web==1.0.0\ndemo-queue==4.0.0\ndemo-kev==1\ndemo-epss==1\ndemo-unfixed==1\ndemo-low==1\n???\n",
    );
    let long = "a-folder-with-a-rather-long-name/".repeat(4);
    sandbox.write(&format!("{long}requirements.txt"), "demo-web==1.0.0\n");
    sandbox.write("Gemfile.lock", "broken\n");
    for line in [
        "audit . --color never",
        "audit . --color never -v",
        "audit . --color never --policy builtin:strict",
    ] {
        let run = sandbox.say(line).exits(3);
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
        }
    }
}

#[test]
fn the_verdict_stands_first_and_last() {
    // A passing run says too little to need it twice.
    for (text, word, code) in [(VULNERABLE, "FAIL", 1), ("???\n", "ERROR", 3)] {
        let run = Sandbox::with(text).say("audit .").exits(code);
        let lines: Vec<&str> = run.stdout.lines().filter(|line| !line.is_empty()).collect();
        assert!(lines[0].starts_with(word), "{}", run.stdout);
        assert!(lines[lines.len() - 1].starts_with(word), "{}", run.stdout);
    }
}

#[test]
fn colours_only_where_they_are_wanted() {
    let sandbox = Sandbox::with(VULNERABLE);
    assert!(!sandbox.say("audit .").stdout.contains('\x1b'));
    assert!(!sandbox.say("audit . --color never").stdout.contains('\x1b'));
    assert!(sandbox.say("audit . --color always").stdout.contains('\x1b'));
    assert!(!sandbox.say("audit . --color always --format json").stdout.contains('\x1b'));
    let with = |name: &str, value: &str| {
        let mut command = sandbox.command();
        let output = command.args(["audit", "."]).env(name, value).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!with("NO_COLOR", "1").contains('\x1b'));
    assert!(!with("CI", "true").contains('\x1b'));
    assert!(!with("GITHUB_ACTIONS", "true").contains('\x1b'));
    let failed = sandbox.say("audit nowhere");
    assert!(!failed.stderr.contains('\x1b'), "{}", failed.stderr);
}

#[test]
fn progress_shows_only_on_a_terminal() {
    let sandbox = Sandbox::empty();
    crate::mirror::Mirror::fixture().write(&sandbox.path("osv"));
    let run = sandbox.say("db build --from osv").exits(0);
    assert!(!run.stderr.contains('\x1b') && !run.stderr.contains('\r'), "{}", run.stderr);
    let run = sandbox.say("db build --from osv -q").exits(0);
    assert!(run.stderr.is_empty() && run.stdout.is_empty(), "{run:?}");
}

#[test]
fn a_reader_that_goes_away_does_not_cost_the_files_or_the_exit_code() {
    let sandbox = Sandbox::with(VULNERABLE);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = sandbox
        .command()
        .args(["audit", ".", "-o", "json=x.json"])
        .stdout(writer)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(sandbox.exists("x.json"));
}

#[test]
fn standard_output_that_cannot_be_written_is_no_pass() {
    let sandbox = Sandbox::with(CLEAN);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let status =
        sandbox.command().args(["audit", "."]).stdout(full).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn the_same_inputs_and_time_give_the_same_bytes() {
    let sandbox = Sandbox::with("demo-web==1.0.0\ndemo-queue==4.0.0\n???\n");
    for at in ["a", "b", "c", "d", "e", "f", "g"] {
        sandbox.write(&format!("{at}/requirements.txt"), "demo-kev==1.0\ndemo-epss==2\n");
    }
    let at = hours_from_now(1);
    for format in FORMATS {
        let args = ["audit", ".", "--at", &at, "--format", format];
        let first = sandbox.run(args).exits(3).stdout;
        for _ in 0..4 {
            assert!(sandbox.run(args).stdout == first, "{format} differs from run to run");
        }
    }
}
