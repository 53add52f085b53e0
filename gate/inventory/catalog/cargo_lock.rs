use secgate_model::Purl;
use secgate_source::{Entry, Tree};

use crate::{
    Catalog, CatalogError, Cataloger,
    catalog::cargo_lock_plain::{self, Plain},
    document::{Node, parse_toml},
};

/// `Cargo.lock`, versions 1 to 4 (Cargo book, "Cargo.toml vs Cargo.lock"; source `cargo/core/resolver/encode.rs`).
///
/// A package without a `source` is a member of the workspace: it is the project itself, not a component, and what it
/// depends on is direct. The file does not tell development dependencies from others, so the scope stays unknown.
#[derive(Debug)]
pub(crate) struct CargoLock;

impl Cataloger for CargoLock {
    fn id(&self) -> &'static str {
        "cargo-lock"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.name() == "Cargo.lock"
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let text = tree.read_text(entry)?;
        if let Some(packages) = cargo_lock_plain::read(&text) {
            return link(&packages, catalog);
        }
        let root = parse_toml(&text)?;
        let packages = packages(&root)?.iter().map(locked).collect::<Result<Vec<_>, _>>()?;
        link(&packages, catalog)
    }
}

/// The `[[package]]` tables of a lockfile of a known version.
fn packages<'n, 't>(root: &'n Node<'t>) -> Result<&'n [Node<'t>], CatalogError> {
    if let Some(version) = root.get("version") {
        let known = version
            .scalar()
            .and_then(|text| text.parse::<u32>().ok())
            .is_some_and(|v| (1..=4).contains(&v));
        if !known {
            return Err(CatalogError::at(
                version.line,
                "a Cargo.lock version that is not known: 1 to 4 are",
            ));
        }
    }
    let Some(packages) = root.get("package") else {
        // Cargo writes the workspace's own package at least.
        return Err(CatalogError::whole("no `[[package]]`: not a Cargo.lock, or cut off"));
    };
    let packages = packages.expect_list("package")?;
    if packages.is_empty() {
        return Err(CatalogError::whole("no `[[package]]`: not a Cargo.lock, or cut off"));
    }
    Ok(packages)
}

fn locked<'n>(node: &'n Node<'_>) -> Result<Plain<'n>, CatalogError> {
    node.expect_map("package")?;
    let mut dependencies = Vec::new();
    for dependency in node.optional_list("dependencies")? {
        dependencies.push((dependency.expect_text("dependencies")?, dependency.line));
    }
    Ok(Plain {
        name: node.member_text("name")?,
        version: node.member_text("version")?,
        source: node.optional_text("source")?,
        checksum: node.optional_text("checksum")?,
        line: node.get("name").map_or(node.line, |name| name.line),
        dependencies,
    })
}

/// Pushes the packages with their parents.
fn link(locked: &[Plain<'_>], catalog: &mut Catalog) -> Result<(), CatalogError> {
    // Cargo writes them in this order, so that sorting only looks at them.
    let mut sorted: Vec<usize> = (0..locked.len()).collect();
    let key = |at: usize| locked.get(at).map(|package| (package.name, package.version));
    sorted.sort_by_key(|at| key(*at));
    let find = |wanted: &Wanted<'_>| {
        let lowest = (wanted.name, wanted.version.unwrap_or_default());
        let first = sorted.partition_point(|at| key(*at) < Some(lowest));
        sorted.get(first).copied().filter(|at| {
            key(*at).is_some_and(|(name, version)| {
                name == wanted.name && wanted.version.is_none_or(|wanted| wanted == version)
            })
        })
    };
    catalog.packages.reserve_exact(locked.len());
    let mut purls: Vec<Option<Purl>> = Vec::with_capacity(locked.len());
    let mut pushed: Vec<Option<usize>> = Vec::with_capacity(locked.len());
    for package in locked {
        purls.push(None);
        pushed.push(None);
        let Some(source) = package.source else { continue };
        let Some(found) =
            catalog.package("cargo", None, package.name, package.version, package.line)
        else {
            continue;
        };
        if let Some(git) = source.strip_prefix("git+") {
            found.purl = found.purl.clone().with_qualifier("vcs_url", &format!("git+{git}"));
        } else if !is_crates_io(source) {
            let url = source.split_once('+').map_or(source, |(_, url)| url);
            found.purl = found.purl.clone().with_qualifier("repository_url", url);
        }
        if let Some(checksum) = package.checksum.filter(|text| is_sha256(text)) {
            found.hashes = vec![["sha256:", checksum].concat()];
        }
        let purl = found.purl.clone();
        if let (Some(last), Some(at)) = (purls.last_mut(), pushed.last_mut()) {
            *last = Some(purl);
            *at = Some(catalog.packages.len() - 1);
        }
    }
    let mut edges = Vec::new();
    for (at, package) in locked.iter().enumerate() {
        for (dependency, line) in &package.dependencies {
            let wanted = Wanted::parse(dependency);
            let Some(child) = find(&wanted) else {
                return Err(CatalogError::at(
                    *line,
                    format!("the dependency `{}` is not in the file", wanted.name),
                ));
            };
            let Some(index) = pushed.get(child).copied().flatten() else { continue };
            match purls.get(at).and_then(Option::as_ref) {
                Some(parent) => edges.push((index, parent.clone())),
                None => {
                    if let Some(found) = catalog.packages.get_mut(index) {
                        found.direct = Some(true);
                    }
                }
            }
        }
    }
    catalog.link(edges);
    let has_root = purls.iter().any(Option::is_none);
    for package in
        catalog.packages.iter_mut().filter(|package| has_root && package.direct.is_none())
    {
        package.direct = Some(false);
    }
    Ok(())
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_crates_io(source: &str) -> bool {
    matches!(
        source,
        "registry+https://github.com/rust-lang/crates.io-index"
            | "sparse+https://index.crates.io/"
            | "registry+https://index.crates.io/"
    )
}

/// `name`, `name version` or `name version (source)`.
struct Wanted<'t> {
    name: &'t str,
    version: Option<&'t str>,
}

