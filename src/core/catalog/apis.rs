//! What a Kubernetes minor takes away, and what else to check before it.

use super::Catalog;
use crate::model::{KubeMinor, Timestamp};
use serde::Deserialize;

/// Kinds of one API group version that a minor no longer serves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovedApi {
    /// The group and version, such as `policy/v1beta1`.
    pub group_version: String,
    /// The kinds, sorted.
    pub kinds: Vec<String>,
    /// The first minor that does not serve them.
    pub removed_in: KubeMinor,
    /// The group and version to use instead; `None` when there is none.
    #[serde(default)]
    pub replacement: Option<String>,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

/// Something to check before a control plane reaches `minor`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gotcha {
    /// The minor that brings it.
    pub minor: KubeMinor,
    /// A stable name, unique within the minor.
    pub id: String,
    /// One sentence for people.
    pub text: String,
    /// The day on which this was true.
    pub as_of: Timestamp,
    /// The upstream source.
    pub source: String,
}

impl Catalog {
    /// Returns the APIs that `minor` is the first not to serve.
    pub fn removed_in(&self, minor: KubeMinor) -> &[RemovedApi] {
        self.removed.get(&minor).map_or(&[], Vec::as_slice)
    }

    /// Returns all removed APIs, oldest removal first.
    pub fn removed_apis(&self) -> impl Iterator<Item = &RemovedApi> {
        self.removed.values().flatten()
    }

    /// Returns what to check before a control plane reaches `minor`.
    pub fn gotchas(&self, minor: KubeMinor) -> &[Gotcha] {
        self.gotchas.get(&minor).map_or(&[], Vec::as_slice)
    }
}
