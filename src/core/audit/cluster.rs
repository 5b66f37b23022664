//! Interprets a plan's actions on a picture of the cluster, and judges every prefix.

mod kubernetes;

use super::argv::{self, Command};
use super::{Faults, Subject};
use crate::catalog::{Bootstrap, SupportState};
use crate::model::{AddonVersion, Condition, KubeMinor, LiveNodegroup, Node, Observation};
use crate::plan::wire::{Action, LaterStep, Step, StepKind};
use kubernetes::Call;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The auditor's own copy of the law: a kubelet may be this many minors behind …
const BEHIND_MAX: u16 = 3;
/// … or this many, below 1.25.
const BEHIND_MAX_OLD: u16 = 2;
/// The first kubelet with the longer lag.
const LONGER_SINCE: u16 = 25;
/// The tag with which a new group says whom it replaces.
const REPLACES: &str = "stairway/replaces";
/// The taint of groups on their way out.
const TAINT: &str = "stairway/phase-out";

#[derive(Clone, Debug, Default)]
struct Group {
    managed: bool,
    version: Option<KubeMinor>,
    core: bool,
    empty: bool,
    marked: bool,
    verified: bool,
    made_here: bool,
    replaced_by: Option<String>,
}

/// The cluster as far as the plan has got.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    control_plane: Option<KubeMinor>,
    groups: BTreeMap<String, Group>,
    addons: BTreeMap<String, AddonVersion>,
    outside: Vec<(String, KubeMinor)>,
    /// A hop whose bake has not been seen yet.
    unbaked: bool,
    gone: BTreeSet<String>,
}

/// A managed group carries the taint itself; of a self-managed one, every node does.
fn is_marked(live: &LiveNodegroup, observed: &Observation) -> bool {
    let mut nodes = observed.nodes_of(&live.name).peekable();
    let tainted = |node: &Node| node.taints.iter().any(|taint| taint == TAINT);
    crate::diff::generation::has_phase_out_taint(live)
        || (!live.managed && nodes.peek().is_some() && nodes.all(tainted))
}

