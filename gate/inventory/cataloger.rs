use secgate_model::{Location, Package, Purl, Scope, Unknown, UnknownKind};
use secgate_source::{Entry, ReadError, Tree};
use serde::{Deserialize, Serialize};

use crate::ownership::may_tell_of_a_package;

/// Reads one file format.
///
/// A cataloger never walks the tree and never opens a path of its own: it is handed the files that it wants, and may ask
/// the tree for a neighbour by its exact path. It reports everything the format tells (line, scope, direct or not, parent)
/// and invents nothing.
pub trait Cataloger: Sync {
    /// A short name for `found_by`, for example `cargo-lock`.
    fn id(&self) -> &'static str;

    /// Whether this file is of the format, by its path alone. `entry.name()` is the last part.
    fn wants(&self, entry: &Entry) -> bool;

    /// Whether a file of this path can hardly be anything else. A name that other programs use too makes no claim. The
    /// file's content decides in the end; this is for what has no content of its own: a symbolic link.
    fn claims(&self, entry: &Entry) -> bool {
        self.wants(entry)
    }

    /// Whether the format records what *is installed* (for example `*.dist-info/METADATA`) rather than what a project
    /// asks for. Only such files count inside folders of installed packages (`node_modules`, `site-packages`, …), where
    /// the lockfiles of other people's projects lie about.
    fn installed(&self) -> bool {
        false
    }

    /// Reads the file into `catalog`. An error means that the file as a whole cannot be trusted: what was pushed before
    /// it is kept, and the gap is recorded.
    fn catalog(
        &self,
        entry: &Entry,
        tree: &Tree,
        catalog: &mut Catalog,
    ) -> Result<(), CatalogError>;
}

/// Why a file cannot be read as its format.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// It is not well-formed, or says something that the format does not allow.
    #[error("{message}")]
    Malformed {
        /// Line from 1, where known.
        line: Option<u32>,
        /// What is wrong, one sentence without a full stop.
        message: String,
    },
    /// It could not be read at all.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl CatalogError {
    /// A fault at `line`, from 1.
    pub fn at(line: u32, message: impl Into<String>) -> Self {
        Self::Malformed { line: Some(line), message: message.into() }
    }

    /// A fault of the file as a whole.
    pub fn whole(message: impl Into<String>) -> Self {
        Self::Malformed { line: None, message: message.into() }
    }
}

/// Gaps of one file that are listed: of a file made of gaps nobody reads more.
const MAX_UNKNOWNS: usize = 10_000;
/// Bytes of a path, as Linux bounds it.
const MAX_PATH: usize = 4096;
/// Bytes of the paths that one database may tell, several times above the largest systems. Beyond it files have no owner, and
/// what is in them is judged as upstream's.
const MAX_OWNED: usize = 256 << 20;

/// What one cataloger found in one file.
#[derive(Debug)]
pub struct Catalog {
    path: String,
    cataloger: &'static str,
    /// The packages, in the order of the file.
    pub packages: Vec<Package>,
    /// What was seen and could not be counted.
    pub unknowns: Vec<Unknown>,
    pub(crate) unpinned: Vec<Unpinned>,
    /// Files that packages of an operating system brought.
    pub(crate) owned: Vec<Owned>,
    owned_bytes: usize,
    passed_over: bool,
    is_target: bool,
    told_files: Option<Vec<String>>,
    told_distribution: Option<String>,
    subject: Option<String>,
}

/// A file that a package of an operating system brought.
#[derive(Debug)]
pub(crate) struct Owned {
    /// The package's place in the catalog.
    pub(crate) index: usize,
    /// Where the package put it, below the root.
    pub(crate) path: String,
    /// Its checksum as `algorithm:hex`, or empty.
    pub(crate) digest: String,
}

/// A request that a lockfile may answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Unpinned {
    pub(crate) purl: Option<Purl>,
    pub(crate) unknown: Unknown,
}

impl Catalog {
    /// An empty catalog of the file at `path`.
    pub fn new(path: &str, cataloger: &'static str) -> Self {
        Self {
            path: path.to_owned(),
            cataloger,
            packages: Vec::new(),
            unknowns: Vec::new(),
            unpinned: Vec::new(),
            owned: Vec::new(),
            owned_bytes: 0,
            passed_over: false,
            is_target: false,
            told_files: None,
            told_distribution: None,
            subject: None,
        }
    }

    /// The same catalog of a file that is itself what is looked at: an SBOM that the user named.
    #[must_use]
    pub(crate) fn of_target(mut self) -> Self {
        self.is_target = true;
        self
    }

    /// Whether the places that the file tells are places in what is looked at.
    pub(crate) fn is_target(&self) -> bool {
        self.is_target
    }

    /// The file tells which files its maker read.
    pub(crate) fn tell_files(&mut self, files: Vec<String>) {
        self.told_files.get_or_insert_default().extend(files);
    }

    /// The file tells which distribution its target is made from.
    pub(crate) fn tell_distribution(&mut self, label: String) {
        self.told_distribution.get_or_insert(label);
    }

    /// The distribution that the file tells, where it is the target.
    pub(crate) fn take_told_distribution(&mut self) -> Option<String> {
        self.told_distribution.take().filter(|_| self.is_target)
    }

