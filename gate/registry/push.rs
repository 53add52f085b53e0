//! Pushing (OCI distribution specification 1.1, "Push"): blobs in one request or in pieces, and manifests.

use std::{
    fmt,
    io::{self, Read},
    sync::Arc,
};

use bytes::Bytes;
use reqwest::{
    Method, StatusCode, Url,
    header::{CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, IF_MATCH, LOCATION, RANGE},
};
use secgate_formats::oci::Descriptor;
use secgate_model::Digest;
use secgate_source::MAX_MANIFEST;
use sha2::{Digest as _, Sha256};

use crate::{
    client::Client,
    error::{ErrorKind, RegistryError},
    exchange::{Answer, Call, To, next_hop},
    manifest::{CONTENT_DIGEST, digest_of},
    repository::{Repository, is_tag},
};

/// Larger blobs go in pieces of this size, of which one at a time is in memory.
const PIECE: u64 = 8 << 20;
/// A registry may ask for larger pieces (`OCI-Chunk-Min-Length`), up to this size.
const LARGEST_PIECE: u64 = 64 << 20;
/// How often an upload is begun anew.
const ROUNDS: u32 = 3;

/// A blob to push: what it is, and how its bytes are had, from the beginning each time.
#[derive(Clone)]
pub struct Upload {
    /// Its digest (SHA-256) and size.
    pub descriptor: Descriptor,
    /// Opens the bytes. It is called again when the upload has to begin anew.
    pub open: Arc<dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}

impl Upload {
    /// Bytes that are in memory.
    pub fn bytes(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let descriptor = Descriptor {
            media_type: media_type.to_owned(),
            digest: digest_of(&bytes).to_string(),
            size: bytes.len() as u64,
            ..Descriptor::default()
        };
        let open = move || Ok(Box::new(io::Cursor::new(bytes.clone())) as Box<dyn Read + Send>);
        Self { descriptor, open: Arc::new(open) }
    }
}

/// What became of a manifest that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its digest.
    pub digest: Digest,
    /// Whether the registry says that it has noted what the manifest is attached to (`OCI-Subject`). Otherwise the list under a tag must be
    /// kept: see [`Client::attach`].
    pub subject_noted: bool,
}

