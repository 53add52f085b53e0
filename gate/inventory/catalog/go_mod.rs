use std::collections::{BTreeMap, BTreeSet, HashMap};

use secgate_model::{Location, Package, Scope, UnknownKind};
use secgate_source::{Entry, Tree};

use super::go_version::{self, is_semantic};
use crate::{Catalog, CatalogError, Cataloger};

/// `go.mod` (Go Modules Reference, "go.mod files"), with `go.sum` beside it for modules before Go 1.17.
///
/// - `// indirect` says that the project does not import the module itself.
/// - `replace` is applied as the go command does: the entry for the version before the one for every version. A
///   replacement by a folder is the project itself, not a component; one by a module is that module.
/// - The standard library is `pkg:golang/stdlib` at the release of the `toolchain` line, else at that of the `go` line
///   if that is a release: `go 1.21` is the language version, a minimum that says nothing about what is built with.
/// - Before Go 1.17 `go.mod` leaves out what is needed only indirectly. Then each module of `go.sum` whose content has a
///   hash (`h1:` of the module, not only of its `go.mod`) counts at its highest version; without a `go.sum` the gap is
///   told.
///
/// The file tells neither parents nor what only tests need: the scope stays unknown.
#[derive(Debug)]
pub(crate) struct GoMod;

impl Cataloger for GoMod {
    fn id(&self) -> &'static str {
        "go-mod"
    }

    fn wants(&self, entry: &Entry) -> bool {
        // In the module cache lie other people's modules: `pkg/mod/example.org/x@v1.0.0/go.mod`.
        entry.name() == "go.mod" && !entry.folder().split('/').any(|part| part.contains("@v"))
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let file = ModFile::parse(&text, true)?;
        for (line, reason) in &file.odd {
            catalog.unreadable(*line, reason.clone());
        }
        if let Some((release, line)) = file.release() {
            push_stdlib(catalog, release, line);
        }
        let mut seen = BTreeSet::new();
        for require in &file.requires {
            seen.insert(require.path);
            let direct = Some(!require.indirect);
            let Some(module) = file.replaced(require.path, require.version, require.line) else {
                continue;
            };
            seen.insert(module.path);
            if let Some(found) = push_module(catalog, module.path, module.version, module.line) {
                found.direct = direct;
            }
        }
        if file.lists_everything() || file.requires.is_empty() {
            return Ok(());
        }
        let beside = match entry.folder() {
            "" => "go.sum".to_owned(),
            folder => format!("{folder}/go.sum"),
        };
        let Some(sums) = tree.find(&beside) else {
            let all_local = file
                .requires
                .iter()
                .all(|require| file.replaced(require.path, require.version, 0).is_none());
            if !all_local {
                catalog.unknown(
                    0,
                    UnknownKind::Unpinned,
                    "go.mod of a Go before 1.17 does not list indirect modules and there is no \
                     go.sum beside it: run `go mod tidy`"
                        .to_owned(),
                );
            }
            return Ok(());
        };
        let sums = tree.read_text(sums)?;
        for (path, (version, line)) in highest_in_sums(&sums, &file, &beside)? {
            if seen.contains(path) {
                continue;
            }
            let Some(module) = file.replaced(path, version, line) else { continue };
            if module.path != path {
                // The replacement has hashes of its own.
                continue;
            }
            if let Some(found) = push_module(catalog, path, version, line) {
                found.direct = Some(false);
                found.locations = vec![Location::line(beside.clone(), line)];
            }
        }
        catalog.default_scope(Scope::Unknown);
        Ok(())
    }
}

/// Adds a module; one without a semantic version (a branch, a query) is not pinned.
pub(crate) fn push_module<'c>(
    catalog: &'c mut Catalog,
    path: &str,
    version: &str,
    line: u32,
) -> Option<&'c mut Package> {
    let (namespace, name) = match path.rsplit_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, path),
    };
    if !is_semantic(version) {
        catalog.unpinned("golang", namespace, name, line, version);
        return None;
    }
    catalog.package("golang", namespace, name, version, line)
}

/// Adds the standard library of a Go release such as `1.21.3`.
pub(crate) fn push_stdlib(catalog: &mut Catalog, release: &str, line: u32) {
    if let Some(found) = catalog.package("golang", None, "stdlib", release, line) {
        found.direct = Some(true);
    }
}

