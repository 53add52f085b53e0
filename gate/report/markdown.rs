//! A comment for a pull request: what the change brought first, everything else folded, and never more than a comment
//! may hold.

use std::fmt::Write;

use secgate_model::{Decision, Ended, WaiverNoticeKind};

use crate::{
    text::{self, count, day, minute},
    view::{Figures, Item, View, by_severity, location_text, severity_name},
};

/// GitHub takes 65,536 characters. Rows stop early enough for the sections that follow to say how many they leave out.
const LIMIT: usize = 64 << 10;
const ROWS_UNTIL: usize = 56_000;
/// Rows of the tables that are open to the eye; what is folded may be longer.
const OPEN_ROWS: usize = 20;

pub(crate) fn render(view: &View<'_>) -> String {
    let mut page = Page { out: String::new() };
    let figures = view.figures();
    head(&mut page, view, figures);
    missing(&mut page, view);
    let baseline = figures.new.is_some();
    let blocking = |item: &&Item<'_>| item.blocks;
    if baseline {
        let new: Vec<_> =
            view.items.iter().filter(blocking).filter(|item| item.new != Some(false)).collect();
        findings(&mut page, view, "New and blocking", &new, Fold::Open);
        plan(&mut page, view);
        let known: Vec<_> =
            view.items.iter().filter(blocking).filter(|item| item.new == Some(false)).collect();
        findings(&mut page, view, "Blocking before this change", &known, Fold::Folded);
        let harmless: Vec<_> = view
            .items
            .iter()
            .filter(|item| !item.blocks && item.new == Some(true) && item.waived.is_none())
            .collect();
        findings(&mut page, view, "New, not blocking", &harmless, Fold::Folded);
        let rest: Vec<_> = view
            .items
            .iter()
            .filter(|item| !item.blocks && item.new != Some(true) && item.waived.is_none())
            .collect();
        findings(&mut page, view, "Unchanged, not blocking", &rest, Fold::Folded);
    } else {
        let all: Vec<_> = view.items.iter().filter(blocking).collect();
        findings(&mut page, view, "Blocking", &all, Fold::Open);
        plan(&mut page, view);
        let rest: Vec<_> =
            view.items.iter().filter(|item| !item.blocks && item.waived.is_none()).collect();
        let title = if view.decision.is_some() { "Not blocking" } else { "Findings" };
        findings(
            &mut page,
            view,
            title,
            &rest,
            if view.decision.is_some() { Fold::Folded } else { Fold::Open },
        );
    }
    rules(&mut page, view);
    waived(&mut page, view);
    evidence(&mut page, view);
    foot(&mut page, view);
    page.finish()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fold {
    Open,
    Folded,
}

struct Page {
    out: String,
}

impl Page {
    /// Adds a row if rows may still be added.
    fn row(&mut self, row: &str) -> bool {
        let fits = self.out.len() + row.len() < ROWS_UNTIL;
        if fits {
            self.out.push_str(row);
        }
        fits
    }

    fn rows(&mut self, rows: impl ExactSizeIterator<Item = String>, most: usize) {
        let total = rows.len();
        let mut shown = 0;
        for row in rows.take(most) {
            if !self.row(&row) {
                break;
            }
            shown += 1;
        }
        if shown < total {
            let _ = write!(
                self.out,
                "\n_… and {} more; the full report has them all._\n",
                text::thousands(total - shown)
            );
        }
    }

    fn fold(&mut self, summary: &str, body: impl FnOnce(&mut Self)) {
        let _ = write!(self.out, "\n<details><summary>{summary}</summary>\n\n");
        body(self);
        self.out.push_str("\n</details>\n");
    }

    fn finish(mut self) -> String {
        if self.out.len() > LIMIT {
            let mut end = LIMIT;
            while !self.out.is_char_boundary(end) {
                end -= 1;
            }
            self.out.truncate(end);
        }
        self.out
    }
}

fn head(page: &mut Page, view: &View<'_>, figures: Figures) {
    let run = view.run;
    let stages: Vec<String> =
        run.verdicts.iter().map(|verdict| short(&verdict.stage, 40)).collect();
    let marker: String = stages
        .join("-")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(80)
        .collect();
    let _ = writeln!(page.out, "<!-- secgate:report {} -->", marker.replace("--", "-"));
    let (mark, said) = match view.decision {
        Some(Decision::Pass) => ("✅", "passes"),
        Some(Decision::Fail) => ("❌", "fails"),
        Some(Decision::Error) => ("⚠️", "cannot be judged: evidence is missing"),
        None => ("ℹ️", "report only"),
    };
    let stage = match stages.as_slice() {
        [] => format!("secgate: {said}"),
        [one] => format!("secgate: stage {one} {said}"),
        many => format!("secgate: the run of {} stages {said}", many.len()),
    };
    let enforced = if run.gate { "" } else { " (not enforced)" };
    let _ = writeln!(page.out, "## {mark} {stage}{enforced}\n");
    let mut delta = Vec::new();
    if let (Some(new), Some(fixed)) = (figures.new, figures.fixed) {
        delta.push(format!("**{} new**", text::thousands(new)));
        delta.push(format!("**{} fixed**", text::thousands(fixed)));
        delta.push(format!("{} unchanged", text::thousands(figures.findings.saturating_sub(new))));
    } else {
        delta.push(format!("**{}**", count(figures.findings, "finding")));
    }
    if view.decision.is_some() {
        delta.push(format!("**{} blocking**", text::thousands(figures.blocking)));
    }
    for (number, noun) in [
        (figures.waived, "waived"),
        (figures.in_grace, "in grace"),
        (figures.warnings, "warned about"),
        (figures.missing, "missing evidence"),
    ] {
        if number > 0 {
            delta.push(format!("{} {noun}", text::thousands(number)));
        }
    }
    let _ = writeln!(page.out, "{}\n", delta.join(" · "));
    if run.verdicts.len() > 1 {
        for verdict in run.verdicts.iter().take(40) {
            let _ = writeln!(
                page.out,
                "- stage {}: **{}**",
                short(&verdict.stage, 40),
                verdict.decision.name()
            );
        }
        page.out.push('\n');
    }
    if view.decision == Some(Decision::Pass)
        && let Some(turn) =
            run.verdicts.iter().flat_map(|verdict| &verdict.turns).min_by_key(|turn| turn.at)
    {
        let _ = writeln!(page.out, "Turns red on {}: {}\n", day(turn.at), short(&turn.what, 200));
    }
}

fn missing(page: &mut Page, view: &View<'_>) {
    let reasons: Vec<_> = view.reasons(Decision::Error).collect();
    if reasons.is_empty() {
        return;
    }
    page.out.push_str("\n### Missing evidence\n\n");
    page.rows(
        reasons.iter().map(|(verdict, reason)| {
            let help = reason
                .help
                .as_ref()
                .map(|help| format!("<br>→ {}", short(help, 300)))
                .unwrap_or_default();
            format!(
                "- **{}** ({}): {}{help}\n",
                short(&reason.rule, 60),
                short(&verdict.stage, 40),
                short(&reason.why, 500)
            )
        }),
        OPEN_ROWS,
    );
}

fn findings(page: &mut Page, view: &View<'_>, title: &str, items: &[&Item<'_>], fold: Fold) {
    if items.is_empty() {
        return;
    }
    let table = |page: &mut Page, most| {
        if page.row("| Severity | Finding | Where | Fix |\n| --- | --- | --- | --- |\n") {
            page.rows(items.iter().map(|item| row(view, item)), most);
        } else {
            page.rows(items.iter().map(|_| String::new()), 0);
        }
    };
    if fold == Fold::Open {
        let _ = write!(page.out, "\n### {title}\n\n");
        table(page, OPEN_ROWS);
    } else {
        let summary = format!(
            "{title}: {} ({})",
            text::thousands(items.len()),
            by_severity(items.iter().copied())
        );
        page.fold(&summary, |page| table(page, usize::MAX));
    }
}

