//! stairway's own drain, as sentences.

use super::*;
use crate::kubernetes::{KubeError, Running, Turn};
use crate::{Fault, Misbehaviour};
use stairway_core::model::{Known, Pod, Timestamp};

const NODES: &str = "nodes?nodegroup=core-a";

fn body() -> Value {
    json!({"parallel": 2, "timeoutSeconds": 3600})
}

/// A world in which another group can take the pods.
fn stage() -> World {
    let mut world = world();
    assert_eq!(create(&mut world).exit, 0);
    taint(&mut world, "core-a");
    world
}

/// Runs a drain to its end; returns its answer and what a watcher read.
fn drain(world: &mut World, body: &Value) -> (Result<String, KubeError>, String) {
    let mut running = Running::start(world, "drain-nodes", NODES, body);
    let mut heard = String::new();
    loop {
        match running.turn(world) {
            Turn::Waits { seconds, said } => {
                heard.push_str(&said);
                world.advance(i64::from(seconds));
            }
            Turn::Ends { answer, said } => {
                heard.push_str(&said);
                return (answer, heard);
            }
        }
    }
}

fn left(world: &World) -> Vec<String> {
    let mut pods = world.cluster.pods_of("core-a");
    pods.retain(|pod| !pod.is_daemon());
    pods.iter()
        .map(|pod| format!("{}/{}", pod.namespace, pod.name))
        .collect()
}

fn cordoned(world: &World) -> bool {
    world
        .cluster
        .nodes_of("core-a")
        .all(|node| node.unschedulable)
}

fn first_node(world: &World) -> String {
    let node = world.cluster.nodes_of("core-a").next().expect("a node");
    node.name.clone()
}

fn add(world: &mut World, name: &str, owner: Known<String>) {
    let node = Some(first_node(world));
    crate::list(&mut world.cluster.pods).push(Pod {
        namespace: "prod".to_owned(),
        name: name.to_owned(),
        node,
        owner,
        ..Pod::default()
    });
}

#[test]
fn it_cordons_moves_pods_under_their_budget_and_can_be_undone() {
    let mut world = stage();
    let before = world.now;
    let (answer, heard) = drain(&mut world, &body());
    assert_eq!(
        answer.expect("done"),
        "drained 2 nodes of nodegroup `core-a`"
    );
    for words in [
        "cordoned node ",
        "evicting pod prod/core-a-app-",
        " stays on node ",
        ": drained\n",
    ] {
        assert!(heard.contains(words), "{words}: {heard}");
    }
    assert!(
        world.now.seconds_since(before) >= 60,
        "the budget made it wait"
    );
    assert!(left(&world).is_empty() && cordoned(&world));
    world.settle();
    assert_eq!(world.cluster.pdbs.items()[0].allowed, Known::Value(1));
    let open = json!({"unschedulable": false});
    kubernetes::act(&mut world, "patch-nodes", NODES, &open).expect("the way back");
    assert!(!cordoned(&world));
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
}

#[test]
fn it_waits_five_seconds_between_rounds_as_kubectl_does() {
    let mut world = stage();
    let mut running = Running::start(&mut world, "drain-nodes", NODES, &body());
    let Turn::Waits { seconds, .. } = running.turn(&mut world) else {
        panic!("the budget lets one of six go at a time");
    };
    assert_eq!(seconds, 5);
}

#[test]
fn a_budget_that_frees_later_delays_it() {
    let mut world = stage();
    crate::list(&mut world.cluster.pdbs)[0].allowed = Known::Value(0);
    let mut running = Running::start(&mut world, "drain-nodes", NODES, &body());
    for _ in 0..10 {
        assert!(matches!(running.turn(&mut world), Turn::Waits { .. }));
        world.advance(5);
    }
    assert_eq!(left(&world).len(), 6, "the two that no budget guards left");
    crate::list(&mut world.cluster.pdbs)[0].allowed = Known::Value(6);
    let Turn::Ends { answer, .. } = running.turn(&mut world) else {
        panic!("nothing holds them any more");
    };
    assert!(answer.is_ok() && left(&world).is_empty(), "{answer:?}");
}

