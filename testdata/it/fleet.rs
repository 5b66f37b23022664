//! The demo fleet plans what its README promises, read from the plans themselves.

use crate::support::{DEMO_FLEET, demo};
use serde_json::Value;
use std::collections::BTreeMap;

fn plans() -> BTreeMap<String, Value> {
    let run = demo()
        .run(&["plan", "--fleet", DEMO_FLEET, "--format", "json"])
        .expect(0);
    let clusters = run.json()["clusters"].as_array().expect("a list").clone();
    clusters
        .into_iter()
        .map(|p| (p["name"].as_str().expect("a name").to_owned(), p))
        .collect()
}

fn ids(list: &Value) -> Vec<String> {
    let steps = list.as_array().expect("a list").iter();
    steps
        .map(|step| step["id"].as_str().expect("an id").to_owned())
        .collect()
}

fn count(ids: &[String], prefix: &str) -> usize {
    ids.iter().filter(|id| id.starts_with(prefix)).count()
}

fn at(ids: &[String], id: &str) -> usize {
    ids.iter()
        .position(|other| other == id)
        .unwrap_or_else(|| panic!("no `{id}` in {ids:#?}"))
}

fn codes(plan: &Value) -> Vec<&str> {
    let findings = plan["findings"].as_array().expect("a list").iter();
    findings
        .map(|finding| finding["code"].as_str().expect("a code"))
        .collect()
}

#[test]
fn no_demo_plan_is_refused_by_the_audit() {
    for (name, plan) in plans() {
        assert!(
            !codes(&plan).contains(&"STW-AUDIT"),
            "{name}: {:#}",
            plan["findings"]
        );
    }
}

#[test]
fn harbor_goes_one_hop_and_leaves_its_nodes() {
    let plan = &plans()["harbor"];
    let ids = ids(&plan["steps"]);
    assert_eq!(ids[0], "upgrade-control-plane/cluster@1.34");
    assert_eq!(ids[1], "bake/cluster@1.34");
    assert!(
        ids[2].starts_with("update-addon/kube-proxy@v1.34."),
        "{ids:?}"
    );
    assert!(ids.iter().all(|id| !id.contains("nodegroup")), "{ids:?}");
    assert_eq!(plan["not_now"], serde_json::json!([]));
    assert!(codes(plan).contains(&"STW-LAG"));
}

#[test]
fn summit_climbs_four_minors_and_replaces_each_group_once() {
    let plan = &plans()["summit"];
    let ids = ids(&plan["steps"]);
    let hops: Vec<&String> = ids
        .iter()
        .filter(|id| id.starts_with("upgrade-control-plane"))
        .collect();
    let expected: Vec<String> = (31..=34)
        .map(|minor| format!("upgrade-control-plane/cluster@1.{minor}"))
        .collect();
    assert_eq!(hops, expected.iter().collect::<Vec<_>>());
    assert_eq!(
        (
            count(&ids, "create-nodegroup/"),
            count(&ids, "delete-nodegroup/")
        ),
        (8, 8)
    );
    let (before, after) = (at(&ids, &expected[2]), at(&ids, &expected[3]));
    for (index, id) in ids
        .iter()
        .enumerate()
        .filter(|(_, id)| id.contains("-nodegroup/"))
    {
        assert!(
            before < index && index < after,
            "{id} is not between the hops to 1.33 and 1.34"
        );
    }
    let driver = ids
        .iter()
        .position(|id| id.starts_with("update-addon/aws-ebs-csi-driver"));
    assert!(driver.is_some_and(|at| at < before), "{ids:?}");
    let cni: Vec<&str> = ids
        .iter()
        .filter_map(|id| id.strip_prefix("update-addon/vpc-cni@"))
        .collect();
    assert_eq!(cni, ["v1.20.4-eksbuild.1", "v1.21.1-eksbuild.1"]);
}

#[test]
fn glacier_leaves_amazon_linux_2_after_the_hop_to_1_33() {
    let plan = &plans()["glacier"];
    let ids = ids(&plan["steps"]);
    let hop = at(&ids, "upgrade-control-plane/cluster@1.33");
    assert!(at(&ids, "create-nodegroup/core-b@1.33") > hop);
    assert_eq!(
        (count(&ids, "create-nodegroup/"), count(&ids, "phase-out/")),
        (7, 2)
    );
    let gone = ids.iter().filter(|id| id.starts_with("delete-nodegroup/"));
    assert!(gone.clone().all(|id| id.contains("-a@")), "{ids:?}");
    for kind in ["create", "verify", "taint", "drain", "delete"] {
        let name = if ["create", "verify"].contains(&kind) {
            "core-b"
        } else {
            "core-a"
        };
        assert_eq!(
            count(&ids, &format!("{kind}-nodegroup/{name}@")),
            1,
            "{kind}"
        );
    }
}

