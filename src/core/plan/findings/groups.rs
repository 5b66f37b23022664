//! Groups that are not well, and stacks that are half made.

use super::super::draft::{Draft, finding};
use super::super::wire::{BlockedBy, Finding, Severity};
use super::addons::{objects, say};
use crate::model::{KubeMinor, LiveNodegroup, Stack};
use std::collections::BTreeSet;

/// Says what is wrong with groups and stacks that no step of the plan meets.
pub(super) fn remark(draft: &mut Draft<'_>) {
    let observed = draft.input.observed;
    let found: Vec<Finding> = observed
        .nodegroups
        .items()
        .iter()
        .flat_map(|group| of_group(draft, group))
        .collect();
    for finding in found {
        draft.find(finding);
    }
    stacks(draft);
}

/// What EKS says is wrong with a group, to stand behind its status.
pub(in crate::plan) fn issues_of(group: &LiveNodegroup) -> String {
    say(group.health.items())
}

fn of_group(draft: &Draft<'_>, group: &LiveNodegroup) -> Vec<Finding> {
    let name = &group.name;
    let subject = format!("nodegroup {name}");
    let warn = |message: String, remedy: String, objects: Vec<String>, source: &str| {
        let mut found = finding("STW-GROUP-HEALTH", "", Severity::Warning, &subject);
        found.message = message;
        found.remedy = remedy;
        found.objects = objects;
        source.clone_into(&mut found.source);
        found
    };
    let mut all = Vec::new();
    let issues = group.health.items();
    if !issues.is_empty() {
        let (who, source) = if group.managed {
            ("EKS reports", "EKS API, DescribeNodegroup: health.issues")
        } else {
            ("The observation reports", "CloudFormation, stack events")
        };
        all.push(warn(
            format!("{who} issues of `{name}`{}.", say(issues)),
            health_command(draft, group),
            objects(issues),
            source,
        ));
    }
    let nodes: Vec<_> = draft.input.observed.nodes_of(name).collect();
    let pick = |wanted: &dyn Fn(&crate::model::Node) -> bool| -> Vec<String> {
        let picked = nodes.iter().filter(|node| wanted(node));
        let names: BTreeSet<String> = picked.map(|node| format!("node {}", node.name)).collect();
        names.into_iter().collect()
    };
    let unready = pick(&|node| node.ready.value() == Some(&false));
    if !unready.is_empty() {
        all.push(warn(
            format!("{} of {} nodes of `{name}` are not Ready.", unready.len(), nodes.len()),
            "kubectl get nodes; kubectl describe node NODE. Mend or remove them: a drain waits for pods that cannot leave such a node.".to_owned(),
            unready,
            "Kubernetes, node conditions: Ready",
        ));
    }
    if let Some(boots) = group.version.value() {
        let older = pick(&|node| {
            let kubelet = node.kubelet.value();
            kubelet.is_some_and(|kubelet| kubelet.minor() < *boots)
        });
        if !older.is_empty() {
            let (why, remedy, source) = mixed(draft, group, *boots);
            let (some, all_of_them) = (older.len(), nodes.len());
            all.push(warn(
                format!(
                    "{some} of {all_of_them} nodes of `{name}` run an older kubelet than the {boots} that the group boots: {why}."
                ),
                remedy,
                older,
                source,
            ));
        }
    }
    all
}

/// Why nodes of one group differ, what mends it, and where that is known from. EKS updates only
/// the groups that it manages; what others boot is changed in their launch template.
fn mixed(
    draft: &Draft<'_>,
    group: &LiveNodegroup,
    boots: KubeMinor,
) -> (&'static str, String, &'static str) {
    let (cluster, name) = (&draft.input.desired.cluster, &group.name);
    if group.managed {
        let remedy = format!(
            "stairway plan --replace {name}, or let EKS finish: eksctl upgrade nodegroup -c {} -r {} --name {name} --kubernetes-version {boots}",
            cluster.name, cluster.region
        );
        let source = "EKS API, DescribeNodegroup: version; node kubelet versions";
        ("an update in place stopped half way", remedy, source)
    } else {
        (
            "its launch template was changed, and nobody replaced the nodes from before",
            format!("stairway plan --replace {name}"),
            "EC2, launch template of the group; node kubelet versions",
        )
    }
}

