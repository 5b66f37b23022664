//! Parts of a fleet: shards and their merge, what a change affects, waves, windows, hostile fleets.

use crate::support::{Place, Run, files_below, read, top};
use serde_json::{Value, json};
use stairway::render::{ImportScan, Reads, RenderOptions, WorkerMode, render_file};

pub(crate) const REFUSED: i32 = 5;
pub(crate) const USAGE: i32 = 64;

/// A config in jsonnet that takes its version from a shared library.
pub(crate) fn config(name: &str, library: &str) -> String {
    format!("local lib = import '../lib/{library}.libsonnet';\nlib.cluster('{name}')\n")
}

pub(crate) fn library(version: &str) -> String {
    format!(
        "{{ cluster(name):: {{ apiVersion: 'eksctl.io/v1alpha5', kind: 'ClusterConfig', \
         metadata: {{ name: name, region: 'us-west-2', version: '{version}' }}, \
         managedNodeGroups: [(import 'group.libsonnet')] }} }}\n"
    )
}

pub(crate) const GROUP: &str = "{ name: 'core-a', instanceType: 'm5.large', minSize: 1, maxSize: 3, \
                     amiFamily: 'AmazonLinux2023', labels: { 'node-purpose': 'core' } }\n";

/// Names and waves of the fleet's clusters.
pub(crate) const CLUSTERS: [(&str, Option<&str>); 7] = [
    ("alder", Some("canary")),
    ("birch", Some("rest")),
    ("cedar", Some("rest")),
    ("elder", None),
    ("hazel", Some("rest")),
    ("larch", Some("canary")),
    ("maple", Some("rest")),
];

pub(crate) fn fleet_text(extra: &str) -> String {
    let mut text =
        format!("apiVersion: stairway/v1\nkind: Fleet\nwaves: [canary, rest]\n{extra}clusters:\n");
    for (name, wave) in CLUSTERS {
        let wave = wave.map_or_else(String::new, |wave| format!("    wave: {wave}\n"));
        text.push_str(&format!(
            "  - name: {name}\n    config: clusters/{name}.jsonnet\n{wave}    live: {{assumed: old/{name}.json}}\n"
        ));
    }
    text
}

/// A fleet of seven, one minor behind git; the first three share a library of their own.
pub(crate) fn fleet() -> Place {
    let place = Place::new();
    place.file("fleet.yaml", &fleet_text(""));
    place.file("lib/old.libsonnet", &library("1.34"));
    place.file("lib/new.libsonnet", &library("1.34"));
    place.file("lib/group.libsonnet", GROUP);
    for (index, (name, _)) in CLUSTERS.into_iter().enumerate() {
        let library = if index < 3 { "old" } else { "new" };
        place.file(&format!("clusters/{name}.jsonnet"), &config(name, library));
        place.json(&format!("old/{name}.json"), &live(name));
    }
    place
}

pub(crate) fn live(name: &str) -> Value {
    json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": name, "region": "us-west-2", "version": "1.33"},
        "managedNodeGroups": [{
            "name": "core-a", "instanceType": "m5.large", "minSize": 1, "maxSize": 3,
            "amiFamily": "AmazonLinux2023", "labels": {"node-purpose": "core"},
        }],
    })
}

pub(crate) fn commit(place: &Place) -> String {
    crate::approve::commit(place, "someone@example.org")
}

pub(crate) fn names(set: &Value) -> Vec<String> {
    let clusters = set["clusters"].as_array().expect("a list").iter();
    clusters
        .map(|plan| plan["name"].as_str().expect("a name").to_owned())
        .collect()
}

pub(crate) fn affected(place: &Place, rev: &str) -> (Vec<String>, Run) {
    let run = place
        .run(&["plan", "--changed-since", rev, "--format", "json"])
        .expect(0);
    (names(&run.json()), run)
}

