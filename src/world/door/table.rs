//! Tables: what `kubectl get` prints (kubernetes `pkg/printers/internalversion/printers.go`).

use super::kinds::Kind;
use super::{Call, number};
use serde_json::{Map, Value, json};
use stairway_core::model::{DAY_SECONDS, Timestamp};
use std::sync::Arc;

/// Name, and whether it is shown with `-o wide` only.
type Column = (&'static str, bool);

const fn shown(name: &'static str) -> Column {
    (name, false)
}

const fn wide(name: &'static str) -> Column {
    (name, true)
}

const NODES: &[Column] = &[
    shown("Name"),
    shown("Status"),
    shown("Roles"),
    shown("Age"),
    shown("Version"),
    wide("Internal-IP"),
    wide("External-IP"),
    wide("OS-Image"),
    wide("Kernel-Version"),
    wide("Container-Runtime"),
];
const PODS: &[Column] = &[
    shown("Name"),
    shown("Ready"),
    shown("Status"),
    shown("Restarts"),
    shown("Age"),
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
];
const BUDGETS: &[Column] = &[
    shown("Name"),
    shown("Min Available"),
    shown("Max Unavailable"),
    shown("Allowed Disruptions"),
    shown("Age"),
];
const DAEMON_SETS: &[Column] = &[
    shown("Name"),
    shown("Desired"),
    shown("Current"),
    shown("Ready"),
    shown("Up-to-date"),
    shown("Available"),
    shown("Node Selector"),
    shown("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];
const DEPLOYMENTS: &[Column] = &[
    shown("Name"),
    shown("Ready"),
    shown("Up-to-date"),
    shown("Available"),
    shown("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];
const REPLICA_SETS: &[Column] = &[
    shown("Name"),
    shown("Desired"),
    shown("Current"),
    shown("Ready"),
    shown("Age"),
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
];
const STATEFUL_SETS: &[Column] = &[
    shown("Name"),
    shown("Ready"),
    shown("Age"),
    wide("Containers"),
    wide("Images"),
];
const LEASES: &[Column] = &[shown("Name"), shown("Holder"), shown("Age")];
const NAMESPACES: &[Column] = &[shown("Name"), shown("Status"), shown("Age")];
const CONFIG_MAPS: &[Column] = &[shown("Name"), shown("Data"), shown("Age")];
const SECRETS: &[Column] = &[shown("Name"), shown("Type"), shown("Data"), shown("Age")];
const ENDPOINTS: &[Column] = &[shown("Name"), shown("Endpoints"), shown("Age")];
const WEBHOOKS: &[Column] = &[shown("Name"), shown("Webhooks"), shown("Age")];
const EVENTS: &[Column] = &[
    shown("Last Seen"),
    shown("Type"),
    shown("Reason"),
    shown("Object"),
    wide("Subobject"),
    wide("Source"),
    shown("Message"),
    wide("First Seen"),
    wide("Count"),
    wide("Name"),
];
const OTHERS: &[Column] = &[shown("Name"), shown("Age")];

/// Returns the Table of some objects; `meta` is the list's.
pub(crate) fn table(
    call: &Call<'_>,
    objects: &[Arc<Value>],
    meta: Map<String, Value>,
    now: Timestamp,
) -> Value {
    rows(
        call.kind,
        objects,
        meta,
        now,
        call.request.param("includeObject"),
    )
}

/// Returns the same for the events of a watch.
pub(crate) fn rows(
    kind: &Kind,
    objects: &[Arc<Value>],
    meta: Map<String, Value>,
    now: Timestamp,
    include: Option<&str>,
) -> Value {
    let columns = columns_of(kind);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|(name, wide)| {
            json!({
                "name": name,
                "type": "string",
                "format": if *name == "Name" { "name" } else { "" },
                "description": "",
                "priority": i32::from(*wide),
            })
        })
        .collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let cells = cells_of(kind, object, now);
            match include {
                Some("None") => json!({"cells": cells}),
                Some("Object") => json!({"cells": cells, "object": **object}),
                Some(_) | None => json!({"cells": cells, "object": metadata_of(object)}),
            }
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": definitions,
        "rows": rows,
    })
}

/// Returns an object's PartialObjectMetadata.
pub(crate) fn metadata_of(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}

fn columns_of(kind: &Kind) -> &'static [Column] {
    match kind.plural {
        "nodes" => NODES,
        "pods" => PODS,
        "poddisruptionbudgets" => BUDGETS,
        "daemonsets" => DAEMON_SETS,
        "deployments" => DEPLOYMENTS,
        "replicasets" => REPLICA_SETS,
        "statefulsets" => STATEFUL_SETS,
        "leases" => LEASES,
        "namespaces" => NAMESPACES,
        "configmaps" => CONFIG_MAPS,
        "secrets" => SECRETS,
        "endpoints" => ENDPOINTS,
        "events" => EVENTS,
        "validatingwebhookconfigurations" | "mutatingwebhookconfigurations" => WEBHOOKS,
        _ => OTHERS,
    }
}

fn cells_of(kind: &Kind, object: &Value, now: Timestamp) -> Vec<Value> {
    let name = json!(super::name_of(object));
    let age = json!(age_of(object, now));
    let (spec, status) = (&object["spec"], &object["status"]);
    match kind.plural {
        "nodes" => node(object, name, age),
        "pods" => pod(object, name, age),
        "poddisruptionbudgets" => vec![
            name,
            or_na(&spec["minAvailable"]),
            or_na(&spec["maxUnavailable"]),
            json!(number(&status["disruptionsAllowed"])),
            age,
        ],
        "daemonsets" | "deployments" | "replicasets" | "statefulsets" => {
            workload(kind, object, name, age)
        }
        "leases" => vec![
            name,
            json!(spec["holderIdentity"].as_str().unwrap_or_default()),
            age,
        ],
        "namespaces" => vec![name, status["phase"].clone(), age],
        "configmaps" => vec![
            name,
            json!(size(&object["data"]) + size(&object["binaryData"])),
            age,
        ],
        "secrets" => vec![
            name,
            object["type"].clone(),
            json!(size(&object["data"])),
            age,
        ],
        "endpoints" => vec![name, json!("<none>"), age],
        "validatingwebhookconfigurations" | "mutatingwebhookconfigurations" => {
            vec![name, json!(size(&object["webhooks"])), age]
        }
        "events" => event(object, name, now),
        _ => vec![name, age],
    }
}

fn workload(kind: &Kind, object: &Value, name: Value, age: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    match kind.plural {
        "daemonsets" => {
            let mut cells = vec![name];
            for key in [
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "numberReady",
                "updatedNumberScheduled",
                "numberAvailable",
            ] {
                cells.push(json!(number(&status[key])));
            }
            cells.push(json!(pairs(
                &spec["template"]["spec"]["nodeSelector"],
                "<none>"
            )));
            cells.push(age);
            cells.extend(containers(object));
            cells
        }
        "deployments" => {
            let ready = format!(
                "{}/{}",
                number(&status["readyReplicas"]),
                number(&spec["replicas"])
            );
            let updated = number(&status["updatedReplicas"]);
            let available = number(&status["availableReplicas"]);
            let mut cells = vec![name, json!(ready), json!(updated), json!(available), age];
            cells.extend(containers(object));
            cells
        }
        "replicasets" => {
            let mut cells = vec![name, json!(number(&spec["replicas"]))];
            cells.push(json!(number(&status["replicas"])));
            cells.push(json!(number(&status["readyReplicas"])));
            cells.push(age);
            cells.extend(containers(object));
            cells
        }
        _ => {
            let ready = format!(
                "{}/{}",
                number(&status["readyReplicas"]),
                number(&spec["replicas"])
            );
            let mut cells = vec![name, json!(ready), age];
            cells.extend(containers(object).into_iter().take(2));
            cells
        }
    }
}

fn node(object: &Value, name: Value, age: Value) -> Vec<Value> {
    let status = &object["status"];
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let ready = conditions.into_iter().find(|one| one["type"] == "Ready");
    let mut word = match ready.and_then(|one| one["status"].as_str()) {
        Some("True") => "Ready".to_owned(),
        Some(_) => "NotReady".to_owned(),
        None => "Unknown".to_owned(),
    };
    if object["spec"]["unschedulable"] == true {
        word.push_str(",SchedulingDisabled");
    }
    let labels = object["metadata"]["labels"].as_object();
    let roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    let roles = if roles.is_empty() {
        "<none>".to_owned()
    } else {
        roles.join(",")
    };
    let address = |kind: &str| {
        let list = status["addresses"].as_array().into_iter().flatten();
        let found = list.into_iter().find(|one| one["type"] == kind);
        let text = found.and_then(|one| one["address"].as_str());
        json!(text.unwrap_or("<none>"))
    };
    let known = |key: &str| json!(status["nodeInfo"][key].as_str().unwrap_or("<unknown>"));
    vec![
        name,
        json!(word),
        json!(roles),
        age,
        status["nodeInfo"]["kubeletVersion"].clone(),
        address("InternalIP"),
        address("ExternalIP"),
        known("osImage"),
        known("kernelVersion"),
        known("containerRuntimeVersion"),
    ]
}

fn pod(object: &Value, name: Value, age: Value) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let statuses = status["containerStatuses"].as_array();
    let ready = statuses
        .into_iter()
        .flatten()
        .filter(|one| one["ready"] == true)
        .count();
    let all = size(&spec["containers"]);
    let restarts = statuses
        .into_iter()
        .flatten()
        .map(|one| number(&one["restartCount"]))
        .sum::<i64>();
    let waiting = statuses
        .into_iter()
        .flatten()
        .find_map(|one| one["state"]["waiting"]["reason"].as_str());
    let mut word = waiting
        .or_else(|| status["phase"].as_str())
        .unwrap_or("Unknown");
    if !object["metadata"]["deletionTimestamp"].is_null() {
        word = "Terminating";
    }
    vec![
        name,
        json!(format!("{ready}/{all}")),
        json!(word),
        json!(restarts.to_string()),
        age,
        json!(status["podIP"].as_str().unwrap_or("<none>")),
        json!(spec["nodeName"].as_str().unwrap_or("<none>")),
        json!("<none>"),
        json!("<none>"),
    ]
}

