//! Law 5 and law 10: the same inputs give the same bytes, in whatever order they are written.

use crate::support::{DEMO_CLUSTERS, DEMO_FLEET, Place, demo, read, testdata, write};
use serde_json::Value;

/// A small generator of permutations: seeds, not randomness, so that a failure can be repeated.
struct Shuffler(u64);

impl Shuffler {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Lists whose order means something: launch order of types, order of commands.
const ORDERED: [&str; 3] = ["instanceTypes", "preBootstrapCommands", "sources"];
/// Which lists are shuffled: the document's own lists of objects, or all that are sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Document,
    Groups,
}
/// How many orders are tried.
const SEEDS: u64 = 6;

/// Writes JSON with the keys of every object and the items of every set in another order.
fn scramble(
    value: &Value,
    key: &str,
    lists: Option<Depth>,
    shuffler: &mut Shuffler,
    out: &mut String,
) {
    let inner = lists.filter(|depth| *depth == Depth::Groups);
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            shuffler.shuffle(&mut entries);
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                scramble(value, key, lists, shuffler, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            let mut items: Vec<&Value> = items.iter().collect();
            let objects = items.first().is_some_and(|item| item.is_object());
            if (objects && lists.is_some() || inner.is_some()) && !ORDERED.contains(&key) {
                shuffler.shuffle(&mut items);
            }
            out.push('[');
            for (index, item) in items.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                scramble(item, "", inner, shuffler, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string());
        }
    }
}

fn scrambled(value: &Value, depth: Depth, seed: u64) -> String {
    let mut out = String::new();
    scramble(value, "", Some(depth), &mut Shuffler(seed), &mut out);
    let same: Value = serde_json::from_str(&out).expect("JSON");
    assert!(same.is_object());
    out
}

#[test]
fn a_plan_made_twice_has_the_same_bytes() {
    let place = demo();
    for format in ["json", "markdown", "table"] {
        let arguments = ["plan", "--fleet", DEMO_FLEET, "--format", format];
        let once = place.run(&arguments).expect(0).stdout;
        for parallelism in ["1", "7"] {
            let again = [&arguments[..], &["--parallelism", parallelism]].concat();
            assert_eq!(place.run(&again).expect(0).stdout, once, "{format}");
        }
        // Another folder, another home: no host path has a say.
        assert_eq!(demo().run(&arguments).expect(0).stdout, once, "{format}");
    }
}

#[test]
fn the_order_of_an_observation_has_no_say() {
    for name in DEMO_CLUSTERS {
        let place = demo();
        let path = place
            .work()
            .join(format!("testdata/demo/recorded/{name}.observed.json"));
        let arguments = ["plan", "--fleet", DEMO_FLEET, name, "--format", "json"];
        let once = place.run(&arguments).expect(0).stdout;
        let observed: Value = serde_json::from_str(&read(&path)).expect("JSON");
        for seed in 0..SEEDS {
            write(&path, &scrambled(&observed, Depth::Document, seed));
            assert_eq!(
                place.run(&arguments).expect(0).stdout,
                once,
                "{name}, seed {seed}"
            );
        }
        let nameless = |mut set: Value| {
            set["clusters"][0]["id"] = Value::Null;
            without_digests(set)
        };
        let once = nameless(serde_json::from_str(&once).expect("JSON"));
        for seed in 0..SEEDS {
            write(&path, &scrambled(&observed, Depth::Groups, seed));
            let again = nameless(place.run(&arguments).expect(0).json());
            assert_eq!(again, once, "{name}, seed {seed}, lists of groups");
        }
    }
}

/// The set without digests: those of files are of bytes, and those of plans are of all that.
fn without_digests(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map) => {
            map.retain(|key, _| !key.contains("digest") && key != "imports");
            for inner in map.values_mut() {
                *inner = without_digests(inner.take());
            }
        }
        Value::Array(items) => {
            for inner in items {
                *inner = without_digests(inner.take());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

#[test]
fn the_order_of_a_config_has_no_say() {
    for name in DEMO_CLUSTERS {
        let place = demo();
        let jsonnet = format!("testdata/demo/clusters/{name}.jsonnet");
        let config = place
            .run(&["render", &jsonnet, "--format", "json"])
            .expect(0)
            .json();
        let live = format!("testdata/demo/recorded/{name}.observed.json");
        let plan = |place: &Place| {
            let run = place.run(&["plan", "config.json", "--live", &live, "--format", "json"]);
            let mut set = run.expect(0).json();
            set["clusters"][0]["id"] = Value::Null;
            set
        };
        let files = |set: &Value| -> Vec<Value> {
            let steps = set["clusters"][0]["steps"]
                .as_array()
                .expect("a list")
                .iter();
            steps
                .flat_map(|s| s["actions"].as_array().expect("a list").clone())
                .map(|a| a["files"].clone())
                .collect()
        };
        place.file("config.json", &config.to_string());
        let once = plan(&place);
        for seed in 0..SEEDS {
            place.file("config.json", &scrambled(&config, Depth::Document, seed));
            let again = plan(&place);
            assert_eq!(
                files(&again),
                files(&once),
                "{name}, seed {seed}: a tool would read other bytes"
            );
            assert_eq!(
                without_digests(again),
                without_digests(once.clone()),
                "{name}, seed {seed}"
            );
            place.file("config.json", &scrambled(&config, Depth::Groups, seed));
            assert_eq!(
                without_digests(plan(&place)),
                without_digests(once.clone()),
                "{name}, seed {seed}"
            );
        }
    }
}

#[test]
fn the_order_of_clusters_in_a_fleet_has_no_say() {
    let place = demo();
    let arguments = ["plan", "--fleet", DEMO_FLEET, "--format", "markdown"];
    let once = place.run(&arguments).expect(0).stdout;
    let text = read(&testdata("demo/fleet.yaml"));
    let mut fleet: Value = serde_saphyr::from_str(&text).expect("YAML");
    fleet["clusters"].as_array_mut().expect("a list").reverse();
    write(&place.work().join(DEMO_FLEET), &fleet.to_string());
    let again = place.run(&arguments).expect(0).stdout;
    let lines = |text: &str| -> Vec<String> {
        // The fleet file has other bytes, so its digest and those of the plans are others.
        text.lines()
            .filter(|l| !l.contains("sha256:") && !l.contains("| plan |"))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(lines(&again), lines(&once));
}
