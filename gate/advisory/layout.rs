//! The database file.
//!
//! ```text
//! 0   magic "SECGATE\0"           8 bytes
//! 8   format version              u32, little endian
//! 12  length of the header        u32
//! 16  BLAKE3 of the header        32 bytes
//! 48  header                      postcard: [`Header`], which holds a BLAKE3 hash (16 bytes) of every 16 KiB chunk of the body
//! …   body                        sections, each at a multiple of 16 bytes
//! ```
//! The header's hash vouches for the chunk hashes, and each chunk is checked the first time that a byte of it is used: a
//! damaged file is noticed without reading all of it at every start.

use serde::{Deserialize, Serialize};

use crate::{
    Status,
    database::{BLOCK_ROW, DatabaseError, EPSS_ROW, INDEX_ROW, KEV_ROW, RECORD_ROW},
};

pub(crate) const MAGIC: &[u8; 8] = b"SECGATE\0";
/// Raised whenever an older secgate could misread a newer file, or the other way round.
pub(crate) const FORMAT: u32 = 3;
pub(crate) const CHUNK: usize = 16 << 10;
pub(crate) const PREAMBLE: usize = 48;
/// No header is larger: 16 bytes a chunk make 16 MiB for a body of 16 GiB.
const MAX_HEADER: usize = 64 << 20;

/// Where a section stands, from the start of the body.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) at: u64,
    pub(crate) length: u64,
}

/// What the file says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) status: Status,
    /// `(hash u64, offset u32, length u32)` by hash of ecosystem and name, sorted.
    pub(crate) index: Section,
    /// Postcard, a `PackageEntry` each.
    pub(crate) packages: Section,
    /// `(block u32, offset u32, length u32)` a record.
    pub(crate) records: Section,
    /// `(offset u64, compressed u32, inflated u32)` a block.
    pub(crate) blocks: Section,
    /// Zstandard frames of postcard records.
    pub(crate) texts: Section,
    /// `(cve u64, probability f32, percentile f32)`, sorted.
    pub(crate) epss: Section,
    /// `cve u64`, sorted.
    pub(crate) kev: Section,
    /// Zstandard frame: what every source held, for the next update.
    pub(crate) seen: Section,
    pub(crate) body: u64,
    pub(crate) chunks: Vec<[u8; 16]>,
}

pub(crate) fn chunk_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(blake3::hash(bytes).as_bytes()) {
        *to = *from;
    }
    short
}

/// Puts a file together from a header without chunk hashes and its body.
pub(crate) fn assemble(mut header: Header, body: &[u8]) -> Vec<u8> {
    header.body = body.len() as u64;
    header.chunks = body.chunks(CHUNK).map(chunk_hash).collect();
    // The revision names the content: the chunk hashes cover every byte of the body, and of the header counts what is
    // not about when and where the content was fetched.
    let content =
        blake3::hash(&encode(&Header { status: header.status.content(), ..header.clone() }));
    content.to_hex().get(..16).unwrap_or_default().clone_into(&mut header.status.revision);
    let encoded = encode(&header);
    let mut file = Vec::with_capacity(PREAMBLE + encoded.len() + body.len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&FORMAT.to_le_bytes());
    file.extend_from_slice(
        &u32::try_from(encoded.len()).expect("a header is far below 4 GiB").to_le_bytes(),
    );
    file.extend_from_slice(blake3::hash(&encoded).as_bytes());
    file.extend_from_slice(&encoded);
    file.extend_from_slice(body);
    file
}

fn encode(header: &Header) -> Vec<u8> {
    postcard::to_stdvec(header).expect("a header of plain numbers and texts always encodes")
}

/// Reads and checks everything before the body; returns the header and where the body starts.
pub(crate) fn read_header(file: &[u8]) -> Result<(Header, usize), DatabaseError> {
    let short =
        || DatabaseError::Damaged { what: "it is cut off before its header ends".to_owned() };
    let word = |at: usize| {
        let bytes: [u8; 4] = file.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    if file.get(..8) != Some(MAGIC.as_slice()) {
        return Err(DatabaseError::NotADatabase);
    }
    let version = word(8).ok_or_else(short)?;
    if version != FORMAT {
        return Err(DatabaseError::Format { found: version, expected: FORMAT });
    }
    let length = word(12).ok_or_else(short)? as usize;
    if length > MAX_HEADER {
        return Err(DatabaseError::Damaged {
            what: "its header has an impossible length".to_owned(),
        });
    }
    let encoded = file.get(PREAMBLE..PREAMBLE + length).ok_or_else(short)?;
    if file.get(16..PREAMBLE) != Some(blake3::hash(encoded).as_bytes().as_slice()) {
        return Err(DatabaseError::Damaged {
            what: "its header does not match its checksum".to_owned(),
        });
    }
    let header: Header = postcard::from_bytes(encoded).map_err(|error| DatabaseError::Damaged {
        what: format!("its header cannot be read: {error}"),
    })?;
    let start = PREAMBLE + length;
    let found = (file.len() - start) as u64;
    if found != header.body {
        return Err(DatabaseError::Damaged {
            what: format!("it holds {found} bytes of data and should hold {}", header.body),
        });
    }
    if header.chunks.len() as u64 != header.body.div_ceil(CHUNK as u64) {
        return Err(DatabaseError::Damaged {
            what: "its list of checksums does not fit its length".to_owned(),
        });
    }
    if !header.fits() {
        return Err(DatabaseError::Damaged {
            what: "its header names parts that it does not hold".to_owned(),
        });
    }
    Ok((header, start))
}

impl Header {
    /// Whether every section lies inside the body and is made of whole rows.
    fn fits(&self) -> bool {
        [
            (self.index, INDEX_ROW),
            (self.packages, 1),
            (self.records, RECORD_ROW),
            (self.blocks, BLOCK_ROW),
            (self.texts, 1),
            (self.epss, EPSS_ROW),
            (self.kev, KEV_ROW),
            (self.seen, 1),
        ]
        .into_iter()
        .all(|(section, row)| {
            section.at.checked_add(section.length).is_some_and(|end| end <= self.body)
                && section.length.is_multiple_of(row)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Database;

    /// A file whose checksums are right and whose header is what `change` makes of it.
    fn forged(change: impl Fn(&mut Header)) -> Vec<u8> {
        let database = crate::starter().unwrap();
        let (mut header, start) = read_header(database.file()).unwrap();
        change(&mut header);
        assemble(header, &database.file()[start..])
    }

    #[test]
    fn a_header_that_lies_about_its_parts_is_refused() {
        assert!(Database::from_vec(forged(|_| {})).is_ok());
        let lies: [fn(&mut Header); 5] = [
            |header| header.index.at = u64::MAX,
            |header| header.packages = Section { at: u64::MAX - 1, length: 16 },
            |header| header.records.length += 1,
            |header| header.epss = Section { at: 1 << 40, length: 16 },
            |header| header.seen.length = u64::MAX,
        ];
        for lie in lies {
            let file = forged(lie);
            assert!(matches!(Database::from_vec(file), Err(DatabaseError::Damaged { .. })));
        }
    }
}
