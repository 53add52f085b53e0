//! The golden examples in `reports/examples` are what the formats give for the run that `report.json` there tells of.
//! `cargo run -p secgate-report --example golden` writes them again.

use jsonschema::Validator;
use secgate_formats::report::ReportDocument;
use secgate_model::{Decision, Ended};
use serde_json::Value;

use crate::{Format, Options, REPORT_SCHEMA, document, gitlab_reports, read, render};

const SOURCE: &str = include_str!("../../reports/examples/report.json");

pub(crate) fn sample() -> read::Report {
    read::report(&ReportDocument::from_slice(SOURCE.as_bytes()).unwrap()).unwrap()
}

/// The sample with one stage that passes.
pub(crate) fn passing() -> read::Report {
    let mut report = sample();
    report.verdicts.truncate(1);
    for verdict in &mut report.verdicts {
        verdict.decision = Decision::Pass;
        verdict.plan = None;
        verdict.notices.clear();
        for reason in verdict.reasons.iter_mut().filter(|reason| reason.outcome != Decision::Pass) {
            reason.outcome = Decision::Pass;
            reason.findings.clear();
        }
    }
    for outcome in &mut report.outcomes {
        outcome.problems.retain(|problem| !problem.gap);
        if outcome.ended == Ended::Partial {
            outcome.ended = Ended::Complete;
        }
    }
    report
}

pub(crate) fn text(format: Format, report: &read::Report, options: &Options) -> String {
    String::from_utf8(render(format, &report.run(), options).unwrap()).unwrap()
}

fn check(format: Format, golden: &str) {
    let made = text(format, &sample(), &Options::default());
    assert!(
        made == golden,
        "{format} differs from its golden example; run `cargo run -p secgate-report --example golden` and read the difference\n{}",
        made.lines()
            .zip(golden.lines())
            .find(|(a, b)| a != b)
            .map_or(String::new(), |(a, b)| format!("made   {a}\ngolden {b}"))
    );
}

#[test]
fn every_format_gives_its_golden_example() {
    check(Format::Json, SOURCE);
    check(Format::Table, include_str!("../../reports/examples/report.txt"));
    check(Format::Sarif, include_str!("../../reports/examples/report.sarif"));
    check(Format::Markdown, include_str!("../../reports/examples/report.md"));
    check(Format::Html, include_str!("../../reports/examples/report.html"));
    check(Format::Junit, include_str!("../../reports/examples/report.junit.xml"));
    check(
        Format::Gitlab,
        include_str!("../../reports/examples/gl-dependency-scanning-report.json"),
    );
    check(Format::Github, include_str!("../../reports/examples/report.github.txt"));
}

#[test]
fn a_document_says_all_that_a_run_holds() {
    for report in [sample(), passing()] {
        let document = document(&report.run());
        assert_eq!(read::report(&document).unwrap(), report_in_order(&report, &document));
    }
}

/// The document has the findings worst first; all else is in the order of the run.
fn report_in_order(report: &read::Report, document: &ReportDocument) -> read::Report {
    let mut report = report.clone();
    report.findings.sort_by_key(|finding| {
        document.findings.iter().position(|other| other.fingerprint == finding.fingerprint.0)
    });
    report
}

