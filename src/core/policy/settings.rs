//! What the fleet's owner decides: strategies, roles, activity, waivers.

use super::windows::Window;
use crate::model::{DAY_SECONDS, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The owner's decisions for one cluster, defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Settings {
    /// When nodes follow the control plane.
    pub nodes: NodePace,
    /// Seconds of watching after each control-plane hop and each new core group.
    #[serde(with = "duration_text")]
    #[schemars(with = "String")]
    pub bake: u32,
    /// Pods that make a group busy.
    pub activity: Vec<ActivitySelector>,
    /// Which groups are core.
    pub roles: Roles,
    /// Strategy and slot by glob over group names; the first match in order of the globs wins.
    pub nodegroups: BTreeMap<String, GroupSettings>,
    /// Undeclared groups and add-ons that may be deleted, by exact name.
    pub prune: Vec<String>,
    /// Findings that were accepted.
    pub waivers: Vec<Waiver>,
    /// Differences that are left alone for a while.
    pub ignore: Vec<IgnoreRule>,
    /// Maintenance windows: no step starts that cannot end inside one. Empty for any time.
    pub windows: Vec<Window>,
    /// Longest wait for a phase-out, in seconds.
    #[serde(with = "duration_text")]
    #[schemars(with = "String")]
    pub phase_out_at_most: u32,
}

/// Half an hour: metrics of most fleets are scraped and alerted within it.
const DEFAULT_BAKE_SECONDS: u32 = 1800;
/// 60 days: the longest phase-out in a public fleet's unmanaged era took 57 days.
const DEFAULT_PHASE_OUT_SECONDS: u32 = 60 * 86_400;

impl Default for Settings {
    fn default() -> Self {
        Self {
            nodes: NodePace::Batch,
            bake: DEFAULT_BAKE_SECONDS,
            activity: vec![ActivitySelector {
                namespace: "*".to_owned(),
                selector: "component=singleuser-server".to_owned(),
            }],
            roles: Roles::default(),
            nodegroups: BTreeMap::new(),
            prune: Vec::new(),
            waivers: Vec::new(),
            ignore: Vec::new(),
            windows: Vec::new(),
            phase_out_at_most: DEFAULT_PHASE_OUT_SECONDS,
        }
    }
}

/// Two weeks: time enough to mend what a decision covers or to have it renewed by review.
pub const EXPIRES_SOON_SECONDS: i64 = 14 * DAY_SECONDS;

impl Settings {
    /// Returns the last instant after `at`, and not after `now`, at which a decision for this
    /// cluster ended or came within [`EXPIRES_SOON_SECONDS`] of its end; none when none did.
    ///
    /// Judging by it is judging by `now`, and two runs give the same bytes until the next such
    /// instant.
    pub fn decided_at(&self, cluster: &str, at: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let waivers = self.waivers.iter().map(|w| (&w.cluster, w.expires));
        let rules = self.ignore.iter().map(|r| (&r.cluster, r.expires));
        let ends = waivers.chain(rules);
        ends.filter(|(glob, _)| glob_matches(glob, cluster))
            .flat_map(|(_, end)| [Timestamp::from_unix(end.unix() - EXPIRES_SOON_SECONDS), end])
            .filter(|turn| *turn > at && *turn <= now)
            .max()
    }
}

/// When nodes follow the control plane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodePace {
    /// Nodes lag as far as version skew allows and are then replaced once.
    #[default]
    Batch,
    /// Nodes follow each hop.
    Follow,
}

/// Pods that count as activity.
pub use crate::model::{PodSelector as ActivitySelector, glob_matches};

/// Which groups are core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// The core role.
    pub core: RoleRule,
}

/// How a role is recognised: by any name glob or any label glob.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoleRule {
    /// Globs over names.
    pub names: Vec<String>,
    /// Globs over `key=value`.
    pub labels: Vec<String>,
}

impl Default for Roles {
    fn default() -> Self {
        let core = RoleRule {
            names: vec!["core*".to_owned(), "system*".to_owned()],
            labels: vec!["*node-purpose=core".to_owned()],
        };
        Self { core }
    }
}

impl RoleRule {
    /// Returns true when a group of this name and these labels has the role.
    pub fn matches(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        self.names.iter().any(|glob| glob_matches(glob, name))
            || labels.iter().any(|(key, value)| {
                let pair = format!("{key}={value}");
                self.labels.iter().any(|glob| glob_matches(glob, &pair))
            })
    }
}

