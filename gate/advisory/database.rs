use std::{
    borrow::Cow,
    collections::HashMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use secgate_versions::normalise_name;
use serde::{Deserialize, Serialize};

use crate::{
    Affected, Record, Status,
    bytes::{Body, Bytes},
    feed::cve_key,
    inflater::Inflater,
    layout::{Header, Section, assemble, read_header},
};

/// An open advisory database. Any number of processes and threads may read one at a time.
#[derive(Debug)]
pub struct Database {
    header: Header,
    body: Body,
    path: Option<PathBuf>,
    /// Inflated blocks, at most [`KEPT_BLOCKS`]: hits of one package share a few.
    inflated: Mutex<HashMap<u32, Arc<Vec<u8>>>>,
    inflater: Inflater,
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// There is no file.
    #[error("there is no advisory database at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file cannot be opened.
    #[error("the advisory database {} cannot be opened: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// It is some other file.
    #[error("the file is not a secgate advisory database")]
    NotADatabase,
    /// Another version of secgate wrote it.
    #[error("the advisory database has format {found}, this secgate reads format {expected}")]
    Format {
        /// The file's format.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// Its bytes are not what was written.
    #[error("the advisory database is damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: String,
    },
}

/// A package of the database with every advisory that names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackageEntry {
    /// The ecosystem without suffix.
    pub ecosystem: String,
    /// The normalised name.
    pub name: String,
    /// Every alias group that names it: its ids, preferred first.
    pub groups: Vec<Vec<String>>,
    /// What each advisory says about it.
    pub mentions: Vec<Mention>,
}

/// What an advisory says about a package. That its group is told here saves reading the texts of what does not hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mention {
    /// The record's number.
    pub record: u32,
    /// The number of its alias group among the package's.
    pub group: u32,
    /// The versions.
    pub affected: Affected,
}

/// A record without what stands in its packages, and what is known of it besides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// The record; its `affected` list is empty here.
    pub record: Record,
    /// Of a distribution's record: vectors that other records give its flaws, by CVE.
    pub scores: Vec<(String, Vec<String>)>,
}

/// EPSS figures of a CVE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epss {
    /// Probability of exploitation within 30 days, 0 to 1.
    pub probability: f64,
    /// Percentile, 0 to 1.
    pub percentile: f64,
}

/// Some four megabytes.
const KEPT_BLOCKS: usize = 1024;
const MAX_BLOCK: usize = 64 << 20;
/// The list of what the sources held: some 25 bytes a record.
const MAX_SEEN: usize = 512 << 20;

