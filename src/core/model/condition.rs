//! Conditions are data: a plan carries them, a verifier evaluates them on live facts.

use super::{AddonVersion, KubeMinor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A statement about a live cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "fact",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Condition {
    /// The control plane is ACTIVE at this minor and no update is in progress.
    ControlPlaneSettled {
        /// The minor.
        version: KubeMinor,
    },
    /// Every kubelet, and what every group would boot, is within the skew policy of this control plane.
    NodesWithinSkew {
        /// The control plane's minor.
        version: KubeMinor,
    },
    /// No upgrade insight for this minor is in ERROR.
    UpgradeInsightsClear {
        /// The minor.
        version: KubeMinor,
    },
    /// Every rollback insight is PASSING or WARNING; UNKNOWN does not count.
    RollbackInsightsClear,
    /// No nodegroup of this name exists, and no stack of it in any state.
    NodegroupAbsent {
        /// Its name.
        nodegroup: String,
    },
    /// The nodegroup exists and is healthy; a managed one is ACTIVE at `version`.
    NodegroupActive {
        /// Its name.
        nodegroup: String,
        /// The minor that it boots, when it matters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<KubeMinor>,
    },
    /// At least this many nodes of the group are Ready at this minor, and can take the pods to move.
    NodesReady {
        /// The group.
        nodegroup: String,
        /// How many.
        at_least: u32,
        /// The minor of their kubelets.
        version: KubeMinor,
    },
    /// The group carries stairway's phase-out taint and no node joined it since.
    NodegroupTainted {
        /// The group.
        nodegroup: String,
    },
    /// Every node of the group is cordoned.
    NodegroupCordoned {
        /// The group.
        nodegroup: String,
    },
    /// No pod but daemons is left on the group.
    NodegroupEmpty {
        /// The group.
        nodegroup: String,
    },
    /// No pod that the policy counts as activity is left on the group.
    NodegroupNotBusy {
        /// The group.
        nodegroup: String,
    },
    /// The group is the one that the plan saw: same ARN and creation time.
    NodegroupIdentity {
        /// The group.
        nodegroup: String,
        /// ARN as observed; empty when it was not recorded, and then read at apply.
        arn: String,
        /// Creation time as observed, RFC 3339; empty when it was not recorded.
        created_at: String,
    },
    /// The group's scaling bounds; the desired count is the autoscaler's.
    NodegroupScaling {
        /// The group.
        nodegroup: String,
        /// Lower bound.
        min: u32,
        /// Upper bound.
        max: u32,
    },
    /// At least one other core group has a Ready node.
    CoreElsewhere {
        /// The group that is about to go.
        nodegroup: String,
    },
    /// The EKS-managed add-on is ACTIVE at this version.
    AddonActive {
        /// Its name.
        addon: String,
        /// The version.
        version: AddonVersion,
    },
    /// The add-on is not installed through EKS.
    AddonAbsent {
        /// Its name.
        addon: String,
    },
    /// The workload of kube-system is rolled out: all replicas updated and available.
    WorkloadRolledOut {
        /// `DaemonSet` or `Deployment`.
        workload: String,
        /// Its name in kube-system.
        name: String,
        /// The version in the image tag, when it matters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<AddonVersion>,
    },
    /// The workload's rollout is stuck: its pods cannot start because of their security context.
    WorkloadStuckOnSecurityContext {
        /// Its name in kube-system.
        name: String,
    },
    /// Nodes, kube-system rollouts, Pending and CrashLoop pods are no worse than before the step.
    HealthNotWorse {
        /// For how long it must hold, in seconds.
        seconds: u32,
    },
    /// The cluster's support type, `STANDARD` or `EXTENDED`.
    SupportType {
        /// The type.
        value: String,
    },
    /// Labels, taints or settings of the group are as git declares them.
    NodegroupSettings {
        /// The group.
        nodegroup: String,
        /// The eksctl fields.
        fields: Vec<String>,
    },
    /// A person confirmed that the runbook of a manual step was done.
    OperatorConfirms {
        /// What is confirmed.
        what: String,
    },
}
