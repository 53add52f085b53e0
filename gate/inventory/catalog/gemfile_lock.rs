use std::collections::{HashMap, HashSet};

use secgate_model::Purl;
use secgate_source::{Entry, Tree};

use super::gem::{in_installed_gem, push_gem};
use crate::{Catalog, CatalogError, Cataloger};

/// `Gemfile.lock` and `gems.locked` (Bundler, `lockfile_parser.rb`).
///
/// Gems of `GEM`, `GIT` and `PLUGIN SOURCE` are components; those of `PATH` are the project itself, and what they need is
/// direct, as is what `DEPENDENCIES` names. Without that section, which Bundler always writes, the file is cut off. A
/// platform (`nokogiri (1.15.4-x86_64-linux)`) becomes a qualifier. Groups are not in the file: the scope stays unknown.
/// The versions of Ruby and Bundler that wrote the file are no dependencies.
#[derive(Debug)]
pub(crate) struct GemfileLock;

impl Cataloger for GemfileLock {
    fn id(&self) -> &'static str {
        "gemfile-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        let name = entry.name();
        (matches!(name, "gems.locked") || name.ends_with("Gemfile.lock"))
            && !in_installed_gem(&entry.path)
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let mut reader = Reader::default();
        for (at, line) in text.lines().enumerate() {
            let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
            reader.line(line.trim_end(), number, catalog)?;
        }
        if !reader.seen_dependencies {
            return Err(CatalogError::whole(
                "no `DEPENDENCIES` section: not a lockfile of Bundler, or cut off",
            ));
        }
        reader.finish(catalog);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Section {
    #[default]
    None,
    /// Gems of a registry, of a repository, or of the project itself.
    Gem,
    Git,
    Path,
    Dependencies,
    /// Sections without gems.
    Other,
}

/// Who needs a gem.
#[derive(Debug, Clone, Copy)]
enum Holder {
    /// The package at this place of the catalog.
    Gem(usize),
    /// The project itself.
    Project,
}

#[derive(Default)]
struct Reader<'t> {
    section: Section,
    in_specs: bool,
    remote: &'t str,
    revision: &'t str,
    /// The gem whose dependencies follow.
    current: Option<Holder>,
    /// Places of a name: one for each platform.
    places: HashMap<&'t str, Vec<usize>>,
    own: HashSet<&'t str>,
    /// Who needs what.
    needs: Vec<(Holder, &'t str)>,
    seen_dependencies: bool,
}

impl<'t> Reader<'t> {
    fn line(
        &mut self,
        line: &'t str,
        number: u32,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = line.trim_start_matches(' ');
        if text.is_empty() {
            return Ok(());
        }
        if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| text.starts_with(mark)) {
            return Err(CatalogError::at(number, "a merge conflict that is not resolved"));
        }
        match (line.len() - text.len(), self.section) {
            (0, _) => return self.header(text, number),
            (2, Section::Gem | Section::Git | Section::Path) => {
                self.in_specs = text == "specs:";
                match text.split_once(": ") {
                    Some(("remote", remote)) => self.remote = remote,
                    Some(("revision", revision)) => self.revision = revision,
                    _ => {}
                }
            }
            (4, Section::Gem | Section::Git | Section::Path) if self.in_specs => {
                self.gem(text, number, catalog)?;
            }
            (6, Section::Gem | Section::Git | Section::Path) if self.in_specs => {
                let Some(parent) = self.current else {
                    return Err(CatalogError::at(number, "a dependency of no gem"));
                };
                self.needs.push((parent, name_of(text)));
            }
            (2, Section::Dependencies) => {
                let name = name_of(text).trim_end_matches('!');
                self.needs.push((Holder::Project, name));
            }
            (_, Section::Other) => {}
            // Options of a source (`submodules: true`, `glob: …`).
            (4.., Section::Gem | Section::Git | Section::Path) if !self.in_specs => {}
            _ => {
                return Err(CatalogError::at(number, "an indentation that Bundler does not write"));
            }
        }
        Ok(())
    }

    fn header(&mut self, text: &'t str, number: u32) -> Result<(), CatalogError> {
        self.section = match text {
            "GEM" | "PLUGIN SOURCE" => Section::Gem,
            "GIT" => Section::Git,
            "PATH" => Section::Path,
            "DEPENDENCIES" => {
                self.seen_dependencies = true;
                Section::Dependencies
            }
            _ if text.bytes().all(|b| b.is_ascii_uppercase() || b == b' ') => Section::Other,
            _ => {
                return Err(CatalogError::at(number, "expected a section such as `GEM`"));
            }
        };
        (self.in_specs, self.remote, self.revision, self.current) = (false, "", "", None);
        Ok(())
    }

