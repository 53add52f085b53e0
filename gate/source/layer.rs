use std::{
    collections::BTreeSet,
    io::{self, Read},
    sync::MutexGuard,
};

use bytes::Bytes;
use secgate_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::{
    Member, MemberKind, Members, PICK_START, Pick, TarError, TarReader, Wish,
    budget::Budget,
    inflate::{Encoding, InflateError, Inflater, MAGIC},
    layer_list::{Body, Kept, LayerList},
};

/// From so many bytes on, the bodies that excerpts are made of are held one at a time, however many layers are read at once.
const LARGE: u64 = 8 << 20;

/// Bytes kept of a wanted file that is above the limit, so that its format can still be told.
pub(crate) const START_OF_LARGE: usize = 4096;

/// Why a layer cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// Its bytes stopped coming.
    #[error("cannot be read: {0}")]
    Read(String),
    /// It does not inflate.
    #[error("{0}")]
    Inflate(String),
    /// It is compressed in another way than its media type says.
    #[error("its media type says {declared}, but it is {found}")]
    Encoding {
        /// What was said.
        declared: &'static str,
        /// What is.
        found: &'static str,
    },
    /// What it inflates to is no tar file that can be read.
    #[error("at byte {position} of its tar file, near `{path}`: {error}")]
    Tar {
        /// Why.
        error: TarError,
        /// The member begun last.
        path: String,
        /// Where, in the inflated bytes.
        position: u64,
    },
    /// A limit is exceeded.
    #[error("{0}")]
    Limit(String),
    /// The caller's time is over.
    #[error("stopped: the time allowed is over")]
    Stopped,
}

impl LayerError {
    pub(crate) fn limit(what: &str, limit: u64, unit: &str) -> Self {
        Self::Limit(format!("{what} {limit} {unit}"))
    }
}

/// A layer after its one reading.
#[derive(Debug)]
pub(crate) struct LayerRead {
    /// Of the bytes as stored.
    pub(crate) digest: Digest,
    /// Bytes as stored.
    pub(crate) stored: u64,
    /// Of the tar file.
    pub(crate) diff_id: Digest,
    pub(crate) encoding: Encoding,
    pub(crate) list: LayerList,
}

/// What of a layer is kept.
#[derive(Clone, Copy)]
pub(crate) struct Choice<'a> {
    pub(crate) pick: &'a dyn Pick,
    /// Members, by their number, that are kept too, since a link leads to them.
    pub(crate) linked: &'a BTreeSet<u64>,
}

/// Reads a layer to its end: hash, inflate, hash, tar, keep what is picked. `declared` is what the media type says.
pub(crate) fn read_layer(
    source: &mut dyn Read,
    declared: Option<Encoding>,
    choice: Choice<'_>,
    budget: &Budget<'_>,
    keep_going: &dyn Fn() -> bool,
) -> Result<LayerRead, Failure> {
    let mut reader = LayerReader::new(declared, choice, budget);
    let mut buffer = vec![0; 128 << 10];
    loop {
        if !keep_going() {
            return Err(LayerError::Stopped.into());
        }
        let error = match source.read(&mut buffer) {
            Ok(0) => return reader.finish(),
            Ok(count) => match reader.push(buffer.get(..count).unwrap_or_default()) {
                Ok(()) => continue,
                Err(error) => error,
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(LayerError::Read(error.to_string()).into()),
        };
        let is_limit = matches!(error, LayerError::Limit(_) | LayerError::Stopped);
        let drained = if is_limit { None } else { reader.drain(source, &mut buffer) };
        return Err(Failure { error, drained });
    }
}

/// A layer that cannot be read.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: LayerError,
    /// Digest and length of all its bytes, where they came to their end.
    pub(crate) drained: Option<(Digest, u64)>,
}

impl From<LayerError> for Failure {
    fn from(error: LayerError) -> Self {
        Self { error, drained: None }
    }
}

/// Reads a layer that is pushed to it.
pub(crate) struct LayerReader<'a> {
    declared: Option<Encoding>,
    hash: Sha256,
    stored: u64,
    /// The first bytes, until they tell the encoding.
    start: Vec<u8>,
    inflater: Option<(Encoding, Inflater)>,
    tar: TarSide<'a>,
}

