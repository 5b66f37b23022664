//! Faults planted in good plans: the audit must catch each.

use super::check;
use crate::catalog::Catalog;
use crate::diff::assume;
use crate::model::clusterconfig::{Config, Desired, read_documents};
use crate::model::{Condition, Observation, Timestamp};
use crate::plan::wire::{Action, Finding, Inputs, Plan, Rollback, Step, StepKind};
use crate::plan::{PlanInput, Planned, propose};
use crate::policy::settings::Settings;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn config(version: &str, letter: &str, managed: bool) -> Desired {
    let group = |name: &str, min: u32| {
        json!({
            "name": format!("{name}-{letter}"), "minSize": min, "maxSize": 9,
            "amiFamily": "AmazonLinux2023", "instanceType": "m5.large",
        })
    };
    let list = if managed {
        "managedNodeGroups"
    } else {
        "nodeGroups"
    };
    let document = json!({
        "apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig",
        "metadata": {"name": "c", "region": "us-west-2", "version": version},
        "addons": [
            {"name": "vpc-cni", "version": "latest"},
            {"name": "kube-proxy", "version": "latest"},
        ],
        list: [group("core", 1), group("nb", 0)],
    });
    match read_documents(&[document]).expect("a config").pop() {
        Some(Config::Eks(desired)) => *desired,
        other => panic!("{other:?}"),
    }
}

/// Two hops and a swap of two groups.
fn good(managed: bool) -> (Planned, Observation) {
    let live = config("1.31", "a", managed);
    let desired = config("1.33", "b", managed);
    let observed = assume(&live, "test", Catalog::embedded());
    let settings = Settings::default();
    let at: Timestamp = "2025-07-01".parse().expect("a day");
    let inputs = Inputs {
        observation_kind: "recorded".to_owned(),
        at: Some(at),
        ..Inputs::default()
    };
    let input = PlanInput {
        wave: None,
        missing_files: Vec::new(),
        name: "c".to_owned(),
        desired: &desired,
        observed: &observed,
        assumed: false,
        at,
        to: None,
        replace: BTreeSet::new(),
        settings: &settings,
        catalog: Catalog::embedded(),
        inputs,
    };
    (propose(&input), observed)
}

fn find(plan: &mut Plan, kind: StepKind, nth: usize) -> &mut Step {
    plan.steps
        .iter_mut()
        .filter(|step| step.kind == kind)
        .nth(nth)
        .expect("such a step")
}

fn place(plan: &Plan, kind: StepKind) -> usize {
    plan.steps
        .iter()
        .position(|step| step.kind == kind)
        .expect("such a step")
}

fn argv(step: &mut Step) -> &mut Vec<String> {
    step.actions
        .iter_mut()
        .find_map(|action| match action {
            Action::Run { argv, .. } => Some(argv),
            Action::Aws { .. } | Action::Kube { .. } | Action::Wait(_) => None,
        })
        .expect("a run")
}

fn replace_word(step: &mut Step, from: &str, to: &str) {
    for word in argv(step).iter_mut().filter(|word| *word == from) {
        to.clone_into(word);
    }
}

/// Verb, object and body of a step's first call.
fn kube(step: &mut Step) -> (&mut String, &mut String, &mut Value) {
    match step.actions.first_mut() {
        Some(Action::Kube {
            verb, object, body, ..
        }) => (verb, object, body),
        other => panic!("{other:?}"),
    }
}

fn drain_body(planned: &mut Planned) -> &mut Value {
    kube(find(&mut planned.plan, StepKind::DrainNodegroup, 0)).2
}

/// The finding that gives up the bare pods of a group.
fn waived_bare_pod(group: &str) -> Finding {
    let found = json!({
        "code": "STW-R8-BARE-POD", "rule": "R8", "severity": "warning",
        "subject": format!("nodegroup {group}"), "message": "", "remedy": "", "source": "",
        "not_assessed": false, "objects": [],
        "waived": {"owner": "o@example.org", "reason": "scratch", "expires": "2027-01-01T00:00:00Z"},
    });
    serde_json::from_value(found).expect("a finding")
}

/// Changes the file of the first created group, and keeps the digest true.
fn edit_file(planned: &mut Planned, edit: impl Fn(&mut Value)) {
    let step = find(&mut planned.plan, StepKind::CreateNodegroup, 0);
    let Some(Action::Run { files, .. }) = step.actions.first_mut() else {
        panic!("a run")
    };
    let file = planned.files.get_mut(&files[0].name).expect("a file");
    let mut value: Value = serde_json::from_str(&file.text).expect("JSON");
    edit(&mut value);
    file.text = value.to_string();
    files[0].digest = crate::model::Digest::of(file.text.as_bytes()).to_string();
}

