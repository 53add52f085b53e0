use std::collections::{BTreeSet, HashMap, HashSet};

use secgate_model::{Scope, UnknownKind};
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::{
        address,
        pypi::{self, Requirement},
        requirements_line::{Line, logical_lines},
        requirements_via::{Told, relate, via},
    },
};

/// pip's requirements and constraints files (pip documentation, "Requirements File Format"), with the `# via` comments of
/// pip-compile and uv, which name the parents.
///
/// Without such comments what stands in the file is named by the project itself. A file whose name says `dev`, `test`,
/// `docs` or `lint` is for development. A constraint is no request: only its exact pins are packages, because they answer
/// the requests of the files beside it. Files that `-r` and `-c` name are read along when their own names would not tell
/// that they are requirements.
#[derive(Debug)]
pub(crate) struct RequirementsTxt;

/// Files that one requirements file may draw in.
const MAX_INCLUDES: usize = 64;

impl Cataloger for RequirementsTxt {
    fn id(&self) -> &'static str {
        "requirements-txt"
    }

    fn wants(&self, entry: &Entry) -> bool {
        is_requirements(&entry.path)
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        let scope = scope_of(entry.name());
        let mut open = read(&text, entry, is_constraints(entry.name()), tree, catalog);
        let mut seen = BTreeSet::from([entry.path.clone()]);
        while let Some(include) = open.pop() {
            let Some(path) = address::resolve(include.folder(), &include.path) else {
                let what = "is outside the tree or on another machine";
                include.fault(entry, catalog, what);
                continue;
            };
            if is_requirements(&path) && tree.find(&path).is_some() || !seen.insert(path.clone()) {
                continue;
            }
            let Some(found) = tree.find(&path) else {
                include.fault(entry, catalog, "is not there");
                continue;
            };
            if seen.len() > MAX_INCLUDES {
                include.fault(entry, catalog, "is one file too many");
                break;
            }
            match tree.read_text(found) {
                Ok(text) => {
                    let before = Lengths::of(catalog);
                    open.extend(read(&text, found, include.constraint, tree, catalog));
                    before.move_to(&found.path, catalog);
                }
                Err(error) => include.fault(entry, catalog, &format!("cannot be read: {error}")),
            }
        }
        catalog.default_scope(scope);
        Ok(())
    }
}

/// Whether a path is a requirements file by its name, or by that of its folder.
pub(crate) fn is_requirements(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let Some(stem) = name.strip_suffix(".txt") else { return false };
    parts.next() == Some("requirements")
        || ["requirements", "constraints"]
            .iter()
            .any(|word| stem.starts_with(word) || stem.ends_with(word))
}

fn is_constraints(name: &str) -> bool {
    name.to_ascii_lowercase().contains("constraints")
}

fn scope_of(name: &str) -> Scope {
    let name = name.to_ascii_lowercase();
    let dev = name.split(|c: char| !c.is_ascii_alphabetic()).any(|word| {
        matches!(
            word,
            "dev" | "develop" | "development" | "test" | "tests" | "testing" | "docs" | "lint"
        )
    });
    if dev { Scope::Dev } else { Scope::Unknown }
}

/// A file that another one draws in.
struct Include {
    from: String,
    path: String,
    line: u32,
    constraint: bool,
}

impl Include {
    fn folder(&self) -> &str {
        self.from.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn fault(&self, entry: &Entry, catalog: &mut Catalog, what: &str) {
        let shown: String = address::public(&self.path).chars().take(200).collect();
        let before = Lengths::of(catalog);
        catalog.unknown(
            self.line,
            UnknownKind::Unreadable,
            format!("the file `{shown}` that it includes {what}"),
        );
        if self.from != entry.path {
            before.move_to(&self.from, catalog);
        }
    }
}

/// How much a catalog held before an included file was read, so that what came after gets that file's path.
struct Lengths(usize, usize, usize);

impl Lengths {
    fn of(catalog: &Catalog) -> Self {
        Self(catalog.packages.len(), catalog.unknowns.len(), catalog.unpinned.len())
    }

