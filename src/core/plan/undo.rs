//! The way back from a run: the promised inverses of its steps, in reverse.
//!
//! Only what a step of the approved plan promised is used, and only as far as
//! the live cluster still allows it. Where a step cannot be undone by a
//! machine, everything before it stays, and the plan says so.

use super::draft::{Draft, finding, wait};
use super::propose::seal;
use super::wire::{Action, Disruption, Rollback, Severity, Step, StepKind};
use super::{PlanInput, Planned, addons, drain, rollback, steps};
use crate::diff::generation::has_phase_out_taint;
use crate::diff::normalize;
use crate::model::clusterconfig::count_of;
use crate::model::{AddonVersion, Condition, KubeMinor, Observation, Stack, Timestamp};
use crate::policy::addons::{Fit, Offer};
use crate::policy::limits::{rollback_deadline, rollback_is_open};
use serde_json::Value;
use std::collections::BTreeSet;

/// Changes of configuration settle within minutes.
const UPDATE_WAIT_SECONDS: u32 = 15 * 60;
/// Add-ons roll out within minutes; EKS gives up after about twenty.
const ADDON_WAIT_SECONDS: u32 = 25 * 60;

/// A step that the run has touched.
#[derive(Clone, Copy, Debug)]
pub struct Touched<'a> {
    /// The step, as approved.
    pub step: &'a Step,
    /// When its promise was seen; none when that never happened.
    pub done_at: Option<Timestamp>,
}

/// The way back, and whether all of it was promised.
#[derive(Clone, Debug, PartialEq)]
pub struct Undo {
    /// The plan.
    pub planned: Planned,
    /// True when every step of it was promised by the approved plan and the promise still stands.
    pub promised: bool,
    /// What stays as it is, and why, latest step first.
    pub stays: Vec<String>,
}

/// Plans the way back from the `touched` steps of a run, given in the order in which they ran.
pub fn undo(input: &PlanInput<'_>, touched: &[Touched<'_>]) -> Undo {
    // What was done to a group that goes away in the end needs no undoing of its own.
    let (_, first) = walk_back(input, touched, BTreeSet::new());
    let (draft, way) = walk_back(input, touched, first.removed);
    finish(input, draft, way)
}

fn walk_back<'a>(
    input: &'a PlanInput<'a>,
    touched: &[Touched<'_>],
    going: BTreeSet<String>,
) -> (Draft<'a>, Way) {
    let differences = input.differences();
    let from = input.observed.version();
    let mut draft = Draft::new(input, differences, from.unwrap_or(KubeMinor::of(0)));
    let mut way = Way {
        promised: true,
        barrier: None,
        stays: Vec::new(),
        moved_control_plane: false,
        going,
        removed: BTreeSet::new(),
        later: Vec::new(),
    };
    for one in touched.iter().rev() {
        way.back(&mut draft, *one);
    }
    for (id, why) in std::mem::take(&mut way.later)
        .into_iter()
        .map(|late| late.left())
    {
        way.stays.push(format!("`{id}`: {why}"));
    }
    (draft, way)
}

fn finish(input: &PlanInput<'_>, mut draft: Draft<'_>, way: Way) -> Undo {
    let from = input.observed.version();
    if let Some(barrier) = &way.barrier {
        let mut found = finding("STW-R5-UNDO-ENDS", "R5", Severity::Warning, "cluster");
        found.message = format!("The way back ends at {barrier}: what ran before it stays.");
        found.remedy =
            "Mend forward from there: stairway plan; or follow the runbook of the step.".to_owned();
        draft.find(found);
    }
    let to = Some(draft.control_plane);
    let mut planned = seal(draft, from, to, true);
    planned.plan.summary.roll_back = u32::from(way.moved_control_plane);
    planned.plan = planned.plan.seal();
    Undo {
        planned,
        promised: way.promised,
        stays: way.stays,
    }
}

