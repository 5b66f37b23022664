//! Each misbehaviour does what its sentence says, as often as it was told to.

use super::*;
use crate::Fault;
use crate::tools::{Running, Turn};
use stairway_core::model::Known;

fn once(fault: Fault) -> World {
    misbehaving(Misbehaviour::of(fault, 1))
}

#[test]
fn each_fault_has_one_name_and_a_meaning() {
    let names: std::collections::BTreeSet<&str> = Fault::ALL.iter().map(|f| f.name()).collect();
    assert_eq!(names.len(), Fault::ALL.len());
    for fault in Fault::ALL {
        assert!(!fault.meaning().is_empty());
        assert_eq!(fault.name().parse(), Ok(*fault));
        let written = serde_json::to_value(fault).expect("JSON");
        assert_eq!(written, fault.name());
    }
    assert!(
        "gremlins"
            .parse::<Fault>()
            .expect_err("none")
            .contains("silent-skip")
    );
}

#[test]
fn silent_skip_does_nothing_and_exits_0() {
    let mut world = misbehaving(Misbehaviour::of(Fault::SilentSkip, 1).on("core-b"));
    let output = create(&mut world);
    assert_eq!(output.exit, 0);
    assert!(
        output
            .stdout
            .contains("1 existing nodegroup(s) (core-b) will be excluded")
    );
    assert_eq!(status(&world, "core-b"), "gone");
    assert_eq!(world.struck(Fault::SilentSkip), 1);
    create(&mut world);
    assert_eq!(status(&world, "core-b"), "ACTIVE", "it strikes once");
}

#[test]
fn exit_1_after_success_is_a_lie_about_a_change_that_was_made() {
    let mut world = once(Fault::Exit1AfterSuccess);
    let output = eksctl(&mut world, UPGRADE);
    assert_eq!(output.exit, 1);
    assert_eq!(
        output.stderr,
        "Error: the server has asked for the client to provide credentials\n"
    );
    assert_eq!(world.version(), Some(minor("1.32")));
}

#[test]
fn error_before_effect_begins_nothing() {
    let mut world = once(Fault::ErrorBeforeEffect);
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 1);
    assert!(world.is_quiet() && world.cluster.updates.items().is_empty());
    world.misbehave(Misbehaviour::of(Fault::ErrorBeforeEffect, 1));
    let error = call(
        &mut world,
        "UpdateNodegroupVersion",
        json!({"clusterName": "tiny", "nodegroupName": "core-a"}),
    );
    assert_eq!(error.expect_err("it").code, "ServerException");
    assert!(world.is_quiet());
}

#[test]
fn error_after_effect_loses_the_answer_and_the_token_finds_it() {
    let mut world = once(Fault::ErrorAfterEffect);
    let ask = json!({"clusterName": "tiny", "nodegroupName": "core-a", "clientRequestToken": "t",
        "labels": {"addOrUpdateLabels": {"a": "b"}}});
    let lost = call(&mut world, "UpdateNodegroupConfig", ask.clone());
    assert_eq!(lost.expect_err("lost").code, "ServerException");
    assert!(!world.is_quiet());
    let answer = call(&mut world, "UpdateNodegroupConfig", ask).expect("the answer that was lost");
    let id = answer["update"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(world.cluster.updates.items()[0].id, id);
    assert_eq!(world.cluster.updates.items().len(), 1);
    world.settle();
    world.misbehave(Misbehaviour::of(Fault::ErrorAfterEffect, 1));
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 1);
    world.settle();
    assert_eq!(world.version(), Some(minor("1.32")));
}

