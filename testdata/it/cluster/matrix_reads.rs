//! Every read of the reader × every fault: a named Unknown of what depends on it and of nothing else, or an error
//! with words. No cell waits longer than its limits, and none asks more often than it should.

use super::matrix::{self, Fault, Kind, OF_READS, kinds};
use super::{PATIENT, ServedCluster, at, reader};
use serde_json::Value;
use stairway::kubernetes::Limits;
use stairway::live::LiveError;
use stairway_core::model::{Known, Observation};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Verb, what is asked for, its path, and the facts that depend on it.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const ROWS: [Row; 15] = [
    ("get", "/version", "/version", &[]),
    ("list", "nodes", "/api/v1/nodes", &["nodes"]),
    ("list", "pods", "/api/v1/pods", &["pods"]),
    (
        "list",
        "policy/poddisruptionbudgets",
        "/apis/policy/v1/poddisruptionbudgets",
        &["pdbs"],
    ),
    (
        "list",
        "apps/replicasets",
        "/apis/apps/v1/replicasets",
        &["pods/*/owner"],
    ),
    (
        "list",
        "persistentvolumes",
        "/api/v1/persistentvolumes",
        &["pods/*/volume_zones"],
    ),
    (
        "list",
        "persistentvolumeclaims",
        "/api/v1/persistentvolumeclaims",
        &["pods/*/volume_zones"],
    ),
    (
        "list",
        "apps/daemonsets",
        "/apis/apps/v1/namespaces/kube-system/daemonsets",
        &["workloads"],
    ),
    (
        "list",
        "apps/deployments",
        "/apis/apps/v1/namespaces/kube-system/deployments",
        &["workloads"],
    ),
    (
        "list",
        "admissionregistration.k8s.io/mutatingwebhookconfigurations",
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        &["webhooks"],
    ),
    (
        "list",
        "admissionregistration.k8s.io/validatingwebhookconfigurations",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        &["webhooks"],
    ),
    (
        "list",
        "services",
        "/api/v1/services",
        &["webhooks/*/selector"],
    ),
    (
        "get",
        "namespaces",
        "/api/v1/namespaces/kube-system",
        &["webhooks/*/excludes_kube_system"],
    ),
    (
        "get",
        "configmaps",
        "/api/v1/namespaces/kube-system/configmaps/aws-auth",
        &["aws_auth", "aws_auth_users"],
    ),
    ("get", "/metrics", "/metrics", &["deprecated_apis"]),
];

/// Longer than a healthy answer takes on a machine that does other things, and short enough to be waited for.
const SHORT: Duration = Duration::from_secs(4);

/// What a reading gave, and how many requests it took.
struct Reading {
    seen: Result<Observation, LiveError>,
    requests: u64,
}

/// Reads while all requests to this path fail.
fn read(cluster: &ServedCluster, path: &str, fault: Fault) -> Reading {
    let limits = Limits {
        request: if fault.is_silence() {
            SHORT
        } else {
            PATIENT.request
        },
        ..PATIENT
    };
    let mut access = cluster.access();
    if fault == Fault::WrongAuthority {
        // Another server's, made a moment ago.
        access.authority = ServedCluster::new().access().authority;
    }
    let reads = stairway::kubernetes::Reads::open(access, limits, super::around());
    let reads = reads.unwrap_or_else(|error| panic!("{error}"));
    let reader = reader(reads.clone());
    if fault == Fault::Stale {
        cluster.heal();
        reader.read().unwrap_or_else(|error| panic!("{error}"));
    }
    let before = reads.traffic().requests;
    if let Some(trouble) = fault.trouble() {
        cluster.strike(at(path, trouble));
    }
    let seen = reader.read();
    Reading {
        seen,
        requests: reads.traffic().requests - before,
    }
}

/// How two documents differ: where, with list positions as `*`, and what the second has there.
fn differ(one: &Value, other: &Value, at: &str, into: &mut BTreeMap<String, Vec<Value>>) {
    if one == other {
        return;
    }
    let below = |key: &str| {
        if at.is_empty() {
            key.to_owned()
        } else {
            format!("{at}/{key}")
        }
    };
    match (one, other) {
        (Value::Object(one), Value::Object(two)) if !two.contains_key("$unknown") => {
            let keys: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
            for key in keys {
                let part = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or_default()
                };
                differ(&part(one), &part(two), &below(key), into);
            }
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            for (one, two) in one.iter().zip(two) {
                differ(one, two, &below("*"), into);
            }
        }
        _ => into.entry(at.to_owned()).or_default().push(other.clone()),
    }
}

fn text(seen: &Observation) -> Value {
    serde_json::to_value(seen).expect("JSON")
}

/// Tries after the first that a fault costs.
fn more_requests(row: &Row, fault: Fault) -> u64 {
    let again = u64::from(PATIENT.attempts - 1);
    let is_list = row.0 == "list";
    match fault {
        Fault::Busy
        | Fault::BusyForAnHour
        | Fault::InternalError
        | Fault::Unavailable
        | Fault::AnswerLost
        | Fault::Dropped
        | Fault::CutAfterEffect
        | Fault::CutMidBody => again,
        Fault::HalfJson if row.1 != "/metrics" => again,
        Fault::Stale | Fault::Forgotten if is_list => again,
        Fault::HalfJson
        | Fault::Stale
        | Fault::Forgotten
        | Fault::Forbidden
        | Fault::Expired
        | Fault::Conflict
        | Fault::Slow
        | Fault::NeverAnswers
        | Fault::NewerServer => 0,
        // Nothing is sent, and a certificate is no better the second time.
        Fault::WrongAuthority => 0,
    }
}