/// What happens to inflated bytes.
struct TarSide<'a> {
    /// `None` where the stored bytes are the tar file and one hash does.
    hash: Option<Sha256>,
    inflated: u64,
    reader: TarReader,
    keeper: Keeper<'a>,
}

impl<'a> LayerReader<'a> {
    pub(crate) fn new(
        declared: Option<Encoding>,
        choice: Choice<'a>,
        budget: &'a Budget<'a>,
    ) -> Self {
        let keeper = Keeper {
            choice,
            budget,
            list: LayerList::default(),
            open: None,
            large: None,
            weighed: 0,
            uncounted: 0,
            fault: None,
        };
        let reader = TarReader::default();
        Self {
            declared,
            hash: Sha256::new(),
            stored: 0,
            start: Vec::new(),
            inflater: None,
            tar: TarSide { hash: None, inflated: 0, reader, keeper },
        }
    }

    /// Takes the next stored bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.tar.keeper.budget.check_time()?;
        self.hash.update(bytes);
        self.stored += bytes.len() as u64;
        let limit = self.tar.keeper.budget.limits.layer_bytes;
        if self.stored > limit {
            return Err(LayerError::limit("it is stored in more than", limit, "bytes"));
        }
        if self.inflater.is_none() {
            self.start.extend_from_slice(bytes);
            if self.start.len() < MAGIC {
                return Ok(());
            }
            let start = std::mem::take(&mut self.start);
            self.begin(&start)?;
            return self.inflate(&start);
        }
        self.inflate(bytes)
    }

    /// Hashes the rest of a layer that cannot be read: it may not be the right one.
    fn drain(mut self, source: &mut dyn Read, buffer: &mut [u8]) -> Option<(Digest, u64)> {
        loop {
            self.tar.keeper.budget.check_time().ok()?;
            if self.stored > self.tar.keeper.budget.limits.layer_bytes {
                return None;
            }
            match source.read(buffer) {
                Ok(0) => return Some((Digest::sha256(&self.hash.finalize().into()), self.stored)),
                Ok(count) => {
                    self.hash.update(buffer.get(..count).unwrap_or_default());
                    self.stored += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }

    /// There are no more bytes.
    pub(crate) fn finish(self) -> Result<LayerRead, Failure> {
        let (hash, stored) = (self.hash.clone(), self.stored);
        self.complete().map_err(|error| {
            let digest = Digest::sha256(&hash.finalize().into());
            Failure { error, drained: Some((digest, stored)) }
        })
    }

    fn complete(mut self) -> Result<LayerRead, LayerError> {
        if self.inflater.is_none() {
            let start = std::mem::take(&mut self.start);
            self.begin(&start)?;
            self.inflate(&start)?;
        }
        let Some((encoding, inflater)) = self.inflater else {
            return Err(LayerError::Inflate("it was never begun".to_owned()));
        };
        inflater.finish().map_err(LayerError::Inflate)?;
        let TarSide { hash, reader, mut keeper, .. } = self.tar;
        reader.finish().map_err(|error| keeper.explain(error, &reader))?;
        keeper.close();
        keeper.settle()?;
        keeper.list.shrink();
        let digest = Digest::sha256(&self.hash.finalize().into());
        let diff_id =
            hash.map_or_else(|| digest.clone(), |hash| Digest::sha256(&hash.finalize().into()));
        Ok(LayerRead { digest, stored: self.stored, diff_id, encoding, list: keeper.list })
    }

    fn begin(&mut self, start: &[u8]) -> Result<(), LayerError> {
        let found = Encoding::of(start);
        if let Some(declared) = self.declared.filter(|declared| *declared != found) {
            return Err(LayerError::Encoding { declared: declared.name(), found: found.name() });
        }
        if found != Encoding::Plain {
            self.tar.hash = Some(Sha256::new());
        }
        self.inflater = Some((found, Inflater::new(found).map_err(LayerError::Inflate)?));
        Ok(())
    }

    fn inflate(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        let Some((_, inflater)) = &mut self.inflater else { return Ok(()) };
        let (tar, stored) = (&mut self.tar, self.stored);
        inflater.push(bytes, &mut |bytes: &[u8]| tar.push(bytes, stored)).map_err(|error| {
            match error {
                InflateError::Broken(message) => LayerError::Inflate(message),
                InflateError::Sink(error) => error,
            }
        })
    }
}

impl TarSide<'_> {
    fn push(&mut self, bytes: &[u8], stored: u64) -> Result<(), LayerError> {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        self.inflated += bytes.len() as u64;
        let budget = self.keeper.budget;
        budget.check_time()?;
        budget.inflate(bytes.len(), stored, self.inflated)?;
        self.reader
            .push(bytes, &mut self.keeper)
            .map_err(|error| self.keeper.explain(error, &self.reader))?;
        self.keeper.settle()
    }
}

/// Keeps the list of a layer and the bodies that are picked.
struct Keeper<'a> {
    choice: Choice<'a>,
    budget: &'a Budget<'a>,
    list: LayerList,
    open: Option<OpenFile>,
    /// Held while the body of a large file is.
    large: Option<MutexGuard<'a, ()>>,
    /// What of the list has been counted as kept.
    weighed: u64,
    /// Members that have not been counted.
    uncounted: u64,
    fault: Option<LayerError>,
}

