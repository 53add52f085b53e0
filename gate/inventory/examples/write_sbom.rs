//! Reads a folder, a lockfile or an SBOM and writes an SBOM of it: `write_sbom PATH FORMAT [SECONDS]` prints it.

use std::{io::Write, path::Path};

use secgate_inventory::{SbomFormat, SbomInput, take_inventory, take_sbom, write_sbom};
use secgate_model::{Target, TargetKind};
use secgate_source::{Limits, open_directory};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(format)) = (arguments.next(), arguments.next()) else {
        return Err("usage: write_sbom PATH FORMAT [SECONDS]".into());
    };
    let format: SbomFormat = format.parse()?;
    let seconds: i64 = arguments.next().unwrap_or_default().parse().unwrap_or_default();
    let limits = Limits { file_bytes: 512 << 20, ..Limits::default() };
    let tree = open_directory(Path::new(&path), limits, &|_| false)?;
    let inventory = match tree.entries() {
        [entry] => match take_sbom(&entry.path, &tree.read(entry)?) {
            Some(read) => read?,
            None => take_inventory(&tree),
        },
        _ => take_inventory(&tree),
    };
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let target = Target { kind: TargetKind::Path, name, digest: None, revision: None };
    let input = SbomInput {
        tool_version: env!("CARGO_PKG_VERSION"),
        target: &target,
        inventory: &inventory,
        created: jiff::Timestamp::from_second(seconds)?,
        parts: &[],
    };
    std::io::stdout().write_all(&write_sbom(&input, format)?)?;
    Ok(())
}
