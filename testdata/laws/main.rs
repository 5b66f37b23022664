//! The laws of plans, on thousands of generated clusters and the embedded world.

mod generate;
mod rng;
mod walk;

use stairway_core::plan::wire::{BlockedBy, Plan, Step, StepKind};
use stairway_world::World;
use std::collections::{BTreeMap, BTreeSet};

/// How many generated clusters the laws are proven on.
const CLUSTERS: u64 = 10_000;

#[derive(Default)]
struct Coverage {
    with_steps: u64,
    multi_hop: u64,
    kinds: BTreeMap<StepKind, u64>,
    codes: BTreeMap<String, u64>,
}

impl Coverage {
    fn add(&mut self, plan: &Plan) {
        self.with_steps += u64::from(!plan.steps.is_empty());
        let hops = plan
            .steps
            .iter()
            .filter(|s| s.kind == StepKind::UpgradeControlPlane)
            .count();
        self.multi_hop += u64::from(hops > 1);
        for step in &plan.steps {
            *self.kinds.entry(step.kind).or_default() += 1;
        }
        let codes: BTreeSet<&String> = plan.findings.iter().map(|f| &f.code).collect();
        for code in codes {
            *self.codes.entry(code.clone()).or_default() += 1;
        }
    }
}

fn failures(check: impl Fn(u64) -> Result<(), String> + Sync) {
    let found: Vec<String> = std::thread::scope(|scope| {
        let check = &check;
        let halves: Vec<_> = (0..2)
            .map(|half| {
                scope.spawn(move || {
                    (0..CLUSTERS)
                        .filter(|seed| seed % 2 == half)
                        .filter_map(|seed| check(seed).err().map(|e| format!("seed {seed}: {e}")))
                        .take(5)
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        halves
            .into_iter()
            .flat_map(|half| half.join().unwrap_or_default())
            .collect()
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Law 5 and law 2: the end of a plan needs no plan, and no instant on the way breaks skew.
#[test]
fn planning_the_interpreted_end_of_a_plan_is_empty() {
    failures(|seed| {
        let case = generate::case(seed);
        let planned = walk::plan(&case, &case.observed);
        if let Some(fault) = planned.plan.findings.iter().find(|f| f.code == "STW-AUDIT") {
            return Err(format!(
                "the audit refuses it: {}: {}",
                fault.subject, fault.message
            ));
        }
        let world = walk::walk(&planned, &case.observed, case.at)?;
        if let Some(mishap) = world.mishaps.first() {
            return Err(format!("{mishap:?}"));
        }
        let whole = planned
            .plan
            .not_now
            .iter()
            .all(|l| l.blocked_by.iter().all(waits_for_owner));
        settle(&case, world, if whole { 0 } else { ROUNDS_MAX })
    });
}

/// How often what was held back may come free by what was done, e.g. a quota.
const ROUNDS_MAX: usize = 3;

fn waits_for_owner(blocker: &BlockedBy) -> bool {
    blocker.code == "STW-UNDECLARED"
}

/// Plans the end state again; a plan without held-back steps must leave nothing to do.
fn settle(case: &generate::Case, mut world: World, rounds: usize) -> Result<(), String> {
    for _ in 0..rounds {
        let observed = walk::observe(&world);
        let again = walk::plan(case, &observed);
        if again.plan.steps.is_empty() {
            return Ok(());
        }
        world = walk::walk(&again, &observed, case.at)?;
        if let Some(mishap) = world.mishaps.first() {
            return Err(format!("later: {mishap:?}"));
        }
    }
    let again = walk::plan(case, &walk::observe(&world));
    match again
        .plan
        .all_steps()
        .find(|step| !held_for_owner(&again.plan, step))
    {
        Some(step) if rounds == 0 || again.plan.steps.contains(step) => Err(format!(
            "plans again: {} because {:?}",
            step.id, step.reason
        )),
        Some(_) | None => Ok(()),
    }
}

fn held_for_owner(plan: &Plan, step: &Step) -> bool {
    plan.not_now
        .iter()
        .any(|later| later.step.id == step.id && later.blocked_by.iter().all(waits_for_owner))
}

/// Coverage: an empty or blocked plan must not pass for a proof.
#[test]
fn the_generated_clusters_cover_the_rules_and_steps() {
    let mut coverage = Coverage::default();
    for seed in 0..CLUSTERS {
        let case = generate::case(seed);
        coverage.add(&walk::plan(&case, &case.observed).plan);
    }
    let text = format!(
        "with steps {}, multi-hop {}, {:?}, {:?}",
        coverage.with_steps, coverage.multi_hop, coverage.kinds, coverage.codes
    );
    assert!(coverage.with_steps > CLUSTERS * 6 / 10, "{text}");
    assert!(coverage.multi_hop > CLUSTERS / 10, "{text}");
    println!("{text}");
}

#[test]
fn inspect() {
    for seed in [1_u64] {
        let case = generate::case(seed);
        let planned = walk::plan(&case, &case.observed);
        println!(
            "=== seed {seed} desired {:?} {:?}",
            case.desired.version,
            case.desired.nodegroups.keys()
        );
        println!(
            "{:?} {:?} prune {:?}",
            case.settings.nodes, case.settings.nodegroups, case.settings.prune
        );
        for g in case.observed.nodegroups.items() {
            println!(
                "  live {} managed {} {:?} labels {:?} nodes {}",
                g.name,
                g.managed,
                g.version,
                g.spec.get("labels"),
                case.observed.nodes_of(&g.name).count()
            );
        }
        for g in case.desired.nodegroups.values() {
            println!(
                "  want {} managed {} labels {:?}",
                g.name,
                g.managed,
                g.spec.get("labels")
            );
        }
        for s in &planned.plan.steps {
            println!("  {}  {:?}", s.id, s.reason);
        }
        for l in &planned.plan.not_now {
            println!("  LATER {} {:?}", l.step.id, l.blocked_by);
        }
        if let Ok(world) = walk::walk(&planned, &case.observed, case.at) {
            let again = walk::plan(&case, &walk::observe(&world));
            for s in &again.plan.steps {
                println!("  AGAIN {}  {:?}", s.id, s.reason);
            }
            for l in &again.plan.not_now {
                println!("  AGAIN LATER {} {:?}", l.step.id, l.blocked_by);
            }
        }
    }
}
