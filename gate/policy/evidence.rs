//! Whether a stage has the evidence that it needs: each scanner looked at everything, and its data are fresh.

use jiff::{SignedDuration, Timestamp};
use secgate_model::{AdvisoryData, Decision, Ended, Kind, Outcome, Problem, Reason};

use crate::{
    condition::kind_bit,
    policy::{DEFAULT_EPSS_AGE, DEFAULT_KEV_AGE, Policy, SCANNERS, Stage},
    values::{add, age_words, duration_words},
};

/// Clocks differ a little; what is further ahead than this has a wrong date.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_hours(1);
/// More problems than this are counted, not printed.
const SHOWN: usize = 20;

/// The checks of a stage, and the moments at which its data grow too old.
pub(crate) struct Evidence {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) stale_at: Vec<(Timestamp, String)>,
}

pub(crate) fn check(
    policy: &Policy,
    stage: &Stage,
    outcomes: &[Outcome],
    now: Timestamp,
) -> Evidence {
    let mut out = Evidence { reasons: Vec::new(), stale_at: Vec::new() };
    let source = Some(stage.origin.to_string());
    let mut push = |rule: String, title: String, result: Result<String, (String, String)>| {
        let (outcome, why, help) = match result {
            Ok(why) => (Decision::Pass, why, None),
            Err((why, help)) => (Decision::Error, why, Some(help)),
        };
        out.reasons.push(Reason {
            rule,
            title,
            outcome,
            warning: false,
            why,
            help,
            source: source.clone(),
            findings: Vec::new(),
            in_grace: Vec::new(),
        });
    };
    for scanner in &stage.scanners {
        let left: Vec<&Outcome> =
            outcomes.iter().filter(|outcome| outcome.scanner == scanner.name).collect();
        let result = complete(&scanner.name, scanner.required, &left);
        push(
            format!("evidence:{}", scanner.name),
            format!("The scanner {} looked at everything", scanner.name),
            result,
        );
    }
    // Nothing looked, so nothing was found: that is not clean.
    if stage.scanners.is_empty() && policy.rules_of(stage).any(|rule| rule.kinds() != 0) {
        let why = format!("the stage {} has rules about findings and runs no scanner", stage.name);
        let help = "give the stage `scanners`, or run one of those that it lists".to_owned();
        push("evidence:scanners".to_owned(), "A scanner looked".to_owned(), Err((why, help)));
    }
    let judges =
        policy.rules_of(stage).any(|rule| rule.kinds() & kind_bit(Kind::Vulnerability) != 0);
    let dated = dated_outcomes(policy, stage, outcomes);
    let (epss, kev) = policy
        .rules_of(stage)
        .map(crate::policy::Rule::reads)
        .fold((false, false), |a, b| (a.0 || b.0, a.1 || b.1));
    let rules = &policy.evidence;
    if judges && !dated.is_empty() {
        let result = all(&dated, |outcome| advisories(policy, outcome, now));
        push("evidence:advisories".to_owned(), "The advisories are fresh".to_owned(), result);
        for (rule, title, wanted, max, date) in [
            (
                "epss",
                "The EPSS scores are fresh",
                epss,
                rules.epss.or(epss.then_some(DEFAULT_EPSS_AGE)),
                (|data| data.epss) as fn(&AdvisoryData) -> _,
            ),
            (
                "kev",
                "The catalogue of known exploited vulnerabilities is fresh",
                kev,
                rules.kev.or(kev.then_some(DEFAULT_KEV_AGE)),
                |data| data.kev,
            ),
        ] {
            let Some(max) = max else { continue };
            let because = if wanted {
                "a rule of the stage reads it"
            } else {
                "the policy's `evidence` lists it"
            };
            let result = all(&dated, |outcome| {
                let name = rule.to_uppercase();
                if rules.starter && outcome.advisories.as_ref().is_some_and(|data| data.starter) {
                    return Ok(format!(
                        "{} has no {name} data of its own: starter set",
                        outcome.scanner
                    ));
                }
                let at = outcome.advisories.as_ref().and_then(date);
                fresh(&format!("{name} data"), at, max, now).map_err(|why| {
                    (
                        format!("{}: {why}; {because}", outcome.scanner),
                        "run `secgate db update`".to_owned(),
                    )
                })
            });
            push(format!("evidence:{rule}"), title.to_owned(), result);
        }
    }
    for outcome in dated {
        let Some(data) = outcome.advisories.as_ref().filter(|data| !data.starter) else { continue };
        let limits = [
            ("advisories", data.published, Some(rules.advisories)),
            ("EPSS data", data.epss, rules.epss.or(epss.then_some(DEFAULT_EPSS_AGE))),
            ("KEV data", data.kev, rules.kev.or(kev.then_some(DEFAULT_KEV_AGE))),
        ];
        for (what, at, max) in limits {
            if let (true, Some(at), Some(max)) = (judges, at, max) {
                let text = format!(
                    "the {what} of {} are older than {}",
                    outcome.scanner,
                    duration_words(max)
                );
                out.stale_at.push((add(at, max), text));
            }
        }
    }
    out
}

type Checked = Result<String, (String, String)>;

fn all(outcomes: &[&Outcome], check: impl Fn(&Outcome) -> Checked) -> Checked {
    let mut good = Vec::new();
    for outcome in outcomes {
        good.push(check(outcome)?);
    }
    good.dedup();
    Ok(good.join("; "))
}

