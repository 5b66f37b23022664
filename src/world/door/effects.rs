//! What a write does to the world, and how the world's own misbehaviours meet a write.

use super::errors::Refusal;
use super::project::{self, key};
use super::store::Key;
use super::{Call, Door, kinds};
use crate::World;
use crate::clock::{Event, Roaming};
use crate::faults::Fault;
use crate::nodes::is_mark;
use serde_json::Value;
use stairway_core::model::{AddonVersion, Known, Pdb, Pod};
use std::collections::{BTreeMap, BTreeSet};

/// Taints under this prefix are the control plane's; the world knows them by other facts.
const CONTROL_PLANE_TAINTS: &str = "node.kubernetes.io/";

impl Door {
    /// Lets a misbehaviour of the world refuse a write before anything is stored.
    pub(crate) fn world_refuses(
        &self,
        world: &mut World,
        call: &Call<'_>,
        key: &Key,
    ) -> Result<(), Refusal> {
        let subject = subject_of(world, call, key);
        if world.strikes(Fault::Throttle, &subject) {
            return Err(Refusal::busy(Some(1)));
        }
        if world.strikes(Fault::ErrorBeforeEffect, &subject) {
            return Err(Refusal::unwell(500));
        }
        world.remember();
        Ok(())
    }

    /// Lets a misbehaviour of the world lose the answer of a write that is done.
    pub(crate) fn world_loses_answer(
        &self,
        world: &mut World,
        call: &Call<'_>,
        key: &Key,
    ) -> Result<(), Refusal> {
        let subject = subject_of(world, call, key);
        if world.strikes(Fault::ErrorAfterEffect, &subject) {
            return Err(Refusal::unwell(504));
        }
        Ok(())
    }

    /// Carries a stored write into the world.
    pub(crate) fn effect(
        &mut self,
        world: &mut World,
        call: &Call<'_>,
        place: &Key,
        before: Option<&Value>,
        after: &Value,
    ) {
        match call.kind.plural {
            "nodes" => node_effect(world, after),
            "pods" => pod_effect(world, before, after),
            "poddisruptionbudgets" if before.is_none_or(|b| b["spec"] != after["spec"]) => {
                self.own_budgets.insert(place.clone());
                budget_effect(world, after);
            }
            "daemonsets" | "deployments" | "statefulsets" if before.is_none() => {
                self.own_workloads.insert(place.clone());
            }
            "daemonsets" | "deployments" => {
                let moved =
                    before.is_some_and(|b| b["spec"]["template"] != after["spec"]["template"]);
                let own = self.own_workloads.contains(place);
                if moved && !own {
                    self.rollout_effect(world, place, after);
                }
                let replicas = before.map(|b| b["spec"]["replicas"].clone());
                if !own && replicas.is_some_and(|old| old != after["spec"]["replicas"]) {
                    self.scale_effect(world, place, after);
                }
            }
            _ => self.tell_gates(world, place),
        }
        world.watch();
    }

    /// The world's own Deployments get or lose pods at once; the scheduler places new ones at the next look.
    fn scale_effect(&mut self, world: &mut World, place: &Key, after: &Value) {
        let wanted = usize::try_from(super::number(&after["spec"]["replicas"])).unwrap_or(0);
        let Known::Value(pods) = &mut world.cluster.pods else {
            return;
        };
        let by_it = |pod: &Pod| {
            let owner = project::owner_of(pod).map(|(_, name)| name);
            pod.namespace == place.1
                && owner.is_some_and(|o| project::deployment_of(&o) == Some(place.2.as_str()))
        };
        let mut have = pods.iter().filter(|pod| by_it(pod)).count();
        while have > wanted {
            let Some(index) = pods.iter().rposition(by_it) else {
                return;
            };
            pods.remove(index);
            have -= 1;
        }
        let Some(model) = pods.iter().find(|pod| by_it(pod)).cloned() else {
            return;
        };
        for _ in have..wanted {
            self.names += 1;
            let name = format!("{}-{:05}", place.2, self.names);
            let node = None;
            pods.push(Pod {
                name,
                node,
                ..model.clone()
            });
        }
    }

    /// A new template begins a rollout; what the world then shows of it is what was written.
    fn rollout_effect(&mut self, world: &mut World, place: &Key, after: &Value) {
        let image = after["spec"]["template"]["spec"]["containers"][0]["image"].as_str();
        let tag = image
            .and_then(|image| image.rsplit_once(':'))
            .map(|(_, tag)| tag);
        let version: Option<AddonVersion> = tag.and_then(|tag| tag.parse().ok());
        world.begin_rollout(&place.2, version.as_ref());
        let pictures = project::all(world, &self.own_workloads);
        if let Some((_, picture)) = pictures.into_iter().find(|(other, _)| other == place) {
            self.pictures.insert(place.clone(), picture);
        }
    }

