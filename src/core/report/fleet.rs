//! Many clusters at a glance.

use super::findings;
use super::layout::Page;
use super::style::Ink;
use super::table::{Cell, Column, blocks};
use super::terminal::{journey, verdict};
use super::words::{self, count, list_some};
use crate::model::say_seconds;
use crate::plan::wire::{ClusterError, Finding, Plan, Severity};
use std::collections::BTreeMap;

/// Up to this many clusters in sync get a line each; more become one paragraph.
const IN_SYNC_LINES: usize = 10;
/// How many clusters are named for one finding.
const CLUSTERS_SHOWN: usize = 6;

/// Lists the clusters with something to do.
pub(super) fn overview(plans: &[&Plan], page: &mut Page) {
    let columns = [
        Column::exact("cluster", 10),
        Column::exact("version", 7),
        Column::prose("plan", 12),
        Column::exact("no way back", 11),
        Column::exact("takes about", 11),
    ];
    let rows: Vec<Vec<Cell>> = plans
        .iter()
        .map(|plan| {
            let points = plan.points_of_no_return().count();
            let typical = plan
                .steps
                .iter()
                .map(|step| step.duration.typical)
                .sum::<u64>();
            let ink = if plan.summary.blocked > 0 {
                Ink::Caution
            } else {
                Ink::Plain
            };
            vec![
                Cell::new(Ink::Strong, plan.name.as_str()),
                Cell::from(journey(plan)),
                Cell::new(ink, verdict(plan)),
                Cell::from(if points == 0 {
                    "-".to_owned()
                } else {
                    count(points, "step")
                }),
                Cell::from(say_seconds(typical)),
            ]
        })
        .collect();
    page.extend(blocks(&columns, &rows, 0, page.look).into_iter().flatten());
}

/// Writes the clusters with nothing to do: a line each, or one paragraph.
pub(super) fn in_sync(plans: &[&Plan], page: &mut Page) {
    if plans.is_empty() {
        return;
    }
    page.gap();
    if plans.len() > IN_SYNC_LINES {
        let title = format!("{} have nothing to do", count(plans.len(), "cluster"));
        page.line(page.look.paint(Ink::Strong, &title));
        let names: Vec<String> = plans
            .iter()
            .map(|plan| format!("{} ({})", plan.name, journey(plan)))
            .collect();
        page.say(2, Ink::Plain, &format!("{}.", names.join(", ")));
        fleet_findings(plans, page);
        return;
    }
    page.line(page.look.paint(Ink::Strong, "Nothing to do"));
    let columns = [
        Column::exact("cluster", 12),
        Column::exact("version", 7),
        Column::prose("", 20),
    ];
    let row = |plan: &&Plan| {
        let left = plan.differences.len();
        let left = if left == 0 {
            "in sync".to_owned()
        } else {
            format!("{} that stairway leaves alone", count(left, "difference"))
        };
        vec![
            Cell::from(plan.name.as_str()),
            Cell::from(journey(plan)),
            Cell::from(left),
        ]
    };
    let rows: Vec<Vec<Cell>> = plans.iter().map(row).collect();
    for (plan, lines) in plans
        .iter()
        .zip(blocks(&columns, &rows, 2, page.look).into_iter().skip(1))
    {
        page.extend(lines);
        findings::write(&plan.findings, 6, page);
    }
}

/// Says what is the matter with many clusters once per code.
fn fleet_findings(plans: &[&Plan], page: &mut Page) {
    let mut codes: BTreeMap<(Severity, &str), Vec<(&Plan, &Finding)>> = BTreeMap::new();
    for plan in plans {
        for finding in &plan.findings {
            codes
                .entry((finding.severity, &finding.code))
                .or_default()
                .push((plan, finding));
        }
    }
    for ((severity, code), found) in codes {
        let mut names: Vec<String> = found.iter().map(|(plan, _)| plan.name.clone()).collect();
        names.dedup();
        let head = format!(
            "{} {code} on {}: {}",
            words::severity(severity),
            count(names.len(), "cluster"),
            list_some(&names, CLUSTERS_SHOWN)
        );
        page.say(2, findings::ink(severity), &head);
        if let Some((plan, finding)) = found.first() {
            page.say(
                6,
                Ink::Plain,
                &format!("On {}: {}", plan.name, finding.message),
            );
            if !finding.remedy.is_empty() {
                page.item("Do: ", 6, Ink::Plain, &finding.remedy);
            }
        }
    }
}

/// Writes the clusters that got no plan.
pub(super) fn errors(errors: &[ClusterError], page: &mut Page) {
    if errors.is_empty() {
        return;
    }
    page.gap();
    let title = format!("{} got no plan", count(errors.len(), "cluster"));
    page.line(page.look.paint(Ink::Bad, &title));
    for ClusterError {
        name,
        error,
        hint,
        failure: _,
    } in errors
    {
        page.say(2, Ink::Strong, name);
        page.block(4, Ink::Plain, error);
        if let Some(hint) = hint {
            page.item("Hint: ", 4, Ink::Plain, hint);
        }
    }
}