/// The command that shows what is wrong with a group: EKS knows only those that it manages.
pub(in crate::plan) fn health_command(draft: &Draft<'_>, group: &LiveNodegroup) -> String {
    let cluster = &draft.input.desired.cluster;
    let (cluster, region, name) = (&cluster.name, &cluster.region, &group.name);
    if group.managed {
        format!("eksctl utils nodegroup-health -c {cluster} -r {region} -n {name}")
    } else {
        format!(
            "aws cloudformation describe-stack-events --region {region} --stack-name eksctl-{cluster}-nodegroup-{name}"
        )
    }
}

/// Returns true for a stack that is neither made, gone, nor back where it was.
fn is_half_made(status: &str) -> bool {
    match status {
        "CREATE_COMPLETE"
        | "UPDATE_COMPLETE"
        | "IMPORT_COMPLETE"
        | "DELETE_COMPLETE"
        // A change was taken back; the stack is what it was, and eksctl can use it.
        | "UPDATE_ROLLBACK_COMPLETE" => false,
        _ => {
            status.contains("ROLLBACK")
                || status.ends_with("_FAILED")
                || status.ends_with("_IN_PROGRESS")
                || status.starts_with("DELETE_")
        }
    }
}

/// One finding per stack; one in the way of a step is said there, as blocking.
fn stacks(draft: &mut Draft<'_>) {
    let said: BTreeSet<String> = draft
        .findings
        .iter()
        .filter(|finding| finding.code == "STW-STACK")
        .flat_map(|finding| finding.objects.clone())
        .collect();
    let observed = draft.input.observed;
    for stack in observed.stacks.items() {
        let object = format!("stack {}", stack.name);
        if is_half_made(&stack.status) && !said.contains(&object) {
            let found = half_made(draft, stack, object);
            draft.find(found);
        }
    }
}

/// eksctl changes the cluster's own stack with every hop: none while CloudFormation refuses that.
pub(super) fn cluster_stack(draft: &mut Draft<'_>) -> Vec<BlockedBy> {
    let name = format!("eksctl-{}-cluster", draft.input.desired.cluster.name);
    let observed = draft.input.observed;
    let refuses = |status: &str| status.ends_with("_IN_PROGRESS") || status.ends_with("_FAILED");
    let mut stacks = observed.stacks.items().iter();
    let Some(stack) = stacks.find(|stack| stack.name == name && refuses(&stack.status)) else {
        return Vec::new();
    };
    let mut found = half_made(draft, stack, format!("stack {name}"));
    found.severity = Severity::Blocking;
    found
        .message
        .push_str(" It is the cluster's own, and eksctl changes it with a hop.");
    draft.block(found)
}

fn half_made(draft: &Draft<'_>, stack: &Stack, object: String) -> Finding {
    let cluster = &draft.input.desired.cluster;
    let (region, name) = (&cluster.region, &stack.name);
    let mut found = finding("STW-STACK", "", Severity::Warning, &object);
    found.objects = vec![object];
    let prefix = format!("eksctl-{}-nodegroup-", cluster.name);
    let group = name.strip_prefix(&prefix);
    let declared = group.is_none_or(|group| draft.input.desired.nodegroups.contains_key(group));
    found.message = format!(
        "The stack `{name}` is {}{}.",
        stack.status,
        if declared {
            ""
        } else {
            ", and git declares no such group"
        }
    );
    found.remedy = match (stack.status.as_str(), group) {
        (status, _) if status.ends_with("_IN_PROGRESS") => format!(
            "Somebody changes it now; wait, then observe and plan again: aws cloudformation describe-stacks --region {region} --stack-name {name}"
        ),
        ("UPDATE_ROLLBACK_FAILED", _) => format!(
            "aws cloudformation continue-update-rollback --region {region} --stack-name {name}; then observe and plan again"
        ),
        (_, Some(group)) if draft.input.observed.nodegroup(group).is_none() => format!(
            "eksctl delete nodegroup -c {} -r {region} -n {group} --drain=false --wait; then observe and plan again",
            cluster.name
        ),
        _ => format!(
            "aws cloudformation describe-stack-events --region {region} --stack-name {name}; mend what failed"
        ),
    };
    found.source = "CloudFormation, stack status codes; eksctl issue #8712".to_owned();
    found
}
