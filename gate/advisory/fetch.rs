use std::{
    fs::File,
    io::{self, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{
    Client, StatusCode, Url,
    header::{ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER},
    redirect::Policy,
};

/// Where advisories come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A web server with the layout of the public OSV export.
    Web(Url),
    /// A folder with the same layout.
    Folder(PathBuf),
}

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is none.
    #[error("`{0}` is neither an http(s) address nor a folder")]
    Address(String),
    /// The request failed.
    #[error("{url}: {message}")]
    Request {
        /// The address, without credentials.
        url: String,
        /// What went wrong.
        message: String,
    },
    /// It is larger than it may be.
    #[error("{url}: larger than {limit} bytes")]
    TooLarge {
        /// The address, without credentials.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file could not be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

/// What a server or a folder gave at an earlier time, to ask whether it has changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

pub(crate) enum Fetched {
    /// It has not changed since the validators were given.
    Unmodified,
    /// There is no such file.
    Missing,
    Body(Download),
}

/// A whole file, complete, rewound to its start.
pub(crate) struct Download {
    pub(crate) file: File,
    pub(crate) length: u64,
    pub(crate) validators: Validators,
    /// Milliseconds since 1970.
    pub(crate) file_time: Option<i64>,
}

impl Origin {
    /// Reads `http://…`, `https://…`, `file://…` or a folder's path.
    ///
    /// # Errors
    /// When it is an address of another scheme.
    pub fn parse(text: &str) -> Result<Self, FetchError> {
        match text.split_once("://") {
            None => Ok(Self::Folder(PathBuf::from(text))),
            Some((scheme, path)) if scheme.eq_ignore_ascii_case("file") => {
                Ok(Self::Folder(PathBuf::from(path)))
            }
            Some((scheme, _))
                if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") =>
            {
                let mut url = Url::parse(text).map_err(|_| no_address(text))?;
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                Ok(Self::Web(url))
            }
            Some(_) => Err(no_address(text)),
        }
    }

    /// Reads the address or path of one file.
    ///
    /// # Errors
    /// When it is an address of another scheme.
    pub fn parse_file(text: &str) -> Result<Self, FetchError> {
        match Self::parse(text)? {
            Self::Web(_) => Url::parse(text).map(Self::Web).map_err(|_| no_address(text)),
            folder @ Self::Folder(_) => Ok(folder),
        }
    }

    /// The origin as a person may see it: without credentials.
    pub fn shown(&self) -> String {
        match self {
            Self::Web(url) => shown(url),
            Self::Folder(path) => path.display().to_string(),
        }
    }

    /// The part of the origin at these path segments.
    pub(crate) fn part(&self, segments: &[&str]) -> Self {
        match self {
            Self::Web(url) => {
                let mut url = url.clone();
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop_if_empty().extend(segments);
                }
                Self::Web(url)
            }
            Self::Folder(path) => {
                Self::Folder(segments.iter().fold(path.clone(), |path, segment| path.join(segment)))
            }
        }
    }
}

pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    url.set_query(None);
    url.to_string()
}

/// A text that is no address may hold credentials all the same: what stands before its last `@` is not repeated.
fn no_address(text: &str) -> FetchError {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    FetchError::Address(format!("{scheme}://{rest}").chars().take(200).collect())
}

