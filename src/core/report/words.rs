//! Steps and actions in words.

use super::conditions::condition_in_words;
use crate::model::say_seconds;
use crate::plan::wire::{Action, Disruption, DurationRange, Rollback, Severity, Step, StepKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many facts of a change fit a table.
const CHANGES_SHOWN: usize = 3;

/// Returns `1 node`, `2 nodes`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Returns `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Returns step numbers as `#2, #5 and #11–14`.
pub(super) fn step_numbers(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            Some(_) | None => runs.push((number, number)),
        }
    }
    let say = |(first, last): &(usize, usize)| match last - first {
        0 => format!("#{first}"),
        _ => format!("#{first}–{last}"),
    };
    list(&runs.iter().map(say).collect::<Vec<_>>())
}

/// Returns the first `shown` of `items`, and how many more there are.
pub(super) fn list_some(items: &[String], shown: usize) -> String {
    if items.len() <= shown {
        return list(items);
    }
    let head = items
        .iter()
        .take(shown)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    format!("{head} and {} more", items.len() - shown)
}

/// Returns a value as a person would write it.
pub(super) fn value_text(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// One fact that a step changes.
pub(super) struct Change {
    /// Its name, empty for the version.
    pub(super) name: String,
    /// Before; none when it did not exist.
    pub(super) before: Option<String>,
    /// After; none when it is gone.
    pub(super) after: Option<String>,
}

/// Returns the facts that differ, the version first.
pub(super) fn changes(step: &Step) -> Vec<Change> {
    let mut names: Vec<&String> = step.before.keys().chain(step.after.keys()).collect();
    names.sort_by_key(|name| (name.as_str() != "version", name.as_str()));
    names.dedup();
    names
        .into_iter()
        .filter(|name| step.before.get(*name) != step.after.get(*name))
        .map(|name| Change {
            name: if name == "version" {
                String::new()
            } else {
                name.clone()
            },
            before: step.before.get(name).map(value_text),
            after: step.after.get(name).map(value_text),
        })
        .collect()
}

/// Returns what a step changes, one fact per line.
pub(super) fn change_lines(step: &Step) -> String {
    let changes = changes(step);
    let mut lines: Vec<String> = changes
        .iter()
        .take(CHANGES_SHOWN)
        .map(|change| {
            let name = if change.name.is_empty() {
                String::new()
            } else {
                format!("{}: ", change.name)
            };
            match (&change.before, &change.after) {
                (Some(before), Some(after)) => format!("{name}{before} → {after}"),
                (None, Some(after)) if name.is_empty() => format!("new, {after}"),
                (None, Some(after)) => format!("{name}{after}"),
                (Some(before), None) => format!("{name}{before} → gone"),
                (None, None) => name,
            }
        })
        .collect();
    if changes.len() > CHANGES_SHOWN {
        lines.push(format!(
            "and {}",
            count(changes.len() - CHANGES_SHOWN, "more fact")
        ));
    }
    lines.join("\n")
}

/// Returns who is disturbed; empty when nobody is.
pub(super) fn disturbs(disruption: &Disruption) -> String {
    let Disruption {
        nodes,
        pods,
        pdbs,
        waiting,
    } = disruption;
    let mut parts = Vec::new();
    let mut add = |number: Option<u32>, noun: &str| match number {
        Some(0) => {}
        Some(number) => parts.push(count(number as usize, noun)),
        None => parts.push(format!("{noun}s not assessed")),
    };
    add(*nodes, "node");
    add(*pods, "pod");
    if nodes.is_none() && pods.is_none() {
        return "not assessed".to_owned();
    }
    if let Some(waiting) = waiting.filter(|number| *number > 0) {
        parts.push(waits(waiting));
    }
    if !pdbs.is_empty() {
        parts.push(count(pdbs.len(), "PDB"));
    }
    parts.join(", ")
}

/// Returns shortest and longest, e.g. `8–60 min`.
pub(super) fn range(duration: &DurationRange) -> String {
    let DurationRange {
        min,
        typical: _,
        max,
        source: _,
    } = duration;
    if *max == 0 {
        return String::new();
    }
    if min == max {
        return say_seconds(*max);
    }
    let (unit, name) = match *max {
        0..=120 => (1, "s"),
        121..=7_200 => (60, "min"),
        7_201..=172_800 => (3_600, "h"),
        _ => (86_400, "d"),
    };
    if *min > 0 && *min < unit / 2 {
        return format!("{} – {}", say_seconds(*min), say_seconds(*max));
    }
    let (low, high) = ((min + unit / 2) / unit, max.div_ceil(unit));
    if low == high {
        format!("{high} {name}")
    } else {
        format!("{low}–{high} {name}")
    }
}

/// Returns the sum of the durations in words, with the range.
pub(super) fn total_time<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let mut sum = DurationRange::default();
    for step in steps {
        sum.min = sum.min.saturating_add(step.duration.min);
        sum.typical = sum.typical.saturating_add(step.duration.typical);
        sum.max = sum.max.saturating_add(step.duration.max);
    }
    let typical = format!("about {}", say_seconds(sum.typical));
    if sum.max == 0 {
        typical
    } else {
        format!("{typical} ({})", range(&sum))
    }
}

