//! A picture of a live cluster: every fact is a value, absent, or unknown with a reason.

use super::{
    AddonVersion, Known, KubeMinor, KubeVersion, MappedRole, Timestamp, Webhook, canonical_bytes,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The major format version of observation files that this build reads and writes.
pub const OBSERVATION_FORMAT: u32 = 1;

/// What was read of one cluster at one instant.
///
/// A missing key means that nobody recorded the fact; readers ignore unknown keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// Major version of this format; others are refused by number.
    pub format_version: u32,
    /// Always `Observation`.
    pub kind: String,
    /// Whose picture this is.
    pub cluster: ClusterId,
    /// When the reading began; absent for an assumed cluster.
    #[serde(default)]
    pub observed_at: Known<Timestamp>,
    /// Where the facts come from, e.g. `recorded`, `assumed: old/x.json`.
    #[serde(default)]
    pub sources: Vec<String>,
    /// The control plane.
    #[serde(default)]
    pub control_plane: Known<ControlPlane>,
    /// Updates of the cluster as EKS lists them, in any order.
    #[serde(default)]
    pub updates: Known<Vec<Update>>,
    /// Nodegroups, managed and self-managed.
    #[serde(default)]
    pub nodegroups: Known<Vec<LiveNodegroup>>,
    /// CloudFormation stacks that belong to the cluster.
    #[serde(default)]
    pub stacks: Known<Vec<Stack>>,
    /// Nodes, those outside nodegroups included.
    #[serde(default)]
    pub nodes: Known<Vec<Node>>,
    /// Pods that a drain would move, and those that count as activity.
    #[serde(default)]
    pub pods: Known<Vec<Pod>>,
    /// Pod disruption budgets.
    #[serde(default)]
    pub pdbs: Known<Vec<Pdb>>,
    /// Core add-on workloads (`aws-node`, `kube-proxy`, `coredns`), for add-ons that EKS does not manage.
    #[serde(default)]
    pub workloads: Known<Vec<Workload>>,
    /// EKS-managed add-ons (ListAddons, DescribeAddon).
    #[serde(default)]
    pub addons: Known<Vec<LiveAddon>>,
    /// Add-on name → Kubernetes minor → versions that EKS offers (DescribeAddonVersions).
    #[serde(default)]
    pub addon_versions: Known<BTreeMap<String, BTreeMap<KubeMinor, Vec<AddonVersion>>>>,
    /// Upgrade and rollback insights.
    #[serde(default)]
    pub insights: Known<Vec<Insight>>,
    /// Deprecated APIs that were asked for, from the API server's own metrics.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub deprecated_apis: Known<Vec<DeprecatedApi>>,
    /// Admission webhooks.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub webhooks: Known<Vec<Webhook>>,
    /// `mapRoles` of the ConfigMap `kube-system/aws-auth`, in its order; absent without that ConfigMap.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub aws_auth: Known<Vec<MappedRole>>,
    /// How many entries its `mapUsers` has; absent without that ConfigMap. Who they are is not kept.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub aws_auth_users: Known<u32>,
    /// Quotas that bound a plan, by name: `managed-nodegroups-per-cluster`.
    #[serde(default)]
    pub quotas: Known<BTreeMap<String, u32>>,
    /// Subnets of the cluster with their free addresses.
    #[serde(default)]
    pub subnets: Known<Vec<Subnet>>,
    /// Names of nodegroups that existed once: a name is not used twice by accident.
    #[serde(default)]
    pub past_nodegroups: BTreeSet<String>,
    /// EKS Anywhere objects; absent on EKS.
    #[serde(default = "absent")]
    pub eksa: Known<Value>,
}

const fn absent() -> Known<Value> {
    Known::Absent
}

/// Which cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ClusterId {
    /// The name in EKS.
    pub name: String,
    /// The AWS region; empty for EKS Anywhere.
    #[serde(default)]
    pub region: String,
    /// The AWS account, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The endpoint by which its Kubernetes API was read, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// `sha256:` and the hex digest of the authority's certificates, DER, that its API server was verified by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_authority: Option<String>,
}

