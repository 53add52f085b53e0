use std::collections::HashMap;

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use super::xml::{Xml, child_text, children, text};
use crate::{Catalog, CatalogError, Cataloger};

/// `PackageReference` in `*.csproj`, `*.fsproj` and `*.vbproj` (NuGet, "PackageReference in project files"), where no
/// `packages.lock.json` and no `obj/project.assets.json` stands beside: those tell more.
///
/// A plain version is the least that is allowed, and NuGet takes the least: it counts. `[1.2.3]` is exact. Ranges, floating
/// versions (`6.*`) and properties that the tree does not set are not pinned. Versions also come from the nearest
/// `Directory.Packages.props`, properties also from the nearest `Directory.Build.props`. Conditions are not evaluated:
/// every branch counts. `PrivateAssets="all"` marks what only the build needs.
#[derive(Debug)]
pub(crate) struct MsbuildProject;

impl Cataloger for MsbuildProject {
    fn id(&self) -> &'static str {
        "msbuild-project"
    }

    fn wants(&self, entry: &Entry) -> bool {
        [".csproj", ".fsproj", ".vbproj"].iter().any(|end| entry.name().ends_with(end))
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let beside = |name: &str| tree.find(&join(entry.folder(), name)).is_some();
        let named = entry.name().rsplit_once('.').map_or("", |(stem, _)| stem);
        if beside("packages.lock.json")
            || beside(&format!("packages.{named}.lock.json"))
            || beside("obj/project.assets.json")
        {
            return Ok(());
        }
        let source = tree.read_text(entry)?;
        let xml = Xml::parse(&source, "Project")?;
        let mut central = Central::default();
        for name in ["Directory.Build.props", "Directory.Packages.props"] {
            if let Some(path) = nearest(tree, entry.folder(), name)
                && let Some(found) = tree.find(&path)
            {
                central.read(&tree.read_text(found)?).map_err(|error| {
                    CatalogError::whole(format!("{path}, which it includes: {error}"))
                })?;
            }
        }
        central.properties(&xml);
        for reference in children_of_groups(&xml, "PackageReference") {
            let line = xml.line(reference);
            let Some(name) = reference.attribute("Include").filter(|name| !name.is_empty()) else {
                // `Update` and `Remove` change a reference that stands elsewhere.
                continue;
            };
            let own = |key: &str| {
                reference.attribute(key).or_else(|| child_text(reference, key)).map(str::trim)
            };
            let name = central.fill(name);
            let asked = own("VersionOverride")
                .or_else(|| own("Version"))
                .map(str::to_owned)
                .or_else(|| central.versions.get(&name.to_ascii_lowercase()).cloned())
                .unwrap_or_default();
            let asked = central.fill(&asked);
            let Some(version) = exact(&asked) else {
                catalog.unpinned("nuget", None, &name, line, &asked);
                continue;
            };
            if let Some(found) = catalog.package("nuget", None, &name, version, line) {
                found.direct = Some(true);
                let private =
                    own("PrivateAssets").is_some_and(|text| text.eq_ignore_ascii_case("all"));
                found.scope = if private { Scope::Dev } else { Scope::Runtime };
            }
        }
        Ok(())
    }
}

/// What the files above a project set for it.
#[derive(Default)]
struct Central {
    /// Versions by lower-case package name.
    versions: HashMap<String, String>,
    /// Values by lower-case property name.
    properties: HashMap<String, String>,
}

