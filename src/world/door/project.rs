//! What the world shows as objects: nodes, pods, budgets, workloads, volumes, namespaces.
//!
//! A picture has no uid, no version and no status that a controller counts;
//! the store and [`super::control`] add them.

use super::gates;
use super::kinds;
use super::store::Key;
use crate::World;
use crate::addons::workload_of;
use serde_json::{Value, json};
use stairway_core::model::clusterconfig::{labels_of, read_taints};
use stairway_core::model::{Digest, Known, Node, Pdb, Pod};
use std::collections::{BTreeMap, BTreeSet};

/// Pods that a node takes, as the world's scheduler counts them.
const PODS_PER_NODE: &str = "110";
/// The account and repository of EKS's own images (EKS user guide, add-on registries; the account of most regions).
const REGISTRY_ACCOUNT: &str = "602401143452";
const REPOSITORIES: [(&str, &str); 3] = [
    ("aws-node", "amazon-k8s-cni"),
    ("kube-proxy", "eks/kube-proxy"),
    ("coredns", "eks/coredns"),
];
/// Namespaces that every cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];
/// kubelet's default grace (`terminationGracePeriodSeconds`).
const GRACE: u32 = 30;

/// Returns the key of an object.
pub(crate) fn key(kind: &str, namespace: &str, name: &str) -> Key {
    (kinds::of(kind).id(), namespace.to_owned(), name.to_owned())
}

/// Returns everything that the world shows, owners before what they own; workloads in `own` are the door's.
pub(crate) fn all(world: &World, own: &BTreeSet<Key>) -> Vec<(Key, Value)> {
    let mut pictures = namespaces(world);
    pictures.extend(
        world
            .cluster
            .nodes
            .items()
            .iter()
            .map(|node| (key("Node", "", &node.name), node_picture(world, node))),
    );
    pictures.extend(world.cluster.nodes.items().iter().map(node_lease));
    pictures.extend(gates::pictures(world));
    let workloads = workloads(world);
    pictures.extend(workloads.into_iter().filter(|(key, _)| !own.contains(key)));
    for pod in world.cluster.pods.items() {
        pictures.extend(volumes(pod));
        pictures.push((
            key("Pod", &pod.namespace, &pod.name),
            pod_picture(world, pod),
        ));
    }
    for pdb in world.cluster.pdbs.items() {
        let draws = drawn(world, pdb);
        let place = key("PodDisruptionBudget", &pdb.namespace, &pdb.name);
        pictures.push((place, budget_picture(pdb, draws)));
    }
    pictures
}

