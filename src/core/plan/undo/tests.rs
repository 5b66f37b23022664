//! The way back from every prefix of a run, played on the cluster that the run left behind.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at whatever it does not know"
)]

use super::*;
use crate::audit;
use crate::catalog::Catalog;
use crate::model::{DAY_SECONDS, Known};
use crate::next::tests::stage::{Stage, gone, group, ids, later, play, set_plane, stack_name};
use crate::plan::wire::{Finding, Plan};
use serde_json::json;
use std::collections::BTreeSet;

const HOUR: i64 = 3600;

/// The first steps of a plan, all seen to be done when the run began.
fn done(plan: &Plan, steps: usize) -> Vec<Touched<'_>> {
    let touched = |step| Touched {
        step,
        done_at: Some(later(0)),
    };
    plan.steps[..steps].iter().map(touched).collect()
}

fn back(stage: &Stage, observed: &Observation, touched: &[Touched<'_>], at: i64) -> Undo {
    undo(&stage.input(observed, later(at)), touched)
}

/// The way back of a run that did everything up to `last`.
fn back_from(stage: &Stage, plan: &Plan, last: &str) -> Undo {
    let steps = place(plan, last) + 1;
    back(stage, &stage.after(plan, steps), &done(plan, steps), HOUR)
}

fn faults(stage: &Stage, observed: &Observation, undo: &Undo) -> Vec<Finding> {
    let input = stage.input(observed, later(HOUR));
    let any = input.any_core_group();
    audit::check(
        &undo.planned,
        observed,
        Catalog::embedded(),
        &|name, spec| input.is_core(name, spec, any),
    )
}

/// What a way back must bring back: versions, groups with their bounds and marks, nodes, add-ons.
fn essence(observed: &Observation) -> Value {
    let groups = observed.nodegroups.items().iter().map(|live| {
        let bounds = normalize::scaling(|key| live.spec.get(key).and_then(count_of));
        let marked = has_phase_out_taint(live);
        (
            live.name.clone(),
            json!([live.version, live.arn, bounds, marked]),
        )
    });
    let nodes = observed.nodes.items().iter();
    let nodes = nodes.map(|node| {
        (
            node.name.clone(),
            json!([node.kubelet, node.unschedulable, node.taints]),
        )
    });
    let addons = observed.addons.items().iter();
    let addons = addons.map(|addon| (addon.name.clone(), json!(addon.version)));
    json!({
        "version": observed.version(),
        "groups": groups.collect::<serde_json::Map<_, _>>(),
        "nodes": nodes.collect::<serde_json::Map<_, _>>(),
        "addons": addons.collect::<serde_json::Map<_, _>>(),
    })
}

/// True for a step of the prefix behind which no way back leads.
fn is_barrier(plan: &Plan, place: usize, steps: usize) -> bool {
    let hops_on = || {
        plan.steps[place + 1..steps]
            .iter()
            .any(|step| step.kind == StepKind::UpgradeControlPlane)
    };
    match plan.steps[place].kind {
        StepKind::DeleteNodegroup => true,
        StepKind::UpgradeControlPlane => hops_on(),
        _other => false,
    }
}

/// For every prefix: the way back leads to the cluster as it was before, or right after the last
/// step that cannot be undone.
fn check_every_prefix(stage: &Stage) {
    let planned = stage.plan();
    let plan = &planned.plan;
    let mut wrong = Vec::new();
    for steps in 0..=plan.steps.len() {
        let last = steps
            .checked_sub(1)
            .map_or("nothing", |last| plan.steps[last].id.as_str());
        let observed = stage.after(plan, steps);
        let undo = back(stage, &observed, &done(plan, steps), HOUR);
        let ways = ids(&undo.planned.plan);
        if ways.iter().collect::<BTreeSet<_>>().len() != ways.len() {
            wrong.push(format!("after {last}: ids are used twice: {ways:?}"));
        }
        let mut end = observed.clone();
        for step in &undo.planned.plan.steps {
            play(step, &mut end);
        }
        let barrier = (0..steps)
            .rev()
            .find(|place| is_barrier(plan, *place, steps));
        let expected = stage.after(plan, barrier.map_or(0, |place| place + 1));
        if essence(&end) != essence(&expected) {
            wrong.push(format!(
                "after {last}: {ways:?} lead to {}, not to {}",
                essence(&end),
                essence(&expected)
            ));
        }
        let says = undo
            .planned
            .plan
            .findings
            .iter()
            .any(|f| f.code == "STW-R5-UNDO-ENDS");
        if says != barrier.is_some()
            || barrier.is_some_and(|place| !undo.stays[0].contains(&plan.steps[place].id))
        {
            wrong.push(format!(
                "after {last}: it does not say where it ends: {:?}",
                undo.stays
            ));
        }
        for fault in faults(stage, &observed, &undo) {
            wrong.push(format!(
                "after {last}: {} {}: {}",
                fault.rule, fault.subject, fault.message
            ));
        }
    }
    assert!(wrong.is_empty(), "{:#?}\n{}", ids(plan), wrong.join("\n"));
}

#[test]
fn the_way_back_from_every_prefix_of_a_hop_and_a_swap() {
    check_every_prefix(&Stage::new("1.31", "1.32", true));
}

#[test]
fn the_way_back_from_every_prefix_of_two_hops_and_a_swap() {
    check_every_prefix(&Stage::new("1.31", "1.33", true));
}

#[test]
fn the_way_back_from_every_prefix_of_self_managed_groups() {
    check_every_prefix(&Stage::new("1.31", "1.32", false));
    check_every_prefix(&Stage::new("1.29", "1.33", false));
}

#[test]
fn the_way_back_from_every_prefix_of_a_phase_out() {
    let settings = json!({
        "nodegroups": {"core-*": {"strategy": "phase-out"}},
        "activity": [{"namespace": "*", "selector": "app=proxy"}],
    });
    check_every_prefix(&Stage::new("1.31", "1.32", true).settings(&settings));
}

fn place(plan: &Plan, id: &str) -> usize {
    let place = ids(plan).iter().position(|known| *known == id);
    place.unwrap_or_else(|| panic!("no {id} in {:?}", ids(plan)))
}

/// The inverses in reverse order, by name.
#[test]
fn the_inverses_of_a_swap() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let undo = back_from(&stage, plan, "drain-nodegroup/core-a@1.32");
    assert_eq!(
        ids(&undo.planned.plan),
        [
            "uncordon-nodegroup/core-a@before-1.32",
            "untaint-nodegroup/core-a@before-1.32",
            "taint-nodegroup/core-b@1.32",
            "drain-nodegroup/core-b@1.32",
            "delete-nodegroup/core-b@1.32",
            "update-addon/kube-proxy@before-v1.32.13-eksbuild.21",
            "rollback-control-plane/cluster@1.31",
            "bake/cluster@1.31",
        ]
    );
    let plan = &undo.planned.plan;
    assert!(plan.rollback && plan.summary.roll_back == 1 && plan.not_now.is_empty());
    assert_eq!(
        (plan.from, plan.to),
        (Some(KubeMinor::of(32)), Some(KubeMinor::of(31)))
    );
    assert_eq!(plan.digest, plan.compute_digest().to_string());
    let delete = &plan.steps[4];
    assert!(!delete.irreversible, "the run made it, so nothing is lost");
    assert!(delete.preconditions.contains(&Condition::NodegroupEmpty {
        nodegroup: "core-b".to_owned()
    }));
}

