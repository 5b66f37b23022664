//! Tells a jinja template that ends in `.jsonnet` from a broken config.
//!
//! A fleet skips templates by name, so a config with a mistake must never be
//! taken for one: a marker counts only where the parser failed, or as the first
//! thing in the file, and never merely because a string holds `{{ … }}`.

/// How far before the parser's failure a marker may begin: `{{` fails at its
/// second brace.
const REACH: usize = 2;

/// Returns whether the source that failed to parse at `offset` is a template.
pub(super) fn is_template(source: &[u8], offset: usize) -> bool {
    let text = String::from_utf8_lossy(source);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("{#") && start.contains("#}") {
        return true;
    }
    if opens(start) {
        return true;
    }
    let from = offset.saturating_sub(REACH).min(source.len());
    (from..=offset.min(source.len())).any(|at| {
        source
            .get(at..)
            .is_some_and(|rest| opens(&String::from_utf8_lossy(line_of(rest))))
    })
}

fn line_of(rest: &[u8]) -> &[u8] {
    rest.split(|b| *b == b'\n').next().unwrap_or(rest)
}

/// Whether a jinja tag of the usual delimiters, or of those that keep away from
/// braces, begins here and ends on this line.
fn opens(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let within = |open: &str, close: &str| {
        line.strip_prefix(open)
            .and_then(|rest| rest.split_once(close))
            .map(|(inner, _)| inner)
    };
    within("{%", "%}").is_some()
        || within("<%", "%>").is_some()
        || within("<<", ">>").is_some()
        // Two braces in a row are also a typing mistake in an object, which
        // would have a colon.
        || within("{{", "}}").is_some_and(|inner| !inner.trim().is_empty() && !inner.contains(':'))
}

/// Returns whether a rendered name still holds a placeholder: templates whose
/// tags all stand in strings are valid jsonnet.
pub(in super::super) fn is_placeholder(name: &str) -> bool {
    (name.contains("{{") && name.contains("}}")) || (name.contains("<<") && name.contains(">>"))
}
