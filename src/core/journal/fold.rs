//! From events to where a run stands.

use super::{Claim, Ending, Event, Health, What};
use crate::model::Timestamp;
use crate::plan::wire::Plan;
use std::collections::BTreeMap;

/// Where a run stands, as far as its journal knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fold {
    /// The run; none before it started.
    pub run: Option<String>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// Who wrote last.
    pub actor: String,
    /// When the last event was written.
    pub last_at: Option<Timestamp>,
    /// How many events there are.
    pub seq: u64,
    /// Hash of the last line; the plan's digest before the first.
    pub head: String,
    /// The plan's steps, in its order.
    pub steps: Vec<StepFold>,
    /// Set while the run is paused.
    pub paused: Option<PausedRun>,
    /// Set when the run is over or stopped.
    pub ending: Option<(Ending, String)>,
    /// Nonces of approvals that the run used up.
    pub nonces: Vec<String>,
    /// True when every step is in doubt until it is seen.
    pub adopted: bool,
    /// How often it was resumed.
    pub resumed: u32,
}

/// A run that left off as planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PausedRun {
    /// The step that it waits in.
    pub step: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
    /// Not worth resuming before.
    pub resume_after: Option<Timestamp>,
}

/// Where a step stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFold {
    /// Its id.
    pub id: String,
    /// The attempt that it is in, or 0.
    pub attempt: u32,
    /// How far it is.
    pub phase: StepPhase,
    /// When its first action of this attempt was intended.
    pub intended_at: Option<Timestamp>,
    /// The cluster's health before it.
    pub health: Option<Health>,
    /// The last claim of an action.
    pub claim: Option<Claim>,
}

/// How far a step is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StepPhase {
    /// Nothing was intended.
    #[default]
    NotStarted,
    /// This action was intended and has not come back: it may or may not have happened.
    InDoubt {
        /// Which action.
        action: u32,
        /// When it was intended.
        at: Timestamp,
    },
    /// This action came back with a claim.
    Returned {
        /// Which action.
        action: u32,
        /// When it came back.
        at: Timestamp,
    },
    /// What the step promises was seen.
    Observed {
        /// When.
        at: Timestamp,
        /// What was seen.
        facts: Vec<String>,
    },
    /// It failed.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        why: String,
    },
}

impl Fold {
    /// Returns true when something was intended, so that the cluster may have changed.
    pub fn touched(&self) -> bool {
        self.steps
            .iter()
            .any(|step| step.phase != StepPhase::NotStarted)
    }

    /// Returns the first step that was not observed.
    pub fn current(&self) -> Option<usize> {
        self.steps
            .iter()
            .position(|step| !matches!(step.phase, StepPhase::Observed { .. }))
    }

    /// Returns how many steps were observed.
    pub fn done(&self) -> usize {
        self.steps
            .iter()
            .filter(|step| matches!(step.phase, StepPhase::Observed { .. }))
            .count()
    }

    /// Returns true when the run ended for good.
    pub const fn is_over(&self) -> bool {
        matches!(self.ending, Some((Ending::Done | Ending::RolledBack, _)))
    }

    /// Takes in one more event.
    pub fn add(&mut self, event: &Event) {
        self.seq = event.seq;
        self.head = event.hash();
        self.last_at = Some(event.at);
        self.actor.clone_from(&event.actor);
        match &event.what {
            What::RunStarted {
                approvals, adopted, ..
            } => {
                self.run = Some(event.run.clone());
                self.started_at = Some(event.at);
                self.nonces.clone_from(approvals);
                self.adopted = *adopted;
            }
            What::Paused {
                step,
                why,
                resume_after,
            } => {
                self.paused = Some(PausedRun {
                    step: step.clone(),
                    why: why.clone(),
                    at: event.at,
                    resume_after: *resume_after,
                });
            }
            What::Resumed { adopted, .. } => self.resume(*adopted),
            What::RunEnded { ending, why } => self.ending = Some((*ending, why.clone())),
            What::StepIntended { step, .. }
            | What::EffectReturned { step, .. }
            | What::StepObserved { step, .. }
            | What::StepFailed { step, .. } => {
                if let Some(step) = self.steps.iter_mut().find(|known| known.id == *step) {
                    step.add(event);
                }
            }
        }
    }

    fn resume(&mut self, adopted: bool) {
        self.resumed += 1;
        self.paused = None;
        self.ending = None;
        if adopted {
            self.adopted = true;
            for step in &mut self.steps {
                *step = StepFold {
                    health: step.health.take(),
                    attempt: step.attempt,
                    ..StepFold::new(&step.id)
                };
            }
        }
    }
}

impl StepFold {
    fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            attempt: 0,
            phase: StepPhase::NotStarted,
            intended_at: None,
            health: None,
            claim: None,
        }
    }

    fn add(&mut self, event: &Event) {
        let at = event.at;
        match &event.what {
            What::StepIntended {
                action,
                attempt,
                health,
                ..
            } => {
                let first = *attempt != self.attempt || self.intended_at.is_none();
                if first {
                    self.attempt = *attempt;
                    self.intended_at = Some(at);
                    self.claim = None;
                }
                // A second intent of an attempt comes after what the first one may have done.
                if health.is_some() && (first || self.health.is_none()) {
                    self.health.clone_from(health);
                }
                self.phase = StepPhase::InDoubt {
                    action: *action,
                    at,
                };
            }
            What::EffectReturned { action, claim, .. } => {
                self.claim = Some(claim.clone());
                self.phase = StepPhase::Returned {
                    action: *action,
                    at,
                };
            }
            What::StepObserved { facts, .. } => {
                self.phase = StepPhase::Observed {
                    at,
                    facts: facts.clone(),
                };
            }
            What::StepFailed { why, .. } => {
                self.phase = StepPhase::Failed {
                    at,
                    why: why.clone(),
                };
            }
            What::RunStarted { .. }
            | What::Paused { .. }
            | What::Resumed { .. }
            | What::RunEnded { .. } => {}
        }
    }
}

/// Folds the events of a journal over the plan that they belong to.
pub fn fold(plan: &Plan, events: &[Event]) -> Fold {
    let mut fold = Fold {
        head: plan.digest.clone(),
        steps: plan
            .steps
            .iter()
            .map(|step| StepFold::new(&step.id))
            .collect(),
        ..Fold::default()
    };
    let known: BTreeMap<&str, ()> = plan.steps.iter().map(|s| (s.id.as_str(), ())).collect();
    debug_assert_eq!(known.len(), plan.steps.len(), "step ids are unique");
    for event in events {
        fold.add(event);
    }
    fold
}
