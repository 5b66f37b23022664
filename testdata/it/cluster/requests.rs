//! How many requests a reading takes, and which of them wait for others.

use super::matrix::kinds;
use super::{PATIENT, ServedCluster, ground, reader};
use crate::support::wait_for;
use serde_json::json;
use stairway::kubernetes::Limits;
use stairway::serve::Role;
use stairway_world::door::{DoorFault, Trouble};
use std::collections::BTreeMap;

/// Requests of a whole reading of a cluster whose lists have one page each.
const REQUESTS: usize = 15;

#[test]
fn after_the_version_everything_is_asked_for_at_once() {
    let mut cluster = ServedCluster::of(ground::world(), Role::Plan);
    // No answer comes: what is asked for all the same waits for no other answer.
    for path in ["/api/*", "/apis/*", "/metrics"] {
        cluster.strike(DoorFault::of(path, Trouble::NeverAnswers));
    }
    let reader = reader(cluster.reads());
    let reads = reader.reads.clone();
    let seen = std::thread::scope(|scope| {
        let reading = scope.spawn(|| reader.read());
        wait_for("all requests", || {
            let asked = cluster.asked();
            let is_whole = kinds(&asked).len() == REQUESTS && asked.len() == REQUESTS;
            is_whole
                .then_some(())
                .ok_or_else(|| format!("{} requests: {asked:?}", asked.len()))
        });
        let asked = cluster.asked();
        assert_eq!(asked[0].path, "/version", "who it is comes first");
        // Nobody was answered so far; now nobody will be, and no request is sent anew.
        cluster.stop();
        reading.join().expect("a reading")
    });
    let seen = seen.unwrap_or_else(|error| panic!("{error}"));
    assert!(seen.control_plane.value().is_some());
    let why = seen.nodes.unknown().expect("nobody answered");
    assert!(why.contains("Listing nodes failed"), "{why}");
    assert!(reads.traffic().requests >= REQUESTS as u64);
}

#[test]
fn a_reading_takes_a_request_for_each_page_and_no_more() {
    let cluster = ServedCluster::new();
    let owner = cluster.add_owner("owner");
    let node = cluster.add_node("a", &[], &json!([]));
    for number in 0..4 {
        cluster.add_pod(&format!("pod-{number}"), &node, &[], Some(&owner));
    }
    let items = |path: &str| cluster.now(path)["items"].as_array().map_or(0, Vec::len);
    let pods = items("/api/v1/pods");
    let from = cluster.asked().len();
    let whole = reader(cluster.reads())
        .read()
        .unwrap_or_else(|error| panic!("{error}"));
    let asked = cluster.asked_since(from);
    assert_eq!(asked.len(), REQUESTS, "{asked:?}");
    assert!(asked.iter().all(|one| one.status == 200), "{asked:?}");

    let limits = Limits { page: 2, ..PATIENT };
    let from = cluster.asked().len();
    let paged = reader(cluster.reads_within(limits))
        .read()
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        serde_json::to_value(&paged).expect("JSON"),
        serde_json::to_value(&whole).expect("JSON"),
        "how it is paged is not seen"
    );
    let mut pages: BTreeMap<String, usize> = BTreeMap::new();
    for one in cluster
        .asked_since(from)
        .iter()
        .filter(|one| one.verb == "list")
    {
        *pages.entry(one.resource.clone()).or_default() += 1;
    }
    assert_eq!(
        pages["pods"],
        pods.div_ceil(2),
        "{pods} pods in pages of two"
    );
    assert_eq!(pages["nodes"], items("/api/v1/nodes").div_ceil(2));
    // The longest chain: the version, then the pages of the longest list, one after another.
    assert_eq!(pages.values().max(), Some(&pages["pods"]), "{pages:?}");
}
