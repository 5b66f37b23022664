//! Cordons and taints: what is written, and what of others stays.

use super::{TestCluster, kube};
use serde_json::{Value, json};

const OURS: &str = "stairway.test/leaving";

fn node(cluster: &TestCluster, name: &str) -> Value {
    cluster.now(&format!("/api/v1/nodes/{name}"))
}

/// The taints that people gave, `key=value:effect`.
fn taints(node: &Value) -> Vec<String> {
    let all = node["spec"]["taints"].as_array().into_iter().flatten();
    let text = |taint: &Value, key: &str| taint[key].as_str().unwrap_or_default().to_owned();
    let mut found: Vec<String> = all
        .filter(|taint| !text(taint, "key").starts_with("node.kubernetes.io/"))
        .map(|one| {
            format!(
                "{}={}:{}",
                text(one, "key"),
                text(one, "value"),
                text(one, "effect")
            )
        })
        .collect();
    found.sort();
    found
}

#[test]
fn nodes_are_cordoned_and_uncordoned_once_each() {
    let cluster = TestCluster::new();
    let names = [
        cluster.add_node("a", &[], &json!([])),
        cluster.add_node("b", &[], &json!([])),
    ];
    let other = cluster.add_node("other", &[(super::GROUP, "another-group")], &json!([]));
    for (closed, word) in [(true, "changed 2 of 2"), (false, "changed 2 of 2")] {
        let body = json!({"unschedulable": closed});
        let done = cluster.on_group("patch-nodes", &body);
        assert!(done.ok, "{done:?}");
        assert!(done.said.contains(word), "{}", done.said);
        for name in &names {
            let is_closed = node(&cluster, name)["spec"]["unschedulable"] == json!(true);
            assert_eq!(is_closed, closed, "{name}");
        }
        assert_ne!(node(&cluster, &other)["spec"]["unschedulable"], json!(true));
        let version = |name: &String| node(&cluster, name)["metadata"]["generation"].clone();
        let before: Vec<Value> = names.iter().map(version).collect();
        let again = cluster.on_group("patch-nodes", &body);
        assert!(
            again.ok && again.said.contains("2 were so already"),
            "{again:?}"
        );
        assert_eq!(names.iter().map(version).collect::<Vec<_>>(), before);
    }
}

#[test]
fn the_taints_of_others_stay() {
    let cluster = TestCluster::new();
    let theirs = json!([
        {"key": "team", "value": "data", "effect": "NoSchedule"},
        {"key": OURS, "value": "x", "effect": "PreferNoSchedule"},
    ]);
    let name = cluster.add_node("a", &[], &theirs);
    let add =
        json!({"addOrUpdateTaints": [{"key": OURS, "value": "true", "effect": "NoSchedule"}]});
    let done = cluster.on_group("patch-nodes", &add);
    assert!(done.ok, "{done:?}");
    let both = [
        format!("{OURS}=true:NoSchedule"),
        format!("{OURS}=x:PreferNoSchedule"),
        "team=data:NoSchedule".to_owned(),
    ];
    assert_eq!(
        taints(&node(&cluster, &name)),
        both,
        "key and effect tell taints apart"
    );
    let remove =
        json!({"removeTaints": [{"key": OURS, "effect": "NoSchedule"}], "unschedulable": true});
    let done = cluster.on_group("patch-nodes", &remove);
    assert!(done.ok, "{done:?}");
    assert_eq!(taints(&node(&cluster, &name)), both[1..]);
    assert_eq!(node(&cluster, &name)["spec"]["unschedulable"], json!(true));
}

#[test]
fn a_group_without_nodes_has_nothing_to_change_and_nonsense_is_refused() {
    let cluster = TestCluster::new();
    let done = cluster.on_group("patch-nodes", &json!({"unschedulable": true}));
    assert!(done.ok && done.said.contains("has no nodes"), "{done:?}");
    let group = format!("nodes?nodegroup={}", cluster.group());
    let rows: [(&str, &str, &str, Value); 6] = [
        ("a verb that nobody knows", "delete", &group, json!({})),
        (
            "a word that nobody knows",
            "patch-nodes",
            &group,
            json!({"uncordon": true}),
        ),
        (
            "a selector in a name",
            "patch-nodes",
            "nodes?nodegroup=a,b!=c",
            json!({"unschedulable": true}),
        ),
        (
            "another object",
            "patch",
            "deployments/kube-system/coredns",
            json!({}),
        ),
        (
            "a path in a name",
            "patch",
            "daemonsets/kube-system/../../secrets",
            json!({}),
        ),
        ("no time", "drain-nodes", &group, json!({"parallel": 1})),
    ];
    let actuator = cluster.actuator();
    for (says, verb, object, body) in rows {
        let done = kube(&actuator, verb, object, &body);
        assert!(
            !done.ok && done.said.contains("is refused"),
            "{says}: {done:?}"
        );
    }
}
