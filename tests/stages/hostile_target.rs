//! Targets that were made to break the program. None of them is a pass, none hangs, each is named.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    path::Path,
};

use crate::harness::{CLEAN, Run, Sandbox};

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let sandbox = Sandbox::with(CLEAN);
    let lock = sandbox.write("sub/requirements.txt", CLEAN);
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o000)).unwrap();
    let run = if File::open(&lock).is_err() {
        sandbox.say("audit .")
    } else {
        // Root reads everything: run as somebody else, from a copy that he can reach.
        let top = sandbox.work().parent().unwrap().to_owned();
        for folder in [&top, &sandbox.work()] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let program = top.join("secgate");
        let built = Path::new(env!("CARGO_BIN_EXE_secgate"));
        if fs::hard_link(built, &program).is_err() {
            fs::copy(built, &program).unwrap();
        }
        let output = sandbox.program(&program).args(["audit", "."]).uid(65534).output().unwrap();
        Run::of(output, "audit .".to_owned())
    };
    run.exits(3).says(&["sub/requirements.txt", "ermission denied"]);
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn a_loop_of_links_ends() {
    let sandbox = Sandbox::with(CLEAN);
    fs::create_dir(sandbox.path("a")).unwrap();
    symlink("..", sandbox.path("a/up")).unwrap();
    symlink("self", sandbox.path("self")).unwrap();
    symlink("/", sandbox.path("a/root")).unwrap();
    sandbox.say("audit .").exits(0);
}

#[test]
fn a_lockfile_that_is_a_link_is_not_silently_left_out() {
    // The link's target may lie outside; a tree whose only lockfile is a link has nothing that was looked at.
    let sandbox = Sandbox::new();
    sandbox.write("elsewhere.txt", "demo-web==1.0.0\n");
    symlink("elsewhere.txt", sandbox.path("requirements.txt")).unwrap();
    let run = sandbox.say("audit .");
    assert_ne!(run.code, 0, "{run:?}");
}

#[test]
fn a_link_beside_a_clean_lockfile_does_not_pass_unseen() {
    let sandbox = Sandbox::with(CLEAN);
    let outside = Sandbox::with("demo-web==1.0.0\n");
    fs::create_dir(sandbox.path("sub")).unwrap();
    symlink(outside.path("requirements.txt"), sandbox.path("sub/requirements.txt")).unwrap();
    let run = sandbox.say("audit .");
    assert_ne!(run.code, 0, "a lockfile that is a link out of the tree was dropped: {run:?}");
}

#[test]
fn a_link_to_a_lockfile_that_is_seen_anyway_is_no_gap() {
    let sandbox = Sandbox::new();
    sandbox.write("a/requirements.txt", CLEAN);
    fs::create_dir(sandbox.path("b")).unwrap();
    symlink("../a/requirements.txt", sandbox.path("b/requirements.txt")).unwrap();
    symlink("a", sandbox.path("c")).unwrap();
    symlink("/bin/sh", sandbox.path("shell")).unwrap();
    sandbox.say("audit .").exits(0);
}

#[test]
fn a_link_that_the_user_names_is_followed() {
    let sandbox = Sandbox::new();
    sandbox.write("real/requirements.txt", "demo-web==1.0.0\n");
    symlink("real", sandbox.path("link")).unwrap();
    symlink("real/requirements.txt", sandbox.path("requirements.txt")).unwrap();
    sandbox.say("audit link").exits(1);
    sandbox.say("audit requirements.txt").exits(1);
}

#[test]
fn a_name_that_is_not_utf8_is_named() {
    let sandbox = Sandbox::with(CLEAN);
    let name = OsStr::from_bytes(b"caf\xe9");
    fs::create_dir(sandbox.work().join(name)).unwrap();
    fs::write(sandbox.work().join(name).join("requirements.txt"), CLEAN).unwrap();
    sandbox.say("audit .").exits(3).says(&["caf", "not UTF-8"]);
}

