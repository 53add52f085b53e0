//! Workflow commands of GitHub Actions: annotations on the lines of the change. GitHub shows ten of each level a step,
//! so only what is new and blocks becomes one, and the last tells of the rest.

use std::fmt::Write;

use secgate_model::Decision;

use crate::{
    Options,
    text::{self, count},
    view::{Item, View, severity_name},
};

/// How many annotations of one level GitHub shows a step.
const SHOWN: usize = 10;

pub(crate) fn render(view: &View<'_>, options: &Options) -> String {
    let mut out = String::new();
    let figures = view.figures();
    // Without a baseline everything that blocks is new to the reader.
    let items: Vec<&Item<'_>> =
        view.items.iter().filter(|item| item.blocks && item.new != Some(false)).collect();
    let missing: Vec<_> = view.reasons(Decision::Error).collect();
    let wanted = items.len() + missing.len();
    let mut room = if wanted > SHOWN { SHOWN - 1 } else { SHOWN };
    for (verdict, reason) in missing.iter().take(room) {
        room -= 1;
        let title = format!(
            "secgate: evidence missing for {} ({})",
            text::line(&reason.rule),
            text::line(&verdict.stage)
        );
        let mut message = text::lines(&reason.why);
        if let Some(help) = &reason.help {
            message.push('\n');
            message.push_str(&text::lines(help));
        }
        command(&mut out, "error", &[("title", &title)], &message);
    }
    for item in items.iter().take(room) {
        annotate(&mut out, view, options, item);
    }
    for remark in view.remarks().into_iter().take(SHOWN) {
        let title = format!("secgate: {}", text::line(&remark.rule));
        let mut message = text::lines(&remark.why);
        if let Some(help) = &remark.help {
            message.push('\n');
            message.push_str(&text::lines(help));
        }
        command(&mut out, "warning", &[("title", &title)], &message);
    }
    let hidden = wanted.saturating_sub(SHOWN - 1);
    if wanted > SHOWN {
        let message = format!(
            "{} more of {} that block; the report has them all",
            text::thousands(hidden),
            text::thousands(wanted)
        );
        command(&mut out, "error", &[("title", "secgate: more findings")], &message);
    }
    let known = figures.blocking.saturating_sub(items.len());
    let said = match view.decision {
        None => format!("{}, no policy was evaluated", count(figures.findings, "finding")),
        Some(Decision::Pass) => "secgate passes".to_owned(),
        Some(decision) => {
            let word =
                if decision == Decision::Fail { "secgate fails" } else { "secgate cannot judge" };
            let old = if known > 0 {
                format!(", {known} known from the baseline")
            } else {
                String::new()
            };
            let missing = if figures.missing > 0 {
                format!(", evidence missing: {}", figures.missing)
            } else {
                String::new()
            };
            format!("{word}: {} new and blocking{old}{missing}", items.len())
        }
    };
    command(&mut out, "notice", &[("title", "secgate")], &said);
    out
}

fn annotate(out: &mut String, view: &View<'_>, options: &Options, item: &Item<'_>) {
    let finding = item.finding;
    let title = format!(
        "{} {}: {}",
        severity_name(finding.severity),
        text::line(&finding.rule),
        text::clip(&text::line(&finding.title), 120)
    );
    let mut message = text::line(&finding.title);
    let subject = view.subject(finding);
    if !subject.is_empty() {
        let _ = write!(message, "\n{subject}");
    }
    for (label, body) in [("Seen", &finding.evidence), ("Do", &finding.remediation)] {
        if let Some(body) = body {
            let _ = write!(message, "\n{label}: {}", text::clip(&text::lines(body), 600));
        }
    }
    let place = view.place(finding);
    let path =
        place.map(|place| text::clean_path(options.base_path.as_deref(), &text::line(&place.path)));
    let line = place.and_then(|place| place.line).map(|line| line.to_string());
    let end = place.and_then(|place| place.end_line).map(|line| line.to_string());
    let column = place.and_then(|place| place.column).map(|column| column.to_string());
    let mut properties: Vec<(&str, &str)> = Vec::new();
    if let Some(path) = &path {
        properties.push(("file", path));
    }
    for (name, value) in [("line", &line), ("endLine", &end), ("col", &column)] {
        if let Some(value) = value {
            properties.push((name, value));
        }
    }
    properties.push(("title", &title));
    command(out, "error", &properties, &message);
}

/// One command; the runner decodes `%25`, `%0D`, `%0A` in the message and also `%3A`, `%2C` in properties.
fn command(out: &mut String, name: &str, properties: &[(&str, &str)], message: &str) {
    out.push_str("::");
    out.push_str(name);
    for (at, (key, value)) in properties.iter().enumerate() {
        out.push(if at == 0 { ' ' } else { ',' });
        out.push_str(key);
        out.push('=');
        escape(out, value, true);
    }
    out.push_str("::");
    escape(out, message, false);
    out.push('\n');
}

fn escape(out: &mut String, text: &str, property: bool) {
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            ':' if property => out.push_str("%3A"),
            ',' if property => out.push_str("%2C"),
            c => out.push(c),
        }
    }
}
