//! Random clusters: what ran, what git asks for, and who runs on it.

use crate::rng::Rng;
use serde_json::{Map, Value, json};
use stairway_core::catalog::Catalog;
use stairway_core::diff::assume;
use stairway_core::model::clusterconfig::{Config, Desired, read_documents};
use stairway_core::model::{Insight, Known, Observation, Pdb, Pod, Timestamp, Update};
use stairway_core::policy::settings::{
    GroupSettings, IgnoreRule, NodePace, Settings, Slot, Strategy,
};
use std::collections::BTreeMap;

pub(crate) struct Case {
    pub(crate) desired: Desired,
    pub(crate) observed: Observation,
    pub(crate) settings: Settings,
    pub(crate) at: Timestamp,
}

const PREFIXES: [&str; 8] = [
    "core",
    "nb-prod-r5-xlarge",
    "nb-prod-r5-4xlarge",
    "dask-prod",
    "gpu",
    "workers",
    "batch",
    "web",
];
const TYPES: [&str; 5] = [
    "r5.xlarge",
    "m5.large",
    "r8i-flex.large",
    "g4dn.xlarge",
    "r5.4xlarge",
];

/// What an owner may leave alone: whole groups and add-ons, new generations, single fields.
const IGNORED: [&str; 8] = [
    "nodegroup nb-*.labels.*",
    "nodegroup *.instanceType",
    "nodegroup *.maxSize",
    "nodegroup workers-*",
    "nodegroup gpu-?.name",
    "nodegroup *.tags.*",
    "addon vpc-cni.configurationValues",
    "addon coredns",
];

/// Returns the case of one seed.
pub(crate) fn case(seed: u64) -> Case {
    let mut rng = Rng::new(seed);
    let low = 24 + rng.below(9);
    let hops = [0, 0, 1, 1, 2, 3, 4, 5][rng.below(8)];
    let live = cluster(&mut rng, low);
    let desired = edited(&mut rng, &live, low + hops);
    let old = read(&live);
    let mut observed = assume(&old, "generated", Catalog::embedded());
    furnish(&mut rng, &mut observed);
    Case {
        desired: read(&desired),
        observed,
        settings: settings(&mut rng),
        // Now and then somebody plans long after EKS dropped the minors in question.
        at: if rng.chance(2) {
            day_for(40).plus_days(2000)
        } else {
            day_for(low + hops)
        },
    }
}

fn read(document: &Value) -> Desired {
    match read_documents(std::slice::from_ref(document)) {
        Ok(mut configs) => match configs.pop() {
            Some(Config::Eks(desired)) => *desired,
            other => panic!("generated no EKS config: {other:?}"),
        },
        Err(error) => panic!("generated a broken config: {error}"),
    }
}

/// A day on which EKS offers every minor on the way, most of the time.
fn day_for(minor: usize) -> Timestamp {
    let day = match minor {
        0..=28 => "2024-02-01",
        29..=30 => "2024-06-10",
        31..=32 => "2025-02-10",
        33 => "2025-06-10",
        34 => "2025-11-01",
        _ => "2026-07-01",
    };
    day.parse().unwrap_or(Timestamp::from_unix(0))
}

