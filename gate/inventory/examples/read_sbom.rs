//! Reads an SBOM and tells how many packages and gaps it has: `read_sbom FILE`. For measuring.

use std::io::Write;

use secgate_inventory::take_sbom;
use secgate_source::{Limits, open_directory};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: read_sbom FILE")?;
    let limits = Limits { file_bytes: 512 << 20, ..Limits::default() };
    let tree = open_directory(path.as_ref(), limits, &|_| false)?;
    let entry = tree.entries().first().ok_or("no such file")?;
    let bytes = tree.read(entry)?;
    let inventory = take_sbom(&entry.path, &bytes).ok_or("not an SBOM")??;
    let (packages, gaps) = (inventory.packages.len(), inventory.unknowns.len());
    writeln!(std::io::stdout(), "{packages} packages, {gaps} gaps")?;
    Ok(())
}
