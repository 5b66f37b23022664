//! One minor at a time: when a hop may start, what it does, what proves it, and until when it can be undone.

use super::draft::{Draft, facts, finding, wait};
use super::steps::unknown_pods;
use super::wire::{Action, BlockedBy, Finding, Rollback, Severity, Step, StepKind};
use super::{addons, nodes, steps};
use crate::catalog::SupportState;
use crate::model::{Condition, Insight, Known, KubeMinor};
use crate::policy::addons::CORE_ADDONS;
use crate::policy::limits::{FREE_ADDRESSES_FOR_UPGRADE, ROLLBACK_WINDOW_DAYS};
use crate::policy::skew::{self, Skew};
use serde_json::json;

/// eksctl's default of 65 minutes has been seen to be short.
const HOP_TIMEOUT: &str = "90m";
/// The same in seconds.
const HOP_WAIT_SECONDS: u32 = 90 * 60;

/// Takes the control plane to `target`, with what each hop needs before and after.
pub(super) fn climb(draft: &mut Draft<'_>, target: KubeMinor) {
    while draft.control_plane < target {
        let next = draft.control_plane.next();
        let mut blockers = addons::before_hop(draft, next);
        blockers.extend(nodes::make_room_for(draft, next));
        hop(draft, next, blockers);
        draft.control_plane = next;
        addons::after_hop(draft, target);
        if next < target {
            nodes::follow(draft);
        }
    }
}

fn hop(draft: &mut Draft<'_>, next: KubeMinor, mut blockers: Vec<BlockedBy>) {
    let from = draft.control_plane;
    blockers.extend(not_settled(draft));
    blockers.extend(unsupported_target(draft, next));
    blockers.extend(skew_blockers(draft, next));
    blockers.extend(nodes::al2_blockers(draft, next));
    blockers.extend(insight_blockers(draft, next));
    blockers.extend(address_blockers(draft));
    blockers.extend(super::findings::of_hop(draft, next));
    let step = upgrade(draft, from, next);
    let id = step.id.clone();
    if !draft.emit(step, blockers) {
        draft.hold_everything_after(&id);
    }
    let bake = steps::bake(draft, "cluster", &next.to_string());
    draft.emit(bake, Vec::new());
}

fn upgrade(draft: &Draft<'_>, from: KubeMinor, next: KubeMinor) -> Step {
    let mut step = draft.step(StepKind::UpgradeControlPlane, "cluster", &next.to_string());
    step.reason = vec![format!("One minor towards {}.", draft.input.goal(next))];
    step.before = facts([("version", json!(from.to_string()))]);
    step.after = facts([("version", json!(next.to_string()))]);
    step.preconditions = vec![
        Condition::ControlPlaneSettled { version: from },
        Condition::NodesWithinSkew { version: next },
        Condition::UpgradeInsightsClear {
            version: next,
            accepted: accepted_insights(draft, next),
        },
    ];
    step.actions = vec![control_plane_action(draft, next)];
    let settled = Condition::ControlPlaneSettled { version: next };
    step.wait = Some(wait(settled, HOP_WAIT_SECONDS));
    step.duration = draft.duration("upgrade-control-plane", None);
    step.rollback = Rollback::Native {
        to: from,
        until: format!("{ROLLBACK_WINDOW_DAYS} days after it completes"),
    };
    step
}

/// Insights in ERROR with which the step runs all the same: waived, or judged by our own rules.
/// Where neither holds, the hop is blocked and this list has no say.
fn accepted_insights(draft: &Draft<'_>, next: KubeMinor) -> Vec<String> {
    let known = draft.input.observed.insights.items().iter();
    known
        .filter(|insight| insight.category == "UPGRADE_READINESS" && insight.status == "ERROR")
        .filter(|insight| insight.version.value().is_none_or(|v| *v <= next))
        .map(|insight| insight.id.clone())
        .collect()
}

/// eksctl with an exact version: `auto` would hop again on a second run.
pub(super) fn control_plane_action(draft: &Draft<'_>, version: KubeMinor) -> Action {
    let cluster = &draft.input.desired.cluster;
    let version = version.to_string();
    let argv = [
        "upgrade",
        "cluster",
        "-n",
        &cluster.name,
        "-r",
        &cluster.region,
        "--version",
        &version,
        "--approve",
        "--timeout",
        HOP_TIMEOUT,
    ];
    Action::Run {
        tool: "eksctl".to_owned(),
        argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
        files: Vec::new(),
    }
}

