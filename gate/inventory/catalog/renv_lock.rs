use std::collections::HashMap;

use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Member, Node, parse_json},
    links::Links,
};

/// `renv.lock` of R. The file does not tell what the project asks for itself.
#[derive(Debug)]
pub(crate) struct RenvLock;

impl Cataloger for RenvLock {
    fn id(&self) -> &'static str {
        "renv-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "renv.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_json(&text)?;
        root.expect_map("the document")?;
        let packages = root
            .get("Packages")
            .ok_or_else(|| CatalogError::whole("`Packages` is missing: not a renv.lock"))?
            .expect_map("Packages")?;
        let mut places: HashMap<&str, usize> = HashMap::new();
        for member in packages {
            if let Some(at) = one(member, catalog)? {
                places.insert(&member.key, at);
            }
        }
        let mut links = Links::default();
        for member in packages {
            let Some(parent) = places.get(member.key.as_ref()) else { continue };
            let keys: &[&str] = if member.node.get("Requirements").is_some() {
                &["Requirements"]
            } else {
                &["Depends", "Imports", "LinkingTo"]
            };
            for need in keys.iter().filter_map(|key| member.node.get(key)) {
                for text in requirements(need) {
                    // R itself and the packages that come with it are not in the file.
                    if let Some(child) = places.get(text) {
                        links.add(*child, *parent);
                    }
                }
            }
        }
        links.apply(catalog);
        Ok(())
    }
}

fn one(member: &Member<'_>, catalog: &mut Catalog) -> Result<Option<usize>, CatalogError> {
    let node = &member.node;
    node.expect_map("Packages")?;
    let name = node.member_text("Package")?;
    let version = node.member_text("Version")?;
    let source = node.optional_text("Source")?.unwrap_or_default();
    let repository = node.optional_text("Repository")?.unwrap_or_default();
    let bioconductor = source == "Bioconductor" || repository.starts_with("Bioc");
    let kind = if bioconductor { "bioconductor" } else { "cran" };
    let line = member.line;
    let Some(package) = catalog.package(kind, None, name, version, line) else { return Ok(None) };
    let remote = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
    let url = match remote("RemoteUrl") {
        "" => match (source.to_ascii_lowercase().as_str(), remote("RemoteUsername")) {
            (_, "") => String::new(),
            ("gitlab", user) => format!("https://gitlab.com/{user}/{}", remote("RemoteRepo")),
            ("bitbucket", user) => format!("https://bitbucket.org/{user}/{}", remote("RemoteRepo")),
            ("github", user) => format!("https://github.com/{user}/{}", remote("RemoteRepo")),
            _ => String::new(),
        },
        url => url.to_owned(),
    };
    if !url.is_empty() && !matches!(source, "Repository" | "Bioconductor") {
        let url = format!("git+{url}@{}", remote("RemoteSha"));
        package.purl = package.purl.clone().with_qualifier("vcs_url", &url);
    }
    Ok(Some(catalog.packages.len() - 1))
}

/// Names out of a list or a text with commas, without their version bounds.
fn requirements<'n>(node: &'n Node<'n>) -> Vec<&'n str> {
    let names: Vec<&str> = match node.list() {
        Some(list) => list.iter().filter_map(Node::text).collect(),
        None => node.text().unwrap_or_default().split(',').collect(),
    };
    names
        .into_iter()
        .map(|name| name.split([' ', '(', '\n']).find(|part| !part.is_empty()).unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn packages_with_lines_and_parents() {
        let text = include_str!("../testdata/renv/renv.lock");
        assert_eq!(
            lines(&catalog_text(&RenvLock, "renv.lock", text)),
            [
                "pkg:cran/R6@2.5.1:12 parents=[pkg:cran/promises@1.2.0]",
                "pkg:cran/promises@1.2.0:20 parents=[]",
                "pkg:cran/shiny@1.7.0?vcs_url=git%2Bhttps://github.com/rstudio/shiny%40ab12:27 parents=[]",
                "pkg:bioconductor/limma@3.50.0:36 parents=[]",
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&RenvLock, "renv.lock", text);
        assert_eq!(fails("{}"), "`Packages` is missing: not a renv.lock");
        assert_eq!(
            fails("{\"Packages\": {\n\"a\": {\"Package\": \"a\"}}}"),
            "2: `Version` is missing"
        );
    }
}
