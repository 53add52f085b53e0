//! The Open Source Vulnerability format, schema 1.x (ossf/osv-schema, `docs/schema.md`), as far as secgate reads it.
//!
//! Fields that are not read may hold anything; those that are read must have the schema's types, and the structural rules
//! that matching relies on are checked by [`Advisory::check`].

use serde::{Deserialize, Serialize};

/// One record of an advisory database.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Advisory {
    /// Schema version; absent means 1.0.0.
    #[serde(default)]
    pub schema_version: Option<String>,
    /// Unique id with its database's prefix.
    pub id: String,
    /// RFC 3339, UTC.
    pub modified: String,
    /// RFC 3339, UTC.
    #[serde(default)]
    pub published: Option<String>,
    /// RFC 3339, UTC; present when the record must be treated as if it did not exist.
    #[serde(default)]
    pub withdrawn: Option<String>,
    /// Ids of the same flaw in other databases.
    #[serde(default, deserialize_with = "or_default")]
    pub aliases: Vec<String>,
    /// Ids of the flaws in what this record's packages are made from: a distribution's record names its CVEs here.
    #[serde(default, deserialize_with = "or_default")]
    pub upstream: Vec<String>,
    /// Ids of records that have something to do with this one.
    #[serde(default, deserialize_with = "or_default")]
    pub related: Vec<String>,
    /// One line.
    #[serde(default)]
    pub summary: Option<String>,
    /// Markdown.
    #[serde(default)]
    pub details: Option<String>,
    /// Vectors for the whole record.
    #[serde(default, deserialize_with = "or_default")]
    pub severity: Vec<Severity>,
    /// What it affects.
    #[serde(default, deserialize_with = "or_default")]
    pub affected: Vec<Affected>,
    /// Further reading.
    #[serde(default, deserialize_with = "or_default")]
    pub references: Vec<Reference>,
    /// What the database adds.
    #[serde(default)]
    pub database_specific: Option<serde_json::Value>,
}

/// A severity vector.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Severity {
    /// `CVSS_V2`, `CVSS_V3`, `CVSS_V4` or a name of the database's own.
    #[serde(rename = "type")]
    pub kind: String,
    /// The vector.
    pub score: String,
}

/// A package, and which of its versions are affected.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Affected {
    /// The package; absent where only a repository is known.
    #[serde(default)]
    pub package: Option<Package>,
    /// Vectors for this package alone.
    #[serde(default, deserialize_with = "or_default")]
    pub severity: Vec<Severity>,
    /// Ranges, joined by *or*.
    #[serde(default, deserialize_with = "or_default")]
    pub ranges: Vec<Range>,
    /// Versions, joined by *or* with the ranges.
    #[serde(default, deserialize_with = "or_default")]
    pub versions: Vec<String>,
    /// What the ecosystem adds.
    #[serde(default)]
    pub ecosystem_specific: Option<serde_json::Value>,
    /// What the database adds.
    #[serde(default)]
    pub database_specific: Option<serde_json::Value>,
}

/// A package by ecosystem and name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Package {
    /// Ecosystem, with a suffix after `:` for a release.
    pub ecosystem: String,
    /// Name, as the ecosystem writes it.
    pub name: String,
}

/// A list of events on a line of versions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Range {
    /// `SEMVER`, `ECOSYSTEM` or `GIT`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The events, in no order that can be relied upon.
    pub events: Vec<Event>,
}

/// Exactly one of the four is there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Event {
    /// First affected version; `0` is before every version.
    #[serde(default)]
    pub introduced: Option<String>,
    /// First version that is not affected any more.
    #[serde(default)]
    pub fixed: Option<String>,
    /// Last affected version.
    #[serde(default)]
    pub last_affected: Option<String>,
    /// Nothing from here on is affected.
    #[serde(default)]
    pub limit: Option<String>,
}

/// A link.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reference {
    /// `ADVISORY`, `FIX`, `WEB` and others.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The address.
    pub url: String,
}

