//! The second stage of the command line: checked values without a trace of clap.

mod drift;
mod review;
mod runs;
mod world;

pub use drift::{DriftKeep, DriftRequest};
pub use review::{CheckRequest, CheckSource};
pub use runs::{
    ApplyRequest, PlanScope, RehearseRequest, RollbackRequest, RunManner, StatusRequest,
};
pub use world::{ServeRequest, WorldRequest, misbehaviour};

use super::ambient::Ambient;
use super::args::{
    ApproveArgs, ApproveFormat, Command, DiffArgs, DiffFormat, DocumentFormat, ExplainArgs,
    ExplainFormat, InitArgs, MergeArgs, ObserveArgs, PartArgs, PlanArgs, PlanFormat, RenderArgs,
    ReviewArgs, SchemaName, ScopeArgs, ShowArgs, StoreArgs, TemplateArgs,
};
use super::error::CliError;
use super::not_built;
use crate::approvals::PolicySource;
use crate::config::nearest;
use crate::pipeline::{Part, PlanOptions, Scope};
use crate::render::WorkerMode;
use crate::store::branch::PREFIX;
use stairway_core::approve::StatementKind;
use stairway_core::model::Timestamp;
use stairway_core::report::Notice;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Where plans are looked for unless told otherwise.
const PLANS_FOLDER: &str = "plans";
/// When the number of processors cannot be told.
const PARALLELISM_DEFAULT: usize = 2;

/// What is to be done.
#[derive(Debug)]
pub enum Request {
    /// Print short help.
    Help,
    /// Print configs.
    Render(RenderRequest),
    /// Print observations.
    Observe(ObserveRequest),
    /// Print differences.
    Diff(DiffRequest),
    /// Make plans.
    Plan(Box<PlanRequest>),
    /// Print findings.
    Check(CheckRequest),
    /// Put plan sets together.
    Merge(MergeArgs),
    /// Begin a repository or a config.
    Init(InitArgs),
    /// Compare a config with its template.
    Template(TemplateArgs),
    /// Print a plan that was made before.
    Show(ShowRequest),
    /// Approve a plan.
    Approve(ApproveRequest),
    /// Do what a plan says.
    Apply(ApplyRequest),
    /// Say how far a run is.
    Status(StatusRequest),
    /// Go back along a run.
    Rollback(RollbackRequest),
    /// Run a plan on a simulation.
    Rehearse(RehearseRequest),
    /// Say in what live differs from git.
    Drift(DriftRequest),
    /// Show or change an embedded world.
    World(WorldRequest),
    /// Explain a code or a step.
    Explain(ExplainRequest),
    /// Print a JSON Schema.
    Schema(SchemaName),
    /// Print a completion script.
    Completions(clap_complete::Shell),
    /// Print or write manual pages.
    Man(Option<PathBuf>),
}

/// Which clusters, and how they are worked on.
#[derive(Debug)]
pub struct Work {
    /// Which clusters.
    pub scope: Scope,
    /// eksctl's schema, to warn by.
    pub eksctl_schema: Option<PathBuf>,
    /// How many at a time.
    pub parallelism: usize,
}

/// A `render`.
#[derive(Debug)]
pub struct RenderRequest {
    /// Which clusters.
    pub work: Work,
    /// How to print.
    pub format: DocumentFormat,
    /// With the names of the live cluster.
    pub as_live: bool,
}

/// An `observe`.
#[derive(Debug)]
pub struct ObserveRequest {
    /// Which clusters.
    pub work: Work,
    /// Where to write.
    pub out: Option<PathBuf>,
}

/// A `diff`.
#[derive(Debug)]
pub struct DiffRequest {
    /// Which clusters.
    pub work: Work,
    /// How to print.
    pub format: DiffFormat,
    /// As unified text.
    pub text: bool,
    /// Exit with 2 for differences.
    pub detailed_exitcode: bool,
}

/// A branch as the store of plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOption {
    /// The branch.
    pub branch: String,
    /// The remote, when it was named.
    pub remote: Option<String>,
}

impl StoreOption {
    /// Returns it as it is typed, after a space.
    pub fn typed(&self) -> String {
        let remote = self.remote.as_ref();
        let remote = remote.map_or_else(String::new, |remote| format!(" --remote {remote}"));
        format!(" --store {PREFIX}{}{remote}", self.branch)
    }
}

