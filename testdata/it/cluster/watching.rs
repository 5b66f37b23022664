//! Pages and watches: nothing is lost, and nothing is told twice.

use super::{PATIENT, ServedCluster, TestCluster};
use serde_json::{Value, json};
use stairway::kubernetes::{
    Limits, Reads, Resource, Selector, Trouble, WatchEnd, WatchStart, Watched,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

const MAPS: Resource = Resource::CONFIG_MAPS;

fn map(cluster: &TestCluster, name: &str, label: &str) {
    let body = json!({"metadata": {"name": name, "labels": {"set": label}}});
    cluster.make(MAPS, Some(cluster.namespace()), body);
}

fn path(cluster: &TestCluster, name: &str) -> String {
    format!("{}/{name}", MAPS.path(Some(cluster.namespace())))
}

fn name(object: &Value) -> String {
    object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Listens until so many events came; returns them in words, with the version to go on from.
fn hear(reads: &Reads, namespace: &str, from: &str, events: usize) -> (Vec<String>, String) {
    let selector = Selector::labels("set=a");
    let (mut told, mut version) = (Vec::new(), from.to_owned());
    for _ in 0..super::LOOKS_MAX {
        let start = WatchStart {
            version: version.clone(),
            at_most: Duration::from_secs(2),
        };
        let mut each = |event: Watched| {
            let mut go_on = |object: &Value| {
                version = object["metadata"]["resourceVersion"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
            };
            match &event {
                Watched::Is(object) => {
                    go_on(object);
                    told.push(format!("is {}", name(object)));
                }
                Watched::Gone(object) => {
                    go_on(object);
                    told.push(format!("gone {}", name(object)));
                }
                Watched::Bookmark(newer) => version.clone_from(newer),
            }
            if told.len() == events {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let ended = reads.watch(MAPS, Some(namespace), &selector, &start, &mut each);
        match ended.unwrap_or_else(|error| panic!("{error}")) {
            WatchEnd::Enough => return (told, version),
            // Its time was up; the next one goes on.
            WatchEnd::Ended | WatchEnd::TimeUp => {}
        }
    }
    panic!("waited in vain for {events} events; instead: {told:?}");
}

#[test]
fn a_watch_tells_what_came_after_its_list_also_over_several_watches() {
    let cluster = TestCluster::new();
    let reads = cluster.reads();
    map(&cluster, "before", "a");
    let listed = reads.list(MAPS, Some(cluster.namespace()), &Selector::labels("set=a"));
    let listed = listed.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        listed.items.iter().map(name).collect::<Vec<_>>(),
        ["before"]
    );
    map(&cluster, "one", "a");
    map(&cluster, "other", "b");
    cluster.patch(&path(&cluster, "one"), &json!({"data": {"k": "v"}}));
    let (told, version) = hear(&reads, cluster.namespace(), &listed.version, 2);
    assert_eq!(told, ["is one", "is one"], "the label chooses");
    // Meanwhile nobody listens.
    cluster.patch(
        &path(&cluster, "one"),
        &json!({"metadata": {"labels": {"set": "b"}}}),
    );
    let (status, _) = cluster
        .raw()
        .send("DELETE", &path(&cluster, "before"), None);
    assert_eq!(status, 200);
    let (told, version) = hear(&reads, cluster.namespace(), &version, 2);
    assert_eq!(
        told,
        ["gone one", "gone before"],
        "what is no longer chosen is gone"
    );
    map(&cluster, "late", "a");
    assert_eq!(
        hear(&reads, cluster.namespace(), &version, 1).0,
        ["is late"]
    );
}

#[test]
fn a_list_of_many_pages_has_every_object_once() {
    let cluster = TestCluster::new();
    let wanted: BTreeSet<String> = (0..7).map(|number| format!("map-{number}")).collect();
    for name in &wanted {
        map(&cluster, name, "a");
    }
    let reads = cluster.reads_within(Limits { page: 2, ..PATIENT });
    let listed = reads.list(MAPS, Some(cluster.namespace()), &Selector::labels("set=a"));
    let listed = listed.unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<String> = listed.items.iter().map(name).collect();
    assert_eq!(names.iter().cloned().collect::<BTreeSet<_>>(), wanted);
    assert_eq!(names.len(), 7, "none is listed twice: {names:?}");
    assert_eq!(reads.traffic().requests, 4, "four pages of two");
    let few = cluster.reads_within(Limits {
        page: 2,
        pages: 3,
        ..PATIENT
    });
    let error = few.list(MAPS, Some(cluster.namespace()), &Selector::labels("set=a"));
    assert_eq!(
        error.expect_err("more pages than are taken").trouble,
        Trouble::TooLarge
    );
}

#[test]
fn a_version_that_the_server_has_forgotten_is_told_and_a_list_helps() {
    let cluster = ServedCluster::new();
    let reads = cluster.reads_within(Limits { page: 1, ..PATIENT });
    let all = Selector::labels("set=a");
    map(&cluster, "one", "a");
    map(&cluster, "two", "a");
    let listed = reads.list(MAPS, Some(cluster.namespace()), &all);
    let old = listed.unwrap_or_else(|error| panic!("{error}")).version;
    cluster.patch(&path(&cluster, "one"), &json!({"data": {"k": "v"}}));
    cluster.with(|door, _| door.compact());
    let start = WatchStart {
        version: old,
        at_most: Duration::from_secs(60),
    };
    let mut none = |_: Watched| ControlFlow::Continue(());
    let error = reads.watch(MAPS, Some(cluster.namespace()), &all, &start, &mut none);
    assert_eq!(error.expect_err("it is forgotten").trouble, Trouble::Gone);
    let again = reads.list(MAPS, Some(cluster.namespace()), &all);
    let again = again.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.items.len(), 2);
    map(&cluster, "three", "a");
    assert_eq!(
        hear(&reads, cluster.namespace(), &again.version, 1).0,
        ["is three"]
    );
}

/// A drain listens for as long as it takes: the history that it began from is forgotten meanwhile.
#[test]
fn a_drain_goes_on_when_the_server_has_forgotten_what_it_listened_from() {
    let cluster = ServedCluster::new();
    let node = cluster.add_node("a", &[], &json!([]));
    let owner = cluster.add_owner("owner");
    cluster.add_pod("guarded", &node, &[("app", "web")], Some(&owner));
    cluster.add_budget("web", ("app", "web"), 1, 1);
    let held = std::cell::Cell::new(false);
    let group = format!("nodes?nodegroup={}", cluster.group());
    let body = json!({"parallel": 1, "timeoutSeconds": 600});
    let before = cluster.asked().len();
    let done = cluster.actuator().kube(
        "drain-nodes",
        &group,
        &body,
        &mut |line| {
            if line.contains("stays on node") && !held.replace(true) {
                // Something happens, and the server restarts: no new watch goes on from before.
                for change in ["one", "two", "three"] {
                    map(&cluster, change, "b");
                }
                cluster.with(|door, _| door.compact());
                // What a person does while the drain waits.
                let budgets = Resource::BUDGETS.path(Some(cluster.namespace()));
                let free = json!({"spec": {"minAvailable": 0}});
                cluster.patch(&format!("{budgets}/web"), &free);
            }
        },
        &|| stairway::drive::Interrupt::None,
    );
    assert!(done.ok, "{done:?}");
    let asked = cluster.asked_since(before);
    let lists = asked
        .iter()
        .filter(|one| one.verb == "list" && one.resource == "pods");
    assert!(lists.count() > 2, "it listed again");
}
