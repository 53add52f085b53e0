//! The laws of the engine, as tests. The numbers are those of the design.

use std::{collections::BTreeMap, io, path::Path};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use secgate_model::{
    AdvisoryData, Confidence, Decision, Ended, Finding, Fingerprint, Kind, Location, Locus,
    Outcome, Problem, Reason, Severity, SourceDates, Verdict, Vulnerability, WaiverNoticeKind,
};

use crate::{
    Baseline, BaselineError, Inputs, Policy, Waivers, after_plan, evaluate, explain_finding,
    is_waived, load_policy, load_waivers,
};

pub(crate) const NOW: &str = "2026-11-20T12:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A policy whose rules and further fields are `body`.
pub(crate) fn policy(body: &str) -> Policy {
    let text =
        format!("apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: {{ name: test }}\n{body}");
    let read = |_: &Path| -> io::Result<Vec<u8>> { Ok(text.clone().into_bytes()) };
    load_policy(Path::new("p.yaml"), &read).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

pub(crate) const HIGH: &str = "stages:\n  source: { use: [high], against: new }\nrules:\n  high: { match: { kind: vulnerability, severity: \">=high\" } }\n";

pub(crate) fn waivers(text: &str) -> Waivers {
    load_waivers(&[("w.yaml".to_owned(), text.as_bytes().to_vec())])
        .unwrap_or_else(|errors| panic!("{errors}"))
}

pub(crate) fn vulnerability(
    id: &str,
    severity: Option<Severity>,
    purl: &str,
    fixed_in: &[&str],
) -> Finding {
    Finding {
        fingerprint: Fingerprint(format!("sg1-{id}-{}", purl.split('@').next().unwrap())),
        weak_fingerprint: None,
        scanner: "audit".into(),
        seen_by: vec!["audit".into()],
        kind: Kind::Vulnerability,
        rule: id.into(),
        aliases: Vec::new(),
        cwe: Vec::new(),
        title: format!("{id} in {purl}"),
        description: None,
        severity,
        confidence: Confidence::High,
        locus: Locus {
            component: Some(purl.parse().unwrap()),
            locations: vec![Location::line("requirements.txt", 3)],
            ..Locus::default()
        },
        vulnerability: Some(Vulnerability {
            kev: Some(false),
            fixed_in: fixed_in.iter().map(|text| (*text).to_owned()).collect(),
            fixed_here: fixed_in.first().map(|text| (*text).to_owned()),
            ..Vulnerability::default()
        }),
        evidence: None,
        remediation: None,
        references: Vec::new(),
    }
}

pub(crate) fn complete(scanner: &str) -> Outcome {
    let hour_ago = now().checked_sub(SignedDuration::from_hours(1)).unwrap();
    Outcome {
        scanner: scanner.into(),
        version: "1".into(),
        ended: Ended::Complete,
        detail: "read requirements.txt".into(),
        problems: Vec::new(),
        advisories: (scanner == "audit").then(|| AdvisoryData {
            revision: "r1".into(),
            published: Some(hour_ago),
            count: 10,
            starter: false,
            epss: Some(hour_ago),
            kev: Some(hour_ago),
            at_source: SourceDates::default(),
        }),
        took_ms: 12,
    }
}

/// Inputs with complete, fresh evidence of `audit`.
pub(crate) fn with<R>(
    policy: &Policy,
    findings: &[Finding],
    run: impl FnOnce(Inputs<'_>) -> R,
) -> R {
    let (outcomes, none) = ([complete("audit")], Waivers::default());
    run(Inputs {
        policy,
        stage: "source",
        subject: "shop/api",
        findings,
        outcomes: &outcomes,
        waivers: &none,
        baseline: None,
        first_seen: None,
        now: now(),
    })
}

pub(crate) fn reason<'v>(verdict: &'v Verdict, rule: &str) -> &'v Reason {
    verdict
        .reasons
        .iter()
        .find(|reason| reason.rule == rule)
        .unwrap_or_else(|| panic!("{rule}: {verdict:#?}"))
}

fn flask() -> Finding {
    vulnerability(
        "CVE-2023-30861",
        Some(Severity::High),
        "pkg:pypi/flask@2.0.1",
        &["2.2.5", "2.3.2"],
    )
}

