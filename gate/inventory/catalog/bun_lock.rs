use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{
        graph::{Graph, Member},
        integrity,
        nesting::Nesting,
        npm,
    },
    document::{self, Node, parse_json5_like},
};

/// `bun.lock`, lockfile versions 0 and 1 (Bun source, `src/install/lockfile/bun.lock.zig`): JSON with trailing commas.
///
/// A key of `packages` is the path by which the package is found (`a` or `parent/a`), its list begins with
/// `name@version` or `name@address`.
#[derive(Debug)]
pub(crate) struct BunLock;

impl Cataloger for BunLock {
    fn id(&self) -> &'static str {
        "bun-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "bun.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_json5_like(&text)?;
        let version = root
            .get("lockfileVersion")
            .ok_or_else(|| CatalogError::whole("there is no `lockfileVersion`: not a bun.lock"))?;
        if !matches!(version.scalar(), Some("0" | "1")) {
            return Err(CatalogError::at(
                version.line,
                "a bun.lock version that is not known: 0 and 1 are",
            ));
        }
        let workspaces = root
            .get("workspaces")
            .ok_or_else(|| CatalogError::whole("there is no `workspaces`: not a bun.lock"))?;
        let mut nesting = Nesting::new();
        let mut graph = Graph::default();
        let mut at_place: Vec<Option<usize>> = Vec::new();
        let mut read: Vec<(usize, usize, &Node<'_>)> = Vec::new();
        for member in root.optional_map("packages")? {
            let Some(place) = locate(&mut nesting, &member.key) else {
                catalog.unreadable(member.line, "nested too deep or without a package's name");
                continue;
            };
            at_place.resize(nesting.len().max(at_place.len()), None);
            let (item, info) = package(member, catalog)?;
            let node = graph.add(item);
            if let Some(slot) = at_place.get_mut(place) {
                *slot = Some(node);
            }
            if let Some(info) = info {
                read.push((place, node, info));
            }
        }
        let find = |place: usize, name: &str| {
            nesting.resolve(place, name).and_then(|place| at_place.get(place).copied().flatten())
        };
        for (place, node, info) in read {
            for (key, scope) in [
                ("dependencies", Scope::Runtime),
                ("optionalDependencies", Scope::Optional),
                ("peerDependencies", Scope::Optional),
            ] {
                for need in info.optional_map(key)? {
                    match find(place, &need.key) {
                        Some(child) => graph.edge(node, child, scope),
                        None if scope == Scope::Runtime => not_there(&need.key, need.line, catalog),
                        None => {}
                    }
                }
            }
        }
        for member in workspaces.expect_map("workspaces")? {
            let project = graph.add(Member::Project);
            // Packages nested below a workspace stand below its name.
            let place = member
                .node
                .get("name")
                .and_then(Node::text)
                .filter(|_| !member.key.is_empty())
                .and_then(|name| nesting.find(Nesting::ROOT, name))
                .unwrap_or(Nesting::ROOT);
            let mut faults = Vec::new();
            for request in npm::requests(&member.node, &mut faults)? {
                match find(place, request.name) {
                    Some(child) => graph.edge(project, child, request.scope),
                    None if request.scope == Scope::Optional => {}
                    None => not_there(request.name, request.line, catalog),
                }
            }
            for (line, reason) in faults {
                catalog.unreadable(line, reason);
            }
        }
        graph.settle(catalog);
        Ok(())
    }
}

fn not_there(name: &str, line: u32, catalog: &mut Catalog) {
    let name: String = name.chars().take(120).collect();
    catalog
        .unreadable(line, format!("the package `{name}` that is needed here is not in the file"));
}

/// The place of a key such as `a/@s/b`.
fn locate<'a>(nesting: &mut Nesting<'a>, key: &'a str) -> Option<usize> {
    let mut place = Nesting::ROOT;
    let mut rest = key;
    loop {
        let skip = if rest.starts_with('@') { rest.find('/')? + 1 } else { 0 };
        let end = rest.get(skip..)?.find('/').map_or(rest.len(), |at| at + skip);
        let (name, below) = rest.split_at(end);
        if name.is_empty() || name.len() > 512 {
            return None;
        }
        place = nesting.place(place, name)?;
        match below.strip_prefix('/') {
            Some(more) => rest = more,
            None => return Some(place),
        }
    }
}

