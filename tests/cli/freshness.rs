//! How old data are, in the words of every report, and what a policy makes of it.

use serde_json::Value;

use crate::{
    harness::{CLEAN, Sandbox, build, hours_from_now},
    mirror::Mirror,
    server::{Server, Validator},
};

/// The newest that the source has is `hours` old by its own dates.
fn aged(hours: i64) -> Mirror {
    let mut mirror = Mirror::fixture();
    let at = hours_from_now(-hours);
    for record in mirror.records.values_mut().flat_map(|records| records.values_mut()) {
        record["modified"] = at.as_str().into();
    }
    let mut kev: Value = serde_json::from_str(mirror.kev.as_deref().unwrap()).unwrap();
    kev["dateReleased"] = at.as_str().into();
    mirror.kev = Some(kev.to_string());
    let epss = mirror.epss.as_deref().unwrap();
    let rest = epss.split_once('\n').unwrap().1;
    mirror.epss = Some(format!("#model_version:v2025.03.14,score_date:{at}\n{rest}"));
    mirror
}

fn sandbox(mirror: &Mirror) -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", CLEAN);
    std::fs::create_dir_all(sandbox.database().parent().unwrap()).unwrap();
    std::fs::write(sandbox.database(), build(mirror)).unwrap();
    sandbox
}

const DAY: i64 = 24;

#[test]
fn every_report_says_what_is_old_at_its_source() {
    let old = sandbox(&aged(40 * DAY));
    let new = sandbox(&aged(2));
    for format in ["table", "markdown", "sarif", "gitlab", "github", "html", "junit", "json"] {
        let line = format!("audit . --format {format}");
        for what in ["KEV data at their source", "EPSS data at their source", "advisories at their"]
        {
            let run = old.say(&line).exits(0);
            let text = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(what) && text.contains("40 days old"), "{format} {what}: {text}");
        }
        let run = new.say(&line).exits(0);
        assert!(!run.stdout.contains("at their source are"), "{format}: {}", run.stdout);
    }
    let report = old.say("audit . --format json").exits(0).json();
    let dates = &report["evidence"][0]["advisories"]["at_source"];
    assert!(dates["kev"].is_string() && dates["epss"].is_string(), "{report:#}");
    assert!(dates["advisories"].is_string(), "{report:#}");
}

#[test]
fn a_policy_may_limit_the_age_at_the_source() {
    let old = sandbox(&aged(40 * DAY));
    let policy = "apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: { name: x }\nextends: [\"builtin:default\"]\nevidence:\n  kev: { max_age: 24h, at_source: 30d }\n";
    old.write("policy.yaml", policy);
    let run = old.say("audit . --policy policy.yaml").exits(3);
    run.says(&["40 days old", "allows 30d", "from one that is"]);
    old.write("policy.yaml", policy.replace("30d", "50d"));
    old.say("audit . --policy policy.yaml").exits(0);
    old.say("policy explain").exits(0).says(&["advisories checked not longer than 1d ago"]);
}

#[test]
fn a_change_dated_in_the_future_proves_nothing() {
    let mut mirror = aged(40 * DAY);
    mirror.record("GHSA-demo-low1-lowx")["modified"] = hours_from_now(300 * DAY).into();
    let sandbox = sandbox(&mirror);
    sandbox.say("audit .").exits(0).says(&["newest advisories at their source", "40 days old"]);
    let status = sandbox.say("db status --format json").exits(0).json();
    let newest = status["newest_change"].as_str().unwrap();
    assert!(newest < hours_from_now(0).as_str(), "{status:#}");
    sandbox.say("db status").exits(0).says(&["newest      ", "(40 days ago)", "current at"]);
}

#[test]
fn tables_that_stand_still_at_a_source_are_old_although_they_were_asked_for_today() {
    let sandbox = Sandbox::empty();
    sandbox.write("requirements.txt", CLEAN);
    // The server's file times are of January.
    let server = Server::with(&aged(2), Validator::LastModified);
    sandbox.run(["db", "update", "--mirror", &server.url()]).exits(0);
    let report = sandbox.say("audit . --format json").exits(3).json();
    let data = &report["evidence"][0]["advisories"];
    for part in ["published", "epss", "kev"] {
        assert!(data[part].as_str().unwrap().starts_with("2026-01-05"), "{part}: {data:#}");
    }
    let again = sandbox.run(["db", "update", "--mirror", &server.url()]).exits(0);
    again.says(&["unchanged"]);
    let report = sandbox.say("audit . --format json").exits(3).json();
    assert!(report["evidence"][0]["advisories"]["kev"].as_str().unwrap().starts_with("2026-01-05"));
}
