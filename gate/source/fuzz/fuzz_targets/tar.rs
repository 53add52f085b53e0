//! A tar file, whole and in pieces: both must give the same. Run with `cargo fuzz run tar` in `gate/source`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secgate_source::{Member, Members, TarError, TarReader};

#[derive(Default, PartialEq, Debug)]
struct Seen(Vec<(Vec<u8>, u64, Vec<u8>)>, u64);

impl Members for Seen {
    fn begin(&mut self, member: Member<'_>) -> Result<bool, TarError> {
        self.0.push((member.path.to_vec(), member.size, member.link.to_vec()));
        Ok(member.size < 1 << 20)
    }

    fn body(&mut self, bytes: &[u8]) -> Result<bool, TarError> {
        self.1 += bytes.len() as u64;
        Ok(true)
    }

    fn end(&mut self) -> Result<(), TarError> {
        Ok(())
    }
}

fn read(bytes: &[u8], step: usize) -> Result<Seen, TarError> {
    let (mut reader, mut seen) = (TarReader::default(), Seen::default());
    for piece in bytes.chunks(step) {
        reader.push(piece, &mut seen)?;
    }
    reader.finish()?;
    Ok(seen)
}

fuzz_target!(|input: &[u8]| {
    let whole = read(input, usize::MAX);
    assert_eq!(read(input, 100), whole);
    if let Ok(seen) = whole {
        for (path, ..) in seen.0 {
            assert!(path.split(|byte| *byte == b'/').all(|part| part != b".." && !part.contains(&0)));
        }
    }
});
