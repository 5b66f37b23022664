//! A drain: nodes are cordoned, and their pods leave through the Eviction API, some nodes at a time.
//!
//! ```text
//! run ─▶ cordon all ─▶ any bare pod? ─▶ per node: list ─▶ evict ─▶ watch ─┐
//!  ▲                                               ▲        └─ every 5 s ◀┤
//!  └─ nodes that joined meanwhile ◀─ all empty     └─ 410, a minute ◀─────┘
//! ```
//!
//! A budget that allows no eviction, and a server that does not answer, are waited for until the time of the whole
//! drain is up. Nothing is forced: pods that are left are named, with what holds them, and nodes stay cordoned.

mod budgets;
mod node;
mod pods;

use super::asked::DrainAsked;
use super::nodes::{cordon, is_cordoned, of_group};
use super::{APPLY_ROLE, DrainPace, PLAN_ROLE, said, stopped};
use crate::actuate::claim;
use crate::actuate::output::Output;
use crate::drive::Interrupt;
use crate::kubernetes::{CallError, Trouble, Writes};
use node::{Failure, NodeDrain, NodeEnd};
use pods::Left;
use serde_json::Value;
use stairway_core::journal::Claim;
use stairway_core::model::{Timestamp, say_seconds};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often the operator's wish to stop is looked up.
const GLANCE: Duration = Duration::from_millis(100);
/// Each node takes a thread and a watch while it is drained; a larger disruption at once is no plan's.
const PARALLEL_MAX: usize = 50;
/// Pods that the end names; a person follows up a few, and the rest is counted.
const NAMES_MAX: usize = 20;

/// A drain of one group.
pub(super) struct Drain<'d> {
    pub(super) writes: &'d Writes,
    pub(super) clock: &'d (dyn Fn() -> Timestamp + Send + Sync),
    pub(super) pace: DrainPace,
    pub(super) group: &'d str,
    pub(super) asked: DrainAsked,
}

/// What the nodes of a drain share.
pub(super) struct Floor<'d> {
    drain: &'d Drain<'d>,
    begun: Timestamp,
    stop: AtomicBool,
}

/// Why a drain ended before all nodes were empty.
enum Halt {
    /// The operator wants no more.
    Stopped,
    /// It cannot go on, in words.
    Failed(String),
    /// Pods are left.
    Left {
        pods: Vec<Left>,
        /// Nodes whose pods were never seen, and why.
        unseen: Vec<(String, String)>,
        unreached: Vec<String>,
        timed_out: bool,
    },
}

impl Floor<'_> {
    /// Returns true when the time of the drain is up, by the clock or by what was waited at least: a clock that
    /// is set back makes no drain endless.
    fn is_late(&self, waited: Duration) -> bool {
        let spent = (self.drain.clock)().seconds_since(self.begun);
        let timeout = self.drain.asked.timeout_seconds;
        spent >= i64::from(timeout) || waited >= Duration::from_secs(u64::from(timeout))
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

/// Returns true for what a server that is away, restarted or busy answers: it delays a drain.
fn is_passing(error: &CallError) -> bool {
    error.is_outage()
        || matches!(
            error.trouble,
            Trouble::Throttled | Trouble::Garbled | Trouble::Stale | Trouble::Gone
        )
}

/// What is said and heard while a drain goes on.
struct Ears<'e> {
    output: Output,
    watch: &'e mut dyn FnMut(&str),
    interrupted: &'e dyn Fn() -> Interrupt,
}

impl Ears<'_> {
    fn say(&mut self, line: &str) {
        (self.watch)(&self.output.add(line));
    }

    fn is_stopped(&self) -> bool {
        (self.interrupted)() == Interrupt::Twice
    }
}

