//! A disk in memory that forgets on a crash what nobody synced.

use super::Disk;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A simulated disk. Clones are handles to the same disk; [`SimDisk::fork`] makes another one.
///
/// # Guarantees
/// After [`SimDisk::crash`], a name is there when its folder, and every folder above, was synced
/// since; a file has what was synced, and any byte prefix of what was written after it.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<Platter>>);

#[derive(Clone, Debug, Default)]
struct Platter {
    files: BTreeMap<u64, SimFile>,
    /// What a program sees.
    names: BTreeMap<PathBuf, Entry>,
    /// What a crash leaves.
    durable_names: BTreeMap<PathBuf, Entry>,
    next_file: u64,
    /// Operations until the power goes; none for never.
    power: Option<u64>,
    /// Bytes until the disk is full; none for never.
    room: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    File(u64),
    Folder,
}

#[derive(Clone, Debug, Default)]
struct SimFile {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

/// A change of a file that was not synced.
#[derive(Clone, Debug)]
enum Change {
    Append(Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Append(bytes) => to.extend_from_slice(bytes),
            Self::Truncate(length) => to.truncate(*length),
        }
    }

    /// Applies a beginning of the change, as `dice` wants it.
    fn apply_part(&self, to: &mut Vec<u8>, dice: &mut Dice) {
        match self {
            Self::Append(bytes) => {
                let part = dice.below(bytes.len() + 1);
                to.extend_from_slice(bytes.get(..part).unwrap_or_default());
            }
            Self::Truncate(_) => {}
        }
    }
}

/// SplitMix64: equal seeds give equal crashes.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        usize::try_from(mixed % bound).unwrap_or(0)
    }
}

impl SimDisk {
    /// Returns an empty disk on which these folders exist durably.
    pub fn with_folders(folders: &[&Path]) -> Self {
        let disk = Self::default();
        {
            let mut platter = disk.platter();
            for folder in folders {
                platter.add_folders(folder);
            }
            platter.durable_names = platter.names.clone();
        }
        disk
    }