/// What a number of steps costs the people on a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Toll {
    nodes: u32,
    /// Pods that are evicted.
    pods: u32,
    /// Pods that nobody stops but their owners: their group goes when they have ended.
    waiting: u32,
    /// Steps of which not everything is known.
    unread: usize,
    /// Of these, those whose nodes are unknown, and those whose pods are.
    unread_nodes: usize,
    unread_pods: usize,
}

impl Toll {
    /// Returns what all steps of a plan cost.
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut toll = Self::default();
        // Groups that are left to their people, and whether the plan counted these apart. A plan that
        // did not counted them among the pods of the drain, which finds them gone.
        let mut left: BTreeMap<&str, bool> = BTreeMap::new();
        for step in steps {
            let Disruption {
                nodes,
                pods,
                pdbs: _,
                waiting,
            } = &step.disruption;
            if step.kind == StepKind::PhaseOut {
                left.insert(&step.subject, waiting.is_some());
            }
            toll.nodes = toll.nodes.saturating_add(nodes.unwrap_or(0));
            toll.waiting = toll.waiting.saturating_add(waiting.unwrap_or(0));
            let sum = match left.get(step.subject.as_str()) {
                Some(false) => &mut toll.waiting,
                Some(true) | None => &mut toll.pods,
            };
            *sum = sum.saturating_add(pods.unwrap_or(0));
            toll.unread += usize::from(nodes.is_none() || pods.is_none());
            toll.unread_nodes += usize::from(nodes.is_none());
            toll.unread_pods += usize::from(pods.is_none());
        }
        toll
    }

    /// Returns both together.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            nodes: self.nodes.saturating_add(other.nodes),
            pods: self.pods.saturating_add(other.pods),
            waiting: self.waiting.saturating_add(other.waiting),
            unread: self.unread.saturating_add(other.unread),
            unread_nodes: self.unread_nodes.saturating_add(other.unread_nodes),
            unread_pods: self.unread_pods.saturating_add(other.unread_pods),
        }
    }

    /// Returns how many nodes and pods there are at least; none where nothing of that was read: nobody may take an
    /// unread number for zero.
    fn known(self) -> (Option<u32>, Option<u32>) {
        let known = |number: u32, unread: usize| (number > 0 || unread == 0).then_some(number);
        (
            known(self.nodes, self.unread_nodes),
            known(self.pods, self.unread_pods),
        )
    }

    /// Returns it as a sentence without its subject.
    pub(super) fn text(self) -> String {
        let said = |known: Option<u32>, noun: &str| match known {
            Some(number) => count(number as usize, noun),
            None => format!("an unknown number of {noun}s"),
        };
        let (nodes, pods) = self.known();
        let mut text = format!(
            "removes {} and evicts {}",
            said(nodes, "node"),
            said(pods, "pod")
        );
        if self.waiting > 0 {
            let _ = write!(text, ", {}", waits(self.waiting));
        }
        let unread = count(self.unread, "step");
        let some_counted =
            (self.nodes > 0 && self.unread_nodes > 0) || (self.pods > 0 && self.unread_pods > 0);
        if self.unread > 0 && !some_counted {
            let _ = write!(text, ", not assessed in {unread}");
        } else if self.unread > 0 {
            let _ = write!(text, ", and more that could not be assessed in {unread}");
        }
        text
    }

    /// Returns it in a few words; empty when nobody is disturbed.
    pub(super) fn brief(self) -> String {
        let (nodes, pods) = self.known();
        let known = disturbs(&Disruption {
            nodes,
            pods,
            pdbs: Vec::new(),
            waiting: Some(self.waiting),
        });
        if self.unread == 0 {
            return known;
        }
        let steps = count(self.unread, "step");
        if known.ends_with("not assessed") {
            format!("{known} in {steps}")
        } else {
            format!("{known}, not assessed in {steps}")
        }
    }
}