fn store(args: StoreArgs) -> Option<StoreOption> {
    let StoreArgs { store, remote } = args;
    store.map(|branch| StoreOption { branch, remote })
}

/// A `plan`.
#[derive(Debug)]
pub struct PlanRequest {
    /// Which clusters.
    pub work: Work,
    /// What is asked of every plan.
    pub options: PlanOptions,
    /// The time for which calendars are read.
    pub at: Option<Timestamp>,
    /// Where to write plans.
    pub out: Option<PathBuf>,
    /// The branch to write plans to.
    pub store: Option<StoreOption>,
    /// How to print.
    pub format: PlanFormat,
    /// The edit in git instead of the plan.
    pub propose: bool,
    /// What to write besides.
    pub review: ReviewArgs,
    /// Exit with more than 0 and 1.
    pub detailed_exitcode: bool,
}

/// A `show`.
#[derive(Debug)]
pub struct ShowRequest {
    /// Which plan.
    pub plan: String,
    /// How to print.
    pub format: PlanFormat,
    /// The announcement instead of the plan.
    pub notice: Option<Notice>,
    /// Tells the comment from others.
    pub comment_key: String,
    /// Where plans are.
    pub folders: Vec<PathBuf>,
    /// The branch where plans are.
    pub store: Option<StoreOption>,
}

/// An `approve`.
#[derive(Debug)]
pub struct ApproveRequest {
    /// Which plan, or which set.
    pub plan: String,
    /// What is done about it.
    pub act: ApproveAct,
    /// Seconds that the approval counts.
    pub expires: Option<u32>,
    /// Where the owner's decisions are read.
    pub policy: PolicySource,
    /// How to print.
    pub format: ApproveFormat,
    /// Where plans are.
    pub folders: Vec<PathBuf>,
    /// The branch where plans are.
    pub store: Option<StoreOption>,
}

/// What an `approve` does.
#[derive(Debug)]
pub enum ApproveAct {
    /// Sign.
    Sign {
        /// The private key.
        key: PathBuf,
        /// Who signs, when told.
        signer: Option<String>,
        /// An approval or a revocation.
        kind: StatementKind,
    },
    /// Print what somebody else's tool is to sign.
    Statement {
        /// A key, private or public, that tells who signs.
        key: Option<PathBuf>,
        /// Who signs, when told.
        signer: Option<String>,
        /// An approval or a revocation.
        kind: StatementKind,
    },
    /// Take in what somebody else's tool signed.
    Import {
        /// The signature; its statement is beside it.
        signature: PathBuf,
    },
}

/// An `explain`.
#[derive(Debug)]
pub struct ExplainRequest {
    /// What.
    pub subject: Option<String>,
    /// The plan that a step is in.
    pub plan: Option<String>,
    /// How pages are printed.
    pub format: ExplainFormat,
    /// Where plans are.
    pub folders: Vec<PathBuf>,
}

