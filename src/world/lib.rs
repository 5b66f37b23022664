//! The embedded world: how EKS and eksctl behave, as a deterministic simulation.
//!
//! A [`World`] is one cluster with its own clock. [`tools::eksctl`] (or
//! [`tools::Running`], turn by turn), [`eks::call`], [`kubernetes::act`] and a
//! [`door::Door`] are the only ways to change it, and they read arguments and files as the real ones
//! do. Nothing here knows a plan: what a plan *says* it does never reaches
//! this crate, only what its actions are.
//!
//! # Time
//!
//! Changes are begun, and end by themselves: each leaves events in a queue, and
//! [`World::advance`] lets what is due happen in order of time. A tool that is
//! killed is a [`tools::Running`] that nobody turns any more; what it had begun
//! goes on. Durations come from `spans` with a small jitter from the
//! world's seed, so that the same seed and the same calls give the same history.
//!
//! # Code map
//!
//! | module | one sentence |
//! |---|---|
//! | `clock` | the queue of events and the bookkeeping |
//! | `plane`, `groups`, `roll`, `addons` | what EKS and CloudFormation do |
//! | `nodes`, `pods`, `drain` | what Kubernetes and the autoscaler do |
//! | `faults`, `weather` | misbehaviours, and those that come by themselves |
//! | `watch` | mishaps: what no run may ever cause |
//! | `eks`, `kubernetes`, `tools` | the doors |
//! | `door` | the Kubernetes API as a server would speak it |
//! | `world_file` | worlds as people write them |

mod addons;
mod clock;
mod dice;
pub mod door;
mod drain;
pub mod eks;
mod faults;
mod files;
mod groups;
pub mod kubernetes;
mod nodes;
mod plane;
mod pods;
mod roll;
mod spans;
pub mod tools;
mod watch;
mod weather;
pub mod world_file;

#[cfg(test)]
mod tests;

pub use faults::{Fault, Misbehaviour};
pub use world_file::{WorldFile, WorldSet};

use clock::{Books, Event};
use dice::Dice;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stairway_core::model::{
    AddonVersion, Known, KubeMinor, LiveNodegroup, Observation, Stack, Timestamp,
};
use std::collections::BTreeMap;

/// Add-on name → minor → versions on offer, oldest first.
pub type Offers = BTreeMap<String, BTreeMap<KubeMinor, Vec<AddonVersion>>>;

/// One cluster that can be acted on, with its own clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// What a reader would see; settings of groups made here are not redacted.
    pub cluster: Observation,
    /// What EKS offers as add-on versions.
    pub offers: Offers,
    /// The virtual clock.
    pub now: Timestamp,
    /// What chance is drawn from; below 2^53, so that JSON keeps it exactly.
    pub seed: u64,
    /// What happened that should make a person wince.
    pub mishaps: Vec<Mishap>,
    /// Misbehaviours that are switched on.
    pub misbehave: Vec<Misbehaviour>,
    /// Globs on the names of groups that carry the core.
    pub core: Vec<String>,
    books: Books,
}

/// Something that happened to the cluster's users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mishap", rename_all = "kebab-case")]
pub enum Mishap {
    /// Pods went away without having been evicted first.
    PodsLost {
        /// The group that was deleted under them.
        nodegroup: String,
        /// How many.
        pods: usize,
    },
    /// A kubelet was newer or too old for the control plane.
    SkewBroken {
        /// The node or group.
        subject: String,
        /// Its kubelet.
        kubelet: KubeMinor,
        /// The control plane.
        control_plane: KubeMinor,
    },
    /// No node that could run core services was left.
    NoCoreNode,
    /// The same change was begun twice.
    DoubleEffect {
        /// `cluster`, `nodegroup core-b`.
        subject: String,
        /// The version that it was to get.
        target: String,
    },
    /// A control plane moved by more than one minor.
    HopOverOne {
        /// From.
        from: KubeMinor,
        /// To.
        to: KubeMinor,
    },
}