#[test]
fn law_1_one_mistake_does_not_hide_the_next() {
    let text = "apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: { name: p }\nstages:\n  source: { use: [hihg] }\nrules:\n  high: { match: { kind: vuln, severty: high } }\n  other: { match: { kind: code }, acton: fail }\n";
    let read = |_: &Path| -> io::Result<Vec<u8>> { Ok(text.as_bytes().to_vec()) };
    let found = load_policy(Path::new("p.yaml"), &read).unwrap_err().0;
    let lines: Vec<_> = found.iter().map(|fault| (fault.line, fault.column)).collect();
    assert_eq!(lines, [(7, 26), (7, 32), (8, 35)], "{found:#?}");
    assert!(found.iter().all(|fault| fault.file == "p.yaml" && fault.hint.is_some()));
}

#[test]
fn law_2_all_rules_run_and_all_reasons_are_reported() {
    let policy = policy(
        "stages:\n  source: { use: [a, b, c] }\nrules:\n  a: { match: { kind: vulnerability, severity: high } }\n  b: { match: { kind: vulnerability, fix: available } }\n  c: { match: { kind: vulnerability, kev: true } }\n",
    );
    with(&policy, &[flask()], |inputs| {
        let verdict = evaluate(&inputs);
        let rules: Vec<_> =
            verdict.reasons.iter().map(|reason| (reason.rule.as_str(), reason.outcome)).collect();
        assert_eq!(
            rules,
            [
                ("evidence:audit", Decision::Pass),
                ("evidence:advisories", Decision::Pass),
                ("evidence:kev", Decision::Pass),
                ("a", Decision::Fail),
                ("b", Decision::Fail),
                ("c", Decision::Pass)
            ]
        );
        assert_eq!(reason(&verdict, "a").findings, reason(&verdict, "b").findings);
        assert_eq!(reason(&verdict, "a").source.as_deref(), Some("p.yaml:7"));
    });
}

#[test]
fn law_3_missing_evidence_is_an_error_that_says_what_to_run() {
    let policy = policy(HIGH);
    let check = |change: &dyn Fn(&mut Outcome), rule: &str, part: &str| {
        with(&policy, &[], |inputs| {
            let mut outcome = complete("audit");
            change(&mut outcome);
            let verdict = evaluate(&Inputs { outcomes: &[outcome], ..inputs });
            assert_eq!(verdict.decision, Decision::Error, "{part}");
            let reason = reason(&verdict, rule);
            assert!(reason.why.contains(part), "{}", reason.why);
            assert!(reason.help.is_some());
            assert!(verdict.plan.is_none() && verdict.turns.is_empty());
        });
    };
    check(&|o| o.scanner = "code".into(), "evidence:audit", "left no outcome");
    check(&|o| o.ended = Ended::Failed, "evidence:audit", "failed");
    check(&|o| o.ended = Ended::Skipped, "evidence:audit", "was skipped");
    check(&|o| o.ended = Ended::Partial, "evidence:audit", "did not look at everything");
    let gap = |o: &mut Outcome| {
        o.problems = vec![Problem {
            location: Some(Location::line("package-lock.json", 7)),
            message: "not JSON".into(),
            hint: Some("repair it".into()),
            gap: true,
        }];
    };
    check(&gap, "evidence:audit", "package-lock.json:7: not JSON");
    with(&policy, &[], |inputs| {
        let mut outcome = complete("audit");
        gap(&mut outcome);
        outcome.problems[0].gap = false;
        assert_eq!(evaluate(&Inputs { outcomes: &[outcome], ..inputs }).decision, Decision::Pass);
        assert_eq!(evaluate(&Inputs { outcomes: &[], ..inputs }).decision, Decision::Error);
        let twice = [complete("audit"), Outcome { ended: Ended::Failed, ..complete("audit") }];
        assert_eq!(evaluate(&Inputs { outcomes: &twice, ..inputs }).decision, Decision::Error);
        let verdict = evaluate(&Inputs { stage: "sorce", ..inputs });
        assert_eq!(verdict.decision, Decision::Error);
        assert_eq!(verdict.reasons[0].help.as_deref(), Some("did you mean `source`?"));
    });
}

#[test]
fn a_stage_without_any_scanner_cannot_pass() {
    let policy = policy(HIGH).only_scanners("source", &["code"]);
    with(&policy, &[], |inputs| {
        let verdict = evaluate(&inputs);
        assert_eq!(verdict.decision, Decision::Error);
        assert!(reason(&verdict, "evidence:scanners").why.contains("runs no scanner"));
    });
}

