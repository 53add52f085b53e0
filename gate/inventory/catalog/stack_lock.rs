use secgate_model::UnknownKind;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    document::{Node, parse_yaml},
};

/// `stack.yaml.lock` of Haskell's Stack.
///
/// It pins the extra dependencies only. Those of the snapshot stand in a file elsewhere, so a snapshot is a gap: the file
/// alone does not say what is built.
#[derive(Debug)]
pub(crate) struct StackLock;

impl Cataloger for StackLock {
    fn id(&self) -> &'static str {
        "stack-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "stack.yaml.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_yaml(&text)?;
        root.expect_map("the document")?;
        if root.get("packages").is_none() {
            return Err(CatalogError::whole("`packages` is missing: not a stack.yaml.lock"));
        }
        // The writer puts the snapshots last.
        let Some(snapshots) = root.get("snapshots") else {
            return Err(CatalogError::whole("`snapshots` is missing: the file is cut off"));
        };
        for node in root.optional_list("packages")? {
            one(node, catalog)?;
        }
        for node in snapshots.expect_list("snapshots")? {
            let name = ["original", "completed"]
                .iter()
                .filter_map(|key| node.get(key))
                .find_map(|from| from.text().or_else(|| from.get("url").and_then(Node::text)))
                .unwrap_or("a snapshot");
            let shown: String = name.chars().take(120).collect();
            catalog.unknown(
                node.line,
                UnknownKind::Unpinned,
                format!("the packages of the snapshot {shown} are not in the file: audit an SBOM or a cabal.project.freeze"),
            );
        }
        Ok(())
    }
}

fn one(node: &Node<'_>, catalog: &mut Catalog) -> Result<(), CatalogError> {
    let completed = node
        .get("completed")
        .ok_or_else(|| CatalogError::at(node.line, "`completed` is missing"))?;
    if let Some(text) = completed.optional_text("hackage")? {
        let line = completed.get("hackage").map_or(node.line, |node| node.line);
        let package = text.split('@').next().unwrap_or_default();
        let Some((name, version)) = package.rsplit_once('-') else {
            return Err(CatalogError::at(line, "`hackage` is not `name-version@…`"));
        };
        if let Some(package) = catalog.package("hackage", None, name, version, line) {
            package.direct = Some(true);
        }
        return Ok(());
    }
    let name = completed.member_text("name")?;
    let version = completed
        .get("version")
        .and_then(Node::scalar)
        .ok_or_else(|| CatalogError::at(completed.line, "`version` is missing"))?;
    let line = completed.get("name").map_or(node.line, |node| node.line);
    let git = completed.optional_text("git")?;
    let commit = completed.get("commit").and_then(Node::scalar).unwrap_or_default();
    let url = completed.optional_text("url")?;
    if let Some(package) = catalog.package("hackage", None, name, version, line) {
        package.direct = Some(true);
        if let Some(git) = git {
            let url = format!("git+{git}@{commit}");
            package.purl = package.purl.clone().with_qualifier("vcs_url", &url);
        } else if let Some(url) = url {
            package.purl = package.purl.clone().with_qualifier("download_url", url);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::testing::{catalog_text, failure, lines},
        sbom::testing::gaps,
    };

    const LOCK: &str = include_str!("../testdata/haskell/stack.yaml.lock");

    #[test]
    fn extra_dependencies_are_packages_and_the_snapshot_is_a_gap() {
        let catalog = catalog_text(&StackLock, "stack.yaml.lock", LOCK);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:hackage/acme-missiles@0.3:8 direct=true parents=[]",
                "pkg:hackage/wai@3.2.1?vcs_url=git%2Bhttps://github.com/acme/wai%40fb87:17 direct=true parents=[]",
            ]
        );
        assert_eq!(
            gaps(&catalog),
            [
                "26 unpinned: the packages of the snapshot lts-19.20 are not in the file: audit an SBOM or a cabal.project.freeze"
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&StackLock, "stack.yaml.lock", text);
        assert_eq!(
            fails(LOCK.split("snapshots:").next().unwrap()),
            "`snapshots` is missing: the file is cut off"
        );
        assert_eq!(
            fails("packages:\n- original: {}\nsnapshots: []\n"),
            "2: `completed` is missing"
        );
    }
}
