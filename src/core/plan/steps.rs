//! Makes the steps on nodegroups: what is run, what must hold before, what proves it, what undoes it.

use super::draft::{Draft, Group, facts, version_value, wait};
use super::files::NewGroup;
use super::wire::{Action, Disruption, FileRef, Rollback, Step, StepKind};
use crate::diff::generation::PHASE_OUT_TAINT;
pub(super) use crate::diff::generation::PHASE_OUT_TAINT as TAINT;
use crate::model::{Condition, Known, KubeMinor, Pod};
use serde_json::{Map, Value, json};

/// eksctl's default of 25 minutes is too short for big groups (eksctl issue #3621).
const CREATE_TIMEOUT: &str = "40m";
/// The same in seconds, with five minutes for nodes to become Ready after the tool returned.
const CREATE_WAIT_SECONDS: u32 = 45 * 60;
/// A drain waits for budgets and for pods to end; an hour, then the run stops and names the pod.
const DRAIN_WAIT_SECONDS: u32 = 3600;
/// Two nodes at once: one would take hours on large groups, more would break single-replica services together.
const DRAIN_PARALLEL: u32 = 2;
/// Stacks with network interfaces in use take long to go; eksctl's default of 25 minutes is too short.
const DELETE_TIMEOUT: &str = "60m";
/// The same in seconds.
const DELETE_WAIT_SECONDS: u32 = 3600;
/// Changes of configuration settle within minutes.
const UPDATE_WAIT_SECONDS: u32 = 15 * 60;
/// EKS gives each pod 15 minutes to leave a node; groups of tens of nodes take hours.
const UPGRADE_NODEGROUP_WAIT_SECONDS: u32 = 4 * 3600;

/// Makes the step that creates a group.
pub(super) fn create(
    draft: &mut Draft<'_>,
    new: &NewGroup,
    group: &Group,
    file: FileRef,
    min: u32,
    reason: Vec<String>,
) -> Step {
    let mut step = draft.step(
        StepKind::CreateNodegroup,
        &new.name,
        &new.version.to_string(),
    );
    step.reason = reason;
    step.after = facts([
        ("version", json!(new.version.to_string())),
        ("managed", json!(group.managed)),
        ("minSize", json!(min)),
    ]);
    step.preconditions = vec![
        Condition::ControlPlaneSettled {
            version: draft.control_plane,
        },
        Condition::NodegroupAbsent {
            nodegroup: new.name.clone(),
        },
    ];
    let argv = [
        "create",
        "nodegroup",
        "-f",
        &file.name,
        "--include",
        &new.name,
        "--timeout",
        CREATE_TIMEOUT,
    ];
    step.actions = vec![Action::Run {
        tool: "eksctl".to_owned(),
        argv: argv.iter().map(|arg| (*arg).to_owned()).collect(),
        files: vec![file],
    }];
    let active = Condition::NodegroupActive {
        nodegroup: new.name.clone(),
        version: Some(new.version),
    };
    step.wait = Some(wait(active, CREATE_WAIT_SECONDS));
    step.duration = draft.duration("create-nodegroup", Some(min));
    step.rollback = Rollback::Inverse {
        actions: vec![delete_action(draft, &new.name)],
    };
    step.reversible_until = Some(
        match new.replaces.as_ref().filter(|old| **old != new.name) {
            Some(old) => format!("until `{old}` is deleted"),
            None => "always".to_owned(),
        },
    );
    step
}

/// Returns eksctl's delete by exact name: globs and `-f` delete what nobody meant (seed guide, step 4.3).
pub(super) fn delete_action(draft: &Draft<'_>, name: &str) -> Action {
    let rest = [
        "-n",
        name,
        "--drain=false",
        "--wait",
        "--timeout",
        DELETE_TIMEOUT,
    ];
    draft.eksctl(&["delete", "nodegroup"], &rest)
}

