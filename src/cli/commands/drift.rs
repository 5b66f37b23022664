//! `stairway drift`

mod files;
mod keep;
mod past;
mod runs;

#[cfg(test)]
mod tests;

use crate::cli::args::DriftFormat;
use crate::cli::branch::{self, Reach};
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::DriftRequest;
use crate::cli::session::{Session, Tour, Toured};
use crate::files as disk;
use crate::pipeline::Loaded;
use crate::store;
use crate::vcs;
use files::{Composed, Findings, Looked};
use keep::Place;
use past::{Base, Historian};
use runs::{Runs, runs_of};
use stairway_core::catalog::Catalog;
use stairway_core::diff::compare;
use stairway_core::drift::wire::{DRIFT_FORMAT, DriftSet, SET_KIND};
use stairway_core::drift::{Fresh, Known, judge, seen};
use stairway_core::model::clusterconfig::{Config, Desired};
use stairway_core::plan::wire::ClusterError;
use stairway_core::report::{drift_markdown, drift_table};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::OnceLock;

/// Why a cluster was not compared whose config is at fault, in the words of its report.
const NOT_RENDERED: &str = "its config cannot be read";

/// Compares live with git, and keeps the reports where they are asked for.
///
/// # Errors
/// Nothing could be selected, the base is none, or what was found cannot be printed.
pub(crate) fn run(session: &mut Session<'_>, request: &DriftRequest) -> Result<u8, CliError> {
    let place = Place::of(session, request);
    check_base(&place, request)?;
    let plans = plans_of(session, request)?;
    let (findings, toured) = look(session, request, &plans)?;
    let blind = findings.blind();
    let (mut composed, kept) = place.keep(session, request, &findings);
    let not_kept = kept.as_ref().err().map(CliError::exit_code);
    let set = set_of(&mut composed, &toured, blind, not_kept);
    print(session, request, &set)?;
    match &kept {
        Ok(said) => session.terminal.say(said),
        Err(error) => error.print(session.terminal),
    }
    Ok(if request.detailed_exitcode {
        set.exit
    } else {
        let all = codes(&set, &toured, blind).into_iter().chain(not_kept);
        exit_code::strongest(all)
    })
}

/// A base that no repository of the fleet knows is found before anything is read.
fn check_base(place: &Place, request: &DriftRequest) -> Result<(), CliError> {
    let (Some(revision), Some(top)) = (&request.base, &place.top) else {
        return Ok(());
    };
    vcs::resolve(top, revision).map_err(|error| no_base(revision, &error.to_string()))?;
    Ok(())
}

fn no_base(revision: &str, why: &str) -> CliError {
    CliError::usage(format!(
        "`--base {revision}` is no revision of the config's repository: {why}"
    ))
    .hint("give it a commit or a tag that `git log` shows here, or leave it out")
}

/// Returns the folders in which plans and their journals are: what a branch has of them as well.
fn plans_of(session: &mut Session<'_>, request: &DriftRequest) -> Result<Vec<PathBuf>, CliError> {
    let mut plans = vec![request.plans.clone()];
    if let Some(option) = &request.store {
        let store = branch::fetched(session, option, Reach::Read)?;
        if let Err(error) = store.take() {
            session.terminal.warn(&format!(
                "{error}; of {} only what is here already is known",
                store.said()
            ));
        }
        plans.push(store.folder().to_path_buf());
    }
    Ok(plans)
}

/// Reads and compares every cluster.
fn look(
    session: &mut Session<'_>,
    request: &DriftRequest,
    plans: &[PathBuf],
) -> Result<(Findings, Toured), CliError> {
    let tour = Tour {
        work: &request.work,
        verb: "Comparing",
        live: true,
        at: request.at,
    };
    let catalog = session.catalog;
    let scope = &request.work.scope;
    let historian = Historian::new(catalog, scope.worker.clone());
    let mut looked = Vec::new();
    // Of a config in another repository only its own can tell that it has no such base.
    let wrong_base: OnceLock<CliError> = OnceLock::new();
    let each = |loaded: &Loaded| {
        let base = request.base.as_ref();
        let base = base.map(|revision| given(loaded, revision)).transpose();
        let base = base.map_err(|errors| {
            let (error, shown) = *errors;
            // The first is enough: nothing is written.
            let _others = wrong_base.set(shown);
            error
        })?;
        fresh(loaded, (base, plans), &historian, catalog)
    };
    let toured = session.tour_set(&tour, &each, &mut |_, fresh| {
        looked.push(Looked::Fresh(Box::new(fresh)));
        Ok(())
    })?;
    if let Some(error) = wrong_base.into_inner() {
        return Err(error);
    }
    for error in &toured.errors {
        let why = toured.unread.get(&error.name).copied();
        let known = Known {
            cluster: error.name.clone(),
            config: String::new(),
            owner: None,
            at: request.at.unwrap_or(session.ambient.now),
            journal: BTreeMap::new(),
        };
        let why = why.unwrap_or(NOT_RENDERED).to_owned();
        looked.push(Looked::Failed(known, why));
    }
    let whole = scope.subjects.is_empty() && toured.partial.is_none();
    Ok((Findings { looked, whole }, toured))
}

