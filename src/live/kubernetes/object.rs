//! What stands in an object of the API, checked: a server that answers nonsense makes facts unknown, never wrong.

use serde_json::{Map, Value};
use stairway_core::model::Known;
use std::collections::{BTreeMap, BTreeSet};

/// Why something of an object cannot be understood, as a clause: `` `spec.nodeName` is no text``.
pub(super) type Wrong = String;

/// A list as it was read, or why it was not, in one line.
pub(super) type Fetched = Result<Vec<Value>, String>;

/// The longest name of an object (Kubernetes, Object Names and IDs: DNS subdomain names).
pub(super) const NAME_MAX: usize = 253;
/// The longest key of a label or a taint: a prefix of 253, a slash, a name of 63 (Kubernetes, Labels and Selectors).
pub(super) const KEY_MAX: usize = 317;
/// The longest value of a label (the same).
pub(super) const LABEL_MAX: usize = 63;
/// More of a name says nothing to people.
const SHOWN_CHARS: usize = 80;
/// More of a reason says nothing to people, and plans repeat it.
const LINE_CHARS: usize = 400;

/// Returns a text as messages show it: on one line, without what steers terminals, bounded.
pub(super) fn shown(text: &str) -> String {
    bounded(text, SHOWN_CHARS)
}

/// Returns a reason as it stands in an observation: on one line, bounded.
pub(super) fn line(text: &str) -> String {
    bounded(text, LINE_CHARS)
}

fn bounded(text: &str, most: usize) -> String {
    let mut out: String = text
        .chars()
        .take(most)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

/// `/spec/nodeName` as people write it.
fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

/// Returns what stands there; none for what is missing and for `null`, which Go writes for nothing.
pub(super) fn at<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    value.pointer(pointer).filter(|found| !found.is_null())
}

/// Refuses a text that no API server would have stored.
pub(super) fn plain<'v>(text: &'v str, what: &str, most: usize) -> Result<&'v str, Wrong> {
    if text.len() > most {
        return Err(format!(
            "{what} has {} bytes, and Kubernetes takes {most}",
            text.len()
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} has control characters"));
    }
    Ok(text)
}

/// Reads a text; none when it is missing or empty.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> Result<Option<&'v str>, Wrong> {
    let what = || format!("`{}`", dotted(pointer));
    match at(value, pointer) {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => plain(text, &what(), NAME_MAX).map(Some),
        Some(_) => Err(format!("{} is no text", what())),
    }
}

/// Reads a text that must be there.
pub(super) fn needed<'v>(value: &'v Value, pointer: &str) -> Result<&'v str, Wrong> {
    text(value, pointer)?.ok_or_else(|| format!("`{}` is missing", dotted(pointer)))
}

/// Reads a list; empty when it is missing.
pub(super) fn list<'v>(value: &'v Value, pointer: &str) -> Result<&'v [Value], Wrong> {
    match at(value, pointer) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("`{}` is no list", dotted(pointer))),
    }
}

/// Reads a text that must be there and may be longer than names are.
pub(super) fn long<'v>(value: &'v Value, pointer: &str, most: usize) -> Result<&'v str, Wrong> {
    match at(value, pointer) {
        Some(Value::String(text)) if !text.is_empty() => {
            plain(text, &format!("`{}`", dotted(pointer)), most)
        }
        None | Some(Value::String(_)) => Err(format!("`{}` is missing", dotted(pointer))),
        Some(_) => Err(format!("`{}` is no text", dotted(pointer))),
    }
}

/// Reads a list of texts; empty when it is missing.
pub(super) fn texts(value: &Value, pointer: &str) -> Result<Vec<String>, Wrong> {
    let what = || format!("an item of `{}`", dotted(pointer));
    let read = |item: &Value| match item {
        Value::String(text) => plain(text, &what(), NAME_MAX).map(str::to_owned),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("{} is no text", what()))
        }
    };
    list(value, pointer)?.iter().map(read).collect()
}

/// Reads a mapping; none when it is missing.
pub(super) fn map<'v>(
    value: &'v Value,
    pointer: &str,
) -> Result<Option<&'v Map<String, Value>>, Wrong> {
    match at(value, pointer) {
        None => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(format!("`{}` is no mapping", dotted(pointer))),
    }
}

/// Reads a truth value; false when it is missing.
pub(super) fn flag(value: &Value, pointer: &str) -> Result<bool, Wrong> {
    match at(value, pointer) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("`{}` is neither true nor false", dotted(pointer))),
    }
}

/// Reads a count; none when it is missing.
pub(super) fn count(value: &Value, pointer: &str) -> Result<Option<u64>, Wrong> {
    match at(value, pointer) {
        None => Ok(None),
        Some(found) => match found.as_u64() {
            Some(count) => Ok(Some(count)),
            None => Err(format!("`{}` is no count", dotted(pointer))),
        },
    }
}

