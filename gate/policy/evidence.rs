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
/// A source that is kept up has something newer than this.
const USUAL_ADVISORY_AGE: SignedDuration = SignedDuration::from_hours(14 * 24);
const USUAL_EPSS_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);
const USUAL_KEV_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);
const UPDATE: &str = "run `secgate db update`";
const OLD_SOURCE: &str =
    "look whether the source is kept up, and run `secgate db update` from one that is";
/// More problems than this are counted, not printed.
const SHOWN: usize = 20;

/// The checks of a stage, and the moments at which its data grow too old.
pub(crate) struct Evidence {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) stale_at: Vec<(Timestamp, String)>,
}

/// What `stage` says of advisory data that its scanners would match against, each a reason: whether advisories, EPSS and KEV
/// are fresh enough for it. Empty for a stage that needs none, `None` for an unknown one.
pub fn judge_data(
    policy: &Policy,
    stage: &str,
    data: &AdvisoryData,
    now: Timestamp,
) -> Option<Vec<Reason>> {
    let stage = policy.stage(stage)?;
    let outcomes: Vec<Outcome> = stage
        .scanners
        .iter()
        .filter(|scanner| finds_vulnerabilities(&scanner.name))
        .map(|scanner| Outcome {
            scanner: scanner.name.clone(),
            version: String::new(),
            ended: Ended::Complete,
            detail: String::new(),
            problems: Vec::new(),
            advisories: Some(data.clone()),
            took_ms: 0,
        })
        .collect();
    let about = ["evidence:advisories", "evidence:epss", "evidence:kev"];
    let mut reasons = check(policy, stage, &outcomes, now).reasons;
    reasons.retain(|reason| about.contains(&reason.rule.as_str()));
    Some(reasons)
}

