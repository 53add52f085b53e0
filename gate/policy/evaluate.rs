use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use secgate_model::{
    Decision, Finding, Fingerprint, Outcome, Reason, Verdict, WaivedFinding, WaiverNotice,
};

use crate::{
    Baseline, Policy, Waiver, Waivers,
    condition::Truth,
    diagnostic::{nearest, short},
    digest, evidence,
    expression::Runner,
    notices, plan,
    policy::{Action, Against, Check, Grace, GraceFrom, Rule, Stage, Undecided},
    turns, unjudged,
    values::{add, moment_words},
    waiver::{WaiverDecision, decide},
};

/// Everything that a verdict depends on.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// The stage's name.
    pub stage: &'a str,
    /// What is judged, by name.
    pub subject: &'a str,
    /// Every finding of every scanner, in any order.
    pub findings: &'a [Finding],
    /// What each scanner left behind.
    pub outcomes: &'a [Outcome],
    /// The waivers and VEX statements.
    pub waivers: &'a Waivers,
    /// What was already there; `None` counts everything.
    pub baseline: Option<&'a Baseline>,
    /// When each finding was first seen. A finding that the map does not hold is seen now for the first time. `None`
    /// means that nobody keeps a history: grace then runs from the date of publication, and there is none without it.
    pub first_seen: Option<&'a BTreeMap<Fingerprint, Timestamp>>,
    /// The time of the evaluation.
    pub now: Timestamp,
}

/// Judges a stage. Pure: the same inputs give the same verdict. All rules run and all reasons are reported.
pub fn evaluate(inputs: &Inputs<'_>) -> Verdict {
    if inputs.findings.len() < PARALLEL_FROM {
        return conclude(inputs, || inputs_digest(inputs));
    }
    // The digest reads every byte of every finding, a third of all work, and nothing waits for it.
    std::thread::scope(|scope| {
        let digest = scope.spawn(|| inputs_digest(inputs));
        conclude(inputs, || digest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Below so many findings a second thread costs more than it saves.
const PARALLEL_FROM: usize = 2000;

fn conclude(inputs: &Inputs<'_>, inputs_digest: impl FnOnce() -> String) -> Verdict {
    let Some(assessment) = assess(inputs) else { return unknown_stage(inputs, inputs_digest()) };
    let plan = plan::plan(inputs, &assessment);
    let turns = turns::turns(inputs, &assessment);
    let Assessment { reasons, waived, new, fixed, notices, decision, .. } = assessment;
    Verdict {
        subject: inputs.subject.to_owned(),
        stage: inputs.stage.to_owned(),
        decision,
        reasons,
        waived,
        new,
        fixed,
        notices,
        plan,
        turns,
        policy_digest: inputs.policy.digest.clone(),
        inputs_digest: inputs_digest(),
        evaluated_at: inputs.now,
    }
}

/// The waiver that excuses `finding` in the stage of `inputs`, if one does. This is the function that every face asks.
pub fn is_waived<'a>(finding: &Finding, inputs: &Inputs<'a>) -> Option<&'a Waiver> {
    let stage = inputs.policy.stage(inputs.stage)?;
    let broken: Vec<&Rule> = inputs
        .policy
        .rules_of(stage)
        .filter(|rule| {
            let mut runner = RuleRunner::new(rule, inputs);
            !matches!(runner.verdict_on(finding), Match::No)
        })
        .collect();
    let decision =
        decide(finding, &broken, inputs.policy, inputs.waivers, inputs.subject, inputs.now);
    inputs.waivers.list().get(decision.by?)
}

/// Whether a rule's condition covers a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match {
    No,
    Yes,
    /// Nobody published a figure that the rule asks for, and the rule counts that as a match.
    Undecided,
    /// The expression cannot be evaluated.
    Error(String),
}

/// A rule made ready for many findings.
pub(crate) struct RuleRunner<'r> {
    rule: &'r Rule,
    expression: Option<Result<Runner<'r>, String>>,
    now: Timestamp,
}