    /// Takes an object away, and from the world what it stood for; a pod's controller makes another.
    pub(crate) fn vanish(&mut self, world: &mut World, place: &Key) {
        self.dying.remove(place);
        if place.0 == kinds::of("Pod").id() {
            displace(world, place);
            self.pictures.remove(place);
            self.seen = None;
            self.store.remove(place);
            return;
        }
        self.uproot(world, place);
    }

    /// Takes an object and what it stood for away for good.
    pub(crate) fn uproot(&mut self, world: &mut World, place: &Key) {
        let (namespace, name) = (&place.1, &place.2);
        match kinds::KINDS[place.0].plural {
            "nodes" => {
                let found = world
                    .cluster
                    .nodes
                    .items()
                    .iter()
                    .find(|node| node.name == *name);
                let group = found
                    .and_then(|node| node.nodegroup.clone())
                    .unwrap_or_default();
                world.remove_nodes(&group, &BTreeSet::from([name.clone()]));
                world.watch();
            }
            "pods" => {
                if let Known::Value(pods) = &mut world.cluster.pods {
                    pods.retain(|pod| pod.namespace != *namespace || pod.name != *name);
                }
                self.pictures.remove(place);
            }
            "poddisruptionbudgets" => {
                if let Known::Value(pdbs) = &mut world.cluster.pdbs {
                    pdbs.retain(|pdb| pdb.namespace != *namespace || pdb.name != *name);
                }
                self.own_budgets.remove(place);
            }
            _ => {}
        }
        self.rollouts.remove(place);
        self.store.remove(place);
        self.tell_gates(world, place);
    }

    /// Evicts a pod in the world; false when a budget of the world refuses.
    pub(crate) fn world_evicts(&mut self, world: &mut World, place: &Key) -> bool {
        let found = find(world, place);
        if found.is_some_and(|pod| pod.is_daemon() || pod.node.is_none()) {
            // Its controller makes it anew on the same node.
            self.dying.insert(place.clone());
            return true;
        }
        let evicted = world.evict(&format!("{}/{}", place.1, place.2));
        if evicted && find(world, place).is_none() {
            // Nobody makes it again: it goes at the next look, also when that is the first one at it.
            self.dying.insert(place.clone());
        }
        evicted
    }
}

fn find<'a>(world: &'a World, place: &Key) -> Option<&'a Pod> {
    let mut pods = world.cluster.pods.items().iter();
    pods.find(|pod| pod.namespace == place.1 && pod.name == place.2)
}

fn subject_of(world: &World, call: &Call<'_>, place: &Key) -> String {
    if call.kind.plural == "nodes" {
        let found = world
            .cluster
            .nodes
            .items()
            .iter()
            .find(|node| node.name == place.2);
        if let Some(group) = found.and_then(|node| node.nodegroup.clone()) {
            return group;
        }
    }
    place.2.clone()
}

/// A DELETE asks no budget: the pod goes, and comes again elsewhere when somebody owns it.
fn displace(world: &mut World, place: &Key) {
    let Known::Value(pods) = &mut world.cluster.pods else {
        return;
    };
    let found = pods
        .iter()
        .position(|pod| pod.namespace == place.1 && pod.name == place.2);
    let Some(index) = found else {
        return;
    };
    if pods[index].is_daemon() {
        return;
    }
    if pods[index].owner.value().is_none() {
        pods.remove(index);
        return;
    }
    let node = pods[index].node.take();
    let nodes = world.cluster.nodes.items().iter();
    let left = nodes.clone().find(|one| Some(&one.name) == node.as_ref());
    let group = left
        .and_then(|node| node.nodegroup.clone())
        .unwrap_or_default();
    let tolerates = world
        .cluster
        .nodegroup(&group)
        .map(crate::nodes::own_taints);
    let roaming = Roaming {
        group,
        tolerates: tolerates.unwrap_or_default(),
        budgets: Vec::new(),
    };
    let pod = format!("{}/{}", place.1, place.2);
    world.books.roaming.insert(pod.clone(), roaming);
    let seconds = world.takes(crate::spans::POD_LANDS, &pod);
    world.schedule(seconds, Event::PodLands { pod });
}

