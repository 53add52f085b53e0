//! `secgate conformance`: what the sigstore conformance suite calls.

use std::path::Path;

use secgate_attest::conformance::{Command, parse, verify};

use crate::{
    args::ConformanceArgs,
    exit::{FAIL, Failure, Outcome, PASS},
    settings::read,
};

/// Most bytes of a file that is read.
const LIMIT: u64 = 256 * 1024 * 1024;

pub(crate) fn run(args: &ConformanceArgs) -> Outcome {
    match parse(&args.words).map_err(Failure::usage)? {
        Command::Verify(ask) => match verify(&ask, &|path: &Path| read(path, LIMIT)) {
            Ok(_) => Ok(PASS),
            Err(refusal) => {
                Failure::foreign(&refusal).tell();
                Ok(FAIL)
            }
        },
        Command::Sign(_) => Err(Failure::evidence("signing without a key is not built yet")),
    }
}
