//! How a cluster fares, and whether that is worse than before.

use super::{Ground, Verdict, counted, is_or_are};
use crate::journal::Health;
use crate::model::{Known, Observation, Timestamp};

/// Why containers of every new pod wait at first (kubernetes/kubernetes, pkg/kubelet/kubelet_pods.go).
const STARTING: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Returns how the cluster fares, or none when nodes or pods could not be read.
pub fn health_of(observed: &Observation) -> Option<Health> {
    let unread = observed.nodes.is_unknown()
        || observed.pods.is_unknown()
        || observed.workloads.is_unknown();
    if unread {
        return None;
    }
    let mut health = Health::default();
    for node in observed.nodes.items() {
        match &node.ready {
            Known::Value(true) => health.ready += 1,
            Known::Value(false) | Known::Absent => health.not_ready.push(node.name.clone()),
            Known::Unknown(_) => return None,
        }
    }
    for workload in observed.workloads.items() {
        match &workload.rolled_out {
            Known::Value(true) => {}
            Known::Value(false) | Known::Absent => {
                health.not_rolled_out.push(workload.name.clone())
            }
            Known::Unknown(_) => return None,
        }
    }
    for pod in observed.pods.items() {
        let name = format!("{}/{}", pod.namespace, pod.name);
        if pod.waiting.is_some() {
            health.waiting.push(name.clone());
        }
        if pod.node.is_none() {
            health.pending.push(name);
        }
    }
    for list in [
        &mut health.not_ready,
        &mut health.not_rolled_out,
        &mut health.pending,
        &mut health.waiting,
    ] {
        list.sort();
    }
    Some(health)
}

/// Holds when the time is over and nothing is worse; a crashing pod of kube-system ends it at once.
///
/// Pods start and nodes join all the time: what is worse for a moment is watched until the end of
/// the bake, and only what is still worse then counts.
pub(super) fn not_worse(seconds: u32, observed: &Observation, ground: Ground<'_>) -> Verdict {
    let Some(now) = health_of(observed) else {
        return Verdict::Unknown("nodes, pods or workloads could not be read".to_owned());
    };
    let Some(before) = ground.health else {
        return Verdict::Unknown("the health before the change was not recorded".to_owned());
    };
    let worse = compare(before, &now);
    let starts = |name: &str| {
        let mut pods = observed.pods.items().iter();
        pods.any(|pod| {
            name.strip_prefix(&pod.namespace)
                .and_then(|rest| rest.strip_prefix('/'))
                == Some(&pod.name)
                && pod
                    .waiting
                    .as_deref()
                    .is_some_and(|why| STARTING.contains(&why))
        })
    };
    if let Some(crash) = now.waiting.iter().find(|pod| {
        pod.starts_with("kube-system/") && !before.waiting.contains(pod) && !starts(pod)
    }) {
        return Verdict::Refuted(format!("pod `{crash}` does not run, and it did before"));
    }
    let passed = ground
        .since
        .map_or(0, |since| ground.now.seconds_since(since).max(0));
    if passed < i64::from(seconds) {
        let since = ground.since.unwrap_or(ground.now).unix();
        let until = Timestamp::from_unix(since.saturating_add(i64::from(seconds)));
        let seen = worse.unwrap_or_else(|| "nothing is worse than before".to_owned());
        return Verdict::NotYet(format!("{seen}; watched until {until}"));
    }
    match worse {
        Some(why) => Verdict::NotYet(why),
        None => Verdict::Met(format!(
            "{} {} Ready, and nothing is worse than before",
            counted(now.ready as usize, "node"),
            is_or_are(now.ready as usize)
        )),
    }
}

fn compare(before: &Health, now: &Health) -> Option<String> {
    let fresh = |now: &[String], before: &[String]| -> Option<String> {
        now.iter().find(|name| !before.contains(name)).cloned()
    };
    if let Some(node) = fresh(&now.not_ready, &before.not_ready) {
        return Some(format!("node `{node}` is not Ready"));
    }
    if let Some(name) = fresh(&now.not_rolled_out, &before.not_rolled_out) {
        return Some(format!("`kube-system/{name}` is not rolled out"));
    }
    if let Some(pod) = fresh(&now.waiting, &before.waiting) {
        return Some(format!("pod `{pod}` does not run"));
    }
    if now.pending.len() > before.pending.len()
        && let Some(pod) = fresh(&now.pending, &before.pending)
    {
        return Some(format!(
            "{} {} Pending, {} before; `{pod}` is one of them",
            counted(now.pending.len(), "pod"),
            is_or_are(now.pending.len()),
            before.pending.len()
        ));
    }
    None
}
