use crate::{
    tar_header::{BLOCK, Dialect, Header, OldSparse, until_nul},
    tar_pax::{Pax, check_global, read_pax},
    tar_sparse::{MapLines, Segments},
};

/// No path, link target or name is longer: the kernel's `PATH_MAX`.
pub const MAX_PATH: usize = 4096;

/// No part of a path is longer: `NAME_MAX` of the usual file systems.
pub(crate) const MAX_NAME: usize = 255;

/// Bytes of an extended header, a long name or a sparse map, as Go's `archive/tar` has it.
const MAX_META: u64 = 1 << 20;

/// Why bytes are not a tar file that can be read without guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// The checksum of a header does not match.
    #[error("a header has a wrong checksum")]
    Checksum,
    /// A numeric field holds no number that fits.
    #[error("the {field} is not a number")]
    Number {
        /// Which.
        field: &'static str,
    },
    /// It ends inside a member.
    #[error("it ends inside a member")]
    Truncated,
    /// One block of zeros followed by something else.
    #[error("a lone block of zeros stands between members")]
    LoneZeros,
    /// An extended header is not in the form `LENGTH KEY=VALUE`.
    #[error("an extended header is malformed")]
    Pax,
    /// A global header names or sizes what follows, which tools read differently.
    #[error("a global extended header gives path or size, which container engines do not follow")]
    Global,
    /// A global header stands between a header that describes the next member and that member: Go forgets the description,
    /// other tools do not.
    #[error(
        "a global extended header stands between a member and its description, which tools read differently"
    )]
    Between,
    /// A sparse file's map contradicts itself or the file's size.
    #[error("the map of a sparse file is malformed")]
    Sparse,
    /// An extended header, a name or a map is too long.
    #[error("a header or a name is too long")]
    TooLong,
    /// A path climbs with `..`.
    #[error("a path holds `..`")]
    Climbs,
    /// A path holds a NUL.
    #[error("a path holds a NUL")]
    Nul,
    /// A type of member that no container engine unpacks.
    #[error("a member is of the unknown type {0:#04x}")]
    Type(u8),
    /// Whoever takes the members wants no more of them.
    #[error("it exceeds a limit")]
    Limit,
}

/// What a member of a tar file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of an earlier file.
    Hardlink,
    /// A device or a pipe: a name without bytes.
    Other,
}

/// A member of a tar file.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Relative to the root, `/` between its parts, without `.` and empty parts; empty for the root itself.
    pub path: &'a [u8],
    /// What it is.
    pub kind: MemberKind,
    /// Permissions with set-user-ID, set-group-ID and sticky bit.
    pub mode: u32,
    /// Bytes of the file when it is unpacked: with holes, where it is sparse.
    pub size: u64,
    /// Where a symbolic link points, as written; the path that a hard link repeats, in the form of `path`.
    pub link: &'a [u8],
}

/// Who takes the members of a tar file.
pub trait Members {
    /// A member begins. `true` when its bytes are wanted.
    fn begin(&mut self, member: Member<'_>) -> Result<bool, TarError>;
    /// Some of its bytes. `false` when no more are wanted; then [`Members::end`] is not called.
    fn body(&mut self, bytes: &[u8]) -> Result<bool, TarError>;
    /// All of its bytes were there.
    fn end(&mut self) -> Result<(), TarError>;
}

/// Reads a tar file that is pushed to it piece by piece: v7, `ustar`, `star`, GNU (long names, old sparse files), PAX.
///
/// Where tools differ it reads as Go's `archive/tar` does, since that is what container engines unpack with, or refuses.
#[derive(Debug)]
pub struct TarReader {
    state: State,
    block: Box<[u8; BLOCK]>,
    have: usize,
    meta: Vec<u8>,
    pending: Pending,
    zeros: bool,
    position: u64,
    path: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Header,
    /// Blocks that continue a header in GNU's old sparse format.
    OldSparse(Box<Open>, Vec<(u64, u64)>),
    /// The map in front of a sparse file's body (PAX 1.0).
    Map(Box<Open>, MapLines),
    /// A member that describes the next one.
    Meta {
        kind: u8,
        left: u64,
        pad: u64,
    },
    Body {
        left: u64,
        pad: u64,
        sparse: Option<Segments>,
    },
    /// Bytes that nobody wants, the last `pad` of them after the member.
    Skip {
        left: u64,
        pad: u64,
    },
    End,
}

/// A member whose header is read and whose map is not.
#[derive(Debug)]
struct Open {
    mode: u32,
    stored: u64,
    size: u64,
}

/// What earlier members said of the next.
#[derive(Debug, Default)]
struct Pending {
    pax: Option<Pax>,
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl Default for TarReader {
    fn default() -> Self {
        Self {
            state: State::Header,
            block: Box::new([0; BLOCK]),
            have: 0,
            meta: Vec::new(),
            pending: Pending::default(),
            zeros: false,
            position: 0,
            path: Vec::new(),
        }
    }
}

impl TarReader {
    /// Bytes taken so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The path of the member that was begun last.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// How many of the next bytes nobody will look at.
    pub fn skippable(&self) -> u64 {
        match self.state {
            State::Skip { left, .. } => left,
            State::End => u64::MAX,
            _ => 0,
        }
    }

