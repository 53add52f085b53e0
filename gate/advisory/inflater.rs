use std::{
    fmt, io,
    sync::{Mutex, PoisonError},
};

use zstd::bulk::Decompressor;

/// Decompressors (Zstandard, RFC 8878) that are kept between frames: the state of one is 160 KB, and making it costs more than
/// a small frame.
#[derive(Default)]
pub(crate) struct Inflater {
    idle: Mutex<Vec<Decompressor<'static>>>,
}

impl Inflater {
    /// One frame, of at most `limit` bytes inflated.
    ///
    /// # Errors
    /// When it is no intact frame, or larger.
    pub(crate) fn inflate(&self, frame: &[u8], limit: usize) -> io::Result<Vec<u8>> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let mut decompressor = match kept {
            Some(kept) => kept,
            None => Decompressor::new()?,
        };
        // One that failed is dropped: what state it is in does not matter then.
        let bytes = decompressor.decompress(frame, limit)?;
        idle().push(decompressor);
        Ok(bytes)
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Inflater")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_one_after_another() {
        let inflater = Inflater::default();
        let frame = |text: &str| zstd::bulk::compress(text.as_bytes(), 3).unwrap();
        assert_eq!(inflater.inflate(&frame("one"), 3).unwrap(), b"one");
        assert!(inflater.inflate(&frame("too long"), 3).is_err());
        assert!(inflater.inflate(b"no frame", 100).is_err());
        assert_eq!(inflater.inflate(&frame("two"), 100).unwrap(), b"two");
    }
}
