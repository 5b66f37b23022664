//! Dated facts of the field as data: what EKS offers until when and for how
//! much, which APIs a minor removes, which add-on versions go with it, what
//! eksctl does by version, which field of a nodegroup can change in place.
//!
//! Every entry carries `as_of` (the day on which it was true) and `source` (the
//! upstream place that says so). One JSON file per subject lies in `data/`; to
//! refresh a subject is to edit its file. Rules that *follow* from facts (skew,
//! one minor per hop) live in `policy`, not here.
//!
//! A gap is an answer of its own (`None`, `Uncatalogued`, `Unlisted`), never a
//! guess: the catalog is a snapshot, and live EKS knows more.

mod addons;
mod ami;
mod apis;
mod capacity;
mod defaults;
mod eksctl;
mod fields;
mod nodes;
mod sheet;
mod support;
#[cfg(test)]
mod tests;

pub use addons::{
    Addon, AddonRelease, AddonRule, Compatibility, Confidence, OlderRule, VersionFloor, Workload,
};
pub use ami::{AmiFamily, Bootstrap};
pub use apis::{Gotcha, RemovedApi};
pub use capacity::{Duration, InstanceFamily, Per, Quota};
pub use defaults::{FieldDefault, Scope};
pub use eksctl::{EksctlBehaviour, EksctlMinimum, EksctlUse, EksctlVersion};
pub use fields::{Api, FieldClass};
pub use nodes::{Architecture, InstanceShapes, LabelFrom, NodeLabel, NodeReserve};
pub use support::{Price, SupportState, SupportTier, SupportWindow};

use crate::model::{Digest, KubeMinor, Timestamp};
use sheet::Sheets;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// A data file of the catalog that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("catalog file `{file}`: {why}")]
pub struct CatalogError {
    /// The name of the file, such as `support.json`.
    pub file: String,
    /// What is wrong with it, with the line for JSON errors.
    pub why: String,
}

/// The facts. Read through its methods; each subject's methods stand with its types.
#[derive(Debug, Default)]
pub struct Catalog {
    as_of: Option<Timestamp>,
    digest: Option<Digest>,
    support: BTreeMap<KubeMinor, SupportWindow>,
    prices: Vec<Price>,
    removed: BTreeMap<KubeMinor, Vec<RemovedApi>>,
    gotchas: BTreeMap<KubeMinor, Vec<Gotcha>>,
    families: Vec<AmiFamily>,
    addons: BTreeMap<String, Addon>,
    releases: BTreeMap<String, Vec<AddonRelease>>,
    behaviours: Vec<EksctlBehaviour>,
    minimums: Vec<EksctlMinimum>,
    known: BTreeMap<String, eksctl::KnownKeys>,
    fields: Vec<fields::NodegroupField>,
    traits: BTreeMap<String, fields::FieldTraits>,
    /// The paths among `traits` that may hold secrets.
    sensitive: Vec<String>,
    defaults: Vec<FieldDefault>,
    nested_defaults: BTreeMap<Scope, serde_json::Map<String, serde_json::Value>>,
    instances: BTreeMap<String, InstanceFamily>,
    shapes: BTreeMap<String, InstanceShapes>,
    labels: BTreeMap<String, NodeLabel>,
    reserve: Option<NodeReserve>,
    quotas: BTreeMap<String, Quota>,
    durations: BTreeMap<String, Duration>,
}

macro_rules! data_files {
    ($($name:literal),* $(,)?) => {
        /// The embedded data files: name and text.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("data/", $name)))),*];
    };
}

data_files!(
    "addon_versions.json",
    "addons.json",
    "ami_families.json",
    "defaults.json",
    "durations.json",
    "eksctl_behaviours.json",
    "eksctl_minimum.json",
    "field_traits.json",
    "gotchas.json",
    "instance_shapes.json",
    "instance_types.json",
    "known_keys.json",
    "node_labels.json",
    "node_reserve.json",
    "nodegroup_fields.json",
    "prices.json",
    "quotas.json",
    "removed_apis.json",
    "support.json",
);

/// The embedded data, parsed once.
///
/// A test proves that it parses. Were it broken all the same, the empty catalog
/// answers "not known" to everything, which blocks nothing and promises nothing.
static EMBEDDED: LazyLock<Catalog> = LazyLock::new(|| Catalog::parse(FILES).unwrap_or_default());

