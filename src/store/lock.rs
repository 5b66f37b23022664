//! One cluster, one run: a lock of the kernel, and beside it what the holder is doing.
//!
//! ```text
//! <cluster>.lock        who holds it, how far that run is, which approvals are used up
//! <cluster>.lock.held   locked by the kernel while a process holds it; always empty
//! ```
//!
//! The kernel frees the lock of a process that died. What it wrote stays, so
//! that the next one knows what it may have left half done.
//!
//! That is for the processes of one machine. For all others there is a Lease in the
//! cluster itself ([`LeaseLock`]); [`BothLocks`] are the two together.

mod both;
mod content;
mod error;
mod lease;

pub use both::BothLocks;
pub use content::{ConsumedPlan, LOCK_FORMAT, LockClaim, LockContent, LockNote};
pub use error::{Leased, LockError};
pub use lease::{LEASE_NAME, LEASE_NAMESPACE, LeaseAround, LeaseLock, LeaseSeen, LeaseTimes};

use super::disk::{Disk, Flock, RealDisk, SimDisk};
use crate::config::read_shape;
use content::LOCK_KIND;
use stairway_core::model::canonical_bytes;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// The lock of one cluster.
pub trait ClusterLock {
    /// Takes the lock; returns what the last holder left, if there was one.
    ///
    /// # Errors
    /// Somebody else has it, or what is there cannot be read.
    fn acquire(&mut self, claim: &LockClaim) -> Result<Option<LockContent>, LockError>;

    /// Makes sure that the lock is still ours.
    ///
    /// # Errors
    /// It is not, or nobody can tell.
    fn check(&mut self) -> Result<(), LockError>;

    /// Writes down how far the run is, durably.
    ///
    /// # Errors
    /// The lock is not ours any more, or it cannot be written.
    fn annotate(&mut self, note: &LockNote) -> Result<(), LockError>;

    /// Lets go of the lock; what it says of runs stays.
    ///
    /// # Errors
    /// It cannot be written; it is let go of nevertheless.
    fn release(&mut self) -> Result<(), LockError>;
}

/// The content of a lock on some disk.
#[derive(Clone, Debug)]
pub struct LockPage<D: Disk> {
    disk: D,
    path: PathBuf,
}

/// A lock is read by people and programs; a fleet that ran a plan each day for years has 1 MB.
const LOCK_BYTES_MAX: usize = 4 << 20;

impl<D: Disk> LockPage<D> {
    /// Returns the lock at this path.
    pub const fn new(disk: D, path: PathBuf) -> Self {
        Self { disk, path }
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    fn disk_error(&self, attempt: &'static str, cause: &io::Error) -> LockError {
        LockError::Disk {
            attempt,
            file: self.shown(),
            why: cause.to_string(),
        }
    }

    /// Reads it; none when it was never taken.
    ///
    /// # Errors
    /// It is no lock of this format: half a file, another kind, rubbish.
    pub fn read(&self) -> Result<Option<LockContent>, LockError> {
        let unreadable = |why: String| LockError::Unreadable {
            file: self.shown(),
            why,
        };
        let bytes = self
            .disk
            .read(&self.path)
            .map_err(|cause| unreadable(cause.to_string()))?;
        let Some(bytes) = bytes else { return Ok(None) };
        if bytes.len() > LOCK_BYTES_MAX {
            return Err(unreadable(format!("it has {} bytes", bytes.len())));
        }
        read_content(&bytes).map(Some).map_err(unreadable)
    }

    /// Writes it, at once and durably.
    ///
    /// # Errors
    /// The file system refused; it is then as it was.
    pub fn write(&self, content: &LockContent) -> Result<(), LockError> {
        let bytes = [canonical_bytes(content).as_slice(), b"\n"].concat();
        self.disk
            .write_atomic(&self.path, &bytes)
            .map_err(|cause| self.disk_error("Writing", &cause))
    }

    /// Takes over from whoever held it last; the caller made sure that nobody holds it.
    fn claim(&self, claim: &LockClaim) -> Result<Holding, LockError> {
        let holding = Holding::begin(self.read()?, claim);
        self.write(&holding.mine)?;
        Ok(holding)
    }

    fn never_taken(&self) -> LockError {
        LockError::Lost {
            file: self.shown(),
            why: "it was never taken, or let go of".to_owned(),
        }
    }

    fn check(&self, mine: &LockContent) -> Result<(), LockError> {
        let lost = |why: String| LockError::Lost {
            file: self.shown(),
            why,
        };
        match self.read() {
            Ok(Some(found)) if found.id == mine.id => Ok(()),
            Ok(Some(found)) if found.id.is_empty() => Err(lost("it was released".to_owned())),
            Ok(Some(found)) => Err(lost(format!("{} holds it", found.holder))),
            Ok(None) => Err(lost("it was removed".to_owned())),
            Err(error) => Err(lost(error.to_string())),
        }
    }
}

/// Reads what a lock says; why it is none of this format otherwise.
fn read_content(bytes: &[u8]) -> Result<LockContent, String> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| format!("it is no JSON: {error}"))?;
    let kind = value.get("kind").and_then(serde_json::Value::as_str);
    if kind != Some(LOCK_KIND) {
        return Err(format!("its kind is {kind:?}, not `{LOCK_KIND}`"));
    }
    let format = value.get("format_version").cloned().unwrap_or_default();
    if format != LOCK_FORMAT {
        return Err(format!(
            "it has lock format {format}, and this build reads format {LOCK_FORMAT}"
        ));
    }
    read_shape(&value).map_err(|shape| format!("`{}`: {}", shape.path, shape.message))
}

