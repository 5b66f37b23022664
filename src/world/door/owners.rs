//! Who owns which field: `metadata.managedFields` as sets of paths.

use super::schema::{Shape, schema};
use serde_json::{Map, Value, json};
use stairway_core::model::Timestamp;
use std::collections::BTreeSet;

/// A path in the letters of FieldsV1: `f:spec`, `k:{"name":"web"}`, `v:"x"`.
pub(crate) type Path = Vec<String>;
/// Fields and list items.
pub(crate) type Fields = BTreeSet<Path>;

/// Fields that nobody owns.
const OWNERLESS: [&[&str]; 11] = [
    &["f:apiVersion"],
    &["f:kind"],
    &["f:metadata", "f:name"],
    &["f:metadata", "f:namespace"],
    &["f:metadata", "f:uid"],
    &["f:metadata", "f:resourceVersion"],
    &["f:metadata", "f:creationTimestamp"],
    &["f:metadata", "f:generation"],
    &["f:metadata", "f:selfLink"],
    &["f:metadata", "f:managedFields"],
    &["f:metadata", "f:deletionTimestamp"],
];

/// One entry of managedFields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) manager: String,
    /// `Apply` or `Update`.
    pub(crate) operation: String,
    pub(crate) api_version: String,
    /// Empty, or `status`.
    pub(crate) subresource: String,
    pub(crate) time: Option<String>,
    pub(crate) fields: Fields,
}

impl Entry {
    /// Returns true for the same manager doing the same.
    pub(crate) fn is(&self, manager: &str, operation: &str, subresource: &str) -> bool {
        self.manager == manager && self.operation == operation && self.subresource == subresource
    }

    /// Returns how a conflict names it.
    pub(crate) fn words(&self) -> String {
        let mut words = format!("\"{}\"", self.manager);
        if !self.subresource.is_empty() {
            words = format!("{words} with subresource \"{}\"", self.subresource);
        }
        if self.operation == "Update" {
            words = format!("{words} using {}", self.api_version);
        }
        words
    }
}

/// Reads an object's entries.
pub(crate) fn entries_of(object: &Value) -> Vec<Entry> {
    let list = object["metadata"]["managedFields"].as_array();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    list.into_iter()
        .flatten()
        .map(|entry| {
            let mut fields = Fields::new();
            read(&entry["fieldsV1"], &mut Vec::new(), &mut fields);
            Entry {
                manager: text(entry, "manager"),
                operation: text(entry, "operation"),
                api_version: text(entry, "apiVersion"),
                subresource: text(entry, "subresource"),
                time: entry["time"].as_str().map(str::to_owned),
                fields,
            }
        })
        .collect()
}

/// Writes entries into an object: Apply before Update, older before newer; empty ones are dropped.
pub(crate) fn write_entries(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.is_empty());
    entries.sort_by(|a, b| {
        (&a.operation, &a.time, &a.manager).cmp(&(&b.operation, &b.time, &b.manager))
    });
    let list: Vec<Value> = entries
        .iter()
        .map(|entry| {
            let mut one = json!({
                "manager": entry.manager,
                "operation": entry.operation,
                "apiVersion": entry.api_version,
                "fieldsType": "FieldsV1",
                "fieldsV1": written(&entry.fields),
            });
            if let Some(time) = &entry.time {
                one["time"] = json!(time);
            }
            if !entry.subresource.is_empty() {
                one["subresource"] = json!(entry.subresource);
            }
            one
        })
        .collect();
    let meta = super::meta_mut(object);
    if list.is_empty() {
        meta.remove("managedFields");
    } else {
        meta.insert("managedFields".to_owned(), Value::Array(list));
    }
}

fn read(value: &Value, path: &mut Path, fields: &mut Fields) {
    let Some(map) = value.as_object() else {
        return;
    };
    if map.is_empty() && !path.is_empty() {
        fields.insert(path.clone());
    }
    for (key, below) in map {
        if key == "." {
            fields.insert(path.clone());
            continue;
        }
        path.push(key.clone());
        read(below, path, fields);
        path.pop();
    }
}

fn written(fields: &Fields) -> Value {
    let mut root = Map::new();
    for path in fields {
        let mut at = &mut root;
        for (depth, part) in path.iter().enumerate() {
            let next = at.entry(part.clone()).or_insert_with(|| json!({}));
            if depth + 1 == path.len() {
                break;
            }
            // A member that has members below it says so with a dot.
            if fields.contains(&path[..=depth].to_vec())
                && let Some(map) = next.as_object_mut()
            {
                map.entry(".").or_insert_with(|| json!({}));
            }
            let Some(map) = next.as_object_mut() else {
                break;
            };
            at = map;
        }
    }
    Value::Object(root)
}

/// Returns the fields that an object sets: scalars, list items, and what is empty.
pub(crate) fn fields_of(kind: &str, object: &Value) -> Fields {
    let mut fields = Fields::new();
    collect(
        &Shape::Of(kind.to_owned()),
        object,
        true,
        &mut Vec::new(),
        &mut fields,
    );
    for path in OWNERLESS {
        fields.retain(|field| !field.iter().map(String::as_str).eq(path.iter().copied()));
    }
    fields.retain(|field| {
        field
            .first()
            .is_none_or(|first| first != "f:metadata" || field.len() > 1)
    });
    fields
}