fn event(object: &Value, name: Value, now: Timestamp) -> Vec<Value> {
    let about = &object["involvedObject"];
    let subject = format!(
        "{}/{}",
        about["kind"].as_str().unwrap_or_default().to_lowercase(),
        about["name"].as_str().unwrap_or_default()
    );
    let since = |key: &str| {
        let at = object[key]
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok());
        json!(at.map_or("<unknown>".to_owned(), |at| say_age(now.seconds_since(at))))
    };
    vec![
        since("lastTimestamp"),
        object["type"].clone(),
        object["reason"].clone(),
        json!(subject),
        json!(about["fieldPath"].as_str().unwrap_or_default()),
        json!(object["source"]["component"].as_str().unwrap_or_default()),
        json!(object["message"].as_str().unwrap_or_default().trim()),
        since("firstTimestamp"),
        json!(number(&object["count"]).max(1)),
        name,
    ]
}

/// Containers, images and selector of a workload.
fn containers(object: &Value) -> Vec<Value> {
    let list = object["spec"]["template"]["spec"]["containers"].as_array();
    let words = |key: &str| {
        let all: Vec<&str> = list
            .into_iter()
            .flatten()
            .filter_map(|one| one[key].as_str())
            .collect();
        json!(all.join(","))
    };
    let selector = pairs(&object["spec"]["selector"]["matchLabels"], "<none>");
    vec![words("name"), words("image"), json!(selector)]
}

