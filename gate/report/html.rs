//! A page in one file: no network, no foreign text that is not escaped, readable without a script. The template, the
//! styles and the script stand in `reports/html`.

use std::collections::BTreeMap;

use minijinja::Environment;
use secgate_model::{
    ChangeKind, Decision, Ended, Inventory, Reason, TargetKind, Verdict, WaiverNoticeKind,
};
use serde::Serialize;

use crate::{
    RenderError, html_data,
    text::{self, count, day, minute, thousands},
    view::{Item, View, by_severity, location_text, severity_name, severity_rank},
};

const TEMPLATE: &str = include_str!("../../reports/html/report.html");
const STYLE: &str = include_str!("../../reports/html/report.css");
const SCRIPT: &str = include_str!("../../reports/html/report.js");

/// Rows that stand in the page itself, for readers without a script; the script has all of them.
const STATIC_ROWS: usize = 50;
/// Findings named on a rule's card.
const CARD_ROWS: usize = 6;
const LISTED: usize = 500;

pub(crate) fn render(view: &View<'_>) -> Result<Vec<u8>, RenderError> {
    let mut environment = Environment::new();
    environment.add_template("report.html", TEMPLATE)?;
    let page = page(view)?;
    let mut out =
        environment.get_template("report.html")?.render(minijinja::value::Serde(&page))?;
    out.push('\n');
    Ok(out.into_bytes())
}