/// The modules of a `go.sum` whose content has a hash, each at its highest version that is not excluded.
fn highest_in_sums<'t>(
    text: &'t str,
    file: &ModFile<'_>,
    path: &str,
) -> Result<BTreeMap<&'t str, (&'t str, u32)>, CatalogError> {
    let mut highest: BTreeMap<&str, (&str, u32)> = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let mut words = line.split_ascii_whitespace();
        let Some(module) = words.next() else { continue };
        let (Some(version), Some(hash), None) = (words.next(), words.next(), words.next()) else {
            return Err(CatalogError::whole(format!(
                "{path}, line {number}: expected a module, a version and a hash"
            )));
        };
        if !hash.starts_with("h1:") || version.ends_with("/go.mod") || !is_semantic(version) {
            continue;
        }
        if file.excludes.contains(&(module, version)) {
            continue;
        }
        let slot = highest.entry(module).or_insert((version, number));
        if go_version::compare(version, slot.0).is_gt() {
            *slot = (version, number);
        }
    }
    Ok(highest)
}

/// What a `go.mod` or `go.work` says, as far as an inventory needs it.
#[derive(Debug, Default)]
pub(crate) struct ModFile<'t> {
    go: Option<(&'t str, u32)>,
    toolchain: Option<(&'t str, u32)>,
    requires: Vec<Require<'t>>,
    pub(crate) replaces: Vec<Replace<'t>>,
    excludes: BTreeSet<(&'t str, &'t str)>,
    /// Lines that say something unknown.
    pub(crate) odd: Vec<(u32, String)>,
    by_replaced: HashMap<(&'t str, Option<&'t str>), usize>,
}

#[derive(Debug)]
struct Require<'t> {
    path: &'t str,
    version: &'t str,
    indirect: bool,
    line: u32,
}

#[derive(Debug)]
pub(crate) struct Replace<'t> {
    pub(crate) to: Target<'t>,
    pub(crate) line: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'t> {
    /// A folder: the project itself.
    Folder,
    /// A module at a version.
    Module(&'t str, &'t str),
}

/// A module after replacement, and the line that decided its version.
struct Module<'t> {
    path: &'t str,
    version: &'t str,
    line: u32,
}

impl<'t> ModFile<'t> {
    /// Reads a `go.mod`, or a `go.work` when `module` is false.
    pub(crate) fn parse(text: &'t str, module: bool) -> Result<Self, CatalogError> {
        let mut file = Self::default();
        let mut named = !module;
        let mut block: Option<(&str, u32)> = None;
        for (at, raw) in text.lines().enumerate() {
            let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let (words, comment) = words(raw, line)?;
            let words: &[&str] = &words;
            match (block, words) {
                (_, []) => {}
                (Some(_), [")"]) => block = None,
                (Some((verb, _)), arguments) => {
                    file.directive(verb, arguments, comment, line)?;
                }
                (None, [verb, "("]) => block = Some((verb, line)),
                (None, [verb, "(", ")"]) => named |= *verb == "module",
                (None, ["module", ..]) => named = true,
                (None, [verb, arguments @ ..]) => {
                    file.directive(verb, arguments, comment, line)?;
                }
            }
            named |= matches!(block, Some(("module", _)));
        }
        if let Some((verb, line)) = block {
            return Err(CatalogError::at(
                line,
                format!("the block `{}` is not closed: the file is cut off", brief(verb)),
            ));
        }
        if !named {
            return Err(CatalogError::whole("no `module` line: not a go.mod, or cut off"));
        }
        Ok(file)
    }

