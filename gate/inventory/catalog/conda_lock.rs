use std::collections::{HashMap, HashSet};

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{conda, ending::ends_with_a_line, graph::Graph, pypi},
    document::{Node, parse_yaml},
};

/// `conda-lock.yml`, version 1 (conda-lock documentation, "Output"): packages of conda and of pip for several platforms.
///
/// The categories `main` and `dev` tell the scope; others are optional. Dependencies whose name begins with `__` are
/// features of the machine.
#[derive(Debug)]
pub(crate) struct CondaLock;

impl Cataloger for CondaLock {
    fn id(&self) -> &'static str {
        "conda-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let name = entry.name();
        ["conda-lock.yml", "conda-lock.yaml"].iter().any(|known| {
            name.strip_suffix(known).is_some_and(|front| front.is_empty() || front.ends_with('.'))
        })
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_yaml(&text)?;
        ends_with_a_line(&text)?;
        let version = root
            .get("version")
            .ok_or_else(|| CatalogError::whole("there is no `version`: not a conda-lock file"))?;
        if version.scalar() != Some("1") {
            return Err(CatalogError::at(
                version.line,
                "a conda-lock version that is not known: 1 is",
            ));
        }
        let packages = root
            .get("package")
            .ok_or_else(|| CatalogError::whole("there is no `package`: the file is cut off"))?;
        let mut graph = Graph::default();
        let mut by_name: HashMap<(&str, String), usize> = HashMap::new();
        let mut nodes = Vec::new();
        for package in packages.expect_list("package")? {
            let platform = package.member_text("platform")?;
            let (name, index) = read(package, catalog)?;
            let node = graph.add_package(index);
            by_name.entry((platform, name)).or_insert(node);
            nodes.push((node, platform, package));
        }
        let platforms = root.at(&["metadata", "platforms"]).and_then(Node::list);
        let locked: HashSet<&str> = nodes.iter().map(|(_, platform, _)| *platform).collect();
        for platform in platforms.unwrap_or_default() {
            let wanted = platform.expect_text("platforms")?;
            if !locked.contains(wanted) {
                return Err(CatalogError::at(
                    platform.line,
                    "a platform without packages: the file is cut off",
                ));
            }
        }
        for (node, platform, package) in nodes {
            for (name, line) in dependencies(package)? {
                if name.starts_with("__") {
                    continue;
                }
                let name = pypi::normal(&name);
                match by_name.get(&(platform, name)) {
                    Some(child) => graph.edge(node, *child, Scope::Runtime),
                    // pip's own dependencies carry markers and may be left out.
                    None if package.get("manager").and_then(Node::text) == Some("pip") => {}
                    None => catalog.unreadable(line, "a dependency is not in the file"),
                }
            }
        }
        graph.settle(catalog);
        Ok(())
    }
}

fn read(
    package: &Node<'_>,
    catalog: &mut Catalog,
) -> Result<(String, Option<usize>), CatalogError> {
    let name = package.member_text("name")?;
    let line = package.get("name").map_or(package.line, |node| node.line);
    let version = package
        .get("version")
        .and_then(Node::scalar)
        .ok_or_else(|| CatalogError::at(package.line, "`version` is missing"))?;
    let url = package.member_text("url")?;
    let index = match package.member_text("manager")? {
        "conda" => conda::push(catalog, name, version, Some(url), line),
        "pip" => pypi::push(catalog, name, version, line),
        _ => {
            catalog.unreadable(line, "a manager that is not known: conda and pip are");
            None
        }
    };
    let scope = match package.optional_text("category")? {
        Some("main") => Scope::Runtime,
        Some("dev") => Scope::Dev,
        Some(_) => Scope::Optional,
        None => Scope::Unknown,
    };
    if let Some(found) = index.and_then(|at| catalog.packages.get_mut(at)) {
        found.scope = scope;
    }
    Ok((pypi::normal(name), index))
}

/// Names of dependencies: keys of a mapping, or the first words of a list.
fn dependencies(package: &Node<'_>) -> Result<Vec<(String, u32)>, CatalogError> {
    let Some(node) = package.get("dependencies") else { return Ok(Vec::new()) };
    if let Some(map) = node.map() {
        return Ok(map.iter().map(|member| (member.key.to_string(), member.line)).collect());
    }
    node.expect_list("dependencies")?
        .iter()
        .map(|item| {
            let text = item.expect_text("dependencies")?;
            Ok((text.split_whitespace().next().unwrap_or_default().to_owned(), item.line))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const LOCK: &str = include_str!("../testdata/conda/conda-lock.yml");

    #[test]
    fn packages_of_conda_and_of_pip() {
        let catalog = catalog_text(&CondaLock, "conda-lock.yml", LOCK);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:conda/libblas@3.9.0?channel=conda-forge:14 scope=runtime parents=[pkg:conda/numpy@1.26.4?channel=conda-forge]",
                "pkg:conda/numpy@1.26.4?channel=conda-forge:26 scope=runtime parents=[]",
                "pkg:pypi/flask@3.0.3:39 scope=dev parents=[]",
            ]
        );
        assert!(catalog.unknowns.is_empty());
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&CondaLock, "conda-lock.yml", "a: 1\n"),
            "there is no `version`: not a conda-lock file"
        );
        assert_eq!(
            failure(&CondaLock, "conda-lock.yml", "version: 2\n"),
            "1: a conda-lock version that is not known: 1 is"
        );
        assert_eq!(
            failure(&CondaLock, "conda-lock.yml", "version: 1\n"),
            "there is no `package`: the file is cut off"
        );
        let cut = "version: 1\npackage:\n- name: a\n  version: 1.0\n  platform: linux-64\n";
        assert_eq!(
            failure(
                &CondaLock,
                "conda-lock.yml",
                "version: 1\nmetadata:\n  platforms:\n  - osx-64\npackage: []\n"
            ),
            "4: a platform without packages: the file is cut off"
        );
        assert_eq!(failure(&CondaLock, "x.conda-lock.yml", cut), "3: `url` is missing");
        let missing = format!(
            "{cut}  manager: conda\n  url: https://h/c/linux-64/a.conda\n  dependencies:\n    gone: ''\n"
        );
        let catalog = catalog_text(&CondaLock, "conda-lock.yml", &missing);
        assert_eq!(catalog.unknowns[0].location.line, Some(9));
    }
}
