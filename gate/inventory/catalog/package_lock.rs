use std::collections::HashMap;

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{
        address,
        graph::{Graph, Member},
        integrity,
        nesting::Nesting,
        npm,
    },
    document::{Node, parse_json},
};

/// `package-lock.json` and `npm-shrinkwrap.json`, lockfile versions 1 to 3 (npm documentation, "package-lock.json").
///
/// Version 1 nests `dependencies`, the later ones list the folders of `node_modules`; parents follow from Node's rule of
/// looking upwards. The root and the folders outside `node_modules` are the project and its workspaces, links to them are
/// no packages. In version 1 the `package.json` beside tells what is direct.
#[derive(Debug)]
pub(crate) struct PackageLock;

impl Cataloger for PackageLock {
    fn id(&self) -> &'static str {
        "package-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        matches!(entry.name(), "package-lock.json" | "npm-shrinkwrap.json")
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_json(&text)?;
        root.expect_map("package-lock")?;
        let version = root.get("lockfileVersion");
        match (version.and_then(Node::scalar), root.get("packages")) {
            (Some("2" | "3"), Some(packages)) => folders(packages, catalog),
            (Some("2" | "3"), None) => {
                Err(CatalogError::whole("there is no `packages`: the file is cut off"))
            }
            (Some("1"), _) => nested(&root, entry, tree, catalog),
            (Some(_), _) => Err(CatalogError::at(
                version.map_or(1, |node| node.line),
                "a lockfile version that is not known: 1 to 3 are",
            )),
            // npm before 5 wrote shrinkwraps without a version.
            (None, None) if version.is_none() && root.get("dependencies").is_some() => {
                nested(&root, entry, tree, catalog)
            }
            (None, _) => {
                Err(CatalogError::whole("there is no `lockfileVersion`: not a lockfile of npm"))
            }
        }
    }
}

/// What one entry needs, and how badly.
const NEEDS: [(&str, Scope); 3] = [
    ("dependencies", Scope::Runtime),
    ("optionalDependencies", Scope::Optional),
    ("peerDependencies", Scope::Optional),
];

