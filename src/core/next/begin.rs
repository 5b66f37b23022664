//! Whether a step may begin, or an action be repeated.

use super::motion::in_motion;
use super::{Next, Situation, tells};
use crate::journal::StepPhase;
use crate::model::{Condition, Observation, Timestamp};
use crate::plan::wire::{Action, Plan, Step, StepKind, goes_on, unit_time};
use crate::policy::windows::{Opening, opening};
use crate::verify::{Ground, Verdict, verify};
use std::collections::BTreeSet;

/// How long a precondition may take to come true: what the step before left behind settles within
/// minutes, and a read may fail once. After that somebody else has changed the cluster.
pub(super) const GRACE_SECONDS: i64 = 300;
/// Between two looks while a precondition settles.
const LOOK_SECONDS: u32 = 10;

/// Why a plan is not applied to this cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The fact, in a sentence.
    pub why: String,
    /// True when the fact could not be read.
    pub unknown: bool,
}

/// Looks whether a plan may begin at all: the right cluster, nothing moved since it was made.
///
/// # Errors
/// The first fact that does not hold. Nothing was done.
pub fn admit(plan: &Plan, observed: &Observation, now: Timestamp) -> Result<(), Refusal> {
    same_cluster(plan, observed)?;
    version(plan, observed)?;
    let ground = Ground {
        now,
        since: None,
        health: None,
    };
    unread(plan, observed)?;
    let first = plan.steps.first().map(|step| step.preconditions.as_slice());
    // Every group that is to go must still be the one that was seen, however late it goes;
    // those that the plan has made by then nobody has seen yet.
    let mut made: BTreeSet<&str> = BTreeSet::new();
    let mut identities = Vec::new();
    for step in &plan.steps {
        identities.extend(step.preconditions.iter().filter(|condition| {
            matches!(condition, Condition::NodegroupIdentity { nodegroup, .. }
                        if !made.contains(nodegroup.as_str()))
        }));
        if step.kind == StepKind::CreateNodegroup {
            made.insert(&step.subject);
        }
    }
    for condition in first.unwrap_or_default().iter().chain(identities) {
        match verify(condition, observed, ground) {
            Verdict::Met(_) => {}
            Verdict::Unknown(why) => return Err(Refusal { why, unknown: true }),
            Verdict::NotYet(why) | Verdict::Refuted(why) => {
                return Err(Refusal {
                    why,
                    unknown: false,
                });
            }
        }
    }
    Ok(())
}

/// Whoever is to be moved must be known before anything begins: half-way is no place to learn it.
fn unread(plan: &Plan, observed: &Observation) -> Result<(), Refusal> {
    let moves = |step: &Step| {
        matches!(
            step.kind,
            StepKind::DrainNodegroup
                | StepKind::DeleteNodegroup
                | StepKind::UpgradeNodegroup
                | StepKind::PhaseOut
        )
    };
    if !plan.steps.iter().any(moves) {
        return Ok(());
    }
    let rows = [
        ("nodes", observed.nodes.unknown()),
        ("pods", observed.pods.unknown()),
        ("disruption budgets", observed.pdbs.unknown()),
    ];
    match rows.into_iter().find_map(|(what, why)| Some((what, why?))) {
        None => Ok(()),
        Some((what, why)) => Err(Refusal {
            why: format!(
                "the plan moves pods, and the {what} of this cluster could not be read: {why}"
            ),
            unknown: true,
        }),
    }
}

/// Looks whether this is the cluster that the plan is for.
///
/// # Errors
/// It is another one, and by which fact.
pub fn same_cluster(plan: &Plan, observed: &Observation) -> Result<(), Refusal> {
    let refuse = |why: String| {
        Err(Refusal {
            why,
            unknown: false,
        })
    };
    let (want, have) = (&plan.identity.cluster, &observed.cluster);
    if want.name != have.name || want.region != have.region {
        return refuse(format!(
            "the plan is for cluster `{}` in {}, and this is `{}` in {}",
            want.name, want.region, have.name, have.region
        ));
    }
    let unread = |why: String| Err(Refusal { why, unknown: true });
    match (&want.account_id, &have.account_id) {
        (Some(want), Some(have)) if want != have => {
            return refuse(format!(
                "the plan is for account {want}, and this cluster is in account {have}"
            ));
        }
        (Some(want), None) => {
            return unread(format!(
                "the account of this cluster could not be read, and the plan is for account {want}"
            ));
        }
        (Some(_) | None, _) => {}
    }
    let addresses = [
        ("endpoint", &want.endpoint, &have.endpoint),
        (
            "certificate authority",
            &want.certificate_authority,
            &have.certificate_authority,
        ),
    ];
    for (what, want, have) in addresses {
        match (want, have) {
            (Some(want), Some(have)) if want != have => {
                return refuse(format!(
                    "the plan was made through the {what} {want}, and this cluster has {have}"
                ));
            }
            (Some(want), None) => {
                return unread(format!(
                    "the {what} of this cluster was not read, and the plan was made through {want}"
                ));
            }
            (Some(_) | None, _) => {}
        }
    }
    let made = observed
        .control_plane
        .value()
        .and_then(|p| p.created_at.value());
    match (plan.identity.created_at, made) {
        (Some(want), Some(have)) if want != *have => refuse(format!(
            "cluster `{}` was made at {have}, and the plan saw one made at {want}: it is another cluster of the same name",
            observed.cluster.name
        )),
        (Some(want), None) => unread(format!(
            "when the cluster was made could not be read, and the plan saw one made at {want}"
        )),
        (Some(_) | None, _) => Ok(()),
    }
}

