//! The control plane: hops, rollbacks, updates and insights.
//!
//! EKS API model (botocore, 2026-08) and the EKS user guide, update-cluster and rollback-cluster.

use crate::clock::Event;
use crate::eks::{ApiError, error};
use crate::faults::Fault;
use crate::spans::{CLUSTER_CONFIG, CONTROL_PLANE, CONTROL_PLANE_FAILS, ROLLBACK_WINDOW};
use crate::{World, list};
use stairway_core::model::{Insight, Known, KubeMinor, Update};

/// A control plane's update needs up to five free addresses in its subnets (EKS user guide, update-cluster).
const FREE_ADDRESSES_MIN: u32 = 5;

/// The names under which EKS lists insights (EKS user guide, cluster-insights).
const INSIGHTS: [&str; 5] = [
    "Cluster health issues",
    "Deprecated APIs removed in Kubernetes v",
    "EKS add-on version compatibility",
    "Kubelet version skew",
    "kube-proxy version skew",
];

impl World {
    /// Begins to move the control plane by one minor, in either direction.
    pub(crate) fn begin_version(&mut self, to: KubeMinor, force: bool) -> Result<String, ApiError> {
        let Some(from) = self.version() else {
            return error("ResourceNotFoundException", "No control plane");
        };
        self.plane_is_free()?;
        let up = to == from.next();
        if !up && Some(to) != from.previous() {
            return error(
                "InvalidParameterException",
                format!("Unsupported Kubernetes minor version update from {from} to {to}"),
            );
        }
        if up {
            self.groups_match(from)?;
        } else {
            self.may_roll_back(from, to, force)?;
        }
        let name = self.cluster.cluster.name.clone();
        let fails = if self.strikes(Fault::UpdateReverted, &name) {
            Some(
                "Unknown: the new API servers did not become healthy; the cluster was reverted"
                    .to_owned(),
            )
        } else {
            self.short_of_addresses()
        };
        self.begin("cluster", &to.to_string());
        let kind = if up {
            "VersionUpdate"
        } else {
            "VersionRollback"
        };
        let update = self.begin_update(kind, Known::Value(to), None, None);
        self.plane_status("UPDATING");
        let span = if fails.is_some() {
            CONTROL_PLANE_FAILS
        } else {
            CONTROL_PLANE
        };
        let seconds = self.takes(span, &name);
        let event = Event::VersionMoves {
            update: update.clone(),
            to,
            fails,
        };
        self.schedule(seconds, event);
        Ok(update)
    }

    /// One update of the cluster at a time, and only an ACTIVE cluster takes one.
    fn plane_is_free(&self) -> Result<(), ApiError> {
        let name = &self.cluster.cluster.name;
        if let Some(update) = self.plane_update() {
            return error(
                "ResourceInUseException",
                format!(
                    "Cluster {name} already has an update in progress: {}",
                    update.id
                ),
            );
        }
        let status = self.cluster.control_plane.value().map(|p| &p.status);
        match status {
            Some(Known::Value(status)) if status != "ACTIVE" => error(
                "ResourceInUseException",
                format!("Cluster {name} is in status {status}"),
            ),
            Some(Known::Value(_) | Known::Absent | Known::Unknown(_)) | None => Ok(()),
        }
    }

    pub(crate) fn plane_update(&self) -> Option<&Update> {
        self.cluster.updates.items().iter().find(|update| {
            update.status == "InProgress" && update.nodegroup.is_none() && update.addon.is_none()
        })
    }

    fn groups_match(&mut self, from: KubeMinor) -> Result<(), ApiError> {
        let name = self.cluster.cluster.name.clone();
        let behind: Vec<String> = self
            .cluster
            .nodegroups
            .items()
            .iter()
            .filter(|g| g.managed && g.version.value().is_some_and(|v| *v != from))
            .map(|g| g.name.clone())
            .collect();
        if !behind.is_empty() && self.strikes(Fault::RefuseUnmatchedNodegroups, &name) {
            return error(
                "InvalidParameterException",
                format!(
                    "Nodegroups {} must be updated to match cluster version {from} before updating cluster version",
                    behind.join(", ")
                ),
            );
        }
        Ok(())
    }

