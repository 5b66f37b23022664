//! Deployments, DaemonSets and StatefulSets: their pods when a client made them, and their counts.

use super::effects::pod_of;
use super::errors::Refusal;
use super::kinds::Kind;
use super::project::{self, key};
use super::store::Key;
use super::{Door, kinds, map_mut, meta_mut, name_of, number};
use crate::World;
use serde_json::{Map, Value, json};
use stairway_core::model::{Digest, Known, Node, Pod, Timestamp};

/// How many pods a client's workload may ask for; a typing mistake must not fill the memory.
const REPLICAS_MAX: i64 = 5_000;
/// `progressDeadlineSeconds` when nobody sets it (apps/v1 defaults).
pub(crate) const DEADLINE: i64 = 600;
pub(crate) const HASH: &str = "pod-template-hash";
pub(crate) const REVISION_HASH: &str = "controller-revision-hash";
pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";

/// Fills what the server sets by itself in a new object.
pub(crate) fn fill_defaults(kind: &Kind, object: &mut Value) {
    let default = |map: &mut Map<String, Value>, key: &str, value: Value| {
        map.entry(key).or_insert(value);
    };
    match kind.plural {
        "deployments" => {
            let spec = map_mut(object, "spec");
            default(spec, "replicas", json!(1));
            let rolling = json!({"maxUnavailable": "25%", "maxSurge": "25%"});
            default(
                spec,
                "strategy",
                json!({"type": "RollingUpdate", "rollingUpdate": rolling}),
            );
            default(spec, "revisionHistoryLimit", json!(10));
            default(spec, "progressDeadlineSeconds", json!(DEADLINE));
        }
        "daemonsets" => {
            let spec = map_mut(object, "spec");
            let rolling = json!({"maxUnavailable": 1, "maxSurge": 0});
            default(
                spec,
                "updateStrategy",
                json!({"type": "RollingUpdate", "rollingUpdate": rolling}),
            );
            default(spec, "revisionHistoryLimit", json!(10));
        }
        "statefulsets" | "replicasets" => default(map_mut(object, "spec"), "replicas", json!(1)),
        "pods" => {
            let spec = map_mut(object, "spec");
            default(spec, "restartPolicy", json!("Always"));
            default(spec, "terminationGracePeriodSeconds", json!(30));
            default(spec, "schedulerName", json!("default-scheduler"));
            default(map_mut(object, "status"), "phase", json!("Pending"));
        }
        "namespaces" => {
            default(map_mut(object, "spec"), "finalizers", json!(["kubernetes"]));
            default(map_mut(object, "status"), "phase", json!("Active"));
            let name = json!(name_of(object));
            let labels = meta_mut(object)
                .entry("labels")
                .or_insert_with(|| json!({}));
            labels["kubernetes.io/metadata.name"] = name;
        }
        "secrets" => default(map_or_empty(object), "type", json!("Opaque")),
        _ => {}
    }
    if let Some(inner) = object
        .pointer_mut("/spec/template/spec")
        .and_then(Value::as_object_mut)
    {
        default(inner, "restartPolicy", json!("Always"));
        default(inner, "terminationGracePeriodSeconds", json!(30));
        default(inner, "schedulerName", json!("default-scheduler"));
    }
}

fn map_or_empty(object: &mut Value) -> &mut Map<String, Value> {
    loop {
        match object {
            Value::Object(map) => return map,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => *object = Value::Object(Map::new()),
        }
    }
}

/// Refuses what could not run: selectors that do not match, negative counts, missing templates.
pub(crate) fn validate(kind: &Kind, name: &str, object: &Value) -> Result<(), Refusal> {
    let invalid =
        |cause, field: &str, why: &str| Err(Refusal::invalid(kind, name, cause, field, why));
    let spec = &object["spec"];
    if kind.plural == "pods" && spec["containers"].as_array().is_none_or(Vec::is_empty) {
        return invalid("FieldValueRequired", "spec.containers", "Required value");
    }
    if !matches!(
        kind.plural,
        "deployments" | "daemonsets" | "statefulsets" | "replicasets"
    ) {
        return Ok(());
    }
    let replicas = number(&spec["replicas"]);
    if !(0..=REPLICAS_MAX).contains(&replicas) {
        let why = format!("Invalid value: {replicas}: must be between 0 and {REPLICAS_MAX}");
        return invalid("FieldValueInvalid", "spec.replicas", &why);
    }
    let selector = &spec["selector"]["matchLabels"];
    let Some(wanted) = selector.as_object() else {
        return invalid("FieldValueRequired", "spec.selector", "Required value");
    };
    let labels = &spec["template"]["metadata"]["labels"];
    if !wanted.iter().all(|(key, value)| labels[key] == *value) {
        let why = format!("Invalid value: {labels}: `selector` does not match template `labels`");
        return invalid("FieldValueInvalid", "spec.template.metadata.labels", &why);
    }
    if spec["template"]["spec"]["containers"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {
        return invalid(
            "FieldValueRequired",
            "spec.template.spec.containers",
            "Required value",
        );
    }
    Ok(())
}

pub(crate) fn hash_of(template: &Value) -> String {
    Digest::of_canonical(template).short(10).to_owned()
}

pub(crate) fn owned<'a>(
    world: &'a World,
    namespace: &'a str,
    owner: &'a str,
) -> impl Iterator<Item = &'a Pod> {
    let pods = world.cluster.pods.items().iter();
    pods.filter(move |pod| {
        pod.namespace == namespace && pod.owner.value().is_some_and(|one| one == owner)
    })
}

