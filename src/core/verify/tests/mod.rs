//! Every condition, in rows that are sentences: what is seen, and what that makes of it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at whatever it does not know"
)]

mod addons;
mod control_plane;
mod groups;
mod health;
mod unknown;

use super::*;
use serde_json::{Value, json};

/// The change that is waited for was intended then.
const SINCE: &str = "2026-08-22T10:00:00Z";
/// The look is five minutes later.
const NOW: &str = "2026-08-22T10:05:00Z";

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The ground of a precondition.
pub(super) fn before() -> Ground<'static> {
    Ground {
        now: time(NOW),
        since: None,
        health: None,
    }
}

/// The ground of what a step waits for.
pub(super) fn after() -> Ground<'static> {
    Ground {
        now: time(NOW),
        since: Some(time(SINCE)),
        health: None,
    }
}

/// A cluster at 1.32 in the middle of two swaps.
///
/// `core-a` (managed, 1.31) is tainted and still has pods, `core-b` (managed, 1.32) has taken over;
/// `nb-a` (self-managed, 1.31) is tainted, cordoned and empty; `user-a` (self-managed) is as it was.
pub(super) fn picture() -> Value {
    let node = |name: &str, group: &str, kubelet: &str| json!({"name": name, "nodegroup": group, "kubelet": kubelet, "ready": true});
    let leaving = |mut node: Value, cordoned: bool| {
        node["taints"] = json!(["stairway/phase-out"]);
        node["unschedulable"] = json!(cordoned);
        node
    };
    let pod = |namespace: &str, name: &str, node: &str, owner: &str, label: &str| json!({"namespace": namespace, "name": name, "node": node, "owner": owner, "labels": {"app": label}});
    json!({
        "format_version": 1, "kind": "Observation",
        "cluster": {"name": "c", "region": "us-west-2", "account_id": "123456789012"},
        "control_plane": {
            "version": "1.32", "status": "ACTIVE", "support_type": "STANDARD",
            "created_at": "2024-01-01T00:00:00Z",
        },
        "updates": [{
            "id": "u-old", "type": "VersionUpdate", "status": "Successful", "version": "1.32",
            "created_at": "2026-08-20T09:00:00Z", "finished_at": "2026-08-20T09:10:00Z",
        }],
        "nodegroups": groups(),
        "stacks": [
            {"name": "eksctl-c-cluster", "status": "CREATE_COMPLETE"},
            {"name": "eksctl-c-nodegroup-core-a", "status": "CREATE_COMPLETE"},
            {"name": "eksctl-c-nodegroup-nb-a", "status": "CREATE_COMPLETE"},
        ],
        "nodes": [
            leaving(node("a1", "core-a", "1.31.4"), false),
            node("b1", "core-b", "1.32.3"),
            node("b2", "core-b", "1.32.3"),
            leaving(node("n1", "nb-a", "1.31.4"), true),
            node("u1", "user-a", "1.31.4"),
        ],
        "pods": [
            pod("kube-system", "coredns-1", "b1", "ReplicaSet/coredns", "coredns"),
            pod("kube-system", "aws-node-1", "n1", "DaemonSet/aws-node", "aws-node"),
            pod("hub", "jupyter-ann", "a1", "ReplicaSet/jupyter", "jupyter"),
        ],
        "pdbs": [{"namespace": "hub", "name": "users", "allowed": 0, "selector": {"app": "jupyter"}}],
        "workloads": [
            {"kind": "DaemonSet", "namespace": "kube-system", "name": "aws-node",
             "version": "v1.19.0-eksbuild.1", "rolled_out": true},
            {"kind": "Deployment", "namespace": "kube-system", "name": "coredns",
             "version": "v1.11.4-eksbuild.2", "rolled_out": true},
        ],
        "addons": [{
            "name": "vpc-cni", "version": "v1.19.0-eksbuild.1", "status": "ACTIVE",
            "spec": {"resolveConflicts": "preserve"}, "spec_complete": true,
        }],
        "insights": [
            {"id": "i-up", "name": "Deprecated APIs", "category": "UPGRADE_READINESS",
             "version": "1.33", "status": "PASSING"},
            {"id": "i-down", "name": "Rollback of add-ons", "category": "ROLLBACK_READINESS",
             "version": "1.31", "status": "PASSING"},
        ],
    })
}