impl Client {
    /// A request that changes something.
    fn writing<'a>(
        &self,
        repository: &'a Repository,
        doing: String,
        method: Method,
        to: To,
    ) -> Call<'a> {
        let mut call = self.reading(repository, doing, to);
        call.scope = format!("repository:{}:pull,push", repository.path());
        call.method = method;
        call.collect = Some(MAX_MANIFEST);
        call
    }

    /// Whether the registry itself has a blob.
    ///
    /// # Errors
    /// When that cannot be told: only a 404 means no.
    pub async fn has_blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
    ) -> Result<bool, RegistryError> {
        let digest = sha256(repository, descriptor)?;
        let doing = format!("asking for blob {digest} of {repository}");
        let path = format!("{}/blobs/{digest}", repository.path());
        let mut call = self.writing(repository, doing, Method::HEAD, To::Path(path));
        call.collect = None;
        match self.call(&call).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Pushes a blob that the registry does not have yet. Where another repository of the same registry has it, name it: the registry
    /// may then take it over without its bytes being sent.
    ///
    /// # Errors
    /// When the bytes cannot be read or are not those of the descriptor, or when the registry does not take them.
    pub async fn push_blob(
        &self,
        repository: &Repository,
        upload: &Upload,
        from: Option<&Repository>,
    ) -> Result<(), RegistryError> {
        let digest = sha256(repository, &upload.descriptor)?;
        if self.has_blob(repository, &upload.descriptor).await? {
            return Ok(());
        }
        let mut from = from.filter(|from| from.host() == repository.host() && *from != repository);
        for round in 1.. {
            // What looked like a failure may have been a success whose answer got lost.
            if round > 1 && self.has_blob(repository, &upload.descriptor).await? {
                return Ok(());
            }
            let pushed = self.push_once(repository, upload, &digest, from).await;
            match pushed {
                Ok(()) => return Ok(()),
                // Another upload may end better: a connection broke, or the registry forgot about this one.
                Err(error)
                    if round < ROUNDS
                        && matches!(
                            error.kind,
                            ErrorKind::Unreachable(_)
                                | ErrorKind::Slow(_)
                                | ErrorKind::NotFound
                                | ErrorKind::Status(416 | 500..)
                        ) =>
                {
                    from = None;
                }
                // Rights to the other repository are a convenience that not everybody has.
                Err(error)
                    if from.is_some()
                        && matches!(
                            error.kind,
                            ErrorKind::Unauthorized(_) | ErrorKind::Forbidden
                        ) =>
                {
                    from = None;
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop returns at its last round")
    }

    async fn push_once(
        &self,
        repository: &Repository,
        upload: &Upload,
        digest: &Digest,
        from: Option<&Repository>,
    ) -> Result<(), RegistryError> {
        let doing = format!("pushing blob {digest} to {repository}");
        let failed = |kind| RegistryError::new(doing.clone(), kind);
        let mut path = format!("{}/blobs/uploads/", repository.path());
        let mut call =
            self.writing(repository, doing.clone(), Method::POST, To::Path(path.clone()));
        if let Some(from) = from {
            path = format!("{path}?mount={digest}&from={}", from.path());
            call.to = To::Path(path);
            call.scope = format!("{} repository:{}:pull", call.scope, from.path());
        }
        let answer = self.call(&call).await?;
        if answer.status == StatusCode::CREATED && from.is_some() {
            return Ok(());
        }
        if answer.status != StatusCode::ACCEPTED {
            return Err(failed(ErrorKind::Wrong(format!(
                "the registry answered {}",
                answer.status.as_u16()
            ))));
        }
        let mut location = self.location(&doing, repository, &answer, &call).await?;
        let size = upload.descriptor.size;
        let asked = answer.header("oci-chunk-min-length").and_then(|text| text.trim().parse().ok());
        let room = asked.unwrap_or(0).max(PIECE);
        if room > LARGEST_PIECE {
            return Err(failed(ErrorKind::TooLarge(format!("{LARGEST_PIECE} bytes in one piece"))));
        }
        let mut source = Source::open(upload).map_err(failed)?;
        let mut sent = 0;
        let mut last = Bytes::new();
        loop {
            let (read, piece) = source.piece(room).await.map_err(failed)?;
            source = read;
            if sent + piece.len() as u64 > size {
                return Err(failed(ErrorKind::Input(format!(
                    "it is longer than the {size} bytes it should have"
                ))));
            }
            // What fits into one piece goes along with the end of the upload.
            if size <= room {
                last = piece;
                break;
            }
            if piece.is_empty() {
                break;
            }
            let length = piece.len() as u64;
            location = self.patch(repository, &doing, location, sent, piece).await?;
            sent += length;
        }
        let had = sent + last.len() as u64;
        let found = source.digest();
        if had != size || found != *digest {
            return Err(failed(ErrorKind::Input(format!(
                "its {had} bytes have the digest {found}; {size} bytes were to have {digest}"
            ))));
        }
        location.query_pairs_mut().append_pair("digest", digest.as_str());
        let mut call = self.writing(repository, doing.clone(), Method::PUT, To::Url(location));
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        call.body = last;
        call.repeat = false;
        let answer = self.call(&call).await?;
        if answer.status != StatusCode::CREATED {
            return Err(failed(ErrorKind::Wrong(format!(
                "the registry answered {}",
                answer.status.as_u16()
            ))));
        }
        stated(&answer, digest).map_err(failed)
    }

    /// Sends one piece. When nobody knows whether it arrived, the registry is asked.
    async fn patch(
        &self,
        repository: &Repository,
        doing: &str,
        location: Url,
        from: u64,
        piece: Bytes,
    ) -> Result<Url, RegistryError> {
        let after = from + piece.len() as u64;
        let range = format!("{from}-{}", after.saturating_sub(1));
        let mut call =
            self.writing(repository, doing.to_owned(), Method::PATCH, To::Url(location.clone()));
        call.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        call.headers
            .insert(CONTENT_RANGE, HeaderValue::from_str(&range).expect("digits are plain text"));
        call.body = piece;
        call.repeat = false;
        let answer = match self.call(&call).await {
            Ok(answer) => answer,
            Err(error)
                if matches!(
                    error.kind,
                    ErrorKind::Unreachable(_) | ErrorKind::Slow(_) | ErrorKind::Status(500..)
                ) =>
            {
                let status =
                    self.writing(repository, doing.to_owned(), Method::GET, To::Url(location));
                let answer = self.call(&status).await?;
                if received(&answer) == Some(from) {
                    call.to = To::Url(self.location(doing, repository, &answer, &status).await?);
                    self.call(&call).await?
                } else {
                    answer
                }
            }
            Err(error) => return Err(error),
        };
        // A registry that does not tell is found out at the end, by the digest.
        if received(&answer).is_some_and(|had| had != after) {
            let kind = ErrorKind::Status(416);
            return Err(RegistryError::new(format!("{doing}: a piece of it got lost"), kind));
        }
        self.location(doing, repository, &answer, &call).await
    }

    /// Where an upload goes on.
    async fn location(
        &self,
        doing: &str,
        repository: &Repository,
        answer: &Answer,
        call: &Call<'_>,
    ) -> Result<Url, RegistryError> {
        let failed = |kind| RegistryError::new(doing, kind);
        let location = answer.header(LOCATION.as_str());
        let location = location.ok_or_else(|| {
            failed(ErrorKind::Wrong("the registry does not say where to".to_owned()))
        })?;
        let profile = self.profile(repository.host()).map_err(failed)?;
        let base = profile.base(call.end, self.options().bounds.connect).await;
        let base =
            base.map_err(|_| failed(ErrorKind::Unreachable("the connection is gone".to_owned())))?;
        next_hop(base, &answer.url, location).map_err(|message| failed(ErrorKind::Refused(message)))
    }

    /// Pushes a manifest or index under its digest, or under a tag.
    ///
    /// # Errors
    /// When it is larger than [`MAX_MANIFEST`], or when the registry does not take it as it is.
    pub async fn push_manifest(
        &self,
        repository: &Repository,
        media_type: &str,
        bytes: Vec<u8>,
        tag: Option<&str>,
    ) -> Result<Pushed, RegistryError> {
        self.put_manifest(repository, media_type, bytes, tag, None).await
    }

    pub(crate) async fn put_manifest(
        &self,
        repository: &Repository,
        media_type: &str,
        bytes: Vec<u8>,
        tag: Option<&str>,
        unchanged_since: Option<HeaderValue>,
    ) -> Result<Pushed, RegistryError> {
        let digest = digest_of(&bytes);
        let reference = tag.map_or_else(|| digest.to_string(), str::to_owned);
        let doing = format!("pushing manifest {reference} to {repository}");
        let failed = |kind| RegistryError::new(doing.clone(), kind);
        let input = |message: &str| Err(failed(ErrorKind::Input(message.to_owned())));
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return input("the tag is not well formed");
        }
        if bytes.len() as u64 > MAX_MANIFEST {
            return Err(failed(ErrorKind::TooLarge(format!("{MAX_MANIFEST} bytes"))));
        }
        let path = format!("{}/manifests/{reference}", repository.path());
        let mut call = self.writing(repository, doing.clone(), Method::PUT, To::Path(path));
        let Ok(media_type) = HeaderValue::from_str(media_type) else {
            return input("the media type is none");
        };
        call.headers.insert(CONTENT_TYPE, media_type);
        // A weak validator never matches (RFC 9110 §13.1.1).
        if let Some(etag) = unchanged_since.filter(|etag| !etag.as_bytes().starts_with(b"W/")) {
            call.headers.insert(IF_MATCH, etag);
        }
        call.body = Bytes::from(bytes);
        let answer = self.call(&call).await?;
        stated(&answer, &digest).map_err(failed)?;
        let subject_noted = answer.headers.contains_key(HeaderName::from_static("oci-subject"));
        Ok(Pushed { digest, subject_noted })
    }
}

/// A registry that states another digest has stored something else.
fn stated(answer: &Answer, digest: &Digest) -> Result<(), ErrorKind> {
    match answer.header(CONTENT_DIGEST) {
        Some(stated) if stated.starts_with("sha256:") && stated != digest.as_str() => {
            let stated: String = stated.chars().take(80).collect();
            Err(ErrorKind::Wrong(format!("the registry has stored something else, {stated}")))
        }
        _ => Ok(()),
    }
}

/// How many bytes of an upload the registry has: it names the range of them, `0-0` also for none.
fn received(answer: &Answer) -> Option<u64> {
    let range = answer.header(RANGE.as_str())?;
    let (first, last) = range.trim().trim_start_matches("bytes=").split_once('-')?;
    if first.trim().parse::<u64>().ok()? != 0 {
        return None;
    }
    match last.trim().parse::<u64>().ok()? {
        0 => Some(0),
        last => last.checked_add(1),
    }
}

fn sha256(repository: &Repository, descriptor: &Descriptor) -> Result<Digest, RegistryError> {
    descriptor.digest.parse().map_err(|error| {
        RegistryError::new(format!("pushing to {repository}"), ErrorKind::Input(format!("{error}")))
    })
}

/// The bytes on their way, and their digest.
struct Source {
    reader: Box<dyn Read + Send>,
    hash: Sha256,
}

impl Source {
    fn open(upload: &Upload) -> Result<Self, ErrorKind> {
        let reader = (upload.open)().map_err(|error| unreadable(&error))?;
        Ok(Self { reader, hash: Sha256::new() })
    }

    /// The next piece, empty at the end. A file may be slow, so it is not read among the connections.
    async fn piece(mut self, room: u64) -> Result<(Self, Bytes), ErrorKind> {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::new();
            let read = (&mut self.reader).take(room).read_to_end(&mut piece);
            self.hash.update(&piece);
            read.map(|_| (self, Bytes::from(piece)))
        });
        match read.await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) => Err(unreadable(&error)),
            Err(_) => Err(ErrorKind::Input("its bytes cannot be read".to_owned())),
        }
    }

    fn digest(self) -> Digest {
        Digest::sha256(&self.hash.finalize().into())
    }
}

fn unreadable(error: &io::Error) -> ErrorKind {
    ErrorKind::Input(format!("its bytes cannot be read: {error}"))
}
