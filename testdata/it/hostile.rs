//! Observations and fleet files that lie, are broken or are of another kind.

use crate::support::{DEMO_FLEET, Place, demo, read, testdata};
use serde_json::{Value, json};

const CONFIG: &str = "testdata/demo/clusters/harbor.jsonnet";

fn good() -> Value {
    serde_json::from_str(&read(&testdata("demo/recorded/harbor.observed.json"))).expect("JSON")
}

/// Plans the demo's harbor against this live file and expects a refusal.
fn refused(file: &str, text: &str, words: &[&str]) {
    let place = demo();
    place.file(file, text);
    for command in [
        vec!["plan", CONFIG, "--live", file],
        vec!["observe", "--live", file],
    ] {
        let run = place.run(&command).refused(&[1, 64], words);
        assert!(
            run.stdout.is_empty(),
            "{file}: partial data: {}",
            run.stdout
        );
    }
    let out = place.run(&[
        "plan", CONFIG, "--live", file, "--out", "plans", "--format", "json",
    ]);
    assert_eq!(out.code, 1);
    let set: Value =
        serde_json::from_str(&read(&place.work().join("plans/planset.json"))).expect("JSON");
    assert_eq!(set["clusters"], json!([]));
}

#[test]
fn truncated_observations_are_refused_with_their_place() {
    let text = read(&testdata("demo/recorded/harbor.observed.json"));
    for part in [1, 3, 9] {
        let cut: String = text.chars().take(text.len() * part / 10).collect();
        refused("cut.json", &cut, &["cut.json:"]);
    }
    refused("empty.json", "", &["empty.json"]);
    refused("blank.yaml", "\n\n", &["blank.yaml"]);
}

#[test]
fn doubled_keys_are_refused() {
    let text = read(&testdata("demo/recorded/harbor.observed.json"));
    let doubled = text.replacen(
        "\"kind\": \"Observation\"",
        "\"kind\": \"Observation\",\n  \"kind\": \"Observation\"",
        1,
    );
    refused(
        "doubled.json",
        &doubled,
        &["doubled.json:4:", "kind", "twice"],
    );
}

#[test]
fn other_formats_and_kinds_are_refused_by_name() {
    let mut other = good();
    other["format_version"] = 2.into();
    refused("two.json", &other.to_string(), &["format 2", "format 1"]);
    other["format_version"] = "1".into();
    refused("text.json", &other.to_string(), &["format"]);
    let mut plan = good();
    plan["kind"] = "Plan".into();
    refused("plan.json", &plan.to_string(), &["a `Plan`"]);
    refused("list.json", "[1, 2, 3]", &["list.json"]);
    refused("text.json", "\"words\"", &["text.json"]);
    refused(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n",
        &["`Pod`"],
    );
}

#[test]
fn facts_of_a_wrong_kind_are_refused_with_their_path() {
    let rows = [
        ("/nodes", json!("none"), "nodes"),
        ("/nodes/0/kubelet", json!(1.33), "nodes[0].kubelet"),
        ("/nodes/0/kubelet", json!("newest"), "nodes[0].kubelet"),
        (
            "/control_plane/version",
            json!(1.3),
            "control_plane.version",
        ),
        (
            "/control_plane/version",
            json!("1.33.4"),
            "control_plane.version",
        ),
        ("/observed_at", json!("yesterday"), "observed_at"),
        (
            "/nodegroups/0/managed",
            json!("yes"),
            "nodegroups[0].managed",
        ),
        ("/pods/0/cpu_millis", json!(-5), "pods[0].cpu_millis"),
        ("/pods/0/cpu_millis", json!(1e30), "pods[0].cpu_millis"),
        (
            "/subnets/0/free_addresses",
            json!(4_294_967_296_u64),
            "subnets[0].free_addresses",
        ),
        ("/addons/0/version", json!("latest"), "addons[0].version"),
        ("/pods", json!({"$unknown": 5}), "pods"),
        ("/pods", json!({"$unknown": "a", "more": 1}), "pods"),
    ];
    for (pointer, value, path) in rows {
        let mut observed = good();
        *observed.pointer_mut(pointer).expect(pointer) = value;
        refused("wrong.json", &observed.to_string(), &[path]);
    }
}

