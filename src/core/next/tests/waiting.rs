//! After an action: in doubt, claims with and without a trace, bounds.

use super::stage::{gone, group, play, set_plane, stack_name};
use super::*;
use crate::model::{Known, KubeMinor, Stack, Update};
use Line::{Err, Intent, Ok, Resumed};

fn update(status: &str, at: &str, errors: &[&str]) -> Update {
    let update = serde_json::json!({
        "id": "u-9", "type": "VersionUpdate", "status": status, "version": "1.32", "created_at": at, "errors": errors});
    serde_json::from_value(update).expect("an update")
}

fn moving(observed: &mut Observation) {
    set_plane(observed, KubeMinor::of(31), "UPDATING");
    observed.updates = Known::Value(vec![update("InProgress", "2025-07-01T00:00:02Z", &[])]);
}

fn arrived(observed: &mut Observation) {
    set_plane(observed, KubeMinor::of(32), "ACTIVE");
}

fn reverted(observed: &mut Observation) {
    observed.updates = Known::Value(vec![update(
        "Failed",
        "2025-07-01T00:00:02Z",
        &["IpNotAvailable"],
    )]);
}

fn unread(observed: &mut Observation) {
    observed.updates = Known::Unknown("ThrottlingException".to_owned());
}

/// Intended, killed, and resumed a while later.
const KILLED: &[Line] = &[Intent(0, 0), Resumed(400)];
/// It came back after five minutes, and claims success.
const CLAIMED: &[Line] = &[Intent(0, 0), Ok(0, 300)];
/// It came back after five minutes, and claims failure.
const FAILED: &[Line] = &[Intent(0, 0), Err(0, 300)];

const AGAIN: &str = "act upgrade-control-plane/cluster@1.32 action 0 attempt 1";

#[test]
fn a_hop_in_doubt() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let hop = Scene::new(&stage, &planned.plan, StepKind::UpgradeControlPlane);
    hop.check(&[
        (
            "nothing happened: it is done again in the same attempt",
            KILLED,
            as_it_was,
            401,
            AGAIN,
            "",
        ),
        (
            "something happens: it is waited for",
            KILLED,
            moving,
            401,
            "look upgrade-control-plane/cluster@1.32 in ",
            "u-9",
        ),
        (
            "it happened",
            KILLED,
            arrived,
            401,
            "seen upgrade-control-plane/cluster@1.32: the control plane is ACTIVE at 1.32",
            "",
        ),
        (
            "it failed meanwhile",
            KILLED,
            reverted,
            401,
            "fail",
            "IpNotAvailable",
        ),
        (
            "it cannot be read: it is looked at again",
            KILLED,
            unread,
            401,
            "look",
            "ThrottlingException",
        ),
        (
            "and not for more than five minutes",
            KILLED,
            unread,
            700,
            "stop, unknown,",
            "ThrottlingException",
        ),
        (
            "it is somewhere else by now",
            KILLED,
            |o| set_plane(o, KubeMinor::of(33), "ACTIVE"),
            401,
            "stop upgrade",
            "1.33",
        ),
        (
            "it goes on for longer than it may",
            &[Intent(0, 0)],
            moving,
            5400,
            "fail",
            "within 5400 seconds",
        ),
    ]);
}

#[test]
fn a_hop_that_came_back() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let hop = Scene::new(&stage, &planned.plan, StepKind::UpgradeControlPlane);
    let failed = [Intent(0, 0), Err(0, 700)];
    let claimed = [Intent(0, 0), Ok(0, 700)];
    hop.check(&[
        ("it failed, and is done (eksctl #4357)", &failed, arrived, 701, "seen", "and yet the tool failed: exit 1: Error: it went wrong"),
        ("it failed, and goes on in EKS", &failed, moving, 2000, "look", "u-9"),
        ("it failed and left no trace for 59 seconds", &failed, as_it_was, 759, "look", "ACTIVE at 1.31"),
        ("it failed and left no trace for 60", &failed, as_it_was, 760, "fail", "ACTIVE at 1.31. The tool said: exit 1: Error: it went wrong"),
        ("EKS reverted it", &failed, reverted, 701, "fail", "reverted it by itself (IpNotAvailable). The tool said: exit 1"),
        ("it claims success, and is done", &claimed, arrived, 701, "seen upgrade-control-plane/cluster@1.32: the control plane is ACTIVE at 1.32", ""),
        ("it claims success, and nothing is seen for 299 seconds", &claimed, as_it_was, 999, "look", "ACTIVE at 1.31"),
        ("it claims success, and nothing is seen for 300", &claimed, as_it_was, 1000, "fail", "the tool claims success (exit 0), and the cluster shows nothing of it: the control plane is ACTIVE at 1.31"),
        ("it claims success, and it goes on", &claimed, moving, 1000, "look", "u-9"),
        ("it claims success, and EKS reverted it", &claimed, reverted, 701, "fail", "IpNotAvailable"),
        ("it claims success, and nothing can be read", &claimed, unread, 4000, "look", "ThrottlingException"),
        ("and nothing can be read until the end", &claimed, unread, 5400, "fail", "within 5400 seconds"),
        ("it goes on for longer than it may", &claimed, moving, 5400, "fail", "within 5400 seconds: update `u-9`"),
        ("it failed without a trace, and nothing can be read", &failed, unread, 760, "look", "Throttling"),
    ]);
}