fn namespaces(world: &World) -> Vec<(Key, Value)> {
    let mut names: BTreeSet<&str> = NAMESPACES.into();
    names.extend(
        world
            .cluster
            .pods
            .items()
            .iter()
            .map(|pod| pod.namespace.as_str()),
    );
    names.extend(
        world
            .cluster
            .pdbs
            .items()
            .iter()
            .map(|pdb| pdb.namespace.as_str()),
    );
    let webhooks = world.cluster.webhooks.items().iter();
    names.extend(webhooks.filter_map(|webhook| webhook.namespace.as_deref()));
    let picture = |name: &str| {
        json!({
            "kind": "Namespace",
            "apiVersion": "v1",
            "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        })
    };
    names
        .into_iter()
        .map(|name| (key("Namespace", "", name), picture(name)))
        .collect()
}

fn node_labels(world: &World, node: &Node) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = BTreeMap::from([
        ("kubernetes.io/arch".to_owned(), "amd64".to_owned()),
        ("kubernetes.io/hostname".to_owned(), node.name.clone()),
        ("kubernetes.io/os".to_owned(), "linux".to_owned()),
    ]);
    if !world.cluster.cluster.region.is_empty() {
        let region = world.cluster.cluster.region.clone();
        labels.insert("topology.kubernetes.io/region".to_owned(), region);
    }
    let group = node
        .nodegroup
        .as_deref()
        .and_then(|name| world.nodegroup(name));
    if let Some(group) = group {
        labels.extend(labels_of(&group.spec));
    }
    // What the node itself is counts more than what its group declares; nobody's fact is no label.
    for (key, fact) in [
        ("topology.kubernetes.io/zone", &node.zone),
        ("node.kubernetes.io/instance-type", &node.instance_type),
    ] {
        match fact.value() {
            Some(value) => labels.insert(key.to_owned(), value.clone()),
            None => labels.remove(key),
        };
    }
    if let Some(name) = &node.nodegroup {
        labels.insert("alpha.eksctl.io/nodegroup-name".to_owned(), name.clone());
        if group.is_none_or(|group| group.managed) {
            labels.insert("eks.amazonaws.com/nodegroup".to_owned(), name.clone());
        }
    }
    match node.provisioner.as_deref() {
        Some("fargate") => {
            labels.insert(
                "eks.amazonaws.com/compute-type".to_owned(),
                "fargate".to_owned(),
            );
        }
        Some("auto-mode") => {
            labels.insert(
                "eks.amazonaws.com/compute-type".to_owned(),
                "auto".to_owned(),
            );
            labels.insert(
                "karpenter.sh/nodepool".to_owned(),
                "general-purpose".to_owned(),
            );
        }
        Some("karpenter") => {
            labels.insert("karpenter.sh/nodepool".to_owned(), "default".to_owned());
        }
        Some(_) | None => {}
    }
    labels
}

fn node_picture(world: &World, node: &Node) -> Value {
    let labels = node_labels(world, node);
    let group = node
        .nodegroup
        .as_deref()
        .and_then(|name| world.nodegroup(name));
    let instance = Digest::of(node.name.as_bytes());
    let mut spec = json!({});
    if let Some(zone) = node.zone.value() {
        spec["providerID"] = json!(format!("aws:///{zone}/i-{}", &instance.hex()[..17]));
    }
    if node.unschedulable {
        spec["unschedulable"] = json!(true);
    }
    let taints = taints(group, node);
    if !taints.is_empty() {
        spec["taints"] = Value::Array(taints);
    }
    json!({
        "kind": "Node",
        "apiVersion": "v1",
        "metadata": {
            "name": node.name,
            "labels": labels,
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": spec,
        "status": node_status(node),
    })
}

/// A kubelet's lease; its renewals, six in a minute and node, would bury every other change.
fn node_lease(node: &Node) -> (Key, Value) {
    let lease = json!({
        "kind": "Lease",
        "apiVersion": "coordination.k8s.io/v1",
        "metadata": {"name": node.name, "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": node.name, "leaseDurationSeconds": 40},
    });
    (key("Lease", "kube-node-lease", &node.name), lease)
}

/// The world knows keys; value and effect are those of the group, or of a mark.
fn taints(group: Option<&stairway_core::model::LiveNodegroup>, node: &Node) -> Vec<Value> {
    let declared = group
        .and_then(|group| group.spec.get("taints"))
        .filter(|t| !t.is_null());
    let declared = read_taints(declared, "taints").unwrap_or_default();
    let taint = |key: &String| {
        let own = declared.iter().find(|taint| taint.key == *key);
        match own {
            Some(own) if own.value.is_empty() => json!({"key": key, "effect": own.effect}),
            Some(own) => json!({"key": key, "value": own.value, "effect": own.effect}),
            None => json!({"key": key, "effect": "NoSchedule"}),
        }
    };
    node.taints.iter().map(taint).collect()
}

fn node_status(node: &Node) -> Value {
    let (status, reason, message) = match node.ready.value() {
        Some(true) => ("True", "KubeletReady", "kubelet is posting ready status"),
        Some(false) => (
            "False",
            "KubeletNotReady",
            "container runtime network not ready",
        ),
        None => ("", "", ""),
    };
    let kubelet = node
        .kubelet
        .value()
        .map(ToString::to_string)
        .unwrap_or_default();
    let kubelet = if kubelet.is_empty() || kubelet.starts_with('v') {
        kubelet
    } else {
        format!("v{kubelet}")
    };
    let size = json!({"cpu": "4", "memory": "16Gi", "pods": PODS_PER_NODE});
    let mut told = json!({
        "capacity": size,
        "allocatable": size,
        "conditions": [{
            "type": "Ready",
            "status": status,
            "reason": reason,
            "message": message,
        }],
        "addresses": [{"type": "Hostname", "address": node.name}],
        "nodeInfo": {
            "kubeletVersion": kubelet,
            "architecture": "amd64",
            "operatingSystem": "linux",
            "osImage": "Amazon Linux 2023",
            "containerRuntimeVersion": "containerd://2.1.0",
        },
    });
    match &node.ready {
        Known::Value(_) => {}
        Known::Absent => told["conditions"] = json!([]),
        // `Unknown` is a word of the API: the kubelet is silent. Here nobody knows which word it is.
        Known::Unknown(_) => told["conditions"] = json!([{"type": "Ready", "status": ""}]),
    }
    told
}

/// Returns the kind and name of a pod's controller as the API shows it: a Deployment owns through a ReplicaSet.
pub(crate) fn owner_of(pod: &Pod) -> Option<(String, String)> {
    let (kind, name) = pod.owner.value()?.split_once('/')?;
    if kind != "Deployment" {
        return Some((kind.to_owned(), name.to_owned()));
    }
    Some((
        "ReplicaSet".to_owned(),
        replica_set_of(&pod.namespace, name),
    ))
}

fn replica_set_of(namespace: &str, deployment: &str) -> String {
    let hash = Digest::of(format!("{namespace}/{deployment}").as_bytes());
    format!("{deployment}-{}", &hash.hex()[..10])
}

/// `web` of `web-85d8d878f`: what stands behind the last hyphen is a hash of the template.
pub(crate) fn deployment_of(replica_set: &str) -> Option<&str> {
    let (name, hash) = replica_set.rsplit_once('-')?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (!name.is_empty() && (1..=10).contains(&hash.len()) && hash.chars().all(fits)).then_some(name)
}

/// The volumes of a pod, as far as anything depends on them.
fn mounted(pod: &Pod) -> Vec<Value> {
    let mut mounted = Vec::new();
    let unread = pod.volume_zones.is_unknown() && !pod.volume_zones.is_unknown_by_default();
    if pod.empty_dir.value() == Some(&true) {
        mounted.push(json!({"name": "scratch", "emptyDir": {}}));
    }
    if unread || !pod.volume_zones.items().is_empty() {
        // Without a claim and a volume nobody can say where an unread one is.
        let claim = json!({"claimName": claim_of(pod)});
        mounted.push(json!({"name": "volume", "persistentVolumeClaim": claim}));
    }
    mounted
}

fn pod_picture(world: &World, pod: &Pod) -> Value {
    let mut meta = json!({"name": pod.name, "namespace": pod.namespace, "generation": 1});
    if !pod.labels.is_empty() {
        meta["labels"] = json!(pod.labels);
    }
    let mut container = pod.name.clone();
    let mut image = None;
    if let Some((kind, name)) = owner_of(pod) {
        let version = if matches!(kind.as_str(), "DaemonSet" | "ReplicaSet" | "StatefulSet") {
            "apps/v1"
        } else if kind == "Job" {
            "batch/v1"
        } else {
            "v1"
        };
        if pod.is_static() {
            // By this annotation clients tell mirror pods (kubernetes/kubectl, pkg/drain/filters.go).
            meta["annotations"] = json!({"kubernetes.io/config.mirror": pod.name});
        } else {
            meta["generateName"] = json!(format!("{name}-"));
        }
        meta["ownerReferences"] = json!([{
            "apiVersion": version, "kind": kind, "name": name, "controller": true, "blockOwnerDeletion": true,
        }]);
        let workload = deployment_of(&name)
            .filter(|_| kind == "ReplicaSet")
            .unwrap_or(&name);
        image = Some(image_of(world, &pod.namespace, workload));
        workload.clone_into(&mut container);
    }
    if pod.owner.is_unknown() {
        // Somebody owns it or nobody does; of a ReplicaSet that is not there nobody can tell.
        meta["ownerReferences"] = json!([{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{}-owner", pod.name),
            "controller": true, "blockOwnerDeletion": true,
        }]);
    }
    let mut spec = json!({
        "containers": [{
            "name": container,
            "image": image.unwrap_or_else(|| format!("images.example/{container}:1.0")),
            "resources": {"requests": requests(pod)},
        }],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": GRACE,
        "schedulerName": "default-scheduler",
        "tolerations": tolerations(pod),
    });
    if let Some(node) = &pod.node {
        spec["nodeName"] = json!(node);
    }
    if let Some(selector) = pod
        .node_selector
        .value()
        .filter(|selector| !selector.is_empty())
    {
        spec["nodeSelector"] = json!(selector);
    }
    let mounted = mounted(pod);
    if !mounted.is_empty() {
        spec["volumes"] = Value::Array(mounted);
    }
    json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": meta,
        "spec": spec,
        "status": pod_status(pod, &container),
    })
}

