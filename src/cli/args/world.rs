//! `stairway world` as it is typed.

use super::DiffFormat;
use clap::{Args, Subcommand};
use stairway_core::policy::settings::read_duration;
use std::path::PathBuf;

/// Arguments of `world`.
#[derive(Debug, Args)]
pub struct WorldArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: WorldCommand,
}

/// What can be done with a world.
#[derive(Debug, Subcommand)]
pub enum WorldCommand {
    /// Print its clusters as they are now; nothing is written
    Show {
        /// The world's definition
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How to print
        #[arg(long, value_enum, default_value_t = DiffFormat::Table)]
        format: DiffFormat,
    },
    /// Let time pass in all of its clusters
    Advance {
        /// The world's definition
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How long: 90s, 30m, 12h or 60d
        #[arg(value_name = "DURATION", value_parser = read_duration)]
        duration: u32,
    },
    /// Let a cluster or its tools misbehave
    Break {
        /// The world's definition
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The cluster
        #[arg(value_name = "CLUSTER")]
        cluster: String,
        /// The misbehaviour; `stairway world faults` lists them
        #[arg(value_name = "FAULT[:SUBJECT]")]
        fault: String,
        /// The group, add-on or cluster that it strikes [default: whoever it meets]
        #[arg(long, value_name = "NAME")]
        subject: Option<String>,
        /// How often it strikes; 0 for always
        #[arg(long, value_name = "N", default_value_t = 1)]
        times: u32,
    },
    /// Switch the misbehaviours of a cluster off
    Mend {
        /// The world's definition
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The cluster
        #[arg(value_name = "CLUSTER")]
        cluster: String,
    },
    /// Forget what has become of it: it begins again as its definition says
    Reset {
        /// The world's definition
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// List the misbehaviours, each with who documents it
    Faults,
}

pub(super) const WORLD_EXAMPLES: &str = "\
Examples:
  stairway world show testdata/demo/worlds/demo.yaml
  stairway world advance testdata/demo/worlds/demo.yaml 30m
  stairway world break testdata/demo/worlds/demo.yaml harbor exit-1-after-success
  stairway world reset testdata/demo/worlds/demo.yaml";
