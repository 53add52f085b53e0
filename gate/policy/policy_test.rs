//! `kind: PolicyTest`: files that say what a policy decides about a few findings.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use secgate_model::{Decision, Finding, Fingerprint, Outcome, Reason, Verdict, WaiverNoticeKind};

use crate::{
    Baseline, Inputs, Policy, Waivers, after_plan, diagnostic::short, evaluate, policy::Check,
};

/// A test file and the policy that it tests.
#[derive(Debug, Clone)]
pub struct PolicyTests {
    pub(crate) file: String,
    pub(crate) policy_file: String,
    pub(crate) policy: Policy,
    pub(crate) cases: Vec<Case>,
}

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) line: u32,
    pub(crate) stage: String,
    pub(crate) subject: String,
    pub(crate) at: Timestamp,
    pub(crate) findings: Vec<Finding>,
    /// `None`: every scanner of the stage is complete and its data are an hour old.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) waivers: Waivers,
    pub(crate) baseline: Option<Baseline>,
    pub(crate) first_seen: Option<BTreeMap<Fingerprint, Timestamp>>,
    pub(crate) names: BTreeMap<Fingerprint, String>,
    pub(crate) decision: String,
    pub(crate) rules: Vec<(String, String)>,
    pub(crate) waived: Option<Vec<String>>,
    pub(crate) notices: Option<Vec<String>>,
}

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// The test file.
    pub file: String,
    /// The line at which the test begins.
    pub line: u32,
    /// The test's name.
    pub name: String,
    /// What differs from what was expected; empty when the test passes.
    pub failures: Vec<String>,
}

/// A rule that the tests do not show in both directions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    /// The rule.
    pub rule: String,
    /// Where it is defined, `path:line`.
    pub source: String,
    /// What no test shows.
    pub message: String,
}

/// The results of a run over test files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestReport {
    /// One entry a test, in the order of files and tests.
    pub results: Vec<TestResult>,
    /// Rules of the tested policy files that never matched, or never did not.
    pub uncovered: Vec<Uncovered>,
}

impl TestReport {
    /// Whether every test passes and every rule is covered.
    pub fn passed(&self) -> bool {
        self.uncovered.is_empty() && self.results.iter().all(|result| result.failures.is_empty())
    }
}

/// Runs test files. Besides what a test expects, the pass plan of every failing verdict must lead to a pass.
pub fn run_policy_tests(files: &[PolicyTests]) -> TestReport {
    let mut report = TestReport::default();
    let mut shown: BTreeMap<&str, (&Policy, BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for tests in files {
        let (_, fired, silent) = shown
            .entry(&tests.policy_file)
            .or_insert_with(|| (&tests.policy, BTreeSet::new(), BTreeSet::new()));
        for case in &tests.cases {
            let (verdict, failures) = run(&tests.policy, case);
            for reason in &verdict.reasons {
                let matched = !reason.findings.is_empty() || !reason.in_grace.is_empty();
                if matched
                    || (reason.outcome == Decision::Error && !reason.rule.starts_with("evidence:"))
                {
                    fired.insert(reason.rule.clone());
                } else if !case.findings.is_empty() {
                    silent.insert(reason.rule.clone());
                }
            }
            report.results.push(TestResult {
                file: tests.file.clone(),
                line: case.line,
                name: case.name.clone(),
                failures,
            });
        }
    }
    for (file, (policy, fired, silent)) in shown {
        for rule in policy.rules.values().filter(|rule| rule.origin.file == file) {
            let mut push = |message: &str| {
                report.uncovered.push(Uncovered {
                    rule: rule.name.clone(),
                    source: rule.origin.to_string(),
                    message: message.to_owned(),
                });
            };
            if !fired.contains(&rule.name) {
                push("no test shows it matching");
            }
            if !silent.contains(&rule.name) && matches!(rule.check, Check::Findings { .. }) {
                push("no test shows a finding that it does not match");
            }
        }
    }
    report
}

fn run(policy: &Policy, case: &Case) -> (Verdict, Vec<String>) {
    let inputs = Inputs {
        policy,
        stage: &case.stage,
        subject: &case.subject,
        findings: &case.findings,
        outcomes: &case.outcomes,
        waivers: &case.waivers,
        baseline: case.baseline.as_ref(),
        first_seen: case.first_seen.as_ref(),
        now: case.at,
    };
    let verdict = evaluate(&inputs);
    let mut failures = Vec::new();
    if verdict.decision.name() != case.decision {
        let why: Vec<String> = verdict
            .reasons
            .iter()
            .filter(|reason| reason.outcome == verdict.decision && reason.outcome != Decision::Pass)
            .map(|reason| format!("{}: {}", reason.rule, reason.why))
            .collect();
        failures.push(format!(
            "expected {}, got {} {}",
            case.decision,
            verdict.decision.name(),
            short_list(&why)
        ));
    }
    for (rule, expected) in &case.rules {
        let got =
            verdict.reasons.iter().find(|reason| reason.rule == *rule).map_or("pass", outcome_name);
        if got != expected {
            failures.push(format!("the rule {rule} was expected to be {expected} and is {got}"));
        }
    }
    if let Some(expected) = &case.waived {
        let name = |fingerprint| case.names.get(fingerprint).cloned().unwrap_or_default();
        let mut got: Vec<String> =
            verdict.waived.iter().map(|waived| name(&waived.fingerprint)).collect();
        got.sort();
        if got != *expected {
            failures.push(format!(
                "expected to be waived: {}; are waived: {}",
                short_list(expected),
                short_list(&got)
            ));
        }
    }
    if let Some(expected) = &case.notices {
        let mut got: Vec<String> =
            verdict.notices.iter().map(|notice| notice_name(notice.kind).to_owned()).collect();
        got.sort();
        if got != *expected {
            failures.push(format!(
                "expected notices: {}; got: {}",
                short_list(expected),
                short_list(&got)
            ));
        }
    }
    let others_error = verdict.reasons.iter().any(|reason| reason.outcome == Decision::Error);
    if let Some(plan) = verdict.plan.as_ref().filter(|_| !others_error)
        && after_plan(&inputs, plan).decision != Decision::Pass
    {
        failures.push("the pass plan does not lead to a pass".to_owned());
    }
    (verdict, failures)
}

fn outcome_name(reason: &Reason) -> &'static str {
    match reason.outcome {
        Decision::Error => "error",
        Decision::Fail => "fail",
        Decision::Pass if reason.warning => "warn",
        Decision::Pass if !reason.findings.is_empty() => "info",
        Decision::Pass if !reason.in_grace.is_empty() => "grace",
        Decision::Pass => "pass",
    }
}

fn notice_name(kind: WaiverNoticeKind) -> &'static str {
    match kind {
        WaiverNoticeKind::Unused => "unused",
        WaiverNoticeKind::Expired => "expired",
        WaiverNoticeKind::ExpiresSoon => "expires_soon",
        WaiverNoticeKind::NotAllowed => "not_allowed",
    }
}

fn short_list(list: &[String]) -> String {
    if list.is_empty() {
        "none".to_owned()
    } else {
        list.iter().map(|text| short(text)).collect::<Vec<_>>().join(", ")
    }
}
