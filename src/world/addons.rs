//! EKS-managed add-ons and the self-managed workloads of kube-system.
//!
//! EKS API model: UpdateAddon, CreateAddon; eksctl 0.230 `pkg/actions/addon` and `pkg/addons/default`.

use crate::clock::Event;
use crate::eks::{ApiError, error};
use crate::faults::Fault;
use crate::spans::{ADDON, ROLLOUT};
use crate::{World, list};
use serde_json::{Map, Value};
use stairway_core::model::{AddonVersion, Known, LiveAddon, Workload};

/// Add-on → its workload in kube-system and its kind.
const WORKLOADS: [(&str, &str, &str); 3] = [
    ("vpc-cni", "aws-node", "DaemonSet"),
    ("kube-proxy", "kube-proxy", "DaemonSet"),
    ("coredns", "coredns", "Deployment"),
];

/// Returns the workload's name and kind of a core add-on.
pub(crate) fn workload_of(addon: &str) -> Option<(&'static str, &'static str)> {
    let found = WORKLOADS.iter().find(|(name, _, _)| *name == addon);
    found.map(|(_, workload, kind)| (*workload, *kind))
}

impl World {
    pub(crate) fn addon(&self, name: &str) -> Option<&LiveAddon> {
        let addons = self.cluster.addons.items();
        addons.iter().find(|addon| addon.name == name)
    }

    fn addon_mut(&mut self, name: &str) -> Option<&mut LiveAddon> {
        let addons = list(&mut self.cluster.addons);
        addons.iter_mut().find(|addon| addon.name == name)
    }

    pub(crate) fn addon_status(&mut self, name: &str, status: &str) {
        if let Some(addon) = self.addon_mut(name) {
            addon.status = Known::Value(status.to_owned());
        }
    }

    /// Reads a version as EKS does: exact, and on offer for the control plane.
    fn offered(&self, name: &str, wanted: &str) -> Result<AddonVersion, ApiError> {
        let refused = "Addon version specified is not supported";
        let Ok(version) = wanted.parse::<AddonVersion>() else {
            return error("InvalidParameterException", refused);
        };
        let minor = self.version();
        let offer = minor.and_then(|minor| self.offers.get(name)?.get(&minor));
        if offer.is_some_and(|offer| !offer.contains(&version)) {
            return error("InvalidParameterException", refused);
        }
        Ok(version)
    }

    /// UpdateAddon.
    pub(crate) fn begin_addon(
        &mut self,
        name: &str,
        wanted: &str,
        spec: &Map<String, Value>,
    ) -> Result<String, ApiError> {
        let Some(addon) = self.addon(name) else {
            return error(
                "ResourceNotFoundException",
                format!(
                    "No addon: {name} found in cluster: {}",
                    self.cluster.cluster.name
                ),
            );
        };
        let status = addon.status.value().map(String::as_str);
        if let Some(status @ ("UPDATING" | "CREATING" | "DELETING")) = status {
            return error(
                "ResourceInUseException",
                format!("Addon {name} cannot be updated while it is {status}"),
            );
        }
        let wanted = if wanted.is_empty() {
            addon.version.value().map_or("", AddonVersion::as_str)
        } else {
            wanted
        };
        let version = self.offered(name, wanted)?;
        let kind = "AddonUpdate";
        let update = self.begin_update(kind, Known::Absent, None, Some(name.to_owned()));
        self.addon_status(name, "UPDATING");
        let fails = self.strikes(Fault::AddonUpdateFails, name);
        let seconds = self.takes(ADDON, name);
        let event = Event::AddonMoves {
            update: update.clone(),
            addon: name.to_owned(),
            version,
            spec: spec.clone(),
            fails,
        };
        self.schedule(seconds, event);
        Ok(update)
    }

