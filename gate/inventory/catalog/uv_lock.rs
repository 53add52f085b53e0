use std::collections::HashMap;

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{
        graph::{Graph, Member},
        pypi,
    },
    document::{Node, parse_toml},
};

/// `uv.lock`, version 1 (uv source, `uv-resolver/src/lock`).
///
/// Packages whose source is a folder (`editable`, `virtual`, `directory`) are the project and its workspace members: what
/// they name is direct, what their `dev-dependencies` name is for development, what their `optional-dependencies` name is
/// optional. The extras of other packages are in the file because somebody asked for them.
#[derive(Debug)]
pub(crate) struct UvLock;

impl Cataloger for UvLock {
    fn id(&self) -> &'static str {
        "uv-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "uv.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_toml(&text)?;
        let version = root.get("version").ok_or_else(|| {
            CatalogError::whole("there is no `version`: not a uv.lock, or cut off")
        })?;
        if version.scalar() != Some("1") {
            return Err(CatalogError::at(
                version.line,
                "a uv.lock version that is not known: 1 is",
            ));
        }
        let mut graph = Graph::default();
        let mut by_name: HashMap<&str, Vec<Locked<'_>>> = HashMap::new();
        let packages = root.optional_list("package")?;
        let mut nodes = Vec::with_capacity(packages.len());
        let mut own = false;
        for package in packages {
            let name = package.member_text("name")?;
            let (node, local) = read(package, name, catalog, &mut graph)?;
            own |= local;
            let version = package.optional_text("version")?;
            by_name.entry(name).or_default().push(Locked { node, version, package });
            nodes.push((node, local, package));
        }
        // The project itself is among the packages, unless the file locks bare requirements.
        if !own && !packages.is_empty() && root.at(&["manifest", "requirements"]).is_none() {
            return Err(CatalogError::whole(
                "no package is the project itself: the file is cut off",
            ));
        }
        for member in root.at(&["manifest", "members"]).and_then(Node::list).unwrap_or_default() {
            let name = member.expect_text("members")?;
            if !by_name.contains_key(name) {
                return Err(not_there(member.line, name));
            }
        }
        for (node, local, package) in nodes {
            for dependency in package.optional_list("dependencies")? {
                edge(&mut graph, &by_name, node, dependency, Scope::Runtime)?;
            }
            let extra = if local { Scope::Optional } else { Scope::Runtime };
            for group in package.optional_map("optional-dependencies")? {
                for dependency in group.node.expect_list("optional-dependencies")? {
                    edge(&mut graph, &by_name, node, dependency, extra)?;
                }
            }
            for key in ["dev-dependencies", "dependency-groups"] {
                for group in package.optional_map(key)? {
                    for dependency in group.node.expect_list(key)? {
                        edge(&mut graph, &by_name, node, dependency, Scope::Dev)?;
                    }
                }
            }
        }
        for requirement in
            root.at(&["manifest", "requirements"]).and_then(Node::list).unwrap_or_default()
        {
            let project = graph.add(Member::Project);
            edge(&mut graph, &by_name, project, requirement, Scope::Runtime)?;
        }
        graph.settle(catalog);
        Ok(())
    }
}

struct Locked<'n> {
    node: usize,
    version: Option<&'n str>,
    package: &'n Node<'n>,
}

/// Adds one package; whether it is part of the project comes with it.
fn read(
    package: &Node<'_>,
    name: &str,
    catalog: &mut Catalog,
    graph: &mut Graph,
) -> Result<(usize, bool), CatalogError> {
    let source = package
        .get("source")
        .ok_or_else(|| CatalogError::at(package.line, "`source` is missing"))?;
    source.expect_map("source")?;
    let line = package.get("name").map_or(package.line, |node| node.line);
    if ["editable", "virtual", "directory"].iter().any(|key| source.get(key).is_some()) {
        return Ok((graph.add(Member::Project), true));
    }
    let version = package.member_text("version")?;
    let index = pypi::push(catalog, name, version, line);
    if let Some(url) = source.optional_text("registry")? {
        if !pypi::is_pypi(url) && url.contains("://") {
            pypi::mark(catalog, index, "repository_url", url);
        }
    } else if let Some(url) = source.optional_text("git")? {
        pypi::mark(catalog, index, "vcs_url", &format!("git+{url}"));
    } else if let Some(url) = source.optional_text("url")? {
        pypi::mark(catalog, index, "download_url", url);
    } else if source.get("path").is_none() {
        catalog.unreadable(source.line, "a source of a kind that is not known");
    }
    Ok((graph.add_package(index), false))
}

