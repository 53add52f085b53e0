//! `cargo +nightly fuzz run osv`: no record makes the reader or the evaluation panic.
#![no_main]

use secgate_advisory::Record;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(advisory) = serde_json::from_slice::<secgate_formats::osv::Advisory>(bytes) {
        let _ = Record::from_osv(advisory);
    }
});