#[test]
fn an_optional_scanner_may_be_missing_but_not_broken() {
    let policy = policy(
        "stages:\n  source: { use: [high, code], optional: [code] }\nrules:\n  high: { match: { kind: vulnerability, severity: high } }\n  code: { match: { kind: code } }\n",
    );
    with(&policy, &[], |inputs| {
        for (ended, expected) in [
            (Ended::Skipped, Decision::Pass),
            (Ended::Complete, Decision::Pass),
            (Ended::Partial, Decision::Error),
            (Ended::Failed, Decision::Error),
        ] {
            let outcomes = [complete("audit"), Outcome { ended, ..complete("code") }];
            assert_eq!(
                evaluate(&Inputs { outcomes: &outcomes, ..inputs }).decision,
                expected,
                "{ended:?}"
            );
        }
        assert_eq!(evaluate(&inputs).decision, Decision::Pass);
    });
}

#[test]
fn law_6_a_failed_run_is_no_baseline_and_counting_is_by_multiset() {
    let entry = || [(flask().fingerprint, 1)];
    assert_eq!(
        Baseline::new(Decision::Fail, entry()),
        Err(BaselineError::NotPassed(Decision::Fail))
    );
    assert_eq!(
        Baseline::new(Decision::Error, entry()),
        Err(BaselineError::NotPassed(Decision::Error))
    );
    let baseline = Baseline::new(Decision::Pass, entry()).unwrap();
    let policy = policy(HIGH);
    with(&policy, &[flask()], |inputs| {
        let verdict = evaluate(&Inputs { baseline: Some(&baseline), ..inputs });
        assert_eq!(
            (verdict.decision, verdict.new, verdict.fixed),
            (Decision::Pass, Some(vec![]), Some(vec![]))
        );
        assert_eq!(
            evaluate(&inputs).decision,
            Decision::Fail,
            "without a baseline everything is new"
        );
    });
    // Of two occurrences the one that breaks a rule is the new one.
    let mut harmless = flask();
    harmless.severity = Some(Severity::Low);
    with(&policy, &[harmless, flask()], |inputs| {
        let verdict = evaluate(&Inputs { baseline: Some(&baseline), ..inputs });
        assert_eq!(verdict.decision, Decision::Fail);
        assert_eq!(verdict.new.unwrap().len(), 1);
    });
    with(&policy, &[], |inputs| {
        let verdict = evaluate(&Inputs { baseline: Some(&baseline), ..inputs });
        assert_eq!(verdict.fixed, Some(vec![flask().fingerprint]));
    });
}

#[test]
fn law_8_each_source_has_its_own_greatest_age() {
    let policy = policy(
        "evidence: { advisories: 24h }\nstages:\n  plain: { use: [high] }\n  source: { use: [likely, exploited] }\nrules:\n  high: { match: { kind: vulnerability, severity: high } }\n  likely: { match: { kind: vulnerability, epss: \">0.5\" } }\n  exploited: { match: { kind: vulnerability }, when: \"has(finding.kev) && finding.kev\" }\n",
    );
    let check = |stage: &str, change: &dyn Fn(&mut AdvisoryData), broken: &str| {
        with(&policy, &[], |inputs| {
            let mut outcome = complete("audit");
            change(outcome.advisories.as_mut().unwrap());
            let verdict = evaluate(&Inputs { stage, outcomes: &[outcome], ..inputs });
            let errors: Vec<_> =
                verdict.reasons.iter().filter(|r| r.outcome == Decision::Error).collect();
            if broken.is_empty() {
                assert_eq!(verdict.decision, Decision::Pass, "{errors:#?}");
            } else {
                assert_eq!(errors.iter().map(|r| r.rule.as_str()).collect::<Vec<_>>(), [broken]);
                assert_eq!(errors[0].help.as_deref(), Some("run `secgate db update`"));
            }
        });
    };
    let ago = |hours| Some(now().checked_sub(SignedDuration::from_hours(hours)).unwrap());
    check("source", &|_| {}, "");
    check("source", &|data| data.published = ago(24), "");
    check("source", &|data| data.published = ago(25), "evidence:advisories");
    check("source", &|data| data.published = None, "evidence:advisories");
    check("source", &|data| data.published = ago(-2), "evidence:advisories");
    check("source", &|data| data.published = ago(-1), "");
    check("source", &|data| data.starter = true, "evidence:advisories");
    check("source", &|data| data.epss = ago(49), "evidence:epss");
    check("source", &|data| data.epss = None, "evidence:epss");
    check("source", &|data| data.kev = None, "evidence:kev");
    check("plain", &|data| (data.kev, data.epss) = (None, None), "");
    with(&policy, &[], |inputs| {
        let outcome = Outcome { advisories: None, ..complete("audit") };
        assert_eq!(evaluate(&Inputs { outcomes: &[outcome], ..inputs }).decision, Decision::Error);
    });
}