#[test]
fn a_stack_that_rolled_back_makes_the_next_create_a_silent_skip() {
    let mut world = once(Fault::CreateRollsBack);
    let output = create(&mut world);
    assert_eq!(output.exit, 1);
    assert!(
        output
            .stderr
            .contains("failed to create nodegroups for cluster \"tiny\""),
        "{output:?}"
    );
    assert_eq!(
        stack(&world, "core-b").as_deref(),
        Some("ROLLBACK_COMPLETE")
    );
    assert_eq!(status(&world, "core-b"), "gone");
    let again = create(&mut world);
    assert_eq!(again.exit, 0);
    assert!(again.stdout.contains("will be excluded"), "{again:?}");
    let cleaned = eksctl(
        &mut world,
        "delete nodegroup -c tiny -r us-west-2 -n core-b --wait --drain=false",
    );
    assert_eq!(cleaned.exit, 0, "{cleaned:?}");
    assert_eq!(stack(&world, "core-b"), None);
    assert_eq!(create(&mut world).exit, 0);
    assert_eq!(ready(&world.cluster, "core-b"), 2);
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
}

#[test]
fn delete_fails_and_can_be_tried_again() {
    let mut world = once(Fault::DeleteFails);
    let line = "delete nodegroup -c tiny -r us-west-2 -n spare-a --drain=false --wait";
    let output = eksctl(&mut world, line);
    assert_eq!(output.exit, 1);
    assert!(output.stderr.contains("DELETE_FAILED"), "{output:?}");
    assert_eq!(stack(&world, "spare-a").as_deref(), Some("DELETE_FAILED"));
    assert_eq!(status(&world, "spare-a"), "DELETE_FAILED");
    assert_eq!(eksctl(&mut world, line).exit, 0);
    assert_eq!(stack(&world, "spare-a"), None);
}

#[test]
fn drain_timeout_leaves_nodes_cordoned_and_a_budget_at_0() {
    let mut world = once(Fault::DrainTimeout);
    let before = world.now;
    let output = eksctl(&mut world, DRAIN);
    assert_eq!(output.exit, 1);
    assert_eq!(
        output.stderr,
        "Error: timed out (after 1h0m0s) waiting for nodegroup \"core-a\" to be drained\n"
    );
    assert!(
        output.stdout.contains("pods are unevictable from node ip-"),
        "it names the node only"
    );
    assert_eq!(world.now.seconds_since(before), 3600);
    assert!(
        world
            .cluster
            .nodes_of("core-a")
            .all(|node| node.unschedulable)
    );
    let stuck = world
        .cluster
        .pdbs
        .items()
        .iter()
        .any(|pdb| pdb.allowed == Known::Value(0));
    assert!(stuck, "{:?}", world.cluster.pdbs);
}

#[test]
fn a_reverted_update_is_failed_and_the_old_version_serves() {
    let mut world = once(Fault::UpdateReverted);
    let output = eksctl(&mut world, UPGRADE);
    assert_eq!(output.exit, 1);
    assert!(
        output
            .stderr
            .contains("update failed with status \"Failed\": update errors: [Unknown"),
        "{output:?}"
    );
    assert_eq!(world.version(), Some(minor("1.31")));
    let update = &world.cluster.updates.items()[0];
    assert_eq!(
        (update.kind.as_str(), update.status.as_str()),
        ("VersionUpdate", "Failed")
    );
    assert!(!update.errors.is_empty());
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 0, "it may be tried again");
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
}

#[test]
fn nodegroup_and_add_on_updates_end_as_failed() {
    let mut world = once(Fault::NodegroupUpdateFails);
    world.misbehave(Misbehaviour::of(Fault::AddonUpdateFails, 1).on("vpc-cni"));
    call(
        &mut world,
        "UpdateNodegroupVersion",
        json!({"clusterName": "tiny", "nodegroupName": "core-a"}),
    )
    .expect("begun");
    let line = words("update addon -f step.json --wait");
    let output = tools::eksctl(
        &line,
        &addon_file("vpc-cni", "v1.20.1-eksbuild.1"),
        &mut world,
    );
    assert_eq!(output.exit, 1);
    assert!(
        output.stderr.contains("addon status transitioned to"),
        "{output:?}"
    );
    world.settle();
    let updates = world.cluster.updates.items();
    assert!(
        updates
            .iter()
            .all(|u| u.status == "Failed" && !u.errors.is_empty()),
        "{updates:?}"
    );
    assert_eq!(status(&world, "core-a"), "ACTIVE");
}

