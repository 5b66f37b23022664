//! Carries a plan's actions out on the embedded world, and looks again.

use stairway_core::catalog::Catalog;
use stairway_core::diff::normalize;
use stairway_core::model::{Condition, Known, Observation, Timestamp};
use stairway_core::plan::wire::{Action, Step};
use stairway_core::plan::{PlanInput, Planned};
use stairway_world::{Offers, World, eks, kubernetes, tools};
use std::collections::BTreeMap;

use crate::generate::Case;

/// What the catalog knows, as the world's offers.
pub(crate) fn offers() -> Offers {
    let catalog = Catalog::embedded();
    let mut offers = Offers::new();
    for addon in catalog.addons() {
        let mut by_minor = BTreeMap::new();
        for minor in 20..=36 {
            let minor = stairway_core::model::KubeMinor::of(minor);
            let versions: Vec<_> = catalog
                .addon_versions(&addon.name, minor)
                .into_iter()
                .cloned()
                .collect();
            if !versions.is_empty() {
                by_minor.insert(minor, versions);
            }
        }
        offers.insert(addon.name.clone(), by_minor);
    }
    offers
}

/// Plans a case.
pub(crate) fn plan(case: &Case, observed: &Observation) -> Planned {
    stairway_core::make_plan(&input(case, observed))
}

pub(crate) fn input<'a>(case: &'a Case, observed: &'a Observation) -> PlanInput<'a> {
    let inputs = stairway_core::plan::wire::Inputs {
        observation_kind: "recorded".to_owned(),
        at: Some(case.at),
        ..Default::default()
    };
    PlanInput {
        wave: None,
        missing_files: Vec::new(),
        name: "gen".to_owned(),
        desired: &case.desired,
        observed,
        assumed: false,
        at: case.at,
        to: None,
        replace: Default::default(),
        settings: &case.settings,
        catalog: Catalog::embedded(),
        inputs,
    }
}

/// Runs the runnable steps; every action must succeed as the tool says it.
pub(crate) fn walk(
    planned: &Planned,
    observed: &Observation,
    at: Timestamp,
) -> Result<World, String> {
    let mut world = World::of(observed.clone(), offers(), at);
    let files: BTreeMap<String, String> = planned
        .files
        .iter()
        .map(|(name, file)| (name.clone(), file.text.clone()))
        .collect();
    for step in &planned.plan.steps {
        run(step, &files, &mut world)?;
    }
    Ok(world)
}

pub(crate) fn run(
    step: &Step,
    files: &BTreeMap<String, String>,
    world: &mut World,
) -> Result<(), String> {
    for action in &step.actions {
        match action {
            Action::Run { argv, .. } => {
                let output = tools::eksctl(argv, files, world);
                if output.exit != 0 || output.stdout.contains("will be excluded") {
                    return Err(format!(
                        "{}: eksctl {argv:?}: {}{}",
                        step.id, output.stdout, output.stderr
                    ));
                }
            }
            Action::Aws {
                operation, input, ..
            } => {
                eks::call(world, operation, input)
                    .map_err(|error| format!("{}: {operation}: {error}", step.id))?;
            }
            Action::Kube {
                verb, object, body, ..
            } => {
                kubernetes::act(world, verb, object, body)
                    .map_err(|error| format!("{}: {verb} {object}: {error}", step.id))?;
            }
            Action::Wait(wait) => {
                if let Condition::NodegroupNotBusy { nodegroup, .. } = &wait.condition {
                    world.let_sessions_end(nodegroup);
                }
            }
        }
        // What was begun goes on by itself, and the next action waits for it.
        world.settle();
    }
    let updates = world.cluster.updates.items();
    match updates.iter().find(|update| update.status == "Failed") {
        Some(failed) => Err(format!("{}: {:?}", step.id, failed.errors)),
        None => Ok(()),
    }
}

/// What a reader sees of the world: the same, with sensitive values as digests.
pub(crate) fn observe(world: &World) -> Observation {
    let catalog = Catalog::embedded();
    let mut observed = world.cluster.clone();
    if let Known::Value(groups) = &mut observed.nodegroups {
        for group in groups.iter_mut() {
            group.spec = normalize::redact(&group.spec, catalog);
        }
    }
    if let Known::Value(addons) = &mut observed.addons {
        for addon in addons.iter_mut() {
            addon.spec = normalize::redact_addon(&addon.spec, catalog);
        }
    }
    observed.sorted()
}
