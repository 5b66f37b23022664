//! Remarks on the whole plan: the peak of groups against the quota, and what nobody recorded.

use super::findings::some;
use crate::plan::draft::{Draft, finding};
use crate::plan::wire::{Severity, Step, StepKind};
use crate::policy::limits::MANAGED_NODEGROUPS_DEFAULT;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Says where the quota of managed groups comes from.
pub(in crate::plan) fn quota_source(draft: &Draft<'_>) -> String {
    let read = draft.input.observed.quotas.value();
    let read = read.is_some_and(|quotas| quotas.contains_key("managed-nodegroups-per-cluster"));
    if read {
        return "as the account has it".to_owned();
    }
    let known = draft.input.catalog.quota("managed-nodegroups-per-cluster");
    known.map_or_else(
        || format!("EKS's default of {MANAGED_NODEGROUPS_DEFAULT}"),
        |quota| {
            format!(
                "EKS's default on {}; the account's was not read",
                quota.as_of.day()
            )
        },
    )
}

/// Remarks that need the whole plan.
pub(in crate::plan) fn remark(draft: &mut Draft<'_>) {
    peak(draft);
    not_assessed(draft);
}

/// R8: a plan that fits the quota only because empty groups go before their successors come says so.
fn peak(draft: &mut Draft<'_>) {
    let live = draft.input.observed.nodegroups.items().iter();
    let live = live.filter(|group| group.managed).count();
    let managed = |facts: &BTreeMap<String, Value>| facts.get("managed") == Some(&json!(true));
    let makes = |step: &Step| step.kind == StepKind::CreateNodegroup && managed(&step.after);
    let takes = |step: &Step| step.kind == StepKind::DeleteNodegroup && managed(&step.before);
    let (mut now, mut highest) = (live, live);
    let (mut early, mut gone) = (Vec::new(), BTreeMap::new());
    for step in &draft.steps {
        if makes(step) {
            now += 1;
            early.extend(gone.remove(&step.subject));
        } else if takes(step) {
            now = now.saturating_sub(1);
            let successor = draft.replaced.get(&step.subject);
            // Under its own name a group always goes before it comes.
            let other = successor.filter(|new| **new != step.subject);
            gone.extend(other.map(|new| (new.clone(), format!("`{}`", step.subject))));
        }
        highest = highest.max(now);
    }
    if early.is_empty() {
        return;
    }
    let made = draft.steps.iter().filter(|step| makes(step)).count();
    let mut found = finding("STW-R8-QUOTA", "R8", Severity::Warning, "cluster");
    found.message = format!(
        "{live} managed groups run and {made} are made, {} side by side; the quota is {} ({}). The plan has {highest} at most, because {}, empty, {} before its successor comes.",
        live + made,
        crate::plan::replace::managed_quota(draft),
        quota_source(draft),
        some(&early),
        if early.len() == 1 { "goes" } else { "each go" },
    );
    found.remedy = "Let no other group be made meanwhile, or raise the quota \"Managed node groups per cluster\" first: aws service-quotas request-service-quota-increase".to_owned();
    found.source = "AWS service quotas, Amazon EKS".to_owned();
    draft.find(found);
}

/// What the drains of this plan need to know and nobody recorded: one line, whatever the number of pods.
fn not_assessed(draft: &mut Draft<'_>) {
    let unread = std::mem::take(&mut draft.unread);
    if unread.is_empty() {
        return;
    }
    // A budget may stop the drain half way; whoever reads exit codes is told.
    let severity = if draft.unread_budgets {
        Severity::Warning
    } else {
        Severity::Note
    };
    let mut found = finding("STW-R8-NOT-ASSESSED", "R8", severity, "cluster");
    let groups: BTreeSet<&String> = unread.values().flatten().collect();
    let what: Vec<String> = unread.keys().cloned().collect();
    let names: Vec<String> = groups.iter().map(|group| format!("`{group}`")).collect();
    found.message = format!(
        "Not recorded, so not assessed for the {} of {}: {}.",
        if names.len() == 1 { "drain" } else { "drains" },
        some(&names),
        what.join("; ")
    );
    found.objects = groups
        .iter()
        .map(|group| format!("nodegroup {group}"))
        .collect();
    found.remedy = format!(
        "Observe with a reader of pods and budgets, and plan again: stairway observe {}",
        draft.input.name
    );
    found.not_assessed = true;
    draft.find(found);
}
