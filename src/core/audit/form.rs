//! Laws about the plan's form: names, digests, bounds, the truth about ways back.

use super::{Faults, Subject};
use crate::model::Digest;
use crate::plan::wire::{Action, FileRef, Rollback, Step, StepKind};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A wait is at most a hundred days: the longest phase-out seen in a public fleet took 106.
const WAIT_SECONDS_MAX: u32 = 110 * 86_400;

pub(super) fn check(subject: &Subject<'_>, faults: &mut Faults) {
    let plan = subject.plan;
    if plan.compute_digest().to_string() != plan.digest {
        faults.record(
            "law 6",
            "plan",
            "The digest does not cover the content.".to_owned(),
        );
    }
    if !plan.id.starts_with(&format!("{}-", plan.name)) {
        faults.record(
            "law 6",
            "plan",
            format!("The id `{}` is not the cluster's.", plan.id),
        );
    }
    if plan.preview != (plan.inputs.observation_kind == "assumed") {
        let message = "A plan is a preview exactly when live was assumed.".to_owned();
        faults.record("law 6", "plan", message);
    }
    let mut ids = BTreeSet::new();
    for step in plan.all_steps() {
        if !ids.insert(&step.id) {
            faults.add(
                "law 6",
                step,
                format!("The id `{}` is used twice.", step.id),
            );
        }
        check_step(step, subject, faults);
    }
    for later in &plan.not_now {
        if later.blocked_by.is_empty() {
            let message = "It is held back and nothing says by what.".to_owned();
            faults.add("law 6", &later.step, message);
        }
    }
}

fn check_step(step: &Step, subject: &Subject<'_>, faults: &mut Faults) {
    let prefix = format!("{}/{}@", step.kind.name(), step.subject);
    if !step.id.starts_with(&prefix) {
        faults.add(
            "law 6",
            step,
            format!("The id should begin with `{prefix}`."),
        );
    }
    if step.cluster != subject.plan.name {
        faults.add(
            "law 6",
            step,
            format!("It names the cluster `{}`.", step.cluster),
        );
    }
    if step.actions.is_empty() && step.kind != StepKind::Manual {
        faults.add("law 6", step, "It has no action.".to_owned());
    }
    if step.reason.is_empty() && step.kind != StepKind::Bake {
        faults.add("law 6", step, "It gives no reason.".to_owned());
    }
    let admits = matches!(step.rollback, Rollback::Irreversible { .. });
    if admits != step.irreversible {
        let message = "`irreversible` and `rollback` disagree about the way back.".to_owned();
        faults.add("law 7", step, message);
    }
    if step.kind == StepKind::UpgradeNodegroup && !step.irreversible {
        let message = "An in-place upgrade of nodes is a point of no return.".to_owned();
        faults.add("R5", step, message);
    }
    let waits = step.actions.iter().filter_map(|action| match action {
        Action::Wait(wait) => Some(wait),
        Action::Run { .. } | Action::Aws { .. } | Action::Kube { .. } => None,
    });
    for wait in waits.chain(&step.wait) {
        if wait.every == 0 || wait.at_most == 0 || wait.at_most > WAIT_SECONDS_MAX {
            faults.add("law 6", step, "A wait is not bounded.".to_owned());
        }
    }
    for action in &step.actions {
        check_action(action, step, subject, faults);
    }
}

/// Words that mean "whatever is newest when I run": a plan names what was approved.
const VAGUE: [&str; 3] = ["auto", "latest", "default"];
/// Options that take pods away without asking their budgets.
const VIOLENT: [&str; 3] = ["--disable-eviction", "--force-upgrade", "--only-missing"];

fn check_action(action: &Action, step: &Step, subject: &Subject<'_>, faults: &mut Faults) {
    match action {
        Action::Run { tool, argv, files } => {
            if tool != "eksctl" {
                let message = format!("`{tool}` is no tool of this flavor.");
                faults.add("law 6", step, message);
            }
            check_words(argv, step, faults);
            for file in files {
                check_file(file, argv, step, subject, faults);
            }
        }
        Action::Aws {
            input, operation, ..
        } => check_call(operation, input, step, faults),
        Action::Kube { .. } | Action::Wait(_) => {}
    }
}

fn check_words(argv: &[String], step: &Step, faults: &mut Faults) {
    for word in argv {
        if word.contains(['*', '?', '{']) {
            faults.add("R7", step, format!("`{word}` is a glob; names are exact."));
        }
        if VAGUE.contains(&word.as_str()) {
            faults.add("R9", step, format!("`{word}` is no exact version."));
        }
        if VIOLENT.iter().any(|option| word.starts_with(option)) {
            let message = format!("`{word}` goes around disruption budgets.");
            faults.add("R13", step, message);
        }
    }
    let force = argv.iter().any(|word| word == "--force");
    let named = step.after.get("overwrite") == Some(&Value::Bool(true));
    if force && !named {
        let message = "`--force` overwrites what the step does not name.".to_owned();
        faults.add("R13", step, message);
    }
}

fn check_file(
    file: &FileRef,
    argv: &[String],
    step: &Step,
    subject: &Subject<'_>,
    faults: &mut Faults,
) {
    match subject.files.get(&file.name) {
        Some(kept) if Digest::of(kept.text.as_bytes()).to_string() == file.digest => {}
        Some(_) => {
            let message = format!("`{}` has another digest.", file.name);
            faults.add("law 6", step, message);
        }
        None => faults.add("law 6", step, format!("`{}` is missing.", file.name)),
    }
    if !argv.contains(&file.name) {
        let message = format!("`{}` is not in the arguments.", file.name);
        faults.add("law 6", step, message);
    }
}

fn check_call(operation: &str, input: &Map<String, Value>, step: &Step, faults: &mut Faults) {
    if input.contains_key("force") {
        let message = format!("`{operation}` with `force` skips budgets.");
        faults.add("R13", step, message);
    }
    if input
        .get("resolveConflicts")
        .is_some_and(|v| v == "OVERWRITE")
    {
        faults.add("R13", step, "It overwrites what people changed.".to_owned());
    }
    if input.contains_key("clientRequestToken") {
        let message = "Idempotency tokens are derived at apply, never planned.".to_owned();
        faults.add("law 6", step, message);
    }
}