#[test]
fn law_9_probability_and_percentile_are_different_fields() {
    let policy = policy(
        "stages:\n  source: { use: [p, q] }\nrules:\n  p: { match: { kind: vulnerability, epss: \">0.5\" } }\n  q: { match: { kind: vulnerability, epss_percentile: \">0.5\" } }\n",
    );
    let mut finding = flask();
    let facts = finding.vulnerability.as_mut().unwrap();
    (facts.epss, facts.epss_percentile) = (Some(0.01), Some(0.9));
    with(&policy, &[finding], |inputs| {
        let verdict = evaluate(&inputs);
        assert_eq!(reason(&verdict, "p").outcome, Decision::Pass);
        assert_eq!(reason(&verdict, "q").outcome, Decision::Fail);
    });
}

#[test]
fn law_10_same_inputs_same_bytes() {
    let policy = policy(HIGH);
    let other = vulnerability("CVE-2026-1", None, "pkg:pypi/jinja2@3", &[]);
    let verdict = |findings: &[Finding], took_ms| {
        with(&policy, findings, |inputs| {
            let outcome = Outcome { took_ms, ..complete("audit") };
            serde_json::to_string(&evaluate(&Inputs { outcomes: &[outcome], ..inputs })).unwrap()
        })
    };
    let one = verdict(&[flask(), other.clone()], 1);
    assert_eq!(one, verdict(&[other.clone(), flask()], 99));
    assert_ne!(one, verdict(&[flask()], 1));
    let parsed: Verdict = serde_json::from_str(&one).unwrap();
    assert!(
        parsed.policy_digest.starts_with("blake3:") && parsed.inputs_digest.starts_with("blake3:")
    );
}

#[test]
fn law_11_an_evaluation_error_fails_the_gate_even_of_a_rule_that_warns() {
    let policy = policy(
        "stages:\n  source: { use: [w] }\nrules:\n  w: { match: { kind: vulnerability }, when: \"finding.epss > 0.5\", action: warn }\n",
    );
    with(&policy, &[flask()], |inputs| {
        let verdict = evaluate(&inputs);
        assert_eq!(verdict.decision, Decision::Error);
        assert!(
            reason(&verdict, "w").why.contains("ask with has(finding.epss) first"),
            "{verdict:#?}"
        );
    });
    with(&policy, &[], |inputs| assert_eq!(evaluate(&inputs).decision, Decision::Pass));
}

#[test]
fn unknown_figures_match_unless_the_rule_ignores_them() {
    let check = |condition: &str, expected: Decision| {
        let policy = policy(&format!(
            "stages:\n  source: {{ use: [r] }}\nrules:\n  r: {{ match: {{ kind: vulnerability, {condition} }} }}\n"
        ));
        let finding = vulnerability("CVE-2026-1", None, "pkg:pypi/a@1", &[]);
        with(&policy, &[finding], |inputs| {
            assert_eq!(evaluate(&inputs).decision, expected, "{condition}");
        });
    };
    check("severity: \">=high\"", Decision::Fail);
    check("severity: \">=high\", unknown: ignore", Decision::Pass);
    check("severity: unknown, unknown: ignore", Decision::Fail);
    check("not: { severity: \">=high\" }", Decision::Fail);
    check("not: { severity: \">=high\" }, unknown: ignore", Decision::Pass);
    check("severity: \">=high\", fix: available", Decision::Pass);
    check("anyOf: [{ severity: high }, { fix: none }], unknown: ignore", Decision::Fail);
    check("epss: \">0.5\"", Decision::Fail);
    check("epss: \">0.5\", unknown: ignore", Decision::Pass);
    check("cvss: \">=7\"", Decision::Fail);
    check("direct: true", Decision::Fail);
    check("direct: true, unknown: ignore", Decision::Pass);
    check("scope: runtime", Decision::Fail);
    check("scope: dev, unknown: ignore", Decision::Pass);
    check("age: \">30d\", unknown: ignore", Decision::Pass);
    check("cwe: 79", Decision::Pass);
}