impl Catalog {
    /// Returns the catalog compiled into this program.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// Reads a catalog from its data files, given as (name, text).
    ///
    /// # Errors
    /// When a file is missing, is not JSON of its form, or has an unknown key.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, CatalogError> {
        let mut sheets = Sheets::new(files);
        let mut catalog = Self {
            support: by_key(sheets.read("support.json")?, |e: &SupportWindow| e.minor),
            prices: sheets.read("prices.json")?,
            removed: grouped(sheets.read("removed_apis.json")?, |e: &RemovedApi| {
                e.removed_in
            }),
            gotchas: grouped(sheets.read("gotchas.json")?, |e: &Gotcha| e.minor),
            families: sheets.read("ami_families.json")?,
            addons: by_key(sheets.read("addons.json")?, |e: &Addon| e.name.clone()),
            releases: grouped(sheets.read("addon_versions.json")?, |e: &AddonRelease| {
                e.addon.clone()
            }),
            behaviours: sheets.read("eksctl_behaviours.json")?,
            minimums: sheets.read("eksctl_minimum.json")?,
            known: by_key(sheets.read("known_keys.json")?, |e: &eksctl::KnownKeys| {
                e.definition.clone()
            }),
            fields: sheets.read("nodegroup_fields.json")?,
            traits: by_key(
                sheets.read("field_traits.json")?,
                |e: &fields::FieldTraits| e.path.clone(),
            ),
            defaults: sheets.read("defaults.json")?,
            instances: by_key(sheets.read("instance_types.json")?, |e: &InstanceFamily| {
                e.family.clone()
            }),
            shapes: by_key(
                sheets.read("instance_shapes.json")?,
                |e: &InstanceShapes| e.family.clone(),
            ),
            labels: by_key(sheets.read("node_labels.json")?, |e: &NodeLabel| {
                e.key.clone()
            }),
            reserve: sheets.read("node_reserve.json")?.into_iter().next(),
            quotas: by_key(sheets.read("quotas.json")?, |e: &Quota| e.id.clone()),
            durations: by_key(sheets.read("durations.json")?, |e: &Duration| {
                e.operation.clone()
            }),
            ..Self::default()
        };
        catalog.sensitive = fields::sensitive(&catalog.traits);
        catalog.as_of = sheets.newest();
        catalog.digest = Some(Digest::of_canonical(&BTreeMap::from_iter(
            files.iter().copied(),
        )));
        catalog.nested_defaults = defaults::nest(&catalog.defaults);
        for releases in catalog.releases.values_mut() {
            releases.sort_by(|a, b| a.version.cmp(&b.version));
        }
        Ok(catalog)
    }

    /// Returns the newest date of all data files.
    pub fn as_of(&self) -> Timestamp {
        self.as_of.unwrap_or(Timestamp::from_unix(0))
    }

    /// Returns the digest of all data, to name in a plan what it was made with.
    pub fn version_digest(&self) -> Digest {
        self.digest.clone().unwrap_or_else(|| Digest::of(b""))
    }

    /// Returns the keys that the eksctl schema knows in `definition`
    /// (`ClusterConfig`, `ClusterMeta`, `NodeGroup`, `ManagedNodeGroup`, `Addon`).
    pub fn known_keys(&self, definition: &str) -> Option<&BTreeSet<String>> {
        self.known.get(definition).map(|known| &known.keys)
    }

    /// Returns the keys that older eksctl releases accepted in `definition`
    /// and that the current schema no longer has.
    pub fn legacy_keys(&self, definition: &str) -> Option<&BTreeSet<String>> {
        self.known.get(definition).map(|known| &known.legacy_keys)
    }
}

/// Indexes entries by a key; of two with one key the later wins (a test forbids doubles).
fn by_key<T, K: Ord>(entries: Vec<T>, key: impl Fn(&T) -> K) -> BTreeMap<K, T> {
    entries
        .into_iter()
        .map(|entry| (key(&entry), entry))
        .collect()
}

/// Groups entries by a key, in file order.
fn grouped<T, K: Ord>(entries: Vec<T>, key: impl Fn(&T) -> K) -> BTreeMap<K, Vec<T>> {
    let mut groups = BTreeMap::<K, Vec<T>>::new();
    for entry in entries {
        groups.entry(key(&entry)).or_default().push(entry);
    }
    groups
}
