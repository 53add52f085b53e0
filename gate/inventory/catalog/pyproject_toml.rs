use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::pypi::{self, Requirement},
    document::{Map, Member, Node, parse_toml},
};

/// `pyproject.toml`: what a Python project asks for, by PEP 621, PEP 735, Poetry, PDM and uv.
///
/// An exact version is a package; anything else has to be answered by a lockfile. A project whose dependencies are
/// `dynamic` says nothing here, and so does what is needed only to build the project's own archive (`build-system`).
#[derive(Debug)]
pub(crate) struct PyprojectToml;

impl Cataloger for PyprojectToml {
    fn id(&self) -> &'static str {
        "pyproject-toml"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "pyproject.toml"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_toml(&text)?;
        let mut faults = Vec::new();
        let requests = requests(&root, &mut faults)?;
        if requests.is_empty() && faults.is_empty() && !tells_dependencies(&root) {
            catalog.passed_over();
        }
        record(&requests, catalog);
        for (line, reason) in faults {
            catalog.unreadable(line, reason);
        }
        Ok(())
    }
}

/// Whether the file would name the project's dependencies if there were any. One that only sets up tools, or that leaves
/// the dependencies to a program (`dynamic`), does not.
fn tells_dependencies(root: &Node<'_>) -> bool {
    let project = root.get("project").is_some() && !is_dynamic(root, "dependencies");
    project || root.get("dependency-groups").is_some() || root.at(&["tool", "poetry"]).is_some()
}

/// One dependency that a project names.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) name: String,
    pub(crate) scope: Scope,
    pub(crate) line: u32,
    pub(crate) asked: Asked,
    /// The extra or dependency group that it stands in.
    pub(crate) group: Option<String>,
}

/// What it asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    Exact(String),
    Open(String),
    Address(String),
    /// Part of the project's own tree.
    Local,
}

/// Writes requests into a catalog.
pub(crate) fn record(requests: &[Request], catalog: &mut Catalog) {
    for request in requests {
        let index = match &request.asked {
            Asked::Local => None,
            Asked::Exact(version) => pypi::push(catalog, &request.name, version, request.line),
            Asked::Address(url) => pypi::push_url(catalog, Some(&request.name), url, request.line),
            Asked::Open(asked) => {
                pypi::unpinned(catalog, &request.name, request.line, asked);
                None
            }
        };
        if let Some(package) = index.and_then(|at| catalog.packages.get_mut(at)) {
            package.direct = Some(true);
            package.scope = request.scope;
        }
    }
}

/// What the `pyproject.toml` in the same folder asks for. `None` when there is none that tells it all: what is wrong with
/// it is said by its own cataloger.
pub(crate) fn beside(entry: &Entry, tree: &Tree) -> Option<Vec<Request>> {
    let folder = entry.folder();
    let path = if folder.is_empty() {
        "pyproject.toml".to_owned()
    } else {
        format!("{folder}/pyproject.toml")
    };
    let text = tree.read_text(tree.find(&path)?).ok()?;
    let root = parse_toml(&text).ok()?;
    if is_dynamic(&root, "dependencies") {
        return None;
    }
    let mut faults = Vec::new();
    let requests = requests(&root, &mut faults).ok()?;
    (faults.is_empty() && !requests.is_empty()).then_some(requests)
}

fn is_dynamic(root: &Node<'_>, field: &str) -> bool {
    root.at(&["project", "dynamic"])
        .and_then(Node::list)
        .is_some_and(|list| list.iter().any(|item| item.text() == Some(field)))
}