/// Beyond a delete nothing is undone, and the plan says what stays.
#[test]
fn the_way_back_ends_at_a_delete() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let delete = place(plan, "delete-nodegroup/core-a@1.32");
    let undo = back_from(&stage, plan, "create-nodegroup/nb-b@1.32");
    assert_eq!(
        ids(&undo.planned.plan),
        [
            "taint-nodegroup/nb-b@1.32",
            "drain-nodegroup/nb-b@1.32",
            "delete-nodegroup/nb-b@1.32"
        ]
    );
    assert!(
        undo.stays[0].starts_with("`delete-nodegroup/core-a@1.32`: EKS makes managed groups only"),
        "{:?}",
        undo.stays
    );
    assert!(
        undo.stays
            .last()
            .expect("stays")
            .starts_with("`upgrade-control-plane/cluster@1.32`: it came before")
    );
    let ends = &undo.planned.plan.findings[0];
    assert!(
        ends.message.contains(&plan.steps[delete].id),
        "{}",
        ends.message
    );
}

type Row = (
    &'static str,
    &'static str,
    fn(&mut Observation),
    &'static [&'static str],
    &'static str,
);

fn dead_stack(observed: &mut Observation, status: &str) {
    if let Known::Value(stacks) = &mut observed.stacks {
        stacks.push(Stack {
            name: stack_name("core-b"),
            status: status.to_owned(),
        });
    }
}

