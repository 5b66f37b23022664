//! Objects that nobody should have stored.

use super::super::{admission, auth, budgets, nodes, pods, workloads};
use super::listed;
use serde_json::{Value, json};
use stairway_core::model::Known;

const ZONE: &str = "topology.kubernetes.io/zone";

/// Whatever a server puts in place of anything: no panic, and reasons that are one bounded line.
#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn hostile_objects_make_facts_unknown_with_reasons_of_one_line() {
    let long = "x".repeat(1 << 20);
    let mut deep = json!("bottom");
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let poisons = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!(long),
        json!("\u{1b}[31m\n\r\u{0}"),
        json!("\u{202e}gnp"),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"a": {}}),
        json!([null]),
        deep,
    ];
    let object = json!({
        "metadata": {"name": "n", "namespace": "s", "generation": 1, "labels": {"a": "b"}, "annotations": {"a": "b"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "n", "controller": true}]},
        "spec": {
            "nodeName": "n", "unschedulable": false, "taints": [{"key": "k", "effect": "NoSchedule"}],
            "containers": [{"name": "n", "image": "i:v1.0.0", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}],
            "initContainers": [{"restartPolicy": "Always"}], "overhead": {"cpu": "1"}, "resources": {"requests": {"cpu": "1"}},
            "tolerations": [{"operator": "Exists", "key": "k"}], "nodeSelector": {"a": "b"},
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]}]}}},
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "persistentVolumeClaim": {"claimName": "n"}}],
            "volumeName": "n", "nodeAffinity": {"required": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["v"]}]}]}},
            "selector": {"matchLabels": {"a": "b"}}, "minAvailable": 1, "maxUnavailable": "1%", "replicas": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "template": {"spec": {"containers": [{"name": "n", "image": "i:v1.0.0"}]}},
        },
        "status": {
            "phase": "Running", "observedGeneration": 1, "disruptionsAllowed": 1, "expectedPods": 1, "currentHealthy": 1,
            "updatedReplicas": 1, "replicas": 1, "availableReplicas": 1, "desiredNumberScheduled": 1,
            "nodeInfo": {"kubeletVersion": "v1.33.1"}, "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"state": {"waiting": {"reason": "R"}}}],
        },
        "webhooks": [{"name": "w", "failurePolicy": "Fail", "timeoutSeconds": 1,
            "clientConfig": {"service": {"namespace": "s", "name": "n"}},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "operations": ["*"]}],
            "namespaceSelector": {"matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]},
            "objectSelector": {"matchLabels": {"a": "b"}}, "matchConditions": [{"name": "c"}]}],
        "data": {"mapRoles": "- {rolearn: r}", "mapUsers": "[]"},
    });
    let mut places = Vec::new();
    pointers(&object, String::new(), &mut places);
    assert!(places.len() > 100, "every part of it is poisoned once");
    for place in &places {
        for poison in &poisons {
            let mut poisoned = object.clone();
            if let Some(part) = poisoned.pointer_mut(place) {
                *part = poison.clone();
            }
            for name in ["n", "kube-proxy", "coredns"] {
                let mut named = poisoned.clone();
                if let Some(own) = named
                    .pointer_mut("/metadata/name")
                    .filter(|own| *own == "n")
                {
                    *own = json!(name);
                }
                check_reasons(&everything(&named), place);
            }
        }
    }
}

fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    found.push(at.clone());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, part)| {
            pointers(part, format!("{at}/{}", key.replace('/', "~1")), found)
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, part)| pointers(part, format!("{at}/{index}"), found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Everything that can be made of one object, whatever its kind.
fn everything(object: &Value) -> Value {
    let list = listed(std::slice::from_ref(object));
    let beside = pods::Beside::of(&list, &list, &list);
    let around = admission::Around::of(&list, &Ok(Some(object.clone())));
    json!([
        nodes::nodes(&list),
        pods::pods(&list, &beside),
        budgets::budgets(&list),
        workloads::workloads(&list, &list),
        admission::webhooks(&list, &list, &around),
        serde_json::to_value(auth::aws_auth(&Ok(Some(object.clone())))).expect("JSON"),
    ])
}

fn check_reasons(value: &Value, place: &str) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(why)) = map.get("$unknown") {
                assert!(!why.chars().any(char::is_control), "{place}: {why:?}");
                assert!(why.chars().count() <= 401, "{place}: {} bytes", why.len());
            }
            map.values().for_each(|part| check_reasons(part, place));
        }
        Value::Array(items) => items.iter().for_each(|part| check_reasons(part, place)),
        Value::String(text) => {
            assert!(
                text.len() <= 2_048,
                "{place}: a fact of {} bytes",
                text.len()
            );
            assert!(!text.chars().any(char::is_control), "{place}: {text:?}");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn an_object_that_is_listed_twice_makes_the_list_unknown() {
    let one = json!({"metadata": {"name": "n"}});
    assert_eq!(
        nodes::nodes(&listed(&[one.clone(), one])),
        Known::Unknown(
            "`n` of the listed nodes cannot be understood: it is listed twice".to_owned()
        )
    );
}
