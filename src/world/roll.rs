//! How EKS moves the nodes of a managed group: new nodes first, then evictions with a limit of time.
//!
//! EKS user guide, managed-node-update-behavior: setup, scale-up, upgrade, scale-down;
//! a pod has 15 minutes to go or the update fails with PodEvictionFailure.

use crate::clock::Event;
use crate::eks::{ApiError, error};
use crate::faults::Fault;
use crate::spans::{EVICTION_LIMIT, EVICTION_PAUSE, ROLL, ROLL_NODE};
use crate::{World, text};
use serde_json::Value;
use stairway_core::model::{Known, KubeMinor, Timestamp};
use std::collections::BTreeSet;

impl World {
    /// UpdateNodegroupVersion.
    pub(crate) fn begin_roll(&mut self, input: &Value) -> Result<String, ApiError> {
        let name = text(input, "nodegroupName").unwrap_or_default().to_owned();
        let plane = self.version();
        let wanted: Option<KubeMinor> = text(input, "version").and_then(|v| v.parse().ok());
        let group = self.free_group(&name)?;
        let family = group.spec.get("amiFamily");
        let al2 = family.is_some_and(|family| family == "AmazonLinux2");
        let Some(version) = wanted.or(plane) else {
            return error("ResourceNotFoundException", "No control plane");
        };
        // The rollback guide orders nodes to N−1 first; the API reference says that they cannot go back.
        let back = plane
            .is_some_and(|plane| plane.previous() == Some(version) && self.rollback_window(plane));
        if Some(version) != plane && !back {
            return error(
                "InvalidParameterException",
                format!(
                    "Requested Nodegroup version {version} does not match the cluster's version"
                ),
            );
        }
        if al2 && version.minor() > 32 {
            return error(
                "InvalidParameterException",
                format!(
                    "AMI Type AL2_x86_64 is only supported for kubernetes versions 1.32 or earlier, not {version}"
                ),
            );
        }
        self.begin(&format!("nodes of {name}"), &version.to_string());
        let kind = "VersionUpdate";
        let update = self.begin_update(kind, Known::Value(version), Some(name.clone()), None);
        self.group_status(&name, "UPDATING");
        let seconds = self.takes(ROLL, &name);
        let event = if self.strikes(Fault::NodegroupUpdateFails, &name) {
            Event::RollFails {
                update: update.clone(),
                group: name,
            }
        } else {
            Event::RollNext {
                update: update.clone(),
                group: name,
                version,
            }
        };
        self.schedule(seconds, event);
        Ok(update)
    }

    pub(crate) fn roll_fails(&mut self, update: &str, group: &str) {
        let why = "NodeCreationFailure: Couldn't proceed with upgrade process as new nodes are not joining node group";
        self.end_update(update, vec![why.to_owned()]);
        self.group_status(group, "ACTIVE");
        self.forget(&format!("nodes of {group}"));
    }

    /// Brings up the successor of the next old node, or ends the update.
    pub(crate) fn roll_next(&mut self, update: String, group: String, version: KubeMinor) {
        let next = self
            .cluster
            .nodes_of(&group)
            .find(|node| node.kubelet.value().is_none_or(|k| k.minor() != version))
            .map(|node| node.name.clone());
        let Some(node) = next else {
            self.end_roll(&update, &group, version);
            return;
        };
        let kubelet = format!("v{version}.0-eks").parse().ok();
        self.boot_at(&group, 1, kubelet);
        let seconds = self.takes(ROLL_NODE, &group);
        let since = self.now;
        self.schedule(
            seconds,
            Event::RollEvict {
                update,
                group,
                version,
                node,
                since,
            },
        );
    }

    /// Empties an old node; what budgets hold back is tried again until the limit.
    pub(crate) fn roll_evict(
        &mut self,
        update: String,
        group: String,
        version: KubeMinor,
        node: String,
        since: Timestamp,
    ) {
        if self.fresh_node_is_missing(&update, &group, version, &node, since) {
            return;
        }
        let one = BTreeSet::from([node.clone()]);
        self.cordon(&one, true);
        for pod in self.evictable(&node) {
            self.evict(&pod);
        }
        if self.evictable(&node).is_empty() {
            self.remove_nodes(&group, &one);
            let seconds = self.takes(ROLL, &group);
            let event = Event::RollNext {
                update,
                group,
                version,
            };
            self.schedule(seconds, event);
        } else if self.now.seconds_since(since) >= EVICTION_LIMIT {
            self.cordon(&one, false);
            let why = format!(
                "PodEvictionFailure: Reached max retries while trying to evict pods from nodes in node group {group}"
            );
            self.end_update(&update, vec![why]);
            self.group_status(&group, "ACTIVE");
            self.forget(&format!("nodes of {group}"));
        } else {
            let event = Event::RollEvict {
                update,
                group,
                version,
                node,
                since,
            };
            self.schedule(EVICTION_PAUSE, event);
        }
    }

    /// EKS empties an old node only when its successor is Ready, and gives up after a while.
    fn fresh_node_is_missing(
        &mut self,
        update: &str,
        group: &str,
        version: KubeMinor,
        node: &str,
        since: Timestamp,
    ) -> bool {
        let duds: BTreeSet<String> = self
            .cluster
            .nodes_of(group)
            .filter(|n| n.kubelet.value().is_some_and(|k| k.minor() == version))
            .filter(|n| n.ready.value() != Some(&true))
            .map(|n| n.name.clone())
            .collect();
        if duds.is_empty() && self.booting(group) == 0 {
            return false;
        }
        if self.now.seconds_since(since) >= EVICTION_LIMIT {
            self.remove_nodes(group, &duds);
            self.roll_fails(update, group);
        } else {
            let event = Event::RollEvict {
                update: update.to_owned(),
                group: group.to_owned(),
                version,
                node: node.to_owned(),
                since,
            };
            self.schedule(EVICTION_PAUSE, event);
        }
        true
    }

    fn end_roll(&mut self, update: &str, group: &str, version: KubeMinor) {
        if let Some(live) = self.nodegroup_mut(group) {
            live.version = Known::Value(version);
            if live.release_version.value().is_some() {
                live.release_version = Known::Value(format!("{version}.0-20260801"));
            }
        }
        self.touch();
        self.end_update(update, Vec::new());
        self.group_status(group, "ACTIVE");
    }
}
