//! After an action: wait for our change, then for health.

use super::motion::in_motion;
use super::{Next, Situation, tells};
use crate::journal::Claim;
use crate::model::{Condition, Timestamp};
use crate::plan::wire::{Step, StepKind, Wait};
use crate::verify::{Verdict, verify};

/// After a claim of success, how long the cluster may show no trace of it. CloudFormation and EKS
/// list new objects within seconds; five minutes is far beyond any lag of their reads.
const TRACE_SECONDS: i64 = 300;
/// The same after a claim of failure: an update that was begun shows up within a minute.
const TRACE_AFTER_FAILURE_SECONDS: i64 = 60;
/// How far reads may lag behind: a status follows its change within seconds, caches of readers add some.
const READS_LAG_SECONDS: i64 = 90;
/// A minute between looks is as good as any for what takes half an hour.
const LOOK_MAX_SECONDS: u32 = 60;
/// A phase-out takes hours or days; an hour later is soon enough to look again.
const PHASE_OUT_LOOK_SECONDS: i64 = 3600;

/// A wait between or instead of actions.
pub(super) fn inside(situation: &Situation<'_>, place: usize, action: u32, wait: &Wait) -> Next {
    let step = &situation.plan.steps[place];
    match verify(
        &wait.condition,
        situation.observed,
        situation.waiting(place),
    ) {
        Verdict::Met(seen) => {
            if action as usize + 1 < step.actions.len() {
                return Next::Act {
                    step: place,
                    action: action + 1,
                    attempt: situation.fold.steps[place].attempt.max(1),
                };
            }
            match &step.wait {
                Some(last) if last.condition != wait.condition => {
                    judge(situation, place, last, None)
                }
                Some(_) | None => Next::Observed {
                    step: place,
                    facts: vec![seen],
                },
            }
        }
        Verdict::Refuted(why) => Next::Fail { step: place, why },
        Verdict::NotYet(why) | Verdict::Unknown(why) => patience(situation, place, wait, &why),
    }
}

/// An action that came back.
pub(super) fn returned(
    situation: &Situation<'_>,
    place: usize,
    action: u32,
    at: Timestamp,
) -> Next {
    let step = &situation.plan.steps[place];
    let known = &situation.fold.steps[place];
    let more = (action as usize + 1) < step.actions.len();
    let failed = known.claim.as_ref().filter(|claim| !claim.ok);
    match (&step.wait, failed) {
        // An action in the middle has no condition of its own: what it claims is all there is.
        (_, Some(claim)) if more => Next::Fail {
            step: place,
            why: said(claim),
        },
        (_, None) if more => Next::Act {
            step: place,
            action: action + 1,
            attempt: known.attempt.max(1),
        },
        (None, Some(claim)) => Next::Fail {
            step: place,
            why: said(claim),
        },
        (Some(wait), Some(claim)) if !tells(step, wait) => Next::Fail {
            step: place,
            why: said(claim),
        },
        // The next step looks for what this one did.
        (None, None) => Next::Observed {
            step: place,
            facts: known.claim.iter().map(said).collect(),
        },
        (Some(wait), _) => judge(situation, place, wait, Some(at)),
    }
}

fn judge(
    situation: &Situation<'_>,
    place: usize,
    wait: &Wait,
    returned_at: Option<Timestamp>,
) -> Next {
    let step = &situation.plan.steps[place];
    let claim = situation.fold.steps[place].claim.as_ref();
    let (why, unknown) = match verify(
        &wait.condition,
        situation.observed,
        situation.waiting(place),
    ) {
        Verdict::Met(_) if too_early(situation, step, wait, returned_at) => (
            "what is seen may be from before the change".to_owned(),
            true,
        ),
        Verdict::Met(seen) => {
            let mut facts = vec![seen];
            facts.extend(
                claim
                    .filter(|claim| !claim.ok)
                    .map(|claim| format!("and yet the tool failed: {}", said(claim))),
            );
            return Next::Observed { step: place, facts };
        }
        Verdict::Refuted(why) => {
            return Next::Fail {
                step: place,
                why: with_claim(&why, claim),
            };
        }
        Verdict::NotYet(why) => (why, false),
        Verdict::Unknown(why) => (why, true),
    };
    if !unknown && let Some(why) = without_trace(situation, step, place, returned_at, &why) {
        return Next::Fail { step: place, why };
    }
    patience(situation, place, wait, &why)
}

