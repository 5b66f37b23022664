//! The only chooser of what happens next.
//!
//! A plan leaves its executor no choices; what is left to choose is when: act,
//! look again, write down a success, stop. [`next`] chooses it from the plan,
//! the journal, one look at the cluster and the time, and from nothing else.
//! It keeps nothing, so a resumed run chooses as the killed one would have.
//!
//! What a tool said is a claim. A step is done when its condition was seen, and
//! it has failed when the cluster says so, when its time is over, or when a
//! claim leaves no trace on the cluster.

mod adopt;
mod begin;
mod motion;
mod waiting;

pub use begin::{Refusal, admit, same_cluster};
pub use motion::in_motion;

use crate::journal::{Fold, Health, StepPhase};
use crate::model::{Condition, Observation, Timestamp};
use crate::plan::wire::{Action, Plan, Step, StepKind, Wait};
use crate::policy::windows::Window;
use crate::verify::Ground;

/// Everything that the choice rests on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// What was approved.
    pub plan: &'a Plan,
    /// What the journal knows.
    pub fold: &'a Fold,
    /// What was seen just now.
    pub observed: &'a Observation,
    /// When.
    pub now: Timestamp,
    /// The time by which approvals are judged: that of the people who sign.
    pub wall: Timestamp,
    /// How the run is done.
    pub manner: &'a Manner,
    /// True when the operator asked to stop.
    pub interrupted: bool,
}

/// How a run is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Pause at a bake instead of waiting in it.
    pub no_wait: bool,
    /// When steps may start.
    pub windows: Vec<Window>,
    /// When the approval ends; none without signatures.
    pub expires: Option<Timestamp>,
    /// How the cluster fared when the plan was made: the baseline of a run whose journal is lost.
    pub baseline: Option<Health>,
}

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Write down the intent, then carry out this action of this step.
    Act {
        /// The step's place in the plan.
        step: usize,
        /// Which of its actions.
        action: u32,
        /// The attempt.
        attempt: u32,
    },
    /// Wait so long, and look again.
    Look {
        /// The step's place.
        step: usize,
        /// How long.
        seconds: u32,
        /// For what, and what is seen now.
        why: String,
    },
    /// Write down that the step's promise was seen.
    Observed {
        /// The step's place.
        step: usize,
        /// What was seen.
        facts: Vec<String>,
    },
    /// Write down that the step failed, and stop.
    Fail {
        /// The step's place.
        step: usize,
        /// Why.
        why: String,
    },
    /// Leave off as planned.
    Pause {
        /// The step's place.
        step: usize,
        /// Why.
        why: String,
        /// Not worth resuming before.
        resume_after: Option<Timestamp>,
    },
    /// A fact that the step needs does not hold: do nothing more.
    Stop {
        /// The step's place.
        step: usize,
        /// Which fact.
        why: String,
        /// True when the fact could not be read.
        unknown: bool,
    },
    /// The operator asked to stop, and here it is safe.
    Leave {
        /// The step that is next.
        step: usize,
    },
    /// Every step was observed.
    Done,
}

/// Chooses what happens next.
pub fn next(situation: &Situation<'_>) -> Next {
    let chosen = choose(situation);
    if let Next::Act {
        step,
        action,
        attempt,
    } = chosen
    {
        return begin::only_if(situation, step, action, attempt);
    }
    chosen
}

fn choose(situation: &Situation<'_>) -> Next {
    let Some(place) = situation.fold.current() else {
        return Next::Done;
    };
    let Some(step) = situation.plan.steps.get(place) else {
        return Next::Done;
    };
    let known = &situation.fold.steps[place];
    if situation.fold.adopted
        && known.phase == StepPhase::NotStarted
        && let Some(next) = adopt::take_over(situation, place)
    {
        return next;
    }
    match &known.phase {
        StepPhase::NotStarted | StepPhase::Failed { .. } => begin::begin(situation, place),
        StepPhase::InDoubt { action, .. } => match action_of(step, *action) {
            Some(Action::Wait(wait)) => waiting::inside(situation, place, *action, wait),
            Some(Action::Run { .. } | Action::Aws { .. } | Action::Kube { .. }) | None => {
                begin::in_doubt(situation, place, *action)
            }
        },
        StepPhase::Returned { action, at } => waiting::returned(situation, place, *action, *at),
        StepPhase::Observed { .. } => Next::Done,
    }
}

fn action_of(step: &Step, action: u32) -> Option<&Action> {
    step.actions.get(action as usize)
}

impl<'a> Situation<'a> {
    /// The ground for a precondition.
    const fn now_only(&self) -> Ground<'a> {
        Ground {
            now: self.now,
            since: None,
            health: None,
        }
    }

    /// The ground for what a step waits for.
    fn waiting(&self, place: usize) -> Ground<'a> {
        Ground {
            now: self.now,
            since: self.fold.steps[place].intended_at,
            health: self.baseline(place),
        }
    }

    /// The health before the last change up to `place`.
    fn baseline(&self, place: usize) -> Option<&'a Health> {
        self.fold.steps[..=place]
            .iter()
            .zip(&self.plan.steps)
            .rev()
            .filter(|(_, step)| changes_health(step.kind))
            .find_map(|(known, _)| known.health.as_ref())
            // With a lost journal the plan's own observation tells how it was before.
            .or_else(|| self.manner.baseline.as_ref().filter(|_| self.fold.adopted))
            .or_else(|| {
                self.fold.steps[place]
                    .health
                    .as_ref()
                    .filter(|_| self.fold.adopted)
            })
    }
}

/// A rollout of whatever version was there before an update, too: it does not tell that it was made.
fn tells(step: &Step, wait: &Wait) -> bool {
    step.kind != StepKind::UpdateAddon
        || !matches!(
            wait.condition,
            Condition::WorkloadRolledOut { version: None, .. }
        )
}

/// A bake compares with the health before these.
fn changes_health(kind: StepKind) -> bool {
    !matches!(
        kind,
        StepKind::Bake | StepKind::VerifyNodegroup | StepKind::PhaseOut
    )
}

#[cfg(test)]
pub(crate) mod tests;