fn groups() -> Value {
    let group = |name: &str, managed: bool, version: &str| {
        let status = if managed { "ACTIVE" } else { "CREATE_COMPLETE" };
        json!({
            "name": name, "managed": managed, "status": status, "version": version,
            "arn": format!("arn:{name}"), "created_at": "2026-01-02T03:04:05Z",
            "spec": {"minSize": 1, "maxSize": 3}, "spec_complete": true,
        })
    };
    let mut groups = [
        group("core-a", true, "1.31"),
        group("core-b", true, "1.32"),
        group("nb-a", false, "1.31"),
        group("user-a", false, "1.31"),
    ];
    groups[0]["spec"]["taints"] =
        json!([{"key": "stairway/phase-out", "value": "true", "effect": "NoSchedule"}]);
    groups[1]["spec"]["labels"] = json!({"hub.example.org/purpose": "core", "tier": "one"});
    json!(groups)
}

/// Reads a picture as a reader does.
pub(super) fn read(picture: &Value) -> Observation {
    let observed: Observation = serde_json::from_value(picture.clone()).expect("an observation");
    observed.sorted()
}

/// Sets values by JSON pointer; `-` at its end adds to a list.
pub(super) fn edit(picture: &mut Value, edits: &[(&str, Value)]) {
    for (pointer, value) in edits {
        if let Some(list) = pointer.strip_suffix("/-") {
            let list = picture.pointer_mut(list).and_then(Value::as_array_mut);
            list.expect(pointer).push(value.clone());
            continue;
        }
        let (parent, key) = pointer.rsplit_once('/').expect(pointer);
        match picture.pointer_mut(parent).expect(pointer) {
            Value::Array(items) => items[key.parse::<usize>().expect(pointer)] = value.clone(),
            Value::Object(map) => drop(map.insert(key.replace("~1", "/"), value.clone())),
            other => panic!("{pointer}: {other}"),
        }
    }
}

pub(super) fn unread() -> Value {
    json!({"$unknown": "AccessDenied"})
}

pub(super) fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Met(_) => "met",
        Verdict::NotYet(_) => "not yet",
        Verdict::Unknown(_) => "unknown",
        Verdict::Refuted(_) => "refuted",
    }
}

/// Checks rows of one condition on one ground, one to a line:
///
/// `sentence | what the picture shows besides | verdict | what it says`
///
/// What it shows are JSON pointers with their values, joined by ` & `; `/-` at the end of a pointer adds
/// to a list, and the value `?` could not be read.
pub(super) fn check(condition: &Condition, ground: Ground<'_>, rows: &str) {
    let mut wrong = Vec::new();
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let [what, shows, expected, says] = row
            .splitn(4, " |")
            .map(str::trim)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or_else(|_| panic!("no row: {row}"));
        let edits: Vec<(&str, Value)> = shows
            .split(" & ")
            .filter_map(|edit| edit.split_once(' '))
            .map(|(pointer, value)| match value {
                "?" => (pointer, unread()),
                json => (pointer, serde_json::from_str(json).expect(json)),
            })
            .collect();
        let mut picture = picture();
        edit(&mut picture, &edits);
        let verdict = verify(condition, &read(&picture), ground);
        if kind(&verdict) != expected || !verdict.why().contains(says) {
            wrong.push(format!(
                "{what}: not {expected} (`{says}`), but {verdict:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{condition:?}\n{}", wrong.join("\n"));
}

#[test]
fn what_nobody_confirmed_is_unknown() {
    let condition = Condition::OperatorConfirms {
        what: "the DNS entry".to_owned(),
    };
    check(
        &condition,
        after(),
        "nobody said it | | unknown | the DNS entry",
    );
}
