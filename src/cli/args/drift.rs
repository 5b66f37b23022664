//! The command line of `drift`.

use super::ScopeArgs;
use super::store::branch_name;
use clap::{Args, ValueEnum};
use stairway_core::model::Timestamp;
use std::path::PathBuf;

/// The branch that reports are committed to unless told otherwise.
const DRIFT_BRANCH: &str = "stairway/drift";

/// Arguments of `drift`.
#[derive(Debug, Args)]
pub struct DriftArgs {
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Live was as git has it at this revision; what is older was superseded [default: the revision of the newest plan that ran to its end]
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,
    /// The time for which support dates and ignore rules are read, and at which new drift was first seen [default: when live was read]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// Write <DIR>/<cluster>.json, <DIR>/<cluster>.md and <DIR>/README.md, and compare with those there
    #[arg(long, value_name = "DIR", conflicts_with_all = ["commit", "branch"])]
    pub out: Option<PathBuf>,
    /// Commit the reports to drift/ of a branch, without touching the work tree; only when they changed
    #[arg(long)]
    pub commit: bool,
    /// The branch of the reports: compared with, and committed to
    #[arg(long, value_name = "BRANCH", default_value = DRIFT_BRANCH)]
    pub branch: String,
    /// Push the branch; when somebody else was faster, build upon theirs
    #[arg(long, requires = "commit")]
    pub push: bool,
    /// The remote of the branches [default: origin]
    #[arg(long, value_name = "NAME")]
    pub remote: Option<String>,
    /// Read plans and journals on this git branch as well, fetched first: what was applied last is known there
    #[arg(long, value_name = "branch:NAME", value_parser = branch_name)]
    pub store: Option<String>,
    /// Where plans and their journals are [default: plans]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = DriftFormat::Table)]
    pub format: DriftFormat,
    /// Exit with 2 for new drift
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// How drift is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DriftFormat {
    /// For a terminal
    Table,
    /// A drift set as canonical JSON
    Json,
    /// For a comment or the summary of a job
    Markdown,
}

pub(super) const DRIFT_EXAMPLES: &str = "\
Examples:
  stairway drift --fleet testdata/demo/fleet.yaml
  stairway drift 'prod-*' --format markdown
  stairway drift --out drift                                  files beside the configs
  stairway drift --commit --push --detailed-exitcode          on a schedule

Exit codes: 0 done, 1 errors, 3 an ignore rule has expired, 6 a cluster could not be read.
With --detailed-exitcode also 2 for drift that the last report did not have; what is known or only
not applied yet does not count. The strongest of 1, 3, 6, 2 wins.";