impl<'r> RuleRunner<'r> {
    pub(crate) fn new(rule: &'r Rule, inputs: &Inputs<'_>) -> Self {
        let expression = match &rule.check {
            Check::Findings { when: Some(when), .. } => {
                Some(Runner::new(when, inputs.subject, inputs.stage, inputs.now))
            }
            _ => None,
        };
        Self { rule, expression, now: inputs.now }
    }

    pub(crate) fn verdict_on(&mut self, finding: &Finding) -> Match {
        let Check::Findings { test, unknown, .. } = &self.rule.check else { return Match::No };
        let truth = test.as_ref().map_or(Truth::True, |test| test.truth(finding, self.now));
        let matched = match (truth, unknown) {
            (Truth::False, _) | (Truth::Unknown, Undecided::Ignore) => return Match::No,
            (Truth::True, _) => Match::Yes,
            (Truth::Unknown, Undecided::Match) => Match::Undecided,
        };
        match &mut self.expression {
            None => matched,
            Some(Err(why)) => Match::Error(why.clone()),
            Some(Ok(runner)) => match runner.holds(finding) {
                Ok(true) => matched,
                Ok(false) => Match::No,
                Err(why) => Match::Error(why),
            },
        }
    }
}

/// A verdict in the making, and what plan, turns and explanations need besides.
pub(crate) struct Assessment<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) decision: Decision,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) waived: Vec<WaivedFinding>,
    pub(crate) new: Option<Vec<Fingerprint>>,
    pub(crate) fixed: Option<Vec<Fingerprint>>,
    pub(crate) notices: Vec<WaiverNotice>,
    /// The findings, sorted.
    pub(crate) findings: Vec<&'a Finding>,
    /// Per finding: the rules that it breaks, in the stage's order.
    pub(crate) broken: Vec<Vec<&'a Rule>>,
    pub(crate) waivers: Vec<WaiverDecision>,
    /// Per finding: whether the stage counts it (it is new, or the stage counts everything).
    pub(crate) counted: Vec<bool>,
    /// Per finding: whether it makes a rule fail.
    pub(crate) blocking: Vec<bool>,
    pub(crate) stale_at: Vec<(Timestamp, String)>,
}

/// What one rule says about every finding.
struct RuleResult<'a> {
    rule: &'a Rule,
    matched: Vec<usize>,
    undecided: usize,
    /// The findings that its expression cannot be evaluated for, and the first reason.
    errors: Vec<usize>,
    error: Option<(usize, String)>,
}

