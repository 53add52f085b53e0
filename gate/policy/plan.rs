//! The pass plan: the smallest set of version raises, edits and waivers after which the stage passes.
//!
//! For a package the plan takes the lowest version among the fixes of its blocking findings that fixes all of them. A
//! version fixes a finding when it is at or above the finding's `fixed_here`, and stands on a fixed line: it is itself a
//! fix, or no fix of the finding lies above it, or it differs from the greatest fix below it only in its last part. So
//! 2.3.0 does not count as fixed by 2.2.5 when 2.3.2 is a fix too.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashSet},
};

use secgate_model::{
    Change, ChangeKind, Decision, Finding, Fingerprint, Kind, PassPlan, Purl, Verdict,
    Vulnerability,
};
use secgate_versions::{Scheme, compare};

use crate::{
    Inputs,
    evaluate::{Assessment, evaluate},
    policy::{Rule, Waivable},
};

/// The plan of an assessment; `None` when no rule fails.
pub(crate) fn plan(inputs: &Inputs<'_>, assessment: &Assessment<'_>) -> Option<PassPlan> {
    if !assessment.reasons.iter().any(|reason| reason.outcome == Decision::Fail) {
        return None;
    }
    let mut plan = PassPlan::default();
    let mut packages: BTreeMap<&Purl, Vec<Blocking<'_>>> = BTreeMap::new();
    for ((finding, rules), blocks) in
        assessment.findings.iter().zip(&assessment.broken).zip(&assessment.blocking)
    {
        if !blocks {
            continue;
        }
        let rules: Vec<&Rule> =
            rules.iter().copied().filter(|rule| rule.blocks_at(inputs.now)).collect();
        let blocking = Blocking { finding, rules };
        match (&finding.locus.component, finding.kind) {
            (Some(component), Kind::Vulnerability) => {
                packages.entry(component).or_default().push(blocking);
            }
            (_, Kind::Vulnerability) => without_fix(None, &[blocking], &mut plan),
            (_, Kind::Secret) => plan.changes.push(revoke(finding)),
            _ => plan.changes.push(edit(finding)),
        }
    }
    for (component, list) in packages {
        let (fixable, rest): (Vec<_>, Vec<_>) =
            list.into_iter().partition(|blocking| fixes_of(blocking.finding).is_some());
        let leftover = match raise(component, &fixable) {
            Ok(change) => {
                plan.changes.extend(change);
                rest
            }
            // Versions that nobody can order are no plan.
            Err(()) => rest.into_iter().chain(fixable).collect(),
        };
        if !leftover.is_empty() {
            without_fix(Some(component), &leftover, &mut plan);
        }
    }
    for change in &mut plan.changes {
        change.removes.sort();
        change.removes.dedup();
    }
    plan.changes.sort_by(|a, b| {
        b.removes
            .len()
            .cmp(&a.removes.len())
            .then_with(|| (a.kind, &a.what, &a.at).cmp(&(b.kind, &b.what, &b.at)))
    });
    plan.changes.dedup();
    plan.unfixable.sort();
    plan.unfixable.dedup();
    Some(plan)
}

/// The verdict after everything that `plan` names has been done: its findings are gone, all else is as it was.
pub fn after_plan(inputs: &Inputs<'_>, plan: &PassPlan) -> Verdict {
    let gone: HashSet<&Fingerprint> =
        plan.changes.iter().flat_map(|change| &change.removes).collect();
    let left: Vec<Finding> = inputs
        .findings
        .iter()
        .filter(|finding| !gone.contains(&finding.fingerprint))
        .cloned()
        .collect();
    evaluate(&Inputs { findings: &left, ..*inputs })
}

/// A finding that makes rules fail.
struct Blocking<'a> {
    finding: &'a Finding,
    rules: Vec<&'a Rule>,
}

