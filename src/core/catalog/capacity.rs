//! How much fits, how many are allowed, and how long it takes.

use super::Catalog;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The pods that nodes of an EC2 instance family hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceFamily {
    /// The part before the dot, such as `r8i-flex`.
    pub family: String,
    /// Size → pods per node with secondary IPs: ENIs × (IPv4 addresses − 1) + 2.
    pub max_pods: BTreeMap<String, u32>,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

/// A limit of EKS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Our name, such as `managed-nodegroups-per-cluster`.
    pub id: String,
    /// The default limit, in the things that the name counts.
    pub value: u32,
    /// Whether AWS raises it on request, so that live accounts may allow more.
    pub adjustable: bool,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

/// What a duration is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// The whole operation.
    Operation,
    /// Each node.
    Node,
}

/// How long an operation takes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duration {
    /// The operation, such as `upgrade-control-plane`.
    pub operation: String,
    /// What the seconds are for.
    pub per: Per,
    /// The shortest that is plausible, in seconds.
    pub min_seconds: u64,
    /// What to plan with, in seconds.
    pub typical_seconds: u64,
    /// When to stop waiting, in seconds.
    pub max_seconds: u64,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source; says `estimate` where there is no measurement.
    pub source: String,
}

impl Catalog {
    /// Returns how many pods a node of `instance_type` holds with the VPC CNI
    /// in secondary-IP mode; prefix delegation and `maxPodsPerNode` override it.
    pub fn max_pods(&self, instance_type: &str) -> Option<u32> {
        let (family, size) = instance_type.split_once('.')?;
        self.instances.get(family)?.max_pods.get(size).copied()
    }

    /// Returns the limit called `id`.
    pub fn quota(&self, id: &str) -> Option<&Quota> {
        self.quotas.get(id)
    }

    /// Returns how long `operation` takes.
    pub fn duration(&self, operation: &str) -> Option<&Duration> {
        self.durations.get(operation)
    }
}
