//! Add-ons: who owns them, which versions fit which minor, and in what order they move.

use crate::catalog::{Catalog, Compatibility};
use crate::model::{AddonVersion, Known, KubeMinor, Observation, Workload};

/// A core add-on and the workload of kube-system that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreAddon {
    /// Its name as an EKS add-on.
    pub addon: &'static str,
    /// The name of its workload in kube-system.
    pub workload: &'static str,
    /// `DaemonSet` or `Deployment`.
    pub workload_kind: &'static str,
    /// eksctl's command for the self-managed one.
    pub eksctl_utility: &'static str,
}

/// The add-ons of every cluster, in the order in which they move after a hop.
///
/// Source: eksctl `utils update-kube-proxy|update-aws-node|update-coredns`.
pub const CORE_ADDONS: [CoreAddon; 3] = [
    CoreAddon {
        addon: "kube-proxy",
        workload: "kube-proxy",
        workload_kind: "DaemonSet",
        eksctl_utility: "update-kube-proxy",
    },
    CoreAddon {
        addon: "vpc-cni",
        workload: "aws-node",
        workload_kind: "DaemonSet",
        eksctl_utility: "update-aws-node",
    },
    CoreAddon {
        addon: "coredns",
        workload: "coredns",
        workload_kind: "Deployment",
        eksctl_utility: "update-coredns",
    },
];

/// How many of its own minors vpc-cni moves in one step.
///
/// Source: AWS EKS user guide, managing the Amazon VPC CNI plugin: one minor at a time.
pub const VPC_CNI_MINORS_PER_STEP: u32 = 1;

/// Who runs an add-on on the live cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum AddonState {
    /// EKS manages it at this version.
    Managed(Known<AddonVersion>),
    /// It runs, and EKS does not manage it.
    SelfManaged(Workload),
    /// It does not run.
    Missing,
    /// Nobody could tell.
    Unknown(String),
}

impl AddonState {
    /// Returns the version that runs, when known.
    pub fn version(&self) -> Option<&AddonVersion> {
        match self {
            Self::Managed(version) => version.value(),
            Self::SelfManaged(workload) => workload.version.value(),
            Self::Missing | Self::Unknown(_) => None,
        }
    }
}

/// Tells who runs the add-on called `name`.
pub fn live_addon(observed: &Observation, name: &str) -> AddonState {
    if let Known::Unknown(why) = &observed.addons {
        return AddonState::Unknown(why.clone());
    }
    if let Some(addon) = observed
        .addons
        .items()
        .iter()
        .find(|addon| addon.name == name)
    {
        return AddonState::Managed(addon.version.clone());
    }
    let Some(core) = CORE_ADDONS.iter().find(|core| core.addon == name) else {
        return AddonState::Missing;
    };
    if let Known::Unknown(why) = &observed.workloads {
        return AddonState::Unknown(why.clone());
    }
    observed
        .workloads
        .items()
        .iter()
        .find(|workload| workload.name == core.workload && workload.namespace == "kube-system")
        .map_or(AddonState::Missing, |workload| {
            AddonState::SelfManaged(workload.clone())
        })
}

/// The versions of one add-on that fit one minor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Oldest first.
    pub versions: Vec<AddonVersion>,
    /// True when they come from the cluster's own DescribeAddonVersions.
    pub observed: bool,
}

impl Offer {
    /// Returns what the observation offers, else what the dated catalog knows.
    pub fn of(name: &str, minor: KubeMinor, observed: &Observation, catalog: &Catalog) -> Self {
        let live = observed
            .addon_versions
            .value()
            .and_then(|by_addon| by_addon.get(name))
            .and_then(|by_minor| by_minor.get(&minor));
        let mut versions = match live {
            Some(versions) => versions.clone(),
            None => catalog
                .addon_versions(name, minor)
                .into_iter()
                .cloned()
                .collect(),
        };
        versions.sort();
        versions.dedup();
        Self {
            versions,
            observed: live.is_some(),
        }
    }

