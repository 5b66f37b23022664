//! Before the first action of a step, and when a step is tried again.

use super::stage::{group, play, set_plane};
use super::*;
use crate::model::{Insight, Known, KubeMinor, Update};
use Line::{Err, Failed, Intent, Ok, Resumed};

fn busy(observed: &mut Observation) {
    let update = serde_json::json!({"id": "u-9", "type": "ConfigUpdate", "status": "InProgress"});
    let update: Update = serde_json::from_value(update).expect("an update");
    observed.updates = Known::Value(vec![update]);
}

fn insight(observed: &mut Observation) {
    let insight = serde_json::json!({
        "id": "i", "name": "Deprecated APIs", "category": "UPGRADE_READINESS", "version": "1.32",
        "status": "ERROR", "reason": "500 requests"});
    let insight: Insight = serde_json::from_value(insight).expect("an insight");
    observed.insights = Known::Value(vec![insight]);
}

const HOP: &str = "act upgrade-control-plane/cluster@1.32 action 0 attempt 1";

#[test]
fn a_step_that_nothing_was_done_of() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let hop = Scene::new(&stage, &planned.plan, StepKind::UpgradeControlPlane);
    hop.check(&[
        ("a fresh start acts", &[], as_it_was, 0, HOP, ""),
        (
            "an insight that came up since refuses it at once",
            &[],
            insight,
            0,
            "stop upgrade",
            "500 requests",
        ),
        (
            "a control plane that somebody moved stops it at once",
            &[],
            |o| set_plane(o, KubeMinor::of(32), "ACTIVE"),
            0,
            "stop upgrade",
            "1.31 is expected",
        ),
        (
            "an update that is in progress gets its time",
            &[],
            busy,
            0,
            "look upgrade-control-plane/cluster@1.32 in 10: before the step",
            "`u-9`",
        ),
        ("for 299 seconds", &[], busy, 299, "look", "`u-9`"),
        ("and not for 300", &[], busy, 300, "stop upgrade", "`u-9`"),
        (
            "a resumed run waits again",
            &[Resumed(1000)],
            busy,
            1200,
            "look",
            "`u-9`",
        ),
        (
            "insights that cannot be read are looked for again",
            &[],
            |o| o.insights = Known::default(),
            60,
            "look",
            "insights",
        ),
        (
            "and then stop it as unknown",
            &[],
            |o| o.insights = Known::default(),
            300,
            "stop, unknown, upgrade",
            "insights",
        ),
        (
            "what is refuted does not hide behind what is unknown for long",
            &[],
            |o| {
                insight(o);
                o.nodes = Known::default();
            },
            300,
            "stop, unknown,",
            "nodes",
        ),
    ]);
}

#[test]
fn the_last_step_done_is_the_end() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let mut book = Book::new(plan, false);
    book.done_before(plan.steps.len(), &stage.observed);
    let observed = stage.after(plan, plan.steps.len());
    let next = next(&Situation {
        plan,
        fold: &book.fold(),
        observed: &observed,
        now: later(10),
        wall: later(10),
        manner: &Manner::default(),
        interrupted: true,
    });
    assert_eq!(next, Next::Done);
}

#[test]
fn a_step_that_failed() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let hop = Scene::new(&stage, &planned.plan, StepKind::UpgradeControlPlane);
    let lines = [Intent(0, 0), Err(0, 60), Failed(130), Resumed(9000)];
    let mut twice = lines.to_vec();
    twice.extend([Intent(0, 9001), Err(0, 9060), Failed(9130), Resumed(9900)]);
    hop.check(&[
        (
            "is tried again with the next attempt",
            &lines,
            as_it_was,
            9001,
            "act upgrade-control-plane/cluster@1.32 action 0 attempt 2",
            "",
        ),
        (
            "and again",
            &twice,
            as_it_was,
            9901,
            "act upgrade-control-plane/cluster@1.32 action 0 attempt 3",
            "",
        ),
        (
            "and came true since is taken as seen",
            &lines,
            |o| set_plane(o, KubeMinor::of(32), "ACTIVE"),
            9001,
            "seen",
            "after the failed attempt: the control plane is ACTIVE at 1.32",
        ),
        (
            "is not tried while something moves",
            &lines,
            busy,
            9001,
            "look",
            "`u-9`",
        ),
    ]);
    let bake = Scene::new(&stage, &planned.plan, StepKind::Bake);
    let lines = [Intent(0, 0), Failed(3000), Resumed(90_000)];
    bake.check(&[(
        "a failed bake starts over",
        &lines,
        as_it_was,
        90_001,
        "act bake/cluster@1.32 action 0 attempt 2",
        "",
    )]);
}

#[test]
fn a_create_that_failed() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let create = Scene::new(&stage, &planned.plan, StepKind::CreateNodegroup);
    create.check(&[
        (
            "a create whose stack was rolled back is not tried over its remains",
            &[Intent(0, 0), Err(0, 60), Failed(61), Resumed(100)],
            dead_stack,
            101,
            "stop create-nodegroup",
            "ROLLBACK_COMPLETE",
        ),
        (
            "a create that came true late is seen",
            &[Intent(0, 0), Err(0, 60), Failed(121), Resumed(500)],
            |o| {
                let stage = Stage::new("1.31", "1.32", true);
                let planned = stage.plan();
                play(
                    &planned.plan.steps[first_of(&planned.plan, StepKind::CreateNodegroup)],
                    o,
                );
            },
            501,
            "seen create-nodegroup/core-b@1.32: after the failed attempt",
            "",
        ),
    ]);
}

