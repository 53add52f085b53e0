//! 10,000 findings against 20 rules: prints the median of 50 runs. The bar is 5 ms.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figure")]

use std::{hint::black_box, io, path::Path, time::Instant};

use secgate_model::{
    AdvisoryData, Confidence, Ended, Finding, Fingerprint, Kind, Location, Locus, Outcome,
    Severity, SourceDates, Vulnerability,
};
use secgate_policy::{Inputs, Waivers, evaluate, load_policy, load_waivers};

fn main() {
    let text = policy();
    let read = |_: &Path| -> io::Result<Vec<u8>> { Ok(text.clone().into_bytes()) };
    let policy =
        load_policy(Path::new("bench.yaml"), &read).unwrap_or_else(|errors| panic!("{errors}"));
    let findings: Vec<Finding> = (0..10_000_u32).map(finding).collect();
    let now: jiff::Timestamp = "2026-11-20T12:00:00Z".parse().expect("a valid time stamp");
    let outcomes = ["audit", "code"].map(|scanner| Outcome {
        scanner: scanner.to_owned(),
        version: "1".to_owned(),
        ended: Ended::Complete,
        detail: String::new(),
        problems: Vec::new(),
        advisories: Some(AdvisoryData {
            revision: "r".to_owned(),
            published: Some(now),
            count: 1,
            starter: false,
            epss: Some(now),
            kev: Some(now),
            at_source: SourceDates::default(),
        }),
        took_ms: 0,
    });
    let lines: Vec<String> = (0..200)
        .map(|id| {
            format!("- {{ id: W-{id}, match: {{ vuln: CVE-2026-{id} }}, reason: r, owner: o, created: 2026-11-01, expires: 2026-12-31 }}")
        })
        .collect();
    let some = load_waivers(&[("w.yaml".to_owned(), lines.join("\n").into_bytes())])
        .unwrap_or_else(|errors| panic!("{errors}"));
    let none = Waivers::default();
    for (name, waivers) in [("no waivers", &none), ("200 waivers", &some)] {
        let inputs = Inputs {
            policy: &policy,
            stage: "source",
            subject: "bench",
            findings: &findings,
            outcomes: &outcomes,
            waivers,
            baseline: None,
            first_seen: None,
            now,
        };
        let mut times: Vec<f64> = (0..50)
            .map(|_| {
                let start = Instant::now();
                black_box(evaluate(black_box(&inputs)));
                start.elapsed().as_secs_f64() * 1_000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        println!("evaluate, 10,000 findings, 20 rules, {name}: median {median:.2} ms");
    }
}

fn policy() -> String {
    const CONDITIONS: [&str; 10] = [
        "kind: vulnerability, severity: critical, fix: available, scope: runtime, kev: true",
        "kind: vulnerability, epss: \">0.95\"",
        "kind: vulnerability, kev: true",
        "kind: vulnerability, cvss: \">=9.9\"",
        "kind: code, severity: critical",
        "kind: vulnerability, package: \"pkg:npm/package-77\", severity: critical",
        "kind: vulnerability, severity: critical, age: \">300d\", unknown: ignore",
        "kind: code, severity: critical, path: \"src/**\"",
        "kind: vulnerability, rule: \"CVE-1999-*\", severity: \">=high\"",
        "kind: vulnerability, anyOf: [{ severity: critical, epss: \">0.9\" }, { kev: true }]",
    ];
    let names: Vec<String> = (0..20).map(|at| format!("r{at}")).collect();
    let rules: Vec<String> = names
        .iter()
        .zip(CONDITIONS.iter().cycle())
        .map(|(name, condition)| format!("  {name}: {{ match: {{ {condition} }} }}"))
        .collect();
    format!(
        "apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: {{ name: bench }}\nstages:\n  source: {{ use: [{}] }}\nrules:\n{}\n",
        names.join(", "),
        rules.join("\n")
    )
}

fn finding(at: u32) -> Finding {
    let purl = format!("pkg:npm/package-{}@1.{}.0", at % 900, at % 7);
    let severity = Severity::ALL.get(at as usize % 4).copied();
    Finding {
        fingerprint: Fingerprint(format!("sg1-{at:032x}")),
        weak_fingerprint: None,
        scanner: "audit".to_owned(),
        seen_by: vec!["audit".to_owned()],
        kind: Kind::Vulnerability,
        rule: format!("CVE-2026-{at}"),
        aliases: vec![format!("GHSA-{at:04}-aaaa-bbbb")],
        cwe: vec![79],
        title: "Something is wrong in a package of this project".to_owned(),
        description: Some("A paragraph about it. ".repeat(20)),
        severity,
        confidence: Confidence::High,
        locus: Locus {
            component: purl.parse().ok(),
            locations: vec![Location::line("package-lock.json", at + 1)],
            ..Locus::default()
        },
        vulnerability: Some(Vulnerability {
            cvss: vec![secgate_model::Cvss {
                vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned(),
                score: Some(7.5),
            }],
            epss: Some(0.1),
            epss_percentile: Some(0.5),
            kev: Some(false),
            fixed_in: vec!["2.0.0".to_owned()],
            fixed_here: Some("2.0.0".to_owned()),
            ..Vulnerability::default()
        }),
        evidence: None,
        remediation: None,
        references: vec!["https://example.org/advisory".to_owned()],
    }
}
