//! A patch of a part of a DaemonSet's template.

use super::{APPLY_ROLE, PLAN_ROLE, said};
use crate::actuate::claim;
use crate::kubernetes::{Object, Patch, Resource, Trouble, Writes};
use serde_json::Value;
use stairway_core::journal::Claim;

/// Patches a DaemonSet as `kubectl patch` does, if that changes anything.
pub(super) fn patch(writes: &Writes, namespace: &str, name: &str, body: &Value) -> Claim {
    let object = Object::within(Resource::DAEMON_SETS, namespace, name);
    let found = match writes.reads().get(&object) {
        Ok(Some(found)) => found,
        Ok(None) => {
            return claim(
                false,
                format!("patching {} failed: there is none", object.shown()),
            );
        }
        Err(error) => return claim(false, said(&error, PLAN_ROLE)),
    };
    match changes(&found, body) {
        Err(why) => claim(false, format!("patching {} failed: {why}", object.shown())),
        Ok(false) => claim(
            true,
            format!("{} is so already: nothing was written", object.shown()),
        ),
        Ok(true) => match writes.patch(&object, Patch::Strategic, body) {
            Ok(patched) => claim(
                true,
                format!(
                    "patched {}: generation {} became {}",
                    object.shown(),
                    generation(&found),
                    generation(&patched)
                ),
            ),
            Err(error) => claim(false, lost_or_not(writes, &object, body, &error)),
        },
    }
}

/// A write whose answer was lost is looked up, so that a person reads what is so.
fn lost_or_not(
    writes: &Writes,
    object: &Object<'_>,
    body: &Value,
    error: &crate::kubernetes::CallError,
) -> String {
    let told = said(error, APPLY_ROLE);
    if !error.in_doubt() || error.trouble == Trouble::Forbidden {
        return told;
    }
    match writes
        .reads()
        .get(object)
        .map(|found| found.map(|found| changes(&found, body)))
    {
        Ok(Some(Ok(false))) => format!("{told}; {} has the change all the same", object.shown()),
        Ok(Some(Ok(true))) => format!("{told}; {} does not have the change", object.shown()),
        Ok(Some(Err(_)) | None) | Err(_) => told,
    }
}

fn generation(object: &Value) -> String {
    let number = object.pointer("/metadata/generation");
    number.map_or_else(|| "(not told)".to_owned(), Value::to_string)
}

/// Returns true when a strategic merge patch would change an object; why it must not be sent, otherwise.
///
/// Lists are merged by `name`, as containers, volumes and variables are; one that names something new would add
/// it, and no plan means that. Other lists are compared whole.
fn changes(current: &Value, patch: &Value) -> Result<bool, String> {
    match (current, patch) {
        (_, Value::Null) => Ok(!current.is_null()),
        (current, Value::Object(words)) => {
            let mut any = false;
            for (key, wanted) in words {
                any |= changes(current.get(key).unwrap_or(&Value::Null), wanted)?;
            }
            Ok(any)
        }
        (current, Value::Array(items)) if items.iter().all(|item| item.get("name").is_some()) => {
            let mut any = false;
            for item in items {
                let name = item.get("name");
                let found = current
                    .as_array()
                    .and_then(|own| own.iter().find(|own| own.get("name") == name));
                let found = found.ok_or_else(|| {
                    let name = name.map_or_else(String::new, Value::to_string);
                    format!("it has no part named {name} that could be changed")
                })?;
                any |= changes(found, item)?;
            }
            Ok(any)
        }
        (current, wanted) => Ok(current != wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_changes_what_is_otherwise_and_adds_no_container() {
        let of = |context: Value| {
            json!({"spec": {"template": {"spec": {"containers": [
                {"name": "aws-node", "image": "i", "securityContext": context}, {"name": "agent"},
            ]}}}})
        };
        let context = json!({"allowPrivilegeEscalation": null, "runAsNonRoot": null});
        let patch = json!({"spec": {"template": {"spec": {"containers": [
            {"name": "aws-node", "securityContext": context},
        ]}}}});
        for (says, current, result) in [
            (
                "a field to remove is there",
                of(json!({"runAsNonRoot": true})),
                Ok(true),
            ),
            (
                "no field to remove is there",
                of(json!({"privileged": true})),
                Ok(false),
            ),
            ("there is no context at all", of(Value::Null), Ok(false)),
            (
                "the container has another name",
                json!({"spec": {"template": {"spec": {"containers": [{"name": "x"}]}}}}),
                Err(()),
            ),
            ("there is no template", json!({}), Err(())),
        ] {
            let found = changes(&current, &patch);
            assert_eq!(found.map_err(|_| ()), result, "{says}");
        }
        let set = json!({"spec": {"x": {"y": 1}}});
        assert_eq!(changes(&json!({"spec": {}}), &set), Ok(true));
        assert_eq!(changes(&set, &set), Ok(false));
    }
}
