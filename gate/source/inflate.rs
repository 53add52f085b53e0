use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder, Operation};

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Not at all.
    Plain,
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
}

/// Bytes that [`Encoding::of`] needs.
pub(crate) const MAGIC: usize = 4;

/// Bytes handed on at once: with the compressor's window it fits a core's second cache.
const OUTPUT: usize = 128 << 10;

/// A gzip header has two texts of any length; nobody writes them longer.
const MAX_GZIP_HEADER: usize = 256 << 10;

/// Zstandard's own default bound on a frame's window, 128 MiB.
const WINDOW_LOG: u32 = 27;

impl Encoding {
    /// What bytes say that start so.
    pub(crate) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "not compressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Inflates bytes that are pushed to it.
///
/// A gzip member's CRC is not looked at: whoever inflates a layer compares the SHA-256 of all that comes out.
pub(crate) struct Inflater {
    state: State,
    output: Vec<u8>,
}

enum State {
    Plain,
    Gzip(Gzip),
    Zstd { decoder: Decoder<'static>, open: bool },
}

struct Gzip {
    inflate: Decompress,
    part: Part,
    /// Bytes of a header or trailer that is not complete.
    held: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Header,
    Body,
    Trailer,
}

/// Why bytes cannot be inflated, or what the receiver of the result said.
pub(crate) enum InflateError<E> {
    Broken(String),
    Sink(E),
}

impl<E> InflateError<E> {
    fn new(message: impl Into<String>) -> Self {
        Self::Broken(message.into())
    }
}

impl Inflater {
    pub(crate) fn new(encoding: Encoding) -> Result<Self, String> {
        let state = match encoding {
            Encoding::Plain => State::Plain,
            Encoding::Gzip => State::Gzip(Gzip {
                inflate: Decompress::new(false),
                part: Part::Header,
                held: Vec::new(),
            }),
            Encoding::Zstd => {
                let mut decoder = Decoder::new().map_err(|error| error.to_string())?;
                decoder
                    .set_parameter(DParameter::WindowLogMax(WINDOW_LOG))
                    .map_err(|error| error.to_string())?;
                State::Zstd { decoder, open: false }
            }
        };
        let output = if encoding == Encoding::Plain { Vec::new() } else { vec![0; OUTPUT] };
        Ok(Self { state, output })
    }

    /// Takes compressed bytes and hands on what they inflate to.
    pub(crate) fn push<E>(
        &mut self,
        input: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), InflateError<E>> {
        match &mut self.state {
            State::Plain => sink(input).map_err(InflateError::Sink),
            State::Gzip(gzip) => gzip.push(input, &mut self.output, sink),
            State::Zstd { decoder, open } => {
                let mut input = input;
                let mut full = false;
                while !input.is_empty() || full {
                    let status = decoder
                        .run_on_buffers(input, &mut self.output)
                        .map_err(|error| InflateError::new(format!("not valid zstd: {error}")))?;
                    let rest = input.get(status.bytes_read..).unwrap_or_default();
                    if status.bytes_read == 0 && status.bytes_written == 0 {
                        if rest.is_empty() {
                            break;
                        }
                        return Err(InflateError::new("not valid zstd: it does not go on"));
                    }
                    let made = self.output.get(..status.bytes_written).unwrap_or_default();
                    if !made.is_empty() {
                        sink(made).map_err(InflateError::Sink)?;
                    }
                    *open = status.remaining != 0;
                    full = *open && status.bytes_written == self.output.len();
                    input = rest;
                }
                Ok(())
            }
        }
    }

