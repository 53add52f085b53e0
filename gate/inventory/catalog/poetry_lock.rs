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

/// `poetry.lock`, lock versions 1 and 2 (Poetry source, `poetry/packages/locker.py`).
///
/// The scope comes from `groups` (2.1) or `category` (1); between them the file does not tell, and what the
/// `pyproject.toml` beside it names decides. Groups other than `main` hold what development needs (Poetry documentation,
/// "Dependency groups"). Folders (`source.type = "directory"`) are the project's own.
#[derive(Debug)]
pub(crate) struct PoetryLock;

impl Cataloger for PoetryLock {
    fn id(&self) -> &'static str {
        "poetry-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "poetry.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_toml(&text)?;
        // Poetry writes this table last: without it the file ends early.
        let metadata = root.get("metadata").ok_or_else(|| {
            CatalogError::whole("there is no `[metadata]`: not a poetry.lock, or cut off")
        })?;
        if let Some(version) = metadata.get("lock-version") {
            let known = version
                .text()
                .is_some_and(|text| matches!(text.split('.').next(), Some("1" | "2")));
            if !known {
                return Err(CatalogError::at(
                    version.line,
                    "a poetry.lock version that is not known: 1 and 2 are",
                ));
            }
        } else if metadata.get("content-hash").is_none() {
            return Err(CatalogError::at(metadata.line, "`content-hash` is missing"));
        }
        let requests = pyproject_toml::beside(entry, tree);
        // A folder's needs are the project's own; without the project nobody knows all that is direct.
        let folder = if requests.is_some() { Member::Project } else { Member::Other };
        let mut graph = Graph::default();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut nodes = Vec::new();
        for package in root.optional_list("package")? {
            let name = package.member_text("name")?;
            let node = match read(package, name, catalog)? {
                Read::Folder => graph.add(folder),
                Read::Package(index) => graph.add_package(index),
            };
            by_name.entry(pypi::normal(name)).or_default().push(node);
            nodes.push((node, package));
        }
        for (node, package) in &nodes {
            for dependency in package.optional_map("dependencies")? {
                let children = by_name.get(&pypi::normal(&dependency.key));
                let optional = dependency.node.get("optional").and_then(Node::bool) == Some(true);
                let Some(children) = children else {
                    // Extras that nobody asked for are named and not locked, and so is what a marker rules out.
                    continue;
                };
                for child in children {
                    let scope = if optional { Scope::Optional } else { Scope::Runtime };
                    graph.edge(*node, *child, scope);
                }
            }
        }
        if let Some(requests) = requests {
            let project = graph.add(Member::Project);
            for request in requests {
                for child in by_name.get(&request.name).into_iter().flatten() {
                    graph.edge(project, *child, request.scope);
                }
            }
        }
        graph.settle(catalog);
        Ok(())
    }
}

/// What a `[[package]]` turned out to be.
enum Read {
    Folder,
    Package(Option<usize>),
}

fn read(package: &Node<'_>, name: &str, catalog: &mut Catalog) -> Result<Read, CatalogError> {
    let version = package.member_text("version")?;
    let line = package.get("name").map_or(package.line, |node| node.line);
    let source = package.get("source");
    let kind = source.map(|source| source.member_text("type")).transpose()?;
    if kind == Some("directory") {
        return Ok(Read::Folder);
    }
    let index = pypi::push(catalog, name, version, line);
    if let (Some(source), Some(kind)) = (source, kind) {
        let url = source.optional_text("url")?.unwrap_or_default();
        match kind {
            "git" => {
                let commit = source.optional_text("resolved_reference")?.unwrap_or_default();
                pypi::mark(catalog, index, "vcs_url", &format!("git+{url}#{commit}"));
            }
            "url" => pypi::mark(catalog, index, "download_url", url),
            "legacy" if !pypi::is_pypi(url) => pypi::mark(catalog, index, "repository_url", url),
            _ => {}
        }
    }
    let optional = package.get("optional").and_then(Node::bool) == Some(true);
    let main = if optional { Scope::Optional } else { Scope::Runtime };
    let scope = match (package.get("groups"), package.optional_text("category")?) {
        (Some(groups), _) => {
            let groups = groups.expect_list("groups")?;
            let in_main = groups.iter().any(|group| group.text() == Some("main"));
            if in_main || groups.is_empty() { main } else { Scope::Dev }
        }
        (None, Some("main")) => main,
        (None, Some("dev")) => Scope::Dev,
        (None, _) => Scope::Unknown,
    };
    if let Some(found) = index.and_then(|at| catalog.packages.get_mut(at)) {
        found.scope = scope;
    }
    Ok(Read::Package(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const V1: &str = include_str!("../testdata/poetry/v1/poetry.lock");
    const V2: &str = include_str!("../testdata/poetry/v2/poetry.lock");
    const PROJECT: &str = include_str!("../testdata/poetry/v2/pyproject.toml");

    #[test]
    fn version_one_has_categories() {
        let catalog = catalog_text(&PoetryLock, "poetry.lock", V1);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/click@7.1.2:2 scope=runtime parents=[pkg:pypi/flask@1.1.4]",
                "pkg:pypi/flask@1.1.4:10 scope=runtime parents=[]",
                "pkg:pypi/pytest@6.2.5:21 scope=dev parents=[]",
            ]
        );
    }

    #[test]
    fn version_two_has_groups_and_the_project_tells_what_is_direct() {
        let (catalog, result) = try_catalog(
            &PoetryLock,
            &[("poetry.lock", V2.as_bytes()), ("pyproject.toml", PROJECT.as_bytes())],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/colorama@0.4.6:4 direct=false scope=dev parents=[pkg:pypi/pytest@8.3.2]",
                "pkg:pypi/hiredis@2.3.2:17 direct=false scope=optional parents=[pkg:pypi/redis@5.0.1]",
                "pkg:pypi/pytest@8.3.2:28 direct=true scope=dev parents=[]",
                "pkg:pypi/redis@5.0.1:42 direct=true scope=optional parents=[]",
                "pkg:pypi/tool@1.2.0?vcs_url=git%2Bhttps://github.com/acme/tool.git%230123456789abcdef0123456789abcdef01234567:55 direct=true scope=runtime parents=[]",
            ]
        );
        assert!(catalog.unknowns.is_empty());
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&PoetryLock, "poetry.lock", "[[package]]\nname = \"a\"\nversion = \"1\"\n"),
            "there is no `[metadata]`: not a poetry.lock, or cut off"
        );
        assert_eq!(
            failure(
                &PoetryLock,
                "poetry.lock",
                "[[package]]\nname = \"a\"\n\n[metadata]\ncontent-hash = \"x\"\n"
            ),
            "1: `version` is missing"
        );
        assert_eq!(
            failure(&PoetryLock, "poetry.lock", "[metadata]\nlock-version = \"3.0\"\n"),
            "2: a poetry.lock version that is not known: 1 and 2 are"
        );
    }
}
