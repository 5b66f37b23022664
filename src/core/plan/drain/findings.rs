//! What a played drain says to a reviewer.

use super::remedies::{delete, edit, stop};
use super::simulate::{Pace, Played, comes_back};
use super::{Exodus, To, fit, is_bare};
use crate::catalog::Catalog;
use crate::model::{Pdb, Pod, shell_word as word};
use crate::plan::draft::finding;
use crate::plan::wire::{Finding, Severity};
use crate::policy::settings::Settings;
use std::collections::BTreeSet;

/// A finding names no more objects than this: a pull request's comment holds 65,536 characters, and
/// whoever has 40 such pods looks for the pattern, not for the next name.
const OBJECTS_MAX: usize = 40;
/// So many names stand in a sentence; the rest is counted.
const NAMES_MAX: usize = 3;
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
    pub(super) fn finding(&self, code: &str, severity: Severity, pods: &[&Pod]) -> Finding {
        let subject = format!("nodegroup {}", self.group);
        let mut found = finding(code, "R8", severity, &subject);
        found.objects = objects(pods, &[]);
        found
    }

    /// What becomes of the pods themselves.
    pub(super) fn of_pods(&self, settings: &Settings) -> Vec<Finding> {
        let pick = |is: &dyn Fn(&Pod) -> bool| -> Vec<&Pod> {
            self.leaving.iter().copied().filter(|pod| is(pod)).collect()
        };
        let mut found = Vec::new();
        let bare = pick(&is_bare);
        if !bare.is_empty() {
            found.push(self.bare(&bare));
        }
        let stubborn = pick(&|pod| pod.tolerates_everything && comes_back(pod));
        if !stubborn.is_empty() {
            let mut one = self.finding("STW-R8-TOLERATES-ALL", Severity::Blocking, &stubborn);
            one.message = format!(
                "{} every taint, so neither a cordon nor a taint keeps {} from coming back to the nodes that are emptied: the drain may never end.",
                verb(&stubborn, "tolerates", "tolerate"),
                if stubborn.len() == 1 { "it" } else { "them" }
            );
            let them = if stubborn.len() == 1 { "it" } else { "them" };
            let first = stubborn.first().map(|pod| edit(pod)).unwrap_or_default();
            let stopped = stop(self.observed, &stubborn);
            let stopped =
                stopped.map(|command| format!("; or, for the time of the drain: {command}"));
            one.remedy = format!(
                "Give {them} tolerations with keys: {first}{}",
                stopped.unwrap_or_default()
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
                word(&first.namespace),
                word(&first.name)
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
                "Kubernetes, Volumes (emptyDir); kubectl drain --delete-emptydir-data".to_owned();
            found.push(one);
        }
        found
    }

    pub(super) fn bare(&self, bare: &[&Pod]) -> Finding {
        let mut one = self.finding("STW-R8-BARE-POD", Severity::Blocking, bare);
        one.message = format!(
            "{} without a controller would be lost by a drain.",
            named(bare)
        );
        one.remedy = format!(
            "Let them end: set `nodegroups: {{\"{}\": {{strategy: phase-out}}}}` in the fleet file, or delete them: {}",
            self.key,
            delete(bare)
        );
        one.source = "Kubernetes, Safely Drain a Node; kubectl drain --force".to_owned();
        one
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
                    zones.extend(pod.volume_zones.items().iter().cloned());
                }
                Some(missing) => {
                    pinned.push(pod);
                    labels.extend(missing);
                }
                None => pinned.push(pod),
            }
        }
        let mut found = Vec::new();
        found.extend(self.pinned(&pinned, labels, catalog));
        found.extend(self.zoned(&zoned, &zones));
        found
    }

    fn pinned(
        &self,
        pods: &[&Pod],
        labels: BTreeSet<String>,
        catalog: &Catalog,
    ) -> Option<Finding> {
        let first = pods.first()?;
        let severity = match self.to {
            To::Group { .. } | To::Itself => Severity::Blocking,
            // The owner asked for the group to go without another one.
            To::Others => Severity::Warning,
        };
        // EKS, eksctl and kubelets write these themselves, whatever a config declares.
        let key = |label: &String| {
            label
                .split_once('=')
                .map_or(label.clone(), |(key, _)| key.to_owned())
        };
        let fixed = labels
            .iter()
            .map(key)
            .find(|key| catalog.node_label(key).is_some());
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
        one.remedy = match (fixed, &self.to) {
            (Some(key), _) => format!(
                "No config can declare `{key}`: change the pod's selector: {}",
                edit(first)
            ),
            (None, To::Group { git, .. }) => format!(
                "Declare the label on `{git}` in git, or select by one that it has: {}",
                edit(first)
            ),
            (None, To::Itself | To::Others) => format!(
                "Keep a group that takes {}, or change the pod's selector: {}",
                if pods.len() == 1 { "it" } else { "them" },
                edit(first)
            ),
        };
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
            return self.of_others(catalog);
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
            one.remedy = if fit.short.is_empty() {
                format!(
                    "Choose a larger type for `{git}` in git: more nodes make none of them larger."
                )
            } else {
                format!("Raise `maxSize` of `{git}` in git, or choose a larger type.")
            };
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
pub(super) fn objects(pods: &[&Pod], budgets: &[&Pdb]) -> Vec<String> {
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

pub(super) fn bounded(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all.truncate(OBJECTS_MAX);
    all
}

/// `3 pods`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Names the first few, and counts the others.
pub(in crate::plan) fn some(names: &[String]) -> String {
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

pub(super) fn named(pods: &[&Pod]) -> String {
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

pub(super) fn is(pods: &[&Pod]) -> String {
    verb(pods, "is", "are")
}

const fn stays(pods: &[&Pod]) -> &'static str {
    if pods.len() == 1 {
        "it stays"
    } else {
        "they stay"
    }
}

pub(super) fn nodes_of(pods: &[&Pod]) -> String {
    let nodes: BTreeSet<&str> = pods.iter().filter_map(|pod| pod.node.as_deref()).collect();
    let nodes: Vec<String> = nodes.into_iter().map(|node| format!("`{node}`")).collect();
    match nodes.as_slice() {
        [one] => one.clone(),
        [first, ..] => format!("{} nodes, first `{}`", nodes.len(), first.trim_matches('`')),
        [] => "their node".to_owned(),
    }
}
