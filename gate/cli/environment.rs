//! What only the binary may look at: the environment, the clock, the terminal.

use std::{
    env,
    io::IsTerminal,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{args::When, exit::Failure};

/// The present.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// A variable of the environment that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where the advisory database is when nobody says: `SECGATE_DB`, or `secgate/advisories.db` in the user's cache folder
/// (XDG Base Directory Specification).
pub(crate) fn database_path() -> Result<PathBuf, Failure> {
    if let Some(path) = variable("SECGATE_DB") {
        return Ok(path.into());
    }
    user_cache().map(|cache| cache.join("advisories.db")).ok_or_else(|| {
        Failure::usage("neither HOME nor XDG_CACHE_HOME is set")
            .hint("name the database with --db FILE")
    })
}

/// Where layers of images are remembered when nobody says: `SECGATE_LAYER_CACHE`, or `secgate/layers` in the user's cache
/// folder.
pub(crate) fn layer_cache() -> Result<PathBuf, Failure> {
    if let Some(path) = variable("SECGATE_LAYER_CACHE") {
        return Ok(path.into());
    }
    Ok(user_cache()
        .ok_or_else(|| {
            Failure::usage("neither HOME nor XDG_CACHE_HOME is set")
                .hint("name a folder with --layer-cache DIR, or use --no-layer-cache")
        })?
        .join("layers"))
}

/// `SOURCE_DATE_EPOCH`: the time that reproducible documents carry, seconds since 1970
/// (reproducible-builds.org/specs/source-date-epoch).
pub(crate) fn source_date() -> Result<Option<Timestamp>, Failure> {
    let Some(text) = variable("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let wrong =
        || Failure::usage(format!("SOURCE_DATE_EPOCH is `{text}`: expected seconds since 1970"));
    seconds.map(Some).ok_or_else(wrong)
}

/// secgate's folder in the user's cache (XDG Base Directory Specification).
fn user_cache() -> Option<PathBuf> {
    variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")))
        .map(|cache| cache.join("secgate"))
}

/// Cargo's cache of the crates.io index (Cargo book, "Cargo Home"): what `cargo fetch` and every build leave behind.
pub(crate) fn cargo_index() -> Result<PathBuf, Failure> {
    let home = variable("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cargo")))
        .ok_or_else(|| Failure::usage("neither CARGO_HOME nor HOME is set"))?;
    let folder = home.join("registry").join("index");
    let mut found: Vec<PathBuf> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| name.starts_with("index.crates.io-"))
        })
        .map(|path| path.join(".cache"))
        .collect();
    found.sort();
    found.pop().ok_or_else(|| {
        Failure::evidence(format!("Cargo keeps no crates.io index in {}", folder.display()))
            .hint("run `cargo fetch` first")
    })
}

/// Whether standard output should be coloured.
pub(crate) fn colour(when: When) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            variable("NO_COLOR").is_none()
                && variable("TERM").as_deref() != Some("dumb")
                && (std::io::stdout().is_terminal()
                    || variable("CLICOLOR_FORCE").is_some_and(|value| value != "0"))
        }
    }
}

/// Whether progress should show on standard error.
pub(crate) fn progress(when: When, quiet: bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => !quiet && !in_ci() && std::io::stderr().is_terminal(),
    }
}

/// Whether a pipeline runs us.
pub(crate) fn in_ci() -> bool {
    ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL"]
        .iter()
        .any(|name| variable(name).is_some_and(|value| value != "false" && value != "0"))
}

/// The terminal's width in columns; 80 where there is none, between 40 and 200.
pub(crate) fn width() -> usize {
    variable("COLUMNS")
        .and_then(|text| text.parse().ok())
        .or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
        .map_or(80, |width: usize| width.clamp(40, 200))
}
