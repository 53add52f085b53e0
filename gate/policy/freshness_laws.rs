//! Law 8: how long ago data were checked is evidence with a limit; how old they are by their own date is said, and is
//! evidence where the policy sets a limit.

use jiff::{SignedDuration, Timestamp};
use secgate_model::{Decision, Outcome, SourceDates, Verdict};

use crate::{
    Inputs, Policy, evaluate,
    laws::{complete, now, policy, reason, with},
};

const READS_ALL: &str = "stages:\n  source: { use: [high, kev, epss], scanners: [audit] }\nrules:\n  high: { match: { kind: vulnerability, severity: \">=high\" } }\n  kev: { match: { kind: vulnerability, kev: true } }\n  epss: { match: { kind: vulnerability, epss: \">0.5\", unknown: ignore } }\n";

fn days_ago(days: i64) -> Timestamp {
    now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap()
}

fn judge(policy: &Policy, at_source: SourceDates) -> Verdict {
    let mut outcome: Outcome = complete("audit");
    outcome.advisories.as_mut().unwrap().at_source = at_source;
    let outcomes = [outcome];
    with(policy, &[], |inputs| evaluate(&Inputs { outcomes: &outcomes, ..inputs }))
}

fn dates(advisories: i64, epss: i64, kev: i64) -> SourceDates {
    SourceDates {
        advisories: Some(days_ago(advisories)),
        epss: Some(days_ago(epss)),
        kev: Some(days_ago(kev)),
    }
}

#[test]
fn what_is_old_at_its_source_passes_and_is_said() {
    let policy = policy(READS_ALL);
    let check = |at_source: SourceDates, old: [bool; 3]| {
        let verdict = judge(&policy, at_source);
        assert_eq!(verdict.decision, Decision::Pass);
        for (name, old) in ["advisories", "epss", "kev"].into_iter().zip(old) {
            let reason = reason(&verdict, &format!("evidence:{name}"));
            assert_eq!((reason.outcome, reason.warning), (Decision::Pass, old), "{reason:?}");
            assert_eq!(reason.why.contains("at their source"), old, "{reason:?}");
            assert_eq!(reason.help.is_some(), old);
        }
    };
    check(dates(14, 7, 30), [false; 3]);
    check(dates(15, 7, 30), [true, false, false]);
    check(dates(0, 8, 0), [false, true, false]);
    check(dates(0, 0, 460), [false, false, true]);
    check(SourceDates::default(), [false; 3]);
    check(dates(0, -2, -2), [false, true, true]);
}

#[test]
fn a_limit_at_the_source_is_a_limit() {
    let policy = policy(&format!(
        "evidence:\n  advisories: {{ max_age: 24h, at_source: 60d }}\n  epss: {{ at_source: 9d }}\n  kev: {{ max_age: 24h, at_source: 40d }}\n{READS_ALL}"
    ));
    let decision = |at_source| judge(&policy, at_source).decision;
    let verdict = judge(&policy, dates(59, 8, 39));
    assert_eq!(verdict.decision, Decision::Pass);
    assert!(verdict.reasons.iter().all(|reason| !reason.warning), "the policy knows its source");
    assert!(verdict.turns.iter().any(|turn| turn.what.contains("KEV entries")), "{verdict:#?}");
    assert_eq!(decision(dates(61, 0, 0)), Decision::Error);
    assert_eq!(decision(dates(0, 10, 0)), Decision::Error);
    assert_eq!(decision(dates(0, 0, 41)), Decision::Error);
    assert_eq!(decision(dates(0, 0, -2)), Decision::Error, "a date in the future proves nothing");
    assert_eq!(decision(SourceDates { kev: None, ..dates(0, 0, 0) }), Decision::Error);
    let old = judge(&policy, dates(0, 0, 41));
    let why = &reason(&old, "evidence:kev").why;
    assert!(why.contains("41 days old") && why.contains("allows 40d"), "{why}");
}
