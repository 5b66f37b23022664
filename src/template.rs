//! Templates of cluster files: jsonnet with a few lines that answers replace.
//!
//! A template is a config that renders as it stands. Its head declares parameters; each is one line
//! `local NAME = LITERAL;` whose literal an answer replaces. Everything else, comments too, is copied,
//! so that what comes out reads like something a person wrote, and can be edited like that.

mod record;

pub use record::{
    GENERATED_FOLDER, GeneratedRecord, RECORD_FORMAT, RECORD_KIND, RecordError, revision_of,
};

use crate::config::nearest;
use serde_json::Value;
use stairway_core::model::KubeMinor;
use std::collections::BTreeMap;

/// What the first line of a template says.
pub const TEMPLATE_HEAD: &str = "//: template v1";
/// Lines that speak to us and are not copied.
const MARK: &str = "//:";
/// No cluster file of a public fleet has half of it.
pub const TEMPLATE_BYTES_MAX: u64 = 1 << 20;
/// Answers are names and short lists.
const ANSWER_CHARS_MAX: usize = 1_000;
/// EKS: a cluster's name has at most 100 characters.
const CLUSTER_CHARS_MAX: usize = 100;

/// A template that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// What it asks, in its order.
    pub parameters: Vec<Parameter>,
    /// Its lines without those that are not copied, with line ends.
    lines: Vec<String>,
}

/// One thing that a template asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The name of the `local`.
    pub name: String,
    /// What an answer must be.
    pub kind: ParameterKind,
    /// True when the literal in the template is an example and no default.
    pub required: bool,
    /// What it is, for people.
    pub help: String,
    /// The literal in the template.
    pub default: Value,
    /// The line in `lines`, and where in it the literal stands.
    place: (usize, usize, usize),
}

/// What an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A name that EKS takes for a cluster.
    Cluster,
    /// An AWS region.
    Region,
    /// A Kubernetes minor.
    Minor,
    /// Letters, digits, `-`, `_` and `.`.
    Word,
    /// Words in a list, written with commas.
    Words,
    /// Any text of one line.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// The kinds by their names.
const KINDS: [(&str, ParameterKind); 8] = [
    ("cluster", ParameterKind::Cluster),
    ("region", ParameterKind::Region),
    ("minor", ParameterKind::Minor),
    ("word", ParameterKind::Word),
    ("words", ParameterKind::Words),
    ("text", ParameterKind::Text),
    ("number", ParameterKind::Number),
    ("boolean", ParameterKind::Boolean),
];

/// Why a template or an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The file has no head.
    #[error("`{file}` is no template of stairway: its first line is not `{TEMPLATE_HEAD}`")]
    NoTemplate {
        /// As shown.
        file: String,
    },
    /// The file is for another program.
    #[error("`{file}` is a jinja template, and not one of stairway")]
    Jinja {
        /// As shown.
        file: String,
    },
    /// Something in it is wrong.
    #[error("{file}:{line}: {why}")]
    Wrong {
        /// As shown.
        file: String,
        /// From 1.
        line: usize,
        /// What.
        why: String,
    },
    /// There is no such parameter.
    #[error("The template has no parameter `{name}`; it has: {}", .known.join(", "))]
    Unknown {
        /// As given.
        name: String,
        /// Those that it has.
        known: Vec<String>,
        /// The nearest of them.
        near: Option<String>,
    },
    /// The answer is not of the parameter's kind.
    #[error("`{name}={answer}` cannot be: {why}")]
    BadAnswer {
        /// The parameter.
        name: String,
        /// The answer, shortened.
        answer: String,
        /// Why.
        why: String,
    },
    /// Required parameters have no answer.
    #[error("The template needs more answers:\n{}", .missing.join("\n"))]
    Missing {
        /// A line for each.
        missing: Vec<String>,
        /// The first of them.
        first: String,
    },
}

