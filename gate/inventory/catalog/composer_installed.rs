use std::collections::{HashMap, HashSet};

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use super::composer::{link_packages, push_packages};
use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Node, parse_json},
};

/// `vendor/composer/installed.json`: what Composer has installed. Version 1 is a list of packages, version 2 a mapping that
/// also names those for development.
#[derive(Debug)]
pub(crate) struct ComposerInstalled;

impl Cataloger for ComposerInstalled {
    fn id(&self) -> &'static str {
        "composer-installed"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "installed.json" && entry.folder().rsplit('/').next() == Some("composer")
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
        let root = parse_json(&text)?;
        let mut dev: Option<HashSet<&str>> = None;
        let list = if let Some(list) = root.list() {
            list
        } else {
            root.expect_map("the file")?;
            if root.get("dev-package-names").is_some() {
                let names = root.optional_list("dev-package-names")?;
                dev = Some(names.iter().filter_map(Node::text).collect());
            }
            root.get("packages")
                .ok_or_else(|| CatalogError::at(root.line, "`packages` is missing"))?
                .expect_list("packages")?
        };
        let mut places = HashMap::new();
        let scope = |name: &str| match &dev {
            None => Scope::Unknown,
            Some(dev) if dev.contains(name) => Scope::Dev,
            Some(_) => Scope::Runtime,
        };
        let pushed = push_packages(list, scope, catalog, &mut places)?;
        link_packages(&pushed, catalog, &places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const NAME: &str = "vendor/composer/installed.json";

    #[test]
    fn both_versions() {
        let two = include_str!("../testdata/composer/vendor/composer/installed.json");
        assert_eq!(
            lines(&catalog_text(&ComposerInstalled, NAME, two)),
            [
                "pkg:composer/monolog/monolog@2.3.1:4 scope=runtime parents=[]",
                "pkg:composer/psr/log@1.1.4:13 scope=runtime parents=[pkg:composer/monolog/monolog@2.3.1]",
                "pkg:composer/phpunit/phpunit@9.5.8:20 scope=dev parents=[]",
            ]
            .map(str::to_owned)
        );
        let one = "[{\"name\": \"Psr/Log\", \"version\": \"1.1.4\", \"license\": \"MIT\"}]";
        let catalog = catalog_text(&ComposerInstalled, NAME, one);
        assert_eq!(lines(&catalog), ["pkg:composer/psr/log@1.1.4:1 parents=[]"]);
        assert_eq!(catalog.packages[0].licenses, ["MIT"]);
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(failure(&ComposerInstalled, NAME, "\n{}"), "2: `packages` is missing");
        assert_eq!(failure(&ComposerInstalled, NAME, "[\n{}]"), "2: `name` is missing");
    }
}
