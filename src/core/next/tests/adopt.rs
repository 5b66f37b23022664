//! A lost journal: whatever was done is found out, and exactly the rest is done.

use super::stage::{gone, group, play, set_plane, stack_name};
use super::*;
use crate::model::{Known, KubeMinor, Stack, Update};
use serde_json::json;

/// How a run went: the steps that acted on the cluster, and its end.
struct Run {
    acted: Vec<usize>,
    ended: String,
}

/// Runs a plan to its end: every action does at once what it should.
fn run(plan: &Plan, mut observed: Observation, mut book: Book<'_>) -> Run {
    let (mut now, mut acted) = (0, Vec::new());
    for _ in 0..20_000 {
        let chosen = next(&Situation {
            plan,
            fold: &book.fold(),
            observed: &observed,
            now: later(now),
            wall: later(now),
            manner: &Manner::default(),
            interrupted: false,
        });
        now += 1;
        match chosen {
            Next::Act {
                step,
                action,
                attempt,
            } => {
                book.intent(step, action, attempt, now, health_of(&observed));
                let actions = &plan.steps[step].actions;
                if matches!(actions[action as usize], Action::Wait(_)) {
                    continue;
                }
                if action == 0 {
                    acted.push(step);
                }
                if action as usize + 1 == actions.len() {
                    play(&plan.steps[step], &mut observed);
                }
                book.returned(step, action, now + 1, true);
            }
            Next::Look { seconds, .. } => now += i64::from(seconds),
            Next::Observed { step, .. } => book.seen(step, now),
            Next::Pause { step, .. } => {
                play(&plan.steps[step], &mut observed);
                now += 3600;
                book.line(step, Line::Resumed(now), &observed);
            }
            Next::Fail { .. } | Next::Stop { .. } | Next::Leave { .. } | Next::Done => {
                return Run {
                    acted,
                    ended: said(plan, &chosen),
                };
            }
        }
    }
    panic!("the run does not end");
}

/// Steps that may be done again: the second time changes nothing.
fn repeats(step: &Step) -> bool {
    let manifest =
        step.kind == StepKind::UpdateAddon && matches!(step.actions[0], Action::Run { .. });
    manifest
        || matches!(
            step.kind,
            StepKind::TaintNodegroup
                | StepKind::CordonNodegroup
                | StepKind::DrainNodegroup
                | StepKind::ScaleNodegroup
        )
}

fn acts(step: &Step) -> bool {
    step.actions
        .iter()
        .any(|action| !matches!(action, Action::Wait(_)))
}

