//! The difference of two SBOMs for a person: a table of 80 columns, a comment for a pull request, and the document itself.

use std::fmt::Write;

use secgate_formats::sbom_diff::{Change, Changed, Direction, Entry, SbomDiff};

use crate::{
    markdown::escape,
    text::{count, fit, line, width},
};

/// Rows of one list of a comment.
const MOST_ROWS: usize = 100;
/// GitHub takes 65,536 characters in all; rows stop early enough for what follows.
const ROWS_UNTIL: usize = 60_000;
/// Columns of one text in a comment's table.
const MOST_COLUMNS: usize = 120;

/// The JSON Schema (draft 2020-12) of the document.
pub const SBOM_DIFF_SCHEMA: &str = include_str!("../../reports/schema/sbom-diff-1.schema.json");

/// The document as JSON.
pub fn sbom_diff_json(diff: &SbomDiff) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(diff)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Plain text for a terminal of `columns`, at least 40.
pub fn sbom_diff_text(diff: &SbomDiff, columns: usize) -> String {
    let columns = columns.max(40);
    let mut out = String::new();
    let mut row = |text: &str| {
        let _ = writeln!(out, "{}", fit(text, columns));
    };
    row(&format!("from {}", line(&diff.from.name)));
    row(&format!("to   {}", line(&diff.to.name)));
    let sections = [("Removed", '-', &diff.removed), ("Added", '+', &diff.added)];
    for (title, mark, entries) in sections {
        if entries.is_empty() {
            continue;
        }
        row("");
        row(title);
        for entry in entries {
            let rest = [line(&licenses(&entry.licenses)), told(entry)].join("  ");
            // The package first: what says more gives way to it.
            let front = format!("  {mark} {}", line(&entry.purl));
            let left = columns.saturating_sub(width(&front) + 2);
            if left >= 12 && !rest.trim().is_empty() {
                row(&format!("{front}  {}", fit(rest.trim(), left)));
            } else {
                row(&front);
            }
        }
    }
    let changes: [(&str, Direction); 4] = [
        ("Upgraded", Direction::Up),
        ("Downgraded", Direction::Down),
        ("Other version", Direction::Side),
        ("Same version", Direction::Same),
    ];
    for (title, direction) in changes {
        let mut all = diff.changed.iter().filter(|changed| changed.version == direction).peekable();
        if all.peek().is_none() {
            continue;
        }
        row("");
        row(title);
        for changed in all {
            row(&format!("  {}", line(&changed.from)));
            if changed.from != changed.to {
                row(&format!("    now {}", line(&changed.to)));
            }
            for text in differences(changed) {
                row(&format!("    {}", line(&text)));
            }
        }
    }
    row("");
    row(&summary(diff));
    if let Some(warning) = warning(diff) {
        row(&warning);
    }
    out
}

/// A comment for a pull request (GitHub's and GitLab's Markdown).
pub fn sbom_diff_markdown(diff: &SbomDiff) -> String {
    let cell = |text: &str| escape(&fit(&line(text), MOST_COLUMNS));
    let mut out = String::new();
    let _ = writeln!(out, "### SBOM: {} → {}\n", cell(&diff.from.name), cell(&diff.to.name));
    let _ = writeln!(out, "{}", summary(diff));
    if let Some(warning) = warning(diff) {
        let _ = writeln!(out, "\n**{warning}**");
    }
    for (title, entries) in [("Removed", &diff.removed), ("Added", &diff.added)] {
        if entries.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n#### {title}\n\n| Package | Licences | |\n| --- | --- | --- |");
        rows(&mut out, entries, |entry| {
            let licenses = cell(&licenses(&entry.licenses));
            format!("| {} | {licenses} | {} |\n", cell(&entry.purl), told(entry))
        });
    }
    if !diff.changed.is_empty() {
        out.push_str(
            "\n#### Changed\n\n| Before | After | Version | |\n| --- | --- | --- | --- |\n",
        );
        rows(&mut out, &diff.changed, |changed| {
            let rest: Vec<String> = differences(changed).iter().map(|text| cell(text)).collect();
            format!(
                "| {} | {} | {} | {} |\n",
                cell(&changed.from),
                cell(&changed.to),
                changed.version.name(),
                rest.join("; ")
            )
        });
    }
    out
}

fn rows<T>(out: &mut String, all: &[T], row: impl Fn(&T) -> String) {
    let mut shown = 0;
    for item in all.iter().take(MOST_ROWS) {
        let row = row(item);
        if out.len() + row.len() > ROWS_UNTIL {
            break;
        }
        out.push_str(&row);
        shown += 1;
    }
    if shown < all.len() {
        let _ = writeln!(out, "\n_… and {} more._", crate::text::thousands(all.len() - shown));
    }
}

fn differences(changed: &Changed) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(Change { from, to }) = &changed.licenses {
        all.push(format!("licences {} → {}", licenses(from), licenses(to)));
    }
    if let Some(Change { from, to }) = &changed.scope {
        all.push(format!("scope {from} → {to}"));
    }
    all
}

