use secgate_formats::rpm::{module_stream, source_package};

use super::{os_release::Distribution, system_package, third_party};
use crate::Catalog;

/// What any record of an RPM package tells.
#[derive(Debug)]
pub(super) struct RpmPackage<'t> {
    pub(super) name: &'t str,
    /// Version and release, joined by `-`.
    pub(super) version: &'t str,
    /// 0 where it has none.
    pub(super) epoch: u32,
    pub(super) architecture: &'t str,
    /// The file name of the source package: `NAME-VERSION-RELEASE.src.rpm`.
    pub(super) source: &'t str,
    pub(super) vendor: &'t str,
    pub(super) license: &'t str,
    /// `NAME:STREAM:VERSION:CONTEXT`, empty for what belongs to no module.
    pub(super) modularity: &'t str,
}

/// Adds the package and returns its place; none for keys, which rpm keeps among the packages, and for what makes no purl.
pub(super) fn push(
    package: &RpmPackage<'_>,
    distribution: Option<&Distribution>,
    line: u32,
    catalog: &mut Catalog,
) -> Option<usize> {
    if package.name == "gpg-pubkey" {
        return None;
    }
    let epoch = if package.epoch == 0 { String::new() } else { package.epoch.to_string() };
    let vendor = third_party::rpm(distribution, Some(package.vendor)).unwrap_or_default();
    let qualifiers = [
        ("arch", package.architecture),
        ("epoch", epoch.as_str()),
        ("modularity", stream(package.modularity)),
        ("upstream", package.source),
        ("vendor", vendor.as_str()),
    ];
    let identity = ("rpm", package.name, package.version);
    let found = system_package::push(catalog, distribution, identity, line, &qualifiers)?;
    found.source = source_package(package.source);
    if !package.license.is_empty() && package.license != "(none)" {
        found.licenses = vec![package.license.chars().take(200).collect()];
    }
    Some(catalog.packages.len() - 1)
}

/// `NAME:STREAM` of a module's label.
fn stream(label: &str) -> &str {
    if label == "(none)" { "" } else { module_stream(label) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_texts() {
        let check = |file: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(name, version)| (name.to_owned(), version.to_owned()));
            assert_eq!(source_package(file), expected, "{file}");
        };
        check("openssl-3.0.7-24.el9.src.rpm", Some(("openssl", "3.0.7-24.el9")));
        check(
            "java-17-openjdk-17.0.9.0.9-2.el9.nosrc.rpm",
            Some(("java-17-openjdk", "17.0.9.0.9-2.el9")),
        );
        for odd in ["", "(none)", "a-1.src.rpm", "-1-1.src.rpm", "a-1-1.rpm"] {
            check(odd, None);
        }
        assert_eq!(stream("nodejs:18:807:bd1"), "nodejs:18");
        assert_eq!(stream("nodejs:18"), "nodejs:18");
        assert_eq!(stream(""), "");
    }
}
