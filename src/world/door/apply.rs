//! Server-side apply: what a manager says it wants, merged into what is there.

use super::errors::Refusal;
use super::owners::{self, Entry, Fields};
use super::patch;
use super::schema::schema;
use super::{Call, name_of};
use serde_json::{Value, json};
use stairway_core::model::Timestamp;

/// The manager of fields that nobody noted before the first apply (structured-merge-diff).
const BEFORE_FIRST: &str = "before-first-apply";

/// Merges the wish of a manager; nothing of `live` is changed when there are conflicts.
pub(crate) fn apply(
    call: &Call<'_>,
    live: Option<&Value>,
    mut wish: Value,
    now: Timestamp,
) -> Result<Value, Refusal> {
    let kind = call.kind;
    let manager = call.manager();
    let api_version = kind.api_version();
    check(call, &mut wish)?;
    let meta = super::meta_mut(&mut wish);
    if meta.contains_key("managedFields") {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    let wanted = owners::fields_of(kind.kind, &wish);
    let mut entries = live.map(owners::entries_of).unwrap_or_default();
    if let Some(live) = live.filter(|_| entries.is_empty()) {
        entries.push(Entry {
            manager: BEFORE_FIRST.to_owned(),
            operation: "Update".to_owned(),
            api_version: api_version.clone(),
            subresource: String::new(),
            time: None,
            fields: owners::fields_of(kind.kind, live),
        });
    }
    let mut merged = live.cloned().unwrap_or_else(|| json!({}));
    let mut plain = wish.clone();
    super::meta_mut(&mut plain).remove("uid");
    super::meta_mut(&mut plain).remove("resourceVersion");
    patch::strategic(kind.kind, &mut merged, &plain);
    let own = |entry: &Entry| entry.is(&manager, "Apply", "");
    let nothing = Value::Null;
    let before = live.unwrap_or(&nothing);
    let changed: Fields = wanted
        .iter()
        .filter(|path| owners::value_at(before, path) != owners::value_at(&merged, path))
        .filter(|path| {
            // An item that was there is no conflict by itself, only what differs inside.
            let item = path.last().is_some_and(|last| last.starts_with("k:"));
            !(item && owners::value_at(before, path).is_some())
        })
        .cloned()
        .collect();
    settle_conflicts(&mut entries, &changed, own, call.request.flag("force"))?;
    let dropped: Vec<Vec<String>> = entries
        .iter()
        .filter(|entry| own(entry))
        .flat_map(|entry| entry.fields.difference(&wanted))
        .filter(|path| !entries.iter().any(|e| !own(e) && e.fields.contains(*path)))
        .cloned()
        .collect();
    for path in dropped.iter().rev() {
        owners::remove_at(&mut merged, path);
    }
    drop_empty_meta(&mut merged);
    let same = live.is_some_and(|live| without_owners(live) == without_owners(&merged));
    let old = entries.iter().find(|entry| own(entry)).cloned();
    entries.retain(|entry| !own(entry));
    let time = match &old {
        // A time tells when the object changed, and who joins without a change has none.
        Some(old) if same => old.time.clone(),
        None if same => None,
        Some(_) | None => Some(now.to_string()),
    };
    entries.push(Entry {
        manager,
        operation: "Apply".to_owned(),
        api_version,
        subresource: String::new(),
        time,
        fields: wanted,
    });
    owners::write_entries(&mut merged, entries);
    Ok(merged)
}

/// An apply knows the schema strictly, whatever `fieldValidation` says.
fn check(call: &Call<'_>, wish: &mut Value) -> Result<(), Refusal> {
    let faults = schema().prune(call.kind.kind, wish);
    let namespace = &call.target.namespace;
    let subject = if namespace.is_empty() {
        call.target.name().to_owned()
    } else {
        format!("{namespace}/{}", call.target.name())
    };
    let typed = format!(
        "failed to create typed patch object ({subject}; {}/v1, Kind={})",
        call.kind.group, call.kind.kind
    );
    if let Some(path) = faults.unknown.first() {
        let message = format!("{typed}: .{path}: field not declared in schema");
        return Err(Refusal::new(500, "", message));
    }
    if let Some((path, found)) = faults.misshapen.first() {
        let message = format!("{typed}: .{path}: unexpected {found}");
        return Err(Refusal::new(500, "", message));
    }
    let name = name_of(wish);
    if !name.is_empty() && name != call.target.name() {
        let message = format!(
            "metadata.name: the name of the object ({name}) does not match the name on the URL ({})",
            call.target.name()
        );
        return Err(Refusal::bad_request(message));
    }
    Ok(())
}

fn settle_conflicts(
    entries: &mut [Entry],
    changed: &Fields,
    own: impl Fn(&Entry) -> bool,
    force: bool,
) -> Result<(), Refusal> {
    let mut conflicts: Vec<(String, String)> = Vec::new();
    for entry in entries.iter().filter(|entry| !own(entry)) {
        for path in entry.fields.intersection(changed) {
            conflicts.push((entry.words(), owners::say(path)));
        }
    }
    if conflicts.is_empty() {
        return Ok(());
    }
    if !force {
        return Err(Refusal::managers(&conflicts));
    }
    for entry in entries.iter_mut().filter(|entry| !own(entry)) {
        entry.fields.retain(|path| !changed.contains(path));
    }
    Ok(())
}

fn drop_empty_meta(object: &mut Value) {
    let meta = super::meta_mut(object);
    for key in ["labels", "annotations"] {
        if meta.get(key).is_some_and(|map| *map == json!({})) {
            meta.remove(key);
        }
    }
}

fn without_owners(object: &Value) -> Value {
    let mut plain = object.clone();
    super::meta_mut(&mut plain).remove("managedFields");
    plain
}
