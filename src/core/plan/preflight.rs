//! What is looked at before any step, and what is remarked after all of them.

use super::draft::{Draft, facts, finding, wait};
use super::findings;
use super::hops::{facts_unknown, unassessed};
use super::nodes;
use super::wire::{Applies, Rollback, Severity, StepKind};
use crate::model::{Condition, KubeMinor};
use crate::policy::skew;
use serde_json::{Value, json};

/// Bounds how many hops one plan holds: EKS supports about eight minors at a time.
const HOPS_MAX: u16 = 30;
/// The support type changes at once; the wait is for EKS to say so.
const SUPPORT_WAIT_SECONDS: u32 = 15 * 60;

/// Looks at what stands against planning at all.
pub(super) fn check(draft: &mut Draft<'_>, from: Option<KubeMinor>, to: Option<KubeMinor>) {
    if draft.input.assumed {
        let mut found = finding("STW-PREVIEW", "", Severity::Note, "cluster");
        found.message =
            "Live was assumed from a config, so this plan is a preview and can never be applied."
                .to_owned();
        found.remedy = "Plan from an observation: --live OBSERVATION.json".to_owned();
        draft.find(found);
    }
    if from.is_none() {
        let why = match &draft.input.observed.control_plane {
            crate::model::Known::Value(plane) => plane.version.unknown(),
            crate::model::Known::Absent => None,
            crate::model::Known::Unknown(why) => Some(why.as_str()),
        };
        let why = format!(
            "the control plane's version is unknown: {}",
            why.unwrap_or("absent")
        );
        let blocked = draft.block(facts_unknown("R1", "cluster", &why));
        draft.chain = blocked.into_iter().next();
    }
    if let crate::model::Known::Unknown(why) = &draft.input.observed.nodegroups {
        // Whoever does not know what runs would make everything once more.
        let why = format!("nodegroups are unknown: {why}");
        let blocked = draft.block(facts_unknown("R7", "cluster", &why));
        draft.chain = blocked.into_iter().next();
    }
    let unsettled = super::hops::not_settled(draft);
    if draft.chain.is_none() {
        // EKS takes one change at a time, whatever it is.
        draft.chain = unsettled
            .into_iter()
            .find(|blocked| blocked.code == "STW-R1-NOT-SETTLED");
    }
    wrong_cluster(draft);
    broken_groups(draft);
    if let (Some(from), Some(to)) = (from, to) {
        too_far(draft, from, to);
        nodes_ahead(draft, from, to);
        if to <= from {
            nodes::al2_blockers(draft, to.max(from));
        }
    }
    unknown_keys(draft);
    for name in draft.input.replace.clone() {
        if !draft.differences.groups.contains_key(&name) {
            let mut found = finding(
                "STW-NAME",
                "",
                Severity::Blocking,
                &format!("nodegroup {name}"),
            );
            found.message = format!("--replace names `{name}`, which is not both in git and live.");
            found.remedy = "stairway diff shows the names in git.".to_owned();
            found.source = "stairway plan --help".to_owned();
            draft.block(found);
        }
    }
    support_type_first(draft);
}

/// The picture must be of the cluster that git means.
fn wrong_cluster(draft: &mut Draft<'_>) {
    let (git, live) = (&draft.input.desired.cluster, &draft.input.observed.cluster);
    let region_differs =
        !live.region.is_empty() && !git.region.is_empty() && live.region != git.region;
    if git.name == live.name && !region_differs {
        return;
    }
    let mut found = finding("STW-OBSERVATION", "", Severity::Mandatory, "cluster");
    found.message = format!(
        "Git means `{}` in {}; the observation is of `{}` in {}.",
        git.name,
        git.region,
        live.name,
        if live.region.is_empty() {
            "(no region)"
        } else {
            &live.region
        }
    );
    found.remedy = "Give the observation of this cluster with --live.".to_owned();
    draft.chain = draft.block(found).into_iter().next();
}

