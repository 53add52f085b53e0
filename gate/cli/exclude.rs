use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use globset::{GlobSet, GlobSetBuilder};

use crate::{config::Config, config_faults::globs, exit::Failure};

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
            for glob in globs(&pattern.value)
                .map_err(|(message, _)| Failure::usage(format!("{}: {message}", config.shown())))?
            {
                set.add(glob);
            }
        }
        let absolute = |folder: &Path| {
            // Of a commit that is not checked out, the folder need not be there.
            folder.canonicalize().ok().or_else(|| folder.is_absolute().then(|| folder.to_owned()))
        };
        Ok(Self {
            set: set.build().map_err(Failure::usage)?,
            home: config.folder().and_then(absolute),
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