/// R1: only from a converged cluster with no update in progress.
pub(super) fn not_settled(draft: &mut Draft<'_>) -> Vec<BlockedBy> {
    let observed = draft.input.observed;
    let mut why = Vec::new();
    let mut unknown = None;
    match &observed.control_plane {
        Known::Value(plane) => match (&plane.status, &plane.version) {
            (Known::Unknown(reason), _) => {
                unknown = Some(format!("its status is unknown: {reason}"))
            }
            (_, Known::Unknown(reason)) => {
                unknown = Some(format!("its version is unknown: {reason}"))
            }
            (Known::Value(status), _) if status == "ACTIVE" => {}
            (status, _) => {
                let status = status.value().map_or("absent", String::as_str);
                why.push(format!("The control plane is {status}, not ACTIVE."));
            }
        },
        Known::Absent => why.push("There is no control plane.".to_owned()),
        Known::Unknown(reason) => unknown = Some(format!("the control plane is unknown: {reason}")),
    }
    match &observed.updates {
        Known::Unknown(reason) => {
            unknown = unknown.or(Some(format!("updates in progress are unknown: {reason}")));
        }
        Known::Value(_) | Known::Absent => {
            for update in observed
                .updates
                .items()
                .iter()
                .filter(|u| u.status == "InProgress")
            {
                why.push(format!(
                    "Update `{}` ({}) is in progress.",
                    update.id, update.kind
                ));
            }
        }
    }
    let mut blockers = Vec::new();
    for message in why {
        let mut found = finding("STW-R1-NOT-SETTLED", "R1", Severity::Mandatory, "cluster");
        found.message = message;
        found.remedy = "Wait until it is done, observe again, and plan again.".to_owned();
        found.source = "EKS API, UpdateClusterVersion: ResourceInUseException".to_owned();
        blockers.extend(draft.block(found));
    }
    if let Some(message) = unknown {
        blockers.extend(draft.block(facts_unknown("R1", "cluster", &message)));
    }
    blockers
}

/// A mandatory rule that could not be judged blocks: unknown satisfies nothing.
pub(super) fn facts_unknown(rule: &str, subject: &str, why: &str) -> Finding {
    let mut found = finding("STW-FACTS-UNKNOWN", rule, Severity::Mandatory, subject);
    found.message = format!("Rule {rule} cannot be judged: {why}.");
    found.remedy =
        "Observe the cluster with an identity that may read it, and plan again.".to_owned();
    found.not_assessed = true;
    found
}

/// R6: the target must be a version that EKS supports at that time.
fn unsupported_target(draft: &mut Draft<'_>, next: KubeMinor) -> Vec<BlockedBy> {
    let state = draft.input.catalog.support_state(next, draft.input.at);
    let message = match state {
        SupportState::Standard { .. } | SupportState::Extended { .. } => return Vec::new(),
        SupportState::Uncatalogued => {
            let mut found = finding("STW-CATALOG-GAP", "R6", Severity::Warning, "cluster");
            found.message = format!(
                "The catalog does not know EKS {next}; its support dates were not checked."
            );
            found.remedy = format!(
                "aws eks describe-cluster-versions --region {}",
                draft.input.desired.cluster.region
            );
            draft.find(found);
            return Vec::new();
        }
        SupportState::NotYetOffered { from } => {
            format!("EKS offers {next} from {} on.", from.day())
        }
        SupportState::Ended { since } => {
            format!(
                "EKS support of {next} ended on {}; it is no target any more.",
                since.day()
            )
        }
    };
    let mut found = finding(
        "STW-R6-UNSUPPORTED-TARGET",
        "R6",
        Severity::Mandatory,
        "cluster",
    );
    found.message = format!("{message} Judged for {}.", draft.input.at.day());
    found.remedy = format!(
        "Choose a target that EKS offers: aws eks describe-cluster-versions --region {}; or judge another day with --at.",
        draft.input.desired.cluster.region
    );
    found.source = source_of_calendar(draft, next);
    draft.block(found)
}

pub(super) fn source_of_calendar(draft: &Draft<'_>, minor: KubeMinor) -> String {
    draft
        .input
        .catalog
        .support(minor)
        .map(|window| window.source.clone())
        .unwrap_or_default()
}