fn cluster(rng: &mut Rng, minor: usize) -> Value {
    let managed = rng.chance(60);
    let (mut managed_groups, mut self_managed) = (Vec::new(), Vec::new());
    let mut prefixes: Vec<&str> = PREFIXES.to_vec();
    let count = 1 + rng.below(PREFIXES.len());
    for index in 0..count {
        let prefix = if index == 0 {
            prefixes.remove(0)
        } else {
            prefixes.remove(rng.below(prefixes.len()))
        };
        let letter = ["a", "b", "c", "d"][rng.below(4)];
        let this_managed = if rng.chance(10) { !managed } else { managed };
        let group = group(rng, prefix, letter, minor, this_managed);
        if this_managed {
            managed_groups.push(group)
        } else {
            self_managed.push(group)
        }
        if rng.chance(10) && index > 0 {
            // A second generation runs beside the first.
            let next = ["e", "f"][rng.below(2)];
            let older = self::group(rng, prefix, next, minor, this_managed);
            if this_managed {
                managed_groups.push(older)
            } else {
                self_managed.push(older)
            }
        }
    }
    let mut document = json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": "gen", "region": "us-west-2", "version": format!("1.{minor}")},
        "availabilityZones": ["us-west-2a", "us-west-2b"],
    });
    if !managed_groups.is_empty() {
        document["managedNodeGroups"] = Value::Array(managed_groups);
    }
    if !self_managed.is_empty() {
        document["nodeGroups"] = Value::Array(self_managed);
    }
    if rng.chance(70) {
        document["addons"] = addons(rng);
    }
    document
}

fn addons(rng: &mut Rng) -> Value {
    let mut list = Vec::new();
    for name in ["vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver"] {
        if rng.chance(85) {
            let mut addon = json!({"name": name});
            if rng.chance(70) {
                addon["version"] = json!("latest");
            }
            if rng.chance(20) {
                addon["configurationValues"] = json!("{\"a\": 1}");
            }
            list.push(addon);
        }
    }
    Value::Array(list)
}

fn group(rng: &mut Rng, prefix: &str, letter: &str, minor: usize, managed: bool) -> Value {
    let min = if prefix == "core" {
        1 + rng.below(2)
    } else {
        rng.below(3)
    };
    let mut group = json!({
        "name": format!("{prefix}-{letter}"),
        "minSize": min,
        "maxSize": min + 1 + rng.below(20),
        "volumeSize": 80,
        "labels": {"role": prefix},
        "instanceType": *rng.pick(&TYPES),
    });
    if rng.chance(50) {
        group["labels"]["example.org/node-group-generation"] = json!(letter);
    }
    if prefix != "core" && rng.chance(40) {
        group["taints"] = json!([{"key": "dedicated", "value": prefix, "effect": "NoSchedule"}]);
    }
    if minor <= 30 && rng.chance(40) || rng.chance(4) {
        group["amiFamily"] = json!("AmazonLinux2");
    } else if rng.chance(30) {
        group["overrideBootstrapCommand"] =
            json!("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {}\n");
    }
    if managed && rng.chance(10) {
        group["tags"] = json!({"team": "a"});
    }
    group
}

/// What somebody changed in git since.
fn edited(rng: &mut Rng, live: &Value, minor: usize) -> Value {
    let mut document = live.clone();
    let target = if rng.chance(3) {
        minor.saturating_sub(1)
    } else {
        minor
    };
    document["metadata"]["version"] = json!(format!("1.{target}"));
    for key in ["nodeGroups", "managedNodeGroups"] {
        let Some(Value::Array(groups)) = document.get_mut(key) else {
            continue;
        };
        let mut kept: Vec<Value> = Vec::new();
        for mut group in std::mem::take(groups) {
            let core = group["labels"]["role"] == "core";
            if rng.chance(if core { 3 } else { 4 }) {
                continue;
            }
            edit_group(rng, &mut group, target);
            let name = group["name"].clone();
            if !kept.iter().any(|other| other["name"] == name) {
                kept.push(group);
            }
        }
        *groups = kept;
    }
    if rng.chance(10) {
        flip(&mut document);
    }
    if rng.chance(15) {
        let fresh = group(rng, "fresh", "a", target, true);
        let fresh = without_al2(fresh, target);
        match document.get_mut("managedNodeGroups") {
            Some(Value::Array(groups)) => groups.push(fresh),
            _ => document["managedNodeGroups"] = json!([fresh]),
        }
    }
    if rng.chance(10) {
        document["addons"] = addons(rng);
    }
    if rng.chance(5) {
        document["upgradePolicy"] = json!({"supportType": "STANDARD"});
    }
    document
}

