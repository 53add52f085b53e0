use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Seek},
};

use flate2::read::MultiGzDecoder;
use rayon::prelude::*;
use serde::Deserialize;

use crate::{
    Record, Source,
    record::{Taken, millis, one_line},
    status::Enrichment,
};

/// No advisory is larger; the largest seen are kernel CVEs with two megabytes of versions.
pub(crate) const MAX_RECORD: u64 = 16 << 20;
/// Records in one archive.
const MAX_RECORDS: usize = 4_000_000;
/// Bytes of all records of one archive: some forty times the largest source.
const MAX_INFLATED: u64 = 16 << 30;
/// Bytes of an inflated table.
const MAX_TABLE: u64 = 256 << 20;
/// Refused records of one source that are named. A source with more of them is broken, or follows another schema.
pub(crate) const MAX_REJECTED: usize = 10_000;

/// Why a feed cannot be used. The old database stays.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// It is not what its name says.
    #[error("{name}: {message}")]
    Malformed {
        /// Which part of the source.
        name: String,
        /// What is wrong with it.
        message: String,
    },
}

/// EPSS: CVE, probability, percentile.
pub(crate) type Scores = Vec<(u64, f32, f32)>;
/// A table of a feed, and what it says of itself.
pub(crate) type ReadTable<T> = Result<(T, Enrichment), FeedError>;

/// The tables about CVEs, sorted by CVE.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tables {
    pub(crate) epss: Scores,
    pub(crate) kev: Vec<u64>,
}

/// One ecosystem's records as they were read.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    pub(crate) source: Source,
    pub(crate) records: Vec<Record>,
    pub(crate) seen: Vec<(String, i64)>,
}

impl Feed {
    pub(crate) fn named(name: &str) -> Self {
        Self { source: Source { name: name.to_owned(), ..Source::default() }, ..Self::default() }
    }

    /// Takes one record's bytes; `name` is its file's name, for records that cannot say their own.
    pub(crate) fn take(&mut self, name: &str, bytes: &[u8]) {
        self.add(read_record(name, bytes));
    }

    /// Takes the bytes that the source gives for the record `id`, and nothing else under that name.
    pub(crate) fn take_as(&mut self, id: &str, bytes: &[u8]) {
        let mut read = read_record(id, bytes);
        if read.id != id {
            let taken = Err(format!("its file holds the record {}", read.id));
            read = ReadRecord { id: id.to_owned(), modified: None, taken };
        }
        self.add(read);
    }

    /// Gives the records that could not be read, and so have no time of their own, the time of the source's list.
    pub(crate) fn date(&mut self, rows: &[(String, i64)]) {
        let listed: BTreeMap<&str, i64> =
            rows.iter().map(|(id, time)| (id.as_str(), *time)).collect();
        for (id, time) in self.seen.iter_mut().filter(|(_, time)| *time == 0) {
            *time = listed.get(id.as_str()).copied().unwrap_or_default();
        }
    }

    /// Puts newer forms of some records in the place of those it has.
    pub(crate) fn replace(&mut self, newer: Self) {
        let ids: BTreeSet<&str> = newer.seen.iter().map(|(id, _)| id.as_str()).collect();
        self.records.retain(|record| !ids.contains(record.id.as_str()));
        self.source.rejected.retain(|line| !ids.contains(rejected_id(line)));
        self.seen.retain(|(id, _)| !ids.contains(id.as_str()));
        self.records.extend(newer.records);
        self.source.rejected.extend(newer.source.rejected);
        self.source.newest = self.source.newest.max(newer.source.newest);
        self.seen.extend(newer.seen);
        self.source.rejected.sort();
        self.seen.sort();
    }

    fn add(&mut self, read: ReadRecord) {
        self.add_taken(read.id, read.modified, read.taken);
    }

    /// Counts one record under its id.
    pub(crate) fn add_taken(
        &mut self,
        id: String,
        modified: Option<i64>,
        taken: Result<Taken, String>,
    ) {
        self.source.newest = self.source.newest.max(modified);
        match taken {
            Ok(Taken::Record(record)) => {
                self.source.records += 1;
                self.records.push(*record);
            }
            Ok(Taken::Withdrawn) => self.source.withdrawn += 1,
            Err(reason) => self.source.rejected.push(format!("{id}: {}", one_line(&reason, 200))),
        }
        self.seen.push((id, modified.unwrap_or_default()));
    }

    pub(crate) fn finish(mut self) -> Self {
        self.source.rejected.sort();
        self.seen.sort();
        self
    }
}

/// The id of a line of [`Source::rejected`].
pub(crate) fn rejected_id(line: &str) -> &str {
    line.split(": ").next().unwrap_or_default()
}