/// Evaluates without plan and turns; `None` when the policy has no such stage.
pub(crate) fn assess<'a>(inputs: &Inputs<'a>) -> Option<Assessment<'a>> {
    let stage = inputs.policy.stage(inputs.stage)?;
    let findings = sorted(inputs.findings);
    let results = run(inputs.policy.rules_of(stage), &findings, inputs);
    let mut broken: Vec<Vec<&Rule>> = vec![Vec::new(); findings.len()];
    for result in &results {
        for at in result.matched.iter().chain(&result.errors).copied() {
            if let Some(rules) = broken.get_mut(at) {
                rules.push(result.rule);
            }
        }
    }
    let waivers: Vec<WaiverDecision> = if inputs.waivers.list().is_empty() {
        Vec::new()
    } else {
        findings
            .iter()
            .zip(&broken)
            .map(|(finding, rules)| {
                decide(finding, rules, inputs.policy, inputs.waivers, inputs.subject, inputs.now)
            })
            .collect()
    };
    let is_waived = |at: usize| waivers.get(at).is_some_and(|decision| decision.by.is_some());
    let is_new = inputs.baseline.map(|baseline| {
        let weight = |at: usize| if is_waived(at) { 0 } else { broken.get(at).map_or(0, Vec::len) };
        new_findings(baseline, &findings, weight)
    });
    let counted: Vec<bool> = match &is_new {
        Some(new) if stage.against == Against::New => new.clone(),
        _ => vec![true; findings.len()],
    };
    let evidence = evidence::check(inputs.policy, stage, inputs.outcomes, inputs.now);
    let mut reasons = evidence.reasons;
    if let Some(requirement) = &stage.require {
        reasons.push(Reason {
            rule: "stage".to_owned(),
            title: format!("What the stage {} requires", stage.name),
            outcome: Decision::Error,
            warning: false,
            why: requirement.missing(),
            help: None,
            source: Some(stage.origin.to_string()),
            findings: Vec::new(),
            in_grace: Vec::new(),
        });
    }
    reasons.extend(unjudged::remarks(inputs.policy, stage, &findings));
    let mut blocking = vec![false; findings.len()];
    for result in &results {
        let counts = |at: usize| counted.get(at).copied().unwrap_or(true) && !is_waived(at);
        let (reason, fails) = reason(result, &findings, counts, inputs);
        for at in fails {
            if let Some(slot) = blocking.get_mut(at) {
                *slot = true;
            }
        }
        reasons.push(reason);
    }
    let decision = reasons.iter().map(|reason| reason.outcome).max().unwrap_or(Decision::Error);
    let fingerprints = |wanted: &[bool]| {
        let mut list: Vec<Fingerprint> = findings
            .iter()
            .zip(wanted)
            .filter(|(_, wanted)| **wanted)
            .map(|(finding, _)| finding.fingerprint.clone())
            .collect();
        list.dedup();
        list
    };
    let new = is_new.as_deref().map(fingerprints);
    let fixed = inputs.baseline.map(|baseline| {
        let there = |fingerprint: &Fingerprint| {
            findings.binary_search_by(|f| f.fingerprint.cmp(fingerprint)).is_ok()
        };
        baseline.iter().map(|(fingerprint, _)| fingerprint).filter(|f| !there(f)).cloned().collect()
    });
    let missing_evidence = reasons.iter().any(|reason| reason.outcome == Decision::Error);
    let notices = notices::notices(inputs, &findings, &waivers, missing_evidence);
    let waived = notices::waived(inputs, &findings, &waivers);
    Some(Assessment {
        stage,
        decision,
        reasons,
        waived,
        new,
        fixed,
        notices,
        findings,
        broken,
        waivers,
        counted,
        blocking,
        stale_at: evidence.stale_at,
    })
}

/// The findings in an order that does not depend on the one they came in.
fn sorted(findings: &[Finding]) -> Vec<&Finding> {
    let mut list: Vec<&Finding> = findings.iter().collect();
    let ordered =
        list.windows(2).all(|pair| matches!(pair, [a, b] if a.fingerprint < b.fingerprint));
    if !ordered {
        list.sort_by(|a, b| {
            a.fingerprint.cmp(&b.fingerprint).then_with(|| {
                let whole = |finding: &Finding| {
                    let mut fields = digest::Fields::default();
                    fields.finding(finding);
                    fields.finish()
                };
                whole(a).cmp(&whole(b))
            })
        });
    }
    list
}

/// Runs every rule over every finding: finding by finding, because the findings are what does not fit a cache.
fn run<'a>(
    rules: impl Iterator<Item = &'a Rule>,
    findings: &[&Finding],
    inputs: &Inputs<'_>,
) -> Vec<RuleResult<'a>> {
    let mut work: Vec<(RuleRunner<'a>, RuleResult<'a>)> = rules
        .map(|rule| {
            let result = RuleResult {
                rule,
                matched: Vec::new(),
                undecided: 0,
                errors: Vec::new(),
                error: None,
            };
            (RuleRunner::new(rule, inputs), result)
        })
        .collect();
    for (at, finding) in findings.iter().enumerate() {
        for (runner, result) in &mut work {
            match runner.verdict_on(finding) {
                Match::No => {}
                Match::Yes => result.matched.push(at),
                Match::Undecided => {
                    result.matched.push(at);
                    result.undecided += 1;
                }
                Match::Error(why) => {
                    result.errors.push(at);
                    result.error.get_or_insert((at, why));
                }
            }
        }
    }
    work.into_iter().map(|(_, result)| result).collect()
}

