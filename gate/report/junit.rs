//! JUnit: a suite is a stage, a case is a rule, and each waived finding is a skipped case. A rule whose evidence is
//! missing is an error.

use std::fmt::Write;

use secgate_formats::junit::{Case, CaseResult, Detail, Suite, Suites};
use secgate_model::{Decision, Ended, Reason, Verdict};

use crate::{
    text::{self, count, day},
    view::{Item, View, severity_name},
};

/// Findings listed in one case; a test view is no place for thousands.
const LISTED: usize = 200;

pub(crate) fn render(view: &View<'_>) -> String {
    let run = view.run;
    let millis = run.finished.as_millisecond().saturating_sub(run.started.as_millisecond());
    let millis = u64::try_from(millis).unwrap_or(0);
    let timestamp = run.started.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let suite = |name: String, properties, cases| Suite {
        name,
        timestamp: timestamp.clone(),
        millis,
        properties,
        cases,
    };
    let mut suites: Vec<Suite> = run
        .verdicts
        .iter()
        .map(|verdict| {
            let mut properties = vec![
                ("subject".to_owned(), text::line(&verdict.subject)),
                ("outcome".to_owned(), verdict.decision.name().to_owned()),
                ("policy".to_owned(), text::line(&verdict.policy_digest)),
                ("inputs".to_owned(), text::line(&verdict.inputs_digest)),
            ];
            if !run.gate {
                properties.push(("gate".to_owned(), "false".to_owned()));
            }
            let rules = verdict.reasons.iter().map(|reason| case(view, verdict, reason));
            let waived =
                verdict.waived.iter().take(LISTED).map(|waived| waived_case(view, verdict, waived));
            let cases = rules.chain(waived).collect();
            suite(text::line(&verdict.stage), properties, cases)
        })
        .collect();
    if suites.is_empty() {
        suites.push(suite(
            "scan".to_owned(),
            Vec::new(),
            run.outcomes.iter().map(|outcome| scanner(view, outcome)).collect(),
        ));
    }
    Suites { name: format!("secgate {}", text::line(&run.target.name)), suites }.to_xml()
}

fn case(view: &View<'_>, verdict: &Verdict, reason: &Reason) -> Case {
    let title = text::line(&reason.title);
    let detail = |kind: &str| Detail {
        message: if reason.findings.is_empty() {
            text::clip(&text::line(&reason.why), 300)
        } else {
            format!("{}: {title}", count(reason.findings.len(), "finding"))
        },
        kind: kind.to_owned(),
        text: body(view, reason),
    };
    let result = match reason.outcome {
        Decision::Fail => CaseResult::Failed(detail("fail")),
        Decision::Error => CaseResult::Error(detail("missing-evidence")),
        Decision::Pass => CaseResult::Passed,
    };
    Case {
        name: if title.is_empty() {
            text::line(&reason.rule)
        } else {
            format!("{}: {title}", text::line(&reason.rule))
        },
        class: format!("secgate.{}", text::line(&verdict.stage)),
        file: reason
            .source
            .as_deref()
            .map(|source| source.split(':').next().map(text::line).unwrap_or_default()),
        result,
        out: (reason.outcome == Decision::Pass && reason.warning).then(|| body(view, reason)),
    }
}

fn body(view: &View<'_>, reason: &Reason) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "why: {}", text::lines(&reason.why));
    if let Some(source) = &reason.source {
        let _ = writeln!(out, "rule: {}", text::line(source));
    }
    if let Some(help) = &reason.help {
        let _ = writeln!(out, "do: {}", text::lines(help));
    }
    for item in view.of(&reason.findings).iter().take(LISTED) {
        let _ = writeln!(out, "{}", finding(view, item));
    }
    let hidden = reason.findings.len().saturating_sub(LISTED);
    if hidden > 0 {
        let _ = writeln!(out, "and {hidden} more");
    }
    out
}

fn finding(view: &View<'_>, item: &Item<'_>) -> String {
    let place = view.place_text(item.finding);
    let subject = view.subject(item.finding);
    let at =
        if place.is_empty() || place == subject { String::new() } else { format!(" at {place}") };
    format!(
        "{} {} {subject}{at}: {} [{}]",
        severity_name(item.finding.severity),
        text::line(&item.finding.rule),
        text::line(&item.finding.title),
        text::line(&item.finding.fingerprint.0)
    )
}

/// Without a policy there is nothing to pass; what can be told is whether each scanner looked.
fn scanner(view: &View<'_>, outcome: &secgate_model::Outcome) -> Case {
    let detail = text::line(&outcome.detail);
    let problems: Vec<String> =
        outcome.problems.iter().map(|problem| text::line(&problem.message)).collect();
    let failed = || Detail {
        message: detail.clone(),
        kind: outcome.ended.name().to_owned(),
        text: problems.join("\n"),
    };
    let seen: Vec<String> = view
        .items
        .iter()
        .filter(|item| item.finding.scanner == outcome.scanner)
        .take(LISTED)
        .map(|item| finding(view, item))
        .collect();
    Case {
        name: text::line(&outcome.scanner),
        class: "secgate.scan".to_owned(),
        file: None,
        result: match outcome.ended {
            Ended::Complete => CaseResult::Passed,
            Ended::Skipped => CaseResult::Skipped(detail.clone()),
            Ended::Partial | Ended::Failed => CaseResult::Error(failed()),
        },
        out: (!seen.is_empty()).then(|| seen.join("\n")),
    }
}

/// A finding that a waiver covers: it was not judged.
fn waived_case(view: &View<'_>, verdict: &Verdict, waiver: &secgate_model::WaivedFinding) -> Case {
    let what = view
        .item(&waiver.fingerprint)
        .map_or_else(|| waiver.fingerprint.0.clone(), |item| finding(view, item));
    let until = waiver.expires.map(|at| format!(", until {}", day(at))).unwrap_or_default();
    Case {
        name: format!(
            "waived {}: {}",
            text::line(&waiver.waiver),
            text::clip(&text::line(&what), 200)
        ),
        class: format!("secgate.{}.waived", text::line(&verdict.stage)),
        file: waiver.source.split(':').next().map(text::line),
        result: CaseResult::Skipped(format!(
            "{}: {} ({}{until})",
            text::line(&waiver.waiver),
            text::line(&waiver.reason),
            text::line(&waiver.owner)
        )),
        out: None,
    }
}
