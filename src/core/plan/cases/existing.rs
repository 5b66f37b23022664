//! Cases of the findings about versions, support, the way back, and the plan itself.

use super::Case;
use super::scene::{Ask, Scene, done_through};
use crate::model::{DAY_SECONDS, Known, Timestamp};
use crate::plan::wire::{Action, Severity, Step, StepKind};
use crate::policy::settings::NodePace;

fn at(scene: &mut Scene, day: &str) {
    scene.at = day.parse().expect("a day");
}

/// 1.32 is three days old, its nodes are still at 1.31, and EKS would take it back.
pub(super) fn ready_to_go_back(scene: &mut Scene) {
    scene.asks_for("1.32");
    scene.to = Some("1.31".parse().expect("a minor"));
    let done = Timestamp::from_unix(scene.at.unix() - 3 * DAY_SECONDS);
    scene.updates()[0].finished_at = Known::Value(done);
    for group in ["core-a", "nb-a", "workers"] {
        scene.runs_at(group, "1.31");
    }
    let (kind, name) = ("ROLLBACK_READINESS", "Kubernetes version rollback");
    scene.insight(kind, name, "1.31", "PASSING");
}

fn update(scene: &mut Scene, kind: &str, status: &str, version: &str) {
    let mut update = scene.updates()[0].clone();
    update.id = "u-2".to_owned();
    update.kind = kind.to_owned();
    update.status = status.to_owned();
    update.version = Known::Value(version.parse().expect("a minor"));
    if status == "Failed" {
        update.errors = vec!["IpNotAvailable: subnet-a has no free address.".to_owned()];
    }
    scene.updates().push(update);
}

fn another_target(steps: &mut [Step]) {
    let hops = steps.iter_mut();
    for hop in hops.filter(|step| step.kind == StepKind::UpgradeControlPlane) {
        for action in &mut hop.actions {
            if let Action::Run { argv, .. } = action {
                let words = argv.iter_mut();
                words
                    .filter(|word| *word == "1.33")
                    .for_each(|word| *word = "1.34".to_owned());
            }
        }
    }
}

fn another_reason(steps: &mut [Step]) {
    steps[0].reason.push("Somebody asked for it.".to_owned());
}

