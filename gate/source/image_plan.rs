use std::{io::Read, str::FromStr};

use secgate_formats::oci::{
    CONFIG, Descriptor, EMPTY, INDEX, ImageConfig, MANIFEST, Manifest, Platform,
};
use secgate_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::{
    Blobs, ImageError, Limits, MAX_MANIFEST, PlatformChoice, Wanted,
    image_document::{Document, check_config, read_document},
    inflate::Encoding,
    platform::{fit, platform_name},
};

/// Indexes inside one another.
const MAX_NESTING: usize = 4;

/// Images that an index and those inside it may list.
const MAX_IMAGES: usize = 1000;

/// An image whose documents are read and checked, and whose layers are not.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) index: Option<Digest>,
    pub(crate) manifest_digest: Digest,
    pub(crate) manifest: Manifest,
    pub(crate) config_digest: Digest,
    pub(crate) config: ImageConfig,
    pub(crate) layers: Vec<PlannedLayer>,
}

/// A layer as the documents describe it.
#[derive(Debug, Clone)]
pub(crate) struct PlannedLayer {
    pub(crate) descriptor: Descriptor,
    pub(crate) digest: Digest,
    pub(crate) diff_id: Digest,
    /// What its media type says.
    pub(crate) encoding: Encoding,
    /// Whether its media type says that it is not distributed with the image.
    pub(crate) foreign: bool,
}

/// An image that an index lists, or the one that stands alone.
struct Leaf {
    index: Option<Digest>,
    platform: Option<Platform>,
    at: Place,
}

enum Place {
    Listed(Descriptor),
    Read(Digest, Box<Manifest>),
}

/// Finds the images that are meant, and checks their documents: digests, sizes, media types, counts.
pub(crate) fn plan(
    blobs: &dyn Blobs,
    wanted: &Wanted,
    choice: &PlatformChoice,
    limits: &Limits,
) -> Result<Vec<Plan>, ImageError> {
    let planner = Planner { blobs, image: blobs.name(), limits };
    let (digest, document) = planner.document(wanted, None)?;
    let mut leaves = Vec::new();
    let mut from_index = false;
    match document {
        Document::Manifest(manifest) => {
            let at = Place::Read(digest, manifest);
            leaves.push(Leaf { index: None, platform: None, at });
        }
        Document::Index(index) => {
            from_index = true;
            planner.leaves(&digest, index.manifests, 1, &mut leaves)?;
        }
    }
    let chosen = planner.choose(leaves, choice)?;
    let mut plans = Vec::new();
    for leaf in chosen {
        let plan = planner.plan(leaf)?;
        if let PlatformChoice::Only(wanted) = choice {
            let offered = config_platform(&plan.config);
            if fit(wanted, &offered).is_none() {
                return Err(planner.no_platform(wanted, &[offered]));
            }
        }
        plans.push(plan);
    }
    if plans.is_empty() {
        let what = if from_index { "the index" } else { "it" };
        return Err(planner.malformed(what, "lists no image"));
    }
    Ok(plans)
}

struct Planner<'a> {
    blobs: &'a dyn Blobs,
    image: &'a str,
    limits: &'a Limits,
}

