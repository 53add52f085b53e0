use std::collections::{HashMap, HashSet};

use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Node, parse_yaml},
    links::Links,
};

/// `Podfile.lock` of CocoaPods (source `cocoapods-core/lockfile.rb`).
///
/// A subspec (`Pod/Part`) is a part of its pod: the pod is the package. Pods of a `:path` are the project's own.
#[derive(Debug)]
pub(crate) struct PodfileLock;

impl Cataloger for PodfileLock {
    fn id(&self) -> &'static str {
        "podfile-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "Podfile.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_yaml(&text)?;
        root.expect_map("the document")?;
        let mut sources: HashMap<&str, Source> = HashMap::new();
        for key in ["EXTERNAL SOURCES", "CHECKOUT OPTIONS"] {
            for member in root.optional_map(key)? {
                let source = sources.entry(pod(&member.key)).or_default();
                source.local |= member.node.get(":path").is_some();
                if let Some(url) = member.node.optional_text(":git")? {
                    let at = member.node.get(":commit").or_else(|| member.node.get(":tag"));
                    let at = at.and_then(Node::scalar).map_or(String::new(), |at| format!("@{at}"));
                    source.git = Some(format!("git+{url}{at}"));
                }
            }
        }
        let direct = root
            .optional_list("DEPENDENCIES")?
            .iter()
            .map(|node| node.expect_text("DEPENDENCIES").map(|text| pod(words(text).0)))
            .collect::<Result<HashSet<_>, _>>()?;
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut needs: Vec<(&str, &str)> = Vec::new();
        for node in root.optional_list("PODS")? {
            let (head, inner) = entry_of(node)?;
            let (name, version) = words(head);
            let name = pod(name);
            for need in inner {
                needs.push((name, pod(words(need.expect_text("PODS")?).0)));
            }
            let source = sources.get(name);
            if places.contains_key(name) || source.is_some_and(|source| source.local) {
                continue;
            }
            let version =
                version.ok_or_else(|| CatalogError::at(node.line, "expected `Name (version)`"))?;
            let Some(package) = catalog.package("cocoapods", None, name, version, node.line) else {
                continue;
            };
            package.direct = Some(direct.contains(name));
            if let Some(git) = source.and_then(|source| source.git.as_ref()) {
                package.purl = package.purl.clone().with_qualifier("vcs_url", git);
            }
            places.insert(name, catalog.packages.len() - 1);
        }
        let mut links = Links::default();
        for (parent, child) in needs {
            if let (Some(child), Some(parent)) = (places.get(child), places.get(parent)) {
                links.add(*child, *parent);
            }
        }
        links.apply(catalog);
        // The writer puts its own version last.
        if root.get("COCOAPODS").is_none() {
            return Err(CatalogError::whole(
                "`COCOAPODS` is missing: not a Podfile.lock, or cut off",
            ));
        }
        Ok(())
    }
}

#[derive(Default)]
struct Source {
    local: bool,
    git: Option<String>,
}

/// `Name (1.0)` or `Name (1.0):` with a list of what it needs.
fn entry_of<'n>(node: &'n Node<'n>) -> Result<(&'n str, &'n [Node<'n>]), CatalogError> {
    if let Some(text) = node.text() {
        return Ok((text, &[]));
    }
    let mut members = node.expect_map("PODS")?.iter();
    match (members.next(), members.next()) {
        (Some(member), None) => Ok((&member.key, member.node.expect_list("PODS")?)),
        _ => Err(CatalogError::at(node.line, "expected one pod an entry")),
    }
}

/// The name and what stands in brackets behind it.
fn words(text: &str) -> (&str, Option<&str>) {
    match text.split_once(" (") {
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')')),
        None => (text.trim(), None),
    }
}

/// The pod of a subspec.
fn pod(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const LOCK: &str = include_str!("../testdata/cocoapods/Podfile.lock");

    #[test]
    fn pods_with_lines_and_parents() {
        assert_eq!(
            lines(&catalog_text(&PodfileLock, "Podfile.lock", LOCK)),
            [
                "pkg:cocoapods/AFNetworking@2.5.1:2 direct=true parents=[]",
                "pkg:cocoapods/Firebase@8.0.0:7 direct=true parents=[]",
                "pkg:cocoapods/FirebaseCore@8.0.0:9 direct=false parents=[pkg:cocoapods/Firebase@8.0.0]",
                "pkg:cocoapods/Patched@1.1.0?vcs_url=git%2Bhttps://github.com/acme/patched.git%40ab12:11 direct=true parents=[]",
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&PodfileLock, "Podfile.lock", text);
        assert_eq!(
            fails(LOCK.split("COCOAPODS").next().unwrap()),
            "`COCOAPODS` is missing: not a Podfile.lock, or cut off"
        );
        assert_eq!(fails("PODS:\n  - A\nCOCOAPODS: 1.0.0\n"), "2: expected `Name (version)`");
        assert_eq!(fails("PODS:\n  - []\n"), "2: `PODS` is a list, expected a mapping");
    }
}
