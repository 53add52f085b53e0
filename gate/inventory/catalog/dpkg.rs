use std::collections::{HashMap, HashSet};

use secgate_source::{Entry, Tree};

use super::{
    debian_control::{Stanza, stanzas},
    debian_copyright::licenses,
    ending::ends_with_a_line,
    file_digest::from_hex,
    os_release::{Distribution, needs_a_distribution},
    relations::Relations,
    root_file::root_file,
    system_package::push,
    third_party,
};
use crate::{Catalog, CatalogError, Cataloger};

const STATUS: &str = "var/lib/dpkg/status";
const STATUS_FOLDER: &str = "var/lib/dpkg/status.d";
/// Bytes of a `copyright` file that is looked into.
pub(crate) const MAX_COPYRIGHT: u64 = 128 << 10;

/// Bytes of an architecture's name: it is repeated with every name that a package provides.
const MAX_ARCHITECTURE: usize = 64;

/// Packages that dpkg installed: `var/lib/dpkg/status` (dpkg(1), "Package states"), and the single paragraphs below
/// `var/lib/dpkg/status.d/` that images without a package manager keep.
///
/// Every state counts in which files of the package may be there: installed, unpacked, half of either, waiting for
/// triggers, on hold. What only left its configuration, and `status-old`, do not count. A package that is not the
/// distribution's own has the purl qualifier `vendor` (see `third_party.rs`).
#[derive(Debug)]
pub(crate) struct Dpkg;

impl Cataloger for Dpkg {
    fn id(&self) -> &'static str {
        "dpkg"
    }

    fn wants(&self, entry: &Entry) -> bool {
        entry.path == STATUS
            || (entry.folder() == STATUS_FOLDER && !entry.name().ends_with(".md5sums"))
    }

    fn installed(&self) -> bool {
        true
    }

    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError> {
        let bytes = tree.contents(entry)?;
        // Names of people are in other encodings in old packages.
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let alone = entry.folder() == STATUS_FOLDER;
        let mut reader = Reader {
            tree,
            distribution: Distribution::of(tree),
            alone: alone.then_some(entry.path.as_str()),
            relations: Relations::default(),
            seen: HashSet::new(),
        };
        for stanza in stanzas(text) {
            reader.stanza(&stanza, catalog);
        }
        if alone && catalog.packages.is_empty() && catalog.unknowns.is_empty() {
            return Err(CatalogError::whole("no package in it"));
        }
        needs_a_distribution(reader.distribution.as_ref(), catalog);
        reader.relations.settle(catalog);
        // Single paragraphs are cut from a larger file by programs that do not end the last line.
        if alone { Ok(()) } else { ends_with_a_line(text) }
    }
}

struct Reader<'t> {
    tree: &'t Tree,
    distribution: Option<Distribution>,
    /// The path of a file that holds a single package.
    alone: Option<&'t str>,
    relations: Relations,
    /// The neighbours that were read: a database that repeats a name must not have them read again.
    seen: HashSet<String>,
}

