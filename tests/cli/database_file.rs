use std::fs;

use crate::{
    harness::{CLEAN, Sandbox, VULNERABLE, database_bytes, hours_from_now},
    mirror::Mirror,
};

#[test]
fn a_named_database_that_is_missing_is_an_error() {
    let sandbox = Sandbox::with(CLEAN);
    let say = &["no advisory database", "secgate db update"];
    sandbox.say("audit . --db nowhere.db").exits(3).says(say);
    sandbox.say("audit . --db nowhere.db --no-gate").exits(3);
    sandbox.say("db status --db nowhere.db").exits(3).says(say);
    sandbox.say("doctor --db nowhere.db").exits(3);
    let mut command = sandbox.command();
    command.args(["audit", "."]).env("SECGATE_DB", sandbox.path("nowhere.db"));
    assert_eq!(command.output().unwrap().status.code(), Some(3));
    sandbox.write(
        "secgate.yaml",
        "apiVersion: secgate.dev/v1\nkind: Config\nadvisories: { database: nowhere.db }\n",
    );
    sandbox.say("audit .").exits(3).says(say);
}

#[test]
fn starter_data_passes_only_where_the_policy_says_so() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", "itsdangerous==2.2.0\n");
    sandbox.say("audit .").exits(3).says(&["starter", "secgate db update"]);
    sandbox.say("audit . --policy builtin:strict").exits(3);
    sandbox.write(
        "allow.yaml",
        "apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: { name: x }\nextends: [\"builtin:default\"]\nevidence:\n  advisories: { max_age: 24h, starter: allow }\n",
    );
    sandbox.say("audit . --policy allow.yaml").exits(0).says(&["starter"]);
    sandbox.write("requirements.txt", "flask==2.0.1\n");
    sandbox.say("audit . --policy allow.yaml").exits(1).says(&["CVE-2023-30861"]);
    // What the starter set does not hold at all stays a gap.
    sandbox.write("Gemfile.lock", "GEM\n  remote: https://rubygems.org/\n  specs:\n    rake (13.0.0)\n\nDEPENDENCIES\n  rake\n");
    sandbox.say("audit . --policy allow.yaml").exits(3).says(&["RubyGems"]);
}

#[test]
fn a_database_cut_off_anywhere_is_never_a_pass() {
    let sandbox = Sandbox::with(CLEAN);
    let whole = database_bytes();
    let mut lengths: Vec<usize> =
        (0..60).chain((60..whole.len()).step_by(whole.len() / 40)).collect();
    lengths.extend([whole.len() - 1, whole.len() - 16]);
    for length in lengths {
        sandbox.write("cut.db", &whole[..length]);
        let run = sandbox.say("audit . --db cut.db").exits(3).says(&["cut.db"]);
        assert!(run.stdout.is_empty(), "{length}: {}", run.stdout);
    }
    let longer: Vec<u8> = whole.iter().copied().chain([0]).collect();
    sandbox.write("cut.db", longer);
    sandbox.say("audit . --db cut.db").exits(3).says(&["damaged"]);
}

#[test]
fn a_flipped_bit_is_noticed_or_lies_where_nothing_was_read() {
    let sandbox = Sandbox::with(VULNERABLE);
    let whole = database_bytes();
    let step = (whole.len() / 60).max(1);
    for at in (0..whole.len()).step_by(step) {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1 << (at % 8);
        sandbox.write("flipped.db", bytes);
        let run = sandbox.say("audit . --db flipped.db");
        assert!(matches!(run.code, 1 | 3), "byte {at}: {run:?}");
        assert!(!run.stderr.contains("panicked"), "byte {at}: {run:?}");
        sandbox.say("db status --verify --db flipped.db").exits(3).says(&["flipped.db"]);
    }
}

#[test]
fn a_database_of_another_format_or_no_database_at_all_says_so() {
    let sandbox = Sandbox::with(CLEAN);
    let whole = database_bytes();
    for version in [0_u32, 1, u32::MAX] {
        let mut bytes = whole.to_vec();
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        sandbox.write("other.db", bytes);
        let format = format!("format {version}");
        sandbox.say("audit . --db other.db").exits(3).says(&["other.db", &format, "db update"]);
        sandbox.say("db status --db other.db").exits(3).says(&[&format]);
    }
    let mut bytes = whole.to_vec();
    bytes[..8].copy_from_slice(b"SQLite f");
    for bytes in [bytes, b"hello\n".to_vec(), vec![0; 4096]] {
        sandbox.write("other.db", bytes);
        sandbox.say("audit . --db other.db").exits(3).says(&["not a secgate advisory database"]);
    }
    sandbox.write("other.db", "");
    sandbox.say("audit . --db other.db").exits(3).says(&["empty"]);
    fs::create_dir(sandbox.path("folder.db")).unwrap();
    sandbox.say("audit . --db folder.db").exits(3);
}

