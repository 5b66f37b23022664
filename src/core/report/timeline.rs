//! What a rehearsal on a simulated cluster showed: a picture of its time, and what many of them
//! came to.

use super::layout::{Page, clean};
use super::status::took;
use super::style::{Ink, Look};
use super::table::{Cell, Column, blocks, display_width};
use super::words::{count, list};
use crate::model::{Timestamp, say_seconds};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The major format version of rehearsals in JSON.
const REHEARSAL_FORMAT: u32 = 1;
/// The exit code of a run that paused as planned.
const EXIT_PAUSED: u8 = 7;
/// A picture narrower than this shows nothing, one wider than this no more.
const PICTURE_MIN: usize = 12;
const PICTURE_MAX: usize = 72;
/// Columns that a time on the axis takes, with some room.
const TICK_COLUMNS: usize = 9;
/// Widths of the columns of marks and times.
const MARK: usize = 1;
const TIME: usize = 6;
/// Columns between two columns.
const GAP: usize = 2;
/// Distances between two times on the axis, in seconds: as clocks have them.
const TICKS: [u64; 16] = [
    60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    1_209_600, 2_592_000,
];

/// One step of a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineRow {
    /// Its id.
    pub step: String,
    /// When it began, on the world's clock.
    pub began: Timestamp,
    /// When it ended; none when the rehearsal ended in it.
    pub ended: Option<Timestamp>,
    /// `done`, `stopped`, `paused`, …
    pub outcome: String,
    /// Nodes that went away.
    pub disrupted_nodes: u32,
    /// Pods that were evicted.
    pub disrupted_pods: u32,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// One rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// The plan's id.
    pub plan: String,
    /// Its steps, in order.
    pub rows: Vec<TimelineRow>,
    /// How it ended, in a few words.
    pub ending: String,
    /// The exit code of such a run.
    pub exit: u8,
    /// How long it took on the world's clock.
    pub virtual_seconds: u64,
    /// What runs at its end: control plane, groups, add-ons.
    pub end_versions: BTreeMap<String, String>,
    /// What went wrong in the world, in sentences.
    pub mishaps: Vec<String>,
    /// The seed that makes it the same again.
    pub seed: u64,
    /// The faults that were asked for.
    pub faults: Vec<String>,
}

/// Many rehearsals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// How many.
    pub runs: u32,
    /// Ending → how many, and one of them as seed and faults.
    pub endings: BTreeMap<String, (u32, String)>,
    /// Step → how many runs ended in it.
    pub stops: BTreeMap<String, u32>,
    /// The worst that was seen, in sentences.
    pub worst: Vec<String>,
}

/// Returns a rehearsal for people: how it ends, when what happens, what went wrong.
pub fn rehearsal_table(rehearsal: &Rehearsal, look: &Look) -> String {
    let mut page = Page::new(*look);
    let title = format!(
        "Rehearsal of plan {}: exit code {} after {} on the world's clock.",
        rehearsal.plan,
        rehearsal.exit,
        say_seconds(rehearsal.virtual_seconds)
    );
    page.say(0, Ink::Strong, &title);
    let ink = match rehearsal.exit {
        0 => Ink::Good,
        EXIT_PAUSED => Ink::Caution,
        _ => Ink::Bad,
    };
    page.say(0, ink, &sentence(&rehearsal.ending));
    let faults = if rehearsal.faults.is_empty() {
        "no faults asked for".to_owned()
    } else {
        format!("faults: {}", list(&rehearsal.faults))
    };
    page.say(
        0,
        Ink::Faint,
        &format!("Seed {}, {faults}.", rehearsal.seed),
    );
    if !rehearsal.rows.is_empty() {
        page.gap();
        picture(rehearsal, &mut page);
    }
    page.gap();
    totals(rehearsal, &mut page);
    items(
        "What went wrong on the way:",
        Ink::Caution,
        &rehearsal.mishaps,
        &mut page,
    );
    page.gap();
    let again = format!("Again: {}", again(rehearsal));
    page.line(clean(&again, *look));
    page.finish()
}

