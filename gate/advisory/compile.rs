use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::{
    Record, Status,
    aliases::alias_groups,
    database::{Mention, PACKAGE_ALIGN, PackageEntry, Text, index_name, package_hash},
    feed::Tables,
    layout::{Header, Section, assemble},
    scores::scores,
    vendor_word::is_distribution,
};

/// What each source held, by its name: `(id, modified)` of every record, also of those that do not count. An update
/// fetches what differs from it.
pub(crate) type Seen = BTreeMap<String, Vec<(String, i64)>>;

/// Text blocks of about this many bytes: small enough to inflate in microseconds, large enough to compress.
const BLOCK: usize = 3 << 10;

/// Compiles records into the bytes of a database. The same input gives the same bytes.
pub(crate) fn compile(
    mut records: Vec<Record>,
    mut status: Status,
    seen: &Seen,
    tables: &Tables,
) -> Vec<u8> {
    for record in &mut records {
        record.affected.sort_by(|a, b| (&a.ecosystem, &a.name).cmp(&(&b.ecosystem, &b.name)));
    }
    records.sort_by(|a, b| key(a).cmp(&key(b)));
    let groups = alias_groups(&records);
    let scores = scores(&records);
    name_releases(&records, &mut status);
    let mut packages: BTreeMap<(String, String), PackageEntry> = BTreeMap::new();
    let mut texts = Vec::with_capacity(records.len());
    let grouped = records.into_iter().zip(groups.into_iter().zip(scores));
    for (number, (mut record, (group, scores))) in grouped.enumerate() {
        let number = u32::try_from(number).expect("no source holds four billion advisories");
        for affected in std::mem::take(&mut record.affected) {
            let ecosystem = base(&affected.ecosystem).to_owned();
            let name = index_name(&ecosystem, &affected.name).into_owned();
            let entry = packages.entry((ecosystem.clone(), name.clone())).or_insert_with(|| {
                PackageEntry { ecosystem, name, groups: Vec::new(), mentions: Vec::new() }
            });
            // A package has few groups, and the one looked for is most often the last.
            let at = entry.groups.iter().rposition(|held| *held == group).unwrap_or_else(|| {
                entry.groups.push(group.clone());
                entry.groups.len() - 1
            });
            entry.mentions.push(Mention {
                record: number,
                group: u32::try_from(at).expect("as many groups as records at most"),
                affected,
            });
        }
        texts.push(Text { record, scores });
    }
    status.records = texts.len() as u64;
    status.packages = packages.len() as u64;
    let mut body = Writer::default();
    let (index, entries) = index(packages);
    let index = body.section(&index);
    let entries = body.section(&entries);
    let (records, blocks, frames) = blocks(texts);
    let records = body.section(&records);
    let blocks = body.section(&blocks);
    let frames = body.section(&frames);
    let epss = body.section(&epss_rows(tables));
    let kev =
        body.section(&tables.kev.iter().flat_map(|cve| cve.to_le_bytes()).collect::<Vec<u8>>());
    let seen = body.section(&deflate(&encode(seen)));
    let header = Header {
        status,
        index,
        packages: entries,
        records,
        blocks,
        texts: frames,
        epss,
        kev,
        seen,
        body: 0,
        chunks: Vec::new(),
    };
    assemble(header, &body.0)
}

/// Advisories of one package stand together: a package that is hit needs the text of all of them.
fn key(record: &Record) -> (&str, &str, &str) {
    let first = record.affected.first();
    (
        first.map_or("", |affected| base(&affected.ecosystem)),
        first.map_or("", |affected| &affected.name),
        &record.id,
    )
}

/// Records of a release below which it may be barely held: the smallest release that a feed really holds has some fifty.
pub(crate) const BARELY: u64 = 10;
/// Records of another release of the same distribution from which on that is a sign: less than a hundredth.
pub(crate) const MANY: u64 = 1000;

