//! Plan sets read plan by plan, so that a set of thousands is never in memory as a tree.

use super::{
    Kept, OBSERVED_FILE, PlanFolder, SET_BYTES_MAX, StoreError, Stored, check_digest, read_text,
};
use crate::files;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use stairway_core::model::{Timestamp, canonical_bytes};
use stairway_core::plan::Planned;
use stairway_core::plan::wire::{ClusterError, PLAN_FORMAT, Partial, Plan, Summary};
use stairway_core::report::plan_markdown;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The name of the set in a folder of plans.
pub const SET_FILE: &str = "planset.json";

/// A plan of a set, as its canonical JSON.
#[derive(Clone, Debug)]
pub struct SetPlan {
    /// The cluster.
    pub name: String,
    /// Its wave.
    pub wave: Option<String>,
    /// The plan's id.
    pub id: String,
    /// Its digest, which was checked.
    pub digest: String,
    /// Its totals.
    pub summary: Summary,
    /// What it was made from and by, as far as all plans of a set agree on it.
    pub origin: Origin,
    /// The plan as canonical JSON.
    pub json: Vec<u8>,
}

/// What the plans of one fleet have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The program's version.
    pub tool: String,
    /// The newest date in the catalog.
    pub catalog: String,
    /// Digest of the fleet file.
    pub fleet: Option<String>,
    /// The git revision.
    pub revision: Option<String>,
    /// The options that change a plan.
    pub options: BTreeMap<String, String>,
    /// The day for which calendars were read.
    pub at: Option<Timestamp>,
    /// When live was read; none for assumed.
    pub observed_at: Option<Timestamp>,
}

/// A set as it was read.
#[derive(Clone, Debug)]
pub struct SetFile {
    /// The file, as it was named.
    pub shown: String,
    /// The folder that it is in.
    pub folder: PathBuf,
    /// Its plans.
    pub clusters: Vec<SetPlan>,
    /// Clusters without a plan.
    pub errors: Vec<ClusterError>,
    /// The fleet's waves.
    pub waves: Vec<String>,
    /// Which part of the fleet it is.
    pub partial: Option<Partial>,
    /// The exit code that `--detailed-exitcode` gave.
    pub exit: u8,
}

/// As it stands in the file.
#[derive(Deserialize)]
struct Written {
    format_version: u32,
    kind: String,
    clusters: Vec<SetPlan>,
    errors: Vec<ClusterError>,
    #[serde(default)]
    waves: Vec<String>,
    #[serde(default)]
    partial: Option<Partial>,
    exit: u8,
}

impl<'de> Deserialize<'de> for SetPlan {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let document = Value::deserialize(input)?;
        check_digest(&document, "").map_err(D::Error::custom)?;
        let json = canonical_bytes(&document);
        let plan: Plan = serde_json::from_value(document).map_err(D::Error::custom)?;
        Ok(Self {
            name: plan.name,
            wave: plan.wave,
            id: plan.id,
            digest: plan.digest,
            summary: plan.summary,
            origin: Origin {
                tool: plan.tool.version,
                catalog: plan.inputs.catalog_date,
                fleet: plan.inputs.fleet_digest,
                revision: plan.inputs.git_revision,
                options: plan.inputs.options,
                at: plan.inputs.at,
                observed_at: plan.inputs.observed_at,
            },
            json,
        })
    }
}

/// Reads a set: a file, or a folder with `planset.json` in it; `named` is how it was typed.
///
/// # Errors
/// See [`StoreError`]; a single plan is no set.
pub fn read_set(path: &Path, named: &str) -> Result<SetFile, StoreError> {
    let (path, shown) = if files::is_dir(path) {
        let shown = format!("{}/{SET_FILE}", named.trim_end_matches('/'));
        (path.join(SET_FILE), shown)
    } else {
        (path.to_path_buf(), named.to_owned())
    };
    let text = files::read_text(&path, SET_BYTES_MAX).map_err(StoreError::File)?;
    let written = match serde_json::from_str::<Written>(&text) {
        Ok(written) if written.kind == "PlanSet" && written.format_version == PLAN_FORMAT => {
            written
        }
        // The other reader is slower and says what is wrong, and where.
        outcome => return Err(explain(&text, shown, outcome.err())),
    };
    let Written {
        format_version: _,
        kind: _,
        clusters,
        errors,
        waves,
        partial,
        exit,
    } = written;
    Ok(SetFile {
        shown,
        folder: files::parent_of(&path),
        clusters,
        errors,
        waves,
        partial,
        exit,
    })
}

fn explain(text: &str, shown: String, error: Option<serde_json::Error>) -> StoreError {
    match read_text(text, &shown) {
        Err(error) => error,
        Ok(Stored::Plan(_)) => StoreError::NoSet { file: shown },
        Ok(Stored::Set(_)) => StoreError::Disk {
            attempt: "Reading the plan set",
            file: shown,
            why: error.map_or_else(String::new, |error| error.to_string()),
        },
    }
}

impl SetPlan {
    /// Returns the plan.
    ///
    /// # Errors
    /// Its JSON has another shape; it had the right one when it was read.
    pub fn plan(&self) -> Result<Plan, serde_json::Error> {
        serde_json::from_slice(&self.json)
    }

    /// Returns the plan for a set on its way out.
    pub fn kept(self) -> (String, Kept) {
        (self.name, Kept::Json(self.json))
    }

    /// Returns the plan's directory, with the files that stand beside it below `folder`; neither a
    /// journal nor approvals: a run belongs where it ran.
    ///
    /// # Errors
    /// A file cannot be read, or the plan has another shape.
    pub fn folder(&self, folder: &Path) -> Result<PlanFolder, StoreError> {
        let plan = self.plan().map_err(|error| StoreError::Disk {
            attempt: "Reading the plan",
            file: self.id.clone(),
            why: error.to_string(),
        })?;
        let markdown = plan_markdown(&plan);
        let files = BTreeMap::new();
        let mut made = PlanFolder::of(&Planned { plan, files }, &self.json, &markdown);
        let own = folder.join(&self.id);
        if !files::is_dir(&own) {
            return Ok(made);
        }
        for name in files::walk(&own).map_err(StoreError::File)? {
            if name == OBSERVED_FILE || name.starts_with("files/") {
                let bytes = files::read_bounded(&own.join(&name), super::PLAN_BYTES_MAX)
                    .map_err(StoreError::File)?;
                made.entries.insert(name, bytes);
            }
        }
        Ok(made)
    }
}
