//! Text that Markdown shows as it is.

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

fn one_line(text: &str) -> String {
    let tame = |sign: char| match sign {
        '\n' | '\r' | '\t' => ' ',
        _ if is_steering(sign) => '\u{fffd}',
        _ => sign,
    };
    text.chars().map(tame).collect()
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
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' | '#' => {
                let _ = write!(out, "{sign}<!-- -->");
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(sign);
            }
            _ => out.push(sign),
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
