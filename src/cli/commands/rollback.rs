//! `stairway rollback`

use super::apply::{let_go, policy, tell};
use crate::actuate::StepFiles;
use crate::cli::ambient::Ambient;
use crate::cli::args::PlanFormat;
use crate::cli::branch::{self, Missing, Reach};
use crate::cli::carry::{Carried, Carry, digest_start, exit_of};
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::RollbackRequest;
use crate::cli::session::Session;
use crate::cli::subject::{Sides, Subject, refused};
use crate::drive::How;
use crate::drive::live::Target as _;
use crate::drive::target::LiveTarget;
use crate::store::branch::{BranchError, BranchStore, Told};
use crate::store::disk::RealDisk;
use crate::store::journal::JournalFile;
use crate::store::lock::LockNote;
use crate::store::{self, PlanFolder, SetDraft};
use stairway_core::approve::{Confirmation, Requirements};
use stairway_core::catalog::Catalog;
use stairway_core::journal::{Ending, Event, Fold, What, fold};
use stairway_core::model::clusterconfig::Config;
use stairway_core::model::{Digest, Observation, Timestamp, canonical_bytes};
use stairway_core::next::Manner;
use stairway_core::plan::wire::{Plan, PlanSet};
use stairway_core::plan::{PlanInput, Undo, undo};
use stairway_core::report::{Sheet, plan_markdown, plan_table, planset_html, planset_markdown};
use stairway_core::verify::health_of;
use std::path::PathBuf;

/// Where plans of ways back are written unless told otherwise.
const PLANS_FOLDER: &str = "plans";

/// Plans the way back from a run, and takes it when asked to.
///
/// # Errors
/// There is no run, or something speaks against going back.
pub(crate) fn run(session: &mut Session<'_>, request: &RollbackRequest) -> Result<u8, CliError> {
    let subject = Subject::open(session, &request.scope, Reach::Write)?;
    let sides = subject.sides(session, &request.scope)?;
    let mut target = sides.target(session, &subject)?;
    let (_, journal) = JournalFile::open(RealDisk, &subject.dir, &subject.plan.digest)
        .map_err(|error| subject.named(error, None))?;
    let folded = fold(&subject.plan, &journal.events);
    begun(&subject, &folded)?;
    let observed = target.observe().map_err(|why| {
        CliError::unread(format!(
            "Reading the cluster failed, and nothing was done: {why}"
        ))
    })?;
    let way = way_back(&subject, &sides, &folded, &observed, session.catalog)?;
    sound(&subject, &way)?;
    show(session, request, &way)?;
    if way.planned.plan.steps.is_empty() {
        session
            .terminal
            .say("There is nothing that could be taken back.");
        return Ok(exit_code::DONE);
    }
    let acts = request.manner.approve.is_some();
    confirmable(request, &subject.plan, &way.planned.plan)?;
    let out = request
        .out
        .clone()
        .or_else(|| acts.then(|| kept_in(&subject)))
        .map(|out| session.ambient.cwd.join(out));
    if let Some(out) = &out {
        let json = canonical_bytes(&way.planned.plan);
        PlanFolder::of(&way.planned, &json, &plan_markdown(&way.planned.plan))
            .with_observation(&observed)
            .write(out)?;
    }
    if let (Some(store), true) = (&subject.store, out.is_some()) {
        let id = &way.planned.plan.id;
        let subject = format!("{id}: the way back of {}", subject.plan.id);
        publish(store, id, subject, session.ambient.now)?;
    }
    match (acts, out) {
        (true, Some(out)) => take(session, request, subject, target, way, &out),
        (true | false, kept) => {
            session.terminal.say("Nothing was done.");
            let (words, back) = (&subject.words, &way.planned.plan);
            let (of, digest) = (&subject.plan.id, digest_start(back));
            session.terminal.hint(&match (kept, &target) {
                (Some(_), _) => format!(
                    "`stairway apply {}{} --approve={digest}` takes the way back",
                    back.id,
                    back_words(request)
                ),
                // Its clock goes on, and with it the digest of a plan that nobody keeps.
                (None, LiveTarget::Apis(_)) => format!(
                    "`stairway rollback {of}{words} --out {PLANS_FOLDER}` keeps this plan; then apply it by its id"
                ),
                (None, LiveTarget::World(_)) => {
                    format!("`stairway rollback {of}{words} --approve={digest}` takes the way back")
                }
            });
            Ok(exit_code::DONE)
        }
    }
}