impl Central {
    fn read(&mut self, source: &str) -> Result<(), CatalogError> {
        let xml = Xml::parse(source, "Project")?;
        self.properties(&xml);
        for version in children_of_groups(&xml, "PackageVersion") {
            let name = version.attribute("Include").or_else(|| version.attribute("Update"));
            let value = version.attribute("Version").or_else(|| child_text(version, "Version"));
            if let (Some(name), Some(value)) = (name, value) {
                self.versions.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
        }
        Ok(())
    }

    fn properties(&mut self, xml: &Xml<'_>) {
        for property in children(xml.root(), "PropertyGroup").flat_map(|group| group.children()) {
            if let Some(value) = text(property) {
                self.properties
                    .insert(property.tag_name().name().to_ascii_lowercase(), value.to_owned());
            }
        }
    }

    /// Fills in `$(Name)`; what is not set stays as it is written.
    fn fill(&self, text: &str) -> String {
        const ROUNDS: usize = 8;
        const MAX_LENGTH: usize = 512;
        let mut text = text.to_owned();
        for _ in 0..ROUNDS {
            let Some((before, rest)) = text.split_once("$(") else { break };
            let Some((name, after)) = rest.split_once(')') else { break };
            let Some(value) = self.properties.get(&name.trim().to_ascii_lowercase()) else { break };
            if before.len() + value.len() + after.len() > MAX_LENGTH {
                break;
            }
            text = format!("{before}{value}{after}");
        }
        text
    }
}

fn children_of_groups<'a, 't>(
    xml: &'a Xml<'t>,
    name: &'static str,
) -> impl Iterator<Item = roxmltree::Node<'a, 't>> {
    // `Choose`, `When` and `Otherwise` nest groups: wherever the element stands, it counts.
    xml.root().descendants().filter(move |node| node.is_element() && node.tag_name().name() == name)
}

/// The one version that is asked for, if it is one.
fn exact(asked: &str) -> Option<&str> {
    let version = match asked.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.trim(),
        None => asked,
    };
    let plain = version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'));
    plain.then_some(version)
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The path of the first file of this name in the folder or above it.
fn nearest(tree: &Tree, folder: &str, name: &str) -> Option<String> {
    let mut folder = folder;
    loop {
        let path = join(folder, name);
        if tree.find(&path).is_some() {
            return Some(path);
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{failure, lines, try_catalog};

    const PROJECT: &str = include_str!("../testdata/dotnet/src/Shop/Shop.csproj");
    const CENTRAL: &str = include_str!("../testdata/dotnet/Directory.Packages.props");

    #[test]
    fn exact_versions_count_and_floating_ones_do_not() {
        let (catalog, result) = try_catalog(
            &MsbuildProject,
            &[
                ("src/Shop/Shop.csproj", PROJECT.as_bytes()),
                ("Directory.Packages.props", CENTRAL.as_bytes()),
            ],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:nuget/Newtonsoft.Json@12.0.3:8 direct=true scope=runtime parents=[]",
                "pkg:nuget/Serilog@2.10.0:9 direct=true scope=runtime parents=[]",
                "pkg:nuget/StyleCop.Analyzers@1.1.118:10 direct=true scope=dev parents=[]",
                "pkg:nuget/Dapper@2.0.90:14 direct=true scope=runtime parents=[]",
            ]
            .map(str::to_owned)
        );
        let open: Vec<_> =
            catalog.unpinned.iter().filter_map(|open| open.unknown.location.line).collect();
        assert_eq!(open, [15, 16, 17]);
    }

    #[test]
    fn a_lockfile_beside_tells_more() {
        for lock in ["a/packages.lock.json", "a/obj/project.assets.json"] {
            let (catalog, result) =
                try_catalog(&MsbuildProject, &[("a/A.csproj", PROJECT.as_bytes()), (lock, b"{}")]);
            assert!(result.is_ok() && catalog.packages.is_empty());
        }
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&MsbuildProject, "a.csproj", "\n<x/>"),
            "2: the root element is `x`, expected `Project`"
        );
        let (_, result) = try_catalog(
            &MsbuildProject,
            &[("a/a.csproj", b"<Project/>"), ("Directory.Build.props", b"<Project>")],
        );
        let message = result.unwrap_err().to_string();
        assert!(
            message.starts_with("Directory.Build.props, which it includes: not well"),
            "{message}"
        );
    }
}