#[test]
fn a_broken_database_in_the_cache_is_not_replaced_by_starter_data() {
    let sandbox = Sandbox::with(CLEAN);
    fs::write(sandbox.database(), &database_bytes()[..100]).unwrap();
    sandbox.write(
        "allow.yaml",
        "apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: { name: x }\nextends: [\"builtin:default\"]\nevidence:\n  advisories: { max_age: 24h, starter: allow }\n",
    );
    sandbox.say("audit . --policy allow.yaml").exits(3).says(&["damaged"]);
}

#[test]
fn status_shows_age_sources_and_counts() {
    let sandbox = Sandbox::new();
    let run = sandbox.say("db status").exits(0).says(&["PyPI", "npm", "crates.io", "KEV", "EPSS"]);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
    sandbox.say("db status --verify").exits(0).says(&["verified"]);
    let json = sandbox.say("db status --format json").exits(0).json();
    assert_eq!(json["starter"], false);
    assert_eq!(json["advisories"], 9);
    assert_eq!(json["kev"]["entries"], 1);
    assert_eq!(json["epss"]["entries"], 8);
    let pypi = &json["sources"].as_array().unwrap()[0];
    assert_eq!(pypi["ecosystem"], "PyPI");
    assert_eq!(pypi["advisories"], 7);
    assert_eq!(pypi["withdrawn"], 1);
    assert!(json["published"].is_string() && json["revision"].is_string(), "{json}");
}

#[test]
fn a_record_against_the_schema_is_counted_and_named() {
    let sandbox = Sandbox::empty();
    let mut mirror = Mirror::fixture();
    mirror.record("GHSA-demo-low1-lowx")["affected"][0]["ranges"][0]["events"] =
        serde_json::json!([{"fixed": "1.1"}]);
    mirror.write(&sandbox.path("osv"));
    sandbox.say("db build --from osv").exits(0).says(&["1 records"]);
    sandbox.say("db status -v").exits(0).says(&["GHSA-demo-low1-lowx"]);
    let json = sandbox.say("db status --format json").exits(0).json();
    assert_eq!(json["sources"][0]["rejected"].as_array().unwrap().len(), 1);
}

#[test]
fn build_needs_a_folder_with_a_source_in_it() {
    let sandbox = Sandbox::empty();
    sandbox.say("db build --from nowhere --db x.db").exits(3).says(&["nowhere"]);
    fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.say("db build --from empty --db x.db").exits(3).says(&["ecosystems.txt"]);
    assert!(!sandbox.exists("x.db"));
}

#[test]
fn build_reads_a_rustsec_checkout() {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "db/crates/demo-crate/RUSTSEC-2025-9001.md",
        "```toml\n[advisory]\nid = \"RUSTSEC-2025-9001\"\npackage = \"demo-crate\"\ndate = \"2025-11-01\"\ncvss = \"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N\"\naliases = [\"CVE-2025-10009\"]\n\n[versions]\npatched = [\">= 0.4.2\"]\n```\n\n# Reads after the end of a buffer\n\nA text.\n",
    );
    sandbox.write(
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"demo-crate\"\nversion = \"0.4.1\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n",
    );
    sandbox.say("db build --from db").exits(0);
    sandbox.say("audit . --fail-on high --no-gate").exits(0).says(&["CVE-2025-10009"]);
}

#[test]
fn update_refuses_to_be_offline() {
    Sandbox::empty().say("db update --offline").exits(2).says(&["db build --from"]);
}

#[test]
fn a_database_of_yesterday_is_too_old_tomorrow() {
    let sandbox = Sandbox::with(VULNERABLE);
    sandbox.run(["audit", ".", "--at", &hours_from_now(20)]).exits(1);
    sandbox.run(["audit", ".", "--at", &hours_from_now(25)]).exits(3).says(&["db update"]);
}