#[derive(Serialize)]
struct Page {
    csp: String,
    style: &'static str,
    script: &'static str,
    data: String,
    title: String,
    decision: &'static str,
    word: &'static str,
    sentence: String,
    enforced: bool,
    facts: Vec<(&'static str, String)>,
    stages: Vec<(String, &'static str)>,
    figures: Vec<Figure>,
    plans: Vec<Plan>,
    turns: Vec<(String, String)>,
    rules: Vec<Broken>,
    passed: Vec<Passed>,
    rows: Vec<Row>,
    total: usize,
    total_text: String,
    severities: Vec<(&'static str, usize)>,
    kinds: Vec<&'static str>,
    waived: Vec<Waived>,
    waived_hidden: usize,
    notices: Vec<Notice>,
    evidence: Vec<Evidence>,
    unknowns: Vec<(String, String, &'static str)>,
    unknowns_hidden: usize,
    digests: Vec<(String, String)>,
    components: Components,
    version: String,
}

#[derive(Serialize)]
struct Figure {
    name: &'static str,
    number: String,
    note: String,
    tone: &'static str,
}

#[derive(Serialize)]
struct Plan {
    stage: String,
    steps: Vec<Step>,
    hidden: usize,
    unfixable: usize,
}

#[derive(Serialize)]
struct Step {
    kind: &'static str,
    what: String,
    at: String,
    removes: usize,
}

#[derive(Serialize)]
struct Broken {
    stage: String,
    rule: String,
    title: String,
    state: &'static str,
    why: String,
    help: String,
    source: String,
    count: String,
    grace: String,
    findings: Vec<Brief>,
    hidden: usize,
}

#[derive(Serialize)]
struct Passed {
    stage: String,
    rule: String,
    title: String,
    why: String,
}

#[derive(Serialize)]
struct Brief {
    severity: &'static str,
    id: String,
    subject: String,
}

#[derive(Serialize)]
struct Row {
    severity: &'static str,
    id: String,
    title: String,
    subject: String,
    place: String,
    fix: String,
    state: &'static str,
}

#[derive(Serialize)]
struct Waived {
    id: String,
    finding: String,
    subject: String,
    reason: String,
    owner: String,
    expires: String,
    status: String,
    source: String,
}

#[derive(Serialize)]
struct Notice {
    waiver: String,
    kind: &'static str,
    message: String,
    source: String,
}

#[derive(Serialize)]
struct Evidence {
    scanner: String,
    version: String,
    state: &'static str,
    detail: String,
    took: String,
    advisories: Vec<(&'static str, String)>,
    starter: bool,
    problems: Vec<Problem>,
    hidden: usize,
}

#[derive(Serialize)]
struct Problem {
    place: String,
    message: String,
    hint: String,
    gap: bool,
}

#[derive(Serialize, Default)]
struct Components {
    total: usize,
    total_text: String,
    direct: usize,
    files: usize,
    ecosystems: Vec<Bar>,
    licences: Vec<Bar>,
    layers: Vec<Bar>,
}

/// A name, a number and its share of the largest in thousandths.
#[derive(Serialize)]
struct Bar {
    name: String,
    number: usize,
    share: usize,
}

fn page(view: &View<'_>) -> Result<Page, RenderError> {
    let run = view.run;
    let figures = view.figures();
    let (decision, word) = match view.decision {
        Some(Decision::Pass) => ("pass", "Pass"),
        Some(Decision::Fail) => ("fail", "Fail"),
        Some(Decision::Error) => ("error", "Error"),
        None => ("none", "Report"),
    };
    let sentence = match view.decision {
        None => format!("{}; no policy was evaluated.", count(figures.findings, "finding")),
        Some(Decision::Pass) if !view.remarks().is_empty() => {
            "Every rule holds; the rules that warn say what is worth a look.".to_owned()
        }
        Some(Decision::Pass) => "Every rule holds on complete and fresh evidence.".to_owned(),
        Some(Decision::Fail) => format!("{} in the way.", stand(figures.blocking)),
        Some(Decision::Error) if figures.blocking > 0 => {
            format!("Evidence is missing, and {} in the way.", stand(figures.blocking))
        }
        Some(Decision::Error) => {
            "Evidence that the policy needs is missing, so nothing can be judged.".to_owned()
        }
    };
    let broken = |reason: &Reason| reason.outcome != Decision::Pass || reason.warning;
    let all = || {
        run.verdicts
            .iter()
            .flat_map(|verdict| verdict.reasons.iter().map(move |reason| (verdict, reason)))
    };
    let mut rules: Vec<(&Verdict, &Reason)> = all().filter(|(_, reason)| broken(reason)).collect();
    rules.sort_by_key(|(_, reason)| std::cmp::Reverse(reason.outcome));
    let mut severities = [0_usize; 6];
    for item in &view.items {
        if let Some(slot) = severities.get_mut(usize::from(severity_rank(item.finding.severity))) {
            *slot += 1;
        }
    }
    let names = ["critical", "high", "medium", "unknown", "low", "info"];
    let mut kinds: Vec<&str> = view.items.iter().map(|item| item.finding.kind.name()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let waived: Vec<Waived> = view.items.iter().filter_map(|item| waived(view, item)).collect();
    let unknowns = run.inventory.map(|inventory| inventory.unknowns.as_slice()).unwrap_or_default();
    Ok(Page {
        csp: policy(),
        style: STYLE,
        script: SCRIPT,
        data: html_data::data(view)?,
        title: format!("{word}: {}", text::line(&run.target.name)),
        decision,
        word,
        sentence,
        enforced: run.gate,
        facts: facts(view),
        stages: run
            .verdicts
            .iter()
            .map(|verdict| (text::line(&verdict.stage), verdict.decision.name()))
            .collect(),
        figures: four_figures(view),
        plans: run.verdicts.iter().filter_map(plan).collect(),
        turns: run
            .verdicts
            .iter()
            .flat_map(|verdict| &verdict.turns)
            .take(20)
            .map(|turn| (day(turn.at), text::line(&turn.what)))
            .collect(),
        rules: rules.into_iter().map(|(verdict, reason)| rule(view, verdict, reason)).collect(),
        passed: all()
            .filter(|(_, reason)| !broken(reason))
            .map(|(verdict, reason)| Passed {
                stage: text::line(&verdict.stage),
                rule: text::line(&reason.rule),
                title: text::line(&reason.title),
                why: text::line(&reason.why),
            })
            .collect(),
        rows: view.items.iter().take(STATIC_ROWS).map(|item| row(view, item)).collect(),
        total: view.items.len(),
        total_text: thousands(view.items.len()),
        severities: names.into_iter().zip(severities).filter(|(_, number)| *number > 0).collect(),
        kinds,
        waived_hidden: waived.len().saturating_sub(LISTED),
        waived: waived.into_iter().take(LISTED).collect(),
        notices: run
            .verdicts
            .iter()
            .flat_map(|verdict| &verdict.notices)
            .take(LISTED)
            .map(notice)
            .collect(),
        evidence: run.outcomes.iter().map(evidence).collect(),
        unknowns_hidden: unknowns.len().saturating_sub(LISTED),
        unknowns: unknowns
            .iter()
            .take(LISTED)
            .map(|unknown| {
                let kind = match unknown.kind {
                    secgate_model::UnknownKind::Unreadable => "unreadable",
                    secgate_model::UnknownKind::Unpinned => "unpinned",
                    secgate_model::UnknownKind::Limit => "over a limit",
                };
                (location_text(&unknown.location), text::line(&unknown.reason), kind)
            })
            .collect(),
        digests: digests(view),
        components: components(view),
        version: text::line(run.tool_version),
    })
}

fn stand(blocking: usize) -> String {
    format!("{} {}", count(blocking, "finding"), if blocking == 1 { "stands" } else { "stand" })
}

/// Nothing may be loaded; the one style sheet and the one script are named by their digests (CSP level 3 §2.3.1).
fn policy() -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'",
        base64(&text::sha256(STYLE.as_bytes())),
        base64(&text::sha256(SCRIPT.as_bytes()))
    )
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_usize, |word, byte| word << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = (word >> (18 - 6 * at)) & 63;
            out.push(if at <= chunk.len() {
                ALPHABET.get(digit).map_or('=', |byte| char::from(*byte))
            } else {
                '='
            });
        }
    }
    out
}

fn facts(view: &View<'_>) -> Vec<(&'static str, String)> {
    let run = view.run;
    let kind = match run.target.kind {
        TargetKind::Path => "Folder",
        TargetKind::Image => "Image",
        TargetKind::Url => "Application",
    };
    let mut out = vec![(kind, text::line(&run.target.name))];
    if let Some(revision) = &run.target.revision {
        out.push(("Revision", text::short(&text::line(revision)).to_owned()));
    }
    if let Some(digest) = &run.target.digest {
        out.push(("Digest", text::digest_label(digest.as_str())));
    }
    out.push(("Scanned", minute(run.finished)));
    if let Some(inventory) = run.inventory {
        out.push(("Packages", thousands(inventory.packages.len())));
    }
    let published = run.outcomes.iter().find_map(|outcome| outcome.advisories.as_ref());
    if let Some(data) = published {
        out.push((
            "Advisories",
            data.published.map_or_else(|| "of unknown age".to_owned(), minute),
        ));
    }
    out
}

fn four_figures(view: &View<'_>) -> Vec<Figure> {
    let figures = view.figures();
    let judged = view.decision.is_some();
    let number = |figure: Option<usize>| figure.map_or_else(|| "–".to_owned(), thousands);
    let blocking = by_severity(view.items.iter().filter(|item| item.blocks));
    vec![
        Figure {
            name: "Blocking",
            number: number(judged.then_some(figures.blocking)),
            note: if blocking.is_empty() {
                format!("of {}", count(figures.findings, "finding"))
            } else {
                blocking
            },
            tone: if figures.blocking > 0 { "bad" } else { "good" },
        },
        Figure {
            name: "New",
            number: number(figures.new),
            note: match (figures.new_blocking, figures.fixed) {
                (Some(new), Some(fixed)) => {
                    format!("{} blocking, {} fixed", thousands(new), thousands(fixed))
                }
                _ => "no baseline to compare with".to_owned(),
            },
            tone: if figures.new_blocking.unwrap_or(0) > 0 { "bad" } else { "plain" },
        },
        Figure {
            name: "Waived",
            number: number(judged.then_some(figures.waived)),
            note: format!(
                "{} in grace, {}",
                thousands(figures.in_grace),
                count(figures.warnings, "warning")
            ),
            tone: "plain",
        },
        Figure {
            name: "Missing evidence",
            number: number(judged.then_some(figures.missing)),
            note: match (
                view.gaps().len(),
                view.run.inventory.map_or(0, |inventory| inventory.unknowns.len()),
            ) {
                (0, 0) => "no scanner reports a gap".to_owned(),
                (0, unknown) => format!("{} not understood", count(unknown, "thing")),
                (gaps, _) => format!("{} left by scanners", count(gaps, "gap")),
            },
            tone: if figures.missing > 0 { "warn" } else { "plain" },
        },
    ]
}

fn plan(verdict: &Verdict) -> Option<Plan> {
    let plan = verdict.plan.as_ref()?;
    Some(Plan {
        stage: text::line(&verdict.stage),
        steps: plan
            .changes
            .iter()
            .take(100)
            .map(|change| Step {
                kind: match change.kind {
                    ChangeKind::Raise => "raise",
                    ChangeKind::Edit => "edit",
                    ChangeKind::Revoke => "revoke",
                    ChangeKind::Waive => "waive",
                },
                what: text::line(&change.what),
                at: change.at.as_deref().map(text::line).unwrap_or_default(),
                removes: change.removes.len(),
            })
            .collect(),
        hidden: plan.changes.len().saturating_sub(100),
        unfixable: plan.unfixable.len(),
    })
}

fn rule(view: &View<'_>, verdict: &Verdict, reason: &Reason) -> Broken {
    let items = view.of(&reason.findings);
    Broken {
        stage: text::line(&verdict.stage),
        rule: text::line(&reason.rule),
        title: text::line(&reason.title),
        state: match reason.outcome {
            Decision::Fail => "fail",
            Decision::Error => "error",
            Decision::Pass => "warn",
        },
        why: text::line(&reason.why),
        help: reason.help.as_deref().map(text::line).unwrap_or_default(),
        source: reason.source.as_deref().map(text::line).unwrap_or_default(),
        count: if reason.findings.is_empty() {
            String::new()
        } else {
            count(reason.findings.len(), "finding")
        },
        grace: reason
            .in_grace
            .iter()
            .map(|(_, until)| *until)
            .min()
            .map(|until| {
                format!(
                    "{} in grace, the first until {}",
                    thousands(reason.in_grace.len()),
                    day(until)
                )
            })
            .unwrap_or_default(),
        findings: items
            .iter()
            .take(CARD_ROWS)
            .map(|item| Brief {
                severity: severity_name(item.finding.severity),
                id: text::line(&item.finding.rule),
                subject: view.subject(item.finding),
            })
            .collect(),
        hidden: reason.findings.len().saturating_sub(items.len().min(CARD_ROWS)),
    }
}

pub(crate) fn state(view: &View<'_>, item: &Item<'_>) -> &'static str {
    match item {
        Item { waived: Some(_), .. } => "waived",
        Item { blocks: true, .. } => "blocking",
        Item { grace: Some(_), .. } => "grace",
        Item { warns: true, .. } => "warning",
        _ if view.decision.is_none() => "open",
        _ => "quiet",
    }
}

pub(crate) fn fix(item: &Item<'_>) -> String {
    item.finding
        .vulnerability
        .as_ref()
        .and_then(|about| about.fixed_here.as_deref())
        .map(text::line)
        .unwrap_or_default()
}

fn row(view: &View<'_>, item: &Item<'_>) -> Row {
    let (subject, place) = (view.subject(item.finding), view.place_text(item.finding));
    Row {
        severity: severity_name(item.finding.severity),
        id: text::line(&item.finding.rule),
        title: text::line(&item.finding.title),
        place: if place == subject { String::new() } else { place },
        subject,
        fix: fix(item),
        state: state(view, item),
    }
}

fn waived(view: &View<'_>, item: &Item<'_>) -> Option<Waived> {
    let waived = item.waived?;
    Some(Waived {
        id: text::line(&waived.waiver),
        finding: text::line(&item.finding.rule),
        subject: view.subject(item.finding),
        reason: text::line(&waived.reason),
        owner: text::line(&waived.owner),
        expires: waived.expires.map_or_else(|| "no end of its own".to_owned(), day),
        status: text::line(&waived.status).replace('_', " "),
        source: text::line(&waived.source),
    })
}

fn notice(notice: &secgate_model::WaiverNotice) -> Notice {
    Notice {
        waiver: text::line(&notice.waiver),
        kind: match notice.kind {
            WaiverNoticeKind::Unused => "unused",
            WaiverNoticeKind::Expired => "expired",
            WaiverNoticeKind::ExpiresSoon => "expires soon",
            WaiverNoticeKind::NotAllowed => "not allowed",
        },
        message: text::line(&notice.message),
        source: text::line(&notice.source),
    }
}

fn evidence(outcome: &secgate_model::Outcome) -> Evidence {
    let mut advisories = Vec::new();
    if let Some(data) = &outcome.advisories {
        let time = |at: Option<jiff::Timestamp>| at.map_or_else(|| "unknown".to_owned(), minute);
        advisories.push((
            "Advisories",
            format!(
                "{} of {}",
                thousands(usize::try_from(data.count).unwrap_or(usize::MAX)),
                time(data.published)
            ),
        ));
        advisories.push(("Revision", text::clip(&text::line(&data.revision), 80)));
        let at_source = |checked, at: Option<jiff::Timestamp>| match at {
            Some(at) => format!("checked {}, of {}", time(checked), minute(at)),
            None => time(checked),
        };
        if let Some(at) = data.at_source.advisories {
            advisories.push(("Newest advisory", minute(at)));
        }
        advisories.push(("EPSS", at_source(data.epss, data.at_source.epss)));
        advisories.push(("KEV", at_source(data.kev, data.at_source.kev)));
    }
    let mut problems: Vec<&secgate_model::Problem> = outcome.problems.iter().collect();
    problems.sort_by_key(|problem| !problem.gap);
    Evidence {
        scanner: text::line(&outcome.scanner),
        version: text::line(&outcome.version),
        state: outcome.ended.name(),
        detail: text::line(&outcome.detail),
        took: if outcome.ended == Ended::Skipped {
            String::new()
        } else {
            format!("{}.{:02} s", outcome.took_ms / 1000, outcome.took_ms % 1000 / 10)
        },
        starter: outcome.advisories.as_ref().is_some_and(|data| data.starter),
        advisories,
        hidden: problems.len().saturating_sub(LISTED),
        problems: problems
            .into_iter()
            .take(LISTED)
            .map(|problem| Problem {
                place: problem.location.as_ref().map(location_text).unwrap_or_default(),
                message: text::line(&problem.message),
                hint: problem.hint.as_deref().map(text::line).unwrap_or_default(),
                gap: problem.gap,
            })
            .collect(),
    }
}

fn digests(view: &View<'_>) -> Vec<(String, String)> {
    let mut out = Vec::new();
    if let Some(digest) = &view.run.target.digest {
        out.push(("Image".to_owned(), digest.to_string()));
    }
    if let Some(revision) = &view.run.target.revision {
        out.push(("Git commit".to_owned(), text::line(revision)));
    }
    for verdict in view.run.verdicts {
        let stage = text::line(&verdict.stage);
        out.push((format!("Policy of {stage}"), text::line(&verdict.policy_digest)));
        out.push((format!("Inputs of {stage}"), text::line(&verdict.inputs_digest)));
        out.push((format!("Evaluated {stage}"), verdict.evaluated_at.to_string()));
    }
    out
}

fn components(view: &View<'_>) -> Components {
    let Some(inventory) = view.run.inventory else { return Components::default() };
    let mut ecosystems: BTreeMap<String, usize> = BTreeMap::new();
    let mut licences: BTreeMap<String, usize> = BTreeMap::new();
    let mut layers: BTreeMap<&str, usize> = BTreeMap::new();
    for package in &inventory.packages {
        *ecosystems.entry(text::line(package.purl.kind())).or_default() += 1;
        if package.licenses.is_empty() {
            *licences.entry("not stated".to_owned()).or_default() += 1;
        }
        for licence in &package.licenses {
            *licences.entry(text::clip(&text::line(licence), 60)).or_default() += 1;
        }
        if let Some(layer) = package.locations.iter().find_map(|place| place.layer.as_ref()) {
            *layers.entry(layer.as_str()).or_default() += 1;
        }
    }
    Components {
        total: inventory.packages.len(),
        total_text: thousands(inventory.packages.len()),
        direct: inventory.packages.iter().filter(|package| package.direct == Some(true)).count(),
        files: inventory.files.len(),
        ecosystems: bars(ecosystems, 8),
        licences: bars(licences, 8),
        layers: layer_bars(inventory, &layers),
    }
}

/// The layers that brought packages, in their order, each by its number and step.
fn layer_bars(inventory: &Inventory, counts: &BTreeMap<&str, usize>) -> Vec<Bar> {
    let most = counts.values().copied().max().unwrap_or(1).max(1);
    let bar = |name: String, number: usize| Bar { name, number, share: number * 1000 / most };
    let told = inventory.layers.iter().enumerate().filter_map(|(at, layer)| {
        let number = *counts.get(layer.diff_id.as_str())?;
        let step = layer.step.as_deref().map_or_else(
            || text::digest_label(layer.diff_id.as_str()),
            |step| text::clip(&text::line(step), 60),
        );
        let base = if layer.base == Some(true) { " (base)" } else { "" };
        Some(bar(format!("{}{base}: {step}", at + 1), number))
    });
    let is_told = |digest: &str| inventory.layers.iter().any(|one| one.diff_id.as_str() == digest);
    let others = counts.iter().filter(|(digest, _)| !is_told(digest));
    let others = others.map(|(digest, number)| bar(text::digest_label(digest), *number));
    told.chain(others).take(24).collect()
}

fn bars(counts: BTreeMap<String, usize>, most: usize) -> Vec<Bar> {
    let mut sorted: Vec<(String, usize)> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest: usize = sorted.iter().skip(most).map(|(_, number)| number).sum();
    sorted.truncate(most);
    if rest > 0 {
        sorted.push(("others".to_owned(), rest));
    }
    let largest = sorted.iter().map(|(_, number)| *number).max().unwrap_or(1).max(1);
    sorted
        .into_iter()
        .map(|(name, number)| Bar { name, number, share: (number * 1000 / largest).max(4) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_as_the_policy_wants_them() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes), expected);
        }
    }
}
