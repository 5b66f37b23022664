//! Line differences of two texts with the changed words marked; the one door to `similar`.

use similar::{Algorithm, ChangeTag, DiffOp, InlineChangeOptions, TextDiff};

/// Lines longer than this are compared whole: word by word costs quadratic time on such lines.
const INLINE_BYTES_MAX: usize = 4_000;

/// What a line of a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffLineKind {
    /// The name of a side, or the place of a hunk.
    Header,
    /// In both texts.
    Same,
    /// In the old text only.
    Removed,
    /// In the new text only.
    Added,
}

/// One line of a difference, without its line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// What it is.
    pub kind: DiffLineKind,
    /// Its pieces, each with whether it is what changed within the line.
    pub segments: Vec<(bool, String)>,
}

impl DiffLine {
    fn header(text: String) -> Self {
        Self {
            kind: DiffLineKind::Header,
            segments: vec![(false, text)],
        }
    }

    /// Returns the text of the line without marks.
    pub fn text(&self) -> String {
        self.segments
            .iter()
            .map(|(_, text)| text.as_str())
            .collect()
    }
}

/// Returns the unified difference of `old` and `new` with `context` lines around
/// each change; no line at all when the texts are equal.
pub fn unified(
    old: &str,
    new: &str,
    old_label: &str,
    new_label: &str,
    context: usize,
) -> Vec<DiffLine> {
    if old == new {
        return Vec::new();
    }
    let diff = TextDiff::from_lines(old, new);
    let inline = short_lines(old) && short_lines(new);
    let mut lines = vec![
        DiffLine::header(format!("--- {old_label}")),
        DiffLine::header(format!("+++ {new_label}")),
    ];
    for hunk in diff.grouped_ops(context) {
        lines.push(DiffLine::header(place(&hunk)));
        for op in &hunk {
            if inline {
                push_inline(&diff, op, &mut lines);
            } else {
                push_whole(&diff, op, &mut lines);
            }
        }
    }
    lines
}

/// How many unchanged lines `git diff` shows around a change.
const PATCH_LINES: usize = 3;

/// Returns the change from `old` to `new` as `git apply` takes it; empty when the texts are equal.
///
/// `path` has `/` between its parts and is relative to the top of the work tree. None as `old` is a
/// file that is to be made.
pub fn patch(old: Option<&str>, new: &str, path: &str) -> String {
    if old == Some(new) {
        return String::new();
    }
    let (before, after) = (lines(old.unwrap_or_default()), lines(new));
    let (from, to) = (quoted(&format!("a/{path}")), quoted(&format!("b/{path}")));
    let mut text = format!("diff --git {from} {to}\n");
    let from = if old.is_none() {
        text.push_str("new file mode 100644\n");
        "/dev/null".to_owned()
    } else {
        ended(from)
    };
    let diff = TextDiff::configure()
        .newline_terminated(true)
        .diff_slices(&before, &after);
    let hunks = diff
        .unified_diff()
        .context_radius(PATCH_LINES)
        .header(&from, &ended(to))
        .to_string();
    text.push_str(&hunks);
    text
}

/// A tab ends a name with a space in it, as git writes it.
fn ended(name: String) -> String {
    if name.contains(' ') && !name.starts_with('"') {
        name + "\t"
    } else {
        name
    }
}

/// Writes a name as git does: in quotes when it would not be read back otherwise.
fn quoted(name: &str) -> String {
    if !name
        .chars()
        .any(|c| c.is_control() || matches!(c, '"' | '\\'))
    {
        return name.to_owned();
    }
    let mut text = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            0x20..=0x7e => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\{byte:03o}")),
        }
    }
    text.push('"');
    text
}

/// Splits at line feeds only, each line with its own: what `git apply` calls a line.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Returns for each line of `old` the line of `new` that it is, when it still is there; in order.
pub(super) fn kept(old: &[&str], new: &[&str]) -> Vec<Option<usize>> {
    let mut kept = vec![None; old.len()];
    for op in similar::capture_diff_slices(Algorithm::Myers, old, new) {
        if let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = op
        {
            for step in 0..len {
                if let Some(place) = kept.get_mut(old_index + step) {
                    *place = Some(new_index + step);
                }
            }
        }
    }
    kept
}

fn short_lines(text: &str) -> bool {
    text.lines().all(|line| line.len() <= INLINE_BYTES_MAX)
}

