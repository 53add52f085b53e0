use bytes::Bytes;

use crate::{Member, MemberKind};

/// What a layer holds, in the order of its tar file: every member with its path, so that merging is exact, and the bodies of
/// the files that were picked.
///
/// Members are encoded one after the other, each path as what it shares with the one before and what is new: 25 bytes a
/// member on Debian instead of the 200 of a structure.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerList {
    members: Vec<u8>,
    /// How many.
    pub(crate) count: u64,
    /// How many of them are regular files.
    pub(crate) files: u64,
    pub(crate) bodies: Vec<Body>,
    last: Vec<u8>,
}

/// A picked file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    /// Of a remembered layer a part of what was read at once.
    pub(crate) bytes: Bytes,
    /// Whether that is all; otherwise the file is above the limit.
    pub(crate) whole: bool,
}

/// A member and the place of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) kind: MemberKind,
    pub(crate) mode: u32,
    pub(crate) size: u64,
    pub(crate) link: &'a [u8],
    pub(crate) kept: Kept,
}

/// What is kept of a regular file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Nothing: it is not wanted by its path.
    Nothing,
    /// Nothing: its first bytes were looked at, and it is not wanted.
    Refused,
    /// The body with this number, since it is picked.
    Picked(u32),
    /// The body with this number, since another path leads to it that is picked.
    Linked(u32),
}

impl LayerList {
    pub(crate) fn push(&mut self, member: &Member<'_>, kept: Kept) {
        let shared =
            member.path.iter().zip(&self.last).take_while(|(left, right)| left == right).count();
        let fresh = member.path.get(shared..).unwrap_or_default();
        let kind = match member.kind {
            MemberKind::File => 0_u64,
            MemberKind::Directory => 1,
            MemberKind::Symlink => 2,
            MemberKind::Hardlink => 3,
            MemberKind::Other => 4,
        };
        let out = &mut self.members;
        varint(out, kind | u64::from(member.mode) << 3);
        varint(out, shared as u64);
        varint(out, fresh.len() as u64);
        out.extend_from_slice(fresh);
        match member.kind {
            MemberKind::File => {
                varint(out, member.size);
                varint(
                    out,
                    match kept {
                        Kept::Nothing => 0,
                        Kept::Refused => 1,
                        Kept::Picked(at) => 2 + 2 * u64::from(at),
                        Kept::Linked(at) => 3 + 2 * u64::from(at),
                    },
                );
                self.files += 1;
            }
            MemberKind::Symlink | MemberKind::Hardlink => {
                varint(out, member.link.len() as u64);
                out.extend_from_slice(member.link);
            }
            MemberKind::Directory | MemberKind::Other => {}
        }
        self.count += 1;
        self.last.clear();
        self.last.extend_from_slice(member.path);
    }

    /// Bytes that the members take.
    pub(crate) fn weight(&self) -> u64 {
        self.members.len() as u64
    }

    pub(crate) fn members(&self) -> &[u8] {
        &self.members
    }

    /// A list out of its parts. The members are checked when they are read.
    pub(crate) fn from_parts(members: Vec<u8>, count: u64, files: u64, bodies: Vec<Body>) -> Self {
        Self { members, count, files, bodies, last: Vec::new() }
    }

    /// Reads the members one by one.
    pub(crate) fn items(&self) -> Items<'_> {
        Items { rest: &self.members, path: Vec::new() }
    }

    /// Gives memory back that was kept for growing.
    pub(crate) fn shrink(&mut self) {
        self.last = Vec::new();
        self.members.shrink_to_fit();
        self.bodies.shrink_to_fit();
    }
}

/// A cursor over a list's members.
pub(crate) struct Items<'a> {
    rest: &'a [u8],
    path: Vec<u8>,
}

/// The bytes are not a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl<'a> Items<'a> {
    /// The next member; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Item<'_>>, Damaged> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let head = self.number()?;
        let kind = match head & 7 {
            0 => MemberKind::File,
            1 => MemberKind::Directory,
            2 => MemberKind::Symlink,
            3 => MemberKind::Hardlink,
            4 => MemberKind::Other,
            _ => return Err(Damaged),
        };
        let mode = u32::try_from(head >> 3).map_err(|_| Damaged)?;
        let shared = usize::try_from(self.number()?).map_err(|_| Damaged)?;
        if shared > self.path.len() {
            return Err(Damaged);
        }
        let fresh = self.bytes()?;
        self.path.truncate(shared);
        self.path.extend_from_slice(fresh);
        let (mut size, mut link, mut kept) = (0, [].as_slice(), Kept::Nothing);
        match kind {
            MemberKind::File => {
                size = self.number()?;
                let place = |at: u64| u32::try_from(at / 2 - 1).map_err(|_| Damaged);
                kept = match self.number()? {
                    0 => Kept::Nothing,
                    1 => Kept::Refused,
                    at if at % 2 == 0 => Kept::Picked(place(at)?),
                    at => Kept::Linked(place(at)?),
                };
            }
            MemberKind::Symlink | MemberKind::Hardlink => link = self.bytes()?,
            MemberKind::Directory | MemberKind::Other => {}
        }
        Ok(Some(Item { path: &self.path, kind, mode, size, link, kept }))
    }

    fn number(&mut self) -> Result<u64, Damaged> {
        read_varint(&mut self.rest).ok_or(Damaged)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Damaged> {
        let length = usize::try_from(self.number()?).map_err(|_| Damaged)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Damaged)?;
        self.rest = rest;
        Ok(bytes)
    }
}

/// Seven bits a byte, the lowest first, the top bit set on all but the last.
pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

pub(crate) fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, more) = rest.split_first()?;
        *rest = more;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_back_as_they_were() {
        let member = |path: &'static str, kind, link: &'static str| Member {
            path: path.as_bytes(),
            kind,
            mode: 0o4755,
            size: if kind == MemberKind::File { 1 << 40 } else { 0 },
            link: link.as_bytes(),
        };
        let all = [
            member("usr", MemberKind::Directory, ""),
            member("usr/bin/a", MemberKind::File, ""),
            member("usr/bin/ab", MemberKind::Symlink, "../a"),
            member("usr/bin/", MemberKind::Other, ""),
            member("", MemberKind::Hardlink, "usr/bin/a"),
        ];
        let mut list = LayerList::default();
        for (at, one) in all.iter().enumerate() {
            list.push(one, if at == 1 { Kept::Linked(7) } else { Kept::Nothing });
        }
        let mut items = list.items();
        for (at, one) in all.iter().enumerate() {
            let item = items.next().unwrap().unwrap();
            assert_eq!((item.path, item.kind, item.mode), (one.path, one.kind, one.mode));
            assert_eq!((item.size, item.link), (one.size, one.link));
            assert_eq!(item.kept, if at == 1 { Kept::Linked(7) } else { Kept::Nothing });
        }
        assert_eq!(items.next(), Ok(None));
        assert_eq!((list.count, list.files), (5, 1));
    }

    #[test]
    fn numbers_of_any_size_come_back() {
        for value in [0, 1, 127, 128, 1 << 35, u64::MAX] {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(read_varint(&mut out.as_slice()), Some(value));
        }
        assert_eq!(read_varint(&mut [0xff; 10].as_slice()), None);
        assert_eq!(read_varint(&mut [0x80].as_slice()), None);
    }
}
