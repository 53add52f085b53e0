//! `cargo run -p secgate-attest --example mutate -- [COUNT] [SEED]`: breaks so many documents (100,000) and panics at the
//! first that is accepted and should not be.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    reason = "the files are the tests', where these are allowed"
)]

use std::io::{Write, stdout};

#[path = "../mutation.rs"]
mod mutation;
#[path = "../testing.rs"]
mod testing;

fn main() -> std::io::Result<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse::<u64>().ok());
    let count = usize::try_from(numbers.next().unwrap_or(100_000)).unwrap_or(usize::MAX);
    let tally = mutation::run(count, numbers.next().unwrap_or(1));
    let mutation::Tally { mutants, harmless } = tally;
    writeln!(
        stdout(),
        "{mutants} broken documents, {harmless} of them harmless, none taken for another"
    )
}
