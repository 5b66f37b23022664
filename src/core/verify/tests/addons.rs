//! Rows about add-ons and the workloads of kube-system.

use super::*;

const OLD: &str = "v1.19.0-eksbuild.1";
const NEW: &str = "v1.20.0-eksbuild.1";

fn active(version: &str) -> Condition {
    Condition::AddonActive {
        addon: "vpc-cni".to_owned(),
        version: version.parse().expect("a version"),
    }
}

#[test]
fn an_addon_before_a_step() {
    check(
        &active(OLD),
        before(),
        r#"
            it is ACTIVE at the version |  | met | ACTIVE
            it is being changed | /addons/0/status "UPDATING" | not yet | UPDATING
            it is DEGRADED | /addons/0/status "DEGRADED" | refuted | DEGRADED
            its last update failed | /addons/0/status "UPDATE_FAILED" | refuted |
            somebody moved it on | /addons/0/version "v1.20.0-eksbuild.1" | refuted | v1.20.0-eksbuild.1
            it is not installed | /addons [] | refuted | not installed
            its version could not be read | /addons/0/version ? | unknown | version
            its status could not be read | /addons/0/status ? | unknown | status
            the add-ons could not be read | /addons ? | unknown | add-ons
        "#,
    );
}

#[test]
fn an_addon_after_our_update() {
    check(
        &active(NEW),
        after(),
        r#"
            nothing is seen yet |  | not yet | v1.19.0-eksbuild.1
            it is under way | /addons/0/version "v1.19.0-eksbuild.1" & /addons/0/status "UPDATING" | not yet | UPDATING
            the version is there, and the rollout goes on | /addons/0/version "v1.20.0-eksbuild.1" & /addons/0/status "UPDATING" | not yet |
            it arrived | /addons/0/version "v1.20.0-eksbuild.1" & /addons/0/status "ACTIVE" | met | v1.20.0-eksbuild.1
            it arrived and does not run | /addons/0/version "v1.20.0-eksbuild.1" & /addons/0/status "DEGRADED" | not yet | DEGRADED
            it failed | /addons/0/version "v1.19.0-eksbuild.1" & /addons/0/status "UPDATE_FAILED" | refuted | UPDATE_FAILED
            EKS lists it before it has a version | /addons/0/version null | not yet |
            EKS does not list it yet | /addons [] | not yet | not installed
        "#,
    );
}

#[test]
fn an_addon_that_should_not_be_there() {
    let condition = Condition::AddonAbsent {
        addon: "vpc-cni".to_owned(),
    };
    check(
        &condition,
        before(),
        r#"
            it is there |  | refuted | ACTIVE
            it is going | /addons/0/status "DELETING" | not yet | DELETING
            it is not there | /addons [] | met |
            it could not be read | /addons ? | unknown |
        "#,
    );
    check(
        &condition,
        after(),
        r#"
            our delete is not seen yet |  | not yet | ACTIVE
            it is going | /addons/0/status "DELETING" | not yet | DELETING
            EKS could not delete it | /addons/0/status "DELETE_FAILED" | refuted | DELETE_FAILED
            it is gone | /addons null | met |
            it could not be read | /addons ? | unknown |
        "#,
    );
}

#[test]
fn the_settings_of_an_addon() {
    let expected = json!({"resolveConflicts": "preserve", "configurationValues": null});
    let condition = Condition::AddonSettings {
        addon: "vpc-cni".to_owned(),
        expected: expected.as_object().cloned().expect("an object"),
    };
    check(
        &condition,
        after(),
        r#"
            they are as in git |  | met | as in git
            one is not as in git | /addons/0/spec/resolveConflicts "overwrite" | not yet | resolveConflicts
            one is set that git leaves out | /addons/0/spec/configurationValues "{}" | not yet | configurationValues
            one that git leaves out was not recorded | /addons/0/spec_complete false | unknown | configurationValues
            one that git leaves out could not be read | /addons/0/spec_complete false & /addons/0/spec/configurationValues ? | unknown | configurationValues
            it is being changed | /addons/0/status "UPDATING" | not yet |
            its update failed | /addons/0/status "UPDATE_FAILED" | refuted |
            its status could not be read | /addons/0/status ? | unknown |
            it is not installed | /addons [] | refuted |
            the add-ons could not be read | /addons ? | unknown |
        "#,
    );
}

#[test]
fn a_rollout() {
    let condition = |version: Option<&str>| Condition::WorkloadRolledOut {
        workload: "DaemonSet".to_owned(),
        name: "aws-node".to_owned(),
        version: version.map(|text| text.parse().expect("a version")),
    };
    check(
        &condition(None),
        after(),
        r#"
            all replicas are updated and available |  | met |
            its version does not matter | /workloads/0/version ? | met |
            it goes on | /workloads/0/rolled_out false | not yet | rolling out
            it could not be read | /workloads/0/rolled_out ? | unknown |
            there is no such workload | /workloads [] | not yet | no DaemonSet
            one of another kind has the name | /workloads/0/kind "Deployment" | not yet | no DaemonSet
            one of another namespace has the name | /workloads [{"kind":"DaemonSet","name":"aws-node","namespace":"shadow","rolled_out":true}] | not yet | no DaemonSet
            the workloads could not be read | /workloads ? | unknown |
        "#,
    );
    check(
        &condition(Some(NEW)),
        after(),
        r#"
            the old version is rolled out |  | not yet | v1.19.0-eksbuild.1
            the new one is | /workloads/0/version "v1.20.0-eksbuild.1" | met |
            nobody knows which is | /workloads/0/version ? | unknown | version
        "#,
    );
}

#[test]
fn a_rollout_that_hangs_on_its_security_context() {
    let condition = Condition::WorkloadStuckOnSecurityContext {
        name: "aws-node".to_owned(),
    };
    check(
        &condition,
        before(),
        r#"
            nothing hangs |  | not yet | does not hang
            it hangs on that fault | /workloads/0/rolled_out false & /pods/1/waiting "CreateContainerConfigError" | met | CreateContainerConfigError
            it hangs on another fault | /workloads/0/rolled_out false & /pods/1/waiting "CrashLoopBackOff" | not yet |
            a pod has the fault, and the rollout is done | /pods/1/waiting "CreateContainerConfigError" | not yet |
            nobody knows whether it is done | /workloads/0/rolled_out ? & /pods/1/waiting "CreateContainerConfigError" | not yet |
            the pods could not be read | /workloads/0/rolled_out false & /pods ? | unknown | pods
            the workloads could not be read | /workloads ? | unknown |
        "#,
    );
}
