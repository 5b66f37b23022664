//! The ladder drawn: a staircase of the control plane over the table of versions.

use super::ladder::{Ladder, LadderStart, Moment, Row, Stand, is_legal, label, oldest_legal};
use super::layout::{Page, clean, clip};
use super::style::{Ink, Look};
use super::table::display_width;
use super::words::list_some;
use crate::model::KubeMinor;
use crate::plan::wire::Plan;

/// Between the margin and the first column.
const INDENT: usize = 2;
/// A tread must be wide enough for a version and its mark.
const TREAD_MIN: usize = 7;
/// How many names of groups that walk together are listed.
const NAMES_SHOWN: usize = 8;
/// More rows than this no longer show anything at a glance; the steps list every group.
const ROWS_MAX: usize = 26;

/// Returns the picture, empty when there is nothing to draw.
///
/// Each column is a moment: now, after a hop, after the group steps between two
/// hops. The line is the control plane, dots are the kubelets that the skew policy
/// allows under it, and each letter is a row of the table below, standing on its minor.
pub fn ladder_picture(start: &LadderStart, plan: &Plan, look: Look) -> String {
    let Some(ladder) = Ladder::of(start, plan) else {
        return String::new();
    };
    let mut page = Page::new(look);
    let shown = &ladder.rows[..ladder.rows.len().min(ROWS_MAX)];
    let sheet = Sheet::of(&ladder, shown, look);
    let per_band = (look.prose().saturating_sub(INDENT + sheet.label) / sheet.tread).max(2);
    let mut first = 0;
    loop {
        let end = (first + per_band).min(ladder.moments.len());
        page.gap();
        sheet.band(first..end, &mut page);
        if end == ladder.moments.len() {
            break;
        }
        first = end - 1;
    }
    sheet.legend(ladder.rows.len(), &mut page);
    page.finish()
}

/// What all bands of a picture share.
struct Sheet<'a> {
    moments: &'a [Moment],
    rows: &'a [Row],
    labels: Vec<String>,
    /// Width of the column of names.
    label: usize,
    /// Width of a moment.
    tread: usize,
    look: Look,
}

