//! `stairway init` and `stairway template` as they are typed.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct InitArgs {
    /// The folder of the new repository
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// What else to begin.
    #[command(subcommand)]
    pub command: Option<InitCommand>,
}

/// What else can be begun.
#[derive(Debug, Subcommand)]
pub enum InitCommand {
    /// Generate a cluster's config from a template
    Cluster(InitClusterArgs),
}

/// Arguments of `init cluster`.
#[derive(Debug, Args)]
pub struct InitClusterArgs {
    /// The cluster's name
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// Arguments of `template`.
#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub command: TemplateCommand,
}

/// What can be done with a template.
#[derive(Debug, Subcommand)]
pub enum TemplateCommand {
    /// Show what regenerating a cluster's config would change, as a patch
    Diff {
        /// The cluster's name
        #[arg(value_name = "CLUSTER")]
        cluster: String,
    },
}

pub(super) const INIT_EXAMPLES: &str = "\
Examples:
  stairway init fleet";

pub(super) const TEMPLATE_EXAMPLES: &str = "\
Examples:
  stairway template diff openscapes";
