//! Rows about nodegroups, their nodes and their pods.

use super::*;
use crate::model::{KubeMinor, PodSelector};

fn named(name: &str) -> String {
    name.to_owned()
}

#[test]
fn a_name_that_must_be_free_before_a_create() {
    let condition = Condition::NodegroupAbsent {
        nodegroup: named("new"),
    };
    check(
        &condition,
        before(),
        r#"
            nothing has the name |  | met | do not exist
            a stack of it was deleted | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"DELETE_COMPLETE"} | met |
            CloudFormation rolled its create back | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"ROLLBACK_COMPLETE"} | refuted | eksctl delete nodegroup -c c
            its create failed | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"CREATE_FAILED"} | refuted | CREATE_FAILED
            its delete failed | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"DELETE_FAILED"} | refuted | DELETE_FAILED
            it is being deleted | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"DELETE_IN_PROGRESS"} | not yet | DELETE_IN_PROGRESS
            a stack of another cluster has a like name | /stacks/- {"name":"eksctl-cc-nodegroup-new","status":"ROLLBACK_COMPLETE"} | met |
            a node of it is left over | /nodes/- {"name":"x","nodegroup":"new"} | not yet | 1 node
            a group has the name | /nodegroups/3/name "new" | refuted | is CREATE_COMPLETE already
            a group of the name is going | /nodegroups/3/name "new" & /nodegroups/3/status "DELETING" | not yet | DELETING
            the groups could not be read | /nodegroups ? | unknown | nodegroups
            the stacks could not be read | /stacks ? | unknown | stacks
            the nodes could not be read | /nodes ? | unknown | nodes
        "#,
    );
}

#[test]
fn a_group_that_we_delete() {
    let condition = |name: &str| Condition::NodegroupAbsent {
        nodegroup: named(name),
    };
    check(
        &condition("nb-a"),
        after(),
        r#"
            nothing is seen yet |  | not yet | CREATE_COMPLETE
            it is going | /nodegroups/2/status "DELETE_IN_PROGRESS" | not yet |
            CloudFormation gave up | /stacks/2/status "DELETE_FAILED" | refuted | DELETE_FAILED
            its status could not be read | /nodegroups/2/status ? | not yet |
        "#,
    );
    check(
        &condition("core-a"),
        after(),
        r#"
            EKS gave up | /nodegroups/0/status "DELETE_FAILED" | refuted | DELETE_FAILED
            an update of it failed once, and it is still there | /stacks/1/status "UPDATE_ROLLBACK_FAILED" | not yet |
        "#,
    );
    // What is left of a group that was never finished.
    check(
        &condition("new"),
        after(),
        r#"
            its dead stack is still there | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"ROLLBACK_COMPLETE"} | not yet | ROLLBACK_COMPLETE
            so is a half-made one | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"CREATE_FAILED"} | not yet | CREATE_FAILED
            it is going | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"DELETE_IN_PROGRESS"} | not yet |
            CloudFormation gave up | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"DELETE_FAILED"} | refuted |
            it is gone |  | met |
        "#,
    );
}

#[test]
fn a_group_that_we_make() {
    let condition = Condition::NodegroupActive {
        nodegroup: named("new"),
        version: Some(KubeMinor::of(32)),
    };
    check(
        &condition,
        after(),
        r#"
            nothing is seen yet |  | not yet | no nodegroup
            its stack is under way | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"CREATE_IN_PROGRESS"} | not yet |
            CloudFormation rolled it back | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"ROLLBACK_COMPLETE"} | refuted | was not made
            CloudFormation left it half-made | /stacks/- {"name":"eksctl-c-nodegroup-new","status":"CREATE_FAILED"} | refuted |
            the groups could not be read | /nodegroups ? | unknown |
            the stacks could not be read | /stacks ? | unknown |
        "#,
    );
    check(
        &condition,
        before(),
        r#"
            nobody makes it |  | refuted | no nodegroup
        "#,
    );
}

