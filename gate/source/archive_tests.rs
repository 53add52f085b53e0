//! Images in layouts, archives and streams.

use std::fs;

use secgate_formats::oci::MANIFEST;
use secgate_model::Digest;
use serde_json::{Value, json};

use crate::{
    Image, ImageError, Pick, PickAll, Reference, Wanted,
    image_plan::sha256,
    image_tests::{layers, open, paths, plain, text},
    open_local, open_local_image, open_stream,
    testing::{MemoryBlobs, Tar, gzip, one_image, options},
};

/// The image's files in a tar file, as a layout or as `docker save` writes them.
pub(crate) fn archive(blobs: &MemoryBlobs, layout: bool) -> Vec<u8> {
    let file = |tar: Tar, path: &str, body: &[u8]| tar.member(path, b'0', 0o644, body, "");
    if layout {
        let tar = blobs.blobs.iter().fold(Tar::default(), |tar, (digest, bytes)| {
            file(tar, &format!("blobs/sha256/{}", &digest[7..]), bytes)
        });
        let tar =
            blobs.layout_files().iter().fold(tar, |tar, (name, bytes)| file(tar, name, bytes));
        return tar.end();
    }
    let mut tar = Tar::default();
    let mut saved = Vec::new();
    for (name, (_, bytes)) in &blobs.tags {
        let manifest: Value = serde_json::from_slice(bytes).unwrap();
        let config = manifest["config"]["digest"].as_str().unwrap();
        tar = file(tar, &format!("{}.json", &config[7..]), &blobs.blobs[config]);
        let mut paths = Vec::new();
        for (at, layer) in manifest["layers"].as_array().unwrap().iter().enumerate() {
            let body = &blobs.blobs[layer["digest"].as_str().unwrap()];
            tar = file(tar, &format!("{name}-{at}.tar"), body);
            // As skopeo and older engines have it.
            tar = tar.symlink(&format!("{name}-{at}/layer.tar"), &format!("../{name}-{at}.tar"));
            paths.push(format!("{name}-{at}/layer.tar"));
        }
        saved.push(json!({"Config": format!("{}.json", &config[7..]), "RepoTags": [format!("app:{name}")], "Layers": paths}));
    }
    file(tar, "manifest.json", Value::from(saved).to_string().as_bytes()).end()
}

pub(crate) fn stream(bytes: &[u8], pick: &dyn Pick) -> Result<Image, ImageError> {
    open_stream("stream", &mut &*bytes, &Wanted::Only, &options(pick))
        .map(|mut images| images.remove(0))
}

fn local(text: &str) -> Result<Image, ImageError> {
    let reference: Reference = text.parse().unwrap();
    open_local_image(&reference, &options(&PickAll)).map(|mut images| images.remove(0))
}

fn uncompressed() -> MemoryBlobs {
    let mut blobs = MemoryBlobs::default();
    let image = blobs.image_of(layers().iter().map(|tar| plain(tar)).collect(), "amd64");
    blobs.tag("latest", &image);
    blobs
}

#[test]
fn an_image_is_the_same_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    for (round, blobs) in [one_image(&layers()), uncompressed()].iter().enumerate() {
        let expected = open(blobs).unwrap();
        let same = |image: &Image, what: &str| {
            assert_eq!(paths(image), paths(&expected), "{round} {what}");
            assert_eq!(image.config_digest, expected.config_digest, "{round} {what}");
            let of = |image: &Image| -> Vec<(Digest, Digest)> {
                image.layers.iter().map(|l| (l.digest.clone(), l.diff_id.clone())).collect()
            };
            assert_eq!(of(image), of(&expected), "{round} {what}");
            assert_eq!(image.modes, expected.modes);
        };
        blobs.write(&at("layout"));
        same(&local(&format!("oci:{}", at("layout").display())).unwrap(), "layout");
        same(&local(&format!("oci:{}:latest", at("layout").display())).unwrap(), "layout by tag");
        for (layout, scheme) in [(true, "oci-archive"), (false, "docker-archive")] {
            let tar = archive(blobs, layout);
            for (name, bytes) in
                [("plain", tar.clone()), ("gzip", gzip(&tar)), ("zstd", zstd(&tar))]
            {
                fs::write(at(name), &bytes).unwrap();
                let image = local(&format!("{scheme}:{}", at(name).display())).unwrap();
                same(&image, &format!("{scheme} {name}"));
                assert_eq!(image.manifest.is_some(), layout);
                // As a source of blobs too, though slowly where it is compressed.
                let reference: Reference =
                    format!("{scheme}:{}", at(name).display()).parse().unwrap();
                same(&open(&*open_local(&reference).unwrap()).unwrap(), "blobs");
                same(&stream(&bytes, &PickAll).unwrap(), &format!("{scheme} {name} as a stream"));
            }
        }
    }
}

