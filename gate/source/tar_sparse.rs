use crate::{
    tar::{Members, TarError},
    tar_pax::{MAX_SPARSE, decimal},
};

/// Where the stored bytes of a sparse file belong, and how far they have been taken.
#[derive(Debug)]
pub(crate) struct Segments {
    pairs: std::vec::IntoIter<(u64, u64)>,
    /// Bytes left in the segment that is open.
    left: u64,
    /// Bytes of the file so far, holes included.
    at: u64,
    size: u64,
}

impl Segments {
    /// Checks a map: in order, without overlaps, inside the file, and of as many bytes as are stored.
    pub(crate) fn new(pairs: Vec<(u64, u64)>, stored: u64, size: u64) -> Result<Self, TarError> {
        let (mut end, mut total) = (0_u64, 0_u64);
        for (offset, length) in &pairs {
            if *offset < end {
                return Err(TarError::Sparse);
            }
            end = offset.checked_add(*length).ok_or(TarError::Sparse)?;
            total = total.checked_add(*length).ok_or(TarError::Sparse)?;
        }
        if end > size || total != stored {
            return Err(TarError::Sparse);
        }
        Ok(Self { pairs: pairs.into_iter(), left: 0, at: 0, size })
    }

    /// Hands on stored bytes with the holes before them. `false` when no more are wanted.
    pub(crate) fn body(
        &mut self,
        mut bytes: &[u8],
        members: &mut dyn Members,
    ) -> Result<bool, TarError> {
        while !bytes.is_empty() {
            while self.left == 0 {
                // The map holds as many bytes as are stored, so there is a segment for each.
                let (offset, length) = self.pairs.next().ok_or(TarError::Sparse)?;
                if length > 0 && !self.hole(offset, members)? {
                    return Ok(false);
                }
                self.left = length;
            }
            let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let (taken, rest) = bytes.split_at(count);
            self.left -= count as u64;
            self.at += count as u64;
            if !members.body(taken)? {
                return Ok(false);
            }
            bytes = rest;
        }
        Ok(true)
    }

    /// Hands on the hole at the file's end.
    pub(crate) fn tail(&mut self, members: &mut dyn Members) -> Result<bool, TarError> {
        self.hole(self.size, members)
    }

    fn hole(&mut self, until: u64, members: &mut dyn Members) -> Result<bool, TarError> {
        static ZEROS: [u8; 4096] = [0; 4096];
        while self.at < until {
            let count = usize::try_from(until - self.at).unwrap_or(usize::MAX).min(ZEROS.len());
            self.at += count as u64;
            if !members.body(ZEROS.get(..count).unwrap_or_default())? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Collects the map of a sparse file in version 1.0: a count and then pairs, a number a line, padded to whole blocks.
#[derive(Debug, Default)]
pub(crate) struct MapLines {
    numbers: Vec<u64>,
    line: Vec<u8>,
    wanted: Option<usize>,
}

impl MapLines {
    /// Takes a block; the pairs when they are complete.
    pub(crate) fn push(&mut self, block: &[u8]) -> Result<Option<Vec<(u64, u64)>>, TarError> {
        for byte in block {
            if *byte != b'\n' {
                if self.line.len() >= 20 {
                    return Err(TarError::Sparse);
                }
                self.line.push(*byte);
                continue;
            }
            let number = decimal(&self.line).ok_or(TarError::Sparse)?;
            self.line.clear();
            match self.wanted {
                None => {
                    let count = usize::try_from(number).unwrap_or(usize::MAX).saturating_mul(2);
                    if count > MAX_SPARSE {
                        return Err(TarError::Sparse);
                    }
                    self.wanted = Some(count);
                }
                Some(_) => self.numbers.push(number),
            }
            if self.wanted == Some(self.numbers.len()) {
                let (pairs, _) = self.numbers.as_chunks::<2>();
                let pairs = pairs.iter().map(|[offset, length]| (*offset, *length)).collect();
                return Ok(Some(pairs));
            }
        }
        Ok(None)
    }
}