    /// Passes over bytes, at most [`TarReader::skippable`] of them, without seeing them.
    pub fn skip(&mut self, count: u64) {
        self.position = self.position.saturating_add(count);
        if let State::Skip { left, pad } = self.state {
            self.state = skip_or_header(left.saturating_sub(count), pad);
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// What [`TarError`] lists; then the reader is of no more use.
    pub fn push(&mut self, mut bytes: &[u8], members: &mut dyn Members) -> Result<(), TarError> {
        while !bytes.is_empty() {
            let before = bytes.len();
            bytes = match &mut self.state {
                State::End => &[],
                State::Skip { left, pad } => {
                    let (taken, rest) = take(bytes, *left);
                    self.state = skip_or_header(*left - taken.len() as u64, *pad);
                    rest
                }
                State::Meta { left, .. } => {
                    let (taken, rest) = take(bytes, *left);
                    *left -= taken.len() as u64;
                    self.meta.extend_from_slice(taken);
                    if *left == 0 {
                        self.described()?;
                    }
                    rest
                }
                State::Body { left, pad, sparse } => {
                    let (taken, rest) = take(bytes, *left);
                    *left -= taken.len() as u64;
                    let mut wanted = match sparse {
                        None => members.body(taken)?,
                        Some(segments) => segments.body(taken, members)?,
                    };
                    if wanted && *left == 0 {
                        if let Some(segments) = sparse {
                            wanted = segments.tail(members)?;
                        }
                        if wanted {
                            members.end()?;
                        }
                        wanted = false;
                    }
                    if !wanted {
                        self.state = skip_or_header(left.saturating_add(*pad), *pad);
                    }
                    rest
                }
                State::Header | State::OldSparse(..) | State::Map(..) => {
                    match bytes.split_first_chunk::<BLOCK>() {
                        Some((block, rest)) if self.have == 0 => {
                            self.block(block, members)?;
                            rest
                        }
                        _ => {
                            let room = self.block.get_mut(self.have..).unwrap_or_default();
                            let count = room.len().min(bytes.len());
                            let (taken, rest) = bytes.split_at(count);
                            if let Some(room) = room.get_mut(..count) {
                                room.copy_from_slice(taken);
                            }
                            self.have += count;
                            if self.have == BLOCK {
                                self.have = 0;
                                let block = *self.block;
                                self.block(&block, members)?;
                            }
                            rest
                        }
                    }
                }
            };
            self.position = self.position.saturating_add((before - bytes.len()) as u64);
        }
        Ok(())
    }

    /// There are no more bytes.
    ///
    /// # Errors
    /// When the last member is not complete. The end marker and the padding of the last member may be missing, as Go has it.
    pub fn finish(&self) -> Result<(), TarError> {
        let complete = match self.state {
            State::End => true,
            State::Header => self.have == 0 && self.pending.is_empty(),
            State::Skip { left, pad } => left <= pad,
            _ => false,
        };
        if complete { Ok(()) } else { Err(TarError::Truncated) }
    }

    fn block(&mut self, block: &[u8; BLOCK], members: &mut dyn Members) -> Result<(), TarError> {
        let header = Header(block);
        match std::mem::replace(&mut self.state, State::Header) {
            State::OldSparse(open, mut pairs) => {
                let (more, continues) = header.more_sparse()?;
                pairs.extend(more);
                if pairs.len() as u64 * 24 > MAX_META {
                    return Err(TarError::Sparse);
                }
                if continues {
                    self.state = State::OldSparse(open, pairs);
                    Ok(())
                } else {
                    self.open_file(&open, Some(pairs), members)
                }
            }
            State::Map(mut open, mut lines) => {
                open.stored = open.stored.checked_sub(BLOCK as u64).ok_or(TarError::Sparse)?;
                if let Some(pairs) = lines.push(block)? {
                    self.open_file(&open, Some(pairs), members)
                } else {
                    self.state = State::Map(open, lines);
                    Ok(())
                }
            }
            _ => self.header(&header, members),
        }
    }

    fn header(&mut self, header: &Header<'_>, members: &mut dyn Members) -> Result<(), TarError> {
        if header.is_zero() {
            if !self.pending.is_empty() {
                return Err(TarError::Truncated);
            }
            self.state = if self.zeros { State::End } else { State::Header };
            self.zeros = true;
            return Ok(());
        }
        if !header.has_right_sum() {
            return Err(if self.zeros { TarError::LoneZeros } else { TarError::Checksum });
        }
        if self.zeros {
            return Err(TarError::LoneZeros);
        }
        let kind = header.kind();
        if matches!(kind, b'x' | b'g' | b'L' | b'K') {
            let left = header.size()?;
            if left > MAX_META {
                return Err(TarError::TooLong);
            }
            self.meta.clear();
            self.state = State::Meta { kind, left, pad: padding(left) };
            return if left == 0 { self.described() } else { Ok(()) };
        }
        let pending = std::mem::take(&mut self.pending);
        let pax = pending.pax.unwrap_or_default();
        // In the order of Go, where each goes over the one after it.
        let raw = pax.sparse.name.or(pending.path).or(pax.path).unwrap_or_else(|| header.path());
        let link = pending.link.or(pax.link).unwrap_or_else(|| header.link().to_vec());
        self.path = clean(&raw)?;
        let mode = header.mode()?;
        let member_kind = match kind {
            b'\0' if raw.ends_with(b"/") => MemberKind::Directory,
            b'0' | b'\0' | b'7' => MemberKind::File,
            b'S' if header.dialect() == Dialect::Gnu => MemberKind::File,
            b'1' => MemberKind::Hardlink,
            b'2' => MemberKind::Symlink,
            b'3' | b'4' | b'6' => MemberKind::Other,
            b'5' => MemberKind::Directory,
            other => return Err(TarError::Type(other)),
        };
        if member_kind == MemberKind::File {
            let stored = pax.size.map_or_else(|| header.size(), Ok)?;
            if kind == b'S' {
                let OldSparse { pairs, continues, size } = header.old_sparse()?;
                let open = Open { mode, stored, size };
                if continues {
                    self.state = State::OldSparse(Box::new(open), pairs);
                    return Ok(());
                }
                return self.open_file(&open, Some(pairs), members);
            }
            if pax.sparse.is_any {
                let size = pax.sparse.size.ok_or(TarError::Sparse)?;
                let open = Open { mode, stored, size };
                return match pax.sparse.version {
                    (Some(1), Some(0)) => {
                        self.state = State::Map(Box::new(open), MapLines::default());
                        Ok(())
                    }
                    // Without a version it is the map that tells; without either Go sees no sparse file.
                    (None, None) if pax.sparse.map.is_empty() => Err(TarError::Sparse),
                    (None, None) | (Some(0), Some(0 | 1)) => {
                        let (pairs, rest) = pax.sparse.map.as_chunks::<2>();
                        if !rest.is_empty() {
                            return Err(TarError::Sparse);
                        }
                        let pairs = pairs.iter().map(|[offset, length]| (*offset, *length));
                        self.open_file(&open, Some(pairs.collect()), members)
                    }
                    _ => Err(TarError::Sparse),
                };
            }
            return self.open_file(&Open { mode, stored, size: stored }, None, members);
        }
        if pax.sparse.is_any {
            return Err(TarError::Sparse);
        }
        // Types without a body have none whatever their size field says: so reads Go.
        if pax.size.is_none() {
            header.size()?;
        }
        let link = match member_kind {
            MemberKind::Hardlink => clean(&link)?,
            MemberKind::Symlink if link.len() > MAX_PATH => return Err(TarError::TooLong),
            MemberKind::Symlink => link,
            _ => Vec::new(),
        };
        let member = Member { path: &self.path, kind: member_kind, mode, size: 0, link: &link };
        members.begin(member)?;
        Ok(())
    }

    /// A regular file's body follows.
    fn open_file(
        &mut self,
        open: &Open,
        pairs: Option<Vec<(u64, u64)>>,
        members: &mut dyn Members,
    ) -> Result<(), TarError> {
        let sparse = pairs.map(|pairs| Segments::new(pairs, open.stored, open.size)).transpose()?;
        let member = Member {
            path: &self.path,
            kind: MemberKind::File,
            mode: open.mode,
            size: open.size,
            link: &[],
        };
        let mut wanted = members.begin(member)?;
        let (left, pad) = (open.stored, padding(open.stored));
        if wanted && left == 0 {
            if let Some(mut segments) = sparse {
                wanted = segments.tail(members)?;
            }
            if wanted {
                members.end()?;
            }
            self.state = State::Header;
        } else if wanted {
            self.state = State::Body { left, pad, sparse };
        } else {
            self.state = skip_or_header(left.saturating_add(pad), pad);
        }
        Ok(())
    }

    /// A member that describes the next one is complete.
    fn described(&mut self) -> Result<(), TarError> {
        let State::Meta { kind, pad, .. } = self.state else { return Ok(()) };
        match kind {
            b'x' => self.pending.pax = Some(read_pax(&self.meta)?),
            b'g' if !self.pending.is_empty() => return Err(TarError::Between),
            b'g' => check_global(&self.meta)?,
            // An empty one takes an earlier one back.
            b'L' => self.pending.path = long_name(&self.meta),
            _ => self.pending.link = long_name(&self.meta),
        }
        self.state = skip_or_header(pad, pad);
        Ok(())
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.pax.is_none() && self.path.is_none() && self.link.is_none()
    }
}

/// Whether a block may be the first of a tar file: a header with the right checksum.
pub(crate) fn is_tar_start(bytes: &[u8]) -> bool {
    bytes.first_chunk::<BLOCK>().is_some_and(|block| {
        let header = Header(block);
        !header.is_zero() && header.has_right_sum()
    })
}

/// A name that has a member of its own (GNU); `None` where it is empty.
fn long_name(meta: &[u8]) -> Option<Vec<u8>> {
    Some(until_nul(meta)).filter(|name| !name.is_empty()).map(<[u8]>::to_vec)
}

fn skip_or_header(left: u64, pad: u64) -> State {
    if left == 0 { State::Header } else { State::Skip { left, pad } }
}

fn padding(size: u64) -> u64 {
    let over = size % BLOCK as u64;
    if over == 0 { 0 } else { BLOCK as u64 - over }
}

/// At most `count` bytes, and the rest.
fn take(bytes: &[u8], count: u64) -> (&[u8], &[u8]) {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len());
    bytes.split_at(count)
}

/// A path relative to the root: an absolute one loses its slash, `.` and empty parts go.
pub(crate) fn clean(raw: &[u8]) -> Result<Vec<u8>, TarError> {
    let mut path = Vec::with_capacity(raw.len());
    for part in raw.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(TarError::Climbs),
            part if part.contains(&0) => return Err(TarError::Nul),
            part if part.len() > MAX_NAME => return Err(TarError::TooLong),
            part => {
                if !path.is_empty() {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
            }
        }
    }
    if path.len() > MAX_PATH { Err(TarError::TooLong) } else { Ok(path) }
}
