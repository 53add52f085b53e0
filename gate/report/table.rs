//! Text for a terminal: the verdict first and last, between them what blocks, why, and the smallest way out.

use anstyle::{Effects, Style};
use secgate_model::{
    Change, Decision, Ended, Finding, Purl, Reason, Severity, TargetKind, Verdict, WaiverNoticeKind,
};

use crate::{
    Options, Run,
    terminal::{BOLD, CYAN, DIM, GREEN, MAGENTA, PLAIN, RED, Table, YELLOW},
    text::{self, count, day, fit, fit_end, minute, width},
    view::{Figures, Item, View, by_severity, component_text, location_text, severity_name},
};

/// How many findings of one group, of other findings and of gaps are shown unless everything is asked for.
const GROUP: usize = 10;
const OTHERS: usize = 5;
const REPORT_ONLY: usize = 25;
const GAPS: usize = 5;

pub(crate) fn render(view: &View<'_>, options: &Options) -> String {
    let mut table = Table {
        out: String::new(),
        width: options.width.max(40),
        colour: options.colour,
        hyperlinks: options.hyperlinks,
        verbose: options.verbose,
    };
    let figures = view.figures();
    table.verdict_line(view, figures);
    table.summary(view, figures);
    let before = table.out.len();
    for verdict in view.run.verdicts {
        table.stage(view, verdict);
    }
    table.gaps(view);
    table.others(view, figures);
    table.waivers(view);
    if table.out.len() > before {
        table.blank();
        table.verdict_line(view, figures);
    }
    table.out
}

impl Table {
    fn verdict_line(&mut self, view: &View<'_>, figures: Figures) {
        let run = view.run;
        let (word, style) = match view.decision {
            Some(Decision::Pass) => ("PASS", GREEN.effects(Effects::BOLD)),
            Some(Decision::Fail) => ("FAIL", RED.effects(Effects::BOLD)),
            Some(Decision::Error) => ("ERROR", MAGENTA.effects(Effects::BOLD)),
            None => ("REPORT", CYAN.effects(Effects::BOLD)),
        };
        let mut parts = Vec::new();
        if let [verdict] = run.verdicts {
            parts.push(format!("stage {}", text::line(&verdict.stage)));
        } else if !run.verdicts.is_empty() {
            let stages: Vec<String> = run
                .verdicts
                .iter()
                .map(|verdict| {
                    format!("{} {}", text::line(&verdict.stage), verdict.decision.name())
                })
                .collect();
            parts.push(stages.join(", "));
        }
        if !run.gate && view.decision.is_some_and(|decision| decision != Decision::Pass) {
            parts.push("not enforced".to_owned());
        }
        // The severities are told where there is room for them.
        let whole = [parts.clone(), headline(view, figures, true)].concat();
        let room = self.width.saturating_sub(width(word) + 2);
        let parts = if width(&whole.join(" · ")) <= room {
            whole
        } else {
            [parts, headline(view, figures, false)].concat()
        };
        let mut line = self.line();
        line.add(word, style);
        line.add("  ", PLAIN);
        line.add(&parts.join(" · "), BOLD);
        line.end();
    }

