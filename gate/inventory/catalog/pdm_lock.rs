use std::collections::HashMap;

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{
        graph::{Graph, Member},
        pypi::{self, Requirement},
        pyproject_toml,
    },
    document::{Node, parse_toml},
};

/// `pdm.lock`, lock versions 2 to 4 (PDM documentation, "Lock file").
///
/// A package stands once without and once with each set of extras; both are the same package. `groups` says what needs
/// it: `default` is run time, and the `pyproject.toml` beside says whether another group is an extra or for development.
#[derive(Debug)]
pub(crate) struct PdmLock;

impl Cataloger for PdmLock {
    fn id(&self) -> &'static str {
        "pdm-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "pdm.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_toml(&text)?;
        let metadata = root.get("metadata").ok_or_else(|| {
            CatalogError::whole("there is no `[metadata]`: not a pdm.lock, or cut off")
        })?;
        let version = metadata.get("lock_version").or_else(|| metadata.get("lock-version"));
        let version =
            version.ok_or_else(|| CatalogError::at(metadata.line, "`lock_version` is missing"))?;
        let known = version
            .text()
            .is_some_and(|text| matches!(text.split('.').next(), Some("2" | "3" | "4")));
        if !known {
            return Err(CatalogError::at(
                version.line,
                "a pdm.lock version that is not known: 2 to 4 are",
            ));
        }
        let requests = pyproject_toml::beside(entry, tree);
        let mut groups: HashMap<&str, Scope> = HashMap::from([("default", Scope::Runtime)]);
        for request in requests.iter().flatten() {
            if let Some(group) = &request.group {
                groups.insert(group, request.scope);
            }
        }
        let mut graph = Graph::default();
        let mut indexes: HashMap<(String, &str), (usize, Option<usize>)> = HashMap::new();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut nodes = Vec::new();
        for package in root.optional_list("package")? {
            let name = package.member_text("name")?;
            let version = package.optional_text("version")?.unwrap_or_default();
            let key = (pypi::normal(name), version);
            let scope = scope_of(package, &groups)?;
            if let Some((node, index)) = indexes.get(&key) {
                nodes.push((*node, package));
                if let Some(found) = index.and_then(|at| catalog.packages.get_mut(at)) {
                    found.scope = found.scope.widest(scope);
                }
                continue;
            }
            let (node, index) = if is_local(package) {
                let own = if requests.is_some() { Member::Project } else { Member::Other };
                (graph.add(own), None)
            } else {
                let index = read(package, name, catalog)?;
                (graph.add_package(index), index)
            };
            if let Some(found) = index.and_then(|at| catalog.packages.get_mut(at)) {
                found.scope = scope;
            }
            by_name.entry(key.0.clone()).or_default().push(node);
            indexes.insert(key, (node, index));
            nodes.push((node, package));
        }
        for (node, package) in nodes {
            for dependency in package.optional_list("dependencies")? {
                let text = dependency.expect_text("dependencies")?;
                let found = Requirement::parse(text)
                    .map_err(|reason| CatalogError::at(dependency.line, reason))?;
                let children = by_name.get(&pypi::normal(found.name));
                // What a marker rules out is not locked; anything else that is missing was cut off.
                if children.is_none() && !text.contains(';') {
                    let name: String = found.name.chars().take(120).collect();
                    catalog.unreadable(
                        dependency.line,
                        format!("the package `{name}` is not in the file"),
                    );
                }
                for child in children.into_iter().flatten() {
                    graph.edge(node, *child, Scope::Runtime);
                }
            }
        }
        if let Some(requests) = &requests {
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

fn scope_of(package: &Node<'_>, groups: &HashMap<&str, Scope>) -> Result<Scope, CatalogError> {
    let named = package
        .optional_list("groups")?
        .iter()
        .map(|group| group.text().and_then(|group| groups.get(group)).copied().unwrap_or_default());
    Ok(named.reduce(Scope::widest).unwrap_or_default())
}

fn is_local(package: &Node<'_>) -> bool {
    let archive = |node: &Node<'_>| node.text().and_then(pypi::archive).is_some();
    package.get("path").is_some_and(|path| !archive(path))
        || package.get("editable").and_then(Node::bool) == Some(true)
            && package.get("git").is_none()
}

fn read(
    package: &Node<'_>,
    name: &str,
    catalog: &mut Catalog,
) -> Result<Option<usize>, CatalogError> {
    let line = package.get("name").map_or(package.line, |node| node.line);
    let version = package.member_text("version")?;
    let index = pypi::push(catalog, name, version, line);
    if let Some(url) = package.optional_text("git")? {
        let commit = package.optional_text("revision")?.unwrap_or_default();
        pypi::mark(catalog, index, "vcs_url", &format!("git+{url}#{commit}"));
    } else if let Some(url) = package.optional_text("url")? {
        pypi::mark(catalog, index, "download_url", url);
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const LOCK: &str = include_str!("../testdata/pdm/pdm.lock");
    const PROJECT: &str = include_str!("../testdata/pdm/pyproject.toml");

    #[test]
    fn extras_are_one_package_and_groups_tell_the_scope() {
        let (catalog, result) = try_catalog(
            &PdmLock,
            &[("pdm.lock", LOCK.as_bytes()), ("pyproject.toml", PROJECT.as_bytes())],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/click@8.1.7:11 direct=false scope=runtime parents=[pkg:pypi/uvicorn@0.30.1]",
                "pkg:pypi/pytest@8.3.2:21 direct=true scope=dev parents=[]",
                "pkg:pypi/redis@5.0.1:30 direct=true scope=optional parents=[]",
                "pkg:pypi/uvicorn@0.30.1:39 direct=true scope=runtime parents=[]",
            ]
        );
    }

    #[test]
    fn without_the_project_only_the_default_group_is_known() {
        let catalog = catalog_text(&PdmLock, "pdm.lock", LOCK);
        assert_eq!(lines(&catalog)[1], "pkg:pypi/pytest@8.3.2:21 parents=[]");
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&PdmLock, "pdm.lock", ""),
            "there is no `[metadata]`: not a pdm.lock, or cut off"
        );
        assert_eq!(
            failure(&PdmLock, "pdm.lock", "[metadata]\nlock_version = \"9\"\n"),
            "2: a pdm.lock version that is not known: 2 to 4 are"
        );
        let head = "[metadata]\nlock_version = \"4.5.0\"\n[[package]]\nname = \"a\"\n";
        assert_eq!(failure(&PdmLock, "pdm.lock", head), "3: `version` is missing");
        let cut = format!("{head}version = \"1\"\ndependencies = [\n \"gone>=1\",\n]\n");
        let catalog = catalog_text(&PdmLock, "pdm.lock", &cut);
        assert_eq!(catalog.unknowns[0].location.line, Some(7));
    }
}
