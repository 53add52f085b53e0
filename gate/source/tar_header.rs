use crate::tar::TarError;

/// Bytes of a header and of what a body is padded to.
pub(crate) const BLOCK: usize = 512;

/// One block of a tar file as a header: where its fields are (POSIX.1-1988 `ustar`, GNU tar's manual "Basic Tar Format",
/// Schilling's `star`).
pub(crate) struct Header<'a>(pub(crate) &'a [u8; BLOCK]);

/// What a header says of a sparse file in GNU's old format.
pub(crate) struct OldSparse {
    /// Offsets and lengths, four at most.
    pub(crate) pairs: Vec<(u64, u64)>,
    /// Whether blocks with more of them follow.
    pub(crate) continues: bool,
    /// Bytes with holes.
    pub(crate) size: u64,
}

/// Which dialect a header is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl<'a> Header<'a> {
    /// Bytes of the block; every call names a range inside it.
    fn field(&self, start: usize, length: usize) -> &'a [u8] {
        self.0.get(start..start + length).unwrap_or_default()
    }

    /// Whether the block is the end of the archive, or half of it.
    pub(crate) fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Whether the sum of all bytes, those of the sum itself as blanks, is as stated: unsigned, or signed as old Suns had it.
    pub(crate) fn has_right_sum(&self) -> bool {
        let Some(stated) = number(self.field(148, 8)) else { return false };
        let sum_field = 148..156;
        let (mut unsigned, mut signed) = (0_i64, 0_i64);
        for (at, byte) in self.0.iter().enumerate() {
            let byte = if sum_field.contains(&at) { b' ' } else { *byte };
            unsigned += i64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        stated == unsigned || stated == signed
    }

    /// The version after `ustar` and its NUL is not looked at: Go does not either, and whether a name has a prefix hangs on it.
    pub(crate) fn dialect(&self) -> Dialect {
        match (self.field(257, 6), self.field(263, 2)) {
            (b"ustar\0", _) if self.field(508, 4) == b"tar\0" => Dialect::Star,
            (b"ustar\0", _) => Dialect::Ustar,
            (b"ustar ", b" \0") => Dialect::Gnu,
            _ => Dialect::V7,
        }
    }

    pub(crate) fn kind(&self) -> u8 {
        self.0.get(156).copied().unwrap_or_default()
    }

    /// The path, with the prefix that `ustar` keeps apart. Where GNU's dialect has its times Go once wrote a prefix, and still
    /// takes for one what is no time (`archive/tar`, golang.org/issue/12594).
    pub(crate) fn path(&self) -> Vec<u8> {
        let name = until_nul(self.field(0, 100));
        let prefix = match self.dialect() {
            Dialect::Ustar => until_nul(self.field(345, 155)),
            Dialect::Star => until_nul(self.field(345, 131)),
            Dialect::Gnu if self.has_wrong_times() => {
                Some(until_nul(self.field(345, 155))).filter(|text| text.is_ascii()).unwrap_or(&[])
            }
            Dialect::V7 | Dialect::Gnu => &[],
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    /// Whether a time of access or change that is there, in GNU's dialect, is no number.
    fn has_wrong_times(&self) -> bool {
        [self.field(345, 12), self.field(357, 12)]
            .into_iter()
            .any(|time| time.first().is_some_and(|first| *first != 0) && number(time).is_none())
    }

    pub(crate) fn link(&self) -> &'a [u8] {
        until_nul(self.field(157, 100))
    }

    pub(crate) fn mode(&self) -> Result<u32, TarError> {
        let mode = number(self.field(100, 8)).ok_or(TarError::Number { field: "mode" })?;
        u32::try_from(mode & 0o7777).map_err(|_| TarError::Number { field: "mode" })
    }

    /// Bytes of the body as stored.
    pub(crate) fn size(&self) -> Result<u64, TarError> {
        let size = number(self.field(124, 12)).ok_or(TarError::Number { field: "size" })?;
        u64::try_from(size).map_err(|_| TarError::Number { field: "size" })
    }

    /// The header's part of a map in GNU's old sparse format.
    pub(crate) fn old_sparse(&self) -> Result<OldSparse, TarError> {
        let size = number(self.field(483, 12)).and_then(|size| u64::try_from(size).ok());
        let size = size.ok_or(TarError::Number { field: "true size" })?;
        let continues = self.field(482, 1) != [0];
        Ok(OldSparse { pairs: sparse_pairs(self.field(386, 96))?, continues, size })
    }

    /// A block that continues the pairs of a header in GNU's old sparse format.
    pub(crate) fn more_sparse(&self) -> Result<(Vec<(u64, u64)>, bool), TarError> {
        Ok((sparse_pairs(self.field(0, 504))?, self.field(504, 1) != [0]))
    }
}

/// Pairs of offset and length, 12 bytes each, up to the first that begins with a NUL.
fn sparse_pairs(bytes: &[u8]) -> Result<Vec<(u64, u64)>, TarError> {
    let mut pairs = Vec::new();
    for pair in bytes.chunks_exact(24) {
        if pair.first() == Some(&0) {
            break;
        }
        let (offset, length) = pair.split_at(12);
        let value = |bytes| {
            number(bytes)
                .and_then(|value| u64::try_from(value).ok())
                .ok_or(TarError::Number { field: "sparse map" })
        };
        pairs.push((value(offset)?, value(length)?));
    }
    Ok(pairs)
}

pub(crate) fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A numeric field: octal digits between blanks and NULs, or, with the top bit of the first byte set, a binary number
/// (GNU's base 256, two's complement). `None` for anything else, and for what does not fit.
fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        let negative = first & 0x40 != 0;
        let fill = if negative { 0xff } else { 0 };
        let mut value: i64 = if negative { -1 } else { 0 };
        for (at, byte) in field.iter().enumerate() {
            let byte = if at == 0 { (byte & 0x7f) | (fill & 0x80) } else { *byte };
            let shifted = value.checked_mul(256)?;
            value = shifted | i64::from(byte);
        }
        return Some(value);
    }
    let start = field.iter().position(|byte| !matches!(byte, b' ' | 0)).unwrap_or(field.len());
    let digits = field.get(start..)?;
    let end = digits.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |at| at + 1);
    // What follows the first NUL is no part of the number.
    let digits = until_nul(digits.get(..end)?);
    let mut value: i64 = 0;
    for byte in digits {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 8)?;
        value = value.checked_mul(8)?.checked_add(i64::from(digit))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        let check = |field: &[u8], expected: Option<i64>| {
            assert_eq!(number(field), expected, "{field:?}");
        };
        check(b"0000644\0", Some(0o644));
        check(b"   644 \0", Some(0o644));
        check(b"\0\0\0\0", Some(0));
        check(b"        ", Some(0));
        check(b"0000008\0", None);
        check(b"-1\0", None);
        check(b"777777777777", Some(0o777_777_777_777));
        check(b"17\08\0", Some(0o17));
        check(b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256));
        check(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX));
        check(b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None);
        check(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2));
        check(b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None);
        check(b"", None);
    }
}
