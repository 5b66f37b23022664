//! Writes a compact cluster out as a complete observation: no fact of it is unknown but what the file leaves open.

use super::{WorldCluster, WorldGroup};
use crate::Offers;
use crate::addons::workload_of;
use crate::plane::passing;
use serde_json::{Value, json};
use stairway_core::model::clusterconfig::{count_of, labels_of, read_taints};
use stairway_core::model::{
    ClusterId, ControlPlane, Known, KubeMinor, LiveAddon, LiveNodegroup, MappedRole, Node,
    OBSERVATION_FORMAT, Observation, Pod, Stack, Subnet, Timestamp, Workload,
};
use std::collections::{BTreeMap, BTreeSet};

/// Plenty for any plan: a /20 has 4091 addresses.
const FREE_ADDRESSES: u32 = 4_091;
/// The default quota of managed nodegroups per cluster (EKS service quotas).
const MANAGED_GROUPS: u32 = 30;
/// Replicas of coredns (EKS default).
const COREDNS_REPLICAS: u32 = 2;
/// More nodes than any EKS cluster has by default; a typing mistake must not fill the memory.
const NODES_MAX: u32 = 2_000;
/// More pods on a group than anybody writes out.
const PODS_MAX: u32 = 20_000;

/// Returns the cluster's observation.
pub(super) fn write_out(
    start: Timestamp,
    cluster: &WorldCluster,
    offers: &Offers,
) -> Result<Observation, String> {
    let name = cluster.name.clone().filter(|name| !name.is_empty());
    let name = name.ok_or("has neither `observation` nor `name`")?;
    let region = cluster.region.clone().ok_or("`region` is missing")?;
    let version = cluster.version.ok_or("`version` is missing")?;
    let id = ClusterId {
        name,
        region,
        account_id: Some(
            cluster
                .account
                .clone()
                .unwrap_or_else(|| "111122223333".to_owned()),
        ),
        endpoint: None,
        certificate_authority: None,
    };
    let created = cluster.created_at.unwrap_or_else(|| start.plus_days(-365));
    if created > start {
        return Err("`createdAt` is after the world's `start`".to_owned());
    }
    let mut seen = BTreeSet::new();
    for group in &cluster.nodegroups {
        check(group, version)?;
        if !seen.insert(&group.name) {
            return Err(format!("nodegroup `{}` is listed twice", group.name));
        }
    }
    let mut observed = Observation::unknown(id, "world");
    observed.format_version = OBSERVATION_FORMAT;
    observed.observed_at = Known::Value(start);
    observed.control_plane = Known::Value(control_plane(cluster, version, created)?);
    observed.updates = Known::Value(Vec::new());
    observed.eksa = Known::Absent;
    observed.subnets = Known::Value(subnets(cluster, &observed.cluster.region));
    let quotas = || BTreeMap::from([("managed-nodegroups-per-cluster".to_owned(), MANAGED_GROUPS)]);
    observed.quotas = Known::Value(cluster.quotas.clone().unwrap_or_else(quotas));
    observed.insights = Known::Value(passing("UPGRADE_READINESS", version.next(), version.next()));
    observed.deprecated_apis = Known::Value(Vec::new());
    observed.webhooks = Known::Value(Vec::new());
    observed.addon_versions = Known::Value(on_offer(offers, version));
    add_addons(&mut observed, cluster)?;
    add_groups(&mut observed, cluster, version, created);
    (observed.aws_auth, observed.aws_auth_users) = aws_auth(&observed);
    let pods = observed.pods.items();
    let budgets = cluster.pdbs.iter().cloned();
    let budgets = budgets.map(|budget| budget.with_status_of(pods)).collect();
    observed.pdbs = Known::Value(budgets);
    Ok(observed.sorted())
}

/// One entry for each group, as eksctl makes them where nothing but the ConfigMap lets nodes in; with access
/// entries, the default of eksctl, there is no ConfigMap.
fn aws_auth(observed: &Observation) -> (Known<Vec<MappedRole>>, Known<u32>) {
    let plane = observed.control_plane.value();
    let mode = plane.and_then(|plane| {
        plane
            .settings
            .get("accessConfig")?
            .get("authenticationMode")
    });
    if mode.and_then(Value::as_str) != Some("CONFIG_MAP") {
        return (Known::Absent, Known::Absent);
    }
    let id = &observed.cluster;
    let account = id.account_id.as_deref().unwrap_or_default();
    let role = |group: &LiveNodegroup| {
        let iam = group.spec.get("iam");
        let given = iam.and_then(|iam| iam.get("instanceRoleARN")?.as_str());
        let made = || {
            let name = format!(
                "eksctl-{}-nodegroup-{}-NodeInstanceRole",
                id.name, group.name
            );
            format!("arn:aws:iam::{account}:role/{name}")
        };
        MappedRole {
            role_arn: given.map_or_else(made, str::to_owned),
            username: "system:node:{{EC2PrivateDNSName}}".to_owned(),
            groups: ["system:bootstrappers", "system:nodes"]
                .map(str::to_owned)
                .to_vec(),
        }
    };
    let roles = observed.nodegroups.items().iter().map(role).collect();
    (Known::Value(roles), Known::Value(0))
}

