use std::collections::HashMap;

use secgate_model::Purl;
use secgate_source::{Entry, Tree};

use crate::{Catalog, CatalogError, Cataloger, document::parse_json};

/// `packages.lock.json` (NuGet, "Locking dependencies"), versions 1 and 2.
///
/// `Direct` is direct; `Transitive` and `CentralTransitive` are not; `Project` is the solution itself. Each target
/// framework is a graph of its own. Which packages only the build needs the file does not tell.
#[derive(Debug)]
pub(crate) struct NugetLock;

impl Cataloger for NugetLock {
    fn id(&self) -> &'static str {
        "nuget-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let name = entry.name();
        // A lockfile beside several projects carries the project's name: `packages.Shop.lock.json`.
        name.starts_with("packages.") && name.ends_with("lock.json")
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_json(&text)?;
        root.expect_map("the file")?;
        let version = root
            .get("version")
            .ok_or_else(|| CatalogError::at(root.line, "`version` is missing"))?;
        if !matches!(version.scalar(), Some("1" | "2")) {
            return Err(CatalogError::at(version.line, "a version that is not known: 1 and 2 are"));
        }
        let frameworks = root
            .get("dependencies")
            .ok_or_else(|| CatalogError::at(root.line, "`dependencies` is missing"))?
            .expect_map("dependencies")?;
        for framework in frameworks {
            let packages = framework.node.expect_map("a target framework")?;
            let mut places: HashMap<String, (usize, Option<Purl>)> = HashMap::new();
            for package in packages {
                let direct = match package.node.member_text("type")? {
                    "Direct" => true,
                    "Transitive" | "CentralTransitive" => false,
                    "Project" => continue,
                    _ => {
                        catalog.unreadable(
                            package.line,
                            "a type of package that is not known: Direct, Transitive, \
                             CentralTransitive and Project are",
                        );
                        continue;
                    }
                };
                let resolved = package.node.member_text("resolved")?;
                if let Some(found) =
                    catalog.package("nuget", None, &package.key, resolved, package.line)
                {
                    found.direct = Some(direct);
                    let purl = found.purl.clone();
                    let at = catalog.packages.len() - 1;
                    places.insert(package.key.to_ascii_lowercase(), (at, Some(purl)));
                }
            }
            let mut edges = Vec::new();
            for package in packages {
                let Some((_, Some(parent))) = places.get(&package.key.to_ascii_lowercase()) else {
                    continue;
                };
                for child in package.node.optional_map("dependencies")? {
                    // Projects, and packages that the shared framework brings, have no place of their own.
                    if let Some((at, _)) = places.get(&child.key.to_ascii_lowercase()) {
                        edges.push((*at, parent.clone()));
                    }
                }
            }
            catalog.link(edges);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const NAME: &str = "packages.lock.json";

    #[test]
    fn every_package_with_its_line_and_parents() {
        let catalog =
            catalog_text(&NugetLock, NAME, include_str!("../testdata/nuget/packages.lock.json"));
        assert_eq!(
            lines(&catalog),
            [
                "pkg:nuget/Microsoft.Extensions.Logging@6.0.0:5 direct=true parents=[]",
                "pkg:nuget/Newtonsoft.Json@12.0.3:14 direct=false parents=[pkg:nuget/Microsoft.Extensions.Logging@6.0.0]",
                "pkg:nuget/System.Text.Json@6.0.1:19 direct=false parents=[]",
                "pkg:nuget/Microsoft.Extensions.Logging@6.0.0:33 direct=true parents=[]",
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn faults_name_their_line() {
        let check =
            |text: &str, expected: &str| assert_eq!(failure(&NugetLock, NAME, text), expected);
        check("{}", "1: `version` is missing");
        check("{\n\"version\": 7}", "2: a version that is not known: 1 and 2 are");
        check("{\"version\": 1}", "1: `dependencies` is missing");
        check(
            "{\"version\": 1, \"dependencies\": {\"net6.0\": {\n\"A\": {\"type\": \"Direct\"}}}}",
            "2: `resolved` is missing",
        );
        check("{\"version\": 1,\n", "2: the file ends in the middle of a value");
    }
}
