//! The embedded world: a file that people write, and beside it what has become of it.
//!
//! ```text
//! worlds/demo.yaml                        the definition, in git
//! worlds/.stairway/demo.world.json        the snapshot, made by the first change
//! worlds/.stairway/demo.world.json.lock   locked around each change
//! worlds/.stairway/<cluster>.lock         one run per cluster
//! ```
//!
//! Reading never writes: without a snapshot, the world is what its definition says.

use super::{
    LiveError, LiveFile, LiveReader, OBSERVATION_BYTES_MAX, ObservationKind, parse, read_value,
    sniff,
};
use crate::config::{ShapeError, read_shape};
use crate::files::Stamp;
use crate::store::disk::Flock;
use crate::store::lock::FileLock;
use crate::{files, render};
use serde::Deserialize as _;
use serde_json::Value;
use stairway_core::catalog::Catalog;
use stairway_core::diff::normalize::redact_observation;
use stairway_core::model::{Digest, Observation, canonical_bytes};
use stairway_world::{Offers, World, WorldFile, WorldSet, world_file};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Hundreds of clusters, written out.
const DEFINITION_BYTES_MAX: u64 = 16 << 20;
/// Hundreds of clusters with their nodes and pods.
const SNAPSHOT_BYTES_MAX: u64 = 1 << 30;
/// The major format version of snapshots that this build reads and writes.
const SNAPSHOT_FORMAT: u32 = 1;
const SNAPSHOT_KIND: &str = "WorldSnapshot";
/// Where snapshots and locks are, beside the definition.
const FOLDER: &str = ".stairway";
/// A change takes milliseconds; whoever waits this long waits for a process that was stopped.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a world could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The definition or an observation that it names cannot be read.
    #[error("{0}")]
    Definition(Box<LiveError>),
    /// The definition cannot be a world.
    #[error("Building the world `{file}` failed: {why}")]
    Unbuildable {
        /// The definition as shown.
        file: String,
        /// Why.
        why: String,
    },
    /// The snapshot is none.
    #[error("Reading the world's snapshot `{}` failed: {why}", .snapshot.display())]
    Snapshot {
        /// The snapshot.
        snapshot: PathBuf,
        /// The definition as people name it.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The definition is not the one that the snapshot was made from.
    #[error("The world `{}` was changed after its snapshot was made", .file.display())]
    Changed {
        /// The definition as people name it.
        file: PathBuf,
    },
    /// It has no such cluster.
    #[error("The world `{file}` has no cluster `{name}`; it has: {}", .known.join(", "))]
    NoCluster {
        /// The definition as shown.
        file: String,
        /// The name.
        name: String,
        /// The names that it has.
        known: Vec<String>,
    },
    /// A run is going on in it.
    #[error("Resetting the world `{}` failed: a run is going on in its cluster `{cluster}`", .file.display())]
    InUse {
        /// The definition as people name it.
        file: PathBuf,
        /// The cluster.
        cluster: String,
    },
    /// The file system refused.
    #[error("{attempt} the world's snapshot `{}` failed: {why}", .snapshot.display())]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// The snapshot.
        snapshot: PathBuf,
        /// Why.
        why: String,
    },
}

impl WorldError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Definition(error) => error.hint(),
            Self::Snapshot { file, .. } | Self::Changed { file } => Some(format!(
                "begin again with `stairway world reset {}`",
                file.display()
            )),
            Self::NoCluster { .. } => {
                Some("a world's clusters go by `metadata.name` of their configs".to_owned())
            }
            Self::Unbuildable { .. } => {
                Some("`stairway schema world` prints what a world looks like".to_owned())
            }
            Self::InUse { .. } => Some("wait until it ends".to_owned()),
            Self::Disk { .. } => None,
        }
    }
}

impl From<LiveError> for WorldError {
    fn from(error: LiveError) -> Self {
        Self::Definition(Box::new(error))
    }
}

/// A world as a process that looks at it often keeps it: read again only when somebody else changed it.
#[derive(Debug, Default)]
pub struct Kept(Option<(Stamps, WorldSet)>);

/// Of the definition and of the snapshot.
type Stamps = (Option<Stamp>, Option<Stamp>);

impl Kept {
    /// Forgets it; the next visit reads the disk.
    pub fn forget(&mut self) {
        self.0 = None;
    }

    /// Returns a cluster as it was at the last visit.
    pub fn world(&self, name: &str) -> Option<&World> {
        self.0.as_ref().and_then(|(_, set)| set.worlds.get(name))
    }
}

/// A world on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorldStore {
    definition: PathBuf,
    shown: String,
    /// The folder that nothing named in the definition may leave.
    root: PathBuf,
    snapshot: PathBuf,
}

