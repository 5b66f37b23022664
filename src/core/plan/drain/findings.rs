//! What a played drain says to a reviewer.

use super::simulate::{Pace, Played, Stuck, Why, comes_back};
use super::{Exodus, To, fit, is_bare};
use crate::catalog::Catalog;
use crate::model::{Pdb, Pod};
use crate::plan::draft::finding;
use crate::plan::wire::{Finding, Severity};
use crate::policy::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};

/// A finding names no more objects than this: a pull request's comment holds 65,536 characters, and
/// whoever has 40 such pods looks for the pattern, not for the next name.
const OBJECTS_MAX: usize = 40;
/// So many names stand in a sentence; the rest is counted.
const NAMES_MAX: usize = 3;
/// A round lasts as long as a pod takes to be Ready: at five minutes each, so many fill the hour
/// after which a drain stops.
const ROUNDS_MANY: usize = 12;

/// Returns true for a finding that holds back the steps.
pub(super) fn holds_back(finding: &Finding) -> bool {
    matches!(finding.severity, Severity::Mandatory | Severity::Blocking)
}

/// Says in a sentence how the drain went.
pub(super) fn outlook(played: &Played<'_>, pods: usize) -> String {
    let mut stops: Vec<String> = played
        .stuck
        .iter()
        .map(|s| format!("`{}`", s.budget.key()))
        .collect();
    stops.extend(played.torn.keys().flatten().map(|key| format!("`{key}`")));
    stops.dedup();
    if !stops.is_empty() {
        return format!("Simulated: it would stop at {}.", some(&stops));
    }
    let mut text = format!(
        "Simulated: {} leave {}",
        count(pods, "pod"),
        count(played.nodes, "node")
    );
    let paces: Vec<String> = played.paces.iter().map(pace).collect();
    if !paces.is_empty() {
        text = format!("{text}; {}", some(&paces));
    }
    text.push('.');
    text
}

fn pace(pace: &Pace<'_>) -> String {
    format!(
        "`{}` lets {} of {} go at a time",
        pace.budget.key(),
        pace.at_a_time,
        pace.pods
    )
}

