//! The `# via` comments of pip-compile and uv, which say who needs a package.

use std::collections::{HashMap, HashSet};

use secgate_model::Scope;

use crate::{
    Catalog,
    catalog::{
        graph::{Graph, Member},
        pypi,
    },
};

/// Packages that pip-compile does not pin unless told to.
const UNSAFE: &[&str] = &["pip", "setuptools", "distribute", "wheel"];

/// What the comments tell about one package.
#[derive(Debug)]
pub(crate) struct Told {
    /// Of the package in the catalog.
    pub(crate) index: usize,
    parents: Vec<String>,
    /// Files that ask for it.
    pub(crate) files: Vec<String>,
    pub(crate) project: bool,
}

/// The rest of a `# via` comment.
pub(crate) fn via(comment: &str) -> Option<&str> {
    let rest = comment.trim().strip_prefix("via")?;
    (rest.is_empty() || rest.starts_with([' ', ':'])).then(|| rest.trim_start_matches(':').trim())
}

impl Told {
    /// About the package at `index`, nothing yet.
    pub(crate) fn new(index: usize) -> Self {
        Self { index, parents: Vec::new(), files: Vec::new(), project: false }
    }

    /// Adds what a comment lists.
    pub(crate) fn add(&mut self, items: &str) {
        for item in items.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let name = item.split([' ', '[', '(', ';']).next().unwrap_or_default();
            if item.starts_with("-c ") {
                continue;
            }
            if let Some(file) = item.strip_prefix("-r ") {
                self.files.push(file.trim().to_owned());
                continue;
            }
            if item.starts_with('-')
                || ["(pyproject.toml", "(setup.py", "(setup.cfg", "(-r"]
                    .iter()
                    .any(|mark| item.contains(mark))
            {
                self.project = true;
            } else if pypi::is_name(name) {
                self.parents.push(pypi::normal(name));
            }
        }
    }
}

/// Turns what was told into parents and directness. `named` are requirements without a version. Without any annotation
/// everything is the project's own wish, unless the file is `silent` about that; a `compiled` file lists every parent.
pub(crate) fn relate(
    told: &[Told],
    named: &HashSet<String>,
    annotated: bool,
    silent: bool,
    compiled: bool,
    catalog: &mut Catalog,
) {
    if !annotated {
        if !silent {
            for told in told {
                if let Some(package) = catalog.packages.get_mut(told.index) {
                    package.direct = Some(true);
                }
            }
        }
        return;
    }
    let mut graph = Graph::default();
    let project = graph.add(Member::Project);
    let mut nodes: HashMap<String, usize> = HashMap::new();
    let numbered: Vec<usize> = told
        .iter()
        .map(|told| {
            let node = graph.add(Member::Package(told.index));
            if let Some(package) = catalog.packages.get(told.index) {
                nodes.entry(package.purl.name().to_owned()).or_insert(node);
            }
            node
        })
        .collect();
    for (told, node) in told.iter().zip(numbered) {
        if told.project {
            graph.edge(project, node, Scope::Unknown);
        }
        for parent in &told.parents {
            match nodes.get(parent) {
                Some(parent) => graph.edge(*parent, node, Scope::Runtime),
                // It stands in the file, without a version.
                None if named.contains(parent) => {}
                // pip-compile lists every parent, save those that it leaves to pip itself.
                None if compiled => {
                    if !UNSAFE.contains(&parent.as_str()) {
                        let line = catalog.packages.get(told.index).and_then(|package| {
                            package.locations.first().and_then(|location| location.line)
                        });
                        let parent: String = parent.chars().take(120).collect();
                        catalog.unreadable(
                            line.unwrap_or(0),
                            format!(
                                "`{parent}`, which it says needs this package, is not in the file"
                            ),
                        );
                    }
                }
                // uv leaves the project itself out on request, and nothing else.
                None => graph.edge(project, node, Scope::Unknown),
            }
        }
    }
    graph.settle(catalog);
}
