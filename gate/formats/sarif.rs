//! SARIF 2.1.0 (OASIS, 27 March 2020): the part that static analysers write and that code hosts read.
//!
//! Reading is tolerant: everything that the standard makes optional may be absent and other properties are passed over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The address of the schema, as writers put it into `$schema`.
pub const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The only version of the format.
pub const VERSION: &str = "2.1.0";

type Properties = BTreeMap<String, Value>;

/// A log file (§3.13).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Log {
    /// The schema's address.
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// `2.1.0`.
    pub version: String,
    /// One run a tool.
    pub runs: Vec<Run>,
}

/// One run of a tool (§3.14).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Run {
    /// The tool.
    pub tool: Tool,
    /// What distinguishes this run from others of the same tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automation_details: Option<AutomationDetails>,
    /// How the tool was run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invocations: Vec<Invocation>,
    /// The revision of the sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub version_control_provenance: Vec<VersionControl>,
    /// What the values of `uriBaseId` stand for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub original_uri_base_ids: BTreeMap<String, ArtifactLocation>,
    /// In which unit columns are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_kind: Option<String>,
    /// The results; absent when the tool did not get so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<Outcome>>,
    /// Anything else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
}

/// A tool (§3.18).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tool {
    /// The program itself.
    pub driver: Component,
    /// Plug-ins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Component>,
}

/// A part of a tool (§3.19).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its version, in any form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its version by Semantic Versioning 2.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantic_version: Option<String>,
    /// A page about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub information_uri: Option<String>,
    /// The rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
}

/// A rule (§3.49).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// One sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_description: Option<Text>,
    /// Everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_description: Option<Text>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<Text>,
    /// A page about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help_uri: Option<String>,
    /// The level of its results, unless they say another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_configuration: Option<Configuration>,
    /// `tags`, `precision`, `security-severity` and others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
}

/// How a rule behaves (§3.50).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// The level of its results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
}

/// A text of a rule (§3.12) or of a result (§3.11).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Text {
    /// Plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The same in Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
    /// The key of a text of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What replaces its placeholders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
}

impl Text {
    /// A plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }
}

/// How serious a result is (§3.27.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Does not apply.
    None,
    /// Worth knowing.
    Note,
    /// A problem.
    Warning,
    /// A serious problem.
    Error,
}

/// One result (§3.27).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outcome {
    /// The rule's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// The rule's place in the tool's list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_index: Option<i64>,
    /// The rule by reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleReference>,
    /// What sort of result: `fail` unless it says another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How serious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// What is wrong.
    pub message: Text,
    /// Where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// Other places that help to understand it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related_locations: Vec<Location>,
    /// What stays the same from run to run, together.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub partial_fingerprints: BTreeMap<String, String>,
    /// What stays the same from run to run, each alone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fingerprints: BTreeMap<String, String>,
    /// Why it does not count; an empty list says that it does, an absent one says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressions: Option<Vec<Suppression>>,
    /// `new`, `unchanged`, `updated` or `absent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline_state: Option<String>,
    /// Anything else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
}

/// A rule by reference (§3.52).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleReference {
    /// The rule's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The rule's place in the list of its component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<i64>,
    /// The component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_component: Option<ComponentReference>,
}

/// A component by reference (§3.54).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComponentReference {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its place among the extensions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<i64>,
}

/// A place (§3.28).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Location {
    /// Its number inside the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// A place in a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical_location: Option<PhysicalLocation>,
    /// Functions, packages and the like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logical_locations: Vec<LogicalLocation>,
    /// What is to see there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Text>,
}

/// A place in a file (§3.29).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PhysicalLocation {
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_location: Option<ArtifactLocation>,
    /// The part of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
}

/// A file (§3.4).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ArtifactLocation {
    /// A URI, relative to the base where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The name of the base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri_base_id: Option<String>,
    /// Its place in the run's list of artifacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<i64>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
}

/// A part of a file (§3.30). Lines and columns count from 1; the end column is behind the last character.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Region {
    /// First line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_line: Option<i64>,
    /// First column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_column: Option<i64>,
    /// Last line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_line: Option<i64>,
    /// The column behind the last character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<i64>,
    /// The text itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<Text>,
}

/// A place that is no file (§3.33).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogicalLocation {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its whole name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fully_qualified_name: Option<String>,
    /// `module`, `function`, `parameter` and others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// Why a result does not count (§3.35).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Suppression {
    /// `inSource` or `external`.
    pub kind: String,
    /// `accepted`, `underReview` or `rejected`; absent means accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Who says so and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// Anything else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: Properties,
}

/// How the tool was run (§3.20).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Invocation {
    /// Whether it did what it was asked to do.
    pub execution_successful: bool,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_utc: Option<String>,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time_utc: Option<String>,
    /// What it could not do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_execution_notifications: Vec<Notification>,
    /// What is wrong with its configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_configuration_notifications: Vec<Notification>,
}

/// A word about the run (§3.58).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Notification {
    /// The word.
    pub message: Text,
    /// How serious; `warning` when it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// Which word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptor: Option<RuleReference>,
}

/// What distinguishes a run (§3.17).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutomationDetails {
    /// The category; what stands behind the last `/` names the single run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The revision of the sources (§3.23).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VersionControl {
    /// The repository's address.
    pub repository_uri: String,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision_id: Option<String>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_tools_write_is_read() {
        let text = r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x", "rules": [{"id": "R1",
            "properties": {"security-severity": "7.5", "tags": ["security"]}}], "organization": "o"}},
            "artifacts": [], "results": [{"ruleIndex": 0, "message": {"id": "default", "arguments": ["a"]}, "locations":
            [{"physicalLocation": {"artifactLocation": {"uri": "a/b.py", "uriBaseId": "%SRCROOT%"}, "region":
            {"startLine": 3, "charOffset": 7}}}], "suppressions": []}]}]}"#;
        let log: Log = serde_json::from_str(text).unwrap();
        let result = &log.runs[0].results.as_ref().unwrap()[0];
        assert_eq!(
            (result.rule_index, result.rule_id.as_deref(), result.level),
            (Some(0), None, None)
        );
        assert_eq!(result.suppressions.as_deref(), Some(&[][..]));
        let again: Log = serde_json::from_slice(&serde_json::to_vec(&log).unwrap()).unwrap();
        assert_eq!(again, log);
    }

    #[test]
    fn a_run_without_results_is_not_a_run_with_none() {
        let log: Log = serde_json::from_str(
            r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}}]}"#,
        )
        .unwrap();
        assert_eq!(log.runs[0].results, None);
    }
}
