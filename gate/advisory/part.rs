use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

use crate::{
    FetchError, Origin, Progress, UpdateError,
    feed::{Feed, MAX_RECORD, read_archive, read_modified},
    fetch::{Fetched, Validators, fetch},
};

/// A zip archive's list of entries is held in memory, several times its size.
const MAX_ARCHIVE: u64 = 2 << 30;
/// Bytes of a list of changes: some six times the longest.
const MAX_LIST: u64 = 64 << 20;
/// Up to so many changed records are fetched one by one; beyond it the archive is quicker.
const MAX_SINGLE: usize = 400;

/// What became of one ecosystem.
pub(crate) enum Part {
    Unchanged,
    Full(Feed),
    /// Changed records, and what the source lists now.
    Delta(Feed, Vec<(String, i64)>),
}

/// One ecosystem, fetched.
pub(crate) struct Fresh {
    pub(crate) name: String,
    pub(crate) part: Part,
    /// To ask with next time; none where the source has to be looked at again whatever it answers.
    pub(crate) validators: Validators,
    /// The newest file time.
    pub(crate) time: Option<i64>,
    pub(crate) note: Option<String>,
}

pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) client: reqwest::Client,
    pub(crate) room: PathBuf,
    /// Validators of `modified_id.csv` at the last update.
    pub(crate) validators: Option<Validators>,
    pub(crate) seen: Option<Vec<(String, i64)>>,
    pub(crate) progress: Arc<dyn Progress>,
}

impl Job {
    /// Fetches it.
    pub(crate) async fn run(self) -> Result<Fresh, UpdateError> {
        let list = self.origin.part(&[&self.name, "modified_id.csv"]);
        let known = self.validators.clone().filter(|_| self.seen.is_some()).unwrap_or_default();
        let (validators, time, wanted) =
            match fetch(&self.client, &list, &known, MAX_LIST, &self.room, &|_, _| {}).await? {
                Fetched::Unmodified => {
                    self.progress.finished(&self.name, "unchanged");
                    return Ok(self.done(Part::Unchanged, known, None, false));
                }
                // A mirror without lists of changes is read whole each time.
                Fetched::Missing => (Validators::default(), None, None),
                Fetched::Body(mut body) => {
                    let mut text = String::new();
                    body.file.read_to_string(&mut text).map_err(|error| FetchError::Request {
                        url: list.shown(),
                        message: error.to_string(),
                    })?;
                    let mut rows = read_modified(&format!("{}/modified_id.csv", self.name), &text)?;
                    rows.sort();
                    (body.validators, body.file_time, Some(rows))
                }
            };
        if let (Some(rows), Some(seen)) = (&wanted, &self.seen) {
            let changed = differing(rows, seen, |held, listed| held != listed);
            // Records are withdrawn, hardly ever deleted: a list that lacks some may be cut off.
            let listed: BTreeSet<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
            let shorter = seen.iter().any(|(id, _)| !listed.contains(id.as_str()));
            if !shorter
                && changed.len() <= MAX_SINGLE
                && let Some(feed) = self.single(&changed).await?
            {
                let count = feed.seen.len();
                self.progress.finished(&self.name, &format!("{count} changed"));
                let held = held_times(rows, &feed.seen);
                let behind = held != *rows;
                return Ok(self.done(Part::Delta(feed, held), validators, time, behind));
            }
        }
        let (mut feed, archive_time) = self.whole().await?;
        let behind = match &wanted {
            Some(rows) => self.complete(&mut feed, rows).await?,
            None => false,
        };
        self.progress.finished(&self.name, &format!("{} advisories", feed.source.records));
        Ok(self.done(Part::Full(feed), validators, time.max(archive_time), behind))
    }

    /// What came of it. A part that is behind its own list is looked at again next time, whatever the list's tag says.
    fn done(self, part: Part, validators: Validators, time: Option<i64>, behind: bool) -> Fresh {
        let note = behind.then(|| {
            format!(
                "{}: the source gave older forms of some records than its list names; they are asked for again next time",
                self.name
            )
        });
        let validators = if behind { Validators::default() } else { validators };
        Fresh { name: self.name, part, validators, time, note }
    }

