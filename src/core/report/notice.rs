//! An announcement of a plan to the people who use the cluster: what, when, who is disturbed, what
//! to do. Everything in it stands in the plan; nobody reads a clock, so times of day are there only
//! when a start is given.

use super::layout::clean;
use super::markup::prose;
use super::style::Look;
use super::terminal::is_quiet;
use super::words::{count, list, list_some};
use crate::model::{Timestamp, say_seconds};
use crate::plan::wire::{Plan, PlanSet, Step, StepKind};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How many names stand in one sentence.
const NAMES_SHOWN: usize = 12;
/// Seconds to which times are rounded up: a plan knows no minute better.
const ROUND: u64 = 300;

/// What the plan cannot know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// When the work begins.
    pub start: Option<Timestamp>,
    /// Whom to ask.
    pub contact: Option<String>,
}

/// One cluster's announcement.
struct Letter<'p> {
    plan: &'p Plan,
    parts: Vec<(&'static str, Vec<String>)>,
}

/// Returns the announcement as plain text, for a mail or a chat.
pub fn notice_text(set: &PlanSet, notice: &Notice) -> String {
    let plain = |text: &str| clean(text, UNBOUND);
    let (letters, rest) = letters(set, notice);
    let mut out = format!("{}\n", plain(&title(&letters)));
    for letter in &letters {
        if letters.len() > 1 {
            let _ = write!(out, "\n== {} ==\n", plain(&letter.plan.name));
        }
        for (head, lines) in &letter.parts {
            let _ = write!(out, "\n{head}\n");
            for line in lines {
                let _ = writeln!(out, "- {}", plain(line));
            }
        }
    }
    for line in rest {
        let _ = write!(out, "\n{}\n", plain(&line));
    }
    out
}

/// Returns the announcement as Markdown.
pub fn notice_markdown(set: &PlanSet, notice: &Notice) -> String {
    let (letters, rest) = letters(set, notice);
    let mut out = format!("# {}\n", prose(&title(&letters)));
    for letter in &letters {
        if letters.len() > 1 {
            let _ = write!(out, "\n## {}\n", prose(&letter.plan.name));
        }
        for (head, lines) in &letter.parts {
            let _ = write!(out, "\n**{head}**\n\n");
            for line in lines {
                let _ = writeln!(out, "* {}", prose(line));
            }
        }
    }
    for line in rest {
        let _ = write!(out, "\n{}\n", prose(&line));
    }
    out
}

/// Chats and mail programs wrap by themselves.
const UNBOUND: Look = Look {
    width: usize::MAX,
    color: false,
    unicode: true,
};

fn title(letters: &[Letter<'_>]) -> String {
    match letters {
        [] => "No maintenance is planned".to_owned(),
        [only] => format!("Maintenance on {}", only.plan.name),
        many => format!("Maintenance on {}", count(many.len(), "cluster")),
    }
}

/// Returns the letters, and what is said once for all.
fn letters<'p>(set: &'p PlanSet, notice: &Notice) -> (Vec<Letter<'p>>, Vec<String>) {
    let (now, others): (Vec<&Plan>, Vec<&Plan>) =
        set.clusters.iter().partition(|plan| !plan.steps.is_empty());
    let mut letters: Vec<Letter<'_>> = now
        .iter()
        .map(|plan| Letter {
            plan,
            parts: parts(plan, notice),
        })
        .collect();
    letters.sort_by(|one, other| one.plan.name.cmp(&other.plan.name));
    let mut rest = Vec::new();
    let names = |quiet: bool| -> Vec<String> {
        let own = others.iter().filter(|plan| is_quiet(plan) == quiet);
        own.map(|plan| plan.name.clone()).collect()
    };
    let (untouched, waiting) = (names(true), names(false));
    if !untouched.is_empty() {
        let names = list_some(&untouched, NAMES_SHOWN);
        rest.push(format!("Nothing happens on {names}."));
    }
    if !waiting.is_empty() {
        let names = list_some(&waiting, NAMES_SHOWN);
        rest.push(format!(
            "Work on {names} is needed and cannot begin yet; it will be announced when it can."
        ));
    }
    if !set.errors.is_empty() {
        let names: Vec<String> = set.errors.iter().map(|error| error.name.clone()).collect();
        let names = list_some(&names, NAMES_SHOWN);
        rest.push(format!(
            "This says nothing about {names}: no plan could be made."
        ));
    }
    if !letters.is_empty() {
        rest.push(match &notice.contact {
            Some(contact) => format!("Questions: {contact}"),
            None => "Questions: please answer to whoever sent you this.".to_owned(),
        });
    }
    (letters, rest)
}

