//! `stairway apply`

use crate::approvals::{OwnerPolicy, PolicySource};
use crate::cli::branch::Reach;
use crate::cli::carry::{Carried, Carry, digest_start, exit_of, face, hint_for, resumable};
use crate::cli::error::CliError;
use crate::cli::exit_code;
use crate::cli::request::{ApplyRequest, PlanScope, RunManner, StoreOption};
use crate::cli::session::Session;
use crate::cli::subject::{Sides, Subject, refused};
use crate::cli::waves::{self, Asked, Gate};
use crate::drive::How;
use crate::drive::live::Target as _;
use crate::drive::target::LiveTarget;
use crate::render::WorkerMode;
use crate::store;
use crate::store::StoreError;
use crate::store::disk::RealDisk;
use crate::store::journal::JournalFile;
use stairway_core::approve::{Refusal, check_plan};
use stairway_core::journal::{Fold, StepPhase, fold};
use stairway_core::next::{Manner, admit, same_cluster};
use stairway_core::plan::wire::Plan;
use stairway_core::verify::health_of;

/// Does what a plan says.
///
/// # Errors
/// There is no such plan, or something speaks against it before anything was done.
pub(crate) fn run(session: &mut Session<'_>, request: &ApplyRequest) -> Result<u8, CliError> {
    let subject = Subject::open(session, &request.scope, Reach::Write)?;
    if let Err(refusal) = check_plan(&subject.plan) {
        let held_back = matches!(refusal, Refusal::Nothing { .. });
        let error = subject.named(refusal, None);
        if !held_back || subject.plan.not_now.is_empty() {
            return Err(error);
        }
        error.print(session.terminal);
        return Ok(exit_code::BLOCKED);
    }
    let sides = subject.sides(session, &request.scope)?;
    pins(&sides, &subject.plan)?;
    let target = sides.target(session, &subject)?;
    if let Some(id) = &request.unlock {
        return unlock(session, &target, id);
    }
    let files = subject.files(session, &sides)?;
    let policy = policy(session, &request.scope, &request.manner)?;
    fleet_pins(&policy, &subject.plan)?;
    let (requirements, notes) = policy.requirements(&subject.plan)?;
    for note in &notes {
        session.terminal.warn(note);
    }
    let gate = gate_of(session, request, &subject, (&sides, &policy))?;
    let dry_run = request.manner.approve.is_none();
    let skipped = gate.overridden();
    match gate.refusal(&subject.plan) {
        Some(_) if request.skip_waves => session.terminal.warn(&format!(
            "earlier waves are not waited for: {}",
            skipped.as_deref().unwrap_or_default()
        )),
        Some(refusal) if !dry_run => return Err(refusal),
        Some(_) | None => {}
    }
    if dry_run {
        return dry(session, request, &subject, target, &gate);
    }
    let plan = subject.plan.clone();
    // Where nobody kept the observation, every ailment counts as new.
    let pinned = store::read_observed(&subject.dir, &plan).ok();
    let baseline = pinned.as_ref().and_then(health_of).unwrap_or_default();
    let named = subject.clone();
    let carry = Carry {
        manner: Manner {
            no_wait: request.manner.no_wait,
            windows: policy.windows(&plan),
            expires: None,
            baseline: Some(baseline),
        },
        subject,
        target,
        files,
        requirements,
        asked: &request.manner,
        resume: request.resume,
        adopt: request.adopt,
        overridden: skipped,
        takes_back: None,
    };
    let mut carried = carry.out(session)?;
    let_go(session, &mut carried);
    let policy_from = request.manner.policy_from.as_deref();
    tell(session, carried.finish.how, &named, policy_from);
    Ok(exit_of(carried.finish.how))
}

/// Lets go of the lock. What was done is done, whether or not that can be written down.
pub(super) fn let_go(session: &mut Session<'_>, carried: &mut Carried) {
    if let Err(error) = carried.lock.release() {
        session.terminal.warn(&error.to_string());
    }
}