/// Returns a rehearsal for programs.
pub fn rehearsal_json(rehearsal: &Rehearsal) -> Value {
    let row = |row: &TimelineRow| {
        json!({
            "step": row.step,
            "began": row.began,
            "ended": row.ended,
            "took_seconds": row.ended.map(|ended| seconds(row.began, ended)),
            "outcome": row.outcome,
            "disrupted": {"nodes": row.disrupted_nodes, "pods": row.disrupted_pods},
            "notes": row.notes,
        })
    };
    json!({
        "format_version": REHEARSAL_FORMAT,
        "kind": "Rehearsal",
        "plan": rehearsal.plan,
        "seed": rehearsal.seed,
        "faults": rehearsal.faults,
        "ending": rehearsal.ending,
        "exit": rehearsal.exit,
        "virtual_seconds": rehearsal.virtual_seconds,
        "end_versions": rehearsal.end_versions,
        "mishaps": rehearsal.mishaps,
        "steps": rehearsal.rows.iter().map(row).collect::<Vec<_>>(),
        "again": again(rehearsal),
    })
}

/// Returns many rehearsals for people: what could go wrong, and where it would leave you.
pub fn sweep_table(sweep: &Sweep, look: &Look) -> String {
    let mut page = Page::new(*look);
    let endings = by_count(sweep.endings.iter().map(|(name, (runs, _))| (name, *runs)));
    let told: Vec<String> = endings
        .iter()
        .map(|(name, runs)| format!("{runs} {name}"))
        .collect();
    let title = match (sweep.runs, told.as_slice()) {
        (0, _) | (_, []) => "No rehearsal was run.".to_owned(),
        (runs, [_]) if endings[0].1 == runs => {
            format!("{}: every one {}.", rehearsals(runs), endings[0].0)
        }
        (runs, _) => format!("{}: {}.", rehearsals(runs), told.join(", ")),
    };
    page.say(0, Ink::Strong, &title);
    if !endings.is_empty() {
        page.gap();
        ending_rows(sweep, &endings, &mut page);
    }
    let stops = by_count(sweep.stops.iter().map(|(step, runs)| (step, *runs)));
    if !stops.is_empty() {
        page.gap();
        page.line(look.paint(Ink::Strong, "Where runs end before the plan does"));
        let columns = [
            Column::exact("runs", 4),
            Column::exact("step", 18),
            Column::exact("share", 10),
        ];
        let width = look.columns() / 4;
        let rows: Vec<Vec<Cell>> = stops
            .iter()
            .map(|(step, runs)| {
                vec![
                    Cell::from(format!("{runs:>4}")),
                    Cell::from(step.as_str()),
                    Cell::new(Ink::Caution, share(*runs, sweep.runs, width, *look)),
                ]
            })
            .collect();
        for lines in blocks(&columns, &rows, 2, *look) {
            page.extend(lines);
        }
    }
    items(
        "The worst that was seen:",
        Ink::Bad,
        &sweep.worst,
        &mut page,
    );
    page.finish()
}

/// Returns many rehearsals for programs.
pub fn sweep_json(sweep: &Sweep) -> Value {
    let endings = by_count(sweep.endings.iter().map(|(name, (runs, _))| (name, *runs)));
    let stops = by_count(sweep.stops.iter().map(|(step, runs)| (step, *runs)));
    let ending = |(name, runs): &(&String, u32)| {
        let example = sweep.endings.get(*name).map(|(_, example)| example);
        json!({"ending": name, "runs": runs, "example": example})
    };
    json!({
        "format_version": REHEARSAL_FORMAT,
        "kind": "RehearsalSweep",
        "runs": sweep.runs,
        "endings": endings.iter().map(ending).collect::<Vec<_>>(),
        "stops": stops
            .iter()
            .map(|(step, runs)| json!({"step": step, "runs": runs}))
            .collect::<Vec<_>>(),
        "worst": sweep.worst,
    })
}

/// Returns `text` with a capital at its beginning and a full stop at its end.
fn sentence(text: &str) -> String {
    let mut signs = text.chars();
    let first = signs.next().map(|sign| sign.to_uppercase().to_string());
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{stop}", first.unwrap_or_default(), signs.as_str())
}

fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.seconds_since(from)).unwrap_or(0)
}

fn again(rehearsal: &Rehearsal) -> String {
    let mut text = format!(
        "stairway rehearse {} --seed {}",
        rehearsal.plan, rehearsal.seed
    );
    if !rehearsal.faults.is_empty() {
        text.push_str(" --faults ");
        text.push_str(&rehearsal.faults.join(","));
    }
    text
}

fn rehearsals(runs: u32) -> String {
    count(runs as usize, "rehearsal")
}

