//! An archive of an image as a stream. Run with `cargo fuzz run archive` in `gate/source`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secgate_source::{ImageOptions, Limits, PickAll, Reference, Wanted, open_stream};

fuzz_target!(|input: &[u8]| {
    let limits = Limits { inflated_bytes: 16 << 20, kept_bytes: 16 << 20, ..Limits::default() };
    let options = ImageOptions { limits, ..ImageOptions::new("amd64", &PickAll) };
    let _ = open_stream("fuzz", &mut &*input, &Wanted::Only, &options);
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(reference) = text.parse::<Reference>()
    {
        let again: Reference = reference.to_string().parse().expect("what is printed is read");
        assert_eq!(again, reference);
    }
});
