//! Remarks on the whole plan: the peak of groups against the quota, and what nobody recorded.

use super::findings::some;
use crate::plan::draft::{Draft, finding};
use crate::plan::wire::{Severity, Step, StepKind};
use crate::policy::limits::MANAGED_NODEGROUPS_DEFAULT;
use serde_json::Value;

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
        |quota| format!("EKS's default on {}; the account's was not read", quota.as_of.day()),
    )
}

/// Remarks that need the whole plan.
pub(in crate::plan) fn remark(draft: &mut Draft<'_>) {
    peak(draft);
    not_assessed(draft);
}

/// R8: a plan that fits the quota only in this order says so.
fn peak(draft: &mut Draft<'_>) {
    let live = draft.input.observed.nodegroups.items().iter();
    let live = live.filter(|group| group.managed).count();
    let is_managed = |facts: &std::collections::BTreeMap<String, Value>| {
        facts.get("managed") == Some(&Value::Bool(true))
    };
    let makes = |step: &&Step| step.kind == StepKind::CreateNodegroup && is_managed(&step.after);
    let takes = |step: &&Step| step.kind == StepKind::DeleteNodegroup && is_managed(&step.before);
    let made = draft.steps.iter().filter(makes).count();
    let quota = crate::plan::replace::managed_quota(draft) as usize;
    if made == 0 || live + made <= quota {
        return;
    }
    let (mut now, mut highest, mut first) = (live, live, 0);
    for step in &draft.steps {
        now += usize::from(makes(&step));
        let goes = takes(&step);
        now = now.saturating_sub(usize::from(goes));
        first += usize::from(goes);
        highest = highest.max(now);
    }
    let mut found = finding("STW-R8-QUOTA", "R8", Severity::Warning, "cluster");
    found.message = format!(
        "{live} managed groups run and {made} are made: side by side they would be {}, and the quota is {quota} ({}). The plan never has more than {highest} at once, only because {} before others come.",
        live + made,
        quota_source(draft),
        if first == 1 { "1 group goes".to_owned() } else { format!("{first} groups go") }
    );
    found.remedy = "Keep the order of the steps, or raise the quota \"Managed node groups per cluster\": aws service-quotas request-service-quota-increase".to_owned();
    found.source = "AWS service quotas, Amazon EKS".to_owned();
    draft.find(found);
}

/// What the drains of this plan need to know and nobody recorded: one line, whatever the number of pods.
fn not_assessed(draft: &mut Draft<'_>) {
    let unread = std::mem::take(&mut draft.unread);
    if unread.is_empty() {
        return;
    }
    let mut found = finding("STW-R8-NOT-ASSESSED", "R8", Severity::Note, "cluster");
    let groups: std::collections::BTreeSet<&String> = unread.values().flatten().collect();
    let what: Vec<String> = unread.keys().cloned().collect();
    let names: Vec<String> = groups.iter().map(|group| format!("`{group}`")).collect();
    found.message = format!(
        "Not recorded, so not assessed for the {} of {}: {}.",
        if names.len() == 1 { "drain" } else { "drains" },
        some(&names),
        what.join("; ")
    );
    found.objects = groups.iter().map(|group| format!("nodegroup {group}")).collect();
    found.remedy = format!("Observe with a reader of pods and budgets, and plan again: stairway observe {}", draft.input.name);
    found.not_assessed = true;
    draft.find(found);
}