const HOP_BACK: &[&str] = &[
    "update-addon/kube-proxy@before-v1.32.13-eksbuild.21",
    "rollback-control-plane/cluster@1.31",
    "bake/cluster@1.31",
];

/// A sentence; the last step, which was begun and never seen; what is there; the way back from
/// that step alone (what comes after is [`HOP_BACK`] or nothing), and what stays.
const ROWS: &[Row] = &[
    (
        "a group that never came into being",
        "create-nodegroup/core-b@1.32",
        |o| gone(o, "core-b"),
        &["…"],
        "",
    ),
    (
        "of which only a deleted stack is listed",
        "create-nodegroup/core-b@1.32",
        |o| {
            gone(o, "core-b");
            dead_stack(o, "DELETE_COMPLETE");
        },
        &["…"],
        "",
    ),
    (
        "of which only a dead stack is left",
        "create-nodegroup/core-b@1.32",
        |o| {
            gone(o, "core-b");
            dead_stack(o, "ROLLBACK_COMPLETE");
        },
        &["…"],
        "eksctl delete nodegroup",
    ),
    (
        "of which a stack is under way",
        "create-nodegroup/core-b@1.32",
        |o| {
            gone(o, "core-b");
            dead_stack(o, "CREATE_IN_PROGRESS");
        },
        &[],
        "its stack is CREATE_IN_PROGRESS",
    ),
    (
        "a group that came into being",
        "create-nodegroup/core-b@1.32",
        |_| {},
        &[
            "taint-nodegroup/core-b@1.32",
            "drain-nodegroup/core-b@1.32",
            "delete-nodegroup/core-b@1.32",
            "…",
        ],
        "",
    ),
    (
        "nobody could read the groups",
        "create-nodegroup/core-b@1.32",
        |o| o.nodegroups = Known::default(),
        &[],
        "could not be read",
    ),
    (
        "nobody could read the stacks",
        "create-nodegroup/core-b@1.32",
        |o| {
            gone(o, "core-b");
            o.stacks = Known::default();
        },
        &[],
        "could not be read",
    ),
    (
        "a hop that never happened",
        "upgrade-control-plane/cluster@1.32",
        |o| set_plane(o, KubeMinor::of(31), "ACTIVE"),
        &[],
        "",
    ),
    (
        "a hop that nobody can tell of",
        "upgrade-control-plane/cluster@1.32",
        |o| o.control_plane = Known::default(),
        &[],
        "could not be read",
    ),
    (
        "an add-on that was never touched",
        "update-addon/kube-proxy@v1.32.13-eksbuild.21",
        |o| {
            let Known::Value(addons) = &mut o.addons else {
                panic!("add-ons")
            };
            let addon = addons
                .iter_mut()
                .find(|addon| addon.name == "kube-proxy")
                .expect("kube-proxy");
            addon.version = Known::Value("v1.31.14-eksbuild.25".parse().expect("a version"));
        },
        &["rollback-control-plane/cluster@1.31", "bake/cluster@1.31"],
        "",
    ),
    (
        "add-ons that nobody could read",
        "update-addon/kube-proxy@v1.32.13-eksbuild.21",
        |o| o.addons = Known::default(),
        &[],
        "could not be read",
    ),
    (
        "a delete that never began",
        "delete-nodegroup/core-a@1.32",
        |_| {},
        &[
            "uncordon-nodegroup/core-a@before-1.32",
            "untaint-nodegroup/core-a@before-1.32",
            "taint-nodegroup/core-b@1.32",
            "drain-nodegroup/core-b@1.32",
            "delete-nodegroup/core-b@1.32",
            "…",
        ],
        "",
    ),
    (
        "a delete that is under way",
        "delete-nodegroup/core-a@1.32",
        |o| group(o, "core-a").status = Known::Value("DELETING".to_owned()),
        &[],
        "cannot come back as it was",
    ),
    (
        "a group whose delete nobody can tell of",
        "delete-nodegroup/core-a@1.32",
        |o| o.nodegroups = Known::default(),
        &[],
        "could not be read",
    ),
];

