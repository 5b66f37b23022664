//! Pods: evictions under budgets, where evicted pods land, the autoscaler, and people's sessions.

use crate::clock::{Event, Roaming};
use crate::nodes::{NodesByName, closed_to_newcomers, own_taints};
use crate::spans::{AUTOSCALE, POD_LANDS, SESSION};
use crate::{World, count};
use stairway_core::model::clusterconfig::labels_of;
use stairway_core::model::{Known, LiveNodegroup, Node, Pdb, Pod};
use std::collections::{BTreeMap, BTreeSet};

/// The kubelet's default and most EKS groups' limit (Kubernetes, considerations for large clusters).
const PODS_PER_NODE: u32 = 110;
/// Labels of nodes with their group's name (eksctl; Amazon EKS managed node groups).
const NAMED_AFTER_GROUP: [&str; 2] = [
    "alpha.eksctl.io/nodegroup-name",
    "eks.amazonaws.com/nodegroup",
];
/// Labels that tell a person's session or a computation from a service.
const ACTIVITY: [(&str, &str); 2] = [
    ("component", "singleuser-server"),
    ("app.kubernetes.io/component", "dask-worker"),
];

/// Returns `namespace/name`.
pub(crate) fn key_of(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

fn is(pod: &Pod, key: &str) -> bool {
    key.strip_prefix(pod.namespace.as_str())
        .and_then(|rest| rest.strip_prefix('/'))
        .is_some_and(|name| name == pod.name)
}

fn is_session(pod: &Pod) -> bool {
    ACTIVITY
        .iter()
        .any(|(key, value)| pod.labels.get(*key).is_some_and(|label| label == value))
}

/// What the API server says of a pod under two budgets, with status 500 (kube-apiserver, eviction.go).
pub(crate) const TWO_BUDGETS: &str = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";

/// Why a pod has to stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The budgets that have a say, `namespace/name`.
    pub(crate) budgets: Vec<String>,
    /// What the API server says.
    pub(crate) why: String,
}

impl Held {
    /// 429: the cause `DisruptionBudget` of the answer.
    fn by(pdb: &Pdb) -> Self {
        let why = match (pdb.needs(), pdb.healthy.value()) {
            (Some(needs), Some(healthy)) if *healthy <= needs => format!(
                "The disruption budget {} needs {needs} healthy pods and has {healthy} currently",
                pdb.name
            ),
            _ => format!("The disruption budget {} allows no disruption", pdb.name),
        };
        Self {
            budgets: vec![pdb.key()],
            why,
        }
    }

    /// 500: the API server refuses to choose.
    fn by_many(first: &Pdb, others: Vec<String>) -> Self {
        let mut budgets = vec![first.key()];
        budgets.extend(others);
        Self {
            budgets,
            why: TWO_BUDGETS.to_owned(),
        }
    }
}

/// A healthy pod is away: its budget may let one less go.
fn take_one(pdb: &mut Pdb) {
    for count in [&mut pdb.allowed, &mut pdb.healthy] {
        if let Known::Value(count) = count {
            *count = count.saturating_sub(1);
        }
    }
}

/// The name without its generation: `core` of `core-b`.
fn stem(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((stem, letter)) if letter.len() <= 2 => stem,
        Some(_) | None => name,
    }
}

/// Returns true for a group whose taints a pod tolerates: those of the group that it left, and of its generations.
///
/// Whoever taints a new generation in git gives its services the toleration.
fn tolerates(group: &LiveNodegroup, roaming: &Roaming) -> bool {
    stem(&group.name) == stem(&roaming.group) || own_taints(group).is_subset(&roaming.tolerates)
}

impl World {
    /// Returns the pods of a node that a drain would evict.
    pub(crate) fn evictable(&self, node: &str) -> Vec<String> {
        self.cluster
            .pods
            .items()
            .iter()
            .filter(|pod| pod.node.as_deref() == Some(node) && !pod.is_daemon())
            .map(key_of)
            .collect()
    }

    /// Evicts a pod through the Eviction API; false when it has to stay.
    pub(crate) fn evict(&mut self, key: &str) -> bool {
        self.try_evict(key).is_ok()
    }