fn audit(planned: &Planned, observed: &Observation) -> Vec<Finding> {
    check(planned, observed, Catalog::embedded(), &|name, _| {
        name.starts_with("core")
    })
}

type Fault = (&'static str, &'static str, fn(&mut Planned));

/// Name, the rule that must be named, and what is planted.
const FAULTS: &[Fault] = &[
    ("a hop skips a minor", "R1", |p| {
        let step = find(&mut p.plan, StepKind::UpgradeControlPlane, 0);
        replace_word(step, "1.32", "1.33");
        step.after.insert("version".to_owned(), json!("1.33"));
    }),
    ("a hop goes down", "R1", |p| {
        let step = find(&mut p.plan, StepKind::UpgradeControlPlane, 0);
        replace_word(step, "1.32", "1.30");
        step.after.insert("version".to_owned(), json!("1.30"));
    }),
    (
        "a step claims another end than its actions have",
        "law 6",
        |p| {
            let step = find(&mut p.plan, StepKind::UpgradeControlPlane, 1);
            step.after.insert("version".to_owned(), json!("1.34"));
        },
    ),
    (
        "nodes are made ahead of the control plane, as in the seed guide",
        "R2",
        |p| {
            let index = place(&p.plan, StepKind::CreateNodegroup);
            let step = p.plan.steps.remove(index);
            p.plan.steps.insert(0, step);
        },
    ),
    ("a hop leaves kubelets too far behind", "R2", |p| {
        let hop = p.plan.steps[place(&p.plan, StepKind::UpgradeControlPlane)].clone();
        let bake = p.plan.steps[place(&p.plan, StepKind::Bake)].clone();
        let mut hops = Vec::new();
        for minor in 34..=35 {
            let (mut hop, mut bake) = (hop.clone(), bake.clone());
            hop.id = format!("upgrade-control-plane/cluster@1.{minor}");
            replace_word(&mut hop, "1.32", &format!("1.{minor}"));
            hop.after
                .insert("version".to_owned(), json!(format!("1.{minor}")));
            bake.id = format!("bake/cluster@1.{minor}");
            hops.extend([hop, bake]);
        }
        let index = place(&p.plan, StepKind::CreateNodegroup);
        p.plan.steps.splice(index..index, hops);
    }),
    (
        "a managed group is made at another version than the control plane's",
        "R3",
        |p| {
            edit_file(p, |file| file["metadata"]["version"] = json!("1.32"));
        },
    ),
    ("a file for 1.33 wants Amazon Linux 2", "R4", |p| {
        edit_file(p, |file| {
            file["managedNodeGroups"][0]["amiFamily"] = json!("AmazonLinux2")
        });
    }),
    ("a file holds a second group", "R4", |p| {
        edit_file(p, |file| {
            let second = file["managedNodeGroups"][0].clone();
            file["managedNodeGroups"]
                .as_array_mut()
                .expect("a list")
                .push(second);
        });
    }),
    ("the new group is not verified", "R7", |p| {
        p.plan
            .steps
            .retain(|step| step.kind != StepKind::VerifyNodegroup);
    }),
    ("the old group is deleted without a drain", "R7", |p| {
        p.plan
            .steps
            .retain(|step| step.kind != StepKind::DrainNodegroup);
    }),
    ("the old group is deleted without a taint", "R7", |p| {
        p.plan
            .steps
            .retain(|step| step.kind != StepKind::TaintNodegroup);
    }),
    (
        "the new group is deleted instead of the old one, as the seed guide's command does",
        "R7",
        |p| {
            let step = find(&mut p.plan, StepKind::DeleteNodegroup, 0);
            replace_word(step, "core-a", "core-b");
            step.subject = "core-b".to_owned();
            step.id = step.id.replace("core-a", "core-b");
        },
    ),
    ("the last core group is deleted", "R7", |p| {
        let creates = |step: &Step| step.subject == "core-b";
        p.plan.steps.retain(|step| !creates(step));
    }),
    (
        "a delete does not wait, so that the next create is skipped",
        "R7",
        |p| {
            argv(find(&mut p.plan, StepKind::DeleteNodegroup, 0)).retain(|word| word != "--wait");
        },
    ),
    ("a delete does not recheck whose group it is", "R7", |p| {
        find(&mut p.plan, StepKind::DeleteNodegroup, 0)
            .preconditions
            .retain(|c| !matches!(c, Condition::NodegroupIdentity { .. }));
    }),
    ("a delete takes a glob", "R7", |p| {
        replace_word(
            find(&mut p.plan, StepKind::DeleteNodegroup, 0),
            "core-a",
            "core-*",
        );
    }),
    ("a drain goes around budgets", "R13", |p| {
        drain_body(p)["disableEviction"] = json!(true);
    }),
    ("a drain deletes instead of evicting", "R13", |p| {
        drain_body(p)["force"] = json!(false);
    }),
    ("a drain has no timeout", "R13", |p| {
        drain_body(p)["timeoutSeconds"] = Value::Null;
    }),
    ("a drain goes on longer than its step waits", "R13", |p| {
        drain_body(p)["timeoutSeconds"] = json!(3601);
    }),
    ("a drain gives pods no time to end", "R13", |p| {
        drain_body(p)["gracePeriodSeconds"] = json!(0);
    }),
    (
        "a drain empties any number of nodes at once",
        "law 6",
        |p| {
            drain_body(p)["parallel"] = json!(0);
        },
    ),
    ("a drain gives up pods that no waiver names", "R8", |p| {
        drain_body(p)["barePods"] = json!(true);
    }),
    (
        "a drain gives up pods of another group's waiver",
        "R8",
        |p| {
            p.plan.findings.push(waived_bare_pod("nb-a"));
            drain_body(p)["barePods"] = json!(true);
        },
    ),
    ("a drain comes before the taint", "R7", |p| {
        let index = place(&p.plan, StepKind::DrainNodegroup);
        let step = p.plan.steps.remove(index);
        let index = place(&p.plan, StepKind::TaintNodegroup);
        p.plan.steps.insert(index, step);
    }),
    ("a drain empties another group", "law 6", |p| {
        kube(find(&mut p.plan, StepKind::DrainNodegroup, 0))
            .1
            .push('x');
    }),
    ("a drain is a condition's to decide", "law 6", |p| {
        let step = find(&mut p.plan, StepKind::DrainNodegroup, 0);
        let condition = step.wait.as_ref().map(|wait| wait.condition.clone());
        if let Some(Action::Kube { only_if, .. }) = step.actions.first_mut() {
            *only_if = condition;
        }
    }),
    ("a drain hides in another step", "law 6", |p| {
        let drain = find(&mut p.plan, StepKind::DrainNodegroup, 0).actions[0].clone();
        find(&mut p.plan, StepKind::TaintNodegroup, 0)
            .actions
            .push(drain);
    }),
    ("nodes are deleted", "law 6", |p| {
        let (verb, ..) = kube(find(&mut p.plan, StepKind::DrainNodegroup, 0));
        "delete-nodes".clone_into(verb);
    }),
    ("something else than nodes is drained", "law 6", |p| {
        let (_, object, _) = kube(find(&mut p.plan, StepKind::DrainNodegroup, 0));
        "pods?namespace=prod".clone_into(object);
    }),
    ("something else than a DaemonSet is patched", "law 6", |p| {
        let step = find(&mut p.plan, StepKind::DrainNodegroup, 0);
        step.actions.push(Action::Kube {
            verb: "patch".to_owned(),
            object: "secrets/prod/key".to_owned(),
            body: json!({}),
            only_if: None,
        });
    }),
    ("a patch of nodes has a word of its own", "law 6", |p| {
        let step = find(&mut p.plan, StepKind::DrainNodegroup, 0);
        step.actions.push(Action::Kube {
            verb: "patch-nodes".to_owned(),
            object: "nodes?nodegroup=core-a".to_owned(),
            body: json!({"unschedulable": true, "labels": {"a": "b"}}),
            only_if: None,
        });
    }),
    ("a tool drains", "law 6", |p| {
        let step = find(&mut p.plan, StepKind::DrainNodegroup, 0);
        let argv = ["drain", "nodegroup", "-c", "c", "-n", "core-a"];
        step.actions = vec![Action::Run {
            tool: "eksctl".to_owned(),
            argv: argv.map(str::to_owned).to_vec(),
            files: Vec::new(),
        }];
    }),
    ("an add-on is asked for as latest", "R9", |p| {
        let step = find(&mut p.plan, StepKind::UpdateAddon, 0);
        let Some(Action::Aws { input, .. }) = step.actions.first_mut() else {
            panic!("aws")
        };
        input.insert("addonVersion".to_owned(), json!("latest"));
    }),
    ("kube-proxy goes ahead of the control plane", "R9", |p| {
        let index = place(&p.plan, StepKind::UpdateAddon);
        let step = p.plan.steps.remove(index);
        p.plan.steps.insert(0, step);
    }),
    ("an add-on overwrites what people changed", "R13", |p| {
        let step = find(&mut p.plan, StepKind::UpdateAddon, 0);
        let Some(Action::Aws { input, .. }) = step.actions.first_mut() else {
            panic!("aws")
        };
        input.insert("resolveConflicts".to_owned(), json!("OVERWRITE"));
    }),
    ("something acts before the bake", "R9", |p| {
        p.plan.steps.retain(|step| step.kind != StepKind::Bake);
    }),
    ("a point of no return is hidden", "law 7", |p| {
        let step = find(&mut p.plan, StepKind::DeleteNodegroup, 0);
        step.rollback = Rollback::NothingToUndo;
    }),
    ("two steps share an id", "law 6", |p| {
        let copy = p.plan.steps[0].clone();
        p.plan.steps.insert(0, copy);
    }),
    ("a file is not the one that was digested", "law 6", |p| {
        for file in p.files.values_mut() {
            file.text.push(' ');
        }
    }),
    ("a command names another cluster", "law 6", |p| {
        replace_word(
            find(&mut p.plan, StepKind::UpgradeControlPlane, 0),
            "c",
            "other",
        );
    }),
    ("a wait has no bound", "law 6", |p| {
        let step = find(&mut p.plan, StepKind::DrainNodegroup, 0);
        step.wait.as_mut().expect("a wait").at_most = u32::MAX;
    }),
    ("an idempotency token is planned", "law 6", |p| {
        let step = find(&mut p.plan, StepKind::UpdateAddon, 0);
        let Some(Action::Aws { input, .. }) = step.actions.first_mut() else {
            panic!("aws")
        };
        input.insert("clientRequestToken".to_owned(), json!("x"));
    }),
    ("a preview does not say so", "law 6", |p| {
        p.plan.inputs.observation_kind = "assumed".to_owned();
    }),
    ("a hop goes to a version that EKS has ended", "R6", |p| {
        p.plan.inputs.at = Some("2031-01-01".parse().expect("a day"));
    }),
];

