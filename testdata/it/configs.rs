//! Configs as people write them: each is taken or refused as `testdata/configs/README.md` says.

use crate::support::{Place, Run, names_in, read, testdata};
use serde_json::Value;
use std::collections::BTreeSet;

const FOLDER: &str = "testdata/configs";

fn run(command: &[&str]) -> Run {
    let place = Place::new();
    place.copy(FOLDER);
    place.run(command).calm()
}

fn render(file: &str) -> Run {
    run(&["render", &format!("{FOLDER}/{file}"), "--format", "json"])
}

fn taken(file: &str) -> Value {
    render(file).expect(0).json()
}

fn refused(file: &str, words: &[&str]) -> Run {
    let run = render(file).refused(&[1], words);
    assert!(run.stdout.is_empty(), "{file}: {}", run.stdout);
    run
}

/// Plans a config against a cluster of the same name that has nothing but a control plane.
fn plan_on_bare_cluster(file: &str, version: &str) -> Value {
    let place = Place::new();
    place.copy(FOLDER);
    let path = format!("{FOLDER}/{file}");
    let config = place
        .run(&["render", &path, "--format", "json"])
        .expect(0)
        .json();
    let empty = serde_json::json!([]);
    let mut observed = serde_json::json!({
        "format_version": 1,
        "kind": "Observation",
        "cluster": {"name": config["metadata"]["name"], "region": config["metadata"]["region"]},
        "observed_at": "2026-05-04T06:00:00Z",
        "control_plane": {"version": version, "status": "ACTIVE", "support_type": "EXTENDED"},
    });
    for list in [
        "updates",
        "nodegroups",
        "stacks",
        "nodes",
        "pods",
        "pdbs",
        "workloads",
        "addons",
        "insights",
    ] {
        observed[list] = empty.clone();
    }
    place.json("live.json", &observed);
    let run = place
        .run(&["plan", &path, "--live", "live.json", "--format", "json"])
        .expect(0);
    run.json()["clusters"][0].clone()
}

fn groups(config: &Value, list: &str) -> Vec<String> {
    let items = config[list].as_array().cloned().unwrap_or_default();
    items
        .iter()
        .map(|group| group["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn every_file_is_in_the_table_and_the_other_way_round() {
    let table: BTreeSet<String> = read(&testdata("configs/README.md"))
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| `")?
                .split_once('`')
                .map(|(name, _)| name.to_owned())
        })
        .collect();
    let files: BTreeSet<String> = names_in(&testdata("configs"))
        .into_iter()
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(table, files);
}

#[test]
fn an_absent_version_is_not_the_live_one_and_plans_no_hop() {
    let config = taken("version-absent.yaml");
    assert!(config["metadata"].get("version").is_none());
    let plan = plan_on_bare_cluster("version-absent.yaml", "1.33");
    let all = plan["steps"].as_array().expect("a list");
    assert!(
        all.iter()
            .all(|step| step["kind"] != "upgrade-control-plane"),
        "{all:?}"
    );
}

#[test]
fn absent_addons_declare_none() {
    assert!(taken("addons-absent.yaml").get("addons").is_none());
    let plan = plan_on_bare_cluster("addons-absent.yaml", "1.33");
    let all = plan["steps"].as_array().expect("a list");
    assert!(
        all.iter().all(|step| step["kind"] != "create-addon"),
        "{all:?}"
    );
}

#[test]
fn four_ways_to_give_an_addon_version_are_taken() {
    assert_eq!(
        taken("addons-mixed.yaml")["addons"]
            .as_array()
            .expect("a list")
            .len(),
        4
    );
}

#[test]
fn both_lists_are_read_side_by_side() {
    let config = taken("both-lists.yaml");
    assert_eq!(
        (
            groups(&config, "nodeGroups").len(),
            groups(&config, "managedNodeGroups").len()
        ),
        (1, 2)
    );
}

#[test]
fn an_instance_selector_leaves_the_types_unknown() {
    let _config = taken("instance-shapes.yaml");
    let plan = plan_on_bare_cluster("instance-shapes.yaml", "1.33");
    assert!(
        plan["steps"]
            .as_array()
            .is_some_and(|steps| !steps.is_empty())
    );
}

#[test]
fn taints_as_list_and_as_map_are_equal() {
    let place = Place::new();
    place.copy(FOLDER);
    let path = format!("{FOLDER}/taints-two-ways.yaml");
    let mut config = place
        .run(&["render", &path, "--format", "json"])
        .expect(0)
        .json();
    // The list under the map's name: what is live has the one form, git the other.
    for list in ["nodeGroups", "managedNodeGroups"] {
        let Some(items) = config[list].as_array_mut() else {
            continue;
        };
        let listed = items
            .iter()
            .find(|g| g["name"] == "nb-list-a")
            .map(|g| g["taints"].clone());
        for group in items.iter_mut().filter(|g| g["name"] == "nb-map-a") {
            group["taints"] = listed.clone().expect("nb-list-a is in the same list");
        }
    }
    place.json("live.json", &config);
    let run = place
        .run(&["diff", &path, "--live", "live.json", "--format", "json"])
        .expect(0);
    assert_eq!(run.json()[0]["differences"], serde_json::json!([]));
}

#[test]
fn an_unquoted_version_is_refused_with_the_fix() {
    refused(
        "version-unquoted.yaml",
        &["metadata.version", "1.30", "Hint", "\"1.30\""],
    );
}

