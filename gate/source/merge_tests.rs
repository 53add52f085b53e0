//! Layers over one another: a table, a naive reference, and umoci.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use proptest::{prelude::*, strategy::ValueTree};

use crate::{
    ImageError, MergeError, PickAll, Wanted, open_image,
    testing::{MemoryBlobs, Tar, one_image, options},
};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Thing {
    File(String),
    Link(String),
    Folder,
}

type View = BTreeMap<String, Thing>;

/// Files and links of the merged layers, without folders, which a tree does not list.
fn merged(layers: &[Vec<u8>]) -> Result<View, ImageError> {
    let blobs = one_image(layers);
    let mut images = open_image(&blobs, &Wanted::Only, &options(&PickAll))?;
    let tree = images.remove(0).tree;
    let mut view = View::new();
    for entry in tree.entries() {
        let text = String::from_utf8(tree.read(entry).unwrap()).unwrap();
        view.insert(entry.path.clone(), Thing::File(text));
    }
    for link in tree.links() {
        view.insert(link.path.clone(), Thing::Link(link.target.clone()));
    }
    Ok(view)
}

pub(crate) fn tar() -> Tar {
    Tar::default()
}

#[track_caller]
fn check(layers: &[Tar], expected: &[&str]) {
    let layers: Vec<Vec<u8>> = layers.iter().map(|tar| tar.clone().end()).collect();
    let view = merged(&layers).unwrap();
    let got: Vec<String> = view
        .iter()
        .map(|(path, thing)| match thing {
            Thing::File(text) => format!("{path}={text}"),
            Thing::Link(target) => format!("{path}->{target}"),
            Thing::Folder => format!("{path}/"),
        })
        .collect();
    assert_eq!(got, expected);
}

