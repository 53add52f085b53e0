//! A folder of its own for each test, and the program run in it with nothing inherited but `PATH`.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::mirror::Mirror;

/// A package that no advisory of the fixture names, so a tree with it alone passes.
pub(crate) const CLEAN: &str = "demo-web==2.0.0\n";
/// One high finding that has a fix: `CVE-2025-10001`.
pub(crate) const VULNERABLE: &str = "demo-web==1.0.0\n";

/// A home, a cache and a work folder that vanish with the test.
pub(crate) struct Sandbox {
    dir: TempDir,
}

impl Sandbox {
    /// Without a database.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        fs::create_dir(dir.path().join("home")).unwrap();
        Self { dir }
    }

    /// With the fixture's database where the program looks for it.
    pub(crate) fn new() -> Self {
        let sandbox = Self::empty();
        sandbox.put_database();
        sandbox
    }

    /// With a database, and a `requirements.txt` of this text.
    pub(crate) fn with(requirements: &str) -> Self {
        let sandbox = Self::new();
        sandbox.write("requirements.txt", requirements);
        sandbox
    }

    /// The database in the user's cache.
    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("cache/secgate/advisories.db")
    }

    pub(crate) fn put_database(&self) {
        fs::create_dir_all(self.database().parent().unwrap()).unwrap();
        fs::write(self.database(), database_bytes()).unwrap();
    }

    /// The folder that commands run in.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// A path relative to the work folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.work().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The program, to be run in the work folder.
    pub(crate) fn command(&self) -> Command {
        self.program(Path::new(env!("CARGO_BIN_EXE_secgate")))
    }

    /// Any program with the same surroundings.
    pub(crate) fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path().join("home"))
            .env("XDG_CACHE_HOME", self.dir.path().join("cache"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    /// Runs `secgate` with these arguments.
    pub(crate) fn run<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        let args: Vec<String> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let output = self.command().args(&args).output().unwrap();
        Run::of(output, args.join(" "))
    }

    /// Runs `secgate` with words that hold no spaces.
    pub(crate) fn say(&self, line: &str) -> Run {
        self.run(line.split_whitespace())
    }

    /// Runs `secgate` and writes to its standard input.
    pub(crate) fn say_with_input(&self, line: &str, input: &str) -> Run {
        let mut child = self
            .command()
            .args(line.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The program may end without reading: then the pipe is broken, which is its right.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Run::of(child.wait_with_output().unwrap(), line.to_owned())
    }

    /// Runs git with a fixed identity and must succeed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let run = self.try_git(args);
        assert_eq!(run.code, 0, "git {args:?}\n{}", run.stderr);
        run.stdout
    }

    pub(crate) fn try_git(&self, args: &[&str]) -> Run {
        let bin = Path::new(env!("CARGO_BIN_EXE_secgate")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(
            std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path)),
        )
        .unwrap();
        let mut command = self.program(Path::new("git"));
        for (name, value) in [
            ("GIT_AUTHOR_NAME", "Test"),
            ("GIT_AUTHOR_EMAIL", "test@example.org"),
            ("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"),
            ("GIT_COMMITTER_NAME", "Test"),
            ("GIT_COMMITTER_EMAIL", "test@example.org"),
            ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z"),
        ] {
            command.env(name, value);
        }
        let output = command
            .env("PATH", path)
            .args(["-c", "init.defaultBranch=main", "-c", "core.fsmonitor=false"])
            .args(args)
            .output()
            .unwrap();
        Run::of(output, format!("git {args:?}"))
    }

    /// Makes the work folder a repository with one commit of everything in it.
    pub(crate) fn commit(&self, message: &str) -> String {
        if !self.exists(".git") {
            self.git(&["init", "-q"]);
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }
}

/// What a program left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    line: String,
}

impl Run {
    pub(crate) fn of(output: Output, line: String) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
            line,
        }
    }

    /// Fails with everything that was said unless the exit code is this one; a panic of the program fails in any case.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert!(
            self.code == code && !self.stderr.contains("panicked at"),
            "`{}` ended with {}, not {code}\n--- stdout\n{}\n--- stderr\n{}",
            self.line,
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Both streams together hold each of these texts.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        // A table breaks long lines where it must.
        let flat = all.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in texts {
            assert!(
                all.contains(text) || flat.contains(text),
                "`{}` does not say `{text}`\n{all}",
                self.line
            );
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("`{}`: {error}\n{}", self.line, self.stdout))
    }
}

/// The preferred ids of a report's findings.
pub(crate) fn rules(report: &Value) -> Vec<String> {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap().to_owned())
        .collect()
}

/// The fixture's database, built once by the program itself.
pub(crate) fn database_bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| build(&Mirror::fixture()))
}

/// A database of a mirror's content, as `db build --from` makes it.
pub(crate) fn build(mirror: &Mirror) -> Vec<u8> {
    let sandbox = Sandbox::empty();
    mirror.write(&sandbox.path("osv"));
    sandbox.say("db build --from osv --db built.db").exits(0);
    fs::read(sandbox.path("built.db")).unwrap()
}

/// A time so many hours from now, as `--at` takes it.
pub(crate) fn hours_from_now(hours: i64) -> String {
    let now = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap();
    now.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap().to_string()
}
