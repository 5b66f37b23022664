//! The one door to the file system: bounded reads and atomic writes.
//!
//! Reads are bounded and take regular files only, because the files come from
//! a change under review. A write is either complete or did not happen: the
//! content is written under another name in the same folder, and renamed. What
//! must also survive a power failure is synced, with its folder, before the
//! function returns; a sync costs milliseconds, so what can be made again from
//! the same inputs, such as plans and reports, is not.

#![expect(
    clippy::disallowed_methods,
    reason = "this file is the one door to the file system"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

/// Why a file could not be read or written: what was attempted on which path.
#[derive(Debug, thiserror::Error)]
#[error("{attempt} `{}` failed: {kind}", path.display())]
pub struct FileError {
    /// What was attempted, as the start of a sentence: `Reading`, `Writing`, …
    pub attempt: &'static str,
    /// The path as it was given.
    pub path: PathBuf,
    /// The reason.
    pub kind: FileErrorKind,
}

/// The reason of a [`FileError`].
#[derive(Debug, thiserror::Error)]
pub enum FileErrorKind {
    /// Nothing has this name.
    #[error("no such file or folder")]
    Missing,
    /// A folder, a pipe, a device or a socket where a file is needed.
    #[error("it is not a regular file")]
    NotRegular,
    /// The file is larger than the caller takes.
    #[error("it is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes are not UTF-8.
    #[error("it is not UTF-8 text: the byte at offset {offset} is invalid")]
    NotUtf8 {
        /// Offset of the first invalid byte, from 0.
        offset: usize,
    },
    /// The file or folder is there and must not be replaced.
    #[error("it already exists{detail}")]
    Occupied {
        /// What is in the way, empty or beginning with a separator.
        detail: String,
    },
    /// The name is absolute, has `..`, or is not UTF-8.
    #[error("`{name}` is not a plain relative name")]
    BadName {
        /// The offending name.
        name: String,
    },
    /// The operating system refused.
    #[error("{0}")]
    Os(io::Error),
}

/// What [`write_dir_atomic`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// The folder did not exist.
    Created,
    /// The folder had exactly these files, possibly among others.
    Unchanged,
    /// The folder held other versions of these files.
    Replaced,
}

fn failed(attempt: &'static str, path: &Path, cause: io::Error) -> FileError {
    let kind = if cause.kind() == io::ErrorKind::NotFound {
        FileErrorKind::Missing
    } else {
        FileErrorKind::Os(cause)
    };
    refused(attempt, path, kind)
}

fn refused(attempt: &'static str, path: &Path, kind: FileErrorKind) -> FileError {
    FileError {
        attempt,
        path: path.to_path_buf(),
        kind,
    }
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// The file is missing, unreadable, larger than `limit`, or not a regular file
/// (a pipe would block, a device would not end).
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let attempt = "Reading";
    let wrap = |cause| failed(attempt, path, cause);
    // Looked at before it is opened: opening a pipe waits for its writer.
    if !fs::metadata(path).map_err(wrap)?.is_file() {
        return Err(refused(attempt, path, FileErrorKind::NotRegular));
    }
    let file = File::open(path).map_err(wrap)?;
    let metadata = file.metadata().map_err(wrap)?;
    if !metadata.is_file() {
        return Err(refused(attempt, path, FileErrorKind::NotRegular));
    }
    let expected = metadata.len().min(limit);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    // One byte more than the limit tells "too large" from "exactly the limit",
    // also for a file that grows while it is read.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(wrap)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(refused(attempt, path, FileErrorKind::TooLarge { limit }));
    }
    Ok(bytes)
}

