//! Worlds as people write them, and the snapshot in which a world outlives a run.

mod compact;

use crate::faults::Misbehaviour;
use crate::{Offers, World};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stairway_core::model::{AddonVersion, KubeMinor, Observation, Pdb, Subnet, Timestamp};
use std::collections::BTreeMap;

/// The only `apiVersion` of world files that this build reads.
pub const WORLD_API_VERSION: &str = "stairway/v1";
/// The major format version of world snapshots that this build reads and writes.
pub const WORLD_FORMAT: u32 = 1;

/// A file that describes clusters to play with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorldFile {
    /// `stairway/v1`.
    pub api_version: String,
    /// `World`.
    pub kind: String,
    /// What the virtual clock shows at the beginning.
    pub start: Timestamp,
    /// What chance is drawn from.
    #[serde(default = "one")]
    pub seed: u64,
    /// Real milliseconds per turn of a tool, so that people can watch.
    #[serde(default)]
    pub pace: u32,
    /// Add-on versions on offer, beside those that the program knows.
    #[serde(default)]
    pub offers: BTreeMap<String, BTreeMap<KubeMinor, Vec<AddonVersion>>>,
    /// The clusters.
    pub clusters: Vec<WorldCluster>,
}

const fn one() -> u64 {
    1
}

/// A cluster: an observation to begin with, or everything written out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorldCluster {
    /// A recorded observation to begin with; then only `misbehave` and `core` may stand beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The AWS region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The AWS account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The control plane's minor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<KubeMinor>,
    /// When the control plane was made; a year before the start when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// `STANDARD` or `EXTENDED` (the default).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
    /// Other settings in eksctl's shape; when given, they are all there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Map<String, Value>>,
    /// Nodegroups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodegroups: Vec<WorldGroup>,
    /// EKS-managed add-ons and their versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addons: BTreeMap<String, AddonVersion>,
    /// What these add-ons were made with beside their version, in eksctl's shape: roles, policies, configuration.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addon_settings: BTreeMap<String, Map<String, Value>>,
    /// Core add-ons that EKS does not manage, and their versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub self_managed: BTreeMap<String, AddonVersion>,
    /// Pod disruption budgets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pdbs: Vec<Pdb>,
    /// Quotas; 30 managed nodegroups when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotas: Option<BTreeMap<String, u32>>,
    /// Subnets; two with plenty of addresses when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<Vec<Subnet>>,
    /// Globs on the names of groups that carry the core; `core*` and `system*` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core: Option<Vec<String>>,
    /// How this cluster and the tools misbehave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misbehave: Vec<Misbehaviour>,
}

/// A nodegroup of a world file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorldGroup {
    /// Its name.
    pub name: String,
    /// True for an EKS-managed group, the default.
    #[serde(default = "yes")]
    pub managed: bool,
    /// What its nodes run; the control plane's minor when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<KubeMinor>,
    /// How many nodes it has.
    #[serde(default)]
    pub nodes: u32,
    /// Settings in eksctl's shape.
    #[serde(default)]
    pub spec: Map<String, Value>,
    /// How many pods of services run on it.
    #[serde(default)]
    pub pods: u32,
    /// How many people's sessions run on it.
    #[serde(default)]
    pub sessions: u32,
    /// The zone of its nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

const fn yes() -> bool {
    true
}

/// The worlds of a file as they are now: what is kept between runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorldSet {
    /// Major version of this format.
    pub format_version: u32,
    /// Always `WorldSnapshot`.
    pub kind: String,
    /// The digest of the world file that it began with; the caller fills it.
    pub definition: String,
    /// Real milliseconds per turn of a tool.
    pub pace: u32,
    /// One world per cluster, by name.
    pub worlds: BTreeMap<String, World>,
}

/// Makes the worlds of a file.
///
/// `load` reads a recorded observation by the name that the file gives it;
/// `offers` are the add-on versions that the program knows.
///
/// # Errors
/// A sentence on what cannot be a world.
pub fn build(
    file: &WorldFile,
    load: &mut dyn FnMut(&str) -> Result<Observation, String>,
    offers: &Offers,
) -> Result<WorldSet, String> {
    if file.api_version != WORLD_API_VERSION || file.kind != "World" {
        return Err(format!(
            "a world file has `apiVersion: {WORLD_API_VERSION}` and `kind: World`, and this one has `{}` and `{}`",
            file.api_version, file.kind
        ));
    }
    if file.clusters.is_empty() {
        return Err("the world file has no clusters".to_owned());
    }
    let mut offers = offers.clone();
    for (addon, by_minor) in &file.offers {
        let known = offers.entry(addon.clone()).or_default();
        for (minor, versions) in by_minor {
            known.insert(*minor, sorted(versions));
        }
    }
    let mut worlds = BTreeMap::new();
    for (index, cluster) in file.clusters.iter().enumerate() {
        let world = one_world(file, cluster, load, &offers).map_err(|why| {
            let name = cluster.name.as_ref().or(cluster.observation.as_ref());
            match name {
                Some(name) => format!("cluster `{name}`: {why}"),
                None => format!("clusters[{index}]: {why}"),
            }
        })?;
        let name = world.cluster.cluster.name.clone();
        if worlds.insert(name.clone(), world).is_some() {
            return Err(format!("the world file has two clusters called `{name}`"));
        }
    }
    Ok(WorldSet {
        format_version: WORLD_FORMAT,
        kind: "WorldSnapshot".to_owned(),
        definition: String::new(),
        pace: file.pace,
        worlds,
    })
}

fn sorted(versions: &[AddonVersion]) -> Vec<AddonVersion> {
    let mut versions = versions.to_vec();
    versions.sort();
    versions.dedup();
    versions
}

fn one_world(
    file: &WorldFile,
    cluster: &WorldCluster,
    load: &mut dyn FnMut(&str) -> Result<Observation, String>,
    offers: &Offers,
) -> Result<World, String> {
    let mut offers = offers.clone();
    let observed = match &cluster.observation {
        Some(path) => {
            only_an_observation(cluster)?;
            let observed = load(path)?;
            // What was recorded as on offer there is on offer; the file's own offers win.
            for (addon, by_minor) in observed.addon_versions.value().into_iter().flatten() {
                let known = offers.entry(addon.clone()).or_default();
                for (minor, versions) in by_minor {
                    let own = file
                        .offers
                        .get(addon)
                        .is_some_and(|o| o.contains_key(minor));
                    if !own {
                        known.insert(*minor, sorted(versions));
                    }
                }
            }
            observed
        }
        None => compact::write_out(file.start, cluster, &offers)?,
    };
    let wrong = observed.contradictions();
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    let seed = file.seed ^ spread(&observed.cluster.name);
    let mut world = World::of(observed, offers, file.start);
    if let Some(core) = &cluster.core {
        world.core.clone_from(core);
    }
    world.misbehave.clone_from(&cluster.misbehave);
    Ok(world.with_seed(seed))
}

fn only_an_observation(cluster: &WorldCluster) -> Result<(), String> {
    let alone = WorldCluster {
        observation: cluster.observation.clone(),
        core: cluster.core.clone(),
        misbehave: cluster.misbehave.clone(),
        ..WorldCluster::default()
    };
    if *cluster == alone {
        return Ok(());
    }
    Err("begins as an observation, so only `core` and `misbehave` may stand beside it".to_owned())
}

/// FNV-1a (Fowler, Noll, Vo): clusters of one file have different chances.
fn spread(name: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    name.bytes().fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}
