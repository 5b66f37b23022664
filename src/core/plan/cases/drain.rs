//! Cases of the findings about emptying a group.

use super::Case;
use super::scene::Scene;
use crate::model::{Known, Pdb, Pod};
use serde_json::json;
use std::collections::BTreeMap;

fn terms(pdb: &mut Pdb, min: Option<&str>, max: Option<&str>, allowed: u32) {
    let known =
        |text: Option<&str>| text.map_or(Known::Absent, |text| Known::Value(text.to_owned()));
    pdb.min_available = known(min);
    pdb.max_unavailable = known(max);
    pdb.allowed = Known::Value(allowed);
}

/// A second budget over the pods of `proxy`, in this namespace.
fn second_budget(scene: &mut Scene, namespace: &str) {
    let mut second = scene.pdb("proxy").clone();
    second.name = "proxy-too".to_owned();
    second.namespace = namespace.to_owned();
    scene.pdbs().push(second);
}

/// As many more pods of `proxy` on the first core node, and the budget counts them.
fn more_proxies(scene: &mut Scene, more: u32) {
    let pod = scene.pod("proxy-0").clone();
    for index in 0..more {
        let name = format!("proxy-more-{index:02}");
        scene.pods().push(Pod {
            name,
            ..pod.clone()
        });
    }
    let pdb = scene.pdb("proxy");
    pdb.expected = Known::Value(2 + more);
    pdb.healthy = Known::Value(2 + more);
}

fn selects(scene: &mut Scene, key: &str, value: &str) {
    let selector = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    scene.pod("proxy-0").node_selector = Known::Value(selector);
}

fn quota(scene: &mut Scene, groups: u32) {
    let name = "managed-nodegroups-per-cluster".to_owned();
    scene.observed.quotas = Known::Value(BTreeMap::from([(name, groups)]));
}

/// An empty group of its own kind that git wants on another instance type.
fn empty_group_changes(scene: &mut Scene) {
    scene.declare("spare-b", "workers");
    let spec = scene.declared("spare-b");
    spec.insert("minSize".to_owned(), json!(0));
    spec.insert("instanceType".to_owned(), json!("m5.xlarge"));
    let mut live = scene.group("workers").clone();
    live.name = "spare-a".to_owned();
    live.arn = Known::Value("arn:spare-a:1".to_owned());
    live.spec.insert("minSize".to_owned(), json!(0));
    scene.groups().push(live);
    let mut stack = scene.stack("workers").clone();
    stack.name = stack.name.replace("workers", "spare-a");
    scene.stacks().push(stack);
    // The others are done.
    scene.undeclare("core-b");
    scene.undeclare("nb-b");
    scene.declare("core-a", "workers");
    scene.declare("nb-a", "workers");
    for (name, purpose, min) in [("core-a", "core", 2), ("nb-a", "user", 0)] {
        let spec = scene.declared(name);
        spec.insert("minSize".to_owned(), json!(min));
        spec.insert(
            "labels".to_owned(),
            json!({"hub.jupyter.org/node-purpose": purpose}),
        );
    }
}