/// Adds the lines of `op` with marks. No deadline: one would read the clock and
/// make the text depend on how busy the machine is.
fn push_inline(diff: &TextDiff<'_, '_, str>, op: &DiffOp, lines: &mut Vec<DiffLine>) {
    let options = InlineChangeOptions::new();
    for change in diff.iter_inline_changes_with_options_deadline(op, options, None) {
        let missing_newline = change.missing_newline();
        let segments = change
            .values()
            .iter()
            .map(|(emphasized, text)| (*emphasized, (*text).to_owned()))
            .collect();
        push(change.tag(), segments, missing_newline, lines);
    }
}

fn push_whole(diff: &TextDiff<'_, '_, str>, op: &DiffOp, lines: &mut Vec<DiffLine>) {
    for change in diff.iter_changes(op) {
        let segments = vec![(false, change.value().to_owned())];
        push(change.tag(), segments, change.missing_newline(), lines);
    }
}

fn push(
    tag: ChangeTag,
    mut segments: Vec<(bool, String)>,
    missing_newline: bool,
    lines: &mut Vec<DiffLine>,
) {
    let kind = match tag {
        ChangeTag::Equal => DiffLineKind::Same,
        ChangeTag::Delete => DiffLineKind::Removed,
        ChangeTag::Insert => DiffLineKind::Added,
    };
    if let Some((_, last)) = segments.last_mut() {
        let bare = last.trim_end_matches(['\n', '\r']).len();
        last.truncate(bare);
    }
    segments.retain(|(_, text)| !text.is_empty());
    lines.push(DiffLine { kind, segments });
    if missing_newline && kind != DiffLineKind::Same {
        lines.push(DiffLine::header("\\ No newline at end of file".to_owned()));
    }
}

/// Returns the place of a hunk as `@@ -3,7 +3,8 @@`.
fn place(hunk: &[DiffOp]) -> String {
    let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else {
        return "@@".to_owned();
    };
    let old = span(first.old_range().start, last.old_range().end);
    let new = span(first.new_range().start, last.new_range().end);
    format!("@@ -{old} +{new} @@")
}

/// Writes a range of lines as diff(1) does: first line and count, and an empty
/// range by the line before it.
fn span(start: usize, end: usize) -> String {
    match end.saturating_sub(start) {
        0 => format!("{start},0"),
        1 => format!("{}", start.saturating_add(1)),
        count => format!("{},{count}", start.saturating_add(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::{DiffLineKind, patch, unified};

    #[test]
    fn equal_texts_have_no_lines() {
        assert!(unified("a\nb\n", "a\nb\n", "live", "git", 3).is_empty());
    }

    #[test]
    fn the_changed_word_is_marked_and_nothing_else() {
        let lines = unified(
            "name: core\nmax: 3\n",
            "name: core\nmax: 5\n",
            "live",
            "git",
            3,
        );
        let texts: Vec<String> = lines.iter().map(super::DiffLine::text).collect();
        assert_eq!(
            texts,
            [
                "--- live",
                "+++ git",
                "@@ -1,2 +1,2 @@",
                "name: core",
                "max: 3",
                "max: 5"
            ]
        );
        let marked = |kind| {
            lines
                .iter()
                .filter(|line| line.kind == kind)
                .flat_map(|line| &line.segments)
                .filter(|(emphasized, _)| *emphasized)
                .map(|(_, text)| text.as_str())
                .collect::<String>()
        };
        assert_eq!(marked(DiffLineKind::Removed), "3");
        assert_eq!(marked(DiffLineKind::Added), "5");
    }

    #[test]
    fn a_missing_last_newline_is_said() {
        let lines = unified("a\n", "a", "live", "git", 3);
        assert!(
            lines
                .iter()
                .any(|line| line.text().starts_with("\\ No newline"))
        );
    }

    #[test]
    fn an_added_file_is_one_hunk() {
        let lines = unified("", "a\nb\n", "live", "git", 3);
        assert_eq!(lines[2].text(), "@@ -0,0 +1,2 @@");
    }

    #[test]
    fn a_patch_reads_as_git_writes_it() {
        assert_eq!(patch(Some("a\n"), "a\n", "x"), "");
        assert_eq!(
            patch(Some("a\nb"), "a\nc", "x/y z.jsonnet"),
            "diff --git a/x/y z.jsonnet b/x/y z.jsonnet\n--- a/x/y z.jsonnet\t\n+++ b/x/y z.jsonnet\t\n\
             @@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n"
        );
        assert_eq!(
            patch(None, "a\n", "new"),
            "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+a\n"
        );
        assert!(patch(Some(""), "a\n", "q\"\n").starts_with("diff --git \"a/q\\\"\\012\" "));
    }
}
