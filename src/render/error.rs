//! What can go wrong between a file and its documents.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::excerpt::excerpt;
use crate::files::{FileError, FileErrorKind};

/// The situations in which a file has no documents, one variant each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RenderErrorKind {
    /// The file does not exist.
    FileMissing,
    /// The file exists and cannot be read: a folder, a pipe, no permission.
    FileUnreadable,
    /// The file is larger than [`super::Limits::source_bytes`].
    FileTooLarge,
    /// The file is not UTF-8 text.
    NotUtf8,
    /// The name's ending is none of `.jsonnet .libsonnet .json .yaml .yml`.
    UnknownFormat,
    /// The file itself is outside of the root, or in a `.git` folder.
    OutsideRoot,
    /// The file is a jinja template, not a config: skipped by name in a fleet.
    JinjaTemplate,
    /// The jsonnet does not parse, or names an unknown variable.
    JsonnetSyntax,
    /// The jsonnet parses and fails when it is evaluated.
    JsonnetEvaluation,
    /// An import leads out of the root, is absolute, or enters `.git`.
    ImportRefused,
    /// An imported file is missing or unreadable.
    ImportUnreadable,
    /// Too many imports, or too many bytes of them.
    ImportLimit,
    /// The evaluation needed more memory than [`super::Limits::memory_bytes`].
    MemoryLimit,
    /// The evaluation needed more than [`super::Limits::cpu_seconds`].
    CpuLimit,
    /// The evaluation recursed deeper than allowed.
    StackLimit,
    /// The evaluation did not answer within [`super::Limits::wall_seconds`].
    TimeLimit,
    /// The output is larger than [`super::Limits::output_bytes`].
    OutputLimit,
    /// The evaluator or its process died for a reason that is no limit.
    EvaluatorFailed,
    /// The worker process could not be started or does not speak our protocol.
    WorkerUnavailable,
    /// The text is not YAML.
    YamlSyntax,
    /// The text is not JSON.
    JsonSyntax,
    /// A key occurs twice in one mapping.
    DuplicateKey,
    /// Two `<<` of one mapping disagree, or `<<` is given no mapping.
    BadMerge,
    /// A YAML tag that has no meaning in a config, such as `!!binary`.
    UnsupportedTag,
    /// A mapping key is not text.
    NonTextKey,
    /// A plain scalar that YAML 1.1 and YAML 1.2 read differently.
    AmbiguousScalar,
    /// NaN, an infinity, or a number outside of 64 bits.
    UnusableNumber,
    /// The nesting is deeper than allowed.
    TooDeep,
    /// Aliases multiply to more content than allowed.
    TooLarge,
    /// The file holds no document.
    Empty,
    /// A document is not a mapping.
    NotAnObject,
    /// Top-level arguments were given to a file that is not a function.
    UnusedArguments,
}

/// Why a file could not be rendered, where, and what to do about it.
///
/// The fields are those of [`RenderFailure`], reached through `Deref`; the box
/// keeps `Result`s small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderError(Box<RenderFailure>);

/// The fields of a [`RenderError`]. All text is free of control characters and
/// bounded, because it may quote a file under review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenderFailure {
    /// Which situation this is.
    pub kind: RenderErrorKind,
    /// The file that was to be rendered, as the user named it.
    pub entry: String,
    /// The file that the problem is in: `entry`, or one of its imports.
    pub file: String,
    /// Line of the problem, from 1.
    pub line: Option<u32>,
    /// Column of the problem in characters, from 1.
    pub column: Option<u32>,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// The source line with the problem underlined.
    pub excerpt: Option<String>,
    /// The innermost frames of the evaluator's stack, innermost first.
    pub trace: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Messages may quote values of the rendered file; a person reads no more.
const MESSAGE_CHARS: usize = 1_000;

impl RenderError {
    /// An error about `file` as a whole.
    pub fn new(kind: RenderErrorKind, file: &str, message: &str) -> Self {
        Self(Box::new(RenderFailure {
            kind,
            entry: file.to_owned(),
            file: file.to_owned(),
            line: None,
            column: None,
            message: printable(message, MESSAGE_CHARS),
            excerpt: None,
            trace: Vec::new(),
            hint: None,
        }))
    }

