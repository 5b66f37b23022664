//! The plan while it is being made: the projected cluster, the steps so far, and what holds later ones back.

use super::wire::{
    Action, BlockedBy, Difference, Disruption, DurationRange, FileRef, Finding, LaterStep,
    Rollback, Severity, Step, StepKind, Wait, Waived,
};
use super::{PlanInput, StepFile};
use crate::diff::Differences;
use crate::diff::generation::has_phase_out_taint;
use crate::model::{AddonVersion, Condition, Digest, Known, KubeMinor};
use crate::policy::addons::{AddonState, CORE_ADDONS, live_addon};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A group of the projected cluster.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// Managed by EKS.
    pub(super) managed: bool,
    /// The minor of its nodes, and of what it would boot; none when unknown.
    pub(super) version: Option<KubeMinor>,
    /// Its name in git.
    pub(super) git: Option<String>,
    /// It carries the core role.
    pub(super) core: bool,
    /// How many nodes it has; none when unknown.
    pub(super) nodes: Option<u32>,
}

/// The plan while it is being made.
pub(super) struct Draft<'a> {
    pub(super) input: &'a PlanInput<'a>,
    pub(super) differences: Differences,
    /// The projected control plane.
    pub(super) control_plane: KubeMinor,
    /// The projected groups by live name.
    pub(super) groups: BTreeMap<String, Group>,
    /// The projected EKS-managed add-ons.
    pub(super) addons: BTreeMap<String, AddonVersion>,
    /// The projected self-managed core add-ons; no version when unknown.
    pub(super) self_managed: BTreeMap<String, Option<AddonVersion>>,
    /// Every name that is taken or was once.
    pub(super) names: BTreeSet<String>,
    pub(super) steps: Vec<Step>,
    pub(super) later: Vec<LaterStep>,
    pub(super) findings: Vec<Finding>,
    pub(super) files: BTreeMap<String, StepFile>,
    /// What holds back every step that follows.
    pub(super) chain: Option<BlockedBy>,
    /// Groups replaced by this plan: old name → new name.
    pub(super) replaced: BTreeMap<String, String>,
    /// Groups whose own move is held back.
    pub(super) stuck: BTreeMap<String, Stuck>,
    /// Tainted groups that wait for their people, in order: old name and successor.
    pub(super) leaving: Vec<(String, Option<String>)>,
    /// How the drain of a group went when it was played through, in a sentence.
    pub(super) outlooks: BTreeMap<String, String>,
    /// How long the slowest budget makes the drain of a group, in seconds.
    pub(super) longest_drains: BTreeMap<String, u64>,
    /// Groups that this plan empties with no group that takes over.
    pub(super) emptied: BTreeSet<String>,
    /// Some budget that may hold a drain is not known in full.
    pub(super) unread_budgets: bool,
    /// What drains need to know and nobody recorded, with the groups that it concerns.
    pub(super) unread: BTreeMap<String, BTreeSet<String>>,
}

/// A group whose own move is held back: nothing else may count on it.
#[derive(Clone, Debug)]
pub(super) struct Stuck {
    /// The first step that is held back.
    pub(super) step: String,
    /// What the move would have made of the groups.
    made: BTreeMap<String, Group>,
    gone: BTreeSet<String>,
    replaced: BTreeMap<String, String>,
}

/// Five seconds between reads: EKS and CloudFormation change within tens of seconds, and throttle pollers.
pub(super) const POLL_SECONDS: u32 = 5;

