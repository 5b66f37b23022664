//! The report of a plan set for a terminal.

use super::findings;
use super::fleet;
use super::ladder::LadderStart;
use super::later;
use super::layout::{Page, clean, clip};
use super::picture::ladder_picture;
use super::style::{Ink, Look};
use super::summary::{by_wave, set_heading, set_summary_line};
use super::table::{Cell, Column, blocks, display_width};
use super::words::{
    change_lines, count, disturbs, no_way_back, open_until, range, step_numbers, total_disruption,
    total_time, way_back,
};
use crate::model::Timestamp;
use crate::plan::wire::{Finding, Inputs, Plan, PlanSet, Severity, Step};

/// From this many clusters with something to do on, a list of them comes first.
const OVERVIEW_FROM: usize = 3;
/// A terminal narrower than this shows steps as short paragraphs.
const TABLE_WIDTH_MIN: usize = 76;
/// Digits of a digest that are shown beside the id.
const DIGEST_SHOWN: usize = 19;

/// Returns the terminal report: the totals, each cluster with something to do,
/// the clusters in sync, the errors, the totals again.
pub fn plan_table(set: &PlanSet, look: &Look) -> String {
    let mut page = Page::new(*look);
    let summary = set_summary_line(set);
    page.line(summary.clone());
    if let Some(heading) = set_heading(set) {
        page.say(0, Ink::Caution, &heading);
    }
    page.gap();
    let (quiet, active): (Vec<&Plan>, Vec<&Plan>) =
        set.clusters.iter().partition(|plan| is_quiet(plan));
    let several = active.len() >= OVERVIEW_FROM;
    let waves = by_wave(set, active);
    if several {
        let ordered: Vec<&Plan> = waves.iter().flat_map(|(_, plans)| plans).copied().collect();
        fleet::overview(&ordered, &mut page);
    }
    for (title, plans) in waves {
        if let Some(title) = title {
            page.gap();
            let look = page.look;
            page.line(look.paint(Ink::Strong, &clean(&title, look)));
        }
        for plan in plans {
            page.gap();
            cluster(plan, &mut page);
        }
    }
    fleet::in_sync(&quiet, &mut page);
    fleet::errors(&set.errors, &mut page);
    page.gap();
    page.line(summary);
    page.finish()
}

/// Returns true when a cluster has nothing to do and nothing that stands in its way.
pub(super) fn is_quiet(plan: &Plan) -> bool {
    let serious = |finding: &Finding| match finding.severity {
        Severity::Mandatory | Severity::Blocking => true,
        Severity::Warning | Severity::Note => false,
    };
    plan.is_empty() && !plan.findings.iter().any(serious)
}

/// Returns `1.30 → 1.34`, or the one version when it does not move.
pub(super) fn journey(plan: &Plan) -> String {
    let say = |minor: Option<_>| minor.map_or_else(|| "?".to_owned(), |minor| format!("{minor}"));
    match (plan.from, plan.to) {
        (from, to) if from == to => say(from),
        (from, None) => say(from),
        (from, to) => format!("{} → {}", say(from), say(to)),
    }
}

/// Returns what a plan does in a few words.
pub(super) fn verdict(plan: &Plan) -> String {
    let mut parts = Vec::new();
    if !plan.steps.is_empty() {
        parts.push(format!("{} to run", count(plan.steps.len(), "step")));
    }
    if !plan.not_now.is_empty() {
        parts.push(format!("{} held back", plan.not_now.len()));
    }
    if plan.summary.blocked > 0 {
        parts.push("BLOCKED".to_owned());
    }
    if plan.preview {
        parts.push("PREVIEW".to_owned());
    }
    if parts.is_empty() {
        "nothing to run".to_owned()
    } else {
        parts.join(", ")
    }
}

fn cluster(plan: &Plan, page: &mut Page) {
    heading(plan, page);
    let picture = ladder_picture(&LadderStart::of(plan), plan, page.look);
    if !picture.is_empty() {
        page.gap();
        page.extend(picture.lines().map(str::to_owned));
    }
    steps(plan, page);
    later::write(&plan.not_now, plan.steps.len() + 1, page);
    if !plan.findings.is_empty() {
        page.gap();
        page.line(page.look.paint(Ink::Strong, "Findings"));
        findings::write(&plan.findings, 2, page);
    }
}

fn heading(plan: &Plan, page: &mut Page) {
    let look = page.look;
    let title = clean(&format!("{}  {}", plan.name, journey(plan)), look);
    let title = clip(&title, look.columns() - 6, look);
    let bar = look.pick("━", "=");
    let rest = look.prose().saturating_sub(display_width(&title) + 4);
    let line = format!("{} {} {}", bar.repeat(2), title, bar.repeat(rest));
    page.line(look.paint(Ink::Strong, &line));
    if plan.preview {
        let text = "PREVIEW: live was assumed; this plan can never be applied.";
        page.say(0, Ink::Caution, text);
    }
    if plan.rollback {
        let lower = matches!((plan.from, plan.to), (Some(from), Some(to)) if to < from);
        let text = if lower {
            "ROLLBACK: this plan takes the control plane one minor down."
        } else {
            "ROLLBACK: this plan takes back what a run did; the control plane stays as it is."
        };
        page.say(0, Ink::Caution, text);
    }
    let digest: String = plan.digest.chars().take(DIGEST_SHOWN).collect();
    let origin = origin(&plan.inputs);
    page.say(
        0,
        Ink::Faint,
        &format!("Plan {} ({digest}…), {}, {origin}.", plan.id, plan.flavor),
    );
}