    fn directive(
        &mut self,
        verb: &'t str,
        arguments: &[&'t str],
        comment: &str,
        line: u32,
    ) -> Result<(), CatalogError> {
        let wrong =
            |expected: &str| Err(CatalogError::at(line, format!("`{verb}` needs {expected}")));
        match (verb, arguments) {
            ("go", [version]) => self.go = Some((version, line)),
            ("toolchain", [name]) => self.toolchain = Some((name, line)),
            ("require", [path, version]) => {
                let mut words = comment.split_ascii_whitespace();
                let indirect = match words.next() {
                    Some("indirect") => words.next().is_none(),
                    Some(word) => word == "indirect;",
                    None => false,
                };
                self.requires.push(Require { path, version, indirect, line });
            }
            ("exclude", [path, version]) => {
                self.excludes.insert((path, version));
            }
            ("replace", _) => return self.replace(arguments, line),
            ("module" | "retract" | "godebug" | "tool" | "ignore" | "use", [_, ..]) => {}
            ("go" | "toolchain", _) => return wrong("exactly one version"),
            ("require" | "exclude", _) => return wrong("a module and a version"),
            _ => self.odd.push((line, format!("`{}` is no directive that is known", brief(verb)))),
        }
        Ok(())
    }

    fn replace(&mut self, arguments: &[&'t str], line: u32) -> Result<(), CatalogError> {
        let (from, version, to) = match arguments {
            [from, "=>", to @ ..] => (*from, None, to),
            [from, version, "=>", to @ ..] => (*from, Some(*version), to),
            _ => {
                return Err(CatalogError::at(line, "`replace` needs a module, `=>` and a target"));
            }
        };
        let to = match to {
            [path] if is_folder(path) => Target::Folder,
            [path, version] => Target::Module(path, version),
            _ => {
                return Err(CatalogError::at(
                    line,
                    "the target of `replace` is a folder, or a module and a version",
                ));
            }
        };
        self.by_replaced.insert((from, version), self.replaces.len());
        self.replaces.push(Replace { to, line });
        Ok(())
    }

    /// The module that takes this one's place; `None` when that is a folder of the project.
    fn replaced<'a>(&'a self, path: &'a str, version: &'a str, line: u32) -> Option<Module<'a>> {
        let replace = self
            .by_replaced
            .get(&(path, Some(version)))
            .or_else(|| self.by_replaced.get(&(path, None)))
            .and_then(|at| self.replaces.get(*at));
        match replace {
            None => Some(Module { path, version, line }),
            Some(Replace { to: Target::Folder, .. }) => None,
            Some(Replace { to: Target::Module(path, version), line }) => {
                Some(Module { path, version, line: *line })
            }
        }
    }

    /// Whether the file names every module of the build: from Go 1.17 on. Without a `go` line Go 1.16 is meant.
    fn lists_everything(&self) -> bool {
        let Some((version, _)) = self.go else { return false };
        let mut parts = version.split(['.', 'r', 'b']);
        let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
        (number().unwrap_or(0), number().unwrap_or(0)) >= (1, 17)
    }

    /// The Go release that builds the module, with its line, if the file says which.
    pub(crate) fn release(&self) -> Option<(&'t str, u32)> {
        if let Some((name, line)) = self.toolchain
            && let Some(release) = name.strip_prefix("go").and_then(go_version::release)
        {
            return Some((release, line));
        }
        let (version, line) = self.go?;
        go_version::release(version).map(|release| (release, line))
    }
}

fn is_folder(path: &str) -> bool {
    path == "."
        || path == ".."
        || path.starts_with("./")
        || path.starts_with("../")
        || path.starts_with(".\\")
        || path.starts_with("..\\")
        || path.starts_with('/')
        || path.as_bytes().get(1) == Some(&b':')
}

