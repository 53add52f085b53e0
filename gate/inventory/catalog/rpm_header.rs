//! A package header as rpm keeps it in its database (rpm, `docs/manual/format_header.md`): an index of tags, then a store of
//! their values, all big-endian.

use std::borrow::Cow;

use super::big_little::Order::Big;

/// Tags (rpm, `include/rpm/rpmtag.h`).
pub(super) mod tag {
    pub(in super::super) const NAME: u32 = 1000;
    pub(in super::super) const VERSION: u32 = 1001;
    pub(in super::super) const RELEASE: u32 = 1002;
    pub(in super::super) const EPOCH: u32 = 1003;
    pub(in super::super) const VENDOR: u32 = 1011;
    pub(in super::super) const LICENSE: u32 = 1014;
    pub(in super::super) const ARCH: u32 = 1022;
    pub(in super::super) const OLD_FILE_NAMES: u32 = 1027;
    pub(in super::super) const FILE_DIGESTS: u32 = 1035;
    pub(in super::super) const SOURCE_RPM: u32 = 1044;
    pub(in super::super) const PROVIDE_NAME: u32 = 1047;
    pub(in super::super) const REQUIRE_NAME: u32 = 1049;
    pub(in super::super) const DIR_INDEXES: u32 = 1116;
    pub(in super::super) const BASE_NAMES: u32 = 1117;
    pub(in super::super) const DIR_NAMES: u32 = 1118;
    pub(in super::super) const MODULARITY_LABEL: u32 = 5096;
}

const ENTRY: usize = 16;
const INT32: u32 = 4;
const STRING: u32 = 6;
const STRINGS: u32 = 8;
const TRANSLATED: u32 = 9;
/// rpm refuses headers with more entries (`hdrblobInit`).
const MAX_ENTRIES: usize = 0xffff;

/// A header whose index and store are where its first words say.
#[derive(Debug)]
pub(super) struct Header<'b> {
    index: &'b [u8],
    store: &'b [u8],
}

impl<'b> Header<'b> {
    /// Reads the two lengths before the index.
    pub(super) fn parse(bytes: &'b [u8]) -> Result<Self, &'static str> {
        let (entries, length) = Big
            .size(bytes, 0)
            .zip(Big.size(bytes, 4))
            .ok_or("a header that is cut off before its index")?;
        if entries == 0 || entries > MAX_ENTRIES {
            return Err("a header with more entries than rpm allows, or none");
        }
        let rest = bytes.get(8..).unwrap_or_default();
        let (index, store) = rest
            .split_at_checked(entries * ENTRY)
            .ok_or("a header that is cut off in its index")?;
        let store = store.get(..length).ok_or("a header that is cut off in its store")?;
        Ok(Self { index, store })
    }

    /// The type, the rest of the store from the value on, and the number of values.
    fn find(&self, tag: u32) -> Option<(u32, &'b [u8], usize)> {
        let entry = self.index.chunks_exact(ENTRY).find(|entry| Big.u32(entry, 0) == Some(tag))?;
        let value = self.store.get(Big.size(entry, 8)?..)?;
        Some((Big.u32(entry, 4)?, value, Big.size(entry, 12)?))
    }

    /// A text; of a translated one the first.
    pub(super) fn text(&self, tag: u32) -> Option<Cow<'b, str>> {
        match self.find(tag)? {
            (STRING | TRANSLATED | STRINGS, value, 1..) => {
                let end = value.iter().position(|byte| *byte == 0)?;
                Some(String::from_utf8_lossy(value.get(..end)?))
            }
            _ => None,
        }
    }

    /// The first of a list of 32-bit numbers.
    pub(super) fn number(&self, tag: u32) -> Option<u32> {
        self.numbers(tag).next()
    }

    /// A list of 32-bit numbers.
    pub(super) fn numbers(&self, tag: u32) -> impl Iterator<Item = u32> {
        let found = match self.find(tag) {
            Some((INT32, value, count)) => value.chunks_exact(4).take(count),
            _ => [].chunks_exact(4).take(0),
        };
        found.filter_map(|raw| Big.u32(raw, 0))
    }

    /// A list of texts, as far as they are whole.
    pub(super) fn texts(&self, tag: u32) -> impl Iterator<Item = &'b [u8]> {
        let (mut rest, count) = match self.find(tag) {
            Some((STRING | STRINGS | TRANSLATED, value, count)) => (value, count),
            _ => (self.store.get(..0).unwrap_or_default(), 0),
        };
        std::iter::from_fn(move || {
            let end = rest.iter().position(|byte| *byte == 0)?;
            let text = rest.get(..end)?;
            rest = rest.get(end + 1..)?;
            Some(text)
        })
        .take(count)
    }

    /// Each file that the package brought: the folder (with `/` at its end), the name, and the checksum in hexadecimal, empty for
    /// what is no regular file.
    pub(super) fn files(&self, each: &mut dyn FnMut(&str, &str, &str)) {
        let mut digests = self.texts(tag::FILE_DIGESTS).map(String::from_utf8_lossy);
        let folders: Vec<Cow<'_, str>> =
            self.texts(tag::DIR_NAMES).map(String::from_utf8_lossy).collect();
        let names = self.texts(tag::BASE_NAMES).zip(self.numbers(tag::DIR_INDEXES));
        for (name, folder) in names {
            let digest = digests.next().unwrap_or_default();
            let folder = usize::try_from(folder).ok().and_then(|at| folders.get(at));
            if let Some(folder) = folder {
                each(folder, &String::from_utf8_lossy(name), &digest);
            }
        }
        for name in self.texts(tag::OLD_FILE_NAMES) {
            each("", &String::from_utf8_lossy(name), &digests.next().unwrap_or_default());
        }
    }
}