    fn move_to(&self, path: &str, catalog: &mut Catalog) {
        let packages = catalog.packages.iter_mut().skip(self.0).flat_map(|p| &mut p.locations);
        let unknowns = catalog.unknowns.iter_mut().skip(self.1).map(|u| &mut u.location);
        let unpinned = catalog.unpinned.iter_mut().skip(self.2).map(|u| &mut u.unknown.location);
        for location in packages.chain(unknowns).chain(unpinned) {
            path.clone_into(&mut location.path);
        }
    }
}

fn read(
    text: &str,
    entry: &Entry,
    constraint: bool,
    tree: &Tree,
    catalog: &mut Catalog,
) -> Vec<Include> {
    let lines = logical_lines(text);
    let mut includes = Vec::new();
    let mut told: Vec<Told> = Vec::new();
    let mut listing = false;
    let mut annotated = false;
    let mut generated = false;
    let mut compiled = false;
    let mut hashed: Option<bool> = None;
    let mut named: HashSet<String> = HashSet::new();
    let mut last: Option<usize> = None;
    for line in &lines {
        let comment = line.comment.as_deref().unwrap_or_default();
        if line.code.is_empty() {
            generated |= comment.contains("autogenerated by");
            compiled |= comment.contains("autogenerated by pip-compile");
            let item = if let Some(rest) = via(comment) {
                listing = true;
                Some(rest)
            } else if listing && line.indented && comment.starts_with("  ") {
                Some(comment.trim())
            } else {
                listing = false;
                None
            };
            if let (Some(item), Some(told)) = (item, last.and_then(|at| told.get_mut(at))) {
                annotated = true;
                told.add(item);
            }
            continue;
        }
        listing = false;
        last = None;
        if line.cut {
            catalog.unreadable(line.number, "the file ends in the middle of a continued line");
        }
        if line.code.starts_with('-') {
            option(line, entry, catalog, &mut includes);
            continue;
        }
        let Some(index) = requirement(line, constraint, catalog) else {
            named.extend(name_of(&line.code));
            continue;
        };
        // With one hash pip asks for all: a pin without is where a file was cut off.
        let has_hash = line.code.contains("--hash");
        if *hashed.get_or_insert(has_hash) != has_hash {
            catalog.unreadable(
                line.number,
                "some requirements have a `--hash` and some have none: pip refuses this file",
            );
        }
        told.push(Told::new(index));
        last = Some(told.len() - 1);
        if let (Some(item), Some(told)) = (via(comment), told.last_mut()) {
            annotated = true;
            listing = true;
            told.add(item);
        }
    }
    let mut generated_files: HashMap<String, bool> = HashMap::new();
    for told in &mut told {
        for file in std::mem::take(&mut told.files) {
            // What a compiled file pins is told by that file, be it wished for or drawn in.
            let other = generated_files.entry(file);
            let key = other.key().clone();
            told.project |= !*other.or_insert_with(|| is_generated(&key, entry, tree));
        }
    }
    relate(&told, &named, annotated, generated || constraint, compiled, catalog);
    includes
}

/// Whether a file that a comment names was itself written by a tool.
fn is_generated(path: &str, entry: &Entry, tree: &Tree) -> bool {
    address::resolve(entry.folder(), path)
        .filter(|path| *path != entry.path)
        .and_then(|path| tree.read_text(tree.find(&path)?).ok())
        .is_some_and(|text| text.lines().take(20).any(|line| line.contains("autogenerated by")))
}

/// The name of a requirement that is no package: the word in front, or what the address says.
fn name_of(code: &str) -> Option<String> {
    let word = match code.split_once("#egg=") {
        Some((_, egg)) => egg.split(['&', '[', ' ']).next(),
        None => code.split([' ', '[', '=', '<', '>', '~', '!', '@', ';', '(']).next(),
    };
    word.filter(|word| pypi::is_name(word)).map(pypi::normal)
}

/// Reads one requirement; the index of its package, if it is one.
fn requirement(line: &Line, constraint: bool, catalog: &mut Catalog) -> Option<usize> {
    // Options of a requirement come behind it; a word that begins with a hyphen ends the requirement.
    let mut end = line.code.len();
    let mut before = 'x';
    for (at, c) in line.code.char_indices() {
        if c == '-' && before.is_whitespace() {
            end = at;
            break;
        }
        before = c;
    }
    let (text, options) = line.code.split_at(end);
    let text = text.trim();
    check_hashes(options, line.number, catalog);
    let local_archive =
        !text.contains(" @ ") && !text.contains("://") && pypi::archive(text).is_some();
    if local_archive {
        return None;
    }
    match Requirement::parse(text) {
        Ok(Requirement { name, url: Some(url), .. }) => {
            pypi::push_url(catalog, Some(name), url, line.number)
        }
        Ok(found) => match found.exact() {
            Some(version) => pypi::push(catalog, found.name, version, line.number),
            None if constraint => None,
            None => {
                pypi::unpinned(catalog, found.name, line.number, found.specifier);
                None
            }
        },
        Err(_) if is_address(text) => pypi::push_url(catalog, None, text, line.number),
        Err(_) if is_path(text) => None,
        Err(reason) => {
            let name = text.split(['=', '<', '>', '~', '!', ' ']).next().unwrap_or_default();
            if text.contains("${") && pypi::is_name(name) {
                pypi::unpinned(catalog, name, line.number, "set by a variable");
            } else {
                catalog.unreadable(line.number, reason);
            }
            None
        }
    }
}

fn is_address(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-'))
    })
}