/// What a holder wrote, and what it found.
#[derive(Clone, Debug)]
struct Holding {
    mine: LockContent,
    before: Option<LockContent>,
    noted: bool,
}

impl Holding {
    /// Returns what a new holder writes, after what the last one left.
    fn begin(before: Option<LockContent>, claim: &LockClaim) -> Self {
        let consumed = before.clone().map(|left| left.consumed).unwrap_or_default();
        let own = consumed.iter().rev().find(|one| one.plan == claim.plan);
        let mine = LockContent {
            format_version: LOCK_FORMAT,
            kind: LOCK_KIND.to_owned(),
            id: claim.id.clone(),
            holder: claim.holder.clone(),
            acquired_at: claim.at,
            run: claim.run.clone(),
            plan: claim.plan.clone(),
            seq: own.map_or(0, |own| own.seq),
            head: own.map_or_else(String::new, |own| own.head.clone()),
            consumed,
        };
        Self {
            mine,
            before,
            noted: false,
        }
    }

    fn note(&mut self, note: &LockNote) {
        self.noted = true;
        self.mine.note(note);
    }

    /// Returns what stays: where nothing was done, what was found, with the id of a dead holder.
    fn left(self) -> LockContent {
        match self.before {
            Some(before) if !self.noted => before,
            Some(_) | None => LockContent {
                id: String::new(),
                ..self.mine
            },
        }
    }
}

/// A lock in a file of this machine.
#[derive(Debug)]
pub struct FileLock {
    page: LockPage<RealDisk>,
    held: Option<(Flock, Holding)>,
}

fn held_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".held");
    path.with_file_name(name)
}

impl FileLock {
    /// Returns the lock at this path, which nobody holds through it yet.
    pub const fn new(path: PathBuf) -> Self {
        Self {
            page: LockPage::new(RealDisk, path),
            held: None,
        }
    }

    /// Reads what the lock says, whoever holds it.
    ///
    /// # Errors
    /// It is no lock.
    pub fn read(path: &Path) -> Result<Option<LockContent>, LockError> {
        LockPage::new(RealDisk, path.to_path_buf()).read()
    }

    /// Returns true while a process holds the lock.
    ///
    /// # Errors
    /// The file system refused.
    pub fn is_held(path: &Path) -> Result<bool, LockError> {
        let page = LockPage::new(RealDisk, path.to_path_buf());
        if RealDisk
            .read(&held_path(path))
            .map_err(|cause| page.disk_error("Looking at", &cause))?
            .is_none()
        {
            return Ok(false);
        }
        Ok(page.flock()?.is_none())
    }

