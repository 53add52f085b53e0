use secgate_source::{Entry, Tree};

use super::dotnet_graph::catalog_graph;
use crate::{Catalog, CatalogError, Cataloger, document::parse_json};

/// `*.deps.json`, which stands beside a built .NET application (.NET, "Runtime configuration files"): what was built in,
/// the shipped runtime (`runtimepack`) included.
#[derive(Debug)]
pub(crate) struct DotnetDeps;

impl Cataloger for DotnetDeps {
    fn id(&self) -> &'static str {
        "dotnet-deps"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name().ends_with(".deps.json")
    }

    fn installed(&self) -> bool {
        true
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
        catalog_graph(&root, catalog, true)?;
        catalog.default_scope(secgate_model::Scope::Runtime);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn what_was_built_in() {
        let catalog = catalog_text(
            &DotnetDeps,
            "out/Shop.deps.json",
            include_str!("../testdata/dotnet/Shop.deps.json"),
        );
        assert_eq!(
            lines(&catalog),
            [
                "pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@6.0.1:35 direct=true scope=runtime parents=[]",
                "pkg:nuget/Serilog@2.10.0:40 direct=true scope=runtime parents=[]",
                "pkg:nuget/Newtonsoft.Json@12.0.3:47 direct=false scope=runtime parents=[pkg:nuget/Serilog@2.10.0]",
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn faults_name_their_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(failure(&DotnetDeps, "a.deps.json", text), expected);
        };
        check("{\"targets\": {}}", "1: `libraries` is missing");
        check("{\"libraries\": {}}", "1: `targets` is missing");
        check("{\"libraries\": {\n\"A/1\": {}}, \"targets\": {}}", "2: `type` is missing");
        check("[]", "1: `the file` is a list, expected a mapping");
    }
}
