//! Plan directories: written whole or not at all, and read with their digests checked.
//!
//! Below: [`disk`] is what survives a crash, [`journal`] a run's events on it, [`lock`] one cluster
//! for one run, [`branch`] the same folders on a branch of git.
//!
//! ```text
//! <out>/planset.json           the plans of one invocation
//! <out>/<id>/plan.json         canonical JSON
//! <out>/<id>/plan.md           for people
//! <out>/<id>/files/<name>      what the actions name, sensitive values as digests
//! ```

pub mod branch;
pub mod disk;
pub mod journal;
pub mod lock;
pub mod sets;

use crate::config::{ShapeError, read_shape};
use crate::files::{self, FileError};
use crate::live::without_hint;
use crate::render::{self, RenderError};
use serde::Serialize;
use serde_json::Value;
use stairway_core::journal::JournalError;
use stairway_core::model::{Digest, Observation, canonical_bytes};
use stairway_core::plan::Planned;
use stairway_core::plan::wire::{
    ClusterError, ID_DIGITS, PLAN_FORMAT, Partial, Plan, PlanSet, Summary,
};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// The plan of the largest public cluster has under 1 MB.
const PLAN_BYTES_MAX: u64 = 64 << 20;
/// The set of 5,000 clusters.
const SET_BYTES_MAX: u64 = 1 << 30;

/// What was read from a plan file.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// One cluster's plan.
    Plan(Box<Plan>),
    /// The plans of one invocation.
    Set(Box<PlanSet>),
}

/// Why a plan could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error(transparent)]
    File(FileError),
    /// Nothing has this name.
    #[error("There is no plan `{subject}`")]
    Missing {
        /// As given.
        subject: String,
        /// Where it was looked for.
        looked_in: Vec<String>,
    },
    /// Several plans begin with this.
    #[error("`{subject}` is the beginning of several plans: {}", .found.join(", "))]
    Ambiguous {
        /// As given.
        subject: String,
        /// Their ids.
        found: Vec<String>,
    },
    /// The text is no JSON.
    #[error("Reading the plan failed: {}", without_hint(.0))]
    Unparsable(RenderError),
    /// It is another kind of file.
    #[error("Reading the plan failed: `{file}` is no plan: its kind is {kind}")]
    WrongKind {
        /// The file.
        file: String,
        /// What it says it is.
        kind: String,
    },
    /// It is one plan.
    #[error("Reading the plan set failed: `{file}` is a single plan")]
    NoSet {
        /// The file.
        file: String,
    },
    /// It was written in another format.
    #[error(
        "Reading the plan failed: `{file}` has plan format {found}, and this build reads format {PLAN_FORMAT}"
    )]
    Format {
        /// The file.
        file: String,
        /// Its format.
        found: String,
    },
    /// A part of it has the wrong shape.
    #[error("Reading the plan failed: {file}: `{}`: {}", .shape.path, .shape.message)]
    Shape {
        /// The file.
        file: String,
        /// What and where.
        shape: ShapeError,
    },
    /// Its content is not what its digest says.
    #[error(
        "The plan `{id}` in `{file}` was changed after it was made: its digest says {said}, and its content has {found}"
    )]
    Changed {
        /// The file.
        file: String,
        /// Its id.
        id: String,
        /// The digest in the file.
        said: String,
        /// The digest of the content.
        found: String,
    },
    /// A journal cannot be believed.
    #[error("Reading the journal `{file}` failed: {error}")]
    Journal {
        /// The file.
        file: String,
        /// Which line, and why.
        error: JournalError,
    },
    /// The disk refused something that a run needs.
    #[error("{attempt} `{file}` failed: {why}")]
    Disk {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
}

impl StoreError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { looked_in, .. } => Some(format!(
                "plans are written with `stairway plan --out plans`; looked in: {}",
                looked_in.join(", ")
            )),
            Self::Changed { .. } => {
                Some("make the plan again with `stairway plan --out plans`".to_owned())
            }
            Self::Format { .. } => Some("make the plan again with this version".to_owned()),
            Self::NoSet { .. } => Some(
                "sets are written by `stairway plan --out DIR` and `--json-into FILE`".to_owned(),
            ),
            Self::Unparsable(error) => error.hint.clone(),
            Self::Journal { .. } => Some(
                "`stairway apply PLAN --resume --adopt` sets it aside and looks at every step again"
                    .to_owned(),
            ),
            Self::File(_)
            | Self::Disk { .. }
            | Self::Ambiguous { .. }
            | Self::WrongKind { .. }
            | Self::Shape { .. } => None,
        }
    }
}

