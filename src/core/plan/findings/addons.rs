//! Add-ons that EKS itself calls broken.

use super::super::draft::{Draft, finding};
use super::super::wire::{BlockedBy, Finding, Severity, StepKind};
use super::is_said;
use crate::model::{HealthIssue, LiveAddon};
use crate::policy::addons::CORE_ADDONS;
use serde_json::Value;

/// What EKS says of an add-on that neither runs as it should nor is on its way.
const BROKEN: [&str; 4] = [
    "DEGRADED",
    "CREATE_FAILED",
    "UPDATE_FAILED",
    "DELETE_FAILED",
];
/// Another change of it is under way.
const MOVING: [&str; 3] = ["CREATING", "UPDATING", "DELETING"];

/// What stands against touching this add-on: EKS refuses a second change of one that moves, and
/// what is broken is mended on purpose, not in passing.
pub(in crate::plan) fn of_update(draft: &mut Draft<'_>, name: &str) -> Vec<BlockedBy> {
    match unhealthy(draft, name) {
        Some(found) => draft.block(found),
        None => Vec::new(),
    }
}

/// Returns true for an add-on whose state is what its owner accepted by a waiver, or good.
pub(in crate::plan) fn is_sound(draft: &Draft<'_>, name: &str) -> bool {
    unhealthy(draft, name).is_none()
}

/// A hop needs the network of the cluster: none while a core add-on is broken.
pub(super) fn unhealthy_core(draft: &mut Draft<'_>) -> Vec<BlockedBy> {
    let found: Vec<Finding> = CORE_ADDONS
        .iter()
        .filter_map(|core| unhealthy(draft, core.addon))
        .collect();
    let blocked = found.into_iter().flat_map(|finding| draft.block(finding));
    blocked.collect()
}

fn unhealthy(draft: &Draft<'_>, name: &str) -> Option<Finding> {
    let addons = draft.input.observed.addons.items();
    let addon = addons.iter().find(|addon| addon.name == name)?;
    found_in(draft, addon)
}

fn found_in(draft: &Draft<'_>, addon: &LiveAddon) -> Option<Finding> {
    let status = addon.status.value().map_or("", String::as_str);
    let issues = addon.health.items();
    let (broken, moving) = (BROKEN.contains(&status), MOVING.contains(&status));
    if !broken && !moving && issues.is_empty() {
        return None;
    }
    let subject = format!("addon {}", addon.name);
    let mut found = finding("STW-ADDON-HEALTH", "R8", Severity::Blocking, &subject);
    let state = if status.is_empty() {
        "not healthy".to_owned()
    } else {
        status.to_owned()
    };
    found.message = format!("Add-on `{}` is {state}{}.", addon.name, say(issues));
    let cluster = &draft.input.desired.cluster;
    let (name, region) = (&cluster.name, &cluster.region);
    found.remedy = if moving {
        format!(
            "aws eks wait addon-active --cluster-name {name} --region {region} --addon-name {}; then observe and plan again",
            addon.name
        )
    } else {
        format!(
            "aws eks describe-addon --cluster-name {name} --region {region} --addon-name {}; mend the cause, or set a version once more with aws eks update-addon --cluster-name {name} --region {region} --addon-name {}; then observe and plan again",
            addon.name, addon.name
        )
    };
    found.source = "EKS API, DescribeAddon: status, health.issues".to_owned();
    found.objects = objects(issues);
    Some(found)
}

/// Writes issues behind a status.
pub(super) fn say(issues: &[HealthIssue]) -> String {
    let words: Vec<String> = issues
        .iter()
        .map(|issue| {
            let message = issue.message.trim_end_matches('.');
            if message.is_empty() {
                issue.code.clone()
            } else {
                format!("{} ({message})", issue.code)
            }
        })
        .collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(": {}", words.join("; "))
    }
}

/// What the issues concern, sorted.
pub(super) fn objects(issues: &[HealthIssue]) -> Vec<String> {
    let mut all: Vec<String> = issues
        .iter()
        .flat_map(|issue| issue.objects.clone())
        .collect();
    all.sort();
    all.dedup();
    all
}

/// Broken add-ons that no step of this plan meets, and overwriting that git asks for.
pub(super) fn remark(draft: &mut Draft<'_>) {
    for addon in draft.input.observed.addons.items() {
        let Some(mut found) = found_in(draft, addon) else {
            continue;
        };
        if !is_said(draft, &found.code, &found.subject) {
            found.severity = Severity::Warning;
            draft.find(found);
        }
    }
    let declared = draft.input.desired.addons.iter().flatten();
    let overwriting: Vec<String> = declared
        .filter(|(_, addon)| {
            let choice = addon.spec.get("resolveConflicts").and_then(Value::as_str);
            choice.is_some_and(|choice| choice.eq_ignore_ascii_case("overwrite"))
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in overwriting {
        overwrite(draft, &name);
    }
}

/// Steps that hand an add-on's file to eksctl do what the file says; others preserve.
fn overwrite(draft: &mut Draft<'_>, name: &str) {
    let later = draft.later.iter().map(|later| &later.step);
    let steps = draft.steps.iter().chain(later);
    let mut ids: Vec<String> = steps
        .filter(|step| step.subject == name)
        .filter(|step| matches!(step.kind, StepKind::UpdateAddon | StepKind::CreateAddon))
        .filter(|step| step.actions.iter().any(reads_file))
        .map(|step| format!("step {}", step.id))
        .collect();
    if ids.is_empty() {
        return;
    }
    ids.sort();
    let mut found = finding(
        "STW-ADDON-OVERWRITE",
        "R13",
        Severity::Warning,
        &format!("addon {name}"),
    );
    found.message = format!(
        "Git says `resolveConflicts: overwrite` for `{name}`: what people changed on the cluster by hand is lost."
    );
    found.remedy = format!(
        "Write `resolveConflicts: preserve` for `{name}` in git, or move those changes to its `configurationValues` first."
    );
    found.source = "EKS API, UpdateAddon: resolveConflicts".to_owned();
    found.objects = ids;
    draft.find(found);
}

fn reads_file(action: &super::super::wire::Action) -> bool {
    use super::super::wire::Action;
    match action {
        Action::Run { files, .. } => !files.is_empty(),
        Action::Aws { .. } | Action::Kube { .. } | Action::Wait(_) => false,
    }
}
