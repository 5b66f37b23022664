//! A drain played through: node by node in the order of their names, pods asked away through the Eviction API.

use crate::model::{Known, Pdb, Pod};
use std::collections::{BTreeMap, BTreeSet};

/// What a drain is played on.
pub(super) struct Stage<'a> {
    /// The pods that it evicts; daemons stay.
    pub(super) leaving: &'a [&'a Pod],
    /// The cluster's budgets.
    pub(super) budgets: &'a [Pdb],
    /// All pods of the cluster: budgets count those elsewhere too.
    pub(super) everyone: &'a [Pod],
    /// Tells whether a pod without this node finds another one.
    pub(super) lands: &'a dyn Fn(&Pod) -> bool,
    /// Tells whether a pod that lacks a node gets one from a group that is made for this.
    pub(super) settles: &'a dyn Fn(&Pod) -> bool,
}

/// What became of it.
#[derive(Debug, Default)]
pub(super) struct Played<'a> {
    /// How many nodes are emptied.
    pub(super) nodes: usize,
    /// Pods that would not leave, by budget.
    pub(super) stuck: Vec<Stuck<'a>>,
    /// Pods with more than one budget, and these: the API refuses their eviction.
    pub(super) torn: BTreeMap<Vec<String>, Vec<&'a Pod>>,
    /// Budgets that let their pods go in several rounds.
    pub(super) paces: Vec<Pace<'a>>,
    /// Budgets that have or may have a say, of which nobody knows what they allow or cover.
    pub(super) unread: Vec<&'a Pdb>,
}

/// A budget that stops the drain.
#[derive(Debug)]
pub(super) struct Stuck<'a> {
    pub(super) budget: &'a Pdb,
    pub(super) why: Why<'a>,
    /// Those that stay, in the order of their nodes.
    pub(super) pods: Vec<&'a Pod>,
}

/// Why a budget lets nobody go.
#[derive(Debug, PartialEq)]
pub(super) enum Why<'a> {
    /// Not even while all its pods are healthy.
    Never,
    /// It would, were these pods healthy.
    NotNow(Vec<&'a Pod>),
    /// Those that left find no node and stay Pending, so it never recovers.
    Nowhere,
}

/// How fast a budget lets its pods go.
#[derive(Debug)]
pub(super) struct Pace<'a> {
    pub(super) budget: &'a Pdb,
    pub(super) at_a_time: u32,
    pub(super) pods: usize,
    pub(super) rounds: usize,
    /// How many pods of each node ask it.
    pub(super) queues: Vec<usize>,
}

/// A budget while the drain is on.
struct Ledger<'a> {
    budget: &'a Pdb,
    /// How many may go now; none when nobody knows.
    free: Option<u32>,
    first: Option<u32>,
    queues: Vec<usize>,
    rounds: usize,
    left: Vec<&'a Pod>,
}

/// Plays a drain.
///
/// An evicted pod comes back where it fits and is healthy again, and gives its budget back; one
/// that fits nowhere draws on the budget for good. A pod under two budgets is not evicted at all
/// (kubernetes/kubernetes, pkg/registry/core/pod/storage/eviction.go). Rounds are counted, not
/// timed: how long a pod takes to start is not known.
pub(super) fn play<'a>(stage: &Stage<'a>) -> Played<'a> {
    let mut ledgers: Vec<Ledger<'a>> = stage.budgets.iter().map(|b| open(stage, b)).collect();
    let mut by_node: BTreeMap<&str, Vec<&'a Pod>> = BTreeMap::new();
    for pod in stage.leaving {
        by_node.entry(node_of(pod)).or_default().push(pod);
    }
    let mut played = Played {
        nodes: by_node.len(),
        ..Played::default()
    };
    for pods in by_node.into_values() {
        let mut queues: BTreeMap<usize, Vec<&'a Pod>> = BTreeMap::new();
        // The Eviction API asks no budget about a pod that has not started.
        for pod in pods.into_iter().filter(|pod| !pod.is_pending()) {
            let mut over = (0..ledgers.len()).filter(|index| ledgers[*index].budget.covers(pod));
            match (over.next(), over.next()) {
                (None, _) => {}
                (Some(only), None) if goes_unasked(&ledgers[only], pod) => {}
                (Some(only), None) => queues.entry(only).or_default().push(pod),
                (Some(_), Some(_)) => {
                    let keys = stage.budgets.iter().filter(|budget| budget.covers(pod));
                    let keys: BTreeSet<String> = keys.map(Pdb::key).collect();
                    let torn = played.torn.entry(keys.into_iter().collect());
                    torn.or_default().push(pod);
                }
            }
        }
        for (index, queue) in queues {
            ledgers[index].empty(queue, stage.lands);
        }
    }
    for ledger in ledgers {
        close(stage, ledger, &mut played);
    }
    let doubtful = |budget: &&'a Pdb| stage.leaving.iter().any(|pod| budget.may_cover(pod));
    played.unread.extend(stage.budgets.iter().filter(doubtful));
    played
}

