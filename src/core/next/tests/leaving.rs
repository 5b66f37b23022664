//! Bakes, phase-outs, windows, and an operator who asks to stop.

use super::*;
use crate::model::Known;
use Line::{Err, Failed, Intent, Ok, Resumed};
use serde_json::json;

const BAKE: i64 = 1800;

fn crashing(observed: &mut Observation) {
    let Known::Value(pods) = &mut observed.pods else {
        panic!("pods")
    };
    pods[1].waiting = Some("CrashLoopBackOff".to_owned());
}

fn not_ready(observed: &mut Observation) {
    stage::nodes(observed)[0].ready = Known::Value(false);
}

const BAKE_ROWS: &[Row<'static>] = &[
    (
        "it begins",
        &[],
        as_it_was,
        0,
        "act bake/cluster@1.32 action 0 attempt 1",
        "",
    ),
    (
        "it is watched",
        &[Intent(0, 0)],
        as_it_was,
        60,
        "look bake/cluster@1.32 in ",
        "watched until 2025-07-01T00:30:00Z",
    ),
    (
        "it ends",
        &[Intent(0, 0)],
        as_it_was,
        BAKE,
        "seen bake/cluster@1.32: 2 nodes are Ready",
        "",
    ),
    (
        "a crash ends it at once",
        &[Intent(0, 0)],
        crashing,
        60,
        "fail",
        "kube-system/aws-node-1",
    ),
    (
        "a node that is not Ready for a moment does not",
        &[Intent(0, 0)],
        not_ready,
        60,
        "look",
        "core-a-0",
    ),
    (
        "one that is not Ready at the end gets ten minutes more",
        &[Intent(0, 0)],
        not_ready,
        BAKE + 599,
        "look",
        "core-a-0",
    ),
    (
        "and then ends it",
        &[Intent(0, 0)],
        not_ready,
        BAKE + 600,
        "fail",
        "`core-a-0` is not Ready",
    ),
    (
        "what cannot be read is looked at again",
        &[Intent(0, 0)],
        |o| o.pods = Known::default(),
        BAKE,
        "look",
        "pods",
    ),
    (
        "until its time is over",
        &[Intent(0, 0)],
        |o| o.pods = Known::default(),
        BAKE + 600,
        "fail",
        "pods",
    ),
];

#[test]
fn a_bake() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    Scene::new(&stage, &planned.plan, StepKind::Bake).check(BAKE_ROWS);
}

#[test]
fn a_bake_that_nobody_waits_for() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let begun = [Intent(0, 0)];
    let no_wait = Scene {
        manner: Manner {
            no_wait: true,
            ..Manner::default()
        },
        ..Scene::new(&stage, &planned.plan, StepKind::Bake)
    };
    no_wait.check(&[
        (
            "with --no-wait it begins",
            &[],
            as_it_was,
            0,
            "act bake",
            "",
        ),
        (
            "and pauses until its end",
            &begun,
            as_it_was,
            10,
            "pause bake/cluster@1.32 until 2025-07-01T00:30:00Z",
            "watched",
        ),
        (
            "a resume before pauses again",
            &[Intent(0, 0), Resumed(600)],
            as_it_was,
            601,
            "pause bake/cluster@1.32 until 2025-07-01T00:30:00Z",
            "",
        ),
        (
            "a resume after sees it",
            &[Intent(0, 0), Resumed(BAKE)],
            as_it_was,
            BAKE,
            "seen",
            "",
        ),
        (
            "a crash ends it all the same",
            &begun,
            crashing,
            10,
            "fail",
            "aws-node-1",
        ),
    ]);
    let leaving = Scene {
        interrupted: true,
        ..Scene::new(&stage, &planned.plan, StepKind::Bake)
    };
    leaving.check(&[(
        "an operator may leave in it",
        &begun,
        as_it_was,
        60,
        "leave bake/cluster@1.32",
        "",
    )]);
}

/// A second intent of the same attempt comes after what the first one may have done.
#[test]
fn the_baseline_is_from_before_the_first_intent() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let hop = first_of(plan, StepKind::UpgradeControlPlane);
    let mut book = Book::new(plan, false);
    let well = stage.after(plan, hop);
    let mut ill = well.clone();
    not_ready(&mut ill);
    book.intent(hop, 0, 1, 0, health_of(&well));
    book.intent(hop, 0, 1, 500, health_of(&ill));
    assert_eq!(book.fold().steps[hop].health, health_of(&well));
    assert_eq!(book.fold().steps[hop].intended_at, Some(later(0)));
}

