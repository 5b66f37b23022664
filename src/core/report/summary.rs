//! The first and last line of every report.

use super::words::count;
use crate::plan::wire::{Partial, Plan, PlanSet, Summary};

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

/// Returns the line that says which part of the fleet a set is; none when it is all of it.
pub fn set_heading(set: &PlanSet) -> Option<String> {
    let Partial { of, by, gone } = set.partial.as_ref()?;
    let got = set.clusters.len() + set.errors.len();
    Some(format!(
        "Partial: {got} of the fleet's {}, chosen by {}. The others were not looked at.{}",
        count(usize::try_from(*of).unwrap_or(usize::MAX), "cluster"),
        by.join(" "),
        gone_sentence(gone)
    ))
}

/// More names than this are not listed in a heading.
const GONE_LISTED: usize = 10;

fn gone_sentence(gone: &[String]) -> String {
    if gone.is_empty() {
        return String::new();
    }
    let listed: Vec<&str> = gone.iter().take(GONE_LISTED).map(String::as_str).collect();
    let more = match gone.len().saturating_sub(GONE_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(" No longer in the fleet: {}{more}.", listed.join(", "))
}

/// Returns the plans in the order in which the fleet's waves go, each wave with its title; what has
/// no wave goes last. Without waves, and for a single cluster, all plans without a title.
pub(super) fn by_wave<'p>(
    set: &PlanSet,
    plans: Vec<&'p Plan>,
) -> Vec<(Option<String>, Vec<&'p Plan>)> {
    if set.waves.is_empty() || set.clusters.len() < 2 {
        return vec![(None, plans)];
    }
    let place = |plan: &Plan| {
        let named = plan.wave.as_ref();
        let found = named.and_then(|name| set.waves.iter().position(|wave| wave == name));
        found.unwrap_or(set.waves.len())
    };
    let mut waves: Vec<Vec<&Plan>> = vec![Vec::new(); set.waves.len() + 1];
    for plan in plans {
        waves[place(plan)].push(plan);
    }
    let all = set.waves.len();
    waves
        .into_iter()
        .enumerate()
        .filter(|(_, plans)| !plans.is_empty())
        .map(|(at, plans)| {
            let clusters = count(plans.len(), "cluster");
            let title = match set.waves.get(at) {
                Some(name) => format!(
                    "Wave {} of {all}: {name}, {clusters} with something to do",
                    at + 1
                ),
                None => {
                    format!("In no wave, so after all of them: {clusters} with something to do")
                }
            };
            (Some(title), plans)
        })
        .collect()
}