impl Drain<'_> {
    pub(super) fn run(
        &self,
        watch: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> Claim {
        let mut ears = Ears {
            output: Output::default(),
            watch,
            interrupted,
        };
        let floor = Floor {
            drain: self,
            begun: (self.clock)(),
            stop: AtomicBool::new(false),
        };
        let claim = match self.all(&floor, &mut ears) {
            Ok(0) => claim(
                true,
                format!("nodegroup `{}` has no nodes: nothing to drain", self.group),
            ),
            Ok(nodes) => {
                let plural = if nodes == 1 { "" } else { "s" };
                let group = self.group;
                claim(
                    true,
                    format!("drained {nodes} node{plural} of nodegroup `{group}`"),
                )
            }
            Err(halt) => self.ended(halt, &mut ears),
        };
        Claim {
            tail: ears.output.tail(),
            output: ears.output.keep(None).unwrap_or_default(),
            ..claim
        }
    }

    /// Drains the nodes that the group has, and those that join meanwhile; returns how many.
    fn all(&self, floor: &Floor<'_>, ears: &mut Ears<'_>) -> Result<usize, Halt> {
        let mut waited = Duration::ZERO;
        let mut done: BTreeSet<String> = BTreeSet::new();
        loop {
            let mut nodes = self.patiently(floor, ears, &mut waited, PLAN_ROLE, &|| {
                of_group(self.writes.reads(), self.group)
            })?;
            nodes.retain(|name, _| !done.contains(name));
            if nodes.is_empty() {
                return Ok(done.len());
            }
            self.cordon_all(floor, ears, &mut waited, &nodes)?;
            let names: Vec<String> = nodes.into_keys().collect();
            if !self.asked.bare_pods {
                self.refuse_bare(floor, ears, &mut waited, &names)?;
            }
            self.empty(floor, ears, &mut waited, &names)?;
            done.extend(names);
        }
    }

    fn cordon_all(
        &self,
        floor: &Floor<'_>,
        ears: &mut Ears<'_>,
        waited: &mut Duration,
        nodes: &BTreeMap<String, Value>,
    ) -> Result<(), Halt> {
        for (name, node) in nodes {
            if is_cordoned(node) {
                continue;
            }
            let there = self.patiently(floor, ears, waited, APPLY_ROLE, &|| {
                cordon(self.writes, name)
            })?;
            ears.say(&if there {
                format!("cordoned node {name}")
            } else {
                format!("node {name}: gone meanwhile")
            });
        }
        Ok(())
    }

    /// Before anything leaves: a pod that nobody would make again is not evicted unless the plan accepts that.
    fn refuse_bare(
        &self,
        floor: &Floor<'_>,
        ears: &mut Ears<'_>,
        waited: &mut Duration,
        names: &[String],
    ) -> Result<(), Halt> {
        let mut bare = Vec::new();
        for name in names {
            let pods = self.patiently(floor, ears, waited, PLAN_ROLE, &|| {
                pods::on(self.writes.reads(), name)
            })?;
            let pods = pods.items.iter().filter(|pod| pods::is_bare(pod));
            bare.extend(pods.map(|pod| format!("`{}` on node `{name}`", pods::key_of(pod))));
        }
        if bare.is_empty() {
            return Ok(());
        }
        Err(Halt::Failed(format!(
            "pods without a controller would be lost, and the plan does not accept that: {}. Nothing was evicted",
            some(&bare)
        )))
    }

    /// Empties nodes, `parallel` at a time.
    fn empty(
        &self,
        floor: &Floor<'_>,
        ears: &mut Ears<'_>,
        waited: &mut Duration,
        names: &[String],
    ) -> Result<(), Halt> {
        let queue = Mutex::new(names.iter().cloned().collect::<VecDeque<String>>());
        let ends: Mutex<Vec<(String, NodeEnd, Duration)>> = Mutex::new(Vec::new());
        let before = *waited;
        let (lines, heard) = channel();
        let threads = self.asked.parallel.clamp(1, PARALLEL_MAX).min(names.len());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (queue, ends, lines) = (&queue, &ends, lines.clone());
                let work = move || work(floor, before, queue, ends, &lines);
                let thread = std::thread::Builder::new().name("drain".to_owned());
                // With fewer threads it takes longer; without any, the nodes are named as not begun.
                let _slower = thread.spawn_scoped(scope, work);
            }
            drop(lines);
            listen(&heard, floor, ears);
        });
        let ends = ends.into_inner().unwrap_or_else(PoisonError::into_inner);
        let unreached = queue.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.sum_up(floor, ears, waited, ends, unreached.into())
    }

    fn sum_up(
        &self,
        floor: &Floor<'_>,
        ears: &Ears<'_>,
        waited: &mut Duration,
        ends: Vec<(String, NodeEnd, Duration)>,
        unreached: Vec<String>,
    ) -> Result<(), Halt> {
        let (mut left, mut unseen, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for (name, end, spent) in ends {
            *waited = (*waited).max(spent);
            match end {
                NodeEnd::Empty | NodeEnd::Stopped => {}
                NodeEnd::Left(mut pods) => left.append(&mut pods),
                NodeEnd::Unseen(why) => unseen.push((name, why)),
                NodeEnd::Failed(why) => failed.push(why),
            }
        }
        if ears.is_stopped() {
            return Err(Halt::Stopped);
        }
        if !failed.is_empty() {
            return Err(Halt::Failed(alike(failed)));
        }
        if left.is_empty() && unseen.is_empty() && unreached.is_empty() {
            return Ok(());
        }
        unseen.sort();
        left.sort_by(|one, other| one.order().cmp(&other.order()));
        Err(Halt::Left {
            pods: left,
            unseen,
            unreached,
            timed_out: floor.is_late(*waited),
        })
    }

    /// Does something that a server which is away only delays.
    fn patiently<R>(
        &self,
        floor: &Floor<'_>,
        ears: &mut Ears<'_>,
        waited: &mut Duration,
        role: &str,
        act: &dyn Fn() -> Result<R, CallError>,
    ) -> Result<R, Halt> {
        let mut is_told = false;
        loop {
            if ears.is_stopped() {
                return Err(Halt::Stopped);
            }
            let error = match act() {
                Ok(done) => return Ok(done),
                Err(error) if is_passing(&error) => error,
                Err(error) => return Err(Halt::Failed(said(&error, role))),
            };
            if floor.is_late(*waited) {
                return Err(Halt::Failed(said(&error, role)));
            }
            if !is_told {
                ears.say(&format!("waiting for the API server: {error}"));
                is_told = true;
            }
            self.writes.reads().pause(self.pace.retry);
            *waited = waited.saturating_add(self.pace.retry);
        }
    }

    fn ended(&self, halt: Halt, ears: &mut Ears<'_>) -> Claim {
        let group = self.group;
        match halt {
            Halt::Stopped => {
                ears.say("stopped: nothing else is evicted; nodes stay cordoned");
                stopped(format!(
                    "stopped while draining nodegroup `{group}`; its nodes stay cordoned"
                ))
            }
            Halt::Failed(why) => claim(
                false,
                format!("draining nodegroup `{group}` failed: {why}. Its nodes stay cordoned"),
            ),
            Halt::Left {
                mut pods,
                unseen,
                unreached,
                timed_out,
            } => {
                budgets::name(self.writes.reads(), &mut pods);
                ears.say(&format!("nothing else is evicted from nodegroup {group}"));
                let after = if timed_out {
                    let seconds = u64::from(self.asked.timeout_seconds);
                    format!(" after {}", say_seconds(seconds))
                } else {
                    String::new()
                };
                let what = sentence(&pods, &unseen, &unreached);
                let see = self.see(&pods);
                claim(
                    false,
                    format!(
                        "draining nodegroup `{group}` failed{after}: {what}. Its nodes stay cordoned{see}"
                    ),
                )
            }
        }
    }

    /// The command that shows what holds the first pod.
    fn see(&self, pods: &[Left]) -> String {
        let first = pods.iter().find_map(|pod| pod.budgets.first());
        let Some((namespace, name)) = first.and_then(|budget| budget.split_once('/')) else {
            return String::new();
        };
        let kubectl = self.writes.reads().access().kubectl();
        format!("; see: `{kubectl} -n {namespace} describe pdb {name}`")
    }
}