#[test]
fn a_target_whose_own_name_is_not_utf8_works() {
    let sandbox = Sandbox::new();
    let folder = sandbox.work().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("requirements.txt"), CLEAN).unwrap();
    let output = sandbox.command().arg("audit").arg(&folder).output().unwrap();
    Run::of(output, "audit".to_owned()).exits(0);
}

#[test]
fn pipes_and_devices_named_like_lockfiles_do_not_hang() {
    let sandbox = Sandbox::with(CLEAN);
    for name in ["Cargo.lock", "package-lock.json", "CACHEDIR.TAG"] {
        let made = sandbox.program(Path::new("mkfifo")).arg(name).status().unwrap();
        assert!(made.success());
    }
    let run = sandbox.say("audit .");
    assert!(matches!(run.code, 0 | 3), "{run:?}");
    let run = sandbox.say("audit Cargo.lock");
    assert_eq!(run.code, 3, "{run:?}");
    sandbox.say("audit /dev/null").exits(3);
}

#[test]
fn pipes_as_policy_waivers_or_database_do_not_hang_for_ever() {
    let sandbox = Sandbox::with(CLEAN);
    fs::create_dir(sandbox.path("folder")).unwrap();
    sandbox.say("audit . --policy folder").exits(2).says(&["folder"]);
    sandbox.say("audit . --waivers folder").exits(2).says(&["folder"]);
    sandbox.say("audit . --config folder").exits(2).says(&["folder"]);
    sandbox.say("audit . --policy /dev/zero").exits(2);
    sandbox.say("audit . --config /dev/zero").exits(2);
}

#[test]
fn a_lockfile_above_the_limit_is_named() {
    let sandbox = Sandbox::with(CLEAN);
    let huge = File::create(sandbox.path("Cargo.lock")).unwrap();
    huge.set_len((64 << 20) + 1).unwrap();
    sandbox.say("audit .").exits(3).says(&["Cargo.lock", "larger than"]);
    sandbox.say("audit Cargo.lock").exits(3).says(&["Cargo.lock", "larger than"]);
}

#[test]
fn folders_nested_too_deep_are_named() {
    let sandbox = Sandbox::with(CLEAN);
    let deep = vec!["d"; 120].join("/");
    sandbox.write(&format!("{deep}/requirements.txt"), CLEAN);
    sandbox.say("audit .").exits(3).says(&["folders deep"]);
}

/// A malformed lockfile is no pass; the message names it and the line.
#[track_caller]
fn check_malformed(name: &str, text: &str, line: u32) {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write(name, text);
    let place = format!("{name}:{line}");
    sandbox.say("audit .").exits(3).says(&[&place]);
    sandbox.run(["audit", name]).exits(3).says(&[&place]);
    // Neither a wide baseline nor a low bar makes it a pass.
    sandbox.say("audit . --fail-on critical").exits(3);
}

#[test]
fn malformed_cargo_lock() {
    check_malformed("Cargo.lock", "version = 4\n\n[[package]]\nname = \"x\nversion = \"1\"\n", 4);
}

#[test]
fn malformed_package_lock() {
    check_malformed("package-lock.json", "{\n \"lockfileVersion\": 3,\n \"packages\": {\n", 4);
}

#[test]
fn malformed_requirements() {
    check_malformed("requirements-extra.txt", "demo-web==2.0.0\n???\n", 2);
}

#[test]
fn malformed_poetry_lock() {
    check_malformed("poetry.lock", "[[package]]\nname = \"x\"\nversion = [1\n", 3);
}

#[test]
fn malformed_uv_lock() {
    check_malformed("uv.lock", "version = 1\n[[package]\n", 2);
}

#[test]
fn malformed_pipfile_lock() {
    check_malformed("Pipfile.lock", "{\n  \"default\": {\n    \"x\": }\n", 3);
}

#[test]
fn malformed_pnpm_lock() {
    check_malformed("pnpm-lock.yaml", "lockfileVersion: '9.0'\npackages: [\n  a: b: c\n", 3);
}

