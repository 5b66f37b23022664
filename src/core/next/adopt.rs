//! A lost journal: every step is in doubt, and the cluster is read for what was done.
//!
//! Steps run in order and the next one begins only when the one before was
//! seen to be done. So an effect that is live tells of every step before it,
//! as long as what those steps left behind is still there.

use super::begin::{GRACE_SECONDS, in_time};
use super::motion::in_motion;
use super::{Next, Situation, tells};
use crate::model::Condition;
use crate::plan::wire::{Step, StepKind};
use crate::verify::{Verdict, verify};
use serde_json::json;
use std::collections::BTreeMap;

/// Returns what the cluster says of the step at `place`; none when it was not done.
pub(super) fn take_over(situation: &Situation<'_>, place: usize) -> Option<Next> {
    let frontier = (place..situation.plan.steps.len())
        .rev()
        .find(|index| evidence(situation, *index).is_some())?;
    if let Some((step, verdict)) = contradiction(situation, frontier) {
        let why = format!(
            "the journal is lost, and the cluster does not fit the plan: `{}` should have been done: {}",
            step.id,
            verdict.why()
        );
        // While something moves, what was done before does not look settled either.
        let moving = situation.plan.steps[place..]
            .iter()
            .filter(|step| in_motion(step, situation.observed).is_some())
            .filter_map(|step| step.wait.as_ref());
        let patience = moving.map(|wait| i64::from(wait.at_most)).max();
        let seconds = match verdict {
            Verdict::NotYet(_) | Verdict::Unknown(_) => patience.unwrap_or(0).max(GRACE_SECONDS),
            Verdict::Refuted(_) | Verdict::Met(_) => 0,
        };
        let unknown = matches!(verdict, Verdict::Unknown(_));
        return Some(in_time(situation, place, seconds, why, unknown));
    }
    let seen = evidence(situation, frontier)?;
    let facts = if frontier == place {
        vec![format!("taken over: {seen}")]
    } else {
        vec![format!(
            "taken over: `{}` came later and is live ({seen})",
            situation.plan.steps[frontier].id
        )]
    };
    Some(Next::Observed { step: place, facts })
}

/// What proves that this step was done: a fact that was not so when the plan was made.
fn evidence(situation: &Situation<'_>, index: usize) -> Option<String> {
    let step = &situation.plan.steps[index];
    let wait = step.wait.as_ref()?;
    if !tells(step, wait) || !was_otherwise(situation, index, step) {
        return None;
    }
    match verify(&wait.condition, situation.observed, situation.now_only()) {
        Verdict::Met(seen) => Some(seen),
        Verdict::NotYet(_) | Verdict::Unknown(_) | Verdict::Refuted(_) => None,
    }
}

/// True when the step's promise did not hold before the plan ran.
fn was_otherwise(situation: &Situation<'_>, index: usize, step: &Step) -> bool {
    let existed = situation.plan.groups.contains_key(&step.subject);
    let made_before = situation.plan.steps[..index]
        .iter()
        .any(|s| s.kind == StepKind::CreateNodegroup && s.subject == step.subject);
    match step.kind {
        StepKind::UpgradeControlPlane
        | StepKind::RollbackControlPlane
        | StepKind::UpdateAddon
        | StepKind::UpgradeNodegroup => {
            step.before.contains_key("version")
                && step.before.get("version") != step.after.get("version")
        }
        StepKind::CreateAddon => true,
        StepKind::CreateNodegroup => !existed,
        StepKind::DeleteNodegroup => existed && !made_before,
        StepKind::TaintNodegroup | StepKind::CordonNodegroup => {
            step.before.get("tainted") == Some(&json!(false)) && is_marked(situation, step)
        }
        StepKind::ScaleNodegroup => step.before != step.after && existed,
        StepKind::UpdateNodegroup
        | StepKind::UntaintNodegroup
        | StepKind::UncordonNodegroup
        | StepKind::SetUpgradePolicy
        | StepKind::RepairAddon
        | StepKind::VerifyNodegroup
        | StepKind::DrainNodegroup
        | StepKind::PhaseOut
        | StepKind::Bake
        | StepKind::Check
        | StepKind::Backup
        | StepKind::MapIdentity
        | StepKind::Notify
        | StepKind::Manual => false,
    }
}

/// A self-managed group without nodes has nothing to taint, so nothing there tells of it.
fn is_marked(situation: &Situation<'_>, step: &Step) -> bool {
    let Some(live) = situation.observed.nodegroup(&step.subject) else {
        return false;
    };
    live.managed || situation.observed.nodes_of(&step.subject).next().is_some()
}

/// What the steps up to `frontier` left behind must be there: the last word on each subject.
fn contradiction<'s>(situation: &Situation<'s>, frontier: usize) -> Option<(&'s Step, Verdict)> {
    let mut last: BTreeMap<(&str, u8), &'s Step> = BTreeMap::new();
    for step in &situation.plan.steps[..=frontier] {
        if let Some(aspect) = aspect(step.kind) {
            last.insert((step.subject.as_str(), aspect), step);
        }
        if step.kind == StepKind::DeleteNodegroup {
            last.retain(|(subject, _), kept| *subject != step.subject || kept.id == step.id);
        }
    }
    last.values().find_map(|step| {
        let mut condition = step.wait.as_ref()?.condition.clone();
        // A group that was made lives on; its version is the next look's business.
        if let Condition::NodegroupActive { version, .. } = &mut condition {
            *version = None;
        }
        let verdict = verify(&condition, situation.observed, situation.now_only());
        (!verdict.is_met()).then_some((*step, verdict))
    })
}

/// Which side of a subject a step decides; none for steps that leave nothing behind.
const fn aspect(kind: StepKind) -> Option<u8> {
    match kind {
        StepKind::UpgradeControlPlane | StepKind::RollbackControlPlane => Some(0),
        StepKind::UpdateAddon | StepKind::CreateAddon => Some(1),
        StepKind::CreateNodegroup | StepKind::DeleteNodegroup | StepKind::UpgradeNodegroup => {
            Some(2)
        }
        StepKind::TaintNodegroup
        | StepKind::CordonNodegroup
        | StepKind::ScaleNodegroup
        | StepKind::UpdateNodegroup
        | StepKind::UntaintNodegroup
        | StepKind::UncordonNodegroup
        | StepKind::SetUpgradePolicy
        | StepKind::RepairAddon
        | StepKind::VerifyNodegroup
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