/// Makes the step that checks whether a new group can take over.
///
/// `takes_over` says that it is made as large as the group whose pods move to it.
pub(super) fn verify(
    draft: &Draft<'_>,
    name: &str,
    version: KubeMinor,
    (at_least, takes_over): (u32, bool),
) -> Step {
    let mut step = draft.step(StepKind::VerifyNodegroup, name, &version.to_string());
    let why = if at_least == 0 {
        "The group starts empty; the autoscaler fills it. It is checked to be active at the version.".to_owned()
    } else if !takes_over {
        format!("At least {at_least} of its nodes are Ready at the version.")
    } else {
        format!(
            "At least {at_least} Ready nodes that can take the pods to move, before the old group is touched."
        )
    };
    step.reason = vec![why];
    let ready = Condition::NodesReady {
        nodegroup: name.to_owned(),
        at_least,
        version,
    };
    step.actions = vec![Action::Wait(wait(ready.clone(), CREATE_WAIT_SECONDS))];
    step.wait = Some(wait(ready, CREATE_WAIT_SECONDS));
    step.duration = draft.duration("verify-nodegroup", None);
    step
}

/// Makes a bake: watch the cluster's health against the baseline before the last change.
pub(super) fn bake(draft: &Draft<'_>, subject: &str, target: &str) -> Step {
    let seconds = draft.input.settings.bake;
    let mut step = draft.step(StepKind::Bake, subject, target);
    step.reason = vec![
        "Nodes, kube-system rollouts, Pending and CrashLoop pods must be no worse than before."
            .to_owned(),
    ];
    let condition = Condition::HealthNotWorse { seconds };
    // A bake fails on the first regression; the slack is for the last read.
    let slack = 600;
    step.actions = vec![Action::Wait(wait(
        condition.clone(),
        seconds.saturating_add(slack),
    ))];
    step.wait = Some(wait(condition, seconds.saturating_add(slack)));
    step.duration.min = u64::from(seconds);
    step.duration.typical = u64::from(seconds);
    step.duration.max = u64::from(seconds.saturating_add(slack));
    step.duration.source = "policy.bake of the fleet".to_owned();
    step
}

/// Makes the step that taints a group, so that nothing new lands on it.
///
/// Its bounds stay as they are: a maximum below the count that an autoscaler
/// chose meanwhile would end nodes with everything on them, and autoscalers add
/// no node to a group for pods that do not tolerate its taints.
pub(super) fn taint(draft: &Draft<'_>, name: &str, group: &Group) -> Step {
    let mut step = draft.step(
        StepKind::TaintNodegroup,
        name,
        &draft.control_plane.to_string(),
    );
    step.reason = vec![
        "New pods must land on the new group; the autoscaler trusts the taints of live nodes."
            .to_owned(),
    ];
    step.before = facts([("tainted", json!(false))]);
    step.after = facts([("tainted", json!(true))]);
    step.preconditions = vec![draft.identity(name)];
    step.actions = vec![mark_action(draft, name, group, "addOrUpdateTaints")];
    let tainted = Condition::NodegroupTainted {
        nodegroup: name.to_owned(),
    };
    step.wait = Some(wait(tainted, UPDATE_WAIT_SECONDS));
    step.duration = draft.duration("taint-nodegroup", None);
    step.rollback = Rollback::Inverse {
        actions: vec![mark_action(draft, name, group, "removeTaints")],
    };
    step.reversible_until = Some(format!("until `{name}` is deleted"));
    step
}

/// Taints or untaints every node of a group, those to come included where EKS does it.
fn mark_action(draft: &Draft<'_>, name: &str, group: &Group, change: &str) -> Action {
    if group.managed {
        let taint = json!([{"key": PHASE_OUT_TAINT, "value": "true", "effect": "NO_SCHEDULE"}]);
        return draft.eks(
            "UpdateNodegroupConfig",
            json!({"nodegroupName": name, "taints": {change: taint}}),
        );
    }
    let taint = json!({"key": PHASE_OUT_TAINT, "value": "true", "effect": "NoSchedule"});
    on_nodes("patch-nodes", name, json!({change: [taint]}))
}

/// Acts on the nodes of a group through the Kubernetes API.
fn on_nodes(verb: &str, name: &str, body: Value) -> Action {
    Action::Kube {
        verb: verb.to_owned(),
        object: format!("nodes?nodegroup={name}"),
        body,
        only_if: None,
    }
}

