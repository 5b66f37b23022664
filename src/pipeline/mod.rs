//! From a selection of clusters to plans: the same path for the command line, tests and benches.
//!
//! ```text
//! Scope ─select─▶ [ClusterRequest] ─run─▶ batch ─render─▶ ─live─▶ Loaded ─work─▶ Report ─▶ sink
//! ```
//!
//! Clusters go through in batches, and what is not needed any more is dropped after each, so that
//! memory does not grow with the fleet. One cluster's failure is its own.

mod affected;
mod load;
mod part;
mod planning;
mod run;
mod select;

pub use load::{LiveRead, Loaded, Note, Origin, name_of, observe_file};
pub use part::{Part, Shard, quoted, typed};
pub use planning::{PlanOptions, plan_cluster};
pub use run::{Report, RunOptions, run};
pub use select::{NameFilter, Scope, SelectError, Selected, select};

use crate::live::ApiSource;
use stairway_core::policy::settings::Settings;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// One config to work on, and where its live side is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterRequest {
    /// What it is known by before its name is: the alias, else the config as the fleet or the command
    /// line names it.
    pub key: String,
    /// The alias of the fleet; without one the cluster goes by `metadata.name`.
    pub name: Option<String>,
    /// Which names are meant, once the name is known.
    pub filter: NameFilter,
    /// True for a config without alias that is here only in case its name matches.
    pub tentative: bool,
    /// The config: absolute from a fleet, as given from the command line.
    pub config: PathBuf,
    /// The folder that the config and its imports must be in; none for the default.
    pub root: Option<PathBuf>,
    /// External variables for jsonnet.
    pub ext_vars: BTreeMap<String, String>,
    /// Top-level arguments for jsonnet.
    pub tlas: BTreeMap<String, String>,
    /// The wave that it goes with.
    pub wave: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where the live side is.
    pub live: LiveSource,
    /// The owner's decisions.
    pub settings: Arc<Settings>,
    /// Digest of the fleet file, when the request comes from one.
    pub fleet_digest: Option<String>,
    /// True when several clusters were asked for at once: files that are no configs are skipped.
    pub in_fleet: bool,
}

/// Where the live side of a cluster is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveSource {
    /// Nobody said.
    NotGiven,
    /// A file that says itself what it is, from `--live`.
    File(PathBuf),
    /// A saved observation that the fleet names.
    Recorded {
        /// The file.
        path: PathBuf,
        /// The folder that it must be in.
        root: PathBuf,
    },
    /// A config to be taken as live, that the fleet names.
    Assumed {
        /// The file.
        path: PathBuf,
        /// The folder that it must be in.
        root: PathBuf,
    },
    /// The embedded world, that the fleet names.
    World {
        /// The file that defines it.
        path: PathBuf,
        /// The folder that it must be in.
        root: PathBuf,
    },
    /// The cluster itself.
    Kubernetes(Box<ApiSource>),
}

#[cfg(test)]
mod tests;
