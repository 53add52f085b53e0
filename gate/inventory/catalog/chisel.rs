use std::{collections::HashMap, io::Read};

use secgate_model::UnknownKind;
use secgate_source::{Entry, Tree};

use super::{
    debian_control::stanzas,
    file_digest::from_hex,
    os_release::{Distribution, needs_a_distribution},
    system_package::push,
};
use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Node, parse_json},
};

/// Bytes of a manifest, inflated.
const MAX_MANIFEST: u64 = 64 << 20;
/// The largest window that a frame may ask for, as a power of two: 8 MiB is what writers use.
const MAX_WINDOW_LOG: u32 = 24;

/// Slices of Ubuntu's packages that Chisel installed: `var/lib/chisel/manifest.wall`, Zstandard over one JSON object a line
/// (Chisel, `public/manifest`).
///
/// A package of which a slice is installed counts as a whole. The manifest does not say from which source package it was
/// built, which is what advisories are about; where no database of dpkg says so either, that is a gap.
#[derive(Debug)]
pub(crate) struct Chisel;

impl Cataloger for Chisel {
    fn id(&self) -> &'static str {
        "chisel"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.path == "var/lib/chisel/manifest.wall"
    }

    fn installed(&self) -> bool {
        true
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = inflate(&tree.read(entry)?)?;
        let mut lines = text.lines();
        let header = parse_json(lines.next().unwrap_or_default())?;
        if header.get("jsonwall").is_none() {
            return Err(CatalogError::at(1, "no `jsonwall`: not a manifest of Chisel"));
        }
        if header.get("schema").and_then(Node::text) != Some("1.0") {
            return Err(CatalogError::at(1, "a manifest of a version that is not known: 1.0 is"));
        }
        let distribution = Distribution::of(tree);
        let sources = sources(tree);
        // Files by the package of their first slice, whose line comes after all packages.
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut count = 1_u64;
        let mut without_source = 0;
        for (at, line) in lines.enumerate() {
            count += 1;
            let number = u32::try_from(at + 2).unwrap_or(u32::MAX);
            let Ok(node) = parse_json(line) else {
                catalog.unreadable(number, "not JSON");
                continue;
            };
            match node.get("kind").and_then(Node::text) {
                Some("package") => {
                    let name = node.member_text("name")?;
                    let version = node.member_text("version")?;
                    let arch = node.optional_text("arch")?.unwrap_or_default();
                    let identity = ("deb", name, version);
                    let known = distribution.as_ref();
                    let Some(package) = push(catalog, known, identity, number, &[("arch", arch)])
                    else {
                        continue;
                    };
                    package.source = sources.get(name).cloned();
                    without_source += usize::from(package.source.is_none());
                    if let Some(hash) = node.optional_text("sha256")?.filter(|hash| is_sha256(hash))
                    {
                        package.hashes.push(format!("sha256:{hash}"));
                    }
                    places.insert(name.to_owned(), catalog.packages.len() - 1);
                }
                Some("path") => {
                    let slice = node.optional_list("slices")?.first().and_then(Node::text);
                    let package = slice.and_then(|slice| slice.rsplit_once('_'));
                    let index = package.and_then(|(package, _)| places.get(package)).copied();
                    if let Some(index) = index {
                        let path = node.member_text("path")?;
                        let changed = node.optional_text("final_sha256")?;
                        let told = changed.or(node.optional_text("sha256")?).unwrap_or_default();
                        let digest = from_hex(told);
                        catalog.owns(index, "", path.trim_start_matches('/'), digest);
                    }
                }
                _ => {}
            }
        }
        let told = header.get("count").and_then(Node::scalar).and_then(|count| count.parse().ok());
        if told.is_some_and(|told: u64| told != count) {
            catalog.unreadable(1, "the manifest does not have as many lines as it says: cut off");
        }
        if without_source > 0 {
            let reason = format!(
                "a manifest of Chisel does not tell the source packages, which advisories are about: {without_source} \
                 packages are judged by their own names alone"
            );
            catalog.unknown(0, UnknownKind::Unreadable, reason);
        }
        needs_a_distribution(distribution.as_ref(), catalog);
        Ok(())
    }
}

