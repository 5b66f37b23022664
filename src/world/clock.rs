//! The virtual clock: what is due happens in order of time, and nothing happens without it.

use crate::dice::Dice;
use crate::faults::Fault;
use crate::spans::{SLOW_FACTOR, STALE, Span};
use crate::{Mishap, World};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stairway_core::model::{AddonVersion, KubeMinor, Observation, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What will happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// A control plane's update ends; with `fails` EKS reverts it.
    VersionMoves {
        update: String,
        to: KubeMinor,
        fails: Option<String>,
    },
    /// An update that changes nothing here ends.
    UpdateEnds { update: String },
    /// The cluster's support type changes.
    SupportChanges { update: String, support: String },
    /// The rollback insights of a hop are taken away.
    InsightsEnd { version: KubeMinor },
    /// A managed group's new settings are there.
    GroupConfigured {
        update: String,
        group: String,
        input: Value,
        fails: Option<String>,
    },
    /// A managed update turns to its next old node.
    RollNext {
        update: String,
        group: String,
        version: KubeMinor,
    },
    /// A managed update empties an old node.
    RollEvict {
        update: String,
        group: String,
        version: KubeMinor,
        node: String,
        since: Timestamp,
    },
    /// A managed update fails before its first node.
    RollFails { update: String, group: String },
    /// Instances of a group start.
    NodesBoot { group: String, nodes: u32 },
    /// Nodes become Ready.
    NodesReady { nodes: Vec<String> },
    /// A group's stack is complete.
    StackMade { group: String },
    /// A group's stack was rolled back.
    StackRollsBack { group: String },
    /// The instances of a group that is being deleted terminate.
    NodesGo { group: String },
    /// A group's stack is gone, or its deletion failed.
    StackGoes { group: String, fails: bool },
    /// An add-on's update ends.
    AddonMoves {
        update: String,
        addon: String,
        version: AddonVersion,
        spec: Map<String, Value>,
        fails: bool,
    },
    /// A new add-on is there.
    AddonMade {
        addon: String,
        version: AddonVersion,
        fails: bool,
    },
    /// A workload's rollout ends.
    RolledOut { workload: String },
    /// An evicted pod finds a node, or waits.
    PodLands { pod: String },
    /// The autoscaler looks at pods that wait.
    Autoscale,
    /// A person goes home.
    SessionEnds { pod: String },
    /// `autoscaler-moves-counts` comes.
    CountsMove,
    /// `foreign-update` comes.
    ForeignBegins,
    /// `lost-nodes` comes.
    NodeIsLost,
    /// A lost node is Ready again.
    NodeReturns { node: String },
}

impl Event {
    /// Returns true for what a change left to be done; people's habits and the weather are not.
    pub(crate) const fn is_work(&self) -> bool {
        match self {
            Self::VersionMoves { .. }
            | Self::UpdateEnds { .. }
            | Self::SupportChanges { .. }
            | Self::GroupConfigured { .. }
            | Self::RollNext { .. }
            | Self::RollEvict { .. }
            | Self::RollFails { .. }
            | Self::NodesBoot { .. }
            | Self::NodesReady { .. }
            | Self::StackMade { .. }
            | Self::StackRollsBack { .. }
            | Self::NodesGo { .. }
            | Self::StackGoes { .. }
            | Self::AddonMoves { .. }
            | Self::AddonMade { .. }
            | Self::RolledOut { .. }
            | Self::PodLands { .. }
            | Self::Autoscale => true,
            Self::InsightsEnd { .. }
            | Self::SessionEnds { .. }
            | Self::CountsMove
            | Self::ForeignBegins
            | Self::NodeIsLost
            | Self::NodeReturns { .. } => false,
        }
    }
}

/// An event with its time; `order` keeps what is due at one instant in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) order: u64,
    pub(crate) what: Event,
}

/// A pod on its way from one node to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Roaming {
    /// The group that it left.
    pub(crate) group: String,
    /// Own taints of that group as `key=value`, which it tolerates.
    pub(crate) tolerates: BTreeSet<String>,
    /// Budgets that it draws on until it runs, as `namespace/name`.
    pub(crate) budgets: Vec<String>,
}

/// What the cluster was until an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) until: Timestamp,
    pub(crate) cluster: Observation,
}

