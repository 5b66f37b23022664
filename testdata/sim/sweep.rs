//! A kill at every call of every demo plan: each leads to the same end as no kill at all.

use crate::demo;
use crate::number;
use crate::stage::approved;
use crate::walk;
use stairway::drive::How;
use stairway::drive::sim::{Fate, live, world_of};
use stairway_core::model::{Known, Observation};
use std::collections::BTreeMap;

/// What must be equal at the end: names, versions, bounds, taints, add-ons, and no stack left over.
fn essence(observed: &Observation) -> Vec<String> {
    let mut facts: Vec<String> = Vec::new();
    facts.push(format!("{:?}", observed.version()));
    for group in observed.nodegroups.items() {
        let bounds: Vec<String> = ["minSize", "maxSize", "taints"]
            .iter()
            .map(|key| format!("{:?}", group.spec.get(*key)))
            .collect();
        facts.push(format!(
            "{} {:?} {:?} {bounds:?}",
            group.name, group.status, group.version
        ));
    }
    for addon in observed.addons.items() {
        facts.push(format!(
            "{} {:?} {:?}",
            addon.name, addon.status, addon.version
        ));
    }
    facts.extend(
        observed
            .stacks
            .items()
            .iter()
            .map(|s| format!("{} {}", s.name, s.status)),
    );
    let cordoned = observed
        .nodes
        .items()
        .iter()
        .filter(|n| n.unschedulable)
        .count();
    facts.push(format!("{cordoned} nodes cordoned"));
    facts.sort();
    facts
}

#[test]
fn a_kill_at_every_call_of_every_demo_plan_ends_the_same() {
    // `.ci/run` tries every call; `cargo test` alone every seventh, which meets each kind of call.
    let stride = if number("STAIRWAY_SIM_RUNS").is_some() {
        1
    } else {
        7
    };
    let mut points = 0;
    for name in demo::CLUSTERS {
        let case = demo::case(name);
        let planned = walk::plan(&case, &case.observed);
        if planned.plan.steps.is_empty() {
            continue;
        }
        let files: BTreeMap<String, String> = planned
            .files
            .iter()
            .map(|(name, file)| (name.clone(), file.text.clone()))
            .collect();
        let approved = approved(planned.plan.clone(), case.at);
        let world = || world_of(&case.observed, case.at, 1);
        let smooth = live(&approved, &files, world(), Fate::default());
        assert_eq!(
            smooth.finish.how,
            How::Done,
            "{name}: {}",
            smooth.finish.why
        );
        assert!(smooth.broken.is_empty(), "{name}: {:?}", smooth.broken);
        let end = essence(&walk::observe(&smooth.world));
        let calls = smooth.calls;
        let failures: Vec<String> = std::thread::scope(|scope| {
            let halves: Vec<_> = (0..2)
                .map(|half| {
                    let (approved, files, end, world) = (&approved, &files, &end, &world);
                    scope.spawn(move || {
                        (1..=calls)
                            .filter(|call| call % stride == 0 && call / stride % 2 == half)
                            .filter_map(|call| {
                                let fate = Fate {
                                    seed: call,
                                    kills: vec![call],
                                    orphans: call % 3 == 0,
                                    ..Fate::default()
                                };
                                let story = live(approved, files, world(), fate);
                                let same = essence(&walk::observe(&story.world)) == *end;
                                let fine = story.finish.how == How::Done
                                    && story.broken.is_empty()
                                    && same;
                                (!fine).then(|| {
                                    format!(
                                        "{name}, killed at call {call} ({:?}): {:?} {}, {:?}, same end {same}",
                                        story.killed_in, story.finish.how, story.finish.why, story.broken
                                    )
                                })
                            })
                            .take(3)
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            halves
                .into_iter()
                .flat_map(|half| half.join().expect("no panic"))
                .collect()
        });
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        points += calls / stride;
    }
    println!("{points} kill points of the demo plans, each with the same end");
    assert!(points > 400, "only {points} kill points");
}

/// Without a word the demo must hold plans worth killing.
#[test]
fn the_observations_of_the_demo_are_complete_enough_to_run_on() {
    for name in demo::CLUSTERS {
        let case = demo::case(name);
        assert!(matches!(case.observed.nodes, Known::Value(_)), "{name}");
        assert!(matches!(case.observed.pods, Known::Value(_)), "{name}");
    }
}
