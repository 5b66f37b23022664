//! Misbehaviours that come by themselves, whatever anybody does.

use crate::clock::Event;
use crate::faults::Fault;
use crate::spans::{CLUSTER_CONFIG, NODE_AWAY, WEATHER};
use crate::{World, count};
use stairway_core::model::Known;
use std::collections::BTreeSet;

/// Faults that no call brings about.
const BACKGROUND: [(Fault, Event); 3] = [
    (Fault::AutoscalerMovesCounts, Event::CountsMove),
    (Fault::ForeignUpdate, Event::ForeignBegins),
    (Fault::LostNodes, Event::NodeIsLost),
];

impl World {
    /// Schedules the misbehaviours that come by themselves.
    pub(crate) fn arm(&mut self) {
        if self.misbehave.is_empty() {
            return;
        }
        for (fault, event) in BACKGROUND {
            let wanted = self.misbehave.iter().any(|one| one.fault == fault);
            if wanted && self.books.armed.insert(fault) {
                let seconds = self.books.dice.between(WEATHER.0, WEATHER.1);
                self.schedule(seconds, event);
            }
        }
    }

    /// The cluster autoscaler changes a count between minimum and maximum; tainted groups stay as they are.
    pub(crate) fn counts_move(&mut self) {
        self.books.armed.remove(&Fault::AutoscalerMovesCounts);
        let open: Vec<String> = self
            .cluster
            .nodegroups
            .items()
            .iter()
            .filter(|group| {
                let settled = group
                    .status
                    .value()
                    .is_some_and(|s| s == "ACTIVE" || s == "CREATE_COMPLETE");
                let cordoned = self.cluster.nodes_of(&group.name).any(|n| n.unschedulable);
                settled
                    && !cordoned
                    && !self.is_marked(group)
                    && self.would_strike(Fault::AutoscalerMovesCounts, &group.name)
            })
            .map(|group| group.name.clone())
            .collect();
        let Some(name) = open.get(self.books.dice.below(open.len())).cloned() else {
            return;
        };
        self.strikes(Fault::AutoscalerMovesCounts, &name);
        let (least, most) = self.nodegroup(&name).map_or((0, 0), |group| {
            (
                count(group, "minSize").unwrap_or(0),
                count(group, "maxSize").unwrap_or(0),
            )
        });
        let nodes = self.node_names(&name);
        let have = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        let up = self.books.dice.below(2) == 0;
        if up && have.saturating_add(self.booting(&name)) < most {
            self.boot_later(&name, 1);
        } else if have > least {
            // It removes only nodes without pods that would have to move.
            let idle = nodes.iter().find(|node| self.evictable(node).is_empty());
            // One core node stays: that would be the autoscaler's mishap, and not of what is tested here.
            if let Some(node) = idle.filter(|_| self.core_nodes() > 1) {
                let gone = BTreeSet::from([node.clone()]);
                self.remove_nodes(&name, &gone);
            }
        }
    }

    /// Somebody changes the cluster's logging.
    pub(crate) fn foreign_begins(&mut self) {
        self.books.armed.remove(&Fault::ForeignUpdate);
        let name = self.cluster.cluster.name.clone();
        if self.plane_update().is_some() || !self.strikes(Fault::ForeignUpdate, &name) {
            return;
        }
        let update = self.begin_update("ConfigUpdate", Known::Absent, None, None);
        self.plane_status("UPDATING");
        let seconds = self.takes(CLUSTER_CONFIG, &name);
        self.schedule(seconds.saturating_mul(3), Event::UpdateEnds { update });
    }

    /// A node stops being Ready; the last core node is spared, for that would be nobody's fault.
    pub(crate) fn node_is_lost(&mut self) {
        self.books.armed.remove(&Fault::LostNodes);
        let spare_core = self.core_nodes() < 2;
        let candidates: Vec<(String, String)> = self
            .cluster
            .nodes
            .items()
            .iter()
            .filter(|node| node.ready.value() == Some(&true))
            .filter_map(|node| Some((node.nodegroup.clone()?, node.name.clone())))
            .filter(|(group, _)| {
                let core = self.nodegroup(group).is_some_and(|g| self.is_core(g));
                !(spare_core && core) && self.would_strike(Fault::LostNodes, group)
            })
            .collect();
        let Some((group, lost)) = candidates
            .get(self.books.dice.below(candidates.len()))
            .cloned()
        else {
            return;
        };
        self.strikes(Fault::LostNodes, &group);
        if let Known::Value(nodes) = &mut self.cluster.nodes {
            for node in nodes.iter_mut().filter(|node| node.name == lost) {
                node.ready = Known::Value(false);
            }
        }
        self.touch();
        let seconds = self.takes(NODE_AWAY, &group);
        self.schedule(seconds, Event::NodeReturns { node: lost });
    }
}
