use std::{io::Write, sync::Arc};

use jiff::Timestamp;
use secgate_advisory::{
    AmazonSource, Database, DatabaseError, Origin, Progress, Silent, Status, UpdateError,
    UpdateOptions, Updated,
};

use crate::{
    args::{DbBuildArgs, DbCommand, DbStatusArgs, DbUpdateArgs, Talk},
    config::{Config, Placed},
    environment,
    exit::{Failure, Outcome, PASS},
    judge::show,
    progress::Bars,
};

/// The public OSV export, CISA's catalogue and FIRST's scores.
const PUBLIC_MIRROR: &str = "https://osv-vulnerabilities.storage.googleapis.com/";
const PUBLIC_KEV: &str =
    "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json";
const PUBLIC_EPSS: &str = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz";
/// Amazon's lists of the present repositories.
const PUBLIC_AMAZON: [&str; 2] = [
    "2=https://cdn.amazonlinux.com/2/core/latest/x86_64/mirror.list",
    "2023=https://cdn.amazonlinux.com/al2023/core/mirrors/latest/x86_64/mirror.list",
];

pub(crate) fn run(command: &DbCommand) -> Outcome {
    match command {
        DbCommand::Update(args) => update(args),
        DbCommand::Status(args) => status(args),
        DbCommand::Build(args) => build(args),
        DbCommand::Push(args) => super::db_registry::push(args),
        DbCommand::Pull(args) => super::db_registry::pull(args),
    }
}

fn update(args: &DbUpdateArgs) -> Outcome {
    if args.offline {
        return Err(Failure::usage("`db update` fetches advisories, and --offline forbids it")
            .hint("build from a folder: `secgate db build --from DIR`"));
    }
    let config = Config::find(args.config.as_deref(), None)?;
    let mirror = args.mirror.clone().or_else(|| text(config.advisories.mirror.as_ref()));
    let public = mirror.is_none();
    // A mirror of one's own is asked for everything: nobody who set one wants a call to the public addresses.
    let table = |given: &Option<String>,
                 set: &Option<String>,
                 address: &str|
     -> Result<Option<Origin>, Failure> {
        let text =
            given.clone().or_else(|| set.clone()).or_else(|| public.then(|| address.to_owned()));
        text.map(|text| file_origin(&text)).transpose()
    };
    let options = UpdateOptions {
        origin: Origin::parse(mirror.as_deref().unwrap_or(PUBLIC_MIRROR))
            .map_err(Failure::usage)?,
        ecosystems: if args.ecosystem.is_empty() {
            texts(&config.advisories.ecosystems)
        } else {
            args.ecosystem.clone()
        },
        kev: table(&args.kev, &text(config.advisories.kev.as_ref()), PUBLIC_KEV)?,
        epss: table(&args.epss, &text(config.advisories.epss.as_ref()), PUBLIC_EPSS)?,
        amazon: amazon(&args.amazon, &texts(&config.advisories.amazon), public)?,
        full: args.full,
        database: config.database(args.db.as_deref())?,
        now: environment::now(),
    };
    let updated = secgate_advisory::update(&options, &progress(&args.talk))
        .map_err(|error| failed(&error))?;
    tell(&updated, &options.database, &args.talk);
    Ok(PASS)
}

fn build(args: &DbBuildArgs) -> Outcome {
    if !args.from.is_dir() {
        return Err(Failure::evidence(format!("{} is not a folder", args.from.display())));
    }
    let config = Config::find(None, None)?;
    let options = UpdateOptions {
        origin: Origin::Folder(args.from.clone()),
        ecosystems: args.ecosystem.clone(),
        kev: None,
        epss: None,
        amazon: Vec::new(),
        full: true,
        database: config.database(args.db.as_deref())?,
        now: environment::now(),
    };
    let updated =
        secgate_advisory::build(&options, &progress(&args.talk)).map_err(|error| failed(&error))?;
    tell(&updated, &options.database, &args.talk);
    Ok(PASS)
}

fn text(placed: Option<&Placed>) -> Option<String> {
    placed.map(|placed| placed.value.clone())
}

fn texts(list: &[Placed]) -> Vec<String> {
    list.iter().map(|placed| placed.value.clone()).collect()
}

/// The sources of Amazon Linux: those given, those of the configuration, or the vendor's own.
fn amazon(given: &[String], set: &[String], public: bool) -> Result<Vec<AmazonSource>, Failure> {
    let texts: Vec<&str> = match (given, set) {
        ([], []) if public => PUBLIC_AMAZON.to_vec(),
        ([], set) => set.iter().map(String::as_str).collect(),
        (given, _) => given.iter().map(String::as_str).collect(),
    };
    texts.into_iter().map(|text| AmazonSource::parse(text).map_err(Failure::usage)).collect()
}

/// An address of one file: unlike a mirror's it does not end in `/`.
fn file_origin(text: &str) -> Result<Origin, Failure> {
    Origin::parse_file(text).map_err(Failure::usage)
}

fn progress(talk: &Talk) -> Arc<dyn Progress> {
    if environment::progress(talk.progress, talk.quiet) {
        Arc::new(Bars::new())
    } else {
        Arc::new(Silent)
    }
}

fn failed(error: &UpdateError) -> Failure {
    Failure::evidence(format!("the advisory database was not changed: {error}"))
}

fn tell(updated: &Updated, path: &std::path::Path, talk: &Talk) {
    if talk.quiet {
        return;
    }
    for note in &updated.notes {
        anstream::eprintln!("note: {note}");
    }
    let status = &updated.status;
    anstream::eprintln!(
        "{}: {} advisories for {} packages in {} ecosystems, revision {}{}",
        path.display(),
        status.records,
        status.packages,
        status.sources.len(),
        status.revision,
        if updated.changed { "" } else { " (unchanged)" }
    );
    let rejected = status.rejected();
    if rejected > 0 {
        anstream::eprintln!(
            "note: {rejected} records do not follow the OSV schema and do not count (`secgate db status -v`)"
        );
    }
}

