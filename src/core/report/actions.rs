//! What a plan does to the nodes of a group, in words and as a command that a person could type.

use super::words::{count, list};
use crate::model::{say_seconds, shell_word};
use crate::plan::wire::Action;
use serde_json::Value;
use std::fmt::Write as _;

/// The label with a group's name that eksctl gives to nodes of both kinds (eksctl user guide, Nodegroups).
const GROUP_LABEL: &str = "alpha.eksctl.io/nodegroup-name";

/// Returns what is done to the nodes of a group; none for other objects and unknown words.
pub(super) fn on_nodes(verb: &str, object: &str, body: &Value) -> Option<String> {
    let group = object.strip_prefix("nodes?nodegroup=")?;
    match verb {
        "drain-nodes" => Some(drain(group, body)),
        "patch-nodes" => patch(group, body),
        _ => None,
    }
}

fn drain(group: &str, body: &Value) -> String {
    let number = |key: &str| body.get(key).and_then(Value::as_u64);
    let mut text = format!("drain nodegroup {group} through the Eviction API");
    if let Some(parallel) = number("parallel") {
        let parallel = usize::try_from(parallel).unwrap_or(usize::MAX);
        let _ = write!(text, ", {} at a time", count(parallel, "node"));
    }
    if let Some(seconds) = number("timeoutSeconds") {
        let _ = write!(text, ", for at most {}", say_seconds(seconds));
    }
    if let Some(seconds) = number("gracePeriodSeconds") {
        let _ = write!(text, ", {} for each pod to end", say_seconds(seconds));
    }
    if body.get("barePods") == Some(&Value::Bool(true)) {
        text.push_str(", pods without a controller too");
    }
    text
}

fn patch(group: &str, body: &Value) -> Option<String> {
    let mut parts = Vec::new();
    match body.get("unschedulable") {
        Some(Value::Bool(true)) => parts.push(format!("cordon the nodes of nodegroup {group}")),
        Some(_) => parts.push(format!("uncordon the nodes of nodegroup {group}")),
        None => {}
    }
    for (key, verb) in [("addOrUpdateTaints", "taint"), ("removeTaints", "untaint")] {
        let taints: Vec<String> = taints(body, key);
        if !taints.is_empty() {
            parts.push(format!(
                "{verb} the nodes of nodegroup {group}: {}",
                list(&taints)
            ));
        }
    }
    (!parts.is_empty()).then(|| list(&parts))
}

/// `key=value:effect`, as kubectl writes taints.
fn taints(body: &Value, key: &str) -> Vec<String> {
    let taints = body.get(key).and_then(Value::as_array);
    let text = |taint: &Value, key: &str| {
        let text = taint.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let say = |taint: &Value| {
        format!(
            "{}={}:{}",
            text(taint, "key"),
            text(taint, "value"),
            text(taint, "effect")
        )
    };
    taints.into_iter().flatten().map(say).collect()
}

/// Returns the nearest that kubectl has, for whoever has to do it by hand; none for other actions.
///
/// kubectl drains one node after the other, and its `--force` is about pods without a controller.
pub(super) fn by_hand(action: &Action) -> Option<String> {
    let Action::Kube {
        verb, object, body, ..
    } = action
    else {
        return None;
    };
    let group = object.strip_prefix("nodes?nodegroup=")?;
    let nodes = shell_word(&format!("{GROUP_LABEL}={group}"));
    if verb == "drain-nodes" {
        let mut line =
            format!("kubectl drain -l {nodes} --ignore-daemonsets --delete-emptydir-data");
        if body.get("barePods") == Some(&Value::Bool(true)) {
            line.push_str(" --force");
        }
        if let Some(seconds) = body.get("timeoutSeconds").and_then(Value::as_u64) {
            let _ = write!(line, " --timeout={seconds}s");
        }
        if let Some(seconds) = body.get("gracePeriodSeconds").and_then(Value::as_u64) {
            let _ = write!(line, " --grace-period={seconds}");
        }
        return Some(line);
    }
    let words = |key: &str, end: &str| -> Option<String> {
        let taints = taints(body, key).into_iter();
        let taints: Vec<String> = taints.map(|t| shell_word(&format!("{t}{end}"))).collect();
        (!taints.is_empty()).then(|| format!("kubectl taint nodes -l {nodes} {}", taints.join(" ")))
    };
    match body.get("unschedulable") {
        Some(Value::Bool(true)) => Some(format!("kubectl cordon -l {nodes}")),
        Some(_) => Some(format!("kubectl uncordon -l {nodes}")),
        None => words("addOrUpdateTaints", "")
            .map(|line| format!("{line} --overwrite"))
            .or_else(|| words("removeTaints", "-")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::words::action_line;
    use serde_json::json;

    #[test]
    fn what_is_done_to_nodes_reads_as_a_sentence_and_can_be_typed() {
        let taint = json!([{"key": "stairway/phase-out", "value": "true", "effect": "NoSchedule"}]);
        for (verb, body, line, command) in [
            (
                "drain-nodes",
                json!({"parallel": 2, "timeoutSeconds": 3600}),
                "drain nodegroup nb-a through the Eviction API, 2 nodes at a time, for at most 1 h",
                "kubectl drain -l alpha.eksctl.io/nodegroup-name=nb-a --ignore-daemonsets --delete-emptydir-data --timeout=3600s",
            ),
            (
                "drain-nodes",
                json!({"parallel": 1, "timeoutSeconds": 600, "gracePeriodSeconds": 30, "barePods": true}),
                "drain nodegroup nb-a through the Eviction API, 1 node at a time, for at most 10 min, 30 s for each pod to end, pods without a controller too",
                "kubectl drain -l alpha.eksctl.io/nodegroup-name=nb-a --ignore-daemonsets --delete-emptydir-data --force --timeout=600s --grace-period=30",
            ),
            (
                "patch-nodes",
                json!({"unschedulable": false}),
                "uncordon the nodes of nodegroup nb-a",
                "kubectl uncordon -l alpha.eksctl.io/nodegroup-name=nb-a",
            ),
            (
                "patch-nodes",
                json!({"unschedulable": true}),
                "cordon the nodes of nodegroup nb-a",
                "kubectl cordon -l alpha.eksctl.io/nodegroup-name=nb-a",
            ),
            (
                "patch-nodes",
                json!({"addOrUpdateTaints": taint}),
                "taint the nodes of nodegroup nb-a: stairway/phase-out=true:NoSchedule",
                "kubectl taint nodes -l alpha.eksctl.io/nodegroup-name=nb-a stairway/phase-out=true:NoSchedule --overwrite",
            ),
            (
                "patch-nodes",
                json!({"removeTaints": taint}),
                "untaint the nodes of nodegroup nb-a: stairway/phase-out=true:NoSchedule",
                "kubectl taint nodes -l alpha.eksctl.io/nodegroup-name=nb-a stairway/phase-out=true:NoSchedule-",
            ),
        ] {
            let action = Action::Kube {
                verb: verb.to_owned(),
                object: "nodes?nodegroup=nb-a".to_owned(),
                body,
                only_if: None,
            };
            assert_eq!(action_line(&action), line);
            assert_eq!(by_hand(&action).as_deref(), Some(command));
        }
    }
}
