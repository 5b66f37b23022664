//! What controllers count of workloads: replicas, the updated and the ready ones, and whether a rollout is over.

use super::control::{Rollout, is_ready, stamp};
use super::effects::pod_of;
use super::project;
use super::store::Key;
use super::workloads::{DEADLINE, HASH, REVISION, REVISION_HASH, hash_of};
use super::{Door, kinds, meta_mut, number};
use crate::World;
use serde_json::{Value, json};
use stairway_core::model::Timestamp;

/// Looks after which a rollout of which the world says nothing is over.
const STEPS: i64 = 3;

impl Door {
    /// What the controllers count of every workload.
    pub(crate) fn count_workloads(&mut self, world: &World) {
        for kind in ["Deployment", "DaemonSet", "StatefulSet", "ReplicaSet"] {
            let places: Vec<Key> = self
                .store
                .of_kind(kinds::of(kind).id())
                .map(|(p, _)| p.clone())
                .collect();
            for place in places {
                self.count_workload(world, kind, &place);
            }
        }
    }

    fn count_workload(&mut self, world: &World, kind: &str, place: &Key) {
        let Some(before) = self.store.get(place).cloned() else {
            return;
        };
        let mut counts = self.pods_of(kind, place, &before);
        let generation = number(&before["metadata"]["generation"]).max(1);
        let observed = number(&before["status"]["observedGeneration"]);
        let own = self.own_workloads.contains(place);
        if kind == "DaemonSet" {
            counts.wanted = if own {
                self.eligible(world, &before)
            } else {
                counts.total
            };
        } else {
            counts.wanted = number(&before["spec"]["replicas"]);
        }
        if own {
            if observed < generation {
                let begun = world.now;
                self.rollouts
                    .insert(place.clone(), Rollout { step: 0, begun });
            }
        } else {
            self.count_projected(world, kind, place, (observed, generation), &mut counts);
        }
        let done = counts.updated == counts.wanted
            && counts.ready == counts.wanted
            && counts.total == counts.wanted;
        let begun = self
            .rollouts
            .get(place)
            .map_or(world.now, |rollout| rollout.begun);
        if done && own {
            self.rollouts.remove(place);
        }
        let late = world.now.seconds_since(begun);
        let mut after = (*before).clone();
        if kind == "Deployment" && !own && observed > 0 && observed < generation {
            raise_revision(&mut after);
        }
        meta_mut(&mut after).insert("generation".to_owned(), json!(generation));
        if !own
            && !self.rollouts.contains_key(place)
            && project::is_unread(world, &place.1, &place.2)
        {
            // As before a controller's first look.
            after["status"] = json!({});
            self.store.put(place, after);
            return;
        }
        after["status"] = match kind {
            "DaemonSet" => daemon_status(&counts, generation),
            "Deployment" => {
                deployment_status(&before, &counts, generation, (done, late), world.now)
            }
            _ => replica_status(kind, &counts, generation),
        };
        stamp(Some(&before), &mut after, world.now);
        self.store.put(place, after);
    }

    /// The world says when a rollout of its own ends; until then it moves a pod at each look.
    fn count_projected(
        &mut self,
        world: &World,
        kind: &str,
        place: &Key,
        (observed, generation): (i64, i64),
        counts: &mut Counts,
    ) {
        let told = project::rolled_out(world, &place.1, &place.2);
        if observed > 0 && observed < generation {
            let begun = world.now;
            self.rollouts
                .insert(place.clone(), Rollout { step: 0, begun });
        } else if let Some(rollout) = self.rollouts.get_mut(place) {
            rollout.step += 1;
            if told.unwrap_or(rollout.step >= STEPS) {
                self.rollouts.remove(place);
            }
        }
        if told == Some(false) {
            counts.wanted = counts.wanted.max(1);
        }
        counts.updated = counts.wanted;
        if let Some(rollout) = self.rollouts.get(place) {
            counts.moving(kind, rollout.step);
        } else if told == Some(false) {
            counts.ready = counts.ready.min((counts.wanted - 1).max(0));
        } else if told == Some(true) {
            // The world's word counts, whatever its pods look like.
            counts.total = counts.wanted;
            counts.ready = counts.wanted;
        }
    }

    fn pods_of(&self, kind: &str, place: &Key, object: &Value) -> Counts {
        let mut counts = Counts::default();
        let hash = hash_of(&object["spec"]["template"]);
        for (pod_place, pod) in self.store.of_kind(kinds::of("Pod").id()) {
            if pod_place.1 != place.1 {
                continue;
            }
            let owner = &pod["metadata"]["ownerReferences"][0];
            let through = owner["kind"] == "ReplicaSet" && kind == "Deployment";
            let name = owner["name"].as_str().unwrap_or_default();
            let by = if through {
                project::deployment_of(name).unwrap_or_default()
            } else {
                name
            };
            if by != place.2 || !(through || owner["kind"] == kind) {
                continue;
            }
            let labels = &pod["metadata"]["labels"];
            counts.total += 1;
            counts.ready += i64::from(is_ready(pod));
            let fresh = kind == "ReplicaSet"
                || kind == "StatefulSet"
                || labels[HASH] == hash.as_str()
                || labels[REVISION_HASH] == hash.as_str();
            counts.updated += i64::from(fresh);
        }
        counts
    }