    /// Gives up the holding with this id: its run counts as stopped.
    ///
    /// # Errors
    /// A process still holds it, there is none, or it has another id.
    pub fn unlock(path: &Path, id: &str) -> Result<LockContent, LockError> {
        let page = LockPage::new(RealDisk, path.to_path_buf());
        let refuse = |why: String| LockError::NotThisOne {
            file: page.shown(),
            why,
            free: None,
        };
        let Some(mut content) = page.read()? else {
            return Err(refuse("nobody ever held it".to_owned()));
        };
        let Some(_flock) = page.flock()? else {
            return Err(page.held_by(&content));
        };
        content.give_up(id).map_err(refuse)?;
        page.write(&content)?;
        Ok(content)
    }
}

impl LockPage<RealDisk> {
    fn flock(&self) -> Result<Option<Flock>, LockError> {
        Flock::try_take(&held_path(&self.path)).map_err(|cause| self.disk_error("Taking", &cause))
    }

    fn held_by(&self, content: &LockContent) -> LockError {
        let known = |text: &str| {
            if text.is_empty() {
                "(not written yet)".to_owned()
            } else {
                text.to_owned()
            }
        };
        LockError::Held {
            file: self.shown(),
            by: known(&content.holder),
            since: content.acquired_at.to_string(),
            run: known(&content.run),
            plan: known(&content.plan),
        }
    }
}

impl ClusterLock for FileLock {
    fn acquire(&mut self, claim: &LockClaim) -> Result<Option<LockContent>, LockError> {
        let Some(flock) = self.page.flock()? else {
            return Err(match self.page.read()? {
                Some(content) => self.page.held_by(&content),
                None => LockError::Held {
                    file: self.page.shown(),
                    by: "another process".to_owned(),
                    since: "just now".to_owned(),
                    run: "(not written yet)".to_owned(),
                    plan: "(not written yet)".to_owned(),
                },
            });
        };
        let holding = self.page.claim(claim)?;
        let before = holding.before.clone();
        self.held = Some((flock, holding));
        Ok(before)
    }

    fn check(&mut self) -> Result<(), LockError> {
        match &self.held {
            Some((flock, _)) if !flock.is_at(&held_path(&self.page.path)) => Err(LockError::Lost {
                file: self.page.shown(),
                why: "the file beside it that the kernel locks was removed".to_owned(),
            }),
            Some((_, holding)) => self.page.check(&holding.mine),
            None => Err(self.page.never_taken()),
        }
    }

    fn annotate(&mut self, note: &LockNote) -> Result<(), LockError> {
        self.check()?;
        if let Some((_, holding)) = &mut self.held {
            holding.note(note);
            self.page.write(&holding.mine)?;
        }
        Ok(())
    }

    fn release(&mut self) -> Result<(), LockError> {
        let checked = self.check();
        let Some((_flock, holding)) = self.held.take() else {
            return Ok(());
        };
        checked?;
        self.page.write(&holding.left())
    }
}

/// A lock on a simulated disk. Its process is this value: dropping it is dying.
#[derive(Clone, Debug)]
pub struct SimLock {
    page: LockPage<SimDisk>,
    held: Option<Holding>,
}

impl SimLock {
    /// Returns the lock at this path.
    pub const fn new(disk: SimDisk, path: PathBuf) -> Self {
        Self {
            page: LockPage::new(disk, path),
            held: None,
        }
    }
}

impl ClusterLock for SimLock {
    fn acquire(&mut self, claim: &LockClaim) -> Result<Option<LockContent>, LockError> {
        let holding = self.page.claim(claim)?;
        let before = holding.before.clone();
        self.held = Some(holding);
        Ok(before)
    }

    fn check(&mut self) -> Result<(), LockError> {
        match &self.held {
            Some(holding) => self.page.check(&holding.mine),
            None => Err(self.page.never_taken()),
        }
    }

    fn annotate(&mut self, note: &LockNote) -> Result<(), LockError> {
        self.check()?;
        if let Some(holding) = &mut self.held {
            holding.note(note);
            self.page.write(&holding.mine)?;
        }
        Ok(())
    }

    fn release(&mut self) -> Result<(), LockError> {
        let checked = self.check();
        let Some(holding) = self.held.take() else {
            return Ok(());
        };
        checked?;
        self.page.write(&holding.left())
    }
}

#[cfg(test)]
mod tests;