fn row(view: &View<'_>, item: &Item<'_>) -> String {
    let finding = item.finding;
    let id = short(&finding.rule, 80);
    let id = text::advisory_url(&finding.rule)
        .map_or_else(|| format!("**{id}**"), |url| format!("[{id}]({url})"));
    let mut about = Vec::new();
    if let Some(vulnerability) = &finding.vulnerability {
        if vulnerability.kev == Some(true) {
            about.push("known exploited".to_owned());
        }
        if let Some(epss) = vulnerability.epss.filter(|epss| *epss >= 0.01) {
            about.push(format!("EPSS {:.0}%", epss * 100.0));
        }
    }
    if let Some(grace) = item.grace {
        about.push(format!("grace until {}", day(grace)));
    }
    if item.warns {
        about.push("warns".to_owned());
    }
    let about = if about.is_empty() { String::new() } else { format!(" _({})_", about.join(", ")) };
    let place = view.place_text(finding);
    let subject = view.subject(finding);
    let mut at = short(&subject, 100);
    if !place.is_empty() && place != subject {
        let _ = write!(at, "<br><sub>{}</sub>", short(&place, 100));
    }
    let fix = finding
        .vulnerability
        .as_ref()
        .and_then(|about| about.fixed_here.as_deref())
        .map(|version| format!("raise to {}", short(version, 40)))
        .or_else(|| finding.remediation.as_deref().map(|remedy| short(remedy, 160)))
        .unwrap_or_else(|| "none known".to_owned());
    format!(
        "| {} | {id} {}{about} | {at} | {fix} |\n",
        severity_name(finding.severity),
        short(&finding.title, 160)
    )
}