#[test]
fn shards_cover_the_fleet_once_and_say_what_they_are() {
    let place = fleet();
    let mut all = Vec::new();
    for index in 1..=3 {
        let shard = format!("{index}/3");
        let run = place
            .run(&["plan", "--shard", &shard, "--format", "json"])
            .expect(0);
        let set = run.json();
        assert_eq!(
            set["partial"],
            json!({"of": 7, "by": [format!("--shard {shard}")]})
        );
        assert_eq!(set["waves"], json!(["canary", "rest"]));
        all.extend(names(&set));
    }
    all.sort();
    assert_eq!(all, CLUSTERS.map(|(name, _)| name));
    let table = place.run(&["plan", "--shard", "2/3"]).expect(0);
    let second = table.stdout.lines().nth(1).unwrap_or_default();
    assert!(second.starts_with("Partial: "), "{}", table.stdout);
    assert!(second.contains("chosen by --shard 2/3"), "{second}");
    let markdown = place
        .run(&["plan", "--shard", "2/3", "--format", "markdown"])
        .expect(0);
    assert!(
        markdown.stdout.lines().take(8).any(|line| line
            .contains("This is a part of the fleet: 2 of 7 clusters")
            || line.contains("This is a part of the fleet: 3 of 7 clusters")
            || line.contains("This is a part of the fleet: 1 of 7 clusters")),
        "{}",
        markdown.stdout
    );
    for wrong in ["0/3", "4/3", "3", "a/b", "-1/3"] {
        let option = format!("--shard={wrong}");
        place.run(&["plan", &option]).calm().expect(USAGE);
    }
    // One shard is everything.
    let run = place
        .run(&["plan", "--shard", "1/1", "--format", "json"])
        .expect(0);
    assert_eq!(run.json().get("partial"), None);
}

#[test]
fn clusters_that_were_named_are_a_part_of_the_fleet() {
    let place = fleet();
    let partial = |subjects: &[&str]| {
        let line = [&["plan"][..], subjects, &["--format", "json"]].concat();
        place.run(&line).expect(0).json()["partial"].clone()
    };
    for (subjects, by) in [
        (vec!["alder"], json!(["alder"])),
        (vec!["*e*r"], json!(["'*e*r'"])),
        (
            vec!["clusters/alder.jsonnet", "birch"],
            json!(["clusters/alder.jsonnet", "birch"]),
        ),
        (
            vec!["*r*", "--exclude", "birch"],
            json!(["--exclude birch", "'*r*'"]),
        ),
    ] {
        assert_eq!(
            partial(&subjects),
            json!({"of": 7, "by": by}),
            "{subjects:?}"
        );
    }
    // Who names all of them leaves none out.
    assert_eq!(partial(&["*"]), Value::Null);
    // Of a config that no fleet lists nothing is a part, whether there is a fleet or not.
    place.json("alone/new.json", &live("alder"));
    let alone = ["alone/new.json", "--live", "old/alder.json"];
    assert_eq!(partial(&alone), Value::Null);
    std::fs::remove_file(place.work().join("fleet.yaml")).expect("removed");
    assert_eq!(partial(&alone), Value::Null);
}

#[test]
fn a_cluster_more_moves_no_other_to_another_shard() {
    let place = fleet();
    let of = |place: &Place| {
        let run = place
            .run(&["plan", "--shard", "1/3", "--format", "json"])
            .expect(0);
        names(&run.json())
    };
    let before = of(&place);
    let more = fleet_text("").replace(
        "clusters:\n",
        "clusters:\n  - name: aspen\n    config: clusters/aspen.jsonnet\n    live: {assumed: old/alder.json}\n",
    );
    place.file("fleet.yaml", &more);
    place.file("clusters/aspen.jsonnet", &config("alder", "old"));
    let mut after = of(&place);
    after.retain(|name| name != "aspen");
    assert_eq!(after, before);
}

#[test]
fn merged_shards_are_byte_for_byte_the_set_of_one_run() {
    let place = fleet();
    // One cluster gets no plan: errors are merged too.
    place.file("clusters/hazel.jsonnet", "{ broken: error 'no' }\n");
    let whole = place
        .run(&["plan", "--json-into", "whole.json", "--out", "whole"])
        .expect(1);
    let mut folders = vec!["merge".to_owned()];
    for index in 1..=3 {
        let (shard, out) = (format!("{index}/3"), format!("shard-{index}"));
        let run = place.run(&["plan", "--shard", &shard, "--out", &out]);
        assert!([0, 1].contains(&run.code), "{}", run.stderr);
        folders.push(out);
    }
    let mut arguments: Vec<&str> = folders.iter().map(String::as_str).collect();
    arguments.extend(["--out", "merged", "--json-into", "merged.json"]);
    let merged = place.run(&arguments).expect(1);
    let text = |name: &str| read(&place.work().join(name));
    assert_eq!(text("merged.json"), text("whole.json"));
    assert_eq!(text("merged/planset.json"), text("whole/planset.json"));
    assert_eq!(merged.stdout, whole.stdout);
    // The folders are those of one run, too: every plan with all that stands beside it.
    let below = |name: &str| files_below(&place.work().join(name));
    assert_eq!(below("merged"), below("whole"));
    for file in below("whole") {
        assert_eq!(
            text(&format!("merged/{file}")),
            text(&format!("whole/{file}")),
            "{file}"
        );
    }
    arguments.truncate(4);
    arguments.extend(["--format", "json", "--detailed-exitcode"]);
    let printed = place.run(&arguments).expect(1);
    assert_eq!(printed.stdout, text("whole.json"));
}

