//! One seed: a cluster, a plan, faults and a fate; and the laws that its story must keep.

use crate::generate::{self, Case};
use crate::rng::Rng;
use crate::walk;
use stairway::drive::How;
use stairway::drive::sim::{Fate, Story, live};
use stairway_core::approve::{Approved, Confirmation, Requirements, Used, admit};
use stairway_core::journal::{Ending, What};
use stairway_core::plan::Planned;
use stairway_core::plan::wire::{Plan, StepKind};
use stairway_world::{Fault, Misbehaviour, World};
use std::collections::BTreeMap;

/// A cluster, a plan and what befalls it.
pub(crate) struct Stage {
    pub(crate) seed: u64,
    pub(crate) case: Case,
    pub(crate) planned: Planned,
    pub(crate) approved: Approved<Plan>,
    pub(crate) faults: Vec<Misbehaviour>,
    pub(crate) fate: Fate,
}

/// Lets a plan pass as a fleet without signatures would.
pub(crate) fn approved(plan: Plan, at: stairway_core::model::Timestamp) -> Approved<Plan> {
    let digest = plan.digest.trim_start_matches("sha256:").to_owned();
    let confirmation = Confirmation::by_digest(&digest, &plan).expect("the plan's own digest");
    admit(
        plan,
        &confirmation,
        &Requirements::default(),
        &[],
        &Used::default(),
        at,
    )
    .expect("nothing stands against it")
}

impl Stage {
    /// Returns the stage of a seed; none when its plan has nothing to run.
    pub(crate) fn of(seed: u64) -> Option<Self> {
        let case = generate::case(seed);
        let planned = walk::plan(&case, &case.observed);
        if planned.plan.steps.is_empty() {
            return None;
        }
        let approved = approved(planned.plan.clone(), case.at);
        let mut rng = Rng::new(seed ^ 0x5157_a1e5);
        let faults = faults(&mut rng, &planned.plan);
        let fate = fate(&mut rng, seed, planned.plan.steps.len());
        Some(Self {
            seed,
            case,
            planned,
            approved,
            faults,
            fate,
        })
    }

    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        self.planned
            .files
            .iter()
            .map(|(name, file)| (name.clone(), file.text.clone()))
            .collect()
    }

    pub(crate) fn world(&self) -> World {
        let mut world = World::of(self.case.observed.clone(), walk::offers(), self.case.at)
            .with_seed(self.seed);
        for fault in &self.faults {
            world.misbehave(fault.clone());
        }
        world
    }

    pub(crate) fn play(&self) -> Story {
        live(
            &self.approved,
            &self.files(),
            self.world(),
            self.fate.clone(),
        )
    }

    /// Says which law a story breaks.
    pub(crate) fn judge(&self, story: &Story) -> Result<(), String> {
        if let Some(broken) = story.broken.first() {
            return Err(format!("{broken} (faults {:?})", self.faults));
        }
        let ended = story
            .events
            .iter()
            .rev()
            .find_map(|event| match &event.what {
                What::RunEnded { ending, .. } => Some(*ending),
                What::RunStarted { .. }
                | What::StepIntended { .. }
                | What::EffectReturned { .. }
                | What::StepObserved { .. }
                | What::StepFailed { .. }
                | What::Paused { .. }
                | What::Resumed { .. } => None,
            });
        match story.finish.how {
            How::Done if ended != Some(Ending::Done) => {
                Err("done, and the journal does not say so".to_owned())
            }
            How::Done => self.all_done(story),
            // With nothing wrong, nothing may stop.
            // A cluster without room or with other taints cannot take the pods; the bake sees it.
            How::Stopped if story.finish.why.contains("pods are Pending") => Ok(()),
            How::Refused | How::Unread | How::Stopped | How::Left
                if self.faults.is_empty() && !self.fate.loses_journal =>
            {
                Err(format!(
                    "without a fault it ended {:?}: {}",
                    story.finish.how, story.finish.why
                ))
            }
            How::Paused if self.faults.is_empty() => {
                Err(format!("paused for good: {}", story.finish.why))
            }
            How::Refused | How::Unread | How::Stopped | How::Left | How::Paused => Ok(()),
        }
    }

    /// Law 5 after the fact: what is done asks for nothing more of the same.
    fn all_done(&self, story: &Story) -> Result<(), String> {
        let observed = walk::observe(&story.world);
        let again = walk::plan(&self.case, &observed);
        let undone = again.plan.steps.iter().find(|step| {
            self.planned
                .plan
                .steps
                .iter()
                .any(|s| s.id == step.id && repeats(s.kind))
        });
        match undone {
            Some(step) => Err(format!(
                "done, and `{}` is planned again: {:?}",
                step.id, step.reason
            )),
            None => Ok(()),
        }
    }
}

/// Steps whose effect is a state that the next plan sees.
fn repeats(kind: StepKind) -> bool {
    matches!(
        kind,
        StepKind::UpgradeControlPlane
            | StepKind::CreateNodegroup
            | StepKind::DeleteNodegroup
            | StepKind::UpgradeNodegroup
    )
}

/// Half of the stages have no fault: they must run to the end.
fn faults(rng: &mut Rng, plan: &Plan) -> Vec<Misbehaviour> {
    if rng.chance(50) {
        return Vec::new();
    }
    let count = 1 + rng.below(3);
    (0..count)
        .map(|_| {
            let fault = Fault::ALL[rng.below(Fault::ALL.len())];
            let times = u32::try_from(rng.below(3)).unwrap_or(1);
            let one = Misbehaviour::of(fault, times.max(1));
            match plan.steps.get(rng.below(plan.steps.len())) {
                Some(step) if rng.chance(30) => one.on(&step.subject),
                Some(_) | None => one,
            }
        })
        .collect()
}

/// Kills are drawn over about as many calls as such a plan makes.
fn fate(rng: &mut Rng, seed: u64, steps: usize) -> Fate {
    let calls = 30 * steps + 40;
    let kills = (0..rng.below(5)).map(|_| rng.below(calls) as u64).collect();
    let interrupts = if rng.chance(20) {
        vec![rng.below(calls) as u64]
    } else {
        Vec::new()
    };
    Fate {
        seed,
        kills,
        interrupts,
        orphans: rng.chance(50),
        loses_journal: rng.chance(8),
        ..Fate::default()
    }
}
