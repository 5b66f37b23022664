//! The reading port: what a live cluster looks like, from wherever it is known.
//!
//! Nothing in this module can change a cluster, because [`LiveReader`] has no
//! method that could. Recorded and assumed clusters, those of the embedded
//! world, and those that answer through their APIs implement it.

mod assumed;
mod cluster;
mod error;
mod kubernetes;
mod recorded;
mod world;

pub use assumed::Assumed;
pub use cluster::{ApiSource, Outside, ThroughApis};
pub use error::LiveError;
pub(crate) use error::without_hint;
pub use kubernetes::{KubernetesReader, combine};
pub use recorded::Recorded;
pub(crate) use recorded::{OBSERVATION_BYTES_MAX, parse, read_value};
pub use world::{Embedded, Kept, WorldError, WorldStore};

use serde_json::Value;
use stairway_core::model::Observation;

/// Reads one live cluster.
///
/// # Guarantees
/// Reading changes nothing. What could not be read is Unknown with its reason, never left out or
/// guessed.
///
/// # Errors
/// Only when there is no picture at all, not when parts of it are missing.
pub trait LiveReader {
    /// Reads the cluster once.
    ///
    /// # Errors
    /// There is no picture of the cluster at all.
    fn observe(&self) -> Result<Observation, LiveError>;

    /// Returns where the facts come from.
    fn kind(&self) -> ObservationKind;
}

/// Where an observation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObservationKind {
    /// A saved observation.
    Recorded,
    /// A config taken as if it were live.
    Assumed,
    /// The embedded world.
    World,
    /// The cluster itself.
    Kubernetes,
}

impl ObservationKind {
    /// Returns the name as it stands in plans.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Assumed => "assumed",
            Self::World => "world",
            Self::Kubernetes => "kubernetes",
        }
    }
}

/// What a file given with `--live` turns out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveFile {
    /// A saved observation.
    Observation,
    /// A cluster config of either flavor.
    Config,
    /// A file of the embedded world.
    World,
    /// Something else, described.
    Other(String),
}

/// Tells by `apiVersion` and `kind` what a document is.
pub fn sniff(document: &Value) -> LiveFile {
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    match (text("apiVersion"), text("kind")) {
        (_, Some("Observation")) => LiveFile::Observation,
        (_, Some("World")) => LiveFile::World,
        (_, Some("ClusterConfig")) => LiveFile::Config,
        (Some(api), _) if api.starts_with("eksctl.io/") => LiveFile::Config,
        (Some(api), _) if api.starts_with("anywhere.eks.amazonaws.com/") => LiveFile::Config,
        (_, Some(kind)) => LiveFile::Other(format!("a `{kind}`")),
        (_, None) if document.get("format_version").is_some() => {
            LiveFile::Other("a file with `format_version` and without `kind`".to_owned())
        }
        (_, None) => LiveFile::Other("a document without `kind`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn files_are_told_apart_by_kind() {
        let rows = [
            (
                json!({"kind": "Observation", "format_version": 1}),
                LiveFile::Observation,
            ),
            (json!({"kind": "World"}), LiveFile::World),
            (
                json!({"apiVersion": "eksctl.io/v1alpha5", "kind": "ClusterConfig"}),
                LiveFile::Config,
            ),
            (
                json!({"apiVersion": "anywhere.eks.amazonaws.com/v1alpha1", "kind": "Cluster"}),
                LiveFile::Config,
            ),
            (
                json!({"kind": "Plan"}),
                LiveFile::Other("a `Plan`".to_owned()),
            ),
            (
                json!([]),
                LiveFile::Other("a document without `kind`".to_owned()),
            ),
        ];
        for (document, expected) in rows {
            assert_eq!(sniff(&document), expected, "{document}");
        }
    }
}
