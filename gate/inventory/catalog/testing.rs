//! What the tests of catalogers share.

use std::path::Path;

use secgate_source::{Limits, Tree, open_directory};

use crate::{Catalog, CatalogError, Cataloger};

/// Runs a cataloger over a tree of these files; the first one is the one it reads.
pub(crate) fn try_catalog(
    cataloger: &dyn Cataloger,
    files: &[(&str, &[u8])],
) -> (Catalog, Result<(), CatalogError>) {
    let owned = files.iter().map(|(path, body)| ((*path).to_owned(), body.to_vec()));
    let tree = Tree::in_memory(owned, Limits::default());
    let entry = tree.find(files[0].0).unwrap();
    assert!(cataloger.wants(entry), "{} does not want {}", cataloger.id(), entry.path);
    let mut catalog = Catalog::new(&entry.path, cataloger.id());
    let result = cataloger.catalog(entry, &tree, &mut catalog);
    (catalog, result)
}

/// The catalog of one text that must be readable.
pub(crate) fn catalog_text(cataloger: &dyn Cataloger, path: &str, text: &str) -> Catalog {
    let (catalog, result) = try_catalog(cataloger, &[(path, text.as_bytes())]);
    result.unwrap_or_else(|error| panic!("{path}: {error}"));
    catalog
}

/// `purl:line direct=… parents=[…]` (and ` scope=…` when known) a package, in the order of the file.
pub(crate) fn lines(catalog: &Catalog) -> Vec<String> {
    catalog
        .packages
        .iter()
        .map(|package| {
            let line =
                package.locations[0].line.map_or_else(String::new, |line| format!(":{line}"));
            let direct =
                package.direct.map_or_else(String::new, |direct| format!(" direct={direct}"));
            let parents: Vec<_> = package.parents.iter().map(ToString::to_string).collect();
            let scope = match package.scope {
                secgate_model::Scope::Unknown => String::new(),
                scope => format!(" scope={}", scope.name()),
            };
            format!("{}{line}{direct}{scope} parents=[{}]", package.purl, parents.join(", "))
        })
        .collect()
}

/// `line: message` of a text that must not be readable.
pub(crate) fn failure(cataloger: &dyn Cataloger, path: &str, text: &str) -> String {
    match try_catalog(cataloger, &[(path, text.as_bytes())]).1 {
        Err(CatalogError::Malformed { line: Some(line), message }) => format!("{line}: {message}"),
        Err(error) => error.to_string(),
        Ok(()) => panic!("{path} was read without a fault"),
    }
}

/// The tree of a root file system below `testdata/roots`.
pub(crate) fn root_tree(name: &str) -> Tree {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/roots").join(name);
    open_directory(&root, Limits::default(), &|_| false).unwrap()
}

/// The catalog of one file of such a tree that must be readable.
pub(crate) fn root_catalog(cataloger: &dyn Cataloger, name: &str, path: &str) -> Catalog {
    let tree = root_tree(name);
    let entry = tree.find(path).unwrap_or_else(|| panic!("{path}"));
    assert!(cataloger.wants(entry), "{} does not want {path}", cataloger.id());
    let mut catalog = Catalog::new(path, cataloger.id());
    cataloger.catalog(entry, &tree, &mut catalog).unwrap_or_else(|error| panic!("{path}: {error}"));
    catalog
}
