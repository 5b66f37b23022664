//! Conditions in words.

use super::words::{count, list};
use crate::model::{Condition, say_seconds};
use std::fmt::Write as _;

/// Returns a condition as a statement about the cluster.
pub fn condition_in_words(condition: &Condition) -> String {
    match condition {
        Condition::ControlPlaneSettled { version } => {
            format!("the control plane is ACTIVE at {version} and no update is in progress")
        }
        Condition::NodesWithinSkew { version } => format!(
            "every kubelet, and what every group would boot, is legal under a control plane at {version}"
        ),
        Condition::UpgradeInsightsClear { version, .. } => {
            format!("no upgrade insight for {version} is in ERROR")
        }
        Condition::RollbackInsightsClear => {
            "every rollback insight is PASSING or WARNING; UNKNOWN does not count".to_owned()
        }
        Condition::NodegroupAbsent { nodegroup } => {
            format!("no nodegroup `{nodegroup}` exists, and no stack of that name in any state")
        }
        Condition::NodegroupActive { nodegroup, version } => match version {
            Some(version) => format!("nodegroup `{nodegroup}` is healthy and boots {version}"),
            None => format!("nodegroup `{nodegroup}` exists and is healthy"),
        },
        Condition::NodesReady {
            nodegroup,
            at_least,
            version,
        } => format!(
            "nodegroup `{nodegroup}` has at least {} Ready at {version}, able to take the pods that move",
            count(*at_least as usize, "node")
        ),
        Condition::NodegroupTainted { nodegroup } => format!(
            "nodegroup `{nodegroup}` carries the phase-out taint and no node joined it since"
        ),
        Condition::NodegroupCordoned { nodegroup } => {
            format!("every node of nodegroup `{nodegroup}` is cordoned")
        }
        Condition::NodegroupEmpty { nodegroup } => {
            format!("no pod but daemons is left on nodegroup `{nodegroup}`")
        }
        Condition::NodegroupNotBusy { nodegroup, .. } => {
            format!("no pod that counts as activity is left on nodegroup `{nodegroup}`")
        }
        Condition::NodegroupIdentity {
            nodegroup,
            arn,
            created_at,
        } => identity(nodegroup, arn, created_at),
        Condition::NodegroupScaling {
            nodegroup,
            min,
            max,
        } => {
            format!("nodegroup `{nodegroup}` may scale from {min} to {max}")
        }
        Condition::CoreElsewhere { nodegroup, .. } => {
            format!("a core group other than `{nodegroup}` has a Ready node")
        }
        Condition::AddonActive { .. }
        | Condition::AddonAbsent { .. }
        | Condition::AddonSettings { .. }
        | Condition::WorkloadRolledOut { .. }
        | Condition::WorkloadStuckOnSecurityContext { .. }
        | Condition::HealthNotWorse { .. }
        | Condition::SupportType { .. }
        | Condition::NodegroupSettings { .. }
        | Condition::NodegroupUntainted { .. }
        | Condition::NodegroupUncordoned { .. }
        | Condition::OperatorConfirms { .. } => other_condition(condition),
    }
}

/// The second half of [`condition_in_words`]; empty for the conditions of the first.
fn other_condition(condition: &Condition) -> String {
    match condition {
        Condition::AddonActive { addon, version } => {
            format!("add-on `{addon}` is ACTIVE at {version}")
        }
        Condition::AddonAbsent { addon } => {
            format!("add-on `{addon}` is not installed through EKS")
        }
        Condition::AddonSettings { addon, .. } => {
            format!("add-on `{addon}` is ACTIVE, and its settings are as git declares")
        }
        Condition::WorkloadRolledOut {
            workload,
            name,
            version,
        } => {
            let at = version
                .as_ref()
                .map_or_else(String::new, |version| format!(" at {version}"));
            format!(
                "{workload} `kube-system/{name}` is rolled out{at}: all replicas updated and available"
            )
        }
        Condition::WorkloadStuckOnSecurityContext { name } => {
            format!("the rollout of `kube-system/{name}` is stuck because of its security context")
        }
        Condition::HealthNotWorse { seconds } => format!(
            "for {}, nodes, kube-system rollouts, Pending and CrashLoop pods are no worse than before the step",
            say_seconds(u64::from(*seconds))
        ),
        Condition::SupportType { value } => format!("the cluster's support type is {value}"),
        Condition::NodegroupSettings {
            nodegroup, fields, ..
        } => {
            let quoted: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
            format!(
                "nodegroup `{nodegroup}` has {} as git declares",
                list(&quoted)
            )
        }
        Condition::NodegroupUntainted { nodegroup } => {
            format!("nodegroup `{nodegroup}` carries the phase-out taint no more")
        }
        Condition::NodegroupUncordoned { nodegroup } => {
            format!("no node of nodegroup `{nodegroup}` is cordoned")
        }
        Condition::OperatorConfirms { what } => format!("a person confirmed: {what}"),
        Condition::ControlPlaneSettled { .. }
        | Condition::NodesWithinSkew { .. }
        | Condition::UpgradeInsightsClear { .. }
        | Condition::RollbackInsightsClear
        | Condition::NodegroupAbsent { .. }
        | Condition::NodegroupActive { .. }
        | Condition::NodesReady { .. }
        | Condition::NodegroupTainted { .. }
        | Condition::NodegroupCordoned { .. }
        | Condition::NodegroupEmpty { .. }
        | Condition::NodegroupNotBusy { .. }
        | Condition::NodegroupIdentity { .. }
        | Condition::NodegroupScaling { .. }
        | Condition::CoreElsewhere { .. } => String::new(),
    }
}

fn identity(nodegroup: &str, arn: &str, created_at: &str) -> String {
    let mut text = format!("nodegroup `{nodegroup}` is the very group that the plan saw");
    match (arn.is_empty(), created_at.is_empty()) {
        (true, true) => text.push_str(", by an identity that is read at apply"),
        (false, true) => {
            let _ = write!(text, " (`{arn}`)");
        }
        (true, false) => {
            let _ = write!(text, " (created {created_at})");
        }
        (false, false) => {
            let _ = write!(text, " (`{arn}`, created {created_at})");
        }
    }
    text
}
