//! Places in a source that hold a text: string literals in jsonnet and JSON, whole scalars in YAML.

use super::{SourceFile, Texts};
use crate::render::SourceFormat;
use std::path::Path;

/// A text in a source, and what replaces it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// The source's index.
    pub(super) file: usize,
    /// The first byte.
    pub(super) start: usize,
    /// The byte behind the last.
    pub(super) end: usize,
    /// What replaces it.
    pub(super) new: String,
}

/// Returns the places where `old` stands by itself.
pub(super) fn find(file: usize, source: &SourceFile, old: &str, new: &str) -> Vec<Spot> {
    let text = source.text.as_str();
    let ranges = match SourceFormat::of(Path::new(&source.path)) {
        Some(SourceFormat::Jsonnet | SourceFormat::Json) => literals(text),
        Some(SourceFormat::Yaml) => words(text, old),
        // What `importstr` reads may be of any kind.
        None => Vec::new(),
    };
    let spots = ranges
        .into_iter()
        .filter(|(start, end)| text.get(*start..*end) == Some(old));
    spots
        .map(|(start, end)| Spot {
            file,
            start,
            end,
            new: new.to_owned(),
        })
        .collect()
}

/// Returns the texts of the sources that these spots change.
pub(super) fn apply(sources: &[SourceFile], spots: &[Spot]) -> Texts {
    let mut texts = Texts::new();
    for (file, source) in sources.iter().enumerate() {
        let mut own: Vec<&Spot> = spots.iter().filter(|spot| spot.file == file).collect();
        if own.is_empty() {
            continue;
        }
        // From the end, so that the places before it stay where they are.
        own.sort_by_key(|spot| std::cmp::Reverse(spot.start));
        own.dedup_by_key(|spot| spot.start);
        let mut text = source.text.clone();
        for spot in own {
            text.replace_range(spot.start..spot.end, &spot.new);
        }
        texts.insert(source.path.clone(), text);
    }
    texts
}

/// Returns the lines of these spots as `path:line`.
pub(super) fn places(sources: &[SourceFile], spots: &[Spot]) -> Vec<String> {
    let mut places: Vec<(usize, usize)> = spots
        .iter()
        .filter_map(|spot| {
            let before = sources.get(spot.file)?.text.get(..spot.start)?;
            Some((spot.file, before.matches('\n').count() + 1))
        })
        .collect();
    places.sort_unstable();
    places.dedup();
    places
        .into_iter()
        .filter_map(|(file, line)| Some(format!("{}:{line}", sources.get(file)?.path)))
        .collect()
}

/// Returns what stands between the quotes of every plain string of a jsonnet or JSON text.
fn literals(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let step = rest.chars().next().map_or(1, char::len_utf8);
        if rest.starts_with("//") || rest.starts_with('#') {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if rest.starts_with("|||") {
            let inner = rest.get(3..).unwrap_or_default();
            at += inner.find("|||").map_or(rest.len(), |end| end + 6);
        } else if rest.starts_with(['\'', '"']) {
            let end = string_end(rest);
            // A verbatim string has other escapes; a plain word has none, so the difference is none.
            if end >= 2 {
                found.push((at + 1, at + end - 1));
            }
            at += end;
        } else {
            at += step;
        }
    }
    found
}

/// Returns the length of the string that begins `text`, quotes included.
fn string_end(text: &str) -> usize {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next() else {
        return 0;
    };
    let mut escaped = false;
    for (index, c) in chars {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns where `old` stands in a YAML text as a word of its own, outside of comments.
fn words(text: &str, old: &str) -> Vec<(usize, usize)> {
    let of_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    let mut found = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let code = line.find(" #").map_or(line, |end| &line[..end]);
        let code = if line.trim_start().starts_with('#') {
            ""
        } else {
            code
        };
        for (start, _) in code.match_indices(old) {
            let end = start + old.len();
            let before = code[..start].chars().next_back();
            let after = code[end..].chars().next();
            // `name: core-a` ends at the colon's space; `core-a: …` is a key.
            let apart = !before.is_some_and(of_word) && !after.is_some_and(of_word);
            if apart && !old.is_empty() {
                found.push((line_start + start, line_start + end));
            }
        }
        line_start += line.len();
    }
    found
}
