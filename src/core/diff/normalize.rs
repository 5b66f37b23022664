//! Brings a nodegroup's settings into one form, so that equal settings compare equal.

use super::generation::OWN_PREFIX;
use crate::catalog::{Catalog, Scope};
use crate::codec::embedded;
use crate::model::clusterconfig::{count_of, read_taints};
use crate::model::{Digest, Known, Observation, canonical_bytes};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The key of a value of which only the digest is kept.
pub const DIGEST_KEY: &str = "$digest";

/// A nodegroup's or add-on's settings as dotted path → value.
pub type Settled = BTreeMap<String, Value>;

/// Returns `spec` with sensitive values replaced by digests.
///
/// A string that holds YAML or JSON is digested as the value it holds, so that
/// quoting and key order do not show as differences.
///
/// What is redacted already stays as it is.
pub fn redact(spec: &Map<String, Value>, catalog: &Catalog) -> Map<String, Value> {
    redact_seen(spec, catalog, &mut Seen::new())
}

/// Digests of documents by their text: the groups of a cluster mostly boot by the same one, and
/// parsing it costs more than all else that is done to a group.
pub(super) type Seen = BTreeMap<String, Value>;

/// As [`redact`], for several groups.
pub(super) fn redact_seen(
    spec: &Map<String, Value>,
    catalog: &Catalog,
    seen: &mut Seen,
) -> Map<String, Value> {
    redact_at(spec, "", catalog, seen)
}

fn redact_at(
    spec: &Map<String, Value>,
    at: &str,
    catalog: &Catalog,
    seen: &mut Seen,
) -> Map<String, Value> {
    spec.iter()
        .map(|(key, value)| {
            let path = join(at, key);
            let value = if catalog.field_is_sensitive(&path) && !is_empty(value) {
                digest_seen(&path, value, catalog, seen)
            } else if let Value::Object(map) = value {
                Value::Object(redact_at(map, &path, catalog, seen))
            } else {
                value.clone()
            };
            (key.clone(), value)
        })
        .collect()
}

fn digest_seen(path: &str, value: &Value, catalog: &Catalog, seen: &mut Seen) -> Value {
    let Value::String(text) = value else {
        return digest_of(path, value, catalog);
    };
    if !catalog.field_holds_document(path) {
        return digest_of(path, value, catalog);
    }
    if let Some(digest) = seen.get(text) {
        return digest.clone();
    }
    let digest = digest_of(path, value, catalog);
    seen.insert(text.clone(), digest.clone());
    digest
}

fn digest_of(path: &str, value: &Value, catalog: &Catalog) -> Value {
    if value.get(DIGEST_KEY).is_some() {
        return value.clone();
    }
    let parsed = value
        .as_str()
        .filter(|_| catalog.field_holds_document(path))
        .and_then(embedded::documents);
    let (digest, form) = match (parsed, value) {
        (Some(documents), _) => (Digest::of_canonical(&documents), "document"),
        (None, Value::String(text)) => (Digest::of(text.trim_end().as_bytes()), "text"),
        (None, other) => (Digest::of(&canonical_bytes(other)), "value"),
    };
    json!({DIGEST_KEY: digest.to_string(), "form": form})
}

/// Returns true for values that eksctl treats as unset: null, `[]`, `{}`.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Brings a nodegroup into one form: defaults filled in, sets sorted, noise dropped.
///
/// `complete` says that a missing key is unset; only then are defaults filled in.
pub fn nodegroup(
    spec: &Map<String, Value>,
    managed: bool,
    complete: bool,
    catalog: &Catalog,
) -> Settled {
    let mut spec = redact(spec, catalog);
    spec.remove("name");
    if managed {
        one_instance_type(&mut spec);
    }
    let taints = read_taints(spec.get("taints"), "taints").unwrap_or_default();
    let taints: Vec<Value> = taints
        .into_iter()
        .filter(|taint| !taint.key.starts_with(OWN_PREFIX))
        .map(|taint| Value::String(format!("{}={}:{}", taint.key, taint.value, taint.effect)))
        .collect();
    if spec.contains_key("taints") {
        spec.insert("taints".to_owned(), Value::Array(taints));
    }
    if let Some(Value::String(family)) = spec.get("amiFamily")
        && let Some(known) = catalog.ami_family(family)
    {
        let name = known.name.clone();
        spec.insert("amiFamily".to_owned(), Value::String(name));
    }
    if complete {
        spec.retain(|_, value| !is_empty(value));
        catalog.fill_defaults(Scope::nodegroup(managed), &mut spec);
    }
    let mut settled = Settled::new();
    flatten(Value::Object(spec), "", catalog, &mut settled);
    if complete {
        scaling_defaults(&mut settled);
        settled.retain(|_, value| !is_empty(value));
    }
    settled.retain(|path, _| !is_noise(path));
    settled
}

/// A managed group's `instanceType: x` and `instanceTypes: [x]` make the same launch.
fn one_instance_type(spec: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = spec.get("instanceTypes")
        && let [only] = types.as_slice()
    {
        let only = only.clone();
        spec.remove("instanceTypes");
        spec.insert("instanceType".to_owned(), only);
    }
}

/// `desiredCapacity` belongs to the autoscaler; our own marks are no settings.
fn is_noise(path: &str) -> bool {
    let tag = path.strip_prefix("tags.");
    let label = path.strip_prefix("labels.");
    let own_label = label.and_then(|label| label.strip_prefix(OWN_PREFIX));
    path == "desiredCapacity"
        || path == "propagateASGTags"
        || tag.is_some_and(|tag| tag.starts_with(OWN_PREFIX))
        || own_label.is_some_and(|label| label.starts_with("declared"))
        || label.is_some_and(|label| label.starts_with("alpha.eksctl.io/"))
        || tag.is_some_and(|tag| tag.starts_with("alpha.eksctl.io/"))
}

