use std::collections::BTreeMap;

use secgate_model::{Confidence, Finding, Kind, Locus, Package, Problem, Severity, Target};
use secgate_scan::{About, Job, Need, Scan, ScanError, Scanner, fingerprint, subject_key};

use crate::expression::{NOT_TOLD, normalise};

/// Tells the licence of every package: a finding each, whose rule is the SPDX expression. It judges nothing, so it only runs
/// where a policy asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Licenses;

const ABOUT: About =
    About { id: "licenses", version: env!("CARGO_PKG_VERSION"), needs: &[Need::Inventory] };
/// Characters of a licence's own words that a finding shows.
const MOST_SHOWN: usize = 200;

impl Scanner for Licenses {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn scan(&self, job: &Job<'_>) -> Result<Scan, ScanError> {
        let inventory =
            job.inventory.ok_or_else(|| ScanError::new("there is no inventory to look at"))?;
        let mut known: BTreeMap<&[String], String> = BTreeMap::new();
        let mut scan = Scan::default();
        let mut silent = 0_usize;
        for package in &inventory.packages {
            let expression =
                known.entry(&package.licenses).or_insert_with(|| normalise(&package.licenses));
            silent += usize::from(expression == NOT_TOLD);
            scan.findings.push(finding(package, expression, job.target));
        }
        // What is not in the inventory has a licence that nobody looked at.
        scan.problems = inventory
            .unknowns
            .iter()
            .map(|unknown| Problem {
                location: Some(unknown.location.clone()),
                message: unknown.reason.clone(),
                hint: None,
                gap: true,
            })
            .collect();
        scan.nothing_to_look_at = inventory.files.is_empty() && inventory.packages.is_empty();
        scan.detail =
            format!("{} packages, {silent} of which tell no licence", inventory.packages.len());
        Ok(scan)
    }
}

fn finding(package: &Package, expression: &str, target: &Target) -> Finding {
    let name = package.purl.full_name("/");
    let version = package.purl.version().unwrap_or_default();
    let is_told = expression != NOT_TOLD;
    let said = if is_told { expression } else { "no licence told" };
    let stated = package.licenses.join("; ");
    let title: String = format!("{name} {version}: {said}").chars().take(MOST_SHOWN).collect();
    let key = package.purl.package().to_string();
    Finding {
        fingerprint: fingerprint(
            Kind::Licence,
            &subject_key(target),
            expression,
            &[&key, target.kind.name()],
        ),
        weak_fingerprint: None,
        scanner: ABOUT.id.to_owned(),
        seen_by: vec![ABOUT.id.to_owned()],
        kind: Kind::Licence,
        rule: expression.to_owned(),
        aliases: Vec::new(),
        cwe: Vec::new(),
        title,
        description: None,
        // A licence is a fact and no flaw; how bad it is, is the policy's to say.
        severity: Some(Severity::Info),
        confidence: Confidence::High,
        locus: Locus {
            component: Some(package.purl.clone()),
            locations: package.locations.clone(),
            ..Locus::default()
        },
        vulnerability: None,
        evidence: (is_told && stated != expression).then(|| {
            let shown: String = stated.chars().take(MOST_SHOWN).collect();
            format!("the package states: {shown}")
        }),
        remediation: None,
        references: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use secgate_model::{Ended, Inventory, Location, TargetKind, Unknown, UnknownKind};
    use secgate_scan::run_scanners;

    use super::*;

    fn scan(inventory: &Inventory) -> secgate_scan::Ran {
        let target =
            Target { kind: TargetKind::Path, name: "a".to_owned(), digest: None, revision: None };
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let job = Job { target: &target, tree: None, inventory: Some(inventory), now };
        run_scanners(&[&Licenses], &job)
    }

    #[test]
    fn every_package_has_a_finding() {
        let package = |purl: &str, licenses: &[&str]| {
            let mut package =
                Package::new(purl.parse().unwrap(), "test", Location::line("lock", 3));
            package.licenses = licenses.iter().map(|text| (*text).to_owned()).collect();
            package
        };
        let mut inventory = Inventory {
            packages: vec![
                package("pkg:npm/a@1", &["MIT license"]),
                package("pkg:npm/b@1", &[]),
                package("pkg:npm/c@1", &["Acme"]),
            ],
            files: vec!["lock".to_owned()],
            ..Inventory::default()
        };
        let ran = scan(&inventory);
        let mut rules: Vec<_> = ran.findings.iter().map(|found| found.rule.as_str()).collect();
        rules.sort_unstable();
        assert_eq!(rules, ["LicenseRef-Acme", "MIT", "NOASSERTION"]);
        assert_eq!(ran.outcomes[0].ended, Ended::Complete);
        assert_eq!(ran.outcomes[0].detail, "3 packages, 1 of which tell no licence");
        inventory.unknowns.push(Unknown {
            location: Location::file("x"),
            kind: UnknownKind::Limit,
            reason: "too large".to_owned(),
        });
        assert_eq!(scan(&inventory).outcomes[0].ended, Ended::Partial);
        assert_eq!(scan(&Inventory::default()).outcomes[0].ended, Ended::Skipped);
    }
}
