//! Objects as servers, controllers and enemies write them; each row is a sentence.

use super::super::{nodes, pods, quantity};
use super::{failed, listed};
use serde_json::{Value, json};
use stairway_core::model::{Known, Node, Pod};

/// A merge patch: `null` takes a key away.
pub(super) fn merged(mut base: Value, change: &Value) -> Value {
    if let (Value::Object(base), Value::Object(change)) = (&mut base, change) {
        for (key, value) in change {
            let before = base.remove(key).unwrap_or_default();
            if value.is_null() {
                continue;
            }
            let after = if before.is_object() && value.is_object() {
                merged(before, value)
            } else {
                value.clone()
            };
            base.insert(key.clone(), after);
        }
    }
    base
}

fn node(change: &Value) -> Known<Vec<Node>> {
    let base = json!({
        "metadata": {"name": "n", "labels": {"eks.amazonaws.com/nodegroup": "g"}},
        "spec": {},
        "status": {"nodeInfo": {"kubeletVersion": "v1.33.1-eks-1"}, "conditions": [{"type": "Ready", "status": "True"}]},
    });
    nodes::nodes(&listed(&[merged(base, change)]))
}

/// What one pointer of the only item says, as JSON; of an unknown list, its reason.
pub(super) fn said<T: serde::Serialize>(list: &Known<Vec<T>>, pointer: &str) -> Value {
    match list {
        Known::Value(items) => {
            let items = serde_json::to_value(items).expect("JSON");
            items
                .pointer(&format!("/0{pointer}"))
                .cloned()
                .unwrap_or_default()
        }
        Known::Absent => json!("absent"),
        Known::Unknown(why) => json!({"list unknown": why}),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn nodes_say_whose_they_are_and_what_they_run() {
    let labels = |labels: Value| json!({"metadata": {"labels": labels}});
    let off = Value::Null;
    let rows: [(&str, Value, &str, Value); 19] = [
        ("a managed group", json!({}), "/nodegroup", json!("g")),
        (
            "a group of eksctl's own",
            labels(
                json!({"eks.amazonaws.com/nodegroup": off, "alpha.eksctl.io/nodegroup-name": "own"}),
            ),
            "/nodegroup",
            json!("own"),
        ),
        (
            "Fargate",
            labels(
                json!({"eks.amazonaws.com/nodegroup": off, "eks.amazonaws.com/compute-type": "fargate"}),
            ),
            "/provisioner",
            json!("fargate"),
        ),
        (
            "Auto Mode, which has Karpenter's label too",
            labels(
                json!({"eks.amazonaws.com/nodegroup": off, "eks.amazonaws.com/compute-type": "auto", "karpenter.sh/nodepool": "p"}),
            ),
            "/provisioner",
            json!("auto-mode"),
        ),
        (
            "Karpenter",
            labels(json!({"eks.amazonaws.com/nodegroup": off, "karpenter.sh/nodepool": "p"})),
            "/provisioner",
            json!("karpenter"),
        ),
        (
            "a node that joined by itself",
            labels(json!({"eks.amazonaws.com/nodegroup": off})),
            "/provisioner",
            json!("other"),
        ),
        (
            "the kubelet's version",
            json!({}),
            "/kubelet",
            json!("v1.33.1-eks-1"),
        ),
        (
            "a kubelet that has said nothing",
            json!({"status": {"nodeInfo": off}}),
            "/kubelet",
            json!({"$unknown": "`status.nodeInfo.kubeletVersion` is missing"}),
        ),
        (
            "a kubelet's version that is none",
            json!({"status": {"nodeInfo": {"kubeletVersion": "latest"}}}),
            "/kubelet",
            json!({"$unknown": "the kubelet's version `latest` is none"}),
        ),
        (
            "a kubelet's version of another type",
            json!({"status": {"nodeInfo": {"kubeletVersion": 1.33}}}),
            "/kubelet",
            json!({"$unknown": "`status.nodeInfo.kubeletVersion` is no text"}),
        ),
        (
            "a kubelet that no longer says anything",
            json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}),
            "/ready",
            json!(false),
        ),
        (
            "no condition Ready",
            json!({"status": {"conditions": [{"type": "DiskPressure", "status": "False"}]}}),
            "/ready",
            off.clone(),
        ),
        (
            "a condition Ready that is neither",
            json!({"status": {"conditions": [{"type": "Ready", "status": "Perhaps"}]}}),
            "/ready",
            json!({"$unknown": "the condition Ready is `Perhaps`"}),
        ),
        ("no label of a zone", json!({}), "/zone", off.clone()),
        (
            "a zone",
            labels(json!({"topology.kubernetes.io/zone": "z"})),
            "/zone",
            json!("z"),
        ),
        (
            "taints of the control plane are left out, the others are kept, each once",
            json!({"spec": {"taints": [
                {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
                {"key": "b", "effect": "NoSchedule"}, {"key": "b", "effect": "NoExecute"},
                {"key": "node.cloudprovider.kubernetes.io/uninitialized", "effect": "NoSchedule"},
            ]}}),
            "/taints",
            json!(["b", "node.cloudprovider.kubernetes.io/uninitialized"]),
        ),
        (
            "a cordon that is no truth value",
            json!({"spec": {"unschedulable": "yes"}}),
            "/name",
            json!({"list unknown": "`n` of the listed nodes cannot be understood: `spec.unschedulable` is neither true nor false"}),
        ),
        (
            "a taint without a key",
            json!({"spec": {"taints": [{"effect": "NoSchedule"}]}}),
            "/name",
            json!({"list unknown": "`n` of the listed nodes cannot be understood: a taint has no key"}),
        ),
        (
            "no name",
            json!({"metadata": {"name": off}}),
            "/name",
            json!({"list unknown": "number 1 of the listed nodes cannot be understood: `metadata.name` is missing"}),
        ),
    ];
    for (sentence, change, pointer, wanted) in rows {
        assert_eq!(said(&node(&change), pointer), wanted, "{sentence}");
    }
}

fn pod_of(change: &Value, sets: &[Value], claims: &[Value], volumes: &[Value]) -> Known<Vec<Pod>> {
    let base = json!({
        "metadata": {"name": "p", "namespace": "s"},
        "spec": {"nodeName": "n", "containers": [{"name": "c"}]},
        "status": {"phase": "Running"},
    });
    let beside = pods::Beside::of(&listed(sets), &listed(claims), &listed(volumes));
    pods::pods(&listed(&[merged(base, change)]), &beside)
}

fn pod(change: &Value) -> Known<Vec<Pod>> {
    pod_of(change, &[], &[], &[])
}

fn owned(kind: &str, name: &str) -> Value {
    json!({"metadata": {"ownerReferences": [
        {"kind": "Other", "name": "no-controller"},
        {"kind": kind, "name": name, "controller": true},
    ]}})
}

fn selecting(terms: Value) -> Value {
    json!({"spec": {"nodeSelector": {"a": "1"}, "affinity": {"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}}})
}

pub(super) fn needs(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({"key": key, "operator": operator, "values": values})
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn pods_say_who_owns_them_and_where_they_may_run() {
    let off = Value::Null;
    let rows: [(&str, Value, &str, Value); 17] = [
        ("a bare pod", json!({}), "/owner", off.clone()),
        (
            "a DaemonSet's",
            owned("DaemonSet", "d"),
            "/owner",
            json!("DaemonSet/d"),
        ),
        (
            "a pod whose ReplicaSet is not listed",
            owned("ReplicaSet", "gone"),
            "/owner",
            json!({"$unknown": "its ReplicaSet `gone` is not listed"}),
        ),
        ("a pod without requests", json!({}), "/cpu_millis", json!(0)),
        (
            "a request that is no quantity makes this fact unknown",
            json!({"spec": {"containers": [{"resources": {"requests": {"cpu": "much"}}}]}}),
            "/cpu_millis",
            json!({"$unknown": "its cpu request `much` is no quantity that can be counted"}),
        ),
        (
            "and no other",
            json!({"spec": {"containers": [{"resources": {"requests": {"cpu": "much", "memory": "1Gi"}}}]}}),
            "/memory_mib",
            json!(1024),
        ),
        (
            "a toleration of everything",
            json!({"spec": {"tolerations": [{"key": "a", "operator": "Exists"}, {"operator": "Exists"}]}}),
            "/tolerates_everything",
            json!(true),
        ),
        (
            "a toleration of everything that does not execute is not of everything",
            json!({"spec": {"tolerations": [{"operator": "Exists", "effect": "NoExecute"}]}}),
            "/tolerates_everything",
            json!(false),
        ),
        (
            "scratch space with nothing said of it",
            json!({"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}),
            "/empty_dir",
            json!(true),
        ),
        (
            "a container that crashes, behind one that runs",
            json!({"status": {"containerStatuses": [
                {"state": {"running": {}}}, {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
            "/waiting",
            json!("CrashLoopBackOff"),
        ),
        (
            "an init container that waits comes first",
            json!({"status": {
                "containerStatuses": [{"state": {"waiting": {"reason": "PodInitializing"}}}],
                "initContainerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}}),
            "/waiting",
            json!("ImagePullBackOff"),
        ),
        (
            "a pod that has its node, and the kubelet has said nothing yet",
            json!({"status": {"phase": "Pending"}}),
            "/waiting",
            json!("ContainerCreating"),
        ),
        (
            "a pod without a node waits for one, and not for a container",
            json!({"spec": {"nodeName": off}, "status": {"phase": "Pending"}}),
            "/waiting",
            off.clone(),
        ),
        (
            "an affinity that narrows to one value joins the selector",
            selecting(json!([{"matchExpressions": [
                needs("b", "In", &["2"]), needs("c", "In", &["3", "4"]), needs("d", "NotIn", &["5"]), needs("e", "Exists", &[]),
            ]}])),
            "/node_selector",
            json!({"a": "1", "b": "2"}),
        ),
        (
            "of several terms only what all of them say",
            selecting(json!([
                {"matchExpressions": [needs("b", "In", &["2"]), needs("c", "In", &["3"])]},
                {"matchExpressions": [needs("b", "In", &["2"]), needs("c", "In", &["4"])]},
            ])),
            "/node_selector",
            json!({"a": "1", "b": "2"}),
        ),
        (
            "an affinity that cannot be understood",
            selecting(json!([{"matchExpressions": [{"operator": "In"}]}])),
            "/node_selector",
            json!({"$unknown": "`key` is missing"}),
        ),
        (
            "labels that are no texts",
            json!({"metadata": {"labels": {"a": ["b"]}}}),
            "/name",
            json!({"list unknown": "`s/p` of the listed pods cannot be understood: `metadata.labels.a` is no text"}),
        ),
    ];
    for (sentence, change, pointer, wanted) in rows {
        let found = said(&pod(&change), pointer);
        assert_eq!(found, wanted, "{sentence}");
    }
    let set = |owner: Value| {
        merged(
            owner,
            &json!({"metadata": {"name": "rs", "namespace": "s"}}),
        )
    };
    let rows = [
        (
            "a Deployment's",
            set(owned("Deployment", "web")),
            json!("Deployment/web"),
        ),
        (
            "a Rollout's",
            set(owned("Rollout", "web")),
            json!("Rollout/web"),
        ),
        (
            "a ReplicaSet's of its own",
            set(json!({})),
            json!("ReplicaSet/rs"),
        ),
    ];
    for (sentence, set, wanted) in rows {
        let found = pod_of(&owned("ReplicaSet", "rs"), &[set], &[], &[]);
        assert_eq!(said(&found, "/owner"), wanted, "{sentence}");
    }
}

#[test]
fn pods_that_no_drain_moves_are_not_listed() {
    for (sentence, change) in [
        (
            "one that has ended well",
            json!({"status": {"phase": "Succeeded"}}),
        ),
        (
            "one that has failed",
            json!({"status": {"phase": "Failed"}}),
        ),
        (
            "a kubelet's own",
            json!({"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}),
        ),
    ] {
        assert_eq!(pod(&change), Known::Value(Vec::new()), "{sentence}");
    }
}

#[test]
fn what_stands_beside_pods_may_be_unread_and_only_its_facts_are_unknown() {
    let beside = pods::Beside::of(&failed(), &failed(), &failed());
    let bare = json!({"metadata": {"name": "p", "namespace": "s"}, "spec": {"containers": []}});
    let claims =
        json!({"spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}});
    let of = |change: &Value| pods::pods(&listed(&[merged(bare.clone(), change)]), &beside);
    let why = json!({"$unknown": failed().unwrap_err()});
    assert_eq!(said(&of(&owned("ReplicaSet", "rs")), "/owner"), why);
    assert_eq!(said(&of(&owned("Job", "j")), "/owner"), json!("Job/j"));
    assert_eq!(said(&of(&claims), "/volume_zones"), why);
    assert_eq!(said(&of(&json!({})), "/volume_zones"), json!([]));
}

fn volume(change: &Value) -> Value {
    merged(json!({"metadata": {"name": "pv"}, "spec": {}}), change)
}

fn bound(terms: Value) -> Value {
    volume(&json!({"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}}}))
}

const ZONE: &str = "topology.kubernetes.io/zone";

#[test]
#[expect(clippy::too_many_lines, reason = "a table, one sentence a row")]
fn volumes_say_in_which_zones_they_lie() {
    let zone = |values: &[&str]| json!({"matchExpressions": [needs(ZONE, "In", values)]});
    let unknown = |why: &str| json!({"$unknown": why});
    let rows = [
        ("one zone", bound(json!([zone(&["a"])])), json!(["a"])),
        (
            "either of two terms",
            bound(json!([zone(&["b"]), zone(&["a"])])),
            json!(["a", "b"]),
        ),
        (
            "a term without a zone lets it be anywhere",
            bound(json!([zone(&["a"]), {"matchExpressions": []}])),
            json!([]),
        ),
        (
            "the EBS driver's own key beside Kubernetes'",
            bound(json!([{"matchExpressions": [
                needs("topology.ebs.csi.aws.com/zone", "In", &["a", "b"]), needs(ZONE, "In", &["a"])]}])),
            json!(["a"]),
        ),
        (
            "an old volume with labels",
            volume(
                &json!({"metadata": {"labels": {"failure-domain.beta.kubernetes.io/zone": "a__b"}}}),
            ),
            json!(["a", "b"]),
        ),
        ("a volume of EFS", volume(&json!({})), json!([])),
        (
            "a local volume",
            bound(json!([{"matchExpressions": [needs("kubernetes.io/hostname", "In", &["n"])]}])),
            unknown("its volume `pv` lies on one node"),
        ),
        (
            "a zone that it must not be in",
            bound(json!([{"matchExpressions": [needs(ZONE, "NotIn", &["a"])]}])),
            unknown("its volume `pv` binds its zone by `NotIn`"),
        ),
    ];
    let claim = json!({"metadata": {"name": "c", "namespace": "s"}, "spec": {"volumeName": "pv"}});
    let mounts =
        json!({"spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}});
    for (sentence, volume, wanted) in rows {
        let found = pod_of(&mounts, &[], std::slice::from_ref(&claim), &[volume]);
        assert_eq!(said(&found, "/volume_zones"), wanted, "{sentence}");
    }
    let waits = json!({"metadata": {"name": "c", "namespace": "s"}, "spec": {}});
    assert_eq!(
        said(&pod_of(&mounts, &[], &[waits], &[]), "/volume_zones"),
        json!([])
    );
    let gone = "its claim `s/c` is not listed";
    assert_eq!(
        said(&pod_of(&mounts, &[], &[], &[]), "/volume_zones"),
        unknown(gone)
    );
    let gone = "its volume `pv` is not listed";
    let found = pod_of(&mounts, &[], std::slice::from_ref(&claim), &[]);
    assert_eq!(said(&found, "/volume_zones"), unknown(gone));
    // Two volumes: where both are.
    let other =
        json!({"metadata": {"name": "p-w", "namespace": "s"}, "spec": {"volumeName": "other"}});
    let both = json!({"spec": {"volumes": [
        {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}, {"name": "w", "ephemeral": {}}]}});
    for (zones, wanted) in [
        (["a", "b"], json!(["b"])),
        (
            ["a", "c"],
            unknown("its volumes lie in zones that have none in common"),
        ),
    ] {
        let named = merged(
            bound(json!([zone(&zones)])),
            &json!({"metadata": {"name": "other"}}),
        );
        let volumes = [bound(json!([zone(&["b"])])), named];
        let found = pod_of(&both, &[], &[claim.clone(), other.clone()], &volumes);
        assert_eq!(said(&found, "/volume_zones"), wanted);
    }
}

#[test]
fn quantities_are_read_exactly() {
    let rows: [(&str, Option<u128>); 30] = [
        ("1", Some(1_000_000_000)),
        ("+1", Some(1_000_000_000)),
        ("0.1", Some(100_000_000)),
        (".5", Some(500_000_000)),
        ("5.", Some(5_000_000_000)),
        ("250m", Some(250_000_000)),
        ("1n", Some(1)),
        ("1u", Some(1_000)),
        ("0.1n", Some(1)),
        ("1k", Some(1_000_000_000_000)),
        ("1e3", Some(1_000_000_000_000)),
        ("1E3", Some(1_000_000_000_000)),
        ("1e-3", Some(1_000_000)),
        ("1E", Some(1_000_000_000_000_000_000_000_000_000)),
        ("1Ki", Some(1_024_000_000_000)),
        ("1.5Gi", Some(1_610_612_736_000_000_000)),
        ("000", Some(0)),
        ("0e40", Some(0)),
        ("1e-40", Some(1)),
        ("1e40", None),
        ("1e999999999999", None),
        ("", None),
        (".", None),
        ("-1", None),
        ("1.2.3", None),
        ("1 Gi", None),
        ("1gi", None),
        ("1KI", None),
        ("0x10", None),
        ("9999999999999999999999999999", None),
    ];
    for (text, wanted) in rows {
        assert_eq!(quantity::nanos(text), wanted, "{text}");
    }
    assert_eq!(quantity::nanos(&"9".repeat(1 << 20)), None);
}

#[test]
fn requests_add_up_as_the_scheduler_adds_them() {
    let one = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
    let sidecar = |cpu: &str| merged(one(cpu), &json!({"restartPolicy": "Always"}));
    let rows = [
        (
            "containers add up",
            json!({"containers": [one("100m"), one("0.15")]}),
            Ok(250),
        ),
        (
            "what is not whole is rounded up",
            json!({"containers": [one("100001u")]}),
            Ok(101),
        ),
        (
            "the largest init container counts where it is more",
            json!({"containers": [one("100m")], "initContainers": [one("300m"), one("200m")]}),
            Ok(300),
        ),
        (
            "sidecars run beside the containers",
            json!({"containers": [one("100m")], "initContainers": [sidecar("50m"), one("120m")]}),
            Ok(170),
        ),
        (
            "an init container before the sidecar does not run beside it",
            json!({"containers": [one("100m")], "initContainers": [one("120m"), sidecar("50m")]}),
            Ok(150),
        ),
        (
            "the runtime's overhead is on top",
            json!({"containers": [one("100m")], "overhead": {"cpu": "7m"}}),
            Ok(107),
        ),
        (
            "the pod's own request counts in place of theirs",
            json!({"containers": [one("100m")], "resources": {"requests": {"cpu": "1"}}}),
            Ok(1000),
        ),
        (
            "a number",
            json!({"containers": [{"resources": {"requests": {"cpu": 2}}}]}),
            Ok(2000),
        ),
        (
            "more than can be counted",
            json!({"containers": [one("1E")]}),
            Err("it requests more CPU than can be counted"),
        ),
    ];
    for (sentence, spec, wanted) in rows {
        let found = quantity::cpu_millis(&spec);
        assert_eq!(found, wanted.map_err(str::to_owned), "{sentence}");
    }
    let spec = json!({"containers": [{"resources": {"requests": {"memory": "134217729"}}}]});
    assert_eq!(quantity::memory_mib(&spec), Ok(129));
}
