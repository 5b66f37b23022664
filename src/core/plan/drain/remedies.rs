//! Commands that a reviewer can type: each changes something, and says how it is taken back.

use crate::model::{Known, Observation, Pdb, Pod, shell_word as word};

/// Returns the command that lets so many pods of a budget be unavailable, and the one that gives its terms back.
pub(super) fn relax(budget: &Pdb, unavailable: u32) -> String {
    // The API takes one of the two; the other one is removed with null.
    let patch = |min: &str, max: &str| {
        let change = format!(r#"{{"spec":{{"minAvailable":{min},"maxUnavailable":{max}}}}}"#);
        format!(
            "kubectl -n {} patch pdb {} --type merge -p {}",
            word(&budget.namespace),
            word(&budget.name),
            word(&change)
        )
    };
    let there = patch("null", &unavailable.to_string());
    let (min, max) = (term(&budget.min_available), term(&budget.max_unavailable));
    if min.is_none() && max.is_none() {
        return format!(
            "{there}; its terms were not recorded, so keep them first to give them back: kubectl -n {} get pdb {} -o yaml",
            word(&budget.namespace),
            word(&budget.name)
        );
    }
    let back = patch(
        min.as_deref().unwrap_or("null"),
        max.as_deref().unwrap_or("null"),
    );
    format!("{there}; afterwards back: {back}")
}

/// Numbers are numbers, percentages are text.
fn term(written: &Known<String>) -> Option<String> {
    let text = written.value()?;
    if text.parse::<u32>().is_ok() {
        return Some(text.clone());
    }
    Some(serde_json::Value::String(text.clone()).to_string())
}

/// Returns `deployment/name` of the Deployment that makes a pod, as far as the pod tells.
///
/// A ReplicaSet of a Deployment is called after it and the hash that its pods carry
/// (kubernetes.io, Deployments, pod-template-hash label).
pub(super) fn deployment_of(pod: &Pod) -> Option<String> {
    let (kind, name) = pod.owner.value()?.split_once('/')?;
    match kind {
        "Deployment" => Some(format!("deployment/{name}")),
        "ReplicaSet" => {
            let hash = pod.labels.get("pod-template-hash")?;
            let name = name.strip_suffix(hash.as_str())?.strip_suffix('-')?;
            Some(format!("deployment/{name}"))
        }
        _ => None,
    }
}

/// Returns what makes a pod again, its Deployment where that is known.
pub(super) fn maker_of(pod: &Pod) -> Option<String> {
    deployment_of(pod).or_else(|| pod.owner.value().cloned())
}

/// Returns all pods that the same controller makes.
pub(super) fn siblings<'a>(observed: &'a Observation, pod: &Pod) -> Vec<&'a Pod> {
    let maker = maker_of(pod);
    let pods = observed.pods.items().iter();
    pods.filter(|other| other.namespace == pod.namespace && maker_of(other) == maker)
        .collect()
}

fn scale(pod: &Pod, maker: &str, replicas: usize) -> String {
    format!(
        "kubectl -n {} scale {} --replicas={replicas}",
        word(&pod.namespace),
        word(maker)
    )
}

/// Says how the first of these pods whose controller can have more replicas gets so many more.
///
/// A second replica of a database is no second copy of its service, and a volume in one zone
/// has one pod: StatefulSets and pods with such volumes are left out.
pub(super) fn more(observed: &Observation, pods: &[&Pod], by: u32) -> Option<String> {
    pods.iter().find_map(|pod| {
        let all = siblings(observed, pod);
        let free = |pod: &&Pod| match &pod.volume_zones {
            Known::Value(zones) => zones.is_empty(),
            Known::Absent => true,
            Known::Unknown(_) => false,
        };
        if !all.iter().all(free) {
            return None;
        }
        let wanted = all.len().saturating_add(by as usize);
        if let Some(maker) = deployment_of(pod) {
            let back = scale(pod, &maker, all.len());
            return Some(format!(
                "{}; afterwards back: {back}",
                scale(pod, &maker, wanted)
            ));
        }
        let (kind, name) = pod.owner.value()?.split_once('/')?;
        (kind == "ReplicaSet").then(|| {
            format!(
                "give the controller of ReplicaSet `{name}` in `{}` {wanted} replicas (now {})",
                pod.namespace,
                all.len()
            )
        })
    })
}

/// Returns how many more replicas make a budget allow one disruption; none when no number does.
pub(super) fn missing_replicas(budget: &Pdb) -> Option<u32> {
    let expected = *budget.expected.value()?;
    let text = budget.min_available.value()?;
    let Some(percent) = text.strip_suffix('%') else {
        let kept: u32 = text.parse().ok()?;
        return kept
            .checked_add(1)?
            .checked_sub(expected)
            .filter(|k| *k > 0);
    };
    let percent: u64 = percent.parse().ok()?;
    // Below 100%, a hundred pods always have one to spare.
    (1..=100).find(|by| {
        let all = u64::from(expected) + u64::from(*by);
        (all * percent).div_ceil(100) < all
    })
}

/// Returns the commands that stop the first controller for the time of the drain and start it again.
///
/// The cluster's own services are never stopped: without DNS nothing else runs.
pub(super) fn stop(observed: &Observation, pods: &[&Pod]) -> Option<String> {
    pods.iter()
        .filter(|pod| pod.namespace != "kube-system")
        .find_map(|pod| {
            let maker = deployment_of(pod)?;
            let now = siblings(observed, pod).len();
            Some(format!(
                "{}; afterwards back: {}",
                scale(pod, &maker, 0),
                scale(pod, &maker, now)
            ))
        })
}

/// Returns the command that opens what makes a pod in an editor, or says which that is.
pub(super) fn edit(pod: &Pod) -> String {
    let namespace = word(&pod.namespace);
    if let Some(maker) = deployment_of(pod) {
        return format!("kubectl -n {namespace} edit {}", word(&maker));
    }
    match pod.owner.value().and_then(|owner| owner.split_once('/')) {
        Some((kind @ ("StatefulSet" | "Job" | "CronJob"), name)) => {
            let what = format!("{}/{name}", kind.to_lowercase());
            format!("kubectl -n {namespace} edit {}", word(&what))
        }
        Some((kind, name)) => format!("edit what makes {kind} `{name}` in `{}`", pod.namespace),
        None => format!("kubectl -n {namespace} edit pod {}", word(&pod.name)),
    }
}

/// Returns the command that deletes the first of these pods.
pub(super) fn delete(pods: &[&Pod]) -> String {
    let first = pods
        .first()
        .map_or(("", ""), |pod| (pod.namespace.as_str(), pod.name.as_str()));
    format!("kubectl -n {} delete pod {}", word(first.0), word(first.1))
}