#[test]
fn a_good_plan_has_no_fault() {
    for managed in [true, false] {
        let (planned, observed) = good(managed);
        assert!(planned.plan.steps.len() > 12, "{:?}", planned.plan.not_now);
        assert!(
            planned.plan.not_now.is_empty(),
            "{:?}",
            planned.plan.findings
        );
        assert_eq!(audit(&planned, &observed), Vec::new());
    }
}

#[test]
fn what_a_waiver_gives_up_may_be_given_up() {
    let (mut planned, observed) = good(true);
    planned.plan.findings.push(waived_bare_pod("core-a"));
    drain_body(&mut planned)["barePods"] = json!(true);
    drain_body(&mut planned)["gracePeriodSeconds"] = json!(30);
    planned.plan = planned.plan.seal();
    assert_eq!(audit(&planned, &observed), Vec::new());
}

#[test]
fn every_planted_fault_is_caught_by_its_rule() {
    let mut hidden = Vec::new();
    for (name, rule, plant) in FAULTS {
        let (mut planned, observed) = good(true);
        plant(&mut planned);
        planned.plan = planned.plan.seal();
        let found = audit(&planned, &observed);
        if !found.iter().any(|finding| finding.rule == *rule) {
            let said: Vec<String> = found
                .iter()
                .map(|f| format!("{} {}", f.rule, f.message))
                .collect();
            hidden.push(format!("{name}: expected {rule}, found {said:?}"));
        }
    }
    assert!(hidden.is_empty(), "{hidden:#?}");
}

#[test]
fn a_plan_whose_digest_is_not_its_own_is_caught() {
    let (mut planned, observed) = good(true);
    planned.plan.digest = planned.plan.digest.replace('a', "b");
    planned.plan.steps.truncate(2);
    let found = audit(&planned, &observed);
    assert!(
        found.iter().any(|f| f.message.contains("digest")),
        "{found:?}"
    );
}

#[test]
fn a_faulty_plan_runs_nothing() {
    let (mut planned, observed) = good(true);
    planned
        .plan
        .steps
        .retain(|step| step.kind != StepKind::VerifyNodegroup);
    planned.plan = planned.plan.seal();
    let faults = audit(&planned, &observed);
    let before = planned.plan.steps.len();
    planned.refuse(faults);
    assert!(planned.plan.steps.is_empty());
    assert_eq!(planned.plan.not_now.len(), before);
    assert_eq!(planned.plan.summary.blocked, 1);
}
