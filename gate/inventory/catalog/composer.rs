//! What the files of Composer share.

use std::collections::HashMap;

use secgate_model::{Purl, Scope};

use crate::{Catalog, CatalogError, document::Node};

/// Names that stand for PHP itself, its extensions and Composer, not for packages ("Platform packages").
pub(crate) fn is_platform(name: &str) -> bool {
    matches!(
        name,
        "php"
            | "php-64bit"
            | "php-ipv6"
            | "php-zts"
            | "php-debug"
            | "hhvm"
            | "composer"
            | "composer-plugin-api"
            | "composer-runtime-api"
    ) || name.starts_with("ext-")
        || name.starts_with("lib-")
}

/// Namespace and name of `vendor/package`.
pub(crate) fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((vendor, package)) => (Some(vendor), package),
        None => (None, name),
    }
}

/// Adds the packages of a list as Composer writes it to `composer.lock` and `installed.json`. What came from a folder
/// (`dist.type` is `path`) is the project itself. Gives back the places by lower-case name.
pub(crate) fn push_packages<'n>(
    list: &'n [Node<'n>],
    scope: impl Fn(&str) -> Scope,
    catalog: &mut Catalog,
    places: &mut HashMap<String, usize>,
) -> Result<Vec<(usize, &'n Node<'n>)>, CatalogError> {
    let mut pushed = Vec::new();
    for node in list {
        node.expect_map("a package")?;
        let (name, version) = (node.member_text("name")?, node.member_text("version")?);
        if node.at(&["dist", "type"]).and_then(Node::text) == Some("path") {
            continue;
        }
        let line = node.get("name").map_or(node.line, |name| name.line);
        let (vendor, package) = split(name);
        let Some(found) = catalog.package("composer", vendor, package, version, line) else {
            continue;
        };
        found.scope = scope(name);
        if let Some(license) = node.get("license") {
            // Older packages give one text instead of a list.
            let one = license.text().into_iter();
            let list = license.list().into_iter().flatten().filter_map(Node::text);
            found.licenses = one.chain(list).map(str::to_owned).collect();
        }
        let is_branch = version.starts_with("dev-") || version.ends_with("-dev");
        if is_branch
            && let Some(source) = node.get("source")
            && let (Some(kind), Some(url), Some(reference)) = (
                source.optional_text("type")?,
                source.optional_text("url")?,
                source.optional_text("reference")?,
            )
        {
            let url = format!("{kind}+{url}@{reference}");
            found.purl = found.purl.clone().with_qualifier("vcs_url", &url);
        }
        let at = catalog.packages.len() - 1;
        places.insert(name.to_ascii_lowercase(), at);
        pushed.push((at, node));
    }
    Ok(pushed)
}

/// Links each package to those that its `require` names.
pub(crate) fn link_packages(
    pushed: &[(usize, &Node<'_>)],
    catalog: &mut Catalog,
    places: &HashMap<String, usize>,
) -> Result<(), CatalogError> {
    let mut edges: Vec<(usize, Purl)> = Vec::new();
    for (at, node) in pushed {
        let Some(parent) = catalog.packages.get(*at) else { continue };
        for name in requirements(node, "require")? {
            // Others name the platform, or are provided by another package.
            if let Some(child) = places.get(&name.to_ascii_lowercase()) {
                edges.push((*child, parent.purl.clone()));
            }
        }
    }
    catalog.link(edges);
    Ok(())
}

/// The names under a `require`; PHP writes an empty mapping as an empty list.
pub(crate) fn requirements<'n>(
    node: &'n Node<'n>,
    key: &str,
) -> Result<Vec<&'n str>, CatalogError> {
    match node.get(key) {
        Some(list) if list.list().is_some_and(<[_]>::is_empty) => Ok(Vec::new()),
        _ => Ok(node.optional_map(key)?.map(|member| member.key.as_ref()).collect()),
    }
}

/// Whether a path lies among packages that Composer has installed.
pub(crate) fn in_vendor(path: &str) -> bool {
    path.split('/').any(|part| part == "vendor")
}
