//! Conditions on nodegroups.

use super::{Ground, Verdict, counted, either, is_or_are, known, list};
use crate::diff::generation::{PHASE_OUT_TAINT, has_phase_out_taint};
use crate::model::clusterconfig::{count_of, read_taints};
use crate::model::{Known, KubeMinor, LiveNodegroup, Node, Observation, Pod, PodSelector, Stack};
use serde_json::{Map, Value};

/// How many names a message lists before it counts the rest.
const NAMES_MAX: usize = 3;

fn group<'o>(name: &str, observed: &'o Observation) -> Result<Option<&'o LiveNodegroup>, Verdict> {
    list(&observed.nodegroups, "nodegroups")?;
    Ok(observed.nodegroup(name))
}

fn present<'o>(name: &str, observed: &'o Observation) -> Result<&'o LiveNodegroup, Verdict> {
    group(name, observed)?
        .ok_or_else(|| Verdict::Refuted(format!("there is no nodegroup `{name}`")))
}

fn nodes_of<'o>(name: &str, observed: &'o Observation) -> Result<Vec<&'o Node>, Verdict> {
    Ok(list(&observed.nodes, "nodes")?
        .iter()
        .filter(|node| node.nodegroup.as_deref() == Some(name))
        .collect())
}

fn stack<'o>(name: &str, observed: &'o Observation) -> Result<Option<&'o Stack>, Verdict> {
    let wanted = format!("eksctl-{}-nodegroup-{name}", observed.cluster.name);
    Ok(list(&observed.stacks, "CloudFormation stacks")?
        .iter()
        .find(|stack| stack.name == wanted && stack.status != "DELETE_COMPLETE"))
}

/// A stack that waiting does not mend, with what to do about it.
fn stuck(stack: &Stack) -> Option<String> {
    let dead = stack.status == "ROLLBACK_COMPLETE" || stack.status.ends_with("_FAILED");
    dead.then(|| format!("its stack `{}` is {}", stack.name, stack.status))
}

/// No group and no stack of the name.
pub(super) fn absent(name: &str, observed: &Observation, ground: Ground<'_>) -> Verdict {
    either(try_absent(name, observed, ground))
}

fn try_absent(name: &str, observed: &Observation, ground: Ground<'_>) -> Result<Verdict, Verdict> {
    let live = group(name, observed)?;
    let stack = stack(name, observed)?;
    // A stack that was dead before our delete is what the delete is for.
    let ends = |stack: &&Stack| ground.since.is_none() || stack.status == "DELETE_FAILED";
    if let Some(why) = stack.filter(ends).and_then(stuck) {
        return Ok(Verdict::Refuted(format!(
            "{why}; eksctl passes such names over in silence. Remove it: eksctl delete nodegroup -c {} -r {} -n {name} --drain=false --wait",
            observed.cluster.name, observed.cluster.region
        )));
    }
    let nodes = nodes_of(name, observed)?.len();
    match (live, stack) {
        (None, None) if nodes == 0 => Ok(Verdict::Met(format!(
            "nodegroup `{name}` and its stack do not exist"
        ))),
        (None, None) => Ok(Verdict::NotYet(format!(
            "{} of nodegroup `{name}` {} still there",
            counted(nodes, "node"),
            is_or_are(nodes)
        ))),
        (Some(live), _) => {
            let status = live.status.value().map_or("there", String::as_str);
            let seen = format!("nodegroup `{name}` is {status}");
            if status == "DELETE_FAILED" {
                return Ok(Verdict::Refuted(seen));
            }
            let leaving = status.starts_with("DELET");
            if ground.since.is_none() && !leaving {
                return Ok(Verdict::Refuted(format!(
                    "{seen} already; if an earlier attempt made it and nobody uses it: eksctl delete nodegroup -c {} -r {} -n {name} --wait",
                    observed.cluster.name, observed.cluster.region
                )));
            }
            Ok(Verdict::NotYet(seen))
        }
        (None, Some(stack)) => Ok(Verdict::NotYet(format!(
            "stack `{}` is {}",
            stack.name, stack.status
        ))),
    }
}

/// The group exists and is healthy; with a version, it and all of its nodes are there.
pub(super) fn active(
    name: &str,
    version: Option<KubeMinor>,
    observed: &Observation,
    ground: Ground<'_>,
) -> Verdict {
    either(try_active(name, version, observed, ground))
}

