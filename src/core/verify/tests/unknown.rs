//! A fact that is unknown satisfies nothing.
//!
//! First by hand: for every condition the facts that it must read. Then by
//! search: where a condition stays Met although facts are unknown, no value of
//! those facts could have given another verdict.

use super::*;
use crate::journal::Health;
use crate::model::KubeMinor;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A condition that the picture meets, with the facts that it must read.
type Reads = (Condition, &'static [&'static str]);

const MINOR: KubeMinor = KubeMinor::of(32);

fn met() -> Vec<Reads> {
    [of_the_cluster(), of_groups(), of_nodes(), of_addons()].concat()
}

fn map(value: &Value) -> serde_json::Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

fn of_the_cluster() -> Vec<Reads> {
    vec![
        (
            Condition::ControlPlaneSettled { version: MINOR },
            &[
                "/control_plane",
                "/control_plane/version",
                "/control_plane/status",
                "/updates",
            ],
        ),
        (
            Condition::NodesWithinSkew { version: MINOR },
            &[
                "/nodegroups",
                "/nodes",
                "/nodegroups/2/version",
                "/nodes/4/kubelet",
            ],
        ),
        (
            Condition::UpgradeInsightsClear {
                version: MINOR,
                accepted: Vec::new(),
            },
            &["/insights"],
        ),
        (Condition::RollbackInsightsClear, &["/insights"]),
        (
            Condition::SupportType {
                value: "STANDARD".to_owned(),
            },
            &["/control_plane", "/control_plane/support_type"],
        ),
        (
            Condition::HealthNotWorse { seconds: 60 },
            &[
                "/nodes",
                "/pods",
                "/workloads",
                "/nodes/0/ready",
                "/workloads/1/rolled_out",
            ],
        ),
    ]
}

fn of_groups() -> Vec<Reads> {
    vec![
        (
            Condition::NodegroupAbsent {
                nodegroup: "new".to_owned(),
            },
            &["/nodegroups", "/stacks", "/nodes"],
        ),
        (
            Condition::NodegroupActive {
                nodegroup: "nb-a".to_owned(),
                version: None,
            },
            &["/nodegroups", "/nodegroups/2/status"],
        ),
        (
            Condition::NodegroupActive {
                nodegroup: "core-b".to_owned(),
                version: Some(MINOR),
            },
            &[
                "/nodegroups",
                "/nodes",
                "/nodegroups/1/status",
                "/nodegroups/1/version",
                "/nodes/1/kubelet",
            ],
        ),
        (
            Condition::NodegroupIdentity {
                nodegroup: "core-a".to_owned(),
                arn: "arn:core-a".to_owned(),
                created_at: "2026-01-02T03:04:05Z".to_owned(),
            },
            &[
                "/nodegroups",
                "/nodegroups/0/arn",
                "/nodegroups/0/created_at",
            ],
        ),
        (
            Condition::NodegroupScaling {
                nodegroup: "core-b".to_owned(),
                min: 1,
                max: 3,
            },
            &[
                "/nodegroups",
                "/nodegroups/1/spec/minSize",
                "/nodegroups/1/spec/maxSize",
            ],
        ),
        (
            Condition::NodegroupSettings {
                nodegroup: "core-b".to_owned(),
                fields: Vec::new(),
                was: serde_json::Map::new(),
                expected: map(&json!({"labels.tier": "one", "labels.old": null, "taints": []})),
            },
            &[
                "/nodegroups",
                "/nodegroups/1/spec/labels",
                "/nodegroups/1/spec/taints",
            ],
        ),
    ]
}

fn of_nodes() -> Vec<Reads> {
    vec![
        (
            Condition::NodesReady {
                nodegroup: "core-b".to_owned(),
                at_least: 2,
                version: MINOR,
            },
            &[
                "/nodegroups",
                "/nodes",
                "/nodegroups/1/version",
                "/nodes/1/ready",
                "/nodes/2/kubelet",
            ],
        ),
        (
            Condition::NodegroupTainted {
                nodegroup: "core-a".to_owned(),
            },
            &["/nodegroups", "/nodegroups/0/spec/taints"],
        ),
        (
            Condition::NodegroupTainted {
                nodegroup: "nb-a".to_owned(),
            },
            &["/nodegroups", "/nodes"],
        ),
        (
            Condition::NodegroupCordoned {
                nodegroup: "nb-a".to_owned(),
            },
            &["/nodes"],
        ),
        (
            Condition::NodegroupUntainted {
                nodegroup: "core-b".to_owned(),
            },
            &["/nodegroups", "/nodes", "/nodegroups/1/spec/taints"],
        ),
        (
            Condition::NodegroupUncordoned {
                nodegroup: "core-b".to_owned(),
            },
            &["/nodes"],
        ),
        (
            Condition::NodegroupEmpty {
                nodegroup: "nb-a".to_owned(),
            },
            &["/nodes", "/pods", "/pods/1/owner"],
        ),
        (
            Condition::NodegroupNotBusy {
                nodegroup: "nb-a".to_owned(),
                activity: Vec::new(),
            },
            &["/nodes", "/pods", "/pods/1/owner"],
        ),
        (
            Condition::CoreElsewhere {
                nodegroup: "core-a".to_owned(),
                core: vec!["core-b".to_owned()],
            },
            &["/nodes"],
        ),
    ]
}

