use std::collections::HashMap;

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{
        graph::{Graph, Member},
        npm,
    },
    document::{self, Node, parse_json},
};

/// `deno.lock`, versions 3 to 5 (Deno source, `deno_lockfile`): packages of npm and of JSR.
///
/// `workspace` says what the project names; without it nobody knows what is direct. Modules fetched by address
/// (`remote`) have no name and version, and are not packages.
#[derive(Debug)]
pub(crate) struct DenoLock;

impl Cataloger for DenoLock {
    fn id(&self) -> &'static str {
        "deno-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "deno.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_json(&text)?;
        let version = root
            .get("version")
            .ok_or_else(|| CatalogError::whole("there is no `version`: not a deno.lock"))?;
        let holder = match version.scalar() {
            // Version 3 keeps its packages one level down, and writes nothing when there are none.
            Some("3") => root.get("packages"),
            Some("4" | "5") => Some(&root),
            _ => {
                return Err(CatalogError::at(
                    version.line,
                    "a deno.lock version that is not known: 3 to 5 are",
                ));
            }
        };
        let Some(holder) = holder else { return Ok(()) };
        let mut lock = Lock::default();
        lock.packages(holder, catalog)?;
        lock.specifiers(holder)?;
        let needs = std::mem::take(&mut lock.needs);
        for (node, jsr, member) in needs {
            lock.needs_of(node, jsr, member, catalog)?;
        }
        if let Some(workspace) = root.get("workspace") {
            let project = lock.graph.add(Member::Project);
            lock.named(workspace, project)?;
            for member in workspace.optional_map("members")? {
                lock.named(&member.node, project)?;
            }
        }
        lock.graph.settle(catalog);
        Ok(())
    }
}

#[derive(Default)]
struct Lock<'n> {
    graph: Graph,
    /// By id, `name@version` with peers for npm.
    npm: HashMap<&'n str, usize>,
    /// The only id of a name, for references that leave the version out.
    npm_names: HashMap<&'n str, usize>,
    jsr: HashMap<&'n str, usize>,
    /// From `npm:name@range` to an id with its kind in front.
    requests: HashMap<&'n str, String>,
    needs: Vec<(usize, bool, &'n document::Member<'n>)>,
}

impl<'n> Lock<'n> {
    fn packages(
        &mut self,
        holder: &'n Node<'n>,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        for member in holder.optional_map("npm")? {
            let id = member.key.as_ref();
            member.node.expect_map("npm")?;
            let Some((name, version)) = npm::split_at_sign(id) else {
                return Err(CatalogError::at(member.line, "a package is not `name@version`"));
            };
            // Peers follow the version after an underscore, which no version of SemVer holds.
            let version = version.split('_').next().unwrap_or_default();
            let index = npm::push(catalog, name, version, member.line);
            let node = self.graph.add_package(index);
            self.npm.insert(id, node);
            self.npm_names.entry(name).or_insert(node);
            self.needs.push((node, false, member));
        }
        for member in holder.optional_map("jsr")? {
            let id = member.key.as_ref();
            member.node.expect_map("jsr")?;
            let Some((name, version)) = npm::split_at_sign(id) else {
                return Err(CatalogError::at(
                    member.line,
                    "a package is not `@scope/name@version`",
                ));
            };
            let (scope, bare) = npm::split(name);
            let found = catalog.package("jsr", scope, bare, version, member.line).is_some();
            let index = found.then(|| catalog.packages.len() - 1);
            let node = self.graph.add_package(index);
            self.jsr.insert(id, node);
            self.needs.push((node, true, member));
        }
        Ok(())
    }

    fn specifiers(&mut self, holder: &'n Node<'n>) -> Result<(), CatalogError> {
        for member in holder.optional_map("specifiers")? {
            let target = member.node.expect_text("specifiers")?;
            let request = member.key.as_ref();
            let kind = if request.starts_with("jsr:") { "jsr:" } else { "npm:" };
            let full = if target.starts_with(kind) {
                target.to_owned()
            } else {
                let rest = request.strip_prefix(kind).unwrap_or(request);
                let name = npm::split_at_sign(rest).map_or(rest, |(name, _)| name);
                format!("{kind}{name}@{target}")
            };
            self.requests.insert(request, full);
        }
        Ok(())
    }

    /// The node of a request such as `npm:chalk@5`.
    fn request(&self, text: &str) -> Option<usize> {
        let full = self.requests.get(text).map_or(text, String::as_str);
        if let Some(id) = full.strip_prefix("jsr:") {
            return self.jsr.get(id).copied().or_else(|| self.jsr_named(text));
        }
        self.npm_id(full.strip_prefix("npm:")?)
    }