impl TemplateError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoTemplate { .. } => Some(format!(
                "begin it with `{TEMPLATE_HEAD}`, then declare its parameters as `stairway help init cluster` says"
            )),
            Self::Jinja { .. } => Some(
                "write what the placeholders stand for as `local NAME = 'example';`, and declare it in a line `//: param NAME word: what it is`"
                    .to_owned(),
            ),
            Self::Wrong { .. } | Self::BadAnswer { .. } => None,
            Self::Unknown { near, .. } => near
                .as_ref()
                .map(|near| format!("did you mean `--answer {near}=…`?")),
            Self::Missing { first, .. } => Some(format!("add `--answer {first}=…`")),
        }
    }
}

/// Answers by parameter.
pub type Answers = BTreeMap<String, Value>;

impl Template {
    /// Reads a template; `file` is its name in messages.
    ///
    /// # Errors
    /// It is none, or its head and its lines do not fit each other.
    pub fn read(text: &str, file: &str) -> Result<Self, TemplateError> {
        if text.lines().next().map(str::trim_end) != Some(TEMPLATE_HEAD) {
            let file = file.to_owned();
            return Err(if has_jinja(text) {
                TemplateError::Jinja { file }
            } else {
                TemplateError::NoTemplate { file }
            });
        }
        let wrong = |line: usize, why: String| TemplateError::Wrong {
            file: file.to_owned(),
            line: line + 1,
            why,
        };
        let mut declared = Vec::new();
        let mut lines = Vec::new();
        let mut origin = Vec::new();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let Some(rest) = line.strip_prefix(MARK) else {
                lines.push(line.to_owned());
                origin.push(index);
                continue;
            };
            if let Some(rest) = rest.trim().strip_prefix("param ") {
                declared.push((index, declaration(rest).map_err(|why| wrong(index, why))?));
            }
        }
        let mut parameters: Vec<Parameter> = Vec::new();
        for (index, (name, kind, required, help)) in declared {
            if parameters.iter().any(|known| known.name == name) {
                return Err(wrong(index, format!("`{name}` is declared twice")));
            }
            let head = format!("local {name} = ");
            let mut places = lines
                .iter()
                .enumerate()
                .filter(|(_, l)| l.starts_with(&head));
            let (Some((at, line)), None) = (places.next(), places.next()) else {
                let why = format!("not exactly one line begins with `{head}`");
                return Err(wrong(index, why));
            };
            let Some((default, end)) = literal(line, head.len()) else {
                let why = format!(
                    "`{name}` is not one plain literal with a `;` behind it on the same line"
                );
                return Err(wrong(origin.get(at).copied().unwrap_or(index), why));
            };
            let place = (at, head.len(), end);
            parameters.push(Parameter {
                name,
                kind,
                required,
                help,
                default,
                place,
            });
        }
        for parameter in &parameters {
            let given = plain(&parameter.default);
            parameter.answer(&given).map_err(|error| {
                let line = origin.get(parameter.place.0).copied().unwrap_or_default();
                wrong(line, error.to_string())
            })?;
        }
        Ok(Self { parameters, lines })
    }

    /// Returns the parameter of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn parameter(&self, name: &str) -> Result<&Parameter, TemplateError> {
        let found = self.parameters.iter().find(|known| known.name == name);
        found.ok_or_else(|| {
            let known: Vec<String> = self.parameters.iter().map(|p| p.name.clone()).collect();
            TemplateError::Unknown {
                name: name.to_owned(),
                near: nearest(name, known.iter().map(String::as_str))
                    .first()
                    .map(|near| (*near).to_owned()),
                known,
            }
        })
    }

    /// Adds the defaults of what has no answer.
    ///
    /// # Errors
    /// An answer to nothing that is asked; or something required has none.
    pub fn complete(&self, mut answers: Answers) -> Result<Answers, TemplateError> {
        for name in answers.keys() {
            self.parameter(name)?;
        }
        let missing: Vec<&Parameter> = self
            .parameters
            .iter()
            .filter(|p| p.required && !answers.contains_key(&p.name))
            .collect();
        if let Some(first) = missing.first() {
            return Err(TemplateError::Missing {
                missing: missing.iter().map(|p| p.line()).collect(),
                first: first.name.clone(),
            });
        }
        for parameter in &self.parameters {
            answers
                .entry(parameter.name.clone())
                .or_insert_with(|| parameter.default.clone());
        }
        Ok(answers)
    }

    /// Returns the text with these answers; what has none keeps the literal of the template.
    pub fn generate(&self, answers: &Answers) -> String {
        let mut lines = self.lines.clone();
        for parameter in &self.parameters {
            let (at, start, end) = parameter.place;
            let (Some(answer), Some(line)) = (answers.get(&parameter.name), lines.get_mut(at))
            else {
                continue;
            };
            // What the template says already stays as it is written there.
            if *answer != parameter.default {
                line.replace_range(start..end, &written(answer));
            }
        }
        lines.concat()
    }
}

