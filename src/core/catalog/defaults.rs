//! The values eksctl fills in where a file says nothing.
//!
//! Both sides of a comparison need them. Sizes (`minSize`, `maxSize`,
//! `desiredCapacity`) follow from each other and are the differ's business.

use super::Catalog;
use crate::model::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The object that a default belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The whole file.
    Cluster,
    /// An entry of `managedNodeGroups`.
    Managed,
    /// An entry of `nodeGroups`.
    SelfManaged,
}

impl Scope {
    /// Returns the scope of a nodegroup.
    pub const fn nodegroup(managed: bool) -> Self {
        if managed {
            Self::Managed
        } else {
            Self::SelfManaged
        }
    }
}

/// A default value, and when it applies. Of several for one path the first
/// whose conditions hold counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDefault {
    /// The object.
    pub scope: Scope,
    /// The dotted path within it.
    pub path: String,
    /// The value.
    pub value: Value,
    /// Applies only while none of these paths is set.
    #[serde(default)]
    pub unless_any_set: Vec<String>,
    /// Applies only when one of these paths is set, if any are named.
    #[serde(default)]
    pub if_any_set: Vec<String>,
    /// Applies only when these paths have these values.
    #[serde(default)]
    pub if_equal: BTreeMap<String, Value>,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

impl FieldDefault {
    /// Returns whether the value holds whatever else the object says.
    pub fn is_unconditional(&self) -> bool {
        self.unless_any_set.is_empty() && self.if_any_set.is_empty() && self.if_equal.is_empty()
    }

    /// Returns whether the conditions hold in `object`.
    fn applies(&self, object: &Map<String, Value>) -> bool {
        let set = |path: &String| get(object, path).is_some();
        !self.unless_any_set.iter().any(set)
            && (self.if_any_set.is_empty() || self.if_any_set.iter().any(set))
            && self
                .if_equal
                .iter()
                .all(|(path, value)| get(object, path) == Some(value))
    }
}

impl Catalog {
    /// Returns the defaults of a nodegroup that hold whatever else it says, nested as in a file.
    pub fn nodegroup_defaults(&self, managed: bool) -> &Map<String, Value> {
        self.nested(Scope::nodegroup(managed))
    }

    /// Returns the defaults of a file that hold whatever else it says, nested as in a file.
    pub fn cluster_defaults(&self) -> &Map<String, Value> {
        self.nested(Scope::Cluster)
    }

    /// Returns the defaults of `scope`, also those that depend on other fields.
    pub fn defaults(&self, scope: Scope) -> impl Iterator<Item = &FieldDefault> {
        self.defaults
            .iter()
            .filter(move |default| default.scope == scope)
    }

    /// Fills the defaults of `scope` into `object`, nested as in a file, where
    /// it says nothing; also those that depend on other fields. `null`, `[]`
    /// and `{}` say nothing, as for eksctl.
    pub fn fill_defaults(&self, scope: Scope, object: &mut Map<String, Value>) {
        for default in self.defaults(scope) {
            if get(object, &default.path).is_none() && default.applies(object) {
                put(object, &default.path, &default.value);
            }
        }
    }

    fn nested(&self, scope: Scope) -> &Map<String, Value> {
        static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
        self.nested_defaults.get(&scope).unwrap_or(&NOTHING)
    }
}

/// Nests, per scope, the defaults of the paths that have no conditions.
pub(super) fn nest(defaults: &[FieldDefault]) -> BTreeMap<Scope, Map<String, Value>> {
    let mut nested = BTreeMap::<Scope, Map<String, Value>>::new();
    for default in defaults {
        let conditional = defaults.iter().any(|other| {
            other.scope == default.scope && other.path == default.path && !other.is_unconditional()
        });
        if !conditional {
            put(
                nested.entry(default.scope).or_default(),
                &default.path,
                &default.value,
            );
        }
    }
    nested
}

/// Returns the value at a dotted path, unless it says nothing.
fn get<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let value = match path.split_once('.') {
        None => object.get(path)?,
        Some((head, rest)) => get(object.get(head)?.as_object()?, rest)?,
    };
    let says_something = match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    says_something.then_some(value)
}

/// Sets the value at a dotted path; does nothing where a value that is no object is in the way.
fn put(object: &mut Map<String, Value>, path: &str, value: &Value) {
    match path.split_once('.') {
        None => {
            object.insert(path.to_owned(), value.clone());
        }
        Some((head, rest)) => {
            let slot = object.entry(head).or_insert(Value::Null);
            if slot.is_null() {
                *slot = Value::Object(Map::new());
            }
            if let Value::Object(inner) = slot {
                put(inner, rest, value);
            }
        }
    }
}
