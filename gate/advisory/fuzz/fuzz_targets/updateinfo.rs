//! `cargo +nightly fuzz run updateinfo`: no bytes as Amazon Linux's list of updates make the reader panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = secgate_advisory::amazon_records("2023", bytes);
});