#[test]
fn meadow_moves_its_groups_in_place_before_the_hop() {
    let plan = &plans()["meadow"];
    let ids = ids(&plan["steps"]);
    let hop = at(&ids, "upgrade-control-plane/cluster@1.35");
    let moves: Vec<usize> = (0..ids.len())
        .filter(|index| ids[*index].starts_with("upgrade-nodegroup/"))
        .collect();
    assert_eq!(moves.len(), 10);
    assert!(moves.iter().all(|index| *index < hop), "{ids:?}");
    for index in moves {
        let step = &plan["steps"][index];
        assert_eq!(step["actions"][0]["operation"], "UpdateNodegroupVersion");
        assert_eq!(step["irreversible"], true);
    }
    assert_eq!(
        (
            count(&ids, "scale-nodegroup/"),
            count(&ids, "create-nodegroup/")
        ),
        (3, 0)
    );
}

#[test]
fn tundra_phases_generation_c_out_and_leaves_the_declared_one() {
    let plan = &plans()["tundra"];
    let ids = ids(&plan["steps"]);
    assert_eq!(count(&ids, "upgrade-control-plane"), 0);
    at(&ids, "phase-out/nb-prod-r7i-xlarge-c@1.34");
    assert!(
        ids.iter().all(|id| !id.contains("nb-prod-r7i-4xlarge-c")),
        "{ids:?}"
    );
    assert!(
        ids.iter()
            .filter(|id| id.starts_with("delete-nodegroup/"))
            .all(|id| id.contains("-c@"))
    );
}

#[test]
fn canyon_is_blocked_by_images_insight_and_budget() {
    let plan = &plans()["canyon"];
    assert_eq!(plan["steps"], serde_json::json!([]));
    assert_eq!(plan["summary"]["blocked"], 1);
    for code in ["STW-R4-AL2", "STW-R8-INSIGHT", "STW-R8-PDB"] {
        assert!(codes(plan).contains(&code), "{code}");
    }
}

#[test]
fn lagoon_has_nothing_to_do_and_says_so() {
    let run = demo()
        .run(&["plan", "--fleet", DEMO_FLEET, "lagoon"])
        .expect(0);
    assert_eq!(run.stdout.lines().next(), Some("No changes."));
    assert_eq!(run.stdout.lines().last(), Some("No changes."));
}

#[test]
fn delta_updates_its_own_addons_by_eksctl_and_checks_each() {
    let plan = &plans()["delta"];
    let steps = plan["steps"].as_array().expect("a list");
    let utilities: Vec<&str> = steps
        .iter()
        .filter(|step| step["kind"] == "update-addon")
        .map(|step| step["actions"][0]["argv"][1].as_str().expect("a verb"))
        .collect();
    assert_eq!(
        utilities,
        ["update-kube-proxy", "update-aws-node", "update-coredns"]
    );
    let repair = steps
        .iter()
        .position(|step| step["kind"] == "repair-addon")
        .expect("a repair");
    assert_eq!(steps[repair - 1]["subject"], "vpc-cni");
    assert!(steps[repair]["actions"][0]["only_if"].is_object());
    for step in steps
        .iter()
        .filter(|step| step["kind"] == "update-addon" && step["subject"] != "vpc-cni")
    {
        assert_eq!(
            step["wait"]["for"]["fact"], "workload-rolled-out",
            "{}",
            step["id"]
        );
    }
}

#[test]
fn the_first_and_the_last_line_are_the_summary() {
    let run = demo().run(&["plan", "--fleet", DEMO_FLEET]).expect(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(
        lines[0].starts_with("Plan: 5 to upgrade, 16 to swap, "),
        "{}",
        lines[0]
    );
    assert_eq!(lines.first(), lines.last());
}

#[test]
fn no_step_file_holds_more_than_its_own_group_at_the_control_planes_version() {
    let place = demo();
    place
        .run(&["plan", "--fleet", DEMO_FLEET, "--out", "plans"])
        .expect(0);
    let folder = place.work().join("plans");
    let mut seen = 0;
    for file in crate::support::files_below(&folder)
        .iter()
        .filter(|f| f.contains("/files/"))
    {
        let document: Value =
            serde_json::from_str(&crate::support::read(&folder.join(file))).expect("JSON");
        let name = file.rsplit_once('/').expect("a folder").1;
        let (group, version) = name
            .trim_end_matches(".json")
            .rsplit_once('@')
            .expect("name@version");
        let lists =
            ["nodeGroups", "managedNodeGroups"].map(|key| document[key].as_array().cloned());
        let groups: Vec<Value> = lists.into_iter().flatten().flatten().collect();
        assert_eq!(groups.len(), 1, "{file}");
        assert_eq!(
            (&groups[0]["name"], &document["metadata"]["version"]),
            (&group.into(), &version.into())
        );
        let old = groups[0]["amiFamily"] == "AmazonLinux2";
        assert!(!old || file.contains("canyon"), "{file} holds an AL2 group");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}