impl Cluster {
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let observed = subject.observed;
        let mut groups = BTreeMap::new();
        for live in observed.nodegroups.items() {
            let oldest = observed
                .nodes_of(&live.name)
                .filter_map(|node| node.kubelet.value().map(|kubelet| kubelet.minor()))
                .chain(live.version.value().copied())
                .min();
            let known_nodes = !observed.nodes.is_unknown();
            groups.insert(
                live.name.clone(),
                Group {
                    managed: live.managed,
                    version: oldest,
                    core: (subject.is_core)(&live.name, &live.spec),
                    empty: known_nodes && observed.nodes_of(&live.name).next().is_none(),
                    marked: is_marked(live, observed),
                    verified: true,
                    ..Group::default()
                },
            );
        }
        let addons = observed
            .addons
            .items()
            .iter()
            .filter_map(|addon| Some((addon.name.clone(), addon.version.value()?.clone())));
        let outside = observed
            .nodes
            .items()
            .iter()
            .filter(|node| node.nodegroup.is_none());
        Self {
            control_plane: observed.version(),
            groups,
            addons: addons.collect(),
            outside: outside
                .filter_map(|n| Some((n.name.clone(), n.kubelet.value()?.minor())))
                .collect(),
            unbaked: false,
            gone: BTreeSet::new(),
        }
    }

    /// Judges a held-back step. What holds it back by name may be what is wrong
    /// with it, so only steps that merely wait for another are judged in full.
    pub(super) fn run_later(
        &mut self,
        later: &LaterStep,
        subject: &Subject<'_>,
        faults: &mut Faults,
    ) {
        let only_waits = later
            .blocked_by
            .iter()
            .all(|blocker| blocker.code == "after");
        if only_waits {
            self.run(&later.step, subject, faults);
        } else {
            self.run(&later.step, subject, &mut Faults::default());
        }
    }

    pub(super) fn run(&mut self, step: &Step, subject: &Subject<'_>, faults: &mut Faults) {
        let acts = !matches!(
            step.kind,
            StepKind::Bake | StepKind::Check | StepKind::Notify
        );
        if self.unbaked && acts {
            faults.add(
                "R9",
                step,
                "It acts on a new control plane before the bake.".to_owned(),
            );
        }
        for action in &step.actions {
            match action {
                Action::Run { argv, files, .. } => {
                    let command = argv::read(argv);
                    let file = files.first().and_then(|file| subject.files.get(&file.name));
                    let file = file.and_then(|file| serde_json::from_str(&file.text).ok());
                    self.eksctl(&command, file, step, subject, faults);
                }
                Action::Aws {
                    operation, input, ..
                } => {
                    self.eks(operation, input, step, subject, faults);
                }
                Action::Kube {
                    verb,
                    object,
                    body,
                    only_if,
                } => {
                    let call = Call {
                        verb,
                        object,
                        body,
                        only_if: only_if.as_ref(),
                    };
                    self.kubernetes(&call, step, subject, faults);
                }
                Action::Wait(wait) => self.waited(&wait.condition, step),
            }
        }
        if step.kind == StepKind::Bake {
            self.unbaked = false;
        }
    }

    fn eksctl(
        &mut self,
        command: &Command<'_>,
        file: Option<Value>,
        step: &Step,
        subject: &Subject<'_>,
        faults: &mut Faults,
    ) {
        let cluster = &subject.observed.cluster.name;
        let named = command.get(&["n", "name", "c", "cluster"]);
        if command.verb != "create nodegroup"
            && !command.verb.ends_with(" addon")
            && command.get(&["c", "cluster"]).or(named) != Some(cluster.as_str())
        {
            faults.add(
                "law 6",
                step,
                "The command names another cluster.".to_owned(),
            );
        }
        match command.verb.as_str() {
            "upgrade cluster" => self.hop(command, step, subject, faults),
            "create nodegroup" => self.create(command, file.as_ref(), step, subject, faults),
            "delete nodegroup" => self.delete(command, step, faults),
            "scale nodegroup" | "delete addon" => {}
            "update addon" | "create addon" => self.addon_file(file.as_ref(), step, faults),
            "utils update-kube-proxy" | "utils update-aws-node" | "utils update-coredns" => {
                if !command.has("approve") {
                    faults.add(
                        "law 6",
                        step,
                        "Without --approve it does nothing.".to_owned(),
                    );
                }
            }
            other => faults.add(
                "law 6",
                step,
                format!("`eksctl {other}` is not in the law."),
            ),
        }
    }

    fn hop(
        &mut self,
        command: &Command<'_>,
        step: &Step,
        subject: &Subject<'_>,
        faults: &mut Faults,
    ) {
        let to: Option<KubeMinor> = command.get(&["version"]).and_then(|text| text.parse().ok());
        let (Some(to), Some(from)) = (to, self.control_plane) else {
            faults.add(
                "R1",
                step,
                "The hop has no exact version to or from.".to_owned(),
            );
            return;
        };
        if !command.has("approve") || command.has("f") {
            faults.add(
                "law 6",
                step,
                "The hop must be by name and approved.".to_owned(),
            );
        }
        let up = step.kind == StepKind::UpgradeControlPlane && to == from.next();
        let down = step.kind == StepKind::RollbackControlPlane
            && subject.plan.rollback
            && Some(to) == from.previous();
        if !up && !down {
            faults.add(
                "R1",
                step,
                format!("{from} to {to} is not one minor in the plan's direction."),
            );
        }
        self.claims(step, to, faults);
        if !step
            .preconditions
            .contains(&Condition::ControlPlaneSettled { version: from })
        {
            faults.add(
                "R1",
                step,
                "It does not wait for a settled control plane.".to_owned(),
            );
        }
        if up && !support_is_open(subject, to) {
            faults.add(
                "R6",
                step,
                format!("EKS does not support {to} at that time."),
            );
        }
        for (name, version) in self.kubelets() {
            let limit = if version.minor() < LONGER_SINCE {
                BEHIND_MAX_OLD
            } else {
                BEHIND_MAX
            };
            let too_old = up && to.minor() > version.minor() + limit;
            if too_old || (down && version > to) {
                faults.add(
                    "R2",
                    step,
                    format!("`{name}` at {version} may not serve under {to}."),
                );
            }
        }
        self.control_plane = Some(to);
        self.unbaked = true;
    }

    fn kubelets(&self) -> Vec<(String, KubeMinor)> {
        let groups = self
            .groups
            .iter()
            .filter_map(|(name, g)| Some((name.clone(), g.version?)));
        groups.chain(self.outside.iter().cloned()).collect()
    }

    /// What a step says about its end must be what its actions do.
    fn claims(&self, step: &Step, version: KubeMinor, faults: &mut Faults) {
        let said = step.after.get("version").and_then(Value::as_str);
        if said != Some(version.to_string().as_str()) {
            faults.add(
                "law 6",
                step,
                format!("It says {said:?}, and its actions say {version}."),
            );
        }
    }

    fn create(
        &mut self,
        command: &Command<'_>,
        file: Option<&Value>,
        step: &Step,
        subject: &Subject<'_>,
        faults: &mut Faults,
    ) {
        let Some(made) = file.and_then(Made::read) else {
            let message = "Its file is missing, is not JSON, or holds no group.".to_owned();
            faults.add("R4", step, message);
            return;
        };
        if made.groups != 1 {
            let message = "Its file holds more than that step's group.".to_owned();
            faults.add("R4", step, message);
        }
        let name = made.name.clone();
        if command.get(&["include"]) != Some(name.as_str()) || name != step.subject {
            let message = format!("The file's group `{name}` is not the step's.");
            faults.add("law 6", step, message);
        }
        if made.cluster != subject.observed.cluster.name {
            faults.add("law 6", step, "Its file is of another cluster.".to_owned());
        }
        let (Some(version), Some(plane)) = (made.version, self.control_plane) else {
            faults.add("R3", step, "Its file has no exact version.".to_owned());
            return;
        };
        self.claims(step, version, faults);
        if made.managed && version != plane {
            let message = format!("EKS makes managed groups at {plane} only, not at {version}.");
            faults.add("R3", step, message);
        }
        if version > plane {
            let message = format!("Its nodes ({version}) would be ahead of {plane}.");
            faults.add("R2", step, message);
        }
        if al2_is_wanted(&made.spec, version, subject) {
            let message = format!("There is no Amazon Linux 2 for {version}.");
            faults.add("R4", step, message);
        }
        if self.groups.contains_key(&name) {
            let message = format!("`{name}` exists; eksctl would skip it and exit 0.");
            faults.add("R7", step, message);
        }
        self.remember(made, version, step, subject);
    }

    /// Keeps a new group, with the role of the one that it replaces.
    fn remember(&mut self, made: Made, version: KubeMinor, step: &Step, subject: &Subject<'_>) {
        let core = made
            .spec
            .as_object()
            .is_some_and(|spec| (subject.is_core)(&made.name, spec));
        let old = made.replaces.and_then(|old| self.groups.get_mut(&old));
        let core = core || old.as_ref().is_some_and(|group| group.core);
        if let Some(old) = old {
            old.replaced_by = Some(made.name.clone());
        }
        let group = Group {
            managed: made.managed,
            version: Some(version),
            core,
            empty: step.after.get("minSize") == Some(&Value::from(0)),
            made_here: true,
            ..Group::default()
        };
        self.groups.insert(made.name, group);
    }

    fn delete(&mut self, command: &Command<'_>, step: &Step, faults: &mut Faults) {
        let name = command.get(&["n", "name"]).unwrap_or_default().to_owned();
        if name != step.subject {
            faults.add("law 6", step, format!("It deletes `{name}`."));
        }
        if !command.has("wait") {
            let message = "Without --wait the next create is silently skipped.".to_owned();
            faults.add("R7", step, message);
        }
        if command.get(&["drain"]) != Some("false") {
            faults.add("R13", step, "Draining is a step of its own.".to_owned());
        }
        let identity = |c: &Condition| matches!(c, Condition::NodegroupIdentity { nodegroup, .. } if *nodegroup == name);
        if !step.preconditions.iter().any(identity) {
            faults.add(
                "R7",
                step,
                "It does not recheck whose group it deletes.".to_owned(),
            );
        }
        let Some(group) = self.groups.get(&name).cloned() else {
            faults.add("R7", step, format!("`{name}` does not exist."));
            return;
        };
        if !group.marked {
            faults.add("R7", step, format!("`{name}` was not tainted first."));
        }
        if !group.empty {
            faults.add("R7", step, format!("`{name}` was not emptied first."));
        }
        if let Some(new) = &group.replaced_by
            && !self.groups.get(new).is_some_and(|g| g.verified)
        {
            faults.add(
                "R7",
                step,
                format!("`{new}` was not verified before `{name}` goes."),
            );
        }
        if group.made_here && group.replaced_by.is_none() {
            faults.add(
                "R7",
                step,
                format!("This plan made `{name}`, and nothing replaces it."),
            );
        }
        let others = self
            .groups
            .iter()
            .any(|(other, g)| *other != name && g.core && g.verified);
        if group.core && !others {
            faults.add("R7", step, format!("`{name}` is the last core group."));
        }
        self.groups.remove(&name);
        self.gone.insert(name);
    }

    fn eks(
        &mut self,
        operation: &str,
        input: &Map<String, Value>,
        step: &Step,
        subject: &Subject<'_>,
        faults: &mut Faults,
    ) {
        let text = |key: &str| input.get(key).and_then(Value::as_str);
        let cluster = text("clusterName").or(text("name"));
        if cluster != Some(subject.observed.cluster.name.as_str()) {
            faults.add("law 6", step, "The call names another cluster.".to_owned());
        }
        match operation {
            "UpdateNodegroupVersion" => {
                let version: Option<KubeMinor> = text("version").and_then(|v| v.parse().ok());
                let name = text("nodegroupName").unwrap_or_default().to_owned();
                let Some(version) = version else {
                    faults.add("R3", step, "It names no version.".to_owned());
                    return;
                };
                if Some(version) != self.control_plane {
                    faults.add("R3", step, format!("{version} is not the control plane's."));
                }
                self.claims(step, version, faults);
                match self.groups.get_mut(&name) {
                    Some(group) if group.managed => group.version = Some(version),
                    Some(_) => faults.add("R3", step, format!("`{name}` is not managed by EKS.")),
                    None => faults.add("R3", step, format!("`{name}` does not exist.")),
                }
            }
            "UpdateNodegroupConfig" => {
                let marks = input.get("taints").and_then(|t| t.get("addOrUpdateTaints"));
                let name = text("nodegroupName").unwrap_or_default().to_owned();
                if marks.is_some_and(|list| list.to_string().contains(TAINT)) {
                    self.mark(&name, step, faults);
                }
            }
            "UpdateAddon" => {
                let name = text("addonName").unwrap_or_default();
                self.addon(name, text("addonVersion"), step, faults);
            }
            "UpdateClusterConfig" | "TagResource" | "UntagResource" => {}
            other => faults.add("law 6", step, format!("`{other}` is not in the law.")),
        }
    }

    /// Tainting is the first touch of an old group: its successor must be verified.
    fn mark(&mut self, name: &str, step: &Step, faults: &mut Faults) {
        let successor = self
            .groups
            .get(name)
            .and_then(|group| group.replaced_by.clone());
        if let Some(new) = successor
            && !self.groups.get(&new).is_some_and(|group| group.verified)
        {
            faults.add(
                "R7",
                step,
                format!("`{name}` is touched before `{new}` is verified."),
            );
        }
        if let Some(group) = self.groups.get_mut(name) {
            group.marked = true;
        }
    }

    fn waited(&mut self, condition: &Condition, step: &Step) {
        if let Condition::NodesReady { nodegroup, .. } = condition
            && step.kind == StepKind::VerifyNodegroup
            && let Some(group) = self.groups.get_mut(nodegroup)
        {
            group.verified = true;
        }
        if let Condition::NodegroupNotBusy { nodegroup, .. } = condition
            && let Some(group) = self.groups.get_mut(nodegroup)
        {
            group.empty = true;
        }
    }

    fn addon_file(&mut self, file: Option<&Value>, step: &Step, faults: &mut Faults) {
        let list = file
            .and_then(|file| file.get("addons"))
            .and_then(Value::as_array);
        let Some([addon]) = list.map(Vec::as_slice) else {
            faults.add(
                "R9",
                step,
                "Its file holds not exactly one add-on.".to_owned(),
            );
            return;
        };
        let text = |key: &str| addon.get(key).and_then(Value::as_str);
        if text("name") != Some(step.subject.as_str()) {
            faults.add("R9", step, "Its file is of another add-on.".to_owned());
        }
        self.addon(&step.subject, text("version"), step, faults);
    }

    fn addon(&mut self, name: &str, version: Option<&str>, step: &Step, faults: &mut Faults) {
        if name != step.subject {
            faults.add("law 6", step, format!("It changes `{name}`."));
        }
        let parsed: Option<AddonVersion> = version.and_then(|text| text.parse().ok());
        let Some(version) = parsed else {
            faults.add("R9", step, format!("{version:?} is no exact version."));
            return;
        };
        let said = step.after.get("version").and_then(Value::as_str);
        if said != Some(version.as_str()) {
            faults.add(
                "law 6",
                step,
                format!("It says {said:?}, and its actions say {version}."),
            );
        }
        if name == "kube-proxy" && version.kube_minor() > self.control_plane {
            faults.add(
                "R9",
                step,
                format!("{version} is newer than the control plane."),
            );
        }
        if let (Some(now), "vpc-cni") = (self.addons.get(name), name) {
            let ((major, one), (other_major, other)) = (now.major_minor(), version.major_minor());
            if major == other_major && one.abs_diff(other) > 1 && step.kind == StepKind::UpdateAddon
            {
                // A missing stop is a gap of the catalog; a stop that exists must be taken.
                faults.add(
                    "R9",
                    step,
                    format!("{now} to {version} skips minors of vpc-cni."),
                );
            }
        }
        self.addons.insert(name.to_owned(), version);
    }
}

