use secgate_source::{Entry, Tree};

/// Links followed on the way to one file, as Linux bounds them (path_resolution(7)).
const MAX_LINKS: usize = 40;
/// Bytes of a link's target, as Linux bounds it.
const MAX_TARGET: usize = 4096;
/// Folders below the root.
const MAX_DEPTH: usize = 100;

/// The file at `path` of a tree that is a root file system, through its symbolic links: an absolute link begins at the
/// tree's root and `..` stays inside it, as it would for a program that runs there. `None` when there is no such file.
pub(crate) fn root_file<'t>(tree: &'t Tree, path: &str) -> Option<&'t Entry> {
    tree.find(path).or_else(|| tree.find(&real_path(tree, path)?))
}

/// The path that `path` leads to through the symbolic links of a root file system, whether there is such a file or not;
/// `None` when the links go in circles or too deep.
pub(crate) fn real_path(tree: &Tree, path: &str) -> Option<String> {
    let mut place: Vec<&str> = Vec::new();
    let mut open: Vec<&str> = path.split('/').rev().collect();
    let mut followed = 0;
    while let Some(part) = open.pop() {
        match part {
            "" | "." => continue,
            ".." => {
                place.pop();
                continue;
            }
            _ => place.push(part),
        }
        if place.len() > MAX_DEPTH {
            return None;
        }
        if tree.links().is_empty() {
            continue;
        }
        let here = place.join("/");
        let Ok(at) = tree.links().binary_search_by(|link| link.path.as_str().cmp(&here)) else {
            continue;
        };
        let target = tree.links().get(at)?.target.as_str();
        followed += 1;
        if followed > MAX_LINKS || target.is_empty() || target.len() > MAX_TARGET {
            return None;
        }
        if target.starts_with('/') {
            place.clear();
        } else {
            place.pop();
        }
        open.extend(target.split('/').rev());
    }
    Some(place.join("/"))
}

#[cfg(test)]
mod tests {
    use secgate_source::{Limits, open_directory};

    use super::*;

    #[test]
    fn links_are_followed_as_inside_the_root() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("usr/lib/db")).unwrap();
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::write(root.join("usr/lib/db/file"), "x").unwrap();
        for (target, link) in [
            ("usr/lib", "lib"),
            ("/usr/lib/db/file", "etc/absolute"),
            ("../../../lib/db/file", "etc/above"),
            ("loop", "etc/loop"),
            ("/etc/passwd", "etc/outside"),
        ] {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        let tree = open_directory(root, Limits::default(), &|_| false).unwrap();
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(root_file(&tree, path).map(|entry| entry.path.as_str()), expected, "{path}");
        };
        let file = Some("usr/lib/db/file");
        check("usr/lib/db/file", file);
        check("lib/db/file", file);
        check("etc/absolute", file);
        check("etc/above", file);
        for path in ["etc/loop", "etc/outside", "etc/none", "lib/db", "lib/db/file/x"] {
            check(path, None);
        }
    }
}
