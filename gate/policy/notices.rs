//! What a verdict says about waivers: the findings that they cover, and those that need attention.

use std::collections::BTreeMap;

use secgate_model::{Finding, WaivedFinding, WaiverNotice, WaiverNoticeKind};

use crate::{
    Inputs,
    values::{add, moment_words},
    waiver::{Refusal, WaiverDecision},
};

/// The findings that a waiver covers, sorted.
pub(crate) fn waived(
    inputs: &Inputs<'_>,
    findings: &[&Finding],
    decisions: &[WaiverDecision],
) -> Vec<WaivedFinding> {
    let mut list: Vec<WaivedFinding> = findings
        .iter()
        .zip(decisions)
        .filter_map(|(finding, decision)| {
            let waiver = inputs.waivers.list().get(decision.by?)?;
            Some(WaivedFinding {
                fingerprint: finding.fingerprint.clone(),
                waiver: waiver.id.clone(),
                reason: waiver.reason.clone(),
                owner: waiver.owner.clone(),
                expires: waiver.expires,
                status: waiver.status.clone(),
                source: waiver.origin.to_string(),
            })
        })
        .collect();
    list.dedup();
    list
}

/// Waivers that somebody should look at: law 12.
pub(crate) fn notices(
    inputs: &Inputs<'_>,
    findings: &[&Finding],
    decisions: &[WaiverDecision],
    missing_evidence: bool,
) -> Vec<WaiverNotice> {
    const SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(14 * 24);
    let mut used = vec![false; inputs.waivers.list().len()];
    let mut refused: BTreeMap<usize, String> = BTreeMap::new();
    for (finding, decision) in findings.iter().zip(decisions) {
        for at in &decision.covering {
            if let Some(slot) = used.get_mut(*at) {
                *slot = true;
            }
        }
        for (at, refusal) in &decision.refused {
            if let Refusal::NotAllowed(why) = refusal {
                refused
                    .entry(*at)
                    .or_insert_with(|| format!("it does not count for {}: {why}", finding.rule));
            }
        }
    }
    let mut list = Vec::new();
    for (at, waiver) in inputs.waivers.list().iter().enumerate() {
        if !waiver.matches.covers_subject(inputs.subject) {
            continue;
        }
        let mut push = |kind, message: String| {
            list.push(WaiverNotice {
                waiver: waiver.id.clone(),
                kind,
                message,
                source: waiver.origin.to_string(),
            });
        };
        if let Some(why) = refused.get(&at) {
            push(WaiverNoticeKind::NotAllowed, why.clone());
        }
        let is_used = used.get(at).copied().unwrap_or_default();
        match waiver.expires {
            Some(expires) if expires <= inputs.now => {
                let rest =
                    if is_used { "what it covered counts again" } else { "it can be taken away" };
                push(
                    WaiverNoticeKind::Expired,
                    format!("it expired on {}; {rest}", moment_words(expires)),
                );
            }
            _ if !is_used
                // With evidence missing, nobody knows whether it would match. VEX documents say more than one target
                // needs, so theirs is no news.
                && !missing_evidence && !waiver.vex =>
            {
                push(
                    WaiverNoticeKind::Unused,
                    "it matches no finding and can be taken away".to_owned(),
                );
            }
            Some(expires) if expires <= add(inputs.now, SOON) => {
                push(
                    WaiverNoticeKind::ExpiresSoon,
                    format!("it expires on {}", moment_words(expires)),
                );
            }
            _ => {}
        }
    }
    list.sort_by(|a, b| (&a.waiver, a.kind, &a.source).cmp(&(&b.waiver, b.kind, &b.source)));
    list
}