    pub(crate) fn addon_moves(
        &mut self,
        update: &str,
        name: &str,
        version: AddonVersion,
        spec: Map<String, Value>,
        fails: bool,
    ) {
        if fails {
            let degraded = self.books.dice.below(2) == 0;
            let (status, why) = if degraded {
                (
                    "DEGRADED",
                    "InsufficientNumberOfReplicas: The add-on is unhealthy because it doesn't have the desired number of replicas.",
                )
            } else {
                (
                    "UPDATE_FAILED",
                    "ConfigurationConflict: Conflicts found when trying to apply. Will not continue due to resolve conflicts mode.",
                )
            };
            self.addon_status(name, status);
            self.end_update(update, vec![why.to_owned()]);
            return;
        }
        if let Some(addon) = self.addon_mut(name) {
            addon.version = Known::Value(version);
            addon.status = Known::Value("ACTIVE".to_owned());
            addon.spec.extend(spec);
        }
        self.end_update(update, Vec::new());
    }

    /// CreateAddon: EKS takes over a self-managed add-on only when it may overwrite it.
    pub(crate) fn begin_addon_creation(
        &mut self,
        name: &str,
        wanted: &str,
        spec: &Map<String, Value>,
        overwrite: bool,
    ) -> Result<(), ApiError> {
        if self.addon(name).is_some() {
            return error("ResourceInUseException", "Addon already exists.");
        }
        let version = self.offered(name, wanted)?;
        let workload = workload_of(name).map_or(name, |(workload, _)| workload);
        let workloads = self.cluster.workloads.items();
        let conflict = !overwrite && workloads.iter().any(|other| other.name == workload);
        let fails = conflict || self.strikes(Fault::AddonUpdateFails, name);
        list(&mut self.cluster.addons).push(LiveAddon {
            health: Known::Value(Vec::new()),
            name: name.to_owned(),
            version: Known::Value(version.clone()),
            status: Known::Value("CREATING".to_owned()),
            spec: spec.clone(),
            spec_complete: true,
        });
        let seconds = self.takes(ADDON, name);
        let addon = name.to_owned();
        self.schedule(
            seconds,
            Event::AddonMade {
                addon,
                version,
                fails,
            },
        );
        Ok(())
    }

    pub(crate) fn addon_made(&mut self, name: &str, version: AddonVersion, fails: bool) {
        let status = if fails { "CREATE_FAILED" } else { "ACTIVE" };
        if let Some(addon) = self.addon_mut(name) {
            addon.version = Known::Value(version);
        }
        self.addon_status(name, status);
        if fails {
            return;
        }
        let workload = workload_of(name).map_or(name, |(workload, _)| workload);
        if let Known::Value(workloads) = &mut self.cluster.workloads {
            workloads.retain(|other| other.name != workload);
        }
    }

    /// DeleteAddon; with `preserve` its workload stays, self-managed.
    pub(crate) fn remove_addon(&mut self, name: &str, preserve: bool) -> Result<(), ApiError> {
        let Some(addon) = self.addon(name).cloned() else {
            return error(
                "ResourceNotFoundException",
                format!(
                    "No addon: {name} found in cluster: {}",
                    self.cluster.cluster.name
                ),
            );
        };
        list(&mut self.cluster.addons).retain(|other| other.name != name);
        if let Some((workload, kind)) = workload_of(name).filter(|_| preserve) {
            list(&mut self.cluster.workloads).push(Workload {
                kind: kind.to_owned(),
                namespace: "kube-system".to_owned(),
                name: workload.to_owned(),
                version: addon.version,
                rolled_out: Known::Value(true),
            });
        }
        Ok(())
    }

    /// Begins a rollout of a self-managed workload; false when there is none.
    pub(crate) fn begin_rollout(&mut self, workload: &str, version: Option<&AddonVersion>) -> bool {
        let mut found = false;
        if let Known::Value(workloads) = &mut self.cluster.workloads {
            for live in workloads.iter_mut().filter(|w| w.name == workload) {
                found = true;
                live.rolled_out = Known::Value(false);
                if let Some(version) = version {
                    live.version = Known::Value(version.clone());
                }
            }
        }
        if found {
            let seconds = self.takes(ROLLOUT, workload);
            let workload = workload.to_owned();
            self.schedule(seconds, Event::RolledOut { workload });
        }
        found
    }

    pub(crate) fn rolled_out(&mut self, workload: &str) {
        if let Known::Value(workloads) = &mut self.cluster.workloads {
            for live in workloads.iter_mut().filter(|w| w.name == workload) {
                live.rolled_out = Known::Value(true);
            }
        }
    }
}
