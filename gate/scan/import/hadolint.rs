//! hadolint's JSON: a list, `[]` when there is nothing.
//!
//! `error`, `warning`, `info` and `style` are high, medium, low and info. `DL1000` says that the file could not be
//! parsed: nothing else in it was judged.

use secgate_model::{Kind, Severity};
use serde::Deserialize;

use super::{
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, place,
};

const FORMAT: &str = "hadolint";

#[derive(Deserialize)]
struct Found {
    line: i64,
    column: Option<i64>,
    code: String,
    message: String,
    file: String,
    level: String,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let list: Vec<Found> = input.parse(FORMAT)?;
    let mut draft = Draft::new(input, FORMAT, "hadolint");
    for found in list {
        let path = place::tree_path(&found.file);
        if found.code == "DL1000" {
            draft.gap_in(
                &path,
                format!("hadolint could not parse it: {}", phrase::line(&found.message)),
            );
            continue;
        }
        let mut finding = blank(Kind::Config, &found.code, &found.message);
        finding.locus.locations = vec![place::spot(&path, Some(found.line), found.column, None)];
        finding.severity = match found.level.as_str() {
            "error" => Some(Severity::High),
            "warning" => Some(Severity::Medium),
            "info" => Some(Severity::Low),
            "style" => Some(Severity::Info),
            _ => None,
        };
        if let Some(page) = wiki(&found.code) {
            finding.references.push(page);
        }
        draft.source(&found.message, finding)?;
    }
    Ok(draft)
}

fn wiki(code: &str) -> Option<String> {
    let digits = |digits: &str| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
    if code.strip_prefix("DL").is_some_and(digits) {
        Some(format!("https://github.com/hadolint/hadolint/wiki/{code}"))
    } else if code.strip_prefix("SC").is_some_and(digits) {
        Some(format!("https://www.shellcheck.net/wiki/{code}"))
    } else {
        None
    }
}