#[test]
fn malformed_yarn_lock() {
    check_malformed("yarn.lock", "# yarn lockfile v1\n\n\nx@^1:\n  version \"1.0.0\n", 5);
}

#[test]
fn malformed_go_mod() {
    check_malformed(
        "go.mod",
        "module example.org/x\n\ngo 1.22\n\nrequire (\n\texample.org/y\n)\n",
        6,
    );
}

#[test]
fn malformed_gemfile_lock() {
    check_malformed("Gemfile.lock", "GEM\n  specs:\n    rake\n", 3);
}

#[test]
fn malformed_composer_lock() {
    check_malformed("composer.lock", "{\n  \"packages\": [\n    { \"name\": 5 }\n  ]\n}\n", 3);
}

#[test]
fn malformed_pom() {
    check_malformed("pom.xml", "<project>\n  <dependencies>\n  </dependency>\n</project>\n", 3);
}

#[test]
fn malformed_gradle_lockfile() {
    check_malformed("gradle.lockfile", "# comment\nnonsense\n", 2);
}

#[test]
fn a_lockfile_in_another_encoding_is_named() {
    let sandbox = Sandbox::with(CLEAN);
    let utf16: Vec<u8> =
        "\u{feff}demo-web==1.0.0\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    sandbox.write("requirements-more.txt", utf16);
    sandbox.say("audit .").exits(3).says(&["requirements-more.txt:1"]);
    sandbox.write("requirements-more.txt", b"demo-web==2.0.0\n# caf\xe9\n");
    sandbox.say("audit .").exits(3).says(&["requirements-more.txt:2"]);
}

#[test]
fn nesting_without_end_does_not_break_the_stack() {
    for (name, open) in
        [("package-lock.json", "["), ("Pipfile.lock", "{\"a\":"), ("bom.cdx.json", "[")]
    {
        let sandbox = Sandbox::with(CLEAN);
        sandbox.write(name, open.repeat(200_000));
        sandbox.say("audit .").exits(3).says(&[name]);
    }
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("pom.xml", "<a>".repeat(200_000));
    sandbox.say("audit .").exits(3).says(&["pom.xml"]);
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("pnpm-lock.yaml", format!("a: {}", "[".repeat(100_000)));
    sandbox.say("audit .").exits(3).says(&["pnpm-lock.yaml"]);
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("Cargo.lock", format!("a = {}", "[".repeat(100_000)));
    sandbox.say("audit .").exits(3).says(&["Cargo.lock"]);
}

#[test]
fn control_characters_of_a_target_do_not_reach_the_terminal() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write(
        "Cargo.lock",
        "version = 4\n[[package]]\nname = \"\x1b]0;owned\x07\"\nversion = \"\x1b[31m\"\n",
    );
    sandbox.write("sub\x1b[2J/requirements.txt", "???\n");
    for line in [
        "audit .",
        "audit . --format markdown",
        "audit . --format github",
        "audit . --format junit",
    ] {
        let run = sandbox.say(line).exits(3);
        assert!(!run.stdout.contains('\x1b') && !run.stderr.contains('\x1b'), "{line}: {run:?}");
    }
}

#[test]
fn a_path_cannot_speak_to_the_pipeline() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("sub\n::set-output name=x::y/requirements.txt", "demo-web==1.0.0\n");
    let run = sandbox.say("audit . --format github");
    assert_ne!(run.code, 0);
    assert!(!run.stdout.lines().any(|line| line.starts_with("::set-output")), "{}", run.stdout);
}

#[test]
fn a_folder_that_calls_itself_a_cache_does_not_hide_a_lockfile_unseen() {
    let sandbox = Sandbox::with(CLEAN);
    sandbox.write("service/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    sandbox.write("service/requirements.txt", "demo-web==1.0.0\n");
    let run = sandbox.say("audit .");
    // Judged, or at least named.
    assert!(run.code != 0 || run.stdout.contains("service"), "{run:?}");
}
