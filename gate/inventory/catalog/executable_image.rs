//! Where the sections of ELF, PE and Mach-O files lie: as much of the three formats as finding embedded package lists
//! needs. Nothing is copied; every offset is checked against the file.

/// Sections or segments of one image that are read.
const MAX_PARTS: usize = 1 << 16;
/// Images in one universal Mach-O file.
const MAX_ARCHITECTURES: u32 = 32;

/// One program: its named sections and its loaded segments.
#[derive(Debug, Default)]
pub(crate) struct Image<'b> {
    pub(crate) sections: Vec<Part<'b>>,
    pub(crate) segments: Vec<Part<'b>>,
}

/// A section or a segment.
#[derive(Debug)]
pub(crate) struct Part<'b> {
    pub(crate) name: &'b [u8],
    pub(crate) address: u64,
    pub(crate) body: &'b [u8],
    pub(crate) writable: bool,
}

impl<'b> Image<'b> {
    /// The body of the first section with one of these names.
    pub(crate) fn section(&self, names: &[&[u8]]) -> Option<&'b [u8]> {
        self.sections.iter().find(|part| names.contains(&part.name)).map(|part| part.body)
    }

    /// The bytes from a virtual address on, up to the end of its segment.
    pub(crate) fn loaded_at(&self, address: u64) -> Option<&'b [u8]> {
        self.segments.iter().find_map(|part| {
            let from = usize::try_from(address.checked_sub(part.address)?).ok()?;
            part.body.get(from..).filter(|rest| !rest.is_empty())
        })
    }
}

/// First bytes of a file that [`is_program`] needs.
pub(crate) const MAGIC_BYTES: usize = 8;

/// Whether these first bytes may be those of a program.
pub(crate) fn is_program(start: &[u8]) -> bool {
    matches!(
        start,
        [0x7f, b'E', b'L', b'F', ..]
            | [b'M', b'Z', ..]
            | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
            | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
            | [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1..=32, ..]
    )
}

/// The programs in a file for which [`is_program`] holds: one, except in a universal Mach-O file.
pub(crate) fn images(bytes: &[u8]) -> Result<Vec<Image<'_>>, &'static str> {
    const CUT: &str = "a program whose headers point outside the file: cut off or damaged";
    let image = match bytes {
        [0x7f, b'E', b'L', b'F', ..] => elf(bytes),
        [b'M', b'Z', ..] => pe(bytes),
        [0xca, 0xfe, 0xba, 0xbe, ..] => return universal(bytes).ok_or(CUT),
        _ => mach(bytes),
    };
    image.map(|image| vec![image]).ok_or(CUT)
}

/// Numbers of one byte order.
#[derive(Clone, Copy)]
pub(crate) struct Numbers<'b> {
    bytes: &'b [u8],
    big: bool,
}

impl<'b> Numbers<'b> {
    pub(crate) fn new(bytes: &'b [u8], big: bool) -> Self {
        Self { bytes, big }
    }

