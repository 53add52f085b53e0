//! Opening images: right ones, wrong ones, and hostile ones.

use std::{collections::BTreeMap, fs, io::Read, path::Path, sync::atomic::AtomicBool};

use secgate_formats::oci::{Descriptor, INDEX, MANIFEST, Platform};
use secgate_model::Digest;
use serde_json::{Value, json};

use crate::{
    BlobError, Blobs, Image, ImageError, ImageOptions, LayerError, Limits, PickAll, PlatformChoice,
    Served, Wanted,
    image_plan::sha256,
    open_image, parse_platform,
    testing::{MemoryBlobs, Tar, gzip, one_image, options},
};

pub(crate) fn open(blobs: &dyn Blobs) -> Result<Image, ImageError> {
    open_image(blobs, &Wanted::Only, &options(&PickAll)).map(|mut images| images.remove(0))
}

pub(crate) fn paths(image: &Image) -> Vec<&str> {
    image.tree.entries().iter().map(|entry| entry.path.as_str()).collect()
}

pub(crate) fn text(image: &Image, path: &str) -> String {
    let entry = image.tree.find(path).unwrap_or_else(|| panic!("no {path}"));
    image.tree.read_text(entry).unwrap()
}

pub(crate) fn layers() -> [Vec<u8>; 3] {
    [
        Tar::default().file("etc/os-release", "ID=x\n").file("etc/gone", "1").end(),
        Tar::default().end(),
        Tar::default().file("etc/.wh.gone", "").member("bin/su", b'0', 0o4755, b"elf", "").end(),
    ]
}

#[test]
fn an_image_tells_where_each_file_comes_from() {
    let layers = layers();
    let blobs = one_image(&layers);
    let image = open(&blobs).unwrap();
    assert_eq!(paths(&image), ["bin/su", "etc/os-release"]);
    let su = image.tree.find("bin/su").unwrap();
    assert_eq!(image.tree.layer(su), Some(&sha256(&layers[2])));
    assert_eq!((image.tree.mode(su), image.tree.size(su)), (Some(0o4755), Some(3)));
    assert_eq!(image.tree.body(su), Some(b"elf".as_slice()));
    assert_eq!(image.modes.len(), 1);
    assert_eq!((image.modes[0].path.as_str(), image.modes[0].layer), ("bin/su", 2));
    assert_eq!((image.files, image.layers.len(), image.layers[0].files), (2, 3, 2));
    assert_eq!(image.layers[0].step, None, "the history has no step for each layer");
    assert_eq!(image.manifest, Some(sha256(&blobs.tags["latest"].1)));
    assert_eq!(image.index, None);
}

/// Stands between an image and its reader and changes what passes.
struct Spoilt<'a> {
    inner: &'a MemoryBlobs,
    manifest: &'a (dyn Fn(&Wanted, Served) -> Served + Sync),
    blob: &'a (dyn Fn(&Descriptor, Vec<u8>) -> Vec<u8> + Sync),
}

impl Blobs for Spoilt<'_> {
    fn name(&self) -> &'static str {
        "spoilt"
    }

    fn manifest(&self, wanted: &Wanted) -> Result<Served, BlobError> {
        Ok((self.manifest)(wanted, self.inner.manifest(wanted)?))
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send + '_>, BlobError> {
        let mut bytes = Vec::new();
        self.inner.blob(descriptor)?.read_to_end(&mut bytes).unwrap();
        Ok(Box::new(std::io::Cursor::new((self.blob)(descriptor, bytes))))
    }
}

