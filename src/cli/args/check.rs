//! `stairway check` as it is typed, and the files for a review that `plan` and `check` write besides.

use super::ScopeArgs;
use clap::{Args, ValueEnum};
use stairway_core::model::{KubeMinor, Timestamp};
use std::path::PathBuf;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Read the findings of plans that were made before: a plan set, or a plan
    #[arg(long, value_name = "FILE", conflicts_with_all = ["subjects", "fleet", "live", "target", "exclude", "to", "at"])]
    pub plans: Option<PathBuf>,
    /// Another target than git's
    #[arg(long, value_name = "MINOR")]
    pub to: Option<KubeMinor>,
    /// The time for which support dates are read [default: when live was recorded, else today], and waivers [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// The least severity that a table and Markdown show; totals, files and the exit code know all
    #[arg(long, value_enum, default_value_t = SeverityFloor::Note)]
    pub severity: SeverityFloor,
    /// How to print
    #[arg(long, value_enum, default_value_t = CheckFormat::Table)]
    pub format: CheckFormat,
    #[command(flatten)]
    pub review: ReviewArgs,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For a terminal
    Table,
    /// One object for all clusters
    Json,
    /// For a pull request
    Markdown,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for the test reports of a CI
    Junit,
    /// Workflow commands of GitHub Actions, which become annotations
    Github,
}

/// The least severity that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SeverityFloor {
    /// What nothing waives
    Mandatory,
    /// And what blocks until it is mended or waived
    Blocking,
    /// And what to read before approving
    Warning,
    /// Everything
    Note,
}

/// Files for a review, besides what is printed.
#[derive(Clone, Debug, Default, Args)]
pub struct ReviewArgs {
    /// Write the plan set (of `check`: the report) as JSON to this file, besides what is printed
    #[arg(long, value_name = "FILE")]
    pub json_into: Option<PathBuf>,
    /// Write a pull-request comment to this file: Markdown within GitHub's limit
    #[arg(long, value_name = "FILE")]
    pub comment_into: Option<PathBuf>,
    /// Tells this comment from others on the same pull request, in its hidden first line
    #[arg(long, value_name = "KEY")]
    pub comment_key: Option<String>,
    /// Add Markdown to this file, which is $GITHUB_STEP_SUMMARY: within GitHub's larger limit
    #[arg(long, value_name = "FILE")]
    pub summary_into: Option<PathBuf>,
    /// Write the findings as SARIF 2.1.0 to this file
    #[arg(long, value_name = "FILE")]
    pub sarif_into: Option<PathBuf>,
    /// Write the findings as JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    pub junit_into: Option<PathBuf>,
}

pub(super) const CHECK_EXAMPLES: &str = "\
Examples:
  stairway check --fleet testdata/demo/fleet.yaml
  stairway check --fleet testdata/demo/fleet.yaml --severity warning
  stairway check 'prod-*' --format sarif > findings.sarif
  stairway check --plans plans/planset.json --junit-into junit.xml

Exit codes: 0 nothing blocks, 3 a mandatory or unwaived blocking finding, or a waiver that ran out,
6 facts are unknown that a rule needs, 1 errors; the strongest of 1, 3, 6 wins.";
