//! One healthy cluster and what git asks of it, to be changed by the cases.
//!
//! Cluster `quay`: one hop, `core-a` swapped for `core-b`, `nb-a` (a user is
//! on it) phased out for `nb-b`, and `workers` moved in place after the hop.

#![allow(dead_code, reason = "a scene offers what the next case will need")]

use crate::catalog::Catalog;
use crate::diff::assume;
use crate::model::clusterconfig::{Config, Desired, read_documents};
use crate::model::{
    ControlPlane, Known, KubeMinor, LiveAddon, LiveNodegroup, Node, Observation, Pdb, Pod, Stack,
    Subnet, Timestamp, Update,
};
use crate::next::tests::stage::play;
use crate::plan::wire::{Finding, Inputs, Step, StepKind};
use crate::plan::{MissingFile, PlanInput, Planned, Touched};
use crate::policy::settings::Settings;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the untouched scene finds: both say what every hop to 1.33 brings.
pub(crate) const FOUND_IN_ANY_CASE: [&str; 2] = ["STW-GOTCHA", "STW-R8-REMOVED-API"];

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask {
    /// A plan, as `stairway plan` makes it.
    Plan,
    /// The way back from a run that has done this many steps of the plan.
    WayBackAfter(usize),
    /// What the auditor says of the plan after somebody changed its steps.
    Audited(fn(&mut [Step])),
}

/// Everything that a plan is made from.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// What git renders to: one eksctl ClusterConfig.
    pub(crate) config: Value,
    pub(crate) observed: Observation,
    pub(crate) settings: Settings,
    pub(crate) at: Timestamp,
    pub(crate) decided_at: Option<Timestamp>,
    pub(crate) to: Option<KubeMinor>,
    pub(crate) replace: BTreeSet<String>,
    pub(crate) assumed: bool,
    pub(crate) missing_files: Vec<MissingFile>,
    pub(crate) ask: Ask,
}

/// Inside standard support of 1.31, 1.32 and 1.33, and after the release of 1.33.
const DAY: &str = "2025-09-01T00:00:00Z";

impl Scene {
    /// 1.32 runs and 1.33 is asked for.
    pub(crate) fn new() -> Self {
        Self {
            config: config("1.33", "b"),
            observed: observation("1.32"),
            settings: settings(),
            at: DAY.parse().expect("a time"),
            decided_at: None,
            to: None,
            replace: BTreeSet::new(),
            assumed: false,
            missing_files: Vec::new(),
            ask: Ask::Plan,
        }
    }

    /// The whole cluster runs `live`, and git asks for `asked`.
    pub(crate) fn versions(&mut self, live: &str, asked: &str) {
        self.observed = observation(live);
        self.asks_for(asked);
    }

    /// Git asks for another version.
    pub(crate) fn asks_for(&mut self, minor: &str) {
        self.config["metadata"]["version"] = json!(minor);
    }

    /// The nodes of a group, and what it boots, are at `minor`.
    pub(crate) fn runs_at(&mut self, group: &str, minor: &str) {
        self.group(group).version = Known::Value(minor.parse().expect("a minor"));
        for node in self.nodes() {
            if node.nodegroup.as_deref() == Some(group) {
                node.kubelet = Known::Value(minor.parse().expect("a kubelet"));
            }
        }
    }

    /// A group as git declares it.
    pub(crate) fn declared(&mut self, name: &str) -> &mut Map<String, Value> {
        let lists = ["managedNodeGroups", "nodeGroups"];
        let config = self.config.as_object_mut().expect("a document");
        let groups = config
            .iter_mut()
            .filter(|(key, _)| lists.contains(&key.as_str()))
            .flat_map(|(_, list)| list.as_array_mut().expect("a list"));
        let mut specs = groups.filter_map(Value::as_object_mut);
        specs
            .find(|spec| spec.get("name") == Some(&json!(name)))
            .expect(name)
    }

    /// Git declares one group less.
    pub(crate) fn undeclare(&mut self, name: &str) {
        for list in ["managedNodeGroups", "nodeGroups"] {
            if let Some(list) = self.config[list].as_array_mut() {
                list.retain(|group| group["name"] != json!(name));
            }
        }
    }