pub(super) static CASES: &[Case] = &[
    Case {
        code: "STW-R8-PDB",
        says: "a budget of two pods wants two of them",
        comes_up: |scene| terms(scene.pdb("proxy"), Some("2"), None, 0),
        nearest_that_does_not: "it wants one of them",
        stays_quiet: |scene| terms(scene.pdb("proxy"), Some("1"), None, 1),
    },
    Case {
        code: "STW-R8-PDB",
        says: "a budget wants 51% of two pods, which is both, and nobody told its answer",
        comes_up: |scene| {
            terms(scene.pdb("proxy"), Some("51%"), None, 0);
            scene.pdb("proxy").allowed = Known::default();
        },
        nearest_that_does_not: "it wants 50% of them",
        stays_quiet: |scene| {
            terms(scene.pdb("proxy"), Some("50%"), None, 1);
            scene.pdb("proxy").allowed = Known::default();
        },
    },
    Case {
        code: "STW-R8-PDB",
        says: "one of two pods is ill elsewhere, so the other one cannot leave now",
        comes_up: |scene| {
            let pod = scene.pod("proxy-1");
            pod.node = Some("workers-0".to_owned());
            pod.waiting = Some("CrashLoopBackOff".to_owned());
            scene.pdb("proxy").healthy = Known::Value(1);
            scene.pdb("proxy").allowed = Known::Value(0);
        },
        nearest_that_does_not: "it only lacks a node, and the new group has one",
        stays_quiet: |scene| {
            scene.pod("proxy-1").node = None;
            scene.pdb("proxy").healthy = Known::Value(1);
            scene.pdb("proxy").allowed = Known::Value(0);
        },
    },
    Case {
        code: "STW-R8-PDB",
        says: "a budget never lets a service leave a group that is phased out",
        comes_up: |scene| {
            scene.pod("proxy-0").node = Some("nb-a-0".to_owned());
            scene.pod("proxy-1").node = Some("workers-0".to_owned());
            terms(scene.pdb("proxy"), None, Some("0"), 0);
        },
        nearest_that_does_not: "such a budget covers only people's pods, which end by themselves",
        stays_quiet: |scene| {
            terms(scene.pdb("proxy"), None, Some("0"), 0);
            let people = ("component".to_owned(), "singleuser-server".to_owned());
            scene.pdb("proxy").selector = Known::Value(BTreeMap::from([people]));
        },
    },
    Case {
        code: "STW-R8-PDB-TWICE",
        says: "two budgets cover one pod",
        comes_up: |scene| second_budget(scene, "prod"),
        nearest_that_does_not: "the second one is of another namespace",
        stays_quiet: |scene| second_budget(scene, "staging"),
    },
    Case {
        code: "STW-R8-BARE-POD",
        says: "a pod without a controller runs on the swapped group",
        comes_up: |scene| scene.pod("proxy-0").owner = Known::Absent,
        nearest_that_does_not: "it runs on the group that is phased out, and ends by itself",
        stays_quiet: |scene| {
            scene.pod("proxy-0").owner = Known::Absent;
            scene.pod("proxy-0").node = Some("nb-a-0".to_owned());
        },
    },
    Case {
        code: "STW-R8-DRAIN-SLOW",
        says: "a budget lets 14 pods of a group go one at a time",
        comes_up: |scene| more_proxies(scene, 12),
        nearest_that_does_not: "it lets two of them go at a time",
        stays_quiet: |scene| {
            more_proxies(scene, 12);
            terms(scene.pdb("proxy"), None, Some("2"), 2);
        },
    },
    Case {
        code: "STW-R8-TOLERATES-ALL",
        says: "a Deployment's pod tolerates every taint",
        comes_up: |scene| scene.pod("proxy-0").tolerates_everything = true,
        nearest_that_does_not: "the pod is a DaemonSet's, and stays",
        stays_quiet: |scene| {
            scene.pod("proxy-0").tolerates_everything = true;
            scene.pod("proxy-0").owner = Known::Value("DaemonSet/proxy".to_owned());
        },
    },
    Case {
        code: "STW-R8-PINNED",
        says: "a pod selects the old group by the name that eksctl labels nodes with",
        comes_up: |scene| selects(scene, "alpha.eksctl.io/nodegroup-name", "core-a"),
        nearest_that_does_not: "it selects the new group by its name",
        stays_quiet: |scene| selects(scene, "alpha.eksctl.io/nodegroup-name", "core-b"),
    },
    Case {
        code: "STW-R8-PINNED",
        says: "a pod selects by a label that git drops from the new group",
        comes_up: |scene| {
            selects(scene, "hub.jupyter.org/node-purpose", "core");
            let labels = json!({"purpose": "core"});
            scene.declared("core-b").insert("labels".to_owned(), labels);
        },
        nearest_that_does_not: "the new group keeps it",
        stays_quiet: |scene| selects(scene, "hub.jupyter.org/node-purpose", "core"),
    },
    Case {
        code: "STW-R8-PINNED",
        says: "a pod wants an ARM node, and the new group has none",
        comes_up: |scene| selects(scene, "kubernetes.io/arch", "arm64"),
        nearest_that_does_not: "the new group is of Graviton",
        stays_quiet: |scene| {
            selects(scene, "kubernetes.io/arch", "arm64");
            let spec = scene.declared("core-b");
            spec.insert("instanceType".to_owned(), json!("m7g.large"));
        },
    },
    Case {
        code: "STW-R8-PINNED",
        says: "a pod of a pruned group selects it by name, and no other group takes it",
        comes_up: |scene| {
            scene.settings.prune = vec!["workers".to_owned()];
            scene.undeclare("workers");
            let selector = [(
                "eks.amazonaws.com/nodegroup".to_owned(),
                "workers".to_owned(),
            )];
            scene.pod("batch-0").node_selector = Known::Value(BTreeMap::from(selector));
        },
        nearest_that_does_not: "it selects nothing",
        stays_quiet: |scene| {
            scene.settings.prune = vec!["workers".to_owned()];
            scene.undeclare("workers");
        },
    },
    Case {
        code: "STW-R8-ZONES",
        says: "a volume is in a zone in which the new group is not",
        comes_up: |scene| {
            scene.pod("proxy-0").volume_zones = Known::Value(vec!["us-west-2c".to_owned()]);
            let zones = json!(["us-west-2a", "us-west-2b"]);
            scene
                .declared("core-b")
                .insert("availabilityZones".to_owned(), zones);
        },
        nearest_that_does_not: "the new group is in that zone too",
        stays_quiet: |scene| {
            scene.pod("proxy-0").volume_zones = Known::Value(vec!["us-west-2c".to_owned()]);
            let zones = json!(["us-west-2a", "us-west-2c"]);
            scene
                .declared("core-b")
                .insert("availabilityZones".to_owned(), zones);
        },
    },
    Case {
        code: "STW-R8-ZONES",
        says: "a volume of a pruned group is in a zone in which no other group has nodes: a warning",
        comes_up: |scene| {
            scene.settings.prune = vec!["workers".to_owned()];
            scene.undeclare("workers");
            scene.pod("batch-0").volume_zones = Known::Value(vec!["us-west-2d".to_owned()]);
        },
        nearest_that_does_not: "its volume is where other groups have nodes",
        stays_quiet: |scene| {
            scene.settings.prune = vec!["workers".to_owned()];
            scene.undeclare("workers");
            scene.pod("batch-0").volume_zones = Known::Value(vec!["us-west-2a".to_owned()]);
        },
    },
    Case {
        code: "STW-R8-SINGLE-REPLICA",
        says: "the only pod of a service runs on the swapped group",
        comes_up: |scene| scene.pods().retain(|pod| pod.name != "proxy-1"),
        nearest_that_does_not: "it is a person's",
        stays_quiet: |scene| {
            scene.pods().retain(|pod| pod.name != "proxy-1");
            let person = ("component".to_owned(), "singleuser-server".to_owned());
            scene.pod("proxy-0").labels.extend([person]);
        },
    },
    Case {
        code: "STW-R8-CRASH-LOOP",
        says: "a pod on the swapped group does not run",
        comes_up: |scene| scene.pod("proxy-0").waiting = Some("CrashLoopBackOff".to_owned()),
        nearest_that_does_not: "it is on no group that is drained",
        stays_quiet: |scene| {
            scene.pod("proxy-0").waiting = Some("CrashLoopBackOff".to_owned());
            scene.pod("proxy-0").node = None;
        },
    },
    Case {
        code: "STW-R8-EMPTY-DIR",
        says: "a pod on the swapped group has an emptyDir volume",
        comes_up: |scene| scene.pod("proxy-0").empty_dir = Known::Value(true),
        nearest_that_does_not: "it is a daemon's, and stays",
        stays_quiet: |scene| {
            scene.pod("proxy-0").empty_dir = Known::Value(true);
            scene.pod("proxy-0").owner = Known::Value("DaemonSet/proxy".to_owned());
        },
    },
    Case {
        code: "STW-R8-CAPACITY",
        says: "29 pods must move to a group of one m5.large, which holds 29 with its daemon",
        comes_up: |scene| {
            more_proxies(scene, 25);
            terms(scene.pdb("proxy"), None, Some("27"), 27);
            scene
                .declared("core-b")
                .insert("maxSize".to_owned(), json!(1));
            scene
                .declared("core-b")
                .insert("minSize".to_owned(), json!(1));
        },
        nearest_that_does_not: "it may have two nodes",
        stays_quiet: |scene| {
            more_proxies(scene, 25);
            terms(scene.pdb("proxy"), None, Some("27"), 27);
            scene
                .declared("core-b")
                .insert("maxSize".to_owned(), json!(2));
        },
    },
    Case {
        code: "STW-R8-CAPACITY",
        says: "a pod asks for all of the memory of a node, and some is the system's",
        comes_up: |scene| scene.pod("proxy-0").memory_mib = Known::Value(8192),
        nearest_that_does_not: "it asks for seven of eight GiB",
        stays_quiet: |scene| scene.pod("proxy-0").memory_mib = Known::Value(7168),
    },
    Case {
        code: "STW-R8-CAPACITY",
        says: "the pods together ask for more CPU than two nodes have",
        comes_up: |scene| {
            for name in ["proxy-0", "proxy-1", "coredns-0"] {
                scene.pod(name).cpu_millis = Known::Value(1500);
            }
            scene
                .declared("core-b")
                .insert("maxSize".to_owned(), json!(2));
        },
        nearest_that_does_not: "the group may have five",
        stays_quiet: |scene| {
            for name in ["proxy-0", "proxy-1", "coredns-0"] {
                scene.pod(name).cpu_millis = Known::Value(1500);
            }
            scene
                .declared("core-b")
                .insert("maxSize".to_owned(), json!(5));
        },
    },
    Case {
        code: "STW-CATALOG-GAP",
        says: "nobody knows the new group's instance type",
        comes_up: |scene| {
            let spec = scene.declared("core-b");
            spec.insert("instanceType".to_owned(), json!("q9.large"));
        },
        nearest_that_does_not: "it is a common one",
        stays_quiet: |scene| {
            let spec = scene.declared("core-b");
            spec.insert("instanceType".to_owned(), json!("r7i.large"));
        },
    },
    Case {
        code: "STW-R8-ADDRESSES",
        says: "5 addresses are left, and the new core group needs one for each of 2 nodes and 4 pods",
        comes_up: |scene| {
            scene.subnets()[0].free_addresses = Known::Value(5);
            scene.subnets()[1].free_addresses = Known::Value(0);
        },
        nearest_that_does_not: "six addresses are left",
        stays_quiet: |scene| {
            scene.subnets()[0].free_addresses = Known::Value(6);
            scene.subnets()[1].free_addresses = Known::Value(0);
        },
    },
    Case {
        code: "STW-R8-QUOTA",
        says: "three managed groups run, and three are allowed",
        comes_up: |scene| quota(scene, 3),
        nearest_that_does_not: "five are allowed",
        stays_quiet: |scene| quota(scene, 5),
    },
    Case {
        code: "STW-R8-QUOTA",
        says: "a plan fits the quota only because an empty group goes first",
        comes_up: |scene| {
            empty_group_changes(scene);
            quota(scene, 4);
        },
        nearest_that_does_not: "old and new would fit side by side",
        stays_quiet: |scene| {
            empty_group_changes(scene);
            quota(scene, 5);
        },
    },
    Case {
        code: "STW-R8-NOT-ASSESSED",
        says: "nobody recorded what a pod selects its node by",
        comes_up: |scene| scene.pod("proxy-0").node_selector = Known::default(),
        nearest_that_does_not: "it is recorded that it selects none",
        stays_quiet: |scene| {
            scene.pod("proxy-0").node_selector = Known::Absent;
        },
    },
    Case {
        code: "STW-R8-NOT-ASSESSED",
        says: "only the new group has a taint",
        comes_up: |scene| {
            let taint = json!([{"key": "team", "value": "a", "effect": "NoSchedule"}]);
            scene.declared("core-b").insert("taints".to_owned(), taint);
        },
        nearest_that_does_not: "the taint only says what is preferred",
        stays_quiet: |scene| {
            let taint = json!([{"key": "team", "value": "a", "effect": "PreferNoSchedule"}]);
            scene.declared("core-b").insert("taints".to_owned(), taint);
        },
    },
];
