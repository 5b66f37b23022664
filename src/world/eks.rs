//! The EKS API operations that plans use.
//!
//! Names, fields and errors: EKS API model (botocore), 2026-08.

use crate::{World, count, list, text};
use serde_json::{Map, Value, json};
use stairway_core::model::{Known, KubeMinor, Update};

/// An error of the API: code and message as EKS words them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// `InvalidParameterException`, `ResourceNotFoundException`, …
    pub code: &'static str,
    /// The message.
    pub message: String,
}

fn error<T>(code: &'static str, message: impl Into<String>) -> Result<T, ApiError> {
    Err(ApiError {
        code,
        message: message.into(),
    })
}

/// Calls an operation.
///
/// # Errors
/// As EKS answers.
pub fn call(
    world: &mut World,
    operation: &str,
    input: &Map<String, Value>,
) -> Result<(), ApiError> {
    let input = Value::Object(input.clone());
    let cluster = text(&input, "clusterName").or(text(&input, "name"));
    if cluster != Some(world.cluster.cluster.name.as_str()) {
        return error("ResourceNotFoundException", "No cluster found for name");
    }
    match operation {
        "UpdateNodegroupVersion" => nodegroup_version(world, &input),
        "UpdateNodegroupConfig" => nodegroup_config(world, &input),
        "UpdateAddon" => addon(world, &input),
        "UpdateClusterConfig" => {
            let kind = input
                .get("upgradePolicy")
                .and_then(|p| text(p, "supportType"));
            if let (Some(kind), Known::Value(plane)) = (kind, &mut world.cluster.control_plane) {
                plane.support_type = Known::Value(kind.to_owned());
            }
            Ok(())
        }
        "TagResource" | "UntagResource" => tags(world, &input),
        other => error(
            "InvalidRequestException",
            format!("{other} is not modelled"),
        ),
    }
}

/// Moves the control plane by one minor, in either direction.
pub(crate) fn update_cluster_version(world: &mut World, to: KubeMinor) -> Result<(), ApiError> {
    let Some(from) = world.version() else {
        return error("ResourceNotFoundException", "No control plane");
    };
    if world
        .cluster
        .updates
        .items()
        .iter()
        .any(|update| update.status == "InProgress")
    {
        return error(
            "ResourceInUseException",
            "Cluster has an update in progress",
        );
    }
    let up = to == from.next();
    if !up && Some(to) != from.previous() {
        return error(
            "InvalidParameterException",
            format!("Unsupported Kubernetes minor version update from {from} to {to}"),
        );
    }
    // EKS takes about ten minutes.
    world.advance(600);
    let finished = world.now;
    let number = world.cluster.updates.items().len();
    list(&mut world.cluster.updates).push(Update {
        id: format!("update-{number:04}"),
        kind: if up {
            "VersionUpdate"
        } else {
            "VersionRollback"
        }
        .to_owned(),
        status: "Successful".to_owned(),
        version: Known::Value(to),
        created_at: Known::Value(finished),
        finished_at: Known::Value(finished),
        nodegroup: None,
        addon: None,
        errors: Vec::new(),
    });
    if let Known::Value(plane) = &mut world.cluster.control_plane {
        plane.version = Known::Value(to);
    }
    world.watch_skew();
    Ok(())
}

fn nodegroup_version(world: &mut World, input: &Value) -> Result<(), ApiError> {
    let name = text(input, "nodegroupName").unwrap_or_default().to_owned();
    let plane = world.version();
    let wanted: Option<KubeMinor> = text(input, "version").and_then(|v| v.parse().ok());
    let version = wanted.or(plane);
    let Some(group) = world.nodegroup_mut(&name).filter(|group| group.managed) else {
        return error(
            "ResourceNotFoundException",
            format!("No node group found for name: {name}."),
        );
    };
    let al2 = group
        .spec
        .get("amiFamily")
        .is_some_and(|family| family == "AmazonLinux2");
    let Some(version) = version.filter(|version| Some(*version) == plane) else {
        return error(
            "InvalidParameterException",
            "Nodegroup version must match the cluster's",
        );
    };
    if al2 && version.minor() > 32 {
        return error(
            "InvalidParameterException",
            "AL2 is not supported for this version",
        );
    }
    group.version = Known::Value(version);
    let nodes = u32::try_from(world.cluster.nodes_of(&name).count()).unwrap_or(u32::MAX);
    // EKS brings new nodes up first and evicts by the Eviction API.
    world.boot(&name, version, nodes);
    let new: Vec<String> = world
        .cluster
        .nodes_of(&name)
        .map(|node| node.name.clone())
        .skip(nodes as usize)
        .collect();
    if let Known::Value(all) = &mut world.cluster.nodes {
        all.retain(|node| node.nodegroup.as_deref() != Some(&name) || new.contains(&node.name));
    }
    let home = new.first().cloned();
    let alive: Vec<String> = world
        .cluster
        .nodes
        .items()
        .iter()
        .map(|node| node.name.clone())
        .collect();
    if let Known::Value(pods) = &mut world.cluster.pods {
        pods.retain(|pod| {
            !pod.is_daemon() || pod.node.as_ref().is_none_or(|node| alive.contains(node))
        });
        for pod in pods.iter_mut() {
            if pod.node.as_ref().is_some_and(|node| !alive.contains(node)) {
                pod.node.clone_from(&home);
            }
        }
    }
    world.watch_skew();
    Ok(())
}

