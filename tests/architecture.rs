//! The rules of the house that a compiler does not check.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What each crate may import of ours. `cli`, the package `secgate`, may import everything.
const IMPORTS: [(&str, &[&str]); 16] = [
    ("model", &[]),
    ("formats", &[]),
    ("versions", &[]),
    ("source", &["model", "formats"]),
    ("registry", &["model", "formats", "source"]),
    ("inventory", &["model", "formats", "source", "versions"]),
    ("license", &["model", "scan"]),
    ("scan", &["model", "source", "formats"]),
    ("advisory", &["model", "formats", "versions", "scan"]),
    ("code", &["model", "formats", "source", "scan"]),
    ("dast", &["model", "scan"]),
    ("attest", &["model", "formats", "source", "registry", "scan"]),
    ("policy", &["model", "versions"]),
    ("report", &["model", "formats"]),
    ("store", &["model", "formats"]),
    ("admission", &["model", "formats", "attest", "policy", "store"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that is committed or would be.
fn files() -> Vec<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root())
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut files: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .split_terminator('\0')
        .map(str::to_owned)
        .filter(|path| root().join(path).is_file())
        .collect();
    files.sort();
    files.dedup();
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn manifest(path: &Path) -> toml::Table {
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The crates of ours that a table of dependencies names.
fn ours(manifest: &toml::Table, table: &str) -> BTreeSet<String> {
    manifest
        .get(table)
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(toml::Table::keys)
        .filter_map(|name| name.strip_prefix("secgate-"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn crates_import_what_the_table_allows() {
    let allowed: BTreeMap<&str, &[&str]> = IMPORTS.into_iter().collect();
    let workspace = manifest(&root().join("Cargo.toml"));
    let members = workspace["workspace"]["members"].as_array().unwrap();
    assert!(members.len() >= 9);
    for member in members {
        let folder = member.as_str().unwrap();
        let name = folder.strip_prefix("gate/").unwrap_or_else(|| panic!("{folder}"));
        let manifest = manifest(&root().join(folder).join("Cargo.toml"));
        assert_eq!(manifest["package"]["name"].as_str(), Some(&*format!("secgate-{name}")));
        let may = allowed.get(name).unwrap_or_else(|| panic!("{name} is not in the table"));
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for import in ours(&manifest, table) {
                assert!(may.contains(&&*import), "{name} may not import {import} ({table})");
            }
        }
        assert!(
            manifest.get("target").is_none(),
            "{name}: dependencies of a target go unseen here"
        );
    }
}

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    for path in
        files().iter().filter(|path| path.ends_with("Cargo.toml") && !path.contains("/fuzz/"))
    {
        if !path.starts_with("gate/") && path != "Cargo.toml" || path.contains("testdata") {
            continue;
        }
        let manifest = manifest(&root().join(path));
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{path}");
    }
}

/// The code of the libraries that is shipped: neither tests nor fuzz targets, no comments.
fn library_code() -> Vec<(String, String)> {
    files()
        .into_iter()
        .filter(|path| path.starts_with("gate/") && path.ends_with(".rs"))
        .filter(|path| {
            !["gate/cli/", "gate/source/build.rs"].iter().any(|own| path.starts_with(own))
        })
        .filter(|path| {
            !["/fuzz/", "/benches/", "/examples/", "/testdata/", "/tests/"]
                .iter()
                .any(|part| path.contains(part))
        })
        .map(|path| {
            let text = read(&path);
            (path, shipped(&text))
        })
        .filter(|(path, _)| !is_test_module(path))
        .collect()
}

/// A file that another one includes with `#[cfg(test)] mod name;`.
fn is_test_module(path: &str) -> bool {
    let path = PathBuf::from(path);
    let stem = path.file_stem().unwrap().to_str().unwrap();
    let folder = path.parent().unwrap();
    let lines = format!("#[cfg(test)]\nmod {stem};");
    let parent = folder.with_extension("rs");
    [folder.join("lib.rs"), parent].iter().any(|file| read(file.to_str().unwrap()).contains(&lines))
}

/// The text up to its tests, without comments.
fn shipped(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end]
        .lines()
        .map(|line| if line.trim_start().starts_with("//") { "" } else { line })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn libraries_do_not_print_read_the_environment_the_clock_or_exit() {
    let mut found = Vec::new();
    for (path, text) in library_code() {
        for (at, line) in text.lines().enumerate() {
            let banned = [
                "println!",
                "eprintln!",
                "print!(",
                "dbg!(",
                "env::var",
                "env::args",
                "env::current_dir",
                "temp_dir()",
                "SystemTime::now",
                "Timestamp::now",
                "Zoned::now",
                "process::exit",
                "process::abort",
            ];
            if banned.iter().any(|word| line.contains(word)) {
                found.push(format!("{path}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn memory_is_touched_unsafely_in_one_file() {
    let mut found = Vec::new();
    for path in
        files().into_iter().filter(|path| path.ends_with(".rs") && path.starts_with("gate/"))
    {
        let text = shipped(&read(&path));
        let unsafe_block = ["unsafe", " {"].concat();
        let other = ["unsafe", " fn"].concat();
        let third = ["unsafe", " impl"].concat();
        if [unsafe_block, other, third].iter().any(|word| text.contains(word)) {
            found.push(path);
        }
    }
    assert_eq!(found, ["gate/advisory/bytes.rs"]);
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let empty = ["mod", "utils", "util", "helpers", "helper", "common", "manager", "core", "misc"];
    for path in files() {
        if !path.ends_with(".rs") {
            continue;
        }
        let parts: Vec<&str> = path.trim_end_matches(".rs").split('/').collect();
        assert!(!parts.iter().any(|part| empty.contains(part)), "{path}");
    }
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // Written in two halves, so that this file does not name them itself.
    let machine =
        [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["/home/", "runner/"].concat()];
    let mut found = Vec::new();
    for path in files() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (at, line) in text.lines().enumerate() {
            if machine.iter().any(|part| line.contains(part.as_str())) {
                found.push(format!(
                    "{path}:{}: {}",
                    at + 1,
                    line.trim().chars().take(100).collect::<String>()
                ));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn packages_come_from_the_public_registries_alone() {
    let mut found = Vec::new();
    for path in files() {
        if path.contains("testdata/") || path.contains("tests/fixtures/") {
            continue;
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        for (at, line) in read(&path).lines().enumerate() {
            let line = line.trim();
            let strange = match name {
                "Cargo.lock" => {
                    line.starts_with("source = ")
                        && line
                            != "source = \"registry+https://github.com/rust-lang/crates.io-index\""
                }
                "package-lock.json" => {
                    line.starts_with("\"resolved\"")
                        && !line.contains("\"https://registry.npmjs.org/")
                }
                _ if name.starts_with("requirements") && name.ends_with(".txt") => {
                    ["--index-url", "--extra-index-url", "--trusted-host", "--find-links", "-i "]
                        .iter()
                        .any(|option| line.starts_with(option))
                }
                "pyproject.toml" | "uv.lock" => {
                    line.contains("registry = \"") && !line.contains("https://pypi.org/simple")
                }
                _ => false,
            };
            if strange {
                found.push(format!("{path}:{}: {line}", at + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_workspace_forbids_what_the_house_forbids() {
    let workspace = manifest(&root().join("Cargo.toml"));
    let lints = &workspace["workspace"]["lints"];
    assert!(matches!(lints["rust"]["unsafe_code"].as_str(), Some("deny" | "forbid")));
    for lint in [
        "unwrap_used",
        "indexing_slicing",
        "print_stdout",
        "print_stderr",
        "dbg_macro",
        "todo",
        "exit",
    ] {
        assert!(lints["clippy"].get(lint).is_some(), "{lint}");
    }
}