#[test]
fn a_group_at_a_version() {
    let condition = Condition::NodegroupActive {
        nodegroup: named("core-b"),
        version: Some(KubeMinor::of(32)),
    };
    check(
        &condition,
        after(),
        r#"
            it and its nodes are there |  | met | with 2 nodes
            it has no node | /nodes [] | met | with 0 nodes
            it is being made | /nodegroups/1/status "CREATING" | not yet | CREATING
            it is being moved | /nodegroups/1/status "UPDATING" | not yet | UPDATING
            it is DEGRADED | /nodegroups/1/status "DEGRADED" | not yet | DEGRADED
            EKS could not make it | /nodegroups/1/status "CREATE_FAILED" | refuted | CREATE_FAILED
            it boots an older minor | /nodegroups/1/version "1.31" | not yet | not at 1.32
            one node is still older | /nodes/2/kubelet "1.31.9" | not yet | node `b2`
            its update failed after we asked for it | /updates/- {"created_at":"2026-08-22T10:01:00Z","errors":["PodEvictionFailure"],"id":"u","nodegroup":"core-b","status":"Failed","type":"VersionUpdate"} | refuted | PodEvictionFailure
            an older update of it failed | /updates/- {"created_at":"2026-08-22T09:00:00Z","errors":["PodEvictionFailure"],"id":"u","nodegroup":"core-b","status":"Failed","type":"VersionUpdate"} | met |
            an update of another group failed | /updates/- {"created_at":"2026-08-22T10:01:00Z","errors":["PodEvictionFailure"],"id":"u","nodegroup":"core-a","status":"Failed","type":"VersionUpdate"} | met |
            its status could not be read | /nodegroups/1/status ? | unknown | status
            what it boots could not be read | /nodegroups/1/version ? | unknown |
            a kubelet could not be read | /nodes/2/kubelet ? | unknown | `b2`
            the nodes could not be read | /nodes ? | unknown |
            the updates could not be read | /updates ? | unknown |
        "#,
    );
}

#[test]
fn a_healthy_group_of_either_kind() {
    let condition = |name: &str| Condition::NodegroupActive {
        nodegroup: named(name),
        version: None,
    };
    check(
        &condition("core-b"),
        before(),
        r#"
            EKS says ACTIVE |  | met |
            EKS does not speak like CloudFormation | /nodegroups/1/status "CREATE_COMPLETE" | not yet |
        "#,
    );
    check(
        &condition("nb-a"),
        before(),
        r#"
            its stack is made |  | met |
            its stack was updated | /nodegroups/2/status "UPDATE_COMPLETE" | met |
            an update of its stack was rolled back | /nodegroups/2/status "UPDATE_ROLLBACK_COMPLETE" | met |
            its stack is being updated | /nodegroups/2/status "UPDATE_IN_PROGRESS" | not yet |
            its stack was rolled back | /nodegroups/2/status "ROLLBACK_COMPLETE" | refuted |
            the rollback failed | /nodegroups/2/status "UPDATE_ROLLBACK_FAILED" | refuted |
        "#,
    );
}

#[test]
fn nodes_that_are_ready_to_take_over() {
    let condition = |at_least: u32| Condition::NodesReady {
        nodegroup: named("core-b"),
        at_least,
        version: KubeMinor::of(32),
    };
    check(
        &condition(3),
        after(),
        r#"
            one is missing |  | not yet | 2 nodes of nodegroup `core-b` are Ready at 1.32, and 3
        "#,
    );
    check(
        &condition(0),
        after(),
        r#"
            none is needed | /nodes [] | met | 0 nodes
        "#,
    );
    check(
        &condition(2),
        after(),
        r#"
            both are Ready |  | met | 2 nodes
            one is not Ready | /nodes/2/ready false | not yet | 1 node
            one has just joined and says nothing yet | /nodes/2/ready null | not yet | 1 node
            one is cordoned | /nodes/2/unschedulable true | not yet |
            one carries the phase-out taint | /nodes/2/taints ["stairway/phase-out"] | not yet |
            one carries another taint | /nodes/2/taints ["gpu"] | met |
            one is at another minor | /nodes/2/kubelet "1.31.4" | not yet |
            the group boots another minor | /nodegroups/1/version "1.31" | refuted | boots 1.31
            the group is being updated | /nodegroups/1/status "UPDATING" | not yet | UPDATING
            the group is gone | /nodegroups [] | not yet | no nodegroup
            nobody knows whether one is Ready | /nodes/2/ready ? | unknown | `b2`
            a kubelet could not be read | /nodes/1/kubelet ? | unknown | `b1`
            what it boots could not be read | /nodegroups/1/version ? | unknown |
            the nodes could not be read | /nodes ? | unknown |
        "#,
    );
}

