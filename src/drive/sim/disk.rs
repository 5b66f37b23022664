//! A simulated disk that forgets to sync when it is told to.

use crate::store::disk::{Disk, SimDisk};
use std::io;
use std::path::Path;

/// The simulated disk, on which syncs can be left out on purpose. Clones are the same disk.
#[derive(Clone, Debug)]
pub(super) struct FaultyDisk {
    pub(super) inner: SimDisk,
    pub(super) syncs_files: bool,
    pub(super) syncs_folders: bool,
}

impl Disk for FaultyDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.inner.read(path)
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.inner.append(path, bytes)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.inner.truncate(path, length)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        if self.syncs_files {
            self.inner.sync_file(path)
        } else {
            Ok(())
        }
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        if self.syncs_folders {
            self.inner.sync_dir(folder)
        } else {
            Ok(())
        }
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_atomic(path, bytes)
    }

    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        self.inner.make_dir(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }
}
