//! An independent reader of the served objects, by answers alone.

use super::super::super::{Door, DoorOptions, Reply, Request, User, Yaml};
use super::super::stage::ADMIN;
use crate::World;
use serde_json::{Value, json};
use stairway_core::codec::embedded::documents;
use stairway_core::model::{
    DeprecatedApi, Known, MappedRole, Node, Observation, Pdb, Pod, Webhook, Workload,
};
use std::collections::BTreeMap;

/// A client that sees nothing but answers.
pub(super) struct Client {
    pub(super) world: World,
    pub(super) door: Door,
}

/// Why a reader ends at Unknown; the words are the reader's own.
pub(super) fn unread<T>() -> Known<T> {
    Known::Unknown("not readable".to_owned())
}

impl Client {
    pub(super) fn of(world: World) -> Self {
        Self::with(world, Vec::new())
    }

    pub(super) fn with(mut world: World, objects: Vec<Value>) -> Self {
        let options = DoorOptions {
            users: vec![User::admin(ADMIN)],
            objects,
            yaml: Some(Yaml(|text| documents(text)?.pop())),
            ..DoorOptions::default()
        };
        let door = Door::new(&mut world, options);
        Self { world, door }
    }

    fn send(&mut self, method: &str, target: &str, body: &Value) -> (u16, Vec<u8>) {
        let mut request = Request::new(method, target)
            .with_header("authorization", &format!("Bearer {ADMIN}"))
            .with_header(
                "content-type",
                if method == "PATCH" {
                    "application/merge-patch+json"
                } else {
                    "application/json"
                },
            );
        if !body.is_null() {
            request = request.with_body(body.to_string());
        }
        match self.door.handle(&mut self.world, &request) {
            Reply::Answer(answer) => (answer.status, answer.body),
            Reply::Watch(_) => panic!("{target} is a watch"),
        }
    }

    pub(super) fn done(&mut self, method: &str, target: &str, body: &Value) {
        let (status, text) = self.send(method, target, body);
        let text = String::from_utf8_lossy(&text);
        assert!(
            (200..300).contains(&status),
            "{method} {target}: {status} {text}"
        );
    }

    /// Returns the object; `Absent` for 404, `Unknown` for 503.
    pub(super) fn get(&mut self, target: &str) -> Known<Value> {
        let (status, body) = self.send("GET", target, &Value::Null);
        match status {
            200 => Known::Value(serde_json::from_slice(&body).expect("JSON")),
            404 => Known::Absent,
            503 => unread(),
            _ => panic!("{target}: {status}"),
        }
    }

    fn list(&mut self, target: &str) -> Known<Vec<Value>> {
        match self.get(target) {
            Known::Value(list) => Known::Value(list["items"].as_array().cloned().expect("items")),
            Known::Absent => panic!("{target} is not served"),
            Known::Unknown(why) => Known::Unknown(why),
        }
    }
}