fn brief(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The words of a line and the comment behind them.
fn words(line: &str, number: u32) -> Result<(Vec<&str>, &str), CatalogError> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '/' if rest.starts_with("//") => {
                return Ok((words, rest.trim_start_matches('/').trim()));
            }
            '(' | ')' | '[' | ']' | ',' => 1,
            '"' | '`' => {
                let inner = rest.get(1..).unwrap_or_default();
                let Some(length) = inner.find(first) else {
                    return Err(CatalogError::at(number, "a quote is not closed"));
                };
                words.push(inner.get(..length).unwrap_or_default());
                rest = inner.get(length + 1..).unwrap_or_default().trim_start();
                continue;
            }
            _ => rest
                .char_indices()
                .find(|(at, c)| {
                    c.is_whitespace()
                        || matches!(c, '(' | ')' | '[' | ']' | ',' | '"' | '`')
                        || rest.get(*at..).is_some_and(|tail| tail.starts_with("//"))
                })
                .map_or(rest.len(), |(at, _)| at),
        };
        let (word, tail) = rest.split_at(end);
        words.push(word);
        rest = tail.trim_start();
    }
    Ok((words, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines, try_catalog};

    const MOD: &str = include_str!("../testdata/go/go.mod");
    const OLD_MOD: &str = include_str!("../testdata/go-1.16/go.mod");
    const OLD_SUM: &str = include_str!("../testdata/go-1.16/go.sum");

    #[test]
    fn requirements_replacements_and_the_toolchain() {
        let catalog = catalog_text(&GoMod, "go.mod", MOD);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:golang/stdlib@1.21.3:7 direct=true parents=[]",
                "pkg:golang/github.com/gin-gonic/gin@v1.9.0:10 direct=true parents=[]",
                "pkg:golang/github.com/acme/sirupsen-logrus@v1.8.4:30 direct=true parents=[]",
                "pkg:golang/gopkg.in/yaml.v3@v3.0.1:14 direct=true parents=[]",
                "pkg:golang/github.com/docker/docker@v24.0.5%2Bincompatible:18 direct=false parents=[]",
                "pkg:golang/golang.org/x/net@v0.0.0-20220722155237-a158d28d115b:19 direct=false parents=[]",
                "pkg:golang/golang.org/x/text@v0.3.8:34 direct=false parents=[]",
            ]
            .map(str::to_owned)
        );
        assert!(catalog.unknowns.is_empty() && catalog.unpinned.is_empty());
    }

    #[test]
    fn before_1_17_the_sums_tell_the_rest() {
        let (catalog, result) = try_catalog(
            &GoMod,
            &[("a/go.mod", OLD_MOD.as_bytes()), ("a/go.sum", OLD_SUM.as_bytes())],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:golang/github.com/spf13/cobra@v1.1.1:6 direct=true parents=[]",
                "pkg:golang/github.com/inconshreveable/mousetrap@v1.0.0:3 direct=false parents=[]",
                "pkg:golang/github.com/spf13/pflag@v1.0.10:9 direct=false parents=[]",
            ]
            .map(str::to_owned)
        );
        assert_eq!(catalog.packages[1].locations[0].path, "a/go.sum");
        let alone = catalog_text(&GoMod, "go.mod", OLD_MOD);
        assert_eq!(alone.unknowns.len(), 1);
        let (_, broken) =
            try_catalog(&GoMod, &[("go.mod", OLD_MOD.as_bytes()), ("go.sum", b"\na v1.0.0\n")]);
        assert!(broken.unwrap_err().to_string().starts_with("go.sum, line 2: expected"));
    }

    #[test]
    fn a_language_version_is_no_release() {
        let release = |lines: &str| {
            let text = format!("module x\n{lines}");
            ModFile::parse(&text, true).unwrap().release().map(|(release, _)| release.to_owned())
        };
        assert_eq!(release("go 1.21"), None);
        assert_eq!(release("go 1.21.0"), Some("1.21.0".into()));
        assert_eq!(release("go 1.21rc2"), Some("1.21rc2".into()));
        assert_eq!(release("go 1.21.0\ntoolchain go1.22.1-corp"), Some("1.22.1".into()));
        assert_eq!(release("go 1.21.5\ntoolchain default"), Some("1.21.5".into()));
    }

    #[test]
    fn what_has_no_semantic_version_is_not_pinned() {
        let catalog = catalog_text(
            &GoMod,
            "go.mod",
            "module x\ngo 1.20\nrequire example.org/a master\nfrobnicate y\n",
        );
        assert_eq!(catalog.unpinned.len(), 1);
        assert_eq!(catalog.unknowns[0].location.line, Some(4));
    }

    #[test]
    fn faults_name_their_line() {
        let check =
            |text: &str, expected: &str| assert_eq!(failure(&GoMod, "go.mod", text), expected);
        check("", "no `module` line: not a go.mod, or cut off");
        check(
            "module x\n\nrequire (\n\ta.b/c v1.0.0\n",
            "3: the block `require` is not closed: the file is cut off",
        );
        check("module x\nrequire a.b/c\n", "2: `require` needs a module and a version");
        check("module x\nreplace a.b/c\n", "2: `replace` needs a module, `=>` and a target");
        check(
            "module x\nreplace a => b\n",
            "2: the target of `replace` is a folder, or a module and a version",
        );
        check("module \"x\n", "1: a quote is not closed");
    }
}
