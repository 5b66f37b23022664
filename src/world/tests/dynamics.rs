//! Time passes, and what was begun ends.

use super::*;
use crate::Mishap;
use crate::tools::{Running, Turn};
use stairway_core::model::{Known, Pod};

fn pods_on<'a>(world: &'a World, group: &str) -> Vec<&'a Pod> {
    let mut pods = world.cluster.pods_of(group);
    pods.retain(|pod| !pod.is_daemon());
    pods
}

#[test]
fn a_control_plane_is_updating_and_then_active_with_insights_for_both_ways() {
    let mut world = world();
    let answer = call(
        &mut world,
        "UpdateClusterVersion",
        json!({"name": "tiny", "version": "1.32"}),
    );
    let answer = answer.expect("an update");
    assert_eq!(answer["update"]["status"], "InProgress");
    assert_eq!(answer["update"]["type"], "VersionUpdate");
    world.advance(60);
    let plane = world.cluster.control_plane.value().expect("a plane");
    assert_eq!(plane.status, Known::Value("UPDATING".to_owned()));
    assert_eq!(world.version(), Some(minor("1.31")));
    let again = call(
        &mut world,
        "UpdateClusterVersion",
        json!({"name": "tiny", "version": "1.32"}),
    );
    assert_eq!(
        again.expect_err("one at a time").code,
        "ResourceInUseException"
    );
    let before = world.now;
    world.settle();
    let took = world.now.seconds_since(before) + 60;
    assert!((480..=720).contains(&took), "{took}");
    assert_eq!(world.version(), Some(minor("1.32")));
    let update = &world.cluster.updates.items()[0];
    assert_eq!(update.status, "Successful");
    assert_eq!(update.finished_at, Known::Value(world.now));
    let count = |world: &World, category: &str| {
        let insights = world.cluster.insights.items().iter();
        insights
            .filter(|i| i.category == category && i.status == "PASSING")
            .count()
    };
    assert_eq!(count(&world, "ROLLBACK_READINESS"), 5);
    assert_eq!(count(&world, "UPGRADE_READINESS"), 5);
    world.advance(8 * 86_400);
    assert_eq!(count(&world, "ROLLBACK_READINESS"), 0);
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
}

#[test]
fn a_rollback_is_one_minor_within_seven_days_of_an_upgrade() {
    const BACK: &str = "upgrade cluster -n tiny -r us-west-2 --version 1.31 --approve";
    let mut world = world();
    let refused = eksctl(
        &mut world,
        "upgrade cluster -n tiny -r us-west-2 --version 1.30 --approve",
    );
    assert_eq!(refused.exit, 1, "it was made at 1.31: {refused:?}");
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 0);
    let mut late = world.clone();
    let back = eksctl(&mut world, BACK);
    assert_eq!(back.exit, 0, "{back:?}");
    assert!(
        back.stdout.contains("rolled back to version \"1.31\""),
        "{back:?}"
    );
    assert_eq!(world.cluster.updates.items()[1].kind, "VersionRollback");
    late.advance(8 * 86_400);
    let refused = eksctl(&mut late, BACK);
    assert!(refused.stderr.contains("7 days"), "{refused:?}");
}

#[test]
fn nothing_hops_over_a_minor() {
    let mut world = world();
    let refused = eksctl(
        &mut world,
        "upgrade cluster -n tiny -r us-west-2 --version 1.33 --approve",
    );
    assert!(refused.stderr.contains("more than one version at a time"));
    let refused = call(
        &mut world,
        "UpdateClusterVersion",
        json!({"name": "tiny", "version": "1.33"}),
    );
    assert_eq!(
        refused.expect_err("over one").code,
        "InvalidParameterException"
    );
    assert!(world.is_quiet());
}

#[test]
fn a_killed_tools_change_goes_on() {
    let mut world = world();
    let mut running = Running::start(&words(UPGRADE), &BTreeMap::new(), &mut world);
    match running.turn(&mut world) {
        Turn::Waits { seconds, said } => {
            assert!(seconds > 0);
            assert!(said.starts_with("2026-09-01 08:00:00 [ℹ]  will upgrade cluster \"tiny\" control plane from current version \"1.31\" to \"1.32\"\n"), "{said}");
        }
        Turn::Exits { .. } => panic!("it waits for EKS"),
    }
    drop(running);
    world.settle();
    assert_eq!(world.version(), Some(minor("1.32")));

    let mut running = Running::start(
        &words(CREATE),
        &group_file("1.32", "core-b", true),
        &mut world,
    );
    running.turn(&mut world);
    drop(running);
    assert_eq!(status(&world, "core-b"), "CREATING");
    assert_eq!(
        stack(&world, "core-b").as_deref(),
        Some("CREATE_IN_PROGRESS")
    );
    world.settle();
    assert_eq!(status(&world, "core-b"), "ACTIVE");
    assert_eq!(ready(&world.cluster, "core-b"), 2);
}