/// Owner's choice for groups that a glob matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroupSettings {
    /// How such a group is replaced; none for the default.
    pub strategy: Option<Strategy>,
    /// Whether the letter in git asks for anything.
    pub slot: Slot,
}

/// How a group is replaced.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// New generation, verify, drain, delete.
    Swap,
    /// New generation, verify, taint, wait until nobody is left, delete.
    PhaseOut,
    /// Delete an empty group and make it again.
    Recreate,
    /// Let EKS move the nodes of a managed group.
    InPlace,
}

/// Whether the generation letter in git asks for anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Slot {
    /// A different letter in git asks for a new generation.
    #[default]
    Declared,
    /// The letter is a fact of the cluster.
    Live,
}

/// A finding that its owner accepted for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The finding's code.
    pub code: String,
    /// A glob over cluster names.
    #[serde(default = "any_cluster")]
    pub cluster: String,
    /// A glob over the finding's subject, e.g. `nodegroup nb-*`.
    #[serde(default = "any_cluster")]
    pub subject: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The instant at which it stops counting.
    pub expires: Timestamp,
}

/// Differences that are left alone until a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IgnoreRule {
    /// Which differences: a glob over `SUBJECT.FIELD`, e.g. `nodegroup nb-*.tags.*` or `cluster.cloudWatch*`.
    pub path: String,
    /// A glob over cluster names.
    #[serde(default = "any_cluster")]
    pub cluster: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The instant at which it stops counting.
    pub expires: Timestamp,
}

fn any_cluster() -> String {
    "*".to_owned()
}

impl Waiver {
    /// Returns true when the waiver covers a finding on this cluster at `at`.
    pub fn covers(&self, code: &str, cluster: &str, subject: &str, at: Timestamp) -> bool {
        self.code == code
            && glob_matches(&self.cluster, cluster)
            && glob_matches(&self.subject, subject)
            && at < self.expires
    }
}

impl IgnoreRule {
    /// Returns true when the rule is for this cluster and has not run out at `at`.
    pub fn counts(&self, cluster: &str, at: Timestamp) -> bool {
        glob_matches(&self.cluster, cluster) && at < self.expires
    }

    /// Returns true when the rule is about this field of this subject. A path without a field is
    /// about the whole subject.
    pub fn covers(&self, subject: &str, field: &str) -> bool {
        glob_matches(&self.path, subject)
            || !field.is_empty() && glob_matches(&self.path, &format!("{subject}.{field}"))
    }

    /// Returns the version that the rule would ignore, which no rule may: `cluster.version`,
    /// or a field of a group that decides which kubelet its nodes run.
    pub fn covered_version(&self) -> Option<String> {
        if self.covers("cluster", "version") {
            return Some("cluster.version".to_owned());
        }
        let (subject, field) = self.path.split_once('.')?;
        let decisive: &[&str] = if subject.starts_with("addon") {
            &["version"]
        } else {
            &KUBELET_FIELDS
        };
        let decisive = decisive.iter().find(|name| glob_matches(field, name));
        decisive.map(|name| format!("{subject}.{name}"))
    }
}

/// Fields of a group that decide which kubelet its nodes run.
///
/// Source: eksctl schema, `ManagedNodeGroup`: an image, a release of one, or a template that names one.
const KUBELET_FIELDS: [&str; 4] = ["version", "releaseVersion", "ami", "launchTemplate.version"];

/// Durations as people write them in the fleet file: `90s`, `30m`, `12h`, `60d`.
pub(super) mod duration_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature is serde's"
    )]
    pub(in crate::policy) fn serialize<S: Serializer>(
        seconds: &u32,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        out.serialize_str(&super::write_duration(*seconds))
    }

    pub(in crate::policy) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<u32, D::Error> {
        let text = String::deserialize(input)?;
        super::read_duration(&text).map_err(D::Error::custom)
    }
}

/// Reads `90s`, `30m`, `12h` or `60d` as seconds.
pub fn read_duration(text: &str) -> Result<u32, String> {
    let error = || format!("`{text}` is not a duration such as `30m`, `12h` or `60d`");
    let unit = text.chars().last().ok_or_else(error)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(error()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| error())?;
    number.checked_mul(factor).ok_or_else(error)
}

/// Writes seconds in the largest unit that divides them.
pub fn write_duration(seconds: u32) -> String {
    for (factor, unit) in [(86_400, 'd'), (3600, 'h'), (60, 'm')] {
        if seconds > 0 && seconds.is_multiple_of(factor) {
            return format!("{}{unit}", seconds / factor);
        }
    }
    format!("{seconds}s")
}
