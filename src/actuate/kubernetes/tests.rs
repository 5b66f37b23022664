//! What the actuator promises, against a served world in which everything goes wrong once.

pub(crate) mod stage;

use super::{DrainPace, KubernetesActuator};
use crate::actuate::{Actuator as _, StepFiles};
use crate::drive::{ActionCall, Interrupt};
use crate::kubernetes::{Object, Resource};
use crate::serve::Role;
use serde_json::{Value, json};
use stage::{START, Stage, budget, pod, world};
use stairway_core::journal::Claim;
use stairway_core::model::{Known, Timestamp};
use stairway_core::plan::wire::Action;
use stairway_world::door::{DoorFault, Trouble};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const BLUE: &str = "nodes?nodegroup=blue";
const EVICTIONS: &str = "/api/v1/namespaces/*/pods/*/eviction";
/// Long enough that a machine under load does not reach it, short enough that a test which hangs ends.
const LONG: u32 = 60;

fn frozen() -> super::Clock {
    let start: Timestamp = START.parse().expect("a time");
    Arc::new(move || start)
}

/// Each look at this clock is a second later.
fn ticking() -> super::Clock {
    let looks = AtomicI64::new(0);
    Arc::new(move || Timestamp::from_unix(looks.fetch_add(1, Ordering::SeqCst)))
}

fn actuator(stage: &Stage, clock: super::Clock) -> KubernetesActuator {
    KubernetesActuator::new(stage.writes(), clock).with_pace(DrainPace {
        retry: Duration::from_millis(40),
        rounds: 5,
        late: Duration::from_millis(80),
    })
}

fn call(verb: &str, object: &str, body: Value) -> ActionCall {
    ActionCall {
        step: "a-step".to_owned(),
        number: 0,
        attempt: 1,
        token: "token".to_owned(),
        action: Action::Kube {
            verb: verb.to_owned(),
            object: object.to_owned(),
            body,
            only_if: None,
        },
    }
}

fn act(stage: &Stage, verb: &str, object: &str, body: Value) -> Claim {
    let call = call(verb, object, body);
    let mut nobody = |_: &str| {};
    actuator(stage, frozen()).act(&call, &StepFiles::new(), &mut nobody, &|| Interrupt::None)
}

fn drain_body(timeout: u32) -> Value {
    json!({"parallel": 2, "timeoutSeconds": timeout})
}

/// Drains `blue`; `on` gets each line, and may change the world or ask to stop.
fn drain(
    stage: &Stage,
    clock: super::Clock,
    body: Value,
    mut on: impl FnMut(&str) -> Interrupt,
) -> (Claim, Vec<String>) {
    let level = Cell::new(Interrupt::None);
    let lines = RefCell::new(Vec::new());
    let mut watch = |line: &str| {
        lines.borrow_mut().push(line.to_owned());
        level.set(level.get().max(on(line)));
    };
    let call = call("drain-nodes", BLUE, body);
    let claim = actuator(stage, clock).act(&call, &StepFiles::new(), &mut watch, &|| level.get());
    stage.never_deleted();
    (claim, lines.into_inner())
}

fn drain_calmly(stage: &Stage) -> (Claim, Vec<String>) {
    drain(stage, frozen(), drain_body(LONG), |_| Interrupt::None)
}

