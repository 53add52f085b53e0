use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    AmazonSource, Database, DatabaseError, FeedError, FetchError, Origin, Record, Source, Status,
    amazon::AMAZON,
    amazon_source::{below, gather_amazon},
    checkout::read_checkout,
    compile::{Seen, compile},
    feed::{
        MAX_REJECTED, ReadTable, Scores, Tables, join_records, read_epss, read_kev, rejected_id,
    },
    fetch::{Fetched, Validators, client, fetch},
    part::{Fresh, Job, Part},
    status::Enrichment,
    swap::{replace, sweep},
};

/// Told how an update gets on. Called from several threads.
pub trait Progress: Send + Sync {
    /// `bytes` more of `part` have arrived, of `total` if the server says so.
    fn received(&self, part: &str, bytes: u64, total: Option<u64>);
    /// `part` is done: what came of it, one line.
    fn finished(&self, part: &str, outcome: &str);
}

/// Nobody watches.
#[derive(Debug)]
pub struct Silent;

impl Progress for Silent {
    fn received(&self, _: &str, _: u64, _: Option<u64>) {}
    fn finished(&self, _: &str, _: &str) {}
}

/// What to fetch, and where to.
#[derive(Debug, Clone)]
pub struct UpdateOptions {
    /// The mirror of the OSV export.
    pub origin: Origin,
    /// Only these ecosystems; empty means every one that the mirror lists.
    pub ecosystems: Vec<String>,
    /// CISA's catalogue; `None` looks below `enrichment/` of the mirror.
    pub kev: Option<Origin>,
    /// FIRST's scores; `None` looks below `enrichment/` of the mirror.
    pub epss: Option<Origin>,
    /// Advisories of Amazon Linux; where there are none, a folder is looked for below the mirror's.
    pub amazon: Vec<AmazonSource>,
    /// Fetch everything anew whatever the present database holds.
    pub full: bool,
    /// The database file to replace.
    pub database: PathBuf,
    /// The present.
    pub now: Timestamp,
}

/// What an update came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Updated {
    /// What the new database says of itself.
    pub status: Status,
    /// Whether any advisory or table changed.
    pub changed: bool,
    /// Things worth saying.
    pub notes: Vec<String>,
}

/// Why there is no new database; the old one is as it was.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Something could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Something is not what it should be.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The source has no such part.
    #[error("{origin} has no {part}")]
    Missing {
        /// The source.
        origin: String,
        /// What was looked for.
        part: String,
    },
    /// The new file could not be written.
    #[error("{}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// What was written cannot be read back.
    #[error("the new database is not usable: {0}")]
    Database(#[from] DatabaseError),
    /// It is not what the caller takes.
    #[error("{0}")]
    Refused(String),
    /// The machine has no thread or socket to give.
    #[error("cannot start: {0}")]
    Start(io::Error),
}

const MAX_TABLE: u64 = 256 << 20;
const PARALLEL: usize = 4;

/// Brings the database up to date: fetches what changed, and replaces the file in one step.
///
/// The present file stays as it is until the new one is complete, checked and on disk; whatever fails before that, by
/// error or by `kill -9`, leaves it intact.
///
/// # Errors
/// When any part of the source cannot be had or is malformed: a database that lacks an ecosystem without saying so would
/// call it clean.
pub fn update(
    options: &UpdateOptions,
    progress: &Arc<dyn Progress>,
) -> Result<Updated, UpdateError> {
    let room = options
        .database
        .parent()
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(room)
        .map_err(|error| UpdateError::Write { path: room.to_owned(), error })?;
    sweep(room, options.now);
    let mut notes = Vec::new();
    let old = if options.full { None } else { present(options, &mut notes) };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(UpdateError::Start)?;
    let mut work = runtime.block_on(gather(options, old.as_ref(), room, progress))?;
    notes.append(&mut work.notes);
    let (bytes, changed) = put_together(options, old.as_ref(), work)?;
    let status = replace(options, room, bytes)?;
    if status.newest_file.is_none() {
        notes
            .push("the source gives no file times: how old its data are cannot be told".to_owned());
    }
    Ok(Updated { status, changed, notes })
}