#[test]
fn a_budget_that_never_frees_ends_it_with_the_names_of_pods_node_and_budget() {
    let mut world = stage();
    let pdb = &mut crate::list(&mut world.cluster.pdbs)[0];
    pdb.allowed = Known::Value(0);
    pdb.min_available = Known::Value("6".to_owned());
    pdb.healthy = Known::Value(6);
    let before = world.now;
    let (answer, heard) = drain(&mut world, &body());
    assert_eq!(world.now.seconds_since(before), 3600);
    let error = answer.expect_err("stuck").to_string();
    for words in [
        "draining nodegroup `core-a` failed after 1 h: 6 pods are left: `prod/core-a-app-",
        &format!(
            "on node `{}`, held by the disruption budget `prod/app` (The disruption budget app needs 6 healthy pods and has 6 currently)",
            first_node(&world)
        ),
        "; and 3 more.",
        "Its nodes stay cordoned; see: `kubectl -n prod describe pdb app`",
    ] {
        assert!(error.contains(words), "{words}: {error}");
    }
    assert_eq!(heard.matches("evicting pod ").count(), 2, "{heard}");
    assert_eq!(
        heard.matches(" for now: ").count(),
        6,
        "each said once: {heard}"
    );
    assert!(cordoned(&world));
    assert_eq!(left(&world).len(), 6, "nothing was forced");
}

#[test]
fn two_budgets_over_one_pod_are_both_named_with_the_servers_words() {
    let mut world = stage();
    let mut second = world.cluster.pdbs.items()[0].clone();
    "app-too".clone_into(&mut second.name);
    crate::list(&mut world.cluster.pdbs).push(second);
    let (answer, _) = drain(&mut world, &json!({"parallel": 1, "timeoutSeconds": 60}));
    let error = answer.expect_err("stuck").to_string();
    let words = "held by the disruption budgets `prod/app` and `prod/app-too` (This pod has more than one PodDisruptionBudget, which the eviction subresource does not support)";
    assert!(error.contains(words), "{error}");
}

#[test]
fn a_pod_without_a_controller_stops_it_before_anything_is_evicted() {
    let mut world = stage();
    add(&mut world, "by-hand", Known::Absent);
    let there = left(&world);
    let (answer, _) = drain(&mut world, &body());
    let error = answer.expect_err("it would be lost").to_string();
    let words = format!("`prod/by-hand` on node `{}`", first_node(&world));
    assert!(
        error.contains(&words) && error.contains("Nothing was evicted"),
        "{error}"
    );
    assert_eq!(left(&world), there);
    assert!(cordoned(&world));

    let mut accepts = body();
    accepts["barePods"] = json!(true);
    let (answer, heard) = drain(&mut world, &accepts);
    assert!(answer.is_ok(), "{answer:?}");
    assert!(heard.contains("evicting pod prod/by-hand"), "{heard}");
    let pods = world.cluster.pods.items();
    assert!(!pods.iter().any(|pod| pod.name == "by-hand"), "it is gone");
}

#[test]
fn daemons_and_static_pods_stay() {
    let mut world = stage();
    let node = first_node(&world);
    add(
        &mut world,
        "agent-1",
        Known::Value("DaemonSet/agent".to_owned()),
    );
    add(&mut world, "static-1", Known::Value(format!("Node/{node}")));
    let (answer, heard) = drain(&mut world, &body());
    assert!(answer.is_ok(), "{answer:?}");
    let there = world.cluster.pods_of("core-a");
    for name in ["agent-1", "static-1"] {
        assert!(there.iter().any(|pod| pod.name == name), "{name}");
        assert!(!heard.contains(name), "{heard}");
    }
}

#[test]
fn at_most_so_many_nodes_are_emptied_at_a_time() {
    let mut world = stage();
    let pdb = &mut crate::list(&mut world.cluster.pdbs)[0];
    pdb.allowed = Known::Value(0);
    let one = json!({"parallel": 1, "timeoutSeconds": 60});
    let (answer, heard) = drain(&mut world, &one);
    assert!(answer.is_err());
    let nodes: Vec<String> = world
        .cluster
        .nodes_of("core-a")
        .map(|n| n.name.clone())
        .collect();
    assert!(
        heard.contains(&format!("on node {} for now", nodes[0])),
        "{heard}"
    );
    assert!(
        !heard.contains(&format!("on node {} for now", nodes[1])),
        "{heard}"
    );
}

