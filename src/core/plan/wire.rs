//! The plan as it is written, read, digested and approved.

mod units;

use crate::model::{ClusterId, Condition, Digest, KubeMinor, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub use units::{UnitTime, goes_on, unit_starts, unit_time};

/// The major format version of plans and plan sets that this build reads and writes.
pub const PLAN_FORMAT: u32 = 1;
/// How many hex digits of the digest name a plan: enough that a fleet never collides, short enough to type.
pub const ID_DIGITS: usize = 12;

/// One cluster's plan. It leaves the executor no choices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Major version of this format.
    pub format_version: u32,
    /// Always `Plan`.
    pub kind: String,
    /// `<cluster>-<12 hex digits of the digest>`.
    pub id: String,
    /// SHA-256 over the canonical JSON of the plan without `id` and `digest`.
    pub digest: String,
    /// Who made it.
    pub tool: Tool,
    /// What it was made from.
    pub inputs: Inputs,
    /// The cluster's name: fleet alias, or `metadata.name`.
    pub name: String,
    /// The wave of the fleet that the cluster goes with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<String>,
    /// `eks` or `eks-anywhere`.
    pub flavor: String,
    /// The cluster that the plan is for, and no other.
    pub identity: Identity,
    /// True when live was assumed: the plan can be read, never applied.
    pub preview: bool,
    /// True for a plan that was asked to go one minor down.
    #[serde(default)]
    pub rollback: bool,
    /// The control plane's minor now.
    pub from: Option<KubeMinor>,
    /// The control plane's minor that is asked for.
    pub to: Option<KubeMinor>,
    /// How git and live differ.
    pub differences: Vec<Difference>,
    /// The groups that are live now, by name: where the version ladder starts.
    #[serde(default)]
    pub groups: BTreeMap<String, GroupStart>,
    /// The runnable prefix, in order.
    pub steps: Vec<Step>,
    /// Later steps of the same shape, each with what holds it back.
    pub not_now: Vec<LaterStep>,
    /// What a reviewer should know.
    pub findings: Vec<Finding>,
    /// Totals for the first and last line.
    pub summary: Summary,
}

/// Which cluster a plan is for: applying it anywhere else is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// Name, region and account.
    #[serde(flatten)]
    pub cluster: ClusterId,
    /// When its control plane was made; a cluster made again under the old name is another one.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

/// Name and version of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Always `stairway`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What a plan was made from. Equal inputs give equal bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inputs {
    /// The config as the user named it, relative to the root.
    pub config: String,
    /// Evaluator and its version, e.g. `rsjsonnet-lang 0.5.1`.
    pub evaluator: String,
    /// Every file that was read to render the config, relative to the root, with its digest.
    pub imports: BTreeMap<String, String>,
    /// Digest of the rendered documents.
    pub render_digest: String,
    /// Digest of the observation.
    pub observation_digest: String,
    /// `recorded`, `assumed`, `world`, `kubernetes`.
    pub observation_kind: String,
    /// When live was read; none for assumed.
    pub observed_at: Option<Timestamp>,
    /// The day for which calendars were read: support dates, windows.
    pub at: Option<Timestamp>,
    /// The instant by which waivers and ignore rules are judged, where it is another than `at`: a
    /// decision that has ended since an observation was recorded counts no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// The newest date in the catalog.
    pub catalog_date: String,
    /// Digest of the fleet file, when there is one.
    pub fleet_digest: Option<String>,
    /// The git revision of the config's repository, when there is one.
    pub git_revision: Option<String>,
    /// Files among the inputs that differ from that revision; none when nobody compared them.
    #[serde(default)]
    pub dirty: Option<Vec<String>>,
    /// The options that change a plan: `--to`, `--replace`, …
    pub options: BTreeMap<String, String>,
}

/// One difference between git and live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// `cluster`, `nodegroup core-a`, `addon kube-proxy`.
    pub subject: String,
    /// The eksctl field, dotted; empty when the whole subject is missing or undeclared.
    pub field: String,
    /// What it takes to make live agree.
    pub class: DifferenceClass,
    /// Live, as text; none when absent.
    pub live: Option<String>,
    /// Git, as text; none when absent.
    pub desired: Option<String>,
    /// Who leaves it alone, and until when; only for ignored differences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<Waived>,
}