/// Reads a regular UTF-8 file of at most `limit` bytes; a byte order mark at
/// its start is dropped.
///
/// # Errors
/// As [`read_bounded`], and invalid UTF-8 with the offset of the first bad byte.
pub fn read_text(path: &Path, limit: u64) -> Result<String, FileError> {
    let bytes = read_bounded(path, limit)?;
    let text = String::from_utf8(bytes).map_err(|cause| {
        let offset = cause.utf8_error().valid_up_to();
        refused("Reading", path, FileErrorKind::NotUtf8 { offset })
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Writes `bytes` as the file `path`, atomically and durably, with the usual
/// permissions (0666 less the umask). Missing parent folders are created.
///
/// # Errors
/// The operating system refused; the file is then as it was before.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_mode(path, bytes, 0o666, true)
}

/// As [`write_atomic`], without waiting for the disk: for reports that can be
/// made again.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_report(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_mode(path, bytes, 0o666, false)
}

/// As [`write_atomic`], readable by the owner only (0600): for files with
/// credentials or unredacted facts.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_mode(path, bytes, 0o600, true)
}

/// As [`write_atomic`], for content that is never in memory at once: `fill` writes it.
///
/// # Errors
/// As [`write_atomic`], or what `fill` says.
pub fn write_atomic_with(
    path: &Path,
    fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    write_mode_with(path, 0o666, true, &mut |file| {
        let mut buffered = io::BufWriter::new(file);
        fill(&mut buffered)?;
        buffered.flush()
    })
}

fn write_mode(path: &Path, bytes: &[u8], mode: u32, synced: bool) -> Result<(), FileError> {
    write_mode_with(path, mode, synced, &mut |file| file.write_all(bytes))
}