fn of_addons() -> Vec<Reads> {
    vec![
        (
            Condition::AddonActive {
                addon: "vpc-cni".to_owned(),
                version: "v1.19.0-eksbuild.1".parse().expect("a version"),
            },
            &["/addons", "/addons/0/version", "/addons/0/status"],
        ),
        (
            Condition::AddonAbsent {
                addon: "new".to_owned(),
            },
            &["/addons"],
        ),
        (
            Condition::AddonSettings {
                addon: "vpc-cni".to_owned(),
                expected: map(
                    &json!({"resolveConflicts": "preserve", "configurationValues": null}),
                ),
            },
            &[
                "/addons",
                "/addons/0/status",
                "/addons/0/spec/resolveConflicts",
                "/addons/0/spec/configurationValues",
            ],
        ),
        (
            Condition::WorkloadRolledOut {
                workload: "DaemonSet".to_owned(),
                name: "aws-node".to_owned(),
                version: Some("v1.19.0-eksbuild.1".parse().expect("a version")),
            },
            &[
                "/workloads",
                "/workloads/0/rolled_out",
                "/workloads/0/version",
            ],
        ),
    ]
}

/// Whatever a live reader leaves out of a spec is unknown; here every group says what it has.
fn whole() -> Value {
    let mut picture = picture();
    let groups = picture["nodegroups"].as_array_mut().expect("groups");
    for spec in groups.iter_mut().map(|group| &mut group["spec"]) {
        for key in ["taints", "labels"] {
            let spec = spec.as_object_mut().expect("a spec");
            spec.entry(key).or_insert(Value::Null);
        }
    }
    picture["addons"][0]["spec"]["configurationValues"] = Value::Null;
    for list in ["nodegroups", "addons"] {
        for item in picture[list].as_array_mut().expect(list) {
            item["spec_complete"] = json!(false);
        }
    }
    picture
}

fn grounds(health: &Health) -> [Ground<'_>; 2] {
    let ground = Ground {
        health: Some(health),
        ..after()
    };
    [
        ground,
        Ground {
            since: None,
            ..ground
        },
    ]
}

fn baseline() -> Health {
    health_of(&read(&whole())).expect("a baseline")
}

fn with(picture: &Value, edits: &[(&str, Value)]) -> Observation {
    let mut picture = picture.clone();
    edit(&mut picture, edits);
    read(&picture)
}

