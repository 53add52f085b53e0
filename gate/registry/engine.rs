//! Docker and podman on this machine, by their socket: the Docker Engine API, `GET /images/{name}/json` and `/images/{name}/get`,
//! which podman's service speaks as well.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use reqwest::{Client as Http, Response, redirect::Policy};
use serde::Deserialize;
use tokio::{runtime, sync::mpsc};

use crate::{
    error::{ErrorKind, RegistryError, cause},
    registry::{CHUNKS_AHEAD, End, Stream, start},
    retry::Bounds,
};

/// What an engine says of an image, in bytes.
const MAX_DESCRIPTION: usize = 4 << 20;

/// A container engine behind a Unix socket. Use and drop it outside of any asynchronous runtime.
#[derive(Debug)]
pub struct Engine {
    http: Http,
    socket: PathBuf,
    bounds: Bounds,
    runtime: Option<runtime::Runtime>,
}

/// What an engine says of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EngineImage {
    /// The digest of its configuration, or of its manifest where the engine keeps images as containerd does.
    pub id: String,
    /// `name:tag`.
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
    /// `name@sha256:…`, as it was pulled or pushed.
    #[serde(default)]
    pub repo_digests: Option<Vec<String>>,
    /// `linux`, …
    #[serde(default)]
    pub os: String,
    /// `amd64`, …
    #[serde(default)]
    pub architecture: String,
}

impl Engine {
    /// An engine; nothing is asked yet.
    ///
    /// # Errors
    /// When the operating system gives no threads.
    pub fn new(socket: &Path, bounds: Bounds) -> Result<Self, RegistryError> {
        let name = format!("the engine at {}", socket.display());
        let http = Http::builder()
            .unix_socket(socket)
            .no_proxy()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(bounds.connect)
            .build();
        let http = http
            .map_err(|error| RegistryError::new(name.clone(), ErrorKind::Input(cause(&error))))?;
        Ok(Self { http, socket: socket.to_owned(), bounds, runtime: Some(start(&name)?) })
    }

    /// What the engine says of an image.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it has none of this name; otherwise when it cannot be asked.
    pub fn inspect(&self, name: &str) -> Result<EngineImage, RegistryError> {
        let doing = self.doing("asking", name);
        let failed = |kind| RegistryError::new(doing.clone(), kind);
        self.runtime().block_on(async {
            let mut response = self.get(name, "json").await.map_err(failed)?;
            let mut bytes = Vec::new();
            while let Some(chunk) = self.chunk(&mut response).await.map_err(failed)? {
                if bytes.len().saturating_add(chunk.len()) > MAX_DESCRIPTION {
                    return Err(failed(ErrorKind::TooLarge(format!("{MAX_DESCRIPTION} bytes"))));
                }
                bytes.extend_from_slice(&chunk);
            }
            serde_json::from_slice(&bytes).map_err(|_| {
                failed(ErrorKind::Wrong("its answer is no description of an image".to_owned()))
            })
        })
    }

