use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{Entry, Limits, Link, Skipped, Tree, tree::Bodies};

/// Opens a folder, or a single file as a tree of one entry.
///
/// Not entered: `.git`, `.hg`, `.svn`, and the folders of well-known tools that both carry their usual name (`target`,
/// `.cache`, `.tox`, …) and are marked by a valid `CACHEDIR.TAG` (Cache Directory Tagging Specification), unless such a
/// folder is a Python environment, whose packages are installed and count. A tag alone hides nothing: anybody can put one
/// beside a lockfile. `exclude` decides on a relative path whether the user left it out. A symbolic link is never
/// followed, only told, in [`Tree::links`].
///
/// # Errors
/// When `root` does not exist or cannot be listed. What fails below it is in [`Tree::skipped`].
pub fn open_directory(
    root: &Path,
    limits: Limits,
    exclude: &(dyn Fn(&str) -> bool + Sync),
) -> io::Result<Tree> {
    let meta = fs::metadata(root)?;
    if meta.is_file() {
        let name =
            root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let parent = match root.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        // The name may be a link; the user named it, so it alone is followed.
        return Ok(Tree {
            bodies: Bodies::File(parent.join(&name)),
            entries: vec![Entry { path: name }],
            links: Vec::new(),
            skipped: Vec::new(),
            limits,
        });
    }
    fs::read_dir(root)?;
    let walk = Walk { root, limits, exclude, seen: AtomicUsize::new(0), found: Mutex::default() };
    rayon::scope(|scope| walk.folder(scope, String::new(), 0));
    let Found { mut entries, mut links, mut skipped } =
        walk.found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    entries.sort_unstable();
    links.sort_unstable();
    skipped.sort_unstable();
    Ok(Tree { bodies: Bodies::Folder(root.to_owned()), entries, links, skipped, limits })
}

struct Walk<'a> {
    root: &'a Path,
    limits: Limits,
    exclude: &'a (dyn Fn(&str) -> bool + Sync),
    seen: AtomicUsize,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    entries: Vec<Entry>,
    links: Vec<Link>,
    skipped: Vec<Skipped>,
}

impl Walk<'_> {
    fn folder<'s>(&'s self, scope: &rayon::Scope<'s>, relative: String, depth: usize) {
        let mut files = Vec::new();
        let mut links = Vec::new();
        let mut skipped = Vec::new();
        match fs::read_dir(self.root.join(&relative)) {
            Err(error) => skipped
                .push(Skipped { path: relative, reason: format!("cannot be listed: {error}") }),
            Ok(listing) => {
                let mut folders = Vec::new();
                let mut tagged = false;
                let mut environment = false;
                for item in listing {
                    let Ok(item) = item else {
                        skipped.push(Skipped {
                            path: relative.clone(),
                            reason: "cannot be listed to its end".into(),
                        });
                        break;
                    };
                    let raw = item.file_name();
                    let Some(name) = raw.to_str() else {
                        skipped.push(Skipped {
                            path: join(&relative, &raw.to_string_lossy()),
                            reason: "its name is not UTF-8".into(),
                        });
                        continue;
                    };
                    let path = join(&relative, name);
                    if (self.exclude)(&path) {
                        continue;
                    }
                    let kind = match item.file_type() {
                        Ok(kind) => kind,
                        Err(error) => {
                            let reason = format!("cannot be looked at: {error}");
                            skipped.push(Skipped { path, reason });
                            continue;
                        }
                    };
                    if kind.is_dir() {
                        if !matches!(name, ".git" | ".hg" | ".svn") {
                            folders.push(path);
                        }
                    } else if kind.is_file() {
                        tagged |= name == "CACHEDIR.TAG" && is_tag(&item.path());
                        environment |= name == "pyvenv.cfg";
                        files.push(Entry { path });
                    } else if kind.is_symlink() {
                        let target = fs::read_link(item.path()).ok();
                        let target = target.and_then(|target| target.to_str().map(str::to_owned));
                        links.push(Link { path, target: target.unwrap_or_default() });
                    }
                }
                if tagged && !environment && is_cache_name(&relative) {
                    return;
                }
                let count = files.len() + folders.len() + links.len();
                if self.seen.fetch_add(count, Ordering::Relaxed) > self.limits.entries {
                    skipped.push(Skipped {
                        path: relative,
                        reason: format!("more than {} entries in the tree", self.limits.entries),
                    });
                } else if depth >= self.limits.depth {
                    skipped.extend(folders.into_iter().map(|path| Skipped {
                        path,
                        reason: format!("more than {} folders deep", self.limits.depth),
                    }));
                } else {
                    for folder in folders {
                        scope.spawn(move |scope| self.folder(scope, folder, depth + 1));
                    }
                }
            }
        }
        let mut found = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        found.entries.append(&mut files);
        found.links.append(&mut links);
        found.skipped.append(&mut skipped);
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether a folder is named as a tool names what it builds or keeps.
fn is_cache_name(path: &str) -> bool {
    matches!(
        path.rsplit('/').next().unwrap_or_default(),
        "target"
            | ".mypy_cache"
            | ".pytest_cache"
            | ".ruff_cache"
            | ".cache"
            | "__pycache__"
            | ".tox"
            | ".gradle"
            | ".terraform"
    )
}

