//! A plan that was asked to go one minor down.
//!
//! AWS EKS user guide, rollback-cluster: exactly N to N−1, within 7 days of an
//! in-place upgrade, every rollback insight clear, nodes first, add-ons that fit.

use super::draft::{Draft, Group, after, facts, finding, wait};
use super::replace::{Replacement, replace_at, see_off};
use super::wire::{BlockedBy, Finding, LaterStep, Rollback, Severity, Step, StepKind};
use super::{addons, hops, preflight};
use crate::catalog::SupportState;
use crate::model::{Condition, Known, KubeMinor, Timestamp};
use crate::policy::limits::{
    EKSCTL_ROLLBACK_SINCE, ROLLBACK_MINORS, ROLLBACK_WINDOW_DAYS, rollback_deadline,
    rollback_is_open,
};
use serde_json::json;

/// EKS moves the control plane back in about the time of an upgrade; twice that is the bound.
const ROLLBACK_WAIT_SECONDS: u32 = 3 * 3600;

/// Plans the way down to `target`.
pub(super) fn plan(draft: &mut Draft<'_>, target: KubeMinor) {
    let from = draft.control_plane;
    let mut blockers = hops::not_settled(draft);
    blockers.extend(prerequisites(draft, from, target));
    blockers.extend(insights(draft));
    blockers.extend(unread(draft));
    blockers.extend(outside_newer(draft, target));
    blockers.extend(nodes_first(draft, from, target, &blockers));
    blockers.extend(addons::before_rollback(draft, target));
    let step = step(draft, from, target);
    let id = step.id.clone();
    let runs = draft.emit(step, blockers);
    if !runs {
        // Preparation for a rollback that cannot come would only do harm.
        let prepared = std::mem::take(&mut draft.steps);
        let held = prepared.into_iter().map(|step| LaterStep {
            step,
            blocked_by: vec![after(&id)],
        });
        draft.later = held.chain(std::mem::take(&mut draft.later)).collect();
        draft.hold_everything_after(&id);
    }
    draft.control_plane = target;
    addons::bake_after(draft, target);
    if runs {
        let mut found = finding("STW-R5-ROLLBACK", "R5", Severity::Warning, "cluster");
        found.message = format!(
            "This plan rolls the control plane back from {from} to {target}; eksctl {EKSCTL_ROLLBACK_SINCE} or newer is needed."
        );
        found.remedy =
            format!("Write `version: \"{target}\"` in git, so that the next plan agrees.");
        found.source = "eksctl PR #8780".to_owned();
        draft.find(found);
    }
}

/// Makes the step that takes the control plane one minor down.
pub(super) fn step(draft: &Draft<'_>, from: KubeMinor, target: KubeMinor) -> Step {
    let mut step = draft.step(
        StepKind::RollbackControlPlane,
        "cluster",
        &target.to_string(),
    );
    step.reason = vec![format!(
        "A rollback to {target} was asked for. Objects written by {from} stay in etcd as they are."
    )];
    step.before = facts([("version", json!(from.to_string()))]);
    step.after = facts([("version", json!(target.to_string()))]);
    step.preconditions = vec![
        Condition::ControlPlaneSettled { version: from },
        Condition::NodesWithinSkew { version: target },
        Condition::RollbackInsightsClear,
    ];
    step.actions = vec![hops::control_plane_action(draft, target)];
    let settled = Condition::ControlPlaneSettled { version: target };
    step.wait = Some(wait(settled, ROLLBACK_WAIT_SECONDS));
    step.duration = draft.duration("rollback-control-plane", None);
    step.rollback = Rollback::Manual {
        runbook: format!("Upgrade again: stairway plan --to {from}"),
    };
    step.reversible_until = Some("always, as a new upgrade".to_owned());
    step
}

fn refuse(draft: &mut Draft<'_>, message: String, remedy: &str) -> Vec<BlockedBy> {
    let mut found = finding("STW-R5-ROLLBACK", "R5", Severity::Mandatory, "cluster");
    found.message = message;
    found.remedy = remedy.to_owned();
    found.source = "AWS EKS user guide, rollback-cluster".to_owned();
    draft.block(found)
}

