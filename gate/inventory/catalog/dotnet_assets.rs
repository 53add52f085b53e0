use std::collections::HashSet;

use secgate_source::{Entry, Tree};

use super::dotnet_graph::catalog_graph;
use crate::{Catalog, CatalogError, Cataloger, document::parse_json};

/// `obj/project.assets.json`, which a NuGet restore writes: what the project was restored to. Direct is what
/// `projectFileDependencyGroups` names.
#[derive(Debug)]
pub(crate) struct DotnetAssets;

impl Cataloger for DotnetAssets {
    fn id(&self) -> &'static str {
        "dotnet-assets"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "project.assets.json"
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
        catalog_graph(&root, catalog, false)?;
        let groups = root
            .get("projectFileDependencyGroups")
            .ok_or_else(|| CatalogError::at(root.line, "`projectFileDependencyGroups` is missing"))?
            .expect_map("projectFileDependencyGroups")?;
        let mut named = HashSet::new();
        for group in groups {
            for request in group.node.expect_list("a group")? {
                // `Serilog >= 2.10.0`
                let name = request.expect_text("a group")?.split(' ').next().unwrap_or_default();
                named.insert(name.to_ascii_lowercase());
            }
        }
        for found in &mut catalog.packages {
            found.direct = Some(named.contains(&found.purl.name().to_ascii_lowercase()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn what_was_restored() {
        let catalog = catalog_text(
            &DotnetAssets,
            "obj/project.assets.json",
            include_str!("../testdata/dotnet/obj/project.assets.json"),
        );
        assert_eq!(
            lines(&catalog),
            [
                "pkg:nuget/Newtonsoft.Json@12.0.3:19 direct=false parents=[pkg:nuget/Serilog@2.10.0]",
                "pkg:nuget/Serilog@2.10.0:24 direct=true parents=[]",
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&DotnetAssets, "project.assets.json", "{\"targets\":{},\"libraries\":{}}"),
            "1: `projectFileDependencyGroups` is missing"
        );
    }
}