/// Makes the step that keeps an empty group empty until it is deleted.
pub(super) fn cordon(draft: &Draft<'_>, name: &str, group: &Group) -> Step {
    let mut step = taint(draft, name, group);
    step.kind = StepKind::CordonNodegroup;
    step.id = format!(
        "{}/{name}@{}",
        StepKind::CordonNodegroup.name(),
        draft.control_plane
    );
    step.reason = vec!["The group is empty; nothing new may land on it before it goes.".to_owned()];
    step
}

/// Makes the step that evicts a group's pods through the Eviction API.
pub(super) fn drain(draft: &Draft<'_>, name: &str, group: &Group, to: &str) -> Step {
    let mut step = draft.step(
        StepKind::DrainNodegroup,
        name,
        &draft.control_plane.to_string(),
    );
    step.reason = vec![format!(
        "Its pods move to `{to}` through the Eviction API, which honors budgets."
    )];
    step.reason.extend(draft.outlooks.get(name).cloned());
    step.preconditions = vec![
        draft.identity(name),
        Condition::NodegroupTainted {
            nodegroup: name.to_owned(),
        },
    ];
    let mut body = json!({"parallel": DRAIN_PARALLEL, "timeoutSeconds": DRAIN_WAIT_SECONDS});
    if super::drain::gives_up_bare_pods(draft, name) {
        body["barePods"] = json!(true);
        let lost =
            "Pods without a controller go too, and nobody makes them again: a waiver accepts that.";
        step.reason.push(lost.to_owned());
    }
    step.actions = vec![on_nodes("drain-nodes", name, body)];
    let empty = Condition::NodegroupEmpty {
        nodegroup: name.to_owned(),
    };
    step.wait = Some(wait(empty, DRAIN_WAIT_SECONDS));
    // The nodes are counted where they go: at the delete.
    step.disruption = Disruption {
        nodes: Some(0),
        ..draft.disruption(name, group)
    };
    step.duration = draft.duration("drain-nodegroup", group.nodes);
    let longest = draft.longest_drains.get(name).copied().unwrap_or(0);
    step.duration.max = step.duration.max.max(longest);
    step.rollback = Rollback::Inverse {
        actions: vec![on_nodes(
            "patch-nodes",
            name,
            json!({"unschedulable": false}),
        )],
    };
    step.reversible_until = Some(format!("until `{name}` is deleted"));
    step
}

/// Makes the step that waits until nobody is left on a tainted group.
pub(super) fn phase_out(draft: &Draft<'_>, name: &str) -> Step {
    let mut step = draft.step(StepKind::PhaseOut, name, &draft.control_plane.to_string());
    step.reason = vec![
        "Running sessions end by themselves; the run pauses here and anyone may resume it."
            .to_owned(),
    ];
    step.preconditions = vec![Condition::NodegroupTainted {
        nodegroup: name.to_owned(),
    }];
    let condition = Condition::NodegroupNotBusy {
        nodegroup: name.to_owned(),
        activity: draft.input.settings.activity.clone(),
    };
    let at_most = draft.input.settings.phase_out_at_most;
    // Sessions end on the scale of hours; a minute between reads is soon enough.
    let every = 60;
    let wait = super::wire::Wait {
        condition,
        at_most,
        every,
    };
    step.actions = vec![Action::Wait(wait.clone())];
    step.wait = Some(wait);
    step.disruption = super::drain::phased(draft, name).0;
    step.duration.max = u64::from(at_most);
    step.duration.typical = 86_400;
    step.duration.source =
        "public fleets: same day to 106 days; the bound is policy.phaseOutAtMost".to_owned();
    step
}