struct Way {
    promised: bool,
    /// The step that cannot be undone, with its reason; nothing before it is.
    barrier: Option<String>,
    stays: Vec<String>,
    moved_control_plane: bool,
    /// Groups that the way back takes away in the end.
    going: BTreeSet<String>,
    /// Groups that it has taken away.
    removed: BTreeSet<String>,
    /// Add-ons whose earlier version EKS takes only after the control plane went back.
    later: Vec<Late>,
}

/// An add-on that waits for the control plane.
struct Late {
    step: Step,
    actions: Vec<Action>,
    version: AddonVersion,
}

impl Late {
    fn left(self) -> (String, String) {
        let why = format!(
            "EKS does not offer {} for the control plane as it stays",
            self.version
        );
        (self.step.id, why)
    }
}

impl Way {
    fn back(&mut self, draft: &mut Draft<'_>, one: Touched<'_>) {
        let id = &one.step.id;
        if one.step.rollback == Rollback::NothingToUndo {
            return;
        }
        let goes = self.going.contains(&one.step.subject);
        if goes && one.step.kind != StepKind::CreateNodegroup {
            return;
        }
        // Before it was made, another group may have had the name.
        self.going.remove(&one.step.subject);
        let unread = unread(draft.input.observed, one.step);
        if unread.is_none() && !took_effect(draft, one) {
            return;
        }
        if let Some(barrier) = &self.barrier {
            self.stays.push(format!("`{id}`: it came before {barrier}"));
            return;
        }
        if let Some(why) = unread {
            self.ends(id, &why);
            return;
        }
        match &one.step.rollback {
            Rollback::NothingToUndo => {}
            Rollback::Inverse { actions } => self.inverse(draft, one.step, actions),
            Rollback::Native { to, until: _ } => self.native(draft, one, *to),
            Rollback::Manual { runbook } => self.ends(id, runbook),
            Rollback::Irreversible { why } => self.ends(id, why),
        }
    }

    fn ends(&mut self, id: &str, why: &str) {
        self.stays.push(format!("`{id}`: {why}"));
        self.barrier = Some(format!("`{id}` ({})", why.trim_end_matches('.')));
    }

    /// EKS goes back one minor, inside its window.
    fn native(&mut self, draft: &mut Draft<'_>, one: Touched<'_>, to: KubeMinor) {
        let at = draft.input.at;
        let from = draft.control_plane;
        if self.moved_control_plane || version_after(one.step) != Some(from) {
            self.ends(
                &one.step.id,
                "EKS goes back one minor only, and a later hop closed this way",
            );
            return;
        }
        let finished = draft
            .input
            .observed
            .updates
            .items()
            .iter()
            .filter(|update| update.kind == "VersionUpdate" && update.status == "Successful")
            .filter(|update| update.version.value() == Some(&from))
            .filter_map(|update| update.finished_at.value().copied())
            .max()
            .or(one.done_at);
        match finished {
            Some(done) if rollback_is_open(done, at) => {}
            Some(done) => {
                let closed = rollback_deadline(done);
                self.ends(
                    &one.step.id,
                    &format!("EKS's window for it closed at {closed}"),
                );
                return;
            }
            None => {
                self.ends(&one.step.id, "nobody knows when the upgrade ended");
                return;
            }
        }
        let promised_so_far = draft.steps.len();
        let blockers = addons::before_rollback(draft, to);
        // What an add-on needs besides was in no approved plan.
        self.promised &= draft.steps.len() == promised_so_far;
        if let Some(blocker) = blockers.first() {
            self.ends(&one.step.id, &blocker.why);
            return;
        }
        let step = rollback::step(draft, from, to);
        draft.emit(step, Vec::new());
        draft.control_plane = to;
        self.moved_control_plane = true;
        // Nothing else moves before the control plane has been watched.
        addons::bake_after(draft, to);
        for late in std::mem::take(&mut self.later) {
            self.addon_to(draft, &late.step, &late.actions, late.version);
        }
    }

