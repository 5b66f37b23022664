//! A small cluster, a plan for it, and what each step leaves behind on it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at whatever it does not know"
)]

use crate::catalog::Catalog;
use crate::diff::assume;
use crate::model::clusterconfig::{Config, Desired, read_documents};
use crate::model::{Known, KubeMinor, LiveNodegroup, Node, Observation, Stack, Timestamp};
use crate::plan::wire::{Inputs, Plan, Step, StepKind};
use crate::plan::{PlanInput, Planned};
use crate::policy::settings::Settings;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// When plans are made and runs begin.
pub(crate) fn start() -> Timestamp {
    "2025-07-01T00:00:00Z".parse().expect("a time")
}

pub(crate) fn later(seconds: i64) -> Timestamp {
    Timestamp::from_unix(start().unix() + seconds)
}

/// What git asks for, what runs, and what the owner wants.
pub(crate) struct Stage {
    pub(crate) desired: Desired,
    pub(crate) observed: Observation,
    pub(crate) settings: Settings,
}

/// A core group with two nodes and a user group with none, of one letter.
fn config(version: &str, letter: &str, managed: bool) -> Desired {
    let group = |name: &str, min: u32| {
        json!({
            "name": format!("{name}-{letter}"), "minSize": min, "maxSize": 9,
            "amiFamily": "AmazonLinux2023", "instanceType": "m5.large",
        })
    };
    let list = if managed {
        "managedNodeGroups"
    } else {
        "nodeGroups"
    };
    let addons = ["vpc-cni", "coredns", "kube-proxy"];
    let addons = addons.map(|name| json!({"name": name, "version": "latest"}));
    let document = json!({
        "apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig",
        "metadata": {"name": "c", "region": "us-west-2", "version": version},
        "addons": addons,
        list: [group("core", 2), group("nb", 0)],
    });
    match read_documents(&[document]).expect("a config").pop() {
        Some(Config::Eks(desired)) => *desired,
        other => panic!("{other:?}"),
    }
}

impl Stage {
    /// Add-ons that EKS does not manage: eksctl brings their manifests, and only their rollout tells.
    pub(crate) fn with_self_managed_addons(mut self) -> Self {
        self.desired.addons = None;
        self.observed.addons = Known::Value(Vec::new());
        let workloads = json!([
            {"kind": "DaemonSet", "namespace": "kube-system", "name": "kube-proxy",
             "version": "v1.31.10-eksbuild.2", "rolled_out": true},
            {"kind": "Deployment", "namespace": "kube-system", "name": "coredns",
             "version": "v1.11.4-eksbuild.2", "rolled_out": true},
        ]);
        self.observed.workloads = serde_json::from_value(workloads).expect("workloads");
        self
    }

    /// Generation `a` runs at `from`; git asks for generation `b` at `to`.
    pub(crate) fn new(from: &str, to: &str, managed: bool) -> Self {
        let live = config(from, "a", managed);
        let mut observed = assume(&live, "test", Catalog::embedded());
        observed.cluster.account_id = Some("123456789012".to_owned());
        observed.observed_at = Known::Value(start());
        if let Known::Value(plane) = &mut observed.control_plane {
            plane.created_at = Known::Value(Timestamp::from_unix(1_600_000_000));
        }
        let groups = observed.nodegroups.items().to_vec();
        observed.nodegroups = Known::Value(
            groups
                .into_iter()
                .map(|group| LiveNodegroup {
                    health: Known::default(),
                    arn: Known::Value(format!("arn:{}:1", group.name)),
                    created_at: Known::Value(Timestamp::from_unix(1_600_000_600)),
                    ..group
                })
                .collect(),
        );
        let names = ["core-a", "nb-a"].map(stack_name);
        observed.stacks = Known::Value(
            names
                .into_iter()
                .map(|name| Stack {
                    name,
                    status: "CREATE_COMPLETE".to_owned(),
                })
                .collect(),
        );
        let pods = json!([
            {"namespace": "hub", "name": "proxy", "node": "core-a-0", "owner": "ReplicaSet/proxy",
             "labels": {"app": "proxy"}},
            {"namespace": "kube-system", "name": "aws-node-1", "node": "core-a-0", "owner": "DaemonSet/aws-node"},
        ]);
        observed.pods = serde_json::from_value(pods).expect("pods");
        observed.pdbs = Known::Value(Vec::new());
        observed.insights = Known::Value(Vec::new());
        Self {
            desired: config(to, "b", managed),
            observed: observed.sorted(),
            settings: Settings::default(),
        }
    }

