//! Which part of a fleet, and sets of plans, as they are typed.

use super::{PlanFormat, ReviewArgs};
use crate::pipeline::Shard;
use clap::Args;
use std::path::PathBuf;

/// A part of the fleet.
#[derive(Clone, Debug, Default, Args)]
pub struct PartArgs {
    /// Only shard I of N, from 1: for N jobs side by side, see `stairway merge`
    ///
    /// A cluster's shard is told by its name alone (without one, by its config), so that a cluster
    /// that comes or goes moves no other.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Only clusters that what changed since this git revision affects, committed or not
    ///
    /// The work tree is compared with the revision itself. For what a branch changed since it left
    /// another one: --changed-since "$(git merge-base origin/main HEAD)".
    #[arg(long, value_name = "REV")]
    pub changed_since: Option<String>,
    /// Only clusters of this wave
    #[arg(long, value_name = "NAME")]
    pub wave: Vec<String>,
}

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Plan sets, as `plan --json-into` writes them, or folders, as `plan --out` does
    #[arg(value_name = "SET", required = true)]
    pub sets: Vec<PathBuf>,
    /// Write the set to <DIR>/planset.json, and copy the plans of folders to <DIR>/<id>/
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub review: ReviewArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    pub format: PlanFormat,
    /// Exit with 2 for changes, 3 for a blocked cluster, 6 for an incomplete read
    #[arg(long)]
    pub detailed_exitcode: bool,
}

pub(super) const MERGE_EXAMPLES: &str = "\
Examples:
  stairway plan --shard 1/3 --out shard-1          in three jobs, 1/3 to 3/3
  stairway merge shard-1 shard-2 shard-3           what one job would have printed
  stairway merge shard-*/planset.json --format markdown --json-into planset.json
A missing shard is an error: the set is still printed, and says that it is partial.";