fn collect(shape: &Shape, value: &Value, top: bool, path: &mut Path, fields: &mut Fields) {
    if let (Shape::Of(_) | Shape::Map, Some(map)) = (shape, value.as_object()) {
        if map.is_empty() && !path.is_empty() {
            fields.insert(path.clone());
        }
        for (key, below) in map {
            let inner = schema().field(shape, key, top).unwrap_or(Shape::Any);
            path.push(format!("f:{key}"));
            collect(&inner, below, false, path, fields);
            path.pop();
        }
        return;
    }
    if let (Shape::Keyed(keys, item), Some(list)) = (shape, value.as_array()) {
        for one in list {
            path.push(item_key(keys, one));
            fields.insert(path.clone());
            collect(item, one, false, path, fields);
            path.pop();
        }
        return;
    }
    if let (Shape::Set, Some(list)) = (shape, value.as_array()) {
        for one in list {
            path.push(format!("v:{one}"));
            fields.insert(path.clone());
            path.pop();
        }
        return;
    }
    if !path.is_empty() {
        fields.insert(path.clone());
    }
}

/// Returns `k:{"containerPort":80,"protocol":"TCP"}`; a port without protocol is TCP.
fn item_key(keys: &[String], item: &Value) -> String {
    let map: Map<String, Value> = keys
        .iter()
        .filter_map(|key| {
            let value = match &item[key] {
                Value::Null if key == "protocol" => json!("TCP"),
                Value::Null => return None,
                value @ (Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Array(_)
                | Value::Object(_)) => value.clone(),
            };
            Some((key.clone(), value))
        })
        .collect();
    format!("k:{}", Value::Object(map))
}

/// Returns what stands at a path of an object.
pub(crate) fn value_at<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut at = object;
    for part in path {
        at = match part.split_once(':')? {
            ("f", key) => at.get(key)?,
            ("k", key) => {
                let key: Value = serde_json::from_str(key).ok()?;
                at.as_array()?.iter().find(|item| fits(item, &key))?
            }
            (_, value) => {
                let value: Value = serde_json::from_str(value).ok()?;
                at.as_array()?.iter().find(|item| **item == value)?
            }
        };
    }
    Some(at)
}

fn fits(item: &Value, key: &Value) -> bool {
    key.as_object().is_some_and(|key| {
        key.iter().all(|(name, value)| {
            item[name] == *value || item[name].is_null() && name == "protocol" && value == "TCP"
        })
    })
}

/// Takes what stands at a path out of an object.
pub(crate) fn remove_at(object: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut at = object;
    for part in parents {
        let next = match part.split_once(':') {
            Some(("f", key)) => at.get_mut(key),
            Some(("k", key)) => {
                let key: Value = serde_json::from_str(key).unwrap_or(Value::Null);
                let list = at.as_array_mut();
                list.and_then(|list| list.iter_mut().find(|item| fits(item, &key)))
            }
            Some(_) | None => None,
        };
        let Some(next) = next else {
            return;
        };
        at = next;
    }
    match last.split_once(':') {
        Some(("f", key)) => {
            if let Some(map) = at.as_object_mut() {
                map.remove(key);
            }
        }
        Some((kind, key)) => {
            let key: Value = serde_json::from_str(key).unwrap_or(Value::Null);
            if let Some(list) = at.as_array_mut() {
                list.retain(|item| {
                    if kind == "k" {
                        !fits(item, &key)
                    } else {
                        *item != key
                    }
                });
            }
        }
        None => {}
    }
}

/// Returns a path as conflicts write it: `.spec.containers[name="web"].image`.
pub(crate) fn say(path: &[String]) -> String {
    let mut text = String::new();
    for part in path {
        match part.split_once(':') {
            Some(("f", key)) => {
                text.push('.');
                text.push_str(key);
            }
            Some(("k", key)) => {
                let key: Value = serde_json::from_str(key).unwrap_or(Value::Null);
                let terms: Vec<String> = key
                    .as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                text.push_str(&format!("[{}]", terms.join(",")));
            }
            Some((_, value)) => text.push_str(&format!("[={value}]")),
            None => {}
        }
    }
    text
}

/// Notes what a plain write by a manager changed: it owns that now, and nobody else does.
pub(crate) fn note_update(
    kind: &str,
    api_version: &str,
    before: Option<&Value>,
    after: &mut Value,
    (manager, subresource): (&str, &str),
    now: Timestamp,
) {
    let has = fields_of(kind, after);
    let had = before
        .map(|before| fields_of(kind, before))
        .unwrap_or_default();
    let nothing = Value::Null;
    let before = before.unwrap_or(&nothing);
    let changed: Fields = has
        .iter()
        .filter(|path| !had.contains(*path) || value_at(before, path) != value_at(after, path))
        // An item of a list is itself only as long as it is there: what changes is inside.
        .filter(|path| {
            !had.contains(*path) || path.last().is_none_or(|last| !last.starts_with("k:"))
        })
        .cloned()
        .collect();
    let gone: Fields = had.difference(&has).cloned().collect();
    let mut entries = entries_of(after);
    for entry in &mut entries {
        let own = entry.is(manager, "Update", subresource);
        entry
            .fields
            .retain(|path| !gone.contains(path) && (own || !changed.contains(path)));
    }
    if !changed.is_empty() || !gone.is_empty() {
        let time = Some(now.to_string());
        match entries
            .iter_mut()
            .find(|entry| entry.is(manager, "Update", subresource))
        {
            Some(entry) => {
                entry.fields.extend(changed);
                entry.time = time;
            }
            None => entries.push(Entry {
                manager: manager.to_owned(),
                operation: "Update".to_owned(),
                api_version: api_version.to_owned(),
                subresource: subresource.to_owned(),
                time,
                fields: changed,
            }),
        }
    }
    write_entries(after, entries);
}