/// Some exporters write `null` where the schema wants a list.
fn or_default<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<Vec<T>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Ids of the same flaw in one record; the largest list seen has 16.
const MAX_ALIASES: usize = 1000;
/// Affected entries in one record; the most seen are some 500.
const MAX_AFFECTED: usize = 20_000;
/// Events in one range; the most seen are 78. Evaluation costs their square.
const MAX_EVENTS: usize = 1000;
/// Events in one record.
const MAX_ALL_EVENTS: usize = 100_000;

impl Advisory {
    /// Checks the rules of the schema that matching relies on, and that no list is of an absurd length.
    ///
    /// # Errors
    /// A sentence that names the broken rule.
    pub fn check(&self) -> Result<(), String> {
        let id_ok = !self.id.is_empty()
            && self.id.len() <= 200
            && self.id.bytes().all(|b| b.is_ascii_graphic());
        if !id_ok {
            return Err("`id` is empty, too long or not plain text".to_owned());
        }
        if self.aliases.len() > MAX_ALIASES {
            return Err(format!("more than {MAX_ALIASES} aliases"));
        }
        if self.affected.len() > MAX_AFFECTED {
            return Err(format!("more than {MAX_AFFECTED} affected packages"));
        }
        let mut events = 0;
        for affected in &self.affected {
            if affected
                .package
                .as_ref()
                .is_some_and(|package| package.name.is_empty() || package.ecosystem.is_empty())
            {
                return Err("a package without name or ecosystem".to_owned());
            }
            for range in &affected.ranges {
                if !matches!(range.kind.as_str(), "SEMVER" | "ECOSYSTEM" | "GIT") {
                    let kind: String = range.kind.chars().take(40).collect();
                    return Err(format!("an unknown range type `{kind}`"));
                }
                if range.kind == "GIT" {
                    continue;
                }
                events += range.events.len();
                if range.events.len() > MAX_EVENTS || events > MAX_ALL_EVENTS {
                    return Err("more events than any advisory has".to_owned());
                }
                let single = |event: &Event| {
                    [&event.introduced, &event.fixed, &event.last_affected, &event.limit]
                        .into_iter()
                        .filter(|value| value.is_some())
                        .count()
                        == 1
                };
                if !range.events.iter().all(single) {
                    return Err("an event that is not exactly one of introduced, fixed, last_affected, limit".to_owned());
                }
                if !range.events.iter().any(|event| event.introduced.is_some()) {
                    return Err("a range without an introduced event".to_owned());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(affected: &str) -> Result<(), String> {
        let text =
            format!(r#"{{"id":"X-1","modified":"2024-01-01T00:00:00Z","affected":{affected}}}"#);
        serde_json::from_str::<Advisory>(&text).map_err(|error| error.to_string())?.check()
    }

    #[test]
    fn the_rules_that_matching_relies_on() {
        let package = r#""package":{"ecosystem":"PyPI","name":"x"}"#;
        assert_eq!(check("null"), Ok(()));
        assert_eq!(
            check(&format!(
                r#"[{{{package},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}}]}}]}}]"#
            )),
            Ok(())
        );
        for bad in [
            format!(
                r#"[{{{package},"ranges":[{{"type":"RANGE","events":[{{"introduced":"0"}}]}}]}}]"#
            ),
            format!(r#"[{{{package},"ranges":[{{"type":"SEMVER","events":[{{"fixed":"1"}}]}}]}}]"#),
            format!(
                r#"[{{{package},"ranges":[{{"type":"SEMVER","events":[{{"introduced":"0","fixed":"1"}}]}}]}}]"#
            ),
            format!(r#"[{{{package},"ranges":[{{"type":"SEMVER","events":[]}}]}}]"#),
            format!(
                r#"[{{{package},"ranges":[{{"type":"SEMVER","events":[{}{{"introduced":"0"}}]}}]}}]"#,
                r#"{"fixed":"1"},"#.repeat(1000)
            ),
            r#"[{"package":{"ecosystem":"","name":"x"}}]"#.to_owned(),
            r#"[{"package":{"ecosystem":"PyPI","name":1}}]"#.to_owned(),
        ] {
            assert!(check(&bad).is_err(), "{bad}");
        }
    }
}
