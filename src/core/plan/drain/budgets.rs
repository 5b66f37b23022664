//! What budgets that stop a drain or slow it down say to a reviewer.

use super::Exodus;
use super::findings::{count, is, named, nodes_of, objects, some};
use super::remedies::{missing_replicas, more, relax};
use super::simulate::{Pace, Played, Stuck, Why, comes_back};
use crate::catalog::Catalog;
use crate::model::{Pdb, Pod, shell_word as word};
use crate::plan::wire::{Finding, Severity};
use std::collections::BTreeSet;

/// A round lasts as long as a pod takes to be Ready: at five minutes each, so many fill the hour
/// after which a drain stops.
const ROUNDS_MANY: usize = 12;
/// How long a pod takes to be Ready at most, in this reckoning.
const ROUND_SECONDS: u64 = 300;

/// Returns how long the slowest budget makes a drain, in seconds.
pub(super) fn longest(played: &Played<'_>) -> u64 {
    let rounds = played.paces.iter().map(|pace| pace.rounds).max();
    ROUND_SECONDS.saturating_mul(rounds.unwrap_or(0) as u64)
}

impl Exodus<'_> {
    /// Budgets that stop the drain or slow it down.
    pub(super) fn of_budgets(&self, played: &Played<'_>, catalog: &Catalog) -> Vec<Finding> {
        let stuck = played.stuck.iter();
        let mut found: Vec<Finding> = stuck.map(|s| self.stopped(s, catalog)).collect();
        for (keys, pods) in &played.torn {
            found.push(self.torn(keys, pods));
        }
        let slow = played.paces.iter();
        let slow = slow.filter(|pace| pace.rounds >= ROUNDS_MANY);
        found.extend(slow.map(|slow| self.slow(slow)));
        found
    }

    fn torn(&self, keys: &[String], pods: &[&Pod]) -> Finding {
        let mut one = self.finding("STW-R8-PDB-TWICE", Severity::Blocking, pods);
        let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        one.message = format!(
            "{} under {} budgets ({}): the Eviction API answers 500 to every try, so {} cannot leave.",
            is(pods),
            keys.len(),
            names.join(", "),
            if pods.len() == 1 { "it" } else { "they" }
        );
        let namespace = word(pods.first().map_or("", |pod| pod.namespace.as_str()));
        let last = keys.last().and_then(|key| key.split('/').nth(1));
        one.remedy = format!(
            "kubectl -n {namespace} get pdb -o wide; leave one budget over them, e.g. kubectl -n {namespace} edit pdb {}; then plan again",
            word(last.unwrap_or_default())
        );
        one.source = "Kubernetes, API-initiated eviction; PodDisruptionBudget".to_owned();
        let budgets = keys.iter().map(|key| format!("budget {key}"));
        one.objects.extend(budgets);
        one.objects.sort();
        one
    }

    fn slow(&self, slow: &Pace<'_>) -> Finding {
        let mut one = self.finding("STW-R8-DRAIN-SLOW", Severity::Warning, &[]);
        one.message = format!(
            "The budget `{}` lets {} of {} pods of `{}` go at a time: {} rounds, each as long as a pod takes to be Ready, and the drain stops after an hour.",
            slow.budget.key(),
            slow.at_a_time,
            slow.pods,
            self.group,
            slow.rounds
        );
        one.remedy = enough(slow).map_or_else(
            || {
                format!(
                    "Each of {} nodes takes a round of its own, whatever the budget allows: when the drain stops, resume the run.",
                    slow.queues.len()
                )
            },
            |at_a_time| {
                // What does not run already counts as unavailable.
                let down = slow.budget.expected.value().zip(slow.budget.healthy.value());
                let down = down.map_or(0, |(all, healthy)| all.saturating_sub(*healthy));
                format!(
                    "For the time of the drain, let more go at once: {}",
                    relax(slow.budget, at_a_time.saturating_add(down))
                )
            },
        );
        one.source = "Kubernetes, Specifying a Disruption Budget for your Application".to_owned();
        one.objects = objects(&[], &[slow.budget]);
        one
    }

    fn stopped(&self, stuck: &Stuck<'_>, catalog: &Catalog) -> Finding {
        let pods = &stuck.pods;
        // People go home for days: what is ill today is no reason not to begin to wait.
        let severity = match stuck.why {
            Why::NotNow(_) if self.waits => Severity::Warning,
            Why::Never | Why::NotNow(_) | Why::Nowhere => Severity::Blocking,
        };
        let mut one = self.finding("STW-R8-PDB", severity, pods);
        one.objects = objects(pods, &[stuck.budget]);
        let (key, terms) = (stuck.budget.key(), terms(stuck.budget));
        let cannot = format!("{} cannot leave {}", named(pods), nodes_of(pods));
        match &stuck.why {
            Why::Never => {
                one.message =
                    format!("The budget `{key}` never allows a disruption{terms}: {cannot}.");
                let replicas = missing_replicas(stuck.budget)
                    .and_then(|by| more(self.observed, pods, by))
                    .map(|command| format!("{command}; or, "));
                one.remedy = format!(
                    "{}for the time of the drain: {}; then plan again",
                    replicas.unwrap_or_default(),
                    relax(stuck.budget, 1)
                );
            }
            Why::NotNow(ill) => {
                one.message = format!(
                    "The budget `{key}` allows no disruption now{terms}, {}: {cannot}.",
                    why_not_now(stuck.budget, ill)
                );
                one.objects.extend(objects(ill, &[]));
                one.objects.sort();
                one.objects.dedup();
                one.remedy = format!(
                    "{}; when it allows one: stairway observe, and plan again",
                    look(stuck.budget, ill)
                );
            }
            Why::Nowhere => {
                one.message = format!(
                    "The budget `{key}` waits for pods of `{}` that find no other node, so it lets no more go: {cannot}.",
                    self.group
                );
                one.remedy = self.what_is_missing(stuck.budget, catalog);
            }
        }
        one.source = "Kubernetes, API-initiated eviction; Specifying a Disruption Budget for your Application".to_owned();
        one
    }

    /// Says what nodes the pods of a budget need that no group has.
    fn what_is_missing(&self, budget: &Pdb, catalog: &Catalog) -> String {
        let id = &self.observed.cluster;
        let (mut zones, mut labels, mut bare) = (BTreeSet::new(), BTreeSet::new(), None);
        for pod in self.leaving.iter().filter(|pod| budget.covers(pod)) {
            if !comes_back(pod) {
                bare = bare.or(Some(pod));
                continue;
            }
            let mut homes = self.homes.iter();
            if homes.any(|home| home.takes(pod, &self.before, catalog, id)) {
                continue;
            }
            let zoned = pod
                .volume_zones
                .items()
                .iter()
                .map(|zone| format!("`{zone}`"));
            zones.extend(zoned);
            let home = self.homes.first();
            let missing = home.map(|home| home.missing(pod, &self.before, catalog, id));
            let missing = missing.into_iter().flatten();
            labels.extend(missing.map(|label| format!("`{label}`")));
        }
        let list = |set: BTreeSet<String>| some(&set.into_iter().collect::<Vec<_>>());
        let mut parts = Vec::new();
        if !zones.is_empty() {
            parts.push(format!("give them nodes in {}", list(zones)));
        }
        if !labels.is_empty() {
            parts.push(format!("give them nodes with {}", list(labels)));
        }
        if let Some(pod) = bare {
            parts.push(format!(
                "let `{}/{}`, which nobody makes again, end first",
                pod.namespace, pod.name
            ));
        }
        if parts.is_empty() {
            parts.push("keep a group that takes them".to_owned());
        }
        format!("Before the drain: {}; then plan again", parts.join("; "))
    }
}