fn status(args: &DbStatusArgs) -> Outcome {
    let config = Config::find(args.config.as_deref(), None)?;
    let path = config.database(args.db.as_deref())?;
    let database = Database::open(&path).map_err(|error| unusable(&error, &path))?;
    if args.verify {
        database.verify().map_err(|error| unusable(&error, &path))?;
    }
    let mut out = Vec::new();
    if args.format == "json" {
        serde_json::to_writer_pretty(&mut out, &json(database.status()))
            .map_err(Failure::evidence)?;
        writeln!(out)?;
    } else {
        table(&mut out, database.status(), &path, args)?;
    }
    show(&out)?;
    Ok(PASS)
}

/// What a broken or missing database means to the user.
pub(crate) fn unusable(error: &DatabaseError, path: &std::path::Path) -> Failure {
    let named = matches!(error, DatabaseError::Missing { .. } | DatabaseError::Io { .. });
    let message = if named { error.to_string() } else { format!("{}: {error}", path.display()) };
    Failure::evidence(message)
        .hint("run `secgate db update`, or `secgate db build --from DIR` without a network")
}

fn time(ms: Option<i64>) -> Option<Timestamp> {
    ms.and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

fn json(status: &Status) -> serde_json::Value {
    let table = |table: &Option<secgate_advisory::Enrichment>| {
        table.as_ref().map(|table| serde_json::json!({
            "entries": table.entries, "published": time(table.published), "checked": time(table.checked),
            "file": time(table.file_time),
        }))
    };
    let sources: Vec<_> = status
        .sources
        .iter()
        .map(|source| {
            serde_json::json!({
                "ecosystem": source.name, "advisories": source.records, "withdrawn": source.withdrawn,
                "rejected": source.rejected, "newest": time(source.newest),
            })
        })
        .collect();
    serde_json::json!({
        "revision": status.revision, "origin": status.origin, "published": time(status.published),
        "checked": time(status.checked), "newest_change": time(status.newest_change),
        "newest_file": time(status.newest_file), "starter": status.starter, "advisories": status.records,
        "packages": status.packages, "kev": table(&status.kev), "epss": table(&status.epss), "sources": sources,
    })
}

fn table(
    out: &mut dyn Write,
    status: &Status,
    path: &std::path::Path,
    args: &DbStatusArgs,
) -> Result<(), Failure> {
    let now = environment::now();
    let age = |ms: Option<i64>| match time(ms) {
        Some(at) => format!("{} ({})", at.strftime("%Y-%m-%d %H:%M UTC"), ago(now, at)),
        None => "unknown".to_owned(),
    };
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
    writeln!(out, "database    {}", path.display())?;
    writeln!(
        out,
        "revision    {}  {}{}",
        status.revision,
        MegaBytes(size),
        if args.verify { "  verified" } else { "" }
    )?;
    writeln!(out, "source      {}", status.origin)?;
    writeln!(out, "current at  {}", age(status.published))?;
    writeln!(out, "checked     {}", age(status.checked))?;
    writeln!(out, "newest      {}", age(status.newest_change))?;
    writeln!(out, "holds       {} advisories for {} packages", status.records, status.packages)?;
    for (name, table, current) in
        [("KEV", &status.kev, status.kev_at()), ("EPSS", &status.epss, status.epss_at())]
    {
        match table {
            Some(table) => {
                let current = current.map_or_else(
                    || "of unknown age".to_owned(),
                    |at| format!("current {}", ago(now, at)),
                );
                let of = age(table.published);
                writeln!(out, "{name:<11} {} CVEs, of {of}, {current}", table.entries)?;
            }
            None => writeln!(out, "{name:<11} not there")?,
        }
    }
    writeln!(out)?;
    writeln!(
        out,
        "{:<16} {:>10} {:>10} {:>9}  newest change",
        "ecosystem", "advisories", "withdrawn", "rejected"
    )?;
    for source in &status.sources {
        let newest =
            time(source.newest).map_or_else(String::new, |at| at.strftime("%Y-%m-%d").to_string());
        let rejected = source.rejected.len();
        writeln!(
            out,
            "{:<16} {:>10} {:>10} {rejected:>9}  {newest}",
            source.name, source.records, source.withdrawn
        )?;
    }
    let rejected: Vec<&String> =
        status.sources.iter().flat_map(|source| &source.rejected).collect();
    if !rejected.is_empty() {
        writeln!(out)?;
        if args.talk.verbose > 0 {
            writeln!(out, "records that do not follow the OSV schema and do not count:")?;
            for line in rejected {
                writeln!(out, "  {line}")?;
            }
        } else {
            writeln!(out, "{} rejected records are named with -v", rejected.len())?;
        }
    }
    Ok(())
}

/// The distance from `then` to `now` in words.
pub(crate) fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    let (word, seconds) = if seconds < 0 { ("ahead", -seconds) } else { ("ago", seconds) };
    match seconds {
        0..120 => format!("{seconds} s {word}"),
        120..7200 => format!("{} min {word}", seconds / 60),
        7200..172_800 => format!("{} h {word}", seconds / 3600),
        _ => format!("{} days {word}", seconds / 86_400),
    }
}

/// A size in millions of bytes with one decimal.
struct MegaBytes(u64);

impl std::fmt::Display for MegaBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} MB", self.0 / 1_000_000, self.0 / 100_000 % 10)
    }
}