impl<'t> Wanted<'t> {
    fn parse(text: &'t str) -> Self {
        let mut words = text.split(' ');
        Self { name: words.next().unwrap_or_default(), version: words.next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{catalog_text, failure, lines};

    const LOCK: &str = include_str!("../testdata/cargo/Cargo.lock");

    #[test]
    fn every_package_with_its_line_and_parents() {
        let catalog = catalog_text(&CargoLock, "Cargo.lock", LOCK);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:cargo/autocfg@1.1.0:7 direct=false parents=[pkg:cargo/num-traits@0.2.15]",
                "pkg:cargo/num-traits@0.2.15:19 direct=true parents=[]",
                "pkg:cargo/tool@0.3.0?vcs_url=git%2Bhttps://github.com/acme/tool%3Frev%3Dabc%23abc0:28 direct=true parents=[]",
            ]
            .map(str::to_owned)
        );
        let hash = "sha256:d468802bab17cbc0cc575e9b053f41e72aa36bfa6b7f55e3529ffa43161b97fa";
        assert_eq!(catalog.packages[0].hashes, [hash]);
        assert!(catalog.packages[2].hashes.is_empty(), "git has no archive");
    }

    #[test]
    fn faults_name_their_line() {
        for text in ["", "version = 4\n", "package = []\n"] {
            assert_eq!(
                failure(&CargoLock, "Cargo.lock", text),
                "no `[[package]]`: not a Cargo.lock, or cut off"
            );
        }
        assert_eq!(
            failure(&CargoLock, "Cargo.lock", "version = 9\n"),
            "1: a Cargo.lock version that is not known: 1 to 4 are"
        );
        assert_eq!(
            failure(&CargoLock, "Cargo.lock", "[[package]]\nname = \"a\"\n"),
            "1: `version` is missing"
        );
        let missing =
            "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"gone\",\n]\n";
        assert_eq!(
            failure(&CargoLock, "Cargo.lock", missing),
            "5: the dependency `gone` is not in the file"
        );
    }

    #[test]
    fn both_readers_say_the_same() {
        let plain = LOCK.replace(
            "dependencies = [\"num-traits\", \"tool 0.3.0\"]",
            "dependencies = [\n \"num-traits\",\n \"tool 0.3.0\",\n]",
        );
        let quick = cargo_lock_plain::read(&plain).expect("Cargo's own form");
        let root = parse_toml(&plain).unwrap();
        let slow: Vec<_> =
            packages(&root).unwrap().iter().map(|node| locked(node).unwrap()).collect();
        assert_eq!(quick, slow);
        assert_eq!(cargo_lock_plain::read(LOCK), None, "a list on one line is not Cargo's form");
        for cut in 0..plain.len() {
            // A cut that leaves whole packages cannot be told; every other one must not look whole.
            if let Some(packages) = cargo_lock_plain::read(&plain[..cut]) {
                assert!(packages.iter().all(|package| !package.version.is_empty()), "{cut}");
                assert!(parse_toml(&plain[..cut]).is_ok(), "{cut}");
            }
        }
    }
}
