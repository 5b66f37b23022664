//! Whether a target may stand in git: what cannot be reached is not asked for.

use crate::pipeline::Loaded;
use stairway_core::model::KubeMinor;
use stairway_core::plan::wire::{ClusterError, Finding, Plan, Severity};
use std::collections::BTreeSet;

/// What the plan says when EKS does not offer the target, or a minor on the way to it.
const UNSUPPORTED: &str = "STW-R6-UNSUPPORTED-TARGET";
/// What it says when a rollback cannot be.
const ROLLBACK: &str = "STW-R5-ROLLBACK";
/// How a step says that it only waits for another one.
const AFTER: &str = "after";
/// More names than this are no help on one line.
const NAMES_MAX: usize = 6;

/// Refuses a target that git must not ask for.
///
/// # Errors
/// EKS does not offer it or it is out of reach, or it is below what runs.
pub(super) fn check(loaded: &Loaded, plan: &Plan, to: KubeMinor) -> Result<(), ClusterError> {
    let name = &loaded.name;
    let fail = |why: String, hint: String| {
        Err(ClusterError {
            name: name.clone(),
            error: format!("Nothing is proposed that asks for {to}: {why}"),
            hint: Some(hint),
            ..ClusterError::default()
        })
    };
    let mandatory = |code: &str| {
        let of_code =
            |found: &&Finding| found.code == code && found.severity == Severity::Mandatory;
        plan.findings.iter().find(of_code)
    };
    if let Some(found) = mandatory(UNSUPPORTED) {
        return fail(found.message.clone(), found.remedy.clone());
    }
    let live = loaded
        .live
        .as_ref()
        .and_then(|live| live.observation.version());
    let Some(live) = live.filter(|live| to < *live) else {
        return Ok(());
    };
    let blocked = mandatory(ROLLBACK).map_or_else(String::new, |found| {
        format!(" This rollback is blocked: {}", found.message)
    });
    fail(
        format!(
            "{live} runs, so this plan is a rollback, and a lower version in git never starts one.{blocked}"
        ),
        format!(
            "`stairway plan {name} --to {to}` shows the rollback and what it needs; `stairway rollback {name}` undoes a run of stairway; git follows afterwards"
        ),
    )
}

/// Returns what holds back steps of a plan, for one line; none when only time and order do.
pub(super) fn blockers(plan: &Plan) -> Option<String> {
    let mut names = BTreeSet::new();
    for later in &plan.not_now {
        let blockers = later.blocked_by.iter().filter(|by| by.code != AFTER);
        names.extend(blockers.map(|by| format!("{} ({})", by.code, by.subject)));
    }
    if plan.summary.blocked > 0 {
        let stops = plan.findings.iter().filter(|found| stops(found));
        names.extend(stops.map(|found| format!("{} ({})", found.code, found.subject)));
    }
    if names.is_empty() {
        return None;
    }
    let more = names.len().saturating_sub(NAMES_MAX);
    let mut shown: Vec<String> = names.into_iter().take(NAMES_MAX).collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    Some(shown.join(", "))
}

fn stops(found: &Finding) -> bool {
    match found.severity {
        Severity::Mandatory => true,
        Severity::Blocking => found.waived.is_none(),
        Severity::Warning | Severity::Note => false,
    }
}