    /// Evicts a pod through the Eviction API, unless a budget refuses it (429), or two have a say (500).
    ///
    /// Kubernetes, API-initiated eviction. A pod without a controller is
    /// deleted and nobody makes it again; one that does not run costs a budget
    /// nothing where the budget says so.
    pub(crate) fn try_evict(&mut self, key: &str) -> Result<(), Held> {
        let Known::Value(pods) = &mut self.cluster.pods else {
            return Ok(());
        };
        let Some(index) = pods.iter().position(|pod| is(pod, key)) else {
            return Ok(());
        };
        let mut budgets = Vec::new();
        if let Known::Value(pdbs) = &mut self.cluster.pdbs {
            let pod = &pods[index];
            let mut guarding = pdbs
                .iter_mut()
                .filter(|pdb| pdb.covers(pod) && !pod.is_pending());
            if let Some(pdb) = guarding.next() {
                let others: Vec<String> = guarding.map(|other| other.key()).collect();
                if !others.is_empty() {
                    return Err(Held::by_many(pdb, others));
                }
                let unasked = !pod.is_healthy() && pdb.lets_ill_pods_go();
                if pdb.allowed == Known::Value(0) && !unasked {
                    return Err(Held::by(pdb));
                }
                if pod.is_healthy() {
                    take_one(pdb);
                    budgets.push(pdb.key());
                }
            }
        }
        if matches!(pods[index].owner, Known::Absent) {
            pods.remove(index);
            self.count_less(&budgets);
            self.give_back(&budgets);
            return Ok(());
        }
        let node = pods[index].node.take();
        let left = node
            .as_deref()
            .and_then(|name| self.cluster.nodes_named(name));
        let group = left.and_then(|n| n.nodegroup.clone()).unwrap_or_default();
        let tolerates = self.cluster.nodegroup(&group).map(own_taints);
        let tolerates = tolerates.unwrap_or_default();
        let roaming = Roaming {
            group,
            tolerates,
            budgets,
        };
        self.books.roaming.insert(key.to_owned(), roaming);
        let seconds = self.takes(POD_LANDS, key);
        let pod = key.to_owned();
        self.schedule(seconds, Event::PodLands { pod });
        Ok(())
    }

    /// A pod is back: its budgets may let another one go.
    fn give_back(&mut self, budgets: &[String]) {
        let stuck = &self.books.stuck_budgets;
        let Known::Value(pdbs) = &mut self.cluster.pdbs else {
            return;
        };
        for pdb in pdbs.iter_mut().filter(|pdb| budgets.contains(&pdb.key())) {
            if let Known::Value(healthy) = &mut pdb.healthy {
                *healthy = healthy.saturating_add(1);
            }
            if !stuck.contains(&pdb.key())
                && let Known::Value(allowed) = &mut pdb.allowed
            {
                *allowed = allowed.saturating_add(1);
            }
        }
    }

    /// A pod ends by itself.
    fn leave_budgets(&mut self, key: &str) {
        let Some(pod) = self.cluster.pods.items().iter().find(|pod| is(pod, key)) else {
            return;
        };
        let over = self
            .cluster
            .pdbs
            .items()
            .iter()
            .filter(|pdb| pdb.covers(pod));
        let budgets: Vec<String> = over.map(Pdb::key).collect();
        self.count_less(&budgets);
    }

    /// A pod is gone for good: its budgets count one less, and one less healthy.
    fn count_less(&mut self, budgets: &[String]) {
        let Known::Value(pdbs) = &mut self.cluster.pdbs else {
            return;
        };
        for pdb in pdbs.iter_mut().filter(|pdb| budgets.contains(&pdb.key())) {
            for count in [&mut pdb.expected, &mut pdb.healthy] {
                if let Known::Value(count) = count {
                    *count = count.saturating_sub(1);
                }
            }
        }
    }

    /// Puts an evicted pod on a node with room, or leaves it Pending and wakes the autoscaler.
    pub(crate) fn pod_lands(&mut self, key: &str) {
        let pods = self.cluster.pods.items();
        let Some(index) = pods.iter().position(|pod| is(pod, key)) else {
            if let Some(gone) = self.books.roaming.remove(key) {
                self.count_less(&gone.budgets);
                self.give_back(&gone.budgets);
            }
            return;
        };
        let Some(roaming) = self.books.roaming.get(key) else {
            return;
        };
        let Some(node) = self.home_for(&pods[index], roaming) else {
            self.wake_autoscaler();
            return;
        };
        if let Known::Value(pods) = &mut self.cluster.pods {
            pods[index].node = Some(node);
        }
        if let Some(landed) = self.books.roaming.remove(key) {
            self.give_back(&landed.budgets);
        }
    }

