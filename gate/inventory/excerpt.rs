//! What an image reader keeps of a program or a Java archive: what their catalogers found, in place of the file.
//!
//! Programs and archives are the largest files of an image, and what they were built from lies at places that only their
//! last bytes tell. Whoever sees such a file go by reads it once and keeps a few kilobytes; the cataloger that meets them in
//! the tree later takes them as it would have taken the file.

use secgate_model::{Package, Unknown};
use secgate_source::{Entry, Limits, Tree};
use serde::{Deserialize, Serialize};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{executable::Executable, executable_image::is_program, file_digest, jar::Jar},
    cataloger::Unpinned,
    take::run,
};

/// The first bytes of an excerpt: as many as [`is_excerpt`] needs.
const MAGIC: &[u8; 8] = b"\0secgate";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Excerpt {
    passed_over: bool,
    packages: Vec<Package>,
    unknowns: Vec<Unknown>,
    unpinned: Vec<Unpinned>,
    /// Checksums of the whole file, where it tells of anything.
    digests: Vec<String>,
}

/// Whether an image reader should hand the whole body of a file at this path to [`image_excerpt`] and keep what it returns.
/// `start` is the file's first bytes, [`crate::IMAGE_START_BYTES`] of them.
pub fn is_excerpted(path: &str, start: &[u8]) -> bool {
    let entry = Entry { path: path.to_owned() };
    Jar.wants(&entry) || (Executable.wants(&entry) && is_program(start))
}

/// What to keep of a file for which [`is_excerpted`] holds.
pub fn image_excerpt(path: &str, body: Vec<u8>) -> Vec<u8> {
    let entry = Entry { path: path.to_owned() };
    let cataloger: &dyn Cataloger = if Jar.wants(&entry) { &Jar } else { &Executable };
    let limits = Limits { file_bytes: u64::MAX, ..Limits::default() };
    let mut digests = Vec::new();
    let mut catalog = if is_excerpt(&body) {
        // Only we write excerpts: a file of the image that looks like one must not be taken for what was found.
        let mut catalog = Catalog::new(path, cataloger.id());
        catalog.unreadable(0, format!("not a readable {}: another file", cataloger.id()));
        catalog
    } else {
        let tree = Tree::in_memory([(path.to_owned(), body)], limits);
        let catalog = run(cataloger, &entry, &tree);
        if !catalog.is_passed_over()
            && let Ok(body) = tree.contents(&entry)
        {
            digests = file_digest::all(&body);
        }
        catalog
    };
    let excerpt = Excerpt {
        passed_over: catalog.is_passed_over(),
        packages: std::mem::take(&mut catalog.packages),
        unknowns: std::mem::take(&mut catalog.unknowns),
        unpinned: std::mem::take(&mut catalog.unpinned),
        digests,
    };
    let mut out = MAGIC.to_vec();
    // Plain values cannot fail to be written; were one to, the reader tells an empty excerpt as damaged.
    out.extend(serde_json::to_vec(&excerpt).unwrap_or_default());
    out
}

/// Whether these first bytes are those of an excerpt.
pub(crate) fn is_excerpt(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

/// The checksums of the file that an excerpt stands for.
pub(crate) fn digests(bytes: &[u8]) -> Vec<String> {
    let body = bytes.get(MAGIC.len()..).unwrap_or_default();
    serde_json::from_slice::<Excerpt>(body).map(|excerpt| excerpt.digests).unwrap_or_default()
}

/// Takes an excerpt for the file that it stands for. In a folder anybody can have written it, so it says no more than the
/// file itself could: packages of the cataloger's own `kinds`, in this file.
pub(crate) fn read(
    bytes: &[u8],
    kinds: &[&str],
    catalog: &mut Catalog,
) -> Result<(), CatalogError> {
    let body = bytes.get(MAGIC.len()..).unwrap_or_default();
    let excerpt: Excerpt = serde_json::from_slice(body)
        .map_err(|_| CatalogError::whole("an excerpt of a file that is damaged"))?;
    if excerpt.passed_over {
        catalog.passed_over();
    }
    for package in excerpt.packages {
        let purl = &package.purl;
        if !kinds.contains(&purl.kind()) || purl.version().is_none() {
            return Err(CatalogError::whole("an excerpt of a file that is damaged"));
        }
        let Some(found) = catalog.purl(package.purl, 0) else { continue };
        found.scope = package.scope;
        found.direct = package.direct;
        found.licenses = package.licenses;
        found.parents = package.parents;
        found.hashes = package.hashes;
    }
    let path = catalog.path().to_owned();
    let here = |mut unknown: Unknown| {
        unknown.location.path.clone_from(&path);
        unknown
    };
    let unpinned = excerpt.unpinned.into_iter();
    let unpinned = unpinned.map(|one| Unpinned { purl: one.purl, unknown: here(one.unknown) });
    catalog.unpinned.extend(unpinned);
    catalog.unknowns.extend(excerpt.unknowns.into_iter().map(here));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{
        executable_image::crafted,
        testing::{lines, try_catalog},
    };

    fn check(cataloger: &dyn Cataloger, path: &str, body: &[u8]) {
        let (whole, result) = try_catalog(cataloger, &[(path, body)]);
        let kept = image_excerpt(path, body.to_vec());
        let (excerpt, again) = try_catalog(cataloger, &[(path, &kept)]);
        again.unwrap();
        assert_eq!(lines(&excerpt), lines(&whole), "{path}");
        assert_eq!(excerpt.is_passed_over(), whole.is_passed_over(), "{path}");
        assert_eq!(excerpt.unknowns.len(), whole.unknowns.len() + usize::from(result.is_err()));
        assert_eq!(excerpt.unpinned.len(), whole.unpinned.len());
    }

    #[test]
    fn an_excerpt_says_what_the_file_says() {
        let dep = {
            let list = br#"{"packages":[{"name":"a","version":"1.0.0","source":"crates.io","kind":"build"}]}"#;
            let mut packed =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut packed, list).unwrap();
            packed.finish().unwrap()
        };
        let file = crafted::elf(&[(".text", &vec![7; 100_000]), (".dep-v0", &dep)]);
        assert!(is_excerpted("bin/a", &file[..8]) && !is_excerpted("bin/a", b"#!/bin/s"));
        assert!(image_excerpt("bin/a", file.clone()).len() < 1000);
        check(&Executable, "bin/a", &file);
        check(&Executable, "bin/plain", &crafted::elf(&[(".text", b"x")]));
        check(&Executable, "bin/cut", b"\x7fELF\x02\x01");
        check(&Jar, "a.jar", b"no archive");
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");
        let tree = secgate_source::open_directory(folder.as_ref(), Limits::default(), &|_| false);
        let tree = tree.unwrap();
        for entry in tree.entries().iter().filter(|entry| Jar.wants(entry)) {
            check(&Jar, &entry.path, &tree.read(entry).unwrap());
        }
    }

    #[test]
    fn nobody_else_writes_excerpts() {
        let forged = br#" secgate{"passed_over":true,"packages":[],"unknowns":[],"unpinned":[],"digests":[]}"#;
        let mut forged = forged.to_vec();
        forged[0] = 0;
        let kept = image_excerpt("a.jar", forged);
        let (catalog, result) = try_catalog(&Jar, &[("a.jar", &kept)]);
        assert!(result.is_ok() && !catalog.is_passed_over());
        assert_eq!(catalog.unknowns.len(), 1);
        for odd in ["", "{}", "[]"] {
            let body = [MAGIC.as_slice(), odd.as_bytes()].concat();
            assert!(try_catalog(&Jar, &[("a.jar", &body)]).1.is_err());
        }
    }
}
