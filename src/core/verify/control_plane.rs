//! Conditions on the control plane and on skew.

use super::{Ground, Verdict, either, known, list};
use crate::model::{KubeMinor, Observation, Update};
use crate::policy::skew;

/// ACTIVE at the version, and no update in progress.
pub(super) fn settled(version: KubeMinor, observed: &Observation, ground: Ground<'_>) -> Verdict {
    either(try_settled(version, observed, ground))
}

fn try_settled(
    version: KubeMinor,
    observed: &Observation,
    ground: Ground<'_>,
) -> Result<Verdict, Verdict> {
    let plane = known(&observed.control_plane, "control plane")?;
    let live = *known(&plane.version, "version of the control plane")?;
    let status = known(&plane.status, "status of the control plane")?;
    let updates = list(&observed.updates, "updates of the cluster")?;
    let busy = updates.iter().find(|update| update.status == "InProgress");
    if let Some(update) = busy {
        return Ok(Verdict::NotYet(format!(
            "update `{}` ({}) is in progress; the control plane is {status} at {live}",
            update.id, update.kind
        )));
    }
    if live == version && status == "ACTIVE" {
        return Ok(Verdict::Met(format!(
            "the control plane is ACTIVE at {live}, and no update is in progress"
        )));
    }
    if let Some(why) = ours_failed(version, updates, ground) {
        return Ok(Verdict::Refuted(why));
    }
    let seen = format!("the control plane is {status} at {live}");
    // A version does not change by waiting, unless the change is ours and awaited.
    if live != version && ground.since.is_none() {
        return Ok(Verdict::Refuted(format!(
            "{seen}, and {version} is expected"
        )));
    }
    Ok(Verdict::NotYet(seen))
}

/// EKS reverts a failed update by itself: the cluster looks as before, and only the update tells.
fn ours_failed(version: KubeMinor, updates: &[Update], ground: Ground<'_>) -> Option<String> {
    let since = ground.since?;
    let ours = |update: &&Update| {
        update.nodegroup.is_none()
            && update.addon.is_none()
            && update.version.value() == Some(&version)
            && update.created_at.value().is_some_and(|at| *at >= since)
    };
    let last = updates
        .iter()
        .filter(ours)
        .max_by_key(|update| update.created_at.value().copied())?;
    matches!(last.status.as_str(), "Failed" | "Cancelled").then(|| {
        let errors = if last.errors.is_empty() {
            "EKS gives no reason".to_owned()
        } else {
            last.errors.join("; ")
        };
        format!(
            "update `{}` to {version} is {}: EKS reverted it by itself ({errors})",
            last.id, last.status
        )
    })
}

/// Every kubelet, and what every group would boot, is legal under `version`.
pub(super) fn within_skew(version: KubeMinor, observed: &Observation) -> Verdict {
    either(try_within_skew(version, observed))
}

fn try_within_skew(version: KubeMinor, observed: &Observation) -> Result<Verdict, Verdict> {
    let groups = list(&observed.nodegroups, "nodegroups")?;
    let nodes = list(&observed.nodes, "nodes")?;
    let illegal = |who: String, kubelet: KubeMinor| {
        let verdict = skew::verdict(kubelet, version);
        (!verdict.is_legal())
            .then(|| format!("{who} is at {kubelet}, which is not legal under {version}"))
    };
    let mut oldest: Option<KubeMinor> = None;
    for node in nodes {
        let what = format!("kubelet of node `{}`", node.name);
        let kubelet = known(&node.kubelet, &what)?.minor();
        oldest = Some(oldest.map_or(kubelet, |old| old.min(kubelet)));
        if let Some(why) = illegal(format!("node `{}`", node.name), kubelet) {
            return Ok(Verdict::NotYet(why));
        }
    }
    for group in groups {
        let what = format!("version of nodegroup `{}`", group.name);
        let boots = *known(&group.version, &what)?;
        if let Some(why) = illegal(format!("what nodegroup `{}` boots", group.name), boots) {
            return Ok(Verdict::NotYet(why));
        }
    }
    let oldest = oldest.map_or_else(String::new, |old| format!("; the oldest kubelet is {old}"));
    Ok(Verdict::Met(format!(
        "every kubelet is legal under {version}{oldest}"
    )))
}

/// No upgrade insight up to `version` is in ERROR, but for those that the plan accepted.
pub(super) fn upgrade_insights(
    version: KubeMinor,
    accepted: &[String],
    observed: &Observation,
) -> Verdict {
    let insights = match list(&observed.insights, "upgrade insights") {
        Ok(insights) => insights,
        Err(verdict) => return verdict,
    };
    let bad = insights.iter().find(|insight| {
        insight.category == "UPGRADE_READINESS"
            && insight.status == "ERROR"
            && insight.version.value().is_none_or(|v| *v <= version)
            && !accepted.contains(&insight.id)
    });
    match bad {
        Some(insight) => Verdict::Refuted(format!(
            "insight \"{}\" is in ERROR: {}",
            insight.name, insight.reason
        )),
        None => Verdict::Met(format!("no upgrade insight for {version} is in ERROR")),
    }
}

/// Every rollback insight is PASSING or WARNING, and there is one.
pub(super) fn rollback_insights(observed: &Observation) -> Verdict {
    let insights = match list(&observed.insights, "rollback insights") {
        Ok(insights) => insights,
        Err(verdict) => return verdict,
    };
    let mut count = 0;
    for insight in insights {
        if insight.category != "ROLLBACK_READINESS" {
            continue;
        }
        count += 1;
        if !matches!(insight.status.as_str(), "PASSING" | "WARNING") {
            return Verdict::Refuted(format!(
                "rollback insight \"{}\" is {}",
                insight.name, insight.status
            ));
        }
    }
    if count == 0 {
        return Verdict::NotYet("EKS lists no rollback insight".to_owned());
    }
    Verdict::Met(format!("all {count} rollback insights are clear"))
}

/// The cluster's support type.
pub(super) fn support_type(value: &str, observed: &Observation) -> Verdict {
    let plane = match known(&observed.control_plane, "control plane") {
        Ok(plane) => plane,
        Err(verdict) => return verdict,
    };
    match known(&plane.support_type, "support type") {
        Ok(live) if live == value => Verdict::Met(format!("the support type is {live}")),
        Ok(live) => Verdict::NotYet(format!("the support type is {live}")),
        Err(verdict) => verdict,
    }
}