fn plan(page: &mut Page, view: &View<'_>) {
    let plans: Vec<_> = view
        .run
        .verdicts
        .iter()
        .filter_map(|verdict| Some((verdict, verdict.plan.as_ref()?)))
        .collect();
    if plans.is_empty() {
        return;
    }
    page.out.push_str(if view.run.verdicts.len() > 1 {
        "\n### To pass\n"
    } else {
        "\n### To pass\n\n"
    });
    for (verdict, plan) in plans {
        if view.run.verdicts.len() > 1
            && !page.row(&format!("\nStage {}:\n\n", short(&verdict.stage, 40)))
        {
            break;
        }
        page.rows(
            plan.changes.iter().enumerate().map(|(at, change)| {
                let number = at + 1;
                let at = change
                    .at
                    .as_deref()
                    .map(|at| format!(" in {}", short(at, 120)))
                    .unwrap_or_default();
                format!(
                    "{number}. {}{at} (removes {})\n",
                    short(&change.what, 200),
                    change.removes.len()
                )
            }),
            OPEN_ROWS,
        );
        if !plan.unfixable.is_empty() {
            let nouns = if plan.unfixable.len() == 1 {
                "has no known fix: only a waiver"
            } else {
                "have no known fix: only waivers"
            };
            let _ = write!(
                page.out,
                "\n{} {nouns} would let the stage pass.\n",
                count(plan.unfixable.len(), "finding")
            );
        }
    }
}

fn rules(page: &mut Page, view: &View<'_>) {
    let broken: Vec<_> = view
        .run
        .verdicts
        .iter()
        .flat_map(|verdict| verdict.reasons.iter().map(move |reason| (verdict, reason)))
        .filter(|(_, reason)| reason.outcome != Decision::Pass || reason.warning)
        .collect();
    if broken.is_empty() {
        return;
    }
    page.fold(&format!("Rules: {}", text::thousands(broken.len())), |page| {
        page.rows(
            broken.iter().map(|(verdict, reason)| {
                let word = if reason.warning && reason.outcome == Decision::Pass {
                    "warns"
                } else {
                    reason.outcome.name()
                };
                let source = reason
                    .source
                    .as_deref()
                    .map(|source| format!(" ({})", short(source, 120)))
                    .unwrap_or_default();
                let help = reason
                    .help
                    .as_deref()
                    .map(|help| format!("<br>→ {}", short(help, 300)))
                    .unwrap_or_default();
                format!(
                    "- **{}** {word} in {}, {}{source}: {}<br>{}{help}\n",
                    short(&reason.rule, 60),
                    short(&verdict.stage, 40),
                    count(reason.findings.len(), "finding"),
                    short(&reason.title, 160),
                    short(&reason.why, 400),
                )
            }),
            usize::MAX,
        );
    });
}

