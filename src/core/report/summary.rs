//! The first and last line of every report.

use crate::plan::wire::{PlanSet, Summary};

/// Returns the totals as one line: `No changes.` or `Plan: 2 to upgrade, …`.
///
/// The words never change with the numbers, so that a script can read them. Groups
/// that replace none are named only when there are some.
pub fn summary_line(summary: &Summary) -> String {
    if is_nothing(summary) {
        "No changes.".to_owned()
    } else {
        counted(summary)
    }
}

/// Returns the line of a set: a cluster that got no plan may well have changes, so
/// a set with errors never says `No changes.`
pub fn set_summary_line(set: &PlanSet) -> String {
    if set.errors.is_empty() {
        summary_line(&set.summary)
    } else {
        counted(&set.summary)
    }
}

const fn is_nothing(summary: &Summary) -> bool {
    let Summary {
        upgrade,
        swap,
        update,
        create,
        roll_back,
        delete,
        phasing_out,
        blocked,
        held_back,
    } = summary;
    *upgrade == 0
        && *swap == 0
        && *update == 0
        && *create == 0
        && *roll_back == 0
        && *delete == 0
        && *phasing_out == 0
        && *blocked == 0
        && *held_back == 0
}

fn counted(summary: &Summary) -> String {
    let Summary {
        upgrade,
        swap,
        update,
        create,
        roll_back,
        delete,
        phasing_out,
        blocked,
        held_back: _,
    } = summary;
    let create = if *create > 0 {
        format!("{create} to create, ")
    } else {
        String::new()
    };
    format!(
        "Plan: {upgrade} to upgrade, {swap} to swap, {create}{update} to update, \
         {roll_back} to roll back, {delete} groups to delete, {phasing_out} phasing out, \
         {blocked} blocked."
    )
}
