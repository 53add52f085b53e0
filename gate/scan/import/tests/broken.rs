//! What is broken, cut off or of a failed run never looks like a run that found nothing.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Whether a report was taken for a finished run without findings.
fn looks_clean(result: &Result<Recognised, ImportError>) -> bool {
    matches!(result, Ok(Recognised::Foreign(imported))
        if imported.outcome.ended == Ended::Complete && imported.findings.is_empty())
}

fn findings(result: &Result<Recognised, ImportError>) -> Option<usize> {
    match result {
        Ok(Recognised::Foreign(imported)) if imported.outcome.ended == Ended::Complete => {
            Some(imported.findings.len())
        }
        _ => None,
    }
}

#[test]
fn a_report_that_is_cut_off_loses_nothing_silently() {
    for name in FULL {
        let whole = fixture(name);
        let all = findings(&import(name, &whole)).unwrap();
        let step = whole.len() / 700 + 1;
        // Every end of an object counts, wherever the steps fall.
        let ends = whole
            .iter()
            .enumerate()
            .filter(|(_, byte)| matches!(byte, b'}' | b']'))
            .map(|(at, _)| at + 1);
        for cut in (0..whole.len()).step_by(step).chain(ends) {
            let result = import(name, &whole[..cut]);
            if let Some(some) = findings(&result) {
                assert_eq!(some, all, "{name} cut at {cut}");
            }
        }
    }
}

/// Trivy leaves `Vulnerabilities` out, or writes null, where there are none: without it the report is a clean one.
const CLEAN_WITHOUT: &str = "trivy/lockfile.json";

