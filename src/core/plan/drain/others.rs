//! Whether the groups that stay hold what leaves a group that no one group takes over.

use super::findings::{bounded, count, objects, some};
use super::fit::{self, Fit, Load, Room};
use super::homes::Home;
use super::simulate::comes_back;
use super::{Exodus, To};
use crate::catalog::Catalog;
use crate::model::Pod;
use crate::plan::draft::finding;
use crate::plan::wire::{Finding, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// A group that stays: what one of its nodes gives beside its daemons, and what runs on it.
struct Place<'a> {
    home: &'a Home,
    node: Room,
    there: Load,
}

/// Places by their index.
type Places = BTreeSet<usize>;

/// What a resource is called, what a node gives of it, and what a load asks of it.
type Resource = (&'static str, fn(&Room) -> Option<u32>, fn(&Load) -> u64);

static RESOURCES: [Resource; 3] = [
    ("pods", |room| room.pods, |load| load.pods as u64),
    ("CPU", |room| room.cpu_millis, |load| load.cpu_millis),
    ("memory", |room| room.memory_mib, |load| load.memory_mib),
];

impl Exodus<'_> {
    /// Findings about the room and the addresses of all groups that could take the pods.
    pub(super) fn of_others(&self, catalog: &Catalog) -> Vec<Finding> {
        // Pods of a group that is made again wait for it, as its owner asked.
        if !matches!(self.to, To::Others) || self.made_again {
            return Vec::new();
        }
        let mut unknown = Fit {
            prefixes: fit::delegates_prefixes(self.observed),
            ..Fit::default()
        };
        let daemons = fit::daemons_per_node(self.observed, &self.group);
        let homes = self.homes.iter();
        // The hub's services stay on groups of their role.
        let homes = homes.filter(|home| home.core || !self.core);
        let places: Vec<Place<'_>> = homes
            .map(|home| Place {
                home,
                node: beside(fit::room(home, catalog, &mut unknown), daemons),
                there: self.there(home),
            })
            .collect();
        let leaving = self.leaving.iter().chain(&self.before_it).copied();
        let mut moving: BTreeMap<Places, Vec<&Pod>> = BTreeMap::new();
        for pod in leaving.filter(|pod| comes_back(pod)) {
            let takes = |place: &Place<'_>| {
                let id = &self.observed.cluster;
                place.home.takes(pod, &self.before, catalog, id)
            };
            let takers = places.iter().enumerate().filter(|(_, place)| takes(place));
            let takers: Places = takers.map(|(index, _)| index).collect();
            // Whoever no group takes is told by label and zone.
            if !takers.is_empty() {
                moving.entry(takers).or_default().push(pod);
            }
        }
        let mut found = Vec::new();
        found.extend(self.short(&moving, &places));
        found.extend(self.addresses(&moving, &places));
        found
    }

    fn there(&self, home: &Home) -> Load {
        let pods = home
            .hosts
            .iter()
            .flat_map(|name| self.observed.pods_of(name));
        Load::of(pods.filter(|pod| !pod.is_daemon()))
    }

    fn short(&self, moving: &BTreeMap<Places, Vec<&Pod>>, places: &[Place<'_>]) -> Option<Finding> {
        let mut sentences = Vec::new();
        let mut concerned = Places::new();
        for (kind, of_node, of_load) in RESOURCES {
            // Pods that only these places take are judged with whoever has fewer to choose from.
            for among in moving.keys() {
                let only = moving.iter().filter(|(takers, _)| takers.is_subset(among));
                let load = Load::of(only.flat_map(|(_, pods)| pods.iter().copied()));
                let room = room_of(places, among, of_node, of_load);
                if let Some(room) = room.filter(|room| of_load(&load) > *room) {
                    let names = names(places, among);
                    sentences.push(self.sentence(kind, of_load(&load), room, &names));
                    concerned.extend(among);
                    break;
                }
            }
        }
        let large = too_large(moving, places);
        if let Some(first) = large.first() {
            sentences.push(format!(
                "{} of `{}` {} more than any node gives, e.g. `{first}`.",
                count(large.len(), "pod"),
                self.group,
                if large.len() == 1 {
                    "asks for"
                } else {
                    "ask for"
                }
            ));
        }
        if sentences.is_empty() {
            return None;
        }
        let mut one = self.finding("STW-R8-CAPACITY", Severity::Blocking, &[]);
        one.message = sentences.join(" ");
        one.objects = bounded(large.iter().map(|key| format!("pod {key}")).collect());
        one.remedy = if concerned.is_empty() {
            "Declare a group of a larger type in git before this one goes.".to_owned()
        } else {
            format!(
                "Raise `maxSize` of {} in git, or declare a group that takes over before this one goes.",
                some(&names(places, &concerned))
            )
        };
        one.source = "Amazon VPC CNI, pods per instance type; Amazon EC2, instance types; amazon-eks-ami, kubeReserved".to_owned();
        Some(one)
    }

    fn sentence(&self, kind: &str, needed: u64, room: u64, names: &[String]) -> String {
        let with = if self.before_it.is_empty() {
            ""
        } else {
            " and of the groups emptied before it"
        };
        let (group, names) = (&self.group, some(names));
        if kind == "pods" {
            return format!(
                "{needed} pods must leave `{group}`{with}; at their maximum {names} have room for {room} more."
            );
        }
        format!(
            "The pods of `{group}`{with} ask for {} of {kind}; at their maximum {names} give at most {} beside what runs there.",
            fit::amount(kind, needed),
            fit::amount(kind, room)
        )
    }

    /// R8: pods that move need addresses where they go.
    fn addresses(
        &self,
        moving: &BTreeMap<Places, Vec<&Pod>>,
        places: &[Place<'_>],
    ) -> Option<Finding> {
        let among: Places = moving.keys().flatten().copied().collect();
        // One address is free once, whatever the number of groups that can take it.
        let mut subnets: BTreeMap<&str, u32> = BTreeMap::new();
        for index in &among {
            subnets.extend(fit::free_by_subnet(
                self.observed,
                places.get(*index)?.home,
            )?);
        }
        let needed: usize = moving.values().map(Vec::len).sum();
        let free: usize = subnets.values().map(|free| *free as usize).sum();
        if subnets.is_empty() || free >= needed {
            return None;
        }
        let subject = format!("nodegroup {}", self.group);
        let mut one = finding("STW-R8-ADDRESSES", "R8", Severity::Blocking, &subject);
        one.message = format!(
            "{} of `{}` {} an address each elsewhere; {} that {} can use {} {free} free.",
            count(needed, "pod"),
            self.group,
            if needed == 1 { "needs" } else { "need" },
            count(subnets.len(), "subnet"),
            some(&names(places, &among)),
            if subnets.len() == 1 { "has" } else { "have" },
        );
        let pods: Vec<&Pod> = moving.values().flatten().copied().collect();
        one.objects = objects(&pods, &[]);
        one.remedy =
            "Free addresses, or name further subnets or zones for those groups in git.".to_owned();
        one.source =
            "Amazon VPC CNI: each node and each pod has an address of its subnet".to_owned();
        Some(one)
    }
}

/// What a node gives beside the daemons that run on each.
fn beside(node: Room, daemons: Load) -> Room {
    let less = |all: Option<u32>, daemons: u64| {
        let daemons = u32::try_from(daemons).unwrap_or(u32::MAX);
        all.map(|all| all.saturating_sub(daemons))
    };
    Room {
        pods: less(node.pods, u64::from(daemons.pods)),
        cpu_millis: less(node.cpu_millis, daemons.cpu_millis),
        memory_mib: less(node.memory_mib, daemons.memory_mib),
    }
}

/// What these places have left at their maximum; none when one of them is not known.
fn room_of(
    places: &[Place<'_>],
    among: &Places,
    of_node: fn(&Room) -> Option<u32>,
    of_load: fn(&Load) -> u64,
) -> Option<u64> {
    let left = |place: &Place<'_>| {
        let all = u64::from(of_node(&place.node)?) * u64::from(place.home.max());
        Some(all.saturating_sub(of_load(&place.there)))
    };
    among.iter().map(|index| left(places.get(*index)?)).sum()
}

/// Pods that ask for more than a node of any place that takes them.
fn too_large(moving: &BTreeMap<Places, Vec<&Pod>>, places: &[Place<'_>]) -> Vec<String> {
    let mut large = Vec::new();
    for (takers, pods) in moving {
        for pod in pods {
            let ask = Load::of(std::iter::once(*pod));
            let fits = |place: &Place<'_>| {
                let mut kinds = RESOURCES.iter();
                kinds.all(|(_, of_node, of_load)| {
                    of_node(&place.node).is_none_or(|node| of_load(&ask) <= u64::from(node))
                })
            };
            let mut takers = takers.iter().filter_map(|index| places.get(*index));
            if !takers.any(fits) {
                large.push(format!("{}/{}", pod.namespace, pod.name));
            }
        }
    }
    large
}

fn names(places: &[Place<'_>], among: &Places) -> Vec<String> {
    let named = among.iter().filter_map(|index| places.get(*index));
    named
        .map(|place| format!("`{}`", place.home.name))
        .collect()
}