    /// What was looked at: two or three lines that make a pass worth believing.
    fn summary(&mut self, view: &View<'_>, figures: Figures) {
        let run = view.run;
        let mut looked = vec![target_text(run)];
        if let Some(inventory) = run.inventory
            && !(inventory.packages.is_empty() && inventory.unknowns.is_empty())
        {
            let unknown = match inventory.unknowns.len() {
                0 => String::new(),
                number => format!(" and {} not understood", text::thousands(number)),
            };
            looked.push(format!("{}{unknown}", count(inventory.packages.len(), "package")));
        }
        for ended in [Ended::Complete, Ended::Partial, Ended::Failed, Ended::Skipped] {
            let scanners: Vec<&str> = run
                .outcomes
                .iter()
                .filter(|outcome| outcome.ended == ended)
                .map(|outcome| outcome.scanner.as_str())
                .collect();
            if !scanners.is_empty() {
                let word = if ended == Ended::Complete {
                    String::new()
                } else {
                    format!(" {}", ended.name())
                };
                looked.push(format!("{}{word}", text::line(&scanners.join(", "))));
            }
        }
        let advisories = run.outcomes.iter().find_map(|outcome| outcome.advisories.as_ref());
        if let Some(data) = advisories {
            let age = data
                .published
                .map_or_else(|| "of unknown age".to_owned(), |at| format!("of {}", minute(at)));
            let starter = if data.starter { "starter set of advisories, " } else { "advisories " };
            looked.push(format!("{starter}{age}"));
        }
        self.paragraph(6, "", &looked.join(" · "), DIM, 2);

        let mut known = Vec::new();
        let quiet = figures.findings.saturating_sub(figures.blocking);
        if view.decision == Some(Decision::Pass) && quiet > 0 {
            known.push(format!(
                "{} {} ({})",
                count(quiet, "finding"),
                if quiet == 1 { "does not block" } else { "do not block" },
                by_severity(view.items.iter())
            ));
        }
        for (number, noun) in [(figures.waived, "waived"), (figures.in_grace, "in grace")] {
            if number > 0 {
                known.push(format!("{} {noun}", text::thousands(number)));
            }
        }
        if figures.warnings > 0 {
            known.push(count(figures.warnings, "warning"));
        }
        if view.decision == Some(Decision::Pass)
            && let Some(turn) =
                run.verdicts.iter().flat_map(|verdict| &verdict.turns).min_by_key(|turn| turn.at)
        {
            known.push(format!("turns red on {}: {}", day(turn.at), text::line(&turn.what)));
        }
        if !known.is_empty() {
            self.paragraph(6, "", &known.join(" · "), PLAIN, 2);
        }
        let remarks = view.remarks();
        for (at, remark) in remarks.iter().enumerate() {
            // Several that ask for the same say it once, after the last.
            let again = remarks.get(at + 1).is_some_and(|next| next.help == remark.help);
            let help = remark.help.as_deref().filter(|_| !again);
            let help = help.map(|help| format!(": {help}")).unwrap_or_default();
            let said = format!("{}{help}", remark.why);
            self.paragraph(
                6,
                "note  ",
                &text::line(&said),
                YELLOW,
                if self.verbose { 12 } else { 4 },
            );
        }
    }

    fn stage(&mut self, view: &View<'_>, verdict: &Verdict) {
        if view.run.verdicts.len() > 1 && (verdict.decision != Decision::Pass || self.verbose) {
            self.blank();
            let mut line = self.line();
            line.add(&format!("stage {}", text::line(&verdict.stage)), BOLD);
            line.add("  ", PLAIN);
            line.add(verdict.decision.name(), decision_style(verdict.decision));
            line.end();
        }
        for reason in verdict.reasons.iter().filter(|reason| reason.outcome == Decision::Error) {
            self.reason(view, verdict, reason, "?", MAGENTA);
        }
        for reason in verdict.reasons.iter().filter(|reason| reason.outcome == Decision::Fail) {
            self.reason(view, verdict, reason, "✗", RED);
        }
        let verbose = self.verbose;
        for reason in verdict
            .reasons
            .iter()
            .filter(|reason| reason.outcome == Decision::Pass && reason.warning)
            .filter(|reason| verbose || !reason.findings.is_empty())
        {
            if verdict.decision != Decision::Pass || self.verbose {
                self.reason(view, verdict, reason, "!", YELLOW);
            }
        }
        if self.verbose {
            let passed: Vec<&Reason> = verdict
                .reasons
                .iter()
                .filter(|reason| reason.outcome == Decision::Pass && !reason.warning)
                .collect();
            if !passed.is_empty() {
                self.blank();
            }
            for reason in passed {
                let (rule, title) = (text::line(&reason.rule), text::line(&reason.title));
                let source = text::line(reason.source.as_deref().unwrap_or_default());
                self.left_right(
                    0,
                    &[("✓ ", GREEN), (&rule, PLAIN), ("  ", PLAIN), (&title, DIM)],
                    &source,
                );
            }
        }
        self.plan(view, verdict);
    }