/// Asks the waves. A run that was begun goes on: half-way is no place to wait in.
fn gate_of(
    session: &Session<'_>,
    request: &ApplyRequest,
    subject: &Subject,
    (sides, policy): (&Sides, &OwnerPolicy),
) -> Result<Gate, CliError> {
    if request.resume || request.adopt {
        return Ok(Gate::default());
    }
    waves::gate(&Asked {
        subject,
        fleet: policy.fleet(),
        key: &sides.key,
        named: request.scope.fleet.as_deref(),
        store: request.scope.store.as_ref().map(StoreOption::typed),
        folders: &request.scope.folders,
        cwd: &session.ambient.cwd,
    })
}

/// Says what to do next.
pub(super) fn tell(
    session: &mut Session<'_>,
    how: How,
    subject: &Subject,
    policy_from: Option<&str>,
) {
    if let Some(hint) = hint_for(how, subject, policy_from) {
        session.terminal.hint(&hint);
    }
}

/// Returns where the owner's decisions are read.
pub(super) fn policy(
    session: &Session<'_>,
    scope: &PlanScope,
    manner: &RunManner,
) -> Result<OwnerPolicy, CliError> {
    Ok(OwnerPolicy::read(&PolicySource {
        fleet: scope.fleet.clone(),
        revision: manner.policy_from.clone(),
        cwd: session.ambient.cwd.clone(),
        worker: WorkerMode::default(),
    })?)
}

/// The config must still be of the cluster that the plan is for.
fn pins(sides: &Sides, plan: &Plan) -> Result<(), CliError> {
    let Some(live) = &sides.loaded.live else {
        return Err(CliError::internal("The live side was not read"));
    };
    let (want, have) = (&plan.identity.cluster, &live.observation.cluster);
    if want.name == have.name && want.region == have.region {
        return Ok(());
    }
    Err(refused(format!(
        "Applying `{}` failed: the plan is for cluster `{}` in {}, and the live side is `{}` in {}",
        plan.id, want.name, want.region, have.name, have.region
    )))
}

/// The fleet says in which account and region the cluster is.
fn fleet_pins(policy: &OwnerPolicy, plan: &Plan) -> Result<(), CliError> {
    let entries = policy.fleet().map(|fleet| fleet.clusters.as_slice());
    let own = entries
        .unwrap_or_default()
        .iter()
        .find(|entry| entry.name.as_deref() == Some(plan.name.as_str()));
    let Some(pins) = own.and_then(|entry| entry.aws.as_ref()) else {
        return Ok(());
    };
    let cluster = &plan.identity.cluster;
    let facts = [
        ("account", &pins.account_id, cluster.account_id.as_deref()),
        ("region", &pins.region, Some(cluster.region.as_str())),
    ];
    for (what, pinned, planned) in facts {
        if let (Some(pinned), Some(planned)) = (pinned, planned)
            && pinned != planned
        {
            return Err(refused(format!(
                "Applying `{}` failed: the fleet pins `{}` to {what} {pinned}, and the plan is for {what} {planned}",
                plan.id, plan.name
            ))
            .hint("mend the pin in the fleet file, or plan the right cluster"));
        }
    }
    Ok(())
}

/// Says what would be done, and what speaks against it.
fn dry(
    session: &mut Session<'_>,
    request: &ApplyRequest,
    subject: &Subject,
    mut target: LiveTarget,
    gate: &Gate,
) -> Result<u8, CliError> {
    let plan = &subject.plan;
    let read = |why: String| {
        CliError::unread(format!(
            "Reading the cluster failed, and nothing was done: {why}"
        ))
    };
    let observed = target.observe().map_err(read)?;
    let now = target.now().map_err(read)?;
    let folded = journal(subject, request.adopt)?;
    let text = listed(subject, &folded, request);
    session.terminal.data(&text)?;
    if let Err(error) = resumable(subject, &folded, request.resume, request.adopt) {
        error.print(session.terminal);
        return Ok(error.exit_code());
    }
    // A run that goes on has changed the cluster itself; its journal is looked at when it does.
    let admitted = if request.resume || request.adopt {
        same_cluster(plan, &observed)
    } else {
        admit(plan, &observed, now)
    };
    if let Err(refusal) = admitted {
        let error = refused(format!("It would be refused: {}", refusal.why))
            .hint(format!("plan again from what is live: `{}`", subject.again));
        error.print(session.terminal);
        return Ok(if refusal.unknown {
            exit_code::INCOMPLETE
        } else {
            exit_code::REFUSED
        });
    }
    session.terminal.say("Nothing was done.");
    if let Some(why) = gate.why().filter(|_| !request.skip_waves) {
        let warning = format!("`--approve` would be refused now: {why}");
        session.terminal.warn(&warning);
        session.terminal.hint(&gate.hint());
        return Ok(exit_code::DONE);
    }
    session.terminal.hint(&format!(
        "`stairway apply {}{}{} --approve={}` does it",
        plan.id,
        subject.words,
        manner_words(request),
        digest_start(plan)
    ));
    Ok(exit_code::DONE)
}

