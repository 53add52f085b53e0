use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::npm::{self, Asked},
    document::parse_json,
};

/// `package.json` of a project: what it asks for (npm documentation, "package.json").
///
/// A full version is a package; a range has to be answered by a lockfile, or by what is installed in the `node_modules`
/// beside or above. Peers are expected of others and not judged here.
#[derive(Debug)]
pub(crate) struct PackageJson;

impl Cataloger for PackageJson {
    fn id(&self) -> &'static str {
        "package-json"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "package.json" && !entry.path.split('/').any(|part| part == "node_modules")
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_json(&text)?;
        root.expect_map("package.json")?;
        let mut faults = Vec::new();
        for request in npm::requests(&root, &mut faults)? {
            match npm::asked(request.range) {
                Asked::Local => {}
                Asked::Exact(alias, version) => {
                    let name = alias.unwrap_or(request.name);
                    let index = npm::push(catalog, name, version, request.line);
                    if let Some(package) = index.and_then(|at| catalog.packages.get_mut(at)) {
                        package.direct = Some(true);
                        package.scope = request.scope;
                    }
                }
                Asked::Open(_) if is_installed(request.name, entry, tree) => {}
                Asked::Open(alias) => {
                    let name = alias.unwrap_or(request.name);
                    npm::unpinned(catalog, name, request.line, request.range);
                }
            }
        }
        for (line, reason) in faults {
            catalog.unreadable(line, reason);
        }
        Ok(())
    }
}

/// Whether Node would find the package from here: then its own `package.json` is in the inventory.
fn is_installed(name: &str, entry: &Entry, tree: &Tree) -> bool {
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return false;
    }
    let mut folder = entry.folder();
    for _ in 0..64 {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        if tree.find(&format!("{prefix}node_modules/{name}/package.json")).is_some() {
            return true;
        }
        if folder.is_empty() {
            break;
        }
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const MANIFEST: &str = include_str!("../testdata/package_json/package.json");

    #[test]
    fn exact_versions_and_open_ones() {
        let (catalog, result) = try_catalog(
            &PackageJson,
            &[
                ("web/package.json", MANIFEST.as_bytes()),
                ("node_modules/installed/package.json", b"{}"),
            ],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/%40acme/ui@2.0.0:7 direct=true scope=runtime parents=[]",
                "pkg:npm/lodash@4.17.20:8 direct=true scope=runtime parents=[]",
                "pkg:npm/fsevents@2.3.3:18 direct=true scope=optional parents=[]",
                "pkg:npm/typescript@5.4.2:15 direct=true scope=dev parents=[]",
            ]
        );
        let unpinned: Vec<_> =
            catalog.unpinned.iter().map(|request| request.unknown.reason.as_str()).collect();
        assert_eq!(
            unpinned,
            [
                "express (^4.18.0) has no exact version: pin it or commit a lockfile",
                "tool (git+https://github.com/acme/tool.git) has no exact version: pin it or commit a lockfile",
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&PackageJson, "package.json", "{\n"),
            "2: the file ends in the middle of a value"
        );
        assert_eq!(
            failure(&PackageJson, "package.json", "{\n\"dependencies\": 1}"),
            "2: `dependencies` is a number, expected a mapping"
        );
        let catalog = catalog_text(
            &PackageJson,
            "package.json",
            "{\"dependencies\": {\n\"a\": 1,\n\"b\": \"1.0.0\"}}",
        );
        assert_eq!(catalog.packages.len(), 1);
        assert_eq!(catalog.unknowns[0].location.line, Some(2));
    }
}