/// What the first bytes of a file decide.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Nothing, or nothing any more.
    Nothing,
    /// Whether it is wanted.
    Wish,
    /// It is not wanted: whether those can want it who reach it through a link.
    Links,
}

/// A file whose bytes are coming.
struct OpenFile {
    path: Vec<u8>,
    mode: u32,
    size: u64,
    bytes: Vec<u8>,
    /// How many bytes are kept, at most.
    keep: usize,
    /// What the first bytes still have to decide.
    start: Start,
    linked: bool,
    /// Whether an excerpt is kept instead.
    excerpt: bool,
}

impl Keeper<'_> {
    /// The member that is open is complete, with or without its bytes.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let kept = match open.start {
            Start::Links if self.choice.pick.may_start(&open.bytes) => Kept::Nothing,
            Start::Links | Start::Wish => Kept::Refused,
            Start::Nothing => {
                let whole = open.bytes.len() as u64 == open.size;
                let at = u32::try_from(self.list.bodies.len()).unwrap_or(u32::MAX);
                let bytes = if open.excerpt && whole {
                    let path = String::from_utf8_lossy(&open.path);
                    let excerpt = self.choice.pick.excerpt(&path, open.bytes);
                    self.budget.release(open.size.saturating_sub(excerpt.len() as u64));
                    excerpt
                } else {
                    open.bytes
                };
                self.list.bodies.push(Body { bytes: Bytes::from(bytes.into_boxed_slice()), whole });
                if open.linked { Kept::Linked(at) } else { Kept::Picked(at) }
            }
        };
        let member = Member {
            path: &open.path,
            kind: MemberKind::File,
            mode: open.mode,
            size: open.size,
            link: &[],
        };
        self.list.push(&member, kept);
        self.large = None;
    }

    /// Counts what has come since the last time. Done once a piece, since threads share the counters.
    fn settle(&mut self) -> Result<(), LayerError> {
        self.budget.members(std::mem::take(&mut self.uncounted))?;
        let weight = self.list.weight();
        self.budget.keep(weight - self.weighed)?;
        self.weighed = weight;
        Ok(())
    }

    fn explain(&mut self, error: TarError, reader: &TarReader) -> LayerError {
        self.fault.take().unwrap_or_else(|| LayerError::Tar {
            error,
            path: String::from_utf8_lossy(reader.path()).into_owned(),
            position: reader.position(),
        })
    }

    /// Remembers what a limit said where only a tar error can be returned.
    fn note(&mut self, result: Result<(), LayerError>) -> Result<(), TarError> {
        result.map_err(|fault| {
            self.fault = Some(fault);
            TarError::Limit
        })
    }

    /// The file that is open is wanted.
    fn want(&mut self, size: u64, excerpt: bool) -> Result<usize, TarError> {
        let limits = &self.budget.limits;
        let most = if excerpt { limits.excerpt_bytes } else { limits.file_bytes };
        let keep = if size > most {
            START_OF_LARGE.min(usize::try_from(size).unwrap_or(usize::MAX))
        } else {
            usize::try_from(size).unwrap_or(usize::MAX)
        };
        if excerpt && size > LARGE && self.large.is_none() {
            self.large = Some(self.budget.one_large());
        }
        // A body's own structure counts too: a million empty files are not nothing.
        self.note(self.budget.keep(keep as u64 + 64))?;
        Ok(keep)
    }

    /// Lets the first bytes decide. `false`: it is not wanted.
    fn decide(&mut self) -> Result<bool, TarError> {
        let Some(open) = &self.open else { return Ok(false) };
        if open.start == Start::Links {
            return Ok(false);
        }
        let picked =
            self.choice.pick.wants_start(&String::from_utf8_lossy(&open.path), &open.bytes);
        if !picked && !open.linked {
            return Ok(false);
        }
        let size = open.size;
        let excerpt =
            picked && self.choice.pick.excerpts(&String::from_utf8_lossy(&open.path), &open.bytes);
        let keep = self.want(size, excerpt)?;
        if let Some(open) = &mut self.open {
            open.excerpt = excerpt;
            open.start = Start::Nothing;
            open.linked = !picked;
            open.keep = keep;
            // Growing by doubling would leave holes behind; what is reserved and never filled costs nothing. A size that only
            // claims to come need not be had: then the body grows with what does come.
            let _ = open.bytes.try_reserve_exact(keep.saturating_sub(open.bytes.len()));
        }
        Ok(true)
    }
}

