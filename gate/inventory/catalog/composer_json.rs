use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use super::composer::{in_vendor, is_platform, requirements, split};
use crate::{Catalog, CatalogError, Cataloger, document::parse_json};

/// `composer.json` without a `composer.lock` beside it: an exact version counts, everything else is not pinned. PHP itself
/// and its extensions are no packages.
#[derive(Debug)]
pub(crate) struct ComposerJson;

impl Cataloger for ComposerJson {
    fn id(&self) -> &'static str {
        "composer-json"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "composer.json" && !in_vendor(&entry.path)
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let lock = match entry.folder() {
            "" => "composer.lock".to_owned(),
            folder => format!("{folder}/composer.lock"),
        };
        if tree.find(&lock).is_some() {
            return Ok(());
        }
        let text = tree.read_text(entry)?;
        let root = parse_json(&text)?;
        root.expect_map("the file")?;
        for (key, scope) in [("require", Scope::Runtime), ("require-dev", Scope::Dev)] {
            // Checks that it is a mapping, or the empty list that PHP writes for one.
            if requirements(&root, key)?.is_empty() {
                continue;
            }
            for member in root.optional_map(key)? {
                let name = member.key.as_ref();
                let asked = member.node.expect_text(key)?;
                if is_platform(&name.to_ascii_lowercase()) {
                    continue;
                }
                let (vendor, package) = split(name);
                if !is_exact(asked) {
                    catalog.unpinned("composer", vendor, package, member.line, asked);
                    continue;
                }
                let version = asked.trim_start_matches('=').trim();
                if let Some(found) =
                    catalog.package("composer", vendor, package, version, member.line)
                {
                    found.direct = Some(true);
                    found.scope = scope;
                }
            }
        }
        Ok(())
    }
}

/// Whether a constraint allows one version only: at least three numbers and no operator.
fn is_exact(asked: &str) -> bool {
    let text = asked.trim_start_matches('=').trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let core = text.split('-').next().unwrap_or_default();
    core.split('.').count() >= 3
        && core.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+'))
        && !text.ends_with("-dev")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const JSON: &str = include_str!("../testdata/composer-no-lock/composer.json");

    #[test]
    fn exact_versions_count_and_others_do_not() {
        let catalog = catalog_text(&ComposerJson, "composer.json", JSON);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:composer/twig/twig@3.3.2:6 direct=true scope=runtime parents=[]",
                "pkg:composer/phpunit/phpunit@v9.5.8:10 direct=true scope=dev parents=[]",
            ]
            .map(str::to_owned)
        );
        let open: Vec<_> =
            catalog.unpinned.iter().filter_map(|open| open.unknown.location.line).collect();
        assert_eq!(open, [7, 11]);
        let (catalog, _) = try_catalog(
            &ComposerJson,
            &[("composer.json", JSON.as_bytes()), ("composer.lock", b"")],
        );
        assert!(catalog.packages.is_empty() && catalog.unpinned.is_empty());
        assert!(!is_exact("1.2.*") && !is_exact("1.2.3 - 2.0.0") && !is_exact("1.0.0 || 2.0.0"));
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&ComposerJson, "composer.json", "{\"require\": {\n\"a/b\": 1}}"),
            "2: `require` is a number, expected a text"
        );
        assert_eq!(
            failure(&ComposerJson, "composer.json", "{\"require\": [1]}"),
            "1: `require` is a list, expected a mapping"
        );
    }
}