    fn eligible(&self, world: &World, object: &Value) -> i64 {
        let template = &object["spec"]["template"];
        let probe = pod_of(template);
        let nodes = world.cluster.nodes.items().iter();
        i64::try_from(
            nodes
                .filter(|node| self.fits(&probe, template, node))
                .count(),
        )
        .unwrap_or(0)
    }
}

/// A new template of a Deployment has a new revision.
fn raise_revision(deployment: &mut Value) {
    let notes = meta_mut(deployment)
        .entry("annotations")
        .or_insert_with(|| json!({}));
    let revision = notes[REVISION]
        .as_str()
        .and_then(|text| text.parse::<u64>().ok());
    notes[REVISION] = json!((revision.unwrap_or(1) + 1).to_string());
}

/// What is counted of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    wanted: i64,
    total: i64,
    updated: i64,
    ready: i64,
}

impl Counts {
    /// A Deployment adds a pod before it takes one away, a DaemonSet the other way round.
    fn moving(&mut self, kind: &str, step: i64) {
        if kind == "DaemonSet" {
            self.updated = step.min((self.wanted - 1).max(0));
            if step > 0 {
                self.ready = self.ready.min((self.wanted - 1).max(0));
            }
        } else {
            self.updated = (step + 1).min(self.wanted);
            self.total = self.wanted + 1;
        }
    }
}

/// Counters that are 0 are left out.
fn put(status: &mut Value, key: &str, count: i64) {
    if count > 0 {
        status[key] = json!(count);
    }
}

fn daemon_status(counts: &Counts, generation: i64) -> Value {
    let mut status = json!({
        "currentNumberScheduled": counts.total,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": counts.wanted,
        "numberReady": counts.ready,
        "observedGeneration": generation,
    });
    put(&mut status, "updatedNumberScheduled", counts.updated);
    put(&mut status, "numberAvailable", counts.ready);
    put(
        &mut status,
        "numberUnavailable",
        counts.wanted - counts.ready,
    );
    status
}

fn deployment_status(
    before: &Value,
    counts: &Counts,
    generation: i64,
    (done, late): (bool, i64),
    now: Timestamp,
) -> Value {
    let mut status = json!({"observedGeneration": generation, "terminatingReplicas": 0});
    put(&mut status, "replicas", counts.total);
    put(&mut status, "updatedReplicas", counts.updated);
    put(&mut status, "readyReplicas", counts.ready);
    put(&mut status, "availableReplicas", counts.ready);
    put(
        &mut status,
        "unavailableReplicas",
        counts.total.max(counts.wanted) - counts.ready,
    );
    let spec = &before["spec"];
    let spare = &spec["strategy"]["rollingUpdate"]["maxUnavailable"];
    let share = spare
        .as_str()
        .and_then(|text| text.strip_suffix('%'))
        .and_then(|t| t.parse::<i64>().ok());
    let spare = spare
        .as_i64()
        .or_else(|| Some(share? * counts.wanted / 100))
        .unwrap_or(0);
    let available = counts.ready >= counts.wanted - spare;
    let deadline = spec["progressDeadlineSeconds"].as_i64().unwrap_or(DEADLINE);
    let word = |yes: bool| if yes { "True" } else { "False" };
    let (progressing, reason) = if done {
        (true, "NewReplicaSetAvailable")
    } else if late > deadline {
        (false, "ProgressDeadlineExceeded")
    } else {
        (true, "ReplicaSetUpdated")
    };
    let mut conditions = json!([
        {
            "type": "Available",
            "status": word(available),
            "reason": if available { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" },
            "message": if available { "Deployment has minimum availability." } else { "Deployment does not have minimum availability." },
        },
        {"type": "Progressing", "status": word(progressing), "reason": reason, "message": ""},
    ]);
    // Only a condition that turned has a new time.
    let old = before["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for condition in conditions.as_array_mut().into_iter().flatten() {
        let was = old
            .iter()
            .find(|one| one["type"] == condition["type"] && one["status"] == condition["status"]);
        if let Some(was) = was {
            for key in ["lastTransitionTime", "lastUpdateTime"] {
                if let Some(at) = was.get(key) {
                    condition[key] = at.clone();
                }
            }
            if condition["reason"] != was["reason"] {
                condition["lastUpdateTime"] = json!(now.to_string());
            }
        } else {
            condition["lastUpdateTime"] = json!(now.to_string());
        }
    }
    status["conditions"] = conditions;
    status
}

fn replica_status(kind: &str, counts: &Counts, generation: i64) -> Value {
    let mut status = json!({"observedGeneration": generation, "replicas": counts.total});
    put(&mut status, "readyReplicas", counts.ready);
    put(&mut status, "availableReplicas", counts.ready);
    if kind == "ReplicaSet" {
        put(&mut status, "fullyLabeledReplicas", counts.total);
    } else {
        put(&mut status, "currentReplicas", counts.total);
        put(&mut status, "updatedReplicas", counts.updated);
    }
    status
}