/// A way back that the audit refuses is shown to nobody as one.
fn sound(subject: &Subject, way: &Undo) -> Result<(), CliError> {
    let findings = &way.planned.plan.findings;
    let fault = findings.iter().find(|f| f.code == "STW-AUDIT");
    fault.map_or(Ok(()), |fault| {
        Err(refused(format!(
            "Planning the way back of `{}` failed: {}",
            subject.plan.id, fault.message
        )))
    })
}

/// Beside the plan that is undone when that is on a branch, else in the usual folder.
fn kept_in(subject: &Subject) -> PathBuf {
    match &subject.store {
        Some(store) => store.folder().to_path_buf(),
        None => PathBuf::from(PLANS_FOLDER),
    }
}

fn publish(
    store: &BranchStore,
    id: &str,
    subject: String,
    at: Timestamp,
) -> Result<(), BranchError> {
    let told = Told {
        subject,
        trailers: vec![("Stairway-Plan".to_owned(), id.to_owned())],
    };
    store.publish(&[id.to_owned()], false, &told, at)?;
    Ok(())
}

/// Nothing is written before it is clear that somebody confirms this very way back.
fn confirmable(request: &RollbackRequest, of: &Plan, way: &Plan) -> Result<(), CliError> {
    if let Some(typed) = request
        .manner
        .approve
        .as_deref()
        .filter(|typed| !typed.is_empty())
    {
        Confirmation::by_digest(typed, way)?;
    } else if request.manner.approve.is_some()
        && (request.manner.no_input || request.manner.json || !Ambient::can_ask())
    {
        return Err(refused(format!(
            "Rolling `{}` back failed: without a terminal, `--approve` needs the digest of the way back",
            of.id
        ))
        .hint(format!(
            "review it, then: `--approve={}`",
            digest_start(way)
        )));
    }
    Ok(())
}

fn begun(subject: &Subject, folded: &Fold) -> Result<(), CliError> {
    let (id, words) = (&subject.plan.id, &subject.words);
    if folded.run.is_none() || !folded.touched() {
        return Err(refused(format!(
            "Rolling `{id}` back failed: no run of it has done anything"
        ))
        .hint(format!("`stairway status {id}{words}`")));
    }
    if let Some((Ending::RolledBack, why)) = &folded.ending {
        return Err(refused(format!(
            "Rolling `{id}` back failed: it was done already ({why})"
        )));
    }
    Ok(())
}

fn way_back(
    subject: &Subject,
    sides: &Sides,
    folded: &Fold,
    observed: &Observation,
    catalog: &'static Catalog,
) -> Result<Undo, CliError> {
    let plan = &subject.plan;
    let touched = stairway_core::touched(plan, folded);
    let Config::Eks(desired) = &sides.loaded.config else {
        return Err(CliError::user(
            "EKS Anywhere runs cannot be rolled back yet",
        ));
    };
    let mut inputs = sides.loaded.inputs.clone();
    inputs.observation_digest = Digest::of_canonical(observed).to_string();
    inputs.observed_at = observed.observed_at.value().copied();
    let at = inputs.observed_at.unwrap_or(sides.loaded.at);
    inputs.at = Some(at);
    let run = folded.run.clone().unwrap_or_default();
    inputs
        .options
        .insert("undo".to_owned(), format!("{run} {}", folded.head));
    let input = PlanInput {
        wave: None,
        missing_files: Vec::new(),
        name: plan.name.clone(),
        desired,
        observed,
        assumed: false,
        at,
        to: None,
        replace: Default::default(),
        settings: &sides.loaded.settings,
        catalog,
        inputs,
    };
    Ok(stairway_core::check_undo(&input, undo(&input, &touched)))
}

