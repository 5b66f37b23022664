//! From desired and observed to a plan: synchronous, deterministic, total.

use super::draft::Draft;
use super::wire::{
    BlockedBy, Finding, GroupStart, Identity, Inputs, LaterStep, PLAN_FORMAT, Plan, Severity,
    Summary, Tool,
};
use super::{addons, hops, nodes, preflight, rollback, summary, windows};
use crate::catalog::Catalog;
use crate::diff::{Differences, compare};
use crate::model::clusterconfig::{Desired, labels_of, read_taints};
use crate::model::{KubeMinor, LiveNodegroup, Observation, Timestamp};
use crate::policy::settings::Settings;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a plan is made from. Equal inputs give equal bytes.
#[derive(Clone, Debug)]
pub struct PlanInput<'a> {
    /// Fleet alias of the cluster, or its name.
    pub name: String,
    /// What git asks for.
    pub desired: &'a Desired,
    /// What runs.
    pub observed: &'a Observation,
    /// True when `observed` was assumed from a config: the plan is a preview.
    pub assumed: bool,
    /// The instant for which calendars and windows are read.
    pub at: Timestamp,
    /// Another target than git's, from `--to`.
    pub to: Option<KubeMinor>,
    /// Groups to replace although nothing asks for it, from `--replace`.
    pub replace: BTreeSet<String>,
    /// The owner's decisions.
    pub settings: &'a Settings,
    /// Dated facts.
    pub catalog: &'a Catalog,
    /// The wave of the fleet that the cluster goes with.
    pub wave: Option<String>,
    /// Files that the config names and that are not there, sorted.
    pub missing_files: Vec<MissingFile>,
    /// Where desired and observed come from; copied into the plan.
    pub inputs: Inputs,
}

/// A file that a config names and that is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingFile {
    /// Where the config names it: `managedNodeGroups[0].ssh.publicKeyPath`.
    pub at: String,
    /// The path as it is written there.
    pub path: String,
    /// Why it does not count: `no such file`, `outside of the repository`.
    pub why: String,
}

/// A plan with the files that its actions name.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Files by name.
    pub files: BTreeMap<String, StepFile>,
}

/// A file for a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFile {
    /// What the tool reads.
    pub text: String,
    /// What people and plan directories see: sensitive values as digests.
    pub shown: String,
}

/// Proposes the plan for one cluster.
///
/// # Guarantees
/// No clock, no randomness, no order of lists or maps has a say in the result.
pub fn propose(input: &PlanInput<'_>) -> Planned {
    let differences = input.differences();
    let from = input.observed.version();
    let to = input.to.or(input.desired.version).or(from);
    // Without a version nothing about hops can be said; groups are still compared.
    let now = from.or(to).unwrap_or(KubeMinor::of(0));
    let mut draft = Draft::new(input, differences, now);
    preflight::check(&mut draft, from, to);
    // A target out of reach gets its finding and no steps: a typo must not make a thousand of them.
    let asked = to;
    let to = to.filter(|to| preflight::within_reach(now, *to)).or(from);
    let wants_down = to.is_some_and(|to| to < now);
    let rollback = wants_down && input.to.is_some();
    if rollback {
        rollback::plan(&mut draft, to.unwrap_or(now));
    } else {
        let target = if wants_down { now } else { to.unwrap_or(now) };
        if wants_down {
            preflight::refuse_downgrade(&mut draft, now, to.unwrap_or(now));
        }
        nodes::settle_in_place(&mut draft);
        addons::settle(&mut draft, target);
        hops::climb(&mut draft, target);
        nodes::finish(&mut draft);
        addons::finish(&mut draft);
        preflight::support_type_last(&mut draft);
    }
    hops::close_rollback_doors(&mut draft.steps);
    preflight::remark(&mut draft, to);
    seal(draft, from, asked, rollback)
}

