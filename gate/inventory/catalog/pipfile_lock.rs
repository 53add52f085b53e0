use std::collections::HashSet;

use secgate_model::Scope;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{pipfile, pypi, pyproject_toml::Asked, pyproject_toml::source_of},
    document::{Member, Node, parse_json, parse_toml},
};

/// `Pipfile.lock`, specification 6 (Pipenv documentation, "Pipfile and Pipfile.lock").
///
/// `default` is run time, `develop` is development, and other tables are categories whose use the file does not tell. The
/// file names no parents; the `Pipfile` beside it tells what is direct.
#[derive(Debug)]
pub(crate) struct PipfileLock;

impl Cataloger for PipfileLock {
    fn id(&self) -> &'static str {
        "pipfile-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "Pipfile.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let root = parse_json(&text)?;
        let meta = root
            .get("_meta")
            .ok_or_else(|| CatalogError::whole("there is no `_meta`: not a Pipfile.lock"))?;
        let specification = meta.get("pipfile-spec");
        if specification.and_then(Node::scalar) != Some("6") {
            return Err(CatalogError::at(
                specification.unwrap_or(meta).line,
                "a Pipfile.lock specification that is not known: 6 is",
            ));
        }
        let named = named(entry, tree);
        for table in root.expect_map("Pipfile.lock")? {
            let scope = match table.key.as_ref() {
                "_meta" => continue,
                "default" => Scope::Runtime,
                "develop" => Scope::Dev,
                _ => Scope::Unknown,
            };
            for member in table.node.expect_map(&table.key)? {
                let index = read(member, catalog)?;
                if let Some(found) = index.and_then(|at| catalog.packages.get_mut(at)) {
                    found.scope = scope;
                    found.direct = named.as_ref().map(|names| names.contains(found.purl.name()));
                }
            }
        }
        Ok(())
    }
}

fn read(member: &Member<'_>, catalog: &mut Catalog) -> Result<Option<usize>, CatalogError> {
    let (name, line) = (member.key.as_ref(), member.line);
    let table = member.node.expect_map(name)?;
    if let Some(version) = member.node.optional_text("version")? {
        let Some(version) = pypi::exact(version) else {
            catalog.unreadable(line, "a locked version does not begin with `==`");
            return Ok(None);
        };
        let index = pypi::push(catalog, name, version, line);
        if let Some(Asked::Address(url)) = source_of(Some(table)) {
            let key = if url.starts_with("git+") { "vcs_url" } else { "download_url" };
            pypi::mark(catalog, index, key, &url);
        }
        return Ok(index);
    }
    Ok(match source_of(Some(table)) {
        Some(Asked::Local) => None,
        Some(Asked::Address(url)) => pypi::push_url(catalog, Some(name), &url, line),
        _ => {
            catalog.unreadable(line, "a locked package has neither version nor source");
            None
        }
    })
}

/// The names in the Pipfile beside, if there is one that can be read.
fn named(entry: &Entry, tree: &Tree) -> Option<HashSet<String>> {
    let path = entry.path.strip_suffix(".lock")?;
    let text = tree.read_text(tree.find(path)?).ok()?;
    let mut faults = Vec::new();
    let requests = pipfile::requests(&parse_toml(&text).ok()?, &mut faults).ok()?;
    faults.is_empty().then(|| requests.into_iter().map(|request| request.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const LOCK: &str = include_str!("../testdata/pipenv/Pipfile.lock");
    const PIPFILE: &str = include_str!("../testdata/pipenv/Pipfile");

    #[test]
    fn tables_tell_the_scope_and_the_pipfile_what_is_direct() {
        let (catalog, result) = try_catalog(
            &PipfileLock,
            &[("Pipfile.lock", LOCK.as_bytes()), ("Pipfile", PIPFILE.as_bytes())],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/click@8.1.7:18 direct=false scope=runtime parents=[]",
                "pkg:pypi/flask@2.0.1:26 direct=true scope=runtime parents=[]",
                "pkg:pypi/pytest@8.3.2:43 direct=true scope=dev parents=[]",
            ]
        );
        assert_eq!(catalog.unpinned.len(), 1);
        assert!(catalog.unknowns.is_empty());
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&PipfileLock, "Pipfile.lock", "{}"),
            "there is no `_meta`: not a Pipfile.lock"
        );
        assert_eq!(
            failure(&PipfileLock, "Pipfile.lock", "{\n\"_meta\": {\n\"pipfile-spec\": 7}}"),
            "3: a Pipfile.lock specification that is not known: 6 is"
        );
        assert_eq!(
            failure(
                &PipfileLock,
                "Pipfile.lock",
                "{\"_meta\": {\"pipfile-spec\": 6},\n\"default\": {"
            ),
            "2: the file ends in the middle of a value"
        );
        let loose =
            "{\"_meta\": {\"pipfile-spec\": 6},\n\"default\": {\n\"a\": {\"version\": \">1\"}}}";
        let catalog = catalog_text(&PipfileLock, "Pipfile.lock", loose);
        assert_eq!(catalog.unknowns[0].location.line, Some(3));
    }
}
