//! From what a person names an image by to the image.

use std::path::PathBuf;

use secgate_inventory::ImagePick;
use secgate_source::{
    Image, ImageError, ImageOptions, PlatformChoice, Reference, open_local_image, parse_platform,
};

use crate::{args::ImageSource, environment, exit::Failure};

/// Bytes of one file of an image: some twice the largest database of packages seen.
const MAX_FILE: u64 = 256 << 20;

/// Reads a reference, or says why it is none.
pub(crate) fn reference(text: &str) -> Result<Reference, Failure> {
    text.parse::<Reference>().map_err(|error| {
        Failure::usage(error).hint(
            "name it REGISTRY/REPOSITORY:TAG, …@sha256:DIGEST, oci:DIR, oci-archive:FILE, \
             docker-archive:FILE, docker-daemon:NAME or podman:NAME",
        )
    })
}

/// Opens the images that a reference stands for: one, or all of an index.
pub(crate) fn open(text: &str, source: &ImageSource) -> Result<Vec<Image>, Failure> {
    let reference = reference(text)?;
    let pick = ImagePick;
    let mut options = ImageOptions::new(architecture(), &pick);
    if source.all_platforms {
        options.platform = PlatformChoice::All;
    } else if let Some(text) = &source.platform {
        options.platform = PlatformChoice::Only(parse_platform(text).map_err(Failure::usage)?);
    }
    // Databases of packages are the largest files that are read whole.
    options.limits.file_bytes = MAX_FILE;
    options.threads = std::thread::available_parallelism().map_or(1, usize::from);
    let cache = cache(source)?;
    options.cache = cache.as_deref();
    let images = match &reference {
        Reference::Layout(..) | Reference::Archive(..) | Reference::DockerArchive(..) => {
            open_local_image(&reference, &options).map_err(|error| failed(&error))?
        }
        Reference::Registry(_) | Reference::DockerDaemon(_) | Reference::Podman(_) => {
            crate::remote::open(&reference, source, &options)?
        }
    };
    Ok(images)
}

/// Where layers are remembered: given, configured by the environment, or the user's cache folder; nowhere when not wanted.
fn cache(source: &ImageSource) -> Result<Option<PathBuf>, Failure> {
    if source.no_layer_cache {
        return Ok(None);
    }
    match &source.layer_cache {
        Some(folder) => Ok(Some(folder.clone())),
        None => environment::layer_cache().map(Some),
    }
}

/// What this machine is, as Go names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

/// An image that cannot be opened as a whole is no evidence.
pub(crate) fn failed(error: &ImageError) -> Failure {
    let failure = Failure::evidence(error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