    /// Returns the exact version that `wanted` means, `None` when nothing fits.
    ///
    /// `latest` is the highest that fits. An exact version is itself. A part
    /// of a version means the highest that contains it, as eksctl has it. Left
    /// out means: keep `live`.
    pub fn resolve(
        &self,
        wanted: Option<&str>,
        live: Option<&AddonVersion>,
    ) -> Option<AddonVersion> {
        match wanted {
            None => live.cloned(),
            Some("latest") => match (self.versions.last(), live) {
                // A live version newer than a catalog's newest is not moved back.
                (Some(newest), Some(live)) if !self.observed && live > newest => Some(live.clone()),
                (newest, live) => newest.or(live).cloned(),
            },
            Some(text) => {
                if let Some(exact) = self.versions.iter().find(|v| v.as_str() == text) {
                    return Some(exact.clone());
                }
                let part = self
                    .versions
                    .iter()
                    .rev()
                    .find(|v| v.as_str().contains(text));
                part.cloned().or_else(|| {
                    // A full version that nobody lists may still be right: the catalog has gaps.
                    let full = text.starts_with('v') && text.matches('.').count() >= 2;
                    if full { text.parse().ok() } else { None }
                })
            }
        }
    }

    /// Tells whether `version` fits this offer's minor.
    pub fn fits(
        &self,
        name: &str,
        version: &AddonVersion,
        minor: KubeMinor,
        catalog: &Catalog,
    ) -> Fit {
        if name == "kube-proxy" {
            return kube_proxy_fits(version, minor);
        }
        if self.observed {
            return if self.versions.contains(version) {
                Fit::Yes
            } else {
                Fit::No(format!("EKS does not offer `{name}` {version} for {minor}"))
            };
        }
        match catalog.addon_compatible(name, version, minor) {
            Compatibility::Compatible => Fit::Yes,
            Compatibility::Incompatible(why) => Fit::No(why),
            Compatibility::Unlisted => Fit::Unlisted,
        }
    }
}

/// Whether an add-on version fits a minor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It fits.
    Yes,
    /// It does not, and why.
    No(String),
    /// Nobody listed it: a finding, never a block.
    Unlisted,
}

/// kube-proxy: never newer than the API server, at most 3 minors older (2 below 1.25).
///
/// Source: Kubernetes version skew policy, kube-proxy.
pub fn kube_proxy_fits(version: &AddonVersion, control_plane: KubeMinor) -> Fit {
    let Some(minor) = version.kube_minor() else {
        return Fit::Unlisted;
    };
    match super::skew::verdict(minor, control_plane) {
        super::skew::Skew::Legal { .. } => Fit::Yes,
        super::skew::Skew::Newer => Fit::No(format!(
            "kube-proxy {version} is newer than the control plane {control_plane}"
        )),
        super::skew::Skew::TooOld { lag, limit } => Fit::No(format!(
            "kube-proxy {version} is {lag} minors behind {control_plane}; the limit is {limit}"
        )),
    }
}

/// Returns the versions through which an add-on moves, the last one `to`.
///
/// Only vpc-cni needs stops: one of its minors per step. A missing stop in
/// the offer is left out, and the caller reports the gap.
pub fn stops(
    name: &str,
    from: Option<&AddonVersion>,
    to: &AddonVersion,
    offer: &Offer,
) -> Vec<AddonVersion> {
    let mut path = Vec::new();
    if let (Some(from), "vpc-cni") = (from, name) {
        let (major, low) = from.major_minor();
        let (to_major, high) = to.major_minor();
        if major == to_major {
            let between = |minor: u32| {
                offer
                    .versions
                    .iter()
                    .rev()
                    .find(|v| v.major_minor() == (major, minor))
                    .cloned()
            };
            if low < high {
                let step = VPC_CNI_MINORS_PER_STEP as usize;
                path.extend(((low + 1)..high).step_by(step).filter_map(between));
            } else {
                path.extend(((high + 1)..low).rev().filter_map(between));
            }
        }
    }
    path.push(to.clone());
    path
}
