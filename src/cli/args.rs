//! The command line as it is typed. Nothing below `cli` sees these types.

use clap::{Args, Parser, Subcommand, ValueEnum};
use stairway_core::model::{KubeMinor, Timestamp};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Shown by `stairway` alone and at the end of `stairway --help`.
pub const START_HERE: &str = "\
Start here:
  stairway plan --fleet testdata/demo/fleet.yaml   plan the demo fleet; nothing is touched
  stairway plan CONFIG --live FILE                 plan your own cluster; needs no fleet file
  stairway help plan                               what a plan is";

/// Take fleets of Amazon EKS clusters up the stairs: one minor version at a time, with a way back
/// wherever one exists.
///
/// Stairway renders the configs in git, reads the live clusters, compares the two, and plans the
/// upgrade: control-plane hops, nodegroup replacements, add-on updates, checks, and the way back
/// from every step. Nothing is changed and nothing is written unless you ask for it.
#[derive(Debug, Parser)]
#[command(
    name = "stairway",
    version,
    disable_help_subcommand = false,
    max_term_width = 100
)]
#[command(allow_external_subcommands = true, subcommand_required = false)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Every command that this build has.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the configs that git asks for
    ///
    /// Evaluates jsonnet, JSON or YAML and prints what eksctl would read. Evaluation is hermetic:
    /// no environment, no network, and imports stay inside of --root.
    #[command(after_help = RENDER_EXAMPLES)]
    Render(RenderArgs),
    /// Print what is known of the live clusters
    ///
    /// Prints the observation from which plans are made, as JSON: every fact is a value, null for
    /// absent, or {"$unknown": why}.
    #[command(after_help = OBSERVE_EXAMPLES)]
    Observe(ObserveArgs),
    /// Show how git and the live clusters differ
    ///
    /// Compares field by field, knowing the defaults of eksctl and EKS, and says for each
    /// difference what it takes: a scaling change, a change in place, a replacement, an upgrade.
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArgs),
    /// Plan the way from what is live to what git asks for
    ///
    /// A plan lists steps that are legal in this order: control planes move one minor at a time,
    /// nodes never leave the version skew that Kubernetes allows, a new nodegroup is verified
    /// before the old one is drained. Each step says why it is there, whom it disturbs, how long it
    /// takes and what the way back is. What cannot run now is listed with the reason.
    ///
    /// The same inputs give the same bytes. Nothing is changed; files are written with --out only.
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Show a plan that was written before
    ///
    /// Reads a plan by id, directory or file, and refuses one whose content is not what its digest
    /// says.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Explain a finding's code, a rule, or a step of a plan
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Print the JSON Schema of a file that stairway reads or writes
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Print the manual page
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
    /// A name that is none of the above.
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// Which clusters, and where their two sides are.
#[derive(Clone, Debug, Default, Args)]
pub struct ScopeArgs {
    /// Config files, or globs over the names of the fleet's clusters [default: the whole fleet]
    #[arg(value_name = "CONFIG|GLOB")]
    pub subjects: Vec<String>,
    /// The fleet file [default: fleet.yaml or fleet.jsonnet here or above]
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,
    /// The live side of the one selected cluster: an observation, or a config to be taken as live
    #[arg(long, value_name = "FILE")]
    pub live: Option<PathBuf>,
    /// The folder that configs and imports must be in [default: the top of the repository]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Only clusters whose name matches
    #[arg(long, value_name = "GLOB")]
    pub target: Vec<String>,
    /// No cluster whose name matches
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// An external variable for jsonnet, as a string
    #[arg(short = 'V', long = "ext-str", value_name = "KEY=VALUE")]
    pub ext_str: Vec<String>,
    /// A top-level argument for jsonnet, as a string
    #[arg(long = "tla-str", value_name = "KEY=VALUE")]
    pub tla_str: Vec<String>,
    /// eksctl's JSON schema; what does not fit it is warned about
    #[arg(long, value_name = "FILE")]
    pub eksctl_schema: Option<PathBuf>,
    /// How many clusters to work on at a time [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub parallelism: Option<NonZeroUsize>,
}

/// Arguments of `render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t = DocumentFormat::Yaml)]
    pub format: DocumentFormat,
    /// Give each nodegroup the name that it has in the live cluster
    #[arg(long)]
    pub as_live: bool,
}

