use secgate_source::{Entry, Tree};

use super::go_mod::{ModFile, Target, push_module, push_stdlib};
use crate::{Catalog, CatalogError, Cataloger};

/// `go.work` (Go Modules Reference, "Workspaces").
///
/// The modules of a workspace have their own `go.mod`; this file adds the Go release and the modules that its `replace`
/// lines put in the place of others.
#[derive(Debug)]
pub(crate) struct GoWork;

impl Cataloger for GoWork {
    fn id(&self) -> &'static str {
        "go-work"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "go.work"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let file = ModFile::parse(&text, false)?;
        if text.trim().is_empty() {
            return Err(CatalogError::whole("the file is empty: a go.work names its modules"));
        }
        for (line, reason) in &file.odd {
            catalog.unreadable(*line, reason.clone());
        }
        if let Some((release, line)) = file.release() {
            push_stdlib(catalog, release, line);
        }
        for replace in &file.replaces {
            if let Target::Module(path, version) = replace.to {
                push_module(catalog, path, version, replace.line);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn the_release_and_the_replacements() {
        let catalog = catalog_text(&GoWork, "go.work", include_str!("../testdata/go-work/go.work"));
        assert_eq!(
            lines(&catalog),
            [
                "pkg:golang/stdlib@1.22.4:3 direct=true parents=[]",
                "pkg:golang/github.com/acme/fork@v1.2.3:10 parents=[]",
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(
            failure(&GoWork, "go.work", "go 1.22\nuse (\n\t./a\n"),
            "2: the block `use` is not closed: the file is cut off"
        );
        assert_eq!(
            failure(&GoWork, "go.work", "\n"),
            "the file is empty: a go.work names its modules"
        );
    }
}