#[test]
fn nodes_join_not_ready_and_become_ready() {
    let mut world = world();
    let files = group_file("1.31", "core-b", true);
    let _tool = Running::start(&words(CREATE), &files, &mut world);
    let mut seen_not_ready = false;
    for _ in 0..400 {
        world.advance(1);
        let nodes = world.cluster.nodes_of("core-b").count();
        seen_not_ready |= nodes == 2 && ready(&world.cluster, "core-b") == 0;
    }
    assert!(seen_not_ready);
    assert_eq!(ready(&world.cluster, "core-b"), 2);
    let node = world.cluster.nodes_of("core-b").next().expect("a node");
    assert_eq!(node.kubelet.value().map(|k| k.minor()), Some(minor("1.31")));
    let daemons = world.cluster.pods_of("core-b");
    assert_eq!(
        daemons.len(),
        4,
        "aws-node and kube-proxy on each: {daemons:?}"
    );
    assert!(world.cluster.contradictions().is_empty());
}

#[test]
fn a_token_is_answered_once_and_the_same() {
    let mut world = world();
    let ask = json!({"clusterName": "tiny", "nodegroupName": "core-a", "clientRequestToken": "t-1",
        "scalingConfig": {"minSize": 2, "maxSize": 6}});
    let first = call(&mut world, "UpdateNodegroupConfig", ask.clone()).expect("begun");
    let second = call(&mut world, "UpdateNodegroupConfig", ask.clone()).expect("the same");
    assert_eq!(first, second);
    world.settle();
    let third = call(&mut world, "UpdateNodegroupConfig", ask).expect("still the same");
    assert_eq!(first, third);
    assert_eq!(world.cluster.updates.items().len(), 1);
    assert_eq!(world.cluster.updates.items()[0].status, "Successful");
}

#[test]
fn a_managed_groups_settings_change_after_a_while() {
    let mut world = world();
    let ask = json!({"clusterName": "tiny", "nodegroupName": "core-a",
        "labels": {"addOrUpdateLabels": {"team": "blue"}},
        "taints": {"addOrUpdateTaints": [{"key": "stairway/phase-out", "value": "true", "effect": "NO_SCHEDULE"}]},
        "scalingConfig": {"minSize": 1, "maxSize": 2}});
    call(&mut world, "UpdateNodegroupConfig", ask).expect("begun");
    assert_eq!(status(&world, "core-a"), "UPDATING");
    let spec = |world: &World| Value::Object(world.nodegroup("core-a").expect("it").spec.clone());
    assert_eq!(spec(&world)["maxSize"], 4);
    world.settle();
    assert_eq!(status(&world, "core-a"), "ACTIVE");
    assert_eq!(spec(&world)["maxSize"], 2);
    assert_eq!(spec(&world)["labels"]["team"], "blue");
    assert_eq!(spec(&world)["taints"][0]["effect"], "NoSchedule");
    for node in world.cluster.nodes_of("core-a") {
        assert_eq!(node.taints, ["stairway/phase-out"]);
        assert!(!node.unschedulable, "a taint does not cordon");
    }
    let refused = call(
        &mut world,
        "UpdateNodegroupConfig",
        json!({"clusterName": "tiny",
        "nodegroupName": "core-a", "scalingConfig": {"minSize": 1, "maxSize": 1}}),
    );
    assert!(refused.is_err(), "two nodes do not fit a maximum of 1");
}

#[test]
fn a_self_managed_groups_later_nodes_do_not_get_its_taint() {
    let mut world = world();
    taint(&mut world, "nb-a");
    for node in world.cluster.nodes_of("nb-a") {
        assert_eq!(node.taints, ["hub", "stairway/phase-out"]);
    }
    eksctl(
        &mut world,
        "scale nodegroup -c tiny -n nb-a --nodes 3 --nodes-min 0 --nodes-max 4",
    );
    world.settle();
    let fresh = world
        .cluster
        .nodes_of("nb-a")
        .filter(|n| n.taints == ["hub"])
        .count();
    assert_eq!(fresh, 1);
}