impl Reader<'_> {
    fn stanza(&mut self, stanza: &Stanza<'_>, catalog: &mut Catalog) {
        for line in &stanza.faults {
            catalog.unreadable(*line, "neither a field nor the continuation of one");
        }
        match stanza.first_line("Status").map(state) {
            // A paragraph of its own, or one that lost its state: the package is there.
            None | Some(State::Present) => {}
            Some(State::Absent) => return,
            Some(State::Odd) => {
                catalog.unreadable(stanza.line, "a package state that dpkg does not have");
            }
        }
        let Some(name) = stanza.first_line("Package").filter(|name| !name.is_empty()) else {
            if stanza.faults.is_empty() {
                catalog.unreadable(stanza.line, "a paragraph without `Package`");
            }
            return;
        };
        let version = stanza.first_line("Version").unwrap_or_default();
        let architecture = stanza
            .first_line("Architecture")
            .filter(|word| word.len() <= MAX_ARCHITECTURE)
            .unwrap_or_default();
        let distribution = self.distribution.as_ref();
        let vendor = third_party::deb(
            distribution,
            stanza.first_line("Origin"),
            stanza.first_line("Maintainer"),
            version,
        );
        let qualifiers =
            [("arch", architecture), ("vendor", vendor.as_deref().unwrap_or_default())];
        let identity = ("deb", name, version);
        let Some(package) = push(catalog, distribution, identity, stanza.line, &qualifiers) else {
            return;
        };
        package.source = Some(source(stanza.first_line("Source"), name, version));
        let index = catalog.packages.len() - 1;
        let licenses = self.licenses(name);
        if let Some(package) = catalog.packages.last_mut() {
            package.licenses = licenses;
        }
        for (path, digest) in self.files(name, architecture) {
            catalog.owns(index, "", &path, digest);
        }
        self.relate(stanza, index, name, architecture);
    }

    fn relate(&mut self, stanza: &Stanza<'_>, index: usize, name: &str, architecture: &str) {
        let provided = list(stanza.get("Provides")).flat_map(alternatives);
        for name in std::iter::once(name).chain(provided) {
            self.relations.offer(index, format!("{name}:{architecture}"));
            self.relations.offer(index, name.to_owned());
        }
        for wanted in list(stanza.get("Pre-Depends")).chain(list(stanza.get("Depends"))) {
            let names: Vec<_> = alternatives(wanted)
                .flat_map(|name| [format!("{name}:{architecture}"), name.to_owned()])
                .collect();
            self.relations.need(index, names.join("|"));
        }
    }

    fn licenses(&mut self, name: &str) -> Vec<String> {
        // The name becomes a part of a path.
        if name.contains('/') {
            return Vec::new();
        }
        let path = format!("usr/share/doc/{name}/copyright");
        let Some(entry) = root_file(self.tree, &path) else { return Vec::new() };
        if !self.seen.insert(path) {
            return Vec::new();
        }
        let limit = usize::try_from(MAX_COPYRIGHT).unwrap_or(usize::MAX);
        match self.tree.read_start(entry, limit) {
            Ok(bytes) => licenses(&String::from_utf8_lossy(&bytes)),
            Err(_) => Vec::new(),
        }
    }

    /// The paths that the package brought, without the root's `/`, each with its checksum or an empty text: configuration files
    /// have none.
    fn files(&mut self, name: &str, architecture: &str) -> Vec<(String, String)> {
        let tree = self.tree;
        let seen = &mut self.seen;
        let mut read = |path: String| {
            let entry = root_file(tree, &path)?;
            if !seen.insert(path) {
                return None;
            }
            let bytes = tree.read(entry).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let clean = |path: &str| path.trim_start_matches("./").trim_start_matches('/').to_owned();
        // `<MD5>  <path>`
        let sum = |line: &str| {
            let (sum, path) = line.split_once("  ")?;
            Some((clean(path), from_hex(sum)))
        };
        if let Some(path) = self.alone {
            let text = read(format!("{path}.md5sums")).unwrap_or_default();
            return text.lines().filter_map(sum).collect();
        }
        let info = "var/lib/dpkg/info";
        let mut either = |what: &str| {
            read(format!("{info}/{name}:{architecture}.{what}"))
                .or_else(|| read(format!("{info}/{name}.{what}")))
                .unwrap_or_default()
        };
        let (list, sums) = (either("list"), either("md5sums"));
        let mut sums: HashMap<String, String> = sums.lines().filter_map(sum).collect();
        list.lines()
            .map(|path| {
                let path = clean(path);
                let digest = sums.remove(&path).unwrap_or_default();
                (path, digest)
            })
            .collect()
    }
}

enum State {
    Present,
    Absent,
    Odd,
}

/// `want flag state`, for example `install ok installed`.
fn state(text: &str) -> State {
    match text.split_whitespace().nth(2) {
        Some(
            "installed" | "unpacked" | "half-installed" | "half-configured" | "triggers-awaited"
            | "triggers-pending",
        ) => State::Present,
        Some("not-installed" | "config-files") => State::Absent,
        _ => State::Odd,
    }
}

/// `Source: NAME` or `Source: NAME (VERSION)`; the package's own name and version where it has no such field.
pub(super) fn source(field: Option<&str>, name: &str, version: &str) -> (String, String) {
    let field = field.filter(|field| !field.is_empty()).unwrap_or(name);
    match field.split_once('(') {
        Some((name, rest)) => {
            (name.trim().to_owned(), rest.trim_end().trim_end_matches(')').trim().to_owned())
        }
        None => (field.to_owned(), version.to_owned()),
    }
}