#[test]
fn whoever_is_killed_between_two_turns_leaves_a_whole_world_and_it_is_done_again() {
    let mut world = stage();
    let mut running = Running::start(&mut world, "drain-nodes", NODES, &body());
    assert!(matches!(running.turn(&mut world), Turn::Waits { .. }));
    drop(running);
    world.advance(600);
    assert!(cordoned(&world) && !left(&world).is_empty());
    let (answer, _) = drain(&mut world, &body());
    assert!(answer.is_ok() && left(&world).is_empty(), "{answer:?}");
    let (again, heard) = drain(&mut world, &body());
    assert!(again.is_ok() && !heard.contains("evicting"), "{heard}");
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
}

#[test]
fn a_node_that_joins_meanwhile_is_cordoned_and_emptied_too() {
    let mut world = stage();
    crate::list(&mut world.cluster.pdbs)[0].allowed = Known::Value(0);
    let mut running = Running::start(&mut world, "drain-nodes", NODES, &body());
    assert!(matches!(running.turn(&mut world), Turn::Waits { .. }));
    let mut late = world
        .cluster
        .nodes_of("core-a")
        .next()
        .expect("a node")
        .clone();
    "late.internal".clone_into(&mut late.name);
    late.unschedulable = false;
    crate::list(&mut world.cluster.nodes).push(late);
    world.touch();
    assert!(matches!(running.turn(&mut world), Turn::Waits { .. }));
    assert!(cordoned(&world));
}

#[test]
fn a_body_that_says_something_else_is_refused_and_nothing_happens() {
    for (body, word) in [
        (json!({}), "needs `parallel`"),
        (
            json!({"parallel": 2}),
            "needs `parallel` and `timeoutSeconds`",
        ),
        (json!({"parallel": 0, "timeoutSeconds": 60}), "at least 1"),
        (
            json!({"parallel": 1, "timeoutSeconds": 60, "force": true}),
            "no word `force`",
        ),
        (json!(null), "needs `parallel`"),
    ] {
        let mut world = stage();
        let (answer, _) = drain(&mut world, &body);
        let error = answer.expect_err("refused").to_string();
        assert!(
            error.starts_with("Invalid: ") && error.contains(word),
            "{error}"
        );
        assert!(!cordoned(&world), "{body}");
    }
    let mut world = stage();
    let nobody = kubernetes::act(&mut world, "drain-nodes", "nodes?nodegroup=x", &body());
    assert_eq!(nobody.expect_err("no group").reason, "NotFound");
}

/// Fault, the reason that the claim has, whether nodes are cordoned, how many pods are left, whether
/// it takes until the timeout.
type Struck = (Fault, &'static str, bool, usize, bool);

const STRUCK: [Struck; 6] = [
    (Fault::Throttle, "TooManyRequests", false, 8, false),
    (Fault::ErrorBeforeEffect, "InternalError", false, 8, false),
    (Fault::ErrorAfterEffect, "Timeout", true, 8, false),
    (Fault::DrainTimeout, "", true, 2, true),
    (Fault::Exit1AfterSuccess, "Unauthorized", true, 0, false),
    (Fault::ToolHangs, "", true, 0, true),
];

#[test]
fn what_strikes_a_tool_strikes_it_too() {
    for (fault, reason, closed, pods, takes_all) in STRUCK {
        let mut world = stage();
        world.misbehave(Misbehaviour::of(fault, 1).on("core-a"));
        let before: Timestamp = world.now;
        let (answer, heard) = drain(&mut world, &body());
        let error = answer.expect_err(fault.name());
        assert_eq!(world.struck(fault), 1, "{}", fault.name());
        assert_eq!(error.reason, reason, "{error}");
        assert_eq!(cordoned(&world), closed, "{}", fault.name());
        assert_eq!(left(&world).len(), pods, "{}: {heard}", fault.name());
        let passed = world.now.seconds_since(before);
        assert_eq!(passed == 3600, takes_all, "{}: {passed}", fault.name());
        // Whatever it was, it is over after one time, and the same action done again gets through.
        if fault != Fault::DrainTimeout {
            let (again, _) = drain(&mut world, &body());
            assert!(again.is_ok(), "{}: {again:?}", fault.name());
        }
    }
}