/// Reads one list: what it is, and the table of its needs.
fn package<'n>(
    member: &'n document::Member<'n>,
    catalog: &mut Catalog,
) -> Result<(Member, Option<&'n Node<'n>>), CatalogError> {
    let line = member.line;
    let list = member.node.expect_list("packages")?;
    let identity = list
        .first()
        .ok_or_else(|| CatalogError::at(line, "a package without name and version"))?
        .expect_text("packages")?;
    let (name, reference) = npm::split_at_sign(identity)
        .ok_or_else(|| CatalogError::at(line, "a package does not begin with `name@version`"))?;
    let info = list.iter().find(|node| node.map().is_some());
    let local = ["workspace:", "link:", "root:", "file:"];
    if local.iter().any(|prefix| reference.starts_with(prefix)) && !reference.ends_with(".tgz") {
        // What a workspace needs is said among the workspaces.
        let other = if reference.starts_with("workspace:") || reference.starts_with("root:") {
            None
        } else {
            info
        };
        return Ok((Member::Other, other));
    }
    if reference.contains([':', '/']) {
        npm::unpinned(catalog, name, line, reference);
        return Ok((Member::Other, info));
    }
    let index = npm::push(catalog, name, reference, line);
    // The registry's checksum stands last.
    integrity::state(
        index.and_then(|at| catalog.packages.get_mut(at)),
        list.get(1..).and_then(<[Node<'_>]>::last).and_then(Node::text),
    );
    Ok((index.map_or(Member::Other, Member::Package), info))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const LOCK: &str = include_str!("../testdata/bun/bun.lock");

    #[test]
    fn packages_by_their_paths() {
        let catalog = catalog_text(&BunLock, "bun.lock", LOCK);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/%40types/bun@1.1.6:24 direct=true scope=dev parents=[]",
                "pkg:npm/debug@2.6.9:28 direct=true scope=runtime parents=[]",
                "pkg:npm/fsevents@2.3.3:30 direct=true scope=optional parents=[]",
                "pkg:npm/ms@2.1.2:32 direct=true scope=runtime parents=[]",
                "pkg:npm/string-width@4.2.3:34 direct=true scope=runtime parents=[]",
                "pkg:npm/ms@2.0.0:38 direct=false scope=runtime parents=[pkg:npm/debug@2.6.9]",
            ]
        );
        assert_eq!(catalog.unpinned.len(), 1);
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
    }

    #[test]
    fn faults_name_their_line() {
        let fail = |text: &str| failure(&BunLock, "bun.lock", text);
        assert_eq!(fail("{}"), "there is no `lockfileVersion`: not a bun.lock");
        assert_eq!(
            fail("{\n\"lockfileVersion\": 2}"),
            "2: a bun.lock version that is not known: 0 and 1 are"
        );
        assert_eq!(
            fail("{\"lockfileVersion\": 1, \"workspaces\": {"),
            "1: the file ends in the middle of a value"
        );
        let head = "{\"lockfileVersion\": 1, \"workspaces\": {\"\": {\n\"dependencies\": {\"a\": \"1\"}}},\n\"packages\": {\n";
        assert_eq!(fail(&format!("{head}\"a\": []}}}}")), "4: a package without name and version");
        assert_eq!(
            fail(&format!("{head}\"a\": [\"a\"]}}}}")),
            "4: a package does not begin with `name@version`"
        );
        let catalog =
            catalog_text(&BunLock, "bun.lock", &format!("{head}\"/\": [\"b@1.0.0\"]}}}}"));
        let lines: Vec<_> = catalog.unknowns.iter().map(|unknown| unknown.location.line).collect();
        assert_eq!(lines, [Some(4), Some(2)]);
    }
}