#[test]
fn a_step_that_was_begun_and_never_seen() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let mut wrong = Vec::new();
    for (what, id, live, expected, stays) in ROWS {
        let last = place(plan, id);
        // A delete is shown as it was before; the others as they are after.
        let shown = if id.starts_with("delete") {
            last
        } else {
            last + 1
        };
        let mut observed = stage.after(plan, shown);
        live(&mut observed);
        let mut touched = done(plan, last + 1);
        touched[last].done_at = Some(later(0)).filter(|_| id.starts_with("upgrade"));
        let undo = back(&stage, &observed, &touched, HOUR);
        let expected: Vec<&str> = expected
            .iter()
            .flat_map(|id| {
                if *id == "…" {
                    HOP_BACK.to_vec()
                } else {
                    vec![*id]
                }
            })
            .collect();
        let ways = ids(&undo.planned.plan);
        if ways != expected
            || !undo
                .stays
                .first()
                .map_or("", String::as_str)
                .contains(stays)
        {
            wrong.push(format!("{what}: {ways:?}; stays: {:?}", undo.stays));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn hop_alone(stage: &Stage, updates: &Value, done_at: Option<Timestamp>, at: i64) -> Undo {
    let planned = stage.plan();
    let mut observed = stage.after(&planned.plan, 1);
    observed.updates = serde_json::from_value(updates.clone()).expect("updates");
    let touched = [Touched {
        step: &planned.plan.steps[0],
        done_at,
    }];
    back(stage, &observed, &touched, at)
}

#[test]
fn the_window_of_eks() {
    let stage = Stage::new("1.31", "1.32", true);
    let update = |minor: &str, finished: &str| {
        json!({"id": minor, "type": "VersionUpdate", "status": "Successful", "version": minor,
               "created_at": finished, "finished_at": finished})
    };
    let unfinished = json!({"id": "u", "type": "VersionUpdate", "status": "Successful", "version": "1.32",
                            "created_at": "2025-07-01T00:00:00Z"});
    let week = 7 * DAY_SECONDS;
    let rows = [
        (
            "the last second",
            json!([]),
            Some(later(0)),
            week - 1,
            true,
            "",
        ),
        (
            "one second later",
            json!([]),
            Some(later(0)),
            week,
            false,
            "closed at 2025-07-08T00:00:00Z",
        ),
        (
            "EKS says that it ended later than we saw",
            json!([update("1.32", "2025-07-01T01:00:00Z")]),
            Some(later(0)),
            week,
            true,
            "",
        ),
        (
            "EKS says that it ended earlier than we saw",
            json!([update("1.32", "2025-07-01T01:00:00Z")]),
            Some(later(DAY_SECONDS)),
            week + HOUR,
            false,
            "closed",
        ),
        (
            "an older hop ended long ago, and ours just now",
            json!([update("1.31", "2025-06-01T00:00:00Z"), unfinished]),
            Some(later(0)),
            HOUR,
            true,
            "",
        ),
        (
            "nobody saw it end",
            json!([]),
            None,
            HOUR,
            false,
            "nobody knows",
        ),
    ];
    for (what, updates, done_at, at, open, says) in rows {
        let undo = hop_alone(&stage, &updates, done_at, at);
        let ways = ids(&undo.planned.plan);
        let expected: &[&str] = if open { &HOP_BACK[1..] } else { &[] };
        assert_eq!(ways, expected, "{what}: {:?}", undo.stays);
        assert!(
            undo.stays.first().map_or("", String::as_str).contains(says),
            "{what}: {:?}",
            undo.stays
        );
    }
}

/// EKS goes back one minor: behind a second hop the first one stays, and what came before it.
#[test]
fn of_two_hops_only_the_last_goes_back() {
    let stage = Stage::new("1.31", "1.33", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let undo = back_from(&stage, plan, "upgrade-control-plane/cluster@1.33");
    assert_eq!(
        ids(&undo.planned.plan),
        [
            "rollback-control-plane/cluster@1.32",
            "bake/cluster@1.32",
            "update-addon/kube-proxy@before-v1.32.13-eksbuild.21",
        ]
    );
    assert!(
        undo.stays[0].starts_with("`upgrade-control-plane/cluster@1.32`: "),
        "{:?}",
        undo.stays
    );
}

/// What ran before the hop is undone after it is back, and after its bake.
#[test]
fn an_addon_that_moved_before_the_hop() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let mut plan = planned.plan;
    let hop = place(&plan, "upgrade-control-plane/cluster@1.32");
    let mut first =
        plan.steps[place(&plan, "update-addon/kube-proxy@v1.32.13-eksbuild.21")].clone();
    "update-addon/vpc-cni@v1.99.0-eksbuild.1".clone_into(&mut first.id);
    "vpc-cni".clone_into(&mut first.subject);
    first.before = [("version".to_owned(), json!("v1.20.4-eksbuild.1"))].into();
    first.after = [("version".to_owned(), json!("v1.20.5-eksbuild.1"))].into();
    let back_to = json!({"clusterName": "c", "addonName": "vpc-cni", "addonVersion": "v1.20.4-eksbuild.1", "resolveConflicts": "PRESERVE"});
    first.rollback = Rollback::Inverse {
        actions: vec![Action::Aws {
            service: "eks".to_owned(),
            operation: "UpdateAddon".to_owned(),
            input: back_to.as_object().cloned().expect("an object"),
        }],
    };
    plan.steps.insert(hop, first);
    let observed = stage.after(&plan, hop + 2);
    let undo = back(&stage, &observed, &done(&plan, hop + 2), HOUR);
    assert_eq!(
        ids(&undo.planned.plan),
        [
            "rollback-control-plane/cluster@1.31",
            "bake/cluster@1.31",
            "update-addon/vpc-cni@before-v1.99.0-eksbuild.1",
        ]
    );
    assert_eq!(faults(&stage, &observed, &undo), Vec::new());
}

/// Settings have no earlier version to tell by: the way back ends there and says so.
#[test]
fn settings_of_an_addon_stay() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let mut step = planned.plan.steps[place(
        &planned.plan,
        "update-addon/kube-proxy@v1.32.13-eksbuild.21",
    )]
    .clone();
    "update-addon/kube-proxy@settings".clone_into(&mut step.id);
    step.before.clone_from(&step.after);
    step.rollback = Rollback::Manual {
        runbook: "Revert the change in git".to_owned(),
    };
    let observed = stage.after(&planned.plan, 3);
    let mut touched = done(&planned.plan, 3);
    touched.push(Touched {
        step: &step,
        done_at: Some(later(0)),
    });
    let undo = back(&stage, &observed, &touched, HOUR);
    assert_eq!(ids(&undo.planned.plan), [""; 0]);
    assert_eq!(
        undo.stays[0],
        "`update-addon/kube-proxy@settings`: Revert the change in git"
    );
}

#[test]
fn an_addon_that_was_never_installed() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let mut step = planned.plan.steps[place(
        &planned.plan,
        "update-addon/kube-proxy@v1.32.13-eksbuild.21",
    )]
    .clone();
    step.kind = StepKind::CreateAddon;
    "create-addon/ebs@v1.0.0-eksbuild.1".clone_into(&mut step.id);
    "ebs".clone_into(&mut step.subject);
    step.before = [("managed".to_owned(), json!(false))].into();
    let touched = [Touched {
        step: &step,
        done_at: None,
    }];
    let undo = back(&stage, &stage.observed, &touched, HOUR);
    assert_eq!((ids(&undo.planned.plan), undo.stays), (vec![], vec![]));
}

