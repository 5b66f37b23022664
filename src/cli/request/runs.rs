//! `stairway apply`, `status`, `rollback` and `rehearse`, checked.

use super::{PLANS_FOLDER, StoreOption, pairs, store};
use crate::cli::ambient::Ambient;
use crate::cli::args::{
    ApplyArgs, DiffFormat, PlanFormat, PlanScopeArgs, RehearseArgs, RollbackArgs, RunArgs,
    StatusArgs,
};
use crate::cli::error::CliError;
use stairway_world::Misbehaviour;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Which plan, and where the two sides of its cluster are.
#[derive(Clone, Debug)]
pub struct PlanScope {
    /// The plan as it was named.
    pub plan: String,
    /// Where plans are.
    pub folders: Vec<PathBuf>,
    /// The branch where plans are.
    pub store: Option<StoreOption>,
    /// The fleet file.
    pub fleet: Option<PathBuf>,
    /// The config.
    pub config: Option<PathBuf>,
    /// The live side.
    pub live: Option<PathBuf>,
    /// The folder that configs must be in.
    pub root: Option<PathBuf>,
    /// External variables for jsonnet.
    pub ext_vars: BTreeMap<String, String>,
    /// Top-level arguments for jsonnet.
    pub tlas: BTreeMap<String, String>,
}

/// How a run is done.
#[derive(Clone, Debug)]
pub struct RunManner {
    /// Really do it; the beginning of a digest, or empty to be asked for the cluster's name.
    pub approve: Option<String>,
    /// The revision of the policy.
    pub policy_from: Option<String>,
    /// Pause at a bake.
    pub no_wait: bool,
    /// Never ask.
    pub no_input: bool,
    /// Events as JSON.
    pub json: bool,
}

/// An `apply`.
#[derive(Clone, Debug)]
pub struct ApplyRequest {
    /// Which plan.
    pub scope: PlanScope,
    /// How.
    pub manner: RunManner,
    /// Go on with its run.
    pub resume: bool,
    /// Take nothing for done that is not seen.
    pub adopt: bool,
    /// Do not wait for earlier waves.
    pub skip_waves: bool,
    /// Remove this lock and do nothing else.
    pub unlock: Option<String>,
}

/// A `status`.
#[derive(Clone, Debug)]
pub struct StatusRequest {
    /// Which plan.
    pub scope: PlanScope,
    /// How to print.
    pub format: DiffFormat,
}

/// A `rollback`.
#[derive(Clone, Debug)]
pub struct RollbackRequest {
    /// Which run, by its plan.
    pub scope: PlanScope,
    /// How.
    pub manner: RunManner,
    /// Where to write the plan.
    pub out: Option<PathBuf>,
    /// How to print.
    pub format: PlanFormat,
}

/// A `rehearse`.
#[derive(Clone, Debug)]
pub struct RehearseRequest {
    /// Which plan.
    pub scope: PlanScope,
    /// Where chance begins.
    pub seed: u64,
    /// What misbehaves.
    pub faults: Vec<Misbehaviour>,
    /// How many seeds to try.
    pub sweep: Option<u32>,
    /// How to print.
    pub format: DiffFormat,
}

fn scope(args: PlanScopeArgs, ambient: &Ambient) -> Result<PlanScope, CliError> {
    let PlanScopeArgs {
        plan,
        dir,
        store: kept,
        fleet,
        config,
        live,
        root,
        ext_str,
        tla_str,
    } = args;
    let folder = dir.unwrap_or_else(|| PathBuf::from(PLANS_FOLDER));
    Ok(PlanScope {
        plan,
        folders: vec![ambient.cwd.join(folder)],
        store: store(kept),
        fleet,
        config,
        live,
        root,
        ext_vars: pairs("--ext-str", ext_str)?,
        tlas: pairs("--tla-str", tla_str)?,
    })
}

fn manner(args: RunArgs) -> RunManner {
    let RunArgs {
        approve,
        policy_from,
        no_wait,
        no_input,
        json,
    } = args;
    RunManner {
        approve,
        policy_from,
        no_wait,
        no_input,
        json,
    }
}

/// Checks an `apply`.
pub(super) fn apply(args: ApplyArgs, ambient: &Ambient) -> Result<ApplyRequest, CliError> {
    let ApplyArgs {
        scope: where_,
        run,
        resume,
        adopt,
        dangerously_skip_waves,
        unlock,
    } = args;
    Ok(ApplyRequest {
        scope: scope(where_, ambient)?,
        manner: manner(run),
        resume,
        adopt,
        skip_waves: dangerously_skip_waves,
        unlock,
    })
}

/// Checks a `status`.
pub(super) fn status(args: StatusArgs, ambient: &Ambient) -> Result<StatusRequest, CliError> {
    Ok(StatusRequest {
        scope: scope(args.scope, ambient)?,
        format: args.format,
    })
}

/// Checks a `rollback`.
pub(super) fn rollback(args: RollbackArgs, ambient: &Ambient) -> Result<RollbackRequest, CliError> {
    let RollbackArgs {
        scope: where_,
        run,
        out,
        format,
    } = args;
    Ok(RollbackRequest {
        scope: scope(where_, ambient)?,
        manner: manner(run),
        out,
        format,
    })
}

/// Checks a `rehearse`.
pub(super) fn rehearse(args: RehearseArgs, ambient: &Ambient) -> Result<RehearseRequest, CliError> {
    let RehearseArgs {
        scope: where_,
        seed,
        faults,
        sweep,
        format,
    } = args;
    let faults = faults
        .iter()
        .map(|text| super::misbehaviour(text, None, 1))
        .collect::<Result<_, _>>()?;
    if sweep == Some(0) {
        return Err(CliError::usage("`--sweep 0` tries nothing"));
    }
    Ok(RehearseRequest {
        scope: scope(where_, ambient)?,
        seed,
        faults,
        sweep,
        format,
    })
}
