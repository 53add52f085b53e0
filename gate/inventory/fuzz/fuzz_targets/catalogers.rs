//! The first two bytes choose a cataloger and a file name that it wants, among those of the fixtures; the rest is the file.
//! Run with `cargo fuzz run catalogers` in `gate/inventory`.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use secgate_inventory::{CATALOGERS, Catalog, Cataloger, take_sbom};
use secgate_source::{Entry, Limits, Tree, open_directory};

static WANTED: LazyLock<Vec<(Entry, &'static dyn Cataloger)>> = LazyLock::new(|| {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata");
    let tree = open_directory(folder.as_ref(), Limits::default(), &|_| false)
        .expect("the fixtures are in the checkout");
    let pairs = tree.entries().iter().flat_map(|entry| {
        let wants = CATALOGERS.iter().filter(|cataloger| cataloger.wants(entry));
        wants.map(|cataloger| (entry.clone(), *cataloger))
    });
    pairs.collect()
});

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first_chunk::<2>() else { return };
    let choice = usize::from(u16::from_le_bytes(*choice)) % WANTED.len();
    let Some((entry, cataloger)) = WANTED.get(choice) else { return };
    let tree = Tree::in_memory([(entry.path.clone(), body.to_vec())], Limits::default());
    let mut catalog = Catalog::new(&entry.path, cataloger.id());
    let _ = cataloger.catalog(entry, &tree, &mut catalog);
    let _ = take_sbom("fuzz", body);
});
