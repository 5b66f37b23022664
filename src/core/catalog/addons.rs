//! EKS add-ons: their versions, and which go with which control plane.

use super::Catalog;
use crate::model::{AddonVersion, KubeMinor, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An add-on that EKS can manage.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addon {
    /// The name of EKS, such as `vpc-cni`.
    pub name: String,
    /// The workloads it consists of, the decisive one first.
    pub workloads: Vec<Workload>,
    /// Whether an update may cross only one minor of the add-on's own version.
    pub one_minor_per_step: bool,
    /// How its versions relate to the control plane's minor.
    pub rule: AddonRule,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

/// A workload of an add-on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// `DaemonSet` or `Deployment`.
    pub kind: String,
    /// The namespace EKS installs it to by default.
    pub namespace: String,
    /// The name, which may differ from the add-on's (`aws-node`).
    pub name: String,
}

/// How the versions of an add-on relate to the control plane's minor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "snake_case",
    tag = "kind"
)]
pub enum AddonRule {
    /// Its version is a Kubernetes version: never newer than the control plane.
    FollowsControlPlane {
        /// How many minors it may be older.
        max_older: u16,
        /// The stricter limit of old versions.
        older_rule: OlderRule,
    },
    /// One version serves all minors, above certain floors.
    Independent {
        /// The floors, oldest minor first.
        floors: Vec<VersionFloor>,
    },
    /// Only the lists say what goes together.
    Listed,
}

/// A stricter limit for old versions of an add-on that follows the control plane.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OlderRule {
    /// Versions below this minor are meant.
    pub below: KubeMinor,
    /// How many minors such a version may be older.
    pub max_older: u16,
}

/// The lowest version of an add-on from a minor on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionFloor {
    /// The first minor that needs it.
    pub from: KubeMinor,
    /// The lowest version that works.
    pub at_least: AddonVersion,
    /// The reason, as a clause.
    pub why: String,
}

/// How sure it is that a version exists and goes with its minors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Known to exist; part of the minors by analogy.
    Recalled,
    /// Seen in an answer of EKS or in configurations that run.
    Seen,
    /// Stated by the vendor.
    Documented,
}

/// A published version of an add-on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddonRelease {
    /// The add-on.
    pub addon: String,
    /// The version.
    pub version: AddonVersion,
    /// The minors it is listed for; empty where only the add-on's rule speaks.
    pub minors: BTreeSet<KubeMinor>,
    /// How sure this is.
    pub confidence: Confidence,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

/// Whether a version of an add-on goes with a control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// It does, by a list or by the add-on's rule.
    Compatible,
    /// It does not; the reason as a clause.
    Incompatible(String),
    /// The catalog does not say.
    Unlisted,
}

impl Catalog {
    /// Returns the add-on that EKS calls `name`.
    pub fn addon(&self, name: &str) -> Option<&Addon> {
        self.addons.get(name)
    }

    /// Returns all add-ons, by name.
    pub fn addons(&self) -> impl Iterator<Item = &Addon> {
        self.addons.values()
    }

    /// Returns the published versions of an add-on that the catalog knows, oldest first.
    pub fn addon_releases(&self, name: &str) -> &[AddonRelease] {
        self.releases.get(name).map_or(&[], Vec::as_slice)
    }

    /// Returns the published versions known to go with `minor`, oldest first.
    pub fn addon_versions(&self, name: &str, minor: KubeMinor) -> Vec<&AddonVersion> {
        self.addon_releases(name)
            .iter()
            .map(|release| &release.version)
            .filter(|version| {
                self.addon_compatible(name, version, minor) == Compatibility::Compatible
            })
            .collect()
    }

    /// Returns the newest version that a list or, for kube-proxy, the version
    /// itself names for `minor`; `None` is a gap of the catalog.
    ///
    /// A rule alone ("independent of the minor") does not make a version the latest.
    pub fn addon_latest(&self, name: &str, minor: KubeMinor) -> Option<&AddonVersion> {
        let rule = &self.addon(name)?.rule;
        let named = |release: &&AddonRelease| match rule {
            AddonRule::FollowsControlPlane { .. } => release.version.kube_minor() == Some(minor),
            AddonRule::Independent { .. } | AddonRule::Listed => release.minors.contains(&minor),
        };
        self.addon_releases(name)
            .iter()
            .rfind(named)
            .map(|release| &release.version)
    }

    /// Returns whether `version` of the add-on `name` goes with a control plane
    /// at `minor`. A version that follows the control plane is judged by its
    /// rule, whether or not EKS still publishes it.
    pub fn addon_compatible(
        &self,
        name: &str,
        version: &AddonVersion,
        minor: KubeMinor,
    ) -> Compatibility {
        let Some(addon) = self.addon(name) else {
            return Compatibility::Unlisted;
        };
        match &addon.rule {
            AddonRule::FollowsControlPlane {
                max_older,
                older_rule,
            } => follows(version, minor, *max_older, older_rule),
            AddonRule::Independent { floors } => self.independent(name, version, minor, floors),
            AddonRule::Listed if self.is_listed(name, version, minor) => Compatibility::Compatible,
            AddonRule::Listed => Compatibility::Unlisted,
        }
    }

    /// Returns whether a list names `version` for `minor`.
    fn is_listed(&self, name: &str, version: &AddonVersion, minor: KubeMinor) -> bool {
        self.addon_releases(name)
            .iter()
            .any(|release| release.version == *version && release.minors.contains(&minor))
    }

    /// Judges a version of an add-on that serves all minors above its floors.
    ///
    /// Silent about minors and versions beyond those the catalog knows, and
    /// about minors below the first that the version's line is listed for.
    fn independent(
        &self,
        name: &str,
        version: &AddonVersion,
        minor: KubeMinor,
        floors: &[VersionFloor],
    ) -> Compatibility {
        if self.support(minor).is_none() {
            return Compatibility::Unlisted;
        }
        if let Some(floor) = floors.iter().rfind(|floor| floor.from <= minor)
            && *version < floor.at_least
        {
            return Compatibility::Incompatible(floor.why.clone());
        }
        if self.is_listed(name, version, minor) {
            return Compatibility::Compatible;
        }
        let line = version.major_minor();
        let mut same_line = self
            .addon_releases(name)
            .iter()
            .filter(|release| release.version.major_minor() == line)
            .peekable();
        let known = same_line.peek().is_some();
        let from = same_line.flat_map(|release| &release.minors).min();
        if known && from.is_none_or(|from| *from <= minor) {
            Compatibility::Compatible
        } else {
            Compatibility::Unlisted
        }
    }
}

/// Judges a version that is a Kubernetes version against a control plane at `minor`.
fn follows(
    version: &AddonVersion,
    minor: KubeMinor,
    max_older: u16,
    older_rule: &OlderRule,
) -> Compatibility {
    let Some(own) = version.kube_minor() else {
        return Compatibility::Unlisted;
    };
    let Some(older) = minor.minors_ahead_of(own) else {
        return Compatibility::Incompatible(format!(
            "{own} is newer than the control plane at {minor}"
        ));
    };
    let limit = if own < older_rule.below {
        older_rule.max_older
    } else {
        max_older
    };
    if older <= limit {
        Compatibility::Compatible
    } else {
        Compatibility::Incompatible(format!(
            "{own} is {older} minors older than the control plane at {minor}, {limit} are allowed"
        ))
    }
}
