use secgate_source::{Entry, Tree};

use super::{
    os_release::{Distribution, needs_a_distribution},
    rpm_package::{RpmPackage, push},
};
use crate::{Catalog, CatalogError, Cataloger};

/// `var/lib/rpmmanifest/container-manifest-2`: what images of CBL-Mariner and Azure Linux keep that have no database of rpm.
///
/// A package a line, ten fields parted by tabs, as `rpm -qa` was asked for them: name, version and release, times of
/// installation and build, vendor, epoch, size, architecture, epoch as a number, file name of the source package.
#[derive(Debug)]
pub(crate) struct RpmManifest;

impl Cataloger for RpmManifest {
    fn id(&self) -> &'static str {
        "rpm-manifest"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.path == "var/lib/rpmmanifest/container-manifest-2"
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
        let text = tree.read_text(entry)?;
        let distribution = Distribution::of(tree);
        for (at, line) in text.lines().enumerate() {
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            if line.trim().is_empty() {
                continue;
            }
            let mut fields = line.trim_end_matches('\r').split('\t');
            let (Some(name), Some(version)) = (fields.next(), fields.next()) else {
                catalog.unreadable(number, "not a package: ten fields parted by tabs");
                continue;
            };
            let rest: Vec<&str> = fields.collect();
            let &[_, _, vendor, _, _, architecture, epoch, source] = rest.as_slice() else {
                catalog.unreadable(number, "not a package: ten fields parted by tabs");
                continue;
            };
            let Ok(epoch) = (if epoch == "(none)" { "0" } else { epoch }).parse() else {
                catalog.unreadable(number, "an epoch that is no number");
                continue;
            };
            let package = RpmPackage {
                name,
                version,
                epoch,
                architecture,
                source,
                vendor,
                license: "",
                modularity: "",
            };
            push(&package, distribution.as_ref(), number, catalog);
        }
        needs_a_distribution(distribution.as_ref(), catalog);
        if catalog.packages.is_empty() && catalog.unknowns.is_empty() {
            return Err(CatalogError::whole("no package in it"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{lines, root_catalog, try_catalog};

    const PATH: &str = "var/lib/rpmmanifest/container-manifest-2";

    #[test]
    fn a_package_a_line() {
        let catalog = root_catalog(&RpmManifest, "mariner", PATH);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:rpm/mariner/mariner-release@2.0-12.cm2?arch=noarch&distro=mariner-2.0&upstream=mariner-release-2.0-12.cm2.src.rpm:1 parents=[]",
                "pkg:rpm/mariner/openssl-libs@1.1.1k-15.cm2?arch=x86_64&distro=mariner-2.0&epoch=1&upstream=openssl-1.1.1k-15.cm2.src.rpm:2 parents=[]",
            ]
        );
        assert!(catalog.unknowns.is_empty());
    }

    #[test]
    fn faults_name_their_line() {
        let (catalog, result) = try_catalog(&RpmManifest, &[(PATH, b"a\t1\nb\n")]);
        assert!(result.is_ok());
        assert_eq!(catalog.unknowns.len(), 2);
        assert_eq!(catalog.unknowns[1].location.line, Some(2));
        assert!(try_catalog(&RpmManifest, &[(PATH, b"")]).1.is_err());
    }
}