#[test]
fn every_byte_of_every_blob_is_checked() {
    let blobs = one_image(&layers());
    for digest in blobs.blobs.keys() {
        let length = blobs.blobs[digest].len();
        for number in 0..4 {
            let spoil = |wanted: &Descriptor, mut bytes: Vec<u8>| {
                if wanted.digest == *digest {
                    match number {
                        0 => bytes.push(0),
                        1 => bytes.truncate(length - 1),
                        2 => bytes.clear(),
                        _ => bytes.extend_from_within(..),
                    }
                }
                bytes
            };
            let spoilt = Spoilt { inner: &blobs, manifest: &|_, served| served, blob: &spoil };
            let is_manifest = blobs.tags["latest"].1 == blobs.blobs[digest];
            assert_eq!(open(&spoilt).is_ok(), is_manifest, "{digest} {number}");
        }
        for at in 0..length {
            let spoil = |wanted: &Descriptor, mut bytes: Vec<u8>| {
                if wanted.digest == *digest {
                    bytes[at] ^= 4;
                }
                bytes
            };
            let spoilt = Spoilt { inner: &blobs, manifest: &|_, served| served, blob: &spoil };
            if let Err(error) = open(&spoilt) {
                assert!(matches!(error, ImageError::Digest { .. }), "{at}: {error}");
            } else {
                assert!(blobs.tags["latest"].1 == blobs.blobs[digest], "{digest} byte {at}");
            }
        }
    }
    // A manifest asked for by digest.
    let manifest = sha256(&blobs.tags["latest"].1);
    let change = |_: &Wanted, mut served: Served| {
        served.bytes.push(b' ');
        served
    };
    let spoilt = Spoilt { inner: &blobs, manifest: &change, blob: &|_, bytes| bytes };
    let wanted = Wanted::Digest(manifest);
    assert!(open_image(&blobs, &wanted, &options(&PickAll)).is_ok());
    let error = open_image(&spoilt, &wanted, &options(&PickAll)).unwrap_err();
    assert!(matches!(error, ImageError::Digest { .. }), "{error}");
}

pub(crate) fn plain(tar: &[u8]) -> (&'static str, Vec<u8>, Digest) {
    ("application/vnd.oci.image.layer.v1.tar", tar.to_vec(), sha256(tar))
}

#[track_caller]
fn refuse(layers: Vec<(&str, Vec<u8>, Digest)>, expected: &str) {
    let mut blobs = MemoryBlobs::default();
    let image = blobs.image_of(layers, "amd64");
    blobs.tag("latest", &image);
    let error = open(&blobs).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn layers_must_be_what_they_are_called() {
    let tar = Tar::default().file("a", "1").end();
    let id = sha256(&tar);
    let zstd = zstd::encode_all(tar.as_slice(), 3).unwrap();
    for (kind, bytes) in [
        ("application/vnd.oci.image.layer.v1.tar", tar.clone()),
        ("application/vnd.oci.image.layer.v1.tar+gzip", gzip(&tar)),
        ("application/vnd.oci.image.layer.v1.tar+zstd", zstd.clone()),
        ("application/vnd.docker.image.rootfs.diff.tar", tar.clone()),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip(&tar)),
        ("application/vnd.docker.image.rootfs.diff.tar.zstd", zstd.clone()),
    ] {
        let mut blobs = MemoryBlobs::default();
        let image = blobs.image_of(vec![(kind, bytes, id.clone())], "amd64");
        blobs.tag("latest", &image);
        assert_eq!(paths(&open(&blobs).unwrap()), ["a"], "{kind}");
    }
    let gz = "application/vnd.oci.image.layer.v1.tar+gzip";
    refuse(vec![(gz, zstd, id.clone())], "says gzip, but it is zstd");
    refuse(vec![(gz, tar.clone(), id.clone())], "says gzip, but it is not compressed");
    let (kind, ..) = plain(&tar);
    refuse(vec![(kind, gzip(&tar), id.clone())], "says not compressed, but it is gzip");
    refuse(vec![(gz, gzip(&tar), sha256(b""))], "the tar file of layer sha256:");
    refuse(
        vec![("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", gzip(&tar), id.clone())],
        "encrypted",
    );
    refuse(vec![("application/vnd.example", gzip(&tar), id.clone())], "is not one of a layer");
    refuse(vec![(gz, [gzip(&tar), b"trailing".to_vec()].concat(), id)], "something else follows");
    let climbing = Tar::default().file("../../etc/passwd", "").end();
    refuse(vec![plain(&climbing)], "a path holds `..`");
    refuse(vec![plain(b"not a tar file")], "ends inside a member");
}

#[test]
fn a_layer_that_is_kept_elsewhere_is_named() {
    let tar = Tar::default().file("a", "1").end();
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let mut blobs = MemoryBlobs::default();
    let image = blobs.image_of(vec![(foreign, gzip(&tar), sha256(&tar)), plain(&tar)], "amd64");
    blobs.tag("latest", &image);
    let image = open(&blobs).unwrap();
    assert!(image.layers[0].foreign);
    assert_eq!(image.tree.skipped().len(), 1);
    assert!(image.tree.skipped()[0].reason.contains("not looked at"));
}

