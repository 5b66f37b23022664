//! Rows about the control plane, skew and insights.

use super::*;
use crate::model::KubeMinor;

fn settled(minor: u16) -> Condition {
    Condition::ControlPlaneSettled {
        version: KubeMinor::of(minor),
    }
}

#[test]
fn a_control_plane_before_a_step() {
    check(
        &settled(32),
        before(),
        r#"
            it is ACTIVE at the version and nothing moves |  | met | ACTIVE at 1.32
            EKS lists no updates at all | /updates null | met |
            an old failed update does not matter | /updates/- {"created_at":"2026-08-22T09:59:59Z","errors":["IpNotAvailable: no free addresses"],"id":"u","status":"Failed","type":"VersionUpdate","version":"1.32"} | met |
            some update is in progress | /updates/- {"created_at":"2026-08-22T09:59:59Z","errors":["IpNotAvailable: no free addresses"],"id":"u-7","status":"InProgress","type":"VersionUpdate","version":"1.33"} | not yet | `u-7`
            it is ACTIVE, and an add-on is being updated | /updates/- {"addon":"x","id":"u-8","status":"InProgress","type":"AddonUpdate"} | not yet | AddonUpdate
            it is UPDATING | /control_plane/status "UPDATING" | not yet | UPDATING
            somebody moved it on | /control_plane/version "1.33" | refuted | 1.32 is expected
            there is none | /control_plane null | refuted | no control plane
            it could not be read | /control_plane ? | unknown | AccessDenied
            its version could not be read | /control_plane/version ? | unknown | version
            its status could not be read | /control_plane/status ? | unknown | status
            the updates could not be read | /updates ? | unknown | updates
        "#,
    );
}

