//! A file of logins, as Docker and podman have it. Run with `cargo fuzz run logins` in `gate/registry`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secgate_registry::DockerConfig;

fuzz_target!(|input: &[u8]| {
    if let Err(error) = DockerConfig::parse(input) {
        // The message is fixed but for two numbers: nothing of the file is in it.
        assert!(error.to_string().len() < 120);
    }
});