fn requests(pod: &Pod) -> Value {
    let mut requests = json!({});
    if let Some(cpu) = pod.cpu_millis.value() {
        requests["cpu"] = json!(format!("{cpu}m"));
    }
    if let Some(memory) = pod.memory_mib.value() {
        requests["memory"] = json!(format!("{memory}Mi"));
    }
    requests
}

fn tolerations(pod: &Pod) -> Value {
    if pod.tolerates_everything {
        return json!([{"operator": "Exists"}]);
    }
    // The DefaultTolerationSeconds admission plugin gives these to every pod.
    let one = |key: &str| {
        json!({
            "key": format!("node.kubernetes.io/{key}"),
            "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
        })
    };
    json!([one("not-ready"), one("unreachable")])
}

fn pod_status(pod: &Pod, container: &str) -> Value {
    let runs = pod.node.is_some();
    let ready = runs && pod.waiting.is_none();
    let word = if ready { "True" } else { "False" };
    let mut conditions = vec![json!({"type": "Ready", "status": word})];
    if !runs {
        let why = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable"});
        conditions.insert(0, why);
    }
    let mut status = json!({
        "phase": if runs { "Running" } else { "Pending" },
        "conditions": conditions,
    });
    if runs || pod.waiting.is_some() {
        let how = match &pod.waiting {
            Some(reason) => json!({"waiting": {"reason": reason}}),
            None => json!({"running": {}}),
        };
        status["containerStatuses"] = json!([{
            "name": container, "ready": ready, "started": ready, "restartCount": 0, "state": how,
            "image": "", "imageID": "",
        }]);
    }
    status
}

