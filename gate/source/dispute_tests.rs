//! What engines do not agree on: a table, and a model of overlay that is compared with the merge.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::{
    ImageError, PickAll, Skipped, Wanted,
    merge_tests::{At, Step, layers, real_path, tar, tars},
    open_image,
    testing::{Tar, one_image, options},
};

/// The texts of the files that a tree lists, and what engines differ on.
fn merged(layers: &[Vec<u8>]) -> Result<(BTreeSet<String>, Vec<Skipped>), ImageError> {
    let blobs = one_image(layers);
    let tree = open_image(&blobs, &Wanted::Only, &options(&PickAll))?.remove(0).tree;
    let text = |entry| String::from_utf8(tree.read(entry).unwrap()).unwrap();
    Ok((tree.entries().iter().map(text).collect(), tree.skipped().to_vec()))
}

#[track_caller]
fn check(layers: &[Tar], expected: &[&str]) {
    let layers: Vec<Vec<u8>> = layers.iter().map(|tar| tar.clone().end()).collect();
    let (_, skipped) = merged(&layers).unwrap();
    for one in &skipped {
        assert!(one.reason.contains("container engines differ"), "{one:?}");
    }
    let paths: Vec<&str> = skipped.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, expected, "{skipped:?}");
}

fn base() -> Tar {
    tar().file("usr/lib/a", "1").file("usr/lib/d/b", "1").symlink("lib", "usr/lib").file("f", "1")
}

#[test]
fn what_a_link_of_a_lower_layer_leads_to_is_in_dispute() {
    check(&[base(), tar().file("lib/a", "2")], &["lib/a"]);
    check(&[base(), tar().symlink("lib/a", "x")], &["lib/a"]);
    check(&[base(), tar().dir("lib/a")], &["lib/a"]);
    check(&[base(), tar().hardlink("lib/a", "f")], &["lib/a"]);
    check(&[base(), tar().file("lib/d", "2")], &["lib/d/b"]);
    check(&[base(), tar().file("lib/.wh.a", "")], &["lib/a"]);
    check(&[base(), tar().file("lib/.wh.d", "")], &["lib/d/b"]);
    check(&[base(), tar().file("lib/.wh..wh..opq", "")], &["lib/a", "lib/d/b"]);
    check(&[base(), tar().file("lib/d/.wh..wh..opq", "")], &["lib/d/b"]);
    // Absolute, above the root, and through a link of its own to one of a lower layer.
    let links = base().symlink("abs", "/usr/lib").symlink("up", "../../usr/lib");
    check(&[links.clone(), tar().file("abs/a", "2")], &["abs/a"]);
    check(&[links, tar().file("up/.wh.a", "")], &["up/a"]);
    check(&[base(), tar().symlink("own", "lib").file("own/a", "2")], &["own/a"]);
    // What was added so and is taken away at its real path.
    check(&[base(), tar().file("lib/n", "2"), tar().file("usr/lib/.wh.n", "")], &["usr/lib/n"]);
    check(&[base(), tar().file("lib/n", "2"), tar().file("usr/lib/n", "3")], &["usr/lib/n"]);
    check(&[base(), tar().file("lib/n", "2").file("usr/lib/n", "3")], &["usr/lib/n"]);
    check(&[base(), tar().file("usr/lib/n", "3").file("lib/n", "2")], &["lib/n"]);
    let whole = tar().file(".wh.usr", "");
    check(&[base(), tar().file("lib/n", "2"), whole], &["usr/lib/n"]);
}

