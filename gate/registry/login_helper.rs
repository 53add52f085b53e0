//! Credential helpers: Docker's protocol of `docker-credential-NAME get`, which reads a server's name and writes JSON.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{credential::Credential, docker_config::named, options::HelperRunner};

const MAX_OUTPUT: u64 = 1 << 20;
/// Between two looks at whether the program has ended.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

impl HelperRunner {
    /// Runs the programs in `folder`, or those that the operating system finds; each for at most `limit`.
    pub fn programs(folder: Option<PathBuf>, limit: Duration) -> Self {
        Self(Arc::new(move |name, server| get(folder.as_deref(), name, server, limit)))
    }
}

fn get(
    folder: Option<&Path>,
    name: &str,
    server: &str,
    limit: Duration,
) -> Result<Option<Credential>, String> {
    // The name comes out of a file and becomes a program's.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(
            "the name of a credential helper has letters, digits, `.`, `_` and `-`".to_owned()
        );
    }
    let program = format!("docker-credential-{name}");
    let path = folder.map_or_else(|| PathBuf::from(&program), |folder| folder.join(&program));
    let (status, output) = run(&path, server, limit).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!("{program}, which keeps the login for {server}, is not installed")
        }
        io::ErrorKind::TimedOut => format!("{program} did not end in {} s", limit.as_secs_f32()),
        _ => format!("{program} could not be run: {error}"),
    })?;
    if !status.success() {
        let text = String::from_utf8_lossy(&output);
        let line: String = text
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(200)
            .collect();
        // The words of the protocol's own library for "there is none".
        if line.contains("credentials not found") {
            return Ok(None);
        }
        return Err(format!("{program} failed for {server}: {line}"));
    }
    let answer: Answer = serde_json::from_slice(&output)
        .map_err(|_| format!("{program} answered for {server} with what is no login"))?;
    if answer.username.is_empty() && answer.secret.is_empty() {
        return Ok(None);
    }
    Ok(Some(named(&answer.username, &answer.secret)))
}

fn run(program: &Path, input: &str, limit: Duration) -> io::Result<(ExitStatus, Vec<u8>)> {
    let end = Instant::now() + limit;
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let result = talk(&mut child, input, end);
    if result.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    result
}

fn talk(child: &mut Child, input: &str, end: Instant) -> io::Result<(ExitStatus, Vec<u8>)> {
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not want to read it may say so by its status; the name fits into any pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        // On a thread of its own, which a child of the program that holds the pipe open may keep, but not this one.
        thread::spawn(move || {
            let mut output = Vec::new();
            let read = stdout.take(MAX_OUTPUT + 1).read_to_end(&mut output);
            let _ = sender.send(read.map(|_| output));
        });
    }
    let left = end.saturating_duration_since(Instant::now());
    let output =
        receiver.recv_timeout(left).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if output.len() as u64 > MAX_OUTPUT {
        return Err(io::Error::other("it writes too much"));
    }
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, output));
        }
        if Instant::now() >= end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(LOOK);
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn ask(script: &str) -> Result<Option<Credential>, String> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("docker-credential-test");
        // Written by another process: one that is forked by a test beside this one must not hold it open for writing.
        let mut child = Command::new("sh")
            .args(["-c", "cat > \"$1\"", "sh"])
            .arg(&program)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{script}\n").as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let runner = HelperRunner::programs(Some(folder.path().to_owned()), Duration::from_secs(2));
        (runner.0)("test", "registry.example")
    }

    #[test]
    fn helpers_are_asked() {
        let found = ask(
            r#"read server; [ "$1" = get ] && echo "{\"ServerURL\": \"x\", \"Username\": \"$server\", \"Secret\": \"p\"}""#,
        );
        assert_eq!(found, Ok(Some(Credential::password("registry.example", "p"))));
        let found = ask(r#"echo '{"Username": "<token>", "Secret": "refresh"}'"#);
        assert!(matches!(found, Ok(Some(Credential::Identity(_)))), "{found:?}");
        assert_eq!(ask("echo credentials not found in native keychain; exit 1"), Ok(None));
        assert_eq!(ask("echo '{}'"), Ok(None));
    }

    #[test]
    fn what_a_helper_cannot_do_is_an_error() {
        let check = |script: &str, part: &str| {
            let error = ask(script).unwrap_err();
            assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
        };
        check("echo locked; exit 1", "locked");
        check("echo hunter2", "no login");
        check("exec sleep 60", "did not end");
        check("sleep 60 & exit 0", "did not end");
        check("yes", "too much");
        for name in ["", "../x", "a/b", "a b", "a;b", &"a".repeat(65)] {
            assert!(
                get(None, name, "x", Duration::from_secs(1)).unwrap_err().contains("the name"),
                "{name}"
            );
        }
        let error =
            get(Some(Path::new("testdata")), "none", "x", Duration::from_secs(1)).unwrap_err();
        assert!(error.contains("not installed"), "{error}");
    }
}
