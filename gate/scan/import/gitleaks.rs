//! gitleaks' JSON of version 8: a list, `[]` when there is nothing.
//!
//! gitleaks says no severity. The secret itself never leaves this reader: four characters and a hash of it do.

use secgate_model::{Confidence, Kind};
use serde::Deserialize;

use super::{
    draft::{Draft, blank},
    error::{ImportError, Input},
    phrase, place, redaction,
};

const FORMAT: &str = "gitleaks";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    #[serde(rename = "RuleID")]
    rule_id: String,
    description: String,
    start_line: i64,
    end_line: Option<i64>,
    start_column: Option<i64>,
    secret: String,
    #[serde(rename = "Match")]
    matched: Option<String>,
    file: String,
    commit: Option<String>,
}

pub(super) fn read(input: &Input<'_>) -> Result<Draft, ImportError> {
    let list: Vec<Found> = input.parse(FORMAT)?;
    let mut draft = Draft::new(input, FORMAT, "gitleaks");
    for found in list {
        add(&mut draft, &found)?;
    }
    Ok(draft)
}

fn add(draft: &mut Draft, found: &Found) -> Result<(), ImportError> {
    let mut finding = blank(Kind::Secret, &found.rule_id, &found.description);
    let path = place::tree_path(&found.file);
    finding.locus.locations =
        vec![place::spot(&path, Some(found.start_line), found.start_column, found.end_line)];
    finding.confidence = Confidence::Medium;
    finding.remediation = Some("Revoke the credential, then remove it".to_owned());
    // `--redact` puts a word or dots in the secret's place.
    let hidden =
        found.secret.is_empty() || found.secret == "REDACTED" || found.secret.ends_with("...");
    let commit = found.commit.as_deref().unwrap_or_default();
    let shown =
        if hidden { "redacted by gitleaks".to_owned() } else { redaction::redacted(&found.secret) };
    finding.evidence = Some(
        match commit.get(..12).filter(|commit| commit.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(commit) => format!("{shown}, in commit {commit}"),
            None => shown,
        },
    );
    if hidden {
        let around = found.matched.as_deref().unwrap_or_default();
        draft.hidden_secret(&phrase::line(&format!("{} {around} {commit}", found.secret)), finding)
    } else {
        draft.secret(&found.secret, finding)
    }
}