/// Versions 2 and 3.
fn folders(packages: &Node<'_>, catalog: &mut Catalog) -> Result<(), CatalogError> {
    let packages = packages.expect_map("packages")?;
    if packages.get("").is_none() {
        return Err(CatalogError::whole("`packages` does not describe the project itself"));
    }
    let mut nesting = Nesting::new();
    let mut graph = Graph::default();
    // The node at each place; places without an entry of their own stay `None`.
    let mut at_place: Vec<Option<usize>> = Vec::new();
    let mut read: Vec<(usize, usize, &Node<'_>, bool)> = Vec::with_capacity(packages.len());
    let mut links: Vec<(usize, &str, u32)> = Vec::new();
    for member in packages {
        let (path, node, line) = (member.key.as_ref(), &member.node, member.line);
        node.expect_map("packages")?;
        let Some((place, name)) = locate(&mut nesting, path) else {
            catalog.unreadable(line, "a folder nested too deep or without a package's name");
            continue;
        };
        at_place.resize(nesting.len().max(at_place.len()), None);
        if node.get("link").and_then(Node::bool) == Some(true) {
            links.push((place, node.member_text("resolved")?, line));
            continue;
        }
        let (graph_node, own) = match name {
            None => (graph.add(Member::Project), true),
            Some(name) => (graph.add_package(package(name, node, line, catalog)?), false),
        };
        if let Some(slot) = at_place.get_mut(place) {
            *slot = Some(graph_node);
        }
        read.push((place, graph_node, node, own));
    }
    for (place, target, line) in links {
        let target = nesting.find_member(target).and_then(|member| at_place.get(member).copied());
        match target.flatten() {
            Some(node) => {
                if let Some(slot) = at_place.get_mut(place) {
                    *slot = Some(node);
                }
            }
            None => catalog.unreadable(line, "a link to a folder that the file does not describe"),
        }
    }
    for (place, node, value, own) in read {
        let dev = [("devDependencies", Scope::Dev)];
        let needs = NEEDS.iter().chain(if own { dev.as_slice() } else { &[] });
        let optional = value.get("optionalDependencies").and_then(Node::map);
        for (key, scope) in needs {
            for need in value.optional_map(key)? {
                if *key == "dependencies"
                    && optional.is_some_and(|map| map.get(&need.key).is_some())
                {
                    continue;
                }
                let child = nesting
                    .resolve(place, &need.key)
                    .and_then(|place| at_place.get(place).copied().flatten());
                match child {
                    Some(child) => graph.edge(node, child, *scope),
                    // Peers and what is optional may be absent.
                    None if *scope == Scope::Optional => {}
                    None if own => absent(&need.key, &need.node, need.line, catalog),
                    None => {
                        let name: String = need.key.chars().take(120).collect();
                        catalog.unreadable(
                            need.line,
                            format!("the package `{name}` that is needed here is not in the file"),
                        );
                    }
                }
            }
        }
    }
    graph.settle(catalog);
    Ok(())
}

/// A need of the project itself that the file does not lock.
fn absent(name: &str, range: &Node<'_>, line: u32, catalog: &mut Catalog) {
    let range = range.text().unwrap_or_default();
    if npm::asked(range) != npm::Asked::Local {
        npm::unpinned(catalog, name, line, range);
    }
}

/// The place of a path such as `packages/a/node_modules/@s/b`, and the package's name unless it is a part of the project.
fn locate<'a>(nesting: &mut Nesting<'a>, path: &'a str) -> Option<(usize, Option<&'a str>)> {
    let mut place = Nesting::ROOT;
    let mut name = None;
    let mut rest = path;
    let inside = rest.starts_with("node_modules/");
    if !inside && !rest.is_empty() {
        let end = rest.find("/node_modules/").unwrap_or(rest.len());
        let (folder, below) = rest.split_at(end);
        place = nesting.member(folder);
        rest = below.strip_prefix('/').unwrap_or(below);
    }
    while !rest.is_empty() {
        rest = rest.strip_prefix("node_modules/")?;
        let end = rest.find("/node_modules/").unwrap_or(rest.len());
        let (found, below) = rest.split_at(end);
        if found.is_empty() || found.len() > 512 {
            return None;
        }
        place = nesting.place(place, found)?;
        name = Some(found);
        rest = below.strip_prefix('/').unwrap_or(below);
    }
    Some((place, name))
}

fn package(
    folder: &str,
    node: &Node<'_>,
    line: u32,
    catalog: &mut Catalog,
) -> Result<Option<usize>, CatalogError> {
    let name = node.optional_text("name")?.unwrap_or(folder);
    let resolved = node.optional_text("resolved")?.unwrap_or_default();
    // A folder that npm copied is the project's own; an archive beside the project is somebody's package.
    let archive = [".tgz", ".tar.gz", ".tar"].iter().any(|end| resolved.ends_with(end));
    if resolved.starts_with("file:") && !archive {
        return Ok(None);
    }
    let Some(version) = node.optional_text("version")? else {
        npm::unpinned(catalog, name, line, resolved);
        return Ok(None);
    };
    let index = npm::push(catalog, name, version, line);
    if npm::is_git(resolved) {
        npm::mark_git(catalog, index, resolved);
    }
    flags(index, node, catalog);
    if let Some(license) = node.get("license").and_then(Node::text)
        && let Some(package) = index.and_then(|at| catalog.packages.get_mut(at))
    {
        package.licenses.push(license.chars().take(200).collect());
    }
    Ok(index)
}

fn flags(index: Option<usize>, node: &Node<'_>, catalog: &mut Catalog) {
    let flag = |key: &str| node.get(key).and_then(Node::bool) == Some(true);
    let Some(package) = index.and_then(|at| catalog.packages.get_mut(at)) else { return };
    integrity::state(Some(package), node.get("integrity").and_then(Node::text));
    package.scope = if flag("dev") {
        Scope::Dev
    } else if flag("optional") || flag("devOptional") || flag("peer") {
        Scope::Optional
    } else {
        Scope::Runtime
    };
}

