use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use secgate_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::{
    BlobError,
    inflate::{Encoding, MAGIC},
};

/// A place with files by path, in which an image lies: a folder, an archive, an archive that streamed by.
pub(crate) trait Store: Send + Sync {
    /// Opens a file. Gives its length too.
    fn open(&self, path: &str) -> Result<(Box<dyn Read + Send + '_>, u64), BlobError>;

    /// Whether there is such a file.
    fn has(&self, path: &str) -> bool;

    /// A file of at most `limit` bytes.
    fn small(&self, path: &str, limit: u64) -> Result<Vec<u8>, BlobError> {
        let (file, length) = self.open(path)?;
        if length > limit {
            return Err(BlobError::new(format!("`{path}` is larger than {limit} bytes")));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| BlobError::new(format!("`{path}` cannot be read: {error}")))?;
        if bytes.len() as u64 > limit {
            return Err(BlobError::new(format!("`{path}` is larger than {limit} bytes")));
        }
        Ok(bytes)
    }

    /// What a layer is stored as, for archives that do not say: its digest, length and encoding. A tar file as it is has the
    /// digest that its image calls it by; whether that is true shows when it is read.
    fn layer(&self, path: &str, diff_id: &Digest) -> Result<(Digest, u64, Encoding), BlobError> {
        let broken =
            |error: std::io::Error| BlobError::new(format!("`{path}` cannot be read: {error}"));
        let (mut file, length) = self.open(path)?;
        let mut start = Vec::new();
        (&mut file).take(MAGIC as u64).read_to_end(&mut start).map_err(broken)?;
        let encoding = Encoding::of(&start);
        if encoding == Encoding::Plain {
            return Ok((diff_id.clone(), length, encoding));
        }
        let mut hash = Sha256::new();
        hash.update(&start);
        let mut buffer = vec![0; 128 << 10];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => hash.update(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(error)),
            }
        }
        Ok((Digest::sha256(&hash.finalize().into()), length, encoding))
    }
}

/// A folder. No link in it is followed, so that nothing outside it is read.
#[derive(Debug)]
pub(crate) struct FolderStore(pub(crate) PathBuf);

impl FolderStore {
    fn find(&self, path: &str) -> Result<(PathBuf, u64), BlobError> {
        let mut place = self.0.clone();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            if matches!(part, "" | "." | "..") {
                return Err(BlobError::new(format!("`{path}` is no path in an image")));
            }
            place.push(part);
            let meta = place.symlink_metadata().map_err(|error| unreadable(&place, &error))?;
            let fits = if parts.peek().is_some() { meta.is_dir() } else { meta.is_file() };
            if !fits {
                let message = format!(
                    "`{}` is a link or something else that is not looked into",
                    place.display()
                );
                return Err(BlobError::new(message));
            }
            if parts.peek().is_none() {
                return Ok((place, meta.len()));
            }
        }
        Err(BlobError::new("an empty path in an image"))
    }
}

impl Store for FolderStore {
    fn open(&self, path: &str) -> Result<(Box<dyn Read + Send + '_>, u64), BlobError> {
        let (place, length) = self.find(path)?;
        let file = File::open(&place).map_err(|error| unreadable(&place, &error))?;
        Ok((Box::new(file), length))
    }

    fn has(&self, path: &str) -> bool {
        self.find(path).is_ok()
    }
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> BlobError {
    BlobError::new(format!("`{}` cannot be read: {error}", path.display()))
}
