use std::{
    fs::File,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use memmap2::Mmap;

use crate::{
    database::DatabaseError,
    layout::{CHUNK, Section, chunk_hash},
};

/// The bytes of a database: mapped from its file, or in memory.
#[derive(Debug)]
pub(crate) enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps a whole file.
    #[expect(
        unsafe_code,
        reason = "mapping a file is unsafe by its nature; the proof stands beside it"
    )]
    pub(crate) fn map(file: &File) -> std::io::Result<Self> {
        // SAFETY: a map is sound as long as nobody changes or shortens the file while it lives. Every secgate replaces a
        // database by renaming a finished new file over its name and never writes into an existing one, so the inode that
        // is mapped here keeps its bytes for as long as it is mapped, whatever name it has by then. The bytes are only
        // ever read as `u8`, for which every bit pattern is valid, and are checked against their hash before use. A
        // process with the right to write to the file could break this; it could replace the program as well.
        unsafe { Mmap::map(file) }.map(Self::Mapped)
    }

    pub(crate) fn all(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// The body of a database, each chunk checked when it is first used.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Bytes,
    start: usize,
    hashes: Vec<[u8; 16]>,
    /// One bit a chunk: it has been checked.
    checked: Vec<AtomicU64>,
}

impl Body {
    pub(crate) fn new(bytes: Bytes, start: usize, hashes: Vec<[u8; 16]>) -> Self {
        let checked = (0..hashes.len().div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        Self { bytes, start, hashes, checked }
    }

    /// The bytes of `range` inside a section.
    pub(crate) fn part(&self, section: Section, range: Range<u64>) -> Result<&[u8], DatabaseError> {
        let outside =
            || DatabaseError::Damaged { what: "a reference points outside it".to_owned() };
        if range.end > section.length || range.start > range.end {
            return Err(outside());
        }
        let place = |at: u64| section.at.checked_add(at).and_then(|at| usize::try_from(at).ok());
        let from = place(range.start).ok_or_else(outside)?;
        let to = place(range.end).ok_or_else(outside)?;
        let body = self.bytes.all().get(self.start..).ok_or_else(outside)?;
        let part = body.get(from..to).ok_or_else(outside)?;
        if !part.is_empty() {
            for chunk in from / CHUNK..=(to - 1) / CHUNK {
                self.check(body, chunk)?;
            }
        }
        Ok(part)
    }

    /// A whole section.
    pub(crate) fn whole(&self, section: Section) -> Result<&[u8], DatabaseError> {
        self.part(section, 0..section.length)
    }

    /// The whole file, unchecked.
    pub(crate) fn file(&self) -> &[u8] {
        self.bytes.all()
    }

    /// The whole body, unchecked.
    pub(crate) fn all(&self) -> &[u8] {
        self.bytes.all().get(self.start..).unwrap_or_default()
    }

    /// Checks every chunk.
    pub(crate) fn verify(&self) -> Result<(), DatabaseError> {
        let body = self.bytes.all().get(self.start..).unwrap_or_default();
        (0..self.hashes.len()).try_for_each(|chunk| self.check(body, chunk))
    }

    fn check(&self, body: &[u8], chunk: usize) -> Result<(), DatabaseError> {
        let bit = 1_u64 << (chunk % 64);
        let word = self.checked.get(chunk / 64);
        if word.is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0) {
            return Ok(());
        }
        let end = body.len().min((chunk + 1) * CHUNK);
        let intact = body.get(chunk * CHUNK..end).zip(self.hashes.get(chunk));
        if intact.is_some_and(|(bytes, hash)| chunk_hash(bytes) == *hash) {
            if let Some(word) = word {
                word.fetch_or(bit, Ordering::Relaxed);
            }
            Ok(())
        } else {
            Err(DatabaseError::Damaged {
                what: format!("chunk {chunk} does not match its checksum"),
            })
        }
    }
}
