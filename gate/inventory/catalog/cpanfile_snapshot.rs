use std::collections::HashMap;

use secgate_source::{Entry, Tree};

use crate::{Catalog, CatalogError, Cataloger, links::Links};

/// `cpanfile.snapshot` of Perl's Carton, format 1.0 (source `Carton::Snapshot::Parser`): distributions by indentation, with the
/// path on CPAN, the modules that they provide and those that they need.
#[derive(Debug)]
pub(crate) struct CpanfileSnapshot;

impl Cataloger for CpanfileSnapshot {
    fn id(&self) -> &'static str {
        "cpanfile-snapshot"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "cpanfile.snapshot"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let mut lines = (1_u32..).zip(text.lines());
        let header = "# carton snapshot format: version 1.0";
        if lines.next().is_none_or(|(_, first)| first.trim_end() != header) {
            return Err(CatalogError::at(1, format!("the first line is not `{header}`")));
        }
        let mut snapshot = Snapshot::default();
        let mut section = Section::Other;
        let mut started = false;
        for (line, raw) in lines {
            let indent = raw.len() - raw.trim_start_matches(' ').len();
            let words = raw.trim();
            if words.is_empty() || words.starts_with('#') {
                continue;
            }
            match indent {
                0 if words == "DISTRIBUTIONS" => started = true,
                2 if started => {
                    snapshot.close(catalog)?;
                    snapshot.open = Some(Open { name: words, line, path: None });
                    section = Section::Other;
                }
                4 if snapshot.open.is_some() => match words.split_once(':') {
                    Some(("pathname", path)) => {
                        if let Some(open) = &mut snapshot.open {
                            open.path = Some(path.trim());
                        }
                    }
                    Some(("provides", "")) => section = Section::Provides,
                    Some(("requirements", "")) => section = Section::Requirements,
                    _ => return Err(CatalogError::at(line, "expected a field of a distribution")),
                },
                6 if snapshot.open.is_some() => {
                    let Some((module, _)) = words.split_once(' ') else {
                        return Err(CatalogError::at(line, "expected a module and its version"));
                    };
                    snapshot.module(section, module);
                }
                _ => return Err(CatalogError::at(line, "an indentation that means nothing")),
            }
        }
        snapshot.close(catalog)?;
        if !started {
            return Err(CatalogError::whole("`DISTRIBUTIONS` is missing: the file is cut off"));
        }
        snapshot.link(catalog);
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Other,
    Provides,
    Requirements,
}

struct Open<'t> {
    name: &'t str,
    line: u32,
    path: Option<&'t str>,
}

#[derive(Default)]
struct Snapshot<'t> {
    open: Option<Open<'t>>,
    /// Modules by the number of the distribution that provides them.
    provided: HashMap<&'t str, usize>,
    needs: Vec<(usize, &'t str)>,
    /// Each distribution's place among the packages.
    places: Vec<Option<usize>>,
}

impl<'t> Snapshot<'t> {
    fn module(&mut self, section: Section, module: &'t str) {
        let at = self.places.len();
        match section {
            Section::Provides => {
                self.provided.insert(module, at);
            }
            Section::Requirements => self.needs.push((at, module)),
            Section::Other => {}
        }
    }

    fn close(&mut self, catalog: &mut Catalog) -> Result<(), CatalogError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let path = open.path.ok_or_else(|| {
            CatalogError::at(open.line, format!("`{}` has no pathname: cut off", open.name))
        })?;
        let before = catalog.packages.len();
        // `A/AU/AUTHOR/Name-1.0.tar.gz`: the author is the purl's namespace.
        let author = path.split('/').nth(2);
        match distribution(open.name) {
            Some((name, version)) => {
                catalog.package("cpan", author, name, version, open.line);
            }
            None => catalog.unpinned("cpan", author, open.name, open.line, ""),
        }
        self.places.push((catalog.packages.len() > before).then_some(before));
        Ok(())
    }

    fn link(self, catalog: &mut Catalog) {
        let place = |at: usize| self.places.get(at).copied().flatten();
        let mut links = Links::default();
        for (parent, module) in &self.needs {
            // Modules that come with Perl are provided by no distribution.
            let child = self.provided.get(module).and_then(|at| place(*at));
            if let (Some(child), Some(parent)) = (child, place(*parent)) {
                links.add(child, parent);
            }
        }
        links.apply(catalog);
    }
}

/// Name and version of `Name-v1.2.3`, `Crypt-3DES-0.09`, `Name-1.0-TRIAL` (after `CPAN::DistnameInfo`).
fn distribution(text: &str) -> Option<(&str, &str)> {
    text.match_indices('-').find_map(|(at, _)| {
        let version = text.get(at + 1..)?;
        let digits = version.strip_prefix('v').unwrap_or(version);
        let (number, rest) = digits.split_once('-').unwrap_or((digits, ""));
        let good = number.starts_with(|c: char| c.is_ascii_digit())
            && number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_'))
            && (rest.is_empty() || rest.starts_with("TRIAL"));
        (good && at > 0).then_some((text.get(..at)?, version))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const SNAPSHOT: &str = include_str!("../testdata/cpan/cpanfile.snapshot");

    #[test]
    fn distributions_with_lines_and_parents() {
        assert_eq!(
            lines(&catalog_text(&CpanfileSnapshot, "cpanfile.snapshot", SNAPSHOT)),
            [
                "pkg:cpan/DDUMONT/HTML-Tiny@1.05:3 parents=[pkg:cpan/ETHER/Plack-App@v1.2.3]",
                "pkg:cpan/ETHER/Plack-App@v1.2.3:10 parents=[]",
            ]
        );
    }

    #[test]
    fn versions_of_distributions() {
        assert_eq!(distribution("Crypt-3DES-0.09"), Some(("Crypt-3DES", "0.09")));
        assert_eq!(distribution("Foo-1.0_01-TRIAL2"), Some(("Foo", "1.0_01-TRIAL2")));
        assert_eq!(distribution("Foo"), None);
    }

    #[test]
    fn faults_name_their_line() {
        let fails = |text: &str| failure(&CpanfileSnapshot, "cpanfile.snapshot", text);
        let header = "# carton snapshot format: version 1.0\n";
        assert!(fails("DISTRIBUTIONS\n").starts_with("1: the first line is not"));
        assert_eq!(fails(header), "`DISTRIBUTIONS` is missing: the file is cut off");
        assert_eq!(
            fails(&format!("{header}DISTRIBUTIONS\n  A-1\n")),
            "3: `A-1` has no pathname: cut off"
        );
        assert_eq!(
            fails(&format!("{header}DISTRIBUTIONS\n   A-1\n")),
            "3: an indentation that means nothing"
        );
    }
}