#[test]
fn nodes_never_ready_time_the_tool_out_with_a_complete_stack() {
    let mut world = misbehaving(Misbehaviour::of(Fault::NodesNeverReady, 0).on("core-b"));
    let output = create(&mut world);
    assert_eq!(output.exit, 1);
    assert_eq!(
        output.stderr,
        "Error: timed out (after 40m0s) waiting for nodes to join the cluster and become ready in \"core-b\"\n"
    );
    assert_eq!(stack(&world, "core-b").as_deref(), Some("CREATE_COMPLETE"));
    assert_eq!(ready(&world.cluster, "core-b"), 0);
    assert_eq!(world.cluster.nodes_of("core-b").count(), 2);
}

#[test]
fn the_autoscaler_moves_counts_within_bounds_and_leaves_marked_groups_alone() {
    let mut world = misbehaving(Misbehaviour::of(Fault::AutoscalerMovesCounts, 0));
    taint(&mut world, "nb-a");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..200 {
        world.advance(600);
        seen.insert(world.cluster.nodes_of("spare-a").count());
        assert!(world.cluster.nodes_of("spare-a").count() <= 3);
        assert!((1..=4).contains(&world.cluster.nodes_of("core-a").count()));
        assert_eq!(world.cluster.nodes_of("nb-a").count(), 2);
    }
    assert!(seen.len() > 1, "{seen:?}");
    assert!(world.struck(Fault::AutoscalerMovesCounts) > 10);
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
}

#[test]
fn unmatched_managed_groups_are_refused_by_name() {
    let mut world = misbehaving(Misbehaviour::of(Fault::RefuseUnmatchedNodegroups, 0));
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 0, "all match at first");
    let output = eksctl(
        &mut world,
        "upgrade cluster -n tiny -r us-west-2 --version 1.33 --approve",
    );
    assert_eq!(output.exit, 1);
    let sentence = "InvalidParameterException: Nodegroups core-a must be updated to match cluster version 1.32 before updating cluster version";
    assert!(output.stderr.contains(sentence), "{output:?}");
}

#[test]
fn throttled_requests_fail_and_begin_nothing() {
    let mut world = misbehaving(Misbehaviour::of(Fault::Throttle, 3));
    assert!(
        eksctl(&mut world, UPGRADE)
            .stderr
            .contains("ThrottlingException")
    );
    let error = call(
        &mut world,
        "UpdateNodegroupVersion",
        json!({"clusterName": "tiny", "nodegroupName": "core-a"}),
    );
    assert_eq!(error.expect_err("it").code, "ThrottlingException");
    let error = kubernetes::act(
        &mut world,
        "patch-nodes",
        "nodes?nodegroup=nb-a",
        &json!({}),
    );
    assert_eq!(error.expect_err("it").reason, "TooManyRequests");
    assert!(world.is_quiet());
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 0);
}

#[test]
fn a_stale_read_tells_what_was_true_up_to_a_minute_ago() {
    let mut world = misbehaving(Misbehaviour::of(Fault::StaleRead, 1));
    taint(&mut world, "nb-a");
    let stale = world.observe();
    let marked = |o: &Observation| o.nodes_of("nb-a").all(|n| n.taints.len() == 2);
    assert!(!marked(&stale), "nobody tells of the taint yet");
    assert_eq!(
        stale.observed_at,
        Known::Value(world.now),
        "and it says that it is fresh"
    );
    assert!(marked(&world.observe()), "it strikes once");
    world.misbehave(Misbehaviour::of(Fault::StaleRead, 0));
    world.advance(61);
    let read = world.observe();
    assert!(marked(&read), "never older than a minute");
}