fn node_effect(world: &mut World, after: &Value) {
    let name = super::name_of(after).to_owned();
    let cordoned = after["spec"]["unschedulable"] == true;
    let taints = after["spec"]["taints"].as_array().into_iter().flatten();
    let keys = taints.into_iter().filter_map(|taint| taint["key"].as_str());
    let mut keys: Vec<String> = keys
        .filter(|key| !key.starts_with(CONTROL_PLANE_TAINTS))
        .map(str::to_owned)
        .collect();
    keys.sort();
    keys.dedup();
    let Known::Value(nodes) = &mut world.cluster.nodes else {
        return;
    };
    let Some(node) = nodes.iter_mut().find(|node| node.name == name) else {
        return;
    };
    let group = node.nodegroup.clone();
    let freed = node.taints.iter().any(|key| !keys.contains(key));
    let turned = node.unschedulable != cordoned;
    if node.taints != keys {
        node.taints = keys;
        world.touch();
    }
    if turned {
        world.cordon(&BTreeSet::from([name]), cordoned);
    }
    if freed {
        world.retry_homeless();
    }
    // The autoscaler leaves a group alone whose nodes are marked to go.
    if let Some(group) = group {
        let marked = world
            .cluster
            .nodes_of(&group)
            .any(|node| node.taints.iter().any(|key| is_mark(key)));
        if marked {
            world.books.marked.insert(group);
        } else if freed {
            world.books.marked.remove(&group);
        }
    }
}

/// A new pod is the world's too; its labels are what budgets and activity match.
fn pod_effect(world: &mut World, before: Option<&Value>, after: &Value) {
    if before.is_none() {
        let pod = pod_of(after);
        crate::list(&mut world.cluster.pods).push(pod);
        return;
    }
    let labels = labels_of(after);
    let place = key(
        "Pod",
        after["metadata"]["namespace"].as_str().unwrap_or_default(),
        super::name_of(after),
    );
    let Known::Value(pods) = &mut world.cluster.pods else {
        return;
    };
    let found = pods
        .iter_mut()
        .find(|pod| pod.namespace == place.1 && pod.name == place.2);
    if let Some(pod) = found {
        pod.labels = labels;
    }
}

fn labels_of(object: &Value) -> BTreeMap<String, String> {
    labels_at(&object["metadata"]["labels"])
}

/// Returns a map of texts.
pub(crate) fn labels_at(labels: &Value) -> BTreeMap<String, String> {
    labels
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Returns what the world knows of a pod that a client or a controller made.
pub(crate) fn pod_of(object: &Value) -> Pod {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (meta, spec) = (&object["metadata"], &object["spec"]);
    let owners = meta["ownerReferences"].as_array().into_iter().flatten();
    let owner = owners.into_iter().find(|owner| owner["controller"] == true);
    let tolerations = spec["tolerations"].as_array().into_iter().flatten();
    let everything = tolerations
        .into_iter()
        .any(|one| one["operator"] == "Exists" && one["key"].is_null() && one["effect"].is_null());
    let volumes = spec["volumes"].as_array().into_iter().flatten();
    let claims = volumes
        .clone()
        .any(|volume| volume.get("persistentVolumeClaim").is_some());
    let selector = spec["nodeSelector"].as_object().into_iter().flatten();
    Pod {
        namespace: text(&meta["namespace"]),
        name: text(&meta["name"]),
        node: spec["nodeName"].as_str().map(str::to_owned),
        owner: match owner {
            Some(owner) => {
                Known::Value(format!("{}/{}", text(&owner["kind"]), text(&owner["name"])))
            }
            None => Known::Absent,
        },
        labels: labels_of(object),
        volume_zones: if claims {
            Known::Unknown("nobody looked where its volumes are".to_owned())
        } else {
            Known::Value(Vec::new())
        },
        tolerates_everything: everything,
        node_selector: Known::Value(
            selector
                .map(|(key, value)| (key.clone(), text(value)))
                .collect(),
        ),
        empty_dir: Known::Value(
            volumes
                .into_iter()
                .any(|volume| volume.get("emptyDir").is_some()),
        ),
        ..Pod::default()
    }
}

fn budget_effect(world: &mut World, after: &Value) {
    let text = |value: &Value| match value.as_str() {
        Some(text) => Known::Value(text.to_owned()),
        None => value
            .as_i64()
            .map_or(Known::Absent, |number| Known::Value(number.to_string())),
    };
    let (meta, spec) = (&after["metadata"], &after["spec"]);
    let name = super::name_of(after).to_owned();
    let namespace = meta["namespace"].as_str().unwrap_or_default().to_owned();
    let labels = spec["selector"]["matchLabels"]
        .as_object()
        .into_iter()
        .flatten();
    let selector =
        labels.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()));
    let pdb = Pdb {
        namespace,
        name,
        // Until the controller has counted, nothing is known to be allowed.
        allowed: Known::Value(0),
        selector: Known::Value(selector.collect()),
        min_available: text(&spec["minAvailable"]),
        max_unavailable: text(&spec["maxUnavailable"]),
        evicts_unhealthy: Known::Value(spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"),
        ..Pdb::default()
    };
    let pdbs = crate::list(&mut world.cluster.pdbs);
    pdbs.retain(|other| other.namespace != pdb.namespace || other.name != pdb.name);
    // The world knows selectors of equality only; the door asks the others by itself.
    if spec["selector"]["matchExpressions"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {
        pdbs.push(pdb);
    }
}