    fn slice(self, at: u64, length: u64) -> Option<&'b [u8]> {
        let from = usize::try_from(at).ok()?;
        self.bytes.get(from..from.checked_add(usize::try_from(length).ok()?)?)
    }

    fn u16(self, at: u64) -> Option<u64> {
        let raw: [u8; 2] = self.slice(at, 2)?.try_into().ok()?;
        Some(u64::from(if self.big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) }))
    }

    fn u32(self, at: u64) -> Option<u64> {
        let raw: [u8; 4] = self.slice(at, 4)?.try_into().ok()?;
        Some(u64::from(if self.big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) }))
    }

    /// A number of 8 bytes when `wide`, else of 4.
    pub(crate) fn word(self, at: u64, wide: bool) -> Option<u64> {
        if !wide {
            return self.u32(at);
        }
        let raw: [u8; 8] = self.slice(at, 8)?.try_into().ok()?;
        Some(if self.big { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
    }
}

/// A name that ends at the first zero byte.
fn name(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Executable and Linkable Format (System V ABI, chapters 4 and 5).
fn elf(bytes: &[u8]) -> Option<Image<'_>> {
    const LOADED: u64 = 1;
    const WRITABLE_SEGMENT: u64 = 2;
    const WRITABLE_SECTION: u64 = 1;
    const NO_BITS: u64 = 8;
    let wide = *bytes.get(4)? == 2;
    let n = Numbers::new(bytes, *bytes.get(5)? == 2);
    let pick = |wide_at: u64, narrow_at: u64| if wide { wide_at } else { narrow_at };
    let mut image = Image::default();

    let program_headers = n.word(pick(32, 28), wide)?;
    let (size, count) = (n.u16(pick(54, 42))?, n.u16(pick(56, 44))?);
    for index in 0..count {
        let at = program_headers.checked_add(index.checked_mul(size)?)?;
        let kind = n.u32(at)?;
        let flags = n.u32(at.checked_add(pick(4, 24))?)?;
        let offset = n.word(at.checked_add(pick(8, 4))?, wide)?;
        let address = n.word(at.checked_add(pick(16, 8))?, wide)?;
        let length = n.word(at.checked_add(pick(32, 16))?, wide)?;
        if kind == LOADED {
            let writable = flags & WRITABLE_SEGMENT != 0;
            image.segments.push(Part {
                name: &[],
                address,
                body: n.slice(offset, length)?,
                writable,
            });
        }
    }

    let section_headers = n.word(pick(40, 32), wide)?;
    if section_headers == 0 {
        return Some(image);
    }
    let size = n.u16(pick(58, 46))?;
    let header = |index: u64| section_headers.checked_add(index.checked_mul(size)?);
    // Files with very many sections keep their number, and the index of the names, in the first section's header.
    let count = match n.u16(pick(60, 48))? {
        0 => n.word(header(0)?.checked_add(pick(32, 20))?, wide)?,
        count => count,
    };
    let names_index = match n.u16(pick(62, 50))? {
        0xffff => n.u32(header(0)?.checked_add(pick(40, 24))?)?,
        index => index,
    };
    if count > MAX_PARTS as u64 {
        return None;
    }
    let names_header = header(names_index)?;
    let names = n.slice(
        n.word(names_header.checked_add(pick(24, 16))?, wide)?,
        n.word(names_header.checked_add(pick(32, 20))?, wide)?,
    )?;
    for index in 0..count {
        let at = header(index)?;
        let name_offset = usize::try_from(n.u32(at)?).ok()?;
        let kind = n.u32(at.checked_add(4)?)?;
        let flags = n.word(at.checked_add(8)?, wide)?;
        let address = n.word(at.checked_add(pick(16, 12))?, wide)?;
        let offset = n.word(at.checked_add(pick(24, 16))?, wide)?;
        let length = n.word(at.checked_add(pick(32, 20))?, wide)?;
        let body: &[u8] = if kind == NO_BITS || kind == 0 { &[] } else { n.slice(offset, length)? };
        let name = name(names.get(name_offset..)?.get(..64).unwrap_or(names.get(name_offset..)?));
        let writable = flags & WRITABLE_SECTION != 0;
        image.sections.push(Part { name, address, body, writable });
    }
    Some(image)
}

/// Portable Executable (Microsoft PE format, "COFF File Header" to "Section Table").
fn pe(bytes: &[u8]) -> Option<Image<'_>> {
    const WRITABLE: u64 = 0x8000_0000;
    let n = Numbers::new(bytes, false);
    let signature = n.u32(0x3c)?;
    if n.slice(signature, 4)? != b"PE\0\0" {
        return None;
    }
    let count = n.u16(signature + 6)?;
    let optional_size = n.u16(signature + 20)?;
    let optional = signature + 24;
    let base = match optional_size {
        0 => 0,
        _ if n.u16(optional)? == 0x20b => n.word(optional + 24, true)?,
        _ => n.u32(optional + 28)?,
    };
    let table = optional + optional_size;
    let mut image = Image::default();
    for index in 0..count {
        let at = table + index * 40;
        let (virtual_size, address) = (n.u32(at + 8)?, n.u32(at + 12)?);
        let (raw_size, offset) = (n.u32(at + 16)?, n.u32(at + 20)?);
        // The raw size is rounded up; a virtual size of zero means that an object file's raw size counts.
        let length = if virtual_size == 0 { raw_size } else { raw_size.min(virtual_size) };
        let body: &[u8] = if offset == 0 { &[] } else { n.slice(offset, length)? };
        let writable = n.u32(at + 36)? & WRITABLE != 0;
        let address = base.checked_add(address)?;
        let name = name(n.slice(at, 8)?);
        image.sections.push(Part { name, address, body, writable });
        image.segments.push(Part { name, address, body, writable });
    }
    Some(image)
}