#[test]
fn a_missing_shard_is_told_and_fails() {
    let place = fleet();
    for index in [1, 3] {
        let (shard, file) = (format!("{index}/3"), format!("{index}.json"));
        place
            .run(&["plan", "--shard", &shard, "--json-into", &file])
            .expect(0);
    }
    let run = place.run(&["merge", "3.json", "1.json"]);
    let run = run.refused(&[1], &["shard 2/3 is missing", "stairway plan --shard 2/3"]);
    let second = run.stdout.lines().nth(1).unwrap_or_default();
    assert!(
        second.contains("chosen by --shard 1/3 --shard 3/3"),
        "{}",
        run.stdout
    );
}

#[test]
fn shards_that_lost_a_cluster_or_were_planned_otherwise_are_no_fleet() {
    let place = fleet();
    let plan = |shard: &str, file: &str, more: &[&str]| {
        let line = ["plan", "--shard", shard, "--json-into", file];
        place.run(&[&line[..], more].concat()).expect(0);
    };
    plan("1/2", "1.json", &[]);
    plan("2/2", "2.json", &[]);
    place.run(&["merge", "1.json", "2.json"]).expect(0);
    let mut cut: Value = serde_json::from_str(&read(&place.work().join("2.json"))).expect("a set");
    let clusters = cut["clusters"].as_array_mut().expect("a list");
    assert!(clusters.pop().is_some());
    place.json("cut.json", &cut);
    let run = place.run(&["merge", "1.json", "cut.json"]).refused(
        &[1],
        &[
            "the fleet has 7 clusters and all shards together have 6",
            "stairway plan --shard 1/2",
        ],
    );
    let second = run.stdout.lines().nth(1).unwrap_or_default();
    assert!(
        second.starts_with("Partial: 6 of the fleet's 7"),
        "{}",
        run.stdout
    );
    plan("2/2", "other.json", &["--to", "1.33"]);
    place.run(&["merge", "1.json", "other.json"]).refused(
        &[1],
        &[
            "different `--to`",
            "`1.33` (`other.json`)",
            "without it (`1.json`)",
        ],
    );
    plan("2/2", "day.json", &["--at", "2026-08-01T00:00:00Z"]);
    place.run(&["merge", "1.json", "day.json"]).refused(
        &[1],
        &[
            "different days, see `--at`",
            "2026-08-01T00:00:00Z (`day.json`)",
        ],
    );
}

#[test]
fn sets_that_contradict_each_other_are_refused() {
    let place = fleet();
    let plan = |options: &[&str], file: &str| {
        let mut arguments = vec!["plan"];
        arguments.extend(options);
        arguments.extend(["--json-into", file]);
        place.run(&arguments).expect(0);
    };
    plan(&[], "all.json");
    plan(&["--shard", "1/2"], "half.json");
    plan(&["--shard", "1/3"], "third.json");
    plan(&["--target", "alder"], "alder.json");
    plan(&["alder", "--to", "1.33"], "other.json");
    let merge = |sets: &[&str]| {
        let mut arguments = vec!["merge"];
        arguments.extend(sets);
        place.run(&arguments)
    };
    merge(&["half.json", "third.json"]).refused(&[1], &["are shards of 2 and of 3"]);
    merge(&["all.json", "half.json"]).refused(&[1], &["is a shard"]);
    merge(&["half.json", "all.json"]).refused(&[1], &["the second is not"]);
    merge(&["all.json", "other.json"]).refused(
        &[1],
        &["different plans of `alder`", "all.json", "other.json"],
    );
    merge(&["nowhere.json"]).refused(&[1], &["nowhere.json"]);
    // The same plan twice is one plan.
    let run = merge(&["all.json", "alder.json"]).expect(0);
    assert!(!run.stdout.contains("Partial"), "{}", run.stdout);
    let broken = read(&place.work().join("all.json")).replacen("\"1.34\"", "\"1.35\"", 1);
    place.file("broken.json", &broken);
    merge(&["broken.json"]).refused(&[REFUSED], &["was changed after it was made"]);
    place.file("cut.json", &broken[..broken.len() / 2]);
    merge(&["cut.json"]).refused(&[1], &["cut.json"]);
    plan(&["--out", "plans"], "again.json");
    let one = files_below(&place.work().join("plans"))
        .into_iter()
        .find(|file| file.ends_with("plan.json"))
        .expect("a plan");
    merge(&[&format!("plans/{one}")]).refused(&[1], &["is a single plan"]);
    // Shards of two states of a fleet may both miss a cluster that moved.
    plan(&["--shard", "2/2"], "second.json");
    place.file("fleet.yaml", &fleet_text("prune: [x]\n"));
    plan(&["--shard", "1/2"], "first.json");
    merge(&["first.json", "second.json"]).refused(&[1], &["different fleet files"]);
}

