//! Source excerpts: the one door to `annotate-snippets`.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::error::{Place, printable};

/// A report is read at 100 columns; longer lines are cut around the problem.
const WIDTH: usize = 100;
/// Enough of a long line on either side of the problem for the width above.
/// Generated one-line files reach megabytes, and must not be walked for it.
const AROUND: usize = 120;

/// Returns the line of `source` that `place` is on, numbered and underlined,
/// without colour and without control characters.
pub(super) fn excerpt(name: &str, source: &[u8], place: Place) -> String {
    let index = usize::try_from(place.line).unwrap_or(1).saturating_sub(1);
    let line = source.split(|b| *b == b'\n').nth(index).unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\r');
    let column = usize::try_from(place.column).unwrap_or(1).saturating_sub(1);
    let skipped = column.saturating_sub(AROUND);
    let shown: String = text.chars().skip(skipped).take(2 * AROUND).collect();
    let shown = printable(&shown, 2 * AROUND);
    let at = column - skipped;
    let start = offset_of(&shown, at);
    let width = usize::try_from(place.width).unwrap_or(1);
    let end = offset_of(&shown, at.saturating_add(width)).max(start);
    let snippet = Snippet::source(shown.as_str())
        .line_start(index + 1)
        .path("-")
        .annotation(AnnotationKind::Primary.span(start..end));
    let report = [Group::with_level(Level::ERROR).element(snippet)];
    let text = Renderer::plain().term_width(WIDTH).render(&report);
    let mut lines: Vec<String> = text.lines().map(|l| l.trim_end().to_owned()).collect();
    // The renderer counts columns in what it is shown; the line may be cut.
    if let Some(first) = lines.first_mut()
        && let Some(arrow) = first.find("-->")
    {
        let name = printable(name, 2 * WIDTH);
        first.truncate(arrow);
        first.push_str(&format!("--> {name}:{}:{}", place.line, place.column));
    }
    lines.join("\n")
}

fn offset_of(text: &str, chars: usize) -> usize {
    text.char_indices()
        .nth(chars)
        .map_or(text.len(), |(i, _)| i)
}
