//! Whether a change is under way on a step's subject.

use crate::model::{Observation, Update};
use crate::plan::wire::{Step, StepKind};

/// Returns what is under way on the subject of `step`, in words.
pub fn in_motion(step: &Step, observed: &Observation) -> Option<String> {
    match step.kind {
        StepKind::UpgradeControlPlane
        | StepKind::RollbackControlPlane
        | StepKind::SetUpgradePolicy => control_plane(observed),
        StepKind::CreateNodegroup
        | StepKind::DeleteNodegroup
        | StepKind::UpgradeNodegroup
        | StepKind::ScaleNodegroup
        | StepKind::UpdateNodegroup
        | StepKind::TaintNodegroup
        | StepKind::UntaintNodegroup
        | StepKind::CordonNodegroup => nodegroup(&step.subject, observed),
        StepKind::UpdateAddon | StepKind::CreateAddon => addon(&step.subject, observed),
        StepKind::RepairAddon
        | StepKind::VerifyNodegroup
        | StepKind::UncordonNodegroup
        | StepKind::DrainNodegroup
        | StepKind::PhaseOut
        | StepKind::Bake
        | StepKind::Check
        | StepKind::Backup
        | StepKind::MapIdentity
        | StepKind::Notify
        | StepKind::Manual => None,
    }
}

fn running(observed: &Observation, ours: impl Fn(&Update) -> bool) -> Option<String> {
    observed
        .updates
        .items()
        .iter()
        .find(|update| update.status == "InProgress" && ours(update))
        .map(|update| format!("update `{}` ({}) is in progress", update.id, update.kind))
}

fn control_plane(observed: &Observation) -> Option<String> {
    running(observed, |update| {
        update.nodegroup.is_none() && update.addon.is_none()
    })
    .or_else(|| {
        let plane = observed.control_plane.value()?;
        let status = plane.status.value()?;
        (status == "UPDATING").then(|| "the control plane is UPDATING".to_owned())
    })
}

fn nodegroup(name: &str, observed: &Observation) -> Option<String> {
    running(observed, |update| update.nodegroup.as_deref() == Some(name))
        .or_else(|| {
            let status = observed.nodegroup(name)?.status.value()?;
            let moving = matches!(status.as_str(), "CREATING" | "UPDATING" | "DELETING")
                || status.ends_with("_IN_PROGRESS");
            moving.then(|| format!("nodegroup `{name}` is {status}"))
        })
        .or_else(|| {
            let wanted = format!("eksctl-{}-nodegroup-{name}", observed.cluster.name);
            let mut stacks = observed.stacks.items().iter();
            let stack = stacks.find(|stack| stack.name == wanted)?;
            stack
                .status
                .ends_with("_IN_PROGRESS")
                .then(|| format!("stack `{}` is {}", stack.name, stack.status))
        })
}

fn addon(name: &str, observed: &Observation) -> Option<String> {
    running(observed, |update| update.addon.as_deref() == Some(name)).or_else(|| {
        let mut addons = observed.addons.items().iter();
        let status = addons.find(|addon| addon.name == name)?.status.value()?;
        matches!(status.as_str(), "CREATING" | "UPDATING" | "DELETING")
            .then(|| format!("add-on `{name}` is {status}"))
    })
}
