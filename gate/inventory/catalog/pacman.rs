use secgate_source::{Entry, Tree};

use super::{
    os_release::{Distribution, needs_a_distribution},
    system_package::push,
};
use crate::{Catalog, CatalogError, Cataloger};

const DATABASE: &str = "var/lib/pacman/local/";

/// Packages that pacman installed: `var/lib/pacman/local/NAME-VERSION-RELEASE/desc` (libalpm, `be_local.c`), one file a
/// package: `%KEY%` on a line, its values on the lines after it, an empty line.
///
/// `%BASE%` is the source package, which has the same version.
#[derive(Debug)]
pub(crate) struct Pacman;

impl Cataloger for Pacman {
    fn id(&self) -> &'static str {
        "pacman"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry
            .path
            .strip_prefix(DATABASE)
            .and_then(|rest| rest.split_once('/'))
            .is_some_and(|(_, name)| name == "desc")
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
        let first = |key| values(&text, key).next().map(|(value, _)| value);
        let (name, line) = values(&text, "%NAME%")
            .next()
            .ok_or_else(|| CatalogError::whole("no `%NAME%`: not a package, or cut off"))?;
        let version = first("%VERSION%")
            .ok_or_else(|| CatalogError::whole("no `%VERSION%`: not a package, or cut off"))?;
        let arch = first("%ARCH%").unwrap_or_default();
        let identity = ("alpm", name, version);
        let Some(package) = push(catalog, distribution.as_ref(), identity, line, &[("arch", arch)])
        else {
            return Ok(());
        };
        package.source = Some((first("%BASE%").unwrap_or(name).to_owned(), version.to_owned()));
        // `%REASON%` 1: installed because another package needs it.
        package.direct = Some(first("%REASON%") != Some("1"));
        package.licenses = values(&text, "%LICENSE%")
            .take(20)
            .map(|(license, _)| license.chars().take(200).collect())
            .collect();
        let index = catalog.packages.len() - 1;
        if let Some(entry) = tree.find(&format!("{}/files", entry.folder())) {
            let files = String::from_utf8_lossy(&tree.read(entry)?).into_owned();
            for (path, _) in values(&files, "%FILES%") {
                catalog.owns(index, "", path, String::new());
            }
        }
        needs_a_distribution(distribution.as_ref(), catalog);
        Ok(())
    }
}

/// The values of a key, each with its line from 1.
fn values<'t>(text: &'t str, key: &'t str) -> impl Iterator<Item = (&'t str, u32)> {
    text.lines()
        .enumerate()
        .skip_while(move |(_, line)| line.trim() != key)
        .skip(1)
        .map(|(at, line)| (line.trim(), u32::try_from(at + 1).unwrap_or(u32::MAX)))
        .take_while(|(line, _)| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{failure, lines, root_catalog, try_catalog};

    const PATH: &str = "var/lib/pacman/local/libarchive-3.7.2-1/desc";

    #[test]
    fn a_package_a_folder() {
        let catalog = root_catalog(&Pacman, "arch", PATH);
        assert_eq!(
            lines(&catalog),
            ["pkg:alpm/arch/libarchive@3.7.2-1?arch=x86_64&distro=arch:2 direct=false parents=[]"]
        );
        assert_eq!(catalog.packages[0].licenses, ["BSD"]);
        let source = ("libarchive".to_owned(), "3.7.2-1".to_owned());
        assert_eq!(catalog.packages[0].source, Some(source));
        assert!(catalog.owned.iter().any(|owned| owned.path == "usr/bin/bsdtar"));
    }

    #[test]
    fn faults_are_told() {
        assert_eq!(failure(&Pacman, PATH, ""), "no `%NAME%`: not a package, or cut off");
        let cut = failure(&Pacman, PATH, "%NAME%\na\n\n%VERSION%\n");
        assert_eq!(cut, "no `%VERSION%`: not a package, or cut off");
        let (catalog, _) = try_catalog(&Pacman, &[(PATH, b"%NAME%\na\n\n%VERSION%\n1-1\n\n")]);
        assert_eq!(catalog.unknowns.len(), 1);
        let wants = |path: &str| Pacman.wants(&Entry { path: path.to_owned() });
        assert!(!wants("var/lib/pacman/local/ALPM_DB_VERSION") && !wants("a/desc"));
    }
}