#[track_caller]
fn refuse(layers: &[Tar], expected: &MergeError) {
    let layers: Vec<Vec<u8>> = layers.iter().map(|tar| tar.clone().end()).collect();
    match merged(&layers) {
        Err(ImageError::Merge { error, .. }) => assert_eq!(error, *expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whiteouts_hide_what_is_below_and_nothing_of_their_own_layer() {
    let base = tar().dir("d").file("d/a", "1").file("d/b", "1").file("e", "1");
    check(&[base.clone(), tar().file("d/.wh.a", "")], &["d/b=1", "e=1"]);
    check(&[base.clone(), tar().file(".wh.d", "")], &["e=1"]);
    check(&[base.clone(), tar().file("d/.wh.a", "").file("d/a", "2")], &["d/a=2", "d/b=1", "e=1"]);
    check(&[base.clone(), tar().file("d/a", "2").file("d/.wh.a", "")], &["d/a=2", "d/b=1", "e=1"]);
    check(&[base.clone(), tar().file(".wh.d", "").file("d/n", "2")], &["d/n=2", "e=1"]);
    check(&[base.clone(), tar().dir("d").file("d/n", "2").file(".wh.d", "")], &["d/n=2", "e=1"]);
    check(&[base.clone(), tar().file("d/.wh..wh..opq", "")], &["e=1"]);
    check(&[base.clone(), tar().file("d/n", "2").file("d/.wh..wh..opq", "")], &["d/n=2", "e=1"]);
    check(&[base.clone(), tar().file("d/.wh..wh..opq", "").file("d/a", "2")], &["d/a=2", "e=1"]);
    check(
        &[base.clone(), tar().file("none/.wh.x", "").file(".wh.none", "")],
        &["d/a=1", "d/b=1", "e=1"],
    );
    check(&[base.clone(), tar().file("e/.wh.x", "")], &["d/a=1", "d/b=1", "e=1"]);
    check(&[base.clone(), tar().file(".wh..wh..opq", "").file("z", "2")], &["z=2"]);
    check(
        &[base.clone(), tar().file(".wh..wh.plnk/1.2", "x").file(".wh..wh.aufs", "")],
        &["d/a=1", "d/b=1", "e=1"],
    );
    // Deep folders keep what the layer itself put below them.
    let deep = tar().file("a/b/c/old", "1").file("a/x", "1");
    check(&[deep, tar().file("a/b/c/new", "2").file("a/.wh..wh..opq", "")], &["a/b/c/new=2"]);
    // A whiteout hides in the layers below it alone.
    check(&[base, tar().file(".wh.e", ""), tar().file("e", "3")], &["d/a=1", "d/b=1", "e=3"]);
    refuse(&[tar().file("d/.wh.", "")], &MergeError::Whiteout("d/.wh.".into()));
    refuse(&[tar().file("d/.wh...", "")], &MergeError::Whiteout("d/.wh...".into()));
}

#[test]
fn a_type_that_changes_takes_what_was_below_away() {
    let base = tar().dir("d").file("d/a", "1").file("f", "1").symlink("l", "d");
    check(&[base.clone(), tar().file("d", "2")], &["d=2", "f=1", "l->d"]);
    check(&[base.clone(), tar().dir("f").file("f/x", "2")], &["d/a=1", "f/x=2", "l->d"]);
    check(&[base.clone(), tar().dir("l").file("l/x", "2")], &["d/a=1", "f=1", "l/x=2"]);
    check(&[base.clone(), tar().symlink("d", "f")], &["d->f", "f=1", "l->d"]);
    check(&[base.clone(), tar().member("f", b'3', 0o644, b"", "")], &["d/a=1", "l->d"]);
    check(&[base.clone(), tar().member("d/a", b'6', 0o644, b"", "")], &["f=1", "l->d"]);
    check(&[base.clone(), tar().dir("d")], &["d/a=1", "f=1", "l->d"]);
    check(&[tar().file("a", "1").file("a", "2").file("./a", "3")], &["a=3"]);
    refuse(&[base.clone(), tar().file("f/x", "2")], &MergeError::NotAFolder("f".into()));
    refuse(&[base, tar().file("", "2")], &MergeError::Root);
}

#[test]
fn links_among_folders_are_followed_inside_the_root() {
    let base = tar().dir("usr/lib").file("usr/lib/a", "1").symlink("lib", "usr/lib");
    check(
        &[base.clone(), tar().file("lib/b", "2")],
        &["lib->usr/lib", "usr/lib/a=1", "usr/lib/b=2"],
    );
    check(&[base.clone(), tar().file("lib/a", "2")], &["lib->usr/lib", "usr/lib/a=2"]);
    check(&[base.clone(), tar().file("lib/.wh.a", "")], &["lib->usr/lib"]);
    check(&[base.clone(), tar().file("lib/.wh..wh..opq", "")], &["lib->usr/lib"]);
    check(&[base, tar().file(".wh.lib", "")], &["usr/lib/a=1"]);
    let out = tar().symlink("up", "../../../etc").symlink("abs", "/etc").file("etc/a", "1");
    check(
        &[out, tar().file("up/b", "2").file("abs/c", "3")],
        &["abs->/etc", "etc/a=1", "etc/b=2", "etc/c=3", "up->../../../etc"],
    );
    let dangling = tar().symlink("l", "not/there");
    check(&[dangling, tar().file("l/x", "1")], &["l->not/there", "not/there/x=1"]);
    let chain = tar().symlink("a", "b").symlink("b", "c").dir("c");
    check(&[chain, tar().file("a/x", "1")], &["a->b", "b->c", "c/x=1"]);
    let endless = tar().symlink("a", "b").symlink("b", "a");
    check(&[endless.clone(), tar().file("a/.wh.x", "")], &["a->b", "b->a"]);
    refuse(&[endless, tar().file("a/x", "")], &MergeError::Loop("a".into()));
    // A link made of a folder's name after a file was put into the folder.
    let moved = tar().dir("d").file("d/a", "1").symlink("e", "d").file("e/b", "1");
    check(&[moved], &["d/a=1", "d/b=1", "e->d"]);
    let swapped = tar().file("d/a", "1").symlink("d", "e").file("d/b", "2").dir("x");
    check(&[swapped], &["d->e", "e/b=2"]);
}

#[test]
fn hard_links_repeat_files_of_any_layer() {
    let base = tar().file("a", "1").symlink("s", "a").dir("d").symlink("e", "d").file("d/f", "2");
    check(&[base.clone(), tar().hardlink("b", "a")], &["a=1", "b=1", "d/f=2", "e->d", "s->a"]);
    check(
        &[base.clone(), tar().hardlink("b", "e/f").hardlink("t", "s").file(".wh.a", "")],
        &["b=2", "d/f=2", "e->d", "s->a", "t->a"],
    );
    // The bytes stay when the other name goes or changes.
    check(
        &[base.clone(), tar().hardlink("b", "a"), tar().file("a", "9")],
        &["a=9", "b=1", "d/f=2", "e->d", "s->a"],
    );
    check(&[base.clone(), tar().hardlink("a", "a")], &["a=1", "d/f=2", "e->d", "s->a"]);
    refuse(
        &[base.clone(), tar().hardlink("b", "none")],
        &MergeError::NoTarget("b".into(), "none".into()),
    );
    refuse(
        &[base.clone(), tar().hardlink("b", "d")],
        &MergeError::NoTarget("b".into(), "d".into()),
    );
    refuse(&[base, tar().hardlink("d", "d/f")], &MergeError::NoTarget("d".into(), "d/f".into()));
}

/// What a model has at a path.
pub(crate) enum At {
    Folder,
    Link(String),
    /// Nothing that a path could lead through.
    Other,
}

/// Where a path leads, links followed inside the root; `None` where it leads nowhere.
pub(crate) fn real_path(path: &str, mut at: impl FnMut(&str) -> At) -> Option<String> {
    let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let (mut place, mut hops) = (Vec::<String>::new(), 0);
    while let Some(part) = todo.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                place.pop();
                continue;
            }
            _ => place.push(part),
        }
        match at(&place.join("/")) {
            At::Folder => {}
            At::Link(target) => {
                hops += 1;
                if hops > 40 {
                    return None;
                }
                place.pop();
                if target.starts_with('/') {
                    place.clear();
                }
                todo.extend(target.split('/').rev().map(str::to_owned));
            }
            At::Other => return None,
        }
    }
    Some(place.join("/"))
}