fn parts(plan: &Plan, notice: &Notice) -> Vec<(&'static str, Vec<String>)> {
    let stops = stops(plan);
    let leaving = leaving(plan);
    let mut what = what(plan, &leaving);
    if plan.preview {
        what.insert(
            0,
            "DRAFT: this plan was made for a cluster as it is assumed to be, and cannot be carried out."
                .to_owned(),
        );
    }
    vec![
        ("What", what),
        ("When", when(plan, &leaving, notice.start)),
        ("Who is disturbed", who(&stops, &leaving, notice.start)),
        ("What you have to do", to_do(&stops, &leaving)),
    ]
}

/// Returns what changes, for people who do not run the cluster.
fn what(plan: &Plan, leaving: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let hop = |kind: StepKind| plan.steps.iter().any(|step| step.kind == kind);
    let reached = plan
        .steps
        .iter()
        .filter(|step| hop_kind(step.kind))
        .filter_map(|step| step.after.get("version").and_then(|value| value.as_str()))
        .next_back();
    if let (Some(from), Some(to)) = (plan.from, reached) {
        let verb = if hop(StepKind::RollbackControlPlane) {
            "goes back"
        } else {
            "moves"
        };
        lines.push(format!(
            "The cluster {verb} from Kubernetes {from} to {to}."
        ));
    }
    let replaced = |kinds: &[StepKind]| -> Vec<String> {
        let own = plan.steps.iter().filter(|step| kinds.contains(&step.kind));
        let names: BTreeSet<&str> = own.map(|step| step.subject.as_str()).collect();
        let own = names
            .into_iter()
            .filter(|name| !leaving.iter().any(|one| one == name));
        own.map(str::to_owned).collect()
    };
    let swapped = replaced(&[StepKind::DeleteNodegroup, StepKind::UpgradeNodegroup]);
    if !swapped.is_empty() {
        let names = list_some(&swapped, NAMES_SHOWN);
        lines.push(format!("The machines of {names} are replaced or removed."));
    }
    if !leaving.is_empty() {
        let names = list_some(leaving, NAMES_SHOWN);
        lines.push(format!(
            "The machines of {names} take nothing new, and go when they are empty."
        ));
    }
    let made = replaced(&[StepKind::CreateNodegroup]);
    if swapped.is_empty() && leaving.is_empty() && !made.is_empty() {
        let names = list_some(&made, NAMES_SHOWN);
        lines.push(format!("New machines are added: {names}."));
    }
    let software = [
        StepKind::UpdateAddon,
        StepKind::CreateAddon,
        StepKind::RepairAddon,
    ];
    if plan.steps.iter().any(|step| software.contains(&step.kind)) {
        lines.push("Parts of the cluster's own software are updated.".to_owned());
    }
    if lines.is_empty() {
        lines.push("Settings of the cluster are changed.".to_owned());
    }
    if !plan.not_now.is_empty() {
        lines.push("More work follows later; it will be announced on its own.".to_owned());
    }
    lines
}

fn hop_kind(kind: StepKind) -> bool {
    kind == StepKind::UpgradeControlPlane || kind == StepKind::RollbackControlPlane
}

/// Returns the groups that are left to become empty by themselves.
fn leaving(plan: &Plan) -> Vec<String> {
    let own = plan
        .steps
        .iter()
        .filter(|step| step.kind == StepKind::PhaseOut);
    let names: BTreeSet<&str> = own.map(|step| step.subject.as_str()).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// Returns shortest, typical and longest time of the work; waiting for groups to become empty is
/// nobody's work, and nobody knows when what follows on these groups begins.
fn span<'p>(steps: impl Iterator<Item = &'p Step>) -> (u64, u64, u64) {
    let mut sum = (0_u64, 0_u64, 0_u64);
    let mut left = BTreeSet::new();
    for step in steps {
        if step.kind == StepKind::PhaseOut {
            left.insert(step.subject.as_str());
        }
        if left.contains(step.subject.as_str()) {
            continue;
        }
        sum.0 = sum.0.saturating_add(step.duration.min);
        sum.1 = sum.1.saturating_add(step.duration.typical);
        sum.2 = sum.2.saturating_add(step.duration.max);
    }
    sum
}

fn when(plan: &Plan, leaving: &[String], start: Option<Timestamp>) -> Vec<String> {
    let (least, typical, most) = span(plan.steps.iter());
    let mut lines = vec![match start {
        Some(start) => format!(
            "From {}, typically until {}; until {} if everything takes its longest.",
            clock(start),
            clock(later(start, typical)),
            clock(later(start, most))
        ),
        None => format!(
            "The work typically takes {}: at least {}, at most {}. The time of its beginning is announced separately.",
            rounded(typical),
            rounded(least),
            rounded(most)
        ),
    }];
    if !leaving.is_empty() {
        lines.push(
            "Old machines go later, each when the last thing that runs there has ended.".to_owned(),
        );
    }
    lines
}

