//! What the findings about emptying a group tell a reviewer to do, in sentences.

use super::scene::Scene;
use crate::model::{Known, Pdb, Pod};
use crate::plan::wire::StepKind;
use serde_json::json;
use std::collections::BTreeMap;

/// What is told, what is changed, of which code, what it says, and what it does not.
struct Row {
    sentence: &'static str,
    change: fn(&mut Scene),
    code: &'static str,
    /// None of it: the code does not come up.
    says: &'static [&'static str],
    never_says: &'static [&'static str],
}

/// Every finding of a code: severity, message and remedy.
fn told(scene: &Scene, code: &str) -> String {
    let found = scene.findings();
    let found = found.iter().filter(|found| found.code == code);
    let lines: Vec<String> = found
        .map(|found| format!("{:?}: {} {}", found.severity, found.message, found.remedy))
        .collect();
    lines.join("\n")
}

fn wants_both(scene: &mut Scene, owner: &str) {
    for name in ["proxy-0", "proxy-1"] {
        scene.pod(name).owner = Known::Value(owner.to_owned());
    }
    terms(scene, Some("2"), None);
}

fn terms(scene: &mut Scene, min: Option<&str>, max: Option<&str>) {
    let known = |text: Option<&str>| text.map_or(Known::Absent, |t| Known::Value(t.to_owned()));
    let pdb = scene.pdb("proxy");
    pdb.min_available = known(min);
    pdb.max_unavailable = known(max);
    pdb.allowed = Known::Value(0);
}

fn owned(scene: &mut Scene, owner: &str) {
    for name in ["proxy-0", "proxy-1"] {
        scene.pod(name).owner = Known::Value(owner.to_owned());
    }
}

fn also_a_budget(scene: &mut Scene, value: serde_json::Value) {
    let pdb: Pdb = serde_json::from_value(value).expect("a budget");
    scene.pdbs().push(pdb);
}

/// `workers` goes without a successor, and its four pods ask for most of a node each.
fn workers_go(scene: &mut Scene, most: u32) {
    scene.settings.prune = vec!["workers".to_owned()];
    scene.undeclare("workers");
    let pod = scene.pod("batch-0").clone();
    for index in 2..4 {
        let name = format!("batch-{index}");
        scene.pods().push(Pod {
            name,
            ..pod.clone()
        });
    }
    for index in 0..4 {
        scene.pod(&format!("batch-{index}")).cpu_millis = Known::Value(1500);
    }
    for (group, max) in [("core-b", most), ("nb-b", 1)] {
        let spec = scene.declared(group);
        spec.insert("maxSize".to_owned(), json!(max));
    }
}

