//! The fleet file as it is written: shapes only, no meaning.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stairway_core::policy::settings::{
    ActivitySelector, GroupSettings, IgnoreRule, NodePace, Roles, Waiver, read_duration,
    write_duration,
};
use stairway_core::policy::windows::Window;
use std::collections::BTreeMap;

/// The `apiVersion` of fleet files that this build reads.
pub const FLEET_API: &str = "stairway/v1";
/// The `kind` of fleet files.
pub const FLEET_KIND: &str = "Fleet";

/// The clusters of one repository and what their owner decides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FleetFile {
    /// Always `stairway/v1`.
    pub api_version: String,
    /// Always `Fleet`.
    pub kind: String,
    /// The clusters, in any order.
    pub clusters: Vec<ClusterEntry>,
    /// Which nodegroups are core.
    #[serde(default)]
    pub roles: Roles,
    /// What the owner decides for every cluster.
    #[serde(default)]
    pub policy: Policy,
    /// The order in which waves of clusters go: no plan of a later wave is applied while one of an
    /// earlier wave has steps that did not run to their end. A cluster without a wave goes after all
    /// of them.
    #[serde(default)]
    pub waves: Vec<String>,
    /// Differences that are left alone.
    #[serde(default)]
    pub ignore: Vec<IgnoreRule>,
    /// Findings that were accepted for a while.
    #[serde(default)]
    pub waivers: Vec<Waiver>,
    /// Undeclared live nodegroups and add-ons that may be deleted, by exact name.
    #[serde(default)]
    pub prune: Vec<String>,
}

/// One cluster of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterEntry {
    /// A name that is unique in the fleet; `metadata.name` of the config when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The config, relative to the fleet file: `.jsonnet`, `.json` or `.yaml`.
    pub config: String,
    /// External variables for jsonnet, as strings.
    #[serde(default)]
    pub ext_vars: BTreeMap<String, String>,
    /// Top-level arguments for jsonnet, as strings.
    #[serde(default)]
    pub tlas: BTreeMap<String, String>,
    /// One of `waves`; without one the cluster goes after all waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<String>,
    /// Who answers for the cluster: a team or a person, as drift reports name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How the live cluster is read.
    pub live: Live,
    /// The identity that is verified before anything is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsPins>,
    /// Strategy and slot by glob over nodegroup names.
    #[serde(default)]
    pub nodegroups: BTreeMap<String, GroupSettings>,
    /// What the owner decides for this cluster alone.
    #[serde(default)]
    pub policy: Policy,
}

impl ClusterEntry {
    /// Returns what the entry is known by in the fleet: its name, else its config. No two have the
    /// same.
    pub fn key(&self) -> String {
        self.name.as_ref().unwrap_or(&self.config).clone()
    }
}

/// How the live cluster is read: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Live {
    /// A saved observation, relative to the fleet file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<String>,
    /// A config that is taken as if it were live: the plan is a preview.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<String>,
    /// A world file of the embedded simulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<String>,
    /// The cluster itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesLive>,
}

/// How to reach the Kubernetes API. The implicit current context is never used.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KubernetesLive {
    /// The context in the kubeconfig.
    pub context: String,
    /// The kubeconfig, relative to the fleet file and outside of the repository; without it the user's own
    /// (`$KUBECONFIG`, `~/.kube/config`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<String>,
    /// The endpoint that the context must lead to, e.g. `https://ABC.gr7.us-west-2.eks.amazonaws.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What the certificate authority must be: `sha256:` and the hex digest of its certificate, DER.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
}

/// The AWS identity of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AwsPins {
    /// The profile of the AWS configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The account, twelve digits in quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// A world file that answers for AWS, for a world that is served (`stairway world serve`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<String>,
}

/// What the owner decides; a key that is left out keeps the wider decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// When nodes follow the control plane: `batch` or `follow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodePace>,
    /// How long each control-plane hop and each new core group is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bake: Option<Seconds>,
    /// The longest wait for a phase-out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_out_at_most: Option<Seconds>,
    /// Pods that make a nodegroup busy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Vec<ActivitySelector>>,
    /// Maintenance windows: no step starts that cannot end inside one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub windows: Option<Vec<Window>>,
    /// Whose signatures an apply needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
}

/// Whose signatures an apply needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Approvals {
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<u32>,
    /// The `allowed_signers` file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signers: Option<String>,
    /// True when the author of the change does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_author: Option<bool>,
    /// How long a signature counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Seconds>,
}

/// Whole seconds, written `90s`, `30m`, `12h` or `60d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seconds(pub u32);

impl TryFrom<String> for Seconds {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        read_duration(&text).map(Self)
    }
}

impl From<Seconds> for String {
    fn from(seconds: Seconds) -> Self {
        write_duration(seconds.0)
    }
}

impl JsonSchema for Seconds {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": r"^\d+[smhd]$"})
    }
}
