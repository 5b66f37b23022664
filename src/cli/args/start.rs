//! `stairway init` and `stairway template` as they are typed.

use clap::{Args, Subcommand, ValueEnum};
use stairway_core::model::KubeMinor;
use std::path::PathBuf;

/// Arguments of `init`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct InitArgs {
    /// The folder of the new repository; `.` for this one
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The name of the first cluster, one of the embedded world
    #[arg(long, value_name = "NAME", default_value = "sandbox")]
    pub name: String,
    /// Its AWS region
    #[arg(long, value_name = "REGION", default_value = "us-west-2")]
    pub region: String,
    /// The Kubernetes minor that git asks for [default: the newest in standard support today]
    #[arg(long, value_name = "MINOR")]
    pub version: Option<KubeMinor>,
    /// Whose workflows to write: they plan pull requests, apply what was approved, and look for drift
    #[arg(long, value_enum, value_name = "HOST", default_value_t = CiChoice::Github)]
    pub ci: CiChoice,
    /// Leave files that are there already as they are, instead of refusing
    #[arg(long)]
    pub keep_existing: bool,
    /// Print what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What else to begin.
    #[command(subcommand)]
    pub command: Option<InitCommand>,
}

/// Whose workflows a new repository gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CiChoice {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// Nobody's.
    None,
}

/// What else can be begun.
#[derive(Debug, Subcommand)]
pub enum InitCommand {
    /// Generate a cluster's config from a template, and add the cluster to the fleet file
    ///
    /// Writes clusters/NAME.jsonnet, and keeps template, answers and the generated text in
    /// .stairway/generated/ beside the fleet file, so that `stairway template diff` can tell what
    /// the template changed since from what was edited by hand. Those files belong in git.
    ///
    /// A template is a jsonnet config that renders as it stands. It begins with `//: template v1`,
    /// then declares parameters in lines `//: param NAME KIND [required]: what it is`, with the kinds
    /// cluster, region, minor, word, words, text, number and boolean. For each there is one line
    /// `local NAME = LITERAL;`, whose literal the answer replaces. Without --template it is
    /// templates/cluster.jsonnet beside the fleet file, else the one in the program.
    #[command(after_help = INIT_CLUSTER_EXAMPLES)]
    Cluster(InitClusterArgs),
}

/// Arguments of `init cluster`.
#[derive(Debug, Args)]
pub struct InitClusterArgs {
    /// The cluster's name, in the fleet and in EKS
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The template [default: templates/cluster.jsonnet beside the fleet file, else the built-in one]
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// An answer to a parameter of the template; lists are written with commas
    #[arg(long, value_name = "KEY=VALUE")]
    pub answer: Vec<String>,
    /// The answer to `region`
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// The answer to `version` [default: the newest minor in standard support today]
    #[arg(long, value_name = "MINOR")]
    pub version: Option<KubeMinor>,
    /// One of the answers to `hubs`
    #[arg(long, value_name = "HUB")]
    pub hub: Vec<String>,
    /// How the live cluster is read: an observation, a world, or a config to be taken as live
    /// [default: an embedded world of its own where the whole fleet is one, else the kubeconfig's context NAME]
    #[arg(long, value_name = "FILE", conflicts_with = "context")]
    pub live: Option<PathBuf>,
    /// How the live cluster is read: this context of the kubeconfig
    #[arg(long, value_name = "CONTEXT")]
    pub context: Option<String>,
    /// The fleet file [default: fleet.yaml or fleet.jsonnet here or above]
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,
    /// Leave the fleet file alone and print the entry for it
    #[arg(long)]
    pub no_entry: bool,
    /// Print the config, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Never ask anything
    #[arg(long)]
    pub no_input: bool,
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
    ///
    /// Brings what the template changed since a config was generated into the config as it is now, and
    /// prints that as a patch for `git apply`. What was edited by hand stays; where template and hand
    /// changed the same lines, the hand's are kept and the collision is named, every time until it is
    /// settled. The patch moves the record in .stairway/generated/ along. Nothing is written.
    #[command(after_help = TEMPLATE_DIFF_EXAMPLES)]
    Diff(TemplateDiffArgs),
    /// Print the Kubernetes roles that stairway needs, for `kubectl apply -f -`
    ///
    /// `plan` reads and can change nothing; `apply` is what acting needs beyond it: who applies gets both.
    /// The roles are bound to the groups `stairway:plan` and `stairway:apply`, to which an EKS access entry
    /// maps an IAM role.
    #[command(after_help = TEMPLATE_RBAC_EXAMPLES)]
    Rbac(TemplateRbacArgs),
    /// Print workflows for CI: plan pull requests, apply what was approved, look for drift
    ///
    /// Without FILE it prints a patch for `git apply` with every file that the repository does not have yet;
    /// those that are there stay as they are, and those that differ are named. With FILE it prints that one.
    /// `stairway init` writes the same files. How to set them up is in README.md, which is one of them.
    #[command(after_help = TEMPLATE_CI_EXAMPLES)]
    Ci(TemplateCiArgs),
}

