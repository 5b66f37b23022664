//! What a real API server answered (`testdata/kubernetes`), read as facts.

use super::super::{budgets, metrics, nodes, pods, workloads};
use super::listed;
use serde_json::{Value, json};
use stairway_core::model::{Known, Observation};

macro_rules! body {
    ($file:literal) => {
        body(include_str!(concat!(
            "../../../../testdata/kubernetes/",
            $file,
            ".http.json"
        )))
    };
}

fn body(text: &str) -> Value {
    let file: Value = serde_json::from_str(text).expect("JSON");
    file.pointer("/response/body").cloned().expect("a body")
}

fn items(list: &Value) -> super::Fetched {
    Ok(list["items"].as_array().cloned().expect("items"))
}

fn json_of(fact: &impl serde::Serialize) -> Value {
    serde_json::to_value(fact).expect("JSON")
}

#[test]
fn nodes_of_a_real_server() {
    let node = |name: &str| {
        json!({
            "name": name, "nodegroup": "green", "kubelet": "v1.35.6-eks-0a1b2c3", "ready": true,
            "unschedulable": false, "zone": null, "instance_type": null,
        })
    };
    let found = nodes::nodes(&items(&body!("12-nodes-label-selector")));
    assert_eq!(json_of(&found), json!([node("node-d"), node("node-e")]));
    let cordoned = nodes::nodes(&listed(&[body!("16-node-taint-strategic-patch")]));
    assert_eq!(json_of(&cordoned)[0]["unschedulable"], true);
    assert_eq!(
        json_of(&cordoned)[0]["taints"],
        json!(["stairway.example/step"])
    );
    let pages = [
        body!("07-nodes-page-1"),
        body!("08-nodes-page-2"),
        body!("09-nodes-page-3-last"),
    ];
    let all: Vec<Value> = pages
        .iter()
        .flat_map(|page| items(page).expect("items"))
        .collect();
    let found = nodes::nodes(&Ok(all));
    let names: Vec<&str> = found
        .items()
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    assert_eq!(names, ["node-a", "node-b", "node-c", "node-d", "node-e"]);
}

#[test]
fn pods_of_a_real_server() {
    let set = json!({
        "metadata": {"name": "solo-6c8b9cb764", "namespace": "shop", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "solo", "controller": true}]},
    });
    let beside = pods::Beside::of(&listed(&[set]), &listed(&[]), &listed(&[]));
    let found = pods::pods(&items(&body!("26-pods-on-node")), &beside);
    let pod = |namespace: &str, name: &str, owner: &str, labels: Value| {
        json!({
            "namespace": namespace, "name": name, "node": "node-e", "owner": owner, "labels": labels,
            "cpu_millis": 0, "memory_mib": 0, "volume_zones": [], "tolerates_everything": false,
            "node_selector": {}, "empty_dir": false,
        })
    };
    let daemon = json!({"controller-revision-hash": "7cc99d6f44", "k8s-app": "aws-node", "pod-template-generation": "1"});
    let solo = json!({"app": "solo", "pod-template-hash": "6c8b9cb764"});
    assert_eq!(
        json_of(&found),
        json!([
            pod(
                "kube-system",
                "aws-node-p0001",
                "DaemonSet/aws-node",
                daemon
            ),
            pod("shop", "solo-6c8b9cb764-p0001", "Deployment/solo", solo),
        ])
    );
    assert!(found.items()[0].is_daemon());
}

#[test]
fn a_budget_of_a_real_server() {
    let found = budgets::budgets(&listed(&[body!("37-pdb-status")]));
    assert_eq!(
        json_of(&found),
        json!([{
            "namespace": "kube-system", "name": "coredns", "allowed": 1, "selector": {"k8s-app": "kube-dns"},
            "min_available": null, "max_unavailable": "1", "expected": 2, "healthy": 2, "evicts_unhealthy": false,
        }])
    );
}

#[test]
fn workloads_of_a_real_server() {
    let found = workloads::workloads(
        &listed(&[body!("38-daemonset-status")]),
        &listed(&[body!("39-deployment-status")]),
    );
    let workload = |kind: &str, name: &str, version: &str| json!({"kind": kind, "namespace": "kube-system", "name": name, "version": version, "rolled_out": true});
    assert_eq!(
        json_of(&found),
        json!([
            workload("DaemonSet", "aws-node", "v1.19.0"),
            workload("Deployment", "coredns", "v1.11.3"),
        ])
    );
    // The answer to a patch: the status is that of the old generation and looks finished.
    let patched = listed(&[body!("40-deployment-set-image")]);
    let found = workloads::workloads(&listed(&[]), &patched);
    assert_eq!(found.items()[0].rolled_out, Known::Value(false));
}

/// Every state that a rollout goes through, and only the last one is the end.
#[test]
fn rollouts_of_a_real_server_are_over_when_they_are() {
    for (events, is_daemon) in [
        (body!("41-deployment-rollout-watch"), false),
        (body!("42-daemonset-rollout-watch"), true),
    ] {
        let events = events.as_array().cloned().expect("events");
        let over: Vec<bool> = events
            .iter()
            .map(|event| {
                let (own, none) = (listed(&[event["object"].clone()]), listed(&[]));
                let found = if is_daemon {
                    workloads::workloads(&own, &none)
                } else {
                    workloads::workloads(&none, &own)
                };
                found.items()[0].rolled_out == Known::Value(true)
            })
            .collect();
        let (last, before) = over.split_last().expect("events");
        assert!(
            *last && before.len() > 3 && !before.contains(&true),
            "{over:?}"
        );
    }
}

#[test]
fn metrics_of_a_real_server() {
    let text = body!("99-metrics-deprecated-apis");
    let found = metrics::deprecated(&Ok(text.as_str().expect("text").to_owned()));
    assert_eq!(
        json_of(&found),
        json!([
            {"group_version": "v1", "resource": "endpoints", "removed_in": null},
            {"group_version": "cluster.x-k8s.io/v1beta1", "resource": "clusters", "removed_in": null},
        ])
    );
}

/// What is read survives being saved and read again, unknown facts with their reasons.
#[test]
fn facts_survive_a_file() {
    let cluster = stairway_core::model::ClusterId {
        name: "c".to_owned(),
        region: String::new(),
        account_id: None,
        endpoint: None,
        certificate_authority: None,
    };
    let mut seen = Observation::unknown(cluster, "kubernetes: context c (v1)");
    let beside = pods::Beside::of(&super::failed(), &super::failed(), &super::failed());
    seen.nodes = nodes::nodes(&items(&body!("12-nodes-label-selector")));
    seen.pods = pods::pods(&items(&body!("26-pods-on-node")), &beside);
    seen.pdbs = budgets::budgets(&super::failed());
    let again: Observation = serde_json::from_value(json_of(&seen)).expect("an observation");
    assert_eq!(again, seen);
}