fn write_mode_with(
    path: &Path,
    mode: u32,
    synced: bool,
    fill: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let wrap = |cause| failed("Writing", path, cause);
    let folder = parent_of(path);
    fs::create_dir_all(&folder).map_err(wrap)?;
    let mut file = tempfile::Builder::new()
        .prefix(".stairway-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(&folder)
        .map_err(wrap)?;
    fill(&mut file).map_err(wrap)?;
    if synced {
        file.as_file().sync_all().map_err(wrap)?;
    }
    file.persist(path).map_err(|cause| wrap(cause.error))?;
    if synced {
        sync_dir(&folder).map_err(wrap)?;
    }
    Ok(())
}

/// Makes a folder with exactly `files` appear at once. Keys are relative names
/// with `/` between parts. Not synced: see [`sync_tree`].
///
/// A folder that already holds all of `files` with the same bytes is left
/// alone, whatever else is in it (a journal grows beside its plan). A folder
/// with other versions of these files is set aside and removed.
///
/// # Errors
/// A bad name; a folder with different content that holds files which are not
/// in `files`, because these would be lost; or the operating system refused.
pub fn write_dir_atomic(
    folder: &Path,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<Written, FileError> {
    let attempt = "Writing";
    let wrap = |cause| failed(attempt, folder, cause);
    for name in files.keys() {
        if !is_plain_name(name) {
            let name = name.clone();
            return Err(refused(attempt, folder, FileErrorKind::BadName { name }));
        }
    }
    let present = folder.symlink_metadata().is_ok();
    if present {
        if holds_all(folder, files)? {
            return Ok(Written::Unchanged);
        }
        if let Some(extra) = walk(folder)?.into_iter().find(|f| !files.contains_key(f)) {
            let detail = format!(" with other content, and holds `{extra}`, which would be lost");
            return Err(refused(attempt, folder, FileErrorKind::Occupied { detail }));
        }
    }
    let parent = parent_of(folder);
    fs::create_dir_all(&parent).map_err(wrap)?;
    // Under its final inode from the start: ext4 is slow to create right after
    // it deleted, so nothing is made only to be removed.
    let fresh = temporary_in(&parent).map_err(wrap)?;
    fill(fresh.path(), files).map_err(wrap)?;
    if present {
        let aside = temporary_in(&parent).map_err(wrap)?;
        let old = aside.path().join("old");
        fs::rename(folder, &old).map_err(wrap)?;
        if let Err(cause) = fs::rename(fresh.path(), folder) {
            // Put the old content back; the first error is the one to report.
            let restored = fs::rename(&old, folder);
            return Err(wrap(restored.err().unwrap_or(cause)));
        }
    } else {
        fs::rename(fresh.path(), folder).map_err(wrap)?;
    }
    // It stands under its own name now, and must not be removed.
    let _ = fresh.keep();
    Ok(if present {
        Written::Replaced
    } else {
        Written::Created
    })
}

fn temporary_in(parent: &Path) -> io::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new()
        .prefix(".stairway-")
        .permissions(fs::Permissions::from_mode(0o777))
        .tempdir_in(parent)
}

fn fill(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for (name, bytes) in files {
        let path = folder.join(name);
        if name.contains('/') {
            fs::create_dir_all(parent_of(&path))?;
        }
        File::create(&path)?.write_all(bytes)?;
    }
    Ok(())
}

/// Makes a folder and all files below it durable, before an effect is founded
/// on them.
///
/// # Errors
/// A file or folder cannot be read or synced.
pub fn sync_tree(folder: &Path) -> Result<(), FileError> {
    let wrap = |cause| failed("Syncing", folder, cause);
    let mut folders = BTreeSet::from([parent_of(folder), folder.to_path_buf()]);
    for name in walk(folder)? {
        let path = folder.join(name);
        File::open(&path).and_then(|f| f.sync_all()).map_err(wrap)?;
        let inner = parent_of(&path);
        let above = inner.ancestors().take_while(|a| a.starts_with(folder));
        folders.extend(above.map(Path::to_path_buf));
    }
    // The innermost first, so that no name is durable before what it names.
    let mut innermost_first = folders.iter().rev();
    innermost_first.try_for_each(|f| sync_dir(f)).map_err(wrap)
}

fn holds_all(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<bool, FileError> {
    for (name, bytes) in files {
        let limit = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match read_bounded(&folder.join(name), limit) {
            Ok(found) if found == *bytes => {}
            Ok(_) => return Ok(false),
            Err(error) => match error.kind {
                FileErrorKind::Missing
                | FileErrorKind::NotRegular
                | FileErrorKind::TooLarge { .. } => return Ok(false),
                FileErrorKind::NotUtf8 { .. }
                | FileErrorKind::Occupied { .. }
                | FileErrorKind::BadName { .. }
                | FileErrorKind::Os(_) => return Err(error),
            },
        }
    }
    Ok(true)
}

/// Appends `bytes` to the file `path` and makes them durable before it returns;
/// the file is created, and its folder synced, when it does not exist.
///
/// # Errors
/// The operating system refused; any prefix of `bytes` may have been written.
pub fn append_synced(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let wrap = |cause| failed("Appending to", path, cause);
    let folder = parent_of(path);
    fs::create_dir_all(&folder).map_err(wrap)?;
    let fresh = !path.exists();
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(wrap)?;
    file.write_all(bytes).map_err(wrap)?;
    file.sync_all().map_err(wrap)?;
    if fresh {
        sync_dir(&folder).map_err(wrap)?;
    }
    Ok(())
}

/// Creates the file `path` with `bytes` only if nothing has this name: the
/// primitive of a lock file.
///
/// # Errors
/// [`FileErrorKind::Occupied`] when it exists; or the operating system refused.
pub fn create_new(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let wrap = |cause: io::Error| {
        if cause.kind() == io::ErrorKind::AlreadyExists {
            let detail = String::new();
            refused("Creating", path, FileErrorKind::Occupied { detail })
        } else {
            failed("Creating", path, cause)
        }
    };
    let folder = parent_of(path);
    fs::create_dir_all(&folder).map_err(wrap)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(wrap)?;
    file.write_all(bytes).map_err(wrap)?;
    file.sync_all().map_err(wrap)?;
    sync_dir(&folder).map_err(wrap)
}

/// Removes a file. A missing file is an error.
///
/// # Errors
/// The operating system refused.
pub fn remove(path: &Path) -> Result<(), FileError> {
    fs::remove_file(path).map_err(|cause| failed("Removing", path, cause))
}

/// Returns the absolute path with every symbolic link resolved.
///
/// # Errors
/// The path does not exist or cannot be looked up.
pub fn canonicalize(path: &Path) -> Result<PathBuf, FileError> {
    fs::canonicalize(path).map_err(|cause| failed("Looking up", path, cause))
}

/// Returns where a symbolic link points, as it is written in it; none for anything else.
pub fn link_target(path: &Path) -> Option<PathBuf> {
    fs::read_link(path).ok()
}

/// Returns whether `path` itself is a symbolic link.
///
/// # Errors
/// The path does not exist or cannot be looked up.
pub fn is_link(path: &Path) -> Result<bool, FileError> {
    fs::symlink_metadata(path)
        .map(|metadata| metadata.is_symlink())
        .map_err(|cause| failed("Looking up", path, cause))
}

/// Returns the permission bits of a file, following links: 0o600 for one that only its owner reads.
///
/// # Errors
/// The path does not exist or cannot be looked up.
pub fn mode_of(path: &Path) -> Result<u32, FileError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path)
        .map(|metadata| metadata.permissions().mode() & 0o777)
        .map_err(|cause| failed("Looking up", path, cause))
}

