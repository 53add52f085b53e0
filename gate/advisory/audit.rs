use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rayon::prelude::*;
use secgate_model::{
    Confidence, Finding, Kind, Locus, Package, Paths, Problem, Severity, Target, UnknownKind,
    Vulnerability,
};
use secgate_scan::{About, Job, Need, Scan, ScanError, Scanner, vulnerability_fingerprint};

use crate::{
    CratesIndex, Database, DatabaseError, Source,
    distribution::{Unplaced, is_system_package},
    ecosystem::Coordinates,
    end_of_life::ended_releases,
    matching::{Group, match_package},
    scoring::rate,
    system_package::without_sources,
};

/// The scanner that matches an inventory against an advisory database.
#[derive(Debug)]
pub struct Audit<'d> {
    /// The advisories.
    pub database: &'d Database,
    /// What it is told to accept.
    pub options: AuditOptions,
}

/// What an audit is told to accept as complete.
#[derive(Debug, Clone, Default)]
pub struct AuditOptions {
    /// A dependency without an exact version is worth a note, not a gap.
    pub accept_unpinned: bool,
    /// Ecosystems whose absence from the database is accepted.
    pub accept_missing: Vec<String>,
    /// A copy of the crates.io index, to tell yanked releases by; without one nobody looks for them.
    pub crates_index: Option<CratesIndex>,
}

/// Below so many packages, starting threads costs more than they save.
const PARALLEL_FROM: usize = 4000;

static ABOUT: About =
    About { id: "audit", version: env!("CARGO_PKG_VERSION"), needs: &[Need::Inventory] };

impl Scanner for Audit<'_> {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn scan(&self, job: &Job<'_>) -> Result<Scan, ScanError> {
        let inventory = job.inventory.ok_or_else(|| ScanError::new("there is no inventory"))?;
        let status = self.database.status();
        let has_kev = status.kev.is_some();
        let paths = Paths::of(inventory);
        let judge = |package| self.judge(job.target, &paths, package, has_kev);
        let broken = |error: DatabaseError| {
            ScanError::new(error.to_string()).with_hint("run `secgate db update` to replace it")
        };
        let mut scan = Scan {
            advisories: Some(self.database.status().advisory_data()),
            nothing_to_look_at: inventory.files.is_empty() && inventory.packages.is_empty(),
            ..Scan::default()
        };
        let mut tally = Tally::default();
        let mut matched = BTreeSet::new();
        let mut add = |result: PackageResult| {
            matched.extend(result.ecosystem);
            scan.findings.extend(result.findings);
            scan.problems.extend(result.problems);
            if let Some((class, name)) = result.outside {
                tally.add(class, name);
            }
        };
        if inventory.packages.len() < PARALLEL_FROM {
            for package in &inventory.packages {
                add(judge(package).map_err(broken)?);
            }
        } else {
            let results: Result<Vec<_>, _> = inventory.packages.par_iter().map(judge).collect();
            results.map_err(broken)?.into_iter().for_each(add);
        }
        scan.problems.extend(tally.problems(&self.options, status.starter));
        scan.problems.extend(inventory.unknowns.iter().map(|unknown| {
            Problem {
                location: Some(unknown.location.clone()),
                message: unknown.reason.clone(),
                hint: (unknown.kind == UnknownKind::Unpinned)
                    .then(|| "or set `audit.accept_unpinned: true` in secgate.yaml".to_owned()),
                gap: !(self.options.accept_unpinned && unknown.kind == UnknownKind::Unpinned),
            }
        }));
        scan.problems.extend(
            status
                .sources
                .iter()
                .filter(|source| matched.contains(source.name.as_str()))
                .filter_map(hollow),
        );
        let rejected = status.rejected();
        if rejected > 0 {
            scan.problems.push(note(format!(
                "{rejected} advisories of the source do not follow the OSV schema and were not used; `secgate db status -v` names them"
            )));
        }
        for (kind, count) in without_sources(&inventory.packages) {
            scan.problems
                .push(without_source(&format!("{count} packages"), &format!("type {kind}")));
        }
        if let Some(index) = &self.options.crates_index {
            let yanked = index.look_up(job.target, &paths, has_kev);
            scan.findings.extend(yanked.findings);
            scan.problems.extend(unlisted(index, &yanked.absent, "hold"));
            scan.problems.extend(unlisted(index, &yanked.broken, "have a readable file for"));
        }
        let made_from = inventory.distribution.as_deref();
        scan.problems.extend(made_from.and_then(|label| self.unknown_maker(label)));
        scan.problems.extend(ended_releases(&inventory.packages, made_from, job.now));
        scan.detail = format!(
            "{} packages in {} files against {} advisories{}",
            inventory.packages.len(),
            inventory.files.len(),
            status.records,
            if status.starter { " (starter data)" } else { "" }
        );
        Ok(scan)
    }
}

