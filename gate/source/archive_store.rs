use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::{
    BlobError, Member, MemberKind, Members, TarError, TarReader,
    inflate::{Encoding, MAGIC},
    store::{Store, unreadable},
    tar::clean,
};

/// Files and links in an archive of an image: a layout of a thousand layers has a few thousand.
const MAX_FILES: usize = 100_000;

/// Links from one file of an archive to another.
const MAX_LINKS: usize = 8;

/// A tar file in which an image lies. Its members are indexed once, by seeking over their bytes, and then read by position,
/// several at once. One that is compressed is inflated anew, from its start, for each member that is read: right at any size,
/// and slow. Reading it as a stream takes one pass.
#[derive(Debug)]
pub(crate) struct ArchiveStore {
    path: PathBuf,
    members: Names,
    encoding: Encoding,
}

/// Members by path, and links between them.
#[derive(Debug, Default)]
pub(crate) struct Names {
    files: BTreeMap<String, (u64, u64)>,
    links: BTreeMap<String, String>,
}

impl Names {
    /// Where a file's bytes are, links followed.
    pub(crate) fn find(&self, path: &str) -> Option<(u64, u64)> {
        self.files.get(&self.real(path)?).copied()
    }

    /// A file's own path, links followed.
    pub(crate) fn real(&self, path: &str) -> Option<String> {
        let mut path = String::from_utf8(clean(path.as_bytes()).ok()?).ok()?;
        for _ in 0..MAX_LINKS {
            match self.links.get(&path) {
                None => return Some(path),
                Some(target) => path.clone_from(target),
            }
        }
        None
    }

    pub(crate) fn file(&mut self, path: &str, place: (u64, u64)) {
        self.links.remove(path);
        self.files.insert(path.to_owned(), place);
    }

    /// Remembers a link. One that leads out of the archive leads nowhere.
    pub(crate) fn link(&mut self, member: &Member<'_>) {
        let (Ok(path), Ok(link)) =
            (std::str::from_utf8(member.path), std::str::from_utf8(member.link))
        else {
            return;
        };
        let mut parts: Vec<&str> = Vec::new();
        if member.kind == MemberKind::Symlink {
            parts.extend(path.split('/'));
            parts.pop();
        }
        for part in link.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    if parts.pop().is_none() {
                        return;
                    }
                }
                part => parts.push(part),
            }
        }
        self.files.remove(path);
        self.links.insert(path.to_owned(), parts.join("/"));
    }

    pub(crate) fn count(&self) -> usize {
        self.files.len() + self.links.len()
    }
}

impl ArchiveStore {
    pub(crate) fn open(path: &Path) -> Result<Self, BlobError> {
        let fail = |error: &io::Error| unreadable(path, error);
        let mut file = File::open(path).map_err(|error| fail(&error))?;
        if !file.metadata().map_err(|error| fail(&error))?.is_file() {
            let message = format!("`{}` is not a regular file", path.display());
            return Err(BlobError::new(message)
                .with_hint("an OCI image layout in a folder is named with `oci:DIR`"));
        }
        let mut start = Vec::new();
        (&mut file).take(MAGIC as u64).read_to_end(&mut start).map_err(|error| fail(&error))?;
        let encoding = Encoding::of(&start);
        file.seek(SeekFrom::Start(0)).map_err(|error| fail(&error))?;
        let members = if encoding == Encoding::Plain {
            let mut file = BufReader::new(file);
            index(&mut file, &|file, count| {
                // Seeking beyond the end is no error; that bytes are missing shows when they are read.
                let count = i64::try_from(count).map_err(io::Error::other)?;
                file.seek_relative(count)
            })
        } else {
            let mut stream = inflated(file, encoding).map_err(|error| fail(&error))?;
            index(&mut stream, &|stream, count| {
                let copied = io::copy(&mut stream.take(count), &mut io::sink())?;
                if copied == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            })
        };
        let members = members.map_err(|error| {
            BlobError::new(format!("`{}` is no archive of an image: {error}", path.display()))
        })?;
        Ok(Self { path: path.to_owned(), members, encoding })
    }

