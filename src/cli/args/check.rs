//! `stairway check` as it is typed, and the review files that `plan` writes besides.

use super::ScopeArgs;
use clap::{Args, ValueEnum};
use stairway_core::model::{KubeMinor, Timestamp};
use std::path::PathBuf;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Another target than git's
    #[arg(long, value_name = "MINOR")]
    pub to: Option<KubeMinor>,
    /// The time for which support dates and waivers are read [default: when live was recorded, else today]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// How to print
    #[arg(long, value_enum, default_value_t = CheckFormat::Table)]
    pub format: CheckFormat,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For a terminal
    Table,
}

/// Files for a review, besides what is printed.
#[derive(Clone, Debug, Default, Args)]
pub struct ReviewArgs {
    /// Write the plan set as JSON to this file, besides what is printed
    #[arg(long, value_name = "FILE")]
    pub json_into: Option<PathBuf>,
}

pub(super) const CHECK_EXAMPLES: &str = "\
Examples:
  stairway check --fleet testdata/demo/fleet.yaml";
