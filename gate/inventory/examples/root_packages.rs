//! Prints the packages of a root file system, one purl a line with its source package and owner, then the gaps: what the
//! comparisons with `dpkg-query`, `apk` and `rpm` read. `cargo run -p secgate-inventory --example root_packages -- FOLDER`.

use std::io::{self, Write};

use secgate_inventory::take_image_inventory;
use secgate_source::{Limits, open_directory};

fn main() -> io::Result<()> {
    let Some(root) = std::env::args_os().nth(1) else {
        return Err(io::Error::other("which folder?"));
    };
    let limits = Limits { file_bytes: 256 << 20, ..Limits::default() };
    let tree = open_directory(root.as_ref(), limits, &|_| false)?;
    let inventory = take_image_inventory(&tree);
    let mut out = io::BufWriter::new(io::stdout().lock());
    for package in &inventory.packages {
        let (name, version) = package.source.clone().unwrap_or_default();
        let owner = package.owned_by.as_ref().map(ToString::to_string).unwrap_or_default();
        let parents = package.parents.len();
        let licenses = package.licenses.join(" AND ");
        writeln!(out, "{}\t{name}\t{version}\t{owner}\t{parents}\t{licenses}", package.purl)?;
    }
    for unknown in &inventory.unknowns {
        writeln!(out, "# {}: {}", unknown.location.path, unknown.reason)?;
    }
    writeln!(out, "# distribution {}", inventory.distribution.unwrap_or_default())?;
    out.flush()
}