    /// The files that the file tells of, where it is the target and tells them.
    pub(crate) fn take_told_files(&mut self) -> Option<Vec<String>> {
        self.told_files.take().filter(|_| self.is_target)
    }

    /// The file being read, relative to the tree's root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Adds a package of purl type `kind` at `line` (from 1; 0 when the format has no lines) and returns it for the rest of
    /// what is known. `None`, with an [`Unknown`] recorded, when name and version make no purl or the version is empty.
    pub fn package(
        &mut self,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        version: &str,
        line: u32,
    ) -> Option<&mut Package> {
        if version.is_empty() {
            self.unpinned(kind, namespace, name, line, "");
            return None;
        }
        match Purl::new(kind, namespace, name, Some(version)) {
            Ok(purl) => self.purl(purl, line),
            Err(error) => {
                self.unreadable(line, error.to_string());
                None
            }
        }
    }

    /// Adds a package whose purl is ready; it must have a version.
    pub fn purl(&mut self, purl: Purl, line: u32) -> Option<&mut Package> {
        if purl.version().is_none() {
            self.unpinned(purl.kind(), purl.namespace(), purl.name(), line, "");
            return None;
        }
        let location = self.location(line);
        self.packages.push(Package::new(purl, self.cataloger, location));
        self.packages.last_mut()
    }

    /// Records a dependency of purl type `kind` without a version that could be judged: `asked` is what the file says
    /// instead, or empty. It counts as a gap unless a lockfile beside or above the file names the package.
    pub fn unpinned(
        &mut self,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        line: u32,
        asked: &str,
    ) {
        let full = namespace.map_or_else(|| name.to_owned(), |space| format!("{space}/{name}"));
        let shown: String = full.chars().take(120).collect();
        let asked: String = asked.chars().take(60).collect();
        let asked = if asked.is_empty() { String::new() } else { format!(" ({asked})") };
        self.unpinned.push(Unpinned {
            purl: Purl::new(kind, namespace, name, None).ok(),
            unknown: Unknown {
                location: self.location(line),
                kind: UnknownKind::Unpinned,
                reason: format!("{shown}{asked} has no exact version: pin it or commit a lockfile"),
            },
        });
    }

    /// Says that the file turned out not to be of the format, or to say nothing of what a target is made of: it does not
    /// count as looked at.
    pub fn passed_over(&mut self) {
        self.passed_over = true;
    }

    pub(crate) fn is_passed_over(&self) -> bool {
        self.passed_over
    }

    /// Records a part of the file that cannot be read as its format.
    pub fn unreadable(&mut self, line: u32, reason: impl Into<String>) {
        self.unknown(line, UnknownKind::Unreadable, reason.into());
    }

    /// Records any gap.
    pub fn unknown(&mut self, line: u32, kind: UnknownKind, reason: String) {
        let location = self.location(line);
        match self.unknowns.len() {
            0..MAX_UNKNOWNS => self.unknowns.push(Unknown { location, kind, reason }),
            MAX_UNKNOWNS => self.unknowns.push(Unknown {
                location,
                kind: UnknownKind::Limit,
                reason: format!("more than {MAX_UNKNOWNS} gaps in one file: no more are listed"),
            }),
            _ => {}
        }
    }

    /// Says that the package at `index` brought the file `name` in `folder` (empty at the root), if the file may be one that
    /// tells of a package of a language. `digest` is its checksum, or empty where it is not told. Of a database that repeats long paths without end only the first part counts.
    pub(crate) fn owns(&mut self, index: usize, folder: &str, name: &str, digest: String) {
        let length = folder.len() + name.len();
        // Looking at a path costs as much as some bytes of it.
        self.owned_bytes += length + 64;
        if length > MAX_PATH || self.owned_bytes > MAX_OWNED {
            return;
        }
        let folder = folder.trim_end_matches('/');
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if may_tell_of_a_package(&path) {
            self.owned.push(Owned { index, path, digest });
        }
    }

    /// Fills in parents: for each `(child index, parent purl)` the parent is added to the child. Indexes are those of
    /// [`Catalog::packages`].
    pub fn link(&mut self, edges: impl IntoIterator<Item = (usize, Purl)>) {
        for (child, parent) in edges {
            if let Some(package) = self.packages.get_mut(child) {
                package.parents.push(parent);
            }
        }
    }

    /// Gives every package without a scope this one.
    pub fn default_scope(&mut self, scope: Scope) {
        for package in self.packages.iter_mut().filter(|package| package.scope == Scope::Unknown) {
            package.scope = scope;
        }
    }

    /// What an SBOM is about.
    pub(crate) fn tell_subject(&mut self, name: &str) {
        if !name.trim().is_empty() {
            self.subject.get_or_insert_with(|| name.chars().take(1024).collect());
        }
    }

    /// What the SBOM is about, where it says so.
    pub(crate) fn take_subject(&mut self) -> Option<String> {
        self.subject.take()
    }

    fn location(&self, line: u32) -> Location {
        Location { line: (line > 0).then_some(line), ..Location::file(self.path.clone()) }
    }
}