/// Version 1, and what came before it.
fn nested(
    root: &Node<'_>,
    entry: &Entry,
    tree: &Tree,
    catalog: &mut Catalog,
) -> Result<(), CatalogError> {
    let mut nesting = Nesting::new();
    let mut graph = Graph::default();
    let mut at_place: HashMap<usize, usize> = HashMap::new();
    let mut read: Vec<(usize, usize, &Node<'_>)> = Vec::new();
    let mut open: Vec<(usize, &Node<'_>)> = vec![(Nesting::ROOT, root)];
    let mut next = 0;
    while let Some((above, holder)) = open.get(next).copied() {
        next += 1;
        for member in holder.optional_map("dependencies")? {
            let (name, node, line) = (member.key.as_ref(), &member.node, member.line);
            node.expect_map("dependencies")?;
            let Some(place) = nesting.place(above, name) else {
                catalog.unreadable(line, "nested too deep");
                continue;
            };
            let graph_node = graph.add_package(locked(name, node, line, catalog)?);
            at_place.insert(place, graph_node);
            read.push((place, graph_node, node));
            open.push((place, node));
        }
    }
    for (place, node, value) in read {
        // `true` or `false` stand here in the first files of this version.
        let requires = value.get("requires").and_then(Node::map).into_iter().flatten();
        for need in requires {
            let child = nesting.resolve(place, &need.key).and_then(|at| at_place.get(&at));
            if let Some(child) = child {
                graph.edge(node, *child, Scope::Runtime);
            } else if value.get("bundled").is_none() && !is_optional(value) {
                let name: String = need.key.chars().take(120).collect();
                catalog.unreadable(
                    need.line,
                    format!("the package `{name}` that is needed here is not in the file"),
                );
            }
        }
    }
    let manifest = manifest_beside(entry, tree);
    if let Some(requests) = manifest.as_ref().and_then(|text| named(text)) {
        let project = graph.add(Member::Project);
        for (name, scope) in requests {
            let child = nesting.resolve(Nesting::ROOT, &name).and_then(|at| at_place.get(&at));
            if let Some(child) = child {
                graph.edge(project, *child, scope);
            }
        }
    }
    graph.settle(catalog);
    Ok(())
}

fn is_optional(node: &Node<'_>) -> bool {
    node.get("optional").and_then(Node::bool) == Some(true)
}

fn locked(
    name: &str,
    node: &Node<'_>,
    line: u32,
    catalog: &mut Catalog,
) -> Result<Option<usize>, CatalogError> {
    let version = node.member_text("version")?;
    let resolved = node.optional_text("resolved")?.unwrap_or_default();
    let index = match npm::asked(version) {
        npm::Asked::Exact(alias, version) => {
            npm::push(catalog, alias.unwrap_or(name), version, line)
        }
        npm::Asked::Local => None,
        // Old registries held versions that are not SemVer; an address is no version at all.
        npm::Asked::Open(_) if !version.contains([':', '/', ' ']) => {
            npm::push(catalog, name, version, line)
        }
        npm::Asked::Open(_) => {
            npm::unpinned(catalog, name, line, version);
            None
        }
    };
    if npm::is_git(resolved) {
        npm::mark_git(catalog, index, resolved);
    }
    flags(index, node, catalog);
    Ok(index)
}

fn manifest_beside(entry: &Entry, tree: &Tree) -> Option<String> {
    let path = address::resolve(entry.folder(), "package.json")?;
    tree.read_text(tree.find(&path)?).ok()
}

fn named(text: &str) -> Option<Vec<(String, Scope)>> {
    let root = parse_json(text).ok()?;
    let mut faults = Vec::new();
    let requests = npm::requests(&root, &mut faults).ok()?;
    Some(requests.into_iter().map(|request| (request.name.to_owned(), request.scope)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const V1: &str = include_str!("../testdata/npm/v1/package-lock.json");
    const V3: &str = include_str!("../testdata/npm/v3/package-lock.json");
    const MANIFEST: &str = include_str!("../testdata/npm/v1/package.json");

    #[test]
    fn version_three() {
        let catalog = catalog_text(&PackageLock, "package-lock.json", V3);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/%40babel/core@7.24.0:25 direct=true scope=dev parents=[]",
                "pkg:npm/debug@2.6.9:34 direct=true scope=runtime parents=[pkg:npm/finalhandler@1.1.2]",
                "pkg:npm/finalhandler@1.1.2:43 direct=true scope=runtime parents=[]",
                "pkg:npm/debug@4.3.4:52 direct=true scope=runtime parents=[]",
                "pkg:npm/fsevents@2.3.3:57 direct=true scope=optional parents=[]",
                "pkg:npm/ms@2.0.0:64 direct=false scope=runtime parents=[pkg:npm/debug@2.6.9]",
                "pkg:npm/string-width@4.2.3:69 direct=true scope=runtime parents=[]",
                "pkg:npm/tool@1.2.0?vcs_url=git%2Bssh://github.com/acme/tool.git%230123456789abcdef0123456789abcdef01234567:79 direct=true scope=runtime parents=[]",
                "pkg:npm/ms@2.1.2:86 direct=false scope=runtime parents=[pkg:npm/debug@4.3.4]",
            ]
        );
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
        assert!(catalog.unpinned.is_empty(), "{:?}", catalog.unpinned);
        assert_eq!(catalog.packages[1].licenses, ["MIT"]);
    }

    #[test]
    fn version_one_with_its_manifest() {
        let (catalog, result) = try_catalog(
            &PackageLock,
            &[("a/package-lock.json", V1.as_bytes()), ("a/package.json", MANIFEST.as_bytes())],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/debug@2.6.9:7 direct=false scope=runtime parents=[pkg:npm/finalhandler@1.1.2]",
                "pkg:npm/finalhandler@1.1.2:15 direct=true scope=runtime parents=[]",
                "pkg:npm/lodash@4.17.20:23 direct=true scope=dev parents=[]",
                "pkg:npm/ms@2.0.0:35 direct=false scope=runtime parents=[pkg:npm/debug@2.6.9]",
                "pkg:npm/unpipe@1.0.0:17 direct=false scope=runtime parents=[pkg:npm/finalhandler@1.1.2]",
            ]
        );
        assert_eq!(catalog.unpinned.len(), 1);
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
    }

    #[test]
    fn faults_name_their_line() {
        let fail = |text: &str| failure(&PackageLock, "package-lock.json", text);
        assert_eq!(fail(""), "the file is empty");
        assert_eq!(fail("{}"), "there is no `lockfileVersion`: not a lockfile of npm");
        assert_eq!(
            fail("{\n\"lockfileVersion\": 9}"),
            "2: a lockfile version that is not known: 1 to 3 are"
        );
        assert_eq!(fail("{\"lockfileVersion\": 3}"), "there is no `packages`: the file is cut off");
        assert_eq!(
            fail("{\"lockfileVersion\": 3, \"packages\": {\n\"\": {},\n\"node_modules/a\": 1}}"),
            "3: `packages` is a number, expected a mapping"
        );
        let missing = "{\"lockfileVersion\": 3, \"packages\": {\n\"\": {\"dependencies\": {\"b\": \"^1\"}},\n\"node_modules/a\": {\"version\": \"1.0.0\",\n\"dependencies\": {\"gone\": \"1\"}}}}";
        let catalog = catalog_text(&PackageLock, "package-lock.json", missing);
        assert_eq!(catalog.unknowns[0].location.line, Some(4));
        assert_eq!(catalog.unpinned[0].unknown.location.line, Some(2));
        for odd in ["node_modules/", "node_modules/a/b/node_modules/", "x/node_modules/"] {
            let text = format!(
                "{{\"lockfileVersion\": 3, \"packages\": {{\"\": {{}}, \"{odd}\": {{\"version\": \"1.0.0\"}}}}}}"
            );
            let _ = catalog_text(&PackageLock, "package-lock.json", &text);
        }
        let deep = "node_modules/a/".repeat(100);
        let text = format!(
            "{{\"lockfileVersion\": 3, \"packages\": {{\"\": {{}},\n\"{deep}node_modules/b\": {{\"version\": \"1.0.0\"}}}}}}"
        );
        let catalog = catalog_text(&PackageLock, "package-lock.json", &text);
        assert_eq!(catalog.unknowns[0].location.line, Some(2));
    }
}