fn is_path(text: &str) -> bool {
    text.starts_with('.') || (text.contains(['/', '\\']) && !text.contains(['=', '<', '>', '~']))
}

/// `--hash=algorithm:digits`: digits missing at the end of the file are how a file that was cut off looks.
fn check_hashes(options: &str, line: u32, catalog: &mut Catalog) {
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--hash") {
            Some("") => words.next().unwrap_or_default(),
            Some(rest) => rest.strip_prefix('=').unwrap_or(rest),
            None => continue,
        };
        let (algorithm, digits) = value.split_once(':').unwrap_or((value, ""));
        let length = match algorithm {
            "md5" => 32,
            "sha1" => 40,
            "sha224" => 56,
            "sha256" => 64,
            "sha384" => 96,
            "sha512" => 128,
            _ => 0,
        };
        if length == 0 || digits.len() != length || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            catalog.unreadable(line, "a `--hash` is not an algorithm with all its digits");
            return;
        }
    }
}

/// Options with a value that say nothing about packages.
const WITH_VALUE: &[&str] = &[
    "-i",
    "--index-url",
    "--pypi-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--no-binary",
    "--only-binary",
    "--trusted-host",
    "--use-feature",
    "--platform",
    "--python-version",
    "--implementation",
    "--abi",
    "--exists-action",
    "--timeout",
    "--proxy",
    "--cert",
    "--client-cert",
    "--build-constraint",
];

/// Options without one.
const PLAIN: &[&str] = &[
    "--no-index",
    "--pre",
    "--prefer-binary",
    "--require-hashes",
    "--use-pep517",
    "--no-use-pep517",
    "--no-deps",
    "--process-dependency-links",
    "--always-unzip",
    "-Z",
];