/// A client that follows a redirect only inside the origin that was asked: a mirror decides about its own content, not
/// about which other hosts this machine talks to.
pub(crate) fn client() -> Result<Client, FetchError> {
    Client::builder()
        .user_agent(concat!("secgate/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(Duration::from_secs(60))
        // A server that sends a byte a minute would be waited for without end.
        .timeout(Duration::from_secs(3600))
        .redirect(Policy::custom(|attempt| {
            let same = attempt
                .previous()
                .first()
                .is_some_and(|first| first.origin() == attempt.url().origin());
            if !same {
                let to = shown(attempt.url());
                attempt.error(format!(
                    "redirected to another origin, {to}: give that address if you trust it"
                ))
            } else if attempt.previous().len() > 5 {
                attempt.error("more than five redirects")
            } else {
                attempt.follow()
            }
        }))
        .build()
        .map_err(|error| FetchError::Request { url: "client".to_owned(), message: cause(&error) })
}

const TRIES: u32 = 3;

/// Fetches one file whole into an unnamed temporary file in `room`. Tries again, a little later each time, when the
/// network or the server fails; a body that is shorter than announced is a failure.
pub(crate) async fn fetch(
    client: &Client,
    part: &Origin,
    validators: &Validators,
    limit: u64,
    room: &Path,
    advance: &(dyn Fn(u64, Option<u64>) + Sync),
) -> Result<Fetched, FetchError> {
    let url = match part {
        Origin::Folder(path) => return open(path, validators, limit),
        Origin::Web(url) => url,
    };
    let mut wait = Duration::from_millis(300);
    for attempt in 1.. {
        match once(client, url, validators, limit, room, advance).await {
            Ok(fetched) => return Ok(fetched),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Passing(error, _)) if attempt >= TRIES => return Err(error),
            Err(Failure::Passing(_, after)) => {
                tokio::time::sleep(after.unwrap_or(wait).min(Duration::from_secs(20))).await;
                wait *= 3;
            }
        }
    }
    unreachable!("the loop returns at its last try")
}

enum Failure {
    Final(FetchError),
    Passing(FetchError, Option<Duration>),
}

async fn once(
    client: &Client,
    url: &Url,
    validators: &Validators,
    limit: u64,
    room: &Path,
    advance: &(dyn Fn(u64, Option<u64>) + Sync),
) -> Result<Fetched, Failure> {
    let failed = |message: String| FetchError::Request { url: shown(url), message };
    let passing = |error: reqwest::Error| {
        let final_one = error.is_redirect() || error.is_builder();
        let error = failed(cause(&error.without_url()));
        if final_one { Failure::Final(error) } else { Failure::Passing(error, None) }
    };
    let mut request = client.get(url.clone());
    if let Some(etag) = &validators.etag {
        request = request.header(IF_NONE_MATCH, etag);
    } else if let Some(time) = &validators.last_modified {
        request = request.header(IF_MODIFIED_SINCE, time);
    }
    let mut response = request.send().await.map_err(passing)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_MODIFIED
            if validators.etag.is_some() || validators.last_modified.is_some() =>
        {
            return Ok(Fetched::Unmodified);
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Fetched::Missing),
        status => {
            let after =
                header(response.headers(), RETRY_AFTER.as_str()).and_then(|text| text.parse().ok());
            let error = failed(format!("the server answered {status}"));
            let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return Err(if passing {
                Failure::Passing(error, after.map(Duration::from_secs))
            } else {
                Failure::Final(error)
            });
        }
    }
    let announced = response.content_length();
    let too_large = || Failure::Final(FetchError::TooLarge { url: shown(url), limit });
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let etag = header(response.headers(), ETAG.as_str());
    let last_modified = header(response.headers(), LAST_MODIFIED.as_str());
    let disk = |error: io::Error| Failure::Final(FetchError::File { path: room.to_owned(), error });
    let mut file = tempfile::tempfile_in(room).map_err(disk)?;
    let mut length = 0;
    while let Some(chunk) = response.chunk().await.map_err(passing)? {
        length += chunk.len() as u64;
        if length > limit {
            return Err(too_large());
        }
        file.write_all(&chunk).map_err(disk)?;
        advance(chunk.len() as u64, announced);
    }
    if announced.is_some_and(|announced| announced != length) {
        return Err(Failure::Passing(
            failed("the answer is shorter than announced".to_owned()),
            None,
        ));
    }
    file.rewind().map_err(disk)?;
    let file_time = last_modified.as_deref().and_then(http_date);
    Ok(Fetched::Body(Download {
        file,
        length,
        validators: Validators { etag, last_modified },
        file_time,
    }))
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (text.len() <= 200).then(|| text.to_owned())
}

/// An HTTP date (RFC 9110 §5.6.7, the preferred form) in milliseconds since 1970.
fn http_date(text: &str) -> Option<i64> {
    let text =
        text.strip_suffix("GMT").map_or_else(|| text.to_owned(), |rest| format!("{rest}+0000"));
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(&text)
        .ok()
        .map(Timestamp::as_millisecond)
}

fn open(path: &Path, validators: &Validators, limit: u64) -> Result<Fetched, FetchError> {
    let failed = |error: io::Error| FetchError::File { path: path.to_owned(), error };
    // Looked at before it is opened: opening a pipe would wait for its other end.
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => {}
        Ok(_) => return Ok(Fetched::Missing),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Fetched::Missing),
        Err(error) => return Err(failed(error)),
    }
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if meta.len() > limit {
        return Err(FetchError::TooLarge { url: path.display().to_string(), limit });
    }
    let time =
        meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let file_time = time.and_then(|time| i64::try_from(time.as_millis()).ok());
    let etag = file_time.map(|time| format!("file-{time}-{}", meta.len()));
    if etag.is_some() && etag == validators.etag {
        return Ok(Fetched::Unmodified);
    }
    let validators = Validators { etag, last_modified: None };
    Ok(Fetched::Body(Download { file, length: meta.len(), validators, file_time }))
}

/// An error with everything that caused it, on one line.
fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        inner = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        let web = Origin::parse("https://user:secret@example.org/osv").unwrap();
        assert_eq!(web.shown(), "https://example.org/osv/");
        assert_eq!(
            web.part(&["GitHub Actions", "all.zip"]).shown(),
            "https://example.org/osv/GitHub%20Actions/all.zip"
        );
        assert_eq!(Origin::parse("file:///srv/osv").unwrap(), Origin::Folder("/srv/osv".into()));
        assert!(matches!(Origin::parse("HTTPS://example.org").unwrap(), Origin::Web(_)));
        for bad in ["ftp://me:secret@example.org/x?token=secret", "https://me:secret@[bad/"] {
            let message = Origin::parse(bad).unwrap_err().to_string();
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn http_dates() {
        assert_eq!(http_date("Fri, 20 Nov 2026 18:37:25 GMT"), Some(1_795_199_845_000));
        assert_eq!(http_date("yesterday"), None);
    }
}