/// Mach-O (`mach-o/loader.h`).
fn mach(bytes: &[u8]) -> Option<Image<'_>> {
    const SEGMENT: u64 = 0x1;
    const SEGMENT_64: u64 = 0x19;
    const WRITABLE: u64 = 2;
    let (big, wide) = match bytes {
        [0xfe, 0xed, 0xfa, kind, ..] => (true, *kind == 0xcf),
        [kind, 0xfa, 0xed, 0xfe, ..] => (false, *kind == 0xcf),
        _ => return None,
    };
    let n = Numbers::new(bytes, big);
    let count = n.u32(16)?;
    let mut at = if wide { 32 } else { 28 };
    let mut image = Image::default();
    for _ in 0..count.min(MAX_PARTS as u64) {
        let (command, size) = (n.u32(at)?, n.u32(at + 4)?);
        if size < 8 {
            return None;
        }
        if command == SEGMENT || command == SEGMENT_64 {
            let wide = command == SEGMENT_64;
            let pick = |wide_at: u64, narrow_at: u64| at + if wide { wide_at } else { narrow_at };
            let body = n.slice(n.word(pick(40, 32), wide)?, n.word(pick(48, 36), wide)?)?;
            let writable = n.u32(pick(60, 44))? & WRITABLE != 0;
            let sections = n.u32(pick(64, 48))?;
            image.segments.push(Part {
                name: name(n.slice(at + 8, 16)?),
                address: n.word(pick(24, 24), wide)?,
                body,
                writable,
            });
            let each = if wide { 80 } else { 68 };
            for index in 0..sections {
                let at = pick(72, 56).checked_add(index.checked_mul(each)?)?;
                let pick =
                    |wide_at: u64, narrow_at: u64| at + if wide { wide_at } else { narrow_at };
                let kind = n.u32(pick(64, 56))? & 0xff;
                let zero_filled = matches!(kind, 0x1 | 0xc | 0x12);
                let length = n.word(pick(40, 36), wide)?;
                let body: &[u8] =
                    if zero_filled { &[] } else { n.slice(n.u32(pick(48, 40))?, length)? };
                if image.sections.len() >= MAX_PARTS {
                    return None;
                }
                image.sections.push(Part {
                    name: name(n.slice(at, 16)?),
                    address: n.word(pick(32, 32), wide)?,
                    body,
                    writable,
                });
            }
        }
        at = at.checked_add(size)?;
    }
    Some(image)
}

/// A universal Mach-O file (`mach-o/fat.h`): several images one after the other.
fn universal(bytes: &[u8]) -> Option<Vec<Image<'_>>> {
    let n = Numbers::new(bytes, true);
    let count = n.u32(4)?;
    let mut images = Vec::new();
    for index in 0..count.min(u64::from(MAX_ARCHITECTURES)) {
        let at = 8 + index * 20;
        let part = n.slice(n.u32(at + 8)?, n.u32(at + 12)?)?;
        images.push(mach(part)?);
    }
    Some(images)
}

/// Programs of a few bytes for tests.
#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "test files are a few hundred bytes")]
pub(crate) mod crafted {
    /// A 64-bit little-endian ELF file with these sections; `.data` and `.go.buildinfo` are also loaded, at address
    /// `0x1000` times their number.
    pub(crate) fn elf(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut names = vec![0];
        let mut body: Vec<u8> = Vec::new();
        let mut headers = vec![0; 64];
        let mut programs = Vec::new();
        let loads = sections.len() as u64;
        let start = 64 + loads * 56;
        for (index, (name, bytes)) in sections.iter().enumerate() {
            let offset = start + body.len() as u64;
            let address = 0x1000 * (index as u64 + 1);
            headers.extend((names.len() as u32).to_le_bytes());
            headers.extend(1_u32.to_le_bytes());
            for word in [3, address, offset, bytes.len() as u64, 0, 16, 0] {
                // sh_link and sh_info share one word here: both are zero.
                headers.extend(u64::to_le_bytes(word));
            }
            programs.extend(1_u32.to_le_bytes());
            programs.extend(6_u32.to_le_bytes());
            for word in [offset, address, 0, bytes.len() as u64, bytes.len() as u64, 16] {
                programs.extend(u64::to_le_bytes(word));
            }
            names.extend(name.as_bytes());
            names.push(0);
            body.extend(*bytes);
        }
        let table_at = names.len() as u32;
        names.extend(b".shstrtab\0");
        headers.extend(table_at.to_le_bytes());
        headers.extend(3_u32.to_le_bytes());
        for word in [0, 0, start + body.len() as u64, names.len() as u64, 0, 1, 0] {
            headers.extend(u64::to_le_bytes(word));
        }
        body.extend(&names);
        let section_headers = start + body.len() as u64;
        let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
        for word in [0, 64, section_headers] {
            out.extend(u64::to_le_bytes(word));
        }
        out.extend(0_u32.to_le_bytes());
        for half in [64, 56, loads as u16, 64, loads as u16 + 2, loads as u16 + 1] {
            out.extend(u16::to_le_bytes(half));
        }
        out.extend(programs);
        out.extend(body);
        out.extend(headers);
        out
    }