/// Arguments of `observe`.
#[derive(Debug, Args)]
pub struct ObserveArgs {
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Write <DIR>/<cluster>.observed.json instead of printing
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t = DiffFormat::Table)]
    pub format: DiffFormat,
    /// Print the unified difference of live and git as text
    #[arg(long)]
    pub text: bool,
    /// Exit with 2 when there are differences
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Another target than git's; one below what runs asks for a rollback
    #[arg(long, value_name = "MINOR")]
    pub to: Option<KubeMinor>,
    /// Replace this nodegroup although nothing asks for it
    #[arg(long, value_name = "GROUP")]
    pub replace: Vec<String>,
    /// Delete this live nodegroup or add-on that git does not declare
    #[arg(long, value_name = "NAME")]
    pub prune: Vec<String>,
    /// The time for which support dates are read [default: when live was recorded, else today]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// Write each plan to <DIR>/<id>/, and the set to <DIR>/planset.json
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    pub format: PlanFormat,
    /// Write the plan set as JSON to this file, besides what is printed
    #[arg(long, value_name = "FILE")]
    pub json_into: Option<PathBuf>,
    /// Exit with 2 for changes, 3 for a blocked cluster, 6 for an incomplete read
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The plan: an id or its beginning, a directory, or a file
    #[arg(value_name = "PLAN")]
    pub plan: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    pub format: PlanFormat,
    /// Where plans are [default: plans]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A finding's code, a rule such as R4, or a step's id; all codes when left out
    #[arg(value_name = "CODE|STEP")]
    pub subject: Option<String>,
    /// The plan that the step is in
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<String>,
    /// Where plans are [default: plans]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which file
    #[arg(value_enum, value_name = "NAME")]
    pub name: SchemaName,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write the page of every command to this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// How plans are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal
    Table,
    /// A plan set as canonical JSON
    Json,
    /// For a pull request
    Markdown,
}

/// How differences are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For a terminal
    Table,
    /// One object per cluster in an array
    Json,
}

/// How documents are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DocumentFormat {
    /// As eksctl reads it
    Yaml,
    /// Pretty-printed
    Json,
}

/// The files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// One cluster's plan
    Plan,
    /// The plans of one invocation
    Planset,
    /// A recorded cluster
    Observation,
    /// The fleet file
    Fleet,
}

const RENDER_EXAMPLES: &str = "\
Examples:
  stairway render templates/cluster.jsonnet
  stairway render --fleet testdata/demo/fleet.yaml --format json
  stairway render clusters/x.jsonnet --as-live --live x.observed.json";

const OBSERVE_EXAMPLES: &str = "\
Examples:
  stairway observe --fleet testdata/demo/fleet.yaml
  stairway observe --live x.observed.json
  stairway observe clusters/new.jsonnet --live clusters/old.jsonnet --out recorded";

const DIFF_EXAMPLES: &str = "\
Examples:
  stairway diff --fleet testdata/demo/fleet.yaml
  stairway diff --fleet testdata/demo/fleet.yaml --text
  stairway diff clusters/x.jsonnet --live x.observed.json --format json";

const PLAN_EXAMPLES: &str = "\
Examples:
  stairway plan --fleet testdata/demo/fleet.yaml
  stairway plan 'prod-*' --format markdown
  stairway plan clusters/x.jsonnet --live x.observed.json --out plans
  stairway plan clusters/new.jsonnet --live clusters/old.jsonnet     a preview: what would it take?

Exit codes: 0 when every cluster got an answer, 1 on errors, 64 for a wrong command line.
With --detailed-exitcode also 2 changes, 3 blocked, 6 incomplete read; the strongest of
1, 3, 6, 2 wins.";

const SHOW_EXAMPLES: &str = "\
Examples:
  stairway plan --fleet testdata/demo/fleet.yaml --out plans
  stairway show plans/planset.json
  stairway show openscapes --format markdown

Exit code 5 when the plan was changed after it was made.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  stairway explain
  stairway explain R4
  stairway explain upgrade-control-plane/cluster@1.33 --plan openscapes";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  stairway schema observation > observation.schema.json
  stairway schema fleet";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  stairway completions bash > ~/.local/share/bash-completion/completions/stairway
  stairway completions zsh > ~/.zfunc/_stairway";

const MAN_EXAMPLES: &str = "\
Examples:
  stairway man | man -l -
  stairway man --out ~/.local/share/man/man1";
