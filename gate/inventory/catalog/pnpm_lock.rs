use std::collections::HashMap;

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{
        ending::ends_with_a_line,
        graph::{Graph, Member},
        integrity, npm,
    },
    document::{self, Node, Value, parse_yaml_stream},
};

/// `pnpm-lock.yaml`, lockfile versions 5 to 9 (pnpm/spec, "lockfile"; source `deps/path/src/index.ts`).
///
/// Importers are the project and its workspaces. Versions 5 and 6 key packages by `/name/version` and `/name@version`,
/// version 9 by `name@version` and keeps who needs whom in `snapshots`; peers stand behind in all of them and do not make
/// another package. A file may hold several documents, each a lockfile.
#[derive(Debug)]
pub(crate) struct PnpmLock;

impl Cataloger for PnpmLock {
    fn id(&self) -> &'static str {
        "pnpm-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "pnpm-lock.yaml"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let documents = parse_yaml_stream(&text)?;
        if documents.is_empty() {
            return Err(CatalogError::whole("the file is empty"));
        }
        ends_with_a_line(&text)?;
        documents.iter().try_for_each(|document| Lockfile::read(document, catalog))
    }
}

/// How a lockfile writes its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `/name/1.0.0_peers`
    Slash,
    /// `/name@1.0.0(peers)`
    SlashAt,
    /// `name@1.0.0(peers)`
    At,
}

struct Lockfile<'n> {
    style: Style,
    graph: Graph,
    /// By full key, peers included.
    nodes: HashMap<&'n str, usize>,
    needs: Vec<(usize, &'n Node<'n>)>,
}

/// What a package or importer needs.
const NEEDS: [(&str, Scope); 3] = [
    ("dependencies", Scope::Runtime),
    ("optionalDependencies", Scope::Optional),
    ("devDependencies", Scope::Dev),
];

impl<'n> Lockfile<'n> {
    fn read(root: &'n Node<'n>, catalog: &mut Catalog) -> Result<(), CatalogError> {
        let version = root.get("lockfileVersion").ok_or_else(|| {
            CatalogError::whole("there is no `lockfileVersion`: not a lockfile of pnpm, or cut off")
        })?;
        let style = match version.scalar().and_then(|text| text.split('.').next()) {
            Some("5") => Style::Slash,
            Some("6" | "7") => Style::SlashAt,
            Some("9") => Style::At,
            _ => {
                return Err(CatalogError::at(
                    version.line,
                    "a lockfile version that is not known: 5 to 9 are",
                ));
            }
        };
        // pnpm writes `{}` where there is nothing: a key without a value is where a file was cut off.
        for member in root.expect_map("pnpm-lock.yaml")? {
            not_cut(member)?;
        }
        let mut this =
            Self { style, graph: Graph::default(), nodes: HashMap::new(), needs: Vec::new() };
        this.packages(root, catalog)?;
        let mut edges = Vec::new();
        for (node, value) in &this.needs {
            this.edges(*node, value, false, catalog, &mut edges)?;
        }
        let importers: Vec<(usize, &Node<'_>)> = match root.get("importers") {
            Some(importers) => importers
                .expect_map("importers")?
                .iter()
                .map(|member| {
                    not_cut(member)?;
                    Ok((this.graph.add(Member::Project), &member.node))
                })
                .collect::<Result<_, CatalogError>>()?,
            None if style == Style::At => {
                return Err(CatalogError::whole("there is no `importers`: the file is cut off"));
            }
            None => vec![(this.graph.add(Member::Project), root)],
        };
        for (node, value) in importers {
            value.map().into_iter().flatten().try_for_each(not_cut)?;
            complete(value)?;
            this.edges(node, value, true, catalog, &mut edges)?;
        }
        for (parent, child, scope) in edges {
            this.graph.edge(parent, child, scope);
        }
        this.graph.settle(catalog);
        Ok(())
    }

    /// Reads `packages`, and in version 9 `snapshots`.
    fn packages(&mut self, root: &'n Node<'n>, catalog: &mut Catalog) -> Result<(), CatalogError> {
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut indexes: HashMap<&str, Option<usize>> = HashMap::new();
        for member in root.optional_map("packages")? {
            let key = member.key.as_ref();
            let plain = if self.style == Style::Slash { key } else { without_peers(key) };
            let index = if let Some(index) = indexes.get(plain) {
                *index
            } else {
                let found = self.package(member, catalog)?;
                indexes.insert(plain, found);
                found
            };
            if self.style == Style::At {
                known.insert(key, indexes.len());
            } else {
                let node = self.graph.add_package(index);
                self.nodes.insert(key, node);
                self.needs.push((node, &member.node));
            }
        }
        if self.style != Style::At {
            return Ok(());
        }
        let Some(snapshots) = root.get("snapshots") else {
            return if known.is_empty() {
                Ok(())
            } else {
                Err(CatalogError::whole("there is no `snapshots`: the file is cut off"))
            };
        };
        for member in snapshots.expect_map("snapshots")? {
            let key = member.key.as_ref();
            let Some(index) = indexes.get(without_peers(key)) else {
                catalog.unreadable(member.line, "a snapshot of a package that is not in the file");
                continue;
            };
            let node = self.graph.add_package(*index);
            self.nodes.insert(key, node);
            self.needs.push((node, &member.node));
        }
        Ok(())
    }