/// The world's own bookkeeping: nobody reads it as a fact of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Books {
    pub(crate) dice: Dice,
    pub(crate) order: u64,
    /// Latest first, so that the next one is popped.
    pub(crate) pending: Vec<Due>,
    /// Pods by `namespace/name`.
    pub(crate) roaming: BTreeMap<String, Roaming>,
    /// Budgets that a misbehaviour holds at 0.
    pub(crate) stuck_budgets: BTreeSet<String>,
    /// Idempotency token → the answer that was given.
    pub(crate) tokens: BTreeMap<String, Value>,
    /// Subject → what was last begun on it and did not fail.
    pub(crate) begun: BTreeMap<String, String>,
    /// Fault → how often it struck.
    pub(crate) struck: BTreeMap<String, u32>,
    /// Background misbehaviours that are scheduled.
    pub(crate) armed: BTreeSet<Fault>,
    /// For stale reads: oldest first.
    pub(crate) memories: Vec<Memory>,
    pub(crate) nodes_made: u32,
    /// Self-managed groups whose nodes were marked to go: the autoscaler leaves them alone.
    pub(crate) marked: BTreeSet<String>,
    /// Mishaps with which the world began.
    pub(crate) inherited: Vec<Mishap>,
    /// Set when nodes or versions changed since the last watch.
    pub(crate) changed: bool,
    pub(crate) had_core: bool,
    pub(crate) last_version: Option<KubeMinor>,
}

/// Enough for any plan on the largest cluster; a bound keeps a mistake from running for ever.
const SETTLE_EVENTS_MAX: usize = 100_000;

/// Returns the instant `seconds` later.
pub(crate) const fn later(at: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_unix(at.unix().saturating_add(seconds))
}

impl World {
    /// Moves the clock and lets everything happen that is due by then, in order of time.
    pub fn advance(&mut self, seconds: i64) {
        self.arm();
        let until = later(self.now, seconds.max(0));
        while self.books.pending.last().is_some_and(|due| due.at <= until) {
            let Some(due) = self.books.pending.pop() else {
                break;
            };
            self.now = self.now.max(due.at);
            self.remember();
            self.happen(due.what);
            self.watch();
        }
        self.now = until;
    }

    /// Lets the clock run until nothing that was begun is left to end.
    pub fn settle(&mut self) {
        self.watch();
        for _ in 0..SETTLE_EVENTS_MAX {
            if self.is_quiet() {
                return;
            }
            let Some(next) = self.books.pending.last().map(|due| due.at) else {
                return;
            };
            self.advance(next.seconds_since(self.now));
        }
    }

    /// Returns true when nothing that was begun is left to end.
    pub fn is_quiet(&self) -> bool {
        !self.books.pending.iter().any(|due| due.what.is_work())
    }

    /// Returns the seconds until the next thing happens by itself.
    pub fn next_event_in(&self) -> Option<i64> {
        let due = self.books.pending.last()?;
        Some(due.at.seconds_since(self.now).max(0))
    }

    pub(crate) fn schedule(&mut self, seconds: i64, what: Event) {
        let order = self.books.order;
        self.books.order += 1;
        let at = later(self.now, seconds.max(0));
        let due = Due { at, order, what };
        let place = self
            .books
            .pending
            .partition_point(|other| (other.at, other.order) > (due.at, due.order));
        self.books.pending.insert(place, due);
    }

    /// Draws how long something takes.
    pub(crate) fn takes(&mut self, span: Span, subject: &str) -> i64 {
        let seconds = self.books.dice.between(span.0, span.1);
        if self.strikes(Fault::Slow, subject) {
            return seconds.saturating_mul(SLOW_FACTOR);
        }
        seconds
    }

    /// Keeps what a stale read may tell; nothing is kept while no stale read is switched on.
    pub(crate) fn remember(&mut self) {
        let wanted = self.misbehave.iter().any(|m| m.fault == Fault::StaleRead);
        if !wanted {
            if !self.books.memories.is_empty() {
                self.books.memories.clear();
            }
            return;
        }
        let now = self.now;
        self.books
            .memories
            .retain(|memory| now.seconds_since(memory.until) < STALE);
        self.books.memories.push(Memory {
            until: now,
            cluster: self.cluster.clone(),
        });
    }

    /// Marks that nodes or versions changed.
    pub(crate) const fn touch(&mut self) {
        self.books.changed = true;
    }

    /// Notes that a change begins; the same change twice is a mishap.
    pub(crate) fn begin(&mut self, subject: &str, target: &str) {
        let before = self
            .books
            .begun
            .insert(subject.to_owned(), target.to_owned());
        if before.as_deref() == Some(target) {
            self.wince(Mishap::DoubleEffect {
                subject: subject.to_owned(),
                target: target.to_owned(),
            });
        }
    }

    /// Notes that a change failed or was undone: it may begin again.
    pub(crate) fn forget(&mut self, subject: &str) {
        self.books.begun.remove(subject);
    }
}
