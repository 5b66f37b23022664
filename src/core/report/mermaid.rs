//! The ladder as a Mermaid chart, which GitHub and GitLab draw.

use super::ladder::{Ladder, LadderStart, Row, Stand, is_legal, label, oldest_legal};
use super::picture::letter;
use crate::model::KubeMinor;
use crate::plan::wire::Plan;
use std::fmt::Write as _;
use std::ops::Range;

/// Landings are drawn as days of one month, so that every Mermaid can order them.
const LANDINGS_MAX: usize = 28;
/// A chart with more rows is not legible.
const ROWS_MAX: usize = 24;

/// Returns the chart and a legend of its landings; none when nothing moves.
///
/// A gantt chart has exactly the axes of a ladder: subjects downward, moments to
/// the right, and a bar says which version stands for how long. Each landing is one
/// day of January 2000, and the axis shows only the day. The compact mode puts the
/// bars of a subject on one line; the letters are those of the ladder as text.
pub(super) fn ladder(start: &LadderStart, plan: &Plan) -> Option<String> {
    let ladder = Ladder::of(start, plan)?;
    let end = ladder.moments.len().min(LANDINGS_MAX);
    let mut out = String::from(
        "```mermaid\n---\ndisplayMode: compact\n---\ngantt\n  dateFormat YYYY-MM-DD\n  axisFormat landing %e\n  tickInterval 1day\n",
    );
    let planes: Vec<Option<KubeMinor>> = ladder
        .moments
        .iter()
        .take(end)
        .map(|moment| Some(moment.control_plane))
        .collect();
    section(&mut out, "control plane");
    for (run, version) in runs(&planes) {
        let Some(version) = version else { continue };
        let tag = if ladder.moments[run.start].later {
            "active, "
        } else {
            "done, "
        };
        bar(&mut out, &version.to_string(), tag, &run);
    }
    for (at, row) in ladder.rows.iter().enumerate().take(ROWS_MAX) {
        section(&mut out, &format!("{} {}", letter(at), label(&row.names)));
        bars(&mut out, row, &planes, &ladder, end);
    }
    out.push_str("```\n\n");
    out.push_str(&legend(&ladder, end));
    Some(out)
}

fn bars(out: &mut String, row: &Row, planes: &[Option<KubeMinor>], ladder: &Ladder, end: usize) {
    let stands: Vec<Option<(Option<KubeMinor>, Edge)>> = row
        .stands
        .iter()
        .zip(planes)
        .take(end)
        .map(|(stand, plane)| match stand {
            Stand::Absent | Stand::Gone => None,
            Stand::At(minor) => Some((*minor, Edge::of(*minor, *plane))),
        })
        .collect();
    for (run, stand) in runs(&stands) {
        let Some((minor, edge)) = stand else { continue };
        let version = minor.map_or_else(|| "unknown".to_owned(), |minor| minor.to_string());
        let later = if ladder.moments[run.start].later {
            "active, "
        } else {
            ""
        };
        match edge {
            Edge::Inside => bar(out, &version, later, &run),
            Edge::Oldest => bar(out, &format!("{version}, oldest allowed"), "crit, ", &run),
            Edge::Outside => bar(out, &format!("{version}, NOT ALLOWED"), "crit, ", &run),
        }
    }
}

/// Where a kubelet stands in the skew band.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Inside,
    Oldest,
    Outside,
}

impl Edge {
    fn of(minor: Option<KubeMinor>, plane: Option<KubeMinor>) -> Self {
        match (minor, plane) {
            (Some(minor), Some(plane)) if !is_legal(minor, plane) => Self::Outside,
            (Some(minor), Some(plane)) if minor == oldest_legal(plane) => Self::Oldest,
            (Some(_) | None, Some(_) | None) => Self::Inside,
        }
    }
}

/// Returns the ranges of equal neighbors.
fn runs<T: Copy + PartialEq>(values: &[T]) -> Vec<(Range<usize>, T)> {
    let mut runs: Vec<(Range<usize>, T)> = Vec::new();
    for (at, value) in values.iter().enumerate() {
        match runs.last_mut() {
            Some((run, known)) if known == value => run.end = at + 1,
            Some(_) | None => runs.push((at..at + 1, *value)),
        }
    }
    runs
}

fn section(out: &mut String, name: &str) {
    let _ = writeln!(out, "  section {}", tame(name));
}

fn bar(out: &mut String, text: &str, tag: &str, run: &Range<usize>) {
    let day = |at: usize| format!("2000-01-{:02}", at + 1);
    let _ = writeln!(
        out,
        "    {} :{tag}{}, {}",
        tame(text),
        day(run.start),
        day(run.end)
    );
}

/// Keeps the signs that Mermaid reads as text everywhere.
fn tame(text: &str) -> String {
    let keep = |sign: char| {
        if sign.is_ascii_alphanumeric() || " .,-_*()".contains(sign) {
            sign
        } else {
            ' '
        }
    };
    text.chars().map(keep).collect()
}

fn legend(ladder: &Ladder, end: usize) -> String {
    let name = |(at, moment): (usize, &super::ladder::Moment)| {
        let when = match moment.steps {
            None => "now".to_owned(),
            Some((first, last)) if first == last => format!("after step {first}"),
            Some((first, last)) => format!("after steps {first} to {last}"),
        };
        let later = if moment.later { " (held back)" } else { "" };
        format!("{} {when}{later}", at + 1)
    };
    let landings: Vec<String> = ladder
        .moments
        .iter()
        .take(end)
        .enumerate()
        .map(name)
        .collect();
    let mut text = format!("Landings: {}.", landings.join(", "));
    if ladder.moments.len() > end || ladder.rows.len() > ROWS_MAX {
        text.push_str(" The chart is cut; the steps below are complete.");
    }
    text.push('\n');
    text
}
