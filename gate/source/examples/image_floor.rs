//! What opening an image costs, against the floor: inflating it, two SHA-256 and a walk over its tar files, and nothing else.
//!
//! ```text
//! image_floor floor DIR            one plain pass over every layer of the only image
//! image_floor open DIR [CACHE]     open_image on the same, with a picker like that of the catalogers
//! ```
//!
//! `tests/bench/image-floor` makes an image, runs both and compares processor time and memory.

use std::{
    error::Error,
    io::{Read, Write},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use secgate_formats::oci::{Descriptor, Manifest};
use secgate_source::{
    Blobs, ImageOptions, Member, Members, Pick, Reference, TarError, TarReader, Wanted, Wish,
    open_image, open_local,
};
use sha2::{Digest, Sha256};

struct Usual;

impl Pick for Usual {
    fn id(&self) -> String {
        "bench/1".to_owned()
    }

    fn wants(&self, path: &str, _: u64, mode: u32) -> Wish {
        let name = path.rsplit('/').next().unwrap_or_default();
        match name {
            "status" | "os-release" | "installed" | "METADATA" | "RECORD" | "package.json"
            | "package-lock.json" | "Cargo.lock" | "go.mod" | "pom.xml" => Wish::Yes,
            _ if path.starts_with("var/lib/dpkg/info/") => Wish::Yes,
            _ if mode & 0o111 != 0 => Wish::ByStart,
            _ => Wish::No,
        }
    }
}

struct Walk(u64);

impl Members for Walk {
    fn begin(&mut self, _: Member<'_>) -> Result<bool, TarError> {
        self.0 += 1;
        Ok(false)
    }

    fn body(&mut self, _: &[u8]) -> Result<bool, TarError> {
        Ok(false)
    }

    fn end(&mut self) -> Result<(), TarError> {
        Ok(())
    }
}

/// Hashes what passes.
struct Hashed<R>(R, Sha256);

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn floor(blobs: &dyn Blobs) -> Result<String, Box<dyn Error>> {
    let manifest: Manifest = serde_json::from_slice(&blobs.manifest(&Wanted::Only)?.bytes)?;
    let (mut members, mut bytes) = (0, 0);
    for layer in &manifest.layers {
        let Descriptor { digest, .. } = layer;
        let stored =
            std::io::BufReader::with_capacity(128 << 10, Hashed(blobs.blob(layer)?, Sha256::new()));
        let mut inflated = MultiGzDecoder::new(stored);
        let (mut tar, mut walk, mut hash) = (TarReader::default(), Walk(0), Sha256::new());
        let mut buffer = vec![0; 128 << 10];
        loop {
            let count = inflated.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            let piece = buffer.get(..count).unwrap_or_default();
            hash.update(piece);
            tar.push(piece, &mut walk)?;
            bytes += count;
        }
        let found = inflated.into_inner().into_inner().1.finalize();
        let found = secgate_model::Digest::sha256(&found.into());
        if digest != found.as_str() {
            return Err(format!("{digest} is {found}").into());
        }
        members += walk.0;
    }
    Ok(format!("{members} members, {bytes} bytes"))
}

fn open(blobs: &dyn Blobs, cache: Option<&Path>) -> Result<String, Box<dyn Error>> {
    let threads = std::thread::available_parallelism()?.get();
    let options = ImageOptions { cache, threads, ..ImageOptions::new("amd64", &Usual) };
    let images = open_image(blobs, &Wanted::Only, &options)?;
    let image = images.first().ok_or("no image")?;
    Ok(format!("{} files, {} of them wanted", image.files, image.tree.entries().len()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, folder, rest @ ..] = arguments.as_slice() else {
        return Err("image_floor floor|open DIR [CACHE]".into());
    };
    let reference: Reference = format!("oci:{folder}").parse()?;
    let blobs = open_local(&reference)?;
    let said = match mode.as_str() {
        "floor" => floor(&*blobs)?,
        "open" => open(&*blobs, rest.first().map(Path::new))?,
        _ => return Err("image_floor floor|open DIR [CACHE]".into()),
    };
    writeln!(std::io::stdout(), "{said}")?;
    Ok(())
}