/// What tells one version of a file from the next: a file that was replaced is another inode, and one
/// that was written to has another time or length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: (u64, u64),
    length: u64,
    changed: (i64, i64),
}

/// Returns the stamp of a file; none when nothing has this name.
pub fn stamp_of(path: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt as _;
    let found = fs::metadata(path).ok()?;
    Some(Stamp {
        inode: (found.dev(), found.ino()),
        length: found.len(),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

/// Returns whether `path` is a regular file, following links.
pub fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Returns whether `path` is a folder, following links.
pub fn is_dir(path: &Path) -> bool {
    path.is_dir()
}

/// Returns whether something has this name, following links.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// A folder that is removed with all of its content when this is dropped.
#[derive(Debug)]
pub struct TemporaryDir(tempfile::TempDir);

impl TemporaryDir {
    /// Creates an empty folder that only its owner may enter.
    ///
    /// # Errors
    /// The operating system refused.
    pub fn create() -> Result<Self, FileError> {
        tempfile::Builder::new()
            .prefix("stairway-")
            .tempdir()
            .map(Self)
            .map_err(|cause| failed("Creating a temporary folder", Path::new(""), cause))
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Returns the names in a folder, sorted by bytes.
///
/// # Errors
/// The folder cannot be read, or a name in it is not UTF-8.
pub fn list_dir(folder: &Path) -> Result<Vec<String>, FileError> {
    let attempt = "Listing";
    let wrap = |cause| failed(attempt, folder, cause);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrap)? {
        let name = entry.map_err(wrap)?.file_name();
        names.push(name.into_string().map_err(|name| {
            let name = name.to_string_lossy().into_owned();
            refused(attempt, folder, FileErrorKind::BadName { name })
        })?);
    }
    names.sort_unstable();
    Ok(names)
}

/// Returns the names of all files below `folder`, relative, with `/`, sorted;
/// links to folders are listed and not followed.
///
/// # Errors
/// As [`list_dir`].
pub fn walk(folder: &Path) -> Result<Vec<String>, FileError> {
    let mut found = Vec::new();
    let mut pending = vec![String::new()];
    while let Some(prefix) = pending.pop() {
        for name in list_dir(&folder.join(&prefix))? {
            let name = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}/{name}")
            };
            let path = folder.join(&name);
            if path.is_dir() && !path.is_symlink() {
                pending.push(name);
            } else {
                found.push(name);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Returns the nearest folder at or above `from` that holds `.git` (a folder,
/// or the file of a worktree), as a canonical path.
pub fn repository_top(from: &Path) -> Option<PathBuf> {
    let start = fs::canonicalize(from).ok()?;
    start
        .ancestors()
        .find(|folder| folder.join(".git").exists())
        .map(Path::to_path_buf)
}

/// Returns the folder that holds `path`; `.` for a bare name.
pub fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_path_buf(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn is_plain_name(name: &str) -> bool {
    let mut parts = Path::new(name).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
