//! Columns that fit the terminal; the one door to `tabled`.

use super::layout::{clean, rigid_width, wrap};
use super::style::{Ink, Look};
use tabled::builder::Builder;
use tabled::grid::util::string::get_string_width;
use tabled::settings::{Padding, Style};

/// Columns between two columns.
const GAP: usize = 2;

/// Returns how many terminal columns `text` takes; it must hold no escape sequence.
pub(super) fn display_width(text: &str) -> usize {
    get_string_width(text)
}

/// A column.
pub(super) struct Column {
    /// Its heading.
    pub(super) title: &'static str,
    /// It is never made narrower than this, even if that breaks a word.
    pub(super) least: usize,
    /// True for sentences, which may wrap before ids and versions do.
    pub(super) prose: bool,
}

impl Column {
    /// Returns a column of ids, names or versions.
    pub(super) const fn exact(title: &'static str, least: usize) -> Self {
        Self {
            title,
            least,
            prose: false,
        }
    }

    /// Returns a column of words.
    pub(super) const fn prose(title: &'static str, least: usize) -> Self {
        Self {
            title,
            least,
            prose: true,
        }
    }
}

/// A cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    /// Its lines; each is cleaned and wrapped.
    pub(super) text: String,
    /// Its color.
    pub(super) ink: Ink,
}

impl Cell {
    /// Returns a cell with `text` in `ink`.
    pub(super) fn new(ink: Ink, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ink,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Ink::Plain, text)
    }
}

/// Returns the lines of the heading, then the lines of each row, so that a caller
/// can put remarks between rows.
pub(super) fn blocks(
    columns: &[Column],
    rows: &[Vec<Cell>],
    indent: usize,
    look: Look,
) -> Vec<Vec<String>> {
    let rows: Vec<Vec<Cell>> = rows.iter().map(|row| cleaned(row, look)).collect();
    let kept: Vec<usize> = (0..columns.len())
        .filter(|&at| {
            rows.iter()
                .any(|row| row.get(at).is_some_and(|cell| !cell.text.is_empty()))
        })
        .collect();
    let widths = fit(columns, &kept, &rows, look.columns().saturating_sub(indent));
    let mut builder = Builder::default();
    let mut heights = vec![1];
    builder.push_record(
        kept.iter()
            .map(|&at| look.paint(Ink::Faint, columns[at].title)),
    );
    for row in &rows {
        let cells: Vec<Vec<String>> = kept
            .iter()
            .zip(&widths)
            .map(|(&at, &width)| {
                row.get(at)
                    .map_or_else(Vec::new, |cell| lines(cell, width, look))
            })
            .collect();
        heights.push(cells.iter().map(Vec::len).max().unwrap_or(1).max(1));
        builder.push_record(cells.into_iter().map(|cell| cell.join("\n")));
    }
    let mut table = builder.build();
    table.with(Style::empty()).with(Padding::new(0, GAP, 0, 0));
    let text = table.to_string();
    let margin = " ".repeat(indent);
    let mut all = text
        .lines()
        .map(|line| format!("{margin}{}", line.trim_end()));
    let mut out: Vec<Vec<String>> = heights
        .iter()
        .map(|&height| all.by_ref().take(height).collect())
        .collect();
    if let Some(heading) = out.first_mut() {
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let rule = look.pick("─", "-").repeat(total);
        heading.push(format!("{margin}{}", look.paint(Ink::Faint, &rule)));
    }
    out
}

fn cleaned(row: &[Cell], look: Look) -> Vec<Cell> {
    let cell = |cell: &Cell| {
        let lines: Vec<String> = cell.text.lines().map(|line| clean(line, look)).collect();
        Cell::new(cell.ink, lines.join("\n"))
    };
    row.iter().map(cell).collect()
}

fn lines(cell: &Cell, width: usize, look: Look) -> Vec<String> {
    cell.text
        .lines()
        .flat_map(|line| wrap(line, width))
        .map(|line| look.paint(cell.ink, &line))
        .collect()
}

/// Returns the width of each kept column: as wide as its content; where that is too
/// much, columns of words give way first, then the widest, both down to their longest
/// word, then below that.
fn fit(columns: &[Column], kept: &[usize], rows: &[Vec<Cell>], room: usize) -> Vec<usize> {
    let natural = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let widest = cells
            .flat_map(|cell| cell.text.lines())
            .map(display_width)
            .max();
        widest.unwrap_or(0).max(display_width(columns[at].title))
    };
    let mut widths: Vec<usize> = kept.iter().map(|&at| natural(at)).collect();
    let room = room.saturating_sub(GAP * widths.len().saturating_sub(1));
    let least: Vec<usize> = kept
        .iter()
        .map(|&at| columns[at].least.max(display_width(columns[at].title)))
        .collect();
    let rigid = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| rigid_width(&cell.text)).max().unwrap_or(0)
    };
    let whole: Vec<usize> = kept
        .iter()
        .zip(&least)
        .map(|(&at, &least)| rigid(at).max(least))
        .collect();
    let words_only: Vec<usize> = (0..kept.len())
        .map(|at| {
            if columns[kept[at]].prose {
                whole[at]
            } else {
                widths[at]
            }
        })
        .collect();
    shrink(&mut widths, &words_only, room);
    shrink(&mut widths, &whole, room);
    shrink(&mut widths, &least, room);
    widths
}

/// Takes from the widest column that is above its floor until all fit, or none is.
fn shrink(widths: &mut [usize], floors: &[usize], room: usize) {
    while widths.iter().sum::<usize>() > room {
        let widest = (0..widths.len())
            .filter(|&at| widths[at] > floors[at])
            .max_by_key(|&at| widths[at]);
        let Some(widest) = widest else { break };
        widths[widest] -= 1;
    }
}