impl Parameter {
    /// Returns what people read about it: `  region (region): the AWS region`.
    pub fn line(&self) -> String {
        let kind = KINDS.iter().find(|(_, kind)| *kind == self.kind);
        let kind = kind.map_or("", |(name, _)| *name);
        let default = if self.required {
            String::new()
        } else {
            format!(" [default: {}]", plain(&self.default))
        };
        format!("  {} ({kind}): {}{default}", self.name, self.help)
    }

    /// Reads an answer as it is typed.
    ///
    /// # Errors
    /// It is not of the parameter's kind.
    pub fn answer(&self, typed: &str) -> Result<Value, TemplateError> {
        read_answer(self.kind, typed).map_err(|why| TemplateError::BadAnswer {
            name: self.name.clone(),
            answer: typed.chars().take(60).collect(),
            why,
        })
    }
}

/// Reads what was typed as an answer of this kind.
///
/// # Errors
/// A sentence on why it cannot be one.
pub(crate) fn read_answer(kind: ParameterKind, typed: &str) -> Result<Value, String> {
    if typed.chars().count() > ANSWER_CHARS_MAX {
        return Err(format!("it is longer than {ANSWER_CHARS_MAX} characters"));
    }
    match kind {
        ParameterKind::Cluster => {
            if typed.len() > CLUSTER_CHARS_MAX {
                return Err(format!("it is longer than {CLUSTER_CHARS_MAX} characters"));
            }
            if typed.contains('.') {
                return Err("EKS takes no dot in the name of a cluster".to_owned());
            }
            word(typed)
        }
        ParameterKind::Region => {
            let parts: Vec<&str> = typed.split('-').collect();
            let shaped = parts.len() >= 3
                && parts.iter().all(|part| !part.is_empty())
                && parts
                    .last()
                    .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()))
                && typed
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            shaped
                .then(|| Value::from(typed))
                .ok_or_else(|| "it is no region, such as us-west-2".to_owned())
        }
        ParameterKind::Minor => typed
            .parse::<KubeMinor>()
            .map(|minor| Value::from(minor.to_string()))
            .map_err(|error| error.to_string()),
        ParameterKind::Word => word(typed),
        ParameterKind::Words => {
            let words = typed.split(',').map(str::trim).filter(|w| !w.is_empty());
            words
                .map(word)
                .collect::<Result<Vec<Value>, String>>()
                .map(Value::from)
        }
        ParameterKind::Text => {
            if typed.chars().any(char::is_control) {
                Err("it has a line break or another control character".to_owned())
            } else {
                Ok(Value::from(typed))
            }
        }
        ParameterKind::Number => match serde_json::from_str::<Value>(typed) {
            Ok(Value::Number(number)) => Ok(Value::Number(number)),
            Ok(_) | Err(_) => Err("it is no number".to_owned()),
        },
        ParameterKind::Boolean => typed
            .parse::<bool>()
            .map(Value::from)
            .map_err(|_| "it is neither `true` nor `false`".to_owned()),
    }
}

