//! Rows about the bake: how a cluster fares, and whether that is worse than before.

use super::*;
use crate::journal::Health;

const BAKE: u32 = 240;

fn bake() -> Condition {
    Condition::HealthNotWorse { seconds: BAKE }
}

fn baseline(edits: &[(&str, Value)]) -> Health {
    let mut picture = picture();
    edit(&mut picture, edits);
    health_of(&read(&picture)).expect("a baseline")
}

/// The ground after so many seconds of the bake.
fn ground(health: &Health, seconds: i64) -> Ground<'_> {
    Ground {
        now: Timestamp::from_unix(time(SINCE).unix() + seconds),
        since: Some(time(SINCE)),
        health: Some(health),
    }
}

#[test]
fn in_the_middle_of_a_bake() {
    let health = baseline(&[]);
    let middle = ground(&health, 100);
    check(
        &bake(),
        middle,
        r#"
            all is well, and it is not its time |  | not yet | nothing is worse than before; watched until 2026-08-22T10:04:00Z
            a node is not Ready for a moment | /nodes/1/ready false | not yet | node `b1` is not Ready; watched
            a pod of kube-system crashes | /pods/0/waiting "CrashLoopBackOff" | refuted | coredns-1
            a pod of kube-system begins, as every new one does | /pods/0/waiting "ContainerCreating" | not yet | coredns-1
            a pod of a user crashes | /pods/2/waiting "CrashLoopBackOff" | not yet | jupyter-ann
            the pods could not be read | /pods ? | unknown |
            the nodes could not be read | /nodes ? | unknown |
            the workloads could not be read | /workloads ? | unknown |
            a node's readiness could not be read | /nodes/1/ready ? | unknown |
            a rollout could not be read | /workloads/0/rolled_out ? | unknown |
        "#,
    );
    let crashing = baseline(&[("/pods/0/waiting", json!("CrashLoopBackOff"))]);
    check(
        &bake(),
        ground(&crashing, 100),
        r#"
            a pod of kube-system crashed before, too | /pods/0/waiting "CrashLoopBackOff" | not yet | until 2026-08-22T10:04:00Z
        "#,
    );
}

#[test]
fn at_the_end_of_a_bake() {
    let health = baseline(&[]);
    check(
        &bake(),
        ground(&health, i64::from(BAKE)),
        r#"
            all is well |  | met | 5 nodes are Ready
            a node is not Ready | /nodes/1/ready false | not yet | `b1`
            a node says nothing | /nodes/1/ready null | not yet | `b1`
            a rollout hangs | /workloads/1/rolled_out false | not yet | kube-system/coredns
            a pod is Pending | /pods/- {"name":"p","namespace":"hub","owner":"ReplicaSet/x"} | not yet | 1 pod is Pending, 0 before; `hub/p`
            a pod does not run | /pods/2/waiting "ImagePullBackOff" | not yet | hub/jupyter-ann
            a node went away | /nodes [{"name":"b1","ready":true}] | met | 1 node is Ready
            a rollout could not be read | /workloads/1/rolled_out ? | unknown |
        "#,
    );
    let pending = json!({"namespace": "hub", "name": "p", "owner": "ReplicaSet/x"});
    let ill = baseline(&[
        ("/nodes/1/ready", json!(false)),
        ("/workloads/1/rolled_out", json!(false)),
        ("/pods/-", pending),
    ]);
    check(
        &bake(),
        ground(&ill, i64::from(BAKE)),
        r#"
            it was as ill before | /nodes/1/ready false & /workloads/1/rolled_out false & /pods/- {"name":"p","namespace":"hub","owner":"ReplicaSet/x"} | met |
            another node is not Ready | /nodes/2/ready false | not yet | `b2`
            another pod is Pending in place of the first | /pods/- {"name":"q","namespace":"hub","owner":"ReplicaSet/x"} | met |
            one more is Pending | /pods/- {"name":"p","namespace":"hub","owner":"ReplicaSet/x"} & /pods/- {"name":"q","namespace":"hub","owner":"ReplicaSet/x"} | not yet | `hub/q`
        "#,
    );
}

#[test]
fn the_time_and_the_baseline_of_a_bake() {
    let health = baseline(&[]);
    check(
        &bake(),
        ground(&health, i64::from(BAKE) - 1),
        r#"
            one second is left |  | not yet | until 2026-08-22T10:04:00Z
        "#,
    );
    check(
        &bake(),
        ground(&health, -50),
        r#"
            the clock went back |  | not yet | until 2026-08-22T10:04:00Z
        "#,
    );
    check(
        &bake(),
        after(),
        r#"
            nobody recorded the health before |  | unknown | not recorded
        "#,
    );
    let no_start = Ground {
        since: None,
        ..ground(&health, 9999)
    };
    check(
        &bake(),
        no_start,
        r#"
            nobody knows when it began |  | not yet | watched until
        "#,
    );
    let none = Condition::HealthNotWorse { seconds: 0 };
    check(
        &none,
        ground(&health, 0),
        r#"
            a bake of no time looks once |  | met |
        "#,
    );
}

/// What could not be read is no baseline: a fault that was there before would hide behind it.
#[test]
fn no_baseline_comes_from_unread_facts() {
    for unknown in [
        "/nodes",
        "/pods",
        "/workloads",
        "/nodes/0/ready",
        "/workloads/0/rolled_out",
    ] {
        let mut picture = picture();
        edit(&mut picture, &[(unknown, unread())]);
        assert_eq!(health_of(&read(&picture)), None, "{unknown}");
    }
}
