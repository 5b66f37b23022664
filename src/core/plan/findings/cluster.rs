//! Skew that is broken already, and kube-proxy at every hop.

use super::super::draft::{Draft, finding};
use super::super::wire::{Applies, BlockedBy, Finding};
use super::{is_said, mended_or_mandatory};
use crate::model::{AddonVersion, KubeMinor, Node};
use crate::policy::addons::{AddonState, live_addon};
use crate::policy::skew::{self, Skew};
use std::collections::BTreeMap;

const KUBE_PROXY: &str = "kube-proxy";
/// The rule, in the words of its owner.
const KUBE_PROXY_RULE: &str = "kube-proxy must not be newer than kube-apiserver, and may be up to three minor versions older (kube-proxy < 1.25: two)";
const KUBE_PROXY_SOURCE: &str = "Kubernetes version skew policy, kube-proxy";
const KUBELET_SOURCE: &str = "Kubernetes version skew policy, kubelet";

/// R2 for kube-proxy: whatever the steps before the hop make of it must still fit after the hop.
pub(super) fn kube_proxy_at(draft: &mut Draft<'_>, next: KubeMinor) -> Vec<BlockedBy> {
    let managed = draft.addons.get(KUBE_PROXY).cloned();
    let own = draft.self_managed.get(KUBE_PROXY).cloned().flatten();
    let Some(version) = managed.or(own) else {
        return Vec::new();
    };
    match verdict(&version, next) {
        Some((_, why)) => {
            let mut found = kube_proxy(draft, &version, next, &why);
            found.severity = super::super::wire::Severity::Mandatory;
            draft.block(found)
        }
        None => Vec::new(),
    }
}

/// Returns how many minors a kube-proxy breaks the rule by, and why as a clause.
fn verdict(version: &AddonVersion, control_plane: KubeMinor) -> Option<(Skew, String)> {
    let skew = skew::verdict(version.kube_minor()?, control_plane);
    let why = match skew {
        Skew::Legal { .. } => return None,
        Skew::Newer => format!("is newer than the control plane at {control_plane}"),
        Skew::TooOld { lag, limit } => format!(
            "is {lag} minors behind a control plane at {control_plane}, and the limit is {limit}"
        ),
    };
    Some((skew, why))
}

fn kube_proxy(
    draft: &Draft<'_>,
    version: &AddonVersion,
    control_plane: KubeMinor,
    why: &str,
) -> Finding {
    let state = live_addon(draft.input.observed, KUBE_PROXY);
    let own = matches!(state, AddonState::SelfManaged(_));
    let severity = super::super::wire::Severity::Warning;
    let mut found = finding("STW-R2-KUBE-PROXY", "R2", severity, "addon kube-proxy");
    found.message = format!("kube-proxy {version} {why}: \"{KUBE_PROXY_RULE}\".");
    let cluster = &draft.input.desired.cluster;
    let region = &cluster.region;
    found.remedy = if own {
        format!(
            "eksctl utils update-kube-proxy -c {} -r {region} --approve; then observe and plan again",
            cluster.name
        )
    } else {
        format!(
            "aws eks update-addon --cluster-name {} --region {region} --addon-name kube-proxy --resolve-conflicts PRESERVE --addon-version VERSION (one of: aws eks describe-addon-versions --region {region} --addon-name kube-proxy --kubernetes-version {control_plane})",
            cluster.name
        )
    };
    found.source = KUBE_PROXY_SOURCE.to_owned();
    let kind = if own {
        "daemonset kube-system"
    } else {
        "addon"
    };
    let sign = if own { '/' } else { ' ' };
    found.objects = vec![format!("{kind}{sign}{KUBE_PROXY}")];
    found.applies = version
        .kube_minor()
        .map(|minor| window(minor, control_plane));
    found
}

/// The minors of the control plane for which something of this version breaks the skew.
fn window(version: KubeMinor, control_plane: KubeMinor) -> Applies {
    if version > control_plane {
        Applies {
            until: version.previous(),
            ..Applies::default()
        }
    } else {
        Applies {
            from: Some(skew::newest_control_plane(version).next()),
            ..Applies::default()
        }
    }
}

