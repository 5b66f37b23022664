//! Which fields a kind has, and how lists of it merge: read from `schema.txt`.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What may stand at a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A string, a number or a boolean.
    Scalar,
    /// Anything, merged and owned as one value.
    Any,
    /// A map with free keys, each owned by itself.
    Map,
    /// A list without duplicates.
    Set,
    /// A list that is one value.
    List(Box<Shape>),
    /// A list whose items are found by these keys.
    Keyed(Vec<String>, Box<Shape>),
    /// A type of `schema.txt`.
    Of(String),
}

/// The types by name.
pub(crate) struct Schema {
    types: BTreeMap<String, BTreeMap<String, Shape>>,
}

/// What the walk over an object found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Paths of fields that the schema does not know: `spec.replicaz`.
    pub(crate) unknown: Vec<String>,
    /// Paths of values of the wrong shape, with what was found there.
    pub(crate) misshapen: Vec<(String, &'static str)>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::read(include_str!("schema.txt")));

/// Returns the schema of every kind of the door.
pub(crate) fn schema() -> &'static Schema {
    &SCHEMA
}

impl Schema {
    fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let types = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, fields)| {
                let fields = fields.split_whitespace().filter_map(|field| {
                    let (key, shape) = field.split_once('=')?;
                    Some((key.to_owned(), read_shape(shape)))
                });
                (name.to_owned(), fields.collect())
            });
        Self {
            types: types.collect(),
        }
    }

    /// Returns the names of all types with their fields.
    pub(crate) fn types(&self) -> &BTreeMap<String, BTreeMap<String, Shape>> {
        &self.types
    }

    /// Returns true for a kind that it knows.
    pub(crate) fn knows(&self, kind: &str) -> bool {
        self.types.contains_key(kind)
    }

    /// Returns the shape of a field of a kind's object.
    pub(crate) fn field(&self, of: &Shape, key: &str, top: bool) -> Option<Shape> {
        if top {
            match key {
                "apiVersion" | "kind" => return Some(Shape::Scalar),
                "metadata" => return Some(Shape::Of("ObjectMeta".to_owned())),
                _ => {}
            }
        }
        if let Shape::Of(name) = of {
            return self.types.get(name)?.get(key).cloned();
        }
        matches!(of, Shape::Map).then_some(Shape::Scalar)
    }

    /// Looks for unknown fields and misshapen values, and drops the unknown ones.
    pub(crate) fn prune(&self, kind: &str, object: &mut Value) -> Faults {
        let mut faults = Faults::default();
        if self.knows(kind) {
            let shape = Shape::Of(kind.to_owned());
            self.walk(&shape, object, "", true, &mut faults);
        }
        faults
    }

    fn walk(&self, shape: &Shape, value: &mut Value, path: &str, top: bool, faults: &mut Faults) {
        if value.is_null() {
            return;
        }
        match shape {
            Shape::Any => {}
            Shape::Scalar => {
                if value.is_object() || value.is_array() {
                    faults.misshapen.push((path.to_owned(), noun(value)));
                }
            }
            Shape::Map => self.walk_map(value, path, faults),
            Shape::Set => self.walk_list(&Shape::Scalar, value, path, faults),
            Shape::List(item) | Shape::Keyed(_, item) => self.walk_list(item, value, path, faults),
            Shape::Of(_) => {
                let Some(object) = value.as_object_mut() else {
                    faults.misshapen.push((path.to_owned(), noun(value)));
                    return;
                };
                let keys: Vec<String> = object.keys().cloned().collect();
                for key in keys {
                    let below = join(path, &key);
                    match self.field(shape, &key, top) {
                        Some(inner) => {
                            if let Some(value) = object.get_mut(&key) {
                                self.walk(&inner, value, &below, false, faults);
                            }
                        }
                        None => {
                            object.remove(&key);
                            faults.unknown.push(below);
                        }
                    }
                }
            }
        }
    }

    fn walk_map(&self, value: &mut Value, path: &str, faults: &mut Faults) {
        let Some(object) = value.as_object_mut() else {
            faults.misshapen.push((path.to_owned(), noun(value)));
            return;
        };
        for (key, value) in object {
            self.walk(&Shape::Scalar, value, &join(path, key), false, faults);
        }
    }

    fn walk_list(&self, item: &Shape, value: &mut Value, path: &str, faults: &mut Faults) {
        let Some(items) = value.as_array_mut() else {
            faults.misshapen.push((path.to_owned(), noun(value)));
            return;
        };
        for (index, value) in items.iter_mut().enumerate() {
            self.walk(item, value, &format!("{path}[{index}]"), false, faults);
        }
    }
}

fn read_shape(text: &str) -> Shape {
    match text {
        "s" => return Shape::Scalar,
        "*" => return Shape::Any,
        "{}" => return Shape::Map,
        "<>" => return Shape::Set,
        _ => {}
    }
    let Some((keys, item)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
        return Shape::Of(text.to_owned());
    };
    let item = Box::new(read_shape(item));
    if keys.is_empty() {
        return Shape::List(item);
    }
    Shape::Keyed(keys.split(',').map(str::to_owned).collect(), item)
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        return key.to_owned();
    }
    format!("{path}.{key}")
}

const fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
