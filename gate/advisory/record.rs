use std::collections::BTreeSet;

use jiff::Timestamp;
use secgate_formats::osv;
use secgate_versions::{Event, Membership, Scheme, in_range};
use serde::{Deserialize, Serialize};

use crate::{
    rustsec_source::Affects,
    vendor_word::{VendorWord, flaws, is_distribution, no_vulnerability, rating_of},
};

/// One advisory as the database keeps it: what matching and reporting need, nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The advisory's id.
    pub id: String,
    /// Last change, milliseconds since 1970.
    pub modified: i64,
    /// First publication, milliseconds since 1970.
    pub published: Option<i64>,
    /// Ids of the same flaw elsewhere, as the record gives them.
    pub aliases: Vec<String>,
    /// What a distribution's record is about: its CVEs, or what stands for them. Empty for all others.
    pub flaws: Vec<String>,
    /// One line; made from the details where the record has no summary.
    pub title: String,
    /// The beginning of the details.
    pub details: String,
    /// CVSS vectors.
    pub vectors: Vec<String>,
    /// The database's own word, lower case: `low`, `moderate`, `high`, `critical`.
    pub rating: Option<String>,
    /// CWE numbers, sorted.
    pub cwe: Vec<u32>,
    /// Addresses, `https` and `http` only.
    pub references: Vec<String>,
    /// The packages.
    pub affected: Vec<Affected>,
}

/// A package that an advisory affects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    /// The ecosystem with its suffix.
    pub ecosystem: String,
    /// The name as the advisory writes it.
    pub name: String,
    /// Version ranges, joined by *or*.
    pub ranges: Vec<Vec<Bound>>,
    /// Versions that no range holds, joined by *or* with the ranges.
    pub versions: Vec<String>,
    /// RustSec's class of what is no vulnerability.
    pub informational: Option<String>,
    /// What the advisory limits itself to: functions, symbols, platforms.
    pub affects: Vec<String>,
    /// What a distribution says about its package beyond the range.
    pub vendor: Option<Box<VendorWord>>,
}

/// An event of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bound {
    /// First affected version.
    Introduced(String),
    /// First version not affected any more.
    Fixed(String),
    /// Last affected version.
    LastAffected(String),
    /// Nothing from here on.
    Limit(String),
}

impl Bound {
    /// The event as the range evaluation takes it.
    pub fn event(&self) -> Event<'_> {
        match self {
            Self::Introduced(text) => Event::Introduced(text),
            Self::Fixed(text) => Event::Fixed(text),
            Self::LastAffected(text) => Event::LastAffected(text),
            Self::Limit(text) => Event::Limit(text),
        }
    }
}

/// What became of a record on its way in.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// It counts.
    Record(Box<Record>),
    /// It was withdrawn by its publisher and counts as absent.
    Withdrawn,
}

const TITLE_CHARS: usize = 160;
const DETAILS_CHARS: usize = 1200;
const REFERENCES: usize = 12;