/// Compares one cluster, and asks git who moved.
fn fresh(
    loaded: &Loaded,
    (given, plans): (Option<Base>, &[PathBuf]),
    historian: &Historian<'_>,
    catalog: &Catalog,
) -> Result<Fresh, ClusterError> {
    let desired = eks(loaded)?;
    let Some(live) = &loaded.live else {
        return Err(ClusterError {
            name: loaded.name.clone(),
            error: "The live side was not read".to_owned(),
            hint: None,
            ..ClusterError::default()
        });
    };
    let who = (
        loaded.name.as_str(),
        loaded.inputs.decided_at.unwrap_or(loaded.at),
    );
    let observed = &live.observation;
    let differences = compare(desired, observed, &loaded.settings, catalog, who);
    let seen = seen(&differences, observed, &loaded.settings, catalog, who);
    let quiet = seen.found.is_empty() && seen.under_way.is_empty();
    let runs = if quiet {
        Runs::default()
    } else {
        runs_of(plans, &loaded.name)
    };
    let base = given.unwrap_or(runs.base);
    let (mut verdicts, mut last_author) = (Vec::new(), None);
    let mut asked = BTreeMap::new();
    if !seen.found.is_empty() {
        let past = historian.past(loaded, &base);
        verdicts.extend(
            seen.found
                .iter()
                .map(|found| judge(found, &past.states, &past.horizon)),
        );
        for found in &seen.found {
            let commit = past.asked_in(&found.key);
            asked.extend(commit.map(|commit| (found.key.clone(), commit)));
        }
        last_author = past.last_author;
    }
    Ok(Fresh {
        known: Known {
            cluster: loaded.name.clone(),
            config: loaded.inputs.config.clone(),
            owner: loaded.origin.owner.clone(),
            at: loaded.at,
            journal: runs.tainted,
        },
        seen,
        verdicts,
        last_author,
        asked,
    })
}

fn eks(loaded: &Loaded) -> Result<&Desired, ClusterError> {
    match &loaded.config {
        Config::Eks(desired) => Ok(desired),
        Config::EksAnywhere(_) => Err(ClusterError {
            name: loaded.name.clone(),
            error: format!(
                "`{}` is an EKS Anywhere cluster, and this build does not compare those yet",
                loaded.name
            ),
            hint: Some(format!("leave it out with `--exclude {}`", loaded.name)),
            ..ClusterError::default()
        }),
    }
}

/// Returns the base that was given, as the repository of the config knows it; else the error of the
/// cluster, and that of the invocation.
fn given(loaded: &Loaded, revision: &str) -> Result<Base, Box<(ClusterError, CliError)>> {
    let top = disk::repository_top(&loaded.origin.root);
    let found = top
        .ok_or_else(|| "the config is not in a git repository".to_owned())
        .and_then(|top| vcs::resolve(&top, revision).map_err(|error| error.to_string()));
    found.map(Base::Given).map_err(|why| {
        let error = no_base(revision, &why);
        let own = ClusterError {
            name: loaded.name.clone(),
            error: error.message.clone(),
            ..ClusterError::default()
        };
        Box::new((own, error))
    })
}

impl Findings {
    /// Returns true when a whole list of facts of some cluster was not read.
    fn blind(&self) -> bool {
        self.looked.iter().any(|looked| match looked {
            Looked::Fresh(fresh) => fresh.seen.blind,
            Looked::Failed(..) => false,
        })
    }
}

/// `not_kept` is the code of why the reports could not be kept.
fn set_of(composed: &mut Composed, toured: &Toured, blind: bool, not_kept: Option<u8>) -> DriftSet {
    let mut errors = toured.errors.clone();
    errors.append(&mut composed.refused);
    errors.sort_by(|a, b| (&a.name, &a.error).cmp(&(&b.name, &b.error)));
    // What hindered the keeping as well has a code of its own.
    let lost = (composed.lost && not_kept.is_none()).then_some(exit_code::ERROR);
    let mut set = DriftSet {
        format_version: DRIFT_FORMAT,
        kind: SET_KIND.to_owned(),
        clusters: std::mem::take(&mut composed.clusters),
        errors,
        partial: toured.partial.clone(),
        summary: composed.summary.clone(),
        exit: exit_code::DONE,
    };
    let mut all = codes(&set, toured, blind);
    all.extend(not_kept);
    all.extend(lost);
    if set.summary.new > 0 {
        all.push(exit_code::CHANGES);
    }
    set.exit = exit_code::strongest(all);
    set
}

/// The codes that need no option: what was not compared is never a silent success.
fn codes(set: &DriftSet, toured: &Toured, blind: bool) -> Vec<u8> {
    let unread = &toured.unread;
    let refused = set.clusters.iter().filter(|cluster| cluster.last_unread);
    let refused: BTreeSet<&String> = refused.map(|c| &c.report.cluster).collect();
    let failed = set
        .errors
        .iter()
        .any(|error| !unread.contains_key(&error.name) || refused.contains(&error.name));
    let lost = set
        .clusters
        .iter()
        .any(|cluster| cluster.report.items.iter().any(|item| item.unread));
    [
        (failed, exit_code::ERROR),
        (set.summary.lapsed > 0, exit_code::BLOCKED),
        (blind || lost || !unread.is_empty(), exit_code::INCOMPLETE),
    ]
    .into_iter()
    .filter_map(|(holds, code)| holds.then_some(code))
    .collect()
}

/// A table and Markdown name the clusters that were not compared; else they are told on stderr.
fn print(
    session: &mut Session<'_>,
    request: &DriftRequest,
    set: &DriftSet,
) -> Result<(), CliError> {
    match request.format {
        DriftFormat::Table => {
            let text = drift_table(set, &session.look());
            session.terminal.data(&text)?;
        }
        DriftFormat::Markdown => session.terminal.data(&drift_markdown(set))?,
        DriftFormat::Json => {
            session.terminal.bytes(&store::json_line(set))?;
            session.fail(set.errors.clone());
        }
    }
    Ok(())
}
