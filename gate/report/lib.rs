//! Verdict and findings to bytes.
//!
//! [`render`] turns one [`Run`] into any [`Format`]; [`document()`] is the report document alone, and [`read`] turns a
//! document of somebody else back into our nouns. Everything a report shows may come from strangers: each format has
//! its own escaping, and the text for a person passes through one place that takes control characters away.

mod document;
mod format;
mod github;
mod gitlab;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;
mod html;
mod html_data;
mod json;
mod junit;
mod markdown;
pub mod read;
mod sarif;
mod sbom_diff;
mod table;
mod terminal;
mod text;
mod view;

use jiff::Timestamp;
use secgate_model::{Finding, Inventory, Outcome, Target, Verdict};

pub use document::document;
pub use format::{Format, UnknownFormat};
pub use gitlab::{GitlabReport, gitlab_reports};
pub use sbom_diff::{SBOM_DIFF_SCHEMA, sbom_diff_json, sbom_diff_markdown, sbom_diff_text};
pub use text::{line as shown_line, lines as shown_lines};

/// The JSON Schema (draft 2020-12) of the report document.
pub const REPORT_SCHEMA: &str = include_str!("../../reports/schema/report-1.schema.json");

/// Everything that a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The version of secgate.
    pub tool_version: &'a str,
    /// What was looked at.
    pub target: &'a Target,
    /// When the scan began.
    pub started: Timestamp,
    /// When it ended. The only clock that a report knows.
    pub finished: Timestamp,
    /// What each scanner left behind.
    pub outcomes: &'a [Outcome],
    /// The packages, where they were counted.
    pub inventory: Option<&'a Inventory>,
    /// The findings, in any order.
    pub findings: &'a [Finding],
    /// The verdicts of every stage, in the order of the run; none when no policy was evaluated.
    pub verdicts: &'a [Verdict],
    /// Whether the verdicts decide the exit code; `false` when only a report was asked for.
    pub gate: bool,
}

/// How a report is to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Columns of the table; fewer than 40 are taken as 40.
    pub width: usize,
    /// Whether the table has colours.
    pub colour: bool,
    /// Whether ids in the table are links (OSC 8).
    pub hyperlinks: bool,
    /// Whether the table shows everything instead of a first part.
    pub verbose: bool,
    /// The target's folder inside its repository, put in front of every path in SARIF, GitLab reports and GitHub
    /// annotations.
    pub base_path: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { width: 80, colour: false, hyperlinks: false, verbose: false, base_path: None }
    }
}

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// JSON cannot be written.
    #[error("the report cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The template of the HTML page does not fit its data.
    #[error("the report page cannot be written: {0}")]
    Page(#[from] minijinja::Error),
}

/// The report of `run` in `format`, UTF-8. The same run and options give the same bytes.
pub fn render(format: Format, run: &Run<'_>, options: &Options) -> Result<Vec<u8>, RenderError> {
    let view = view::View::new(run);
    match format {
        Format::Table => Ok(table::render(&view, options).into_bytes()),
        Format::Json => json::render(&view),
        Format::Sarif => sarif::render(&view, options),
        Format::Markdown => Ok(markdown::render(&view).into_bytes()),
        Format::Html => html::render(&view),
        Format::Junit => Ok(junit::render(&view).into_bytes()),
        Format::Gitlab => gitlab::render(&view, options),
        Format::Github => Ok(github::render(&view, options).into_bytes()),
    }
}
