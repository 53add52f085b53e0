use std::{fmt::Write, path::Path};

use secgate_model::{Ended, Kind, Purl, Severity};

use super::*;
use crate::{merge_findings, vulnerability_fingerprint};

mod broken;

/// Every fixture with findings.
const FULL: [&str; 19] = [
    "bandit/report.json",
    "cargo-audit/report.json",
    "checkov/report.json",
    "cyclonedx/report.json",
    "gitleaks/report.json",
    "govulncheck/stream.json",
    "grype/image.json",
    "hadolint/report.json",
    "npm-audit/v1.json",
    "npm-audit/v2.json",
    "osv-scanner/lockfiles.json",
    "pip-audit/report.json",
    "sarif/codeql.sarif",
    "sarif/grype.sarif",
    "semgrep/report.json",
    "snyk/report.json",
    "trivy/image.json",
    "trivy/lockfile.json",
    "zap/report.json",
];

#[expect(clippy::disallowed_methods, reason = "a fixture, whose size is known")]
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)).unwrap()
}

#[track_caller]
fn foreign(name: &str, bytes: &[u8]) -> Imported {
    match import(name, bytes) {
        Ok(Recognised::Foreign(imported)) => *imported,
        other => panic!("{name}: {other:?}"),
    }
}

/// One line for the outcome, one for each finding, one for each problem.
fn shown(imported: &Imported) -> String {
    let ended = imported.outcome.ended.name();
    let mut text = format!(
        "{} {} {ended} {}\n",
        imported.tool,
        imported.outcome.version,
        imported.stands_for.join(" ")
    );
    for finding in &imported.findings {
        let severity = finding.severity.map_or("-", Severity::name);
        let _ = write!(text, "{} {} {severity}", finding.kind, finding.rule);
        if !finding.aliases.is_empty() {
            let _ = write!(text, " = {}", finding.aliases.join(" "));
        }
        if let Some(purl) = &finding.locus.component {
            let _ = write!(text, " {purl}");
        }
        for place in &finding.locus.locations {
            let _ = write!(text, " {}", place.path);
            if let Some(line) = place.line {
                let _ = write!(text, ":{line}");
            }
        }
        if let Some(url) = &finding.locus.url {
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            let _ = write!(
                text,
                " {} {url} {}",
                part(&finding.locus.method),
                part(&finding.locus.parameter)
            );
        }
        if let Some(about) = &finding.vulnerability {
            let _ = write!(
                text,
                " fix {} of [{}]",
                about.fixed_here.as_deref().unwrap_or("-"),
                about.fixed_in.join(" ")
            );
        }
        let _ = writeln!(text, " | {}", finding.title);
    }
    for problem in &imported.outcome.problems {
        let place = problem.location.as_ref().map_or("", |location| location.path.as_str());
        let _ = writeln!(
            text,
            "{} {place}: {}",
            if problem.gap { "gap" } else { "note" },
            problem.message
        );
    }
    text
}

#[track_caller]
fn check(name: &str, expected: &str) {
    let text = shown(&foreign(name, &fixture(name)));
    let plain =
        |text: &str| text.trim().lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(plain(&text), plain(expected), "{name} says:\n{text}");
}

