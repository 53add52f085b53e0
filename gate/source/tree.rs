use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Mutex,
};

use crate::{Limits, git_tree::BlobReader, git_tree::read_blob};

/// The regular files of a target, sorted by path.
#[derive(Debug)]
pub struct Tree {
    pub(crate) bodies: Bodies,
    pub(crate) entries: Vec<Entry>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) limits: Limits,
}

/// Where the files' bytes are.
#[derive(Debug)]
pub(crate) enum Bodies {
    /// Below a folder.
    Folder(PathBuf),
    /// One file that the user named.
    File(PathBuf),
    /// In a git repository: object names by path.
    Git { blobs: BTreeMap<String, String>, reader: Mutex<BlobReader> },
    /// In memory, by path.
    Memory(BTreeMap<String, Vec<u8>>),
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Path relative to the tree's root, `/` between its parts.
    pub path: String,
}

/// Something in the target that is not part of the tree although it might matter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Path relative to the tree's root.
    pub path: String,
    /// Why, one sentence.
    pub reason: String,
}

/// Why a file of the tree could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is larger than [`Limits::file_bytes`].
    #[error("larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// It is not UTF-8.
    #[error("line {line}: not UTF-8 text")]
    Encoding {
        /// The first line, from 1, that does not decode.
        line: u32,
    },
    /// The operating system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Entry {
    /// The last part of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The path without its last part; empty at the root.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

impl Tree {
    /// Every regular file, sorted by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What was left out and why, sorted.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// A tree of files that are already in memory: path and bytes. A path given twice keeps its last body.
    pub fn in_memory(files: impl IntoIterator<Item = (String, Vec<u8>)>, limits: Limits) -> Self {
        let bodies: BTreeMap<_, _> = files.into_iter().collect();
        let entries = bodies.keys().map(|path| Entry { path: path.clone() }).collect();
        Self { bodies: Bodies::Memory(bodies), entries, skipped: Vec::new(), limits }
    }

    /// Drops the entries whose path `keep` refuses.
    pub fn retain(&mut self, keep: &dyn Fn(&str) -> bool) {
        self.entries.retain(|entry| keep(&entry.path));
    }

    /// The entry with exactly this path.
    pub fn find(&self, path: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// A file's bytes, at most [`Limits::file_bytes`].
    pub fn read(&self, entry: &Entry) -> Result<Vec<u8>, ReadError> {
        let limit = self.limits.file_bytes;
        let file = match &self.bodies {
            Bodies::Memory(bodies) => {
                let body =
                    bodies.get(&entry.path).ok_or_else(|| io::Error::other("not in the tree"))?;
                return if body.len() as u64 > limit {
                    Err(ReadError::TooLarge { limit })
                } else {
                    Ok(body.clone())
                };
            }
            Bodies::Git { blobs, reader } => {
                let object =
                    blobs.get(&entry.path).ok_or_else(|| io::Error::other("not in the tree"))?;
                return read_blob(reader, object, limit);
            }
            Bodies::File(path) => File::open(path)?,
            Bodies::Folder(root) => open_below(root, &entry.path)?,
        };
        let length = file.metadata()?.len();
        if length > limit {
            return Err(ReadError::TooLarge { limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(ReadError::TooLarge { limit });
        }
        Ok(bytes)
    }

    /// A file's text: UTF-8, a byte order mark dropped.
    pub fn read_text(&self, entry: &Entry) -> Result<String, ReadError> {
        let bytes = self.read(entry)?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
            Err(error) => {
                let good =
                    error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
                let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(ReadError::Encoding { line: u32::try_from(line).unwrap_or(u32::MAX) })
            }
        }
    }
}

/// Opens a file that the walk found to be regular. It may have been swapped since, for a link or a pipe: looked at again.
fn open_below(root: &Path, path: &str) -> io::Result<File> {
    let path = root.join(path);
    if !path.symlink_metadata()?.is_file() {
        return Err(io::Error::other("not a regular file any more"));
    }
    File::open(path)
}