impl WorldStore {
    /// Returns the world that this file defines; `root` is what observations must be inside of.
    ///
    /// # Errors
    /// There is no such file.
    pub fn of(definition: &Path, root: Option<&Path>) -> Result<Self, WorldError> {
        let full = files::canonicalize(definition).map_err(LiveError::Unreadable)?;
        let folder = files::parent_of(&full);
        let root = match root {
            Some(root) => files::canonicalize(root).map_err(LiveError::Unreadable)?,
            None => files::repository_top(&folder).unwrap_or_else(|| folder.clone()),
        };
        let stem = full.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Self {
            shown: crate::config::files_shown(&full, &root),
            snapshot: folder.join(FOLDER).join(format!("{stem}.world.json")),
            definition: full,
            root,
        })
    }

    /// Returns the world that this file defines, for whoever names the file and answers for it: its
    /// observations may be anywhere.
    ///
    /// # Errors
    /// There is no such file.
    pub fn of_operator(definition: &Path) -> Result<Self, WorldError> {
        let own = Self::of(definition, None)?;
        Ok(Self {
            root: PathBuf::from("/"),
            ..own
        })
    }

    /// Returns the file that defines it, canonical.
    pub fn definition(&self) -> &Path {
        &self.definition
    }

    /// Returns the file with what has become of it.
    pub fn snapshot(&self) -> &Path {
        &self.snapshot
    }

    /// Returns where the lock of one of its clusters is.
    pub fn lock_of(&self, cluster: &str) -> PathBuf {
        let plain: String = cluster
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        files::parent_of(&self.snapshot).join(format!("{plain}.lock"))
    }

    /// Returns all of it as it is now, without writing anything.
    ///
    /// # Errors
    /// The definition or the snapshot cannot be used.
    pub fn read(&self) -> Result<WorldSet, WorldError> {
        let text = files::read_text(&self.definition, DEFINITION_BYTES_MAX)
            .map_err(LiveError::Unreadable)?;
        let digest = Digest::of(text.as_bytes()).to_string();
        match self.read_snapshot()? {
            Some(set) if set.definition == digest => Ok(set),
            Some(_) => Err(WorldError::Changed {
                file: self.definition.clone(),
            }),
            None => self.build(&text, digest),
        }
    }

    /// Looks at one cluster of it.
    ///
    /// # Errors
    /// As [`WorldStore::read`], and when it has no such cluster.
    pub fn with_world<R>(
        &self,
        name: &str,
        look: impl FnOnce(&World) -> R,
    ) -> Result<R, WorldError> {
        let set = self.read()?;
        match set.worlds.get(name) {
            Some(world) => Ok(look(world)),
            None => Err(self.no_cluster(name, &set)),
        }
    }

    /// Changes one cluster of it. Nobody else changes the world meanwhile, and either all of the
    /// change is on disk when this returns, or nothing of it.
    ///
    /// # Errors
    /// As [`WorldStore::with_world`], and when the snapshot cannot be written.
    pub fn change<R>(
        &self,
        name: &str,
        change: impl FnOnce(&mut World) -> R,
    ) -> Result<R, WorldError> {
        self.change_all(|set| match set.worlds.get_mut(name) {
            Some(world) => Ok(change(world)),
            None => Err(self.no_cluster(name, set)),
        })?
    }

    /// Changes any of its clusters; as [`WorldStore::change`].
    ///
    /// # Errors
    /// As [`WorldStore::change`].
    pub fn change_all<R>(&self, change: impl FnOnce(&mut WorldSet) -> R) -> Result<R, WorldError> {
        let _held = self.lock()?;
        let mut set = self.read()?;
        let result = change(&mut set);
        self.write(&set)?;
        Ok(result)
    }

    /// Returns true when nobody changed the world on disk since it was kept.
    pub fn is_fresh(&self, kept: &Kept) -> bool {
        let stamps = self.stamps();
        kept.0.as_ref().is_some_and(|(then, _)| *then == stamps)
    }

    fn stamps(&self) -> Stamps {
        (
            files::stamp_of(&self.definition),
            files::stamp_of(&self.snapshot),
        )
    }

    /// As [`WorldStore::change_all`], for a process that keeps the world between its visits: it is read
    /// only when it is not fresh, and written only when the visit says that it changed it. The visitor
    /// is told whether it is what was kept.
    ///
    /// # Errors
    /// As [`WorldStore::change`]; then nothing is kept.
    pub fn visit<R>(
        &self,
        kept: &mut Kept,
        visit: impl FnOnce(&mut WorldSet, bool) -> (R, bool),
    ) -> Result<R, WorldError> {
        let _held = self.lock()?;
        let (definition, snapshot) = self.stamps();
        let (mut set, fresh) = match kept.0.take() {
            Some((then, set)) if then == (definition, snapshot) => (set, true),
            Some(_) | None => (self.read()?, false),
        };
        let (result, changed) = visit(&mut set, fresh);
        let mut stamps = (definition, snapshot);
        if changed {
            self.write(&set)?;
            stamps.1 = self.stamps().1;
        }
        kept.0 = Some((stamps, set));
        Ok(result)
    }

    fn write(&self, set: &WorldSet) -> Result<(), WorldError> {
        let bytes = [canonical_bytes(set).as_slice(), b"\n"].concat();
        files::write_atomic(&self.snapshot, &bytes)
            .map_err(|error| self.disk("Writing", &error.kind))
    }

    /// Forgets what has become of it; returns whether there was anything to forget. The locks of
    /// its clusters go with it, since they tell of runs on a cluster that is no more.
    ///
    /// # Errors
    /// The file system refused.
    pub fn reset(&self) -> Result<bool, WorldError> {
        let folder = files::parent_of(&self.snapshot);
        if !files::is_dir(&folder) {
            return Ok(false);
        }
        let _held = self.lock()?;
        let clusters: Vec<String> = match self.read_snapshot() {
            Ok(Some(set)) => set.worlds.into_keys().collect(),
            Ok(None) | Err(_) => Vec::new(),
        };
        let locks: Vec<PathBuf> = clusters.iter().map(|name| self.lock_of(name)).collect();
        for (cluster, path) in clusters.iter().zip(&locks) {
            let held = FileLock::is_held(path).map_err(|error| self.disk("Resetting", &error))?;
            if held {
                return Err(WorldError::InUse {
                    file: self.definition.clone(),
                    cluster: cluster.clone(),
                });
            }
        }
        let mut forgotten = false;
        for path in locks.into_iter().chain([self.snapshot.clone()]) {
            if files::is_file(&path) {
                files::remove(&path).map_err(|error| self.disk("Removing", &error.kind))?;
                forgotten = true;
            }
        }
        Ok(forgotten)
    }

    /// Looks at a cluster as a reader of its API does; the world does not notice.
    ///
    /// # Errors
    /// As [`WorldStore::with_world`].
    pub fn observe(&self, name: &str) -> Result<Observation, WorldError> {
        self.with_world(name, |world| redacted(world.clone().observe()))
    }

    /// As [`WorldStore::observe`], for a run: misbehaviours of reads are counted as they strike.
    ///
    /// # Errors
    /// As [`WorldStore::change`].
    pub fn observe_in_run(&self, name: &str) -> Result<Observation, WorldError> {
        let quiet = self.with_world(name, |world| {
            let calm = world.misbehave.is_empty();
            calm.then(|| redacted(world.clone().observe()))
        })?;
        match quiet {
            Some(observed) => Ok(observed),
            None => self.change(name, |world| redacted(world.observe())),
        }
    }

    fn lock(&self) -> Result<Flock, WorldError> {
        let mut name = self.snapshot.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let path = self.snapshot.with_file_name(name);
        match Flock::take(&path, PATIENCE) {
            Ok(Some(held)) => Ok(held),
            Ok(None) => Err(self.disk("Locking", &"another process does not let go of it")),
            Err(cause) => Err(self.disk("Locking", &cause)),
        }
    }

    fn disk(&self, attempt: &'static str, why: &dyn std::fmt::Display) -> WorldError {
        WorldError::Disk {
            attempt,
            snapshot: self.snapshot.clone(),
            why: why.to_string(),
        }
    }

    fn no_cluster(&self, name: &str, set: &WorldSet) -> WorldError {
        WorldError::NoCluster {
            file: self.shown.clone(),
            name: name.to_owned(),
            known: set.worlds.keys().cloned().collect(),
        }
    }

    /// The snapshot may come from a change under review: it is bounded and distrusted.
    fn read_snapshot(&self) -> Result<Option<WorldSet>, WorldError> {
        if !files::exists(&self.snapshot) {
            return Ok(None);
        }
        let refuse = |why: String| WorldError::Snapshot {
            snapshot: self.snapshot.clone(),
            file: self.definition.clone(),
            why,
        };
        if files::is_link(&self.snapshot).unwrap_or(true) {
            return Err(refuse("it is a symbolic link".to_owned()));
        }
        let bytes = files::read_bounded(&self.snapshot, SNAPSHOT_BYTES_MAX)
            .map_err(|error| refuse(error.kind.to_string()))?;
        let whole = || -> Result<WorldSet, String> {
            let value: Value = serde_json::from_slice(&bytes)
                .map_err(|error| format!("it is no JSON: {error}"))?;
            let kind = value.get("kind").and_then(Value::as_str);
            if kind != Some(SNAPSHOT_KIND) {
                return Err(format!("its kind is {kind:?}, not `{SNAPSHOT_KIND}`"));
            }
            let format = value.get("format_version").cloned().unwrap_or_default();
            if format != SNAPSHOT_FORMAT {
                return Err(format!(
                    "it has snapshot format {format}, and this build reads format {SNAPSHOT_FORMAT}"
                ));
            }
            // Looking for the place of an error costs more than reading a fleet's worth of it.
            WorldSet::deserialize(value).map_err(|error| error.to_string())
        };
        let set = whole().map_err(refuse)?;
        for (name, world) in &set.worlds {
            let contradictions = world.cluster.contradictions();
            if let Some(first) = contradictions.first() {
                return Err(refuse(format!("`{name}` contradicts itself: {first}")));
            }
        }
        Ok(Some(set))
    }

    fn build(&self, text: &str, digest: String) -> Result<WorldSet, WorldError> {
        let document = parse(text, &self.shown)?;
        if sniff(&document) != LiveFile::World {
            let kind = document.get("kind").and_then(Value::as_str);
            return Err(WorldError::Unbuildable {
                file: self.shown.clone(),
                why: format!("its kind is {kind:?}, not `World`"),
            });
        }
        let file: WorldFile = read_shape(&document).map_err(|shape| self.shape(shape, text))?;
        let folder = files::parent_of(&self.definition);
        let mut failed = None;
        let mut load = |name: &str| {
            self.observation(&folder, name).map_err(|error| {
                let said = error.to_string();
                failed = Some(error);
                said
            })
        };
        let built = world_file::build(&file, &mut load, &offers());
        match (built, failed) {
            (Ok(set), _) => Ok(WorldSet {
                definition: digest,
                ..set
            }),
            (Err(_), Some(error)) => Err(error.into()),
            (Err(why), None) => Err(WorldError::Unbuildable {
                file: self.shown.clone(),
                why,
            }),
        }
    }

    fn shape(&self, shape: ShapeError, text: &str) -> LiveError {
        LiveError::Shape {
            file: self.shown.clone(),
            place: render::place_of(text, &shape.path.0),
            shape,
        }
    }

    /// Reads an observation that the definition names.
    fn observation(&self, folder: &Path, name: &str) -> Result<Observation, LiveError> {
        let path = files::canonicalize(&folder.join(name)).map_err(LiveError::Unreadable)?;
        let in_git = path.components().any(|part| part.as_os_str() == ".git");
        if !path.starts_with(&self.root) || in_git {
            return Err(LiveError::OutsideRoot {
                path: name.to_owned(),
            });
        }
        let shown = crate::config::files_shown(&path, &self.root);
        let text = files::read_text(&path, OBSERVATION_BYTES_MAX).map_err(LiveError::Unreadable)?;
        read_value(&parse(&text, &shown)?, Some(&text), &shown)
    }
}

