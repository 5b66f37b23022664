//! The embedded world: how EKS and eksctl behave, as a deterministic model.
//!
//! A [`World`] holds what a cluster is; [`tools::eksctl`] and [`eks::call`] are
//! the only ways to change it, and they read arguments and files as the real
//! ones do. Nothing here knows a plan: what a plan *says* it does never
//! reaches this crate, only what its actions are.
//!
//! Time: whoever acts moves the clock; nothing else does.

pub mod eks;
mod files;
pub mod kube;
pub mod tools;

use serde_json::Value;
use stairway_core::model::{
    AddonVersion, Known, KubeMinor, KubeVersion, LiveNodegroup, Node, Observation, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// Add-on name → minor → versions on offer, oldest first.
pub type Offers = BTreeMap<String, BTreeMap<KubeMinor, Vec<AddonVersion>>>;

/// A cluster that can be acted on.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// What a reader would see; settings of groups made here are not redacted.
    pub cluster: Observation,
    /// What EKS offers as add-on versions.
    pub offers: Offers,
    /// The virtual clock.
    pub now: Timestamp,
    /// What happened that should make a person wince.
    pub mishaps: Vec<Mishap>,
}

/// Something that happened to the cluster's users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Pods went away without having been evicted first.
    PodsLost {
        /// The group that was deleted under them.
        nodegroup: String,
        /// How many.
        pods: usize,
    },
    /// A kubelet was newer or too old for the control plane.
    SkewBroken {
        /// The node or group.
        subject: String,
        /// Its kubelet.
        kubelet: KubeMinor,
        /// The control plane.
        control_plane: KubeMinor,
    },
    /// No node that runs core services was left.
    NoCoreNode,
}

impl World {
    /// Returns a world that begins as observed.
    pub fn of(cluster: Observation, offers: Offers, now: Timestamp) -> Self {
        Self {
            cluster,
            offers,
            now,
            mishaps: Vec::new(),
        }
    }

    /// Moves the clock.
    pub fn advance(&mut self, seconds: i64) {
        self.now = Timestamp::from_unix(self.now.unix().saturating_add(seconds));
    }

    /// Returns the control plane's minor.
    pub fn version(&self) -> Option<KubeMinor> {
        self.cluster.version()
    }

    /// Returns the nodegroup called `name`.
    pub fn nodegroup(&self, name: &str) -> Option<&LiveNodegroup> {
        self.cluster.nodegroup(name)
    }

    pub(crate) fn nodegroups(&mut self) -> &mut Vec<LiveNodegroup> {
        list(&mut self.cluster.nodegroups)
    }

    pub(crate) fn nodegroup_mut(&mut self, name: &str) -> Option<&mut LiveNodegroup> {
        self.nodegroups()
            .iter_mut()
            .find(|group| group.name == name)
    }

    /// Boots `count` nodes of a group.
    pub(crate) fn boot(&mut self, group: &str, version: KubeMinor, count: u32) {
        let kubelet: Option<KubeVersion> = format!("v{version}.0-eks").parse().ok();
        let taken: BTreeSet<String> = self
            .cluster
            .nodes
            .items()
            .iter()
            .map(|node| node.name.clone())
            .collect();
        let fresh: Vec<String> = (0..)
            .map(|index| format!("{group}-node-{index}"))
            .filter(|name| !taken.contains(name))
            .take(count as usize)
            .collect();
        for name in fresh {
            list(&mut self.cluster.nodes).push(Node {
                name,
                nodegroup: Some(group.to_owned()),
                provisioner: None,
                kubelet: kubelet.clone().map_or_else(Known::default, Known::Value),
                ready: Known::Value(true),
                unschedulable: false,
                zone: Known::default(),
                instance_type: Known::default(),
            });
        }
    }

