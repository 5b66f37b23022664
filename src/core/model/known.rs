//! What is known of a fact: absence is not ignorance.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The key that marks a fact as unknown in an observation file.
const UNKNOWN_KEY: &str = "$unknown";
/// The reason given for a key that an observation file leaves out.
const NOT_RECORDED: &str = "not recorded";

/// A fact that was read, was read to be absent, or could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// The fact was read.
    Value(T),
    /// The fact was read, and there is none. Written `null`.
    Absent,
    /// The fact could not be read, and why. Written `{"$unknown": why}`.
    Unknown(String),
}

impl<T> Known<T> {
    /// Returns the value, or `None` for both absence and ignorance.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Unknown(_) => None,
        }
    }

    /// Returns why the fact is unknown, or `None` when it is known.
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Self::Unknown(why) => Some(why),
            Self::Value(_) | Self::Absent => None,
        }
    }

    /// Returns true when nobody recorded the fact: such a key can be left out and read back the same.
    pub fn is_unknown_by_default(&self) -> bool {
        matches!(self, Self::Unknown(why) if why == NOT_RECORDED)
    }

    /// Returns true when nobody could read the fact.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}

impl<T> Known<Vec<T>> {
    /// Returns the items; none when absent or unknown.
    pub fn items(&self) -> &[T] {
        self.value().map_or(&[], Vec::as_slice)
    }
}

impl<T> Default for Known<T> {
    /// A missing key means that nobody recorded the fact.
    fn default() -> Self {
        Self::Unknown(NOT_RECORDED.to_owned())
    }
}

impl<T: Serialize> Serialize for Known<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Absent => serializer.serialize_none(),
            Self::Unknown(why) => {
                let mut map = std::collections::BTreeMap::new();
                map.insert(UNKNOWN_KEY, why);
                map.serialize(serializer)
            }
        }
    }
}

impl<'de, T: serde::de::DeserializeOwned> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.is_null() {
            return Ok(Self::Absent);
        }
        if let Value::Object(map) = &value
            && let Some(why) = map.get(UNKNOWN_KEY)
        {
            return match why {
                Value::String(why) if map.len() == 1 => Ok(Self::Unknown(why.clone())),
                Value::String(_)
                | Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => Err(serde::de::Error::custom(
                    "`$unknown` must stand alone and give its reason as a string",
                )),
            };
        }
        serde_json::from_value(value)
            .map(Self::Value)
            .map_err(serde::de::Error::custom)
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Known<T> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Known_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let inner = generator.subschema_for::<T>();
        schemars::json_schema!({
            "anyOf": [
                inner,
                {"type": "null"},
                {
                    "type": "object",
                    "properties": {"$unknown": {"type": "string"}},
                    "required": ["$unknown"],
                    "additionalProperties": false
                }
            ]
        })
    }
}