fn try_active(
    name: &str,
    version: Option<KubeMinor>,
    observed: &Observation,
    ground: Ground<'_>,
) -> Result<Verdict, Verdict> {
    let Some(live) = group(name, observed)? else {
        let stack = stack(name, observed)?;
        if let Some(why) = stack.and_then(stuck) {
            return Ok(Verdict::Refuted(format!(
                "nodegroup `{name}` was not made: {why}"
            )));
        }
        let why = format!("there is no nodegroup `{name}`");
        return Ok(if ground.since.is_some() {
            Verdict::NotYet(why)
        } else {
            Verdict::Refuted(why)
        });
    };
    let status = known(&live.status, &format!("status of nodegroup `{name}`"))?;
    if let Some(why) = failed_update(name, observed, ground)? {
        return Ok(Verdict::Refuted(why));
    }
    let healthy: &[&str] = if live.managed {
        &["ACTIVE"]
    } else {
        &[
            "CREATE_COMPLETE",
            "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE",
        ]
    };
    if !healthy.contains(&status.as_str()) {
        let seen = format!("nodegroup `{name}` is {status}");
        let dead = status.ends_with("_FAILED") || status.starts_with("ROLLBACK");
        return Ok(if dead {
            Verdict::Refuted(seen)
        } else {
            Verdict::NotYet(seen)
        });
    }
    let Some(version) = version else {
        return Ok(Verdict::Met(format!("nodegroup `{name}` is {status}")));
    };
    at_version(live, status, version, observed)
}

fn at_version(
    live: &LiveNodegroup,
    status: &str,
    version: KubeMinor,
    observed: &Observation,
) -> Result<Verdict, Verdict> {
    let name = &live.name;
    let boots = *known(&live.version, &format!("version of nodegroup `{name}`"))?;
    if boots != version {
        return Ok(Verdict::NotYet(format!(
            "nodegroup `{name}` is {status} at {boots}, not at {version}"
        )));
    }
    let nodes = nodes_of(name, observed)?;
    for node in &nodes {
        let kubelet = known(&node.kubelet, &format!("kubelet of node `{}`", node.name))?.minor();
        if kubelet != version {
            return Ok(Verdict::NotYet(format!(
                "node `{}` of nodegroup `{name}` is still at {kubelet}",
                node.name
            )));
        }
        if !*known(&node.ready, &format!("readiness of node `{}`", node.name))? {
            return Ok(Verdict::NotYet(format!(
                "node `{}` of nodegroup `{name}` is not Ready",
                node.name
            )));
        }
    }
    Ok(Verdict::Met(format!(
        "nodegroup `{name}` is {status} at {version} with {}",
        counted(nodes.len(), "node")
    )))
}

/// An update of the group that failed after it was asked for.
fn failed_update(
    name: &str,
    observed: &Observation,
    ground: Ground<'_>,
) -> Result<Option<String>, Verdict> {
    let Some(since) = ground.since else {
        return Ok(None);
    };
    let last = list(&observed.updates, "updates of the cluster")?
        .iter()
        .filter(|update| update.nodegroup.as_deref() == Some(name))
        .filter(|update| update.created_at.value().is_some_and(|at| *at >= since))
        .max_by_key(|update| update.created_at.value().copied());
    Ok(last
        .filter(|update| matches!(update.status.as_str(), "Failed" | "Cancelled"))
        .map(|update| {
            format!(
                "update `{}` of nodegroup `{name}` is {}: {}",
                update.id,
                update.status,
                update.errors.join("; ")
            )
        }))
}

/// At least so many nodes of the group are Ready at the version and take pods.
pub(super) fn ready(
    name: &str,
    at_least: u32,
    version: KubeMinor,
    observed: &Observation,
    ground: Ground<'_>,
) -> Verdict {
    either(try_ready(name, at_least, version, observed, ground))
}

