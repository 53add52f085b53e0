//! The first byte chooses a database of an operating system; the rest is its file. A header of rpm by itself is put into a
//! database of the simplest kind. Run with `cargo fuzz run system_databases` in `gate/inventory`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use secgate_inventory::take_image_inventory;
use secgate_source::{Limits, Tree};

const FILES: [&str; 14] = [
    "etc/os-release",
    "var/lib/dpkg/status",
    "var/lib/dpkg/status.d/a",
    "var/lib/dpkg/info/a.list",
    "usr/share/doc/a/copyright",
    "lib/apk/db/installed",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/rpmdb.sqlite-wal",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
    "var/lib/rpmmanifest/container-manifest-2",
    "var/lib/pacman/local/a-1-1/desc",
    "var/lib/chisel/manifest.wall",
    "usr/lib/sysimage/rpm/Packages.db",
];

fuzz_target!(|input: &[u8]| {
    let Some((choice, body)) = input.split_first() else { return };
    let path = FILES[usize::from(*choice) % FILES.len()];
    let body = if path.starts_with("usr/lib/sysimage") { in_ndb(body) } else { body.to_vec() };
    let files = [
        (path, body),
        ("usr/lib/os-release", b"ID=debian\nVERSION_ID=12\n".to_vec()),
        ("app/node_modules/a/package.json", b"{\"version\": \"1.0.0\"}".to_vec()),
    ];
    let files = files.map(|(path, body)| (path.to_owned(), body));
    let _ = take_image_inventory(&Tree::in_memory(files, Limits::default()));
});

/// A database (NDB) that holds one header.
fn in_ndb(header: &[u8]) -> Vec<u8> {
    let blocks = (header.len() + 28).div_ceil(16);
    let word = |number: usize| u32::try_from(number).unwrap_or_default().to_le_bytes();
    let mut out = b"RpmP".to_vec();
    for number in [0, 1, 1, 2, 0, 0, 0] {
        out.extend(word(number));
    }
    out.extend(b"Slot");
    for number in [1, 256, blocks] {
        out.extend(word(number));
    }
    while out.len() < 4096 {
        out.extend(b"Slot");
        out.extend([0; 12]);
    }
    out.extend(b"BlbS");
    for number in [1, 0, header.len()] {
        out.extend(word(number));
    }
    out.extend(header);
    out.resize(4096 + blocks * 16 - 12, 0);
    for number in [0, header.len()] {
        out.extend(word(number));
    }
    out.extend(b"BlbE");
    out
}
