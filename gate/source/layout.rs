use std::{collections::BTreeSet, io::Read};

use secgate_formats::oci::{Descriptor, INDEX, Index};
use secgate_model::Digest;

use crate::{
    BlobError, Blobs, MAX_MANIFEST, Served, Wanted, image_document::check_index,
    image_plan::sha256, store::Store,
};

/// An OCI image layout (OCI image specification, `image-layout.md`) in whatever place.
#[derive(Debug)]
pub(crate) struct Layout<S> {
    name: String,
    store: S,
}

impl<S: Store> Layout<S> {
    /// Looks whether there is a layout.
    pub(crate) fn new(name: String, store: S) -> Result<Self, BlobError> {
        if !store.has("index.json") {
            let message =
                format!("{name}: there is no `index.json`, so this is no OCI image layout");
            return Err(BlobError::new(message)
                .with_hint("what `docker save` writes is named with `docker-archive:FILE`"));
        }
        if store.has("oci-layout") {
            let text = store.small("oci-layout", 4096)?;
            let version = serde_json::from_slice::<serde_json::Value>(&text).ok();
            let version = version.as_ref().and_then(|text| text.get("imageLayoutVersion"));
            if version.and_then(|version| version.as_str()) != Some("1.0.0") {
                let message = format!("{name}: its `oci-layout` is not of version 1.0.0");
                return Err(BlobError::new(message));
            }
        }
        Ok(Self { name, store })
    }

    fn error(&self, text: impl std::fmt::Display) -> BlobError {
        BlobError::new(format!("{}: {text}", self.name))
    }

    fn path(&self, digest: &str) -> Result<String, BlobError> {
        let digest: Digest = digest.parse().map_err(|error| self.error(error))?;
        Ok(format!("blobs/sha256/{}", digest.hex()))
    }

    /// The manifest that a descriptor of `index.json` names, checked, since nobody else sees that descriptor.
    fn listed(&self, descriptor: &Descriptor) -> Result<Served, BlobError> {
        let bytes = self.store.small(&self.path(&descriptor.digest)?, MAX_MANIFEST)?;
        let found = sha256(&bytes);
        if found.as_str() != descriptor.digest {
            let expected = &descriptor.digest;
            return Err(self.error(format!("the manifest {expected} has the digest {found}")));
        }
        if bytes.len() as u64 != descriptor.size {
            return Err(self.error(format!(
                "the manifest {found} should have {} bytes, but has {}",
                descriptor.size,
                bytes.len()
            )));
        }
        Ok(Served { media_type: Some(descriptor.media_type.clone()), bytes })
    }

    fn choose(&self, wanted: Option<&str>) -> Result<Served, BlobError> {
        let bytes = self.store.small("index.json", MAX_MANIFEST)?;
        check_index(&bytes)
            .map_err(|error| self.error(format!("its `index.json` is not an index: {error}")))?;
        let index: Index = serde_json::from_slice(&bytes)
            .map_err(|error| self.error(format!("its `index.json` is not an index: {error}")))?;
        let is_wanted = |descriptor: &&Descriptor| {
            wanted.is_none_or(|wanted| {
                ["org.opencontainers.image.ref.name", "io.containerd.image.name"]
                    .iter()
                    .any(|key| descriptor.annotations.get(*key).is_some_and(|name| name == wanted))
            })
        };
        let found: Vec<&Descriptor> = index.manifests.iter().filter(is_wanted).collect();
        let digests: BTreeSet<&str> = found.iter().map(|found| found.digest.as_str()).collect();
        if let (Some(first), 1) = (found.first(), digests.len()) {
            return self.listed(first);
        }
        let tags: Vec<&str> = index.manifests.iter().filter_map(tag).take(20).collect();
        if found.is_empty() {
            let what =
                wanted.map_or_else(|| "an image".to_owned(), |tag| format!("the tag `{tag}`"));
            return Err(
                self.error(format!("there is no image under {what}; there is: {}", list(&tags)))
            );
        }
        // One image for several platforms, listed without an index of its own.
        let names: BTreeSet<Option<&str>> = found.iter().map(|found| tag(found)).collect();
        let is_one = names.len() == 1 && found.iter().all(|found| found.platform.is_some());
        if is_one && found.len() == index.manifests.len() {
            return Ok(Served { media_type: INDEX.first().map(|kind| (*kind).to_owned()), bytes });
        }
        Err(self
            .error(format!("there is more than one image; the tags: {}", list(&tags)))
            .with_hint("name one of them after a colon: `oci:DIR:TAG`"))
    }
}

fn tag(descriptor: &Descriptor) -> Option<&str> {
    descriptor.annotations.get("org.opencontainers.image.ref.name").map(String::as_str)
}

fn list(tags: &[&str]) -> String {
    if tags.is_empty() { "none that has a tag".to_owned() } else { tags.join(", ") }
}

impl<S: Store> Blobs for Layout<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn manifest(&self, wanted: &Wanted) -> Result<Served, BlobError> {
        match wanted {
            Wanted::Digest(digest) => {
                let bytes = self.store.small(&self.path(digest.as_str())?, MAX_MANIFEST)?;
                Ok(Served { media_type: None, bytes })
            }
            Wanted::Tag(tag) => self.choose(Some(tag)),
            Wanted::Only => self.choose(None),
        }
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        Ok(self.store.open(&self.path(&descriptor.digest)?)?.0)
    }
}