fn waits(pods: u32) -> String {
    let verb = if pods == 1 {
        "waits for its owner"
    } else {
        "wait for their owners"
    };
    format!("{pods} {verb}")
}

/// Returns who is disturbed by all of `steps`, as a sentence without its subject.
pub(super) fn total_disruption(steps: &[Step]) -> String {
    Toll::of(steps).text()
}

/// Returns the way back in a few words.
pub(super) fn way_back(rollback: &Rollback) -> String {
    match rollback {
        Rollback::Native { to, until: _ } => format!("to {to}"),
        Rollback::Inverse { actions: _ } => "undo".to_owned(),
        Rollback::Manual { runbook: _ } => "by hand".to_owned(),
        Rollback::NothingToUndo => String::new(),
        Rollback::Irreversible { why: _ } => "NONE".to_owned(),
    }
}

/// Returns why there is no way back from `step`; none when there is one.
pub(super) fn no_way_back(step: &Step) -> Option<String> {
    match &step.rollback {
        Rollback::Irreversible { why } => Some(why.clone()),
        Rollback::Native { .. }
        | Rollback::Inverse { .. }
        | Rollback::Manual { .. }
        | Rollback::NothingToUndo => step.irreversible.then(String::new),
    }
}

/// Returns until when a way back is open, as a sentence.
pub(super) fn open_until(step: &Step) -> Option<&str> {
    let native = match &step.rollback {
        Rollback::Native { to: _, until } => Some(until.as_str()),
        Rollback::Inverse { .. }
        | Rollback::Manual { .. }
        | Rollback::NothingToUndo
        | Rollback::Irreversible { .. } => None,
    };
    step.reversible_until
        .as_deref()
        .or(native)
        .filter(|text| !text.is_empty())
}

/// Returns a severity in words.
pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Mandatory => "MANDATORY",
        Severity::Blocking => "BLOCKING",
        Severity::Warning => "WARNING",
        Severity::Note => "NOTE",
    }
}

/// Returns an action as a line that a person could read, and mostly run.
pub(super) fn action_line(action: &Action) -> String {
    match action {
        Action::Run {
            tool,
            argv,
            files: _,
        } => {
            let words = std::iter::once(tool)
                .chain(argv)
                .map(|word| crate::model::shell_word(word));
            words.collect::<Vec<_>>().join(" ")
        }
        Action::Aws {
            service,
            operation,
            input,
        } => {
            format!("aws {service} {operation} {}", Value::Object(input.clone()))
        }
        Action::Kube {
            verb,
            object,
            body,
            only_if,
        } => {
            if let Some(line) = super::actions::on_nodes(verb, object, body) {
                return line;
            }
            let body = if body.is_null() {
                String::new()
            } else {
                format!(" {body}")
            };
            let only = only_if.as_ref().map_or_else(String::new, |condition| {
                format!(", only if {}", condition_in_words(condition))
            });
            format!("kube {verb} {object}{body}{only}")
        }
        Action::Wait(wait) => format!(
            "wait at most {} until {}",
            say_seconds(u64::from(wait.at_most)),
            condition_in_words(&wait.condition)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::hop;

    #[test]
    fn an_unread_number_is_never_zero() {
        let of = |nodes: Option<u32>, pods: Option<u32>| {
            let mut one = hop(30);
            one.disruption = Disruption {
                nodes,
                pods,
                ..Disruption::default()
            };
            one
        };
        let table = [
            (
                "all is known",
                vec![of(Some(1), Some(2)), of(Some(0), Some(0))],
                "removes 1 node and evicts 2 pods",
                "1 node, 2 pods",
            ),
            (
                "no pods were read",
                vec![of(Some(8), None), of(Some(0), Some(0))],
                "removes 8 nodes and evicts an unknown number of pods, not assessed in 1 step",
                "8 nodes, pods not assessed in 1 step",
            ),
            (
                "pods of some steps were read",
                vec![of(Some(8), None), of(Some(0), Some(3))],
                "removes 8 nodes and evicts 3 pods, and more that could not be assessed in 1 step",
                "8 nodes, 3 pods, not assessed in 1 step",
            ),
            (
                "nothing was read",
                vec![of(None, None), of(None, None)],
                "removes an unknown number of nodes and evicts an unknown number of pods, not assessed in 2 steps",
                "not assessed in 2 steps",
            ),
        ];
        for (sentence, steps, text, brief) in table {
            assert_eq!(Toll::of(&steps).text(), text, "{sentence}");
            assert_eq!(Toll::of(&steps).brief(), brief, "{sentence}");
        }
    }
}