    pub(crate) fn settings(mut self, settings: &Value) -> Self {
        self.settings = serde_json::from_value(settings.clone()).expect("settings");
        self
    }

    pub(crate) fn input<'s>(&'s self, observed: &'s Observation, at: Timestamp) -> PlanInput<'s> {
        PlanInput {
            wave: None,
            missing_files: Vec::new(),
            name: "c".to_owned(),
            desired: &self.desired,
            observed,
            assumed: false,
            at,
            to: None,
            replace: BTreeSet::new(),
            settings: &self.settings,
            catalog: Catalog::embedded(),
            inputs: Inputs {
                observation_kind: "recorded".to_owned(),
                at: Some(at),
                ..Inputs::default()
            },
        }
    }

    /// The plan, of which every step can run.
    pub(crate) fn plan(&self) -> Planned {
        let planned = crate::make_plan(&self.input(&self.observed, start()));
        let plan = &planned.plan;
        assert!(plan.not_now.is_empty(), "{:?}", plan.findings);
        assert!(plan.steps.len() > 3, "{:?}", ids(plan));
        planned
    }

    /// The cluster after the first steps of a plan.
    pub(crate) fn after(&self, plan: &Plan, steps: usize) -> Observation {
        let mut observed = self.observed.clone();
        for step in &plan.steps[..steps] {
            play(step, &mut observed);
        }
        observed
    }
}

pub(crate) fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

pub(crate) fn stack_name(group: &str) -> String {
    format!("eksctl-c-nodegroup-{group}")
}

pub(crate) fn group<'o>(observed: &'o mut Observation, name: &str) -> &'o mut LiveNodegroup {
    let Known::Value(groups) = &mut observed.nodegroups else {
        panic!("nodegroups")
    };
    groups
        .iter_mut()
        .find(|group| group.name == name)
        .expect(name)
}

pub(crate) fn nodes(observed: &mut Observation) -> &mut Vec<Node> {
    match &mut observed.nodes {
        Known::Value(nodes) => nodes,
        other => panic!("{other:?}"),
    }
}

fn nodes_of<'o>(
    observed: &'o mut Observation,
    group: &'o str,
) -> impl Iterator<Item = &'o mut Node> {
    nodes(observed)
        .iter_mut()
        .filter(move |node| node.nodegroup.as_deref() == Some(group))
}

pub(crate) fn set_plane(observed: &mut Observation, version: KubeMinor, status: &str) {
    if let Known::Value(plane) = &mut observed.control_plane {
        plane.version = Known::Value(version);
        plane.status = Known::Value(status.to_owned());
    }
}

pub(crate) fn version_after(step: &Step) -> KubeMinor {
    let text = step.after.get("version").and_then(Value::as_str);
    text.and_then(|text| text.parse().ok())
        .expect("a version after the step")
}

/// Changes the cluster as the step does when all goes well.
pub(crate) fn play(step: &Step, observed: &mut Observation) {
    let name = step.subject.as_str();
    match step.kind {
        StepKind::UpgradeControlPlane | StepKind::RollbackControlPlane => {
            set_plane(observed, version_after(step), "ACTIVE");
        }
        StepKind::UpdateAddon => {
            let Some(version) = step.after.get("version").and_then(Value::as_str) else {
                return; // A manifest inside eksctl, whose version nobody can tell.
            };
            let version = Known::Value(version.parse().expect("a version"));
            if let Known::Value(addons) = &mut observed.addons {
                let mut addons = addons.iter_mut();
                addons
                    .find(|addon| addon.name == name)
                    .into_iter()
                    .for_each(|addon| addon.version = version.clone());
            }
            if let Known::Value(workloads) = &mut observed.workloads {
                let mut workloads = workloads.iter_mut();
                workloads
                    .find(|live| live.name == name)
                    .into_iter()
                    .for_each(|live| live.version = version.clone());
            }
        }
        StepKind::CreateNodegroup => make(step, observed),
        StepKind::TaintNodegroup | StepKind::CordonNodegroup => {
            let live = group(observed, name);
            bound(live, step);
            if live.managed {
                let taint =
                    json!([{"key": "stairway/phase-out", "value": "true", "effect": "NoSchedule"}]);
                live.spec.insert("taints".to_owned(), taint);
            }
            nodes_of(observed, name)
                .for_each(|node| node.taints = vec!["stairway/phase-out".to_owned()]);
        }
        StepKind::UntaintNodegroup => {
            let live = group(observed, name);
            bound(live, step);
            live.spec.remove("taints");
            nodes_of(observed, name).for_each(|node| node.taints.clear());
        }
        StepKind::DrainNodegroup => {
            nodes_of(observed, name).for_each(|node| node.unschedulable = true);
            move_pods(observed, name);
        }
        StepKind::UncordonNodegroup => {
            nodes_of(observed, name).for_each(|node| node.unschedulable = false)
        }
        StepKind::PhaseOut => move_pods(observed, name),
        StepKind::DeleteNodegroup => gone(observed, name),
        StepKind::ScaleNodegroup => {
            let live = group(observed, name);
            live.spec.extend(step.after.clone());
        }
        StepKind::VerifyNodegroup | StepKind::Bake => {}
        other => panic!("no stage for {other:?}"),
    }
}