/// Returns failures of nodes in words, those for one reason once.
fn alike(mut failed: Vec<Failure>) -> String {
    failed.sort_by(|one, other| one.words.cmp(&other.words));
    let mut told: Vec<(Failure, usize)> = Vec::new();
    for one in failed {
        match told
            .iter_mut()
            .find(|(known, _)| known.reason == one.reason)
        {
            Some((_, more)) => *more += 1,
            None => told.push((one, 0)),
        }
    }
    let words: Vec<String> = told
        .into_iter()
        .map(|(one, more)| match more {
            0 => one.words,
            1 => format!("{} (and so on 1 more node)", one.words),
            more => format!("{} (and so on {more} more nodes)", one.words),
        })
        .collect();
    some(&words)
}

/// Returns nodes in words.
fn of_nodes(names: &[String]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("node{plural} {}", some(names))
}

fn sentence(pods: &[Left], unseen: &[(String, String)], unreached: &[String]) -> String {
    let mut parts = Vec::new();
    if !pods.is_empty() {
        let verb = if pods.len() == 1 {
            "pod is"
        } else {
            "pods are"
        };
        let words = pods::in_words(pods, NAMES_MAX);
        parts.push(format!("{} {verb} left: {words}", pods.len()));
    }
    if let Some((_, why)) = unseen.first() {
        let names: Vec<String> = unseen.iter().map(|(name, _)| format!("`{name}`")).collect();
        parts.push(format!(
            "the pods of {} could not be looked at ({})",
            of_nodes(&names),
            why.trim_end_matches('.')
        ));
    }
    if !unreached.is_empty() {
        let names: Vec<String> = unreached.iter().map(|name| format!("`{name}`")).collect();
        parts.push(format!("not begun: {}", of_nodes(&names)));
    }
    parts.join("; ")
}

fn some(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMES_MAX).cloned().collect();
    if names.len() > NAMES_MAX {
        shown.push(format!("and {} more", names.len() - NAMES_MAX));
    }
    shown.join("; ")
}

/// Drains node after node until none is left to begin.
fn work(
    floor: &Floor<'_>,
    before: Duration,
    queue: &Mutex<VecDeque<String>>,
    ends: &Mutex<Vec<(String, NodeEnd, Duration)>>,
    lines: &Sender<String>,
) {
    let mut waited = before;
    while !floor.is_stopped() && !floor.is_late(waited) {
        let next = queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let Some(name) = next else { return };
        let (end, spent) = NodeDrain::new(floor, &name, waited, lines).run();
        waited = spent;
        if matches!(end, NodeEnd::Failed(_)) {
            // What one node may not, the others may not either.
            floor.stop.store(true, Ordering::SeqCst);
        }
        ends.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name, end, spent));
    }
}

/// Says what the nodes say, until all are done; passes the operator's wish to stop on.
fn listen(heard: &Receiver<String>, floor: &Floor<'_>, ears: &mut Ears<'_>) {
    loop {
        match heard.recv_timeout(GLANCE) {
            Ok(line) => ears.say(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if ears.is_stopped() {
            floor.stop.store(true, Ordering::SeqCst);
        }
    }
}