/// Checks what was typed.
///
/// # Errors
/// A value or a combination that makes no sense, or a command that this build does not have.
pub fn check(command: Option<Command>, ambient: &Ambient) -> Result<Request, CliError> {
    let folders = |dir: Option<PathBuf>| {
        vec![
            ambient
                .cwd
                .join(dir.unwrap_or_else(|| PathBuf::from(PLANS_FOLDER))),
        ]
    };
    Ok(match command {
        None => Request::Help,
        Some(Command::Render(args)) => Request::Render(render(args, ambient)?),
        Some(Command::Observe(ObserveArgs { scope, out })) => Request::Observe(ObserveRequest {
            work: work(scope, &[], ambient)?,
            out,
        }),
        Some(Command::Diff(args)) => Request::Diff(diff(args, ambient)?),
        Some(Command::Plan(args)) => Request::Plan(Box::new(plan(args, ambient)?)),
        Some(Command::Check(args)) => Request::Check(review::check(args, ambient)?),
        Some(Command::Merge(args)) => {
            super::review::refuse_paths(&args.review, &ambient.cwd)?;
            Request::Merge(args)
        }
        Some(Command::Init(args)) => Request::Init(args),
        Some(Command::Template(args)) => Request::Template(args),
        Some(Command::Show(args)) => {
            let folders = folders(args.dir.clone());
            Request::Show(show(args, folders)?)
        }
        Some(Command::Approve(args)) => {
            let folders = folders(args.dir.clone());
            Request::Approve(approve(args, folders, ambient)?)
        }
        Some(Command::Apply(args)) => Request::Apply(runs::apply(args, ambient)?),
        Some(Command::Status(args)) => Request::Status(runs::status(args, ambient)?),
        Some(Command::Rollback(args)) => Request::Rollback(runs::rollback(args, ambient)?),
        Some(Command::Rehearse(args)) => Request::Rehearse(runs::rehearse(args, ambient)?),
        Some(Command::Explain(ExplainArgs {
            subject,
            plan,
            format,
            dir,
        })) => Request::Explain(ExplainRequest {
            subject,
            plan,
            format,
            folders: folders(dir),
        }),
        Some(Command::Drift(args)) => Request::Drift(drift::drift(args, ambient)?),
        Some(Command::World(args)) => Request::World(world::check(args, ambient)?),
        Some(Command::Schema(args)) => Request::Schema(args.name),
        Some(Command::Completions(args)) => Request::Completions(args.shell),
        Some(Command::Man(args)) => Request::Man(args.out),
        Some(Command::Other(words)) => return Err(unknown(&words)),
    })
}

/// The commands that this build has, for suggestions.
const COMMANDS: [&str; 21] = [
    "render",
    "observe",
    "diff",
    "check",
    "plan",
    "merge",
    "show",
    "approve",
    "apply",
    "status",
    "rollback",
    "rehearse",
    "drift",
    "world",
    "init",
    "template",
    "explain",
    "schema",
    "completions",
    "man",
    "help",
];

fn unknown(words: &[std::ffi::OsString]) -> CliError {
    let name = words
        .first()
        .map(|word| word.to_string_lossy().into_owned())
        .unwrap_or_default();
    if let Some(command) = not_built::find(&name) {
        return CliError::user(format!(
            "`stairway {name}` is not built yet: it will {}, and this version only reads and plans",
            command.will
        ))
        .hint(command.meanwhile);
    }
    let error = CliError::usage(format!("There is no command `{name}`"));
    let designed = not_built::NOT_BUILT.iter().map(|command| command.name);
    match nearest(&name, COMMANDS.into_iter().chain(designed)).first() {
        Some(near) => error.hint(format!("did you mean `stairway {near}`?")),
        None => error.hint("`stairway --help` lists the commands"),
    }
}

fn render(args: RenderArgs, ambient: &Ambient) -> Result<RenderRequest, CliError> {
    let RenderArgs {
        scope,
        format,
        as_live,
    } = args;
    if scope.live.is_some() && !as_live {
        return Err(
            CliError::usage("`--live` matters to `render` only together with `--as-live`")
                .hint("add `--as-live`, or leave `--live` out"),
        );
    }
    Ok(RenderRequest {
        work: work(scope, &[], ambient)?,
        format,
        as_live,
    })
}

fn diff(args: DiffArgs, ambient: &Ambient) -> Result<DiffRequest, CliError> {
    let DiffArgs {
        scope,
        format,
        text,
        detailed_exitcode,
    } = args;
    if text && format == DiffFormat::Json {
        return Err(CliError::usage(
            "`--text` and `--format json` are two ways to print",
        ));
    }
    Ok(DiffRequest {
        work: work(scope, &[], ambient)?,
        format,
        text,
        detailed_exitcode,
    })
}

fn plan(args: PlanArgs, ambient: &Ambient) -> Result<PlanRequest, CliError> {
    let PlanArgs {
        scope,
        to,
        replace,
        prune,
        at,
        out,
        store: kept,
        format,
        propose,
        review,
        detailed_exitcode,
    } = args;
    if propose && kept.store.is_some() {
        return Err(CliError::usage(
            "`--propose` prints an edit and no plan that `--store` could keep",
        ));
    }
    super::review::refuse_paths(&review, &ambient.cwd)?;
    let work = work(scope, &prune, ambient)?;
    let options = PlanOptions {
        to,
        replace: replace.into_iter().collect(),
        prune: prune.into_iter().collect(),
    };
    Ok(PlanRequest {
        work,
        options,
        at,
        out,
        store: store(kept),
        format,
        propose,
        review,
        detailed_exitcode,
    })
}

