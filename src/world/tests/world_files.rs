//! Worlds as people write them.

use super::*;
use stairway_core::model::Known;

#[test]
fn a_compact_cluster_is_a_complete_observation() {
    let observed = world().observe();
    let written = serde_json::to_value(&observed).expect("JSON");
    assert!(!written.to_string().contains("$unknown"), "{written}");
    assert!(observed.contradictions().is_empty());
    assert_eq!(observed.version(), Some(minor("1.31")));
    assert_eq!(observed.stacks.items().len(), 4);
    assert_eq!(observed.nodes.items().len(), 4);
    let core = observed.nodegroup("core-a").expect("it");
    assert!(core.spec_complete);
    assert_eq!(
        core.spec["labels"]["alpha.eksctl.io/nodegroup-name"],
        "core-a"
    );
    let nb = observed.nodes_of("nb-a").next().expect("a node");
    assert_eq!(nb.taints, ["hub"]);
    assert_eq!(nb.zone, Known::Value("us-west-2a".to_owned()));
    assert_eq!(observed.sources, ["world"]);
}

#[test]
fn a_snapshot_goes_around_and_comes_back_equal() {
    let mut set = set(tiny()).expect("worlds");
    for world in set.worlds.values_mut() {
        world.misbehave(Misbehaviour::of(crate::Fault::StaleRead, 0));
        world.misbehave(Misbehaviour::of(crate::Fault::LostNodes, 0));
        let _ = tools::Running::start(&words(UPGRADE), &BTreeMap::new(), world);
        let _ = tools::Running::start(&words(DRAIN), &BTreeMap::new(), world);
        world.advance(100);
    }
    let text = serde_json::to_string(&set).expect("JSON");
    let back: WorldSet = serde_json::from_str(&text).expect("a snapshot");
    assert_eq!(set, back);
    let canonical = stairway_core::model::canonical_bytes(&set);
    let back: WorldSet = serde_json::from_slice(&canonical).expect("a snapshot");
    assert_eq!(set, back);
    let (mut here, mut there) = (set, back);
    for (one, other) in here.worlds.values_mut().zip(there.worlds.values_mut()) {
        one.settle();
        other.settle();
        assert_eq!(one, other, "it goes on as it would have");
    }
}

#[test]
fn a_recorded_observation_begins_a_world() {
    let recorded = world().cluster;
    let file: WorldFile = serde_json::from_value(json!({
        "apiVersion": "stairway/v1", "kind": "World", "start": "2026-09-01T08:00:00Z",
        "clusters": [{"observation": "recorded/tiny.json", "core": ["nb-*"],
            "misbehave": [{"fault": "silent-skip", "subject": "core-b"}]}],
    }))
    .expect("a file");
    let mut load = |path: &str| {
        assert_eq!(path, "recorded/tiny.json");
        Ok(recorded.clone())
    };
    let set = build(&file, &mut load, &Offers::new()).expect("worlds");
    let world = &set.worlds["tiny"];
    assert_eq!(world.core, ["nb-*"]);
    assert_eq!(world.misbehave[0].times, 1);
    assert_eq!(set.kind, "WorldSnapshot");
    assert!(
        world.offers.contains_key("kube-proxy"),
        "what was on offer there is on offer"
    );
}

/// A change of the tiny file, and what the error must say.
#[test]
fn hostile_files_get_a_sentence() {
    type Edit = fn(&mut Value);
    let cases: [(Edit, &str); 17] = [
        (|f| f["colour"] = json!("red"), "unknown field `colour`"),
        (
            |f| f["clusters"][0]["colour"] = json!("red"),
            "unknown field `colour`",
        ),
        (
            |f| f["clusters"][0]["nodegroups"][0]["colour"] = json!(1),
            "unknown field `colour`",
        ),
        (|f| f["kind"] = json!("Fleet"), "`kind: World`"),
        (|f| f["clusters"] = json!([]), "no clusters"),
        (
            |f| f["clusters"][1] = f["clusters"][0].clone(),
            "two clusters called `tiny`",
        ),
        (
            |f| f["clusters"][0]["nodegroups"][1]["name"] = json!("core-a"),
            "nodegroup `core-a` is listed twice",
        ),
        (
            |f| f["clusters"][0]["nodegroups"][0]["version"] = json!("1.32"),
            "never newer than the control plane",
        ),
        (
            |f| f["clusters"][0]["nodegroups"][0]["nodes"] = json!(9),
            "more nodes than its maxSize",
        ),
        (
            |f| f["clusters"][0]["nodegroups"][2]["pods"] = json!(1),
            "no node to run them",
        ),
        (
            |f| f["clusters"][0]["nodegroups"][2]["nodes"] = json!(4_000_000_000_u32),
            "more than 2000 nodes",
        ),
        (|f| f["clusters"][0]["version"] = json!("one"), "one"),
        (
            |f| f["clusters"][0]["misbehave"] = json!([{"fault": "gremlins"}]),
            "gremlins",
        ),
        (
            |f| f["clusters"][0]["selfManaged"]["coredns"] = json!("v1.11.4-eksbuild.2"),
            "both under `addons` and under `selfManaged`",
        ),
        (
            |f| f["clusters"][0]["addonSettings"]["absent"] = json!({}),
            "`absent` is under `addonSettings` and not under `addons`",
        ),
        (
            |f| f["clusters"][0]["observation"] = json!("x.json"),
            "only `core` and `misbehave`",
        ),
        (
            |f| f["clusters"][0] = json!({"observation": "x.json"}),
            "no file `x.json`",
        ),
    ];
    for (edit, sentence) in cases {
        let mut file = tiny();
        if let Some(clusters) = file["clusters"].as_array_mut()
            && sentence.starts_with("two")
        {
            clusters.push(Value::Null);
        }
        edit(&mut file);
        let error = set(file).expect_err(sentence);
        assert!(error.contains(sentence), "{error}");
    }
}

#[test]
fn the_schema_has_every_key() {
    let schema = serde_json::to_string(&schemars::schema_for!(WorldFile)).expect("a schema");
    for key in [
        "selfManaged",
        "misbehave",
        "exit-1-after-success",
        "createdAt",
        "apiVersion",
    ] {
        assert!(schema.contains(key), "{key}");
    }
}