/// The most first; equals by name.
fn by_count<'s>(all: impl Iterator<Item = (&'s String, u32)>) -> Vec<(&'s String, u32)> {
    let mut all: Vec<(&String, u32)> = all.collect();
    all.sort_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
    all
}

fn items(title: &str, ink: Ink, texts: &[String], page: &mut Page) {
    if texts.is_empty() {
        return;
    }
    page.gap();
    page.line(page.look.paint(Ink::Strong, title));
    for text in texts {
        page.item("- ", 2, ink, text);
    }
}

/// What an outcome looks like; others than the known ones are shown and not judged.
fn face(outcome: &str, look: Look) -> (&'static str, Ink) {
    match outcome {
        "done" => (look.pick("✔", "+"), Ink::Good),
        "failed" | "stopped" | "refused" | "unread" => (look.pick("✖", "x"), Ink::Bad),
        "paused" | "left" => (look.pick("‖", "="), Ink::Caution),
        "open" | "running" | "waiting" => (look.pick("▶", ">"), Ink::Place),
        _ => ("?", Ink::Caution),
    }
}

/// The time that the picture shows.
struct Axis {
    from: Timestamp,
    seconds: u64,
    columns: usize,
}

impl Axis {
    fn of(rows: &[TimelineRow], seconds_told: u64, columns: usize) -> Self {
        let begins = rows.iter().map(|row| row.began);
        let from = begins.min().unwrap_or(Timestamp::from_unix(0));
        let ends = rows.iter().map(|row| row.ended.unwrap_or(row.began));
        let last = ends.max().unwrap_or(from);
        Self {
            from,
            seconds: seconds(from, last).max(seconds_told).max(1),
            columns,
        }
    }

    /// Returns the column of an instant, rounded down.
    fn column(&self, at: u64) -> usize {
        let columns = u128::try_from(self.columns).unwrap_or(0);
        let place = u128::from(at) * columns / u128::from(self.seconds);
        usize::try_from(place).unwrap_or(0).min(self.columns)
    }

    fn bar(&self, row: &TimelineRow, look: Look) -> String {
        let from = self.column(seconds(self.from, row.began));
        let from = from.min(self.columns.saturating_sub(1));
        let end = row.ended.map_or(self.seconds, |at| seconds(self.from, at));
        let to = self.column(end).max(from + 1);
        let full = match row.ended {
            Some(_) => look.pick("█", "#"),
            None => look.pick("▒", "~"),
        };
        let idle = look.pick("·", ".");
        [
            idle.repeat(from),
            full.repeat(to - from),
            idle.repeat(self.columns.saturating_sub(to)),
        ]
        .concat()
    }

    /// Returns `0────1h────2h──2h25m`, one column per column of the bars.
    fn scale(&self, look: Look) -> String {
        let wide_enough = |tick: &u64| self.column(*tick) >= TICK_COLUMNS;
        let tick = TICKS.iter().copied().find(wide_enough);
        let line = look.pick("─", "-");
        let end = took(self.seconds);
        let end_column = self.columns.saturating_sub(end.len());
        let mut text = "0".to_owned();
        let to = |text: &mut String, column: usize| {
            let missing = column.saturating_sub(display_width(text));
            text.push_str(&line.repeat(missing));
        };
        for at in (1..).map_while(|number: u64| Some(number.saturating_mul(tick?))) {
            let (column, label) = (self.column(at), tick_name(at, tick.unwrap_or(1)));
            if at > self.seconds || column + label.len() >= end_column {
                break;
            }
            to(&mut text, column);
            text.push_str(&label);
        }
        to(&mut text, end_column);
        text + &end
    }
}

fn tick_name(at: u64, tick: u64) -> String {
    match tick {
        _ if tick.is_multiple_of(86_400) => format!("{}d", at / 86_400),
        _ if tick.is_multiple_of(3_600) => format!("{}h", at / 3_600),
        _ => format!("{}m", at / 60),
    }
}

