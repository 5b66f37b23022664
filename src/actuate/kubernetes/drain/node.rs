//! One node of a drain: its pods are asked to leave, and watched until they are gone.

use super::pods::{self, Hold, Leaver, Left};
use super::{Floor, is_passing};
use crate::actuate::kubernetes::nodes::text;
use crate::actuate::kubernetes::{APPLY_ROLE, PLAN_ROLE, said};
use crate::kubernetes::{
    CallError, Object, Resource, Selector, Trouble, WatchEnd, WatchStart, Watched,
};
use serde_json::Value;
use stairway_core::model::say_seconds;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// What the server says of a pod that several budgets guard, with status 500 and no reason (recording 32).
const TWO_BUDGETS: &str = "more than one PodDisruptionBudget";
/// What it says of a pod whose namespace is being deleted, with status 403: the pod goes by itself.
const NAMESPACE_ENDS: &str = "being terminated";

/// How the drain of a node ended.
pub(super) enum NodeEnd {
    /// Nothing that must leave is on it.
    Empty,
    /// These are.
    Left(Vec<Left>),
    /// The node was never looked at, and why not.
    Unseen(String),
    /// It cannot go on.
    Failed(Failure),
    /// It was stopped between two requests.
    Stopped,
}

/// Why a node cannot go on.
pub(super) struct Failure {
    /// In words.
    pub(super) words: String,
    /// The same without what was attempted: nodes fail alike.
    pub(super) reason: String,
}

impl Failure {
    fn of(error: &CallError, role: &str) -> Self {
        Self {
            words: said(error, role),
            reason: error.reason(),
        }
    }
}

/// How it goes on after a watch.
enum Next {
    Listen,
    List,
}

/// One node in a drain.
pub(super) struct NodeDrain<'n> {
    floor: &'n Floor<'n>,
    node: &'n str,
    waited: Duration,
    lines: &'n Sender<String>,
    /// The pods that must leave, by uid.
    leavers: BTreeMap<String, Leaver>,
    version: String,
    /// The last look ended with another list at once.
    listed_again: bool,
    /// Why the last look gave no picture; none when it gave one.
    blind: Option<String>,
}

impl<'n> NodeDrain<'n> {
    pub(super) const fn new(
        floor: &'n Floor<'n>,
        node: &'n str,
        waited: Duration,
        lines: &'n Sender<String>,
    ) -> Self {
        Self {
            floor,
            node,
            waited,
            lines,
            leavers: BTreeMap::new(),
            version: String::new(),
            listed_again: false,
            blind: None,
        }
    }

    /// Drains the node; returns how that ended and how much was waited.
    pub(super) fn run(mut self) -> (NodeEnd, Duration) {
        let end = loop {
            if let Some(end) = self.go_by_a_list() {
                break end;
            }
        };
        if matches!(end, NodeEnd::Empty) {
            self.say(format!("node {}: drained", self.node));
        }
        (end, self.waited)
    }

    fn say(&self, line: String) {
        // Nobody listens any more when the drain was given up.
        let _unheard = self.lines.send(line);
    }

    /// Lists the pods and follows them until another list is needed.
    fn go_by_a_list(&mut self) -> Option<NodeEnd> {
        match pods::on(self.floor.drain.writes.reads(), self.node) {
            Ok(listed) => self.take(&listed.items, listed.version),
            Err(error) if is_passing(&error) => {
                let told = self.blind.replace(error.reason());
                if let Some(end) = self.over() {
                    return Some(end);
                }
                // Once: the same again would tell nobody anything.
                if told.is_none() {
                    self.say(format!("node {}: waiting: {error}", self.node));
                }
                self.wait();
                return None;
            }
            Err(error) => return Some(NodeEnd::Failed(Failure::of(&error, PLAN_ROLE))),
        }
        for _ in 0..self.floor.drain.pace.rounds.max(1) {
            let mut list_again = false;
            for uid in self.to_ask() {
                if let Some(end) = self.over() {
                    return Some(end);
                }
                match self.ask(&uid) {
                    Ok(again) => list_again |= again,
                    Err(why) => return Some(NodeEnd::Failed(why)),
                }
            }
            if let Some(end) = self.over() {
                return Some(end);
            }
            if list_again {
                // Once is a pod that was replaced; a server that says so each time is not asked in a hurry.
                if self.listed_again {
                    self.wait();
                }
                self.listed_again = true;
                return None;
            }
            self.listed_again = false;
            match self.listen() {
                Ok(Next::Listen) => {}
                Ok(Next::List) => return None,
                Err(why) => return Some(NodeEnd::Failed(why)),
            }
            self.name_late();
        }
        None
    }

