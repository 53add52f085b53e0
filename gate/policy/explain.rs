//! Policies and findings in words.

use secgate_model::{ChangeKind, Decision, Finding, Fingerprint};

use crate::{
    Diagnostic, Inputs, Policy,
    evaluate::{Match, RuleRunner, assess, condition_words, grace_end},
    plan,
    policy::{Action, Against, Check, GraceFrom, Rule, Undecided, Waivable},
    unjudged,
    values::{duration_words, moment_words},
    waiver::Refusal,
};

/// What is worth a look in a policy that loads: rules that no stage uses, and stages that look away from what their scanners
/// may find.
pub fn check(policy: &Policy) -> Vec<Diagnostic> {
    let unused = policy
        .rules
        .values()
        .filter(|rule| !policy.stages.iter().any(|stage| stage.uses.contains(&rule.name)))
        .map(|rule| Diagnostic {
            file: rule.origin.file.clone(),
            line: rule.origin.line,
            column: 1,
            message: format!("no stage uses the rule `{}`", rule.name),
            hint: None,
        });
    unused.chain(unjudged::blind_spots(policy)).collect()
}

/// A stage in words: which scanners it needs, how fresh their data must be, and what each rule says and where it is
/// defined. `None` for an unknown stage.
pub fn explain(policy: &Policy, stage: &str) -> Option<String> {
    let stage = policy.stage(stage)?;
    let mut lines =
        vec![format!("stage {} of the policy {} ({})", stage.name, policy.name, stage.origin)];
    lines.push(match stage.against {
        Against::All => "  counts every finding".to_owned(),
        Against::New => "  counts what the baseline does not hold".to_owned(),
    });
    for scanner in &stage.scanners {
        let need =
            if scanner.required { "must look at everything" } else { "may be missing or skipped" };
        lines.push(format!("  scanner {}: {need}", scanner.name));
    }
    let evidence = &policy.evidence;
    lines.push(format!(
        "  advisories checked not longer than {} ago",
        duration_words(evidence.advisories)
    ));
    for (name, length) in [("EPSS", evidence.epss), ("KEV", evidence.kev)] {
        if let Some(length) = length {
            lines.push(format!(
                "  {name} data checked not longer than {} ago",
                duration_words(length)
            ));
        }
    }
    let at_source = evidence.at_source;
    for (name, length) in [
        ("advisories", at_source.advisories),
        ("EPSS data", at_source.epss),
        ("KEV data", at_source.kev),
    ] {
        if let Some(length) = length {
            lines.push(format!(
                "  {name} at their source not older than {}",
                duration_words(length)
            ));
        }
    }
    if let Some(requirement) = &stage.require {
        lines.push(format!("  requires that {}", requirement.words()));
    }
    for rule in policy.rules_of(stage) {
        lines.extend(rule_words(rule));
    }
    Some(lines.join("\n") + "\n")
}

fn rule_words(rule: &Rule) -> Vec<String> {
    let mut lines = vec![format!("rule {} ({}): {}", rule.name, rule.origin, rule.title)];
    let verb = match (rule.action, &rule.check) {
        (Action::Fail, Check::Findings { .. }) => "fails on",
        (Action::Warn, Check::Findings { .. }) => "warns of",
        (Action::Info, Check::Findings { .. }) => "tells of",
        (Action::Fail, Check::Evidence(_)) => "is an error unless",
        (_, Check::Evidence(_)) => "warns unless",
    };
    lines.push(format!("  {verb}: {}", condition_words(rule)));
    if let Check::Findings { test: Some(_), unknown, .. } = &rule.check {
        lines.push(match unknown {
            Undecided::Match => "  a figure that nobody published counts as a match".to_owned(),
            Undecided::Ignore => "  a figure that nobody published counts as no match".to_owned(),
        });
    }
    if let Some(day) = rule.effective_on {
        lines.push(format!("  only warns before {}", moment_words(day)));
    }
    if let Some(grace) = &rule.grace {
        let from = match grace.from {
            GraceFrom::FirstSeen => "first seen",
            GraceFrom::Published => "publication",
        };
        let lengths: Vec<String> = grace
            .lengths
            .iter()
            .rev()
            .map(|(severity, length)| {
                format!(
                    "{} {}",
                    severity.map_or("unknown", secgate_model::Severity::name),
                    duration_words(*length)
                )
            })
            .collect();
        lines.push(format!("  grace from {from}: {}", lengths.join(", ")));
    }
    match &rule.waivable {
        Waivable::No => lines.push("  cannot be waived".to_owned()),
        Waivable::Yes { max, approvers, vex } => {
            let mut text = "  can be waived".to_owned();
            if let Some(max) = max {
                text.push_str(&format!(" for at most {}", duration_words(*max)));
            }
            if !approvers.is_empty() {
                text.push_str(&format!(" with the approval of {}", approvers.join(" or ")));
            }
            if !vex {
                text.push_str("; not by VEX documents");
            }
            lines.push(text);
        }
    }
    if let Some(help) = &rule.help {
        lines.push(format!("  help: {}", help.trim()));
    }
    lines
}