#[test]
fn a_drain_cordons_moves_pods_under_their_budget_and_can_be_undone() {
    let mut world = world();
    assert_eq!(create(&mut world).exit, 0);
    taint(&mut world, "core-a");
    let before = world.now;
    let output = eksctl(&mut world, DRAIN);
    assert_eq!(output.exit, 0, "{output:?}");
    assert!(output.stdout.contains("drained all nodes: ["), "{output:?}");
    assert!(
        output.stdout.contains("unevictable"),
        "one budget for six pods: {output:?}"
    );
    assert!(
        world.now.seconds_since(before) >= 60,
        "the budget made it wait"
    );
    world.settle();
    assert!(pods_on(&world, "core-a").is_empty());
    assert_eq!(
        pods_on(&world, "core-b").len(),
        8,
        "six of the app, two of coredns"
    );
    assert_eq!(world.cluster.pdbs.items()[0].allowed, Known::Value(1));
    assert!(
        world
            .cluster
            .nodes_of("core-a")
            .all(|node| node.unschedulable)
    );
    eksctl(
        &mut world,
        "drain nodegroup -c tiny -r us-west-2 -n core-a --undo",
    );
    assert!(
        world
            .cluster
            .nodes_of("core-a")
            .all(|node| !node.unschedulable)
    );
    assert_eq!(eksctl(&mut world, DELETE).exit, 0);
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
    assert_eq!(status(&world, "core-a"), "gone");
    assert_eq!(stack(&world, "core-a"), None);
    assert!(world.cluster.past_nodegroups.contains("core-a"));
}

#[test]
fn evicted_pods_wait_until_the_autoscaler_makes_room() {
    let mut world = world();
    let evict = "drain nodegroup -c tiny -n core-a --timeout 60m";
    let output = eksctl(&mut world, evict);
    assert_eq!(
        output.exit, 0,
        "one at a time, each lands on the new node: {output:?}"
    );
    world.settle();
    assert_eq!(pods_on(&world, "spare-a").len(), 8);
    assert_eq!(ready(&world.cluster, "spare-a"), 1);
}

#[test]
fn nothing_grows_or_lands_where_a_group_is_marked_to_go() {
    let mut world = world();
    taint(&mut world, "spare-a");
    eksctl(&mut world, "drain nodegroup -c tiny -n core-a --timeout 5m");
    world.settle();
    assert_eq!(world.cluster.nodes_of("spare-a").count(), 0);
    assert!(
        pods_on(&world, "nb-a")
            .iter()
            .all(|pod| pod.name.starts_with("jupyter"))
    );
    let pods = world.cluster.pods.items();
    assert!(
        pods.iter().any(|pod| pod.node.is_none()),
        "they are Pending"
    );
    assert_eq!(
        world.cluster.pdbs.items()[0].allowed,
        Known::Value(0),
        "and draw on their budget"
    );
    eksctl(&mut world, "drain nodegroup -c tiny -n core-a --undo");
    world.settle();
    let pods = world.cluster.pods.items();
    assert!(pods.iter().all(|pod| pod.node.is_some()), "home again");
    assert_eq!(world.cluster.pdbs.items()[0].allowed, Known::Value(1));
}

#[test]
fn deleting_under_pods_and_the_last_core_node_are_mishaps() {
    let mut world = world();
    assert_eq!(eksctl(&mut world, DELETE).exit, 0);
    let lost = |mishap: &Mishap| matches!(mishap, Mishap::PodsLost { nodegroup, pods: 8 } if nodegroup == "core-a");
    assert!(world.mishaps.iter().any(lost), "{:?}", world.mishaps);
    assert!(world.mishaps.contains(&Mishap::NoCoreNode));
}