fn remove_pod(world: &mut World, namespace: &str, name: &str) {
    if let Known::Value(pods) = &mut world.cluster.pods {
        pods.retain(|pod| pod.namespace != namespace || pod.name != name);
    }
}

impl Door {
    /// Lets the workloads that clients made have the pods that they ask for, a step at a time.
    pub(crate) fn run_own_workloads(&mut self, world: &mut World) {
        let own: Vec<Key> = self.own_workloads.iter().cloned().collect();
        for place in own {
            let Some(object) = self.store.get(&place).cloned() else {
                self.end_workload(world, &place);
                continue;
            };
            match kinds::KINDS[place.0].plural {
                "deployments" => self.run_deployment(world, &place, &object),
                "daemonsets" => self.run_daemons(world, &place, &object),
                "statefulsets" => self.run_stateful(world, &place, &object),
                _ => {}
            }
        }
        self.find_nodes(world);
    }

    /// The garbage collector: pods and replica sets go with what owned them.
    fn end_workload(&mut self, world: &mut World, place: &Key) {
        self.own_workloads.remove(place);
        let kind = kinds::KINDS[place.0].kind;
        let owner = format!("{kind}/{}", place.2);
        let pods: Vec<String> = owned(world, &place.1, &owner)
            .map(|pod| pod.name.clone())
            .collect();
        for pod in pods {
            remove_pod(world, &place.1, &pod);
        }
        if kind == "Deployment" {
            for set in self.sets_of(place) {
                self.store.remove(&set);
                self.end_workload(world, &set);
            }
        }
    }

    /// Returns the replica sets of a client's Deployment.
    fn sets_of(&self, place: &Key) -> Vec<Key> {
        let sets = self.store.of_kind(kinds::of("ReplicaSet").id());
        let by_it = |set: &Value| {
            let owner = &set["metadata"]["ownerReferences"][0];
            owner["kind"] == "Deployment" && owner["name"] == place.2.as_str()
        };
        sets.filter(|(set, object)| {
            set.1 == place.1 && self.own_workloads.contains(*set) && by_it(object)
        })
        .map(|(set, _)| set.clone())
        .collect()
    }

    fn run_deployment(&mut self, world: &mut World, place: &Key, object: &Value) {
        let spec = &object["spec"];
        let template = &spec["template"];
        let hash = hash_of(template);
        let set = key("ReplicaSet", &place.1, &format!("{}-{hash}", place.2));
        let others: Vec<Key> = self
            .sets_of(place)
            .into_iter()
            .filter(|one| *one != set)
            .collect();
        if self.store.get(&set).is_none() {
            let made = self.new_set(&set, object, &hash, others.len() + 1, world.now);
            self.own_workloads.insert(set.clone());
            self.store.put(&set, made);
        }
        let wanted = number(&spec["replicas"]);
        let owner = format!("ReplicaSet/{}", set.2);
        let fresh: Vec<String> = owned(world, &place.1, &owner)
            .map(|pod| pod.name.clone())
            .collect();
        let old: Vec<String> = others
            .iter()
            .flat_map(|set| {
                let owner = format!("ReplicaSet/{}", set.2);
                let pods: Vec<String> = owned(world, &place.1, &owner)
                    .map(|p| p.name.clone())
                    .collect();
                pods
            })
            .collect();
        let (have, stale) = (count(&fresh), count(&old));
        // A rollout moves one pod at a look; without old pods all that is missing comes at once.
        let make = if stale > 0 {
            (wanted - have).min(1)
        } else {
            wanted - have
        };
        for _ in 0..make.max(0) {
            self.make_pod(world, &set, template, (HASH, &hash), None);
        }
        for pod in fresh
            .iter()
            .rev()
            .take(usize::try_from(have - wanted).unwrap_or(0))
        {
            remove_pod(world, &place.1, pod);
        }
        if let Some(pod) = old.first().filter(|_| have + stale >= wanted) {
            remove_pod(world, &place.1, pod);
        }
        for (set, replicas) in others
            .iter()
            .map(|set| (set, None))
            .chain([(&set, Some(wanted))])
        {
            self.count_set(world, set, replicas);
        }
        let revision = self
            .store
            .get(&set)
            .map(|set| set["metadata"]["annotations"][REVISION].clone());
        let mut changed = object.clone();
        let notes = meta_mut(&mut changed)
            .entry("annotations")
            .or_insert_with(|| json!({}));
        notes[REVISION] = revision.unwrap_or_default();
        self.store.put(place, changed);
    }