#[test]
fn what_every_engine_does_is_in_no_dispute() {
    check(&[base(), tar().file("lib/n", "2").dir("lib/e").dir("lib/d")], &[]);
    check(&[base(), tar().file("usr/lib/a", "2").file("usr/lib/.wh.d", "")], &[]);
    check(&[base(), tar().file(".wh.lib", "")], &[]);
    check(&[base(), tar().file(".wh.usr", "").file("usr", "2")], &[]);
    check(&[base(), tar().dir("usr/lib").file("usr/lib/.wh..wh..opq", "")], &[]);
    check(&[base(), tar().file("lib", "2")], &[]);
    check(&[base(), tar().dir("lib").file("lib/a", "2")], &[]);
    check(&[base(), tar().symlink("own", "usr").file("own/lib/a", "2")], &[]);
    check(&[base(), tar().file("lib/.wh.none", "").file("lib/d/.wh.none", "")], &[]);
    // One layer whose own link it is.
    check(&[base().file("lib/a", "2")], &[]);
    // A folder again, two layers later.
    check(&[base(), tar().file(".wh.usr", ""), tar().dir("usr").file("usr/n", "2")], &[]);
    check(&[base(), tar().file("usr", "2"), tar().dir("usr").file("usr/n", "3")], &[]);
}

#[test]
fn a_folder_behind_what_is_none_is_in_dispute() {
    let both = ["usr/lib/a", "usr/lib/d/b"];
    check(&[base(), tar().file(".wh.usr", "").dir("usr")], &both);
    check(&[base(), tar().file(".wh.usr", "").dir("usr").file("usr/n", "2")], &both);
    check(&[base(), tar().file("usr/lib/.wh.d", "").dir("usr/lib/d")], &["usr/lib/d/b"]);
    check(&[base(), tar().file("usr", "2").dir("usr")], &["usr"]);
    check(&[base(), tar().symlink("usr", "f").dir("usr")], &["usr"]);
    check(&[base(), tar().file("usr/.wh.lib", "").file("usr", "2").dir("usr")], &["usr"]);
}

#[test]
fn an_opaque_root_is_in_dispute() {
    let all = ["f", "lib", "usr/lib/a", "usr/lib/d/b"];
    check(&[base(), tar().file(".wh..wh..opq", "").file("z", "2")], &all);
    check(
        &[base(), tar().symlink("r", "/").file("r/.wh..wh..opq", "")],
        &["r/f", "r/lib", "r/usr/lib/a", "r/usr/lib/d/b"],
    );
    check(&[tar().file(".wh..wh..opq", "").file("z", "2")], &[]);
}

#[test]
fn many_disputes_are_told_as_many() {
    let mut lower = tar().symlink("lib", "usr/lib");
    for at in 0..300 {
        lower = lower.file(&format!("usr/lib/{at}"), "1");
    }
    let blobs = one_image(&[lower.end(), tar().file("lib/.wh..wh..opq", "").end()]);
    let tree = open_image(&blobs, &Wanted::Only, &options(&PickAll)).unwrap().remove(0).tree;
    assert_eq!(tree.skipped().len(), 101);
    assert!(tree.skipped()[0].path.is_empty());
}

/// One layer unpacked into an empty folder of its own, as containerd's overlayfs snapshotter and Docker's overlay2 do it.
#[derive(Default)]
struct Upper {
    things: BTreeMap<String, Thing>,
    opaque: BTreeSet<String>,
}

#[derive(Debug, Clone)]
enum Thing {
    File(String),
    Link(String),
    Folder,
    Whiteout,
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

impl Upper {
    /// The folder at a path, links of this layer followed, folders made where there are none. `None`: the engine refuses.
    fn folder(&mut self, path: &str) -> Option<String> {
        real_path(path, |here| match self.things.get(here) {
            Some(Thing::Folder) => At::Folder,
            Some(Thing::Link(target)) => At::Link(target.clone()),
            Some(Thing::File(_) | Thing::Whiteout) => At::Other,
            None => {
                self.things.insert(here.to_owned(), Thing::Folder);
                At::Folder
            }
        })
    }

    fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.things.retain(|other, _| other != path && !other.starts_with(&below));
        self.opaque.retain(|other| other != path && !other.starts_with(&below));
    }

