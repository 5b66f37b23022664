//! The command line as it is typed. Nothing below `cli` sees these types.

mod check;
mod drift;
mod part;
mod start;
mod store;
mod world;

pub use check::{CheckArgs, CheckFormat, ReviewArgs, SeverityFloor};
pub use drift::{DriftArgs, DriftFormat};
pub use part::{MergeArgs, PartArgs};
pub use start::{
    CiChoice, CiName, InitArgs, InitClusterArgs, InitCommand, RbacRole, TemplateArgs,
    TemplateCiArgs, TemplateCommand, TemplateDiffArgs,
};
pub use store::StoreArgs;
pub use world::{ServeArgs, ServeRole, WorldArgs, WorldCommand};

use clap::{Args, Parser, Subcommand, ValueEnum};
use stairway_core::model::{KubeMinor, Timestamp};
use stairway_core::policy::settings::read_duration;
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
    /// Look for what stands in the way of an upgrade, and fail when something does
    ///
    /// Plans every cluster and prints what was found: what blocks, what to read before approving, and
    /// what was waived until when. Exit code 3 when a finding blocks or a waiver has expired.
    #[command(after_help = check::CHECK_EXAMPLES)]
    Check(CheckArgs),
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
    /// Put plan sets together, as shards of a fleet give them
    #[command(after_help = part::MERGE_EXAMPLES)]
    Merge(MergeArgs),
    /// Show a plan that was written before
    ///
    /// Reads a plan by id, directory or file, and refuses one whose content is not what its digest
    /// says.
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Do exactly what a plan says, and check every step on the live cluster
    ///
    /// Without --approve it only says what would be done. On a terminal it asks for the cluster's
    /// name; elsewhere it needs --approve=DIGEST with at least twelve hex digits. Where the policy
    /// requires signatures, those are required as well.
    ///
    /// Every action is written to plans/<id>/journal.ndjson before it is carried out. A run that was
    /// killed, paused or stopped goes on with --resume, by anyone; with --store, from anywhere.
    #[command(after_help = APPLY_EXAMPLES)]
    Apply(ApplyArgs),
    /// Say how far the run of a plan is
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// Go back along a run, as far as its plan promised
    ///
    /// Makes a plan of the inverses of the steps that were done, from the journal and the live
    /// cluster, and shows it. With --approve it is applied and journalled like any other plan.
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback(RollbackArgs),
    /// Run a plan on a simulated copy of its cluster, in virtual time
    ///
    /// The copy begins as the plan saw the cluster; the driver is the one that `apply` uses. Nothing
    /// real is touched. Faults can be switched on, and --sweep tries many seeds with random faults
    /// and kills, and says what could go wrong and where it would leave you.
    #[command(after_help = REHEARSE_EXAMPLES)]
    Rehearse(RehearseArgs),
    /// Approve a plan with an SSH key, or take the approval back
    ///
    /// Signs a statement over the plan's digest, in the format of `ssh-keygen -Y sign`, and writes it
    /// beside the plan. Whose approvals count, and how many are needed, stands in the fleet file under
    /// policy.approvals; --policy-from reads it from a protected branch and not from the change that
    /// is under review. One byte of difference in the plan, and no approval counts.
    #[command(after_help = APPROVE_EXAMPLES)]
    Approve(ApproveArgs),
    /// Say in what live differs from git, since when, and whose it is; keep the reports in git
    ///
    /// Tells what was changed in git and is not applied from what was changed on the cluster: a
    /// difference that an earlier config in git does not have is git's, any other is drift. Reports are
    /// byte-stable: the same state gives the same files. Nothing is written without --out or --commit.
    #[command(after_help = drift::DRIFT_EXAMPLES)]
    Drift(DriftArgs),
    /// Show or change an embedded world, on which everything can be tried
    ///
    /// A world is a file that describes clusters to play with. What becomes of them is kept beside
    /// it, in .stairway/. `live: {world: FILE}` in a fleet makes a cluster of it a live one.
    #[command(after_help = world::WORLD_EXAMPLES)]
    World(WorldArgs),
    /// Begin a repository, or a cluster's config from a template
    #[command(after_help = start::INIT_EXAMPLES)]
    Init(InitArgs),
    /// Compare generated configs with their template
    #[command(after_help = start::TEMPLATE_EXAMPLES)]
    Template(TemplateArgs),
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
    #[command(flatten)]
    pub part: PartArgs,
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
    /// The time for which support dates are read [default: when live was recorded, else today], and waivers [default: now]
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
    /// Write each plan to <DIR>/<id>/, and the set to <DIR>/planset.json
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub store: StoreArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    pub format: PlanFormat,
    /// Print the edit of the configs that asks for what is planned, as a patch, and no plan
    #[arg(long, conflicts_with_all = ["out", "format", "json_into", "detailed_exitcode"])]
    pub propose: bool,
    #[command(flatten)]
    pub review: ReviewArgs,
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
    /// Print an announcement for the people who use the clusters: what, when, who is disturbed
    #[arg(long)]
    pub notice: bool,
    /// When the work begins; without it the announcement has durations only
    #[arg(long, value_name = "TIME", requires = "notice")]
    pub start: Option<Timestamp>,
    /// Whom to ask, for the announcement
    #[arg(long, value_name = "TEXT", requires = "notice")]
    pub contact: Option<String>,
    /// Tells this comment from others on the same pull request, in its hidden first line
    #[arg(long, value_name = "KEY")]
    pub comment_key: Option<String>,
    /// Where plans are [default: plans]
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    pub dir: Option<PathBuf>,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Where a plan is, and where the two sides of its cluster are.
#[derive(Clone, Debug, Args)]
pub struct PlanScopeArgs {
    /// The plan: an id or its beginning, a directory, or a file
    #[arg(value_name = "PLAN")]
    pub plan: String,
    /// Where plans are [default: plans]
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    pub dir: Option<PathBuf>,
    #[command(flatten)]
    pub store: StoreArgs,
    /// The fleet file [default: fleet.yaml or fleet.jsonnet here or above]
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,
    /// The config, for a plan that was made without a fleet
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The live side, for a plan that was made without a fleet: a world file
    #[arg(long, value_name = "FILE")]
    pub live: Option<PathBuf>,
    /// The folder that configs and imports must be in [default: the top of the repository]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// An external variable for jsonnet, as a string
    #[arg(short = 'V', long = "ext-str", value_name = "KEY=VALUE")]
    pub ext_str: Vec<String>,
    /// A top-level argument for jsonnet, as a string
    #[arg(long = "tla-str", value_name = "KEY=VALUE")]
    pub tla_str: Vec<String>,
}

