use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rayon::prelude::*;
use secgate_model::{Inventory, Location, Purl, Unknown, UnknownKind};
use secgate_source::{Entry, Link, Tree};

use crate::{CATALOGERS, Catalog, CatalogError, Cataloger, cataloger::Unpinned};

/// The version of the catalogers, part of what a scan's outcome says.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Reads every file of the tree that a cataloger wants.
///
/// The result depends on neither the order of files nor the number of threads. A cataloger that fails leaves an
/// [`Unknown`] with file, line and reason; so does one that panics, because its file is hostile and the others are not.
/// A file that turned out to be something else is not among the files that were read. A symbolic link that stands where a
/// lockfile should is a gap, unless it leads to a file of the tree that is read for the same reason.
pub fn take_inventory(tree: &Tree) -> Inventory {
    let wanted: Vec<(&Entry, &dyn Cataloger)> = tree
        .entries()
        .iter()
        .flat_map(|entry| {
            let installed = in_installed_folder(&entry.path);
            CATALOGERS
                .iter()
                .copied()
                .filter(move |cataloger| {
                    (!installed || cataloger.installed()) && cataloger.wants(entry)
                })
                .map(move |cataloger| (entry, cataloger))
        })
        .collect();
    let catalogs: Vec<Catalog> = if let [(entry, cataloger)] = wanted.as_slice() {
        // One file needs no threads, and starting them takes longer than reading it.
        vec![run(*cataloger, entry, tree)]
    } else {
        wanted.par_iter().map(|(entry, cataloger)| run(*cataloger, entry, tree)).collect()
    };
    let mut inventory = Inventory::default();
    let mut unpinned = Vec::new();
    for ((entry, _), catalog) in wanted.iter().zip(catalogs) {
        if !catalog.is_passed_over() {
            inventory.files.push(entry.path.clone());
        }
        inventory.packages.extend(catalog.packages);
        inventory.unknowns.extend(catalog.unknowns);
        unpinned.extend(catalog.unpinned);
    }
    inventory.unknowns.extend(tree.skipped().iter().map(|skipped| Unknown {
        location: Location::file(skipped.path.clone()),
        kind: UnknownKind::Limit,
        reason: skipped.reason.clone(),
    }));
    inventory.unknowns.extend(tree.links().iter().filter_map(|link| dropped(link, tree)));
    let open = still_unpinned(unpinned, &inventory);
    inventory.unknowns.extend(open);
    inventory.normalised()
}

/// The gap that a symbolic link leaves, if any.
fn dropped(link: &Link, tree: &Tree) -> Option<Unknown> {
    if in_installed_folder(&link.path) {
        return None;
    }
    let named = Entry { path: link.path.clone() };
    let mut claimed = CATALOGERS
        .iter()
        .filter(|cataloger| !cataloger.installed() && cataloger.claims(&named))
        .peekable();
    claimed.peek()?;
    let found = tree.resolve(link).filter(|entry| !in_installed_folder(&entry.path));
    let is_read = claimed.all(|cataloger| found.is_some_and(|entry| cataloger.wants(entry)));
    (!is_read).then(|| Unknown {
        location: Location::file(link.path.clone()),
        kind: UnknownKind::Unreadable,
        reason:
            "a symbolic link: secgate does not follow links; put the file itself in its place, \
                 or name it to secgate, or exclude the link"
                .to_owned(),
    })
}

fn run(cataloger: &dyn Cataloger, entry: &Entry, tree: &Tree) -> Catalog {
    let mut catalog = Catalog::new(&entry.path, cataloger.id());
    let result = catch_unwind(AssertUnwindSafe(|| cataloger.catalog(entry, tree, &mut catalog)));
    let error = match result {
        Ok(Ok(())) => return catalog,
        Ok(Err(error)) => error,
        Err(_) => CatalogError::whole(
            "the reader of this format broke down on it; please report the file",
        ),
    };
    let (line, reason) = match error {
        CatalogError::Malformed { line, message } => (line.unwrap_or(0), message),
        CatalogError::Read(error) => match error {
            secgate_source::ReadError::Encoding { line } => (line, "not UTF-8 text".to_owned()),
            error => (0, error.to_string()),
        },
    };
    catalog.unreadable(line, format!("not a readable {}: {reason}", cataloger.id()));
    catalog
}

/// Folders that package managers fill: what lies there was installed, and the lockfiles in it are other projects'.
fn in_installed_folder(path: &str) -> bool {
    let Some((folder, _)) = path.rsplit_once('/') else { return false };
    let mut parts = folder.split('/').peekable();
    while let Some(part) = parts.next() {
        match part {
            "node_modules" | "site-packages" | "dist-packages" | "bower_components" => return true,
            "vendor" if parts.peek() == Some(&"bundle") => return true,
            _ => {}
        }
    }
    false
}