/// R2: after `make_room_for`, whatever is still too old cannot be moved by this plan.
fn skew_blockers(draft: &mut Draft<'_>, next: KubeMinor) -> Vec<BlockedBy> {
    let mut found: Vec<Finding> = Vec::new();
    for (name, group) in &draft.groups {
        // What holds back its own move is said there, and the hop waits for it.
        if draft.stuck.contains_key(name) {
            continue;
        }
        let subject = format!("nodegroup {name}");
        let Some(version) = group.version else {
            let why = format!("the version of `{name}` is unknown");
            found.push(facts_unknown("R2", &subject, &why));
            continue;
        };
        if let Skew::TooOld { lag, limit } = skew::verdict(version, next) {
            let mut blocker = finding("STW-R2-SKEW", "R2", Severity::Mandatory, &subject);
            blocker.message = format!(
                "`{name}` is at {version}; {next} would leave it {lag} minors behind, and the limit is {limit}."
            );
            blocker.remedy = format!(
                "Declare `{name}` in git so that it is replaced, or let it go: stairway plan --prune {name}"
            );
            blocker.source = "Kubernetes version skew policy, kubelet".to_owned();
            found.push(blocker);
        }
    }
    if let Known::Unknown(why) = &draft.input.observed.nodegroups {
        found.push(facts_unknown(
            "R2",
            "cluster",
            &format!("nodegroups are unknown: {why}"),
        ));
    }
    if let Known::Unknown(why) = &draft.input.observed.nodes {
        found.push(facts_unknown(
            "R2",
            "cluster",
            &format!("nodes are unknown: {why}"),
        ));
    }
    found.extend(unread_kubelets(draft));
    found.extend(outside_nodes(draft, next));
    found
        .into_iter()
        .flat_map(|finding| draft.block(finding))
        .collect()
}

/// Nodes whose kubelet nobody read, unless the plan has replaced their group.
fn unread_kubelets(draft: &Draft<'_>) -> Vec<Finding> {
    let observed = draft.input.observed;
    observed
        .nodes
        .items()
        .iter()
        .filter(|node| node.kubelet.value().is_none())
        .filter(|node| {
            node.nodegroup
                .as_ref()
                .is_none_or(|g| draft.groups.contains_key(g))
        })
        .map(|node| {
            let why = format!("the kubelet version of node `{}` is unknown", node.name);
            facts_unknown("R2", &format!("node {}", node.name), &why)
        })
        .collect()
}

/// Nodes of Fargate, Karpenter and Auto Mode count too, and are not ours to replace.
fn outside_nodes(draft: &Draft<'_>, next: KubeMinor) -> Vec<Finding> {
    let outside = draft
        .input
        .observed
        .nodes
        .items()
        .iter()
        .filter(|n| n.nodegroup.is_none());
    outside
        .filter_map(|node| {
            let version = node.kubelet.value()?.minor();
            let Skew::TooOld { lag, limit } = skew::verdict(version, next) else { return None };
            let who = node.provisioner.as_deref().unwrap_or("another provisioner");
            let subject = format!("node {}", node.name);
            let mut found = finding("STW-R2-OUTSIDE-NODES", "R2", Severity::Mandatory, &subject);
            found.message = format!(
                "Node `{}` ({who}) runs {version}; {next} would leave it {lag} minors behind, and the limit is {limit}.",
                node.name
            );
            found.remedy = match who {
                "fargate" => "kubectl rollout restart the workloads on it: Fargate boots new kubelets at the control plane's version.".to_owned(),
                "auto-mode" => "Wait: Auto Mode replaces its nodes after each hop; see budgets that hold it back.".to_owned(),
                _ => format!("Let {who} replace the node (drift or expiry), or: kubectl drain {}", node.name),
            };
            found.source = "Kubernetes version skew policy, kubelet".to_owned();
            Some(found)
        })
        .collect()
}

/// Insights whose subject the plan judges itself: their rules are R2 and R9.
const JUDGED_BY_RULES: [&str; 3] = [
    "kubelet version skew",
    "kube-proxy version skew",
    "eks add-on version compatibility",
];