    fn reason(
        &mut self,
        view: &View<'_>,
        verdict: &Verdict,
        reason: &Reason,
        mark: &str,
        style: Style,
    ) {
        self.blank();
        let (rule, title) = (text::line(&reason.rule), text::line(&reason.title));
        let source = text::line(reason.source.as_deref().unwrap_or_default());
        let parts = [
            (mark, style.effects(Effects::BOLD)),
            (" ", PLAIN),
            (rule.as_str(), style.effects(Effects::BOLD)),
            ("  ", PLAIN),
            (title.as_str(), BOLD),
        ];
        let together =
            parts.iter().map(|(part, _)| width(part)).sum::<usize>() + 2 + width(&source)
                <= self.width;
        self.left_right(0, &parts, if together { &source } else { "" });
        if !together {
            self.left_right(
                2,
                &[("rule  ", DIM), (&fit_end(&source, self.width.saturating_sub(8)), DIM)],
                "",
            );
        }
        let label = if reason.outcome == Decision::Error { "missing  " } else { "why   " };
        self.paragraph(2, label, &reason.why, PLAIN, if self.verbose { 12 } else { 3 });
        for (change, items) in view.by_change(verdict, reason) {
            self.group(view, change, &items);
        }
        let known = view.of(&reason.findings).len();
        let mut strangers =
            reason.findings.iter().filter(|fingerprint| view.item(fingerprint).is_none());
        if let Some(first) = strangers.next() {
            let rest = strangers.count();
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            self.paragraph(
                4,
                "",
                &format!(
                    "{first}{more}: named by the verdict, not among the {known} findings shown"
                ),
                PLAIN,
                2,
            );
        }
        if let Some(until) = reason.in_grace.iter().map(|(_, until)| *until).min() {
            self.paragraph(
                2,
                "grace ",
                &format!(
                    "{} until {} or later",
                    count(reason.in_grace.len(), "further finding"),
                    day(until)
                ),
                PLAIN,
                2,
            );
        }
        if let Some(help) = &reason.help {
            let label = if reason.outcome == Decision::Error { "do       " } else { "help  " };
            self.paragraph(2, label, help, PLAIN, if self.verbose { 12 } else { 3 });
        }
    }

