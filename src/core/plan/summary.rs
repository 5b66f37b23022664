//! Totals of a plan and of a set of plans.

use super::wire::{Plan, Severity, StepKind, Summary};
use std::collections::BTreeMap;

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Counts what the runnable steps do; `replaced` maps old group names to new ones.
pub(super) fn of(plan: &Plan, replaced: &BTreeMap<String, String>) -> Summary {
    let of_kind = |kind: StepKind| plan.steps.iter().filter(move |step| step.kind == kind);
    let creates = of_kind(StepKind::CreateNodegroup);
    let new_names: Vec<&String> = replaced.values().collect();
    let swap = creates
        .clone()
        .filter(|step| new_names.contains(&&step.subject))
        .count();
    let updates = plan
        .steps
        .iter()
        .filter(|step| {
            matches!(
                step.kind,
                StepKind::UpdateAddon
                    | StepKind::CreateAddon
                    | StepKind::UpgradeNodegroup
                    | StepKind::UpdateNodegroup
                    | StepKind::UntaintNodegroup
                    | StepKind::UncordonNodegroup
                    | StepKind::ScaleNodegroup
            )
        })
        .map(|step| {
            (
                matches!(step.kind, StepKind::UpdateAddon | StepKind::CreateAddon),
                &step.subject,
            )
        })
        .collect::<std::collections::BTreeSet<_>>();
    Summary {
        upgrade: u32::from(of_kind(StepKind::UpgradeControlPlane).next().is_some()),
        swap: count(swap),
        update: count(updates.len()),
        create: count(creates.count().saturating_sub(swap)),
        roll_back: u32::from(of_kind(StepKind::RollbackControlPlane).next().is_some()),
        delete: count(of_kind(StepKind::DeleteNodegroup).count()),
        phasing_out: count(of_kind(StepKind::PhaseOut).count()),
        blocked: u32::from(is_blocked(plan)),
        held_back: count(plan.not_now.len()),
    }
}

/// A plan is blocked when it has something to do, can do nothing, and a rule or finding is why.
fn is_blocked(plan: &Plan) -> bool {
    let blocking = plan
        .findings
        .iter()
        .filter(|finding| !super::exit::is_lapsed(finding))
        .any(|finding| matches!(finding.severity, Severity::Mandatory | Severity::Blocking));
    plan.steps.is_empty() && blocking
}

/// Adds up the summaries of several plans.
pub fn total<'a>(plans: impl Iterator<Item = &'a Plan>) -> Summary {
    plans.fold(Summary::default(), |sum, plan| {
        let one = &plan.summary;
        Summary {
            upgrade: sum.upgrade.saturating_add(one.upgrade),
            swap: sum.swap.saturating_add(one.swap),
            update: sum.update.saturating_add(one.update),
            create: sum.create.saturating_add(one.create),
            roll_back: sum.roll_back.saturating_add(one.roll_back),
            delete: sum.delete.saturating_add(one.delete),
            phasing_out: sum.phasing_out.saturating_add(one.phasing_out),
            blocked: sum.blocked.saturating_add(one.blocked),
            held_back: sum.held_back.saturating_add(one.held_back),
        }
    })
}