fn is_tag(path: &Path) -> bool {
    use io::Read;
    let mut start = [0; 43];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == *b"Signature: 8a477f597d28d172789f06886806bc55"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn paths(tree: &Tree) -> Vec<&str> {
        tree.entries().iter().map(|entry| entry.path.as_str()).collect()
    }

    #[test]
    fn the_tree_is_sorted_and_a_tag_alone_hides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let tag = "Signature: 8a477f597d28d172789f06886806bc55\n";
        write(dir.path(), "b/Cargo.lock", "");
        write(dir.path(), "a.txt", "text");
        write(dir.path(), ".git/config", "");
        write(dir.path(), "target/CACHEDIR.TAG", tag);
        write(dir.path(), "target/debug/Cargo.lock", "");
        write(dir.path(), "service/CACHEDIR.TAG", tag);
        write(dir.path(), "service/Cargo.lock", "");
        write(dir.path(), "plain/target/Cargo.lock", "");
        write(dir.path(), "venv/CACHEDIR.TAG", tag);
        write(dir.path(), "venv/pyvenv.cfg", "");
        write(
            dir.path(),
            "not-a-cache/CACHEDIR.TAG",
            "something else that is long enough to be read",
        );
        write(dir.path(), "excluded/x", "");
        std::os::unix::fs::symlink("/etc", dir.path().join("outside")).unwrap();
        let tree =
            open_directory(dir.path(), Limits::default(), &|path| path == "excluded").unwrap();
        assert_eq!(
            paths(&tree),
            [
                "a.txt",
                "b/Cargo.lock",
                "not-a-cache/CACHEDIR.TAG",
                "plain/target/Cargo.lock",
                "service/CACHEDIR.TAG",
                "service/Cargo.lock",
                "venv/CACHEDIR.TAG",
                "venv/pyvenv.cfg"
            ]
        );
        let outside = Link { path: "outside".to_owned(), target: "/etc".to_owned() };
        assert_eq!(tree.links(), [outside]);
        let text = tree.find("a.txt").unwrap();
        assert_eq!(tree.read_text(text).unwrap(), "text");
        assert_eq!(tree.read_start(text, 2).unwrap(), b"te");
    }

    #[test]
    fn what_a_limit_cuts_off_is_told() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "a/b/c/d", "");
        write(dir.path(), "big", "123456");
        let limits = Limits { depth: 2, file_bytes: 5, ..Limits::default() };
        let tree = open_directory(dir.path(), limits, &|_| false).unwrap();
        assert_eq!(tree.skipped().len(), 1);
        assert!(matches!(
            tree.read(tree.find("big").unwrap()),
            Err(crate::ReadError::TooLarge { limit: 5 })
        ));
    }

    #[test]
    fn a_single_file_is_a_tree() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "requirements.txt", "\u{feff}flask==1\n");
        let tree =
            open_directory(&dir.path().join("requirements.txt"), Limits::default(), &|_| false)
                .unwrap();
        assert_eq!(paths(&tree), ["requirements.txt"]);
        assert_eq!(tree.read_text(&tree.entries()[0]).unwrap(), "flask==1\n");
        write(dir.path(), "latin", "ok\n");
        fs::write(dir.path().join("latin"), b"ok\n\xff").unwrap();
        let tree =
            open_directory(&dir.path().join("latin"), Limits::default(), &|_| false).unwrap();
        assert!(matches!(
            tree.read_text(&tree.entries()[0]),
            Err(crate::ReadError::Encoding { line: 2 })
        ));
    }

    #[test]
    fn a_missing_root_is_an_error() {
        assert!(
            open_directory(Path::new("/nonexistent/secgate"), Limits::default(), &|_| false)
                .is_err()
        );
    }
}