    /// EKS user guide, rollback-cluster: only N−1 of the last in-place upgrade, within seven days, nodes first.
    fn may_roll_back(&self, from: KubeMinor, to: KubeMinor, force: bool) -> Result<(), ApiError> {
        if !self.rollback_window(from) {
            return error(
                "InvalidParameterException",
                format!(
                    "Cluster cannot be rolled back from {from} to {to}: it was not upgraded to {from} in place within the last 7 days"
                ),
            );
        }
        if force {
            return Ok(());
        }
        let newer = self.cluster.nodes.items().iter().any(|node| {
            node.kubelet
                .value()
                .is_some_and(|version| version.minor() > to)
        });
        let blocked = self.cluster.insights.items().iter().any(|insight| {
            insight.category == "ROLLBACK_READINESS"
                && matches!(insight.status.as_str(), "ERROR" | "UNKNOWN")
        });
        if newer || blocked {
            return error(
                "InvalidStateException",
                "Rollback readiness issues detected. Call the EKS ListInsights API for details. Pass the force flag to override",
            );
        }
        Ok(())
    }

    /// Returns true while EKS would take the control plane back from `from`.
    pub(crate) fn rollback_window(&self, from: KubeMinor) -> bool {
        let moves = self.cluster.updates.items().iter().filter(|update| {
            update.status == "Successful"
                && update.kind.starts_with("Version")
                && update.nodegroup.is_none()
        });
        let last = moves
            .filter_map(|update| Some((*update.finished_at.value()?, update)))
            .max_by_key(|(at, _)| *at);
        last.is_some_and(|(at, update)| {
            update.kind == "VersionUpdate"
                && update.version.value() == Some(&from)
                && self.now.seconds_since(at) < ROLLBACK_WINDOW
        })
    }

    fn short_of_addresses(&self) -> Option<String> {
        let subnets = self.cluster.subnets.items();
        let mut free = 0_u32;
        let mut counted = false;
        for subnet in subnets.iter().filter(|subnet| subnet.control_plane) {
            free = free.saturating_add(*subnet.free_addresses.value()?);
            counted = true;
        }
        (counted && free < FREE_ADDRESSES_MIN).then(|| {
            "InsufficientFreeAddresses: one or more of the subnets does not have enough free addresses".to_owned()
        })
    }

    /// Lists a new update and returns its id.
    pub(crate) fn begin_update(
        &mut self,
        kind: &str,
        version: Known<KubeMinor>,
        nodegroup: Option<String>,
        addon: Option<String>,
    ) -> String {
        let mut id = self.books.dice.id();
        while self.update(&id).is_some() {
            // The dice of a world that goes on from another one's observation repeat themselves.
            id = self.books.dice.id();
        }
        let created_at = Known::Value(self.now);
        list(&mut self.cluster.updates).push(Update {
            id: id.clone(),
            kind: kind.to_owned(),
            status: "InProgress".to_owned(),
            version,
            created_at,
            finished_at: Known::Absent,
            nodegroup,
            addon,
            errors: Vec::new(),
        });
        id
    }

    /// Ends an update; with errors it Failed.
    pub(crate) fn end_update(&mut self, id: &str, errors: Vec<String>) {
        let now = self.now;
        let Known::Value(updates) = &mut self.cluster.updates else {
            return;
        };
        if let Some(update) = updates.iter_mut().find(|update| update.id == id) {
            let status = if errors.is_empty() {
                "Successful"
            } else {
                "Failed"
            };
            status.clone_into(&mut update.status);
            update.errors = errors;
            update.finished_at = Known::Value(now);
        }
    }

    pub(crate) fn update(&self, id: &str) -> Option<&Update> {
        self.cluster.updates.items().iter().find(|u| u.id == id)
    }

    pub(crate) fn plane_status(&mut self, status: &str) {
        if let Known::Value(plane) = &mut self.cluster.control_plane {
            plane.status = Known::Value(status.to_owned());
        }
    }

