use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    sbom::{Claim, catalog_any, check_json, claim, not_an_sbom, recognise},
};

/// SBOM files in a tree: `*.cdx.json`, `*.cdx.xml`, `*.spdx`, `*.spdx.json` and their like must be what they are called;
/// a `*bom*.json` and a `bom.xml` may be something else, and are then passed over when they are whole.
#[derive(Debug)]
pub(crate) struct Sbom;

impl Cataloger for Sbom {
    fn id(&self) -> &'static str {
        "sbom"
    }

    fn wants(&self, entry: &Entry) -> bool {
        claim(entry.name()).is_some()
    }

    fn claims(&self, entry: &Entry) -> bool {
        claim(entry.name()) == Some(Claim::Certain)
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        match recognise(&text) {
            Some(format) => catalog_any(&text, format, catalog),
            None if claim(entry.name()) == Some(Claim::Certain) => Err(not_an_sbom()),
            None => {
                if entry.name().to_ascii_lowercase().ends_with(".json") {
                    check_json(&text)?;
                } else if !text.trim_end().ends_with('>') {
                    // Another document of this name ends with its root element; an empty or cut-off file does not.
                    return Err(not_an_sbom());
                }
                catalog.passed_over();
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure};

    #[test]
    fn other_files_of_such_a_name_are_passed_over_unless_broken() {
        let other = catalog_text(&Sbom, "bombay.json", "{\"city\": true}");
        assert!(other.packages.is_empty() && other.is_passed_over());
        assert!(catalog_text(&Sbom, "bom.xml", "<list/>").is_passed_over());
        assert_eq!(
            failure(&Sbom, "bombay.json", "{\n\"city\":"),
            "2: the file ends in the middle of a value"
        );
        assert!(!Sbom.wants(&Entry { path: "package.json".to_owned() }));
        assert!(Sbom.wants(&Entry { path: "a/SBOM.spdx.json".to_owned() }));
    }
}