/// Returns where the picture of live comes from.
fn origin(inputs: &Inputs) -> String {
    let kind = inputs.observation_kind.as_str();
    let when = inputs.observed_at.as_ref().map(Timestamp::to_string);
    match (kind, when) {
        ("", None) => "live not read".to_owned(),
        ("", Some(when)) => format!("live read at {when}"),
        (kind, None) => format!("live {kind}"),
        (kind, Some(when)) => format!("live read at {when} ({kind})"),
    }
}

fn steps(plan: &Plan, page: &mut Page) {
    page.gap();
    if plan.steps.is_empty() {
        let text = if plan.is_empty() && plan.summary.blocked == 0 {
            "No step is needed."
        } else {
            "No step can run now."
        };
        page.say(0, Ink::Caution, text);
        return;
    }
    let total = format!(
        "{} to run: {}; takes {}.",
        count(plan.steps.len(), "step"),
        total_disruption(&plan.steps),
        total_time(plan.steps.iter())
    );
    page.say(0, Ink::Strong, &total);
    let dead_end = |(number, step): (usize, &Step)| no_way_back(step).map(|_| number);
    let points: Vec<usize> = numbered(plan).filter_map(dead_end).collect();
    if points.is_empty() {
        page.say(0, Ink::Good, "Every step has a way back.");
    } else {
        let text = format!("After {} there is NO WAY BACK.", step_numbers(&points));
        page.say(0, Ink::Bad, &text);
    }
    page.gap();
    if page.look.columns() < TABLE_WIDTH_MIN {
        narrow(plan, page);
    } else {
        wide(plan, page);
    }
    ways_back(plan, page);
}

fn numbered(plan: &Plan) -> impl Iterator<Item = (usize, &Step)> {
    plan.steps
        .iter()
        .enumerate()
        .map(|(at, step)| (at + 1, step))
}

fn wide(plan: &Plan, page: &mut Page) {
    let columns = [
        Column::exact("#", 2),
        Column::exact("step", 18),
        Column::exact("change", 11),
        Column::prose("disturbs", 8),
        Column::exact("takes", 9),
        Column::prose("way back", 8),
    ];
    let rows: Vec<Vec<Cell>> = numbered(plan)
        .map(|(number, step)| {
            let dead_end = no_way_back(step).is_some();
            let back = if dead_end {
                "NONE".to_owned()
            } else {
                way_back(&step.rollback)
            };
            vec![
                Cell::new(Ink::Faint, number.to_string()),
                Cell::from(step.id.as_str()),
                Cell::from(change_lines(step)),
                Cell::from(disturbs(&step.disruption)),
                Cell::from(range(&step.duration)),
                Cell::new(if dead_end { Ink::Bad } else { Ink::Plain }, back),
            ]
        })
        .collect();
    let digits = plan.steps.len().to_string().len().max(2);
    let mut drawn = blocks(&columns, &rows, 0, page.look).into_iter();
    page.extend(drawn.next().unwrap_or_default());
    for (step, lines) in plan.steps.iter().zip(drawn) {
        page.extend(lines);
        warn(step, digits + 2, page);
    }
}

fn narrow(plan: &Plan, page: &mut Page) {
    for (number, step) in numbered(plan) {
        page.item(&format!("{number:>3}  "), 0, Ink::Strong, &step.id);
        let back = match way_back(&step.rollback) {
            _ if no_way_back(step).is_some() => "way back: NONE".to_owned(),
            back if back.is_empty() => String::new(),
            back => format!("way back: {back}"),
        };
        let disturbed = disturbs(&step.disruption);
        let disturbed = if disturbed.is_empty() {
            disturbed
        } else {
            format!("disturbs {disturbed}")
        };
        let parts = [
            change_lines(step).replace('\n', ", "),
            disturbed,
            range(&step.duration),
            back,
        ];
        let facts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        page.say(5, Ink::Plain, &facts.join("; "));
        warn(step, 5, page);
    }
}

/// Says in words, over the whole width, that there is no way back.
fn warn(step: &Step, indent: usize, page: &mut Page) {
    if let Some(why) = no_way_back(step) {
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(": {why}")
        };
        page.say(
            indent,
            Ink::Bad,
            &format!("NO WAY BACK after this step{why}"),
        );
    }
}

/// Says until when the ways back are open, each sentence once.
fn ways_back(plan: &Plan, page: &mut Page) {
    let mut open: Vec<(&str, Vec<usize>)> = Vec::new();
    for (number, step) in numbered(plan) {
        if no_way_back(step).is_some() {
            continue;
        }
        let Some(until) = open_until(step) else {
            continue;
        };
        match open.iter_mut().find(|(text, _)| *text == until) {
            Some((_, steps)) => steps.push(number),
            None => open.push((until, vec![number])),
        }
    }
    if !open.is_empty() {
        page.gap();
    }
    for (until, steps) in open {
        let text = format!("Way back from {}: {until}", step_numbers(&steps));
        page.say(2, Ink::Plain, &text);
    }
}
