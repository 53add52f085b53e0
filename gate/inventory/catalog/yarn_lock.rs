use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{ending::ends_with_a_line, yarn_berry, yarn_classic},
};

/// `yarn.lock`: of Yarn 1 ([`yarn_classic`]), or of Yarn 2 and later ([`yarn_berry`]), which is YAML with `__metadata`.
#[derive(Debug)]
pub(crate) struct YarnLock;

impl Cataloger for YarnLock {
    fn id(&self) -> &'static str {
        "yarn-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "yarn.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        if text.trim().is_empty() {
            return Err(CatalogError::whole("the file is empty"));
        }
        ends_with_a_line(&text)?;
        if text.lines().any(|line| line.starts_with("__metadata:")) {
            yarn_berry::read(&text, entry, tree, catalog)
        } else {
            yarn_classic::read(&text, entry, tree, catalog)
        }
    }
}