fn insight_blockers(draft: &mut Draft<'_>, next: KubeMinor) -> Vec<BlockedBy> {
    let applies = |insight: &&Insight| {
        insight.category == "UPGRADE_READINESS"
            && insight
                .version
                .value()
                .is_none_or(|version| *version <= next)
    };
    let mut blockers = Vec::new();
    for insight in draft.input.observed.insights.items().iter().filter(applies) {
        if !["ERROR", "WARNING", "UNKNOWN"].contains(&insight.status.as_str()) {
            continue;
        }
        let name = insight.name.to_lowercase();
        let own = JUDGED_BY_RULES.iter().any(|judged| name.contains(judged));
        // It speaks of a minor that runs already: what it fears has happened or never will.
        let live = draft.input.observed.version();
        let past = insight
            .version
            .value()
            .copied()
            .filter(|v| Some(*v) <= live);
        let severity = if insight.status == "ERROR" && !own && past.is_none() {
            Severity::Blocking
        } else {
            Severity::Warning
        };
        let mut found = finding("STW-R8-INSIGHT", "R8", severity, "cluster");
        found.message = format!(
            "EKS insight \"{}\" is {}{}{}",
            insight.name,
            insight.status,
            if insight.reason.is_empty() { "" } else { ": " },
            insight.reason.trim_end_matches('.')
        );
        found.message.push('.');
        if own {
            found.message.push_str(
                " The plan judges this by its own rules and the steps before the hop mend it.",
            );
        }
        if let Some(past) = past {
            let said = format!(" It speaks of {past}, which runs or is behind, and holds no hop.");
            found.message.push_str(&said);
        }
        let blocks = severity == Severity::Blocking;
        let then = if blocks {
            "mend it, or waive it with a reason and an expiry."
        } else {
            "read it before you approve."
        };
        let cluster = &draft.input.desired.cluster;
        found.remedy = format!(
            "aws eks describe-insight --cluster-name {} --region {} --id {}; {then}",
            cluster.name, cluster.region, insight.id
        );
        found.source = "EKS API, ListInsights".to_owned();
        if blocks {
            blockers.extend(draft.block(found));
        } else {
            draft.find(found);
        }
    }
    blockers
}

/// R8: EKS may need five free addresses in the cluster's subnets.
fn address_blockers(draft: &mut Draft<'_>) -> Vec<BlockedBy> {
    let observed = draft.input.observed;
    let subnets: Vec<_> = observed
        .subnets
        .items()
        .iter()
        .filter(|subnet| subnet.control_plane)
        .collect();
    let free: Option<u32> = subnets
        .iter()
        .map(|subnet| subnet.free_addresses.value().copied())
        .try_fold(0_u32, |sum, free| free.map(|free| sum.saturating_add(free)));
    match free {
        Some(free) if !subnets.is_empty() && free < FREE_ADDRESSES_FOR_UPGRADE => {
            let mut found = finding("STW-R8-ADDRESSES", "R8", Severity::Blocking, "cluster");
            found.message = format!(
                "The cluster's subnets have {free} free addresses; an upgrade may need {FREE_ADDRESSES_FOR_UPGRADE}."
            );
            let cluster = &draft.input.desired.cluster;
            found.remedy = format!(
                "Free addresses, or give the cluster more subnets: eksctl utils update-cluster-vpc-config -c {} -r {}",
                cluster.name, cluster.region
            );
            found.source = "AWS EKS user guide, update-cluster".to_owned();
            draft.block(found)
        }
        Some(_) | None => Vec::new(),
    }
}

/// Says of every hop when its way back closes: the next hop, or the first node that moves.
pub(super) fn close_rollback_doors(steps: &mut [Step]) {
    for index in 0..steps.len() {
        if !matches!(steps[index].kind, StepKind::UpgradeControlPlane) {
            continue;
        }
        let Some(after) = steps[index].after.get("version").cloned() else {
            continue;
        };
        let closer = steps[index + 1..]
            .iter()
            .find(|step| closes_door(step, &after))
            .map(|step| step.id.clone());
        let window = format!("{ROLLBACK_WINDOW_DAYS} days after it completes");
        let until = match closer {
            Some(id) => format!("{window}, at most until `{id}` starts"),
            None => window,
        };
        if let Rollback::Native { until: slot, .. } = &mut steps[index].rollback {
            slot.clone_from(&until);
            steps[index].reversible_until = Some(until);
        }
    }
}