    fn home_for(&self, pod: &Pod, roaming: &Roaming) -> Option<String> {
        let mut load: BTreeMap<&str, u32> = BTreeMap::new();
        for other in self.cluster.pods.items() {
            if let Some(node) = other.node.as_deref() {
                *load.entry(node).or_default() += 1;
            }
        }
        let welcome = self.welcoming_groups(roaming);
        let fits = |node: &&Node| {
            // Who tolerates everything tolerates the taint of a cordoned node too.
            let open = node.ready.value() != Some(&false)
                && (!node.unschedulable || pod.tolerates_everything);
            let stays = match node.nodegroup.as_deref() {
                Some(group) => welcome.contains(group),
                None => node.taints.is_empty(),
            };
            let tolerated = stays && !closed_to_newcomers(node) || pod.tolerates_everything;
            let zoned = pod.volume_zones.items().is_empty()
                || node
                    .zone
                    .value()
                    .is_none_or(|zone| pod.volume_zones.items().contains(zone));
            let room = load.get(node.name.as_str()).copied().unwrap_or(0) < PODS_PER_NODE;
            open && tolerated && zoned && room && self.carries(node, pod)
        };
        let rank = |node: &&Node| {
            let group = node.nodegroup.as_deref().unwrap_or_default();
            let successor = stem(group) == stem(&roaming.group);
            let pods = load.get(node.name.as_str()).copied().unwrap_or(0);
            (!successor, pods, node.name.clone())
        };
        let nodes = self.cluster.nodes.items().iter();
        nodes
            .filter(fits)
            .min_by_key(rank)
            .map(|node| node.name.clone())
    }

    /// Returns true when a node has the labels of groups that a pod selects by; others are taken to be there.
    fn carries(&self, node: &Node, pod: &Pod) -> bool {
        let group = node.nodegroup.as_deref();
        let group = group.and_then(|name| self.cluster.nodegroup(name));
        group.is_none_or(|group| self.labelled_for(group, pod))
    }

    fn labelled_for(&self, group: &LiveNodegroup, pod: &Pod) -> bool {
        let labels = labels_of(&group.spec);
        let declared = |key: &str| {
            let groups = self.cluster.nodegroups.items();
            groups.iter().any(|g| labels_of(&g.spec).contains_key(key))
        };
        let mut wanted = pod.node_selector.value().into_iter().flatten();
        wanted.all(|(key, value)| {
            if NAMED_AFTER_GROUP.contains(&key.as_str()) {
                *value == group.name
            } else {
                labels.get(key) == Some(value) || !declared(key)
            }
        })
    }

    /// Groups that stay and whose taints a pod tolerates.
    fn welcoming_groups(&self, roaming: &Roaming) -> BTreeSet<&str> {
        let groups = self.cluster.nodegroups.items().iter();
        groups
            .filter(|group| !is_leaving(group) && tolerates(group, roaming))
            .map(|group| group.name.as_str())
            .collect()
    }

    /// Pods that found no node try again.
    pub(crate) fn retry_homeless(&mut self) {
        if self.books.roaming.is_empty() {
            return;
        }
        let due: BTreeSet<&String> = self
            .books
            .pending
            .iter()
            .filter_map(|due| {
                let Event::PodLands { pod } = &due.what else {
                    return None;
                };
                Some(pod)
            })
            .collect();
        let idle: Vec<String> = self
            .books
            .roaming
            .keys()
            .filter(|pod| !due.contains(pod))
            .cloned()
            .collect();
        for pod in idle {
            self.schedule(5, Event::PodLands { pod });
        }
    }

    fn wake_autoscaler(&mut self) {
        let mut pending = self.books.pending.iter();
        let awake = pending.any(|due| due.what == Event::Autoscale);
        if !awake && self.growable().is_some() {
            let seconds = self.takes(AUTOSCALE, "");
            self.schedule(seconds, Event::Autoscale);
        }
    }

    /// Starts a node in a group that could take a pod that waits.
    pub(crate) fn autoscale(&mut self) {
        if let Some(group) = self.growable() {
            self.boot_later(&group, 1);
            let have = self.cluster.nodes_of(&group).count() + 1;
            if let Some(live) = self.nodegroup_mut(&group)
                && live.spec.contains_key("desiredCapacity")
            {
                live.spec.insert("desiredCapacity".to_owned(), have.into());
            }
        }
    }

