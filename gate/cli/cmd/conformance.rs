//! `secgate conformance`: what the sigstore conformance suite calls.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use secgate_attest::conformance::{Command, parse, verify};

use crate::{
    args::ConformanceArgs,
    exit::{FAIL, Failure, Outcome, PASS},
};

/// Most bytes of a file that is read.
const LIMIT: u64 = 256 * 1024 * 1024;

pub(crate) fn run(args: &ConformanceArgs) -> Outcome {
    match parse(&args.words).map_err(Failure::usage)? {
        Command::Verify(ask) => match verify(&ask, &read) {
            Ok(_) => Ok(PASS),
            Err(refusal) => {
                Failure::foreign(&refusal).tell();
                Ok(FAIL)
            }
        },
        Command::Sign(_) => Err(Failure::evidence("signing without a key is not built yet")),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LIMIT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than 256 MiB"));
    }
    Ok(bytes)
}
