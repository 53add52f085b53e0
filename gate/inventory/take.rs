use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rayon::prelude::*;
use secgate_model::{Inventory, Location, Purl, Unknown, UnknownKind};
use secgate_source::{Entry, Link, Tree};

use crate::{
    CATALOGERS, Catalog, CatalogError, Cataloger, SYSTEM_CATALOGERS,
    catalog::{
        os_release::{Distribution, OsRelease},
        root_file::root_file,
    },
    cataloger::Unpinned,
    layers::attribute,
    ownership::{self, is_system},
};

/// The version of the catalogers, part of what a scan's outcome says.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Reads every file of the tree that a cataloger wants.
///
/// The result depends on neither the order of files nor the number of threads. A cataloger that fails leaves an
/// [`Unknown`] with file, line and reason; so does one that panics, because its file is hostile and the others are not.
/// A file that turned out to be something else is not among the files that were read. A symbolic link that stands where a
/// lockfile should is a gap, unless it leads to a file of the tree that is read for the same reason.
///
/// A folder that is a root file system brings the packages of its operating system too.
pub fn take_inventory(tree: &Tree) -> Inventory {
    let wanted = tree.entries().iter().flat_map(|entry| {
        let installed = in_installed_folder(&entry.path);
        SYSTEM_CATALOGERS
            .iter()
            // That a folder calls itself a distribution is nothing that was looked at.
            .filter(|cataloger| cataloger.id() != OsRelease.id())
            .chain(CATALOGERS)
            .copied()
            .filter(move |cataloger| {
                (!installed || cataloger.installed()) && cataloger.wants(entry)
            })
            .map(move |cataloger| (entry, cataloger))
    });
    let wanted: Vec<_> = wanted.collect();
    let (mut inventory, unpinned) = read(&wanted, tree);
    if inventory.packages.iter().any(|package| is_system(&package.purl)) {
        inventory.distribution = Distribution::of(tree).map(|found| found.label());
    }
    inventory.unknowns.extend(without_packages(&inventory, &wanted));
    inventory.unknowns.extend(tree.links().iter().filter_map(|link| dropped(link, tree)));
    let open = still_unpinned(unpinned, &inventory);
    inventory.unknowns.extend(open);
    inventory.normalised()
}

/// Reads the tree of an image: what is installed in it, and which distribution it is.
///
/// Only formats that record what *is installed* count (see [`Cataloger::installed`]): databases of operating systems,
/// `dist-info`, `node_modules`, gemspecs, JARs, programs that carry a list, and their like. Lockfiles and manifests that
/// lie in an image say what somebody asked for somewhere: a `requirements.txt` that was copied in, the `go.mod` of a
/// module cache, the lockfile of a stage that was pruned afterwards. They are judged where they belong, in the sources; what
/// they led to is found here in its installed form. Trivy and Syft do the same. SBOMs that lie in an image do not count
/// either: they repeat its databases in other words, or describe what was left behind.
///
/// The database of packages is found through symbolic links as well. A distribution without any is a gap: its packages may be
/// there all the same, and so is a database that names none.
pub fn take_image_inventory(tree: &Tree) -> Inventory {
    let mut wanted: Vec<(&Entry, &dyn Cataloger)> = tree
        .entries()
        .iter()
        .flat_map(|entry| {
            SYSTEM_CATALOGERS
                .iter()
                .chain(CATALOGERS)
                .copied()
                .filter(move |cataloger| cataloger.installed() && cataloger.wants(entry))
                .map(move |cataloger| (entry, cataloger))
        })
        .collect();
    for place in DATABASES.into_iter().filter(|place| tree.find(place).is_none()) {
        let Some(entry) = root_file(tree, place) else { continue };
        let named = Entry { path: place.to_owned() };
        for cataloger in SYSTEM_CATALOGERS.iter().copied() {
            if cataloger.wants(&named) && !cataloger.wants(entry) {
                wanted.push((entry, cataloger));
            }
        }
    }
    let (mut inventory, unpinned) = read(&wanted, tree);
    inventory.distribution = Distribution::of(tree).map(|found| found.label());
    inventory.unknowns.extend(without_packages(&inventory, &wanted));
    let open = still_unpinned(unpinned, &inventory);
    inventory.unknowns.extend(open);
    attribute(&mut inventory, &wanted, tree);
    inventory.normalised()
}

/// The databases of operating systems that are a single file, at their first places.
const DATABASES: [&str; 5] = [
    "var/lib/dpkg/status",
    "lib/apk/db/installed",
    "var/lib/rpm/rpmdb.sqlite",
    "var/lib/rpm/Packages.db",
    "var/lib/rpm/Packages",
];

