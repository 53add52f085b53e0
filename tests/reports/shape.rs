//! What other programs hold on to.

use std::path::Path;

use serde_json::Value;

use crate::harness::{CLEAN, Sandbox, VULNERABLE};

const TREES: [&str; 4] = [
    CLEAN,
    VULNERABLE,
    "demo-web==1.0.0\n???\n",
    "demo-web==1\ndemo-queue==1\ndemo-kev==1\ndemo-epss==1\ndemo-unfixed==1\ndemo-low==1\n",
];

#[track_caller]
fn check_valid(schema: &Value, document: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn json_follows_the_published_schema() {
    let schema = Sandbox::empty().say("schema report").exits(0).json();
    for tree in TREES {
        let sandbox = Sandbox::with(tree);
        check_valid(&schema, &sandbox.say("audit . --format json").json());
        check_valid(&schema, &sandbox.say("run --stage source --stage code --format json").json());
        sandbox.say("audit . -o json=../own.json");
        check_valid(&schema, &sandbox.say("gate --stage source ../own.json --format json").json());
    }
    check_valid(&schema, &Sandbox::new().say("audit . --format json").exits(3).json());
}

#[test]
fn the_report_has_the_fields_of_the_contract() {
    let report = Sandbox::with(VULNERABLE).say("audit . --format json").exits(1).json();
    assert_eq!(report["schema"], "secgate.report/1");
    assert_eq!(report["tool"]["name"], "secgate");
    assert_eq!(report["evidence"][0]["status"], "complete");
    let finding = &report["findings"][0];
    assert_eq!(finding["rule"], "CVE-2025-10001");
    assert_eq!(finding["aliases"], serde_json::json!(["GHSA-demo-web1-high", "PYSEC-2025-101"]));
    assert_eq!(finding["severity"], "high");
    assert_eq!(finding["cvss"][0]["score"], 7.5);
    assert_eq!(finding["fixed_in"], serde_json::json!(["2.0.0"]));
    assert_eq!(finding["component"], "pkg:pypi/demo-web@1.0.0");
    assert_eq!(finding["location"]["line"], 1);
    assert_eq!(finding["kev"], false);
    assert!(finding["waiver"].is_null());
    let verdict = &report["verdict"];
    assert_eq!((&verdict["stage"], &verdict["outcome"]), (&"source".into(), &"fail".into()));
    let (algorithm, digest) = verdict["policy"].as_str().unwrap().split_once(':').unwrap();
    assert!(!algorithm.is_empty() && digest.len() == 64, "{verdict}");
}

#[test]
fn a_fingerprint_does_not_follow_lines_versions_or_texts() {
    let sandbox = Sandbox::with(VULNERABLE);
    let print = || {
        let report = sandbox.say("audit . --format json").exits(1).json();
        report["findings"][0]["fingerprint"].as_str().unwrap().to_owned()
    };
    let first = print();
    sandbox.write("requirements.txt", "# moved\n\ndemo-web==1.5.0\n");
    assert_eq!(first, print());
}

#[test]
fn sarif_has_what_code_scanning_asks_for() {
    for tree in TREES {
        let sarif = Sandbox::with(tree).say("audit . --format sarif").json();
        assert_eq!(sarif["version"], "2.1.0");
        let run = &sarif["runs"][0];
        let driver = &run["tool"]["driver"];
        assert_eq!(driver["name"], "secgate");
        let rules = driver["rules"].as_array().cloned().unwrap_or_default();
        for result in run["results"].as_array().unwrap() {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(rule["properties"]["security-severity"].is_string(), "{rule}");
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "requirements.txt");
            for field in ["startLine", "startColumn", "endLine", "endColumn"] {
                assert!(place["region"][field].is_u64(), "{field}: {place}");
            }
            assert!(result["partialFingerprints"]["primaryLocationLineHash"].is_string());
        }
    }
    let sarif = Sandbox::with(VULNERABLE).say("audit . --format sarif").json();
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 1);
    let sarif = Sandbox::with(TREES[2]).say("audit . --format sarif").json();
    assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn sarif_follows_the_official_schema() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("gate/report/testdata/sarif-schema-2.1.0.json");
    // A pattern of the published schema has a bracket too many.
    let text = std::fs::read_to_string(path).unwrap().replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let schema: Value = serde_json::from_str(&text).unwrap();
    for tree in TREES {
        check_valid(&schema, &Sandbox::with(tree).say("audit . --format sarif").json());
    }
}

#[test]
fn sarif_paths_are_relative_to_the_repository() {
    let sandbox = Sandbox::new();
    sandbox.write("service/requirements.txt", VULNERABLE);
    sandbox.commit("one");
    let sarif = sandbox.say("audit service --format sarif").exits(1).json();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "service/requirements.txt");
    let report = sandbox.say("audit service --format json").exits(1).json();
    assert_eq!(report["target"]["revision"], sandbox.git(&["rev-parse", "HEAD"]).trim());
}

#[test]
fn junit_says_failure_and_error() {
    let junit = |tree: &str| Sandbox::with(tree).say("audit . --format junit").stdout;
    assert!(junit(VULNERABLE).contains("<failure"));
    assert!(junit(TREES[2]).contains("<error"));
    let clean = junit(CLEAN);
    assert!(!clean.contains("<failure") && !clean.contains("<error"), "{clean}");
}

#[test]
fn html_is_one_file_that_asks_nobody() {
    let html = Sandbox::with(VULNERABLE).say("audit . --format html").exits(1).stdout;
    assert!(html.contains("CVE-2025-10001"));
    for ask in ["<link", " src=", "@import", "url(http", "fetch("] {
        assert!(!html.contains(ask), "{ask}");
    }
}

#[test]
fn markdown_stays_below_the_limit_of_a_comment() {
    let sandbox = Sandbox::with(TREES[3]);
    for at in 0..900 {
        sandbox.write(&format!("sub{at}/requirements.txt"), TREES[3]);
    }
    let run = sandbox.say("audit . --format markdown").exits(1);
    assert!(run.stdout.len() < 65_536, "{}", run.stdout.len());
}
