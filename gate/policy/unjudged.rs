//! Findings of a kind that no rule of the stage looks at: nobody judges them, and that is said.

use std::collections::BTreeMap;

use secgate_model::{Decision, Finding, Kind, Reason};

use crate::{
    Diagnostic, Policy,
    condition::{Mask, kind_bit},
    policy::{SCANNERS, Stage},
};

/// A reason for each kind of finding that passes unseen. What another stage of the policy judges is that stage's business.
pub(crate) fn remarks(policy: &Policy, stage: &Stage, findings: &[&Finding]) -> Vec<Reason> {
    let seen = looks(policy, stage);
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    for finding in findings {
        let bit = kind_bit(finding.kind);
        if seen & bit == 0 && !is_judged_elsewhere(policy, stage, &finding.scanner, bit) {
            *counts.entry(finding.kind).or_default() += 1;
        }
    }
    let reason = |(kind, count): (Kind, usize)| {
        let noun = if count == 1 { "finding" } else { "findings" };
        Reason {
            rule: format!("unjudged:{}", kind.name()),
            title: "Findings that no rule looks at".to_owned(),
            outcome: Decision::Pass,
            warning: true,
            why: format!(
                "{count} {noun} of kind {}: no rule of the stage {} looks at that kind",
                kind.name(),
                stage.name
            ),
            help: Some(format!(
                "use a rule with `match: {{ kind: {} }}` in the stage, if only one that warns",
                kind.name()
            )),
            source: Some(stage.origin.to_string()),
            findings: Vec::new(),
            in_grace: Vec::new(),
        }
    };
    counts.into_iter().map(reason).collect()
}

/// The stages whose scanners may report a kind of finding that none of their rules looks at.
pub(crate) fn blind_spots(policy: &Policy) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    for stage in &policy.stages {
        let seen = looks(policy, stage);
        for scanner in &stage.scanners {
            let kinds = SCANNERS.iter().find(|(name, _)| *name == scanner.name);
            let blind: Vec<&str> = kinds
                .map_or(&[] as &[Kind], |(_, kinds)| *kinds)
                .iter()
                .filter(|kind| {
                    let bit = kind_bit(**kind);
                    seen & bit == 0 && !is_judged_elsewhere(policy, stage, &scanner.name, bit)
                })
                .map(|kind| kind.name())
                .collect();
            if !blind.is_empty() {
                out.push(Diagnostic {
                    file: stage.origin.file.clone(),
                    line: stage.origin.line,
                    column: 1,
                    message: format!(
                        "the stage `{}` runs {}, and none of its rules looks at findings of kind {}",
                        stage.name,
                        scanner.name,
                        blind.join(", ")
                    ),
                    hint: Some("use a rule about them, if only one that warns".to_owned()),
                });
            }
        }
    }
    out
}

fn looks(policy: &Policy, stage: &Stage) -> Mask {
    policy.rules_of(stage).fold(0, |mask, rule| mask | rule.kinds())
}

fn is_judged_elsewhere(policy: &Policy, stage: &Stage, scanner: &str, bit: Mask) -> bool {
    policy.stages.iter().any(|other| {
        other.name != stage.name
            && other.scanners.iter().any(|runs| runs.name == scanner)
            && looks(policy, other) & bit != 0
    })
}

#[cfg(test)]
mod tests {
    use secgate_model::{Decision, Finding, Kind, Severity};

    use super::*;
    use crate::{
        evaluate,
        laws::{policy, vulnerability, with},
    };

    fn secret(scanner: &str) -> Finding {
        let found = vulnerability("SG-SECRET", Some(Severity::High), "pkg:pypi/a@1", &[]);
        Finding { kind: Kind::Secret, scanner: scanner.into(), vulnerability: None, ..found }
    }

    fn said(text: &str, findings: &[Finding]) -> Vec<String> {
        let policy = policy(text);
        with(&policy, findings, |inputs| {
            let verdict = evaluate(&inputs);
            assert_eq!(verdict.decision, Decision::Pass, "{verdict:#?}");
            let reasons = verdict.reasons.into_iter();
            reasons.filter(|reason| reason.rule.starts_with("unjudged:")).map(|r| r.why).collect()
        })
    }

    const ALONE: &str = "stages:\n  source: { use: [high], scanners: [audit] }\nrules:\n  high: { match: { kind: vulnerability } }\n";
    const APART: &str = "tools: [leaks]\nstages:\n  source: { use: [high], scanners: [audit] }\n  keys: { use: [secret], scanners: [leaks] }\nrules:\n  high: { match: { kind: vulnerability } }\n  secret: { match: { kind: secret } }\n";

    #[test]
    fn what_nobody_judges_is_counted_by_kind() {
        let (two, one) = ([secret("leaks"), secret("image")], [secret("leaks")]);
        let said_of = |findings: &[Finding]| said(ALONE, findings);
        assert_eq!(
            said_of(&two),
            ["2 findings of kind secret: no rule of the stage source looks at that kind"]
        );
        assert!(said_of(&one)[0].starts_with("1 finding of kind secret"));
        assert!(said_of(&[]).is_empty());
        assert!(said(APART, &one).is_empty(), "the stage keys judges those");
        assert_eq!(said(APART, &two).len(), 1);
    }

    #[test]
    fn a_check_names_stages_that_do_not_look() {
        let found = |text: &str| -> Vec<String> {
            blind_spots(&policy(text)).iter().map(ToString::to_string).collect()
        };
        assert!(found(ALONE).is_empty());
        let image = ALONE.replace("[audit]", "[audit, image]");
        let spots = found(&image);
        assert_eq!(spots.len(), 1);
        assert!(spots[0].contains("`source` runs image") && spots[0].contains("secret, config"));
        assert!(spots[0].starts_with("p.yaml:5:1"), "{spots:?}");
        for name in ["default", "strict"] {
            let text = crate::builtin_policy(name).unwrap();
            let read = |asked: &std::path::Path| -> std::io::Result<Vec<u8>> {
                let _ = asked;
                Ok(text.as_bytes().to_vec())
            };
            let policy = crate::load_policy(std::path::Path::new("p.yaml"), &read).unwrap();
            assert!(blind_spots(&policy).is_empty(), "{name}");
        }
    }
}
