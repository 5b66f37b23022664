//! The disk as journals and locks need it: what was synced survives, and nothing else is promised.
//!
//! [`RealDisk`] is the file system, [`SimDisk`] a simulation that forgets on a crash what nobody
//! synced. Whoever is written against [`Disk`] can be killed at every point in a test.

#![expect(
    clippy::disallowed_methods,
    reason = "with files.rs the door to the file system: appends, syncs and the locks of the kernel"
)]

mod sim;

pub use sim::SimDisk;

use crate::files::{self, FileErrorKind};
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

/// A journal of 100,000 events has about 40 MB; more is no journal of ours.
const READ_BYTES_MAX: u64 = 256 << 20;
/// How often a lock that somebody holds is tried again.
const RETRY: Duration = Duration::from_millis(3);

/// What a journal and a lock ask of a disk.
///
/// # Guarantees
/// What was written and synced (the file, and for a new name its folder) is there after a crash;
/// of what was written and not synced, any prefix may be. Links are never followed to another file.
pub trait Disk {
    /// Reads a whole file; none when nothing has this name.
    ///
    /// # Errors
    /// It is there and cannot be read, or is no regular file.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Adds bytes at the end of a file, which is made when it is missing. Not synced.
    ///
    /// # Errors
    /// Any prefix of the bytes may have been written.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file to this length. Not synced.
    ///
    /// # Errors
    /// The operating system refused.
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;

    /// Makes a file's content durable.
    ///
    /// # Errors
    /// Nobody knows what of it is.
    fn sync_file(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// As [`Disk::sync_file`].
    fn sync_dir(&self, folder: &Path) -> io::Result<()>;

    /// Gives a file other content, at once and durably.
    ///
    /// # Errors
    /// The content is then the old one.
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Makes a folder and those above it. Not synced.
    ///
    /// # Errors
    /// The operating system refused.
    fn make_dir(&self, folder: &Path) -> io::Result<()>;

    /// Gives a file another name. Not synced.
    ///
    /// # Errors
    /// The operating system refused.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
}

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RealDisk;

/// Returns how files are opened here: never through a link, and never waiting for a pipe.
fn guarded() -> OpenOptions {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    options
}

/// Opens a regular file and says in words what else is there.
fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.open(path).map_err(|cause| {
        let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        if is_link {
            io::Error::new(io::ErrorKind::InvalidInput, "it is a symbolic link")
        } else {
            cause
        }
    })?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        let why = "it is not a regular file";
        Err(io::Error::new(io::ErrorKind::InvalidInput, why))
    }
}

impl Disk for RealDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = match open(guarded().read(true), path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(cause),
        };
        let mut bytes = Vec::new();
        file.take(READ_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > READ_BYTES_MAX {
            let why = format!("it is larger than the limit of {READ_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(Some(bytes))
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        open(guarded().append(true).create(true), path)?.write_all(bytes)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        open(guarded().write(true), path)?.set_len(length)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        open(guarded().read(true), path)?.sync_all()
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        files::write_atomic(path, bytes).map_err(|error| match error.kind {
            FileErrorKind::Os(cause) => cause,
            FileErrorKind::Missing => io::Error::from(io::ErrorKind::NotFound),
            FileErrorKind::NotRegular
            | FileErrorKind::TooLarge { .. }
            | FileErrorKind::NotUtf8 { .. }
            | FileErrorKind::Occupied { .. }
            | FileErrorKind::BadName { .. } => io::Error::other(error.kind),
        })
    }

    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
}

/// A lock of the kernel on a file. It ends with this value, and with the process, however that ends.
#[derive(Debug)]
pub struct Flock {
    file: File,
}

impl Flock {
    /// Takes the lock; none when somebody else has it. The file is made when it is missing.
    ///
    /// # Errors
    /// The file cannot be made or locked.
    pub fn try_take(path: &Path) -> io::Result<Option<Self>> {
        loop {
            fs::create_dir_all(files::parent_of(path))?;
            let file = open(guarded().read(true).write(true).create(true), path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(rustix::io::Errno::INTR) => continue,
                Err(cause) => return Err(cause.into()),
            }
            let held = Self { file };
            // A file that was removed meanwhile locks nobody out.
            if held.is_at(path) {
                return Ok(Some(held));
            }
        }
    }

    /// Takes the lock, waiting for whoever has it; none when that takes longer than `patience`.
    ///
    /// # Errors
    /// As [`Flock::try_take`].
    pub fn take(path: &Path, patience: Duration) -> io::Result<Option<Self>> {
        let mut waited = Duration::ZERO;
        loop {
            if let Some(held) = Self::try_take(path)? {
                return Ok(Some(held));
            }
            if waited >= patience {
                return Ok(None);
            }
            std::thread::sleep(RETRY);
            waited += RETRY;
        }
    }

    /// Returns true while the locked file is the one that has this name.
    pub fn is_at(&self, path: &Path) -> bool {
        match (self.file.metadata(), fs::symlink_metadata(path)) {
            (Ok(own), Ok(named)) => (own.dev(), own.ino()) == (named.dev(), named.ino()),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests;