#[derive(Default)]
pub(crate) struct PackageResult {
    pub(crate) findings: Vec<Finding>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) outside: Option<(Outside, String)>,
    /// Where it was looked up.
    pub(crate) ecosystem: Option<&'static str>,
}

impl PackageResult {
    /// Adds what could not be judged, and what says nothing, each by advisory.
    pub(crate) fn problems(&mut self, package: &Package, unjudged: &[String], silent: &[String]) {
        if unjudged.is_empty() && silent.is_empty() {
            return;
        }
        let location = package.locations.first().cloned();
        if !unjudged.is_empty() {
            let shown: Vec<&str> = unjudged.iter().take(3).map(String::as_str).collect();
            let more = unjudged.len().saturating_sub(3);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.problems.push(Problem {
                location: location.clone(),
                message: format!(
                    "{} could not be judged: {}{more}",
                    package.purl,
                    shown.join("; ")
                ),
                hint: Some(
                    "use a released version, or look at the advisories by hand and waive"
                        .to_owned(),
                ),
                gap: true,
            });
        }
        if !silent.is_empty() {
            self.problems.push(Problem {
                location,
                message: format!(
                    "{}: {} say nothing about versions",
                    package.purl,
                    silent.join(", ")
                ),
                hint: None,
                gap: false,
            });
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outside {
    Distribution,
    Unplaced(Unplaced),
    NoSuchRelease,
    BarelyCovered,
    NoSourcePackage,
    KernelPart,
    NoSource,
    Elsewhere,
    NotInDatabase,
    Nameless,
}

/// Packages that were not matched, by class and kind.
#[derive(Default)]
struct Tally(BTreeMap<(Outside, String), usize>);

impl Tally {
    fn add(&mut self, class: Outside, name: String) {
        *self.0.entry((class, name)).or_default() += 1;
    }

    fn problems(self, options: &AuditOptions, starter: bool) -> Vec<Problem> {
        self.0
            .into_iter()
            .map(|((class, name), count)| {
                let packages = if count == 1 { "1 package".to_owned() } else { format!("{count} packages") };
                match class {
                    Outside::Distribution => Problem {
                        location: None,
                        message: format!("{packages} of type {name} were not judged: this version has no rules for them"),
                        hint: None,
                        gap: true,
                    },
                    Outside::NotInDatabase => Problem {
                        location: None,
                        message: format!("{packages} of {name} were not judged: the database has no advisories for {name}"),
                        hint: Some(if starter {
                            "run `secgate db update`".to_owned()
                        } else {
                            format!("add {name} to the database, or accept the gap with `audit.accept_missing` in secgate.yaml")
                        }),
                        gap: !options.accept_missing.contains(&name),
                    },
                    Outside::Unplaced(why) => unplaced(why, &packages, &name, options),
                    Outside::NoSuchRelease => Problem {
                        location: None,
                        message: format!("{packages} of {name} were not judged: the database has no advisories for that release"),
                        hint: Some(format!("rebuild on a supported release, update the database, or accept the gap with `audit.accept_missing: [\"{name}\"]` in secgate.yaml")),
                        gap: !options.accept_missing.contains(&name),
                    },
                    Outside::BarelyCovered => Problem {
                        location: None,
                        message: format!("{packages} of {name} were judged by a handful of advisories, where the database has thousands for other releases: the feed hardly holds that release"),
                        hint: Some(format!("use a feed that holds the release, or accept the gap with `audit.accept_missing: [\"{name}\"]` in secgate.yaml")),
                        gap: !options.accept_missing.contains(&name),
                    },
                    Outside::NoSourcePackage => without_source(&packages, &name),
                    Outside::KernelPart => note(format!("{packages} of type {name} are built from the kernel's source and are no kernel: its advisories are not about them")),
                    Outside::Nameless => Problem {
                        location: None,
                        message: format!("{packages} of type {name} were not judged: their names have no group"),
                        hint: Some("make the inventory with a tool that tells the group".to_owned()),
                        gap: true,
                    },
                    Outside::NoSource => note(format!("{packages} of type {name}: nobody publishes advisories for them")),
                    Outside::Elsewhere => {
                        note(format!("{packages} of type {name} come from other registries than the advisories are about"))
                    }
                }
            })
            .collect()
    }
}

/// A source of which so many advisories were refused that it cannot call anything clean: more than one in ten.
fn hollow(source: &Source) -> Option<Problem> {
    let rejected = source.rejected.len() as u64;
    (rejected * 10 > source.records + rejected).then(|| Problem {
        location: None,
        message: format!(
            "{rejected} of {} advisories of {} do not follow the OSV schema and were not used",
            source.records + rejected,
            source.name
        ),
        hint: Some(
            "see `secgate db status -v`, and take the advisories from another mirror".to_owned(),
        ),
        gap: true,
    })
}

/// Crates whose releases the index did not tell.
fn unlisted(index: &CratesIndex, crates: &[String], lacks: &str) -> Option<Problem> {
    let first = crates.first()?;
    let more = match crates.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    Some(Problem {
        location: None,
        message: format!(
            "the crates.io index in {} does not {lacks} {first}{more}: whether they were yanked is not known",
            index.folder().display()
        ),
        hint: Some("run `cargo fetch`, or bring the index up to date".to_owned()),
        gap: true,
    })
}

/// Why packages of a distribution were not judged.
fn unplaced(why: Unplaced, packages: &str, name: &str, options: &AuditOptions) -> Problem {
    let (message, hint, accepted) = match why {
        Unplaced::NoRelease => (
            format!(
                "{packages} of type {name} were not judged: nothing tells their distribution's release"
            ),
            "make the SBOM with a tool that writes `distro` qualifiers, or scan the image"
                .to_owned(),
            None,
        ),
        Unplaced::Unknown => (
            format!(
                "{packages} of {name} were not judged: nobody publishes advisories for {name} in a form that can be matched"
            ),
            format!("accept the gap with `audit.accept_missing: [\"{name}\"]` in secgate.yaml"),
            Some(name.to_owned()),
        ),
        Unplaced::Contradicted => (
            format!(
                "{packages} of {name} were not judged: their package URLs name two distributions"
            ),
            "make the SBOM anew".to_owned(),
            None,
        ),
        Unplaced::ThirdParty => (
            format!(
                "{packages} of type {name} come from other repositories than the distribution's, and were not judged: its advisories are not about them"
            ),
            format!(
                "watch their publishers, and accept the gap with `audit.accept_missing: [\"third-party {name}\"]` in secgate.yaml"
            ),
            Some(format!("third-party {name}")),
        ),
    };
    let gap = accepted.is_none_or(|name| !options.accept_missing.contains(&name));
    Problem { location: None, message, hint: Some(hint), gap }
}

/// Packages whose source nobody tells, where advisories are about sources.
fn without_source(packages: &str, name: &str) -> Problem {
    Problem {
        location: None,
        message: format!(
            "{packages} of {name} were not judged as they should be: advisories are about source packages, and nothing tells theirs"
        ),
        hint: Some(
            "make the SBOM with a tool that tells source packages, or scan the image".to_owned(),
        ),
        gap: true,
    }
}

fn note(message: String) -> Problem {
    Problem { location: None, message, hint: None, gap: false }
}

impl Audit<'_> {
    fn judge(
        &self,
        target: &Target,
        paths: &Paths<'_>,
        package: &Package,
        has_kev: bool,
    ) -> Result<PackageResult, DatabaseError> {
        if is_system_package(package.purl.kind()) {
            return self.judge_system_package(target, paths, package, has_kev);
        }
        let (ecosystem, name, version) = match Coordinates::of(&package.purl) {
            Coordinates::In { ecosystem, name, version } => (ecosystem, name, version),
            other => {
                let class = match other {
                    Coordinates::Distribution => Outside::Distribution,
                    Coordinates::Elsewhere => Outside::Elsewhere,
                    Coordinates::Nameless => Outside::Nameless,
                    _ => Outside::NoSource,
                };
                return Ok(PackageResult {
                    outside: Some((class, package.purl.kind().to_owned())),
                    ..PackageResult::default()
                });
            }
        };
        if !self.database.status().covers(ecosystem) {
            let outside = Some((Outside::NotInDatabase, ecosystem.to_owned()));
            return Ok(PackageResult { outside, ..PackageResult::default() });
        }
        let matches = match_package(self.database, ecosystem, &name, version)?;
        let mut result = PackageResult { ecosystem: Some(ecosystem), ..PackageResult::default() };
        for group in matches.groups {
            if let Some(word) = self.word_of_owner(paths.inventory(), package, &group)? {
                result.problems.push(Problem {
                    location: package.locations.first().cloned(),
                    ..note(format!("left to the distribution: {word}"))
                });
                continue;
            }
            result.findings.push(self.finding(target, paths, package, group, has_kev)?);
        }
        result.problems(package, &matches.unjudged, &matches.silent);
        Ok(result)
    }

    pub(crate) fn finding(
        &self,
        target: &Target,
        paths: &Paths<'_>,
        package: &Package,
        group: Group,
        has_kev: bool,
    ) -> Result<Finding, DatabaseError> {
        let (rule, aliases) = group.ids.split_first().map_or_else(
            || (String::new(), Vec::new()),
            |(first, rest)| {
                let mut rest = rest.to_vec();
                rest.sort();
                (first.clone(), rest)
            },
        );
        let records = || group.hits.iter().map(|(text, _)| &text.record);
        let mut vectors: Vec<String> =
            records().flat_map(|record| record.vectors.iter().cloned()).collect();
        vectors.sort();
        vectors.dedup();
        let (cvss, mut severity) =
            rate(&vectors, records().filter_map(|record| record.rating.as_deref()));
        // An advisory that is no vulnerability to its publisher is one only if another of the group says so.
        let informational = group
            .hits
            .iter()
            .all(|(_, affected)| affected.informational.is_some())
            .then(|| group.hits.first().and_then(|(_, affected)| affected.informational.clone()))
            .flatten();
        if severity.is_none() {
            severity = informational
                .as_deref()
                .map(|class| if class == "unsound" { Severity::Low } else { Severity::Info });
        }
        if records().any(|record| record.id.starts_with("MAL-")) {
            // The package itself is the attack: no vector says how bad that is.
            severity = Some(Severity::Critical);
        }
        let mut epss: Option<crate::Epss> = None;
        let mut kev = false;
        for cve in group.ids.iter().filter(|id| id.starts_with("CVE-")) {
            let found = self.database.epss(cve)?;
            epss = match (epss, found) {
                (Some(held), Some(found)) if held.probability >= found.probability => Some(held),
                (held, found) => found.or(held),
            };
            kev |= self.database.kev(cve)?;
        }
        let title = records()
            .map(|record| record.title.as_str())
            .find(|title| !title.is_empty())
            .unwrap_or(&rule);
        let best = records().find(|record| !record.details.is_empty());
        let mut references: Vec<String> = Vec::new();
        for url in records().flat_map(|record| &record.references) {
            if !references.contains(url) && references.len() < 20 {
                references.push(url.clone());
            }
        }
        let cwe: BTreeSet<u32> = records().flat_map(|record| record.cwe.iter().copied()).collect();
        let mut affects: Vec<String> = Vec::new();
        for text in group.hits.iter().flat_map(|(_, affected)| &affected.affects) {
            if !affects.contains(text) {
                affects.push(text.clone());
            }
        }
        let published = records().filter_map(|record| record.published).min();
        let version = package.purl.version().unwrap_or_default();
        let name = package.purl.full_name("/");
        let remediation = match (&group.fixed_here, group.fixed_in.last()) {
            (Some(to), _) => format!("Raise {name} from {version} to {to} or later."),
            (None, Some(last)) => {
                format!(
                    "Fixes are named ({last}), but none of them is clear of every advisory of this group: look at them by hand."
                )
            }
            (None, None) if informational.as_deref() == Some("unmaintained") => {
                format!("Nobody maintains {name} any more: replace it.")
            }
            (None, None) => format!(
                "No fixed version of {name} is known: replace it, or waive it with a reason."
            ),
        };
        let matched: Vec<&str> = records().map(|record| record.id.as_str()).collect();
        let forked = package.purl.qualifier("vcs_url").is_some();
        Ok(Finding {
            fingerprint: vulnerability_fingerprint(target, &rule, &package.purl),
            weak_fingerprint: None,
            scanner: ABOUT.id.to_owned(),
            seen_by: vec![ABOUT.id.to_owned()],
            kind: Kind::Vulnerability,
            title: title.to_owned(),
            description: best.map(|record| record.details.clone()),
            severity,
            // A fork may hold the fix that its version number does not show.
            confidence: if forked { Confidence::Medium } else { Confidence::High },
            locus: Locus {
                component: Some(package.purl.clone()),
                locations: package.locations.clone(),
                ..Locus::default()
            },
            vulnerability: Some(Vulnerability {
                cvss,
                epss: epss.map(|epss| epss.probability),
                epss_percentile: epss.map(|epss| epss.percentile),
                kev: has_kev.then_some(kev),
                fixed_in: group.fixed_in,
                fixed_here: group.fixed_here,
                published: published.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
                informational,
                status: None,
                scope: package.scope,
                direct: package.direct,
                path: paths.to(&package.purl).into_iter().map(ToString::to_string).collect(),
                affects,
            }),
            evidence: Some(format!("{name} {version} is affected by {}", matched.join(", "))),
            remediation: Some(remediation),
            references,
            cwe: cwe.into_iter().collect(),
            rule,
            aliases,
        })
    }
}