/// The remains of a group have no identity: a group of that name may appear meanwhile.
#[test]
fn a_mere_stack_is_left_to_a_person_with_the_command() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let steps = place(plan, "create-nodegroup/core-b@1.32") + 1;
    let mut observed = stage.after(plan, steps - 1);
    dead_stack(&mut observed, "ROLLBACK_COMPLETE");
    let undo = back(&stage, &observed, &done(plan, steps), HOUR);
    assert_eq!(faults(&stage, &observed, &undo), Vec::new());
    assert!(
        undo.stays[0].contains("eksctl delete nodegroup"),
        "{:?}",
        undo.stays
    );
    assert!(
        !ids(&undo.planned.plan)
            .iter()
            .any(|id| id.starts_with("delete-nodegroup"))
    );
}

/// A group that the run made has got a pod that nobody makes again.
fn with_a_bare_pod(mut observed: Observation) -> Observation {
    let node = observed
        .nodes_of("core-b")
        .next()
        .expect("a node")
        .name
        .clone();
    let pod = json!({"namespace": "prod", "name": "by-hand", "node": node, "owner": null});
    let mut pod: crate::model::Pod = serde_json::from_value(pod).expect("a pod");
    pod.owner = Known::Absent;
    let Known::Value(pods) = &mut observed.pods else {
        panic!("pods");
    };
    pods.push(pod);
    observed
}