struct ReadRecord {
    id: String,
    modified: Option<i64>,
    taken: Result<Taken, String>,
}

fn read_record(name: &str, bytes: &[u8]) -> ReadRecord {
    let stem = name.rsplit('/').next().unwrap_or(name);
    let stem = one_line(stem.strip_suffix(".json").unwrap_or(stem), 200);
    match serde_json::from_slice::<secgate_formats::osv::Advisory>(bytes) {
        Ok(osv) => {
            let modified = millis(&osv.modified);
            let id = if osv.id.is_empty() { stem } else { one_line(&osv.id, 200) };
            ReadRecord { id, modified, taken: Record::from_osv(osv) }
        }
        Err(error) => ReadRecord { id: stem, modified: None, taken: Err(error.to_string()) },
    }
}

/// Reads an `all.zip`: every `*.json` in it is a record.
pub(crate) fn read_archive<R: Read + Seek + Send>(
    ecosystem: &str,
    archive: R,
) -> Result<Feed, FeedError> {
    read_bounded(ecosystem, archive, MAX_INFLATED)
}

fn read_bounded<R: Read + Seek + Send>(
    ecosystem: &str,
    archive: R,
    max_inflated: u64,
) -> Result<Feed, FeedError> {
    let malformed =
        |message: String| FeedError::Malformed { name: format!("{ecosystem}/all.zip"), message };
    let mut archive = zip::ZipArchive::new(archive)
        .map_err(|error| malformed(format!("not a zip archive: {error}")))?;
    if archive.len() > MAX_RECORDS {
        return Err(malformed(format!("more than {MAX_RECORDS} records")));
    }
    let mut feed = Feed::named(ecosystem);
    // Inflating is quick and needs the archive's cursor; parsing is slow and runs on every core, batch by batch, so that
    // memory holds a batch and not the archive.
    let mut batch: Vec<(String, Vec<u8>)> = Vec::new();
    let mut held = 0;
    let mut inflated = 0;
    for at in 0..archive.len() {
        let mut file = archive
            .by_index(at)
            .map_err(|error| malformed(format!("entry {at} cannot be read: {error}")))?;
        let name = file
            .name()
            .map_err(|error| malformed(format!("entry {at} has no name: {error}")))?
            .into_owned();
        if !name.ends_with(".json") {
            continue;
        }
        let mut bytes =
            Vec::with_capacity(usize::try_from(file.size().min(1 << 20)).unwrap_or_default());
        file.by_ref().take(MAX_RECORD + 1).read_to_end(&mut bytes).map_err(|error| {
            malformed(format!("{} cannot be inflated: {error}", one_line(&name, 80)))
        })?;
        if bytes.len() as u64 > MAX_RECORD {
            return Err(malformed(format!(
                "{} is larger than {MAX_RECORD} bytes",
                one_line(&name, 80)
            )));
        }
        inflated += bytes.len() as u64;
        if inflated > max_inflated {
            return Err(malformed(format!(
                "its records are larger than {max_inflated} bytes together"
            )));
        }
        held += bytes.len();
        batch.push((name, bytes));
        if held > 16 << 20 {
            drain(&mut feed, &mut batch);
            held = 0;
        }
    }
    drain(&mut feed, &mut batch);
    if feed.seen.is_empty() {
        return Err(malformed("it holds no records".to_owned()));
    }
    let rejected = &feed.source.rejected;
    if rejected.len() > MAX_REJECTED || rejected.len() == feed.seen.len() {
        return Err(malformed(format!(
            "{} of its {} records do not follow the OSV schema, such as {}",
            rejected.len(),
            feed.seen.len(),
            rejected.first().map_or("", String::as_str)
        )));
    }
    Ok(feed.finish())
}

fn drain(feed: &mut Feed, batch: &mut Vec<(String, Vec<u8>)>) {
    let read: Vec<ReadRecord> =
        batch.par_iter().map(|(name, bytes)| read_record(name, bytes)).collect();
    for record in read {
        feed.add(record);
    }
    batch.clear();
}

/// Joins the records of several sources: one that stands in two (a flaw in packages of two ecosystems) counts once, in
/// its newest form. Of two forms of one time the greater text counts, so that the order of the sources does not matter.
pub(crate) fn join_records(feeds: impl IntoIterator<Item = Record>) -> BTreeMap<String, Record> {
    let text = |record: &Record| postcard::to_stdvec(record).unwrap_or_default();
    let mut all = BTreeMap::<String, Record>::new();
    for record in feeds {
        let newer = all.get(&record.id).is_none_or(|held| {
            record.modified > held.modified
                || (record.modified == held.modified
                    && record != *held
                    && text(&record) > text(held))
        });
        if newer {
            all.insert(record.id.clone(), record);
        }
    }
    all
}