impl<'a> Draft<'a> {
    pub(super) fn new(input: &'a PlanInput<'a>, differences: Differences, now: KubeMinor) -> Self {
        let mut draft = Self {
            input,
            differences,
            control_plane: now,
            groups: BTreeMap::new(),
            addons: BTreeMap::new(),
            self_managed: BTreeMap::new(),
            names: input.observed.past_nodegroups.clone(),
            steps: Vec::new(),
            later: Vec::new(),
            findings: Vec::new(),
            files: BTreeMap::new(),
            chain: None,
            replaced: BTreeMap::new(),
            stuck: BTreeMap::new(),
            leaving: Vec::new(),
            outlooks: BTreeMap::new(),
            longest_drains: BTreeMap::new(),
            emptied: BTreeSet::new(),
            unread_budgets: false,
            unread: BTreeMap::new(),
        };
        draft.project_groups();
        for core in CORE_ADDONS {
            if let AddonState::SelfManaged(workload) = live_addon(input.observed, core.addon) {
                let version = workload.version.value().cloned();
                draft.self_managed.insert(core.addon.to_owned(), version);
            }
        }
        for addon in input.observed.addons.items() {
            if let Some(version) = addon.version.value() {
                draft.addons.insert(addon.name.clone(), version.clone());
            }
        }
        draft
    }

    fn project_groups(&mut self) {
        let by_live: BTreeMap<&str, &str> = self
            .differences
            .matching
            .pairs
            .iter()
            .map(|(git, (live, _))| (live.as_str(), git.as_str()))
            .collect();
        let any_core = self.input.any_core_group();
        for live in self.input.observed.nodegroups.items() {
            let nodes = match &self.input.observed.nodes {
                Known::Unknown(_) => None,
                Known::Value(_) | Known::Absent => {
                    let count = self.input.observed.nodes_of(&live.name).count();
                    Some(u32::try_from(count).unwrap_or(u32::MAX))
                }
            };
            self.names.insert(live.name.clone());
            let group = Group {
                managed: live.managed,
                version: self.input.oldest_kubelet_of(live),
                git: by_live.get(live.name.as_str()).map(|git| (*git).to_owned()),
                core: self.input.is_core(&live.name, &live.spec, any_core),
                nodes,
            };
            self.groups.insert(live.name.clone(), group);
        }
        self.names
            .extend(self.input.desired.nodegroups.keys().cloned());
    }

    /// Adds a step; `own` is what holds back this very step. Returns true when it can run.
    pub(super) fn emit(&mut self, step: Step, own: Vec<BlockedBy>) -> bool {
        let mut blocked_by: Vec<BlockedBy> = Vec::new();
        for blocker in own {
            if !blocked_by.contains(&blocker) {
                blocked_by.push(blocker);
            }
        }
        if let Some(chain) = &self.chain {
            blocked_by.push(chain.clone());
        }
        if blocked_by.is_empty() {
            self.steps.push(step);
            return true;
        }
        self.later.push(LaterStep { step, blocked_by });
        false
    }

    /// From here on nothing runs before `step_id` is done.
    pub(super) fn hold_everything_after(&mut self, step_id: &str) {
        if self.chain.is_none() {
            self.chain = Some(after(step_id));
            self.pretend_unstuck();
        }
    }

    /// Carries out the move of one group as a unit.
    ///
    /// `unit` says whether something holds back this very group. If so, the
    /// group stays where it is for whatever else the plan does.
    pub(super) fn unit(&mut self, group: &str, unit: impl FnOnce(&mut Self) -> bool) {
        if self.stuck.contains_key(group) {
            return;
        }
        let (groups, replaced) = (self.groups.clone(), self.replaced.clone());
        let held_before = self.later.len();
        let free = self.chain.is_none();
        let held = unit(self);
        if !held || !free {
            return;
        }
        let after = std::mem::replace(&mut self.groups, groups);
        let now_replaced = std::mem::replace(&mut self.replaced, replaced);
        let gone = self
            .groups
            .keys()
            .filter(|name| !after.contains_key(*name))
            .cloned()
            .collect();
        let made = after
            .into_iter()
            .filter(|(name, g)| self.groups.get(name) != Some(g))
            .collect();
        if let Some(first) = self.later.get(held_before) {
            let step = first.step.id.clone();
            let stuck = Stuck {
                step,
                made,
                gone,
                replaced: now_replaced,
            };
            self.stuck.insert(group.to_owned(), stuck);
        }
    }

