//! Files of an image that links give other names.

use crate::{
    ImageOptions, Pick, Wanted, Wish,
    archive_tests::{archive, stream},
    image_tests::{paths, text},
    open_image,
    testing::{Tar, one_image, options},
};

struct Release;

impl Pick for Release {
    fn id(&self) -> String {
        "release".into()
    }

    fn wants(&self, path: &str, _: u64, _: u32) -> Wish {
        if path == "usr/lib/os-release" { Wish::Yes } else { Wish::No }
    }
}

/// Picks by where a file lies.
struct Status;

impl Pick for Status {
    fn id(&self) -> String {
        "status/1".into()
    }

    fn wants(&self, path: &str, _: u64, mode: u32) -> Wish {
        match path {
            "var/lib/dpkg/status" | "opt/lock" => Wish::Yes,
            _ if mode & 0o111 != 0 => Wish::ByStart,
            _ => Wish::No,
        }
    }

    fn wants_start(&self, _: &str, start: &[u8]) -> bool {
        start.starts_with(b"\x7fELF")
    }

    fn may_start(&self, start: &[u8]) -> bool {
        start.starts_with(b"\x7fELF")
    }
}

/// Lets the first bytes decide about names without a dot.
struct Dotless;

impl Pick for Dotless {
    fn id(&self) -> String {
        "dotless/1".into()
    }

    fn wants(&self, path: &str, _: u64, _: u32) -> Wish {
        if path.contains('.') { Wish::No } else { Wish::ByStart }
    }

    fn wants_start(&self, path: &str, start: &[u8]) -> bool {
        Status.wants_start(path, start)
    }

    fn may_start(&self, start: &[u8]) -> bool {
        Status.may_start(start)
    }
}

#[test]
fn a_link_to_what_could_not_be_wanted_costs_no_second_reading() {
    let check = |body: &[u8], expected: &[&str], reads: usize| {
        let layer = Tar::default()
            .member("bin/tool.sh", b'0', 0o755, body, "")
            .symlink("bin/tool", "tool.sh")
            .end();
        let blobs = one_image(&[layer]);
        let folder = tempfile::tempdir().unwrap();
        for reads in [reads, 1] {
            blobs.fetched.lock().unwrap().clear();
            let options = ImageOptions { cache: Some(folder.path()), ..options(&Dotless) };
            let image = open_image(&blobs, &Wanted::Only, &options).unwrap().remove(0);
            assert_eq!(paths(&image), expected);
            assert_eq!(image.tree.skipped(), []);
            // The configuration, and the layer as often as it was read.
            assert_eq!(blobs.fetched.lock().unwrap().len(), reads);
        }
    };
    check(b"#!/bin/sh", &[], 2);
    check(b"", &[], 2);
    check(b"\x7fELF", &["bin/tool"], 3);
}

#[test]
fn what_is_wanted_under_another_name_is_read_after_all() {
    let base = Tar::default()
        .file("real/place/status", "packages")
        .file("real/list", "list")
        .member("usr/bin/tool", b'0', 0o755, b"\x7fELF one", "")
        .member("usr/bin/script", b'0', 0o755, b"#!/bin/sh", "")
        .end();
    let links = Tar::default()
        .symlink("var/lib/dpkg", "/real/place")
        .symlink("bin", "usr/bin")
        .hardlink("usr/bin/again", "usr/bin/tool")
        .hardlink("usr/bin/other", "usr/bin/script")
        .hardlink("opt/lock", "real/list")
        .end();
    let blobs = one_image(&[base, links]);
    let folder = tempfile::tempdir().unwrap();
    for (round, cache) in [(0, None), (1, Some(folder.path())), (2, Some(folder.path()))] {
        blobs.fetched.lock().unwrap().clear();
        let options = ImageOptions { cache, ..options(&Status) };
        let image = open_image(&blobs, &Wanted::Only, &options).unwrap().remove(0);
        assert_eq!(
            paths(&image),
            ["opt/lock", "usr/bin/again", "usr/bin/tool", "var/lib/dpkg/status"],
            "{round}"
        );
        assert_eq!(text(&image, "var/lib/dpkg/status"), "packages");
        assert_eq!(text(&image, "opt/lock"), "list");
        assert_eq!(image.tree.skipped(), []);
        // A configuration, two layers, and one of them again; with a full cache the configuration alone.
        let fetched = blobs.fetched.lock().unwrap().len();
        assert_eq!(fetched, if round == 2 { 1 } else { 4 }, "{round}");
    }
    // What has streamed by is gone; that is told.
    let archive = archive(&blobs, true);
    let image = stream(&archive, &Status).unwrap();
    let skipped: Vec<&str> = image.tree.skipped().iter().map(|s| s.path.as_str()).collect();
    assert_eq!(skipped, ["opt/lock", "var/lib/dpkg/status"]);
}

#[test]
fn links_are_resolved_inside_the_image() {
    let tar = Tar::default()
        .file("usr/lib/os-release", "ID=x")
        .symlink("etc/os-release", "../../../usr/lib/os-release")
        .symlink("abs", "/usr/lib/os-release")
        .symlink("lib", "/usr/lib")
        .symlink("through", "lib/os-release")
        .symlink("loop", "loop")
        .symlink("none", "/nothing")
        .end();
    let blobs = one_image(&[tar]);
    let image = open_image(&blobs, &Wanted::Only, &options(&Release)).unwrap().remove(0);
    for link in image.tree.links() {
        let found = image.tree.resolve(link).map(|entry| entry.path.as_str());
        let expected = (!matches!(link.path.as_str(), "lib" | "loop" | "none"))
            .then_some("usr/lib/os-release");
        assert_eq!(found, expected, "{}", link.path);
    }
    assert_eq!(image.tree.links().len(), 6);
}
