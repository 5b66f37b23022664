//! The laws of plans, on thousands of generated clusters and the embedded world.

mod demo;
mod drains;
mod generate;
mod rng;
mod seeds;
mod walk;

use rng::Rng;
use stairway_core::catalog::Catalog;
use stairway_core::diff::normalize::redact_observation;
use stairway_core::model::clusterconfig::{Config, Desired, read_documents};
use stairway_core::model::{Digest, HealthIssue, Known, Observation};
use stairway_core::plan::wire::{BlockedBy, Plan, Step, StepKind};
use stairway_world::World;
use std::collections::{BTreeMap, BTreeSet};

/// How many generated clusters the laws are proven on.
const CLUSTERS: u64 = 10_000;
/// How often each rule, kind of step and strategy must have been met.
const OFTEN: u64 = 50;

/// Checks every seed.
fn for_each_seed(check: impl Fn(u64) -> Result<(), String> + Sync) {
    seeds::for_each_seed(CLUSTERS, "", check);
}

/// Law 5 and law 2: the end of a plan needs no plan, and no instant on the way breaks skew.
#[test]
fn planning_the_interpreted_end_of_a_plan_is_empty() {
    for_each_seed(|seed| {
        let case = drains::case(seed);
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

/// Law 5: whoever stops after any step and plans again is led to the same end.
#[test]
fn planning_again_after_any_step_leads_to_the_same_end() {
    for_each_seed(|seed| {
        // Every prefix of a plan is a plan of its own; a tenth of the clusters is many thousand prefixes.
        if seed % 10 != 0 {
            return Ok(());
        }
        let case = drains::case(seed);
        let planned = walk::plan(&case, &case.observed);
        if !planned.plan.not_now.is_empty() {
            return Ok(());
        }
        let end = walk::walk(&planned, &case.observed, case.at)?;
        let files: BTreeMap<String, String> = planned
            .files
            .iter()
            .map(|(name, file)| (name.clone(), file.text.clone()))
            .collect();
        let mut world = World::of(case.observed.clone(), walk::offers(), case.at);
        for step in &planned.plan.steps {
            walk::run(step, &files, &mut world)?;
            let observed = walk::observe(&world);
            let again = walk::plan(&case, &observed);
            let other = walk::walk(&again, &observed, case.at)
                .map_err(|error| format!("after {}: {error}", step.id))?;
            if let Some(mishap) = other.mishaps.first() {
                return Err(format!("after {}: {mishap:?}", step.id));
            }
            if other.version() != end.version() {
                return Err(format!("after {}: ends at {:?}", step.id, other.version()));
            }
        }
        Ok(())
    });
}

/// Determinism: the same inputs in any order give the same bytes.
#[test]
fn shuffled_inputs_give_the_same_plan() {
    for_each_seed(|seed| {
        if seed % 4 != 0 {
            return Ok(());
        }
        let mut case = drains::case(seed);
        nest(&mut case.observed);
        if seed % 8 == 0 {
            nest_settings(&mut case.observed);
        }
        let observed = as_read(case.observed.clone());
        let first = walk::plan(&case, &observed).plan;
        let mut rng = Rng::new(seed ^ 0xABCD);
        let shuffled = generate::Case {
            desired: shuffled_config(&mut rng, &case.desired),
            observed: shuffled_observation(&mut rng, &case.observed),
            settings: case.settings.clone(),
            at: case.at,
        };
        let second = walk::plan(&shuffled, &shuffled.observed).plan;
        let digest = |observed: &Observation| Digest::of_canonical(observed).to_string();
        let (one, other) = (digest(&observed), digest(&shuffled.observed));
        if one != other {
            return Err(format!("observations {one} and {other}"));
        }
        if first == second && first.digest == second.digest {
            return Ok(());
        }
        Err(format!("{} and {}", first.id, second.id))
    });
}

fn shuffled_config(rng: &mut Rng, desired: &Desired) -> Desired {
    let document = serde_json::Value::Object(generate::shuffled(rng, &desired.document));
    match read_documents(&[document]).expect("the same config").pop() {
        Some(Config::Eks(desired)) => *desired,
        other => panic!("{other:?}"),
    }
}

/// Gives items lists of their own: what is shuffled must have an order to lose.
fn nest(observed: &mut Observation) {
    let issues = || {
        let issues = serde_json::json!([
            {"code": "AccessDenied", "objects": ["b", "a"]},
            {"code": "AccessDenied", "message": "no", "objects": ["c"]},
            {"code": "Ec2SubnetNotFound", "objects": ["subnet-b", "subnet-a"]},
        ]);
        serde_json::from_value(issues).expect("issues")
    };
    let two = || ["z".to_owned(), "a".to_owned()];
    for group in items(&mut observed.nodegroups) {
        group.health = issues();
    }
    for addon in items(&mut observed.addons) {
        addon.health = issues();
    }
    for node in items(&mut observed.nodes) {
        node.taints.extend(two());
    }
    for pod in items(&mut observed.pods) {
        let zones = pod.volume_zones.items().iter().cloned();
        pod.volume_zones = Known::Value(zones.chain(two()).collect());
    }
    for update in items(&mut observed.updates) {
        update.errors.extend(two());
    }
    for insight in items(&mut observed.insights) {
        let used = |usage: &str| {
            serde_json::json!({"usage": usage, "clients": [
                {"user_agent": "b/1", "requests": 0}, {"user_agent": "a/1", "requests": 0},
            ]})
        };
        let uses = serde_json::json!([used("/apis/z/v1/zs"), used("/apis/a/v1/as")]);
        insight.deprecations = serde_json::from_value(uses).expect("uses");
    }
}

/// The same for settings that are compared as sets. They make a group differ from its config, so
/// not every cluster gets them.
fn nest_settings(observed: &mut Observation) {
    for group in items(&mut observed.nodegroups) {
        let taint =
            |key: &str| serde_json::json!({"key": key, "value": "", "effect": "NoSchedule"});
        let lists = [
            ("taints", [taint("z"), taint("a")]),
            ("subnets", ["subnet-z", "subnet-a"].map(Into::into)),
        ];
        for (key, more) in lists {
            let list = group
                .spec
                .entry(key)
                .or_insert_with(|| serde_json::json!([]));
            if let Some(list) = list.as_array_mut() {
                list.extend(more);
            }
        }
    }
}

/// What every reader hands on: facts in one order, without secrets.
fn as_read(observed: Observation) -> Observation {
    redact_observation(observed.sorted(), Catalog::embedded())
}

fn items<T>(list: &mut Known<Vec<T>>) -> &mut [T] {
    match list {
        Known::Value(items) => items,
        Known::Absent | Known::Unknown(_) => &mut [],
    }
}

fn mix<T>(rng: &mut Rng, list: &mut [T]) {
    for index in (1..list.len()).rev() {
        list.swap(index, rng.below(index + 1));
    }
}

fn mix_issues(rng: &mut Rng, health: &mut Known<Vec<HealthIssue>>) {
    for issue in items(health) {
        mix(rng, &mut issue.objects);
    }
    mix(rng, items(health));
}

fn shuffled_observation(rng: &mut Rng, observed: &Observation) -> Observation {
    let mut copy = observed.clone();
    mix(rng, items(&mut copy.nodegroups));
    mix(rng, items(&mut copy.nodes));
    mix(rng, items(&mut copy.pods));
    mix(rng, items(&mut copy.addons));
    mix(rng, items(&mut copy.workloads));
    mix(rng, items(&mut copy.updates));
    mix(rng, items(&mut copy.stacks));
    mix(rng, items(&mut copy.pdbs));
    mix(rng, items(&mut copy.insights));
    mix(rng, items(&mut copy.deprecated_apis));
    mix(rng, items(&mut copy.webhooks));
    mix(rng, items(&mut copy.subnets));
    for group in items(&mut copy.nodegroups) {
        mix_issues(rng, &mut group.health);
        for key in ["taints", "subnets"] {
            if let Some(serde_json::Value::Array(list)) = group.spec.get_mut(key) {
                mix(rng, list);
            }
        }
    }
    for addon in items(&mut copy.addons) {
        mix_issues(rng, &mut addon.health);
    }
    for node in items(&mut copy.nodes) {
        mix(rng, &mut node.taints);
    }
    for pod in items(&mut copy.pods) {
        mix(rng, items(&mut pod.volume_zones));
    }
    for update in items(&mut copy.updates) {
        mix(rng, &mut update.errors);
    }
    for insight in items(&mut copy.insights) {
        for used in &mut insight.deprecations {
            mix(rng, &mut used.clients);
        }
        mix(rng, &mut insight.deprecations);
    }
    as_read(copy)
}

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

/// An empty or blocked plan must not pass for a proof.
#[test]
#[expect(clippy::print_stdout, reason = "coverage is printed for people")]
fn the_generated_clusters_cover_the_rules_steps_and_strategies() {
    let mut coverage = Coverage::default();
    for seed in 0..CLUSTERS {
        let case = drains::case(seed);
        coverage.add(&walk::plan(&case, &case.observed).plan);
    }
    let text = format!(
        "with steps {}, multi-hop {}, {:?}, {:?}",
        coverage.with_steps, coverage.multi_hop, coverage.kinds, coverage.codes
    );
    println!("coverage of {CLUSTERS} clusters: {text}");
    assert!(
        coverage.with_steps > CLUSTERS * 6 / 10,
        "most clusters yield steps: {text}"
    );
    assert!(
        coverage.multi_hop > CLUSTERS / 10,
        "several hops are common: {text}"
    );
    for kind in STEP_KINDS {
        assert!(
            coverage.kinds.get(kind).copied().unwrap_or(0) >= OFTEN,
            "{kind:?}: {text}"
        );
    }
    for code in CODES {
        assert!(
            coverage.codes.get(*code).copied().unwrap_or(0) >= OFTEN,
            "{code}: {text}"
        );
    }
}

/// The kinds of step that a plan for EKS holds; rollbacks have tests of their own.
const STEP_KINDS: &[StepKind] = &[
    StepKind::UpgradeControlPlane,
    StepKind::UpdateAddon,
    StepKind::CreateAddon,
    StepKind::RepairAddon,
    StepKind::CreateNodegroup,
    StepKind::VerifyNodegroup,
    StepKind::CordonNodegroup,
    StepKind::TaintNodegroup,
    StepKind::DrainNodegroup,
    StepKind::DeleteNodegroup,
    StepKind::UpgradeNodegroup,
    StepKind::ScaleNodegroup,
    StepKind::UpdateNodegroup,
    StepKind::PhaseOut,
    StepKind::Bake,
    StepKind::SetUpgradePolicy,
];

/// The rules as their findings show that they were judged.
const CODES: &[&str] = &[
    "STW-R1-NOT-SETTLED",
    "STW-R2-SKEW",
    "STW-R4-AL2",
    "STW-R5-ROLLBACK",
    "STW-R6-UNSUPPORTED-TARGET",
    "STW-R7-LAST-CORE",
    "STW-R8-BARE-POD",
    "STW-R8-INSIGHT",
    "STW-R8-PDB",
    "STW-R8-PDB-TWICE",
    "STW-R8-PINNED",
    "STW-R8-QUOTA",
    "STW-R8-SINGLE-REPLICA",
    "STW-R8-TOLERATES-ALL",
    "STW-HALF-DONE-SWAP",
    "STW-UNDECLARED",
    "STW-LAG",
];