impl Members for Keeper<'_> {
    fn begin(&mut self, member: Member<'_>) -> Result<bool, TarError> {
        self.close();
        self.uncounted += 1;
        if self.uncounted > 10_000 {
            let settled = self.settle();
            self.note(settled)?;
        }
        if member.kind != MemberKind::File {
            self.list.push(&member, Kept::Nothing);
            return Ok(false);
        }
        let path = String::from_utf8_lossy(member.path);
        let wish = self.choice.pick.wants(&path, member.size, member.mode);
        let linked = self.choice.linked.contains(&self.list.count);
        let start = match wish {
            Wish::No if !linked => Start::Links,
            Wish::ByStart => Start::Wish,
            Wish::No | Wish::Yes => Start::Nothing,
        };
        let excerpt = wish == Wish::Yes && self.choice.pick.excerpts(&path, &[]);
        let keep =
            if start == Start::Nothing { self.want(member.size, excerpt)? } else { PICK_START };
        let ahead = usize::try_from(member.size).unwrap_or(usize::MAX).min(keep).min(1 << 20);
        self.open = Some(OpenFile {
            path: member.path.to_vec(),
            mode: member.mode,
            size: member.size,
            bytes: Vec::with_capacity(ahead),
            keep,
            start,
            linked: linked && wish != Wish::Yes,
            excerpt,
        });
        Ok(true)
    }

    fn body(&mut self, mut bytes: &[u8]) -> Result<bool, TarError> {
        loop {
            let Some(open) = &mut self.open else { return Ok(false) };
            let room = open.keep.saturating_sub(open.bytes.len());
            let (taken, rest) = bytes.split_at(room.min(bytes.len()));
            open.bytes.extend_from_slice(taken);
            bytes = rest;
            if open.start != Start::Nothing && open.bytes.len() >= open.keep {
                if !self.decide()? {
                    return Ok(false);
                }
            } else {
                return Ok(open.bytes.len() < open.keep || (bytes.is_empty() && !open.is_cut()));
            }
        }
    }

    fn end(&mut self) -> Result<(), TarError> {
        if self.open.as_ref().is_some_and(|open| open.start != Start::Nothing) {
            self.decide()?;
        }
        Ok(())
    }
}

impl OpenFile {
    /// Whether the file is longer than what is kept of it.
    fn is_cut(&self) -> bool {
        (self.keep as u64) < self.size
    }
}