    fn inverse(&mut self, draft: &mut Draft<'_>, step: &Step, actions: &[Action]) {
        let name = step.subject.as_str();
        match step.kind {
            StepKind::CreateNodegroup => self.remove(draft, step),
            StepKind::TaintNodegroup | StepKind::CordonNodegroup => {
                let done = Condition::NodegroupUntainted {
                    nodegroup: name.to_owned(),
                };
                let same = vec![draft.identity(name)];
                emit(draft, step, StepKind::UntaintNodegroup, actions, same, done);
            }
            StepKind::DrainNodegroup => {
                let done = Condition::NodegroupUncordoned {
                    nodegroup: name.to_owned(),
                };
                let same = vec![draft.identity(name)];
                let kind = StepKind::UncordonNodegroup;
                emit(draft, step, kind, actions, same, done);
            }
            StepKind::ScaleNodegroup => {
                let read = |key: &str| step.before.get(key).and_then(count_of);
                let (min, max) = normalize::scaling(read);
                let done = Condition::NodegroupScaling {
                    nodegroup: name.to_owned(),
                    min,
                    max,
                };
                emit(draft, step, step.kind, actions, vec![active(name)], done);
            }
            StepKind::UpdateNodegroup => {
                let Some(done) = settings_before(step) else {
                    self.ends(&step.id, "its earlier settings are not known");
                    return;
                };
                emit(draft, step, step.kind, actions, vec![active(name)], done);
            }
            StepKind::UpdateAddon => self.addon_back(draft, step, actions),
            StepKind::CreateAddon => {
                let done = Condition::AddonAbsent {
                    addon: name.to_owned(),
                };
                let kind = StepKind::UpdateAddon;
                emit(draft, step, kind, actions, Vec::new(), done);
            }
            StepKind::SetUpgradePolicy => {
                let value = step.before.get("supportType").and_then(Value::as_str);
                let done = Condition::SupportType {
                    value: value.unwrap_or_default().to_owned(),
                };
                emit(draft, step, step.kind, actions, Vec::new(), done);
            }
            StepKind::UpgradeControlPlane
            | StepKind::RollbackControlPlane
            | StepKind::RepairAddon
            | StepKind::VerifyNodegroup
            | StepKind::UncordonNodegroup
            | StepKind::UntaintNodegroup
            | StepKind::DeleteNodegroup
            | StepKind::UpgradeNodegroup
            | StepKind::PhaseOut
            | StepKind::Bake
            | StepKind::Check
            | StepKind::Backup
            | StepKind::MapIdentity
            | StepKind::Notify
            | StepKind::Manual => self.ends(&step.id, "no inverse of such a step is known"),
        }
    }