/// The control plane as DescribeCluster tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ControlPlane {
    /// The minor that it serves.
    #[serde(default)]
    pub version: Known<KubeMinor>,
    /// `CREATING ACTIVE DELETING FAILED UPDATING PENDING`.
    #[serde(default)]
    pub status: Known<String>,
    /// EKS platform version.
    #[serde(default)]
    pub platform_version: Known<String>,
    /// When the cluster was made.
    #[serde(default)]
    pub created_at: Known<Timestamp>,
    /// `STANDARD` or `EXTENDED` (upgradePolicy.supportType).
    #[serde(default)]
    pub support_type: Known<String>,
    /// True when EKS Auto Mode runs nodes.
    #[serde(default)]
    pub auto_mode: Known<bool>,
    /// Other settings in eksctl's shape (`vpc`, `accessConfig`, …), compared and never changed.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// True when keys missing in `settings` are known to be unset.
    #[serde(default)]
    pub settings_complete: bool,
}

/// An update object of EKS (DescribeUpdate).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Update {
    /// Its id.
    pub id: String,
    /// `VersionUpdate VersionRollback AddonUpdate ConfigUpdate …`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `InProgress Failed Cancelled Successful`.
    pub status: String,
    /// The version asked for, for version updates.
    #[serde(default)]
    pub version: Known<KubeMinor>,
    /// When it was asked for.
    #[serde(default)]
    pub created_at: Known<Timestamp>,
    /// When the cluster was seen to have finished it.
    #[serde(default)]
    pub finished_at: Known<Timestamp>,
    /// The nodegroup it is for, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodegroup: Option<String>,
    /// The add-on it is for, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addon: Option<String>,
    /// Error messages, for failed ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// A nodegroup that exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveNodegroup {
    /// Its name in EKS or in its stack's tags.
    pub name: String,
    /// True for an EKS-managed nodegroup.
    pub managed: bool,
    /// EKS status for managed groups, CloudFormation stack status for others.
    #[serde(default)]
    pub status: Known<String>,
    /// The minor that a node booted now would run.
    #[serde(default)]
    pub version: Known<KubeMinor>,
    /// AMI release of a managed group.
    #[serde(default)]
    pub release_version: Known<String>,
    /// Identity for the recheck before a delete.
    #[serde(default)]
    pub arn: Known<String>,
    /// Identity for the recheck before a delete.
    #[serde(default)]
    pub created_at: Known<Timestamp>,
    /// The settings in eksctl's shape, sensitive ones as digests. A missing key
    /// is unknown unless `spec_complete`, `null` is absent.
    #[serde(default)]
    pub spec: Map<String, Value>,
    /// True when keys missing in `spec` are known to be unset.
    #[serde(default)]
    pub spec_complete: bool,
    /// What EKS says is wrong with it (DescribeNodegroup, `health.issues`).
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub health: Known<Vec<HealthIssue>>,
}