/// What a finding does to the verdict, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingExplanation {
    /// The finding.
    pub fingerprint: Fingerprint,
    /// Each rule of the stage, in its order.
    pub rules: Vec<RuleExplanation>,
    /// What the waivers that cover it do, one line each.
    pub waivers: Vec<String>,
    /// Whether a waiver excuses it.
    pub waived: bool,
    /// Whether the baseline holds it; `None` without a baseline.
    pub in_baseline: Option<bool>,
    /// Whether it makes the stage fail.
    pub blocks: bool,
    /// The change of the pass plan that removes it, one line.
    pub change: Option<String>,
    /// The stage's decision as it stands.
    pub decision: Decision,
}

/// What one rule says about one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleExplanation {
    /// The rule.
    pub rule: String,
    /// Where it is defined, `path:line`.
    pub source: String,
    /// Whether its condition covers the finding.
    pub matches: bool,
    /// The condition, and what came of it.
    pub why: String,
}

impl FindingExplanation {
    /// The explanation as lines of text.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for rule in &self.rules {
            let sign = if rule.matches { "matches" } else { "does not match" };
            lines.push(format!("{sign} {} ({}): {}", rule.rule, rule.source, rule.why));
        }
        lines.extend(self.waivers.iter().cloned());
        match self.in_baseline {
            Some(true) => lines.push("the baseline holds it".to_owned()),
            Some(false) => lines.push("it is new against the baseline".to_owned()),
            None => {}
        }
        lines.push(
            if self.blocks { "it makes the stage fail" } else { "it does not make the stage fail" }
                .to_owned(),
        );
        lines.extend(self.change.iter().map(|change| format!("to remove it: {change}")));
        lines.join("\n") + "\n"
    }
}

/// Explains `finding`, one of the findings of `inputs`; `None` when it is not, or the stage is unknown.
pub fn explain_finding(finding: &Finding, inputs: &Inputs<'_>) -> Option<FindingExplanation> {
    let assessment = assess(inputs)?;
    let at = assessment.findings.iter().position(|other| *other == finding)?;
    let rules = inputs
        .policy
        .rules_of(assessment.stage)
        .map(|rule| {
            let words = condition_words(rule);
            let (matches, why) = match RuleRunner::new(rule, inputs).verdict_on(finding) {
                Match::No => (false, words),
                Match::Yes => (true, words),
                Match::Undecided => (true, format!("{words}; nobody published a figure that this asks for, which counts as a match")),
                Match::Error(why) => (true, format!("{words}; the expression cannot be evaluated: {why}")),
            };
            let end = rule.grace.as_ref().and_then(|grace| grace_end(grace, finding, inputs)).filter(|_| matches);
            let why = match end {
                Some(end) if end > inputs.now => format!("{why}; in grace until {}", moment_words(end)),
                Some(end) => format!("{why}; its grace ended on {}", moment_words(end)),
                None => why,
            };
            RuleExplanation { rule: rule.name.clone(), source: rule.origin.to_string(), matches, why }
        })
        .collect();
    let decision = assessment.waivers.get(at);
    let list = inputs.waivers.list();
    let mut waivers = Vec::new();
    for (index, refusal) in decision.iter().flat_map(|decision| &decision.refused) {
        let Some(waiver) = list.get(*index) else { continue };
        waivers.push(match refusal {
            Refusal::Expired => format!("the waiver {} ({}) has expired", waiver.id, waiver.origin),
            Refusal::NotAllowed(why) => {
                format!("the waiver {} ({}) does not count: {why}", waiver.id, waiver.origin)
            }
        });
    }
    let by = decision.and_then(|decision| list.get(decision.by?));
    if let Some(waiver) = by {
        let until =
            waiver.expires.map_or_else(String::new, |end| format!(" until {}", moment_words(end)));
        waivers
            .push(format!("waived by {} ({}){until}: {}", waiver.id, waiver.origin, waiver.reason));
    }
    let plan = plan::plan(inputs, &assessment);
    let change = plan.and_then(|plan| {
        let change = plan
            .changes
            .into_iter()
            .find(|change| change.removes.contains(&finding.fingerprint))?;
        let place = change.at.filter(|_| change.kind == ChangeKind::Raise);
        Some(
            place
                .map_or_else(|| change.what.clone(), |place| format!("{} in {place}", change.what)),
        )
    });
    let in_baseline = assessment.new.as_ref().map(|new| !new.contains(&finding.fingerprint));
    Some(FindingExplanation {
        fingerprint: finding.fingerprint.clone(),
        rules,
        waivers,
        waived: by.is_some(),
        in_baseline,
        blocks: assessment.blocking.get(at).copied().unwrap_or_default(),
        change,
        decision: assessment.decision,
    })
}
