//! Where the runs of several plans stand, a line each.

use super::super::layout::Page;
use super::super::style::{Ink, Look};
use super::super::table::{Cell, Column, blocks};
use super::{RunState, StatusView, status_json};
use crate::model::say_seconds;
use serde_json::Value;

/// Returns where each run is, for people, and which one to look at.
pub fn status_set_table(views: &[StatusView<'_>], look: &Look) -> String {
    let mut page = Page::new(*look);
    let columns = [
        Column::exact("plan", 12),
        Column::exact("state", 10),
        Column::exact("done", 5),
        Column::prose("last heard of", 14),
    ];
    let cells: Vec<Vec<Cell>> = views
        .iter()
        .map(|view| {
            let state = RunState::of(view);
            vec![
                Cell::from(view.plan.id.as_str()),
                Cell::new(state.ink(), state.name().replace('-', " ")),
                Cell::from(match view.plan.steps.len() {
                    0 => "no steps".to_owned(),
                    of => format!("{} of {of}", view.fold.done()),
                }),
                Cell::new(Ink::Plain, heard_of(view)),
            ]
        })
        .collect();
    for lines in blocks(&columns, &cells, 0, page.look) {
        page.extend(lines);
    }
    page.gap();
    if let Some(view) = first(views) {
        page.line(format!(
            "Look closer: stairway status {}{}",
            view.plan.id, view.words
        ));
    }
    page.finish()
}

/// Returns the status of each for programs.
pub fn status_set_json(views: &[StatusView<'_>]) -> Value {
    views.iter().map(status_json).collect()
}

fn heard_of(view: &StatusView<'_>) -> String {
    view.fold.last_at.map_or_else(String::new, |at| {
        let seconds = u64::try_from(view.now.seconds_since(at)).unwrap_or(0);
        format!("{} ago", say_seconds(seconds))
    })
}

/// The one that needs somebody first: what may run, then what waits or was left, then what was not begun.
fn first<'v, 'p>(views: &'v [StatusView<'p>]) -> Option<&'v StatusView<'p>> {
    let rank = |view: &&StatusView<'_>| match RunState::of(view) {
        RunState::RunningOrKilled | RunState::CutOff => 0,
        RunState::Stopped => 1,
        RunState::Paused => 2,
        RunState::NotStarted if !view.plan.steps.is_empty() => 3,
        RunState::NotStarted | RunState::Done | RunState::RolledBack => 4,
    };
    views.iter().min_by_key(rank)
}
