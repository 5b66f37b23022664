//! Drift reports as they are written and read.

use crate::model::{KubeMinor, Timestamp};
use crate::plan::wire::{ClusterError, DifferenceClass, Partial, Waived};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The major format version of drift reports that this build reads and writes.
pub const DRIFT_FORMAT: u32 = 1;
/// The kind of one cluster's report.
pub const REPORT_KIND: &str = "DriftReport";
/// The kind of the reports of one invocation.
pub const SET_KIND: &str = "DriftSet";
/// What [`DriftReport::read`] says when everything was read.
pub const READ_COMPLETE: &str = "complete";
/// What it says when some facts were not.
pub const READ_PARTLY: &str = "partly";
/// How it begins when the cluster could not be read.
pub const READ_FAILED: &str = "failed: ";

/// In what one live cluster differs from git.
///
/// Nothing in it depends on when it was made: two reports of the same state have the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftReport {
    /// Major version of this format; others are refused by number.
    pub format_version: u32,
    /// Always `DriftReport`.
    pub kind: String,
    /// The cluster's name: fleet alias, or `metadata.name`.
    pub cluster: String,
    /// Its config, relative to the root.
    pub config: String,
    /// Who answers for the cluster, as the fleet file says.
    #[serde(default)]
    pub owner: Option<String>,
    /// `complete`, `partly`, or `failed: ` and a short reason; then the rest is what was known before.
    pub read: String,
    /// Dates that its version brings with it.
    #[serde(default)]
    pub standing: Standing,
    /// Differences, by subject and field.
    pub items: Vec<DriftItem>,
    /// Replacements of groups that are under way, by subject.
    #[serde(default)]
    pub open: Vec<OpenWork>,
    /// Ignore rules of the fleet file that have run out, by path.
    #[serde(default)]
    pub lapsed: Vec<LapsedRule>,
    /// Facts that could not be read, by name.
    #[serde(default)]
    pub unread: Vec<String>,
}

/// What the calendar says of the version that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Standing {
    /// The control plane's minor.
    #[serde(default)]
    pub version: Option<KubeMinor>,
    /// When standard support of it ends.
    #[serde(default)]
    pub standard_until: Option<Timestamp>,
    /// When extended support of it ends.
    #[serde(default)]
    pub extended_until: Option<Timestamp>,
    /// Dollars that a control plane in extended support costs a month (730 hours).
    #[serde(default)]
    pub extended_dollars_a_month: Option<u32>,
    /// When EKS stops to offer the way back from the last upgrade; it may be past.
    #[serde(default)]
    pub rollback_until: Option<Timestamp>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftItem {
    /// 12 hex digits of the SHA-256 over cluster, subject, field and both values: another live value
    /// is another drift.
    pub fingerprint: String,
    /// `cluster`, `nodegroup core-a`, `addon kube-proxy`.
    pub subject: String,
    /// The eksctl field, dotted; empty when the whole subject is missing or undeclared.
    pub field: String,
    /// Who moved.
    pub class: DriftClass,
    /// What it takes to make live agree with git.
    pub takes: DifferenceClass,
    /// What git says, as text; none when absent.
    pub git: Option<String>,
    /// What live says, as text; none when absent.
    pub live: Option<String>,
    /// When live was read that showed it first.
    pub first_seen: Timestamp,
    /// The change in git that is not applied, or that met the drift; none when it is not committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<GitChange>,
    /// True when the change in git is not committed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub uncommitted: bool,
    /// The newest commit in which git asked for what live says, where that was superseded by what was
    /// applied last or by the base: only for drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_in: Option<GitChange>,
    /// Who last changed in git what it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_author: Option<GitChange>,
    /// Who leaves it alone, and until when; only for ignored ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<Waived>,
    /// Why nobody can say who moved; only for unclassified ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// True for an undeclared group or add-on that `prune` of the fleet file names.
    #[serde(default, skip_serializing_if = "is_false")]
    pub prune: bool,
    /// True when live could not be read this time: this is what was known before.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unread: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Who moved.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum DriftClass {
    /// Live and git were both changed, to different values.
    Both,
    /// Live was changed and git was not, or live never followed.
    Drift,
    /// Git's history is not there, so nobody can say who moved.
    Unclassified,
    /// Git was changed, and the change is not applied.
    Unapplied,
    /// Its owner leaves it alone until a day.
    Ignored,
}

impl DriftClass {
    /// Returns true for what counts as drift. Where nobody can say who moved, it does: silence would
    /// hide what was changed by hand.
    pub const fn is_drift(self) -> bool {
        match self {
            Self::Both | Self::Drift | Self::Unclassified => true,
            Self::Unapplied | Self::Ignored => false,
        }
    }
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GitChange {
    /// Its full hash.
    pub commit: String,
    /// Its author's name; the mail address only when there is no name.
    pub author: String,
    /// When it was written.
    pub at: Timestamp,
}

/// A replacement of a group that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpenWork {
    /// What it is.
    pub what: OpenKind,
    /// The group that is to go: `nodegroup nb-a`.
    pub subject: String,
    /// Its successor, by its name in git.
    #[serde(default)]
    pub successor: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Where that instant comes from.
    pub told_by: ToldBy,
}

