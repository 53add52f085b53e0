use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use super::xml::{Xml, children};
use crate::{Catalog, CatalogError, Cataloger};

/// `packages.config` (NuGet, "packages.config reference"): all packages of an older .NET project, exact versions. The
/// list is flat: what is direct is not told. `developmentDependency` marks what is not shipped.
#[derive(Debug)]
pub(crate) struct NugetConfig;

impl Cataloger for NugetConfig {
    fn id(&self) -> &'static str {
        "nuget-packages-config"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let name = entry.name();
        let of_project = name.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("packages."))
            && name
                .get(name.len().saturating_sub(7)..)
                .is_some_and(|end| end.eq_ignore_ascii_case(".config"));
        of_project && name.len() >= 15
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let xml = Xml::parse(&text, "packages")?;
        for package in children(xml.root(), "package") {
            let line = xml.line(package);
            let Some(id) = package.attribute("id").filter(|id| !id.is_empty()) else {
                catalog.unreadable(line, "a package without `id`");
                continue;
            };
            let version = package.attribute("version").unwrap_or_default();
            let dev = package
                .attribute("developmentDependency")
                .is_some_and(|value| value.eq_ignore_ascii_case("true"));
            if let Some(found) = catalog.package("nuget", None, id, version, line) {
                found.scope = if dev { Scope::Dev } else { Scope::Runtime };
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn every_package() {
        let catalog = catalog_text(
            &NugetConfig,
            "packages.config",
            include_str!("../testdata/nuget/packages.config"),
        );
        assert_eq!(
            lines(&catalog),
            [
                "pkg:nuget/jQuery@3.1.1:3 scope=runtime parents=[]",
                "pkg:nuget/Microsoft.Net.Compilers@1.0.0:4 scope=dev parents=[]",
            ]
            .map(str::to_owned)
        );
        assert_eq!(catalog.unpinned.len(), 1);
        assert_eq!(catalog.unknowns[0].location.line, Some(6));
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&NugetConfig, "packages.config", "\n<configuration/>"),
            "2: the root element is `configuration`, expected `packages`"
        );
    }
}
