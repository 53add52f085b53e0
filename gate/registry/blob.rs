use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{
    Response, StatusCode,
    header::{CONTENT_RANGE, ETAG, HeaderValue, RANGE},
};
use secgate_formats::oci::Descriptor;
use sha2::{Digest as _, Sha256, Sha512};

use crate::{
    client::Client,
    error::{ErrorKind, RegistryError, cause},
    exchange::To,
    manifest::{CONTENT_DIGEST, hex},
    repository::{Repository, is_digest},
    retry::{Fault, Tries},
};

/// A blob as it comes in. A connection that is cut, or that brings next to nothing, is made anew where it ended.
///
/// It brings exactly the descriptor's number of bytes or an error. Whether they are the right ones says their digest, which the
/// reader computes.
#[derive(Debug)]
pub struct Blob {
    client: Client,
    repository: Repository,
    digest: String,
    size: u64,
    /// Bytes handed out.
    offset: u64,
    /// Bytes of this connection that were handed out earlier.
    skip: u64,
    response: Option<Response>,
    etag: Option<HeaderValue>,
    resumes: u32,
    /// Since the last byte that was new.
    tries: Tries,
    waited: Duration,
    window: Window,
}

/// How much came in the time that was spent waiting for the network.
#[derive(Debug, Default)]
struct Window {
    waited: Duration,
    bytes: u64,
}

impl Client {
    /// Begins to read a blob.
    ///
    /// # Errors
    /// When there is none, when it cannot be had, or when the registry announces another size.
    pub async fn blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
    ) -> Result<Blob, RegistryError> {
        if !is_digest(&descriptor.digest) {
            let digest: String = descriptor.digest.chars().take(80).collect();
            let kind = ErrorKind::Input(format!("`{digest}` is no digest of a known algorithm"));
            return Err(RegistryError::new(format!("reading a blob of {repository}"), kind));
        }
        self.ask_each(repository, async |repository| {
            let bounds = self.options().bounds;
            let mut blob = Blob {
                client: self.clone(),
                repository,
                digest: descriptor.digest.clone(),
                size: descriptor.size,
                offset: 0,
                skip: 0,
                response: None,
                etag: None,
                resumes: 0,
                tries: Tries::new(bounds, self.end(bounds.blob)),
                waited: Duration::ZERO,
                window: Window::default(),
            };
            blob.connect().await?;
            Ok(blob)
        })
        .await
    }

    /// A small blob whole, with its digest checked.
    ///
    /// # Errors
    /// As [`Client::blob`], when it is larger than `limit` bytes, and when its digest is another.
    pub async fn small_blob(
        &self,
        repository: &Repository,
        descriptor: &Descriptor,
        limit: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let failed = |kind| RegistryError::new(reading(&descriptor.digest, repository), kind);
        if descriptor.size > limit {
            return Err(failed(ErrorKind::TooLarge(format!("{limit} bytes"))));
        }
        let mut blob = self.blob(repository, descriptor).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = blob.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        if hashed(&descriptor.digest, &bytes) {
            Ok(bytes)
        } else {
            Err(failed(ErrorKind::Wrong("the bytes that came have another digest".to_owned())))
        }
    }
}

/// Whether a digest of either registered algorithm is the one of these bytes.
fn hashed(digest: &str, bytes: &[u8]) -> bool {
    match digest.split_once(':') {
        Some(("sha256", wanted)) => wanted == hex(&Sha256::digest(bytes)),
        Some(("sha512", wanted)) => wanted == hex(&Sha512::digest(bytes)),
        _ => false,
    }
}

fn reading(digest: &str, repository: &Repository) -> String {
    format!("reading blob {digest} of {repository}")
}