    fn apply(&mut self, step: &Step) -> Option<()> {
        let (folder, name) = step.path().rsplit_once('/').unwrap_or(("", step.path()));
        if let Step::Opaque(path) = step {
            let folder = self.folder(path)?;
            self.opaque.insert(folder);
            return Some(());
        }
        let path = join(&self.folder(folder)?, name);
        let thing = match step {
            Step::Whiteout(_) if self.things.contains_key(&path) => return None,
            Step::Whiteout(_) => Thing::Whiteout,
            Step::Folder(_) if matches!(self.things.get(&path), Some(Thing::Folder)) => {
                return Some(());
            }
            Step::Folder(_) => Thing::Folder,
            Step::File(_, text) => Thing::File(text.clone()),
            Step::Link(_, target) => Thing::Link(target.clone()),
            Step::Hard(_, target) => {
                self.remove(&path);
                let (folder, name) = target.rsplit_once('/').unwrap_or(("", target));
                let target = join(&self.folder(folder)?, name);
                match self.things.get(&target)? {
                    Thing::Folder => return None,
                    thing => thing.clone(),
                }
            }
            Step::Opaque(_) => return None,
        };
        self.remove(&path);
        self.things.insert(path, thing);
        Some(())
    }
}

/// The files that the kernel shows of folders over one another, the highest first (Linux, `overlayfs.rst`).
fn shown(uppers: &[&Upper], folder: &str, found: &mut BTreeSet<String>) {
    let inside = |path: &str| {
        let rest =
            if folder.is_empty() { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
        (!rest.is_empty() && !rest.contains('/')).then(|| rest.to_owned())
    };
    let names: BTreeSet<String> = uppers
        .iter()
        .flat_map(|upper| upper.things.keys())
        .filter_map(|path| inside(path))
        .collect();
    for name in names {
        let path = join(folder, &name);
        let mut folders = Vec::new();
        for upper in uppers {
            match upper.things.get(&path) {
                None => {}
                Some(Thing::Folder) => {
                    folders.push(*upper);
                    if upper.opaque.contains(&path) {
                        break;
                    }
                }
                Some(thing) => {
                    if let (Thing::File(text), true) = (thing, folders.is_empty()) {
                        found.insert(text.clone());
                    }
                    break;
                }
            }
        }
        shown(&folders, &path, found);
    }
}

/// The same steps, with a text of its own in each file.
fn told_apart(layers: &mut [Vec<Step>]) {
    for (at, step) in layers.iter_mut().flatten().enumerate() {
        if let Step::File(_, text) = step {
            *text = at.to_string();
        }
    }
}

/// What an overlay engine shows; steps that it refuses are taken out.
fn overlay(layers: &mut [Vec<Step>]) -> BTreeSet<String> {
    let mut uppers = Vec::new();
    for steps in layers.iter_mut() {
        let unpack = |steps: &[Step]| {
            let mut upper = Upper::default();
            steps.iter().try_for_each(|step| upper.apply(step)).map(|()| upper)
        };
        let mut kept: Vec<Step> = Vec::new();
        for step in steps.drain(..) {
            kept.push(step);
            if unpack(&kept).is_none() {
                kept.pop();
            }
        }
        uppers.push(unpack(&kept).unwrap());
        *steps = kept;
    }
    let mut found = BTreeSet::new();
    let uppers: Vec<&Upper> = uppers.iter().rev().collect();
    shown(&uppers, "", &mut found);
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    /// No engine shows a file that the tree neither has nor tells of.
    #[test]
    fn nothing_that_overlay_shows_is_hidden(mut layers in layers()) {
        told_apart(&mut layers);
        let shown = overlay(&mut layers);
        // What the merge refuses is no pass.
        if let Ok((texts, skipped)) = merged(&tars(&layers)) {
            let hidden: Vec<&String> = shown.difference(&texts).collect();
            prop_assert!(hidden.is_empty() || !skipped.is_empty(), "{:?} in {:#?}", hidden, layers);
        }
    }
}