/// The name of the observation in a plan's directory.
pub const OBSERVED_FILE: &str = "observed.json";

/// Reads the observation that a plan was made from, out of its directory.
///
/// # Errors
/// It is not there, is no observation, or is not the one that the plan names.
pub fn read_observed(plan_dir: &Path, plan: &Plan) -> Result<Observation, StoreError> {
    let path = plan_dir.join(OBSERVED_FILE);
    let text = files::read_text(&path, PLAN_BYTES_MAX).map_err(StoreError::File)?;
    let shown = path.display().to_string();
    let changed = |found: String| StoreError::Changed {
        file: shown.clone(),
        id: plan.id.clone(),
        said: plan.inputs.observation_digest.clone(),
        found,
    };
    let observed: Observation =
        serde_json::from_str(&text).map_err(|error| changed(format!("no observation: {error}")))?;
    let found = Digest::of_canonical(&observed).to_string();
    if found != plan.inputs.observation_digest {
        return Err(changed(found));
    }
    Ok(observed)
}

/// The directory of one plan, ready to be written.
#[derive(Clone, Debug)]
pub struct PlanFolder {
    /// The plan's id, which names the directory.
    pub id: String,
    entries: BTreeMap<String, Vec<u8>>,
}

impl PlanFolder {
    /// Returns what the directory of a plan holds; `json` is the plan's canonical JSON.
    pub fn of(planned: &Planned, json: &[u8], markdown: &str) -> Self {
        let mut entries = BTreeMap::new();
        entries.insert("plan.json".to_owned(), [json, b"\n"].concat());
        entries.insert("plan.md".to_owned(), markdown.as_bytes().to_vec());
        for (name, file) in &planned.files {
            entries.insert(format!("files/{name}"), file.shown.clone().into_bytes());
        }
        Self {
            id: planned.plan.id.clone(),
            entries,
        }
    }

    /// Adds the observation that the plan was made from, redacted as it was read: for whoever makes
    /// the plan's files again, or rehearses it.
    #[must_use]
    pub fn with_observation(mut self, observed: &Observation) -> Self {
        self.entries
            .insert(OBSERVED_FILE.to_owned(), json_line(observed));
        self
    }

    /// Writes the directory below `out`.
    ///
    /// # Errors
    /// The file system refused; then nothing of it is there.
    pub fn write(&self, out: &Path) -> Result<(), StoreError> {
        files::write_dir_atomic(&out.join(&self.id), &self.entries)
            .map(|_written| ())
            .map_err(StoreError::File)
    }
}

/// Writers wait for the disk nearly all the time, so more of them than processors help.
const WRITERS: usize = 4;
/// Directories that wait for a writer; bounds memory when the disk is slow.
const WAITING_MAX: usize = 16;

/// Writes plan directories while the next plans are made.
#[derive(Debug)]
pub struct Writer {
    queue: Option<SyncSender<PlanFolder>>,
    threads: Vec<JoinHandle<Result<(), StoreError>>>,
    out: PathBuf,
}

impl Writer {
    /// Begins to write below `out`.
    pub fn start(out: &Path) -> Self {
        let (sender, receiver) = sync_channel(WAITING_MAX);
        let receiver = Arc::new(Mutex::new(receiver));
        let threads = (0..WRITERS)
            .filter_map(|_| {
                let (receiver, out) = (Arc::clone(&receiver), out.to_path_buf());
                std::thread::Builder::new()
                    .spawn(move || write_all(&receiver, &out))
                    .ok()
            })
            .collect();
        Self {
            queue: Some(sender),
            threads,
            out: out.to_path_buf(),
        }
    }

    /// Has one directory written, now or soon.
    ///
    /// # Errors
    /// Without a writer it is written at once, and the file system refused.
    pub fn write(&self, folder: PlanFolder) -> Result<(), StoreError> {
        match &self.queue {
            Some(queue) if !self.threads.is_empty() => match queue.send(folder) {
                Ok(()) => Ok(()),
                Err(unsent) => unsent.0.write(&self.out),
            },
            Some(_) | None => folder.write(&self.out),
        }
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// The first thing that the file system refused.
    pub fn finish(mut self) -> Result<(), StoreError> {
        drop(self.queue.take());
        let mut outcome = Ok(());
        for thread in std::mem::take(&mut self.threads) {
            // A writer that panicked wrote nothing of what it had in hand; its panic is on stderr.
            if let Ok(own) = thread.join() {
                outcome = outcome.and(own);
            }
        }
        outcome
    }
}

/// Writes until the queue is closed; after a failure the rest is only taken, so that nobody waits.
fn write_all(queue: &Mutex<Receiver<PlanFolder>>, out: &Path) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(folder) = next else {
            return outcome;
        };
        if outcome.is_ok() {
            outcome = folder.write(out);
        }
    }
}