    /// Git declares `name` as it declares `like`.
    pub(crate) fn declare(&mut self, name: &str, like: &str) {
        let mut spec = self.declared(like).clone();
        spec.insert("name".to_owned(), json!(name));
        let groups = self.config["managedNodeGroups"].as_array_mut();
        groups.expect("a list").push(Value::Object(spec));
    }

    /// An add-on as git declares it.
    pub(crate) fn declared_addon(&mut self, name: &str) -> &mut Value {
        let addons = self.config["addons"].as_array_mut().expect("a list");
        addons
            .iter_mut()
            .find(|addon| addon["name"] == json!(name))
            .expect(name)
    }

    /// Git declares one add-on less.
    pub(crate) fn undeclare_addon(&mut self, name: &str) {
        let addons = self.config["addons"].as_array_mut().expect("a list");
        addons.retain(|addon| addon["name"] != json!(name));
    }

    /// A node that no nodegroup owns.
    pub(crate) fn outside_node(&mut self, provisioner: &str, minor: &str) {
        let mut node = self.nodes()[0].clone();
        node.name = format!("{provisioner}-0");
        node.nodegroup = None;
        node.provisioner = Some(provisioner.to_owned());
        node.kubelet = Known::Value(minor.parse().expect("a kubelet"));
        self.nodes().push(node);
    }

    /// The account's quota of this name.
    pub(crate) fn quota(&mut self, name: &str, count: u32) {
        value(&mut self.observed.quotas).insert(name.to_owned(), count);
    }

    /// A group of git and the live one like it are run by CloudFormation and not by EKS.
    pub(crate) fn self_managed(&mut self, git: &str, live: &str) {
        let spec = Value::Object(self.declared(git).clone());
        self.undeclare(git);
        match self
            .config
            .get_mut("nodeGroups")
            .and_then(Value::as_array_mut)
        {
            Some(list) => list.push(spec),
            None => self.config["nodeGroups"] = json!([spec]),
        }
        let group = self.group(live);
        group.managed = false;
        group.status = Known::Value("CREATE_COMPLETE".to_owned());
    }

    /// A group `name` runs beside `like`, as large and as old.
    pub(crate) fn also_runs(&mut self, name: &str, like: &str) {
        let mut group = self.group(like).clone();
        group.name = name.to_owned();
        group.arn = Known::Value(format!("arn:{name}:1"));
        let nodes = self.observed.nodes_of(like).cloned();
        let nodes: Vec<Node> = nodes
            .enumerate()
            .map(|(index, node)| Node {
                name: format!("{name}-{index}"),
                nodegroup: Some(name.to_owned()),
                ..node
            })
            .collect();
        self.groups().push(group);
        self.nodes().extend(nodes);
        self.stacks().push(stack(name));
    }

    /// A live group is gone, with its nodes, their pods and its stack.
    pub(crate) fn runs_no_more(&mut self, name: &str) {
        let gone: Vec<String> = self
            .observed
            .nodes_of(name)
            .map(|n| n.name.clone())
            .collect();
        self.groups().retain(|group| group.name != name);
        self.nodes().retain(|node| !gone.contains(&node.name));
        self.pods()
            .retain(|pod| pod.node.as_ref().is_none_or(|node| !gone.contains(node)));
        let stack = stack(name).name;
        self.stacks().retain(|live| live.name != stack);
    }

    pub(crate) fn plane(&mut self) -> &mut ControlPlane {
        value(&mut self.observed.control_plane)
    }

    pub(crate) fn groups(&mut self) -> &mut Vec<LiveNodegroup> {
        value(&mut self.observed.nodegroups)
    }

    pub(crate) fn group(&mut self, name: &str) -> &mut LiveNodegroup {
        let mut groups = self.groups().iter_mut();
        groups.find(|group| group.name == name).expect(name)
    }

    pub(crate) fn nodes(&mut self) -> &mut Vec<Node> {
        value(&mut self.observed.nodes)
    }

    pub(crate) fn pods(&mut self) -> &mut Vec<Pod> {
        value(&mut self.observed.pods)
    }

    /// The first pod whose name begins so.
    pub(crate) fn pod(&mut self, name: &str) -> &mut Pod {
        let mut pods = self.pods().iter_mut();
        pods.find(|pod| pod.name.starts_with(name)).expect(name)
    }

    pub(crate) fn pdbs(&mut self) -> &mut Vec<Pdb> {
        value(&mut self.observed.pdbs)
    }