fn option(line: &Line, entry: &Entry, catalog: &mut Catalog, includes: &mut Vec<Include>) {
    let code = line.code.as_str();
    let end = code.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(code.len());
    let (mut key, mut value) = code.split_at(end);
    // The short forms may be written together with their value: `-rother.txt`.
    if !key.starts_with("--")
        && let (Some(short), Some(rest)) = (code.get(..2), code.get(2..))
    {
        (key, value) = (short, rest);
    }
    let value = value.trim_start().trim_start_matches('=').trim().trim_matches(['"', '\'']);
    match key {
        "-r" | "--requirement" | "-c" | "--constraint" => {
            if value.is_empty() {
                catalog.unreadable(line.number, format!("`{key}` names no file"));
            } else {
                includes.push(Include {
                    from: entry.path.clone(),
                    path: value.to_owned(),
                    line: line.number,
                    constraint: matches!(key, "-c" | "--constraint"),
                });
            }
        }
        "-e" | "--editable" => {
            let target = value.split_whitespace().next().unwrap_or_default();
            match Requirement::parse(value) {
                Ok(Requirement { name, url: Some(url), .. }) if !url.starts_with("file:") => {
                    pypi::push_url(catalog, Some(name), url, line.number);
                }
                Err(_) if is_address(target) && !target.starts_with("file:") => {
                    pypi::push_url(catalog, None, target, line.number);
                }
                _ if value.is_empty() => {
                    catalog.unreadable(line.number, format!("`{key}` names nothing"));
                }
                // A folder of the project itself.
                _ => {}
            }
        }
        key if WITH_VALUE.contains(&key) && !value.is_empty() => {}
        key if PLAIN.contains(&key) => {}
        key => {
            let shown: String = key.chars().take(40).collect();
            catalog
                .unreadable(line.number, format!("`{shown}` is no option of a requirements file"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, lines, try_catalog};

    const COMPILED: &str = include_str!("../testdata/requirements/requirements.txt");
    const WRITTEN: &str = include_str!("../testdata/requirements/requirements-dev.txt");

    fn gaps(catalog: &Catalog) -> Vec<String> {
        let show = |unknown: &secgate_model::Unknown| {
            let location = &unknown.location;
            format!("{}:{}: {}", location.path, location.line.unwrap_or(0), unknown.reason)
        };
        let unpinned = catalog.unpinned.iter().map(|request| show(&request.unknown));
        catalog.unknowns.iter().map(show).chain(unpinned).collect()
    }

    #[test]
    fn a_compiled_file_tells_parents() {
        let catalog = catalog_text(&RequirementsTxt, "requirements.txt", COMPILED);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/blinker@1.9.0:7 direct=false parents=[pkg:pypi/flask@3.1.3]",
                "pkg:pypi/click@8.1.7:11 direct=true parents=[pkg:pypi/flask@3.1.3]",
                "pkg:pypi/colorama@0.4.6:17 direct=false parents=[pkg:pypi/click@8.1.7]",
                "pkg:pypi/flask@3.1.3:20 direct=true parents=[]",
            ]
        );
        assert_eq!(gaps(&catalog), [] as [&str; 0]);
    }

    #[test]
    fn what_a_compiled_file_asks_for_may_be_drawn_in() {
        let dev: &[u8] = b"a==1.0\n    # via -r requirements.txt\nb==1.0\n    # via -r dev.in\n";
        let (catalog, result) = try_catalog(
            &RequirementsTxt,
            &[("requirements-dev.txt", dev), ("requirements.txt", COMPILED.as_bytes())],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/a@1.0:1 direct=false scope=dev parents=[]",
                "pkg:pypi/b@1.0:3 direct=true scope=dev parents=[]",
            ]
        );
    }

    #[test]
    fn a_written_file_is_direct_and_says_what_it_cannot_pin() {
        let other: &[u8] = b"inner==2.0\nloose>1\n-r deep.txt\n";
        let (catalog, result) = try_catalog(
            &RequirementsTxt,
            &[
                ("app/requirements-dev.txt", WRITTEN.as_bytes()),
                ("app/pins/base.in", other),
                ("app/pins/deep.txt", b"-r base.in\ndeep===1\n"),
                ("app/requirements.txt", b"flask==1\n"),
            ],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            [
                "pkg:pypi/pytest@8.3.2:4 direct=true scope=dev parents=[]",
                "pkg:pypi/zope-interface@5.0:5 direct=true scope=dev parents=[]",
                "pkg:pypi/requests@2.31.0:6 direct=true scope=dev parents=[]",
                "pkg:pypi/wheel-thing@1.0?download_url=https://files.example/wheel_thing-1.0-py3-none-any.whl:9 direct=true scope=dev parents=[]",
                "pkg:pypi/inner@2.0:1 direct=true scope=dev parents=[]",
                "pkg:pypi/deep@1:2 direct=true scope=dev parents=[]",
            ]
        );
        assert_eq!(
            gaps(&catalog),
            [
                "app/requirements-dev.txt:14: `--frobnicate` is no option of a requirements file",
                "app/requirements-dev.txt:15: a version clause does not begin with an operator",
                "app/requirements-dev.txt:17: the file `gone.txt` that it includes is not there",
                "app/requirements-dev.txt:7: django (>=4,<5) has no exact version: pin it or commit a lockfile",
                "app/requirements-dev.txt:8: black (==24.*) has no exact version: pin it or commit a lockfile",
                "app/requirements-dev.txt:10: tool (git+https://github.com/acme/tool.git@v1) has no exact version: pin it or commit a lockfile",
                "app/requirements-dev.txt:12: lib (git+https://github.com/acme/lib) has no exact version: pin it or commit a lockfile",
                "app/pins/base.in:2: loose (>1) has no exact version: pin it or commit a lockfile",
            ]
        );
        assert_eq!(catalog.packages[4].locations[0].path, "app/pins/base.in");
    }

    #[test]
    fn a_constraint_is_no_request() {
        let catalog = catalog_text(&RequirementsTxt, "constraints.txt", "a==1.0\nb<2\n");
        assert_eq!(lines(&catalog), ["pkg:pypi/a@1.0:1 parents=[]"]);
        assert!(gaps(&catalog).is_empty());
    }

    #[test]
    fn faults_name_their_line() {
        for (text, expected) in [
            (
                "a==1.0 \\\n  --hash=sha256:abc\n",
                "requirements.txt:1: a `--hash` is not an algorithm with all its digits",
            ),
            ("a==1.0 \\\n", "requirements.txt:1: the file ends in the middle of a continued line"),
            ("\na==\n", "requirements.txt:2: a version clause has no well-formed version"),
            (
                "-r https://user:pw@h/x.txt\n",
                "requirements.txt:1: the file `https://h/x.txt` that it includes is outside the tree or on another machine",
            ),
            (
                "-r ../../x.txt\n",
                "requirements.txt:1: the file `../../x.txt` that it includes is outside the tree or on another machine",
            ),
            (
                "# autogenerated by pip-compile\nb>1\na==1.0\n    # via b\n",
                "requirements.txt:2: b (>1) has no exact version: pin it or commit a lockfile",
            ),
            ("-r\n", "requirements.txt:1: `-r` names no file"),
            (
                "# autogenerated by pip-compile\na==1.0\n    # via b\n",
                "requirements.txt:2: `b`, which it says needs this package, is not in the file",
            ),
            (
                "a==${V}\n",
                "requirements.txt:1: a (set by a variable) has no exact version: pin it or commit a lockfile",
            ),
        ] {
            let catalog = catalog_text(&RequirementsTxt, "requirements.txt", text);
            assert_eq!(gaps(&catalog), [expected], "{text}");
        }
    }

    #[test]
    fn names_of_files() {
        for (path, wanted) in [
            ("requirements.txt", true),
            ("a/requirements/base.txt", true),
            ("dev-requirements.txt", true),
            ("requirements_test.txt", true),
            ("constraints.txt", true),
            ("readme.txt", false),
            ("requirements.in", false),
        ] {
            assert_eq!(is_requirements(path), wanted, "{path}");
        }
    }
}