/// A later hop forecloses the rollback; a node at the new version must go back first.
fn closes_door(step: &Step, version: &serde_json::Value) -> bool {
    match step.kind {
        StepKind::UpgradeControlPlane | StepKind::UpgradeNodegroup => true,
        StepKind::DeleteNodegroup => true,
        StepKind::CreateNodegroup => {
            step.after.get("version") == Some(version)
                && step.after.get("managed") == Some(&json!(true))
        }
        // eksctl brings no kube-proxy older than the control plane's.
        StepKind::UpdateAddon => step.actions.iter().any(|action| match action {
            Action::Run { argv, .. } => argv.iter().any(|word| word == "update-kube-proxy"),
            Action::Aws { .. } | Action::Kube { .. } | Action::Wait(_) => false,
        }),
        StepKind::RollbackControlPlane
        | StepKind::CreateAddon
        | StepKind::RepairAddon
        | StepKind::VerifyNodegroup
        | StepKind::CordonNodegroup
        | StepKind::UncordonNodegroup
        | StepKind::TaintNodegroup
        | StepKind::UntaintNodegroup
        | StepKind::DrainNodegroup
        | StepKind::ScaleNodegroup
        | StepKind::UpdateNodegroup
        | StepKind::PhaseOut
        | StepKind::Bake
        | StepKind::Check
        | StepKind::Backup
        | StepKind::MapIdentity
        | StepKind::SetUpgradePolicy
        | StepKind::Notify
        | StepKind::Manual => false,
    }
}

/// R8 facts that nobody recorded: not a block here, and apply reads them first.
pub(super) fn unassessed(draft: &mut Draft<'_>) {
    let observed = draft.input.observed;
    let mut missing: Vec<String> = Vec::new();
    if let Known::Unknown(why) = &observed.insights {
        missing.push(format!("upgrade insights ({why})"));
    }
    if let Some(why) = unknown_pods(observed) {
        missing.push(format!("pods ({why})"));
    }
    if let Known::Unknown(why) = &observed.pdbs {
        missing.push(format!("disruption budgets ({why})"));
    }
    if let Known::Unknown(why) = &observed.subnets {
        missing.push(format!("free addresses ({why})"));
    }
    let (relied, idle) = unread_health(draft);
    missing.extend(relied);
    for (severity, missing) in [(Severity::Warning, missing), (Severity::Note, idle)] {
        if missing.is_empty() {
            continue;
        }
        let mut found = finding("STW-R8-NOT-ASSESSED", "R8", severity, "cluster");
        found.message = format!("Not assessed: {}.", missing.join(", "));
        found.not_assessed = true;
        found.remedy =
            "Apply reads them before it starts; plan from a full observation to see them now."
                .to_owned();
        draft.find(found);
    }
}

/// Facts about health that nobody read: those that a step of the plan relies on, and the others.
fn unread_health(draft: &Draft<'_>) -> (Vec<String>, Vec<String>) {
    let observed = draft.input.observed;
    let later = draft.later.iter().map(|later| &later.step);
    let steps: Vec<&Step> = draft.steps.iter().chain(later).collect();
    let some = |wanted: &dyn Fn(&Step) -> bool| steps.iter().any(|step| wanted(step));
    let hops = some(&|step| step.kind == StepKind::UpgradeControlPlane);
    let touched = |name: &str| some(&|step| step.subject == name);
    let (mut relied, mut idle) = (Vec::new(), Vec::new());
    let mut say =
        |relies: bool, text: String| if relies { &mut relied } else { &mut idle }.push(text);
    if let Known::Unknown(why) = &observed.stacks {
        let makes = some(&|step| step.kind == StepKind::CreateNodegroup);
        say(hops || makes, format!("stacks ({why})"));
    }
    for group in observed.nodegroups.items() {
        if let Known::Unknown(why) = &group.status {
            let text = format!("the status of nodegroup `{}` ({why})", group.name);
            say(hops || touched(&group.name), text);
        }
    }
    for addon in observed.addons.items() {
        if let Known::Unknown(why) = &addon.status {
            let text = format!("the status of add-on `{}` ({why})", addon.name);
            let core = CORE_ADDONS.iter().any(|core| core.addon == addon.name);
            say(hops && core || touched(&addon.name), text);
        }
    }
    if let Known::Unknown(why) = &observed.addon_versions {
        let moves =
            some(&|step| matches!(step.kind, StepKind::UpdateAddon | StepKind::CreateAddon));
        say(
            hops || moves,
            format!("versions of add-ons on offer ({why})"),
        );
    }
    // EKS counts requests for such APIs too, in the insights; the metric is a second opinion.
    if let (Known::Unknown(why), false) =
        (&observed.deprecated_apis, observed.insights.is_unknown())
    {
        say(
            false,
            format!("the API server's count of deprecated APIs ({why})"),
        );
    }
    (relied, idle)
}

impl super::PlanInput<'_> {
    /// Returns the minor that the plan is for, for reasons.
    fn goal(&self, next: KubeMinor) -> KubeMinor {
        self.to
            .or(self.desired.version)
            .map_or(next, |goal| goal.max(next))
    }
}