impl Planner<'_> {
    fn malformed(&self, what: &str, reason: impl Into<String>) -> ImageError {
        ImageError::Malformed {
            image: self.image.to_owned(),
            what: what.to_owned(),
            reason: reason.into(),
        }
    }

    fn no_platform(&self, wanted: &Platform, offered: &[Platform]) -> ImageError {
        let mut available: Vec<String> = offered.iter().take(50).map(platform_name).collect();
        available.dedup();
        let available =
            if available.is_empty() { "nothing else".to_owned() } else { available.join(", ") };
        ImageError::Platform {
            image: self.image.to_owned(),
            wanted: platform_name(wanted),
            available,
        }
    }

    fn digest(&self, what: &str, text: &str) -> Result<Digest, ImageError> {
        Digest::from_str(text).map_err(|error| self.malformed(what, error.to_string()))
    }

    /// Fetches a manifest or index and checks it against whatever is known of it.
    fn document(
        &self,
        wanted: &Wanted,
        descriptor: Option<&Descriptor>,
    ) -> Result<(Digest, Document), ImageError> {
        let served = self.blobs.manifest(wanted)?;
        let what = match wanted {
            Wanted::Digest(digest) => format!("manifest {digest}"),
            Wanted::Tag(tag) => format!("the manifest of `{tag}`"),
            Wanted::Only => "the manifest".to_owned(),
        };
        if served.bytes.len() as u64 > MAX_MANIFEST {
            return Err(self.malformed(&what, format!("it is larger than {MAX_MANIFEST} bytes")));
        }
        let found = sha256(&served.bytes);
        if let Wanted::Digest(expected) = wanted
            && *expected != found
        {
            return Err(ImageError::Digest {
                image: self.image.to_owned(),
                what: "the manifest".to_owned(),
                expected: expected.to_string(),
                found: found.to_string(),
            });
        }
        if let Some(descriptor) = descriptor {
            self.size(&what, descriptor.size, served.bytes.len() as u64)?;
        }
        let said =
            [served.media_type.as_deref(), descriptor.map(|found| found.media_type.as_str())];
        let document =
            read_document(&served.bytes, &said).map_err(|reason| self.malformed(&what, reason))?;
        Ok((found, document))
    }

    fn size(&self, what: &str, expected: u64, found: u64) -> Result<(), ImageError> {
        if expected == found {
            return Ok(());
        }
        Err(ImageError::Size {
            image: self.image.to_owned(),
            what: what.to_owned(),
            expected,
            found,
        })
    }

    /// The images that an index lists, those of indexes inside it too. What is attached to images is none.
    fn leaves(
        &self,
        index: &Digest,
        manifests: Vec<Descriptor>,
        depth: usize,
        leaves: &mut Vec<Leaf>,
    ) -> Result<(), ImageError> {
        for descriptor in manifests {
            let platform = descriptor.platform.clone();
            let is_attached = platform.as_ref().is_some_and(|platform| {
                platform.os == "unknown" && platform.architecture == "unknown"
            });
            let media_type = descriptor.media_type.as_str();
            if is_attached {
                continue;
            }
            if leaves.len() >= MAX_IMAGES {
                let reason = format!("it lists more than {MAX_IMAGES} images");
                return Err(ImageError::Limit { image: self.image.to_owned(), reason });
            }
            if MANIFEST.contains(&media_type) {
                let at = Place::Listed(descriptor);
                leaves.push(Leaf { index: Some(index.clone()), platform, at });
            } else if INDEX.contains(&media_type) {
                if depth >= MAX_NESTING {
                    let reason = format!("indexes lie more than {MAX_NESTING} deep in one another");
                    return Err(ImageError::Limit { image: self.image.to_owned(), reason });
                }
                let digest = self.digest("the index", &descriptor.digest)?;
                let (digest, document) =
                    self.document(&Wanted::Digest(digest), Some(&descriptor))?;
                if let Document::Index(inner) = document {
                    self.leaves(&digest, inner.manifests, depth + 1, leaves)?;
                }
            }
        }
        Ok(())
    }

    fn choose(
        &self,
        mut leaves: Vec<Leaf>,
        choice: &PlatformChoice,
    ) -> Result<Vec<Leaf>, ImageError> {
        let wanted = match choice {
            PlatformChoice::All => return Ok(leaves),
            PlatformChoice::Host(wanted) | PlatformChoice::Only(wanted) => wanted,
        };
        if leaves.len() <= 1 && leaves.iter().all(|leaf| leaf.platform.is_none()) {
            return Ok(leaves);
        }
        let best = leaves
            .iter()
            .enumerate()
            .filter_map(|(at, leaf)| Some((fit(wanted, leaf.platform.as_ref()?)?, at)))
            // The first of several that fit equally well, as engines take it.
            .max_by_key(|(fit, at)| (*fit, std::cmp::Reverse(*at)));
        if let Some((_, at)) = best {
            return Ok(vec![leaves.swap_remove(at)]);
        }
        let offered: Vec<Platform> = leaves.into_iter().filter_map(|leaf| leaf.platform).collect();
        Err(self.no_platform(wanted, &offered))
    }

    fn plan(&self, leaf: Leaf) -> Result<Plan, ImageError> {
        let (manifest_digest, manifest) = match leaf.at {
            Place::Read(digest, manifest) => (digest, *manifest),
            Place::Listed(descriptor) => {
                let digest = self.digest("the index", &descriptor.digest)?;
                let document = self.document(&Wanted::Digest(digest), Some(&descriptor))?;
                let (digest, Document::Manifest(manifest)) = document else {
                    return Err(self.malformed("the index", "it lists an index as a manifest"));
                };
                (digest, *manifest)
            }
        };
        let what = format!("manifest {manifest_digest}");
        if manifest.layers.len() > self.limits.layers {
            let reason = format!("it has more than {} layers", self.limits.layers);
            return Err(ImageError::Limit { image: self.image.to_owned(), reason });
        }
        let kind = manifest.config.media_type.as_str();
        if !CONFIG.contains(&kind) {
            let kind = match manifest.artifact_type.as_deref() {
                Some(kind) if manifest.config.media_type == EMPTY => kind,
                _ => kind,
            };
            return Err(
                self.malformed(&what, format!("it is an artifact (`{kind}`), not an image"))
            );
        }
        let config_digest = self.digest(&what, &manifest.config.digest)?;
        let config = self.config(&manifest.config, &config_digest)?;
        let diff_ids = &config.rootfs.diff_ids;
        let config_what = format!("configuration {config_digest}");
        if !matches!(config.rootfs.kind.as_str(), "layers" | "") {
            return Err(self.malformed(&config_what, "its rootfs is not made of layers"));
        }
        if diff_ids.len() != manifest.layers.len() {
            let reason = format!(
                "it names {} layers, but the manifest {}",
                diff_ids.len(),
                manifest.layers.len()
            );
            return Err(self.malformed(&config_what, reason));
        }
        let layers = manifest.layers.iter().zip(diff_ids).map(|(descriptor, diff_id)| {
            let digest = self.digest(&what, &descriptor.digest)?;
            let (encoding, foreign) = layer_kind(&descriptor.media_type)
                .map_err(|reason| self.malformed(&format!("layer {digest}"), reason))?;
            let diff_id = self.digest(&config_what, diff_id)?;
            Ok(PlannedLayer { descriptor: descriptor.clone(), digest, diff_id, encoding, foreign })
        });
        let layers = layers.collect::<Result<_, ImageError>>()?;
        Ok(Plan { index: leaf.index, manifest_digest, manifest, config_digest, config, layers })
    }

    fn config(&self, descriptor: &Descriptor, digest: &Digest) -> Result<ImageConfig, ImageError> {
        let what = format!("configuration {digest}");
        let mut bytes = Vec::new();
        self.blobs
            .blob(descriptor)?
            .take(MAX_MANIFEST + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| self.malformed(&what, format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > MAX_MANIFEST {
            return Err(self.malformed(&what, format!("it is larger than {MAX_MANIFEST} bytes")));
        }
        self.size(&what, descriptor.size, bytes.len() as u64)?;
        let found = sha256(&bytes);
        if found != *digest {
            return Err(ImageError::Digest {
                image: self.image.to_owned(),
                what: "the configuration".to_owned(),
                expected: digest.to_string(),
                found: found.to_string(),
            });
        }
        check_config(&bytes).map_err(|reason| self.malformed(&what, reason))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| self.malformed(&what, format!("it is not a configuration: {error}")))
    }
}

