use std::collections::{HashMap, HashSet};

use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Node, parse_toml},
    links::Links,
};

/// `Manifest.toml` of Julia, formats 1 and 2 (Pkg.jl, "Project.toml and Manifest.toml"), also as `JuliaManifest.toml` and
/// `Manifest-v1.11.toml`.
///
/// A package with a `path` is the project's own; one without a version is of the standard library, which comes with Julia.
/// What is direct is read from the `Project.toml` beside it, where there is one.
#[derive(Debug)]
pub(crate) struct JuliaManifest;

impl Cataloger for JuliaManifest {
    fn id(&self) -> &'static str {
        "julia-manifest"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let name = entry.name();
        let name = name.strip_prefix("Julia").unwrap_or(name);
        name == "Manifest.toml"
            || name
                .strip_prefix("Manifest-v")
                .and_then(|rest| rest.strip_suffix(".toml"))
                .is_some_and(|version| version.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        // Julia writes a line of comment even without a package.
        if text.trim().is_empty() {
            return Err(CatalogError::whole("the file is empty"));
        }
        let root = parse_toml(&text)?;
        let map = root.expect_map("the document")?;
        let packages = match root.get("manifest_format") {
            None => map,
            Some(format) => {
                let known =
                    format.scalar().and_then(|text| text.split('.').next()).map(str::parse::<u32>);
                match known {
                    Some(Ok(1)) => map,
                    // A project without dependencies has no `deps`.
                    Some(Ok(2)) => match root.get("deps") {
                        Some(deps) => deps.expect_map("deps")?,
                        None => return Ok(()),
                    },
                    _ => {
                        return Err(CatalogError::at(
                            format.line,
                            "a manifest_format that is not known: 1 and 2 are",
                        ));
                    }
                }
            }
        };
        let mut locked = Vec::new();
        for member in packages {
            // Format 1 keeps the packages beside its own few scalars.
            let Some(list) = member.node.list() else { continue };
            for node in list {
                if root.get("manifest_format").is_none() && node.get("uuid").is_none() {
                    // Other tools call a file Manifest.toml too.
                    continue;
                }
                locked.push(Locked::read(&member.key, node)?);
            }
        }
        if locked.is_empty() && root.get("manifest_format").is_none() && !map.is_empty() {
            catalog.passed_over();
            return Ok(());
        }
        let direct = direct(entry, tree);
        let mut by_uuid: HashMap<&str, usize> = HashMap::new();
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut own = HashSet::new();
        for package in &locked {
            if package.path {
                own.insert(package.uuid);
                continue;
            }
            let Some(version) = package.version else { continue };
            let found = catalog.package("julia", None, package.name, version, package.line);
            let Some(found) = found else { continue };
            found.purl = found.purl.clone().with_qualifier("uuid", package.uuid);
            if let Some(url) = package.repository {
                let url = format!("git+{url}@{}", package.revision.unwrap_or_default());
                found.purl = found.purl.clone().with_qualifier("vcs_url", &url);
            }
            found.direct = direct.as_ref().map(|direct| direct.contains(package.uuid));
            let at = catalog.packages.len() - 1;
            if by_uuid.insert(package.uuid, at).is_some() {
                return Err(CatalogError::at(
                    package.line,
                    format!("the uuid of `{}` is given twice", package.name),
                ));
            }
            by_name.entry(package.name).or_default().push(at);
        }
        let mut links = Links::default();
        for package in &locked {
            let Some(parent) = by_uuid.get(package.uuid).filter(|_| !own.contains(package.uuid))
            else {
                continue;
            };
            for (name, uuid) in package.needs()? {
                let child = match uuid {
                    Some(uuid) => by_uuid.get(uuid),
                    None => by_name.get(name).and_then(|places| places.first()),
                };
                if let Some(child) = child {
                    links.add(*child, *parent);
                }
            }
        }
        links.apply(catalog);
        Ok(())
    }
}