fn claim_of(pod: &Pod) -> String {
    format!("{}-volume", pod.name)
}

/// A volume that lies in zones, and its claim.
fn volumes(pod: &Pod) -> Vec<(Key, Value)> {
    if pod.volume_zones.items().is_empty() {
        return Vec::new();
    }
    let claim = claim_of(pod);
    let volume = format!("pv-{}-{claim}", pod.namespace);
    let zones = json!([{
        "key": "topology.kubernetes.io/zone", "operator": "In", "values": pod.volume_zones.items(),
    }]);
    let persistent = json!({
        "kind": "PersistentVolume",
        "apiVersion": "v1",
        "metadata": {"name": volume},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "claimRef": {"kind": "PersistentVolumeClaim", "namespace": pod.namespace, "name": claim},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": "gp3",
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": volume},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": zones}]}},
        },
        "status": {"phase": "Bound"},
    });
    let claimed = json!({
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "metadata": {"name": claim, "namespace": pod.namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "volumeName": volume, "storageClassName": "gp3",
            "resources": {"requests": {"storage": "10Gi"}},
        },
        "status": {"phase": "Bound"},
    });
    vec![
        (key("PersistentVolume", "", &volume), persistent),
        (
            key("PersistentVolumeClaim", &pod.namespace, &claim),
            claimed,
        ),
    ]
}