fn without_al2(mut group: Value, minor: usize) -> Value {
    if minor > 32
        && let Some(map) = group.as_object_mut()
    {
        map.remove("amiFamily");
    }
    group
}

/// The first self-managed group becomes managed under its own name.
fn flip(document: &mut Value) {
    let Some(Value::Array(groups)) = document.get_mut("nodeGroups") else {
        return;
    };
    let Some(moved) = groups.pop() else { return };
    match document.get_mut("managedNodeGroups") {
        Some(Value::Array(managed)) => managed.push(moved),
        _ => document["managedNodeGroups"] = json!([moved]),
    }
}

fn edit_group(rng: &mut Rng, group: &mut Value, minor: usize) {
    if minor > 32
        && !rng.chance(4)
        && let Some(map) = group.as_object_mut()
    {
        map.remove("amiFamily");
    }
    match rng.below(12) {
        0 | 1 => regenerate(rng, group),
        2 => group["instanceType"] = json!("r6i.xlarge"),
        3 => group["maxSize"] = json!(30 + rng.below(20)),
        4 => group["labels"]["team"] = json!("blue"),
        5 => group["taints"] = json!([{"key": "new", "value": "", "effect": "NoSchedule"}]),
        6 => group["tags"] = json!({"team": "b"}),
        7 => group["volumeSize"] = json!(200),
        _ => {}
    }
}

fn regenerate(rng: &mut Rng, group: &mut Value) {
    let letter = ["a", "b", "c", "g"][rng.below(4)];
    let name = group["name"].as_str().unwrap_or_default();
    let prefix = name
        .rsplit_once('-')
        .map_or(name, |(prefix, _)| prefix)
        .to_owned();
    group["name"] = json!(format!("{prefix}-{letter}"));
    if group["labels"]
        .get("example.org/node-group-generation")
        .is_some()
    {
        group["labels"]["example.org/node-group-generation"] = json!(letter);
    }
}

/// Pods, budgets, insights and updates that a config does not tell.
fn furnish(rng: &mut Rng, observed: &mut Observation) {
    observed.observed_at = Known::Value(Timestamp::from_unix(1_760_000_000));
    let mut pods = Vec::new();
    for node in observed.nodes.items() {
        pods.push(pod(
            &format!("aws-node-{}", node.name),
            &node.name,
            Some("DaemonSet/aws-node"),
        ));
        for index in 0..rng.below(4) {
            let name = format!("pod-{}-{index}", node.name);
            let owner = if rng.chance(3) {
                None
            } else {
                Some("Deployment/hub")
            };
            let mut pod = pod(&name, &node.name, owner);
            if rng.chance(20) {
                pod.labels
                    .insert("component".to_owned(), "singleuser-server".to_owned());
            }
            pods.push(pod);
        }
    }
    observed.pods = Known::Value(pods);
    let selector = BTreeMap::from([("app".to_owned(), "hub".to_owned())]);
    let allowed = Known::Value(u32::from(!rng.chance(5)));
    observed.pdbs = Known::Value(vec![Pdb {
        namespace: "prod".to_owned(),
        name: "hub".to_owned(),
        allowed,
        selector: Known::Value(selector),
        ..Pdb::default()
    }]);
    let mut insights = Vec::new();
    if rng.chance(5) {
        insights.push(Insight {
            refreshed_at: Known::default(),
            deprecations: Vec::new(),
            id: "i-1".to_owned(),
            name: "Deprecated APIs removed in Kubernetes".to_owned(),
            category: "UPGRADE_READINESS".to_owned(),
            version: Known::Absent,
            status: "ERROR".to_owned(),
            reason: "in use".to_owned(),
        });
    }
    observed.insights = Known::Value(insights);
    if rng.chance(3) {
        observed.updates = Known::Value(vec![Update {
            id: "u-1".to_owned(),
            kind: "VersionUpdate".to_owned(),
            status: "InProgress".to_owned(),
            version: Known::Absent,
            created_at: Known::Absent,
            finished_at: Known::Absent,
            nodegroup: None,
            addon: None,
            errors: Vec::new(),
        }]);
    }
    if rng.chance(10) {
        observed.quotas = Known::Value(BTreeMap::from([(
            "managed-nodegroups-per-cluster".to_owned(),
            4,
        )]));
    }
    lag_behind(rng, observed);
}

