//! What the world promises, in sentences.

mod drains;
mod dynamics;
mod faults;
mod world_files;

use crate::world_file::{WorldFile, WorldSet, build};
use crate::{Misbehaviour, Offers, World, eks, kubernetes, tools};
use serde_json::{Map, Value, json};
use stairway_core::model::{KubeMinor, Observation};
use std::collections::BTreeMap;

/// A small cluster: two groups of two nodes, and an empty one.
fn tiny() -> Value {
    json!({
        "apiVersion": "stairway/v1",
        "kind": "World",
        "start": "2026-09-01T08:00:00Z",
        "seed": 7,
        "offers": {
            "kube-proxy": {"1.31": ["v1.31.0-eksbuild.2"], "1.32": ["v1.31.0-eksbuild.2", "v1.32.0-eksbuild.2"]},
            "vpc-cni": {"1.31": ["v1.19.0-eksbuild.1", "v1.20.1-eksbuild.1"]},
        },
        "clusters": [{
            "name": "tiny",
            "region": "us-west-2",
            "version": "1.31",
            "nodegroups": [
                {"name": "core-a", "nodes": 2, "pods": 6, "spec": {"instanceType": "r5.xlarge", "minSize": 1, "maxSize": 4}},
                {"name": "nb-a", "managed": false, "nodes": 2, "sessions": 3, "zone": "us-west-2a",
                 "spec": {"minSize": 0, "maxSize": 10, "taints": [{"key": "hub", "value": "user", "effect": "NoSchedule"}]}},
                {"name": "spare-a", "managed": false, "nodes": 0, "spec": {"minSize": 0, "maxSize": 3}},
            ],
            "addons": {"vpc-cni": "v1.19.0-eksbuild.1", "coredns": "v1.11.4-eksbuild.2"},
            "selfManaged": {"kube-proxy": "v1.31.0-eksbuild.2"},
            "pdbs": [{"namespace": "prod", "name": "app", "allowed": 1, "selector": {"app": "core-a-app"}}],
        }],
    })
}

fn set(value: Value) -> Result<WorldSet, String> {
    let file: WorldFile = serde_json::from_value(value).map_err(|error| error.to_string())?;
    build(
        &file,
        &mut |path| Err(format!("no file `{path}`")),
        &Offers::new(),
    )
}

fn world() -> World {
    let mut worlds = set(tiny()).expect("a world").worlds;
    worlds.remove("tiny").expect("the cluster")
}

fn misbehaving(misbehaviour: Misbehaviour) -> World {
    let mut world = world();
    world.misbehave(misbehaviour);
    world
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// The file of one group, as a plan renders it.
fn group_file(version: &str, name: &str, managed: bool) -> BTreeMap<String, String> {
    let list = if managed {
        "managedNodeGroups"
    } else {
        "nodeGroups"
    };
    let document = json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": "tiny", "region": "us-west-2", "version": version},
        list: [{"name": name, "minSize": 2, "maxSize": 4, "instanceType": "r5.xlarge"}],
    });
    BTreeMap::from([("step.json".to_owned(), document.to_string())])
}

fn addon_file(name: &str, version: &str) -> BTreeMap<String, String> {
    let document = json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": "tiny", "region": "us-west-2", "version": "1.31"},
        "addons": [{"name": name, "version": version}],
    });
    BTreeMap::from([("step.json".to_owned(), document.to_string())])
}

const UPGRADE: &str = "upgrade cluster -n tiny -r us-west-2 --version 1.32 --approve --timeout 90m";
const CREATE: &str = "create nodegroup -f step.json --include core-b --timeout 40m";
const DELETE: &str =
    "delete nodegroup -c tiny -r us-west-2 -n core-a --drain=false --wait --timeout 60m";
const DRAIN: &str = "drain nodegroup -c tiny -r us-west-2 -n core-a --parallel 2 --timeout 60m";

fn eksctl(world: &mut World, line: &str) -> tools::Output {
    tools::eksctl(&words(line), &BTreeMap::new(), world)
}

fn create(world: &mut World) -> tools::Output {
    tools::eksctl(&words(CREATE), &group_file("1.31", "core-b", true), world)
}

fn input(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn call(world: &mut World, operation: &str, value: Value) -> Result<Value, eks::ApiError> {
    eks::call(world, operation, &input(value))
}

fn taint(world: &mut World, group: &str) {
    let taint = json!([{"key": "stairway/phase-out", "value": "true", "effect": "NoSchedule"}]);
    let body = json!({"addOrUpdateTaints": taint});
    kubernetes::act(
        world,
        "patch-nodes",
        &format!("nodes?nodegroup={group}"),
        &body,
    )
    .expect("a group");
}

fn minor(text: &str) -> KubeMinor {
    text.parse().expect("a minor")
}

fn ready(observed: &Observation, group: &str) -> usize {
    let nodes = observed.nodes_of(group);
    nodes
        .filter(|node| node.ready.value() == Some(&true))
        .count()
}

fn stack(world: &World, group: &str) -> Option<String> {
    world.stack_status(group).map(str::to_owned)
}

fn status(world: &World, group: &str) -> String {
    let live = world.nodegroup(group);
    let status = live.and_then(|group| group.status.value().cloned());
    status.unwrap_or_else(|| "gone".to_owned())
}
