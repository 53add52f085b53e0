//! What a commit holds besides its code: configuration, policy, waivers. What is pushed is judged by what is pushed, so
//! that a waiver that nobody committed lets nothing through.

use std::{
    io,
    path::{Path, PathBuf},
};

use secgate_policy::tidy_path;
use secgate_source::{Limits, Tree, open_revision};

use crate::{
    args::Common,
    config::{Config, NAME},
    exit::Failure,
    settings::{self, Settings},
};

/// A commit of the repository whose work tree is `top`.
pub(crate) struct Committed {
    top: PathBuf,
    commit: String,
    tree: Tree,
}

/// Whose configuration a push is judged by.
pub(crate) enum Ruling {
    /// That of the pushed commit, or one that lies outside the repository.
    Own(Settings),
    /// That of the remote: the push takes the configuration away.
    Remote(Settings),
}

impl Committed {
    /// Opens a commit; `top` is absolute and without links.
    pub(crate) fn open(top: &Path, commit: &str) -> Result<Self, Failure> {
        let tree = open_revision(top, commit, "", Limits::default()).map_err(Failure::evidence)?;
        Ok(Self { top: top.to_owned(), commit: commit.to_owned(), tree })
    }

    /// The settings that `self` is pushed with. A path inside the work tree is read from the commit, whoever names it; one
    /// outside is no part of what is pushed, and is read as it is. Where the commit has no configuration and `remote`,
    /// which is what the other side has so far, has one, that one rules: taking the policy away is judged by it.
    pub(crate) fn settings(
        &self,
        remote: Option<&Self>,
        common: &Common,
    ) -> Result<Ruling, Failure> {
        let named = common.config.as_deref();
        if let Some(path) = named.filter(|path| self.inside(path).is_none()) {
            let config = Config::read(path, &settings::read)?;
            return self.with(config, common).map(Ruling::Own);
        }
        if let Some(config) = self.config(named)? {
            return self.with(config, common).map(Ruling::Own);
        }
        if let Some(remote) = remote
            && let Some(config) = remote.config(named)?
        {
            return remote.with(config, common).map(Ruling::Remote);
        }
        if let Some(path) = named {
            return Err(Failure::usage(format!(
                "{}: not in the commit {}",
                path.display(),
                self.commit
            ))
            .hint(COMMIT_IT));
        }
        // Above the repository it is the machine's, and nobody pushes it.
        let config = match self.top.parent() {
            Some(above) => Config::find(None, Some(above))?,
            None => Config::default(),
        };
        self.with(config, common).map(Ruling::Own)
    }

    fn with(&self, config: Config, common: &Common) -> Result<Settings, Failure> {
        Settings::of(config, common, &|path, limit| self.read(path, limit))
    }

    /// The configuration in the commit: the one named, or the nearest at or above the working folder.
    fn config(&self, named: Option<&Path>) -> Result<Option<Config>, Failure> {
        let read = |path: &Path, limit| self.read(path, limit);
        if let Some(path) = named {
            let is_there = self.inside(path).is_some_and(|below| self.has(&below));
            return if is_there { Config::read(path, &read).map(Some) } else { Ok(None) };
        }
        let here = Path::new(".").canonicalize()?;
        for folder in here.ancestors().take_while(|folder| folder.starts_with(&self.top)) {
            let path = folder.join(NAME);
            if self.inside(&path).is_some_and(|below| self.has(&below)) {
                return Config::read(&path, &read).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether the commit has something under this path.
    fn has(&self, below: &str) -> bool {
        self.tree.find(below).is_some() || self.is_link(below)
    }

    fn is_link(&self, below: &str) -> bool {
        self.tree.links().iter().any(|link| link.path == below)
    }

    /// A file as the commit has it, or as it is on disk where it lies outside the work tree.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let Some(below) = self.inside(path) else { return settings::read(path, limit) };
        let Some(entry) = self.tree.find(&below) else {
            let what = if self.is_link(&below) { "is a symbolic link in" } else { "is not in" };
            return Err(io::Error::other(format!(
                "it {what} the commit {}, and what is pushed is judged by what is pushed; {COMMIT_IT}",
                self.commit
            )));
        };
        let bytes = self.tree.read(entry).map_err(io::Error::other)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::other(format!("larger than {limit} bytes")));
        }
        Ok(bytes)
    }

    /// The path relative to the top of the work tree, where it lies in it. Git's own folder is no part of it.
    fn inside(&self, path: &Path) -> Option<String> {
        let absolute = Path::new(".").canonicalize().ok()?.join(path);
        let plain = tidy_path(&absolute);
        // A path that leads here by a link is one of here.
        let resolved = absolute.canonicalize().ok();
        let below = plain
            .strip_prefix(&self.top)
            .ok()
            .or_else(|| resolved.as_deref()?.strip_prefix(&self.top).ok())?;
        if below.starts_with(".git") {
            return None;
        }
        let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
        Some(parts?.join("/"))
    }
}

const COMMIT_IT: &str = "commit it, or keep it outside the repository and name it with --config, --policy, --waivers or --vex";
