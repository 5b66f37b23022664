//! The support calendar of EKS and what a control plane costs.

use super::Catalog;
use crate::model::{KubeMinor, Timestamp};
use serde::{Deserialize, Serialize};

/// When EKS offers a Kubernetes minor, and in which tier.
///
/// Days are in UTC; a tier ends at the first second of its end day.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportWindow {
    /// The Kubernetes minor.
    pub minor: KubeMinor,
    /// The day EKS released it.
    pub released: Timestamp,
    /// The day standard support ends.
    pub end_standard: Timestamp,
    /// The day extended support ends; `None` for minors older than extended support.
    #[serde(default)]
    pub end_extended: Option<Timestamp>,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

/// Where a minor stands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum SupportState {
    /// EKS releases it later.
    NotYetOffered {
        /// The day of release.
        from: Timestamp,
    },
    /// In standard support.
    Standard {
        /// The day standard support ends.
        until: Timestamp,
    },
    /// In extended support, at the higher price.
    Extended {
        /// The day extended support ends.
        until: Timestamp,
    },
    /// No longer offered: EKS upgrades such control planes by itself.
    Ended {
        /// The day support ended.
        since: Timestamp,
    },
    /// The catalog does not know this minor.
    Uncatalogued,
}

/// A support tier, which has a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupportTier {
    /// Standard support.
    Standard,
    /// Extended support.
    Extended,
}

/// The price of a control plane in one tier.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The tier.
    pub tier: SupportTier,
    /// US cents per cluster and hour.
    pub cents_per_hour: u32,
    /// The day from which EKS charges it.
    pub effective_from: Timestamp,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

impl Catalog {
    /// Returns the support window of `minor`.
    pub fn support(&self, minor: KubeMinor) -> Option<&SupportWindow> {
        self.support.get(&minor)
    }

    /// Returns all support windows, oldest minor first.
    pub fn support_windows(&self) -> impl DoubleEndedIterator<Item = &SupportWindow> {
        self.support.values()
    }

    /// Returns where `minor` stands at `at`.
    pub fn support_state(&self, minor: KubeMinor, at: Timestamp) -> SupportState {
        let Some(window) = self.support(minor) else {
            return SupportState::Uncatalogued;
        };
        if at < window.released {
            return SupportState::NotYetOffered {
                from: window.released,
            };
        }
        if at < window.end_standard {
            return SupportState::Standard {
                until: window.end_standard,
            };
        }
        match window.end_extended {
            Some(until) if at < until => SupportState::Extended { until },
            Some(since) => SupportState::Ended { since },
            None => SupportState::Ended {
                since: window.end_standard,
            },
        }
    }

    /// Returns the newest minor that EKS had released at `at`.
    pub fn newest_offered(&self, at: Timestamp) -> Option<KubeMinor> {
        self.support_windows()
            .rev()
            .find(|window| window.released <= at)
            .map(|window| window.minor)
    }

    /// Returns the price of a control plane in `tier`.
    pub fn price(&self, tier: SupportTier) -> Option<&Price> {
        self.prices.iter().rfind(|price| price.tier == tier)
    }

    /// Returns US cents per cluster and hour in `state`, or `None` where EKS
    /// runs no such control plane or the catalog does not know.
    pub fn price_per_hour_cents(&self, state: SupportState) -> Option<u32> {
        let tier = match state {
            SupportState::Standard { .. } => SupportTier::Standard,
            SupportState::Extended { .. } => SupportTier::Extended,
            SupportState::NotYetOffered { .. }
            | SupportState::Ended { .. }
            | SupportState::Uncatalogued => return None,
        };
        self.price(tier).map(|price| price.cents_per_hour)
    }
}
