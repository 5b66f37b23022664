//! Controllers: the world's changes become changes of objects, and objects get what follows from them.

use super::carry::{adopt, carry};
use super::project::{self, key};
use super::select::Selector;
use super::store::Key;
use super::{Door, kinds, map_mut, meta_mut, name_of, number, write};
use crate::World;
use serde_json::{Value, json};
use stairway_core::model::{Known, Timestamp};
use std::collections::BTreeSet;

/// A rollout that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rollout {
    /// How many looks it has gone on for.
    pub(crate) step: i64,
    pub(crate) begun: Timestamp,
}

/// The taint of a cordoned node (node lifecycle controller, `TaintNodeUnschedulable`).
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// The taint of a node that is not Ready.
const NOT_READY: &str = "node.kubernetes.io/not-ready";

impl Door {
    /// Looks at the world: what changed becomes events, and controllers act.
    ///
    /// To be called after each step of the clock and after each tool that changed the world.
    pub fn observe(&mut self, world: &mut World) {
        self.seen_at = Some(world.now);
        let idle = self.rollouts.is_empty() && self.own_workloads.is_empty();
        let looked = self.looked_at == Some(self.store.revision());
        if idle && looked && self.seen.as_deref() == Some(&world.cluster) {
            return;
        }
        self.let_pods_die(world);
        self.end_namespaces(world);
        self.run_own_workloads(world);
        self.sync(world);
        self.taint_nodes(world.now);
        self.count_budgets(world);
        self.count_workloads(world);
        self.looked_at = Some(self.store.revision());
        self.opened = true;
    }

    /// Stores what is there from the start beside what the world shows.
    pub(crate) fn seed(&mut self, world: &mut World, objects: Vec<Value>) {
        for object in &objects {
            self.plant(world, object.clone());
        }
        self.tell_planted(world, &objects);
    }

    pub(crate) fn plant(&mut self, world: &World, mut object: Value) {
        let kind = object["kind"].as_str().unwrap_or_default();
        let Some(kind) = kinds::KINDS.iter().find(|one| one.kind == kind) else {
            return;
        };
        let name = name_of(&object).to_owned();
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        let place = (kind.id(), namespace.to_owned(), name);
        object["apiVersion"] = json!(kind.api_version());
        self.store.born(&place, &mut object, made_at(world));
        self.store.put(&place, object);
    }

    /// Carries the world's changes into the objects.
    fn sync(&mut self, world: &World) {
        if self.seen.as_deref() == Some(&world.cluster) {
            return;
        }
        let pictures = project::all(world, &self.own_workloads);
        let mut shown = BTreeSet::new();
        for (place, picture) in pictures {
            self.show(world, &place, &picture);
            shown.insert(place.clone());
            self.pictures.insert(place, picture);
        }
        let gone: Vec<Key> = self
            .pictures
            .keys()
            .filter(|p| !shown.contains(*p))
            .cloned()
            .collect();
        for place in gone {
            self.pictures.remove(&place);
            let held = self
                .store
                .get(&place)
                .is_some_and(|object| write::finalizers(object) > 0);
            let own = self.own_workloads.contains(&place) || self.own_budgets.contains(&place);
            let kept = own || is_namespace(&place);
            if !held && !kept {
                self.store.remove(&place);
            }
        }
        self.seen = Some(Box::new(world.cluster.clone()));
    }

    fn show(&mut self, world: &World, place: &Key, picture: &Value) {
        let before = self.pictures.get(place);
        if before == Some(picture) {
            return;
        }
        let Some(stored) = self.store.get(place).cloned() else {
            let mut object = picture.clone();
            self.follow_template(place, &mut object);
            self.fill_owner(place, &mut object);
            let at = if self.opened {
                world.now
            } else {
                made_at(world)
            };
            self.store.born(place, &mut object, at);
            stamp(None, &mut object, world.now);
            self.store.put(place, object);
            return;
        };
        let mut object = (*stored).clone();
        let moved = |node: &Value| !node.is_null() && *node != picture["spec"]["nodeName"];
        if place.0 == kinds::of("Pod").id() && moved(&stored["spec"]["nodeName"]) {
            if write::finalizers(&stored) > 0 {
                return;
            }
            // A pod never moves: the old one is gone, and its controller made another.
            self.store.remove(place);
            self.pictures.remove(place);
            self.show(world, place, picture);
            return;
        }
        match before {
            Some(before) => carry(before, picture, &mut object),
            None => adopt(picture, &mut object),
        }
        if object["spec"] != stored["spec"] && kinds::KINDS[place.0].has_generation() {
            let next = number(&stored["metadata"]["generation"]) + 1;
            let raises = place.0 != kinds::of("Pod").id();
            if raises {
                meta_mut(&mut object).insert("generation".to_owned(), json!(next));
            }
        }
        stamp(Some(&stored), &mut object, world.now);
        self.store.put(place, object);
    }