#[test]
fn clusters_go_in_waves() {
    let place = fleet();
    let table = place.run(&["plan"]).expect(0).stdout;
    let at = |words: &str| {
        table
            .find(words)
            .unwrap_or_else(|| panic!("no `{words}` in {table}"))
    };
    assert!(at("Wave 1 of 2: canary, 2 clusters") < at("━━ alder"));
    assert!(at("━━ alder") < at("━━ larch"));
    assert!(at("━━ larch") < at("Wave 2 of 2: rest, 4 clusters"));
    assert!(at("━━ maple") < at("In no wave, so after all of them: 1 cluster"));
    assert!(at("In no wave") < at("━━ elder"));
    let markdown = place
        .run(&["plan", "--format", "markdown"])
        .expect(0)
        .stdout;
    assert!(
        markdown.contains("| cluster | wave |") && markdown.contains("| larch | canary |"),
        "{markdown}"
    );
    let run = place
        .run(&["plan", "--wave", "canary", "--format", "json"])
        .expect(0);
    assert_eq!(names(&run.json()), ["alder", "larch"]);
    assert_eq!(run.json()["clusters"][0]["wave"], "canary");
    place
        .run(&["plan", "--wave", "canari"])
        .refused(&[USAGE], &["no wave `canari`", "--wave canary"]);
    place
        .run(&[
            "plan",
            "clusters/alder.jsonnet",
            "--live",
            "old/alder.json",
            "--fleet",
            "nowhere.yaml",
        ])
        .refused(&[1], &["nowhere.yaml"]);
}

#[test]
fn what_a_fleet_names_twice_or_outside_is_refused_with_its_place() {
    let place = fleet();
    let good = fleet_text("");
    let rows = [
        (
            "two names that differ in case",
            good.replace("name: birch", "name: ALDER"),
            "fleet.yaml:9:5: `clusters[1].name`: `ALDER` and `alder` differ in case only",
        ),
        (
            "one config, one of them without a name",
            good.replace(
                "  - name: birch\n    config: clusters/birch.jsonnet",
                "  - config: ./clusters/alder.jsonnet",
            ),
            "fleet.yaml:9:5: `clusters[1].config`: another cluster has the config `./clusters/alder.jsonnet` too",
        ),
        (
            "a config outside",
            good.replace("clusters/birch.jsonnet", "../outside.jsonnet"),
            "fleet.yaml:10:5: `clusters[1].config`: `../outside.jsonnet` is outside of the root folder",
        ),
        (
            "a live side outside",
            good.replace("old/birch.json", "/etc/passwd"),
            "fleet.yaml:12:12: `clusters[1].live.assumed`: `/etc/passwd` is outside",
        ),
        (
            "an empty config",
            good.replace("clusters/birch.jsonnet", "''"),
            "fleet.yaml:10:5: `clusters[1].config`: a file is to be named here",
        ),
        (
            "a wave twice",
            good.replace("[canary, rest]", "[canary, rest, canary]"),
            "fleet.yaml:3:23: `waves[2]`: the wave `canary` is there twice",
        ),
    ];
    for (what, text, said) in rows {
        place.file("fleet.yaml", &text);
        let run = place.run(&["plan"]).calm().expect(1);
        assert!(run.stderr.contains(said), "{what}: {}", run.stderr);
    }
}

#[test]
fn one_config_makes_several_clusters_by_other_arguments() {
    let place = fleet();
    place.file(
        "clusters/alder.jsonnet",
        "function(name) (import '../lib/old.libsonnet').cluster(name)\n",
    );
    place.file(
        "fleet.yaml",
        "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n\
         - {name: one, config: clusters/alder.jsonnet, tlas: {name: alder}, live: {assumed: old/alder.json}}\n\
         - {name: two, config: clusters/alder.jsonnet, tlas: {name: birch}, live: {assumed: old/birch.json}}\n",
    );
    let run = place.run(&["plan", "--format", "json"]).expect(0);
    assert_eq!(names(&run.json()), ["one", "two"]);
    // Its file names both.
    let run = place
        .run(&["plan", "clusters/alder.jsonnet", "--format", "json"])
        .expect(0);
    assert_eq!(names(&run.json()), ["one", "two"]);
}