#[test]
fn a_managed_update_brings_new_nodes_first_and_honours_budgets() {
    let mut world = world();
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 0);
    let ask = json!({"clusterName": "tiny", "nodegroupName": "core-a", "version": "1.32"});
    call(&mut world, "UpdateNodegroupVersion", ask.clone()).expect("begun");
    let busy = call(&mut world, "UpdateNodegroupVersion", ask.clone());
    assert_eq!(busy.expect_err("in use").code, "ResourceInUseException");
    let before = world.now;
    world.settle();
    assert!(
        world.now.seconds_since(before) > 300,
        "some minutes per node"
    );
    let group = world.nodegroup("core-a").expect("it");
    assert_eq!(group.version, Known::Value(minor("1.32")));
    assert_eq!(ready(&world.cluster, "core-a"), 2);
    let old = |k: &stairway_core::model::KubeVersion| k.minor() != minor("1.32");
    assert!(
        !world
            .cluster
            .nodes_of("core-a")
            .any(|n| n.kubelet.value().is_some_and(old))
    );
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
    call(&mut world, "UpdateNodegroupVersion", ask).expect("EKS takes it");
    assert!(
        matches!(world.mishaps[..], [Mishap::DoubleEffect { .. }]),
        "{:?}",
        world.mishaps
    );
}

#[test]
fn a_budget_that_allows_nothing_fails_a_managed_update() {
    let mut world = world();
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 0);
    if let Known::Value(pdbs) = &mut world.cluster.pdbs {
        pdbs[0].allowed = Known::Value(0);
    }
    call(
        &mut world,
        "UpdateNodegroupVersion",
        json!({"clusterName": "tiny", "nodegroupName": "core-a"}),
    )
    .expect("begun");
    world.settle();
    let update = world.cluster.updates.items().last().expect("it");
    assert_eq!(update.status, "Failed");
    assert!(
        update.errors[0].starts_with("PodEvictionFailure"),
        "{:?}",
        update.errors
    );
    assert_eq!(status(&world, "core-a"), "ACTIVE");
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
}

#[test]
fn skew_is_watched_at_every_instant() {
    let mut world = world();
    let files = group_file("1.32", "ahead-a", false);
    let line = words("create nodegroup -f step.json --include ahead-a");
    let output = tools::eksctl(&line, &files, &mut world);
    assert_eq!(output.exit, 0, "eksctl only warns (domain notes, S1)");
    assert!(
        output
            .stdout
            .contains("while control plane version is 1.31")
    );
    let newer =
        |m: &Mishap| matches!(m, Mishap::SkewBroken { subject, .. } if subject == "ahead-a");
    assert!(world.mishaps.iter().any(newer), "{:?}", world.mishaps);
}

#[test]
fn sessions_end_by_themselves_within_a_day() {
    let mut world = world();
    assert_eq!(pods_on(&world, "nb-a").len(), 3);
    assert!(world.is_quiet(), "people are no work in progress");
    world.advance(86_400);
    assert!(pods_on(&world, "nb-a").is_empty());
}

#[test]
fn add_ons_are_updating_and_then_active() {
    let mut world = world();
    let line = words("update addon -f step.json --wait --timeout 25m");
    let files = addon_file("vpc-cni", "v1.20.1-eksbuild.1");
    let mut running = Running::start(&line, &files, &mut world);
    assert!(matches!(running.turn(&mut world), Turn::Waits { .. }));
    let state = |world: &World| {
        let addon = world
            .cluster
            .addons
            .items()
            .iter()
            .find(|a| a.name == "vpc-cni");
        let addon = addon.expect("it");
        (
            addon.status.value().cloned().unwrap_or_default(),
            addon
                .version
                .value()
                .map(ToString::to_string)
                .unwrap_or_default(),
        )
    };
    assert_eq!(state(&world).0, "UPDATING");
    world.settle();
    assert!(matches!(
        running.turn(&mut world),
        Turn::Exits { exit: 0, .. }
    ));
    assert_eq!(
        state(&world),
        ("ACTIVE".to_owned(), "v1.20.1-eksbuild.1".to_owned())
    );
    let unknown = tools::eksctl(
        &line,
        &addon_file("vpc-cni", "v9.9.9-eksbuild.1"),
        &mut world,
    );
    assert!(
        unknown
            .stderr
            .contains("Addon version specified is not supported")
    );
    let missing = tools::eksctl(
        &line,
        &addon_file("kube-proxy", "v1.31.0-eksbuild.2"),
        &mut world,
    );
    assert!(
        missing.stderr.contains("No addon: kube-proxy found"),
        "{missing:?}"
    );
    let line = words("create addon -f step.json --wait");
    let conflict = tools::eksctl(
        &line,
        &addon_file("kube-proxy", "v1.31.0-eksbuild.2"),
        &mut world,
    );
    assert!(
        conflict.stderr.contains("CREATE_FAILED"),
        "not without --force: {conflict:?}"
    );
}