    /// There are no more bytes.
    pub(crate) fn finish(&self) -> Result<(), String> {
        let complete = match &self.state {
            State::Plain => true,
            State::Gzip(gzip) => gzip.part == Part::Header && gzip.held.is_empty(),
            State::Zstd { open, .. } => !open,
        };
        if complete { Ok(()) } else { Err("it ends in the middle of the compressed data".into()) }
    }
}

impl Gzip {
    fn push<E>(
        &mut self,
        mut input: &[u8],
        output: &mut [u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), InflateError<E>> {
        loop {
            match self.part {
                Part::Header => {
                    if input.is_empty() {
                        return Ok(());
                    }
                    let had = self.held.len();
                    let room = MAX_GZIP_HEADER - had.min(MAX_GZIP_HEADER);
                    let taken = input.get(..room.min(input.len())).unwrap_or_default();
                    // A header is ten bytes as a rule: not all of the input need be copied.
                    self.held.extend_from_slice(taken.get(..64).unwrap_or(taken));
                    let mut length = header_length(&self.held).map_err(InflateError::new)?;
                    if length.is_none() && taken.len() > 64 {
                        self.held.extend_from_slice(taken.get(64..).unwrap_or_default());
                        length = header_length(&self.held).map_err(InflateError::new)?;
                    }
                    let Some(length) = length else {
                        if room <= taken.len() {
                            return Err(InflateError::new("its gzip header is too long"));
                        }
                        return Ok(());
                    };
                    input = input.get(length - had..).unwrap_or_default();
                    self.held.clear();
                    self.inflate.reset(false);
                    self.part = Part::Body;
                }
                Part::Body => {
                    let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
                    let status = self
                        .inflate
                        .decompress(input, output, FlushDecompress::None)
                        .map_err(|error| InflateError::new(format!("not valid gzip: {error}")))?;
                    let read = usize::try_from(self.inflate.total_in() - read).unwrap_or(0);
                    let made = usize::try_from(self.inflate.total_out() - written).unwrap_or(0);
                    if made > 0 {
                        sink(output.get(..made).unwrap_or_default()).map_err(InflateError::Sink)?;
                    }
                    input = input.get(read..).unwrap_or_default();
                    if status == Status::StreamEnd {
                        self.part = Part::Trailer;
                    } else if made < output.len() {
                        if input.is_empty() {
                            return Ok(());
                        }
                        if read == 0 && made == 0 {
                            return Err(InflateError::new("not valid gzip: it does not go on"));
                        }
                    }
                }
                Part::Trailer => {
                    let count = input.len().min(8 - self.held.len().min(8));
                    let (taken, rest) = input.split_at(count);
                    self.held.extend_from_slice(taken);
                    input = rest;
                    let Some([_, _, _, _, length @ ..]) = self.held.first_chunk::<8>() else {
                        return Ok(());
                    };
                    if u64::from(u32::from_le_bytes(*length))
                        != self.inflate.total_out() & u64::from(u32::MAX)
                    {
                        return Err(InflateError::new(
                            "not valid gzip: a member is not as long as it says",
                        ));
                    }
                    self.held.clear();
                    self.part = Part::Header;
                }
            }
        }
    }
}

/// Bytes of the gzip header that `bytes` start with; `None` while it is not complete (RFC 1952, 2.3).
fn header_length(bytes: &[u8]) -> Result<Option<usize>, String> {
    const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
    if bytes.iter().zip(MAGIC).any(|(byte, magic)| *byte != magic) {
        return Err("not valid gzip: something else follows a member".to_owned());
    }
    let Some(flags) = bytes.get(3) else { return Ok(None) };
    if flags & 0xe0 != 0 {
        return Err("not valid gzip: reserved flags are set".to_owned());
    }
    let mut at = 10;
    if flags & 4 != 0 {
        let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk::<2>()) else {
            return Ok(None);
        };
        at += 2 + usize::from(u16::from_le_bytes(*length));
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let Some(rest) = bytes.get(at..) else { return Ok(None) };
            let Some(end) = rest.iter().position(|byte| *byte == 0) else { return Ok(None) };
            at += end + 1;
        }
    }
    if flags & 2 != 0 {
        at += 2;
    }
    Ok((bytes.len() >= at).then_some(at))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::GzBuilder::new()
            .filename("a name")
            .comment("a remark")
            .extra([1, 2, 3])
            .write(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn inflate(encoding: Encoding, bytes: &[u8], step: usize) -> Result<Vec<u8>, String> {
        let mut inflater = Inflater::new(encoding).unwrap();
        let mut out = Vec::new();
        for piece in bytes.chunks(step) {
            let mut sink = |bytes: &[u8]| -> Result<(), ()> {
                out.extend_from_slice(bytes);
                Ok(())
            };
            inflater.push(piece, &mut sink).map_err(|error| match error {
                InflateError::Broken(message) => message,
                InflateError::Sink(()) => String::new(),
            })?;
        }
        inflater.finish()?;
        Ok(out)
    }

    fn sample() -> Vec<u8> {
        (0..400_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 20).to_le_bytes()).collect()
    }

    #[test]
    fn several_members_and_frames_are_one_stream() {
        let text = sample();
        let (first, second) = text.split_at(1000);
        let gz = [gzip(first), gzip(b""), gzip(second)].concat();
        let skip = b"\x5a\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        let frames = [
            skip.clone(),
            zstd::encode_all(first, 3).unwrap(),
            skip.clone(),
            zstd::encode_all(second, 3).unwrap(),
            skip,
        ]
        .concat();
        for step in [1, 7, 4096, usize::MAX] {
            assert!(inflate(Encoding::Gzip, &gz, step).unwrap() == text, "gzip by {step}");
            assert!(inflate(Encoding::Zstd, &frames, step).unwrap() == text, "zstd by {step}");
        }
        assert_eq!(Encoding::of(&frames), Encoding::Zstd);
        assert_eq!(Encoding::of(&gz), Encoding::Gzip);
    }

    #[test]
    fn cut_or_spoilt_streams_are_errors() {
        let text = sample();
        for (encoding, whole) in [
            (Encoding::Gzip, gzip(&text)),
            (Encoding::Zstd, zstd::encode_all(text.as_slice(), 3).unwrap()),
        ] {
            for cut in [1, 5, 9, 30, whole.len() / 2, whole.len() - 5, whole.len() - 1] {
                assert!(inflate(encoding, &whole[..cut], 999).is_err(), "{encoding:?} {cut}");
            }
            let trailing = [whole.as_slice(), b"xx"].concat();
            assert!(inflate(encoding, &trailing, 999).is_err(), "{encoding:?} trailing");
        }
        let mut lying = gzip(&text);
        *lying.last_mut().unwrap() ^= 1;
        assert!(inflate(Encoding::Gzip, &lying, 999).is_err());
    }
}
