//! Conditions are data: a plan carries them, a verifier evaluates them on live facts.

use super::{AddonVersion, KubeMinor, Pod};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Chooses pods by namespace and labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PodSelector {
    /// A namespace glob.
    pub namespace: String,
    /// Labels that all must match: `component=singleuser-server,tier=user`.
    pub selector: String,
}

impl PodSelector {
    /// Returns true when the selector chooses `pod`.
    pub fn matches(&self, pod: &Pod) -> bool {
        glob_matches(&self.namespace, &pod.namespace)
            && self.selector.split(',').all(|term| {
                let (key, value) = term.split_once('=').unwrap_or((term, ""));
                pod.labels
                    .get(key.trim())
                    .is_some_and(|v| value.is_empty() || v == value.trim())
            })
    }
}

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
        /// Ids of insights that do not count: waived, or judged by the plan's own rules.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        accepted: Vec<String>,
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
    /// No node of the group carries stairway's phase-out taint, and the group does not either.
    NodegroupUntainted {
        /// The group.
        nodegroup: String,
    },
    /// No node of the group is cordoned.
    NodegroupUncordoned {
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
        /// Which pods count as activity.
        #[serde(default)]
        activity: Vec<PodSelector>,
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
        /// The other groups that carry the core.
        #[serde(default)]
        core: Vec<String>,
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
    /// The EKS-managed add-on is ACTIVE, and its settings are as git declares them.
    AddonSettings {
        /// Its name.
        addon: String,
        /// Field → value in git, sensitive ones as digests.
        expected: Map<String, Value>,
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
        /// Dotted path of each setting → its value in git; null for a setting that git leaves out.
        #[serde(default)]
        expected: Map<String, Value>,
        /// The same paths → the values before, for the way back.
        #[serde(default)]
        was: Map<String, Value>,
    },
    /// A person confirmed that the runbook of a manual step was done.
    OperatorConfirms {
        /// What is confirmed.
        what: String,
    },
}

/// Returns true when `glob` (`*` any run, `?` one character) matches all of `text`.
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if g < glob.len() && (glob[g] == '?' || (glob[g] == text[t] && glob[g] != '*')) {
            g += 1;
            t += 1;
        } else if g < glob.len() && glob[g] == '*' {
            star = Some((g, t));
            g += 1;
        } else if let Some((star_g, star_t)) = star {
            g = star_g + 1;
            t = star_t + 1;
            star = Some((star_g, t));
        } else {
            return false;
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}
