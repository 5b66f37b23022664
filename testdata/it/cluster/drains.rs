//! Drains through the Eviction API, and what holds them up.

use super::{TestCluster, kube};
use serde_json::{Value, json};
use stairway::kubernetes::{Object, Resource, Trouble};
use std::collections::BTreeMap;

fn drain(more: &Value) -> Value {
    let mut body = json!({"parallel": 2, "timeoutSeconds": 60, "gracePeriodSeconds": 1});
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    body
}

fn is_cordoned(cluster: &TestCluster, node: &str) -> bool {
    cluster.now(&format!("/api/v1/nodes/{node}"))["spec"]["unschedulable"] == json!(true)
}

/// The pods of the test's namespace that are on a node: name and uid.
fn on_nodes(cluster: &TestCluster) -> BTreeMap<String, String> {
    let list = cluster.now(&Resource::PODS.path(Some(cluster.namespace())));
    let pods = list["items"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    pods.iter()
        .filter(|pod| !pod["spec"]["nodeName"].is_null())
        .map(|pod| {
            (
                text(&pod["metadata"]["name"]),
                text(&pod["metadata"]["uid"]),
            )
        })
        .collect()
}

#[test]
fn a_drain_empties_the_nodes_of_its_group_and_no_other() {
    let cluster = TestCluster::new();
    let nodes = [
        cluster.add_node("a", &[], &json!([])),
        cluster.add_node("b", &[], &json!([])),
    ];
    let other = cluster.add_node("other", &[(super::GROUP, "another-group")], &json!([]));
    let owner = cluster.add_owner("owner");
    for (name, node) in [("one", &nodes[0]), ("two", &nodes[0]), ("three", &nodes[1])] {
        cluster.add_pod(name, node, &[("app", "web")], Some(&owner));
    }
    let stays = cluster.add_pod("four", &other, &[("app", "web")], Some(&owner));
    cluster.add_budget("web", ("app", "web"), 1, 4);
    let done = cluster.on_group("drain-nodes", &drain(&json!({})));
    assert!(done.ok, "{done:?}");
    assert!(done.said.contains("drained 2 nodes"), "{}", done.said);
    for pod in ["one", "two", "three"] {
        let line = format!("evicting pod {}/{pod} ", cluster.namespace());
        let said = done.tail.iter().any(|one| one.contains(&line));
        assert!(said, "{done:?}");
    }
    assert!(nodes.iter().all(|node| is_cordoned(&cluster, node)));
    assert!(!is_cordoned(&cluster, &other));
    assert_eq!(
        on_nodes(&cluster),
        BTreeMap::from([("four".to_owned(), stays)])
    );
    let again = cluster.on_group("drain-nodes", &drain(&json!({})));
    assert!(
        again.ok && !again.tail.iter().any(|line| line.contains("evicting")),
        "{again:?}"
    );
}

#[test]
fn a_drain_of_nothing_is_done_at_once() {
    let cluster = TestCluster::new();
    let none = cluster.on_group("drain-nodes", &drain(&json!({})));
    assert!(none.ok && none.said.contains("has no nodes"), "{none:?}");
    let node = cluster.add_node("a", &[], &json!([]));
    let empty = cluster.on_group("drain-nodes", &drain(&json!({})));
    assert!(
        empty.ok && empty.said.contains("drained 1 node "),
        "{empty:?}"
    );
    assert!(is_cordoned(&cluster, &node));
}

#[test]
fn a_budget_that_allows_nothing_is_named_and_its_pod_stays() {
    let cluster = TestCluster::new();
    let node = cluster.add_node("a", &[], &json!([]));
    let owner = cluster.add_owner("owner");
    let guarded = cluster.add_pod("guarded", &node, &[("app", "web")], Some(&owner));
    cluster.add_pod("free", &node, &[("app", "free")], Some(&owner));
    cluster.add_budget("web", ("app", "web"), 1, 1);
    let done = cluster.on_group("drain-nodes", &drain(&json!({"timeoutSeconds": 4})));
    assert!(!done.ok, "{done:?}");
    for word in [
        "/guarded`",
        &format!("`{}/web`", cluster.namespace()),
        "stay cordoned",
    ] {
        assert!(
            done.said.contains(word),
            "`{word}` is missing: {}",
            done.said
        );
    }
    assert!(!done.said.contains("/free`"), "{}", done.said);
    assert!(is_cordoned(&cluster, &node));
    assert_eq!(
        on_nodes(&cluster),
        BTreeMap::from([("guarded".to_owned(), guarded)])
    );
}

#[test]
fn a_pod_that_nobody_makes_again_leaves_only_when_the_plan_accepts_that() {
    let cluster = TestCluster::new();
    let node = cluster.add_node("a", &[], &json!([]));
    let owner = cluster.add_owner("owner");
    cluster.add_pod("bare", &node, &[], None);
    cluster.add_pod("owned", &node, &[], Some(&owner));
    let refused = cluster.on_group("drain-nodes", &drain(&json!({})));
    assert!(
        !refused.ok && refused.said.contains("/bare`"),
        "{refused:?}"
    );
    assert!(
        refused.said.contains("Nothing was evicted"),
        "{}",
        refused.said
    );
    assert_eq!(on_nodes(&cluster).len(), 2);
    let done = cluster.on_group("drain-nodes", &drain(&json!({"barePods": true})));
    assert!(done.ok, "{done:?}");
    assert_eq!(on_nodes(&cluster), BTreeMap::new());
}

#[test]
fn an_eviction_is_of_one_pod_and_not_of_the_next_with_its_name() {
    let cluster = TestCluster::new();
    let node = cluster.add_node("a", &[], &json!([]));
    let first = cluster.add_pod("same", &node, &[], None);
    cluster.finish_pod("same", &first);
    cluster.until("no pod", Resource::PODS, |pods| {
        pods.is_empty().then_some(())
    });
    let second = cluster.add_pod("same", &node, &[], None);
    assert_ne!(first, second);
    let pod = Object::within(Resource::PODS, cluster.namespace(), "same");
    let error = cluster
        .writes()
        .evict(&pod, &first, Some(0))
        .expect_err("it is another pod");
    assert_eq!(error.trouble, Trouble::Conflict, "{error}");
    assert_eq!(
        on_nodes(&cluster),
        BTreeMap::from([("same".to_owned(), second.clone())])
    );
    cluster
        .writes()
        .evict(&pod, &second, Some(0))
        .unwrap_or_else(|error| panic!("{error}"));
    cluster.until("no pod", Resource::PODS, |pods| {
        pods.is_empty().then_some(())
    });
    let gone = cluster
        .writes()
        .evict(&pod, &second, Some(0))
        .expect_err("there is none");
    assert_eq!(gone.trouble, Trouble::NotFound, "{gone}");
}

#[test]
fn a_drain_that_is_stopped_leaves_the_rest_where_it_is() {
    let cluster = TestCluster::new();
    let node = cluster.add_node("a", &[], &json!([]));
    let owner = cluster.add_owner("owner");
    cluster.add_pod("guarded", &node, &[("app", "web")], Some(&owner));
    cluster.add_budget("web", ("app", "web"), 1, 1);
    let heard = std::cell::Cell::new(false);
    let group = format!("nodes?nodegroup={}", cluster.group());
    let done = cluster.actuator().kube(
        "drain-nodes",
        &group,
        &drain(&json!({})),
        &mut |line| heard.set(heard.get() || line.contains("stays on node")),
        &|| {
            if heard.get() {
                stairway::drive::Interrupt::Twice
            } else {
                stairway::drive::Interrupt::None
            }
        },
    );
    assert!(!done.ok && done.stopped, "{done:?}");
    assert!(done.said.contains("stay cordoned"), "{}", done.said);
    assert!(is_cordoned(&cluster, &node));
    assert_eq!(on_nodes(&cluster).len(), 1);
    let opened = kube(
        &cluster.actuator(),
        "patch-nodes",
        &group,
        &json!({"unschedulable": false}),
    );
    assert!(opened.ok && !is_cordoned(&cluster, &node), "{opened:?}");
}
