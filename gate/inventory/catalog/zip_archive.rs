//! The members of a ZIP archive in memory (PKWARE APPNOTE 6.3), read by its central directory as Java does.

use std::io::Read;

/// Members of one archive that are read.
const MAX_MEMBERS: usize = 500_000;

/// A member, not inflated.
#[derive(Debug)]
pub(crate) struct Member<'b> {
    pub(crate) name: &'b [u8],
    /// Bytes once inflated, as the directory says.
    pub(crate) size: u64,
    encrypted: bool,
    method: u16,
    packed_size: u64,
    header: u64,
    checksum: u32,
}

impl Member<'_> {
    /// Bytes that it takes in the archive, as the directory says.
    pub(crate) fn packed_size(&self) -> u64 {
        self.packed_size
    }
}

/// An archive in memory.
#[derive(Debug)]
pub(crate) struct Archive<'b> {
    bytes: &'b [u8],
    /// Bytes before the archive's own start: a launch script.
    prefix: u64,
    pub(crate) members: Vec<Member<'b>>,
}

const DAMAGED: &str = "a ZIP archive whose directory points outside the file: cut off or damaged";

impl<'b> Archive<'b> {
    /// Reads the central directory.
    pub(crate) fn open(bytes: &'b [u8]) -> Result<Self, &'static str> {
        let end = end_of_directory(bytes).ok_or("not a ZIP archive, or cut off")?;
        let (mut end_at, mut count, mut size, mut from) = (
            end,
            u64::from(u16_at(bytes, end + 10).ok_or(DAMAGED)?),
            u64::from(u32_at(bytes, end + 12).ok_or(DAMAGED)?),
            u64::from(u32_at(bytes, end + 16).ok_or(DAMAGED)?),
        );
        // Zip64: a locator stands right before the record.
        if let Some(locator) = end.checked_sub(20)
            && u32_at(bytes, locator) == Some(0x0706_4b50)
        {
            let record = end_of_directory_64(bytes, locator).ok_or(DAMAGED)?;
            (end_at, count, size, from) = (
                record,
                u64_at(bytes, record + 32).ok_or(DAMAGED)?,
                u64_at(bytes, record + 40).ok_or(DAMAGED)?,
                u64_at(bytes, record + 48).ok_or(DAMAGED)?,
            );
        }
        if count > MAX_MEMBERS as u64 {
            return Err("a ZIP archive with more than 500000 members");
        }
        let prefix = end_at.checked_sub(size).and_then(|at| at.checked_sub(from)).ok_or(DAMAGED)?;
        let mut at = prefix + from;
        let mut members = Vec::new();
        for _ in 0..count {
            let (member, length) = member_at(bytes, at).ok_or(DAMAGED)?;
            members.push(member);
            at = at.checked_add(length).ok_or(DAMAGED)?;
        }
        Ok(Self { bytes, prefix, members })
    }

    /// A member's bytes; at most `limit`, and exactly as many as the directory says, with the checksum that it says.
    pub(crate) fn read(&self, member: &Member<'_>, limit: u64) -> Result<Vec<u8>, &'static str> {
        if member.encrypted {
            return Err("it is encrypted");
        }
        if member.size > limit {
            return Err("it is larger than what is inflated of one archive");
        }
        let packed = self.packed(member).ok_or(DAMAGED)?;
        let mut out = Vec::new();
        let read = match member.method {
            0 => packed.take(member.size + 1).read_to_end(&mut out),
            8 => flate2::read::DeflateDecoder::new(packed)
                .take(member.size + 1)
                .read_to_end(&mut out),
            _ => return Err("it is compressed in a way that Java does not read"),
        };
        let mut checksum = flate2::Crc::new();
        checksum.update(&out);
        if read.is_err() || out.len() as u64 != member.size || checksum.sum() != member.checksum {
            return Err("it does not inflate to what the directory says");
        }
        Ok(out)
    }

    fn packed(&self, member: &Member<'_>) -> Option<&'b [u8]> {
        let header = self.prefix.checked_add(member.header)?;
        if u32_at(self.bytes, header)? != 0x0403_4b50 {
            return None;
        }
        let skip = u64::from(u16_at(self.bytes, header + 26)?)
            + u64::from(u16_at(self.bytes, header + 28)?);
        slice(self.bytes, header + 30 + skip, member.packed_size)
    }
}

/// Where the end-of-directory record starts: its comment reaches to the end of the file.
fn end_of_directory(bytes: &[u8]) -> Option<u64> {
    let length = bytes.len() as u64;
    let last = length.checked_sub(22)?;
    (last.saturating_sub(0xffff)..=last).rev().find(|at| {
        u32_at(bytes, *at) == Some(0x0605_4b50)
            && u16_at(bytes, at + 20).is_some_and(|comment| at + 22 + u64::from(comment) == length)
    })
}

/// Where the Zip64 record starts: where the locator says, or right before it when a prefix has moved everything.
fn end_of_directory_64(bytes: &[u8], locator: u64) -> Option<u64> {
    let is_record = |at: &u64| u32_at(bytes, *at) == Some(0x0606_4b50);
    u64_at(bytes, locator + 8)
        .filter(is_record)
        .or_else(|| locator.checked_sub(56).filter(is_record))
}

/// The member at `at` of the central directory and how many bytes its entry takes.
fn member_at(bytes: &[u8], at: u64) -> Option<(Member<'_>, u64)> {
    if u32_at(bytes, at)? != 0x0201_4b50 {
        return None;
    }
    let half = |offset: u64| u16_at(bytes, at + offset).map(u64::from);
    let word = |offset: u64| u32_at(bytes, at + offset).map(u64::from);
    let (name, extra, comment) = (half(28)?, half(30)?, half(32)?);
    let (mut packed_size, mut size, mut header) = (word(20)?, word(24)?, word(42)?);
    let mut fields = slice(bytes, at + 46 + name, extra)?;
    // Zip64: the real figures stand in an extra field, in this order, only those that did not fit.
    while let (Some(id), Some(length)) = (u16_at(fields, 0), u16_at(fields, 2)) {
        let Some(body) = slice(fields, 4, u64::from(length)) else { break };
        if id == 1 {
            let mut next = 0;
            for figure in [&mut size, &mut packed_size, &mut header] {
                if *figure == 0xffff_ffff {
                    *figure = u64_at(body, next)?;
                    next += 8;
                }
            }
        }
        fields = fields.get(4 + usize::from(length)..).unwrap_or_default();
    }
    let member = Member {
        name: slice(bytes, at + 46, name)?,
        size,
        encrypted: half(8)? & 1 != 0,
        method: u16_at(bytes, at + 10)?,
        packed_size,
        header,
        checksum: u32_at(bytes, at + 16)?,
    };
    Some((member, 46 + name + extra + comment))
}

fn slice(bytes: &[u8], at: u64, length: u64) -> Option<&[u8]> {
    let from = usize::try_from(at).ok()?;
    bytes.get(from..from.checked_add(usize::try_from(length).ok()?)?)
}

fn u16_at(bytes: &[u8], at: u64) -> Option<u16> {
    slice(bytes, at, 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: u64) -> Option<u32> {
    slice(bytes, at, 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: u64) -> Option<u64> {
    // Offsets come from the file: near the top of their range they may not even be added to.
    at.checked_add(8)?;
    slice(bytes, at, 8)?.try_into().ok().map(u64::from_le_bytes)
}

/// Archives for tests.
#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "test files are a few hundred bytes")]
pub(crate) mod crafted {
    use std::io::Write;

    /// An archive of these members, deflated.
    pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut directory = Vec::new();
        for (name, body) in members {
            let mut packed =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
            packed.write_all(body).unwrap();
            let packed = packed.finish().unwrap();
            let mut checksum = flate2::Crc::new();
            checksum.update(body);
            let mut common: Vec<u8> = vec![20, 0, 0, 8, 8, 0, 0, 0, 0, 0];
            for figure in [checksum.sum(), packed.len() as u32, body.len() as u32] {
                common.extend(figure.to_le_bytes());
            }
            common.extend((name.len() as u16).to_le_bytes());
            common.extend([0, 0]);
            directory.extend(b"PK\x01\x02\x14\0");
            directory.extend(&common);
            directory.extend([0; 10]);
            directory.extend((out.len() as u32).to_le_bytes());
            directory.extend(name.as_bytes());
            out.extend(b"PK\x03\x04");
            out.extend(&common);
            out.extend(name.as_bytes());
            out.extend(packed);
        }
        let from = out.len() as u32;
        out.extend(&directory);
        out.extend(b"PK\x05\x06\0\0\0\0");
        for _ in 0..2 {
            out.extend((members.len() as u16).to_le_bytes());
        }
        out.extend((directory.len() as u32).to_le_bytes());
        out.extend(from.to_le_bytes());
        out.extend([0, 0]);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, &'static str> {
        let archive = Archive::open(bytes)?;
        archive
            .members
            .iter()
            .map(|member| {
                let name = String::from_utf8_lossy(member.name).into_owned();
                Ok((name, archive.read(member, 1 << 20)?))
            })
            .collect()
    }

    #[test]
    fn members_are_read_also_behind_a_launch_script() {
        let zip = crafted::zip(&[("a.txt", b"text"), ("b/c", &[7; 5000])]);
        let expected =
            vec![("a.txt".to_owned(), b"text".to_vec()), ("b/c".to_owned(), vec![7; 5000])];
        assert_eq!(all(&zip), Ok(expected.clone()));
        assert_eq!(all(&[b"#!/bin/sh\nexec java -jar $0\n".to_vec(), zip].concat()), Ok(expected));
    }

    #[test]
    fn faults_are_told() {
        let zip = crafted::zip(&[("a.txt", &[7; 5000])]);
        assert_eq!(all(b"PK"), Err("not a ZIP archive, or cut off"));
        assert_eq!(all(&zip[..zip.len() - 1]), Err("not a ZIP archive, or cut off"));
        let mut broken = zip.clone();
        broken[36] ^= 0x10;
        assert_eq!(all(&broken), Err("it does not inflate to what the directory says"));
        let archive = Archive::open(&zip).unwrap();
        assert!(archive.read(&archive.members[0], 4999).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(at in 0_usize..200, with in any::<[u8; 8]>()) {
            let mut zip = crafted::zip(&[("a.txt", b"text"), ("b/c", &[7; 500])]);
            for (index, byte) in with.into_iter().enumerate() {
                if let Some(slot) = zip.get_mut(at + index) {
                    *slot = byte;
                }
            }
            let _ = all(&zip);
        }
    }
}