/// Reads `modified_id.csv`: `modified,id` a line.
pub(crate) fn read_modified(name: &str, text: &str) -> Result<Vec<(String, i64)>, FeedError> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(at, line)| {
            let row =
                line.split_once(',').and_then(|(time, id)| Some((id.to_owned(), millis(time)?)));
            let plain = |id: &str| {
                !id.is_empty()
                    && id.len() <= 200
                    && id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'\\'))
                    && !id.contains("..")
            };
            row.filter(|(id, _)| plain(id)).ok_or_else(|| FeedError::Malformed {
                name: name.to_owned(),
                message: format!("line {}: not `time,id`", at + 1),
            })
        })
        .collect()
}

/// A CVE id as a number that sorts as ids do: year and sequence.
pub(crate) fn cve_key(id: &str) -> Option<u64> {
    let (year, sequence) = id.strip_prefix("CVE-")?.split_once('-')?;
    let plain = |text: &str| {
        !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit())
    };
    if !plain(year) || !plain(sequence) || year.len() != 4 {
        return None;
    }
    Some(year.parse::<u64>().ok()? << 40 | sequence.parse::<u64>().ok()?)
}

/// Reads FIRST's EPSS table: gzip or plain CSV, a comment line with the score date, then `cve,epss,percentile`.
pub(crate) fn read_epss(bytes: &[u8]) -> ReadTable<Scores> {
    read_scores(bytes, MAX_TABLE)
}

fn read_scores(bytes: &[u8], max_table: u64) -> ReadTable<Scores> {
    let malformed =
        |message: String| FeedError::Malformed { name: "EPSS scores".to_owned(), message };
    let mut text = String::new();
    let read = if bytes.starts_with(&[0x1f, 0x8b]) {
        MultiGzDecoder::new(bytes).take(max_table + 1).read_to_string(&mut text)
    } else {
        bytes.take(max_table + 1).read_to_string(&mut text)
    };
    read.map_err(|error| malformed(format!("cannot be inflated: {error}")))?;
    if text.len() as u64 > max_table {
        return Err(malformed(format!("larger than {max_table} bytes")));
    }
    let date = text.lines().next().and_then(|line| line.split("score_date:").nth(1)).map(|rest| {
        let rest = rest.split(',').next().unwrap_or_default().trim();
        rest.strip_suffix("+0000").map_or_else(|| rest.to_owned(), |time| format!("{time}Z"))
    });
    let published = date.as_deref().and_then(millis);
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| malformed(error.to_string()))?;
    if header.iter().take(3).ne(["cve", "epss", "percentile"]) {
        return Err(malformed("its header is not `cve,epss,percentile`".to_owned()));
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| malformed(error.to_string()))?;
        let line = row.position().map_or(0, csv::Position::line);
        let share = |at: usize| {
            row.get(at)?.parse::<f32>().ok().filter(|value| (0.0..=1.0).contains(value))
        };
        let parsed = row.get(0).and_then(cve_key).zip(share(1)).zip(share(2));
        let ((cve, probability), percentile) = parsed.ok_or_else(|| {
            malformed(format!("line {line}: not a CVE and two figures from 0 to 1"))
        })?;
        rows.push((cve, probability, percentile));
    }
    if rows.is_empty() {
        return Err(malformed("it holds no scores".to_owned()));
    }
    rows.sort_unstable_by_key(|(cve, ..)| *cve);
    rows.dedup_by_key(|(cve, ..)| *cve);
    let enrichment = Enrichment { entries: rows.len() as u64, published, ..Enrichment::default() };
    Ok((rows, enrichment))
}

#[derive(Deserialize)]
struct Catalogue {
    #[serde(rename = "dateReleased")]
    released: String,
    count: Option<u64>,
    vulnerabilities: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "cveID")]
    cve: String,
}

