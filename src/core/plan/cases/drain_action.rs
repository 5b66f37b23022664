//! What a drain step executes, and what it gives up: byte for byte, for the executor has no choice.

use super::scene::Scene;
use crate::model::Known;
use crate::plan::wire::{Action, Plan, Rollback, Step, StepKind};
use crate::policy::settings::Waiver;
use serde_json::{Value, json};

const CODE: &str = "STW-R8-BARE-POD";

fn drain<'p>(plan: &'p Plan, group: &str) -> &'p Step {
    let mut steps = plan.all_steps();
    let drain = steps.find(|step| step.kind == StepKind::DrainNodegroup && step.subject == group);
    drain.expect("a drain")
}

fn on_nodes(verb: &str, group: &str, body: Value) -> Vec<Action> {
    vec![Action::Kube {
        verb: verb.to_owned(),
        object: format!("nodes?nodegroup={group}"),
        body,
        only_if: None,
    }]
}

/// `proxy-0` has no controller, and a waiver for these groups gives it up.
fn bare_and_waived(subject: &str) -> Scene {
    let mut scene = Scene::new();
    scene.pod("proxy-0").owner = Known::Absent;
    // What its budget would say of a pod that never comes back is another finding's.
    scene.pdbs().retain(|pdb| pdb.name != "proxy");
    scene.settings.waivers.push(Waiver {
        code: CODE.to_owned(),
        cluster: "*".to_owned(),
        subject: subject.to_owned(),
        reason: "scratch".to_owned(),
        owner: "platform".to_owned(),
        expires: "2026-09-01".parse().expect("a day"),
    });
    scene
}

#[test]
fn a_drain_says_how_many_nodes_and_how_long_and_its_way_back_opens_them() {
    let plan = Scene::new().plan().plan;
    for group in ["core-a", "nb-a"] {
        let step = drain(&plan, group);
        let body = json!({"parallel": 2, "timeoutSeconds": 3600});
        assert_eq!(step.actions, on_nodes("drain-nodes", group, body));
        let actions = on_nodes("patch-nodes", group, json!({"unschedulable": false}));
        assert_eq!(step.rollback, Rollback::Inverse { actions });
    }
}

#[test]
fn pods_without_a_controller_are_given_up_only_where_a_waiver_says_so() {
    let body = |scene: &Scene| {
        let plan = scene.plan().plan;
        let step = drain(&plan, "core-a").clone();
        let Some(Action::Kube { body, .. }) = step.actions.first() else {
            panic!("{step:?}");
        };
        let runs = plan.steps.iter().any(|other| other.id == step.id);
        (body.get("barePods").cloned(), runs, step.reason.join(" "))
    };
    let (bare, runs, reason) = body(&bare_and_waived("nodegroup core-a"));
    assert_eq!((bare, runs), (Some(json!(true)), true));
    assert!(reason.contains("nobody makes them again"), "{reason}");

    let (bare, runs, reason) = body(&bare_and_waived("nodegroup nb-a"));
    assert_eq!((bare, runs), (None, false), "the waiver is another group's");
    assert!(!reason.contains("nobody makes them again"), "{reason}");

    let mut scene = bare_and_waived("nodegroup core-a");
    scene.pod("proxy-0").owner = Known::Value("ReplicaSet/proxy".to_owned());
    let (bare, runs, _) = body(&scene);
    assert_eq!((bare, runs), (None, true), "there is nothing to give up");
}

#[test]
fn what_ends_by_itself_in_a_phase_out_is_not_given_up() {
    let mut scene = bare_and_waived("*");
    scene.pod("proxy-0").node = Some("nb-a-0".to_owned());
    let plan = scene.plan().plan;
    let body = json!({"parallel": 2, "timeoutSeconds": 3600});
    assert_eq!(
        drain(&plan, "nb-a").actions,
        on_nodes("drain-nodes", "nb-a", body)
    );
}