/// The database that an update starts from: one that is whole and came from the same place. What another place said of
/// its files' times and tags means nothing to this one.
fn present(options: &UpdateOptions, notes: &mut Vec<String>) -> Option<(Database, Seen)> {
    let opened = Database::open(&options.database).and_then(|database| {
        database.verify()?;
        let seen = database.seen()?;
        Ok((database, seen))
    });
    match opened {
        Ok((database, seen)) if database.status().origin == options.origin.shown() => {
            Some((database, seen))
        }
        Ok(_) | Err(DatabaseError::Missing { .. }) => None,
        Err(error) => {
            notes.push(format!("everything was fetched anew: {error}"));
            None
        }
    }
}

/// Builds a database from a folder: the OSV export's layout, or a checkout of the RustSec advisory repository.
///
/// # Errors
/// As [`update`].
pub fn build(
    options: &UpdateOptions,
    progress: &Arc<dyn Progress>,
) -> Result<Updated, UpdateError> {
    let rustsec = match &options.origin {
        Origin::Folder(path) => {
            !path.join("ecosystems.txt").exists() && path.join("crates").is_dir()
        }
        Origin::Web(_) => false,
    };
    if !rustsec {
        return update(&UpdateOptions { full: true, ..options.clone() }, progress);
    }
    let Origin::Folder(folder) = &options.origin else {
        unreachable!("only a folder is a checkout")
    };
    let room = options
        .database
        .parent()
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if let Some(unknown) = options.ecosystems.iter().find(|name| *name != "crates.io") {
        return Err(UpdateError::Missing {
            origin: options.origin.shown(),
            part: format!("ecosystem {unknown}"),
        });
    }
    let (feed, newest) = read_checkout(folder)?;
    let newest = newest.map(|time| time.min(options.now.as_millisecond()));
    let seen = Seen::from([(feed.source.name.clone(), feed.seen)]);
    let status = Status {
        newest_change: Status::newest_change_of(&seen, options.now.as_millisecond()),
        published: Some(Status::current_until(options.now.as_millisecond(), newest)),
        checked: Some(options.now.as_millisecond()),
        newest_file: newest,
        origin: options.origin.shown(),
        sources: vec![feed.source],
        ..Status::default()
    };
    let records = join_records(feed.records).into_values().collect();
    let bytes = compile(records, status, &seen, &Tables::default());
    let status = replace(options, room, bytes)?;
    Ok(Updated { status, changed: true, notes: Vec::new() })
}

struct Gathered {
    parts: Vec<Fresh>,
    kev: Table<Vec<u64>>,
    epss: Table<Scores>,
    notes: Vec<String>,
}

enum Table<T> {
    Unchanged,
    Absent,
    New(T, Enrichment),
}