/// Groups and stacks that are half made or failed make every tool behave oddly.
fn broken_groups(draft: &mut Draft<'_>) {
    const HEALTHY: [&str; 4] = [
        "ACTIVE",
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
    ];
    let mut found = Vec::new();
    for group in draft.input.observed.nodegroups.items() {
        let Some(status) = group.status.value() else {
            continue;
        };
        if HEALTHY.contains(&status.as_str()) {
            continue;
        }
        let subject = format!("nodegroup {}", group.name);
        let mut blocker = finding("STW-STACK", "", Severity::Blocking, &subject);
        let cause = findings::groups::issues_of(group);
        blocker.message = format!("`{}` is {status}{cause}.", group.name);
        blocker.objects = vec![format!(
            "stack eksctl-{}-nodegroup-{}",
            draft.input.desired.cluster.name, group.name
        )];
        blocker.remedy = format!(
            "{}; mend or delete it, observe, and plan again",
            findings::groups::health_command(draft, group)
        );
        blocker.source = "EKS API, DescribeNodegroup; CloudFormation, stack status".to_owned();
        found.push(blocker);
    }
    for blocker in found {
        let blocked = draft.block(blocker);
        if draft.chain.is_none() {
            draft.chain = blocked.into_iter().next();
        }
    }
}

/// Returns false for targets of another major version or further than any plan goes.
pub(super) fn within_reach(now: KubeMinor, to: KubeMinor) -> bool {
    let distance = to.minors_ahead_of(now).or(now.minors_ahead_of(to));
    distance.is_some_and(|minors| minors <= HOPS_MAX)
}

fn too_far(draft: &mut Draft<'_>, from: KubeMinor, to: KubeMinor) {
    if !within_reach(from, to) {
        let mut found = finding(
            "STW-R6-UNSUPPORTED-TARGET",
            "R6",
            Severity::Mandatory,
            "cluster",
        );
        found.message =
            format!("{to} is more than {HOPS_MAX} minors from {from}; EKS has no such version.");
        found.remedy = "Correct `metadata.version` in git, or --to.".to_owned();
        found.source = "EKS, release calendar of Kubernetes versions".to_owned();
        draft.chain = draft.block(found).into_iter().next();
    }
}

/// The seed guide's order: nodes ahead of the control plane. Kubernetes never allows it.
fn nodes_ahead(draft: &mut Draft<'_>, from: KubeMinor, to: KubeMinor) {
    let groups = draft.groups.iter();
    let boots = groups.filter_map(|(name, group)| Some((name.clone(), group.version?)));
    let nodes = draft.input.observed.nodes.items().iter();
    let runs = nodes.filter_map(|node| {
        let who = node.nodegroup.clone().unwrap_or_else(|| node.name.clone());
        Some((who, node.kubelet.value()?.minor()))
    });
    let ahead: std::collections::BTreeSet<(String, KubeMinor)> = boots
        .chain(runs)
        .filter(|(_, version)| *version > from)
        .collect();
    let ahead: Vec<String> = ahead
        .into_iter()
        .map(|(name, version)| format!("`{name}` ({version})"))
        .collect();
    if !ahead.is_empty() {
        let mut found = finding("STW-NODES-AHEAD", "R2", Severity::Warning, "cluster");
        found.message = format!(
            "Nodes run newer kubelets than the control plane ({from}): {}. \"kubelet must not be newer than kube-apiserver\".",
            ahead.join(", ")
        );
        found.remedy = if to > from {
            format!(
                "This plan raises the control plane first, one minor at a time, and makes no node newer than it: nodes may lag up to {} minors and are replaced once.",
                skew::LAG_MAX
            )
        } else {
            "Raise the control plane to the nodes, one minor at a time: stairway plan --to MINOR"
                .to_owned()
        };
        found.source = "Kubernetes version skew policy, kubelet".to_owned();
        draft.block(found);
    }
}