const MARK: &str = "stairway/phase-out";

#[test]
fn a_taint_on_a_managed_group() {
    let tainted = Condition::NodegroupTainted {
        nodegroup: named("core-a"),
    };
    check(
        &tainted,
        before(),
        r#"
            the group carries it |  | met | phase-out
            only its node does: the next one would not | /nodegroups/0/spec/taints [] | not yet | does not carry
            nor does a node that is not there | /nodegroups/0/spec/taints [] & /nodes [] | not yet | does not carry
            the group carries another taint | /nodegroups/0/spec/taints [{"effect":"NoSchedule","key":"gpu","value":""}] | not yet |
            its taints could not be read | /nodegroups/0/spec/taints ? | not yet |
            it is gone | /nodegroups null | refuted | no nodegroup
            the groups could not be read | /nodegroups ? | unknown |
            the nodes could not be read | /nodes ? | unknown |
        "#,
    );
    let untainted = Condition::NodegroupUntainted {
        nodegroup: named("core-a"),
    };
    check(
        &untainted,
        after(),
        r#"
            it carries it |  | not yet | still carries
            its node still does | /nodegroups/0/spec/taints [] | not yet |
            neither does | /nodegroups/0/spec/taints [] & /nodes/0/taints [] | met | takes pods again
            nobody knows whether the group does | /nodegroups/0/spec/taints ? & /nodegroups/0/spec_complete false & /nodes/0/taints [] | unknown | taints
            the nodes could not be read | /nodegroups/0/spec/taints [] & /nodes ? | unknown |
        "#,
    );
}

#[test]
fn a_taint_on_a_self_managed_group() {
    let tainted = Condition::NodegroupTainted {
        nodegroup: named("nb-a"),
    };
    check(
        &tainted,
        before(),
        r#"
            its node carries it |  | met |
            a node joined without it | /nodes/- {"kubelet":"1.31.4","name":"n2","nodegroup":"nb-a","ready":true} | not yet | 1 of 2 nodes
            its node carries another | /nodes/3/taints ["gpu"] | not yet | 1 of 1
            it has no node | /nodes [] | met |
            the nodes could not be read | /nodes ? | unknown |
        "#,
    );
    let untainted = Condition::NodegroupUntainted {
        nodegroup: named("nb-a"),
    };
    check(
        &untainted,
        after(),
        r#"
            its node carries it |  | not yet |
            its node does not | /nodes/3/taints ["gpu"] | met |
            the nodes could not be read | /nodes ? | unknown |
        "#,
    );
    assert_eq!(
        MARK,
        crate::diff::generation::PHASE_OUT_TAINT,
        "the pictures name it"
    );
}

#[test]
fn cordons() {
    let cordoned = Condition::NodegroupCordoned {
        nodegroup: named("nb-a"),
    };
    let uncordoned = Condition::NodegroupUncordoned {
        nodegroup: named("nb-a"),
    };
    check(
        &cordoned,
        after(),
        r#"
            all are |  | met | the 1 node of
            one is not | /nodes/3/unschedulable false | not yet | 1 node
            nobody knows | /nodes ? | unknown |
        "#,
    );
    check(
        &uncordoned,
        after(),
        r#"
            one is |  | not yet | still cordoned
            none is | /nodes/3/unschedulable false | met |
            nobody knows | /nodes ? | unknown |
        "#,
    );
}

