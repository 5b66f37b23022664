//! Text that fits: cleaning, measuring, wrapping.

use super::style::{Ink, Look};
use super::table::display_width;

/// Marks a text that was cut.
const CUT: (&str, &str) = ("…", "...");

/// Returns `text` as one line that cannot steer a terminal: control characters
/// and marks that reorder text are replaced, line breaks become spaces, and
/// without Unicode the usual signs get their ASCII spelling.
pub(super) fn clean(text: &str, look: Look) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '\n' | '\r' | '\t' => out.push(' '),
            _ if is_steering(sign) => out.push('?'),
            _ if sign.is_ascii() || look.unicode => out.push(sign),
            _ => out.push_str(spelled(sign)),
        }
    }
    out
}

/// Returns true for characters that move the cursor or reorder their neighbors.
pub fn is_steering(sign: char) -> bool {
    sign.is_control()
        || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

const fn spelled(sign: char) -> &'static str {
    match sign {
        '→' => "->",
        '←' => "<-",
        '–' | '—' | '−' => "-",
        '…' => "...",
        '×' => "x",
        '·' => "-",
        '≤' => "<=",
        '≥' => ">=",
        '‘' | '’' => "'",
        '“' | '”' => "\"",
        '§' => "section ",
        '±' => "+/-",
        '≈' => "~",
        _ => "?",
    }
}

/// Returns `text`, already clean, in lines of at most `width` columns. Breaks at
/// spaces; a longer word breaks after `/`, `,`, `=` and before `@` when it can.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        let used = display_width(&line);
        let gap = usize::from(used > 0);
        if used + gap + display_width(&word) <= width {
            if gap > 0 {
                line.push(' ');
            }
            line.push_str(&word);
            continue;
        }
        if used > 0 {
            lines.push(std::mem::take(&mut line));
        }
        for piece in pieces(&word, width) {
            if display_width(&line) + display_width(&piece) > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(&piece);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Returns the words of `text`; an arrow stays with what it points at.
fn words(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut arrow = "";
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if arrow.is_empty() && matches!(word, "→" | "->") {
            arrow = word;
        } else if arrow.is_empty() {
            out.push(word.to_owned());
        } else {
            out.push(format!("{arrow} {word}"));
            arrow = "";
        }
    }
    if !arrow.is_empty() {
        out.push(arrow.to_owned());
    }
    out
}

/// Returns the width below which a word of `text` would break where no reader would.
pub(super) fn rigid_width(text: &str) -> usize {
    let widths = words(text)
        .into_iter()
        .flat_map(|word| pieces(&word, usize::MAX));
    widths.map(|piece| display_width(&piece)).max().unwrap_or(0)
}

/// Splits a word where a reader would, and anywhere when a part is still too wide.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut parts = vec![String::new()];
    for sign in word.chars() {
        if sign == '@' {
            parts.push(String::new());
        }
        if let Some(last) = parts.last_mut() {
            last.push(sign);
        }
        if matches!(sign, '/' | ',' | '=') {
            parts.push(String::new());
        }
    }
    parts
        .iter()
        .filter(|part| !part.is_empty())
        .flat_map(|part| chop(part, width))
        .collect()
}

fn chop(part: &str, width: usize) -> Vec<String> {
    let mut out = vec![String::new()];
    for sign in part.chars() {
        let mut buffer = [0_u8; 4];
        let text: &str = sign.encode_utf8(&mut buffer);
        let full = out.last().is_some_and(|last| {
            !last.is_empty() && display_width(last) + display_width(text) > width
        });
        if full {
            out.push(String::new());
        }
        if let Some(last) = out.last_mut() {
            last.push_str(text);
        }
    }
    out
}

/// Returns `text` cut to `width` columns, with a mark when something was cut.
pub(super) fn clip(text: &str, width: usize, look: Look) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let mark = look.pick(CUT.0, CUT.1);
    let room = width.saturating_sub(display_width(mark));
    let mut out = chop(text, room.max(1))
        .into_iter()
        .next()
        .unwrap_or_default();
    out.push_str(mark);
    out
}

/// Lines under construction.
pub(super) struct Page {
    /// How it looks.
    pub(super) look: Look,
    lines: Vec<String>,
}

impl Page {
    /// Returns an empty page.
    pub(super) const fn new(look: Look) -> Self {
        Self {
            look,
            lines: Vec::new(),
        }
    }

    /// Adds a line as it is.
    pub(super) fn line(&mut self, line: impl Into<String>) {
        let mut line = line.into();
        line.truncate(line.trim_end().len());
        self.lines.push(line);
    }

    /// Adds an empty line, unless there is one or the page is empty.
    pub(super) fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(String::new());
        }
    }

    /// Adds a sentence at `indent`, cleaned and wrapped.
    pub(super) fn say(&mut self, indent: usize, ink: Ink, text: &str) {
        self.item("", indent, ink, text);
    }

    /// Adds a sentence that starts with `lead` and hangs behind it.
    pub(super) fn item(&mut self, lead: &str, indent: usize, ink: Ink, text: &str) {
        let lead = clean(lead, self.look);
        let hang = indent + display_width(&lead);
        let room = self.look.prose().saturating_sub(hang).max(20);
        for (index, line) in wrap(&clean(text, self.look), room).iter().enumerate() {
            let start = if index == 0 { lead.as_str() } else { "" };
            let pad = " ".repeat(hang - if index == 0 { display_width(&lead) } else { 0 });
            let body = self.look.paint(ink, line);
            self.line(format!("{pad}{}{body}", self.look.paint(ink, start)));
        }
    }

    /// Adds text of several lines. Lines that fit keep their inner spaces.
    pub(super) fn block(&mut self, indent: usize, ink: Ink, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let line = clean(line.trim_end(), self.look);
            if indent + display_width(&line) <= self.look.columns() {
                self.line(format!(
                    "{}{}",
                    " ".repeat(indent),
                    self.look.paint(ink, &line)
                ));
            } else {
                self.say(indent, ink, &line);
            }
        }
    }

    /// Adds lines as they are.
    pub(super) fn extend(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.line(line);
        }
    }

    /// Returns the text with a line break at its end.
    pub(super) fn finish(mut self) -> String {
        while self.lines.last().is_some_and(String::is_empty) {
            self.lines.pop();
        }
        let mut text = self.lines.join("\n");
        text.push('\n');
        text
    }
}