    fn group(&mut self, view: &View<'_>, change: Option<&Change>, items: &[&Item<'_>]) {
        if let Some(change) = change {
            let what = text::line(&change.what);
            let at = text::line(change.at.as_deref().unwrap_or_default());
            self.left_right(2, &[("→ ", CYAN), (&what, PLAIN)], &at);
        }
        let shown = if self.verbose { items.len() } else { items.len().min(GROUP) };
        self.findings(view, items.get(..shown).unwrap_or_default(), 4, change);
        self.more(4, items.len() - shown);
    }

    /// Rows of severity, id, subject and title. What the heading `under` names already is not said again.
    fn findings(
        &mut self,
        view: &View<'_>,
        items: &[&Item<'_>],
        indent: usize,
        under: Option<&Change>,
    ) {
        let about = under.and_then(|change| change.component.as_deref());
        let at = under.and_then(|change| change.at.as_deref());
        let rows: Vec<(&Item<'_>, String, String)> = items
            .iter()
            .map(|item| {
                let finding = item.finding;
                let named = about.is_some_and(|about| {
                    finding
                        .locus
                        .component
                        .as_ref()
                        .is_some_and(|component| component.to_string() == about)
                });
                let subject = if named { String::new() } else { view.subject(finding) };
                let subject = if at == Some(subject.as_str()) { String::new() } else { subject };
                (*item, text::line(&finding.rule), subject)
            })
            .collect();
        let ids = rows.iter().map(|(_, id, _)| width(id)).max().unwrap_or(0).min(self.width / 4);
        let subjects = rows
            .iter()
            .map(|(.., subject)| width(subject))
            .max()
            .unwrap_or(0)
            .min(self.width * 3 / 10);
        for (item, id, subject) in &rows {
            let finding = item.finding;
            let mut line = self.line();
            line.gap_to(indent);
            line.add(severity_name(finding.severity), severity_style(finding.severity));
            line.gap_to(indent + 10);
            let address = line.table.hyperlinks.then(|| link(finding)).flatten();
            line.link(&fit(id, ids), CYAN, address.as_deref());
            line.gap_to(indent + 10 + ids + 2);
            if subjects > 0 {
                let is_place = finding.locus.component.is_none();
                line.add(
                    &if is_place { fit_end(subject, subjects) } else { fit(subject, subjects) },
                    PLAIN,
                );
                line.gap_to(indent + 10 + ids + 2 + subjects + 2);
            }
            for (flag, style) in flags(item, line.table.verbose) {
                line.add(&flag, style);
                line.add(" ", PLAIN);
            }
            if line.table.verbose {
                line.end();
                self.paragraph(indent + 10, "", &finding.title, DIM, 4);
                self.path(indent + 10, finding);
            } else {
                line.add(&text::line(&finding.title), DIM);
                line.end();
            }
        }
    }

    /// How a package comes in that the project does not name itself.
    fn path(&mut self, indent: usize, finding: &Finding) {
        let path =
            finding.vulnerability.as_ref().map(|about| about.path.as_slice()).unwrap_or_default();
        if path.len() > 1 {
            let steps: Vec<String> = path
                .iter()
                .map(|step| {
                    step.parse::<Purl>().map_or_else(|_| step.clone(), |purl| component_text(&purl))
                })
                .collect();
            self.paragraph(indent, "through ", &steps.join(" → "), DIM, 3);
        }
    }

    fn plan(&mut self, view: &View<'_>, verdict: &Verdict) {
        let Some(plan) = &verdict.plan else { return };
        self.blank();
        let mut line = self.line();
        let steps = count(plan.changes.len(), "change");
        line.add(
            &match (plan.changes.len(), plan.unfixable.len()) {
                (0, _) => "No known change makes it pass".to_owned(),
                (_, 0) => format!("To pass: {steps}"),
                (_, left) => format!("To pass: {steps}, and {} to waive", count(left, "finding")),
            },
            BOLD,
        );
        line.end();
        let digits = plan.changes.len().to_string().len();
        let shown =
            if self.verbose { plan.changes.len() } else { plan.changes.len().min(2 * GROUP) };
        for (at, change) in plan.changes.iter().take(shown).enumerate() {
            let number = format!("{:>digits$}. ", at + 1);
            let what = text::line(&change.what);
            let removes = if change.removes.len() > 1 {
                format!("  removes {}", change.removes.len())
            } else {
                String::new()
            };
            let place = text::line(change.at.as_deref().unwrap_or_default());
            self.left_right(2, &[(&number, DIM), (&what, PLAIN), (&removes, DIM)], &place);
        }
        self.more(2, plan.changes.len() - shown);
        for fingerprint in
            plan.unfixable.iter().take(if self.verbose { usize::MAX } else { OTHERS })
        {
            let what = view.item(fingerprint).map_or_else(
                || text::line(&fingerprint.0),
                |item| {
                    format!("{} in {}", text::line(&item.finding.rule), view.subject(item.finding))
                },
            );
            let mut line = self.line();
            line.gap_to(2);
            line.add("- ", DIM);
            line.add(&format!("no fix known: {what}"), PLAIN);
            line.end();
        }
        if !self.verbose {
            self.more(2, plan.unfixable.len().saturating_sub(OTHERS));
        }
    }

    /// What no scanner could read. Said whatever the verdict is: not looked is not clean.
    fn gaps(&mut self, view: &View<'_>) {
        let gaps = view.gaps();
        if gaps.is_empty() {
            return;
        }
        self.blank();
        let mut line = self.line();
        line.add("Not looked at", MAGENTA.effects(Effects::BOLD));
        line.end();
        let shown = if self.verbose { gaps.len() } else { gaps.len().min(GAPS) };
        for (scanner, ended, problem) in gaps.iter().take(shown) {
            let scanner = text::line(scanner);
            let place = problem
                .and_then(|problem| problem.location.as_ref())
                .map(location_text)
                .unwrap_or_default();
            let detail = problem.map_or_else(
                || {
                    let detail = view
                        .run
                        .outcomes
                        .iter()
                        .find(|outcome| outcome.scanner == scanner)
                        .map(|outcome| outcome.detail.as_str());
                    format!("{}: {}", ended.name(), detail.unwrap_or("no reason given"))
                },
                |problem| problem.message.clone(),
            );
            if place.is_empty() {
                self.paragraph(2, &format!("{scanner}  "), &detail, PLAIN, 2);
            } else {
                self.left_right(
                    2,
                    &[
                        (&scanner, DIM),
                        ("  ", PLAIN),
                        (&fit_end(&place, self.width.saturating_sub(width(&scanner) + 4)), PLAIN),
                    ],
                    "",
                );
                self.paragraph(6, "", &detail, PLAIN, 2);
            }
            if let Some(hint) = problem.and_then(|problem| problem.hint.as_ref()) {
                self.paragraph(6, "hint: ", hint, PLAIN, 2);
            }
        }
        self.more(2, gaps.len() - shown);
    }

    /// Findings that do not block: all of them where nothing judges, a first part where something else blocks.
    fn others(&mut self, view: &View<'_>, figures: Figures) {
        let quiet: Vec<&Item<'_>> = view.items.iter().filter(|item| !item.blocks).collect();
        let limit = match view.decision {
            _ if self.verbose => quiet.len(),
            None => REPORT_ONLY,
            Some(Decision::Pass) => 0,
            Some(_) => OTHERS,
        };
        let shown = quiet.len().min(limit);
        if shown == 0 {
            return;
        }
        self.blank();
        let mut line = self.line();
        let title = if view.decision.is_none() { "Findings" } else { "Does not block" };
        line.add(title, BOLD);
        line.add(&format!("  {}", by_severity(quiet.iter().copied())), DIM);
        line.end();
        debug_assert!(quiet.len() <= figures.findings);
        self.findings(view, quiet.get(..shown).unwrap_or_default(), 2, None);
        self.more(2, quiet.len() - shown);
    }

    fn waivers(&mut self, view: &View<'_>) {
        let notices: Vec<_> =
            view.run.verdicts.iter().flat_map(|verdict| &verdict.notices).collect();
        let mut seen = Vec::new();
        for notice in notices {
            if seen.contains(&notice) {
                continue;
            }
            if seen.is_empty() {
                self.blank();
                let mut line = self.line();
                line.add("Waivers to look at", BOLD);
                line.end();
            }
            seen.push(notice);
            let (word, style) = match notice.kind {
                WaiverNoticeKind::Unused => ("unused", YELLOW),
                WaiverNoticeKind::Expired => ("expired", RED),
                WaiverNoticeKind::ExpiresSoon => ("expires soon", YELLOW),
                WaiverNoticeKind::NotAllowed => ("not allowed", RED),
            };
            let (id, source) = (text::line(&notice.waiver), text::line(&notice.source));
            self.left_right(2, &[(&id, PLAIN), ("  ", PLAIN), (word, style)], &source);
            self.paragraph(6, "", &notice.message, DIM, 2);
        }
    }
}

/// What stands behind the word of the verdict.
fn headline(view: &View<'_>, figures: Figures, severities: bool) -> Vec<String> {
    let mut parts = Vec::new();
    match view.decision {
        None => {
            parts.push(count(figures.findings, "finding"));
            parts.push("no policy was evaluated".to_owned());
        }
        Some(Decision::Pass) => parts.push("nothing blocks".to_owned()),
        Some(_) => {
            if figures.blocking > 0 {
                let blocking = by_severity(view.items.iter().filter(|item| item.blocks));
                let blocking = if severities && !blocking.is_empty() {
                    format!(" ({blocking})")
                } else {
                    String::new()
                };
                parts.push(format!("{} blocking{blocking}", text::thousands(figures.blocking)));
            }
            if let Some(new) = figures.new_blocking
                && figures.blocking > 0
            {
                parts.push(format!("{} new", text::thousands(new)));
            }
            if figures.missing > 0 {
                parts.push(format!("{} of evidence missing", count(figures.missing, "piece")));
            }
        }
    }
    parts
}

fn flags(item: &Item<'_>, verbose: bool) -> Vec<(String, Style)> {
    let mut out = Vec::new();
    if item.new == Some(true) {
        out.push(("new".to_owned(), YELLOW));
    }
    if let Some(about) = &item.finding.vulnerability {
        if about.kev == Some(true) {
            out.push(("exploited".to_owned(), RED.effects(Effects::BOLD)));
        }
        if let Some(epss) = about.epss.filter(|epss| *epss >= 0.1) {
            out.push((format!("EPSS {:.0}%", epss * 100.0), YELLOW));
        }
    }
    if let Some(waived) = item.waived {
        let until = waived
            .expires
            .filter(|_| verbose)
            .map(|at| format!(" until {}", day(at)))
            .unwrap_or_default();
        out.push((format!("waived {}{until}", text::line(&waived.waiver)), GREEN));
    }
    if let Some(grace) = item.grace {
        out.push((format!("grace {}", day(grace)), YELLOW));
    }
    if item.warns {
        out.push(("warns".to_owned(), YELLOW));
    }
    out
}

fn link(finding: &Finding) -> Option<String> {
    text::advisory_url(&finding.rule).or_else(|| {
        finding.references.iter().find_map(|url| text::safe_url(url)).map(str::to_owned)
    })
}

fn target_text(run: &Run<'_>) -> String {
    let mut out = text::line(&run.target.name);
    if let Some(revision) = &run.target.revision {
        out.push_str(" @ ");
        out.push_str(text::short(&text::line(revision)));
    }
    if run.target.kind == TargetKind::Image
        && let Some(digest) = &run.target.digest
        && !run.target.name.contains(digest.as_str())
    {
        out.push(' ');
        out.push_str(&text::digest_label(digest.as_str()));
    }
    out
}

fn severity_style(severity: Option<Severity>) -> Style {
    match severity {
        Some(Severity::Critical) => RED.effects(Effects::BOLD),
        Some(Severity::High) => RED,
        Some(Severity::Medium) => YELLOW,
        None => MAGENTA,
        Some(Severity::Low) => CYAN,
        Some(Severity::Info) => DIM,
    }
}

fn decision_style(decision: Decision) -> Style {
    match decision {
        Decision::Pass => GREEN,
        Decision::Fail => RED,
        Decision::Error => MAGENTA,
    }
}