/// Whether one scanner looked at everything.
fn complete(name: &str, required: bool, left: &[&Outcome]) -> Checked {
    if left.is_empty() {
        if !required {
            return Ok("it did not run; the stage does not need it".to_owned());
        }
        return Err((
            format!("no evidence of the scanner {name}: it left no outcome"),
            format!("run {name} in this stage, or hand its report to `secgate gate`"),
        ));
    }
    let mut why = Vec::new();
    for outcome in left {
        let gaps: Vec<&Problem> = outcome.problems.iter().filter(|problem| problem.gap).collect();
        let ended = match outcome.ended {
            Ended::Complete if gaps.is_empty() => {
                why.push(format!("complete: {}", outcome.detail));
                continue;
            }
            Ended::Skipped if !required && gaps.is_empty() => {
                why.push(format!("skipped: {}; the stage does not need it", outcome.detail));
                continue;
            }
            Ended::Complete | Ended::Partial => "did not look at everything",
            Ended::Skipped => "was skipped, and the stage needs it",
            Ended::Failed => "failed",
        };
        let mut text = format!("the scanner {name} {ended}: {}", outcome.detail);
        for problem in gaps.iter().take(SHOWN) {
            text.push_str("; ");
            if let Some(location) = &problem.location {
                text.push_str(&location.path);
                if let Some(line) = location.line {
                    text.push_str(&format!(":{line}"));
                }
                text.push_str(": ");
            }
            text.push_str(&problem.message);
        }
        if gaps.len() > SHOWN {
            text.push_str(&format!("; and {} more", gaps.len() - SHOWN));
        }
        let help = gaps.iter().find_map(|problem| problem.hint.clone()).unwrap_or_else(|| match outcome.ended {
            Ended::Skipped => format!("list {name} in the stage's `optional` if there may be nothing for it to look at"),
            _ => format!("repair what is named and run {name} again"),
        });
        return Err((text, help));
    }
    Ok(why.join("; "))
}

/// The outcomes whose advisories the stage relies on.
fn dated_outcomes<'o>(policy: &Policy, stage: &Stage, outcomes: &'o [Outcome]) -> Vec<&'o Outcome> {
    let finds = |name: &str| {
        SCANNERS.iter().any(|(other, kinds)| *other == name && kinds.contains(&Kind::Vulnerability))
    };
    let own = stage.scanners.iter().any(|scanner| finds(&scanner.name));
    let mut dated: Vec<&Outcome> = outcomes
        .iter()
        .filter(|outcome| {
            let listed = stage.scanners.iter().any(|scanner| scanner.name == outcome.scanner);
            let matched = finds(&outcome.scanner) || outcome.advisories.is_some();
            // Without a scanner of ours, a tool's report is the evidence, whether it names its data or not.
            let tool = !own && policy.tools.contains(&outcome.scanner);
            listed && (matched || tool) && !matches!(outcome.ended, Ended::Skipped | Ended::Failed)
        })
        .collect();
    dated.sort_by(|a, b| a.scanner.cmp(&b.scanner).then_with(|| date_of(a).cmp(&date_of(b))));
    dated
}

fn date_of(outcome: &Outcome) -> Option<Timestamp> {
    outcome.advisories.as_ref()?.published
}

fn advisories(policy: &Policy, outcome: &Outcome, now: Timestamp) -> Checked {
    let name = &outcome.scanner;
    let update = || "run `secgate db update`".to_owned();
    let Some(data) = &outcome.advisories else {
        // Our own scanner always says; only another tool's report can leave it out.
        if policy.evidence.undated_tools {
            return Ok(format!(
                "{name} does not say which advisories it used; the policy allows that"
            ));
        }
        let help = "run `secgate audit`, or set `evidence.advisories.undated_tools: allow` in the policy to accept \
                    reports of other tools";
        return Err((
            format!("{name} does not say which advisories it matched against"),
            help.to_owned(),
        ));
    };
    if data.starter && !policy.evidence.starter {
        let why = format!(
            "{name} matched against the embedded starter set, which covers only a small part of the world"
        );
        return Err((why, update()));
    }
    if data.starter {
        // It is as old as the program: an age limit would only say so again.
        return Ok(format!(
            "{name} matched against the embedded starter set; the policy allows that"
        ));
    }
    // Our own data always have a revision: what has neither a name nor a date is another tool's.
    if data.published.is_none() && data.revision.is_empty() && policy.evidence.undated_tools {
        return Ok(format!(
            "{name} does not say how old its advisories are; the policy allows that"
        ));
    }
    fresh("advisories", data.published, policy.evidence.advisories, now)
        .map_err(|why| (format!("{name}: {why}"), update()))
}

fn fresh(
    what: &str,
    at: Option<Timestamp>,
    max: SignedDuration,
    now: Timestamp,
) -> Result<String, String> {
    let Some(at) = at else { return Err(format!("nobody knows how old the {what} are")) };
    if at > add(now, CLOCK_SKEW) {
        return Err(format!(
            "the {what} are dated {at}, which lies in the future; check the clock"
        ));
    }
    let age = now.duration_since(at).max(SignedDuration::ZERO);
    if age > max {
        return Err(format!(
            "the {what} of {at} are {} old, and the policy allows {}",
            age_words(age),
            duration_words(max)
        ));
    }
    Ok(format!("the {what} are of {at}"))
}