/// For every prefix of a plan: a fresh journal, and all that is left is done once.
fn check_every_prefix(stage: &Stage) {
    let planned = stage.plan();
    let plan = &planned.plan;
    let mut wrong = Vec::new();
    for done in 0..=plan.steps.len() {
        let after = done
            .checked_sub(1)
            .map_or("nothing", |last| plan.steps[last].id.as_str());
        let run = run(plan, stage.after(plan, done), Book::new(plan, true));
        if run.ended != "done" {
            wrong.push(format!("after {after}: {}", run.ended));
        }
        for (place, step) in plan.steps.iter().enumerate().filter(|(_, step)| acts(step)) {
            let times = run.acted.iter().filter(|acted| **acted == place).count();
            let expected = if place >= done {
                times == 1
            } else {
                times == 0 || times == 1 && repeats(step)
            };
            if !expected && run.ended == "done" {
                wrong.push(format!(
                    "after {after}: `{}` was done {times} times",
                    step.id
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{:#?}\n{}",
        stage::ids(plan),
        wrong.join("\n")
    );
}

#[test]
fn every_prefix_of_a_swap_of_managed_groups() {
    check_every_prefix(&Stage::new("1.31", "1.32", true));
}

#[test]
fn every_prefix_of_a_swap_of_self_managed_groups() {
    check_every_prefix(&Stage::new("1.31", "1.32", false));
}

#[test]
fn every_prefix_of_two_hops_and_a_swap() {
    check_every_prefix(&Stage::new("1.31", "1.33", true));
}

#[test]
fn every_prefix_of_four_hops_that_need_a_swap_on_the_way() {
    check_every_prefix(&Stage::new("1.29", "1.33", false));
}

#[test]
fn every_prefix_of_a_phase_out() {
    let settings = json!({
        "nodegroups": {"core-*": {"strategy": "phase-out"}},
        "activity": [{"namespace": "*", "selector": "app=proxy"}],
    });
    check_every_prefix(&Stage::new("1.31", "1.32", true).settings(&settings));
}

#[test]
fn every_prefix_of_a_hop_with_self_managed_addons() {
    check_every_prefix(&Stage::new("1.31", "1.32", true).with_self_managed_addons());
}

/// A run with its journal does every step once and in order.
#[test]
fn a_run_that_nothing_happens_to() {
    for managed in [true, false] {
        let stage = Stage::new("1.31", "1.33", managed);
        let planned = stage.plan();
        let plan = &planned.plan;
        let run = run(plan, stage.observed.clone(), Book::new(plan, false));
        let all: Vec<usize> = (0..plan.steps.len())
            .filter(|place| acts(&plan.steps[*place]))
            .collect();
        assert_eq!((run.ended.as_str(), run.acted), ("done", all));
    }
}

/// What is next after `done` steps when the journal is lost and the cluster is changed by `live`.
fn adopted(stage: &Stage, plan: &Plan, done: usize, live: impl FnOnce(&mut Observation)) -> String {
    let mut observed = stage.after(plan, done);
    live(&mut observed);
    let mut book = Book::new(plan, true);
    for _ in 0..=plan.steps.len() {
        let next = next(&Situation {
            plan,
            fold: &book.fold(),
            observed: &observed,
            now: later(10),
            wall: later(10),
            manner: &Manner::default(),
            interrupted: false,
        });
        let Next::Observed { step, .. } = next else {
            return said(plan, &next);
        };
        book.seen(step, 5);
    }
    "done".to_owned()
}

/// In doubt is in doubt: what moves is waited for, as with a journal that holds the intent.
#[test]
fn what_moves_when_the_journal_is_lost_is_waited_for() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let place = |kind| first_of(plan, kind);
    let next = adopted(&stage, plan, place(StepKind::UpgradeControlPlane), |o| {
        set_plane(o, KubeMinor::of(31), "UPDATING");
        let update = json!({"id": "u-9", "type": "VersionUpdate", "status": "InProgress", "version": "1.32"});
        let update: Update = serde_json::from_value(update).expect("an update");
        o.updates = Known::Value(vec![update]);
    });
    assert!(next.starts_with("look upgrade-control-plane"), "{next}");
    let next = adopted(&stage, plan, place(StepKind::CreateNodegroup), |o| {
        play(&plan.steps[place(StepKind::CreateNodegroup)], o);
        stage::nodes(o).retain(|node| node.nodegroup.as_deref() != Some("core-b"));
        group(o, "core-b").status = Known::Value("CREATING".to_owned());
    });
    assert!(next.starts_with("look create-nodegroup"), "{next}");
    // Nothing looks settled while the second hop runs.
    let two = Stage::new("1.31", "1.33", true);
    let two_plan = two.plan().plan;
    let second = stage::ids(&two_plan)
        .iter()
        .position(|id| *id == "upgrade-control-plane/cluster@1.33");
    let next = adopted(&two, &two_plan, second.expect("a second hop"), |o| {
        set_plane(o, KubeMinor::of(32), "UPDATING");
        let update = json!({"id": "u-9", "type": "VersionUpdate", "status": "InProgress", "version": "1.33"});
        let update: Update = serde_json::from_value(update).expect("an update");
        o.updates = Known::Value(vec![update]);
    });
    assert!(next.starts_with("look") && next.contains("u-9"), "{next}");
    let delete = place(StepKind::DeleteNodegroup);
    let next = adopted(&stage, plan, delete, |o| {
        group(o, "core-a").status = Known::Value("DELETING".to_owned());
    });
    assert!(
        next.starts_with("look drain-nodegroup/core-a") && next.contains("DELETING"),
        "{next}"
    );
    let next = adopted(&stage, plan, delete, |o| {
        gone(o, "core-a");
        let Known::Value(stacks) = &mut o.stacks else {
            panic!("stacks")
        };
        stacks.push(Stack {
            name: stack_name("core-a"),
            status: "DELETE_IN_PROGRESS".to_owned(),
        });
    });
    assert!(
        next.starts_with("act verify-nodegroup/core-b"),
        "checks on the new group harm nobody: {next}"
    );
}

#[test]
fn a_cluster_that_does_not_fit_the_plan_stops_the_run() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    let all = plan.steps.len();
    let taint = first_of(plan, StepKind::TaintNodegroup);
    let says = "the journal is lost, and the cluster does not fit the plan";
    let next = adopted(&stage, plan, all, |o| gone(o, "core-b"));
    assert!(
        next.starts_with("stop") && next.contains(says) && next.contains("core-b"),
        "{next}"
    );
    let next = adopted(&stage, plan, all, |o| {
        set_plane(o, KubeMinor::of(31), "ACTIVE")
    });
    assert!(next.starts_with("stop") && next.contains(says), "{next}");
    let next = adopted(&stage, plan, taint + 1, |o| gone(o, "core-b"));
    assert!(next.starts_with("stop") && next.contains(says), "{next}");
    // Somebody deleted the old group by hand before the plan got to it.
    let next = adopted(&stage, plan, 1, |o| gone(o, "core-a"));
    assert!(next.starts_with("stop") && next.contains(says), "{next}");
    // The old group was made again under its name.
    let next = adopted(&stage, plan, taint, |o| {
        group(o, "core-a").arn = Known::Value("arn:core-a:9".to_owned());
    });
    assert!(
        next.starts_with("act verify-nodegroup/core-b"),
        "checks on the new group harm nobody: {next}"
    );
    let run = run(
        plan,
        {
            let mut observed = stage.after(plan, taint);
            group(&mut observed, "core-a").arn = Known::Value("arn:core-a:9".to_owned());
            observed
        },
        Book::new(plan, true),
    );
    assert!(
        run.ended.starts_with("stop taint-nodegroup/core-a") && run.ended.contains("another one"),
        "{}",
        run.ended
    );
    assert!(run.acted.is_empty(), "{:?}", run.acted);
}

/// Facts that nobody could read prove nothing and contradict nothing for good.
#[test]
fn unread_facts_prove_no_step() {
    let stage = Stage::new("1.31", "1.32", true);
    let planned = stage.plan();
    let plan = &planned.plan;
    for (what, live) in [
        (
            "groups",
            (|o: &mut Observation| o.nodegroups = Known::default()) as fn(&mut Observation),
        ),
        ("stacks", |o| o.stacks = Known::default()),
        ("updates", |o| o.updates = Known::default()),
        ("nodes", |o| o.nodes = Known::default()),
        ("add-ons", |o| o.addons = Known::default()),
    ] {
        for done in 0..plan.steps.len() {
            let next = adopted(&stage, plan, done, live);
            let again = plan.steps[..done].iter().any(|step| {
                acts(step) && !repeats(step) && next.contains(&format!("act {} ", step.id))
            });
            assert!(!again, "without {what}, after {done} steps: {next}");
        }
    }
}
