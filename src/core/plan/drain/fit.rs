//! Whether the pods that move fit the group that takes over, at its maximum.
//!
//! Only what cannot fit is said: figures are taken so that the room is never less than the truth.

use super::homes::Home;
use crate::catalog::Catalog;
use crate::model::clusterconfig::count_of;
use crate::model::{Observation, Pod};
use std::collections::{BTreeMap, BTreeSet};

/// What one node gives to pods, at least as much as it really does; none where nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) pods: Option<u32>,
    pub(super) cpu_millis: Option<u32>,
    pub(super) memory_mib: Option<u32>,
}

/// Pods and what they ask for; a request that nobody recorded counts as nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) pods: u32,
    pub(super) cpu_millis: u64,
    pub(super) memory_mib: u64,
}

impl Load {
    pub(super) fn of<'a>(pods: impl Iterator<Item = &'a Pod>) -> Self {
        pods.fold(Self::default(), |sum, pod| Self {
            pods: sum.pods.saturating_add(1),
            cpu_millis: sum.cpu_millis + u64::from(pod.cpu_millis.value().copied().unwrap_or(0)),
            memory_mib: sum.memory_mib + u64::from(pod.memory_mib.value().copied().unwrap_or(0)),
        })
    }
}

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// What does not fit, in sentences.
    pub(super) short: Vec<String>,
    /// Pods that no node of the group is large enough for.
    pub(super) too_large: Vec<String>,
    /// Instance types that the catalog does not know.
    pub(super) unknown_types: Vec<String>,
    /// The pods per node are not those of the instance type.
    pub(super) prefixes: bool,
}

/// Compares the pods that move with what the group holds at its maximum.
pub(super) fn fit(
    observed: &Observation,
    catalog: &Catalog,
    old: &str,
    moving: &[&Pod],
    home: &Home,
) -> Fit {
    let mut fit = Fit {
        prefixes: delegates_prefixes(observed),
        ..Fit::default()
    };
    let per_node = room(home, catalog, &mut fit);
    let daemons = daemons_per_node(observed, old);
    let there = observed.pods_of(&home.name);
    // The group may run already, with pods of its own.
    let there = Load::of(there.into_iter().filter(|pod| !pod.is_daemon()));
    let load = Load::of(moving.iter().copied());
    let what = Question {
        old,
        home,
        daemons,
        there,
    };
    if let Some(pods) = per_node.pods.filter(|_| !moving.is_empty()) {
        let needed = u64::from(load.pods) + u64::from(there.pods);
        fit.short.extend(what.pods(load.pods, needed, pods));
    }
    for (kind, node, each, needed) in [
        (
            "CPU",
            per_node.cpu_millis,
            daemons.cpu_millis,
            load.cpu_millis + there.cpu_millis,
        ),
        (
            "memory",
            per_node.memory_mib,
            daemons.memory_mib,
            load.memory_mib + there.memory_mib,
        ),
    ] {
        let Some(node) = node else { continue };
        fit.short
            .extend(what.requests(kind, needed, u64::from(node), each));
    }
    for pod in moving {
        let ask = Load::of(std::iter::once(*pod));
        let over = |node: Option<u32>, each: u64, asks: u64| {
            node.is_some_and(|node| asks > u64::from(node).saturating_sub(each))
        };
        if over(per_node.cpu_millis, daemons.cpu_millis, ask.cpu_millis)
            || over(per_node.memory_mib, daemons.memory_mib, ask.memory_mib)
        {
            fit.too_large
                .push(format!("{}/{}", pod.namespace, pod.name));
        }
    }
    fit
}

struct Question<'a> {
    old: &'a str,
    home: &'a Home,
    daemons: Load,
    there: Load,
}

impl Question<'_> {
    fn pods(&self, moving: u32, needed: u64, per_node: u32) -> Option<String> {
        let max = self.home.max();
        let room = u64::from(per_node.saturating_sub(self.daemons.pods)) * u64::from(max);
        (needed > room).then(|| {
            let there = match self.there.pods {
                0 => String::new(),
                pods => format!(" beside the {pods} that are there"),
            };
            format!(
                "{moving} pods must move from `{}`{there}; at its maximum of {max} nodes `{}` holds {room} ({per_node} per {}, less {} daemons).",
                self.old,
                self.home.name,
                self.kind(),
                self.daemons.pods
            )
        })
    }

    fn requests(&self, kind: &str, needed: u64, per_node: u64, daemons: u64) -> Option<String> {
        let max = self.home.max();
        let room = per_node.saturating_sub(daemons) * u64::from(max);
        (needed > room).then(|| {
            format!(
                "The pods of `{}` ask for {} of {kind}; at its maximum of {max} nodes `{}` gives at most {} ({} per {}, less {} for daemons).",
                self.old,
                amount(kind, needed),
                self.home.name,
                amount(kind, room),
                amount(kind, per_node),
                self.kind(),
                amount(kind, daemons)
            )
        })
    }

    fn kind(&self) -> String {
        match self.home.types.as_slice() {
            [] => "node".to_owned(),
            [one] => format!("`{one}`"),
            [first, ..] => format!(
                "node of the smallest of {} types, e.g. `{first}`",
                self.home.types.len()
            ),
        }
    }
}

