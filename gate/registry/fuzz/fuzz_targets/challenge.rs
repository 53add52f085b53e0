//! A header `WWW-Authenticate`. Run with `cargo fuzz run challenge` in `gate/registry`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secgate_registry::parse_challenges;

fuzz_target!(|input: &str| {
    let challenges = parse_challenges(input);
    for challenge in &challenges {
        assert!(!challenge.scheme.is_empty());
        for (name, _) in &challenge.parameters {
            let _ = challenge.parameter(name);
        }
    }
});
