use std::collections::{HashMap, HashSet};

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use super::composer::{in_vendor, link_packages, push_packages, requirements};
use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Node, parse_json},
};

/// `composer.lock` (Composer, "The lock file").
///
/// `packages` are needed at run time, `packages-dev` for development. What is direct stands in `composer.json` beside it;
/// without that file it is not told. A branch (`dev-main`) keeps its name as the version, with the commit as a qualifier.
#[derive(Debug)]
pub(crate) struct ComposerLock;

impl Cataloger for ComposerLock {
    fn id(&self) -> &'static str {
        "composer-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "composer.lock" && !in_vendor(&entry.path)
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_json(&text)?;
        root.expect_map("the file")?;
        let packages = root
            .get("packages")
            .ok_or_else(|| CatalogError::at(root.line, "`packages` is missing"))?
            .expect_list("packages")?;
        let dev = root.optional_list("packages-dev")?;
        let mut places = HashMap::new();
        let mut pushed = push_packages(packages, |_| Scope::Runtime, catalog, &mut places)?;
        pushed.extend(push_packages(dev, |_| Scope::Dev, catalog, &mut places)?);
        link_packages(&pushed, catalog, &places)?;
        let beside = match entry.folder() {
            "" => "composer.json".to_owned(),
            folder => format!("{folder}/composer.json"),
        };
        if let Some(manifest) = tree.find(&beside)
            && let Ok(text) = tree.read_text(manifest)
            && let Ok(manifest) = parse_json(&text)
        {
            let direct = named(&manifest)?;
            for (name, at) in &places {
                if let Some(found) = catalog.packages.get_mut(*at) {
                    found.direct = Some(direct.contains(name));
                }
            }
        }
        Ok(())
    }
}

/// What a `composer.json` asks for, in lower case.
fn named(manifest: &Node<'_>) -> Result<HashSet<String>, CatalogError> {
    let mut names = HashSet::new();
    for key in ["require", "require-dev"] {
        let requirements = requirements(manifest, key)
            .map_err(|error| CatalogError::whole(format!("composer.json beside it: {error}")))?;
        names.extend(requirements.iter().map(|name| name.to_ascii_lowercase()));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{failure, lines, try_catalog};

    const LOCK: &str = include_str!("../testdata/composer/composer.lock");
    const JSON: &str = include_str!("../testdata/composer/composer.json");

    #[test]
    fn every_package_with_its_scope_and_parents() {
        let (catalog, result) = try_catalog(
            &ComposerLock,
            &[("app/composer.lock", LOCK.as_bytes()), ("app/composer.json", JSON.as_bytes())],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:composer/monolog/monolog@2.3.1:9 direct=true scope=runtime parents=[]",
                "pkg:composer/psr/log@1.1.4:29 direct=false scope=runtime parents=[pkg:composer/monolog/monolog@2.3.1, pkg:composer/acme/tools@dev-main?vcs_url=git%2Bhttps://github.com/acme/tools.git%402d6a1b0c9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b]",
                "pkg:composer/acme/tools@dev-main?vcs_url=git%2Bhttps://github.com/acme/tools.git%402d6a1b0c9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b:46 direct=true scope=dev parents=[]",
            ]
            .map(str::to_owned)
        );
        assert_eq!(catalog.packages[0].licenses, ["MIT"]);
    }

    #[test]
    fn without_the_manifest_direct_is_not_told() {
        let (catalog, result) = try_catalog(&ComposerLock, &[("composer.lock", LOCK.as_bytes())]);
        result.unwrap();
        assert!(catalog.packages.iter().all(|package| package.direct.is_none()));
    }

    #[test]
    fn faults_name_their_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(failure(&ComposerLock, "composer.lock", text), expected);
        };
        check("{}", "1: `packages` is missing");
        check("{\"packages\": [\n{\"name\": \"a/b\"}]}", "2: `version` is missing");
        check("{\"packages\": [\n", "2: the file ends in the middle of a value");
        check("{\"packages\": {}}", "1: `packages` is a mapping, expected a list");
    }
}
