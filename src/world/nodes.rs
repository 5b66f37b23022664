//! Nodes: instances that boot, become Ready, are tainted, and terminate.

use crate::clock::Event;
use crate::faults::Fault;
use crate::spans::{BOOT, READY};
use crate::{Mishap, World, count, list};
use serde_json::Value;
use stairway_core::model::{Known, KubeVersion, LiveNodegroup, Node, Pod};
use std::collections::BTreeSet;

/// Taints under this prefix are put on groups that are to go, after their pods came; nobody tolerates them by name.
const MARK: &str = "stairway/";
/// How many addresses of a made-up /24 are given to nodes before the next one is used.
const ADDRESSES_PER_SUBNET: u32 = 240;
/// The first addresses of a subnet are AWS's own.
const FIRST_ADDRESS: u32 = 5;

/// Returns the keys of a group's taints.
pub(crate) fn declared_taints(group: &LiveNodegroup) -> BTreeSet<String> {
    match group.spec.get("taints") {
        None | Some(Value::Null) => BTreeSet::new(),
        taints @ Some(_) => stairway_core::model::clusterconfig::read_taints(taints, "taints")
            .unwrap_or_default()
            .into_iter()
            .map(|taint| taint.key)
            .collect(),
    }
}

/// Returns a group's own taints as `key=value`: what its pods tolerate.
pub(crate) fn own_taints(group: &LiveNodegroup) -> BTreeSet<String> {
    let taints = group.spec.get("taints").filter(|taints| !taints.is_null());
    stairway_core::model::clusterconfig::read_taints(taints, "taints")
        .unwrap_or_default()
        .into_iter()
        .filter(|taint| !is_mark(&taint.key))
        .map(|taint| format!("{}={}", taint.key, taint.value))
        .collect()
}

/// Returns true for a taint that says that its node is to go.
pub(crate) fn is_mark(key: &str) -> bool {
    key.starts_with(MARK)
}

/// Returns true for a node that is marked to go.
pub(crate) fn closed_to_newcomers(node: &Node) -> bool {
    node.taints.iter().any(|key| is_mark(key))
}

impl World {
    /// Returns true for a group that is marked to go.
    pub(crate) fn is_marked(&self, group: &LiveNodegroup) -> bool {
        self.books.marked.contains(&group.name)
            || declared_taints(group).iter().any(|key| is_mark(key))
            || self.cluster.nodes_of(&group.name).any(closed_to_newcomers)
    }
}

impl World {
    /// A recorded observation may know taints of groups and not those of nodes.
    pub(crate) fn taint_as_declared(&mut self) {
        let tainted: Vec<(String, BTreeSet<String>)> = self
            .cluster
            .nodegroups
            .items()
            .iter()
            .map(|group| (group.name.clone(), declared_taints(group)))
            .filter(|(_, taints)| !taints.is_empty())
            .collect();
        for (group, taints) in tainted {
            self.taint_nodes(&group, &taints, &BTreeSet::new());
        }
    }

    /// Changes the taints of all nodes of a group.
    pub(crate) fn taint_nodes(
        &mut self,
        group: &str,
        add: &BTreeSet<String>,
        remove: &BTreeSet<String>,
    ) {
        let Known::Value(nodes) = &mut self.cluster.nodes else {
            return;
        };
        for node in nodes
            .iter_mut()
            .filter(|node| node.nodegroup.as_deref() == Some(group))
        {
            node.taints.retain(|key| !remove.contains(key));
            for key in add {
                if !node.taints.contains(key) {
                    node.taints.push(key.clone());
                }
            }
            node.taints.sort();
        }
        self.touch();
        if !remove.is_empty() {
            self.retry_homeless();
        }
    }

    /// Starts instances of a group: they join NotReady, and become Ready by themselves.
    pub(crate) fn boot(&mut self, group: &str, nodes: u32) -> Vec<String> {
        let Some(live) = self.cluster.nodegroup(group) else {
            return Vec::new();
        };
        let kubelet = match live.version.value() {
            Some(version) => format!("v{version}.0-eks").parse::<KubeVersion>().ok(),
            None => None,
        };
        self.boot_at(group, nodes, kubelet)
    }

