//! Makes sure that a pass plan leads to a pass: applies it, matches again, judges again.

use secgate_advisory::{Audit, AuditOptions, Database};
use secgate_model::{ChangeKind, Finding, Inventory, Package, Purl, Verdict};
use secgate_policy::{Baseline, Inputs, Policy, evaluate};
use secgate_scan::{Job, run_scanners};

use crate::{judge::Case, settings::Settings};

/// More rounds than any package has lines of releases with flaws of their own.
const ROUNDS: usize = 12;

/// An advisory names the fix of one flaw, and a later flaw may begin in that very version: where a raise of the plan runs
/// into findings that block, it goes on to the version that removes those, until none is left or there is nowhere to go.
pub(crate) fn settle_plan(
    verdict: &mut Verdict,
    case: &Case<'_>,
    settings: &Settings,
    policy: &Policy,
    baseline: Option<&Baseline>,
    database: &Database,
) {
    let Some(plan) = &mut verdict.plan else { return };
    let Some(inventory) = case.inventory else { return };
    for _ in 0..ROUNDS {
        // (present purl, raised purl) of every raise.
        let raised: Vec<(Purl, Purl)> = plan
            .changes
            .iter()
            .filter(|change| change.kind == ChangeKind::Raise)
            .filter_map(|change| {
                let purl: Purl = change.component.as_ref()?.parse().ok()?;
                let to = purl.clone().with_version(change.to.as_deref());
                Some((purl, to))
            })
            .collect();
        let findings = findings_after(case, inventory, settings, database, &raised);
        let after = evaluate(&Inputs {
            policy,
            stage: &verdict.stage,
            subject: &verdict.subject,
            findings: &findings,
            outcomes: case.outcomes,
            waivers: &settings.waivers,
            baseline,
            first_seen: None,
            now: settings.now,
        });
        let mut moved = false;
        for next in after.plan.iter().flat_map(|plan| &plan.changes) {
            let (Some(component), Some(to)) = (&next.component, &next.to) else { continue };
            let Some((from, _)) =
                raised.iter().find(|(_, raised)| raised.to_string() == *component)
            else {
                continue;
            };
            let from = from.to_string();
            let held = plan
                .changes
                .iter_mut()
                .find(|change| change.component.as_deref() == Some(from.as_str()));
            if let Some(change) = held.filter(|change| change.to.as_deref() != Some(to.as_str())) {
                let old = change.to.clone().unwrap_or_default();
                change.what = change.what.replacen(&format!(" to {old}"), &format!(" to {to}"), 1);
                change.to = Some(to.clone());
                moved = true;
            }
        }
        if !moved {
            return;
        }
    }
}

/// The findings as they would be with the packages raised.
fn findings_after(
    case: &Case<'_>,
    inventory: &Inventory,
    settings: &Settings,
    database: &Database,
    raised: &[(Purl, Purl)],
) -> Vec<Finding> {
    let to_of =
        |purl: &Purl| raised.iter().find(|(from, _)| from == purl).map(|(_, to)| to.clone());
    let packages: Vec<Package> = inventory
        .packages
        .iter()
        .filter_map(|package| to_of(&package.purl).map(|purl| Package { purl, ..package.clone() }))
        .collect();
    let changed = Inventory { packages, ..Inventory::default() }.normalised();
    let audit = Audit { database, options: AuditOptions::default() };
    let job = Job { target: case.target, tree: None, inventory: Some(&changed), now: settings.now };
    let mut findings = run_scanners(&[&audit], &job).findings;
    let stays = |finding: &&Finding| {
        finding.locus.component.as_ref().is_none_or(|purl| to_of(purl).is_none())
    };
    findings.extend(case.findings.iter().filter(stays).cloned());
    findings
}