/// A CloudFormation stack of eksctl.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stack {
    /// `eksctl-<cluster>-nodegroup-<name>` and the like.
    pub name: String,
    /// `CREATE_COMPLETE`, `ROLLBACK_COMPLETE`, `DELETE_IN_PROGRESS`, …
    pub status: String,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The nodegroup it belongs to; none for Fargate, Karpenter and Auto Mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodegroup: Option<String>,
    /// Who made it, when not a nodegroup: `fargate`, `karpenter`, `auto-mode`, `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioner: Option<String>,
    /// The kubelet's version.
    #[serde(default)]
    pub kubelet: Known<KubeVersion>,
    /// The Ready condition.
    #[serde(default)]
    pub ready: Known<bool>,
    /// Cordoned.
    #[serde(default)]
    pub unschedulable: bool,
    /// Keys of its taints.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<String>,
    /// Availability zone.
    #[serde(default)]
    pub zone: Known<String>,
    /// Instance type.
    #[serde(default)]
    pub instance_type: Known<String>,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The node it runs on; none while Pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// `Kind/name` of the controller; absent for a bare pod.
    #[serde(default)]
    pub owner: Known<String>,
    /// Labels that activity selectors and budgets match.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// CPU request in millicores.
    #[serde(default)]
    pub cpu_millis: Known<u32>,
    /// Memory request in MiB.
    #[serde(default)]
    pub memory_mib: Known<u32>,
    /// Zones of its volumes; empty without zonal volumes.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub volume_zones: Known<Vec<String>>,
    /// True when a toleration without key and effect lets it return to any node.
    #[serde(default)]
    pub tolerates_everything: bool,
    /// Why a container of it does not run: `CrashLoopBackOff`, `CreateContainerConfigError`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
    /// Labels that its node must have: `nodeSelector`, and what a required node affinity narrows to one value.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub node_selector: Known<BTreeMap<String, String>>,
    /// True when an `emptyDir` volume goes away with it.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub empty_dir: Known<bool>,
}

impl Pod {
    /// Returns true for a pod that a drain leaves alone: a DaemonSet's, or a static pod of its node.
    pub fn is_daemon(&self) -> bool {
        let owner = self.owner.value();
        owner.is_some_and(|owner| owner.starts_with("DaemonSet/")) || self.is_static()
    }

    /// Returns true for what stands for a static pod in the API: the kubelet runs it from a file and
    /// names its node as the owner (Kubernetes, Create static Pods), so an eviction changes nothing.
    pub fn is_static(&self) -> bool {
        let owner = self.owner.value();
        owner.is_some_and(|owner| owner.starts_with("Node/"))
    }
}

/// A pod disruption budget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pdb {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// How many pods may be disrupted now (status.disruptionsAllowed).
    #[serde(default)]
    pub allowed: Known<u32>,
    /// `matchLabels` of its selector; empty counts every pod, absent counts none.
    ///
    /// A reader records a selector with `matchExpressions` as unknown: these labels cannot say it.
    #[serde(default)]
    pub selector: Known<BTreeMap<String, String>>,
    /// `spec.minAvailable` as written: `1`, `50%`.
    #[serde(
        default,
        skip_serializing_if = "Known::is_unknown_by_default",
        deserialize_with = "number_or_text"
    )]
    #[schemars(with = "Known<NumberOrText>")]
    pub min_available: Known<String>,
    /// `spec.maxUnavailable` as written: `0`, `25%`.
    #[serde(
        default,
        skip_serializing_if = "Known::is_unknown_by_default",
        deserialize_with = "number_or_text"
    )]
    #[schemars(with = "Known<NumberOrText>")]
    pub max_unavailable: Known<String>,
    /// `status.expectedPods`: how many pods it counts.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub expected: Known<u32>,
    /// `status.currentHealthy`.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub healthy: Known<u32>,
    /// True when `unhealthyPodEvictionPolicy` is `AlwaysAllow`.
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub evicts_unhealthy: Known<bool>,
}

/// What Kubernetes takes for a count of pods: `1`, `"1"`, `"50%"`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a number, or a text such as `50%`")]
enum NumberOrText {
    Number(u32),
    Text(String),
}

fn number_or_text<'de, D: Deserializer<'de>>(from: D) -> Result<Known<String>, D::Error> {
    Ok(match Known::<NumberOrText>::deserialize(from)? {
        Known::Value(NumberOrText::Number(number)) => Known::Value(number.to_string()),
        Known::Value(NumberOrText::Text(text)) => Known::Value(text),
        Known::Absent => Known::Absent,
        Known::Unknown(why) => Known::Unknown(why),
    })
}

/// A health issue that EKS reports of a nodegroup or an add-on (`health.issues`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthIssue {
    /// Its code, e.g. `NodeCreationFailure`, `InsufficientFreeAddresses`.
    pub code: String,
    /// What EKS says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What it concerns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
}