fn check(group: &WorldGroup, plane: KubeMinor) -> Result<(), String> {
    let name = &group.name;
    if name.is_empty() {
        return Err("a nodegroup has an empty name".to_owned());
    }
    let version = group.version.unwrap_or(plane);
    if version > plane {
        return Err(format!(
            "nodegroup `{name}` runs {version}, and a kubelet is never newer than the control plane ({plane})"
        ));
    }
    if group.nodes > NODES_MAX {
        return Err(format!(
            "nodegroup `{name}` has more than {NODES_MAX} nodes"
        ));
    }
    if group.pods > PODS_MAX || group.sessions > PODS_MAX {
        return Err(format!("nodegroup `{name}` has more than {PODS_MAX} pods"));
    }
    if group.nodes == 0 && (group.pods > 0 || group.sessions > 0) {
        return Err(format!(
            "nodegroup `{name}` has pods and no node to run them"
        ));
    }
    let bound = |key: &str| group.spec.get(key).and_then(count_of);
    if bound("maxSize").is_some_and(|max| group.nodes > max) {
        return Err(format!(
            "nodegroup `{name}` has more nodes than its maxSize"
        ));
    }
    if bound("minSize").is_some_and(|min| group.nodes < min) {
        return Err(format!(
            "nodegroup `{name}` has fewer nodes than its minSize"
        ));
    }
    read_taints(group.spec.get("taints"), "taints")
        .map(|_| ())
        .map_err(|error| format!("nodegroup `{name}`: {error}"))
}

fn control_plane(
    cluster: &WorldCluster,
    version: KubeMinor,
    created: Timestamp,
) -> Result<ControlPlane, String> {
    let support = cluster.support.clone();
    let support = support.unwrap_or_else(|| "EXTENDED".to_owned());
    if support != "STANDARD" && support != "EXTENDED" {
        return Err(format!(
            "`support: {support}` is neither STANDARD nor EXTENDED"
        ));
    }
    Ok(ControlPlane {
        version: Known::Value(version),
        status: Known::Value("ACTIVE".to_owned()),
        platform_version: Known::Value("eks.1".to_owned()),
        created_at: Known::Value(created),
        support_type: Known::Value(support),
        auto_mode: Known::Value(false),
        settings: cluster.settings.clone().unwrap_or_default(),
        settings_complete: cluster.settings.is_some(),
    })
}

fn subnets(cluster: &WorldCluster, region: &str) -> Vec<Subnet> {
    if let Some(subnets) = &cluster.subnets {
        return subnets.clone();
    }
    ["a", "b"]
        .iter()
        .map(|letter| Subnet {
            id: format!("subnet-{letter}"),
            zone: Known::Value(format!("{region}{letter}")),
            free_addresses: Known::Value(FREE_ADDRESSES),
            control_plane: true,
        })
        .collect()
}

/// What DescribeAddonVersions would answer: versions for the present minor and later ones.
fn on_offer(offers: &Offers, version: KubeMinor) -> Offers {
    let from = version.previous().unwrap_or(version);
    let later = |by_minor: &BTreeMap<KubeMinor, _>| {
        let minors = by_minor.range(from..);
        minors
            .map(|(minor, list)| (*minor, Vec::clone(list)))
            .collect()
    };
    offers
        .iter()
        .map(|(addon, by_minor)| (addon.clone(), later(by_minor)))
        .collect()
}