fn try_ready(
    name: &str,
    at_least: u32,
    version: KubeMinor,
    observed: &Observation,
    ground: Ground<'_>,
) -> Result<Verdict, Verdict> {
    let verdict = active(name, None, observed, ground);
    if !verdict.is_met() {
        return Ok(verdict);
    }
    let live = present(name, observed)?;
    let boots = *known(&live.version, &format!("version of nodegroup `{name}`"))?;
    if boots != version {
        return Ok(Verdict::Refuted(format!(
            "nodegroup `{name}` boots {boots}, not {version}"
        )));
    }
    let mut count = 0_u32;
    for node in nodes_of(name, observed)? {
        // A node that has just joined has no Ready condition yet.
        let ready = node.ready != Known::Absent
            && *known(&node.ready, &format!("readiness of node `{}`", node.name))?;
        let kubelet = known(&node.kubelet, &format!("kubelet of node `{}`", node.name))?;
        let marked = node.taints.iter().any(|taint| taint == PHASE_OUT_TAINT);
        if ready && !node.unschedulable && !marked && kubelet.minor() == version {
            count += 1;
        }
    }
    let seen = format!(
        "{} of nodegroup `{name}` {} Ready at {version}",
        counted(count as usize, "node"),
        is_or_are(count as usize)
    );
    Ok(if count >= at_least {
        Verdict::Met(seen)
    } else {
        Verdict::NotYet(format!("{seen}, and {at_least} are needed"))
    })
}

/// The group carries the taint, and so does every node of it.
pub(super) fn tainted(name: &str, observed: &Observation) -> Verdict {
    either(try_tainted(name, observed))
}

fn try_tainted(name: &str, observed: &Observation) -> Result<Verdict, Verdict> {
    let live = present(name, observed)?;
    let nodes = nodes_of(name, observed)?;
    let group_wide = has_phase_out_taint(live);
    let without = |node: &&&Node| !node.taints.iter().any(|taint| taint == PHASE_OUT_TAINT);
    // EKS puts a managed group's taints on its nodes; readers of old recordings list no taints there.
    let bare = nodes.iter().filter(without).count();
    if live.managed && group_wide || !live.managed && bare == 0 {
        return Ok(Verdict::Met(format!(
            "nodegroup `{name}` carries the phase-out taint"
        )));
    }
    if bare == 0 {
        return Ok(Verdict::NotYet(format!(
            "nodegroup `{name}` does not carry the phase-out taint"
        )));
    }
    Ok(Verdict::NotYet(format!(
        "{bare} of {} of nodegroup `{name}` {} not carry the phase-out taint",
        counted(nodes.len(), "node"),
        if bare == 1 { "does" } else { "do" }
    )))
}

/// Every node of the group is cordoned.
pub(super) fn cordoned(name: &str, observed: &Observation) -> Verdict {
    let nodes = match nodes_of(name, observed) {
        Ok(nodes) => nodes,
        Err(verdict) => return verdict,
    };
    let open = nodes.iter().filter(|node| !node.unschedulable).count();
    if open == 0 {
        Verdict::Met(match nodes.len() {
            0 => format!("`{name}` has no nodes that could take a pod"),
            1 => format!("the 1 node of `{name}` is cordoned"),
            all => format!("all {all} nodes of `{name}` are cordoned"),
        })
    } else {
        Verdict::NotYet(format!(
            "{} of `{name}` {} not cordoned",
            counted(open, "node"),
            is_or_are(open)
        ))
    }
}

/// No node of the group is cordoned.
pub(super) fn uncordoned(name: &str, observed: &Observation) -> Verdict {
    let nodes = match nodes_of(name, observed) {
        Ok(nodes) => nodes,
        Err(verdict) => return verdict,
    };
    let closed = nodes.iter().filter(|node| node.unschedulable).count();
    if closed == 0 {
        Verdict::Met(format!("no node of `{name}` is cordoned"))
    } else {
        Verdict::NotYet(format!(
            "{} of `{name}` {} still cordoned",
            counted(closed, "node"),
            is_or_are(closed)
        ))
    }
}

/// Neither the group nor a node of it carries the taint.
pub(super) fn untainted(name: &str, observed: &Observation) -> Verdict {
    let (live, nodes) = match (present(name, observed), nodes_of(name, observed)) {
        (Ok(live), Ok(nodes)) => (live, nodes),
        (Err(verdict), _) | (_, Err(verdict)) => return verdict,
    };
    let marked = |node: &&&Node| node.taints.iter().any(|taint| taint == PHASE_OUT_TAINT);
    let count = nodes.iter().filter(marked).count();
    if has_phase_out_taint(live) || count > 0 {
        return Verdict::NotYet(format!(
            "nodegroup `{name}` still carries the phase-out taint"
        ));
    }
    if live.managed && unread("taints", &live.spec, live.spec_complete) {
        return Verdict::Unknown(format!("the taints of nodegroup `{name}` were not read"));
    }
    Verdict::Met(format!("nodegroup `{name}` takes pods again"))
}