/// A condition that held before the change too tells nothing until every read shows the change.
fn too_early(
    situation: &Situation<'_>,
    step: &Step,
    wait: &Wait,
    returned_at: Option<Timestamp>,
) -> bool {
    let passed = returned_at.map_or(i64::MAX, |at| situation.now.seconds_since(at));
    !tells(step, wait) && passed < READS_LAG_SECONDS
}

/// A claim that leaves no trace: the silent skip of eksctl, or a failure before anything began.
fn without_trace(
    situation: &Situation<'_>,
    step: &Step,
    place: usize,
    returned_at: Option<Timestamp>,
    why: &str,
) -> Option<String> {
    let claim = situation.fold.steps[place].claim.as_ref()?;
    let passed = situation.now.seconds_since(returned_at?);
    if in_motion(step, situation.observed).is_some() {
        return None;
    }
    if !claim.ok {
        return (passed >= TRACE_AFTER_FAILURE_SECONDS).then(|| with_claim(why, Some(claim)));
    }
    let leaves_trace = matches!(
        step.kind,
        StepKind::UpgradeControlPlane
            | StepKind::RollbackControlPlane
            | StepKind::CreateNodegroup
            | StepKind::DeleteNodegroup
            | StepKind::ScaleNodegroup
            | StepKind::UpdateAddon
            | StepKind::CreateAddon
    ) && !is_there(step, situation);
    (leaves_trace && passed >= TRACE_SECONDS).then(|| {
        format!(
            "the tool claims success ({}), and the cluster shows nothing of it: {why}",
            claim.said
        )
    })
}

/// A group that exists and is not ready yet is a trace.
fn is_there(step: &Step, situation: &Situation<'_>) -> bool {
    step.kind == StepKind::CreateNodegroup && situation.observed.nodegroup(&step.subject).is_some()
}

/// Looks again, until the time of the step is over.
fn patience(situation: &Situation<'_>, place: usize, wait: &Wait, why: &str) -> Next {
    let step = &situation.plan.steps[place];
    let since = situation.fold.steps[place]
        .intended_at
        .unwrap_or(situation.now);
    let passed = situation.now.seconds_since(since);
    if passed >= i64::from(wait.at_most) {
        return Next::Fail {
            step: place,
            why: format!(
                "it did not come true within {} seconds: {}",
                wait.at_most,
                with_claim(why, situation.fold.steps[place].claim.as_ref())
            ),
        };
    }
    let waits_only = matches!(
        step.kind,
        StepKind::Bake | StepKind::PhaseOut | StepKind::VerifyNodegroup
    );
    if situation.interrupted && waits_only {
        return Next::Leave { step: place };
    }
    let again = if step.kind == StepKind::PhaseOut {
        later(situation.now, PHASE_OUT_LOOK_SECONDS)
    } else if step.kind == StepKind::Bake && situation.manner.no_wait {
        later(since, bake_seconds(wait))
    } else {
        return look_again(situation, place, wait, why);
    };
    Next::Pause {
        step: place,
        why: why.to_owned(),
        resume_after: Some(again),
    }
}

fn bake_seconds(wait: &Wait) -> i64 {
    if let Condition::HealthNotWorse { seconds } = &wait.condition {
        return i64::from(*seconds);
    }
    0
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_unix(at.unix().saturating_add(seconds))
}

/// Waits the step's interval; a bake is watched every minute, as metrics are scraped.
pub(super) fn look_again(situation: &Situation<'_>, place: usize, wait: &Wait, why: &str) -> Next {
    let step = &situation.plan.steps[place];
    let since = situation.fold.steps[place]
        .intended_at
        .unwrap_or(situation.now);
    let passed = situation.now.seconds_since(since);
    if passed >= i64::from(wait.at_most) {
        return Next::Fail {
            step: place,
            why: format!(
                "it did not come true within {} seconds: {why}",
                wait.at_most
            ),
        };
    }
    let seconds = if step.kind == StepKind::Bake {
        LOOK_MAX_SECONDS
    } else {
        // The longer it takes, the less a closer look would tell; APIs throttle pollers.
        let slower = u32::try_from(passed / 20).unwrap_or(LOOK_MAX_SECONDS);
        wait.every.max(1).max(slower.min(LOOK_MAX_SECONDS))
    };
    Next::Look {
        step: place,
        seconds,
        why: why.to_owned(),
    }
}

fn said(claim: &Claim) -> String {
    match claim.tail.iter().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{}: {}", claim.said, line.trim()),
        None => claim.said.clone(),
    }
}

fn with_claim(why: &str, claim: Option<&Claim>) -> String {
    match claim {
        Some(claim) if !claim.ok => format!("{why}. The tool said: {}", said(claim)),
        Some(_) | None => why.to_owned(),
    }
}