fn pairs(map: &Value, none: &str) -> String {
    let terms: Vec<String> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    if terms.is_empty() {
        none.to_owned()
    } else {
        terms.join(",")
    }
}

fn size(value: &Value) -> usize {
    let map = value.as_object().map(Map::len);
    map.or_else(|| value.as_array().map(Vec::len)).unwrap_or(0)
}

fn or_na(value: &Value) -> Value {
    if let Some(text) = value.as_str() {
        return json!(text);
    }
    match value.as_i64() {
        Some(number) => json!(number.to_string()),
        None => json!("N/A"),
    }
}

fn age_of(object: &Value, now: Timestamp) -> String {
    let at = object["metadata"]["creationTimestamp"].as_str();
    match at.and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(at) => say_age(now.seconds_since(at)),
        None => "<unknown>".to_owned(),
    }
}

/// As `duration.HumanDuration` of apimachinery: coarser the longer.
fn say_age(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 3_600;
    const YEAR: i64 = 365 * DAY_SECONDS;
    let two = |big: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{big}{unit}")
        } else {
            format!("{big}{unit}{small}{small_unit}")
        }
    };
    let seconds = seconds.max(0);
    if seconds < 2 * MINUTE {
        format!("{seconds}s")
    } else if seconds < 10 * MINUTE {
        two(seconds / MINUTE, "m", seconds % MINUTE, "s")
    } else if seconds < 3 * HOUR {
        format!("{}m", seconds / MINUTE)
    } else if seconds < 8 * HOUR {
        two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "m")
    } else if seconds < 2 * DAY_SECONDS {
        format!("{}h", seconds / HOUR)
    } else if seconds < 8 * DAY_SECONDS {
        two(
            seconds / DAY_SECONDS,
            "d",
            seconds % DAY_SECONDS / HOUR,
            "h",
        )
    } else if seconds < 2 * YEAR {
        format!("{}d", seconds / DAY_SECONDS)
    } else {
        two(seconds / YEAR, "y", seconds % YEAR / DAY_SECONDS, "d")
    }
}
