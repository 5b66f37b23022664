//! From a live config and the facts that no config can say to an observation.

use serde::Deserialize;
use serde_json::{Map, Value};
use stairway_core::catalog::Catalog;
use stairway_core::diff::{effective_spec, normalize};
use stairway_core::model::clusterconfig::{Desired, DesiredNodegroup};
use stairway_core::model::{
    AddonVersion, ControlPlane, Digest, Insight, Known, KubeMinor, KubeVersion, LiveAddon,
    LiveNodegroup, Node, Observation, Pdb, Pod, Stack, Subnet, Timestamp, Update, Workload,
};
use std::collections::{BTreeMap, BTreeSet};

/// An account of the AWS documentation's examples.
const ACCOUNT: &str = "111122223333";
/// How long the hop to the live version took.
const HOP_SECONDS: i64 = 540;
/// The add-on whose DaemonSet runs beside the two of every cluster.
const EBS_CSI: &str = "aws-ebs-csi-driver";
/// Groups that are older than the control plane's last hop were made this many days before it.
const OLDER_DAYS: i64 = 200;

/// Add-on → minor → versions.
pub(crate) type Offers = BTreeMap<String, BTreeMap<KubeMinor, Vec<AddonVersion>>>;

/// `live/<name>.facts.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Facts {
    observed_at: Timestamp,
    created_at: Timestamp,
    updated_at: Timestamp,
    previous_version: KubeMinor,
    nodes: BTreeMap<String, u32>,
    kubelets: BTreeMap<String, KubeVersion>,
    #[serde(default)]
    release_versions: BTreeMap<String, String>,
    pods: BTreeMap<String, Vec<PodFact>>,
    pdbs: Vec<Pdb>,
    insights: Vec<InsightFact>,
    addons: BTreeMap<String, AddonFact>,
    quotas: QuotaFacts,
    subnets: Vec<SubnetFact>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PodFact {
    namespace: String,
    name: String,
    owner: Option<String>,
    node: u32,
    cpu: String,
    memory: String,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    volume_zone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InsightFact {
    id: String,
    name: String,
    category: String,
    kubernetes_version: KubeMinor,
    status: String,
    reason: String,
}

#[derive(Deserialize)]
struct AddonFact {
    version: AddonVersion,
    managed: bool,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    workload: Option<String>,
    #[serde(default)]
    desired: u32,
    #[serde(default)]
    ready: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct QuotaFacts {
    managed_nodegroups_per_cluster: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubnetFact {
    id: String,
    zone: String,
    available_addresses: u32,
}

/// Returns what would be observed of the cluster `live` with these facts.
pub(crate) fn observe(
    live: &Desired,
    facts: &Facts,
    offers: Offers,
    catalog: &Catalog,
) -> Observation {
    check_names(live, facts);
    let name = live.cluster.name.clone();
    let mut cluster = live.cluster.clone();
    cluster.account_id = Some(ACCOUNT.to_owned());
    let source = format!("demonstration: testdata/demo/live/{name}.jsonnet and {name}.facts.json");
    let mut observed = Observation::unknown(cluster, &source);
    observed.observed_at = Known::Value(facts.observed_at);
    observed.control_plane = Known::Value(control_plane(live, facts, catalog));
    observed.updates = Known::Value(vec![last_hop(live, facts)]);
    observed.nodegroups = Known::Value(nodegroups(live, facts, catalog));
    observed.stacks = Known::Value(stacks(live));
    observed.nodes = Known::Value(nodes(live, facts));
    observed.pods = Known::Value(pods(live, facts));
    let budgets = facts.pdbs.iter().cloned();
    let budgets = budgets.map(|budget| budget.with_status_of(observed.pods.items()));
    observed.pdbs = Known::Value(budgets.collect());
    observed.workloads = Known::Value(workloads(facts));
    observed.addons = Known::Value(addons(live, facts, catalog));
    observed.addon_versions = Known::Value(offers);
    observed.insights = Known::Value(facts.insights.iter().map(insight).collect());
    // Nobody asks for a deprecated API, no webhook is there, and access entries let nodes in.
    observed.deprecated_apis = Known::Value(Vec::new());
    observed.webhooks = Known::Value(Vec::new());
    observed.aws_auth = Known::Absent;
    observed.aws_auth_users = Known::Absent;
    let quota = facts.quotas.managed_nodegroups_per_cluster;
    observed.quotas = Known::Value(BTreeMap::from([(
        "managed-nodegroups-per-cluster".to_owned(),
        quota,
    )]));
    observed.subnets = Known::Value(facts.subnets.iter().map(subnet).collect());
    observed.past_nodegroups = past(live);
    observed.sorted()
}

/// A fact about a group that the config does not have would be lost without a word.
fn check_names(live: &Desired, facts: &Facts) {
    let declared: BTreeSet<&String> = live.nodegroups.keys().collect();
    let counted: BTreeSet<&String> = facts.nodes.keys().collect();
    assert_eq!(declared, counted, "nodes of {}", live.cluster.name);
    assert_eq!(
        declared,
        facts.kubelets.keys().collect(),
        "kubelets of {}",
        live.cluster.name
    );
    assert!(facts.pods.keys().all(|group| declared.contains(group)));
    assert!(
        facts
            .release_versions
            .keys()
            .all(|group| declared.contains(group))
    );
}

fn control_plane(live: &Desired, facts: &Facts, catalog: &Catalog) -> ControlPlane {
    const NOT_SETTINGS: [&str; 7] = [
        "apiVersion",
        "kind",
        "metadata",
        "nodeGroups",
        "managedNodeGroups",
        "addons",
        "upgradePolicy",
    ];
    let mut settings = normalize::redact(&live.document, catalog);
    settings.retain(|key, _| !NOT_SETTINGS.contains(&key.as_str()));
    ControlPlane {
        version: Known::Value(live.version.expect("live configs give a version")),
        status: Known::Value("ACTIVE".to_owned()),
        platform_version: Known::Unknown("not in the demonstration".to_owned()),
        created_at: Known::Value(facts.created_at),
        support_type: Known::Value("EXTENDED".to_owned()),
        auto_mode: Known::Value(false),
        settings,
        settings_complete: false,
    }
}

fn last_hop(live: &Desired, facts: &Facts) -> Update {
    let version = live.version.expect("live configs give a version");
    assert_eq!(
        facts.previous_version.next(),
        version,
        "{}",
        live.cluster.name
    );
    let started = Timestamp::from_unix(facts.updated_at.unix() - HOP_SECONDS);
    Update {
        id: uuid(&[&live.cluster.name, "update", &version.to_string()]),
        kind: "VersionUpdate".to_owned(),
        status: "Successful".to_owned(),
        version: Known::Value(version),
        created_at: Known::Value(started),
        finished_at: Known::Value(facts.updated_at),
        nodegroup: None,
        addon: None,
        errors: Vec::new(),
    }
}

fn nodegroups(live: &Desired, facts: &Facts, catalog: &Catalog) -> Vec<LiveNodegroup> {
    live.nodegroups
        .values()
        .map(|group| LiveNodegroup {
            health: Known::default(),
            name: group.name.clone(),
            managed: group.managed,
            status: Known::Value(
                if group.managed {
                    "ACTIVE"
                } else {
                    "CREATE_COMPLETE"
                }
                .into(),
            ),
            version: Known::Value(facts.kubelets[&group.name].minor()),
            release_version: facts
                .release_versions
                .get(&group.name)
                .map_or(Known::Absent, |release| Known::Value(release.clone())),
            arn: Known::Value(arn(live, group)),
            created_at: Known::Value(made_at(live, facts, group)),
            spec: normalize::redact(&effective_spec(live, group), catalog),
            spec_complete: true,
        })
        .collect()
}

/// A managed group has an ARN of its own; a self-managed one is told by its stack.
fn arn(live: &Desired, group: &DesiredNodegroup) -> String {
    let (cluster, region) = (&live.cluster.name, &live.cluster.region);
    let id = uuid(&[cluster, "nodegroup", &group.name]);
    if group.managed {
        format!(
            "arn:aws:eks:{region}:{ACCOUNT}:nodegroup/{cluster}/{}/{id}",
            group.name
        )
    } else {
        format!(
            "arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{}/{id}",
            stack(live, group)
        )
    }
}

fn stack(live: &Desired, group: &DesiredNodegroup) -> String {
    format!("eksctl-{}-nodegroup-{}", live.cluster.name, group.name)
}

fn made_at(live: &Desired, facts: &Facts, group: &DesiredNodegroup) -> Timestamp {
    let follows = Some(facts.kubelets[&group.name].minor()) == live.version;
    let wanted = facts
        .updated_at
        .plus_days(if follows { 1 } else { -OLDER_DAYS });
    wanted.max(facts.created_at.plus_days(1))
}

fn stacks(live: &Desired) -> Vec<Stack> {
    let mut names = vec![format!("eksctl-{}-cluster", live.cluster.name)];
    names.extend(live.nodegroups.values().map(|group| stack(live, group)));
    let status = "CREATE_COMPLETE";
    names
        .into_iter()
        .map(|name| Stack {
            name,
            status: status.to_owned(),
        })
        .collect()
}

fn nodes(live: &Desired, facts: &Facts) -> Vec<Node> {
    let mut nodes = Vec::new();
    for group in live.nodegroups.values() {
        let zone = group
            .spec
            .get("availabilityZones")
            .and_then(|zones| zones.get(0));
        for index in 0..facts.nodes[&group.name] {
            nodes.push(Node {
                name: node_name(live, &group.name, index),
                nodegroup: Some(group.name.clone()),
                provisioner: None,
                kubelet: Known::Value(facts.kubelets[&group.name].clone()),
                ready: Known::Value(true),
                unschedulable: false,
                taints: Vec::new(),
                zone: text_of(zone),
                instance_type: text_of(first_instance_type(&group.spec)),
            });
        }
    }
    nodes
}

fn node_name(live: &Desired, group: &str, index: u32) -> String {
    let digest = Digest::of(format!("{}/{group}/{index}", live.cluster.name).as_bytes());
    let byte = |at: usize| u8::from_str_radix(&digest.hex()[at..at + 2], 16).unwrap_or(0);
    format!(
        "ip-192-168-{}-{}.{}.compute.internal",
        byte(0) % 96,
        byte(2),
        live.cluster.region
    )
}

fn first_instance_type(spec: &Map<String, Value>) -> Option<&Value> {
    let distribution = spec
        .get("instancesDistribution")
        .and_then(|d| d.get("instanceTypes"));
    let list = spec
        .get("instanceTypes")
        .or(distribution)
        .and_then(|types| types.get(0));
    spec.get("instanceType").or(list)
}

fn text_of(value: Option<&Value>) -> Known<String> {
    let text = value.and_then(Value::as_str);
    text.map_or(Known::Absent, |text| Known::Value(text.to_owned()))
}

fn pods(live: &Desired, facts: &Facts) -> Vec<Pod> {
    let mut pods = Vec::new();
    for (group, list) in &facts.pods {
        for fact in list {
            assert!(
                fact.node < facts.nodes[group],
                "{}/{}",
                fact.namespace,
                fact.name
            );
            pods.push(Pod {
                namespace: fact.namespace.clone(),
                name: fact.name.clone(),
                node: Some(node_name(live, group, fact.node)),
                owner: fact.owner.clone().map_or(Known::Absent, Known::Value),
                labels: fact.labels.clone(),
                cpu_millis: Known::Value(millis(&fact.cpu)),
                memory_mib: Known::Value(mebibytes(&fact.memory)),
                volume_zones: Known::Value(fact.volume_zone.iter().cloned().collect()),
                tolerates_everything: false,
                waiting: None,
                node_selector: Known::Value(selector(live, group, &fact.namespace)),
                empty_dir: Known::Value(false),
            });
        }
    }
    let has_ebs = facts.addons.contains_key(EBS_CSI);
    for (group, count) in &facts.nodes {
        for index in 0..*count {
            let node = node_name(live, group, index);
            let daemons: [(&str, u32, u32); 3] = [
                ("aws-node", 50, 0),
                ("kube-proxy", 100, 0),
                ("ebs-csi-node", 30, 120),
            ];
            let run = if has_ebs { &daemons[..] } else { &daemons[..2] };
            pods.extend(run.iter().map(|daemon| daemon_pod(*daemon, &node)));
        }
    }
    pods
}

fn daemon_pod((name, cpu, memory): (&str, u32, u32), node: &str) -> Pod {
    let suffix = Digest::of(format!("{name}/{node}").as_bytes())
        .short(5)
        .to_owned();
    Pod {
        namespace: "kube-system".to_owned(),
        name: format!("{name}-{suffix}"),
        node: Some(node.to_owned()),
        owner: Known::Value(format!("DaemonSet/{name}")),
        labels: BTreeMap::from([("k8s-app".to_owned(), name.to_owned())]),
        cpu_millis: Known::Value(cpu),
        memory_mib: Known::Value(memory),
        volume_zones: Known::Value(Vec::new()),
        tolerates_everything: true,
        waiting: None,
        node_selector: Known::Value(BTreeMap::new()),
        empty_dir: Known::Value(false),
    }
}

/// The hub's charts select nodes by their purpose; what EKS brings does not.
fn selector(live: &Desired, group: &str, namespace: &str) -> BTreeMap<String, String> {
    const PURPOSE: &str = "hub.jupyter.org/node-purpose";
    let labels = live.nodegroups[group].labels();
    let purpose = labels.get(PURPOSE).filter(|_| namespace != "kube-system");
    let pair = purpose.map(|purpose| (PURPOSE.to_owned(), purpose.clone()));
    pair.into_iter().collect()
}

/// Reads `4` or `100m` as millicores.
fn millis(text: &str) -> u32 {
    let (number, factor) = text
        .strip_suffix('m')
        .map_or((text, 1000), |number| (number, 1));
    number.parse::<u32>().expect("a CPU request") * factor
}

/// Reads `32Gi` or `70Mi` as MiB.
fn mebibytes(text: &str) -> u32 {
    const MIB_PER_GIB: u32 = 1024;
    let gibi = text.strip_suffix("Gi").map(|number| (number, MIB_PER_GIB));
    let (number, factor) = gibi
        .or(text.strip_suffix("Mi").map(|n| (n, 1)))
        .expect("Gi or Mi");
    number.parse::<u32>().expect("a memory request") * factor
}

fn addons(live: &Desired, facts: &Facts, catalog: &Catalog) -> Vec<LiveAddon> {
    let managed = facts.addons.iter().filter(|(_, addon)| addon.managed);
    managed
        .map(|(name, addon)| {
            let declared = live
                .addons
                .iter()
                .flatten()
                .find(|(other, _)| *other == name);
            let mut spec = declared
                .map(|(_, addon)| normalize::redact_addon(&addon.spec, catalog))
                .unwrap_or_default();
            spec.remove("version");
            LiveAddon {
                health: Known::default(),
                name: name.clone(),
                version: Known::Value(addon.version.clone()),
                status: Known::Value(addon.status.clone().unwrap_or_else(|| "ACTIVE".to_owned())),
                spec,
                spec_complete: true,
            }
        })
        .collect()
}

/// Core workloads of add-ons that EKS does not manage.
fn workloads(facts: &Facts) -> Vec<Workload> {
    let own = facts.addons.values().filter(|addon| !addon.managed);
    own.map(|addon| {
        let workload = addon.workload.as_deref().expect("a workload");
        let (kind, name) = workload.split_once('/').expect("Kind/name");
        Workload {
            kind: kind.to_owned(),
            namespace: "kube-system".to_owned(),
            name: name.to_owned(),
            version: Known::Value(addon.version.clone()),
            rolled_out: Known::Value(addon.desired == addon.ready),
        }
    })
    .collect()
}

fn insight(fact: &InsightFact) -> Insight {
    Insight {
        refreshed_at: Known::default(),
        deprecations: Vec::new(),
        id: fact.id.clone(),
        name: fact.name.clone(),
        category: fact.category.clone(),
        version: Known::Value(fact.kubernetes_version),
        status: fact.status.clone(),
        reason: fact.reason.clone(),
    }
}

/// eksctl gives the control plane all subnets, public and private.
fn subnet(fact: &SubnetFact) -> Subnet {
    Subnet {
        id: fact.id.clone(),
        zone: Known::Value(fact.zone.clone()),
        free_addresses: Known::Value(fact.available_addresses),
        control_plane: true,
    }
}

/// Earlier letters of the generations that run.
fn past(live: &Desired) -> BTreeSet<String> {
    let mut past = BTreeSet::new();
    for name in live.nodegroups.keys() {
        let Some((logical, letter)) = name.rsplit_once('-') else {
            continue;
        };
        let &[letter] = letter.as_bytes() else {
            continue;
        };
        past.extend((b'a'..letter).map(|earlier| format!("{logical}-{}", char::from(earlier))));
    }
    past.retain(|name| !live.nodegroups.contains_key(name));
    past
}

/// An id in the shape of a UUID, told by what it is for.
fn uuid(parts: &[&str]) -> String {
    let digest = Digest::of(parts.join("/").as_bytes());
    let hex = digest.hex();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..32]
    )
}
