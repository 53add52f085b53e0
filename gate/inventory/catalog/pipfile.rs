use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{
        pypi,
        pyproject_toml::{self, Asked, Request},
    },
    document::{Map, Node, parse_toml},
};

/// `Pipfile`: what a project of Pipenv asks for (Pipenv documentation, "Pipfile and Pipfile.lock"). Every table beside the
/// reserved ones is a category of packages.
#[derive(Debug)]
pub(crate) struct Pipfile;

impl Cataloger for Pipfile {
    fn id(&self) -> &'static str {
        "pipfile"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "Pipfile"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_toml(&text)?;
        let mut faults = Vec::new();
        let requests = requests(&root, &mut faults)?;
        pyproject_toml::record(&requests, catalog);
        for (line, reason) in faults {
            catalog.unreadable(line, reason);
        }
        Ok(())
    }
}

/// Everything that a Pipfile asks for. Entries that cannot be read go to `faults`.
pub(crate) fn requests(
    root: &Node<'_>,
    faults: &mut Vec<(u32, String)>,
) -> Result<Vec<Request>, CatalogError> {
    let mut requests = Vec::new();
    for category in root.expect_map("Pipfile")? {
        let scope = match category.key.as_ref() {
            "source" | "requires" | "scripts" | "pipenv" | "pipfile" => continue,
            "packages" => Scope::Runtime,
            "dev-packages" => Scope::Dev,
            _ => Scope::Unknown,
        };
        for member in category.node.expect_map(&category.key)? {
            if !pypi::is_name(&member.key) {
                faults.push((member.line, "not the name of a package".to_owned()));
                continue;
            }
            let table: Option<&Map<'_>> = member.node.map();
            let version = match table {
                Some(table) => table.get("version").map_or(Some("*"), Node::text),
                None => member.node.text(),
            };
            let asked = match (pyproject_toml::source_of(table), version) {
                (Some(asked), _) => asked,
                (None, Some(version)) => pypi::exact(version).map_or_else(
                    || Asked::Open(version.to_owned()),
                    |version| Asked::Exact(version.to_owned()),
                ),
                (None, None) => {
                    faults.push((member.line, "its version is not a text".to_owned()));
                    continue;
                }
            };
            requests.push(Request {
                name: pypi::normal(&member.key),
                scope,
                line: member.line,
                asked,
                group: None,
            });
        }
    }
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const PIPFILE: &str = include_str!("../testdata/pipenv/Pipfile");

    #[test]
    fn exact_versions_and_open_ones() {
        let catalog = catalog_text(&Pipfile, "Pipfile", PIPFILE);
        assert_eq!(
            lines(&catalog),
            ["pkg:pypi/flask@2.0.1:7 direct=true scope=runtime parents=[]"]
        );
        let unpinned: Vec<_> =
            catalog.unpinned.iter().map(|request| request.unknown.reason.as_str()).collect();
        assert_eq!(
            unpinned,
            [
                "requests (*) has no exact version: pin it or commit a lockfile",
                "tool (git+https://github.com/acme/tool.git) has no exact version: pin it or commit a lockfile",
                "pytest (~=8.0) has no exact version: pin it or commit a lockfile",
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(failure(&Pipfile, "Pipfile", "[packages\n"), "1: unclosed table, expected `]`");
        assert_eq!(
            failure(&Pipfile, "Pipfile", "packages = 1\n"),
            "1: `packages` is a number, expected a mapping"
        );
        let catalog = catalog_text(&Pipfile, "Pipfile", "[packages]\na = 1\nb = \"==1\"\n");
        assert_eq!(catalog.packages.len(), 1);
        assert_eq!(catalog.unknowns[0].location.line, Some(2));
    }
}
