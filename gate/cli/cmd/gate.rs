use std::path::Path;

use jiff::Timestamp;
use secgate_advisory::{Database, DatabaseError};
use secgate_model::{
    AdvisoryData, Ended, Finding, Inventory, Outcome as Left, SourceDates, Target, TargetKind,
};
use secgate_scan::{
    import::{Recognised, import},
    merge_findings,
};

use crate::{
    args::{Common, GateArgs},
    environment,
    exit::{Failure, Outcome},
    judge::{Case, baseline_of, conclude, policy_for, verdict},
    settings::{MAX_REPORT, Settings, read},
};

pub(crate) fn run(args: &GateArgs) -> Outcome {
    let common = &args.common;
    let started = common.at.unwrap_or_else(environment::now);
    let settings = Settings::read(common, None)?;
    let policy = policy_for(&settings, common, &args.stage)?;
    let mut gathered = Gathered::default();
    for path in &args.reports {
        gathered.add(path)?;
    }
    let target = gathered.target.clone().unwrap_or_else(|| Target {
        kind: TargetKind::Path,
        name: "reports".to_owned(),
        digest: None,
        revision: None,
    });
    let baseline = match &common.baseline {
        Some(named) => {
            let mut earlier = Gathered::default();
            earlier.add(Path::new(named))?;
            if earlier
                .outcomes
                .iter()
                .any(|outcome| matches!(outcome.ended, Ended::Failed | Ended::Partial))
            {
                return Err(Failure::evidence(format!(
                    "the baseline {named} is incomplete: its evidence has gaps"
                )));
            }
            Some(baseline_of(&merge_findings(earlier.findings)))
        }
        None => None,
    };
    let mut findings = merge_findings(std::mem::take(&mut gathered.findings));
    let tables = enrich(&mut findings, &settings, common)?;
    gathered.settle_stand_ins(&tables);
    let case = Case {
        target: &target,
        inventory: Some(&gathered.inventory),
        findings: &findings,
        outcomes: &gathered.outcomes,
        base_path: None,
        started,
    };
    let verdict = verdict(&case, &settings, &policy, &args.stage, baseline.as_ref());
    conclude(&case, &[verdict], common, &common.output, &settings)
}

/// Other tools seldom say what is exploited: where a database is at hand, its tables fill in what a report leaves open.
fn enrich(
    findings: &mut [Finding],
    settings: &Settings,
    common: &Common,
) -> Result<Tables, Failure> {
    let path = settings.config.database(common.db.as_deref())?;
    let database = match Database::open(&path) {
        Ok(database) => database,
        Err(DatabaseError::Missing { .. })
            if !settings.config.names_database(common.db.as_deref()) =>
        {
            return Ok(Tables::default());
        }
        Err(error) => return Err(super::db::unusable(&error, &path)),
    };
    let data = database.status().advisory_data();
    let tables =
        Tables { epss: (data.epss, data.at_source.epss), kev: (data.kev, data.at_source.kev) };
    let has_kev = database.status().kev.is_some();
    for finding in findings {
        let cves: Vec<String> = std::iter::once(&finding.rule)
            .chain(&finding.aliases)
            .filter(|id| id.starts_with("CVE-"))
            .cloned()
            .collect();
        let Some(facts) = &mut finding.vulnerability else { continue };
        for cve in cves {
            if has_kev {
                let listed = database.kev(&cve).map_err(Failure::evidence)?;
                facts.kev = Some(facts.kev.unwrap_or_default() || listed);
            }
            if let (None, Some(score)) =
                (facts.epss, database.epss(&cve).map_err(Failure::evidence)?)
            {
                facts.epss = Some(score.probability);
                facts.epss_percentile = Some(score.percentile);
            }
        }
        // The catalogue lists CVEs: what has none is not in it.
        facts.kev = facts.kev.or(has_kev.then_some(false));
    }
    Ok(tables)
}

/// Until when the database's tables are known to be current, and of when they are.
#[derive(Default)]
struct Tables {
    epss: (Option<Timestamp>, Option<Timestamp>),
    kev: (Option<Timestamp>, Option<Timestamp>),
}

/// Two reports' data as one: of each date the older, and none where one of them has none.
fn older(a: AdvisoryData, b: AdvisoryData) -> AdvisoryData {
    let (first, second) =
        if b.starter || (!a.starter && b.published < a.published) { (b, a) } else { (a, b) };
    AdvisoryData {
        epss: first.epss.min(second.epss),
        kev: first.kev.min(second.kev),
        at_source: SourceDates {
            advisories: first.at_source.advisories.min(second.at_source.advisories),
            epss: first.at_source.epss.min(second.at_source.epss),
            kev: first.at_source.kev.min(second.at_source.kev),
        },
        ..first
    }
}

/// What several reports say together.
#[derive(Default)]
struct Gathered {
    findings: Vec<Finding>,
    outcomes: Vec<Left>,
    inventory: Inventory,
    target: Option<Target>,
    /// The target's name in the reports of secgate itself.
    own_name: Option<String>,
    /// Scanners in whose place other tools' reports stand: their outcomes, kept apart from our own.
    stand_ins: Vec<Left>,
    /// Scanners of which a run of our own is there.
    own: Vec<String>,
}

