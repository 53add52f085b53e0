//! One table of an SQLite database, read in memory ("SQLite Database File Format"): the table's b-tree, overflow pages, and
//! the write-ahead log beside it up to its last whole transaction.

use std::collections::{HashMap, HashSet};

use super::{
    big_little::Order::{self, Big, Little},
    rpm_database::Each,
};

const MAGIC: &[u8] = b"SQLite format 3\0";
const SCHEMA_PAGE: u32 = 1;
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;
/// Pages of a b-tree that wait to be read.
const MAX_OPEN: usize = 1 << 20;

/// A database with its write-ahead log.
pub(super) struct Database<'b> {
    bytes: &'b [u8],
    /// The pages that the log replaces.
    log: HashMap<u32, &'b [u8]>,
    page_size: usize,
    /// Bytes of a page without those reserved for extensions.
    usable: usize,
}

impl<'b> Database<'b> {
    /// Opens a database; `log` is the content of the file with `-wal` behind its name, if there is one.
    pub(super) fn open(bytes: &'b [u8], log: &'b [u8]) -> Result<Self, &'static str> {
        let log = read_log(log)?;
        let first = match log.get(&SCHEMA_PAGE) {
            Some(page) => page,
            None => bytes,
        };
        if first.get(..MAGIC.len()) != Some(MAGIC) {
            return Err("not an SQLite database");
        }
        let page_size = match Big.u16(first, 16) {
            Some(1) => 65536,
            Some(size) if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return Err("a page size that SQLite does not have"),
        };
        let reserved = first.get(20).copied().map_or(0, usize::from);
        let usable = page_size.checked_sub(reserved).filter(|usable| *usable >= 480);
        let usable = usable.ok_or("more bytes reserved than SQLite allows")?;
        if log.values().any(|page| page.len() != page_size) {
            return Err("a write-ahead log with another page size");
        }
        if matches!(Big.u32(first, 56), Some(2 | 3)) {
            return Err("text in UTF-16, which rpm does not use");
        }
        let pages = Big.size(first, 28).unwrap_or_default();
        let told = Big.u32(first, 24) == Big.u32(first, 92);
        if log.is_empty()
            && told
            && pages.checked_mul(page_size).is_none_or(|all| all > bytes.len())
        {
            return Err("cut off: it has more pages than bytes");
        }
        Ok(Self { bytes, log, page_size, usable })
    }

    /// Hands over the first blob of each row of a table, or why a row has none.
    pub(super) fn each_blob(&self, table: &str, each: &mut Each<'_>) -> Result<(), &'static str> {
        let mut root = None;
        let mut broken = None;
        self.rows(SCHEMA_PAGE, &mut |row| match row {
            Ok(row) => {
                let column = |at: usize| columns(row).nth(at).map(|(_, value)| value);
                let named = column(0) == Some(b"table") && column(1) == Some(table.as_bytes());
                if named && let Some(number) = column(3) {
                    root = number.iter().try_fold(0_u32, |sum, byte| {
                        Some(sum.checked_mul(256)? | u32::from(*byte))
                    });
                }
            }
            Err(reason) => broken = Some(reason),
        });
        let root = match (root, broken) {
            (Some(root), _) => root,
            (None, Some(reason)) => return Err(reason),
            (None, None) => return Err("it has no table of packages"),
        };
        self.rows(root, &mut |row| {
            let blob = row.and_then(|row| {
                let found = columns(row).find(|(kind, _)| *kind >= 12 && kind % 2 == 0);
                found.map(|(_, value)| value).ok_or("a row without a header")
            });
            each(blob);
        });
        Ok(())
    }

    fn page(&self, number: u32) -> Option<&'b [u8]> {
        if let Some(page) = self.log.get(&number) {
            return Some(page);
        }
        let from = usize::try_from(number.checked_sub(1)?).ok()?.checked_mul(self.page_size)?;
        self.bytes.get(from..from.checked_add(self.page_size)?)
    }

    /// Walks the b-tree of a table from its root page.
    fn rows(&self, root: u32, each: &mut Each<'_>) {
        const DAMAGED: &str = "a page of the table that is damaged or cut off";
        // Each page belongs to one place, so a file cannot make us read more than it holds.
        let mut used = HashSet::new();
        let mut open = vec![root];
        while let Some(number) = open.pop() {
            let Some(page) = self.page(number).filter(|_| used.insert(number)) else {
                each(Err(DAMAGED));
                continue;
            };
            let header = if number == SCHEMA_PAGE { 100 } else { 0 };
            let cells = usize::from(Big.u16(page, header + 3).unwrap_or_default());
            match page.get(header) {
                Some(&INTERIOR) if open.len() < MAX_OPEN => {
                    open.extend(Big.u32(page, header + 8));
                    for cell in 0..cells {
                        match cell_at(page, header + 12, cell).and_then(|at| Big.u32(page, at)) {
                            Some(child) => open.push(child),
                            None => each(Err(DAMAGED)),
                        }
                    }
                }
                Some(&LEAF) => {
                    for cell in 0..cells {
                        let at = cell_at(page, header + 8, cell);
                        let row = at.and_then(|at| page.get(at..self.usable));
                        match row.and_then(|cell| self.payload(cell, &mut used)) {
                            Some(Payload::Here(row)) => each(Ok(row)),
                            Some(Payload::Joined(row)) => each(Ok(&row)),
                            None => each(Err(DAMAGED)),
                        }
                    }
                }
                _ => each(Err(DAMAGED)),
            }
        }
    }

    /// The record of a cell of a leaf ("B-tree Pages", "Cell Payload Overflow Pages").
    fn payload(&self, cell: &'b [u8], used: &mut HashSet<u32>) -> Option<Payload<'b>> {
        let (length, after) = varint(cell, 0)?;
        let (_, after) = varint(cell, after)?;
        let length = usize::try_from(length).ok()?;
        let most = self.usable.checked_sub(35)?;
        if length <= most {
            return cell.get(after..after.checked_add(length)?).map(Payload::Here);
        }
        let available = self.bytes.len() + self.log.len() * self.page_size;
        if length > available {
            return None;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.usable - 4);
        let local = if fitting <= most { fitting } else { least };
        let end = after.checked_add(local)?;
        let mut body = Vec::with_capacity(length.min(1 << 20));
        body.extend_from_slice(cell.get(after..end)?);
        let mut next = Big.u32(cell, end)?;
        while body.len() < length {
            let page = self.page(next).filter(|_| used.insert(next))?;
            let wanted = (length - body.len()).min(self.usable - 4);
            body.extend_from_slice(page.get(4..4 + wanted)?);
            next = Big.u32(page, 0)?;
        }
        Some(Payload::Joined(body))
    }
}

