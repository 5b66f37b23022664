//! Which budgets count a pod: for people, at the end of a drain that failed.

use super::pods::Left;
use crate::actuate::kubernetes::nodes::text;
use crate::kubernetes::{Reads, Resource, Selector};
use serde_json::Value;
use std::collections::BTreeMap;

/// Names the budgets of pods that budgets hold. Where budgets cannot be read, the server's words stand alone.
pub(super) fn name(reads: &Reads, pods: &mut [Left]) {
    let mut by_namespace: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for pod in pods.iter_mut().filter(|pod| pod.by_budget) {
        let budgets = by_namespace
            .entry(pod.namespace.clone())
            .or_insert_with_key(|namespace| {
                reads
                    .list(Resource::BUDGETS, Some(namespace), &Selector::all())
                    .map(|listed| listed.items)
                    .unwrap_or_default()
            });
        let counting = budgets.iter().filter(|budget| {
            selects(
                budget.pointer("/spec/selector").unwrap_or(&Value::Null),
                &pod.labels,
            )
        });
        pod.budgets = counting
            .map(|budget| format!("{}/{}", pod.namespace, text(budget, "/metadata/name")))
            .collect();
    }
}

/// Returns true when a label selector chooses these labels: an empty one chooses all, none chooses nothing
/// (`policy/v1`).
pub(super) fn selects(selector: &Value, labels: &BTreeMap<String, String>) -> bool {
    let Value::Object(selector) = selector else {
        return false;
    };
    let pairs = selector.get("matchLabels").and_then(Value::as_object);
    let pairs_fit = pairs
        .into_iter()
        .flatten()
        .all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    pairs_fit
        && expressions
            .into_iter()
            .flatten()
            .all(|expression| fits(expression, labels))
}

fn fits(expression: &Value, labels: &BTreeMap<String, String>) -> bool {
    let own = labels.get(text(expression, "/key"));
    let values = expression.get("values").and_then(Value::as_array);
    let listed = own.is_some_and(|own| {
        values
            .into_iter()
            .flatten()
            .any(|value| value.as_str() == Some(own))
    });
    match text(expression, "/operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => own.is_some(),
        "DoesNotExist" => own.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_selector_chooses_as_the_api_server_does() {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let by = |operator: &str, key: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        for (says, selector, chosen) in [
            ("no selector chooses nothing", Value::Null, false),
            ("an empty one chooses all", json!({}), true),
            (
                "its labels are there",
                json!({"matchLabels": {"app": "web"}}),
                true,
            ),
            (
                "a label has another value",
                json!({"matchLabels": {"app": "db"}}),
                false,
            ),
            (
                "a label is missing",
                json!({"matchLabels": {"tier": "web"}}),
                false,
            ),
            (
                "the value is in the list",
                by("In", "app", &["db", "web"]),
                true,
            ),
            (
                "the value is not in the list",
                by("In", "app", &["db"]),
                false,
            ),
            (
                "a missing label is in no list",
                by("In", "tier", &["db"]),
                false,
            ),
            (
                "the value is not excluded",
                by("NotIn", "app", &["db"]),
                true,
            ),
            ("the value is excluded", by("NotIn", "app", &["web"]), false),
            (
                "a missing label is not excluded",
                by("NotIn", "tier", &["web"]),
                true,
            ),
            ("the label exists", by("Exists", "app", &[]), true),
            ("the label does not exist", by("Exists", "tier", &[]), false),
            (
                "the label must not exist",
                by("DoesNotExist", "app", &[]),
                false,
            ),
            (
                "nobody knows the operator",
                by("Like", "app", &["web"]),
                false,
            ),
        ] {
            assert_eq!(selects(&selector, &labels), chosen, "{says}");
        }
    }
}
