//! Says of a root file system what an image reader would keep of it, and whether the inventory of what is kept is that of the
//! whole. `cargo run -p secgate-inventory --example image_keeps -- FOLDER`.

use std::io::{self, Write};

use secgate_inventory::{
    IMAGE_START_BYTES, image_excerpt, image_wants, is_excerpted, take_image_inventory,
};
use secgate_source::{Limits, Tree, open_directory};

fn main() -> io::Result<()> {
    let Some(root) = std::env::args_os().nth(1) else {
        return Err(io::Error::other("which folder?"));
    };
    let limits = Limits { file_bytes: 512 << 20, ..Limits::default() };
    let tree = open_directory(root.as_ref(), limits, &|_| false)?;
    let (mut all, mut read, mut excerpts) = (0, 0, 0);
    let mut kept = Vec::new();
    for entry in tree.entries() {
        let Ok(start) = tree.read_start(entry, IMAGE_START_BYTES) else { continue };
        let size = std::fs::metadata(std::path::Path::new(&root).join(&entry.path))?.len();
        all += size;
        if !image_wants(&entry.path, size, 0o644, &start) {
            continue;
        }
        let Ok(body) = tree.read(entry) else { continue };
        read += body.len();
        let body = if is_excerpted(&entry.path, &start) {
            let excerpt = image_excerpt(&entry.path, body);
            excerpts += excerpt.len();
            excerpt
        } else {
            body
        };
        kept.push((entry.path.clone(), body));
    }
    let bytes: usize = kept.iter().map(|(_, body)| body.len()).sum();
    let mut out = io::stdout().lock();
    writeln!(out, "{} files of {all} bytes", tree.entries().len())?;
    writeln!(
        out,
        "{} wanted of {read} bytes, kept as {bytes} ({excerpts} in excerpts)",
        kept.len()
    )?;
    // A tree in memory has no links: what lies behind one is compared by the packages alone.
    let packages = |tree: &Tree| {
        let inventory = take_image_inventory(tree);
        inventory.packages.into_iter().map(|package| package.purl).collect::<Vec<_>>()
    };
    let (whole, small) = (packages(&tree), packages(&Tree::in_memory(kept, limits)));
    writeln!(out, "{} packages in the whole, {} in what is kept", whole.len(), small.len())?;
    if whole == small { Ok(()) } else { Err(io::Error::other("they differ")) }
}
