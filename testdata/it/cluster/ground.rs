//! The served cluster: one of everything that is read.

use serde_json::{Value, json};
use stairway_core::model::Observation;
use stairway_world::{Offers, World};

/// The group whose nodes are drained, and its nodes.
pub(super) const GROUP: &str = "blue";
/// The pods that a drain of it moves.
pub(super) const MOVED: [&str; 3] = ["web-85d8d878f-p0001", "web-85d8d878f-p0002", "db-0"];
pub(super) const SHOP: &str = "shop";

fn node(name: &str, group: &str) -> Value {
    json!({
        "name": name, "nodegroup": group, "kubelet": "v1.34.1-eks-0a1b2c3", "ready": true,
        "taints": ["dedicated"], "zone": "eu-west-1a", "instance_type": "m7i.large",
    })
}

fn group(name: &str) -> Value {
    json!({
        "name": name, "managed": true, "status": "ACTIVE", "version": "1.34", "arn": format!("arn:{name}"),
        "created_at": "2025-12-01T00:00:00Z", "spec_complete": true,
        "spec": {"name": name, "minSize": 1, "maxSize": 4, "desiredCapacity": 2, "instanceType": "m7i.large"},
    })
}

fn pod(namespace: &str, name: &str, node: &str, owner: &str, label: (&str, &str)) -> Value {
    json!({
        "namespace": namespace, "name": name, "node": node, "owner": owner, "labels": {label.0: label.1},
        "cpu_millis": 100, "memory_mib": 128, "volume_zones": [], "node_selector": {}, "empty_dir": false,
        "tolerates_everything": owner.starts_with("DaemonSet"),
    })
}

fn pods() -> Value {
    let mut db = pod(SHOP, "db-0", "node-b", "StatefulSet/db", ("app", "db"));
    db["volume_zones"] = json!(["eu-west-1a"]);
    json!([
        pod(
            "kube-system",
            "aws-node-p0001",
            "node-a",
            "DaemonSet/aws-node",
            ("k8s-app", "aws-node")
        ),
        pod(
            "kube-system",
            "aws-node-p0002",
            "node-b",
            "DaemonSet/aws-node",
            ("k8s-app", "aws-node")
        ),
        pod(
            "kube-system",
            "aws-node-p0003",
            "node-c",
            "DaemonSet/aws-node",
            ("k8s-app", "aws-node")
        ),
        pod(
            "kube-system",
            "coredns-57bfcb5659-p0001",
            "node-c",
            "Deployment/coredns",
            ("k8s-app", "kube-dns")
        ),
        pod(SHOP, MOVED[0], "node-a", "Deployment/web", ("app", "web")),
        pod(SHOP, MOVED[1], "node-b", "Deployment/web", ("app", "web")),
        db,
    ])
}

/// Returns a cluster of which everything is known that Kubernetes can tell.
pub(super) fn world() -> World {
    let seen = json!({
        "format_version": 1,
        "kind": "Observation",
        "cluster": {"name": "served", "region": "eu-west-1", "account_id": "111122223333"},
        "observed_at": "2026-01-01T00:00:00Z",
        "control_plane": {
            "version": "1.35", "status": "ACTIVE", "created_at": "2025-12-01T00:00:00Z",
            "support_type": "STANDARD", "auto_mode": false,
        },
        "updates": [], "stacks": [], "addons": [], "insights": [], "subnets": [], "quotas": {},
        "nodegroups": [group(GROUP), group("green")],
        "nodes": [node("node-a", GROUP), node("node-b", GROUP), node("node-c", "green")],
        "pods": pods(),
        "pdbs": [{
            "namespace": SHOP, "name": "web", "allowed": 2, "selector": {"app": "web"},
            "min_available": null, "max_unavailable": "2", "expected": 2, "healthy": 2, "evicts_unhealthy": false,
        }],
        "workloads": [
            {"kind": "DaemonSet", "namespace": "kube-system", "name": "aws-node", "version": "v1.19.0", "rolled_out": true},
            {"kind": "Deployment", "namespace": "kube-system", "name": "coredns", "version": "v1.11.4", "rolled_out": true},
        ],
        "deprecated_apis": [{"group_version": "policy/v1beta1", "resource": "poddisruptionbudgets", "removed_in": "1.25"}],
        "webhooks": [{
            "kind": "Mutating", "configuration": "load-balancer", "name": "mpod.elbv2.k8s.aws", "fails_closed": true,
            "namespace": "kube-system", "service": "load-balancer-webhook", "selector": {"app": "load-balancer"},
            "resources": ["pods"], "excludes_kube_system": {"$unknown": "labels of namespaces"}, "timeout_seconds": 10,
        }, {
            "kind": "Validating", "configuration": "policy", "name": "validate.policy.example", "fails_closed": false,
            "resources": ["apps/deployments"], "excludes_kube_system": true, "timeout_seconds": 5,
        }],
        "aws_auth": [{"role_arn": "arn:aws:iam::111122223333:role/nodes", "username": "system:node:{{EC2PrivateDNSName}}", "groups": ["system:nodes"]}],
        "aws_auth_users": 1,
    });
    let seen: Observation = serde_json::from_value(seen).expect("an observation");
    let start = super::now();
    World::of(seen, Offers::new(), start)
}
