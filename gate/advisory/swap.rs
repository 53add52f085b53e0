use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use jiff::Timestamp;

use crate::{Database, Status, UpdateError, UpdateOptions};

/// Checks the bytes of a new database, and puts them in the place of the old one.
pub(crate) fn replace(
    options: &UpdateOptions,
    room: &Path,
    bytes: Vec<u8>,
) -> Result<Status, UpdateError> {
    let fresh = Database::from_vec(bytes)?;
    fresh.verify()?;
    fresh.seen()?;
    write(&options.database, room, fresh.file())?;
    Ok(fresh.status().clone())
}

/// Puts a database that came from elsewhere in the place of the one at `path`, after every byte of it has been checked. What
/// is there stays when anything is wrong, and when `accept` says no to what the new one is.
///
/// # Errors
/// When the bytes are no intact database of this version's format, when `accept` refuses, or when the file cannot be written.
pub fn install(
    path: &Path,
    bytes: Vec<u8>,
    accept: impl FnOnce(&Status) -> Result<(), String>,
) -> Result<Status, UpdateError> {
    let fresh = Database::from_vec(bytes)?;
    fresh.verify()?;
    fresh.seen()?;
    accept(fresh.status()).map_err(UpdateError::Refused)?;
    let room = path.parent().filter(|room| !room.as_os_str().is_empty());
    write(path, room.unwrap_or(Path::new(".")), fresh.file())?;
    Ok(fresh.status().clone())
}

const PREFIX: &str = ".secgate-db-";

/// Writes the new file beside the old one, makes sure that it is on disk, and renames it over.
fn write(path: &Path, room: &Path, bytes: &[u8]) -> Result<(), UpdateError> {
    let failed = |error: io::Error| UpdateError::Write { path: path.to_owned(), error };
    fs::create_dir_all(room).map_err(failed)?;
    let mut file = tempfile::Builder::new().prefix(PREFIX).tempfile_in(room).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A database is no secret, and other users' runs share it.
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The rename itself must survive a power cut; a file system that cannot sync a folder still has the file.
    let _ = fs::File::open(room).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Removes what killed updates left behind more than an hour ago.
pub(crate) fn sweep(room: &Path, now: Timestamp) {
    let Ok(listing) = fs::read_dir(room) else { return };
    for item in listing.flatten() {
        let ours = item.file_name().to_string_lossy().starts_with(PREFIX);
        let age = item
            .metadata()
            .ok()
            .and_then(|meta| meta.modified().ok())
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .and_then(|time| {
                Duration::from_secs(u64::try_from(now.as_second()).ok()?).checked_sub(time)
            });
        if ours && age.is_some_and(|age| age > Duration::from_secs(3600)) {
            let _ = fs::remove_file(item.path());
        }
    }
}
