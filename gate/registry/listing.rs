//! Lists: tags, and what is attached to a manifest.

use std::{collections::BTreeSet, num::NonZeroUsize};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LINK};
use secgate_formats::oci::{Descriptor, INDEX, Index};
use secgate_model::Digest;
use secgate_source::{MAX_MANIFEST, Wanted};
use serde::Deserialize;

use crate::{
    client::Client,
    error::{ErrorKind, RegistryError},
    exchange::{Answer, Call, To, form},
    repository::{Repository, is_tag},
};

const MAX_PAGES: usize = 1000;

#[derive(Deserialize)]
struct WireTags {
    tags: Option<Vec<String>>,
}

/// What is attached to a manifest, as its registry says. Whether it is so, the attached manifest's own `subject` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrers {
    /// In the registry's order.
    pub manifests: Vec<Descriptor>,
    /// Whether the list stands under a tag, because the registry has no referrers API. Its entries may then lack their artifact type.
    pub fallback: bool,
}

impl Client {
    /// All tags of a repository, in the registry's order, from the registry itself.
    ///
    /// # Errors
    /// When there is no such repository, when the list cannot be had whole, or when it has more than `limit` tags.
    pub async fn tags(
        &self,
        repository: &Repository,
        limit: NonZeroUsize,
    ) -> Result<Vec<String>, RegistryError> {
        let doing = format!("listing the tags of {repository}");
        let path = format!("{}/tags/list?n=1000", repository.path());
        let mut call = self.reading(repository, doing.clone(), To::Path(path));
        call.collect = Some(MAX_MANIFEST);
        let mut pages = Pages::new(doing);
        let mut tags = Vec::new();
        loop {
            let answer = self.call(&call).await?;
            let page: WireTags = serde_json::from_slice(&answer.bytes).map_err(|_| {
                pages.failed(ErrorKind::Wrong("the answer is no list of tags".to_owned()))
            })?;
            for tag in page.tags.unwrap_or_default() {
                if !is_tag(&tag) {
                    return Err(
                        pages.failed(ErrorKind::Wrong("it holds what is no tag".to_owned()))
                    );
                }
                if tags.len() >= limit.get() {
                    return Err(pages.failed(ErrorKind::TooLarge(format!("{limit} tags"))));
                }
                tags.push(tag);
            }
            if !pages.next(&answer, &mut call)? {
                return Ok(tags);
            }
        }
    }