    /// A request of JSR without a range, when one with a range stands for it.
    fn jsr_named(&self, text: &str) -> Option<usize> {
        let full = self.requests.get(format!("{text}@*").as_str())?;
        self.jsr.get(full.strip_prefix("jsr:")?).copied()
    }

    fn npm_id(&self, id: &str) -> Option<usize> {
        // `alias@npm:name@version`
        let id = match npm::split_at_sign(id) {
            Some((_, rest)) => rest.strip_prefix("npm:").unwrap_or(id),
            None => id,
        };
        self.npm.get(id).or_else(|| self.npm_names.get(id)).copied()
    }

    fn needs_of(
        &mut self,
        node: usize,
        jsr: bool,
        member: &document::Member<'n>,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        for (key, scope) in
            [("dependencies", Scope::Runtime), ("optionalDependencies", Scope::Optional)]
        {
            let Some(needs) = member.node.get(key) else { continue };
            let texts: Vec<(&str, u32)> = match needs.map() {
                Some(map) => map
                    .iter()
                    .map(|need| Ok((need.node.expect_text(key)?, need.line)))
                    .collect::<Result<_, CatalogError>>()?,
                None => needs
                    .expect_list(key)?
                    .iter()
                    .map(|need| Ok((need.expect_text(key)?, need.line)))
                    .collect::<Result<_, CatalogError>>()?,
            };
            for (text, line) in texts {
                let child = if jsr { self.request(text) } else { self.npm_id(text) };
                match child {
                    Some(child) => self.graph.edge(node, child, scope),
                    None if scope == Scope::Optional => {}
                    None => catalog.unreadable(line, "a dependency is not in the file"),
                }
            }
        }
        Ok(())
    }

    /// What a `workspace` or one of its members names.
    fn named(&mut self, workspace: &Node<'_>, project: usize) -> Result<(), CatalogError> {
        let manifest = workspace.get("packageJson");
        for holder in [Some(workspace), manifest].into_iter().flatten() {
            for request in holder.optional_list("dependencies")? {
                if let Some(child) = self.request(request.expect_text("dependencies")?) {
                    self.graph.edge(project, child, Scope::Unknown);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const V3: &str = include_str!("../testdata/deno/v3/deno.lock");
    const V5: &str = include_str!("../testdata/deno/v5/deno.lock");

    #[test]
    fn version_three() {
        let catalog = catalog_text(&DenoLock, "deno.lock", V3);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/debug@4.3.4:17 direct=true parents=[]",
                "pkg:npm/ms@2.1.2:23 direct=false parents=[pkg:npm/debug@4.3.4]",
                "pkg:jsr/%40std/assert@0.221.0:10 direct=true parents=[]",
            ]
        );
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
    }

    #[test]
    fn version_five() {
        let catalog = catalog_text(&DenoLock, "deno.lock", V5);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:npm/debug@4.3.4:21 direct=true parents=[]",
                "pkg:npm/fsevents@2.3.3:30 direct=false scope=optional parents=[pkg:npm/debug@4.3.4]",
                "pkg:npm/ms@2.1.2:33 direct=false parents=[pkg:npm/debug@4.3.4]",
                "pkg:npm/string-width@4.2.3:36 direct=false parents=[pkg:npm/debug@4.3.4]",
                "pkg:jsr/%40std/assert@1.0.2:9 direct=true parents=[]",
                "pkg:jsr/%40std/internal@1.0.1:15 direct=false parents=[pkg:jsr/%40std/assert@1.0.2]",
            ]
        );
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
    }

    #[test]
    fn faults_name_their_line() {
        let fail = |text: &str| failure(&DenoLock, "deno.lock", text);
        assert_eq!(fail("{}"), "there is no `version`: not a deno.lock");
        assert_eq!(
            fail("{\n\"version\": \"2\"}"),
            "2: a deno.lock version that is not known: 3 to 5 are"
        );
        assert_eq!(
            fail("{\"version\": \"4\",\n\"npm\": {\n\"a\": {}}}"),
            "3: a package is not `name@version`"
        );
        assert_eq!(fail("{\"version\": \"4\",\n"), "2: the file ends in the middle of a value");
        let missing =
            "{\"version\": \"4\", \"npm\": {\"a@1.0.0\": {\n\"dependencies\": [\"gone\"]}}}";
        let catalog = catalog_text(&DenoLock, "deno.lock", missing);
        assert_eq!(catalog.unknowns[0].location.line, Some(2));
    }
}