fn licenses(all: &[String]) -> String {
    if all.is_empty() { "none told".to_owned() } else { all.join(", ") }
}

fn told(entry: &Entry) -> String {
    let direct = match entry.direct {
        Some(true) => "direct",
        Some(false) => "transitive",
        None => "",
    };
    let scope = if entry.scope == "unknown" { "" } else { entry.scope.as_str() };
    line(&format!("{direct} {scope}"))
}

fn summary(diff: &SbomDiff) -> String {
    if diff.is_empty() {
        let all = usize::try_from(diff.unchanged).unwrap_or(usize::MAX);
        return format!("No difference in {}.", count(all, "package"));
    }
    format!(
        "{} added, {} removed, {} changed, {} the same.",
        diff.added.len(),
        diff.removed.len(),
        diff.changed.len(),
        diff.unchanged
    )
}

/// With gaps, what seems added or removed may only be unknown.
fn warning(diff: &SbomDiff) -> Option<String> {
    let gaps = diff.from.gaps.saturating_add(diff.to.gaps);
    (gaps > 0).then(|| {
        format!(
            "Incomplete: {} before, {} after; more may differ.",
            count(usize::try_from(diff.from.gaps).unwrap_or(usize::MAX), "gap"),
            count(usize::try_from(diff.to.gaps).unwrap_or(usize::MAX), "gap")
        )
    })
}

#[cfg(test)]
mod tests {
    use secgate_formats::sbom_diff::{SCHEMA, Side};
    use serde_json::Value;

    use super::*;

    fn sample() -> SbomDiff {
        let entry = |purl: &str, licenses: &[&str]| Entry {
            purl: purl.to_owned(),
            scope: "runtime".to_owned(),
            direct: Some(true),
            licenses: licenses.iter().map(|text| (*text).to_owned()).collect(),
        };
        let side = |name: &str, gaps| Side { name: name.to_owned(), packages: 3, gaps };
        SbomDiff {
            schema: SCHEMA.to_owned(),
            from: side("old.cdx.json", 0),
            to: side("new.cdx.json", 1),
            added: vec![entry("pkg:npm/left-pad@1.3.0", &["WTFPL"])],
            removed: vec![entry("pkg:npm/request@2.88.2", &[])],
            changed: vec![Changed {
                from: "pkg:npm/lodash@4.17.20".to_owned(),
                to: "pkg:npm/lodash@4.17.21".to_owned(),
                version: Direction::Up,
                licenses: Some(Change { from: Vec::new(), to: vec!["MIT".to_owned()] }),
                scope: None,
            }],
            unchanged: 1,
        }
    }

    #[test]
    fn a_terminal_shows_every_change() {
        assert_eq!(
            sbom_diff_text(&sample(), 80),
            "from old.cdx.json\nto   new.cdx.json\n\nRemoved\n  - pkg:npm/request@2.88.2  none told  direct runtime\n\
             \nAdded\n  + pkg:npm/left-pad@1.3.0  WTFPL  direct runtime\n\
             \nUpgraded\n  pkg:npm/lodash@4.17.20\n    now pkg:npm/lodash@4.17.21\n    licences none told → MIT\n\
             \n1 added, 1 removed, 1 changed, 1 the same.\nIncomplete: 0 gaps before, 1 gap after; more may differ.\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_asked_and_hostile_text_stays_text() {
        let mut diff = sample();
        diff.added[0].licenses = vec!["\u{1b}[2J<script>|`\n# x\u{202e}".repeat(50)];
        diff.from.name = "a".repeat(500);
        for row in sbom_diff_text(&diff, 80).lines() {
            assert!(width(row) <= 80, "{row}");
            assert!(!row.contains('\u{1b}') && !row.contains('\u{202e}'));
        }
        let markdown = sbom_diff_markdown(&diff);
        assert!(!markdown.contains("<script>") && !markdown.contains('\u{1b}'));
        assert_eq!(markdown.lines().filter(|row| row.starts_with("# ")).count(), 0);
        diff.changed[0].licenses.as_mut().unwrap().to = vec!["<>|`*_".repeat(100)];
        diff.changed = vec![diff.changed[0].clone(); 50_000];
        diff.added = vec![diff.added[0].clone(); 50_000];
        assert!(sbom_diff_markdown(&diff).len() < 64 << 10);
    }

    #[test]
    fn the_document_follows_its_schema() {
        let schema: Value = serde_json::from_str(SBOM_DIFF_SCHEMA).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let bytes = sbom_diff_json(&sample()).unwrap();
        let mut document: Value = serde_json::from_slice(&bytes).unwrap();
        assert!(validator.is_valid(&document), "{:?}", validator.validate(&document));
        assert_eq!(serde_json::from_slice::<SbomDiff>(&bytes).unwrap(), sample());
        document["more"] = Value::Null;
        assert!(!validator.is_valid(&document));
    }
}