impl Exodus<'_> {
    fn finding(&self, code: &str, severity: Severity, pods: &[&Pod]) -> Finding {
        let subject = format!("nodegroup {}", self.group);
        let mut found = finding(code, "R8", severity, &subject);
        found.objects = objects(pods, &[]);
        found
    }

    /// Budgets that stop the drain or slow it down.
    pub(super) fn of_budgets(&self, played: &Played<'_>) -> Vec<Finding> {
        let mut found: Vec<Finding> = played.stuck.iter().map(|s| self.stopped(s)).collect();
        for (keys, pods) in &played.torn {
            let mut one = self.finding("STW-R8-PDB-TWICE", Severity::Blocking, pods);
            let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
            one.message = format!(
                "{} under {} budgets ({}): the Eviction API answers 500 to every try, so {} cannot leave.",
                is(pods),
                keys.len(),
                names.join(", "),
                if pods.len() == 1 { "it" } else { "they" }
            );
            let namespace = pods.first().map_or("", |pod| pod.namespace.as_str());
            let last = keys.last().and_then(|key| key.split('/').nth(1));
            one.remedy = format!(
                "kubectl -n {namespace} get pdb -o wide; leave one budget over them, e.g. kubectl -n {namespace} edit pdb {}; then plan again",
                last.unwrap_or_default()
            );
            one.source = "Kubernetes, API-initiated eviction; PodDisruptionBudget".to_owned();
            one.objects
                .extend(keys.iter().map(|key| format!("budget {key}")));
            one.objects.sort();
            found.push(one);
        }
        let slow = played
            .paces
            .iter()
            .filter(|pace| pace.rounds >= ROUNDS_MANY);
        found.extend(slow.map(|slow| {
            let mut one = self.finding("STW-R8-DRAIN-SLOW", Severity::Warning, &[]);
            one.message = format!(
                "The budget `{}` lets {} of {} pods of `{}` go at a time: {} rounds, each as long as a pod takes to be Ready, and the drain stops after an hour.",
                slow.budget.key(), slow.at_a_time, slow.pods, self.group, slow.rounds
            );
            one.remedy = format!("For the time of the drain, let more go at once: {}", relax(slow.budget));
            one.source = "Kubernetes, Specifying a Disruption Budget for your Application".to_owned();
            one.objects = objects(&[], &[slow.budget]);
            one
        }));
        found
    }

    fn stopped(&self, stuck: &Stuck<'_>) -> Finding {
        let key = stuck.budget.key();
        let pods = &stuck.pods;
        // People go home for days: what is ill today is no reason not to begin to wait.
        let severity = match stuck.why {
            Why::NotNow(_) if self.waits => Severity::Warning,
            Why::Never | Why::NotNow(_) | Why::Nowhere => Severity::Blocking,
        };
        let mut one = self.finding("STW-R8-PDB", severity, pods);
        one.objects = objects(pods, &[stuck.budget]);
        let cannot = format!("{} cannot leave {}", named(pods), nodes_of(pods));
        match &stuck.why {
            Why::Never => {
                one.message = format!(
                    "The budget `{key}` never allows a disruption{}: {cannot}.",
                    terms(stuck.budget)
                );
                let replicas = scale(pods).map(|command| format!("{command}; or, "));
                one.remedy = format!(
                    "{}for the time of the drain: {}; then plan again",
                    replicas.unwrap_or_default(),
                    relax(stuck.budget)
                );
            }
            Why::NotNow(ill) => {
                let why = if ill.is_empty() {
                    "too few of its pods are healthy".to_owned()
                } else {
                    format!("{} not healthy", is(ill))
                };
                one.message = format!(
                    "The budget `{key}` allows no disruption now{}, because {why}: {cannot}.",
                    terms(stuck.budget)
                );
                one.objects.extend(objects(ill, &[]));
                one.objects.sort();
                one.objects.dedup();
                let look = ill.first().map_or_else(
                    || {
                        format!(
                            "kubectl -n {} get pdb {}",
                            stuck.budget.namespace, stuck.budget.name
                        )
                    },
                    |pod| format!("kubectl -n {} describe pod {}", pod.namespace, pod.name),
                );
                one.remedy =
                    format!("{look}; when they are Ready: stairway observe, and plan again");
            }
            Why::Nowhere => {
                one.message = format!(
                    "The budget `{key}` waits for pods of `{}` that find no other node, so it lets no more go: {cannot}.",
                    self.group
                );
                one.remedy = format!(
                    "Give them a group that takes them, or, for the time of the drain: {}",
                    relax(stuck.budget)
                );
            }
        }
        one.source = "Kubernetes, API-initiated eviction; Specifying a Disruption Budget for your Application".to_owned();
        one
    }

    /// What becomes of the pods themselves.
    pub(super) fn of_pods(&self, settings: &Settings) -> Vec<Finding> {
        let pick = |is: &dyn Fn(&Pod) -> bool| -> Vec<&Pod> {
            self.leaving.iter().copied().filter(|pod| is(pod)).collect()
        };
        let mut found = Vec::new();
        let bare = pick(&is_bare);
        if !bare.is_empty() {
            let mut one = self.finding("STW-R8-BARE-POD", Severity::Blocking, &bare);
            one.message = format!(
                "{} without a controller would be lost by a drain.",
                named(&bare)
            );
            one.remedy = format!(
                "Let them end: set `nodegroups: {{\"{}\": {{strategy: phase-out}}}}` in the fleet file, or delete them: {}",
                self.group,
                delete(&bare)
            );
            one.source = "eksctl drains delete unmanaged pods".to_owned();
            found.push(one);
        }
        let stubborn = pick(&|pod| pod.tolerates_everything && comes_back(pod));
        if !stubborn.is_empty() {
            let mut one = self.finding("STW-R8-TOLERATES-ALL", Severity::Blocking, &stubborn);
            one.message = format!(
                "{} every taint, so neither a cordon nor a taint keeps {} from coming back to the nodes that are emptied: the drain may never end.",
                verb(&stubborn, "tolerates", "tolerate"),
                if stubborn.len() == 1 { "it" } else { "them" }
            );
            one.remedy = format!(
                "Give {} tolerations with keys, or stop {} for the time of the drain: {}",
                if stubborn.len() == 1 { "it" } else { "them" },
                if stubborn.len() == 1 { "it" } else { "them" },
                scale_to(&stubborn, 0).unwrap_or_else(|| "kubectl edit its controller".to_owned())
            );
            one.source = "Kubernetes, Taints and Tolerations (an empty key with operator Exists); 2i2c-org/infrastructure #5913 (tigera-operator)".to_owned();
            found.push(one);
        }
        found.extend(self.single_replicas(settings));
        let ill = pick(&|pod| pod.waiting.is_some() && comes_back(pod));
        if let Some(first) = ill.first() {
            let mut one = self.finding("STW-R8-CRASH-LOOP", Severity::Warning, &ill);
            one.message = format!(
                "{} not run here ({}) and will not on the new nodes; the bake compares with what it sees before.",
                verb(&ill, "does", "do"),
                first.waiting.as_deref().unwrap_or_default()
            );
            one.remedy = format!(
                "kubectl -n {} logs {} --previous",
                first.namespace, first.name
            );
            one.source = "Kubernetes, Pod lifecycle".to_owned();
            found.push(one);
        }
        let scratch = pick(&|pod| pod.empty_dir.value() == Some(&true) && comes_back(pod));
        if !scratch.is_empty() {
            let mut one = self.finding("STW-R8-EMPTY-DIR", Severity::Note, &scratch);
            one.message = format!(
                "{} with {} `emptyDir` volumes: what is in them is gone after the drain.",
                verb(&scratch, "moves", "move"),
                if scratch.len() == 1 { "its" } else { "their" }
            );
            one.remedy =
                "Nothing when it is a cache; else copy it out first: kubectl cp".to_owned();
            one.source =
                "Kubernetes, Volumes (emptyDir); eksctl drain deletes emptyDir data".to_owned();
            found.push(one);
        }
        found
    }

    /// Services that are down while their only pod moves.
    fn single_replicas(&self, settings: &Settings) -> Option<Finding> {
        let mut siblings: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for pod in self.observed.pods.items() {
            if let Some(owner) = pod.owner.value() {
                *siblings.entry((&pod.namespace, owner)).or_default() += 1;
            }
        }
        let alone: Vec<&Pod> = self
            .leaving
            .iter()
            .copied()
            .filter(|pod| {
                !settings
                    .activity
                    .iter()
                    .any(|selector| selector.matches(pod))
            })
            .filter(|pod| {
                let owner = pod.owner.value();
                owner
                    .is_some_and(|owner| siblings.get(&(pod.namespace.as_str(), owner)) == Some(&1))
            })
            .collect();
        if alone.is_empty() {
            return None;
        }
        let mut one = self.finding("STW-R8-SINGLE-REPLICA", Severity::Warning, &alone);
        let who: Vec<String> = alone
            .iter()
            .map(|pod| {
                let owner = pod.owner.value().map_or("", String::as_str);
                format!(
                    "`{}/{}`",
                    pod.namespace,
                    owner.rsplit('/').next().unwrap_or(owner)
                )
            })
            .collect();
        one.message = format!(
            "{} {}: {} down from {} eviction until {} new pod is Ready.",
            some(&who),
            if who.len() == 1 {
                "runs as a single pod"
            } else {
                "run as single pods"
            },
            if who.len() == 1 { "it is" } else { "each is" },
            if who.len() == 1 { "its" } else { "the" },
            if who.len() == 1 { "its" } else { "the" },
        );
        one.remedy = "Announce it, or give those that allow it a second replica first".to_owned();
        if let Some(command) = scale(&alone) {
            one.remedy = format!("{}: {command}", one.remedy);
        }
        one.source = "Kubernetes, Disruptions".to_owned();
        Some(one)
    }

    /// Pods that no group takes: pinned by labels, or held by a volume's zone.
    pub(super) fn of_places(&self, catalog: &Catalog) -> Vec<Finding> {
        let id = &self.observed.cluster;
        let (mut pinned, mut labels) = (Vec::new(), BTreeSet::new());
        let (mut zoned, mut zones) = (Vec::new(), BTreeSet::new());
        for pod in self.leaving.iter().copied().filter(|pod| comes_back(pod)) {
            if self
                .homes
                .iter()
                .any(|home| home.takes(pod, &self.before, catalog, id))
            {
                continue;
            }
            // The group that takes over says what is missing; without one, nothing does.
            let missing = self
                .homes
                .first()
                .map(|home| home.missing(pod, &self.before, catalog, id));
            match missing {
                Some(missing) if missing.is_empty() => {
                    zoned.push(pod);
                    zones.extend(pod.volume_zones.iter().cloned());
                }
                Some(missing) => {
                    pinned.push(pod);
                    labels.extend(missing);
                }
                None => pinned.push(pod),
            }
        }
        let mut found = Vec::new();
        found.extend(self.pinned(&pinned, labels));
        found.extend(self.zoned(&zoned, &zones));
        found
    }

    fn pinned(&self, pods: &[&Pod], labels: BTreeSet<String>) -> Option<Finding> {
        let first = pods.first()?;
        let severity = match self.to {
            To::Group { .. } | To::Itself => Severity::Blocking,
            // The owner asked for the group to go without another one.
            To::Others => Severity::Warning,
        };
        let labels: Vec<String> = labels
            .into_iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let mut one = self.finding("STW-R8-PINNED", severity, pods);
        one.message = match (&self.to, labels.is_empty()) {
            (To::Group { name, .. }, false) => format!(
                "{} {}, which nodes of `{name}` do not carry: evicted, {} Pending.",
                verb(pods, "selects nodes with", "select nodes with"),
                some(&labels),
                stays(pods)
            ),
            (To::Itself, false) => format!(
                "{} {}, which new nodes do not carry: evicted, {} Pending.",
                verb(pods, "selects nodes with", "select nodes with"),
                some(&labels),
                stays(pods)
            ),
            (To::Others, _) | (_, true) => format!(
                "{} no other group that takes {}: evicted, {} Pending.",
                verb(pods, "has", "have"),
                if pods.len() == 1 { "it" } else { "them" },
                stays(pods)
            ),
        };
        let owner = kind_of(first).map_or_else(
            || format!("pod {}", first.name),
            |(kind, name)| format!("{kind} {name}"),
        );
        one.remedy = format!(
            "Declare the label on the new group in git, or select by one that it has: kubectl -n {} edit {owner}",
            first.namespace
        );
        one.source = "Kubernetes, Assigning Pods to Nodes; eksctl and EKS label nodes with their group's name".to_owned();
        Some(one)
    }

    fn zoned(&self, pods: &[&Pod], zones: &BTreeSet<String>) -> Option<Finding> {
        if pods.is_empty() {
            return None;
        }
        let severity = match self.to {
            To::Group { .. } => Severity::Blocking,
            To::Itself | To::Others => Severity::Warning,
        };
        let mut one = self.finding("STW-R8-ZONES", severity, pods);
        let list = |zones: &BTreeSet<String>| {
            let all: Vec<String> = zones.iter().map(|zone| format!("`{zone}`")).collect();
            some(&all)
        };
        let has = self.homes.first().and_then(|home| home.zones.as_ref());
        let (new, has) = (
            self.successor()
                .map_or("the groups that stay", |home| home.name.as_str()),
            has.map(list).unwrap_or_default(),
        );
        one.message = format!(
            "{} volumes in {}, and `{new}` is in {has}: evicted, {} Pending.",
            verb(pods, "has", "have"),
            list(zones),
            stays(pods)
        );
        one.remedy = match &self.to {
            To::Group { git, .. } => format!(
                "Add the zone to `availabilityZones` of `{git}` in git, or move the volume's data to another zone."
            ),
            To::Itself | To::Others => {
                "Keep a group in the zone, or move the volume's data to another one.".to_owned()
            }
        };
        one.source = "Amazon EBS: a volume is in one zone; Kubernetes, Storage Classes (topology)"
            .to_owned();
        Some(one)
    }

    /// Whether the group that takes over is large enough, and has addresses to start with.
    pub(super) fn of_room(&self, catalog: &Catalog) -> Vec<Finding> {
        let (Some(home), To::Group { git, start, .. }) = (self.successor(), &self.to) else {
            return Vec::new();
        };
        let moving: Vec<&Pod> = self
            .leaving
            .iter()
            .copied()
            .filter(|pod| comes_back(pod))
            .collect();
        let fit = fit::fit(self.observed, catalog, &self.group, &moving, home);
        let subject = format!("nodegroup {}", home.name);
        let mut found = Vec::new();
        if !fit.short.is_empty() || !fit.too_large.is_empty() {
            let mut one = finding("STW-R8-CAPACITY", "R8", Severity::Blocking, &subject);
            let mut sentences = fit.short.clone();
            if let Some(first) = fit.too_large.first() {
                sentences.push(format!(
                    "{} more than a node of `{}` gives, e.g. `{first}`.",
                    if fit.too_large.len() == 1 {
                        "1 pod asks for".to_owned()
                    } else {
                        format!("{} pods ask for", fit.too_large.len())
                    },
                    home.name
                ));
            }
            one.message = sentences.join(" ");
            one.objects = bounded(
                fit.too_large
                    .iter()
                    .map(|key| format!("pod {key}"))
                    .collect(),
            );
            one.remedy = format!("Raise `maxSize` of `{git}` in git, or choose a larger type.");
            one.source = "Amazon VPC CNI, pods per instance type; Amazon EC2, instance types; amazon-eks-ami, kubeReserved".to_owned();
            found.push(one);
        }
        if !fit.unknown_types.is_empty() && !moving.is_empty() {
            let mut one = finding("STW-CATALOG-GAP", "R8", Severity::Note, &subject);
            let types: Vec<String> = fit
                .unknown_types
                .iter()
                .map(|kind| format!("`{kind}`"))
                .collect();
            one.message = format!(
                "The catalog does not know {} in full: whether {} of `{}` fit was not assessed.",
                some(&types),
                count(moving.len(), "pod"),
                self.group
            );
            one.remedy = "Compare their requests with the type: aws ec2 describe-instance-types --instance-types TYPE".to_owned();
            one.source = format!("catalog of {}", catalog.as_of().day());
            found.push(one);
        }
        if let Some(start) = start {
            found.extend(addresses(self.observed, home, *start, moving.len()));
        }
        found
    }
}