    /// Tells whether and how the drain of the node is over.
    fn over(&self) -> Option<NodeEnd> {
        if self.leavers.is_empty() && !self.version.is_empty() {
            return Some(NodeEnd::Empty);
        }
        if self.floor.is_stopped() {
            return Some(NodeEnd::Stopped);
        }
        let stuck = |leaver: &Leaver| leaver.hold.as_ref().is_some_and(|hold| !hold.is_passing());
        let all_stuck = !self.leavers.is_empty() && self.leavers.values().all(stuck);
        if all_stuck || self.floor.is_late(self.waited) {
            if self.version.is_empty() {
                return Some(NodeEnd::Unseen(self.blind.clone().unwrap_or_default()));
            }
            let (left, blind) = (self.leavers.values(), self.blind.as_deref());
            return Some(NodeEnd::Left(
                left.map(|leaver| leaver.left(self.node, self.waited, blind))
                    .collect(),
            ));
        }
        None
    }

    /// Takes over a list of the pods on the node.
    fn take(&mut self, items: &[Value], version: String) {
        let uids: BTreeSet<&str> = items.iter().map(|pod| text(pod, "/metadata/uid")).collect();
        self.leavers.retain(|uid, _| uids.contains(uid.as_str()));
        for pod in items {
            learn(&mut self.leavers, pod, self.waited);
        }
        self.version = version;
        self.blind = None;
    }

    /// Returns the pods that are asked in this round.
    fn to_ask(&self) -> Vec<String> {
        let open = |leaver: &Leaver| {
            leaver.ends.is_none() && leaver.hold.as_ref().is_none_or(Hold::is_passing)
        };
        self.leavers
            .iter()
            .filter(|(_, leaver)| open(leaver))
            .map(|(uid, _)| uid.clone())
            .collect()
    }

    /// Asks for one pod's eviction; true when the list is needed to know what became of it.
    fn ask(&mut self, uid: &str) -> Result<bool, Failure> {
        let drain = self.floor.drain;
        let Some(leaver) = self.leavers.get(uid) else {
            return Ok(false);
        };
        let key = leaver.key();
        if leaver.bare && !drain.asked.bare_pods {
            let words = format!(
                "the pod `{key}` on node `{}` came meanwhile, has no controller and would be lost; the plan does not accept that",
                self.node
            );
            return Err(Failure {
                reason: words.clone(),
                words,
            });
        }
        let pod = Object::within(Resource::PODS, &leaver.namespace, &leaver.name);
        let asked = drain.writes.evict(&pod, uid, drain.asked.grace_seconds);
        let hold = match asked {
            Ok(()) => {
                let grace = u64::from(drain.asked.grace_seconds.unwrap_or_default());
                let waited = self.waited;
                if let Some(leaver) = self.leavers.get_mut(uid) {
                    // Its own grace is told by the watch.
                    leaver.ends = Some((waited, grace));
                    leaver.hold = None;
                }
                self.say(format!("evicting pod {key} from node {}", self.node));
                return Ok(false);
            }
            Err(error) => match held(&error) {
                Ok(hold) => hold,
                Err(Again::Gone) => {
                    self.leavers.remove(uid);
                    return Ok(false);
                }
                // Another pod has its name, or it is being changed: the list tells.
                Err(Again::List) => return Ok(true),
                Err(Again::Never) => return Err(Failure::of(&error, APPLY_ROLE)),
            },
        };
        let known = self
            .leavers
            .get_mut(uid)
            .map(|leaver| leaver.hold.replace(hold.clone()));
        if known.flatten().as_ref() != Some(&hold) {
            let waits = if hold.is_passing() { " for now" } else { "" };
            self.say(format!(
                "pod {key} stays on node {}{waits}: {}",
                self.node,
                hold.words()
            ));
        }
        Ok(false)
    }