async fn gather(
    options: &UpdateOptions,
    old: Option<&(Database, Seen)>,
    room: &Path,
    progress: &Arc<dyn Progress>,
) -> Result<Gathered, UpdateError> {
    let client = client()?;
    let names = ecosystems(options, &client, room).await?;
    let permits = Arc::new(Semaphore::new(PARALLEL));
    let mut tasks = JoinSet::new();
    for name in names {
        let held = old.and_then(|(database, _)| {
            database.status().sources.iter().find(|source| source.name == name)
        });
        let job = Job {
            origin: options.origin.clone(),
            client: client.clone(),
            room: room.to_owned(),
            validators: held.map(|source| Validators {
                etag: source.etag.clone(),
                last_modified: source.last_modified.clone(),
            }),
            seen: old.and_then(|(_, seen)| seen.get(&name).cloned()),
            progress: progress.clone(),
            name,
        };
        let permits = permits.clone();
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await;
            job.run().await
        });
    }
    let mut parts = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        let part =
            joined.map_err(|error| UpdateError::Start(io::Error::other(error.to_string())))?;
        parts.push(part?);
    }
    let amazon = amazon_sources(options);
    let is_listed = parts.iter().any(|part: &Fresh| part.name == AMAZON);
    if !is_listed && !amazon.is_empty() && (options.ecosystems.is_empty() || wants_amazon(options))
    {
        let held = old.and_then(|(_, seen)| seen.get(AMAZON));
        parts.push(gather_amazon(&amazon, &client, room, held, progress).await?);
    }
    parts.sort_by(|a: &Fresh, b: &Fresh| a.name.cmp(&b.name));
    let mut notes: Vec<String> = parts.iter().filter_map(|part| part.note.clone()).collect();
    let status = old.map(|(database, _)| database.status());
    let kev_at = options.kev.clone().unwrap_or_else(|| {
        options.origin.part(&["enrichment", "kev", "known_exploited_vulnerabilities.json"])
    });
    let held = status.and_then(|status| status.kev.as_ref());
    let kev = table(&client, &kev_at, held, room, "KEV catalogue", progress, &mut notes, read_kev)
        .await?;
    let epss_at = options.epss.clone().unwrap_or_else(|| {
        options.origin.part(&["enrichment", "epss", "epss_scores-current.csv.gz"])
    });
    let held = status.and_then(|status| status.epss.as_ref());
    let epss = table(&client, &epss_at, held, room, "EPSS scores", progress, &mut notes, read_epss)
        .await?;
    Ok(Gathered { parts, kev, epss, notes })
}

fn amazon_sources(options: &UpdateOptions) -> Vec<AmazonSource> {
    if options.amazon.is_empty() { below(&options.origin) } else { options.amazon.clone() }
}

fn wants_amazon(options: &UpdateOptions) -> bool {
    options.ecosystems.iter().any(|name| name == AMAZON)
}

/// The ecosystems to fetch: base names only, each a folder of the mirror.
async fn ecosystems(
    options: &UpdateOptions,
    client: &reqwest::Client,
    room: &Path,
) -> Result<Vec<String>, UpdateError> {
    let at = options.origin.part(&["ecosystems.txt"]);
    let missing = || UpdateError::Missing {
        origin: options.origin.shown(),
        part: "ecosystems.txt".to_owned(),
    };
    let listed = match fetch(client, &at, &Validators::default(), 1 << 20, room, &|_, _| {}).await?
    {
        Fetched::Body(mut body) => {
            let mut text = String::new();
            body.file.read_to_string(&mut text).map_err(|error| FetchError::Request {
                url: at.shown(),
                message: error.to_string(),
            })?;
            text.lines()
                .map(|line| line.trim().to_owned())
                .filter(|line| !line.is_empty())
                .collect::<BTreeSet<_>>()
        }
        // A folder may hold nothing but Amazon's.
        _ if matches!(options.origin, Origin::Folder(_)) && !below(&options.origin).is_empty() => {
            BTreeSet::new()
        }
        _ => return Err(missing()),
    };
    for name in &listed {
        let plain = name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | ':' | '/'));
        if !plain || name.contains("..") || name.starts_with(['/', '.']) || name.len() > 100 {
            return Err(FeedError::Malformed {
                name: "ecosystems.txt".to_owned(),
                message: format!("`{}` is no ecosystem", crate::record::one_line(name, 60)),
            }
            .into());
        }
    }
    let bases: Vec<String> = listed.into_iter().filter(|name| !name.contains([':', '/'])).collect();
    let is_unknown = |name: &&String| {
        !bases.contains(name) && (*name != AMAZON || amazon_sources(options).is_empty())
    };
    if let Some(unknown) = options.ecosystems.iter().find(is_unknown) {
        return Err(UpdateError::Missing {
            origin: options.origin.shown(),
            part: format!("ecosystem {unknown}"),
        });
    }
    let wanted: Vec<String> = bases
        .into_iter()
        .filter(|name| options.ecosystems.is_empty() || options.ecosystems.contains(name))
        .collect();
    if wanted.is_empty() && below(&options.origin).is_empty() && !wants_amazon(options) {
        Err(missing())
    } else {
        Ok(wanted)
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "one call for two tables, each argument of its own kind"
)]
async fn table<T>(
    client: &reqwest::Client,
    at: &Origin,
    held: Option<&Enrichment>,
    room: &Path,
    name: &str,
    progress: &Arc<dyn Progress>,
    notes: &mut Vec<String>,
    read: fn(&[u8]) -> ReadTable<T>,
) -> Result<Table<T>, UpdateError> {
    let known = held
        .map(|table| Validators {
            etag: table.etag.clone(),
            last_modified: table.last_modified.clone(),
        })
        .unwrap_or_default();
    let fetched = fetch(client, at, &known, MAX_TABLE, room, &|bytes, total| {
        progress.received(name, bytes, total);
    })
    .await?;
    match fetched {
        Fetched::Unmodified => {
            progress.finished(name, "unchanged");
            Ok(Table::Unchanged)
        }
        Fetched::Missing => {
            progress.finished(name, "not there");
            notes.push(format!("no {name} at {}", at.shown()));
            Ok(Table::Absent)
        }
        Fetched::Body(mut body) => {
            let mut bytes = Vec::with_capacity(usize::try_from(body.length).unwrap_or_default());
            body.file.read_to_end(&mut bytes).map_err(|error| FetchError::Request {
                url: at.shown(),
                message: error.to_string(),
            })?;
            let (rows, about) = read(&bytes)?;
            progress.finished(name, &format!("{} entries", about.entries));
            let Validators { etag, last_modified } = body.validators;
            let file_time = body.file_time;
            Ok(Table::New(rows, Enrichment { file_time, etag, last_modified, ..about }))
        }
    }
}

