use std::collections::{HashMap, HashSet};

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Node, parse_json},
};

/// `vcpkg.json`, the manifest of vcpkg. Only an `overrides` entry names one exact version; a dependency without one takes
/// whatever the baseline holds, or more, and is a gap.
#[derive(Debug)]
pub(crate) struct VcpkgJson;

impl Cataloger for VcpkgJson {
    fn id(&self) -> &'static str {
        "vcpkg"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "vcpkg.json"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_json(&text)?;
        root.expect_map("the document")?;
        let mut asked: Vec<Asked<'_>> = Vec::new();
        for node in root.optional_list("dependencies")? {
            asked.push(Asked::read(node, Scope::Runtime)?);
        }
        for feature in root.optional_map("features")? {
            for node in feature.node.optional_list("dependencies")? {
                asked.push(Asked::read(node, Scope::Optional)?);
            }
        }
        let mut scopes: HashMap<&str, Scope> = HashMap::new();
        for one in &asked {
            scopes
                .entry(one.name)
                .and_modify(|scope| *scope = scope.widest(one.scope))
                .or_insert(one.scope);
        }
        let mut fixed = HashSet::new();
        for node in root.optional_list("overrides")? {
            let name = node.member_text("name")?;
            let version = ["version", "version-semver", "version-date", "version-string"]
                .iter()
                .find_map(|key| node.get(key))
                .ok_or_else(|| CatalogError::at(node.line, "an override without a version"))?
                .expect_text("version")?;
            if !fixed.insert(name) {
                return Err(CatalogError::at(node.line, format!("`{name}` is overridden twice")));
            }
            // `1.2.3#4` is port version 4 of 1.2.3.
            let (version, hash) = version.split_once('#').unwrap_or((version, ""));
            let port = node.get("port-version").and_then(Node::scalar).unwrap_or(hash);
            let port = if port == "0" { "" } else { port };
            if let Some(package) = catalog.package("vcpkg", None, name, version, node.line) {
                package.purl = package.purl.clone().with_qualifier("port_version", port);
                package.direct = Some(scopes.contains_key(name));
                package.scope = scopes.get(name).copied().unwrap_or_default();
            }
        }
        let baseline = root.optional_text("builtin-baseline")?;
        for one in asked.iter().filter(|one| !fixed.contains(one.name)) {
            let mut said = one.least.map_or(String::new(), |least| format!(">={least}"));
            if let Some(baseline) = baseline {
                let short: String = baseline.chars().take(12).collect();
                let comma = if said.is_empty() { "" } else { ", " };
                said = format!("{said}{comma}baseline {short}");
            }
            catalog.unpinned("vcpkg", None, one.name, one.line, &said);
        }
        Ok(())
    }
}

struct Asked<'n> {
    name: &'n str,
    least: Option<&'n str>,
    scope: Scope,
    line: u32,
}

impl<'n> Asked<'n> {
    /// `"name"` or an object; a `host` dependency runs where the build runs.
    fn read(node: &'n Node<'n>, scope: Scope) -> Result<Self, CatalogError> {
        let line = node.line;
        if let Some(name) = node.text() {
            return Ok(Self { name, least: None, scope, line });
        }
        node.expect_map("dependencies")?;
        let host = node.get("host").and_then(Node::bool) == Some(true);
        Ok(Self {
            name: node.member_text("name")?,
            least: node.optional_text("version>=")?,
            scope: if host { Scope::Dev } else { scope },
            line: node.get("name").map_or(line, |name| name.line),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::testing::{catalog_text, failure, lines},
        sbom::testing::gaps,
    };

    #[test]
    fn overrides_are_packages_and_the_rest_are_gaps() {
        let text = include_str!("../testdata/vcpkg/vcpkg.json");
        let catalog = catalog_text(&VcpkgJson, "vcpkg.json", text);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:vcpkg/zlib@1.2.11?port_version=9:15 direct=true scope=runtime parents=[]",
                "pkg:vcpkg/bzip2@1.0.8:16 direct=false parents=[]",
            ]
        );
        assert_eq!(
            gaps(&catalog),
            [
                "7 unpinned: fmt (>=10.1.0, baseline 3426db05b996) has no exact version: pin it or commit a lockfile",
                "11 unpinned: gtest (baseline 3426db05b996) has no exact version: pin it or commit a lockfile",
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&VcpkgJson, "vcpkg.json", text);
        assert_eq!(fails("{\"dependencies\": [\n{}]}"), "2: `name` is missing");
        assert_eq!(
            fails("{\"overrides\": [\n{\"name\": \"a\"}]}"),
            "2: an override without a version"
        );
    }
}