/// The options that say how a run begins, as they were given.
fn manner_words(request: &ApplyRequest) -> String {
    let given = [
        (request.resume, " --resume"),
        (request.adopt, " --adopt"),
        (request.manner.no_wait, " --no-wait"),
        (request.skip_waves, " --dangerously-skip-waves"),
    ];
    given
        .iter()
        .filter_map(|(holds, word)| holds.then_some(*word))
        .collect()
}

/// Returns what the plan's journal knows; with `adopt`, one that cannot be believed knows nothing.
fn journal(subject: &Subject, adopt: bool) -> Result<Fold, CliError> {
    let plan = &subject.plan;
    match JournalFile::open(RealDisk, &subject.dir, &plan.digest) {
        Ok((_, known)) => Ok(fold(plan, &known.events)),
        Err(StoreError::Journal { .. }) if adopt => Ok(fold(plan, &[])),
        Err(error) => Err(subject.named(error, None)),
    }
}

/// Returns the plan's face and the steps that a run would carry out: of one that goes on, those that are left.
fn listed(subject: &Subject, folded: &Fold, request: &ApplyRequest) -> String {
    let plan = &subject.plan;
    let goes_on = folded.run.as_ref().filter(|_| request.resume);
    let mut text = match goes_on {
        Some(run) => format!("Would go on with run {run}:\n{}\n\n", face(plan)),
        None => format!("Would apply plan {}:\n{}\n\n", plan.id, face(plan)),
    };
    let done = |place: usize| {
        let phase = folded.steps.get(place).map(|step| &step.phase);
        // Without a whole journal nothing counts before it is seen.
        let believed = goes_on.is_some() && !request.adopt;
        believed && matches!(phase, Some(StepPhase::Observed { .. }))
    };
    let is_done: Vec<bool> = (0..plan.steps.len()).map(done).collect();
    if goes_on.is_some() {
        let (number, of) = (
            is_done.iter().filter(|done| **done).count(),
            plan.steps.len(),
        );
        let plural = if of == 1 { "step is" } else { "steps are" };
        text.push_str(&format!("{number} of {of} {plural} done; what is left:\n"));
    }
    let left = plan.steps.iter().enumerate().zip(is_done);
    for ((place, step), _) in left.filter(|(_, done)| !done) {
        let phase = folded.steps.get(place).map(|step| &step.phase);
        let mark = match phase.filter(|_| goes_on.is_some()) {
            Some(StepPhase::InDoubt { .. }) => "  in doubt: it is looked at first",
            Some(StepPhase::Returned { .. }) => "  begun: it is looked at first",
            Some(StepPhase::Failed { .. }) => "  failed: it is looked at first",
            Some(StepPhase::NotStarted | StepPhase::Observed { .. }) | None => "",
        };
        let back = if step.irreversible {
            "  no way back"
        } else {
            ""
        };
        text.push_str(&format!("  {:>3}  {}{back}{mark}\n", place + 1, step.id));
    }
    text
}

fn unlock(session: &mut Session<'_>, target: &LiveTarget, id: &str) -> Result<u8, CliError> {
    let left = target.unlock(id)?;
    session.terminal.say(&format!(
        "Removed the lock of {}, held since {}; its run {} counts as stopped",
        left.holder, left.acquired_at, left.run
    ));
    Ok(exit_code::DONE)
}