/// Returns the keys of a declared group that eksctl's schema does not know.
pub(super) fn unknown_keys_of(draft: &Draft<'_>, git: &str) -> Vec<String> {
    let Some(group) = draft.input.desired.nodegroups.get(git) else {
        return Vec::new();
    };
    let definition = if group.managed {
        "ManagedNodeGroup"
    } else {
        "NodeGroup"
    };
    let known = draft.input.catalog.known_keys(definition);
    let legacy = draft.input.catalog.legacy_keys(definition);
    let listed = |key: &&String| {
        known.is_none_or(|keys| keys.contains(*key))
            || legacy.is_some_and(|keys| keys.contains(*key))
    };
    group
        .spec
        .keys()
        .filter(|key| !listed(key))
        .cloned()
        .collect()
}

/// Keys that eksctl's schema does not know are typos as often as novelties.
fn unknown_keys(draft: &mut Draft<'_>) {
    let catalog = draft.input.catalog;
    let document = &draft.input.desired.document;
    let mut unknown: Vec<String> = Vec::new();
    let mut look = |definition: &str, at: &str, map: &serde_json::Map<String, Value>| {
        let Some(known) = catalog.known_keys(definition) else {
            return;
        };
        let legacy = catalog.legacy_keys(definition);
        for key in map.keys() {
            if !known.contains(key) && !legacy.is_some_and(|keys| keys.contains(key)) {
                unknown.push(if at.is_empty() {
                    key.clone()
                } else {
                    format!("{at}.{key}")
                });
            }
        }
    };
    look("ClusterConfig", "", document);
    if let Some(Value::Object(metadata)) = document.get("metadata") {
        look("ClusterMeta", "metadata", metadata);
    }
    for group in draft.input.desired.nodegroups.values() {
        let definition = if group.managed {
            "ManagedNodeGroup"
        } else {
            "NodeGroup"
        };
        look(
            definition,
            &format!("nodegroup {}", group.name),
            &group.spec,
        );
    }
    for addon in draft
        .input
        .desired
        .addons
        .iter()
        .flat_map(|addons| addons.values())
    {
        look("Addon", &format!("addon {}", addon.name), &addon.spec);
    }
    if unknown.is_empty() {
        return;
    }
    unknown.sort();
    let mut found = finding("STW-UNKNOWN-KEY", "", Severity::Warning, "cluster");
    found.message = format!("eksctl's schema does not know: {}.", unknown.join(", "));
    found.remedy =
        "eksctl refuses unknown keys; check the spelling: eksctl utils schema".to_owned();
    found.source = "eksctl 0.230, utils schema".to_owned();
    draft.find(found);
}

/// R5: desired older than live is a rollback, never an upgrade.
pub(super) fn refuse_downgrade(draft: &mut Draft<'_>, live: KubeMinor, wanted: KubeMinor) {
    let mut found = finding("STW-R5-ROLLBACK", "R5", Severity::Mandatory, "cluster");
    found.message = format!(
        "Git asks for {wanted} and {live} runs: that is a rollback, not an upgrade. eksctl 0.229 and newer would carry it out without asking."
    );
    found.remedy = if live.previous() == Some(wanted) {
        format!(
            "If git is stale, write `version: \"{live}\"`. If a rollback is meant, ask for it: stairway plan --to {wanted}"
        )
    } else {
        format!("Write `version: \"{live}\"`; EKS rolls back exactly one minor, within 7 days.")
    };
    found.source = "eksctl PR #8780; AWS EKS user guide, rollback-cluster".to_owned();
    let blocked = draft.block(found);
    if live.previous() == Some(wanted) {
        // What git asks for is shown, and held back.
        let step = super::rollback::step(draft, live, wanted);
        draft.emit(step, blocked.clone());
    }
    if draft.chain.is_none() {
        draft.chain = blocked.into_iter().next();
    }
}

