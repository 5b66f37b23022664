//! What nodes offer: processors, memory, architecture, and the labels that nobody declares.

use super::Catalog;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A processor architecture as `kubernetes.io/arch` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// 64-bit x86.
    Amd64,
    /// 64-bit ARM: Graviton.
    Arm64,
}

impl Architecture {
    /// Returns the value of `kubernetes.io/arch`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// The processors and the memory of an EC2 instance family.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceShapes {
    /// The part before the dot, such as `r8i-flex`.
    pub family: String,
    /// What its processors are.
    pub arch: Architecture,
    /// Size → vCPUs and MiB of memory; a size that is not listed is not known.
    pub sizes: BTreeMap<String, (u32, u32)>,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

/// What EKS images keep for the kubelet and the system.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeReserve {
    /// MiB of memory for every node.
    pub memory_mib: u32,
    /// MiB of memory for each pod that the node may hold.
    pub memory_mib_per_pod: u32,
    /// MiB below which the kubelet evicts.
    pub eviction_mib: u32,
    /// Millicores of the first cores, in order.
    pub cpu_millis_of_first_cores: Vec<u32>,
    /// Millionths of a core for each core after them.
    pub cpu_micros_per_other_core: u32,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

/// Where the value of a well-known label comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelFrom {
    /// The group's name in EKS.
    Nodegroup,
    /// The cluster's name.
    Cluster,
    /// The processors.
    Arch,
    /// `linux`, or `windows` by the image family.
    Os,
    /// The instance type.
    InstanceType,
    /// The availability zone.
    Zone,
    /// The region.
    Region,
    /// `ON_DEMAND` or `SPOT`, as EKS says it.
    CapacityType,
    /// `on-demand` or `spot`, as eksctl says it.
    Lifecycle,
    /// The node itself: no other node has the value.
    Node,
    /// Something that no config tells.
    Unforeseen,
}

/// On which groups a label stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelOn {
    /// Those that EKS manages.
    Managed,
    /// The others.
    SelfManaged,
}

/// A label that nodes carry without anybody declaring it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeLabel {
    /// Its key.
    pub key: String,
    /// Where its value comes from.
    pub from: LabelFrom,
    /// On which groups; none for all.
    #[serde(default)]
    pub on: Option<LabelOn>,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

impl NodeLabel {
    /// Returns true when nodes of such a group carry the label.
    pub fn stands_on(&self, managed: bool) -> bool {
        match self.on {
            None => true,
            Some(LabelOn::Managed) => managed,
            Some(LabelOn::SelfManaged) => !managed,
        }
    }
}

impl Catalog {
    /// Returns the architecture of `instance_type`.
    pub fn architecture(&self, instance_type: &str) -> Option<Architecture> {
        let (family, _) = instance_type.split_once('.')?;
        Some(self.shapes.get(family)?.arch)
    }

    /// Returns what pods can ask for at most on a node of `instance_type` that holds `max_pods`:
    /// millicores and MiB.
    ///
    /// The instance's own figures less what EKS images keep back. The hypervisor and the kernel
    /// take a little more, so a node never offers more than this.
    pub fn allocatable(&self, instance_type: &str, max_pods: u32) -> Option<(u32, u32)> {
        let (family, size) = instance_type.split_once('.')?;
        let (cores, memory) = *self.shapes.get(family)?.sizes.get(size)?;
        let reserve = self.reserve.as_ref()?;
        let first = reserve
            .cpu_millis_of_first_cores
            .iter()
            .take(cores as usize);
        let listed = u32::try_from(reserve.cpu_millis_of_first_cores.len()).unwrap_or(u32::MAX);
        let others = cores.saturating_sub(listed) * reserve.cpu_micros_per_other_core / 1000;
        let kept =
            reserve.memory_mib + reserve.memory_mib_per_pod * max_pods + reserve.eviction_mib;
        Some((
            (cores * 1000).saturating_sub(first.sum::<u32>() + others),
            memory.saturating_sub(kept),
        ))
    }

    /// Returns what is known of a label that nobody declares.
    pub fn node_label(&self, key: &str) -> Option<&NodeLabel> {
        self.labels.get(key)
    }
}
