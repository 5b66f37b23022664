//! A drain: nodes are cordoned, and their pods asked away, some nodes at a time.
//!
//! One implementation for whoever drains: `eksctl drain`, the drain inside `eksctl delete nodegroup`,
//! and stairway's own `drain-nodes`. How long to wait between rounds and what to say is theirs.

use crate::World;
use crate::faults::Fault;
use crate::pods::Held;
use std::collections::BTreeSet;

/// A drain in flight.
#[derive(Clone, Debug)]
pub(crate) struct Drain {
    pub(crate) group: String,
    parallel: usize,
    drained: BTreeSet<String>,
}

/// What one round did to one node.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) node: String,
    /// Pods that left, `namespace/name`.
    pub(crate) evicted: Vec<String>,
    /// Pods that had to stay, and why.
    pub(crate) held: Vec<(String, Held)>,
    /// True when the node is empty now; it is looked at no more.
    pub(crate) drained: bool,
}

impl Drain {
    /// Cordons every node of a group; `drain-timeout` strikes here.
    pub(crate) fn begin(world: &mut World, group: &str, parallel: usize) -> Self {
        let nodes = world.node_names(group);
        if world.would_strike(Fault::DrainTimeout, group)
            && nodes.iter().any(|node| !world.evictable(node).is_empty())
        {
            world.strikes(Fault::DrainTimeout, group);
            world.stick_budget(group);
        }
        world.cordon(&nodes, true);
        Self {
            group: group.to_owned(),
            parallel: parallel.max(1),
            drained: BTreeSet::new(),
        }
    }

    /// Asks the pods of the next `parallel` nodes away, each once; daemons stay.
    pub(crate) fn round(&mut self, world: &mut World) -> Vec<Round> {
        let mut rounds = Vec::new();
        for node in world.node_names(&self.group) {
            if self.drained.contains(&node) {
                continue;
            }
            if rounds.len() == self.parallel {
                break;
            }
            let mut round = Round {
                node,
                evicted: Vec::new(),
                held: Vec::new(),
                drained: false,
            };
            for pod in world.evictable(&round.node) {
                match world.try_evict(&pod) {
                    Ok(()) => round.evicted.push(pod),
                    Err(held) => round.held.push((pod, held)),
                }
            }
            round.drained = world.evictable(&round.node).is_empty();
            if round.drained {
                self.drained.insert(round.node.clone());
            }
            rounds.push(round);
        }
        rounds
    }

    /// Returns true when no node of the group is left to do.
    pub(crate) fn is_over(&self, world: &World) -> bool {
        let nodes = world.node_names(&self.group);
        nodes.iter().all(|node| self.drained.contains(node))
    }
}