    pub(crate) fn pdb(&mut self, name: &str) -> &mut Pdb {
        let mut pdbs = self.pdbs().iter_mut();
        pdbs.find(|pdb| pdb.name == name).expect(name)
    }

    pub(crate) fn addons(&mut self) -> &mut Vec<LiveAddon> {
        value(&mut self.observed.addons)
    }

    pub(crate) fn addon(&mut self, name: &str) -> &mut LiveAddon {
        let mut addons = self.addons().iter_mut();
        addons.find(|addon| addon.name == name).expect(name)
    }

    /// What EKS offers of an add-on, by minor.
    pub(crate) fn offers(&mut self, addon: &str, minor: &str, versions: &[&str]) {
        let versions = versions.iter().map(|v| v.parse().expect("a version"));
        let versions = versions.collect();
        let minor = minor.parse().expect("a minor");
        let offered = value(&mut self.observed.addon_versions);
        offered
            .entry(addon.to_owned())
            .or_default()
            .insert(minor, versions);
    }

    pub(crate) fn updates(&mut self) -> &mut Vec<Update> {
        value(&mut self.observed.updates)
    }

    pub(crate) fn stacks(&mut self) -> &mut Vec<Stack> {
        value(&mut self.observed.stacks)
    }

    pub(crate) fn stack(&mut self, group: &str) -> &mut Stack {
        let name = stack(group).name;
        let mut stacks = self.stacks().iter_mut();
        stacks.find(|stack| stack.name == name).expect(group)
    }

    pub(crate) fn subnets(&mut self) -> &mut Vec<Subnet> {
        value(&mut self.observed.subnets)
    }

    /// EKS reports an insight of this kind, name, minor and status.
    pub(crate) fn insight(&mut self, category: &str, name: &str, version: &str, status: &str) {
        let insight = json!({
            "id": format!("i-{category}-{version}"), "name": name, "category": category,
            "version": version, "status": status, "reason": "as EKS says",
        });
        let insight = serde_json::from_value(insight).expect("an insight");
        value(&mut self.observed.insights).push(insight);
    }

    /// What git asks for, as a config is read.
    pub(crate) fn desired(&self) -> Desired {
        let documents = std::slice::from_ref(&self.config);
        match read_documents(documents).expect("a config").pop() {
            Some(Config::Eks(desired)) => *desired,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn input<'s>(
        &'s self,
        desired: &'s Desired,
        observed: &'s Observation,
    ) -> PlanInput<'s> {
        PlanInput {
            name: "quay".to_owned(),
            desired,
            observed,
            assumed: self.assumed,
            at: self.at,
            to: self.to,
            replace: self.replace.clone(),
            settings: &self.settings,
            catalog: Catalog::embedded(),
            wave: None,
            missing_files: self.missing_files.clone(),
            inputs: Inputs {
                observation_kind: "recorded".to_owned(),
                at: Some(self.at),
                decided_at: self.decided_at,
                ..Inputs::default()
            },
        }
    }

    /// The plan, audited, as the command makes it.
    pub(crate) fn plan(&self) -> Planned {
        let desired = self.desired();
        let observed = self.observed.clone().sorted();
        crate::make_plan(&self.input(&desired, &observed))
    }

    /// What is found by what is asked.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let mut planned = self.plan();
        let desired = self.desired();
        let observed = self.observed.clone().sorted();
        let input = self.input(&desired, &observed);
        match self.ask {
            Ask::Plan => planned.plan.findings,
            Ask::WayBackAfter(steps) => {
                let steps = &planned.plan.steps[..steps];
                let touched = steps.iter().map(|step| Touched {
                    step,
                    done_at: Some(self.at),
                });
                let touched: Vec<Touched<'_>> = touched.collect();
                let mut left = observed.clone();
                steps.iter().for_each(|step| play(step, &mut left));
                let undo = crate::plan::undo(&self.input(&desired, &left), &touched);
                crate::check_undo(&self.input(&desired, &left), undo)
                    .planned
                    .plan
                    .findings
            }
            Ask::Audited(change) => {
                change(&mut planned.plan.steps);
                planned.plan = planned.plan.seal();
                let any = input.any_core_group();
                crate::audit::check(&planned, &observed, Catalog::embedded(), &|name, spec| {
                    input.is_core(name, spec, any)
                })
            }
        }
    }

    /// Everything in it as one document, to see what a case changes.
    pub(crate) fn written(&self) -> Value {
        let missing: Vec<String> = self.missing_files.iter().map(|f| f.path.clone()).collect();
        json!({
            "config": self.config, "observed": self.observed, "settings": self.settings,
            "at": self.at, "decided_at": self.decided_at, "to": self.to, "replace": self.replace, "assumed": self.assumed,
            "missing_files": missing,
            "ask": match self.ask {
                Ask::Plan => "plan".to_owned(),
                Ask::WayBackAfter(steps) => format!("the way back after {steps} steps"),
                Ask::Audited(_) => "the audit of a changed plan".to_owned(),
            },
        })
    }
}

