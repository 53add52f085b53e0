use std::{
    io::Read,
    path::{Path, PathBuf},
};

use secgate_advisory::CratesIndex;
use serde::Deserialize;

use crate::{environment, exit::Failure};

/// `secgate.yaml`, its paths still relative to its folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    kind: Option<String>,
    /// Policy file, or `builtin:…`.
    policy: Option<String>,
    waivers: Vec<PathBuf>,
    vex: Vec<PathBuf>,
    /// The folder that is scanned.
    path: Option<PathBuf>,
    /// Globs of paths that are left out.
    pub(crate) exclude: Vec<String>,
    /// The stages that `run` runs when none is named.
    pub(crate) stages: Vec<String>,
    pub(crate) reports: Reports,
    pub(crate) advisories: Advisories,
    pub(crate) audit: AuditConfig,
    /// Where the file stands; not part of it.
    #[serde(skip)]
    folder: Option<PathBuf>,
}

/// Which reports `run` writes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Reports {
    folder: Option<PathBuf>,
    pub(crate) formats: Vec<String>,
}

/// Where advisories come from.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Advisories {
    database: Option<PathBuf>,
    pub(crate) mirror: Option<String>,
    pub(crate) kev: Option<String>,
    pub(crate) epss: Option<String>,
    pub(crate) amazon: Vec<String>,
    pub(crate) ecosystems: Vec<String>,
}

/// What the audit accepts as complete.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditConfig {
    pub(crate) accept_unpinned: bool,
    pub(crate) accept_missing: Vec<String>,
    /// A copy of the crates.io index, or `cargo`: the one that Cargo keeps.
    pub(crate) crates_index: Option<String>,
}

pub(crate) const NAME: &str = "secgate.yaml";
const MAX: u64 = 1 << 20;

impl Config {
    /// The configuration that the user named, or the nearest `secgate.yaml` at or above `start` (the working folder when
    /// `None`); the empty configuration where there is none.
    pub(crate) fn find(named: Option<&Path>, start: Option<&Path>) -> Result<Self, Failure> {
        if let Some(path) = named {
            return Self::read(path);
        }
        let start = start.unwrap_or(Path::new("."));
        let start = start
            .canonicalize()
            .map_err(|error| Failure::evidence(format!("{}: {error}", start.display())))?;
        // One that is there and cannot be read is an error, never "there is none".
        let found = start
            .ancestors()
            .map(|folder| folder.join(NAME))
            .find(|path| path.symlink_metadata().is_ok());
        found.map_or_else(|| Ok(Self::default()), |path| Self::read(&path))
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |message: String| Failure::usage(format!("{}: {message}", path.display()));
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX + 1).read_to_string(&mut text))
            .map_err(|error| failed(error.to_string()))?;
        if text.len() as u64 > MAX {
            return Err(failed("larger than 1 MiB".to_owned()));
        }
        let mut config: Self = serde_saphyr::from_str(&text).map_err(|error| {
            let place = error
                .location()
                .map_or_else(String::new, |at| format!("{}:{}: ", at.line(), at.column()));
            Failure::usage(format!("{}:{place}{}", path.display(), brief(&error.to_string())))
        })?;
        if config.api_version.as_deref() != Some("secgate.dev/v1")
            || config.kind.as_deref() != Some("Config")
        {
            return Err(Failure::usage(format!(
                "{}:1:1: expected `apiVersion: secgate.dev/v1` and `kind: Config`",
                path.display()
            )));
        }
        let folder =
            path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        config.folder = Some(folder.to_owned());
        Ok(config)
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// Whether there is a file at all.
    pub(crate) fn is_there(&self) -> bool {
        self.folder.is_some()
    }

    /// The folder that the file stands in.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The file's path, for messages.
    pub(crate) fn shown(&self) -> String {
        self.folder
            .as_ref()
            .map_or_else(|| NAME.to_owned(), |folder| folder.join(NAME).display().to_string())
    }

    /// The folder that is scanned when nobody names one.
    pub(crate) fn target(&self) -> PathBuf {
        self.path
            .as_ref()
            .map_or_else(|| self.folder.clone().unwrap_or_else(|| ".".into()), |path| self.at(path))
    }

    /// The policy: `builtin:default` where nobody says.
    pub(crate) fn policy(&self) -> String {
        match &self.policy {
            Some(name) if name.starts_with("builtin:") => name.clone(),
            Some(path) => self.at(Path::new(path)).display().to_string(),
            None => "builtin:default".to_owned(),
        }
    }

    /// The waiver files.
    pub(crate) fn waivers(&self) -> Vec<PathBuf> {
        self.waivers.iter().map(|path| self.at(path)).collect()
    }

    /// The VEX documents.
    pub(crate) fn vex(&self) -> Vec<PathBuf> {
        self.vex.iter().map(|path| self.at(path)).collect()
    }

    /// The folder that reports go to.
    pub(crate) fn reports_folder(&self) -> PathBuf {
        self.at(self.reports.folder.as_deref().unwrap_or(Path::new("secgate-reports")))
    }

    /// The advisory database: given, configured, or the user's.
    pub(crate) fn database(&self, given: Option<&Path>) -> Result<PathBuf, Failure> {
        match (given, &self.advisories.database) {
            (Some(path), _) => Ok(path.to_owned()),
            (None, Some(path)) => Ok(self.at(path)),
            (None, None) => environment::database_path(),
        }
    }

    /// The copy of the crates.io index that tells yanked releases, where one is asked for.
    pub(crate) fn crates_index(&self, given: Option<&str>) -> Result<Option<CratesIndex>, Failure> {
        let folder = match (given, self.audit.crates_index.as_deref()) {
            (Some("cargo"), _) | (None, Some("cargo")) => environment::cargo_index()?,
            (Some(path), _) => PathBuf::from(path),
            (None, Some(path)) => self.at(Path::new(path)),
            (None, None) => return Ok(None),
        };
        if !folder.is_dir() {
            return Err(Failure::evidence(format!(
                "there is no crates.io index in {}",
                folder.display()
            ))
            .hint("name a checkout of the index, or `cargo` for the one that Cargo keeps"));
        }
        Ok(Some(CratesIndex::new(folder)))
    }

    /// Whether somebody named the database, so that its absence is an error and not a first run.
    pub(crate) fn names_database(&self, given: Option<&Path>) -> bool {
        given.is_some()
            || self.advisories.database.is_some()
            || environment::variable("SECGATE_DB").is_some()
    }
}

/// The parser's message without the place, which is said already, and without advice to programmers.
fn brief(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let rest = first
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "))
        .map_or(first, |(_, rest)| rest);
    if rest.contains("duplicate mapping key") {
        return "the key is given twice".to_owned();
    }
    rest.replace("sequence start", "a list")
        .replace("mapping start", "a mapping")
        .replace("string scalar", "a text")
}