/// A budget; what its spec says when nobody recorded it follows from what it allows.
fn budget_picture(pdb: &Pdb, drawn: usize) -> Value {
    let mut spec = match &pdb.selector {
        Known::Value(labels) if labels.is_empty() => json!({"selector": {}}),
        Known::Value(labels) => json!({"selector": {"matchLabels": labels}}),
        // `policy/v1`: no selector counts no pod.
        Known::Absent => json!({}),
        // What labels alone cannot say is unknown to the world.
        Known::Unknown(_) => json!({"selector": {"matchExpressions": [
            {"key": "stairway.world/not-recorded", "operator": "Exists"},
        ]}}),
    };
    match (pdb.min_available.value(), pdb.max_unavailable.value()) {
        (Some(least), _) => spec["minAvailable"] = count_or_share(least),
        (None, Some(most)) => spec["maxUnavailable"] = count_or_share(most),
        (None, None)
            if pdb.min_available == Known::Absent && pdb.max_unavailable == Known::Absent => {}
        (None, None) => {
            let allowed = pdb.allowed.value().copied().unwrap_or(1) as usize;
            spec["maxUnavailable"] = json!(allowed + drawn);
        }
    }
    if pdb.evicts_unhealthy.value() == Some(&true) {
        spec["unhealthyPodEvictionPolicy"] = json!("AlwaysAllow");
    }
    json!({
        "kind": "PodDisruptionBudget",
        "apiVersion": "policy/v1",
        "metadata": {"name": pdb.name, "namespace": pdb.namespace},
        "spec": spec,
    })
}

/// Returns how many pods on their way draw on a budget: with them it allows what it did in peace.
fn drawn(world: &World, pdb: &Pdb) -> usize {
    let name = format!("{}/{}", pdb.namespace, pdb.name);
    let roaming = world.books.roaming.values();
    roaming.filter(|one| one.budgets.contains(&name)).count()
}

fn count_or_share(text: &str) -> Value {
    match text.parse::<u32>() {
        Ok(count) => json!(count),
        Err(_) => json!(text),
    }
}

/// Rank, kind, namespace and name: owners come before what they own.
type Place = (u8, String, String, String);

fn place(kind: &str, namespace: &str, name: &str) -> Place {
    let rank = u8::from(kind == "ReplicaSet");
    (rank, kind.to_owned(), namespace.to_owned(), name.to_owned())
}

fn workloads(world: &World) -> Vec<(Key, Value)> {
    let mut found: BTreeMap<Place, Vec<&Pod>> = BTreeMap::new();
    for workload in world.cluster.workloads.items() {
        let at = place(&workload.kind, &workload.namespace, &workload.name);
        found.entry(at).or_default();
    }
    for addon in world.cluster.addons.items() {
        if let Some((name, kind)) = workload_of(&addon.name) {
            found.entry(place(kind, "kube-system", name)).or_default();
        }
    }
    for pod in world.cluster.pods.items() {
        let Some((kind, name)) = owner_of(pod) else {
            continue;
        };
        if !matches!(kind.as_str(), "DaemonSet" | "ReplicaSet" | "StatefulSet") {
            continue;
        }
        if let Some(deployment) = deployment_of(&name).filter(|_| kind == "ReplicaSet") {
            let at = place("Deployment", &pod.namespace, deployment);
            found.entry(at).or_default().push(pod);
        }
        found
            .entry(place(&kind, &pod.namespace, &name))
            .or_default()
            .push(pod);
    }
    found
        .into_iter()
        .map(|((_, kind, namespace, name), pods)| {
            let picture = workload_picture(world, (&kind, &namespace, &name), &pods);
            (key(&kind, &namespace, &name), picture)
        })
        .collect()
}

/// Labels that controllers give to pods beside those of the template.
const POD_ONLY: [&str; 3] = [
    "controller-revision-hash",
    "pod-template-generation",
    "pod-template-hash",
];

/// Labels that all pods of a workload have from its template.
fn common_labels(pods: &[&Pod]) -> BTreeMap<String, String> {
    let mut pods = pods.iter();
    let mut labels = pods
        .next()
        .map(|pod| pod.labels.clone())
        .unwrap_or_default();
    for pod in pods {
        labels.retain(|key, value| pod.labels.get(key) == Some(value));
    }
    labels.retain(|key, _| !POD_ONLY.contains(&key.as_str()));
    labels
}

