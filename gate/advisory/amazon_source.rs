//! Where the advisories of Amazon Linux stand: below a mirror's folder, or in a repository of the vendor.
//!
//! The vendor's network of servers names the present repository in a `mirror.list`, whose `repodata/repomd.xml` names the
//! list of updates (the repository format of createrepo).

use std::{io::Read, path::Path, sync::Arc};

use reqwest::{Client, Url};
use roxmltree::Document;

use crate::{
    FeedError, FetchError, Origin, Progress, UpdateError,
    amazon::{AMAZON, read_updateinfo},
    feed::Feed,
    fetch::{Fetched, Validators, fetch},
    part::{Fresh, Part},
};

/// Advisories of one release of Amazon Linux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmazonSource {
    /// The release: `1`, `2`, `2023`.
    pub release: String,
    /// An `updateinfo.xml` (plain, `.gz`, `.zst`), a `mirror.list`, or the base of a repository.
    pub at: Origin,
}

impl AmazonSource {
    /// Reads `RELEASE=ADDRESS`.
    ///
    /// # Errors
    /// When the release or the address is none.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        let (release, at) = text.split_once('=').unwrap_or(("", text));
        let is_release = !release.is_empty()
            && release.len() <= 8
            && release.bytes().all(|b| b.is_ascii_digit());
        if !is_release {
            let shown: String = release.chars().take(20).collect();
            return Err(FetchError::Address(format!("{shown}=… (expected RELEASE=ADDRESS)")));
        }
        Ok(Self { release: release.to_owned(), at: Origin::parse_file(at)? })
    }
}

const RELEASES: [&str; 3] = ["1", "2", "2023"];
const FILES: [&str; 3] = ["updateinfo.xml.gz", "updateinfo.xml.zst", "updateinfo.xml"];
const MAX_LIST: u64 = 64 << 10;
const MAX_INDEX: u64 = 4 << 20;
const MAX_UPDATES: u64 = 256 << 20;

/// What a folder holds below `amazon/RELEASE/`.
pub(crate) fn below(origin: &Origin) -> Vec<AmazonSource> {
    let Origin::Folder(folder) = origin else { return Vec::new() };
    let mut found = Vec::new();
    for release in RELEASES {
        let folder = folder.join("amazon").join(release);
        let path = FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file());
        found.extend(
            path.map(|path| AmazonSource { release: release.to_owned(), at: Origin::Folder(path) }),
        );
    }
    found
}

/// Fetches and reads every source; `seen` is what was held before.
pub(crate) async fn gather_amazon(
    sources: &[AmazonSource],
    client: &Client,
    room: &Path,
    seen: Option<&Vec<(String, i64)>>,
    progress: &Arc<dyn Progress>,
) -> Result<Fresh, UpdateError> {
    let mut feed = Feed::named(AMAZON);
    let mut newest = None;
    for source in sources {
        let at = resolve(&source.at, client, room).await?;
        let (bytes, time) = whole(&at, client, room, MAX_UPDATES, progress).await?;
        read_updateinfo(&mut feed, &source.release, &bytes)?;
        newest = newest.max(time);
    }
    let feed = feed.finish();
    progress.finished(AMAZON, &format!("{} advisories", feed.source.records));
    let is_known = seen.is_some_and(|seen| *seen == feed.seen);
    Ok(Fresh {
        name: AMAZON.to_owned(),
        part: if is_known { Part::Unchanged } else { Part::Full(feed) },
        validators: Validators::default(),
        time: newest,
        note: None,
    })
}

/// The address of the list of updates itself.
async fn resolve(at: &Origin, client: &Client, room: &Path) -> Result<Origin, UpdateError> {
    let name = last_segment(at);
    if name.contains("updateinfo") {
        return Ok(at.clone());
    }
    let silent: Arc<dyn Progress> = Arc::new(crate::Silent);
    let base = if name == "mirror.list" {
        let (bytes, _) = whole(at, client, room, MAX_LIST, &silent).await?;
        first_mirror(at, &String::from_utf8_lossy(&bytes))?
    } else {
        at.clone()
    };
    let index = base.part(&["repodata", "repomd.xml"]);
    let (bytes, _) = whole(&index, client, room, MAX_INDEX, &silent).await?;
    let text = String::from_utf8_lossy(&bytes);
    let place = updates_of(&text)
        .ok_or_else(|| malformed(&index, "it names no list of updates inside its repository"))?;
    Ok(base.part(&place))
}

fn last_segment(at: &Origin) -> String {
    match at {
        Origin::Web(url) => {
            let mut segments = url.path().rsplit('/');
            segments.find(|segment| !segment.is_empty()).unwrap_or_default().to_owned()
        }
        Origin::Folder(path) => {
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        }
    }
}

/// The first repository of a list. It has to be at the host that gave the list: a list decides which copy is the present
/// one, not about which other hosts this machine talks to.
fn first_mirror(list: &Origin, text: &str) -> Result<Origin, UpdateError> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let line = line.unwrap_or_default().replace("$basearch", "x86_64");
    let (Origin::Web(given), Ok(mirror)) = (list, Url::parse(&line)) else {
        return Err(malformed(list, "its first line is no address"));
    };
    if mirror.host_str() != given.host_str() || !matches!(mirror.scheme(), "http" | "https") {
        return Err(malformed(list, "it names another host: give that address if you trust it"));
    }
    Ok(Origin::parse(mirror.as_str())?)
}