#[test]
fn a_self_managed_workload_rolls_out() {
    let mut world = world();
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 0);
    let output = eksctl(
        &mut world,
        "utils update-kube-proxy -c tiny -r us-west-2 --approve",
    );
    assert!(
        output.stdout.contains("\"kube-proxy\" is now up-to-date"),
        "{output:?}"
    );
    let proxy = |world: &World| world.cluster.workloads.items()[0].clone();
    assert_eq!(proxy(&world).rolled_out, Known::Value(false));
    world.settle();
    assert_eq!(proxy(&world).rolled_out, Known::Value(true));
    assert_eq!(
        proxy(&world).version.value().map(|v| v.as_str()),
        Some("v1.32.0-eksbuild.2")
    );
    let managed = eksctl(&mut world, "utils update-aws-node -c tiny --approve");
    assert!(managed.stderr.contains("installed as a managed EKS addon"));
    let body = json!({"spec": {}});
    let missing = kubernetes::act(&mut world, "patch", "daemonsets/kube-system/nobody", &body);
    assert_eq!(missing.expect_err("none").reason, "NotFound");
}

#[test]
fn a_deleting_stack_makes_create_skip_and_then_the_name_is_free() {
    let mut world = world();
    assert_eq!(create(&mut world).exit, 0);
    let gone = eksctl(
        &mut world,
        "delete nodegroup -c tiny -r us-west-2 -n core-b --drain=false",
    );
    assert_eq!(gone.exit, 0);
    assert_eq!(
        stack(&world, "core-b").as_deref(),
        Some("DELETE_IN_PROGRESS")
    );
    let skipped = create(&mut world);
    assert_eq!(skipped.exit, 0);
    assert!(
        skipped
            .stdout
            .contains("1 existing nodegroup(s) (core-b) will be excluded")
    );
    world.settle();
    let made = create(&mut world);
    assert!(
        made.stdout
            .contains("created 1 managed nodegroup(s) in cluster \"tiny\""),
        "{made:?}"
    );
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
}

#[test]
fn what_was_going_on_when_it_was_observed_goes_on() {
    let mut observed = world().cluster;
    let group = match &mut observed.nodegroups {
        Known::Value(groups) => groups.iter_mut().find(|g| g.name == "spare-a"),
        Known::Absent | Known::Unknown(_) => None,
    };
    group.expect("it").status = Known::Value("DELETE_IN_PROGRESS".to_owned());
    let now = world().now;
    let mut world = World::of(observed, Offers::new(), now);
    assert!(!world.is_quiet());
    world.settle();
    assert_eq!(status(&world, "spare-a"), "gone");
}

#[test]
fn the_tool_tells_its_version_and_refuses_other_clusters() {
    let mut world = world();
    let told = eksctl(&mut world, "version -o json");
    let told: Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!(told["Version"], tools::EKSCTL_VERSION);
    for line in [
        "upgrade cluster -n other --approve",
        "upgrade cluster -n tiny -r eu-west-1 --approve",
    ] {
        let output = eksctl(&mut world, line);
        assert_eq!(output.exit, 1);
        assert!(output.stderr.contains("No cluster found"), "{output:?}");
    }
    let missing = eksctl(&mut world, CREATE);
    assert!(missing.stderr.contains("no such file"), "{missing:?}");
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let run = |seed: u64| {
        let mut world = world().with_seed(seed);
        eksctl(&mut world, UPGRADE);
        create(&mut world);
        eksctl(&mut world, DRAIN);
        world
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3).now, run(4).now);
}

#[test]
fn the_support_type_changes_and_tags_change_at_once() {
    let mut world = world();
    let ask = json!({"name": "tiny", "upgradePolicy": {"supportType": "STANDARD"}});
    call(&mut world, "UpdateClusterConfig", ask).expect("begun");
    world.settle();
    let plane = world.cluster.control_plane.value().expect("it");
    assert_eq!(plane.support_type, Known::Value("STANDARD".to_owned()));
    let arn = world
        .nodegroup("core-a")
        .and_then(|g| g.arn.value().cloned())
        .expect("an ARN");
    let ask = json!({"resourceArn": arn, "tags": {"team": "a"}});
    call(&mut world, "TagResource", ask).expect("tagged");
    assert_eq!(
        world.nodegroup("core-a").expect("it").spec["tags"]["team"],
        "a"
    );
}
