//! `Packages.db`, rpm's own database of headers (rpm, `lib/backend/ndb/rpmpkg.c`): pages of slots that point to blobs in
//! blocks of 16 bytes. All numbers are little-endian.

use super::{big_little::Order::Little, rpm_database::Each};

const BLOCK: usize = 16;
const SLOT: usize = 16;
const PAGE: usize = 4096;
/// The database's header takes the place of the first two slots.
const HEADER: usize = 32;
const BLOB_HEAD: usize = 16;
const BLOB_TAIL: usize = 12;

/// Hands over each header of the database, or why a blob is none.
pub(super) fn each(bytes: &[u8], each: &mut Each<'_>) -> Result<(), &'static str> {
    const CUT: &str = "cut off inside its slots";
    if bytes.get(..4) != Some(b"RpmP") {
        return Err("not a database of rpm (`RpmP`)");
    }
    if Little.u32(bytes, 4) != Some(0) {
        return Err("a version of the database that is not known: 0 is");
    }
    let pages = Little.size(bytes, 12).ok_or(CUT)?;
    let slots = pages.checked_mul(PAGE).and_then(|end| bytes.get(HEADER..end)).ok_or(CUT)?;
    let mut blobs = Vec::new();
    for slot in slots.chunks_exact(SLOT) {
        if slot.get(..4) != Some(b"Slot") {
            return Err("a slot without its mark");
        }
        let (index, block) = (Little.u32(slot, 4), Little.size(slot, 8).unwrap_or_default());
        if block != 0 {
            blobs.push((block, Little.size(slot, 12).unwrap_or_default(), index));
        }
    }
    // Blobs never share blocks, and a file that says so must not make the same bytes be read again and again.
    blobs.sort_unstable();
    let mut free = pages * (PAGE / BLOCK);
    for (block, count, index) in blobs {
        if block < free {
            each(Err("a header that lies inside another one"));
            continue;
        }
        each(blob(bytes, block, count, index).ok_or("a header whose blob is damaged or cut off"));
        free = block.saturating_add(count);
    }
    Ok(())
}

fn blob(bytes: &[u8], block: usize, count: usize, index: Option<u32>) -> Option<&[u8]> {
    let from = block.checked_mul(BLOCK)?;
    let whole = bytes.get(from..from.checked_add(count.checked_mul(BLOCK)?)?)?;
    let length = Little.size(whole, 12)?;
    let needs = length.checked_add(BLOB_HEAD + BLOB_TAIL)?.div_ceil(BLOCK);
    let tail = whole.get(whole.len().checked_sub(BLOB_TAIL)?..)?;
    let fits = whole.get(..4) == Some(b"BlbS")
        && Little.u32(whole, 4) == index
        && needs == count
        && Little.size(tail, 4) == Some(length)
        && tail.get(8..) == Some(b"BlbE");
    if fits { whole.get(BLOB_HEAD..BLOB_HEAD.checked_add(length)?) } else { None }
}