#[test]
fn a_control_plane_after_our_upgrade_to_1_33() {
    check(
        &settled(33),
        after(),
        r#"
            nothing is seen yet |  | not yet | ACTIVE at 1.32
            it arrived | /control_plane/version "1.33" & /updates/- {"created_at":"2026-08-22T10:00:30Z","errors":["IpNotAvailable: no free addresses"],"id":"u","status":"Successful","type":"VersionUpdate","version":"1.33"} | met | ACTIVE at 1.33
            the version is there before the update ends | /control_plane/version "1.33" & /updates/- {"created_at":"2026-08-22T10:00:30Z","errors":["IpNotAvailable: no free addresses"],"id":"u","status":"InProgress","type":"VersionUpdate","version":"1.33"} | not yet | in progress
            EKS reverted our update by itself | /control_plane/version "1.32" & /updates/- {"created_at":"2026-08-22T10:00:30Z","errors":["IpNotAvailable: no free addresses"],"id":"u","status":"Failed","type":"VersionUpdate","version":"1.33"} | refuted | reverted it by itself (IpNotAvailable
            our update was cancelled | /control_plane/version "1.32" & /updates/- {"created_at":"2026-08-22T10:00:30Z","errors":["IpNotAvailable: no free addresses"],"id":"u","status":"Cancelled","type":"VersionUpdate","version":"1.33"} | refuted | Cancelled
            only an older update to the same version failed | /control_plane/version "1.32" & /updates/- {"created_at":"2026-08-22T09:59:59Z","errors":["IpNotAvailable: no free addresses"],"id":"u","status":"Failed","type":"VersionUpdate","version":"1.33"} | not yet | ACTIVE at 1.32
            an update failed whose time nobody knows: it may be an older one | /control_plane/version "1.32" & /updates/- {"id":"u","status":"Failed","type":"VersionUpdate","version":"1.33"} | not yet |
            an update to another version failed | /control_plane/version "1.32" & /updates/- {"created_at":"2026-08-22T10:00:30Z","errors":["IpNotAvailable: no free addresses"],"id":"u","status":"Failed","type":"VersionUpdate","version":"1.32"} | not yet |
            a nodegroup's update to that version failed | /control_plane/version "1.32" & /updates/- {"created_at":"2026-08-22T10:00:30Z","id":"u","nodegroup":"core-a","status":"Failed","type":"VersionUpdate","version":"1.33"} | not yet |
            it is FAILED | /control_plane/status "FAILED" | not yet | FAILED
        "#,
    );
}

/// The first of two tries failed, and the second one is what counts.
#[test]
fn the_last_of_our_updates_counts() {
    check(
        &settled(33),
        after(),
        r#"
            both tries failed | /updates/- {"created_at":"2026-08-22T10:00:30Z","errors":["IpNotAvailable: no free addresses"],"id":"u-1","status":"Failed","type":"VersionUpdate","version":"1.33"} & /updates/- {"created_at":"2026-08-22T10:03:00Z","errors":["IpNotAvailable: no free addresses"],"id":"u-2","status":"Failed","type":"VersionUpdate","version":"1.33"} | refuted |
            the second goes well | /updates/- {"created_at":"2026-08-22T10:00:30Z","errors":["IpNotAvailable: no free addresses"],"id":"u-1","status":"Failed","type":"VersionUpdate","version":"1.33"} & /updates/- {"created_at":"2026-08-22T10:03:00Z","errors":["IpNotAvailable: no free addresses"],"id":"u-2","status":"Successful","type":"VersionUpdate","version":"1.33"} | not yet |
            in any order of the list | /updates/- {"created_at":"2026-08-22T10:03:00Z","errors":["IpNotAvailable: no free addresses"],"id":"u-2","status":"Failed","type":"VersionUpdate","version":"1.33"} & /updates/- {"created_at":"2026-08-22T10:00:30Z","errors":["IpNotAvailable: no free addresses"],"id":"u-1","status":"Successful","type":"VersionUpdate","version":"1.33"} | refuted | `u-2`
        "#,
    );
}

#[test]
fn nodes_within_skew() {
    let condition = Condition::NodesWithinSkew {
        version: KubeMinor::of(34),
    };
    check(
        &condition,
        before(),
        r#"
            three minors behind is legal |  | met | the oldest kubelet is 1.31
            no node at all, and groups that boot legal ones | /nodes [] | met |
            one node is too old | /nodes/3/kubelet "1.30.9" | not yet | node `n1` is at 1.30
            a node outside of nodegroups counts | /nodes/- {"kubelet":"1.30.0","name":"fargate-1","provisioner":"fargate"} | not yet | fargate-1
            a group without nodes would boot one too old | /nodegroups/2/version "1.30" | not yet | what nodegroup `nb-a` boots
            a node is newer than the control plane would be | /nodes/1/kubelet "1.35.0" | not yet | 1.35
            a kubelet could not be read | /nodes/4/kubelet ? | unknown | node `u1`
            a kubelet was not recorded | /nodes/- {"name":"x"} | unknown | `x`
            what a group boots could not be read | /nodegroups/0/version ? | unknown | core-a
            the nodes could not be read | /nodes ? | unknown | nodes
            the groups could not be read | /nodegroups ? | unknown | nodegroups
        "#,
    );
}

#[test]
fn upgrade_insights() {
    let condition = Condition::UpgradeInsightsClear {
        version: KubeMinor::of(33),
        accepted: vec!["i-waived".to_owned()],
    };
    check(
        &condition,
        before(),
        r#"
            all pass |  | met | 1.33
            there is none | /insights [] | met |
            one is in ERROR | /insights/- {"category":"UPGRADE_READINESS","id":"i","name":"insight i","reason":"2,140 requests","status":"ERROR","version":"1.33"} | refuted | 2,140 requests
            one is in ERROR that the plan accepted | /insights/- {"category":"UPGRADE_READINESS","id":"i-waived","name":"insight i-waived","reason":"2,140 requests","status":"ERROR","version":"1.33"} | met |
            one in ERROR besides the accepted one | /insights/- {"category":"UPGRADE_READINESS","id":"i-waived","name":"insight i-waived","reason":"2,140 requests","status":"ERROR","version":"1.33"} & /insights/- {"category":"UPGRADE_READINESS","id":"i-new","name":"insight i-new","reason":"2,140 requests","status":"ERROR","version":"1.32"} | refuted | i-new
            one in ERROR for a later minor | /insights/- {"category":"UPGRADE_READINESS","id":"i","name":"insight i","reason":"2,140 requests","status":"ERROR","version":"1.34"} | met |
            one in ERROR whose minor could not be read counts | /insights/- {"category":"UPGRADE_READINESS","id":"i","name":"insight i","reason":"2,140 requests","status":"ERROR","version":{"$unknown":"AccessDenied"}} | refuted |
            one in ERROR without a minor counts | /insights/- {"category":"UPGRADE_READINESS","id":"i","name":"insight i","reason":"2,140 requests","status":"ERROR","version":null} | refuted |
            a rollback insight in ERROR is another matter | /insights/- {"category":"ROLLBACK_READINESS","id":"i","name":"insight i","reason":"2,140 requests","status":"ERROR","version":"1.33"} | met |
            they could not be read | /insights ? | unknown | insights
        "#,
    );
}

#[test]
fn rollback_insights() {
    check(
        &Condition::RollbackInsightsClear,
        before(),
        r#"
            all pass |  | met | all 1
            a warning is advice | /insights/1/status "WARNING" | met |
            UNKNOWN blocks | /insights/1/status "UNKNOWN" | refuted | UNKNOWN
            ERROR blocks | /insights/1/status "ERROR" | refuted | ERROR
            what EKS may say one day blocks | /insights/1/status "REVIEW" | refuted | REVIEW
            EKS has not made any yet | /insights [] | not yet | no rollback insight
            they could not be read | /insights ? | unknown |
        "#,
    );
}

#[test]
fn the_support_type() {
    let condition = Condition::SupportType {
        value: "EXTENDED".to_owned(),
    };
    check(
        &condition,
        after(),
        r#"
            it is as it was |  | not yet | STANDARD
            it is as asked for | /control_plane/support_type "EXTENDED" | met |
            it could not be read | /control_plane/support_type ? | unknown |
            EKS has none | /control_plane/support_type null | refuted |
        "#,
    );
}
