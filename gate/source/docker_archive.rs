use std::{
    collections::BTreeMap,
    io::Read,
    sync::{Mutex, PoisonError},
};

use secgate_formats::oci::{CONFIG, Descriptor, ImageConfig, MANIFEST, Manifest};
use secgate_model::Digest;
use serde::Deserialize;

use crate::{
    BlobError, Blobs, Limits, MAX_MANIFEST, Served, Wanted, image_document::check_saved,
    image_plan::sha256, inflate::Encoding, reference, store::Store,
};

/// What `docker save` writes (Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset Format"): a list of
/// images with their configuration and layers by path. It has no manifests, so this makes them up.
#[derive(Debug)]
pub(crate) struct DockerArchive<S> {
    name: String,
    store: S,
    /// Where the blobs are of which digests have been given out.
    places: Mutex<BTreeMap<Digest, String>>,
}

/// An image in `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

impl<S: Store> DockerArchive<S> {
    pub(crate) fn new(name: String, store: S) -> Self {
        Self { name, store, places: Mutex::default() }
    }

    fn error(&self, text: impl std::fmt::Display) -> BlobError {
        BlobError::new(format!("{}: {text}", self.name))
    }

    fn choose(&self, wanted: Option<&str>) -> Result<Saved, BlobError> {
        let bytes = self.store.small("manifest.json", MAX_MANIFEST)?;
        check_saved(&bytes)
            .map_err(|error| self.error(format!("its `manifest.json` is malformed: {error}")))?;
        let mut images: Vec<Saved> = serde_json::from_slice(&bytes)
            .map_err(|error| self.error(format!("its `manifest.json` is malformed: {error}")))?;
        let all: Vec<String> =
            images.iter().flat_map(|image| image.repo_tags.clone().unwrap_or_default()).collect();
        if let Some(wanted) = wanted {
            // Both sides are normalised: `app` is `docker.io/library/app:latest`.
            let full = |name: &str| reference::registry(name).ok().map(|name| name.to_string());
            let wanted_full = full(wanted);
            images.retain(|image| {
                image.repo_tags.iter().flatten().any(|name| {
                    name == wanted || (wanted_full.is_some() && full(name) == wanted_full)
                })
            });
        }
        let count = images.len();
        match (images.pop(), count) {
            (Some(image), 1) => Ok(image),
            (None, _) => Err(self.error(format!(
                "there is no image `{}`; there is: {}",
                wanted.unwrap_or_default(),
                all.join(", ")
            ))),
            _ => Err(self
                .error(format!("there is more than one image: {}", all.join(", ")))
                .with_hint("name one of them after a colon: `docker-archive:FILE:NAME`")),
        }
    }

    fn make(&self, wanted: Option<&str>) -> Result<Manifest, BlobError> {
        let saved = self.choose(wanted)?;
        let config = self.store.small(&saved.config, MAX_MANIFEST)?;
        let parsed: ImageConfig = serde_json::from_slice(&config).map_err(|error| {
            self.error(format!("`{}` is no configuration: {error}", saved.config))
        })?;
        let paths = saved.layers.unwrap_or_default();
        let diff_ids = &parsed.rootfs.diff_ids;
        if diff_ids.len() != paths.len() {
            return Err(self.error(format!(
                "its configuration names {} layers, but `manifest.json` {}",
                diff_ids.len(),
                paths.len()
            )));
        }
        if paths.len() > Limits::default().layers {
            return Err(self.error(format!("it has {} layers", paths.len())));
        }
        let mut places = BTreeMap::new();
        let config_digest = sha256(&config);
        let mut layers = Vec::new();
        for (path, diff_id) in paths.into_iter().zip(diff_ids) {
            let diff_id: Digest = diff_id.parse().map_err(|error| self.error(error))?;
            let (digest, size, encoding) = self.store.layer(&path, &diff_id)?;
            let media_type = match encoding {
                Encoding::Plain => "application/vnd.oci.image.layer.v1.tar",
                Encoding::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
                Encoding::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            };
            layers.push(descriptor(media_type, &digest, size));
            places.insert(digest, path);
        }
        let kind = CONFIG.first().copied().unwrap_or_default();
        let config = descriptor(kind, &config_digest, config.len() as u64);
        places.insert(config_digest, saved.config);
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = places;
        let media_type = MANIFEST.first().map(|kind| (*kind).to_owned());
        Ok(Manifest { schema_version: 2, media_type, config, layers, ..Manifest::default() })
    }
}

fn descriptor(media_type: &str, digest: &Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest.to_string(),
        size,
        ..Descriptor::default()
    }
}

impl<S: Store> Blobs for DockerArchive<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn manifest(&self, wanted: &Wanted) -> Result<Served, BlobError> {
        let manifest = match wanted {
            Wanted::Digest(_) => {
                return Err(self.error("what `docker save` writes holds no manifest by digest"));
            }
            Wanted::Tag(tag) => self.make(Some(tag))?,
            Wanted::Only => self.make(None)?,
        };
        let bytes = serde_json::to_vec(&manifest).map_err(|error| self.error(error))?;
        Ok(Served { media_type: manifest.media_type, bytes })
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let path = places.iter().find(|(digest, _)| digest.as_str() == descriptor.digest);
        let path = path.map(|(_, path)| path.clone());
        drop(places);
        let path = path.ok_or_else(|| self.error(format!("there is no {}", descriptor.digest)))?;
        Ok(self.store.open(&path)?.0)
    }

    fn makes_manifests(&self) -> bool {
        true
    }
}