/// R8: the first nodes of a new group and the pods that move to them need addresses.
fn addresses(
    observed: &crate::model::Observation,
    home: &super::homes::Home,
    start: u32,
    pods: usize,
) -> Option<Finding> {
    let (free, subnets) = fit::free_addresses(observed, home)?;
    let needed = usize::try_from(start)
        .unwrap_or(usize::MAX)
        .saturating_add(pods);
    if usize::try_from(free).unwrap_or(usize::MAX) >= needed {
        return None;
    }
    let subject = format!("nodegroup {}", home.name);
    let mut one = finding("STW-R8-ADDRESSES", "R8", Severity::Blocking, &subject);
    one.message = format!(
        "`{}` needs {needed} addresses to take over ({} it starts with + {} to move); {} it can use {} {free} free.",
        home.name,
        count(start as usize, "node"),
        count(pods, "pod"),
        count(subnets, "subnet"),
        if subnets == 1 { "has" } else { "have" },
    );
    one.remedy =
        "Free addresses, or name further subnets or zones for the group in git.".to_owned();
    one.source = "Amazon VPC CNI: each node and each pod has an address of its subnet".to_owned();
    Some(one)
}

/// Names what is affected, sorted: pods, their nodes, and budgets.
fn objects(pods: &[&Pod], budgets: &[&Pdb]) -> Vec<String> {
    let mut all: BTreeSet<String> = budgets
        .iter()
        .map(|b| format!("budget {}", b.key()))
        .collect();
    for pod in pods {
        all.insert(format!("pod {}/{}", pod.namespace, pod.name));
        all.extend(pod.node.as_ref().map(|node| format!("node {node}")));
    }
    bounded(all.into_iter().collect())
}