    fn new_set(
        &self,
        set: &Key,
        deployment: &Value,
        hash: &str,
        revision: usize,
        now: Timestamp,
    ) -> Value {
        let mut template = deployment["spec"]["template"].clone();
        meta_mut(&mut template)
            .entry("labels")
            .or_insert_with(|| json!({}))[HASH] = json!(hash);
        let mut labels = template["metadata"]["labels"].clone();
        labels[HASH] = json!(hash);
        let mut made = json!({
            "kind": "ReplicaSet",
            "apiVersion": "apps/v1",
            "metadata": {
                "name": set.2, "namespace": set.1, "labels": labels, "generation": 1,
                "annotations": {REVISION: revision.to_string()},
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": "Deployment", "name": name_of(deployment),
                    "uid": deployment["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        });
        self.store.born(set, &mut made, now);
        made
    }

    fn count_set(&mut self, world: &World, set: &Key, replicas: Option<i64>) {
        let Some(mut object) = self.store.get(set).map(|object| (**object).clone()) else {
            return;
        };
        let owner = format!("ReplicaSet/{}", set.2);
        let pods = owned(world, &set.1, &owner);
        let have = i64::try_from(pods.count()).unwrap_or(0);
        let replicas = replicas.unwrap_or(have);
        map_mut(&mut object, "spec").insert("replicas".to_owned(), json!(replicas));
        self.store.put(set, object);
    }

    fn run_daemons(&mut self, world: &mut World, place: &Key, object: &Value) {
        let template = &object["spec"]["template"];
        let hash = hash_of(template);
        let owner = format!("DaemonSet/{}", place.2);
        let probe = pod_of(template);
        let nodes: Vec<Node> = world
            .cluster
            .nodes
            .items()
            .iter()
            .filter(|n| self.fits(&probe, template, n))
            .cloned()
            .collect();
        let mut replaced = false;
        for node in nodes {
            let here: Option<(String, bool)> = owned(world, &place.1, &owner)
                .find(|pod| pod.node.as_ref() == Some(&node.name))
                .map(|pod| {
                    (
                        pod.name.clone(),
                        pod.labels.get(REVISION_HASH) == Some(&hash),
                    )
                });
            match here {
                Some((_, true)) => continue,
                Some((_, false)) if replaced => continue,
                Some((name, false)) => {
                    replaced = true;
                    remove_pod(world, &place.1, &name);
                }
                None => {}
            }
            self.make_pod(
                world,
                place,
                template,
                (REVISION_HASH, &hash),
                Some(node.name),
            );
        }
    }

    fn run_stateful(&mut self, world: &mut World, place: &Key, object: &Value) {
        let template = &object["spec"]["template"];
        let owner = format!("StatefulSet/{}", place.2);
        let wanted = number(&object["spec"]["replicas"]);
        let have: Vec<String> = owned(world, &place.1, &owner)
            .map(|pod| pod.name.clone())
            .collect();
        for index in 0..wanted {
            let name = format!("{}-{index}", place.2);
            if !have.contains(&name) {
                self.make_named(
                    world,
                    place,
                    template,
                    (REVISION_HASH, &hash_of(template)),
                    None,
                    name,
                );
            }
        }
        for name in have {
            let index = name
                .rsplit('-')
                .next()
                .and_then(|index| index.parse::<i64>().ok());
            if index.is_none_or(|index| index >= wanted) {
                remove_pod(world, &place.1, &name);
            }
        }
    }

    fn make_pod(
        &mut self,
        world: &mut World,
        owner: &Key,
        template: &Value,
        label: (&str, &str),
        node: Option<String>,
    ) {
        self.names += 1;
        let name = format!("{}-{:05}", owner.2, self.names);
        self.make_named(world, owner, template, label, node, name);
    }

    fn make_named(
        &mut self,
        world: &mut World,
        owner: &Key,
        template: &Value,
        (label, hash): (&str, &str),
        node: Option<String>,
        name: String,
    ) {
        let mut pod = pod_of(template);
        pod.namespace.clone_from(&owner.1);
        pod.name = name;
        pod.node = node;
        pod.labels.insert(label.to_owned(), hash.to_owned());
        pod.owner = Known::Value(format!("{}/{}", kinds::KINDS[owner.0].kind, owner.2));
        crate::list(&mut world.cluster.pods).push(pod);
    }

    /// The scheduler, for pods that the door made or a client did: those on their way in the world land by themselves.
    fn find_nodes(&self, world: &mut World) {
        let waiting: Vec<(String, String)> = world
            .cluster
            .pods
            .items()
            .iter()
            .filter(|pod| {
                pod.node.is_none() && !world.books.roaming.contains_key(&crate::pods::key_of(pod))
            })
            .map(|pod| (pod.namespace.clone(), pod.name.clone()))
            .collect();
        for (namespace, name) in waiting {
            let pods = world.cluster.pods.items();
            let Some(pod) = pods
                .iter()
                .find(|p| p.namespace == namespace && p.name == name)
            else {
                continue;
            };
            let template = self.template_of(pod).unwrap_or_default();
            let load = |node: &Node| {
                pods.iter()
                    .filter(|p| p.node.as_ref() == Some(&node.name))
                    .count()
            };
            let open = |node: &&Node| {
                project::is_ready(node) && !node.unschedulable && self.fits(pod, &template, node)
            };
            let nodes = world.cluster.nodes.items().iter().filter(open);
            let home = nodes
                .min_by_key(|node| (load(node), node.name.clone()))
                .map(|n| n.name.clone());
            if let Known::Value(pods) = &mut world.cluster.pods {
                let found = pods
                    .iter_mut()
                    .find(|p| p.namespace == namespace && p.name == name);
                if let Some(pod) = found {
                    pod.node = home;
                }
            }
        }
    }

    /// Returns the pod's own object or the template of its owner: both have a `spec` of a pod.
    fn template_of(&self, pod: &Pod) -> Option<Value> {
        let own = key("Pod", &pod.namespace, &pod.name);
        if let Some(object) = self.store.get(&own) {
            return Some((**object).clone());
        }
        let (kind, name) = pod.owner.value()?.split_once('/')?;
        let owner = self.store.get(&key(kind, &pod.namespace, name))?;
        Some(owner["spec"]["template"].clone())
    }

    pub(crate) fn fits(&self, pod: &Pod, template: &Value, node: &Node) -> bool {
        let object = self.store.get(&key("Node", "", &node.name));
        let labels = object
            .map(|object| object["metadata"]["labels"].clone())
            .unwrap_or_default();
        let wanted = pod.node_selector.value();
        let selected =
            wanted.is_none_or(|wanted| wanted.iter().all(|(k, v)| labels[k] == v.as_str()));
        let tolerations = template["spec"]["tolerations"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let tolerated = pod.tolerates_everything
            || node
                .taints
                .iter()
                .all(|taint| tolerations.iter().any(|one| one["key"] == taint.as_str()));
        selected && tolerated
    }

    /// A new pod of a client's workload looks like its template.
    pub(crate) fn follow_template(&self, place: &Key, pod: &mut Value) {
        if place.0 != kinds::of("Pod").id() {
            return;
        }
        let owner = &pod["metadata"]["ownerReferences"][0];
        let kind = owner["kind"].as_str().unwrap_or_default();
        let at = key(kind, &place.1, owner["name"].as_str().unwrap_or_default());
        let Some(owner) = self
            .store
            .get(&at)
            .filter(|_| self.own_workloads.contains(&at))
        else {
            return;
        };
        let mut spec = owner["spec"]["template"]["spec"].clone();
        super::carry::adopt(&pod["spec"], &mut spec);
        if let Some(notes) = owner["spec"]["template"]["metadata"].get("annotations") {
            meta_mut(pod).insert("annotations".to_owned(), notes.clone());
        }
        pod["spec"] = spec;
        let name = pod["spec"]["containers"][0]["name"].clone();
        if let Some(status) = pod.pointer_mut("/status/containerStatuses/0") {
            status["name"] = name;
        }
    }
}

/// A DaemonSet's annotation counts its templates (apps/v1 strategy, `PrepareForUpdate`).
pub(crate) fn note_template(kind: &Kind, object: &mut Value) {
    if kind.plural == "daemonsets" {
        let generation = object["metadata"]["generation"].to_string();
        let notes = meta_mut(object)
            .entry("annotations")
            .or_insert_with(|| json!({}));
        notes["deprecated.daemonset.template.generation"] = json!(generation);
    }
}

fn count(list: &[String]) -> i64 {
    i64::try_from(list.len()).unwrap_or(i64::MAX)
}
