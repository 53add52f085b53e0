//! What is wrong in a `secgate.yaml` that the parser takes: every fault with its place and what to do.

use globset::GlobBuilder;
use secgate_advisory::{AmazonSource, Origin};
use secgate_inventory::SbomFormat;
use secgate_policy::Diagnostic;
use secgate_report::Format;
use serde_saphyr::Location;

use crate::config::{Config, Placed};

/// Every fault, in the order of the file's keys.
pub(crate) fn faults(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut fault =
        |at: Location, message: String, hint: &str| found.push(config.fault(at, message, hint));
    for (key, value, expected) in
        [("apiVersion", &config.api_version, "secgate.dev/v1"), ("kind", &config.kind, "Config")]
    {
        let hint = format!("write `{key}: {expected}`");
        match value {
            None => fault(Location::UNKNOWN, format!("expected `{key}: {expected}`"), &hint),
            Some(value) if value.value != expected => {
                fault(
                    value.referenced,
                    format!("`{key}: {}` is not known", short(&value.value)),
                    &hint,
                );
            }
            Some(_) => {}
        }
    }
    for pattern in &config.exclude {
        if let Err((message, hint)) = globs(&pattern.value) {
            fault(pattern.referenced, format!("exclude: {message}"), hint);
        }
    }
    for format in &config.reports.formats {
        if let Err(error) = format.value.parse::<Format>() {
            let hint = "take it away, or name one of those";
            fault(format.referenced, format!("reports.formats: {error}"), hint);
        }
    }
    for format in &config.reports.sboms {
        if let Err(error) = format.value.parse::<SbomFormat>() {
            let hint = "take it away, or name one of those";
            fault(format.referenced, format!("reports.sboms: {error}"), hint);
        }
    }
    let address = "name a folder, or an address that begins with http://, https:// or file://";
    let advisories = &config.advisories;
    if let Some(mirror) = &advisories.mirror
        && let Err(error) = Origin::parse(&mirror.value)
    {
        fault(mirror.referenced, format!("advisories.mirror: {error}"), address);
    }
    for (key, value) in [("kev", &advisories.kev), ("epss", &advisories.epss)] {
        if let Some(value) = value
            && let Err(error) = Origin::parse_file(&value.value)
        {
            fault(value.referenced, format!("advisories.{key}: {error}"), address);
        }
    }
    for source in &advisories.amazon {
        if let Err(error) = AmazonSource::parse(&source.value) {
            let hint =
                "write RELEASE=ADDRESS, for example 2023=https://mirror.example/updateinfo.xml";
            fault(source.referenced, format!("advisories.amazon: {error}"), hint);
        }
    }
    let lists: [(&str, &[Placed]); 10] = [
        ("policy", config.policy.as_slice()),
        ("path", config.path.as_slice()),
        ("image", config.image.as_slice()),
        ("waivers", &config.waivers),
        ("vex", &config.vex),
        ("stages", &config.stages),
        ("advisories.database", advisories.database.as_slice()),
        ("advisories.ecosystems", &advisories.ecosystems),
        ("audit.accept_missing", &config.audit.accept_missing),
        ("audit.crates_index", config.audit.crates_index.as_slice()),
    ];
    for (key, list) in lists {
        for (at, text) in list.iter().enumerate() {
            if text.value.trim().is_empty() {
                fault(
                    text.referenced,
                    format!("{key}: an empty text"),
                    "take it away, or fill it in",
                );
            } else if list.iter().take(at).any(|other| other.value == text.value) {
                let message = format!("{key}: `{}` is given twice", short(&text.value));
                fault(text.referenced, message, "take one of them away");
            }
        }
    }
    found
}

/// The globs that a pattern of `exclude` stands for: itself and everything below it. The error says what is wrong and what
/// to do.
pub(crate) fn globs(pattern: &str) -> Result<[globset::Glob; 2], (String, &'static str)> {
    let bare = pattern.trim_end_matches('/').trim_start_matches("./");
    if bare.is_empty() || bare.starts_with('/') || bare.split('/').any(|part| part == "..") {
        return Err((
            format!(
                "`{}` does not name something below the configuration's folder",
                short(pattern)
            ),
            "write a path relative to the configuration's folder, such as `tests/fixtures`",
        ));
    }
    let build = |pattern: &str| {
        GlobBuilder::new(pattern).literal_separator(true).build().map_err(|error| {
            (
                error.to_string(),
                "close what is open, or put `\\` before a character that is meant as such",
            )
        })
    };
    Ok([build(bare)?, build(&format!("{bare}/**"))?])
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The parser's message without the place, which is said already, and without advice to programmers.
pub(crate) fn brief(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let rest = first
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "))
        .map_or(first, |(_, rest)| rest);
    if rest.contains("duplicate mapping key") {
        return "the key is given twice".to_owned();
    }
    rest.replace("sequence start", "a list")
        .replace("mapping start", "a mapping")
        .replace("string scalar", "a text")
}