impl Blob {
    /// The next bytes, none at the end.
    ///
    /// # Errors
    /// When the rest cannot be had in the time and with the tries that there are, or is not the rest.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        loop {
            if self.offset == self.size {
                return self.end().await;
            }
            let Some(response) = &mut self.response else {
                self.connect().await?;
                continue;
            };
            let bounds = self.client.options().bounds;
            let started = Instant::now();
            let until = self.client.end(bounds.idle.min(bounds.blob.saturating_sub(self.waited)));
            let read = tokio::time::timeout_at(until.into(), response.chunk()).await;
            let waited = started.elapsed();
            self.waited = self.waited.saturating_add(waited);
            self.window.waited = self.window.waited.saturating_add(waited);
            let chunk = match read {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => {
                    self.cut(ErrorKind::Unreachable(format!(
                        "it ended after {} of {} bytes",
                        self.offset, self.size
                    )))
                    .await?;
                    continue;
                }
                Ok(Err(error)) => {
                    let message = cause(&error.without_url());
                    let message = format!(
                        "it broke off after {} of {} bytes: {message}",
                        self.offset, self.size
                    );
                    self.cut(ErrorKind::Unreachable(message)).await?;
                    continue;
                }
                Err(_) => {
                    self.cut(self.slow()).await?;
                    continue;
                }
            };
            self.window.bytes = self.window.bytes.saturating_add(chunk.len() as u64);
            if self.window.waited >= bounds.window {
                if self.window.bytes < bounds.least_bytes {
                    self.cut(self.slow()).await?;
                    continue;
                }
                self.window = Window::default();
            }
            if let Some(new) = self.taken(chunk)? {
                return Ok(Some(new));
            }
        }
    }

    /// What of a piece is new.
    fn taken(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>, RegistryError> {
        let old = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
        let new = chunk.split_off(old);
        self.skip = self.skip.saturating_sub(old as u64);
        if new.is_empty() {
            return Ok(None);
        }
        let offset = self.offset.saturating_add(new.len() as u64);
        if offset > self.size {
            return Err(self.longer());
        }
        self.offset = offset;
        let bounds = self.client.options().bounds;
        self.tries = Tries::new(bounds, self.client.end(bounds.blob.saturating_sub(self.waited)));
        Ok(Some(new))
    }

    /// Nothing may follow the last byte. When that cannot be told any more, all bytes are there all the same.
    async fn end(&mut self) -> Result<Option<Bytes>, RegistryError> {
        let Some(mut response) = self.response.take() else { return Ok(None) };
        let idle = self.client.end(self.client.options().bounds.idle);
        loop {
            match tokio::time::timeout_at(idle.into(), response.chunk()).await {
                Ok(Ok(Some(chunk))) if chunk.is_empty() => {}
                Ok(Ok(Some(_))) => return Err(self.longer()),
                _ => return Ok(None),
            }
        }
    }

    fn longer(&self) -> RegistryError {
        self.failed(ErrorKind::Wrong(format!(
            "it is longer than the {} bytes of its descriptor",
            self.size
        )))
    }

    fn slow(&self) -> ErrorKind {
        ErrorKind::Slow(format!("the bytes come too slowly: {} of {}", self.offset, self.size))
    }

    fn failed(&self, kind: ErrorKind) -> RegistryError {
        RegistryError::new(reading(&self.digest, &self.repository), kind)
    }

    /// The connection is of no use any more.
    async fn cut(&mut self, kind: ErrorKind) -> Result<(), RegistryError> {
        self.response = None;
        self.window = Window::default();
        self.resumes += 1;
        let bounds = self.client.options().bounds;
        if self.resumes > bounds.resumes {
            return Err(self.failed(kind));
        }
        if self.waited >= bounds.blob {
            return Err(self.failed(self.slow()));
        }
        let again = self.tries.again(Fault::Passing(kind, None)).await;
        again.map_err(|kind| self.failed(kind))
    }

    /// Asks for what is missing: RFC 9110 §14.
    async fn connect(&mut self) -> Result<(), RegistryError> {
        let doing = reading(&self.digest, &self.repository);
        let path = format!("{}/blobs/{}", self.repository.path(), self.digest);
        let mut call = self.client.reading(&self.repository, doing, To::Path(path));
        if self.offset > 0 {
            let range = HeaderValue::from_str(&format!("bytes={}-", self.offset));
            call.headers.insert(RANGE, range.expect("digits are plain text"));
        }
        let answer = self.client.call(&call).await?;
        let wrong = |message: String| Err(self.failed(ErrorKind::Wrong(message)));
        if let Some(stated) = answer.header(CONTENT_DIGEST)
            && is_digest(stated)
            && stated.split_once(':').map(|(name, _)| name)
                == self.digest.split_once(':').map(|(name, _)| name)
            && stated != self.digest
        {
            return wrong(format!("the registry answers with another blob, {stated}"));
        }
        let length = answer.stream.as_ref().and_then(Response::content_length);
        let (skip, rest) = match answer.status {
            StatusCode::OK => (self.offset, self.size),
            StatusCode::PARTIAL_CONTENT if self.offset > 0 => {
                let range = answer.header(CONTENT_RANGE.as_str());
                if !range.is_some_and(|range| continues(range, self.offset, self.size)) {
                    return wrong("the registry sends another part than was asked for".to_owned());
                }
                (0, self.size.saturating_sub(self.offset))
            }
            status => return wrong(format!("the registry answered {}", status.as_u16())),
        };
        if let Some(length) = length
            && length != rest
        {
            return wrong(format!("it has {length} bytes, not the {rest} of its descriptor"));
        }
        // Only a strong validator says anything; and two of a storage's servers need not agree on it.
        let etag = answer
            .headers
            .get(ETAG)
            .filter(|etag| answer.own && !etag.as_bytes().starts_with(b"W/"));
        if let (Some(before), Some(now)) = (&self.etag, etag)
            && before != now
        {
            return wrong("it was changed while it was read".to_owned());
        }
        self.etag = etag.cloned().or(self.etag.take());
        self.skip = skip;
        self.response = answer.stream;
        Ok(())
    }
}

/// Whether a `Content-Range` is the rest from `offset` of something of this size (or of one that is not told).
fn continues(range: &str, offset: u64, size: u64) -> bool {
    let parts = range.trim().strip_prefix("bytes ").and_then(|rest| {
        let (range, total) = rest.split_once('/')?;
        let (first, last) = range.trim().split_once('-')?;
        Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?, total.trim()))
    });
    parts.is_some_and(|(first, last, total)| {
        first == offset
            && last.checked_add(1) == Some(size)
            && (total == "*" || total.parse() == Ok(size))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_the_one_that_was_asked_for() {
        let check = |range: &str, expected: bool| {
            assert_eq!(continues(range, 10, 100), expected, "{range}");
        };
        check("bytes 10-99/100", true);
        check("bytes 10-99/*", true);
        check("bytes 9-99/100", false);
        check("bytes 10-98/100", false);
        check("bytes 10-99/101", false);
        check("bytes */100", false);
        check("items 10-99/100", false);
        check("bytes 10-18446744073709551615/100", false);
        check("", false);
    }

    #[test]
    fn both_algorithms() {
        assert!(hashed(
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            b""
        ));
        assert!(!hashed(
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            b"x"
        ));
        assert!(hashed(
            "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
            b""
        ));
        assert!(!hashed("md5:d41d8cd98f00b204e9800998ecf8427e", b""));
    }
}
