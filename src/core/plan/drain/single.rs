//! Services that are down while their pods move.

use super::Exodus;
use super::findings::some;
use super::remedies::{maker_of, more};
use crate::model::Pod;
use crate::plan::wire::{Finding, Severity};
use crate::policy::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};

/// Who makes pods, by namespace and controller.
type Maker = (String, String);

/// Makers whose pods are no service that somebody waits for: work that is done once, the kubelet.
const NO_SERVICE: [&str; 2] = ["Job/", "Node/"];

impl Exodus<'_> {
    /// Services that are down while their only pod moves, or all of them at once.
    pub(super) fn single_replicas(&self, settings: &Settings) -> Option<Finding> {
        let mut services: BTreeMap<Maker, Vec<&Pod>> = BTreeMap::new();
        for pod in self.observed.pods.items() {
            if let Some(maker) = maker_of(pod) {
                let key = (pod.namespace.clone(), maker);
                services.entry(key).or_default().push(pod);
            }
        }
        let busy = |pod: &Pod| settings.activity.iter().any(|s| s.matches(pod));
        let mut alone: BTreeMap<Maker, &Pod> = BTreeMap::new();
        let mut together: BTreeMap<Maker, &Pod> = BTreeMap::new();
        for pod in self.leaving.iter().copied().filter(|pod| !busy(pod)) {
            let Some(maker) = maker_of(pod) else { continue };
            if NO_SERVICE.iter().any(|kind| maker.starts_with(kind)) {
                continue;
            }
            let key = (pod.namespace.clone(), maker);
            let all = services.get(&key).map_or(&[][..], Vec::as_slice);
            let healthy = all.iter().filter(|pod| pod.is_healthy()).count();
            if all.len() == 1 || healthy == 1 && pod.is_healthy() {
                alone.insert(key, pod);
            } else if healthy > 1 && self.on_one_node(all) {
                together.entry(key).or_insert(pod);
            }
        }
        if alone.is_empty() && together.is_empty() {
            return None;
        }
        let pods: Vec<&Pod> = alone.values().chain(together.values()).copied().collect();
        let mut one = self.finding("STW-R8-SINGLE-REPLICA", Severity::Warning, &pods);
        let mut told: Vec<String> = sentence_of_one(&alone).into_iter().collect();
        told.extend(sentence_of_a_node(&together));
        one.message = told.join(" ");
        one.remedy = self.what_to_do(&alone, !together.is_empty());
        one.source = "Kubernetes, Disruptions".to_owned();
        Some(one)
    }

    /// No budget makes these move one after the other, and no other node has one of them.
    fn on_one_node(&self, all: &[&Pod]) -> bool {
        let nodes: BTreeSet<Option<&str>> = all.iter().map(|pod| pod.node.as_deref()).collect();
        let budgets = self.observed.pdbs.items();
        let asked = |pod: &Pod| budgets.iter().any(|b| b.covers(pod) || b.may_cover(pod));
        nodes.len() == 1 && !self.observed.pdbs.is_unknown() && !all.iter().any(|pod| asked(pod))
    }

    fn what_to_do(&self, alone: &BTreeMap<Maker, &Pod>, together: bool) -> String {
        let mut parts = Vec::new();
        if !alone.is_empty() {
            let pods: Vec<&Pod> = alone.values().copied().collect();
            let text = "Announce it, or give those that allow it one more replica first";
            parts.push(
                more(self.observed, &pods, 1)
                    .map_or_else(|| text.to_owned(), |command| format!("{text}: {command}")),
            );
        }
        if together {
            parts.push(
                "Give those on one node a PodDisruptionBudget with `maxUnavailable: 1`, so that they move one after the other"
                    .to_owned(),
            );
        }
        parts.join(". ")
    }
}

fn names(pods: &BTreeMap<Maker, &Pod>) -> Vec<String> {
    let short = |maker: &str| maker.rsplit('/').next().unwrap_or(maker).to_owned();
    let keys = pods.keys();
    keys.map(|(namespace, maker)| format!("`{namespace}/{}`", short(maker)))
        .collect()
}

fn sentence_of_one(alone: &BTreeMap<Maker, &Pod>) -> Option<String> {
    let who = names(alone);
    let single = who.len() == 1;
    (!who.is_empty()).then(|| {
        format!(
            "{} {}: {} down from {} eviction until {} new pod is Ready.",
            some(&who),
            if single {
                "runs as a single pod"
            } else {
                "run as single pods"
            },
            if single { "it is" } else { "each is" },
            if single { "its" } else { "the" },
            if single { "its" } else { "the" },
        )
    })
}

fn sentence_of_a_node(together: &BTreeMap<Maker, &Pod>) -> Option<String> {
    let who = names(together);
    (!who.is_empty()).then(|| {
        format!(
            "{} {} all pods on one node and no budget over them: they go at once, and nobody answers until a new one is Ready.",
            some(&who),
            if who.len() == 1 { "has" } else { "have" },
        )
    })
}