/// The gap of a system of which no package is told: it says which distribution it is and has no database, or it has one that
/// was emptied. What it consists of may be there all the same.
fn without_packages(inventory: &Inventory, wanted: &[(&Entry, &dyn Cataloger)]) -> Option<Unknown> {
    if inventory.packages.iter().any(|package| is_system(&package.purl)) {
        return None;
    }
    let is_database = |cataloger: &dyn Cataloger| {
        cataloger.id() != OsRelease.id()
            && SYSTEM_CATALOGERS.iter().any(|system| system.id() == cataloger.id())
    };
    let database = wanted
        .iter()
        .filter(|(entry, cataloger)| {
            is_database(*cataloger) && inventory.files.contains(&entry.path)
        })
        .map(|(entry, _)| &entry.path)
        .min();
    let (path, reason) = match (database, &inventory.distribution) {
        (Some(path), _) => (
            path.as_str(),
            "the database of packages names none: what the system consists of is not known"
                .to_owned(),
        ),
        (None, Some(label)) => (
            "etc/os-release",
            format!(
                "the image says that it is {label} and has no database of packages: what the system consists of is \
                 not known"
            ),
        ),
        (None, None) => return None,
    };
    Some(Unknown { location: Location::file(path), kind: UnknownKind::Unreadable, reason })
}