fn waived(page: &mut Page, view: &View<'_>) {
    let items: Vec<_> = view.items.iter().filter_map(|item| Some((item, item.waived?))).collect();
    let notices: Vec<_> = view.run.verdicts.iter().flat_map(|verdict| &verdict.notices).collect();
    if items.is_empty() && notices.is_empty() {
        return;
    }
    let looked =
        if notices.is_empty() { String::new() } else { format!(", {} to look at", notices.len()) };
    page.fold(&format!("Waived: {}{looked}", text::thousands(items.len())), |page| {
        page.rows(
            items.iter().map(|(item, waived)| {
                let until = waived
                    .expires
                    .map_or_else(|| "without an end".to_owned(), |at| format!("until {}", day(at)));
                format!(
                    "- {} in {}: **{}** {until}, {} ({})\n",
                    short(&item.finding.rule, 80),
                    short(&view.subject(item.finding), 100),
                    short(&waived.waiver, 60),
                    short(&waived.reason, 240),
                    short(&waived.owner, 80),
                )
            }),
            usize::MAX,
        );
        page.rows(
            notices.iter().map(|notice| {
                let word = match notice.kind {
                    WaiverNoticeKind::Unused => "unused",
                    WaiverNoticeKind::Expired => "expired",
                    WaiverNoticeKind::ExpiresSoon => "expires soon",
                    WaiverNoticeKind::NotAllowed => "not allowed",
                };
                format!(
                    "- waiver **{}** ({}), {word}: {}\n",
                    short(&notice.waiver, 60),
                    short(&notice.source, 120),
                    short(&notice.message, 240)
                )
            }),
            usize::MAX,
        );
    });
}

fn evidence(page: &mut Page, view: &View<'_>) {
    let outcomes = view.run.outcomes;
    if outcomes.is_empty() {
        return;
    }
    let broken = outcomes
        .iter()
        .filter(|outcome| matches!(outcome.ended, Ended::Partial | Ended::Failed))
        .count();
    let gaps = view.gaps();
    let summary = if broken == 0 {
        format!("Evidence: {}", count(outcomes.len(), "scanner"))
    } else {
        format!("Evidence: {}, {broken} incomplete", count(outcomes.len(), "scanner"))
    };
    page.fold(&summary, |page| {
        page.rows(
            outcomes.iter().map(|outcome| {
                let data = outcome.advisories.as_ref().map(|data| {
                    let age = data.published.map_or_else(|| "unknown age".to_owned(), minute);
                    let dates = [
                        ("newest change", data.at_source.advisories),
                        ("EPSS", data.at_source.epss),
                        ("KEV", data.at_source.kev),
                    ];
                    let dates: String = dates
                        .into_iter()
                        .filter_map(|(what, at)| Some(format!(", {what} of {}", day(at?))))
                        .collect();
                    format!(
                        "; {} of {age}{dates}",
                        count(usize::try_from(data.count).unwrap_or(usize::MAX), "advisory")
                    )
                });
                format!(
                    "- {}: **{}** {}{}\n",
                    short(&outcome.scanner, 40),
                    outcome.ended.name(),
                    short(&outcome.detail, 240),
                    data.unwrap_or_default()
                )
            }),
            usize::MAX,
        );
        page.rows(
            gaps.iter()
                .filter_map(|(scanner, _, problem)| Some((scanner, (*problem)?)))
                .collect::<Vec<_>>()
                .iter()
                .map(|(scanner, problem)| {
                    let at = problem
                        .location
                        .as_ref()
                        .map(|place| format!("{}: ", short(&location_text(place), 120)))
                        .unwrap_or_default();
                    let hint = problem
                        .hint
                        .as_deref()
                        .map(|hint| format!("<br>→ {}", short(hint, 240)))
                        .unwrap_or_default();
                    format!(
                        "- gap in {}: {at}{}{hint}\n",
                        short(scanner, 40),
                        short(&problem.message, 300)
                    )
                }),
            usize::MAX,
        );
    });
}

