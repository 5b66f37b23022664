//! Nodes: whose they are, what they run, whether they take pods.

use super::object::{
    Fetched, KEY_MAX, Wrong, at, each, flag, known, known_or_absent, labels, list, needed, plain,
    shown, text,
};
use serde_json::Value;
use stairway_core::model::{Known, KubeVersion, Node};
use std::collections::BTreeMap;

/// Nodes of a managed group have it (EKS user guide, managed node groups).
const MANAGED_GROUP: &str = "eks.amazonaws.com/nodegroup";
/// eksctl gives it to the nodes of every group that it makes (eksctl, `pkg/apis/eksctl.io/v1alpha5/types.go`).
const EKSCTL_GROUP: &str = "alpha.eksctl.io/nodegroup-name";
/// `fargate` or `auto` (EKS user guide, Fargate and Auto Mode).
const COMPUTE_TYPE: &str = "eks.amazonaws.com/compute-type";
/// Karpenter's nodes have it, and so have those of Auto Mode (Karpenter v1, well-known labels).
const NODE_POOL: &str = "karpenter.sh/nodepool";
const ZONE: &str = "topology.kubernetes.io/zone";
const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
/// Taints that the control plane gives and takes by itself (Kubernetes, Well-Known Labels, Annotations and Taints):
/// they say no more than the condition or the cordon that they stand for.
const CONTROL_PLANE_TAINTS: &str = "node.kubernetes.io/";

pub(super) fn nodes(fetched: &Fetched) -> Known<Vec<Node>> {
    each(fetched, "nodes", |object| node(object).map(Some))
}

fn node(object: &Value) -> Result<Node, Wrong> {
    let labels = labels(object, "/metadata/labels")?;
    let label = |key: &str| labels.get(key).filter(|value| !value.is_empty());
    let nodegroup = label(MANAGED_GROUP)
        .or_else(|| label(EKSCTL_GROUP))
        .cloned();
    let fact = |key: &str| match label(key) {
        Some(value) => Known::Value(value.clone()),
        None => Known::Absent,
    };
    Ok(Node {
        name: needed(object, "/metadata/name")?.to_owned(),
        provisioner: match nodegroup {
            Some(_) => None,
            None => Some(provisioner(&labels).to_owned()),
        },
        nodegroup,
        kubelet: known(kubelet(object)),
        ready: known_or_absent(ready(object)),
        unschedulable: flag(object, "/spec/unschedulable")?,
        taints: taints(object)?,
        zone: fact(ZONE),
        instance_type: fact(INSTANCE_TYPE),
    })
}

fn provisioner(labels: &BTreeMap<String, String>) -> &'static str {
    match labels.get(COMPUTE_TYPE).map(String::as_str) {
        Some("fargate") => "fargate",
        Some("auto") => "auto-mode",
        Some(_) | None if labels.contains_key(NODE_POOL) => "karpenter",
        Some(_) | None => "other",
    }
}

fn kubelet(object: &Value) -> Result<KubeVersion, Wrong> {
    let told = needed(object, "/status/nodeInfo/kubeletVersion")?;
    told.parse()
        .map_err(|_| format!("the kubelet's version `{}` is none", shown(told)))
}

/// `Unknown` means that the kubelet no longer says anything: such a node is not Ready, and kubectl says so too.
fn ready(object: &Value) -> Result<Option<bool>, Wrong> {
    for condition in list(object, "/status/conditions")? {
        if text(condition, "/type")? == Some("Ready") {
            return match text(condition, "/status")? {
                Some("True") => Ok(Some(true)),
                Some("False" | "Unknown") => Ok(Some(false)),
                Some(other) => Err(format!("the condition Ready is `{}`", shown(other))),
                None => Err("the condition Ready says nothing".to_owned()),
            };
        }
    }
    Ok(None)
}

/// A key may be there twice, with two effects.
fn taints(object: &Value) -> Result<Vec<String>, Wrong> {
    let mut keys: Vec<String> = Vec::new();
    for taint in list(object, "/spec/taints")? {
        let Some(Value::String(key)) = at(taint, "/key") else {
            return Err("a taint has no key".to_owned());
        };
        plain(key, "the key of a taint", KEY_MAX)?;
        if !key.starts_with(CONTROL_PLANE_TAINTS) && !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    keys.sort();
    Ok(keys)
}