fn word(text: &str) -> Result<Value, String> {
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if plain {
        Ok(Value::from(text))
    } else {
        Err(format!(
            "`{text}` has characters other than letters, digits, `-`, `_` and `.`, or begins with one of these"
        ))
    }
}

/// Returns an answer as it is typed.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// Writes a value as jsonnet: strings in single quotes where that needs no escape.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) if !text.contains(['\'', '\\']) && !text.contains(char::is_control) => {
            format!("'{text}'")
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

type Declaration = (String, ParameterKind, bool, String);

/// Reads `NAME KIND [required]: what it is`.
fn declaration(text: &str) -> Result<Declaration, String> {
    let shape = "a parameter is declared as `//: param NAME KIND [required]: what it is`";
    let (head, help) = text.split_once(':').ok_or(shape)?;
    let words: Vec<&str> = head.split_whitespace().collect();
    let (name, kind, required) = match words.as_slice() {
        [name, kind] => (*name, *kind, false),
        [name, kind, "required"] => (*name, *kind, true),
        _ => return Err(shape.to_owned()),
    };
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain {
        return Err(format!("`{name}` cannot be the name of a `local`"));
    }
    let found = KINDS.iter().find(|(known, _)| *known == kind);
    let Some((_, found)) = found else {
        let known: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "there is no kind `{kind}`; there are: {}",
            known.join(", ")
        ));
    };
    Ok((name.to_owned(), *found, required, help.trim().to_owned()))
}

/// Reads the literal at `start` of a line, with a `;` behind it; returns it and where it ends.
fn literal(line: &str, start: usize) -> Option<(Value, usize)> {
    let (value, end) = value_at(line, start)?;
    line.get(end..)?
        .trim_start()
        .starts_with(';')
        .then_some((value, end))
}

fn value_at(line: &str, start: usize) -> Option<(Value, usize)> {
    let rest = line.get(start..)?;
    let first = rest.chars().next()?;
    if first == '\'' || first == '"' {
        let inner = rest.get(1..)?;
        let end = inner.find(first)?;
        let text = inner.get(..end)?;
        // An escape would have to be understood; a template has no need of one.
        return (!text.contains('\\')).then(|| (Value::from(text), start + end + 2));
    }
    if first == '[' {
        return list_at(line, start + 1);
    }
    let end = rest.find([';', ',', ']', ' ']).unwrap_or(rest.len());
    let value: Value = serde_json::from_str(rest.get(..end)?).ok()?;
    matches!(value, Value::Number(_) | Value::Bool(_)).then_some((value, start + end))
}

fn list_at(line: &str, start: usize) -> Option<(Value, usize)> {
    let blank = |at: usize| {
        let rest = line.get(at..).unwrap_or_default();
        at + rest.len() - rest.trim_start_matches(' ').len()
    };
    let mut items = Vec::new();
    let mut at = blank(start);
    loop {
        if line.get(at..)?.starts_with(']') {
            return Some((Value::from(items), at + 1));
        }
        let (item, end) = value_at(line, at)?;
        items.push(item);
        at = blank(end);
        if line.get(at..)?.starts_with(',') {
            at = blank(at + 1);
        } else if !line.get(at..)?.starts_with(']') {
            return None;
        }
    }
}

/// Tags of jinja with the usual delimiters, and with those that keep away from braces.
fn has_jinja(text: &str) -> bool {
    let tag = |open: &str, close: &str| {
        text.lines().any(|line| {
            line.split_once(open)
                .is_some_and(|(_, rest)| rest.contains(close))
        })
    };
    tag("{%", "%}") || tag("<%", "%>") || tag("<<", ">>") || tag("{{", "}}")
}

#[cfg(test)]
mod tests;
