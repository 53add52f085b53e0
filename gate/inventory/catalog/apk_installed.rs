use std::collections::HashSet;

use secgate_source::{Entry, Tree};

use super::{
    ending::ends_with_a_line,
    integrity,
    os_release::{Distribution, needs_a_distribution},
    relations::Relations,
    root_file::root_file,
    system_package::push,
};
use crate::{Catalog, CatalogError, Cataloger};

/// Packages that apk installed: `lib/apk/db/installed`, and `usr/lib/apk/db/installed` since apk-tools 3 (apk-tools,
/// `doc/apk_package.5.scd` and `src/database.c`): Alpine, Wolfi, Chainguard and their like.
///
/// `o` is the source package, which is what the distribution's advisories are about. What `apk add --virtual` makes is a
/// name for its dependencies and no package. A package from another repository cannot be told from the distribution's own:
/// the database records at most the tag under which `etc/apk/repositories` named the repository, so all count as the
/// distribution's.
#[derive(Debug)]
pub(crate) struct ApkInstalled;

impl Cataloger for ApkInstalled {
    fn id(&self) -> &'static str {
        "apk"
    }

    fn wants(&self, entry: &Entry) -> bool {
        matches!(entry.path.as_str(), "lib/apk/db/installed" | "usr/lib/apk/db/installed")
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
        let bytes = tree.contents(entry)?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let distribution = Distribution::of(tree);
        let world = root_file(tree, "etc/apk/world")
            .and_then(|entry| tree.read(entry).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let world: Option<HashSet<&str>> =
            world.as_ref().map(|text| text.split_whitespace().map(bare).collect());
        let mut relations = Relations::default();
        let mut record = Record::default();
        for (at, line) in text.lines().enumerate() {
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            if line.trim().is_empty() {
                std::mem::take(&mut record).push(
                    distribution.as_ref(),
                    world.as_ref(),
                    &mut relations,
                    catalog,
                );
            } else if !record.field(line, number) {
                catalog.unreadable(number, "not a field of a package: a letter, a colon, a value");
            }
        }
        record.push(distribution.as_ref(), world.as_ref(), &mut relations, catalog);
        needs_a_distribution(distribution.as_ref(), catalog);
        relations.settle(catalog);
        ends_with_a_line(text)
    }
}

/// The fields of one package that matter here.
#[derive(Debug, Default)]
struct Record<'t> {
    line: u32,
    name: &'t str,
    version: &'t str,
    architecture: &'t str,
    origin: &'t str,
    license: &'t str,
    description: &'t str,
    needs: &'t str,
    offers: &'t str,
    /// The folder that the files after it are in.
    folder: &'t str,
    /// Folder, name and checksum.
    files: Vec<(&'t str, &'t str, &'t str)>,
}

impl<'t> Record<'t> {
    /// Takes one line; `false` when it is no field.
    fn field(&mut self, line: &'t str, number: u32) -> bool {
        let Some((key, value)) = line.split_once(':') else { return false };
        if key.len() != 1 {
            return false;
        }
        if self.line == 0 {
            self.line = number;
        }
        match key {
            "P" => {
                self.name = value;
                self.line = number;
            }
            "V" => self.version = value,
            "A" => self.architecture = value,
            "o" => self.origin = value,
            "L" => self.license = value,
            "T" => self.description = value,
            "D" => self.needs = value,
            "p" => self.offers = value,
            "F" => self.folder = value,
            "R" => self.files.push((self.folder, value, "")),
            "Z" => {
                if let Some((_, _, checksum)) = self.files.last_mut() {
                    *checksum = value;
                }
            }
            _ => {}
        }
        true
    }

