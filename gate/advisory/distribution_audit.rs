//! Judges packages of operating systems, and language packages that an operating system brought along.

use std::collections::BTreeSet;

use secgate_model::{Finding, Inventory, Package, Paths, Problem, Purl, Severity, Target};

use crate::{
    Affected, Audit, DatabaseError, Group,
    audit::{Outside, PackageResult},
    distribution::{Placed, Unplaced, place, place_label},
    distribution_matching::{match_system_package, spoken},
    record::Bound,
    system_package::Wanted,
    vendor_word::rating,
};

impl Audit<'_> {
    pub(crate) fn judge_system_package(
        &self,
        target: &Target,
        paths: &Paths<'_>,
        package: &Package,
        has_kev: bool,
    ) -> Result<PackageResult, DatabaseError> {
        let outside = |class, name: String| {
            Ok(PackageResult { outside: Some((class, name)), ..PackageResult::default() })
        };
        let placed = match place(&package.purl) {
            Ok(placed) => placed,
            Err(why) => return outside(Outside::Unplaced(why), unplaced_name(why, &package.purl)),
        };
        let status = self.database.status();
        let ecosystem = placed.ecosystem;
        if !status.covers(ecosystem) {
            return outside(Outside::NotInDatabase, ecosystem.to_owned());
        }
        if !status.covers_release(ecosystem, &placed.release) {
            return outside(Outside::NoSuchRelease, format!("{ecosystem}:{}", placed.release));
        }
        let wanted = Wanted::of(ecosystem, package);
        if wanted.is_kernel_part {
            return outside(Outside::KernelPart, package.purl.kind().to_owned());
        }
        let is_named = wanted.keys.first().map(|(name, _)| self.database.package(ecosystem, name));
        if wanted.lacks_source && is_named.transpose()?.flatten().is_none() {
            return outside(Outside::NoSourcePackage, ecosystem.to_owned());
        }
        let found = match_system_package(self.database, &placed, &wanted)?;
        let barely = status
            .barely_covers(ecosystem, &placed.release)
            .then(|| (Outside::BarelyCovered, format!("{ecosystem}:{}", placed.release)));
        // What the few advisories say still counts.
        let mut result = PackageResult {
            ecosystem: Some(ecosystem),
            outside: barely,
            ..PackageResult::default()
        };
        for (group, status) in found.matches.groups.into_iter().zip(found.statuses) {
            let urgencies: Vec<String> = group
                .hits
                .iter()
                .filter_map(|(_, affected)| affected.vendor.as_ref()?.urgency.clone())
                .collect();
            let is_unimportant = urgencies.iter().any(|urgency| urgency == "unimportant");
            let mut finding = self.finding(target, paths, package, group, has_kev)?;
            if is_unimportant {
                // The distribution's word for its own build: there, and hardly worth an update.
                finding.severity = Some(Severity::Low);
            } else if finding.severity.is_none() {
                let words = urgencies.iter().filter_map(|urgency| rating(urgency)?.parse().ok());
                finding.severity = words.max();
            }
            tell(&mut finding, package, &wanted, status, is_unimportant);
            result.findings.push(finding);
        }
        result.problems(package, &found.matches.unjudged, &found.matches.silent);
        Ok(result)
    }

    /// The gap of a target that says that it is made from a distribution of which no advisories are known: that it has no
    /// packages which could be matched proves nothing. `label` is in the form of a `distro` qualifier.
    pub(crate) fn unknown_maker(&self, label: &str) -> Option<Problem> {
        let why = place_label(label).err()?;
        let shown: String = label.chars().filter(|c| !c.is_control()).take(60).collect();
        let id = shown.split('-').next().unwrap_or_default().to_owned();
        let message = match why {
            Unplaced::NoRelease => {
                format!("the target is made from `{shown}`, which names no release")
            }
            _ => format!("the target is made from `{shown}`, of which no advisories are known"),
        };
        Some(Problem {
            location: None,
            message,
            hint: Some(format!(
                "rebuild on a distribution that is known, or accept the gap with `audit.accept_missing: [\"{id}\"]` in secgate.yaml"
            )),
            gap: !self.options.accept_missing.contains(&id),
        })
    }

    /// What the distribution says about an upstream flaw of a language package that it brought along itself: its fixes do
    /// not show in the package's version. `None` where it has not spoken about each of the group's CVEs in this release, or
    /// where its package is not judged itself: only what is judged can answer for its files.
    pub(crate) fn word_of_owner(
        &self,
        inventory: &Inventory,
        package: &Package,
        group: &Group,
    ) -> Result<Option<String>, DatabaseError> {
        let Some(owner) = &package.owned_by else { return Ok(None) };
        let Some(owner) = inventory.find(owner) else { return Ok(None) };
        let Ok(placed) = place(&owner.purl) else { return Ok(None) };
        let wanted = Wanted::of(placed.ecosystem, owner);
        if wanted.is_kernel_part {
            return Ok(None);
        }
        let cves: BTreeSet<&String> =
            group.ids.iter().filter(|id| id.starts_with("CVE-")).collect();
        let mut spoken_of = BTreeSet::new();
        let mut word = None;
        for (_, entries) in spoken(self.database, &placed, &wanted)? {
            // An entry without versions says nothing about the package, and makes no finding of its own.
            for entry in entries.iter().filter(|entry| !is_silent(&entry.affected)) {
                let record = self.database.text(entry.record)?.record;
                let about = || record.flaws.iter().filter(|flaw| group.ids.contains(flaw));
                let Some(first) = about().next() else { continue };
                word.get_or_insert_with(|| {
                    format!(
                        "{first} for {}: it is a file of {}, and {} {} ({})",
                        package.purl,
                        owner.purl,
                        shown(&placed),
                        said(&entry.affected),
                        record.id
                    )
                });
                spoken_of.extend(about().cloned());
            }
        }
        Ok(word.filter(|_| cves.iter().all(|cve| spoken_of.contains(*cve))))
    }
}