/// Returns the canonical JSON of `value` and a line break.
pub fn json_line<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = canonical_bytes(value);
    bytes.push(b'\n');
    bytes
}

/// A plan of a set, as it is kept until the set is written.
#[derive(Clone, Debug)]
pub enum Kept {
    /// The plan, for a report.
    Plan(Box<Plan>),
    /// Its canonical JSON, where no report needs more: a tenth of the memory.
    Json(Vec<u8>),
}

/// A plan set on its way out: what the wire type has, with plans that may be JSON already.
#[derive(Clone, Debug, Default)]
pub struct SetDraft {
    /// The plans by name.
    pub clusters: Vec<(String, Kept)>,
    /// Clusters without a plan.
    pub errors: Vec<ClusterError>,
    /// Totals.
    pub summary: Summary,
    /// The exit code that `--detailed-exitcode` gives.
    pub exit: u8,
    /// The fleet's waves in their order.
    pub waves: Vec<String>,
    /// Which part of the fleet it is, when not all of it.
    pub partial: Option<Partial>,
}

impl SetDraft {
    /// Adds the totals of a plan.
    pub fn add(&mut self, one: &Summary) {
        let Summary {
            upgrade,
            swap,
            update,
            create,
            roll_back,
            delete,
            phasing_out,
            blocked,
            held_back,
        } = one;
        let sum = &mut self.summary;
        for (total, more) in [
            (&mut sum.upgrade, upgrade),
            (&mut sum.swap, swap),
            (&mut sum.update, update),
            (&mut sum.create, create),
            (&mut sum.roll_back, roll_back),
            (&mut sum.delete, delete),
            (&mut sum.phasing_out, phasing_out),
            (&mut sum.blocked, blocked),
            (&mut sum.held_back, held_back),
        ] {
            *total = total.saturating_add(*more);
        }
    }

    /// Writes the set as canonical JSON and a line break: the bytes that the wire type would give,
    /// without ever having all of them in memory.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"{\"clusters\":[")?;
        for (index, (_, kept)) in self.clusters.iter().enumerate() {
            if index > 0 {
                out.write_all(b",")?;
            }
            match kept {
                Kept::Plan(plan) => out.write_all(&canonical_bytes(plan))?,
                Kept::Json(json) => out.write_all(json)?,
            }
        }
        out.write_all(b"],")?;
        // The rest of the set in the canonical order of its keys, which come after `clusters`.
        let mut rest = serde_json::json!({
            "errors": self.errors,
            "exit": self.exit,
            "format_version": PLAN_FORMAT,
            "kind": "PlanSet",
            "summary": self.summary,
        });
        if !self.waves.is_empty() {
            rest["waves"] = serde_json::json!(self.waves);
        }
        if let Some(partial) = &self.partial {
            rest["partial"] = serde_json::json!(partial);
        }
        let rest = canonical_bytes(&rest);
        out.write_all(rest.get(1..).unwrap_or_default())?;
        out.write_all(b"\n")
    }

    /// Returns the set for a report; plans that are JSON already are left out.
    pub fn into_set(self) -> PlanSet {
        let Self {
            clusters,
            errors,
            summary,
            exit,
            waves,
            partial,
        } = self;
        let clusters = clusters
            .into_iter()
            .filter_map(|(_, kept)| match kept {
                Kept::Plan(plan) => Some(*plan),
                Kept::Json(_) => None,
            })
            .collect();
        let kind = "PlanSet".to_owned();
        PlanSet {
            format_version: PLAN_FORMAT,
            kind,
            clusters,
            errors,
            waves,
            partial,
            summary,
            exit,
        }
    }

    /// Writes the set to a file, atomically.
    ///
    /// # Errors
    /// The file system refused; the file is then as it was before.
    pub fn write_file(&self, path: &Path) -> Result<(), StoreError> {
        files::write_atomic_with(path, &mut |out| self.write(out)).map_err(StoreError::File)
    }
}