/// Returns how many at a time make few rounds; none when each node takes a round of its own.
fn enough(slow: &Pace<'_>) -> Option<u32> {
    let most = slow.queues.iter().max().copied().unwrap_or(0);
    let more = slow.at_a_time.saturating_add(1)..=u32::try_from(most).unwrap_or(u32::MAX);
    let rounds = |at_a_time: u32| -> usize {
        let queues = slow.queues.iter();
        queues.map(|pods| pods.div_ceil(at_a_time as usize)).sum()
    };
    let mut more = more;
    more.find(|at_a_time| rounds(*at_a_time) < ROUNDS_MANY)
}

/// Why a budget allows nothing for the moment, as a clause.
fn why_not_now(budget: &Pdb, ill: &[&Pod]) -> String {
    let pending: Vec<&Pod> = ill.iter().copied().filter(|pod| pod.is_pending()).collect();
    if !ill.is_empty() && pending.len() == ill.len() {
        return format!("because {} Pending", is(ill));
    }
    if !ill.is_empty() {
        return format!("because {} not healthy", is(ill));
    }
    match budget.healthy.value().zip(budget.needs()) {
        Some((healthy, needs)) if *healthy > needs => format!(
            "although {healthy} are healthy and {needs} suffice{}: its status may be behind",
            if needs == 1 { "s" } else { "" }
        ),
        _ => "because too few of its pods are healthy".to_owned(),
    }
}

fn look(budget: &Pdb, ill: &[&Pod]) -> String {
    ill.first().map_or_else(
        || {
            format!(
                "kubectl -n {} describe pdb {}",
                word(&budget.namespace),
                word(&budget.name)
            )
        },
        |pod| {
            format!(
                "kubectl -n {} describe pod {}",
                word(&pod.namespace),
                word(&pod.name)
            )
        },
    )
}

/// ` (minAvailable 1 of 1 pod)`.
fn terms(budget: &Pdb) -> String {
    let of = budget
        .expected
        .value()
        .map(|n| format!(" of {}", count(*n as usize, "pod")));
    let of = of.unwrap_or_default();
    if let Some(min) = budget.min_available.value() {
        return format!(" (minAvailable {min}{of})");
    }
    match budget.max_unavailable.value() {
        Some(max) => format!(" (maxUnavailable {max}{of})"),
        None => String::new(),
    }
}