fn show(session: &mut Session<'_>, request: &RollbackRequest, way: &Undo) -> Result<(), CliError> {
    let plan = way.planned.plan.clone();
    if request.manner.json {
        return Ok(());
    }
    let set = PlanSet {
        summary: plan.summary.clone(),
        clusters: vec![plan],
        ..SetDraft::default().into_set()
    };
    match request.format {
        PlanFormat::Json => session.terminal.bytes(&store::json_line(&set))?,
        PlanFormat::Markdown => session
            .terminal
            .data(&planset_markdown(&set, &Sheet::comment()))?,
        PlanFormat::Html => session.terminal.data(&planset_html(&set))?,
        PlanFormat::Table => session.terminal.data(&plan_table(&set, &session.look()))?,
    }
    for stays in &way.stays {
        session.terminal.say(&format!("Stays as it is: {stays}"));
    }
    if way.promised && !way.planned.plan.steps.is_empty() {
        session
            .terminal
            .say("Every step of this way back was promised by the approved plan.");
    }
    Ok(())
}

/// The way back is kept where `--out` says, and by default where the plan that it undoes is not.
fn back_words(request: &RollbackRequest) -> String {
    let mut scope = request.scope.clone();
    scope.dir.clone_from(&request.out);
    scope.words()
}

/// Takes the way back, and writes into the first journal that its run was undone.
fn take(
    session: &mut Session<'_>,
    request: &RollbackRequest,
    undone: Subject,
    target: LiveTarget,
    way: Undo,
    out: &std::path::Path,
) -> Result<u8, CliError> {
    let policy = policy(session, &request.scope, &request.manner)?;
    let plan = way.planned.plan;
    // What the approvals promised needs the operator's confirmation and no more.
    let requirements = if way.promised {
        Requirements::default()
    } else {
        policy.requirements(&plan)?.0
    };
    let pinned = store::read_observed(&out.join(&plan.id), &plan).ok();
    let baseline = pinned.as_ref().and_then(health_of).unwrap_or_default();
    let back = Subject {
        dir: out.join(&plan.id),
        plan: plan.clone(),
        words: back_words(request),
        again: undone.again.clone(),
        store: undone.store.clone(),
    };
    let carry = Carry {
        manner: Manner {
            no_wait: request.manner.no_wait,
            windows: policy.windows(&plan),
            expires: None,
            baseline: Some(baseline),
        },
        subject: back.clone(),
        target,
        files: StepFiles::new(),
        requirements,
        asked: &request.manner,
        resume: false,
        adopt: false,
        overridden: None,
        takes_back: Some(undone.plan.digest.clone()),
    };
    let mut carried = carry.out(session)?;
    let mut closed = Ok(());
    if carried.finish.how == How::Done && way.stays.is_empty() {
        closed = close(&undone, &plan, &mut carried);
        if let (Ok(()), Some(store)) = (&closed, &undone.store) {
            let (id, now) = (&undone.plan.id, session.ambient.now);
            let subject = format!("{id}: undone by {}", plan.id);
            if let Err(error) = publish(store, id, subject, now) {
                let missing = Missing {
                    why: error.to_string(),
                    taken: matches!(error, BranchError::Taken { .. }),
                };
                let command = format!("stairway apply {id}{} --resume", undone.words);
                branch::tell_missing(session.terminal, store, &missing, &command);
            }
        }
    }
    let_go(session, &mut carried);
    closed?;
    let policy_from = request.manner.policy_from.as_deref();
    tell(session, carried.finish.how, &back, policy_from);
    Ok(exit_of(carried.finish.how))
}

/// The plan that was undone cannot run again.
fn close(undone: &Subject, by: &Plan, carried: &mut Carried) -> Result<(), CliError> {
    let (mut journal, known) = JournalFile::open(RealDisk, &undone.dir, &undone.plan.digest)?;
    let Some(last) = known.events.last() else {
        return Ok(());
    };
    let event = Event {
        seq: last.seq + 1,
        at: last.at,
        run: last.run.clone(),
        actor: last.actor.clone(),
        prev_hash: last.hash(),
        what: What::RunEnded {
            ending: Ending::RolledBack,
            why: format!("undone by {}", by.id),
        },
    };
    journal.append(&event)?;
    carried.lock.annotate(&LockNote {
        run: event.run.clone(),
        plan: undone.plan.digest.clone(),
        seq: event.seq,
        head: event.hash(),
        nonces: Vec::new(),
        ending: Some(Ending::RolledBack),
    })?;
    Ok(())
}
