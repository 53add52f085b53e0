use std::{fs, io, io::Read, path::Path};

use crate::{
    UpdateError,
    feed::{Feed, MAX_RECORD},
    record::Taken,
    rustsec_source::from_markdown,
};

/// Reads `crates/*/RUSTSEC-*.md` and the file time of the newest.
pub(crate) fn read_checkout(folder: &Path) -> Result<(Feed, Option<i64>), UpdateError> {
    let failed =
        |path: &Path, error: io::Error| UpdateError::Write { path: path.to_owned(), error };
    let mut feed = Feed::named("crates.io");
    let mut newest = None;
    let crates = folder.join("crates");
    for package in fs::read_dir(&crates).map_err(|error| failed(&crates, error))? {
        let package = package.map_err(|error| failed(&crates, error))?.path();
        if !package.is_dir() {
            continue;
        }
        for file in fs::read_dir(&package).map_err(|error| failed(&package, error))? {
            let path = file.map_err(|error| failed(&package, error))?.path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let Some(id) = name.strip_suffix(".md").filter(|id| id.starts_with("RUSTSEC-")) else {
                continue;
            };
            let mut text = String::new();
            let opened = fs::File::open(&path).map_err(|error| failed(&path, error))?;
            let meta = opened.metadata().map_err(|error| failed(&path, error))?;
            opened
                .take(MAX_RECORD + 1)
                .read_to_string(&mut text)
                .map_err(|error| failed(&path, error))?;
            let time = meta
                .modified()
                .ok()
                .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            newest = newest.max(time.and_then(|time| i64::try_from(time.as_millis()).ok()));
            let taken = if text.len() as u64 > MAX_RECORD {
                Err(format!("larger than {MAX_RECORD} bytes"))
            } else {
                from_markdown(&text)
            };
            feed.add_checked(id, taken);
        }
    }
    if feed.records.is_empty() {
        return Err(UpdateError::Missing {
            origin: folder.display().to_string(),
            part: "crates/*/RUSTSEC-*.md".into(),
        });
    }
    Ok((feed.finish(), newest))
}

impl Feed {
    fn add_checked(&mut self, id: &str, taken: Result<Taken, String>) {
        let modified = match &taken {
            Ok(Taken::Record(record)) => record.modified,
            _ => 0,
        };
        self.add_taken(id.to_owned(), Some(modified).filter(|time| *time > 0), taken);
    }
}