fn value<T>(known: &mut Known<T>) -> &mut T {
    match known {
        Known::Value(value) => value,
        Known::Absent | Known::Unknown(_) => panic!("the scene knows all of this"),
    }
}

/// The place of a step of this kind in a plan, counted from 1.
pub(crate) fn done_through(scene: &Scene, kind: StepKind) -> usize {
    let planned = scene.plan();
    let mut steps = planned.plan.steps.iter();
    1 + steps
        .position(|step| step.kind == kind)
        .expect("such a step")
}

/// Group and pod counts are small, and everything runs twice.
fn config(version: &str, letter: &str) -> Value {
    let group = |name: &str, min: u32, purpose: &str| {
        json!({
            "name": name, "minSize": min, "maxSize": 10, "amiFamily": "AmazonLinux2023",
            "instanceType": "m5.large", "labels": {"hub.jupyter.org/node-purpose": purpose},
        })
    };
    let addons = ["vpc-cni", "coredns", "kube-proxy"];
    let addons = addons.map(|name| json!({"name": name, "version": "latest"}));
    json!({
        "apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig",
        "metadata": {"name": "quay", "region": "us-west-2", "version": version},
        "addons": addons,
        "managedNodeGroups": [
            group(&format!("core-{letter}"), 2, "core"),
            group(&format!("nb-{letter}"), 0, "user"),
            group("workers", 2, "worker"),
        ],
    })
}

fn settings() -> Settings {
    let settings = json!({"nodes": "follow", "nodegroups": {"nb-*": {"strategy": "phase-out"}}});
    serde_json::from_value(settings).expect("settings")
}

/// What runs when git's state before was applied at `version`, and is well.
fn observation(version: &str) -> Observation {
    let live = match read_documents(&[config(version, "a")])
        .expect("a config")
        .pop()
    {
        Some(Config::Eks(live)) => *live,
        other => panic!("{other:?}"),
    };
    let mut observed = assume(&live, "a scene", Catalog::embedded());
    let made: Timestamp = "2023-03-01T00:00:00Z".parse().expect("a time");
    observed.cluster.account_id = Some("123456789012".to_owned());
    observed.observed_at = Known::Value(DAY.parse().expect("a time"));
    observed.sources = vec!["recorded".to_owned()];
    let plane = value(&mut observed.control_plane);
    plane.created_at = Known::Value(made);
    plane.platform_version = Known::Value("eks.9".to_owned());
    for group in value(&mut observed.nodegroups) {
        group.health = Known::Value(Vec::new());
        group.arn = Known::Value(format!("arn:{}:1", group.name));
        group.created_at = Known::Value(made);
    }
    let names = ["core-a", "nb-a", "workers"];
    observed.stacks = Known::Value(names.map(stack).to_vec());
    observed.updates = read(json!([
        {"id": "u-1", "type": "VersionUpdate", "status": "Successful", "version": version,
         "created_at": "2025-05-01T08:00:00Z", "finished_at": "2025-05-01T08:12:00Z"},
    ]));
    let mut nb = observed.nodes_of("core-a").next().expect("a node").clone();
    nb.name = "nb-a-0".to_owned();
    nb.nodegroup = Some("nb-a".to_owned());
    value(&mut observed.nodes).push(nb);
    for (index, node) in value(&mut observed.nodes).iter_mut().enumerate() {
        let zone = if index % 2 == 0 {
            "us-west-2a"
        } else {
            "us-west-2b"
        };
        node.zone = Known::Value(zone.to_owned());
        node.instance_type = Known::Value("m5.large".to_owned());
    }
    observed.pods = Known::Value(pods());
    observed.pdbs = read(json!([
        {"namespace": "kube-system", "name": "coredns", "allowed": 1, "selector": {"app": "coredns"},
         "max_unavailable": "1", "expected": 2, "healthy": 2},
        {"namespace": "prod", "name": "proxy", "allowed": 1, "selector": {"app": "proxy"},
         "max_unavailable": "1", "expected": 2, "healthy": 2},
    ]));
    observed.insights = read(json!([
        {"id": "i-kubelet", "name": "Kubelet version skew", "category": "UPGRADE_READINESS",
         "status": "PASSING"},
    ]));
    observed.deprecated_apis = Known::Value(Vec::new());
    observed.webhooks = Known::Value(Vec::new());
    observed.aws_auth = Known::Absent;
    observed.aws_auth_users = Known::Absent;
    observed.workloads = Known::Value(Vec::new());
    observed.quotas = read(json!({"managed-nodegroups-per-cluster": 30}));
    observed.subnets = read(json!([
        {"id": "subnet-a", "zone": "us-west-2a", "free_addresses": 200, "control_plane": true},
        {"id": "subnet-b", "zone": "us-west-2b", "free_addresses": 200, "control_plane": true},
    ]));
    addons(&mut observed);
    observed.sorted()
}

