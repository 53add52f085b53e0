//! RustSec's own facts, read through the `rustsec` crate's types: from its OSV export, and from a checkout of its
//! repository.

use rustsec::{
    Advisory,
    advisory::Informational,
    platforms::target::{Arch, OS},
};
use serde_json::Value;

use crate::record::{Affected, Bound, Record, Taken, millis, one_line};

/// What an `affected` entry limits itself to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Affects {
    pub(crate) informational: Option<String>,
    pub(crate) affects: Vec<String>,
}

const AFFECTS: usize = 40;

impl Affects {
    /// Reads RustSec's `database_specific.informational` and `ecosystem_specific.affects`, GitHub's
    /// `affected_functions` and Go's `imports`. They are facts for the reader: none of them narrows a match.
    pub(crate) fn read(ecosystem: Option<&Value>, database: Option<&Value>) -> Self {
        let informational = database
            .and_then(|value| value.get("informational"))
            .and_then(|value| serde_json::from_value::<Informational>(value.clone()).ok())
            .map(|informational| informational.as_str().to_owned());
        let mut affects = Vec::new();
        let Some(value) = ecosystem else { return Self { informational, affects } };
        if let Some(limits) = value.get("affects") {
            let typed = |key: &str| limits.get(key).and_then(Value::as_array).into_iter().flatten();
            affects.extend(
                typed("arch")
                    .filter_map(|item| serde_json::from_value::<Arch>(item.clone()).ok())
                    .map(|arch| format!("arch {}", arch.as_str())),
            );
            affects.extend(
                typed("os")
                    .filter_map(|item| serde_json::from_value::<OS>(item.clone()).ok())
                    .map(|os| format!("os {}", os.as_str())),
            );
            affects.extend(typed("functions").filter_map(Value::as_str).map(str::to_owned));
        }
        let list = |key: &str| value.get(key).and_then(Value::as_array).into_iter().flatten();
        affects.extend(list("affected_functions").filter_map(Value::as_str).map(str::to_owned));
        for import in list("imports") {
            let path = import.get("path").and_then(Value::as_str).unwrap_or_default();
            match import.get("symbols").and_then(Value::as_array) {
                Some(symbols) => affects.extend(
                    symbols
                        .iter()
                        .filter_map(Value::as_str)
                        .map(|symbol| format!("{path}.{symbol}")),
                ),
                None => affects.push(path.to_owned()),
            }
        }
        affects.retain(|text| !text.is_empty() && text.len() <= 200);
        affects.truncate(AFFECTS);
        Self { informational, affects }
    }
}

/// Turns a file of the RustSec advisory repository (`crates/NAME/RUSTSEC-….md`) into a record.
///
/// # Errors
/// When the file is not an advisory, or says its versions in a way that no list of ranges can say.
pub(crate) fn from_markdown(text: &str) -> Result<Taken, String> {
    let advisory: Advisory =
        text.parse().map_err(|error: rustsec::Error| one_line(&error.to_string(), 200))?;
    let metadata = &advisory.metadata;
    if metadata.withdrawn.is_some() {
        return Ok(Taken::Withdrawn);
    }
    let date =
        millis(&format!("{}T00:00:00Z", metadata.date.as_str())).ok_or("its date is not a date")?;
    let ranges = rustsec::osv::ranges_for_advisory(&advisory.versions)
        .into_iter()
        .map(|range| {
            let from =
                range.introduced.map_or_else(|| "0".to_owned(), |version| version.to_string());
            let mut bounds = vec![Bound::Introduced(from)];
            bounds.extend(range.fixed.map(|version| Bound::Fixed(version.to_string())));
            bounds
        })
        .collect();
    let mut affects = Vec::new();
    if let Some(limits) = &advisory.affected {
        affects.extend(limits.arch.iter().map(|arch| format!("arch {}", arch.as_str())));
        affects.extend(limits.os.iter().map(|os| format!("os {}", os.as_str())));
        affects.extend(limits.functions.keys().map(ToString::to_string));
    }
    affects.truncate(AFFECTS);
    let references = metadata.url.iter().chain(&metadata.references).map(ToString::to_string);
    Ok(Taken::Record(Box::new(Record {
        id: metadata.id.as_str().to_owned(),
        modified: date,
        published: Some(date),
        flaws: Vec::new(),
        aliases: metadata.aliases.iter().map(|id| id.as_str().to_owned()).collect(),
        title: one_line(&metadata.title, 160),
        details: metadata.description.chars().take(1200).collect(),
        vectors: metadata.cvss.iter().map(ToString::to_string).collect(),
        rating: None,
        cwe: Vec::new(),
        references: references.filter(|url| url.starts_with("http")).take(12).collect(),
        affected: vec![Affected {
            ecosystem: "crates.io".to_owned(),
            name: metadata.package.as_str().to_owned(),
            ranges,
            versions: Vec::new(),
            informational: metadata.informational.as_ref().map(|kind| kind.as_str().to_owned()),
            affects,
            vendor: None,
        }],
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_export_and_the_repository_say_the_same() {
        let json: Value = serde_json::json!({"affects": {"arch": ["x86_64"], "os": ["windows"], "functions": ["a::b"]}});
        let database: Value = serde_json::json!({"informational": "unsound"});
        let read = Affects::read(Some(&json), Some(&database));
        assert_eq!(read.affects, ["arch x86_64", "os windows", "a::b"]);
        assert_eq!(read.informational.as_deref(), Some("unsound"));
        let text = "```toml\n[advisory]\nid = \"RUSTSEC-2024-0001\"\npackage = \"a\"\ndate = \"2024-01-02\"\n\
            informational = \"unsound\"\naliases = [\"CVE-2024-1\"]\n\n[affected]\narch = [\"x86_64\"]\nos = [\"windows\"]\n\
            functions = { \"a::b\" = [\"< 1.0.0\"] }\n\n[versions]\npatched = [\">= 1.0.0\"]\nunaffected = [\"< 0.5.0\"]\n```\n\n\
            # A title\n\nMore about it.\n";
        let Ok(Taken::Record(record)) = from_markdown(text) else {
            panic!("{:?}", from_markdown(text))
        };
        assert_eq!(record.affected[0].affects, ["arch x86_64", "os windows", "a::b"]);
        assert_eq!(record.affected[0].informational.as_deref(), Some("unsound"));
        assert_eq!(
            record.affected[0].ranges,
            [[Bound::Introduced("0.5.0".into()), Bound::Fixed("1.0.0".into())]]
        );
        assert_eq!((record.title.as_str(), record.aliases.len()), ("A title", 1));
        assert!(from_markdown("# nothing").is_err());
    }
}
