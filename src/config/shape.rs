//! Reads a value as a type and says where in the value it does not fit.
//!
//! serde reports what is wrong and not where. The place is found afterwards,
//! on errors only, by asking for parts of the value: the entry that alone
//! gives the same error, and without which the error changes, holds it.

use super::nearest::nearest;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::fmt;

/// A step from the root of a value towards a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// The entry of an object.
    Key(String),
    /// The item of a list, from 0.
    Item(usize),
}

/// Where in a value something is: `clusters[2].live`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValuePath(pub Vec<PathStep>);

impl ValuePath {
    /// Returns the path of the entry `key` of the object at this path.
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(PathStep::Key(key.to_owned()));
        Self(steps)
    }

    /// Returns the path of an item of the list at this path.
    pub fn item(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(PathStep::Item(index));
        Self(steps)
    }
}

impl fmt::Display for ValuePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.write_str("$");
        }
        for (index, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Key(key) if index == 0 => out.write_str(key)?,
                PathStep::Key(key) => write!(out, ".{key}")?,
                PathStep::Item(item) => write!(out, "[{item}]")?,
            }
        }
        Ok(())
    }
}

/// Why a value does not have the wanted shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError {
    /// Where.
    pub path: ValuePath,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl ShapeError {
    /// Returns an error at `path`.
    pub fn new(path: ValuePath, message: impl Into<String>) -> Self {
        Self {
            path,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads `value` as a `T`.
///
/// # Errors
/// The first thing in it that does not fit, with its path.
pub fn read_shape<T: DeserializeOwned>(value: &Value) -> Result<T, ShapeError> {
    let said = match T::deserialize(value) {
        Ok(read) => return Ok(read),
        Err(error) => error.to_string(),
    };
    let verdict = |candidate: &Value| T::deserialize(candidate).err().map(|e| e.to_string());
    let mut search = Search {
        verdict: &verdict,
        said: &said,
        path: Vec::new(),
    };
    search.descend(value);
    let path = settle(search.path, value, &said);
    Err(explain(path, &said))
}

struct Search<'a> {
    verdict: &'a dyn Fn(&Value) -> Option<String>,
    said: &'a str,
    path: Vec<PathStep>,
}

impl Search<'_> {
    /// Extends the path by the step that leads to the error, as long as there is one.
    fn descend(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                let found = map
                    .iter()
                    .find(|(key, inner)| self.holds_error(map, key, inner));
                if let Some((key, inner)) = found {
                    self.path.push(PathStep::Key(key.clone()));
                    self.descend(inner);
                }
            }
            Value::Array(items) => {
                let found = items
                    .iter()
                    .enumerate()
                    .find(|(_, item)| self.fails_alike(Value::Array(vec![(*item).clone()])));
                if let Some((index, item)) = found {
                    self.path.push(PathStep::Item(index));
                    self.descend(item);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn holds_error(&self, map: &Map<String, Value>, key: &str, inner: &Value) -> bool {
        let alone = Map::from_iter([(key.to_owned(), inner.clone())]);
        if !self.fails_alike(Value::Object(alone)) {
            return false;
        }
        let mut without = map.clone();
        without.remove(key);
        !self.fails_alike(Value::Object(without))
    }

    /// Returns true when `part`, put where the path leads and alone there, gives the same error.
    fn fails_alike(&self, part: Value) -> bool {
        let whole = self.path.iter().rev().fold(part, |inner, step| match step {
            PathStep::Key(key) => Value::Object(Map::from_iter([(key.clone(), inner)])),
            PathStep::Item(_) => Value::Array(vec![inner]),
        });
        (self.verdict)(&whole).as_deref() == Some(self.said)
    }
}

/// A missing field is missing from an object that lacks it: goes back to that object.
fn settle(mut path: Vec<PathStep>, root: &Value, said: &str) -> ValuePath {
    if let Some(field) = said.strip_prefix("missing field ").map(unquoted) {
        while !path.is_empty() {
            let here = value_at(root, &path);
            let lacks = here
                .and_then(Value::as_object)
                .is_some_and(|map| !map.contains_key(field));
            if lacks {
                break;
            }
            path.pop();
        }
    }
    ValuePath(path)
}

fn value_at<'v>(root: &'v Value, path: &[PathStep]) -> Option<&'v Value> {
    path.iter().try_fold(root, |value, step| match step {
        PathStep::Key(key) => value.get(key),
        PathStep::Item(index) => value.get(index),
    })
}

fn unquoted(text: &str) -> &str {
    text.trim_matches('`')
}

/// Says serde's message in the words of a person who writes the file.
fn explain(path: ValuePath, said: &str) -> ShapeError {
    for (kind, noun) in [("unknown field ", "key"), ("unknown variant ", "value")] {
        if let Some(rest) = said.strip_prefix(kind) {
            return unknown_name(path, noun, rest);
        }
    }
    if let Some(field) = said.strip_prefix("missing field ") {
        return ShapeError::new(path, format!("the key {field} is missing"));
    }
    let error = ShapeError::new(path, said);
    if said.contains("invalid type: floating point") && said.contains("a string") {
        return error.hint("put the version in quotes: `\"1.30\"`");
    }
    error
}

fn unknown_name(path: ValuePath, noun: &str, rest: &str) -> ShapeError {
    // rest: `recordd`, expected one of `recorded`, `assumed`
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let given = quoted.next().unwrap_or("");
    let known: Vec<&str> = quoted.collect();
    let error = ShapeError::new(path, format!("there is no {noun} `{given}` here"));
    match nearest(given, known.iter().copied()).first() {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => error,
        None => error.hint(format!("known here: `{}`", known.join("`, `"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the shape matters")]
    struct Outer {
        kind: String,
        #[serde(default)]
        entries: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the shape matters")]
    struct Inner {
        size: u32,
        #[serde(default)]
        version: Option<String>,
    }

    fn check(value: Value, path: &str, message: &str, hint: Option<&str>) {
        let Err(error) = read_shape::<Outer>(&value) else {
            panic!("{value} was taken");
        };
        assert_eq!(error.path.to_string(), path, "{error:?}");
        assert_eq!(error.message, message);
        assert_eq!(error.hint.as_deref(), hint);
    }

    #[test]
    fn errors_have_a_path() {
        let inner = json!({"kind": "x", "entries": [{"size": 1}, {"size": "big"}]});
        let said = "invalid type: string \"big\", expected u32";
        check(inner, "entries[1].size", said, None);
        let unknown = json!({"kind": "x", "entries": [{"size": 1}, {"size": 1, "versoin": "1"}]});
        check(
            unknown,
            "entries[1].versoin",
            "there is no key `versoin` here",
            Some("did you mean `version`?"),
        );
        let strange = json!({"kind": "x", "wholly": 1});
        check(
            strange,
            "wholly",
            "there is no key `wholly` here",
            Some("known here: `kind`, `entries`"),
        );
        let absent = json!({"kind": "x", "entries": [{"size": 1}, {"version": "1"}]});
        check(absent, "entries[1]", "the key `size` is missing", None);
        check(
            json!({"entries": []}),
            "$",
            "the key `kind` is missing",
            None,
        );
        let float = json!({"kind": "x", "entries": [{"size": 1, "version": 1.3}]});
        check(
            float,
            "entries[0].version",
            "invalid type: floating point `1.3`, expected a string",
            Some("put the version in quotes: `\"1.30\"`"),
        );
        check(
            json!([]),
            "$",
            "invalid length 0, expected struct Outer with 2 elements",
            None,
        );
    }

    #[test]
    fn a_missing_key_is_not_blamed_on_its_neighbor() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only the shape matters")]
        struct Pair {
            first: u32,
            second: u32,
        }
        let error = read_shape::<Pair>(&json!({"first": 1}))
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.path.to_string(), "$");
    }
}
