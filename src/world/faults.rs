//! How the world misbehaves when it is told to: each documented lie and failure as a switch.

use crate::World;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// One way in which tools, EKS or the cluster misbehave.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// `eksctl create nodegroup` does nothing and exits 0.
    SilentSkip,
    /// The change is done and the tool exits 1.
    #[serde(rename = "exit-1-after-success")]
    Exit1AfterSuccess,
    /// The tool or the API fails and nothing was begun.
    ErrorBeforeEffect,
    /// The change was begun and the tool or the API reports an error.
    ErrorAfterEffect,
    /// CloudFormation rolls the new nodegroup's stack back.
    CreateRollsBack,
    /// CloudFormation cannot delete the stack.
    DeleteFails,
    /// A budget never allows an eviction.
    DrainTimeout,
    /// EKS reverts a control plane's update by itself.
    UpdateReverted,
    /// EKS's update of a managed nodegroup fails.
    NodegroupUpdateFails,
    /// EKS's update of an add-on fails.
    AddonUpdateFails,
    /// New nodes of a group never become Ready.
    NodesNeverReady,
    /// The autoscaler changes counts at random times.
    AutoscalerMovesCounts,
    /// EKS refuses a hop while managed groups lag.
    RefuseUnmatchedNodegroups,
    /// Requests are throttled.
    Throttle,
    /// A read tells what was true up to a minute ago.
    StaleRead,
    /// A read cannot tell pods or updates.
    UnknownFacts,
    /// Everything takes four times as long.
    Slow,
    /// The change is done and the tool does not return until its timeout.
    ToolHangs,
    /// Somebody else changes the cluster's configuration.
    ForeignUpdate,
    /// A node stops being Ready for a while.
    LostNodes,
    /// After a hop a pod of kube-system crashes again and again.
    CrashLoop,
}

/// Each fault with its name and its meaning.
const WORDS: &[(Fault, &str, &str)] = &[
    (
        Fault::SilentSkip,
        "silent-skip",
        "eksctl create nodegroup skips the group and exits 0 (eksctl #8712, nodegroup_filter.go)",
    ),
    (
        Fault::Exit1AfterSuccess,
        "exit-1-after-success",
        "the change is done, and the tool exits 1 asking for credentials (eksctl #4357)",
    ),
    (
        Fault::ErrorBeforeEffect,
        "error-before-effect",
        "the tool or the API fails with a server error before anything begins (EKS API: ServerException, 500)",
    ),
    (
        Fault::ErrorAfterEffect,
        "error-after-effect",
        "the change begins and the answer is lost (EKS API: clientRequestToken exists for this)",
    ),
    (
        Fault::CreateRollsBack,
        "create-rolls-back",
        "the new nodegroup's stack ends in ROLLBACK_COMPLETE, exit 1 (eksctl #8712 #4006)",
    ),
    (
        Fault::DeleteFails,
        "delete-fails",
        "the stack ends in DELETE_FAILED because an interface or security group is in use, exit 1 (CloudFormation)",
    ),
    (
        Fault::DrainTimeout,
        "drain-timeout",
        "a disruption budget never allows an eviction and the drain runs into its timeout (eksctl #1052 #2628 #7719)",
    ),
    (
        Fault::UpdateReverted,
        "update-reverted",
        "a control plane's update fails and EKS goes back to the old version (EKS user guide, update-cluster)",
    ),
    (
        Fault::NodegroupUpdateFails,
        "nodegroup-update-fails",
        "a managed nodegroup's update ends as Failed (EKS API: NodeCreationFailure, PodEvictionFailure)",
    ),
    (
        Fault::AddonUpdateFails,
        "addon-update-fails",
        "an add-on ends in UPDATE_FAILED or DEGRADED (EKS API: ConfigurationConflict; eksctl #7293)",
    ),
    (
        Fault::NodesNeverReady,
        "nodes-never-ready",
        "new nodes join and never become Ready (eksctl WaitForNodes; EKS troubleshooting)",
    ),
    (
        Fault::AutoscalerMovesCounts,
        "autoscaler-moves-counts",
        "the cluster autoscaler changes node counts between minimum and maximum (kubernetes/autoscaler)",
    ),
    (
        Fault::RefuseUnmatchedNodegroups,
        "refuse-unmatched-nodegroups",
        "EKS refuses a hop while managed nodegroups are at another version (eksctl #3727, terraform-provider-aws #19478)",
    ),
    (
        Fault::Throttle,
        "throttle",
        "requests are refused with ThrottlingException (eksctl #567 #2946 #7875)",
    ),
    (
        Fault::StaleRead,
        "stale-read",
        "a read returns the state of up to 60 seconds ago (AWS control planes are eventually consistent)",
    ),
    (
        Fault::UnknownFacts,
        "unknown-facts",
        "a read cannot tell pods or updates (throttled lists; partial permissions)",
    ),
    (
        Fault::Slow,
        "slow",
        "everything takes four times as long (eksctl #3621: default timeouts are too short)",
    ),
    (
        Fault::ToolHangs,
        "tool-hangs",
        "the change is done and the tool waits until its timeout, exit 1 (eksctl #7269)",
    ),
    (
        Fault::ForeignUpdate,
        "foreign-update",
        "somebody else's ConfigUpdate of the control plane is in progress (EKS API: ResourceInUseException)",
    ),
    (
        Fault::LostNodes,
        "lost-nodes",
        "a node stops being Ready for a while (Kubernetes: node lifecycle)",
    ),
    (
        Fault::CrashLoop,
        "crash-loop",
        "after a hop a pod of kube-system is in CrashLoopBackOff (eksctl #6048: aws-node after a manifest update)",
    ),
];

