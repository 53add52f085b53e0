//! `cargo +nightly fuzz run import fuzz/corpus/import testdata`: no bytes make a reader panic or run away.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The name decides whose an empty list is.
    for name in ["report.json", "gitleaks.json"] {
        if let Ok(secgate_scan::import::Recognised::Foreign(imported)) =
            secgate_scan::import::import(name, bytes)
        {
            assert!(imported.findings.iter().all(|finding| !finding.rule.is_empty() && finding.seen_by.len() == 1));
        }
    }
});