/// A live group as the plan found it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GroupStart {
    /// The oldest minor that a node of it runs or would boot; none when unknown.
    #[serde(default)]
    pub version: Option<KubeMinor>,
    /// True for an EKS-managed nodegroup.
    #[serde(default)]
    pub managed: bool,
    /// True when the group carries the core of the cluster.
    #[serde(default)]
    pub core: bool,
    /// How many nodes it has; none when unknown.
    #[serde(default)]
    pub nodes: Option<u32>,
}

/// What it takes to make live agree with git.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceClass {
    /// Declared and not live.
    Create,
    /// Live and not declared.
    Undeclared,
    /// A scaling bound.
    Scale,
    /// A change that EKS makes in place.
    InPlace,
    /// An immutable field: the group must be replaced.
    Replace,
    /// Git asks for a newer minor or add-on version.
    Upgrade,
    /// Git asks for an older one.
    Rollback,
    /// Stairway reports it and leaves it alone.
    NotOurs,
    /// Live could not be read, so nobody knows whether they differ.
    NotAssessed,
    /// Its owner leaves it alone until a day.
    Ignored,
}

/// One unit of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// `<kind>/<subject>@<target>`, unique in its plan, stable under replanning.
    pub id: String,
    /// What is done.
    pub kind: StepKind,
    /// The cluster's name.
    pub cluster: String,
    /// A group, an add-on, or `cluster`.
    pub subject: String,
    /// The facts that change, before.
    pub before: BTreeMap<String, Value>,
    /// The facts that change, after.
    pub after: BTreeMap<String, Value>,
    /// Why, in sentences.
    pub reason: Vec<String>,
    /// Facts that must hold right before the step.
    pub preconditions: Vec<Condition>,
    /// What is executed, byte for byte.
    pub actions: Vec<Action>,
    /// What must come true for the step to be done.
    pub wait: Option<Wait>,
    /// Who is disturbed.
    pub disruption: Disruption,
    /// How long it takes.
    pub duration: DurationRange,
    /// The way back.
    pub rollback: Rollback,
    /// Until when the way back is open, as a sentence.
    pub reversible_until: Option<String>,
    /// True when the step is a point of no return.
    pub irreversible: bool,
}

/// A step that cannot run now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LaterStep {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// What holds it back; never empty.
    pub blocked_by: Vec<BlockedBy>,
}

/// What holds a step back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct BlockedBy {
    /// A rule (`R4`), a finding's code (`STW-…`) or `after` for a step that must come first.
    pub code: String,
    /// The step or object that blocks.
    pub subject: String,
    /// Why, in a sentence.
    pub why: String,
}

/// Every kind of step on EKS.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// One minor up.
    UpgradeControlPlane,
    /// One minor down, inside the window of EKS.
    RollbackControlPlane,
    /// Another version or configuration of an installed add-on.
    UpdateAddon,
    /// Install an add-on, or let EKS manage a self-managed one.
    CreateAddon,
    /// Repair a known fault of a tool's manifest, if it shows.
    RepairAddon,
    /// Make a group.
    CreateNodegroup,
    /// Check that a group can take over.
    VerifyNodegroup,
    /// Make a group's nodes unschedulable.
    CordonNodegroup,
    /// Undo a cordon.
    UncordonNodegroup,
    /// Taint a group and cap its maximum, so that nothing new lands on it.
    TaintNodegroup,
    /// Undo a taint.
    UntaintNodegroup,
    /// Evict the pods of a group.
    DrainNodegroup,
    /// Delete a group.
    DeleteNodegroup,
    /// Move a managed group's nodes in place.
    UpgradeNodegroup,
    /// Change scaling bounds.
    ScaleNodegroup,
    /// Change labels, taints or the update configuration in place.
    UpdateNodegroup,
    /// Wait until a tainted group is no longer busy.
    PhaseOut,
    /// Watch the cluster's health for a while.
    Bake,
    /// Check something and change nothing.
    Check,
    /// Take and verify a backup.
    Backup,
    /// Map an identity.
    MapIdentity,
    /// Choose standard or extended support.
    SetUpgradePolicy,
    /// Tell people.
    Notify,
    /// Something that a person must do.
    Manual,
}

impl StepKind {
    /// Returns the name as it stands in ids and files.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::String(name)) => name,
            Ok(_) | Err(_) => String::new(),
        }
    }
}

