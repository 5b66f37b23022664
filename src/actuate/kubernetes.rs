//! Acting through the Kubernetes API of one cluster: a closed list of what plans ask for.
//!
//! | verb | object | what is done |
//! |---|---|---|
//! | `patch-nodes` | `nodes?nodegroup=NAME` | taints and cordons of the nodes that the group has now |
//! | `drain-nodes` | `nodes?nodegroup=NAME` | they are cordoned, and their pods leave through the Eviction API |
//! | `patch` | `daemonsets/NAMESPACE/NAME` | a part of its pod template |
//!
//! Each can be done twice: what is so already is not written again, and no pod is evicted for another one of
//! the same name. No pod is ever deleted.

mod asked;
mod daemons;
mod drain;
mod nodes;

use super::{Actuator, StepFiles, claim};
use crate::drive::{ActionCall, Interrupt};
use crate::kubernetes::{CallError, Trouble, Writes};
use asked::Asked;
use drain::Drain;
use serde_json::Value;
use stairway_core::journal::Claim;
use stairway_core::model::Timestamp;
use stairway_core::plan::wire::Action;
use std::sync::Arc;
use std::time::Duration;

/// A clock, for whoever waits.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The role whose reads are missing when one is refused.
const PLAN_ROLE: &str = "stairway-plan";
/// The role whose writes are missing when one is refused.
const APPLY_ROLE: &str = "stairway-apply";

/// How a drain spends its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainPace {
    /// An eviction that was refused is tried again after this time; a pod is watched for as long at once.
    pub retry: Duration,
    /// Rounds after which the pods are listed although the watch told nothing.
    pub rounds: u32,
    /// A pod that is there for so long after its grace is named.
    pub late: Duration,
}

impl Default for DrainPace {
    /// 5 s are kubectl's (kubernetes/kubectl, pkg/drain/drain.go; seen in recorded drains). A watch that a proxy
    /// swallowed is silent for ever: a list each minute finds that. Kubelets report an end within seconds.
    fn default() -> Self {
        Self {
            retry: Duration::from_secs(5),
            rounds: 12,
            late: Duration::from_secs(30),
        }
    }
}

/// Acts through the Kubernetes API of one cluster.
#[derive(Clone)]
pub struct KubernetesActuator {
    writes: Writes,
    clock: Clock,
    pace: DrainPace,
}

impl std::fmt::Debug for KubernetesActuator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubernetesActuator")
            .field("writes", &self.writes)
            .finish_non_exhaustive()
    }
}

impl KubernetesActuator {
    /// Returns what acts on the cluster that these writes are to; `clock` bounds drains.
    pub fn new(writes: Writes, clock: Clock) -> Self {
        Self {
            writes,
            clock,
            pace: DrainPace::default(),
        }
    }

    /// Returns the same with another pace.
    #[must_use]
    pub const fn with_pace(mut self, pace: DrainPace) -> Self {
        self.pace = pace;
        self
    }

    /// Carries out one Kubernetes action of a plan; whether its `only_if` holds is looked up by whoever asks.
    pub fn kube(
        &self,
        verb: &str,
        object: &str,
        body: &Value,
        watch: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> Claim {
        match Asked::read(verb, object, body) {
            Err(why) => claim(false, format!("`{verb} {object}` is refused: {why}")),
            Ok(Asked::PatchNodes { group, change }) => {
                nodes::patch(&self.writes, &group, &change, watch, interrupted)
            }
            Ok(Asked::DrainNodes { group, drain }) => Drain {
                writes: &self.writes,
                clock: &*self.clock,
                pace: self.pace,
                group: &group,
                asked: drain,
            }
            .run(watch, interrupted),
            Ok(Asked::PatchDaemonSet {
                namespace,
                name,
                body,
            }) => daemons::patch(&self.writes, &namespace, &name, &body),
        }
    }
}

impl Actuator for KubernetesActuator {
    fn act(
        &mut self,
        call: &ActionCall,
        _step_files: &StepFiles,
        watch: &mut dyn FnMut(&str),
        interrupted: &dyn Fn() -> Interrupt,
    ) -> Claim {
        match &call.action {
            Action::Kube {
                verb, object, body, ..
            } => self.kube(verb, object, body, watch, interrupted),
            Action::Run { tool, .. } => {
                claim(false, format!("the Kubernetes API runs no tool `{tool}`"))
            }
            Action::Aws { service, .. } => claim(
                false,
                format!("the Kubernetes API has no service `{service}`"),
            ),
            Action::Wait(_) => claim(false, "a wait is no action"),
        }
    }
}

/// Returns an error in words, with what to do about it; `role` is the one that allows the call.
fn said(error: &CallError, role: &str) -> String {
    let hint = error
        .hint()
        .map_or_else(String::new, |hint| format!("; {hint}"));
    if error.trouble == Trouble::Forbidden {
        return format!("{error}; the role `{role}` of templates/rbac allows it{hint}");
    }
    format!("{error}{hint}")
}

/// Returns a claim about an action that the operator stopped.
fn stopped(what: impl Into<String>) -> Claim {
    Claim {
        stopped: true,
        ..claim(false, what)
    }
}

#[cfg(test)]
pub(crate) mod tests;