    /// The same at a version that is not the group's yet.
    pub(crate) fn boot_at(
        &mut self,
        group: &str,
        nodes: u32,
        kubelet: Option<KubeVersion>,
    ) -> Vec<String> {
        let Some(live) = self.cluster.nodegroup(group) else {
            return Vec::new();
        };
        let taints: Vec<String> = declared_taints(live).into_iter().collect();
        let instance_type = self.instance_type_of(live);
        let zones = self.zones_of(live);
        let mut made = Vec::new();
        for _ in 0..nodes {
            let name = self.fresh_node_name();
            // Auto Scaling balances zones: one after the other.
            let turn = self.books.nodes_made as usize % zones.len().max(1);
            let zone = match zones.get(turn) {
                Some(zone) => Known::Value(zone.clone()),
                None => Known::default(),
            };
            list(&mut self.cluster.nodes).push(Node {
                name: name.clone(),
                nodegroup: Some(group.to_owned()),
                provisioner: None,
                kubelet: kubelet.clone().map_or_else(Known::default, Known::Value),
                ready: Known::Value(false),
                unschedulable: false,
                taints: taints.clone(),
                zone,
                instance_type: instance_type.clone(),
            });
            made.push(name);
        }
        self.touch();
        if !made.is_empty() && !self.strikes(Fault::NodesNeverReady, group) {
            let seconds = self.takes(READY, group);
            let nodes = made.clone();
            self.schedule(seconds, Event::NodesReady { nodes });
        }
        made
    }

    /// Starts instances after EC2's time.
    pub(crate) fn boot_later(&mut self, group: &str, nodes: u32) {
        let seconds = self.takes(BOOT, group);
        let group = group.to_owned();
        self.schedule(seconds, Event::NodesBoot { group, nodes });
    }

    fn fresh_node_name(&mut self) -> String {
        loop {
            let number = self.books.nodes_made;
            self.books.nodes_made += 1;
            let name = format!(
                "ip-192-168-{}-{}.{}.compute.internal",
                100 + number / ADDRESSES_PER_SUBNET,
                FIRST_ADDRESS + number % ADDRESSES_PER_SUBNET,
                self.cluster.cluster.region
            );
            if !self.cluster.nodes.items().iter().any(|n| n.name == name) {
                return name;
            }
        }
    }

    fn instance_type_of(&self, group: &LiveNodegroup) -> Known<String> {
        let first = |key: &str| {
            let value = group.spec.get(key)?;
            let one = value.as_array().and_then(|list| list.first());
            one.unwrap_or(value).as_str().map(str::to_owned)
        };
        match first("instanceType").or_else(|| first("instanceTypes")) {
            Some(kind) => Known::Value(kind),
            None => Known::default(),
        }
    }

    /// The group's zones, else those of its nodes, else those of the cluster's subnets.
    fn zones_of(&self, group: &LiveNodegroup) -> Vec<String> {
        let declared = group
            .spec
            .get("availabilityZones")
            .and_then(Value::as_array);
        let mut zones: Vec<String> = declared
            .into_iter()
            .flatten()
            .filter_map(|zone| zone.as_str().map(str::to_owned))
            .collect();
        if zones.is_empty() {
            let nodes = self.cluster.nodes_of(&group.name);
            zones = nodes.filter_map(|n| n.zone.value().cloned()).collect();
        }
        if zones.is_empty() {
            let subnets = self.cluster.subnets.items().iter();
            zones = subnets.filter_map(|s| s.zone.value().cloned()).collect();
        }
        zones.sort();
        zones.dedup();
        zones
    }

    pub(crate) fn nodes_ready(&mut self, names: &[String]) {
        if let Known::Value(nodes) = &mut self.cluster.nodes {
            for node in nodes.iter_mut().filter(|node| names.contains(&node.name)) {
                node.ready = Known::Value(true);
            }
        }
        self.add_daemons(names);
        self.touch();
        self.retry_homeless();
    }

    /// Each DaemonSet of kube-system that runs somewhere runs on a new node too.
    fn add_daemons(&mut self, names: &[String]) {
        let Known::Value(pods) = &self.cluster.pods else {
            return;
        };
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut daemons: Vec<Pod> = Vec::new();
        for pod in pods
            .iter()
            .filter(|pod| pod.is_daemon() && !pod.is_static())
        {
            let owner = pod.owner.value().cloned().unwrap_or_default();
            if pod.namespace == "kube-system" && seen.insert(owner) {
                daemons.push(pod.clone());
            }
        }
        let mut made = Vec::new();
        for name in names {
            for daemon in &daemons {
                let owner = daemon.owner.value();
                let runs =
                    |pod: &Pod| pod.node.as_ref() == Some(name) && pod.owner.value() == owner;
                if pods.iter().any(runs) || self.cluster.nodes_named(name).is_none() {
                    continue;
                }
                let set = owner.and_then(|owner| owner.split('/').nth(1));
                let short = name.split('.').next().unwrap_or(name);
                made.push(Pod {
                    name: format!("{}-{short}", set.unwrap_or("daemon")),
                    node: Some(name.clone()),
                    waiting: None,
                    ..daemon.clone()
                });
            }
        }
        if let Known::Value(pods) = &mut self.cluster.pods {
            pods.extend(made);
        }
    }