/// Makes the step that deletes a group by its exact name.
pub(super) fn delete(
    draft: &Draft<'_>,
    name: &str,
    group: &Group,
    successor: Option<&str>,
    reason: Vec<String>,
) -> Step {
    let mut step = draft.step(
        StepKind::DeleteNodegroup,
        name,
        &draft.control_plane.to_string(),
    );
    step.reason = reason;
    step.before = facts([
        ("version", version_value(group.version)),
        ("managed", json!(group.managed)),
    ]);
    step.preconditions = vec![
        draft.identity(name),
        Condition::NodegroupTainted {
            nodegroup: name.to_owned(),
        },
        Condition::NodegroupEmpty {
            nodegroup: name.to_owned(),
        },
    ];
    if let Some(successor) = successor {
        let nodegroup = successor.to_owned();
        step.preconditions.push(Condition::NodegroupActive {
            nodegroup,
            version: None,
        });
    }
    if group.core {
        let others = draft.groups.iter().filter(|(n, g)| g.core && *n != name);
        step.preconditions.push(Condition::CoreElsewhere {
            nodegroup: name.to_owned(),
            core: others.map(|(n, _)| n.clone()).collect(),
        });
    }
    step.actions = vec![delete_action(draft, name)];
    let gone = Condition::NodegroupAbsent {
        nodegroup: name.to_owned(),
    };
    step.wait = Some(wait(gone, DELETE_WAIT_SECONDS));
    step.disruption = Disruption {
        nodes: group.nodes,
        pods: Some(0),
        pdbs: Vec::new(),
        waiting: None,
    };
    step.duration = draft.duration("delete-nodegroup", None);
    step.rollback = way_back_from_delete(draft, name, group);
    step.irreversible = matches!(step.rollback, Rollback::Irreversible { .. });
    step
}

/// An empty group can be made again; nodes that ran cannot, nor a managed group at another version.
fn way_back_from_delete(draft: &Draft<'_>, name: &str, group: &Group) -> Rollback {
    let plane = draft.control_plane;
    if group.managed && group.version != Some(plane) {
        return Rollback::Irreversible {
            why: format!(
                "EKS makes managed groups only at the control plane's version {plane}, so `{name}` cannot come back as it was"
            ),
        };
    }
    if group.nodes != Some(0) {
        return Rollback::Irreversible {
            why: "its nodes and what was only on their disks are gone".to_owned(),
        };
    }
    let version = group
        .version
        .map_or_else(|| "its version".to_owned(), |v| v.to_string());
    Rollback::Manual {
        runbook: format!(
            "Create `{name}` again from the git revision that declared it, with `metadata.version: \"{version}\"`, while EKS offers its AMI."
        ),
    }
}

/// Makes the step with which EKS moves a managed group's nodes.
pub(super) fn upgrade_in_place(
    draft: &Draft<'_>,
    name: &str,
    group: &Group,
    version: KubeMinor,
    reason: Vec<String>,
) -> Step {
    let mut step = draft.step(StepKind::UpgradeNodegroup, name, &version.to_string());
    step.reason = reason;
    step.before = facts([("version", version_value(group.version))]);
    step.after = facts([("version", json!(version.to_string()))]);
    step.preconditions = vec![
        Condition::ControlPlaneSettled { version },
        Condition::NodegroupActive {
            nodegroup: name.to_owned(),
            version: None,
        },
    ];
    let input = json!({"nodegroupName": name, "version": version.to_string()});
    step.actions = vec![draft.eks("UpdateNodegroupVersion", input)];
    let active = Condition::NodegroupActive {
        nodegroup: name.to_owned(),
        version: Some(version),
    };
    step.wait = Some(wait(active, UPGRADE_NODEGROUP_WAIT_SECONDS));
    step.disruption = draft.disruption(name, group);
    step.duration = draft.duration("upgrade-nodegroup", group.nodes);
    step.rollback = Rollback::Irreversible {
        why: "EKS's documents contradict each other on moving a managed group back, and none can be made at an older version".to_owned(),
    };
    step.irreversible = true;
    step
}

/// Makes the step that sets scaling bounds.
pub(super) fn scale(
    draft: &Draft<'_>,
    name: &str,
    managed: bool,
    before: (u32, u32),
    after: (u32, u32),
    reason: Vec<String>,
) -> Step {
    let mut step = draft.step(
        StepKind::ScaleNodegroup,
        name,
        &format!("{}-{}", after.0, after.1),
    );
    step.reason = reason;
    step.before = facts([("minSize", json!(before.0)), ("maxSize", json!(before.1))]);
    step.after = facts([("minSize", json!(after.0)), ("maxSize", json!(after.1))]);
    step.preconditions = vec![Condition::NodegroupActive {
        nodegroup: name.to_owned(),
        version: None,
    }];
    step.actions = vec![scale_action(draft, name, managed, after)];
    let (min, max) = after;
    let scaled = Condition::NodegroupScaling {
        nodegroup: name.to_owned(),
        min,
        max,
    };
    step.wait = Some(wait(scaled, UPDATE_WAIT_SECONDS));
    step.duration = draft.duration("scale-nodegroup", None);
    step.rollback = Rollback::Inverse {
        actions: vec![scale_action(draft, name, managed, before)],
    };
    step.reversible_until = Some("always".to_owned());
    step
}

