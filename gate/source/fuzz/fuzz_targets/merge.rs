//! Layers over one another. The input is a list of members: a byte that chooses what and the layer, and two short paths of few
//! names, so that they meet. Run with `cargo fuzz run merge` in `gate/source`.

#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use secgate_formats::oci::{CONFIG, Descriptor, MANIFEST};
use secgate_model::Digest;
use secgate_source::{
    BlobError, Blobs, ImageOptions, PickAll, Served, Wanted, open_image,
};
use sha2::Digest as _;

struct Layers(Vec<(String, Vec<u8>)>, Vec<u8>);

impl Blobs for Layers {
    fn name(&self) -> &str {
        "fuzz"
    }

    fn manifest(&self, _: &Wanted) -> Result<Served, BlobError> {
        Ok(Served { media_type: None, bytes: self.1.clone() })
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        let found = self.0.iter().find(|(digest, _)| *digest == descriptor.digest);
        Ok(Box::new(found.ok_or_else(|| BlobError::new("none"))?.1.as_slice()))
    }
}

fn member(tar: &mut Vec<u8>, path: &str, kind: u8, link: &str) {
    let mut block = [0; 512];
    block[..path.len()].copy_from_slice(path.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(b"00000000000");
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[156] = kind;
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    tar.extend_from_slice(&block);
}

const NAMES: [&str; 8] = ["a", "b", "c", ".wh.a", ".wh.b", ".wh..wh..opq", "d", ""];
const TARGETS: [&str; 8] = ["a", "b", "c", "..", ".", "d", "", "a"];

fn path(seed: u8, names: &[&str; 8]) -> String {
    let part = |shift: u8| names[usize::from(seed >> shift) % names.len()];
    format!("{}/{}/{}", part(0), part(2), part(5))
}

fuzz_target!(|input: &[u8]| {
    let mut layers = vec![Vec::new()];
    for chunk in input.chunks_exact(3).take(200) {
        if chunk[0] & 0x80 != 0 {
            layers.push(Vec::new());
        }
        let kind = b"012355"[usize::from(chunk[0] & 0x7f) % 6];
        let (name, link) = (path(chunk[1], &NAMES), path(chunk[2], &TARGETS));
        member(layers.last_mut().expect("there is one"), &name, kind, &link);
    }
    let digest = |bytes: &[u8]| Digest::sha256(&sha2::Sha256::digest(bytes).into()).to_string();
    let describe = |kind: &str, bytes: &[u8]| {
        serde_json::json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()})
    };
    let ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let config = serde_json::json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}});
    let config = config.to_string().into_bytes();
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": MANIFEST[0], "config": describe(CONFIG[0], &config),
        "layers": layers.iter().map(|layer| describe("application/vnd.oci.image.layer.v1.tar", layer)).collect::<Vec<_>>(),
    });
    let mut blobs: Vec<(String, Vec<u8>)> = layers.into_iter().map(|layer| (digest(&layer), layer)).collect();
    blobs.push((digest(&config), config));
    let blobs = Layers(blobs, manifest.to_string().into_bytes());
    let result = |threads| {
        let options = ImageOptions { threads, ..ImageOptions::new("amd64", &PickAll) };
        open_image(&blobs, &Wanted::Only, &options).map(|images| {
            images.iter().flat_map(|image| image.tree.entries().to_vec()).collect::<Vec<_>>()
        })
    };
    assert_eq!(result(1), result(2));
});