    /// Takes a group's nodes away; what still ran on them is lost.
    pub(crate) fn remove_nodes(&mut self, group: &str) {
        let nodes: BTreeSet<String> = self
            .cluster
            .nodes_of(group)
            .map(|node| node.name.clone())
            .collect();
        list(&mut self.cluster.nodes).retain(|node| !nodes.contains(&node.name));
        if self.cluster.pods.is_unknown() {
            return;
        }
        let on_it = |pod: &stairway_core::model::Pod| {
            pod.node.as_ref().is_some_and(|node| nodes.contains(node))
        };
        let lost = self
            .cluster
            .pods
            .items()
            .iter()
            .filter(|p| on_it(p) && !p.is_daemon())
            .count();
        if lost > 0 {
            let nodegroup = group.to_owned();
            self.mishaps.push(Mishap::PodsLost {
                nodegroup,
                pods: lost,
            });
        }
        list(&mut self.cluster.pods).retain(|pod| !on_it(pod));
    }

    /// Evicts what runs on a group: pods land on other schedulable nodes or wait.
    pub(crate) fn evict(&mut self, group: &str) {
        let nodes: BTreeSet<String> = self
            .cluster
            .nodes_of(group)
            .map(|node| node.name.clone())
            .collect();
        if let Known::Value(all) = &mut self.cluster.nodes {
            for node in all.iter_mut().filter(|node| nodes.contains(&node.name)) {
                node.unschedulable = true;
            }
        }
        if self.cluster.pods.is_unknown() {
            return;
        }
        let home = self
            .cluster
            .nodes
            .items()
            .iter()
            .find(|node| !node.unschedulable && !nodes.contains(&node.name))
            .map(|node| node.name.clone());
        for pod in list(&mut self.cluster.pods) {
            let here = pod.node.as_ref().is_some_and(|node| nodes.contains(node));
            if here && !pod.is_daemon() {
                pod.node.clone_from(&home);
            }
        }
    }

    /// Lets the sessions of a group end, as people go home.
    pub fn let_sessions_end(&mut self, group: &str) {
        let nodes: BTreeSet<String> = self
            .cluster
            .nodes_of(group)
            .map(|node| node.name.clone())
            .collect();
        if !self.cluster.pods.is_unknown() {
            list(&mut self.cluster.pods).retain(|pod| {
                pod.is_daemon() || !pod.node.as_ref().is_some_and(|node| nodes.contains(node))
            });
        }
    }

    /// Looks for skew that Kubernetes forbids, at this instant.
    ///
    /// Kubernetes version skew policy: never newer, at most three minors older
    /// (two below 1.25). The world has its own copy of the law.
    pub fn watch_skew(&mut self) {
        let Some(plane) = self.version() else { return };
        let allowed = |kubelet: KubeMinor| if kubelet.minor() < 25 { 2 } else { 3 };
        let groups = self.cluster.nodegroups.items().iter();
        let boots = groups.filter_map(|g| Some((g.name.clone(), *g.version.value()?)));
        let nodes = self.cluster.nodes.items().iter();
        let nodes = nodes.filter_map(|n| Some((n.name.clone(), n.kubelet.value()?.minor())));
        let broken: Vec<Mishap> = boots
            .chain(nodes)
            .filter(|(_, k)| *k > plane || plane.minor() - k.minor() > allowed(*k))
            .map(|(subject, kubelet)| Mishap::SkewBroken {
                subject,
                kubelet,
                control_plane: plane,
            })
            .collect();
        self.mishaps.extend(broken);
    }
}

/// Returns the items to change; what was unknown or absent becomes an empty list.
pub(crate) fn list<T>(known: &mut Known<Vec<T>>) -> &mut Vec<T> {
    loop {
        match known {
            Known::Value(items) => return items,
            Known::Absent | Known::Unknown(_) => *known = Known::Value(Vec::new()),
        }
    }
}

/// Returns a group's setting as a count.
pub(crate) fn count(group: &LiveNodegroup, key: &str) -> Option<u32> {
    group
        .spec
        .get(key)
        .and_then(stairway_core::model::clusterconfig::count_of)
}

/// Returns text of a JSON object.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}
