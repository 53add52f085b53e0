//! Two SBOMs, divided by a line of `----`: what can be read is written in every format, must read back with as many packages
//! and be partial where it was, and is compared and merged with the other. Run with `cargo fuzz run sboms` in
//! `gate/inventory`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secgate_inventory::{
    ReadSbom, SbomFormat, SbomInput, merge_sboms, read_sbom, sbom_diff, write_sbom,
};
use secgate_model::{Inventory, Target, TargetKind};

const DIVIDER: &[u8] = b"\n----\n";

fn written(inventory: &Inventory) {
    let target =
        Target { kind: TargetKind::Path, name: "fuzz".to_owned(), digest: None, revision: None };
    let input = SbomInput {
        tool_version: "0",
        target: &target,
        inventory,
        created: jiff::Timestamp::UNIX_EPOCH,
        parts: &[],
    };
    for format in SbomFormat::ALL {
        let bytes = write_sbom(&input, format).expect("any inventory can be written");
        let again = read_sbom("fuzz", &bytes)
            .expect("what is written is an SBOM")
            .expect("what is written can be read");
        assert_eq!(again.inventory.packages.len(), inventory.packages.len(), "{format}");
        assert_eq!(
            again.inventory.unknowns.is_empty(),
            inventory.unknowns.is_empty(),
            "{format}"
        );
    }
}

fuzz_target!(|input: &[u8]| {
    let at = input.windows(DIVIDER.len()).position(|part| part == DIVIDER);
    let (one, two) = at.map_or((input, &[][..]), |at| input.split_at(at));
    let read = |bytes: &[u8]| -> Option<ReadSbom> { read_sbom("fuzz", bytes)?.ok() };
    let (Some(one), two) = (read(one), read(two.strip_prefix(DIVIDER).unwrap_or(two))) else {
        return;
    };
    written(&one.inventory);
    let two = two.unwrap_or_else(|| one.clone());
    let diff = sbom_diff(("a", &one.inventory), ("b", &two.inventory));
    let kept = diff.changed.len() + usize::try_from(diff.unchanged).expect("a count of a list");
    assert_eq!(diff.removed.len() + kept, one.inventory.packages.len());
    assert_eq!(diff.added.len() + kept, two.inventory.packages.len());
    let (whole, _) = merge_sboms(vec![one, two]);
    written(&whole);
});