fn foot(page: &mut Page, view: &View<'_>) {
    let run = view.run;
    let mut parts = vec![short(&run.target.name, 120)];
    if let Some(revision) = &run.target.revision {
        parts.push(format!("revision {}", code(text::short(revision))));
    }
    if let Some(inventory) = run.inventory {
        parts.push(count(inventory.packages.len(), "package"));
    }
    if let Some(verdict) = view.worst_verdict() {
        parts.push(format!("policy {}", code(&clip_digest(&verdict.policy_digest))));
    }
    parts.push(format!("secgate {}", short(run.tool_version, 40)));
    parts.push(minute(run.finished));
    let _ = write!(page.out, "\n<sub>{}</sub>\n", parts.join(" · "));
}

fn clip_digest(digest: &str) -> String {
    match digest.split_once(':') {
        Some((scheme, _)) => format!("{}:{}", text::clip(scheme, 12), text::short(digest)),
        None => text::clip(digest, 20),
    }
}

/// A hash as code, where nothing is taken for a reference.
fn code(hash: &str) -> String {
    let plain: String = hash
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-' | '…'))
        .collect();
    if plain.is_empty() { "unknown".to_owned() } else { format!("`{plain}`") }
}

/// One line of a stranger's text, cut and escaped.
fn short(text: &str, most: usize) -> String {
    escape(&text::clip(&text::line(text), most))
}

/// Several lines of a stranger's text, escaped; line breaks stay.
pub(crate) fn escape_lines(text: &str) -> String {
    text::lines(text).lines().map(escape).collect::<Vec<_>>().join("\n")
}

/// Text that is nothing but text in GitHub's and GitLab's Markdown: no markup, no HTML, no table cell ends, no mention,
/// no reference to an issue, merge request or commit, no address that turns into a link by itself.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut before = None;
    // Long runs of hexadecimal digits become links to commits.
    let mut hex = 0;
    let mut digits_only = true;
    for c in text::line(text).chars() {
        hex = if c.is_ascii_hexdigit() { hex + 1 } else { 0 };
        if hex == 7 {
            out.push('\u{2060}');
            hex = 1;
        }
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A word joiner behind the sign keeps a name or number from being taken for a mention or a reference, which
            // an escape alone does not: references are looked for in the finished text.
            '@' | '#' | '!' | '%' | '$' | '^' => {
                let _ = write!(out, "&#{};", u32::from(c));
                out.push('\u{2060}');
            }
            '`' | '*' | '_' | '[' | ']' | '(' | ')' | '{' | '}' | '|' | '\\' | '~' | '+' | '='
            | '"' | '\'' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            ':' => out.push_str("&#58;"),
            // `www.` makes a link, and so does `GH-12`; a line must not begin as a list or a heading.
            '.' if before.is_some_and(|c: char| c.eq_ignore_ascii_case(&'w')) || digits_only => {
                out.push_str("&#46;");
            }
            '-' if before.is_none() || before == Some('H') || before == Some('h') => {
                out.push_str("&#45;");
            }
            c => out.push(c),
        }
        before = Some(c);
        digits_only &= c.is_ascii_digit();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(escape(text), expected);
    }

    #[test]
    fn hostile_text_is_text() {
        check("a | b `c` <img src=x>", "a &#124; b &#96;c&#96; &lt;img src&#61;x&gt;");
        check("@octocat #12 !3", "&#64;\u{2060}octocat &#35;\u{2060}12 &#33;\u{2060}3");
        check("[x](https://evil)", "&#91;x&#93;&#40;https&#58;//evil&#41;");
        check("www.evil.example", "www&#46;evil.example");
        check("- item", "&#45; item");
        check("1. item 1.2", "1&#46; item 1.2");
        check("deadbeefdeadbeef", "deadbe\u{2060}efdead\u{2060}beef");
    }
}
