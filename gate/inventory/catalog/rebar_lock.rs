use secgate_source::{Entry, Tree};

use super::beam_terms::{Language, Term, parse_terms};
use crate::{Catalog, CatalogError, Cataloger};

/// `rebar.lock` of Erlang's rebar3 (source `rebar_config:consult_lock_file`): a list of `{Name, Source, Level}`, since format 1.1
/// inside `{Version, List}` with the checksums in a second term. Level 0 is what the project asks for itself.
#[derive(Debug)]
pub(crate) struct RebarLock;

impl Cataloger for RebarLock {
    fn id(&self) -> &'static str {
        "rebar-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "rebar.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let terms = parse_terms(&text, Language::Erlang)?;
        let first = terms.first().map(|term| (term, term.tuple()));
        let locks = match first {
            Some((_, Some([version, list]))) => {
                let known = version.text().is_some_and(|text| text.starts_with("1."));
                if !known {
                    return Err(CatalogError::at(
                        version.line,
                        "a rebar.lock version that is not known: 1.x is",
                    ));
                }
                list.list()
            }
            Some((term, None)) => term.list(),
            _ => None,
        };
        let Some(locks) = locks else {
            return Err(CatalogError::at(1, "expected a list of locks"));
        };
        for lock in locks {
            let Some([name, source, level]) = lock.tuple() else {
                return Err(CatalogError::at(lock.line, "expected `{Name, Source, Level}`"));
            };
            let (Some(app), Some(source)) = (name.word(), source.tuple()) else {
                return Err(CatalogError::at(lock.line, "expected `{Name, Source, Level}`"));
            };
            let direct = match &level.value {
                super::beam_terms::Value::Number(level) => level == "0",
                _ => return Err(CatalogError::at(level.line, "a level is a number")),
            };
            one(app, source, lock.line, direct, catalog);
        }
        Ok(())
    }
}

fn one(app: &str, source: &[Term], line: u32, direct: bool, catalog: &mut Catalog) {
    let word = |at: usize| source.get(at).and_then(Term::word);
    let commit = || match source.get(2).and_then(Term::tuple) {
        Some([kind, commit]) if kind.atom() == Some("ref") => commit.text(),
        _ => None,
    };
    let (name, version, url) = match (word(0), word(1)) {
        (Some("pkg"), Some(name)) => (name, word(2), None),
        (Some(scm @ ("git" | "git_subdir" | "hg")), Some(url)) => {
            let scm = if scm == "hg" { "hg" } else { "git" };
            (app, commit(), commit().map(|commit| format!("{scm}+{url}@{commit}")))
        }
        _ => {
            catalog.unreadable(line, format!("`{app}` is locked in an unknown way"));
            return;
        }
    };
    let Some(version) = version else {
        catalog.unreadable(line, format!("`{app}` has no version or commit"));
        return;
    };
    if let Some(package) = catalog.package("hex", None, name, version, line) {
        package.direct = Some(direct);
        if let Some(url) = url {
            package.purl = package.purl.clone().with_qualifier("vcs_url", &url);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn packages_with_lines_and_levels() {
        let text = include_str!("../testdata/hex/rebar.lock");
        assert_eq!(
            lines(&catalog_text(&RebarLock, "rebar.lock", text)),
            [
                "pkg:hex/cowboy@2.9.0:2 direct=true parents=[]",
                "pkg:hex/cowlib@2.11.0:3 direct=false parents=[]",
                "pkg:hex/eredis@d91480d84d15?vcs_url=git%2Bhttps://github.com/acme/eredis.git%40d91480d84d15:4 direct=true parents=[]",
            ]
        );
        let old =
            catalog_text(&RebarLock, "rebar.lock", "[{<<\"a\">>,{pkg,<<\"b\">>,<<\"1\">>},1}].");
        assert_eq!(lines(&old), ["pkg:hex/b@1:1 direct=false parents=[]"]);
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&RebarLock, "rebar.lock", text);
        assert_eq!(fails("{\"9.0\",[]}."), "1: a rebar.lock version that is not known: 1.x is");
        assert_eq!(fails("[\n{a}]."), "2: expected `{Name, Source, Level}`");
        assert_eq!(fails("{\"1.2.0\",\n[]}"), "2: the file ends in the middle of a term");
    }
}