#[test]
fn grace_runs_from_first_sight_or_publication_and_ends() {
    let rules = |from: &str| {
        policy(&format!(
            "stages:\n  source: {{ use: [high] }}\nrules:\n  high: {{ match: {{ kind: vulnerability, severity: \">=high\" }}, grace: {{ high: 3d, from: {from} }} }}\n"
        ))
    };
    let ago = |days: i64| now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap();
    let (seen, published) = (rules("first_seen"), rules("published"));
    let mut finding = flask();
    finding.vulnerability.as_mut().unwrap().published = Some(ago(5));
    let findings = [finding.clone()];
    let check = |policy: &Policy,
                 first_seen: Option<&BTreeMap<Fingerprint, Timestamp>>,
                 expected: Decision| {
        with(policy, &findings, |inputs| {
            let verdict = evaluate(&Inputs { first_seen, ..inputs });
            assert_eq!(verdict.decision, expected);
            assert_eq!(
                reason(&verdict, "high").in_grace.len(),
                usize::from(expected == Decision::Pass)
            );
            if expected == Decision::Pass {
                assert!(
                    verdict.turns.iter().any(|turn| turn.what.contains("grace")),
                    "{:?}",
                    verdict.turns
                );
            }
        });
    };
    let map = |at| BTreeMap::from([(finding.fingerprint.clone(), at)]);
    check(&seen, Some(&map(ago(2))), Decision::Pass);
    check(&seen, Some(&map(ago(3))), Decision::Fail);
    check(&seen, Some(&map(ago(-9))), Decision::Pass);
    check(&seen, Some(&BTreeMap::new()), Decision::Pass);
    check(&seen, None, Decision::Fail);
    check(&published, Some(&map(ago(0))), Decision::Fail);
    let unknown = vulnerability("CVE-2026-1", None, "pkg:pypi/a@1", &[]);
    with(&seen, &[unknown], |inputs| {
        assert_eq!(evaluate(&inputs).decision, Decision::Fail, "no grace without a severity");
    });
}

#[test]
fn a_rule_only_warns_before_its_day() {
    let policy = policy(
        "stages:\n  source: { use: [high] }\nrules:\n  high: { match: { kind: vulnerability, severity: high }, effective_on: 2026-11-21 }\n",
    );
    with(&policy, &[flask()], |inputs| {
        let verdict = evaluate(&inputs);
        assert_eq!(verdict.decision, Decision::Pass);
        assert!(reason(&verdict, "high").warning);
        let first = verdict.turns.first().unwrap();
        assert_eq!(
            (first.at.to_string().as_str(), first.what.as_str()),
            ("2026-11-21T00:00:00Z", "the rule high begins to fail")
        );
        // The verdict does turn at that moment.
        assert_eq!(evaluate(&Inputs { now: first.at, ..inputs }).decision, Decision::Fail);
    });
}

#[test]
fn evidence_that_grows_old_turns_the_verdict() {
    let policy = policy(HIGH);
    with(&policy, &[], |inputs| {
        let turn = evaluate(&inputs).turns[0].clone();
        assert_eq!(turn.what, "the advisories of audit are older than 1d");
        let just_after = turn.at.checked_add(SignedDuration::from_secs(1)).unwrap();
        assert_eq!(evaluate(&Inputs { now: turn.at, ..inputs }).decision, Decision::Pass);
        assert_eq!(evaluate(&Inputs { now: just_after, ..inputs }).decision, Decision::Error);
    });
}