fn nodegroup_config(world: &mut World, input: &Value) -> Result<(), ApiError> {
    let name = text(input, "nodegroupName").unwrap_or_default().to_owned();
    let Some(group) = world.nodegroup_mut(&name).filter(|group| group.managed) else {
        return error(
            "ResourceNotFoundException",
            format!("No node group found for name: {name}."),
        );
    };
    if let Some(scaling) = input.get("scalingConfig") {
        for key in ["minSize", "maxSize"] {
            if let Some(value) = scaling.get(key) {
                group.spec.insert(key.to_owned(), value.clone());
            }
        }
        if count(group, "maxSize") == Some(0) {
            return error("InvalidParameterException", "maxSize must be at least 1");
        }
    }
    if let Some(labels) = input.get("labels") {
        let entry = group.spec.entry("labels").or_insert_with(|| json!({}));
        if let Value::Object(map) = entry {
            for key in labels
                .get("removeLabels")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                map.remove(key.as_str().unwrap_or_default());
            }
            if let Some(Value::Object(add)) = labels.get("addOrUpdateLabels") {
                map.extend(add.clone());
            }
        }
    }
    if let Some(taints) = input.get("taints") {
        change_taints(&mut group.spec, taints);
    }
    for key in ["updateConfig", "nodeRepairConfig", "warmPoolConfig"] {
        if let Some(Value::Object(change)) = input.get(key) {
            let entry = group.spec.entry(key).or_insert_with(|| json!({}));
            if let Value::Object(map) = entry {
                map.extend(change.clone());
                map.retain(|_, value| !value.is_null());
            }
        } else if input.get(key).is_some() {
            group.spec.remove(key);
        }
    }
    Ok(())
}

/// EKS writes effects in capitals; eksctl's shape has Kubernetes' words.
fn change_taints(spec: &mut Map<String, Value>, change: &Value) {
    let word = |effect: &str| match effect {
        "NO_EXECUTE" => "NoExecute",
        "PREFER_NO_SCHEDULE" => "PreferNoSchedule",
        _ => "NoSchedule",
    };
    let read = |list: Option<&Value>| -> Vec<(String, String, String)> {
        let items = list.and_then(Value::as_array).cloned().unwrap_or_default();
        let part = |item: &Value, key: &str| text(item, key).unwrap_or_default().to_owned();
        items
            .iter()
            .map(|i| {
                (
                    part(i, "key"),
                    part(i, "value"),
                    word(&part(i, "effect")).to_owned(),
                )
            })
            .collect()
    };
    let now = stairway_core::model::clusterconfig::read_taints(spec.get("taints"), "taints");
    let mut taints: Vec<(String, String, String)> = now
        .unwrap_or_default()
        .into_iter()
        .map(|t| (t.key, t.value, t.effect))
        .collect();
    let remove = read(change.get("removeTaints"));
    taints.retain(|(key, _, effect)| !remove.iter().any(|(k, _, e)| k == key && e == effect));
    for added in read(change.get("addOrUpdateTaints")) {
        taints.retain(|(key, _, effect)| (key, effect) != (&added.0, &added.2));
        taints.push(added);
    }
    taints.sort();
    let taints: Vec<Value> = taints
        .into_iter()
        .map(|(key, value, effect)| json!({"key": key, "value": value, "effect": effect}))
        .collect();
    spec.insert("taints".to_owned(), Value::Array(taints));
}

fn addon(world: &mut World, input: &Value) -> Result<(), ApiError> {
    let name = text(input, "addonName").unwrap_or_default().to_owned();
    let wanted = text(input, "addonVersion").unwrap_or_default().to_owned();
    set_addon(world, &name, &wanted)
}

/// Sets an installed add-on's version, if EKS offers it for the control plane.
pub(crate) fn set_addon(world: &mut World, name: &str, wanted: &str) -> Result<(), ApiError> {
    let Ok(version) = wanted.parse() else {
        return error(
            "InvalidParameterException",
            "Addon version specified is not supported",
        );
    };
    if let Some(offer) = world
        .version()
        .and_then(|minor| world.offers.get(name)?.get(&minor))
        && !offer.contains(&version)
    {
        return error(
            "InvalidParameterException",
            "Addon version specified is not supported",
        );
    }
    let addons = list(&mut world.cluster.addons);
    let Some(addon) = addons.iter_mut().find(|addon| addon.name == name) else {
        return error(
            "ResourceNotFoundException",
            format!("No addon: {name} found in cluster"),
        );
    };
    addon.version = Known::Value(version);
    addon.status = Known::Value("ACTIVE".to_owned());
    Ok(())
}

fn tags(world: &mut World, input: &Value) -> Result<(), ApiError> {
    let resource = text(input, "resourceArn").unwrap_or_default().to_owned();
    let group = world.nodegroups().iter_mut().find(|group| {
        group.arn.value() == Some(&resource) || resource == format!("nodegroup/{}", group.name)
    });
    let Some(group) = group else {
        return error(
            "NotFoundException",
            format!("{resource} is not a resource of EKS"),
        );
    };
    let entry = group.spec.entry("tags").or_insert_with(|| json!({}));
    if let Value::Object(map) = entry {
        if let Some(Value::Object(add)) = input.get("tags") {
            map.extend(add.clone());
        }
        for key in input
            .get("tagKeys")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            map.remove(key.as_str().unwrap_or_default());
        }
    }
    Ok(())
}