/// How a run is done.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Really do it; without a terminal the beginning of the plan's digest confirms which one
    #[arg(long, value_name = "DIGEST", num_args = 0..=1, default_missing_value = "", require_equals = true)]
    pub approve: Option<String>,
    /// Read the policy and the signers from this git revision, not from the work tree
    #[arg(long, value_name = "REV")]
    pub policy_from: Option<String>,
    /// Pause at a bake instead of waiting in it
    #[arg(long)]
    pub no_wait: bool,
    /// Never ask anything
    #[arg(long)]
    pub no_input: bool,
    /// Print events as JSON, one per line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    pub scope: PlanScopeArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// Go on with the run that was paused, stopped or killed
    #[arg(long)]
    pub resume: bool,
    /// The journal is lost or behind: take nothing for done that is not seen on the cluster
    #[arg(long)]
    pub adopt: bool,
    /// Apply although plans of earlier waves have not run to their end; told in the journal
    #[arg(long)]
    pub dangerously_skip_waves: bool,
    /// Remove the lock that a dead run left behind, by its id, and do nothing else
    #[arg(long, value_name = "ID")]
    pub unlock: Option<String>,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub scope: PlanScopeArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t = DiffFormat::Table)]
    pub format: DiffFormat,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    #[command(flatten)]
    pub scope: PlanScopeArgs,
    #[command(flatten)]
    pub run: RunArgs,
    /// Write the plan of the way back to <DIR>/<id>/ [default with --approve: plans]
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    pub out: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = PlanFormat::Table)]
    pub format: PlanFormat,
}

/// Arguments of `rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArgs {
    #[command(flatten)]
    pub scope: PlanScopeArgs,
    /// Where chance begins
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Switch these faults on; `stairway world faults` lists them
    #[arg(long, value_name = "FAULT[:SUBJECT]", value_delimiter = ',')]
    pub faults: Vec<String>,
    /// Try so many seeds with random faults and kills
    #[arg(long, value_name = "N")]
    pub sweep: Option<u32>,
    /// How to print
    #[arg(long, value_enum, default_value_t = DiffFormat::Table)]
    pub format: DiffFormat,
}

/// Arguments of `approve`.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// The plan: an id or its beginning, a directory, or a file; of a plan set, each plan in it
    #[arg(value_name = "PLAN")]
    pub plan: String,
    /// The private key to sign with; never guessed
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Who signs [default: the one principal that allowed_signers gives the key]
    #[arg(long, value_name = "PRINCIPAL")]
    pub signer: Option<String>,
    /// How long the approval counts [default: policy.approvals.expires, 72h]
    #[arg(long, value_name = "DURATION", value_parser = read_duration)]
    pub expires: Option<u32>,
    /// Take back the signer's own approvals of the plan
    #[arg(long)]
    pub revoke: bool,
    /// Print the statement to sign with ssh-keygen, and sign nothing
    #[arg(long)]
    pub statement: bool,
    /// Take in a signature that ssh-keygen made; the statement is beside it, without `.sig`
    #[arg(long, value_name = "FILE.sig", conflicts_with_all = ["key", "signer", "expires", "revoke", "statement"])]
    pub import: Option<PathBuf>,
    /// The fleet file [default: fleet.yaml or fleet.jsonnet here or above]
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,
    /// Read policy and signers from this git revision, not from the work tree
    #[arg(long, value_name = "REV")]
    pub policy_from: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = ApproveFormat::Table)]
    pub format: ApproveFormat,
    /// Where plans are [default: plans]
    #[arg(long, value_name = "DIR", conflicts_with = "store")]
    pub dir: Option<PathBuf>,
    #[command(flatten)]
    pub store: StoreArgs,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A finding's code, a rule such as R4, or a step's id; all codes when left out
    #[arg(value_name = "CODE|STEP")]
    pub subject: Option<String>,
    /// The plan that the step is in; with a code, whose findings are shown as well
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<String>,
    /// How to print codes
    #[arg(long, value_enum, default_value_t = ExplainFormat::Table)]
    pub format: ExplainFormat,
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
    /// Canonical JSON: a plan set; of one plan that is shown, the plan
    Json,
    /// For a pull request
    Markdown,
    /// One page for a browser, which loads nothing else
    Html,
}

