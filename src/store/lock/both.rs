//! The lock of this machine and the one in the cluster, as one.

use super::{ClusterLock, FileLock, LeaseLock, LockClaim, LockContent, LockError, LockNote};
use std::path::Path;

/// A lock file, which keeps other processes of this machine away, and a lease, which keeps all others away.
///
/// The file comes first: while this process has it, no other process of this machine that used the same file
/// lives, so a lease with the id that the file had is a dead process's.
#[derive(Debug)]
pub struct BothLocks {
    file: FileLock,
    lease: LeaseLock,
}

impl BothLocks {
    /// Returns the two locks as one; nobody holds them through it yet.
    pub const fn new(file: FileLock, lease: LeaseLock) -> Self {
        Self { file, lease }
    }

    /// Returns the lock in the cluster.
    pub const fn lease(&self) -> &LeaseLock {
        &self.lease
    }

    /// Gives up the holding with this id, in the file, in the lease, or in both.
    ///
    /// # Errors
    /// Neither has it, a process of this machine still holds the file, somebody whom no id frees holds the lease, or
    /// one of them cannot be read.
    pub fn unlock(path: &Path, lease: &LeaseLock, id: &str) -> Result<LockContent, LockError> {
        // First: a file that is given up frees nothing while somebody else has the lease.
        lease.has_an_id()?;
        let in_file = match FileLock::unlock(path, id) {
            Ok(content) => Some(content),
            Err(LockError::NotThisOne { .. }) => None,
            Err(other) => return Err(other),
        };
        match (in_file, lease.unlock(id)) {
            (Some(file), Ok(lease)) => Ok(LockContent::merged(file, lease)),
            (Some(file), Err(LockError::NotThisOne { .. })) => Ok(file),
            (None, answer) | (Some(_), answer @ Err(_)) => answer,
        }
    }
}

impl ClusterLock for BothLocks {
    fn acquire(&mut self, claim: &LockClaim) -> Result<Option<LockContent>, LockError> {
        let in_file = self.file.acquire(claim)?;
        let dead = in_file.as_ref().map_or("", |left| left.id.as_str());
        match self.lease.acquire_after(claim, dead) {
            Ok(in_lease) => Ok(match (in_file, in_lease) {
                (Some(file), Some(lease)) => Some(LockContent::merged(file, lease)),
                (file, lease) => file.or(lease),
            }),
            Err(error) => {
                // The kernel frees it in any case; what it said stands there again.
                let _freed_anyway = self.file.release();
                Err(error)
            }
        }
    }

    fn check(&mut self) -> Result<(), LockError> {
        self.file.check()?;
        self.lease.check()
    }

    fn annotate(&mut self, note: &LockNote) -> Result<(), LockError> {
        self.file.annotate(note)?;
        self.lease.annotate(note)
    }

    fn release(&mut self) -> Result<(), LockError> {
        let lease = self.lease.release();
        let file = self.file.release();
        lease.and(file)
    }
}