    /// An owner is named by its uid.
    fn fill_owner(&self, place: &Key, object: &mut Value) {
        let owners = object["metadata"]["ownerReferences"].clone();
        let mut kept = Vec::new();
        for mut owner in owners.as_array().cloned().unwrap_or_default() {
            let kind = owner["kind"].as_str().unwrap_or_default();
            let name = owner["name"].as_str().unwrap_or_default();
            let known = kinds::KINDS.iter().any(|one| one.kind == kind);
            let at = key(kind, &place.1, name);
            let found = self.store.get(&at).filter(|_| known);
            let uid = match found {
                Some(found) => found["metadata"]["uid"].clone(),
                None => json!(self.store.next_uid(&at)),
            };
            owner["uid"] = uid;
            kept.push(owner);
        }
        if !kept.is_empty() {
            meta_mut(object).insert("ownerReferences".to_owned(), Value::Array(kept));
        }
    }

    /// Pods that a client deleted go; their controllers make others.
    fn let_pods_die(&mut self, world: &mut World) {
        for place in std::mem::take(&mut self.dying) {
            self.vanish(world, &place);
        }
    }

    /// A namespace that is deleted goes with all that is in it.
    fn end_namespaces(&mut self, world: &mut World) {
        let kind = kinds::of("Namespace").id();
        let ending: Vec<Key> = self
            .store
            .of_kind(kind)
            .filter(|(_, object)| !object["metadata"]["deletionTimestamp"].is_null())
            .map(|(place, _)| place.clone())
            .collect();
        for place in ending {
            let inside: Vec<Key> = self
                .store
                .keys()
                .filter(|one| one.1 == place.2)
                .cloned()
                .collect();
            for one in inside {
                self.own_workloads.remove(&one);
                self.uproot(world, &one);
            }
            self.store.remove(&place);
            self.pictures.remove(&place);
            self.seen = None;
        }
    }

    /// The node lifecycle controller's taints.
    fn taint_nodes(&mut self, now: Timestamp) {
        let nodes: Vec<(Key, Value)> = self
            .store
            .of_kind(kinds::of("Node").id())
            .filter_map(|(place, node)| Some((place.clone(), retainted(node, now)?)))
            .collect();
        for (place, node) in nodes {
            self.store.put(&place, node);
        }
    }

    /// The disruption controller: what each budget allows.
    fn count_budgets(&mut self, world: &mut World) {
        let kind = kinds::of("PodDisruptionBudget").id();
        let budgets: Vec<(Key, Value)> = self
            .store
            .of_kind(kind)
            .map(|(place, budget)| (place.clone(), (**budget).clone()))
            .collect();
        for (place, mut budget) in budgets {
            let before = budget.clone();
            let selector = Selector::of_object(&budget["spec"]["selector"]);
            let (mut expected, mut healthy) = (0_i64, 0_i64);
            for (pod_place, pod) in self.store.of_kind(kinds::of("Pod").id()) {
                if pod_place.1 == place.1 && selector.matches(pod) {
                    expected += 1;
                    healthy += i64::from(is_ready(pod));
                }
            }
            let own = self.own_budgets.contains(&place);
            let told = world.cluster.pdbs.items().iter();
            let told = told
                .clone()
                .find(|pdb| pdb.namespace == place.1 && pdb.name == place.2)
                .cloned();
            if let Some(told) = told.as_ref().filter(|_| !own) {
                let said =
                    |known: &Known<u32>, or: i64| known.value().map_or(or, |n| i64::from(*n));
                expected = said(&told.expected, expected);
                healthy = said(&told.healthy, healthy);
            }
            let by_spec = desired(&budget["spec"], expected);
            let allowed = match told.as_ref().map(|told| &told.allowed) {
                Some(Known::Value(allowed)) if !own => i64::from(*allowed),
                Some(_) | None => (healthy - by_spec).max(0),
            };
            let wanted = if own {
                by_spec
            } else {
                (healthy - allowed).max(0)
            };
            if own {
                self.tell_world(world, &place, allowed);
            }
            let unread = told.as_ref().filter(|_| !own).map(|told| &told.allowed);
            if unread.is_some_and(|known| known.is_unknown() && !known.is_unknown_by_default()) {
                // As before the controller's first look, which `observedGeneration` would tell.
                let generation = number(&budget["metadata"]["generation"]).max(1);
                meta_mut(&mut budget).insert("generation".to_owned(), json!(generation));
                budget["status"] = json!({
                    "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0,
                });
                self.store.put(&place, budget);
                continue;
            }
            set_budget(&mut budget, (expected, healthy, wanted, allowed));
            stamp(Some(&before), &mut budget, world.now);
            self.store.put(&place, budget);
        }
    }

    fn tell_world(&self, world: &mut World, place: &Key, allowed: i64) {
        let Known::Value(pdbs) = &mut world.cluster.pdbs else {
            return;
        };
        let found = pdbs
            .iter_mut()
            .find(|pdb| pdb.namespace == place.1 && pdb.name == place.2);
        if let Some(pdb) = found {
            pdb.allowed = Known::Value(u32::try_from(allowed).unwrap_or(0));
        }
    }
}

