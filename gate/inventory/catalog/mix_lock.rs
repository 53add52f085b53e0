use std::collections::HashMap;

use secgate_source::{Entry, Tree};

use super::beam_terms::{Language, Term, Value, parse_terms};
use crate::{Catalog, CatalogError, Cataloger, links::Links};

/// `mix.lock` of Elixir (source `Hex.Mix.from_lock`, `Mix.SCM.Git`).
///
/// The file does not tell what the project asks for itself. A Git dependency has the commit as its version.
#[derive(Debug)]
pub(crate) struct MixLock;

impl Cataloger for MixLock {
    fn id(&self) -> &'static str {
        "mix-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "mix.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let terms = parse_terms(&text, Language::Elixir)?;
        let Some(Term { value: Value::Map(pairs), .. }) = terms.first() else {
            return Err(CatalogError::at(1, "a mix.lock is one map"));
        };
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut wanted: Vec<(usize, &str)> = Vec::new();
        for pair in pairs {
            let Some([key, value]) = pair.tuple() else {
                return Err(CatalogError::at(pair.line, "expected `\"name\": {…}`"));
            };
            let (Some(app), Some(lock)) = (key.word(), value.tuple()) else {
                return Err(CatalogError::at(pair.line, "expected `\"name\": {…}`"));
            };
            let before = catalog.packages.len();
            match lock.first().and_then(Term::atom) {
                Some("hex") => hex(lock, pair.line, catalog),
                Some("git") => git(app, lock, pair.line, catalog),
                _ => catalog.unreadable(pair.line, format!("`{app}` is locked in an unknown way")),
            }
            if catalog.packages.len() > before {
                if places.insert(app, before).is_some() {
                    return Err(CatalogError::at(pair.line, format!("`{app}` is locked twice")));
                }
                let needs = lock.get(5).and_then(Term::list).unwrap_or_default();
                let needs = needs.iter().filter_map(|need| need.tuple()?.first()?.word());
                wanted.extend(needs.map(|name| (before, name)));
            }
        }
        let mut links = Links::default();
        for (parent, name) in wanted {
            // An optional dependency that nobody asked for is not in the file.
            if let Some(child) = places.get(name) {
                links.add(*child, parent);
            }
        }
        links.apply(catalog);
        Ok(())
    }
}

/// `{:hex, :name, "version", "checksum", managers, dependencies, "repo", "checksum"}`; old files end earlier.
fn hex(lock: &[Term], line: u32, catalog: &mut Catalog) {
    let (Some(name), Some(version)) =
        (lock.get(1).and_then(Term::word), lock.get(2).and_then(Term::text))
    else {
        catalog.unreadable(line, "a `:hex` lock needs a name and a version");
        return;
    };
    // A private organisation is the repository `hexpm:name`, and the purl's namespace.
    let repository = lock.get(6).and_then(Term::text).unwrap_or("hexpm");
    let organisation = repository.strip_prefix("hexpm:");
    let Some(package) = catalog.package("hex", organisation, name, version, line) else { return };
    if organisation.is_none() && repository != "hexpm" {
        package.purl = package.purl.clone().with_qualifier("repository", repository);
    }
}

/// `{:git, "url", "commit", options}`.
fn git(app: &str, lock: &[Term], line: u32, catalog: &mut Catalog) {
    let (Some(url), Some(commit)) =
        (lock.get(1).and_then(Term::text), lock.get(2).and_then(Term::text))
    else {
        catalog.unreadable(line, "a `:git` lock needs a URL and a commit");
        return;
    };
    if let Some(package) = catalog.package("hex", None, app, commit, line) {
        let url = format!("git+{url}@{commit}");
        package.purl = package.purl.clone().with_qualifier("vcs_url", &url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn packages_with_lines_and_parents() {
        let text = include_str!("../testdata/hex/mix.lock");
        let catalog = catalog_text(&MixLock, "mix.lock", text);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:hex/cowboy@2.8.0:2 parents=[pkg:hex/plug_cowboy@2.3.0]",
                "pkg:hex/cowlib@2.9.1:3 parents=[pkg:hex/cowboy@2.8.0]",
                "pkg:hex/phx@4f1fa35d9ae2?vcs_url=git%2Bhttps://github.com/acme/phx.git%404f1fa35d9ae2:4 parents=[]",
                "pkg:hex/plug_cowboy@2.3.0:5 parents=[]",
                "pkg:hex/acme/secret@0.1.0:6 parents=[]",
            ]
        );
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(failure(&MixLock, "mix.lock", ""), "the file is empty");
        assert_eq!(failure(&MixLock, "mix.lock", "[]"), "1: a mix.lock is one map");
        let one = "\"a\": {:hex, :a, \"1.0.0\", \"\", [:mix], [], \"hexpm\"}";
        assert_eq!(
            failure(&MixLock, "mix.lock", &format!("%{{\n{one},\n{one}}}")),
            "3: `a` is locked twice"
        );
        assert_eq!(
            failure(&MixLock, "mix.lock", &format!("%{{\n{one},\n")),
            "3: the file ends in the middle of a term"
        );
        let catalog = catalog_text(&MixLock, "mix.lock", "%{\"a\": {:hex, :a}, \"b\": {:svn}}");
        assert_eq!(catalog.unknowns.len(), 2);
    }
}