    /// Returns another disk with the same content and the same past.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.platter().clone())))
    }

    /// Lets the power go after this many more operations: from then on each of them fails, until
    /// [`SimDisk::crash`].
    pub fn cut_power_after(&self, operations: u64) {
        self.platter().power = Some(operations);
    }

    /// Lets the disk be full after this many more bytes; `None` makes room again.
    pub fn leave_room(&self, bytes: Option<usize>) {
        self.platter().room = bytes;
    }

    /// The machine stops and starts again: what was not synced is lost, but for what `seed` keeps.
    pub fn crash(&self, seed: u64) {
        let mut platter = self.platter();
        let mut dice = Dice(seed);
        let durable = &platter.durable_names;
        let names: BTreeMap<PathBuf, Entry> = durable
            .iter()
            .filter(|(path, _)| above(path).all(|folder| durable.contains_key(folder)))
            .map(|(path, entry)| (path.clone(), *entry))
            .collect();
        let mut files = BTreeMap::new();
        for entry in names.values() {
            let Entry::File(number) = entry else { continue };
            if let Some(file) = platter.files.get(number) {
                files.insert(*number, file.after_crash(&mut dice));
            }
        }
        platter.files = files;
        platter.durable_names = names.clone();
        platter.names = names;
        platter.power = None;
    }

    /// Returns what of a file the worst crash leaves: none when its name is lost.
    pub fn durable(&self, path: &Path) -> Option<Vec<u8>> {
        let platter = self.platter();
        let named = |path: &Path| platter.durable_names.get(path).copied();
        if !above(path).all(|folder| named(folder).is_some()) {
            return None;
        }
        match named(path)? {
            Entry::File(number) => platter.files.get(&number).map(|file| file.durable.clone()),
            Entry::Folder => None,
        }
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an operation; fails when the power is gone.
    fn operate(&self) -> io::Result<MutexGuard<'_, Platter>> {
        let mut platter = self.platter();
        match &mut platter.power {
            Some(0) => return Err(io::Error::other("the power is gone")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(platter)
    }
}

/// Returns the folders above a path, the nearest first; the root and the working folder are there.
fn above(path: &Path) -> impl Iterator<Item = &Path> {
    path.ancestors()
        .skip(1)
        .filter(|folder| folder.parent().is_some() && !folder.as_os_str().is_empty())
}

fn missing() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl SimFile {
    fn of(bytes: &[u8]) -> Self {
        Self {
            seen: bytes.to_vec(),
            durable: bytes.to_vec(),
            pending: Vec::new(),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            change.apply(&mut self.durable);
        }
    }

    fn after_crash(&self, dice: &mut Dice) -> Self {
        let mut left = self.durable.clone();
        let whole = dice.below(self.pending.len() + 1);
        for (index, change) in self.pending.iter().enumerate().take(whole + 1) {
            if index < whole {
                change.apply(&mut left);
            } else {
                change.apply_part(&mut left, dice);
            }
        }
        Self::of(&left)
    }
}

impl Platter {
    fn add_folders(&mut self, folder: &Path) {
        for path in std::iter::once(folder).chain(above(folder)) {
            if path.parent().is_some() && !path.as_os_str().is_empty() {
                self.names
                    .entry(path.to_path_buf())
                    .or_insert(Entry::Folder);
            }
        }
    }

    fn number(&self, path: &Path) -> io::Result<Option<u64>> {
        match self.names.get(path) {
            Some(Entry::File(number)) => Ok(Some(*number)),
            Some(Entry::Folder) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            None => Ok(None),
        }
    }

    fn file(&mut self, path: &Path) -> io::Result<&mut SimFile> {
        let number = self.number(path)?.ok_or_else(missing)?;
        self.files.get_mut(&number).ok_or_else(missing)
    }

    fn add_file(&mut self, path: &Path, file: SimFile) -> io::Result<u64> {
        if !above(path).all(|folder| self.names.contains_key(folder)) {
            return Err(missing());
        }
        let number = self.next_file;
        self.next_file += 1;
        self.files.insert(number, file);
        self.names.insert(path.to_path_buf(), Entry::File(number));
        Ok(number)
    }

    /// Returns how many of the bytes fit.
    fn fit(&mut self, bytes: usize) -> usize {
        match &mut self.room {
            Some(room) => {
                let fits = bytes.min(*room);
                *room -= fits;
                fits
            }
            None => bytes,
        }
    }
}

impl Disk for SimDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let platter = self.operate()?;
        let number = platter.number(path)?;
        Ok(number.and_then(|number| platter.files.get(&number).map(|file| file.seen.clone())))
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut platter = self.operate()?;
        if platter.number(path)?.is_none() {
            platter.add_file(path, SimFile::default())?;
        }
        let fits = platter.fit(bytes.len());
        let part = bytes.get(..fits).unwrap_or_default().to_vec();
        platter.file(path)?.change(Change::Append(part));
        if fits == bytes.len() {
            Ok(())
        } else {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let mut platter = self.operate()?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        platter.file(path)?.change(Change::Truncate(length));
        Ok(())
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.operate()?.file(path)?.sync();
        Ok(())
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        let mut platter = self.operate()?;
        let folder = folder.strip_prefix(".").unwrap_or(folder);
        let inside = |path: &Path| path.parent() == Some(folder);
        let platter = &mut *platter;
        platter.durable_names.retain(|path, _| !inside(path));
        let live = platter.names.iter().filter(|(path, _)| inside(path));
        platter
            .durable_names
            .extend(live.map(|(path, entry)| (path.clone(), *entry)));
        Ok(())
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut platter = self.operate()?;
        if platter.fit(bytes.len()) < bytes.len() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let number = platter.add_file(path, SimFile::of(bytes))?;
        let entry = Entry::File(number);
        platter.durable_names.insert(path.to_path_buf(), entry);
        Ok(())
    }

    fn make_dir(&self, folder: &Path) -> io::Result<()> {
        self.operate()?.add_folders(folder);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut platter = self.operate()?;
        let entry = platter.names.remove(from).ok_or_else(missing)?;
        platter.names.insert(to.to_path_buf(), entry);
        Ok(())
    }
}
