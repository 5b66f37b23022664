//! Text that Markdown shows as it is, and the signs that HTML and XML act on.

use super::layout::is_steering;
use std::fmt::Write as _;

/// Returns `text` for a paragraph or a list item. Pairs of backticks stay code.
pub(super) fn prose(text: &str) -> String {
    with_code(text, false)
}

/// Returns `text` for a cell of a table, where a pipe would end the cell.
pub(super) fn cell(text: &str) -> String {
    with_code(text, true)
}

/// Returns `text` as code for a cell of a table.
pub(super) fn code_cell(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        code(text, true)
    }
}

/// Returns `text` as a fenced block with a fence that `text` cannot close.
pub(super) fn fenced(language: &str, text: &str) -> String {
    let longest = text
        .split(|sign| sign != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let lines: Vec<String> = text.trim_end().lines().map(one_line).collect();
    format!("{fence}{language}\n{}\n{fence}\n", lines.join("\n"))
}

/// Returns what stands for a sign that HTML and XML act on, in text and between double quotes.
///
/// What a page does with other signs is its own business: Markdown also acts on `*` and `@`, a
/// Markdown sentence keeps its quotes, and XML 1.0 cannot hold every sign.
pub(super) const fn entity(sign: char) -> Option<&'static str> {
    match sign {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        _ => None,
    }
}

/// Returns `text` for the inside of a raw HTML tag, where Markdown is not read but mentions are.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in one_line(text).chars() {
        match (entity(sign), sign) {
            (Some(entity), _) => out.push_str(entity),
            (None, '@' | '#') => {
                let _ = write!(out, "{sign}<!-- -->");
            }
            (None, _) => out.push(sign),
        }
    }
    out
}

/// Returns the first `most` characters of `text`, with a mark when something was cut.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let head: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{head}…")
}

fn with_code(text: &str, in_cell: bool) -> String {
    let text = one_line(text);
    let parts: Vec<&str> = text.split('`').collect();
    // An even number of parts means a backtick without its pair.
    if parts.len().is_multiple_of(2) {
        return escaped(&text);
    }
    let mut out = String::new();
    for (at, part) in parts.iter().enumerate() {
        match (at % 2, part.trim().is_empty()) {
            (0, _) => out.push_str(&escaped(part)),
            (_, true) => out.push_str(r"\`\`"),
            (_, false) => out.push_str(&code(part, in_cell)),
        }
    }
    out
}

/// Returns `text` without line breaks and without what steers a screen. An HTML comment
/// is opened by nobody but us: code shows as it is, and a page is found again by a comment.
fn one_line(text: &str) -> String {
    let tame = |sign: char| match sign {
        '\n' | '\r' | '\t' => ' ',
        _ if is_steering(sign) => '\u{fffd}',
        _ => sign,
    };
    let line: String = text.chars().map(tame).collect();
    if line.contains("<!--") {
        line.replace("<!--", "<! --")
    } else {
        line
    }
}

/// Returns a code span; its content holds no backtick, or gets a longer fence.
fn code(text: &str, in_cell: bool) -> String {
    let mut text = one_line(text);
    if in_cell {
        text = text.replace('|', r"\|");
    }
    if text.contains('`') {
        let longest = text
            .split(|sign| sign != '`')
            .map(str::len)
            .max()
            .unwrap_or(0);
        let fence = "`".repeat(longest + 1);
        return format!("{fence} {text} {fence}");
    }
    format!("`{text}`")
}

/// Escapes what Markdown and HTML would act on, mentions and issue numbers too: an
/// object's name must not page a person or link an issue.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match (entity(sign), sign) {
            // A quote ends nothing in a sentence.
            (_, '"') => out.push(sign),
            (Some(entity), _) => out.push_str(entity),
            (None, '@' | '#') => {
                let _ = write!(out, "{sign}<!-- -->");
            }
            (None, '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$') => {
                out.push('\\');
                out.push(sign);
            }
            (None, _) => out.push(sign),
        }
    }
    out
}

/// Returns a table.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = format!(
        "| {} |\n|{}\n",
        titles.join(" | "),
        " --- |".repeat(titles.len())
    );
    for row in rows {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    out
}
