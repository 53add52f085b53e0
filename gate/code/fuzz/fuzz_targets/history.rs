//! `cargo +nightly fuzz run history fuzz/corpus/history testdata/history`: no step makes the reader panic, and what is found
//! in one lies inside it.
#![no_main]

use secgate_code::{
    image::{Step, read_step},
    secret::{find_in_command, find_in_text, secrets_in_file},
};

libfuzzer_sys::fuzz_target!(|text: &str| {
    match read_step(text) {
        Step::Assign(_, pairs) | Step::Run(pairs, _) => {
            assert!(pairs.iter().all(|(name, value)| text.contains(name) && text.contains(value)));
        }
        Step::Add(rest) | Step::Other(rest) => assert!(text.contains(rest)),
    }
    let places = [".npmrc", ".netrc", ".pgpass", ".docker/config.json", ".kube/config", ".m2/settings.xml", ".env"];
    let files = places.iter().flat_map(|path| secrets_in_file(path, text));
    for found in find_in_command(text).into_iter().chain(find_in_text(text)).chain(files) {
        assert!(text.get(found.start..).is_some_and(|rest| rest.starts_with(found.value)));
    }
});
