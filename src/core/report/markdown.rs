//! Plans as Markdown, for `plan.md` and comments.

use super::findings::groups;
use super::ladder::LadderStart;
use super::later::{held_by, reasons};
use super::markup::{cell, code_cell, fenced, prose, table};
use super::mermaid;
use super::picture::ladder_picture;
use super::style::Look;
use super::summary::{by_wave, set_heading, set_summary_line, summary_line};
use super::terminal::{is_quiet, journey, verdict};
use super::words::{
    change_lines, count, disturbs, list_some, no_way_back, open_until, range, severity,
    total_disruption, total_time, way_back,
};
use crate::plan::wire::{Inputs, Plan, PlanSet};
use std::fmt::Write as _;

/// Columns of the ladder as text; GitHub shows about this many without scrolling.
const PICTURE_WIDTH: usize = 100;
/// How many subjects of one message are listed.
const SUBJECTS_SHOWN: usize = 6;

/// Returns a plan as a page of Markdown: the totals, the risk, the ladder, the
/// steps, what waits, the findings, the inputs, the totals.
pub fn plan_markdown(plan: &Plan) -> String {
    let mut out = format!("# {}\n\n", title(plan));
    let summary = summary_line(&plan.summary);
    let _ = write!(out, "{summary}\n\n");
    body(plan, "##", &mut out);
    let _ = writeln!(out, "{summary}");
    out
}

/// Returns a set of plans as one page of Markdown. Clusters with something to do
/// come first, each folded away below its risk; the others are one paragraph.
pub fn planset_markdown(set: &PlanSet) -> String {
    let summary = set_summary_line(set);
    let mut out = format!("# Plan\n\n{summary}\n\n");
    if let Some(heading) = set_heading(set) {
        let _ = write!(out, "**{}**\n\n", prose(&heading));
    }
    if !set.errors.is_empty() {
        let _ = write!(
            out,
            "## {} got no plan\n\n",
            count(set.errors.len(), "cluster")
        );
        for error in &set.errors {
            let _ = write!(
                out,
                "**{}**\n\n{}\n",
                prose(&error.name),
                fenced("text", &error.error)
            );
            if let Some(hint) = &error.hint {
                let _ = write!(out, "Hint: {}\n\n", prose(hint));
            }
        }
    }
    let (quiet, active): (Vec<&Plan>, Vec<&Plan>) =
        set.clusters.iter().partition(|plan| is_quiet(plan));
    if active.len() > 1 {
        out.push_str(&overview(&active));
        out.push('\n');
    }
    for (wave, plans) in by_wave(set, active) {
        if let Some(wave) = wave {
            let _ = write!(out, "# {}\n\n", prose(&wave));
        }
        for plan in plans {
            let _ = write!(out, "## {}\n\n", title(plan));
            let _ = write!(out, "{}\n\n", summary_line(&plan.summary));
            out.push_str(&risk(plan));
            out.push_str("<details><summary>Ladder, steps and findings</summary>\n\n");
            rest(plan, "###", &mut out);
            out.push_str("</details>\n\n");
        }
    }
    if !quiet.is_empty() {
        let names: Vec<String> = quiet
            .iter()
            .map(|plan| format!("{} ({})", prose(&plan.name), journey(plan)))
            .collect();
        let _ = write!(
            out,
            "## Nothing to do on {}\n\n",
            count(quiet.len(), "cluster")
        );
        let _ = write!(out, "{}.\n\n", names.join(", "));
        findings(quiet.iter().copied(), "###", &mut out);
    }
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

fn overview(plans: &[&Plan]) -> String {
    let row = |plan: &&Plan| {
        let points = plan.points_of_no_return().count();
        let points = if points == 0 {
            String::new()
        } else {
            count(points, "step")
        };
        vec![cell(&plan.name), journey(plan), verdict(plan), points]
    };
    let rows: Vec<Vec<String>> = plans.iter().map(row).collect();
    table(&["cluster", "version", "plan", "no way back"], &rows)
}

fn body(plan: &Plan, level: &str, out: &mut String) {
    out.push_str(&risk(plan));
    rest(plan, level, out);
}

fn rest(plan: &Plan, level: &str, out: &mut String) {
    let start = LadderStart::of(plan);
    if let Some(chart) = mermaid::ladder(&start, plan) {
        let look = Look {
            width: PICTURE_WIDTH,
            color: false,
            unicode: true,
        };
        let picture = ladder_picture(&start, plan, look);
        let _ = write!(out, "{level} Ladder\n\n{chart}\n");
        let _ = write!(
            out,
            "<details><summary>The ladder as text</summary>\n\n{}\n</details>\n\n",
            fenced("text", &picture)
        );
    }
    steps(plan, level, out);
    not_now(plan, level, out);
    findings(std::iter::once(plan), level, out);
    inputs(plan, level, out);
}

/// What an approver must have read: no way back, who is disturbed, what is blocked.
fn risk(plan: &Plan) -> String {
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

fn findings<'a>(plans: impl Iterator<Item = &'a Plan>, level: &str, out: &mut String) {
    let groups = groups(plans.flat_map(|plan| &plan.findings));
    if groups.is_empty() {
        return;
    }
    let _ = write!(out, "{level} Findings\n\n");
    for group in groups {
        let first = group.first;
        let unread = if first.not_assessed {
            ", not assessed"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "* **{}** {}{unread}",
            severity(first.severity),
            code_cell(&first.code)
        );
        for (message, subjects) in &group.messages {
            let about = list_some(subjects, SUBJECTS_SHOWN);
            let lead = if about.is_empty() {
                String::new()
            } else {
                format!("{about}: ")
            };
            let _ = writeln!(out, "  * {}", prose(&format!("{lead}{message}")));
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