#[test]
fn package_reports() {
    check(
        "cargo-audit/report.json",
        "cargo-audit unknown complete audit
        vulnerability CVE-2020-26235 medium = GHSA-wcg3-cvx6-7396 RUSTSEC-2020-0071 pkg:cargo/time@0.1.45 Cargo.lock fix 0.2.23 of [0.2.23] | Potential segfault in the time crate
        vulnerability yanked - pkg:cargo/cpufeatures@0.2.1 Cargo.lock fix - of [] | cpufeatures 0.2.1 is yanked
        vulnerability RUSTSEC-2024-0384 - pkg:cargo/instant@0.1.13 Cargo.lock fix - of [] | `instant` is unmaintained",
    );
    check(
        "grype/image.json",
        "grype 0.104.1 complete image
        vulnerability CVE-2023-30861 high = GHSA-m2qf-hxjv-5gpq pkg:pypi/flask@2.0.1 usr/local/lib/python3.12/site-packages/Flask-2.0.1.dist-info/METADATA fix 2.2.5 of [2.2.5] | Flask vulnerable to possible disclosure of permanent session cookie
        vulnerability CVE-2011-3374 low pkg:deb/debian/apt@2.6.1?arch=amd64&distro=debian-12 var/lib/dpkg/status fix - of [] | apt-key does not verify GPG keys correctly
        note : 1 finding(s) that Grype was told to ignore count here: only waivers of the policy excuse a finding",
    );
    check(
        "npm-audit/v1.json",
        "npm-audit unknown complete audit
        vulnerability CVE-2019-10744 low pkg:npm/lodash@4.17.15 package-lock.json fix 4.17.19 of [4.17.19] | Prototype Pollution",
    );
    check(
        "npm-audit/v2.json",
        "npm-audit unknown complete audit
        vulnerability GHSA-35jh-r3h4-6jhm high pkg:npm/lodash package-lock.json fix 4.17.21 of [4.17.21] | Command Injection in lodash
        vulnerability GHSA-p8p7-x288-28g6 medium pkg:npm/request package-lock.json fix - of [] | Server-Side Request Forgery in Request",
    );
    check(
        "osv-scanner/lockfiles.json",
        "osv-scanner unknown complete audit
        vulnerability CVE-2021-23337 high = GHSA-35jh-r3h4-6jhm pkg:npm/lodash@4.17.20 builds/src/frontend/package-lock.json fix 4.17.21 of [4.17.21] | Command Injection in lodash
        vulnerability CVE-2023-30861 high = GHSA-m2qf-hxjv-5gpq PYSEC-2023-62 pkg:pypi/flask@2.0.1 requirements.txt fix 2.2.5 of [2.3.2 2.2.5] | Flask vulnerable to possible disclosure of permanent session cookie",
    );
    check("osv-scanner/clean.json", "osv-scanner unknown complete audit");
    check(
        "pip-audit/report.json",
        "pip-audit unknown complete audit
        vulnerability CVE-2023-30861 - = GHSA-m2qf-hxjv-5gpq PYSEC-2023-62 pkg:pypi/flask@2.0.1 fix 2.2.5 of [2.2.5 2.3.2] | Flask is a lightweight WSGI web application framework.",
    );
    check(
        "pip-audit/skipped.json",
        "pip-audit unknown partial audit
        gap : pip-audit skipped internal-lib: Dependency not found on PyPI and could not be audited: internal-lib (1.0)",
    );
    check(
        "govulncheck/stream.json",
        "govulncheck v1.1.4 complete audit
        vulnerability CVE-2023-45288 - = GHSA-4v7x-pqxf-cx7m GO-2024-2687 pkg:golang/golang.org/x/net@v0.17.0 fix v0.23.0 of [v0.23.0] | HTTP/2 CONTINUATION flood in net/http",
    );
    check(
        "snyk/report.json",
        "snyk unknown complete audit
        vulnerability CVE-2021-23337 high = GHSA-35jh-r3h4-6jhm SNYK-JS-LODASH-1040724 pkg:npm/lodash@4.17.20 package-lock.json fix 4.17.21 of [4.17.21] | Command Injection
        licence snyk:lic:npm:left-pad-gpl:GPL-3.0 high pkg:npm/left-pad-gpl@1.0.0 package-lock.json | GPL-3.0 license",
    );
    check(
        "cyclonedx/report.json",
        "trivy 0.67.2 complete image
        vulnerability CVE-2023-30861 high pkg:pypi/flask@2.0.1 fix 2.2.5 of [2.3.2 2.2.5] | Flask is a lightweight WSGI web application framework.
        vulnerability CVE-2024-0001 - | Something in a component without a purl
        note : 1 finding(s) that the document's analysis excuses count here: only waivers of the policy excuse a finding",
    );
}