/// A deprecated API that somebody asked for since the API server started
/// (`apiserver_requested_deprecated_apis`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeprecatedApi {
    /// Group and version: `policy/v1beta1`.
    pub group_version: String,
    /// The resource: `podsecuritypolicies`.
    pub resource: String,
    /// The minor that no longer serves it.
    #[serde(default)]
    pub removed_in: Known<KubeMinor>,
}

/// What an insight says of one deprecated API (`deprecationDetails`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeprecatedUse {
    /// The path: `/apis/policy/v1beta1/podsecuritypolicies`.
    pub usage: String,
    /// The path to use instead; empty when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub replaced_with: String,
    /// The minor that stops to serve it.
    #[serde(default)]
    pub stops_in: Known<KubeMinor>,
    /// Who asked in the last 30 days.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<ApiClient>,
}

/// A client of a deprecated API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiClient {
    /// Its user agent.
    pub user_agent: String,
    /// Requests in the last 30 days.
    #[serde(default)]
    pub requests: Known<u32>,
    /// The last of them.
    #[serde(default)]
    pub last_request: Known<Timestamp>,
}

/// A core workload of kube-system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// `DaemonSet` or `Deployment`.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name: `aws-node`, `kube-proxy`, `coredns`.
    pub name: String,
    /// The version in its image tag.
    #[serde(default)]
    pub version: Known<AddonVersion>,
    /// True when all replicas are updated and available.
    #[serde(default)]
    pub rolled_out: Known<bool>,
}

/// An EKS-managed add-on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LiveAddon {
    /// Its name.
    pub name: String,
    /// The installed version.
    #[serde(default)]
    pub version: Known<AddonVersion>,
    /// `CREATING ACTIVE CREATE_FAILED UPDATING DELETING DELETE_FAILED DEGRADED UPDATE_FAILED`.
    #[serde(default)]
    pub status: Known<String>,
    /// Configuration in eksctl's shape; sensitive values as digests.
    #[serde(default)]
    pub spec: Map<String, Value>,
    /// True when keys missing in `spec` are known to be unset.
    #[serde(default)]
    pub spec_complete: bool,
    /// What EKS says is wrong with it (DescribeAddon, `health.issues`).
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub health: Known<Vec<HealthIssue>>,
}

/// An upgrade or rollback insight of EKS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Insight {
    /// Its id.
    pub id: String,
    /// Its name, e.g. `Deprecated APIs removed in Kubernetes v1.32`.
    pub name: String,
    /// `UPGRADE_READINESS` or `ROLLBACK_READINESS`.
    pub category: String,
    /// The minor it speaks of.
    #[serde(default)]
    pub version: Known<KubeMinor>,
    /// `PASSING WARNING ERROR UNKNOWN`.
    pub status: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When EKS last looked (`lastRefreshTime`).
    #[serde(default, skip_serializing_if = "Known::is_unknown_by_default")]
    pub refreshed_at: Known<Timestamp>,
    /// The deprecated APIs that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deprecations: Vec<DeprecatedUse>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its zone.
    #[serde(default)]
    pub zone: Known<String>,
    /// Free IPv4 addresses.
    #[serde(default)]
    pub free_addresses: Known<u32>,
    /// True when the control plane may place network interfaces in it.
    #[serde(default)]
    pub control_plane: bool,
}

impl Observation {
    /// Returns an observation in which nothing is known yet.
    pub fn unknown(cluster: ClusterId, source: &str) -> Self {
        Self {
            format_version: OBSERVATION_FORMAT,
            kind: "Observation".to_owned(),
            cluster,
            observed_at: Known::default(),
            sources: vec![source.to_owned()],
            control_plane: Known::default(),
            updates: Known::default(),
            nodegroups: Known::default(),
            stacks: Known::default(),
            nodes: Known::default(),
            pods: Known::default(),
            pdbs: Known::default(),
            workloads: Known::default(),
            addons: Known::default(),
            addon_versions: Known::default(),
            insights: Known::default(),
            deprecated_apis: Known::default(),
            webhooks: Known::default(),
            aws_auth: Known::default(),
            aws_auth_users: Known::default(),
            quotas: Known::default(),
            subnets: Known::default(),
            past_nodegroups: BTreeSet::new(),
            eksa: Known::Absent,
        }
    }

