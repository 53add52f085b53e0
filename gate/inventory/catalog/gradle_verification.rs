use secgate_source::{Entry, Tree};

use super::xml::{Xml, child, children};
use crate::{Catalog, CatalogError, Cataloger};

/// `gradle/verification-metadata.xml` (Gradle manual, "Verifying dependencies"): every module version that a build may
/// fetch, plug-ins included. It tells neither scope nor relation. A component of which only descriptions (`*.pom`,
/// `*.module`) are verified brings no code and is left out.
#[derive(Debug)]
pub(crate) struct GradleVerification;

impl Cataloger for GradleVerification {
    fn id(&self) -> &'static str {
        "gradle-verification"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "verification-metadata.xml"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let xml = Xml::parse(&text, "verification-metadata")?;
        let components = child(xml.root(), "components")
            .ok_or_else(|| CatalogError::at(xml.line(xml.root()), "`components` is missing"))?;
        for component in children(components, "component") {
            let line = xml.line(component);
            let attribute = |name| component.attribute(name).filter(|value| !value.is_empty());
            let (Some(group), Some(name), Some(version)) =
                (attribute("group"), attribute("name"), attribute("version"))
            else {
                catalog.unreadable(line, "a component without group, name or version");
                continue;
            };
            let is_description = |artifact: roxmltree::Node<'_, '_>| {
                artifact
                    .attribute("name")
                    .is_some_and(|name| [".pom", ".module"].iter().any(|end| name.ends_with(end)))
            };
            let mut artifacts = children(component, "artifact").peekable();
            if artifacts.peek().is_some() && artifacts.all(is_description) {
                continue;
            }
            catalog.package("maven", Some(group), name, version, line);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const NAME: &str = "gradle/verification-metadata.xml";

    #[test]
    fn components_with_code() {
        let catalog = catalog_text(
            &GradleVerification,
            NAME,
            include_str!("../testdata/gradle/gradle/verification-metadata.xml"),
        );
        assert_eq!(
            lines(&catalog),
            [
                "pkg:maven/com.google.guava/guava@31.0.1-jre:8 parents=[]",
                "pkg:maven/org.yaml/snakeyaml@1.28:21 parents=[]",
            ]
            .map(str::to_owned)
        );
        assert_eq!(catalog.unknowns[0].location.line, Some(26));
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&GradleVerification, NAME, "\n<verification-metadata/>"),
            "2: `components` is missing"
        );
    }
}