    pub(crate) fn version_moves(&mut self, update: &str, to: KubeMinor, fails: Option<String>) {
        self.plane_status("ACTIVE");
        if let Some(why) = fails {
            self.end_update(update, vec![why]);
            self.forget("cluster");
            return;
        }
        let up = self.version().is_none_or(|from| to > from);
        if let Known::Value(plane) = &mut self.cluster.control_plane {
            plane.version = Known::Value(to);
        }
        self.touch();
        self.end_update(update, Vec::new());
        self.insights_follow(to, up);
        let name = self.cluster.cluster.name.clone();
        if self.strikes(Fault::CrashLoop, &name) {
            self.crash_loop();
        }
    }

    /// After a hop EKS tells about the next one, and for seven days about the way back.
    fn insights_follow(&mut self, version: KubeMinor, up: bool) {
        let Known::Value(insights) = &mut self.cluster.insights else {
            return;
        };
        let (next, back) = (version.next(), version.previous());
        insights.retain(|insight| {
            let of_the_past = insight.version.value().is_some_and(|v| *v <= version);
            insight.category != "ROLLBACK_READINESS" && !of_the_past
        });
        let told = insights.iter().any(|insight| {
            insight.category == "UPGRADE_READINESS" && insight.version.value() == Some(&next)
        });
        if !told {
            insights.extend(passing("UPGRADE_READINESS", next, next));
        }
        if let Some(back) = back.filter(|_| up) {
            insights.extend(passing("ROLLBACK_READINESS", version, back));
            self.schedule(ROLLBACK_WINDOW, Event::InsightsEnd { version });
        }
    }

    pub(crate) fn insights_end(&mut self, version: KubeMinor) {
        if let Known::Value(insights) = &mut self.cluster.insights {
            insights.retain(|insight| {
                insight.category != "ROLLBACK_READINESS"
                    || insight.version.value() != Some(&version)
            });
        }
    }

    /// Changes the support type (UpdateClusterConfig, upgradePolicy).
    pub(crate) fn begin_support(&mut self, support: &str) -> Result<String, ApiError> {
        self.plane_is_free()?;
        let name = self.cluster.cluster.name.clone();
        let update = self.begin_update("UpgradePolicyUpdate", Known::Absent, None, None);
        self.plane_status("UPDATING");
        let seconds = self.takes(CLUSTER_CONFIG, &name);
        let event = Event::SupportChanges {
            update: update.clone(),
            support: support.to_owned(),
        };
        self.schedule(seconds, event);
        Ok(update)
    }

    pub(crate) fn support_changes(&mut self, update: &str, support: String) {
        if let Known::Value(plane) = &mut self.cluster.control_plane {
            plane.support_type = Known::Value(support);
        }
        self.update_settles(update);
    }

    /// Ends an update that changes nothing here.
    pub(crate) fn update_settles(&mut self, id: &str) {
        let (nodegroup, addon) = self.update(id).map_or((None, None), |update| {
            (update.nodegroup.clone(), update.addon.clone())
        });
        self.end_update(id, Vec::new());
        if let Some(group) = &nodegroup {
            self.group_status(group, "ACTIVE");
        } else if let Some(addon) = &addon {
            self.addon_status(addon, "ACTIVE");
        } else {
            self.plane_status("ACTIVE");
        }
    }
}

/// Insights that find nothing.
pub(crate) fn passing(category: &str, about: KubeMinor, removed_in: KubeMinor) -> Vec<Insight> {
    let short = category.to_lowercase();
    INSIGHTS
        .iter()
        .enumerate()
        .map(|(index, name)| Insight {
            refreshed_at: Known::default(),
            deprecations: Vec::new(),
            id: format!("{short}-{about}-{index}"),
            name: if name.ends_with('v') {
                format!("{name}{removed_in}")
            } else {
                (*name).to_owned()
            },
            category: category.to_owned(),
            version: Known::Value(about),
            status: "PASSING".to_owned(),
            reason: "No issue found.".to_owned(),
        })
        .collect()
}