fn bounded(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all.truncate(OBJECTS_MAX);
    all
}

/// `3 pods`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Names the first few, and counts the others.
pub(super) fn some(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] if names.len() <= NAMES_MAX => format!("{} and {last}", all.join(", ")),
        [..] => format!(
            "{} and {} more",
            names[..NAMES_MAX].join(", "),
            names.len() - NAMES_MAX
        ),
    }
}

fn named(pods: &[&Pod]) -> String {
    match pods {
        [one] => format!("pod `{}/{}`", one.namespace, one.name),
        [first, ..] => format!(
            "{} pods, e.g. `{}/{}`,",
            pods.len(),
            first.namespace,
            first.name
        ),
        [] => "no pod".to_owned(),
    }
}

fn verb(pods: &[&Pod], one: &str, many: &str) -> String {
    let who = named(pods);
    let who = who
        .strip_prefix("pod ")
        .map_or(who.clone(), |rest| format!("Pod {rest}"));
    format!("{who} {}", if pods.len() == 1 { one } else { many })
}

fn is(pods: &[&Pod]) -> String {
    verb(pods, "is", "are")
}

const fn stays(pods: &[&Pod]) -> &'static str {
    if pods.len() == 1 {
        "it stays"
    } else {
        "they stay"
    }
}

fn nodes_of(pods: &[&Pod]) -> String {
    let nodes: BTreeSet<&str> = pods.iter().filter_map(|pod| pod.node.as_deref()).collect();
    let nodes: Vec<String> = nodes.into_iter().map(|node| format!("`{node}`")).collect();
    match nodes.as_slice() {
        [one] => one.clone(),
        [first, ..] => format!("{} nodes, first `{}`", nodes.len(), first.trim_matches('`')),
        [] => "their node".to_owned(),
    }
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

/// The command that lets one more pod of a budget go.
fn relax(budget: &Pdb) -> String {
    // The API takes one of the two; the other one is removed with null.
    let change = "{\"spec\":{\"minAvailable\":null,\"maxUnavailable\":1}}";
    format!(
        "kubectl -n {} patch pdb {} --type merge -p '{change}'",
        budget.namespace, budget.name
    )
}

/// The controller of a pod, when it is of a kind that `kubectl scale` takes.
fn kind_of(pod: &Pod) -> Option<(String, &str)> {
    let (kind, name) = pod.owner.value()?.split_once('/')?;
    let scales = ["Deployment", "StatefulSet", "ReplicaSet"].contains(&kind);
    scales.then(|| (kind.to_lowercase(), name))
}

/// The command that gives a second replica to the first controller that can have one.
fn scale(pods: &[&Pod]) -> Option<String> {
    scale_to(pods, 2)
}

/// A StatefulSet is left out: a second replica of a database is no second copy of its service.
fn scale_to(pods: &[&Pod], replicas: u32) -> Option<String> {
    pods.iter().find_map(|pod| {
        let (kind, name) = kind_of(pod).filter(|(kind, _)| *kind != "statefulset")?;
        Some(format!(
            "kubectl -n {} scale {kind}/{name} --replicas={replicas}",
            pod.namespace
        ))
    })
}

fn delete(pods: &[&Pod]) -> String {
    let first = pods
        .first()
        .map_or(("", ""), |pod| (pod.namespace.as_str(), pod.name.as_str()));
    format!("kubectl -n {} delete pod {}", first.0, first.1)
}
