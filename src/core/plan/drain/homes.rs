//! Groups that can take pods: their labels, zones, taints and instance types.

use crate::catalog::{Catalog, LabelFrom, Scope};
use crate::diff::generation::OWN_PREFIX;
use crate::model::clusterconfig::{count_of, labels_of, read_taints};
use crate::model::{ClusterId, Known, Observation, Pod};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A group of nodes as pods see it.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) name: String,
    pub(super) managed: bool,
    /// It carries the core role; told only of groups beside the one that takes over.
    pub(super) core: bool,
    /// Live groups whose pods run on it by then: itself, and those that it replaced.
    pub(super) hosts: BTreeSet<String>,
    /// Its settings in eksctl's shape, defaults filled in.
    pub(super) spec: Map<String, Value>,
    /// Labels that its settings declare.
    pub(super) labels: BTreeMap<String, String>,
    /// `key=value:Effect` of taints that keep pods away, stairway's own left out.
    pub(super) taints: BTreeSet<String>,
    /// Where its nodes can be; none when that is not known.
    pub(super) zones: Option<BTreeSet<String>>,
    /// What its nodes can be; empty when that is not known.
    pub(super) types: Vec<String>,
}

/// Whether nodes of a group carry a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    Yes,
    No,
    /// Nothing that is recorded says.
    Unknown,
}

impl Home {
    /// Reads a group's settings; `complete` says that what they leave out has its default.
    pub(super) fn of(
        name: &str,
        (managed, complete): (bool, bool),
        spec: &Map<String, Value>,
        catalog: &Catalog,
        zones: Option<BTreeSet<String>>,
    ) -> Self {
        let mut spec = spec.clone();
        if complete {
            catalog.fill_defaults(Scope::nodegroup(managed), &mut spec);
        }
        let taints = read_taints(spec.get("taints"), "taints").unwrap_or_default();
        let keeps_away = |effect: &str| {
            !effect
                .replace('_', "")
                .eq_ignore_ascii_case("PreferNoSchedule")
        };
        let taints = taints
            .into_iter()
            .filter(|taint| !taint.key.starts_with(OWN_PREFIX) && keeps_away(&taint.effect))
            .map(|taint| format!("{}={}:{}", taint.key, taint.value, taint.effect));
        Self {
            name: name.to_owned(),
            managed,
            core: false,
            hosts: BTreeSet::from([name.to_owned()]),
            labels: labels_of(&spec),
            taints: taints.collect(),
            zones,
            types: types_of(&spec),
            spec,
        }
    }

    /// Returns the most nodes that it may have.
    pub(super) fn max(&self) -> u32 {
        crate::diff::normalize::scaling(|key| self.spec.get(key).and_then(count_of)).1
    }

    /// Tells whether its nodes carry `key` with this value.
    ///
    /// `before` is the group that the pods leave. A label that neither group declares is put on
    /// nodes by somebody else, who may well put it on the new ones too.
    pub(super) fn carries(
        &self,
        (key, value): (&str, &str),
        before: &Self,
        catalog: &Catalog,
        cluster: &ClusterId,
    ) -> Carries {
        if let Some(own) = self.labels.get(key)
            && !is_named_after_group(key, catalog)
        {
            return yes(own == value);
        }
        let Some(label) = catalog.node_label(key) else {
            return if before.labels.contains_key(key) {
                Carries::No
            } else {
                Carries::Unknown
            };
        };
        if !label.stands_on(self.managed) {
            return Carries::No;
        }
        let spot = self.is_spot();
        match label.from {
            LabelFrom::Nodegroup => yes(value == self.name),
            LabelFrom::Cluster => yes(value == cluster.name),
            LabelFrom::Arch => self.any_type(|kind| {
                let arch = catalog.architecture(kind)?;
                Some(arch.label() == value)
            }),
            LabelFrom::Os => yes(value == self.os()),
            LabelFrom::InstanceType => self.any_type(|kind| Some(kind == value)),
            LabelFrom::Zone => match &self.zones {
                Some(zones) => yes(zones.contains(value)),
                None => Carries::Unknown,
            },
            LabelFrom::Region => yes(value == cluster.region),
            LabelFrom::CapacityType => yes(value == if spot { "SPOT" } else { "ON_DEMAND" }),
            LabelFrom::Lifecycle => yes(value == if spot { "spot" } else { "on-demand" }),
            LabelFrom::Node => Carries::No,
            LabelFrom::Unforeseen => Carries::Unknown,
        }
    }

    fn any_type(&self, is: impl Fn(&str) -> Option<bool>) -> Carries {
        let verdicts: Vec<Option<bool>> = self.types.iter().map(|kind| is(kind)).collect();
        if verdicts.contains(&Some(true)) {
            Carries::Yes
        } else if verdicts.is_empty() || verdicts.contains(&None) {
            Carries::Unknown
        } else {
            Carries::No
        }
    }