fn each<T>(list: Known<Vec<Value>>, read: impl FnMut(Value) -> T) -> Known<Vec<T>> {
    match list {
        Known::Value(items) => Known::Value(items.into_iter().map(read).collect()),
        Known::Absent => Known::Absent,
        Known::Unknown(why) => Known::Unknown(why),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn fact<T: std::str::FromStr>(value: &Value) -> Known<T> {
    match value.as_str().and_then(|text| text.parse().ok()) {
        Some(fact) => Known::Value(fact),
        None => unread(),
    }
}

fn pairs(value: &Value) -> BTreeMap<String, String> {
    let map = value.as_object().into_iter().flatten();
    map.map(|(key, value)| (key.clone(), text(value))).collect()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn node(object: Value) -> Node {
    let labels = &object["metadata"]["labels"];
    let name = |label: &str| labels[label].as_str().map(str::to_owned);
    let group = name("eks.amazonaws.com/nodegroup").or(name("alpha.eksctl.io/nodegroup-name"));
    let compute = name("eks.amazonaws.com/compute-type");
    let provisioner = match (&group, compute.as_deref()) {
        (Some(_), _) => None,
        (None, Some("fargate")) => Some("fargate"),
        (None, Some("auto")) => Some("auto-mode"),
        (None, _) if name("karpenter.sh/nodepool").is_some() => Some("karpenter"),
        (None, _) => Some("other"),
    };
    let conditions = items(&object["status"]["conditions"]);
    let ready = conditions.iter().find(|one| one["type"] == "Ready");
    let taints = items(&object["spec"]["taints"]).iter();
    let mut taints: Vec<String> = taints
        .map(|taint| text(&taint["key"]))
        .filter(|key| !key.starts_with("node.kubernetes.io/"))
        .collect();
    taints.sort();
    Node {
        name: text(&object["metadata"]["name"]),
        nodegroup: group,
        provisioner: provisioner.map(str::to_owned),
        kubelet: fact(&object["status"]["nodeInfo"]["kubeletVersion"]),
        ready: match ready.map(|one| text(&one["status"])).as_deref() {
            None => Known::Absent,
            Some("True") => Known::Value(true),
            Some("False" | "Unknown") => Known::Value(false),
            Some(_) => unread(),
        },
        unschedulable: object["spec"]["unschedulable"] == true,
        taints,
        zone: name("topology.kubernetes.io/zone").map_or(Known::Absent, Known::Value),
        instance_type: name("node.kubernetes.io/instance-type").map_or(Known::Absent, Known::Value),
    }
}

fn number(value: &Value, unit: &str) -> u32 {
    let text = value.as_str().and_then(|text| text.strip_suffix(unit));
    text.map_or(0, |text| text.parse().expect("a quantity"))
}

/// The zones of a claim's volume; unknown when there is no such volume.
fn zones(client: &mut Client, namespace: &str, claim: &str) -> Known<Vec<String>> {
    let target = format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}");
    let Known::Value(claim) = client.get(&target) else {
        return unread();
    };
    let volume = text(&claim["spec"]["volumeName"]);
    let Known::Value(volume) = client.get(&format!("/api/v1/persistentvolumes/{volume}")) else {
        return unread();
    };
    let terms = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"];
    let expressions = items(&terms[0]["matchExpressions"]).iter();
    let mut zone = expressions.filter(|one| one["key"] == "topology.kubernetes.io/zone");
    let zone = zone.next().map(|one| items(&one["values"]));
    Known::Value(zone.unwrap_or_default().iter().map(text).collect())
}

fn owner(client: &mut Client, namespace: &str, owners: &Value) -> Known<String> {
    let Some(owner) = items(owners).iter().find(|one| one["controller"] == true) else {
        return Known::Absent;
    };
    let (kind, name) = (text(&owner["kind"]), text(&owner["name"]));
    if kind == "ReplicaSet" {
        let target = format!("/apis/apps/v1/namespaces/{namespace}/replicasets/{name}");
        let Known::Value(set) = client.get(&target) else {
            return unread();
        };
        let above = &set["metadata"]["ownerReferences"][0];
        if above["kind"] == "Deployment" {
            return Known::Value(format!("Deployment/{}", text(&above["name"])));
        }
    }
    Known::Value(format!("{kind}/{name}"))
}

fn pod(client: &mut Client, object: &Value) -> Pod {
    let (meta, spec) = (&object["metadata"], &object["spec"]);
    let namespace = text(&meta["namespace"]);
    let mut volume_zones = Known::Value(Vec::new());
    for volume in items(&spec["volumes"]) {
        if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
            volume_zones = zones(client, &namespace, claim);
        }
    }
    let requests = &spec["containers"][0]["resources"]["requests"];
    let waiting = &object["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
    let tolerations = items(&spec["tolerations"]).iter();
    let mut everything = tolerations
        .filter(|one| one["operator"] == "Exists" && one["key"].is_null())
        .filter(|one| one["effect"].is_null());
    Pod {
        name: text(&meta["name"]),
        node: spec["nodeName"].as_str().map(str::to_owned),
        owner: owner(client, &namespace, &meta["ownerReferences"]),
        labels: pairs(&meta["labels"]),
        cpu_millis: Known::Value(number(&requests["cpu"], "m")),
        memory_mib: Known::Value(number(&requests["memory"], "Mi")),
        volume_zones,
        tolerates_everything: everything.next().is_some(),
        waiting: waiting.as_str().map(str::to_owned),
        node_selector: Known::Value(pairs(&spec["nodeSelector"])),
        empty_dir: Known::Value(
            items(&spec["volumes"])
                .iter()
                .any(|volume| volume.get("emptyDir").is_some()),
        ),
        namespace,
    }
}

fn budget(object: Value) -> Pdb {
    let (spec, status) = (&object["spec"], &object["status"]);
    let term = |key: &str| match &spec[key] {
        Value::Null => Known::Absent,
        Value::String(text) => Known::Value(text.clone()),
        other => Known::Value(other.to_string()),
    };
    let seen = status["observedGeneration"] == object["metadata"]["generation"];
    let count = |key: &str| match status[key].as_u64() {
        Some(count) if seen => Known::Value(u32::try_from(count).expect("a count")),
        _ => unread(),
    };
    let expressions = spec["selector"]["matchExpressions"].is_array();
    Pdb {
        namespace: text(&object["metadata"]["namespace"]),
        name: text(&object["metadata"]["name"]),
        allowed: count("disruptionsAllowed"),
        selector: match spec.get("selector") {
            None | Some(Value::Null) => Known::Absent,
            Some(_) if expressions => unread(),
            Some(selector) => Known::Value(pairs(&selector["matchLabels"])),
        },
        min_available: term("minAvailable"),
        max_unavailable: term("maxUnavailable"),
        expected: count("expectedPods"),
        healthy: count("currentHealthy"),
        evicts_unhealthy: Known::Value(spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"),
    }
}

fn workload(object: &Value, kind: &str) -> Workload {
    let (spec, status) = (&object["spec"], &object["status"]);
    let image = text(&spec["template"]["spec"]["containers"][0]["image"]);
    let version = image.rsplit_once(':').and_then(|(_, tag)| tag.parse().ok());
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let over = if kind == "DaemonSet" {
        let wanted = count(&status["desiredNumberScheduled"]);
        count(&status["updatedNumberScheduled"]) == wanted
            && count(&status["numberAvailable"]) == wanted
    } else {
        let wanted = count(&spec["replicas"]);
        count(&status["updatedReplicas"]) == wanted && count(&status["availableReplicas"]) == wanted
    };
    let seen = status["observedGeneration"] == object["metadata"]["generation"];
    Workload {
        kind: kind.to_owned(),
        namespace: text(&object["metadata"]["namespace"]),
        name: text(&object["metadata"]["name"]),
        version: version.map_or_else(unread, Known::Value),
        rolled_out: if seen { Known::Value(over) } else { unread() },
    }
}

fn workloads(client: &mut Client) -> Known<Vec<Workload>> {
    let mut all = Vec::new();
    for (plural, kind) in [("daemonsets", "DaemonSet"), ("deployments", "Deployment")] {
        let target = format!("/apis/apps/v1/namespaces/kube-system/{plural}");
        match client.list(&target) {
            Known::Value(objects) => all.extend(objects.iter().map(|one| workload(one, kind))),
            Known::Absent | Known::Unknown(_) => return unread(),
        }
    }
    all.retain(|one| ["aws-node", "kube-proxy", "coredns"].contains(&one.name.as_str()));
    Known::Value(all)
}

fn deprecated(client: &mut Client) -> Known<Vec<DeprecatedApi>> {
    let (status, body) = client.send("GET", "/metrics", &Value::Null);
    if status != 200 {
        return unread();
    }
    let body = String::from_utf8(body).expect("text");
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &str| {
        let word = |key: &str| {
            let (_, rest) = line.split_once(&format!("{key}=\"")).expect(key);
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let (group, version) = (word("group"), word("version"));
        DeprecatedApi {
            group_version: if group.is_empty() {
                version
            } else {
                format!("{group}/{version}")
            },
            resource: word("resource"),
            removed_in: match word("removed_release").as_str() {
                "" => Known::Absent,
                minor => fact(&json!(minor)),
            },
        }
    };
    Known::Value(lines.map(read).collect())
}

fn webhook(client: &mut Client, kind: &str, configuration: &str, one: &Value) -> Webhook {
    let service = &one["clientConfig"]["service"];
    let at = |key: &str| service[key].as_str().map(str::to_owned);
    let selector = match (at("namespace"), at("name")) {
        (Some(namespace), Some(name)) => {
            match client.get(&format!("/api/v1/namespaces/{namespace}/services/{name}")) {
                Known::Value(found) => Known::Value(pairs(&found["spec"]["selector"])),
                Known::Absent => Known::Absent,
                Known::Unknown(why) => Known::Unknown(why),
            }
        }
        _ => Known::default(),
    };
    let mut resources = Vec::new();
    for rule in items(&one["rules"]) {
        let operations: Vec<String> = items(&rule["operations"]).iter().map(text).collect();
        if operations
            .iter()
            .all(|word| word == "DELETE" || word == "CONNECT")
        {
            continue;
        }
        for group in items(&rule["apiGroups"]) {
            for resource in items(&rule["resources"]) {
                let (group, resource) = (text(group), text(resource));
                resources.push(match (group.as_str(), resource.contains('/')) {
                    ("", false) => resource,
                    ("", true) => format!("core/{resource}"),
                    _ => format!("{group}/{resource}"),
                });
            }
        }
    }
    let named = &one["namespaceSelector"]["matchExpressions"][0];
    let labels = !named.is_null() && named["operator"] != "NotIn";
    Webhook {
        kind: kind.to_owned(),
        configuration: configuration.to_owned(),
        name: text(&one["name"]),
        fails_closed: one["failurePolicy"] == "Fail",
        namespace: at("namespace"),
        service: at("name"),
        selector,
        resources,
        narrowed: labels
            || one["objectSelector"]
                .as_object()
                .is_some_and(|s| !s.is_empty()),
        excludes_kube_system: match named["operator"].as_str() {
            _ if labels => unread(),
            Some("NotIn") => Known::Value(items(&named["values"]).contains(&json!("kube-system"))),
            _ => Known::Value(false),
        },
        timeout_seconds: match one["timeoutSeconds"].as_u64() {
            Some(seconds) => Known::Value(u32::try_from(seconds).expect("seconds")),
            None => unread(),
        },
    }
}

fn webhooks(client: &mut Client) -> Known<Vec<Webhook>> {
    let mut all = Vec::new();
    for (kind, plural) in [
        ("Mutating", "mutatingwebhookconfigurations"),
        ("Validating", "validatingwebhookconfigurations"),
    ] {
        let target = format!("/apis/admissionregistration.k8s.io/v1/{plural}");
        let Known::Value(objects) = client.list(&target) else {
            return unread();
        };
        for object in objects {
            let name = text(&object["metadata"]["name"]);
            for one in items(&object["webhooks"]) {
                all.push(webhook(client, kind, &name, one));
            }
        }
    }
    Known::Value(all)
}

pub(super) fn aws_auth(client: &mut Client) -> (Known<Vec<MappedRole>>, Known<u32>) {
    let map = match client.get("/api/v1/namespaces/kube-system/configmaps/aws-auth") {
        Known::Value(map) => map,
        Known::Absent => return (Known::Absent, Known::Absent),
        Known::Unknown(_) => return (unread(), unread()),
    };
    let list = |key: &str| -> Option<Vec<Value>> {
        let text = map["data"][key].as_str().unwrap_or("[]");
        let read = documents(text)?;
        read.first()?.as_array().cloned()
    };
    let role = |one: &Value| MappedRole {
        role_arn: text(&one["rolearn"]),
        username: text(&one["username"]),
        groups: items(&one["groups"]).iter().map(text).collect(),
    };
    let roles = list("mapRoles").map(|list| list.iter().map(role).collect());
    let users = list("mapUsers").map(|list| u32::try_from(list.len()).expect("a count"));
    (
        roles.map_or_else(unread, Known::Value),
        users.map_or_else(unread, Known::Value),
    )
}

/// Reads everything that the Kubernetes API tells of an observation.
pub(super) fn read(client: &mut Client) -> Observation {
    let mut seen = Observation::unknown(client.world.cluster.cluster.clone(), "read");
    seen.nodes = each(client.list("/api/v1/nodes"), node);
    let pods = client.list("/api/v1/pods");
    seen.pods = each(pods, |object| pod(client, &object));
    seen.pdbs = each(client.list("/apis/policy/v1/poddisruptionbudgets"), budget);
    seen.workloads = workloads(client);
    seen.deprecated_apis = deprecated(client);
    seen.webhooks = webhooks(client);
    (seen.aws_auth, seen.aws_auth_users) = aws_auth(client);
    seen.sorted()
}

/// The parts of an observation that come from the Kubernetes API; why something is unknown is the reader's to say.
pub(super) fn part(seen: &Observation) -> Value {
    let mut part = json!({
        "nodes": seen.nodes, "pods": seen.pods, "pdbs": seen.pdbs, "workloads": seen.workloads,
        "deprecated_apis": seen.deprecated_apis, "webhooks": seen.webhooks,
        "aws_auth": seen.aws_auth, "aws_auth_users": seen.aws_auth_users,
    });
    same_words(&mut part);
    part
}

fn same_words(value: &mut Value) {
    match value {
        Value::Object(map) if map.contains_key("$unknown") => *value = json!({"$unknown": ""}),
        Value::Object(map) => map.values_mut().for_each(same_words),
        Value::Array(list) => list.iter_mut().for_each(same_words),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