#[test]
fn a_fleet_of_five_thousand_entries_is_read_at_once() {
    let place = Place::new();
    place.json("old.json", &live("c"));
    place.json("c.json", &live("c"));
    let mut text = String::from("apiVersion: stairway/v1\nkind: Fleet\nclusters:\n");
    for index in 0..5000 {
        text.push_str(&format!(
            "  - {{name: c{index:05}, config: clusters/c{index:05}.json, live: {{assumed: old.json}}}}\n"
        ));
    }
    place.file("fleet.yaml", &text);
    place
        .run(&["plan", "c0000"])
        .refused(&[1], &["No cluster of the fleet matches `c0000`"]);
    let wrong = text.replace("c04999,", "c04998,");
    place.file("fleet.yaml", &wrong);
    place.run(&["plan"]).refused(
        &[1],
        &["fleet.yaml:5003:", "another cluster is called `c04998`"],
    );
}

#[test]
fn plans_show_the_maintenance_windows() {
    let place = fleet();
    let windows = |text: &str| fleet_text(&format!("policy: {{windows: [{text}]}}\n"));
    place.file(
        "fleet.yaml",
        &windows("{days: [sat, sun], from: \"06:00\", for: 12h}"),
    );
    let found = |place: &Place| {
        let run = place.run(&["plan", "alder", "--format", "json"]).expect(0);
        let plan = run.json()["clusters"][0].clone();
        let findings = plan["findings"].as_array().expect("a list").clone();
        let windows: Vec<Value> = findings
            .into_iter()
            .filter(|f| f["code"] == "STW-WINDOW")
            .collect();
        assert_eq!(windows.len(), 1, "{windows:#?}");
        (windows[0].clone(), plan)
    };
    let (finding, plan) = found(&place);
    assert_eq!(finding["severity"], "note");
    let message = finding["message"].as_str().expect("text");
    assert!(message.contains("sat, sun 06:00 UTC for 12h"), "{message}");
    assert_eq!(plan["not_now"], json!([]));
    let steps = plan["steps"].as_array().expect("a list").len();
    place.file("fleet.yaml", &windows("{from: \"06:00\", for: 1m}"));
    let (finding, plan) = found(&place);
    assert_eq!(finding["severity"], "mandatory");
    assert_eq!(plan["steps"], json!([]));
    assert_eq!(plan["not_now"].as_array().expect("a list").len(), steps);
    assert_eq!(plan["not_now"][0]["blocked_by"][0]["code"], "STW-WINDOW");
    assert_eq!(plan["summary"]["blocked"], 1);
    // The cluster's own windows replace the fleet's.
    let own = windows("{from: \"06:00\", for: 1m}").replace(
        "live: {assumed: old/alder.json}",
        "policy: {windows: [{from: \"06:00\", for: 12h}]}\n    live: {assumed: old/alder.json}",
    );
    place.file("fleet.yaml", &own);
    assert_eq!(found(&place).0["severity"], "note");
    let page = place.run(&["explain", "STW-WINDOW"]).expect(0);
    assert!(page.stdout.contains("policy.windows"), "{}", page.stdout);
}

/// The scan of words finds every file that evaluation reads, over all configs that there are.
#[test]
fn the_static_scan_finds_all_that_a_rendering_reads() {
    let mut rendered_files = 0;
    let mut imported = 0;
    for folder in [
        "testdata/configs",
        "testdata/demo",
        "testdata/scenarios",
        "templates",
    ] {
        let root = std::fs::canonicalize(top()).expect("the top");
        for file in files_below(&root.join(folder)) {
            if !file.ends_with(".jsonnet") {
                continue;
            }
            let path = root.join(folder).join(&file);
            let options = RenderOptions {
                root: Some(root.clone()),
                worker: WorkerMode::InProcess,
                ..RenderOptions::default()
            };
            // What does not render reads nothing to the end.
            let Ok(rendered) = render_file(&path, &options) else {
                continue;
            };
            let mut reads = Reads::default();
            ImportScan::default().add(&path, &root, &mut reads);
            for import in &rendered.imports {
                let read = root.join(&import.path);
                assert!(
                    reads.files.contains(&read),
                    "{file}: {} is not in {:?}",
                    import.path,
                    reads.files
                );
                assert!(reads.paths.contains(&read), "{file}: {}", import.path);
            }
            rendered_files += 1;
            imported += rendered.imports.len();
        }
    }
    assert!(
        rendered_files >= 10,
        "only {rendered_files} configs rendered"
    );
    assert!(
        imported > 2 * rendered_files,
        "only {imported} files were read"
    );
}