/// How approvals are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ApproveFormat {
    /// For a terminal
    Table,
    /// One object for all plans
    Json,
}

/// How the pages of codes are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExplainFormat {
    /// For a terminal
    Table,
    /// For programs
    Json,
    /// For a web page or a wiki
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
    /// The definition of an embedded world
    World,
    /// One line of a journal
    Journal,
    /// How a config was generated from a template
    Generated,
    /// What `check` found
    Check,
    /// One cluster's drift
    Drift,
    /// The drift of one invocation
    Driftset,
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
  stairway plan --json-into planset.json --comment-into comment.md --sarif-into findings.sarif
  stairway plan clusters/x.jsonnet --live x.observed.json --out plans
  stairway plan clusters/new.jsonnet --live clusters/old.jsonnet     a preview: what would it take?
  stairway plan openscapes --to 1.34 --propose | git apply           the edit that asks for it
  stairway plan --store branch:runs              on a branch, not in a folder; pushed to origin

Exit codes: 0 when every cluster got an answer, 1 on errors, 64 for a wrong command line.
With --detailed-exitcode also 2 changes, 3 blocked, 6 incomplete read; the strongest of
1, 3, 6, 2 wins.";

const SHOW_EXAMPLES: &str = "\
Examples:
  stairway plan --fleet testdata/demo/fleet.yaml --out plans
  stairway show plans/planset.json
  stairway show openscapes --format markdown
  stairway show openscapes --notice --start 2026-12-01T10:00:00Z

Exit code 5 when the plan was changed after it was made.";

const APPLY_EXAMPLES: &str = "\
Examples:
  stairway plan --fleet testdata/demo/fleet.yaml --out plans
  stairway apply canyon --fleet testdata/demo/fleet.yaml               says what would be done
  stairway apply canyon --fleet testdata/demo/fleet.yaml --approve     asks for the cluster's name
  stairway apply canyon --approve=0123456789ab --no-input --json
  stairway apply canyon --resume --approve

On a branch, so that anyone can go on from another clone:
  stairway plan --fleet testdata/demo/fleet.yaml --store branch:runs
  stairway apply canyon --fleet testdata/demo/fleet.yaml --store branch:runs --approve
  stairway apply canyon --fleet testdata/demo/fleet.yaml --store branch:runs --resume --approve

Ctrl-C stops at the next safe place: what runs ends first. Ctrl-C again stops now.

Exit codes: 0 done, 3 every step is held back, 4 stopped part-way with a journal, 5 refused and
nothing done, 6 the cluster could not be read and nothing done, 7 paused (bake with --no-wait, phase-out, window), 1 errors.";

const STATUS_EXAMPLES: &str = "\
Examples:
  stairway status canyon
  stairway status plans/canyon-0123456789ab --format json";

const ROLLBACK_EXAMPLES: &str = "\
Examples:
  stairway rollback canyon --fleet testdata/demo/fleet.yaml            shows the way back
  stairway rollback canyon --fleet testdata/demo/fleet.yaml --approve  takes it

A rollback that the plan promised needs the operator's confirmation only; any other needs fresh
signatures where the policy requires them. What cannot be undone is named.";

const REHEARSE_EXAMPLES: &str = "\
Examples:
  stairway rehearse canyon --fleet testdata/demo/fleet.yaml
  stairway rehearse canyon --fleet testdata/demo/fleet.yaml --faults update-reverted
  stairway rehearse canyon --fleet testdata/demo/fleet.yaml --sweep 200";

const APPROVE_EXAMPLES: &str = "\
Examples:
  stairway approve openscapes --key ~/.ssh/id_ed25519 --policy-from origin/main
  stairway approve plans/planset.json --key ~/.ssh/id_ed25519 --expires 24h
  stairway approve openscapes --key ~/.ssh/id_ed25519 --revoke
  stairway approve openscapes --key ~/.ssh/id_ed25519 --store branch:runs

With a passphrase, an agent or a hardware key, OpenSSH signs:
  stairway approve openscapes --statement --signer you@example.org > statement.json
  ssh-keygen -Y sign -n stairway-plan -f ~/.ssh/id_ed25519 statement.json
  stairway approve openscapes --import statement.json.sig

Exit code 5 when the plan cannot be approved or the signature would not count.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  stairway explain
  stairway explain R4
  stairway explain --format markdown > findings.md
  stairway explain STW-R8-PDB --plan openscapes
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