fn pods<'o>(name: &str, observed: &'o Observation) -> Result<Vec<&'o Pod>, Verdict> {
    list(&observed.pods, "pods")?;
    list(&observed.nodes, "nodes")?;
    Ok(observed.pods_of(name))
}

fn names(pods: &[&Pod]) -> String {
    let mut text: Vec<String> = pods
        .iter()
        .take(NAMES_MAX)
        .map(|pod| format!("`{}/{}`", pod.namespace, pod.name))
        .collect();
    if pods.len() > NAMES_MAX {
        text.push(format!("{} more", pods.len() - NAMES_MAX));
    }
    text.join(", ")
}

/// No pod but daemons is left.
pub(super) fn empty(name: &str, observed: &Observation) -> Verdict {
    let mut left = match pods(name, observed) {
        Ok(pods) => pods,
        Err(verdict) => return verdict,
    };
    left.retain(|pod| !pod.is_daemon());
    if left.is_empty() {
        return Verdict::Met(format!("no pod but daemons is left on nodegroup `{name}`"));
    }
    let mut why = format!(
        "{} {} left on nodegroup `{name}`: {}",
        counted(left.len(), "pod"),
        is_or_are(left.len()),
        names(&left)
    );
    let holding: Vec<String> = observed
        .pdbs
        .items()
        .iter()
        .filter(|pdb| pdb.allowed.value() == Some(&0))
        .filter(|pdb| left.iter().any(|pod| pdb.covers(pod)))
        .map(|pdb| format!("`{}/{}`", pdb.namespace, pdb.name))
        .collect();
    if !holding.is_empty() {
        why.push_str("; held by the disruption budget ");
        why.push_str(&holding.join(", "));
    }
    Verdict::NotYet(why)
}

/// No pod that counts as activity is left.
pub(super) fn not_busy(name: &str, activity: &[PodSelector], observed: &Observation) -> Verdict {
    let mut busy = match pods(name, observed) {
        Ok(pods) => pods,
        Err(verdict) => return verdict,
    };
    busy.retain(|pod| !pod.is_daemon());
    let count = busy.len();
    // A pod without a controller would not come back after an eviction: it is waited for too,
    // and so is one whose controller nobody could read.
    busy.retain(|pod| {
        activity.iter().any(|selector| selector.matches(pod)) || pod.owner.value().is_none()
    });
    if busy.is_empty() {
        return Verdict::Met(if count == 0 {
            format!("nobody is left on nodegroup `{name}`")
        } else {
            format!("nobody is left on nodegroup `{name}`; {count} other pods are")
        });
    }
    Verdict::NotYet(format!(
        "{} busy pods are left on nodegroup `{name}`: {}",
        busy.len(),
        names(&busy)
    ))
}

/// The group is the one that the plan saw.
pub(super) fn identity(name: &str, arn: &str, created_at: &str, observed: &Observation) -> Verdict {
    either(try_identity(name, arn, created_at, observed))
}

fn try_identity(
    name: &str,
    arn: &str,
    created_at: &str,
    observed: &Observation,
) -> Result<Verdict, Verdict> {
    let live = present(name, observed)?;
    if !arn.is_empty() {
        let now = known(&live.arn, &format!("ARN of nodegroup `{name}`"))?;
        if now != arn {
            return Ok(Verdict::Refuted(format!(
                "nodegroup `{name}` is another one: its ARN is {now}, and the plan saw {arn}"
            )));
        }
    }
    if !created_at.is_empty() {
        let now = known(
            &live.created_at,
            &format!("creation time of nodegroup `{name}`"),
        )?;
        if now.to_string() != created_at {
            return Ok(Verdict::Refuted(format!(
                "nodegroup `{name}` is another one: it was created {now}, and the plan saw {created_at}"
            )));
        }
    }
    Ok(Verdict::Met(format!(
        "nodegroup `{name}` is the one that the plan saw"
    )))
}

