//! Which layer of an image brought a package.

use std::collections::BTreeMap;

use secgate_model::{Digest, Inventory, Purl};
use secgate_source::{Entry, Limits, Tree};

use crate::{Cataloger, SYSTEM_CATALOGERS, take::run};

/// Gives every place its layer. A package whose file stands alone came with that file. A database of packages is written
/// anew by every layer that installs something, so that its last layer says nothing about most of them: such a package came
/// with the lowest layer since which every version of the database names it.
pub(crate) fn attribute(
    inventory: &mut Inventory,
    wanted: &[(&Entry, &dyn Cataloger)],
    tree: &Tree,
) {
    let databases: Vec<(&Entry, &dyn Cataloger)> = wanted
        .iter()
        .copied()
        .filter(|(_, cataloger)| SYSTEM_CATALOGERS.iter().any(|one| one.id() == cataloger.id()))
        .collect();
    let paths: Vec<&str> = databases.iter().map(|(entry, _)| entry.path.as_str()).collect();
    // Per database, the layer that each of its packages came with, where it is a lower one.
    let mut lower: BTreeMap<&str, BTreeMap<Key, Digest>> = BTreeMap::new();
    let mut present: BTreeMap<&str, Vec<Key>> = BTreeMap::new();
    for (path, layer, bytes) in tree.earlier(&paths) {
        let Some((entry, cataloger)) = databases.iter().find(|(entry, _)| entry.path == path)
        else {
            continue;
        };
        let alone = [(entry.path.clone(), bytes.to_vec())];
        let earlier =
            Tree::in_memory(alone, Limits { file_bytes: bytes.len() as u64, ..Limits::default() });
        let catalog = run(*cataloger, entry, &earlier);
        let mut keys: Vec<Key> = catalog.packages.iter().map(|one| key(&one.purl)).collect();
        keys.sort();
        if let Some(above) = present.get(entry.path.as_str()) {
            keys.retain(|key| above.binary_search(key).is_ok());
        }
        let came = lower.entry(entry.path.as_str()).or_default();
        for key in &keys {
            came.insert(key.clone(), layer.clone());
        }
        present.insert(entry.path.as_str(), keys);
    }
    for package in &mut inventory.packages {
        let key = key(&package.purl);
        for location in &mut package.locations {
            let below = lower.get(location.path.as_str()).and_then(|came| came.get(&key));
            location.layer =
                below.cloned().or_else(|| tree.layer(tree.find(&location.path)?).cloned());
        }
    }
    for unknown in &mut inventory.unknowns {
        let entry = tree.find(&unknown.location.path);
        unknown.location.layer = entry.and_then(|entry| tree.layer(entry)).cloned();
    }
}

/// What two versions of a database call the same: without the distribution, which stands in another file.
type Key = (String, Option<String>, Option<String>);

fn key(purl: &Purl) -> Key {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    (purl.name().to_owned(), owned(purl.version()), owned(purl.qualifier("arch")))
}