/// What is under way.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum OpenKind {
    /// Two generations run, and nothing says which of them is to go.
    HalfDoneSwap,
    /// Two generations run, and the older one is to go.
    Swap,
    /// The older generation is tainted and waits until nobody uses it.
    PhaseOut,
}

/// Where an instant comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ToldBy {
    /// The journal of a run.
    Journal,
    /// When the successor was made.
    Successor,
    /// When a report showed it first.
    FirstSeen,
}

/// An ignore rule that has run out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LapsedRule {
    /// Which differences it left alone.
    pub path: String,
    /// Of which clusters: a glob over their names.
    #[serde(default)]
    pub cluster: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it ran out.
    pub expires: Timestamp,
}

/// The reports of one invocation, and what changed since the previous ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftSet {
    /// Major version of this format.
    pub format_version: u32,
    /// Always `DriftSet`.
    pub kind: String,
    /// The clusters, by name.
    pub clusters: Vec<DriftedCluster>,
    /// Clusters that were not compared, and why.
    pub errors: Vec<ClusterError>,
    /// Present when the set is not the whole fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
    /// Totals.
    pub summary: DriftSummary,
    /// The exit code that `--detailed-exitcode` gives.
    pub exit: u8,
}

/// One cluster's report and what changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftedCluster {
    /// The report.
    pub report: DriftReport,
    /// When live was read: ages are counted from it.
    pub at: Timestamp,
    /// Fingerprints of drift that the previous report did not have.
    pub new: Vec<String>,
    /// Drift of the previous report that is there no more.
    pub resolved: Vec<DriftItem>,
    /// True when there is a previous report and it cannot be read: then all drift counts as new, and
    /// nothing of the cluster is written.
    #[serde(default, skip_serializing_if = "is_false")]
    pub last_unread: bool,
}

/// Totals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriftSummary {
    /// Clusters that were looked at.
    pub clusters: u32,
    /// Drift that the previous report did not have.
    pub new: u32,
    /// Drift that it had.
    pub known: u32,
    /// Drift that it had and that is gone.
    pub resolved: u32,
    /// Changes in git that are not applied.
    pub unapplied: u32,
    /// Differences that their owner leaves alone.
    pub ignored: u32,
    /// Facts that could not be read; a cluster that could not be read counts as one.
    pub unread: u32,
    /// Drift of which nobody can say who moved; part of `new` and `known`.
    pub unclassified: u32,
    /// Ignore rules that have run out; one for several clusters counts once.
    pub lapsed: u32,
}

impl DriftedCluster {
    /// Returns the totals of this cluster.
    pub fn summary(&self) -> DriftSummary {
        let items = &self.report.items;
        let count = |holds: &dyn Fn(&DriftItem) -> bool| {
            small(items.iter().filter(|item| holds(item)).count())
        };
        let new = small(self.new.len());
        let failed = self.report.failed().is_some();
        DriftSummary {
            clusters: 1,
            new,
            known: count(&|item| item.class.is_drift()).saturating_sub(new),
            resolved: small(self.resolved.len()),
            unapplied: count(&|item| item.class == DriftClass::Unapplied),
            ignored: count(&|item| item.class == DriftClass::Ignored),
            unread: if failed {
                1
            } else {
                small(self.report.unread.len())
            },
            unclassified: count(&|item| item.class == DriftClass::Unclassified),
            lapsed: small(self.report.lapsed.len()),
        }
    }

    /// Returns true when the previous report did not have this drift.
    pub fn is_new(&self, item: &DriftItem) -> bool {
        self.new.contains(&item.fingerprint)
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl DriftSummary {
    /// Adds the totals of another.
    pub fn add(&mut self, other: &Self) {
        let Self {
            clusters,
            new,
            known,
            resolved,
            unapplied,
            ignored,
            unread,
            unclassified,
            lapsed,
        } = other;
        for (total, more) in [
            (&mut self.clusters, clusters),
            (&mut self.new, new),
            (&mut self.known, known),
            (&mut self.resolved, resolved),
            (&mut self.unapplied, unapplied),
            (&mut self.ignored, ignored),
            (&mut self.unread, unread),
            (&mut self.unclassified, unclassified),
            (&mut self.lapsed, lapsed),
        ] {
            *total = total.saturating_add(*more);
        }
    }
}

/// Returns the name of a cluster's files without their endings.
pub fn stem_of(cluster: &str) -> String {
    if cluster.eq_ignore_ascii_case("readme") {
        format!("{cluster}.cluster")
    } else {
        cluster.to_owned()
    }
}

impl DriftReport {
    /// Returns why the cluster could not be read; none when it could.
    pub fn failed(&self) -> Option<&str> {
        self.read.strip_prefix(READ_FAILED)
    }

    /// Returns the name of the report's files without their endings: the cluster's, unless it is that
    /// of the fleet's page.
    pub fn stem(&self) -> String {
        stem_of(&self.cluster)
    }

    /// Returns the bytes of the report's file: one field per line, keys sorted.
    pub fn to_json(&self) -> String {
        // Keys of a `Value` are sorted; a report has none that cannot be written.
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("{value:#}\n")
    }
}
