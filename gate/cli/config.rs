use std::path::{Path, PathBuf};

use secgate_advisory::CratesIndex;
use secgate_policy::{Diagnostic, Diagnostics};
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use crate::{
    config_faults, environment,
    exit::Failure,
    settings::{self, Reader},
};

/// A text of the file, with its place.
pub(crate) type Placed = Spanned<String>;

/// `secgate.yaml`, its paths still relative to its folder.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    #[serde(rename = "apiVersion")]
    pub(crate) api_version: Option<Placed>,
    pub(crate) kind: Option<Placed>,
    /// Policy file, or `builtin:…`.
    pub(crate) policy: Option<Placed>,
    pub(crate) waivers: Vec<Placed>,
    pub(crate) vex: Vec<Placed>,
    /// The folder that is scanned.
    pub(crate) path: Option<Placed>,
    /// The image that image stages judge, as for `secgate image`.
    pub(crate) image: Option<Placed>,
    /// Globs of paths that are left out.
    pub(crate) exclude: Vec<Placed>,
    /// The stages that `run` runs when none is named.
    pub(crate) stages: Vec<Placed>,
    pub(crate) reports: Reports,
    pub(crate) advisories: Advisories,
    pub(crate) audit: AuditConfig,
    /// The file itself; not part of it.
    #[serde(skip)]
    file: Option<PathBuf>,
}

/// Which reports `run` writes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Reports {
    pub(crate) folder: Option<Placed>,
    pub(crate) formats: Vec<Placed>,
    /// SBOM formats that are written beside them.
    pub(crate) sboms: Vec<Placed>,
}

/// Where advisories come from.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Advisories {
    pub(crate) database: Option<Placed>,
    pub(crate) mirror: Option<Placed>,
    pub(crate) kev: Option<Placed>,
    pub(crate) epss: Option<Placed>,
    pub(crate) amazon: Vec<Placed>,
    pub(crate) ecosystems: Vec<Placed>,
}

/// What the audit accepts as complete.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditConfig {
    pub(crate) accept_unpinned: bool,
    pub(crate) accept_missing: Vec<Placed>,
    /// A copy of the crates.io index, or `cargo`: the one that Cargo keeps.
    pub(crate) crates_index: Option<Placed>,
}

pub(crate) const NAME: &str = "secgate.yaml";
const MAX: u64 = 1 << 20;

impl Config {
    /// The configuration that the user named, or the nearest `secgate.yaml` at or above `start` (the working folder when
    /// `None`); the empty configuration where there is none.
    pub(crate) fn find(named: Option<&Path>, start: Option<&Path>) -> Result<Self, Failure> {
        if let Some(path) = named {
            return Self::read(path, &settings::read);
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
        found.map_or_else(|| Ok(Self::default()), |path| Self::read(&path, &settings::read))
    }

    /// Reads the file `path` by `read`. Every fault of it is named with its place.
    pub(crate) fn read(path: &Path, read: &Reader<'_>) -> Result<Self, Failure> {
        let bytes = read(path, MAX)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => text,
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = before.split(|byte| *byte == b'\n').count();
                let column = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
                let column = String::from_utf8_lossy(column).chars().count() + 1;
                return Err(Failure::usage(format!(
                    "{}:{line}:{column}: not UTF-8 text",
                    path.display()
                ))
                .hint("save the file as UTF-8"));
            }
        };
        let mut config: Self = serde_saphyr::from_str(text).map_err(|error| {
            let (line, column) =
                error.location().map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
            Failure::usage(format!(
                "{}:{line}:{column}: {}",
                path.display(),
                config_faults::brief(&error.to_string())
            ))
            .hint("`secgate init` writes a configuration that explains each key")
        })?;
        config.file = Some(path.to_owned());
        let found = config_faults::faults(&config);
        if found.is_empty() { Ok(config) } else { Err(settings::faults(&Diagnostics(found))) }
    }

    /// A fault at a place of the file.
    pub(crate) fn fault(&self, at: Location, message: String, hint: &str) -> Diagnostic {
        let number = |figure: u64| u32::try_from(figure).unwrap_or(u32::MAX).max(1);
        Diagnostic {
            file: self.shown(),
            line: number(at.line()),
            column: number(at.column()),
            message,
            hint: Some(hint.to_owned()),
        }
    }

    fn folder_of(path: &Path) -> &Path {
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder().map_or_else(|| PathBuf::from(path), |folder| folder.join(path))
    }

    /// Whether there is a file at all.
    pub(crate) fn is_there(&self) -> bool {
        self.file.is_some()
    }

    /// The file.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The folder that the file stands in.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.file.as_deref().map(Self::folder_of)
    }

    /// The file's path, for messages.
    pub(crate) fn shown(&self) -> String {
        self.file.as_ref().map_or_else(|| NAME.to_owned(), |file| file.display().to_string())
    }

    /// The folder that is scanned when nobody names one.
    pub(crate) fn target(&self) -> PathBuf {
        match &self.path {
            Some(path) => self.at(&path.value),
            None => self.folder().unwrap_or(Path::new(".")).to_owned(),
        }
    }

    /// The image that image stages judge. Like every path of the file, that of a local image is relative to the file's folder.
    pub(crate) fn image(&self) -> Option<String> {
        let text = &self.image.as_ref()?.value;
        let local = ["oci:", "oci-archive:", "docker-archive:"];
        Some(match local.iter().find_map(|scheme| Some((scheme, text.strip_prefix(scheme)?))) {
            Some((scheme, path)) => format!("{scheme}{}", self.at(path).display()),
            None => text.clone(),
        })
    }

    /// The policy: `builtin:default` where nobody says.
    pub(crate) fn policy(&self) -> String {
        match self.policy.as_ref().map(|policy| &policy.value) {
            Some(name) if name.starts_with("builtin:") => name.clone(),
            Some(path) => self.at(path).display().to_string(),
            None => "builtin:default".to_owned(),
        }
    }

    /// The waiver files.
    pub(crate) fn waivers(&self) -> Vec<PathBuf> {
        self.waivers.iter().map(|path| self.at(&path.value)).collect()
    }

    /// The VEX documents.
    pub(crate) fn vex(&self) -> Vec<PathBuf> {
        self.vex.iter().map(|path| self.at(&path.value)).collect()
    }

    /// The folder that reports go to.
    pub(crate) fn reports_folder(&self) -> PathBuf {
        self.at(self.reports.folder.as_ref().map_or("secgate-reports", |folder| &folder.value))
    }

    /// The advisory database: given, configured, or the user's.
    pub(crate) fn database(&self, given: Option<&Path>) -> Result<PathBuf, Failure> {
        match (given, &self.advisories.database) {
            (Some(path), _) => Ok(path.to_owned()),
            (None, Some(path)) => Ok(self.at(&path.value)),
            (None, None) => environment::database_path(),
        }
    }

    /// The copy of the crates.io index that tells yanked releases, where one is asked for.
    pub(crate) fn crates_index(&self, given: Option<&str>) -> Result<Option<CratesIndex>, Failure> {
        let folder = match (given, self.audit.crates_index.as_ref().map(|path| path.value.as_str()))
        {
            (Some("cargo"), _) | (None, Some("cargo")) => environment::cargo_index()?,
            (Some(path), _) => PathBuf::from(path),
            (None, Some(path)) => self.at(path),
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
