use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Cursor, Read},
    sync::Arc,
};

use secgate_model::Digest;

use crate::{
    BlobError, Image, ImageError, ImageOptions, MAX_MANIFEST, Member, MemberKind, Members,
    TarError, TarReader, Wanted,
    archive_store::{Names, inflated},
    budget::Budget,
    image::open_streamed,
    image_load::{Streamed, StreamedLayer},
    inflate::{Encoding, MAGIC},
    layer::{Choice, LayerError, LayerReader},
    layer_cache::{LayerCache, LayerName},
    local::open_store,
    store::Store,
    tar::is_tar_start,
    tar_header::BLOCK,
};

/// Bytes of a member that tell whether it is a layer.
const START: usize = BLOCK;

/// Files and links in an archive.
const MAX_FILES: usize = 100_000;

/// Opens the images in an archive that comes as a stream: from a pipe, or from an engine that saves one. It is read once, to
/// its end; each layer is read while it flows by, before anybody knows which image it belongs to, and the documents are
/// looked at when all are there. Nothing is written to disk but remembered layers.
///
/// A file that is wanted only through a link of another layer, and not by its own path, cannot be had any more when that
/// shows. It stands in [`crate::Tree::skipped`].
///
/// # Errors
/// As [`crate::open_image`]. What is wrong with a layer that the image does not have is no error.
pub fn open_stream(
    name: &str,
    source: &mut (dyn Read + Send),
    wanted: &Wanted,
    options: &ImageOptions<'_>,
) -> Result<Vec<Image>, ImageError> {
    stream_archive(name, source, wanted, options, false)
}

/// As [`open_stream`], for an archive that may be both a layout and what `docker save` writes.
pub(crate) fn stream_archive(
    name: &str,
    source: &mut (dyn Read + Send),
    wanted: &Wanted,
    options: &ImageOptions<'_>,
    prefer_layout: bool,
) -> Result<Vec<Image>, ImageError> {
    let broken = |text: String| BlobError::new(format!("{name}: {text}"));
    let mut start = Vec::new();
    (&mut *source)
        .take(MAGIC as u64)
        .read_to_end(&mut start)
        .map_err(|error| broken(format!("cannot be read: {error}")))?;
    let encoding = Encoding::of(&start);
    let whole = Cursor::new(start).chain(source);
    let mut source =
        inflated(whole, encoding).map_err(|error| broken(format!("cannot be read: {error}")))?;
    let budget = Budget::new(options.limits, options.stop);
    let none = BTreeSet::new();
    let choice = Choice { pick: options.pick, linked: &none };
    let mut flow = Flow {
        choice,
        budget: &budget,
        seen: StreamStore::default(),
        streamed: Streamed::new(),
        open: None,
        kept: 0,
        fatal: None,
    };
    let mut reader = TarReader::default();
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(format!("cannot be read: {error}")).into()),
        };
        reader.push(buffer.get(..count).unwrap_or_default(), &mut flow).map_err(
            |error| match flow.fatal.take() {
                Some(error) => broken(error.to_string()),
                None => broken(format!("is no archive of an image: {error}")),
            },
        )?;
        budget.check_time().map_err(|error| broken(error.to_string()))?;
    }
    reader.finish().map_err(|error| broken(format!("is no archive of an image: {error}")))?;
    let Flow { seen, streamed, .. } = flow;
    let images = open_streamed(
        &*open_store(name.to_owned(), seen, prefer_layout)?,
        wanted,
        options,
        &streamed,
    )?;
    if let Some(folder) = options.cache {
        // Only now is it known which of the layers are what an image says.
        let cache = LayerCache::new(folder, options.pick, &options.limits);
        let known: BTreeSet<&Digest> =
            images.iter().flat_map(|image| &image.layers).map(|layer| &layer.digest).collect();
        for (digest, layer) in streamed.iter().filter(|(digest, _)| known.contains(digest)) {
            let StreamedLayer { stored: size, encoding, ref diff_id, ref list } = *layer;
            cache.put(LayerName { digest, size, encoding, diff_id }, list);
        }
    }
    Ok(images)
}

/// What of an archive has been seen.
#[derive(Debug, Default)]
struct StreamStore {
    names: Names,
    /// Files that are no layers, by their number.
    small: BTreeMap<String, Vec<u8>>,
    layers: BTreeMap<String, Result<(Digest, u64, Encoding), LayerError>>,
}

impl Store for StreamStore {
    fn open(&self, path: &str) -> Result<(Box<dyn Read + Send + '_>, u64), BlobError> {
        let real = self.names.real(path).unwrap_or_default();
        if let Some(bytes) = self.small.get(&real) {
            return Ok((Box::new(bytes.as_slice()), bytes.len() as u64));
        }
        Err(match self.layers.get(&real) {
            Some(Err(error)) => BlobError::new(format!("`{path}`: {error}")),
            Some(Ok(_)) => BlobError::new(format!("`{path}` has gone by")),
            None => BlobError::new(format!("there is no `{path}` in it, or it is too large")),
        })
    }

