//! What a plan asks of the Kubernetes API.

use crate::World;
use serde_json::Value;
use stairway_core::model::Known;

/// Carries out a Kubernetes action; returns false when its object does not exist.
pub fn act(world: &mut World, verb: &str, object: &str, body: &Value) -> bool {
    if let (Some(group), "patch-nodes") = (object.strip_prefix("nodes?nodegroup="), verb) {
        let cordon = body.get("addOrUpdateTaints").is_some();
        let Some(live) = world.nodegroup_mut(group) else {
            return false;
        };
        // Taints of self-managed groups live on nodes; the tag remembers them in this model.
        let tags = live
            .spec
            .entry("tags")
            .or_insert_with(|| Value::Object(Default::default()));
        if let Value::Object(tags) = tags {
            if cordon {
                tags.insert(
                    "stairway/tainted".to_owned(),
                    Value::String("true".to_owned()),
                );
            } else {
                tags.remove("stairway/tainted");
            }
        }
        if let Known::Value(nodes) = &mut world.cluster.nodes {
            for node in nodes
                .iter_mut()
                .filter(|n| n.nodegroup.as_deref() == Some(group))
            {
                node.unschedulable = cordon;
            }
        }
        return true;
    }
    // A repair patches a workload that exists; rollouts always succeed here.
    let name = object.rsplit('/').next().unwrap_or_default();
    world
        .cluster
        .workloads
        .items()
        .iter()
        .any(|workload| workload.name == name)
}