static ROWS: &[Row] = &[
    Row {
        sentence: "the groups that stay hold three of the four pods of a pruned group",
        change: |scene| workers_go(scene, 2),
        code: "STW-R8-CAPACITY",
        says: &["Blocking", "`workers`", "CPU"],
        never_says: &[],
    },
    Row {
        sentence: "they hold all of them",
        change: |scene| workers_go(scene, 5),
        code: "STW-R8-CAPACITY",
        says: &[],
        never_says: &[],
    },
    Row {
        sentence: "the subnets have fewer addresses than pods of a pruned group need",
        change: |scene| {
            workers_go(scene, 5);
            scene.subnets()[0].free_addresses = Known::Value(3);
            scene.subnets()[1].free_addresses = Known::Value(0);
        },
        code: "STW-R8-ADDRESSES",
        says: &["`workers`"],
        never_says: &[],
    },
    Row {
        sentence: "a Deployment of two must keep two: three let one go, and the terms come back",
        change: |scene| wants_both(scene, "Deployment/proxy"),
        code: "STW-R8-PDB",
        says: &[
            "scale deployment/proxy --replicas=3",
            "--replicas=2",
            r#"{"spec":{"minAvailable":2,"maxUnavailable":null}}"#,
        ],
        never_says: &[],
    },
    Row {
        sentence: "a ReplicaSet's name with its hash tells the Deployment",
        change: |scene| {
            wants_both(scene, "ReplicaSet/proxy-5d9");
            for name in ["proxy-0", "proxy-1"] {
                let hash = ("pod-template-hash".to_owned(), "5d9".to_owned());
                label(scene.pod(name), hash);
            }
        },
        code: "STW-R8-PDB",
        says: &["scale deployment/proxy --replicas=3"],
        never_says: &["replicaset/"],
    },
    Row {
        sentence: "a bare ReplicaSet's Deployment is not known",
        change: |scene| wants_both(scene, "ReplicaSet/proxy"),
        code: "STW-R8-PDB",
        says: &["the controller of ReplicaSet `proxy`"],
        never_says: &[" scale "],
    },
    Row {
        sentence: "a second replica of a StatefulSet is no second copy of its service",
        change: |scene| wants_both(scene, "StatefulSet/proxy"),
        code: "STW-R8-PDB",
        says: &["patch pdb proxy"],
        never_says: &[" scale "],
    },
    Row {
        sentence: "a volume in one zone has one pod",
        change: |scene| {
            wants_both(scene, "Deployment/proxy");
            zoned(scene.pod("proxy-0"), "us-west-2a");
        },
        code: "STW-R8-PDB",
        says: &["patch pdb proxy"],
        never_says: &[" scale "],
    },
    Row {
        sentence: "no number of replicas helps where none may be unavailable",
        change: |scene| {
            owned(scene, "Deployment/proxy");
            terms(scene, None, Some("0"));
        },
        code: "STW-R8-PDB",
        says: &[r#"{"spec":{"minAvailable":null,"maxUnavailable":0}}"#],
        never_says: &[" scale "],
    },
    Row {
        sentence: "nor where all must be available",
        change: |scene| {
            owned(scene, "Deployment/proxy");
            terms(scene, Some("100%"), None);
        },
        code: "STW-R8-PDB",
        says: &[r#"{"spec":{"minAvailable":"100%","maxUnavailable":null}}"#],
        never_says: &[" scale "],
    },
    Row {
        sentence: "the budget allows none although both are healthy and one suffices",
        change: |scene| terms(scene, None, Some("1")),
        code: "STW-R8-PDB",
        says: &["allows no disruption now", "2 are healthy and 1 suffices"],
        never_says: &["too few"],
    },
    Row {
        sentence: "in place no node is added, so a Pending pod stays so",
        change: |scene| {
            scene.pod("batch-1").node = None;
            also_a_budget(
                scene,
                json!({"namespace": "prod", "name": "batch", "allowed": 0, "selector": {"app": "batch"},
                       "max_unavailable": "1", "expected": 2, "healthy": 1}),
            );
        },
        code: "STW-R8-PDB",
        says: &["allows no disruption now", "`prod/batch-1`", "Pending"],
        never_says: &[],
    },
    Row {
        sentence: "what a budget selects is not known",
        change: |scene| {
            also_a_budget(
                scene,
                json!({"namespace": "prod", "name": "odd", "allowed": 0, "max_unavailable": "0",
                       "selector": {"$unknown": "it has matchExpressions"}}),
            );
        },
        code: "STW-R8-NOT-ASSESSED",
        says: &["Warning", "`prod/odd`"],
        never_says: &[],
    },
    Row {
        sentence: "what a budget selects was not recorded, so it does not count as every pod",
        change: |scene| {
            also_a_budget(
                scene,
                json!({"namespace": "prod", "name": "odd", "allowed": 0, "max_unavailable": "0"}),
            );
        },
        code: "STW-R8-PDB",
        says: &[],
        never_says: &[],
    },
    Row {
        sentence: "one budget of several is unread and has a say: a warning",
        change: |scene| {
            let pdb = scene.pdb("proxy");
            pdb.allowed = Known::default();
            pdb.healthy = Known::default();
        },
        code: "STW-R8-NOT-ASSESSED",
        says: &["Warning", "`prod/proxy`"],
        never_says: &[],
    },
    Row {
        sentence: "nobody recorded how many addresses a subnet has free",
        change: |scene| scene.subnets()[0].free_addresses = Known::default(),
        code: "STW-R8-NOT-ASSESSED",
        says: &["Note", "`core-a`", "how many addresses"],
        never_says: &[],
    },
    Row {
        sentence: "nobody recorded whether a node is Ready",
        change: |scene| scene.nodes()[0].ready = Known::default(),
        code: "STW-R8-NOT-ASSESSED",
        says: &["Note", "whether its nodes are Ready"],
        never_says: &[],
    },
    Row {
        sentence: "a bare pod's group is named as git names it",
        change: |scene| scene.pod("proxy-0").owner = Known::Absent,
        code: "STW-R8-BARE-POD",
        says: &[r#"{"core-b": {strategy: phase-out}}"#],
        never_says: &["\"core-a\""],
    },
    Row {
        sentence: "whoever follows that is asked no more",
        change: |scene| {
            scene.pod("proxy-0").owner = Known::Absent;
            phase_out(scene, "core-b");
        },
        code: "STW-R8-BARE-POD",
        says: &[],
        never_says: &[],
    },
    Row {
        sentence: "a slow drain is told a larger number than now",
        change: slow,
        code: "STW-R8-DRAIN-SLOW",
        says: &[r#""maxUnavailable":2"#, r#""maxUnavailable":1"#],
        never_says: &[],
    },
    Row {
        sentence: "nobody can declare eksctl's label of the group's name",
        change: |scene| {
            let name = (
                "alpha.eksctl.io/nodegroup-name".to_owned(),
                "core-a".to_owned(),
            );
            scene.pod("proxy-0").node_selector = Known::Value(BTreeMap::from([name]));
        },
        code: "STW-R8-PINNED",
        says: &["selector"],
        never_says: &["Declare the label"],
    },
    Row {
        sentence: "more nodes make none of them larger",
        change: |scene| scene.pod("proxy-0").memory_mib = Known::Value(8192),
        code: "STW-R8-CAPACITY",
        says: &["larger type"],
        never_says: &["Raise `maxSize`"],
    },
    Row {
        sentence: "budgets that wait for a pod without a node are not to be patched",
        change: |scene| {
            zoned(scene.pod("proxy-0"), "us-west-2d");
        },
        code: "STW-R8-PDB",
        says: &["find no other node", "`us-west-2d`"],
        never_says: &["patch pdb"],
    },
    Row {
        sentence: "nobody turns the cluster's DNS off",
        change: |scene| tolerant(scene.pod("coredns-0")),
        code: "STW-R8-TOLERATES-ALL",
        says: &["tolerations with keys"],
        never_says: &[" scale "],
    },
    Row {
        sentence: "what is stopped for the drain is started again",
        change: |scene| {
            owned(scene, "Deployment/proxy");
            tolerant(scene.pod("proxy-0"));
        },
        code: "STW-R8-TOLERATES-ALL",
        says: &["--replicas=0", "--replicas=2"],
        never_says: &[],
    },
    Row {
        sentence: "all pods of a service are on one node, and no budget keeps one of them",
        change: |scene| {
            scene.pod("proxy-1").node = Some("core-a-0".to_owned());
            scene.pdbs().retain(|pdb| pdb.name != "proxy");
        },
        code: "STW-R8-SINGLE-REPLICA",
        says: &["`prod/proxy`", "one node"],
        never_says: &["--replicas=2"],
    },
    Row {
        sentence: "only one of them is healthy",
        change: |scene| {
            scene.pod("proxy-1").waiting = Some("CrashLoopBackOff".to_owned());
            scene.pdbs().retain(|pdb| pdb.name != "proxy");
        },
        code: "STW-R8-SINGLE-REPLICA",
        says: &["`prod/proxy`"],
        never_says: &[],
    },
    Row {
        sentence: "a Job's only pod is no service",
        change: |scene| {
            scene.pods().retain(|pod| pod.name != "proxy-1");
            scene.pod("proxy-0").owner = Known::Value("Job/proxy".to_owned());
        },
        code: "STW-R8-SINGLE-REPLICA",
        says: &[],
        never_says: &[],
    },
    Row {
        sentence: "a pod runs on a node that came up after the nodes were listed",
        change: |scene| scene.pod("proxy-1").node = Some("late-0".to_owned()),
        code: "STW-R8-NOT-ASSESSED",
        says: &["`late-0`"],
        never_says: &[],
    },
    Row {
        sentence: "a name is no command",
        change: |scene| {
            let pod = scene.pod("proxy-0");
            pod.owner = Known::Absent;
            pod.name = "a; rm -rf /".to_owned();
        },
        code: "STW-R8-BARE-POD",
        says: &["delete pod 'a; rm -rf /'"],
        never_says: &["delete pod a;"],
    },
];

fn label(pod: &mut Pod, pair: (String, String)) {
    pod.labels.extend([pair]);
}

fn zoned(pod: &mut Pod, zone: &str) {
    pod.volume_zones = Known::Value(vec![zone.to_owned()]);
}

const fn tolerant(pod: &mut Pod) {
    pod.tolerates_everything = true;
}

fn phase_out(scene: &mut Scene, key: &str) {
    let choice = serde_json::from_value(json!({"strategy": "phase-out"})).expect("a choice");
    scene.settings.nodegroups.insert(key.to_owned(), choice);
}

/// 14 pods, one at a time.
fn slow(scene: &mut Scene) {
    let pod = scene.pod("proxy-0").clone();
    for index in 0..12 {
        let name = format!("proxy-more-{index:02}");
        scene.pods().push(Pod {
            name,
            ..pod.clone()
        });
    }
    let pdb = scene.pdb("proxy");
    pdb.expected = Known::Value(14);
    pdb.healthy = Known::Value(14);
}

#[test]
fn a_finding_about_a_drain_tells_what_helps_and_nothing_that_does_not() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let mut scene = Scene::new();
        (row.change)(&mut scene);
        let text = told(&scene, row.code);
        let fine = row.says.iter().all(|words| text.contains(words))
            && !row.never_says.iter().any(|words| text.contains(words))
            && (!row.says.is_empty() || text.is_empty());
        if !fine {
            wrong.push(format!("{}: {} {text:?}", row.sentence, row.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_core_group_under_another_name_is_baked_and_claims_no_more_than_it_checks() {
    let mut scene = Scene::new();
    scene.declare("main-1", "core-b");
    scene.undeclare("core-b");
    scene.settings.prune = vec!["core-a".to_owned()];
    let plan = scene.plan().plan;
    let step = |kind: StepKind| {
        let mut steps = plan.steps.iter();
        steps.find(|step| step.kind == kind && step.subject == "main-1")
    };
    let verify = step(StepKind::VerifyNodegroup).expect("it is verified");
    let reason = verify.reason.join(" ");
    assert!(!reason.contains("can take the pods"), "{reason}");
    assert!(step(StepKind::Bake).is_some(), "a new core group is baked");
}

#[test]
fn a_drain_may_last_as_long_as_its_rounds() {
    let mut scene = Scene::new();
    slow(&mut scene);
    let plan = scene.plan().plan;
    let mut steps = plan.steps.iter();
    let drain =
        steps.find(|step| step.kind == StepKind::DrainNodegroup && step.subject == "core-a");
    let max = drain.expect("a drain").duration.max;
    assert!(max >= 14 * 300, "14 rounds of five minutes: {max}");
}

#[test]
fn a_pod_on_a_node_that_is_not_listed_is_no_lie() {
    let mut scene = Scene::new();
    scene.pod("proxy-1").node = Some("late-0".to_owned());
    assert_eq!(scene.observed.contradictions(), Vec::<String>::new());
}
