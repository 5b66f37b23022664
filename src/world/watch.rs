//! What should make a person wince, looked for after each event.

use crate::nodes::closed_to_newcomers;
use crate::{Mishap, World};
use stairway_core::model::{KubeMinor, LiveNodegroup, Node, glob_matches};

impl World {
    pub(crate) fn wince(&mut self, mishap: Mishap) {
        if !self.mishaps.contains(&mishap) && !self.books.inherited.contains(&mishap) {
            self.mishaps.push(mishap);
        }
    }

    /// Looks for mishaps when nodes or versions changed since the last look.
    pub(crate) fn watch(&mut self) {
        if !self.books.changed {
            return;
        }
        self.books.changed = false;
        self.watch_hop();
        self.watch_skew();
        self.watch_core();
    }

    fn watch_hop(&mut self) {
        let (before, now) = (self.books.last_version, self.version());
        self.books.last_version = now;
        if let (Some(from), Some(to)) = (before, now)
            && from.minor().abs_diff(to.minor()) > 1
        {
            self.wince(Mishap::HopOverOne { from, to });
        }
    }

    /// Looks for skew that Kubernetes forbids, at this instant.
    ///
    /// Kubernetes version skew policy: never newer, at most three minors older
    /// (two below 1.25). The world has its own copy of the law.
    pub fn watch_skew(&mut self) {
        let Some(plane) = self.version() else { return };
        let legal = |kubelet: KubeMinor| {
            let lag = if kubelet.minor() < 25 { 2 } else { 3 };
            kubelet <= plane && plane.minor() - kubelet.minor() <= lag
        };
        let mut broken: Vec<(String, KubeMinor)> = Vec::new();
        for group in self.cluster.nodegroups.items() {
            if let Some(boots) = group.version.value().filter(|boots| !legal(**boots)) {
                broken.push((group.name.clone(), *boots));
            }
        }
        for node in self.cluster.nodes.items() {
            if let Some(kubelet) = node.kubelet.value().map(|version| version.minor())
                && !legal(kubelet)
            {
                broken.push((node.name.clone(), kubelet));
            }
        }
        for (subject, kubelet) in broken {
            self.wince(Mishap::SkewBroken {
                subject,
                kubelet,
                control_plane: plane,
            });
        }
    }

    fn watch_core(&mut self) {
        let has = self.core_nodes() > 0;
        if self.books.had_core && !has {
            self.wince(Mishap::NoCoreNode);
        }
        self.books.had_core = has;
    }

    /// Returns how many nodes could take core services now.
    pub(crate) fn core_nodes(&self) -> usize {
        let groups = self.cluster.nodegroups.items();
        let named = groups.iter().any(|group| self.is_core(group));
        let core: Vec<&str> = groups
            .iter()
            .filter(|group| {
                if named {
                    self.is_core(group)
                } else {
                    crate::nodes::declared_taints(group).is_empty()
                }
            })
            .map(|group| group.name.as_str())
            .collect();
        let fit = |node: &&Node| {
            node.nodegroup
                .as_deref()
                .is_some_and(|group| core.contains(&group))
                && node.ready.value() != Some(&false)
                && !node.unschedulable
                && !closed_to_newcomers(node)
        };
        self.cluster.nodes.items().iter().filter(fit).count()
    }

    /// Returns true for a group whose name or label says that it carries the core.
    pub(crate) fn is_core(&self, group: &LiveNodegroup) -> bool {
        let named = self.core.iter().any(|glob| match glob.strip_suffix('*') {
            Some(head) if !head.contains(['*', '?']) => group.name.starts_with(head),
            Some(_) | None => glob_matches(glob, &group.name),
        });
        named || labelled_core(group)
    }
}

/// `node-purpose: core`, under any prefix: `hub.jupyter.org/node-purpose` and the like.
fn labelled_core(group: &LiveNodegroup) -> bool {
    let labels = group.spec.get("labels").and_then(|v| v.as_object());
    labels.is_some_and(|labels| {
        labels
            .iter()
            .any(|(key, value)| key.ends_with("node-purpose") && value == "core")
    })
}