/// Arguments of `template ci`.
#[derive(Debug, Args)]
pub struct TemplateCiArgs {
    /// Who runs them
    #[arg(value_enum, value_name = "HOST")]
    pub host: CiName,
    /// Print this file and no patch: its path, or its name
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
}

/// Who runs workflows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CiName {
    /// GitHub Actions: .github/workflows/stairway-*.yml.
    Github,
    /// GitLab CI: .gitlab-ci.yml.
    Gitlab,
}

/// Arguments of `template rbac`.
#[derive(Debug, Args)]
pub struct TemplateRbacArgs {
    /// Which role
    #[arg(value_enum, value_name = "ROLE")]
    pub role: RbacRole,
}

/// A role on a Kubernetes cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RbacRole {
    /// What observe, plan, check and drift need: it reads.
    Plan,
    /// What apply and rollback need beyond it.
    Apply,
}

/// Arguments of `template diff`.
#[derive(Debug, Args)]
pub struct TemplateDiffArgs {
    /// The cluster's name
    #[arg(
        value_name = "CLUSTER",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    pub cluster: Option<String>,
    /// Every cluster that was generated
    #[arg(long)]
    pub all: bool,
    /// Another answer than the one that is recorded
    #[arg(long, value_name = "KEY=VALUE")]
    pub answer: Vec<String>,
    /// Another template than the one that is recorded
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// Settle collisions in favour of the config: they are not named again
    #[arg(long)]
    pub keep_mine: bool,
    /// Exit with 2 when there is a change or a collision
    #[arg(long)]
    pub exit_code: bool,
    /// The fleet file [default: fleet.yaml or fleet.jsonnet here or above]
    #[arg(long, value_name = "FILE")]
    pub fleet: Option<PathBuf>,
}

pub(super) const INIT_EXAMPLES: &str = "\
Examples:
  stairway init fleet                       a new repository, with a cluster to play with
  stairway init . --name reef --dry-run     what it would write here
  stairway init fleet --ci gitlab           with workflows for GitLab, not for GitHub
  stairway init cluster lagoon --region ap-southeast-2";

const INIT_CLUSTER_EXAMPLES: &str = "\
Examples:
  stairway init cluster lagoon --region ap-southeast-2
  stairway init cluster lagoon --region ap-southeast-2 --version 1.34 --hub staging --hub prod
  stairway init cluster lagoon --template templates/gpu.jsonnet --answer region=us-east-1 --no-input";

pub(super) const TEMPLATE_EXAMPLES: &str = "\
Examples:
  stairway template diff openscapes
  stairway template diff --all --exit-code
  stairway template rbac plan | kubectl --context openscapes apply -f -
  stairway template ci github | git apply";

const TEMPLATE_CI_EXAMPLES: &str = "\
Examples:
  stairway template ci github | git apply                adds what is missing
  stairway template ci github README.md                  how to set it up
  stairway template ci gitlab plan.sh | diff - .stairway/ci/plan.sh";

const TEMPLATE_RBAC_EXAMPLES: &str = "\
Examples:
  stairway template rbac plan | kubectl --context openscapes apply -f -
  (stairway template rbac plan; echo ---; stairway template rbac apply) | kubectl --context openscapes apply -f -";

const TEMPLATE_DIFF_EXAMPLES: &str = "\
Examples:
  stairway template diff openscapes
  stairway template diff openscapes --answer hubs=staging,prod | git apply
  stairway template diff --all --exit-code";
