use std::collections::{HashMap, HashSet};

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Node, parse_json},
    links::Links,
};

/// `conan.lock` of Conan 1 (version 0.4, a graph) and Conan 2 (version 0.5, lists of references).
#[derive(Debug)]
pub(crate) struct ConanLock;

impl Cataloger for ConanLock {
    fn id(&self) -> &'static str {
        "conan-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "conan.lock"
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
        let version = root
            .get("version")
            .ok_or_else(|| CatalogError::whole("`version` is missing: not a conan.lock"))?;
        match version.text() {
            Some("0.4") => graph(&root, catalog),
            Some("0.5") => lists(&root, catalog),
            _ => Err(CatalogError::at(
                version.line,
                "a conan.lock version that is not known: 0.4 and 0.5 are",
            )),
        }
    }
}

fn lists(root: &Node<'_>, catalog: &mut Catalog) -> Result<(), CatalogError> {
    let lists = [
        ("requires", Scope::Runtime),
        ("build_requires", Scope::Dev),
        ("python_requires", Scope::Dev),
        ("config_requires", Scope::Dev),
    ];
    for (key, scope) in lists {
        for node in root.optional_list(key)? {
            if let Some(at) = reference(node.expect_text(key)?, node.line, catalog)
                && let Some(package) = catalog.packages.get_mut(at)
            {
                package.scope = scope;
            }
        }
    }
    Ok(())
}

/// A node with a `path` is the project's own recipe; what it requires is direct.
fn graph(root: &Node<'_>, catalog: &mut Catalog) -> Result<(), CatalogError> {
    let nodes = root
        .at(&["graph_lock", "nodes"])
        .ok_or_else(|| CatalogError::at(root.line, "`graph_lock.nodes` is missing"))?
        .expect_map("nodes")?;
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut own: HashSet<&str> = HashSet::new();
    for member in nodes {
        member.node.expect_map("nodes")?;
        let Some(text) = member.node.optional_text("ref")? else {
            own.insert(&member.key);
            continue;
        };
        if member.node.get("path").is_some() {
            own.insert(&member.key);
            continue;
        }
        let line = member.node.get("ref").map_or(member.line, |node| node.line);
        if let Some(at) = reference(text, line, catalog) {
            places.insert(&member.key, at);
            if member.node.optional_text("context")? == Some("build")
                && let Some(package) = catalog.packages.get_mut(at)
            {
                package.scope = Scope::Dev;
            }
        }
    }
    let mut direct = HashSet::new();
    let mut links = Links::default();
    for member in nodes {
        for key in ["requires", "build_requires"] {
            for need in member.node.optional_list(key)? {
                let id = need.scalar().unwrap_or_default();
                if !places.contains_key(id) && !own.contains(id) && nodes.get(id).is_none() {
                    return Err(CatalogError::at(
                        need.line,
                        "a requirement names a node that is not in the graph",
                    ));
                }
                let Some(child) = places.get(id) else { continue };
                if own.contains(member.key.as_ref()) {
                    direct.insert(*child);
                } else if let Some(parent) = places.get(member.key.as_ref()) {
                    links.add(*child, *parent);
                }
            }
        }
    }
    if !direct.is_empty() {
        for (at, package) in catalog.packages.iter_mut().enumerate() {
            package.direct = Some(direct.contains(&at));
        }
    }
    links.apply(catalog);
    Ok(())
}

/// `name/version[@user/channel][#revision[%time]]`; the place of the package.
fn reference(text: &str, line: u32, catalog: &mut Catalog) -> Option<usize> {
    let (recipe, revision) = text.split_once('#').unwrap_or((text, ""));
    let revision = revision.split(['%', ':']).next().unwrap_or_default();
    let (package, who) = recipe.split_once('@').unwrap_or((recipe, ""));
    let Some((name, version)) = package.split_once('/') else {
        let shown: String = text.chars().take(120).collect();
        catalog.unreadable(line, format!("`{shown}` is no Conan reference"));
        return None;
    };
    if version.starts_with('[') {
        catalog.unpinned("conan", None, name, line, version);
        return None;
    }
    let (user, channel) = who.split_once('/').unwrap_or((who, ""));
    let (user, channel) = (user.trim_matches('_'), channel.trim_matches('_'));
    let package = catalog.package("conan", Some(user), name, version, line)?;
    package.purl =
        package.purl.clone().with_qualifier("channel", channel).with_qualifier("rrev", revision);
    Some(catalog.packages.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn lists_of_conan_two() {
        let text = include_str!("../testdata/conan/two/conan.lock");
        assert_eq!(
            lines(&catalog_text(&ConanLock, "conan.lock", text)),
            [
                "pkg:conan/zlib@1.2.11?rrev=ffa77daf83a57094149707928bdce823:4 scope=runtime parents=[]",
                "pkg:conan/acme/openssl@1.1.1k?channel=stable:5 scope=runtime parents=[]",
                "pkg:conan/cmake@3.22.0?rrev=17fdbb4ee1c0f3d1e6c7a8d6c0a0f0f8:8 scope=dev parents=[]",
            ]
        );
    }

    #[test]
    fn graph_of_conan_one() {
        let text = include_str!("../testdata/conan/one/conan.lock");
        assert_eq!(
            lines(&catalog_text(&ConanLock, "conan.lock", text)),
            [
                "pkg:conan/libcurl@7.68.0:10 direct=true parents=[]",
                "pkg:conan/zlib@1.2.11?rrev=0:15 direct=false parents=[pkg:conan/libcurl@7.68.0]",
                "pkg:conan/cmake@3.16.0:19 direct=true scope=dev parents=[]",
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&ConanLock, "conan.lock", text);
        assert_eq!(fails("{}"), "`version` is missing: not a conan.lock");
        assert_eq!(
            fails("{\n\"version\": \"0.3\"}"),
            "2: a conan.lock version that is not known: 0.4 and 0.5 are"
        );
        assert_eq!(
            fails(
                "{\"version\": \"0.4\", \"graph_lock\": {\"nodes\": {\"0\": {\"requires\":\n[\"9\"]}}}}"
            ),
            "2: a requirement names a node that is not in the graph"
        );
        let odd = "{\"version\": \"0.5\", \"requires\": [\"zlib\", \"fmt/[>5]\"]}";
        let catalog = catalog_text(&ConanLock, "conan.lock", odd);
        assert_eq!((catalog.unknowns.len(), catalog.unpinned.len()), (1, 1));
    }
}
