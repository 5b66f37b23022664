//! The core workloads of kube-system: the version in their image, and whether they are rolled out.

use super::object::{Fetched, Wrong, at, count, each, known, list, long, place, shown};
use serde_json::Value;
use stairway_core::model::{AddonVersion, Known, Workload};
use stairway_core::policy::addons::CORE_ADDONS;

const DAEMON_SET: &str = "DaemonSet";
/// EKS builds kube-proxy and others in a minimal variant, and gives it to self-managed ones; the version is the same
/// (EKS user guide, Manage kube-proxy: `v1.33.0-minimal-eksbuild.2` and `v1.33.0-eksbuild.2`).
const MINIMAL: &str = "-minimal-eksbuild";
const BUILD: &str = "-eksbuild";
/// A registry's name of 253, a repository of 256 (ECR), a tag of 128 and a digest of 71, and what stands between.
const IMAGE_MAX: usize = 720;

/// Reads the core workloads; one that is not there is not listed.
pub(super) fn workloads(daemon_sets: &Fetched, deployments: &Fetched) -> Known<Vec<Workload>> {
    let mut all = Vec::new();
    for (fetched, kind, plural) in [
        (daemon_sets, DAEMON_SET, "daemonsets"),
        (deployments, "Deployment", "deployments"),
    ] {
        let core = |name: &str| {
            let mut core = CORE_ADDONS.iter();
            core.any(|one| one.workload == name && one.workload_kind == kind)
        };
        let found = each(fetched, plural, |object| {
            let (_, name) = place(object)?;
            core(&name).then(|| workload(object, kind)).transpose()
        });
        match found {
            Known::Value(found) => all.extend(found),
            Known::Absent => {}
            Known::Unknown(why) => return Known::Unknown(why),
        }
    }
    Known::Value(all)
}

fn workload(object: &Value, kind: &str) -> Result<Workload, Wrong> {
    let (namespace, name) = place(object)?;
    Ok(Workload {
        kind: kind.to_owned(),
        version: known(version(object, &name)),
        rolled_out: known(rolled_out(object, kind)),
        namespace,
        name,
    })
}

/// The container that has the workload's name tells; aws-node has others beside it.
fn version(object: &Value, name: &str) -> Result<AddonVersion, Wrong> {
    let containers = list(object, "/spec/template/spec/containers")?;
    let own = containers
        .iter()
        .find(|one| at(one, "/name").and_then(Value::as_str) == Some(name));
    let container = match (own, containers) {
        (Some(own), _) => own,
        (None, [only]) => only,
        (None, _) => return Err(format!("no container of it is called `{}`", shown(name))),
    };
    let image = long(container, "/image", IMAGE_MAX)?;
    // `host:5000/name:tag@sha256:…`: a tag stands behind the last slash and before the digest.
    let without_digest = image.split('@').next().unwrap_or(image);
    let last = without_digest.rsplit('/').next().unwrap_or(without_digest);
    let Some((_, tag)) = last.split_once(':') else {
        return Err(format!("its image `{}` has no tag", shown(image)));
    };
    tag.replacen(MINIMAL, BUILD, 1)
        .parse()
        .map_err(|_| format!("the tag of its image `{}` is no version", shown(image)))
}

/// Rolled out is what is of this generation, updated and available, all of it.
///
/// The status of an older generation looks finished; a DaemonSet's pods can all be ready and old, so the updated ones
/// decide; counters that are 0 are left out (recordings 38 to 42 of a real server).
fn rolled_out(object: &Value, kind: &str) -> Result<bool, Wrong> {
    let number = |pointer: &str| count(object, pointer).map(|count| count.unwrap_or(0));
    let Some(seen) = count(object, "/status/observedGeneration")? else {
        return Err("its controller has not looked at it yet".to_owned());
    };
    if seen < number("/metadata/generation")? {
        return Ok(false);
    }
    if kind == DAEMON_SET {
        let wanted = number("/status/desiredNumberScheduled")?;
        return Ok(number("/status/updatedNumberScheduled")? == wanted
            && number("/status/numberAvailable")? == wanted);
    }
    // The API server fills in 1 where nobody says how many.
    let wanted = count(object, "/spec/replicas")?.unwrap_or(1);
    Ok(number("/status/updatedReplicas")? == wanted
        && number("/status/replicas")? == wanted
        && number("/status/availableReplicas")? == wanted)
}