fn assert_valid(validator: &Validator, document: &Value) {
    let errors: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn documents_follow_the_schema() {
    let schema: Value = serde_json::from_str(REPORT_SCHEMA).unwrap();
    let validator =
        jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
    assert_valid(&validator, &serde_json::from_str(SOURCE).unwrap());
    let mut bare = sample();
    bare.verdicts.clear();
    bare.findings.clear();
    bare.outcomes.clear();
    for report in [passing(), bare] {
        assert_valid(
            &validator,
            &serde_json::from_str(&text(Format::Json, &report, &Options::default())).unwrap(),
        );
    }
    for (path, wrong) in [
        ("/schema", "secgate.report/2"),
        ("/evidence/0/status", "good"),
        ("/verdict/outcome", "warn"),
    ] {
        let mut document: Value = serde_json::from_str(SOURCE).unwrap();
        *document.pointer_mut(path).unwrap() = wrong.into();
        assert!(!validator.is_valid(&document), "{path}");
    }
}

#[test]
fn sarif_follows_the_official_schema_and_what_github_asks_for() {
    // Two patterns of the published schema hold a bracket too many, which is no regular expression of ECMA-262.
    let schema =
        include_str!("testdata/sarif-schema-2.1.0.json").replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let based = Options { base_path: Some("services/shop".to_owned()), ..Options::default() };
    for report in [sample(), passing()] {
        let log: Value = serde_json::from_str(&text(Format::Sarif, &report, &based)).unwrap();
        assert_valid(&validator, &log);
        let run = &log["runs"][0];
        assert_eq!(run["results"].as_array().unwrap().len(), report.findings.len());
        for result in run["results"].as_array().unwrap() {
            let physical = &result["locations"][0]["physicalLocation"];
            let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
            assert!(
                !uri.is_empty()
                    && !uri.starts_with('/')
                    && !uri.contains(':')
                    && !uri.contains(".."),
                "{uri}"
            );
            for field in ["startLine", "startColumn", "endLine", "endColumn"] {
                assert!(physical["region"][field].as_i64().unwrap() >= 1, "{result}");
            }
            assert!(result["partialFingerprints"]["primaryLocationLineHash"].is_string());
            let rule = &run["tool"]["driver"]["rules"]
                [usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(
                rule["properties"]["security-severity"]
                    .as_str()
                    .is_none_or(|score| score.parse::<f64>().is_ok())
            );
        }
    }
    let log: Value = serde_json::from_str(&text(Format::Sarif, &sample(), &based)).unwrap();
    let result = |rule: &str| {
        let results = log["runs"][0]["results"].as_array().unwrap();
        results.iter().find(|result| result["ruleId"] == rule).unwrap().clone()
    };
    assert_eq!(result("CVE-2024-4741")["suppressions"][0]["kind"], "external");
    assert_eq!(result("CVE-2021-44906")["suppressions"], serde_json::json!([]));
    assert_eq!(result("CVE-2021-44906")["baselineState"], "new");
    let uri = &result("SG-PY-SQLI")["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(uri, "services/shop/src/shop/orders.py");
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn a_vulnerability_without_a_place_stands_in_the_lockfile_of_its_package() {
    let mut report = sample();
    for finding in &mut report.findings {
        finding.locus.locations.clear();
    }
    let log: Value =
        serde_json::from_str(&text(Format::Sarif, &report, &Options::default())).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let minimist = results.iter().find(|result| result["ruleId"] == "CVE-2021-44906").unwrap();
    let physical = &minimist["locations"][0]["physicalLocation"];
    assert_eq!(physical["artifactLocation"]["uri"], "web/package-lock.json");
    assert_eq!(physical["region"]["startLine"], 1482);
}

#[test]
fn sarif_is_cut_at_the_limit_and_says_so() {
    let mut report = sample();
    let model = report.findings.pop().unwrap();
    report.findings = (0..25_010)
        .map(|at| {
            let mut finding = model.clone();
            finding.fingerprint.0 = format!("sg1-{at}");
            finding
        })
        .collect();
    report.findings.last_mut().unwrap().severity = Some(secgate_model::Severity::Critical);
    let log: Value =
        serde_json::from_str(&text(Format::Sarif, &report, &Options::default())).unwrap();
    let run = &log["runs"][0];
    assert_eq!(run["results"].as_array().unwrap().len(), 25_000);
    assert_eq!(run["results"][0]["properties"]["severity"], "critical");
    let said =
        run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
    assert!(said.starts_with("10 of 25,010 findings are left out"), "{said}");
}

#[test]
fn junit_counts_stages_rules_and_waivers() {
    let xml = text(Format::Junit, &sample(), &Options::default());
    let document = roxmltree::Document::parse(&xml).unwrap();
    let root = document.root_element();
    assert_eq!(
        (root.attribute("failures"), root.attribute("errors"), root.attribute("skipped")),
        (Some("5"), Some("1"), Some("1"))
    );
    let suites: Vec<_> = root
        .children()
        .filter(|node| node.has_tag_name("testsuite"))
        .map(|suite| suite.attribute("name").unwrap())
        .collect();
    assert_eq!(suites, ["source", "web"]);
}

#[test]
fn gitlab_gets_one_report_a_type_and_is_told_of_the_others() {
    let report = sample();
    let all = gitlab_reports(&report.run(), &Options::default()).unwrap();
    let names: Vec<_> = all.iter().map(|report| report.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "gl-dependency-scanning-report.json",
            "gl-sast-report.json",
            "gl-secret-detection-report.json",
            "gl-dast-report.json"
        ]
    );
    let mut ids = std::collections::BTreeSet::new();
    let mut number = 0;
    for file in &all {
        let value: Value = serde_json::from_slice(&file.bytes).unwrap();
        for vulnerability in value["vulnerabilities"].as_array().unwrap() {
            number += 1;
            ids.insert(vulnerability["id"].as_str().unwrap().to_owned());
            assert!(!vulnerability["identifiers"].as_array().unwrap().is_empty());
        }
        // A partial scan is a success with a warning; the messages name the gap.
        assert_eq!(value["scan"]["status"], "success");
        assert!(value["scan"]["messages"].to_string().contains("3 routes behind /admin"));
    }
    assert_eq!(
        (number, ids.len()),
        (report.findings.len() - 1, number),
        "one is waived, and ids are unique"
    );
    let first: Value =
        serde_json::from_str(&text(Format::Gitlab, &report, &Options::default())).unwrap();
    assert!(first["scan"]["messages"].to_string().contains("gl-secret-detection-report.json"));
    assert!(
        first["vulnerabilities"]
            .as_array()
            .unwrap()
            .iter()
            .all(|found| found["location"]["dependency"].is_object())
    );
}

#[test]
fn a_pass_is_short_and_says_when_it_ends() {
    let table = text(Format::Table, &passing(), &Options::default());
    assert!(table.starts_with("PASS  stage source"), "{table}");
    assert!((3..=5).contains(&table.lines().count()), "{table}");
    assert!(table.contains("turns red on 2026-12-02"), "{table}");
}

#[test]
fn what_only_reports_says_so() {
    let mut report = sample();
    report.gate = false;
    assert!(
        text(Format::Table, &report, &Options::default())
            .lines()
            .next()
            .unwrap()
            .contains("not enforced")
    );
    assert!(text(Format::Markdown, &report, &Options::default()).contains("(not enforced)"));
    assert!(text(Format::Html, &report, &Options::default()).contains("Not enforced"));
    report.verdicts.clear();
    assert!(text(Format::Html, &report, &Options::default()).contains("<body class=\"is-none\">"));
    for format in [Format::Table, Format::Markdown, Format::Github] {
        let made = text(format, &report, &Options::default());
        assert!(!made.contains("PASS") && !made.contains("passes"), "{made}");
    }
}

#[test]
fn a_rule_that_names_an_unknown_finding_still_counts() {
    let mut report = passing();
    report.findings.clear();
    report.verdicts[0].decision = Decision::Fail;
    report.verdicts[0].reasons[1].outcome = Decision::Fail;
    report.verdicts[0].reasons[1].findings =
        vec![secgate_model::Fingerprint("sg1-gone".to_owned())];
    let table = text(Format::Table, &report, &Options::default());
    assert!(table.starts_with("FAIL  stage source · 1 blocking"), "{table}");
    assert!(table.contains("sg1-gone"), "{table}");
}

#[test]
fn a_stage_without_a_baseline_is_not_excused_by_that_of_another() {
    let annotations = text(Format::Github, &sample(), &Options::default());
    assert!(annotations.contains("SG-WEB-REFLECTED-XSS"), "{annotations}");
    assert!(!annotations.contains("CVE-2023-25577"), "{annotations}");
}

#[test]
fn figures_outside_their_range_are_errors() {
    let change = |path: &str, value: Value| {
        let mut document: Value = serde_json::from_str(SOURCE).unwrap();
        *document.pointer_mut(path).unwrap() = value;
        read::report(&ReportDocument::from_slice(document.to_string().as_bytes()).unwrap())
            .unwrap_err()
            .to_string()
    };
    assert!(change("/findings/0/epss", 7.into()).contains("`epss` is 7"));
    assert!(
        change("/findings/0/component", "minimist".into())
            .starts_with("finding 0 (CVE-2021-44906)")
    );
    assert!(change("/started", "yesterday".into()).contains("yesterday"));
    assert!(change("/verdict/outcome", "pass".into()).contains("worst"));
    assert!(change("/verdicts/0/outcome", "pass".into()).contains("says `fail`"));
    assert!(change("/findings/0/fingerprint", "".into()).contains("empty"));
}