/// The scaling bounds.
pub(super) fn scaling(name: &str, wanted: (u32, u32), observed: &Observation) -> Verdict {
    let live = match present(name, observed) {
        Ok(live) => live,
        Err(verdict) => return verdict,
    };
    let mut bounds = ["minSize", "maxSize"].into_iter();
    if let Some(key) = bounds.find(|key| unread(key, &live.spec, live.spec_complete)) {
        return Verdict::Unknown(format!("`{key}` of nodegroup `{name}` was not read"));
    }
    let read = |key: &str| live.spec.get(key).and_then(count_of);
    let now = crate::diff::normalize::scaling(read);
    let seen = format!("nodegroup `{name}` may scale from {} to {}", now.0, now.1);
    if now == wanted {
        Verdict::Met(seen)
    } else {
        Verdict::NotYet(format!("{seen}, not from {} to {}", wanted.0, wanted.1))
    }
}

/// Labels, taints and settings are as git has them.
pub(super) fn settings(
    name: &str,
    expected: &Map<String, Value>,
    observed: &Observation,
) -> Verdict {
    let live = match present(name, observed) {
        Ok(live) => live,
        Err(verdict) => return verdict,
    };
    for (path, wanted) in expected {
        if unread(path, &live.spec, live.spec_complete) {
            return Verdict::Unknown(format!("`{path}` of nodegroup `{name}` was not read"));
        }
        let now = at_path(&live.spec, path);
        if !same(path, now, wanted) {
            return Verdict::NotYet(format!(
                "`{path}` of nodegroup `{name}` is not yet as in git"
            ));
        }
    }
    Verdict::Met(format!("nodegroup `{name}` is as in git"))
}

/// True when nobody knows what stands at `path`: a spec that is not complete leaves out what was not read.
pub(super) fn unread(path: &str, spec: &Map<String, Value>, complete: bool) -> bool {
    let parents = path.match_indices('.').map(|(at, _)| &path[..at]);
    !complete && !parents.chain([path]).any(|key| spec.contains_key(key))
}

/// Keys hold dots themselves: `labels.hub.example.org/x` is the key `hub.example.org/x` of `labels`.
pub(super) fn at_path<'v>(map: &'v Map<String, Value>, path: &str) -> Option<&'v Value> {
    if let Some(value) = map.get(path) {
        return Some(value);
    }
    path.match_indices('.').find_map(|(at, _)| {
        let inner = map.get(&path[..at])?.as_object()?;
        at_path(inner, &path[at + 1..])
    })
}

pub(super) fn same(path: &str, now: Option<&Value>, wanted: &Value) -> bool {
    if path == "taints" {
        let read = |value: Option<&Value>| {
            // The differ writes `key=value:effect`; a cluster has objects or a map.
            let written = value.and_then(Value::as_array).and_then(|items| {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<Vec<String>>>()
            });
            let mut taints = written.unwrap_or_else(|| {
                let taints = read_taints(value, "taints").unwrap_or_default();
                taints
                    .into_iter()
                    .filter(|taint| taint.key != PHASE_OUT_TAINT)
                    .map(|taint| format!("{}={}:{}", taint.key, taint.value, taint.effect))
                    .collect()
            });
            taints.sort();
            taints
        };
        return read(now) == read(Some(wanted));
    }
    match (now, wanted) {
        (None | Some(Value::Null), Value::Null) => true,
        (Some(now), wanted) => {
            now == wanted
                || match (count_of(now), count_of(wanted)) {
                    (Some(one), Some(other)) => one == other,
                    (Some(_) | None, _) => false,
                }
        }
        (None, _) => false,
    }
}

/// Another core group has a node that takes pods.
pub(super) fn core_elsewhere(name: &str, core: &[String], observed: &Observation) -> Verdict {
    let nodes = match list(&observed.nodes, "nodes") {
        Ok(nodes) => nodes,
        Err(verdict) => return verdict,
    };
    let takes = |node: &&Node| {
        node.nodegroup
            .as_ref()
            .is_some_and(|group| group != name && core.contains(group))
            && node.ready.value() == Some(&true)
            && !node.unschedulable
            && !node.taints.iter().any(|taint| taint == PHASE_OUT_TAINT)
    };
    match nodes.iter().find(takes) {
        Some(node) => Verdict::Met(format!(
            "node `{}` of `{}` is Ready",
            node.name,
            node.nodegroup.as_deref().unwrap_or_default()
        )),
        None => Verdict::NotYet(format!(
            "no core group but `{name}` has a Ready node that takes pods"
        )),
    }
}