/// Every place in a document, as the keys and indices that lead to it.
fn places(value: &Value, at: &mut Vec<String>, all: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(list) => {
            list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (key, child) in children {
        at.push(key);
        all.push(format!("/{}", at.join("/")));
        places(child, at, all);
        at.pop();
    }
}

#[test]
fn a_field_of_another_type_hides_nothing() {
    for name in FULL.into_iter().filter(|name| !name.starts_with("govulncheck")) {
        let whole: Value = serde_json::from_slice(&fixture(name)).unwrap();
        let mut all = Vec::new();
        places(&whole, &mut Vec::new(), &mut all);
        for place in all {
            if name == CLEAN_WITHOUT && place == "/Results/0/Vulnerabilities" {
                continue;
            }
            for wrong in [json!(7), json!("x"), json!({}), json!(null), json!(true)] {
                let mut document = whole.clone();
                *document.pointer_mut(&place).unwrap() = wrong.clone();
                let result = import(name, document.to_string().as_bytes());
                assert!(!looks_clean(&result), "{name}: {place} = {wrong}");
            }
            // The same with the field left out.
            let (parent, key) = place.rsplit_once('/').unwrap();
            let mut document = whole.clone();
            if let Some(Value::Object(map)) = document.pointer_mut(parent) {
                map.remove(&key.replace("~1", "/").replace("~0", "~"));
                let result = import(name, document.to_string().as_bytes());
                assert!(!looks_clean(&result), "{name}: without {place}");
            }
        }
    }
}

#[track_caller]
fn refused(text: &str, message: &str) {
    match import("r.json", text.as_bytes()) {
        Err(error) => assert!(error.to_string().contains(message), "{error}"),
        Ok(other) => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_is_no_evidence_says_why() {
    refused("", "the report is empty");
    refused(" \n", "the report is empty");
    refused("null", "not a report that secgate knows");
    refused("{}", "not a report that secgate knows");
    refused("[1]", "not a report that secgate knows");
    refused(r#"{"results": []}"#, "not a report that secgate knows");
    refused("Error: no such image", "r.json:1:1: not complete JSON");
    refused("{\"results\": [],\n\"errors\": [", "r.json:2:11: not complete JSON: EOF");
    refused(r#"{"results": []} {"results": []}"#, "trailing characters");
    refused(r#"{"runs": [], "version": "2.1.0", "runs": []}"#, "the key `runs` is there twice");
    refused(r#"{"runs": [], "version": "2.1.0"}"#, "it holds no run");
    refused(
        r#"{"runs": [{"tool": {"driver": {"name": ""}}}], "version": "2.1.0"}"#,
        "does not name its tool",
    );
    refused(r#"{"runs": [], "version": "2.0.0"}"#, "SARIF of version 2.0.0 is not read");
    refused(
        r#"{"runs": [{"tool": {"driver": {"name": "a"}}, "results": []}, {"tool": {"driver": {"name": "b"}}, "results": []}],
            "version": "2.1.0"}"#,
        "hand in one file a tool",
    );
    refused(
        r#"{"runs": [{"tool": {"driver": {"name": "secgate"}}, "results": []}], "version": "2.1.0"}"#,
        "its JSON report",
    );
    refused(
        r#"{"runs": [{"tool": {"driver": {"name": "a"}}, "results": [{}]}], "version": "2.1.0"}"#,
        "a result without a rule",
    );
    refused(
        r#"{"SchemaVersion": 1, "ArtifactName": "x"}"#,
        "Trivy of version 1 is not read; expected 2",
    );
    refused(
        r#"{"auditReportVersion": 3, "vulnerabilities": {}, "metadata": {"vulnerabilities": {}}}"#,
        "version 3",
    );
    refused(r#"{"auditReportVersion": 2, "vulnerabilities": {}}"#, "`metadata` is missing");
    refused(
        r#"{"auditReportVersion": 2, "vulnerabilities": {}, "metadata": {"vulnerabilities": {"high": 1, "total": 1}}}"#,
        "counts other than what is listed",
    );
    refused(
        r#"{"bomFormat": "CycloneDX", "specVersion": "9", "vulnerabilities": [{}]}"#,
        "CycloneDX of version 9",
    );
    refused(r#"{"spdxVersion": "SPDX-2.3"}"#, "use `secgate audit r.json`");
    refused(
        r#"{"database": {"advisory-count": 1}, "lockfile": {"dependency-count": 1}, "vulnerabilities":
            {"found": true, "count": 1, "list": []}, "warnings": {}}"#,
        "contradict each other",
    );
    refused(
        r#"{"check_type": "terraform", "results": {"failed_checks": []}, "summary": {"failed": 2}}"#,
        "counts 2 failed checks and lists 0",
    );
    refused(
        r#"{"config": {"protocol_version": "v2.0.0", "scanner_name": "govulncheck"}}"#,
        "govulncheck of version v2.0.0",
    );
    refused(
        r#"{"config": {"protocol_version": "v1.0.0", "scanner_name": "govulncheck"}}"#,
        "it ends before the check began",
    );
    refused(r#"{"ok": false, "vulnerabilities": []}"#, "it is not ok and lists nothing");
    refused(
        r#"{"dependencies": [{"name": "a", "version": "1"}], "fixes": []}"#,
        "neither `vulns` nor `skip_reason`",
    );
    assert!(matches!(
        import("r.json", &fixture("cyclonedx/sbom.json")),
        Err(ImportError::Sbom { format: "CycloneDX", .. })
    ));
    assert!(matches!(import("r.json", b"\xff\xfe{\0}\0"), Err(ImportError::NotText { at: 0, .. })));
}

#[test]
fn a_settings_file_that_narrows_the_run_is_a_gap() {
    let text = String::from_utf8(fixture("cargo-audit/report.json")).unwrap();
    let narrowed = text.replace("\"ignore\": []", "\"ignore\": [\"RUSTSEC-2023-0071\"]");
    let outcome = foreign("r.json", narrowed.as_bytes()).outcome;
    assert_eq!(outcome.ended, Ended::Partial);
    assert_eq!(outcome.problems[0].message, "cargo-audit was told to ignore RUSTSEC-2023-0071");
    let grype = String::from_utf8(fixture("grype/image.json"))
        .unwrap()
        .replace("\"valid\": true", "\"valid\": false");
    assert_eq!(foreign("r.json", grype.as_bytes()).outcome.ended, Ended::Failed);
}

#[test]
fn depth_is_bounded() {
    let deep = format!(
        "{{\"results\": [], \"errors\": {}{}, \"paths\": {{}}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(import("r.json", deep.as_bytes()).is_err());
    let mut components = r#"{"name": "a"}"#.to_owned();
    for _ in 0..2_000 {
        components = format!(r#"{{"name": "a", "components": [{components}]}}"#);
    }
    let deep = format!(
        r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{components}], "vulnerabilities": [{{}}]}}"#
    );
    assert!(import("r.json", deep.as_bytes()).is_err());
}

#[test]
fn one_text_of_very_many_findings_is_not_copied_without_end() {
    let affects: Vec<Value> =
        (0..12_000).map(|at| json!({"ref": format!("pkg:npm/a{at}@1")})).collect();
    let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": [
        {"id": "CVE-2026-1", "description": "x".repeat(8_000), "affects": affects}]});
    let imported = foreign("r.json", document.to_string().as_bytes());
    assert_eq!(imported.findings.len(), 12_000);
    let text: usize = imported
        .findings
        .iter()
        .filter_map(|finding| finding.description.as_ref())
        .map(String::len)
        .sum();
    assert!(text <= 64 << 20, "{text}");
    // One secret seen very often stays one finding with some of its places.
    let secret = |line: u32| json!({"RuleID": "r", "Description": "d", "StartLine": line, "Secret": "0123456789abcdef", "File": "a"});
    let list: Vec<Value> = (1..5_000).map(secret).collect();
    let imported = foreign("r.json", Value::from(list).to_string().as_bytes());
    assert_eq!((imported.findings.len(), imported.findings[0].locus.locations.len()), (1, 64));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_bytes_never_panic(
        which in 0..FULL.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
    ) {
        let mut bytes = fixture(FULL[which]);
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        let result = import(FULL[which], &bytes);
        prop_assert!(FULL[which] == CLEAN_WITHOUT || !looks_clean(&result));
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}\":,0-9a-z ]{0,80}") {
        let _ = import("r.json", text.as_bytes());
    }
}
