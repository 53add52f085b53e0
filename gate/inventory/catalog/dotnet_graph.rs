//! What `*.deps.json` and `project.assets.json` share: `libraries`, all that there is, and `targets`, for each framework
//! who needs whom, both by `Name/Version`.

use std::collections::{HashMap, HashSet};

use secgate_model::Purl;

use crate::{
    Catalog, CatalogError,
    document::{Map, Node},
};

/// Adds the libraries of the types `package` and `runtimepack` and links them; gives back their places by lower-case
/// `name/version`. Libraries of other types (`project`, `reference`, …) are the solution itself, and what they need is
/// marked as direct when `projects_tell` is set.
pub(crate) fn catalog_graph(
    root: &Node<'_>,
    catalog: &mut Catalog,
    projects_tell: bool,
) -> Result<HashMap<String, usize>, CatalogError> {
    let member = |key: &str| {
        root.get(key)
            .ok_or_else(|| CatalogError::at(root.line, format!("`{key}` is missing")))?
            .expect_map(key)
    };
    let (libraries, targets) = (member("libraries")?, member("targets")?);
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut projects: HashSet<String> = HashSet::new();
    for library in libraries {
        let id = library.key.to_ascii_lowercase();
        let Some((name, version)) = library.key.split_once('/') else {
            catalog.unreadable(library.line, "a library that is not `name/version`");
            continue;
        };
        let name = match library.node.member_text("type")? {
            "package" => name,
            // The runtime that is shipped with a self-contained application.
            "runtimepack" => name.strip_prefix("runtimepack.").unwrap_or(name),
            _ => {
                projects.insert(id);
                continue;
            }
        };
        if catalog.package("nuget", None, name, version, library.line).is_some() {
            places.insert(id, catalog.packages.len() - 1);
        }
    }
    let mut edges: HashSet<(usize, Purl)> = HashSet::new();
    let mut direct: HashSet<usize> = HashSet::new();
    for target in targets {
        link(target.node.expect_map("a target")?, catalog, &places, &projects, |child, parent| {
            match parent {
                Some(parent) => {
                    edges.insert((child, parent.clone()));
                }
                None => {
                    direct.insert(child);
                }
            }
        })?;
    }
    let mut edges: Vec<_> = edges.into_iter().collect();
    edges.sort();
    catalog.link(edges);
    if projects_tell && !projects.is_empty() {
        for at in places.values() {
            if let Some(found) = catalog.packages.get_mut(*at) {
                found.direct = Some(direct.contains(at));
            }
        }
    }
    Ok(places)
}

/// Calls `edge` with each dependency and the package that needs it; `None` stands for a project.
fn link(
    target: &Map<'_>,
    catalog: &Catalog,
    places: &HashMap<String, usize>,
    projects: &HashSet<String>,
    mut edge: impl FnMut(usize, Option<&Purl>),
) -> Result<(), CatalogError> {
    // A dependency's version is the least that is asked for; the one in this target is what is there.
    let mut here: HashMap<String, usize> = HashMap::new();
    for library in target {
        let id = library.key.to_ascii_lowercase();
        if let (Some((name, _)), Some(at)) = (id.split_once('/'), places.get(&id)) {
            here.insert(name.to_owned(), *at);
        }
    }
    for library in target {
        let id = library.key.to_ascii_lowercase();
        let parent = places.get(&id).and_then(|at| catalog.packages.get(*at)).map(|p| &p.purl);
        if parent.is_none() && !projects.contains(&id) {
            continue;
        }
        for child in library.node.optional_map("dependencies")? {
            if let Some(at) = here.get(&child.key.to_ascii_lowercase()) {
                edge(*at, parent);
            }
        }
    }
    Ok(())
}