/// The reference: a map of whole paths, one member applied after the other, links resolved anew for each.
#[derive(Default)]
struct Naive {
    things: BTreeMap<String, (Thing, usize)>,
}

impl Naive {
    fn real(&mut self, path: &str, make: Option<usize>) -> Option<String> {
        real_path(path, |here| match self.things.get(here) {
            Some((Thing::Folder, _)) => At::Folder,
            Some((Thing::Link(target), _)) => At::Link(target.clone()),
            Some((Thing::File(_), _)) => At::Other,
            None => {
                let Some(layer) = make else { return At::Other };
                self.things.insert(here.to_owned(), (Thing::Folder, layer));
                At::Folder
            }
        })
    }

    fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a String> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        self.things.keys().filter(move |other| other.starts_with(&prefix))
    }

    fn remove(&mut self, path: &str) {
        let gone: Vec<String> = self.below(path).cloned().collect();
        for path in gone {
            self.things.remove(&path);
        }
        self.things.remove(path);
    }

    /// Takes away what lower layers put at and below a path.
    fn hide(&mut self, path: &str, layer: usize, itself: bool) {
        let mut gone: Vec<String> = self.below(path).cloned().collect();
        if itself {
            gone.push(path.to_owned());
        }
        gone.sort_by_key(|path| std::cmp::Reverse(path.len()));
        for path in gone {
            let Some((_, at)) = self.things.get(&path) else { continue };
            if *at != layer && self.below(&path).next().is_none() {
                self.things.remove(&path);
            }
        }
    }

    fn apply(&mut self, layer: usize, step: &Step) -> Option<()> {
        let path = step.path();
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let join = |folder: String| {
            if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
        };
        match step {
            Step::Opaque(path) => {
                if let Some(real) = self.real(path, None) {
                    self.hide(&real, layer, false);
                }
            }
            Step::Whiteout(_) => {
                if let Some(folder) = self.real(folder, None) {
                    self.hide(&join(folder), layer, true);
                }
            }
            Step::Folder(_) => {
                let path = join(self.real(folder, Some(layer))?);
                if !matches!(self.things.get(&path), Some((Thing::Folder, _))) {
                    self.remove(&path);
                }
                self.things.insert(path, (Thing::Folder, layer));
            }
            Step::File(_, text) => {
                let path = join(self.real(folder, Some(layer))?);
                self.remove(&path);
                self.things.insert(path, (Thing::File(text.clone()), layer));
            }
            Step::Link(_, target) => {
                let path = join(self.real(folder, Some(layer))?);
                self.remove(&path);
                self.things.insert(path, (Thing::Link(target.clone()), layer));
            }
            Step::Hard(_, target) => {
                let path = join(self.real(folder, Some(layer))?);
                let (folder, name) = target.rsplit_once('/').unwrap_or(("", target));
                let find = |naive: &mut Self| {
                    let folder = naive.real(folder, None)?;
                    let place = if folder.is_empty() {
                        name.to_owned()
                    } else {
                        format!("{folder}/{name}")
                    };
                    let (thing, _) = naive.things.get(&place)?.clone();
                    Some((place, thing))
                };
                if find(self).is_some_and(|(place, _)| place == path) {
                    return Some(());
                }
                self.remove(&path);
                let (_, thing) = find(self)?;
                if thing == Thing::Folder {
                    return None;
                }
                self.things.insert(path, (thing, layer));
            }
        }
        Some(())
    }

    fn view(self) -> View {
        let things = self.things.into_iter().map(|(path, (thing, _))| (path, thing));
        things.filter(|(_, thing)| *thing != Thing::Folder).collect()
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    File(String, String),
    Folder(String),
    Link(String, String),
    Hard(String, String),
    Whiteout(String),
    Opaque(String),
}