fn is_namespace(place: &Key) -> bool {
    place.0 == kinds::of("Namespace").id()
}

/// Objects of the beginning are as old as the cluster; nobody recorded them one by one.
fn made_at(world: &World) -> Timestamp {
    let plane = world.cluster.control_plane.value();
    let at = plane.and_then(|plane| plane.created_at.value()).copied();
    at.unwrap_or(world.now).min(world.now)
}

/// Returns true for a pod whose Ready condition holds.
pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let holds = |one: &Value| one["type"] == "Ready" && one["status"] == "True";
    pod["metadata"]["deletionTimestamp"].is_null() && conditions.into_iter().any(holds)
}

/// A container runs since its pod was made or moved.
fn start(pod: &mut Value, now: Timestamp) {
    let running = pod.pointer_mut("/status/containerStatuses/0/state/running");
    if let Some(running) = running.and_then(Value::as_object_mut) {
        running
            .entry("startedAt")
            .or_insert_with(|| json!(now.to_string()));
    }
}

/// Gives conditions that are new or turned the time at which they did.
pub(crate) fn stamp(before: Option<&Value>, after: &mut Value, now: Timestamp) {
    let old = before
        .map(|before| before["status"]["conditions"].clone())
        .unwrap_or_default();
    let node = after["kind"] == "Node";
    start(after, now);
    let Some(conditions) = after
        .pointer_mut("/status/conditions")
        .and_then(Value::as_array_mut)
    else {
        return;
    };
    for condition in conditions {
        let was = old
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["type"] == condition["type"]);
        let turned = was.is_none_or(|was| was["status"] != condition["status"]);
        if turned || condition["lastTransitionTime"].is_null() {
            let kept = was
                .map(|was| was["lastTransitionTime"].clone())
                .filter(|t| !t.is_null() && !turned);
            condition["lastTransitionTime"] = kept.unwrap_or_else(|| json!(now.to_string()));
            if node {
                condition["lastHeartbeatTime"] = json!(now.to_string());
            }
        }
    }
}

/// Returns a node with the taints that its cordon and its condition ask for, when they differ.
fn retainted(node: &Value, now: Timestamp) -> Option<Value> {
    let conditions = node["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    let ready = conditions
        .into_iter()
        .any(|one| one["type"] == "Ready" && one["status"] == "True");
    let wanted = [
        (UNSCHEDULABLE, node["spec"]["unschedulable"] == true),
        (NOT_READY, !ready),
    ];
    let mut taints = node["spec"]["taints"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let before = taints.clone();
    for (taint, wanted) in wanted {
        let has = taints.iter().any(|one| one["key"] == taint);
        if has && !wanted {
            taints.retain(|one| one["key"] != taint);
        } else if wanted && !has {
            taints
                .push(json!({"key": taint, "effect": "NoSchedule", "timeAdded": now.to_string()}));
        }
    }
    if taints == before {
        return None;
    }
    let mut node = node.clone();
    let spec = map_mut(&mut node, "spec");
    if taints.is_empty() {
        spec.remove("taints");
    } else {
        spec.insert("taints".to_owned(), Value::Array(taints));
    }
    Some(node)
}

/// How many pods a budget wants to be healthy; shares are rounded up.
fn desired(spec: &Value, expected: i64) -> i64 {
    if let Some(least) = count_of(&spec["minAvailable"], expected) {
        return least;
    }
    let most = count_of(&spec["maxUnavailable"], expected).unwrap_or(0);
    (expected - most).max(0)
}

/// Reads `2` or `50%` of a whole.
fn count_of(value: &Value, whole: i64) -> Option<i64> {
    if let Some(count) = value.as_i64() {
        return Some(count);
    }
    let text = value.as_str()?;
    match text.strip_suffix('%') {
        Some(share) => {
            let share: i64 = share.parse().ok()?;
            Some(share.checked_mul(whole)?.checked_add(99)? / 100)
        }
        None => text.parse().ok(),
    }
}

fn set_budget(budget: &mut Value, (expected, healthy, wanted, allowed): (i64, i64, i64, i64)) {
    let generation = number(&budget["metadata"]["generation"]).max(1);
    meta_mut(budget).insert("generation".to_owned(), json!(generation));
    let (word, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    let time = budget["status"]["conditions"][0]["lastTransitionTime"].clone();
    let mut condition = json!({
        "type": "DisruptionAllowed",
        "status": word,
        "observedGeneration": generation,
        "reason": reason,
        "message": "",
    });
    if !time.is_null() {
        condition["lastTransitionTime"] = time;
    }
    budget["status"] = json!({
        "observedGeneration": generation,
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": wanted,
        "expectedPods": expected,
        "conditions": [condition],
    });
}
