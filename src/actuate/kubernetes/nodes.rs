//! Nodes of a group: which they are, their taints, their cordon.

use super::asked::{NodeChange, Taint};
use super::{APPLY_ROLE, PLAN_ROLE, said, stopped};
use crate::actuate::claim;
use crate::drive::Interrupt;
use crate::kubernetes::{CallError, Object, Patch, Reads, Resource, Selector, Trouble, Writes};
use serde_json::{Value, json};
use stairway_core::journal::Claim;
use std::collections::BTreeMap;
use std::time::Duration;

/// The labels by which a node tells its group: EKS's on managed groups, eksctl's on its own (catalog, node_labels).
pub(super) const GROUP_LABELS: [&str; 2] = [
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
];
/// A kubelet writes its node's status every few seconds at most: who fails so often meets something else.
const TRIES_MAX: u32 = 8;
/// Between two tries, so that another writer can finish.
const BREATH: Duration = Duration::from_millis(100);

/// What became of a node.
enum Changed {
    Written(String),
    SoAlready,
    Vanished,
}

/// Returns the nodes of a group, by name.
pub(super) fn of_group(reads: &Reads, group: &str) -> Result<BTreeMap<String, Value>, CallError> {
    let mut nodes = BTreeMap::new();
    for label in GROUP_LABELS {
        let selector = Selector::labels(format!("{label}={group}"));
        for node in reads.list(Resource::NODES, None, &selector)?.items {
            nodes.insert(text(&node, "/metadata/name").to_owned(), node);
        }
    }
    nodes.remove("");
    Ok(nodes)
}

pub(super) fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub(super) fn is_cordoned(node: &Value) -> bool {
    node.pointer("/spec/unschedulable") == Some(&Value::Bool(true))
}

/// Closes a node for new pods; false when it is gone. Nothing else of the node is written.
pub(super) fn cordon(writes: &Writes, name: &str) -> Result<bool, CallError> {
    let body = json!({"spec": {"unschedulable": true}});
    match writes.patch(&Object::of(Resource::NODES, name), Patch::Merge, &body) {
        Ok(_) => Ok(true),
        Err(error) if error.trouble == Trouble::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Changes the nodes that a group has now.
pub(super) fn patch(
    writes: &Writes,
    group: &str,
    change: &NodeChange,
    watch: &mut dyn FnMut(&str),
    interrupted: &dyn Fn() -> Interrupt,
) -> Claim {
    let nodes = match of_group(writes.reads(), group) {
        Ok(nodes) => nodes,
        Err(error) => return claim(false, said(&error, PLAN_ROLE)),
    };
    if nodes.is_empty() {
        return claim(
            true,
            format!("nodegroup `{group}` has no nodes: nothing to change"),
        );
    }
    let (all, mut written, mut vanished) = (nodes.len(), 0, 0);
    let (plural, were) = if all == 1 { ("", "was") } else { ("s", "were") };
    for (name, node) in nodes {
        if interrupted() == Interrupt::Twice {
            return stopped(format!(
                "stopped before node `{name}`: {written} of {all} node{plural} of nodegroup `{group}` {were} changed"
            ));
        }
        match change_one(writes, &name, node, change) {
            Ok(Changed::Written(what)) => {
                watch(&format!("node {name}: {what}"));
                written += 1;
            }
            Ok(Changed::SoAlready) => {}
            Ok(Changed::Vanished) => {
                watch(&format!("node {name}: gone meanwhile"));
                vanished += 1;
            }
            Err(error) => {
                return claim(
                    false,
                    format!(
                        "{written} of {all} node{plural} of nodegroup `{group}` {were} changed; then: {}",
                        said(&error, APPLY_ROLE)
                    ),
                );
            }
        }
    }
    let mut words = format!("changed {written} of {all} node{plural} of nodegroup `{group}`");
    let so_already = all - written - vanished;
    if so_already > 0 {
        let were = if so_already == 1 { "was" } else { "were" };
        words.push_str(&format!("; {so_already} {were} so already"));
    }
    if vanished > 0 {
        let are = if vanished == 1 { "is" } else { "are" };
        words.push_str(&format!("; {vanished} {are} gone"));
    }
    claim(true, words)
}

/// Reads, changes and writes a node; anew when somebody else wrote it in between.
fn change_one(
    writes: &Writes,
    name: &str,
    mut node: Value,
    change: &NodeChange,
) -> Result<Changed, CallError> {
    let object = Object::of(Resource::NODES, name);
    let uid = text(&node, "/metadata/uid").to_owned();
    let mut in_doubt: Option<String> = None;
    let mut tries = 0;
    loop {
        let Some((body, what)) = change.of(&node) else {
            // The answer to our write was lost, and it was done.
            return Ok(in_doubt.map_or(Changed::SoAlready, Changed::Written));
        };
        let error = match writes.patch(&object, Patch::Merge, &body) {
            Ok(_) => return Ok(Changed::Written(what)),
            Err(error) => error,
        };
        tries += 1;
        if error.trouble == Trouble::NotFound {
            return Ok(Changed::Vanished);
        }
        let again = error.trouble == Trouble::Conflict || error.in_doubt();
        if !again || tries >= TRIES_MAX {
            return Err(error);
        }
        // Also a conflict may be with our own write, whose answer was lost on the way.
        in_doubt = Some(what);
        writes.reads().pause(BREATH);
        match writes.reads().get(&object)? {
            Some(found) if text(&found, "/metadata/uid") == uid => node = found,
            Some(_) | None => return Ok(Changed::Vanished),
        }
    }
}

impl NodeChange {
    /// Returns the patch that a node needs, and it in words; none when it is so already.
    ///
    /// Taints are written whole (they have no merge key), so the version goes with them.
    fn of(&self, node: &Value) -> Option<(Value, String)> {
        let before = node.pointer("/spec/taints").and_then(Value::as_array);
        let before = before.cloned().unwrap_or_default();
        let mut taints = before.clone();
        let mut words = Vec::new();
        for taint in &self.remove {
            let count = taints.len();
            taints.retain(|one| !taint.is(one));
            if taints.len() < count {
                words.push(format!("removed taint {taint}"));
            }
        }
        for taint in &self.add {
            let wanted = taint.object();
            match taints.iter_mut().find(|one| taint.is(one)) {
                Some(one) if same_value(one, &wanted) => continue,
                Some(one) => *one = wanted,
                None => taints.push(wanted),
            }
            words.push(format!("added taint {taint}"));
        }
        let mut spec = json!({});
        if taints != before {
            spec["taints"] = json!(taints);
        }
        if let Some(closed) = self
            .unschedulable
            .filter(|closed| *closed != is_cordoned(node))
        {
            spec["unschedulable"] = json!(closed);
            words.push(if closed { "cordoned" } else { "uncordoned" }.to_owned());
        }
        if spec == json!({}) {
            return None;
        }
        let version = text(node, "/metadata/resourceVersion");
        let body = json!({"metadata": {"resourceVersion": version}, "spec": spec});
        Some((body, words.join(", ")))
    }
}

impl Taint {
    fn object(&self) -> Value {
        let mut object = json!({"key": self.key});
        if let Some(value) = self.value.as_ref().filter(|value| !value.is_empty()) {
            object["value"] = json!(value);
        }
        if let Some(effect) = &self.effect {
            object["effect"] = json!(effect);
        }
        object
    }
}

/// An empty value is absent in what the API answers.
fn same_value(one: &Value, other: &Value) -> bool {
    text(one, "/value") == text(other, "/value")
}