#[test]
fn every_fact_that_a_condition_must_read_is_read() {
    let health = baseline();
    let mut wrong = Vec::new();
    for (condition, facts) in met() {
        let [ground, _] = grounds(&health);
        let verdict = verify(&condition, &with(&whole(), &[]), ground);
        assert!(verdict.is_met(), "{condition:?}: {verdict:?}");
        for fact in facts {
            let verdict = verify(&condition, &with(&whole(), &[(fact, unread())]), ground);
            if verdict.is_met() {
                wrong.push(format!("{condition:?} without {fact}: {verdict:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every pointer at which an observation can say that it does not know.
fn facts(value: &Value, at: &str, found: &mut Vec<String>) {
    let may_be_unknown = |pointer: &str| {
        let mut picture = whole();
        edit(&mut picture, &[(pointer, unread())]);
        serde_json::from_value::<Observation>(picture).is_ok()
    };
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, v)| (key.replace('/', "~1"), v))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(i, v)| (i.to_string(), v))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (key, child) in children {
        let pointer = format!("{at}/{key}");
        if may_be_unknown(&pointer) {
            found.push(pointer.clone());
        }
        // A label or a taint is known with its map or list.
        if !pointer.ends_with("/labels") && !pointer.ends_with("/taints") {
            facts(child, &pointer, found);
        }
    }
}

fn all_facts() -> Vec<String> {
    let mut found = Vec::new();
    facts(&whole(), "", &mut found);
    assert!(found.len() > 50, "{found:?}");
    found
}

/// What a fact might have been; those that do not fit its type are passed over.
fn values(pointer: &str) -> Vec<Value> {
    let mut values = vec![json!(null), json!(true), json!(false), json!(0), json!(7)];
    let words = "ACTIVE UPDATING DELETING DELETE_FAILED ROLLBACK_COMPLETE EXTENDED x 1.27 1.32 1.33 1.30.1 1.33.1 \
                 v1.18.0-eksbuild.1 v1.20.0-eksbuild.1 2020-01-01T00:00:00Z ReplicaSet/x DaemonSet/x Job/y";
    values.extend(words.split_whitespace().map(|word| json!(word)));
    let node = |group: &str| json!({"name": "x", "nodegroup": group, "kubelet": "1.26.0", "ready": false, "unschedulable": true});
    let open =
        |group: &str| json!({"name": "x", "nodegroup": group, "kubelet": "1.32.0", "ready": true});
    let lists = match pointer {
        "/nodes" => vec![
            json!([node("core-b"), node("nb-a")]),
            json!([open("nb-a"), node("new"), open("core-b")]),
        ],
        "/pods" => vec![json!([
            {"namespace": "kube-system", "name": "p", "node": "n1", "owner": "Job/x", "waiting": "CrashLoopBackOff"}])],
        "/updates" => vec![
            json!([{"id": "x", "type": "VersionUpdate", "status": "InProgress", "nodegroup": "core-b"}]),
        ],
        "/stacks" => {
            vec![json!([{"name": "eksctl-c-nodegroup-new", "status": "ROLLBACK_COMPLETE"}])]
        }
        "/insights" => vec![json!([
            {"id": "x", "name": "x", "category": "UPGRADE_READINESS", "status": "ERROR"},
            {"id": "y", "name": "y", "category": "ROLLBACK_READINESS", "status": "ERROR"}])],
        "/addons" => {
            vec![json!([{"name": "new", "status": "ACTIVE", "version": "v1.19.0-eksbuild.1"}])]
        }
        "/workloads" => vec![json!([
            {"kind": "DaemonSet", "namespace": "kube-system", "name": "aws-node", "rolled_out": false}])],
        "/nodegroups" => {
            vec![json!([{"name": "new", "managed": true, "status": "ACTIVE", "version": "1.26"}])]
        }
        _scalar => {
            vec![json!([{"key": "stairway/phase-out", "value": "", "effect": "NoSchedule"}])]
        }
    };
    values.extend(lists);
    values.push(json!([]));
    values.push(json!({"tier": "two", "old": "x"}));
    values.retain(|value| {
        let mut picture = whole();
        edit(&mut picture, &[(pointer, value.clone())]);
        serde_json::from_value::<Observation>(picture).is_ok()
    });
    values
}

/// Every fact with what it might have been.
fn all_values() -> &'static BTreeMap<String, Vec<Value>> {
    static VALUES: OnceLock<BTreeMap<String, Vec<Value>>> = OnceLock::new();
    VALUES.get_or_init(|| {
        let values = all_facts()
            .into_iter()
            .map(|fact| (fact.clone(), values(&fact)));
        let values: BTreeMap<String, Vec<Value>> = values.collect();
        assert!(values.values().all(|values| !values.is_empty()));
        values
    })
}

#[test]
fn what_stays_met_without_a_fact_is_met_whatever_the_fact_is() {
    let health = baseline();
    let mut stayed = 0;
    let mut wrong = Vec::new();
    for (fact, values) in all_values() {
        let blind = with(&whole(), &[(fact, unread())]);
        let seen = values
            .iter()
            .map(|value| (value, with(&whole(), &[(fact, value.clone())])));
        let seen: Vec<(&Value, Observation)> = seen.collect();
        for (condition, _) in met() {
            for ground in grounds(&health) {
                if !verify(&condition, &blind, ground).is_met() {
                    continue;
                }
                stayed += 1;
                for (value, seen) in &seen {
                    let verdict = verify(&condition, seen, ground);
                    if !verdict.is_met() {
                        wrong.push(format!(
                            "{condition:?} without {fact}, when it is {value}: {verdict:?}"
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(stayed > 200, "{stayed}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// The same for several facts at once.
    #[test]
    fn what_stays_met_without_some_facts_is_met_whatever_they_are(
        chosen in subsequence(all_values().keys().collect::<Vec<_>>(), 1..5),
        picks in proptest::collection::vec(any::<Index>(), 5),
        which in any::<Index>(),
    ) {
        // A fact inside of an unknown list is unknown with the list.
        let mut outer: Vec<&str> = Vec::new();
        for fact in chosen {
            if !outer.iter().any(|known| fact.starts_with(&format!("{known}/"))) {
                outer.push(fact);
            }
        }
        let health = baseline();
        let conditions = met();
        let (condition, _) = which.get(&conditions);
        let blind: Vec<(&str, Value)> = outer.iter().map(|fact| (*fact, unread())).collect();
        let guess: Vec<(&str, Value)> = outer
            .iter()
            .zip(&picks)
            .map(|(fact, pick)| (*fact, pick.get(&all_values()[*fact]).clone()))
            .collect();
        for ground in grounds(&health) {
            if verify(condition, &with(&whole(), &blind), ground).is_met() {
                let seen = verify(condition, &with(&whole(), &guess), ground);
                prop_assert!(seen.is_met(), "{condition:?} without {outer:?}: {seen:?} when {guess:?}");
            }
        }
    }
}
