//! EKS Anywhere documents as typed values; planning them is a later feature.
//!
//! Shapes: aws/eks-anywhere `pkg/api/v1alpha1/cluster.go`.

use super::KubeMinor;
use super::clusterconfig::{ConfigError, join, list, object, read_version, required, text};
use serde_json::{Map, Value};

/// The API group of EKS Anywhere documents.
pub const API_GROUP: &str = "anywhere.eks.amazonaws.com/";

/// An EKS Anywhere cluster as its documents ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EksaConfig {
    /// `metadata.name` of the Cluster.
    pub name: String,
    /// `metadata.namespace`, `default` when left out.
    pub namespace: String,
    /// `spec.kubernetesVersion`.
    pub version: Option<KubeMinor>,
    /// `spec.eksaVersion`.
    pub eksa_version: Option<String>,
    /// `spec.managementCluster.name`; equal to `name` for a management cluster.
    pub management_cluster: String,
    /// `spec.controlPlaneConfiguration.count`.
    pub control_plane_count: Option<u64>,
    /// `spec.externalEtcdConfiguration.count`; none for stacked etcd.
    pub external_etcd_count: Option<u64>,
    /// `spec.workerNodeGroupConfigurations`.
    pub workers: Vec<EksaWorkers>,
    /// Kinds and names of the other documents of the file.
    pub companions: Vec<(String, String)>,
}

/// A worker node group of EKS Anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EksaWorkers {
    /// Its name.
    pub name: String,
    /// Its count.
    pub count: Option<u64>,
    /// Its own Kubernetes version, when it has one.
    pub version: Option<KubeMinor>,
}

/// Returns true for kinds that accompany a Cluster, with or without an apiVersion.
pub fn is_companion(kind: &str) -> bool {
    const ENDINGS: [&str; 2] = ["DatacenterConfig", "MachineConfig"];
    const KINDS: [&str; 5] = [
        "FluxConfig",
        "GitOpsConfig",
        "OIDCConfig",
        "AWSIamConfig",
        "TinkerbellTemplateConfig",
    ];
    ENDINGS.iter().any(|ending| kind.ends_with(ending)) || KINDS.contains(&kind)
}

/// Reads the EKS Anywhere documents of one file.
pub(super) fn read(documents: &[&Map<String, Value>]) -> Result<Vec<EksaConfig>, ConfigError> {
    if documents.is_empty() {
        return Ok(Vec::new());
    }
    let mut companions = Vec::new();
    let mut clusters = Vec::new();
    for document in documents {
        let kind = text(document, "kind").unwrap_or_default();
        if kind == "Cluster" {
            clusters.push(read_cluster(document)?);
        } else {
            let name = document.get("metadata").and_then(|m| m.get("name"));
            let name = name.and_then(Value::as_str).unwrap_or_default();
            companions.push((kind.to_owned(), name.to_owned()));
        }
    }
    if clusters.is_empty() {
        return Err(ConfigError::new(
            "$",
            "EKS Anywhere documents without a `Cluster` among them",
        ));
    }
    for cluster in &mut clusters {
        cluster.companions.clone_from(&companions);
    }
    Ok(clusters)
}

fn read_cluster(map: &Map<String, Value>) -> Result<EksaConfig, ConfigError> {
    let empty = Value::Object(Map::new());
    let metadata = object(map.get("metadata").unwrap_or(&empty), "metadata")?;
    let spec = object(map.get("spec").unwrap_or(&empty), "spec")?;
    let name = required(metadata, "name", "metadata")?;
    let management = spec.get("managementCluster").and_then(|m| m.get("name"));
    let mut workers = Vec::new();
    let path = "spec.workerNodeGroupConfigurations";
    for (index, value) in list(spec.get("workerNodeGroupConfigurations"), path)?
        .iter()
        .enumerate()
    {
        let path = format!("{path}[{index}]");
        let group = object(value, &path)?;
        let version_path = join(&path, "kubernetesVersion");
        workers.push(EksaWorkers {
            name: text(group, "name").unwrap_or("md-0").to_owned(),
            count: group.get("count").and_then(Value::as_u64),
            version: read_version(group.get("kubernetesVersion"), &version_path)?,
        });
    }
    let count = |key: &str| {
        spec.get(key)
            .and_then(|c| c.get("count"))
            .and_then(Value::as_u64)
    };
    Ok(EksaConfig {
        management_cluster: management
            .and_then(Value::as_str)
            .unwrap_or(&name)
            .to_owned(),
        name,
        namespace: text(metadata, "namespace").unwrap_or("default").to_owned(),
        version: read_version(spec.get("kubernetesVersion"), "spec.kubernetesVersion")?,
        eksa_version: text(spec, "eksaVersion").map(str::to_owned),
        control_plane_count: count("controlPlaneConfiguration"),
        external_etcd_count: count("externalEtcdConfiguration"),
        workers,
        companions: Vec::new(),
    })
}
