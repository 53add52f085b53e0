//! `yarn.lock` of Yarn 2 and later: YAML whose entries carry a `resolution` (Yarn documentation, "Lexicon", locators).
//!
//! Workspaces are entries too, and theirs is the direct. Their entry mixes development with the rest, so the
//! `package.json` of each workspace tells the scope; where it cannot be read, the scope stays unknown.

use std::collections::HashMap;

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError,
    catalog::{
        address,
        graph::{Graph, Member},
        npm,
    },
    document::{self, Node, parse_json, parse_yaml},
};

pub(crate) fn read(
    text: &str,
    entry: &Entry,
    tree: &Tree,
    catalog: &mut Catalog,
) -> Result<(), CatalogError> {
    let root = parse_yaml(text)?;
    let metadata = root
        .get("__metadata")
        .ok_or_else(|| CatalogError::whole("there is no `__metadata`: the file is cut off"))?;
    let version = metadata.get("version");
    if version.and_then(Node::scalar).and_then(|text| text.parse::<u32>().ok()).is_none() {
        return Err(CatalogError::at(metadata.line, "`__metadata` has no `version`"));
    }
    let mut graph = Graph::default();
    let mut by_descriptor: HashMap<&str, usize> = HashMap::new();
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    let mut read: Vec<(usize, &Node<'_>, Option<&str>)> = Vec::new();
    for member in root.expect_map("yarn.lock")? {
        if member.key == "__metadata" {
            continue;
        }
        let (node, workspace) = locked(member, catalog, &mut graph)?;
        for descriptor in member.key.split(", ") {
            by_descriptor.insert(descriptor, node);
            if let Some((name, _)) = npm::split_at_sign(descriptor) {
                by_name.entry(name).or_insert(node);
            }
        }
        read.push((node, &member.node, workspace));
    }
    for (node, value, workspace) in read {
        let scopes = workspace.map(|folder| scopes(folder, entry, tree));
        for need in value.optional_map("dependencies")? {
            let range = need.node.scalar().unwrap_or_default();
            let optional =
                value.at(&["dependenciesMeta", &need.key, "optional"]).and_then(Node::bool)
                    == Some(true);
            let child = by_descriptor
                .get(format!("{}@{range}", need.key).as_str())
                .or_else(|| by_descriptor.get(format!("{}@npm:{range}", need.key).as_str()))
                // `resolutions` of the project may answer a request under another range.
                .or_else(|| by_name.get(need.key.as_ref()));
            let scope = match &scopes {
                Some(Some(scopes)) => scopes.get(need.key.as_ref()).copied().unwrap_or_default(),
                Some(None) => Scope::Unknown,
                None if optional => Scope::Optional,
                None => Scope::Runtime,
            };
            match child {
                Some(child) => graph.edge(node, *child, scope),
                None if optional => {}
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
    graph.settle(catalog);
    Ok(())
}

/// Adds one entry; the folder comes with it when it is a workspace.
fn locked<'n>(
    member: &'n document::Member<'n>,
    catalog: &mut Catalog,
    graph: &mut Graph,
) -> Result<(usize, Option<&'n str>), CatalogError> {
    let (value, line) = (&member.node, member.line);
    value.expect_map("entry")?;
    // Yarn writes this property last.
    if value.get("linkType").is_none() {
        return Err(CatalogError::at(line, "`linkType` is missing: the file is cut off"));
    }
    let resolution = value.member_text("resolution")?;
    let (name, reference) = npm::split_at_sign(resolution)
        .ok_or_else(|| CatalogError::at(line, "`resolution` is not `name@reference`"))?;
    if let Some(folder) = reference.strip_prefix("workspace:") {
        return Ok((graph.add(Member::Project), Some(folder)));
    }
    if ["link:", "portal:"].iter().any(|local| reference.starts_with(local)) {
        return Ok((graph.add(Member::Other), None));
    }
    let version = value
        .get("version")
        .and_then(Node::scalar)
        .ok_or_else(|| CatalogError::at(line, "`version` is missing"))?;
    // A folder that was copied in is the project's own; an archive is somebody's package.
    let path = reference.split(['#', ':']).nth(1).unwrap_or_default();
    if reference.starts_with("file:") && ![".tgz", ".tar.gz"].iter().any(|end| path.ends_with(end))
    {
        return Ok((graph.add(Member::Other), None));
    }
    let index = npm::push(catalog, name, version, line);
    let git = npm::is_git(reference) || reference.contains("#commit=");
    if git {
        let address = reference.replace("#commit=", "#");
        npm::mark_git(catalog, index, &address);
    }
    Ok((graph.add_package(index), None))
}

/// The scope of each dependency of the workspace in `folder`.
fn scopes(folder: &str, entry: &Entry, tree: &Tree) -> Option<HashMap<String, Scope>> {
    let path = address::resolve(entry.folder(), &format!("{folder}/package.json"))?;
    let text = tree.read_text(tree.find(&path)?).ok()?;
    let root = parse_json(&text).ok()?;
    let mut faults = Vec::new();
    let mut scopes: HashMap<String, Scope> = HashMap::new();
    for request in npm::requests(&root, &mut faults).ok()? {
        scopes
            .entry(request.name.to_owned())
            .and_modify(|scope| *scope = scope.widest(request.scope))
            .or_insert(request.scope);
    }
    Some(scopes)
}

#[cfg(test)]
mod tests {
    use crate::catalog::{
        testing::{catalog_text, failure, lines, try_catalog},
        yarn_lock::YarnLock,
    };

    const LOCK: &str = include_str!("../testdata/yarn-berry/yarn.lock");
    const MANIFEST: &[u8] = include_bytes!("../testdata/yarn-berry/package.json");

    #[test]
    fn entries_with_their_workspace() {
        let (catalog, result) = try_catalog(
            &YarnLock,
            &[("w/yarn.lock", LOCK.as_bytes()), ("w/package.json", MANIFEST)],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/%40babel/core@7.24.0:8 direct=true scope=dev parents=[]",
                "pkg:npm/debug@4.3.4:15 direct=true scope=runtime parents=[]",
                "pkg:npm/ms@2.1.2:26 direct=false scope=runtime parents=[pkg:npm/debug@4.3.4]",
                "pkg:npm/string-width@4.2.3:51 direct=true scope=runtime parents=[]",
                "pkg:npm/tool@1.2.0?vcs_url=https://github.com/acme/tool.git%230123456789abcdef0123456789abcdef01234567:58 direct=true scope=runtime parents=[]",
                "pkg:npm/typescript@5.4.2:65 direct=false parents=[]",
                "pkg:npm/typescript@5.4.2:75 direct=true scope=dev parents=[]",
            ]
        );
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
    }

    #[test]
    fn without_the_manifest_the_scope_is_unknown() {
        let catalog = catalog_text(&YarnLock, "yarn.lock", LOCK);
        assert!(lines(&catalog)[0].ends_with(":8 direct=true parents=[]"));
    }

    #[test]
    fn faults_name_their_line() {
        let fail = |text: &str| failure(&YarnLock, "yarn.lock", text);
        assert_eq!(fail("__metadata:\n  cacheKey: 8\n"), "2: `__metadata` has no `version`");
        let head = "__metadata:\n  version: 8\n\n\"a@npm:1\":\n  version: 1.0.0\n";
        assert_eq!(fail(head), "4: `linkType` is missing: the file is cut off");
        let missing = format!(
            "{head}  resolution: \"a@npm:1.0.0\"\n  dependencies:\n    gone: ^1\n  linkType: hard\n"
        );
        let catalog = catalog_text(&YarnLock, "yarn.lock", &missing);
        assert_eq!(catalog.unknowns[0].location.line, Some(8));
    }
}