fn stack(observed: &mut Observation, name: &str, status: &str) {
    let Known::Value(stacks) = &mut observed.stacks else {
        panic!("stacks")
    };
    stacks.retain(|stack| stack.name != stack_name(name));
    stacks.push(Stack {
        name: stack_name(name),
        status: status.to_owned(),
    });
}

fn made(observed: &mut Observation) {
    let planned = Stage::new("1.31", "1.32", true).plan();
    let place = first_of(&planned.plan, StepKind::CreateNodegroup);
    play(&planned.plan.steps[place], observed);
}

fn half_made(observed: &mut Observation) {
    made(observed);
    stage::nodes(observed)[3].kubelet = Known::Value("1.31".parse().expect("a kubelet"));
}

const CREATE: &[Row<'static>] = &[
    (
        "in doubt, and nothing is there",
        KILLED,
        as_it_was,
        401,
        "act create-nodegroup/core-b@1.32 action 0 attempt 1",
        "",
    ),
    (
        "in doubt, and only its stack is there",
        KILLED,
        |o| stack(o, "core-b", "CREATE_IN_PROGRESS"),
        401,
        "look",
        "CREATE_IN_PROGRESS",
    ),
    (
        "in doubt, and rolled back",
        KILLED,
        |o| stack(o, "core-b", "ROLLBACK_COMPLETE"),
        401,
        "fail",
        "was not made",
    ),
    ("in doubt, and made", KILLED, made, 401, "seen", "core-b"),
    (
        "eksctl passed it over in silence (#8712)",
        CLAIMED,
        as_it_was,
        600,
        "fail",
        "claims success (exit 0), and the cluster shows nothing",
    ),
    (
        "a group that is there and not ready is a trace",
        CLAIMED,
        half_made,
        2699,
        "look",
        "core-b-1",
    ),
    (
        "until the time is over",
        CLAIMED,
        half_made,
        2700,
        "fail",
        "within 2700 seconds",
    ),
    (
        "rolled back",
        FAILED,
        |o| stack(o, "core-b", "ROLLBACK_COMPLETE"),
        301,
        "fail",
        "ROLLBACK_COMPLETE. The tool said: exit 1",
    ),
    (
        "failed, and made all the same",
        FAILED,
        made,
        301,
        "seen",
        "and yet the tool failed",
    ),
    (
        "failed, and its stack goes on",
        FAILED,
        |o| stack(o, "core-b", "CREATE_IN_PROGRESS"),
        900,
        "look",
        "",
    ),
];

#[test]
fn a_create() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let create = Scene::new(&stage, &planned.plan, StepKind::CreateNodegroup);
    create.check(CREATE);
}

fn delete_status(observed: &mut Observation, status: &str) {
    group(observed, "core-a").status = Known::Value(status.to_owned());
}

