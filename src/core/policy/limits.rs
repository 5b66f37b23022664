//! Limits of EKS that bound a plan, each with its reason.

use crate::model::{KubeMinor, Timestamp};

/// The last minor with Amazon Linux 2: EKS builds no AL2 AMI from 1.33 on.
///
/// Source: AWS EKS user guide, AL2 AMI deprecation; eksctl refuses such configs.
pub const AL2_LAST_MINOR: KubeMinor = KubeMinor::of(32);
/// Days after an upgrade in which EKS can roll the control plane back.
///
/// Source: AWS EKS user guide, rollback-cluster: "within 7 days".
pub const ROLLBACK_WINDOW_DAYS: i64 = 7;
/// How many minors a rollback goes: exactly N to N−1.
pub const ROLLBACK_MINORS: u16 = 1;
/// Free addresses that EKS may need in the cluster's subnets for an upgrade.
///
/// Source: AWS EKS user guide, update-cluster: "up to five available IP addresses".
pub const FREE_ADDRESSES_FOR_UPGRADE: u32 = 5;
/// The first eksctl that can roll a control plane back (eksctl PR #8780).
pub const EKSCTL_ROLLBACK_SINCE: &str = "0.229.0";
/// The default quota of managed nodegroups per cluster, when the observation has none.
///
/// Source: AWS service quotas, "Managed node groups per cluster".
pub const MANAGED_NODEGROUPS_DEFAULT: u32 = 30;

/// How long the name of a stack may be.
///
/// Source: AWS CloudFormation API, CreateStack: `StackName`, "can't be longer than 128 characters".
pub const STACK_NAME_LENGTH_MAX: usize = 128;

/// Returns true when a group with this AMI family may not exist in a file for `minor`.
pub fn al2_is_gone(minor: KubeMinor) -> bool {
    minor > AL2_LAST_MINOR
}

/// Returns the instant at which the rollback window of an upgrade closes.
pub const fn rollback_deadline(upgraded_at: Timestamp) -> Timestamp {
    upgraded_at.plus_days(ROLLBACK_WINDOW_DAYS)
}

/// Returns true when a rollback of an upgrade at `upgraded_at` is still open at `at`.
pub fn rollback_is_open(upgraded_at: Timestamp, at: Timestamp) -> bool {
    at < rollback_deadline(upgraded_at)
}