fn node_of(pod: &Pod) -> &str {
    pod.node.as_deref().unwrap_or_default()
}

fn open<'a>(stage: &Stage<'a>, budget: &'a Pdb) -> Ledger<'a> {
    // A pod that only lacks a node is healthy once there is one for it.
    let pending = |pod: &&Pod| pod.node.is_none() && pod.waiting.is_none() && budget.covers(pod);
    let waiting = stage.everyone.iter().filter(pending);
    let soon =
        u32::try_from(waiting.filter(|pod| (stage.settles)(pod)).count()).unwrap_or(u32::MAX);
    let mended = budget.healthy.value().zip(budget.needs());
    let mended = mended
        .filter(|_| soon > 0)
        .map(|(healthy, needs)| healthy.saturating_add(soon).saturating_sub(needs));
    let never = budget.never_allows() == Some(true);
    let free = mended.or(budget.allows()).or(never.then_some(0));
    Ledger {
        budget,
        free,
        first: free,
        queues: Vec::new(),
        rounds: 0,
        left: Vec::new(),
    }
}

fn goes_unasked(ledger: &Ledger<'_>, pod: &Pod) -> bool {
    !pod.is_healthy()
        && (ledger.free.is_some_and(|free| free > 0) || ledger.budget.lets_ill_pods_go())
}

impl<'a> Ledger<'a> {
    /// Lets the pods of one node go, as many at a time as the budget allows.
    fn empty(&mut self, queue: Vec<&'a Pod>, lands: &dyn Fn(&Pod) -> bool) {
        self.queues.push(queue.len());
        let Some(mut free) = self.free else { return };
        let mut queue = queue.into_iter().peekable();
        while free > 0 && queue.peek().is_some() {
            self.rounds += 1;
            let mut lost = 0;
            for pod in queue.by_ref().take(free as usize) {
                // A pod without a controller is gone, and its budget counts one less to stay.
                lost += u32::from(!comes_back(pod) || !lands(pod));
            }
            free = free.saturating_sub(lost);
        }
        self.free = Some(free);
        self.left.extend(queue);
    }
}

/// Returns true for a pod that its controller makes again.
pub(super) const fn comes_back(pod: &Pod) -> bool {
    !matches!(pod.owner, Known::Absent)
}

fn close<'a>(stage: &Stage<'a>, ledger: Ledger<'a>, played: &mut Played<'a>) {
    let budget = ledger.budget;
    let Some(first) = ledger.first else {
        if !ledger.queues.is_empty() {
            played.unread.push(budget);
        }
        return;
    };
    if !ledger.left.is_empty() {
        let why = if first > 0 {
            Why::Nowhere
        } else {
            reason(stage, budget)
        };
        played.stuck.push(Stuck {
            budget,
            why,
            pods: ledger.left,
        });
    } else if ledger.rounds > 1 {
        played.paces.push(Pace {
            budget,
            at_a_time: first,
            pods: ledger.queues.iter().sum(),
            rounds: ledger.rounds,
            queues: ledger.queues,
        });
    }
}

/// Why a budget allows nothing from the start.
fn reason<'a>(stage: &Stage<'a>, budget: &'a Pdb) -> Why<'a> {
    let never = budget.never_allows();
    if never == Some(true) {
        return Why::Never;
    }
    let ill = |pod: &&'a Pod| budget.covers(pod) && !pod.is_healthy();
    let ill: Vec<&'a Pod> = stage.everyone.iter().filter(ill).collect();
    // Nobody told its terms, all its pods run, and still it allows nothing.
    if never.is_none() && ill.is_empty() {
        return Why::Never;
    }
    Why::NotNow(ill)
}