/// Checks one cell; returns what is wrong with it.
fn cell(cluster: &ServedCluster, row: &Row, fault: Fault, healthy: &Observation) -> Vec<String> {
    let arrived = cluster.asked().len();
    if fault == Fault::NewerServer {
        change_version(cluster, "1.99");
    }
    let Reading { seen, requests } = read(cluster, row.2, fault);
    cluster.heal();
    if fault == Fault::NewerServer {
        change_version(cluster, "1.35");
    }
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{} {} × {fault:?}: {what}", row.0, row.1));
        }
    };
    let ends_there = fault == Fault::WrongAuthority
        || row.1 == "/version" && !matches!(fault, Fault::Stale | Fault::NewerServer);
    let planned = if ends_there { 1 } else { ROWS.len() as u64 };
    let planned = planned + more_requests(row, fault);
    check(
        requests == planned,
        format!("{requests} requests, not {planned}"),
    );
    let seen = match (seen, ends_there) {
        (Ok(seen), false) => seen,
        (Ok(_), true) => {
            check(false, "there is a picture".to_owned());
            return wrong;
        }
        (Err(error), false) => {
            check(false, format!("there is no picture: {error}"));
            return wrong;
        }
        (Err(error), true) => {
            let words = error.to_string();
            check(
                words.contains("API server") && words.len() > 60,
                format!("its words: {words}"),
            );
            let hint = error.hint().is_some_and(|hint| hint.contains('`'));
            check(
                hint || fault == Fault::Forgotten,
                format!("no hint with a command: {words}"),
            );
            let none = cluster.asked().len() == arrived;
            check(
                none || fault != Fault::WrongAuthority,
                "something was sent".to_owned(),
            );
            return wrong;
        }
    };
    wrong.extend(changes(row, fault, healthy, &seen));
    wrong
}

/// Says what is wrong with a picture that a fault left.
fn changes(row: &Row, fault: Fault, healthy: &Observation, seen: &Observation) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{} {} × {fault:?}: {what}", row.0, row.1));
        }
    };
    let mut found = BTreeMap::new();
    differ(&text(healthy), &text(seen), "", &mut found);
    let unseen = fault == Fault::Stale && row.0 != "list" || row.1 == "/version";
    let facts: &[&str] = if fault == Fault::NewerServer {
        &["control_plane/version", "sources/*"]
    } else if unseen {
        // What one object was a moment ago cannot be told from what it is.
        &[]
    } else {
        row.3
    };
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    check(
        names == facts,
        format!("it changes {names:?}, not {facts:?}"),
    );
    let subject = row.1.rsplit('/').next().unwrap_or_default();
    for (at, value) in found
        .iter()
        .flat_map(|(at, all)| all.iter().map(move |one| (at, one)))
    {
        if fault == Fault::NewerServer {
            check(
                value.as_str().is_some_and(|text| text.contains("1.99")),
                format!("{at} is {value}"),
            );
            continue;
        }
        let why = value["$unknown"].as_str().unwrap_or_default();
        check(
            why.contains("failed") && why.contains(subject),
            format!("{at} is {value}"),
        );
    }
    wrong
}

fn change_version(cluster: &ServedCluster, minor: &str) {
    cluster.with(|_, world| {
        if let Known::Value(plane) = &mut world.cluster.control_plane {
            plane.version = Known::Value(minor.parse().expect("a minor"));
        }
    });
}

#[test]
fn every_read_meets_every_fault() {
    let cluster = ServedCluster::new();
    let from = cluster.asked().len();
    let healthy = read(&cluster, "", Fault::NewerServer);
    let seen = healthy.seen.unwrap_or_else(|error| panic!("{error}"));
    // A request that the reader makes and that has no row is no request that anybody looked at.
    let asked: BTreeSet<Kind> = kinds(&cluster.asked_since(from)).into_keys().collect();
    let rows = ROWS.iter().map(|row| (row.0.to_owned(), row.1.to_owned()));
    assert_eq!(
        asked,
        rows.collect(),
        "left: what was asked; right: the rows"
    );
    assert_eq!(healthy.requests, ROWS.len() as u64);
    let all = text(&seen);
    for fact in ROWS.iter().flat_map(|row| row.3) {
        let top = fact.split('/').next().unwrap_or_default();
        let known = all
            .get(top)
            .is_some_and(|value| !value.is_null() && value.get("$unknown").is_none());
        assert!(
            known,
            "`{fact}` is not known when all is well: {}",
            all[top]
        );
    }
    drop(cluster);

    let mut cells: BTreeMap<(String, Fault), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        let work: Vec<_> = ROWS
            .iter()
            .map(|row| {
                scope.spawn(move || {
                    let cluster = ServedCluster::new();
                    let healthy = read(&cluster, "", Fault::NewerServer).seen;
                    let healthy = healthy.unwrap_or_else(|error| panic!("{error}"));
                    let faults = OF_READS.iter();
                    let found: Vec<(Fault, Vec<String>)> = faults
                        .map(|fault| (*fault, cell(&cluster, row, *fault, &healthy)))
                        .collect();
                    found
                })
            })
            .collect();
        for (row, done) in ROWS.iter().zip(work) {
            for (fault, mut found) in done.join().expect("a row") {
                *cells
                    .entry((format!("{} {}", row.0, row.1), fault))
                    .or_default() += 1;
                wrong.append(&mut found);
            }
        }
    });
    matrix::print("reads × faults", &cells);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(cells.len(), ROWS.len() * OF_READS.len());
}
