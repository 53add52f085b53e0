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
    let failure = Failure::foreign(error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A word for each image that tells it from the others, for the names of files: `linux-arm-v7`. An image says itself what it is
/// for, so that no letter is taken that means anything in a path, and two that say the same differ by their identifier.
pub(crate) fn labels(images: &[Image]) -> Vec<String> {
    let names: Vec<String> = images.iter().map(|image| label(&platform(image))).collect();
    told_apart(&names, |at| images.get(at).map_or("", |image| image.config_digest.hex()))
}

/// `os/architecture[/variant]`.
pub(crate) fn platform(image: &Image) -> String {
    let platform = &image.platform;
    let variant = platform.variant.as_deref().filter(|variant| !variant.is_empty());
    let variant = variant.map_or_else(String::new, |variant| format!("/{variant}"));
    format!("{}/{}{variant}", platform.os, platform.architecture)
}

fn label(platform: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    platform.chars().take(60).map(letter).collect()
}

fn told_apart<'a>(names: &[String], identifier: impl Fn(usize) -> &'a str) -> Vec<String> {
    let twice = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    let full = |(at, name): (usize, &String)| {
        if twice(name) { format!("{name}-{}", identifier(at)) } else { name.clone() }
    };
    names.iter().enumerate().map(full).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_word_whatever_an_image_calls_itself() {
        let check = |platform: &str, expected: &str| assert_eq!(label(platform), expected);
        check("linux/arm/v7", "linux-arm-v7");
        check("../../etc/x\0/amd64", "------etc-x--amd64");
        check("linux\n/\u{1b}[31m", "linux----31m");
        assert_eq!(label(&"x".repeat(1000)).len(), 60);
    }

    #[test]
    fn no_two_images_write_to_one_file() {
        let names = ["a", "b", "a"].map(str::to_owned);
        assert_eq!(told_apart(&names, |at| ["1", "2", "3"][at]), ["a-1", "b", "a-3"]);
    }
}