#[test]
fn the_platform_decides_in_an_index() {
    let mut blobs = MemoryBlobs::default();
    let platform = |text: &str| Some(parse_platform(text).unwrap());
    let mut image =
        |name: &str, arch: &str| blobs.image(&[Tar::default().file(name, "").end()], arch);
    let images = vec![
        (image("arm", "arm64"), platform("linux/arm64/v8")),
        (image("amd-v3", "amd64"), platform("linux/amd64/v3")),
        (image("amd", "amd64"), platform("linux/amd64")),
        (image("attestation", ""), platform("unknown/unknown")),
    ];
    let inner = blobs.index(images);
    let index = blobs.index(vec![(inner.clone(), None)]);
    blobs.tag("latest", &index);
    let with = |choice: PlatformChoice| {
        let options = ImageOptions { platform: choice, ..options(&PickAll) };
        open_image(&blobs, &Wanted::Only, &options)
            .map(|images| images.iter().map(|image| paths(image).join(" ")).collect::<Vec<_>>())
    };
    let only = |text: &str| with(PlatformChoice::Only(parse_platform(text).unwrap()));
    assert_eq!(only("linux/amd64").unwrap(), ["amd"]);
    assert_eq!(only("linux/amd64/v3").unwrap(), ["amd-v3"]);
    assert_eq!(only("linux/amd64/v2").unwrap(), ["amd"]);
    assert_eq!(only("linux/arm64").unwrap(), ["arm"]);
    assert_eq!(with(PlatformChoice::All).unwrap(), ["arm", "amd-v3", "amd"]);
    let error = only("linux/s390x").unwrap_err().to_string();
    assert!(error.contains("linux/s390x; there is linux/arm64/v8, linux/amd64/v3"), "{error}");
    let image = open(&blobs).unwrap();
    assert_eq!(image.index.as_ref().map(Digest::as_str), inner["digest"].as_str());
    // An image that stands alone is opened, unless another platform was asked for by name.
    let alone = one_image(&layers());
    let arm = parse_platform("linux/arm64").unwrap();
    let asked = |platform| ImageOptions { platform, ..options(&PickAll) };
    assert!(open_image(&alone, &Wanted::Only, &asked(PlatformChoice::Host(arm.clone()))).is_ok());
    let error = open_image(&alone, &Wanted::Only, &asked(PlatformChoice::Only(arm))).unwrap_err();
    assert!(matches!(error, ImageError::Platform { .. }));
}