fn show(args: ShowArgs, folders: Vec<PathBuf>) -> Result<ShowRequest, CliError> {
    let ShowArgs {
        plan,
        format,
        notice,
        start,
        contact,
        comment_key,
        dir: _,
        store: kept,
    } = args;
    if notice && matches!(format, PlanFormat::Json | PlanFormat::Html) {
        return Err(CliError::usage(
            "`--notice` is sent to people as text: there is no JSON and no HTML of it",
        )
        .hint("`--notice` prints plain text, `--notice --format markdown` Markdown"));
    }
    Ok(ShowRequest {
        plan,
        format,
        notice: notice.then_some(Notice { start, contact }),
        comment_key: comment_key.unwrap_or_default(),
        folders,
        store: store(kept),
    })
}

fn approve(
    args: ApproveArgs,
    folders: Vec<PathBuf>,
    ambient: &Ambient,
) -> Result<ApproveRequest, CliError> {
    let ApproveArgs {
        plan,
        key,
        signer,
        expires,
        revoke,
        statement,
        import,
        fleet,
        policy_from,
        format,
        dir: _,
        store: kept,
    } = args;
    if expires == Some(0) {
        return Err(CliError::usage("`--expires` is no time at all"));
    }
    let kind = if revoke {
        StatementKind::Revocation
    } else {
        StatementKind::Approval
    };
    let act = match (import, statement, key) {
        (Some(signature), _, _) => ApproveAct::Import { signature },
        (None, true, key) => ApproveAct::Statement { key, signer, kind },
        (None, false, Some(key)) => ApproveAct::Sign { key, signer, kind },
        (None, false, None) => {
            return Err(CliError::usage("No key is named, and none is guessed").hint(format!(
                "`stairway approve {plan} --key ~/.ssh/id_ed25519`, or `--statement` to sign with ssh-keygen"
            )));
        }
    };
    Ok(ApproveRequest {
        plan,
        act,
        expires,
        policy: PolicySource {
            fleet,
            revision: policy_from,
            cwd: ambient.cwd.clone(),
            worker: WorkerMode::default(),
        },
        format,
        folders,
        store: store(kept),
    })
}

fn work(args: ScopeArgs, prune: &[String], ambient: &Ambient) -> Result<Work, CliError> {
    let ScopeArgs {
        subjects,
        fleet,
        live,
        root,
        target,
        exclude,
        ext_str,
        tla_str,
        eksctl_schema,
        parallelism,
        part,
    } = args;
    let PartArgs {
        shard,
        changed_since,
        wave,
    } = part;
    let scope = Scope {
        subjects,
        fleet,
        live,
        root,
        target,
        exclude,
        part: Part {
            shard,
            changed_since,
            waves: wave,
        },
        ext_vars: pairs("--ext-str", ext_str)?,
        tlas: pairs("--tla-str", tla_str)?,
        prune: prune.to_vec(),
        cwd: ambient.cwd.clone(),
        worker: WorkerMode::default(),
    };
    let processors =
        || std::thread::available_parallelism().map_or(PARALLELISM_DEFAULT, NonZeroUsize::get);
    let parallelism = parallelism.map_or_else(processors, NonZeroUsize::get);
    Ok(Work {
        scope,
        eksctl_schema,
        parallelism,
    })
}

/// Reads `KEY=VALUE`. A variable from the environment, as jsonnet's own tool takes it, is refused:
/// a plan does not depend on the environment.
fn pairs(option: &str, given: Vec<String>) -> Result<BTreeMap<String, String>, CliError> {
    let mut pairs = BTreeMap::new();
    for text in given {
        let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(
                CliError::usage(format!("`{option} {text}` has no value")).hint(format!(
                    "write `{option} {text}=VALUE`; the environment is not read"
                )),
            );
        };
        if pairs.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(CliError::usage(format!(
                "`{option} {key}=…` is given twice"
            )));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests;