#[test]
fn unknown_facts_have_a_reason() {
    let mut world = misbehaving(Misbehaviour::of(Fault::UnknownFacts, 20));
    let (mut pods, mut updates) = (false, false);
    for _ in 0..20 {
        let seen = world.observe();
        pods |= seen.pods == Known::Unknown("throttled".to_owned());
        updates |= seen.updates == Known::Unknown("throttled".to_owned());
    }
    assert!(pods && updates);
    let seen = world.observe();
    assert!(!seen.pods.is_unknown() && !seen.updates.is_unknown());
}

#[test]
fn slow_is_four_times_as_long() {
    let (mut slow, mut quick) = (misbehaving(Misbehaviour::of(Fault::Slow, 0)), world());
    for world in [&mut slow, &mut quick] {
        call(
            world,
            "UpdateClusterVersion",
            json!({"name": "tiny", "version": "1.32"}),
        )
        .expect("begun");
        world.settle();
    }
    let start = world().now;
    assert_eq!(
        slow.now.seconds_since(start),
        4 * quick.now.seconds_since(start)
    );
}

#[test]
fn a_tool_that_hangs_runs_into_its_timeout_after_the_change_was_made() {
    let mut world = once(Fault::ToolHangs);
    let before = world.now;
    let output = eksctl(&mut world, UPGRADE);
    assert_eq!(output.exit, 1);
    assert_eq!(output.stderr, "Error: context deadline exceeded\n");
    assert_eq!(world.now.seconds_since(before), 90 * 60);
    assert_eq!(world.version(), Some(minor("1.32")));
}

#[test]
fn a_foreign_update_is_in_the_way_for_a_while() {
    let mut world = once(Fault::ForeignUpdate);
    let mut refused = false;
    for _ in 0..200 {
        world.advance(10);
        if !world.cluster.updates.items().is_empty() && !refused {
            let output = eksctl(&mut world, UPGRADE);
            assert!(
                output.stderr.contains("ResourceInUseException"),
                "{output:?}"
            );
            refused = true;
        }
    }
    assert!(refused);
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 0);
}

#[test]
fn a_lost_node_comes_back_and_the_last_core_node_is_spared() {
    let mut world = misbehaving(Misbehaviour::of(Fault::LostNodes, 0));
    let mut lost = false;
    for _ in 0..2_000 {
        world.advance(30);
        let down = world
            .cluster
            .nodes
            .items()
            .iter()
            .any(|n| n.ready == Known::Value(false));
        lost |= down;
    }
    assert!(lost);
    assert!(world.mishaps.is_empty(), "{:?}", world.mishaps);
    world.misbehave.clear();
    world.advance(3_600);
    assert_eq!(ready(&world.cluster, "core-a"), 2);
}

#[test]
fn after_a_hop_a_pod_of_kube_system_crashes() {
    let mut world = once(Fault::CrashLoop);
    assert_eq!(eksctl(&mut world, UPGRADE).exit, 0);
    let pods = world.cluster.pods.items();
    let crashing = pods
        .iter()
        .find(|pod| pod.waiting.as_deref() == Some("CrashLoopBackOff"));
    assert_eq!(
        crashing.map(|pod| pod.namespace.as_str()),
        Some("kube-system")
    );
    assert_eq!(
        world.cluster.workloads.items()[0].rolled_out,
        Known::Value(false)
    );
}

#[test]
fn every_tool_ends_under_every_fault() {
    for fault in Fault::ALL {
        for line in [UPGRADE, DRAIN, DELETE] {
            let mut world = misbehaving(Misbehaviour::of(*fault, 0));
            let mut running = Running::start(&words(line), &BTreeMap::new(), &mut world);
            let mut turns = 0;
            while let Turn::Waits { seconds, .. } = running.turn(&mut world) {
                world.advance(i64::from(seconds));
                turns += 1;
                assert!(turns < 10_000, "{fault:?}: {line}");
            }
            world.settle();
            let wrong = world.cluster.contradictions();
            assert!(wrong.is_empty(), "{fault:?}: {line}: {wrong:?}");
        }
    }
}