/// Names the releases that the records of each distribution speak about: of another one nothing is known.
fn name_releases(records: &[Record], status: &mut Status) {
    for source in &mut status.sources {
        if is_distribution(&source.name) {
            // A record may name a release many times, once for each package.
            let mut releases: BTreeMap<&str, (u64, Option<usize>)> = BTreeMap::new();
            for (at, record) in records.iter().enumerate() {
                for affected in &record.affected {
                    let ecosystem = affected.ecosystem.as_str();
                    if base(ecosystem) == source.name {
                        let suffix = ecosystem.split_once(':').map_or("", |(_, suffix)| suffix);
                        let (count, last) = releases.entry(suffix).or_default();
                        *count += u64::from(*last != Some(at));
                        *last = Some(at);
                    }
                }
            }
            let most = releases.values().map(|(count, _)| *count).max().unwrap_or_default();
            let few = |count: u64| count < BARELY && most >= MANY;
            source.barely = releases
                .iter()
                .filter(|(_, (count, _))| few(*count))
                .map(|(suffix, _)| (*suffix).to_owned())
                .collect();
            source.releases = releases.into_keys().map(str::to_owned).collect();
        }
    }
}

/// An ecosystem without its suffix.
pub(crate) fn base(ecosystem: &str) -> &str {
    ecosystem.split(':').next().unwrap_or_default()
}

fn index(packages: BTreeMap<(String, String), PackageEntry>) -> (Vec<u8>, Vec<u8>) {
    let encoded: Vec<(u64, Vec<u8>)> = packages
        .into_par_iter()
        .map(|((ecosystem, name), entry)| (package_hash(&ecosystem, &name), encode(&entry)))
        .collect();
    let mut rows = Vec::with_capacity(encoded.len());
    let mut entries = Vec::new();
    for (hash, bytes) in encoded {
        while !(entries.len() as u64).is_multiple_of(PACKAGE_ALIGN) {
            entries.push(0);
        }
        let at = u32::try_from(entries.len() as u64 / PACKAGE_ALIGN)
            .expect("package entries stay below 32 GiB");
        rows.push((
            hash,
            at,
            u32::try_from(bytes.len()).expect("a package's entry stays below 4 GiB"),
        ));
        entries.extend_from_slice(&bytes);
    }
    rows.sort_unstable();
    let mut index = Vec::with_capacity(rows.len() * 16);
    for (hash, at, length) in rows {
        index.extend_from_slice(&hash.to_le_bytes());
        index.extend_from_slice(&at.to_le_bytes());
        index.extend_from_slice(&length.to_le_bytes());
    }
    (index, entries)
}

fn blocks(texts: Vec<Text>) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let encoded: Vec<Vec<u8>> = texts.into_par_iter().map(|text| encode(&text)).collect();
    let mut records = Vec::with_capacity(encoded.len() * 12);
    let mut plain: Vec<Vec<u8>> = Vec::new();
    for text in encoded {
        if plain.last().is_none_or(|block| block.len() + text.len() > BLOCK) {
            plain.push(Vec::with_capacity(BLOCK));
        }
        let number = u32::try_from(plain.len() - 1).expect("as many blocks as records at most");
        let Some(block) = plain.last_mut() else { continue };
        for word in [number as usize, block.len(), text.len()] {
            records.extend_from_slice(
                &u32::try_from(word).expect("a block stays below 4 GiB").to_le_bytes(),
            );
        }
        block.extend_from_slice(&text);
    }
    let frames: Vec<Vec<u8>> = plain.par_iter().map(|block| deflate(block)).collect();
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (frame, block) in frames.iter().zip(&plain) {
        rows.extend_from_slice(&(all.len() as u64).to_le_bytes());
        for word in [frame.len(), block.len()] {
            rows.extend_from_slice(
                &u32::try_from(word).expect("a block stays below 4 GiB").to_le_bytes(),
            );
        }
        all.extend_from_slice(frame);
    }
    (records, rows, all)
}

fn epss_rows(tables: &Tables) -> Vec<u8> {
    let mut rows = Vec::with_capacity(tables.epss.len() * 16);
    for (cve, probability, percentile) in &tables.epss {
        rows.extend_from_slice(&cve.to_le_bytes());
        rows.extend_from_slice(&probability.to_bits().to_le_bytes());
        rows.extend_from_slice(&percentile.to_bits().to_le_bytes());
    }
    rows
}

fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain numbers, texts and lists always encode")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 6).expect("compressing into memory does not fail")
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn section(&mut self, bytes: &[u8]) -> Section {
        while !self.0.len().is_multiple_of(16) {
            self.0.push(0);
        }
        let at = self.0.len() as u64;
        self.0.extend_from_slice(bytes);
        Section { at, length: bytes.len() as u64 }
    }
}