#[test]
fn archives_of_several_images_need_a_name() {
    let mut blobs = MemoryBlobs::default();
    for name in ["one", "two"] {
        let image = blobs.image(&[Tar::default().file(name, "").end()], "amd64");
        blobs.tag(name, &image);
    }
    let folder = tempfile::tempdir().unwrap();
    for (layout, scheme, name) in
        [(true, "oci-archive", "two"), (false, "docker-archive", "docker.io/library/app:two")]
    {
        let path = folder.path().join(scheme);
        fs::write(&path, archive(&blobs, layout)).unwrap();
        let place = format!("{scheme}:{}", path.display());
        assert_eq!(paths(&local(&format!("{place}:{name}")).unwrap()), ["two"]);
        let error = local(&place).unwrap_err().to_string();
        assert!(error.contains("more than one image"), "{error}");
        let error = local(&format!("{place}:three")).unwrap_err().to_string();
        assert!(error.contains("there is no image"), "{error}");
    }
    let manifest = sha256(&blobs.tags["two"].1);
    blobs.write(&folder.path().join("layout"));
    let by_digest = format!("oci:{}@{manifest}", folder.path().join("layout").display());
    assert_eq!(paths(&local(&by_digest).unwrap()), ["two"]);
}

#[test]
fn nothing_outside_a_layout_is_read() {
    let blobs = one_image(&layers());
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("layout");
    blobs.write(&layout);
    let name = format!("oci:{}", layout.display());
    let config = open(&blobs).unwrap().config_digest;
    let blob = layout.join("blobs/sha256").join(config.hex());
    let outside = folder.path().join("outside");
    fs::rename(&blob, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &blob).unwrap();
    let error = local(&name).unwrap_err().to_string();
    assert!(error.contains("is a link"), "{error}");
    fs::remove_file(&blob).unwrap();
    fs::rename(&outside, &blob).unwrap();
    assert!(local(&name).is_ok());
    fs::rename(layout.join("blobs"), folder.path().join("blobs")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("blobs"), layout.join("blobs")).unwrap();
    assert!(local(&name).unwrap_err().to_string().contains("is a link"));
    // A manifest that `index.json` names by a wrong digest, or that is not there.
    let index = layout.join("index.json");
    for digest in ["sha256:../../../etc/passwd", &format!("sha256:{}", "0".repeat(64))] {
        let text = json!({"schemaVersion": 2, "manifests": [{"mediaType": MANIFEST[0], "digest": digest, "size": 1}]});
        fs::write(&index, text.to_string()).unwrap();
        assert!(local(&name).is_err());
    }
    for missing in ["index.json", "oci-layout"] {
        let _ = fs::write(layout.join(missing), "{}");
        assert!(local(&name).is_err(), "{missing}");
    }
    assert!(local(&format!("oci:{}", folder.path().display())).is_err());
    assert!(local(&format!("oci-archive:{}", folder.path().display())).is_err());
    assert!(local("docker-daemon:app").is_err());
}

#[test]
fn a_stream_that_ends_early_or_lies_is_an_error() {
    let blobs = one_image(&layers());
    for layout in [true, false] {
        let whole = archive(&blobs, layout);
        for cut in (0..whole.len() - 1536).step_by(97) {
            assert!(stream(&whole[..cut], &PickAll).is_err(), "cut at {cut} of {}", whole.len());
        }
        // Change what does not change the archive's own headers.
        let layer = gzip(&layers()[2]);
        let at = whole.windows(layer.len()).position(|window| window == layer).unwrap();
        for offset in 0..layer.len() {
            let mut changed = whole.clone();
            changed[at + offset] ^= 2;
            // `docker save` names no digest of a compressed layer: only what comes out can be wrong.
            if let Ok(image) = stream(&changed, &PickAll) {
                assert!(!layout, "byte {offset}");
                assert_eq!(image.layers[2].diff_id, sha256(&layers()[2]), "byte {offset}");
                assert_eq!(text(&image, "bin/su"), "elf", "byte {offset}");
            }
        }
    }
    assert!(stream(b"", &PickAll).is_err());
    assert!(stream(&Tar::default().file("x", "y").end(), &PickAll).is_err());
}