    fn addon_back(&mut self, draft: &mut Draft<'_>, step: &Step, actions: &[Action]) {
        let version = step
            .before
            .get("version")
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok());
        let Some(version) = version else {
            self.ends(&step.id, "its earlier version is not known");
            return;
        };
        self.addon_to(draft, step, actions, version);
    }

    /// Now, or after the control plane went back where EKS offers the version only there.
    fn addon_to(
        &mut self,
        draft: &mut Draft<'_>,
        step: &Step,
        actions: &[Action],
        version: AddonVersion,
    ) {
        let (name, catalog) = (step.subject.as_str(), draft.input.catalog);
        if draft.addons.get(name) == Some(&version) {
            return;
        }
        let now = draft.control_plane;
        let offer = Offer::of(name, now, draft.input.observed, catalog);
        // What EKS does not list for the minor it does not take, however well it ran.
        let taken = match offer.fits(name, &version, now, catalog) {
            Fit::Yes => offer.versions.is_empty() || offer.versions.contains(&version),
            Fit::Unlisted => offer.versions.is_empty(),
            Fit::No(_) => false,
        };
        if !taken {
            self.later.push(Late {
                step: step.clone(),
                actions: actions.to_vec(),
                version,
            });
            return;
        }
        let done = Condition::AddonActive {
            addon: step.subject.clone(),
            version: version.clone(),
        };
        emit(draft, step, step.kind, actions, Vec::new(), done);
        draft.addons.insert(name.to_owned(), version);
    }

    /// A group that the run made goes the way of every group: tainted, drained, deleted.
    fn remove(&mut self, draft: &mut Draft<'_>, made: &Step) {
        let name = made.subject.as_str();
        let Some(group) = draft.groups.get(name).cloned() else {
            let status = stack_of(draft.input.observed, name).map_or("", |stack| &stack.status);
            if status.ends_with("_IN_PROGRESS") && !status.starts_with("DELETE") {
                let why = format!("its stack is {status}; plan the way back when that is over");
                self.ends(&made.id, &why);
                return;
            }
            // Between now and then a group of that name may appear; nothing is deleted on that chance.
            let cluster = &draft.input.desired.cluster;
            self.stays.push(format!(
                "stack of `{name}` ({status}), from a group that was never finished: remove it with `eksctl delete nodegroup -c {} -r {} -n {name} --drain=false --wait`",
                cluster.name, cluster.region
            ));
            self.removed.insert(name.to_owned());
            return;
        };
        if let Some(blocker) = drain::bare_blockers(draft, name).first() {
            self.ends(&made.id, &blocker.why);
            return;
        }
        if !draft.is_marked(name) {
            let step = steps::taint(draft, name, &group);
            draft.emit(step, Vec::new());
        }
        let step = steps::drain(draft, name, &group, "the groups that were there before");
        draft.emit(step, Vec::new());
        let reason = vec!["The run made it; the way back takes it away again.".to_owned()];
        let mut step = steps::delete(draft, name, &group, None, reason);
        step.irreversible = false;
        step.rollback = Rollback::Manual {
            runbook: "Make it again: stairway plan".to_owned(),
        };
        draft.emit(step, Vec::new());
        draft.groups.remove(name);
        self.removed.insert(name.to_owned());
    }
}

/// The settings as they were before the step.
fn settings_before(step: &Step) -> Option<Condition> {
    let mut condition = step.wait.as_ref()?.condition.clone();
    let Condition::NodegroupSettings { expected, was, .. } = &mut condition else {
        return None;
    };
    std::mem::swap(expected, was);
    Some(condition)
}

fn active(name: &str) -> Condition {
    Condition::NodegroupActive {
        nodegroup: name.to_owned(),
        version: None,
    }
}

/// Emits the promised inverse of a step, with what proves it.
fn emit(
    draft: &mut Draft<'_>,
    of: &Step,
    kind: StepKind,
    actions: &[Action],
    preconditions: Vec<Condition>,
    done: Condition,
) {
    let target = of
        .id
        .rsplit_once('@')
        .map_or("before", |(_, target)| target);
    let mut step = draft.step(kind, &of.subject, &format!("before-{target}"));
    step.reason = vec![format!("Undoes `{}`.", of.id)];
    step.before = of.after.clone();
    step.after = of.before.clone();
    step.preconditions = preconditions;
    step.actions = actions.to_vec();
    let at_most = if kind == StepKind::UpdateAddon {
        ADDON_WAIT_SECONDS
    } else {
        UPDATE_WAIT_SECONDS
    };
    step.wait = Some(wait(done, at_most));
    step.disruption = Disruption {
        nodes: Some(0),
        pods: Some(0),
        pdbs: Vec::new(),
        waiting: None,
    };
    step.duration = of.duration.clone();
    step.rollback = Rollback::Manual {
        runbook: "Do it again: stairway plan".to_owned(),
    };
    let _emitted = draft.emit(step, Vec::new());
}

/// A stack of the group that is not gone.
fn stack_of<'o>(observed: &'o Observation, name: &str) -> Option<&'o Stack> {
    let wanted = format!("eksctl-{}-nodegroup-{name}", observed.cluster.name);
    let mut stacks = observed.stacks.items().iter();
    stacks.find(|stack| stack.name == wanted && stack.status != "DELETE_COMPLETE")
}

