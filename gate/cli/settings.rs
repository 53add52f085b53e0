use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use secgate_advisory::{CratesIndex, Database, DatabaseError};
use secgate_policy::{Diagnostics, Policy, Waivers, load_policy, load_waivers};

use crate::{args::Common, cmd::db::unusable, config::Config, environment, exit::Failure};

/// Policies, waivers and VEX documents above this are refused.
const MAX_INPUT: u64 = 16 << 20;
/// Reports that are read.
pub(crate) const MAX_REPORT: u64 = 256 << 20;

/// A whole file, bounded.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// The faults of policy and waiver files, one a line.
pub(crate) fn faults(diagnostics: &Diagnostics) -> Failure {
    let lines: Vec<String> = diagnostics.0.iter().map(ToString::to_string).collect();
    Failure::usage(lines.join("\n"))
}

/// Reads a policy by path or `builtin:` name.
pub(crate) fn policy(name: &str) -> Result<Policy, Failure> {
    load_policy(Path::new(name), &|path| read(path, MAX_INPUT))
        .map_err(|diagnostics| faults(&diagnostics))
}

/// Reads waiver files and VEX documents.
pub(crate) fn waivers(files: &[PathBuf]) -> Result<Waivers, Failure> {
    let mut texts = Vec::with_capacity(files.len());
    for path in files {
        let bytes = read(path, MAX_INPUT)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        texts.push((path.display().to_string(), bytes));
    }
    load_waivers(&texts).map_err(|diagnostics| faults(&diagnostics))
}

/// What the options and the configuration come to.
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) policy: Policy,
    pub(crate) waivers: Waivers,
    pub(crate) now: Timestamp,
    /// Where yanked crates are told by.
    pub(crate) crates_index: Option<CratesIndex>,
}

impl Settings {
    /// Reads everything that a verdict needs besides the target. `start` is where the search for `secgate.yaml` begins.
    pub(crate) fn read(common: &Common, start: Option<&Path>) -> Result<Self, Failure> {
        let config = Config::find(common.config.as_deref(), start)?;
        let policy = policy(&common.policy.clone().unwrap_or_else(|| config.policy()))?;
        let mut files =
            if common.waivers.is_empty() { config.waivers() } else { common.waivers.clone() };
        files.extend(if common.vex.is_empty() { config.vex() } else { common.vex.clone() });
        Ok(Self {
            waivers: waivers(&files)?,
            policy,
            now: common.at.unwrap_or_else(environment::now),
            crates_index: config.crates_index(common.crates_index.as_deref())?,
            config,
        })
    }

    /// The advisory database. Where nobody named one and there is none yet, the starter set stands in; whether a policy
    /// passes on it is the policy's to say.
    pub(crate) fn database(&self, common: &Common) -> Result<Database, Failure> {
        let path = self.config.database(common.db.as_deref())?;
        match Database::open(&path) {
            Ok(database) => Ok(database),
            Err(DatabaseError::Missing { .. })
                if !self.config.names_database(common.db.as_deref()) =>
            {
                if !common.talk.quiet {
                    anstream::eprintln!(
                        "note: no advisory database yet, so starter data is used; run `secgate db update`"
                    );
                }
                secgate_advisory::starter().map_err(|error| unusable(&error, &path))
            }
            Err(error) => Err(unusable(&error, &path)),
        }
    }
}
