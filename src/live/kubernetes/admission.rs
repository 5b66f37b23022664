//! Admission webhooks: what they are asked about, who answers, and whether kube-system is left out.

use super::object::{
    Fetched, Index, NAME_MAX, Wrong, at, count, each, index, labels, line, list, map, needed,
    place, plain, shown, text, texts,
};
use serde_json::Value;
use stairway_core::model::{Known, Webhook};
use std::collections::BTreeMap;

/// The label that every namespace has, with its name (Kubernetes, well-known labels).
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
const KUBE_SYSTEM: &str = "kube-system";
/// Operations by which objects come to be or change.
const CHANGES: [&str; 3] = ["*", "CREATE", "UPDATE"];
/// Policies of everything name a few hundred resources; what multiplies to more is meant to fill the memory.
const RESOURCES_MAX: usize = 10_000;

/// What webhooks refer to.
pub(super) struct Around {
    /// By which labels each Service finds its pods.
    services: Index<BTreeMap<String, String>>,
    /// The labels of kube-system.
    kube_system: Result<BTreeMap<String, String>, String>,
}

impl Around {
    pub(super) fn of(services: &Fetched, kube_system: &Result<Option<Value>, String>) -> Self {
        let labels_of = |found: &Option<Value>| match found {
            Some(namespace) => labels(namespace, "/metadata/labels"),
            None => Err("there is no namespace kube-system".to_owned()),
        };
        Self {
            services: index(services, "services", |service| {
                labels(service, "/spec/selector")
            }),
            kube_system: kube_system
                .as_ref()
                .map_err(Clone::clone)
                .and_then(labels_of),
        }
    }

    fn selector_of(&self, namespace: &str, service: &str) -> Known<BTreeMap<String, String>> {
        let at = (namespace.to_owned(), service.to_owned());
        match self.services.as_ref().map(|all| all.get(&at)) {
            Ok(None) => Known::Absent,
            Ok(Some(Ok(labels))) => Known::Value(labels.clone()),
            Ok(Some(Err(wrong))) => Known::Unknown(line(&format!(
                "its service `{}/{}` cannot be understood: {wrong}",
                shown(namespace),
                shown(service)
            ))),
            Err(why) => Known::Unknown(why.clone()),
        }
    }
}

/// Reads the webhooks of both kinds of configurations.
pub(super) fn webhooks(
    mutating: &Fetched,
    validating: &Fetched,
    around: &Around,
) -> Known<Vec<Webhook>> {
    let mut all = Vec::new();
    for (fetched, kind, plural) in [
        (mutating, "Mutating", "mutatingwebhookconfigurations"),
        (validating, "Validating", "validatingwebhookconfigurations"),
    ] {
        let found = each(fetched, plural, |object| {
            let (_, configuration) = place(object)?;
            let read = |one: &Value| webhook(one, kind, &configuration, around);
            let webhooks: Result<Vec<Webhook>, Wrong> =
                list(object, "/webhooks")?.iter().map(read).collect();
            webhooks.map(Some)
        });
        match found {
            Known::Value(found) => all.extend(found.into_iter().flatten()),
            Known::Absent => {}
            Known::Unknown(why) => return Known::Unknown(why),
        }
    }
    Known::Value(all)
}

fn webhook(
    one: &Value,
    kind: &str,
    configuration: &str,
    around: &Around,
) -> Result<Webhook, Wrong> {
    let name = needed(one, "/name")?.to_owned();
    let namespace = text(one, "/clientConfig/service/namespace")?.map(str::to_owned);
    let service = text(one, "/clientConfig/service/name")?.map(str::to_owned);
    let selector = match (&namespace, &service) {
        (Some(namespace), Some(service)) => around.selector_of(namespace, service),
        _ => Known::default(),
    };
    let choice = Choice::of(one)?;
    let narrowed = choice != Choice::All && !matches!(choice, Choice::Names(_))
        || is_chosen(at(one, "/objectSelector"))
        || !list(one, "/matchConditions")?.is_empty();
    let seconds = count(one, "/timeoutSeconds")?.and_then(|seconds| u32::try_from(seconds).ok());
    Ok(Webhook {
        kind: kind.to_owned(),
        configuration: configuration.to_owned(),
        name,
        // `Fail` is the default of admissionregistration.k8s.io/v1.
        fails_closed: text(one, "/failurePolicy")? != Some("Ignore"),
        namespace,
        service,
        selector,
        resources: resources(one)?,
        narrowed,
        excludes_kube_system: excludes(one, &choice, around),
        timeout_seconds: seconds.map_or_else(Known::default, Known::Value),
    })
}

