//! Faults planted in the tool itself: each must be caught by a law within a few hundred runs.
//!
//! The same seeds without the fault keep every law (`no_fault_and_no_kill_breaks_a_law`), so what is
//! caught here is the fault and nothing else.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a plant changes one choice and leaves all others"
)]

use crate::stage::Stage;
use stairway::drive::Chooser;
use stairway::drive::sim::Sabotage;
use stairway_core::journal::StepPhase;
use stairway_core::next::{Next, Situation, next};
use stairway_core::plan::wire::StepKind;
use stairway_world::{Fault, Misbehaviour};

/// How many seeds a fault may hide in.
const SEEDS: u64 = 600;

struct Plant {
    what: &'static str,
    /// What the world does besides, always.
    fault: Option<Fault>,
    chooser: Chooser,
    sabotage: Sabotage,
}

const fn chooses(what: &'static str, chooser: Chooser) -> Plant {
    Plant {
        what,
        fault: None,
        chooser,
        sabotage: Sabotage::None,
    }
}

const fn breaks(what: &'static str, sabotage: Sabotage) -> Plant {
    Plant {
        what,
        fault: None,
        chooser: next,
        sabotage,
    }
}

const fn under(what: &'static str, fault: Fault, chooser: Chooser) -> Plant {
    Plant {
        what,
        fault: Some(fault),
        chooser,
        sabotage: Sabotage::None,
    }
}

const PLANTS: [Plant; 23] = [
    chooses("a new group counts as ready when it exists", skips_verify),
    chooses("exit code 0 counts as done", trusts_claims),
    under(
        "the recheck before a step is dropped",
        Fault::ForeignUpdate,
        no_recheck,
    ),
    chooses("a bake ends at once", skips_bake),
    chooses("a taint is written down and not done", skips_taint),
    chooses("a drain is written down and not done", skips_drain),
    chooses("a hop is written down and not done", skips_hop),
    chooses("the run ends one step early", ends_early),
    chooses("two steps change places", out_of_order),
    under(
        "what could not be read counts as fine",
        Fault::UnknownFacts,
        unknown_is_met,
    ),
    chooses("a failed drain counts as drained", failed_drain_is_done),
    chooses("a reverted update counts as done", failed_update_is_done),
    chooses("the first look decides", gives_up_early),
    chooses("nothing ever times out", never_gives_up),
    chooses("an action is begun again after it came back", acts_twice),
    chooses("a failed delete counts as deleted", failed_delete_is_done),
    breaks(
        "the journal is written after the effect",
        Sabotage::JournalAfterEffect,
    ),
    breaks("fsync is left out", Sabotage::NeverSynced),
    breaks(
        "the journal's folder is not synced",
        Sabotage::FolderNotSynced,
    ),
    breaks("a resumed run starts fresh", Sabotage::ForgetsJournal),
    breaks(
        "drains go around disruption budgets",
        Sabotage::IgnoresBudgets,
    ),
    breaks("an approval is used again", Sabotage::RunsAgain),
    breaks("the wrong generation is deleted", Sabotage::WrongGroup),
];