pub(super) fn seal(
    mut draft: Draft<'_>,
    from: Option<KubeMinor>,
    to: Option<KubeMinor>,
    rollback: bool,
) -> Planned {
    windows::judge(&mut draft);
    let input = draft.input;
    let groups = input
        .observed
        .nodegroups
        .items()
        .iter()
        .map(|live| (live.name.clone(), start_of(input, live)))
        .collect();
    draft.findings.sort_by(order_of_findings);
    let mut plan = Plan {
        format_version: PLAN_FORMAT,
        kind: "Plan".to_owned(),
        id: String::new(),
        digest: String::new(),
        tool: Tool {
            name: "stairway".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        inputs: input.inputs.clone(),
        name: input.name.clone(),
        wave: input.wave.clone(),
        flavor: "eks".to_owned(),
        identity: identity_of(input.observed),
        preview: input.assumed,
        rollback,
        from,
        to,
        differences: draft.differences.list,
        groups,
        steps: draft.steps,
        not_now: draft.later,
        findings: draft.findings,
        summary: Summary::default(),
    };
    plan.summary = summary::of(&plan, &draft.replaced);
    Planned {
        plan: plan.seal(),
        files: draft.files,
    }
}

/// Returns which cluster an observation is of.
pub(super) fn identity_of(observed: &Observation) -> Identity {
    let plane = observed.control_plane.value();
    Identity {
        cluster: observed.cluster.clone(),
        created_at: plane.and_then(|plane| plane.created_at.value()).copied(),
    }
}

fn start_of(input: &PlanInput<'_>, live: &LiveNodegroup) -> GroupStart {
    let nodes = (!input.observed.nodes.is_unknown())
        .then(|| u32::try_from(input.observed.nodes_of(&live.name).count()).unwrap_or(u32::MAX));
    GroupStart {
        version: input.oldest_kubelet_of(live),
        managed: live.managed,
        core: input.is_core(&live.name, &live.spec, input.any_core_group()),
        nodes,
    }
}

fn order_of_findings(one: &Finding, other: &Finding) -> std::cmp::Ordering {
    let key = |f: &Finding| -> (Severity, String, String, String) {
        (
            f.severity,
            f.code.clone(),
            f.subject.clone(),
            f.message.clone(),
        )
    };
    key(one).cmp(&key(other))
}

impl PlanInput<'_> {
    /// Returns the oldest minor among a group's nodes and what it would boot; none when unknown.
    pub(super) fn oldest_kubelet_of(&self, live: &LiveNodegroup) -> Option<KubeMinor> {
        let mut oldest = live.version.value().copied();
        for node in self.observed.nodes_of(&live.name) {
            let kubelet = node.kubelet.value()?.minor();
            oldest = Some(oldest.map_or(kubelet, |o| o.min(kubelet)));
        }
        oldest
    }

    /// Returns true when some live or declared group matches the core rule.
    pub(crate) fn any_core_group(&self) -> bool {
        let rule = &self.settings.roles.core;
        self.observed
            .nodegroups
            .items()
            .iter()
            .any(|g| rule.matches(&g.name, &labels_of(&g.spec)))
            || self
                .desired
                .nodegroups
                .values()
                .any(|g| rule.matches(&g.name, &g.labels()))
    }

    /// Returns true for a core group; with no match anywhere, every untainted group is core.
    pub(crate) fn is_core(&self, name: &str, spec: &Map<String, Value>, any: bool) -> bool {
        if any {
            return self.settings.roles.core.matches(name, &labels_of(spec));
        }
        read_taints(spec.get("taints"), "taints").is_ok_and(|taints| taints.is_empty())
    }

    /// Returns the instant by which waivers and ignore rules are judged: `at`, or a later one that
    /// the inputs record.
    pub(super) fn decided_at(&self) -> Timestamp {
        let recorded = self.inputs.decided_at;
        recorded.map_or(self.at, |instant| instant.max(self.at))
    }

    /// Returns how git and live differ, as the `diff` command shows it.
    pub fn differences(&self) -> Differences {
        compare(
            self.desired,
            self.observed,
            self.settings,
            self.catalog,
            (&self.name, self.decided_at()),
        )
    }
}

impl Planned {
    /// Moves every step behind the faults that an audit found: a faulty plan runs nothing.
    pub fn refuse(&mut self, faults: Vec<Finding>) {
        let blocked_by: Vec<BlockedBy> = faults
            .iter()
            .map(|fault| BlockedBy {
                code: fault.code.clone(),
                subject: fault.subject.clone(),
                why: fault.message.clone(),
            })
            .collect();
        let plan = &mut self.plan;
        let held = std::mem::take(&mut plan.steps)
            .into_iter()
            .map(|step| LaterStep {
                step,
                blocked_by: blocked_by.clone(),
            });
        plan.not_now = held.chain(std::mem::take(&mut plan.not_now)).collect();
        plan.findings.splice(0..0, faults);
        plan.summary = summary::of(plan, &BTreeMap::new());
        *plan = plan.clone().seal();
    }
}