/// What is executed. The enum is closed: there is no other way to act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Action {
    /// Run a tool with exactly these arguments.
    Run {
        /// The tool: `eksctl`.
        tool: String,
        /// Its arguments, without the tool's name.
        argv: Vec<String>,
        /// Files that the arguments name.
        files: Vec<FileRef>,
    },
    /// Call an AWS API.
    Aws {
        /// `eks`.
        service: String,
        /// `UpdateNodegroupVersion`, …
        operation: String,
        /// The input without idempotency tokens.
        input: Map<String, Value>,
    },
    /// Call the Kubernetes API. The verbs are a closed list, and the audit refuses any other:
    ///
    /// * `patch` of `daemonsets/NAMESPACE/NAME`: a strategic merge patch with this body.
    /// * `patch-nodes` of `nodes?nodegroup=NAME`: `addOrUpdateTaints` and `removeTaints` are lists of
    ///   taints for every node that the group has now; `unschedulable` closes (true) or opens (false)
    ///   these nodes.
    /// * `drain-nodes` of `nodes?nodegroup=NAME`: every node of the group is cordoned first, and nodes
    ///   that join meanwhile too. Then the pods of at most `parallel` nodes at a time are evicted, in
    ///   the order of the nodes' names, through the Eviction API only: nothing is deleted, nothing is
    ///   forced. Pods of a `DaemonSet`, mirror pods and finished pods stay; `emptyDir` volumes go with
    ///   their pods. A node is drained when none of the others is left on it, those that are ending
    ///   included. What refuses an eviction (429 of a budget, 500 of two budgets, a passing error of
    ///   the server) is asked again every 5 seconds, as kubectl does. Pods get `gracePeriodSeconds` to
    ///   end, or, when it is null or left out, their own time. A pod without a controller is evicted
    ///   only with `barePods: true`; else a drain that finds one fails after the cordon and before the
    ///   first eviction, and names it. `timeoutSeconds` after it began the drain fails: what it says
    ///   names the pods that are left, their nodes, the budgets that hold them and the server's words;
    ///   the nodes stay cordoned. It is idempotent: done again, it goes on with what is left.
    Kube {
        /// `patch`, `patch-nodes` or `drain-nodes`.
        verb: String,
        /// What it acts on: `daemonsets/NAMESPACE/NAME`, or `nodes?nodegroup=NAME` for all nodes of a group.
        object: String,
        /// The patch, or the words of the verb.
        body: Value,
        /// Act only while this holds: a conditional repair.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        only_if: Option<Condition>,
    },
    /// Wait inside a step, between two actions.
    Wait(Wait),
}

/// A file that a plan's action names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileRef {
    /// Its name in the plan's `files/`.
    pub name: String,
    /// SHA-256 of the bytes that the tool reads.
    pub digest: String,
}

/// A bounded wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Wait {
    /// What must come true.
    #[serde(rename = "for")]
    pub condition: Condition,
    /// Seconds after which the wait fails; for a phase-out, days.
    pub at_most: u32,
    /// Seconds between reads.
    pub every: u32,
}

/// Who is disturbed by a step. `None` means that it was not assessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Disruption {
    /// Nodes that go away.
    pub nodes: Option<u32>,
    /// Pods that are evicted.
    pub pods: Option<u32>,
    /// Budgets that have a say, `namespace/name`.
    pub pdbs: Vec<String>,
    /// Pods that a phase-out waits for: their owners stop them, and nobody else does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u32>,
}

/// How long a step takes, in whole seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DurationRange {
    /// Shortest.
    pub min: u64,
    /// Typical.
    pub typical: u64,
    /// Longest before a timeout.
    pub max: u64,
    /// Where the figures come from.
    pub source: String,
}

/// The way back from a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Rollback {
    /// EKS itself goes back.
    Native {
        /// The earlier minor.
        to: KubeMinor,
        /// Until when, as a sentence.
        until: String,
    },
    /// These actions undo the step.
    Inverse {
        /// In order.
        actions: Vec<Action>,
    },
    /// A person follows this runbook.
    Manual {
        /// What to do.
        runbook: String,
    },
    /// The step changes nothing that would need undoing.
    NothingToUndo,
    /// There is no way back.
    Irreversible {
        /// Why.
        why: String,
    },
}

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing waives it: what it names stays blocked.
    Mandatory,
    /// It blocks until it is mended or waived.
    Blocking,
    /// Read this before approving.
    Warning,
    /// Good to know.
    Note,
}

