//! Opens a target and runs scanners over it.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use secgate_advisory::{Audit, AuditOptions, Database};
use secgate_inventory::{CatalogError, take_inventory, take_sbom};
use secgate_model::{Inventory, Location, Target, TargetKind, Unknown, UnknownKind};
use secgate_scan::{Job, Ran, Scanner, run_scanners};
use secgate_source::{Limits, Tree, head_revision, open_directory, open_revision, repository_top};

use crate::{config::Config, exit::Failure, settings::Settings};

/// The scanners that this version has.
pub(crate) const SCANNERS: [&str; 1] = ["audit"];

/// A target that has been looked at.
pub(crate) struct Looked {
    pub(crate) target: Target,
    pub(crate) inventory: Inventory,
    pub(crate) ran: Ran,
    /// The target's folder inside its repository.
    pub(crate) base_path: Option<String>,
}

/// Looks at a folder, a lockfile or an SBOM.
pub(crate) fn look(
    path: &Path,
    settings: &Settings,
    database: &Database,
    scanners: &[&str],
) -> Result<Looked, Failure> {
    let (tree, inventory) = take(path, &settings.config)?;
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = absolute
        .file_name()
        .map_or_else(|| absolute.display().to_string(), |name| name.to_string_lossy().into_owned());
    let target =
        Target { kind: TargetKind::Path, name, digest: None, revision: head_revision(path) };
    let folder = if absolute.is_dir() {
        absolute.as_path()
    } else {
        absolute.parent().unwrap_or(Path::new("/"))
    };
    let base_path = repository_top(folder).and_then(|top| {
        let below = folder.strip_prefix(&top).ok()?.to_str()?.to_owned();
        (!below.is_empty()).then_some(below)
    });
    let ran = scan(&target, tree.as_ref(), &inventory, settings, database, scanners);
    Ok(Looked { target, inventory, ran, base_path })
}

/// Looks at a committed tree: `folder` of `revision` in the repository at `top`.
pub(crate) fn look_at_revision(
    top: &Path,
    revision: &str,
    folder: &str,
    settings: &Settings,
    database: &Database,
    scanners: &[&str],
) -> Result<Looked, Failure> {
    let exclude = excluded(&settings.config)?;
    let mut tree =
        open_revision(top, revision, folder, Limits::default()).map_err(Failure::evidence)?;
    tree.retain(&|path| !exclude.is_match(path));
    let inventory = take_inventory(&tree);
    let name = top
        .file_name()
        .map_or_else(|| top.display().to_string(), |name| name.to_string_lossy().into_owned());
    let target =
        Target { kind: TargetKind::Path, name, digest: None, revision: Some(revision.to_owned()) };
    let ran = scan(&target, Some(&tree), &inventory, settings, database, scanners);
    let base_path = (!folder.is_empty()).then(|| folder.to_owned());
    Ok(Looked { target, inventory, ran, base_path })
}

fn scan(
    target: &Target,
    tree: Option<&Tree>,
    inventory: &Inventory,
    settings: &Settings,
    database: &Database,
    scanners: &[&str],
) -> Ran {
    let options = AuditOptions {
        accept_unpinned: settings.config.audit.accept_unpinned,
        accept_missing: settings.config.audit.accept_missing.clone(),
    };
    let audit = Audit { database, options };
    let mut wanted: Vec<&dyn Scanner> = Vec::new();
    if scanners.contains(&"audit") {
        wanted.push(&audit);
    }
    let job = Job { target, tree, inventory: Some(inventory), now: settings.now };
    run_scanners(&wanted, &job)
}

fn take(path: &Path, config: &Config) -> Result<(Option<Tree>, Inventory), Failure> {
    let exclude = excluded(config)?;
    let limits = Limits::default();
    let is_file = std::fs::metadata(path).map_err(|error| missing(path, &error))?.is_file();
    // What the configuration leaves out is named relative to its folder, and the target may lie below it.
    let prefix = below(config, path);
    let skip = |relative: &str| {
        let full =
            if prefix.is_empty() { relative.to_owned() } else { format!("{prefix}/{relative}") };
        exclude.is_match(&full)
    };
    if is_file {
        return take_file(path, limits);
    }
    let tree = open_directory(path, limits, &skip).map_err(|error| missing(path, &error))?;
    let inventory = take_inventory(&tree);
    Ok((Some(tree), inventory))
}

/// SBOMs of large images are many times larger than any lockfile, and are read in a stream.
const MAX_SBOM: u64 = 512 << 20;

/// A file that the user named may be an SBOM whatever it is called; otherwise its name says what it is.
fn take_file(path: &Path, limits: Limits) -> Result<(Option<Tree>, Inventory), Failure> {
    let open =
        |limits| open_directory(path, limits, &|_| false).map_err(|error| missing(path, &error));
    let large = open(Limits { file_bytes: MAX_SBOM, ..limits })?;
    if let [entry] = large.entries()
        && let Ok(bytes) = large.read(entry)
        && let Some(read) = take_sbom(&entry.path, &bytes)
    {
        let inventory = read.unwrap_or_else(|error| {
            let (line, reason) = match error {
                CatalogError::Malformed { line, message } => (line, message),
                CatalogError::Read(error) => (None, error.to_string()),
            };
            Inventory {
                unknowns: vec![Unknown {
                    location: Location { line, ..Location::file(entry.path.clone()) },
                    kind: UnknownKind::Unreadable,
                    reason: format!("not a readable SBOM: {reason}"),
                }],
                files: vec![entry.path.clone()],
                ..Inventory::default()
            }
        });
        return Ok((Some(large), inventory));
    }
    let tree = open(limits)?;
    let inventory = take_inventory(&tree);
    if inventory.files.is_empty() {
        return Err(Failure::evidence(format!(
            "{} is no file that secgate reads dependencies from",
            path.display()
        ))
        .hint("name a folder, a lockfile by its usual name, or a CycloneDX or SPDX document"));
    }
    Ok((Some(tree), inventory))
}

fn missing(path: &Path, error: &std::io::Error) -> Failure {
    Failure::evidence(format!("{} cannot be read: {error}", path.display()))
}

/// `path` relative to the configuration's folder; empty when it is that folder or lies elsewhere.
fn below(config: &Config, path: &Path) -> String {
    let real = |path: &Path| -> Option<PathBuf> { path.canonicalize().ok() };
    config
        .folder()
        .and_then(real)
        .zip(real(path))
        .and_then(|(folder, path)| Some(path.strip_prefix(folder).ok()?.to_str()?.to_owned()))
        .unwrap_or_default()
}

fn excluded(config: &Config) -> Result<GlobSet, Failure> {
    let mut set = GlobSetBuilder::new();
    for pattern in &config.exclude {
        let glob = |pattern: &str| {
            Glob::new(pattern)
                .map_err(|error| Failure::usage(format!("secgate.yaml: exclude: {error}")))
        };
        let bare = pattern.trim_end_matches('/');
        set.add(glob(bare)?);
        set.add(glob(&format!("{bare}/**"))?);
    }
    set.build().map_err(Failure::usage)
}
