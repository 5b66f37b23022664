//! What to do next about a run, as commands that can be typed.

use super::super::layout::{Page, clean};
use super::super::style::Ink;
use super::{RunState, StatusView, is_alive};
use crate::plan::wire::Plan;

/// Digits of the digest that confirm a plan on the command line.
const DIGITS_CONFIRM: usize = 12;

/// Says what to do next, and where the journal ends.
pub(super) fn ending(view: &StatusView<'_>, page: &mut Page) {
    page.gap();
    let later = view.plan.not_now.len();
    if RunState::of(view) == RunState::Done && later > 0 {
        let text = format!(
            "{} held back when the plan was made: plan again with `stairway plan`.",
            if later == 1 {
                "1 more step was".to_owned()
            } else {
                format!("{later} more steps were")
            }
        );
        page.say(0, Ink::Plain, &text);
    }
    // Commands and hashes are there to be copied, so they are never wrapped.
    let mut command = |title: &str, text: &str| {
        let line = format!("{title:<12}{}", clean(text, page.look));
        page.line(line);
    };
    let elsewhere = view.unlooked.is_some() && view.fold.run.is_none();
    if is_alive(view) || elsewhere {
        let look_again = format!("stairway status {}{}", view.plan.id, view.words);
        command("Look again:", &look_again);
    }
    if let Some(text) = go_on(view) {
        let begins = view.fold.run.is_none();
        command(if begins { "To begin:" } else { "To go on:" }, &text);
    }
    if let Some(text) = go_back(view) {
        command("To go back:", &text);
    }
    if let Some(free) = view.lock.as_ref().and_then(|lock| lock.free.as_ref()) {
        command(
            "To free:",
            &format!("{free}  (when that holder is gone for good)"),
        );
    } else if let Some(id) = view.lock_id.as_ref().filter(|_| !is_alive(view)) {
        let give_up = format!(
            "stairway apply {}{} --unlock {id}",
            view.plan.id, view.words
        );
        command("To give up:", &give_up);
        command("Lock's id:", id);
    }
    if view.fold.run.is_some() {
        if let Some(path) = &view.journal {
            let events = view.fold.seq;
            command("Journal:", &format!("{path} ({events} events)"));
        }
        command("Head:", &view.fold.head);
    }
}

fn confirm(plan: &Plan) -> String {
    let digest = plan.digest.split(':').next_back().unwrap_or_default();
    digest.chars().take(DIGITS_CONFIRM).collect()
}

pub(super) fn resume(view: &StatusView<'_>) -> String {
    format!("stairway apply {}{} --resume", view.plan.id, view.words)
}

/// Returns the command that begins or goes on; none when there is nothing to go on with.
pub(super) fn go_on(view: &StatusView<'_>) -> Option<String> {
    let plan = view.plan;
    if plan.preview || plan.steps.is_empty() {
        return None;
    }
    match RunState::of(view) {
        // Whoever looks again learns whether it has begun elsewhere.
        RunState::NotStarted if view.unlooked.is_some() => None,
        RunState::NotStarted => Some(format!(
            "stairway apply {}{} --approve={}",
            plan.id,
            view.words,
            confirm(plan)
        )),
        RunState::RunningOrKilled if is_alive(view) => None,
        RunState::RunningOrKilled | RunState::CutOff | RunState::Paused | RunState::Stopped => {
            Some(format!("{} --approve={}", resume(view), confirm(plan)))
        }
        RunState::Done | RunState::RolledBack => None,
    }
}

/// Returns the command that takes a run back that left the cluster between two places.
pub(super) fn go_back(view: &StatusView<'_>) -> Option<String> {
    match RunState::of(view) {
        RunState::RunningOrKilled if is_alive(view) => None,
        RunState::RunningOrKilled | RunState::CutOff | RunState::Paused | RunState::Stopped
            if view.fold.touched() =>
        {
            Some(format!("stairway rollback {}{}", view.plan.id, view.words))
        }
        RunState::NotStarted
        | RunState::RunningOrKilled
        | RunState::CutOff
        | RunState::Paused
        | RunState::Stopped
        | RunState::Done
        | RunState::RolledBack => None,
    }
}