fn prerequisites(draft: &mut Draft<'_>, from: KubeMinor, target: KubeMinor) -> Vec<BlockedBy> {
    let mut blockers = Vec::new();
    let cluster = &draft.input.desired.cluster;
    if from.minors_ahead_of(target) != Some(ROLLBACK_MINORS) {
        blockers.extend(refuse(
            draft,
            format!("EKS rolls back exactly one minor; {from} to {target} is not one."),
            "Ask for the minor right below.",
        ));
    }
    match upgraded_at(draft, from) {
        Ok(at) if rollback_is_open(at, draft.input.at) => {}
        Ok(at) => blockers.extend(refuse(
            draft,
            format!(
                "The upgrade to {from} ended at {at}; the window of {ROLLBACK_WINDOW_DAYS} days closed at {}.",
                rollback_deadline(at)
            ),
            "There is no way back any more; mend forward.",
        )),
        Err(why) => blockers.extend(refuse(
            draft,
            why,
            &format!(
                "Observe the cluster's updates (aws eks list-updates --name {} --region {}) and plan again.",
                cluster.name, cluster.region
            ),
        )),
    }
    match draft.input.catalog.support_state(target, draft.input.at) {
        SupportState::Extended { .. } => {
            let plane = draft.input.observed.control_plane.value();
            let live = plane.and_then(|plane| plane.support_type.value()).cloned();
            if let Some(live) = live.filter(|live| live != "EXTENDED") {
                preflight::set_support_type(draft, &live, "EXTENDED");
            }
        }
        SupportState::Ended { since } => blockers.extend(refuse(
            draft,
            format!("EKS support of {target} ended on {}.", since.day()),
            "There is no way back any more; mend forward.",
        )),
        SupportState::Standard { .. }
        | SupportState::NotYetOffered { .. }
        | SupportState::Uncatalogued => {}
    }
    blockers
}

/// Returns when the last version update to `version` ended, or why nobody knows.
fn upgraded_at(draft: &Draft<'_>, version: KubeMinor) -> Result<Timestamp, String> {
    let updates = match &draft.input.observed.updates {
        Known::Unknown(why) => {
            return Err(format!(
                "The cluster's updates are unknown ({why}), so the rollback window is too."
            ));
        }
        Known::Absent => &[][..],
        Known::Value(updates) => updates,
    };
    let reached = updates
        .iter()
        .filter(|update| update.kind == "VersionUpdate" && update.status == "Successful")
        .filter(|update| update.version.value() == Some(&version))
        .filter_map(|update| {
            update
                .finished_at
                .value()
                .or(update.created_at.value())
                .copied()
        })
        .max();
    reached.ok_or_else(|| {
        format!("No successful update to {version} is recorded: EKS rolls back only what was upgraded in place.")
    })
}

/// ERROR blocks, UNKNOWN blocks, and so does having read none.
fn insights(draft: &mut Draft<'_>) -> Vec<BlockedBy> {
    let insights = match &draft.input.observed.insights {
        Known::Unknown(why) => {
            let why = format!("rollback insights are unknown: {why}");
            return draft.block(hops::facts_unknown("R5", "cluster", &why));
        }
        Known::Absent => Vec::new(),
        Known::Value(all) => all
            .iter()
            .filter(|i| i.category == "ROLLBACK_READINESS")
            .cloned()
            .collect(),
    };
    if insights.is_empty() {
        let why = "no rollback insight was read; EKS makes them after an upgrade".to_owned();
        return draft.block(hops::facts_unknown("R5", "cluster", &why));
    }
    let mut blockers = Vec::new();
    let cluster = &draft.input.desired.cluster;
    for insight in insights {
        if !matches!(insight.status.as_str(), "PASSING" | "WARNING") {
            blockers.extend(refuse(
                draft,
                format!(
                    "Rollback insight \"{}\" is {}.",
                    insight.name, insight.status
                ),
                &format!(
                    "aws eks describe-insight --cluster-name {} --region {} --id {}",
                    cluster.name, cluster.region, insight.id
                ),
            ));
        }
    }
    blockers
}

/// Returns the newest kubelet of a group: one node ahead is one too many.
fn newest_kubelet(draft: &Draft<'_>, group: &str) -> Option<KubeMinor> {
    let nodes = draft.input.observed.nodes_of(group);
    nodes
        .filter_map(|node| node.kubelet.value().map(|kubelet| kubelet.minor()))
        .max()
}