    /// Watches the pods for one round, or until all are gone.
    fn listen(&mut self) -> Result<Next, Failure> {
        let (drain, waited) = (self.floor.drain, self.waited);
        let start = WatchStart {
            version: self.version.clone(),
            at_most: drain.pace.retry,
        };
        let selector = Selector::field("spec.nodeName", self.node);
        let begun = (drain.clock)();
        let (leavers, version) = (&mut self.leavers, &mut self.version);
        let mut each = |event: Watched| {
            match event {
                Watched::Is(pod) => {
                    text(&pod, "/metadata/resourceVersion").clone_into(version);
                    learn(leavers, &pod, waited);
                }
                Watched::Gone(pod) => {
                    text(&pod, "/metadata/resourceVersion").clone_into(version);
                    leavers.remove(text(&pod, "/metadata/uid"));
                }
                Watched::Bookmark(newer) => *version = newer,
            }
            if leavers.is_empty() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let reads = drain.writes.reads();
        let ended = reads.watch(Resource::PODS, None, &selector, &start, &mut each);
        match ended {
            Ok(WatchEnd::Enough) => Ok(Next::Listen),
            Ok(WatchEnd::TimeUp) => {
                self.waited = self.waited.saturating_add(drain.pace.retry);
                Ok(Next::Listen)
            }
            Ok(WatchEnd::Ended) => {
                // The server ends a watch after the same time; one that broke earlier is not begun in a hurry.
                let spent = (drain.clock)().seconds_since(begun).max(0);
                let spent = Duration::from_secs(spent.unsigned_abs());
                reads.pause(drain.pace.retry.saturating_sub(spent));
                self.waited = self.waited.saturating_add(drain.pace.retry);
                Ok(Next::List)
            }
            Err(error) if error.trouble == Trouble::Gone => Ok(Next::List),
            Err(error) if is_passing(&error) => {
                self.blind = Some(error.reason());
                self.wait();
                Ok(Next::List)
            }
            Err(error) => Err(Failure::of(&error, PLAN_ROLE)),
        }
    }

    fn wait(&mut self) {
        let retry = self.floor.drain.pace.retry;
        self.floor.drain.writes.reads().pause(retry);
        self.waited = self.waited.saturating_add(retry);
    }

    /// Names pods that are there long after they were to end.
    fn name_late(&mut self) {
        let (waited, late_after) = (self.waited, self.floor.drain.pace.late);
        let mut said = Vec::new();
        for leaver in self.leavers.values_mut().filter(|one| !one.told_late) {
            let Some(late) = leaver.late(waited).filter(|late| *late >= late_after) else {
                continue;
            };
            leaver.told_late = true;
            let finalizers = match leaver.finalizers.as_slice() {
                [] => String::new(),
                all => format!("; its finalizers: {}", all.join(", ")),
            };
            said.push(format!(
                "pod {} on node {} is still terminating, {} after its grace{finalizers}",
                leaver.key(),
                self.node,
                say_seconds(late.as_secs())
            ));
        }
        for line in said {
            self.say(line);
        }
    }
}

/// Learns what a list or a watch tells of a pod.
fn learn(leavers: &mut BTreeMap<String, Leaver>, pod: &Value, waited: Duration) {
    let uid = text(pod, "/metadata/uid");
    if pods::stays(pod) {
        // It may have finished since.
        leavers.remove(uid);
    } else if let Some(known) = leavers.get_mut(uid) {
        known.learn(pod, waited);
    } else if let Some(leaver) = Leaver::read(pod, waited) {
        leavers.insert(uid.to_owned(), leaver);
    }
}

/// What an eviction that was not granted means, when no pod is held.
enum Again {
    Gone,
    List,
    Never,
}

fn held(error: &CallError) -> Result<Hold, Again> {
    let first_cause = error.causes.first();
    match error.trouble {
        Trouble::Budget => Ok(Hold::Budget(
            first_cause.unwrap_or(&error.message).to_owned(),
        )),
        Trouble::Server if error.message.contains(TWO_BUDGETS) => {
            Ok(Hold::Budgets(error.message.clone()))
        }
        Trouble::Forbidden if error.to_string().contains(NAMESPACE_ENDS) => {
            Ok(Hold::Delayed(error.reason()))
        }
        Trouble::Server
        | Trouble::Timeout
        | Trouble::Cut
        | Trouble::Unreachable
        | Trouble::Throttled
        | Trouble::Garbled
        | Trouble::Stale => Ok(Hold::Delayed(error.reason())),
        Trouble::NotFound => Err(Again::Gone),
        Trouble::Conflict | Trouble::AlreadyExists | Trouble::Gone => Err(Again::List),
        Trouble::Forbidden | Trouble::Unauthorized | Trouble::Identity => Err(Again::Never),
        Trouble::Refused | Trouble::TooLarge => Ok(Hold::Refused(error.reason())),
    }
}
