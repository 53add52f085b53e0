use secgate_source::{Entry, Tree};

use crate::{Catalog, CatalogError, Cataloger};

/// `cabal.project.freeze`: the `constraints` field, `any.name ==version` for each package of the plan, flags beside them.
#[derive(Debug)]
pub(crate) struct CabalFreeze;

impl Cataloger for CabalFreeze {
    fn id(&self) -> &'static str {
        "cabal-freeze"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "cabal.project.freeze"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let mut inside = false;
        let mut given = false;
        let mut open_comma = 0;
        for (line, raw) in (1_u32..).zip(text.lines()) {
            let trimmed = raw.trim();
            if trimmed.is_empty() || trimmed.starts_with("--") {
                continue;
            }
            let rest = if raw.starts_with([' ', '\t']) {
                trimmed
            } else {
                let Some((field, rest)) = trimmed.split_once(':') else {
                    return Err(CatalogError::at(line, "expected `field: value`"));
                };
                if open_comma > 0 {
                    return Err(CatalogError::at(open_comma, "nothing follows a comma"));
                }
                inside = field.trim().eq_ignore_ascii_case("constraints");
                given |= inside;
                rest.trim()
            };
            if !inside || rest.is_empty() {
                continue;
            }
            for item in rest.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                constraint(item, line, catalog);
            }
            open_comma = if rest.ends_with(',') { line } else { 0 };
        }
        if open_comma > 0 {
            return Err(CatalogError::at(open_comma, "the file ends after a comma: it is cut off"));
        }
        if given {
            Ok(())
        } else {
            Err(CatalogError::whole("`constraints` is missing: not a freeze file, or cut off"))
        }
    }
}

fn constraint(item: &str, line: u32, catalog: &mut Catalog) {
    let (name, rest) = item.split_once(char::is_whitespace).unwrap_or((item, ""));
    let (name, rest) = match name.split_once("==") {
        Some((name, version)) => (name, format!("=={version}{rest}")),
        None => (name, rest.trim().to_owned()),
    };
    // `any.` is the qualifier that a freeze file uses; `setup.` and `pkg:setup.` are build dependencies of the same name.
    let name = name.strip_prefix("any.").unwrap_or(name);
    if name.is_empty() || name.contains(['"', '{', '}', '(', ')']) {
        catalog.unreadable(line, "a constraint that does not begin with a package");
        return;
    }
    if rest.starts_with(['+', '-']) {
        return;
    }
    let version = rest.strip_prefix("==").map(str::trim).filter(|version| {
        version.starts_with(|c: char| c.is_ascii_digit())
            && version.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    });
    match version {
        Some(version) => {
            catalog.package("hackage", None, name, version, line);
        }
        None => catalog.unpinned("hackage", None, name, line, &rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn constraints_are_packages() {
        let text = include_str!("../testdata/haskell/cabal.project.freeze");
        let catalog = catalog_text(&CabalFreeze, "cabal.project.freeze", text);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:hackage/Cabal@3.2.1.0:2 parents=[]",
                "pkg:hackage/aeson@1.5.6.0:3 parents=[]",
                "pkg:hackage/base@4.14.1.0:5 parents=[]",
            ]
        );
        assert_eq!(catalog.unpinned.len(), 1);
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&CabalFreeze, "cabal.project.freeze", text);
        assert_eq!(fails(""), "`constraints` is missing: not a freeze file, or cut off");
        assert_eq!(
            fails("constraints: any.a ==1,\n             any.b ==2,\n"),
            "2: the file ends after a comma: it is cut off"
        );
        assert_eq!(fails("constraints any.a"), "1: expected `field: value`");
    }
}
