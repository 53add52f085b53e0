use jiff::Timestamp;
use secgate_model::{AdvisoryData, SourceDates};
use serde::{Deserialize, Serialize};

use crate::{compile::Seen, release::Release};

/// What a database says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Names the content: 16 hexadecimal digits.
    pub revision: String,
    /// Milliseconds since 1970: until when the data is known to be current. That is when the source was last checked,
    /// unless it looked frozen then: a source whose newest file is more than a week old counts as of that file.
    pub published: Option<i64>,
    /// Milliseconds since 1970: when every part of the source was last checked.
    pub checked: Option<i64>,
    /// The newest file time that the source gave, milliseconds since 1970.
    pub newest_file: Option<i64>,
    /// The newest change of a record that did not lie in the future when the source was checked, milliseconds since 1970.
    pub newest_change: Option<i64>,
    /// It is the embedded starter set.
    pub starter: bool,
    /// Where it came from.
    pub origin: String,
    /// One entry a source, sorted by name.
    pub sources: Vec<Source>,
    /// Packages that have an advisory.
    pub packages: u64,
    /// Advisories.
    pub records: u64,
    /// The EPSS table.
    pub epss: Option<Enrichment>,
    /// The KEV catalogue.
    pub kev: Option<Enrichment>,
}

/// One ecosystem's feed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The ecosystem.
    pub name: String,
    /// Records that count.
    pub records: u64,
    /// Records that their publisher withdrew.
    pub withdrawn: u64,
    /// Records that do not follow the schema, each as `id: reason`.
    pub rejected: Vec<String>,
    /// Of a distribution: the suffixes of its ecosystem that records speak about, sorted.
    pub releases: Vec<String>,
    /// Those of `releases` that a handful of records speak about, where another has thousands: a feed that has stopped taking
    /// a release in still holds a record or two that happen to name it.
    pub barely: Vec<String>,
    /// The newest `modified` of its records, milliseconds since 1970.
    pub newest: Option<i64>,
    /// The validator to send with the next request.
    pub etag: Option<String>,
    /// The server's file time, as it wrote it.
    pub last_modified: Option<String>,
}

/// A table about CVEs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Enrichment {
    /// How many CVEs it holds.
    pub entries: u64,
    /// Its own date, milliseconds since 1970.
    pub published: Option<i64>,
    /// When it was last known to be the newest, milliseconds since 1970.
    pub checked: Option<i64>,
    /// The file time that the source gave, milliseconds since 1970.
    pub file_time: Option<i64>,
    /// The validator to send with the next request.
    pub etag: Option<String>,
    /// The server's file time, as it wrote it.
    pub last_modified: Option<String>,
}

impl Enrichment {
    fn current_until(&self, frozen: i64) -> Option<Timestamp> {
        let until = current_until(self.checked?, self.file_time, frozen);
        Timestamp::from_millisecond(until).ok()
    }
}

const DAY_MS: i64 = 24 * 3600 * 1000;
/// A source that has not changed for a week is not kept up: the public export changes every few minutes, and EPSS
/// daily.
const FROZEN_MS: i64 = 7 * DAY_MS;
/// CISA adds to its catalogue several times a month.
const FROZEN_KEV_MS: i64 = 30 * DAY_MS;

/// Until when data are known to be current, of a source checked at `checked` whose newest file has the time `newest`:
/// until the check, unless the source had stood still for longer than `frozen` then; it counts as of that file. A time in
/// the future proves nothing.
fn current_until(checked: i64, newest: Option<i64>, frozen: i64) -> i64 {
    newest.filter(|newest| checked.saturating_sub(*newest) > frozen).unwrap_or(checked)
}

impl Status {
    /// The time that counts as the advisories'.
    pub(crate) fn current_until(checked: i64, newest: Option<i64>) -> i64 {
        current_until(checked, newest, FROZEN_MS)
    }

    /// Until when the EPSS scores are known to be the newest.
    pub fn epss_at(&self) -> Option<Timestamp> {
        self.epss.as_ref().and_then(|table| table.current_until(FROZEN_MS))
    }

    /// Until when the KEV catalogue is known to be the newest.
    pub fn kev_at(&self) -> Option<Timestamp> {
        self.kev.as_ref().and_then(|table| table.current_until(FROZEN_KEV_MS))
    }

    /// What an outcome says of these data, and a policy judges.
    pub fn advisory_data(&self) -> AdvisoryData {
        let time = |ms: Option<i64>| ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        AdvisoryData {
            revision: self.revision.clone(),
            published: self.published_at(),
            count: self.records,
            starter: self.starter,
            epss: self.epss_at(),
            kev: self.kev_at(),
            at_source: SourceDates {
                advisories: time(self.newest_change),
                epss: time(self.epss.as_ref().and_then(|table| table.published)),
                kev: time(self.kev.as_ref().and_then(|table| table.published)),
            },
        }
    }

    /// The newest of the times of `seen` that do not lie after `now`.
    pub(crate) fn newest_change_of(seen: &Seen, now: i64) -> Option<i64> {
        let times = seen.values().flatten().map(|(_, time)| *time);
        times.filter(|time| *time > 0 && *time <= now).max()
    }

    /// The time at which the data was last known to be current.
    pub fn published_at(&self) -> Option<Timestamp> {
        self.published.and_then(|ms| Timestamp::from_millisecond(ms).ok())
    }

    /// The part that is about the content, not about when and where it was fetched.
    pub(crate) fn content(&self) -> Self {
        let table = |table: &Option<Enrichment>| {
            table.as_ref().map(|table| Enrichment {
                entries: table.entries,
                published: table.published,
                ..Enrichment::default()
            })
        };
        Self {
            starter: self.starter,
            records: self.records,
            packages: self.packages,
            sources: self
                .sources
                .iter()
                .map(|source| Source { etag: None, last_modified: None, ..source.clone() })
                .collect(),
            kev: table(&self.kev),
            epss: table(&self.epss),
            ..Self::default()
        }
    }

    /// Whether the source publishes advisories for an ecosystem (without suffix).
    pub fn covers(&self, ecosystem: &str) -> bool {
        // A source of which nothing could be used covers nothing.
        let usable = |source: &Source| source.records > 0 || source.rejected.is_empty();
        self.sources.iter().any(|source| source.name == ecosystem && usable(source))
    }

    /// Whether any advisory of a distribution speaks about a release.
    pub(crate) fn covers_release(&self, ecosystem: &str, release: &Release) -> bool {
        let mut sources = self.sources.iter().filter(|source| source.name == ecosystem);
        sources.any(|source| source.releases.iter().any(|suffix| release.holds(suffix)))
    }

    /// Whether so few advisories of a distribution speak about a release that it cannot count as covered.
    pub(crate) fn barely_covers(&self, ecosystem: &str, release: &Release) -> bool {
        let sources = || self.sources.iter().filter(|source| source.name == ecosystem);
        let mut held = sources()
            .flat_map(|source| source.releases.iter().map(move |suffix| (source, suffix)))
            .filter(|(_, suffix)| release.holds(suffix))
            .peekable();
        held.peek().is_some() && held.all(|(source, suffix)| source.barely.contains(suffix))
    }

    /// How many records were rejected.
    pub fn rejected(&self) -> usize {
        self.sources.iter().map(|source| source.rejected.len()).sum()
    }
}