    /// Adds one package; `None` for folders of the project, and for what is recorded as a gap.
    fn package(
        &self,
        member: &'n document::Member<'n>,
        catalog: &mut Catalog,
    ) -> Result<Option<usize>, CatalogError> {
        let (key, value, line) = (member.key.as_ref(), &member.node, member.line);
        value.expect_map("packages")?;
        let resolution = value.get("resolution").ok_or_else(|| {
            CatalogError::at(line, "`resolution` is missing: the file is cut off")
        })?;
        resolution.expect_map("resolution")?;
        if resolution.get("directory").is_some() {
            return Ok(None);
        }
        let told = self.split(key);
        let name = value.optional_text("name")?.or(told.map(|(name, _)| name));
        let version = value
            .get("version")
            .and_then(Node::scalar)
            .or(told.map(|(_, version)| version).filter(|version| !version.contains([':', '/'])));
        let address = resolution
            .get("repo")
            .or_else(|| resolution.get("tarball"))
            .and_then(Node::text)
            .unwrap_or_default();
        let Some(name) = name else {
            catalog.unreadable(line, "neither its key nor its entry names the package");
            return Ok(None);
        };
        let Some(version) = version else {
            npm::unpinned(catalog, name, line, address);
            return Ok(None);
        };
        let index = npm::push(catalog, name, version, line);
        integrity::state(
            index.and_then(|at| catalog.packages.get_mut(at)),
            resolution.get("integrity").and_then(Node::text),
        );
        if let Some(commit) = resolution.get("commit").and_then(Node::text) {
            npm::mark_git(catalog, index, &format!("git+{address}#{commit}"));
        }
        Ok(index)
    }