    /// What is attached to the manifest with this digest, from the registry itself: by the referrers API, or where there is none by
    /// the tag that stands for it (OCI distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema").
    /// With an artifact type, only what has it or does not tell one.
    ///
    /// # Errors
    /// When the list cannot be had whole, or has more than `limit` entries. A registry that says 401, 403 or 5xx has not said "none".
    pub async fn referrers(
        &self,
        repository: &Repository,
        digest: &Digest,
        artifact_type: Option<&str>,
        limit: NonZeroUsize,
    ) -> Result<Referrers, RegistryError> {
        let doing = format!("listing what is attached to {digest} in {repository}");
        let query = artifact_type
            .map(|kind| format!("?{}", form(&[("artifactType", kind)])))
            .unwrap_or_default();
        let path = format!("{}/referrers/{digest}{query}", repository.path());
        let mut call = self.reading(repository, doing.clone(), To::Path(path));
        call.headers.insert(ACCEPT, HeaderValue::from_static(INDEX[0]));
        call.collect = Some(MAX_MANIFEST);
        let mut pages = Pages::new(doing);
        let mut manifests = Vec::new();
        let mut first = true;
        let fallback = loop {
            let answer = match self.call(&call).await {
                Err(error) if first && error.kind == ErrorKind::NotFound => break true,
                answer => answer?,
            };
            first = false;
            let kind = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
            if !kind.to_ascii_lowercase().starts_with(INDEX[0]) {
                return Err(pages.failed(ErrorKind::Wrong("the answer is no index".to_owned())));
            }
            add(&mut manifests, &answer.bytes, limit).map_err(|kind| pages.failed(kind))?;
            if !pages.next(&answer, &mut call)? {
                break false;
            }
        };
        if fallback {
            match self.manifest_of(repository, &Wanted::Tag(fallback_tag(digest))).await {
                Ok(index) => {
                    add(&mut manifests, &index.bytes, limit).map_err(|kind| pages.failed(kind))?;
                }
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(wanted) = artifact_type {
            // Under the tag an entry may carry its configuration's type or none: it is for the reader to look into it.
            manifests.retain(|entry| {
                fallback || entry.artifact_type.as_deref().is_none_or(|kind| kind == wanted)
            });
        }
        Ok(Referrers { manifests, fallback })
    }
}

/// The tag under which a registry without a referrers API keeps the list.
pub(crate) fn fallback_tag(digest: &Digest) -> String {
    format!("sha256-{}", digest.hex())
}

fn add(
    manifests: &mut Vec<Descriptor>,
    bytes: &[u8],
    limit: NonZeroUsize,
) -> Result<(), ErrorKind> {
    let index: Index = serde_json::from_slice(bytes)
        .map_err(|_| ErrorKind::Wrong("the list is not an index that can be read".to_owned()))?;
    if manifests.len().saturating_add(index.manifests.len()) > limit.get() {
        return Err(ErrorKind::TooLarge(format!("{limit} entries")));
    }
    manifests.extend(index.manifests);
    Ok(())
}

/// The way through a list of several pages.
struct Pages {
    doing: String,
    seen: BTreeSet<String>,
}

impl Pages {
    fn new(doing: String) -> Self {
        Self { doing, seen: BTreeSet::new() }
    }

    fn failed(&self, kind: ErrorKind) -> RegistryError {
        RegistryError::new(self.doing.clone(), kind)
    }

    fn wrong(&self, message: &str) -> RegistryError {
        self.failed(ErrorKind::Wrong(message.to_owned()))
    }

    /// Points the call to the next page, where there is one (RFC 8288, relation `next`).
    fn next(&mut self, answer: &Answer, call: &mut Call<'_>) -> Result<bool, RegistryError> {
        let links = answer.headers.get_all(LINK);
        let links = links.iter().filter_map(|value| value.to_str().ok());
        let Some(target) = links.flat_map(|text| text.split(", ")).find_map(next_link) else {
            return Ok(false);
        };
        let url = answer.url.join(target);
        let url = url.map_err(|_| self.wrong("the next page has no address"))?;
        if url.origin() != answer.url.origin() {
            return Err(
                self.failed(ErrorKind::Refused("the next page is on another host".to_owned()))
            );
        }
        if !self.seen.insert(url.to_string()) {
            return Err(self.wrong("the pages of the list go in a circle"));
        }
        if self.seen.len() >= MAX_PAGES {
            return Err(self.failed(ErrorKind::TooLarge(format!("{MAX_PAGES} pages"))));
        }
        call.to = To::Url(url);
        Ok(true)
    }
}

fn next_link(text: &str) -> Option<&str> {
    let (target, parameters) = text.trim().strip_prefix('<')?.split_once('>')?;
    let next = parameters.split(';').any(|parameter| {
        let parameter = parameter.trim();
        parameter.split_once('=').is_some_and(|(name, value)| {
            name.trim().eq_ignore_ascii_case("rel")
                && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
        })
    });
    next.then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        assert_eq!(
            next_link(r#"</v2/a/tags/list?last=b&n=5>; rel="next""#),
            Some("/v2/a/tags/list?last=b&n=5")
        );
        assert_eq!(next_link("<x>;rel=next"), Some("x"));
        assert_eq!(next_link(r#"<x>; rel="prev""#), None);
        assert_eq!(next_link("x; rel=next"), None);
        assert_eq!(next_link("<x"), None);
    }
}