    fn os(&self) -> &'static str {
        let family = self.spec.get("amiFamily").and_then(Value::as_str);
        if family.is_some_and(|family| family.starts_with("Windows")) {
            "windows"
        } else {
            "linux"
        }
    }

    fn is_spot(&self) -> bool {
        let distribution = self.spec.get("instancesDistribution");
        let share = distribution
            .and_then(|d| d.get("onDemandPercentageAboveBaseCapacity"))
            .and_then(count_of);
        self.spec.get("spot") == Some(&Value::Bool(true)) || share == Some(0)
    }

    /// Returns true when nothing that is known keeps `pod` from its nodes.
    pub(super) fn takes(
        &self,
        pod: &Pod,
        before: &Self,
        catalog: &Catalog,
        id: &ClusterId,
    ) -> bool {
        let zoned = pod.volume_zones.items().is_empty()
            || self.zones.as_ref().is_none_or(|zones| {
                pod.volume_zones
                    .items()
                    .iter()
                    .any(|zone| zones.contains(zone))
            });
        zoned && self.missing(pod, before, catalog, id).is_empty()
    }

    /// Returns the labels that `pod` needs and its nodes are known to lack, as `key=value`.
    pub(super) fn missing(
        &self,
        pod: &Pod,
        before: &Self,
        catalog: &Catalog,
        id: &ClusterId,
    ) -> Vec<String> {
        needed(pod)
            .filter(|pair| self.carries(*pair, before, catalog, id) == Carries::No)
            .map(|(key, value)| format!("{key}={value}"))
            .collect()
    }
}

/// eksctl and EKS write the group's name into declared labels too; a new group has its own.
fn is_named_after_group(key: &str, catalog: &Catalog) -> bool {
    let label = catalog.node_label(key);
    label.is_some_and(|label| label.from == LabelFrom::Nodegroup)
}

const fn yes(it_is: bool) -> Carries {
    if it_is { Carries::Yes } else { Carries::No }
}

/// Returns the labels that a pod needs on its node.
pub(super) fn needed(pod: &Pod) -> impl Iterator<Item = (&str, &str)> {
    let selector = pod.node_selector.value().into_iter().flatten();
    selector.map(|(key, value)| (key.as_str(), value.as_str()))
}

/// Returns what a group's nodes can be, in the order of its settings.
fn types_of(spec: &Map<String, Value>) -> Vec<String> {
    let list = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let distribution = spec.get("instancesDistribution");
    let mut types = list(spec.get("instanceTypes"));
    if types.is_empty() {
        types = list(distribution.and_then(|d| d.get("instanceTypes")));
    }
    if types.is_empty()
        && let Some(one) = spec.get("instanceType").and_then(Value::as_str)
        && one != "mixed"
    {
        types.push(one.to_owned());
    }
    types
}

/// Returns the zones of a group: its own, those of its subnets, else the cluster's.
pub(super) fn zones_of(
    spec: &Map<String, Value>,
    document: &Map<String, Value>,
    observed: &Observation,
) -> Option<BTreeSet<String>> {
    let region = &observed.cluster.region;
    let named = |holder: &Map<String, Value>| -> BTreeSet<String> {
        let list = holder.get("availabilityZones").and_then(Value::as_array);
        let list = list.into_iter().flatten().filter_map(Value::as_str);
        // Some configs name zones by their letter.
        list.map(|zone| {
            if zone.len() == 1 {
                format!("{region}{zone}")
            } else {
                zone.to_owned()
            }
        })
        .collect()
    };
    let own = named(spec);
    if !own.is_empty() {
        return Some(own);
    }
    let ids = spec.get("subnets").and_then(Value::as_array);
    if let Some(ids) = ids.filter(|ids| !ids.is_empty()) {
        let zone_of = |id: &Value| zone_of_subnet(id.as_str()?, observed);
        return ids.iter().map(zone_of).collect();
    }
    let cluster = named(document);
    if !cluster.is_empty() {
        return Some(cluster);
    }
    let subnets = observed.subnets.items().iter();
    let zones: Option<BTreeSet<String>> = subnets.map(|s| s.zone.value().cloned()).collect();
    zones.filter(|zones| !zones.is_empty())
}

/// A group's `subnets` are ids, or names that nobody recorded.
fn zone_of_subnet(id: &str, observed: &Observation) -> Option<String> {
    let mut subnets = observed.subnets.items().iter();
    let Known::Value(zone) = &subnets.find(|subnet| subnet.id == id)?.zone else {
        return None;
    };
    Some(zone.clone())
}