fn is_silent(affected: &Affected) -> bool {
    affected.versions.is_empty() && affected.ranges.is_empty()
}

/// An entry's fix in words.
fn said(affected: &Affected) -> String {
    let mut fixes: Vec<&str> = affected
        .ranges
        .iter()
        .flatten()
        .filter_map(|bound| match bound {
            Bound::Fixed(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    fixes.sort_unstable();
    match fixes.first() {
        None => "names no fix".to_owned(),
        Some(&"0") => "says it was never affected".to_owned(),
        Some(fix) => format!("says fixed in {fix}"),
    }
}

fn shown(placed: &Placed) -> String {
    format!("{} {}", placed.ecosystem, placed.release).trim_end().to_owned()
}

/// Under which name packages that have no place are counted; parts of foreign purls are shown without control characters.
fn unplaced_name(why: Unplaced, purl: &Purl) -> String {
    let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
    let space = purl.namespace().unwrap_or_default();
    match why {
        Unplaced::NoRelease | Unplaced::ThirdParty => purl.kind().to_owned(),
        Unplaced::Unknown => shown(space),
        Unplaced::Contradicted => {
            let distro = purl.qualifier("distro").unwrap_or_default();
            format!("{} with `distro={}`", shown(space), shown(distro))
        }
    }
}

/// Adds what is only true of a distribution's package.
fn tell(
    finding: &mut Finding,
    package: &Package,
    wanted: &Wanted,
    status: Option<String>,
    is_unimportant: bool,
) {
    let status = status.or_else(|| is_unimportant.then(|| "unimportant".to_owned()));
    if let (Some(evidence), Some((source, version))) = (&mut finding.evidence, wanted.keys.last())
        && source != package.purl.name()
    {
        evidence.push_str(&format!("; it was built from {source} {version}"));
    }
    if let (Some(evidence), Some(status)) = (&mut finding.evidence, &status) {
        evidence.push_str(&format!("; the distribution's status is {status}"));
    }
    if let Some(vulnerability) = &mut finding.vulnerability {
        vulnerability.status = status;
    }
}