fn dead_stack(observed: &mut Observation) {
    if let Known::Value(stacks) = &mut observed.stacks {
        stacks.push(crate::model::Stack {
            name: stage::stack_name("core-b"),
            status: "ROLLBACK_COMPLETE".to_owned(),
        });
    }
}

/// An approval that ends is in the way of what cannot be undone, and of nothing else.
#[test]
fn an_approval_that_ended() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let expires = Manner {
        expires: Some(later(100)),
        ..Manner::default()
    };
    let manner = |kind| Scene {
        manner: expires.clone(),
        ..Scene::new(&stage, &planned.plan, kind)
    };
    let delete = manner(StepKind::DeleteNodegroup);
    assert!(planned.plan.steps[delete.place].irreversible);
    let deleting =
        |o: &mut Observation| group(o, "core-a").status = Known::Value("DELETING".to_owned());
    delete.check(&[
        (
            "it has not ended",
            &[],
            as_it_was,
            99,
            "act delete-nodegroup/core-a@1.32 action 0 attempt 1",
            "",
        ),
        (
            "it ended this second",
            &[],
            as_it_was,
            100,
            "stop delete-nodegroup",
            "the approval ended at 2025-07-01T00:01:40Z",
        ),
        (
            "it ended while nobody knew whether the delete had begun",
            &[Intent(0, 50)],
            as_it_was,
            200,
            "stop delete-nodegroup",
            "ended",
        ),
        (
            "it ended while the delete runs",
            &[Intent(0, 50)],
            deleting,
            200,
            "look delete-nodegroup",
            "DELETING",
        ),
        (
            "it ended before the delete was tried again",
            &[Intent(0, 10), Err(0, 20), Failed(90)],
            as_it_was,
            200,
            "stop delete-nodegroup",
            "ended",
        ),
    ]);
    manner(StepKind::DrainNodegroup).check(&[(
        "a drain can be undone",
        &[],
        as_it_was,
        200,
        "act drain-nodegroup",
        "",
    )]);
    manner(StepKind::UpgradeControlPlane).check(&[("so can a hop", &[], as_it_was, 200, HOP, "")]);
}

fn tainted(observed: &mut Observation) {
    let planned = Stage::new("1.31", "1.32", false).plan();
    let place = first_of(&planned.plan, StepKind::TaintNodegroup);
    play(&planned.plan.steps[place], observed);
}

const TWO_ACTIONS: &[Row<'static>] = &[
    (
        "the first comes first",
        &[],
        as_it_was,
        0,
        "act taint-nodegroup/core-a@1.32 action 0 attempt 1",
        "",
    ),
    (
        "then the second",
        &[Intent(0, 0), Ok(0, 5)],
        as_it_was,
        6,
        "act taint-nodegroup/core-a@1.32 action 1 attempt 1",
        "",
    ),
    (
        "the first in doubt is done again",
        &[Intent(0, 0)],
        as_it_was,
        6,
        "act taint-nodegroup/core-a@1.32 action 0 attempt 1",
        "",
    ),
    (
        "the first in doubt is done again although the end is seen",
        &[Intent(0, 0)],
        tainted,
        6,
        "act taint-nodegroup/core-a@1.32 action 0 attempt 1",
        "",
    ),
    (
        "the second in doubt is done again, and the first is not",
        &[Intent(0, 0), Ok(0, 5), Intent(1, 6)],
        as_it_was,
        60,
        "act taint-nodegroup/core-a@1.32 action 1 attempt 1",
        "",
    ),
    (
        "the second in doubt, and the end is seen",
        &[Intent(0, 0), Ok(0, 5), Intent(1, 6)],
        tainted,
        60,
        "seen taint-nodegroup",
        "",
    ),
    (
        "the first failed",
        &[Intent(0, 0), Err(0, 5)],
        as_it_was,
        6,
        "fail taint-nodegroup",
        "exit 1: Error: it went wrong",
    ),
    (
        "both are done",
        &[Intent(0, 0), Ok(0, 5), Intent(1, 6), Ok(1, 7)],
        tainted,
        8,
        "seen taint-nodegroup",
        "phase-out taint",
    ),
    (
        "a failed step begins at its first action",
        &[Intent(0, 0), Ok(0, 5), Intent(1, 6), Err(1, 7), Failed(70)],
        as_it_was,
        80,
        "act taint-nodegroup/core-a@1.32 action 0 attempt 2",
        "",
    ),
];

/// The last action counts on nothing that an earlier one claimed.
#[test]
fn the_actions_of_one_step() {
    let stage = Stage::new("1.31", "1.32", false);
    let mut planned = stage.plan();
    let place = first_of(&planned.plan, StepKind::TaintNodegroup);
    let actions = &mut planned.plan.steps[place].actions;
    actions.insert(0, actions[0].clone());
    let taint = Scene::new(&stage, &planned.plan, StepKind::TaintNodegroup);
    taint.check(TWO_ACTIONS);
}
