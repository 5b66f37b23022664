//! What the reader makes of nodes, pods and budgets that a test made.

use super::TestCluster;
use serde_json::json;
use stairway::kubernetes::Resource;
use stairway_core::model::{Known, Node, Observation, Pod};

fn read(cluster: &TestCluster) -> Observation {
    cluster
        .reader()
        .read()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn node<'o>(seen: &'o Observation, name: &str) -> &'o Node {
    let found = seen.nodes.items().iter().find(|node| node.name == name);
    found.unwrap_or_else(|| panic!("no node {name} in {:?}", seen.nodes))
}

fn pod<'o>(seen: &'o Observation, namespace: &str, name: &str) -> &'o Pod {
    let mut pods = seen.pods.items().iter();
    let found = pods.find(|pod| pod.namespace == namespace && pod.name == name);
    found.unwrap_or_else(|| panic!("no pod {namespace}/{name} in {:?}", seen.pods))
}

#[test]
fn the_version_is_that_of_the_server_and_lists_that_can_be_read_are_known() {
    let cluster = TestCluster::new();
    let seen = read(&cluster);
    let told = cluster.now("/version")["gitVersion"].clone();
    let told = told.as_str().expect("a version");
    let plane = seen.control_plane.value().expect("a control plane");
    let minor = plane.version.value().expect("a minor").to_string();
    assert!(
        told.starts_with(&format!("v{minor}.")),
        "{told} is not {minor}"
    );
    assert!(
        seen.sources.iter().any(|source| source.contains(told)),
        "{:?}",
        seen.sources
    );
    for (what, unknown) in [
        ("nodes", seen.nodes.unknown()),
        ("pods", seen.pods.unknown()),
        ("budgets", seen.pdbs.unknown()),
        ("workloads", seen.workloads.unknown()),
        ("webhooks", seen.webhooks.unknown()),
        ("aws-auth", seen.aws_auth.unknown()),
        ("deprecated APIs", seen.deprecated_apis.unknown()),
    ] {
        assert_eq!(unknown, None, "{what}");
    }
    // Only AWS can tell.
    assert!(seen.nodegroups.is_unknown() && seen.addons.is_unknown());
}

#[test]
fn a_node_is_read_with_its_group_its_zone_and_the_taints_of_people() {
    let cluster = TestCluster::new();
    let labels = [
        ("topology.kubernetes.io/zone", "eu-west-1b"),
        ("node.kubernetes.io/instance-type", "m7i.large"),
    ];
    let taints = json!([{"key": "team", "value": "data", "effect": "NoSchedule"}]);
    let name = cluster.add_node("a", &labels, &taints);
    let cordon = json!({"spec": {"unschedulable": true}});
    cluster.patch(&format!("/api/v1/nodes/{name}"), &cordon);
    let seen = read(&cluster);
    let node = node(&seen, &name);
    assert_eq!(node.nodegroup, Some(cluster.group()));
    assert_eq!(node.provisioner, None);
    assert_eq!(
        node.kubelet.value().map(ToString::to_string).as_deref(),
        Some("v1.34.1")
    );
    assert_eq!(node.ready, Known::Value(true));
    assert!(node.unschedulable);
    assert_eq!(
        node.taints,
        ["team"],
        "those of the control plane say nothing new"
    );
    assert_eq!(node.zone, Known::Value("eu-west-1b".to_owned()));
    assert_eq!(node.instance_type, Known::Value("m7i.large".to_owned()));
}

#[test]
fn pods_are_read_with_their_owners_and_those_that_ended_are_left_out() {
    let cluster = TestCluster::new();
    let name = cluster.add_node("a", &[], &json!([]));
    let owner = cluster.add_owner("owner");
    cluster.add_pod("owned", &name, &[("app", "web")], Some(&owner));
    cluster.add_pod("bare", &name, &[], None);
    cluster.add_pod("ended", &name, &[], Some(&owner));
    let path = format!(
        "{}/ended/status",
        Resource::PODS.path(Some(cluster.namespace()))
    );
    cluster.patch(&path, &json!({"status": {"phase": "Succeeded"}}));
    let seen = read(&cluster);
    let owned = pod(&seen, cluster.namespace(), "owned");
    assert_eq!(owned.owner, Known::Value("ConfigMap/owner".to_owned()));
    assert_eq!(owned.node.as_deref(), Some(name.as_str()));
    assert_eq!(owned.labels.get("app").map(String::as_str), Some("web"));
    assert!(owned.tolerates_everything);
    assert_eq!(owned.waiting, None);
    assert_eq!(pod(&seen, cluster.namespace(), "bare").owner, Known::Absent);
    let mut pods = seen.pods.items().iter();
    assert!(!pods.any(|pod| pod.namespace == cluster.namespace() && pod.name == "ended"));
}

#[test]
fn a_budget_is_read_with_what_its_controller_has_counted() {
    let cluster = TestCluster::new();
    let name = cluster.add_node("a", &[], &json!([]));
    let owner = cluster.add_owner("owner");
    for pod in ["web-1", "web-2"] {
        cluster.add_pod(pod, &name, &[("app", "web")], Some(&owner));
    }
    cluster.add_budget("web", ("app", "web"), 1, 2);
    let seen = read(&cluster);
    let mut budgets = seen.pdbs.items().iter();
    let budget = budgets
        .find(|one| one.namespace == cluster.namespace())
        .expect("a budget");
    assert_eq!(budget.name, "web");
    assert_eq!(budget.allowed, Known::Value(1));
    assert_eq!(budget.healthy, Known::Value(2));
    assert_eq!(budget.min_available, Known::Value("1".to_owned()));
    assert_eq!(budget.max_unavailable, Known::Absent);
    let selector = budget.selector.value().expect("a selector");
    assert_eq!(selector.get("app").map(String::as_str), Some("web"));
}

/// The served world and the reader are each other's mirror.
#[test]
fn two_readings_of_one_state_are_the_same_bytes() {
    let cluster = TestCluster::new();
    let name = cluster.add_node("a", &[], &json!([]));
    cluster.add_pod("bare", &name, &[], None);
    let own = |seen: Observation| {
        let nodes = seen.nodes.items().iter().filter(|node| node.name == name);
        let pods = seen
            .pods
            .items()
            .iter()
            .filter(|pod| pod.namespace == cluster.namespace());
        json!([nodes.collect::<Vec<_>>(), pods.collect::<Vec<_>>()]).to_string()
    };
    let (one, other) = (own(read(&cluster)), own(read(&cluster)));
    assert_eq!(one, other);
    assert!(one.contains("bare"), "{one}");
}
