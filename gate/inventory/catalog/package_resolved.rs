use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Node, parse_json},
};

/// `Package.resolved` of the Swift package manager, versions 1 to 3 (source `ResolvedPackagesStore.swift`).
///
/// A package is named by its repository (`pkg:swift/github.com/owner/name`); one of a registry by scope and name. A pin to a
/// branch or a commit has the commit as its version.
#[derive(Debug)]
pub(crate) struct PackageResolved;

impl Cataloger for PackageResolved {
    fn id(&self) -> &'static str {
        "package-resolved"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "Package.resolved"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_json(&text)?;
        root.expect_map("the document")?;
        let version = root
            .get("version")
            .ok_or_else(|| CatalogError::whole("`version` is missing: not a Package.resolved"))?;
        let holder = match version.scalar() {
            Some("1") => root
                .get("object")
                .ok_or_else(|| CatalogError::at(version.line, "`object` is missing"))?,
            Some("2" | "3") => &root,
            _ => {
                return Err(CatalogError::at(
                    version.line,
                    "a Package.resolved version that is not known: 1 to 3 are",
                ));
            }
        };
        let pins = holder
            .get("pins")
            .ok_or_else(|| CatalogError::at(holder.line, "`pins` is missing"))?
            .expect_list("pins")?;
        for pin in pins {
            one(pin, catalog)?;
        }
        Ok(())
    }
}

fn one(pin: &Node<'_>, catalog: &mut Catalog) -> Result<(), CatalogError> {
    pin.expect_map("pins")?;
    let state = pin.get("state").ok_or_else(|| CatalogError::at(pin.line, "`state` is missing"))?;
    let line = pin.get("identity").or_else(|| pin.get("package")).unwrap_or(pin).line;
    let version = state.optional_text("version")?;
    let revision = state.optional_text("revision")?;
    let kind = pin.optional_text("kind")?.unwrap_or("remoteSourceControl");
    match kind {
        "localSourceControl" => return Ok(()),
        "registry" => {
            let identity = pin.member_text("identity")?;
            let (scope, name) =
                identity.split_once('.').map_or((None, identity), |(s, n)| (Some(s), n));
            catalog.package("swift", scope, name, version.unwrap_or_default(), line);
            return Ok(());
        }
        "remoteSourceControl" => {}
        _ => {
            catalog.unreadable(line, "a pin of a kind that is not known");
            return Ok(());
        }
    }
    let location = match pin.optional_text("location")? {
        Some(location) => location,
        None => pin.member_text("repositoryURL")?,
    };
    if location.starts_with('/') || location.starts_with("file:") || location.starts_with('.') {
        return Ok(());
    }
    let Some((space, name)) = repository(location) else {
        catalog.unreadable(line, "the repository's URL has no host and path");
        return Ok(());
    };
    let Some(at) = version.or(revision) else {
        catalog.unpinned("swift", Some(&space), name, line, "");
        return Ok(());
    };
    if let Some(package) = catalog.package("swift", Some(&space), name, at, line)
        && let (None, Some(commit)) = (version, revision)
    {
        let url = format!("git+{location}@{commit}");
        package.purl = package.purl.clone().with_qualifier("vcs_url", &url);
    }
    Ok(())
}

/// Host with the owner, and the name, of `https://host/owner/name.git`, `ssh://git@host/…` or `git@host:owner/name.git`.
fn repository(url: &str) -> Option<(String, &str)> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = match rest.split_once('@') {
        Some((user, rest)) if !user.contains('/') => rest,
        _ => rest,
    };
    let split = rest.find(['/', ':'])?;
    let (host, path) = (rest.get(..split)?, rest.get(split + 1..)?);
    // A port, if any, is not part of the name.
    let path = match path.split_once('/') {
        Some((port, path)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => path,
        _ => path,
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    if host.is_empty() || path.is_empty() {
        return None;
    }
    Some(match path.rsplit_once('/') {
        Some((owner, name)) => (format!("{}/{owner}", host.to_ascii_lowercase()), name),
        None => (host.to_ascii_lowercase(), path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const TWO: &str = include_str!("../testdata/swift/Package.resolved");

    #[test]
    fn packages_of_version_two_and_one() {
        assert_eq!(
            lines(&catalog_text(&PackageResolved, "Package.resolved", TWO)),
            [
                "pkg:swift/github.com/Alamofire/Alamofire@5.4.0:4 parents=[]",
                "pkg:swift/github.com/apple/swift-nio@0a1b2c3d4e?vcs_url=git%2Bgit%40github.com:apple/swift-nio.git%400a1b2c3d4e:13 parents=[]",
                "pkg:swift/mona/LinkedList@1.2.0:22 parents=[]",
            ]
        );
        let one = r#"{"object": {"pins": [{"package": "Vapor", "repositoryURL": "https://github.com/vapor/vapor.git",
            "state": {"branch": null, "revision": "ab", "version": "4.0.0"}}]}, "version": 1}"#;
        assert_eq!(
            lines(&catalog_text(&PackageResolved, "Package.resolved", one)),
            ["pkg:swift/github.com/vapor/vapor@4.0.0:1 parents=[]"]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&PackageResolved, "Package.resolved", text);
        assert_eq!(fails("{}"), "`version` is missing: not a Package.resolved");
        assert_eq!(
            fails("{\"pins\": [],\n\"version\": 4}"),
            "2: a Package.resolved version that is not known: 1 to 3 are"
        );
        assert_eq!(fails("{\"version\": 2,\n\"pins\": [{}]}"), "2: `state` is missing");
        assert_eq!(fails(&TWO[..TWO.len() - 10]), "36: the file ends in the middle of a value");
    }

    #[test]
    fn repositories() {
        let check = |url: &str, space: &str, name: &str| {
            assert_eq!(repository(url), Some((space.to_owned(), name)), "{url}");
        };
        check("https://GitHub.com/a/b.git/", "github.com/a", "b");
        check("ssh://git@host:22/a/b.git", "host/a", "b");
        check("https://user:pass@host/b", "host", "b");
        assert_eq!(repository("nothing"), None);
    }
}