/// Reads labels; empty when they are missing.
pub(super) fn labels(value: &Value, pointer: &str) -> Result<BTreeMap<String, String>, Wrong> {
    let mut labels = BTreeMap::new();
    for (key, value) in map(value, pointer)?.into_iter().flatten() {
        let what = || format!("`{}.{}`", dotted(pointer), shown(key));
        plain(key, &format!("a key of `{}`", dotted(pointer)), KEY_MAX)?;
        let Value::String(text) = value else {
            return Err(format!("{} is no text", what()));
        };
        plain(text, &what(), LABEL_MAX)?;
        labels.insert(key.clone(), text.clone());
    }
    Ok(labels)
}

/// Where an object is.
pub(super) type Place = (String, String);

/// Reads namespace and name; the namespace is empty for cluster-scoped objects.
pub(super) fn place(object: &Value) -> Result<Place, Wrong> {
    let name = needed(object, "/metadata/name")?.to_owned();
    let namespace = text(object, "/metadata/namespace")?.unwrap_or_default();
    Ok((namespace.to_owned(), name))
}

/// As [`place`], for an object that must be in a namespace.
pub(super) fn place_within(object: &Value) -> Result<Place, Wrong> {
    needed(object, "/metadata/namespace")?;
    place(object)
}

/// Returns the `Kind` and name of whoever controls an object; none for one that nobody controls.
pub(super) fn controller(object: &Value) -> Result<Option<(&str, &str)>, Wrong> {
    for owner in list(object, "/metadata/ownerReferences")? {
        if flag(owner, "/controller")? {
            return Ok(Some((needed(owner, "/kind")?, needed(owner, "/name")?)));
        }
    }
    Ok(None)
}

/// Reads every object of a list.
///
/// One that cannot be understood makes the list unknown, and so does one that is listed twice: without it the
/// picture would look whole.
pub(super) fn each<T>(
    fetched: &Fetched,
    plural: &str,
    read: impl Fn(&Value) -> Result<Option<T>, Wrong>,
) -> Known<Vec<T>> {
    let objects = match fetched {
        Ok(objects) => objects,
        Err(why) => return Known::Unknown(why.clone()),
    };
    let mut seen = BTreeSet::new();
    let mut items = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        let found = place(object).and_then(|place| {
            if seen.insert(place) {
                read(object)
            } else {
                Err("it is listed twice".to_owned())
            }
        });
        match found {
            Ok(item) => items.extend(item),
            Err(wrong) => {
                return Known::Unknown(line(&format!(
                    "{} of the listed {plural} cannot be understood: {wrong}",
                    whom(object, index)
                )));
            }
        }
    }
    Known::Value(items)
}

/// Names an object in a message, also one that has no name.
fn whom(object: &Value, index: usize) -> String {
    let part = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    match (part("/metadata/namespace"), part("/metadata/name")) {
        (_, None | Some("")) => format!("number {}", index + 1),
        (None | Some(""), Some(name)) => format!("`{}`", shown(name)),
        (Some(namespace), Some(name)) => format!("`{}/{}`", shown(namespace), shown(name)),
    }
}

/// Objects by their place, for what is looked up in them; each of them may be one that cannot be understood.
pub(super) type Index<T> = Result<BTreeMap<Place, Result<T, Wrong>>, String>;

/// Makes an index. An object without identity makes all of it unknown.
pub(super) fn index<T>(
    fetched: &Fetched,
    plural: &str,
    read: impl Fn(&Value) -> Result<T, Wrong>,
) -> Index<T> {
    let objects = fetched.as_ref().map_err(Clone::clone)?;
    let mut found = BTreeMap::new();
    for (number, object) in objects.iter().enumerate() {
        let place = place(object).map_err(|wrong| {
            line(&format!(
                "{} of the listed {plural} cannot be understood: {wrong}",
                whom(object, number)
            ))
        })?;
        found.insert(place, read(object));
    }
    Ok(found)
}

/// Turns what could not be understood of one fact into not knowing it.
pub(super) fn known<T>(read: Result<T, Wrong>) -> Known<T> {
    match read {
        Ok(value) => Known::Value(value),
        Err(wrong) => Known::Unknown(line(&wrong)),
    }
}

/// As [`known`], for a fact that may be absent.
pub(super) fn known_or_absent<T>(read: Result<Option<T>, Wrong>) -> Known<T> {
    match read {
        Ok(Some(value)) => Known::Value(value),
        Ok(None) => Known::Absent,
        Err(wrong) => Known::Unknown(line(&wrong)),
    }
}
