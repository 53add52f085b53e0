//! Opens a target and runs scanners over it.

use std::path::Path;

use secgate_advisory::{Audit, AuditOptions, Database};
use secgate_inventory::{CatalogError, take_inventory, take_sbom};
use secgate_license::Licenses;
use secgate_model::{Inventory, Location, Target, TargetKind, Unknown, UnknownKind};
use secgate_scan::{Job, Ran, Scanner, run_scanners};
use secgate_source::{Limits, Tree, head_revision, open_directory, open_revision, repository_top};

use crate::{config::Config, exclude::Exclude, exit::Failure, settings::Settings};

/// The scanners that this version has.
pub(crate) const SCANNERS: [&str; 2] = ["audit", "licenses"];

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
    let (tree, inventory, left_out) = take(path, &settings.config)?;
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let target = path_target(path);
    let folder = if absolute.is_dir() {
        absolute.as_path()
    } else {
        absolute.parent().unwrap_or(Path::new("/"))
    };
    let base_path = repository_top(folder).and_then(|top| {
        let below = folder.strip_prefix(&top).ok()?.to_str()?.to_owned();
        (!below.is_empty()).then_some(below)
    });
    let mut ran = scan(&target, tree.as_ref(), &inventory, settings, database, scanners);
    tell_left_out(&mut ran, left_out, &settings.config);
    Ok(Looked { target, inventory, ran, base_path })
}

fn path_target(path: &Path) -> Target {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = absolute
        .file_name()
        .map_or_else(|| absolute.display().to_string(), |name| name.to_string_lossy().into_owned());
    Target { kind: TargetKind::Path, name, digest: None, revision: head_revision(path) }
}

/// What was left out on purpose is part of the evidence.
fn tell_left_out(ran: &mut Ran, left_out: usize, config: &Config) {
    if left_out > 0 {
        let paths = if left_out == 1 { "1 path".to_owned() } else { format!("{left_out} paths") };
        for outcome in &mut ran.outcomes {
            outcome.detail =
                format!("{}; {paths} left out by `exclude` in {}", outcome.detail, config.shown());
        }
    }
}

/// Looks at a committed tree: `folder` of `revision` in the repository at `top`, or one file of it.
pub(crate) fn look_at_revision(
    top: &Path,
    revision: &str,
    folder: &str,
    only: Option<&str>,
    settings: &Settings,
    database: &Database,
    scanners: &[&str],
) -> Result<Looked, Failure> {
    let root = top.canonicalize()?.join(folder);
    let exclude = Exclude::new(&settings.config, &root)?;
    let mut tree =
        open_revision(top, revision, folder, Limits::default()).map_err(Failure::evidence)?;
    // A file that the user named is all that is looked at, then as now.
    tree.retain(&|path| only.map_or_else(|| !exclude.matches(path), |only| path == only));
    let inventory = take_inventory(&tree);
    let name = top
        .file_name()
        .map_or_else(|| top.display().to_string(), |name| name.to_string_lossy().into_owned());
    let target =
        Target { kind: TargetKind::Path, name, digest: None, revision: Some(revision.to_owned()) };
    let mut ran = scan(&target, Some(&tree), &inventory, settings, database, scanners);
    tell_left_out(&mut ran, exclude.left_out(), &settings.config);
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
    let audit = audit_of(settings, database);
    let mut wanted: Vec<&dyn Scanner> = Vec::new();
    if scanners.contains(&"audit") {
        wanted.push(&audit);
    }
    // Only where a policy asks: a finding a package would flood every other report.
    if scanners.contains(&"licenses") {
        wanted.push(&Licenses);
    }
    let job = Job { target, tree, inventory: Some(inventory), now: settings.now };
    run_scanners(&wanted, &job)
}

/// The audit as the configuration has it.
pub(crate) fn audit_of<'d>(settings: &Settings, database: &'d Database) -> Audit<'d> {
    let options = AuditOptions {
        accept_unpinned: settings.config.audit.accept_unpinned,
        accept_missing: settings
            .config
            .audit
            .accept_missing
            .iter()
            .map(|name| name.value.clone())
            .collect(),
        crates_index: settings.crates_index.clone(),
    };
    Audit { database, options }
}

/// What a path is made of, for a document about it.
pub(crate) fn inventory(path: &Path, config: &Config) -> Result<(Target, Inventory), Failure> {
    let (_, inventory, _) = take(path, config)?;
    Ok((path_target(path), inventory))
}

fn take(path: &Path, config: &Config) -> Result<(Option<Tree>, Inventory, usize), Failure> {
    let limits = Limits::default();
    if std::fs::metadata(path).map_err(|error| missing(path, &error))?.is_file() {
        let (tree, inventory) = take_file(path, limits)?;
        return Ok((tree, inventory, 0));
    }
    let exclude = Exclude::new(config, &path.canonicalize()?)?;
    let tree = open_directory(path, limits, &|relative| exclude.matches(relative))
        .map_err(|error| missing(path, &error))?;
    let inventory = take_inventory(&tree);
    Ok((Some(tree), inventory, exclude.left_out()))
}

/// SBOMs of large images are many times larger than any lockfile, and are read in a stream.
const MAX_SBOM: u64 = 512 << 20;

/// A file that the user named may be an SBOM whatever it is called; otherwise its name says what it is.
fn take_file(path: &Path, limits: Limits) -> Result<(Option<Tree>, Inventory), Failure> {
    let open =
        |limits| open_directory(path, limits, &|_| false).map_err(|error| missing(path, &error));
    let large = open(Limits { file_bytes: MAX_SBOM, ..limits })?;
    let mut tree = None;
    if let [entry] = large.entries()
        && let Ok(bytes) = large.read(entry)
    {
        if let Some(read) = take_sbom(&entry.path, &bytes) {
            let inventory = read.unwrap_or_else(|error| unreadable_sbom(&entry.path, error));
            let inventory = with_something(inventory, &entry.path);
            return Ok((Some(large), inventory));
        }
        // What is too large is told by who opens the file within the limits.
        if bytes.len() as u64 <= limits.file_bytes {
            tree = Some(Tree::in_memory([(entry.path.clone(), bytes)], limits));
        }
    }
    let tree = match tree {
        Some(tree) => tree,
        None => open(limits)?,
    };
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

fn unreadable_sbom(path: &str, error: CatalogError) -> Inventory {
    let (line, reason) = match error {
        CatalogError::Malformed { line, message } => (line, message),
        CatalogError::Read(error) => (None, error.to_string()),
    };
    Inventory {
        unknowns: vec![Unknown {
            location: Location { line, ..Location::file(path.to_owned()) },
            kind: UnknownKind::Unreadable,
            reason: format!("not a readable SBOM: {reason}"),
        }],
        files: vec![path.to_owned()],
        ..Inventory::default()
    }
}

/// An SBOM that names nothing is what a generator leaves that found nothing to look at.
fn with_something(mut inventory: Inventory, path: &str) -> Inventory {
    if inventory.packages.is_empty() && inventory.unknowns.is_empty() {
        inventory.unknowns.push(Unknown {
            location: Location::file(path.to_owned()),
            kind: UnknownKind::Unreadable,
            reason: "the SBOM names no package: make it again, from something that has packages"
                .to_owned(),
        });
    }
    inventory
}

fn missing(path: &Path, error: &std::io::Error) -> Failure {
    Failure::evidence(format!("{} cannot be read: {error}", path.display()))
}