/// eksctl's computed defaults: min = desired, else 2; max = desired or min, at least 1.
///
/// Source: eksctl `pkg/apis/eksctl.io/v1alpha5/defaults.go`, `pkg/cfn/builder/nodegroup.go`.
pub fn scaling(read: impl Fn(&str) -> Option<u32>) -> (u32, u32) {
    const MIN_SIZE: u32 = 2;
    let desired = read("desiredCapacity");
    let min = read("minSize").or(desired).unwrap_or(MIN_SIZE);
    let max = read("maxSize").or(desired).unwrap_or(min).max(1);
    (min, max)
}

fn scaling_defaults(settled: &mut Settled) {
    let (min, max) = scaling(|key| settled.get(key).and_then(count_of));
    settled.insert("minSize".to_owned(), json!(min));
    settled.insert("maxSize".to_owned(), json!(max));
}

/// Flattens objects to dotted paths; lists stay whole, sorted when they are sets.
fn flatten(value: Value, at: &str, catalog: &Catalog, settled: &mut Settled) {
    match value {
        Value::Object(map) if map.contains_key(DIGEST_KEY) => {
            settled.insert(at.to_owned(), Value::Object(map));
        }
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flatten(value, &join(at, &key), catalog, settled);
            }
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(plain_number).collect();
            if at == "taints" || catalog.field_is_set(at) {
                items.sort_by_cached_key(canonical_bytes);
                items.dedup();
            }
            settled.insert(at.to_owned(), Value::Array(items));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            if !at.is_empty() {
                settled.insert(at.to_owned(), plain_number(value));
            }
        }
    }
}

/// Jsonnet writes counts as doubles; 80.0 and 80 are one size.
fn plain_number(value: Value) -> Value {
    match value {
        Value::Number(_) => match count_of(&value) {
            Some(count) => json!(count),
            None => value,
        },
        Value::Array(items) => Value::Array(items.into_iter().map(plain_number).collect()),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(k, v)| (k, plain_number(v))).collect())
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    }
}

/// Brings an add-on's settings into one form; its version is compared elsewhere.
pub fn addon(spec: &Map<String, Value>, catalog: &Catalog) -> Settled {
    let mut settled = Settled::new();
    for (key, value) in spec {
        if [
            "name",
            "version",
            "resolveConflicts",
            "owners",
            "publishers",
            "types",
        ]
        .contains(&key.as_str())
        {
            continue;
        }
        let path = format!("addons[].{key}");
        if is_empty(value) || value == "" {
            continue;
        }
        let value = if catalog.field_is_sensitive(&path) {
            digest_of(&path, value, catalog)
        } else {
            value.clone()
        };
        flatten(value, key, catalog, &mut settled);
    }
    settled.retain(|path, value| !(is_empty(value) || path.starts_with("tags.alpha.eksctl.io/")));
    settled
}

/// Returns an add-on's settings with sensitive values replaced by digests.
pub fn redact_addon(spec: &Map<String, Value>, catalog: &Catalog) -> Map<String, Value> {
    spec.iter()
        .map(|(key, value)| {
            let path = format!("addons[].{key}");
            let value = if catalog.field_is_sensitive(&path) && !is_empty(value) {
                digest_of(&path, value, catalog)
            } else {
                value.clone()
            };
            (key.clone(), value)
        })
        .collect()
}

/// Returns an observation in which no sensitive value is left, whoever recorded it, and in which the
/// lists that are sets have one order: who reads them in another order saw the same cluster.
pub fn redact_observation(mut observed: Observation, catalog: &Catalog) -> Observation {
    if let Known::Value(groups) = &mut observed.nodegroups {
        for group in groups.iter_mut() {
            group.spec = redact(&group.spec, catalog);
            sort_sets(&mut group.spec, catalog);
        }
    }
    if let Known::Value(addons) = &mut observed.addons {
        for addon in addons.iter_mut() {
            addon.spec = redact_addon(&addon.spec, catalog);
        }
    }
    if let Known::Value(plane) = &mut observed.control_plane {
        plane.settings = redact(&plane.settings, catalog);
        sort_sets(&mut plane.settings, catalog);
    }
    observed
}

/// Writes a settled value for people; digests stay digests.
pub fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) if map.contains_key(DIGEST_KEY) => {
            let digest = map
                .get(DIGEST_KEY)
                .and_then(Value::as_str)
                .unwrap_or_default();
            let short: String = digest.chars().take("sha256:".len() + 12).collect();
            format!("[redacted {short}]")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() {
        key.to_owned()
    } else {
        format!("{at}.{key}")
    }
}

/// Brings cluster settings into one form: flattened, sets sorted, empty values dropped.
pub fn settings(spec: &Map<String, Value>, catalog: &Catalog) -> Settled {
    let mut settled = Settled::new();
    flatten(
        Value::Object(redact(spec, catalog)),
        "",
        catalog,
        &mut settled,
    );
    settled.retain(|_, value| !is_empty(value));
    settled
}

/// Sorts the lists of which the order means nothing, so that one meaning has one text.
pub fn sort_sets(spec: &mut Map<String, Value>, catalog: &Catalog) {
    sort_sets_at(spec, "", catalog);
}

fn sort_sets_at(spec: &mut Map<String, Value>, at: &str, catalog: &Catalog) {
    for (key, value) in spec.iter_mut() {
        let path = join(at, key);
        match value {
            Value::Array(items) if catalog.field_is_set(&path) => {
                items.sort_by_cached_key(canonical_bytes);
            }
            Value::Object(map) => sort_sets_at(map, &path, catalog),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {}
        }
    }
}