    fn push(
        self,
        distribution: Option<&Distribution>,
        world: Option<&HashSet<&str>>,
        relations: &mut Relations,
        catalog: &mut Catalog,
    ) {
        if self.line == 0 {
            return;
        }
        if self.name.is_empty() {
            catalog.unreadable(self.line, "a package without a name");
            return;
        }
        if self.name.starts_with('.') || self.description == "virtual meta package" {
            return;
        }
        let identity = ("apk", self.name, self.version);
        let qualifiers = [("arch", self.architecture)];
        let Some(package) = push(catalog, distribution, identity, self.line, &qualifiers) else {
            return;
        };
        let origin = if self.origin.is_empty() { self.name } else { self.origin };
        // Every subpackage has the version of the build recipe that it comes from.
        package.source = Some((origin.to_owned(), self.version.to_owned()));
        package.direct = world.map(|world| world.contains(self.name));
        if !self.license.is_empty() {
            package.licenses = vec![self.license.chars().take(200).collect()];
        }
        let index = catalog.packages.len() - 1;
        for (folder, file, checksum) in self.files {
            catalog.owns(index, folder, file, digest(checksum));
        }
        relations.offer(index, self.name.to_owned());
        for name in self.offers.split_whitespace() {
            relations.offer(index, bare(name).to_owned());
        }
        for name in self.needs.split_whitespace().filter(|name| !name.starts_with('!')) {
            relations.need(index, bare(name).to_owned());
        }
    }
}

/// `Q1` and a SHA-1 in base64, or `Q2` and a SHA-256; empty when it is neither.
fn digest(checksum: &str) -> String {
    let integrity = match checksum.split_at_checked(2) {
        Some(("Q1", body)) => format!("sha1-{body}"),
        Some(("Q2", body)) => format!("sha256-{body}"),
        _ => return String::new(),
    };
    integrity::checksum(&integrity).unwrap_or_default()
}

/// The name of `name>=1.2`, `so:libc.so.6=1` or `name@tag`.
fn bare(text: &str) -> &str {
    text.split(['=', '<', '>', '~', '@']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{lines, root_catalog, try_catalog};

    const PATH: &str = "lib/apk/db/installed";

    #[test]
    fn packages_with_origin_and_parents() {
        let catalog = root_catalog(&ApkInstalled, "alpine", PATH);
        let q = "arch=x86_64&distro=alpine-3.18.4";
        let libcrypto = "pkg:apk/alpine/libcrypto3@3.1.4-r0";
        assert_eq!(
            lines(&catalog),
            [
                format!(
                    "pkg:apk/alpine/musl@1.2.4-r2?{q}:2 direct=false parents=[pkg:apk/alpine/busybox@1.36.1-r4?{q}, {libcrypto}?{q}]"
                ),
                format!("pkg:apk/alpine/busybox@1.36.1-r4?{q}:24 direct=true parents=[]"),
                format!(
                    "{libcrypto}?{q}:40 direct=false parents=[pkg:apk/alpine/npm@9.6.6-r0?{q}]"
                ),
                format!("pkg:apk/alpine/npm@9.6.6-r0?{q}:55 direct=true parents=[]"),
            ]
        );
        assert_eq!(catalog.packages[2].source, Some(("openssl".to_owned(), "3.1.4-r0".to_owned())));
        assert_eq!(catalog.packages[2].licenses, ["Apache-2.0"]);
        let manifest = "usr/lib/node_modules/npm/package.json";
        let owned = catalog.owned.iter().find(|owned| owned.path == manifest).unwrap();
        assert_eq!((owned.index, owned.digest.len()), (3, 45));
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
    }

    #[test]
    fn faults_are_told() {
        let fault = |text: &str| {
            let os: (&str, &[u8]) = ("etc/os-release", b"ID=wolfi\n");
            let (catalog, result) = try_catalog(&ApkInstalled, &[(PATH, text.as_bytes()), os]);
            let said: Vec<_> = catalog
                .unknowns
                .iter()
                .map(|unknown| format!("{:?} {}", unknown.location.line, unknown.reason))
                .chain(result.err().map(|error| error.to_string()))
                .collect();
            (catalog.packages.len(), said.join("; "))
        };
        assert_eq!(fault(""), (0, String::new()));
        assert_eq!(fault("P:a\nV:1-r0\n"), (1, String::new()));
        assert_eq!(fault("P:a\nV:1-r0").1, "the last line does not end: the file is cut off");
        assert_eq!(fault("V:1\n\nP:b\nV:1\n"), (1, "Some(1) a package without a name".to_owned()));
        let odd = "Some(3) not a field of a package: a letter, a colon, a value";
        assert_eq!(fault("P:b\nV:1\nodd\n"), (1, odd.to_owned()));
        let (catalog, _) = try_catalog(&ApkInstalled, &[(PATH, b"P:b\nV:\n")]);
        assert_eq!((catalog.packages.len(), catalog.unpinned.len()), (0, 1));
    }
}