    /// Returns the same facts in one order: lists sorted by their identity, and so are the lists
    /// inside of what they hold. `sources` keeps its order: it is the order of reading.
    pub fn sorted(mut self) -> Self {
        self.sort_nested();
        sort(&mut self.updates, |u| u.id.clone());
        sort(&mut self.nodegroups, |g| g.name.clone());
        sort(&mut self.stacks, |s| s.name.clone());
        sort(&mut self.nodes, |n| n.name.clone());
        sort(&mut self.pods, |p| format!("{}/{}", p.namespace, p.name));
        sort(&mut self.pdbs, |p| format!("{}/{}", p.namespace, p.name));
        sort(&mut self.workloads, |w| {
            format!("{}/{}/{}", w.namespace, w.kind, w.name)
        });
        sort(&mut self.addons, |a| a.name.clone());
        sort(&mut self.insights, |i| i.id.clone());
        sort(&mut self.subnets, |s| s.id.clone());
        sort(&mut self.deprecated_apis, |a| {
            (a.group_version.clone(), a.resource.clone())
        });
        // The entries of aws-auth keep their order: the last one for a role counts.
        sort(&mut self.webhooks, |w| {
            (w.kind.clone(), w.configuration.clone(), w.name.clone())
        });
        if let Known::Value(groups) = &mut self.nodegroups {
            for group in groups.iter_mut() {
                forget_unknown(&mut group.spec, &mut group.spec_complete);
            }
        }
        if let Known::Value(addons) = &mut self.addons {
            for addon in addons.iter_mut() {
                forget_unknown(&mut addon.spec, &mut addon.spec_complete);
            }
        }
        if let Known::Value(by_addon) = &mut self.addon_versions {
            for versions in by_addon.values_mut().flat_map(BTreeMap::values_mut) {
                versions.sort();
                versions.dedup();
            }
        }
        self
    }

    /// Sorts the lists within items, before the items are sorted.
    fn sort_nested(&mut self) {
        for group in items_of(&mut self.nodegroups) {
            sort_issues(&mut group.health);
            if let Some(Value::Array(taints)) = group.spec.get_mut("taints") {
                taints.sort_by_cached_key(canonical_bytes);
            }
        }
        for addon in items_of(&mut self.addons) {
            sort_issues(&mut addon.health);
        }
        for node in items_of(&mut self.nodes) {
            node.taints.sort();
        }
        for pod in items_of(&mut self.pods) {
            let zones = items_of(&mut pod.volume_zones);
            zones.sort();
        }
        for webhook in items_of(&mut self.webhooks) {
            webhook.resources.sort();
            webhook.resources.dedup();
        }
        for update in items_of(&mut self.updates) {
            update.errors.sort();
        }
        for insight in items_of(&mut self.insights) {
            for used in &mut insight.deprecations {
                used.clients.sort_by_cached_key(canonical_bytes);
            }
            insight.deprecations.sort_by_cached_key(canonical_bytes);
        }
    }

    /// Returns the version that the control plane serves, when known.
    pub fn version(&self) -> Option<KubeMinor> {
        self.control_plane
            .value()
            .and_then(|plane| plane.version.value())
            .copied()
    }

    /// Returns the nodegroup called `name`.
    pub fn nodegroup(&self, name: &str) -> Option<&LiveNodegroup> {
        self.nodegroups
            .items()
            .iter()
            .find(|group| group.name == name)
    }

