use secgate_model::{Kind, Severity};
use secgate_source::{Reference, Wanted};

use super::{
    facts::ImageFacts,
    rule::{Hit, ImageRule, Place, RuleAbout},
};

/// The image is named `latest`, or by no tag, which means the same.
#[derive(Debug)]
pub(crate) struct FloatingTag;

static ABOUT: RuleAbout = RuleAbout {
    id: "SG-IMG-LATEST-TAG",
    kind: Kind::Config,
    title: "The image is named by the tag `latest`",
    help: "What `latest` stands for changes with every push: what was judged here and what runs tomorrow may be different images. \
           A digest is always the same image; a local file or an engine's identifier says nothing about tags and is not asked.",
    remedy: "Name the image by its digest, or by a tag that is never moved.",
    severity: Severity::Low,
    cwe: &[1357],
    references: &["https://docs.docker.com/build/building/best-practices/#pin-base-image-versions"],
};

impl ImageRule for FloatingTag {
    fn about(&self) -> &'static RuleAbout {
        &ABOUT
    }

    fn check(&self, facts: &ImageFacts<'_>) -> Vec<Hit> {
        if !is_latest(&facts.target.name) {
            return Vec::new();
        }
        vec![
            Hit::new(
                "The image is named by the tag `latest`, which moves",
                Place::Config("Tag".to_owned()),
            )
            .seen(facts.target.name.clone()),
        ]
    }
}

fn is_latest(name: &str) -> bool {
    let Ok(reference) = name.parse::<Reference>() else { return false };
    match reference {
        // Without tag and digest the tag is filled in as `latest`.
        Reference::Registry(image) => {
            image.digest.is_none() && image.tag.as_deref() == Some("latest")
        }
        Reference::DockerDaemon(name) | Reference::Podman(name) => {
            !name.contains('@') && name.ends_with(":latest")
        }
        Reference::Layout(_, Wanted::Tag(tag))
        | Reference::Archive(_, Wanted::Tag(tag))
        | Reference::DockerArchive(_, Wanted::Tag(tag)) => {
            tag == "latest" || tag.ends_with(":latest")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_move() {
        for name in [
            "python",
            "python:latest",
            "r.example:5000/app",
            "r.example/app:latest",
            "oci:dir:latest",
            "docker-daemon:app",
        ] {
            assert!(is_latest(name), "{name}");
        }
        let digest = format!("r.example/app@sha256:{}", "0".repeat(64));
        let both = format!("r.example/app:latest@sha256:{}", "0".repeat(64));
        for name in [
            "python:3.11",
            "r.example:5000/app:1",
            &digest,
            &both,
            "oci:dir",
            "oci:latest",
            "docker-archive:app.tar",
            "r.example/latest:1",
            "app:latest-slim",
            "docker-daemon:0123456789ab",
            "",
            "not an image",
        ] {
            assert!(!is_latest(name), "{name}");
        }
    }
}
