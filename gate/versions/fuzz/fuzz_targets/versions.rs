//! Three texts of one scheme: nothing panics, the order is total, and a range answers whatever its events are.

#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::fuzz_target;
use secgate_versions::{Event, Scheme, Version, fixes, in_range};

fuzz_target!(|data: (u8, [String; 3])| {
    let (pick, texts) = data;
    let scheme = Scheme::ALL[usize::from(pick) % Scheme::ALL.len()];
    let [a, b, c] = &texts;
    let events = [Event::Introduced(a), Event::Fixed(b), Event::LastAffected(c), Event::Limit(a)];
    let mut versions: Vec<Version> = Vec::new();
    for text in &texts {
        if let Ok(version) = scheme.parse(text) {
            assert_eq!(version.text(), text.trim());
            let _ = in_range(scheme, &events, &version);
            let _ = fixes(scheme, &events, &version);
            versions.push(version);
        }
    }
    versions.sort();
    if let [low, middle, high] = versions.as_slice() {
        assert!(low <= middle && middle <= high && low <= high, "{scheme}: {low} {middle} {high}");
        assert_eq!(low.cmp_same(high), high.cmp_same(low).reverse());
        if low == middle {
            assert_eq!(low.cmp_same(high), middle.cmp_same(high));
        }
        if middle == high {
            assert!(low.cmp_same(high) == low.cmp_same(middle) && low.cmp_same(high) != Ordering::Greater);
        }
    }
});
