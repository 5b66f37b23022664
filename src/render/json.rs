//! Strict JSON: `serde_json`, with duplicate keys refused.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::{Place, RenderError, RenderErrorKind};
use super::excerpt::excerpt;

/// The reader's name and version as plans record them; a test compares them
/// with `Cargo.lock`.
pub(super) const NAME: &str = "serde_json";
pub(super) const VERSION: &str = "1.0.154";

/// The start of our own message about a duplicate key: serde carries errors of
/// visitors as text only, and this tells ours from syntax errors.
const DUPLICATE: &str = "the key `";

/// Parses one JSON value; `name` is the file's name in messages.
///
/// # Errors
/// Invalid JSON, a duplicate key, or nesting deeper than 127, each with line,
/// column and excerpt.
pub fn parse_json(text: &str, name: &str) -> Result<Value, RenderError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(RenderError::new(
            RenderErrorKind::Empty,
            name,
            "the file is empty",
        ));
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    StrictValue
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|cause| explain(&cause, text, name))
}

fn explain(cause: &serde_json::Error, text: &str, name: &str) -> RenderError {
    let said = cause.to_string();
    let said = said
        .rsplit_once(" at line ")
        .map_or(said.as_str(), |(before, _)| before);
    let kind = if said.starts_with(DUPLICATE) {
        RenderErrorKind::DuplicateKey
    } else if said.contains("recursion limit") {
        RenderErrorKind::TooDeep
    } else if said.contains("number out of range") {
        RenderErrorKind::UnusableNumber
    } else {
        RenderErrorKind::JsonSyntax
    };
    // serde_json counts columns in bytes, and points behind the character.
    let line_start: usize = text
        .split_inclusive('\n')
        .take(cause.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let at = line_start + cause.column().saturating_sub(1);
    let place = Place::of_bytes(text.as_bytes(), at, at + 1);
    let shown = excerpt(name, text.as_bytes(), place);
    RenderError::new(kind, name, said).at(place, shown)
}

/// Builds a [`Value`] and refuses a key that occurs twice.
struct StrictValue;

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                let key = super::error::printable(&key, 100);
                return Err(A::Error::custom(format!(
                    "{DUPLICATE}{key}` is given twice"
                )));
            }
            let value = entries.next_value_seed(Self)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// Parses the evaluator's own output, which has no duplicate keys.
pub(super) fn parse_manifest(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Value::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}