/// Names that fleets give to groups of core services.
const CORE_GLOBS: [&str; 2] = ["core*", "system*"];
/// The largest whole number that every JSON reader keeps exactly is below this.
const SEED_BOUND: u64 = 1 << 53;

impl World {
    /// Returns a world that begins as observed; what was going on goes on.
    pub fn of(cluster: Observation, offers: Offers, now: Timestamp) -> Self {
        let mut world = Self {
            cluster,
            offers,
            now,
            seed: 1,
            mishaps: Vec::new(),
            misbehave: Vec::new(),
            core: CORE_GLOBS.map(str::to_owned).to_vec(),
            books: Books::default(),
        };
        world.begin_as_observed();
        world
    }

    /// Returns the same world with other chances; for a world in which nothing was done yet.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed % SEED_BOUND;
        self.books = Books {
            dice: Dice::new(self.seed),
            ..Books::default()
        };
        self.begin_as_observed();
        self
    }

    fn begin_as_observed(&mut self) {
        if matches!(self.cluster.stacks, Known::Unknown(_) | Known::Absent) {
            self.cluster.stacks = Known::Value(self.stacks_of_all());
        }
        self.taint_as_declared();
        self.adopt();
        self.books.last_version = self.version();
        self.books.had_core = self.core_nodes() > 0;
        // What was broken when the world began is nobody's doing here.
        self.watch_skew();
        self.books.inherited = std::mem::take(&mut self.mishaps);
        self.books.changed = false;
        self.begin_sessions();
        self.arm();
    }

    fn stacks_of_all(&self) -> Vec<Stack> {
        let complete = |name: String| Stack {
            name,
            status: "CREATE_COMPLETE".to_owned(),
        };
        let groups = self.cluster.nodegroups.items().iter();
        let mut stacks: Vec<Stack> = groups
            .map(|group| complete(self.stack_name(&group.name)))
            .collect();
        stacks.push(complete(format!(
            "eksctl-{}-cluster",
            self.cluster.cluster.name
        )));
        stacks
    }

    /// Lets end what was in progress when the cluster was observed.
    fn adopt(&mut self) {
        let updates: Vec<(String, Option<KubeMinor>, bool)> = self
            .cluster
            .updates
            .items()
            .iter()
            .filter(|update| update.status == "InProgress")
            .map(|u| {
                let moves = u.kind.starts_with("Version") && u.nodegroup.is_none();
                (u.id.clone(), u.version.value().copied(), moves)
            })
            .collect();
        for (update, version, moves) in updates {
            let seconds = self.takes(spans::CONTROL_PLANE_FAILS, "");
            let one_hop = |to: &KubeMinor| {
                let from = self.version().map_or(0, KubeMinor::minor);
                from.abs_diff(to.minor()) == 1
            };
            let event = match version.filter(one_hop).filter(|_| moves) {
                Some(to) => Event::VersionMoves {
                    update,
                    to,
                    fails: None,
                },
                None => Event::UpdateEnds { update },
            };
            self.schedule(seconds, event);
        }
        let groups: Vec<(String, String)> = self
            .cluster
            .nodegroups
            .items()
            .iter()
            .filter_map(|g| Some((g.name.clone(), g.status.value()?.clone())))
            .collect();
        for (group, status) in groups {
            match status.as_str() {
                "CREATING" | "CREATE_IN_PROGRESS" => {
                    let seconds = self.takes(spans::GROUP_CREATE, &group);
                    self.schedule(seconds, Event::StackMade { group });
                }
                "DELETING" | "DELETE_IN_PROGRESS" => self.go_on_deleting(&group),
                _ => {}
            }
        }
    }

    /// Returns what a read tells now; values are not redacted.
    pub fn observe(&mut self) -> Observation {
        let name = self.cluster.cluster.name.clone();
        let mut seen = if self.would_strike(Fault::StaleRead, &name) {
            self.stale(&name)
        } else {
            self.cluster.clone()
        };
        seen.observed_at = Known::Value(self.now);
        seen.sources = vec!["world".to_owned()];
        if self.strikes(Fault::UnknownFacts, &name) {
            let why = "throttled".to_owned();
            if self.books.dice.below(2) == 0 {
                seen.pods = Known::Unknown(why);
            } else {
                seen.updates = Known::Unknown(why);
            }
        }
        seen
    }

    fn stale(&mut self, name: &str) -> Observation {
        let lag = self.books.dice.between(1, spans::STALE);
        let at = clock::later(self.now, -lag);
        let memories = &self.books.memories;
        let then = memories.iter().find(|memory| memory.until > at);
        match then.map(|memory| memory.cluster.clone()) {
            // It strikes when somebody is told what is no longer true.
            Some(cluster) => {
                self.strikes(Fault::StaleRead, name);
                cluster
            }
            None => self.cluster.clone(),
        }
    }

    /// Returns the control plane's minor.
    pub fn version(&self) -> Option<KubeMinor> {
        self.cluster.version()
    }

    /// Returns the nodegroup called `name`.
    pub fn nodegroup(&self, name: &str) -> Option<&LiveNodegroup> {
        self.cluster.nodegroup(name)
    }

    pub(crate) fn nodegroups(&mut self) -> &mut Vec<LiveNodegroup> {
        list(&mut self.cluster.nodegroups)
    }

    pub(crate) fn nodegroup_mut(&mut self, name: &str) -> Option<&mut LiveNodegroup> {
        self.nodegroups()
            .iter_mut()
            .find(|group| group.name == name)
    }

    /// Lets an event happen.
    fn happen(&mut self, event: Event) {
        match event {
            Event::VersionMoves { update, to, fails } => self.version_moves(&update, to, fails),
            Event::UpdateEnds { update } => self.update_settles(&update),
            Event::SupportChanges { update, support } => self.support_changes(&update, support),
            Event::InsightsEnd { version } => self.insights_end(version),
            Event::GroupConfigured {
                update,
                group,
                input,
                fails,
            } => self.group_configured(&update, &group, &input, fails),
            Event::RollNext {
                update,
                group,
                version,
            } => self.roll_next(update, group, version),
            Event::RollEvict {
                update,
                group,
                version,
                node,
                since,
            } => self.roll_evict(update, group, version, node, since),
            Event::RollFails { update, group } => self.roll_fails(&update, &group),
            Event::NodesBoot { group, nodes } => {
                self.boot(&group, nodes);
            }
            Event::NodesReady { nodes } => self.nodes_ready(&nodes),
            Event::StackMade { group } => self.stack_made(&group),
            Event::StackRollsBack { group } => self.stack_rolls_back(&group),
            Event::NodesGo { group } => self.nodes_go(&group),
            Event::StackGoes { group, fails } => self.stack_goes(&group, fails),
            Event::AddonMoves {
                update,
                addon,
                version,
                spec,
                fails,
            } => self.addon_moves(&update, &addon, version, spec, fails),
            Event::AddonMade {
                addon,
                version,
                fails,
            } => self.addon_made(&addon, version, fails),
            Event::RolledOut { workload } => self.rolled_out(&workload),
            Event::PodLands { pod } => self.pod_lands(&pod),
            Event::Autoscale => self.autoscale(),
            Event::SessionEnds { pod } => self.session_ends(&pod),
            Event::CountsMove => self.counts_move(),
            Event::ForeignBegins => self.foreign_begins(),
            Event::NodeIsLost => self.node_is_lost(),
            Event::NodeReturns { node } => self.nodes_ready(&[node]),
        }
    }
}

/// Returns the items to change; what was unknown or absent becomes an empty list.
pub(crate) fn list<T>(known: &mut Known<Vec<T>>) -> &mut Vec<T> {
    loop {
        match known {
            Known::Value(items) => return items,
            Known::Absent | Known::Unknown(_) => *known = Known::Value(Vec::new()),
        }
    }
}

/// Returns a group's setting as a count.
pub(crate) fn count(group: &LiveNodegroup, key: &str) -> Option<u32> {
    group
        .spec
        .get(key)
        .and_then(stairway_core::model::clusterconfig::count_of)
}

/// Returns text of a JSON object.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}
