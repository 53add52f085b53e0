//! Which packages of languages the operating system's packages brought.

use std::collections::{HashMap, HashSet};

use secgate_model::{Inventory, Purl};
use secgate_source::{Entry, Tree};

use crate::{
    CATALOGERS, Catalog,
    catalog::{file_digest, root_file::real_path},
    cataloger::Owned,
    excerpt,
};

/// Whether a cataloger of installed packages would read a file of this path.
pub(crate) fn may_tell_of_a_package(path: &str) -> bool {
    let entry = Entry { path: path.to_owned() };
    CATALOGERS.iter().any(|cataloger| cataloger.installed() && cataloger.wants(&entry))
}

/// Whether a purl names a package of an operating system.
pub(crate) fn is_system(purl: &Purl) -> bool {
    matches!(purl.kind(), "deb" | "apk" | "rpm" | "alpm")
}

/// Gives each package of a language, one file of which a package of the distribution brought, its owner; `inventory` holds
/// what `catalogs` brought, still one entry a file. What such a file could not tell is no gap: its owner accounts for it.
///
/// A file that is not what the package brought any more has no owner, and packages of third parties own nothing here: nobody
/// else publishes fixes for what is inside them. A path is that of the file after the links of its folders, so that `/lib/x`
/// and `/usr/lib/x` are one where the root has it so.
pub(crate) fn settle(inventory: &mut Inventory, catalogs: &[Catalog], tree: &Tree) {
    let told = inventory.packages.iter().filter(|package| !is_system(&package.purl));
    let paths: HashSet<&str> = told
        .flat_map(|package| &package.locations)
        .chain(inventory.unknowns.iter().map(|unknown| &unknown.location))
        .map(|location| location.path.as_str())
        .collect();
    let names: HashSet<&str> = paths.iter().map(|path| last(path)).collect();
    let mut owners: HashMap<String, Purl> = HashMap::new();
    // A database may name one file as often as it likes.
    let mut digests: HashMap<String, Vec<String>> = HashMap::new();
    for catalog in catalogs {
        for Owned { index, path, digest } in &catalog.owned {
            let Some(owner) = catalog.packages.get(*index).map(|package| &package.purl) else {
                continue;
            };
            if !names.contains(last(path)) || owner.qualifier("vendor").is_some() {
                continue;
            }
            let Some(path) = real_path(tree, path).filter(|path| paths.contains(path.as_str()))
            else {
                continue;
            };
            // What was copied over a file is somebody else's.
            if !digest.is_empty() {
                let own = digests.entry(path.clone()).or_insert_with(|| digests_of(tree, &path));
                if !own.contains(digest) {
                    continue;
                }
            }
            let slot = owners.entry(path).or_insert_with(|| owner.clone());
            // Two packages may share a file; which one is told must not depend on the order.
            if owner < slot {
                *slot = owner.clone();
            }
        }
    }
    if owners.is_empty() {
        return;
    }
    inventory.unknowns.retain(|unknown| !owners.contains_key(&unknown.location.path));
    for package in inventory.packages.iter_mut().filter(|package| !is_system(&package.purl)) {
        let place = package.locations.first().map(|location| location.path.as_str());
        package.owned_by = place.and_then(|path| owners.get(path)).cloned();
    }
}

/// The checksums of the file at a path; none when it cannot be read.
fn digests_of(tree: &Tree, path: &str) -> Vec<String> {
    let Some(bytes) = tree.find(path).and_then(|entry| tree.read(entry).ok()) else {
        return Vec::new();
    };
    if excerpt::is_excerpt(&bytes) { excerpt::digests(&bytes) } else { file_digest::all(&bytes) }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}