#[track_caller]
fn is_drained(stage: &Stage, claim: &Claim, lines: &[String]) {
    assert!(claim.ok, "{}: {lines:#?}", claim.said);
    assert_eq!(claim.said, "drained 2 nodes of nodegroup `blue`");
    for node in ["node-a", "node-b"] {
        assert_eq!(stage.pods_on(node), Vec::<String>::new(), "{lines:#?}");
        assert!(stage.node(node).unschedulable);
    }
    assert!(!stage.node("node-c").unschedulable);
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn what_is_not_on_the_list_is_refused_and_nothing_is_asked() {
    let stage = Stage::new();
    let taint = json!({"key": "k", "value": "v", "effect": "NoSchedule"});
    let rows = [
        ("delete", BLUE, json!({}), "none of `patch-nodes`"),
        (
            "patch-nodes",
            "nodes/node-a",
            json!({}),
            "nodes?nodegroup=NAME",
        ),
        ("patch-nodes", "nodes?nodegroup=", json!({}), "no name"),
        (
            "drain-nodes",
            "nodes?nodegroup=a,b!=c",
            drain_body(1),
            "no name",
        ),
        ("patch-nodes", BLUE, json!([]), "no object"),
        (
            "patch-nodes",
            BLUE,
            json!({"labels": {}}),
            "no word `labels`",
        ),
        ("patch-nodes", BLUE, json!({"removeTaints": "k"}), "no list"),
        (
            "patch-nodes",
            BLUE,
            json!({"addOrUpdateTaints": [{"key": "k"}]}),
            "no effect",
        ),
        (
            "patch-nodes",
            BLUE,
            json!({"removeTaints": [{"value": "v"}]}),
            "no key",
        ),
        (
            "patch-nodes",
            BLUE,
            json!({"removeTaints": [{"key": "k", "effect": "NO_SCHEDULE"}]}),
            "none of NoSchedule",
        ),
        (
            "patch-nodes",
            BLUE,
            json!({"unschedulable": "yes"}),
            "neither true nor false",
        ),
        (
            "drain-nodes",
            BLUE,
            json!({"parallel": 1}),
            "needs `parallel` and `timeoutSeconds`",
        ),
        (
            "drain-nodes",
            BLUE,
            json!({"parallel": 0, "timeoutSeconds": 1}),
            "at least 1",
        ),
        (
            "drain-nodes",
            BLUE,
            json!({"parallel": 1, "timeoutSeconds": 1, "force": true}),
            "no word `force`",
        ),
        (
            "drain-nodes",
            BLUE,
            json!({"parallel": 1, "timeoutSeconds": 1, "barePods": 1}),
            "`barePods`",
        ),
        (
            "patch",
            "secrets/kube-system/x",
            json!({}),
            "daemonsets/NAMESPACE/NAME",
        ),
        (
            "patch",
            "daemonsets/kube-system/../x",
            json!({}),
            "daemonsets/NAMESPACE/NAME",
        ),
    ];
    for (verb, object, body, word) in rows {
        let shown = stage::shown(&body);
        let claim = act(&stage, verb, object, body);
        assert!(!claim.ok, "{verb} {object} {shown}");
        says(&claim.said, &["is refused", word]);
    }
    let claim = act(
        &stage,
        "patch-nodes",
        BLUE,
        json!({"addOrUpdateTaints": [taint]}),
    );
    assert!(claim.ok, "{}", claim.said);
    let mut nobody = |_: &str| {};
    let mut wait = call("patch-nodes", BLUE, json!({}));
    wait.action = Action::Aws {
        service: "eks".to_owned(),
        operation: "DeleteNodegroup".to_owned(),
        input: serde_json::Map::new(),
    };
    let claim =
        actuator(&stage, frozen()).act(&wait, &StepFiles::new(), &mut nobody, &|| Interrupt::None);
    assert!(!claim.ok && claim.said.contains("no service `eks`"));
}

#[test]
fn the_labels_of_groups_are_those_of_the_catalog() {
    let text = include_str!("../../core/catalog/data/node_labels.json");
    for label in super::nodes::GROUP_LABELS {
        assert!(text.contains(&format!("{{\"key\": \"{label}\", \"from\": \"nodegroup\"")));
    }
    assert_eq!(text.matches("\"from\": \"nodegroup\"").count(), 2);
}

#[test]
fn taints_are_added_and_removed_and_what_is_so_is_not_written_again() {
    let stage = Stage::new();
    let taint = json!([{"key": "stairway/phase-out", "value": "true", "effect": "NoSchedule"}]);
    let add = json!({"addOrUpdateTaints": taint, "unschedulable": true});
    let claim = act(&stage, "patch-nodes", BLUE, add.clone());
    assert_eq!(
        (claim.ok, claim.said.as_str()),
        (true, "changed 2 of 2 nodes of nodegroup `blue`")
    );
    assert_eq!(stage.node("node-b").taints, ["stairway/phase-out"]);
    assert!(stage.node("node-c").taints.is_empty() && !stage.node("node-c").unschedulable);
    let patches = stage.count("patch", "nodes", 200);
    let claim = act(&stage, "patch-nodes", BLUE, add);
    assert!(claim.ok);
    says(&claim.said, &["changed 0 of 2", "2 were so already"]);
    assert_eq!(
        stage.count("patch", "nodes", 200),
        patches,
        "nothing is written twice"
    );
    let undo = json!({"removeTaints": taint, "unschedulable": false});
    assert!(act(&stage, "patch-nodes", BLUE, undo).ok);
    assert!(stage.node("node-a").taints.is_empty() && !stage.node("node-a").unschedulable);
    // eksctl's own groups carry only its label.
    assert!(
        act(
            &stage,
            "patch-nodes",
            "nodes?nodegroup=green",
            json!({"unschedulable": true})
        )
        .ok
    );
    assert!(stage.node("node-c").unschedulable);
    let claim = act(
        &stage,
        "patch-nodes",
        "nodes?nodegroup=none",
        json!({"unschedulable": true}),
    );
    assert_eq!(
        (claim.ok, claim.said.as_str()),
        (true, "nodegroup `none` has no nodes: nothing to change")
    );
}

/// Taints `blue` while `between` happens after the nodes were listed.
fn taint_while(stage: &Stage, between: impl Fn()) -> Claim {
    let body = json!({"addOrUpdateTaints": [{"key": "mine", "effect": "NoSchedule"}]});
    let done = Cell::new(false);
    let once = || {
        if !done.replace(true) {
            between();
        }
        Interrupt::None
    };
    let call = call("patch-nodes", BLUE, body);
    let mut nobody = |_: &str| {};
    actuator(stage, frozen()).act(&call, &StepFiles::new(), &mut nobody, &once)
}

#[test]
fn a_taint_that_another_writer_set_in_between_stays() {
    let stage = Stage::new();
    let claim = taint_while(&stage, || {
        stage.change(|cluster| {
            if let Known::Value(nodes) = &mut cluster.nodes {
                nodes[0].taints.push("theirs".to_owned());
            }
        });
    });
    assert!(claim.ok, "{}", claim.said);
    assert_eq!(
        stage.count("patch", "nodes", 409),
        1,
        "the first write was too late"
    );
    let mut taints = stage.node("node-a").taints;
    taints.sort();
    assert_eq!(taints, ["mine", "theirs"]);
}

#[test]
fn a_node_that_vanished_meanwhile_is_no_failure() {
    let stage = Stage::new();
    let claim = taint_while(&stage, || {
        stage.change(|cluster| {
            if let Known::Value(nodes) = &mut cluster.nodes {
                nodes.remove(1);
            }
        });
    });
    assert!(claim.ok, "{}", claim.said);
    says(&claim.said, &["changed 1 of 2", "1 is gone"]);
}

#[test]
fn a_write_whose_answer_is_lost_counts_once() {
    for trouble in [Trouble::AnswerLost(504), Trouble::Cut(0), Trouble::HalfPage] {
        let stage = Stage::new();
        stage.strike(
            DoorFault::of("/api/v1/nodes/*", trouble)
                .on("PATCH")
                .times(1),
        );
        let claim = taint_while(&stage, || {});
        assert!(claim.ok, "{trouble:?}: {}", claim.said);
        assert_eq!(
            claim.said, "changed 2 of 2 nodes of nodegroup `blue`",
            "{trouble:?}"
        );
        assert_eq!(stage.node("node-a").taints, ["mine"]);
    }
}

#[test]
fn what_one_may_not_do_is_named_with_the_role_that_allows_it() {
    let stage = Stage::of(world(), Role::Plan);
    let claim = taint_while(&stage, || {});
    assert!(!claim.ok);
    says(
        &claim.said,
        &[
            "403",
            "patch",
            "nodes",
            "`stairway-apply`",
            "templates/rbac",
        ],
    );
    let (claim, _) = drain_calmly(&stage);
    assert!(!claim.ok && !claim.stopped);
    says(
        &claim.said,
        &[
            "draining nodegroup `blue` failed",
            "403",
            "`stairway-apply`",
        ],
    );
    assert_eq!(stage.count("create", "pods/eviction", 201), 0);
    // And with that role it can.
    let stage = Stage::of(world(), Role::Apply);
    let (claim, lines) = drain_calmly(&stage);
    is_drained(&stage, &claim, &lines);
}

#[test]
fn a_drain_cordons_evicts_and_leaves_daemons() {
    let stage = Stage::new();
    let (claim, lines) = drain_calmly(&stage);
    is_drained(&stage, &claim, &lines);
    let all = lines.join("\n");
    says(
        &all,
        &[
            "cordoned node node-a",
            "cordoned node node-b",
            "evicting pod shop/web-1 from node node-a",
            "node node-b: drained",
        ],
    );
    assert!(!all.contains("aws-node"), "{all}");
    assert_eq!(stage.count("create", "pods/eviction", 201), 4);
    assert!(!claim.tail.is_empty() && !claim.output.is_empty());
    // Again: nothing is left to do.
    let patches = stage.count("patch", "nodes", 200);
    let (claim, _) = drain_calmly(&stage);
    assert!(claim.ok);
    assert_eq!(stage.count("create", "pods/eviction", 201), 4);
    assert_eq!(stage.count("patch", "nodes", 200), patches);
    let claim = act(&stage, "drain-nodes", "nodes?nodegroup=none", drain_body(1));
    assert_eq!(
        (claim.ok, claim.said.as_str()),
        (true, "nodegroup `none` has no nodes: nothing to drain")
    );
}

#[test]
fn a_budget_that_frees_later_delays_a_drain_and_nothing_else_waits_for_it() {
    let mut world = world();
    world.cluster.pdbs = Known::Value(vec![budget("web", "web", 0)]);
    let stage = Stage::of(world, Role::Admin);
    let mut held = 0;
    let (claim, lines) = drain(&stage, frozen(), drain_body(LONG), |line| {
        held += u32::from(line.contains(" for now: The disruption budget web needs "));
        if held == 2 {
            held += 1;
            stage.change(|cluster| cluster.pdbs = Known::Value(vec![budget("web", "web", 2)]));
        }
        Interrupt::None
    });
    is_drained(&stage, &claim, &lines);
    let place = |words: &str| lines.iter().position(|line| line.starts_with(words));
    assert!(
        place("evicting pod shop/free-1") < place("evicting pod shop/web-1"),
        "{lines:#?}"
    );
}

#[test]
fn a_budget_that_never_frees_ends_a_drain_with_pods_nodes_and_budgets() {
    let mut world = world();
    world.cluster.pdbs = Known::Value(vec![budget("web", "web", 0)]);
    let stage = Stage::of(world, Role::Admin);
    let (claim, lines) = drain(&stage, ticking(), drain_body(100), |_| Interrupt::None);
    assert!(!claim.ok && !claim.stopped, "{lines:#?}");
    says(
        &claim.said,
        &[
            "draining nodegroup `blue` failed after 100 s: 2 pods are left: ",
            "`shop/web-1` on node `node-a`, `shop/web-2` on node `node-b`, each, held by the disruption budget `shop/web` (The disruption budget web needs ",
            "Its nodes stay cordoned; see: `kubectl --kubeconfig kubeconfig --context small -n shop describe pdb web`",
        ],
    );
    // The reason of a failed step ends with the last line: it says nothing that is said already.
    let last = lines.last().expect("a line");
    assert_eq!(last, "nothing else is evicted from nodegroup blue");
    let said = lines
        .iter()
        .filter(|line| line.contains(" for now: "))
        .count();
    assert_eq!(said, 2, "each reason is said once: {lines:#?}");
    assert_eq!(stage.pods_on("node-a"), ["web-1"], "nothing was forced");
    assert!(stage.node("node-a").unschedulable);
}

#[test]
fn two_budgets_over_a_pod_are_both_named() {
    let mut world = world();
    world.cluster.pdbs = Known::Value(vec![budget("web", "web", 1), budget("web-too", "web", 1)]);
    let stage = Stage::of(world, Role::Admin);
    let (claim, lines) = drain(&stage, ticking(), drain_body(40), |_| Interrupt::None);
    assert!(!claim.ok, "{lines:#?}");
    says(
        &claim.said,
        &[
            "held by the disruption budgets `shop/web` and `shop/web-too`",
            "more than one PodDisruptionBudget",
        ],
    );
}

#[test]
fn a_server_that_is_busy_ill_or_away_delays_a_drain() {
    for trouble in [
        Trouble::Busy(None),
        Trouble::Unwell(500),
        Trouble::Unwell(503),
    ] {
        for path in [EVICTIONS, "/api/v1/pods", "/api/v1/nodes*"] {
            let stage = Stage::new();
            stage.strike(DoorFault::of(path, trouble).times(5));
            let (claim, lines) = drain_calmly(&stage);
            assert!(claim.ok, "{trouble:?} {path}: {}: {lines:#?}", claim.said);
            is_drained(&stage, &claim, &lines);
        }
    }
}

#[test]
fn an_eviction_whose_answer_is_lost_is_done_once() {
    for trouble in [
        Trouble::AnswerLost(504),
        Trouble::AnswerLost(500),
        Trouble::Cut(0),
    ] {
        let stage = Stage::new();
        stage.strike(DoorFault::of(EVICTIONS, trouble).after(1).times(2));
        let (claim, lines) = drain_calmly(&stage);
        is_drained(&stage, &claim, &lines);
        let pods = stage.with(|_, world| world.cluster.pods.items().len());
        assert_eq!(
            pods, 7,
            "{trouble:?}: nobody is evicted for another one of the same name"
        );
    }
}

#[test]
fn a_pod_of_the_same_name_that_came_later_is_not_evicted_for_the_first() {
    let stage = Stage::new();
    let writes = stage.writes();
    let web = Object::within(Resource::PODS, "shop", "web-1");
    let first = writes.reads().get(&web).expect("an answer").expect("a pod");
    let uid = first["metadata"]["uid"].as_str().expect("a uid").to_owned();
    let (claim, lines) = drain_calmly(&stage);
    is_drained(&stage, &claim, &lines);
    let error = writes.evict(&web, &uid, None).expect_err("gone");
    assert!(
        matches!(
            error.trouble,
            crate::kubernetes::Trouble::Conflict | crate::kubernetes::Trouble::NotFound
        ),
        "{error}"
    );
}

#[test]
fn a_node_that_vanishes_in_the_middle_is_drained() {
    let mut world = world();
    world.cluster.pdbs = Known::Value(vec![budget("web", "web", 0)]);
    let stage = Stage::of(world, Role::Admin);
    let mut gone = false;
    let (claim, lines) = drain(&stage, frozen(), drain_body(LONG), |line| {
        if !gone && line.contains("web-2 stays on node node-b") {
            gone = true;
            stage.change(|cluster| {
                cluster.pdbs = Known::Value(vec![budget("web", "web", 1)]);
                if let Known::Value(nodes) = &mut cluster.nodes {
                    nodes.retain(|node| node.name != "node-b");
                }
                if let Known::Value(pods) = &mut cluster.pods {
                    pods.retain(|pod| pod.node.as_deref() != Some("node-b"));
                }
            });
        }
        Interrupt::None
    });
    assert!(gone && claim.ok, "{}: {lines:#?}", claim.said);
    assert_eq!(stage.pods_on("node-a"), Vec::<String>::new());
}

#[test]
fn bare_pods_are_refused_by_name_before_anything_leaves_unless_the_plan_accepts_them() {
    let mut world = world();
    if let Known::Value(pods) = &mut world.cluster.pods {
        pods.push(pod("lonely", "node-b", None, "x"));
        pods.push(pod("static-node-b", "node-b", Some("Node/node-b"), "x"));
    }
    let stage = Stage::of(world, Role::Admin);
    let (claim, _) = drain_calmly(&stage);
    assert!(!claim.ok);
    says(
        &claim.said,
        &[
            "would be lost",
            "`shop/lonely` on node `node-b`",
            "Nothing was evicted",
            "stay cordoned",
        ],
    );
    assert_eq!(stage.count("create", "pods/eviction", 201), 0);
    let mut body = drain_body(LONG);
    body["barePods"] = json!(true);
    body["gracePeriodSeconds"] = json!(0);
    let (claim, lines) = drain(&stage, frozen(), body, |_| Interrupt::None);
    assert!(claim.ok, "{}: {lines:#?}", claim.said);
    assert_eq!(
        stage.count("create", "pods/eviction", 201),
        5,
        "a static pod stays: {lines:#?}"
    );
}

#[test]
fn the_second_interrupt_stops_a_drain_between_two_requests() {
    let mut world = world();
    world.cluster.pdbs = Known::Value(vec![budget("web", "web", 0)]);
    let stage = Stage::of(world, Role::Admin);
    let (claim, lines) = drain(&stage, frozen(), drain_body(LONG), |line| {
        if line.contains(" for now: ") {
            Interrupt::Twice
        } else {
            Interrupt::Once
        }
    });
    assert!(claim.stopped && !claim.ok, "{lines:#?}");
    says(
        &claim.said,
        &["stopped while draining nodegroup `blue`", "stay cordoned"],
    );
    let asked = stage.with(|door, _| door.asked().len());
    assert_eq!(
        stage.with(|door, _| door.asked().len()),
        asked,
        "nobody asks any more"
    );
}

#[test]
fn a_pod_that_does_not_end_is_named_with_its_finalizers() {
    let stage = Stage::new();
    let writes = stage.writes();
    let pod = Object::within(Resource::PODS, "shop", "free-1");
    let body = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    writes
        .patch(&pod, crate::kubernetes::Patch::Merge, &body)
        .expect("patched");
    let mut body = drain_body(200);
    body["gracePeriodSeconds"] = json!(0);
    let (claim, lines) = drain(&stage, ticking(), body, |_| Interrupt::None);
    assert!(!claim.ok, "{lines:#?}");
    says(
        &claim.said,
        &[
            "1 pod is left: `shop/free-1` on node `node-a`",
            "example.com/hold",
        ],
    );
    says(
        &lines.join("\n"),
        &["pod shop/free-1 on node node-a is still terminating"],
    );
}

#[test]
fn pods_that_a_server_which_is_away_hides_are_not_seen_and_its_error_is_told_once() {
    let mut world = world();
    if let Known::Value(pods) = &mut world.cluster.pods {
        for number in 3..13 {
            let owner = Some("ReplicaSet/free-6c8d7");
            pods.push(pod(&format!("free-{number}"), "node-a", owner, "free"));
        }
    }
    let stage = Stage::of(world, Role::Admin);
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    for number in 3..13 {
        let name = format!("free-{number}");
        let pod = Object::within(Resource::PODS, "shop", &name);
        let patched = stage
            .writes()
            .patch(&pod, crate::kubernetes::Patch::Merge, &hold);
        patched.expect("patched");
    }
    let mut body = drain_body(200);
    body["gracePeriodSeconds"] = json!(0);
    let mut evicted = 0;
    let (claim, lines) = drain(&stage, ticking(), body, |line| {
        evicted += u32::from(line.starts_with("evicting pod shop/free-"));
        if evicted == 12 {
            evicted = 0;
            stage.strike(DoorFault::of("*/pods*", Trouble::Unwell(503)));
        }
        Interrupt::None
    });
    assert!(!claim.ok, "{lines:#?}");
    says(
        &claim.said,
        &[
            "pods are left: ",
            "each (not seen any more, it may have gone: the API server answered 503",
        ],
    );
    assert!(!claim.said.contains("still terminating"), "{}", claim.said);
    let told = claim.said.matches("503").count();
    assert_eq!(told, 1, "{}", claim.said);
}

#[test]
fn nodes_whose_pods_nobody_could_list_are_not_drained() {
    let stage = Stage::new();
    let mut body = drain_body(100);
    // What is asked for before the first eviction is not what is tested here.
    body["barePods"] = json!(true);
    stage.strike(DoorFault::of("*/pods*", Trouble::Unwell(503)));
    let (claim, lines) = drain(&stage, ticking(), body, |_| Interrupt::None);
    assert!(!claim.ok, "{}: {lines:#?}", claim.said);
    says(
        &claim.said,
        &[
            "the pods of nodes `node-a`; `node-b` could not be looked at (the API server answered 503",
        ],
    );
    assert_eq!(stage.count("create", "pods/eviction", 201), 0);
}

#[test]
fn a_server_that_forgot_the_version_is_asked_for_a_list_again() {
    let mut world = world();
    world.cluster.pdbs = Known::Value(vec![budget("web", "web", 0)]);
    let stage = Stage::of(world, Role::Admin);
    let mut held = 0;
    let (claim, lines) = drain(&stage, frozen(), drain_body(LONG), |line| {
        held += u32::from(line.contains(" for now: "));
        if held == 1 {
            stage.change(|cluster| cluster.pdbs = Known::Value(vec![budget("web", "web", 2)]));
            stage.with(|door, _| door.compact());
        }
        Interrupt::None
    });
    is_drained(&stage, &claim, &lines);
}

#[test]
fn a_daemon_set_is_patched_when_that_changes_it_and_gets_no_container_more() {
    let stage = Stage::new();
    let object = "daemonsets/kube-system/aws-node";
    let body = |name: &str, value: Value| {
        let container = json!({"name": name, "securityContext": {"runAsNonRoot": value}});
        json!({"spec": {"template": {"spec": {"containers": [container]}}}})
    };
    let claim = act(&stage, "patch", object, body("aws-node", json!(true)));
    assert!(claim.ok, "{}", claim.said);
    says(
        &claim.said,
        &["patched daemonsets `kube-system/aws-node`: generation "],
    );
    let patches = stage.count("patch", "daemonsets", 200);
    assert_eq!(patches, 1);
    let claim = act(&stage, "patch", object, body("aws-node", json!(true)));
    says(&claim.said, &["is so already"]);
    let claim = act(&stage, "patch", object, body("other", json!(true)));
    assert!(!claim.ok);
    says(&claim.said, &["no part named \"other\""]);
    assert_eq!(
        stage.count("patch", "daemonsets", 200),
        patches,
        "nothing else was written"
    );
    stage.strike(
        DoorFault::of("*/daemonsets/aws-node", Trouble::AnswerLost(504))
            .on("PATCH")
            .times(2),
    );
    let claim = act(&stage, "patch", object, body("aws-node", Value::Null));
    assert!(!claim.ok, "a claim is what the server said");
    says(&claim.said, &["504", "has the change all the same"]);
    let claim = act(
        &stage,
        "patch",
        "daemonsets/kube-system/none",
        body("x", json!(1)),
    );
    says(&claim.said, &["there is none"]);
}