fn version_after(step: &Step) -> Option<KubeMinor> {
    let text = step.after.get("version").and_then(Value::as_str);
    text.and_then(|text| text.parse().ok())
}

/// Says which facts are missing, without which nobody can tell what became of a step.
fn unread(observed: &Observation, step: &Step) -> Option<String> {
    let groups = [
        ("nodegroups", observed.nodegroups.unknown()),
        ("stacks", observed.stacks.unknown()),
        ("nodes", observed.nodes.unknown()),
    ];
    let addons = [("add-ons", observed.addons.unknown())];
    if step.kind == StepKind::UpgradeControlPlane {
        let why = "the version of the control plane could not be read".to_owned();
        return observed.version().is_none().then_some(why);
    }
    let of_group = matches!(
        step.kind,
        StepKind::CreateNodegroup
            | StepKind::DeleteNodegroup
            | StepKind::TaintNodegroup
            | StepKind::CordonNodegroup
            | StepKind::DrainNodegroup
            | StepKind::ScaleNodegroup
            | StepKind::UpdateNodegroup
    );
    let of_addon = matches!(step.kind, StepKind::UpdateAddon | StepKind::CreateAddon);
    let facts: &[(&str, Option<&str>)] = match (of_group, of_addon) {
        (true, _) => &groups,
        (false, true) => &addons,
        (false, false) => &[],
    };
    let mut missing = facts.iter().filter_map(|(what, why)| Some((what, (*why)?)));
    let (what, why) = missing.next()?;
    Some(format!("the {what} could not be read: {why}"))
}

/// What never happened needs no undoing.
fn took_effect(draft: &Draft<'_>, one: Touched<'_>) -> bool {
    let (observed, step) = (draft.input.observed, one.step);
    let name = step.subject.as_str();
    let group = observed.nodegroup(name);
    match step.kind {
        StepKind::CreateNodegroup => group.is_some() || stack_of(observed, name).is_some(),
        StepKind::DeleteNodegroup => {
            let going = |status: &str| status.starts_with("DELET");
            one.done_at.is_some()
                || group.is_none_or(|group| group.status.value().is_none_or(|s| going(s)))
                || stack_of(observed, name).is_some_and(|stack| going(&stack.status))
        }
        StepKind::UpgradeControlPlane => observed.version() >= version_after(step),
        StepKind::DrainNodegroup => observed.nodes_of(name).any(|node| node.unschedulable),
        StepKind::TaintNodegroup | StepKind::CordonNodegroup => group.is_some_and(|group| {
            has_phase_out_taint(group)
                || observed
                    .nodes_of(name)
                    .any(|node| node.taints.iter().any(|t| t == steps::TAINT))
        }),
        StepKind::ScaleNodegroup | StepKind::UpdateNodegroup => group.is_some(),
        StepKind::CreateAddon => observed.addons.items().iter().any(|a| a.name == name),
        // Of changed settings no version tells.
        StepKind::UpdateAddon if step.before.get("version") == step.after.get("version") => true,
        StepKind::UpdateAddon => {
            let live = observed.addons.items().iter().find(|a| a.name == name);
            let version = live.and_then(|addon| addon.version.value());
            let before = step.before.get("version").and_then(Value::as_str);
            version.is_none_or(|version| Some(version.as_str()) != before)
        }
        StepKind::RollbackControlPlane
        | StepKind::RepairAddon
        | StepKind::VerifyNodegroup
        | StepKind::UncordonNodegroup
        | StepKind::UntaintNodegroup
        | StepKind::UpgradeNodegroup
        | StepKind::PhaseOut
        | StepKind::Bake
        | StepKind::Check
        | StepKind::Backup
        | StepKind::MapIdentity
        | StepKind::SetUpgradePolicy
        | StepKind::Notify
        | StepKind::Manual => true,
    }
}

#[cfg(test)]
mod tests;