/// The path of the list of updates in an index of a repository, segment by segment.
fn updates_of(text: &str) -> Option<Vec<&str>> {
    let document = Document::parse(text).ok()?;
    let place = document
        .root_element()
        .children()
        .find(|node| {
            node.tag_name().name() == "data" && node.attribute("type") == Some("updateinfo")
        })?
        .children()
        .find(|node| node.tag_name().name() == "location")?
        .attribute("href")?;
    // The text outlives the document that was parsed from it.
    let place = text.get(text.find(place)?..)?.get(..place.len())?;
    let segments: Vec<&str> = place.split('/').collect();
    let is_plain = |segment: &&str| {
        !segment.is_empty()
            && !segment.starts_with('.')
            && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    segments.iter().all(is_plain).then_some(segments)
}

async fn whole(
    at: &Origin,
    client: &Client,
    room: &Path,
    limit: u64,
    progress: &Arc<dyn Progress>,
) -> Result<(Vec<u8>, Option<i64>), UpdateError> {
    let advance = |bytes, total| progress.received(AMAZON, bytes, total);
    match fetch(client, at, &Validators::default(), limit, room, &advance).await? {
        Fetched::Body(mut body) => {
            let mut bytes = Vec::with_capacity(usize::try_from(body.length).unwrap_or_default());
            body.file.read_to_end(&mut bytes).map_err(|error| FetchError::Request {
                url: at.shown(),
                message: error.to_string(),
            })?;
            Ok((bytes, body.file_time))
        }
        _ => Err(UpdateError::Missing { origin: at.shown(), part: "advisories".to_owned() }),
    }
}

fn malformed(at: &Origin, message: &str) -> UpdateError {
    FeedError::Malformed { name: at.shown(), message: message.to_owned() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_a_release_and_an_address() {
        let source = AmazonSource::parse("2023=https://example.org/a/updateinfo.xml.gz").unwrap();
        assert_eq!(source.release, "2023");
        assert_eq!(last_segment(&source.at), "updateinfo.xml.gz");
        for text in ["https://example.org/x", "two=https://example.org", "=x", "2=ftp://x"] {
            assert!(AmazonSource::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_list_of_mirrors_stays_at_its_host() {
        let list = Origin::parse_file("https://cdn.example.org/core/mirror.list").unwrap();
        let found = |text: &str| first_mirror(&list, text).map(|origin| origin.shown()).ok();
        assert_eq!(
            found("https://cdn.example.org/core/guids/1/$basearch\nhttps://other.example.org/"),
            Some("https://cdn.example.org/core/guids/1/x86_64/".to_owned())
        );
        for text in ["", "https://other.example.org/a", "file:///etc", "nonsense"] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn an_index_names_its_updates() {
        let index = |href: &str| {
            format!(
                r#"<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary"><location href="repodata/p.xml.gz"/></data><data type="updateinfo"><location href="{href}"/></data></repomd>"#
            )
        };
        assert_eq!(
            updates_of(&index("repodata/abc-updateinfo.xml.gz")),
            Some(vec!["repodata", "abc-updateinfo.xml.gz"])
        );
        for href in ["../x", "/etc/x", "https://example.org/x", "a//b", ""] {
            assert_eq!(updates_of(&index(href)), None, "{href}");
        }
        assert_eq!(updates_of("<repomd/>"), None);
        assert_eq!(updates_of("nonsense"), None);
    }

    #[test]
    fn a_folder_is_built_from_and_a_repository_followed() {
        const LIST: &str = include_str!("testdata/updateinfo.xml");
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("mirror/amazon/2023")).unwrap();
        std::fs::write(at("mirror/amazon/2023/updateinfo.xml"), LIST).unwrap();
        std::fs::create_dir_all(at("repository/repodata")).unwrap();
        let index = r#"<repomd><data type="updateinfo"><location href="repodata/u-updateinfo.xml"/></data></repomd>"#;
        std::fs::write(at("repository/repodata/repomd.xml"), index).unwrap();
        std::fs::write(at("repository/repodata/u-updateinfo.xml"), LIST).unwrap();
        let mut options = crate::UpdateOptions {
            origin: Origin::Folder(at("mirror")),
            ecosystems: Vec::new(),
            kev: None,
            epss: None,
            amazon: Vec::new(),
            full: false,
            database: at("db"),
            now: "2024-08-01T00:00:00Z".parse().unwrap(),
        };
        let silent: Arc<dyn Progress> = Arc::new(crate::Silent);
        let built = crate::build(&options, &silent).unwrap();
        let source = &built.status.sources[0];
        assert_eq!((source.name.as_str(), source.records), (AMAZON, 3));
        assert_eq!(source.releases, ["2023"]);
        // The same again is no change; another source is.
        assert!(!crate::update(&options, &silent).unwrap().changed);
        let repository = AmazonSource { release: "2".into(), at: Origin::Folder(at("repository")) };
        options.amazon = vec![repository];
        options.full = true;
        let updated = crate::update(&options, &silent).unwrap();
        assert_eq!(updated.status.sources[0].releases, ["2"]);
        let nowhere = AmazonSource { release: "2".into(), at: Origin::Folder(at("nowhere")) };
        options.amazon = vec![nowhere];
        assert!(matches!(crate::update(&options, &silent), Err(UpdateError::Missing { .. })));
    }
}