impl Step {
    pub(crate) fn path(&self) -> &str {
        match self {
            Self::File(path, _)
            | Self::Link(path, _)
            | Self::Hard(path, _)
            | Self::Folder(path)
            | Self::Whiteout(path)
            | Self::Opaque(path) => path,
        }
    }

    fn write(&self, tar: Tar) -> Tar {
        match self {
            Self::File(path, text) => tar.file(path, text),
            Self::Folder(path) => tar.dir(path),
            Self::Link(path, target) => tar.symlink(path, target),
            Self::Hard(path, target) => tar.hardlink(path, target),
            Self::Opaque(path) => tar.file(&format!("{path}/.wh..wh..opq"), ""),
            Self::Whiteout(path) => {
                let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                tar.file(&format!("{folder}/.wh.{name}"), "")
            }
        }
    }
}

/// Few names, so that they meet.
fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)
        .prop_map(|parts| parts.join("/"))
}

fn target() -> impl Strategy<Value = String> {
    (prop::sample::select(vec!["", "", "/", "../", "../../../", "./"]), path())
        .prop_map(|(start, path)| format!("{start}{path}"))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (path(), "[0-9]{1,3}").prop_map(|(path, text)| Step::File(path, text)),
        2 => path().prop_map(Step::Folder),
        2 => (path(), target()).prop_map(|(path, target)| Step::Link(path, target)),
        2 => (path(), path()).prop_map(|(path, target)| Step::Hard(path, target)),
        2 => path().prop_map(Step::Whiteout),
        1 => path().prop_map(Step::Opaque),
    ]
}

pub(crate) fn layers() -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(prop::collection::vec(step(), 0..8), 1..5)
}