/// The parts of a relation field between commas.
fn list(field: Option<&str>) -> impl Iterator<Item = &str> {
    field.unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// The names of `a (>= 1) | b:any`.
fn alternatives(text: &str) -> impl Iterator<Item = &str> {
    text.split('|').filter_map(|one| one.trim().split([' ', '(', ':', '[', '<', '\n']).next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::{lines, root_catalog, try_catalog};

    #[test]
    fn only_what_is_installed_counts() {
        let catalog = root_catalog(&Dpkg, "debian", STATUS);
        assert_eq!(
            lines(&catalog),
            [
                "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12:1 parents=[pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12, pkg:deb/debian/python3-yaml@6.0-3%2Bb2?arch=amd64&distro=debian-12]",
                "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12:15 parents=[]",
                "pkg:deb/debian/python3-yaml@6.0-3%2Bb2?arch=amd64&distro=debian-12:37 parents=[]",
                "pkg:deb/debian/docker-ce@5:24.0.7-1~debian.12~bookworm?arch=amd64&distro=debian-12&vendor=docker.com:50 parents=[]",
                "pkg:deb/debian/libheld@1.0-1?arch=all&distro=debian-12:60 parents=[]",
            ]
        );
        assert!(catalog.unknowns.is_empty(), "{:?}", catalog.unknowns);
        let source = |at: usize| {
            let (name, version) = catalog.packages[at].source.clone().unwrap();
            format!("{name} {version}")
        };
        assert_eq!(source(0), "glibc 2.36-9+deb12u4");
        assert_eq!(source(2), "pyyaml 6.0-3");
        assert_eq!(catalog.packages[1].licenses, ["Apache-2.0"]);
        let owned = "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO";
        assert!(catalog.owned.iter().any(|file| file.index == 2 && file.path == owned));
    }

    #[test]
    fn images_without_a_package_manager() {
        let path = "var/lib/dpkg/status.d/tzdata";
        let stanza =
            b"Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\nSource: tz (2024a)";
        let sums = b"0123  usr/lib/node_modules/a/package.json\n0123  usr/share/zoneinfo/UTC\n";
        let (catalog, result) = try_catalog(
            &Dpkg,
            &[
                (path, stanza),
                ("var/lib/dpkg/status.d/tzdata.md5sums", sums),
                ("usr/lib/os-release", b"ID=debian\nVERSION_ID=12\n"),
            ],
        );
        result.unwrap();
        assert_eq!(
            lines(&catalog),
            ["pkg:deb/debian/tzdata@2024a-0%2Bdeb12u1?arch=all&distro=debian-12:1 parents=[]"]
        );
        assert_eq!(catalog.packages[0].source, Some(("tz".to_owned(), "2024a".to_owned())));
        assert_eq!(catalog.owned[0].path, "usr/lib/node_modules/a/package.json");
        let wants = |path: &str| Dpkg.wants(&Entry { path: path.to_owned() });
        assert!(!wants("var/lib/dpkg/status.d/a.md5sums") && !wants("var/lib/dpkg/status-old"));
        assert!(!wants("rootfs/var/lib/dpkg/status"));
    }

    #[test]
    fn faults_are_told() {
        let fault = |text: &str| {
            let os: (&str, &[u8]) = ("etc/os-release", b"ID=ubuntu\nVERSION_ID=22.04\n");
            let (catalog, result) = try_catalog(&Dpkg, &[(STATUS, text.as_bytes()), os]);
            let unknown = catalog.unknowns.first();
            let said = unknown
                .map(|unknown| format!("{:?} {}", unknown.location.line, unknown.reason))
                .or(result.err().map(|error| error.to_string()));
            (catalog.packages.len(), said.unwrap_or_default())
        };
        assert_eq!(fault(""), (0, String::new()));
        let whole = "Package: a\nStatus: install ok installed\nVersion: 1\n";
        assert_eq!(fault(whole), (1, String::new()));
        let cut = fault(&whole[..whole.len() - 1]);
        assert_eq!(cut, (1, "the last line does not end: the file is cut off".to_owned()));
        assert_eq!(
            fault("Status: install ok installed\nVersion: 1\n"),
            (0, "Some(1) a paragraph without `Package`".to_owned())
        );
        assert_eq!(
            fault("Package: a\nStatus: install ok odd\nVersion: 1\n"),
            (1, "Some(1) a package state that dpkg does not have".to_owned())
        );
        assert_eq!(
            fault("Package: a\nVersion: 1\nodd\n"),
            (1, "Some(3) neither a field nor the continuation of one".to_owned())
        );
        let (catalog, _) = try_catalog(&Dpkg, &[(STATUS, whole.as_bytes())]);
        assert!(catalog.unknowns[0].reason.starts_with("packages of an unknown distribution"));
    }

    #[test]
    fn a_file_made_of_gaps_lists_some_of_them() {
        let (catalog, _) = try_catalog(&Dpkg, &[(STATUS, &b"x\n".repeat(50_000))]);
        assert_eq!(catalog.unknowns.len(), 10_001);
        assert!(catalog.unknowns[10_000].reason.starts_with("more than 10000 gaps"));
    }

    proptest::proptest! {
        /// Every installed paragraph becomes one package, whatever its state's neighbours and the order are.
        #[test]
        fn the_order_of_paragraphs_says_nothing(
            states in proptest::collection::vec((0_usize..7, "[a-z][a-z0-9+.-]{1,8}"), 0..30),
            turn in 0_usize..30,
        ) {
            const STATES: [(&str, bool); 7] = [
                ("install ok installed", true),
                ("hold ok installed", true),
                ("install ok unpacked", true),
                ("install reinstreq half-installed", true),
                ("install ok triggers-awaited", true),
                ("deinstall ok config-files", false),
                ("purge ok not-installed", false),
            ];
            let mut paragraphs: Vec<String> = Vec::new();
            let mut expected: Vec<String> = Vec::new();
            for (at, (state, name)) in states.iter().enumerate() {
                let (state, present) = STATES[*state];
                paragraphs.push(format!(
                    "Package: {name}{at}\nStatus: {state}\nDescription: x\n y\nArchitecture: all\nVersion: {at}:1-1\n\n"
                ));
                if present {
                    expected.push(format!("pkg:deb/{name}{at}@{at}:1-1?arch=all").replace('+', "%2B"));
                }
            }
            let turn = turn % paragraphs.len().max(1);
            paragraphs.rotate_left(turn);
            let (catalog, result) = try_catalog(&Dpkg, &[(STATUS, paragraphs.concat().as_bytes())]);
            proptest::prop_assert!(result.is_ok());
            let mut found: Vec<_> =
                catalog.packages.iter().map(|package| package.purl.to_string()).collect();
            found.sort();
            expected.sort();
            proptest::prop_assert_eq!(found, expected);
        }
    }
}