/// A cluster made by the tool holds what the config says; an observation holds no secrets.
fn redacted(observed: Observation) -> Observation {
    redact_observation(observed.sorted(), Catalog::embedded())
}

/// Returns what the catalog knows of add-on versions, for clusters that do not tell.
fn offers() -> Offers {
    let catalog = Catalog::embedded();
    let minors: Vec<_> = catalog
        .support_windows()
        .map(|window| window.minor)
        .collect();
    catalog
        .addons()
        .map(|addon| {
            let versions = |minor| {
                let known = catalog.addon_versions(&addon.name, minor);
                known.into_iter().cloned().collect::<Vec<_>>()
            };
            let by_minor = minors
                .iter()
                .map(|minor| (*minor, versions(*minor)))
                .filter(|(_, versions)| !versions.is_empty());
            (addon.name.clone(), by_minor.collect())
        })
        .collect()
}

/// One cluster of a world, read.
#[derive(Clone, Debug)]
pub struct Embedded<'a> {
    /// The world.
    pub store: &'a WorldStore,
    /// The cluster's name; may be left out when there is one only.
    pub name: Option<&'a str>,
}

impl LiveReader for Embedded<'_> {
    fn observe(&self) -> Result<Observation, LiveError> {
        let name = match self.name {
            Some(name) => name.to_owned(),
            None => {
                let set = self.store.read()?;
                let mut names = set.worlds.keys();
                match (names.next(), names.next()) {
                    (Some(only), None) => only.clone(),
                    (Some(_) | None, Some(_) | None) => {
                        return Err(LiveError::Count {
                            file: self.store.shown.clone(),
                            count: set.worlds.len(),
                        });
                    }
                }
            }
        };
        Ok(self.store.observe(&name)?)
    }

    fn kind(&self) -> ObservationKind {
        ObservationKind::World
    }
}

#[cfg(test)]
mod tests;