fn workload_picture(
    world: &World,
    (kind, namespace, name): (&str, &str, &str),
    pods: &[&Pod],
) -> Value {
    let mut labels = common_labels(pods);
    if labels.is_empty() {
        labels.insert("k8s-app".to_owned(), name.to_owned());
    }
    let workload = deployment_of(name)
        .filter(|_| kind == "ReplicaSet")
        .unwrap_or(name);
    let count = pods.len();
    let everything = pods.iter().any(|pod| pod.tolerates_everything);
    let mut inner = json!({
        "containers": [{"name": workload, "image": image_of(world, namespace, workload)}],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": GRACE,
    });
    if everything {
        inner["tolerations"] = json!([{"operator": "Exists"}]);
    }
    let selected = pods
        .first()
        .and_then(|pod| pod.node_selector.value())
        .filter(|s| !s.is_empty());
    if let Some(selector) = selected {
        inner["nodeSelector"] = json!(selector);
    }
    let template = json!({"metadata": {"labels": labels}, "spec": inner});
    let mut spec = json!({"selector": {"matchLabels": labels}, "template": template});
    let mut meta = json!({"name": name, "namespace": namespace, "labels": labels, "generation": 1});
    if kind != "DaemonSet" {
        // A rollout of nothing would be over, whatever the world says of it.
        let told = kind == "Deployment" && rolled_out(world, namespace, name).is_some();
        spec["replicas"] = json!(count.max(usize::from(told)));
    }
    match kind {
        "Deployment" => {
            spec["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}});
            spec["revisionHistoryLimit"] = json!(10);
            spec["progressDeadlineSeconds"] = json!(600);
            meta["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
        }
        "DaemonSet" => {
            spec["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}});
            spec["revisionHistoryLimit"] = json!(10);
            meta["annotations"] = json!({"deprecated.daemonset.template.generation": "1"});
        }
        "ReplicaSet" => {
            meta["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
            if let Some(deployment) = deployment_of(name) {
                meta["ownerReferences"] = json!([{
                    "apiVersion": "apps/v1", "kind": "Deployment", "name": deployment,
                    "controller": true, "blockOwnerDeletion": true,
                }]);
            }
        }
        _ => spec["serviceName"] = json!(name),
    }
    json!({"kind": kind, "apiVersion": "apps/v1", "metadata": meta, "spec": spec})
}

/// Returns the image of a workload: EKS's own for the core add-ons, at the version that runs.
fn image_of(world: &World, namespace: &str, workload: &str) -> String {
    let own = REPOSITORIES
        .iter()
        .find(|(name, _)| *name == workload && namespace == "kube-system");
    let Some((_, repository)) = own else {
        return format!("images.example/{workload}:1.0");
    };
    let region = &world.cluster.cluster.region;
    let place = format!("{REGISTRY_ACCOUNT}.dkr.ecr.{region}.amazonaws.com/{repository}");
    let mut workloads = world.cluster.workloads.items().iter();
    let told = workloads.find(|one| one.name == workload && one.namespace == namespace);
    let mut version = told.and_then(|one| one.version.value());
    if told.is_none() {
        let addons = world.cluster.addons.items().iter();
        version = addons
            .filter(|addon| workload_of(&addon.name).is_some_and(|(name, _)| name == workload))
            .find_map(|addon| addon.version.value());
    }
    match version {
        Some(version) => format!("{place}:{version}"),
        None => place,
    }
}

/// Returns true when the world says that a workload is rolled out; nothing when it does not say.
pub(crate) fn rolled_out(world: &World, namespace: &str, name: &str) -> Option<bool> {
    let workloads = world.cluster.workloads.items().iter();
    let found = workloads
        .filter(|one| one.name == name && one.namespace == namespace)
        .find_map(|one| one.rolled_out.value().copied());
    if found.is_some() || namespace != "kube-system" {
        return found;
    }
    let addons = world.cluster.addons.items().iter();
    let addon = addons
        .filter(|addon| workload_of(&addon.name).is_some_and(|(workload, _)| workload == name))
        .find_map(|addon| addon.status.value())?;
    (addon == "DEGRADED" || addon == "UPDATING").then_some(false)
}

/// Returns true when somebody recorded that nobody could read how far a workload is.
pub(crate) fn is_unread(world: &World, namespace: &str, name: &str) -> bool {
    let mut workloads = world.cluster.workloads.items().iter();
    workloads.any(|one| {
        let unread = one.rolled_out.is_unknown() && !one.rolled_out.is_unknown_by_default();
        one.name == name && one.namespace == namespace && unread
    })
}

/// Returns true for a fact that was read to be so.
pub(crate) fn is_ready(node: &Node) -> bool {
    node.ready == Known::Value(true)
}