    pub(super) fn hint(mut self, hint: &str) -> Self {
        self.0.hint = Some(printable(hint, MESSAGE_CHARS));
        self
    }

    pub(super) fn entry(mut self, entry: &str) -> Self {
        entry.clone_into(&mut self.0.entry);
        self
    }

    pub(super) fn trace(mut self, trace: Vec<String>) -> Self {
        self.0.trace = trace;
        self
    }

    pub(super) fn at(mut self, place: Place, excerpt: String) -> Self {
        self.0.line = Some(place.line);
        self.0.column = Some(place.column);
        self.0.excerpt = Some(excerpt);
        self
    }

    /// An error of the file system about the file shown as `file`.
    pub(super) fn file(file: &str, cause: &FileError) -> Self {
        let (kind, hint) = match cause.kind {
            FileErrorKind::Missing => (RenderErrorKind::FileMissing, None),
            FileErrorKind::TooLarge { .. } => (RenderErrorKind::FileTooLarge, None),
            FileErrorKind::NotUtf8 { .. } => (
                RenderErrorKind::NotUtf8,
                Some("save the file as UTF-8 text"),
            ),
            FileErrorKind::NotRegular
            | FileErrorKind::Occupied { .. }
            | FileErrorKind::BadName { .. }
            | FileErrorKind::Os(_) => (RenderErrorKind::FileUnreadable, None),
        };
        let error = Self::new(kind, file, &cause.kind.to_string());
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl Deref for RenderError {
    type Target = RenderFailure;

    fn deref(&self) -> &RenderFailure {
        &self.0
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Rendering `{}` failed: ", self.entry)?;
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(out, "{}:{line}:{column}: ", self.file)?,
            (Some(_), None) | (None, Some(_)) | (None, None) => {
                if self.file != self.entry {
                    write!(out, "{}: ", self.file)?;
                }
            }
        }
        out.write_str(&self.message)?;
        if let Some(excerpt) = &self.excerpt {
            write!(out, "\n{excerpt}")?;
        }
        for frame in &self.trace {
            write!(out, "\n  {frame}")?;
        }
        if let Some(hint) = &self.hint {
            write!(out, "\nHint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for RenderError {}

/// An error about bytes that are not text.
pub(super) fn not_utf8(name: &str, bytes: &[u8]) -> RenderError {
    let offset = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(cause) => cause.valid_up_to(),
    };
    let place = Place::of_bytes(bytes, offset, offset + 1);
    let message = format!("the file is not UTF-8 text: the byte at offset {offset} is invalid");
    RenderError::new(RenderErrorKind::NotUtf8, name, &message)
        .at(place, excerpt(name, bytes, place))
        .hint("save the file as UTF-8 text")
}

/// A position in a text: line and column from 1, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
    /// How many characters of the line are meant, at least 1.
    pub(super) width: u32,
}

impl Place {
    pub(super) fn new(line: usize, column: usize, width: usize) -> Self {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        Self {
            line: narrow(line),
            column: narrow(column),
            width: narrow(width),
        }
    }

    /// The place of the bytes `start..end` of `source`.
    pub(super) fn of_bytes(source: &[u8], start: usize, end: usize) -> Self {
        let start = start.min(source.len());
        let end = end.clamp(start, source.len());
        let before = &source[..start];
        let line_start = before
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |i| i + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let meant = &source[start..end];
        let meant = meant.split(|b| *b == b'\n').next().unwrap_or(meant);
        Self::new(line, chars(&source[line_start..start]) + 1, chars(meant))
    }
}

fn chars(bytes: &[u8]) -> usize {
    String::from_utf8_lossy(bytes).chars().count()
}

/// Returns `text` without control characters, at most `limit` characters long.
///
/// Text from a file under review must not move the cursor of a terminal, hide
/// a line of a report, or reorder it (bidirectional controls).
pub(super) fn printable(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            out.push('…');
            break;
        }
        match c {
            '\n' | '\t' => out.push(' '),
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {
                out.push('\u{fffd}');
            }
            _ if c.is_control() => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}