fn add_addons(observed: &mut Observation, cluster: &WorldCluster) -> Result<(), String> {
    for name in cluster.addon_settings.keys() {
        if !cluster.addons.contains_key(name) {
            return Err(format!(
                "`{name}` is under `addonSettings` and not under `addons`"
            ));
        }
    }
    let made_with = |name: &String| {
        let mut spec = cluster
            .addon_settings
            .get(name)
            .cloned()
            .unwrap_or_default();
        spec.insert("name".to_owned(), json!(name));
        spec
    };
    let addons = cluster.addons.iter().map(|(name, version)| LiveAddon {
        health: Known::Value(Vec::new()),
        name: name.clone(),
        version: Known::Value(version.clone()),
        status: Known::Value("ACTIVE".to_owned()),
        spec: made_with(name),
        spec_complete: true,
    });
    observed.addons = Known::Value(addons.collect());
    let mut workloads = Vec::new();
    for (name, version) in &cluster.self_managed {
        if cluster.addons.contains_key(name) {
            return Err(format!(
                "`{name}` is both under `addons` and under `selfManaged`"
            ));
        }
        let Some((workload, kind)) = workload_of(name) else {
            return Err(format!(
                "`{name}` under `selfManaged` is none of kube-proxy, vpc-cni and coredns"
            ));
        };
        workloads.push(Workload {
            kind: kind.to_owned(),
            namespace: "kube-system".to_owned(),
            name: workload.to_owned(),
            version: Known::Value(version.clone()),
            rolled_out: Known::Value(true),
        });
    }
    observed.workloads = Known::Value(workloads);
    Ok(())
}

fn add_groups(
    observed: &mut Observation,
    cluster: &WorldCluster,
    plane: KubeMinor,
    created: Timestamp,
) {
    let id = observed.cluster.clone();
    let (mut groups, mut nodes, mut pods) = (Vec::new(), Vec::new(), Vec::new());
    let complete = |name: String| Stack {
        name,
        status: "CREATE_COMPLETE".to_owned(),
    };
    let mut stacks = vec![complete(format!("eksctl-{}-cluster", id.name))];
    for (index, group) in cluster.nodegroups.iter().enumerate() {
        // A minute apart, as somebody would have made them.
        let seconds = i64::try_from(index).unwrap_or(0).saturating_mul(60) + 3_600;
        let at = Timestamp::from_unix(created.unix().saturating_add(seconds));
        let live = live_group(&id, group, plane, at);
        stacks.push(complete(format!(
            "eksctl-{}-nodegroup-{}",
            id.name, group.name
        )));
        let first = nodes.len();
        for number in 0..group.nodes {
            nodes.push(node(&id, group, &live, index, number));
        }
        pods.extend(services(group, &nodes[first..]));
        groups.push(live);
    }
    pods.extend(kube_system(cluster, &nodes));
    observed.nodegroups = Known::Value(groups);
    observed.nodes = Known::Value(nodes);
    observed.pods = Known::Value(pods);
    observed.stacks = Known::Value(stacks);
}

fn live_group(
    id: &ClusterId,
    group: &WorldGroup,
    plane: KubeMinor,
    created: Timestamp,
) -> LiveNodegroup {
    let name = &group.name;
    let version = group.version.unwrap_or(plane);
    let mut spec = group.spec.clone();
    spec.insert("name".to_owned(), json!(name));
    spec.entry("minSize").or_insert(json!(group.nodes));
    spec.entry("maxSize").or_insert(json!(group.nodes.max(1)));
    // eksctl adds them to every group (defaults.go).
    let mut labels = labels_of(&spec);
    labels.insert("alpha.eksctl.io/cluster-name".to_owned(), id.name.clone());
    labels.insert("alpha.eksctl.io/nodegroup-name".to_owned(), name.clone());
    spec.insert("labels".to_owned(), json!(labels));
    let account = id.account_id.as_deref().unwrap_or_default();
    let place = format!("{}:{account}", id.region);
    let stamp = created.unix();
    let (arn, status) = if group.managed {
        let arn = format!("arn:aws:eks:{place}:nodegroup/{}/{name}/{stamp:x}", id.name);
        (arn, "ACTIVE")
    } else {
        let stack = format!("eksctl-{}-nodegroup-{name}", id.name);
        let arn = format!("arn:aws:cloudformation:{place}:stack/{stack}/{stamp:x}");
        (arn, "CREATE_COMPLETE")
    };
    LiveNodegroup {
        health: Known::Value(Vec::new()),
        name: name.clone(),
        managed: group.managed,
        status: Known::Value(status.to_owned()),
        version: Known::Value(version),
        release_version: if group.managed {
            Known::Value(format!("{version}.0-20260801"))
        } else {
            Known::Absent
        },
        arn: Known::Value(arn),
        created_at: Known::Value(created),
        spec,
        spec_complete: true,
    }
}