    /// A PE32+ file with one section.
    pub(crate) fn pe(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 0x40];
        out[..2].copy_from_slice(b"MZ");
        out[0x3c] = 0x40;
        out.extend(b"PE\0\0\x64\x86\x01\0");
        out.extend([0; 12]);
        out.extend([32, 0, 0, 0]);
        out.extend([0x0b, 0x02]);
        out.extend([0; 30]);
        let offset = out.len() as u32 + 40;
        let mut label = name.as_bytes().to_vec();
        label.resize(8, 0);
        out.extend(label);
        for word in [bytes.len() as u32, 0x1000, bytes.len() as u32, offset, 0, 0, 0, 0xc000_0040] {
            out.extend(u32::to_le_bytes(word));
        }
        out.extend(bytes);
        out
    }

    /// A 64-bit little-endian Mach-O file with one section in `__DATA`.
    pub(crate) fn mach(name: &str, bytes: &[u8]) -> Vec<u8> {
        let fixed = |text: &str| {
            let mut label = text.as_bytes().to_vec();
            label.resize(16, 0);
            label
        };
        let offset: u32 = 32 + 72 + 80;
        let length = bytes.len() as u64;
        let mut out = vec![0xcf, 0xfa, 0xed, 0xfe];
        for word in [0x0100_0007_u32, 3, 2, 1, 152, 0, 0, 0x19, 152] {
            out.extend(word.to_le_bytes());
        }
        out.extend(fixed("__DATA"));
        for word in [0x1000, length, u64::from(offset), length] {
            out.extend(word.to_le_bytes());
        }
        for word in [3_u32, 3, 1, 0] {
            out.extend(word.to_le_bytes());
        }
        out.extend(fixed(name));
        out.extend(fixed("__DATA"));
        out.extend(0x1000_u64.to_le_bytes());
        out.extend(length.to_le_bytes());
        for word in [offset, 4, 0, 0, 0, 0, 0, 0] {
            out.extend(word.to_le_bytes());
        }
        out.extend(bytes);
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_section_is_found_in_each_format() {
        let files = [
            crafted::elf(&[(".text", b"code"), (".dep-v0", b"list")]),
            crafted::pe(".dep-v0", b"list"),
            crafted::mach(".dep-v0", b"list"),
        ];
        for file in files {
            assert!(is_program(&file));
            let images = images(&file).unwrap();
            assert_eq!(images[0].section(&[b".dep-v0"]), Some(b"list".as_slice()));
            assert!(super::images(&file[..file.len() / 2]).is_err());
        }
        assert!(!is_program(b"#!/bin/sh\n") && !is_program(b"\xca\xfe\xba\xbe\0\0\0\x34"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(at in 0_usize..400, with in any::<[u8; 8]>(), kind in 0..3) {
            let mut file = match kind {
                0 => crafted::elf(&[(".text", b"code"), (".dep-v0", b"list")]),
                1 => crafted::pe(".dep-v0", b"list"),
                _ => crafted::mach(".dep-v0", b"list"),
            };
            for (index, byte) in with.into_iter().enumerate() {
                if let Some(slot) = file.get_mut(at + index) {
                    *slot = byte;
                }
            }
            let _ = images(&file);
        }
    }
}