/// What a create step's file asks for.
struct Made {
    cluster: String,
    version: Option<KubeMinor>,
    name: String,
    managed: bool,
    groups: usize,
    replaces: Option<String>,
    spec: Value,
}

impl Made {
    fn read(file: &Value) -> Option<Self> {
        let list = |key: &str| file.get(key).and_then(Value::as_array);
        let (managed, unmanaged) = (list("managedNodeGroups"), list("nodeGroups"));
        let groups = managed.map_or(0, Vec::len) + unmanaged.map_or(0, Vec::len);
        let first = managed.and_then(|groups| groups.first());
        let spec = first.or(unmanaged.and_then(|groups| groups.first()))?;
        let text =
            |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let metadata = file.get("metadata")?;
        Some(Self {
            cluster: text(metadata, "name")?,
            version: text(metadata, "version").and_then(|text| text.parse().ok()),
            name: text(spec, "name")?,
            managed: first.is_some(),
            groups,
            replaces: spec.get("tags").and_then(|tags| text(tags, REPLACES)),
            spec: spec.clone(),
        })
    }
}

fn support_is_open(subject: &Subject<'_>, minor: KubeMinor) -> bool {
    let Some(at) = subject.plan.inputs.at else {
        return true;
    };
    match subject.catalog.support_state(minor, at) {
        SupportState::Standard { .. }
        | SupportState::Extended { .. }
        | SupportState::Uncatalogued => true,
        SupportState::NotYetOffered { .. } | SupportState::Ended { .. } => false,
    }
}

fn al2_is_wanted(spec: &Value, version: KubeMinor, subject: &Subject<'_>) -> bool {
    /// Amazon Linux 2 ends with 1.32.
    const LAST: u16 = 32;
    let family = spec
        .get("amiFamily")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let known = subject.catalog.ami_family(family);
    let shell = known.is_some_and(|family| family.bootstrap == Bootstrap::Shell);
    version.minor() > LAST && (shell || family == "AmazonLinux2")
}