fn later(start: Timestamp, seconds: u64) -> Timestamp {
    let up = seconds.div_ceil(ROUND).saturating_mul(ROUND);
    let seconds = i64::try_from(up).unwrap_or(i64::MAX);
    Timestamp::from_unix(start.unix().saturating_add(seconds))
}

/// Returns `2026-12-01 10:00 UTC`.
fn clock(at: Timestamp) -> String {
    let text: String = at.to_string().replace('T', " ").chars().take(16).collect();
    format!("{text} UTC")
}

fn rounded(seconds: u64) -> String {
    say_seconds(seconds.div_ceil(ROUND).saturating_mul(ROUND))
}

/// One step that stops what runs on a group.
struct Stop<'p> {
    group: &'p str,
    core: bool,
    pods: Option<u32>,
    nodes: Option<u32>,
    before: (u64, u64, u64),
    /// A step before it waits for people, nobody knows how long.
    waits: bool,
}

/// Returns the steps that stop something, with the time that the steps before them take.
fn stops(plan: &Plan) -> Vec<Stop<'_>> {
    let mut stops: Vec<Stop<'_>> = Vec::new();
    let mut left = BTreeSet::new();
    for (at, step) in plan.steps.iter().enumerate() {
        if step.kind == StepKind::PhaseOut {
            left.insert(step.subject.as_str());
        }
        let nobody = step.disruption.pods == Some(0)
            || step.disruption.pods.is_none() && step.disruption.nodes == Some(0);
        // Who is on a group that is phased out goes on until the owner stops it.
        if nobody || left.contains(step.subject.as_str()) {
            continue;
        }
        stops.push(Stop {
            group: &step.subject,
            core: plan
                .groups
                .get(&step.subject)
                .is_some_and(|group| group.core),
            pods: step.disruption.pods,
            nodes: step.disruption.nodes,
            before: span(plan.steps[..at].iter()),
            waits: !left.is_empty(),
        });
    }
    stops
}

fn who(stops: &[Stop<'_>], leaving: &[String], start: Option<Timestamp>) -> Vec<String> {
    let mut lines: Vec<String> = stops.iter().map(|stop| said(stop, start)).collect();
    if stops.is_empty() {
        lines.push("Nobody: nothing that runs is stopped.".to_owned());
    } else {
        lines.push(
            "Services start again on other machines by themselves. A session that was stopped has to be started again."
                .to_owned(),
        );
    }
    if !leaving.is_empty() {
        lines.push(format!(
            "What runs on {} goes on until its owner stops it. What starts after the work has begun starts on other machines.",
            list(leaving)
        ));
    }
    lines
}

fn said(stop: &Stop<'_>, start: Option<Timestamp>) -> String {
    let Stop {
        group,
        core,
        pods,
        nodes,
        before,
        waits,
    } = stop;
    let whose = if *core {
        ", which carries the cluster's own services,"
    } else {
        ""
    };
    let number = match (pods, nodes) {
        (Some(pods), Some(nodes)) if *nodes > 0 => format!(
            ": {} on {}",
            count(*pods as usize, "running program"),
            count(*nodes as usize, "machine")
        ),
        (Some(pods), _) => format!(": {}", count(*pods as usize, "running program")),
        (None, Some(nodes)) => format!(
            ": {}; how much runs there was not counted",
            count(*nodes as usize, "machine")
        ),
        (None, None) => "; how much runs there was not counted".to_owned(),
    };
    let (least, typical, most) = before;
    let time = match (start, typical) {
        _ if *waits => "when machines that are left to their people have become empty".to_owned(),
        (Some(start), _) => format!(
            "typically at {}, between {} and {}",
            clock(later(start, *typical)),
            clock(Timestamp::from_unix(
                start
                    .unix()
                    .saturating_add(i64::try_from(*least).unwrap_or(i64::MAX))
            )),
            clock(later(start, *most))
        ),
        (None, 0) => "at the beginning".to_owned(),
        (None, typical) => format!(
            "typically {} after the beginning, at the earliest {} after it",
            rounded(*typical),
            say_seconds(*least)
        ),
    };
    format!("What runs on {group}{whose} is stopped, {time}{number}.")
}

fn to_do(stops: &[Stop<'_>], leaving: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    if stops.iter().any(|stop| !stop.core) {
        lines.push(
            "Save your work before then, and start your session again afterwards if it was stopped."
                .to_owned(),
        );
    } else if stops.is_empty() {
        lines.push("Nothing.".to_owned());
    } else {
        lines.push(
            "Save your work before then; if something does not answer, try again a little later."
                .to_owned(),
        );
    }
    if !leaving.is_empty() {
        lines.push(
            "To move to the new machines earlier, stop your session when it suits you and start it again."
                .to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests;