/// Everything that the project asks for. Entries that cannot be read go to `faults`.
pub(crate) fn requests(
    root: &Node<'_>,
    faults: &mut Vec<(u32, String)>,
) -> Result<Vec<Request>, CatalogError> {
    let own = root.at(&["project", "name"]).or_else(|| root.at(&["tool", "poetry", "name"]));
    let mut reader = Reader {
        own: own.and_then(Node::text).map(pypi::normal),
        sources: root.at(&["tool", "uv", "sources"]),
        requests: Vec::new(),
        faults,
    };
    if let Some(project) = root.get("project") {
        project.expect_map("project")?;
        reader.list(project, "dependencies", Scope::Runtime, None)?;
        for extra in project.optional_map("optional-dependencies")? {
            reader.items(&extra.node, &extra.key, Scope::Optional, Some(&extra.key))?;
        }
    }
    for group in root.optional_map("dependency-groups")? {
        reader.items(&group.node, &group.key, Scope::Dev, Some(&group.key))?;
    }
    let Some(tool) = root.get("tool") else { return Ok(reader.requests) };
    if let Some(uv) = tool.get("uv") {
        reader.list(uv, "dev-dependencies", Scope::Dev, Some("dev"))?;
    }
    if let Some(pdm) = tool.get("pdm") {
        for group in pdm.optional_map("dev-dependencies")? {
            reader.items(&group.node, &group.key, Scope::Dev, Some(&group.key))?;
        }
    }
    if let Some(poetry) = tool.get("poetry") {
        // Beside PEP 621 dependencies Poetry's own table only says where they come from.
        let enriched: Vec<String> =
            reader.requests.iter().map(|request| request.name.clone()).collect();
        reader.table(poetry.optional_map("dependencies")?, Scope::Runtime, None, &enriched);
        reader.table(poetry.optional_map("dev-dependencies")?, Scope::Dev, Some("dev"), &[]);
        for group in poetry.optional_map("group")? {
            let members = group.node.optional_map("dependencies")?;
            reader.table(members, Scope::Dev, Some(&group.key), &[]);
        }
    }
    Ok(reader.requests)
}

struct Reader<'r> {
    own: Option<String>,
    sources: Option<&'r Node<'r>>,
    requests: Vec<Request>,
    faults: &'r mut Vec<(u32, String)>,
}

impl Reader<'_> {
    fn list(
        &mut self,
        table: &Node<'_>,
        key: &str,
        scope: Scope,
        group: Option<&str>,
    ) -> Result<(), CatalogError> {
        table.get(key).map_or(Ok(()), |node| self.items(node, key, scope, group))
    }

    /// A list of PEP 508 texts; in a dependency group, an `include-group` table among them.
    fn items(
        &mut self,
        node: &Node<'_>,
        what: &str,
        scope: Scope,
        group: Option<&str>,
    ) -> Result<(), CatalogError> {
        for item in node.expect_list(what)? {
            if item.get("include-group").is_some() {
                continue;
            }
            let Some(text) = item.text() else {
                self.faults.push((item.line, format!("`{what}` holds {}", item.sort())));
                continue;
            };
            let found = match Requirement::parse(text) {
                Ok(found) => found,
                Err(reason) => {
                    self.faults.push((item.line, reason.to_owned()));
                    continue;
                }
            };
            let name = pypi::normal(found.name);
            // An extra that is made of other extras names the project itself.
            if self.own.as_deref() == Some(name.as_str()) {
                continue;
            }
            let asked = match (found.url, found.exact()) {
                _ if self.is_local(found.name) => Asked::Local,
                (Some(url), _) if is_path(url) => Asked::Local,
                (Some(url), _) => Asked::Address(url.to_owned()),
                (None, Some(version)) => Asked::Exact(version.to_owned()),
                (None, None) => Asked::Open(found.specifier.to_owned()),
            };
            let group = group.map(str::to_owned);
            self.requests.push(Request { name, scope, line: item.line, asked, group });
        }
        Ok(())
    }

    fn is_local(&self, name: &str) -> bool {
        self.sources.and_then(|sources| sources.get(name)).is_some_and(|source| {
            let local =
                |node: &Node<'_>| node.get("workspace").is_some() || node.get("path").is_some();
            local(source)
                || source.list().is_some_and(|list| !list.is_empty() && list.iter().all(local))
        })
    }

    /// Poetry's `name = constraint` tables.
    fn table(
        &mut self,
        members: std::slice::Iter<'_, Member<'_>>,
        scope: Scope,
        group: Option<&str>,
        enriched: &[String],
    ) {
        for Member { key, line, node } in members {
            let name = pypi::normal(key);
            if name == "python" {
                continue;
            }
            if !pypi::is_name(key) {
                self.faults.push((*line, "not the name of a package".to_owned()));
                continue;
            }
            // One constraint, or several for different environments.
            let one = std::slice::from_ref(node);
            for node in node.list().unwrap_or(one) {
                let scope = match node.get("optional").and_then(Node::bool) {
                    Some(true) if scope == Scope::Runtime => Scope::Optional,
                    _ => scope,
                };
                let version = match node.map() {
                    Some(map) => {
                        if map.get("version").is_none() && enriched.contains(&name) {
                            continue;
                        }
                        map.get("version").and_then(Node::text)
                    }
                    None => node.text(),
                };
                let asked = match (version, source_of(node.map())) {
                    (_, Some(asked)) => asked,
                    (Some(version), None) => poetry_asked(version),
                    (None, None) => {
                        self.faults.push((node.line, format!("`{name}` has no version")));
                        continue;
                    }
                };
                let group = group.map(str::to_owned);
                self.requests.push(Request {
                    name: name.clone(),
                    scope,
                    line: *line,
                    asked,
                    group,
                });
            }
        }
    }
}

