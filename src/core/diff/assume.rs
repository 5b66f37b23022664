//! A ClusterConfig taken as if it were live: a preview without a cluster.

use super::compare::{cluster_settings, effective_spec};
use super::normalize;
use crate::catalog::Catalog;
use crate::model::clusterconfig::{Desired, count_of};
use crate::model::{
    AddonVersion, ControlPlane, Known, KubeMinor, KubeVersion, LiveAddon, LiveNodegroup, Node,
    Observation, Workload,
};
use crate::policy::addons::{CORE_ADDONS, Offer};
use serde_json::Map;
use std::collections::BTreeMap;

/// Bounds how many nodes a config can make us imagine, per group.
const NODES_MAX: u32 = 1000;

/// Returns what would be observed if `desired` had been applied: nodes at its
/// version and at the lower bound of each group, add-ons at what `latest` meant.
///
/// Pods, budgets, insights and subnets stay unknown: a config does not tell them.
pub fn assume(desired: &Desired, source: &str, catalog: &Catalog) -> Observation {
    let mut observed = Observation::unknown(desired.cluster.clone(), &format!("assumed: {source}"));
    let why = "live was assumed from a config";
    let version = match desired.version {
        Some(version) => Known::Value(version),
        None => Known::Unknown("the assumed config leaves `metadata.version` out".to_owned()),
    };
    let mut settings = Map::new();
    for (path, value) in cluster_settings(&desired.document, catalog) {
        insert_path(&mut settings, &path, value);
    }
    observed.control_plane = Known::Value(ControlPlane {
        version: version.clone(),
        status: Known::Value("ACTIVE".to_owned()),
        platform_version: Known::Unknown(why.to_owned()),
        created_at: Known::Unknown(why.to_owned()),
        support_type: match &desired.support_type {
            Some(kind) => Known::Value(kind.clone()),
            None => Known::Value("EXTENDED".to_owned()),
        },
        auto_mode: Known::Value(desired.auto_mode),
        settings,
        settings_complete: true,
    });
    observed.updates = Known::Value(Vec::new());
    observed.stacks = Known::Value(Vec::new());
    observed.nodegroups = Known::Value(groups(desired, &version, catalog));
    observed.nodes = Known::Value(nodes(desired));
    observed.insights = Known::Unknown(why.to_owned());
    observed.pods = Known::Unknown(why.to_owned());
    observed.pdbs = Known::Unknown(why.to_owned());
    observed.subnets = Known::Unknown(why.to_owned());
    assume_addons(desired, &mut observed, catalog);
    observed.sorted()
}

fn insert_path(
    settings: &mut Map<String, serde_json::Value>,
    path: &str,
    value: serde_json::Value,
) {
    match path.split_once('.') {
        None => {
            settings.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let entry = settings
                .entry(head.to_owned())
                .or_insert_with(|| serde_json::Value::Object(Map::new()));
            if let Some(map) = entry.as_object_mut() {
                insert_path(map, rest, value);
            }
        }
    }
}

fn groups(desired: &Desired, version: &Known<KubeMinor>, catalog: &Catalog) -> Vec<LiveNodegroup> {
    desired
        .nodegroups
        .values()
        .map(|group| LiveNodegroup {
            health: Known::default(),
            name: group.name.clone(),
            managed: group.managed,
            status: Known::Value(
                if group.managed {
                    "ACTIVE"
                } else {
                    "CREATE_COMPLETE"
                }
                .into(),
            ),
            version: version.clone(),
            release_version: Known::default(),
            arn: Known::default(),
            created_at: Known::default(),
            spec: normalize::redact(&effective_spec(desired, group), catalog),
            spec_complete: true,
        })
        .collect()
}

/// A group runs at its desired capacity, else at its minimum: the autoscaler's count is not in git.
fn nodes(desired: &Desired) -> Vec<Node> {
    let kubelet: Option<KubeVersion> = desired
        .version
        .and_then(|version| version.to_string().parse().ok());
    let mut nodes = Vec::new();
    for group in desired.nodegroups.values() {
        let read = |key: &str| group.spec.get(key).and_then(count_of);
        let count = read("desiredCapacity")
            .or_else(|| read("minSize"))
            .unwrap_or(0);
        for index in 0..count.min(NODES_MAX) {
            nodes.push(Node {
                name: format!("{}-{index}", group.name),
                nodegroup: Some(group.name.clone()),
                provisioner: None,
                kubelet: match &kubelet {
                    Some(version) => Known::Value(version.clone()),
                    None => Known::default(),
                },
                ready: Known::Value(true),
                unschedulable: false,
                taints: Vec::new(),
                zone: Known::default(),
                instance_type: Known::default(),
            });
        }
    }
    nodes
}

/// Declared add-ons run at their exact version or at what `latest` meant; core
/// add-ons that the config leaves out are self-managed, as eksctl left them before 0.184.
fn assume_addons(desired: &Desired, observed: &mut Observation, catalog: &Catalog) {
    let declared = desired.addons.clone().unwrap_or_default();
    let resolve = |name: &str, wanted: Option<&str>| -> Known<AddonVersion> {
        let Some(minor) = desired.version else {
            return Known::default();
        };
        let offer = Offer::of(name, minor, observed, catalog);
        match offer.resolve(wanted.or(Some("latest")), None) {
            Some(version) => Known::Value(version),
            None => Known::Unknown(format!(
                "the catalog knows no version of `{name}` for {minor}"
            )),
        }
    };
    let addons: Vec<LiveAddon> = declared
        .values()
        .map(|addon| LiveAddon {
            health: Known::default(),
            name: addon.name.clone(),
            version: resolve(&addon.name, addon.version.as_deref()),
            status: Known::Value("ACTIVE".to_owned()),
            spec: normalize::redact_addon(&addon.spec, catalog),
            spec_complete: true,
        })
        .collect();
    let names: BTreeMap<&str, ()> = declared.keys().map(|name| (name.as_str(), ())).collect();
    let mut workloads = Vec::new();
    for core in CORE_ADDONS {
        if !names.contains_key(core.addon) && !desired.auto_mode {
            workloads.push(Workload {
                kind: core.workload_kind.to_owned(),
                namespace: "kube-system".to_owned(),
                name: core.workload.to_owned(),
                version: resolve(core.addon, None),
                rolled_out: Known::Value(true),
            });
        }
    }
    observed.addons = Known::Value(addons);
    observed.workloads = Known::Value(workloads);
}
