//! Law 7: while a way back is promised, going it reaches the recorded earlier state.

use crate::rng::Rng;
use crate::stage::{Stage, approved};
use crate::walk;
use crate::{for_each_seed, number};
use stairway::drive::How;
use stairway::drive::sim::{Fate, live};
use stairway_core::journal::fold;
use stairway_core::model::Observation;
use stairway_core::plan::undo;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the way back restores: groups with their bounds and taints, versions of groups, plane and add-ons.
fn essence(observed: &Observation) -> Vec<String> {
    let mut facts = vec![format!("control plane {:?}", observed.version())];
    for group in observed.nodegroups.items() {
        let bounds = stairway_core::diff::normalize::scaling(|key| {
            group
                .spec
                .get(key)
                .and_then(stairway_core::model::clusterconfig::count_of)
        });
        let tainted = stairway_core::diff::generation::has_phase_out_taint(group);
        facts.push(format!(
            "group {} {:?} {bounds:?} tainted {tainted}",
            group.name,
            group.version.value()
        ));
    }
    for addon in observed.addons.items() {
        facts.push(format!("add-on {} {:?}", addon.name, addon.version.value()));
    }
    let cordoned = observed
        .nodes
        .items()
        .iter()
        .filter(|n| n.unschedulable)
        .count();
    facts.push(format!("{cordoned} cordoned"));
    facts.sort();
    facts
}

#[test]
fn a_promised_way_back_reaches_the_earlier_state() {
    let runs = number("STAIRWAY_SIM_RUNS").map_or(400, |runs| runs / 10);
    let (reached, planned_steps) = (AtomicU64::new(0), AtomicU64::new(0));
    for_each_seed(runs, |seed| {
        let Some(mut stage) = Stage::of(seed) else {
            return Ok(());
        };
        stage.faults.clear();
        let mut rng = Rng::new(seed ^ 0xbac4);
        let stop_after = 1 + rng.below(stage.planned.plan.steps.len());
        stage.fate = Fate {
            seed,
            steps_max: Some(stop_after),
            ..Fate::default()
        };
        let before = walk::observe(&stage.world());
        let story = stage.play();
        stage_back(&stage, &before, &story, seed, (&reached, &planned_steps))
    });
    let (reached, steps) = (reached.into_inner(), planned_steps.into_inner());
    println!("{reached} ways back taken to the earlier state, {steps} steps");
    assert!(
        reached * 10 >= runs,
        "only {reached} of {runs} ways back were whole"
    );
}

fn stage_back(
    stage: &Stage,
    before: &Observation,
    story: &stairway::drive::sim::Story,
    seed: u64,
    (reached, steps): (&AtomicU64, &AtomicU64),
) -> Result<(), String> {
    let plan = &stage.planned.plan;
    let folded = fold(plan, &story.events);
    let touched = stairway_core::touched(plan, &folded);
    let live_now = walk::observe(&story.world);
    let mut input = walk::input(&stage.case, &live_now);
    input.at = story.world.now;
    let way = undo(&input, &touched);
    let catalog = stairway_core::catalog::Catalog::embedded();
    let any = true;
    let rule = &stage.case.settings.roles.core;
    let faults = stairway_core::audit::check(&way.planned, &live_now, catalog, &|name, spec| {
        any && rule.matches(name, &stairway_core::model::clusterconfig::labels_of(spec))
    });
    if let Some(fault) = faults.first() {
        return Err(format!("the audit refuses the way back: {}", fault.message));
    }
    if way.planned.plan.steps.is_empty() {
        return Ok(());
    }
    let approved = approved(way.planned.plan.clone(), story.world.now);
    let back = live(
        &approved,
        &Default::default(),
        story.world.clone(),
        Fate {
            seed: seed + 1,
            ..Fate::default()
        },
    );
    if let Some(broken) = back.broken.first() {
        return Err(format!("on the way back: {broken}"));
    }
    if back.finish.how != How::Done {
        return Err(format!(
            "the way back ended {:?}: {}",
            back.finish.how, back.finish.why
        ));
    }
    if way.stays.is_empty() {
        let (was, is) = (essence(before), essence(&walk::observe(&back.world)));
        if was != is {
            let lost: Vec<_> = was.iter().filter(|f| !is.contains(f)).collect();
            let new: Vec<_> = is.iter().filter(|f| !was.contains(f)).collect();
            return Err(format!(
                "not the earlier state: missing {lost:?}, instead {new:?}"
            ));
        }
        reached.fetch_add(1, Ordering::Relaxed);
        steps.fetch_add(way.planned.plan.steps.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}