#[test]
fn a_trivy_report_holds_every_kind() {
    check(
        "trivy/image.json",
        "trivy 0.67.2 complete image
        secret aws-access-key-id critical app/.env:3 | AWS Access Key ID
        vulnerability CVE-2023-30861 high = GHSA-m2qf-hxjv-5gpq pkg:pypi/flask@2.0.1 usr/local/lib/python3.12/site-packages/Flask-2.0.1.dist-info/METADATA fix 2.2.5 of [2.3.2 2.2.5] | flask: Possible disclosure of permanent session cookie
        config DS002 high = AVD-DS-0002 app/Dockerfile | Image user should not be 'root'
        licence GPL-3.0-only high app/node_modules/left-pad-gpl/package.json | GPL-3.0-only, restricted, left-pad-gpl
        vulnerability CVE-2023-6129 medium pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12.5 fix 3.0.13-1~deb12u1 of [3.0.13-1~deb12u1] | openssl: POLY1305 MAC may corrupt vector registers on PowerPC
        config DS001 medium app/Dockerfile:1 | ':latest' tag used
        note : 1 finding(s) that Trivy was told to ignore count here: only waivers of the policy excuse a finding",
    );
    let imported = foreign("t", &fixture("trivy/image.json"));
    let target = imported.target.unwrap();
    assert_eq!(
        (target.kind, target.name.as_str()),
        (secgate_model::TargetKind::Image, "registry.example:5000/shop/web:1.4")
    );
    assert!(target.digest.is_some_and(|digest| digest.hex().starts_with("3333")));
    assert_eq!(imported.produced.unwrap().to_string(), "2026-03-02T09:14:05.123456789Z");
    let openssl = imported.findings.iter().find(|finding| finding.rule == "CVE-2023-6129").unwrap();
    assert_eq!(openssl.cwe, [787]);
    assert_eq!(openssl.references.len(), 2);
    let cvss = &openssl.vulnerability.as_ref().unwrap().cvss;
    assert_eq!(cvss.iter().map(|cvss| cvss.score).collect::<Vec<_>>(), [Some(6.5)]);
}

#[test]
fn source_reports() {
    check(
        "bandit/report.json",
        "bandit unknown complete code
        code B602 high src/app.py:21 | subprocess call with shell=True identified, security issue.
        code B602 high src/app.py:12 | subprocess call with shell=True identified, security issue.
        code B105 low src/app.py:5 | Possible hardcoded password: '…'
        note : 1 line(s) are silenced by `nosec` comments, which Bandit does not list",
    );
    check(
        "semgrep/report.json",
        "semgrep 1.144.0 complete code
        secret generic.secrets.security.detected-generic-api-key.detected-generic-api-key high src/settings.py:4 | Generic API Key detected
        code python.flask.security.injection.tainted-sql-string.tainted-sql-string high src/app.py:31 | Detected user input used to manually construct a SQL string.
        note : 1 finding(s) that `nosemgrep` comments silence count here: only waivers of the policy excuse a finding",
    );
    check(
        "gitleaks/report.json",
        "gitleaks unknown complete secrets
        secret aws-access-token - deploy/settings.py:7 deploy/settings.py:9 | Identified a pattern that may indicate AWS credentials, risking unauthorized cloud resource access.
        secret generic-api-key - tests/conftest.py:3 | Detected a Generic API Key, potentially exposing access to various services and sensitive operations.",
    );
    check(
        "checkov/report.json",
        "checkov 3.2.489 complete config
        secret CKV_SECRET_2 - infra/app/settings.ini:8 | AWS Access Key
        config CKV_AWS_144 - infra/main.tf:1 | Ensure that S3 bucket has cross-region replication enabled
        config CKV_AWS_18 - infra/main.tf:1 | Ensure the S3 bucket has access logging enabled
        note : 1 finding(s) that Checkov was told to skip count here: only waivers of the policy excuse a finding",
    );
    check(
        "hadolint/report.json",
        "hadolint unknown complete config
        config DL3006 medium docker/Dockerfile:1 | Always tag the version of an image explicitly
        config SC2086 low docker/Dockerfile:9 | Double quote to prevent globbing and word splitting.
        config SC2086 low docker/Dockerfile:5 | Double quote to prevent globbing and word splitting.",
    );
    check(
        "sarif/codeql.sarif",
        "codeql 2.23.0 complete code
        code py/sql-injection high src/app one.py:31 | This SQL query depends on a [user-provided value](1).
        code py/unused-import low src/b.py:1 | Import of 'os' is not used.
        note : 1 finding(s) that the report suppresses count here: only waivers of the policy excuse a finding",
    );
    check(
        "sarif/grype.sarif",
        "grype 0.104.1 complete audit
        vulnerability CVE-2023-30861 high pkg:pypi/flask@2.0.1 requirements.txt:1 | A high vulnerability in python package: flask, version 2.0.1 was found at: /requirements.txt
        note : 1 vulnerabilities come without the versions that fix them, which SARIF has no place for",
    );
    check(
        "zap/report.json",
        "zap 2.16.1 complete dast
        web ZAP-40018 high GET https://staging.shop.example/orders/17 sort | SQL Injection
        web ZAP-10021 low GET https://staging.shop.example/ x-content-type-options | X-Content-Type-Options Header Missing",
    );
}

