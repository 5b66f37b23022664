//! One plan as Markdown, for `plan.md`, and the parts that comments take from it.

use super::findings::{groups, waiver};
use super::ladder::LadderStart;
use super::later::{held_by, reasons};
use super::markup::{cell, code_cell, fenced, prose, table};
use super::mermaid;
use super::picture::ladder_picture;
use super::style::Look;
use super::summary::summary_line;
use super::terminal::journey;
use super::words::{
    change_lines, count, disturbs, no_way_back, open_until, range, severity, total_disruption,
    total_time, way_back,
};
use crate::plan::wire::{Finding, Inputs, Plan};
use std::fmt::Write as _;

/// Columns of the ladder as text; GitHub shows about this many without scrolling.
const PICTURE_WIDTH: usize = 100;

/// Returns a plan as a page of Markdown: the totals, the risk, the ladder, the
/// steps, what waits, the findings, the inputs, the totals.
pub fn plan_markdown(plan: &Plan) -> String {
    let mut out = format!("# {}\n\n", title(plan));
    let summary = summary_line(&plan.summary);
    let _ = write!(out, "{summary}\n\n");
    out.push_str(&risk(plan));
    rest(plan, "##", Depth::Whole, &mut out);
    let _ = writeln!(out, "{summary}");
    out
}

fn title(plan: &Plan) -> String {
    let preview = if plan.preview { ", PREVIEW" } else { "" };
    let rollback = if plan.rollback { ", ROLLBACK" } else { "" };
    format!(
        "{}: {}{preview}{rollback}",
        prose(&plan.name),
        journey(plan)
    )
}

/// How much is said below the risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Everything.
    Whole,
    /// Without the ladder as text and without the inputs: the chart, the steps, the findings.
    Brief,
}

/// Writes everything below the risk.
pub(super) fn rest(plan: &Plan, level: &str, depth: Depth, out: &mut String) {
    let start = LadderStart::of(plan);
    if let Some(chart) = mermaid::ladder(&start, plan) {
        let _ = write!(out, "{level} Ladder\n\n{chart}\n");
        if depth == Depth::Whole {
            let look = Look {
                width: PICTURE_WIDTH,
                color: false,
                unicode: true,
            };
            let picture = ladder_picture(&start, plan, look);
            let _ = write!(
                out,
                "<details><summary>The ladder as text</summary>\n\n{}\n</details>\n\n",
                fenced("text", &picture)
            );
        }
    }
    steps(plan, level, out);
    not_now(plan, level, out);
    findings(&plan.findings, level, out);
    if depth == Depth::Whole {
        inputs(plan, level, out);
    }
}

/// What an approver must have read: no way back, who is disturbed, what is blocked.
pub(super) fn risk(plan: &Plan) -> String {
    let mut lines = Vec::new();
    if plan.preview {
        lines.push("**PREVIEW: live was assumed; this plan can never be applied.**".to_owned());
    }
    for (at, step) in plan.steps.iter().enumerate() {
        if let Some(why) = no_way_back(step) {
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(": {}", prose(&why))
            };
            let number = at + 1;
            lines.push(format!(
                "**NO WAY BACK** after step {number}, {}{why}",
                code_cell(&step.id)
            ));
        }
    }
    if !plan.steps.is_empty() {
        if lines.iter().all(|line| !line.starts_with("**NO WAY BACK")) {
            lines.push("Every step has a way back.".to_owned());
        }
        lines.push(format!(
            "{} to run: {}; takes {}.",
            count(plan.steps.len(), "step"),
            total_disruption(&plan.steps),
            total_time(plan.steps.iter())
        ));
    } else if !plan.is_empty() {
        lines.push("**No step can run now.**".to_owned());
    }
    if !plan.not_now.is_empty() {
        let held = count(plan.not_now.len(), "step");
        lines.push(format!("{held} held back, see *Not now*."));
    }
    lines
        .iter()
        .map(|line| format!("* {line}\n"))
        .chain(std::iter::once("\n".to_owned()))
        .collect()
}

fn steps(plan: &Plan, level: &str, out: &mut String) {
    if plan.steps.is_empty() {
        return;
    }
    let row = |(at, step): (usize, &crate::plan::wire::Step)| {
        let back = match no_way_back(step) {
            Some(_) => "**NONE**".to_owned(),
            None => match open_until(step) {
                Some(until) => format!("{}<br>{}", way_back(&step.rollback), cell(until)),
                None => way_back(&step.rollback),
            },
        };
        vec![
            (at + 1).to_string(),
            code_cell(&step.id),
            change_lines(step)
                .lines()
                .map(cell)
                .collect::<Vec<_>>()
                .join("<br>"),
            cell(&disturbs(&step.disruption)),
            range(&step.duration),
            back,
        ]
    };
    let rows: Vec<Vec<String>> = plan.steps.iter().enumerate().map(row).collect();
    let titles = ["step", "id", "change", "disturbs", "takes", "way back"];
    let _ = write!(out, "{level} Steps\n\n{}\n", table(&titles, &rows));
}