impl Gathered {
    /// Lets other tools' runs count in the place of our scanners where no run of our own is there. Which advisories they
    /// used is theirs to say; EPSS and KEV came from our database.
    fn settle_stand_ins(&mut self, tables: &Tables) {
        for mut outcome in std::mem::take(&mut self.stand_ins) {
            if self.own.contains(&outcome.scanner) {
                continue;
            }
            let data = outcome.advisories.get_or_insert_with(|| AdvisoryData {
                revision: String::new(),
                published: None,
                count: 0,
                starter: false,
                epss: None,
                kev: None,
                at_source: SourceDates::default(),
            });
            if data.epss.is_none() {
                (data.epss, data.at_source.epss) = tables.epss;
            }
            if data.kev.is_none() {
                (data.kev, data.at_source.kev) = tables.kev;
            }
            self.left(outcome);
        }
    }

    fn add(&mut self, path: &Path) -> Result<(), Failure> {
        let failed = |error: String| Failure::evidence(format!("{}: {error}", path.display()));
        let bytes = read(path, MAX_REPORT).map_err(|error| failed(error.to_string()))?;
        match import(&path.display().to_string(), &bytes).map_err(Failure::evidence)? {
            Recognised::Own => {
                let document = secgate_formats::report::ReportDocument::from_slice(&bytes)
                    .map_err(|error| failed(error.to_string()))?;
                let report = secgate_report::read::report(&document)
                    .map_err(|error| failed(error.to_string()))?;
                self.same_name(path, &report.target)?;
                self.own_name = Some(report.target.name.clone());
                self.same_target(path, report.target)?;
                self.findings.extend(report.findings);
                for outcome in report.outcomes {
                    self.own.push(outcome.scanner.clone());
                    self.left(outcome);
                }
                self.inventory.packages.extend(report.inventory.packages);
                self.inventory = std::mem::take(&mut self.inventory).normalised();
            }
            Recognised::Foreign(imported) => {
                if let Some(target) = imported.target {
                    self.same_target(path, target)?;
                }
                self.findings.extend(imported.findings);
                for scanner in &imported.stands_for {
                    self.stand_ins
                        .push(Left { scanner: (*scanner).to_owned(), ..imported.outcome.clone() });
                }
                self.left(imported.outcome);
            }
        }
        Ok(())
    }

    /// Several reports of one scanner are one piece of evidence, as good as the worst of them.
    fn left(&mut self, outcome: Left) {
        match self.outcomes.iter_mut().find(|held| held.scanner == outcome.scanner) {
            None => self.outcomes.push(outcome),
            Some(held) => {
                let rank = |ended: Ended| match ended {
                    Ended::Skipped => 0,
                    Ended::Complete => 1,
                    Ended::Partial => 2,
                    Ended::Failed => 3,
                };
                if rank(outcome.ended) > rank(held.ended) {
                    held.ended = outcome.ended;
                    held.detail = outcome.detail;
                }
                held.problems.extend(outcome.problems);
                held.problems.sort();
                held.problems.dedup();
                held.took_ms = held.took_ms.saturating_add(outcome.took_ms);
                held.advisories = match (held.advisories.take(), outcome.advisories) {
                    // The older data decides whether the evidence is fresh, starter data whether it is enough.
                    (Some(a), Some(b)) => Some(older(a, b)),
                    // One of them does not say, and so nobody can say of both.
                    _ => None,
                };
            }
        }
    }

    /// One verdict is about one subject. What one report leaves open, another may say; what two say must agree.
    fn same_target(&mut self, path: &Path, target: Target) -> Result<(), Failure> {
        let Some(held) = &mut self.target else {
            self.target = Some(target);
            return Ok(());
        };
        let differs = |what: &str, mine: &str, theirs: &str| {
            Failure::evidence(format!(
                "{} is about {what} {theirs}, a report before it about {mine}: one verdict is about one subject",
                path.display()
            ))
        };
        if let (Some(mine), Some(theirs)) = (&held.digest, &target.digest)
            && mine != theirs
        {
            return Err(differs("digest", mine.as_str(), theirs.as_str()));
        }
        if let (Some(mine), Some(theirs)) = (&held.revision, &target.revision)
            && mine != theirs
        {
            return Err(differs("revision", mine, theirs));
        }
        if held.kind != target.kind {
            return Err(differs("a target of kind", held.kind.name(), target.kind.name()));
        }
        held.digest = held.digest.take().or(target.digest);
        held.revision = held.revision.take().or(target.revision);
        Ok(())
    }

    /// Two reports of our own name their target in the same way.
    fn same_name(&self, path: &Path, target: &Target) -> Result<(), Failure> {
        match &self.own_name {
            Some(name) if *name != target.name => Err(Failure::evidence(format!(
                "{} is about {}, a report before it about {name}: one verdict is about one subject",
                path.display(),
                target.name
            ))),
            _ => Ok(()),
        }
    }
}