#[test]
fn an_operator_who_asks_to_stop() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let scene = |kind| Scene {
        interrupted: true,
        ..Scene::new(&stage, &planned.plan, kind)
    };
    scene(StepKind::UpgradeControlPlane).check(&[
        (
            "between units the run leaves",
            &[],
            as_it_was,
            0,
            "leave upgrade-control-plane/cluster@1.32",
            "",
        ),
        (
            "what was begun is waited for",
            &[Intent(0, 0), Ok(0, 5)],
            as_it_was,
            10,
            "look",
            "",
        ),
    ]);
    scene(StepKind::TaintNodegroup).check(&[(
        "before a taint it leaves",
        &[],
        as_it_was,
        0,
        "leave taint",
        "",
    )]);
    scene(StepKind::DrainNodegroup).check(&[(
        "from taint to drained it goes on",
        &[],
        as_it_was,
        0,
        "act drain-nodegroup/core-a@1.32",
        "",
    )]);
    scene(StepKind::DeleteNodegroup).check(&[(
        "before a delete it leaves",
        &[],
        as_it_was,
        0,
        "leave delete",
        "",
    )]);
    scene(StepKind::VerifyNodegroup).check(&[
        (
            "while nodes are awaited it leaves",
            &[Intent(0, 0)],
            |o| {
                stage::nodes(o).retain(|node| node.nodegroup.as_deref() != Some("core-b"));
            },
            60,
            "leave verify-nodegroup/core-b@1.32",
            "",
        ),
        (
            "a step that failed is left",
            &[Intent(0, 0), Failed(60)],
            as_it_was,
            61,
            "leave verify",
            "",
        ),
    ]);
}

#[test]
fn a_phase_out() {
    let stage = Stage::new("1.31", "1.32", true).settings(&json!({
        "nodegroups": {"core-*": {"strategy": "phase-out"}},
        "activity": [{"namespace": "*", "selector": "app=proxy"}],
    }));
    let planned = stage.plan();
    let scene = |interrupted| Scene {
        interrupted,
        ..Scene::new(&stage, &planned.plan, StepKind::PhaseOut)
    };
    let begun = [Intent(0, 0)];
    let left = |o: &mut Observation| {
        let Known::Value(pods) = &mut o.pods else {
            panic!("pods")
        };
        pods[0].node = None;
    };
    scene(false).check(&[
        (
            "it begins",
            &[],
            as_it_was,
            0,
            "act phase-out/core-a@1.32 action 0 attempt 1",
            "",
        ),
        (
            "people work there: the run pauses for an hour",
            &begun,
            as_it_was,
            60,
            "pause phase-out/core-a@1.32 until 2025-07-01T01:01:00Z",
            "hub/proxy",
        ),
        (
            "they left",
            &begun,
            left,
            60,
            "seen phase-out/core-a@1.32: nobody is left",
            "",
        ),
        (
            "the pods cannot be read",
            &begun,
            |o| o.pods = Known::default(),
            60,
            "pause",
            "pods",
        ),
    ]);
    scene(true).check(&[(
        "an operator may leave in it",
        &begun,
        as_it_was,
        60,
        "leave phase-out",
        "",
    )]);
}

fn windows(text: &str) -> Manner {
    Manner {
        windows: serde_json::from_str(text).expect("windows"),
        ..Manner::default()
    }
}

#[test]
fn maintenance_windows() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let scene = |text: &str, kind| Scene {
        manner: windows(text),
        ..Scene::new(&stage, &planned.plan, kind)
    };
    // Runs begin at midnight on a Tuesday.
    let night = r#"[{"from": "22:00", "for": "6h"}]"#;
    let noon = r#"[{"from": "12:00", "for": "6h"}]"#;
    let short = r#"[{"from": "00:00", "for": "10m"}]"#;
    let hop = StepKind::UpgradeControlPlane;
    scene(night, hop).check(&[(
        "inside of one it acts",
        &[],
        as_it_was,
        0,
        "act upgrade",
        "",
    )]);
    scene(noon, hop).check(&[
        (
            "outside of all it pauses",
            &[],
            as_it_was,
            0,
            "pause upgrade-control-plane/cluster@1.32 until 2025-07-01T12:00:00Z",
            "outside of the maintenance windows",
        ),
        (
            "what was begun is waited for",
            &[Intent(0, 0), Ok(0, 5)],
            as_it_was,
            10,
            "look",
            "",
        ),
        (
            "a failed step is tried again inside of one",
            &[Intent(0, 0), Err(0, 5), Failed(66)],
            as_it_was,
            70,
            "pause",
            "",
        ),
    ]);
    scene(short, hop).check(&[(
        "a step that fits into none stops the run",
        &[],
        as_it_was,
        0,
        "stop upgrade-control-plane",
        "no maintenance window is longer than 600",
    )]);
}

#[test]
fn the_unit_that_a_window_must_hold() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let scene = |text: &str, kind| Scene {
        manner: windows(text),
        ..Scene::new(&stage, plan, kind)
    };
    let noon = r#"[{"from": "12:00", "for": "6h"}]"#;
    let taint = first_of(plan, StepKind::TaintNodegroup);
    let seconds = |place: usize| plan.steps[place].duration.max;
    let (one, both) = (seconds(taint), seconds(taint) + seconds(taint + 1));
    let fits = format!(r#"[{{"from": "00:00", "for": "{both}s"}}]"#);
    let short = format!(r#"[{{"from": "00:00", "for": "{}s"}}]"#, both - 1);
    assert!(one < both - 1, "{one} {both}");
    scene(&fits, StepKind::TaintNodegroup).check(&[(
        "taint and drain fit as a unit",
        &[],
        as_it_was,
        0,
        "act taint",
        "",
    )]);
    scene(&short, StepKind::TaintNodegroup).check(&[(
        "the unit does not fit, and the taint alone would",
        &[],
        as_it_was,
        0,
        "stop taint",
        "may take",
    )]);
    scene(noon, StepKind::DrainNodegroup).check(&[(
        "the drain after a taint does not wait for a window",
        &[],
        as_it_was,
        0,
        "act drain",
        "",
    )]);
}