/// Some groups were left a minor or two behind, as real fleets leave them.
fn lag_behind(rng: &mut Rng, observed: &mut Observation) {
    let Some(plane) = observed.version() else {
        return;
    };
    let mut behind: BTreeMap<String, stairway_core::model::KubeMinor> = BTreeMap::new();
    for group in observed.nodegroups.items() {
        if rng.chance(30)
            && let Some(one) = plane.previous()
        {
            let two = one.previous().unwrap_or(one);
            behind.insert(group.name.clone(), if rng.chance(50) { one } else { two });
        }
    }
    if let Known::Value(groups) = &mut observed.nodegroups {
        for group in groups.iter_mut() {
            if let Some(version) = behind.get(&group.name) {
                group.version = Known::Value(*version);
            }
        }
    }
    if let Known::Value(nodes) = &mut observed.nodes {
        for node in nodes.iter_mut() {
            let version = node.nodegroup.as_ref().and_then(|group| behind.get(group));
            if let Some(kubelet) = version.and_then(|v| format!("v{v}.3").parse().ok()) {
                node.kubelet = Known::Value(kubelet);
            }
        }
    }
}

fn pod(name: &str, node: &str, owner: Option<&str>) -> Pod {
    Pod {
        namespace: "prod".to_owned(),
        name: name.to_owned(),
        node: Some(node.to_owned()),
        owner: owner.map_or(Known::Absent, |owner| Known::Value(owner.to_owned())),
        labels: BTreeMap::from([("app".to_owned(), "other".to_owned())]),
        cpu_millis: Known::default(),
        memory_mib: Known::default(),
        volume_zones: Known::Value(Vec::new()),
        tolerates_everything: false,
        waiting: None,
        ..Pod::default()
    }
}

fn settings(rng: &mut Rng) -> Settings {
    let mut settings = Settings::default();
    if rng.chance(25) {
        settings.nodes = NodePace::Follow;
    }
    for glob in ["nb-*", "gpu*", "workers*", "batch*", "web*"] {
        if rng.chance(30) {
            let strategy = *rng.pick(&[
                Strategy::Swap,
                Strategy::PhaseOut,
                Strategy::Recreate,
                Strategy::InPlace,
            ]);
            let slot = if rng.chance(15) {
                Slot::Live
            } else {
                Slot::Declared
            };
            let choice = GroupSettings {
                strategy: Some(strategy),
                slot,
            };
            settings.nodegroups.insert(glob.to_owned(), choice);
        }
    }
    if rng.chance(30) {
        for letter in ["a", "b", "c", "d"] {
            settings.prune.push(format!("core-{letter}"));
        }
        for letter in ["a", "b", "c", "d", "e", "f"] {
            settings
                .prune
                .push(format!("{}-{letter}", rng.pick(&PREFIXES)));
        }
    }
    for path in IGNORED {
        if rng.chance(8) {
            settings.ignore.push(IgnoreRule {
                path: path.to_owned(),
                cluster: "*".to_owned(),
                reason: "left alone for a while".to_owned(),
                owner: "an owner".to_owned(),
                expires: day_for(40).plus_days(4000),
            });
        }
    }
    settings
}

/// Returns the config's document with the order of lists changed.
pub(crate) fn shuffled(rng: &mut Rng, document: &Map<String, Value>) -> Map<String, Value> {
    let mut copy = document.clone();
    for key in [
        "nodeGroups",
        "managedNodeGroups",
        "addons",
        "availabilityZones",
    ] {
        if let Some(Value::Array(items)) = copy.get_mut(key) {
            for index in (1..items.len()).rev() {
                items.swap(index, rng.below(index + 1));
            }
        }
    }
    copy
}
