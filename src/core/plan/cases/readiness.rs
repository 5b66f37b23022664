//! Cases of the findings about what would stop a step half-way.

use super::Case;
use super::scene::Scene;
use crate::model::Known;
use serde_json::json;

/// The new core group holds so many pods on each of two nodes, the daemons among them.
fn pods_per_node(scene: &mut Scene, pods: u32) {
    let spec = scene.declared("core-b");
    spec.insert("maxSize".to_owned(), json!(2));
    spec.insert("maxPodsPerNode".to_owned(), json!(pods));
}

fn insight(scene: &mut Scene, name: &str, version: &str, status: &str) {
    scene.insight("UPGRADE_READINESS", name, version, status);
}

const REMOVED: &str = "Deprecated APIs removed in Kubernetes v1.33";

/// EKS does not manage vpc-cni; the daemon runs this version.
fn own_vpc_cni(scene: &mut Scene, version: &str) {
    scene.addons().retain(|addon| addon.name != "vpc-cni");
    scene.undeclare_addon("vpc-cni");
    let workload = json!([{
        "kind": "DaemonSet", "namespace": "kube-system", "name": "aws-node", "version": version,
        "rolled_out": true,
    }]);
    scene.observed.workloads = serde_json::from_value(workload).expect("a workload");
}

/// 1.32 goes back to 1.31, where EKS offers these versions of CoreDNS.
fn going_back(scene: &mut Scene, coredns: &[&str]) {
    super::existing::ready_to_go_back(scene);
    scene.offers("coredns", "1.31", coredns);
}

pub(super) static CASES: &[Case] = &[
    Case {
        code: "STW-R8-ADDRESSES",
        says: "the cluster's subnets have 4 free addresses",
        comes_up: |scene| {
            let subnets = scene.subnets().iter_mut();
            subnets.for_each(|subnet| subnet.free_addresses = Known::Value(2));
        },
        nearest_that_does_not: "they have 6 between them, as many as the new group needs",
        stays_quiet: |scene| {
            scene.subnets()[0].free_addresses = Known::Value(2);
            scene.subnets()[1].free_addresses = Known::Value(4);
        },
    },
    Case {
        code: "STW-R8-INSIGHT",
        says: "an insight about 1.33 is in ERROR",
        comes_up: |scene| insight(scene, REMOVED, "1.33", "ERROR"),
        nearest_that_does_not: "it is about 1.34",
        stays_quiet: |scene| insight(scene, REMOVED, "1.34", "ERROR"),
    },
    Case {
        code: "STW-R8-INSIGHT",
        says: "an insight that rule R2 judges too is in ERROR: a warning",
        comes_up: |scene| insight(scene, "Kubelet version skew", "1.33", "ERROR"),
        nearest_that_does_not: "the insight passes",
        stays_quiet: |scene| insight(scene, "Kubelet version skew", "1.33", "PASSING"),
    },
    Case {
        code: "STW-R8-PDB",
        says: "a budget of pods on the swapped core group allows no disruption",
        comes_up: |scene| scene.pdb("proxy").allowed = Known::Value(0),
        nearest_that_does_not: "such a budget covers pods of another namespace only",
        stays_quiet: |scene| {
            let pdb = scene.pdb("proxy");
            pdb.allowed = Known::Value(0);
            pdb.namespace = "staging".to_owned();
        },
    },
    Case {
        code: "STW-R8-BARE-POD",
        says: "a pod without a controller runs on the swapped core group",
        comes_up: |scene| scene.pod("proxy-0").owner = Known::Absent,
        nearest_that_does_not: "it runs on the group whose people are waited for",
        stays_quiet: |scene| {
            let pod = scene.pod("proxy-0");
            pod.owner = Known::Absent;
            pod.node = Some("nb-a-0".to_owned());
        },
    },
    Case {
        code: "STW-R8-QUOTA",
        says: "the quota allows the 3 managed groups that run, and a swap needs a fourth",
        comes_up: |scene| scene.quota("managed-nodegroups-per-cluster", 3),
        nearest_that_does_not: "it allows 4",
        stays_quiet: |scene| scene.quota("managed-nodegroups-per-cluster", 4),
    },
    Case {
        code: "STW-R8-CAPACITY",
        says: "4 pods must move to a group that holds 2 beside its daemons",
        comes_up: |scene| pods_per_node(scene, 2),
        nearest_that_does_not: "it holds 4 beside its daemons",
        stays_quiet: |scene| pods_per_node(scene, 3),
    },
    Case {
        code: "STW-R8-REMOVED-API",
        says: "the hop goes to 1.33, which no longer serves an API",
        comes_up: |_scene| {},
        nearest_that_does_not: "there is no hop",
        stays_quiet: |scene| scene.asks_for("1.32"),
    },
    Case {
        code: "STW-R8-NOT-ASSESSED",
        says: "nobody could read the insights",
        comes_up: |scene| {
            scene.observed.insights = Known::Unknown("no permission".to_owned());
        },
        nearest_that_does_not: "they were read, and there is none",
        stays_quiet: |scene| scene.observed.insights = Known::Absent,
    },
    Case {
        code: "STW-R9-ADDON",
        says: "no version of CoreDNS fits both 1.32 and 1.33",
        comes_up: |scene| scene.offers("coredns", "1.33", &["v1.12.1-eksbuild.2"]),
        nearest_that_does_not: "the one for 1.33 is offered for 1.32, too",
        stays_quiet: |scene| {
            scene.offers("coredns", "1.33", &["v1.12.1-eksbuild.2"]);
            let both = ["v1.11.4-eksbuild.2", "v1.12.1-eksbuild.2"];
            scene.offers("coredns", "1.32", &both);
        },
    },
    Case {
        code: "STW-R9-ADDON",
        says: "git pins CoreDNS to a version that EKS does not offer: a warning",
        comes_up: |scene| {
            scene.asks_for("1.32");
            scene.declared_addon("coredns")["version"] = json!("v1.99.0-eksbuild.1");
        },
        nearest_that_does_not: "git pins it to the one that EKS offers",
        stays_quiet: |scene| {
            scene.asks_for("1.32");
            scene.declared_addon("coredns")["version"] = json!("v1.11.4-eksbuild.2");
        },
    },
    Case {
        code: "STW-R9-ADDON",
        says: "eksctl would take a self-managed vpc-cni from 1.16 to 1.19: a warning",
        comes_up: |scene| own_vpc_cni(scene, "v1.16.4-eksbuild.2"),
        nearest_that_does_not: "it would take it from 1.18 to 1.19",
        stays_quiet: |scene| own_vpc_cni(scene, "v1.18.6-eksbuild.1"),
    },
    Case {
        code: "STW-R9-ADDON",
        says: "a rollback goes to 1.31, for which EKS offers no CoreDNS: it is refused",
        comes_up: |scene| going_back(scene, &[]),
        nearest_that_does_not: "EKS offers an older one for it",
        stays_quiet: |scene| going_back(scene, &["v1.11.3-eksbuild.1"]),
    },
];
