use crate::tar::TarError;

/// What a PAX extended header says of the next member (POSIX.1-2001 `pax`, "pax Extended Header"; GNU tar's manual, "Storing
/// Sparse Files"). Other records (times, owners, extended attributes) say nothing that is looked at.
#[derive(Debug, Default)]
pub(crate) struct Pax {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) sparse: PaxSparse,
}

/// The records of GNU tar's three ways to write sparse files.
#[derive(Debug, Default)]
pub(crate) struct PaxSparse {
    /// Whether there was any such record.
    pub(crate) is_any: bool,
    pub(crate) version: (Option<u64>, Option<u64>),
    pub(crate) name: Option<Vec<u8>>,
    /// `GNU.sparse.size` (0.x) or `GNU.sparse.realsize` (1.0).
    pub(crate) size: Option<u64>,
    /// Offsets and lengths in turn (0.x).
    pub(crate) map: Vec<u64>,
}

/// Numbers in a sparse map: more than any file needs that fits the limits.
pub(crate) const MAX_SPARSE: usize = 1 << 17;

/// Reads the records of an extended header: `LENGTH KEY=VALUE\n`. The last record of a key counts, an empty value takes the
/// key back.
pub(crate) fn read_pax(mut bytes: &[u8]) -> Result<Pax, TarError> {
    let mut pax = Pax::default();
    while let Some((key, value, rest)) = next_record(bytes)? {
        bytes = rest;
        let number = || decimal(value).ok_or(TarError::Pax);
        match key {
            b"path" | b"linkpath" | b"GNU.sparse.name" if value.contains(&0) => {
                return Err(TarError::Nul);
            }
            b"path" => pax.path = (!value.is_empty()).then(|| value.to_vec()),
            b"linkpath" => pax.link = (!value.is_empty()).then(|| value.to_vec()),
            b"size" => pax.size = if value.is_empty() { None } else { Some(number()?) },
            _ if key.starts_with(b"GNU.sparse.") => {
                pax.sparse.is_any = true;
                sparse_record(&mut pax.sparse, key, value)?;
            }
            _ => {}
        }
    }
    Ok(pax)
}

fn sparse_record(sparse: &mut PaxSparse, key: &[u8], value: &[u8]) -> Result<(), TarError> {
    let number = || decimal(value).ok_or(TarError::Sparse);
    match key {
        b"GNU.sparse.major" => sparse.version.0 = Some(number()?),
        b"GNU.sparse.minor" => sparse.version.1 = Some(number()?),
        b"GNU.sparse.name" => sparse.name = (!value.is_empty()).then(|| value.to_vec()),
        b"GNU.sparse.size" | b"GNU.sparse.realsize" => sparse.size = Some(number()?),
        b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
            // Version 0.0: the two keys in turn, an offset first.
            let is_offset = sparse.map.len().is_multiple_of(2);
            if is_offset != key.ends_with(b"offset") || sparse.map.len() >= MAX_SPARSE {
                return Err(TarError::Sparse);
            }
            sparse.map.push(number()?);
        }
        b"GNU.sparse.map" => {
            // Version 0.1: all numbers in one record.
            sparse.map = value
                .split(|byte| *byte == b',')
                .take(MAX_SPARSE + 1)
                .map(|text| decimal(text).ok_or(TarError::Sparse))
                .collect::<Result<_, _>>()?;
            if sparse.map.len() > MAX_SPARSE {
                return Err(TarError::Sparse);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Refuses a global header that would name or size every later member: tools read it differently, and container engines
/// not at all.
pub(crate) fn check_global(mut bytes: &[u8]) -> Result<(), TarError> {
    while let Some((key, _, rest)) = next_record(bytes)? {
        bytes = rest;
        if matches!(key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.") {
            return Err(TarError::Global);
        }
    }
    Ok(())
}

type Record<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Key, value and what follows.
fn next_record(bytes: &[u8]) -> Result<Option<Record<'_>>, TarError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let blank = bytes.iter().take(20).position(|byte| *byte == b' ').ok_or(TarError::Pax)?;
    let (length, _) = bytes.split_at(blank);
    let length = decimal(length).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length > blank + 1).ok_or(TarError::Pax)?;
    let (record, rest) = bytes.split_at_checked(length).ok_or(TarError::Pax)?;
    let record = record.get(blank + 1..).and_then(|record| record.strip_suffix(b"\n"));
    let record = record.ok_or(TarError::Pax)?;
    let equals = record.iter().position(|byte| *byte == b'=').ok_or(TarError::Pax)?;
    let (key, value) = record.split_at(equals);
    if key.is_empty() || key.contains(&0) {
        return Err(TarError::Pax);
    }
    Ok(Some((key, value.get(1..).unwrap_or_default(), rest)))
}

/// Decimal digits alone.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_broken_ones_refused() {
        let pax = read_pax(b"12 path=a/b\n15 linkpath=xy\n9 size=7\n14 mtime=1.25\n").unwrap();
        assert_eq!(pax.path.as_deref(), Some(b"a/b".as_slice()));
        assert_eq!(pax.link.as_deref(), Some(b"xy".as_slice()));
        assert_eq!(pax.size, Some(7));
        let taken_back = read_pax(b"12 path=a/b\n8 path=\n").unwrap();
        assert_eq!(taken_back.path, None);
        for bad in [
            b"12 path=a/bX".as_slice(),
            b"99 path=a/b\n",
            b"path=a/b\n",
            b"0 \n",
            b"3 \n",
            b"9 path a\n",
            b"5 =a\n",
            b"10 size=-1\n",
            b"18446744073709551616 a=b\n",
            b"11 path=a\0\n",
        ] {
            assert!(read_pax(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(check_global(b"13 comment=x\n").is_ok());
        assert!(matches!(check_global(b"12 path=a/b\n"), Err(TarError::Global)));
    }

    #[test]
    fn sparse_maps_are_read_in_both_old_ways() {
        let old = b"23 GNU.sparse.offset=1\n25 GNU.sparse.numbytes=2\n21 GNU.sparse.size=9\n";
        let pax = read_pax(old).unwrap();
        assert_eq!((pax.sparse.map, pax.sparse.size), (vec![1, 2], Some(9)));
        let pax = read_pax(b"26 GNU.sparse.map=1,2,5,1\n").unwrap();
        assert_eq!(pax.sparse.map, [1, 2, 5, 1]);
        assert!(read_pax(b"25 GNU.sparse.numbytes=2\n").is_err());
        assert!(read_pax(b"23 GNU.sparse.map=1,,2\n").is_err());
    }
}