/// Skew that is broken before any step, which no finding of a hop tells.
pub(super) fn broken_now(draft: &mut Draft<'_>) {
    let Some(now) = draft.input.observed.version() else {
        return;
    };
    kubelets_too_old(draft, now);
    let version = live_addon(draft.input.observed, KUBE_PROXY)
        .version()
        .cloned();
    let Some((version, (_, why))) = version.and_then(|v| Some((v.clone(), verdict(&v, now)?)))
    else {
        return;
    };
    let mut found = kube_proxy(draft, &version, now, &why);
    let planned = draft.addons.get(KUBE_PROXY).cloned();
    let planned = planned.or(draft.self_managed.get(KUBE_PROXY).cloned().flatten());
    let mended =
        planned.is_some_and(|p| p != version && verdict(&p, draft.control_plane).is_none());
    found.severity = mended_or_mandatory(mended);
    if mended {
        found.message.push_str(" This plan mends it.");
    }
    if !is_said(draft, &found.code, &found.subject) {
        draft.block(found);
    }
}

/// Nodes that the control plane of today is too new for, by group.
fn kubelets_too_old(draft: &mut Draft<'_>, now: KubeMinor) {
    let mut by_group: BTreeMap<Option<&str>, Vec<(&Node, KubeMinor)>> = BTreeMap::new();
    for node in draft.input.observed.nodes.items() {
        let Some(version) = node.kubelet.value().map(crate::model::KubeVersion::minor) else {
            continue;
        };
        if matches!(skew::verdict(version, now), Skew::TooOld { .. }) {
            let group = by_group.entry(node.nodegroup.as_deref()).or_default();
            group.push((node, version));
        }
    }
    let found: Vec<Finding> = by_group
        .into_iter()
        .filter_map(|(group, nodes)| too_old(draft, group, &nodes, now))
        .collect();
    for finding in found {
        if !is_said(draft, &finding.code, &finding.subject) {
            draft.block(finding);
        }
    }
}

fn too_old(
    draft: &Draft<'_>,
    group: Option<&str>,
    nodes: &[(&Node, KubeMinor)],
    now: KubeMinor,
) -> Option<Finding> {
    let oldest = nodes.iter().map(|(_, version)| *version).min()?;
    // Gone or moved at the end of the plan, whose steps do it one after the other.
    let mended = group.is_some_and(|name| {
        let projected = draft.groups.get(name).and_then(|group| group.version);
        draft
            .groups
            .get(name)
            .is_none_or(|_| projected.is_some_and(|version| skew::verdict(version, now).is_legal()))
    });
    let (code, subject) = match group {
        Some(name) => ("STW-R2-SKEW", format!("nodegroup {name}")),
        None => ("STW-R2-OUTSIDE-NODES", "cluster".to_owned()),
    };
    let mut found = finding(code, "R2", mended_or_mandatory(mended), &subject);
    let limit = skew::allowed_lag(oldest);
    found.message = format!(
        "{} at {oldest} under a control plane at {now}, more than the {limit} minors that Kubernetes allows: the skew is broken already.",
        match nodes.len() {
            1 => "1 node is".to_owned(),
            count => format!("{count} nodes are"),
        }
    );
    found.remedy = match group {
        Some(_) if mended => "This plan moves it; approve it soon.".to_owned(),
        Some(name) => format!("stairway plan --replace {name}"),
        None => "Replace these nodes by whatever made them (kubectl rollout restart for Fargate, drift for Karpenter).".to_owned(),
    };
    found.source = KUBELET_SOURCE.to_owned();
    let mut objects: Vec<String> = nodes
        .iter()
        .map(|(node, _)| format!("node {}", node.name))
        .collect();
    objects.sort();
    found.objects = objects;
    found.applies = Some(window(oldest, now));
    Some(found)
}
