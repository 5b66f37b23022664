//! The journal of a run on disk: an event is durable before the effect that it announces.
//!
//! ```text
//! plans/<id>/journal.ndjson     one event per line, hash-chained from the plan's digest
//! plans/<id>/logs/<token>.log   what a tool printed, for people; nothing depends on it
//! ```

use super::StoreError;
use super::disk::Disk;
use crate::files;
use stairway_core::journal::{self, Event, Journal};
use std::io;
use std::path::{Path, PathBuf};

/// The name of the journal in the directory of its plan.
pub const JOURNAL_FILE: &str = "journal.ndjson";
/// The name of the folder with the outputs of tools.
pub const LOGS_FOLDER: &str = "logs";
/// Journals that were set aside are numbered; nobody sets as many aside.
const ASIDE_MAX: u32 = 1000;

/// The journal of one plan.
///
/// # Guarantees
/// When [`JournalFile::append`] returned, the event survives every crash. What a crash left of a
/// half-written event is cut off before the next one is written.
#[derive(Clone, Debug)]
pub struct JournalFile<D: Disk> {
    disk: D,
    path: PathBuf,
    /// How many bytes the whole events take.
    valid: u64,
    /// True while bytes of a half-written event may stand behind the whole ones.
    torn: bool,
    /// True once the folder was synced with the file's name in it.
    named: bool,
    /// Set when nobody knows what of the file is durable.
    lost: Option<String>,
    /// What the next event hangs on, and its number.
    head: String,
    next: u64,
}

impl<D: Disk> JournalFile<D> {
    /// Opens the journal of the plan with this digest, and reads what is there.
    ///
    /// # Errors
    /// It cannot be read, or it cannot be believed.
    pub fn open(
        disk: D,
        plan_dir: &Path,
        plan_digest: &str,
    ) -> Result<(Self, Journal), StoreError> {
        let path = plan_dir.join(JOURNAL_FILE);
        let bytes = disk
            .read(&path)
            .map_err(|cause| failed("Reading", &path, &cause))?;
        let journal =
            journal::read(bytes.as_deref().unwrap_or_default(), plan_digest).map_err(|error| {
                StoreError::Journal {
                    file: path.display().to_string(),
                    error,
                }
            })?;
        let last = journal.events.last();
        let opened = Self {
            disk,
            valid: journal.valid_bytes,
            torn: journal.torn.is_some(),
            // Whoever made the file may have been killed before it synced the folder.
            named: false,
            lost: None,
            head: last.map_or_else(|| plan_digest.to_owned(), Event::hash),
            next: last.map_or(1, |event| event.seq + 1),
            path,
        };
        Ok((opened, journal))
    }

    /// Sets a journal aside that cannot be believed, and begins another one; returns the name that
    /// the old one has now, if there was one. Only `--adopt` asks for this.
    ///
    /// # Errors
    /// The file system refused.
    pub fn start_over(
        disk: D,
        plan_dir: &Path,
        plan_digest: &str,
    ) -> Result<(Self, Option<PathBuf>), StoreError> {
        let path = plan_dir.join(JOURNAL_FILE);
        let wrap = |cause: io::Error| failed("Setting aside", &path, &cause);
        let mut aside = None;
        if disk.read(&path).map_err(wrap)?.is_some() {
            let free = (1..ASIDE_MAX)
                .map(|number| plan_dir.join(format!("journal.{number}.aside.ndjson")))
                .find(|name| matches!(disk.read(name), Ok(None)))
                .ok_or_else(|| wrap(io::Error::other("too many journals were set aside")))?;
            disk.rename(&path, &free).map_err(wrap)?;
            disk.sync_dir(plan_dir).map_err(wrap)?;
            aside = Some(free);
        }
        let (opened, _empty) = Self::open(disk, plan_dir, plan_digest)?;
        Ok((opened, aside))
    }

    /// Makes an event durable: when this returns, file and folder are synced.
    ///
    /// # Errors
    /// The event may not be durable, and nothing may be done that it announces. It is an error to
    /// append an event that does not hang on the last one.
    pub fn append(&mut self, event: &Event) -> Result<(), StoreError> {
        let wrap = |path: &Path, cause: io::Error| failed("Writing", path, &cause);
        if let Some(why) = &self.lost {
            return Err(wrap(&self.path, io::Error::other(why.clone())));
        }
        if event.prev_hash != self.head || event.seq != self.next {
            let why = format!(
                "event {} does not follow event {}",
                event.seq,
                self.next.saturating_sub(1)
            );
            return Err(wrap(&self.path, io::Error::other(why)));
        }
        self.cut()?;
        let line = event.line();
        let text = [line.as_slice(), b"\n"].concat();
        self.torn = true;
        self.disk
            .append(&self.path, &text)
            .map_err(|cause| wrap(&self.path, cause))?;
        self.sync()?;
        self.torn = false;
        self.valid += text.len() as u64;
        self.head = journal::hash_of(&line);
        self.next += 1;
        Ok(())
    }

    /// Cuts off what a crash or a full disk left of a half-written event.
    fn cut(&mut self) -> Result<(), StoreError> {
        if !self.torn {
            return Ok(());
        }
        let wrap =
            |cause: io::Error| failed("Cutting a half-written event off", &self.path, &cause);
        // A write that failed may not even have made the file.
        if self.disk.read(&self.path).map_err(wrap)?.is_some() {
            self.disk.truncate(&self.path, self.valid).map_err(wrap)?;
            self.disk.sync_file(&self.path).map_err(wrap)?;
        }
        self.torn = false;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let folder = files::parent_of(&self.path);
        let mut synced = self.disk.sync_file(&self.path);
        if synced.is_ok() && !self.named {
            // The plan's directory was written without a sync, because plans can be made again.
            synced = self
                .disk
                .sync_dir(&folder)
                .and_then(|()| self.disk.sync_dir(&files::parent_of(&folder)));
        }
        if let Err(cause) = synced {
            // After a failed sync the kernel takes what it could not write for written.
            let why =
                format!("a sync failed before ({cause}), and nobody knows what is on the disk");
            self.lost = Some(why);
            return Err(failed("Syncing", &self.path, &cause));
        }
        self.named = true;
        Ok(())
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the hash on which the next event hangs.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Returns the number of the next event.
    pub const fn next_seq(&self) -> u64 {
        self.next
    }
}

/// Returns where the output of the action with this token is kept.
pub fn log_path(plan_dir: &Path, token: &str) -> PathBuf {
    let plain: String = token
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    plan_dir.join(LOGS_FOLDER).join(format!("{plain}.log"))
}

fn failed(attempt: &'static str, path: &Path, cause: &io::Error) -> StoreError {
    let known = [
        (io::ErrorKind::NotFound, "no such file or folder"),
        (io::ErrorKind::StorageFull, "the disk is full"),
        (io::ErrorKind::PermissionDenied, "permission denied"),
    ];
    let why = known.iter().find(|(kind, _)| *kind == cause.kind());
    let why = why.map_or_else(|| cause.to_string(), |(_, words)| (*words).to_owned());
    StoreError::Disk {
        attempt,
        file: path.display().to_string(),
        why,
    }
}

#[cfg(test)]
mod tests;