/// Something a reviewer should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Stable code, `STW-…`.
    pub code: String,
    /// The rule of the design that it comes from, e.g. `R4`; empty for others.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// `cluster`, `nodegroup core-a`, …
    pub subject: String,
    /// What is the matter.
    pub message: String,
    /// What to do, with the edit or the command.
    pub remedy: String,
    /// Where the fact comes from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// True when the rule could not be assessed because a fact is unknown.
    #[serde(default, skip_serializing_if = "is_false")]
    pub not_assessed: bool,
    /// What is affected, sorted: `pod prod/hub`, `node ip-…`, `budget prod/hub`, `file clusters/a.jsonnet`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
    /// For which minors of the control plane, or days, it counts; none for always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies: Option<Applies>,
    /// Who accepted it for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waived>,
}

/// The window in which a finding counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Applies {
    /// The first minor of the control plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<KubeMinor>,
    /// The last minor of the control plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<KubeMinor>,
    /// The instant from which on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The instant before which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Timestamp>,
}

/// A waiver as a finding records it, or an ignore rule as a difference does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waived {
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it stops counting.
    pub expires: Timestamp,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Totals of one plan or of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Clusters whose control plane goes up.
    pub upgrade: u32,
    /// Groups replaced.
    pub swap: u32,
    /// Add-ons and groups changed in place.
    pub update: u32,
    /// Groups made without replacing one.
    pub create: u32,
    /// Clusters whose control plane goes down.
    pub roll_back: u32,
    /// Groups deleted.
    pub delete: u32,
    /// Groups waiting to become empty.
    pub phasing_out: u32,
    /// Clusters on which nothing can go on.
    pub blocked: u32,
    /// Steps held back on clusters, for `not_now`.
    pub held_back: u32,
}

/// The plans of one invocation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanSet {
    /// Major version of this format.
    pub format_version: u32,
    /// Always `PlanSet`.
    pub kind: String,
    /// The plans, by name.
    pub clusters: Vec<Plan>,
    /// Clusters that got no plan, and why.
    pub errors: Vec<ClusterError>,
    /// The fleet's waves in their order; empty when it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<String>,
    /// Present when the set is not the whole fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
    /// Totals.
    pub summary: Summary,
    /// The exit code that `--detailed-exitcode` gives.
    pub exit: u8,
}

/// Which part of a fleet a set is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Partial {
    /// Clusters of the fleet.
    pub of: u32,
    /// What chose the part, as it was typed: `--shard 2/5`, `--changed-since main`, `--target 'eu-*'`,
    /// `summit`.
    pub by: Vec<String>,
    /// Clusters that the fleet had at the revision of `--changed-since` and has no more: nobody plans
    /// them, and nothing is done to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
}

/// A cluster that got no plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterError {
    /// The cluster or its config.
    pub name: String,
    /// Why, with place and hint.
    pub error: String,
    /// The hint, a command or an edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What kind of failure it is; left out for a plain error.
    #[serde(default, skip_serializing_if = "Failure::is_plain")]
    pub failure: Failure,
}

/// What kind of failure keeps a cluster from its plan: each kind has its exit code.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Failure {
    /// An error.
    #[default]
    Error,
    /// The cluster that was found is another one than is meant: it was left alone.
    Refused,
    /// The cluster did not answer, or not to us: its facts are unread.
    Unread,
}

impl Failure {
    /// Returns true for an error that is nothing more.
    pub const fn is_plain(&self) -> bool {
        matches!(self, Self::Error)
    }
}

impl Plan {
    /// Returns the digest over the plan without `id` and `digest`.
    pub fn compute_digest(&self) -> Digest {
        let mut value = match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            Ok(_) | Err(_) => Map::new(),
        };
        value.remove("id");
        value.remove("digest");
        Digest::of_canonical(&value)
    }

    /// Sets `digest` and `id` from the content.
    pub fn seal(mut self) -> Self {
        let digest = self.compute_digest();
        self.id = format!("{}-{}", self.name, digest.short(ID_DIGITS));
        self.digest = digest.to_string();
        self
    }

    /// Returns true when git and live agree as far as stairway acts.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.not_now.is_empty()
    }

    /// Returns all steps, runnable and later.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps
            .iter()
            .chain(self.not_now.iter().map(|later| &later.step))
    }

    /// Returns the runnable steps after which there is no way back.
    pub fn points_of_no_return(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.irreversible)
    }
}