fn not_now(plan: &Plan, level: &str, out: &mut String) {
    if plan.not_now.is_empty() {
        return;
    }
    let _ = write!(out, "{level} Not now\n\n");
    let reasons = reasons(&plan.not_now);
    for reason in &reasons {
        let _ = writeln!(out, "* **{}.** {}", reason.mark, prose(&reason.text()));
    }
    let first = plan.steps.len() + 1;
    let mut previous = None;
    let mut rows = Vec::new();
    for (at, later) in plan.not_now.iter().enumerate() {
        rows.push(vec![
            (first + at).to_string(),
            code_cell(&later.step.id),
            change_lines(&later.step)
                .lines()
                .map(cell)
                .collect::<Vec<_>>()
                .join("<br>"),
            cell(&held_by(later, previous, &reasons)),
        ]);
        previous = Some(later.step.id.as_str());
    }
    let _ = write!(
        out,
        "\n{}\n",
        table(&["step", "id", "change", "held back by"], &rows)
    );
}

/// Writes findings as a section; nothing when there is none.
pub(super) fn findings<'a>(
    found: impl IntoIterator<Item = &'a Finding>,
    level: &str,
    out: &mut String,
) {
    let groups = groups(found);
    if groups.is_empty() {
        return;
    }
    let _ = write!(out, "{level} Findings\n\n");
    for group in groups {
        let first = group.first;
        let _ = writeln!(
            out,
            "* **{}** {}{}",
            severity(first.severity),
            code_cell(&first.code),
            prose(&group.marks())
        );
        if let Some(waived) = &first.waived {
            let _ = writeln!(
                out,
                "  * **Waived** {}",
                prose(waiver(waived).trim_start_matches("waived "))
            );
        }
        for said in &group.messages {
            let _ = writeln!(out, "  * {}", prose(&said.text()));
            let objects = said.objects();
            if !objects.is_empty() {
                let _ = writeln!(out, "    Affects: {}", prose(&objects));
            }
        }
        if !first.remedy.is_empty() {
            let _ = writeln!(out, "  * Do: {}", prose(&first.remedy));
        }
        if !first.source.is_empty() {
            let _ = writeln!(out, "  * Source: {}", prose(&first.source));
        }
    }
    out.push('\n');
}

fn inputs(plan: &Plan, level: &str, out: &mut String) {
    let Inputs {
        config,
        evaluator,
        imports,
        render_digest,
        observation_digest,
        observation_kind,
        observed_at,
        at,
        decided_at,
        catalog_date,
        fleet_digest,
        git_revision,
        dirty,
        options,
    } = &plan.inputs;
    let time = |time: &Option<crate::model::Timestamp>| {
        time.as_ref().map_or_else(String::new, ToString::to_string)
    };
    let options: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let facts = [
        ("plan", plan.id.clone()),
        ("digest", plan.digest.clone()),
        ("config", config.clone()),
        ("rendered", render_digest.clone()),
        ("evaluator", evaluator.clone()),
        ("observation", observation_digest.clone()),
        ("observation kind", observation_kind.clone()),
        ("observed at", time(observed_at)),
        ("calendars read for", time(at)),
        ("waivers read for", time(decided_at)),
        ("catalog", catalog_date.clone()),
        ("fleet file", fleet_digest.clone().unwrap_or_default()),
        ("git revision", git_revision.clone().unwrap_or_default()),
        (
            "not committed",
            dirty
                .as_ref()
                .map_or_else(|| "not compared".to_owned(), |files| files.join(", ")),
        ),
        ("options", options.join(", ")),
        ("stairway", plan.tool.version.clone()),
    ];
    let rows: Vec<Vec<String>> = facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| vec![name.to_owned(), code_cell(&value)])
        .collect();
    let _ = write!(
        out,
        "{level} Inputs\n\n{}\n",
        table(&["what", "value"], &rows)
    );
    if !imports.is_empty() {
        let rows: Vec<Vec<String>> = imports
            .iter()
            .map(|(file, digest)| vec![code_cell(file), code_cell(digest)])
            .collect();
        let files = count(rows.len(), "file");
        let files = table(&[&format!("{files} read to render"), "digest"], &rows);
        let _ = write!(
            out,
            "<details><summary>Files</summary>\n\n{files}\n</details>\n\n"
        );
    }
}