#[test]
fn the_plan_is_small_and_leads_to_a_pass() {
    let policy = policy(
        "stages:\n  source: { use: [high, secret, strict], scanners: [audit, secrets] }\nrules:\n  high: { match: { kind: vulnerability, severity: \">=high\" } }\n  secret: { match: { kind: secret } }\n  strict: { match: { kind: vulnerability, kev: true }, waivable: false }\n",
    );
    let mut transitive = vulnerability(
        "CVE-2023-25577",
        Some(Severity::High),
        "pkg:pypi/werkzeug@2.0.1",
        &["2.2.3"],
    );
    let facts = transitive.vulnerability.as_mut().unwrap();
    facts.direct = Some(false);
    facts.path = vec!["pkg:pypi/flask@2.0.1".into(), "pkg:pypi/werkzeug@2.0.1".into()];
    let second = vulnerability(
        "CVE-2024-34069",
        Some(Severity::High),
        "pkg:pypi/werkzeug@2.0.1",
        &["3.0.3"],
    );
    let unfixed = vulnerability("CVE-2026-1", Some(Severity::Critical), "pkg:pypi/left@1", &[]);
    let mut stuck = vulnerability("CVE-2026-2", Some(Severity::Critical), "pkg:pypi/right@1", &[]);
    stuck.vulnerability.as_mut().unwrap().kev = Some(true);
    let mut secret = vulnerability("SG-KEY", None, "pkg:pypi/x@1", &[]);
    (secret.kind, secret.vulnerability, secret.locus.component) = (Kind::Secret, None, None);
    let low = vulnerability("CVE-2026-3", Some(Severity::Low), "pkg:pypi/werkzeug@2.0.1", &["9"]);
    let findings = [flask(), transitive, second, unfixed, stuck, secret, low];
    with(&policy, &findings, |inputs| {
        let outcomes = [complete("audit"), complete("secrets")];
        let inputs = Inputs { outcomes: &outcomes, ..inputs };
        let verdict = evaluate(&inputs);
        let plan = verdict.plan.unwrap();
        let steps: Vec<_> = plan.changes.iter().map(|change| change.what.as_str()).collect();
        assert_eq!(
            steps,
            [
                "raise werkzeug 2.0.1 to 3.0.3, which flask 2.0.1 brings in",
                "raise flask 2.0.1 to 2.2.5",
                "replace or remove right 1: no version is known to fix CVE-2026-2, and a rule forbids waivers",
                "revoke the credential that SG-KEY found and take it out of requirements.txt:3",
                "replace left 1, or waive CVE-2026-1: no version is known to fix it",
            ]
        );
        assert_eq!(plan.changes[0].at.as_deref(), Some("requirements.txt:3"));
        assert_eq!(plan.unfixable.len(), 2);
        assert_eq!(after_plan(&inputs, &plan).decision, Decision::Pass);
        for skipped in 0..plan.changes.len() {
            let mut less = plan.clone();
            less.changes.remove(skipped);
            assert_eq!(after_plan(&inputs, &less).decision, Decision::Fail, "every step is needed");
        }
        let told = explain_finding(&findings[0], &inputs).unwrap();
        assert!(
            told.blocks
                && !told.waived
                && told.change.as_deref()
                    == Some("raise flask 2.0.1 to 2.2.5 in requirements.txt:3"),
            "{told:#?}"
        );
        assert!(
            told.text().contains(
                "matches high (p.yaml:7): kind is vulnerability and severity is high or critical"
            ),
            "{}",
            told.text()
        );
    });
}

#[test]
fn expressions_see_the_finding_and_the_subject() {
    let check = |when: &str, expected: bool| {
        let policy = policy(&format!(
            "stages:\n  source: {{ use: [r], scanners: [audit] }}\nrules:\n  r: {{ when: '{when}' }}\n"
        ));
        let mut finding = flask();
        finding.aliases = vec!["GHSA-m2qf-hxjv-5gpq".into()];
        finding.cwe = vec![488, 539];
        finding.vulnerability.as_mut().unwrap().epss = Some(0.25);
        with(&policy, &[finding], |inputs| {
            assert_eq!(evaluate(&inputs).decision == Decision::Fail, expected, "{when}");
        });
    };
    check("finding.severity in [\"high\", \"critical\"]", true);
    check("finding.path.startsWith(\"src/\")", false);
    check(
        "finding.path.matches(\"^req.*[.]txt$\") && !finding.path.matches(\"(^|/)tests?/\")",
        true,
    );
    check("finding.epss > 0.2 && finding.epss < 1", true);
    check("has(finding.url) || has(finding.epss)", true);
    check("has(finding.url) && finding.url.contains(\"x\")", false);
    check("finding.aliases.exists(a, a.startsWith(\"GHSA-\"))", true);
    check("finding.aliases.all(a, a == \"x\")", false);
    check("finding.cwe.exists_one(c, c == 539) && size(finding.cwe) == 2", true);
    check("finding.fixed_in.filter(v, v == \"2.2.5\").size() == 1", true);
    check("finding.aliases.map(a, a.size())[0] > 4", true);
    check("subject.name == \"shop/api\" && subject.stage == \"source\"", true);
    check(
        "finding.name == \"flask\" && finding.ecosystem == \"pypi\" && finding.version == \"2.0.1\"",
        true,
    );
    check("finding.kind == \"code\" ? finding.line > 5 : finding.line == 3", true);
    check("finding.kev", false);
    check("539 in finding.cwe", true);
}

#[test]
fn a_stricter_run_adds_a_rule_and_changes_the_digest() {
    let loaded = policy(
        "stages:\n  source: { use: [r] }\nrules:\n  r: { match: { kind: vulnerability, kev: true } }\n",
    );
    let strict = loaded.with_fail_on("source", Severity::High);
    assert_ne!(loaded.digest(), strict.digest());
    with(&loaded, &[flask()], |inputs| {
        assert_eq!(evaluate(&inputs).decision, Decision::Pass);
        let verdict = evaluate(&Inputs { policy: &strict, ..inputs });
        assert_eq!(
            (verdict.decision, reason(&verdict, "fail-on").outcome),
            (Decision::Fail, Decision::Fail)
        );
    });
}