fn edge(
    graph: &mut Graph,
    by_name: &HashMap<&str, Vec<Locked<'_>>>,
    parent: usize,
    dependency: &Node<'_>,
    scope: Scope,
) -> Result<(), CatalogError> {
    let name = dependency.member_text("name")?;
    let version = dependency.optional_text("version")?;
    let source = dependency.get("source");
    let candidates = by_name.get(name).ok_or_else(|| not_there(dependency.line, name))?;
    let mut found = false;
    for locked in candidates {
        let same = version.is_none_or(|version| locked.version == Some(version))
            && source.is_none_or(|wanted| same_source(wanted, locked.package.get("source")));
        if same {
            found = true;
            graph.edge(parent, locked.node, scope);
        }
    }
    if found { Ok(()) } else { Err(not_there(dependency.line, name)) }
}

fn same_source(wanted: &Node<'_>, source: Option<&Node<'_>>) -> bool {
    let (Some(wanted), Some(source)) = (wanted.map(), source.and_then(Node::map)) else {
        return false;
    };
    wanted.iter().all(|member| source.get(&member.key).and_then(Node::text) == member.node.text())
}

fn not_there(line: u32, name: &str) -> CatalogError {
    let name: String = name.chars().take(120).collect();
    CatalogError::at(line, format!("the package `{name}` is not in the file"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const LOCK: &str = include_str!("../testdata/uv/uv.lock");

    #[test]
    fn members_are_the_project() {
        let catalog = catalog_text(&UvLock, "uv.lock", LOCK);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/click@8.1.7:13 direct=false scope=runtime parents=[pkg:pypi/uvicorn@0.30.1]",
                "pkg:pypi/httptools@0.6.1:25 direct=false scope=runtime parents=[pkg:pypi/uvicorn@0.30.1]",
                "pkg:pypi/pytest@8.3.2:33 direct=true scope=dev parents=[]",
                "pkg:pypi/redis@5.0.1:41 direct=true scope=optional parents=[]",
                "pkg:pypi/tool@1.2.0?vcs_url=git%2Bhttps://github.com/acme/tool%230123456789abcdef0123456789abcdef01234567:75 direct=false scope=runtime parents=[pkg:pypi/uvicorn@0.30.1]",
                "pkg:pypi/uvicorn@0.30.1:80 direct=true scope=runtime parents=[]",
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&UvLock, "uv.lock", ""),
            "there is no `version`: not a uv.lock, or cut off"
        );
        assert_eq!(
            failure(&UvLock, "uv.lock", "version = 2\n"),
            "1: a uv.lock version that is not known: 1 is"
        );
        let head = "version = 1\n[[package]]\nname = \"a\"\n";
        assert_eq!(failure(&UvLock, "uv.lock", head), "2: `source` is missing");
        assert_eq!(
            failure(
                &UvLock,
                "uv.lock",
                &format!(
                    "{head}version = \"1\"\nsource = {{ registry = \"https://pypi.org/simple\" }}\n"
                )
            ),
            "no package is the project itself: the file is cut off"
        );
        assert_eq!(
            failure(
                &UvLock,
                "uv.lock",
                &format!(
                    "{head}source = {{ virtual = \".\" }}\ndependencies = [\n {{ name = \"gone\" }},\n]\n"
                )
            ),
            "6: the package `gone` is not in the file"
        );
    }
}
