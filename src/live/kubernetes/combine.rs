//! One picture of two: what the cluster says of itself, and what AWS says of it.

use stairway_core::model::{ControlPlane, Known, LiveAddon, Observation, Update, Workload};
use stairway_core::policy::addons::CORE_ADDONS;

/// What the embedded world names as its source (`stairway_world::World::observe`).
const WORLD: &str = "world";

/// Returns the Kubernetes facts of `kubernetes` with the AWS facts of `cloud`.
///
/// `cloud` was read from EKS, or from the embedded world that stands in for it; the time is the world's
/// then. Two versions of one control plane are not papered over: unless EKS says that an update goes on, its version
/// is unknown.
pub fn combine(kubernetes: Observation, cloud: Observation) -> Observation {
    let is_world = cloud.sources.iter().any(|source| source == WORLD);
    let moving = is_moving(&cloud.updates);
    // Every fact is named here, so that a new one has to be put on one of the two sides.
    Observation {
        format_version: cloud.format_version,
        kind: cloud.kind,
        cluster: cloud.cluster,
        observed_at: if is_world {
            cloud.observed_at
        } else {
            kubernetes.observed_at
        },
        sources: [kubernetes.sources, cloud.sources].concat(),
        control_plane: plane(kubernetes.control_plane, cloud.control_plane, moving),
        updates: cloud.updates,
        nodegroups: cloud.nodegroups,
        stacks: cloud.stacks,
        nodes: kubernetes.nodes,
        pods: kubernetes.pods,
        pdbs: kubernetes.pdbs,
        workloads: self_managed(kubernetes.workloads, &cloud.addons),
        addons: cloud.addons,
        addon_versions: cloud.addon_versions,
        insights: cloud.insights,
        deprecated_apis: kubernetes.deprecated_apis,
        webhooks: kubernetes.webhooks,
        aws_auth: kubernetes.aws_auth,
        aws_auth_users: kubernetes.aws_auth_users,
        quotas: cloud.quotas,
        subnets: cloud.subnets,
        past_nodegroups: cloud.past_nodegroups,
        eksa: cloud.eksa,
    }
    .sorted()
}

/// True while EKS changes the version of the control plane: its API servers are of both versions then.
fn is_moving(updates: &Known<Vec<Update>>) -> bool {
    let of_plane = |update: &Update| update.nodegroup.is_none() && update.addon.is_none();
    let of_version =
        |update: &Update| matches!(update.kind.as_str(), "VersionUpdate" | "VersionRollback");
    let mut updates = updates.items().iter();
    updates.any(|update| update.status == "InProgress" && of_plane(update) && of_version(update))
}

fn plane(
    kubernetes: Known<ControlPlane>,
    cloud: Known<ControlPlane>,
    moving: bool,
) -> Known<ControlPlane> {
    let (mut plane, told) = match (kubernetes, cloud) {
        (Known::Value(told), Known::Value(plane)) => (plane, told.version),
        (told, Known::Absent | Known::Unknown(_)) => return told,
        (Known::Absent | Known::Unknown(_), plane) => return plane,
    };
    plane.version = match (plane.version, told) {
        (Known::Value(cloud), Known::Value(told)) if cloud == told || moving => Known::Value(cloud),
        (Known::Value(cloud), Known::Value(told)) => Known::Unknown(format!(
            "EKS says {cloud} and the API server says {told}: an update has begun or ended meanwhile, or the context leads to another cluster"
        )),
        (Known::Value(cloud), Known::Absent | Known::Unknown(_)) => Known::Value(cloud),
        (Known::Absent | Known::Unknown(_), told) => told,
    };
    Known::Value(plane)
}

/// The workloads of add-ons that EKS manages are EKS's to tell.
fn self_managed(
    workloads: Known<Vec<Workload>>,
    addons: &Known<Vec<LiveAddon>>,
) -> Known<Vec<Workload>> {
    let managed = |workload: &Workload| {
        let mut core = CORE_ADDONS.iter();
        core.any(|core| {
            core.workload == workload.name
                && addons.items().iter().any(|addon| addon.name == core.addon)
        })
    };
    match workloads {
        Known::Value(mut workloads) => {
            workloads.retain(|workload| !managed(workload));
            Known::Value(workloads)
        }
        other @ (Known::Absent | Known::Unknown(_)) => other,
    }
}
