//! Announcements against committed text, and what they must not say.

use super::super::fixtures::{blocked, evil, four_hops, in_sync, set};
use super::super::tests::check;
use super::{Notice, notice_markdown, notice_text};
use crate::model::Timestamp;
use crate::plan::wire::{Plan, StepKind};

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