    /// An image as the archive that `docker save` writes, at most `limit` bytes of it: more is an error of the reader.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it has none of this name; otherwise when it cannot be had.
    pub fn export(
        &self,
        name: &str,
        limit: u64,
    ) -> Result<Box<dyn Read + Send + '_>, RegistryError> {
        let doing = self.doing("exporting from", name);
        let failed = |kind| RegistryError::new(doing.clone(), kind);
        let mut response = self.runtime().block_on(self.get(name, "get")).map_err(failed)?;
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let idle = self.bounds.idle;
        self.runtime().spawn(async move {
            let mut total = 0_u64;
            loop {
                let next = match next(&mut response, idle).await {
                    Ok(Some(chunk)) => {
                        total = total.saturating_add(chunk.len() as u64);
                        if total > limit {
                            Err(ErrorKind::TooLarge(format!("{limit} bytes")))
                        } else {
                            Ok(Some(chunk))
                        }
                    }
                    other => other,
                };
                let more = matches!(next, Ok(Some(_)));
                let next = next.map_err(|kind| RegistryError::new(doing.clone(), kind));
                if sender.send(next).await.is_err() || !more {
                    return;
                }
            }
        });
        Ok(Box::new(Stream { receiver, bytes: Bytes::new(), end: End::Open }))
    }

    async fn get(&self, name: &str, what: &str) -> Result<Response, ErrorKind> {
        if !is_name(name) {
            return Err(ErrorKind::Input("this is no name or digest of an image".to_owned()));
        }
        // The host is for the protocol alone; the socket is where it goes.
        let request = self.http.get(format!("http://localhost/images/{name}/{what}"));
        // An engine may pack the archive before it sends the first byte.
        let response = tokio::time::timeout(self.bounds.operation, request.send()).await;
        let response = response
            .map_err(|_| ErrorKind::Slow("no answer in time".to_owned()))?
            .map_err(|error| self.unreachable(&error))?;
        match response.status().as_u16() {
            200 => Ok(response),
            404 => Err(ErrorKind::NotFound),
            403 => Err(ErrorKind::Forbidden),
            other => Err(ErrorKind::Status(other)),
        }
    }

    async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, ErrorKind> {
        next(response, self.bounds.idle).await
    }

    fn doing(&self, what: &str, name: &str) -> String {
        let name: String = name.chars().take(200).collect();
        format!("{what} the engine at {}: image `{}`", self.socket.display(), name.escape_debug())
    }

    fn unreachable(&self, error: &reqwest::Error) -> ErrorKind {
        let mut inner: Option<&(dyn std::error::Error + 'static)> = Some(error);
        let mut kind = None;
        while let Some(error) = inner {
            kind = kind.or(error.downcast_ref::<io::Error>().map(io::Error::kind));
            inner = error.source();
        }
        let socket = self.socket.display();
        ErrorKind::Unreachable(match kind {
            Some(io::ErrorKind::NotFound) => {
                format!("there is no socket {socket}: is the engine running?")
            }
            Some(io::ErrorKind::PermissionDenied) => {
                format!("no permission to use {socket}: are you in the engine's group?")
            }
            Some(io::ErrorKind::ConnectionRefused) => {
                format!("nobody listens at {socket}: is the engine running?")
            }
            _ => cause(error),
        })
    }

    fn runtime(&self) -> &runtime::Runtime {
        self.runtime.as_ref().expect("it is taken only when this is dropped")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn next(response: &mut Response, idle: Duration) -> Result<Option<Bytes>, ErrorKind> {
    let until = Instant::now() + idle;
    match tokio::time::timeout_at(until.into(), response.chunk()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(error)) => Err(ErrorKind::Unreachable(format!("it broke off: {}", cause(&error)))),
        Err(_) => Err(ErrorKind::Slow("the bytes stopped".to_owned())),
    }
}

/// A name, a digest or both, as engines take them: nothing that would mean another path.
fn is_name(name: &str) -> bool {
    name.len() <= 512
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:/@-".contains(&b))
        && name.split('/').all(|part| !part.is_empty() && !part.contains(".."))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        os::unix::net::UnixListener,
        thread,
    };

    use super::*;

    /// An engine that answers every request the same, and then hangs up.
    fn engine(answer: &'static [u8]) -> (tempfile::TempDir, Engine) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().unwrap().unwrap();
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                assert!(first.starts_with("GET /images/localhost/app:1/"), "{first}");
                let _ = stream.write_all(answer);
            }
        });
        let bounds = Bounds { idle: Duration::from_millis(500), ..Bounds::default() };
        let engine = Engine::new(&socket, bounds).unwrap();
        (folder, engine)
    }

    fn export(answer: &'static [u8], limit: u64) -> Result<Vec<u8>, String> {
        let (_folder, engine) = engine(answer);
        let mut bytes = Vec::new();
        let mut reader =
            engine.export("localhost/app:1", limit).map_err(|error| error.to_string())?;
        match (&mut reader).take(1 << 20).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => {
                assert!(reader.read(&mut [0]).is_err(), "an error stays an error");
                Err(error.to_string())
            }
        }
    }

    #[test]
    fn an_image_is_described_and_exported() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 104\r\n\r\n{\"Id\":\"sha256:aa\",\"RepoTags\":[\"localhost/app:1\"],\"RepoDigests\":[],\"Os\":\"linux\",\"Architecture\":\"amd64\"}  ";
        let (_folder, engine) = engine(answer);
        let image = engine.inspect("localhost/app:1").unwrap();
        assert_eq!(image.id, "sha256:aa");
        assert_eq!(image.repo_tags.unwrap(), ["localhost/app:1"]);
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(export(chunked, 5).unwrap(), b"abcde");
        assert!(export(chunked, 4).unwrap_err().contains("more than 4 bytes"));
    }

    #[test]
    fn an_archive_that_breaks_off_is_an_error() {
        let error =
            export(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", 100)
                .unwrap_err();
        assert!(error.contains("broke off"), "{error}");
        let error = export(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", 100).unwrap_err();
        assert!(error.contains("broke off"), "{error}");
    }

    #[test]
    fn errors_say_what_is_missing() {
        let check = |error: RegistryError, part: &str| {
            assert!(error.to_string().contains(part), "{error}");
        };
        let (_folder, none) = engine(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(none.inspect("localhost/app:1").unwrap_err().kind, ErrorKind::NotFound);
        let (_folder, broken) = engine(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]");
        check(broken.inspect("localhost/app:1").unwrap_err(), "no description");
        let folder = tempfile::tempdir().unwrap();
        let missing = Engine::new(&folder.path().join("none.sock"), Bounds::default()).unwrap();
        check(missing.inspect("a").unwrap_err(), "there is no socket");
        let left = folder.path().join("left.sock");
        drop(UnixListener::bind(&left).unwrap());
        let left = Engine::new(&left, Bounds::default()).unwrap();
        check(left.inspect("a").unwrap_err(), "nobody listens");
        for name in ["", "../x", "a/../b", "a b", "a?b", "a%2e", "/a", "a//b", "a\n", "-x"] {
            assert!(
                matches!(missing.inspect(name).unwrap_err().kind, ErrorKind::Input(_)),
                "{name}"
            );
        }
    }
}
