use std::collections::HashMap;

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{
        graph::{Graph, Member},
        pypi, pyproject_toml,
    },
    document::{Node, parse_toml},
};

/// `pylock.toml` and `pylock.<name>.toml` (PEP 751, lock version 1).
///
/// The scope is told only by markers over `extras` and `dependency_groups`; a marker that joins several conditions is not
/// taken apart.
#[derive(Debug)]
pub(crate) struct PylockToml;

impl Cataloger for PylockToml {
    fn id(&self) -> &'static str {
        "pylock-toml"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let name = entry.name();
        name == "pylock.toml"
            || name
                .strip_prefix("pylock.")
                .and_then(|rest| rest.strip_suffix(".toml"))
                .is_some_and(|inner| !inner.is_empty() && !inner.contains('.'))
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_toml(&text)?;
        let version = root.get("lock-version").ok_or_else(|| {
            CatalogError::whole("there is no `lock-version`: not a pylock.toml, or cut off")
        })?;
        if version.text().is_none_or(|text| text.split('.').next() != Some("1")) {
            return Err(CatalogError::at(
                version.line,
                "a pylock.toml version that is not known: 1.0 is",
            ));
        }
        root.member_text("created-by")?;
        let packages = root
            .get("packages")
            .ok_or_else(|| CatalogError::whole("there is no `packages`: the file is cut off"))?;
        let requests = pyproject_toml::beside(entry, tree);
        let own = if requests.is_some() { Member::Project } else { Member::Other };
        let mut graph = Graph::default();
        let mut by_name: HashMap<String, Vec<(usize, Option<&str>)>> = HashMap::new();
        let mut nodes = Vec::new();
        for package in packages.expect_list("packages")? {
            let name = package.member_text("name")?;
            let version = package.optional_text("version")?;
            let node = if package.get("directory").is_some() {
                graph.add(own)
            } else {
                let index = read(package, name, version, catalog)?;
                graph.add_package(index)
            };
            by_name.entry(pypi::normal(name)).or_default().push((node, version));
            nodes.push((node, package));
        }
        for (node, package) in nodes {
            for dependency in package.optional_list("dependencies")? {
                let name = dependency.member_text("name")?;
                let wanted = dependency.optional_text("version")?;
                let children = by_name.get(&pypi::normal(name)).ok_or_else(|| {
                    let name: String = name.chars().take(120).collect();
                    CatalogError::at(
                        dependency.line,
                        format!("the package `{name}` is not in the file"),
                    )
                })?;
                for (child, version) in children {
                    if wanted.is_none_or(|wanted| *version == Some(wanted)) {
                        graph.edge(node, *child, Scope::Runtime);
                    }
                }
            }
        }
        if let Some(requests) = requests {
            let project = graph.add(Member::Project);
            for request in requests {
                for (child, _) in by_name.get(&request.name).into_iter().flatten() {
                    graph.edge(project, *child, request.scope);
                }
            }
        }
        graph.settle(catalog);
        Ok(())
    }
}

fn read(
    package: &Node<'_>,
    name: &str,
    version: Option<&str>,
    catalog: &mut Catalog,
) -> Result<Option<usize>, CatalogError> {
    let line = package.get("name").map_or(package.line, |node| node.line);
    let (vcs, archive) = (package.get("vcs"), package.get("archive"));
    let told = |node: Option<&Node<'_>>| -> Result<String, CatalogError> {
        Ok(node.map_or(Ok(None), |node| node.optional_text("url"))?.unwrap_or_default().to_owned())
    };
    let Some(version) = version else {
        let url = match vcs {
            Some(_) => format!("git+{}", told(vcs)?),
            None => told(archive)?,
        };
        return Ok(pypi::push_url(catalog, Some(name), &url, line));
    };
    let index = pypi::push(catalog, name, version, line);
    if let Some(vcs) = vcs {
        let kind = vcs.optional_text("type")?.unwrap_or("git");
        let commit = vcs.optional_text("commit-id")?.unwrap_or_default();
        pypi::mark(catalog, index, "vcs_url", &format!("{kind}+{}#{commit}", told(Some(vcs))?));
    } else if archive.is_some() {
        pypi::mark(catalog, index, "download_url", &told(archive)?);
    } else if let Some(url) = package.optional_text("index")?.filter(|url| !pypi::is_pypi(url)) {
        pypi::mark(catalog, index, "repository_url", url);
    }
    let scope = package.optional_text("marker")?.map_or(Scope::Unknown, scope_of);
    if let Some(found) = index.and_then(|at| catalog.packages.get_mut(at)) {
        found.scope = scope;
    }
    Ok(index)
}

/// A marker that is one question about groups or extras.
fn scope_of(marker: &str) -> Scope {
    let mut words = marker.split_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(_), Some("in"), Some("dependency_groups"), None) => Scope::Dev,
        (Some(_), Some("in"), Some("extras"), None) => Scope::Optional,
        _ => Scope::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const LOCK: &str = include_str!("../testdata/pylock/pylock.toml");

    #[test]
    fn packages_with_parents_and_scopes() {
        let catalog = catalog_text(&PylockToml, "pylock.toml", LOCK);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/attrs@25.1.0:8 parents=[pkg:pypi/cattrs@24.1.2]",
                "pkg:pypi/cattrs@24.1.2:14 parents=[]",
                "pkg:pypi/numpy@2.2.3:22 scope=dev parents=[]",
                "pkg:pypi/tool@1.2.0?vcs_url=git%2Bhttps://github.com/acme/tool.git%230123456789abcdef0123456789abcdef01234567:28 parents=[]",
            ]
        );
        assert_eq!(catalog.unpinned.len(), 1);
    }

    #[test]
    fn names_of_files() {
        let wants = |path: &str| PylockToml.wants(&Entry { path: path.to_owned() });
        assert!(wants("pylock.toml") && wants("a/pylock.dev.toml"));
        assert!(!wants("pylock.a.b.toml") && !wants("pylock..toml") && !wants("xpylock.toml"));
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&PylockToml, "pylock.toml", ""),
            "there is no `lock-version`: not a pylock.toml, or cut off"
        );
        assert_eq!(
            failure(&PylockToml, "pylock.toml", "lock-version = \"2.0\"\n"),
            "1: a pylock.toml version that is not known: 1.0 is"
        );
        assert_eq!(
            failure(&PylockToml, "pylock.toml", "lock-version = \"1.0\"\ncreated-by = \"x\"\n"),
            "there is no `packages`: the file is cut off"
        );
    }
}
