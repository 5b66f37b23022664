//! Patches: JSON merge (RFC 7386), JSON (RFC 6902) and strategic merge.

use super::errors::Refusal;
use super::schema::{Shape, schema};
use serde_json::{Map, Value};

/// Nesting beyond any object; what is deeper is refused before it is walked (serde_json itself stops at 128).
const OPERATIONS_MAX: usize = 10_000;

/// Merges as RFC 7386 says: null removes.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Some(changes) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else {
        return;
    };
    for (key, value) in changes {
        if value.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Applies a JSON patch as a whole, or nothing of it.
pub(crate) fn json(target: &Value, patch: &Value) -> Result<Value, Refusal> {
    let operations = patch.as_array().ok_or_else(|| {
        Refusal::bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    })?;
    if operations.len() > OPERATIONS_MAX {
        let why = format!(
            "The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {}",
            operations.len()
        );
        return Err(Refusal::too_large(OPERATIONS_MAX))
            .map_err(|_| Refusal::new(413, "RequestEntityTooLarge", why));
    }
    let mut changed = target.clone();
    for operation in operations {
        operate(&mut changed, operation).ok_or_else(Refusal::bad_patch)?;
    }
    Ok(changed)
}

fn operate(target: &mut Value, operation: &Value) -> Option<()> {
    let path = operation["path"].as_str()?;
    let from = operation["from"].as_str();
    let value = operation.get("value");
    match operation["op"].as_str()? {
        "add" => add(target, path, value?.clone()),
        "remove" => remove(target, path).map(|_| ()),
        "replace" => {
            target.pointer(path)?;
            *target.pointer_mut(path)? = value?.clone();
            Some(())
        }
        "move" => {
            let moved = remove(target, from?)?;
            add(target, path, moved)
        }
        "copy" => {
            let copied = target.pointer(from?)?.clone();
            add(target, path, copied)
        }
        "test" => {
            let has = target.pointer(path).cloned().unwrap_or(Value::Null);
            (has == *value?).then_some(())
        }
        _ => None,
    }
}

fn split(path: &str) -> Option<(&str, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn add(target: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *target = value;
        return Some(());
    }
    let (parent, key) = split(path)?;
    let place = target.pointer_mut(parent)?;
    if let Some(map) = place.as_object_mut() {
        map.insert(key, value);
        return Some(());
    }
    let list = place.as_array_mut()?;
    let index = if key == "-" {
        list.len()
    } else {
        key.parse().ok()?
    };
    if index > list.len() {
        return None;
    }
    list.insert(index, value);
    Some(())
}

fn remove(target: &mut Value, path: &str) -> Option<Value> {
    let (parent, key) = split(path)?;
    let place = target.pointer_mut(parent)?;
    if let Some(map) = place.as_object_mut() {
        return map.remove(&key);
    }
    let list = place.as_array_mut()?;
    let index: usize = key.parse().ok()?;
    (index < list.len()).then(|| list.remove(index))
}

/// Merges as kubectl's own patches ask: lists with a key merge by it, others are replaced.
pub(crate) fn strategic(kind: &str, target: &mut Value, patch: &Value) {
    let shape = Shape::Of(kind.to_owned());
    merge_shape(&shape, target, patch, true);
}

fn merge_shape(shape: &Shape, target: &mut Value, patch: &Value, top: bool) {
    match shape {
        Shape::Keyed(keys, item) => {
            if let (Some(key), Some(patch)) = (keys.first(), patch.as_array()) {
                merge_list(key, item, target, patch);
                return;
            }
        }
        Shape::Set => {
            if let Some(patch) = patch.as_array() {
                merge_set(target, patch);
                return;
            }
        }
        Shape::Of(_) | Shape::Map | Shape::Any => {
            if let Some(patch) = patch.as_object() {
                merge_map(shape, target, patch, top);
                return;
            }
        }
        Shape::Scalar | Shape::List(_) => {}
    }
    *target = without_directives(patch);
}

fn merge_map(shape: &Shape, target: &mut Value, patch: &Map<String, Value>, top: bool) {
    if patch.get("$patch").is_some_and(|how| how == "replace") || !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Some(map) = target.as_object_mut() else {
        return;
    };
    if let Some(keep) = patch.get("$retainKeys").and_then(Value::as_array) {
        map.retain(|key, _| keep.iter().any(|one| one == key));
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().cloned().unwrap_or_default();
            if let Some(items) = map.get_mut(list).and_then(Value::as_array_mut) {
                items.retain(|item| !gone.contains(item));
            }
        } else if key.starts_with('$') {
            // Other directives concern the order of items, which nothing here depends on.
        } else if value.is_null() || value.get("$patch").is_some_and(|how| how == "delete") {
            map.remove(key);
        } else {
            let inner = schema().field(shape, key, top).unwrap_or(Shape::Any);
            let place = map.entry(key.clone()).or_insert(Value::Null);
            merge_shape(&inner, place, value, false);
        }
    }
}

/// Items that are there keep their place, new ones come first.
fn merge_list(key: &str, item: &Shape, target: &mut Value, patch: &[Value]) {
    let mut has = target.as_array().cloned().unwrap_or_default();
    if patch.iter().any(|one| one["$patch"] == "replace") {
        has.clear();
    }
    let mut fresh = Vec::new();
    for change in patch {
        let place = has
            .iter()
            .position(|one| !one[key].is_null() && one[key] == change[key]);
        match change["$patch"].as_str() {
            Some("delete") => {
                if let Some(index) = place {
                    has.remove(index);
                }
            }
            Some("replace") => {}
            Some(_) | None => match place.and_then(|index| has.get_mut(index)) {
                Some(one) => merge_shape(item, one, change, false),
                None => fresh.push(without_directives(change)),
            },
        }
    }
    fresh.extend(has);
    *target = Value::Array(fresh);
}

fn merge_set(target: &mut Value, patch: &[Value]) {
    let mut has = target.as_array().cloned().unwrap_or_default();
    for value in patch {
        if !has.contains(value) {
            has.push(value.clone());
        }
    }
    *target = Value::Array(has);
}

/// Drops nulls and directives of what is new.
fn without_directives(value: &Value) -> Value {
    if let Some(map) = value.as_object() {
        let kept = map
            .iter()
            .filter(|(key, value)| !key.starts_with('$') && !value.is_null())
            .map(|(key, value)| (key.clone(), without_directives(value)));
        return Value::Object(kept.collect());
    }
    match value.as_array() {
        Some(list) => Value::Array(list.iter().map(without_directives).collect()),
        None => value.clone(),
    }
}