#[test]
fn documents_that_contradict_each_other_are_refused() {
    let check = |change: &dyn Fn(&mut MemoryBlobs) -> Value, expected: &str| {
        let mut blobs = MemoryBlobs::default();
        let descriptor = change(&mut blobs);
        blobs.tag("latest", &descriptor);
        let error = open(&blobs).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let rewrite = |blobs: &mut MemoryBlobs, change: &dyn Fn(&mut Value)| {
        let image = blobs.image(&layers(), "amd64");
        let mut manifest: Value =
            serde_json::from_slice(&blobs.blobs[image["digest"].as_str().unwrap()]).unwrap();
        change(&mut manifest);
        blobs.add(MANIFEST[0], manifest.to_string().into_bytes())
    };
    check(
        &|blobs| {
            let mut image = blobs.image(&layers(), "amd64");
            image["mediaType"] = json!(INDEX[0]);
            image
        },
        "it is a manifest, but is called",
    );
    check(
        &|blobs| {
            let image = blobs.image(&layers(), "amd64");
            let mut index = blobs.index(vec![(image, None)]);
            index["mediaType"] = json!(MANIFEST[1]);
            index
        },
        "it is an index, but is called",
    );
    check(
        &|blobs| {
            let image = blobs.image(&layers(), "amd64");
            let mut index = blobs.index(vec![(image, None)]);
            index["mediaType"] = json!(MANIFEST[0]);
            blobs.index(vec![(index, None)])
        },
        "it is an index, but is called",
    );
    check(
        &|blobs| rewrite(blobs, &|m| drop(m["layers"].as_array_mut().unwrap().pop())),
        "names 3 layers, but the manifest 2",
    );
    check(
        &|blobs| {
            rewrite(blobs, &|m| m["config"]["mediaType"] = json!("application/vnd.example.chart"))
        },
        "is an artifact (`application/vnd.example.chart`)",
    );
    check(&|blobs| rewrite(blobs, &|m| m["config"]["size"] = json!(1)), "should have 1 bytes");
    check(
        &|blobs| rewrite(blobs, &|m| m["layers"][0]["size"] = json!(1)),
        "should have 1 bytes, but has 2",
    );
    check(
        &|blobs| rewrite(blobs, &|m| m["layers"][0]["size"] = json!(1_000_000)),
        "should have 1000000 bytes",
    );
    check(
        &|blobs| rewrite(blobs, &|m| m["layers"][0]["digest"] = json!("sha512:00")),
        "is not a digest",
    );
    check(&|blobs| rewrite(blobs, &|m| m["manifests"] = json!([])), "both an index and a manifest");
    check(&|blobs| blobs.index(vec![]), "the index: lists no image");
    check(
        &|blobs| {
            let mut index = blobs.image(&layers(), "amd64");
            for _ in 0..5 {
                index = blobs.index(vec![(index, None)]);
            }
            index
        },
        "indexes lie more than 4 deep",
    );
    check(
        &|blobs| blobs.image(&vec![Tar::default().end(); 10_000], "amd64"),
        "more than 1000 layers",
    );
}

#[test]
fn limits_are_errors() {
    let check = |tar: &[u8], limits: Limits, expected: &str| {
        let blobs = one_image(&[tar.to_vec()]);
        let options = ImageOptions { limits, ..options(&PickAll) };
        let error = open_image(&blobs, &Wanted::Only, &options).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    let tar = Tar::default().file("a", &"1".repeat(10_000)).file("b", "2").file("c", "3").end();
    let limits = Limits::default();
    check(&tar, Limits { inflated_bytes: 5000, ..limits }, "inflates to more than 5000 bytes");
    check(&tar, Limits { kept_bytes: 5000, ..limits }, "takes more than 5000 bytes");
    check(&tar, Limits { image_entries: 2, ..limits }, "more than 2 entries");
    check(&tar, Limits { layer_bytes: 50, ..limits }, "stored in more than 50 bytes");
    check(&tar, Limits { layers: 0, ..limits }, "more than 0 layers");
    let stop = AtomicBool::new(true);
    let options = ImageOptions { stop: Some(&stop), ..options(&PickAll) };
    let error =
        open_image(&one_image(std::slice::from_ref(&tar)), &Wanted::Only, &options).unwrap_err();
    assert!(error.to_string().contains("the time allowed is over"), "{error}");
    // A file above its limit is told, not cut.
    let limits = Limits { file_bytes: 5000, ..limits };
    let options = ImageOptions { limits, stop: None, ..options };
    let image = open_image(&one_image(&[tar]), &Wanted::Only, &options).unwrap().remove(0);
    let large = image.tree.find("a").unwrap();
    assert!(matches!(image.tree.read(large), Err(crate::ReadError::TooLarge { limit: 5000 })));
    assert_eq!(image.tree.read_start(large, 3).unwrap(), b"111");
    assert!(image.tree.read_start(large, 6000).is_err());
    assert_eq!(image.tree.body(large), None);
}

#[test]
fn a_bomb_ends_early() {
    // Five gigabytes of zeros in a file, as two megabytes of Zstandard.
    let header = Tar::block(b"zeros", b'0', 0o644, 5 << 30, b"");
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    std::io::copy(&mut header.as_slice(), &mut encoder).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(64 << 20), &mut encoder).unwrap();
    let bomb = encoder.finish().unwrap();
    let kind = "application/vnd.oci.image.layer.v1.tar+zstd";
    let mut blobs = MemoryBlobs::default();
    let image = blobs.image_of(vec![(kind, bomb, sha256(b""))], "amd64");
    blobs.tag("latest", &image);
    let limits = Limits { inflated_bytes: 32 << 20, ..Limits::default() };
    let options = ImageOptions { limits, ..options(&PickAll) };
    let error = open_image(&blobs, &Wanted::Only, &options).unwrap_err();
    assert!(matches!(error, ImageError::Layer { error: LayerError::Limit(_), .. }), "{error}");
}

#[test]
fn threads_make_no_difference() {
    let layers: Vec<Vec<u8>> = (0..40)
        .map(|n| {
            let same = Tar::default().file("same", &n.to_string());
            (0..n % 7).fold(same, |tar, m| tar.file(&format!("d/{n}/{m}"), "x")).end()
        })
        .collect();
    let blobs = one_image(&layers);
    let with = |threads| {
        let options = ImageOptions { threads, ..options(&PickAll) };
        let image = open_image(&blobs, &Wanted::Only, &options).unwrap().remove(0);
        let all: Vec<String> =
            paths(&image).into_iter().map(|p| format!("{p}={}", text(&image, p))).collect();
        all
    };
    let one = with(1);
    for threads in [2, 3, 64] {
        assert_eq!(with(threads), one);
    }
    // Of several broken layers the lowest is the one that is told.
    let broken = |n: usize| if n % 2 == 1 { b"no tar".repeat(n) } else { layers[n].clone() };
    let blobs = one_image(&(0..40).map(broken).collect::<Vec<_>>());
    for threads in [1, 2, 8] {
        let options = ImageOptions { threads, ..options(&PickAll) };
        let error = open_image(&blobs, &Wanted::Only, &options).unwrap_err().to_string();
        assert!(error.contains(sha256(&gzip(&broken(1))).as_str()), "{error}");
    }
}

#[test]
fn a_remembered_layer_is_not_fetched_and_a_wrong_one_never_remembered() {
    let blobs = one_image(&layers());
    let folder = tempfile::tempdir().unwrap();
    let options = ImageOptions { cache: Some(folder.path()), ..options(&PickAll) };
    let open = |blobs: &dyn Blobs| open_image(blobs, &Wanted::Only, &options);
    let spoil = |wanted: &Descriptor, mut bytes: Vec<u8>| {
        if wanted.media_type.ends_with("gzip") {
            // What comes out is the same: the gzip header's time.
            bytes[5] ^= 1;
        }
        bytes
    };
    let spoilt = Spoilt { inner: &blobs, manifest: &|_, served| served, blob: &spoil };
    assert!(open(&spoilt).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a wrong layer was remembered");
    let first = open(&blobs).unwrap();
    blobs.fetched.lock().unwrap().clear();
    let second = open(&blobs).unwrap();
    assert_eq!(blobs.fetched.lock().unwrap().len(), 1);
    assert_eq!(paths(&first[0]), paths(&second[0]));
    assert_eq!(first[0].modes, second[0].modes);
    // What an image without the cache would be refused for, it is refused for with it.
    let mut lying = MemoryBlobs::default();
    let [one, two] = [gzip(&layers()[0]), gzip(&Tar::default().file("worse", "").end())];
    let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
    let known = lying.image_of(vec![(kind, one, sha256(&layers()[0]))], "amd64");
    lying.tag("latest", &known);
    assert!(open(&lying).is_ok());
    let other = lying.image_of(vec![(kind, two, sha256(&layers()[0]))], "amd64");
    lying.tag("latest", &other);
    assert!(open(&lying).unwrap_err().to_string().contains("the tar file of layer"));
    // Damage is a miss.
    for shard in fs::read_dir(folder.path()).unwrap() {
        for file in fs::read_dir(shard.unwrap().path()).unwrap() {
            fs::write(file.unwrap().path(), "damaged").unwrap();
        }
    }
    assert_eq!(paths(&open(&blobs).unwrap()[0]), paths(&first[0]));
}

#[test]
fn the_same_layers_of_several_platforms_are_remembered_once() {
    let mut blobs = MemoryBlobs::default();
    let shared = Tar::default().file("shared", "").end();
    let images = ["amd64", "arm64"].map(|arch| {
        let own = Tar::default().file(arch, "").end();
        let platform =
            Platform { os: "linux".into(), architecture: arch.into(), ..Platform::default() };
        (blobs.image(&[shared.clone(), own], arch), Some(platform))
    });
    let index = blobs.index(images.into_iter().collect());
    blobs.tag("latest", &index);
    let folder = tempfile::tempdir().unwrap();
    let options = ImageOptions {
        platform: PlatformChoice::All,
        cache: Some(folder.path()),
        ..options(&PickAll)
    };
    let images = open_image(&blobs, &Wanted::Only, &options).unwrap();
    let all: Vec<String> = images.iter().map(|image| paths(image).join(" ")).collect();
    assert_eq!(all, ["amd64 shared", "arm64 shared"]);
    let fetched: BTreeMap<String, usize> =
        blobs.fetched.lock().unwrap().iter().fold(BTreeMap::new(), |mut all, digest| {
            *all.entry(digest.clone()).or_default() += 1;
            all
        });
    assert!(fetched.values().all(|count| *count == 1), "{fetched:?}");
    let cached = |path: &Path| fs::read_dir(path).unwrap().count();
    assert!(cached(folder.path()) >= 1);
}
