use std::{fs::File, path::Path};

use crate::{
    BlobError, Blobs, Image, ImageError, ImageOptions, Reference, Wanted,
    archive_store::ArchiveStore,
    archive_stream::stream_archive,
    docker_archive::DockerArchive,
    image::open_image,
    layout::Layout,
    store::{FolderStore, Store},
};

/// A source of images that lies in files on this machine.
///
/// # Errors
/// When nothing of the kind is there, and for a reference to a registry or an engine.
pub fn open_local(reference: &Reference) -> Result<Box<dyn Blobs>, BlobError> {
    let (name, source) = match reference {
        Reference::Layout(folder, _) => {
            let name = format!("oci:{}", folder.display());
            folder.metadata().map_err(|error| crate::store::unreadable(folder, &error))?;
            return Ok(Box::new(Layout::new(name, FolderStore(folder.clone()))?));
        }
        Reference::Archive(file, _) => {
            (format!("oci-archive:{}", file.display()), ArchiveStore::open(file)?)
        }
        Reference::DockerArchive(file, _) => {
            (format!("docker-archive:{}", file.display()), ArchiveStore::open(file)?)
        }
        Reference::Registry(_) | Reference::DockerDaemon(_) | Reference::Podman(_) => {
            return Err(BlobError::new(format!("`{reference}` does not lie in files")));
        }
    };
    open_store(name, source, matches!(reference, Reference::Archive(..)))
}

/// Opens the images that a reference to files stands for. A compressed archive is read as a stream, in one pass.
///
/// # Errors
/// As [`open_local`] and [`open_image`].
pub fn open_local_image(
    reference: &Reference,
    options: &ImageOptions<'_>,
) -> Result<Vec<Image>, ImageError> {
    let wanted = match reference {
        Reference::Layout(_, wanted)
        | Reference::Archive(_, wanted)
        | Reference::DockerArchive(_, wanted) => wanted,
        _ => &Wanted::Only,
    };
    if let Reference::Archive(file, _) | Reference::DockerArchive(file, _) = reference
        && ArchiveStore::looks_compressed(file)
    {
        return stream_file(reference, file, wanted, options);
    }
    open_image(&*open_local(reference)?, wanted, options)
}

fn stream_file(
    reference: &Reference,
    path: &Path,
    wanted: &Wanted,
    options: &ImageOptions<'_>,
) -> Result<Vec<Image>, ImageError> {
    let scheme =
        if matches!(reference, Reference::Archive(..)) { "oci-archive" } else { "docker-archive" };
    let name = format!("{scheme}:{}", path.display());
    let mut file = File::open(path).map_err(|error| crate::store::unreadable(path, &error))?;
    stream_archive(&name, &mut file, wanted, options, matches!(reference, Reference::Archive(..)))
}

/// An image in an archive, in the form that is there: the one that `prefer_layout` names where both are.
pub(crate) fn open_store<'a, S: Store + 'a>(
    name: String,
    store: S,
    prefer_layout: bool,
) -> Result<Box<dyn Blobs + 'a>, BlobError> {
    let (has_layout, has_docker) = (store.has("index.json"), store.has("manifest.json"));
    if has_docker && !(prefer_layout && has_layout) {
        return Ok(Box::new(DockerArchive::new(name, store)));
    }
    if !has_layout {
        let message =
            format!("{name}: there is neither a `manifest.json` nor an `index.json`, so no image");
        return Err(BlobError::new(message));
    }
    Ok(Box::new(Layout::new(name, store)?))
}
