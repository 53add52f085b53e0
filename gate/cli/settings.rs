use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use secgate_advisory::{CratesIndex, Database, DatabaseError};
use secgate_policy::{Diagnostics, Policy, Waivers, load_policy, load_waivers};

use crate::{
    args::Common,
    cmd::db::unusable,
    config::{Config, Placed},
    environment,
    exit::Failure,
};

/// Policies, waivers and VEX documents above this are refused.
const MAX_INPUT: u64 = 16 << 20;
/// Reports that are read.
pub(crate) const MAX_REPORT: u64 = 256 << 20;

/// How files are read: from the disk, or from a commit.
pub(crate) type Reader<'a> = dyn Fn(&Path, u64) -> io::Result<Vec<u8>> + 'a;

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

/// Reads the policy that the options name, by path or `builtin:` name, or that of the configuration.
pub(crate) fn policy(
    given: Option<&str>,
    config: &Config,
    reader: &Reader<'_>,
) -> Result<Policy, Failure> {
    let name = given.map_or_else(|| config.policy(), str::to_owned);
    if let (None, Some(placed), false) = (given, &config.policy, name.starts_with("builtin:"))
        && let Err(error) = reader(Path::new(&name), MAX_INPUT)
    {
        let message = format!("policy: {name} cannot be read: {error}");
        return Err(fault(config, placed, message));
    }
    load_policy(Path::new(&name), &|path| reader(path, MAX_INPUT))
        .map_err(|diagnostics| faults(&diagnostics))
}

fn fault(config: &Config, placed: &Placed, message: String) -> Failure {
    let hint = "name a file that is there, relative to the configuration's folder";
    faults(&Diagnostics(vec![config.fault(placed.referenced, message, hint)]))
}

/// Reads the waiver files and VEX documents that the options name, or those of the configuration.
pub(crate) fn waivers(
    given: (&[PathBuf], &[PathBuf]),
    config: &Config,
    reader: &Reader<'_>,
) -> Result<Waivers, Failure> {
    let mut files: Vec<(PathBuf, Option<&Placed>)> = Vec::new();
    let lists =
        [((given.0, config.waivers()), &config.waivers), ((given.1, config.vex()), &config.vex)];
    for ((given, configured), placed) in lists {
        if given.is_empty() {
            files.extend(configured.into_iter().zip(placed.iter().map(Some)));
        } else {
            files.extend(given.iter().map(|path| (path.clone(), None)));
        }
    }
    let mut texts = Vec::with_capacity(files.len());
    for (path, placed) in &files {
        let bytes = reader(path, MAX_INPUT).map_err(|error| {
            let message = format!("{}: {error}", path.display());
            match placed {
                Some(placed) => fault(config, placed, message),
                None => Failure::usage(message),
            }
        })?;
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
        Self::of(Config::find(common.config.as_deref(), start)?, common, &read)
    }

    /// What the options and this configuration come to, policy and waivers read by `reader`.
    pub(crate) fn of(
        config: Config,
        common: &Common,
        reader: &Reader<'_>,
    ) -> Result<Self, Failure> {
        let policy = policy(common.policy.as_deref(), &config, reader)?;
        Ok(Self {
            waivers: waivers((&common.waivers, &common.vex), &config, reader)?,
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