/// Which findings the baseline does not hold. Of N + 1 occurrences of a fingerprint that it holds N times, the one that
/// breaks the most rules is the new one.
fn new_findings(
    baseline: &Baseline,
    findings: &[&Finding],
    weight: impl Fn(usize) -> usize,
) -> Vec<bool> {
    let mut new = vec![false; findings.len()];
    let mut groups: HashMap<&Fingerprint, Vec<usize>> = HashMap::new();
    for (at, finding) in findings.iter().enumerate() {
        groups.entry(&finding.fingerprint).or_default().push(at);
    }
    for (fingerprint, mut places) in groups {
        let known = usize::try_from(baseline.count(fingerprint)).unwrap_or(usize::MAX);
        places.sort_by_key(|at| (std::cmp::Reverse(weight(*at)), *at));
        for at in places.iter().take(places.len().saturating_sub(known)) {
            if let Some(slot) = new.get_mut(*at) {
                *slot = true;
            }
        }
    }
    new
}

/// When the grace of a finding ends; `None` when the rule gives it none.
pub(crate) fn grace_end(
    grace: &Grace,
    finding: &Finding,
    inputs: &Inputs<'_>,
) -> Option<Timestamp> {
    let length = grace.lengths.get(&finding.severity)?;
    let published = finding.vulnerability.as_ref().and_then(|facts| facts.published);
    let start = match (grace.from, inputs.first_seen) {
        (GraceFrom::FirstSeen, Some(seen)) => {
            Some(seen.get(&finding.fingerprint).copied().unwrap_or(inputs.now))
        }
        (GraceFrom::FirstSeen, None) | (GraceFrom::Published, _) => published,
    }?;
    // A date in the future must not lengthen the grace.
    Some(add(start.min(inputs.now), *length))
}

/// The reason of one rule, and the findings that make it fail.
fn reason(
    result: &RuleResult<'_>,
    findings: &[&Finding],
    counts: impl Fn(usize) -> bool,
    inputs: &Inputs<'_>,
) -> (Reason, Vec<usize>) {
    let rule = result.rule;
    let mut reason = Reason {
        rule: rule.name.clone(),
        title: rule.title.clone(),
        outcome: Decision::Pass,
        warning: false,
        why: String::new(),
        help: rule.help.clone(),
        source: Some(rule.origin.to_string()),
        findings: Vec::new(),
        in_grace: Vec::new(),
    };
    if let Check::Evidence(requirement) = &rule.check {
        reason.why = requirement.missing();
        reason.outcome = if rule.action == Action::Fail { Decision::Error } else { Decision::Pass };
        reason.warning = rule.action == Action::Warn;
        if rule.effective_on.is_some_and(|day| day > inputs.now) {
            reason.outcome = Decision::Pass;
            reason.warning = true;
        }
        return (reason, Vec::new());
    }
    let mut fails = Vec::new();
    for &at in result.matched.iter().filter(|at| counts(**at)) {
        let Some(finding) = findings.get(at) else { continue };
        let end = rule.grace.as_ref().and_then(|grace| grace_end(grace, finding, inputs));
        if let Some(end) = end.filter(|end| *end > inputs.now) {
            reason.in_grace.push((finding.fingerprint.clone(), end));
        } else {
            reason.findings.push(finding.fingerprint.clone());
            fails.push(at);
        }
    }
    reason.findings.dedup();
    reason.in_grace.dedup();
    let words = condition_words(rule);
    if let Some((at, why)) = &result.error {
        let about = findings.get(*at).map_or("", |finding| finding.rule.as_str());
        reason.outcome = Decision::Error;
        reason.why =
            format!("the expression `{}` cannot be evaluated for {about}: {why}", when_text(rule));
        return (reason, Vec::new());
    }
    if reason.findings.is_empty() {
        reason.why = if reason.in_grace.is_empty() {
            format!("no finding that counts matches: {words}")
        } else {
            format!("every finding that matches is inside its grace: {words}")
        };
        return (reason, Vec::new());
    }
    reason.why = words;
    if result.undecided > 0 {
        reason.why.push_str(&format!(
            " ({} of {} matched because nobody published a figure that this asks for)",
            result.undecided,
            result.matched.len()
        ));
    }
    if rule.blocks_at(inputs.now) {
        reason.outcome = Decision::Fail;
        return (reason, fails);
    }
    reason.warning = rule.action != Action::Info;
    if let Some(day) = rule.effective_on.filter(|day| *day > inputs.now) {
        reason.why.push_str(&format!(" (only warns before {})", moment_words(day)));
    }
    (reason, Vec::new())
}