    /// Takes nodes away; what still ran on them is lost.
    pub(crate) fn remove_nodes(&mut self, group: &str, names: &BTreeSet<String>) {
        list(&mut self.cluster.nodes).retain(|node| !names.contains(&node.name));
        self.touch();
        let Known::Value(pods) = &mut self.cluster.pods else {
            return;
        };
        let on_it = |pod: &Pod| pod.node.as_ref().is_some_and(|node| names.contains(node));
        let lost = pods.iter().filter(|p| on_it(p) && !p.is_daemon()).count();
        pods.retain(|pod| !on_it(pod));
        if lost > 0 {
            let nodegroup = group.to_owned();
            self.wince(Mishap::PodsLost {
                nodegroup,
                pods: lost,
            });
        }
    }

    pub(crate) fn node_names(&self, group: &str) -> BTreeSet<String> {
        self.cluster
            .nodes_of(group)
            .map(|node| node.name.clone())
            .collect()
    }

    pub(crate) fn cordon(&mut self, names: &BTreeSet<String>, cordoned: bool) {
        if let Known::Value(nodes) = &mut self.cluster.nodes {
            for node in nodes.iter_mut().filter(|n| names.contains(&n.name)) {
                node.unschedulable = cordoned;
            }
        }
        self.touch();
        if !cordoned {
            self.retry_homeless();
        }
    }

    /// Sets a group's bounds and lets its Auto Scaling group follow.
    ///
    /// Amazon EC2 Auto Scaling, UpdateAutoScalingGroup: a maximum below the
    /// present size "sets the group's DesiredCapacity to the new MaxSize".
    pub(crate) fn set_bounds(
        &mut self,
        name: &str,
        min: Option<u32>,
        max: Option<u32>,
        desired: Option<u32>,
    ) {
        let Some(group) = self.nodegroup_mut(name) else {
            return;
        };
        for (key, value) in [("minSize", min), ("maxSize", max)] {
            if let Some(value) = value {
                group.spec.insert(key.to_owned(), Value::from(value));
            }
        }
        if group.spec.contains_key("desiredCapacity") && desired.is_some() {
            let value = desired.map_or(Value::Null, Value::from);
            group.spec.insert("desiredCapacity".to_owned(), value);
        }
        let (least, most) = (count(group, "minSize"), count(group, "maxSize"));
        if self.cluster.nodes.is_unknown() {
            return;
        }
        let names: Vec<String> = self
            .cluster
            .nodes_of(name)
            .map(|n| n.name.clone())
            .collect();
        let have = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let booting = self.booting(name);
        let want = desired.unwrap_or(have.saturating_add(booting));
        let want = want.max(least.unwrap_or(0)).min(most.unwrap_or(u32::MAX));
        if want > have.saturating_add(booting) {
            self.boot_later(name, want - have - booting);
        } else if want < have {
            let gone = self.emptiest(names, (have - want) as usize);
            self.remove_nodes(name, &gone);
        }
    }

    /// Returns how many instances of a group are about to start.
    pub(crate) fn booting(&self, name: &str) -> u32 {
        let pending = self.books.pending.iter();
        pending
            .filter_map(|due| {
                let Event::NodesBoot { group, nodes } = &due.what else {
                    return None;
                };
                (group == name).then_some(*nodes)
            })
            .sum()
    }

    fn emptiest(&self, mut names: Vec<String>, how_many: usize) -> BTreeSet<String> {
        let pods = self.cluster.pods.items();
        let load = |name: &String| {
            pods.iter()
                .filter(|pod| pod.node.as_ref() == Some(name) && !pod.is_daemon())
                .count()
        };
        names.sort_by_cached_key(load);
        names.into_iter().take(how_many).collect()
    }
}

/// Finds nodes by name.
pub(crate) trait NodesByName {
    fn nodes_named(&self, name: &str) -> Option<&Node>;
}

impl NodesByName for stairway_core::model::Observation {
    fn nodes_named(&self, name: &str) -> Option<&Node> {
        self.nodes.items().iter().find(|node| node.name == name)
    }
}
