use std::collections::HashMap;

use secgate_model::{Inventory, Package, Purl, Target, TargetKind};

use crate::SbomPart;

/// Who needs whom in an inventory, by the packages' places in it.
#[derive(Debug)]
pub(crate) struct Graph {
    /// What the target itself needs: direct dependencies, and what nobody is told to need.
    pub(crate) roots: Vec<usize>,
    /// The packages that each needs, sorted.
    pub(crate) needs: Vec<Vec<usize>>,
}

impl Graph {
    pub(crate) fn new(inventory: &Inventory) -> Self {
        let at: HashMap<&Purl, usize> = inventory
            .packages
            .iter()
            .enumerate()
            .map(|(at, package)| (&package.purl, at))
            .collect();
        let mut needs: Vec<Vec<usize>> = vec![Vec::new(); inventory.packages.len()];
        let mut roots = Vec::new();
        for (child, package) in inventory.packages.iter().enumerate() {
            let mut needed = false;
            for parent in package.parents.iter().filter_map(|parent| at.get(parent)) {
                if *parent != child {
                    needed = true;
                    // Children come in order, so each list is sorted.
                    if let Some(list) = needs.get_mut(*parent) {
                        list.push(child);
                    }
                }
            }
            if package.direct == Some(true) || (package.direct.is_none() && !needed) {
                roots.push(child);
            }
        }
        for list in &mut needs {
            list.dedup();
        }
        Self { roots, needs }
    }
}

/// The places of the packages that a part needs.
pub(crate) fn places(part: &SbomPart, inventory: &Inventory) -> Vec<usize> {
    let find = |purl: &Purl| inventory.packages.binary_search_by(|other| other.purl.cmp(purl));
    part.needs.iter().filter_map(|purl| find(purl).ok()).collect()
}

/// The parents of a package that no relation of the document can tell: they are no packages of the inventory, or the package
/// itself.
pub(crate) fn foreign_parents<'a>(package: &'a Package, inventory: &Inventory) -> Vec<&'a Purl> {
    let known =
        |purl: &Purl| inventory.packages.binary_search_by(|other| other.purl.cmp(purl)).is_ok();
    package.parents.iter().filter(|parent| **parent == package.purl || !known(parent)).collect()
}

/// `algorithm:digits` of the hashes that formats have names for, and the others.
pub(crate) fn hashes(package: &Package) -> (Vec<(&str, &str)>, Vec<&str>) {
    let (mut known, mut other) = (Vec::new(), Vec::new());
    for hash in &package.hashes {
        let is_known = hash.split_once(':').filter(|(algorithm, digits)| {
            let length = match *algorithm {
                "sha1" => 40,
                "sha256" => 64,
                "sha384" => 96,
                "sha512" => 128,
                _ => return false,
            };
            let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            digits.len() == length && digits.bytes().all(hex)
        });
        match is_known {
            Some(pair) => known.push(pair),
            None => other.push(hash.as_str()),
        }
    }
    (known, other)
}

/// The purl of an image, by its digest (purl type definition `oci`).
pub(crate) fn target_purl(target: &Target) -> Option<Purl> {
    let digest = target.digest.as_ref().filter(|_| target.kind == TargetKind::Image)?;
    let name = target.name.split_once('@').map_or(target.name.as_str(), |(name, _)| name);
    let is_local = ["oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "podman:"]
        .iter()
        .any(|scheme| name.starts_with(scheme));
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') && !tag.is_empty() => (repository, tag),
        _ => (name, ""),
    };
    let short = repository.rsplit(['/', ':']).next().unwrap_or_default().to_lowercase();
    let purl = Purl::new("oci", None, &short, Some(digest.as_str())).ok()?;
    if is_local {
        return Some(purl);
    }
    Some(purl.with_qualifier("repository_url", repository).with_qualifier("tag", tag))
}

/// The version of a target: an image's digest, a work tree's commit.
pub(crate) fn target_version(target: &Target) -> Option<&str> {
    match target.kind {
        TargetKind::Image => target.digest.as_ref().map(secgate_model::Digest::as_str),
        _ => target.revision.as_deref(),
    }
}

/// Namespace and name of a package as a person reads them. The front of a Go module's path is part of its name; that of a
/// distribution's package is the distribution, and no part of it.
pub(crate) fn names(purl: &Purl) -> (Option<&str>, String) {
    match purl.kind() {
        "deb" | "rpm" | "apk" | "alpm" => (None, purl.name().to_owned()),
        "golang" | "github" | "swift" | "composer" => (None, purl.full_name("/")),
        _ => (purl.namespace(), purl.name().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_a_purl_by_digest() {
        let digest = format!("sha256:{}", "b".repeat(64));
        let check = |name: &str, expected: &str| {
            let target = Target {
                kind: TargetKind::Image,
                name: name.to_owned(),
                digest: Some(digest.parse().unwrap()),
                revision: None,
            };
            let expected = expected.replace('D', &digest);
            assert_eq!(target_purl(&target).unwrap().to_string(), expected);
        };
        check("localhost:5000/a/App", "pkg:oci/app@D?repository_url=localhost:5000/a/App");
        check("r.io/app:1.2@sha256:00", "pkg:oci/app@D?repository_url=r.io/app&tag=1.2");
        check("oci:dir/app:1", "pkg:oci/app@D");
    }
}