/// Writes `2.5 CPU` or `3 GiB`-like figures: `2500m`, `3072 MiB`.
pub(super) fn amount(kind: &str, value: u64) -> String {
    if kind == "CPU" {
        format!("{value}m")
    } else {
        format!("{value} MiB")
    }
}

/// Pods per node, and what is left of a node for them: millicores and MiB.
type PerType = (Option<u32>, Option<(u32, u32)>);

/// The smallest of the types counts: nobody knows which one EC2 has.
pub(super) fn room(home: &Home, catalog: &Catalog, fit: &mut Fit) -> Room {
    let declared = home.spec.get("maxPodsPerNode").and_then(count_of);
    let mut all = Room {
        pods: declared,
        cpu_millis: None,
        memory_mib: None,
    };
    let mut rooms = Vec::new();
    for kind in &home.types {
        let pods = declared.or_else(|| catalog.max_pods(kind));
        // Without a limit of pods nothing is kept back for them, which errs on the side of room.
        let node = catalog.allocatable(kind, pods.unwrap_or(0));
        if pods.is_none() || node.is_none() {
            fit.unknown_types.push(kind.clone());
        }
        rooms.push((pods, node));
    }
    let smallest = |pick: &dyn Fn(&PerType) -> Option<u32>| {
        let known: Option<Vec<u32>> = rooms.iter().map(pick).collect();
        known.and_then(|known| known.into_iter().min())
    };
    if !fit.prefixes {
        all.pods = declared.or_else(|| smallest(&|(pods, _)| *pods));
    }
    all.cpu_millis = smallest(&|(_, node)| node.map(|(cpu, _)| cpu));
    all.memory_mib = smallest(&|(_, node)| node.map(|(_, memory)| memory));
    all
}

/// Every node runs one pod of each DaemonSet that the old nodes run.
pub(super) fn daemons_per_node(observed: &Observation, old: &str) -> Load {
    let pods = observed.pods_of(old);
    let mut sets: BTreeMap<(&str, &str), &Pod> = BTreeMap::new();
    for pod in pods.into_iter().filter(|pod| pod.is_daemon()) {
        let owner = pod.owner.value().map_or("", String::as_str);
        sets.entry((pod.namespace.as_str(), owner)).or_insert(pod);
    }
    Load::of(sets.into_values())
}

/// With prefixes a node holds more pods than its interfaces have addresses.
pub(super) fn delegates_prefixes(observed: &Observation) -> bool {
    observed.addons.items().iter().any(|addon| {
        let text = addon.spec.get("configurationValues");
        addon.name == "vpc-cni"
            && text.is_some_and(|text| text.to_string().contains("ENABLE_PREFIX_DELEGATION"))
    })
}

/// Free addresses of the subnets that new nodes of a group can be in, and how many subnets those
/// are; none when that is not known.
pub(super) fn free_addresses(observed: &Observation, home: &Home) -> Option<(u32, usize)> {
    let subnets = free_by_subnet(observed, home)?;
    let free = subnets
        .values()
        .fold(0, |sum: u32, free| sum.saturating_add(*free));
    Some((free, subnets.len()))
}

/// Free addresses of the subnets that nodes of a group can be in, by subnet; none when that is not known.
pub(super) fn free_by_subnet<'a>(
    observed: &'a Observation,
    home: &Home,
) -> Option<BTreeMap<&'a str, u32>> {
    let ids: BTreeSet<&str> = home
        .spec
        .get("subnets")
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_str)
        .collect();
    let zones = home.zones.as_ref();
    let inside = |subnet: &&crate::model::Subnet| {
        if !ids.is_empty() {
            return ids.contains(subnet.id.as_str());
        }
        zones.is_none_or(|zones| subnet.zone.value().is_none_or(|zone| zones.contains(zone)))
    };
    let subnets = observed.subnets.items().iter().filter(inside);
    let free = subnets.map(|subnet| {
        let free = subnet.free_addresses.value()?;
        Some((subnet.id.as_str(), *free))
    });
    let free: Option<BTreeMap<&str, u32>> = free.collect();
    free.filter(|free| !free.is_empty())
}