/// Finds and reads a plan: by file, by directory, or by id or its beginning below `folders`.
///
/// # Errors
/// See [`StoreError`].
pub fn open(subject: &str, cwd: &Path, folders: &[PathBuf]) -> Result<Stored, StoreError> {
    let path = cwd.join(subject);
    if files::is_file(&path) {
        return read(&path, subject);
    }
    for name in ["plan.json", "planset.json"] {
        let inner = path.join(name);
        if files::is_file(&inner) {
            return read(&inner, &format!("{subject}/{name}"));
        }
    }
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for folder in folders.iter().filter(|folder| files::is_dir(folder)) {
        for name in files::list_dir(folder).map_err(StoreError::File)? {
            let plan = folder.join(&name).join("plan.json");
            if name.starts_with(subject) && files::is_file(&plan) {
                found.push((name, plan));
            }
        }
    }
    if let Some(exact) = found.iter().position(|(name, _)| name == subject) {
        found = vec![found.swap_remove(exact)];
    }
    if found.len() > 1 {
        // Ways back are named by their whole id; the short name means the way forward.
        let forward: Vec<(String, PathBuf)> = found
            .iter()
            .filter(|(name, plan)| {
                let stored = read(plan, &format!("{name}/plan.json"));
                matches!(stored, Ok(Stored::Plan(plan)) if !plan.rollback)
            })
            .cloned()
            .collect();
        if forward.len() == 1 {
            found = forward;
        }
    }
    match found.as_slice() {
        [(name, plan)] => read(plan, &format!("{name}/plan.json")),
        [] => Err(StoreError::Missing {
            subject: subject.to_owned(),
            looked_in: folders.iter().map(|f| f.display().to_string()).collect(),
        }),
        several => Err(StoreError::Ambiguous {
            subject: subject.to_owned(),
            found: several.iter().map(|(name, _)| name.clone()).collect(),
        }),
    }
}

/// Reads a plan or a plan set; `shown` names the file in messages.
///
/// # Errors
/// Another kind or format, a wrong shape, or content that is not what its digest says.
pub fn read(path: &Path, shown: &str) -> Result<Stored, StoreError> {
    let limit = if path.ends_with("planset.json") {
        SET_BYTES_MAX
    } else {
        PLAN_BYTES_MAX
    };
    let text = files::read_text(path, limit).map_err(StoreError::File)?;
    read_text(&text, shown)
}

/// Reads the text of a plan or a plan set.
///
/// # Errors
/// As [`read`].
pub fn read_text(text: &str, shown: &str) -> Result<Stored, StoreError> {
    let document = render::parse_json(text, shown).map_err(StoreError::Unparsable)?;
    let is_set = match document.get("kind").and_then(Value::as_str) {
        Some("Plan") => false,
        Some("PlanSet") => true,
        other => {
            let kind = other.map_or_else(|| "missing".to_owned(), |kind| format!("`{kind}`"));
            return Err(StoreError::WrongKind {
                file: shown.to_owned(),
                kind,
            });
        }
    };
    check_format(&document, shown)?;
    let shape_error = |shape| StoreError::Shape {
        file: shown.to_owned(),
        shape,
    };
    if is_set {
        let set: PlanSet = read_shape(&document).map_err(shape_error)?;
        let plans = document.get("clusters").and_then(Value::as_array);
        for plan in plans.into_iter().flatten() {
            check_digest(plan, shown)?;
        }
        return Ok(Stored::Set(Box::new(set)));
    }
    let plan: Plan = read_shape(&document).map_err(shape_error)?;
    check_digest(&document, shown)?;
    Ok(Stored::Plan(Box::new(plan)))
}

fn check_format(document: &Value, shown: &str) -> Result<(), StoreError> {
    let found = document.get("format_version");
    if found.and_then(Value::as_u64) == Some(u64::from(PLAN_FORMAT)) {
        return Ok(());
    }
    let found = found.map_or_else(|| "(missing)".to_owned(), Value::to_string);
    Err(StoreError::Format {
        file: shown.to_owned(),
        found,
    })
}

/// Compares digest and content as they stand in the file, unknown keys included.
fn check_digest(plan: &Value, shown: &str) -> Result<(), StoreError> {
    let text = |key: &str| {
        plan.get(key)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let (id, said) = (text("id"), text("digest"));
    let mut content = plan.as_object().cloned().unwrap_or_default();
    content.remove("id");
    content.remove("digest");
    let found = Digest::of_canonical(&content).to_string();
    let digits = id.rsplit_once('-').map_or("", |(_, digits)| digits);
    let named = found
        .strip_prefix("sha256:")
        .and_then(|hex| hex.get(..ID_DIGITS))
        == Some(digits);
    let name = text("name");
    let whose = id
        .rsplit_once('-')
        .is_some_and(|(cluster, _)| cluster == name);
    if said == found && named && whose {
        return Ok(());
    }
    Err(StoreError::Changed {
        file: shown.to_owned(),
        id,
        said,
        found,
    })
}

#[cfg(test)]
mod tests;