/// EKS offers a kube-proxy of each minor, and one version of the others for all of them.
fn addons(observed: &mut Observation) {
    let mut offered: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for minor in 29..=36 {
        for (addon, version) in [
            ("coredns", "v1.11.4-eksbuild.2".to_owned()),
            ("kube-proxy", format!("v1.{minor}.3-eksbuild.2")),
            ("vpc-cni", "v1.19.5-eksbuild.3".to_owned()),
        ] {
            let by_minor = offered.entry(addon.to_owned()).or_default();
            by_minor.insert(format!("1.{minor}"), vec![version]);
        }
    }
    let plane = observed.version().expect("a version").to_string();
    for addon in value(&mut observed.addons) {
        let version = &offered[&addon.name][&plane][0];
        addon.version = Known::Value(version.parse().expect("a version"));
        addon.status = Known::Value("ACTIVE".to_owned());
        addon.health = Known::Value(Vec::new());
    }
    observed.addon_versions = read(json!(offered));
}

/// Two of each service on different nodes, the daemons of every node, and one user.
fn pods() -> Vec<Pod> {
    let pod = |namespace: &str, name: &str, node: &str, owner: Value, labels: Value| {
        json!({
            "namespace": namespace, "name": name, "node": node, "owner": owner, "labels": labels,
            "cpu_millis": 100, "memory_mib": 128, "node_selector": {}, "empty_dir": false,
            "volume_zones": [],
        })
    };
    let mut list = Vec::new();
    for (namespace, app) in [("kube-system", "coredns"), ("prod", "proxy")] {
        for index in 0..2 {
            let (name, node) = (format!("{app}-{index}"), format!("core-a-{index}"));
            let owner = json!(format!("ReplicaSet/{app}"));
            list.push(pod(namespace, &name, &node, owner, json!({"app": app})));
        }
    }
    for index in 0..2 {
        let (name, node) = (format!("batch-{index}"), format!("workers-{index}"));
        let owner = json!("ReplicaSet/batch");
        list.push(pod("prod", &name, &node, owner, json!({"app": "batch"})));
    }
    for node in ["core-a-0", "core-a-1", "nb-a-0", "workers-0", "workers-1"] {
        let owner = json!("DaemonSet/aws-node");
        let name = format!("aws-node-{node}");
        list.push(pod(
            "kube-system",
            &name,
            node,
            owner,
            json!({"app": "aws-node"}),
        ));
    }
    let user = json!({"component": "singleuser-server"});
    list.push(pod("prod", "jupyter-ada", "nb-a-0", Value::Null, user));
    list.into_iter()
        .map(|pod| serde_json::from_value(pod).expect("a pod"))
        .collect()
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("facts")
}

fn stack(group: &str) -> Stack {
    Stack {
        name: format!("eksctl-quay-nodegroup-{group}"),
        status: "CREATE_COMPLETE".to_owned(),
    }
}