fn wanted_support(draft: &Draft<'_>) -> Option<(String, String)> {
    let wanted = draft.input.desired.support_type.clone()?;
    let plane = draft.input.observed.control_plane.value()?;
    let live = plane.support_type.value()?.clone();
    let ignored = draft.is_ignored("cluster", "upgradePolicy.supportType");
    (wanted != live && !ignored).then_some((live, wanted))
}

/// EXTENDED first: it keeps EKS from upgrading under the plan.
fn support_type_first(draft: &mut Draft<'_>) {
    if let Some((live, wanted)) = wanted_support(draft)
        && wanted == "EXTENDED"
    {
        set_support_type(draft, &live, &wanted);
    }
}

/// STANDARD last: EKS takes it only while the version is in standard support.
pub(super) fn support_type_last(draft: &mut Draft<'_>) {
    if let Some((live, wanted)) = wanted_support(draft)
        && wanted != "EXTENDED"
    {
        set_support_type(draft, &live, &wanted);
    }
}

pub(super) fn set_support_type(draft: &mut Draft<'_>, live: &str, wanted: &str) {
    let mut step = draft.step(StepKind::SetUpgradePolicy, "cluster", wanted);
    step.reason = vec![format!(
        "Support type {wanted} is asked for; eksctl sets it only when it makes a cluster."
    )];
    step.before = facts([("supportType", json!(live))]);
    step.after = facts([("supportType", json!(wanted))]);
    let action = |kind: &str| {
        draft.eks(
            "UpdateClusterConfig",
            json!({"upgradePolicy": {"supportType": kind}}),
        )
    };
    step.actions = vec![action(wanted)];
    step.rollback = Rollback::Inverse {
        actions: vec![action(live)],
    };
    step.reversible_until = Some("while EKS offers that support type for the version".to_owned());
    let condition = Condition::SupportType {
        value: wanted.to_owned(),
    };
    step.wait = Some(wait(condition, SUPPORT_WAIT_SECONDS));
    step.duration = draft.duration("update-nodegroup", None);
    draft.emit(step, Vec::new());
}

/// Remarks that need the whole plan.
pub(super) fn remark(draft: &mut Draft<'_>, to: Option<KubeMinor>) {
    let hops = draft
        .steps
        .iter()
        .any(|s| s.kind == StepKind::UpgradeControlPlane)
        || draft
            .later
            .iter()
            .any(|l| l.step.kind == StepKind::UpgradeControlPlane);
    if !draft.steps.is_empty() || !draft.later.is_empty() {
        unassessed(draft);
    }
    super::drain::remark(draft);
    if hops {
        gotchas(draft);
    }
    lag(draft, to);
    nodes::older_generations(draft);
    reverted_updates(draft);
    not_ours(draft);
    findings::remark(draft, to);
}

/// R5: an update that EKS took back by itself is a failed update, not a rollback.
fn reverted_updates(draft: &mut Draft<'_>) {
    let observed = draft.input.observed;
    let failed = observed
        .updates
        .items()
        .iter()
        .filter(|update| update.kind == "VersionUpdate" && update.status == "Failed")
        .filter(|update| update.version.value() > observed.version().as_ref());
    for update in failed {
        let mut found = finding("STW-R5-REVERTED", "R5", Severity::Warning, "cluster");
        let to = update
            .version
            .value()
            .map_or_else(|| "a newer minor".to_owned(), KubeMinor::to_string);
        let cause = if update.errors.is_empty() {
            "EKS gave no cause".to_owned()
        } else {
            update.errors.join("; ").trim_end_matches('.').to_owned()
        };
        found.message = format!(
            "Update `{}` to {to} failed and was reverted by EKS: {cause}.",
            update.id
        );
        found.remedy = "Mend the cause before the next try; this was no rollback, and no rollback window follows from it.".to_owned();
        found.source = "AWS EKS user guide, update-cluster".to_owned();
        draft.find(found);
    }
}