/// A request without a version is answered by a lockfile that names the package, in the same folder or one above it: then
/// nothing is unknown about it.
fn still_unpinned(unpinned: Vec<Unpinned>, inventory: &Inventory) -> Vec<Unknown> {
    if unpinned.is_empty() {
        return Vec::new();
    }
    let folder =
        |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let locked: BTreeSet<(String, Purl)> = inventory
        .packages
        .iter()
        .flat_map(|package| {
            let key = plain(&package.purl.package());
            package.locations.iter().map(move |location| (folder(&location.path), key.clone()))
        })
        .collect();
    unpinned
        .into_iter()
        .filter(|request| {
            let Some(purl) = &request.purl else { return true };
            let purl = plain(purl);
            let home = folder(&request.unknown.location.path);
            let mut above = Some(home.as_str());
            while let Some(here) = above {
                if locked.contains(&(here.to_owned(), purl.clone())) {
                    return false;
                }
                above = (!here.is_empty())
                    .then(|| here.rsplit_once('/').map_or("", |(parent, _)| parent));
            }
            true
        })
        .map(|request| request.unknown)
        .collect()
}

/// The package's identity as its registry sees it (PEP 503 runs of separators; Cargo's `-` and `_`).
pub(crate) fn plain(purl: &Purl) -> Purl {
    if !matches!(purl.kind(), "pypi" | "cargo" | "nuget") {
        return purl.clone();
    }
    let mut name = String::with_capacity(purl.name().len());
    for c in purl.name().chars() {
        let c = if matches!(c, '_' | '-' | '.') { '-' } else { c.to_ascii_lowercase() };
        if !(c == '-' && name.ends_with('-')) {
            name.push(c);
        }
    }
    Purl::new(purl.kind(), None, &name, None).unwrap_or_else(|_| purl.clone())
}

#[cfg(test)]
mod tests {
    use secgate_source::Limits;

    use super::*;

    fn take(files: &[(&str, &str)]) -> Inventory {
        let owned = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        take_inventory(&Tree::in_memory(owned, Limits::default()))
    }

    const LOCK: &str = include_str!("testdata/cargo/Cargo.lock");

    #[test]
    fn a_broken_file_is_named_and_the_others_are_read() {
        let inventory = take(&[
            ("a/Cargo.lock", LOCK),
            ("b/Cargo.lock", "version = 3\n[[package]]\nname = \n"),
        ]);
        assert_eq!(inventory.packages.len(), 3);
        assert_eq!(inventory.unknowns.len(), 1);
        assert_eq!(inventory.unknowns[0].location, Location::line("b/Cargo.lock", 3));
    }

    #[test]
    fn a_file_that_turned_out_to_be_something_else_was_not_looked_at() {
        let inventory = take(&[
            ("gradlew", "#!/bin/sh\n"),
            ("empty", ""),
            ("bombay.json", "{}"),
            ("environment.yml", "region: eu\n"),
            ("action.yml", "name: other\n"),
            ("pyproject.toml", "[tool.black]\nline-length = 100\n"),
            ("service/pyproject.toml", "[project]\nname = \"a\"\ndynamic = [\"dependencies\"]\n"),
        ]);
        assert_eq!(inventory, Inventory::default());
        assert_eq!(take(&[("pyproject.toml", "[project]\nname = \"a\"\n")]).files.len(), 1);
    }

    #[test]
    fn a_link_in_the_place_of_a_lockfile_is_a_gap_unless_its_target_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("a/Cargo.lock", LOCK);
        write("a/data", LOCK);
        write("node_modules/x/Cargo.lock", LOCK);
        for (path, target) in [
            ("b/Cargo.lock", "../a/Cargo.lock"),
            ("c/Cargo.lock", "../through/Cargo.lock"),
            ("through", "a"),
            ("d/Cargo.lock", "/etc/passwd"),
            ("e/Cargo.lock", "../a/data"),
            ("f/Cargo.lock", "../node_modules/x/Cargo.lock"),
            ("g/Cargo.lock", "Cargo.lock"),
            ("g/shell", "/bin/sh"),
            ("g/mybom.json", "/elsewhere"),
            ("node_modules/y/Cargo.lock", "/elsewhere"),
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, path).unwrap();
        }
        let tree =
            secgate_source::open_directory(dir.path(), Limits::default(), &|_| false).unwrap();
        let inventory = take_inventory(&tree);
        let gaps: Vec<_> =
            inventory.unknowns.iter().map(|gap| gap.location.path.as_str()).collect();
        assert_eq!(gaps, ["d/Cargo.lock", "e/Cargo.lock", "f/Cargo.lock", "g/Cargo.lock"]);
        assert_eq!(inventory.files, ["a/Cargo.lock"]);
    }

    #[test]
    fn lockfiles_among_installed_packages_are_other_projects() {
        assert!(take(&[("node_modules/x/Cargo.lock", LOCK)]).packages.is_empty());
        assert!(in_installed_folder("venv/lib/python3.11/site-packages/x/poetry.lock"));
        assert!(!in_installed_folder("vendor/x/Cargo.lock"));
    }

    #[test]
    fn the_order_of_files_does_not_matter() {
        let one = take(&[("a/Cargo.lock", LOCK), ("b/Cargo.lock", LOCK)]);
        let two = take(&[("b/Cargo.lock", LOCK), ("a/Cargo.lock", LOCK)]);
        assert_eq!(one, two);
        assert_eq!(one.packages[0].locations.len(), 2);
    }
}
