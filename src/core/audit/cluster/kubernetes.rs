//! Interprets what a plan asks of the Kubernetes API: a closed list of verbs, objects and words.

use super::{Cluster, TAINT};
use crate::audit::{Faults, Subject};
use crate::model::Condition;
use crate::plan::wire::{Step, StepKind};
use serde_json::{Map, Value};

/// Words that the body of `patch-nodes` may have.
const MARKS: [&str; 3] = ["addOrUpdateTaints", "removeTaints", "unschedulable"];
/// Words that the body of `drain-nodes` may have: none of them goes around a budget.
const DRAIN: [&str; 4] = [
    "parallel",
    "timeoutSeconds",
    "gracePeriodSeconds",
    "barePods",
];
/// The finding whose waiver gives up pods that nobody makes again.
const BARE_POD: &str = "STW-R8-BARE-POD";

/// A call as a plan writes it.
pub(super) struct Call<'a> {
    pub(super) verb: &'a str,
    pub(super) object: &'a str,
    pub(super) body: &'a Value,
    pub(super) only_if: Option<&'a Condition>,
}

impl Cluster {
    pub(super) fn kubernetes(
        &mut self,
        call: &Call<'_>,
        step: &Step,
        subject: &Subject<'_>,
        faults: &mut Faults,
    ) {
        let group = call.object.strip_prefix("nodes?nodegroup=");
        if group.is_some_and(|name| name != step.subject) {
            let message = format!("It acts on `{}`.", call.object);
            faults.add("law 6", step, message);
        }
        if group.is_some() && call.only_if.is_some() {
            let message = format!("`{}` leaves its executor a choice.", call.verb);
            faults.add("law 6", step, message);
        }
        match (call.verb, group) {
            ("patch-nodes", Some(name)) => self.patch_nodes(name, call.body, step, faults),
            ("drain-nodes", Some(name)) => {
                check_drain(name, call.body, step, subject, faults);
                self.drain_nodes(name, step, faults);
            }
            ("patch", None) if is_daemon_set(call.object) && step.kind == StepKind::RepairAddon => {
            }
            (verb, _) => {
                let message = format!("`{verb}` of `{}` is not in the law.", call.object);
                faults.add("law 6", step, message);
            }
        }
    }

    fn patch_nodes(&mut self, name: &str, body: &Value, step: &Step, faults: &mut Faults) {
        for word in unknown_words(body, &MARKS) {
            let message = format!("`patch-nodes` has no word `{word}`.");
            faults.add("law 6", step, message);
        }
        let adds = body.get("addOrUpdateTaints");
        if adds.is_some_and(|taints| taints.to_string().contains(TAINT)) {
            self.mark(name, step, faults);
        }
        // The nodes are open again; whether pods came back nobody knows.
        if body.get("unschedulable") == Some(&Value::Bool(false))
            && let Some(group) = self.groups.get_mut(name)
        {
            group.empty = false;
        }
    }

    fn drain_nodes(&mut self, name: &str, step: &Step, faults: &mut Faults) {
        let successor = self
            .groups
            .get(name)
            .and_then(|group| group.replaced_by.clone());
        let verified = successor
            .as_ref()
            .is_none_or(|new| self.groups.get(new).is_some_and(|group| group.verified));
        if !verified {
            let message = format!("The successor of `{name}` was not verified.");
            faults.add("R7", step, message);
        }
        match self.groups.get_mut(name) {
            Some(group) if group.marked => group.empty = true,
            Some(_) => faults.add(
                "R7",
                step,
                format!("`{name}` is drained before it is tainted."),
            ),
            None => faults.add("R7", step, format!("`{name}` does not exist.")),
        }
    }
}

/// `daemonsets/NAMESPACE/NAME`, and nothing that would name several.
fn is_daemon_set(object: &str) -> bool {
    let parts: Vec<&str> = object.split('/').collect();
    let plain = |part: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        !part.is_empty() && part.chars().all(fits)
    };
    matches!(parts.as_slice(), ["daemonsets", namespace, name] if plain(namespace) && plain(name))
}

fn unknown_words<'a>(body: &'a Value, known: &[&str]) -> Vec<&'a str> {
    let words = body.as_object().into_iter().flat_map(Map::keys);
    words
        .map(String::as_str)
        .filter(|word| !known.contains(word))
        .collect()
}

/// A drain says how many, how long and what it gives up, and nothing else.
fn check_drain(name: &str, body: &Value, step: &Step, subject: &Subject<'_>, faults: &mut Faults) {
    if step.kind != StepKind::DrainNodegroup {
        faults.add("law 6", step, "Draining is a step of its own.".to_owned());
    }
    for word in unknown_words(body, &DRAIN) {
        let message =
            format!("`{word}` is no word of a drain: pods leave through the Eviction API only.");
        faults.add("R13", step, message);
    }
    let positive = |key: &str| body.get(key).and_then(Value::as_u64).filter(|n| *n > 0);
    if positive("parallel").is_none() {
        let message = "It does not say how many nodes at a time.".to_owned();
        faults.add("law 6", step, message);
    }
    let until = step.wait.as_ref().map(|wait| u64::from(wait.at_most));
    let bounded = positive("timeoutSeconds").is_some_and(|t| until.is_some_and(|max| t <= max));
    if !bounded {
        let message = "The drain does not stop in the time of its step.".to_owned();
        faults.add("R13", step, message);
    }
    // 0 ends containers at once, as a forced deletion does.
    let own = body.get("gracePeriodSeconds").is_none_or(Value::is_null);
    if !own && positive("gracePeriodSeconds").is_none() {
        let message = "Its pods get no time to end.".to_owned();
        faults.add("R13", step, message);
    }
    let given_up = subject.plan.findings.iter().any(|found| {
        found.code == BARE_POD
            && found.subject == format!("nodegroup {name}")
            && found.waived.is_some()
    });
    match body.get("barePods") {
        None | Some(Value::Bool(false)) => {}
        Some(Value::Bool(true)) if given_up => {}
        Some(_) => {
            let message = format!(
                "It gives up pods of `{name}` that nobody makes again, and no waiver says so."
            );
            faults.add("R8", step, message);
        }
    }
}