    /// Name and version of a key.
    fn split<'k>(&self, key: &'k str) -> Option<(&'k str, &'k str)> {
        match self.style {
            Style::At => npm::split_at_sign(without_peers(key)),
            Style::SlashAt => {
                let key = without_peers(key);
                npm::split_at_sign(registry_path(key, '@')?)
            }
            Style::Slash => {
                let key = without_peers(key);
                let path = registry_path(key, '/')?;
                let (name, version) = path.rsplit_once('/')?;
                // No version of SemVer holds an underscore: what follows are peers.
                let version = version.split('_').next()?;
                (!name.is_empty()).then_some((name, version))
            }
        }
    }

    fn edges(
        &self,
        node: usize,
        value: &Node<'_>,
        project: bool,
        catalog: &mut Catalog,
        edges: &mut Vec<(usize, usize, Scope)>,
    ) -> Result<(), CatalogError> {
        for (key, scope) in NEEDS {
            if key == "devDependencies" && !project {
                continue;
            }
            for need in value.optional_map(key)? {
                let reference = match need.node.map() {
                    Some(_) => need.node.get("version").and_then(Node::scalar),
                    None => need.node.scalar(),
                };
                let Some(reference) = reference else {
                    return Err(CatalogError::at(need.line, "a dependency without a version"));
                };
                if reference.starts_with("link:") {
                    continue;
                }
                match self.find(&need.key, reference) {
                    Some(child) => edges.push((node, child, scope)),
                    None if scope == Scope::Optional => {}
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
        Ok(())
    }

    /// The node of a reference: a version, or for aliases and addresses a key of its own.
    fn find(&self, name: &str, reference: &str) -> Option<usize> {
        let key = match self.style {
            Style::Slash => format!("/{name}/{reference}"),
            Style::SlashAt => format!("/{name}@{reference}"),
            Style::At => format!("{name}@{reference}"),
        };
        self.nodes.get(key.as_str()).or_else(|| self.nodes.get(reference)).copied()
    }
}

/// Fails on a key without a value.
fn not_cut(member: &document::Member<'_>) -> Result<(), CatalogError> {
    if matches!(member.node.value, Value::Null) {
        let key: String = member.key.chars().take(80).collect();
        return Err(CatalogError::at(
            member.line,
            format!("`{key}` has no value: the file is cut off"),
        ));
    }
    Ok(())
}

/// In version 5 everything that `specifiers` asks for is answered.
fn complete(importer: &Node<'_>) -> Result<(), CatalogError> {
    for specifier in importer.optional_map("specifiers")? {
        if NEEDS.iter().all(|(key, _)| importer.at(&[*key, &specifier.key]).is_none()) {
            let name: String = specifier.key.chars().take(120).collect();
            return Err(CatalogError::at(
                specifier.line,
                format!("`{name}` is asked for and not answered: the file is cut off"),
            ));
        }
    }
    Ok(())
}

/// The key without `(peer@1.0.0)` groups.
fn without_peers(key: &str) -> &str {
    key.split('(').next().unwrap_or_default()
}

/// What follows the registry in a key: a leading `/` stands for the usual one. `None` for addresses.
fn registry_path(key: &str, separator: char) -> Option<&str> {
    if let Some(path) = key.strip_prefix('/') {
        return Some(path);
    }
    if key.contains("://") || key.starts_with("file:") {
        return None;
    }
    let (host, path) = key.split_once('/')?;
    // Hosts have dots; code hosts are addresses of repositories.
    let code = ["github.com", "gitlab.com", "bitbucket.org", "codeload.github.com"];
    (host.contains('.') && !code.contains(&host) && path.contains(separator)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const V5: &str = include_str!("../testdata/pnpm/v5/pnpm-lock.yaml");
    const V6: &str = include_str!("../testdata/pnpm/v6/pnpm-lock.yaml");
    const V9: &str = include_str!("../testdata/pnpm/v9/pnpm-lock.yaml");

    #[test]
    fn version_five() {
        let catalog = catalog_text(&PnpmLock, "pnpm-lock.yaml", V5);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/%40babel/core@7.24.0:18 direct=true scope=dev parents=[]",
                "pkg:npm/debug@4.3.4:24 direct=true scope=runtime parents=[]",
                "pkg:npm/ms@2.1.2:33 direct=false scope=runtime parents=[pkg:npm/debug@4.3.4]",
                "pkg:npm/tool@1.2.0:37 direct=true scope=runtime parents=[]",
            ]
        );
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
    }

    #[test]
    fn version_six() {
        let catalog = catalog_text(&PnpmLock, "pnpm-lock.yaml", V6);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/%40babel/core@7.24.0:35 direct=true scope=dev parents=[]",
                "pkg:npm/react@18.2.0:40 direct=true scope=runtime parents=[pkg:npm/react-dom@18.2.0]",
                "pkg:npm/react-dom@18.2.0:44 direct=true scope=runtime parents=[]",
                "pkg:npm/string-width@4.2.3:52 direct=true scope=optional parents=[]",
            ]
        );
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
    }

    #[test]
    fn version_nine_in_two_documents() {
        let catalog = catalog_text(&PnpmLock, "pnpm-lock.yaml", V9);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/pnpm@10.12.1:14 direct=true scope=dev parents=[]",
                "pkg:npm/%40babel/core@7.24.0:50 direct=true scope=dev parents=[]",
                "pkg:npm/is-positive@3.1.0:54 direct=true scope=runtime parents=[]",
                "pkg:npm/react@18.2.0:58 direct=true scope=runtime parents=[pkg:npm/react-dom@18.2.0]",
                "pkg:npm/react-dom@18.2.0:61 direct=true scope=runtime parents=[]",
                "pkg:npm/string-width@4.2.3:66 direct=true scope=runtime parents=[]",
            ]
        );
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
    }

    #[test]
    fn faults_name_their_line() {
        let fail = |text: &str| failure(&PnpmLock, "pnpm-lock.yaml", text);
        assert_eq!(fail(""), "the file is empty");
        assert_eq!(
            fail("a: 1\n"),
            "there is no `lockfileVersion`: not a lockfile of pnpm, or cut off"
        );
        assert_eq!(
            fail("lockfileVersion: 4\n"),
            "1: a lockfile version that is not known: 5 to 9 are"
        );
        assert_eq!(
            fail("lockfileVersion: '9.0'\n"),
            "there is no `importers`: the file is cut off"
        );
        let head = "lockfileVersion: '6.0'\npackages:\n  /a@1.0.0:\n";
        assert_eq!(
            fail(&format!("{head}    dev: true\n")),
            "3: `resolution` is missing: the file is cut off"
        );
        let missing = format!(
            "{head}    resolution: {{integrity: x}}\n    dependencies:\n      gone: 1.0.0\n"
        );
        let catalog = catalog_text(&PnpmLock, "pnpm-lock.yaml", &missing);
        assert_eq!(catalog.unknowns[0].location.line, Some(6));
        let nine = "lockfileVersion: '9.0'\nimporters:\n  .: {}\npackages:\n  a@1.0.0:\n    resolution: {integrity: x}\n";
        assert_eq!(fail(nine), "there is no `snapshots`: the file is cut off");
        assert_eq!(
            fail("lockfileVersion: '6.0'\nimporters:\n"),
            "2: `importers` has no value: the file is cut off"
        );
        assert_eq!(
            fail("lockfileVersion: 5.4\nspecifiers:\n  a: ^1\n"),
            "3: `a` is asked for and not answered: the file is cut off"
        );
        assert_eq!(
            fail("lockfileVersion: 5.4\nspecifiers: {}"),
            "the last line does not end: the file is cut off"
        );
    }
}
