//! Names, versions and requests of npm, as every JavaScript format writes them.

use secgate_model::Scope;

use crate::{
    Catalog, CatalogError,
    catalog::address,
    document::{Map, Member, Node},
};

/// Scope (with its `@`) and name.
pub(crate) fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((scope, rest)) if scope.starts_with('@') && scope.len() > 1 => (Some(scope), rest),
        _ => (None, name),
    }
}

/// `name@rest`, where the name may begin with an `@` of its own.
pub(crate) fn split_at_sign(text: &str) -> Option<(&str, &str)> {
    let at = text.char_indices().skip(1).find(|(_, c)| *c == '@').map(|(at, _)| at)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Adds a package and returns its index; a name or version that npm could not have written is recorded as unreadable.
pub(crate) fn push(catalog: &mut Catalog, name: &str, version: &str, line: u32) -> Option<usize> {
    let odd = |text: &str| text.chars().any(|c| c.is_whitespace() || c.is_control());
    let (scope, bare) = split(name);
    if odd(name) || odd(version) || bare.is_empty() || name.len() > 512 {
        let shown: String = name.chars().take(80).collect();
        catalog.unreadable(
            line,
            format!("`{}` is not the name and version of a package", shown.escape_debug()),
        );
        return None;
    }
    catalog.package("npm", scope, bare, version, line)?;
    Some(catalog.packages.len() - 1)
}

/// Records a request without an exact version.
pub(crate) fn unpinned(catalog: &mut Catalog, name: &str, line: u32, asked: &str) {
    let (scope, bare) = split(name);
    catalog.unpinned("npm", scope, bare, line, &address::public(asked));
}

/// Says on a package where it came from, when that was a git repository.
pub(crate) fn mark_git(catalog: &mut Catalog, index: Option<usize>, address: &str) {
    if let Some(package) = index.and_then(|at| catalog.packages.get_mut(at)) {
        package.purl = package.purl.clone().with_qualifier("vcs_url", &address::public(address));
    }
}

/// Whether an address leads to a git repository rather than to an archive.
pub(crate) fn is_git(address: &str) -> bool {
    ["git+", "git:", "git@", "ssh:", "github:", "gitlab:", "bitbucket:", "gist:"]
        .iter()
        .any(|prefix| address.starts_with(prefix))
        || address.split('#').next().is_some_and(|path| path.ends_with(".git"))
}

/// What the right-hand side of a dependency asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked<'t> {
    /// One version; the name when an alias replaces it.
    Exact(Option<&'t str>, &'t str),
    /// Anything else that comes from outside.
    Open(Option<&'t str>),
    /// Part of the project's own tree.
    Local,
}

/// Reads a range, alias, address or path (npm documentation, "package.json", `dependencies`).
pub(crate) fn asked(range: &str) -> Asked<'_> {
    let range = range.trim();
    let local = ["workspace:", "file:", "link:", "portal:", "./", "../", "/", "~/"];
    if local.iter().any(|prefix| range.starts_with(prefix)) {
        return Asked::Local;
    }
    if let Some(rest) = range.strip_prefix("npm:") {
        return match split_at_sign(rest) {
            Some((name, range)) => match asked(range) {
                Asked::Exact(_, version) => Asked::Exact(Some(name), version),
                _ => Asked::Open(Some(name)),
            },
            None if is_exact(rest) => Asked::Exact(None, rest),
            None => Asked::Open(None),
        };
    }
    if let Some(rest) = range.strip_prefix("patch:") {
        return Asked::Open(split_at_sign(rest).map(|(name, _)| name));
    }
    let bare = range.strip_prefix('=').unwrap_or(range).trim_start();
    let bare = bare.strip_prefix('v').unwrap_or(bare);
    if is_exact(bare) { Asked::Exact(None, bare) } else { Asked::Open(None) }
}

/// A full version of SemVer 2.0.0: three numbers, then perhaps a pre-release and a build.
pub(crate) fn is_exact(text: &str) -> bool {
    let core_end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(core_end);
    core.split('.').count() == 3
        && core.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.'))
        && rest.len() != 1
}

/// One dependency that a `package.json` names.
#[derive(Debug)]
pub(crate) struct Request<'n> {
    pub(crate) name: &'n str,
    pub(crate) range: &'n str,
    pub(crate) scope: Scope,
    pub(crate) line: u32,
}

/// What a `package.json` (or a lockfile's copy of it) asks for. Peers are not asked for but expected. An entry that is no
/// text goes to `faults`.
pub(crate) fn requests<'n>(
    manifest: &'n Node<'n>,
    faults: &mut Vec<(u32, String)>,
) -> Result<Vec<Request<'n>>, CatalogError> {
    let optional = manifest.get("optionalDependencies").and_then(Node::map);
    let mut requests = Vec::new();
    for (key, scope) in [
        ("dependencies", Scope::Runtime),
        ("optionalDependencies", Scope::Optional),
        ("devDependencies", Scope::Dev),
    ] {
        for Member { key: name, line, node } in members(manifest, key)? {
            // npm repeats optional dependencies among the others.
            if scope == Scope::Runtime && optional.is_some_and(|map| map.get(name).is_some()) {
                continue;
            }
            match node.text() {
                Some(range) => requests.push(Request { name, range, scope, line: *line }),
                None => faults.push((
                    *line,
                    format!("`{key}` asks for {} instead of a version", node.sort()),
                )),
            }
        }
    }
    Ok(requests)
}

/// The members of a mapping that may be missing; an empty list stands for an empty mapping, as PHP-born tools write it.
fn members<'n>(
    node: &'n Node<'n>,
    key: &str,
) -> Result<std::slice::Iter<'n, Member<'n>>, CatalogError> {
    match node.get(key) {
        Some(found) if found.list().is_some_and(<[_]>::is_empty) => Ok([].iter()),
        Some(found) => found.expect_map(key).map(Map::iter),
        None => Ok([].iter()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_version_is_exact() {
        for (range, expected) in [
            ("1.2.3", Asked::Exact(None, "1.2.3")),
            ("=v1.2.3-rc.1+b", Asked::Exact(None, "1.2.3-rc.1+b")),
            ("npm:@s/x@1.2.3", Asked::Exact(Some("@s/x"), "1.2.3")),
            ("npm:1.2.3", Asked::Exact(None, "1.2.3")),
            ("npm:x@^1", Asked::Open(Some("x"))),
            ("^1.2.3", Asked::Open(None)),
            ("1.2", Asked::Open(None)),
            ("1.2.x", Asked::Open(None)),
            ("1.2.3 || 2.0.0", Asked::Open(None)),
            ("1.2.3-", Asked::Open(None)),
            ("", Asked::Open(None)),
            ("latest", Asked::Open(None)),
            ("github:a/b", Asked::Open(None)),
            ("workspace:*", Asked::Local),
            ("file:../x", Asked::Local),
        ] {
            assert_eq!(asked(range), expected, "{range}");
        }
    }

    #[test]
    fn scopes_keep_their_sign() {
        assert_eq!(split("@s/x"), (Some("@s"), "x"));
        assert_eq!(split("x"), (None, "x"));
        assert_eq!(split_at_sign("@s/x@1"), Some(("@s/x", "1")));
        assert_eq!(split_at_sign("@s/x"), None);
        assert_eq!(split_at_sign(""), None);
    }
}