/// Runs each cataloger on its file.
fn read(wanted: &[(&Entry, &dyn Cataloger)], tree: &Tree) -> (Inventory, Vec<Unpinned>) {
    let mut catalogs: Vec<Catalog> = if let [(entry, cataloger)] = wanted {
        // One file needs no threads, and starting them takes longer than reading it.
        vec![run(*cataloger, entry, tree)]
    } else {
        wanted.par_iter().map(|(entry, cataloger)| run(*cataloger, entry, tree)).collect()
    };
    let mut inventory = Inventory::default();
    let mut unpinned = Vec::new();
    let owns = catalogs.iter().any(|catalog| !catalog.owned.is_empty());
    // Gaps of the databases themselves: the owner of a file accounts for what it holds, not for who the owner is.
    let mut system = Vec::new();
    for ((entry, cataloger), catalog) in wanted.iter().zip(&mut catalogs) {
        if !catalog.is_passed_over() {
            inventory.files.push(entry.path.clone());
        }
        if catalog.owned.is_empty() && inventory.packages.is_empty() {
            // The list of the first file is taken over as it is: nearly always there is one.
            inventory.packages = std::mem::take(&mut catalog.packages);
        } else if catalog.owned.is_empty() {
            inventory.packages.append(&mut catalog.packages);
        } else {
            // The owners are looked up below.
            inventory.packages.extend(catalog.packages.iter().cloned());
        }
        let is_system = SYSTEM_CATALOGERS.iter().any(|system| system.id() == cataloger.id());
        let gaps = if is_system { &mut system } else { &mut inventory.unknowns };
        gaps.append(&mut catalog.unknowns);
        unpinned.append(&mut catalog.unpinned);
    }
    if owns {
        ownership::settle(&mut inventory, &catalogs, tree);
    }
    inventory.unknowns.append(&mut system);
    inventory.unknowns.extend(tree.skipped().iter().map(|skipped| Unknown {
        location: Location::file(skipped.path.clone()),
        kind: UnknownKind::Limit,
        reason: skipped.reason.clone(),
    }));
    (inventory, unpinned)
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

/// Runs a cataloger on a file; whatever goes wrong is a gap of its catalog.
pub(crate) fn run(cataloger: &dyn Cataloger, entry: &Entry, tree: &Tree) -> Catalog {
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

    #[test]
    fn an_image_is_what_is_installed_in_it() {
        let tree = crate::catalog::testing::root_tree("debian");
        let inventory = take_image_inventory(&tree);
        assert_eq!(inventory.distribution.as_deref(), Some("debian-12"));
        let found: Vec<_> = inventory
            .packages
            .iter()
            .filter(|package| !is_system(&package.purl))
            .map(|package| {
                let owner = package.owned_by.as_ref().map_or("nobody", |owner| owner.name());
                format!("{} {owner}", package.purl)
            })
            .collect();
        assert_eq!(found, ["pkg:pypi/jinja2@3.0 nobody", "pkg:pypi/pyyaml@6.0 python3-yaml"]);
        assert_eq!(inventory.packages.len(), 7);
        assert!(inventory.unknowns.is_empty(), "{:?}", inventory.unknowns);
        let same = take_inventory(&tree);
        assert_eq!(same.packages.len(), 7);
        assert_eq!(same.distribution, inventory.distribution);
    }

    #[test]
    fn in_an_image_lockfiles_say_nothing() {
        let files = [
            ("etc/os-release", "ID=wolfi\nVERSION_ID=20230201\n"),
            ("app/requirements.txt", "flask==1.0\nopen\n"),
            ("root/go/pkg/mod/a/go.mod", "module a\n"),
            ("app/package-lock.json", "not even JSON"),
        ];
        let owned = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let inventory = take_image_inventory(&Tree::in_memory(owned, Limits::default()));
        assert!(inventory.packages.is_empty());
        assert_eq!(inventory.files, ["etc/os-release"]);
        assert_eq!(inventory.unknowns.len(), 1, "a distribution without packages is a gap");
        assert_eq!(inventory.distribution.as_deref(), Some("wolfi-20230201"));
        let alone = ("etc/os-release".to_owned(), b"ID=wolfi\n".to_vec());
        let folder = take_inventory(&Tree::in_memory([alone], Limits::default()));
        assert!(folder.files.is_empty() && folder.distribution.is_none());
    }

    #[test]
    fn a_database_that_names_no_package_is_a_gap() {
        for (database, text) in [
            ("var/lib/dpkg/status", ""),
            ("var/lib/dpkg/status", "\n\n"),
            ("var/lib/dpkg/status", "Package: a\nStatus: deinstall ok config-files\nVersion: 1\n"),
            ("lib/apk/db/installed", ""),
        ] {
            let files = [
                ("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
                (database, text),
                ("usr/lib/node_modules/a/package.json", "{\"version\": \"1.0.0\"}"),
            ];
            let owned = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
            let tree = Tree::in_memory(owned, Limits::default());
            for inventory in [take_image_inventory(&tree), take_inventory(&tree)] {
                assert_eq!(inventory.packages.len(), 1);
                assert_eq!(inventory.unknowns.len(), 1, "{database} {text:?}");
                assert_eq!(inventory.unknowns[0].location.path, database);
            }
        }
    }

    #[test]
    fn an_owner_accounts_for_its_files_and_not_for_the_database() {
        let list = "/usr/share/java/a.jar\n/usr/lib/os-release\n";
        let files = [
            ("usr/lib/os-release", "NAME=nameless\n"),
            ("var/lib/dpkg/status", "Package: a\nVersion: 1\n"),
            ("var/lib/dpkg/info/a.list", list),
            ("usr/share/java/a.jar", "no archive"),
            ("opt/b.jar", "no archive"),
        ];
        let owned = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let inventory = take_image_inventory(&Tree::in_memory(owned, Limits::default()));
        let gaps: Vec<_> =
            inventory.unknowns.iter().map(|unknown| unknown.location.path.as_str()).collect();
        assert_eq!(gaps, ["opt/b.jar", "usr/lib/os-release", "var/lib/dpkg/status"]);
    }

    /// Who owns the npm package in a root whose one Debian package listed its file: `package` is dpkg's paragraph, `sum` the
    /// MD5 of the file as it was installed.
    fn owner(package: &str, sum: &str) -> Option<String> {
        let sums = format!("{sum}  usr/lib/node_modules/a/package.json\n");
        let files = [
            ("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
            ("var/lib/dpkg/status", package),
            ("var/lib/dpkg/info/npm-x.list", "/usr/lib/node_modules/a/package.json\n"),
            ("var/lib/dpkg/info/npm-x.md5sums", &sums),
            ("usr/lib/node_modules/a/package.json", "{\"version\": \"1.0.0\"}"),
        ];
        let owned = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let inventory = take_image_inventory(&Tree::in_memory(owned, Limits::default()));
        let npm = inventory.packages.into_iter().find(|package| package.purl.kind() == "npm");
        npm.unwrap().owned_by.map(|owner| owner.name().to_owned())
    }

    #[test]
    fn only_what_the_distribution_brought_is_owned() {
        const SUM: &str = "298c8d59fc6fca8f888cd7909595d0cb";
        let own = "Package: npm-x\nMaintainer: D <d@debian.org>\nVersion: 1\n";
        assert_eq!(owner(own, SUM).as_deref(), Some("npm-x"));
        assert_eq!(
            owner(own, "none").as_deref(),
            Some("npm-x"),
            "a sum that is none tells nothing"
        );
        let other = SUM.replace('a', "b").replace('0', "1");
        assert_eq!(owner(own, &other), None, "somebody copied another file over it");
        let third = own.replace("debian.org", "nodesource.com");
        assert_eq!(owner(&third, SUM), None, "nobody else publishes its fixes");
    }

    #[test]
    fn a_database_behind_a_link_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("var/lib")).unwrap();
        std::fs::create_dir_all(root.join("state")).unwrap();
        std::os::unix::fs::symlink("/state", root.join("var/lib/dpkg")).unwrap();
        std::fs::write(root.join("state/status"), "Package: a\nVersion: 1\n").unwrap();
        let tree = secgate_source::open_directory(root, Limits::default(), &|_| false).unwrap();
        let inventory = take_image_inventory(&tree);
        assert_eq!(inventory.packages[0].purl.to_string(), "pkg:deb/a@1");
        assert_eq!(inventory.unknowns.len(), 1);
    }
}
