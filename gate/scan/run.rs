use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use secgate_model::{Ended, Finding, Outcome, Problem};

use crate::{Job, Need, Scan, ScanError, Scanner, merge_findings};

/// What a run of scanners came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ran {
    /// Every finding, merged and sorted.
    pub findings: Vec<Finding>,
    /// One outcome a scanner, in the order of their ids.
    pub outcomes: Vec<Outcome>,
}

/// Runs scanners side by side and gathers what they leave.
///
/// Every scanner leaves an [`Outcome`], also one that was not given what it needs or that broke down: a panic in one is its
/// failure, not the run's end.
pub fn run_scanners(scanners: &[&dyn Scanner], job: &Job<'_>) -> Ran {
    let mut results: Vec<(Vec<Finding>, Outcome)> = match scanners {
        [only] => vec![run_one(*only, job)],
        _ => std::thread::scope(|scope| {
            let running: Vec<_> =
                scanners.iter().map(|scanner| scope.spawn(|| run_one(*scanner, job))).collect();
            running
                .into_iter()
                .zip(scanners)
                .map(|(thread, scanner)| {
                    thread
                        .join()
                        .unwrap_or_else(|_| (Vec::new(), failed(*scanner, &broke_down(), 0)))
                })
                .collect()
        }),
    };
    results.sort_by(|(_, a), (_, b)| a.scanner.cmp(&b.scanner));
    let (findings, outcomes): (Vec<_>, Vec<_>) = results.into_iter().unzip();
    Ran { findings: merge_findings(findings.into_iter().flatten().collect()), outcomes }
}

fn run_one(scanner: &dyn Scanner, job: &Job<'_>) -> (Vec<Finding>, Outcome) {
    let started = Instant::now();
    let took = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let about = scanner.about();
    let missing = about.needs.iter().find(|need| match need {
        Need::Tree => job.tree.is_none(),
        Need::Inventory => job.inventory.is_none(),
    });
    if let Some(need) = missing {
        let error =
            ScanError::new(format!("{} needs {need}, which this target does not have", about.id));
        return (Vec::new(), failed(scanner, &error, took()));
    }
    match catch_unwind(AssertUnwindSafe(|| scanner.scan(job))) {
        Ok(Ok(scan)) => {
            let outcome = outcome(scanner, &scan, took());
            (scan.findings, outcome)
        }
        Ok(Err(error)) => (Vec::new(), failed(scanner, &error, took())),
        Err(_) => (Vec::new(), failed(scanner, &broke_down(), took())),
    }
}

fn outcome(scanner: &dyn Scanner, scan: &Scan, took_ms: u64) -> Outcome {
    let mut problems = scan.problems.clone();
    problems.sort();
    problems.dedup();
    let ended = if problems.iter().any(|problem| problem.gap) {
        Ended::Partial
    } else if scan.nothing_to_look_at {
        Ended::Skipped
    } else {
        Ended::Complete
    };
    Outcome {
        scanner: scanner.about().id.to_owned(),
        version: scanner.about().version.to_owned(),
        ended,
        detail: scan.detail.clone(),
        problems,
        advisories: scan.advisories.clone(),
        took_ms,
    }
}

fn failed(scanner: &dyn Scanner, error: &ScanError, took_ms: u64) -> Outcome {
    Outcome {
        scanner: scanner.about().id.to_owned(),
        version: scanner.about().version.to_owned(),
        ended: Ended::Failed,
        detail: error.message.clone(),
        problems: vec![Problem {
            location: None,
            message: error.message.clone(),
            hint: error.hint.clone(),
            gap: true,
        }],
        advisories: None,
        took_ms,
    }
}

fn broke_down() -> ScanError {
    ScanError::new("the scanner broke down on this input")
        .with_hint("report it with the target, please")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use secgate_model::{Target, TargetKind};

    use super::*;
    use crate::About;

    struct Fake(About, fn() -> Result<Scan, ScanError>);

    impl Scanner for Fake {
        fn about(&self) -> &About {
            &self.0
        }
        fn scan(&self, _: &Job<'_>) -> Result<Scan, ScanError> {
            self.1()
        }
    }

    fn run(needs: &'static [Need], scan: fn() -> Result<Scan, ScanError>) -> Outcome {
        let target =
            Target { kind: TargetKind::Path, name: "x".into(), digest: None, revision: None };
        let job = Job { target: &target, tree: None, inventory: None, now: Timestamp::UNIX_EPOCH };
        let fake = Fake(About { id: "fake", version: "1", needs }, scan);
        let other = Fake(About { id: "another", version: "1", needs: &[] }, || Ok(Scan::default()));
        let ran = run_scanners(&[&fake, &other], &job);
        assert_eq!(ran.outcomes[0].scanner, "another");
        assert_eq!(ran.outcomes[0].ended, Ended::Complete);
        ran.outcomes[1].clone()
    }

    #[test]
    fn every_ending_leaves_an_outcome() {
        assert_eq!(run(&[], || Ok(Scan::default())).ended, Ended::Complete);
        assert_eq!(
            run(&[], || Ok(Scan { nothing_to_look_at: true, ..Scan::default() })).ended,
            Ended::Skipped
        );
        assert_eq!(run(&[], || Err(ScanError::new("no"))).ended, Ended::Failed);
        assert_eq!(run(&[], || panic!("on purpose")).ended, Ended::Failed);
        assert_eq!(run(&[Need::Tree], || Ok(Scan::default())).ended, Ended::Failed);
        let gap = Problem { location: None, message: "m".into(), hint: None, gap: true };
        let partial = run(&[], || {
            let problems =
                vec![Problem { location: None, message: "m".into(), hint: None, gap: true }];
            Ok(Scan { problems, nothing_to_look_at: true, ..Scan::default() })
        });
        assert_eq!((partial.ended, partial.problems), (Ended::Partial, vec![gap]));
    }
}
