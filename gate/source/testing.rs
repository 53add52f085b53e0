//! Builds tar files and images for tests, right ones and wrong ones.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    sync::Mutex,
};

use secgate_formats::oci::{CONFIG, Descriptor, INDEX, MANIFEST, Platform};
use secgate_model::Digest;
use serde_json::{Value, json};

use crate::{BlobError, Blobs, ImageOptions, Served, Wanted, image_plan::sha256};

/// Writes a tar file member by member.
#[derive(Default, Clone)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    /// A header block in the `ustar` form.
    pub(crate) fn block(path: &[u8], kind: u8, mode: u32, size: u64, link: &[u8]) -> [u8; 512] {
        let mut block = [0; 512];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &path[..path.len().min(100)]);
        put(100, format!("{mode:07o}\0").as_bytes());
        put(108, b"0000000\x000000000\0");
        put(124, format!("{size:011o}\0").as_bytes());
        put(136, b"00000000000\0");
        put(157, &link[..link.len().min(100)]);
        put(257, b"ustar\x0000");
        block[156] = kind;
        Self::sum(&mut block);
        block
    }

    pub(crate) fn sum(block: &mut [u8; 512]) {
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn padded(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn member(self, path: &str, kind: u8, mode: u32, body: &[u8], link: &str) -> Self {
        let tar = if path.len() > 100 || link.len() > 100 {
            self.pax(&[("path", path.as_bytes()), ("linkpath", link.as_bytes())])
        } else {
            self
        };
        tar.raw(&Self::block(path.as_bytes(), kind, mode, body.len() as u64, link.as_bytes()))
            .padded(body)
    }

    pub(crate) fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut body = Vec::new();
        for (key, value) in records.iter().filter(|(_, value)| !value.is_empty()) {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while length != rest + length.to_string().len() {
                length = rest + length.to_string().len();
            }
            body.extend_from_slice(format!("{length} {key}=").as_bytes());
            body.extend_from_slice(value);
            body.push(b'\n');
        }
        self.raw(&Self::block(b"pax", b'x', 0o644, body.len() as u64, b"")).padded(&body)
    }

    pub(crate) fn file(self, path: &str, body: &str) -> Self {
        self.member(path, b'0', 0o644, body.as_bytes(), "")
    }

    pub(crate) fn dir(self, path: &str) -> Self {
        self.member(&format!("{path}/"), b'5', 0o755, b"", "")
    }

    pub(crate) fn symlink(self, path: &str, target: &str) -> Self {
        self.member(path, b'2', 0o777, b"", target)
    }

    pub(crate) fn hardlink(self, path: &str, target: &str) -> Self {
        self.member(path, b'1', 0o644, b"", target)
    }

    pub(crate) fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Blobs in memory. Counts what is fetched.
#[derive(Default)]
pub(crate) struct MemoryBlobs {
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) tags: BTreeMap<String, (Option<String>, Vec<u8>)>,
    pub(crate) fetched: Mutex<Vec<String>>,
}

impl Blobs for MemoryBlobs {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn manifest(&self, wanted: &Wanted) -> Result<Served, BlobError> {
        let missing = || BlobError::new("memory: no such manifest");
        match wanted {
            Wanted::Digest(digest) => {
                let bytes = self.blobs.get(digest.as_str()).ok_or_else(missing)?.clone();
                Ok(Served { media_type: None, bytes })
            }
            Wanted::Tag(tag) => {
                let (media_type, bytes) = self.tags.get(tag).ok_or_else(missing)?.clone();
                Ok(Served { media_type, bytes })
            }
            Wanted::Only => {
                let (media_type, bytes) = self.tags.values().next().ok_or_else(missing)?.clone();
                Ok(Served { media_type, bytes })
            }
        }
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        self.fetched.lock().unwrap().push(descriptor.digest.clone());
        let bytes = self.blobs.get(&descriptor.digest);
        Ok(Box::new(bytes.ok_or_else(|| BlobError::new("memory: no such blob"))?.as_slice()))
    }
}

impl MemoryBlobs {
    pub(crate) fn add(&mut self, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = sha256(&bytes);
        let size = bytes.len();
        self.blobs.insert(digest.to_string(), bytes);
        json!({"mediaType": media_type, "digest": digest.as_str(), "size": size})
    }

    /// Adds an image of layers given as tar files, gzip'ed, and gives its descriptor.
    pub(crate) fn image(&mut self, layers: &[Vec<u8>], arch: &str) -> Value {
        let layers: Vec<(&str, Vec<u8>, Digest)> = layers
            .iter()
            .map(|tar| ("application/vnd.oci.image.layer.v1.tar+gzip", gzip(tar), sha256(tar)))
            .collect();
        self.image_of(layers, arch)
    }

    pub(crate) fn image_of(&mut self, layers: Vec<(&str, Vec<u8>, Digest)>, arch: &str) -> Value {
        let diff_ids: Vec<String> = layers.iter().map(|(_, _, id)| id.to_string()).collect();
        let config = json!({
            "architecture": arch, "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created_by": "a step without a layer", "empty_layer": true}],
        });
        let config = self.add(CONFIG[0], config.to_string().into_bytes());
        let layers: Vec<Value> =
            layers.into_iter().map(|(kind, bytes, _)| self.add(kind, bytes)).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST[0], "config": config, "layers": layers});
        self.add(MANIFEST[0], manifest.to_string().into_bytes())
    }

    pub(crate) fn tag(&mut self, tag: &str, descriptor: &Value) {
        let bytes = self.blobs[descriptor["digest"].as_str().unwrap()].clone();
        let media_type = descriptor["mediaType"].as_str().map(str::to_owned);
        self.tags.insert(tag.to_owned(), (media_type, bytes));
    }

    pub(crate) fn index(&mut self, images: Vec<(Value, Option<Platform>)>) -> Value {
        let manifests: Vec<Value> = images
            .into_iter()
            .map(|(mut descriptor, platform)| {
                if let Some(platform) = platform {
                    descriptor["platform"] = serde_json::to_value(platform).unwrap();
                }
                descriptor
            })
            .collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX[0], "manifests": manifests});
        self.add(INDEX[0], index.to_string().into_bytes())
    }

    /// Writes all of it as an OCI image layout.
    pub(crate) fn write(&self, folder: &std::path::Path) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        for (digest, bytes) in &self.blobs {
            std::fs::write(blobs.join(&digest[7..]), bytes).unwrap();
        }
        for (name, bytes) in self.layout_files() {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }

    pub(crate) fn layout_files(&self) -> [(&'static str, Vec<u8>); 2] {
        let manifests: Vec<Value> = self
            .tags
            .iter()
            .map(|(tag, (media_type, bytes))| {
                json!({
                    "mediaType": media_type, "digest": sha256(bytes).as_str(), "size": bytes.len(),
                    "annotations": {"org.opencontainers.image.ref.name": tag},
                })
            })
            .collect();
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        [
            ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json", index.to_string().into_bytes()),
        ]
    }
}

/// One image of these layers.
pub(crate) fn one_image(layers: &[Vec<u8>]) -> MemoryBlobs {
    let mut blobs = MemoryBlobs::default();
    let descriptor = blobs.image(layers, "amd64");
    blobs.tag("latest", &descriptor);
    blobs
}

pub(crate) fn options(pick: &dyn crate::Pick) -> ImageOptions<'_> {
    ImageOptions::new("amd64", pick)
}

/// A small file's bytes.
pub(crate) fn read_file(path: &std::path::Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).unwrap().take(64 << 20).read_to_end(&mut bytes).unwrap();
    bytes
}