    /// Returns the best group that may grow for a pod without a node, unless one grows already.
    fn growable(&self) -> Option<String> {
        let groups = self.cluster.nodegroups.items();
        for (key, roaming) in &self.books.roaming {
            let waits = self.cluster.pods.items().iter().find(|pod| is(pod, key));
            let Some(pod) = waits.filter(|pod| pod.node.is_none()) else {
                continue;
            };
            let fits = |group: &&LiveNodegroup| {
                let size = u32::try_from(self.cluster.nodes_of(&group.name).count());
                let size = size.unwrap_or(u32::MAX);
                !is_leaving(group)
                    && !self.is_marked(group)
                    && tolerates(group, roaming)
                    && self.labelled_for(group, pod)
                    && count(group, "maxSize").is_some_and(|max| size < max)
                    && !self.cluster.nodes_of(&group.name).any(|n| n.unschedulable)
            };
            let rank = |group: &&LiveNodegroup| {
                (
                    stem(&group.name) != stem(&roaming.group),
                    group.name.clone(),
                )
            };
            let best = groups.iter().filter(fits).min_by_key(rank);
            if let Some(best) = best {
                let grows = self.booting(&best.name) > 0
                    || self
                        .cluster
                        .nodes_of(&best.name)
                        .any(|node| node.ready.value() == Some(&false));
                return (!grows).then(|| best.name.clone());
            }
        }
        None
    }

    /// Draws when each session ends.
    pub(crate) fn begin_sessions(&mut self) {
        let sessions: Vec<String> = self
            .cluster
            .pods
            .items()
            .iter()
            .filter(|pod| is_session(pod) || pod.owner == Known::Absent)
            .map(key_of)
            .collect();
        for pod in sessions {
            let seconds = self.takes(SESSION, &pod);
            self.schedule(seconds, Event::SessionEnds { pod });
        }
    }

    pub(crate) fn session_ends(&mut self, key: &str) {
        if !self.books.roaming.contains_key(key) {
            self.leave_budgets(key);
        }
        if let Known::Value(pods) = &mut self.cluster.pods {
            pods.retain(|pod| !is(pod, key));
        }
        if let Some(gone) = self.books.roaming.remove(key) {
            self.count_less(&gone.budgets);
            self.give_back(&gone.budgets);
        }
    }

    /// Lets the sessions of a group end, as people go home.
    pub fn let_sessions_end(&mut self, group: &str) {
        let nodes = self.node_names(group);
        let gone: Vec<String> = nodes.iter().flat_map(|node| self.evictable(node)).collect();
        for pod in &gone {
            self.leave_budgets(pod);
        }
        if let Known::Value(pods) = &mut self.cluster.pods {
            pods.retain(|pod| {
                pod.is_daemon() || !pod.node.as_ref().is_some_and(|node| nodes.contains(node))
            });
        }
    }

    /// `drain-timeout`: a budget over a pod of the group that never allows anything.
    pub(crate) fn stick_budget(&mut self, group: &str) {
        let nodes = self.node_names(group);
        let Known::Value(pods) = &self.cluster.pods else {
            return;
        };
        let on_it = |pod: &&Pod| {
            !pod.is_daemon() && pod.node.as_ref().is_some_and(|node| nodes.contains(node))
        };
        // A pod with an owner: one that comes back.
        let owned = pods
            .iter()
            .find(|pod| on_it(pod) && pod.owner.value().is_some());
        let Some(pod) = owned.or_else(|| pods.iter().find(on_it)).cloned() else {
            return;
        };
        let pdbs = crate::list(&mut self.cluster.pdbs);
        let found = pdbs.iter().position(|pdb| pdb.covers(&pod));
        let index = found.unwrap_or_else(|| {
            pdbs.push(Pdb {
                namespace: pod.namespace.clone(),
                name: format!("{}-budget", pod.name),
                allowed: Known::Value(0),
                selector: Known::Value(pod.labels.clone()),
                ..Pdb::default()
            });
            pdbs.len() - 1
        });
        pdbs[index].allowed = Known::Value(0);
        let key = format!("{}/{}", pdbs[index].namespace, pdbs[index].name);
        self.books.stuck_budgets.insert(key);
    }

    /// `crash-loop`: a pod of kube-system cannot start, or a workload does not roll out.
    pub(crate) fn crash_loop(&mut self) {
        if let Known::Value(pods) = &mut self.cluster.pods {
            let first = pods.iter_mut().find(|pod| pod.namespace == "kube-system");
            if let Some(pod) = first {
                pod.waiting = Some("CrashLoopBackOff".to_owned());
            }
        }
        if let Known::Value(workloads) = &mut self.cluster.workloads
            && let Some(workload) = workloads.first_mut()
        {
            workload.rolled_out = Known::Value(false);
        }
    }
}

fn is_leaving(group: &LiveNodegroup) -> bool {
    group
        .status
        .value()
        .is_some_and(|status| status.starts_with("DELET") || status.starts_with("ROLLBACK"))
}