fn version(plan: &Plan, observed: &Observation) -> Result<(), Refusal> {
    match (plan.from, observed.version()) {
        (Some(want), Some(have)) if want != have => Err(Refusal {
            why: format!("the plan starts from {want}, and the control plane is at {have}"),
            unknown: false,
        }),
        (Some(_), None) => Err(Refusal {
            why: "the version of the control plane could not be read".to_owned(),
            unknown: true,
        }),
        (Some(_) | None, _) => Ok(()),
    }
}

/// A step that nothing was done of yet, or whose last attempt failed.
pub(super) fn begin(situation: &Situation<'_>, place: usize) -> Next {
    let step = &situation.plan.steps[place];
    let inside_unit = goes_on(&situation.plan.steps, place);
    if situation.interrupted && !inside_unit {
        return Next::Leave { step: place };
    }
    if let Some(next) = came_true_late(situation, place) {
        return next;
    }
    if let Some(next) = moves_already(situation, place) {
        return next;
    }
    if let Some(why) = expired(situation, step) {
        return Next::Stop {
            step: place,
            why,
            unknown: false,
        };
    }
    // Watching is no work: it goes on outside of every window.
    if !inside_unit
        && step.kind != StepKind::Bake
        && let Some(next) = window(situation, place)
    {
        return next;
    }
    preconditions(situation, place).unwrap_or_else(|| Next::Act {
        step: place,
        action: 0,
        attempt: situation.fold.steps[place].attempt + 1,
    })
}

/// What failed in our eyes may have come true since, by itself or by somebody's hand.
fn came_true_late(situation: &Situation<'_>, place: usize) -> Option<Next> {
    let step = &situation.plan.steps[place];
    let failed = matches!(situation.fold.steps[place].phase, StepPhase::Failed { .. });
    // A bake that saw a regression starts over: it is about time, not about a state.
    if !failed || step.kind == StepKind::Bake {
        return None;
    }
    let wait = step.wait.as_ref().filter(|wait| tells(step, wait))?;
    match verify(
        &wait.condition,
        situation.observed,
        situation.waiting(place),
    ) {
        Verdict::Met(seen) => Some(Next::Observed {
            step: place,
            facts: vec![format!("after the failed attempt: {seen}")],
        }),
        Verdict::NotYet(_) | Verdict::Unknown(_) | Verdict::Refuted(_) => None,
    }
}

/// After a failed attempt, or with a lost journal, what moves may be ours, be it a later step's:
/// it is never begun twice.
fn moves_already(situation: &Situation<'_>, place: usize) -> Option<Next> {
    let step = &situation.plan.steps[place];
    let failed = matches!(situation.fold.steps[place].phase, StepPhase::Failed { .. });
    if !failed && !situation.fold.adopted {
        return None;
    }
    let ours = situation.plan.steps[place..]
        .iter()
        .filter(|later| later.subject == step.subject);
    let (wait, moving) = ours
        .filter_map(|later| Some((later.wait.as_ref()?, in_motion(later, situation.observed)?)))
        .next()?;
    Some(in_time(
        situation,
        place,
        i64::from(wait.at_most),
        moving,
        false,
    ))
}

/// Looks again until nothing was written down for so long, and then stops.
pub(super) fn in_time(
    situation: &Situation<'_>,
    place: usize,
    seconds: i64,
    why: String,
    unknown: bool,
) -> Next {
    let idle = situation
        .fold
        .last_at
        .map_or(i64::MAX, |at| situation.now.seconds_since(at));
    if idle < seconds {
        return Next::Look {
            step: place,
            seconds: LOOK_SECONDS,
            why: format!("before the step: {why}"),
        };
    }
    Next::Stop {
        step: place,
        why,
        unknown,
    }
}