/// Some steps bring an upper bound along.
fn bound(live: &mut LiveNodegroup, step: &Step) {
    if let Some(bound) = step.after.get("maxSize") {
        live.spec.insert("maxSize".to_owned(), bound.clone());
    }
}

fn make(step: &Step, observed: &mut Observation) {
    let name = step.subject.clone();
    let managed = step.after.get("managed") == Some(&json!(true));
    let version = version_after(step);
    let size = step
        .after
        .get("minSize")
        .and_then(Value::as_u64)
        .expect("a size");
    let spec: Map<String, Value> = [("minSize", json!(size)), ("maxSize", json!(9))]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    if let Known::Value(groups) = &mut observed.nodegroups {
        groups.push(LiveNodegroup {
            health: Known::default(),
            name: name.clone(),
            managed,
            status: Known::Value(if managed { "ACTIVE" } else { "CREATE_COMPLETE" }.to_owned()),
            version: Known::Value(version),
            release_version: Known::default(),
            arn: Known::Value(format!("arn:{name}:2")),
            created_at: Known::Value(start()),
            spec,
            spec_complete: true,
        });
    }
    if let Known::Value(stacks) = &mut observed.stacks {
        stacks.retain(|stack| stack.name != stack_name(&name));
        stacks.push(Stack {
            name: stack_name(&name),
            status: "CREATE_COMPLETE".to_owned(),
        });
    }
    for index in 0..size {
        nodes(observed).push(Node {
            name: format!("{name}-{index}"),
            nodegroup: Some(name.clone()),
            provisioner: None,
            kubelet: Known::Value(version.to_string().parse().expect("a kubelet")),
            ready: Known::Value(true),
            unschedulable: false,
            taints: Vec::new(),
            zone: Known::default(),
            instance_type: Known::default(),
        });
    }
}

/// Pods of a group start again on some node that takes them.
fn move_pods(observed: &mut Observation, group: &str) {
    let left: BTreeSet<String> = observed
        .nodes_of(group)
        .map(|node| node.name.clone())
        .collect();
    let open =
        observed.nodes.items().iter().find(|node| {
            !left.contains(&node.name) && !node.unschedulable && node.taints.is_empty()
        });
    let open = open.map(|node| node.name.clone());
    let Known::Value(pods) = &mut observed.pods else {
        panic!("pods")
    };
    for pod in pods.iter_mut().filter(|pod| !pod.is_daemon()) {
        if pod.node.as_ref().is_some_and(|node| left.contains(node)) {
            pod.node.clone_from(&open);
        }
    }
}

pub(crate) fn gone(observed: &mut Observation, name: &str) {
    let left: BTreeSet<String> = observed
        .nodes_of(name)
        .map(|node| node.name.clone())
        .collect();
    nodes(observed).retain(|node| node.nodegroup.as_deref() != Some(name));
    if let Known::Value(pods) = &mut observed.pods {
        pods.retain(|pod| pod.node.as_ref().is_none_or(|node| !left.contains(node)));
    }
    if let Known::Value(groups) = &mut observed.nodegroups {
        groups.retain(|group| group.name != name);
    }
    if let Known::Value(stacks) = &mut observed.stacks {
        stacks.retain(|stack| stack.name != stack_name(name));
    }
}