const DELETE: &[Row<'static>] = &[
    (
        "nothing was done",
        &[],
        as_it_was,
        0,
        "act delete-nodegroup/core-a@1.32 action 0 attempt 1",
        "",
    ),
    (
        "in doubt, and nothing happened",
        KILLED,
        as_it_was,
        401,
        "act delete-nodegroup/core-a@1.32 action 0 attempt 1",
        "",
    ),
    (
        "in doubt, and it is going",
        KILLED,
        |o| delete_status(o, "DELETING"),
        401,
        "look",
        "DELETING",
    ),
    (
        "in doubt, and EKS lists it no more",
        KILLED,
        |o| {
            gone(o, "core-a");
            stack(o, "core-a", "DELETE_IN_PROGRESS");
        },
        401,
        "look",
        "DELETE_IN_PROGRESS",
    ),
    (
        "in doubt, and gone",
        KILLED,
        |o| gone(o, "core-a"),
        401,
        "seen",
        "do not exist",
    ),
    (
        "in doubt, and it could not be read whether it is gone",
        KILLED,
        |o| o.stacks = Known::default(),
        401,
        "look",
        "stacks",
    ),
    (
        "in doubt, and another one has its name by now",
        KILLED,
        |o| {
            group(o, "core-a").arn = Known::Value("arn:core-a:9".to_owned());
        },
        401,
        "stop delete-nodegroup",
        "another one",
    ),
    (
        "in doubt, and people came back to it",
        KILLED,
        |o| {
            let Known::Value(pods) = &mut o.pods else {
                panic!("pods")
            };
            pods[0].node = Some("core-a-0".to_owned());
        },
        701,
        "stop delete-nodegroup",
        "hub/proxy",
    ),
    (
        "it did nothing",
        CLAIMED,
        as_it_was,
        600,
        "fail",
        "shows nothing of it: nodegroup `core-a` is ACTIVE",
    ),
    (
        "EKS gave up",
        CLAIMED,
        |o| delete_status(o, "DELETE_FAILED"),
        301,
        "fail",
        "DELETE_FAILED",
    ),
    (
        "it goes on",
        CLAIMED,
        |o| delete_status(o, "DELETING"),
        3599,
        "look",
        "DELETING",
    ),
    (
        "for too long",
        CLAIMED,
        |o| delete_status(o, "DELETING"),
        3600,
        "fail",
        "within 3600",
    ),
];

#[test]
fn a_delete() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let delete = Scene::new(&stage, &planned.plan, StepKind::DeleteNodegroup);
    delete.check(DELETE);
}

#[test]
fn a_drain() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let drain = Scene::new(&stage, &planned.plan, StepKind::DrainNodegroup);
    let left = |o: &mut Observation| {
        let pdb = serde_json::json!([{"namespace": "hub", "name": "pdb", "allowed": 0, "selector": {"app": "proxy"}}]);
        o.pdbs = serde_json::from_value(pdb).expect("budgets");
    };
    let failed = [Intent(0, 0), Err(0, 1800)];
    drain.check(&[
        (
            "a budget held it: the run stops and names pod and budget",
            &failed,
            left,
            1860,
            "fail",
            "`hub/proxy`; held by the disruption budget `hub/pdb`. The tool said: exit 1",
        ),
        (
            "it ended early (#5855), and pods are left",
            &[Intent(0, 0), Ok(0, 60)],
            left,
            3599,
            "look",
            "hub/pdb",
        ),
        (
            "it ended early, and pods are left until its time is over",
            &[Intent(0, 0), Ok(0, 60)],
            left,
            3600,
            "fail",
            "hub/proxy",
        ),
        (
            "it is in doubt",
            &[Intent(0, 0), Resumed(100)],
            left,
            101,
            "act drain-nodegroup/core-a@1.32 action 0 attempt 1",
            "",
        ),
    ]);
}

/// A rollout of the old version is no proof that a tool brought the new one.
#[test]
fn an_update_that_only_its_rollout_tells_of() {
    let stage = Stage::new("1.31", "1.32", true).with_self_managed_addons();
    let planned = stage.plan();
    let plan = &planned.plan;
    let place = plan
        .steps
        .iter()
        .position(|step| step.id == "update-addon/kube-proxy@1.32");
    let proxy = Scene {
        place: place.unwrap_or_else(|| panic!("{:?}", stage::ids(plan))),
        ..Scene::new(&stage, plan, StepKind::UpdateAddon)
    };
    let again = "act update-addon/kube-proxy@1.32 action 0 attempt 1";
    proxy.check(&[
        (
            "in doubt, and the old version is rolled out",
            &[Intent(0, 0), Resumed(50)],
            as_it_was,
            51,
            again,
            "",
        ),
        (
            "it failed, and the old version is rolled out",
            &[Intent(0, 0), Err(0, 20)],
            as_it_was,
            21,
            "fail",
            "exit 1",
        ),
        (
            "it claims success, and what is rolled out may be the old version",
            &[Intent(0, 0), Ok(0, 20)],
            as_it_was,
            21,
            "look update-addon/kube-proxy@1.32 in 5",
            "before the change",
        ),
        (
            "it claims success, and every read is from after the change",
            &[Intent(0, 0), Ok(0, 20)],
            as_it_was,
            110,
            "seen",
            "rolled out",
        ),
        (
            "it failed before: it is tried again",
            &[Intent(0, 0), Err(0, 20), Line::Failed(21)],
            as_it_was,
            30,
            "act update-addon/kube-proxy@1.32 action 0 attempt 2",
            "",
        ),
    ]);
}
