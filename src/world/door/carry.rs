//! Carries what changed in the world into an object that clients may have changed too.

use serde_json::{Map, Value};

/// Fields by which items of a list are told apart, in order of preference.
const KEYS: [&str; 4] = ["type", "name", "key", "uid"];

/// Changes `target` by the difference between two pictures of the world; the rest of it stays.
pub(crate) fn carry(before: &Value, after: &Value, target: &mut Value) {
    if before == after {
        return;
    }
    if let (Some(old), Some(new)) = (before.as_object(), after.as_object()) {
        if !target.is_object() {
            *target = Value::Object(Map::new());
        }
        if let Some(target) = target.as_object_mut() {
            carry_object(old, new, target);
        }
        return;
    }
    if let (Some(old), Some(new), Some(has)) =
        (before.as_array(), after.as_array(), target.as_array_mut())
        && let Some(key) = key_of(&[old, new, has])
    {
        carry_list(key, old, new, has);
        return;
    }
    *target = after.clone();
}

fn carry_object(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    target: &mut Map<String, Value>,
) {
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        target.remove(key);
    }
    for (key, value) in new {
        match (old.get(key), target.get_mut(key)) {
            (Some(before), Some(has)) => carry(before, value, has),
            (Some(before), None) if before == value => {}
            (None, Some(has)) => {
                let nothing = if value.is_array() {
                    Value::Array(Vec::new())
                } else {
                    Value::Object(Map::new())
                };
                carry(&nothing, value, has);
            }
            (Some(_) | None, None) => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

fn carry_list(key: &str, old: &[Value], new: &[Value], has: &mut Vec<Value>) {
    let find = |list: &[Value], item: &Value| list.iter().position(|one| one[key] == item[key]);
    for gone in old.iter().filter(|item| find(new, item).is_none()) {
        has.retain(|one| one[key] != gone[key]);
    }
    for item in new {
        let before = find(old, item).and_then(|index| old.get(index));
        let place = find(has, item);
        match (before, place.and_then(|index| has.get_mut(index))) {
            (Some(before), Some(one)) => carry(before, item, one),
            // Somebody else put it there first: theirs stays.
            (None, Some(_)) => {}
            (Some(before), None) if before == item => {}
            (Some(_) | None, None) => has.push(item.clone()),
        }
    }
}

fn key_of(lists: &[&Vec<Value>]) -> Option<&'static str> {
    KEYS.into_iter().find(|key| {
        let mut items = lists.iter().flat_map(|list| list.iter());
        items.all(|item| item.get(key).is_some_and(Value::is_string))
    })
}

/// Fills what `target` leaves open from a first picture; the status is the picture's.
pub(crate) fn adopt(picture: &Value, target: &mut Value) {
    let (Some(picture), Some(target)) = (picture.as_object(), target.as_object_mut()) else {
        return;
    };
    for (key, value) in picture {
        if key == "status" {
            target.insert(key.clone(), value.clone());
            continue;
        }
        match target.get_mut(key) {
            Some(has) => adopt(value, has),
            None => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}