#[test]
fn reports_of_other_tools_need_a_date_or_a_permission() {
    let text = "tools: [trivy]\nstages:\n  source: { use: [r], scanners: [trivy] }\nrules:\n  r: { match: { kind: vulnerability, severity: high } }\n";
    let outcome = Outcome { advisories: None, ..complete("trivy") };
    let outcomes = [outcome];
    for (text, expected) in [
        (text.to_owned(), Decision::Error),
        (format!("evidence: {{ advisories: {{ undated_tools: allow }} }}\n{text}"), Decision::Pass),
    ] {
        let policy = policy(&text);
        with(&policy, &[], |inputs| {
            assert_eq!(evaluate(&Inputs { outcomes: &outcomes, ..inputs }).decision, expected);
        });
    }
}

#[test]
fn required_evidence_that_nobody_produces_is_an_error() {
    let policy = policy(
        "stages:\n  source: { use: [signed, r] }\nrules:\n  signed: { require: { image: signed, by: { key: ci.pub } } }\n  r: { match: { kind: vulnerability, severity: high } }\n",
    );
    with(&policy, &[], |inputs| {
        let verdict = evaluate(&inputs);
        assert_eq!(verdict.decision, Decision::Error);
        assert!(
            reason(&verdict, "signed")
                .why
                .starts_with("no evidence of a signature: not produced by this version")
        );
    });
}

fn arbitrary_finding() -> impl Strategy<Value = Finding> {
    let severity = prop::option::of(prop::sample::select(Severity::ALL.to_vec()));
    (
        0..6_u32,
        severity,
        0..3_u32,
        prop::option::of(0..2_u32),
        prop::option::of(0.0..1.0_f64),
        any::<bool>(),
    )
        .prop_map(|(id, severity, package, fix, epss, kev)| {
            let versions = ["2.0.0", "3.1.0"];
            let fixed: Vec<&str> =
                fix.and_then(|fix| versions.get(fix as usize).copied()).into_iter().collect();
            let mut finding = vulnerability(
                &format!("CVE-2026-{id}"),
                severity,
                &format!("pkg:npm/p{package}@1.0.0"),
                &fixed,
            );
            let facts = finding.vulnerability.as_mut().unwrap();
            (facts.epss, facts.kev) = (epss, Some(kev));
            finding
        })
}

const MANY: &str = "stages:\n  source: { use: [a, b, c, d], against: new }\nrules:\n  a: { match: { kind: vulnerability, severity: \">=high\", fix: available }, waivable: { max: 30d } }\n  b: { match: { kind: vulnerability, epss: \">0.7\", unknown: ignore } }\n  c: { match: { kind: vulnerability, kev: true }, waivable: false }\n  d: { match: { kind: vulnerability, not: { severity: [low, info] } }, action: warn }\n";