pub(super) static CASES: &[Case] = &[
    Case {
        code: "STW-R1-NOT-SETTLED",
        says: "the control plane is UPDATING",
        comes_up: |scene| scene.plane().status = Known::Value("UPDATING".to_owned()),
        nearest_that_does_not: "nobody could read its status, which is another finding",
        stays_quiet: |scene| scene.plane().status = Known::Unknown("no permission".to_owned()),
    },
    Case {
        code: "STW-R1-NOT-SETTLED",
        says: "an update of an add-on is in progress",
        comes_up: |scene| update(scene, "AddonUpdate", "InProgress", "1.32"),
        nearest_that_does_not: "that update was cancelled",
        stays_quiet: |scene| update(scene, "AddonUpdate", "Cancelled", "1.32"),
    },
    Case {
        code: "STW-R2-SKEW",
        says: "an undeclared group is at 1.29, and the hop goes to 1.33",
        comes_up: |scene| {
            scene.also_runs("spare", "workers");
            scene.runs_at("spare", "1.29");
        },
        nearest_that_does_not: "it is at 1.30, three minors behind",
        stays_quiet: |scene| {
            scene.also_runs("spare", "workers");
            scene.runs_at("spare", "1.30");
        },
    },
    Case {
        code: "STW-R2-OUTSIDE-NODES",
        says: "a node of Karpenter is at 1.29, and the hop goes to 1.33",
        comes_up: |scene| scene.outside_node("karpenter", "1.29"),
        nearest_that_does_not: "it is at 1.30, three minors behind",
        stays_quiet: |scene| scene.outside_node("karpenter", "1.30"),
    },
    Case {
        code: "STW-R2-OUTSIDE-NODES",
        says: "a rollback goes to 1.31, and a pod of Fargate runs at 1.32",
        comes_up: |scene| {
            ready_to_go_back(scene);
            scene.outside_node("fargate", "1.32");
        },
        nearest_that_does_not: "that pod was never restarted since 1.31",
        stays_quiet: |scene| {
            ready_to_go_back(scene);
            scene.outside_node("fargate", "1.31");
        },
    },
    Case {
        code: "STW-R5-ROLLBACK",
        says: "git asks for the minor below the live one",
        comes_up: |scene| scene.asks_for("1.31"),
        nearest_that_does_not: "git asks for the live one",
        stays_quiet: |scene| scene.asks_for("1.32"),
    },
    Case {
        code: "STW-R5-ROLLBACK",
        says: "a rollback was asked for and can run: a warning tells the direction",
        comes_up: ready_to_go_back,
        nearest_that_does_not: "the target that was asked for is what runs",
        stays_quiet: |scene| {
            ready_to_go_back(scene);
            scene.to = Some("1.32".parse().expect("a minor"));
        },
    },
    Case {
        code: "STW-R5-REVERTED",
        says: "EKS took back an update to 1.33 that failed",
        comes_up: |scene| update(scene, "VersionUpdate", "Failed", "1.33"),
        nearest_that_does_not: "the update that failed was to 1.32, which runs since",
        stays_quiet: |scene| update(scene, "VersionUpdate", "Failed", "1.32"),
    },
    Case {
        code: "STW-R5-UNDO-ENDS",
        says: "a run has deleted the old core group, and is to be undone",
        comes_up: |scene| {
            let steps = done_through(scene, StepKind::DeleteNodegroup);
            scene.ask = Ask::WayBackAfter(steps);
        },
        nearest_that_does_not: "the group was drained and still stands",
        stays_quiet: |scene| {
            let steps = done_through(scene, StepKind::DrainNodegroup);
            scene.ask = Ask::WayBackAfter(steps);
        },
    },
    Case {
        code: "STW-R6-UNSUPPORTED-TARGET",
        says: "it is the day before EKS offers 1.33",
        comes_up: |scene| at(scene, "2025-05-28"),
        nearest_that_does_not: "it is the day on which EKS offers it",
        stays_quiet: |scene| at(scene, "2025-05-29"),
    },
    Case {
        code: "STW-R6-UNSUPPORTED-TARGET",
        says: "extended support of 1.33 has ended",
        comes_up: |scene| at(scene, "2027-07-29"),
        nearest_that_does_not: "it ends on the day after",
        stays_quiet: |scene| at(scene, "2027-07-28"),
    },
    Case {
        code: "STW-R6-UNSUPPORTED-TARGET",
        says: "git asks for 1.63, which no cluster reaches from 1.32",
        comes_up: |scene| scene.asks_for("1.63"),
        nearest_that_does_not: "git asks for 1.34, and EKS offers it by then",
        stays_quiet: |scene| {
            scene.asks_for("1.34");
            at(scene, "2025-10-02");
        },
    },
    Case {
        code: "STW-R6-OUT-OF-SUPPORT",
        says: "extended support of 1.32, which runs, has ended",
        comes_up: |scene| at(scene, "2027-03-23"),
        nearest_that_does_not: "it ends on the day after",
        stays_quiet: |scene| at(scene, "2027-03-22"),
    },
    Case {
        code: "STW-R6-EXTENDED",
        says: "standard support of 1.32, which runs, has ended",
        comes_up: |scene| at(scene, "2026-03-23"),
        nearest_that_does_not: "it ends on the day after",
        stays_quiet: |scene| at(scene, "2026-03-22"),
    },
    Case {
        code: "STW-CATALOG-GAP",
        says: "the hop goes to 1.37, of which the catalog knows nothing",
        comes_up: |scene| {
            scene.versions("1.36", "1.37");
            at(scene, "2026-08-01");
        },
        nearest_that_does_not: "it goes to 1.36, the newest that it knows",
        stays_quiet: |scene| {
            scene.versions("1.35", "1.36");
            at(scene, "2026-08-01");
        },
    },
    Case {
        code: "STW-NODES-AHEAD",
        says: "a group runs 1.33 under a control plane at 1.32",
        comes_up: |scene| scene.runs_at("workers", "1.33"),
        nearest_that_does_not: "it runs 1.31, one behind",
        stays_quiet: |scene| scene.runs_at("workers", "1.31"),
    },
    Case {
        code: "STW-NODES-AHEAD",
        says: "one node alone is ahead, and no hop is asked for",
        comes_up: |scene| {
            scene.asks_for("1.32");
            scene.outside_node("karpenter", "1.33");
        },
        nearest_that_does_not: "it is at the control plane's minor",
        stays_quiet: |scene| {
            scene.asks_for("1.32");
            scene.outside_node("karpenter", "1.32");
        },
    },
    Case {
        code: "STW-LAG",
        says: "nodes follow in batches, and the hop leaves a group one minor behind",
        comes_up: |scene| scene.settings.nodes = NodePace::Batch,
        nearest_that_does_not: "nodes follow in batches, and there is no hop",
        stays_quiet: |scene| {
            scene.settings.nodes = NodePace::Batch;
            scene.asks_for("1.32");
        },
    },
    Case {
        code: "STW-GOTCHA",
        says: "the hop goes to 1.33, of which changes are known",
        comes_up: |_scene| {},
        nearest_that_does_not: "there is no hop",
        stays_quiet: |scene| scene.asks_for("1.32"),
    },
    Case {
        code: "STW-PREVIEW",
        says: "live was assumed from a config, which tells nothing of pods",
        comes_up: |scene| {
            scene.observed.pods = Known::Unknown("live was assumed from a config".to_owned());
            scene.assumed = true;
        },
        nearest_that_does_not: "live was observed by somebody who may not read pods",
        stays_quiet: |scene| scene.observed.pods = Known::Unknown("no permission".to_owned()),
    },
    Case {
        code: "STW-OBSERVATION",
        says: "the observation is of a cluster of the same name in another region",
        comes_up: |scene| scene.observed.cluster.region = "eu-west-1".to_owned(),
        nearest_that_does_not: "the observation does not say in which region it was made",
        stays_quiet: |scene| scene.observed.cluster.region.clear(),
    },
    Case {
        code: "STW-OBSERVATION",
        says: "the observation is of another cluster in the same region",
        comes_up: |scene| scene.observed.cluster.name = "quay-2".to_owned(),
        nearest_that_does_not: "it is of this one, and its account is not recorded",
        stays_quiet: |scene| scene.observed.cluster.account_id = None,
    },
    Case {
        code: "STW-FACTS-UNKNOWN",
        says: "the kubelet of a node could not be read",
        comes_up: |scene| scene.nodes()[0].kubelet = Known::Unknown("no permission".to_owned()),
        nearest_that_does_not: "its zone could not be read, of which no rule speaks",
        stays_quiet: |scene| scene.nodes()[0].zone = Known::Unknown("no permission".to_owned()),
    },
    Case {
        code: "STW-FACTS-UNKNOWN",
        says: "there is no hop, and the version of a declared add-on is unknown: a warning",
        comes_up: |scene| {
            scene.asks_for("1.32");
            scene.addon("coredns").version = Known::Unknown("no permission".to_owned());
        },
        nearest_that_does_not: "git does not declare that add-on, so nothing hangs on it",
        stays_quiet: |scene| {
            scene.asks_for("1.32");
            scene.addon("coredns").version = Known::Unknown("no permission".to_owned());
            scene.undeclare_addon("coredns");
        },
    },
    Case {
        code: "STW-AUDIT",
        says: "a hop runs eksctl with another version than the step says",
        comes_up: |scene| scene.ask = Ask::Audited(another_target),
        nearest_that_does_not: "a step gives one more reason, and does the same",
        stays_quiet: |scene| scene.ask = Ask::Audited(another_reason),
    },
    Case {
        code: "STW-UNKNOWN-KEY",
        says: "a group has a key that eksctl's schema does not know",
        comes_up: |scene| {
            let spec = scene.declared("workers");
            spec.insert("instanceTyp".to_owned(), "m5.large".into());
        },
        nearest_that_does_not: "it has one more key that the schema knows",
        stays_quiet: |scene| {
            let spec = scene.declared("workers");
            spec.insert("disableIMDSv1".to_owned(), false.into());
        },
    },
    Case {
        code: "STW-NOT-OURS",
        says: "git asks for other logs of the control plane",
        comes_up: log_more,
        nearest_that_does_not: "the control plane writes those logs",
        stays_quiet: |scene| {
            log_more(scene);
            let logs = scene.config["cloudWatch"].clone();
            scene.plane().settings.insert("cloudWatch".to_owned(), logs);
        },
    },
    Case {
        code: "STW-NOT-OURS",
        says: "git suspends a process of a group's autoscaling group",
        comes_up: |scene| {
            let spec = scene.declared("workers");
            spec.insert("asgSuspendProcesses".to_owned(), vec!["AZRebalance"].into());
        },
        nearest_that_does_not: "the group runs with that process suspended",
        stays_quiet: |scene| {
            let spec = scene.declared("workers");
            spec.insert("asgSuspendProcesses".to_owned(), vec!["AZRebalance"].into());
            let live = &mut scene.group("workers").spec;
            live.insert("asgSuspendProcesses".to_owned(), vec!["AZRebalance"].into());
        },
    },
];

fn log_more(scene: &mut Scene) {
    let logs = serde_json::json!({"clusterLogging": {"enableTypes": ["audit"]}});
    scene.config["cloudWatch"] = logs;
}

#[test]
fn a_rollback_is_a_warning_within_seven_days_and_refused_after() {
    let severity = |days: i64| {
        let mut scene = Scene::new();
        ready_to_go_back(&mut scene);
        let done = Timestamp::from_unix(scene.at.unix() - days * DAY_SECONDS);
        scene.updates()[0].finished_at = Known::Value(done);
        let found = scene.findings();
        let found: Vec<_> = found
            .iter()
            .filter(|f| f.code == "STW-R5-ROLLBACK")
            .collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].severity
    };
    assert_eq!(severity(6), Severity::Warning);
    assert_eq!(severity(8), Severity::Mandatory);
}