impl Database {
    /// Opens a database file: maps it and checks its header. Costs microseconds whatever its size.
    ///
    /// # Errors
    /// When there is none, it is of another format, cut off or damaged.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let io = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => DatabaseError::Missing { path: path.to_owned() },
            _ => DatabaseError::Io { path: path.to_owned(), error },
        };
        // Opening a pipe would wait for its other end.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(DatabaseError::NotADatabase);
        }
        let file = File::open(path).map_err(io)?;
        if !file.metadata().map_err(io)?.is_file() {
            return Err(DatabaseError::NotADatabase);
        }
        if file.metadata().map_err(io)?.len() == 0 {
            return Err(DatabaseError::Damaged { what: "it is empty".to_owned() });
        }
        Self::from_bytes(Bytes::map(&file).map_err(io)?, Some(path.to_owned()))
    }

    /// Opens a database that is in memory.
    ///
    /// # Errors
    /// When the bytes are no intact database.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self, DatabaseError> {
        Self::from_bytes(Bytes::Owned(bytes), None)
    }

    fn from_bytes(bytes: Bytes, path: Option<PathBuf>) -> Result<Self, DatabaseError> {
        let (mut header, start) = read_header(bytes.all())?;
        let hashes = std::mem::take(&mut header.chunks);
        Ok(Self {
            body: Body::new(bytes, start, hashes),
            header,
            path,
            inflated: Mutex::default(),
            inflater: Inflater::default(),
        })
    }

    /// What it says of itself.
    pub fn status(&self) -> &Status {
        &self.header.status
    }

    /// The file it was opened from.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Checks every byte against its checksum.
    ///
    /// # Errors
    /// Names the first part that is damaged.
    pub fn verify(&self) -> Result<(), DatabaseError> {
        self.body.verify()
    }

    /// The package of this ecosystem (without suffix) and name, if any advisory names it.
    ///
    /// # Errors
    /// When the part of the file that would hold it is damaged.
    pub fn package(
        &self,
        ecosystem: &str,
        name: &str,
    ) -> Result<Option<PackageEntry>, DatabaseError> {
        let name = index_name(ecosystem, name);
        let wanted = package_hash(ecosystem, &name);
        let count = self.header.index.length / INDEX_ROW;
        let row = |at: u64| -> Result<(u64, u32, u32), DatabaseError> {
            let bytes = self.body.part(self.header.index, at * INDEX_ROW..(at + 1) * INDEX_ROW)?;
            Ok((number(bytes, 0), word(bytes, 8), word(bytes, 12)))
        };
        let (mut low, mut high) = (0, count);
        // Hashes are spread evenly, so that one stands about where its value says: first its surroundings, then halves.
        let guess =
            u64::try_from((u128::from(wanted) * u128::from(count)) >> 64).unwrap_or_default();
        let near = count.isqrt();
        for at in [guess.saturating_sub(near), guess.saturating_add(near)] {
            if (low..high).contains(&at) {
                if row(at)?.0 < wanted { low = at + 1 } else { high = at }
            }
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if row(middle)?.0 < wanted { low = middle + 1 } else { high = middle }
        }
        while low < count {
            let (hash, at, length) = row(low)?;
            if hash != wanted {
                break;
            }
            let at = u64::from(at) * PACKAGE_ALIGN;
            let bytes = self.body.part(self.header.packages, at..at + u64::from(length))?;
            let entry: PackageEntry = decode(bytes, "a package")?;
            if entry.mentions.iter().any(|mention| mention.group as usize >= entry.groups.len()) {
                return Err(damaged("a package names no group"));
            }
            if entry.ecosystem == ecosystem && entry.name == name {
                return Ok(Some(entry));
            }
            low += 1;
        }
        Ok(None)
    }

    /// The text of record `number`.
    ///
    /// # Errors
    /// When there is no such record, or its part of the file is damaged.
    pub fn text(&self, number: u32) -> Result<Text, DatabaseError> {
        let at = u64::from(number) * RECORD_ROW;
        let row = self.body.part(self.header.records, at..at + RECORD_ROW)?;
        let (block, offset, length) = (word(row, 0), word(row, 4) as usize, word(row, 8) as usize);
        let inflated = self.block(block)?;
        let bytes = inflated.get(offset..offset.saturating_add(length));
        decode(bytes.ok_or_else(|| damaged("a record points outside its block"))?, "a record")
    }

    /// The EPSS figures of a CVE.
    ///
    /// # Errors
    /// When the table is damaged.
    pub fn epss(&self, cve: &str) -> Result<Option<Epss>, DatabaseError> {
        let Some(key) = cve_key(cve) else { return Ok(None) };
        Ok(self
            .find(self.header.epss, EPSS_ROW, key)?
            .map(|row| Epss { probability: figure(row, 8), percentile: figure(row, 12) }))
    }

    /// Whether the KEV catalogue lists a CVE.
    ///
    /// # Errors
    /// When the table is damaged.
    pub fn kev(&self, cve: &str) -> Result<bool, DatabaseError> {
        match cve_key(cve) {
            Some(key) => Ok(self.find(self.header.kev, KEV_ROW, key)?.is_some()),
            None => Ok(false),
        }
    }

    /// The bytes of its file.
    pub(crate) fn file(&self) -> &[u8] {
        self.body.file()
    }

    /// The same content under another status, as bytes of a new file: what an update writes that found nothing new.
    pub(crate) fn restamped(&self, status: Status) -> Result<Vec<u8>, DatabaseError> {
        self.verify()?;
        Ok(assemble(Header { status, ..self.header.clone() }, self.body.all()))
    }

    fn find(&self, section: Section, width: u64, key: u64) -> Result<Option<&[u8]>, DatabaseError> {
        let (mut low, mut high) = (0, section.length / width);
        while low < high {
            let middle = low + (high - low) / 2;
            let row = self.body.part(section, middle * width..(middle + 1) * width)?;
            match number(row, 0).cmp(&key) {
                std::cmp::Ordering::Equal => return Ok(Some(row)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    fn block(&self, block: u32) -> Result<Arc<Vec<u8>>, DatabaseError> {
        let kept = || self.inflated.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(bytes) = kept().get(&block) {
            return Ok(bytes.clone());
        }
        let at = u64::from(block) * BLOCK_ROW;
        let row = self.body.part(self.header.blocks, at..at + BLOCK_ROW)?;
        let (offset, compressed, inflated) = (number(row, 0), word(row, 8), word(row, 12) as usize);
        let frame = self
            .body
            .part(self.header.texts, offset..offset.saturating_add(u64::from(compressed)))?;
        // Inflated without the lock: two threads may do it twice, and none waits for another's block.
        let bytes = Arc::new(self.inflate(frame, inflated.min(MAX_BLOCK))?);
        let mut kept = kept();
        if kept.len() >= KEPT_BLOCKS {
            kept.clear();
        }
        kept.insert(block, bytes.clone());
        Ok(bytes)
    }

    /// What each source held at the last update.
    pub(crate) fn seen(&self) -> Result<crate::compile::Seen, DatabaseError> {
        decode(&self.inflate(self.body.whole(self.header.seen)?, MAX_SEEN)?, "the list of sources")
    }

    fn inflate(&self, frame: &[u8], limit: usize) -> Result<Vec<u8>, DatabaseError> {
        self.inflater
            .inflate(frame, limit)
            .map_err(|error| damaged(&format!("a block does not inflate: {error}")))
    }

    /// Every record in full, with what each source held: what an update starts from.
    pub(crate) fn unpack(
        &self,
    ) -> Result<(Vec<Record>, crate::compile::Seen, crate::feed::Tables), DatabaseError> {
        let count = u32::try_from(self.header.records.length / RECORD_ROW)
            .map_err(|_| damaged("too many records"))?;
        let mut records = Vec::with_capacity(count as usize);
        for number in 0..count {
            records.push(self.text(number)?.record);
        }
        for at in 0..self.header.index.length / INDEX_ROW {
            let row = self.body.part(self.header.index, at * INDEX_ROW..(at + 1) * INDEX_ROW)?;
            let start = u64::from(word(row, 8)) * PACKAGE_ALIGN;
            let bytes =
                self.body.part(self.header.packages, start..start + u64::from(word(row, 12)))?;
            let entry: PackageEntry = decode(bytes, "a package")?;
            for mention in entry.mentions {
                let record = records
                    .get_mut(mention.record as usize)
                    .ok_or_else(|| damaged("a package names no record"))?;
                record.affected.push(mention.affected);
            }
        }
        for record in &mut records {
            record.affected.sort_by(|a, b| (&a.ecosystem, &a.name).cmp(&(&b.ecosystem, &b.name)));
        }
        let seen = self.seen()?;
        let rows = |section: Section, width: u64| -> Result<Vec<&[u8]>, DatabaseError> {
            (0..section.length / width)
                .map(|at| self.body.part(section, at * width..(at + 1) * width))
                .collect()
        };
        let tables = crate::feed::Tables {
            epss: rows(self.header.epss, EPSS_ROW)?
                .into_iter()
                .map(|row| (number(row, 0), raw_figure(row, 8), raw_figure(row, 12)))
                .collect(),
            kev: rows(self.header.kev, KEV_ROW)?.into_iter().map(|row| number(row, 0)).collect(),
        };
        Ok((records, seen, tables))
    }
}

pub(crate) const INDEX_ROW: u64 = 16;
pub(crate) const RECORD_ROW: u64 = 12;
pub(crate) const BLOCK_ROW: u64 = 16;
pub(crate) const EPSS_ROW: u64 = 16;
pub(crate) const KEV_ROW: u64 = 8;
/// Package entries start at multiples of this many bytes, so that 32 bits reach 32 GiB.
pub(crate) const PACKAGE_ALIGN: u64 = 8;

/// The name under which a package stands in the index.
///
/// Go's names keep their case, and their repositories mostly have none: purls of Go modules are to be lower case (purl
/// type definition `golang`), and many SBOMs follow that.
pub(crate) fn index_name<'n>(ecosystem: &str, name: &'n str) -> Cow<'n, str> {
    let name = normalise_name(ecosystem, name);
    if ecosystem == "Go" { Cow::Owned(name.to_ascii_lowercase()) } else { name }
}

/// The key of the package index.
pub(crate) fn package_hash(ecosystem: &str, name: &str) -> u64 {
    number(blake3::hash(format!("{ecosystem}\0{name}").as_bytes()).as_bytes(), 0)
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn raw_figure(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(word(bytes, at))
}

/// EPSS publishes at most nine decimals; the `f32` is rounded back to what was published.
fn figure(bytes: &[u8], at: usize) -> f64 {
    (f64::from(raw_figure(bytes, at)) * 1e6).round() / 1e6
}

fn decode<'b, T: Deserialize<'b>>(bytes: &'b [u8], what: &str) -> Result<T, DatabaseError> {
    postcard::from_bytes(bytes).map_err(|error| damaged(&format!("{what} cannot be read: {error}")))
}

fn damaged(what: &str) -> DatabaseError {
    DatabaseError::Damaged { what: what.to_owned() }
}
