use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{address, npm},
    document::{Node, parse_toml},
};

/// `Cargo.toml`: what a crate asks for (Cargo book, "Specifying Dependencies").
///
/// `=1.2.3` is a package; anything else has to be answered by a `Cargo.lock`. What is inherited from the workspace is
/// recorded where the workspace states it, unless a lockfile holds all that is used of it. Crates that Cargo itself has
/// unpacked (vendored, or in its cache) are not the project's.
#[derive(Debug)]
pub(crate) struct CargoToml;

impl Cataloger for CargoToml {
    fn id(&self) -> &'static str {
        "cargo-toml"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "Cargo.toml"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let beside = |name: &str| {
            address::resolve(entry.folder(), name).is_some_and(|path| tree.find(&path).is_some())
        };
        if beside(".cargo-checksum.json") || beside(".cargo-ok") {
            catalog.passed_over();
            return Ok(());
        }
        let text = tree.read_text(entry)?;
        let root = parse_toml(&text)?;
        sections(&root, catalog)?;
        for target in root.optional_map("target")? {
            sections(&target.node, catalog)?;
        }
        if let Some(workspace) = root.get("workspace")
            && !is_locked(entry, tree)
        {
            table(workspace, "dependencies", Scope::Unknown, catalog)?;
        }
        Ok(())
    }
}

/// Whether a lockfile stands here or above.
fn is_locked(entry: &Entry, tree: &Tree) -> bool {
    let mut folder = entry.folder();
    loop {
        let found = address::resolve(folder, "Cargo.lock");
        if found.is_some_and(|path| tree.find(&path).is_some()) {
            return true;
        }
        if folder.is_empty() {
            return false;
        }
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

fn sections(node: &Node<'_>, catalog: &mut Catalog) -> Result<(), CatalogError> {
    for (key, scope) in [
        ("dependencies", Scope::Runtime),
        ("dev-dependencies", Scope::Dev),
        ("dev_dependencies", Scope::Dev),
        ("build-dependencies", Scope::Dev),
        ("build_dependencies", Scope::Dev),
    ] {
        table(node, key, scope, catalog)?;
    }
    Ok(())
}

fn table(
    node: &Node<'_>,
    key: &str,
    scope: Scope,
    catalog: &mut Catalog,
) -> Result<(), CatalogError> {
    for member in node.optional_map(key)? {
        let (value, line) = (&member.node, member.line);
        if value.text().is_none() && value.map().is_none() {
            catalog.unreadable(
                line,
                format!("`{key}` asks for {} instead of a version", value.sort()),
            );
            continue;
        }
        // `workspace = true` may also be written as a dotted key.
        if value.get("workspace").is_some() || value.get("path").is_some() {
            continue;
        }
        let name = value.get("package").and_then(Node::text).unwrap_or(&member.key);
        let version = value.text().or_else(|| value.get("version").and_then(Node::text));
        let git = value.get("git").and_then(Node::text);
        let exact = version
            .and_then(|version| version.trim().strip_prefix('='))
            .map(str::trim)
            .filter(|version| npm::is_exact(version) && git.is_none());
        let Some(exact) = exact else {
            let asked = git.map_or_else(|| version.unwrap_or_default().to_owned(), address::public);
            catalog.unpinned("cargo", None, name, line, &asked);
            continue;
        };
        let optional = value.get("optional").and_then(Node::bool) == Some(true);
        if let Some(package) = catalog.package("cargo", None, name, exact, line) {
            package.direct = Some(true);
            package.scope =
                if optional && scope == Scope::Runtime { Scope::Optional } else { scope };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const MANIFEST: &str = include_str!("../testdata/cargo_toml/Cargo.toml");

    fn unpinned(catalog: &Catalog) -> Vec<String> {
        let show = |request: &crate::cataloger::Unpinned| {
            let line = request.unknown.location.line.unwrap();
            format!("{}:{line}", request.purl.as_ref().unwrap())
        };
        catalog.unpinned.iter().map(show).collect()
    }

    #[test]
    fn exact_versions_and_open_ones() {
        let catalog = catalog_text(&CargoToml, "Cargo.toml", MANIFEST);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:cargo/time@0.1.42:12 direct=true scope=runtime parents=[]",
                "pkg:cargo/zstd@0.13.0:13 direct=true scope=optional parents=[]",
                "pkg:cargo/winapi@0.3.9:24 direct=true scope=runtime parents=[]",
            ]
        );
        assert_eq!(
            unpinned(&catalog),
            [
                "pkg:cargo/serde:10",
                "pkg:cargo/serde_json:11",
                "pkg:cargo/tool:14",
                "pkg:cargo/proptest:18",
                "pkg:cargo/cc:21",
                "pkg:cargo/rand:27",
            ]
        );
    }

    #[test]
    fn a_lockfile_answers_for_the_workspace() {
        let (catalog, result) = try_catalog(
            &CargoToml,
            &[("a/Cargo.toml", MANIFEST.as_bytes()), ("Cargo.lock", b"version = 4\n")],
        );
        result.unwrap();
        assert_eq!(unpinned(&catalog).len(), 5);
        let (catalog, result) = try_catalog(
            &CargoToml,
            &[("v/x/Cargo.toml", MANIFEST.as_bytes()), ("v/x/.cargo-checksum.json", b"{}")],
        );
        result.unwrap();
        assert!(catalog.packages.is_empty() && catalog.unpinned.is_empty());
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&CargoToml, "Cargo.toml", "\ndependencies = 1\n"),
            "2: `dependencies` is a number, expected a mapping"
        );
        let catalog =
            catalog_text(&CargoToml, "Cargo.toml", "[dependencies]\na = 1\nb = \"=1.0.0\"\n");
        assert_eq!(catalog.packages.len(), 1);
        assert_eq!(catalog.unknowns[0].location.line, Some(2));
    }
}
