//! The dates on which a green verdict turns red by itself.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use secgate_model::{Decision, Turn};

use crate::{
    Inputs,
    condition::Test,
    evaluate::{Assessment, Match, RuleRunner, grace_end},
    policy::{Action, Check},
    values::add,
};

const MOST: usize = 100;

/// Soonest first; empty unless the decision is `Pass`. What an expression reads from `age_days` is not foreseen.
pub(crate) fn turns(inputs: &Inputs<'_>, assessment: &Assessment<'_>) -> Vec<Turn> {
    if assessment.decision != Decision::Pass {
        return Vec::new();
    }
    let mut found: BTreeSet<(Timestamp, String)> =
        assessment.stale_at.iter().filter(|(at, _)| *at > inputs.now).cloned().collect();
    for (index, finding) in assessment.findings.iter().enumerate() {
        if !assessment.counted.get(index).copied().unwrap_or(true) {
            continue;
        }
        let waiver = assessment
            .waivers
            .get(index)
            .and_then(|decision| inputs.waivers.list().get(decision.by?));
        for rule in assessment
            .broken
            .get(index)
            .into_iter()
            .flatten()
            .filter(|rule| rule.action == Action::Fail)
        {
            // The rule fails when the last of its three reasons to wait is over.
            let mut last: Option<(Timestamp, String)> = None;
            let mut wait = |at: Timestamp, what: String| {
                if at > inputs.now && last.as_ref().is_none_or(|(other, _)| at > *other) {
                    last = Some((at, what));
                }
            };
            if let Some(day) = rule.effective_on {
                wait(day, format!("the rule {} begins to fail", rule.name));
            }
            if let Some(end) =
                rule.grace.as_ref().and_then(|grace| grace_end(grace, finding, inputs))
            {
                wait(
                    end,
                    format!("the grace of {} under the rule {} ends", finding.rule, rule.name),
                );
            }
            match waiver.map(|waiver| (waiver, waiver.expires)) {
                Some((_, None)) => continue,
                Some((waiver, Some(expires))) => {
                    wait(expires, format!("the waiver {} expires", waiver.id));
                }
                None => {}
            }
            found.extend(last);
        }
    }
    ages(inputs, assessment, &mut found);
    found.into_iter().take(MOST).map(|(at, what)| Turn { at, what }).collect()
}

/// Findings that grow old enough for a rule with `age`.
fn ages(
    inputs: &Inputs<'_>,
    assessment: &Assessment<'_>,
    found: &mut BTreeSet<(Timestamp, String)>,
) {
    for rule in inputs.policy.rules_of(assessment.stage).filter(|rule| rule.blocks_at(inputs.now)) {
        let Check::Findings { test: Some(test), .. } = &rule.check else { continue };
        let mut limits: Vec<i64> = Vec::new();
        test.walk(&mut |test| {
            if let Test::Age(bound) = test {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "made from whole seconds below ten years"
                )]
                limits.push(bound.limit() as i64);
            }
        });
        if limits.is_empty() {
            continue;
        }
        for (index, finding) in assessment.findings.iter().enumerate() {
            let waived =
                assessment.waivers.get(index).is_some_and(|decision| decision.by.is_some());
            if waived || !assessment.counted.get(index).copied().unwrap_or(true) {
                continue;
            }
            let Some(published) = finding.vulnerability.as_ref().and_then(|facts| facts.published)
            else {
                continue;
            };
            for limit in &limits {
                let at = add(published, SignedDuration::from_secs(limit.saturating_add(1)));
                if at <= inputs.now {
                    continue;
                }
                let later = Inputs { now: at, ..*inputs };
                if matches!(
                    RuleRunner::new(rule, &later).verdict_on(finding),
                    Match::Yes | Match::Undecided
                ) {
                    found.insert((
                        at,
                        format!("{} grows old enough for the rule {}", finding.rule, rule.name),
                    ));
                }
            }
        }
    }
}