#[test]
fn a_pod_without_a_controller_ends_the_way_back_unless_its_owner_gives_it_up() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let steps = place(plan, "verify-nodegroup/core-b@1.32") + 1;
    let observed = with_a_bare_pod(stage.after(plan, steps));
    let held = back(&stage, &observed, &done(plan, steps), HOUR);
    let way = ids(&held.planned.plan);
    assert!(!way.iter().any(|id| id.starts_with("drain-")), "{way:?}");
    assert!(
        held.stays[0].contains("create-nodegroup/core-b@1.32")
            && held.stays[0].contains("would be lost"),
        "{:?}",
        held.stays
    );
    let codes: Vec<&str> = held
        .planned
        .plan
        .findings
        .iter()
        .map(|f| f.code.as_str())
        .collect();
    assert!(codes.contains(&"STW-R8-BARE-POD"), "{codes:?}");

    let waivers = json!({"waivers": [{
        "code": "STW-R8-BARE-POD", "cluster": "*", "subject": "*", "reason": "scratch",
        "owner": "o@example.org", "expires": "2099-01-01T00:00:00Z",
    }]});
    let stage = stage.settings(&waivers);
    let goes = back(&stage, &observed, &done(plan, steps), HOUR);
    let drain = goes
        .planned
        .plan
        .steps
        .iter()
        .find(|step| step.kind == StepKind::DrainNodegroup);
    let Some(Action::Kube { body, .. }) = drain.and_then(|step| step.actions.first()) else {
        panic!("{:?}", ids(&goes.planned.plan));
    };
    assert_eq!(body["barePods"], json!(true));
    assert_eq!(faults(&stage, &observed, &goes), Vec::new());
}