#[test]
fn runs_that_did_not_do_their_work() {
    check(
        "trivy/nothing.json",
        "trivy unknown skipped
        note : Trivy found nothing that it understands in this target",
    );
    check(
        "npm-audit/no-lockfile.json",
        "npm-audit unknown failed audit
        gap : npm audit failed: ENOLOCK This command requires an existing lockfile.",
    );
    check(
        "bandit/unparsed.json",
        "bandit unknown partial code
        gap src/broken.py: Bandit could not judge it: syntax error while parsing AST from file",
    );
    check(
        "bandit/filtered.json",
        "bandit unknown partial code
        gap : Bandit counts 3 findings and lists 0",
    );
    check(
        "semgrep/partial.json",
        "semgrep 1.144.0 partial code
        gap src/new.py: Semgrep could not judge everything: Syntax error at line src/new.py:2:",
    );
    check(
        "checkov/nothing.json",
        "checkov 3.2.489 skipped config
        note : Checkov found nothing to check",
    );
    check(
        "checkov/unparsed.json",
        "checkov 3.2.489 partial config
        gap builds/infra/broken.tf: Checkov could not parse it",
    );
    check(
        "hadolint/unparsed.json",
        "hadolint unknown partial config
        gap Dockerfile: hadolint could not parse it: unexpected 'X' expecting a new line followed by the next instruction",
    );
    check(
        "zap/unreached.json",
        "zap 2.16.1 failed dast
        gap : ZAP reached no site",
    );
    check(
        "snyk/failed.json",
        "snyk unknown failed audit
        gap : Snyk could not judge a project: Could not detect supported target files in /builds/shop.
        gap : Snyk judged no project",
    );
    check(
        "sarif/failed.sarif",
        "gosec 2.22.0 failed code
        gap : the tool reports an error: could not import package x
        gap : the tool says that its run was not successful",
    );
}

#[test]
fn an_empty_list_is_none_only_of_a_tool_that_writes_it() {
    for (name, tool) in [("out/gitleaks.json", "gitleaks"), ("hadolint-report.json", "hadolint")] {
        let imported = foreign(name, b"[]\n");
        assert_eq!(
            (imported.tool.as_str(), imported.outcome.ended, imported.findings.len()),
            (tool, Ended::Complete, 0)
        );
    }
    for name in ["report.json", "gitleaks/report.json", "gitleaks-hadolint.json"] {
        assert!(matches!(import(name, b"[]"), Err(ImportError::Nameless { .. })), "{name}");
    }
}