    /// Whether a file is compressed, and so better read as a stream.
    pub(crate) fn looks_compressed(path: &Path) -> bool {
        let mut start = [0; MAGIC];
        File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
            && Encoding::of(&start) != Encoding::Plain
    }
}

impl Store for ArchiveStore {
    fn open(&self, path: &str) -> Result<(Box<dyn Read + Send + '_>, u64), BlobError> {
        let fail = |error: &io::Error| unreadable(&self.path, error);
        let Some((offset, length)) = self.members.find(path) else {
            return Err(BlobError::new(format!(
                "there is no `{path}` in `{}`",
                self.path.display()
            )));
        };
        let mut file = File::open(&self.path).map_err(|error| fail(&error))?;
        if self.encoding == Encoding::Plain {
            file.seek(SeekFrom::Start(offset)).map_err(|error| fail(&error))?;
            return Ok((Box::new(file.take(length)), length));
        }
        let mut stream = inflated(file, self.encoding).map_err(|error| fail(&error))?;
        io::copy(&mut (&mut stream).take(offset), &mut io::sink()).map_err(|error| fail(&error))?;
        Ok((Box::new(stream.take(length)), length))
    }

    fn has(&self, path: &str) -> bool {
        self.members.find(path).is_some()
    }
}

/// A compressed file's content.
pub(crate) fn inflated<'a>(
    file: impl Read + Send + 'a,
    encoding: Encoding,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match encoding {
        Encoding::Plain => Box::new(file),
        Encoding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Encoding::Zstd => Box::new(zstd::stream::read::Decoder::new(file)?),
    })
}

/// Reads the headers of an archive and passes over the bytes between them.
fn index<R: Read>(
    source: &mut R,
    pass: &dyn Fn(&mut R, u64) -> io::Result<()>,
) -> Result<Names, String> {
    let mut reader = TarReader::default();
    let mut indexer = Indexer::default();
    let mut block = [0; 512];
    let broken = |error: io::Error| format!("it cannot be read: {error}");
    loop {
        let skippable = reader.skippable();
        if skippable == u64::MAX {
            break;
        }
        if skippable > 0 {
            pass(source, skippable).map_err(broken)?;
            reader.skip(skippable);
            continue;
        }
        let count = read_full(source, &mut block).map_err(broken)?;
        let bytes = block.get(..count).unwrap_or_default();
        reader.push(bytes, &mut indexer).map_err(|error| error.to_string())?;
        if let Some((path, size)) = indexer.begun.take() {
            if size.div_ceil(512).checked_mul(512) != Some(reader.skippable()) {
                return Err(format!("`{path}` is a sparse file"));
            }
            indexer.names.file(&path, (reader.position(), size));
        }
        if indexer.names.count() > MAX_FILES {
            return Err(format!("it has more than {MAX_FILES} members"));
        }
        if count < block.len() {
            break;
        }
    }
    reader.finish().map_err(|error| error.to_string())?;
    Ok(indexer.names)
}

fn read_full(source: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    while let Some(room) = block.get_mut(have..).filter(|room| !room.is_empty()) {
        match source.read(room) {
            Ok(0) => break,
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(have)
}

#[derive(Default)]
struct Indexer {
    names: Names,
    begun: Option<(String, u64)>,
}

impl Members for Indexer {
    fn begin(&mut self, member: Member<'_>) -> Result<bool, TarError> {
        match member.kind {
            MemberKind::File => {
                self.begun = Some((String::from_utf8_lossy(member.path).into_owned(), member.size));
            }
            MemberKind::Symlink | MemberKind::Hardlink => self.names.link(&member),
            MemberKind::Directory | MemberKind::Other => {}
        }
        Ok(false)
    }

    fn body(&mut self, _: &[u8]) -> Result<bool, TarError> {
        Ok(false)
    }

    fn end(&mut self) -> Result<(), TarError> {
        Ok(())
    }
}
