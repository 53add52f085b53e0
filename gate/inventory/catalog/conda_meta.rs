use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::conda,
    document::{Node, parse_json},
};

/// `conda-meta/*.json`: what conda, mamba and pixi record of each package in an environment.
#[derive(Debug)]
pub(crate) struct CondaMeta;

impl Cataloger for CondaMeta {
    fn id(&self) -> &'static str {
        "conda-meta"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name().ends_with(".json")
            && entry.folder().rsplit('/').next() == Some("conda-meta")
            && !entry.name().starts_with('.')
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
        let name = root.member_text("name")?;
        let version = root.member_text("version")?;
        let line = root.get("name").map_or(1, |node| node.line);
        let channel = root.optional_text("channel")?;
        let index = conda::push(catalog, name, version, channel, line);
        // `None` as a text is how Python's nothing was written by old versions.
        let asked = root.get("requested_spec").and_then(Node::text);
        let license = root.get("license").and_then(Node::text).filter(|text| !text.is_empty());
        if let Some(package) = index.and_then(|at| catalog.packages.get_mut(at)) {
            package.direct = asked.map(|asked| !matches!(asked, "" | "None"));
            package.licenses.extend(license.map(|text| text.chars().take(200).collect()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const META: &str =
        include_str!("../testdata/conda/conda-meta/numpy-1.26.4-py311h64a7726_0.json");
    const PATH: &str = "opt/conda/conda-meta/numpy-1.26.4-py311h64a7726_0.json";

    #[test]
    fn one_record_one_package() {
        let catalog = catalog_text(&CondaMeta, PATH, META);
        assert_eq!(
            lines(&catalog),
            ["pkg:conda/numpy@1.26.4?channel=conda-forge:11 direct=true parents=[]"]
        );
        assert_eq!(catalog.packages[0].licenses, ["BSD-3-Clause"]);
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(failure(&CondaMeta, PATH, ""), "the file is empty");
        assert_eq!(failure(&CondaMeta, PATH, "{\n\"name\": \"a\"}"), "1: `version` is missing");
        assert_eq!(
            failure(&CondaMeta, PATH, "{\n\"name\": 1}"),
            "2: `name` is a number, expected a text"
        );
    }
}