enum Payload<'b> {
    Here(&'b [u8]),
    Joined(Vec<u8>),
}

fn cell_at(page: &[u8], pointers: usize, cell: usize) -> Option<usize> {
    Big.u16(page, pointers + cell * 2).map(usize::from)
}

/// A number of one to nine bytes, and the place behind it.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut number: u64 = 0;
    for step in 0..9 {
        let byte = *bytes.get(at.checked_add(step)?)?;
        if step == 8 {
            return Some((number << 8 | u64::from(byte), at + 9));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, at + step + 1));
        }
    }
    None
}

/// The serial types and bodies of a record ("Record Format"), as far as they are whole.
fn columns(record: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let (end, mut at) = varint(record, 0).unwrap_or_default();
    let end = usize::try_from(end).unwrap_or(usize::MAX).min(record.len());
    let mut body = end;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let (kind, after) = varint(record, at)?;
        at = after;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            kind => usize::try_from((kind - 12) / 2).ok()?,
        };
        let value = record.get(body..body.checked_add(length)?)?;
        body += length;
        Some((kind, value))
    })
}

/// The pages of a write-ahead log up to its last commit ("The Write-Ahead Log").
fn read_log(bytes: &[u8]) -> Result<HashMap<u32, &[u8]>, &'static str> {
    const HEADER: usize = 32;
    const FRAME: usize = 24;
    let mut pages = HashMap::new();
    // An empty log is what a database that was closed properly leaves.
    let Some(header) = bytes.get(..HEADER) else { return Ok(pages) };
    let order = match Big.u32(header, 0) {
        Some(0x377f_0682) => Little,
        Some(0x377f_0683) => Big,
        _ => return Err("a write-ahead log that is damaged"),
    };
    let page_size = Big.size(header, 8).unwrap_or_default();
    if !page_size.is_power_of_two() || !(512..=65536).contains(&page_size) {
        return Err("a write-ahead log that is damaged");
    }
    let mut sum = checksum(order, (0, 0), header.get(..24).unwrap_or_default());
    if (Big.u32(header, 24), Big.u32(header, 28)) != (Some(sum.0), Some(sum.1)) {
        // SQLite takes such a log for none.
        return Ok(pages);
    }
    let mut pending = Vec::new();
    let frames = bytes.get(HEADER..).unwrap_or_default().chunks_exact(FRAME + page_size);
    for frame in frames {
        let Some((head, page)) = frame.split_at_checked(FRAME) else { break };
        sum = checksum(order, sum, head.get(..8).unwrap_or_default());
        sum = checksum(order, sum, page);
        let is_whole = head.get(8..16) == header.get(16..24)
            && (Big.u32(head, 16), Big.u32(head, 20)) == (Some(sum.0), Some(sum.1));
        let (true, Some(number), Some(commit)) = (is_whole, Big.u32(head, 0), Big.u32(head, 4))
        else {
            break;
        };
        pending.push((number, page));
        if commit != 0 {
            pages.extend(pending.drain(..));
        }
    }
    Ok(pages)
}

fn checksum(order: Order, (mut first, mut second): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let (one, two) = (order.u32(pair, 0), order.u32(pair, 4));
        first = first.wrapping_add(one.unwrap_or_default()).wrapping_add(second);
        second = second.wrapping_add(two.unwrap_or_default()).wrapping_add(first);
    }
    (first, second)
}
