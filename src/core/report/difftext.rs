//! A difference of two texts for a terminal.

use super::layout::is_steering;
use super::style::{Ink, Look};
use crate::diff::text::{DiffLine, DiffLineKind};
use std::fmt::Write as _;

/// Returns `lines` as a unified difference. What changed within a line stands out:
/// with color it is reversed, without it reads `[-old-]` and `{+new+}`.
pub fn diff_text(lines: &[DiffLine], look: &Look) -> String {
    let mut out = String::new();
    for line in lines {
        let text = diff_line(line, *look);
        // Spaces at the end are noise, unless they are what differs.
        let same = matches!(line.kind, DiffLineKind::Same | DiffLineKind::Header);
        let _ = writeln!(out, "{}", if same { text.trim_end() } else { &text });
    }
    out
}

fn diff_line(line: &DiffLine, look: Look) -> String {
    let (sign, ink, mark, open, close) = match line.kind {
        DiffLineKind::Header => ("", Ink::Place, Ink::Place, "", ""),
        DiffLineKind::Same => (" ", Ink::Plain, Ink::Plain, "", ""),
        DiffLineKind::Removed => ("-", Ink::Bad, Ink::BadMark, "[-", "-]"),
        DiffLineKind::Added => ("+", Ink::Good, Ink::GoodMark, "{+", "+}"),
    };
    let whole = line.segments.iter().all(|(emphasized, _)| *emphasized);
    let mut out = look.paint(ink, sign);
    for (emphasized, text) in &line.segments {
        let text = visible(text, look);
        let stands_out = *emphasized && !whole;
        if !stands_out {
            out.push_str(&look.paint(ink, &text));
        } else if look.color {
            out.push_str(&look.paint(mark, &text));
        } else {
            let _ = write!(out, "{open}{text}{close}");
        }
    }
    out
}

/// Returns a piece of a line as it can be shown; unlike in prose, spaces and tabs stay.
fn visible(text: &str, look: Look) -> String {
    let show = |sign: char| match sign {
        '\t' => sign,
        _ if is_steering(sign) => '?',
        _ if look.unicode || sign.is_ascii() => sign,
        _ => '?',
    };
    text.chars().map(show).collect()
}
