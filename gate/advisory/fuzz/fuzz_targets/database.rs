//! `cargo +nightly fuzz run database`: no bytes make a look-up panic, and a database that verifies answers.
#![no_main]

use secgate_advisory::{Database, match_package};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(database) = Database::from_vec(bytes.to_vec()) else { return };
    let verified = database.verify().is_ok();
    for (ecosystem, name) in
        [("npm", "a"), ("PyPI", "flask"), ("Go", "stdlib"), ("crates.io", "time")]
    {
        if let Ok(Some(entry)) = database.package(ecosystem, name) {
            for mention in &entry.mentions {
                let _ = database.text(mention.record);
            }
        }
        let _ = match_package(&database, ecosystem, name, "1.0.0");
    }
    let (epss, kev) = (database.epss("CVE-2024-1"), database.kev("CVE-2024-1"));
    assert!(!verified || (epss.is_ok() && kev.is_ok()));
});
