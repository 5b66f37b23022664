//! Reads a ClusterConfig as eksctl does: strictly, and refusing what it refuses.

use serde_json::{Map, Value};
use stairway_core::model::KubeMinor;

/// A config file as eksctl understands it.
pub(crate) struct ConfigFile {
    pub(crate) cluster: String,
    pub(crate) version: Option<KubeMinor>,
    /// Objects with whether they are managed.
    pub(crate) groups: Vec<(Map<String, Value>, bool)>,
    pub(crate) addons: Vec<Map<String, Value>>,
}

/// Amazon Linux 2 ends with 1.32: eksctl refuses the whole file from 1.33 on.
const AL2_LAST_MINOR: u16 = 32;

/// Reads `text`.
///
/// # Errors
/// eksctl's own words.
pub(crate) fn read(text: &str) -> Result<ConfigFile, String> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| format!("loading config file: couldn't decode: {error}"))?;
    if crate::text(&value, "kind") != Some("ClusterConfig") {
        return Err("loading config file: no kind \"ClusterConfig\"".to_owned());
    }
    let metadata = value.get("metadata").cloned().unwrap_or_default();
    let cluster = crate::text(&metadata, "name")
        .ok_or("metadata.name must be set")?
        .to_owned();
    let version = match crate::text(&metadata, "version") {
        None | Some("" | "auto") => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_| format!("invalid version, {text}"))?,
        ),
    };
    let mut groups = Vec::new();
    for (key, managed) in [("nodeGroups", false), ("managedNodeGroups", true)] {
        let items = value
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for item in items {
            let Value::Object(spec) = item else {
                return Err(format!("{key}: not an object"));
            };
            refuse_al2(&spec, version)?;
            let spec = if managed {
                with_cluster_tags(spec, &metadata)
            } else {
                spec
            };
            groups.push((spec, managed));
        }
    }
    let addons = value
        .get("addons")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let addons = addons
        .into_iter()
        .filter_map(|addon| addon.as_object().cloned())
        .collect();
    Ok(ConfigFile {
        cluster,
        version,
        groups,
        addons,
    })
}

/// eksctl merges `metadata.tags` into managed groups' tags (defaults.go).
fn with_cluster_tags(mut spec: Map<String, Value>, metadata: &Value) -> Map<String, Value> {
    if let Some(Value::Object(tags)) = metadata.get("tags") {
        let mut merged = tags.clone();
        if let Some(Value::Object(own)) = spec.get("tags") {
            merged.extend(own.clone());
        }
        spec.insert("tags".to_owned(), Value::Object(merged));
    }
    spec
}

/// eksctl `SetNodeGroupDefaults`.
fn refuse_al2(spec: &Map<String, Value>, version: Option<KubeMinor>) -> Result<(), String> {
    let family = spec
        .get("amiFamily")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match version {
        Some(version) if family == "AmazonLinux2" && version.minor() > AL2_LAST_MINOR => Err(
            format!("AmazonLinux2 is not supported for Kubernetes version {version}"),
        ),
        Some(_) | None => Ok(()),
    }
}