    fn has(&self, path: &str) -> bool {
        self.names.real(path).is_some_and(|real| self.small.contains_key(&real))
    }

    fn layer(&self, path: &str, diff_id: &Digest) -> Result<(Digest, u64, Encoding), BlobError> {
        let real = self.names.real(path).unwrap_or_default();
        match (self.layers.get(&real), self.small.get(&real)) {
            (Some(Ok(layer)), _) => Ok(layer.clone()),
            (Some(Err(error)), _) => Err(BlobError::new(format!("`{path}`: {error}"))),
            // An empty layer is nothing but zeros, which do not look like one.
            (None, Some(bytes)) => Ok((diff_id.clone(), bytes.len() as u64, Encoding::Plain)),
            (None, None) => Err(BlobError::new(format!("there is no `{path}` in it"))),
        }
    }
}

/// Takes the members of an archive.
struct Flow<'a> {
    choice: Choice<'a>,
    budget: &'a Budget<'a>,
    seen: StreamStore,
    streamed: Streamed,
    open: Option<Open<'a>>,
    kept: u64,
    fatal: Option<LayerError>,
}

struct Open<'a> {
    path: String,
    size: u64,
    bytes: Vec<u8>,
    layer: Option<Box<LayerReader<'a>>>,
    decided: bool,
}

impl Flow<'_> {
    /// The first bytes are there: a layer, a document, or nothing of interest.
    fn decide(&mut self) -> Result<bool, TarError> {
        let Some(open) = &mut self.open else { return Ok(false) };
        open.decided = true;
        if Encoding::of(&open.bytes) != Encoding::Plain || is_tar_start(&open.bytes) {
            let mut layer = Box::new(LayerReader::new(None, self.choice, self.budget));
            let start = std::mem::take(&mut open.bytes);
            let result = layer.push(&start);
            open.layer = Some(layer);
            return self.pushed(result);
        }
        self.kept += open.size;
        let limit = self.budget.limits.kept_bytes.min(16 * MAX_MANIFEST);
        if open.size > MAX_MANIFEST || self.kept > limit {
            self.open = None;
            return Ok(false);
        }
        Ok(true)
    }

    /// What becomes of a layer that took bytes.
    fn pushed(&mut self, result: Result<(), LayerError>) -> Result<bool, TarError> {
        let Err(error) = result else { return Ok(true) };
        if matches!(error, LayerError::Stopped) {
            self.fatal = Some(error);
            return Err(TarError::Limit);
        }
        if let Some(open) = self.open.take() {
            self.seen.layers.insert(open.path, Err(error));
        }
        Ok(false)
    }
}

impl Members for Flow<'_> {
    fn begin(&mut self, member: Member<'_>) -> Result<bool, TarError> {
        self.open = None;
        if self.seen.names.count() > MAX_FILES {
            return Err(TarError::Limit);
        }
        let Ok(path) = std::str::from_utf8(member.path) else { return Ok(false) };
        match member.kind {
            MemberKind::File => {
                self.seen.names.file(path, (0, member.size));
                self.seen.small.remove(path);
                self.seen.layers.remove(path);
                self.open = Some(Open {
                    path: path.to_owned(),
                    size: member.size,
                    bytes: Vec::new(),
                    layer: None,
                    decided: false,
                });
                Ok(true)
            }
            MemberKind::Symlink | MemberKind::Hardlink => {
                self.seen.names.link(&member);
                Ok(false)
            }
            MemberKind::Directory | MemberKind::Other => Ok(false),
        }
    }

    fn body(&mut self, bytes: &[u8]) -> Result<bool, TarError> {
        let Some(open) = &mut self.open else { return Ok(false) };
        if let Some(layer) = &mut open.layer {
            let result = layer.push(bytes);
            return self.pushed(result);
        }
        if open.decided {
            open.bytes.extend_from_slice(bytes);
            return Ok(true);
        }
        let room = START.saturating_sub(open.bytes.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(room);
        open.bytes.extend_from_slice(taken);
        if open.bytes.len() < START {
            return Ok(true);
        }
        if !self.decide()? {
            return Ok(false);
        }
        if rest.is_empty() { Ok(true) } else { self.body(rest) }
    }

    fn end(&mut self) -> Result<(), TarError> {
        if self.open.as_ref().is_some_and(|open| !open.decided) && !self.decide()? {
            return Ok(());
        }
        let Some(open) = self.open.take() else { return Ok(()) };
        let Some(layer) = open.layer else {
            self.seen.small.insert(open.path, open.bytes);
            return Ok(());
        };
        match layer.finish() {
            Ok(read) => {
                let what = (read.digest.clone(), read.stored, read.encoding);
                self.seen.layers.insert(open.path, Ok(what));
                let layer = StreamedLayer {
                    diff_id: read.diff_id,
                    stored: read.stored,
                    encoding: read.encoding,
                    list: Arc::new(read.list),
                };
                self.streamed.insert(read.digest, layer);
            }
            Err(failure) => {
                self.seen.layers.insert(open.path, Err(failure.error));
            }
        }
        Ok(())
    }
}