const SOME_WAIVERS: &str = "- { id: W-1, match: { vuln: CVE-2026-1 }, reason: r, owner: o, created: 2026-10-01, expires: 2026-12-10 }\n- { id: W-2, match: { vuln: CVE-2026-2, package: \"pkg:npm/p1\" }, reason: r, owner: o, created: 2026-10-01, expires: 2026-12-10 }\n- { id: W-3, match: { vuln: CVE-2026-3 }, reason: r, owner: o, created: 2026-10-01, expires: 2026-11-10 }\n- { id: W-4, match: { vuln: CVE-2026-4 }, reason: r, owner: o, created: 2026-10-01, expires: 2027-10-10 }\n";

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_further_finding_never_turns_a_failure_into_a_pass(
        findings in prop::collection::vec(arbitrary_finding(), 0..8),
        more in arbitrary_finding(),
        known in prop::collection::vec(0..8_usize, 0..4),
    ) {
        let (policy, waivers) = (policy(MANY), waivers(SOME_WAIVERS));
        let known = known.iter().filter_map(|at| Some((findings.get(*at)?.fingerprint.clone(), 1)));
        let baseline = Baseline::from_findings(known.collect::<Vec<_>>());
        let mut larger = findings.clone();
        larger.push(more);
        let decide = |findings: &[Finding]| with(&policy, findings, |inputs| {
            evaluate(&Inputs { waivers: &waivers, baseline: Some(&baseline), ..inputs }).decision
        });
        prop_assert!(decide(&larger) >= decide(&findings));
    }

    #[test]
    fn the_order_of_findings_is_no_input(
        findings in prop::collection::vec(arbitrary_finding(), 0..8).prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
    ) {
        let (policy, waivers) = (policy(MANY), waivers(SOME_WAIVERS));
        let verdict = |list: &[Finding]| with(&policy, list, |inputs| evaluate(&Inputs { waivers: &waivers, ..inputs }));
        prop_assert_eq!(verdict(&findings.0), verdict(&findings.1));
    }

    #[test]
    fn a_waiver_excuses_what_it_names_and_nothing_else(findings in prop::collection::vec(arbitrary_finding(), 0..10)) {
        let (policy, waivers) = (policy(MANY), waivers(SOME_WAIVERS));
        with(&policy, &findings, |inputs| {
            let plain = evaluate(&inputs);
            let inputs = Inputs { waivers: &waivers, ..inputs };
            let verdict = evaluate(&inputs);
            for (before, after) in plain.reasons.iter().zip(&verdict.reasons) {
                prop_assert!(after.outcome <= before.outcome);
                for gone in before.findings.iter().filter(|fingerprint| !after.findings.contains(fingerprint)) {
                    // Gone from one rule means waived, by name, and gone from all rules at once (law 7).
                    prop_assert!(verdict.waived.iter().any(|waived| waived.fingerprint == *gone));
                    let excused = findings.iter().filter(|finding| finding.fingerprint == *gone);
                    for finding in excused {
                        prop_assert!(matches!(finding.rule.as_str(), "CVE-2026-1" | "CVE-2026-2" | "CVE-2026-4"));
                    }
                }
            }
            for finding in &findings {
                let waived = is_waived(finding, &inputs).is_some();
                let listed = verdict.waived.iter().any(|waived| waived.fingerprint == finding.fingerprint);
                prop_assert!(!waived || listed);
                if waived {
                    prop_assert!(finding.vulnerability.as_ref().unwrap().kev != Some(true), "the rule c forbids waivers");
                }
            }
            let refused = verdict.notices.iter().any(|notice| notice.kind == WaiverNoticeKind::NotAllowed && notice.waiver == "W-3");
            prop_assert!(!refused);
            Ok(())
        })?;
    }

    #[test]
    fn the_plan_of_a_failure_always_leads_to_a_pass(findings in prop::collection::vec(arbitrary_finding(), 0..10)) {
        let policy = policy(MANY);
        with(&policy, &findings, |inputs| {
            let verdict = evaluate(&inputs);
            prop_assert_eq!(verdict.plan.is_some(), verdict.decision == Decision::Fail);
            if let Some(plan) = verdict.plan {
                prop_assert_eq!(after_plan(&inputs, &plan).decision, Decision::Pass);
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_text_makes_the_loaders_panic(
        at in 0..6_000_usize,
        cut in 0..40_usize,
        insert in "[ -~\n]{0,12}",
        which in 0..4_usize,
    ) {
        let sources = [
            crate::builtin_policy("default").unwrap(),
            crate::builtin_policy("strict").unwrap(),
            SOME_WAIVERS,
            "{\"@context\": \"https://openvex.dev/ns/v0.2.0\", \"author\": \"a\", \"statements\": [{\"vulnerability\": {\"name\": \"CVE-2026-1\"}, \"products\": [{\"@id\": \"pkg:npm/a@1\"}], \"status\": \"fixed\"}]}",
        ];
        let source: Vec<char> = sources[which].chars().collect();
        let at = at % (source.len() + 1);
        let end = (at + cut).min(source.len());
        let text: String = source[..at].iter().copied().chain(insert.chars()).chain(source[end..].iter().copied()).collect();
        let read = |_: &Path| -> io::Result<Vec<u8>> { Ok(text.clone().into_bytes()) };
        let _ = load_policy(Path::new("p.yaml"), &read);
        let _ = crate::load_policy_tests(Path::new("t.yaml"), &read);
        let _ = load_waivers(&[("w".to_owned(), text.clone().into_bytes())]);
    }

    #[test]
    fn no_expression_makes_the_loader_panic(when in "[ -~]{0,60}") {
        let text = format!("apiVersion: secgate.dev/v1\nkind: Policy\nmetadata: {{ name: p }}\nstages:\n  source: {{ use: [r], scanners: [audit] }}\nrules:\n  r:\n    when: {}\n", serde_json::Value::from(when));
        let read = |_: &Path| -> io::Result<Vec<u8>> { Ok(text.clone().into_bytes()) };
        let _ = load_policy(Path::new("p.yaml"), &read);
    }
}
