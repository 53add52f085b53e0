use std::fmt::Write;

use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use secgate_formats::oci;
use secgate_model::Digest;
use secgate_source::{MAX_MANIFEST, Wanted};
use sha2::{Digest as _, Sha256};

use crate::{
    client::Client,
    error::{ErrorKind, RegistryError},
    exchange::To,
    repository::{Repository, is_digest, is_tag},
};

/// A manifest or index as a registry holds it. Its bytes are the ones of its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// As the registry calls it (`Content-Type` without parameters).
    pub media_type: Option<String>,
    /// Of the bytes, computed here.
    pub digest: Digest,
    /// At most [`MAX_MANIFEST`].
    pub bytes: Vec<u8>,
    /// `ETag`, for a change that must not undo somebody else's.
    pub(crate) etag: Option<HeaderValue>,
}

/// The header in which a registry says what it believes to send.
pub(crate) const CONTENT_DIGEST: &str = "docker-content-digest";

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::sha256(&Sha256::digest(bytes).into())
}

/// Bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// All types of manifests, and for what has another one, anything.
fn accepted() -> HeaderValue {
    let types: Vec<&str> = oci::MANIFEST.into_iter().chain(oci::INDEX).collect();
    let text =
        format!("{}, application/vnd.oci.artifact.manifest.v1+json, */*;q=0.1", types.join(", "));
    HeaderValue::from_str(&text).expect("media types are plain text")
}

impl Client {
    /// The manifest or index that `wanted` names, from a mirror or the registry itself.
    ///
    /// # Errors
    /// When there is none ([`ErrorKind::NotFound`], and only then), when it cannot be had, or when its bytes are not those of the digest
    /// that was asked for or that the registry states.
    pub async fn manifest(
        &self,
        repository: &Repository,
        wanted: &Wanted,
    ) -> Result<Manifest, RegistryError> {
        self.ask_each(repository, async |repository| self.manifest_of(&repository, wanted).await)
            .await
    }

    /// The same, from this registry and no mirror.
    pub(crate) async fn manifest_of(
        &self,
        repository: &Repository,
        wanted: &Wanted,
    ) -> Result<Manifest, RegistryError> {
        let reference = reference(repository, wanted)?;
        let doing = format!("reading manifest {reference} of {repository}");
        let path = format!("{}/manifests/{reference}", repository.path());
        let mut call = self.reading(repository, doing.clone(), To::Path(path));
        call.headers.insert(ACCEPT, accepted());
        call.collect = Some(MAX_MANIFEST);
        let answer = self.call(&call).await?;
        let wrong = |message: String| RegistryError::new(doing.clone(), ErrorKind::Wrong(message));
        let digest = digest_of(&answer.bytes);
        if let Wanted::Digest(wanted) = wanted
            && *wanted != digest
        {
            return Err(wrong(format!("the bytes that came have another digest, {digest}")));
        }
        if let Some(stated) = answer.header(CONTENT_DIGEST)
            && stated != digest.as_str()
        {
            // A digest of another algorithm states nothing about this one.
            if stated.starts_with("sha256:") || !is_digest(stated) {
                let stated: String = stated.chars().take(80).collect();
                return Err(wrong(format!(
                    "the registry states the digest {stated}, the bytes have {digest}"
                )));
            }
        }
        let media_type = answer.header(CONTENT_TYPE.as_str());
        let media_type = media_type.and_then(|text| text.split(';').next());
        let media_type =
            media_type.map(|text| text.trim().to_ascii_lowercase()).filter(|text| !text.is_empty());
        let etag = answer.headers.get(reqwest::header::ETAG).cloned();
        Ok(Manifest { media_type, digest, bytes: answer.bytes, etag })
    }

    /// The digest that stands under a tag, without the manifest where the registry tells it.
    ///
    /// # Errors
    /// As [`Client::manifest`]. Whoever uses the digest asks for the manifest by it, and so finds a lie.
    pub async fn resolve(
        &self,
        repository: &Repository,
        tag: &str,
    ) -> Result<Digest, RegistryError> {
        let wanted = Wanted::Tag(tag.to_owned());
        let found = self
            .ask_each(repository, async |repository| self.head(&repository, &wanted).await)
            .await?;
        match found {
            Some(digest) => Ok(digest),
            None => Ok(self.manifest(repository, &wanted).await?.digest),
        }
    }

    async fn head(
        &self,
        repository: &Repository,
        wanted: &Wanted,
    ) -> Result<Option<Digest>, RegistryError> {
        let reference = reference(repository, wanted)?;
        let doing = format!("asking for manifest {reference} of {repository}");
        let path = format!("{}/manifests/{reference}", repository.path());
        let mut call = self.reading(repository, doing, To::Path(path));
        call.method = Method::HEAD;
        call.headers.insert(ACCEPT, accepted());
        let answer = self.call(&call).await?;
        Ok(answer.header(CONTENT_DIGEST).and_then(|text| text.parse().ok()))
    }
}

fn reference(repository: &Repository, wanted: &Wanted) -> Result<String, RegistryError> {
    let input = |message: &str| {
        Err(RegistryError::new(
            format!("reading from {repository}"),
            ErrorKind::Input(message.to_owned()),
        ))
    };
    match wanted {
        Wanted::Tag(tag) if is_tag(tag) => Ok(tag.clone()),
        Wanted::Tag(_) => input("the tag is not well formed"),
        Wanted::Digest(digest) => Ok(digest.to_string()),
        Wanted::Only => input("a repository holds many images: name a tag or a digest"),
    }
}