impl Record {
    /// Takes what is needed from an OSV record.
    ///
    /// # Errors
    /// When the record breaks the schema where matching relies on it: the sentence says how. It is then counted and
    /// named, never guessed at.
    pub fn from_osv(osv: osv::Advisory) -> Result<Taken, String> {
        osv.check()?;
        let modified = millis(&osv.modified).ok_or("`modified` is not an RFC 3339 time")?;
        let published = match &osv.published {
            Some(text) => Some(millis(text).ok_or("`published` is not an RFC 3339 time")?),
            None => None,
        };
        if osv.withdrawn.is_some() {
            return Ok(Taken::Withdrawn);
        }
        let from_distribution = osv
            .affected
            .iter()
            .filter_map(|item| item.package.as_ref())
            .any(|package| is_distribution(&package.ecosystem));
        let flaws = if from_distribution { flaws(&osv) } else { Vec::new() };
        let unharmful = if flaws.is_empty() { no_vulnerability(&osv.id) } else { None };
        let details = osv.details.unwrap_or_default();
        let summary = osv.summary.as_deref().unwrap_or_default();
        let vendor_rating =
            if from_distribution { rating_of(summary, &osv.severity) } else { None };
        let modules =
            if from_distribution { crate::vendor_word::streams(summary) } else { Vec::new() };
        let title = osv
            .summary
            .filter(|text| !text.trim().is_empty())
            .unwrap_or_else(|| first_sentence(&details));
        let mut vectors: Vec<String> = osv.severity.into_iter().filter_map(vector).collect();
        let mut rating =
            osv.database_specific.as_ref().and_then(|value| value.get("severity")).and_then(word);
        rating = rating.or(vendor_rating);
        let mut cwe: BTreeSet<u32> = osv.database_specific.as_ref().map(cwes).unwrap_or_default();
        let mut affected = Vec::with_capacity(osv.affected.len());
        for item in osv.affected {
            let Some(package) = item.package else { continue };
            let vendor = is_distribution(&package.ecosystem).then(|| {
                rating = rating.take().or_else(|| rating_of("", &item.severity));
                VendorWord::read(
                    item.ecosystem_specific.as_ref(),
                    item.database_specific.as_ref(),
                    &modules,
                )
            });
            vectors.extend(item.severity.into_iter().filter_map(vector));
            if let Some(extra) = &item.database_specific {
                rating = rating.or_else(|| extra.get("severity").and_then(word));
                cwe.extend(cwes(extra));
                if let Some(text) = extra.get("cvss").and_then(|value| value.as_str()) {
                    vectors.push(text.to_owned());
                }
            }
            let limits =
                Affects::read(item.ecosystem_specific.as_ref(), item.database_specific.as_ref());
            let ranges =
                custom_ranges(item.ecosystem_specific.as_ref(), &osv.id)?.unwrap_or(item.ranges);
            let ranges: Vec<Vec<Bound>> = ranges
                .into_iter()
                .filter(|range| range.kind != "GIT")
                .map(|range| range.events.into_iter().filter_map(bound).collect())
                .collect();
            let versions = uncovered(&package.ecosystem, &ranges, item.versions);
            affected.push(Affected {
                ecosystem: package.ecosystem,
                name: package.name,
                ranges,
                versions,
                informational: limits.informational.or_else(|| unharmful.map(str::to_owned)),
                affects: limits.affects,
                vendor: vendor.flatten().map(Box::new),
            });
        }
        vectors.sort();
        vectors.dedup();
        Ok(Taken::Record(Box::new(Self {
            id: osv.id,
            modified,
            published,
            aliases: osv
                .aliases
                .into_iter()
                .filter(|alias| {
                    !alias.is_empty()
                        && alias.len() <= 200
                        && alias.bytes().all(|b| b.is_ascii_graphic())
                })
                .collect(),
            flaws,
            title: one_line(&title, TITLE_CHARS),
            details: details.chars().take(DETAILS_CHARS).collect(),
            vectors,
            rating,
            cwe: cwe.into_iter().collect(),
            references: osv
                .references
                .into_iter()
                .map(|reference| reference.url)
                .filter(|url| {
                    url.len() <= 500 && (url.starts_with("https://") || url.starts_with("http://"))
                })
                .take(REFERENCES)
                .collect(),
            affected,
        })))
    }
}

/// The Go database keeps the ranges of modules whose releases are no Go versions in `custom_ranges`; the plain range then
/// says "every version" (Go vulnerability database, `doc/format.md`). The custom ones are the truth.
fn custom_ranges(
    specific: Option<&serde_json::Value>,
    id: &str,
) -> Result<Option<Vec<osv::Range>>, String> {
    let Some(value) =
        specific.and_then(|value| value.get("custom_ranges")).filter(|value| !value.is_null())
    else {
        return Ok(None);
    };
    let ranges: Vec<osv::Range> = serde_json::from_value(value.clone())
        .map_err(|error| format!("{id}: `custom_ranges`: {error}"))?;
    Ok(Some(ranges).filter(|ranges| !ranges.is_empty()))
}

fn bound(event: osv::Event) -> Option<Bound> {
    event
        .introduced
        .map(Bound::Introduced)
        .or_else(|| event.fixed.map(Bound::Fixed))
        .or_else(|| event.last_affected.map(Bound::LastAffected))
        .or_else(|| event.limit.map(Bound::Limit))
}

/// Drops the versions that a range holds without doubt: most records list every affected release a second time.
fn uncovered(ecosystem: &str, ranges: &[Vec<Bound>], versions: Vec<String>) -> Vec<String> {
    let Some(scheme) = Scheme::of_ecosystem(ecosystem).filter(|_| !ranges.is_empty()) else {
        return versions;
    };
    let ranges: Vec<Vec<Event<'_>>> =
        ranges.iter().map(|range| range.iter().map(Bound::event).collect()).collect();
    versions
        .into_iter()
        .filter(|text| match scheme.parse(text) {
            Ok(version) => {
                !ranges.iter().any(|range| in_range(scheme, range, &version) == Membership::Inside)
            }
            Err(_) => true,
        })
        .collect()
}