    fn gem(
        &mut self,
        text: &'t str,
        number: u32,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let Some((name, version)) = text
            .strip_suffix(')')
            .and_then(|text| text.split_once(" ("))
            .filter(|(name, version)| !name.is_empty() && !version.is_empty())
        else {
            return Err(CatalogError::at(number, "expected `name (version)`"));
        };
        if self.section == Section::Path {
            self.own.insert(name);
            self.current = Some(Holder::Project);
            return Ok(());
        }
        self.current = Some(Holder::Project);
        let Some(found) = push_gem(catalog, name, version, number) else { return Ok(()) };
        if self.section == Section::Git {
            let url = format!("git+{}@{}", self.remote, self.revision);
            found.purl = found.purl.clone().with_qualifier("vcs_url", &url);
        }
        found.direct = Some(false);
        let at = catalog.packages.len() - 1;
        self.places.entry(name).or_default().push(at);
        self.current = Some(Holder::Gem(at));
        Ok(())
    }

    fn finish(self, catalog: &mut Catalog) {
        /// Platforms of one gem to which a dependency is linked.
        const PLATFORMS: usize = 12;
        let mut edges: Vec<(usize, Purl)> = Vec::new();
        for (parent, name) in self.needs {
            let Some(children) = self.places.get(name) else { continue };
            for child in children.iter().take(PLATFORMS) {
                let parent = match parent {
                    Holder::Gem(at) => catalog.packages.get(at),
                    Holder::Project => None,
                };
                match parent {
                    Some(parent) => edges.push((*child, parent.purl.clone())),
                    None => {
                        if let Some(found) = catalog.packages.get_mut(*child) {
                            found.direct = Some(true);
                        }
                    }
                }
            }
        }
        catalog.link(edges);
    }
}

/// `name` of `name (~> 1.0)` or `name!`.
fn name_of(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default().trim_end_matches('!')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    #[test]
    fn every_source_with_parents() {
        let catalog = catalog_text(
            &GemfileLock,
            "Gemfile.lock",
            include_str!("../testdata/ruby/Gemfile.lock"),
        );
        assert_eq!(
            lines(&catalog),
            [
                "pkg:gem/devise@4.9.0?vcs_url=git%2Bhttps://github.com/heartcombo/devise.git%40f8d1ea90bc328012f178b8a6616a89b73f2546a4:7 direct=true parents=[]",
                "pkg:gem/mini_portile2@2.8.4:21 direct=false parents=[pkg:gem/nokogiri@1.15.4]",
                "pkg:gem/nokogiri@1.15.4:22 direct=true parents=[pkg:gem/rails-dom-testing@2.0.3]",
                "pkg:gem/nokogiri@1.15.4?platform=x86_64-linux:25 direct=true parents=[pkg:gem/rails-dom-testing@2.0.3]",
                "pkg:gem/racc@1.7.1:27 direct=false parents=[pkg:gem/nokogiri@1.15.4, pkg:gem/nokogiri@1.15.4?platform=x86_64-linux]",
                "pkg:gem/rails-dom-testing@2.0.3:28 direct=true parents=[]",
                "pkg:gem/warden@1.2.9.rc1:30 direct=false parents=[pkg:gem/devise@4.9.0?vcs_url=git%2Bhttps://github.com/heartcombo/devise.git%40f8d1ea90bc328012f178b8a6616a89b73f2546a4]",
            ]
            .map(str::to_owned)
        );
        assert!(catalog.unknowns.is_empty() && catalog.unpinned.is_empty());
    }

    #[test]
    fn faults_name_their_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(failure(&GemfileLock, "Gemfile.lock", text), expected);
        };
        check("", "no `DEPENDENCIES` section: not a lockfile of Bundler, or cut off");
        check(
            "GEM\n  specs:\n    a (1.0)\n",
            "no `DEPENDENCIES` section: not a lockfile of Bundler, or cut off",
        );
        check("GEM\n  specs:\n    a 1.0\n", "3: expected `name (version)`");
        check("GEM\n  specs:\n      a\n", "3: a dependency of no gem");
        check("GEM\n  specs:\n     a\n", "3: an indentation that Bundler does not write");
        check("hello\n", "1: expected a section such as `GEM`");
        check("GEM\n<<<<<<< HEAD\n", "2: a merge conflict that is not resolved");
    }
}