impl Fault {
    /// Every fault.
    pub const ALL: &[Self] = &[
        Self::SilentSkip,
        Self::Exit1AfterSuccess,
        Self::ErrorBeforeEffect,
        Self::ErrorAfterEffect,
        Self::CreateRollsBack,
        Self::DeleteFails,
        Self::DrainTimeout,
        Self::UpdateReverted,
        Self::NodegroupUpdateFails,
        Self::AddonUpdateFails,
        Self::NodesNeverReady,
        Self::AutoscalerMovesCounts,
        Self::RefuseUnmatchedNodegroups,
        Self::Throttle,
        Self::StaleRead,
        Self::UnknownFacts,
        Self::Slow,
        Self::ToolHangs,
        Self::ForeignUpdate,
        Self::LostNodes,
        Self::CrashLoop,
    ];

    fn words(self) -> (&'static str, &'static str) {
        let found = WORDS.iter().find(|(fault, _, _)| *fault == self);
        found.map_or(("", ""), |(_, name, meaning)| (*name, *meaning))
    }

    /// Returns its name, as in a world file.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// Returns what happens, and who documents it.
    pub fn meaning(self) -> &'static str {
        self.words().1
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .iter()
            .copied()
            .find(|fault| fault.name() == text)
            .ok_or_else(|| {
                let names: Vec<&str> = Self::ALL.iter().map(|fault| fault.name()).collect();
                format!(
                    "`{text}` is no misbehaviour; there are {}",
                    names.join(", ")
                )
            })
    }
}

/// A switch that is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Misbehaviour {
    /// What happens.
    pub fault: Fault,
    /// To which group, add-on or cluster; to any when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How often it strikes; 0 means always.
    #[serde(default = "once")]
    pub times: u32,
}

const fn once() -> u32 {
    1
}

impl Misbehaviour {
    /// Returns a misbehaviour that strikes `times` times, whoever it meets.
    pub const fn of(fault: Fault, times: u32) -> Self {
        Self {
            fault,
            subject: None,
            times,
        }
    }

    /// Returns the same for one group, add-on or cluster.
    #[must_use]
    pub fn on(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }
}

impl World {
    /// Switches a misbehaviour on.
    pub fn misbehave(&mut self, misbehaviour: Misbehaviour) {
        self.misbehave.push(misbehaviour);
        self.arm();
    }

    /// Returns true when the fault would strike the subject.
    pub(crate) fn would_strike(&self, fault: Fault, subject: &str) -> bool {
        self.misbehave.iter().any(|one| one.hits(fault, subject))
    }

    /// Returns true when the fault strikes the subject now, and counts it.
    pub(crate) fn strikes(&mut self, fault: Fault, subject: &str) -> bool {
        let Some(index) = self.misbehave.iter().position(|m| m.hits(fault, subject)) else {
            return false;
        };
        match self.misbehave[index].times {
            0 => {}
            1 => {
                self.misbehave.remove(index);
            }
            more => self.misbehave[index].times = more - 1,
        }
        *self
            .books
            .struck
            .entry(fault.name().to_owned())
            .or_default() += 1;
        true
    }

    /// Returns how often a fault struck so far.
    pub fn struck(&self, fault: Fault) -> u32 {
        self.books.struck.get(fault.name()).copied().unwrap_or(0)
    }
}

impl Misbehaviour {
    fn hits(&self, fault: Fault, subject: &str) -> bool {
        self.fault == fault && self.subject.as_deref().is_none_or(|one| one == subject)
    }
}