/// The platform that an image's configuration names.
pub(crate) fn config_platform(config: &ImageConfig) -> Platform {
    Platform {
        architecture: config.architecture.clone(),
        os: config.os.clone(),
        os_version: None,
        variant: config.variant.clone(),
    }
}

/// What a layer's media type says: how it is compressed, and whether it is kept elsewhere.
fn layer_kind(media_type: &str) -> Result<(Encoding, bool), String> {
    Ok(match media_type {
        "application/vnd.oci.image.layer.v1.tar"
        | "application/vnd.docker.image.rootfs.diff.tar" => (Encoding::Plain, false),
        "application/vnd.oci.image.layer.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip" => (Encoding::Gzip, false),
        "application/vnd.oci.image.layer.v1.tar+zstd"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd" => (Encoding::Zstd, false),
        "application/vnd.oci.image.layer.nondistributable.v1.tar"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar" => (Encoding::Plain, true),
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip" => (Encoding::Gzip, true),
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd" => (Encoding::Zstd, true),
        other if other.ends_with("+encrypted") => {
            return Err("it is encrypted, so that nobody can say what is in it".to_owned());
        }
        other => return Err(format!("its media type `{other}` is not one of a layer")),
    })
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::sha256(&Sha256::digest(bytes).into())
}
