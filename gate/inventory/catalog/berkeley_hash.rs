//! `Packages`, a hash database of Berkeley DB (libdb, `dbinc/db_page.h` and `hash/hash_page.c`), in either byte order.
//!
//! Every page of the hash is read in the order of the file, so that no chain of buckets has to be followed. Keys are rpm's
//! package numbers; number 0 holds the next free number. Values are headers, in the page itself or in a chain of overflow
//! pages.

use std::{borrow::Cow, collections::HashSet};

use super::{big_little::Order, rpm_database::Each};

const MAGIC: u32 = 0x0006_1561;
const PAGE_HEADER: usize = 26;
const HASH_META: u8 = 8;
const HASH_UNSORTED: u8 = 2;
const HASH: u8 = 13;
const OVERFLOW: u8 = 7;
/// Kinds of items on a hash page.
const KEY_DATA: u8 = 1;
const OFF_PAGE: u8 = 3;

struct Database<'b> {
    bytes: &'b [u8],
    order: Order,
    page_size: usize,
    /// Overflow pages that were read: none belongs to two headers.
    used: HashSet<usize>,
}

/// Hands over each header of the database, or why a value is none.
pub(super) fn each(bytes: &[u8], each: &mut Each<'_>) -> Result<(), &'static str> {
    let order = [Order::Little, Order::Big]
        .into_iter()
        .find(|order| order.u32(bytes, 12) == Some(MAGIC))
        .ok_or("not a hash database of Berkeley DB")?;
    if bytes.get(25) != Some(&HASH_META) {
        return Err("not a hash database of Berkeley DB: its first page is another one");
    }
    if bytes.get(24) != Some(&0) {
        return Err("an encrypted database");
    }
    if bytes.get(26).is_none_or(|flags| flags & 1 != 0) {
        return Err("a database with page checksums, which rpm does not use");
    }
    let page_size = order.size(bytes, 20).unwrap_or_default();
    if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
        return Err("a page size that Berkeley DB does not have");
    }
    let last = order.size(bytes, 32).unwrap_or_default();
    let is_whole = last
        .checked_add(1)
        .and_then(|pages| pages.checked_mul(page_size))
        .is_some_and(|length| length <= bytes.len());
    if !is_whole {
        return Err("cut off: it has more pages than bytes");
    }
    let mut database = Database { bytes, order, page_size, used: HashSet::new() };
    for number in 1..=last {
        database.page(number, each);
    }
    Ok(())
}

impl<'b> Database<'b> {
    fn bytes_of(&self, number: usize) -> Option<&'b [u8]> {
        let from = number.checked_mul(self.page_size)?;
        self.bytes.get(from..from.checked_add(self.page_size)?)
    }

    fn page(&mut self, number: usize, each: &mut Each<'_>) {
        let Some(page) = self.bytes_of(number) else { return };
        if !matches!(page.get(25), Some(&(HASH | HASH_UNSORTED))) {
            return;
        }
        let count = usize::from(self.order.u16(page, 20).unwrap_or_default());
        if count % 2 != 0 {
            each(Err("a page with a key that has no value"));
        }
        for pair in 0..count / 2 {
            let key = self.item(page, pair * 2);
            if let Some([KEY_DATA, 0, 0, 0, 0]) = key {
                continue;
            }
            let value = self.item(page, pair * 2 + 1).and_then(|item| self.value(item));
            match value {
                Some(value) => each(Ok(&value)),
                None => each(Err("a header whose pages are damaged or cut off")),
            }
        }
    }

    /// An item with its kind: items fill a page from its end, each up to the one before.
    fn item(&self, page: &'b [u8], index: usize) -> Option<&'b [u8]> {
        let start = |index: usize| {
            self.order.u16(page, PAGE_HEADER.checked_add(index * 2)?).map(usize::from)
        };
        let end = match index.checked_sub(1) {
            None => page.len(),
            Some(before) => start(before)?,
        };
        page.get(start(index)?..end)
    }

    fn value(&mut self, item: &'b [u8]) -> Option<Cow<'b, [u8]>> {
        match *item.first()? {
            KEY_DATA => item.get(1..).map(Cow::Borrowed),
            OFF_PAGE => {
                let mut next = self.order.size(item, 4)?;
                let length = self.order.size(item, 8)?;
                if length > self.bytes.len() {
                    return None;
                }
                let mut body = Vec::with_capacity(length.min(1 << 20));
                while next != 0 {
                    let page = self.bytes_of(next)?;
                    if page.get(25) != Some(&OVERFLOW) || !self.used.insert(next) {
                        return None;
                    }
                    // On an overflow page the place of the free area is the length of its content.
                    let filled = usize::from(self.order.u16(page, 22)?);
                    body.extend_from_slice(page.get(PAGE_HEADER..PAGE_HEADER + filled)?);
                    next = self.order.size(page, 16)?;
                }
                (body.len() == length).then_some(Cow::Owned(body))
            }
            _ => None,
        }
    }
}
