use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Mutex,
};

use secgate_model::Digest;

use crate::{
    Limits,
    git_tree::{BlobReader, read_blob, read_blob_start},
    image_bodies::ImageBodies,
    merge::MAX_HOPS,
};

/// The regular files of a target, sorted by path.
#[derive(Debug)]
pub struct Tree {
    pub(crate) bodies: Bodies,
    pub(crate) entries: Vec<Entry>,
    pub(crate) links: Vec<Link>,
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
    /// In the layers of an image.
    Image(ImageBodies),
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Path relative to the tree's root, `/` between its parts.
    pub path: String,
}

/// A symbolic link. It is told, never followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// Path relative to the tree's root, `/` between its parts.
    pub path: String,
    /// Where it points to, as written; empty when that cannot be read or is not UTF-8.
    pub target: String,
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

    /// Every symbolic link, sorted by path.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The entry that a link leads to by the paths alone, through other links of the tree; `None` when that is no regular
    /// file of the tree, leaves it, or takes more than 8 links. In an image an absolute link starts at the image's root,
    /// nothing climbs above that, and 40 links may be taken, as for a process inside.
    pub fn resolve(&self, link: &Link) -> Option<&Entry> {
        let rooted = matches!(self.bodies, Bodies::Image(_));
        let max_links = if rooted { MAX_HOPS } else { 8 };
        let mut place: Vec<&str> = link.path.split('/').collect();
        let mut open: Vec<&str> = Vec::new();
        let mut next = Some(link);
        let mut followed = 0;
        loop {
            if let Some(link) = next.take() {
                followed += 1;
                if followed > max_links || link.target.is_empty() {
                    return None;
                }
                place.pop();
                if link.target.starts_with('/') {
                    if !rooted {
                        return None;
                    }
                    place.clear();
                }
                open.extend(link.target.split('/').rev());
            }
            match open.pop() {
                None => return self.find(&place.join("/")),
                Some("" | ".") => {}
                Some("..") if rooted => drop(place.pop()),
                Some("..") => drop(place.pop()?),
                Some(_) if place.len() > self.limits.depth => return None,
                Some(part) => {
                    place.push(part);
                    next = self.find_link(&place.join("/"));
                }
            }
        }
    }

    fn find_link(&self, path: &str) -> Option<&Link> {
        let at = self.links.binary_search_by(|link| link.path.as_str().cmp(path)).ok()?;
        self.links.get(at)
    }

    /// What was left out and why, sorted.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// A tree of files that are already in memory: path and bytes. A path given twice keeps its last body.
    pub fn in_memory(files: impl IntoIterator<Item = (String, Vec<u8>)>, limits: Limits) -> Self {
        let bodies: BTreeMap<_, _> = files.into_iter().collect();
        let entries = bodies.keys().map(|path| Entry { path: path.clone() }).collect();
        Self {
            bodies: Bodies::Memory(bodies),
            entries,
            links: Vec::new(),
            skipped: Vec::new(),
            limits,
        }
    }

    /// A file's bytes without copying them, where they are in memory: in a tree of an image or one made of bodies.
    pub fn body(&self, entry: &Entry) -> Option<&[u8]> {
        match &self.bodies {
            Bodies::Memory(bodies) => bodies.get(&entry.path).map(Vec::as_slice),
            Bodies::Image(bodies) => {
                bodies.body(&entry.path).filter(|body| body.whole).map(|body| &*body.bytes)
            }
            Bodies::Folder(_) | Bodies::File(_) | Bodies::Git { .. } => None,
        }
    }

    /// In an image: what lower layers than the one that [`Tree::layer`] tells had at these paths, each with its layer, the
    /// highest first. Only files that were picked are kept.
    pub fn earlier(&self, paths: &[&str]) -> Vec<(&str, &Digest, &[u8])> {
        let Bodies::Image(bodies) = &self.bodies else { return Vec::new() };
        bodies.earlier(paths)
    }

    /// In an image: the layer that put a file there, by the digest of its tar file.
    pub fn layer(&self, entry: &Entry) -> Option<&Digest> {
        let Bodies::Image(bodies) = &self.bodies else { return None };
        bodies.layer(&entry.path)
    }

    /// In an image: a file's permissions with set-user-ID, set-group-ID and sticky bit.
    pub fn mode(&self, entry: &Entry) -> Option<u32> {
        let Bodies::Image(bodies) = &self.bodies else { return None };
        bodies.found(&entry.path).map(|found| found.mode)
    }

    /// In an image: a file's bytes when it is unpacked, also where they are more than may be read.
    pub fn size(&self, entry: &Entry) -> Option<u64> {
        let Bodies::Image(bodies) = &self.bodies else { return None };
        bodies.found(&entry.path).map(|found| found.size)
    }

    /// Drops the entries and links whose path `keep` refuses.
    pub fn retain(&mut self, keep: &dyn Fn(&str) -> bool) {
        self.entries.retain(|entry| keep(&entry.path));
        self.links.retain(|link| keep(&link.path));
    }

    /// The entry with exactly this path.
    pub fn find(&self, path: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// A file's bytes, at most [`Limits::file_bytes`].
    pub fn read(&self, entry: &Entry) -> Result<Vec<u8>, ReadError> {
        Ok(self.contents(entry)?.into_owned())
    }

    /// As [`Tree::read`], without a copy of what is in memory.
    pub fn contents(&self, entry: &Entry) -> Result<Cow<'_, [u8]>, ReadError> {
        let limit = self.limits.file_bytes;
        let file = match &self.bodies {
            Bodies::Memory(bodies) => {
                let body =
                    bodies.get(&entry.path).ok_or_else(|| io::Error::other("not in the tree"))?;
                return if body.len() as u64 > limit {
                    Err(ReadError::TooLarge { limit })
                } else {
                    Ok(Cow::Borrowed(body))
                };
            }
            Bodies::Git { blobs, reader } => {
                let object =
                    blobs.get(&entry.path).ok_or_else(|| io::Error::other("not in the tree"))?;
                return read_blob(reader, object, limit).map(Cow::Owned);
            }
            Bodies::Image(bodies) => {
                let body =
                    bodies.body(&entry.path).ok_or_else(|| io::Error::other("not in the tree"))?;
                return if body.whole && body.bytes.len() as u64 <= limit {
                    Ok(Cow::Borrowed(&body.bytes))
                } else {
                    Err(ReadError::TooLarge { limit })
                };
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
        Ok(Cow::Owned(bytes))
    }

    /// A file's first bytes, at most `count` of them, however large the file is.
    pub fn read_start(&self, entry: &Entry, count: usize) -> Result<Vec<u8>, ReadError> {
        let missing = || io::Error::other("not in the tree");
        let file = match &self.bodies {
            Bodies::Memory(bodies) => {
                let body = bodies.get(&entry.path).ok_or_else(missing)?;
                return Ok(body.get(..count).unwrap_or(body).to_vec());
            }
            Bodies::Git { blobs, reader } => {
                let object = blobs.get(&entry.path).ok_or_else(missing)?;
                return read_blob_start(reader, object, count);
            }
            Bodies::Image(bodies) => {
                let body = bodies.body(&entry.path).ok_or_else(missing)?;
                return match body.bytes.get(..count) {
                    Some(start) => Ok(start.to_vec()),
                    None if body.whole => Ok(body.bytes.to_vec()),
                    None => Err(ReadError::TooLarge { limit: self.limits.file_bytes }),
                };
            }
            Bodies::File(path) => File::open(path)?,
            Bodies::Folder(root) => open_below(root, &entry.path)?,
        };
        let mut bytes = Vec::new();
        file.take(count as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A file's text: UTF-8, a byte order mark dropped.
    pub fn read_text(&self, entry: &Entry) -> Result<String, ReadError> {
        const MARK: char = '\u{feff}';
        let fault = |bytes: &[u8], error: std::str::Utf8Error| {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            ReadError::Encoding { line: u32::try_from(line).unwrap_or(u32::MAX) }
        };
        match self.contents(entry)? {
            Cow::Borrowed(bytes) => {
                let text = std::str::from_utf8(bytes).map_err(|error| fault(bytes, error))?;
                Ok(text.strip_prefix(MARK).unwrap_or(text).to_owned())
            }
            Cow::Owned(bytes) => {
                let text = String::from_utf8(bytes)
                    .map_err(|error| fault(error.as_bytes(), error.utf8_error()))?;
                Ok(text.strip_prefix(MARK).map(str::to_owned).unwrap_or(text))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str], links: &[(&str, &str)]) -> Tree {
        let files = files.iter().map(|path| ((*path).to_owned(), b"0123456789".to_vec()));
        let mut tree = Tree::in_memory(files, Limits { file_bytes: 5, ..Limits::default() });
        let link = |(path, target): &(&str, &str)| Link {
            path: (*path).to_owned(),
            target: (*target).to_owned(),
        };
        tree.links = links.iter().map(link).collect();
        tree.links.sort();
        tree
    }

    #[test]
    fn links_are_resolved_by_their_paths_and_never_out_of_the_tree() {
        let tree = tree(
            &["a/b/lock", "top"],
            &[
                ("a/c", "b"),
                ("a/up", "../top"),
                ("through", "./a//c/lock"),
                ("out", "../top"),
                ("absolute", "/top"),
                ("folder", "a"),
                ("loop", "loop"),
                ("one", "two/x"),
                ("two", "one"),
                ("unreadable", ""),
            ],
        );
        let check = |path: &str, expected: Option<&str>| {
            let link = tree.find_link(path).unwrap();
            assert_eq!(tree.resolve(link).map(|entry| entry.path.as_str()), expected, "{path}");
        };
        check("a/up", Some("top"));
        check("through", Some("a/b/lock"));
        for path in ["out", "absolute", "folder", "loop", "one", "unreadable", "a/c"] {
            check(path, None);
        }
    }

    #[test]
    fn the_start_of_a_file_is_read_whatever_its_size() {
        let tree = tree(&["a"], &[]);
        let entry = tree.find("a").unwrap();
        assert_eq!(tree.read_start(entry, 3).unwrap(), b"012");
        assert_eq!(tree.read_start(entry, 99).unwrap(), b"0123456789");
        assert!(tree.read(entry).is_err());
    }
}