    /// Returns the nodes of the nodegroup called `name`.
    pub fn nodes_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.nodes
            .items()
            .iter()
            .filter(move |node| node.nodegroup.as_deref() == Some(name))
    }

    /// Returns the pods on nodes that are not listed: nobody knows their group.
    pub fn pods_elsewhere(&self) -> Vec<&Pod> {
        let nodes: BTreeSet<&str> = self.nodes.items().iter().map(|n| n.name.as_str()).collect();
        let pods = self.pods.items().iter();
        pods.filter(|pod| {
            pod.node
                .as_deref()
                .is_some_and(|node| !nodes.contains(node))
        })
        .collect()
    }

    /// Returns the pods that run on nodes of the nodegroup called `name`.
    pub fn pods_of<'a>(&'a self, name: &str) -> Vec<&'a Pod> {
        let nodes: BTreeSet<&str> = self
            .nodes
            .items()
            .iter()
            .filter(|node| node.nodegroup.as_deref() == Some(name))
            .map(|node| node.name.as_str())
            .collect();
        self.pods
            .items()
            .iter()
            .filter(|pod| pod.node.as_deref().is_some_and(|node| nodes.contains(node)))
            .collect()
    }
}

/// A check that a lie in the file would fail: two facts that cannot both hold.
impl Observation {
    /// Returns contradictions inside the observation, each as a sentence.
    ///
    /// A pod on a node that is not listed is none: an autoscaler made the node between two reads.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        duplicates(
            "nodegroup",
            self.nodegroups.items().iter().map(|g| &g.name),
            &mut found,
        );
        duplicates(
            "node",
            self.nodes.items().iter().map(|n| &n.name),
            &mut found,
        );
        duplicates(
            "add-on",
            self.addons.items().iter().map(|a| &a.name),
            &mut found,
        );
        duplicates(
            "stack",
            self.stacks.items().iter().map(|s| &s.name),
            &mut found,
        );
        duplicates(
            "subnet",
            self.subnets.items().iter().map(|s| &s.id),
            &mut found,
        );
        let webhooks = self.webhooks.items().iter();
        let webhooks: Vec<String> = webhooks
            .map(|one| format!("{} {}", one.kind.to_lowercase(), one.key()))
            .collect();
        duplicates("webhook", webhooks.iter(), &mut found);
        if !self.nodegroups.is_unknown() {
            for node in self.nodes.items() {
                if let Some(group) = &node.nodegroup
                    && self.nodegroup(group).is_none()
                {
                    found.push(format!(
                        "node `{}` says it belongs to nodegroup `{group}`, which is not listed",
                        node.name
                    ));
                }
            }
        }
        found
    }
}

fn duplicates<'a>(noun: &str, names: impl Iterator<Item = &'a String>, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            found.push(format!("{noun} `{name}` is listed twice"));
        }
    }
}

/// Settings that say they are unknown are none at all, and an empty picture is not complete.
fn forget_unknown(spec: &mut Map<String, Value>, complete: &mut bool) {
    if spec.contains_key("$unknown") {
        spec.clear();
    }
    spec.retain(|_, value| value.get("$unknown").is_none());
    if spec.is_empty() {
        *complete = false;
    }
}

/// Sorts by identity; where two have the same one, by everything that they say.
fn sort<T: Serialize, K: Ord>(list: &mut Known<Vec<T>>, key: impl Fn(&T) -> K) {
    let Known::Value(items) = list else { return };
    items.sort_by_cached_key(&key);
    let twice = |pair: &[T]| matches!(pair, [one, other] if key(one) == key(other));
    if items.windows(2).any(twice) {
        items.sort_by_cached_key(|item| (key(item), canonical_bytes(item)));
    }
}

fn sort_issues(list: &mut Known<Vec<HealthIssue>>) {
    for issue in items_of(list) {
        issue.objects.sort();
    }
    sort(list, |issue| (issue.code.clone(), issue.message.clone()));
}

fn items_of<T>(list: &mut Known<Vec<T>>) -> &mut [T] {
    match list {
        Known::Value(items) => items,
        Known::Absent | Known::Unknown(_) => &mut [],
    }
}