pub(crate) fn tars(layers: &[Vec<Step>]) -> Vec<Vec<u8>> {
    let write = |steps: &Vec<Step>| steps.iter().fold(tar(), |tar, step| step.write(tar)).end();
    layers.iter().map(write).collect()
}

/// Drops the steps that no engine can take, so that what is left unpacks.
fn valid(layers: &[Vec<Step>]) -> (Vec<Vec<Step>>, View) {
    let mut kept: Vec<Vec<Step>> = Vec::new();
    for steps in layers {
        kept.push(Vec::new());
        for step in steps {
            kept.last_mut().unwrap().push(step.clone());
            if replay(&kept).is_none() {
                kept.last_mut().unwrap().pop();
            }
        }
    }
    let view = replay(&kept).unwrap();
    (kept, view)
}

fn replay(layers: &[Vec<Step>]) -> Option<View> {
    let mut naive = Naive::default();
    for (at, steps) in layers.iter().enumerate() {
        for step in steps {
            naive.apply(at, step)?;
        }
    }
    Some(naive.view())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn merging_is_what_unpacking_one_after_the_other_gives(layers in layers()) {
        match (merged(&tars(&layers)), replay(&layers)) {
            (Ok(view), Some(expected)) => prop_assert_eq!(view, expected),
            (Err(ImageError::Merge { .. }), None) => {}
            (got, expected) => prop_assert!(false, "{:?} is not {:?}", got, expected),
        }
        let (kept, expected) = valid(&layers);
        prop_assert_eq!(merged(&tars(&kept)).unwrap(), expected);
    }
}

/// Unpacks layers with umoci. `None` where it does not.
fn umoci(blobs: &MemoryBlobs, folder: &Path) -> Option<PathBuf> {
    let layout = folder.join("layout");
    blobs.write(&layout);
    let rootfs = folder.join("rootfs");
    let output = Command::new("umoci")
        .args(["raw", "unpack", "--rootless", "--image"])
        .arg(format!("{}:latest", layout.display()))
        .arg(&rootfs)
        .output()
        .unwrap();
    output.status.success().then_some(rootfs)
}

fn read_folder(root: &Path, folder: &Path, view: &mut View) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let kind = path.symlink_metadata().unwrap().file_type();
        if kind.is_symlink() {
            let target = fs::read_link(&path).unwrap().to_str().unwrap().to_owned();
            view.insert(name, Thing::Link(target));
        } else if kind.is_dir() {
            read_folder(root, &path, view);
        } else {
            let bytes = crate::testing::read_file(&path);
            view.insert(name, Thing::File(String::from_utf8(bytes).unwrap()));
        }
    }
}

/// Merging must give what a container engine's own unpacking gives. Needs umoci (Debian: `umoci`).
#[test]
fn merging_is_what_umoci_unpacks() {
    if Command::new("umoci").arg("--version").output().is_err() {
        let is_ci = std::env::vars_os().any(|(name, _)| name == "CI");
        assert!(!is_ci, "umoci is missing: apt-get install umoci");
        println!(
            "SKIPPED: umoci is missing, so merging is NOT compared with it: apt-get install umoci"
        );
        return;
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut compared, mut refused) = (0, 0);
    for _ in 0..120 {
        let drawn = layers().new_tree(&mut runner).unwrap().current();
        let (kept, expected) = valid(&drawn);
        let layers = tars(&kept);
        let folder = tempfile::tempdir().unwrap();
        let Some(rootfs) = umoci(&one_image(&layers), folder.path()) else {
            refused += 1;
            continue;
        };
        let mut view = View::new();
        read_folder(&rootfs, &rootfs, &mut view);
        assert_eq!(expected, view, "{kept:#?}");
        assert_eq!(merged(&layers).unwrap(), view, "{kept:#?}");
        compared += 1;
    }
    println!("{compared} layer sets as umoci has them, {refused} that umoci refuses");
    assert!(compared > 60, "umoci refuses too many: {refused}");
}