/// True for a selector that chooses.
fn is_chosen(selector: Option<&Value>) -> bool {
    let empty = |part: &Value| match part {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    match selector {
        None => false,
        Some(Value::Object(parts)) => !parts.values().all(empty),
        Some(_) => true,
    }
}

/// What a `namespaceSelector` does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    /// It chooses nothing: all namespaces.
    All,
    /// It leaves out namespaces by name, these.
    Names(Vec<String>),
    /// It chooses by labels, also by names that must be.
    Labels,
}

impl Choice {
    fn of(webhook: &Value) -> Result<Self, Wrong> {
        let Some(selector) = at(webhook, "/namespaceSelector") else {
            return Ok(Self::All);
        };
        map(webhook, "/namespaceSelector")?;
        if !labels(selector, "/matchLabels")?.is_empty() {
            return Ok(Self::Labels);
        }
        let expressions = list(selector, "/matchExpressions")?;
        let mut names = Vec::new();
        for expression in expressions {
            let (key, operator) = (
                needed(expression, "/key")?,
                needed(expression, "/operator")?,
            );
            if key != NAMESPACE_NAME || operator != "NotIn" {
                return Ok(Self::Labels);
            }
            names.extend(texts(expression, "/values")?);
        }
        Ok(if expressions.is_empty() {
            Self::All
        } else {
            Self::Names(names)
        })
    }
}

fn excludes(webhook: &Value, choice: &Choice, around: &Around) -> Known<bool> {
    let labels = match choice {
        Choice::All => return Known::Value(false),
        Choice::Names(names) => {
            return Known::Value(names.iter().any(|name| name == KUBE_SYSTEM));
        }
        Choice::Labels => match &around.kube_system {
            Ok(labels) => labels,
            Err(why) => return Known::Unknown(line(why)),
        },
    };
    let Some(selector) = at(webhook, "/namespaceSelector") else {
        return Known::Value(false);
    };
    match selects(selector, labels) {
        Ok(selected) => Known::Value(!selected),
        Err(wrong) => Known::Unknown(line(&wrong)),
    }
}

/// Whether a label selector chooses an object with these labels (Kubernetes, set-based requirements).
fn selects(selector: &Value, found: &BTreeMap<String, String>) -> Result<bool, Wrong> {
    for (key, value) in labels(selector, "/matchLabels")? {
        if found.get(&key) != Some(&value) {
            return Ok(false);
        }
    }
    for expression in list(selector, "/matchExpressions")? {
        let value = found.get(needed(expression, "/key")?);
        let values = texts(expression, "/values")?;
        let named = value.is_some_and(|value| values.contains(value));
        let holds = match needed(expression, "/operator")? {
            "In" => named,
            "NotIn" => !named,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            other => {
                return Err(format!(
                    "its namespaceSelector has the operator `{}`",
                    shown(other)
                ));
            }
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What it is asked about when it is created or changed.
fn resources(webhook: &Value) -> Result<Vec<String>, Wrong> {
    let mut found = Vec::new();
    for rule in list(webhook, "/rules")? {
        let operations = texts(rule, "/operations")?;
        if !operations.iter().any(|one| CHANGES.contains(&one.as_str())) {
            continue;
        }
        let (groups, resources) = (texts(rule, "/apiGroups")?, texts(rule, "/resources")?);
        if groups.len().saturating_mul(resources.len()) > RESOURCES_MAX - found.len() {
            return Err(format!(
                "its rules name more than {RESOURCES_MAX} resources"
            ));
        }
        for group in &groups {
            for resource in &resources {
                plain(resource, "a resource of its rules", NAME_MAX)?;
                found.push(Webhook::resource(group, resource));
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
