//! Makes sure that a pass plan leads to a pass: applies it, matches again, judges again.

use std::collections::HashMap;

use secgate_advisory::{Audit, AuditOptions, Database};
use secgate_model::{ChangeKind, Finding, Inventory, Package, PassPlan, Purl, Verdict};
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
    // What the plan does not touch blocks or does not block as before: only the raised packages are judged again.
    let mut open: Vec<usize> = (0..plan.changes.len()).collect();
    let mut further = Vec::new();
    for _ in 0..ROUNDS {
        let raised = raises(plan, &open);
        if raised.is_empty() {
            break;
        }
        let findings = findings_at(case, inventory, settings, database, &raised);
        if findings.is_empty() {
            break;
        }
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
        let at: HashMap<String, usize> =
            raised.values().map(|(to, at)| (to.to_string(), *at)).collect();
        open.clear();
        let Some(next_plan) = after.plan else { continue };
        // What a raise brings that has no fix is part of what it takes to pass.
        plan.unfixable.extend(next_plan.unfixable);
        for next in next_plan.changes {
            let at = next.component.as_ref().and_then(|component| at.get(component).copied());
            let (Some(at), Some(to)) = (at, &next.to) else {
                if !further.contains(&next) {
                    further.push(next);
                }
                continue;
            };
            let Some(change) = plan.changes.get_mut(at) else { continue };
            if change.to.as_ref() != Some(to) {
                let old = change.to.clone().unwrap_or_default();
                change.what = change.what.replacen(&format!(" to {old}"), &format!(" to {to}"), 1);
                change.to = Some(to.clone());
                open.push(at);
            }
        }
    }
    plan.changes.extend(further);
    plan.unfixable.sort();
    plan.unfixable.dedup();
}

/// Present purl to raised purl and the number of the change, of every raise among `open`.
fn raises(plan: &PassPlan, open: &[usize]) -> HashMap<Purl, (Purl, usize)> {
    open.iter()
        .filter_map(|at| {
            let change = plan.changes.get(*at).filter(|change| change.kind == ChangeKind::Raise)?;
            let purl: Purl = change.component.as_ref()?.parse().ok()?;
            let to = purl.clone().with_version(change.to.as_deref());
            Some((purl, (to, *at)))
        })
        .collect()
}

/// The findings of the raised packages alone.
fn findings_at(
    case: &Case<'_>,
    inventory: &Inventory,
    settings: &Settings,
    database: &Database,
    raised: &HashMap<Purl, (Purl, usize)>,
) -> Vec<Finding> {
    let packages: Vec<Package> = raised
        .iter()
        .filter_map(|(from, (to, _))| {
            Some(Package { purl: to.clone(), ..inventory.find(from)?.clone() })
        })
        .collect();
    let changed = Inventory { packages, ..Inventory::default() }.normalised();
    let options =
        AuditOptions { crates_index: settings.crates_index.clone(), ..AuditOptions::default() };
    let audit = Audit { database, options };
    let job = Job { target: case.target, tree: None, inventory: Some(&changed), now: settings.now };
    run_scanners(&[&audit], &job).findings
}