    /// From here on everything waits, for these moves too: the rest is planned as if they were done.
    fn pretend_unstuck(&mut self) {
        for stuck in std::mem::take(&mut self.stuck).into_values() {
            self.groups.retain(|name, _| !stuck.gone.contains(name));
            self.groups.extend(stuck.made);
            self.replaced.extend(stuck.replaced);
        }
    }

    /// Adds a finding unless the same one is there.
    pub(super) fn find(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Adds a blocking finding and returns what it holds back, or nothing when a waiver covers it.
    pub(super) fn block(&mut self, mut finding: Finding) -> Vec<BlockedBy> {
        if finding.severity == Severity::Blocking
            && let Some(waived) = waived_by(self.input, &finding.code, &finding.subject)
        {
            finding.severity = Severity::Warning;
            finding.message = format!(
                "{} Waived until {} by {}: {}.",
                finding.message,
                waived.expires.day(),
                waived.owner,
                waived.reason.trim_end_matches('.')
            );
            finding.waived = Some(waived);
            self.find(finding);
            return Vec::new();
        }
        let blocked = BlockedBy {
            code: finding.code.clone(),
            subject: finding.subject.clone(),
            why: finding.message.clone(),
        };
        self.find(finding);
        vec![blocked]
    }

    /// Keeps a file for a step and returns how actions name it.
    pub(super) fn file(&mut self, name: String, file: StepFile) -> FileRef {
        let digest = Digest::of(file.text.as_bytes()).to_string();
        self.files.insert(name.clone(), file);
        FileRef { name, digest }
    }

    /// Returns the duration of an operation on `nodes` nodes.
    pub(super) fn duration(&self, operation: &str, nodes: Option<u32>) -> DurationRange {
        // The catalog times what EKS and Kubernetes do, under their names.
        let operation = match operation {
            "taint-nodegroup" => "taint",
            "verify-nodegroup" => "verify",
            "update-nodegroup" => "scale-nodegroup",
            other => other,
        };
        let Some(entry) = self.input.catalog.duration(operation) else {
            return DurationRange {
                source: "not catalogued".to_owned(),
                ..Default::default()
            };
        };
        let times = match entry.per {
            crate::catalog::Per::Operation => 1,
            crate::catalog::Per::Node => u64::from(nodes.unwrap_or(1).max(1)),
        };
        DurationRange {
            min: entry.min_seconds * times,
            typical: entry.typical_seconds * times,
            max: entry.max_seconds * times,
            source: entry.source.clone(),
        }
    }

    /// Returns a step with nothing but its name and kind.
    pub(super) fn step(&self, kind: StepKind, subject: &str, target: &str) -> Step {
        Step {
            id: format!("{}/{subject}@{target}", kind.name()),
            kind,
            cluster: self.input.name.clone(),
            subject: subject.to_owned(),
            before: BTreeMap::new(),
            after: BTreeMap::new(),
            reason: Vec::new(),
            preconditions: Vec::new(),
            actions: Vec::new(),
            wait: None,
            disruption: Disruption {
                nodes: Some(0),
                pods: Some(0),
                pdbs: Vec::new(),
            },
            duration: DurationRange::default(),
            rollback: Rollback::NothingToUndo,
            reversible_until: None,
            irreversible: false,
        }
    }

    /// Returns eksctl's arguments that name the cluster.
    pub(super) fn cluster_args(&self) -> [String; 4] {
        let cluster = &self.input.desired.cluster;
        [
            "-c".to_owned(),
            cluster.name.clone(),
            "-r".to_owned(),
            cluster.region.clone(),
        ]
    }

    /// Returns an action that runs eksctl.
    pub(super) fn eksctl(&self, verbs: &[&str], rest: &[&str]) -> Action {
        let mut argv: Vec<String> = verbs.iter().map(|verb| (*verb).to_owned()).collect();
        argv.extend(self.cluster_args());
        argv.extend(rest.iter().map(|arg| (*arg).to_owned()));
        Action::Run {
            tool: "eksctl".to_owned(),
            argv,
            files: Vec::new(),
        }
    }

    /// Returns an action that calls the EKS API on this cluster.
    pub(super) fn eks(&self, operation: &str, input: Value) -> Action {
        let mut map = Map::new();
        // UpdateClusterConfig names the cluster `name`; nodegroup and add-on calls, `clusterName`.
        let key = if operation == "UpdateClusterConfig" {
            "name"
        } else {
            "clusterName"
        };
        map.insert(
            key.to_owned(),
            Value::String(self.input.desired.cluster.name.clone()),
        );
        if let Value::Object(rest) = input {
            map.extend(rest);
        }
        Action::Aws {
            service: "eks".to_owned(),
            operation: operation.to_owned(),
            input: map,
        }
    }

    /// Returns what a group was replaced by, as often as this plan replaced it.
    pub(super) fn newest_of(&self, name: String) -> String {
        // Each replacement takes a new name, so the chain is no longer than the map.
        (0..self.replaced.len()).fold(name, |name, _| {
            self.replaced.get(&name).cloned().unwrap_or(name)
        })
    }

    /// Returns true for a group that this plan made.
    pub(super) fn made_here(&self, name: &str) -> bool {
        self.replaced.values().any(|made| made == name)
    }

    /// Returns true when the live group carries stairway's taint already.
    pub(super) fn is_marked(&self, name: &str) -> bool {
        !self.made_here(name)
            && self
                .input
                .observed
                .nodegroup(name)
                .is_some_and(has_phase_out_taint)
    }

    /// Returns true when the owner leaves this difference alone.
    pub(super) fn is_ignored(&self, subject: &str, field: &str) -> bool {
        let key = (subject.to_owned(), field.to_owned());
        self.differences.ignored.contains(&key)
    }

    /// Returns differences whose subject is a group, for reasons.
    pub(super) fn differences_of(&self, subject: &str) -> impl Iterator<Item = &Difference> {
        self.differences
            .list
            .iter()
            .filter(move |difference| difference.subject == subject)
    }
}

/// Returns the waiver that covers a finding of this plan now.
pub(super) fn waived_by(input: &PlanInput<'_>, code: &str, subject: &str) -> Option<Waived> {
    let mut waivers = input.settings.waivers.iter();
    let at = input.decided_at();
    let waiver = waivers.find(|waiver| waiver.covers(code, &input.name, subject, at))?;
    Some(Waived {
        owner: waiver.owner.clone(),
        reason: waiver.reason.clone(),
        expires: waiver.expires,
    })
}

/// A wait that polls at the usual pace.
pub(super) fn wait(condition: Condition, at_most: u32) -> Wait {
    Wait {
        condition,
        at_most,
        every: POLL_SECONDS,
    }
}

/// What holds back a step that comes after another.
pub(super) fn after(step_id: &str) -> BlockedBy {
    BlockedBy {
        code: "after".to_owned(),
        subject: step_id.to_owned(),
        why: format!("`{step_id}` comes first"),
    }
}

/// A finding with everything that most have.
pub(super) fn finding(code: &str, rule: &str, severity: Severity, subject: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        rule: rule.to_owned(),
        severity,
        subject: subject.to_owned(),
        message: String::new(),
        remedy: String::new(),
        source: String::new(),
        not_assessed: false,
        objects: Vec::new(),
        applies: None,
        waived: None,
    }
}

/// Turns pairs into the flat map of a step's `before` or `after`.
pub(super) fn facts<const N: usize>(pairs: [(&str, Value); N]) -> BTreeMap<String, Value> {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// Writes a version, or that it is unknown.
pub(super) fn version_value(version: Option<KubeMinor>) -> Value {
    version.map_or(Value::Null, |version| Value::String(version.to_string()))
}