#[test]
fn our_own_report_is_left_to_its_reader() {
    assert_eq!(import("r.json", br#"{"schema": "secgate.report/1"}"#), Ok(Recognised::Own));
}

#[test]
fn one_flaw_seen_by_three_is_one_finding() {
    let trivy = foreign("trivy.json", &fixture("trivy/lockfile.json"));
    let osv = foreign("osv.json", &fixture("osv-scanner/lockfiles.json"));
    let purl: Purl = "pkg:pypi/flask@2.0.1".parse().unwrap();
    let target = Target {
        kind: secgate_model::TargetKind::Path,
        name: "shop".into(),
        digest: None,
        revision: None,
    };
    let mut own = draft::blank(Kind::Vulnerability, "CVE-2023-30861", "Flask: session cookie");
    own.scanner = "audit".to_owned();
    own.seen_by = vec!["audit".to_owned()];
    own.fingerprint = vulnerability_fingerprint(&target, "CVE-2023-30861", &purl);
    own.locus.component = Some(purl);
    let all = [vec![own], trivy.findings, osv.findings].concat();
    let merged = merge_findings(all);
    let flask: Vec<&Finding> =
        merged.iter().filter(|finding| finding.rule == "CVE-2023-30861").collect();
    assert_eq!(flask.len(), 1);
    assert_eq!(flask[0].seen_by, ["audit", "osv-scanner", "trivy"]);
    assert_eq!(flask[0].aliases, ["GHSA-m2qf-hxjv-5gpq", "PYSEC-2023-62"]);
    // pip-audit and Grype's SARIF say the same of it.
    for other in ["pip-audit/report.json", "sarif/grype.sarif"] {
        let findings = foreign(other, &fixture(other)).findings;
        assert_eq!(findings[0].fingerprint, flask[0].fingerprint, "{other}");
    }
}

#[test]
fn an_identity_outlives_a_shift_of_lines() {
    let of = |text: &str| -> Vec<(String, Option<u32>)> {
        let mut all: Vec<_> = foreign("bandit.json", text.as_bytes())
            .findings
            .into_iter()
            .map(|finding| (finding.fingerprint.0, finding.locus.locations[0].line))
            .collect();
        all.sort();
        all
    };
    let text = String::from_utf8(fixture("bandit/report.json")).unwrap();
    let before = of(&text);
    assert_eq!(before.len(), 3, "two alike in one file are two");
    let moved = text
        .replace("\"line_number\": 12", "\"line_number\": 14")
        .replace("\"line_range\": [12]", "\"line_range\": [14]")
        .replace("11 def run(cmd):\\n12   ", "13 def run(cmd):\\n14 ");
    let after = of(&moved);
    assert_ne!(before, after);
    let prints = |all: &[(String, Option<u32>)]| {
        all.iter().map(|(print, _)| print.clone()).collect::<Vec<_>>()
    };
    assert_eq!(prints(&before), prints(&after));
}

#[test]
fn no_secret_gets_out() {
    let sarif = br#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "gitleaks", "rules": [{"id": "aws",
        "shortDescription": {"text": "AWS key"}}]}}, "results": [{"ruleId": "aws", "message": {"text": "found AKIAQ3EGRTVSWFPIZ2XC"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 1,
        "snippet": {"text": "AKIAQ3EGRTVSWFPIZ2XC"}}}}]}]}]}"#;
    let mut all = format!("{:?}", foreign("s.sarif", sarif));
    for name in FULL {
        let _ = write!(all, "{:?}", foreign(name, &fixture(name)));
    }
    for secret in ["AKIAQ", "correct horse", "9f8e7d6c", "token=abcdef"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(all.contains("AKIA… (20 characters), in commit 5f2c7a10b6f0"));
    // Nor does an error quote what it read.
    let wrong = import("g.json", br#"[{"RuleID": "x", "Secret": "s", "File": "f", "Description": "d", "StartLine": "AKIAQ3EG"}]"#);
    let message = wrong.unwrap_err().to_string();
    assert_eq!(message, "g.json:1:88: not a gitleaks report: invalid type: a string, expected i64");
}

#[test]
fn a_foreign_tool_stands_for_what_it_looked_at() {
    assert_eq!(stands_for("bandit"), Some("code"));
    assert_eq!(stands_for("trivy"), None);
    let only_licences = br#"{"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem", "Results":
        [{"Target": "package-lock.json", "Class": "lang-pkgs", "Type": "npm"}, {"Target": "package-lock.json", "Class": "license"}]}"#;
    assert!(foreign("t.json", only_licences).stands_for.is_empty());
}