fn node(
    id: &ClusterId,
    group: &WorldGroup,
    live: &LiveNodegroup,
    index: usize,
    number: u32,
) -> Node {
    let text = |key: &str| {
        live.spec
            .get(key)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let zone = group.zone.clone().unwrap_or_else(|| {
        let letter = if number.is_multiple_of(2) { "a" } else { "b" };
        format!("{}{letter}", id.region)
    });
    let version = live.version.value();
    let kubelet = version.and_then(|version| format!("v{version}.0-eks").parse().ok());
    let taints = read_taints(live.spec.get("taints"), "taints").unwrap_or_default();
    let mut keys: Vec<String> = taints.into_iter().map(|taint| taint.key).collect();
    keys.dedup();
    Node {
        // Groups lie side by side in 192.168.0.0/17; the world boots its own nodes above that.
        name: format!(
            "ip-192-168-{}-{}.{}.compute.internal",
            index % 96,
            5 + number,
            id.region
        ),
        nodegroup: Some(group.name.clone()),
        provisioner: None,
        kubelet: kubelet.map_or_else(Known::default, Known::Value),
        ready: Known::Value(true),
        unschedulable: false,
        taints: keys,
        zone: Known::Value(zone),
        instance_type: Known::Value(text("instanceType").unwrap_or_else(|| "m5.large".to_owned())),
    }
}

fn pod(namespace: &str, name: String, node: &Node, owner: Known<String>) -> Pod {
    Pod {
        namespace: namespace.to_owned(),
        name,
        node: Some(node.name.clone()),
        owner,
        labels: BTreeMap::new(),
        cpu_millis: Known::Value(100),
        memory_mib: Known::Value(128),
        volume_zones: Known::Value(Vec::new()),
        tolerates_everything: false,
        waiting: None,
        node_selector: Known::Value(BTreeMap::new()),
        empty_dir: Known::Value(false),
    }
}

/// Services belong to a Deployment; sessions are bare pods, as JupyterHub's KubeSpawner makes them.
fn services(group: &WorldGroup, nodes: &[Node]) -> Vec<Pod> {
    let mut pods = Vec::new();
    for (number, node) in (0..group.pods).zip(nodes.iter().cycle()) {
        let owner = Known::Value(format!("Deployment/{}-app", group.name));
        let mut one = pod("prod", format!("{}-app-{number}", group.name), node, owner);
        one.labels
            .insert("app".to_owned(), format!("{}-app", group.name));
        pods.push(one);
    }
    for (number, node) in (0..group.sessions).zip(nodes.iter().cycle()) {
        let name = format!("jupyter-{}-{number}", group.name);
        let mut one = pod("prod", name, node, Known::Absent);
        let labels = [("app", "jupyterhub"), ("component", "singleuser-server")];
        for (key, value) in labels {
            one.labels.insert(key.to_owned(), value.to_owned());
        }
        pods.push(one);
    }
    pods
}

/// The daemons of every node, and two replicas of coredns.
fn kube_system(cluster: &WorldCluster, nodes: &[Node]) -> Vec<Pod> {
    let mut pods = Vec::new();
    let runs = |addon: &str| {
        cluster.addons.contains_key(addon) || cluster.self_managed.contains_key(addon)
    };
    for (addon, daemon) in [("vpc-cni", "aws-node"), ("kube-proxy", "kube-proxy")] {
        for node in nodes.iter().filter(|_| runs(addon)) {
            let short = node.name.split('.').next().unwrap_or(&node.name);
            let owner = Known::Value(format!("DaemonSet/{daemon}"));
            let mut one = pod("kube-system", format!("{daemon}-{short}"), node, owner);
            one.labels.insert("k8s-app".to_owned(), daemon.to_owned());
            one.tolerates_everything = true;
            pods.push(one);
        }
    }
    if runs("coredns") {
        let mut open: Vec<&Node> = nodes.iter().filter(|node| node.taints.is_empty()).collect();
        let core = |node: &&Node| {
            let group = node.nodegroup.as_deref().unwrap_or_default();
            group.starts_with("core") || group.starts_with("system")
        };
        if open.iter().any(core) {
            open.retain(core);
        }
        for (number, node) in (0..COREDNS_REPLICAS).zip(open.iter().cycle()) {
            let owner = Known::Value("Deployment/coredns".to_owned());
            let mut one = pod("kube-system", format!("coredns-{number}"), node, owner);
            one.labels
                .insert("k8s-app".to_owned(), "kube-dns".to_owned());
            pods.push(one);
        }
    }
    pods
}
