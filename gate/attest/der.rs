//! DER (ITU-T X.690 §10): the one encoding of what keys and signatures are made of. Reads nothing that has a second form.

use zeroize::Zeroizing;

/// `INTEGER`.
pub(crate) const INTEGER: u8 = 0x02;
/// `BIT STRING`.
pub(crate) const BIT_STRING: u8 = 0x03;
/// `OCTET STRING`.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// `NULL`.
pub(crate) const NULL: u8 = 0x05;
/// `OBJECT IDENTIFIER`.
pub(crate) const OBJECT: u8 = 0x06;
/// `BOOLEAN`.
pub(crate) const BOOLEAN: u8 = 0x01;
/// `SEQUENCE`.
pub(crate) const SEQUENCE: u8 = 0x30;

/// The bytes are not DER of the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotDer;

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Der<'a>(pub(crate) &'a [u8]);

impl<'a> Der<'a> {
    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next value.
    pub(crate) fn tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next value's tag and content. Tags of one byte, lengths in their shortest form.
    pub(crate) fn any(&mut self) -> Result<(u8, &'a [u8]), NotDer> {
        let [tag, length, rest @ ..] = self.0 else { return Err(NotDer) };
        if tag & 0x1f == 0x1f {
            return Err(NotDer);
        }
        let (length, rest) = match *length {
            short @ 0..=0x7f => (usize::from(short), rest),
            0x81 => match rest {
                [long, rest @ ..] if *long >= 0x80 => (usize::from(*long), rest),
                _ => return Err(NotDer),
            },
            0x82 => match rest {
                [high, low, rest @ ..] if *high != 0 => {
                    (usize::from(*high) << 8 | usize::from(*low), rest)
                }
                _ => return Err(NotDer),
            },
            _ => return Err(NotDer),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(NotDer)?;
        self.0 = rest;
        Ok((*tag, content))
    }

    /// The next value's content, which must have this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Result<&'a [u8], NotDer> {
        let (found, content) = self.any()?;
        if found == tag { Ok(content) } else { Err(NotDer) }
    }

    /// What is in the next value, which must be the last.
    pub(crate) fn only(&mut self, tag: u8) -> Result<Self, NotDer> {
        let content = self.take(tag)?;
        self.end()?;
        Ok(Self(content))
    }

    /// The next value, a positive integer without leading zeros. Zero has no bytes.
    pub(crate) fn positive(&mut self) -> Result<&'a [u8], NotDer> {
        match self.take(INTEGER)? {
            [0] => Ok(&[]),
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Ok(rest),
            content @ [1..=0x7f, ..] => Ok(content),
            _ => Err(NotDer),
        }
    }

    /// The next value, a bit string of whole bytes.
    pub(crate) fn bits(&mut self) -> Result<&'a [u8], NotDer> {
        match self.take(BIT_STRING)? {
            [0, rest @ ..] => Ok(rest),
            _ => Err(NotDer),
        }
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<(), NotDer> {
        if self.0.is_empty() { Ok(()) } else { Err(NotDer) }
    }
}

/// A value of up to 65,535 bytes. Wiped when dropped, because it may be a private key.
pub(crate) fn write(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.saturating_add(4)));
    bytes.push(tag);
    let [.., high, low] = length.to_be_bytes();
    match length {
        0..=0x7f => bytes.push(low),
        0x80..=0xff => bytes.extend([0x81, low]),
        _ => bytes.extend([0x82, high, low]),
    }
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 65_535] {
            let content = vec![7; length];
            let bytes = write(OCTET_STRING, &[&content]);
            let mut der = Der(&bytes);
            assert_eq!(der.take(OCTET_STRING), Ok(&*content));
            assert_eq!(der.end(), Ok(()));
        }
    }

    #[test]
    fn a_second_form_is_no_form() {
        let refused: [&[u8]; 10] = [
            b"",
            b"\x04",
            b"\x04\x02a",
            b"\x04\x81\x01a",
            b"\x04\x82\x00\x01a",
            b"\x04\x80a\x00\x00",
            b"\x1f\x01a",
            b"\x04\x84\x00\x00\x00\x01a",
            b"\x04\x83\x01\x00\x00",
            b"\x04\x82\x00",
        ];
        for bytes in refused {
            assert_eq!(Der(bytes).any(), Err(NotDer), "{bytes:?}");
        }
        let integers: [(&[u8], Option<&[u8]>); 7] = [
            (b"\x02\x01\x00", Some(b"")),
            (b"\x02\x01\x7f", Some(b"\x7f")),
            (b"\x02\x02\x00\x80", Some(b"\x80")),
            (b"\x02\x02\x00\x7f", None),
            (b"\x02\x01\x80", None),
            (b"\x02\x00", None),
            (b"\x02\x02\x00\x00", None),
        ];
        for (bytes, expected) in integers {
            assert_eq!(Der(bytes).positive().ok(), expected, "{bytes:?}");
        }
    }
}
