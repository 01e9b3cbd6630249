//! `SQLite`'s files: they hold hashes, keys of pseudonyms and mail addresses, so they are their owner's alone
//! from the first byte on.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sea_orm::sqlx::sqlite::SqliteConnectOptions;

/// Permissions of a file for all but its owner.
const OTHERS: u32 = 0o077;
/// Suffixes of the database's files: of the main file, and of those that `SQLite` puts beside it.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// Makes the file of the database at `url`, if it is one of `SQLite` and not there. `SQLite` would make it for all
/// to read; the files that it puts beside it have the rights of this one.
pub(super) fn create(url: &str) {
    let Some(path) = path(url).filter(|_| !url.contains("mode=ro")) else { return };
    // What stands in the way is what opening the database says next.
    let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
}

/// Tells whether the database at `url` is a file of `SQLite` that is not there.
pub fn is_missing(url: &str) -> bool {
    path(url).is_some_and(|path| matches!(fs::metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound))
}

/// Finds those files of the database at `url` that others than their owner can read or write, with their mode.
pub fn open_to_others(url: &str) -> Vec<(PathBuf, u32)> {
    let mode = |path: PathBuf| Some((fs::metadata(&path).ok()?.permissions().mode() & 0o777, path));
    let files = path(url).into_iter().flat_map(|path| BESIDE.map(|end| beside(&path, end)));
    files.filter_map(mode).filter(|(mode, _)| mode & OTHERS != 0).map(|(mode, path)| (path, mode)).collect()
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn path(url: &str) -> Option<PathBuf> {
    let options = SqliteConnectOptions::from_str(url).ok().filter(|_| url.starts_with("sqlite:"))?;
    Some(options.get_filename().to_owned())
}