/// Reads CISA's catalogue of known exploited vulnerabilities (JSON).
pub(crate) fn read_kev(bytes: &[u8]) -> ReadTable<Vec<u64>> {
    let malformed =
        |message: String| FeedError::Malformed { name: "KEV catalogue".to_owned(), message };
    let catalogue: Catalogue =
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let listed = catalogue.vulnerabilities.len() as u64;
    if catalogue.count.is_some_and(|count| count != listed) || listed == 0 {
        return Err(malformed(format!(
            "it says it holds {:?} entries and holds {listed}",
            catalogue.count
        )));
    }
    let mut rows = catalogue
        .vulnerabilities
        .iter()
        .map(|entry| {
            cve_key(&entry.cve)
                .ok_or_else(|| malformed(format!("`{}` is no CVE", one_line(&entry.cve, 40))))
        })
        .collect::<Result<Vec<_>, _>>()?;
    rows.sort_unstable();
    rows.dedup();
    let published = millis(&catalogue.released);
    Ok((
        rows.clone(),
        Enrichment { entries: rows.len() as u64, published, ..Enrichment::default() },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cve_numbers_sort_as_ids_do() {
        assert!(cve_key("CVE-2023-9999") < cve_key("CVE-2023-10000"));
        assert!(cve_key("CVE-1999-0001") < cve_key("CVE-2023-1"));
        for bad in ["", "CVE-", "GHSA-1", "CVE-2023-", "CVE-20x3-1", "CVE-2023-1x"] {
            assert_eq!(cve_key(bad), None, "{bad}");
        }
    }

    #[test]
    fn epss_and_kev_say_their_dates() {
        let text = b"#model_version:v2025.03.14,score_date:2026-08-22T00:00:00+0000\ncve,epss,percentile\nCVE-2023-2,0.5,0.9\nCVE-2023-1,0.1,0.2\n";
        let (rows, about) = read_epss(text).unwrap();
        assert_eq!(rows.len(), 2);
        assert!(rows[0].0 < rows[1].0);
        assert_eq!(about.published, millis("2026-08-22T00:00:00Z"));
        assert!(read_epss(b"cve,epss,percentile\nCVE-2023-1,1.5,0.2\n").is_err());
        assert!(read_epss(b"\x1f\x8bbroken").is_err());
        // A table that is too long is refused, not cut.
        assert!(read_scores(text, text.len() as u64).is_ok());
        assert!(read_scores(text, text.len() as u64 - 1).is_err());
        let kev = br#"{"dateReleased":"2025-08-25T15:00:00.0Z","count":1,"vulnerabilities":[{"cveID":"CVE-2021-1"}]}"#;
        assert_eq!(read_kev(kev).unwrap().0.len(), 1);
        assert!(
            read_kev(
                br#"{"dateReleased":"x","count":2,"vulnerabilities":[{"cveID":"CVE-2021-1"}]}"#
            )
            .is_err()
        );
    }

    #[test]
    fn a_list_of_changes_is_strict() {
        assert_eq!(read_modified("x", "2024-01-01T00:00:00Z,GHSA-1\n").unwrap().len(), 1);
        for bad in [
            "GHSA-1\n",
            "2024-01-01T00:00:00Z,../x\n",
            "2024-01-01T00:00:00Z,a/b\n",
            "2024-01-01T00:00:00Z,a\u{1b}[2J\n",
            "2024-01-01T00:00:00Z,\n",
            "2024-01-01T00:00:00Z,a b\n",
            "yesterday,GHSA-1\n",
        ] {
            assert!(read_modified("x", bad).is_err(), "{bad}");
        }
    }

    fn archive(files: &[(&str, &str)]) -> std::io::Cursor<Vec<u8>> {
        use std::io::Write;
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, text) in files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap()
    }

    #[test]
    fn an_archive_is_bounded_and_names_what_it_refuses() {
        let good = r#"{"id":"X-1","modified":"2024-01-01T00:00:00Z"}"#;
        let files = [("X-1.json", good), ("dir/\u{1b}[2J.json", "{"), ("README", "text")];
        let feed = read_archive("PyPI", archive(&files)).unwrap();
        assert_eq!((feed.source.records, feed.seen.len()), (1, 2));
        assert!(!feed.source.rejected[0].contains('\u{1b}'), "{:?}", feed.source.rejected);
        let large = good.len() as u64;
        assert!(read_bounded("PyPI", archive(&files[..1]), large).is_ok());
        assert!(read_bounded("PyPI", archive(&files[..1]), large - 1).is_err());
        // Neither nothing, nor nothing that can be used, is a source.
        assert!(read_archive("PyPI", archive(&files[1..2])).is_err());
        assert!(read_archive("PyPI", archive(&files[2..])).is_err());
        let whole = archive(&files).into_inner();
        for end in 0..whole.len() {
            assert!(read_archive("PyPI", std::io::Cursor::new(&whole[..end])).is_err(), "{end}");
        }
    }

    #[test]
    fn of_two_forms_of_a_record_the_newest_counts_whatever_comes_first() {
        let of = |modified: i64, title: &str| {
            let text =
                format!(r#"{{"id":"X","modified":"2024-01-01T00:00:00Z","summary":"{title}"}}"#);
            let Ok(Taken::Record(mut record)) =
                Record::from_osv(serde_json::from_str(&text).unwrap())
            else {
                panic!("a plain record")
            };
            record.modified = modified;
            *record
        };
        let forms = [of(1, "a"), of(2, "b"), of(2, "c")];
        let there = join_records(forms.iter().cloned());
        let back = join_records(forms.iter().rev().cloned());
        assert_eq!(there, back);
        assert_eq!(there["X"].title, "c");
    }
}