fn inflate(bytes: &[u8]) -> Result<String, CatalogError> {
    let broken = |_| CatalogError::whole("not Zstandard, or cut off");
    let mut decoder = zstd::Decoder::new(bytes).map_err(broken)?;
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(broken)?;
    let mut text = String::new();
    decoder.take(MAX_MANIFEST + 1).read_to_string(&mut text).map_err(broken)?;
    if text.len() as u64 > MAX_MANIFEST {
        return Err(CatalogError::whole(format!("larger than {MAX_MANIFEST} bytes inflated")));
    }
    Ok(text)
}

/// Source packages and their versions by package, where a database of dpkg was made beside the manifest.
fn sources(tree: &Tree) -> HashMap<String, (String, String)> {
    let Some(bytes) = tree.find("var/lib/dpkg/status").and_then(|entry| tree.read(entry).ok())
    else {
        return HashMap::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    stanzas(&text)
        .filter_map(|stanza| {
            let (name, version) = (stanza.first_line("Package")?, stanza.first_line("Version")?);
            let source = super::dpkg::source(stanza.first_line("Source"), name, version);
            Some((name.to_owned(), source))
        })
        .collect()
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{lines, root_catalog, try_catalog};

    const PATH: &str = "var/lib/chisel/manifest.wall";

    #[test]
    fn packages_and_what_their_slices_brought() {
        let catalog = root_catalog(&Chisel, "chisel", PATH);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:deb/ubuntu/libssl3t64@3.0.13-0ubuntu3.4?arch=amd64&distro=ubuntu-24.04:3 parents=[]",
                "pkg:deb/ubuntu/python3-yaml@6.0.1-2build2?arch=amd64&distro=ubuntu-24.04:4 parents=[]",
            ]
        );
        assert_eq!(catalog.packages[0].hashes.len(), 1);
        assert_eq!(catalog.unknowns.len(), 1, "{:?}", catalog.unknowns);
        assert!(catalog.unknowns[0].reason.contains("2 packages"));
        let owned = "usr/lib/python3/dist-packages/PyYAML-6.0.1.dist-info/METADATA";
        assert!(catalog.owned.iter().any(|file| file.index == 1 && file.path == owned));
    }

    #[test]
    fn a_database_of_dpkg_tells_the_source() {
        let wall = "{\"jsonwall\":\"1.0\",\"schema\":\"1.0\",\"count\":2}\n\
            {\"kind\":\"package\",\"name\":\"libc6\",\"version\":\"2.39-0ubuntu8\",\"arch\":\"amd64\"}\n";
        let status = b"Package: libc6\nStatus: install ok installed\nSource: glibc\nVersion: 2.39-0ubuntu8\n";
        let packed = zstd::bulk::compress(wall.as_bytes(), 3).unwrap();
        let (catalog, result) = try_catalog(
            &Chisel,
            &[
                (PATH, &packed),
                ("var/lib/dpkg/status", status),
                ("etc/os-release", b"ID=ubuntu\nVERSION_ID=24.04\n"),
            ],
        );
        result.unwrap();
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
        let source = ("glibc".to_owned(), "2.39-0ubuntu8".to_owned());
        assert_eq!(catalog.packages[0].source, Some(source));
    }

    #[test]
    fn faults_are_told() {
        let fault = |wall: &str| {
            let packed = zstd::bulk::compress(wall.as_bytes(), 3).unwrap();
            let (catalog, result) = try_catalog(&Chisel, &[(PATH, &packed)]);
            let said = catalog.unknowns.first().map(|unknown| unknown.reason.clone());
            result.err().map(|error| error.to_string()).or(said).unwrap_or_default()
        };
        assert_eq!(fault("{}"), "no `jsonwall`: not a manifest of Chisel");
        assert_eq!(
            fault("{\"jsonwall\":\"1.0\",\"schema\":\"2.0\"}\n"),
            "a manifest of a version that is not known: 1.0 is"
        );
        let header = "{\"jsonwall\":\"1.0\",\"schema\":\"1.0\",\"count\":9}\n";
        assert!(fault(header).contains("cut off"));
        assert_eq!(fault(&format!("{header}{{\n")), "not JSON");
        let (_, result) = try_catalog(&Chisel, &[(PATH, b"no zstd")]);
        assert_eq!(result.unwrap_err().to_string(), "not Zstandard, or cut off");
    }
}