/// Approvals end; what cannot be undone needs one that has not.
fn expired(situation: &Situation<'_>, step: &Step) -> Option<String> {
    let expires = situation.manner.expires?;
    (step.irreversible && situation.wall >= expires).then(|| {
        format!(
            "the approval ended at {expires}, and `{}` cannot be undone",
            step.id
        )
    })
}

fn window(situation: &Situation<'_>, place: usize) -> Option<Next> {
    let unit = unit_time(&situation.plan.steps, place).most;
    match opening(&situation.manner.windows, situation.now, unit) {
        Opening::Now => None,
        Opening::At(at) => Some(Next::Pause {
            step: place,
            why: format!("outside of the maintenance windows; the next one is open at {at}"),
            resume_after: Some(at),
        }),
        Opening::Never(longest) => Some(Next::Stop {
            step: place,
            why: format!(
                "the step may take {unit} seconds, and no maintenance window is longer than {longest}"
            ),
            unknown: false,
        }),
    }
}

/// Returns what to do while preconditions do not hold; none when all of them hold.
fn preconditions(situation: &Situation<'_>, place: usize) -> Option<Next> {
    let step = &situation.plan.steps[place];
    for condition in &step.preconditions {
        let (why, unknown, grace) =
            match verify(condition, situation.observed, situation.now_only()) {
                Verdict::Met(_) => continue,
                Verdict::NotYet(why) => (why, false, GRACE_SECONDS),
                Verdict::Unknown(why) => (why, true, GRACE_SECONDS),
                Verdict::Refuted(why) => (why, false, 0),
            };
        return Some(in_time(situation, place, grace, why, unknown));
    }
    None
}

/// An action that was intended and never came back: it may or may not have happened.
pub(super) fn in_doubt(situation: &Situation<'_>, place: usize, action: u32) -> Next {
    let step = &situation.plan.steps[place];
    let last = action as usize + 1 >= step.actions.len();
    if let Some(wait) = step.wait.as_ref().filter(|wait| tells(step, wait))
        && last
    {
        let unread = match verify(
            &wait.condition,
            situation.observed,
            situation.waiting(place),
        ) {
            Verdict::Met(seen) => {
                return Next::Observed {
                    step: place,
                    facts: vec![seen],
                };
            }
            Verdict::Refuted(why) => return Next::Fail { step: place, why },
            Verdict::NotYet(_) => None,
            Verdict::Unknown(why) => Some(why),
        };
        // What goes on is ours until the journal says otherwise: it is waited for, never begun twice.
        if let Some(moving) = in_motion(step, situation.observed) {
            return super::waiting::look_again(situation, place, wait, &moving);
        }
        // What may have happened is not done again unseen.
        if let Some(why) = unread {
            return in_time(situation, place, GRACE_SECONDS, why, true);
        }
    }
    if let Some(why) = expired(situation, step) {
        return Next::Stop {
            step: place,
            why,
            unknown: false,
        };
    }
    // Facts that the first part of the step has changed itself hold in another way by now.
    let repeats = action == 0;
    if repeats && let Some(next) = preconditions(situation, place) {
        return next;
    }
    Next::Act {
        step: place,
        action,
        attempt: situation.fold.steps[place].attempt.max(1),
    }
}

/// A repair is done only where its fault shows; where it does not, the step's own condition decides.
pub(super) fn only_if(situation: &Situation<'_>, place: usize, action: u32, attempt: u32) -> Next {
    let act = Next::Act {
        step: place,
        action,
        attempt,
    };
    let step = &situation.plan.steps[place];
    let condition = match step.actions.get(action as usize) {
        Some(Action::Kube {
            only_if: Some(condition),
            ..
        }) => condition,
        Some(Action::Kube { .. } | Action::Run { .. } | Action::Aws { .. } | Action::Wait(_))
        | None => return act,
    };
    if verify(condition, situation.observed, situation.now_only()).is_met() {
        return act;
    }
    let Some(wait) = &step.wait else {
        return Next::Observed {
            step: place,
            facts: vec!["the fault that this mends does not show".to_owned()],
        };
    };
    match verify(&wait.condition, situation.observed, situation.now_only()) {
        Verdict::Met(seen) => Next::Observed {
            step: place,
            facts: vec![format!("nothing to mend: {seen}")],
        },
        Verdict::NotYet(why) | Verdict::Unknown(why) | Verdict::Refuted(why) => {
            let since = situation.fold.last_at.unwrap_or(situation.now);
            if situation.now.seconds_since(since) >= i64::from(wait.at_most) {
                return Next::Fail { step: place, why };
            }
            Next::Look {
                step: place,
                seconds: LOOK_SECONDS,
                why,
            }
        }
    }
}