fn gotchas(draft: &mut Draft<'_>) {
    let hops: Vec<KubeMinor> = draft
        .steps
        .iter()
        .chain(draft.later.iter().map(|later| &later.step))
        .filter(|step| step.kind == StepKind::UpgradeControlPlane)
        .filter_map(|step| {
            step.after
                .get("version")
                .and_then(Value::as_str)?
                .parse()
                .ok()
        })
        .collect();
    let catalog = draft.input.catalog;
    for minor in hops {
        for gotcha in catalog.gotchas(minor) {
            let mut found = finding("STW-GOTCHA", "", Severity::Note, &format!("to {minor}"));
            found.message.clone_from(&gotcha.text);
            found.source.clone_from(&gotcha.source);
            found.remedy =
                "Make sure that nothing on the cluster depends on it before you approve."
                    .to_owned();
            draft.find(found);
        }
        let removed: Vec<String> = catalog
            .removed_in(minor)
            .iter()
            .map(|api| format!("{} {}", api.group_version, api.kinds.join("/")))
            .collect();
        if !removed.is_empty() {
            let mut found = finding(
                "STW-R8-REMOVED-API",
                "R8",
                Severity::Note,
                &format!("to {minor}"),
            );
            found.message = format!("{minor} no longer serves {}.", removed.join(", "));
            found.remedy = "Who still asks: the insight \"Deprecated APIs removed in Kubernetes\"; kubectl get --raw /metrics | grep apiserver_requested_deprecated_apis".to_owned();
            found.source = "Kubernetes deprecated API migration guide".to_owned();
            found.applies = Some(Applies {
                from: Some(minor),
                ..Applies::default()
            });
            draft.find(found);
        }
    }
}

/// Nodes that stay behind legally are named, with the control plane that they would stop.
fn lag(draft: &mut Draft<'_>, to: Option<KubeMinor>) {
    if to.is_none() {
        return;
    }
    for (version, mut names) in nodes::lagging(draft) {
        // What is beyond the skew is no legal lag, and said as what it is.
        names.retain(|name| {
            let subject = format!("nodegroup {name}");
            let mut known = draft.findings.iter();
            !known.any(|f| f.code == "STW-R2-SKEW" && f.subject == subject)
        });
        let mut found = finding("STW-LAG", "R2", Severity::Note, "cluster");
        let stop = skew::newest_control_plane(version);
        let who = match names.as_slice() {
            [one] => format!("`{one}` stays"),
            [one, other] => format!("`{one}` and `{other}` stay"),
            [first, .., last] => format!("{} groups (`{first}` … `{last}`) stay", names.len()),
            [] => continue,
        };
        let under = if draft.control_plane > stop {
            String::new()
        } else {
            format!(" under a control plane at {}", draft.control_plane)
        };
        found.message = format!(
            "{who} at {version}{under}: legal up to {stop}, and {} must wait for them.",
            stop.next()
        );
        found.remedy = "They move before the hop that needs it. To move them now: stairway plan --replace GROUP, or `policy.nodes: follow`.".to_owned();
        found.source = "Kubernetes version skew policy, kubelet".to_owned();
        draft.find(found);
    }
}

fn not_ours(draft: &mut Draft<'_>) {
    let fields: Vec<String> = draft
        .differences_of("cluster")
        .filter(|d| d.class == super::wire::DifferenceClass::NotOurs)
        .map(|d| d.field.clone())
        .collect();
    if !fields.is_empty() {
        let mut found = finding("STW-NOT-OURS", "", Severity::Warning, "cluster");
        found.message = format!(
            "These differ and stairway leaves them alone: {}.",
            fields.join(", ")
        );
        let cluster = &draft.input.desired.cluster;
        found.remedy = format!(
            "Use eksctl's own commands, e.g. eksctl utils update-cluster-vpc-config -c {} -r {}.",
            cluster.name, cluster.region
        );
        draft.find(found);
    }
}