fn fixes_of(finding: &Finding) -> Option<(&Vulnerability, &str)> {
    let facts = finding.vulnerability.as_ref()?;
    Some((facts, facts.fixed_here.as_deref()?))
}

/// The raise of one package that removes every finding of `fixable`; nothing when there are none.
fn raise(component: &Purl, fixable: &[Blocking<'_>]) -> Result<Option<Change>, ()> {
    let Some(first) = fixable.first() else { return Ok(None) };
    let fixes: Vec<_> = fixable.iter().filter_map(|blocking| fixes_of(blocking.finding)).collect();
    let mut candidates: Vec<&str> = fixes
        .iter()
        .flat_map(|(facts, here)| {
            facts.fixed_in.iter().map(String::as_str).chain(std::iter::once(*here))
        })
        .collect();
    candidates.sort_unstable();
    candidates.dedup();
    let scheme = scheme_of(component.kind());
    let mut lowest: Option<&str> = None;
    for candidate in candidates {
        let good = fixes
            .iter()
            .all(|(facts, here)| fixes_finding(scheme, candidate, here, &facts.fixed_in));
        let lower = match lowest {
            None => true,
            Some(other) => order(scheme, candidate, other) == Some(Ordering::Less),
        };
        if good && lower {
            lowest = Some(candidate);
        }
    }
    let to = lowest.ok_or(())?;
    let from = component.version().unwrap_or("its version");
    let name = component.full_name("/");
    let mut what = format!("raise {name} {from} to {to}");
    if let Some(facts) = &first.finding.vulnerability
        && facts.direct == Some(false)
        && let Some(direct) = facts.path.first().filter(|purl| **purl != component.to_string())
    {
        let direct = direct.parse::<Purl>().map_or_else(
            |_| direct.clone(),
            |purl| {
                format!("{} {}", purl.full_name("/"), purl.version().unwrap_or_default())
                    .trim_end()
                    .to_owned()
            },
        );
        what.push_str(&format!(", which {direct} brings in"));
    }
    Ok(Some(Change {
        kind: ChangeKind::Raise,
        what,
        component: Some(component.to_string()),
        to: Some(to.to_owned()),
        at: place(first.finding),
        removes: fixable.iter().map(|blocking| blocking.finding.fingerprint.clone()).collect(),
    }))
}

fn order(scheme: Option<Scheme>, a: &str, b: &str) -> Option<Ordering> {
    if a == b {
        return Some(Ordering::Equal);
    }
    compare(scheme?, a, b).ok()
}

/// Whether version `to` is surely free of a finding that `here` fixes first and `all` fix on their lines.
fn fixes_finding(scheme: Option<Scheme>, to: &str, here: &str, all: &[String]) -> bool {
    if order(scheme, to, here).is_none_or(Ordering::is_lt) {
        return false;
    }
    if to == here || all.iter().any(|fix| fix == to) {
        return true;
    }
    let mut below: Option<&str> = None;
    let mut above = false;
    for fix in all {
        match order(scheme, fix, to) {
            None => return false,
            Some(Ordering::Greater) => above = true,
            Some(_) => {
                if below.is_none_or(|other| order(scheme, fix, other) == Some(Ordering::Greater)) {
                    below = Some(fix);
                }
            }
        }
    }
    !above || below.is_some_and(|fix| line_of(fix) == line_of(to))
}

/// A version without its last part: `2.2` of `2.2.5`.
fn line_of(version: &str) -> &str {
    version.rsplit_once('.').map_or("", |(line, _)| line)
}

/// How versions of a purl type are ordered.
fn scheme_of(kind: &str) -> Option<Scheme> {
    Some(match kind {
        "pypi" => Scheme::Pep440,
        "npm" | "cargo" | "hex" | "swift" => Scheme::Semver,
        "golang" => Scheme::Go,
        "maven" => Scheme::Maven,
        "nuget" => Scheme::Nuget,
        "gem" => Scheme::RubyGems,
        "composer" => Scheme::Packagist,
        "pub" => Scheme::Pub,
        "hackage" => Scheme::Hackage,
        "cran" => Scheme::Cran,
        "julia" => Scheme::Julia,
        "opam" => Scheme::Opam,
        "conan" => Scheme::Conan,
        "deb" => Scheme::Dpkg,
        "apk" => Scheme::Apk,
        "rpm" => Scheme::Rpm,
        "alpm" => Scheme::Alpm,
        "github" | "githubactions" => Scheme::Generic,
        _ => return None,
    })
}

/// What is left when there is no version to go to: a waiver, or another package where the rules forbid waivers.
fn without_fix(component: Option<&Purl>, list: &[Blocking<'_>], plan: &mut PassPlan) {
    let name = component.map_or_else(
        || "the affected package".to_owned(),
        |purl| {
            format!("{} {}", purl.full_name("/"), purl.version().unwrap_or_default())
                .trim_end()
                .to_owned()
        },
    );
    let (waivable, forbidden): (Vec<_>, Vec<_>) = list
        .iter()
        .partition(|blocking| blocking.rules.iter().all(|rule| rule.waivable != Waivable::No));
    for (kind, group) in [(ChangeKind::Waive, waivable), (ChangeKind::Edit, forbidden)] {
        let Some(first) = group.first() else { continue };
        let mut ids: Vec<&str> =
            group.iter().map(|blocking| blocking.finding.rule.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let ids = ids.join(", ");
        let what = if kind == ChangeKind::Waive {
            format!("replace {name}, or waive {ids}: no version is known to fix it")
        } else {
            format!(
                "replace or remove {name}: no version is known to fix {ids}, and a rule forbids waivers"
            )
        };
        let removes: Vec<Fingerprint> =
            group.iter().map(|blocking| blocking.finding.fingerprint.clone()).collect();
        plan.unfixable.extend(removes.iter().cloned());
        plan.changes.push(Change {
            kind,
            what,
            component: component.map(ToString::to_string),
            to: None,
            at: place(first.finding),
            removes,
        });
    }
}

fn revoke(finding: &Finding) -> Change {
    let at = place(finding);
    let from = at.as_ref().map_or_else(String::new, |at| format!(" and take it out of {at}"));
    Change {
        kind: ChangeKind::Revoke,
        what: format!("revoke the credential that {} found{from}", finding.rule),
        component: None,
        to: None,
        at,
        removes: vec![finding.fingerprint.clone()],
    }
}

fn edit(finding: &Finding) -> Change {
    let todo = finding.remediation.as_deref().unwrap_or(&finding.title);
    let todo = todo.lines().next().unwrap_or_default();
    Change {
        kind: ChangeKind::Edit,
        what: format!("{}: {todo}", finding.rule),
        component: finding.locus.component.as_ref().map(ToString::to_string),
        to: None,
        at: place(finding),
        removes: vec![finding.fingerprint.clone()],
    }
}

fn place(finding: &Finding) -> Option<String> {
    let locus = &finding.locus;
    match locus.locations.first() {
        Some(location) => Some(match location.line {
            Some(line) => format!("{}:{line}", location.path),
            None => location.path.clone(),
        }),
        None => locus.url.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_between_two_fixed_lines_is_not_fixed() {
        let fixes = ["2.2.5".to_owned(), "2.3.2".to_owned()];
        for (to, expected) in [
            ("2.2.4", false),
            ("2.2.5", true),
            ("2.2.9", true),
            ("2.3.0", false),
            ("2.3.2", true),
            ("2.3.3", true),
            ("3.0.0", true),
        ] {
            assert_eq!(fixes_finding(Some(Scheme::Semver), to, "2.2.5", &fixes), expected, "{to}");
        }
        assert!(!fixes_finding(None, "2", "1", &["1".to_owned(), "2.0".to_owned()]));
        assert!(fixes_finding(None, "1", "1", &["1".to_owned()]));
    }
}