#[test]
fn placeholders_are_refused_and_named() {
    let names = [
        "CLUSTER_NAME",
        "AWS_REGION",
        "KUBERNETES_VERSION",
        "AWS_ACCOUNT_ID",
    ];
    refused("placeholders.yaml", &names);
}

#[test]
fn anchors_and_merge_keys_are_resolved() {
    let config = taken("anchors-and-merge.yaml");
    let mut all = config["managedNodeGroups"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    all.extend(config["nodeGroups"].as_array().cloned().unwrap_or_default());
    assert_eq!(all.len(), 4);
    let group = all
        .iter()
        .find(|g| g["name"] == "nb-m7i-4xlarge-a")
        .expect("the group");
    assert_eq!(
        (&group["minSize"], &group["maxSize"], &group["volumeSize"]),
        (&0.into(), &4.into(), &80.into())
    );
    let labels = group["labels"].as_object().expect("labels");
    assert!(labels.values().any(|value| value == "user"), "{labels:?}");
}

#[test]
fn two_merges_that_contradict_each_other_are_refused_with_their_place() {
    refused("merge-twice.yaml", &["merge-twice.yaml:20:"]);
}

#[test]
fn a_name_that_is_too_long_is_blocked_and_named() {
    let plan = plan_on_bare_cluster("name-too-long.yaml", "1.33");
    let found = plan["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|f| f["code"] == "STW-NAME");
    let message = found.expect("a finding")["message"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert!(message.contains("63"), "{message}");
}

#[test]
fn colliding_names_are_refused_and_named() {
    refused("names-collide.yaml", &["core-a"]);
}

#[test]
fn zones_as_letters_are_plain_names() {
    let place = Place::new();
    place.copy(FOLDER);
    let path = format!("{FOLDER}/zones-as-letters.yaml");
    let run = place
        .run(&[
            "plan",
            &path,
            "--live",
            &path,
            "--at",
            "2026-05-04",
            "--format",
            "json",
        ])
        .expect(0);
    let plan = &run.json()["clusters"][0];
    assert_eq!(
        (&plan["steps"], &plan["not_now"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
}

#[test]
fn a_shell_bootstrap_is_blocked_by_rule_4() {
    let plan = plan_on_bare_cluster("shell-bootstrap.yaml", "1.32");
    let found = plan["findings"].as_array().expect("a list");
    assert!(
        found
            .iter()
            .any(|f| f["code"] == "STW-R4-AL2" && f["severity"] == "mandatory"),
        "{found:?}"
    );
}

#[test]
fn a_jinja_template_is_named_and_skipped_in_a_fleet() {
    refused("template.jsonnet", &["jinja template"]);
    let place = Place::new();
    place.copy(FOLDER);
    let live = "{assumed: testdata/configs/both-lists.yaml}";
    place.file("fleet.yaml", &format!(
        "apiVersion: stairway/v1\nkind: Fleet\nclusters:\n  - {{config: testdata/configs/template.jsonnet, live: {live}}}\n  - {{config: testdata/configs/both-lists.yaml, live: {live}}}\n"
    ));
    let run = place
        .run(&["plan", "--format", "json", "--at", "2026-05-04"])
        .expect(0);
    assert_eq!(run.json()["clusters"].as_array().expect("a list").len(), 1);
    assert!(
        run.stderr.contains("template.jsonnet") && run.stderr.contains("skipped"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_rendered_string_of_yaml_is_a_cluster() {
    assert_eq!(taken("yaml-in-string.jsonnet")["kind"], "ClusterConfig");
}

#[test]
fn one_file_can_hold_two_clusters() {
    let names: Vec<String> = taken("two-clusters.jsonnet")
        .as_array()
        .expect("a list")
        .iter()
        .map(|config| {
            config["metadata"]["name"]
                .as_str()
                .expect("a name")
                .to_owned()
        })
        .collect();
    assert_eq!(names, ["numbered-01", "numbered-02"]);
}

#[test]
fn an_import_from_outside_is_refused() {
    refused("import-outside.jsonnet", &["outside of the root"]);
}

#[test]
fn a_syntax_error_is_told_with_line_and_column() {
    refused("syntax-error.jsonnet", &["syntax-error.jsonnet:5:"]);
    refused("truncated.json", &["truncated.json:6:"]);
}

#[test]
fn eks_anywhere_is_read_and_its_plan_is_not_there_yet() {
    assert_eq!(
        taken("eks-anywhere-vsphere.yaml")
            .as_array()
            .expect("a list")
            .len(),
        6
    );
    let place = Place::new();
    place.copy(FOLDER);
    let path = format!("{FOLDER}/eks-anywhere-vsphere.yaml");
    place
        .run(&["plan", &path, "--live", &path])
        .refused(&[1], &["EKS Anywhere", "yet"]);
}

#[test]
fn other_kinds_are_refused_and_known_ones_named() {
    refused("wrong-kind.yaml", &["wrong-kind.yaml:10:", "!GetAtt"]);
    let place = Place::new();
    place.file(
        "deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n",
    );
    place.run(&["render", "deployment.yaml"]).refused(
        &[1],
        &[
            "Deployment",
            "eksctl.io/v1alpha5",
            "anywhere.eks.amazonaws.com",
        ],
    );
}
