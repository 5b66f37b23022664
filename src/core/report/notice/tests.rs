//! Announcements against committed text, and what they must not say.

use super::super::fixtures::{blocked, evil, four_hops, in_sync, set};
use super::super::tests::check;
use super::{Notice, notice_markdown, notice_text};
use crate::model::Timestamp;
use crate::plan::wire::{Disruption, Plan, StepKind};

fn at(start: &str) -> Notice {
    Notice {
        start: Some(start.parse::<Timestamp>().expect("a time")),
        contact: Some("#platform on the chat".to_owned()),
    }
}

fn fleet() -> Vec<Plan> {
    vec![four_hops(), blocked(), in_sync("alpha")]
}

/// The plan with its second half as a phase-out.
fn phased() -> Plan {
    let mut plan = four_hops();
    plan.name = "river".to_owned();
    plan.not_now.clear();
    plan.steps.retain(|step| {
        ![StepKind::DrainNodegroup, StepKind::UpgradeNodegroup].contains(&step.kind)
    });
    for step in &mut plan.steps {
        if step.kind == StepKind::TaintNodegroup {
            step.kind = StepKind::PhaseOut;
        }
    }
    plan
}

#[test]
fn announcements_look_as_committed() {
    let plain = notice_text(&set(fleet(), true), &Notice::default());
    let dated = notice_markdown(
        &set(vec![four_hops(), phased()], false),
        &at("2026-12-01T10:00:00Z"),
    );
    check(
        "notice",
        include_str!("../snapshots/notice.txt"),
        &format!("{plain}\n{dated}"),
    );
}

#[test]
fn what_is_said_of_disturbance_is_what_the_plan_says() {
    let mut calm = four_hops();
    calm.steps.retain(|step| step.kind == StepKind::UpdateAddon);
    // (what the reader is told, the plan, words that stand there, words that do not)
    let rows = [
        (
            "a drain with pods stops them",
            four_hops(),
            "What runs on core-a",
            "Nobody",
        ),
        (
            "a drain of an empty group stops nobody",
            four_hops(),
            "is stopped",
            "What runs on nb-prod-a",
        ),
        (
            "what nobody counted is not called nothing",
            four_hops(),
            "how much runs there was not counted",
            "0 running",
        ),
        (
            "a phase-out stops nobody",
            phased(),
            "Nobody: nothing that runs is stopped.",
            "Save your work",
        ),
        (
            "an update in place stops nobody",
            calm,
            "Nothing.",
            "Save your work",
        ),
    ];
    for (sentence, plan, there, absent) in rows {
        let text = notice_text(&set(vec![plan], false), &Notice::default());
        assert!(text.contains(there), "{sentence}: {text}");
        assert!(!text.contains(absent), "{sentence}: {text}");
    }
}

#[test]
fn without_a_start_there_is_no_time_of_day() {
    let set = set(vec![four_hops()], false);
    let text = notice_text(&set, &Notice::default());
    assert!(!text.contains("UTC") && !text.contains("2026"), "{text}");
    let text = notice_text(&set, &at("2026-12-01T10:00:00Z"));
    assert!(
        text.contains("From 2026-12-01 10:00 UTC, typically until "),
        "{text}"
    );
}

#[test]
fn a_fleet_with_nothing_to_run_says_so() {
    let text = notice_text(
        &set(vec![in_sync("alpha"), blocked()], false),
        &Notice::default(),
    );
    assert!(text.starts_with("No maintenance is planned\n"), "{text}");
    assert!(text.contains("Nothing happens on alpha."), "{text}");
    assert!(
        text.contains("Work on legacy is needed and cannot begin yet"),
        "{text}"
    );
}

#[test]
fn names_steer_neither_a_terminal_nor_markdown() {
    let set = set(vec![evil()], false);
    for page in [
        notice_text(&set, &Notice::default()),
        notice_markdown(&set, &Notice::default()),
    ] {
        assert!(
            !page.chars().any(|sign| sign.is_control() && sign != '\n'),
            "{page}"
        );
    }
    assert!(!notice_markdown(&set, &Notice::default()).contains("<script"));
}

/// A plan that drains `core-a` after its people have left; `waiting` as the planner counted them.
fn drained_after(waiting: Option<u32>) -> Plan {
    let mut plan = four_hops();
    plan.not_now.clear();
    plan.steps
        .retain(|step| step.kind == StepKind::DrainNodegroup && step.subject == "core-a");
    plan.steps.truncate(1);
    let mut wait = plan.steps.first().expect("a drain").clone();
    wait.kind = StepKind::PhaseOut;
    wait.duration.max = 90 * 86_400;
    wait.disruption = Disruption {
        nodes: Some(0),
        pods: Some(0),
        pdbs: Vec::new(),
        waiting,
    };
    plan.steps.insert(0, wait);
    plan.steps[1].disruption.nodes = Some(0);
    plan.steps[1].disruption.pods = Some(3);
    plan
}

#[test]
fn nobody_on_a_group_that_is_phased_out_is_stopped() {
    // (what was counted, what the totals say)
    let rows = [
        (Some(7), "evicts 3 pods, 7 wait for their owners"),
        (None, "evicts 0 pods, 3 wait for their owners"),
        (Some(1), "evicts 3 pods, 1 waits for its owner"),
    ];
    for (waiting, said) in rows {
        let plan = drained_after(waiting);
        let total = super::super::words::total_disruption(&plan.steps);
        assert!(total.contains(said), "{total}");
        for notice in [Notice::default(), at("2026-12-01T10:00:00Z")] {
            let text = notice_text(&set(vec![plan.clone()], false), &notice);
            assert!(!text.contains("core-a is stopped"), "{text}");
            assert!(text.contains("goes on until its owner stops it"), "{text}");
            assert!(!text.contains("running program"), "{text}");
        }
        let text = notice_text(&set(vec![plan], false), &at("2026-12-01T10:00:00Z"));
        let until = "From 2026-12-01 10:00 UTC, typically until 2026-12-01 10:00 UTC";
        assert!(text.contains(until), "{text}");
    }
}
