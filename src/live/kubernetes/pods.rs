//! Pods: those that a drain moves, and those that count as activity.

use super::object::{
    Fetched, Index, Wrong, at, controller, each, index, known, known_or_absent, labels, list, map,
    needed, place, place_within, shown, text, texts,
};
use super::quantity::{cpu_millis, memory_mib};
use super::volumes::Volumes;
use serde_json::Value;
use stairway_core::model::{Known, Pod};
use std::collections::BTreeMap;

/// A kubelet's own pod, from a file on its node: nothing can move it (Kubernetes, static pods).
const MIRROR: &str = "kubernetes.io/config.mirror";
/// What kubectl shows of a pod that has its node and of which the kubelet has said nothing yet.
const STARTING: &str = "ContainerCreating";
/// The longest reason of a kubelet has 26 letters; more than this is no word.
const REASON_CHARS: usize = 63;

/// What is looked up for pods elsewhere.
pub(super) struct Beside {
    /// Who controls each ReplicaSet, as `Kind/name`.
    sets: Index<Option<String>>,
    volumes: Volumes,
}

impl Beside {
    pub(super) fn of(replica_sets: &Fetched, claims: &Fetched, volumes: &Fetched) -> Self {
        let owner = |set: &Value| {
            let owner = controller(set)?;
            Ok(owner.map(|(kind, name)| format!("{kind}/{name}")))
        };
        Self {
            sets: index(replica_sets, "replicasets", owner),
            volumes: Volumes::of(claims, volumes),
        }
    }
}

/// Reads pods. Those that have ended and those that only their kubelet can end are none that a drain moves.
pub(super) fn pods(fetched: &Fetched, beside: &Beside) -> Known<Vec<Pod>> {
    each(fetched, "pods", |object| {
        place_within(object)?;
        let phase = text(object, "/status/phase")?;
        let ended = matches!(phase, Some("Succeeded" | "Failed"));
        let notes = map(object, "/metadata/annotations")?;
        let mirror = notes.is_some_and(|notes| notes.contains_key(MIRROR));
        if ended || mirror {
            return Ok(None);
        }
        pod(object, beside, phase).map(Some)
    })
}

fn pod(object: &Value, beside: &Beside, phase: Option<&str>) -> Result<Pod, Wrong> {
    let (namespace, name) = place(object)?;
    let spec = at(object, "/spec").ok_or("`spec` is missing")?;
    let node = text(spec, "/nodeName")?.map(str::to_owned);
    let waiting = waiting(object)?;
    let starting = node.is_some() && phase == Some("Pending");
    Ok(Pod {
        owner: known_or_absent(owner(object, &namespace, &beside.sets)),
        labels: labels(object, "/metadata/labels")?,
        cpu_millis: known(cpu_millis(spec)),
        memory_mib: known(memory_mib(spec)),
        volume_zones: beside.volumes.zones_of(object),
        tolerates_everything: tolerates_everything(spec)?,
        waiting: waiting.or_else(|| starting.then(|| STARTING.to_owned())),
        node_selector: known(node_selector(spec)),
        empty_dir: known(empty_dir(spec)),
        namespace,
        name,
        node,
    })
}

/// A Deployment owns pods through a ReplicaSet.
fn owner(
    object: &Value,
    namespace: &str,
    sets: &Index<Option<String>>,
) -> Result<Option<String>, Wrong> {
    let Some((kind, name)) = controller(object)? else {
        return Ok(None);
    };
    let own = format!("{kind}/{name}");
    if kind != "ReplicaSet" {
        return Ok(Some(own));
    }
    let at = (namespace.to_owned(), name.to_owned());
    match sets.as_ref().map_err(Clone::clone)?.get(&at) {
        Some(Ok(Some(above))) => Ok(Some(above.clone())),
        Some(Ok(None)) => Ok(Some(own)),
        Some(Err(wrong)) => Err(format!(
            "its ReplicaSet `{}` cannot be understood: {wrong}",
            shown(name)
        )),
        // It was made between the two lists, or is gone.
        None => Err(format!("its ReplicaSet `{}` is not listed", shown(name))),
    }
}

/// `operator: Exists` without key and effect (Kubernetes, Taints and Tolerations).
fn tolerates_everything(spec: &Value) -> Result<bool, Wrong> {
    for toleration in list(spec, "/tolerations")? {
        let exists = text(toleration, "/operator")? == Some("Exists");
        if exists && text(toleration, "/key")?.is_none() && text(toleration, "/effect")?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first container that waits, in the order in which they start.
fn waiting(object: &Value) -> Result<Option<String>, Wrong> {
    for pointer in ["/status/initContainerStatuses", "/status/containerStatuses"] {
        for status in list(object, pointer)? {
            let Some(wait) = at(status, "/state/waiting") else {
                continue;
            };
            let reason = text(wait, "/reason")?.unwrap_or("NoReasonGiven");
            return Ok(Some(reason.chars().take(REASON_CHARS).collect()));
        }
    }
    Ok(None)
}

fn empty_dir(spec: &Value) -> Result<bool, Wrong> {
    let volumes = list(spec, "/volumes")?;
    // `emptyDir: {}` is one as well.
    Ok(volumes
        .iter()
        .any(|volume| at(volume, "/emptyDir").is_some()))
}

/// `nodeSelector`, and what every term of a required affinity narrows to the same one value.
fn node_selector(spec: &Value) -> Result<BTreeMap<String, String>, Wrong> {
    const TERMS: &str =
        "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let mut common: Option<BTreeMap<String, String>> = None;
    for term in list(spec, TERMS)? {
        let mut narrowed = BTreeMap::new();
        for expression in list(term, "/matchExpressions")? {
            let key = needed(expression, "/key")?;
            if needed(expression, "/operator")? != "In" {
                continue;
            }
            if let [value] = texts(expression, "/values")?.as_slice() {
                narrowed.insert(key.to_owned(), value.clone());
            }
        }
        common = Some(match common {
            None => narrowed,
            Some(before) => before
                .into_iter()
                .filter(|(key, value)| narrowed.get(key) == Some(value))
                .collect(),
        });
    }
    let mut selector = common.unwrap_or_default();
    selector.extend(labels(spec, "/nodeSelector")?);
    Ok(selector)
}