#[test]
fn every_planted_fault_is_caught_by_a_law() {
    let hidden: Vec<&str> = std::thread::scope(|scope| {
        let halves: Vec<_> = (0..2)
            .map(|half| {
                scope.spawn(move || {
                    PLANTS
                        .iter()
                        .enumerate()
                        .filter(|(index, _)| index % 2 == half)
                        .filter(|(_, plant)| !caught(plant))
                        .map(|(_, plant)| plant.what)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        halves
            .into_iter()
            .flat_map(|half| half.join().expect("no panic"))
            .collect()
    });
    assert!(hidden.is_empty(), "not caught: {hidden:?}");
}

/// The first law that a plant breaks is printed with its seed.
fn caught(plant: &Plant) -> bool {
    for seed in 0..SEEDS {
        let Some(mut stage) = Stage::of(seed) else {
            continue;
        };
        stage.fate.chooser = plant.chooser;
        stage.fate.sabotage = plant.sabotage;
        stage
            .faults
            .extend(plant.fault.map(|fault| Misbehaviour::of(fault, 0)));
        let story = stage.play();
        if let Err(law) = stage.judge(&story) {
            println!("{}: seed {seed}: {law}", plant.what);
            return true;
        }
    }
    false
}

fn kind(situation: &Situation<'_>, step: usize) -> StepKind {
    situation.plan.steps[step].kind
}

fn as_done(step: usize) -> Next {
    Next::Observed {
        step,
        facts: vec!["planted".to_owned()],
    }
}

fn skips(situation: &Situation<'_>, wanted: StepKind) -> Next {
    match next(situation) {
        Next::Act { step, .. } | Next::Look { step, .. } if kind(situation, step) == wanted => {
            as_done(step)
        }
        other => other,
    }
}

fn skips_verify(situation: &Situation<'_>) -> Next {
    match next(situation) {
        Next::Look { step, .. }
            if kind(situation, step) == StepKind::CreateNodegroup
                && situation.fold.steps[step].phase != StepPhase::NotStarted =>
        {
            as_done(step)
        }
        other => other,
    }
}

fn skips_bake(situation: &Situation<'_>) -> Next {
    skips(situation, StepKind::Bake)
}

fn skips_taint(situation: &Situation<'_>) -> Next {
    skips(situation, StepKind::TaintNodegroup)
}

fn skips_drain(situation: &Situation<'_>) -> Next {
    skips(situation, StepKind::DrainNodegroup)
}

fn skips_hop(situation: &Situation<'_>) -> Next {
    skips(situation, StepKind::UpgradeControlPlane)
}

fn trusts_claims(situation: &Situation<'_>) -> Next {
    let Some(place) = situation.fold.current() else {
        return next(situation);
    };
    let known = &situation.fold.steps[place];
    let more = |action: u32| (action as usize) + 1 < situation.plan.steps[place].actions.len();
    match (&known.phase, &known.claim) {
        (StepPhase::Returned { action, .. }, Some(claim)) if claim.ok && !more(*action) => {
            as_done(place)
        }
        _more => next(situation),
    }
}

fn no_recheck(situation: &Situation<'_>) -> Next {
    let chosen = next(situation);
    match &chosen {
        Next::Stop { step, .. } | Next::Look { step, .. }
            if situation.fold.steps[*step].phase == StepPhase::NotStarted =>
        {
            Next::Act {
                step: *step,
                action: 0,
                attempt: 1,
            }
        }
        _as_chosen => chosen,
    }
}

fn ends_early(situation: &Situation<'_>) -> Next {
    if situation.fold.done() + 1 == situation.plan.steps.len() {
        return Next::Done;
    }
    next(situation)
}

fn out_of_order(situation: &Situation<'_>) -> Next {
    match next(situation) {
        Next::Act {
            step,
            action: 0,
            attempt,
        } if step + 1 < situation.plan.steps.len() => Next::Act {
            step: step + 1,
            action: 0,
            attempt,
        },
        other => other,
    }
}

fn unknown_is_met(situation: &Situation<'_>) -> Next {
    match next(situation) {
        Next::Look { step, why, .. }
            if why.contains("could not be read")
                && situation.fold.steps[step].phase != StepPhase::NotStarted =>
        {
            as_done(step)
        }
        other => other,
    }
}

fn failed_is_done(situation: &Situation<'_>, wanted: StepKind) -> Next {
    match next(situation) {
        Next::Fail { step, .. } if kind(situation, step) == wanted => as_done(step),
        other => other,
    }
}

fn failed_drain_is_done(situation: &Situation<'_>) -> Next {
    failed_is_done(situation, StepKind::DrainNodegroup)
}

fn failed_update_is_done(situation: &Situation<'_>) -> Next {
    failed_is_done(situation, StepKind::UpgradeControlPlane)
}

fn failed_delete_is_done(situation: &Situation<'_>) -> Next {
    failed_is_done(situation, StepKind::DeleteNodegroup)
}

fn gives_up_early(situation: &Situation<'_>) -> Next {
    match next(situation) {
        Next::Look { step, why, .. }
            if situation.fold.steps[step].phase != StepPhase::NotStarted =>
        {
            Next::Fail { step, why }
        }
        other => other,
    }
}

fn never_gives_up(situation: &Situation<'_>) -> Next {
    match next(situation) {
        Next::Fail { step, why } => Next::Look {
            step,
            seconds: 60,
            why,
        },
        other => other,
    }
}

fn acts_twice(situation: &Situation<'_>) -> Next {
    let Some(place) = situation.fold.current() else {
        return next(situation);
    };
    let known = &situation.fold.steps[place];
    match (&known.phase, next(situation)) {
        (StepPhase::Returned { action, .. }, Next::Look { .. }) => Next::Act {
            step: place,
            action: *action,
            attempt: known.attempt,
        },
        (_, other) => other,
    }
}