fn vector(severity: osv::Severity) -> Option<String> {
    (severity.kind.starts_with("CVSS") && severity.score.len() <= 400).then_some(severity.score)
}

fn word(value: &serde_json::Value) -> Option<String> {
    let text = value.as_str()?.to_ascii_lowercase();
    matches!(text.as_str(), "low" | "moderate" | "medium" | "high" | "critical").then_some(text)
}

/// `cwe_ids: ["CWE-79"]`, or `cwes: [{"cweId": "CWE-79"}]`.
fn cwes(value: &serde_json::Value) -> BTreeSet<u32> {
    let number = |text: &str| text.strip_prefix("CWE-").and_then(|digits| digits.parse().ok());
    let list = |key: &str| value.get(key).and_then(|list| list.as_array()).into_iter().flatten();
    list("cwe_ids")
        .filter_map(|item| item.as_str())
        .chain(list("cwes").filter_map(|item| item.get("cweId")?.as_str()))
        .filter_map(number)
        .collect()
}

/// Milliseconds since 1970 of an RFC 3339 time.
pub(crate) fn millis(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// The first sentence that says something: many details begin by saying what the package is.
fn first_sentence(details: &str) -> String {
    let mut rest = details.trim_start_matches(['#', ' ', '\n', '\r', '*']);
    let mut first = "";
    for _ in 0..2 {
        let end = [". ", ".\n", "\n\n"]
            .iter()
            .filter_map(|stop| rest.find(stop))
            .min()
            .unwrap_or(rest.len());
        let (sentence, after) = rest.split_at(end);
        if first.is_empty() {
            first = sentence;
        } else if !sentence.trim().is_empty() {
            return sentence.trim().to_owned();
        }
        let introduction =
            first.split(' ').take(4).any(|word| matches!(word, "is" | "are" | "provides"));
        if !introduction {
            break;
        }
        rest = after.trim_start_matches(['.', ' ', '\n', '\r']);
    }
    first.to_owned()
}

/// Without line breaks and control characters, cut at a number of characters.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for word in
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > limit * 4 {
            break;
        }
    }
    if line.chars().count() > limit {
        line = line.chars().take(limit - 1).collect();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Record {
        match Record::from_osv(serde_json::from_str(text).unwrap()).unwrap() {
            Taken::Record(record) => *record,
            Taken::Withdrawn => panic!("withdrawn"),
        }
    }

    #[test]
    fn listed_versions_that_a_range_holds_are_dropped() {
        let record = taken(
            r#"{"id":"PYSEC-1","modified":"2024-01-01T00:00:00Z","details":"First thing. Second thing.",
            "affected":[{"package":{"ecosystem":"PyPI","name":"X"},
              "ranges":[{"type":"GIT","repo":"r","events":[{"introduced":"0"}]},
                        {"type":"ECOSYSTEM","events":[{"introduced":"0.5"},{"fixed":"2.0"}]}],
              "versions":["1.0","1.5","2.0.post1","odd version"]}]}"#,
        );
        assert_eq!(record.title, "First thing");
        assert_eq!(record.affected[0].ranges.len(), 1);
        assert_eq!(record.affected[0].versions, ["2.0.post1", "odd version"]);
    }

    #[test]
    fn the_custom_ranges_of_go_replace_the_plain_one() {
        let record = taken(
            r#"{"id":"GO-1","modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"Go","name":"k8s.io/x"},
              "ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],
              "ecosystem_specific":{"custom_ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.9.0"}]}]}}]}"#,
        );
        assert_eq!(
            record.affected[0].ranges,
            [[Bound::Introduced("0".into()), Bound::Fixed("1.9.0".into())]]
        );
    }

    #[test]
    fn withdrawn_records_and_bad_times() {
        let text =
            r#"{"id":"X","modified":"2024-01-01T00:00:00Z","withdrawn":"2024-02-01T00:00:00Z"}"#;
        assert_eq!(Record::from_osv(serde_json::from_str(text).unwrap()), Ok(Taken::Withdrawn));
        let text = r#"{"id":"X","modified":"yesterday"}"#;
        assert!(Record::from_osv(serde_json::from_str(text).unwrap()).is_err());
    }
}
