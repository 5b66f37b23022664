//! What a plan asks of the Kubernetes API.

use crate::World;
use crate::faults::Fault;
use crate::nodes::is_mark;
use serde_json::Value;
use stairway_core::model::KubeMinor;
use std::collections::BTreeSet;

/// An error of the Kubernetes API: `metav1.Status` has a reason and a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct KubeError {
    /// `NotFound`, `TooManyRequests`, `InternalError`.
    pub reason: &'static str,
    /// The message.
    pub message: String,
}

fn refuse(reason: &'static str, message: impl Into<String>) -> Result<(), KubeError> {
    Err(KubeError {
        reason,
        message: message.into(),
    })
}

/// Carries out a Kubernetes action.
///
/// `patch-nodes` of `nodes?nodegroup=NAME` adds and removes taints of the
/// nodes that the group has now; nodes that join later do not get them.
/// `patch` of `daemonsets/NAMESPACE/NAME` begins a rollout.
///
/// # Errors
/// As the API server answers.
pub fn act(world: &mut World, verb: &str, object: &str, body: &Value) -> Result<(), KubeError> {
    let subject = match object.strip_prefix("nodes?nodegroup=") {
        Some(group) => group,
        None => object.rsplit('/').next().unwrap_or_default(),
    };
    let subject = subject.to_owned();
    if world.strikes(Fault::Throttle, &subject) {
        return refuse(
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        );
    }
    if world.strikes(Fault::ErrorBeforeEffect, &subject) {
        return refuse(
            "InternalError",
            "Internal error occurred: etcdserver: request timed out",
        );
    }
    world.remember();
    match verb {
        "patch-nodes" => patch_nodes(world, &subject, body)?,
        "patch" => {
            if !world.begin_rollout(&subject, None) {
                return refuse("NotFound", format!("{object} not found"));
            }
        }
        other => return refuse("MethodNotAllowed", format!("{other} is not modelled")),
    }
    world.watch();
    if world.strikes(Fault::ErrorAfterEffect, &subject) {
        return refuse(
            "Timeout",
            "the server was unable to return a response in the time allotted, but may still be processing the request",
        );
    }
    Ok(())
}

fn patch_nodes(world: &mut World, group: &str, body: &Value) -> Result<(), KubeError> {
    if world.nodegroup(group).is_none() {
        return refuse("NotFound", format!("no nodes of the nodegroup {group}"));
    }
    let keys = |key: &str| -> BTreeSet<String> {
        let items = body.get(key).and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(|taint| crate::text(taint, "key").map(str::to_owned))
            .collect()
    };
    let (add, remove) = (keys("addOrUpdateTaints"), keys("removeTaints"));
    world.taint_nodes(group, &add, &remove);
    // A group without nodes keeps no taint; the autoscaler's tags on its Auto Scaling group do.
    if add.iter().any(|key| is_mark(key)) {
        world.books.marked.insert(group.to_owned());
    }
    if remove.iter().any(|key| is_mark(key)) {
        world.books.marked.remove(group);
    }
    if body.get("unschedulable").is_some() {
        let cordoned = body.get("unschedulable") == Some(&Value::Bool(true));
        let nodes = world.node_names(group);
        world.cordon(&nodes, cordoned);
    }
    Ok(())
}

/// Returns what `GET /version` tells: `major`, `minor` and `gitVersion`.
pub fn server_version(world: &World) -> Option<Value> {
    let version = world.version()?;
    let minor = KubeMinor::minor(version);
    Some(serde_json::json!({
        "major": "1",
        "minor": minor.to_string(),
        "gitVersion": format!("v{version}.0-eks"),
    }))
}
