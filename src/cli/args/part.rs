//! Which part of a fleet, and sets of plans, as they are typed.

use clap::Args;
use std::path::PathBuf;

/// A part of the fleet.
#[derive(Clone, Debug, Default, Args)]
pub struct PartArgs {}

/// Arguments of `merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Plan sets, as `plan --json-into` and `plan --out` write them
    #[arg(value_name = "SET", required = true)]
    pub sets: Vec<PathBuf>,
}

pub(super) const MERGE_EXAMPLES: &str = "\
Examples:
  stairway merge shard-1/planset.json shard-2/planset.json > planset.json";
