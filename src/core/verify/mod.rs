//! Condition × observation → whether it holds, and what is seen.
//!
//! A fact that is unknown satisfies nothing. Exit codes and answers of tools
//! have no say here: only what a read of the live cluster shows.

mod addons;
mod control_plane;
mod groups;
mod health;

pub use health::health_of;

use crate::journal::Health;
use crate::model::{Condition, Known, Observation, Timestamp};

/// Whether a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, and what is seen.
    Met(String),
    /// Not now; it may come true by waiting.
    NotYet(String),
    /// A fact that it needs could not be read.
    Unknown(String),
    /// It does not hold, and waiting does not help.
    Refuted(String),
}

impl Verdict {
    /// Returns true when the condition holds.
    pub const fn is_met(&self) -> bool {
        matches!(self, Self::Met(_))
    }

    /// Returns what is seen.
    pub fn why(&self) -> &str {
        match self {
            Self::Met(why) | Self::NotYet(why) | Self::Unknown(why) | Self::Refuted(why) => why,
        }
    }
}

/// On what a verdict rests besides the observation.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The time of the look.
    pub now: Timestamp,
    /// When the change that is waited for was intended; none for a precondition.
    pub since: Option<Timestamp>,
    /// The cluster's health before that change.
    pub health: Option<&'a Health>,
}

/// Judges `condition` by what is observed.
pub fn verify(condition: &Condition, observed: &Observation, ground: Ground<'_>) -> Verdict {
    match condition {
        Condition::ControlPlaneSettled { version } => {
            control_plane::settled(*version, observed, ground)
        }
        Condition::NodesWithinSkew { version } => control_plane::within_skew(*version, observed),
        Condition::UpgradeInsightsClear { version, accepted } => {
            control_plane::upgrade_insights(*version, accepted, observed)
        }
        Condition::RollbackInsightsClear => control_plane::rollback_insights(observed),
        Condition::SupportType { value } => control_plane::support_type(value, observed),
        Condition::NodegroupAbsent { nodegroup } => groups::absent(nodegroup, observed, ground),
        Condition::NodegroupActive { nodegroup, version } => {
            groups::active(nodegroup, *version, observed, ground)
        }
        Condition::NodesReady {
            nodegroup,
            at_least,
            version,
        } => groups::ready(nodegroup, *at_least, *version, observed, ground),
        Condition::NodegroupTainted { nodegroup } => groups::tainted(nodegroup, observed),
        Condition::NodegroupUntainted { nodegroup } => groups::untainted(nodegroup, observed),
        Condition::NodegroupUncordoned { nodegroup } => groups::uncordoned(nodegroup, observed),
        Condition::NodegroupCordoned { nodegroup } => groups::cordoned(nodegroup, observed),
        Condition::NodegroupEmpty { nodegroup } => groups::empty(nodegroup, observed),
        Condition::NodegroupNotBusy {
            nodegroup,
            activity,
        } => groups::not_busy(nodegroup, activity, observed),
        Condition::NodegroupIdentity {
            nodegroup,
            arn,
            created_at,
        } => groups::identity(nodegroup, arn, created_at, observed),
        Condition::NodegroupScaling {
            nodegroup,
            min,
            max,
        } => groups::scaling(nodegroup, (*min, *max), observed),
        Condition::NodegroupSettings {
            nodegroup,
            expected,
            ..
        } => groups::settings(nodegroup, expected, observed),
        Condition::CoreElsewhere { nodegroup, core } => {
            groups::core_elsewhere(nodegroup, core, observed)
        }
        Condition::AddonActive { addon, version } => {
            addons::active(addon, version, observed, ground)
        }
        Condition::AddonAbsent { addon } => addons::absent(addon, observed, ground),
        Condition::AddonSettings { addon, expected } => addons::settings(addon, expected, observed),
        Condition::WorkloadRolledOut {
            workload,
            name,
            version,
        } => addons::rolled_out(workload, name, version.as_ref(), observed),
        Condition::WorkloadStuckOnSecurityContext { name } => addons::stuck(name, observed),
        Condition::HealthNotWorse { seconds } => health::not_worse(*seconds, observed, ground),
        Condition::OperatorConfirms { what } => {
            Verdict::Unknown(format!("nobody confirmed it: {what}"))
        }
    }
}

/// Returns the value, or the verdict that its absence or ignorance gives.
fn known<'o, T>(fact: &'o Known<T>, what: &str) -> Result<&'o T, Verdict> {
    match fact {
        Known::Value(value) => Ok(value),
        Known::Absent => Err(Verdict::Refuted(format!("there is no {what}"))),
        Known::Unknown(why) => Err(Verdict::Unknown(format!("{what} could not be read: {why}"))),
    }
}

/// Returns the items; absence is an empty list, ignorance a verdict.
fn list<'o, T>(fact: &'o Known<Vec<T>>, what: &str) -> Result<&'o [T], Verdict> {
    match fact {
        Known::Value(items) => Ok(items),
        Known::Absent => Ok(&[]),
        Known::Unknown(why) => Err(Verdict::Unknown(format!(
            "the {what} could not be read: {why}"
        ))),
    }
}

/// Returns a number with its noun: `1 node`, `2 nodes`.
fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

const fn is_or_are(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// Either way of a judgement is its verdict.
fn either(verdict: Result<Verdict, Verdict>) -> Verdict {
    verdict.unwrap_or_else(|verdict| verdict)
}

#[cfg(test)]
mod tests;
