//! A static web server on the loopback address that can be told to misbehave.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use crate::mirror::Mirror;

/// What a path does instead of being served.
#[derive(Clone)]
pub(crate) enum Twist {
    /// Announces the whole length, sends half, closes.
    Cut,
    /// Answers 500 so many times, then serves.
    Fails(u32),
    /// Answers 404.
    Missing,
    /// Sends to this address.
    Redirect(String),
    /// Sends half and then nothing until the server is released.
    Hangs,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Validator {
    ETag,
    LastModified,
}

struct State {
    files: BTreeMap<String, Vec<u8>>,
    twists: BTreeMap<String, Twist>,
    validator: Validator,
    /// `path status`, as served.
    log: Vec<String>,
    hanging: usize,
    released: bool,
}

pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

const TIME: &str = "Mon, 05 Jan 2026 00:00:00 GMT";

impl Server {
    pub(crate) fn of(mirror: &Mirror) -> Self {
        Self::with(mirror, Validator::ETag)
    }

    pub(crate) fn with(mirror: &Mirror, validator: Validator) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            files: mirror.files(),
            twists: BTreeMap::new(),
            validator,
            log: Vec::new(),
            hanging: 0,
            released: false,
        };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                thread::spawn(move || {
                    // A client that goes away early is part of the tests.
                    let _ = serve(stream, &shared);
                });
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn set(&self, mirror: &Mirror) {
        self.state.0.lock().unwrap().files = mirror.files();
    }

    pub(crate) fn replace(&self, path: &str, bytes: &[u8]) {
        self.state.0.lock().unwrap().files.insert(path.to_owned(), bytes.to_vec());
    }

    pub(crate) fn twist(&self, path: &str, twist: Twist) {
        self.state.0.lock().unwrap().twists.insert(path.to_owned(), twist);
    }

    /// What was served since the last call.
    pub(crate) fn log(&self) -> Vec<String> {
        let mut log = std::mem::take(&mut self.state.0.lock().unwrap().log);
        log.sort();
        log
    }

    /// Waits until some client hangs in a half-sent body.
    pub(crate) fn wait_for_hanging(&self) {
        let (state, changed) = &*self.state;
        let state = state.lock().unwrap();
        let (state, waited) = changed
            .wait_timeout_while(state, Duration::from_secs(30), |state| state.hanging == 0)
            .unwrap();
        assert!(!waited.timed_out(), "nobody asked for it: {:?}", state.log);
    }

    /// Lets every hanging answer end.
    pub(crate) fn release(&self) {
        let (state, changed) = &*self.state;
        state.lock().unwrap().released = true;
        changed.notify_all();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.release();
    }
}

fn serve(mut stream: TcpStream, shared: &(Mutex<State>, Condvar)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').replace("%20", " ");
    let mut known = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("if-none-match")
            || name.eq_ignore_ascii_case("if-modified-since")
        {
            known.push(value.to_owned());
        }
    }
    let (mutex, changed) = shared;
    let mut state = mutex.lock().unwrap();
    let body = state.files.get(&path).cloned();
    let twist = state.twists.get(&path).cloned();
    let tag = match (&body, state.validator) {
        (Some(body), Validator::ETag) => Some(("ETag", tag(body))),
        (Some(_), Validator::LastModified) => Some(("Last-Modified", TIME.to_owned())),
        (None, _) => None,
    };
    let head = |status: &str, length: usize| {
        let tag =
            tag.as_ref().map_or(String::new(), |(name, value)| format!("{name}: {value}\r\n"));
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{tag}Connection: close\r\n")
    };
    let log = |state: &mut State, status: u16| state.log.push(format!("{path} {status}"));
    let unchanged = tag.as_ref().is_some_and(|(_, value)| known.contains(value));
    match (twist, body) {
        (Some(Twist::Missing), _) | (None, None) => {
            log(&mut state, 404);
            write!(stream, "{}\r\n", head("404 Not Found", 0))
        }
        (Some(Twist::Fails(times)), _) if times > 0 => {
            log(&mut state, 500);
            state.twists.insert(path.clone(), Twist::Fails(times - 1));
            write!(stream, "{}Retry-After: 0\r\n\r\n", head("500 Broken", 0))
        }
        (Some(Twist::Redirect(to)), _) => {
            log(&mut state, 302);
            write!(stream, "{}Location: {to}\r\n\r\n", head("302 Found", 0))
        }
        (Some(Twist::Cut), Some(body)) => {
            log(&mut state, 200);
            write!(stream, "{}\r\n", head("200 OK", body.len()))?;
            stream.write_all(&body[..body.len() / 2])
        }
        (Some(Twist::Hangs), Some(body)) => {
            log(&mut state, 200);
            write!(stream, "{}\r\n", head("200 OK", body.len()))?;
            stream.write_all(&body[..body.len() / 2])?;
            stream.flush()?;
            state.hanging += 1;
            changed.notify_all();
            let _state = changed.wait_while(state, |state| !state.released).unwrap();
            Ok(())
        }
        (_, Some(_)) if unchanged => {
            log(&mut state, 304);
            write!(
                stream,
                "{}\r\n",
                head("304 Not Modified", 0).replace("Content-Length: 0\r\n", "")
            )
        }
        (_, Some(body)) => {
            log(&mut state, 200);
            drop(state);
            write!(stream, "{}\r\n", head("200 OK", body.len()))?;
            stream.write_all(&body)
        }
        (Some(_), None) => {
            log(&mut state, 404);
            write!(stream, "{}\r\n", head("404 Not Found", 0))
        }
    }
}

/// Tells contents apart; nothing more is asked of it.
fn tag(body: &[u8]) -> String {
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!("\"{hash:x}\"")
}