#[test]
fn a_group_without_pods() {
    let condition = |name: &str| Condition::NodegroupEmpty {
        nodegroup: named(name),
    };
    check(
        &condition("core-a"),
        before(),
        r#"
            a pod is left, and its budget holds it |  | not yet | `hub/jupyter-ann`; held by the disruption budget `hub/users`
            the budget lets it go | /pdbs/0/allowed 1 | not yet | 1 pod is left on nodegroup `core-a`: `hub/jupyter-ann`
            the budgets could not be read | /pdbs ? | not yet | jupyter-ann
            the budget is of another namespace | /pdbs/0/namespace "x" | not yet | jupyter-ann`
            the pod moved on | /pods/2/node "b1" | met |
        "#,
    );
    check(
        &condition("nb-a"),
        before(),
        r#"
            only daemons are left |  | met | but daemons
            a pod without a controller counts | /pods/- {"labels":{"app":"x"},"name":"bare","namespace":"hub","node":"n1","owner":null} | not yet | hub/bare
            a pod whose controller nobody knows counts | /pods/- {"labels":{"app":"x"},"name":"odd","namespace":"hub","node":"n1","owner":{"$unknown":"AccessDenied"}} | not yet | hub/odd
            many are named up to three | /pods/- {"labels":{"app":"x"},"name":"p1","namespace":"hub","node":"n1","owner":"Job/x"} & /pods/- {"labels":{"app":"x"},"name":"p2","namespace":"hub","node":"n1","owner":"Job/x"} & /pods/- {"labels":{"app":"x"},"name":"p3","namespace":"hub","node":"n1","owner":"Job/x"} & /pods/- {"labels":{"app":"x"},"name":"p4","namespace":"hub","node":"n1","owner":"Job/x"} & /pods/- {"labels":{"app":"x"},"name":"p5","namespace":"hub","node":"n1","owner":"Job/x"} | not yet | `hub/p3`, 2 more
            the pods could not be read | /pods ? | unknown | pods
            the nodes could not be read | /nodes ? | unknown | nodes
        "#,
    );
}

#[test]
fn a_group_without_people() {
    let condition = |selectors: &[(&str, &str)]| Condition::NodegroupNotBusy {
        nodegroup: named("core-a"),
        activity: selectors
            .iter()
            .map(|(namespace, selector)| PodSelector {
                namespace: (*namespace).to_owned(),
                selector: (*selector).to_owned(),
            })
            .collect(),
    };
    check(
        &condition(&[("*", "app=jupyter")]),
        after(),
        r#"
            somebody works there |  | not yet | 1 busy pods
            they left | /pods/2/node "b1" | met | nobody is left
            another pod is left | /pods/2/labels/app "proxy" | met | 1 other pods are
            the pods could not be read | /pods ? | unknown |
            the nodes could not be read | /nodes ? | unknown |
        "#,
    );
    check(
        &condition(&[("other-*", "app=jupyter")]),
        after(),
        r#"
            of another namespace |  | met |
        "#,
    );
    check(
        &condition(&[]),
        after(),
        r#"
            without a rule nobody is busy |  | met | 1 other pods are
            none is left | /pods/2/node "b1" | met | nobody is left
            a pod without a controller is waited for | /pods/2/owner null | not yet | jupyter-ann
            so is one whose controller nobody knows | /pods/2/owner ? | not yet | jupyter-ann
        "#,
    );
}

#[test]
fn the_identity_of_a_group() {
    let condition = |arn: &str, created_at: &str| Condition::NodegroupIdentity {
        nodegroup: named("core-a"),
        arn: arn.to_owned(),
        created_at: created_at.to_owned(),
    };
    check(
        &condition("arn:core-a", "2026-01-02T03:04:05Z"),
        before(),
        r#"
            it is the one |  | met | the one that the plan saw
            it has another ARN | /nodegroups/0/arn "arn:other" | refuted | arn:other
            it was made at another time under the same ARN | /nodegroups/0/created_at "2026-08-22T00:00:00Z" | refuted | created 2026-08-22
            it is gone | /nodegroups [] | refuted | no nodegroup
            its ARN could not be read | /nodegroups/0/arn ? | unknown | ARN
            its creation time could not be read | /nodegroups/0/created_at ? | unknown | creation
            it has no ARN any more | /nodegroups/0/arn null | refuted | ARN
            the groups could not be read | /nodegroups ? | unknown |
        "#,
    );
    check(
        &condition("", "2026-01-02T03:04:05Z"),
        before(),
        r#"
            the plan knew no ARN | /nodegroups/0/arn "arn:other" | met |
            the plan knew no ARN, and the time differs | /nodegroups/0/created_at "2026-08-22T00:00:00Z" | refuted |
        "#,
    );
}

#[test]
fn scaling_bounds() {
    let condition = |min: u32, max: u32| Condition::NodegroupScaling {
        nodegroup: named("nb-a"),
        min,
        max,
    };
    check(
        &condition(1, 3),
        after(),
        r#"
            they are as asked for |  | met | from 1 to 3
            the minimum is another | /nodegroups/2/spec/minSize 0 | not yet | not from 1 to 3
            jsonnet writes floats | /nodegroups/2/spec/minSize 1.0 | met |
            the minimum could not be read | /nodegroups/2/spec/minSize ? & /nodegroups/2/spec_complete false | unknown | minSize
            it is gone | /nodegroups [] | refuted |
            the groups could not be read | /nodegroups ? | unknown |
        "#,
    );
    check(
        &condition(2, 2),
        after(),
        r#"
            nothing was recorded: eksctl's defaults are no facts | /nodegroups/2/spec {} & /nodegroups/2/spec_complete false | unknown |
            it says that it has none | /nodegroups/2/spec {"maxSize":null,"minSize":null} | met |
        "#,
    );
}

#[test]
fn settings_of_a_group() {
    let expected = json!({
        "labels.hub.example.org/purpose": "core", "labels.old": null, "maxSize": 3,
        "taints": [{"key": "gpu", "value": "", "effect": "NoSchedule"}],
    });
    let condition = Condition::NodegroupSettings {
        nodegroup: named("core-b"),
        fields: vec!["labels".to_owned()],
        was: serde_json::Map::new(),
        expected: expected.as_object().cloned().expect("an object"),
    };
    check(
        &condition,
        after(),
        r#"
            a taint is missing |  | not yet | taints
            all are as in git, labels with dots too | /nodegroups/1/spec/taints [{"effect":"NoSchedule","key":"gpu"}] | met | as in git
            our own taint is not git's business | /nodegroups/1/spec/taints [{"effect":"NoSchedule","key":"stairway/phase-out"},{"effect":"NoSchedule","key":"gpu"}] | met |
            a label with dots differs | /nodegroups/1/spec/taints [{"effect":"NoSchedule","key":"gpu"}] & /nodegroups/1/spec/labels/hub.example.org~1purpose "x" | not yet | labels.hub.example.org/purpose
            a label is left that git dropped | /nodegroups/1/spec/taints [{"effect":"NoSchedule","key":"gpu"}] & /nodegroups/1/spec/labels/old "x" | not yet | labels.old
            all labels are gone | /nodegroups/1/spec/taints [{"effect":"NoSchedule","key":"gpu"}] & /nodegroups/1/spec/labels null | not yet | labels
            it is gone | /nodegroups [] | refuted |
            the groups could not be read | /nodegroups ? | unknown |
            its labels were read, the rest not | /nodegroups/1/spec/taints [{"effect":"NoSchedule","key":"gpu"}] & /nodegroups/1/spec_complete false | met |
            its labels could not be read | /nodegroups/1/spec/taints [{"effect":"NoSchedule","key":"gpu"}] & /nodegroups/1/spec_complete false & /nodegroups/1/spec/labels ? | unknown | labels
            its taints could not be read | /nodegroups/1/spec_complete false & /nodegroups/1/spec/taints ? | unknown | taints
        "#,
    );
    let none = Condition::NodegroupSettings {
        nodegroup: named("core-b"),
        fields: vec!["taints".to_owned()],
        was: serde_json::Map::new(),
        expected: json!({"taints": [], "labels.x.y": null})
            .as_object()
            .cloned()
            .expect("an object"),
    };
    check(
        &none,
        after(),
        r#"
            git wants none, and there is none |  | met |
            git wants none, and nobody read whether there is one | /nodegroups/1/spec_complete false | unknown | taints
        "#,
    );
}

#[test]
fn another_core_group() {
    let condition = |core: &[&str]| Condition::CoreElsewhere {
        nodegroup: named("core-a"),
        core: core.iter().map(|name| named(name)).collect(),
    };
    check(
        &condition(&["core-b"]),
        before(),
        r#"
            it has Ready nodes |  | met | node `b1` of `core-b`
            one of two is Ready | /nodes/1/ready false | met | `b2`
            none is Ready | /nodes/1/ready false & /nodes/2/ready false | not yet | no core group but
            nobody knows whether one is Ready | /nodes/1/ready false & /nodes/2/ready ? | not yet |
            the Ready one is cordoned | /nodes/1/ready false & /nodes/2/unschedulable true | not yet |
            the Ready one is on its way out, too | /nodes/1/ready false & /nodes/2/taints ["stairway/phase-out"] | not yet |
            the nodes could not be read | /nodes ? | unknown |
        "#,
    );
    check(
        &condition(&["core-a"]),
        before(),
        r#"
            its own nodes do not count |  | not yet |
        "#,
    );
    check(
        &condition(&[]),
        before(),
        r#"
            no other carries the core |  | not yet |
        "#,
    );
}