/// A rule's condition in words.
pub(crate) fn condition_words(rule: &Rule) -> String {
    match &rule.check {
        Check::Evidence(requirement) => requirement.words(),
        Check::Findings { test, when, .. } => {
            let mut parts: Vec<String> = test.iter().map(crate::condition::Test::words).collect();
            parts.extend(when.iter().map(|when| format!("when {}", when.source().trim())));
            parts.join(" and ")
        }
    }
}

fn when_text(rule: &Rule) -> String {
    match &rule.check {
        Check::Findings { when: Some(when), .. } => short(when.source()),
        _ => String::new(),
    }
}

fn inputs_digest(inputs: &Inputs<'_>) -> String {
    let mut fields = digest::Fields::default();
    fields.text(inputs.subject);
    fields.text(inputs.stage);
    fields.number(inputs.findings.len() as u64);
    for finding in sorted(inputs.findings) {
        fields.finding(finding);
        if let Some(seen) = inputs.first_seen {
            fields
                .text(&seen.get(&finding.fingerprint).map(ToString::to_string).unwrap_or_default());
        }
    }
    let mut outcomes: Vec<String> = inputs
        .outcomes
        .iter()
        .map(|outcome| {
            let mut fields = digest::Fields::default();
            fields.outcome(outcome);
            fields.finish()
        })
        .collect();
    outcomes.sort();
    for text in &outcomes {
        fields.text(text);
    }
    fields.number(inputs.waivers.digests.len() as u64);
    for text in &inputs.waivers.digests {
        fields.text(text);
    }
    fields
        .number(u64::from(inputs.baseline.is_some()) + 2 * u64::from(inputs.first_seen.is_some()));
    for (fingerprint, count) in inputs.baseline.iter().flat_map(|baseline| baseline.iter()) {
        fields.text(&fingerprint.0);
        fields.number(count);
    }
    fields.finish()
}

fn unknown_stage(inputs: &Inputs<'_>, inputs_digest: String) -> Verdict {
    let hint = match nearest(inputs.stage, inputs.policy.stages()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", inputs.policy.stages().collect::<Vec<_>>().join(", ")),
    };
    Verdict {
        subject: inputs.subject.to_owned(),
        stage: inputs.stage.to_owned(),
        decision: Decision::Error,
        reasons: vec![Reason {
            rule: "stage".to_owned(),
            title: "The stage exists".to_owned(),
            outcome: Decision::Error,
            warning: false,
            why: format!(
                "the policy {} has no stage `{}`",
                inputs.policy.name(),
                short(inputs.stage)
            ),
            help: Some(hint),
            source: None,
            findings: Vec::new(),
            in_grace: Vec::new(),
        }],
        waived: Vec::new(),
        new: None,
        fixed: None,
        notices: Vec::new(),
        plan: None,
        turns: Vec::new(),
        policy_digest: inputs.policy.digest.clone(),
        inputs_digest,
        evaluated_at: inputs.now,
    }
}