fn put_together(
    options: &UpdateOptions,
    old: Option<&(Database, Seen)>,
    work: Gathered,
) -> Result<(Vec<u8>, bool), UpdateError> {
    let mut status = Status {
        checked: Some(options.now.as_millisecond()),
        origin: options.origin.shown(),
        ..Status::default()
    };
    let before = old.map(|(database, _)| database.status());
    let now = options.now.as_millisecond();
    // A part that has not changed has the file time that it had before.
    let remembered = before.and_then(|status| status.newest_file);
    let times = work.parts.iter().filter_map(|part| part.time).chain(remembered);
    // A file from the future would make the source look alive for ever.
    let newest_file = times.map(|time| time.min(now)).max();
    status.newest_file = newest_file;
    status.published = Some(Status::current_until(now, newest_file));
    let same_parts = before.is_some_and(|before| {
        before.sources.len() == work.parts.len()
            && work.parts.iter().all(|fresh| matches!(fresh.part, Part::Unchanged))
    });
    let same_tables = matches!(work.kev, Table::Unchanged | Table::Absent)
        && matches!(work.epss, Table::Unchanged | Table::Absent);
    if let (Some((old, seen)), true, true) = (old, same_parts, same_tables) {
        let again = |table: &Option<Enrichment>, is_current: bool| {
            let checked = |table: &Enrichment| if is_current { Some(now) } else { table.checked };
            table.as_ref().map(|table| Enrichment { checked: checked(table), ..table.clone() })
        };
        let earlier = old.status();
        let status = Status {
            checked: status.checked,
            published: status.published,
            newest_file: status.newest_file,
            newest_change: Status::newest_change_of(seen, now),
            origin: status.origin,
            kev: again(&earlier.kev, matches!(work.kev, Table::Unchanged)),
            epss: again(&earlier.epss, matches!(work.epss, Table::Unchanged)),
            ..earlier.clone()
        };
        return Ok((old.restamped(status)?, false));
    }
    let (mut held, mut seen, tables) = match old {
        Some((old, _)) => {
            let (records, seen, tables) = old.unpack()?;
            (join_records(records), seen, tables)
        }
        None => (BTreeMap::new(), Seen::new(), Tables::default()),
    };
    let names: BTreeSet<&String> = work.parts.iter().map(|fresh| &fresh.name).collect();
    seen.retain(|name, _| names.contains(name));
    let mut fresh: Vec<Record> = Vec::new();
    for Fresh { name, part, validators, .. } in work.parts {
        let earlier =
            before.and_then(|status| status.sources.iter().find(|source| source.name == name));
        let source = match part {
            Part::Unchanged => earlier.cloned().unwrap_or_default(),
            Part::Full(feed) => {
                // What it holds now counts, also that a record is withdrawn or cannot be read any more.
                for (id, _) in &feed.seen {
                    held.remove(id);
                }
                seen.insert(name.clone(), feed.seen);
                fresh.extend(feed.records);
                feed.source
            }
            Part::Delta(feed, listed) => {
                let changed: BTreeSet<&String> = feed.seen.iter().map(|(id, _)| id).collect();
                for id in &changed {
                    held.remove(*id);
                }
                let stays = |line: &&String| {
                    let id = rejected_id(line).to_owned();
                    !changed.contains(&id)
                        && listed.binary_search_by(|(listed, _)| listed.cmp(&id)).is_ok()
                };
                let mut rejected: Vec<String> = earlier
                    .iter()
                    .flat_map(|source| &source.rejected)
                    .filter(stays)
                    .cloned()
                    .collect();
                rejected.extend(feed.source.rejected);
                rejected.sort();
                let newest = listed.iter().map(|(_, time)| *time).max();
                seen.insert(name.clone(), listed);
                fresh.extend(feed.records);
                Source { name: name.clone(), rejected, newest, ..Source::default() }
            }
        };
        status.sources.push(Source {
            etag: validators.etag,
            last_modified: validators.last_modified,
            ..source
        });
    }
    let refused: usize = status.sources.iter().map(|source| source.rejected.len()).sum();
    if refused > MAX_REJECTED {
        return Err(FeedError::Malformed {
            name: options.origin.shown(),
            message: format!("{refused} records do not follow the OSV schema"),
        }
        .into());
    }
    status.newest_change = Status::newest_change_of(&seen, now);
    // A record stays while any source still lists it.
    let listed: BTreeSet<&String> = seen.values().flatten().map(|(id, _)| id).collect();
    held.retain(|id, _| listed.contains(id));
    let records = join_records(held.into_values().chain(fresh));
    for source in &mut status.sources {
        let ids = seen.get(&source.name).map(Vec::as_slice).unwrap_or_default();
        source.records = ids.iter().filter(|(id, _)| records.contains_key(id)).count() as u64;
        source.withdrawn =
            (ids.len() as u64).saturating_sub(source.records + source.rejected.len() as u64);
    }
    let mut merged = tables;
    match work.kev {
        Table::New(rows, about) => {
            merged.kev = rows;
            status.kev = Some(Enrichment { checked: Some(now), ..about });
        }
        Table::Unchanged => {
            let held = before.and_then(|status| status.kev.clone());
            status.kev = held.map(|table| Enrichment { checked: Some(now), ..table });
        }
        Table::Absent => status.kev = before.and_then(|status| status.kev.clone()),
    }
    match work.epss {
        Table::New(rows, about) => {
            merged.epss = rows;
            status.epss = Some(Enrichment { checked: Some(now), ..about });
        }
        Table::Unchanged => {
            let held = before.and_then(|status| status.epss.clone());
            status.epss = held.map(|table| Enrichment { checked: Some(now), ..table });
        }
        Table::Absent => status.epss = before.and_then(|status| status.epss.clone()),
    }
    Ok((compile(records.into_values().collect(), status, &seen, &merged), true))
}