#[test]
fn lies_are_refused_and_named() {
    let mut twice = good();
    let group = twice["nodegroups"][0].clone();
    twice["nodegroups"]
        .as_array_mut()
        .expect("a list")
        .push(group);
    refused(
        "lie.json",
        &twice.to_string(),
        &["contradicts itself", "twice"],
    );
    let mut stray = good();
    stray["nodes"][0]["nodegroup"] = "nobody-declared-this".into();
    refused(
        "lie.json",
        &stray.to_string(),
        &["contradicts itself", "nobody-declared-this"],
    );
}

#[test]
fn the_picture_of_another_cluster_blocks_everything() {
    let mut other = good();
    other["cluster"]["name"] = "haven".into();
    let place = demo();
    place.json("other.json", &other);
    let run = place
        .run(&["plan", CONFIG, "--live", "other.json", "--format", "json"])
        .expect(0);
    let plan = &run.json()["clusters"][0];
    assert_eq!(plan["steps"], json!([]));
    assert!(
        plan["findings"].to_string().contains("haven"),
        "{}",
        plan["findings"]
    );
}

#[test]
fn a_huge_observation_is_read_or_refused_within_bounds() {
    let mut huge = good();
    let pod = huge["pods"][0].clone();
    let pods: Vec<Value> = (0..60_000)
        .map(|index| {
            let mut pod = pod.clone();
            pod["name"] = format!("pod-{index}").into();
            pod
        })
        .collect();
    huge["pods"] = pods.into();
    let place = demo();
    place.json("huge.json", &huge);
    place
        .run(&["plan", CONFIG, "--live", "huge.json", "--format", "json"])
        .expect(0)
        .calm();
    let spaces = " ".repeat(65 << 20);
    place.file("spaces.json", &format!("{{{spaces}}}"));
    place
        .run(&["plan", CONFIG, "--live", "spaces.json"])
        .refused(&[1], &["spaces.json"]);
}

#[test]
fn unknown_keys_are_ignored_in_observations_and_refused_in_fleets() {
    let mut newer = good();
    newer["a_key_of_tomorrow"] = json!({"x": 1});
    let place = demo();
    place.json("newer.json", &newer);
    place
        .run(&["plan", CONFIG, "--live", "newer.json"])
        .expect(0);
    let fleet = read(&testdata("demo/fleet.yaml"));
    let rows = [
        ("policy:\n", "polizy:\n", "polizy"),
        ("bake: 30m", "bake: 30", "bake"),
        ("bake: 30m", "bake: half an hour", "bake"),
        ("wave: canary", "wave: canarry", "canarry"),
        ("name: lagoon", "name: harbor", "harbor"),
        ("name: lagoon", "name: ../lagoon", "lagoon"),
        ("strategy: phase-out", "strategy: phaseout", "phaseout"),
        ("live: {world: worlds/demo.yaml}", "live: {}", "live"),
        ("worlds/demo.yaml}", "x.yaml, assumed: y.json}", "assumed"),
        (
            "apiVersion: stairway/v1",
            "apiVersion: stairway/v2",
            "stairway/v2",
        ),
        ("kind: Fleet", "kind: Fleet\nkind: Fleet", "kind"),
        ("expires: 2036-12-31T00:00:00Z", "expires: never", "expires"),
    ];
    for (from, to, word) in rows {
        assert!(fleet.contains(from), "{from}");
        let place = demo();
        place.file(DEMO_FLEET, &fleet.replacen(from, to, 1));
        let run = place
            .run(&["plan", "--fleet", DEMO_FLEET])
            .refused(&[1, 64], &[word, "fleet.yaml:"]);
        assert!(run.stdout.is_empty(), "{to}: {}", run.stdout);
    }
}

#[test]
fn a_fleet_cannot_name_files_outside_of_its_root() {
    let place = Place::new();
    place.file("../outside.json", &good().to_string());
    let fleet = |live: &str| {
        format!(
            "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n  - {{name: x, config: config.yaml, live: {{recorded: {live}}}}}\n"
        )
    };
    place.file("config.yaml", "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: harbor, region: us-west-2}\n");
    place.file("fleet.yaml", &fleet("../outside.json"));
    place.run(&["plan"]).refused(&[1], &["outside of the root"]);
    place.file("fleet.yaml", &fleet("missing.json"));
    place.run(&["plan"]).refused(&[1], &["missing.json"]);
}