pub(crate) fn check(
    policy: &Policy,
    stage: &Stage,
    outcomes: &[Outcome],
    now: Timestamp,
) -> Evidence {
    let mut out = Evidence { reasons: Vec::new(), stale_at: Vec::new() };
    let source = Some(stage.origin.to_string());
    let mut push = |rule: String, title: String, result: Checked| {
        let (outcome, why, help, warning) = match result {
            Ok(Good { why, old: None }) => (Decision::Pass, why, None, false),
            Ok(Good { old: Some(old), .. }) => {
                (Decision::Pass, old, Some(OLD_SOURCE.to_owned()), true)
            }
            Err((why, help)) => (Decision::Error, why, Some(help), false),
        };
        out.reasons.push(Reason {
            rule,
            title,
            outcome,
            warning,
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
        for (rule, title, wanted, max, date, source, source_max, usual) in [
            (
                "epss",
                "The EPSS scores are fresh",
                epss,
                rules.epss.or(epss.then_some(DEFAULT_EPSS_AGE)),
                (|data| data.epss) as Date,
                (|data| data.at_source.epss) as Date,
                rules.at_source.epss,
                USUAL_EPSS_AGE,
            ),
            (
                "kev",
                "The catalogue of known exploited vulnerabilities is fresh",
                kev,
                rules.kev.or(kev.then_some(DEFAULT_KEV_AGE)),
                |data| data.kev,
                |data| data.at_source.kev,
                rules.at_source.kev,
                USUAL_KEV_AGE,
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
                    return Ok(Good::of(format!(
                        "{} has no {name} data of its own: starter set",
                        outcome.scanner
                    )));
                }
                let data = outcome.advisories.as_ref();
                let what = format!("{name} data");
                let failed = |why: String, help: &str| {
                    (format!("{}: {why}; {because}", outcome.scanner), help.to_owned())
                };
                let why = fresh(&what, data.and_then(date), max, now)
                    .map_err(|why| failed(why, UPDATE))?;
                let old = at_source(&what, data.and_then(source), source_max, usual, now)
                    .map_err(|why| failed(why, OLD_SOURCE))?;
                Ok(Good { why, old })
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
            ("newest advisories", data.at_source.advisories, rules.at_source.advisories),
            ("EPSS scores", data.at_source.epss, rules.at_source.epss),
            ("KEV entries", data.at_source.kev, rules.at_source.kev),
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

/// Evidence that is there: why it counts, and what is old about it although nobody has anything newer.
struct Good {
    why: String,
    old: Option<String>,
}

impl Good {
    fn of(why: impl Into<String>) -> Self {
        Self { why: why.into(), old: None }
    }
}

/// What is missing and what to do are the error.
type Checked = Result<Good, (String, String)>;
type Date = fn(&AdvisoryData) -> Option<Timestamp>;

fn all(outcomes: &[&Outcome], check: impl Fn(&Outcome) -> Checked) -> Checked {
    let (mut why, mut old) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        let good = check(outcome)?;
        why.push(good.why);
        old.extend(good.old);
    }
    why.dedup();
    old.dedup();
    Ok(Good { why: why.join("; "), old: (!old.is_empty()).then(|| old.join("; ")) })
}

/// Whether one scanner looked at everything.
fn complete(name: &str, required: bool, left: &[&Outcome]) -> Checked {
    if left.is_empty() {
        if !required {
            return Ok(Good::of("it did not run; the stage does not need it"));
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
    Ok(Good::of(why.join("; ")))
}

fn finds_vulnerabilities(scanner: &str) -> bool {
    SCANNERS.iter().any(|(name, kinds)| *name == scanner && kinds.contains(&Kind::Vulnerability))
}

/// The outcomes whose advisories the stage relies on.
fn dated_outcomes<'o>(policy: &Policy, stage: &Stage, outcomes: &'o [Outcome]) -> Vec<&'o Outcome> {
    let own = stage.scanners.iter().any(|scanner| finds_vulnerabilities(&scanner.name));
    let mut dated: Vec<&Outcome> = outcomes
        .iter()
        .filter(|outcome| {
            let listed = stage.scanners.iter().any(|scanner| scanner.name == outcome.scanner);
            let matched = finds_vulnerabilities(&outcome.scanner) || outcome.advisories.is_some();
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
    let Some(data) = &outcome.advisories else {
        // Our own scanner always says; only another tool's report can leave it out.
        if policy.evidence.undated_tools {
            return Ok(Good::of(format!(
                "{name} does not say which advisories it used; the policy allows that"
            )));
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
        return Err((why, UPDATE.to_owned()));
    }
    if data.starter {
        // It is as old as the program: an age limit would only say so again.
        return Ok(Good::of(format!(
            "{name} matched against the embedded starter set; the policy allows that"
        )));
    }
    // Our own data always have a revision: what has neither a name nor a date is another tool's.
    if data.published.is_none() && data.revision.is_empty() && policy.evidence.undated_tools {
        return Ok(Good::of(format!(
            "{name} does not say how old its advisories are; the policy allows that"
        )));
    }
    let why = fresh("advisories", data.published, policy.evidence.advisories, now)
        .map_err(|why| (format!("{name}: {why}"), UPDATE.to_owned()))?;
    let max = policy.evidence.at_source.advisories;
    let old = at_source("advisories", data.at_source.advisories, max, USUAL_ADVISORY_AGE, now)
        .map_err(|why| (format!("{name}: {why}"), OLD_SOURCE.to_owned()))?;
    Ok(Good { why, old })
}

/// The newest that a source has may be old by its own date. Beyond the policy's limit that is no evidence; where the
/// policy sets none, what is older than `usual` is said.
fn at_source(
    what: &str,
    at: Option<Timestamp>,
    max: Option<SignedDuration>,
    usual: SignedDuration,
    now: Timestamp,
) -> Result<Option<String>, String> {
    let Some(at) = at else {
        return match max {
            Some(_) => Err(format!("nobody knows of when the {what} are at their source")),
            None => Ok(None),
        };
    };
    if at > add(now, CLOCK_SKEW) {
        let text = format!("the {what} at their source are dated {at}, which lies in the future");
        return if max.is_some() { Err(text) } else { Ok(Some(text)) };
    }
    let age = now.duration_since(at).max(SignedDuration::ZERO);
    let (day, age_text) = (at.strftime("%Y-%m-%d"), age_words(age));
    let text = format!("the newest {what} at their source are of {day}, {age_text} old");
    match max {
        Some(max) if age > max => {
            Err(format!("{text}, and the policy allows {}", duration_words(max)))
        }
        None if age > usual => Ok(Some(text)),
        _ => Ok(None),
    }
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