/// The uuids in the `[deps]` of the project file; `None` when there is none or it cannot be read.
fn direct(entry: &Entry, tree: &Tree) -> Option<HashSet<String>> {
    let folder = entry.folder();
    let prefix = if entry.name().starts_with("Julia") { "Julia" } else { "" };
    let path = if folder.is_empty() {
        format!("{prefix}Project.toml")
    } else {
        format!("{folder}/{prefix}Project.toml")
    };
    let text = tree.read_text(tree.find(&path)?).ok()?;
    let root = parse_toml(&text).ok()?;
    let deps = root.get("deps")?.map()?;
    Some(deps.iter().filter_map(|member| member.node.text()).map(str::to_owned).collect())
}

struct Locked<'n> {
    name: &'n str,
    uuid: &'n str,
    version: Option<&'n str>,
    path: bool,
    repository: Option<&'n str>,
    revision: Option<&'n str>,
    deps: Option<&'n Node<'n>>,
    line: u32,
}

impl<'n> Locked<'n> {
    fn read(name: &'n str, node: &'n Node<'n>) -> Result<Self, CatalogError> {
        node.expect_map(name)?;
        Ok(Self {
            name,
            uuid: node.member_text("uuid")?,
            version: node.optional_text("version")?,
            path: node.optional_text("path")?.is_some(),
            repository: node.optional_text("repo-url")?,
            revision: node.optional_text("repo-rev")?.or(node.optional_text("git-tree-sha1")?),
            deps: node.get("deps"),
            line: node.get("uuid").map_or(node.line, |_| node.line),
        })
    }

    /// A list of names, or a table of names and uuids where names are not unique.
    fn needs(&self) -> Result<Vec<(&'n str, Option<&'n str>)>, CatalogError> {
        let Some(deps) = self.deps else { return Ok(Vec::new()) };
        if let Some(map) = deps.map() {
            return map
                .iter()
                .map(|member| Ok((member.key.as_ref(), Some(member.node.expect_text("deps")?))))
                .collect();
        }
        deps.expect_list("deps")?.iter().map(|node| Ok((node.expect_text("deps")?, None))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const MANIFEST: &str = include_str!("../testdata/julia/Manifest.toml");
    const PROJECT: &str = include_str!("../testdata/julia/Project.toml");

    #[test]
    fn packages_with_lines_and_parents() {
        let files = [("Manifest.toml", MANIFEST.as_bytes()), ("Project.toml", PROJECT.as_bytes())];
        let (catalog, result) = try_catalog(&JuliaManifest, &files);
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:julia/JSON@0.21.3?uuid=682c06a0-de6a-54ab-a142-c8b1cf79cde6:12 direct=true parents=[]",
                "pkg:julia/Parsers@2.2.4?uuid=69de0a69-1ddd-5017-9359-2bf0b02dc9f0&vcs_url=git%2Bhttps://github.com/JuliaData/Parsers.jl%40main:25 direct=false parents=[pkg:julia/JSON@0.21.3?uuid=682c06a0-de6a-54ab-a142-c8b1cf79cde6]",
            ]
        );
    }

    #[test]
    fn format_one_and_other_tools_files() {
        let one = "[[JSON]]\ndeps = [\"Dates\"]\nuuid = \"682c\"\nversion = \"0.21.0\"\n\n[[Dates]]\nuuid = \"ade2\"\n";
        assert_eq!(
            lines(&catalog_text(&JuliaManifest, "Manifest.toml", one)),
            ["pkg:julia/JSON@0.21.0?uuid=682c:1 parents=[]"]
        );
        let other = catalog_text(&JuliaManifest, "Manifest.toml", "[[files]]\nname = \"a\"\n");
        assert!(other.packages.is_empty());
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&JuliaManifest, "Manifest.toml", text);
        assert_eq!(
            fails("\nmanifest_format = \"3.0\"\n"),
            "2: a manifest_format that is not known: 1 and 2 are"
        );
        assert_eq!(
            fails("manifest_format = \"2.0\"\n[[deps.A]]\nversion = \"1\"\n"),
            "2: `uuid` is missing"
        );
    }
}