fn scale_action(draft: &Draft<'_>, name: &str, managed: bool, bounds: (u32, u32)) -> Action {
    if managed {
        let scaling = json!({"minSize": bounds.0, "maxSize": bounds.1});
        return draft.eks(
            "UpdateNodegroupConfig",
            json!({"nodegroupName": name, "scalingConfig": scaling}),
        );
    }
    let (min, max) = (bounds.0.to_string(), bounds.1.to_string());
    draft.eksctl(
        &["scale", "nodegroup"],
        &["-n", name, "--nodes-min", &min, "--nodes-max", &max],
    )
}

/// Makes the step that changes labels, taints or settings of a managed group in place.
pub(super) fn update(
    draft: &Draft<'_>,
    name: &str,
    (before, expected): (Map<String, Value>, Map<String, Value>),
    fields: Vec<String>,
    actions: Vec<Action>,
    undo: Vec<Action>,
) -> Step {
    let target = fields.join("+");
    let mut step = draft.step(StepKind::UpdateNodegroup, name, &target);
    step.reason = vec![format!(
        "Git changes {}; EKS does it in place.",
        fields.join(", ")
    )];
    step.preconditions = vec![Condition::NodegroupActive {
        nodegroup: name.to_owned(),
        version: None,
    }];
    step.actions = actions;
    let settled = Condition::NodegroupSettings {
        nodegroup: name.to_owned(),
        fields,
        expected,
        was: before,
    };
    step.wait = Some(wait(settled, UPDATE_WAIT_SECONDS));
    step.duration = draft.duration("update-nodegroup", None);
    step.rollback = Rollback::Inverse { actions: undo };
    step.reversible_until = Some("always".to_owned());
    step
}

impl Draft<'_> {
    /// The recheck before anything is taken away: the group is the one that the plan saw.
    pub(super) fn identity(&self, name: &str) -> Condition {
        let live = self.input.observed.nodegroup(name);
        let arn = live
            .and_then(|g| g.arn.value())
            .cloned()
            .unwrap_or_default();
        let created = live.and_then(|g| g.created_at.value());
        Condition::NodegroupIdentity {
            nodegroup: name.to_owned(),
            arn,
            created_at: created.map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Returns the pods that a drain of the group would move; none when unknown.
    pub(super) fn pods_to_move(&self, name: &str) -> Option<Vec<&Pod>> {
        super::drain::leaving(self.input.observed, name)
    }

    /// Returns who a drain of the group disturbs.
    pub(super) fn disruption(&self, name: &str, group: &Group) -> Disruption {
        super::drain::disruption(self.input.observed, name, group.nodes)
    }

    /// Returns the live scaling bounds of a group, as far as they were read.
    pub(super) fn scaling_of(&self, name: &str) -> (u32, u32) {
        let live = self.input.observed.nodegroup(name);
        let read = |key: &str| {
            live.and_then(|g| g.spec.get(key))
                .and_then(crate::model::clusterconfig::count_of)
        };
        crate::diff::normalize::scaling(read)
    }
}

/// Returns why a pod list cannot be told, for findings.
pub(super) fn unknown_pods(observed: &crate::model::Observation) -> Option<&str> {
    match (&observed.pods, &observed.nodes) {
        (Known::Unknown(why), _) => Some(why),
        (_, Known::Unknown(why)) => Some(why),
        _ => None,
    }
}

/// Returns a value as its JSON, for `before` and `after`.
pub(super) fn shown(value: Option<&Value>) -> Value {
    value.map_or(Value::Null, |value| {
        Value::String(crate::diff::normalize::show(value))
    })
}