/// R2 both ways: a kubelet that nobody read may be newer than the target.
fn unread(draft: &mut Draft<'_>) -> Vec<BlockedBy> {
    let observed = draft.input.observed;
    let mut found = Vec::new();
    if let Known::Unknown(why) = &observed.nodegroups {
        found.push(hops::facts_unknown(
            "R2",
            "cluster",
            &format!("nodegroups are unknown: {why}"),
        ));
    }
    if let Known::Unknown(why) = &observed.nodes {
        found.push(hops::facts_unknown(
            "R2",
            "cluster",
            &format!("nodes are unknown: {why}"),
        ));
    }
    for (name, _) in draft
        .groups
        .iter()
        .filter(|(_, group)| group.version.is_none())
    {
        let why = format!("the version of `{name}` is unknown");
        found.push(hops::facts_unknown(
            "R2",
            &format!("nodegroup {name}"),
            &why,
        ));
    }
    for node in observed
        .nodes
        .items()
        .iter()
        .filter(|node| node.kubelet.value().is_none())
    {
        let why = format!("the kubelet version of node `{}` is unknown", node.name);
        found.push(hops::facts_unknown(
            "R2",
            &format!("node {}", node.name),
            &why,
        ));
    }
    if let Known::Unknown(why) = &observed.addons {
        found.push(hops::facts_unknown(
            "R9",
            "cluster",
            &format!("add-ons are unknown: {why}"),
        ));
    }
    found
        .into_iter()
        .flat_map(|finding| draft.block(finding))
        .collect()
}

/// Nodes that stairway does not own must go back before the control plane, too.
fn outside_newer(draft: &mut Draft<'_>, target: KubeMinor) -> Vec<BlockedBy> {
    let outside = draft.input.observed.nodes.items().iter();
    let found: Vec<Finding> = outside
        .filter(|node| node.nodegroup.is_none())
        .filter(|node| {
            node.kubelet
                .value()
                .is_some_and(|kubelet| kubelet.minor() > target)
        })
        .map(|node| {
            let subject = format!("node {}", node.name);
            let mut found = finding("STW-R2-OUTSIDE-NODES", "R2", Severity::Mandatory, &subject);
            found.message = format!(
                "Node `{}` ({}) would be newer than {target}.",
                node.name,
                node.provisioner.as_deref().unwrap_or("another provisioner")
            );
            found.remedy =
                "Let its provisioner bring an older node first, or delete what runs on it."
                    .to_owned();
            found.source = "Kubernetes version skew policy, kubelet".to_owned();
            found
        })
        .collect();
    found
        .into_iter()
        .flat_map(|finding| draft.block(finding))
        .collect()
}

/// Nodes at the newer minor go back first: self-managed groups by a swap, managed ones not at all.
fn nodes_first(
    draft: &mut Draft<'_>,
    from: KubeMinor,
    target: KubeMinor,
    blockers: &[BlockedBy],
) -> Vec<BlockedBy> {
    let newer: Vec<(String, Group)> = draft
        .groups
        .iter()
        .filter(|(name, group)| newest_kubelet(draft, name).max(group.version) > Some(target))
        .map(|(name, group)| (name.clone(), group.clone()))
        .collect();
    let mut result = Vec::new();
    for (name, group) in newer {
        let Some(git) = group.git.clone().filter(|_| !group.managed) else {
            let version = group.version.unwrap_or(from);
            result.extend(draft.block(stuck(&name, group.managed, version, target)));
            continue;
        };
        let held = draft.later.len();
        let work = Replacement {
            git,
            old: Some(name.clone()),
            asked: true,
            kind_flip: false,
            reason: vec![format!(
                "Nodes go back before the control plane: \"kubelet must not be newer than kube-apiserver\"."
            )],
        };
        replace_at(draft, &work, target, blockers);
        see_off(draft);
        result.extend(
            draft.later[held..]
                .iter()
                .take(1)
                .map(|later| after(&later.step.id)),
        );
    }
    result
}

fn stuck(name: &str, managed: bool, version: KubeMinor, target: KubeMinor) -> Finding {
    let mut found = finding(
        "STW-R5-ROLLBACK",
        "R5",
        Severity::Mandatory,
        &format!("nodegroup {name}"),
    );
    if managed {
        found.message = format!(
            "The managed group `{name}` runs {version}: EKS makes none at {target} while the control plane is newer, and its documents contradict each other on moving one back."
        );
        found.remedy =
            format!("Move its pods to groups at {target}, delete it, observe, and plan again.");
    } else {
        found.message = format!(
            "`{name}` runs {version} and git does not declare it, so nothing says how to make it at {target}."
        );
        found.remedy = format!("Declare it, or let it go: stairway plan --prune {name}");
    }
    found.source =
        "EKS API, UpdateNodegroupVersion; AWS EKS user guide, rollback-cluster".to_owned();
    found
}
