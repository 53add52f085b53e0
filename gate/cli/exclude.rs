use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{config::Config, exit::Failure};

/// What the configuration leaves out. Its patterns are relative to the configuration's folder, whatever is looked at: a
/// folder, or the same folder at an earlier revision.
pub(crate) struct Exclude {
    set: GlobSet,
    /// The configuration's folder, absolute.
    home: Option<PathBuf>,
    /// The tree's root, absolute.
    root: PathBuf,
    /// Where the configuration's reports go, absolute.
    reports: Option<PathBuf>,
    left_out: AtomicUsize,
}

impl Exclude {
    /// For a tree whose root stands, or stood, at `root` (absolute).
    pub(crate) fn new(config: &Config, root: &Path) -> Result<Self, Failure> {
        let mut set = GlobSetBuilder::new();
        for pattern in &config.exclude {
            let bare = pattern.trim_end_matches('/').trim_start_matches("./");
            if bare.is_empty() || bare.starts_with('/') || bare.split('/').any(|part| part == "..")
            {
                return Err(Failure::usage(format!(
                    "{}: exclude: `{pattern}` does not name something below the configuration's folder",
                    config.shown()
                )));
            }
            for pattern in [bare.to_owned(), format!("{bare}/**")] {
                let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
                set.add(glob.map_err(|error| {
                    Failure::usage(format!("{}: exclude: {error}", config.shown()))
                })?);
            }
        }
        Ok(Self {
            set: set.build().map_err(Failure::usage)?,
            home: config.folder().and_then(|folder| folder.canonicalize().ok()),
            root: root.to_owned(),
            reports: config.reports_folder().canonicalize().ok().filter(|reports| reports != root),
            left_out: AtomicUsize::new(0),
        })
    }

    /// Whether a path of the tree is left out.
    pub(crate) fn matches(&self, relative: &str) -> bool {
        let Some(home) = &self.home else { return false };
        let path = self.root.join(relative);
        // What `run` wrote, SBOMs of an image among it, is about the target and no part of it.
        if self.reports.as_ref().is_some_and(|reports| path == *reports) {
            return true;
        }
        let out = path.strip_prefix(home).is_ok_and(|below| self.set.is_match(below));
        if out {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        out
    }

    /// How many paths were left out; a folder counts once.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out.load(Ordering::Relaxed)
    }
}