    /// Fetches what the list names and the archive does not have, or has in an older form: the two are not replaced at
    /// the same moment. Says whether some are older still.
    ///
    /// # Errors
    /// When a listed record cannot be had at all.
    async fn complete(&self, feed: &mut Feed, rows: &[(String, i64)]) -> Result<bool, UpdateError> {
        feed.date(rows);
        let older = |held, listed| held < listed;
        let lacking = differing(rows, &feed.seen, older);
        if !lacking.is_empty()
            && lacking.len() <= MAX_SINGLE
            && let Some(newer) = self.single(&lacking).await?
        {
            feed.replace(newer);
            feed.date(rows);
        }
        let held: BTreeSet<&str> = feed.seen.iter().map(|(id, _)| id.as_str()).collect();
        if let Some((id, _)) = rows.iter().find(|(id, _)| !held.contains(id.as_str())) {
            return Err(UpdateError::Missing {
                origin: self.origin.shown(),
                part: format!("{}/{id}.json, which its modified_id.csv names", self.name),
            });
        }
        Ok(!differing(rows, &feed.seen, older).is_empty())
    }
    /// The changed records one by one; `None` when the mirror does not have them as files of their own.
    async fn single(&self, changed: &[&String]) -> Result<Option<Feed>, UpdateError> {
        let mut feed = Feed::named(&self.name);
        for id in changed {
            let at = self.origin.part(&[&self.name, &format!("{id}.json")]);
            let fetched = fetch(
                &self.client,
                &at,
                &Validators::default(),
                MAX_RECORD,
                &self.room,
                &|bytes, total| {
                    self.progress.received(&self.name, bytes, total);
                },
            )
            .await?;
            let Fetched::Body(mut body) = fetched else { return Ok(None) };
            let mut bytes = Vec::new();
            body.file.read_to_end(&mut bytes).map_err(|error| FetchError::Request {
                url: at.shown(),
                message: error.to_string(),
            })?;
            feed.take_as(id, &bytes);
        }
        Ok(Some(feed.finish()))
    }

    async fn whole(&self) -> Result<(Feed, Option<i64>), UpdateError> {
        let at = self.origin.part(&[&self.name, "all.zip"]);
        let fetched = fetch(
            &self.client,
            &at,
            &Validators::default(),
            MAX_ARCHIVE,
            &self.room,
            &|bytes, total| {
                self.progress.received(&self.name, bytes, total);
            },
        )
        .await?;
        let Fetched::Body(body) = fetched else {
            return Err(UpdateError::Missing {
                origin: self.origin.shown(),
                part: format!("{}/all.zip", self.name),
            });
        };
        let (name, time) = (self.name.clone(), body.file_time);
        let feed = tokio::task::spawn_blocking(move || {
            read_archive(&name, io::BufReader::with_capacity(1 << 18, body.file))
        })
        .await
        .map_err(|error| UpdateError::Start(io::Error::other(error.to_string())))??;
        Ok((feed, time))
    }
}

/// The ids of `rows` that `seen` lacks, or has with a time that `differs` from the listed one.
fn differing<'r>(
    rows: &'r [(String, i64)],
    seen: &[(String, i64)],
    differs: impl Fn(i64, i64) -> bool,
) -> Vec<&'r String> {
    let held: BTreeMap<&str, i64> = seen.iter().map(|(id, time)| (id.as_str(), *time)).collect();
    rows.iter()
        .filter(|(id, time)| held.get(id.as_str()).is_none_or(|held| differs(*held, *time)))
        .map(|(id, _)| id)
        .collect()
}

/// The rows of a list, those of records that were just fetched with the times that these had: a file may be older than
/// the list says. One that could not be read has none, and counts as looked at.
fn held_times(rows: &[(String, i64)], fetched: &[(String, i64)]) -> Vec<(String, i64)> {
    let times: BTreeMap<&str, i64> = fetched
        .iter()
        .map(|(id, time)| (id.as_str(), *time))
        .filter(|(_, time)| *time != 0)
        .collect();
    let held =
        |(id, time): &(String, i64)| (id.clone(), times.get(id.as_str()).copied().unwrap_or(*time));
    rows.iter().map(held).collect()
}