impl<'a> Sheet<'a> {
    fn of(ladder: &'a Ladder, rows: &'a [Row], look: Look) -> Self {
        let most = look.columns() * 2 / 5;
        let labels: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| {
                clip(
                    &clean(&format!("{} {}", letter(at), label(&row.names)), look),
                    most,
                    look,
                )
            })
            .collect();
        let own = [CONTROL_PLANE, OLDEST].map(str::len);
        let widest = labels
            .iter()
            .map(|label| display_width(label))
            .chain(own)
            .max();
        let titles = ladder
            .moments
            .iter()
            .map(|moment| display_width(&moment.title()));
        Self {
            moments: &ladder.moments,
            rows,
            labels,
            label: widest.unwrap_or(0) + 2,
            tread: titles.max().unwrap_or(0).max(TREAD_MIN - 1) + 1,
            look,
        }
    }

    fn band(&self, span: std::ops::Range<usize>, page: &mut Page) {
        let titles = span
            .clone()
            .map(|at| clean(&self.moments[at].title(), self.look));
        self.row(page, Ink::Faint, "", titles);
        if span.clone().any(|at| self.moments[at].later) {
            let later = span.clone().map(|at| self.mark_later(at).to_owned());
            self.row(page, Ink::Caution, "", later);
        }
        let planes = span.clone().map(|at| self.moments[at].control_plane);
        let top = planes.clone().max();
        let stands = self.rows.iter().flat_map(|row| &row.stands[span.clone()]);
        let groups = stands.filter_map(|stand| match stand {
            Stand::At(minor) => *minor,
            Stand::Absent | Stand::Gone => None,
        });
        let low = planes
            .map(oldest_legal)
            .max()
            .into_iter()
            .chain(groups.clone())
            .min();
        let top = top.into_iter().chain(groups).max();
        if let (Some(mut minor), Some(low)) = (top, low) {
            loop {
                self.stair(minor, span.clone(), page);
                match minor.previous() {
                    Some(below) if minor > low => minor = below,
                    Some(_) | None => break,
                }
            }
        }
        self.table(span, page);
    }

    fn mark_later(&self, at: usize) -> &'static str {
        if self.moments[at].later { "later" } else { "" }
    }

    /// Draws one minor: treads, risers, the legal band and the letters on it.
    fn stair(&self, minor: KubeMinor, span: std::ops::Range<usize>, page: &mut Page) {
        let mut line = format!(
            "{}{minor:>width$}  ",
            " ".repeat(INDENT),
            width = self.label - 2
        );
        let first = span.start;
        for at in span {
            let before = if at == first {
                None
            } else {
                Some(self.moments[at - 1].control_plane)
            };
            line.push_str(&self.cell(minor, before, at));
        }
        page.line(line);
    }

    fn cell(&self, minor: KubeMinor, before: Option<KubeMinor>, at: usize) -> String {
        let moment = &self.moments[at];
        let now = moment.control_plane;
        let ground = if minor == now {
            if moment.later {
                self.look.pick("╌", "-")
            } else {
                self.look.pick("━", "=")
            }
        } else if is_legal(minor, now) {
            self.look.pick("·", ".")
        } else {
            " "
        };
        let edge = self.edge(minor, before, now).unwrap_or(ground);
        let mut letters: String = self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.stands[at] == Stand::At(Some(minor)))
            .map(|(row, _)| letter(row))
            .collect();
        let room = self.tread - 3;
        if letters.len() > room {
            letters.truncate(room - 1);
            letters.push('+');
        }
        let rest = self.tread - 2 - letters.len();
        let ink = match (minor == now, is_legal(minor, now)) {
            (true, _) if moment.later => Ink::Caution,
            (true, _) => Ink::Good,
            (false, true) => Ink::Faint,
            (false, false) => Ink::Plain,
        };
        let letter_ink = if is_legal(minor, now) {
            Ink::Strong
        } else {
            Ink::Bad
        };
        format!(
            "{}{}{}",
            self.look.paint(ink, &format!("{edge}{ground}")),
            self.look.paint(letter_ink, &letters),
            self.look.paint(ink, &ground.repeat(rest))
        )
    }

    /// Returns the corner or riser between two moments, where there is one.
    fn edge(
        &self,
        minor: KubeMinor,
        before: Option<KubeMinor>,
        now: KubeMinor,
    ) -> Option<&'static str> {
        let before = before.filter(|before| *before != now)?;
        let (low, high) = (before.min(now), before.max(now));
        let up = now > before;
        if minor == high {
            Some(self.look.pick(if up { "┏" } else { "┓" }, "+"))
        } else if minor == low {
            Some(self.look.pick(if up { "┛" } else { "┗" }, "+"))
        } else if minor > low && minor < high {
            Some(self.look.pick("┃", "|"))
        } else {
            None
        }
    }

    fn table(&self, span: std::ops::Range<usize>, page: &mut Page) {
        let planes = span
            .clone()
            .map(|at| self.moments[at].control_plane.to_string());
        self.row(page, Ink::Strong, CONTROL_PLANE, planes);
        let here = |row: &Row| {
            row.stands[span.clone()]
                .iter()
                .any(|at| *at != Stand::Absent)
        };
        for (row, label) in self
            .rows
            .iter()
            .zip(&self.labels)
            .filter(|(row, _)| here(row))
        {
            let mut ink = Ink::Plain;
            let cells: Vec<String> = span
                .clone()
                .map(|at| {
                    let (text, outside) = stand(row.stands[at], self.moments[at].control_plane);
                    if outside {
                        ink = Ink::Bad;
                    }
                    text
                })
                .collect();
            self.row(page, ink, label, cells.into_iter());
        }
        let oldest = span.map(|at| oldest_legal(self.moments[at].control_plane).to_string());
        self.row(page, Ink::Faint, OLDEST, oldest);
    }

    fn row(&self, page: &mut Page, ink: Ink, name: &str, cells: impl Iterator<Item = String>) {
        let mut line = format!("{name}{}", " ".repeat(self.label - display_width(name)));
        for cell in cells {
            let cell = format!(" {cell}");
            line.push_str(&cell);
            line.push_str(&" ".repeat(self.tread.saturating_sub(display_width(&cell))));
        }
        page.line(format!(
            "{}{}",
            " ".repeat(INDENT),
            self.look.paint(ink, line.trim_end())
        ));
    }

    fn legend(&self, rows: usize, page: &mut Page) {
        let line = self.look.pick("━", "=");
        let dots = self.look.pick("·", ".");
        let mut text = format!("{line} control plane, {dots} kubelets that may run under it");
        if !self.rows.is_empty() {
            text.push_str(", letters are the rows below");
        }
        page.say(INDENT, Ink::Faint, &format!("{text}."));
        let any = |mark: char| {
            self.rows.iter().any(|row| {
                row.stands
                    .iter()
                    .zip(self.moments)
                    .any(|(at, moment)| stand(*at, moment.control_plane).0.ends_with(mark))
            })
        };
        if any('*') {
            page.say(
                INDENT,
                Ink::Faint,
                "* is the oldest kubelet allowed: it moves before the next hop.",
            );
        }
        if any('!') {
            page.say(
                INDENT,
                Ink::Bad,
                "! is outside the Kubernetes version skew policy.",
            );
        }
        if any('?') {
            page.say(INDENT, Ink::Caution, "? is unknown.");
        }
        for (at, row) in self.rows.iter().enumerate() {
            if row.names.len() > 1 {
                let lead = format!("{} = ", letter(at));
                page.item(
                    &lead,
                    INDENT,
                    Ink::Faint,
                    &list_some(&row.names, NAMES_SHOWN),
                );
            }
        }
        if rows > self.rows.len() {
            let more = rows - self.rows.len();
            page.say(
                INDENT,
                Ink::Caution,
                &format!("{more} more rows are not drawn."),
            );
        }
    }
}

const CONTROL_PLANE: &str = "control plane";
const OLDEST: &str = "oldest kubelet allowed";

/// Returns the letter of a row.
pub(super) fn letter(row: usize) -> char {
    u8::try_from(row).map_or('+', |row| char::from(b'a'.saturating_add(row)))
}

/// Returns the text of a cell, and whether it is outside the skew policy.
fn stand(stand: Stand, control_plane: KubeMinor) -> (String, bool) {
    match stand {
        Stand::Absent => (String::new(), false),
        Stand::Gone => ("gone".to_owned(), false),
        Stand::At(None) => ("?".to_owned(), false),
        Stand::At(Some(minor)) if !is_legal(minor, control_plane) => (format!("{minor}!"), true),
        Stand::At(Some(minor)) if minor == oldest_legal(control_plane) => {
            (format!("{minor}*"), false)
        }
        Stand::At(Some(minor)) => (minor.to_string(), false),
    }
}