fn is_path(url: &str) -> bool {
    url.starts_with("file:") || url.starts_with('.') || url.starts_with('/')
}

/// Where a table of Poetry or Pipenv says that a package comes from, when that is not an index.
pub(crate) fn source_of(table: Option<&Map<'_>>) -> Option<Asked> {
    let table = table?;
    if table.get("path").is_some() {
        return Some(Asked::Local);
    }
    if let Some(git) = table.get("git") {
        return Some(Asked::Address(format!("git+{}", git.text().unwrap_or_default())));
    }
    let url = table.get("url").or_else(|| table.get("file"))?.text().unwrap_or_default();
    Some(if is_path(url) { Asked::Local } else { Asked::Address(url.to_owned()) })
}

/// A constraint of Poetry: a bare full version is exact, as `==` and `=` are.
fn poetry_asked(constraint: &str) -> Asked {
    let text = constraint.trim();
    let bare = text.trim_start_matches('=').trim();
    let exact = bare.starts_with(|c: char| c.is_ascii_digit())
        && bare
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'!' | b'-' | b'_'));
    if exact { Asked::Exact(bare.to_owned()) } else { Asked::Open(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const PEP621: &str = include_str!("../testdata/pyproject/pep621/pyproject.toml");
    const POETRY: &str = include_str!("../testdata/pyproject/poetry/pyproject.toml");

    fn unpinned(catalog: &Catalog) -> Vec<String> {
        let show = |request: &crate::cataloger::Unpinned| {
            let purl = request.purl.as_ref().unwrap();
            format!("{purl}:{}", request.unknown.location.line.unwrap())
        };
        catalog.unpinned.iter().map(show).collect()
    }

    #[test]
    fn standard_tables() {
        let catalog = catalog_text(&PyprojectToml, "pyproject.toml", PEP621);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/flask@3.0.3:5 direct=true scope=runtime parents=[]",
                "pkg:pypi/redis@5.0.1:12 direct=true scope=optional parents=[]",
                "pkg:pypi/pytest@8.3.2:16 direct=true scope=dev parents=[]",
            ]
        );
        assert_eq!(
            unpinned(&catalog),
            ["pkg:pypi/requests:6", "pkg:pypi/ruff:17", "pkg:pypi/mypy:25"]
        );
        assert!(catalog.unknowns.is_empty());
    }

    #[test]
    fn tables_of_poetry() {
        let catalog = catalog_text(&PyprojectToml, "pyproject.toml", POETRY);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/django@4.2.11:8 direct=true scope=runtime parents=[]",
                "pkg:pypi/pillow@10.3.0:10 direct=true scope=optional parents=[]",
                "pkg:pypi/black@24.4.2:16 direct=true scope=dev parents=[]",
            ]
        );
        assert_eq!(
            unpinned(&catalog),
            ["pkg:pypi/celery:9", "pkg:pypi/tool:12", "pkg:pypi/pytest:15"]
        );
    }

    #[test]
    fn nothing_is_said_of_dynamic_dependencies() {
        let text = "[project]\nname = \"a\"\ndynamic = [\"dependencies\"]\n";
        let catalog = catalog_text(&PyprojectToml, "pyproject.toml", text);
        assert!(
            catalog.packages.is_empty()
                && catalog.unpinned.is_empty()
                && catalog.unknowns.is_empty()
        );
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&PyprojectToml, "pyproject.toml", "[project]\ndependencies = 1\n"),
            "2: `dependencies` is a number, expected a list"
        );
        let text = "[project]\ndependencies = [\n \"a==1\",\n \"b ??\",\n]\n";
        let catalog = catalog_text(&PyprojectToml, "pyproject.toml", text);
        assert_eq!(catalog.packages.len(), 1);
        assert_eq!(catalog.unknowns[0].location.line, Some(4));
    }
}