fn picture(rehearsal: &Rehearsal, page: &mut Page) {
    let look = page.look;
    let rows = &rehearsal.rows;
    let disturbed: Vec<String> = rows.iter().map(disturbs).collect();
    let widest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let ids = widest(
        &mut rows
            .iter()
            .map(|row| display_width(&clean(&row.step, look))),
    );
    let ids = ids.min(look.columns() * 2 / 5);
    let mut others = MARK + GAP + ids + GAP + TIME + GAP;
    if disturbed.iter().any(|text| !text.is_empty()) {
        others += 8 + GAP;
    }
    let room = look.columns().saturating_sub(others);
    let axis = Axis::of(
        rows,
        rehearsal.virtual_seconds,
        room.clamp(PICTURE_MIN, PICTURE_MAX),
    );
    let columns = [
        Column::exact("", MARK),
        Column::exact("step", 14),
        Column::exact("took", TIME),
        Column::exact("when", PICTURE_MIN),
        Column::prose("disturbs", 8),
    ];
    let mut cells = vec![vec![
        Cell::default(),
        Cell::default(),
        Cell::default(),
        Cell::new(Ink::Faint, axis.scale(look)),
    ]];
    for (row, disturbed) in rows.iter().zip(disturbed) {
        let (mark, ink) = face(&row.outcome, look);
        let time = match row.ended {
            Some(ended) => took(seconds(row.began, ended)),
            None => String::new(),
        };
        cells.push(vec![
            Cell::new(ink, mark),
            Cell::from(row.step.as_str()),
            Cell::from(time),
            Cell::new(ink, axis.bar(row, look)),
            Cell::from(disturbed),
        ]);
    }
    let mut drawn = blocks(&columns, &cells, 0, look).into_iter();
    for lines in drawn.by_ref().take(2) {
        page.extend(lines);
    }
    for (row, lines) in rows.iter().zip(drawn) {
        page.extend(lines);
        let (_, ink) = face(&row.outcome, look);
        if row.outcome != "done" {
            page.say(3, ink, &row.outcome);
        }
        for note in &row.notes {
            page.say(3, Ink::Faint, note);
        }
    }
}

fn disturbs(row: &TimelineRow) -> String {
    let part = |number: u32, noun| (number > 0).then(|| count(number as usize, noun));
    let parts = [
        part(row.disrupted_nodes, "node"),
        part(row.disrupted_pods, "pod"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn totals(rehearsal: &Rehearsal, page: &mut Page) {
    let sum = |pick: fn(&TimelineRow) -> u32| {
        let numbers = rehearsal.rows.iter().map(pick);
        numbers.fold(0_u32, u32::saturating_add) as usize
    };
    let nodes = count(sum(|row| row.disrupted_nodes), "node");
    let pods = count(sum(|row| row.disrupted_pods), "pod");
    let text = format!("In all, {nodes} went away and {pods} were evicted.");
    page.say(0, Ink::Plain, &text);
    if !rehearsal.end_versions.is_empty() {
        let versions: Vec<String> = rehearsal
            .end_versions
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        page.say(
            0,
            Ink::Plain,
            &format!("At the end: {}.", versions.join(", ")),
        );
    }
}

fn ending_rows(sweep: &Sweep, endings: &[(&String, u32)], page: &mut Page) {
    let look = page.look;
    let columns = [
        Column::exact("runs", 4),
        Column::prose("ending", 10),
        Column::exact("share", 10),
        Column::prose("for example", 12),
    ];
    let width = look.columns() / 4;
    let rows: Vec<Vec<Cell>> = endings
        .iter()
        .map(|(name, runs)| {
            let example = sweep.endings.get(*name).map_or("", |(_, example)| example);
            let ink = if name.as_str() == "done" {
                Ink::Good
            } else {
                Ink::Caution
            };
            vec![
                Cell::from(format!("{runs:>4}")),
                Cell::new(ink, name.as_str()),
                Cell::new(ink, share(*runs, sweep.runs, width, look)),
                Cell::new(Ink::Faint, example),
            ]
        })
        .collect();
    for lines in blocks(&columns, &rows, 2, look) {
        page.extend(lines);
    }
}

/// Returns a bar and the percentage; something is never drawn or called nothing.
fn share(part: u32, whole: u32, columns: usize, look: Look) -> String {
    let (part, whole) = (u64::from(part), u64::from(whole.max(1)));
    let columns = u64::try_from(columns.saturating_sub(5)).unwrap_or(0).max(5);
    let filled = (part * columns / whole).clamp(u64::from(part > 0), columns);
    let draw = |sign: &str, number: u64| sign.repeat(usize::try_from(number).unwrap_or(0));
    let percent = part * 100 / whole;
    let percent = if percent == 0 && part > 0 {
        "<1%".to_owned()
    } else {
        format!("{percent}%")
    };
    format!(
        "{}{} {percent}",
        draw(look.pick("█", "#"), filled),
        draw(look.pick("·", "."), columns - filled)
    )
}

#[cfg(test)]
mod tests;
